"""Issue 16, point 5: Levenberg-Marquardt for recurrent nets, beside L-BFGS and Adam: time to equal error.

NARMA-10 (2000 rows of u and y to learn from, 400 to test, y from u alone), Mackey-Glass (tau 17, one step ahead from
the value before, 1000 rows and 400), and slow modes (2000 rows and 400): y is the sum of three damped oscillators that
noise drives, whose periods and decays are tens to hundreds of rows. Nets of 8 units, learning rates, decay and early
stopping as they are by default and no tuning. Each solver is given more and more iterations, always from the start: CPU
seconds of the fit and test NRMSE of each, one seed; and the least time in which each solver came to within 5 % of the
best error of L-BFGS.

    python tests/benchmarks/recurrent_solvers.py [Elman GRU LSTM LRU]
"""

import sys
import time
import warnings

import numpy as np
from common import nrmse, table

import tsrnn
from tsrnn.datasets import make_mackey_glass, make_narma


MODELS = {
    "Elman": tsrnn.ElmanRegressor,
    "GRU": tsrnn.GRURegressor,
    "LSTM": tsrnn.LSTMRegressor,
    "LRU": tsrnn.LRURegressor,
}
ITERATIONS = {"lm": (10, 30, 100), "lbfgs": (30, 300, 1500), "adam": (30, 100, 300)}
SEEDS = range(1)


def narma():
    """X, y, and how many rows are learnt."""
    X, y = make_narma(2400, random_state=0)
    return X, y, 2000


def mackey_glass():
    """y(t - 1) and y(t) as X, y."""
    y = np.ravel(make_mackey_glass(1401))
    return y[:-1, None], y[1:], 1000


def slow_modes():
    """X, y, and how many rows are learnt."""
    rng = np.random.default_rng(0)
    u, x, y = rng.normal(size=2400), np.zeros(3, complex), np.zeros(2400)
    turn = np.exp(-1 / np.array([20, 60, 150]) + 2j * np.pi / np.array([30, 90, 400]))
    for t in range(2400):
        x = turn * x + u[t] / np.sqrt([10, 30, 75])
        y[t] = x.real.sum() + 0.05 * rng.normal()
    return u[:, None], y, 2000


def trials(model, solver, X, y, n):
    """(iterations asked for, CPU seconds, test NRMSE), the means over seeds."""
    rows = []
    for iterations in ITERATIONS[solver]:
        seconds, errors = [], []
        for seed in SEEDS:
            net = model((8,), solver=solver, max_iter=iterations, random_state=seed)
            start = time.process_time()
            net.fit(X[:n], y[:n])
            seconds.append(time.process_time() - start)
            errors.append(nrmse(net.predict(X[n:]), y[n:]))
        rows.append((iterations, float(np.mean(seconds)), float(np.mean(errors))))
    return rows


def compare(names):
    """A table for each task."""
    for task in (narma, mackey_glass, slow_modes):
        X, y, n = task()
        rows = []
        for name in names:
            for solver in ITERATIONS:  # compiles
                MODELS[name]((8,), solver=solver, max_iter=1, random_state=0).fit(X[:200], y[:200])
            found = {solver: trials(MODELS[name], solver, X, y, n) for solver in ITERATIONS}
            aim = 1.05 * min(error for _, _, error in found["lbfgs"])
            for solver, results in found.items():
                reached = [seconds for _, seconds, error in results if error <= aim]
                cells = [f"{i}: {seconds:.2f} s, {error:.4f}" for i, seconds, error in results]
                rows.append([name, solver, *cells, f"{min(reached):.2f}" if reached else "never"])
        columns = ["net", "solver", "iterations: s, NRMSE", "more", "most", "s to the error of L-BFGS"]
        table(task.__name__.replace("_", "-"), columns, rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    compare([word for word in sys.argv[1:] if word in MODELS] or MODELS)
