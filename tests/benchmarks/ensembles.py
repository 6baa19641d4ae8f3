"""What a mean of several nets costs, in fits of one, and what it gains.

``n_restarts=k, ensemble="mean"`` against single fits of five seeds: CPU seconds divided by the mean of theirs, and
NRMSE of free runs over rows that follow training, divided by the median of theirs.  Of nets with ``n_jobs`` also wall
seconds with two threads, divided by those of the same nets alone.  Targets: 5 nets in 2.5 fits, 20 in 7.

    python tests/benchmarks/ensembles.py [--twenty] [NARX TDNN Elman GRU LSTM]
"""

import sys
import time
import warnings

import numpy as np
from common import clocked, nrmse, table, verdict
from sklearn.base import clone

from tsrnn import ElmanRegressor, GRURegressor, LSTMRegressor, NARXRegressor, TDNNRegressor
from tsrnn.datasets import make_narendra, make_narma


MODELS = {
    "NARX": NARXRegressor(),
    "TDNN": TDNNRegressor(input_lags=10),
    "Elman": ElmanRegressor((16,)),
    "GRU": GRURegressor((10,)),
    "LSTM": LSTMRegressor((10,)),
}
LEARNT = 600  # rows; as many are forecast
TARGETS = {5: 2.5, 20: 7.0}


def tasks():
    """X, y of two systems whose outputs are measured with noise of a tenth of their spread."""
    rng = np.random.default_rng(0)
    for name, make in {"NARMA-10": make_narma, "Narendra": make_narendra}.items():
        X, y = make(2 * LEARNT, random_state=0)
        yield name, X, y + 0.1 * y.std() * rng.normal(size=len(y))


def judged(model, X, y):
    """CPU and wall seconds of a fit, and the NRMSE of the free run behind it."""
    begin = time.perf_counter()
    seconds, model = clocked(lambda: model.fit(X[:LEARNT], y[:LEARNT]))
    wall = time.perf_counter() - begin
    return seconds, wall, nrmse(model.predict(X[LEARNT:]), y[LEARNT:])


def main(names, sizes):
    """Print a row for each model, task and number of nets."""
    rows = []
    for name in names:
        for task, X, y in tasks():
            judged(clone(MODELS[name]).set_params(random_state=99, max_iter=3), X, y)  # compiles
            alone = np.array([judged(clone(MODELS[name]).set_params(random_state=s), X, y) for s in range(5)])
            for k in sizes:
                several = clone(MODELS[name]).set_params(random_state=0, n_restarts=k, ensemble="mean")
                seconds, _, error = judged(several, X, y)
                two = ""
                if "n_jobs" in several.get_params():
                    two = judged(several.set_params(n_jobs=2), X, y)[1] / alone[:, 1].mean()
                fits, gain = seconds / alone[:, 0].mean(), error / np.median(alone[:, 2])
                once = [alone[:, 0].mean(), np.median(alone[:, 2])]
                rows.append([name, task, str(k), *once, fits, verdict(fits, TARGETS[k]), two, gain])
    columns = [
        "model",
        "task",
        "nets",
        "fit s",
        "NRMSE",
        "fits",
        "met",
        "two threads",
        "NRMSE of the mean / of one",
    ]
    table("Means of nets", columns, rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(
        [word for word in sys.argv[1:] if word in MODELS] or MODELS,
        (5, 20) if "--twenty" in sys.argv else (5,),
    )
