"""Copies of an estimator that share its values: for verbs that learn all or nothing, and readers beside a writer."""

import warnings
from functools import wraps

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from .._memory_limit import with_advice


def all_or_nothing(method):
    """Make a verb work on a snapshot and adopt it at the end, so that an error or an interrupt leaves no trace.

    A parameter that another thread sets meanwhile keeps its new value.
    """

    @wraps(method)
    def guarded(self, *args, **kwargs):
        before, work = self.__dict__.copy(), snapshot(self)
        try:
            method(work, *args, **kwargs)
        except MemoryError as error:
            raise with_advice(error, self, method.__name__) from None
        for name, value in self.__dict__.items():
            if value is not before.get(name) and not name.startswith("_") and not name.endswith("_"):
                work.__dict__[name] = value
        self.__dict__ = work.__dict__
        return self

    return guarded


def snapshot(estimator):
    """Copy an estimator with the values it holds now, so that what another thread teaches it later does not show."""
    copied = object.__new__(type(estimator))
    copied.__dict__ = estimator.__dict__.copy()
    return copied


def of_one_state(method):
    """Make a verb read everything from a snapshot, taken when the call begins."""

    @wraps(method)
    def reader(self, *args, **kwargs):
        return method(snapshot(self), *args, **kwargs)

    return reader


def fitted_with(estimator, X, y, groups, /, **changes):
    """Give an estimator what a clone learns with other parameters.

    It is neither compared with naive forecasts nor warned of a training cut short: no user will forecast with it.
    """
    other = clone(estimator).set_params(**changes, verbose=0)
    other._is_compared = False
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        other.fit(X, y, groups=groups)
    del other._is_compared
    estimator.__dict__ = other.__dict__ | estimator.get_params(deep=False)
    return estimator


def with_parameters(estimator, /, **changes):
    """Copy an estimator with other parameters, for a learner to read."""
    changed = object.__new__(type(estimator))
    changed.__dict__ = estimator.__dict__ | changes
    return changed
