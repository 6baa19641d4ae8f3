"""scikit-learn's whole suite of estimator checks, on every public estimator."""

from sklearn.base import MetaEstimatorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks

import tsrnn
from tsrnn._estimators.sequence import Sequence
from tsrnn._models.naive import Naive


ORDER = "rows are time: their order, and the rows before them, matter"
WEIGHT = "a weight of 0 is not deletion: the row still is history for the rows after it"
EXPECTED = {
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": ORDER,
    "check_sample_weight_equivalence_on_dense_data": WEIGHT,
}
PERSISTENT = {"check_methods_subset_invariance": ORDER}  # one value for all rows, in any order
ESTIMATORS = [
    kind()
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type)
    and issubclass(kind, Sequence)
    and not issubclass(kind, MetaEstimatorMixin)  # has tests of its own
]


def expected(estimator):
    return PERSISTENT if isinstance(estimator, Naive) else EXPECTED


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected, xfail_strict=True)
def test_estimator(estimator, check, monkeypatch):
    check(estimator)


def test_every_public_model_is_checked():
    checked = {type(e).__name__ for e in ESTIMATORS}
    assert checked >= {"NARXRegressor", "TDNNRegressor", "NARXClassifier", "GRUClassifier"}
