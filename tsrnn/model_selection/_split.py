"""Splits of panels by time."""

import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit

from .._series.stamps import is_default, numbers


class PanelTimeSeriesSplit(TimeSeriesSplit):
    """Splits of a panel by time: every series is cut at the same stamps, and tests come after training.

    As scikit-learn's ``TimeSeriesSplit``, of the distinct stamps of all series instead of the rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits.
    max_train_size : int, optional
        Stamps in a training set at most, the last ones.
    test_size : int, optional
        Stamps in a test set; by default ``n_stamps // (n_splits + 1)``.
    gap : int, default=0
        Stamps left out between training and test.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsrnn.model_selection import PanelTimeSeriesSplit
    >>> index = pd.MultiIndex.from_product([["a", "b"], pd.date_range("2020", periods=4)])
    >>> X = pd.DataFrame({"x": range(8)}, index=index)
    >>> for train, test in PanelTimeSeriesSplit(2, test_size=1).split(X):
    ...     print(train, test)
    [0 1 4 5] [2 6]
    [0 1 2 4 5 6] [3 7]
    """

    def split(self, X, y=None, groups=None):
        """Yield the rows of training and of test, split by split.

        Parameters
        ----------
        X, y : array-like of shape (n_rows, ...)
            The index of X, or else of y, is time; of a MultiIndex its last level.
        groups : array-like of shape (n_rows,), optional
            (A search hands groups to the splitter only: the model wants a MultiIndex or its ``series``.)
            The series of each row: where there is no such index, the n-th rows of all series have the same time.

        Yields
        ------
        train, test : ndarray of int
            Rows, ascending.

        Raises
        ------
        ValueError
            There is no time, a stamp is missing, or there are too few stamps.
        """
        time, n = _stamps_of_rows(X, y, groups)
        test_size = n // (self.n_splits + 1) if self.test_size is None else self.test_size
        if self.n_splits >= n or n - self.gap - self.n_splits * test_size <= 0:
            raise ValueError(
                f"{n} distinct stamps are too few for n_splits={self.n_splits}, test_size={self.test_size} and "
                f"gap={self.gap}: give fewer or smaller tests."
            )
        for train, test in super().split(np.arange(n)):
            yield np.flatnonzero(np.isin(time, train)), np.flatnonzero(np.isin(time, test))


def _stamps_of_rows(X, y, groups):
    """Number the stamp of each row, (N,); returns them and the number of distinct stamps."""
    for name, v in {"X": X, "y": y}.items():
        index = getattr(v, "index", None)
        if isinstance(index, pd.Index) and not is_default(index):
            keys = numbers(index, name)
            if keys is None:  # any labels that can be sorted
                keys = (index.get_level_values(-1).to_numpy(),)
            time, distinct = pd.factorize(keys[0], sort=True)
            return time, len(distinct)
    if groups is None:
        raise ValueError(
            "Neither X nor y has an index that tells time: give a MultiIndex (series, time), whose last level is time, "
            "or groups, the series of each row."
        )
    time = pd.Series(np.asarray(groups)).groupby(np.asarray(groups)).cumcount().to_numpy()
    return time, int(time.max()) + 1
