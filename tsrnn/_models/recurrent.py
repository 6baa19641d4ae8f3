"""What Elman, LSTM and GRU share: their objective, their training through time, their runs over a series.

Training is many-to-many.  A series is cut into *tracks* that are followed side by side, ``sequence_length`` rows at
a time; every row is a target, and the state is carried over the cut, where the gradient stops (truncated
back-propagation through time).  A track that begins inside a series goes on from where the track before it ended
one epoch earlier.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from numbers import Integral

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.validation import check_is_fitted

from .._check import check_flag, check_number
from .._estimators.sequence import SERIES_PARAMETERS, SequenceRegressor, documented
from .._nets import equations
from .._nets.memory import Memory
from .._nets.recurrent import make_net
from .._nets.recurrent_loss import SHARD, Teaching, TrackLoss, windows
from .._nets.tape import Tape
from .._series.lags import parse_lags
from .._series.units import Series
from .._training.losses import has_kinks, resolve_loss
from .._training.monitor import Monitor, check_training, chooses_solver, progress
from .._training.solvers import LBFGS, Adam, check_needs, resolve_solver, run_solver, traits


BLOCK = 2048  # rows followed at a time: bounds the work space
ORIGINS, RUN_ROWS = 256, 2**14  # free runs side by side, and rows of all of them: bounds the work space
MAX_LBFGS_WORK = 2e8  # rows times parameters, beyond which "auto" leaves out L-BFGS
MIN_WINDOW = 4000  # rows of a series that L-BFGS takes as one sequence
SMALL = 0.1  # share of a Glorot start of the readout
GENTLE = 1e-4  # learning rate of partial_fit after L-BFGS
LONGER = 5  # times max_iter, the iterations of L-BFGS in "auto"
UPDATES = 8  # steps of the solver an epoch, that batch_size="auto" leaves a short series


class RecurrentRegressor(SequenceRegressor):
    """Estimator around a recurrent net; a subclass brings parameters and ``_cell``."""

    _warmup = (  # settings that together call every kernel
        {
            "hidden_layer_sizes": (2,),
            "output_lags": 1,
            "training": "closed_loop",
            "max_iter": 1,
            "random_state": 0,
        },
    )
    _variants = ({},)  # settings of the cells that may have weights in other frameworks

    # ---------------------------------------------------------------------------------- parameters

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type, then where some do not go together."""
        self._hidden()
        _, output_lags = self._lags()
        check_training(self)
        resolve_loss(self.loss)
        words = {
            "initial_state": ("zeros", "learned"),
            "recurrent_init": ("orthogonal", "glorot"),
            "training": ("open_loop", "closed_loop", "scheduled_sampling"),
        }
        for name, allowed in words.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                raise ValueError(f"{name}={value!r} is unknown: give {' or '.join(map(repr, allowed))}.")
        for name in ("dropout", "recurrent_dropout"):
            check_number(name, getattr(self, name), 0, 0.95)
        check_number("orthogonal_penalty", self.orthogonal_penalty, 0)
        check_number("sequence_length", self.sequence_length, 1, integer=True)
        check_number("washout", self.washout, 0, integer=True)
        if not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            check_number("batch_size", self.batch_size, 1, integer=True)
        threads = self.n_jobs is None or (isinstance(self.n_jobs, Integral) and self.n_jobs != 0)
        if not threads or isinstance(self.n_jobs, bool):
            raise ValueError(
                f"n_jobs={self.n_jobs!r} is no number of threads: give None, an int >= 1, or -1."
            )
        check_flag("bidirectional", self.bidirectional)
        check_flag("layer_norm", self.layer_norm)
        if not chooses_solver(self):
            self._check_solver()
        if self.training != "open_loop" and not output_lags:
            raise ValueError(
                f"training={self.training!r} is for a net that sees its own output: give output_lags >= 1."
            )
        if self.bidirectional and output_lags:
            raise ValueError(
                "bidirectional=True reads a series from both ends, so the outputs cannot be fed back: give "
                "output_lags=0."
            )

    def _check_solver(self):
        """Raise where the solver cannot train this model."""
        check_needs(self, TrackLoss.offers)
        if traits(resolve_solver(self.solver)).batches == "all" and self._is_random():
            raise ValueError(
                f"solver={self.solver!r} needs the same loss at every call, but dropout and scheduled sampling are "
                "random: give solver='adam', or neither of them."
            )

    def _is_random(self):
        """Whether two calls of the training loss differ."""
        return bool(self.dropout or self.recurrent_dropout) or self.training == "scheduled_sampling"

    def _hidden(self):
        """Widths of the layers, a tuple."""
        sizes = self.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else sizes
        if isinstance(sizes, str) or not np.iterable(sizes) or len(sizes := tuple(sizes)) == 0:
            raise ValueError(f"hidden_layer_sizes={self.hidden_layer_sizes!r}: give a tuple of ints >= 1.")
        for H in sizes:
            check_number("hidden_layer_sizes", H, 1, integer=True)
        return tuple(int(H) for H in sizes)

    def _lags(self):
        return parse_lags(self.input_lags, "input_lags", 0), parse_lags(self.output_lags, "output_lags", 1)

    def _wants_inputs(self):
        return bool(self._lags()[0])

    def _can_do_without_inputs(self):
        return bool(self._lags()[1])

    def _least_input_lag(self):
        return min(self._lags()[0], default=np.inf)

    def _validation_share(self):
        return self.validation_fraction if self.early_stopping else 0.0

    # ---------------------------------------------------------------------------------- learning

    def _prepare(self, n_inputs, n_outputs):
        input_lags, output_lags = self._lags()
        if not (n_inputs and input_lags) and not output_lags:
            raise ValueError(
                f"{type(self).__name__} sees neither inputs nor outputs: give X and input_lags, or output_lags."
            )
        resolve_loss(self.loss, n_outputs)
        options = (self._hidden(), input_lags, output_lags, self.bidirectional, self.skip_connections)
        net = make_net(self._cell(), n_inputs, n_outputs, *options)
        if not (self.warm_start and hasattr(self, "theta_") and _same(self._net, net)):
            self.theta_ = None
        self._net, self.lead_ = net, max(net.x_lead, net.y_lead)

    def _fit_series(self, series, rng):
        rows = max(int((~s.held).sum()) for s in series)
        if rows <= self.lead_:
            raise ValueError(
                f"{type(self).__name__} looks back {self.lead_} rows and so needs at least {self.lead_ + 1} in a "
                f"stretch without a gap, but the longest has {rows} (n_samples = {sum(len(s.Y) for s in series)}). "
                "Give more rows or shorter lags; where stamps are missing, insert them, with NaN in y (asfreq)."
            )
        first = self.lead_ + self.washout
        series = [s._replace(w=np.where(np.arange(len(s.w)) < first, 0.0, s.w)) for s in series]
        if self.theta_ is None:
            theta, self._moments = self._initial(series, rng), None
        else:
            theta = self.theta_
        validate = self._validation(series) if self.early_stopping else None
        monitors = []
        with self._threads() as pool:
            for solver, limit in self._solvers(series):
                objective = self._objective(series, solver, pool)
                with progress(self.verbose, type(self).__name__, limit) as tell:
                    monitor = Monitor(theta, limit, self.tol, self.n_iter_no_change, validate, tell)
                    self._moments = run_solver(solver, objective, theta, monitor, rng, self._moments)
                monitors.append(monitor)
                theta = monitor.best_theta
        self.theta_ = theta
        self.n_iter_ = sum(m.n_iter for m in monitors)
        self.loss_curve_ = [v for m in monitors for v in m.loss_curve]
        self.validation_curve_ = [v for m in monitors for v in m.validation_curve]
        self._cold_states = self._find_cold_states(series)

    def _initial(self, series, rng):
        """Where training begins, (P,)."""
        theta = self._net.initial(rng, self.recurrent_init)
        if not self._is_fed():
            # Begin near the mean of y: where little can be foretold, early stopping may end there.
            self._net.views(theta)[-1].W[:] *= SMALL
        return theta

    def _is_fed(self):
        """Whether the net sees its last output."""
        return 1 in self._lags()[1]

    def _solvers(self, series):
        """The solver of each stage of training, and how many iterations it may take.

        "auto": L-BFGS; where the net sees its last output, after Adam, which leads to tamer free runs; Adam alone where
        L-BFGS is expensive or the loss is random or has kinks.
        """
        if not chooses_solver(self):
            return [(resolve_solver(self.solver), self.max_iter)]
        cheap = sum(len(s.Y) for s in series) * self._net.size <= MAX_LBFGS_WORK
        adam, lbfgs = (Adam(0.005), self.max_iter), (LBFGS(), LONGER * self.max_iter)
        if not cheap or has_kinks(self.loss) or self._is_random():
            return [adam]
        return [adam, lbfgs] if self._is_fed() else [lbfgs]

    def _threads(self):
        """A pool of threads, or a context that gives None."""
        n = effective_n_jobs(self.n_jobs)
        return ThreadPoolExecutor(n - 1) if n > 1 else nullcontext()

    def _teaching(self, feedback=None):
        """The parameters that concern the objective."""
        return Teaching(
            resolve_loss(self.loss),
            self.alpha,
            self.orthogonal_penalty,
            self.dropout,
            self.recurrent_dropout,
            feedback or self.training,
            self.max_iter,
            self._mean[1],
        )

    def _objective(self, series, solver, pool):
        """The loss on the training rows: tracks for stochastic gradient, overlapping windows for L-BFGS."""
        longest = max(len(s.Y) for s in series) - self.lead_
        T, lead_in = min(self.sequence_length, longest), None
        rows = sum(len(s.Y) - self.lead_ for s in series)
        B = self.batch_size
        if B == "auto":
            B = int(np.clip(rows // (UPDATES * T), 1, 32))
        if traits(solver).batches == "all":
            # Whole series: short windows teach the net to count rows from their start.
            length = T if self.training == "closed_loop" else max(MIN_WINDOW, rows // SHARD)
            series, lead_in = windows(series, self.lead_, length, T, held=False)
            T, B = max(len(s.Y) for s in series) - self.lead_, SHARD
        objective = TrackLoss(
            self._net, series, T, B, self._teaching(), traits(solver).dtype, pool=pool, lead_in=lead_in
        )
        if not objective.weight > 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {self.lead_} rows of the lags "
                f"and washout={self.washout}: give a smaller washout, shorter lags or more rows."
            )
        return objective

    def _validation(self, series):
        """Loss on the validation rows as a function of theta; None where no rows are held.

        One step ahead from measured y; with closed-loop training the geometric mean of that and of free runs.
        """
        lead_in = max(self.sequence_length, self.washout)
        n = sum(int(s.held.sum()) for s in series)
        length = (
            max(self.sequence_length, -(-n // 32)) if self.training == "open_loop" else self.sequence_length
        )
        parts, earlier = windows(series, self.lead_, length, lead_in, held=True)
        if not parts:
            return None
        T = max(len(s.Y) for s in parts) - self.lead_
        judges = [
            TrackLoss(
                self._net, parts, T, SHARD, self._teaching(kind), np.float32, held=True, lead_in=earlier
            )
            for kind in ("open_loop", "closed_loop")[: 1 if self.training == "open_loop" else 2]
        ]
        judges = [judge for judge in judges if judge.weight > 0]
        if not judges:
            return None

        def loss(theta):
            losses = np.nan_to_num([judge.value(theta) for judge in judges], nan=np.inf)
            return float(np.exp(np.mean(np.log(np.clip(losses, 1e-300, 1e300)))))

        return loss

    def _fit_more(self, series, memory, rng):
        """A pass of stochastic gradient over rows that go on from a memory."""
        n = len(memory.Y)
        known = Series(
            np.concatenate([memory.X, series.X]),
            np.concatenate([memory.Y, series.Y]),
            np.concatenate([np.zeros(n), series.w]),
            np.zeros(n + len(series.Y), bool),
        )
        solver = None if chooses_solver(self) else resolve_solver(self.solver)
        if (
            solver is None or traits(solver).batches != "mini"
        ):  # small steps, for L-BFGS has ended in a narrow valley
            solver = Adam(GENTLE)
        T = min(self.sequence_length, len(series.Y))
        dtype = traits(solver).dtype
        starts = [states.astype(dtype) for states in memory.states]
        teaching = self._teaching()._replace(alpha=0.0)  # few rows would be outweighed
        objective = TrackLoss(self._net, [known], T, 1, teaching, dtype, starts=starts)
        if objective.weight > 0:
            monitor = Monitor(self.theta_, 1, 0.0, 1)
            self._moments = run_solver(solver, objective, self.theta_, monitor, rng, self._moments)
            self.theta_ = monitor.best_theta

    def gradient_flow(self, X, y, *, steps=None):
        """How far back the net's errors reach: norms of dL(t)/dh(t - k) against k.

        L(t) is half the squared error of row t, one step ahead, in scaled units, h a layer's state (in a
        bidirectional net that of the forward direction). Where the norms fall steeply, what happened k steps ago
        cannot be learnt (vanishing gradients); where they rise, training will jump (exploding gradients) [1]_.

        Parameters
        ----------
        X, y : as for ``fit``
            Rows without gaps; at least steps + lead_ of them. They are followed from the cold state.
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
        check_is_fitted(self)
        X, Y, *_ = self._enter(X, y, "cold")
        n = len(Y) - self.lead_
        T = max(1, min(self.sequence_length, n)) if steps is None else steps
        check_number("steps", T, 1, integer=True)
        ends = self.lead_ + np.flatnonzero(np.isfinite(Y[self.lead_ :]).all(axis=1))
        ends = ends[ends >= self.lead_ + T - 1]
        if len(ends) == 0:
            raise ValueError(
                f"steps={T!r} needs at least {T + self.lead_} rows and a measured y at the end of some {T}, but there "
                f"are {len(Y)} rows: give more rows, or fewer steps."
            )
        ends = ends[np.linspace(0, len(ends) - 1, min(ORIGINS, len(ends))).astype(int)]
        first, net, B = ends - T + 1, self._net, len(ends)
        y, states = np.empty_like(Y), [np.empty((net.cell.n_states, B, block.H)) for block in net.blocks]
        cold = self._cold()
        for t, tape, rows in self._blocks(X, Y, cold):
            y[t : t + rows] = tape.out[:, 0]
            here = (first >= t) & (first < t + rows)
            for state, S in zip(states, tape.S):
                state[:, here] = S[:, first[here] - t, 0]
        y = np.where(np.isnan(Y), y, Y)
        tape, weights = Tape(net, B, T, np.float64), net.views(self.theta_)
        tape.place(X.ravel(), first, y.ravel(), first, np.full(B, T))
        for S, state, block, begin in zip(tape.S, states, net.blocks, cold.states):
            S[:, 0] = begin[:, None] if block.reverse else state
        dout = np.zeros((T, B, net.n_outputs))
        dout[-1] = tape.forward(weights)[-1] - y[ends]
        tape.backward(weights, net.turned(weights), dout, net.views(np.zeros(net.size)))
        forth = [dH for dH, block in zip(tape.dH, net.blocks) if not block.reverse]
        return np.array([np.linalg.norm(dH, axis=2).mean(axis=1)[::-1] for dH in forth])

    # ---------------------------------------------------------------------------------- following

    def _blocks(self, X, Y, memory):
        """Follow rows from a memory, a block at a time: yield the first row of each, its tape and its length.

        The states at the end of a block are taken over when the next is asked for.
        """
        net, weights = self._net, self._net.views(self.theta_)
        n = len(memory.Y)
        x, y = np.concatenate([memory.X, X]).ravel(), np.concatenate([memory.Y, Y])
        states, firsts = memory.states, self._first().states
        size = len(Y) if net.bidirectional else BLOCK
        for t in range(0, len(Y), size):
            T = min(size, len(Y) - t)
            tape, at = Tape(net, 1, T, np.float64), np.array([n + t])
            own = np.isnan(y[n + t : n + t + T])[:, None] if net.y_lead else np.zeros(0, bool)
            tape.place(x, at, y.reshape(-1), at, np.array([T]))
            for S, state, block, first in zip(tape.S, states, net.blocks, firsts):
                S[:, 0, 0] = first if block.reverse else state
            tape.forward(weights, own if own.any() else None)
            yield t, tape, T
            states = [S[:, T, 0] for S in tape.S]

    def _run(self, X, Y, memory):
        out, states = np.empty_like(Y), memory.states
        for t, tape, T in self._blocks(X, Y, memory):
            out[t : t + T] = tape.out[:, 0]
            states = tuple(S[:, T, 0].copy() for S in tape.S)
        X, Y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, np.where(np.isnan(Y), out, Y)])
        return out, Memory(X[len(X) - self.lead_ :], Y[len(Y) - self.lead_ :], states)

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        if len(first) == 0:
            return
        net, weights, O, end = self._net, self._net.views(self.theta_), Y.shape[1], first[-1] + 1
        x, y = np.concatenate([memory.X, X]).ravel(), np.concatenate([memory.Y, Y])
        past = np.concatenate([Y[: end - 1], np.zeros((1, O))])  # its last row leads to no state that is used
        at_once = max(1, min(ORIGINS, RUN_ROWS // steps))
        for t, followed, T in self._blocks(X[:end], past, memory):
            low, high = np.searchsorted(first, [t, t + T])
            for i in range(low, high, at_once):
                which = slice(i, min(i + at_once, high))
                rows = first[which]
                at, B = self.lead_ + rows, len(rows)
                fed = np.empty((B, net.y_lead + steps, O))
                fed[:, : net.y_lead] = y[at[:, None] + np.arange(-net.y_lead, 0)]
                tape = Tape(net, B, steps, np.float64)
                y_at = np.arange(B) * (net.y_lead + steps) + net.y_lead
                tape.place(x, at, fed.reshape(-1), y_at, np.full(B, steps))
                for S, states in zip(tape.S, followed.S):
                    S[:, 0] = states[:, rows - t, 0]

                def feed(step, _, which=which, tape=tape, own=fed[:, net.y_lead :]):
                    own[:, step] = settle(which, step, tape.out[step])

                own = np.ones((steps, B, O), bool)
                yield which, tape.forward(weights, own, feed=None if settle is None else feed)

    # ---------------------------------------------------------------------------------- memories

    def _first(self):
        starts = [p.start if p.start.size else None for p in self._net.views(self.theta_)[:-1]]
        return self._memory(*self._mean, starts)

    def _cold(self):
        return self._first() if self._cold_states is None else self._memory(*self._mean, self._cold_states)

    def _zero(self, x, y):
        return self._memory(x, y, [None] * len(self._net.blocks))

    def _memory(self, x, y, states):
        """The memory of lags that always were x (F,), y (O,), and of states, None for zeros."""
        n, shapes = self.lead_, [(self._net.cell.n_states, block.H) for block in self._net.blocks]
        states = tuple(np.zeros(shape) if s is None else s for s, shape in zip(states, shapes))
        return Memory(np.tile(x, (n, 1)), np.tile(y, (n, 1)), states)

    def _find_cold_states(self, series):
        """The mean state over training; None for the first state of training, if that suits its many series better."""
        if self._net.bidirectional or self.initial_state == "learned":
            return None
        first = self._first()
        total, n = None, 0
        for s in series:
            for _, tape, T in self._blocks(s.X, s.Y, first):
                sums = [S[:, 1:, 0].sum(axis=1) for S in tape.S]
                total, n = sums if total is None else [a + b for a, b in zip(total, sums)], n + T
        mean = tuple(a / n for a in total)
        if len(series) == 1:
            return mean
        errors = [0.0, 0.0]
        for s in series[:200]:
            Y = s.Y[: self.sequence_length]
            for k, states in enumerate((mean, first.states)):
                out, _ = self._run(s.X[: len(Y)], Y, first._replace(states=states))
                errors[k] += np.nansum((out - Y) ** 2)
        return mean if errors[0] <= errors[1] else None

    def _goes_on(self):
        return not self._net.bidirectional

    def _must_go_on(self, verb):
        if not self._goes_on():
            raise ValueError(
                f"{verb} goes on from the last row seen, but with bidirectional=True every row also depends on those "
                "after it, and a series is read as a whole: call predict(X) on all of it, or give bidirectional=False."
            )

    def _terms(self, p):
        if self._net.cell.terms is None:
            raise TypeError(
                f"{type(self).__name__} cannot be exported: its cell brings no equation for that, Cell(terms=...)."
            )
        return equations.recurrent_network(p, self._net, self.theta_)

    @property
    def params_(self):
        """Weights of each layer and direction, then those of the readout, in the scaled units of the net."""
        return tuple(self._net.views(self.theta_))


def _same(net, other):
    """Whether parameters of the one mean the same in the other."""
    return net._replace(cell=net.cell.options) == other._replace(cell=other.cell.options)


PARAMETERS = (
    """
    input_lags : int or sequence of int, default=0
        An int L stands for x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest.
        ``[h]`` with ``output_lags=[h]`` is a direct h-step forecaster.
    output_lags : int or sequence of int, default=0
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive.
    bidirectional : bool, default=False
        A second set of units reads each series from its end to its start, for smoothing: every row is predicted
        from those before and after it, by ``predict_ahead`` too, so there is no ``forecast``, ``update``,
        ``partial_fit`` or warm start.
    skip_connections : bool, default=False
        Whether the inputs reach every layer and the readout, and every layer the readout.
    initial_state : {"zeros", "learned"}, default="zeros"
        What each series starts from in training.
    dropout : float, default=0.0
        Share of each layer's outputs that the layer above, or the readout, does not get in a training step.
    recurrent_dropout : float, default=0.0
        Share of each layer's units that the recurrence does not see, the same for all steps of a sequence [11]_.
    layer_norm : bool, default=False
        Whether what each gate sees is normalised over its units [12]_.
    recurrent_init : {"orthogonal", "glorot"}, default="orthogonal"
        How the recurrent weights start.
    orthogonal_penalty : float, default=0.0
        Times the sum of squares of U'U - I, added to the mean loss: keeps the recurrence near orthogonal.
    training : {"open_loop", "closed_loop", "scheduled_sampling"}, default="open_loop"
        What the net sees in the lags of y: measured values (teacher forcing); from the state that follows them its
        own outputs, for ``sequence_length`` steps; or its own more and more often, as epochs go by [13]_.
    sequence_length : int, default=64
        Steps of back-propagation through time. The state is carried over the cuts.
    washout : int, default=0
        First rows of each series that are in no loss.
    batch_size : int or "auto", default="auto"
        Sequences side by side. "auto": up to 32, if that leaves 8 steps of the solver an epoch.
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs"} or object, default="auto"
        A word, or an object with its own settings such as ``Adam(1e-2, clip_norm=1.0, schedule="cosine")``. L-BFGS
        takes all rows at once, and gradients back through whole series (in closed loop, and beyond 4000 rows,
        through pieces of them that begin with ``sequence_length`` rows to warm up). "auto" is L-BFGS; with y(t - 1)
        among the lags ``Adam(0.005)`` and then L-BFGS, which leads to tamer free runs; and Adam alone for a long
        series, with dropout, scheduled sampling, or a loss with kinks.
    alpha : float, default=1e-4
        Weight decay: alpha times the squared weights is added to the sum of squared errors (in scaled units).
    max_iter : int, default=300
        Epochs, or iterations of L-BFGS; five times as many of those with ``solver="auto"``.
    tol : float, default=1e-4
        Training ends when ``n_iter_no_change`` epochs in a row did not lower the loss by this share.
    early_stopping : bool, default=True
        Hold back the last rows, watch the loss on them, stop when it rises and keep the best weights.
    validation_fraction : float, default=0.15
        Share of the rows, the last ones, that are held back.
    n_iter_no_change : int, default=40
        See ``tol``.
    scale : {"standard", "minmax", "robust", None}, default="standard"
        How X and y are scaled inside, learnt from the training rows.
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts. "end": after the last row seen. "cold": from the mean state over training (the
        learned one; or zeros if those suit the many series of training better). "zeros": from zeros. A tuple:
        after following that history. "auto" asks the index of X: rows that go on from those seen start from the end,
        also over a short gap, with a warning; the training rows themselves from their own start; others cold.
        Without an index, from the end.
    warm_start : bool, default=False
        ``fit`` goes on from the weights it has.
    n_jobs : int or None, default=None
        Threads, each with a share of the sequences of a batch; the result does not depend on it. None is 1 unless
        in a ``joblib.parallel_config``, -1 all processors.
    random_state : int, RandomState or None, default=None
        For the initial weights, the order of series and dropout.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line an epoch.
"""
    + SERIES_PARAMETERS
)
ATTRIBUTES = """
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple of named tuples
        The same: one of each layer (and direction), then the readout's, in scaled units. Weights have a gate in front.
        Rows of the first W: the inputs, oldest lag first, then the outputs, oldest lag first.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units, and the states of each layer.
    lead_ : int
        Rows of history that the lags need.
    n_iter_ : int
        Epochs run.
    loss_curve_, validation_curve_ : list of float
        Loss after each epoch, in scaled units (half the mean squared error, for "squared"), plus the decay.
    x_scaler_, y_scaler_ : tuple (center, scale) of ndarrays
        z = (v - center) / scale takes the user's units to the model's. The scale of an input that was constant in
        training is inf: it is ignored.
    series_ : dict
        Where each series stands, by its key (None where there is one): what goes on from its last row seen, its stamps.
        ``state_`` and ``timeline_`` are those of the one series.
    timeline_ : tuple or None
        First and last stamp of the rows seen and how they are spaced, where their index tells.
    n_features_in_, n_outputs_ : int
        Columns of X and y.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of X's columns, where it had them.
"""
REFERENCES = """
    .. [10] P. J. Werbos. "Backpropagation through time: what it does and how to do it." Proceedings of the IEEE
       78(10), 1990.
    .. [11] Y. Gal, Z. Ghahramani. "A theoretically grounded application of dropout in recurrent neural networks."
       NeurIPS 2016.
    .. [12] J. L. Ba, J. R. Kiros, G. E. Hinton. "Layer normalization." arXiv:1607.06450, 2016.
    .. [13] S. Bengio et al. "Scheduled sampling for sequence prediction with recurrent neural networks." NeurIPS 2015.
"""
shared_docs = documented(parameters=PARAMETERS, attributes=ATTRIBUTES, references=REFERENCES)
