r"""Figure 1: scikit-learn's estimator checks on every public estimator, and the four order properties.

``sklearn.utils.estimator_checks.check_estimator`` with SCIPY_ARRAY_API=1, as in ``tests/test_sklearn.py``
(which runs the same checks with warnings as errors). Excused, each with its reason: the two checks of row
order, which no model of time can pass, and with ``sample_weight`` the one that wants a weight of 0 to be the
row's deletion. "excused" counts those of the three that did fail; "excused in vain" would be one that passed.
"skipped" are checks that do not apply (a package that is not installed). Target: no failure.

The order properties of DESIGN.md section 2 on the fitted models, as the largest absolute difference in units
of y's standard deviation, target 1e-12:

- causal: changing X[k:] leaves predict(X)[:k] as it was;
- prefix: predict(X[:k]) is predict(X)[:k];
- chunks: ``update`` in pieces of uneven length, then predict, equals one ``update``;
- pure: predict twice; a refit of a used model equals a new one.

    python tests/benchmarks/checks.py
"""

import os


os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported

import warnings
from collections import Counter
from functools import partial

import numpy as np
from common import table
from sklearn.utils.estimator_checks import check_estimator

import tsrnn
from tsrnn._estimators.regressor import SequenceRegressor
from tsrnn._models.naive import NaiveRegressor
from tsrnn.datasets import make_narendra


ORDER = "rows are time: their order, and the rows before them, matter"
WEIGHT = "a weight of 0 is not deletion: the row still is history for the rows after it"
EXCUSED = {
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": ORDER,
    "check_sample_weight_equivalence_on_dense_data": WEIGHT,
}
SEED = {"random_state": 0}
MODELS = [
    partial(model, tsrnn.ARXRegressor(), 2, known_ahead="all") if model is tsrnn.Forecaster else model
    for model in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(model, type) and issubclass(model, SequenceRegressor)
]


def checks():
    """Rows of the table, and what failed."""
    rows, failed = [], []
    for model in MODELS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            excused = (
                {} if isinstance(model(), NaiveRegressor) else EXCUSED
            )  # one value for all rows, in any order
            seen = check_estimator(model(), on_skip=None, on_fail=None, expected_failed_checks=excused)
        count = Counter(result["status"] for result in seen)
        vain = {r["check_name"] for r in seen if r["expected_to_fail"] and r["status"] == "passed"}
        name = type(model()).__name__
        failed += [(name, r["check_name"], r["exception"]) for r in seen if r["status"] == "failed"]
        row = [name, *(str(count[s]) for s in ("passed", "xfail", "failed", "skipped"))]
        rows.append([*row, str(len(vain)), "yes" if not count["failed"] and not vain else "NO"])
    return rows, failed


def order_properties(model):
    """causal, prefix, chunks, pure."""
    X, y = make_narendra(900, random_state=0)
    X, X_more, y, y_more = X[:600], X[600:], y[:600], y[600:]
    k, scale = 150, np.std(y)

    def fitted():
        return model().set_params(**SEED if "random_state" in model().get_params() else {}).fit(X, y)

    def gap(a, b):
        return float(np.abs(a - b).max()) / scale

    one = fitted()
    out = one.predict(X_more)
    other = X_more.copy()
    other[k:] = -other[k:] + 1
    causal = gap(one.predict(other)[:k], out[:k])
    prefix = gap(one.predict(X_more[:k]), out[:k])
    pure = gap(one.predict(X_more), out)
    pieces, whole = fitted(), fitted().update(X_more[:k], y_more[:k])
    for part in np.split(np.arange(k), [1, 3, 50, 51, 120]):
        pieces.update(X_more[part], y_more[part])
    chunks = gap(pieces.predict(X_more[k:]), whole.predict(X_more[k:]))
    refitted = pieces.fit(X, y).predict(X_more)  # it has followed other rows: a fit forgets them
    return [causal, prefix, chunks, max(pure, gap(refitted, out))]


def main():
    """Print the tables."""
    rows, failed = checks()
    columns = ["estimator", "passed", "excused", "failed", "skipped", "excused in vain", "met"]
    table("scikit-learn's estimator checks", columns, rows)
    for name, check, error in failed:
        print(f"  {name}: {check}: {error!r}")
    rows = []
    for model in MODELS:
        seen = order_properties(model)
        rows.append([type(model()).__name__, *seen, "yes" if max(seen) <= 1e-12 else "NO"])
    columns = ["estimator", "causal", "prefix", "chunks", "pure", "<= 1e-12"]
    table("Order properties, largest difference / std of y", columns, rows)


if __name__ == "__main__":
    main()
