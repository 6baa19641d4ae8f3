"""Figure 7: a grid search in two processes finds what it finds in one.

``GridSearchCV`` over a pipeline of ``StandardScaler().set_output(transform="pandas")``, which keeps the index that
tells time, and a recurrent regressor: 2 widths x 2 learning rates x 3 folds of ``TimeSeriesSplit`` on 1500 rows of
NARMA-10. Same winner, and the same scores bit by bit, with ``n_jobs`` 1 and 2; and again with two threads in each fit.

    python tests/benchmarks/grid_search_processes.py
"""

import time

import numpy as np
import pandas as pd
from common import table
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import Adam, ElmanRegressor, GRURegressor, LSTMRegressor
from tsrnn.datasets import make_narma


WIDTHS, RATES = [(8,), (16,)], [3e-3, 1e-2]


def search(model, X, y, n_jobs):
    """A fitted search and its seconds on the clock."""
    net = model(solver=Adam(), max_iter=10, random_state=0)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), net)
    name = model.__name__.lower()
    grid = {f"{name}__hidden_layer_sizes": WIDTHS, f"{name}__solver__learning_rate": RATES}
    start = time.perf_counter()
    found = GridSearchCV(pipeline, grid, cv=TimeSeriesSplit(3), n_jobs=n_jobs, error_score="raise").fit(X, y)
    return found, time.perf_counter() - start


def scores(found):
    """All scores of a search, (candidates, folds)."""
    return np.stack([found.cv_results_[f"split{k}_test_score"] for k in range(3)], axis=1)


def main():
    """Print the table."""
    X, y = make_narma(1500, random_state=0)
    index = pd.date_range("2026-01-01", periods=len(y), freq="h")
    X, y = pd.DataFrame(X, index, columns=["u"]), pd.Series(y, index, name="y")
    rows = []
    for model in (ElmanRegressor, LSTMRegressor, GRURegressor):
        search(model, X, y, 2)  # compiles, starts the workers
        (one, alone), (two, together) = search(model, X, y, 1), search(model, X, y, 2)
        winner = ", ".join(f"{k.split('__', 1)[1]} {v}" for k, v in one.best_params_.items())
        same = "yes" if one.best_params_ == two.best_params_ else "NO"
        bits = "yes" if scores(one).tobytes() == scores(two).tobytes() else "NO"
        refit = one.predict(X).tobytes() == two.predict(X).tobytes()
        cells = [same, bits, "yes" if refit else "NO", one.best_score_, winner, alone, together]
        rows.append([model.__name__, *cells])
    columns = ["model", "same winner", "same bits of scores", "of predictions", "best R2", "winner"]
    columns += ["one process s", "two s"]
    table("GridSearchCV, 4 candidates x 3 folds, n_jobs 1 and 2", columns, rows)


if __name__ == "__main__":
    main()
