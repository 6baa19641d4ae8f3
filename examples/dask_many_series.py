"""From a laptop to a cluster: one model a series for 1,000 series, and a search, on Dask.

A task fits and forecasts a batch of series, so that what Dask adds (about a millisecond a task) hardly counts.

    pip install 'tsrnn[dask,plot]'
    python examples/dask_many_series.py                           # all cores; --quick: 40 series
    python examples/dask_many_series.py --scheduler tcp://head:8786    # the same on a cluster
"""

import argparse
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client
from scipy.signal import lfilter
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from tsrnn import NARXRegressor, metrics
from tsrnn.plotting import STYLE, ForecastDisplay


DAY, HORIZON = 24, 48
MODEL = NARXRegressor((6,), input_lags=1, output_lags=[1, 2, DAY], training="open_loop", random_state=0)


def make_series(key, days):
    """Loads of one building: X (hours, 1), temperature; y (hours,)."""
    rng = np.random.default_rng(key)
    hours = np.arange(24 * days)
    noise = lfilter([1], [1, -0.9], rng.normal(scale=0.3, size=len(hours)))
    temperature = 15 + 8 * np.sin(2 * np.pi * (hours - 9) / DAY) + 3 * noise
    people = 1 + np.sin(2 * np.pi * (hours - rng.integers(6, 12)) / DAY)
    load = 20 + rng.uniform(5, 20) * people + rng.uniform(0.2, 0.8) * np.maximum(temperature - 18, 0) ** 1.5
    return temperature[:, None], load + rng.normal(scale=0.5, size=len(hours))


def fit_and_forecast(keys, days):
    """A task: a model for each series of a batch; MAE of the last rows, and naively, (len(keys), 2)."""
    errors = []
    for key in keys:
        X, y = make_series(key, days)  # in earnest: read the series here, on the worker, from shared storage
        model = MODEL.fit(X[:-HORIZON], y[:-HORIZON])
        forecast = model.forecast(HORIZON, X[-HORIZON:])
        naive = np.tile(y[-HORIZON - DAY : -HORIZON], HORIZON // DAY)
        errors.append([metrics.mae(y[-HORIZON:], f) for f in (forecast, naive)])
    return np.array(errors)


def search(days, where):
    """A grid search over one series, where joblib is told to; its scores and seconds."""
    grid = {"hidden_layer_sizes": [(4,), (8,)], "input_lags": [0, 2], "alpha": [1e-4, 1e-2]}
    start = time.perf_counter()
    with joblib.parallel_config(where):
        found = GridSearchCV(MODEL, grid, cv=TimeSeriesSplit(3)).fit(*make_series(0, days))
    return found.cv_results_["mean_test_score"], time.perf_counter() - start


def picture(out, errors, days):
    """Save one of the forecasts, and how the errors of all compare with the naive ones."""
    X, y = make_series(0, days)
    forecast = MODEL.fit(X[:-HORIZON], y[:-HORIZON]).forecast(HORIZON, X[-HORIZON:], level=80)
    plt.style.use(STYLE)
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[1.6, 1], layout="constrained")
    ForecastDisplay(forecast, history=y[:-HORIZON], truth=y[-HORIZON:]).plot(left, last=96)
    left.set(xlabel="hour", ylabel="load, kW", title="One building, two days ahead")
    right.hist(errors[:, 0] / errors[:, 1], bins=30)
    right.axvline(1, color="0.3", linestyle="--")
    right.set(xlabel="MAE over that of yesterday's load", ylabel="buildings", title="All buildings")
    fig.savefig(out, dpi=110)


def main():
    """Forecast all series, then search, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scheduler", help="address; by default a cluster on this machine")
    parser.add_argument("--quick", action="store_true", help="40 short series on two workers")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    options = parser.parse_args()
    series, days, batch = (40, 30, 5) if options.quick else (1000, 60, 10)
    local = {"n_workers": 2 if options.quick else None, "threads_per_worker": 1, "dashboard_address": None}
    with Client(options.scheduler, **({} if options.scheduler else local)) as client:
        print(f"{len(client.scheduler_info()['workers'])} workers")
        client.run(fit_and_forecast, [0], days)  # compiles, before the clock runs
        batches, start = [range(k, k + batch) for k in range(0, series, batch)], time.perf_counter()
        errors = np.concatenate(client.gather(client.map(fit_and_forecast, batches, days=days)))
        seconds, (ours, naive) = time.perf_counter() - start, errors.mean(axis=0)
        print(f"{series} models in {seconds:.1f} s; MAE {ours:.2f} kW, of yesterday's load {naive:.2f}")
        (alone, serial), (spread, parallel) = (search(days, where) for where in ("sequential", "dask"))
        same = "the same bits" if np.array_equal(alone, spread) else "OTHER SCORES"
        print(f"search of 8 candidates x 3 folds: {serial:.1f} s here, {parallel:.1f} s on Dask, {same}")
    picture(options.out, errors, days)


if __name__ == "__main__":
    main()
