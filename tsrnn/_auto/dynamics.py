"""The members of a race as one ``Dynamics``: side by side, blended with weights for each step.

    y^(k + G + s) = r (sum_c w_cs f_c(k, G + s) - b_s(k)),    w_cs >= 0,  sum_c w_cs = 1,    G : rows y arrives late

Members f_c see y in units r of its series, the calendar, and inputs; b_s(k) is what they erred to one side before the
origin k, or 0 (``leaning.py``); each looks back as far as it needs on the last
rows, which are the memory.  A model's inputs are those of the user and, last, the time of the row: seconds
since 1970, or 0 where the index has none; unknown times continue at the step of training.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._nets.direct import Direct
from .._nets.dynamics import FAR_INPUTS
from .._series import timeline as timelines
from .._series.seasons import Calendar
from .._series.stamps import PER_SECOND, to_index
from .._training.least_squares import one_thread
from .._values import kept
from . import leaning
from .field import Block, within


KEPT = 3000  # most rows of a memory
AT_ONCE = 48  # least number of rows that a free run forecasts before it feeds its own forecasts back
BLOCK = 4096  # origins at a time: bounds the memory for features
SURE = 10  # rows of a new series from which its unit is estimated
DAY = 86_400  # seconds
UNSTATED = -1e15  # seconds, in place of a time that nobody stated


@kept("rows of a race")
class History(NamedTuple):
    """The last rows of a series.

    X : (L, F), inputs.   Y : (L, O), NaN where unknown.   times : (L,) int64, by the clock of training; None where not
    known yet.   n : rows that there were before the next one.   number : of its block in training, or None.   scale :
    (O,), its unit, or None while it is not known.
    """

    X: np.ndarray
    Y: np.ndarray
    times: np.ndarray | None
    n: int
    number: int | None = None
    scale: np.ndarray | None = None


@kept("reading of rows")
class Reading(NamedTuple):
    """How rows become a ``Block``: by which calendar, at which times, with which inputs known ahead, (F,) bool.

    timeline : of the training rows, None where they have no date.
    """

    calendar: Calendar
    timeline: Any
    is_ahead: np.ndarray

    def times(self, stated, before=None):
        """Convert stated seconds (n,) to times by the clock of training; None without a calendar.

        Times that are UNSTATED or do not ascend are replaced by the next ones.   before : the time of the row before.
        """
        if self.timeline is None:
            return None
        per, known = PER_SECOND[self.timeline.clock.unit], stated != UNSTATED
        stated = np.round(1000 * np.where(known, stated, 0.0)).astype(np.int64)  # exact to a ms
        stated = stated * (per // 1000) if per >= 1000 else stated // (1000 // per)
        last = self.timeline.last if before is None else before
        least = np.iinfo(np.int64).min if before is None else before
        latest = np.maximum.accumulate(np.concatenate([[least], np.where(known, stated, least)]))
        later = known & (stated > latest[:-1])
        if later.all():
            return stated
        times = stated.copy()
        for a, b in pairwise([0, *np.flatnonzero(np.diff(later)) + 1, len(stated)]):
            if not later[a]:
                up_to = self.timeline._replace(last=int(times[a - 1] if a else last))
                times[a:b] = timelines.ahead([up_to], b - a)[0][0]
        return times

    def times_before(self, first, n):
        """Return the times (n,) of the rows before a time."""
        step = round((self.calendar.step or 1) * DAY * PER_SECOND[self.timeline.clock.unit])
        return first - step * np.arange(n, 0, -1)

    def block(self, X, Y, times, first=0, weight=None):
        """Make rows X (N', F), Y (N, O) in the series' unit a ``Block``; the first of them is number ``first``."""
        stamps = None
        if times is not None:
            stamps = to_index(self.timeline.clock._replace(period=None), times)
        place = np.arange(first, first + len(X))
        return Block(Y, X[:, self.is_ahead], X[:, ~self.is_ahead], stamps, place, self.calendar, weight)


@kept("blend")
@dataclass(frozen=True, eq=False)
class Blend(Direct):
    """Members and their weights; theta : the weights (C, h, O), flat.

    reading : how rows become blocks.   lags : of y, of the best autoregression.   looks_back : rows of a memory.
    level : (O,), mean of y in units of its series.   inputs : (F,), their mean.   scale : (O,), a usual unit; None
    where there is one series, whose unit is 1.   low, high : (O,), in units of its series, which no forecast leaves.
    gap : rows by which y arrives later than the inputs; as many last rows of a memory may be taken back.   ensemble :
    "mean", by weights, or "median".   leans : whether recent errors are taken off.
    """

    members: tuple
    horizon: int
    reading: Reading
    lags: tuple
    looks_back: int
    level: np.ndarray
    inputs: np.ndarray
    scale: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    gap: int = 0
    ensemble: str = "mean"
    leans: bool = False

    whole_errors = True
    cure = FAR_INPUTS

    @property
    def n_outputs(self):
        """O."""
        return len(self.level)

    @property
    def weights(self):
        """Weights of each member at each step, (C, h, O)."""
        return self.theta.reshape(len(self.members), self.horizon, -1)

    @property
    def furthest(self):
        """The horizon."""
        return self.horizon

    @property
    def at_once(self):
        """Rows that a free run forecasts from one origin."""
        return max(self.horizon, AT_ONCE)

    @property
    def lead(self):
        """Rows of history that a forecast needs."""
        return max(self.lags)

    @property
    def is_ahead(self):
        """Which inputs are known ahead, (F,) bool."""
        return self.reading.is_ahead

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        return 0 if self.is_ahead.any() else np.inf

    def sees_less(self, steps):
        """How to fit a model that forecasts without later inputs, for a message."""
        return "knows fewer of them ahead: known_ahead=()"

    def unstated(self, n, D):
        """Return n rows of inputs of which nothing is stated, their times neither, (n, D)."""
        return np.concatenate([np.zeros((n, D - 1)), np.full((n, 1), UNSTATED)], axis=1)

    def terms(self, p):
        """Refuse export: a blend has no equations of one row."""
        raise TypeError(
            "AutoForecaster cannot be exported: it blends models of several kinds, which share no equations for a "
            "single row. Export a model of a kind that its leaderboard_ names, such as ARXRegressor with its lags_."
        )

    # ---------------------------------------------------------------------------------- memories

    def first(self):
        """Return the memory of an unknown series: rows at the mean level."""
        return self._constant(self.level * (1.0 if self.scale is None else self.scale), self.inputs)

    def again(self, memory):
        """Return the memory of a series before its first row, given its present one."""
        return self.forget(memory)

    def forget(self, memory):
        """Return the memory of the same series with an unknown past."""
        fresh = self._constant(self.level * self.unit(memory), self.inputs)
        return fresh._replace(number=memory.number, scale=memory.scale)

    def zero(self, x, y):
        """Return the memory of equal rows x (F + 1,), y (O,)."""
        return self._constant(y, x[:-1])

    def _constant(self, level, x):
        """Repeat a level (O,) and inputs x (F,) over enough rows for lags and seasons."""
        n = min(self.looks_back, 1 + max(self.lags) + max((1, *self.reading.calendar.seasons)) + self.gap)
        return History(np.tile(x, (n, 1)), np.tile(level, (n, 1)), None, 0)

    def unit(self, memory):
        """Return the unit of a memory's series, (O,) or 1."""
        if self.scale is None:
            return 1.0
        return self.scale if memory.scale is None else memory.scale

    def taken_back(self, memory, n):
        """Return the memory before the last n <= gap rows of it."""
        X, Y, times = (None if v is None else v[: len(v) - n] for v in memory[:3])
        return memory._replace(X=X, Y=Y, times=times, n=memory.n - n)

    # ---------------------------------------------------------------------------------- following

    def moved(self, X, Y, memory):
        """Advance a memory by rows X, Y (N, .)."""
        if len(Y) == 0:
            return memory
        joined = self._joined(X[: len(Y)], Y, memory)
        X, Y, times = (None if v is None else v[-self.looks_back :] for v in joined[:3])
        return History(X, Y, times, joined.n, joined.number, self._learnt_unit(joined))

    def _joined(self, X, Y, memory):
        """Append X (N', F + 1), Y (N, O), N' >= N, to the ``History`` of a memory."""
        times_of_X = self.reading.times(X[:, -1], None if memory.times is None else int(memory.times[-1]))
        times = None
        if times_of_X is not None:
            before = memory.times
            if before is None and len(times_of_X):
                before = self.reading.times_before(times_of_X[0], len(memory.Y))
            times = times_of_X if before is None else np.concatenate([before, times_of_X])
        rows = np.concatenate([memory.X, X[:, :-1]]), np.concatenate([memory.Y, Y])
        return History(*rows, times, memory.n + len(Y), memory.number, memory.scale)

    def _learnt_unit(self, rows):
        """Estimate the unit of a new series from SURE rows on; None before, and where training had one series."""
        if self.scale is None or rows.scale is not None or rows.n < SURE:
            return rows.scale
        return scale_of(rows.Y[-rows.n :])

    def _block(self, X, Y, memory):
        """Make a memory and the rows after it a ``Block``; returns it and its unit."""
        rows = self._joined(X, Y, memory)
        unit = self.unit(rows._replace(scale=self._learnt_unit(rows)))
        first = rows.n - len(rows.Y)
        return self.reading.block(rows.X, rows.Y / unit, rows.times, first), unit

    def measured(self, X, Y, memory):
        """Follow rows whose Y (N, O) is known; returns one-step forecasts (N, O) and the memory after."""
        out = np.empty_like(Y)
        for rows, forecasts in self.ahead(X, Y, memory, np.arange(len(Y)), 1):
            out[rows] = forecasts[0]
        return out, self.moved(X, Y, memory)

    def next_rows(self, X, memory, n):
        """Forecast n rows after a memory, (n, O)."""
        ((_, forecasts),) = self.ahead(X, np.empty((0, self.n_outputs)), memory, np.zeros(1, int), n)
        return forecasts[:, 0]

    def ahead(self, X, Y, memory, first, steps):
        """Forecast from many rows: yields (slice of first, (steps, m, O))."""
        if len(first) == 0:
            return
        last = int(first[-1])
        block, unit = self._block(X[: last + steps], Y[:last], memory)
        for m in range(0, len(first), BLOCK):
            rows = slice(m, min(m + BLOCK, len(first)))
            origins = np.maximum(len(memory.Y) + first[rows] - self.gap, 0)
            forecasts = self.blended(block, memory.number, origins, steps) * unit
            yield rows, np.ascontiguousarray(forecasts.swapaxes(0, 1))

    def blended(self, block, number, origins, steps):
        """Forecast the rows after the gap after origins (M,) of a block, (M, steps, O)."""
        if not self.leans:
            return self._joined_members(block, number, origins, steps)
        before = leaning.reach(self.horizon) + self.gap + steps
        every = np.unique(np.maximum(origins[:, None] - np.arange(before), 0))
        seen = block.place[every] >= self.lead  # before there is a past that nobody saw
        at = seen | np.isin(every, origins)
        every, seen = every[at], seen[at]
        forecasts = self._joined_members(block, number, every, steps)
        rows = every[:, None] + self.gap + np.arange(steps)
        known = seen[:, None] & (rows < len(block))
        truth = np.where(known[..., None], block.Y[np.minimum(rows, len(block) - 1)], np.nan)
        leant = leaning.lean(forecasts - truth, every, origins, self.horizon, self.gap)
        return within(self, _last(block, origins), forecasts[np.searchsorted(every, origins)] - leant)

    def _joined_members(self, block, number, origins, steps):
        """Blend the members' forecasts of the rows after the gap after origins (M,) of a block, (M, steps, O)."""
        step = np.minimum(np.arange(steps), self.horizon - 1)
        total, weight, each = 0.0, 0.0, []
        with one_thread:
            for member, w in zip(self.members, self.weights):
                forecasts = member.ahead(block, number, origins, self.gap + steps)[:, self.gap :]
                is_finite = np.isfinite(forecasts)
                inside = within(self, _last(block, origins), np.nan_to_num(forecasts))
                if self.ensemble == "median":
                    each.append(np.where(is_finite, inside, np.nan))
                    continue
                share = np.where(is_finite, w[step], 0.0)
                total = total + share * inside
                weight = weight + share
        if each:
            nobody = np.isnan(each).all(axis=0)
            return np.nanmedian(np.where(nobody, 0.0, each), axis=0)
        return total / np.maximum(weight, 1e-300)


def _last(block, origins):
    """Return y (M, O) in the row before each origin (M,), filled where it was not measured."""
    return block.levels(None)[np.maximum(origins - 1, 0)]


def scale_of(Y):
    """Return the unit of a series Y (N, O), (O,): its standard deviation, or size where it is constant, or 1."""
    measured = np.isfinite(Y)
    n = np.maximum(measured.sum(axis=0), 1)
    mean = np.where(measured, Y, 0.0).sum(axis=0) / n
    spread = np.sqrt(np.where(measured, (Y - mean) ** 2, 0.0).sum(axis=0) / n)
    size = np.maximum(spread, 1e-6 * np.abs(mean))
    return np.where(size > 0, size, 1.0)
