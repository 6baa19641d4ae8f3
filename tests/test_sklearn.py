"""scikit-learn's whole suite of estimator checks, on every public estimator."""

import pytest
from public import STRICT, is_first
from sklearn.base import MetaEstimatorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks

import tsrnn
from tsrnn._estimators.sequence import Sequence
from tsrnn._models.naive import NaiveRegressor


ORDER = "rows are time: their order, and the rows before them, matter"
WEIGHT = "a weight of 0 is not deletion: the row still is history for the rows after it"
EXPECTED = {
    "check_methods_sample_order_invariance": ORDER,
    "check_methods_subset_invariance": ORDER,
    "check_sample_weight_equivalence_on_dense_data": WEIGHT,
}
PERSISTENT = {"check_methods_subset_invariance": ORDER}  # one value for all rows, in any order
KINDS = [
    kind
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type)
    and issubclass(kind, Sequence)
    and not issubclass(kind, MetaEstimatorMixin)  # has tests of its own
]
# What is checked does not depend on how many units there are, nor on how long they learn.
FEW = {"hidden_layer_sizes": (4,), "max_iter": 10, "n_reservoir": 50}
ESTIMATORS = [
    kind(**{name: value for name, value in FEW.items() if name in kind().get_params()}) for kind in KINDS
]


def expected(estimator):
    if isinstance(estimator, tsrnn.ConstantRegressor):
        return {}
    return PERSISTENT if isinstance(estimator, NaiveRegressor) else EXPECTED


FIRST = [estimator for estimator in ESTIMATORS if is_first(type(estimator), KINDS)]


@parametrize_with_checks(FIRST, expected_failed_checks=expected, **STRICT)
def test_estimator(estimator, check):
    run(estimator, check)


@pytest.mark.slow
@parametrize_with_checks(
    [estimator for estimator in ESTIMATORS if estimator not in FIRST],
    expected_failed_checks=expected,
    **STRICT,
)
def test_estimator_of_the_same_bases(estimator, check):
    run(estimator, check)


def run(estimator, check):
    try:
        check(estimator)
    except AssertionError as error:
        if check.func.__name__ not in expected(estimator):
            raise
        raise error.with_traceback(None) from None  # pytest writes one for a quarter of a second


def test_every_public_model_is_checked():
    checked = {type(e).__name__ for e in ESTIMATORS}
    assert checked >= {"NARXRegressor", "TDNNRegressor", "NARXClassifier", "GRUClassifier"}
