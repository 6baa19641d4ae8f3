"""The rows of a race: series side by side, the stretches on which forecasts are compared, and by how much they err.

    error of a candidate = mean over steps s of  (RMSE_s / RMSE_s of naive + MAE_s / MAE_s of naive) / 2

over all origins of all stretches and the h steps after the G rows (``gap``) whose y has not arrived, errors in units of
the naive RMSE of their stretch, so that one wild stretch does not decide alone; naive is persistence or the seasonal
naive, whichever errs less on the whole.
"""

from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._series.histories import filled
from .._series.seasons import Calendar, calendar, calendar_numbers


MOST_ORIGINS = 2400  # of a race: more change the ranking little, and each costs every candidate a forecast
STRETCHES = 3  # folds: each costs a fit of every candidate
HELD = 0.4  # share of the rows on which candidates are compared, the last ones
MIDDLING = range(100, 400)  # rows, of all series, of which more are compared: fewer leave too little to learn
STRETCHES_THEN, HELD_THEN = 5, 0.55  # of so many
TINY = 1e-9  # of the size of y, the least naive error (a constant series has none)
HUGE = 1e100  # stands for an infinite error: its square is still finite
QUIET = 0.3  # least unit of a stretch, as a share of the overall error: a quiet stretch must not dominate
NEAR = 0.25  # of the width of bounds, by which a forecast may leave a last value beyond them


class Block:
    """One series.

    Y : (N, O), NaN where unknown, in units of its own, its scale.   ahead : (N', F), inputs known ahead, N' >= N.
    seen : (N', G), other inputs, used up to the row before an origin.   stamps : of N' rows, or None.
    place : (N',), the number of each row since the first of training.   weight : (N,), of each row in learning.
    """

    def __init__(self, Y, ahead, seen, stamps, place, clock, weight=None):
        self.Y, self.ahead, self.seen = Y, ahead, seen
        self.stamps, self.place, self.clock = stamps, place, clock
        self.weight = np.ones(len(Y)) if weight is None else weight
        self._calendars, self._levels, self.remembered = {}, {}, {}

    def __len__(self):
        return len(self.Y)

    def calendar(self, detail):
        """Return calendar features (N', D)."""
        if detail not in self._calendars:
            self._calendars[detail] = calendar(self.clock, self.stamps, self.place, detail)
        return self._calendars[detail]

    def calendar_numbers(self):
        """Return the hour, weekday and day of the year, (N', D)."""
        if "numbers" not in self._calendars:
            self._calendars["numbers"] = calendar_numbers(self.clock, self.stamps, self.place)
        return self._calendars["numbers"]

    @cached_property
    def known(self):
        """Where y was measured, (N, O) bool."""
        return np.isfinite(self.Y)

    @cached_property
    def truth(self):
        """Y that forecasts are compared with, (N, O), NaN where it was not measured and in rows of weight 0."""
        return np.where((self.weight[: len(self)] > 0)[:, None], self.Y, np.nan)

    def levels(self, g):
        """Return y through a pointwise transform, gaps filled: U (N, O)."""
        name = repr(g)
        if name not in self._levels:
            U = self.Y if g is None else g(self.Y)
            self._levels[name] = np.stack([filled(u, self.clock.seasons) for u in U.T], axis=1)
        return self._levels[name]

    def until(self, n):
        """Return the block of the first n rows."""
        head = Block(self.Y[:n], self.ahead, self.seen, self.stamps, self.place, self.clock, self.weight[:n])
        head._calendars, head.remembered = self._calendars, self.remembered  # they do not depend on y
        return head


class Stretch(NamedTuple):
    """Origins (M,) in one block, forecast by models fitted to the rows before ``cut``."""

    cut: int
    origins: np.ndarray


class Field(NamedTuple):
    """The data of a race.

    blocks : list of Block.   stretches : for each fold, for each block, a ``Stretch``.   truth : (M, h, O), measured y,
    fold by fold, block by block, NaN in rows of weight 0.   unit : (M, h, O), of errors.   naive : errors of naive
    forecasts by step, in these units, (2, h, O).   folds : (M,), the stretch of each origin.   horizon : h.   gap : G,
    rows before the first step.
    """

    blocks: list
    stretches: list
    truth: np.ndarray
    unit: np.ndarray
    naive: np.ndarray
    folds: np.ndarray
    horizon: int
    clock: Calendar
    best_naive: Any
    gap: int = 0

    @property
    def steps(self):
        """Return how many rows candidates forecast from an origin."""
        return self.gap + self.horizon

    @property
    def n_outputs(self):
        """O."""
        return self.truth.shape[2]

    def together(self, forecasts):
        """Concatenate ``forecasts(fold, block number) -> (m, steps, O)`` of all origins, without the gap, (M, h, O)."""
        folds = enumerate(self.stretches)
        at = [(f, i) for f, fold in folds for i, stretch in enumerate(fold) if len(stretch.origins)]
        return np.concatenate([forecasts(f, i)[:, self.gap :] for f, i in at])

    def of_output(self, o):
        """Return the field of one output."""
        truth, unit, naive = (v[..., o : o + 1] for v in (self.truth, self.unit, self.naive))
        return self._replace(truth=truth, unit=unit, naive=naive)

    @property
    def n_held(self):
        """Rows in the stretches, drawn as origins or not."""
        origins = [stretch.origins for fold in self.stretches for stretch in fold if len(stretch.origins)]
        return sum(int(o[-1] - o[0]) + 1 for o in origins)

    def error(self, forecasts, at=slice(None)):
        """Return the error of forecasts (M, h, O), as at the head; at some of the origins."""
        wrong = (forecasts[at] - self.truth[at]) / self.unit[at]
        with np.errstate(over="ignore"):
            return float(np.mean(errors_by_step(wrong) / self.naive))


def errors_by_step(wrong):
    """Compute RMSE and MAE, (2, h, O), of errors (M, h, O): NaN is left out, infinite ones count as HUGE."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.minimum(np.abs(wrong), HUGE)
        n = np.maximum(np.isfinite(size).sum(axis=0), 1)
        return np.stack([np.sqrt(np.nansum(size**2, axis=0) / n), np.nansum(size, axis=0) / n])


def naive_forecasts(block, origins, steps, period, shorter=1):
    """Repeat the last ``period`` rows before each origin, (M, steps, O); where there are fewer, ``shorter`` ones."""
    rows = _repeated(origins, steps, period)
    rows = np.where(rows < 0, _repeated(origins, steps, shorter), rows)
    return block.levels(None)[np.maximum(rows, 0)]


def _repeated(origins, steps, period):
    """Return the rows that a naive forecast repeats, (M, steps)."""
    return origins[:, None] - period + np.arange(steps) % period


def make_field(blocks, clock, horizon, gap=0):
    """Lay out a ``Field`` of blocks; raises ValueError where no stretch has an origin."""
    rng = np.random.default_rng(0)
    how = (HELD_THEN, STRETCHES_THEN) if sum(map(len, blocks)) in MIDDLING else (HELD, STRETCHES)
    cuts = [_cuts(len(block), gap + horizon, *how) for block in blocks]
    n_folds = max(map(len, cuts))
    total = sum(b - a for of_block in cuts for a, b in of_block)
    share = min(1.0, MOST_ORIGINS / max(total, 1))
    stretches = [[_stretch(of_block, f, share, rng) for of_block in cuts] for f in range(n_folds)]
    chosen = [(block, s.origins) for fold in stretches for block, s in zip(blocks, fold) if len(s.origins)]
    if not chosen:
        raise ValueError(
            f"y has {max(map(len, blocks))} rows, too few to compare forecasts of horizon={horizon}: give more rows or "
            "a shorter horizon."
        )
    at = [(block, origins[:, None] + gap + np.arange(horizon)) for block, origins in chosen]
    truth = np.concatenate([block.truth[rows] for block, rows in at])
    wrong = {}
    for period in {1, *clock.seasons}:
        forecasts = np.concatenate([naive_forecasts(block, o, gap + horizon, period) for block, o in chosen])
        wrong[period] = forecasts[:, gap:] - truth
    best = min(wrong, key=lambda p: errors_by_step(wrong[p]).mean())
    folds = [np.full(len(s.origins), f) for f, fold in enumerate(stretches) for s in fold if len(s.origins)]
    folds = np.concatenate(folds)
    unit = _units(wrong[best], folds, TINY * max(np.nanmax(np.abs(truth), initial=0.0), 1e-100))
    naive = np.maximum([_smoothed(v) for v in errors_by_step(wrong[best] / unit)], TINY)
    return Field(blocks, stretches, truth, unit, naive, folds, horizon, clock, best, gap)


def _units(wrong, folds, least):
    """Return the unit of each error, (M, h, O): the naive RMSE at its step, scaled to its stretch."""
    overall = np.maximum(_smoothed(errors_by_step(wrong)[0]), least)
    unit = np.empty_like(wrong)
    for f in np.unique(folds):
        in_fold = folds == f
        wilder = np.mean(errors_by_step(wrong[in_fold])[0] / overall, axis=0)
        unit[in_fold] = overall * np.maximum(wilder, QUIET)
    return unit


def _smoothed(errors):
    """Smooth errors (h, O) over neighbouring steps (root mean square): with few origins they jump."""
    h = len(errors)
    total = np.concatenate([np.zeros((1, errors.shape[1])), np.cumsum(errors**2, axis=0)])
    reach = h // 6
    low, high = np.maximum(np.arange(h) - reach, 0), np.minimum(np.arange(h) + reach + 1, h)
    return np.sqrt((total[high] - total[low]) / (high - low)[:, None])


def _cuts(n_rows, horizon, share, n_stretches):
    """Return (first, last + 1) origin of each stretch of a series, on a share of it; [] where it is too short."""
    last = n_rows - horizon + 1
    first = n_rows - max(int(share * n_rows), min(2 * horizon, n_rows // 2), horizon + 3)
    first = max(first, min(4, last - 1))
    if first < 2 or last <= first:
        return []
    edges = np.unique(np.linspace(first, last, n_stretches + 1).astype(int))
    return list(pairwise(edges))


def _stretch(cuts, f, share, rng):
    """Draw a share of the origins of stretch f of a series."""
    if f >= len(cuts):
        return Stretch(0, np.empty(0, int))
    a, b = cuts[f]
    n = max(1, round(share * (b - a)))
    return Stretch(int(a), np.sort(a + rng.permutation(b - a)[:n]))


def within(bounds, last, forecasts):
    """Clip forecasts (M, steps, ...) to the bounds of training, or near the last known value (M, ...) if that is out.

    bounds : with ``low`` and ``high``, numbers or (...).
    """
    near, last = NEAR * (bounds.high - bounds.low), last[:, None]
    return np.clip(forecasts, np.minimum(bounds.low, last - near), np.maximum(bounds.high, last + near))
