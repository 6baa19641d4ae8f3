"""Which rows a model was trained on: marks by which they are known again, in whatever container they come.

A mark is a number for SPAN rows of y in a row, the same only for the same values:

    mark(t) = sum_k r^k v(t + k) = r^-t (C(t + SPAN) - C(t)),    C(t) = sum_s<t r^s v(s),    modulo 2^64
    v(t) = sum_o m(o) mix(bits(y(t, o))),    r and m random and odd

so that those of all rows are a few sums. The bits of integers end in zeros, which a product keeps: so they are mixed
first, as splitmix64 does.

Marks are kept of as many spans as MOST, spread evenly over the rows that were learnt, back from the last: rows to
calibrate with mostly overlap with those. There are none where y hardly changes, as between rare events, or is not
known, and none of spans that come again: new rows may be like these, too.
"""

import numpy as np

from ..._series import timeline as timelines
from ..._warn import warn
from .segments import WARM


SPAN = 32  # rows
COUNT = 8  # rows of a span behind those that a model warms up with, from which on it is told
CHANGES = 8  # of y from row to row, the fewest in a span by which it is known again
MOST = 1000  # marks, of all series together


def with_marks(errors, trained, table, learnt=True):
    """Return ``Errors`` with the marks of a table's rows that were ``learnt``, (N,) bool, added; None stays None."""
    # in this order, since to count the weights that a penalty leaves free takes a large ESN a fifth of its fit
    if errors is None or not (trained.dynamics.theta.size or trained.weights_an_output()):
        return errors
    new = _marks_of(table.y, table.parts, np.broadcast_to(learnt, len(table.y)))
    marks = np.union1d(np.asarray(errors.marks, np.uint64), new)
    few = np.linspace(0, len(marks) - 1, MOST).astype(int) if len(marks) > MOST else slice(None)
    return errors._replace(marks=marks[few])


def _marks_of(Y, parts, learnt):
    """Return marks (m,) of the rows of Y (N, O) that were ``learnt``, (N,) bool."""
    every = max(SPAN, len(Y) // MOST)
    last = [part.rows.start + np.flatnonzero(learnt[part.rows])[-1:] for part in parts]
    first = [
        np.arange(end + 1 - SPAN, part.rows.start - 1, -every) for part, at in zip(parts, last) for end in at
    ]
    first = np.concatenate([*first, np.empty(0, int)])
    rows = first[:, None] + np.arange(SPAN)  # (m, SPAN)
    varies = ((np.diff(Y[rows], axis=1) != 0).sum(axis=1) >= CHANGES).all(axis=1)
    known = np.isfinite(Y[rows]).all(axis=(1, 2))
    marks = _marks(Y)
    new = np.unique(marks[first[varies & known & learnt[rows].all(axis=1)]])
    return new[_counted(new, marks) == 1]


def _counted(some, marks):
    """Count how often each of some ascending marks (m,) is among marks (n,)."""
    at = np.searchsorted(some, marks)  # (n,)
    found = np.append(some, np.uint64(0))[at] == marks
    return np.bincount(at[found & (at < len(some))], minlength=len(some))


def warn_of_learnt(marks, table):
    """Warn where a table to calibrate with has rows that were trained on, behind those that a model warms up with."""
    for part in table.parts:
        n = part.rows.stop - part.rows.start
        row = _first_learnt(marks, table.y[part.rows], min(WARM, n // 2))
        if row is not None:
            stamps = part.stamps if timelines.tells(part.stamps) else None
            where = f"row {row}" if stamps is None else timelines.show(stamps.clock, stamps.values[row])
            warn(
                f"calibrate: the model was trained on some of these rows, such as those from {where} on. Its errors "
                "there are smaller than on new rows, so intervals will be too narrow: give later rows, or cv=5, which "
                "refits copies without them."
            )
            return


def _first_learnt(marks, Y, skip):
    """Find a span of Y (N, O) that was learnt and ends behind ``skip`` rows; returns its first row there, or None."""
    first = max(skip + COUNT - SPAN, 0)
    known = np.isin(_marks(Y)[first:], marks, kind="sort")  # NumPy 2.0 fails at tables of numbers beyond 2^63
    return max(skip, first + int(np.argmax(known))) if known.any() else None


def _marks(Y):
    """Return the marks of all spans of Y (N, O), (N - SPAN + 1,) or none."""
    N, rng = len(Y), np.random.default_rng(0)
    if N < SPAN:
        return np.empty(0, np.uint64)
    m = rng.integers(2**63, size=Y.shape[1] + 1, dtype=np.uint64) * 2 + 1
    r = m[-1]
    v = _mixed(np.ascontiguousarray(Y, float).view(np.uint64)) @ m[:-1]  # (N,)
    powers, inverses = (
        np.cumprod(np.append(np.uint64(1), np.full(N, f))) for f in (r, _inverse(r))
    )  # (N + 1,)
    C = np.append(np.uint64(0), np.cumsum(powers[:-1] * v))  # (N + 1,)
    return (C[SPAN:] - C[:-SPAN]) * inverses[: N - SPAN + 1]


def _inverse(odd):
    """Return the inverse of an odd number modulo 2^64."""
    return np.uint64(pow(int(odd), -1, 2**64))


def _mixed(bits):
    """Mix each of bits (N, O), so that all of them tell in the high ones and in the low ones."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
