"""Echo state networks: a fixed random reservoir, and a readout by ridge regression.

    x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b)        v(t) = [u at its lags, y at its lags]
    y(t) = W_out [1, v(t), x(t)]

A series is followed ``BLOCK`` steps at a time; of each block only its part of the normal equations remains.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._check import check_flag, check_number
from .._estimators.sequence import SERIES_PARAMETERS, SequenceRegressor, documented
from .._nets.memory import Memory
from .._nets.reservoir import (
    ACTIVATIONS,
    DISTRIBUTIONS,
    chain,
    follow,
    free_runs,
    pack,
    random_links,
    random_reservoir,
)
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
from .._series.lags import parse_lags
from .._training.losses import EXACT, ROUNDING, parabola, resolve_loss, reweighted, squared
from .._training.monitor import progress


BLOCK = 2**16  # steps times units that are followed at a time: bounds the work space
LEAST = 256  # steps followed at a time, at least
RUNS, RUN_ROWS = 256, 2**13  # free runs side by side, and steps of all of them
WASHOUT = 100  # steps that "auto" leaves out, of a long series
REACHED = 10  # units, at least, that an input reaches
SCALING = {True: 0.1, False: 0.5}  # of input weights, with inputs and for a model of y alone
GROWTH = 100  # of the inverse in recursive least squares, until nothing more is forgotten
HUGE = 1e6  # mean of a state that no forecast should come from
FAR = 1000  # times the largest y of training, where what is fed back is held
MAX_MEMORY = 2000  # steps after which the memory of a start is no longer looked for
TOPOLOGIES = ("random", "cycle", "delay_line")
PARAMETERS = """
    spectral_radius : float or sequence of float, default=0.9
        Of W, the largest modulus of its eigenvalues; one number, or one for each layer. With ``leak_rate`` it says how
        slowly states fade; for "cycle" and "delay_line" it is the weight of the links.
    leak_rate : float or sequence of float, default=0.9
        a, in (0, 1]; one number, or one for each layer. Small for series that are slow beside their time step.
    connectivity : int or float, default=10
        Links that come in to each unit (and from the layer below): an int is their number, a float a share of all.
    input_scaling : float or array-like of shape (n_features,), optional
        Size of the input weights, in scaled units: small for memory, large for nonlinearity. By default 0.1, or 0.5
        for a model of y alone.
    input_connectivity : float, default=0.1
        Share of the units that an input reaches (all of them, or 10, if that is more).
    bias_scaling : float, default=0.5
        Size of b.
    input_lags : int or sequence of int, default=0
        An int L stands for x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest.
    output_lags : int or sequence of int, default=0
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive: in training it sees the measured y, or its own value where y is NaN.
    feedback_scaling : float or array-like of shape (n_outputs,), optional
        Size of the weights of the lags of y; by default that of the inputs (their mean).
    noise : float, default=0.0
        Standard deviation of normal noise inside f in training; steadies free runs.
    activation : {"tanh", "relu", "identity", "logistic"}, default="tanh"
        f.
    topology : {"random", "cycle", "delay_line"}, default="random"
        "cycle": each unit is fed by the one before it, the first by the last [5]_; "delay_line": not the first.
    groups : int, default=1
        Reservoirs side by side, without links between them, that share the units of each layer.
    weight_distribution : {"uniform", "normal", "sign"}, default="uniform"
        Of all weights: uniform in [-1, 1], standard normal, or -1 and 1, times their size.
    W : array-like or sparse of shape (n_units, n_units), optional
        Taken as it is, row i the links that come in to unit i; then there is one layer of that size.
    W_in : array-like of shape (n_units, n_columns), optional
        Taken as it is, a column for each input (oldest lag first), then each output (oldest lag first).
    readout_bias, readout_input, readout_squares : bool, default=True, True, False
        Whether the readout sees 1, v(t), and the squares of x(t).
"""
MORE_PARAMETERS = (
    """
    washout : int or "auto", default="auto"
        First rows of each series that the readout does not learn from. "auto": 100, or a tenth of a short series.
    scale : {"standard", "minmax", "robust", None}, default="standard"
        How X and y are scaled inside, learnt from the training rows.
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts. "end": after the last row seen. "cold": from the mean state over training. "zeros":
        from zeros. A tuple: after following that history. "auto" asks the index of X: rows that go on from those
        seen start from the end, also over a short gap, with a warning; the training rows themselves from their own
        start; others cold. Without an index, from the end.
    random_state : int, RandomState or None, default=None
        For the reservoir and the noise.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line for each block of rows.
"""
    + SERIES_PARAMETERS
)
ATTRIBUTES = """
    params_ : named tuple (W_in, W, U, b, W_out)
        All weights, in scaled units; U is what a layer sees of the one below.
    theta_ : ndarray of shape (n_parameters,)
        The weights of the readout.
    memory_length_ : int or inf
        Steps until the states from two starts, zeros and the mean state, are within 1% of their first distance for
        good, along the training series.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units, and the states of each layer.
    lead_ : int
        Rows of history that the lags need.
    n_iter_ : int
        1, or passes of reweighted least squares.
    loss_curve_ : list of float
        Mean loss of training, in scaled units (half the mean squared error, for "squared").
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
    .. [5] A. Rodan, P. Tino. "Minimum complexity echo state network." IEEE Transactions on Neural Networks 22(1), 2011.
    .. [6] M. Lukosevicius. "A practical guide to applying echo state networks." In: Neural Networks: Tricks of the
       Trade, Springer, 2012.
    .. [7] D. R. Hunter, K. Lange. "Quantile regression via an MM algorithm." Journal of Computational and Graphical
       Statistics 9(1), 2000.
"""
shared_docs = documented(
    parameters=PARAMETERS, more_parameters=MORE_PARAMETERS, attributes=ATTRIBUTES, references=REFERENCES
)


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


@shared_docs
class ESNRegressor(SequenceRegressor):
    """Echo state network: a fixed random reservoir, and a readout by ridge regression.

    x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b) and y(t) = W_out [1, v(t), x(t)], where v(t) holds the
    inputs and outputs at their lags. Only W_out is learnt [1]_: a fit is one pass over the series, and one solution of
    normal equations. With ``output_lags`` the net feeds itself, and generates chaos [2]_.

    Parameters
    ----------
    n_reservoir : int or tuple of int, default=300
        Units. Of a tuple each layer sees the states of the one below, and the readout all of them [3]_.
    {parameters}
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Others than the squared one by iteratively reweighted least squares [7]_: 10 to 80
        passes over the series, each of which takes, for every output, about as long as a fit with the squared loss.
        There is no ``partial_fit`` then.
    solver : {"ridge"} or RecursiveLeastSquares, default="ridge"
        How the readout is solved for. "ridge": from sums over time, to which ``partial_fit`` adds, so that it gives
        what a fit to all rows gives. ``RecursiveLeastSquares(forgetting)``: for streams, with the squared loss; a row
        counts if all its y are measured.
    alpha : float or "auto", default="auto"
        alpha times the squared weights of the readout, but that of 1, is added to the sum of squared errors (over
        all rows, in scaled units), or half of that to another loss. "auto": the one of most evidence [4]_, which costs
        some ten solutions; for another loss what means the same to it.
    {more_parameters}

    Attributes
    ----------
    alpha_ : float
        The penalty used.
    {attributes}

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
    .. [3] C. Gallicchio, A. Micheli, L. Pedrelli. "Deep reservoir computing: a critical experimental analysis."
       Neurocomputing 268, 2017.
    .. [4] D. J. C. MacKay. "Bayesian interpolation." Neural Computation 4(3), 1992.
    {references}

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

    def __init__(
        self,
        n_reservoir=300,
        *,
        spectral_radius=0.9,
        leak_rate=0.9,
        connectivity=10,
        input_scaling=None,
        input_connectivity=0.1,
        bias_scaling=0.5,
        input_lags=0,
        output_lags=0,
        feedback_scaling=None,
        noise=0.0,
        activation="tanh",
        topology="random",
        groups=1,
        weight_distribution="uniform",
        W=None,
        W_in=None,
        readout_bias=True,
        readout_input=True,
        readout_squares=False,
        loss="squared",
        solver="ridge",
        alpha="auto",
        washout="auto",
        scale="standard",
        start="auto",
        random_state=None,
        verbose=0,
        target_transform=None,
        target_bounds=None,
        missing="error",
        series=None,
    ):
        self.n_reservoir = n_reservoir
        self.spectral_radius = spectral_radius
        self.leak_rate = leak_rate
        self.connectivity = connectivity
        self.input_scaling = input_scaling
        self.input_connectivity = input_connectivity
        self.bias_scaling = bias_scaling
        self.input_lags = input_lags
        self.output_lags = output_lags
        self.feedback_scaling = feedback_scaling
        self.noise = noise
        self.activation = activation
        self.topology = topology
        self.groups = groups
        self.weight_distribution = weight_distribution
        self.W = W
        self.W_in = W_in
        self.readout_bias = readout_bias
        self.readout_input = readout_input
        self.readout_squares = readout_squares
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.washout = washout
        self.scale = scale
        self.start = start
        self.random_state = random_state
        self.verbose = verbose
        self.target_transform = target_transform
        self.target_bounds = target_bounds
        self.missing = missing
        self.series = series

    _cure = (
        "Give a larger alpha, noise=1e-3 or so, a smaller spectral_radius or readout_input=False, or look for inputs "
        "far from those in training."
    )

    # ---------------------------------------------------------------------------------- parameters

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type."""
        self._lags()
        self._check_matrices()
        self._per_layer("spectral_radius", 0)
        self._per_layer("leak_rate", 0, 1, low_open=True)
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
        words = {
            "activation": ACTIVATIONS,
            "topology": TOPOLOGIES,
            "weight_distribution": DISTRIBUTIONS,
        }
        for name, allowed in words.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                raise ValueError(f"{name}={value!r} is unknown: give {' or '.join(map(repr, allowed))}.")
        if min(self._sizes()) < self.groups:
            raise ValueError(
                f"groups={self.groups!r} cannot share n_reservoir={self.n_reservoir!r}: give at least one unit a group."
            )
        self._check_solver()
        if not (isinstance(self.washout, str) and self.washout == "auto"):
            check_number("washout", self.washout, 0, integer=True)
        for name in ("readout_bias", "readout_input", "readout_squares"):
            check_flag(name, getattr(self, name))
        verbose = int(self.verbose) if isinstance(self.verbose, bool) else self.verbose
        check_number("verbose", verbose, 0, integer=True)

    def _check_solver(self):
        """Raise where the readout cannot be solved for."""
        resolve_loss(self.loss)
        if not (isinstance(self.alpha, str) and self.alpha == "auto"):
            check_number("alpha", self.alpha, 0)
        if not (isinstance(self.solver, str) and self.solver == "ridge"):
            if not isinstance(self.solver, RecursiveLeastSquares):
                raise ValueError(
                    f"solver={self.solver!r} does not solve for a readout: give 'ridge' or RecursiveLeastSquares()."
                )
            check_number("forgetting", self.solver.forgetting, 0, 1, low_open=True)
            if not self._is_squared():
                raise ValueError(
                    f"solver={self.solver!r} is for sums of squares, but loss={self.loss!r}: give solver='ridge', or "
                    "loss='squared'."
                )

    def _is_squared(self):
        return resolve_loss(self.loss) is squared

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

    def _lags(self):
        """Lags of the inputs and of the outputs, each ascending."""
        return parse_lags(self.input_lags, "input_lags", 0), parse_lags(self.output_lags, "output_lags", 1)

    def _sizes(self):
        """Units of each layer."""
        if self.W is not None:
            return (np.shape(self.W)[0],)
        sizes = (
            self.n_reservoir
            if isinstance(self.n_reservoir, (tuple, list, np.ndarray))
            else (self.n_reservoir,)
        )
        if len(sizes) == 0:
            raise ValueError("n_reservoir=() has no layer: give an int >= 1, or one for each layer.")
        for n in sizes:
            check_number("n_reservoir", n, 1, integer=True)
        return tuple(int(n) for n in sizes)

    def _per_layer(self, name, low=None, high=None, **kw):
        """A parameter that is a number, or one number for each layer."""
        value, n = getattr(self, name), len(self._sizes())
        values = list(value) if np.iterable(value) and not isinstance(value, str) else [value] * n
        for v in values:
            check_number(name, v, low, high, **kw)
        if len(values) != n:
            raise ValueError(
                f"{name}={value!r} has {len(values)} numbers for {n} layers: give one, or one for each."
            )
        return [float(v) for v in values]

    def _wants_inputs(self):
        return bool(self._lags()[0])

    def _can_do_without_inputs(self):
        return bool(self._lags()[1])

    def _least_input_lag(self):
        return min(self._lags()[0], default=np.inf)

    def _validation_share(self):
        return 0.0

    # ---------------------------------------------------------------------------------- reservoir

    def _prepare(self, n_inputs, n_outputs):
        input_lags, output_lags = self._lags()
        if not (n_inputs and input_lags) and not output_lags:
            raise ValueError(
                f"{type(self).__name__} sees neither inputs nor outputs: give X and input_lags, or output_lags."
            )
        resolve_loss(self.loss, n_outputs)
        self.theta_, self.lead_ = None, max((*input_lags, *output_lags))

    def _draw(self, rng):
        """A reservoir."""
        sizes, draw = self._sizes(), DISTRIBUTIONS[self.weight_distribution]
        R = sum(sizes)
        if self.W is None:
            W, U = self._links(rng, sizes, draw)
        else:
            W, U = sparse.csr_array(self.W).astype(np.float64), sparse.csr_array((R, R))
        pairs = zip(self._scaling(), self._lags())
        scaling = np.concatenate([np.tile(size, len(lags)) for size, lags in pairs])
        shape = sizes[0], len(scaling)
        W_in = np.zeros((R, len(scaling)))
        if self.W_in is None:
            reached = min(sizes[0], max(REACHED, round(self.input_connectivity * sizes[0])))
            for column, size in zip(W_in.T, scaling):
                column[rng.permutation(sizes[0])[:reached]] = size * draw(rng, reached)
        elif np.shape(self.W_in) == shape:
            W_in[: sizes[0]] = self.W_in
        else:
            raise ValueError(
                f"W_in has the shape {np.shape(self.W_in)}: give {shape}, a row for each unit (of the first layer) and "
                "a column for each lag of each input and then of each output."
            )
        b = self.bias_scaling * draw(rng, R)
        leak = np.repeat(self._per_layer("leak_rate"), sizes)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        self._matrices = W, U
        return pack(W, U, begin, leak, ACTIVATIONS[self.activation], W_in, b)

    def _links(self, rng, sizes, draw):
        """Links within the layers and from each to the next, sparse (R, R)."""
        within, between, below = [], [], None
        for n, radius in zip(sizes, self._per_layer("spectral_radius")):
            parts = [len(p) for p in np.array_split(np.arange(n), self.groups)]
            within += [self._part(rng, m, radius, draw) for m in parts]
            if below is not None:
                between += [self._upwards(rng, m, u, draw) for m, u in zip(parts, below)]
            below = parts
        W = sparse.block_diag(within, format="csr")
        U = sparse.csr_array(W.shape)
        if between:
            V = sparse.block_diag(between, format="coo")
            U = sparse.csr_array((V.data, (V.row + sizes[0], V.col)), shape=W.shape)
        return W, U

    def _part(self, rng, n, radius, draw):
        if self.topology == "random":
            return random_reservoir(rng, n, self._n_links(n), radius, draw)
        return chain(n, radius, self.topology == "cycle")

    def _upwards(self, rng, n, below, draw):
        """Links into n units from those below; they add up to about the size of one state."""
        k = self._n_links(below)
        return random_links(rng, n, below, k, draw) * (1 / np.sqrt(k))

    def _n_links(self, n):
        """Links a unit, of n possible ones."""
        if isinstance(self.connectivity, (int, np.integer)):
            return min(int(self.connectivity), n)
        return max(1, round(self.connectivity * n))

    def _scaling(self):
        """Sizes of the weights of each input, as ``_fill`` gives them, and of each output."""
        F, O = self.n_features_in_, self.n_outputs_
        size = SCALING[F > 0 and self._wants_inputs()] if self.input_scaling is None else self.input_scaling
        fed = np.mean(size) if self.feedback_scaling is None else self.feedback_scaling
        sizes = {"input_scaling": (size, F), "feedback_scaling": (fed, O)}
        for name, (value, n) in sizes.items():
            if np.ndim(value) and np.shape(value) != (n,):
                raise ValueError(f"{name}={value!r}: give one number, or {n}, one for each column.")
        inputs, outputs = (np.broadcast_to(np.asarray(value, float), n) for value, n in sizes.values())
        return np.resize(
            inputs, self._n_filled()
        ), outputs  # what tells of missing values as what it tells of

    # ---------------------------------------------------------------------------------- following

    def _drive(self, X, Y, memory, t, T):
        """v(t) ... v(t + T - 1), (T, D); X, Y : rows from 0, after those of the memory."""
        lead, columns = self.lead_, []
        for rows, past, lags in zip((X, Y), memory[:2], self._lags()):
            if t >= lead:
                window = rows[t - lead : t + T]
            else:
                window = np.concatenate([past[t:], rows[: t + T]])
            columns += [window[lead - lag : lead - lag + T] for lag in reversed(lags)]
        return np.concatenate(columns, axis=1)

    def _readout(self):
        """c (O,), Wv (D, O) or (0, O), Wx (R, O), Wq (R, O) or (0, O)."""
        R, O, D = self._reservoir.R, self.n_outputs_, len(self._reservoir.W_in)
        c = np.zeros(O)
        W = self.theta_.reshape(-1, O)
        if self.readout_bias:
            c, W = W[0], W[1:]
        cut = D if self.readout_input else 0
        return c, W[:cut], W[cut : cut + R], W[cut + R :]

    def _blocks(self, X, Y, memory, rng=None, *, read=True, length=None):
        """Follow rows from a memory, a block at a time: yield its first row, V (T, D), S (T + 1, R), out (T, O).

        The arrays are used again for the next block. Where y is fed, Y gets the model's own values.   rng : for
        noise in the states, if there is any.   read : whether ``out`` is wanted.   length : of a block.
        """
        net, N = self._reservoir, len(Y)
        output_lags = np.array(self._lags()[1][::-1], np.int64)
        fedback = len(output_lags) > 0 and bool(np.isnan(Y).any())
        c, Wv, Wx, Wq = self._readout()
        length = min(N, length or self._length())
        A, S = np.empty((length, net.R)), np.empty((length + 1, net.R))
        out = np.empty((length if read or fedback else 0, self.n_outputs_))
        Q = np.empty((length if len(Wq) else 0, net.R))
        S[0] = np.concatenate(memory.states)
        for t in range(0, N, length):
            T = min(length, N - t)
            V, y = self._drive(X, Y, memory, t, T), Y[t : t + T]
            noise = np.empty((0, 0)) if rng is None else self.noise * rng.normal(size=(T, net.R))
            fed = fedback and bool(np.isnan(y).any())
            rest = noise, V, y, A[:T], S[: T + 1], Q[:T], out[:T]
            follow(*net, output_lags, self._bound, c, Wv, Wx, Wq, fed, *rest)
            yield t, V, S[: T + 1], out[:T]
            S[0] = S[T]

    def _length(self):
        """Steps of a block."""
        return max(LEAST, BLOCK // self._reservoir.R)

    def _after(self, X, Y, memory, x):
        """The memory after rows X, Y at the end of which the state is x (R,)."""
        lead, n = self.lead_, len(Y)
        past = [np.concatenate([old[n:], rows[max(0, n - lead) :]]) for old, rows in zip(memory[:2], (X, Y))]
        return Memory(*past, tuple(np.split(x.copy(), self._reservoir.begin[1:-1])))

    def _run(self, X, Y, memory):
        out, Y = np.empty_like(Y), Y.copy()
        for t, _, S, block in self._blocks(X, Y, memory):
            out[t : t + len(block)], state = block, S[-1]
        return out, self._after(X, np.where(np.isnan(Y), out, Y), memory, state)

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        if len(first) == 0:
            return
        O, R, end = Y.shape[1], self._reservoir.R, first[-1] + 1
        output_lags = np.array(self._lags()[1][::-1], np.int64)
        net = *self._reservoir, output_lags, self._bound, *self._readout()
        past = np.concatenate([Y[: end - 1], np.zeros((1, O))])  # its last row leads to no state that is used
        at_once = max(1, min(RUNS, RUN_ROWS // steps))
        for t, _, states, _ in self._blocks(X[:end], past, memory, read=False):
            low, high = np.searchsorted(first, [t, t + len(states) - 1])
            for i in range(low, high, at_once):
                which = slice(i, min(i + at_once, high))
                rows = first[which]
                V = self._drive(X, Y, memory, rows[0], rows[-1] - rows[0] + steps)
                V = V[rows[:, None] - rows[0] + np.arange(steps)]  # (m, steps, D)
                S, out = np.empty((len(rows), 2, R)), np.empty((len(rows), steps, O))
                S[:, 0], fed = states[rows - t], np.full_like(out, np.nan)
                if settle is None:
                    free_runs(*net, V, fed, S, out, 0, steps)
                for step in range(steps if settle is not None else 0):
                    free_runs(*net, V, fed, S, out, step, step + 1)
                    settled = settle(which, step, out[:, step])
                    fed[:, step] = np.clip(settled, -self._bound, self._bound)
                yield which, out.transpose(1, 0, 2)

    # ---------------------------------------------------------------------------------- learning

    def _parts(self):
        """Which of 1, v, x and x^2 the readout sees."""
        return np.array([self.readout_bias, self.readout_input, True, self.readout_squares])

    def _n_columns(self):
        """Columns that the readout sees."""
        net = self._reservoir
        return int(self._parts() @ [1, len(net.W_in), net.R, net.R])

    def _fit_series(self, series, rng):
        rows = max(len(s.Y) for s in series)
        if rows <= self.lead_:
            raise ValueError(
                f"{type(self).__name__} looks back {self.lead_} rows and so needs at least {self.lead_ + 1} in a "
                f"stretch without a gap, but the longest has {rows} (n_samples = {sum(len(s.Y) for s in series)}). "
                "Give more rows or shorter lags; where stamps are missing, insert them, with NaN in y (asfreq)."
            )
        self._reservoir = self._draw(rng)
        self._bound = FAR * max(np.nanmax(np.abs(s.Y), initial=0) for s in series)
        self.theta_ = np.zeros(self._n_columns() * self.n_outputs_)
        weights = self._weights(series)
        fed = [s.Y for s in series]
        if self._lags()[1] and any(np.isnan(Y).any() for Y in fed):
            # First a readout from what was known last, then one from the values that it gives.
            self._learn(series, [_last_known(Y) for Y in fed], weights, rng)
            fed = [Y.copy() for Y in fed]
        self._learn(series, fed, weights, rng)
        if not self._is_squared() and self.loss_curve_[0] > EXACT:
            self._reweigh(series, fed, weights, rng)
        self.n_iter_ = len(self.loss_curve_)
        self._probe = series[0].X[:MAX_MEMORY].copy(), _last_known(series[0].Y[:MAX_MEMORY])

    def _weights(self, series):
        """What each row of each series counts."""
        after, weights = sum(len(s.Y) for s in series), []
        for s in series:
            n = len(s.Y)
            after -= n
            washout = min(WASHOUT, n // 10) if self.washout == "auto" else self.washout
            w = self._counted(s)
            if self._recursive():
                w *= self.solver.forgetting ** (after + np.arange(n - 1.0, -1.0, -1.0))
            w[: max(washout, self.lead_)] = 0.0
            weights.append(w)
        if not any(w.any() for w in weights):
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {self.lead_} rows of the lags "
                f"and washout={self.washout!r}: give a smaller washout, shorter lags or more rows."
            )
        return weights

    def _counted(self, series):
        """The weights of a series, (N,), 0 where y is unknown; recursive least squares wants all of a row's y."""
        known = np.isfinite(series.Y)
        return np.where(known.all(axis=1) if self._recursive() else known.any(axis=1), series.w, 0.0)

    def _recursive(self):
        return isinstance(self.solver, RecursiveLeastSquares)

    def _learn(self, series, fed, weights, rng):
        """The readout from one pass over the series; ``fed`` : what the lags of y see of each."""
        sums = no_sums(self._n_columns(), self.n_outputs_)
        for s, here, w, V, S, _ in self._harvest(series, fed, weights, rng):
            sums = add_rows(sums, self._parts(), V, S, s.Y[here], np.flatnonzero(w), w)
        self._solve(sums)

    def _reweigh(self, series, fed, weights, rng):
        """The readout of least loss, from that of least squares."""
        loss, seed, rounding = resolve_loss(self.loss), rng.randint(2**31), ROUNDING * self.loss_curve_[0]
        P, O, losses, total = self._n_columns(), self.n_outputs_, [], 0.0
        free = np.repeat(np.arange(P) < self.readout_bias, O)

        def step(theta):
            nonlocal total
            self.theta_, value, pull, squares, total = theta, 0.0, 0.0, 0.0, 0.0
            sums = [no_sums(P, 1) for _ in range(O)]
            again = check_random_state(seed)  # the same noise in every pass
            for s, here, w, V, S, out in self._harvest(series, fed, weights, again, read=True):
                known, slope = np.isfinite(s.Y[here]), np.empty((len(V), 1, O))
                Y, w = np.where(known, s.Y[here], out), np.where(known, w[:, None], 0.0)
                value += loss(out[:, None], Y.ravel(), w.ravel(), np.zeros(1, np.int64), slope)
                pull += np.sum(slope[:, 0] * (out - Y))
                squares += np.sum(w * (out - Y) ** 2)
                total += w.sum()
                share, shift = parabola(loss, Y - out, rounding)
                add_weighted_rows(
                    sums, self._parts(), V, S, Y + shift, np.flatnonzero(w.any(axis=1)), w * share
                )
            if self.alpha == "auto" and not losses:
                # Errors of density exp(-loss / c) against normal ones: the same size of the weights beforehand.
                self.alpha_ *= pull / squares
            losses.append(value)
            W = [ridge(normal, self.alpha_, self.readout_bias) for one in sums for normal in one.normal()]
            return value + self.alpha_ / 2 * np.sum(theta[~free] ** 2), np.hstack(W).ravel()

        self.theta_, _ = reweighted(step, self.theta_)
        self.loss_curve_ = [value / total for value in losses]

    def _harvest(self, series, fed, weights, rng, *, read=False):
        """Follow each series from rest: yield it, the rows of a block, their weights, V (T, D), S (T + 1, R), out."""
        total, n = np.zeros(self._reservoir.R), sum(len(Y) for Y in fed)
        blocks = sum(-(-len(Y) // self._length()) for Y in fed)
        noise = rng if self.noise else None
        with progress(self.verbose, type(self).__name__, blocks) as tell:
            for s, Y, w in zip(series, fed, weights):
                for t, V, S, out in self._blocks(s.X, Y, self._first(), noise, read=read):
                    here = slice(t, t + len(V))
                    yield s, here, w[here], V, S, out
                    total += S[1:].sum(axis=0)
                    if tell is not None:
                        tell(f"rows: {here.stop} of {len(Y)}")
                fed_itself = self._lags()[1] and np.isnan(s.Y).any()
                self._last = None if self.noise or fed_itself else self._after(s.X, Y, self._first(), S[-1])
        if not (np.abs(total) < HUGE * n).all():
            raise ValueError(
                f"The states of the reservoir grow without bound, with activation={self.activation!r} and "
                f"spectral_radius={self.spectral_radius!r}: give activation='tanh', or a smaller spectral_radius."
            )
        self._cold_states = tuple(np.split(total / n, self._reservoir.begin[1:-1]))

    def _solve(self, sums):
        """The readout from sums over time."""
        normals = list(sums.normal())
        self.alpha_ = self._penalty(normals)
        W, sse = np.empty((sums.P, sums.O)), 0.0
        for normal in normals:
            W[:, normal.outputs] = ridge(normal, self.alpha_, self.readout_bias)
            sse += squared_error(normal, W[:, normal.outputs]).sum() / normal.weight
        self.theta_, self.loss_curve_ = W.ravel(), [float(sse / sums.O / 2)]
        if self._recursive():
            self._inverse = ridge(normals[0]._replace(ZY=np.eye(sums.P)), self.alpha_, self.readout_bias)
            self._most = GROWTH * float(np.trace(self._inverse))
        else:
            self._sums = sums

    def _n_weights(self):
        """As many as the penalty leaves free: the trace of (Z'Z + alpha)^-1 Z'Z."""
        if self._recursive() or not self._is_squared():
            return super()._n_weights()
        normal = next(iter(self._sums.normal()))
        return float(np.trace(ridge(normal._replace(ZY=normal.ZZ), self.alpha_, self.readout_bias)))

    def _penalty(self, normals):
        """The alpha to take."""
        return likely_alpha(normals, self.readout_bias) if self.alpha == "auto" else float(self.alpha)

    def _fit_more(self, series, memory, rng):
        w, Y = self._counted(series), series.Y.copy()
        if self._recursive():
            self._inverse, self.theta_ = self._inverse.copy(), self.theta_.copy()
        else:
            sums = self._sums._replace(gram=self._sums.gram.copy(), weight=self._sums.weight.copy())
        for t, V, S, _ in self._blocks(series.X, Y, memory, rng if self.noise else None, read=False):
            here = slice(t, t + len(V))
            block = self._parts(), V, S, series.Y[here], np.flatnonzero(w[here])
            if self._recursive():
                self._track(*feature_rows(*block), w[here][block[-1]])
            else:
                sums = add_rows(sums, *block, w[here])
        if not self._recursive():
            self._solve(sums)

    def _track(self, Z, Y, w):
        """Recursive least squares over rows Z (M, P), Y (M, O) of weights w, in place."""
        W = self.theta_.reshape(-1, self.n_outputs_)
        at_once = max(1, int(1e8 / len(W) ** 2))
        for m in range(0, len(Z), at_once):
            here = slice(m, m + at_once)
            recurse(Z[here], Y[here], w[here], float(self.solver.forgetting), self._most, self._inverse, W)

    def _must_go_on(self, verb):
        if verb == "partial_fit" and not self._is_squared():
            raise ValueError(
                f"partial_fit adds to sums of squares, but loss={self.loss!r}: fit to all rows anew, or give "
                "loss='squared'."
            )

    # ---------------------------------------------------------------------------------- memories

    def _first(self):
        return self._memory(*self._mean, [np.zeros(n) for n in self._sizes()])

    def _cold(self):
        return self._memory(*self._mean, self._cold_states)

    def _zero(self, x, y):
        return self._memory(x, y, [np.zeros(n) for n in self._sizes()])

    def _end(self):
        """The memory after the last series of training; None where the states of fitting are others."""
        return self._last

    def _memory(self, x, y, states):
        """The memory of lags that always were x (F,), y (O,), and of states."""
        return Memory(np.tile(x, (self.lead_, 1)), np.tile(y, (self.lead_, 1)), tuple(states))

    @property
    def memory_length_(self):
        """Steps until the states from zeros and from the mean state are within 1% of their first distance."""
        check_is_fitted(self)
        X, Y = self._probe
        first, cold = self._first(), self._cold()
        start = np.linalg.norm(np.concatenate(cold.states))
        runs = [self._blocks(X, Y, memory, read=False, length=32) for memory in (first, cold)]
        last = 0
        for (t, _, S, _), (_, _, other, _) in zip(*runs):
            apart = np.flatnonzero(np.linalg.norm(S[1:] - other[1:], axis=1) > 0.01 * start)
            if len(apart) == 0:
                return last
            last = t + int(apart[-1]) + 1
        return last if last < len(Y) else np.inf

    @property
    def params_(self):
        """The reservoir's matrices and the readout's weights, a named tuple; see ``Parameters``."""
        check_is_fitted(self)
        net, readout = self._reservoir, self.theta_.reshape(-1, self.n_outputs_)
        return Parameters(net.W_in.T.copy(), *self._matrices, net.b.copy(), readout.T.copy())

    # ---------------------------------------------------------------------------------- diagnostics

    def states(self, X, y=None, *, start=None):
        """The states of the reservoir along a series.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs, for the lags of y; without them the model feeds itself.
        start : as for ``predict``

        Returns
        -------
        states : ndarray of shape (n_timesteps, n_units)
            x(t), the units of the first layer first.

        Examples
        --------
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> ESNRegressor(50, random_state=0).fit(X[:500], y[:500]).states(X[500:]).shape
        (100, 50)
        """
        check_is_fitted(self)
        X, Y, part, timeline, past = self._enter(X, y, start)
        states = np.empty((len(Y), self._reservoir.R))
        for p, missing in self._pieces(part.stamps, len(Y), timeline):
            memory, fed = self._across(past, missing).memory, Y[p].copy()
            for t, _, S, _ in self._blocks(X[p], fed, memory, read=False):
                states[p][t : t + len(S) - 1] = S[1:]
            past = past._replace(memory=self._after(X[p], fed, memory, S[-1]))
        return states

    def eigenvalues(self):
        """Of (1 - a) I + a W, the linear part of a step.

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
        check_is_fitted(self)
        W, leak = self._matrices[0].toarray(), self._reservoir.leak
        return np.linalg.eigvals(np.diag(1 - leak) + leak[:, None] * W).astype(complex)

    def memory_capacity(self, max_delay=None, *, n_timesteps=None, random_state=0):
        """How well the reservoir remembers: noise from k steps ago, read from its states [1]_.

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
        check_is_fitted(self)
        net = self._reservoir
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
            S = self._driven(V, state)
            steps = np.arange(t, t + len(V))
            delayed = u[np.maximum(steps[:, None] - np.arange(1, K + 1), 0)]
            for k, mine in enumerate(((steps >= first) & (steps < middle), steps >= middle)):
                halves[k] = add_rows(halves[k], parts, V, S, delayed, np.flatnonzero(mine), mine * 1.0)
            state = S[-1]
        (fitted,), (judged,) = (half.normal() for half in halves)
        W, n = ridge(fitted, 1e-8 * fitted.weight, True), judged.weight
        mean, mean_y = judged.ZZ[0] @ W / n, judged.ZY[0] / n
        covariance = np.sum(W * judged.ZY, axis=0) / n - mean * mean_y
        variance = np.sum(W * (judged.ZZ @ W), axis=0) / n - mean**2
        return covariance**2 / np.maximum(variance * (judged.yy / n - mean_y**2), np.finfo(float).tiny)

    def lyapunov_exponent(self, X, y=None, *, start=None):
        """The conditional Lyapunov exponent: how fast two states come together, or part, under the same drive [1]_.

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
        check_is_fitted(self)
        X, Y, _, _, past = self._enter(X, y, start)
        apart = np.random.default_rng(0).normal(size=self._reservoir.R)
        apart /= np.linalg.norm(apart)
        total, small = 0.0, 1e-7
        for _, V, S, _ in self._blocks(X, Y, past.memory, read=False):
            for t in range(len(V)):
                apart = self._driven(V[t : t + 1], S[t] + small * apart)[1] - S[t + 1]
                size = np.linalg.norm(apart)
                if size == 0:  # they have met
                    return -np.inf
                total += np.log(size / small)
                apart /= size
        return float(total / len(Y))

    def _driven(self, V, state):
        """States S (T + 1, R) from one state, under a drive V (T, D)."""
        R, O, T = self._reservoir.R, self.n_outputs_, len(V)
        S, none, V = np.empty((T + 1, R)), np.empty((0, 0)), np.ascontiguousarray(V)
        S[0] = state
        rest = none, V, np.zeros((T, O)), np.empty((T, R)), S, none, none
        follow(*self._reservoir, np.empty(0, np.int64), 0.0, *self._readout(), False, *rest)
        return S


def _last_known(Y):
    """Y (N, O) with the last known value, or the mean, where there is none."""
    known = np.isfinite(Y)
    last = np.maximum.accumulate(np.where(known, np.arange(len(Y))[:, None], -1))
    return np.where(last >= 0, np.take_along_axis(Y, np.maximum(last, 0), axis=0), 0.0)
