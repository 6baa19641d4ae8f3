"""What the defaults of NARXRegressor are chosen by.

Eight series of different kinds, each cut before its end: nothing here sees the rows on which the examples and
the other benchmarks test.  Trained on the first three quarters of that, judged on the last quarter, by the
root mean squared error one step ahead, 24 steps ahead and of the free run, over the standard deviation of y;
medians of 3 seeds, then the geometric mean over the series.  Lags are fixed for each series, by its nature.

    wind         turbine power from the weather of the same hour (6000 h)
    wind alone   the same power from its own past
    solar        plant power from clear-sky irradiance and temperature, both known ahead (6000 h)
    oil          price, its own past (3000 days)
    sunspots     yearly, its own past (1700-1920)
    laser        Santa Fe A, its own past (2000)
    mackey-glass tau = 17 with 20% measurement noise, its own past (2000)
    narma-10     with 20% measurement noise (2000)

Run: python tests/benchmarks/defaults.py [--seeds 3].

What it printed on 2026-11-20 (columns as in the table it prints; "worst" is the worst free run of any seed and series,
"seconds" the sum of the median fits):

                                   1 step 24 steps free run    worst  seconds
    default                           0.227    0.465    0.606    1.810    4.469
    linear (ARX)                      0.346    0.711    0.826    1.210    0.020
    open loop only                    0.218    0.515    0.659    3.242    2.049
    closed loop only                  0.286    0.418    0.586    1.640    2.586
    no early stopping                 0.262    0.719    0.941    4.619   24.365
    open loop, no early stopping      0.233    0.546    0.719    3.457   10.659
    hidden 8                          0.217    0.563    0.726    8.123    1.200
    hidden 32                         0.249    0.491    0.590    1.551    0.785
    hidden 16, 8                      0.230    0.415    0.587    1.597    4.988
    sequences of 8                    0.223    0.496    0.642    3.544    5.493
    sequences of 128                  0.227    0.507    0.628    3.222    4.026
    fixed decay                       0.235    0.471    0.608    3.177    3.234
    decay by lag (ard)                0.219    0.699    0.984  250.836    4.565
    L-BFGS                            0.252    0.506    0.593    1.843    0.324
    Adam                              0.252    0.497    0.618    2.098    0.252
    skip connections                  0.226    0.571    4.932    1e+67    4.770
    validation on 10%                 0.226    0.460    0.591    2.764    4.482
    patience 20                       0.226    0.465    0.606    2.015    6.816

What follows from it.

- training="both", with the closed loop judged on held-out rows by one step, short and long free runs together,
  loses little one step ahead to open-loop training, has most of the gain of closed-loop training, and of all
  settings that are good one step ahead one of the tamest free runs ("worst").
- Early stopping is worth more than any other setting: without it the nets fit noise and their free runs suffer
  most, at five times the cost.  Whether 10% or 15% of the rows are held makes no clear difference.
- Levenberg-Marquardt with a Bayesian decay is best one step ahead, and by two orders of magnitude on noise-free
  systems (narendra.py, narma.py), where Adam does not get near; hence "auto" takes it while an iteration is cheap,
  up to 600 parameters.  Beyond, Adam costs a tenth and loses little.  A decay for each lag fits better and runs
  away more often: an option.
- 16 hidden units: 8 are as good on the noisy series and worse on the laser; 32 gain nothing.  A second layer gains
  a little here, and costs on noise-free systems.
- Skip connections have no bound in a free run: off for NARX.  Without feedback they are harmless and often good
  (wind_farm.py): on for TDNN.
- Two series defeat every setting: wind power alone beyond a few hours, and the oil price beyond its last value.
"""

import argparse
import time
import warnings

import numpy as np

from tsrnn import LevenbergMarquardt, NARXRegressor
from tsrnn.datasets import (
    load_laser,
    load_oil_price,
    load_solar_plant,
    load_sunspots,
    load_wind_farm,
    make_mackey_glass,
    make_narma,
)


SETTINGS = {
    "default": {},
    "linear (ARX)": {"hidden_layer_sizes": (), "training": "open_loop", "early_stopping": False},
    "open loop only": {"training": "open_loop"},
    "closed loop only": {"training": "closed_loop"},
    "no early stopping": {"early_stopping": False},
    "open loop, no early stopping": {"training": "open_loop", "early_stopping": False},
    "hidden 8": {"hidden_layer_sizes": (8,)},
    "hidden 32": {"hidden_layer_sizes": (32,)},
    "hidden 16, 8": {"hidden_layer_sizes": (16, 8)},
    "sequences of 8": {"sequence_length": 8},
    "sequences of 128": {"sequence_length": 128},
    "fixed decay": {"solver": LevenbergMarquardt(bayesian=False)},
    "decay by lag (ard)": {"solver": LevenbergMarquardt(bayesian="ard")},
    "L-BFGS": {"solver": "lbfgs"},
    "Adam": {"solver": "adam"},
    "skip connections": {"skip_connections": True},
    "validation on 10%": {"validation_fraction": 0.1},
    "patience 20": {"n_iter_no_change": 20},
}


def series():
    """Name -> X or None, y, lags."""
    rng = np.random.default_rng(0)
    X, y = load_wind_farm(return_X_y=True)
    wind, power = X.to_numpy()[:6000], y.to_numpy()[:6000]
    plant = load_solar_plant()
    known = [name for name in plant.data if "clear" in name or "temp" in name]
    glass = make_mackey_glass(2000, random_state=1)
    u, narma = make_narma(2000, random_state=5)
    return {
        "wind": (wind, power, {"input_lags": 3, "output_lags": 3}),
        "wind alone": (None, power, {"output_lags": 24}),
        "solar": (plant.data[known].to_numpy()[:6000], plant.target.to_numpy()[:6000], {"output_lags": 24}),
        "oil": (None, load_oil_price().target.dropna().to_numpy()[:3000], {"output_lags": 5}),
        "sunspots": (None, load_sunspots().target.to_numpy()[:221], {"output_lags": 12}),
        "laser": (None, load_laser().target.to_numpy()[:2000].astype(float), {"output_lags": 20}),
        "mackey-glass": (None, glass + 0.2 * glass.std() * rng.normal(size=2000), {"output_lags": 20}),
        "narma-10": (
            u,
            narma + 0.2 * narma.std() * rng.normal(size=2000),
            {"input_lags": range(1, 11), "output_lags": 10},
        ),
    }


def errors(X, y, lags, settings, seed):
    """Relative error 1 and 24 steps ahead and of the free run, and CPU seconds of the fit."""
    n = 3 * len(y) // 4
    start = time.thread_time()
    model = NARXRegressor(**{**lags, **settings}, random_state=seed).fit(None if X is None else X[:n], y[:n])
    seconds = time.thread_time() - start
    X = np.empty((len(y) - n, 0)) if X is None else X[n:]
    y = y[n:]
    runs = model.predict_ahead(X, y), model.predict_ahead(X, y, steps=24), model.predict(X)
    return [np.sqrt(np.nanmean((run - y)[30:] ** 2)) / np.nanstd(y) for run in runs] + [seconds]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    warnings.simplefilter("ignore")
    data = series()
    NARXRegressor(max_iter=1).fit(*data["wind"][:2])  # compiled before the clock starts
    head = "".join(f"{word:>9s}" for word in ("1 step", "24 steps", "free run", "worst", "seconds"))
    print(f"{'':30s}{head}   24 steps ahead, by series")
    for name, settings in SETTINGS.items():
        table = np.array([[errors(X, y, lags, settings, s) for s in seeds] for X, y, lags in data.values()])
        middle = np.median(table, axis=1)  # (series, 4)
        mean = np.exp(np.mean(np.log(middle[:, :3]), axis=0))
        numbers = [*mean, table[:, :, 2].max(), middle[:, 3].sum()]
        print(f"{name:30s}" + "".join(f"{v:9.3f}" if v < 1e4 else f"{v:9.0e}" for v in numbers), end="   ")
        print(" ".join(f"{v:.3f}" for v in middle[:, 1]), flush=True)


if __name__ == "__main__":
    main()
