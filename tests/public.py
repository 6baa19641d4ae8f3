"""The public models, small: so that a new one is in the tables of the tests without being named there."""

from inspect import signature

import pytest
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils.estimator_checks import parametrize_with_checks

import tsrnn
from tsrnn._estimators.classifier import SequenceClassifier
from tsrnn._estimators.regressor import SequenceRegressor
from tsrnn._models.recurrent import RecurrentRegressor


# scikit-learn 1.6 and 1.7 do not ask whether an expected failure fails
STRICT = {"xfail_strict": True} if "xfail_strict" in signature(parametrize_with_checks).parameters else {}
PUBLIC = [
    kind
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type)
    and issubclass(kind, SequenceRegressor)
    and not issubclass(kind, MetaEstimatorMixin)  # has tests of its own
]
CLASSIFIERS = [
    kind
    for kind in map(vars(tsrnn).get, tsrnn.__all__)
    if isinstance(kind, type) and issubclass(kind, SequenceClassifier)  # of labels, of rows or of series
]
RECURRENT = [kind for kind in PUBLIC if issubclass(kind, RecurrentRegressor)]
SMALL = {
    "hidden_layer_sizes": (3,),
    "n_reservoir": 12,
    "max_iter": 2,
    "early_stopping": False,
    "r_max": 0.9,  # a memory that a few rows wipe out
    "random_state": 0,
}


def bases(kind):
    """What a model is made of beside its parameters."""
    return tuple(base for base in kind.__bases__ if not base.__name__.endswith("Parameters"))


def is_first(kind, kinds):
    """Whether no kind before it has the same bases.  The others run the same code: asking them again is slow."""
    return all(bases(kind) != bases(before) for before in kinds[: kinds.index(kind)])


def slow_again(kind, kinds):
    """The marks of a test of one of several kinds: slow, where one before it runs the same code."""
    return () if is_first(kind, kinds) else pytest.mark.slow


def short(kind):
    """The name of a model in the ids of tests."""
    return kind.__name__.removesuffix("Regressor")


def small(kind, **settings):
    """A model with those settings that it has."""
    given = SMALL | settings
    return kind(**{name: value for name, value in given.items() if name in kind().get_params()})


def others(known, **settings):
    """Small public models by name, but those of which there is one among ``known``."""
    seen = {type(model) for model in known}
    return {short(kind): small(kind, **settings) for kind in PUBLIC if kind not in seen}


def paired(**lists):
    """A test for each element of every list, with those of the others in turn.

    Where models and settings meet in the same code, pairs find what their product finds, for a fraction of the fits.
    """
    lists = {name: list(values) for name, values in lists.items()}
    rows = [
        tuple(values[k % len(values)] for values in lists.values())
        for k in range(max(map(len, lists.values())))
    ]
    return pytest.mark.parametrize(
        tuple(lists), rows, ids=lambda v: short(type(v)) if isinstance(v, BaseEstimator) else str(v)
    )
