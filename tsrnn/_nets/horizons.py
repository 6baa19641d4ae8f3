"""Forecasts of several horizons from one row: a ``Dynamics`` made of ``Dynamics``.

What is known at row t, with u for inputs known ahead, v for the others, and the lags l of inputs and k of outputs,
which count back from the row that is forecast, or from t + 1 where that row is not known yet:

    z_s(t) = [v(t + 1 - max(l, 1)), u(t + s - l), y(t + 1 - k)]
    y(t + s) = f(z_s(t))                               of one member for each s, or of one for all

Where the target arrives late, z_s(t) has y(t + 1 - k - gap) instead: X is known up to t, y up to t - gap.  With
quantiles q_1 <= q_2 <= ... each target is there once for each of them; forecasts are sorted [1], so that they do not
cross.  A free run of h steps needs no loop; beyond, it continues from its own forecasts, h rows at a time.

[1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without crossing",
    Econometrica 78(3), 2010.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._series.scaling import Scaler
from .._series.timeline import last_known
from .._series.units import Series
from .._values import kept
from .direct import Direct
from .dynamics import FAR_INPUTS, Dynamics
from .memory import Memory, constant
from .shifts import Columns


BLOCK = 4096  # origins at a time
MANY = 64  # rows, from which on a narrower model pays
HALF = 0.5  # the median


@kept("horizon")
class Horizon(NamedTuple):
    """What one member forecasts from row t: y(t + s) for each s in ``steps`` (S,), or quantiles (Q,) of it.

    ahead : offsets from t of the rows at which it sees the inputs known ahead.
    """

    steps: np.ndarray
    ahead: np.ndarray
    quantiles: tuple | None


@kept("horizons' layout")
class HorizonsLayout(NamedTuple):
    """Who forecasts what, from where.

    horizons : a ``Horizon`` each member.   h : rows to forecast.   quantiles : ascending, or None.   is_ahead : (D,)
    bool, inputs known ahead.   x_back, y_back : offsets from t, ascending, of the rows at which the other inputs and y
    are seen.   n_outputs : O.   gap : rows by which y arrives later than the inputs.
    """

    horizons: tuple
    h: int
    quantiles: tuple | None
    is_ahead: np.ndarray
    x_back: np.ndarray
    y_back: np.ndarray
    n_outputs: int
    gap: int = 0

    @property
    def lead(self):
        """Rows of history that a forecast needs."""
        return 1 - min(self.x_back.min(initial=1), self.y_back[0])

    @property
    def n_kept(self):
        """Rows of a memory: the first has its z behind it, h are still to learn from, ``gap`` may be taken back."""
        return self.h + self.gap + self.lead - 1

    def same_as(self, other):
        """Return whether two layouts see and forecast the same."""
        return _plain(self) == _plain(other)

    def from_first(self, series):
        """Leave out the first rows of a ``Series``, without y as of differences, that no example sees."""
        measured = np.flatnonzero(np.isfinite(series.Y).all(axis=1))
        first = max(0, measured[0] - self.y_back[0] - self.lead + 1) if len(measured) else 0
        return Series(*(v[first:] for v in series))

    def features(self, horizon, X, Y, rows):
        """Lay out z (R, .) at rows t (R,), of X (N, D) and Y (N, O), which is finite."""
        sees = (X[:, ~self.is_ahead], self.x_back), (X[:, self.is_ahead], horizon.ahead), (Y, self.y_back)
        return np.concatenate(
            [V[rows[:, None] + back].reshape(len(rows), len(back) * V.shape[1]) for V, back in sees], axis=1
        )

    def n_seen(self, horizon):
        """Return the number of columns of z."""
        sees = (
            (~self.is_ahead, self.x_back),
            (self.is_ahead, horizon.ahead),
            (np.ones(self.n_outputs), self.y_back),
        )
        return int(sum(columns.sum() * len(back) for columns, back in sees))

    def n_targets(self, horizon):
        """Return the number of targets of a row."""
        Q = 1 if horizon.quantiles is None else len(horizon.quantiles)
        return len(horizon.steps) * self.n_outputs * Q

    def columns(self, horizon):
        """Return what ``features`` lays out, of channels [X, Y]."""
        unknown, ahead = (np.flatnonzero(which) for which in (~self.is_ahead, self.is_ahead))
        y = len(self.is_ahead) + np.arange(self.n_outputs)
        sees = (unknown, self.x_back), (ahead, horizon.ahead), (y, self.y_back)
        channel = np.concatenate([np.tile(c, len(back)) for c, back in sees])
        return Columns(channel, np.concatenate([np.repeat(back, len(c)) for c, back in sees]))

    def blind(self, Y, rows):
        """Tell at which rows t (R,) some y of z(t) is NaN."""
        return np.isnan(Y[rows[:, None] + self.y_back]).any(axis=(1, 2))

    def examples(self, horizon, series, past, mean_y, rows, new=(0, 0)):
        """Lay out the pairs at rows t (R,) of a ``Series``, that come with inputs or y of rows from ``new`` on.

        past : (N, O), y as z shows it; where it is NaN, z has a weight of 0.
        Returns z (R, .), targets (R, S O Q), NaN where unknown, and weights (R,).
        """
        X, Y, w, _ = series
        filled = last_known(np.concatenate([np.broadcast_to(mean_y, (1, Y.shape[1])), past]), 1)[1:]
        at = rows[:, None] + horizon.steps
        inside = at < len(Y)
        new_x, new_y = new
        inside &= (at >= new_y) | (rows[:, None] + horizon.ahead.max(initial=0) >= new_x)
        at = np.minimum(at, len(Y) - 1)
        T = np.where((inside & (w[at] > 0))[:, :, None], Y[at], np.nan)
        measured = np.isfinite(T)
        weight = (measured * w[at][:, :, None]).sum(axis=(1, 2)) / np.maximum(1, measured.sum(axis=(1, 2)))
        weight[self.blind(past, rows)] = 0.0
        T = T.reshape(len(rows), -1)
        T = T if horizon.quantiles is None else np.repeat(T, len(horizon.quantiles), axis=1)
        return self.features(horizon, X, filled, rows), T, weight


def _plain(value):
    """Turn tuples and arrays, however nested, into lists."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


@kept("member")
class Member(NamedTuple):
    """A model of some horizons, and the scalers of its z and its targets."""

    dynamics: Dynamics
    x: Scaler
    y: Scaler


@kept("members")
class Members(NamedTuple):
    """What later learning goes on with: for each member what it was trained to."""

    trained: tuple

    def weights_an_output(self):
        """Return the number of weights per output of the largest member."""
        return max(trained.weights_an_output() for trained in self.trained)


@kept("horizons")
@dataclass(frozen=True, eq=False)
class Horizons(Direct):
    """Members side by side, each of which forecasts some horizons from the same row.

    A memory holds the last rows, X (n, D), Y (n, O), and the memories of the members before row lead - 1 of these.  So
    it may lose up to ``gap`` of its last rows, and is that of an earlier time.
    """

    layout: HorizonsLayout
    members: tuple
    mean: tuple

    cure = FAR_INPUTS

    @property
    def lead(self):
        """Rows of history that a forecast needs."""
        return self.layout.lead

    @property
    def n_outputs(self):
        """O."""
        return self.layout.n_outputs

    @property
    def gap(self):
        """Rows by which y arrives later than the inputs."""
        return self.layout.gap

    @property
    def furthest(self):
        """The horizon."""
        return self.layout.h

    @property
    def is_ahead(self):
        """Which inputs are seen in rows to come, (D,) bool."""
        return self.layout.is_ahead

    @property
    def at_once(self):
        """Rows that follow from one."""
        return self.layout.h

    @property
    def looks_ahead(self):
        """Rows after the first one that is forecast, whose inputs are seen."""
        return self.layout.h

    @property
    def quantiles(self):
        """What is forecast besides, or None."""
        return self.layout.quantiles

    @property
    def params(self):
        """Those of each member."""
        return tuple(member.dynamics.params for member in self.members)

    @property
    def whole(self):
        """Whether a member looks at inputs known ahead in all rows of the horizon, however few steps are asked for."""
        return bool(self.layout.is_ahead.any()) and len(self.layout.horizons[0].steps) > 1

    @property
    def input_lag(self):
        """How many rows less than a horizon of inputs are looked at."""
        if not self.layout.is_ahead.any():
            return np.inf
        offsets = np.concatenate([horizon.ahead for horizon in self.layout.horizons])
        return self.layout.h - max(0, offsets.max(initial=0))

    @property
    def why_needed(self):
        """Why more rows of inputs may be needed than are forecast."""
        why = ": the inputs known ahead are seen in all rows of the horizon, however few steps are asked for"
        return why if self.whole else ""

    def sees_less(self, steps):
        """How to fit a model that forecasts without later inputs, for a message."""
        return "knows fewer of them ahead: known_ahead=()"

    def wide(self, steps):
        """Return how many steps are to be computed for ``steps`` of output."""
        steps = super().wide(steps)
        return self.layout.h if self.whole else steps

    def check_verb(self, verb):
        """Raise where a member cannot do what a verb asks."""
        for member in self.members:
            member.dynamics.check_verb(verb)

    # ---------------------------------------------------------------------------------- memories

    def first(self):
        """Return the memory of mean rows, and of each member's first one."""
        return self._memory(*self.mean, [member.dynamics.first() for member in self.members])

    def cold(self):
        """Return the memory of mean rows, and of each member's mean one."""
        return self._memory(*self.mean, [member.dynamics.cold() for member in self.members])

    def zero(self, x, y):
        """Return the memory of constant rows x, y, which are zeros in the user's units."""
        n, row = self.layout.n_kept + 1, np.array([self.lead - 1])
        X, Y, states = np.tile(x, (n, 1)), np.tile(y, (n, 1)), []
        for horizon, member in zip(self.layout.horizons, self.members):
            z = member.x(self.layout.features(horizon, X, Y, row)[0])
            states.append(member.dynamics.zero(z, member.dynamics.mean[1]))
        return self._memory(x, y, states)

    def _memory(self, x, y, states):
        """Return the memory after many constant rows x (D,), y (O,)."""
        return constant(x, y, self.layout.n_kept, states)

    def taken_back(self, memory, n):
        """Return the memory before the last n <= gap rows of it."""
        return memory._replace(X=memory.X[: len(memory.X) - n], Y=memory.Y[: len(memory.Y) - n])

    # ---------------------------------------------------------------------------------- following

    def measured(self, X, Y, memory):
        """Follow rows whose Y (N, O) is known; returns one-step forecasts (N, O) and the memory after."""
        out = np.empty_like(Y)
        for rows, point, _, reached in self._outlooks(X, Y, memory, 1, np.arange(len(Y))):
            after = reached
            if point is not None:
                out[rows] = point[:, 0]
        return out, after

    def next_rows(self, X, memory, n):
        """Forecast n rows after a memory, (n, O)."""
        return self._outlook(X, np.empty((0, self.n_outputs)), memory)[0][0, :n]

    def moved(self, X, Y, memory):
        """Advance a memory by rows X, Y (N, .)."""
        return self._outlook(X, Y, memory, wanted=np.arange(0))[-1]

    def ahead(self, X, Y, memory, first, steps):
        """Forecast from many rows: yields (slice of first, (steps, m, O))."""
        for runs, out, _ in self._ahead(X, Y, memory, first, steps):
            yield runs, out

    def fan(self, X, Y, memory, first, steps):
        """Forecast quantiles (M, steps, O, Q) from rows ``first`` (M,)."""
        return np.concatenate([fan for *_, fan in self._ahead(X, Y, memory, first, steps)])

    def _outlook(self, X, Y, memory, steps=np.inf, wanted=None):
        """Forecast h rows from M origins ``wanted``, by default all: 0 is before Y (N, O), N after its last row.

        Returns forecasts (M, h, O), quantiles (M, h, O, Q) or None, and the memory after Y; the forecasts of at least
        the first ``steps`` steps.

        X : (>= N, D), what is known ahead after row N with it; its last row is repeated for those behind it.
        """
        N, h, n, lead = len(Y), self.layout.h, len(memory.Y), self.lead
        wanted = np.arange(N + 1) if wanted is None else wanted
        if N == 0 and not len(wanted):
            return None, None, memory
        passed = max(0, n + N - self.layout.n_kept)  # rows that the memory leaves behind
        X, Y = np.concatenate([memory.X, X[: N + h]]), np.concatenate([memory.Y, Y])
        if len(wanted):
            X = X[np.minimum(np.arange(n + N + h), len(X) - 1)]
        states, points, fans = [], [], []
        for horizon, member, state in zip(self.layout.horizons, self.members, memory.states):
            if _holds_nothing(state):
                out = self._glance(horizon, member, state, X, Y, n - 1 + wanted, steps)
            else:
                rows = np.arange(lead - 1, n + N if len(wanted) else lead - 1 + passed)
                Z = member.x(self.layout.features(horizon, X, Y, rows))
                unknown = np.full((len(rows), member.dynamics.n_outputs), np.nan)
                out = np.empty_like(unknown)
                if passed:
                    out[:passed], state = member.dynamics.run(Z[:passed], unknown[:passed], state)
                if len(wanted):
                    out[passed:], _ = member.dynamics.run(Z[passed:], unknown[passed:], state)
                    out = member.y.inverse(out[n - lead + wanted])
            states.append(state)
            if len(wanted) and out is not None:
                shape = (
                    len(wanted),
                    -1,
                    Y.shape[1],
                    1 if horizon.quantiles is None else len(horizon.quantiles),
                )
                (points if horizon.quantiles is None else fans).append(out.reshape(shape))
        after = Memory(X[passed : N + n].copy(), Y[passed:].copy(), tuple(states))
        if not len(wanted):
            return None, None, after
        fan = np.sort(np.concatenate(fans, axis=1), axis=-1) if fans else None
        if points:
            return np.concatenate(points, axis=1)[..., 0], fan, after
        return fan[..., self.quantiles.index(HALF)], fan, after

    def _glance(self, horizon, member, state, X, Y, rows, steps):
        """Forecast from rows t (M,) by a member without a memory, (M, .); None where none is asked for."""
        n_steps = int(np.sum(horizon.steps <= steps))
        if not len(rows) or not n_steps:
            return None
        n = member.dynamics.n_outputs * n_steps // len(horizon.steps)
        dynamics = member.dynamics if len(rows) < MANY else member.dynamics.narrow(n)
        Z = member.x(self.layout.features(horizon, X, Y, rows))
        O = dynamics.n_outputs
        out, _ = dynamics.run(Z, np.full((len(rows), O), np.nan), state._replace(Y=state.Y[:, :O]))
        return member.y.of(slice(n)).inverse(out[:, :n])

    def _outlooks(self, X, Y, memory, steps=np.inf, wanted=None):
        """Forecast so in blocks of rows: yields the first row, forecasts, quantiles and the memory after them."""
        wanted = np.arange(len(Y) + 1) if wanted is None else wanted
        for a in range(0, len(Y) + 1, BLOCK):
            of_block = slice(*np.searchsorted(wanted, [a, a + BLOCK]))
            *outlook, memory = self._outlook(X[a:], Y[a : a + BLOCK], memory, steps, wanted[of_block] - a)
            yield of_block, *outlook, memory

    def _ahead(self, X, Y, memory, first, steps):
        """Forecast from rows ``first`` (M,), ascending: yields (slice of first, (steps, m, O), quantiles or None)."""
        if len(first):
            for runs, point, fan, _ in self._outlooks(X, Y[: first[-1]], memory, steps, first):
                if point is not None:
                    out = np.ascontiguousarray(point[:, :steps].swapaxes(0, 1))
                    yield runs, out, None if fan is None else fan[:, :steps]


def _holds_nothing(memory):
    """Return whether a member's memory is empty, so that rows change nothing of it."""
    return isinstance(memory, Memory) and not memory.Y.size and not memory.X.size and not memory.states
