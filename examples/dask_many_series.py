"""From a laptop to a cluster: one model a series for 1,000 series, and a search, on Dask.

Each task fits and forecasts a batch of series, so that what Dask adds (about a millisecond a task) hardly counts. The
same program runs on a cluster: give the address of its scheduler.

    pip install 'tsrnn[dask]'
    python examples/dask_many_series.py                           # all cores of this machine
    python examples/dask_many_series.py --scheduler tcp://head:8786
    python examples/dask_many_series.py --quick                   # 40 series, as in the tests
"""

import argparse
import time

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from tsrnn import NARXRegressor, metrics


DAY, HORIZON = 24, 48
MODEL = NARXRegressor(
    (6,), input_lags=1, output_lags=[1, 2, DAY], training="open_loop", max_iter=30, random_state=0
)


def make_series(key, days):
    """Loads of one building: X (hours, 1), temperature; y (hours,)."""
    rng = np.random.default_rng(key)
    hours = np.arange(24 * days)
    noise = rng.normal(scale=0.3, size=len(hours))
    for t in range(1, len(hours)):
        noise[t] += 0.9 * noise[t - 1]
    temperature = 15 + 8 * np.sin(2 * np.pi * (hours - 9) / DAY) + 3 * noise
    people = 1 + np.sin(2 * np.pi * (hours - rng.integers(6, 12)) / DAY)
    load = 20 + rng.uniform(5, 20) * people + rng.uniform(0.2, 0.8) * np.maximum(temperature - 18, 0) ** 1.5
    return temperature[:, None], load + rng.normal(scale=0.5, size=len(hours))


def fit_and_forecast(keys, days):
    """What one task does: a model for each series of a batch; MAE of the last rows, (len(keys), 2), and naively."""
    errors = []
    for key in keys:
        X, y = make_series(key, days)  # in earnest: read the series here, on the worker, from shared storage
        model = MODEL.fit(X[:-HORIZON], y[:-HORIZON])
        forecast = model.forecast(HORIZON, X[-HORIZON:])
        naive = np.tile(y[-HORIZON - DAY : -HORIZON], HORIZON // DAY)
        errors.append([metrics.mae(y[-HORIZON:], f) for f in (forecast, naive)])
    return np.array(errors)


def search(days, **where):
    """A grid search over one series, wherever joblib is told to; its scores and seconds."""
    X, y = make_series(0, days)
    grid = {"hidden_layer_sizes": [(4,), (8,)], "input_lags": [0, 2], "alpha": [1e-4, 1e-2]}
    start = time.perf_counter()
    with joblib.parallel_config(**where):
        found = GridSearchCV(MODEL, grid, cv=TimeSeriesSplit(3)).fit(X, y)
    return found.cv_results_["mean_test_score"], time.perf_counter() - start


def main():
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scheduler", help="address; by default a cluster on this machine")
    parser.add_argument("--quick", action="store_true", help="40 short series on two workers")
    options = parser.parse_args()
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SystemExit("This example needs Dask: pip install 'tsrnn[dask]'.") from None
    series, days, batch = (40, 20, 5) if options.quick else (1000, 60, 10)

    local = {"n_workers": 2 if options.quick else None, "threads_per_worker": 1, "dashboard_address": None}
    cluster = options.scheduler or LocalCluster(**local)
    with Client(cluster) as client:
        print(f"{len(client.scheduler_info()['workers'])} workers")
        client.run(fit_and_forecast, [0], days)  # compiles, before the clock runs
        start = time.perf_counter()
        batches = [range(k, min(k + batch, series)) for k in range(0, series, batch)]
        errors = np.concatenate(client.gather(client.map(fit_and_forecast, batches, days=days)))
        seconds = time.perf_counter() - start
        ours, naive = errors.mean(axis=0)
        print(
            f"{series} models of {24 * days} hours in {seconds:.1f} s, {1000 * seconds / series:.0f} ms each; "
            f"MAE over {HORIZON} hours {ours:.2f}, seasonal naive {naive:.2f}"
        )

        alone, serial = search(days, backend="sequential")
        spread, parallel = search(days, backend="dask")
        same = "the same bits" if np.array_equal(alone, spread) else "OTHER SCORES"
        print(f"search of 8 candidates x 3 folds: {serial:.1f} s here, {parallel:.1f} s on Dask, {same}")
    if not options.scheduler:
        cluster.close()


if __name__ == "__main__":
    main()
