"""How a recurrent net learns through time, of Elman, LSTM, GRU, MinGRU, LRU and encoder-decoders.

Training is many-to-many.  A series is cut into *tracks* that are followed side by side, ``sequence_length`` rows at
a time; every row is a target, and the state is carried over the cut, where the gradient stops (truncated
back-propagation through time).  A track that begins inside a series goes on from where the track before it ended
one epoch earlier.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs

from .._check import check_widths
from .._nets.changes import as_columns, as_lags, changes_of
from .._nets.convolution import parse_convolution
from .._nets.delay_linear import FEW_HELD
from .._nets.dynamics import (
    Learner,
    OfLags,
    Trained,
    after_memory,
    check_enough_rows,
    check_sees_something,
)
from .._nets.pooled import OF_LAST, Pooled, PooledRecurrentLoss, n_more, pooled
from .._nets.recurrent import Cell, abreast, beside_lags, lay_out, make_net
from .._nets.recurrent_dynamics import RecurrentDynamics, cold_states
from .._nets.recurrent_loss import SHARD, Teaching, TrackLoss, Validation, in_threads, windows
from .._nets.recurrent_squares import loss_for
from .._nets.symbols import Embedding, settled
from .._series.units import all_held, filled_width, held_elsewhere, none_held
from .._training.losses import has_kinks, is_of_labels, link_of, resolve_loss, squared
from .._training.monitor import (
    Monitor,
    chooses_solver,
    history,
    makes_one_of_all,
    not_stuck,
    progress,
    warn_if_cut_short,
)
from .._training.solvers import (
    LBFGS,
    MAX_LBFGS_WORK,
    check_needs,
    one_pass,
    resolve_solver,
    run_solver,
    traits,
)
from .._training.stochastic import Adam
from .beside_linear import linear_beside, with_lags, without_first
from .less_sure import share_of_own, toward_usual, usual_scores
from .whole_learner import AGAIN, SELDOM, Task, WholeLearner


MIN_WINDOW = 4000  # rows of a series that L-BFGS takes as one sequence
WHOLE = 16_000  # rows up to which validation follows whole series
LEAD_IN = 4  # times sequence_length, the rows that it follows before held rows of longer ones
SMALL = 0.1  # share of a Glorot start of the readout
GENTLE = 1e-4  # learning rate of partial_fit after L-BFGS
LOOKS = 5  # that these take before they run out of patience, at least, where it is as long
EPOCHS = 300  # at most, by default
LONGER = 5  # times as many iterations of L-BFGS in "auto"
NOISE = 0.5  # times their roughness, on inputs, by default, of series with one label each
UPDATES = 8  # steps of the solver an epoch, that batch_size="auto" leaves a short series


def recurrent_lags(p):
    """Return the recurrent lags of an estimator, ascending; raise where they are no lags."""
    value = getattr(p, "recurrent_lags", (1,))
    lags = check_widths("recurrent_lags", value, "give ints >= 1, such as (1, 8, 64)")
    if not lags or len(set(lags)) < len(lags):
        raise ValueError(f"recurrent_lags={value!r}: give ints >= 1 that differ, such as (1, 8, 64).")
    return tuple(sorted(lags))


def roughness(series):
    """Estimate the standard deviation of white noise in the inputs (F,) of series that are learnt.

    Second differences of white noise have six times its variance, those of a curve that is sampled finely hardly any:
    more noise than that would hide what smooth curves differ in.
    """
    bends = [np.diff(s.X, 2, axis=0) for s in series if s.w[-1] > 0 and not s.held[-1]]
    n = sum(map(len, bends))
    return np.sqrt(sum((b**2).sum(axis=0) for b in bends) / (6 * max(n, 1)))


def skips(p):
    """Return whether a net is trained with a readout that sees the lags."""
    return p.skip_connections != "auto" and bool(p.skip_connections)


def spread(net, layers, whole=False):
    """Make the units of layers begin with memories from short to long, where their cells know how.

    layers : views of the net's parameters, without the readout.   whole : whether a series has one answer.
    """
    for p, cell in zip(layers, net.cells):
        if cell.spread is not None:
            cell.spread(p, whole)


def dense_widths(p):
    """Return the widths of an estimator's dense layers; raise where they are none."""
    return check_widths(
        "readout_hidden_layer_sizes",
        p.readout_hidden_layer_sizes,
        "give a tuple of ints >= 1, or () for none",
    )


class Attempt(NamedTuple):
    """The result of training from one start; ``value`` is what attempts are compared by."""

    trained: Trained
    value: float


@dataclass(frozen=True, eq=False)
class RecurrentLearner(Embedding, OfLags, WholeLearner, Learner):
    """The parameters of a recurrent net, parsed, and its training.

    whole : whether y has one value per series.   linear : ``Averaged`` lags of the linear model that it is weighed
    against, or None for its own.
    """

    hidden: tuple
    input_lags: tuple
    output_lags: tuple
    cell: Cell
    loss: object
    categories: dict = field(default_factory=dict, kw_only=True)
    codes_labels: bool = field(default=False, kw_only=True)
    whole: bool = field(default=False, kw_only=True)
    linear: tuple | None = field(default=None, kw_only=True)
    usual = EPOCHS  # epochs, where the user gives no limit
    stands_in = True

    @property
    def limit(self):
        """Epochs, at most."""
        return self.p.max_iter or self.usual

    @property
    def extrapolates(self):
        """Whether a path without bounds leads to the answer."""
        return skips(self.p)

    @property
    def weighs_linear(self):
        """Whether the net is to be weighed against the linear model of its lags."""
        if self.p.skip_connections != "auto" or not self.output_lags or self.categories:
            return False
        return self.p.convolution is None and not dense_widths(self.p) and self.loss is squared

    @property
    def is_fed(self):
        """Whether the net sees its last output."""
        return 1 in self.output_lags

    @property
    def held_share(self):
        """Share of the rows that is held back from training until the end."""
        return self.p.validation_fraction if self.p.early_stopping else 0.0

    learns_held = True

    @property
    def bidirectional(self):
        """Whether units read each series from its end, too."""
        value = self.p.bidirectional
        return self.whole and getattr(self.p, "init", None) is None if isinstance(value, str) else value

    @property
    def input_noise(self):
        """Standard deviation of the noise on inputs in training, as far as the user gives it."""
        value = getattr(self.p, "input_noise", 0.0)
        return 0.0 if isinstance(value, str) else value

    def for_scale(self, scale):
        """Return the learner of y over a scale (O,), of a loss with a log link."""
        return replace(self, loss=self.loss.scaled(scale))

    def net(self, D, O):
        """Return the layout."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        resolve_loss(self.loss, O)
        symbols, front = self.symbols(D, O), None
        columns = symbols.width if symbols else D
        if self.p.convolution is not None:
            if not (D and self.input_lags):
                raise ValueError(
                    "convolution reads X, but there is none, or input_lags is empty: give X and input_lags, or "
                    "convolution=None."
                )
            front = parse_convolution(self.p.convolution, columns)
        return make_net(
            self.cell,
            columns if front is None else front.width,
            O,
            self.hidden,
            self.input_lags,
            self.output_lags,
            self.bidirectional,
            skip=skips(self.p),
            link=link_of(self.loss),
            symbols=symbols,
            recurrent_lags=recurrent_lags(self.p),
            dense_widths=dense_widths(self.p),
            front=front,
            own_order=self.whole and self.bidirectional and self.p.pooling in OF_LAST,
        )

    def before(self, trained, net):
        """Return the trained net, if ``warm_start`` asks for it and its parameters mean the same."""
        whole = isinstance(trained.dynamics, Pooled)
        inside = trained.dynamics.inner if whole else trained.dynamics
        if not (self.p.warm_start and isinstance(inside, RecurrentDynamics)):
            return None
        of_before = inside.net
        if whole:
            sees_changes = of_before.x_lead and self._may_see_changes(net)
            net = self._with_keys(as_lags(self._beside_changes(net)) if sees_changes else net)
        blended = self.weighs_linear and of_before.same_as(with_lags(net, of_before.skipping))
        k = len(of_before.blocks) // len(net.blocks)
        joined = k > 1 and of_before.same_as(abreast(net, [np.zeros(net.size)] * k)[0])  # goes on as one net
        return trained if of_before.same_as(net) or blended or joined else None

    def _with_keys(self, net):
        """Return a net that also gives what ``pooling`` needs."""
        more = n_more(self.p.pooling, net.n_outputs)
        return lay_out(**{**net._made()[1], "n_outputs": net.n_outputs + more}) if more else net

    # ---------------------------------------------------------------------------------- training

    def learn(self, net, series, mean, rng, before=None):
        """Train from ``n_restarts`` starts, the first of them ``before``; keep the best, or make one net of all."""
        p = self.p
        if net.rate > 1:
            raise ValueError(
                f"convolution={p.convolution!r} has strides or pooling, so that the net takes fewer steps than "
                "there are rows, but y has one value per row: give stride=1 and pooling=None, or one y per series."
            )
        net = net if before is None else before.dynamics.net  # with the linear model in it, if it was blended
        check_enough_rows(type(p).__name__, net.lead, series)
        series = without_first(series, net.lead + p.washout)
        if makes_one_of_all(p):
            trained = self._mean(net, series, mean, self._streams(rng))
        else:
            attempts = self._attempts(lambda *start: self._attempt(net, series, mean, *start), rng, before)
            trained = min(attempts, key=attrgetter("value")).trained
        return self._beside_linear(trained, series, mean) if self._has_rival(series) else trained

    def _has_rival(self, series):
        """Tell whether to weigh the net on held rows; the linear model of one lag is a rival where these are few."""
        n_held = sum(np.count_nonzero(s.held & (s.w > 0)) for s in series)
        of_y = self.output_lags if self.linear is None else self.linear.together[1]
        return self.weighs_linear and 0 < n_held < (FEW_HELD if len(of_y) == 1 else np.inf)

    def _beside_linear(self, trained, series, mean):
        """Blend a net with the linear model beside it, by the share of the net that the held rows warrant.

        Both have then learnt the held rows, too.
        """
        dynamics, judged = trained.dynamics, trained.judged or trained.dynamics
        averaged = self.averaged(dynamics.net)
        beside = linear_beside(judged, series, averaged)
        if beside is None:
            return trained

        def blended(of_net, readout):
            wide, theta = beside_lags(dynamics.net, of_net.theta, averaged.together, readout, beside.share)
            return self._made(Task(wide, series, mean, None), theta)

        before, _ = blended(judged, beside.before)
        dynamics, ends = blended(dynamics, beside.after)
        return trained._replace(dynamics=dynamics, carry=None, ends=ends, judged=before)

    def _mean(self, net, series, mean, streams):
        """Make one net of all starts that got anywhere, which validate in few iterations only.

        Validation costs half an iteration, and chance among many looks stops nets too early.  (To stop all others where
        the first was best, or ended, costs less, but where the first got stuck, the error of the mean is up to twice as
        large; with half the patience it grows by a tenth.)  Nets of labels look at theirs every time, for they are soon
        too sure, and each at other rows: few stretches tell little of labels that stay for long.
        """
        every, held = min(SELDOM, max(1, self.p.n_iter_no_change // LOOKS)), [series] * len(streams)
        if is_of_labels(self.loss):
            every, held = 1, [held_elsewhere(series, k / len(streams)) for k in range(len(streams))]

        def train(start):
            return self._attempt(net, start[0], mean, start[1], None, every)

        with self._threads() as pool:
            attempts = in_threads(pool, train, list(zip(held, streams)))
        is_judged = self.loss is squared and any(s.held.any() for s in series)
        nets = [attempt.trained for attempt in (not_stuck(attempts) if is_judged else attempts)]
        usual, share = self._usual(net, nets, held, mean) if is_of_labels(self.loss) else (0.0, 1.0)

        def joined(thetas):
            wide, theta = abreast(net, thetas)
            return self._made(Task(wide, series, mean, None), toward_usual(wide, theta, usual, share))

        (dynamics, ends), judged = joined([trained.dynamics.theta for trained in nets]), None
        if any(trained.judged for trained in nets):
            judged, _ = joined([(trained.judged or trained.dynamics).theta for trained in nets])
        n_fitted = nets[0].dynamics.theta.size
        return nets[0]._replace(dynamics=dynamics, carry=None, ends=ends, judged=judged, n_fitted=n_fitted)

    def _usual(self, net, nets, held, mean):
        """Return scores of the class frequencies, and the share of those of nets that suits rows that each did not see.

        held : of each net a list of ``Series``.
        """
        usual = usual_scores(held[0], getattr(self.loss, "joint", False))
        thetas = [(trained.judged or trained.dynamics).theta for trained in nets]
        judges = [self._validation(net, series, mean) for series in held]
        judged = [(own, judge) for own, judge in zip(thetas, judges) if judge is not None]
        return usual, share_of_own(net, judged, usual)

    def _attempts(self, attempt, rng, before):
        """Make attempts from ``n_restarts`` starts, attempt(rng, before), each with its own random numbers."""
        n = self.p.n_restarts
        if n == 1:
            return [attempt(rng, before)]
        starts = list(zip(self._streams(rng), [before] + [None] * (n - 1)))
        with self._threads() as pool:
            return in_threads(pool, lambda start: attempt(*start), starts)

    def _streams(self, rng):
        """Make a generator for each start."""
        return [np.random.RandomState(seed) for seed in rng.randint(2**31 - 1, size=self.p.n_restarts)]

    def _task(self, net, series, mean):
        """Return the ``Task``, with a validation that no other thread uses."""
        validate = self._validation(net, series, mean) if self.p.early_stopping else None
        return Task(net, series, mean, validate)

    def _attempt(self, net, series, mean, rng, before, every=1):
        """Train from ``before`` or from new parameters, solver after solver; in the end on what was held back, too.

        every : iterations from one validation to the next.
        """
        p, task = self.p, self._task(net, series, mean)
        if before is None:
            theta, moments = self._initial(net, series, mean, rng), None
        else:
            theta, moments = before.dynamics.theta, before.carry
        stages = self._solvers(net, series)
        monitors, moments = self._train(task, stages, theta, moments, rng, every=every)
        warn_if_cut_short(p.max_iter, monitors[-1])
        (dynamics, ends), judged = self._made(task, monitors[-1].best_theta), None
        if task.validate is not None and any(monitor.best_iter for monitor in monitors):
            judged = dynamics
            theta, moments = self._learn_held(task, stages, monitors, moments, rng, every)
            dynamics, ends = self._made(task, theta)
        trained = Trained(dynamics, carry=moments, ends=ends, judged=judged, **history(monitors))
        return Attempt(trained, monitors[-1].best)

    def _train(self, task, stages, theta, moments, rng, patience=None, every=1):
        """Run solver after solver, each up to its limit; returns their monitors, and the moments of the last.

        every : iterations from one validation to the next.
        """
        p, monitors, by_heart = self.p, [], is_of_labels(self.loss) and task.validate is not None
        with self._threads_of_one() as pool:
            for solver, limit in stages:
                loss = self._loss(task.net, task.series, task.mean, solver, pool)
                # "auto" gives L-BFGS more iterations, and as much more patience: held losses rise, then fall.
                longer = chooses_solver(p) and traits(solver).batches == "all"
                stale = patience or p.n_iter_no_change * (LONGER if longer else 1)
                name = type(solver).__name__
                with progress(p.verbose, f"{type(p).__name__}, {name}", limit) as tell:
                    validate = task.validate
                    if isinstance(validate, Validation):
                        validate = validate._replace(training=loss)
                    monitor = Monitor(theta, limit, p.tol, stale, validate, tell, name, every, by_heart)
                    moments = run_solver(solver, loss, theta, monitor, rng, moments)
                monitor.end()
                monitors.append(monitor)
                theta = monitor.best_theta
        return monitors, moments

    def _learn_held(self, task, stages, monitors, moments, rng, every=1):
        """Go on from the best parameters, on all rows; returns theta and what the solver goes on with.

        For a share of the iterations that led to them: there is nothing left to say when to stop, but that the loss
        over all rows must not be larger in the end.
        """
        k = max(k for k, monitor in enumerate(monitors) if monitor.best_iter)
        again = [(stages[k][0], -(-monitors[k].best_iter // AGAIN))]
        moments = moments if k == len(stages) - 1 else None
        validate = self._validation(task.net, all_held(task.series), task.mean)
        task = task._replace(series=none_held(task.series), validate=validate)
        last, moments = self._train(task, again, monitors[-1].best_theta, moments, rng, np.inf, every)
        return last[-1].best_theta, moments

    def _made(self, task, theta):
        """Return the model with parameters theta, and the memory after each series, or None."""
        theta = settled(task.net, theta, task.series)
        dynamics = RecurrentDynamics(theta, task.net, task.mean, self.input_lag, precision=self.p.precision)
        ends = None
        if not task.net.bidirectional and self.p.initial_state != "learned":
            cold, ends = cold_states(dynamics, task.series, self.p.sequence_length)
            dynamics = dynamics.but(cold_states=cold)
        dynamics.params, dynamics.weights  # noqa: B018 - cached here, so that no forecast changes what is kept
        return dynamics, ends

    def _initial(self, net, series, mean, rng):
        """Draw the parameters that training begins with, (P,)."""
        theta = net.initial(rng, self.p.recurrent_init)
        if not self.is_fed:
            # Begin near the mean of y: where little can be predicted, early stopping may end there.
            *layers, readout = net.views(theta)
            readout.W[:] *= SMALL
            if traits(self._solvers(net, series)[0][0]).batches == "all":
                spread(net, layers)
        return theta

    def is_random(self):
        """Return whether two calls of the training loss differ."""
        return bool(self._random_parameters())

    def _random_parameters(self):
        """List the parameters by which two calls of the training loss differ."""
        p = self.p
        rates = {
            "dropout": p.dropout,
            "recurrent_dropout": p.recurrent_dropout,
            "input_noise": self.input_noise,
        }
        sampled = ["training='scheduled_sampling'"] * (p.training == "scheduled_sampling")
        return [f"{name}={rate!r}" for name, rate in rates.items() if rate] + sampled

    def check_solver(self, offers):
        """Raise where the solver that the user chose does not go with a loss that offers so much."""
        if chooses_solver(self.p):
            return
        check_needs(self.p, offers)
        if self.is_random() and traits(resolve_solver(self.p.solver)).batches != "mini":
            raise ValueError(
                f"solver={self.p.solver!r} needs the same loss at every call, but "
                f"{' and '.join(self._random_parameters())} make it random: give solver='adam', or leave these out."
            )

    def _solvers(self, net, series):
        """List the solver of each stage of training, and the most iterations of it.

        "auto": L-BFGS; where the net sees its last output, after Adam, which leads to tamer free runs; Adam alone where
        L-BFGS is expensive or the loss is random or has kinks.
        """
        limit = self.p.max_iter
        if not chooses_solver(self.p):
            return [(resolve_solver(self.p.solver), self.limit)]
        cheap = sum(len(s.Y) for s in series) * net.size <= MAX_LBFGS_WORK
        if not cheap or has_kinks(self.loss) or self.is_random():
            return [(Adam(0.005), self.limit)]
        if not self.is_fed:
            return [(LBFGS(), limit or LONGER * EPOCHS)]
        first = EPOCHS if limit is None else -(-limit // (1 + LONGER))
        second = LONGER * EPOCHS if limit is None else limit - first
        return [(Adam(0.005), first), (LBFGS(), second)][: 2 if second else 1]

    def _threads(self):
        """Return a pool of threads, or a context that gives None."""
        n = effective_n_jobs(self.p.n_jobs)
        return ThreadPoolExecutor(n - 1) if n > 1 else nullcontext()

    def _threads_of_one(self):
        """Return ``_threads`` for the sequences of a batch; None where restarts have all threads."""
        return self._threads() if self.p.n_restarts == 1 else nullcontext()

    def _teaching(self, mean_y, feedback=None, noise=0.0):
        """Return the parameters that concern the loss.   noise : standard deviation on inputs (D,)."""
        p = self.p
        rates = p.orthogonal_penalty, p.dropout, p.recurrent_dropout
        return Teaching(self.loss, p.alpha, *rates, feedback or p.training, self.limit, mean_y, noise)

    def _noisy(self, mean, spread):
        """Return the parameters of a loss whose inputs have noise, but not the marks of missing ones behind them."""
        D = len(mean[0])
        is_mark = np.arange(D) >= D // filled_width(self.p.missing, 1)
        return self._teaching(mean[1], noise=np.where(is_mark, 0.0, spread))

    def _loss(self, net, series, mean, solver, pool):
        """Return the loss on the training rows."""
        laid, T, B, lead_in = self._laid(net, series, traits(solver).batches)
        follow = traits(solver).batches == "all" and self._follows(net, series)
        teaching = self._noisy(mean, self.input_noise)
        options = {"pool": pool, "lead_in": lead_in, "follow": follow}
        loss = loss_for(solver)(net, laid, T, B, teaching, traits(solver).dtype, **options)
        if not loss.weight > 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {net.lead} rows of the lags "
                f"and washout={self.p.washout}: give a smaller washout, shorter lags or more rows."
            )
        return loss

    def _laid(self, net, series, batches):
        """Lay the rows of series out in sequences: what these are cut from, T rows each, B at once, rows that lead in.

        batches : of a solver. "rows", the series in the order of time; "mini", tracks, for stochastic gradients; "all",
        windows that overlap, long ones, since short ones teach a net to count rows from their start.
        """
        p, longest = self.p, max(len(s.Y) for s in series) - net.lead
        if batches == "rows":
            return series, longest, 1, None
        T, rows = min(p.sequence_length, longest), sum(len(s.Y) - net.lead for s in series)
        if batches == "all":
            length = T if p.training == "closed_loop" else max(MIN_WINDOW, rows // SHARD)
            cut, lead_in = windows(series, net.lead, length, T, held=False)
            return cut, max(len(s.Y) for s in cut) - net.lead, SHARD, lead_in
        B = int(np.clip(rows // (UPDATES * T), 1, 32)) if p.batch_size == "auto" else p.batch_size
        return series, T, B, None

    def _follows(self, net, series):
        """Return whether training by all rows goes over those of validation, too, which then takes its outputs."""
        few = len(series) <= SHARD and all(
            len(s.Y) <= net.lead + MIN_WINDOW and not s.held[0] for s in series
        )
        causal = not (net.bidirectional or net.front)
        return few and causal and self.p.training == "open_loop" and not self.is_random()

    def _validation(self, net, series, mean):
        """Return the loss on the validation rows as a function of theta; None where no rows are held.

        One step ahead from measured y; with closed-loop training the geometric mean of that and of free runs.
        """
        p, n, losses = self.p, sum(int(s.held.sum()) for s in series), []
        # In the precision of training, whose kernels are compiled.
        dtype = np.result_type(*(traits(solver).dtype for solver, _ in self._solvers(net, series)))
        kinds = ("open_loop", "closed_loop")[: 1 if p.training == "open_loop" else 2]
        for kind in kinds:
            cut, lead_in = series, None
            # Where it can be, from the state that the whole series leads to, as in training: from zeros some rows
            # before, a net that remembers for longer looks hopeless until it has learnt not to.
            if kind == "closed_loop" or len(series) * max(len(s.Y) for s in series) > WHOLE:
                length = max(p.sequence_length, -(-n // 32)) if len(kinds) == 1 else p.sequence_length
                before = max(LEAD_IN * p.sequence_length, p.washout)
                cut, lead_in = windows(series, net.lead, length, before, held=True)
            if n and cut:
                T = max(len(s.Y) for s in cut) - net.lead
                options = {
                    "held": True,
                    "lead_in": lead_in,
                    "follow": lead_in is None and self._follows(net, series),
                }
                losses.append(TrackLoss(net, cut, T, SHARD, self._teaching(mean[1], kind), dtype, **options))
        losses = [loss for loss in losses if loss.weight > 0]
        if not losses:
            return None
        return Validation(losses)

    def learn_whole(self, net, series, mean, rng, before=None):
        """Train on series that have one y each, which their last row holds; of smooth ones on their changes, too."""
        changes = self._changes(net, series, mean[0], before)
        if changes is None:
            return self._learn_whole(net, series, mean, rng, before)
        if before is not None:
            of_before = before.dynamics.net
            theta = changes.unfolded(of_before, before.dynamics.theta)
            before = before._replace(dynamics=self._pooled(as_columns(of_before), theta, mean))
        series = [s._replace(X=changes.beside(s.X)) for s in series]
        means = np.concatenate([np.zeros_like(mean[0]), mean[0]]), mean[1]
        trained = self._learn_whole(self._beside_changes(net), series, means, rng, before)
        learnt = trained.dynamics
        theta = changes.folded(learnt.net, learnt.theta)
        return trained._replace(dynamics=self._pooled(as_lags(learnt.net), theta, mean))

    def _changes(self, net, series, mean_x, before):
        """Return the ``Changes`` that a net sees of smooth series, or where ``before`` did; or None."""
        if not self._may_see_changes(net):
            return None
        changes = changes_of(series, mean_x)
        seen = changes.are_smooth if before is None else before.dynamics.net.x_lead
        return changes if seen else None

    def _may_see_changes(self, net):
        """Tell whether a net may see changes of its inputs: of whole series, numbers, and rows one by one."""
        alone = not (net.symbols or net.front or self.p.missing == "mask")
        exact = np.iterable(self.p.input_lags)  # "exactly those lags"
        return alone and self.whole and self.input_lags == (0,) and not exact

    def of_whole(self, trained):
        """Return the learner whose lags are those that a net of whole series sees."""
        lead = trained.dynamics.net.x_lead
        return replace(self, input_lags=(0, 1)) if self.input_lags == (0,) and lead else self

    def _beside_changes(self, net):
        """Return the net of inputs and their changes as columns."""
        return self.net(2 * net.n_inputs, net.n_outputs)

    def _learn_whole(self, net, series, mean, rng, before):
        """Train as ``learn_whole``, on inputs as they are."""
        attempts = self._attempts(lambda *start: self._attempt_whole(net, series, mean, *start), rng, before)
        if not makes_one_of_all(self.p):
            return min(attempts, key=attrgetter("value")).trained
        nets = [attempt.trained for attempt in attempts]
        wide, theta = abreast(self._with_keys(net), [trained.dynamics.theta for trained in nets])
        return nets[0]._replace(dynamics=self._pooled(wide, theta, mean), carry=None)

    def _pooled(self, net, theta, mean):
        """Return the model of one answer per series."""
        return pooled(theta, RecurrentDynamics(theta, net, mean, self.input_lag), self.p.pooling)

    def _attempt_whole(self, net, series, mean, rng, before):
        """Train on series with one y each, as ``_attempt``."""
        if before is None:
            net = self._with_keys(net)
            theta, moments = net.initial(rng, self.p.recurrent_init), None
            spread(net, net.views(theta)[:-1], whole=True)
            theta = self._with_query(theta, rng)
        else:
            net, theta, moments = before.dynamics.net, before.dynamics.theta, before.carry
        theta, moments, monitor = self._fit_whole(Task(net, series, mean, None), theta, moments, rng)
        dynamics = self._pooled(net, settled(net, theta, series), mean)
        return Attempt(Trained(dynamics, carry=moments, **history([monitor])), monitor.best)

    def _whole_loss(self, task, dtype, **options):
        """Make the loss on series with one y each, those held back or the others."""
        spread = self.input_noise
        if self.p.input_noise == "auto" and is_of_labels(self.loss) and chooses_solver(self.p):
            spread = NOISE * roughness(task.series)
        teaching = self._noisy(task.mean, spread)
        return PooledRecurrentLoss(
            task.net, task.series, task.mean[0], self.p.pooling, teaching, dtype, **options
        )

    def _whole_batch(self, series):
        """Return the size of a mini-batch, the user's or that by the number of series."""
        return super()._whole_batch(series) if self.p.batch_size == "auto" else self.p.batch_size

    def fade(self, trained, share):
        """Return what was learnt: it is in no sums, and fades by the steps that new rows bring."""
        return trained

    def learn_more(self, trained, series, memory, rng):
        """Make a pass of stochastic gradient over rows that go on from a memory."""
        p, dynamics, moments = self.p, trained.dynamics, trained.carry
        solver = None if chooses_solver(p) else resolve_solver(p.solver)
        if solver is None or traits(solver).batches == "all":
            solver = Adam(GENTLE)  # small steps, for L-BFGS has ended in a narrow valley
        T = min(p.sequence_length, len(series.Y))
        dtype = traits(solver).dtype
        starts = [states.astype(dtype) for states in memory.states]
        teaching = self._noisy(dynamics.mean, self.input_noise)._replace(
            alpha=0.0
        )  # few rows would be outweighed
        known = [after_memory(series, memory)]
        T = len(series.Y) if traits(solver).batches == "rows" else T
        loss = loss_for(solver)(dynamics.net, known, T, 1, teaching, dtype, starts=starts)
        if not loss.weight > 0:
            return trained
        theta, moments = one_pass(solver, loss, dynamics.theta, rng, moments)
        return trained._replace(dynamics=dynamics.but(theta=theta), carry=moments)
