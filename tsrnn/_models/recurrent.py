"""What Elman, LSTM, GRU share: how a recurrent net is trained through time.

Training is many-to-many.  A series is cut into *tracks* that are followed side by side, ``sequence_length`` rows at
a time; every row is a target, and the state is carried over the cut, where the gradient stops (truncated
back-propagation through time).  A track that begins inside a series goes on from where the track before it ended
one epoch earlier.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone

from .._check import check_flag, check_jobs, check_number, check_widths, check_word
from .._estimators.attending import Attending
from .._estimators.classifier import ScoreParameters, SequenceClassifier
from .._estimators.parameters import Lags, Sizes, SymbolParameters, TrainedParameters
from .._estimators.regressor import SequenceRegressor
from .._estimators.snapshots import of_one_state
from .._nets.convolution import Convolution, parse_convolution
from .._nets.dynamics import (
    Learner,
    OfLags,
    Trained,
    after_memory,
    check_enough_rows,
    check_sees_something,
    geometric_mean,
)
from .._nets.pooled import POOLINGS, Pooled, PooledRecurrentLoss, n_keys, n_more, pooled
from .._nets.recurrent import Cell, abreast, lay_out, make_net
from .._nets.recurrent_dynamics import ORIGINS, PRECISIONS, RecurrentDynamics, cold_states
from .._nets.recurrent_loss import SHARD, Teaching, TrackLoss, in_threads, windows
from .._nets.recurrent_squares import loss_for
from .._nets.symbols import Embedding, check_embedding, settled
from .._nets.tape import Tape
from .._series.lags import parse_lags
from .._training.initial import glorot
from .._training.losses import check_open_loop, has_kinks, link_of, resolve_loss, squared
from .._training.monitor import (
    Monitor,
    check_training,
    chooses_solver,
    curves,
    makes_one_of_all,
    progress,
    warn_if_cut_short,
)
from .._training.monitor import stages as stages_of
from .._training.solvers import LBFGS, check_needs, is_of_squares, resolve_solver, run_solver, traits
from .._training.stochastic import SGD, Adam


MAX_LBFGS_WORK = 2e8  # rows times parameters, beyond which "auto" leaves out L-BFGS
MIN_WINDOW = 4000  # rows of a series that L-BFGS takes as one sequence
WHOLE = 16_000  # rows up to which validation follows whole series
LEAD_IN = 4  # times sequence_length, the rows that it follows before held rows of longer ones
SMALL = 0.1  # share of a Glorot start of the readout
GENTLE = 1e-4  # learning rate of partial_fit after L-BFGS
STILL = 1e-300  # learning rate of a net that is not trained
AGAIN = 4  # one over the share of the best iterations, spent on what was held back
SELDOM = 8  # iterations from one look at the held rows to the next, of the nets of a mean
EPOCHS = 300  # at most, by default
LONGER = 5  # times as many iterations of L-BFGS in "auto"
BATCH, FEWEST = 32, 8  # series a mini-batch, at most and at least
WHOLE_EPOCHS = 100  # by default, over series with one y each
FEW = 1000  # such series, of which fewer are worth more in training than held back
UPDATES = 8  # steps of the solver an epoch, that batch_size="auto" leaves a short series
WHOLE_UPDATES = 4  # and few series with one y each


class RecurrentParameters(SymbolParameters, TrainedParameters):
    """What every recurrent net has.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each layer.
    readout_hidden_layer_sizes : tuple of int, default=()
        Units of dense layers (tanh) between the last recurrent layer and the output: for an output that is no sum of
        what the recurrent units hold.
    convolution : Convolution, list of Convolution or None, default=None
        Layers of convolution through time that make features of windows of X, which the net sees in its place [5]_: for
        inputs that are sampled fast, or shapes that matter more than levels. Each row's windows end with it, so nothing
        of the future is seen, and the last rows of X are part of the memory. Strides and pooling are for series with
        one y each. See :class:`Convolution`.
    input_lags : int, sequence of int or "auto", default=0
        An int L stands for x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest.
        ``[h]`` with ``output_lags=[h]`` is a direct h-step forecaster.
    output_lags : int, sequence of int or "auto", default=0
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive. "auto", here and for inputs: those by which a linear model forecasts best. See ``lags_``.
    bidirectional : bool or "auto", default="auto"
        A second set of units reads each series from its end to its start, for smoothing: every row is predicted
        from those before and after it, by ``predict_ahead`` too, so there is no ``forecast``, ``update``,
        ``partial_fit`` or warm start. "auto": where y has one value a series.
    pooling : {"last", "mean", "max", "both", "attention"}, default="both"
        How the rows make one answer, where y has one value a series: that of the last row, the mean, the largest of
        each output, the sum of the last row of one readout and the mean of another, or a mean whose weights are learnt
        (additive attention); see ``attention_weights``.
    skip_connections : bool, default=False
        Whether the inputs reach every layer and the readout, and every layer the readout.
    initial_state : {"zeros", "learned"}, default="zeros"
        What each series starts from in training. ``start="cold"`` takes the learned one, or else the mean state over
        training (zeros, if those suit the many series of training better).
    dropout : float, default=0.0
        Share of each layer's outputs that the layer above, or the readout, does not get in a training step.
    recurrent_dropout : float, default=0.0
        Share of each layer's units that the recurrence does not see, the same for all steps of a sequence [2]_.
    layer_norm : bool, default=False
        Whether what each gate sees is normalised over its units [3]_.
    recurrent_init : {"orthogonal", "glorot"}, default="orthogonal"
        How the recurrent weights start.
    orthogonal_penalty : float, default=0.0
        Times the sum of squares of U'U - I, added to the mean loss: keeps the recurrence near orthogonal.
    training : {"open_loop", "closed_loop", "scheduled_sampling"}, default="open_loop"
        What the net sees in the lags of y: measured values (teacher forcing); from the state that follows them its
        own outputs, for ``sequence_length`` steps; or its own more and more often, as epochs go by [4]_.
    sequence_length : int, default=64
        Steps of back-propagation through time. The state is carried over the cuts.
    washout : int, default=0
        First rows of each series that are in no loss.
    batch_size : int or "auto", default="auto"
        Sequences side by side. "auto": up to 32, if that leaves 8 steps of the solver an epoch; of series with one y
        each from 8 to 32, if that leaves 4.
    precision : {"double", "single"}, default="double"
        Of the numbers in which rows are followed by ``predict``, ``forecast`` and the like. A stochastic solver learns
        in single precision anyway; wide nets then follow rows up to twice as fast, with errors of some 1e-6 of y's
        spread.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs", "lm"} or object, default="auto"
        A word, or an object with its own settings such as ``Adam(1e-2, clip_norm=1.0, schedule="cosine")``.
        Levenberg-Marquardt is for the squared loss in open loop and nets up to some 600 parameters. L-BFGS
        takes all rows at once, and gradients back through whole series (in closed loop, and beyond 4000 rows,
        through pieces of them that begin with ``sequence_length`` rows to warm up). "auto" is L-BFGS; with y(t - 1)
        among the lags ``Adam(0.005)`` and then L-BFGS, which leads to tamer free runs; and Adam alone for a long
        series, with dropout, scheduled sampling, or a loss with kinks. Where y has one value a series it is
        ``Adam(0.01, clip_norm=1.0, schedule="cosine")``, and its epochs are as many as ``max_iter``.
    max_iter : int or None, default=None
        Most epochs, or iterations of L-BFGS; in all, where ``solver="auto"`` takes Adam and then L-BFGS. Training that
        meets the limit before it has converged gives a ``ConvergenceWarning``. None: 300; of "auto" 300 epochs and
        1500 iterations of L-BFGS, or 100 epochs where y has one value a series.
    early_stopping : bool, default=True
        Hold back some rows, watch the loss on them, stop when it rises and keep the best weights; these then learn all
        rows, for a quarter of the iterations that led to them. (Intervals come from the held rows, and the weights
        before.) Of series with one y each some are held back, but of fewer than 1000 none: each counts more.
    validation_fraction : float, default=0.15
        Share of the rows that are held back: the last ones of each quarter of a series, if those are 20 or more. Of
        labels of 20 and more sequences that nothing names (a list, a 3-D array), whole sequences.
    n_iter_no_change : int, default=40
        See ``tol``; five times as many iterations of L-BFGS with ``solver="auto"``.
    n_jobs : int or None, default=None
        Threads, each with a share of the sequences of a batch, or of the restarts; the result does not depend on it.
        None is 1 unless in a ``joblib.parallel_config``, -1 all processors.
    random_state : int, RandomState or None, default=None
        For the initial weights, the order of series and dropout.

    Attributes
    ----------
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple of named tuples
        The same: one of each layer (and direction), then those of dense layers and the readout's, in scaled units.
        Weights have a gate in front.
        Rows of the first W: the inputs, oldest lag first, then the outputs, oldest lag first.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units, and the states of each layer.
    lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags, those that were found where they are "auto".
    lead_ : int
        Rows of history that the lags need.
    n_iter_ : int
        Iterations run, or epochs, but for those on all rows after early stopping.

    References
    ----------
    .. [1] P. J. Werbos. "Backpropagation through time: what it does and how to do it." Proceedings of the IEEE
       78(10), 1990.
    .. [2] Y. Gal, Z. Ghahramani. "A theoretically grounded application of dropout in recurrent neural networks."
       NeurIPS 2016.
    .. [3] J. L. Ba, J. R. Kiros, G. E. Hinton. "Layer normalization." arXiv:1607.06450, 2016.
    .. [4] S. Bengio et al. "Scheduled sampling for sequence prediction with recurrent neural networks." NeurIPS 2015.
    .. [5] T. N. Sainath, O. Vinyals, A. Senior, H. Sak. "Convolutional, long short-term memory, fully connected deep
       neural networks." ICASSP 2015.
    """

    hidden_layer_sizes: Sizes = (32,)
    _: KW_ONLY
    readout_hidden_layer_sizes: Sizes = ()
    convolution: Convolution | Sequence[Convolution] | None = None
    input_lags: Lags = 0
    output_lags: Lags = 0
    bidirectional: bool | str = "auto"
    pooling: str = "both"
    skip_connections: bool = False
    initial_state: str = "zeros"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    layer_norm: bool = False
    recurrent_init: str = "orthogonal"
    orthogonal_penalty: float = 0.0
    training: str = "open_loop"
    sequence_length: int = 64
    washout: int = 0
    batch_size: int | str = "auto"
    precision: str = "double"
    n_jobs: int | None = None


class LaggedParameters(RecurrentParameters):
    """What a recurrent net has whose gates may see h of any row.

    Parameters
    ----------
    recurrent_lags : int or sequence of int, default=(1,)
        Rows ago whose h(t - lag) each layer's gates see, each through weights of its own: ``(1, 8, 64)`` adds
        connections that skip 7 and 63 rows, along which gradients take 8 and 64 times fewer steps [1]_; take them where
        something matters that long ago, such as a day or a week. Without 1 there are long ones only (what a gate or a
        leak keeps of h is still that of the row before). In a GRU the reset gate acts on h(t - 1) alone. Not together
        with ``recurrent_dropout``, ``orthogonal_penalty`` and ``solver="lm"``.

    References
    ----------
    .. [1] T. Lin, B. G. Horne, P. Tino, C. L. Giles. "Learning long-term dependencies in NARX recurrent neural
       networks." IEEE Transactions on Neural Networks 7(6), 1996.
    """

    _: KW_ONLY
    recurrent_lags: int | Sequence[int] = (1,)

    def _sees_last(self):
        """Whether h one row ago is among what gates see."""
        return 1 in recurrent_lags(self)


def recurrent_lags(p):
    """The recurrent lags of an estimator, ascending; raises where they are none."""
    given = getattr(p, "recurrent_lags", (1,))
    lags = check_widths("recurrent_lags", given, "give ints >= 1, such as (1, 8, 64)")
    if not lags or len(set(lags)) < len(lags):
        raise ValueError(f"recurrent_lags={given!r}: give ints >= 1 that differ, such as (1, 8, 64).")
    return tuple(sorted(lags))


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


class Task(NamedTuple):
    """What there is to learn: a list of ``Series`` and their means; ``validate``: loss to judge theta by, or None."""

    net: object
    series: list
    mean: tuple
    validate: object


class Attempt(NamedTuple):
    """What training from one start came to; ``value`` is what attempts are compared by."""

    trained: Trained
    value: float


@dataclass(frozen=True, eq=False)
class RecurrentLearner(Embedding, OfLags, Learner):
    """The parameters of a recurrent net, parsed, and its training.   whole : whether y has one value a series."""

    hidden: tuple
    input_lags: tuple
    output_lags: tuple
    cell: Cell
    loss: object
    categories: dict = field(default_factory=dict, kw_only=True)
    codes_labels: bool = field(default=False, kw_only=True)
    whole: bool = field(default=False, kw_only=True)
    usual = EPOCHS  # epochs, where the user gives no limit

    @property
    def limit(self):
        """Epochs, at most."""
        return self.p.max_iter or self.usual

    @property
    def extrapolates(self):
        """Whether a path without bounds leads to the answer."""
        return bool(self.p.skip_connections)

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
        given = self.p.bidirectional
        return self.whole and getattr(self.p, "init", None) is None if isinstance(given, str) else given

    def held_of_whole(self, n):
        """Return the share of n series with one y each that is held back."""
        return self.held_share if n >= FEW else 0.0

    def for_scale(self, scale):
        """Return the learner of y over a scale (O,), of a loss with a log link."""
        return replace(self, loss=self.loss.scaled(scale))

    def net(self, D, O):
        """The layout."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        resolve_loss(self.loss, O)
        symbols = self.symbols(D, O)
        options = (
            self.hidden,
            self.input_lags,
            self.output_lags,
            self.bidirectional,
            self.p.skip_connections,
            link_of(self.loss),
            symbols,
            recurrent_lags(self.p),
            dense_widths(self.p),
        )
        columns = symbols.width if symbols else D
        if self.p.convolution is None:
            return make_net(self.cell, columns, O, *options)
        if not (D and self.input_lags):
            raise ValueError(
                "convolution reads X, but there is none, or input_lags is empty: give X and input_lags, or "
                "convolution=None."
            )
        front = parse_convolution(self.p.convolution, columns)
        return make_net(self.cell, front.width, O, *options, front)

    def before(self, trained, net):
        """The trained net, if ``warm_start`` asks for it and its parameters mean the same."""
        net = self._with_keys(net) if isinstance(trained.dynamics, Pooled) else net
        return trained if self.p.warm_start and trained.dynamics.net.same_as(net) else None

    def _with_keys(self, net):
        """A net that also gives what ``pooling`` asks for."""
        more = n_more(self.p.pooling, net.n_outputs)
        return lay_out(**{**net._made()[1], "n_outputs": net.n_outputs + more}) if more else net

    # ---------------------------------------------------------------------------------- training

    def learn(self, net, series, mean, rng, before=None):
        """Train from ``n_restarts`` starts, the first of them ``before``; keep the best, or make one net of all."""
        p = self.p
        if net.rate > 1:
            raise ValueError(
                f"convolution={p.convolution!r} has strides or pooling, so that the net takes fewer steps than "
                "there are rows, but y has a value a row: give stride=1 and pooling=None, or one y a series."
            )
        check_enough_rows(type(p).__name__, net.lead, series)
        first = net.lead + p.washout
        series = [s._replace(w=np.where(np.arange(len(s.w)) < first, 0.0, s.w)) for s in series]
        if makes_one_of_all(p):
            return self._mean(net, series, mean, self._streams(rng))
        attempts = self._attempts(lambda *start: self._attempt(net, series, mean, *start), rng, before)
        return min(attempts, key=attrgetter("value")).trained

    def _mean(self, net, series, mean, streams):
        """One net of all starts, of which all but the first look at the held rows in few iterations only.

        For a look costs half an iteration.  (To stop them all where the first was best costs less, but where the first
        got stuck early, the error of the mean doubles; with half the patience it grows by a tenth.)
        """

        def one(k):
            if k == 0:
                return self._attempt(net, series, mean, streams[0], None).trained
            return self._member(net, series, mean, streams[k])

        with self._threads() as pool:
            trained, *others = in_threads(pool, one, range(len(streams)))
        wide, theta = abreast(net, [trained.dynamics.theta, *(theta for theta, _ in others)])
        task, judged = Task(wide, series, mean, None), None
        dynamics, ends = self._made(task, theta)
        if trained.judged is not None:
            _, theta = abreast(net, [trained.judged.theta, *(before for _, before in others)])
            judged, _ = self._made(task, theta)
        n_fitted = trained.dynamics.theta.size
        return trained._replace(dynamics=dynamics, carry=None, ends=ends, judged=judged, n_fitted=n_fitted)

    def _member(self, net, series, mean, rng):
        """One more net of a mean: its parameters, and those before it learnt what was held back."""
        theta, task = self._initial(net, series, mean, rng), self._task(net, series, mean)
        stages = self._solvers(net, series)
        monitors, moments = self._train(task, stages, theta, None, rng, every=SELDOM)
        theta = before = monitors[-1].best_theta
        if task.validate is not None and any(monitor.best_iter for monitor in monitors):
            theta, _ = self._learn_held(task, stages, monitors, moments, rng, SELDOM)
        return theta, before

    def _attempts(self, attempt, rng, before):
        """Attempts from ``n_restarts`` starts, attempt(rng, before), each with random numbers of its own."""
        n = self.p.n_restarts
        if n == 1:
            return [attempt(rng, before)]
        starts = list(zip(self._streams(rng), [before] + [None] * (n - 1)))
        with self._threads() as pool:
            return in_threads(pool, lambda start: attempt(*start), starts)

    def _streams(self, rng):
        """Random numbers of each start."""
        return [np.random.RandomState(seed) for seed in rng.randint(2**31 - 1, size=self.p.n_restarts)]

    def _task(self, net, series, mean):
        """What there is to learn, with a validation that no other thread uses."""
        validate = self._validation(net, series, mean) if self.p.early_stopping else None
        return Task(net, series, mean, validate)

    def _attempt(self, net, series, mean, rng, before):
        """Train from ``before`` or from new parameters, solver after solver; in the end on what was held back, too."""
        p, task = self.p, self._task(net, series, mean)
        if before is None:
            theta, moments = self._initial(net, series, mean, rng), None
        else:
            theta, moments = before.dynamics.theta, before.carry
        stages = self._solvers(net, series)
        monitors, moments = self._train(task, stages, theta, moments, rng)
        warn_if_cut_short(p.max_iter, monitors[-1])
        (dynamics, ends), judged = self._made(task, monitors[-1].best_theta), None
        if task.validate is not None and any(monitor.best_iter for monitor in monitors):
            judged = dynamics
            theta, moments = self._learn_held(task, stages, monitors, moments, rng)
            dynamics, ends = self._made(task, theta)
        trained = Trained(dynamics, *curves(monitors), moments, ends, judged, stages=stages_of(monitors))
        return Attempt(trained, monitors[-1].best)

    def _train(self, task, stages, theta, moments, rng, patience=None, every=1):
        """Solver after solver, each with the iterations it may take: their monitors, what the last goes on with.

        every : iterations from one look at the held rows to the next.
        """
        p, monitors = self.p, []
        with self._threads_of_one() as pool:
            for solver, limit in stages:
                loss = self._loss(task.net, task.series, task.mean, solver, pool)
                # "auto" gives L-BFGS more iterations, and as much more patience: held losses rise, then fall.
                longer = chooses_solver(p) and traits(solver).batches == "all"
                stale = patience or p.n_iter_no_change * (LONGER if longer else 1)
                name = type(solver).__name__
                with progress(p.verbose, f"{type(p).__name__}, {name}", limit) as tell:
                    monitor = Monitor(theta, limit, p.tol, stale, task.validate, tell, name, every)
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
        everything = [s._replace(held=np.ones(len(s.held), bool)) for s in task.series]
        validate = self._validation(task.net, everything, task.mean)
        series = [s._replace(held=np.zeros(len(s.held), bool)) for s in task.series]
        task = task._replace(series=series, validate=validate)
        last, moments = self._train(task, again, monitors[-1].best_theta, moments, rng, np.inf, every)
        return last[-1].best_theta, moments

    def _made(self, task, theta):
        """The model with some parameters, and the memory after each series, if it was found."""
        theta = settled(task.net, theta, task.series)
        dynamics = RecurrentDynamics(theta, task.net, task.mean, self.input_lag, precision=self.p.precision)
        ends = None
        if not task.net.bidirectional and self.p.initial_state != "learned":
            cold, ends = cold_states(dynamics, task.series, self.p.sequence_length)
            dynamics = dynamics.but(cold_states=cold)
        dynamics.params, dynamics.weights  # noqa: B018 - cached here, so that no forecast changes what is kept
        return dynamics, ends

    def _initial(self, net, series, mean, rng):
        """Where training begins, (P,)."""
        theta = net.initial(rng, self.p.recurrent_init)
        if not self.is_fed:
            # Begin near the mean of y: where little can be predicted, early stopping may end there.
            *layers, readout = net.views(theta)
            readout.W[:] *= SMALL
            if traits(self._solvers(net, series)[0][0]).batches == "all":
                spread(net, layers)
        return theta

    def _is_random(self):
        """Whether two calls of the training loss differ."""
        p = self.p
        return bool(p.dropout or p.recurrent_dropout) or p.training == "scheduled_sampling"

    def _solvers(self, net, series):
        """The solver of each stage of training, and how many iterations it may take.

        "auto": L-BFGS; where the net sees its last output, after Adam, which leads to tamer free runs; Adam alone where
        L-BFGS is expensive or the loss is random or has kinks.
        """
        limit = self.p.max_iter
        if not chooses_solver(self.p):
            return [(resolve_solver(self.p.solver), self.limit)]
        cheap = sum(len(s.Y) for s in series) * net.size <= MAX_LBFGS_WORK
        if not cheap or has_kinks(self.loss) or self._is_random():
            return [(Adam(0.005), self.limit)]
        if not self.is_fed:
            return [(LBFGS(), limit or LONGER * EPOCHS)]
        first = EPOCHS if limit is None else -(-limit // (1 + LONGER))
        rest = LONGER * EPOCHS if limit is None else limit - first
        return [(Adam(0.005), first), (LBFGS(), rest)][: 2 if rest else 1]

    def _threads(self):
        """A pool of threads, or a context that gives None."""
        n = effective_n_jobs(self.p.n_jobs)
        return ThreadPoolExecutor(n - 1) if n > 1 else nullcontext()

    def _threads_of_one(self):
        """The same for the sequences of a batch, which share the threads that restarts leave idle: none."""
        return self._threads() if self.p.n_restarts == 1 else nullcontext()

    def _teaching(self, mean_y, feedback=None):
        """The parameters that concern the loss."""
        p = self.p
        rates = p.orthogonal_penalty, p.dropout, p.recurrent_dropout
        return Teaching(self.loss, p.alpha, *rates, feedback or p.training, self.limit, mean_y)

    def _loss(self, net, series, mean, solver, pool):
        """The loss on the training rows: tracks for stochastic gradient, overlapping windows for L-BFGS."""
        p, longest = self.p, max(len(s.Y) for s in series) - net.lead
        T, lead_in = min(p.sequence_length, longest), None
        rows = sum(len(s.Y) - net.lead for s in series)
        B = p.batch_size
        if B == "auto":
            B = int(np.clip(rows // (UPDATES * T), 1, 32))
        if traits(solver).batches == "rows":  # in the order of time
            T, B = longest, 1
        elif traits(solver).batches == "all":
            # Whole series: short windows teach the net to count rows from their start.
            length = T if p.training == "closed_loop" else max(MIN_WINDOW, rows // SHARD)
            series, lead_in = windows(series, net.lead, length, T, held=False)
            T, B = max(len(s.Y) for s in series) - net.lead, SHARD
        dtype = traits(solver).dtype
        loss = loss_for(solver)(net, series, T, B, self._teaching(mean[1]), dtype, pool=pool, lead_in=lead_in)
        if not loss.weight > 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {net.lead} rows of the lags "
                f"and washout={p.washout}: give a smaller washout, shorter lags or more rows."
            )
        return loss

    def _validation(self, net, series, mean):
        """The loss on the validation rows as a function of theta; None where no rows are held.

        One step ahead from measured y; with closed-loop training the geometric mean of that and of free runs.
        """
        p, n, losses = self.p, sum(int(s.held.sum()) for s in series), []
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
                options = {"held": True, "lead_in": lead_in}
                losses.append(
                    TrackLoss(net, cut, T, SHARD, self._teaching(mean[1], kind), np.float32, **options)
                )
        losses = [loss for loss in losses if loss.weight > 0]
        if not losses:
            return None
        return lambda theta: geometric_mean([loss.value(theta) for loss in losses])

    def learn_whole(self, net, series, mean, rng, before=None):
        """Train on series that have one y each, which their last row holds."""
        attempts = self._attempts(lambda *start: self._attempt_whole(net, series, mean, *start), rng, before)
        best = min(attempts, key=attrgetter("value")).trained
        if not makes_one_of_all(self.p):
            return best
        net, thetas = self._with_keys(net), [attempt.trained.dynamics.theta for attempt in attempts]
        wide, theta = abreast(net, thetas)
        return best._replace(dynamics=self._pooled(wide, theta, mean), carry=None)

    def _pooled(self, net, theta, mean):
        """The model of one answer a series."""
        return pooled(theta, RecurrentDynamics(theta, net, mean, self.input_lag), self.p.pooling)

    def _attempt_whole(self, net, series, mean, rng, before):
        """As ``_attempt``."""
        p, alone, net = self.p, not any(s.held[-1] for s in series), self._with_keys(net)
        if before is None:
            theta, moments = net.initial(rng, p.recurrent_init), None
            spread(net, net.views(theta)[:-1], whole=True)
            theta = np.concatenate([theta, glorot(rng, (n_keys(p.pooling), 1)).ravel()])
        else:
            theta, moments = before.dynamics.theta, before.carry
        teaching = self._teaching(mean[1])

        def loss(dtype, **options):
            return PooledRecurrentLoss(net, series, mean[0], p.pooling, teaching, dtype, **options)

        validate = None if alone or not p.early_stopping else loss(np.float32, held=True).value
        # The steps of "auto" fade as epochs go by: a loss that falls no more is none to stop at before.
        patience = np.inf if chooses_solver(p) and validate is None else p.n_iter_no_change
        B, monitors = self._whole_batch(series) if p.batch_size == "auto" else p.batch_size, []
        with self._threads_of_one() as pool:
            for solver, limit in self._whole_solvers(net, series):
                objective = loss(traits(solver).dtype, B=B, pool=pool)
                name = type(solver).__name__
                with progress(p.verbose, f"{type(p).__name__}, {name}", limit) as tell:
                    monitor = Monitor(theta, limit, p.tol, patience, validate, tell, name)
                    moments = run_solver(solver, objective, theta, monitor, rng, moments)
                monitors.append(monitor)
                theta = monitor.best_theta
        if not chooses_solver(p):
            warn_if_cut_short(p.max_iter, monitors[-1])
        dynamics = self._pooled(net, settled(net, theta, series), mean)
        trained = Trained(dynamics, *curves(monitors), moments, stages=stages_of(monitors))
        return Attempt(trained, monitors[-1].best)

    def _whole_batch(self, series):
        """Series a mini-batch: of few series as many as leave an epoch some steps, for it is steps that learn."""
        n = sum(s.w[-1] > 0 and not s.held[-1] for s in series)
        return int(np.clip(n // WHOLE_UPDATES, FEWEST, BATCH))

    def _whole_solvers(self, net, series):
        """As ``_solvers``; "auto" is Adam, whose steps see some series each."""
        if not (
            chooses_solver(self.p)
            or PooledRecurrentLoss.offers.issuperset(traits(resolve_solver(self.p.solver)).needs)
        ):
            raise ValueError(
                f"solver={self.p.solver!r} does not train {type(self.p).__name__} on one y a series: give 'auto', "
                "'lbfgs' or 'adam'."
            )
        if chooses_solver(self.p):
            return [(Adam(0.01, clip_norm=1.0, schedule="cosine"), self.p.max_iter or WHOLE_EPOCHS)]
        return [(resolve_solver(self.p.solver), self.limit)]

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
        teaching = self._teaching(dynamics.mean[1])._replace(alpha=0.0)  # few rows would be outweighed
        known = [after_memory(series, memory)]
        T = len(series.Y) if traits(solver).batches == "rows" else T
        loss = loss_for(solver)(dynamics.net, known, T, 1, teaching, dtype, starts=starts)
        if not loss.weight > 0:
            return trained
        monitor = Monitor(dynamics.theta, 1, 0.0, 1)
        moments = run_solver(solver, loss, dynamics.theta, monitor, rng, moments)
        return trained._replace(dynamics=dynamics.but(theta=monitor.best_theta), carry=moments)


class RecurrentNetwork(Attending):
    """What the estimators of one cell share; a subclass brings its constructor and ``_cell``."""

    _warmup = (  # settings that together call every kernel
        {
            "hidden_layer_sizes": (2,),
            "readout_hidden_layer_sizes": (2,),
            "output_lags": 1,
            "training": "closed_loop",
            "max_iter": 2,
            "random_state": 0,
        },
    )
    _variants = ({},)  # settings of the cells that may have weights in other frameworks

    def _learner(self):
        """Check the parameters, then those that do not go together; a ``RecurrentLearner`` holds them parsed."""
        hidden = check_widths("hidden_layer_sizes", self.hidden_layer_sizes, "give a tuple of ints >= 1")
        if not hidden:
            raise ValueError(f"hidden_layer_sizes={self.hidden_layer_sizes!r}: give a tuple of ints >= 1.")
        lags = parse_lags(self.input_lags, "input_lags", 0), parse_lags(self.output_lags, "output_lags", 1)
        check_training(self)
        loss = resolve_loss(self.loss)
        check_word("initial_state", self.initial_state, ("zeros", "learned"))
        check_word("precision", self.precision, tuple(PRECISIONS))
        check_word("recurrent_init", self.recurrent_init, ("orthogonal", "glorot"))
        check_word("pooling", self.pooling, POOLINGS)
        check_word("training", self.training, ("open_loop", "closed_loop", "scheduled_sampling"))
        for name in ("dropout", "recurrent_dropout"):
            check_number(name, getattr(self, name), 0, 0.95)
        check_number("orthogonal_penalty", self.orthogonal_penalty, 0)
        check_number("sequence_length", self.sequence_length, 1, integer=True)
        check_number("washout", self.washout, 0, integer=True)
        if not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            check_number("batch_size", self.batch_size, 1, integer=True)
        check_jobs(self.n_jobs)
        check_embedding(self)
        if not (isinstance(self.bidirectional, str) and self.bidirectional == "auto"):
            check_flag("bidirectional", self.bidirectional)
        check_flag("layer_norm", self.layer_norm)
        learner = RecurrentLearner(self, hidden, *lags, self._cell(), loss)
        self._check_together(learner)
        return learner

    def _check_together(self, learner):
        """Raise where parameters do not go together."""
        if not chooses_solver(self):
            solver = resolve_solver(self.solver)
            check_needs(self, loss_for(solver).offers)
            if is_of_squares(solver):
                self._check_squares(learner)
            if traits(solver).batches != "mini" and learner._is_random():
                raise ValueError(
                    f"solver={self.solver!r} needs the same loss at every call, but dropout and scheduled sampling are "
                    "random: give solver='adam', or neither of them."
                )
        dense_widths(self)
        if parse_convolution(self.convolution, 1) and makes_one_of_all(self):
            raise ValueError(
                "ensemble='mean' makes one net of several, which would have as many convolutions: give ensemble='best'."
            )
        if recurrent_lags(self) != (1,) and (self.recurrent_dropout or self.orthogonal_penalty):
            raise ValueError(
                f"recurrent_lags={self.recurrent_lags!r} has weights that recurrent_dropout and orthogonal_penalty do "
                "not know: give neither, or recurrent_lags=(1,)."
            )
        if self.training != "open_loop" and not learner.sees_y:
            raise ValueError(
                f"training={self.training!r} is for a net that sees its own output: give output_lags >= 1."
            )
        check_open_loop(learner.loss, learner.sees_y, self.training)
        if learner.bidirectional and learner.sees_y:
            raise ValueError(
                "bidirectional=True reads a series from both ends, so the outputs cannot be fed back: give "
                "output_lags=0."
            )

    def _check_squares(self, learner):
        """Raise where a solver of sums of squares does not train the net."""
        plain = learner.loss is squared and self.training == "open_loop" and recurrent_lags(self) == (1,)
        plain = (
            plain and not (self.skip_connections and self.readout_hidden_layer_sizes) and not self.convolution
        )
        if (
            plain
            and learner.cell.has_sensitivities
            and not (learner.bidirectional or self.orthogonal_penalty)
        ):
            return
        raise ValueError(
            f"solver={self.solver!r} is for the squared loss in open loop, of a net that reads forward, whose units "
            "see each other through h alone (no layer_norm, peepholes, bidirectional, orthogonal_penalty, learned "
            "leak_rate, convolution, recurrent_lags, readout_hidden_layer_sizes with skip_connections, no reset before "
            "the product): give solver='auto', 'lbfgs' or 'adam', or leave these out."
        )

    def _for_y(self, learner, form, table):
        learner = super()._for_y(learner, form, table)
        return replace(learner, whole=True) if form.whole else learner

    @property
    def params_(self):
        """Weights of each layer and direction, then those of the readout, in the scaled units of the net."""
        return self._dynamics().params


class RecurrentClassifier(ScoreParameters, RecurrentParameters, RecurrentNetwork, SequenceClassifier):
    """A classifier around a recurrent net."""

    _warmup = tuple(  # settings that together call every kernel; a net without dense layers draws labels
        {
            "hidden_layer_sizes": (2,),
            "readout_hidden_layer_sizes": dense,
            "output_lags": lags,
            "training": training,
            "max_iter": 2,
            "random_state": 0,
        }
        for lags, training, dense in ((0, "open_loop", (2,)), (1, "closed_loop", ()))
    )


class RecurrentRegressor(RecurrentParameters, RecurrentNetwork, SequenceRegressor):
    """A regressor around a recurrent net."""

    def initialize(self, X, y, groups=None):
        """Draw the weights and learn the scales, but train nothing: a net before ``fit``, to look into.

        What ``gradient_flow`` says of it is what training starts from (but an LSTM's ``forget_bias="auto"`` is 1 here);
        ``fit`` with ``warm_start=True`` goes on from these weights.

        Parameters
        ----------
        X, y, groups : as for ``fit``

        Returns
        -------
        self : the estimator, whose verbs answer as those of an untrained net

        Examples
        --------
        >>> from tsrnn import LSTMRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> LSTMRegressor((8,), random_state=0).initialize(X, y).gradient_flow(X, y, steps=20).shape
        (1, 20)
        """
        still = {"solver": SGD(STILL), "max_iter": 1, "early_stopping": False, "n_restarts": 1, "verbose": 0}
        net = clone(self).set_params(**still, alpha=0.0)
        net._is_compared = False
        net.fit(X, y, groups=groups)
        parameters = self.get_params(deep=False)
        self.__dict__ = {**net.__dict__, **parameters}
        del self._is_compared
        return self

    @of_one_state
    def gradient_flow(self, X, y, *, steps=None):
        """How far back the net's errors reach: norms of dL(t)/dh(t - k) against k.

        L(t) is half the squared error of row t, one step ahead, in scaled units, h a layer's state (in a
        bidirectional net that of the forward direction). Where the norms fall steeply, what happened k steps ago
        cannot be learnt (vanishing gradients); where they rise, training will jump (exploding gradients) [1]_.

        Parameters
        ----------
        X, y : as for ``fit``
            Rows without gaps; at least ``steps + lead_`` of them. They are followed from the cold state.
        steps : int, optional
            How many k; by default ``sequence_length``, or as many as there are rows for.

        Returns
        -------
        norms : ndarray of shape (n_layers, steps)
            norms[l, k]: mean over up to 256 rows t of the Euclidean norm for layer l.

        Raises
        ------
        ValueError
            X or y does not fit the model, or is too short.

        References
        ----------
        .. [1] Y. Bengio, P. Simard, P. Frasconi. "Learning long-term dependencies with gradient descent is
           difficult." IEEE Transactions on Neural Networks 5(2), 1994.

        Examples
        --------
        >>> from tsrnn import ElmanRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> model = ElmanRegressor((8,), random_state=0).fit(X, y)
        >>> model.gradient_flow(X, y, steps=20).shape
        (1, 20)
        """
        X, Y, *_ = self._enter(X, y, "cold")
        dynamics = self._dynamics()
        n = len(Y) - dynamics.lead
        T = max(1, min(self.sequence_length, n)) if steps is None else steps
        check_number("steps", T, 1, integer=True)
        ends = dynamics.lead + np.flatnonzero(np.isfinite(Y[dynamics.lead :]).all(axis=1))
        ends = ends[ends >= dynamics.lead + T - 1]
        if len(ends) == 0:
            raise ValueError(
                f"steps={T!r} needs at least {T + dynamics.lead} rows and a measured y at the end of some {T}, but "
                f"there are {len(Y)} rows: give more rows, or fewer steps."
            )
        ends = ends[np.linspace(0, len(ends) - 1, min(ORIGINS, len(ends))).astype(int)]
        first, net, B = ends - T + 1, dynamics.net, len(ends)
        y, cold = np.empty_like(Y), dynamics.cold()
        states = [np.empty((len(state), B, block.H)) for state, block in zip(cold.states, net.blocks)]
        for t, tape, rows in dynamics.blocks(X, Y, cold):
            y[t : t + rows] = tape.out[:, 0]
            here = (first >= t) & (first < t + rows)
            for k, state in enumerate(states):
                state[:, here] = tape.ends(k, first[here] - t, 0)
        y = np.where(np.isnan(Y), y, Y)
        tape, weights = Tape(net, B, T, np.float64), net.views(dynamics.theta)
        X = net.inputs(dynamics.theta, X)
        tape.place(X.ravel(), first, y.ravel(), first, np.full(B, T))
        for k, (state, block, begin) in enumerate(zip(states, net.blocks, cold.states)):
            tape.begin(k, begin[:, None] if block.reverse else state)
        dout = np.zeros((T, B, net.n_outputs))
        dout[-1] = tape.forward(weights)[-1] - y[ends]
        tape.backward(weights, net.turned(weights), dout, net.views(np.zeros(net.size)))
        forth = [dH for dH, block in zip(tape.dH, net.blocks) if not (block.reverse or block.dense)]
        return np.array([np.linalg.norm(dH, axis=2).mean(axis=1)[::-1] for dH in forth])
