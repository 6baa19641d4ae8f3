"""One model of 200 series of 500 steps, against 200 models: CPU time and errors on rows after training.

Each series is a system of its own, y(k + 1) = a y(k) / (1 + y(k)^2) + u(k)^3, with a drawn from [0.8, 1.2]; one of the
inputs tells a, so that one model can serve all. Default arguments; CPU seconds with one thread, one run each.

    python tests/benchmarks/panel_speed.py
"""

import numpy as np
from common import clocked, rmse, table, verdict

from tsrnn import ElmanRegressor, ESNRegressor, GRURegressor, LSTMRegressor, NARXRegressor, TDNNRegressor


SERIES, STEPS, TEST = 200, 500, 100
MODELS = {
    "NARX": NARXRegressor(random_state=0),
    "TDNN": TDNNRegressor(random_state=0),
    "Elman": ElmanRegressor(random_state=0),
    "LSTM": LSTMRegressor(random_state=0),
    "GRU": GRURegressor(random_state=0),
    "ESN": ESNRegressor(random_state=0),
}


def make_panel(seed=0):
    """X (SERIES, STEPS + TEST, 2), y (SERIES, STEPS + TEST)."""
    rng = np.random.default_rng(seed)
    N = STEPS + TEST
    a, u, y = rng.uniform(0.8, 1.2, SERIES), rng.uniform(-1, 1, (SERIES, N)), np.zeros((SERIES, N))
    for k in range(N - 1):
        y[:, k + 1] = a * y[:, k] / (1 + y[:, k] ** 2) + u[:, k] ** 3
    y += 0.05 * rng.normal(size=y.shape)
    return np.stack([u, np.broadcast_to(a[:, None], u.shape)], axis=2), y


def main():
    X, y = make_panel()
    past, new = slice(0, STEPS), slice(STEPS, None)
    rows = []
    for name, model in MODELS.items():
        model.fit(X[:2, past], y[:2, past])  # compiles

        def each(model=model):
            return np.stack([model.fit(X[s, past], y[s, past]).predict(X[s, new]) for s in range(SERIES)])

        alone, separate = clocked(each)
        one, together = clocked(lambda model=model: model.fit(X[:, past], y[:, past]).predict(X[:, new]))
        rows.append(
            (name, one, alone, verdict(one / alone, 1), rmse(together, y[:, new]), rmse(separate, y[:, new]))
        )
    title = f"{SERIES} series of {STEPS} steps: CPU seconds, and RMSE of free runs of {TEST} steps"
    table(title, ("model", "one fit", f"{SERIES} fits", "< 1 x", "RMSE, one", f"RMSE, {SERIES}"), rows)


if __name__ == "__main__":
    main()
