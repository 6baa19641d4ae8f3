"""How a net learns that sees its past errors of one step (``error_lags.py``): extended least squares.

    e <- errors of a long linear autoregression                     a first guess (Hannan and Rissanen)
    repeat   theta <- fit of y(t) to [x, y, e] at their lags        as any delay network, e as if it were given
             e <- y - out, row after row with theta                 until they get no smaller

Of all theta on the way the one with the least errors of one step stays, on the rows held back where there are some;
without an error term that helps, that is one which hardly has any.  Free runs, in closed-loop training, have no errors.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np

from .._nets.delay import DelayDynamics
from .._nets.dynamics import Learner, Trained, check_enough_rows, check_sees_something
from .._nets.error_lags import ErrorDynamics, after_rows, make_error_net
from .._nets.memory import Memory
from .._training.monitor import makes_one_of_all
from .delay_learner import DelayLearner


LINEAR_ROUNDS, ROUNDS = 30, 10  # fits at most, of a linear model and of a net
PATIENCE = 2  # rounds that may pass without a gain: a net's fits go up and down
ENOUGH = 1e-4  # share by which a round must lower the squared errors
LONG = 20  # lags of the first autoregression, at least


@dataclass(frozen=True, eq=False)
class QuietLearner(DelayLearner):
    """A net whose last ``n_errors`` inputs are errors, which free runs have none of."""

    n_errors: int = field(default=0, kw_only=True)

    def _loss(self, net, series, kind, alpha=0.0, dtype=np.float64, held=False):
        if kind[1]:
            series = [s._replace(X=_without_errors(s.X, self.n_errors)) for s in series]
        return super()._loss(net, series, kind, alpha, dtype, held)


class Round(NamedTuple):
    """A fit: mean squared errors of one step, what was learnt, and the errors of each series (N, O)."""

    value: float
    trained: Trained
    errors: list


@dataclass(frozen=True, eq=False)
class ErrorLearner(Learner):
    """A delay network and lags of its errors.   plain : the learner of the same net without."""

    plain: Any
    error_lags: tuple
    sees_y = True

    @property
    def input_lags(self):
        """Lags of the inputs."""
        return self.plain.input_lags

    @property
    def output_lags(self):
        """Lags of the outputs."""
        return self.plain.output_lags

    @property
    def extrapolates(self):
        """Whether a path without bounds leads to the answer."""
        return self.plain.extrapolates

    @property
    def hidden(self):
        """Widths of the hidden layers."""
        return self.plain.hidden

    @property
    def wants_inputs(self):
        """Whether the parameters speak of inputs."""
        return self.plain.wants_inputs

    @property
    def held_share(self):
        """Share of the rows, the last ones, that is held back from training."""
        return self.plain.held_share

    def net(self, D, O):
        """Return the two layouts."""
        plain = self.plain
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        lags = self.input_lags if D else (), self.output_lags, self.error_lags
        return make_error_net(D, O, plain.hidden, plain.activation, lags, plain.skip_connections)

    def before(self, trained, net):
        """Return the trained model, if a warm start may continue it."""
        same = isinstance(trained.dynamics, ErrorDynamics) and trained.dynamics.net.lags == net.lags
        return trained if same and self._inner(net).before(_inside(trained), net.plan) else None

    def _inner(self, net):
        """Return the learner of a net of columns, to which errors are given."""
        if type(self.plain) is not DelayLearner:
            return replace(self.plain, input_lags=(0,))
        values = {f.name: getattr(self.plain, f.name) for f in fields(self.plain)}
        return QuietLearner(**(values | {"input_lags": (0,), "n_errors": net.n_errors}))

    def _outside(self, net, mean, trained):
        """Convert what was learnt to a net that computes its errors itself."""
        dynamics = ErrorDynamics(trained.dynamics.theta, net, mean, self.plain.input_lag)
        return trained._replace(dynamics=dynamics)

    def learn(self, net, series, mean, rng, before=None):
        """Fit, and compute errors, in turns."""
        check_enough_rows(type(self.p).__name__, net.lead, series)
        inner, rounds, best = self._inner(net), ROUNDS if self.hidden else LINEAR_ROUNDS, None
        columns = np.zeros(net.plan.n_inputs), mean[1]
        errors = [first_errors(s.X, s.Y, net) for s in series]
        trained = None if before is None else _inside(before)
        stale = 0
        for _ in range(rounds):
            extended = [_given(net, s, E) for s, E in zip(series, errors)]
            trained = inner.learn(net.plan, extended, columns, rng, trained)
            latest = self._judged(net, mean, trained, series)
            stale = 0 if best is None or latest.value < (1 - ENOUGH) * best.value else stale + 1
            if best is None or latest.value < best.value:
                best = latest
            if stale > PATIENCE or not all(np.isfinite(E).all() for E in latest.errors):
                break
            errors = latest.errors
        if not np.isfinite(best.value):  # its errors run away: it learns without
            quiet = [_given(net, s, np.zeros_like(s.Y)) for s in series]
            trained = _silent(net, inner.learn(net.plan, quiet, columns, rng, None))
            best = self._judged(net, mean, trained, series)
        return self._outside(net, mean, best.trained)

    def _judged(self, net, mean, trained, series):
        """Evaluate on the rows held back, or all; returns a ``Round``."""
        dynamics, errors, total, n = self._outside(net, mean, trained).dynamics, [], 0.0, 0
        held = any((s.held & (s.w > 0)).any() for s in series)
        for s in series:
            E = np.zeros_like(s.Y)
            rows = slice(net.lead, None)
            if len(s.Y) > net.lead:
                memory = after_rows(s.X[: net.lead], s.Y[: net.lead])
                with np.errstate(over="ignore", invalid="ignore"):
                    E[rows] = dynamics.errors(s.X[rows], s.Y[rows], memory)
            counts = (s.w > 0) & (s.held == held) & (np.arange(len(E)) >= net.lead)
            total, n = total + float(np.sum(s.w[counts, None] * E[counts] ** 2)), n + float(s.w[counts].sum())
            errors.append(E)
        value = total / n if n else np.inf
        return Round(value if np.isfinite(value) else np.inf, trained, errors)

    def fade(self, trained, share):
        """Return what was learnt, which counts for so much less."""
        return self._inner(trained.dynamics.net).fade(trained, share)

    def without_history(self, trained, series, memory, known):
        """Hide y alone, not the outputs beside it."""
        n, measured = known
        known = n, np.concatenate([measured, np.ones_like(measured)], axis=1)
        return super().without_history(trained, series, memory, known)

    def learn_more(self, trained, series, memory, rng):
        """Learn a little more, with the errors that the model makes of the new rows before it learns them."""
        dynamics, net = trained.dynamics, trained.dynamics.net
        y, out = np.split(memory.Y, 2, axis=1)
        stands_in = np.where(np.isnan(y), out, y)
        seen = memory._replace(Y=np.concatenate([stands_in, out], axis=1))
        X, _, E = dynamics.remembered(seen)
        E = np.concatenate([E, dynamics.errors(series.X, series.Y, seen)])
        columns = net.columns(np.concatenate([X, series.X]), E)
        n, lead = len(y), net.plan.lead
        past = Memory(columns[n - lead : n], y[n - lead :])
        learnt = self._inner(net).learn_more(_inside(trained), series._replace(X=columns[n:]), past, rng)
        return self._outside(net, dynamics.mean, learnt)


def _inside(trained):
    """Convert what was learnt to a net of columns."""
    dynamics = trained.dynamics
    plan = dynamics.net.plan
    mean = np.zeros(plan.n_inputs), dynamics.mean[1]
    return trained._replace(dynamics=DelayDynamics(dynamics.theta, plan, mean, 0))


def _given(net, series, E):
    """Append errors to a ``Series``; its first rows, whose history is not known, have no weight."""
    w = series.w.copy()
    w[: net.lead] = 0.0
    return series._replace(X=net.columns(series.X, E), w=w)


def _without_errors(X, n):
    """Set the errors, the last n of the columns X (N, D'), to 0."""
    X = X.copy()
    X[:, X.shape[1] - n :] = 0.0
    return X


def _silent(net, trained):
    """Set the weights of errors to 0."""
    theta = trained.dynamics.theta.copy()
    layers = net.plan.views(theta)
    for layer in {0, len(layers) - 1} if net.skip else {0}:
        layers[layer].W[net.plan.n_inputs - net.n_errors : net.plan.n_inputs] = 0.0
    return trained._replace(dynamics=trained.dynamics.but(theta=theta))


def first_errors(X, Y, net):
    """Return errors (N, O) of a long linear autoregression with inputs, by least squares; 0 without a history."""
    N, O = Y.shape
    order = max(LONG, 2 * net.lead)
    order = max(1, min(order, (N - 1) // (2 * (O + X.shape[1] + 1))))
    inputs = range(order + 1) if net.lags[0] else ()
    shifted = [_shifted(Y, k) for k in range(1, order + 1)] + [_shifted(X, k) for k in inputs]
    A = np.concatenate([*shifted, np.ones((N, 1))], axis=1)
    complete = np.isfinite(A).all(axis=1) & np.isfinite(Y).all(axis=1)
    E = np.zeros_like(Y)
    if complete.any():
        best = np.linalg.lstsq(A[complete], Y[complete], rcond=1e-8)[0]
        E[complete] = Y[complete] - A[complete] @ best
    return E


def _shifted(V, k):
    """Delay rows V (N, D) by k, after NaN."""
    return np.concatenate([np.full((min(k, len(V)), V.shape[1]), np.nan), V[: max(0, len(V) - k)]])


def with_errors(learner, error_lags):
    """Return the learner of a delay network, or of one that also sees its errors at those lags, if there are any."""
    if not error_lags:
        return learner
    if makes_one_of_all(learner.p):
        raise ValueError(
            f"error_lags={learner.p.error_lags!r} are errors of a single net, but ensemble='mean' merges "
            f"n_restarts={learner.p.n_restarts} nets: give ensemble='best', or error_lags=0."
        )
    return ErrorLearner(learner.p, learner, error_lags)
