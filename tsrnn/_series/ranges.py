"""Numbers after training that lie so far from those of training that they may be in other units: kelvin for Celsius.

Of the values v of a column in training, between ``low`` and ``high``, and their stretches s, a tenth of the rows each,

    reach = 2.5 (high - low)^2 / median_s (high_s - low_s)

is how far a column may have wandered: 2.5 times the width of one that keeps its range, 25 times that of a straight
line.  Later rows are told of where their median lies outside the range by more, or, of a column that is positive, does
so in logarithms; by a reach 2.5 times less where 273.15 more or less is in the range, as of kelvin for Celsius.  Fewer
than fifty values, or fewer than ten different ones, or one that stands still in most stretches, tell nothing.

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
KELVIN = 273.15
LOOKED_AT = 2000  # values, among which different ones are counted


@kept("ranges")
class Ranges(NamedTuple):
    """What columns were in training, (F,) each: from ``low`` to ``high``; later ones may go ``reach`` beyond.

    logs : the reach of logarithms, infinite where a value is not positive.   below, above : between them all is well.
    """

    low: np.ndarray
    high: np.ndarray
    reach: np.ndarray
    logs: np.ndarray
    below: np.ndarray
    above: np.ndarray


def ranges_of(V, parts):
    """Return the ``Ranges`` of columns V (N, F), of whose rows each slice among ``parts`` is a series."""
    stretches = [k for part in parts for k in _stretches(part)]
    columns = [_range_of(V[:, k], stretches) for k in range(V.shape[1])]
    return _ranges(*np.array(columns).reshape(-1, 4).T)


def _stretches(part):
    """Return where the stretches of a slice of rows begin, none of fewer rows than three."""
    rows = part.stop - part.start
    n = max(1, min(STRETCHES, rows // 3))
    return [part.start + k * rows // n for k in range(n)]


def _range_of(v, stretches):
    """Return the least and the greatest of values (N,), and the reaches."""
    known = v[np.isfinite(v)]
    if len(known) < FEWEST or len(np.unique(known[:: 1 + len(known) // LOOKED_AT])) < FEWEST_DISTINCT:
        return -np.inf, np.inf, np.inf, np.inf
    low, high = known.min(), known.max()
    return low, high, _reach(v, stretches), _reach(np.log(v), stretches) if low > 0 else np.inf


def _reach(v, stretches):
    """Return how far beyond their range values (N,) may have wandered."""
    with np.errstate(over="ignore", invalid="ignore"):
        widths = np.fmax.reduceat(v, stretches) - np.fmin.reduceat(v, stretches)
        width, typical = np.nanmax(v) - np.nanmin(v), np.nanmedian(widths)
        return TIMES * width * (width / typical) if typical > 0 else np.inf


def _ranges(low, high, reach, logs):
    """Return ``Ranges``, with the nearest numbers that may be too far."""
    with np.errstate(over="ignore", invalid="ignore"):
        times, is_positive = np.exp(logs), np.isfinite(logs)
        below = np.fmax(low - reach / TIMES, np.where(is_positive, low / times, -np.inf))
        above = np.fmin(high + reach / TIMES, np.where(is_positive, high * times, np.inf))
    return Ranges(low, high, reach, logs, below, above)


def widened(ranges, V):
    """Return ``Ranges`` that hold columns V (N, F) too, which were learnt since."""
    known = np.where(np.isfinite(V), V, np.nan)
    low = np.fmin(ranges.low, np.fmin.reduce(known, axis=0))
    return _ranges(low, np.fmax(ranges.high, np.fmax.reduce(known, axis=0)), ranges.reach, ranges.logs)


def only(ranges, told):
    """Return ``Ranges`` that tell nothing but of some columns, (F,) bool."""
    reach, logs = (np.where(told, v, np.inf) for v in (ranges.reach, ranges.logs))
    return _ranges(ranges.low, ranges.high, reach, logs)


def warn_if_far(ranges, V, name):
    """Warn where columns of V (n, F) lie far from their ``Ranges``.   name : of column k, a callable."""
    if not np.count_nonzero((ranges.below > V) | (ranges.above < V)):  # so it is of most rows, in no time
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
    shifted = [(ranges.low <= u) & (u <= ranges.high) for u in (v - KELVIN, v + KELVIN)]
    reach = np.where(np.any(shifted, axis=0), ranges.reach / TIMES, ranges.reach)
    far = np.maximum(ranges.low - v, v - ranges.high) > reach
    positive = np.isfinite(ranges.logs) & (v > 0)
    low, high, v = (np.log(np.where(positive, u, 1.0)) for u in (ranges.low, ranges.high, v))
    return far | (positive & (np.maximum(low - v, v - high) > ranges.logs))
