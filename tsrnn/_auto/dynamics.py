"""What is left of a race as one ``Dynamics``: members side by side, blended with weights for each step.

    y^(k + s) = r sum_c w_cs f_c(k, s),    w_cs >= 0,  sum_c w_cs = 1

Members f_c see y in units r of its series, the calendar, and inputs; each looks back as far as it wants on the last
rows, which are all that is remembered.  A model's inputs are those of the user and, last, the time of the row: seconds
since 1970, or 0 where the index tells none.  Time goes on by itself where it is not told.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._nets.direct import Direct
from .._series import timeline as timelines
from .._series.seasons import Calendar
from .._series.stamps import PER_SECOND, to_index
from .._training.least_squares import one_thread
from .._values import kept
from .field import Block


KEPT = 3000  # rows of a series that are remembered, at most
AT_ONCE = 48  # rows at least that a free run makes before it goes on from its own forecasts
BLOCK = 4096  # origins at a time
SURE = 10  # values of a new series, from which on its unit stays
DAY = 86_400  # seconds


@kept("rows of a race")
class Rows(NamedTuple):
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

    timeline : of the training rows, None where they tell no date.
    """

    calendar: Calendar
    timeline: Any
    is_ahead: np.ndarray

    def times(self, told, before=None):
        """Times (n,) by the clock of training, of rows that tell theirs in seconds or as 0; None without a calendar.

        before : the time of the row before the first.
        """
        if self.timeline is None:
            return None
        per, told = (
            PER_SECOND[self.timeline.clock.unit],
            np.round(1000 * told).astype(np.int64),
        )  # exact to a ms
        told = told * (per // 1000) if per >= 1000 else told // (1000 // per)
        last = self.timeline.last if before is None else before
        later = told > np.maximum.accumulate(np.concatenate([[0 if before is None else last], told]))[:-1]
        if later.all():
            return told
        times = told.copy()
        for a, b in pairwise([0, *np.flatnonzero(np.diff(later)) + 1, len(told)]):
            if not later[a]:
                seen = self.timeline._replace(last=int(times[a - 1] if a else last))
                times[a:b] = timelines.ahead([seen], b - a)[0][0]
        return times

    def times_before(self, first, n):
        """Times (n,) of the rows before a time."""
        step = round((self.calendar.step or 1) * DAY * PER_SECOND[self.timeline.clock.unit])
        return first - step * np.arange(n, 0, -1)

    def block(self, X, Y, times, first=0, weight=None):
        """The ``Block`` of rows X (N', F), Y (N, O) in the series' unit, the first of them number ``first``."""
        stamps = None
        if times is not None:
            stamps = to_index(self.timeline.clock._replace(period=None), times)
        place = np.arange(first, first + len(X))
        return Block(Y, X[:, self.is_ahead], X[:, ~self.is_ahead], stamps, place, self.calendar, weight)


@kept("blend")
@dataclass(frozen=True, eq=False)
class Blend(Direct):
    """Members and their weights; theta : the weights (C, h, O), flat.

    reading : how rows become blocks.   lags : of y, of the best autoregression.   looks_back : rows that a memory has.
    level : (O,), mean of y in units of its series.   inputs : (F,), their mean.   scale : (O,), a usual unit; None
    where there is one series, whose unit is 1.   low, high : (O,), in units of its series, which no forecast leaves.
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

    whole_errors = True
    cure = "Look for inputs far from those in training, or give target_bounds."

    @property
    def n_outputs(self):
        """O."""
        return len(self.level)

    @property
    def weights(self):
        """Of each member at each step, (C, h, O)."""
        return self.theta.reshape(len(self.members), self.horizon, -1)

    @property
    def furthest(self):
        """The horizon."""
        return self.horizon

    @property
    def at_once(self):
        """Rows that a free run makes from one."""
        return max(self.horizon, AT_ONCE)

    @property
    def lead(self):
        """Rows of history that a forecast needs."""
        return max(self.lags)

    @property
    def is_ahead(self):
        """Which inputs are seen in rows to come, (F,) bool."""
        return self.reading.is_ahead

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        return 0 if self.is_ahead.any() else np.inf

    def terms(self, p):
        """There are none."""
        raise TypeError(
            "AutoForecaster cannot be exported: it blends models of several kinds, which have no equations of one row "
            "in common. Export one of the kind that its leaderboard_ names, such as ARXRegressor with its lags_."
        )

    # ---------------------------------------------------------------------------------- memories

    def first(self):
        """The memory of a series of which nothing is known."""
        return self._constant(self.level * (1.0 if self.scale is None else self.scale), self.inputs)

    def cold(self):
        """As ``first``."""
        return self.first()

    def again(self, memory):
        """The memory before the first row of a series that has this one now."""
        return self.forget(memory)

    def forget(self, memory):
        """That of the same series with an unknown past."""
        fresh = self._constant(self.level * self.unit(memory), self.inputs)
        return fresh._replace(number=memory.number, scale=memory.scale)

    def zero(self, x, y):
        """The memory of rows x (F + 1,), y (O,)."""
        return self._constant(y, x[:-1])

    def _constant(self, level, x):
        """The memory of equal rows."""
        n = min(self.looks_back, 1 + max(self.lags) + max((1, *self.reading.calendar.seasons)))
        return Rows(np.tile(x, (n, 1)), np.tile(level, (n, 1)), None, 0)

    def unit(self, memory):
        """The unit of its series, (O,) or 1."""
        if self.scale is None:
            return 1.0
        return self.scale if memory.scale is None else memory.scale

    # ---------------------------------------------------------------------------------- following

    def moved(self, X, Y, memory):
        """The memory after rows X, Y (N, .)."""
        if len(Y) == 0:
            return memory
        joined = self._joined(X[: len(Y)], Y, memory)
        X, Y, times = (None if v is None else v[-self.looks_back :] for v in joined[:3])
        return Rows(X, Y, times, joined.n, joined.number, self._learnt_unit(joined))

    def _joined(self, X, Y, memory):
        """``Rows`` of a memory and of X (N', F + 1), Y (N, O), N' >= N."""
        told = self.reading.times(X[:, -1], None if memory.times is None else int(memory.times[-1]))
        times = None
        if told is not None:
            before = memory.times
            if before is None and len(told):
                before = self.reading.times_before(told[0], len(memory.Y))
            times = told if before is None else np.concatenate([before, told])
        rows = np.concatenate([memory.X, X[:, :-1]]), np.concatenate([memory.Y, Y])
        return Rows(*rows, times, memory.n + len(Y), memory.number, memory.scale)

    def _learnt_unit(self, rows):
        """The unit of a new series, once enough of it was seen; None before, and where there is but one series."""
        if self.scale is None or rows.scale is not None or rows.n < SURE:
            return rows.scale
        return scale_of(rows.Y[-rows.n :])

    def _block(self, X, Y, memory):
        """The ``Block`` of a memory and rows after it, and its unit."""
        rows = self._joined(X, Y, memory)
        unit = self.unit(rows._replace(scale=self._learnt_unit(rows)))
        first = rows.n - len(rows.Y)
        return self.reading.block(rows.X, rows.Y / unit, rows.times, first), unit

    def measured(self, X, Y, memory):
        """Follow rows whose Y (N, O) is known: forecasts of each, (N, O), and the memory."""
        out = np.empty_like(Y)
        for which, made in self.ahead(X, Y, memory, np.arange(len(Y)), 1):
            out[which] = made[0]
        return out, self.moved(X, Y, memory)

    def next_rows(self, X, memory, n):
        """Forecasts (n, O) of the rows after a memory."""
        ((_, made),) = self.ahead(X, np.empty((0, self.n_outputs)), memory, np.zeros(1, int), n)
        return made[:, 0]

    def ahead(self, X, Y, memory, first, steps):
        """Forecast from many rows: yields (slice of first, (steps, m, O))."""
        if len(first) == 0:
            return
        last = int(first[-1])
        block, unit = self._block(X[: last + steps], Y[:last], memory)
        for m in range(0, len(first), BLOCK):
            which = slice(m, min(m + BLOCK, len(first)))
            made = self.blended(block, memory.number, len(memory.Y) + first[which], steps) * unit
            yield which, np.ascontiguousarray(made.swapaxes(0, 1))

    def blended(self, block, number, origins, steps):
        """Forecasts (M, steps, O) from origins (M,) of a block, in its units."""
        step = np.minimum(np.arange(steps), self.horizon - 1)
        total, weight = 0.0, 0.0
        with one_thread:
            for member, w in zip(self.members, self.weights):
                made = member.ahead(block, number, origins, steps)
                share = np.where(np.isfinite(made), w[step], 0.0)
                total = total + share * np.clip(np.nan_to_num(made), self.low, self.high)
                weight = weight + share
        return total / np.maximum(weight, 1e-300)


def scale_of(Y):
    """The unit of a series Y (N, O), (O,): its standard deviation, or size, or 1."""
    known = np.isfinite(Y)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, Y, 0.0).sum(axis=0) / n
    spread = np.sqrt(np.where(known, (Y - mean) ** 2, 0.0).sum(axis=0) / n)
    size = np.maximum(spread, 1e-6 * np.abs(mean))
    return np.where(size > 0, size, 1.0)
