"""Several horizons at once: y(t + 1) ... y(t + h) from what is known at row t.

What is known at t, with u for inputs known ahead, v for the others, and the lags l of ``input_lags`` and k of
``output_lags``, which count back from the row that is forecast, or from t + 1 where that row is not known yet:

    z_s(t) = [v(t + 1 - max(l, 1)), u(t + s - l), y(t + 1 - k)]

    direct          y(t + s) = f_s(z_s(t))                              a clone for each step s = 1 ... h
    multi_output    (y(t + 1) ... y(t + h)) = f(z_1(t), ... z_h(t))     one clone with h outputs
    recursive       y(t + 1) = f(z_1(t)), fed back                      the estimator's own closed loop

Where the target arrives late, z_s(t) has y(t + 1 - k - gap) instead: X is known up to t, y up to t - gap.

A clone sees z as inputs without lags, and never y of a later row.  Of a net with a state, f remembers z(t - 1),
z(t - 2) ... too.  With quantiles each target stands there once for each of them, under the pinball loss; the
forecasts are then put in order [1], so that quantiles do not cross:

    q_1 <= q_2 <= ...        the sorted f_1(z), f_2(z) ...

This is a ``Dynamics`` made of ``Dynamics``, whose free run needs no loop for h steps; beyond, it goes on from its own
forecasts, h rows at a time.

[1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without crossing",
    Econometrica 78(3), 2010.
"""

from copy import deepcopy
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._check import check_jobs, check_number, check_word
from .._memory_limit import check_memory, check_parameters
from .._nets.direct import Direct
from .._nets.dynamics import Dynamics, Learner, Trained
from .._nets.memory import Memory, constant
from .._nets.shifts import LARGEST, MOMENTS, MOST_STRETCHES, Columns, Shifts
from .._series.checks import check_size
from .._series.scaling import Scaler, make_scaler
from .._series.timeline import last_known
from .._series.units import Series
from .._training.losses import Pinball, has_log_link
from .._values import kept
from .held_back import hold_last
from .known_ahead import KnownAhead
from .lag_regressor import on_lags
from .parameters import Numbers
from .regressor import SequenceRegressor
from .sequence import learner_of, open_lags
from .snapshots import with_parameters


STRATEGIES = ("multi_output", "direct", "recursive")
BLOCK = 4096  # origins at a time
COPIES = 4  # of the examples at once, in training
MANY = 64  # rows, from which on a narrower model pays
WIDE = 512  # targets of a linear model, of which more are learnt some steps at a time: they share nothing but memory
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
class Layout(NamedTuple):
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

    def examples(self, horizon, series, mean_y, rows, new=(0, 0)):
        """Lay out the pairs at rows t (R,) of a ``Series``, that come with inputs or y of rows from ``new`` on.

        Returns z (R, .), targets (R, S O Q), NaN where unknown, and weights (R,).
        """
        X, Y, w, _ = series
        filled = last_known(np.concatenate([np.broadcast_to(mean_y, (1, Y.shape[1])), Y]), 1)[1:]
        blind = np.isnan(Y[rows[:, None] + self.y_back]).any(axis=(1, 2))
        at = rows[:, None] + horizon.steps
        inside = at < len(Y)
        new_x, new_y = new
        inside &= (at >= new_y) | (rows[:, None] + horizon.ahead.max(initial=0) >= new_x)
        at = np.minimum(at, len(Y) - 1)
        T = np.where((inside & (w[at] > 0))[:, :, None], Y[at], np.nan)
        measured = np.isfinite(T)
        weight = (measured * w[at][:, :, None]).sum(axis=(1, 2)) / np.maximum(1, measured.sum(axis=(1, 2)))
        weight[blind] = 0.0
        T = T.reshape(len(rows), -1)
        T = T if horizon.quantiles is None else np.repeat(T, len(horizon.quantiles), axis=1)
        return self.features(horizon, X, filled, rows), T, weight


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


# ---------------------------------------------------------------------------------------- forecasting


@kept("horizons")
@dataclass(frozen=True, eq=False)
class Horizons(Direct):
    """Members side by side, each of which forecasts some horizons from the same row.

    A memory holds the last rows, X (n, D), Y (n, O), and the memories of the members before row lead - 1 of these.  So
    it may lose up to ``gap`` of its last rows, and is that of an earlier time.
    """

    layout: Layout
    members: tuple
    mean: tuple

    cure = "Look for inputs far from those in training, or give target_bounds."

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

        X : (>= N, D), what is known ahead after row N with it; its last row stands for those behind it.
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


# ---------------------------------------------------------------------------------------- learning


@dataclass(frozen=True, eq=False)
class HorizonsLearner(Learner):
    """The parameters of a ``Forecaster`` that forecasts all horizons at once, and the learning of its members.

    inner : the learner of the estimator inside, whose lags select what is seen.   h : rows to forecast.
    """

    inner: Learner
    h: int
    quantiles: tuple | None

    sees_y = True
    whole_scale = False  # the members look at that
    shorter = "shorter input_lags or output_lags"  # a cure

    @property
    def extrapolates(self):
        """Whether the answers of the wrapped model do."""
        return self.inner.extrapolates

    @property
    def wants_inputs(self):
        """Whether the parameters select inputs."""
        return self.inner.wants_inputs

    @property
    def held_share(self):
        """That of the estimator inside."""
        return self.inner.held_share

    def net(self, D, O):
        """Return the layout."""
        p = self.p
        columns = p._columns_known_ahead()
        is_ahead = np.tile(columns, D // max(1, len(columns)))  # of "mask", the indicator is known too
        before = {max(lag, 1) for lag in self.inner.input_lags}
        back = sorted(1 - lag - p.gap for lag in self.inner.output_lags or before or {1})
        steps = np.arange(1, self.h + 1)
        alike = p.strategy == "multi_output" and getattr(self.inner, "hidden", None) == ()
        n_groups = self.h if p.strategy == "direct" else -(-self.h * O // WIDE) if alike else 1
        groups = np.array_split(steps, min(self.h, n_groups))
        kinds = [None] if self.quantiles is None or HALF not in self.quantiles else []
        kinds += [] if self.quantiles is None else [self.quantiles]
        lags = self.inner.input_lags if columns.any() else ()
        horizons = tuple(
            Horizon(group, _seen_ahead(steps if alike else group, lags), levels)
            for levels in kinds
            for group in groups
        )
        x_back = np.array(sorted(1 - lag for lag in before), int)
        return Layout(horizons, self.h, self.quantiles, is_ahead, x_back, np.array(back), O, int(p.gap))

    def learn(self, net, series, mean, rng, before=None):
        """Learn each member, some at the same time."""
        results = self._learn_from_sums(net, series) if self._of_shifts(net, series) else None
        if results is None:
            jobs = ((horizon, self._examples(net, horizon, series, mean[1])) for horizon in net.horizons)
            results = Parallel(self.p.n_jobs, prefer="threads")(
                delayed(self._learn_member)(net, horizon, examples) for horizon, examples in jobs
            )
        members, trained = zip(*results)
        theta = np.concatenate([np.ravel(t.dynamics.theta) for t in trained])
        curves = [t.loss_curve for t in trained]
        dynamics = Horizons(theta, net, members, mean)
        n_iter = max(t.n_iter for t in trained)
        carry = Members(tuple(t._replace(judged=None) for t in trained))
        return Trained(dynamics, n_iter, curves, [], carry, judged=self._before_held(dynamics, trained))

    def _before_held(self, dynamics, trained):
        """Return the model as its members were before they learnt the held rows; None where none has."""
        if all(t.judged is None for t in trained):
            return None
        before = [t.dynamics if t.judged is None else t.judged for t in trained]
        members = tuple(member._replace(dynamics=d) for member, d in zip(dynamics.members, before))
        return dynamics.but(theta=np.concatenate([np.ravel(d.theta) for d in before]), members=members)

    def _of_shifts(self, net, series):
        """Return whether sums of shifted series tell all there is to learn, so that no example is laid out."""
        weight, kind = series[0].w[0], on_lags(self.p.estimator).scale
        possible = (
            self.p.strategy == "multi_output" and self.quantiles is None and len(series) <= MOST_STRETCHES
        )
        if not possible or not weight > 0.0 or kind not in MOMENTS:
            return False
        learner, horizon = self._member_learner(net, net.horizons[0]), net.horizons[0]
        plan, n = learner.net(net.n_seen(horizon), net.n_targets(horizon)), sum(len(s.Y) for s in series)
        return (
            learner.of_sums(plan, n)
            and all((s.w == weight).all() for s in series)
            and all((np.abs(V) < LARGEST).all() for s in series for V in (s.X, s.Y))  # none is NaN
        )

    def _learn_from_sums(self, net, series):
        """Learn each member from sums over rows, ``shifts.py``; returns None where they say less than rows.

        From the last member to the first, whose rows are the fewest: rows are only ever added.
        """
        kind, weight, first, results = on_lags(self.p.estimator).scale, series[0].w[0], net.lead - 1, []
        V = [np.hstack([s.X, s.Y]) for s in series]
        shifts = Shifts(V, net.columns(net.horizons[0]), first, net.n_outputs)
        for horizon in reversed(net.horizons):
            learner = self._member_learner(net, horizon)
            reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
            rows = [len(v) - first - reach for v in V]
            ends = [first + n - int(n * learner.held_share) for n in rows]
            scaled = shifts.scaled(shifts.sums(ends, horizon.steps), kind, weight)
            if scaled is None:
                return None
            plan = learner.net(*map(len, scaled.mean))
            check_parameters(plan)
            trained = learner.learn_sums(plan, scaled.sums, scaled.mean)
            results.append((Member(trained.dynamics, scaled.x, scaled.y), trained))
        return results[::-1]

    def _examples(self, net, horizon, series, mean_y):
        """Lay out a member's training data: lists of z, targets and weights by stretch."""
        reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
        rows = [np.arange(net.lead - 1, len(s.Y) - reach) for s in series]
        self._check_memory(net, horizon, sum(map(len, rows)))
        examples = [net.examples(horizon, s, mean_y, r) for s, r in zip(series, rows) if len(r)]
        covered = [np.isfinite(T[w > 0]).any(axis=0) for _, T, w in examples]
        covered = np.any(covered, axis=0) if covered else np.zeros(1, bool)
        if not covered.all():
            step = horizon.steps[int(np.argmin(covered)) // (net.n_targets(horizon) // len(horizon.steps))]
            raise ValueError(
                f"horizon={self.h}: no row that counts (sample_weight > 0) has a measured y {step} row(s) after it and "
                f"its {net.lead} rows of history without NaN before (n_samples = {sum(len(s.Y) for s in series)}): "
                "give more rows, a shorter horizon or shorter lags."
            )
        return examples

    def _check_memory(self, net, horizon, n):
        """Raise where n examples do not fit in memory."""
        what = f"{n} examples of horizon={self.h} and {net.lead} rows of {len(net.is_ahead):,} inputs, {COPIES} times"
        cure = f"a shorter horizon, {self.shorter}, fewer inputs or fewer rows"
        check_memory(what, (COPIES, n, net.n_seen(horizon) + net.n_targets(horizon)), cure)

    def _member_learner(self, net, horizon):
        """Return the learner of a member, which sees z as inputs without lags."""
        changes = {"input_lags": 0, "output_lags": 0, "training": "open_loop"}
        if horizon.quantiles is not None:
            changes["loss"] = Pinball(list(horizon.quantiles) * (len(horizon.steps) * net.n_outputs))
        return learner_of(_bare(on_lags(self.p.estimator), **changes))

    def _learn_member(self, net, horizon, examples):
        """Learn one member; returns the ``Member`` and what it was trained to."""
        learner = self._member_learner(net, horizon)
        counts = [(w > 0) & np.isfinite(T).any(axis=1) for _, T, w in examples]
        held = [hold_last(c, learner.held_share) for c in counts]
        counts = np.concatenate(counts) & ~np.concatenate(held)
        Z, T = (_joined([example[k] for example in examples]) for k in range(2))
        model = on_lags(self.p.estimator)
        x, y = make_scaler(model.scale, Z, counts, "X"), make_scaler(model.scale, T, counts, "y")
        series = [Series(x(Z), y(T), w, h) for (Z, T, w), h in zip(examples, held)]
        Z, T = (_joined([s[k] for s in series]) for k in range(2))
        if learner.whole_scale:
            check_size(Z, T)
        mean = tuple(np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Z, T))
        rng = check_random_state(deepcopy(model.random_state))
        inner = learner.net(Z.shape[1], T.shape[1])
        check_parameters(inner)
        trained = learner.learn(inner, series, mean, rng)
        return Member(trained.dynamics, x, y), trained._replace(ends=None)

    def learn_more(self, trained, series, memory, rng):
        """Let each member learn from the pairs that the new rows complete."""
        dynamics, n = trained.dynamics, len(memory.Y)
        layout = dynamics.layout
        extended = Series(
            np.concatenate([memory.X, series.X]),
            np.concatenate([memory.Y, series.Y]),
            np.concatenate([np.ones(n), series.w]),
            None,
        )
        members, learnt = list(dynamics.members), list(trained.carry.trained)
        for k, (horizon, member) in enumerate(zip(layout.horizons, members)):
            reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
            rows = np.arange(layout.lead - 1, len(extended.Y) - reach)
            new = layout.n_kept, n  # y of rows that were taken back was not known
            Z, T, w = layout.examples(horizon, extended, dynamics.mean[1], rows, new)
            if not (np.isfinite(T).any(axis=1) & (w > 0)).any():
                continue
            Z, T = member.x(Z), member.y(T)
            check_size(Z, T)
            new_pairs = Series(Z, T, w, np.zeros(len(w), bool))
            learner = self._member_learner(layout, horizon)
            learnt[k] = learner.learn_more(learnt[k], new_pairs, memory.states[k], rng)
            members[k] = member._replace(dynamics=learnt[k].dynamics)
        theta = np.concatenate([np.ravel(member.dynamics.theta) for member in members])
        dynamics = dynamics.but(theta=theta, members=tuple(members))
        return trained._replace(dynamics=dynamics, carry=Members(tuple(learnt)))


def _joined(arrays):
    """Concatenate arrays; one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _holds_nothing(memory):
    """Return whether a member's memory is empty, so that rows change nothing of it."""
    return isinstance(memory, Memory) and not memory.Y.size and not memory.X.size and not memory.states


def _seen_ahead(steps, lags):
    """Return the offsets, ascending, of the rows that forecasts of some steps see of the inputs known ahead."""
    return np.array(sorted({s - lag for s in steps for lag in lags}), int)


def _bare(estimator, **changes):
    """Clone an estimator without the settings that concern the user's rows, with some parameters changed."""
    changes |= {"target_transform": None, "target_bounds": None, "missing": "error", "series": None}
    model = clone(estimator)
    return model.set_params(**{k: v for k, v in changes.items() if k in model.get_params(deep=False)})


@property
def _scale(self):
    """That of the estimator inside, where it is followed as it is; else the members see to it."""
    scale = on_lags(self.estimator).scale
    return scale if self.strategy == "recursive" or scale == "series" else None


def _of_estimator(name, default=None):
    """Make a property that reads a parameter of the estimator inside."""
    return property(lambda self: getattr(on_lags(self.estimator), name, default))


class Forecaster(MetaEstimatorMixin, KnownAhead, SequenceRegressor):
    """Forecasts of the next rows, all at once or step by step.

    A net that forecasts many steps by feeding itself (``strategy="recursive"``) adds up its errors, and learns no
    quantiles of what is far ahead. The other strategies [1]_ [2]_ forecast y(t + 1) ... y(t + horizon) from what is
    known at row t: y and X up to t, and of the inputs in ``known_ahead`` also the rows to come.

    Parameters
    ----------
    estimator : estimator of tsrnn, or regressor of scikit-learn's kind
        What is cloned. A regressor such as ``HistGradientBoostingRegressor()`` stands for
        ``LagRegressor(HistGradientBoostingRegressor())``, which finds the lags of y; :class:`~tsrnn.LagRegressor` takes
        other ones. Its ``input_lags`` and ``output_lags`` select what is seen, as far as it is known: the lags of a
        row to forecast for inputs known ahead, those of row t + 1 for other inputs and y (``output_lags=3`` stands for
        y(t), y(t - 1), y(t - 2)). Without output lags, y is seen at the lags of the inputs. Its target_transform,
        target_bounds, missing, series and start hold for the forecaster.
    horizon : int, default=24
        Rows to forecast.
    strategy : {"multi_output", "direct", "recursive"}, default="multi_output"
        "multi_output": one clone with an output for each step. "direct": a clone for each step, which for inputs known
        ahead sees only the lags of its own row. "recursive": the estimator as it is, in closed loop.
    quantiles : sequence of float, optional
        Such as (0.05, 0.1, 0.5, 0.9, 0.95): clones learn these with the pinball loss [3]_, and are sorted where they
        cross [4]_. ``forecast(steps, level=80)`` then is made of 0.1 and 0.9. The forecast is the median or, where 0.5
        is not among them, what the estimator's own loss gives.
    n_jobs : int, optional
        Clones that are fitted at the same time, in threads; -1 for as many as there are processors.
    gap : int, default=0
        Rows by which the target arrives later than the inputs, such as 48 for hourly meters that are read out after two
        days: a forecast made at row t sees X up to t, but y only up to t - gap, and the lags of y count back from
        there. The last ``gap`` rows of y may be NaN in every verb, and are never looked at. Rows of X whose y has
        arrived since are given again: ``update`` and ``partial_fit`` (by their stamps) take back up to ``gap`` rows
        seen, so one call with the last ``gap`` rows and the new ones brings both. Not with "recursive", which feeds
        itself where y is NaN; nor with differences of y.

    Attributes
    ----------
    params_ : tuple
        Weights of each clone, in the order of their steps, those of quantiles last; of "recursive", of the estimator.
    theta_ : ndarray of shape (n_parameters,)
        All their parameters.
    lead_ : int
        Rows of history that a forecast needs.

    Notes
    -----
    The verbs are those of :class:`~tsrnn.NARXRegressor`. ``predict(X)`` goes on from its own forecasts after each
    ``horizon`` rows. ``predict_ahead(X, y, steps=j)`` gives the j-th step of the forecast made j rows before each row;
    there "multi_output" holds the last inputs known ahead for what lies behind the end of X.

    Where y is not measured, the forecast takes its place in later lags; such rows are not learnt from. A row's
    sample_weight is that of its y; of several targets in a row, the mean.

    Intervals without quantiles come from errors on held rows, as for other estimators ("conformal"). With quantiles,
    ``calibrate(X, y)`` widens or narrows them such that they hold on those rows [5]_. Sample paths add to a forecast
    the errors that all its steps had together from some row before; with quantiles, and after ``calibrate``, they take
    the quantiles at the ranks that those errors had (Schaake shuffle [6]_).

    References
    ----------
    .. [1] S. Ben Taieb, G. Bontempi, A. F. Atiya, A. Sorjamaa. "A review and comparison of strategies for multi-step
       ahead time series forecasting." Expert Systems with Applications 39(8), 2012.
    .. [2] G. Chevillon. "Direct multi-step estimation and forecasting." Journal of Economic Surveys 21(4), 2007.
    .. [3] R. Koenker, G. Bassett. "Regression quantiles." Econometrica 46(1), 1978.
    .. [4] V. Chernozhukov, I. Fernandez-Val, A. Galichon. "Quantile and probability curves without crossing."
       Econometrica 78(3), 2010.
    .. [5] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.
    .. [6] M. Clark et al. "The Schaake shuffle." Journal of Hydrometeorology 5(1), 2004.

    Examples
    --------
    >>> from tsrnn import Forecaster, TDNNRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> model = Forecaster(TDNNRegressor((), input_lags=11), horizon=3, quantiles=(0.1, 0.5, 0.9)).fit(None, y[:"1955"])
    >>> model.forecast(3, level=80).columns.tolist()
    ['sunspots', 'lo-80', 'hi-80']

    The number of a year is known two years later:

    >>> late = Forecaster(TDNNRegressor((), input_lags=11), horizon=3, gap=2).fit(None, y[:"1955"])
    >>> late = late.update(None, y["1954":"1957"])  # 1954 and 1955 again, as they are known now
    >>> late.forecast(3).index[0].year
    1958
    """

    estimator: object
    horizon: int = 24
    _: KW_ONLY
    strategy: str = "multi_output"
    quantiles: Numbers | None = None
    n_jobs: int | None = None
    gap: int = 0

    scale: ClassVar = _scale
    start: ClassVar = _of_estimator("start", "auto")
    random_state: ClassVar = _of_estimator("random_state")
    target_transform: ClassVar = _of_estimator("target_transform")
    target_bounds: ClassVar = _of_estimator("target_bounds")
    missing: ClassVar = _of_estimator("missing", "error")
    series: ClassVar = _of_estimator("series")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        all_ahead = isinstance(self.known_ahead, str) and self.known_ahead == "all"
        tags.regressor_tags.poor_score = not all_ahead  # a free run that does not see the row's own inputs
        return tags

    def _has_lags(self):
        return on_lags(self.estimator)

    def _learner_of(self, lags):
        if lags is None:
            return self._learner()
        model = on_lags(self.estimator)
        return with_parameters(self, estimator=with_parameters(model, **open_lags(model, lags)))._learner()

    @property
    def params_(self):
        """Weights of the model, or of each member, in their scaled units."""
        return self._dynamics().params

    # ---------------------------------------------------------------------------------- parameters

    def _learner(self):
        """Check the parameters, then those that do not go together; a learner holds them parsed."""
        model = on_lags(self.estimator)
        if not isinstance(model, SequenceRegressor) or isinstance(model, Forecaster):
            raise TypeError(
                f"estimator={model!r} is no estimator of tsrnn, and no regressor of scikit-learn's kind: give one such "
                "as NARXRegressor(); transformers of X go before the Forecaster, in a Pipeline that ends in it."
            )
        check_number("horizon", self.horizon, 1, integer=True)
        check_number("gap", self.gap, 0, integer=True)
        check_word("strategy", self.strategy, STRATEGIES)
        names = model.get_params(deep=False)
        recursive = self.strategy == "recursive"
        if self.quantiles is not None:
            check_quantiles(self.quantiles)
            if recursive:
                raise ValueError(
                    f"strategy='recursive' learns no quantiles={self.quantiles!r}, as those of one step do not add up: "
                    "give strategy='multi_output' or 'direct', or quantiles=None and forecast(level=...)."
                )
            if "loss" not in names:
                raise TypeError(
                    f"quantiles={self.quantiles!r} are learnt with the pinball loss, but {type(model).__name__} has no "
                    "parameter loss: give one that has, such as TDNNRegressor, or quantiles=None."
                )
        if recursive and self.gap:
            raise ValueError(
                f"strategy='recursive' does not go with gap={self.gap}: it feeds itself where y is NaN: leave gap out "
                "and the last rows of y NaN, or give strategy='multi_output' or 'direct'."
            )
        if not recursive and "input_lags" not in names:
            raise TypeError(
                f"strategy={self.strategy!r} sees past y as inputs, but {type(model).__name__} has none: give "
                "strategy='recursive', or an estimator with input_lags."
            )
        if names.get("bidirectional") is True:
            raise ValueError(
                "bidirectional=True reads a series from both ends, and so no forecast can be made from its end: give "
                "an estimator with bidirectional=False."
            )
        if has_log_link(names.get("loss")):
            raise ValueError(
                f"loss={names['loss']!r} is learnt one step ahead: give another loss, or take {type(model).__name__} "
                "without a Forecaster."
            )
        check_jobs(self.n_jobs)
        inner = learner_of(model)
        if recursive:
            return inner
        quantiles = None if self.quantiles is None else check_quantiles(self.quantiles)
        return HorizonsLearner(self, inner, int(self.horizon), quantiles)

    def _goal(self, table, pieces, form):
        goal = super()._goal(table, pieces, form)
        is_ahead = self._columns_known_ahead()
        if self.strategy == "recursive":
            least = self._learner().input_lag if self.n_features_in_ else np.inf
            if least < self.horizon and not is_ahead.all():
                raise ValueError(
                    f"strategy='recursive' looks at its inputs {least} row(s) back, and so needs them known ahead, but "
                    f"known_ahead={self.known_ahead!r} leaves some out: give known_ahead='all' if they are known, or "
                    f"input_lags=range({self.horizon}, ...), or strategy='multi_output'."
                )
            return goal
        for side in goal.bounds or ():
            for b in side:
                if isinstance(b, int) and not is_ahead[b]:
                    raise ValueError(
                        f"target_bounds={self.target_bounds!r} names column {b} of X, whose value is needed for the "
                        "rows to forecast: name it in known_ahead too."
                    )
        if self.gap and len(goal.target.coef):
            raise ValueError(
                f"target_transform={self.target_transform!r} takes differences, which begin at the last y, but gap="
                f"{self.gap} says that it has not arrived: leave them out, or gap."
            )
        if self.quantiles is not None and len(goal.target.coef):
            raise ValueError(
                f"target_transform={self.target_transform!r} takes differences, whose quantiles do not add up: "
                "leave them out, or quantiles."
            )
        return goal

    # ---------------------------------------------------------------------------------- forecasting

    def forecast(self, steps, X_future=None, *, level=None, method="conformal", n_paths=500, groups=None):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int
            How many, up to ``horizon``.
        X_future : array-like or DataFrame of shape (>= steps, n_features), optional
            Inputs of those rows; the columns that are not known ahead may be left out, or hold anything. "multi_output"
            with inputs known ahead wants those of all rows of its horizon.
        level : float or sequence of float, optional
            Coverages of intervals in per cent, such as ``[80, 95]``; with quantiles, such as have both ends among them.
        method : {"conformal", "split", "bootstrap", "split-bootstrap"}, default="conformal"
            Where intervals come from, without quantiles; "bootstrap": from sample paths. With quantiles: whether errors
            that ``update`` has seen move and stretch them, or, with "split", not.
        n_paths : as for ``NARXRegressor.forecast``
        groups : as for ``fit``, of X_future

        Returns
        -------
        y_pred : as from ``NARXRegressor.forecast``

        Raises
        ------
        ValueError
            ``steps`` is beyond the horizon; X_future is too short, does not go on from the last row seen, or has gaps;
            a level has no quantiles.
        """
        options = {"level": level, "method": method, "n_paths": n_paths, "groups": groups}
        return super().forecast(steps, X_future, **options)


def check_quantiles(quantiles):
    """Check quantiles; returns them ascending."""
    cure = "give numbers between 0 and 1, each once, such as (0.05, 0.1, 0.5, 0.9, 0.95)"
    if isinstance(quantiles, (str, bytes)) or not np.iterable(quantiles) or len(quantiles) == 0:
        raise ValueError(f"quantiles={quantiles!r} is no set of quantiles: {cure}.")
    for q in quantiles:
        if not isinstance(q, Real) or isinstance(q, (bool, np.bool_)) or not 0 < q < 1:
            raise ValueError(f"quantiles={quantiles!r}: {q!r} is no quantile: {cure}.")
    if len(set(quantiles)) < len(quantiles):
        raise ValueError(f"quantiles={quantiles!r} holds one twice: {cure}.")
    return tuple(sorted(float(q) for q in quantiles))
