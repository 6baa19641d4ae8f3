"""Warnings that name the user's own line."""

import re
import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path


HELD_BACK = ContextVar("warnings held back", default=None)  # a list of (message, category), in this thread
PACKAGE = str(Path(__file__).parent)
PASSED_ON = (  # libraries whose frames lie between tsrnn's and the user's
    "concurrent",
    "contextlib",
    "joblib",
    "numba",
    "numpy",
    "pandas",
    "pickle",
    "scipy",
    "sklearn",
    "threading",
)


class WorseThanNaiveWarning(UserWarning):
    """A model was fitted that is worse than the last value, the value a season ago or, of labels, their frequencies.

    Given by ``fit``, which compares root mean squared errors of free runs on the rows held back or, for a model that
    never holds any back, on the last rows of training. A season is a day, week or year of the index. Of a classifier of
    rows it compares log losses on the rows held back.
    ``warnings.simplefilter("error", tsrnn.WorseThanNaiveWarning)`` makes it an error.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> import pandas as pd
    >>> from tsrnn import ARXRegressor, WorseThanNaiveWarning
    >>> y = np.resize([5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 210)
    >>> y += 0.01 * np.random.default_rng(0).normal(size=210)
    >>> y = pd.Series(y, pd.date_range("2024-01-01", periods=210))
    >>> with warnings.catch_warnings(record=True) as given:
    ...     warnings.simplefilter("always", WorseThanNaiveWarning)
    ...     model = ARXRegressor(output_lags=2, target_transform=None).fit(None, y)
    >>> print(str(given[0].message)[:77])
    ARXRegressor is worse than the seasonal naive forecast (the last 7 rows): the
    """


@contextmanager
def summed(what):
    """Hold tsrnn's warnings back; at the end give the first of those that differ in numbers only, with their count."""
    held, alike = [], {}
    before = HELD_BACK.set(held)
    try:
        yield
    finally:
        HELD_BACK.reset(before)
    for message, category in held:
        alike.setdefault((re.sub(r" ?\(.*?\)|\d+", "", message), category), []).append(message)
    for (_, category), messages in alike.items():
        more = f" (So in {len(messages)} {what}; this is the first.)" if len(messages) > 1 else ""
        warn(messages[0] + more, category)


def warn(message, category=UserWarning):
    """Warn at the nearest line outside tsrnn and the libraries that only pass a call on, unless ``summed`` holds it."""
    held = HELD_BACK.get()
    if held is not None:
        held.append((message, category))
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_ours(frame):
    """Return whether a frame belongs to tsrnn, or to a library between it and the user."""
    name = frame.f_globals.get("__name__", "")
    return frame.f_code.co_filename.startswith(PACKAGE) or name.partition(".")[0] in PASSED_ON
