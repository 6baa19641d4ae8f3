"""MinGRU beside the GRU: a training step, and errors on four series.

A. Least CPU seconds of a step of training (64 steps of 32 sequences of 4 inputs, float32, one thread; see
   ``recurrent_speed.py``), and how many times faster MinGRU is.
B. NARMA-10, 2000 rows and 2000 of a free run (``narma.py``); Mackey-Glass, 1500 rows and 500 one step ahead; both in
   root mean squared errors over the standard deviation.  Wind and solar, RMSE 1, 6 and 24 hours ahead of the test year
   (``forecasting_table.py``: kW, and W of daylight hours).  Default arguments, one seed.

    python tests/benchmarks/min_gru.py [step] [errors] [plants]
"""

import sys

import numpy as np
from common import clocked, nrmse, table
from forecasting_table import CLOSED_LOOP, judged, solar, wind
from recurrent_speed import MODELS, SIZES, our_step, seconds_a_step

from tsrnn import GRURegressor, MinGRURegressor
from tsrnn.datasets import make_mackey_glass, make_narma


KINDS = {"GRU": GRURegressor, "MinGRU": MinGRURegressor}


def steps():
    """Part A."""
    MODELS["MinGRU"] = MinGRURegressor
    rows = []
    for H in SIZES:
        gru, minimal = seconds_a_step(our_step("GRU", H), our_step("MinGRU", H))
        rows.append([str(H), 1e3 * gru, 1e3 * minimal, gru / minimal])
    table("A training step, ms", ["H", "GRU", "MinGRU", "times faster"], rows)


def errors():
    """Part B, generators."""
    X, y = make_narma(4000, random_state=0)
    chaos = make_mackey_glass(2000, random_state=0)
    rows = []
    for name, kind in KINDS.items():
        model = kind(random_state=0)
        seconds, _ = clocked(lambda: model.fit(X[:2000], y[:2000]))  # noqa: B023
        free = nrmse(model.predict(X[2000:]), y[2000:])
        model = kind(output_lags=1, random_state=0).fit(None, chaos[:1500])
        ahead = nrmse(model.predict_ahead(np.empty((500, 0)), chaos[1500:]), chaos[1500:])
        rows.append([name, free, seconds, ahead])
    table("Generators", ["model", "NARMA-10, free run", "fit s", "Mackey-Glass, one step"], rows)


def plants():
    """Part B, plants."""
    CLOSED_LOOP["MinGRU"] = MinGRURegressor(output_lags=1)
    for plant in (wind(), solar()):
        rows = []
        for name in KINDS:
            found, _, seconds = judged(plant, name, [1], False)
            rows.append([name, *(float(found.loc[h, "RMSE"]) for h in (1, 6, 24)), seconds])
        table(plant.name, ["model", "1 h", "6 h", "24 h", "fit s"], rows)


if __name__ == "__main__":
    parts = {"step": steps, "errors": errors, "plants": plants}
    for part in [word for word in sys.argv[1:] if word in parts] or parts:
        parts[part]()
