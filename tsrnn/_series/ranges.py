"""Numbers after training that lie so far from those of training that they may be in other units: kelvin for Celsius.

Of the values v of a column in training, between ``low`` and ``high``, and their stretches s, a tenth of the rows each,

    reach = 2.5 (high - low)^2 / median_s (high_s - low_s)

is how far a column may have wandered: 2.5 times the width of one that keeps its range, 25 times that of a straight
line.  Later rows are told of where their median lies outside the range by more, or, of a column that is positive, does
so in logarithms.  Fewer than fifty values, or fewer than ten different ones, or one that stands still in most
stretches, tell nothing.

Of 51,616 stretches of 140 positive columns of real series, from directly after training to as far from it as the series
goes, 30 are told of, nearly all further away than twice the length of training; none directly after it.

Arrays: V (N, F) columns of numbers, NaN where unknown.
"""

from typing import NamedTuple

import numpy as np

from .._values import kept
from .._warn import warn


FEWEST, FEWEST_DISTINCT = 50, 10  # values, to judge by
STRETCHES, TIMES = 10, 2.5
LOOKED_AT = 2000  # values, among which different ones are counted


@kept("ranges")
class Ranges(NamedTuple):
    """What columns were in training, (F,) each: from ``low`` to ``high``; later ones may go ``reach`` beyond.

    logs : the reach of logarithms, infinite where a value is not positive.
    """

    low: np.ndarray
    high: np.ndarray
    reach: np.ndarray
    logs: np.ndarray


def ranges_of(V):
    """Return the ``Ranges`` of columns V (N, F)."""
    return Ranges(*np.array([_range_of(v[np.isfinite(v)]) for v in V.T]).reshape(-1, 4).T)


def _range_of(v):
    """Return the least and the greatest of values (n,), and the reaches."""
    if len(v) < FEWEST or len(np.unique(v[:: 1 + len(v) // LOOKED_AT])) < FEWEST_DISTINCT:
        return -np.inf, np.inf, np.inf, np.inf
    return v.min(), v.max(), _reach(v), _reach(np.log(v)) if v.min() > 0 else np.inf


def _reach(v):
    """Return how far beyond their range values (n,) may have wandered."""
    width, typical = np.ptp(v), np.median([np.ptp(s) for s in np.array_split(v, STRETCHES)])
    with np.errstate(over="ignore"):
        return TIMES * width * (width / typical) if typical > 0 else np.inf


def widened(ranges, V):
    """Return ``Ranges`` that hold columns V (N, F) too, which were learnt since."""
    known = np.where(np.isfinite(V), V, np.nan)
    return ranges._replace(
        low=np.fmin.reduce([ranges.low, *known]), high=np.fmax.reduce([ranges.high, *known])
    )


def only(ranges, told):
    """Return ``Ranges`` that tell nothing but of some columns, (F,) bool."""
    reach, logs = (np.where(told, v, np.inf) for v in (ranges.reach, ranges.logs))
    return ranges._replace(reach=reach, logs=logs)


def warn_if_far(ranges, V, name):
    """Warn where columns of V (n, F), lie far from their ``Ranges``.   name : of column k, a callable."""
    if not ((ranges.low > V) | (ranges.high < V)).any():  # so it is of most rows
        return
    known = np.isfinite(ranges.low) & np.isfinite(V).any(axis=0)
    v = np.where(known, ranges.low, 0.0)  # (F,)
    v[known] = np.nanmedian(V[:, known], axis=0)
    far = np.flatnonzero(known & _is_far(ranges, v))
    if len(far) == 0:
        return
    k, *others = far[:4]
    so_are = f", and so far away is {' and '.join(map(name, others))}" if others else ""
    warn(
        f"{name(k)} is {v[k]:.4g} in the middle of the rows given, but was from {ranges.low[k]:.4g} to "
        f"{ranges.high[k]:.4g} in training{so_are}. If it is in other units, give it in those of training; "
        "if not, fit the model on such rows, too: it has seen none."
    )


def _is_far(ranges, v):
    """Tell which numbers v (F,) lie further outside the ranges than these reach."""
    far = np.maximum(ranges.low - v, v - ranges.high) > ranges.reach
    positive = np.isfinite(ranges.logs) & (v > 0)
    low, high, v = (np.log(np.where(positive, u, 1.0)) for u in (ranges.low, ranges.high, v))
    return far | (positive & (np.maximum(low - v, v - high) > ranges.logs))
