"""Values of y that no other makes believable: spikes, and numbers that stand for "not measured", such as -999.

Of the n values on either side of the median, d_1 >= d_2 >= ... away from it, at most 2 % of all are doubted: those
beyond the last gap

    r_k = d_k / max(d_(k+1), half of what the other side reaches) >= 2

that a tail by Pareto's law, of index xi by Hill's estimate from the next m values, does not explain,

    P(r_k > r) = r^(-k / xi) < e^-6,    xi = (1 / m) sum_j log(d_(k+j) / d_(k+m+1)),  at least .15

and that stand alone: a value is further than d_(k+1) from the medians of the five before and the five after it.  Those
that come at regular intervals, or with inputs as rare as they are, can be forecast and are kept; of counts and others
with few values, too, all are believed.

Arrays: u (N,), one output of a series, NaN where unknown; Y (N, O), X (N, F).
"""

from functools import partial

import numpy as np

from .._warn import warn
from .stamps import show


FEWEST, FEWEST_DISTINCT = 50, 10  # values, to judge by
MOST = 0.02  # of them, that are doubted
GAP, UNLIKELY, LEAST_INDEX = 2.0, 6.0, 0.15
TAIL = 0.05  # of the values, that tell the index
AROUND = 5  # rows before and after
ALIKE, NEAR = 0.5, 0.05  # share of intervals that are equal, and how nearly, of values that come regularly
RARE = 3.5  # standard errors, by which inputs of doubted rows lie apart from the others


def believed(Y, X, parts, order=None):
    """Return Y (N, O) of some series without what is doubted, which is NaN, and say so.

    order : (N,), which of the user's rows each is, or None.
    """
    doubted = doubtful(Y, X, parts)
    if not doubted.any():
        return Y
    t, o = max(zip(*np.nonzero(doubted)), key=partial(_away, Y))
    (part,) = (part for part in parts if part.rows.start <= t < part.rows.stop)
    at = t if order is None else order[t]
    stamp = None if part.stamps is None else part.stamps.values[t - part.rows.start]
    when = "" if stamp is None else f" ({show(part.stamps.clock, stamp)})"
    rows = np.flatnonzero(doubted.any(axis=1))
    others = f", and so are {len(rows) - 1} more such rows" if len(rows) > 1 else ""
    warn(
        f"y is {Y[t, o]:.6g} in row {at}{when}, {_times(Y[part.rows, o], doubted[part.rows, o])} times as far from the "
        f"median as the furthest other value: that is taken as not measured{others}. Set it to NaN; or give "
        "target_bounds=None where such values are real."
    )
    return np.where(doubted, np.nan, Y)


def _away(Y, place):
    """Measure how far Y (N, O) is from the median in a place (t, o)."""
    return abs(Y[place] - np.nanmedian(Y[:, place[1]]))


def _times(u, doubted):
    """Return how many times as far from the median as others the values of u (n,) get that are doubted."""
    d = np.abs(u - np.nanmedian(u))
    return f"{np.nanmax(d[doubted]) / np.nanmax(d[~doubted]):.3g}"


def doubtful(Y, X, parts):
    """Tell which values of Y (N, O) of some series are doubted, (N, O) bool."""
    out = np.zeros(Y.shape, bool)
    for part in parts:
        for o, u in enumerate(Y[part.rows].T):
            out[part.rows, o] = _doubted(u, X[part.rows])
    return out


def _doubted(u, X):
    """Tell which values of one output (N,) of a series are doubted."""
    out, known = np.zeros(len(u), bool), np.flatnonzero(np.isfinite(u))
    if len(known) < FEWEST:
        return out
    u = u[known]
    far = np.flatnonzero(_beyond_gaps(u))
    at = known[far]
    if 0 < len(far) <= _most(u) and not (_regular(at) or _explained(at, X)):
        out[at] = True
    return out


def _most(u):
    """Return how many of the values u (n,) are doubted at most."""
    return max(1, int(MOST * len(u)))


def _beyond_gaps(u):
    """Tell which of the values u (n,) lie beyond a gap, on either side, and stand alone."""
    d, far = u - np.median(u), np.zeros(len(u), bool)
    reach = np.partition(np.abs(d), -_most(u) - 1)[-_most(u) - 1]  # of what is surely believed
    for side in (d, -d) if reach > 0 else ():
        limit, bulk = _gap(side, reach / 2)
        at = np.flatnonzero(side >= limit)
        far[at[_distance(u, at) > bulk]] = True
    return far


def _gap(d, least):
    """Return where the outer values of d (n,) begin, inf if there are none, and where the others end.

    least : that a gap is measured by.
    """
    k, m = _most(d), max(10, int(TAIL * len(d)))
    n = min(len(d), k + m + 1)
    tail = np.sort(np.partition(d, -n)[-n:])[::-1]
    tail = np.maximum(tail[tail > 0], 1e-300)
    for j in range(min(k, len(tail) - 1), 0, -1):
        bulk = max(tail[j], least)
        if tail[j - 1] < GAP * bulk:
            continue
        if len(np.unique(d[np.abs(d) <= bulk])) < FEWEST_DISTINCT:
            break
        after = tail[j : j + m + 1]
        index = max(np.log(after[:-1] / after[-1]).mean() if len(after) > 1 else 0.0, LEAST_INDEX)
        if j * np.log(tail[j - 1] / bulk) > UNLIKELY * index:
            return tail[j - 1], bulk
    return np.inf, 0.0


def _distance(u, at):
    """Measure how far values of u (n,), in places ``at`` (m,), lie from the medians before and after them, (m,)."""
    padded = np.concatenate([np.full(AROUND, u[0]), u, np.full(AROUND, u[-1])])
    steps = np.arange(AROUND)
    before = np.median(padded[at[:, None] + steps], axis=1)
    after = np.median(padded[at[:, None] + AROUND + 1 + steps], axis=1)
    return np.maximum(np.minimum(before, after) - u[at], u[at] - np.maximum(before, after))


def _regular(at):
    """Tell whether rows (m,) come at regular intervals."""
    apart = np.sort(np.diff(at))
    if len(apart) < 2:
        return False
    alike = np.searchsorted(apart, apart * (1 + NEAR), "right") - np.arange(len(apart))
    return alike.max() > max(1, ALIKE * len(apart))


def _explained(at, X):
    """Tell whether inputs X (N, F) are unusual in rows (m,), or in those before."""
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = [X[np.maximum(at - back, 0)].mean(axis=0) - X.mean(axis=0) for back in (0, 1)]
        return bool((np.abs(apart) * np.sqrt(len(at)) > RARE * X.std(axis=0)).any())
