"""What values of y that were not measured cost a model with default arguments.

The last 4000 rows of each series of at least 500; of the first four fifths, which are learnt, and of the rest, from
whose every row ``horizon`` steps are forecast, 2, 10 and 30 % are taken away at random, or a stretch of 5 to 60 rows
for each 300 rows.
Errors (RMSE) are of all rows, those taken away too, over those of the same model where nothing is missing; the
geometric mean, and the most, over the series.  "refused": series that a model could not be fitted to.

Run with the folder of the development series:

    python tests/benchmarks/missing_values.py DATA [--models ARX NARX]

What it printed is in results/forecasting.md.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from auto_forecaster import HORIZON, series
from sklearn.linear_model import Ridge

from tsrnn import ARXRegressor, ESNRegressor, Forecaster, GRURegressor, LagRegressor, NARXRegressor


KINDS = (0.02, 0.1, 0.3, "stretches")
MODELS = {
    "ARX": lambda h: ARXRegressor(),
    "NARX": lambda h: NARXRegressor(random_state=0),
    "ESN": lambda h: ESNRegressor(output_lags="auto", random_state=0),
    "GRU": lambda h: GRURegressor(output_lags="auto", random_state=0),
    "Forecaster(ARX)": lambda h: Forecaster(ARXRegressor(), h),
    "Forecaster(Ridge)": lambda h: Forecaster(Ridge(), h),
    "LagRegressor(Ridge)": lambda h: LagRegressor(Ridge()),
}


def holed(y, kind):
    """Take values of y away."""
    rng, y = np.random.default_rng(0), y.copy()
    if kind == "stretches":
        for first in rng.integers(0, len(y) - 60, len(y) // 300):
            y.iloc[first : first + rng.integers(5, 60)] = np.nan
    else:
        y[rng.random(len(y)) < kind] = np.nan
    return y


def error(model, y, known, horizon):
    """Return the RMSE of all forecasts behind the rows learnt."""
    first = int(0.8 * len(y))
    fitted = model.fit(None, known.iloc[:first])
    forecast = np.asarray(fitted.trajectories(None, known.iloc[first:], horizon).forecast).reshape(
        -1, horizon
    )
    at = first + np.arange(len(forecast))[:, None] + np.arange(horizon)
    return np.sqrt(np.nanmean((forecast - y.to_numpy()[at]) ** 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    every = series(args.folder).items()
    chosen = {name: (y[-4000:], HORIZON[season]) for name, (y, _, season, _) in every if len(y) >= 500}
    print(f"{'':20}" + "".join(f"{kind!s:>26}" for kind in KINDS))
    for name in args.models:
        ratios = {kind: [] for kind in KINDS}
        for y, h in chosen.values():
            whole = error(MODELS[name](h), y, y, h)
            for kind in KINDS:
                try:
                    ratios[kind].append(error(MODELS[name](h), y, holed(y, kind), h) / whole)
                except ValueError:
                    continue
        cells = [
            f"{np.exp(np.mean(np.log(r))):6.3f} {max(r):6.3f} refused {len(chosen) - len(r):2d}"
            for r in ratios.values()
        ]
        print(f"{name:20}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
