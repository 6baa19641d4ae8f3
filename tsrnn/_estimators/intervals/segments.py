"""Which rows errors are taken from: ``Segment`` after ``Segment``, each with some rows before it to warm up."""

from numbers import Integral

import numpy as np
import pandas as pd

from ..._check import check_number
from ..._series.timeline import tells, to_index
from ..._series.units import runs_of
from ..following import cut
from ..held_back import last_rows
from .errors import Segment


MOST_ROWS = 10_000  # kept for calibration
STRETCH = 1000  # rows, of very many, that are kept together
WARM = 100  # rows that are followed before errors count
HELD = 0.15  # share of the rows, the last ones, that errors are taken from where none were held back
FEWEST, MOST_SHARE = 50, 0.5  # rows of a short series that are taken at least, and the most of it
LEAST_KEPT = 20  # rows of each of very many stretches, of which some are left out instead
MAX_FOLD_PIECES, MIN_PIECE_ROWS = 4, 200  # a fold of calibrate(cv=k) is at most 4 pieces of at least 200 rows


def held_segments(maker, rows, own):
    """Make ``Segment`` after ``Segment`` of held rows or, where none are held, of the last rows of each piece.

    rows : ``TrainingRows``.   own : whether segments name the maker.
    """
    any_held = rows.held.any()
    stretches = []  # rows, the first of their piece, and where those beyond them end
    for p in rows.pieces:
        if any_held:
            runs = [p.start + run for run in runs_of(np.flatnonzero(rows.held[p])) if len(run)]
        else:
            last = last_rows(
                ~rows.silent[p], lambda n: max(1, int(HELD * n), min(FEWEST, int(MOST_SHARE * n)))
            )
            runs = [last + p.start] if len(last) else []
        ends = [*(run[0] for run in runs[1:]), p.stop]
        stretches += [(run, p.start, end) for run, end in zip(runs, ends)]
    most = max(LEAST_KEPT, MOST_ROWS // max(1, len(stretches)))
    every = max(1.0, sum(min(most, len(run)) for run, _, _ in stretches) / MOST_ROWS)
    # drawn at random: every fifth of store after store would be of one kind of goods
    kept = np.random.default_rng(0).permutation(len(stretches))[: int(np.ceil(len(stretches) / every))]
    silent = rows.silent if rows.silent.any() else None
    named, segments, values = maker if own else None, [], (rows.filled, rows.U, times_of(rows.parts), silent)
    for run, start, end in (stretches[k] for k in np.sort(kept)):
        segments += _segment(maker, named, values, run[-most:], start, min(end, run[-1] + 1 + most))
    return segments


def times_of(parts):
    """Return the stamps (N,) of all rows of several series, by which errors of one time are found; None without."""
    if len(parts) == 1 or not all(tells(part.stamps) for part in parts):
        return None
    return np.concatenate([part.stamps.values for part in parts])


def segments_of(maker, table, U, rows, own=False):
    """Make segments of rows (M,) of a table; of very many rows, of stretches from everywhere.   own : see above."""
    units = maker.units
    filled, stretches = np.empty((len(U), len(units.x.center))), []
    for part in table.parts:
        filled[part.rows] = units.fill(table.X[part.rows], units.means)
        for piece, _ in cut(part.stamps, part.rows.stop - part.rows.start):
            start, stop = part.rows.start + piece.start, part.rows.start + piece.stop
            inside = rows[(rows >= start) & (rows < stop)]
            for run in runs_of(inside):
                ends = range(STRETCH, len(run), STRETCH)
                stretches += [(stretch, start) for stretch in np.split(run, ends) if len(stretch)]
    every = -(-len(rows) // MOST_ROWS)
    named, values = maker if own else None, (filled, U, times_of(table.parts), None)
    return [s for stretch in stretches[::every] for s in _segment(maker, named, values, *stretch)]


def _segment(maker, named, values, rows, start, stop=0):
    """Make a ``Segment`` of consecutive rows and of some before them to warm up, but none before ``start``.

    Returns a list of it, empty where no rows are left after those to warm up.   values : of all rows X (N, D), levels
    (N, O), times (N,) or None, and which are silent, (N,) bool or None.   stop : where the rows beyond them end, if
    there are any.
    """
    unknown = maker.units.looks_back  # what a change is, is not known in the first rows
    warm = WARM + maker.dynamics.lead + unknown
    first, end = max(start, rows[0] - warm), rows[-1] + 1
    skip = max(rows[0] - first, min(warm, (end - first) // 2), unknown)
    if end - first <= skip:
        return []
    window = slice(first, max(end, stop))
    X, U, times, silent = (v if v is None else v[window].copy() for v in values)
    return [Segment(named, X, U, skip, window.stop - end, times, silent)]


def folds(cv, table):
    """Split the rows of a table into pairs, to train on and to test on."""
    N = len(table.y)
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number("cv", cv, 2, min(p.rows.stop - p.rows.start for p in table.parts), integer=True)
        tests = [[] for _ in range(cv)]
        for rows in (np.arange(p.rows.start, p.rows.stop) for p in table.parts):
            # else a copy knows no winter
            turns = int(np.clip(len(rows) // (cv * MIN_PIECE_ROWS), 1, MAX_FOLD_PIECES))
            for k, stretch in enumerate(np.array_split(rows, cv * turns)):
                tests[k % cv].append(stretch)
        tests = [np.concatenate(stretches) for stretches in tests]
        return [(np.setdiff1d(np.arange(N), test), test) for test in tests]
    if isinstance(cv, str) or not hasattr(cv, "split"):
        raise ValueError(
            f"cv={cv!r} is not a splitter: give an int >= 2, or an object such as TimeSeriesSplit(5)."
        )
    place = np.arange(N) if table.order is None else np.argsort(table.order)
    rows = index_of(table)[place]  # as the user gave them
    return [
        (np.sort(place[train]), np.sort(place[test])) for train, test in cv.split(pd.DataFrame(index=rows))
    ]


def index_of(table):
    """Make an index of series and stamps of a table's rows, in its order."""
    times = [
        to_index(p.stamps.clock, p.stamps.values)
        if tells(p.stamps)
        else pd.RangeIndex(p.rows.stop - p.rows.start)
        for p in table.parts
    ]
    if len(times) == 1:
        return times[0]
    stacked = [pd.MultiIndex.from_arrays([np.full(len(time), k), time]) for k, time in enumerate(times)]
    return stacked[0].append(stacked[1:])
