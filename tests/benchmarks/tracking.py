"""A system that drifts: errors of one step against time, of models that go on learning.

    y(t) = a(t) y(t - 1) + 0.3 y(t - 2) u(t - 1) + tanh(b(t) u(t - 1)) + noise of 0.05

where a swings slowly between 0.3 and 0.7 (one turn in 2000 rows) and b, after 1500 rows, turns from 1 to -1. Models
learn 500 rows; then 2500 rows come ten at a time: they are forecast, one step ahead, and learnt. Settings were chosen
on another system of the same kind (seed 100). RMSE over 500 rows each, mean of three systems, beside the noise; CPU
time of the stream.

    python tests/benchmarks/tracking.py [word ...]
"""

import sys
import time
import warnings

import numpy as np
from common import rmse, table

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    ESNRegressor,
    GRURegressor,
    KalmanFilter,
    NARXRegressor,
    OnlineGradient,
    RecursiveLeastSquares,
)


SEEDS, LEARN, STREAM, CHUNK = range(3), 500, 2500, 10
WINDOW, REFIT = 300, 50  # rows of a refitted window, and how often
NARX = {"hidden_layer_sizes": (6,), "input_lags": [1], "output_lags": 2, "random_state": 0}
FED = {"hidden_layer_sizes": (6,), "input_lags": [1], "output_lags": 2, "random_state": 0, "max_iter": 10}
KALMAN = KalmanFilter(process_noise=1e-5, forgetting=0.995)
MODELS = {  # how it learns from a chunk: options of partial_fit, "window" or "never"
    "NARX, left alone": (NARXRegressor(**NARX, training="open_loop"), "never"),
    "NARX, partial_fit": (NARXRegressor(**NARX, training="open_loop"), {}),
    "NARX, forgetting=0.99": (NARXRegressor(**NARX, training="open_loop"), {"forgetting": 0.99}),
    "NARX, refitted to the last 300 rows": (NARXRegressor(**NARX, training="open_loop"), "window"),
    "NARX, KalmanFilter": (NARXRegressor(**NARX, solver=KALMAN, max_iter=10), {}),
    "NARX, OnlineGradient": (NARXRegressor(**NARX, solver=OnlineGradient(), max_iter=20), {}),
    "ARX, partial_fit": (ARXRegressor([1], 2), {}),
    "ARX, forgetting=0.98 (RLS)": (ARXRegressor([1], 2), {"forgetting": 0.98}),
    "Elman, KalmanFilter": (ElmanRegressor(**FED, solver=KALMAN), {}),
    "Elman, OnlineGradient": (ElmanRegressor(**(FED | {"max_iter": 20}), solver=OnlineGradient()), {}),
    "Elman, partial_fit (Adam)": (ElmanRegressor(**FED), {}),
    "GRU, KalmanFilter": (GRURegressor(**FED, solver=KALMAN), {}),
    "ESN, RecursiveLeastSquares(0.99)": (
        ESNRegressor(50, input_lags=[1], output_lags=2, solver=RecursiveLeastSquares(0.99), random_state=0),
        {},
    ),
}


def drifting(seed):
    """Inputs (N, 1), y (N,) and the noise in it."""
    rng, n = np.random.default_rng(seed), LEARN + STREAM
    u, e, y = rng.uniform(-1, 1, n), 0.05 * rng.normal(size=n), np.zeros(n)
    a = 0.5 + 0.2 * np.sin(2 * np.pi * np.arange(n) / 2000)
    b = np.where(np.arange(n) < LEARN + 1000, 1.0, -1.0)
    for t in range(2, n):
        y[t] = a[t] * y[t - 1] + 0.3 * y[t - 2] * u[t - 1] + np.tanh(b[t] * u[t - 1]) + e[t]
    return u[:, None], y, e


def stream(model, learns, X, y):
    """Forecasts (STREAM,), each made before its chunk was learnt, and CPU seconds."""
    model.fit(X[:LEARN], y[:LEARN])
    out, begin = [], time.process_time()
    for t in range(LEARN, LEARN + STREAM, CHUNK):
        rows = slice(t, t + CHUNK)
        out.append(model.predict_ahead(X[rows], y[rows]))
        if isinstance(learns, dict):
            model.partial_fit(X[rows], y[rows], **learns)
        elif learns == "window" and (t - LEARN) % REFIT == REFIT - CHUNK:
            model.fit(X[t + CHUNK - WINDOW : t + CHUNK], y[t + CHUNK - WINDOW : t + CHUNK])
        else:
            model.update(X[rows], y[rows])
    return np.concatenate(out), time.process_time() - begin


def main(words):
    """Print the table, of the models that have one of the words in their names, or of all."""
    warnings.simplefilter("ignore")
    systems = [drifting(seed) for seed in SEEDS]
    spans = [slice(t, t + 500) for t in range(0, STREAM, 500)]
    rows = []
    for name, (model, learns) in MODELS.items():
        if words and not any(word in name for word in words):
            continue
        found = []
        for X, y, _ in systems:
            out, seconds = stream(model, learns, X, y)
            found.append([*(rmse(out[s], y[LEARN:][s]) for s in spans), seconds])
        *errors, seconds = np.mean(found, axis=0)
        rows.append([name, *(f"{e:.3f}" for e in errors), f"{seconds:.1f}"])
        print(".", end="", flush=True)
    floor = np.mean([[np.std(e[LEARN:][s]) for s in spans] for *_, e in systems], axis=0)
    rows.append(["the noise", *(f"{e:.3f}" for e in floor), ""])
    heads = [f"{s.start + 1} to {s.stop}" for s in spans]
    print()
    table("RMSE of one step", ["rows of the stream", *heads, "CPU s"], rows)


if __name__ == "__main__":
    main(sys.argv[1:])
