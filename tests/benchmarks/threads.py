"""No oversubscription: a search in two processes, and a fit with two threads, against the ideal.

Two processes can at best halve the seconds of one, as far as two cores are free: the ideal is what two independent
processes, each with one BLAS thread and half of the work, take at the same time. Target: at most 1.2 times as long.
BLAS is left as it is (no OPENBLAS_NUM_THREADS), for that is what users have. Run it on an idle machine. On a busy one
look at the seconds of the processor: threads that wait for each other burn them.

    python tests/benchmarks/threads.py
"""

import os
import subprocess
import sys
import time

import joblib
from common import table, verdict
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from tsrnn import ESNRegressor, LSTMRegressor, NARXRegressor
from tsrnn.datasets import make_narma


ROWS, SEEDS = 2000, range(8)
MODELS = {
    "NARX": NARXRegressor((10,), input_lags=5, output_lags=5, max_iter=30),
    "LSTM": LSTMRegressor((16,), max_iter=20, solver="adam"),
    "ESN": ESNRegressor(400),
}


def search(name, seeds, **where):
    """Seconds of a search over seeds."""
    X, y = make_narma(ROWS, random_state=0)
    begin = time.perf_counter()
    with joblib.parallel_config(**where):
        GridSearchCV(MODELS[name], {"random_state": list(seeds)}, cv=TimeSeriesSplit(2), refit=False).fit(
            X, y
        )
    return time.perf_counter() - begin


def processor(name, seeds):
    """Seconds of the processor that the same fits take in this process."""
    before = time.process_time()
    search(name, seeds, backend="sequential")
    return time.process_time() - before


def half(name, first):
    """A process that takes every second seed: it says when it is ready, waits for a line, and tells its seconds."""
    code = (
        f"import threads as t; t.search({name!r}, [0], backend='sequential'); print(flush=True); input(); "
        f"print(t.search({name!r}, t.SEEDS[{first}::2], backend='sequential'))"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    here = os.path.dirname(os.path.abspath(__file__))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=here, env=environment, **pipes)
    process.stdout.readline()
    return process


def main():
    """Print the table."""
    rows = []
    for name in MODELS:
        two = [half(name, first) for first in (0, 1)]
        for process in two:
            process.stdin.write("\n")
            process.stdin.flush()
        ideal = max(float(process.communicate()[0]) for process in two)
        for backend in ("loky", "threading"):
            where = {"backend": backend, "n_jobs": 2}
            search(name, [0, 1], **where)  # starts the workers
            took = min(search(name, SEEDS, **where) for _ in range(2))
            with joblib.parallel_config(**where):
                cpu = sum(joblib.Parallel()(joblib.delayed(processor)(name, [seed]) for seed in SEEDS))
            if backend == "threading":  # each of the two sees the seconds of both
                cpu /= 2
            ratio = cpu / processor(name, SEEDS)
            rows.append([name, backend, ideal, took, took / ideal, verdict(took / ideal, 1.2), ratio])
    columns = ["model", "backend", "ideal, s", "n_jobs=2, s", "ratio", "met", "ratio of processor seconds"]
    table("A search over 8 seeds x 2 folds, two at a time", columns, rows)


if __name__ == "__main__":
    main()
