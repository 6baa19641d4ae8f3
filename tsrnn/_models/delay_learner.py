"""How a delay network learns, of TDNN, NARX and ARX.

Training goes through stages, (steps, closed) each: in open loop from measured y, one row a sample; in closed loop
through free runs of some steps, by back-propagation through the loop.  The equations are in ``delay_kernels.py``.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np

from .._estimators.snapshots import with_parameters
from .._nets import delay_kernels as kernels
from .._nets.delay import DelayDynamics, Layer, abreast, make_plan
from .._nets.delay_linear import (
    SHARES,
    LinearInformation,
    assimilate_linear,
    blend,
    doubt_of,
    linear_information,
    ridge,
    trusted_share,
)
from .._nets.delay_loss import WindowLoss
from .._nets.dynamics import (
    Learner,
    OfLags,
    Trained,
    after_memory,
    check_enough_rows,
    check_sees_something,
    geometric_mean,
    no_row_counts,
)
from .._nets.pooled import Pooled, PooledDelayLoss, n_more, pooled
from .._nets.symbols import Embedding, settled
from .._series.histories import with_histories
from .._series.units import Series, none_held
from .._training.gauss_newton import LevenbergMarquardt, assimilate
from .._training.losses import has_kinks, is_of_labels, resolve_loss, squared
from .._training.monitor import (
    Monitor,
    chooses_solver,
    history,
    makes_one_of_all,
    not_stuck,
    progress,
    warn_if_cut_short,
)
from .._training.solvers import LBFGS, MAX_LBFGS_WORK, one_pass, resolve_solver, run_solver, traits
from .._training.stochastic import Adam
from .._values import kept
from .linear_mean import linear_mean
from .whole_learner import Task, WholeLearner


MAX_LM_PARAMETERS, MAX_LM_WORK = 600, 5e9  # beyond, an iteration of Levenberg-Marquardt is too slow
EPOCHS = 100  # at most, by default
HASTE = 4  # times less patience of all nets of a mean but the first
TRUST = 1.0  # how firmly partial_fit holds on to what J'J says nothing of, as a share of what it says
ROW_BY_ROW = 1, False  # (steps, closed) of a solver that sees one row after the other
MEAN_LOSS = 0.5  # of the mean of y, in scaled units, with any loss
SMOOTH = 10.0  # decay from which a Bayesian solver starts: from next to none, many weights first fit few noisy rows
LEAST = 1.0  # decay from which the other nets of a mean start where the first ended with less


class Attempt(NamedTuple):
    """The result of training from one start; ``value`` is what attempts are compared by.

    decays : that each stage, (steps, closed), ended with, (P,).
    """

    theta: np.ndarray
    value: float
    monitors: list
    decay: np.ndarray
    moments: object  # what the solver goes on with later
    decays: dict


class Made(NamedTuple):
    """A net with its parameters and their decay, (P,) each."""

    net: object
    theta: np.ndarray
    decay: np.ndarray


@kept("delay network's carry")
class Carry(NamedTuple):
    """State from which ``learn_more`` continues.

    moments : of a stochastic solver.   information : J'J + decay (P, P) of a small net, ``LinearInformation`` of a
    large linear one, or None.   members : how many nets were joined side by side.
    """

    moments: object
    information: np.ndarray | LinearInformation | None
    members: int = 1


@dataclass(frozen=True, eq=False)
class DelayLearner(Embedding, OfLags, WholeLearner, Learner):
    """The parameters of a delay network, parsed, and its training.

    hidden : widths of the hidden layers.   layer_lags : lags of every later layer.   training : "open_loop",
    "closed_loop" or "both".   linear : ``Averaged`` lags of the linear model that it is weighed against, or None for
    its own.   decays : that another net ended each stage with, {(steps, closed): (P,)}.
    """

    hidden: tuple
    input_lags: tuple
    output_lags: tuple
    layer_lags: list
    activation: str
    skip_connections: bool | str
    loss: object
    training: str = "open_loop"
    sequence_length: int = 1
    categories: dict = field(default_factory=dict, kw_only=True)
    codes_labels: bool = field(default=False, kw_only=True)
    linear: tuple | None = field(default=None, kw_only=True)
    decays: dict = field(default_factory=dict, kw_only=True)

    remembers = False

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        later = 0 if self._skips else sum(min(lags) for lags in self.layer_lags)
        return min(self.input_lags, default=np.inf) + later

    @property
    def steps_fade(self):
        """Whether "auto" is Adam for series with one y each: for labels; numbers are learnt better by L-BFGS."""
        return is_of_labels(self.loss)

    @property
    def limit(self):
        """Iterations, at most."""
        return self.p.max_iter or EPOCHS

    @property
    def _skips(self):
        """Whether the net is trained with an output layer that sees the lags."""
        if self.skip_connections == "auto":
            return not self.output_lags  # in a free run a path without bounds may run away
        return bool(self.skip_connections)

    @property
    def held_share(self):
        """Share of the rows, the last ones, that is held back from training."""
        p = self.p
        return p.validation_fraction if p.early_stopping or p.n_restarts > 1 else 0.0

    @property
    def is_squared(self):
        """Whether the loss is a sum of squares, for which there are methods of its own."""
        return self.loss is squared

    def for_scale(self, scale):
        """Return the learner of y over a scale (O,), of a loss with a log link."""
        return replace(self, loss=self.loss.scaled(scale))

    def net(self, D, O):
        """Return the plan."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        if not self.is_squared:
            resolve_loss(self.loss, O)
        symbols = self.symbols(D, O)
        return self._plan(symbols.width if symbols else D, O, self.hidden, self._skips, symbols)

    def _plan(self, D, O, hidden, seen, symbols=None):
        """Return the plan of a net of some widths, whose output layer sees lags or not, as ``seen`` says."""
        lags = self.input_lags, self.output_lags, self.layer_lags
        return make_plan(D, O, hidden, self.activation, *lags, seen, symbols)

    def before(self, trained, net):
        """Return the trained net, if ``warm_start`` asks for it and its parameters mean the same."""
        if not (self.p.warm_start and isinstance(trained.carry, Carry)):
            return None
        net = self._with_keys(net) if isinstance(trained.dynamics, Pooled) else net
        if trained.carry.members > 1:
            net = self._wide(net, trained.carry.members)  # a mean goes on as one net
        plan = trained.dynamics.plan
        blended = self.weighs_linear and plan.same_as(self._with_lags(net, plan.skipping))
        return trained if plan.same_as(net) or blended else None

    def _with_keys(self, net):
        """Return a plan whose output layer also gives what ``pooling`` needs."""
        more = n_more(self.p.pooling, net.n_outputs)
        if not more:
            return net
        return self._plan(net.n_inputs, net.n_outputs + more, self.hidden, self._skips, net.symbols)

    # ---------------------------------------------------------------------------------- training

    def learn(self, net, series, mean, rng, before=None):
        """Train from ``n_restarts`` starts; keep the best, or make one net of all."""
        # with the linear model in it, if it was blended
        net = net if before is None else before.dynamics.plan
        check_enough_rows(type(self.p).__name__, net.lead, series)
        series = series if self.codes_labels else with_histories(series, self.output_lags)
        first, *later = self._stages(net, series)
        # gaps in y may leave no row that a free run could begin at
        stages = [first, *(kind for kind in later if self._loss(net, series, kind).n)]
        if self._is_solved(net, stages):
            return self._learn_linear(net, series, mean)
        judge = self._validation(net, series, stages[:2])
        n_fitted, members = None, 1 if before is None else before.carry.members
        starts = [before] + [None] * (self.p.n_restarts - 1)
        if makes_one_of_all(self.p):
            net, best, n_fitted, members = self._mean(net, series, stages, rng, starts, judge)
        else:
            best = self._best(net, series, stages, rng, starts, judge)
        made, judged = Made(net, best.theta, best.decay), None
        if self.weighs_linear and not net.symbols and judge is not None:
            made, before_held = self._beside_linear(made, series)
            judged = DelayDynamics(before_held, made.net, mean, self.input_lag)
        dynamics = DelayDynamics(settled(made.net, made.theta, series), made.net, mean, self.input_lag)
        moments = best.moments if len(made.theta) == len(best.theta) else None
        carry = Carry(moments, self._information_for_more(made, series), members)
        return Trained(dynamics, carry=carry, judged=judged, n_fitted=n_fitted, **history(best.monitors))

    def _mean(self, net, series, stages, rng, starts, judge):
        """Make one net of all starts that got anywhere.

        Returns its plan, it as an ``Attempt``, how many parameters one has, and how many there are.
        """
        first = self._best(net, series, stages, rng, starts[:1], judge)
        hasty = self._hasty(first.decays)
        nets = [first, *(hasty._best(net, series, stages, rng, [None], judge) for _ in starts[1:])]
        if judge is not None and self.is_squared:
            nets = not_stuck(nets)
        return *self._abreast(net, series, nets, nets[0]), first.theta.size, len(nets)

    def _information_for_more(self, made, series):
        """Return what ``learn_more`` goes on from, J'J + decay of all rows, where the solver is of squares; or None."""
        solver = traits(self._solver(made.net, series))
        is_exact = self.is_squared and solver.dtype == np.float64 and solver.batches != "rows"
        if not is_exact or made.net.symbols or not _is_small(made.net, n_rows(series)):
            return None
        return self._information(made, none_held(series))

    def _is_solved(self, net, stages):
        """Return whether one least-squares problem is all there is to learn, so that no iteration is left."""
        return self._is_linear and not net.symbols and stages == [open_loop(net)]

    @property
    def _is_linear(self):
        """Whether least squares of one linear layer are learnt, but for a closed loop."""
        return self.is_squared and not self.hidden and chooses_solver(self.p)

    def of_sums(self, net, n):
        """Return whether normal equations of n rows tell all there is to learn."""
        return self._is_linear and self.training == "open_loop" and not _is_small(net, n)

    def _learn_linear(self, net, series, mean):
        """Solve for a net without hidden layers."""
        loss = self._loss(net, series, open_loop(net))
        if loss.n == 0:
            raise no_row_counts(net.lead, net.n_outputs)
        sums = tuple(loss.normal_equations(np.zeros(net.size)))
        near = [_around_held(s, net.lead) for s in series if s.held.any()]
        validate = self._validation(net, near, [open_loop(net)]) if self.p.early_stopping and near else None
        trained = self.learn_sums(net, sums, mean, validate)
        if not _is_small(net, n_rows(series)):
            return trained
        made = Made(net, trained.dynamics.theta, self.p.alpha * (net.groups() > 0))
        return trained._replace(carry=Carry(None, self._information(made, none_held(series))))

    def learn_sums(self, net, sums, mean, validate=None):
        """Solve the normal equations of a net without hidden layers."""
        p = self.p
        theta, sse, _ = ridge(net, sums, p.alpha)
        loss = sse + p.alpha * np.sum(net.views(theta)[-1].W ** 2)
        weight = sum(alike.weight * len(alike.outputs) for alike in sums)
        with progress(p.verbose, f"{type(p).__name__}, open loop", 1) as tell:
            monitor = Monitor(theta, 2, p.tol, p.n_iter_no_change, validate, tell, "open loop")
            monitor(theta, loss / (2 * weight))
        dynamics = DelayDynamics(theta, net, mean, self.input_lag)
        return Trained(dynamics, carry=Carry(None, linear_information(net, sums)), **history([monitor]))

    @property
    def extrapolates(self):
        """Whether a path without bounds leads to the answer."""
        return not self.hidden or self._skips or self.weighs_linear

    @property
    def weighs_linear(self):
        """Whether the net is to be weighed against the linear model of its lags."""
        asked = self.skip_connections == "auto" and bool(self.hidden)
        return asked and self.is_squared and not self.learns_rows()

    def _with_lags(self, net, seen):
        """Return the plan of a net, however wide, with an output layer that sees lags of inputs and outputs."""
        hidden = tuple(int(H) for H in net.layers[:-1, kernels.WIDTH])
        return self._plan(net.n_inputs, net.n_outputs, hidden, seen)

    def _beside_linear(self, made, series):
        """Blend the net with the linear model, by the share of the net that the held rows warrant.

        Both have then learnt the held rows, too. Returns that, and theta of the result as it was before they did.
        """
        net, theta, decay = made
        averaged = self.averaged(net)
        wide = self._with_lags(net, averaged.together)
        held = self._held_losses(wide, series, self._stages(wide, series)[:2])
        before = linear_mean(net.n_inputs, net.n_outputs, averaged, series)
        if not held or before is None:  # no row has the history of longer lags than the net's
            return made, theta
        choices = [blend(wide, net, theta, before.layer, share) for share in SHARES]
        share = trusted_share(held, choices, doubt_of(series, averaged))
        later = self._learn_held(made, series) if share > 0.0 else theta
        if share == 1.0:
            return Made(net, later, decay), theta
        after = linear_mean(net.n_inputs, net.n_outputs, averaged, none_held(series))
        of_linear = Layer(np.full_like(after.layer.W, after.alpha), np.zeros_like(after.layer.b))
        decay = blend(wide, net, decay, of_linear, share)
        judged = choices[SHARES.index(share)]
        return Made(wide, blend(wide, net, later, after.layer, share), decay), judged

    def _learn_held(self, made, series):
        """Return theta of a small net after steps of recursive Gauss-Newton on the held rows, as in ``learn_more``."""
        net, theta, _ = made
        if not _is_small(net, n_rows(series)):
            return theta
        held = [s._replace(w=np.where(s.held, s.w, 0.0)) for s in series]
        loss = self._loss(net, none_held(held), open_loop(net))
        return assimilate(loss, theta, self._information(made, series))[0] if loss.n else theta

    def _hasty(self, decays):
        """Return the learner of all nets of a mean but the first, with less patience, on which most iterations go.

        They begin with the decays that the first ended with, and so nearer to where they end.  (To stop them all where
        the first was best costs less still, but where the first got stuck early, the error of the mean doubles.)
        """
        p = self.p
        if not p.early_stopping:
            return replace(self, decays=decays)
        p = with_parameters(p, n_iter_no_change=-(-p.n_iter_no_change // HASTE))
        return replace(self, p=p, decays=decays)

    def _best(self, net, series, stages, rng, starts, judge):
        """Return the best attempt from some starts and, should it run away, from another one in closed loop alone."""
        attempts = [self._attempt(net, series, stages, rng, start, judge) for start in starts]
        if self._runs_away(net, series, min(attempts, key=attrgetter("value")).theta, stages):
            closed_loop_only = stages[1:2]
            attempts.append(self._attempt(net, series, closed_loop_only, rng, None, judge))
        return min(attempts, key=attrgetter("value"))

    def _wide(self, net, k):
        """Return the plan of k nets side by side."""
        symbols, hidden = net.symbols and net.symbols.widened(k), [k * H for H in self.hidden]
        D = symbols.width if symbols else net.n_inputs
        return self._plan(D, net.n_outputs, hidden, self._skips, symbols)

    def _abreast(self, net, series, members, best):
        """Return the plan of all members side by side, and the best attempt, with the parameters of all of them."""
        wide = self._wide(net, len(members))
        theta = abreast(net, wide, [member.theta for member in members])
        decay = self._loss(wide, series, open_loop(wide), self.p.alpha).decay
        return wide, best._replace(theta=theta, decay=decay, moments=None)

    def _information(self, made, series):
        """Compute J'J + decay (P, P), of the rows that are not held back."""
        net, theta, decay = made
        loss = self._loss(net, series, open_loop(net))
        information = loss.gauss_newton(theta)[2] + np.diag(decay)
        if self.hidden:  # J'J holds near theta only: no direction is free to go far
            information += TRUST * np.diag(information).mean() * np.eye(net.size)
        return information

    def _stages(self, net, series):
        """List (steps, closed) of each stage of training."""
        if self.learns_rows():
            return [ROW_BY_ROW]
        longest = max(len(s.Y) for s in series) - net.lead
        steps = min(self.sequence_length, longest)
        if self.training == "closed_loop":
            return [(steps, True)]
        if self.training == "open_loop":
            return [open_loop(net)]
        longer = (steps * 4**k for k in range(1, 10))  # reached only while long free runs stay worse
        return [open_loop(net), (steps, True), *((n, True) for n in longer if n <= longest)]

    def _attempt(self, net, series, stages, rng, old, judge):
        """Train stage after stage, from ``old``, a ``Trained``, or from new parameters."""
        fresh = old is None
        theta, moments = (net.initial(rng), None) if fresh else (old.dynamics.theta, old.carry.moments)
        monitors, kinds, decays = [], [], {}
        for kind in stages:
            if len(kinds) > 1 and not self._runs_worse_and_worse(net, series, theta, kinds[-1]):
                break
            limit = self._iterations_left(monitors, len(stages))
            if limit == 0:
                break
            kinds.append(kind)
            monitor, decay, moments_after = self._train(net, series, kinds, theta, rng, fresh, moments, limit)
            monitors.append(monitor)
            theta, fresh, moments, decays[kind] = monitor.best_theta, False, None, decay
        warn_if_cut_short(self.p.max_iter, *monitors)
        value = monitors[-1].best if judge is None else judge(theta)
        return Attempt(theta, value, monitors, decay, moments_after, decays)

    def _iterations_left(self, monitors, n_stages):
        """Return the most iterations of the next stage of training, after those of some ``monitors``."""
        if self.p.max_iter is None:
            return EPOCHS
        if n_stages > 1 and not monitors:
            return -(-self.p.max_iter // 2)
        return self.p.max_iter - sum(monitor.n_iter for monitor in monitors)

    def _train(self, net, series, kinds, theta, rng, fresh, moments, limit):
        """Go through the last of some stages of training, from a ``fresh`` theta or a trained one.

        kinds : (steps, closed) of this stage and those before it.   moments : what the solver goes on with, or None.
        limit : iterations, at most.
        Returns its monitor, the decay (P,) and what the solver would go on with.
        """
        p, closed, solver = self.p, kinds[-1][1], self._solver(net, series)
        dtype = traits(solver).dtype
        starts_smooth = self.weighs_linear and getattr(solver, "bayesian", False)
        alpha = max(p.alpha, SMOOTH) if starts_smooth else p.alpha
        loss = self._loss(net, series, kinds[-1], alpha, dtype)
        if loss.n == 0:
            raise no_row_counts(net.lead, net.n_outputs)
        if starts_smooth and kinds[-1] in self.decays:
            loss.decay = np.maximum(self.decays[kinds[-1]], LEAST * (loss.groups > 0))
        # Begin with the best readout of the random features, but not where gradients of single rows follow: its large
        # weights, which cancel each other, make these steep in some directions and leave nothing of the others.
        if fresh and not closed and not self.learns_rows():
            exact = loss
            if dtype != np.float64:
                exact = self._loss(net, series, kinds[-1], alpha)
            theta = exact.solve_linear(theta, exact.decay)
        validate = self._validation(net, series, kinds) if p.early_stopping else None
        steps, _ = kinds[-1]
        name = f"closed loop of {steps} steps" if closed else "open loop"
        with progress(p.verbose, f"{type(p).__name__}, {name}", limit) as tell:
            monitor = Monitor(theta, limit, p.tol, p.n_iter_no_change, validate, tell, name)
            moments = run_solver(solver, loss, theta, monitor, rng, moments)
        return monitor, loss.decay, moments

    def _loss(self, net, series, kind, alpha=0.0, dtype=np.float64, held=False):
        """Return the loss over some rows.   kind : (steps, closed)."""
        return WindowLoss(net, series, *kind, alpha, dtype, held, self.p.batch_size, self.loss)

    def _validation(self, net, series, kinds):
        """Return the loss on the validation rows as a function of theta; None where no rows are held.

        After the first stage it is a geometric mean, over one step ahead, free runs as long as in training and
        free runs as long as the held rows: what closed-loop training gains must be more than it loses elsewhere.
        """
        held = self._held_losses(net, series, kinds)
        if not held:
            return None

        def validate(theta):
            theta = theta.astype(np.float64)
            return geometric_mean([loss.sum_of_squares(theta) / (2 * loss.weight) for loss in held])

        return validate

    def _held_losses(self, net, series, kinds):
        """List the losses on the validation rows by which theta is judged; see ``_validation``."""
        if len(kinds) > 1:
            kinds = [kinds[0], kinds[-1], (_longest_held(series), True)]
        losses = [self._loss(net, series, kind, held=True) for kind in kinds]
        return [loss for loss in losses if loss.n]

    def _runs_worse_and_worse(self, net, series, theta, kind):
        """Return whether free runs as long as the held rows are far worse than those as long as in training."""
        kinds = kind, (_longest_held(series), True)
        short, long = (self._validation(net, series, [kind]) for kind in kinds)
        return short is not None and long is not None and long(theta) > 2 * short(theta)

    def _runs_away(self, net, series, theta, stages):
        """Return whether, after both kinds of training, long free runs are far worse than the mean of y."""
        if len(stages) < 2:
            return False
        long = self._validation(net, series, [(_longest_held(series), True)])
        return long is not None and long(theta) > 2 * MEAN_LOSS

    def learns_rows(self):
        """Return whether the solver goes through the rows one by one, in open loop."""
        return not chooses_solver(self.p) and traits(resolve_solver(self.p.solver)).batches == "rows"

    def _solver(self, net, series):
        """Return the solver; "auto" depends on the loss, and on the numbers of parameters and rows."""
        if not chooses_solver(self.p):
            return resolve_solver(self.p.solver)
        if net.symbols or not self.is_squared:
            large = net.symbols and net.size * n_rows(series) > MAX_LBFGS_WORK
            return Adam() if has_kinks(self.loss) or large else LBFGS()
        return LevenbergMarquardt() if _is_small(net, n_rows(series)) else Adam()

    def learn_whole(self, net, series, mean, rng, before=None):
        """Train on series that have one y each, which their last row holds, from ``n_restarts`` starts."""
        starts = [before] + [None] * (self.p.n_restarts - 1)
        attempts = [self._attempt_whole(net, series, mean, rng, start) for start in starts]
        if not makes_one_of_all(self.p):
            return min(attempts, key=itemgetter(1))[0]
        net, nets = self._with_keys(net), [trained for trained, _ in attempts]
        wide = self._wide(net, len(nets))
        theta = abreast(net, wide, [trained.dynamics.theta for trained in nets])
        return nets[0]._replace(dynamics=self._pooled(wide, theta, mean), carry=Carry(None, None, len(nets)))

    def _pooled(self, net, theta, mean):
        """Return the model of one answer per series."""
        return pooled(theta, DelayDynamics(theta, net, mean, self.input_lag), self.p.pooling)

    def _attempt_whole(self, net, series, mean, rng, before):
        """Train from ``before``, or from new parameters; returns ``Trained`` and what attempts are compared by."""
        if before is None:
            net = self._with_keys(net)
            theta, moments, members = self._with_query(net.initial(rng), rng), None, 1
        else:
            net, theta, (moments, _, members) = before.dynamics.plan, before.dynamics.theta, before.carry
        theta, moments, monitor = self._fit_whole(Task(net, series, mean, None), theta, moments, rng)
        dynamics = self._pooled(net, settled(net, theta, series), mean)
        return Trained(dynamics, carry=Carry(moments, None, members), **history([monitor])), monitor.best

    def _whole_loss(self, task, dtype, **options):
        """Make the loss on series with one y each, those held back or the others."""
        decay = self.p.alpha * (task.net.groups() > 0)
        return PooledDelayLoss(
            task.net, task.series, task.mean[0], self.p.pooling, self.loss, decay, dtype, **options
        )

    def _threads_of_one(self):
        """Return a context that gives None: there are no threads."""
        return nullcontext()

    def learn_more(self, trained, series, memory, rng):
        """Take a step of recursive Gauss-Newton for a small net, for a large one a pass of stochastic gradient."""
        dynamics, (moments, information, members) = trained.dynamics, trained.carry
        net, known = dynamics.plan, [after_memory(series, memory)]
        theta = np.require(dynamics.theta, np.float64, ["C", "A", "W"])
        if isinstance(information, LinearInformation):
            loss = self._loss(net, known, open_loop(net))
            if loss.n:
                theta, information = assimilate_linear(loss, net, theta, information, self.p.alpha)
        elif information is not None and not self.learns_rows():
            loss = self._loss(net, known, open_loop(net))
            if loss.n:
                theta, information = assimilate(loss, theta, information)
        else:
            solver = self._solver(net, known)
            if traits(solver).batches == "all":
                solver = Adam()
            kind = ROW_BY_ROW if self.learns_rows() else open_loop(net)
            loss = self._loss(net, known, kind, self.p.alpha, traits(solver).dtype)
            if loss.n:
                theta, moments = one_pass(solver, loss, theta, rng, moments)
        return trained._replace(
            dynamics=dynamics.but(theta=theta), carry=Carry(moments, information, members)
        )

    def fade(self, trained, share):
        """Return what was learnt, of which J'J counts for so much less; a net that steps along gradients has none."""
        information = trained.carry.information
        if isinstance(information, LinearInformation):
            kept_share = information._replace(weight=share * information.weight)
        else:
            kept_share = None if information is None else share * information
        return trained._replace(carry=trained.carry._replace(information=kept_share))


def open_loop(net):
    """Return (steps, closed) for open loop: one row at a time, or enough to share the lead of hidden layers."""
    lead = int(net.layers[0, kernels.LEAD])
    return (1 if lead == 0 else max(32, lead)), False


def _around_held(series, lead):
    """Cut a ``Series`` to the rows from those that its first held row looks back at, to its last held row."""
    held = np.flatnonzero(series.held)
    rows = slice(max(0, held[0] - lead), held[-1] + 1)
    return Series(*(v[rows] for v in series))


def n_rows(series):
    """Count the rows of all series."""
    return sum(len(s.Y) for s in series)


def _is_small(net, n):
    """Return whether J'J of n rows is cheap."""
    return net.size <= MAX_LM_PARAMETERS and n * net.size**2 <= MAX_LM_WORK


def _longest_held(series):
    """Count the rows of the longest stretch of validation rows."""
    return max(1, max(int(s.held.sum()) for s in series))
