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
    default                         0.221    0.444    0.597    3.242    3.769
    linear (ARX)                    0.346    0.711    0.826    1.210    0.023
    open loop only                  0.219    0.514    0.651    3.242    2.059
    closed loop only                0.289    0.419    0.591    1.640    2.512
    no early stopping               0.263    0.754    0.917    4.590   21.649
    open loop, no early stopping    0.231    0.561    0.770    3.507    8.894
    hidden 8                        0.211    0.509    0.708    8.125    0.957
    hidden 32                       0.240    0.506    0.674    3.126    0.523
    hidden 16, 8                    0.227    0.412    0.588    1.843    3.985
    sequences of 8                  0.220    0.490    0.643    3.242    3.118
    sequences of 128                0.228    0.509    0.643    3.224    3.406
    fixed decay                     0.232    0.454    0.674    3.175    2.185
    decay by lag (ard)              0.215    0.674    0.950  265.351    3.048
    L-BFGS                          0.235    0.489    0.629    1.798    0.256
    Adam                            0.242    0.467    0.613    3.172    0.199
    skip connections                0.225    0.555    3e+10   2e+172    3.211
    validation on 10%               0.225    0.452    0.621    2.512    3.386
    patience 20                     0.221    0.461    0.597    2.072    5.409

What follows from it.

- training="both", with the closed loop judged on held-out rows by one step and free run together, has the
  one-step error of open-loop training and most of the gain of closed-loop training; neither alone has both.
- Early stopping is worth more than any other setting: without it the nets fit noise and their free runs suffer
  most.  15% of the rows serve better than 10%.
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
