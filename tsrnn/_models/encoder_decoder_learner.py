"""Learning of encoders and decoders: nets of pairs, and the nets of a forecaster beside a linear model.

    f(z) = share net(z) + (1 - share) (c + z L)         share, c, L: see ``delay_linear.py`` and ``many_targets.py``

z is an example of ``episode_loss.py``: the history of a row, and what is known of the rows to come.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._estimators.forecaster import HorizonsLearner
from .._nets.delay_linear import SHARES, LinearInformation, Mixed, assimilate_linear, trusted_share
from .._nets.delay_loss import WindowLoss
from .._nets.episode_loss import EpisodeDynamics, EpisodeLoss, make_episode
from .._nets.many_targets import learn_linear, linear_plan
from .._nets.segments import make_segmented
from .._training.losses import Pinball, squared
from .._training.monitor import chooses_solver
from .._training.solvers import one_pass, resolve_solver, traits
from .._training.stochastic import Adam
from .._values import kept
from .delay_learner import open_loop
from .recurrent_learner import GENTLE, SMALL, RecurrentLearner


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


def laid_out(dynamics):
    """Return a model whose weights are views already, so that no forecast changes what is kept."""
    dynamics.params  # noqa: B018
    return dynamics


@kept("encoder-decoder's carry")
class EpisodeCarry(NamedTuple):
    """What ``learn_more`` goes on with.

    moments : of a stochastic solver.   information : ``LinearInformation`` of a linear model, or None.   alpha : its
    penalty.
    """

    moments: object
    information: LinearInformation | None = None
    alpha: float = 0.0


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
        dynamics, (moments, information, alpha) = trained.dynamics, trained.carry
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
            plan = linear_plan(dynamics.net.n_inputs, dynamics.net.n_outputs)
            rows = WindowLoss(plan, [series], *open_loop(plan), 0.0, np.float64)
            linear, information = assimilate_linear(rows, plan, linear, information, alpha)
        theta = np.concatenate([theta, linear])
        return trained._replace(
            dynamics=laid_out(dynamics.but(theta=theta)), carry=EpisodeCarry(moments, information, alpha)
        )


def _beside_linear(trained, series):
    """Take a mean of a net and the linear model of its examples, by the share that the held ones warrant.

    The linear model is that of levels, that of changes from the last y, or the mean of these, whichever errs least
    there. All have then learnt these, too.
    """
    dynamics, judged = trained.dynamics, trained.judged or trained.dynamics
    net = dynamics.net
    plan, history = linear_plan(net.n_inputs, net.n_outputs), (net.T, net.widths[2])
    before, *_ = learn_linear(plan, [(s.X, s.Y, np.where(s.held, 0.0, s.w)) for s in series], *history)
    Z, Y, w = (np.concatenate([s[k][s.held & (s.w > 0)] for s in series]) for k in range(3))
    levels, changes = (_forecast(_mean(judged, linear, 0.0), Z) for linear in before)
    mix = min(MIXES, key=lambda m: Mixed(levels, changes, Y, w).squares(m)[0].sum())
    linear, before = ((1 - mix) * one + mix * other for one, other in ((levels, changes), before))
    share = trusted_share([Mixed(linear, _forecast(judged, Z), Y, w)], SHARES)
    if share == 1.0:
        return trained
    after, information, alpha = learn_linear(plan, [(s.X, s.Y, s.w) for s in series], *history)
    return trained._replace(
        dynamics=_mean(dynamics, (1 - mix) * after[0] + mix * after[1], share),
        judged=_mean(judged, before, share),
        carry=EpisodeCarry(trained.carry.moments, information, alpha),
    )


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

    def before(self, trained, net):
        """Return the trained members, if ``warm_start`` asks for it and their parameters mean the same."""
        layout, members = trained.dynamics.layout, trained.carry.trained
        alike = layout.gap == net.gap and layout.is_ahead.tolist() == net.is_ahead.tolist()
        if not alike or len(members) != len(net.horizons):
            return None
        for horizon, member in zip(net.horizons, members):
            learner = self._member_learner(net, horizon)
            inner = learner.net(net.n_seen(horizon), net.n_targets(horizon))
            if learner.before(member, inner) is None:
                return None
        return trained

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
