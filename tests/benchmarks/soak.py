"""Soak: does memory grow, or time a call, when a process lives long?  Linux only: it reads /proc.

    python tests/benchmarks/soak.py             about an hour on one core
    python tests/benchmarks/soak.py --quick     a fiftieth of it
    python tests/benchmarks/soak.py --only LSTM --share 0.1

fit         10,000 times: a new model, tiny data, and predict
update      1,000,000 rows: one at a time (ARX, NARX), in blocks of 1,000 (all others)
stream      a day of one row a second, 86,400 rows with stamps: update with one row, then forecast ten

Growth is that of the resident memory from the end of a warm-up of a tenth of the calls to the last, after a collection
of garbage; slower is the time of the last tenth over that of the first after the warm-up.
"""

import argparse
import gc
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    ESNRegressor,
    ESNRegressorCV,
    Forecaster,
    GRURegressor,
    LSTMRegressor,
    NARXRegressor,
    PersistenceRegressor,
    SeasonalNaiveRegressor,
    TDNNRegressor,
)


QUICK = {"max_iter": 2, "random_state": 0}
MODELS = {
    "Persistence": PersistenceRegressor(),
    "SeasonalNaive": SeasonalNaiveRegressor(5),
    "ARX": ARXRegressor(),
    "TDNN": TDNNRegressor((3,), input_lags=2, **QUICK),
    "NARX": NARXRegressor((3,), **QUICK),
    "Elman": ElmanRegressor((3,), output_lags=1, **QUICK),
    "LSTM": LSTMRegressor((3,), output_lags=1, **QUICK),
    "GRU": GRURegressor((3,), output_lags=1, **QUICK),
    "LSTM, adam": LSTMRegressor((3,), solver="adam", **QUICK),
    "ESN": ESNRegressor(10, output_lags=1, random_state=0),
    "ESNCV": ESNRegressorCV(10, alphas=(0.01, 1.0), cv=2, random_state=0),
    "Forecaster": Forecaster(TDNNRegressor((3,), **QUICK), horizon=3),
}
ONE_BY_ONE = "ARX", "NARX"
STREAMED = "ARX", "NARX", "LSTM", "ESN"
ROWS = 60  # of what a model is fitted to
BLOCK = 1000  # rows of an update
DAY = 24 * 3600


def series(n):
    """X (n, 2) and y (n,)."""
    rng = np.random.default_rng(0)
    X, noise, y = rng.normal(size=(n, 2)), 0.1 * rng.normal(size=n), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.6 * y[t - 1] + 0.3 * np.tanh(X[t, 0]) + noise[t]
    return X, y


def resident():
    """Resident memory of this process, MB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(work, name, call, count):
    """Print what ``count`` calls cost; call(k) is the k-th of them."""
    tenth = max(count // 10, 1)
    turns = {0: "began", tenth: "warm", 2 * tenth: "later", count - tenth: "last"}
    clock = {}
    for k in range(count):
        if k in turns:
            if k == tenth:
                before = resident()
            clock[turns[k]] = time.process_time()
        call(k)
    clock["end"] = time.process_time()
    growth = resident() - before
    slower = (clock["end"] - clock["last"]) / (clock["later"] - clock["warm"])
    seconds = clock["end"] - clock["began"]
    row = f"{work:22}{name:15}{count:10,}{seconds:9.1f}{1e6 * seconds / count:11.0f}"
    print(f"{row}{before:9.1f}{growth:+10.2f}{slower:9.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the calls")
    parser.add_argument("--share", type=float, default=1.0, help="this share of the calls")
    parser.add_argument("--only", default="", help="models whose name holds this")
    parser.add_argument("--work", default="fit update stream", help="which of fit, update and stream")
    options = parser.parse_args()
    share = 0.02 if options.quick else options.share
    models = {name: model for name, model in MODELS.items() if options.only in name}
    warnings.simplefilter("ignore", ConvergenceWarning)  # of max_iter
    warnings.filterwarnings("ignore", message=".*few errors.*")
    print(
        f"{'work':22}{'model':15}{'calls':>10}{'CPU s':>9}{'us a call':>11}{'MB':>9}{'growth MB':>10}{'slower':>9}"
    )

    X, y = series(2 * BLOCK)
    before, later = slice(0, ROWS), slice(ROWS, 2 * ROWS)
    if "fit" in options.work:
        for name, model in models.items():

            def fit(k, model=model):
                fitted = type(model)(**model.get_params(deep=False))
                fitted.fit(X[before] + k % 7, y[before]).predict(X[later])

            soak("fit and predict", name, fit, int(10_000 * share))
    fitted = {name: model.fit(X[before], y[before]) for name, model in models.items()}
    if "update" in options.work:
        for name, model in fitted.items():
            if name in ONE_BY_ONE:

                def update(k, model=model):
                    row = slice(k % BLOCK, k % BLOCK + 1)
                    model.update(X[row], y[row])

                soak("update, one row", name, update, int(1_000_000 * share))
            else:

                def update(k, model=model):
                    model.update(X[BLOCK:], y[BLOCK:])

                soak(f"update, {BLOCK:,} rows", name, update, max(int(1_000_000 * share) // BLOCK, 20))
    if "stream" in options.work:
        n = ROWS + int(DAY * share)
        index = pd.date_range("2024-01-01", periods=n + 10, freq="s")
        X, y = series(n + 10)
        X, y = pd.DataFrame(X, index, ["a", "b"]), pd.Series(y, index, name="y")
        for name in STREAMED:
            if name not in models:
                continue
            model = models[name].fit(X[:ROWS], y[:ROWS])

            def second(k, model=model):
                now = ROWS + k
                model.update(X[now : now + 1], y[now : now + 1])
                ahead = model.forecast(10, X[now + 1 : now + 11])
                assert ahead.index[0] == index[now + 1]
                assert np.isfinite(ahead.iloc[-1])

            soak("update and forecast", name, second, n - ROWS)


if __name__ == "__main__":
    main()
