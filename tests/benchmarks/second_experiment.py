"""A second experiment from another state: free runs by where they start.

A slow nonlinear system of second order (time constants of 100 and 20 rows), driven by steps of 60 rows and measured
with a little noise; models learn 1500 rows of it, which begin at rest. The second experiment begins elsewhere. A free
run of its rows from the 300th on, 700 of them, starts from the mean of training ("cold"), from zeros, from what its
own first 100 measured y tell ("estimate"), or after the 300 rows before it ("history"), which are not there where a
recorder has just been switched on. RMSE over the standard deviation of y, the mean of three systems; and what
estimating takes.

    python tests/benchmarks/second_experiment.py
"""

import warnings

import numpy as np
from common import clocked, nrmse, table

from tsrnn import ARXRegressor, ElmanRegressor, ESNRegressor, GRURegressor, LSTMRegressor, NARXRegressor


SEEDS, N, HISTORY, FIRST = range(3), 1500, 300, 100
MODELS = {
    "ARX": ARXRegressor(1, 2),
    "NARX": NARXRegressor((6,), input_lags=1, output_lags=2, random_state=0),
    "Elman": ElmanRegressor((8,), output_lags=1, random_state=0),
    "GRU": GRURegressor((8,), random_state=0),
    "LSTM": LSTMRegressor((8,), output_lags=1, random_state=0),
    "ESN": ESNRegressor(100, leak_rate=0.1, spectral_radius=0.99, random_state=0),
}


def experiment(n, rng, state):
    """Inputs (n, 1) and measured y (n,)."""
    u, y, (a, b) = np.repeat(rng.uniform(-1, 1, n // 60 + 1), 60)[:n], np.empty(n), state
    for t in range(n):
        a = 0.99 * a + 0.01 * np.tanh(1.5 * u[t])
        b = 0.95 * b + 0.05 * a
        y[t] = b
    return u[:, None], y + 2e-4 * rng.normal(size=n)


def errors(model, seed):
    """NRMSE of the free run from each start, and seconds that estimating takes."""
    rng = np.random.default_rng(seed)
    X, y = experiment(N, rng, (0.0, 0.0))
    X2, y2 = experiment(1000, rng, rng.choice([-0.5, 0.5], 2))
    model.fit(X, y)
    rest = slice(HISTORY, None)
    starts = {
        "zeros": "zeros",
        "cold": "cold",
        "estimate": ("estimate", y2[HISTORY : HISTORY + FIRST]),
        "history": (X2[:HISTORY], y2[:HISTORY]),
    }
    out = {name: model.predict(X2[rest], start=start) for name, start in starts.items()}
    seconds, _ = clocked(lambda: model.predict(X2[rest], start=starts["estimate"]))
    return [nrmse(out[name], y2[rest]) for name in starts] + [seconds]


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    rows = []
    for name, model in MODELS.items():
        *found, seconds = np.mean([errors(model, seed) for seed in SEEDS], axis=0)
        rows.append([name, *(f"{e:.3f}" for e in found), f"{found[2] / found[3]:.2f}", f"{seconds:.2f}"])
    heads = ["model", "zeros", "cold", "estimate", "history", "estimate / history", "CPU s"]
    table("NRMSE of a free run, by its start", heads, rows)


if __name__ == "__main__":
    main()
