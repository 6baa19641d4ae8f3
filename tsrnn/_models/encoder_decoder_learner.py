"""Learning of encoders and decoders: nets of pairs, and the nets of a forecaster beside a linear model.

    f(z) = share net(z) + (1 - share) (c + z L)         share, c, L: see ``delay_linear.py`` and ``many_targets.py``

z is an example of ``episode_loss.py``: the history of a row, and what is known of the rows to come.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .._estimators.forecaster import HorizonsLearner
from .._nets.delay_linear import (
    SHARES,
    LinearInformation,
    Mixed,
    Rivals,
    assimilate_linear,
    trusted_choice,
    trusted_share,
)
from .._nets.delay_loss import WindowLoss
from .._nets.episode_loss import EpisodeDynamics, EpisodeLoss, make_episode
from .._nets.many_targets import learn_linear, linear_plan
from .._nets.segments import make_segmented
from .._series.lags import is_auto
from .._series.units import Series
from .._training.losses import Pinball, squared
from .._training.monitor import chooses_solver
from .._training.solvers import one_pass, resolve_solver, traits
from .._training.stochastic import Adam
from .._values import kept
from .delay_learner import open_loop
from .recurrent_learner import GENTLE, SMALL, RecurrentLearner


WEEK = 168  # rows of history, of hours, where there are enough
HISTORIES = (7, 2, 1)  # horizons of it, where there are not, and for the linear model beside a net
MIXES = (0.0, 0.5, 1.0)  # shares of the linear model of changes in that beside a net


@dataclass(frozen=True, eq=False)
class PairLearner(RecurrentLearner):
    """The parameters of an encoder and a decoder, parsed: what those of numbers and of symbols have in common."""

    def before(self, trained, net):
        """Return the trained net, if ``warm_start`` asks for it and its parameters mean the same."""
        return trained if self.p.warm_start and trained.dynamics.net.same_as(net) else None

    def _initial(self, net, series, mean, rng):
        """Draw initial parameters, (P,)."""
        return net.initial(rng, self.p.recurrent_init, SMALL)

    def _solvers(self, net, series):
        """Return the solver and its most epochs; "auto" is Adam."""
        auto = chooses_solver(self.p)
        return [(Adam(0.003, clip_norm=1.0) if auto else resolve_solver(self.p.solver), self.limit)]


def _rows_read(layout):
    """Return the rows of history of an example."""
    return layout.lead - layout.gap


def _contexts(h, w):
    """List the rows of history that "auto" chooses from, most first, for h rows to forecast, in segments of w."""
    fewer = [k * h for k in HISTORIES if k * h < WEEK]
    return [max(w, T // w * w) for T in (WEEK, *fewer)]


def laid_out(dynamics):
    """Return a model whose weights are views already, so that no forecast changes what is kept."""
    dynamics.params  # noqa: B018
    return dynamics


@kept("encoder-decoder's carry")
class EpisodeCarry(NamedTuple):
    """What ``learn_more`` goes on with.

    moments : of a stochastic solver.   information : ``LinearInformation`` of a linear model, or None.   alpha : its
    penalty.   rows : of history, that it reads.
    """

    moments: object
    information: LinearInformation | None = None
    alpha: float = 0.0
    rows: int = 0


@dataclass(frozen=True, eq=False)
class EpisodeLearner(PairLearner):
    """The parameters of an encoder and a decoder, parsed, and their training on examples.

    widths : V, A, O, Q, see ``episode_loss.py``.
    """

    T: int
    n: int
    attention: str | None
    widths: tuple = ()
    usual = 30

    def of_context(self, T):
        """Return the learner of examples with T rows of history."""
        return replace(self, T=T, input_lags=tuple(range(T + 1)), output_lags=tuple(range(1, T + 1)))

    def net(self, D, O):
        """Return the layout."""
        layout = (
            self.cell,
            self.hidden,
            self.attention,
            self.T,
            self.n,
            self.widths,
            bool(self.p.skip_connections),
        )
        w = self.p.segment_length
        return make_episode(*layout) if w is None else make_segmented(*layout, int(w))

    @property
    def weighs_linear(self):
        """Whether the net is to be weighed against a linear model of its examples."""
        return self.p.skip_connections == "auto" and self.loss is squared

    def _loss(self, net, series, mean, solver, pool):
        """Return the loss of the training examples."""
        options = {"B": self.p.batch_size, "pool": pool}
        return EpisodeLoss(net, series, self._teaching(mean[1]), traits(solver).dtype, **options)

    def _validation(self, net, series, mean):
        """Return the loss of forecasts on the held examples as a function of theta; None where none is held."""
        loss = EpisodeLoss(net, series, self._teaching(mean[1], "closed_loop"), np.float32, held=True)
        return loss.value if loss.weight > 0 else None

    def _made(self, task, theta):
        """Return the model with given parameters."""
        return laid_out(EpisodeDynamics(theta, task.net, task.mean)), None

    def _attempt(self, net, series, mean, rng, before):
        """Train from one start, or from a net without its linear model."""
        if before is not None:
            alone = before.dynamics.but(theta=before.dynamics.theta[: net.size], share=1.0)
            before = before._replace(dynamics=alone, carry=before.carry.moments)
        attempt = super()._attempt(net, series, mean, rng, before)
        return attempt._replace(trained=attempt.trained._replace(carry=EpisodeCarry(attempt.trained.carry)))

    def _beside_linear(self, trained, series, mean):
        """Weigh a net against the linear model of its examples."""
        return _beside_linear(trained, series)

    def fade(self, trained, share):
        """Return what was learnt, of which the linear model's examples count for so much less."""
        carry = trained.carry
        if carry.information is None:
            return trained
        information = carry.information._replace(weight=share * carry.information.weight)
        return trained._replace(carry=carry._replace(information=information))

    def learn_more(self, trained, series, memory, rng):
        """Make a pass of stochastic gradient over examples; the linear model learns them by recursive least squares."""
        dynamics, (moments, information, *_) = trained.dynamics, trained.carry
        solver = None if chooses_solver(self.p) else resolve_solver(self.p.solver)
        if solver is None or traits(solver).batches != "mini":
            solver = Adam(GENTLE)
        teaching = self._teaching(dynamics.mean[1])._replace(alpha=0.0)  # few rows would be outweighed
        loss = EpisodeLoss(dynamics.net, [series], teaching, traits(solver).dtype, B=self.p.batch_size)
        if not loss.weight > 0:
            return trained
        theta, linear = np.split(dynamics.theta, [dynamics.net.size])
        theta, moments = one_pass(solver, loss, theta, rng, moments)
        if information is not None:
            linear, information = _assimilated(dynamics.net, series, linear, trained.carry)
        theta = np.concatenate([theta, linear])
        return trained._replace(
            dynamics=laid_out(dynamics.but(theta=theta)),
            carry=trained.carry._replace(moments=moments, information=information),
        )


def _assimilated(net, series, theta, carry):
    """Return theta of a linear model, and what its rows say, after new examples."""
    seen, plan, whole = _plans(net, carry.rows or net.T)
    theta, short = theta.copy(), np.zeros(plan.size)
    (to,), (found,) = whole.views(theta), plan.views(short)
    found.W[:], found.b[:] = to.W[seen], to.b
    rows = WindowLoss(plan, [series._replace(X=series.X[:, seen])], *open_loop(plan), 0.0, np.float64)
    short, information = assimilate_linear(rows, plan, short, carry.information, carry.alpha)
    to.W[seen], to.b[:] = plan.views(short)[0]
    return theta, information


def _beside_linear(trained, series):
    """Take a mean of a net and the linear model of its examples, by the share that the held ones warrant.

    The linear model is that of levels, that of changes from the last y, or the mean of these, whichever errs least
    there; it reads fewer rows of history than the net where it errs less then, not by chance. All have then learnt
    these, too.
    """
    dynamics, judged = trained.dynamics, trained.judged or trained.dynamics
    held = Series(*(np.concatenate([s[k][s.held & (s.w > 0)] for s in series]) for k in range(3)), None)
    rest = [(s.X, s.Y, np.where(s.held, 0.0, s.w)) for s in series]
    tried = [_judged_linear(judged, rest, held, rows) for rows in _histories(dynamics.net)]
    linear = tried[trusted_choice(Rivals([t.forecast for t in tried], held.Y, held.w))]
    share = trusted_share([Mixed(linear.forecast, _forecast(judged, held.X), held.Y, held.w)], SHARES)
    if share == 1.0:
        return trained
    all_rows = [(s.X, s.Y, s.w) for s in series]
    after, information, alpha = _learn_linear(dynamics.net, all_rows, linear.rows)
    return trained._replace(
        dynamics=_mean(dynamics, _between(after, linear.mix), share),
        judged=_mean(judged, linear.theta, share),
        carry=EpisodeCarry(trained.carry.moments, information, alpha, linear.rows),
    )


class _Linear(NamedTuple):
    """A linear model of examples: rows of history read, share of that of changes, theta, forecasts of held examples."""

    rows: int
    mix: float
    theta: np.ndarray
    forecast: np.ndarray


def _histories(net):
    """Return the rows of history that a linear model may read: those of the net, most first, and fewer."""
    return [net.T, *(k * net.n for k in HISTORIES if k * net.n < net.T)]


def _judged_linear(dynamics, series, held, rows):
    """Learn a linear model of so many rows of history, and forecast the held examples by it."""
    both, *_ = _learn_linear(dynamics.net, series, rows)
    levels, changes = (_forecast(_mean(dynamics, theta, 0.0), held.X) for theta in both)
    mixed = Mixed(levels, changes, held.Y, held.w)
    mix = min(MIXES, key=lambda m: mixed.squares(m)[0].sum())
    return _Linear(rows, mix, _between(both, mix), _between((levels, changes), mix))


def _learn_linear(net, series, rows):
    """Learn as ``learn_linear`` from ``rows`` rows of history; theta has weights of all numbers, 0 where not read."""
    seen, plan, whole = _plans(net, rows)
    both, *of_rows = learn_linear(plan, [(Z[:, seen], Y, w) for Z, Y, w in series], rows, net.widths[2])
    theta = np.zeros((2, whole.size))
    for to, found in zip(theta, both):
        (layer,) = whole.views(to)
        layer.W[seen], layer.b[:] = plan.views(found)[0]
    return theta, *of_rows


def _plans(net, rows):
    """Mark the numbers (P,) of an example that ``rows`` rows of history leave; lay out models of those, and of all."""
    seen = net.seen(rows)
    return seen, *(linear_plan(P, net.n_outputs) for P in (int(seen.sum()), net.n_inputs))


def _between(both, mix):
    """Mix what is of levels and what is of changes."""
    return (1 - mix) * both[0] + mix * both[1]


def _mean(dynamics, linear, share):
    """Return the mean of a net and a linear model with parameters ``linear``."""
    return laid_out(dynamics.but(theta=np.concatenate([dynamics.theta, linear]), share=share))


def _forecast(dynamics, Z):
    """Forecast from examples Z (N, .), (N, n O)."""
    return dynamics.run(Z, np.full((len(Z), dynamics.n_outputs), np.nan), None)[0]


@dataclass(frozen=True, eq=False)
class EpisodesLearner(HorizonsLearner):
    """A ``HorizonsLearner`` whose members are encoders and decoders."""

    shorter = "a shorter context"

    def learn(self, net, series, mean, rng, before=None):
        """Learn each member, from as many rows of history as the series warrant where that is open."""
        if not is_auto(self.p.context):
            return super().learn(net, series, mean, rng, before)
        T = self._context(net, series) if before is None else _rows_read(before.dynamics.layout)
        learner = self._of_context(T)
        return super(EpisodesLearner, learner).learn(learner._net_like(net), series, mean, rng, before)

    def _context(self, net, series):
        """Return the longest history of ``_contexts`` that leaves as many examples as it has rows, or the shortest."""
        for T in _contexts(self.h, int(self.p.segment_length or 1)):
            pasts = self._pasts(self._of_context(T)._net_like(net), series)
            histories = [Y[: max(0, len(Y) - net.gap - self.h + 1)] for Y in pasts]
            known = np.concatenate([np.append(np.isfinite(Y).all(axis=1), False) for Y in histories])
            ends = np.flatnonzero(np.concatenate([[True], ~known]))
            lengths = np.diff(ends) - 1  # of runs of rows without NaN
            if np.maximum(0, lengths - T).sum() >= T:
                break
        return T

    def _of_context(self, T):
        """Return the learner of examples with T rows of history."""
        return replace(self, inner=self.inner.of_context(T))

    def _net_like(self, net):
        """Return the layout for as many inputs and outputs as another one has."""
        return self.net(len(net.is_ahead), net.n_outputs)

    def before(self, trained, net):
        """Return the trained members, if ``warm_start`` asks for it and their parameters mean the same."""
        learner = self._of_context(_rows_read(trained.dynamics.layout)) if is_auto(self.p.context) else self
        return super(EpisodesLearner, learner).before(trained, learner._net_like(net))

    def _alike(self, layout, net):
        """Return whether numbers of an example mean the same, however long its history."""
        return layout.gap == net.gap and np.array_equal(layout.is_ahead, net.is_ahead)

    def _member_learner(self, net, horizon):
        """Return the learner of a member: its examples hold V and A inputs, O outputs, and targets for Q quantiles."""
        Q, loss = 1, self.inner.loss
        if horizon.quantiles is not None:
            Q = len(horizon.quantiles)
            loss = Pinball(list(horizon.quantiles) * net.n_outputs)
        ahead = int(net.is_ahead.sum())
        widths = len(net.is_ahead) - ahead, ahead, net.n_outputs, Q
        fields = {name: getattr(self.inner, name) for name in self.inner.__dataclass_fields__}
        return EpisodeLearner(**fields | {"widths": widths, "loss": loss})
