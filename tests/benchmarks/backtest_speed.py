"""How long a backtest takes: every hour of a year as origin, 24 steps each, one fitted model.

Seconds are CPU seconds with one thread, the least of three; the target is the issue's, for an LSTM of 32 units.

    python tests/benchmarks/backtest_speed.py
"""

import warnings

from common import cpu_seconds, table, verdict
from sklearn.exceptions import ConvergenceWarning

from tsrnn import ARXRegressor, ESNRegressor, LSTMRegressor, NARXRegressor, PersistenceRegressor
from tsrnn.datasets import make_narma
from tsrnn.model_selection import backtest


ORIGINS, HORIZON, TARGET = 8760, 24, 2.0
FEW = {"max_iter": 2, "random_state": 0}  # what the weights are does not matter
MODELS = {
    "LSTM(32)": LSTMRegressor((32,), **FEW),
    "LSTM(32), y fed back": LSTMRegressor((32,), output_lags=1, **FEW),
    "NARX(16)": NARXRegressor((16,), **FEW),
    "ESN(300), y fed back": ESNRegressor(300, output_lags=1, random_state=0),
    "ARX": ARXRegressor(),
    "persistence": PersistenceRegressor(),
}


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = make_narma(1000 + ORIGINS + HORIZON - 1, random_state=0)
    past, new = slice(0, 1000), slice(1000, None)
    rows = []
    for name, model in MODELS.items():
        model.fit(X[past], y[past])
        seconds = cpu_seconds(lambda model=model: backtest(model, X[new], y[new], HORIZON))
        bands = cpu_seconds(lambda model=model: backtest(model, X[new], y[new], HORIZON, level=[80, 95]))
        rows.append((name, seconds, bands, verdict(seconds, TARGET) if "LSTM" in name else ""))
    title = f"Backtest of {ORIGINS} origins x {HORIZON} steps, CPU seconds"
    table(title, ("model", "forecasts", "with intervals", f"< {TARGET:g} s"), rows)


if __name__ == "__main__":
    main()
