"""Inputs that are known for the rows to forecast, and those that are not."""

from dataclasses import KW_ONLY
from numbers import Integral

import numpy as np
import pandas as pd

from .._declared import Declared


class KnownAhead(Declared):
    """What an estimator has that is told which inputs are known ahead.

    Parameters
    ----------
    known_ahead : "all", or sequence of str or int, default=()
        Inputs, by name or column, that are known for the rows to forecast: the calendar, a clear sky, a weather
        forecast. By default none, which cannot leak; the values of others in X_future are not looked at.
    """

    _: KW_ONLY
    known_ahead: object = ()

    def _columns_known_ahead(self):
        """Which columns of X are known ahead, (F,) bool."""
        F, given = self.n_features_in_, self.known_ahead
        if isinstance(given, str) and given == "all":
            return np.ones(F, bool)
        names = list(getattr(self, "feature_names_in_", ()))
        cure = f"give 'all', or a sequence of column numbers below {F}" + (f" or of {names}" if names else "")
        if isinstance(given, (str, bytes)) or not np.iterable(given):
            raise ValueError(f"known_ahead={given!r} is no set of columns: {cure}.")
        known = np.zeros(F, bool)
        for column in given:
            at = names.index(column) if column in names else column
            if not isinstance(at, Integral) or isinstance(at, (bool, np.bool_)) or not 0 <= at < F:
                raise ValueError(f"known_ahead={given!r}: {column!r} is no column of X: {cure}.")
            known[at] = True
        return known

    def _known_columns(self, fitted, X, steps):
        """X_future with zeros in the columns that are not known ahead, which nothing looks at."""
        known = fitted.trained.dynamics.is_ahead
        return X if known is None else self._complete(X, known[: self.n_features_in_])

    def _complete(self, X, known):
        """X_future with zeros in the columns that are not known ahead, which nothing looks at."""
        F = self.n_features_in_
        if X is None or known.all():
            return X
        if isinstance(X, (list, tuple)) and all(getattr(one, "ndim", 0) == 2 for one in X):
            return [self._complete(one, known) for one in X]
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(X, pd.DataFrame) and names:
            lost = [name for name, ahead in zip(names, known) if ahead and name not in X]
            if lost:
                raise ValueError(f"X_future has no column {lost[0]!r}, which known_ahead names: give it.")
            zeros = {name: 0.0 for name, ahead in zip(names, known) if not ahead}
            return X.assign(**zeros)[[*(name for name in X if name not in names), *names]]
        index = X.index if isinstance(X, pd.DataFrame) else None
        values = np.asarray(X, float)
        full = np.zeros((*values.shape[:-1], F))
        if values.shape[-1] not in (F, known.sum()):
            raise ValueError(
                f"X_future has {values.shape[-1]} columns: give all {F}, or the {known.sum()} of known_ahead."
            )
        full[..., known] = values if values.shape[-1] == known.sum() else values[..., known]
        return full if index is None else pd.DataFrame(full, index=index)
