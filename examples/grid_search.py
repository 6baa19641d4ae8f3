"""Choose a forecaster by a grid search inside a pipeline, scored by what it is for: day-ahead forecasts.

PVDAQ system 50, Golden, Colorado, hourly. Known ahead are the clear-sky irradiance and the calendar; measured power
up to the hour in which the forecast is made. Searched on April 2011 to 2012 by cross-validation in time order,
tested once on 2013.

    python examples/grid_search.py [--quick]    # writes examples/grid_search.png
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline

from tsrnn import ARXRegressor, ESNRegressor, NARXRegressor, SeasonalNaiveRegressor, diagnose
from tsrnn.datasets import load_solar_plant
from tsrnn.model_selection import backtest, forecast_scorer
from tsrnn.preprocessing import CalendarFeatures


TRAIN, TEST = "2012", "2013"  # up to the end of, from the beginning of
HORIZON = 24  # hours
BOUNDS = {"target_bounds": (0, "capacity")}  # what is fed back, and every forecast, stays within


def inputs(X):
    """What is known ahead: the clear sky, and a capacity (W) that is 0 at night."""
    return X[["ghi_clear"]].assign(capacity=np.where(X["ghi_clear"] > 0, 6000.0, 0.0))


def grid(quick):
    """Models and their settings; a dictionary each, as GridSearchCV takes them."""
    narx = {
        "model": [NARXRegressor(input_lags=1, training="open_loop", random_state=0, **BOUNDS)],
        "model__output_lags": [[1, 2, 24], [1, 2, 3, 23, 24, 25]],
        "model__hidden_layer_sizes": [(4,), (8,)],
    }
    esn = {
        "model": [ESNRegressor(input_lags=1, random_state=0, **BOUNDS)],
        "model__output_lags": [[1, 24]],
        "model__n_reservoir": [100, 300],
        "model__leak_rate": [0.5, 0.9],
    }
    if quick:
        narx |= {"model__output_lags": [[1, 24]]}
        esn |= {"model__n_reservoir": [50], "model__leak_rate": [0.9]}
    return [narx, esn]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    X, y = load_solar_plant(return_X_y=True)
    X = inputs(X)
    pipeline = Pipeline([("calendar", CalendarFeatures(periods=["day", "year"])), ("model", NARXRegressor())])
    search = GridSearchCV(
        pipeline,
        grid(args.quick),
        scoring=forecast_scorer("rmse", horizon=HORIZON, step=3),
        cv=TimeSeriesSplit(2 if args.quick else 4, test_size=2000),
    )
    search.fit(X[:TRAIN], y[:TRAIN])
    print(f"{len(search.cv_results_['params'])} settings, validation RMSE of {HORIZON} h, W:")
    for rank in np.argsort(search.cv_results_["rank_test_score"])[:5]:
        settings = dict(search.cv_results_["params"][rank])
        name = type(settings.pop("model")).__name__
        words = ", ".join(f"{key.removeprefix('model__')}={value}" for key, value in settings.items())
        print(f"  {-search.cv_results_['mean_test_score'][rank]:6.1f}  {name}({words})")

    rivals = {
        type(search.best_estimator_[-1]).__name__: search,
        "linear ARX": ARXRegressor(1, [1, 2, 3, 23, 24, 25], **BOUNDS).fit(X[:TRAIN], y[:TRAIN]),
        "yesterday": SeasonalNaiveRegressor(24, **BOUNDS).fit(X[:TRAIN], y[:TRAIN]),
    }
    results = {name: backtest(model, X[TEST:], y[TEST:], HORIZON) for name, model in rivals.items()}
    print(f"\nTest on {TEST}, RMSE, W, nights counted:")
    for name, result in results.items():
        shown = result.errors.RMSE[[1, 3, 6, 12, 24]]
        print(f"  {name:16s}" + "".join(f"{h:4d} h {value:6.1f}" for h, value in shown.items()))
    print(f"\n{diagnose(search, X[TEST:], y[TEST:], X_train=X[:TRAIN], y_train=y[:TRAIN])}")
    picture(args.out, results)


def picture(out, results):
    """Errors by horizon."""
    from tsrnn.plotting import BacktestDisplay

    display = BacktestDisplay.from_backtests(results, unit="W")
    display.ax_.set(xlabel="hours ahead")
    display.figure_.savefig(out, dpi=130)


if __name__ == "__main__":
    main()
