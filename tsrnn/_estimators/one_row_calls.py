"""Drivers that ask for one row at a time, which gets them the same step again and again."""

from weakref import WeakKeyDictionary

import numpy as np

from .._series import timeline as timelines
from .._warn import warn


# Estimator -> one-row predictions in a row; kept outside it, for predict changes nothing.
_one_row_calls = WeakKeyDictionary()


def note_one_row_call(estimator, fitted, table, start):
    """Warn if a driver asks for one row at a time, which gets it the same step again and again."""
    start = estimator.start if start is None else start
    if len(table.X) > 1 or not (isinstance(start, str) and start in ("auto", "end")):
        return
    part = table.parts[0]
    place = fitted.series.get(part.key)
    stands_still = place is None or _is_empty(place.past.memory) or not fitted.trained.dynamics.goes_on
    if stands_still or timelines.tells(part.stamps):
        return
    series, count = _one_row_calls.get(estimator, (None, 0))
    count = count + 1 if series is fitted.series else 1
    _one_row_calls[estimator] = fitted.series, count
    if count == 2:
        warn(
            f"{type(estimator).__name__}.predict was called with a single row twice in succession, without an index: "
            "both calls start from the last row seen, because predict never changes the model. For several steps use "
            "forecast(steps), or one predict over all rows; to take in measurements use update(X, y)."
        )


def _is_empty(memory):
    """Return whether nothing is carried from row to row."""
    if isinstance(memory, tuple):
        return all(map(_is_empty, memory))
    return np.size(memory) == 0
