"""Forecast the power of a wind turbine 1 to 24 hours ahead.

La Haute Borne, turbine R80711, hourly. Trained and tuned on 2014, tested on 2015. Every forecast uses only
what is known when it is made: power and weather up to that hour, and the clock.

    python examples/wind_farm.py            # writes examples/wind_farm.png
    python examples/wind_farm.py --quick    # small settings

A forecaster for h hours ahead is a net whose most recent lag is h: ``input_lags=range(h, h + n)`` and
``output_lags=range(h, h + n)``. Its ``predict(X, y=measured)`` looks at nothing later than t - h.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from _report import picture, print_tables, scores
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tsrnn import NARXRegressor, TDNNRegressor
from tsrnn.datasets import load_wind_farm


HORIZONS = [1, 3, 6, 12, 24]  # hours
TRAIN, TEST = "2014", "2015"
CAPACITY = 2050.0  # kW; all forecasts, persistence too, are clipped to [0, CAPACITY]
SHOWN = slice("2015-03-23", "2015-04-05")  # days in the picture

# The grid search chooses the hours of history and the width of the net. The forecast is the mean of a few
# such nets that differ in random_state only.
FULL = {"lags": [3, 5], "hidden": [(4,), (8,)], "folds": 4, "members": 5}
QUICK = {"lags": [2], "hidden": [(2,), (4,)], "folds": 2, "members": 1}


def add_clock(X):
    """Add the hour of the day, as sine and cosine. Seen h hours back it still tells the hour forecast."""
    angle = 2 * np.pi * X.index.hour / 24
    return X.assign(hour_sin=np.sin(angle), hour_cos=np.cos(angle))


def pipeline(net):
    return Pipeline([("clock", FunctionTransformer(add_clock)), ("net", net)])


def predict(model, X, y):
    """Forecasts made from measured y, which a pipeline hands on to the net."""
    return pd.Series(model.predict(X, y=y), X.index).clip(0, CAPACITY)


def minus_rmse(model, X, y):
    """Score for the grid search; hours without a measured power do not count."""
    return -np.sqrt(((predict(model, X, y) - y) ** 2).mean())


def tuned(net, h, X, y, settings):
    """The best parameters for h hours ahead: fitted on the first months of training, tried on those after."""
    lag_names = ["net__input_lags", "net__output_lags"][: 2 if isinstance(net, NARXRegressor) else 1]
    grid = [
        {**{name: [range(h, h + n)] for name in lag_names}, "net__hidden_layer_sizes": settings["hidden"]}
        for n in settings["lags"]
    ]
    cv = TimeSeriesSplit(settings["folds"], test_size=len(y) // 8)
    search = GridSearchCV(pipeline(net), grid, scoring=minus_rmse, cv=cv, refit=False).fit(X, y)
    best = search.best_params_
    lags = best["net__input_lags"]
    print(
        f"  {type(net).__name__} {h} h ahead: lags {lags[0]}..{lags[-1]}, hidden "
        f"{best['net__hidden_layer_sizes']}, validation RMSE {-search.best_score_:.0f} kW",
        flush=True,
    )
    return clone(search.estimator).set_params(**best)


def mean_of_members(model, X, y, settings):
    """Fit a model from several random starts; the mean of their forecasts of the test year."""
    members = [clone(model).set_params(net__random_state=k) for k in range(settings["members"])]
    return sum(predict(m.fit(X[:TRAIN], y[:TRAIN]), X[TEST:], y[TEST:]) for m in members) / len(members)


def forecasts(h, X, y, settings):
    """{model: forecast of the test year, h hours ahead}."""
    last = y.ffill().clip(0, CAPACITY)  # the last power measured
    X_with_power = X.assign(power=last)  # a TDNN sees inputs only: past power is one of them
    lags = range(h, h + 3)
    arx = pipeline(NARXRegressor((), input_lags=lags, output_lags=lags, training="open_loop"))
    narx = NARXRegressor(skip_connections=True, training="open_loop", random_state=0)
    narx = tuned(narx, h, X[:TRAIN], y[:TRAIN], settings)
    tdnn = tuned(TDNNRegressor(random_state=0), h, X_with_power[:TRAIN], y[:TRAIN], settings)
    return {
        "persistence": last.shift(h)[TEST:],
        "same hour yesterday": last.shift(24)[TEST:],
        "linear ARX": predict(arx.fit(X[:TRAIN], y[:TRAIN]), X[TEST:], y[TEST:]),
        "TDNN": mean_of_members(tdnn, X_with_power, y, settings),
        "NARX": mean_of_members(narx, X, y, settings),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_wind_farm(return_X_y=True)
    print(f"{len(y)} hours, {y.isna().sum()} without a measured power. Tuned on {TRAIN}:")
    by_horizon = {h: forecasts(h, X, y, QUICK if args.quick else FULL) for h in HORIZONS}
    tables = scores(y[TEST:], by_horizon)
    print(f"\nTest on {TEST} from hours ahead:")
    print_tables(tables, "kW")
    shown = {h: {model: by_horizon[h][model][SHOWN] for model in ("persistence", "NARX")} for h in (1, 6, 24)}
    picture(args.out, y[SHOWN], shown, tables, "kW", "Wind turbine R80711, La Haute Borne: power")


if __name__ == "__main__":
    main()
