"""Values of y that no other makes believable: spikes, and numbers that stand for "not measured", such as -999.

Of the n values on either side of the median, d_1 >= d_2 >= ... away from it, at most 2 % of all are doubted: those
beyond the last gap

    r_k = d_k / max(d_(k+1), half of what the other side reaches) >= 2

that a tail by Pareto's law, of index xi by Hill's estimate from the next m values, does not explain,

    P(r_k > r) = r^(-k / xi) < e^-6,    xi = (1 / m) sum_j log(d_(k+j) / d_(k+m+1)),  at least .15

and that stand alone: a value is further than d_(k+1) from the medians of the five before and the five after it.  Those
that come at regular intervals, or with inputs as rare as they are, can be forecast and are kept; of counts and others
with few values, too, all are believed.

Nines such as -999 stand for no value, wherever they are, up to half of the rows, if they lie beyond the others by their
range, or are below 0 where no other is.

Of rows after training, of which no later ones are known, a value is doubted that lies outside the range of training by
its width, or (e^(6 xi) - 1) / 2 times that, which heavy tails may reach, and from the last value that was believed by
5/4 of it; but never a third in a row, which is a new level, nor more than 2 % and two, and none once y has left the
range so far; of counts, and of what is seldom anything, none.

Arrays: u (N,), one output of a series, NaN where unknown; Y (N, O), X (N, F).
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from .._values import kept
from .._warn import warn
from .stamps import show


FEWEST, FEWEST_DISTINCT = 50, 10  # values, to judge by
MOST = 0.02  # of them, that are doubted
GAP, UNLIKELY, LEAST_INDEX = 2.0, 6.0, 0.15
TAIL = 0.05  # of the values, that tell the index
AROUND = 5  # rows before and after
ALIKE, NEAR = 0.5, 0.05  # share of intervals that are equal, and how nearly, of values that come regularly
RARE = 3.5  # standard errors, by which inputs of doubted rows lie apart from the others
NINES = [9.0 * (10**k // 9) + tail for k in range(2, 8) for tail in (0, 0.9, 0.99)]
CODES = np.array([*(c for c in NINES if c > 100), *(-c for c in NINES)])
MOST_CODED = 0.5  # of the rows
BESIDE, JUMP, FAR = 1.0, 1.25, 1.0  # widths of the range of training
MOST_IN_A_ROW = 2  # rows doubted after training


def believed(table):
    """Return a ``Table`` without the y (N, O) of some series that is doubted, which is NaN, and say so.

    Rows of weight 0 are no evidence, and stay.
    """
    Y, parts = np.where(table.weight[:, None] > 0, table.y, np.nan), table.parts
    doubted = doubtful(Y, table.X, parts)
    if not doubted.any():
        return table
    t, o = max(zip(*np.nonzero(doubted)), key=partial(_away, Y))
    (rows,) = (part.rows for part in parts if part.rows.start <= t < part.rows.stop)
    others, n = Y[rows, o][~doubted[rows, o]], np.count_nonzero(doubted.any(axis=1))
    warn(
        f"y is {Y[t, o]:.6g}{_where(table, t)}, but from {np.nanmin(others):.6g} to {np.nanmax(others):.6g} elsewhere: "
        f"that is taken as not measured{_others(n - 1)}. Set it to NaN; or give target_bounds=None where such values "
        "are real."
    )
    return table._replace(y=np.where(doubted, np.nan, table.y))


def _away(Y, place):
    """Measure how far Y (N, O) is from the median in a place (t, o)."""
    return abs(Y[place] - np.nanmedian(Y[:, place[1]]))


def doubtful(Y, X, parts):
    """Tell which values of Y (N, O) of some series are doubted, (N, O) bool."""
    out, codes = np.zeros(Y.shape, bool), np.isin(Y, CODES)
    for part in parts:
        for o, u in enumerate(Y[part.rows].T):
            out[part.rows, o] = _doubted(u, X[part.rows], codes[part.rows, o])
    return out


def _doubted(u, X, codes):
    """Tell which values of one output (N,) of a series are doubted.   codes : (N,) bool, those that look like one."""
    out, known = _coded(u, codes), np.flatnonzero(np.isfinite(u))
    known = known[~out[known]]
    if len(known) < FEWEST:
        return out
    u = u[known]
    far = np.flatnonzero(_beyond_gaps(u))
    at = known[far]
    if 0 < len(far) <= _most(u) and not (_regular(at) or _explained(at, X)):
        out[at] = True
    return out


def _coded(u, codes):
    """Tell which of the values u (N,) that look like codes are some."""
    if not codes.any():
        return codes.copy()
    others = u[np.isfinite(u) & ~codes]
    if len(others) < max(FEWEST, (1 - MOST_CODED) * np.count_nonzero(np.isfinite(u))):
        return np.zeros(len(u), bool)
    return codes & _beyond(u, others.min(), others.max())


def _beyond(u, low, high):
    """Tell which values u lie beyond a range by its width, or below 0 where it does not."""
    width = high - low
    return (u < low - width) | (u > high + width) | ((u < 0) & (low >= 0))


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
    steps = np.arange(AROUND)  # near an end the five there, so that three in a row do not stand alone
    before = np.median(u[np.maximum(at - AROUND, 0)[:, None] + steps], axis=1)
    after = np.median(u[np.minimum(at + 1, len(u) - AROUND)[:, None] + steps], axis=1)
    return np.maximum(np.minimum(before, after) - u[at], u[at] - np.maximum(before, after))


def _regular(at):
    """Tell whether rows (m,) come at regular intervals."""
    apart = np.sort(np.diff(at))
    if len(apart) < 2:
        return False
    alike = np.searchsorted(apart, apart * (1 + NEAR), "right") - np.arange(len(apart))
    return alike.max() > max(1, ALIKE * len(apart))


def _explained(at, X):
    """Tell whether inputs X (N, F), NaN where unknown, are unusual in rows (m,), or in those before."""
    X = X[:, np.fmin.reduce(X) < np.fmax.reduce(X)]  # a constant's mean is rounded, and differs from it
    mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    apart = [np.nan_to_num(X[np.maximum(at - back, 0)] - mean).mean(axis=0) for back in (0, 1)]
    return bool((np.abs(apart) * np.sqrt(len(at)) > RARE * spread).any())


# ---------------------------------------------------------------------------------------- after training


@kept("doubt")
class Doubt(NamedTuple):
    """The end of one output of a series.

    last : the last y that was believed.   run : values doubted since.   seen, doubted : values since training.
    """

    last: float
    run: int = 0
    seen: int = 0
    doubted: int = 0


def ends_of(Y):
    """Return the least and the greatest of each output of Y (N, O), and the width that later values are measured by.

    None where values are too few to tell.
    """
    if (np.isfinite(Y).sum(axis=0) < FEWEST).any():
        return None
    low, high = np.nanmin(Y, axis=0), np.nanmax(Y, axis=0)
    return low, high, (high - low) * [_heaviness(u[np.isfinite(u)]) for u in Y.T]


def _heaviness(u):
    """Return how many times wider than u (n,) what its tails allow is, by Hill's index; at least 1."""
    d, m = np.abs(u - np.median(u)), max(10, int(TAIL * len(u)))
    tail = np.partition(d, -m - 1)[-m - 1 :]
    least = tail.min()
    index = np.log(tail / least).sum() / m if least > 0 else 0.0
    return max(1.0, (np.exp(min(UNLIKELY * index, 300.0)) - 1) / 2)


def tells_later(Y):
    """Tell of which outputs of Y (N, O) later values are doubted, (O,) bool: not of counts, nor of what is seldom."""
    counts = [np.unique(u[np.isfinite(u)], return_counts=True)[1] for u in Y.T]
    return [len(n) >= FEWEST_DISTINCT and n.sum() - n.max() + 1 >= FEWEST for n in counts]


def last_believed(Y, tells):
    """Return the ``Doubt`` at the end of each output of Y (N, O), all of which is believed; None where all later is.

    tells : as of ``tells_later``.
    """
    known = [u[np.isfinite(u)] for u in Y.T]
    return tuple(Doubt(float(u[-1]) if len(u) else np.nan) if t else None for u, t in zip(known, tells))


def believed_after(table, ends, before, impossible):
    """Return a ``Table`` without the y that is doubted, which is NaN, and say so; with the ``Doubt`` at the ends.

    ends : as of ``ends_of``.   before : {key: (O,) ``Doubt``} of series that go on; all is believed of the others.
    impossible : (N, O) bool, those of which the model can make nothing; or (1, 1) False.
    """
    beyond = _beyond(table.y, *ends[:2])
    if not (beyond | impossible).any():
        known = [(p.key, table.y[p.rows]) for p in table.parts if before.get(p.key) is not None]
        return table._replace(doubt={key: _gone_on(Y, before[key]) for key, Y in known})
    coded = np.isin(table.y, CODES) & beyond
    Y, doubt = np.where(impossible | coded, np.nan, table.y), {}
    for part in table.parts:
        if before.get(part.key) is not None:
            doubted, doubt[part.key] = doubtful_after(Y[part.rows], ends, before[part.key])
            Y[part.rows][doubted] = np.nan
    taken = np.isfinite(table.y) & np.isnan(Y)
    if taken.any():
        t, o = np.argwhere(taken)[0]
        n, low, high = np.count_nonzero(taken.any(axis=1)), ends[0][o], ends[1][o]
        warn(
            f"y is {table.y[t, o]:.6g}{_where(table, t)}, but was from {low:.6g} to {high:.6g} in training: that is "
            f"taken as not measured{_others(n - 1)}. Set it to NaN; or, where such values are real, fit with "
            "target_bounds=None and target_transform=None."
        )
    return table._replace(y=Y, doubt=doubt)


def _others(n):
    """Tell of n more rows."""
    return "" if n == 0 else ", and so is 1 more such row" if n == 1 else f", and so are {n} more such rows"


def _where(table, t):
    """Name row t of a table in the user's order, with its series and its stamp, or that of a list's series."""
    (part,) = (part for part in table.parts if part.rows.start <= t < part.rows.stop)
    begin, stamps = part.rows.start, part.stamps
    more = [] if stamps is None else [show(stamps.clock, stamps.values[t - begin])]
    if table.form != "table":
        at = f"{t - begin} of series {part.key!r}"
    else:
        at = t if table.order is None else table.order[t]
        more += [] if part.key is None else [f"series {part.key!r}"]
    return f" in row {at}" + (f" ({', '.join(more)})" if more else "")


def _gone_on(Y, before):
    """Return each ``Doubt`` (O,) after Y (N, O), all of which is believed."""
    after = []
    for u, doubt in zip(Y.T, before):
        u = u[np.isfinite(u)]
        if doubt is not None and len(u):
            doubt = doubt._replace(last=float(u[-1]), run=0, seen=doubt.seen + len(u))
        after.append(doubt)
    return tuple(after)


def doubtful_after(Y, ends, before):
    """Tell which values of Y (N, O) of a series are doubted after training, (N, O) bool; and each ``Doubt`` after them.

    ends : those of training.   before : (O,) ``Doubt``, or None where all is believed.
    """
    out, after = np.zeros(Y.shape, bool), list(before)
    for o, (u, *range_of) in enumerate(zip(Y.T, *ends)):
        known = np.flatnonzero(np.isfinite(u))
        if len(known) and before[o] is not None:
            doubted, after[o] = _doubted_after(u[known], *range_of, before[o])
            out[known[doubted], o] = True
    return out, tuple(after)


def _doubted_after(u, low, high, width, before):
    """Tell which of the values u (n,) are doubted, (n,) bool; and the ``Doubt`` after them."""
    (last, run, seen, count), doubted = before, np.zeros(len(u), bool)
    beside = (u < low - BESIDE * width) | (u > high + BESIDE * width)
    jumps = np.abs(np.diff(u, prepend=last if np.isfinite(last) else (low + high) / 2)) > JUMP * width
    for k in np.flatnonzero(beside).tolist() if (beside & jumps).any() else ():
        if k and not doubted[k - 1]:
            last, run = u[k - 1], 0
        known = last if np.isfinite(last) else min(max(u[k], low), high)
        far = abs(u[k] - known) > JUMP * width and low - FAR * width <= known <= high + FAR * width
        few = run < MOST_IN_A_ROW and count < MOST_IN_A_ROW + MOST * (seen + k)
        doubted[k] = far and few
        last, run, count = (last, run + 1, count + 1) if doubted[k] else (u[k], 0, count)
    last, run = (last, run) if doubted[-1] else (u[-1], 0)
    return doubted, Doubt(float(last), run, seen + len(u), count)
