"""Echo state networks: a fixed random reservoir, and a readout by ridge regression.

    x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b)        v(t) = [u at its lags, y at its lags]
    y(t) = W_out [1, v(t), x(t)]

A series is followed a block of steps at a time; of each block only its part of the normal equations remains.
"""

from dataclasses import KW_ONLY, dataclass, replace
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._check import check_flag, check_number, check_verbose, check_word
from .._declared import Declared
from .._estimators.classifier import SequenceClassifier
from .._estimators.following import across
from .._estimators.parameters import Lags, Numbers, Sizes
from .._estimators.regressor import SequenceRegressor
from .._estimators.snapshots import of_one_state, with_parameters
from .._kernels.activations_v1 import ACTIVATIONS
from .._memory_limit import check_memory
from .._nets.dynamics import Learner, OfLags, Trained, check_enough_rows, check_sees_something
from .._nets.echo_state import LEAST, EchoState, free_error
from .._nets.pooled import Pooled
from .._nets.reservoir import DISTRIBUTIONS, chain, pack, random_links, random_reservoir
from .._nets.ridge import (
    add_rows,
    add_weighted_rows,
    feature_rows,
    likely_alpha,
    no_sums,
    recurse,
    ridge,
    squared_error,
)
from .._series.labels import Link, shares, sharpness
from .._series.lags import parse_lags
from .._series.timeline import last_known
from .._series.units import Series, filled_width
from .._training.losses import EXACT, ROUNDING, has_parabola, resolve_loss, reweighted, squared
from .._training.monitor import progress
from .._values import kept


WASHOUT = 100  # first steps of a long series, with "auto"
WASHED = 1e-4, 1e-2  # what each counts: of one series, and of several, since others may come
UNITS, RADIUS = 300, 0.9  # of a reservoir, by default
REACHED = 10  # units, at least, that an input reaches
SCALING = {
    True: 0.1,
    False: 0.5,
}  # of input weights, with inputs where nothing tells, and for a model of y alone
NEGLIGIBLE = 1e-10  # squared error, in units of the variance of y
LEAST_FREE = 1e-3  # of a series' answer, that the series itself leaves to the others
SCALINGS = (0.1, 0.3, 1.0, 3.0)  # of which one is chosen, where there are inputs
STRETCHES, TRIED = 5, 5000  # left out in turn to choose it, and the rows of all of them, about
GROWTH = 100  # of the inverse in recursive least squares, until nothing more is forgotten
HUGE = 1e6  # mean of a state that no forecast should come from
FAR = 1000.0  # times the largest y of training, where what is fed back is held
ROOM = 0.25  # of the range of training, beyond either of its ends, for early outputs that are fed back
GAIN = 0.9  # of the least error of free runs so far, that a larger penalty must come below
CAUTION = 8  # decades of penalty beyond that of most evidence, at most
MAX_MEMORY = 2000  # steps after which the memory of a start is no longer looked for
MAX_SHARPENED = 20_000  # rows that tell how sharp probabilities are
TOPOLOGIES = ("random", "cycle", "delay_line")


class RecursiveLeastSquares(BaseEstimator):
    """Least squares that forgets, for an ``ESNRegressor`` on a stream.

    ``fit`` weights a row by ``forgetting`` to the power of its age; ``partial_fit`` then learns row by row, in
    time proportional to the square of the number of features [1]_.

    Parameters
    ----------
    forgetting : float, default=1.0
        In (0, 1]. It remembers the last 1 / (1 - forgetting) rows, roughly.

    References
    ----------
    .. [1] S. Haykin. "Adaptive Filter Theory." Prentice Hall, 2002.

    Examples
    --------
    >>> from tsrnn import ESNRegressor, RecursiveLeastSquares
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(1200, random_state=0)
    >>> model = ESNRegressor(50, solver=RecursiveLeastSquares(0.999), random_state=0).fit(X[:1000], y[:1000])
    >>> for t in range(1000, 1200, 50):
    ...     model = model.partial_fit(X[t : t + 50], y[t : t + 50])
    """

    def __init__(self, forgetting=1.0):
        self.forgetting = forgetting


class Parameters(NamedTuple):
    """What the equations call so, in scaled units.

    W_in : (R, D), columns: the inputs, oldest lag first, then the outputs, oldest lag first.   W : (R, R), sparse,
    row i the links into unit i.   U : (R, R), sparse, what a layer sees of the one below.   b : (R,).   W_out : (O, P).
    """

    W_in: np.ndarray
    W: sparse.csr_array
    U: sparse.csr_array
    b: np.ndarray
    W_out: np.ndarray


class ReservoirParameters(Declared):
    """What an echo state network has.

    Parameters
    ----------
    n_reservoir : int or tuple of int, optional
        Units: by default 300, or as many as ``W`` has. Of a tuple each layer sees the states of the one below, and the
        readout all of them [1]_.
    spectral_radius : float or sequence of float, optional
        Of W, the largest modulus of its eigenvalues, by default 0.9; one number, or one for each layer. With
        ``leak_rate`` it says how slowly states fade; for "cycle" and "delay_line" it is the weight of the links.
    leak_rate : float or sequence of float, default=0.9
        a, in (0, 1]; one number, or one for each layer. Small for series that are slow beside their time step.
    connectivity : int or float, default=10
        Links that come in to each unit (and from the layer below): an int is their number, a float a share of all.
    input_scaling : float or array-like of shape (n_features,), optional
        Size of the input weights, in scaled units: small for memory, large for nonlinearity. By default the one of
        0.1, 0.3, 1 and 3 that errs least on stretches from all over the series that are left out in turn, 5000 rows in
        all (in free runs, where y is fed back); where y has one value a series, on series left out. A model of y alone
        has 0.5. See ``input_scaling_``.
    input_connectivity : float, default=0.1
        Share of the units that an input reaches (all of them, or 10, if that is more).
    bias_scaling : float, default=0.5
        Size of b.
    input_lags : int, sequence of int or "auto", default=0
        An int L stands for x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest.
    output_lags : int, sequence of int or "auto", default=0
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive: in training it sees the measured y, or its own value where y is NaN. From rest
        (``start="zeros"``, a new series) its outputs are held near the range of training for as many rows as the
        washout has. "auto", here and for inputs: those by which a linear model forecasts
        best. See ``lags_``.
    feedback_scaling : float or array-like of shape (n_outputs,), optional
        Size of the weights of the lags of y; by default that of the inputs (their mean).
    noise : float, default=0.0
        Standard deviation of normal noise inside f in training; steadies free runs.
    activation : {"tanh", "relu", "identity", "logistic"}, default="tanh"
        f.
    topology : {"random", "cycle", "delay_line"}, default="random"
        "cycle": each unit is fed by the one before it, the first by the last [3]_; "delay_line": not the first.
    groups : int, default=1
        Reservoirs side by side, without links between them, that share the units of each layer.
    weight_distribution : {"uniform", "normal", "sign"}, default="uniform"
        Of all weights: uniform in [-1, 1], standard normal, or -1 and 1, times their size.
    pooling : {"last", "mean"}, default="mean"
        How the rows make one answer, where y has one value a series: that of the last row, or the mean. There is no
        washout then.
    W : array-like or sparse of shape (n_units, n_units), optional
        Taken as it is, row i the links that come in to unit i; then there is one layer of that size, and no
        ``spectral_radius``.
    W_in : array-like of shape (n_units, n_columns), optional
        Taken as it is, a column for each input (oldest lag first), then each output (oldest lag first).
    readout_bias, readout_input, readout_squares : bool, default=True, True, False
        Whether the readout sees 1, v(t), and the squares of x(t).
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Others than the squared one by iteratively reweighted least squares [5]_: 10 to 80
        passes over the series, each of which takes, for every output, about as long as a fit with the squared loss.
        There is no ``partial_fit`` then.
    solver : {"ridge"} or RecursiveLeastSquares, default="ridge"
        How the readout is solved for. "ridge": from sums over time, to which ``partial_fit`` adds, so that it gives
        what a fit to all rows, with the same ``input_scaling``, gives. ``RecursiveLeastSquares(forgetting)``: for
        streams, with the squared loss; a row counts if all its y are measured.
    alpha : float or "auto", default="auto"
        alpha times the squared weights of the readout, but that of 1, is added to the sum of squared errors (over
        all rows, in scaled units), or half of that to another loss. "auto": the one of most evidence [2]_, which costs
        some ten solutions; for another loss what means the same to it. Evidence knows one step alone: with
        ``output_lags``, as many times ten as much as lowers the error of free runs over the training rows, which must
        not go beyond twice the largest y.
    washout : int or "auto", default="auto"
        First rows of each series that the readout does not learn from. "auto": 100, or a tenth of a short series;
        without ``output_lags`` each of them counts a ten-thousandth, or of several series a hundredth, so that a start
        from zeros is nothing new. Answers to rows of which nothing is learnt, from zeros, stay within the range of
        training and a quarter more.
    random_state : int, RandomState or None, default=None
        For the reservoir and the noise.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line for each block of rows.

    Attributes
    ----------
    input_scaling_ : float, array-like of shape (n_features,) or None
        The size of the input weights, that which was found where ``input_scaling`` is None. None beside a ``W_in``.
    params_ : named tuple (W_in, W, U, b, W_out)
        All weights, in scaled units; U is what a layer sees of the one below.
    theta_ : ndarray of shape (n_parameters,)
        The weights of the readout.
    memory_length_ : int or inf
        Steps until the states from two starts, zeros and the mean state, are within 1% of their first distance for
        good, along the training series.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units, and the states of each layer.
    lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags, those that were found where they are "auto".
    lead_ : int
        Rows of history that the lags need.
    n_iter_ : int
        1, or passes of reweighted least squares.
    loss_curve_ : list of float
        Mean loss of training, in scaled units (half the mean squared error, for "squared").

    References
    ----------
    .. [1] C. Gallicchio, A. Micheli, L. Pedrelli. "Deep reservoir computing: a critical experimental analysis."
       Neurocomputing 268, 2017.
    .. [2] D. J. C. MacKay. "Bayesian interpolation." Neural Computation 4(3), 1992.
    .. [3] A. Rodan, P. Tino. "Minimum complexity echo state network." IEEE Transactions on Neural Networks 22(1), 2011.
    .. [4] M. Lukosevicius. "A practical guide to applying echo state networks." In: Neural Networks: Tricks of the
       Trade, Springer, 2012.
    .. [5] D. R. Hunter, K. Lange. "Quantile regression via an MM algorithm." Journal of Computational and Graphical
       Statistics 9(1), 2000.
    .. [6] D. M. Allen. "The relationship between variable selection and data augmentation and a method for prediction."
       Technometrics 16(1), 1974.
    """

    n_reservoir: Sizes | None = None
    _: KW_ONLY
    spectral_radius: Numbers | None = None
    leak_rate: Numbers = 0.9
    connectivity: int | float = 10
    input_scaling: object = None
    input_connectivity: float = 0.1
    bias_scaling: float = 0.5
    input_lags: Lags = 0
    output_lags: Lags = 0
    feedback_scaling: object = None
    noise: float = 0.0
    activation: str = "tanh"
    topology: str = "random"
    groups: int = 1
    weight_distribution: str = "uniform"
    pooling: str = "mean"
    W: object = None
    W_in: object = None
    readout_bias: bool = True
    readout_input: bool = True
    readout_squares: bool = False
    loss: object = "squared"
    solver: object = "ridge"
    alpha: float | str = "auto"
    washout: int | str = "auto"
    verbose: int = 0


@kept("readout")
class Readout(NamedTuple):
    """What a readout was solved from, to go on with.

    sums : over time, or None.   inverse : (P, P), of recursive least squares, or None.   most : its trace, beyond which
    nothing is forgotten.   alpha : the penalty.   search : what a cross-validation found, or None.   probe : first rows
    X (N, D), Y (N, O) of training.   caution : times the penalty of most evidence, for the sake of free runs.
    """

    sums: Any
    inverse: Any
    most: float
    alpha: float
    search: Any = None
    probe: tuple = ()
    bias: bool = True
    caution: float = 1.0
    scaling: Any = None

    def weights_an_output(self):
        """Return how many weights the penalty leaves free: the trace of (Z'Z + alpha)^-1 Z'Z; None where unknown."""
        if self.sums is None:
            return None
        normal = next(iter(self.sums.normal()))
        return float(np.trace(ridge(normal._replace(ZY=normal.ZZ), self.alpha, self.bias)))


class Harvest:
    """A pass over series from rest: iterate over blocks of rows; then the mean states and the memory at the end.

    Yields a series, the rows of a block, their weights, V (T, D), S (T + 1, R) and out.   fed : what the lags of y see
    of each series.   cold_states, ends : afterwards, the latter None where the states of fitting are others.
    """

    def __init__(self, learner, dynamics, series, fed, weights, rng, read=False):
        self.learner, self.dynamics, self.series, self.fed = learner, dynamics, series, fed
        self.weights, self.rng, self.read = weights, rng, read
        self.cold_states, self.ends = None, []

    def __iter__(self):
        p, dynamics = self.learner.p, self.dynamics
        total, n = np.zeros(dynamics.reservoir.R), sum(len(Y) for Y in self.fed)
        blocks = sum(-(-len(Y) // dynamics.length) for Y in self.fed)
        noise, first = self.rng if dynamics.noise else None, dynamics.first()
        with progress(p.verbose, type(p).__name__, blocks) as tell:
            for s, Y, w in zip(self.series, self.fed, self.weights):
                for t, V, S, out in dynamics.blocks(s.X, Y, first, noise, read=self.read):
                    rows = slice(t, t + len(V))
                    yield s, rows, w[rows], V, S, out
                    total += S[1:].sum(axis=0)
                    if tell is not None:
                        tell(f"rows: {rows.stop} of {len(Y)}")
                fed_itself = dynamics.sees_y and np.isnan(s.Y).any()
                self.ends.append(None if noise or fed_itself else dynamics.after(s.X, Y, first, S[-1]))
        if not (np.abs(total) < HUGE * n).all():
            raise ValueError(
                f"The states of the reservoir grow without bound, with activation={p.activation!r} and "
                f"spectral_radius={p.spectral_radius!r}: give activation='tanh', or a smaller spectral_radius."
            )
        self.cold_states = tuple(np.split(total / n, dynamics.reservoir.begin[1:-1]))


@dataclass(frozen=True, eq=False)
class ESNLearner(OfLags, Learner):
    """The parameters of an echo state network, parsed, and the solution for its readout.

    sizes, radii, leaks : of each layer.   forgetting : of recursive least squares, or None for ridge.
    """

    input_lags: tuple
    output_lags: tuple
    sizes: tuple
    radii: list
    leaks: list
    loss: object
    forgetting: float | None

    @property
    def is_squared(self):
        """Whether the loss is a sum of squares."""
        return self.loss is squared

    @property
    def columns(self):
        """Which of 1, v, x and x^2 the readout sees."""
        p = self.p
        return np.array([p.readout_bias, p.readout_input, True, p.readout_squares])

    def net(self, D, O):
        """Return the widths themselves; the reservoir is drawn when learning begins."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        resolve_loss(self.p.loss, O)
        return D, O

    # ---------------------------------------------------------------------------------- reservoir

    def _draw(self, D, O, rng):
        """Draw a reservoir; returns it, and its matrices W and U."""
        p, sizes, draw = self.p, self.sizes, DISTRIBUTIONS[self.p.weight_distribution]
        R = sum(sizes)
        if p.W is None:
            W, U = self._links(rng, draw)
        else:
            W, U = sparse.csr_array(p.W).astype(np.float64), sparse.csr_array((R, R))
        pairs = zip(self._scaling(D, O), (self.input_lags, self.output_lags))
        scaling = np.concatenate([np.tile(size, len(lags)) for size, lags in pairs])
        W_in = np.zeros((R, len(scaling)))
        if p.W_in is None:
            reached = min(sizes[0], max(REACHED, round(p.input_connectivity * sizes[0])))
            for column, size in zip(W_in.T, scaling):
                column[rng.permutation(sizes[0])[:reached]] = size * draw(rng, reached)
        elif np.shape(p.W_in) == (sizes[0], len(scaling)):
            W_in[: sizes[0]] = p.W_in
        else:
            raise ValueError(
                f"W_in has the shape {np.shape(p.W_in)}: give {(sizes[0], len(scaling))}, a row for each unit (of the "
                "first layer) and a column for each lag of each input and then of each output."
            )
        b = p.bias_scaling * draw(rng, R)
        leak = np.repeat(self.leaks, sizes)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        return pack(W, U, begin, leak, ACTIVATIONS[p.activation], W_in, b), (W, U)

    def _links(self, rng, draw):
        """Draw links within the layers and from each to the next, sparse (R, R)."""
        within, between, below = [], [], None
        for n, radius in zip(self.sizes, self.radii):
            groups = [len(g) for g in np.array_split(np.arange(n), self.p.groups)]
            within += [self._group(rng, m, radius, draw) for m in groups]
            if below is not None:
                between += [self._upwards(rng, m, u, draw) for m, u in zip(groups, below)]
            below = groups
        W = sparse.block_diag(within, format="csr")
        U = sparse.csr_array(W.shape)
        if between:
            V = sparse.block_diag(between, format="coo")
            U = sparse.csr_array((V.data, (V.row + self.sizes[0], V.col)), shape=W.shape)
        return W, U

    def _group(self, rng, n, radius, draw):
        """Draw links within a group of n units."""
        if self.p.topology == "random":
            return random_reservoir(rng, n, self._n_links(n), radius, draw)
        return chain(n, radius, self.p.topology == "cycle")

    def _upwards(self, rng, n, below, draw):
        """Draw links into n units from those below; they add up to about the size of one state."""
        k = self._n_links(below)
        return random_links(rng, n, below, k, draw) * (1 / np.sqrt(k))

    def _n_links(self, n):
        """Return the number of links of a unit, of n possible ones."""
        connectivity = self.p.connectivity
        if isinstance(connectivity, (int, np.integer)):
            return min(int(connectivity), n)
        return max(1, round(connectivity * n))

    def _scaling(self, D, O):
        """Return the sizes of the weights of each input (D,) and of each output (O,)."""
        p, size = self.p, self._size(D)
        F = D // filled_width(p.missing, 1)
        fed = np.mean(size) if p.feedback_scaling is None else p.feedback_scaling
        sizes = {"input_scaling": (size, F), "feedback_scaling": (fed, O)}
        for name, (value, n) in sizes.items():
            if np.ndim(value) and np.shape(value) != (n,):
                raise ValueError(f"{name}={value!r}: give one number, or {n}, one for each column.")
        inputs, outputs = (np.broadcast_to(np.asarray(value, float), n) for value, n in sizes.values())
        return np.resize(inputs, D), outputs  # an indicator column gets the scaling of its input

    def _size(self, D):
        """Return the size of the weights of D inputs: one number, or one for each column."""
        given = self.p.input_scaling
        return SCALING[D > 0 and self.wants_inputs] if given is None else given

    def _drawn_size(self, D):
        """Return the same; None where W_in was not drawn."""
        return self._size(D) if self.p.W_in is None else None

    # ---------------------------------------------------------------------------------- learning

    def learn(self, net, series, mean, rng, before=None):
        """Draw a reservoir, follow the series, solve for the readout."""
        check_enough_rows(type(self.p).__name__, max((*self.input_lags, *self.output_lags)), series)
        finds = self._finds_scaling(net[0])
        return (self._scaled(net, series, mean, rng) if finds else self)._learn_rows(net, series, mean, rng)

    def _learn_rows(self, net, series, mean, rng):
        """As ``learn``, with the sizes of weights given."""
        dynamics = self._reservoir(net, series, mean, rng)
        weights = self._weights(series, dynamics.lead)
        fed = [s.Y for s in series]
        if self.output_lags and any(np.isnan(Y).any() for Y in fed):
            # First a readout from what was known last, then one from the values that it gives.
            dynamics, *_ = self._read(dynamics, series, [_held(Y) for Y in fed], weights, rng)
            fed = [Y.copy() for Y in fed]
        dynamics, readout, curve, ends = self._read(dynamics, series, fed, weights, rng, last=True)
        if not self.is_squared and curve[0] > EXACT:
            dynamics, readout, curve, ends = self._reweigh(
                dynamics, readout, curve[0], series, fed, weights, rng
            )
        probe = series[0].X[:MAX_MEMORY].copy(), _held(series[0].Y[:MAX_MEMORY])
        return Trained(
            dynamics,
            len(curve),
            curve,
            [],
            readout._replace(probe=probe, scaling=self._drawn_size(net[0])),
            ends,
        )

    def _reservoir(self, net, series, mean, rng):
        """Draw the reservoir that is to follow the series, with a readout of zeros."""
        (D, O), p = net, self.p
        reservoir, matrices = self._draw(D, O, rng)
        dynamics = EchoState(
            np.zeros(0),
            reservoir,
            matrices,
            self.input_lags,
            self.output_lags,
            self.columns,
            O,
            FAR * max(np.nanmax(np.abs(s.Y), initial=0) for s in series),
            mean,
            float(p.noise),
            is_squared=self.is_squared,
            **(self._held_early(series) if self.output_lags or self.p.washout != "auto" else {}),
        )
        return dynamics.but(theta=np.zeros(dynamics.n_columns * O))

    def _held_early(self, series):
        """Return how many rows from rest outputs are held, and where: the range of training, and a quarter more.

        Of a y that never changed there is no such range.
        """
        Y = np.concatenate([s.Y for s in series])
        low, high = (
            f(Y, axis=0, initial=-e, where=np.isfinite(Y)) for f, e in ((np.min, -np.inf), (np.max, np.inf))
        )
        room = np.where(high > low, ROOM * (high - low), np.inf)
        return {"early": max(self._washout(len(s.Y)) for s in series), "near": (low - room, high + room)}

    def _washout(self, n):
        """Return the rows of the washout of a series of n."""
        return min(WASHOUT, n // 10) if self.p.washout == "auto" else self.p.washout

    def _finds_scaling(self, D):
        """Whether the size of input weights, of D inputs, is left to the data."""
        return self.p.input_scaling is None and self.p.W_in is None and bool(D) and self.wants_inputs

    def _scaled(self, net, series, mean, rng):
        """Return the learner with the size of input weights that errs least on stretches left out, each in turn.

        A reservoir that is hardly driven is a linear filter, and one that is driven hard forgets. Evidence misjudges
        them, since more states explain the training rows; and of the errors the geometric mean, or the one stretch
        that is hardest would choose alone. Few units tell as well as many. What feeds itself is judged by free runs.
        """
        washed = self._washed(series, max((*self.input_lags, *self.output_lags)))
        folds, most = _stretches(series, washed, bool(self.output_lags)), max(UNITS, self.p.groups)
        few = tuple(min(n, most) for n in self.sizes) if self.p.W is None else self.sizes
        sized, errors, start = self._of_each_scaling(), [], rng.get_state()
        for learner in sized:
            errors.append(replace(learner, sizes=few)._error_left_out(net, folds, mean, rng))
            rng.set_state(start)
        return sized[int(np.argmin(errors))]

    def _of_each_scaling(self):
        """List the learner with each size of input weights."""
        return [replace(self, p=with_parameters(self.p, input_scaling=size)) for size in SCALINGS]

    def _error_left_out(self, net, folds, mean, rng):
        """Mean logarithm of the squared errors on each of the folds, lists of ``Series``, by what the others teach."""
        dynamics, p = self._reservoir(net, [s for fold in folds for s in fold], mean, rng), self.p
        sums, errors = [self._sums_of(dynamics, fold) for fold in folds], []
        total = sum(sums[1:], start=sums[0])
        if not np.isfinite(total.gram).all():
            return np.inf
        alpha = likely_alpha(list(total.normal()), p.readout_bias) if p.alpha in ("auto", 0) else p.alpha
        for fold, of_fold in zip(folds, (part.split(len(total.weight)) for part in sums)):
            others = total._replace(gram=total.gram - of_fold.gram, weight=total.weight - of_fold.weight)
            if min(*others.weight, *of_fold.weight) <= 0:
                continue
            theta = self._solve(others, evidence=alpha)[1]
            if self.output_lags:
                error, _ = free_error(dynamics.but(theta=theta), fold, [_held(s.Y) for s in fold])
            else:
                W = theta.reshape(total.P, total.O)
                judged = (squared_error(n, W[:, n.outputs]) / n.weight for n in of_fold.normal())
                error = np.concatenate(list(judged))
            errors.append(np.log(error + NEGLIGIBLE).mean())
        return np.mean(errors) if errors else 0.0

    def _sums_of(self, dynamics, fold):
        """Sum over the rows of some series, each from rest."""
        sums = no_sums(dynamics.n_columns, dynamics.n_outputs)
        for s in fold:
            for t, V, S, _ in dynamics.blocks(s.X, _held(s.Y), dynamics.first(), read=False):
                rows = slice(t, t + len(V))
                sums = add_rows(sums, self.columns, V, S, s.Y[rows], np.flatnonzero(s.w[rows]), s.w[rows])
        return sums

    def _weights(self, series, lead):
        """Weigh each row of each series."""
        # Of states on the way from rest a readout would else know nothing, and answer anything.
        share = WASHED[len(series) > 1] if self.p.washout == "auto" and not self.output_lags else 0.0
        after, weights = sum(len(s.Y) for s in series), self._washed(series, lead, share)
        if not any(w.any() for w in weights):
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {lead} rows of the lags "
                f"and washout={self.p.washout!r}: give a smaller washout, shorter lags or more rows."
            )
        for w in weights if self.forgetting is not None else ():
            after -= len(w)
            w *= self.forgetting ** (after + np.arange(len(w) - 1.0, -1.0, -1.0))
        return weights

    def _washed(self, series, lead, share=0.0):
        """Weigh the rows of each series that are measured, those of the washout by a share."""
        weights = []
        for s in series:
            w = self._counted(s)
            w[: self._washout(len(s.Y))] *= share
            w[:lead] = 0.0
            weights.append(w)
        return weights

    def _counted(self, series):
        """Weigh the rows of a series, (N,), 0 where y is unknown; recursive least squares needs all of a row's y."""
        measured = np.isfinite(series.Y)
        counts = measured.any(axis=1) if self.forgetting is None else measured.all(axis=1)
        return np.where(counts, series.w, 0.0)

    def _read(self, dynamics, series, fed, weights, rng, last=False):
        """Solve for the readout in one pass; ``fed`` : what the lags of y see of each series.

        Returns the dynamics, the ``Readout``, the loss curve and the memories at the ends.   last : whether it is the
        readout to keep, so that its free runs matter.
        """
        harvest = Harvest(self, dynamics, series, fed, weights, rng)
        sums, search = self._sums(dynamics, harvest)
        dynamics = dynamics.but(cold_states=harvest.cold_states)
        readout, theta, loss = self._solve(sums, search)
        if last and self.output_lags and self._by_evidence:
            readout, theta, loss = self._steady(dynamics, series, fed, sums, (readout, theta, loss))
        return dynamics.but(theta=theta), readout, [loss], harvest.ends

    @property
    def _by_evidence(self):
        """Whether the penalty is left to the evidence."""
        return isinstance(self.p.alpha, str) and self.p.alpha == "auto"

    def _steady(self, dynamics, series, fed, sums, solved):
        """Choose the penalty of most evidence or, by free runs over the training rows, a multiple by powers of ten.

        Evidence knows one step ahead alone: where y is smooth, weights grow that a free run amplifies.  Where less
        would let some run go astray, ten times what was enough for those that were tried: others will be made.
        """
        trials, errors, lost, best = [solved], [], [], 0
        for decade in range(CAUTION + 1):
            if decade:
                trials.append(self._solve(sums, caution=10.0**decade, evidence=solved[0].alpha))
            error, astray = free_error(dynamics.but(theta=trials[-1][1]), series, fed)
            errors.append(error)
            lost.append(astray)
            if error < GAIN * errors[best]:
                best = decade
            elif decade and not any(lost[-2:]):
                break
        wary = best and lost[best - 1] and not lost[min(best + 1, len(lost) - 1)]
        return trials[min(best + 1, len(trials) - 1) if wary else best]

    def _sums(self, dynamics, harvest):
        """Sum over all rows; returns sums, and the result of a search for the penalty, or None."""
        sums = no_sums(dynamics.n_columns, dynamics.n_outputs)
        for s, rows, w, V, S, _ in harvest:
            sums = add_rows(sums, self.columns, V, S, s.Y[rows], np.flatnonzero(w), w)
        return sums, None

    def _solve(self, sums, search=None, caution=1.0, evidence=None):
        """Solve sums over time; returns ``Readout``, theta and the loss.   evidence : the penalty of most, if known."""
        p, normals = self.p, list(sums.normal())
        alpha = self._penalty(normals, search, caution) if evidence is None else evidence * caution
        W, sse = np.empty((sums.P, sums.O)), 0.0
        for normal in normals:
            W[:, normal.outputs] = ridge(normal, alpha, p.readout_bias)
            sse += squared_error(normal, W[:, normal.outputs]).sum() / normal.weight
        loss, kept = float(sse / sums.O / 2), {"bias": p.readout_bias, "caution": caution}
        if self.forgetting is None:
            return Readout(sums, None, np.inf, alpha, search, **kept), W.ravel(), loss
        inverse = ridge(normals[0]._replace(ZY=np.eye(sums.P)), alpha, p.readout_bias)
        return Readout(None, inverse, GROWTH * float(np.trace(inverse)), alpha, **kept), W.ravel(), loss

    def _penalty(self, normals, search, caution):
        """Return the penalty alpha."""
        p = self.p
        return likely_alpha(normals, p.readout_bias) * caution if self._by_evidence else float(p.alpha)

    def _reweigh(self, dynamics, readout, mean_loss, series, fed, weights, rng):
        """Refine the least-squares readout for another loss, by iteratively reweighted least squares."""
        p, loss, seed, rounding = self.p, self.loss, rng.randint(2**31), ROUNDING * mean_loss
        P, O, losses, alpha, total = dynamics.n_columns, dynamics.n_outputs, [], readout.alpha, 0.0
        free = np.repeat(np.arange(P) < p.readout_bias, O)
        harvest = None

        def step(theta):
            nonlocal alpha, total, harvest
            value, pull, squares, total = 0.0, 0.0, 0.0, 0.0
            sums = [no_sums(P, 1) for _ in range(O)]
            again = check_random_state(seed)  # the same noise in every pass
            harvest = Harvest(self, dynamics.but(theta=theta), series, fed, weights, again, read=True)
            for s, rows, w, V, S, out in harvest:
                valid, slope = np.isfinite(s.Y[rows]), np.empty((len(V), 1, O))
                Y, w = np.where(valid, s.Y[rows], out), np.where(valid, w[:, None], 0.0)
                value += loss(out[:, None], Y.ravel(), w.ravel(), np.zeros(1, np.int64), slope)
                pull += np.sum(slope[:, 0] * (out - Y))
                squares += np.sum(w * (out - Y) ** 2)
                total += w.sum()
                share, shift = loss.parabola(Y - out, rounding)
                counts = np.flatnonzero(w.any(axis=1))
                add_weighted_rows(sums, self.columns, V, S, Y + shift, counts, w * share)
            if p.alpha == "auto" and not losses:
                # The same prior on the weights, where errors have the density exp(-loss / c).
                alpha *= pull / squares
            losses.append(value)
            W = [ridge(normal, alpha, p.readout_bias) for of_output in sums for normal in of_output.normal()]
            return value + alpha / 2 * np.sum(theta[~free] ** 2), np.hstack(W).ravel()

        theta, _ = reweighted(step, dynamics.theta)
        dynamics = dynamics.but(theta=theta, cold_states=harvest.cold_states)
        curve = [value / total for value in losses]
        return dynamics, readout._replace(alpha=alpha, sums=None), curve, harvest.ends

    def learn_whole(self, net, series, mean, rng, before=None):
        """Draw a reservoir, follow the series, solve for the readout of what it sees of each, pooled.

        With the size of input weights that is best for series left out, unless it is given: shapes that tell series
        apart may be beyond what a nearly linear reservoir sees, or lost in one that is driven hard, and the pass over
        the series is cheap.
        """
        if not self._finds_scaling(net[0]):
            return self._learn_pooled(net, series, mean, rng)[0]
        attempts, start = [], rng.get_state()
        for learner in self._of_each_scaling():
            attempts.append(learner._learn_pooled(net, series, mean, rng))
            rng.set_state(start)
        return min(attempts, key=itemgetter(1))[0]

    def _learn_pooled(self, net, series, mean, rng):
        """As ``learn_whole``, with the sizes of weights given; returns ``Trained``, and errors on series left out."""
        (D, O), p = net, self.p
        if not self.is_squared:
            raise ValueError(f"loss={p.loss!r} is for a y a row: give loss='squared' for one a series.")
        if p.readout_squares and p.pooling != "last":
            raise ValueError("readout_squares=True goes with pooling='last' only: give either of them.")
        reservoir, matrices = self._draw(D, O, rng)
        dynamics = EchoState(
            np.zeros(0), reservoir, matrices, self.input_lags, self.output_lags, self.columns, O, FAR, mean
        )
        dynamics = dynamics.but(theta=np.zeros(dynamics.n_columns * O))
        V, S = np.empty((len(series), len(reservoir.W_in))), np.empty((len(series) + 1, reservoir.R))
        Y, w, first = (
            np.array([s.Y[-1] for s in series]),
            np.array([s.w[-1] for s in series]),
            dynamics.first(),
        )
        with progress(p.verbose, type(p).__name__, len(series)) as tell:
            for k, s in enumerate(series):
                total_v, total_s = 0.0, 0.0
                for _, v, states, _ in dynamics.blocks(s.X, s.Y, first, read=False):
                    total_v, total_s = total_v + v.sum(axis=0), total_s + states[1:].sum(axis=0)
                    last_v, last_s = v[-1].copy(), states[-1].copy()
                n = len(s.Y)
                V[k], S[k + 1] = (total_v / n, total_s / n) if p.pooling == "mean" else (last_v, last_s)
                if tell is not None:
                    tell(f"series: {k + 1} of {len(series)}")
        w = np.where(np.isfinite(Y).any(axis=1), w, 0.0)
        # What differs between series is small beside what they share: a penalty wants it in its own units.
        centers, scales = zip(*(self._spread(A[w > 0]) for A in (V, S[1:])))
        V, S[1:] = (V - centers[0]) / scales[0], (S[1:] - centers[1]) / scales[1]
        sums = no_sums(dynamics.n_columns, O)
        counts = np.flatnonzero(w)
        sums = add_rows(sums, self.columns, V, S, Y, counts, w)
        readout, theta, loss = self._solve(sums)
        Z, known = feature_rows(self.columns, V, S, Y, counts)
        out = self._left_out(sums, readout.alpha, theta, (Z, known, w[counts]))
        errors = p._errors_left_out(known, out, w[counts])
        dynamics = dynamics.but(theta=theta.copy())
        c, Wv, Wx, _ = dynamics.readout()  # views
        for W, center, scale in ((Wv, centers[0], scales[0]), (Wx, centers[1], scales[1])):
            if len(W):
                W /= scale[:, None]
                c -= center @ W
        theta = dynamics.theta
        readout = readout._replace(scaling=self._drawn_size(D))
        return Trained(Pooled(theta, dynamics, p.pooling), 1, [loss], [], readout), errors

    def _left_out(self, sums, alpha, theta, rows):
        """Answers (S, O) to series by readouts that learnt all others: y - (y - Z W) / (1 - h), h the leverages [6].

        rows : Z (S, P), y (S, O), weights (S,).
        """
        Z, Y, w = rows
        errors = Y - Z @ theta.reshape(sums.P, sums.O)
        for normal in sums.normal():
            reach = ridge(normal._replace(ZY=np.ascontiguousarray(Z.T)), alpha, self.p.readout_bias)
            h = w * np.einsum("sp,ps->s", Z, reach)
            errors[:, normal.outputs] /= np.maximum(1 - h, LEAST_FREE)[:, None]
        return Y - errors

    def _spread(self, A):
        """Center (M,) and scale (M,) of what the readout sees of series, A (S, M): 0 and 1 where squares are seen."""
        if self.p.readout_squares:
            return np.zeros(A.shape[1]), np.ones(A.shape[1])
        scale = A.std(axis=0)
        center = A.mean(axis=0) if self.p.readout_bias else np.zeros(A.shape[1])
        return center, np.where(scale > 1e-12, scale, 1.0)

    def fade(self, trained, share):
        """Return what was learnt, whose sums count for so much less."""
        if self.forgetting is not None:
            raise ValueError(
                f"forgetting beside solver={self.p.solver!r}, which has its own: set that, or give solver='ridge'."
            )
        sums = trained.carry.sums
        sums = sums._replace(gram=share * sums.gram, weight=share * sums.weight)
        return trained._replace(carry=trained.carry._replace(sums=sums))

    def learn_more(self, trained, series, memory, rng):
        """Add rows to the sums, or follow them by recursive least squares."""
        dynamics, readout = trained.dynamics, trained.carry
        w, Y = self._counted(series), series.Y.copy()
        theta, sums, inverse = dynamics.theta.copy(), readout.sums, readout.inverse
        if self.forgetting is None:
            sums = sums._replace(gram=sums.gram.copy(), weight=sums.weight.copy())
        else:
            inverse = inverse.copy()
        noise = rng if dynamics.noise else None
        for t, V, S, _ in dynamics.blocks(series.X, Y, memory, noise, read=False):
            rows = slice(t, t + len(V))
            counts = np.flatnonzero(w[rows])
            block = self.columns, V, S, series.Y[rows], counts
            if self.forgetting is None:
                sums = add_rows(sums, *block, w[rows])
            else:
                self._track(*feature_rows(*block), w[rows][counts], readout.most, inverse, theta)
        if self.forgetting is not None:
            return trained._replace(
                dynamics=dynamics.but(theta=theta), carry=readout._replace(inverse=inverse)
            )
        solved, theta, loss = self._solve(sums, readout.search, readout.caution)
        carry = solved._replace(probe=readout.probe, scaling=readout.scaling)
        return trained._replace(dynamics=dynamics.but(theta=theta), loss_curve=[loss], carry=carry)

    def _track(self, Z, Y, w, most, inverse, theta):
        """Recursive least squares over rows Z (M, P), Y (M, O) of weights w; inverse and theta in place."""
        W = theta.reshape(-1, Y.shape[1])
        at_once = max(1, int(1e8 / len(W) ** 2))
        for m in range(0, len(Z), at_once):
            rows = slice(m, m + at_once)
            recurse(Z[rows], Y[rows], w[rows], self.forgetting, most, inverse, W)


class EchoStateNetwork:
    """What the estimators around a reservoir share."""

    def _errors_left_out(self, Y, out, w):
        """How wrong answers ``out`` (S, O) are, of weights w (S,): a tuple, the first of which counts most."""
        return (float(np.sum(w[:, None] * np.nan_to_num(Y - out) ** 2)),)

    # ---------------------------------------------------------------------------------- parameters

    def _learner(self):
        """Check the parameters; an ``ESNLearner`` holds them parsed."""
        lags = parse_lags(self.input_lags, "input_lags", 0), parse_lags(self.output_lags, "output_lags", 1)
        self._check_matrices()
        sizes = self._sizes()
        radii = self._per_layer("spectral_radius", len(sizes), 0, default=RADIUS)
        leaks = self._per_layer("leak_rate", len(sizes), 0, 1, low_open=True)
        if isinstance(self.connectivity, (int, np.integer)):
            check_number("connectivity", self.connectivity, 1, integer=True)
        else:
            check_number("connectivity", self.connectivity, 0, 1, low_open=True)
        check_number("input_connectivity", self.input_connectivity, 0, 1, low_open=True)
        for name in ("bias_scaling", "noise"):
            check_number(name, getattr(self, name), 0)
        for name in ("input_scaling", "feedback_scaling"):
            for v in np.ravel(getattr(self, name)):
                if v is not None:
                    check_number(name, v, 0)
        check_number("groups", self.groups, 1, integer=True)
        check_word("activation", self.activation, ACTIVATIONS)
        check_word("topology", self.topology, TOPOLOGIES)
        check_word("weight_distribution", self.weight_distribution, DISTRIBUTIONS)
        if "pooling" in self._get_param_names():
            check_word("pooling", self.pooling, ("last", "mean"))
        if min(sizes) < self.groups:
            raise ValueError(
                f"groups={self.groups!r} cannot share n_reservoir={self.n_reservoir!r}: give at least one unit a group."
            )
        loss, forgetting = self._solution()
        if not (isinstance(self.washout, str) and self.washout == "auto"):
            check_number("washout", self.washout, 0, integer=True)
        for name in ("readout_bias", "readout_input", "readout_squares"):
            check_flag(name, getattr(self, name))
        check_verbose(self.verbose)
        return self._learns(self, *lags, sizes, radii, leaks, loss, forgetting)

    _learns = ESNLearner

    def _solution(self):
        """Return the loss, and the forgetting of recursive least squares or None; raise where they do not fit."""
        loss = resolve_loss(self.loss)
        if not (loss is squared or has_parabola(self.loss)):
            raise ValueError(
                f"loss={self.loss!r} has no method parabola(e, rounding), and a readout is solved for by that: give it "
                "one, or another loss."
            )
        if not (isinstance(self.alpha, str) and self.alpha == "auto"):
            check_number("alpha", self.alpha, 0)
        if isinstance(self.solver, str) and self.solver == "ridge":
            return loss, None
        if isinstance(self.solver, type) or not hasattr(self.solver, "forgetting"):
            steps = hasattr(self.solver, "minimize") and not isinstance(self.solver, type)
            why = "goes step by step, and so " if steps else ""
            raise ValueError(
                f"solver={self.solver!r} {why}does not solve for a readout, which is linear: give 'ridge' or "
                "RecursiveLeastSquares()."
            )
        check_number("forgetting", self.solver.forgetting, 0, 1, low_open=True)
        if loss is not squared:
            raise ValueError(
                f"solver={self.solver!r} is for sums of squares, but loss={self.loss!r}: give solver='ridge', or "
                "loss='squared'."
            )
        return loss, float(self.solver.forgetting)

    def _check_matrices(self):
        """Raise where W or W_in is no matrix for a reservoir."""
        for name, A in (("W", self.W), ("W_in", self.W_in)):
            if A is None:
                continue
            shape = np.shape(A)
            if len(shape) != 2 or (name == "W" and shape[0] != shape[1]):
                raise ValueError(
                    f"{name} has the shape {shape}: give a {'square ' if name == 'W' else ''}matrix."
                )
            values = sparse.csr_array(A).data if sparse.issparse(A) else np.asarray(A, float)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds a NaN or infinity: give finite weights.")

    def _sizes(self):
        """Return the units of each layer."""
        if self.W is not None:
            return self._size_of_W()
        if self.n_reservoir is None:
            return (UNITS,)
        layered = isinstance(self.n_reservoir, (tuple, list, np.ndarray))
        sizes = self.n_reservoir if layered else (self.n_reservoir,)
        if len(sizes) == 0:
            raise ValueError("n_reservoir=() has no layer: give an int >= 1, or one for each layer.")
        for n in sizes:
            check_number("n_reservoir", n, 1, integer=True)
        return tuple(int(n) for n in sizes)

    def _size_of_W(self):
        """Return the units of a W that was given; raise where other parameters contradict it."""
        n = np.shape(self.W)[0]
        if self.n_reservoir is not None and np.ravel(self.n_reservoir).tolist() != [n]:
            raise ValueError(f"n_reservoir={self.n_reservoir!r}, but W has {n} units: leave n_reservoir out.")
        if self.spectral_radius is not None:
            raise ValueError(
                f"spectral_radius={self.spectral_radius!r} is for a W that is drawn, but W was given and is taken as "
                "it is: scale it, or leave one of them out."
            )
        return (n,)

    def _per_layer(self, name, n, low=None, high=None, default=None, **kw):
        """Check a parameter that is a number, or one number for each of n layers; returns a list."""
        value = getattr(self, name)
        value = default if value is None else value
        values = list(value) if np.iterable(value) and not isinstance(value, str) else [value] * n
        for v in values:
            check_number(name, v, low, high, **kw)
        if len(values) != n:
            raise ValueError(
                f"{name}={value!r} has {len(values)} numbers for {n} layers: give one, or one for each."
            )
        return [float(v) for v in values]

    # ---------------------------------------------------------------------------------- attributes

    @property
    def alpha_(self):
        """The penalty used."""
        return self._trained().carry.alpha

    @property
    def input_scaling_(self):
        """The size of the input weights."""
        return self._trained().carry.scaling

    @property
    def memory_length_(self):
        """Steps until the states from zeros and from the mean state are within 1% of their first distance."""
        trained = self._trained()
        dynamics, (X, Y) = trained.dynamics, trained.carry.probe
        first, cold = dynamics.first(), dynamics.cold()
        start = np.linalg.norm(np.concatenate(cold.states))
        runs = [dynamics.blocks(X, Y, memory, read=False, length=32) for memory in (first, cold)]
        last = 0
        for (t, _, S, _), (_, _, S_cold, _) in zip(*runs):
            apart = np.flatnonzero(np.linalg.norm(S[1:] - S_cold[1:], axis=1) > 0.01 * start)
            if len(apart) == 0:
                return last
            last = t + int(apart[-1]) + 1
        return last if last < len(Y) else np.inf

    @property
    def params_(self):
        """The reservoir's matrices and the readout's weights, a named tuple; see ``Parameters``."""
        dynamics = self._dynamics()
        net, readout = dynamics.reservoir, dynamics.theta.reshape(-1, dynamics.n_outputs)
        return Parameters(net.W_in.T.copy(), *dynamics.matrices, net.b.copy(), readout.T.copy())

    # ---------------------------------------------------------------------------------- diagnostics

    @of_one_state
    def states(self, X, y=None, *, start=None):
        """Return the states of the reservoir along a series.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs, for the lags of y; without them the model feeds itself.
        start : as for ``predict``

        Returns
        -------
        states : ndarray of shape (n_timesteps, n_units)
            x(t), the units of the first layer first; a list, or (n_series, n_timesteps, n_units), where X is one.

        Examples
        --------
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> ESNRegressor(50, random_state=0).fit(X[:500], y[:500]).states(X[500:]).shape
        (100, 50)
        """
        table, entered = self._enter_all(X, y, start)
        shape = len(table.X), self._dynamics().reservoir.R
        check_memory("The states", shape, "fewer rows of X at a time")
        fitted, states = self.fitted_, np.empty(shape)
        dynamics = fitted.trained.dynamics
        for part, (X, Y, stretches, past) in zip(table.parts, entered):
            of_part = states[part.rows]
            for rows, missing in stretches:
                memory, fed = across(dynamics, fitted.units, past, missing).memory, Y[rows].copy()
                for t, _, S, _ in dynamics.blocks(X[rows], fed, memory, read=False):
                    of_part[rows][t : t + len(S) - 1] = S[1:]
                past = past._replace(memory=dynamics.after(X[rows], fed, memory, S[-1]))
        return table.give_back(states)

    def eigenvalues(self):
        """Return the eigenvalues of (1 - a) I + a W, the linear part of a step.

        Returns
        -------
        eigenvalues : ndarray of shape (n_units,), complex

        Examples
        --------
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> model = ESNRegressor(50, leak_rate=1.0, spectral_radius=0.8, random_state=0).fit(X, y)
        >>> round(float(abs(model.eigenvalues()).max()), 6)
        0.8
        """
        dynamics = self._dynamics()
        W, leak = dynamics.matrices[0].toarray(), dynamics.reservoir.leak
        return np.linalg.eigvals(np.diag(1 - leak) + leak[:, None] * W).astype(complex)

    @of_one_state
    def memory_capacity(self, max_delay=None, *, n_timesteps=None, random_state=0):
        """Measure how well the reservoir remembers: noise from k steps ago, read from its states [1]_.

        White noise of unit variance enters by the first column of W_in, alone; linear readouts are fitted to the
        noise of k = 1, 2 ... steps before on one half of the steps, and judged on the other.

        Parameters
        ----------
        max_delay : int, optional
            By default as many as there are units.
        n_timesteps : int, optional
            How many steps; by default 6000, or as many as such delays need.
        random_state : int, RandomState or None, default=0
            For the noise.

        Returns
        -------
        r2 : ndarray of shape (max_delay,)
            Squared correlations. Their sum, the memory capacity, is at most the number of units.

        References
        ----------
        .. [1] H. Jaeger. "Short term memory in echo state networks." GMD Report 152, 2001.

        Examples
        --------
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> model = ESNRegressor(50, random_state=0).fit(X, y)
        >>> bool(0 < model.memory_capacity(60).sum() < 50)
        True
        """
        dynamics = self._dynamics()
        net = dynamics.reservoir
        K = net.R if max_delay is None else max_delay
        check_number("max_delay", K, 1, integer=True)
        n_timesteps = max(6000, 4 * K + 200) if n_timesteps is None else n_timesteps
        check_number("n_timesteps", n_timesteps, 4 * K + 200, integer=True)
        u = np.sqrt(3) * check_random_state(random_state).uniform(-1, 1, n_timesteps)
        halves = [no_sums(net.R + 1, K) for _ in range(2)]
        first, middle = max(K, WASHOUT), (n_timesteps + max(K, WASHOUT)) // 2
        state, parts = np.zeros(net.R), np.array([True, False, True, False])
        for t in range(0, n_timesteps, LEAST):
            V = np.zeros((min(LEAST, n_timesteps - t), len(net.W_in)))
            V[:, 0] = u[t : t + len(V)]
            S = dynamics.driven(V, state)
            steps = np.arange(t, t + len(V))
            delayed = u[np.maximum(steps[:, None] - np.arange(1, K + 1), 0)]
            for k, half in enumerate(((steps >= first) & (steps < middle), steps >= middle)):
                halves[k] = add_rows(halves[k], parts, V, S, delayed, np.flatnonzero(half), half * 1.0)
            state = S[-1]
        (fitted,), (judged,) = (half.normal() for half in halves)
        W, n = ridge(fitted, 1e-8 * fitted.weight, True), judged.weight
        mean, mean_y = judged.ZZ[0] @ W / n, judged.ZY[0] / n
        covariance = np.sum(W * judged.ZY, axis=0) / n - mean * mean_y
        variance = np.sum(W * (judged.ZZ @ W), axis=0) / n - mean**2
        return covariance**2 / np.maximum(variance * (judged.yy / n - mean_y**2), np.finfo(float).tiny)

    @of_one_state
    def lyapunov_exponent(self, X, y=None, *, start=None):
        """Estimate the conditional Lyapunov exponent: how fast two states with one drive converge or diverge [1]_.

        Parameters
        ----------
        X, y, start : as for ``states``

        Returns
        -------
        exponent : float
            Per step, natural logarithm. Below 0 the reservoir forgets its start (the echo state property) along
            this series; above 0 it does not, and no forecast is to be trusted.

        References
        ----------
        .. [1] L. M. Pecora, T. L. Carroll. "Synchronization in chaotic systems." Physical Review Letters 64(8), 1990.

        Examples
        --------
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> model = ESNRegressor(50, random_state=0).fit(X[:500], y[:500])
        >>> model.lyapunov_exponent(X[500:]) < 0
        True
        """
        X, Y, _, past = self._enter(X, y, start)
        dynamics = self._dynamics()
        apart = np.random.default_rng(0).normal(size=dynamics.reservoir.R)
        apart /= np.linalg.norm(apart)
        total, small = 0.0, 1e-7
        for _, V, S, _ in dynamics.blocks(X, Y, past.memory, read=False):
            for t in range(len(V)):
                apart = dynamics.driven(V[t : t + 1], S[t] + small * apart)[1] - S[t + 1]
                size = np.linalg.norm(apart)
                if size == 0:  # they have met
                    return -np.inf
                total += np.log(size / small)
                apart /= size
        return float(total / len(Y))


class ESNRegressor(ReservoirParameters, EchoStateNetwork, SequenceRegressor):
    """Echo state network: a fixed random reservoir, and a readout by ridge regression.

    x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b) and y(t) = W_out [1, v(t), x(t)], where v(t) holds the
    inputs and outputs at their lags. Only W_out is learnt [1]_: a fit is one pass over the series, and one solution of
    normal equations. With ``output_lags`` the net feeds itself, and generates chaos [2]_.

    Attributes
    ----------
    alpha_ : float
        The penalty used.

    See Also
    --------
    ESNRegressorCV : chooses ``alpha`` by cross-validation, in the time of a fit and a half.
    ElmanRegressor : learns the recurrence, too.

    References
    ----------
    .. [1] H. Jaeger. "The 'echo state' approach to analysing and training recurrent neural networks." GMD Report 148,
       2001.
    .. [2] H. Jaeger, H. Haas. "Harnessing nonlinearity: predicting chaotic systems and saving energy in wireless
       communication." Science 304(5667), 2004.

    Examples
    --------
    A driven system, and a chaotic one that the net goes on with by itself:

    >>> from tsrnn import ESNRegressor
    >>> from tsrnn.datasets import make_mackey_glass, make_narma
    >>> X, y = make_narma(1500, random_state=0)
    >>> model = ESNRegressor(random_state=0).fit(X[:1200], y[:1200])
    >>> model.predict(X[1200:]).shape  # goes on where training ended
    (300,)
    >>> y = make_mackey_glass(1500, random_state=0)
    >>> ESNRegressor(output_lags=1, random_state=0).fit(None, y).forecast(84).shape
    (84,)
    """

    _warmup = (  # settings that together call every kernel
        {"n_reservoir": 2, "output_lags": 1},
        {"n_reservoir": 2, "solver": RecursiveLeastSquares()},
    )


class ESNClassifier(ReservoirParameters, EchoStateNetwork, SequenceClassifier):
    """Echo state network that labels the rows of a series, or whole series.

    x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b), and ridge regression estimates the classes, 1 for that of
    a row and 0 for others, from [1, v(t), x(t)] [1]_ [2]_. Probabilities are the softmax of these estimates, as
    sharp as fits the rows of training best.

    Attributes
    ----------
    alpha_ : float
        The penalty used.

    See Also
    --------
    ESNRegressor : the same net for numbers.
    ElmanClassifier : learns the recurrence, too.

    References
    ----------
    .. [1] H. Jaeger. "The 'echo state' approach to analysing and training recurrent neural networks." GMD Report 148,
       2001.
    .. [2] H. Jaeger, M. Lukosevicius, D. Popovici, U. Siewert. "Optimization and applications of echo state networks
       with leaky-integrator neurons." Neural Networks 20(3), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import ESNClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = ESNClassifier(100, random_state=0).fit(x[:500, None], y[:500])
    >>> bool(model.score(x[500:, None], y[500:]) > 0.9)  # goes on where training ended
    True
    """

    loss: ClassVar[str] = "squared"

    _warmup = ({"n_reservoir": 2, "output_lags": 1},)

    def _link(self, classes):
        return Link("identity")

    def _errors_left_out(self, Y, out, w):
        """Labels that are wrong, then squared errors."""
        one_of_many = Y.shape[1] > 1 and (Y.sum(axis=1) == 1).all()
        wrong = Y.argmax(axis=1) != out.argmax(axis=1) if one_of_many else ((out > 0.5) != Y).mean(axis=1)
        return float(w @ wrong), *super()._errors_left_out(Y, out, w)

    def _judged(self, form, trained, series):
        """Fit the sharpness of the scores that the readout gives in training."""
        dynamics, n_free, D, Y = trained.dynamics, MAX_SHARPENED, [], []
        if form.whole:
            series = [s for s in series if s.w[-1] > 0]
            D, Y = [2 * dynamics.answer(s.X)[None] - 1 for s in series], [s.Y[-1:] for s in series]
        else:
            for s in series:
                n = min(len(s.Y), max(n_free, 0))
                if n:
                    out, _ = dynamics.run(s.X[:n], s.Y[:n], dynamics.cold())
                    D.append(2 * out - 1)
                    Y.append(np.where(s.w[:n, None] > 0, s.Y[:n], np.nan))
                n_free -= n
        b = sharpness(form.classes, np.concatenate(D), np.concatenate(Y))
        return form._replace(classes=form.classes._replace(sharpness=b))

    def _probabilities(self, fitted, U):
        """Convert estimates U (N, O) to probabilities (N, K), softmax or logistic of the scores 2 u - 1."""
        classes = fitted.form.classes
        return classes.probabilities(shares(classes.link, classes.sharpness * (2 * U - 1)))

    def decision_function(self, X, y=None, *, steps=1, start=None, groups=None):
        """Return the score of each class: 2 u - 1 of the readout's estimate u, positive where more likely than not.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``

        Returns
        -------
        decision : ndarray of shape (n_timesteps,) for two classes, else (n_timesteps, n_classes)
        """
        fitted = self._fitted()
        table, U = self._levels(fitted, X, y, steps, start, groups)
        return table.give_back(2 * (U[:, 0] if fitted.form.classes.n_outputs == 1 else U) - 1)


def _stretches(series, weights, fed):
    """Take stretches from all over the series, about as many rows as are ``TRIED``; returns them by folds.

    Rows that lead to a state count nothing: as many as a stretch may have, before it; or, where y is fed back and soon
    tells the state, its own first tenth.
    """
    longest, pieces, cut = TRIED // STRETCHES, -(-STRETCHES // len(series)), []
    for s, w in zip(series, weights):
        for rows in np.array_split(np.arange(len(w)), pieces):
            if len(rows):
                end = rows[-1] + 1
                first = max(rows[0], end - longest)
                led = slice(first if fed else max(0, first - longest), end)
                counts = w[led].copy()
                counts[: min(WASHOUT, len(counts) // 10) if fed else first - led.start] = 0.0
                cut.append(Series(s.X[led], s.Y[led], counts, s.held[led]))
    cut = cut[:: max(1, sum(np.count_nonzero(s.w) for s in cut) // TRIED)]
    return [cut[k::STRETCHES] for k in range(STRETCHES)]


def _held(Y):
    """Replace NaN in Y (N, O) by the last known value, or the mean."""
    return last_known(np.concatenate([np.zeros((1, Y.shape[1])), Y]), 1)[1:]
