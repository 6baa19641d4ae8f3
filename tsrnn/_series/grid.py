"""Rows on the regular grid of their stamps: where some are missing, rows without y stand in."""

from types import MappingProxyType

import numpy as np

from . import timeline as timelines
from .rows import Part
from .stamps import Stamps


def on_grid(table, longest, most=np.inf, X_lost=None, before=MappingProxyType({})):
    """Fill gaps of up to ``longest`` rows of a ``Table`` of X (N, F), y (N, O), weight (N,), by rows of weight 0.

    most : rows that are filled in, for each that there is; none of a series that lacks more.   X_lost : what X is in
    them; None: as in the row before.   before : {key: stamps (n,) of rows that are missing before, and their X (F,)}.
    """
    grids = [_places(part, longest, most) for part in table.parts]
    if not before and all(at[-1] == len(at) - 1 for at, _ in grids):
        return table
    parts, columns, end = [], [], 0
    for part, (at, stamps) in zip(table.parts, grids):
        if part.key in before:
            earlier, X_before = before[part.key]
            at, stamps = at + len(earlier), Stamps(np.concatenate([earlier, stamps.values]), stamps.clock)
        n = int(at[-1]) + 1
        lost = np.ones(n, bool)
        lost[at] = False
        held = np.maximum.accumulate(np.where(lost, 0, np.cumsum(~lost) - 1))
        X, Y, weight = (v[part.rows][held] for v in (table.X, table.y, table.weight))
        Y[lost], weight[lost] = np.nan, 0.0
        if X_lost is not None:
            X[lost] = X_lost
        if at[0]:
            X[: at[0]] = X_before
        columns.append((X, Y, weight))
        parts.append(Part(part.key, slice(end, end + n), stamps, part.name))
        end += n
    X, Y, weight = map(np.concatenate, zip(*columns))
    return table._replace(X=X, y=Y, weight=weight, parts=parts, order=None)


def _places(part, longest, most):
    """Place the rows of a part on its regular grid: positions (n,) and the grid's stamps; long gaps take no rows."""
    stamps, at = part.stamps, np.arange(part.rows.stop - part.rows.start)
    gaps = timelines.gap_starts(stamps)
    if len(gaps) == 0:
        return at, stamps
    lost = timelines.missing_before(stamps, gaps)
    gaps, lost = gaps[lost <= longest], lost[lost <= longest]
    if lost.sum() > most * len(at):
        return at, stamps
    jumps = np.zeros(len(at), int)
    jumps[gaps] = lost
    at = at + jumps.cumsum()
    values, timeline = np.empty(at[-1] + 1, np.int64), timelines.read(stamps)
    values[at] = stamps.values
    for row, n in zip(gaps, lost):
        between = timeline._replace(last=int(stamps.values[row - 1]))
        values[at[row] - n : at[row]] = timelines.ahead([between], int(n))[0][0]
    return at, Stamps(values, stamps.clock)
