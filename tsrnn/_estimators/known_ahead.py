"""Inputs that are known for the rows to forecast, and those that are not."""

from dataclasses import KW_ONLY
from numbers import Integral

import numpy as np
import pandas as pd

from .._declared import Declared


class KnownAhead(Declared):
    """Base of estimators with inputs known ahead.

    Parameters
    ----------
    known_ahead : "all", or sequence of str or int, default=()
        Inputs, by name or column, that are known for the rows to forecast: the calendar, a clear sky, a weather
        forecast. By default none, which cannot leak; the values of others in X_future are not looked at.
    """

    _: KW_ONLY
    known_ahead: object = ()

    def _columns_known_ahead(self):
        """Return which columns of X are known ahead, (F,) bool."""
        F, columns = self.n_features_in_, self.known_ahead
        if isinstance(columns, str) and columns == "all":
            return np.ones(F, bool)
        names = list(getattr(self, "feature_names_in_", ()))
        cure = f"give 'all', or a sequence of column numbers below {F}" + (f" or of {names}" if names else "")
        if isinstance(columns, (str, bytes)) or not np.iterable(columns):
            raise ValueError(f"known_ahead={columns!r} is not a set of columns: {cure}.")
        is_ahead = np.zeros(F, bool)
        for column in columns:
            at = names.index(column) if column in names else column
            if not isinstance(at, Integral) or isinstance(at, (bool, np.bool_)) or not 0 <= at < F:
                raise ValueError(f"known_ahead={columns!r}: {column!r} is not a column of X: {cure}.")
            is_ahead[at] = True
        return is_ahead

    def _known_columns(self, fitted, X, steps):
        """Fill the columns of X_future that are not known ahead with zeros, which are never read."""
        is_ahead = fitted.trained.dynamics.is_ahead
        return X if is_ahead is None else self._complete(X, is_ahead[: self.n_features_in_])

    def _complete(self, X, is_ahead):
        """Fill the columns of X_future that are not known ahead with zeros, which are never read."""
        F = self.n_features_in_
        if X is None or is_ahead.all():
            return X
        if isinstance(X, (list, tuple)) and all(getattr(of_series, "ndim", 0) == 2 for of_series in X):
            return [self._complete(of_series, is_ahead) for of_series in X]
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(X, pd.DataFrame) and names:
            lost = [name for name, ahead in zip(names, is_ahead) if ahead and name not in X]
            if lost:
                raise ValueError(f"X_future has no column {lost[0]!r}, which known_ahead names: give it.")
            zeros = {name: 0.0 for name, ahead in zip(names, is_ahead) if not ahead}
            return X.assign(**zeros)[[*(name for name in X if name not in names), *names]]
        index = X.index if isinstance(X, pd.DataFrame) else None
        values = np.asarray(X, float)
        full = np.zeros((*values.shape[:-1], F))
        if values.shape[-1] not in (F, is_ahead.sum()):
            raise ValueError(
                f"X_future has {values.shape[-1]} columns: give all {F}, or the {is_ahead.sum()} of known_ahead."
            )
        full[..., is_ahead] = values if values.shape[-1] == is_ahead.sum() else values[..., is_ahead]
        return full if index is None else pd.DataFrame(full, index=index)
