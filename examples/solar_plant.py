"""Forecast the AC power of a photovoltaic inverter 1 to 24 hours ahead; the night stays at exactly zero.

PVDAQ system 50, Golden, Colorado, hourly. Trained and tuned on April 2011 to 2012, tested on 2013. The sun's
path is known ahead, so the clear-sky irradiance of the hour to forecast is an input; power, irradiance and
temperature are known only up to the hour in which the forecast is made.

    python examples/solar_plant.py            # writes examples/solar_plant.png
    python examples/solar_plant.py --quick    # small settings
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
from tsrnn.datasets import load_solar_plant


HORIZONS = [1, 3, 6, 12, 24]  # hours
TRAIN, TEST = "2012", "2013"  # up to the end of, from the beginning of
SHOWN = slice("2013-05-06", "2013-05-15")  # days in the picture

# As in wind_farm.py: the grid search chooses lags and width, the forecast is the mean of a few nets.
FULL = {"lags": [0, 2], "hidden": [(4,), (8,)], "folds": 3, "members": 5}
QUICK = {"lags": [0], "hidden": [(2,), (4,)], "folds": 2, "members": 1}


def known_before(X, h):
    """Inputs at t of a forecast made at t - h: what was measured is moved down by h hours."""
    measured = X[["ghi", "temperature"]].assign(ghi_clear_then=X["ghi_clear"])
    return pd.concat([X["ghi_clear"], measured.shift(h).bfill()], axis=1)


def add_calendar(X):
    """Add the hour of the day and the day of the year, as sines and cosines."""
    hour, day = 2 * np.pi * X.index.hour / 24, 2 * np.pi * X.index.day_of_year / 365.25
    return X.assign(hour_sin=np.sin(hour), hour_cos=np.cos(hour), day_sin=np.sin(day), day_cos=np.cos(day))


def pipeline(net):
    return Pipeline([("calendar", FunctionTransformer(add_calendar)), ("net", net)])


def by_day_only(power, X):
    """No power below zero, and exactly zero while the sun is down."""
    return power.clip(lower=0).where(X["ghi_clear"] > 0, 0.0)


def predict(model, X, y):
    """Forecasts made from measured y, which a pipeline hands on to the net."""
    return by_day_only(pd.Series(model.predict(X, y=y), X.index), X)


def minus_rmse(model, X, y):
    """Score for the grid search; hours without a measured power do not count."""
    return -np.sqrt(((predict(model, X, y) - y) ** 2).mean())


def tuned(net, h, X, y, settings):
    """The best parameters for h hours ahead: fitted on the first training years, tried on what follows."""
    grid = {"net__input_lags": settings["lags"], "net__hidden_layer_sizes": settings["hidden"]}
    cv = TimeSeriesSplit(settings["folds"], test_size=len(y) // 6)
    search = GridSearchCV(pipeline(net), grid, scoring=minus_rmse, cv=cv, refit=False).fit(X, y)
    best = search.best_params_
    print(
        f"  {type(net).__name__} {h} h ahead: input lags 0..{best['net__input_lags']}, hidden "
        f"{best['net__hidden_layer_sizes']}, validation RMSE {-search.best_score_:.0f} W",
        flush=True,
    )
    return clone(search.estimator).set_params(**best)


def mean_of_members(model, X, y, settings):
    """Fit a model from several random starts; the mean of their forecasts of the test year."""
    members = [clone(model).set_params(net__random_state=k) for k in range(settings["members"])]
    return sum(predict(m.fit(X[:TRAIN], y[:TRAIN]), X[TEST:], y[TEST:]) for m in members) / len(members)


def forecasts(h, X, y, settings):
    """{model: forecast of the test year, h hours ahead}."""
    last = y.ffill()  # the last power measured
    X_h = known_before(X, h)
    X_with_power = X_h.assign(power=last.shift(h).fillna(0))  # a TDNN sees inputs only: past power is one
    lags = range(h, h + 3)
    arx = pipeline(NARXRegressor((), input_lags=2, output_lags=lags, training="open_loop"))
    narx = NARXRegressor(output_lags=lags, skip_connections=True, training="open_loop", random_state=0)
    narx = tuned(narx, h, X_h[:TRAIN], y[:TRAIN], settings)
    tdnn = tuned(TDNNRegressor(random_state=0), h, X_with_power[:TRAIN], y[:TRAIN], settings)
    return {
        "persistence": by_day_only(last.shift(h), X)[TEST:],
        "same hour yesterday": by_day_only(last.shift(24), X)[TEST:],
        "linear ARX": predict(arx.fit(X_h[:TRAIN], y[:TRAIN]), X_h[TEST:], y[TEST:]),
        "TDNN": mean_of_members(tdnn, X_with_power, y, settings),
        "NARX": mean_of_members(narx, X_h, y, settings),
    }


def check_nights(by_horizon, night):
    """Every forecast of every model: zero at night, nowhere negative."""
    for by_model in by_horizon.values():
        for forecast in by_model.values():
            assert (forecast[night] == 0).all()
            assert (forecast >= 0).all()
    print(f"\nAll forecasts are exactly 0 in the {night.sum()} night hours of {TEST}, and none is negative.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_solar_plant(return_X_y=True)
    print(f"{len(y)} hours, {y.isna().sum()} without a measured power. Tuned on 2011 and 2012:")
    by_horizon = {h: forecasts(h, X, y, QUICK if args.quick else FULL) for h in HORIZONS}
    night = X["ghi_clear"][TEST:] == 0
    check_nights(by_horizon, night)
    tables = scores(y[TEST:].mask(night), by_horizon)
    print(f"Test on the daylight hours of {TEST} from hours ahead:")
    print_tables(tables, "W")
    shown = {
        h: {model: by_horizon[h][model][SHOWN] for model in ("same hour yesterday", "NARX")}
        for h in (1, 6, 24)
    }
    picture(args.out, y[SHOWN], shown, tables, "W", "Photovoltaic inverter, Golden, Colorado: AC power")


if __name__ == "__main__":
    main()
