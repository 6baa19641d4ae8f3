"""Echo state networks: a fixed random reservoir, and a readout by ridge regression.

x(t) = (1 - a) x(t - 1) + a f(W_in v(t) + W x(t - 1) + b)        v(t) = [u at its lags, y at its lags]
y(t) = W_out [1, v(t), x(t)]
"""

from dataclasses import KW_ONLY
from typing import ClassVar, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from .._check import check_flag, check_number, check_verbose, check_word
from .._declared import Declared
from .._estimators.classifier import SequenceClassifier
from .._estimators.following import Past, across, follow
from .._estimators.parameters import Lags, Numbers, Sizes
from .._estimators.regressor import SequenceRegressor
from .._estimators.snapshots import of_one_state
from .._kernels.activations_v1 import ACTIVATIONS
from .._memory_limit import check_memory
from .._nets.reservoir import DISTRIBUTIONS
from .._nets.reservoir_measures import lyapunov_exponent, memory_capacity, memory_length
from .._series.labels import Link, shares, sharpness
from .._series.lags import both_lags
from .._training.losses import has_parabola, resolve_loss, squared
from .drawing import UNITS, Drawing
from .esn_learner import ESNLearner


RADIUS, LEAK = 0.9, 0.9  # of a reservoir, by default
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
    """The weights, as the equations name them, in scaled units.

    W_in : (R, D), columns: the inputs, oldest lag first, then the outputs, oldest lag first.   W : (R, R), sparse,
    row i the links into unit i.   U : (R, R), sparse, what a layer sees of the one below.   b : (R,).   W_out : (O, P).
    """

    W_in: np.ndarray
    W: sparse.csr_array
    U: sparse.csr_array
    b: np.ndarray
    W_out: np.ndarray


class ReservoirParameters(Declared):
    """Parameters of an echo state network.

    Parameters
    ----------
    n_reservoir : int or tuple of int, optional
        Units: by default 300, or as many as ``W`` has. With a tuple, each layer sees the states of the one below, and
        the readout sees all of them [1]_.
    spectral_radius : float or sequence of float, optional
        Largest modulus of the eigenvalues of W, by default 0.9; one number, or one for each layer. With ``leak_rate``
        it determines how slowly states fade; for "cycle" and "delay_line" it is the weight of the links.
    leak_rate : float, sequence of float or "auto", default="auto"
        a, in (0, 1]; one number, or one for each layer. Small for series that change slowly from row to row. "auto":
        0.9; where y has one value per series this, or 0.9 and 0.3 of the units of each layer by turns, whichever errs
        less on series left out.
    connectivity : int or float, default=10
        Links into each unit (and as many from the layer below): an int is their number, a float a share of all.
    input_scaling : float or array-like of shape (n_features,), optional
        Size of the input weights, in scaled units: small for memory, large for nonlinearity. By default the one of
        0.1, 0.3, 1 and 3 that errs least on stretches from all over the series that are left out in turn, 5000 rows in
        all (in free runs, where y is fed back); where y has one value per series, on series left out. A model of y
        alone has 0.5. See ``input_scaling_``.
    input_connectivity : float, default=0.1
        Share of the units that an input reaches (all of them, or 10, if that is more).
    bias_scaling : float, default=0.5
        Size of b.
    input_lags : int, sequence of int or "auto", default=0
        An int L means x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest.
    output_lags : int, sequence of int or "auto", default=0
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive: in training it sees the measured y, or its own value where y is NaN. From rest
        (``start="zeros"``, a new series) its outputs are held near the range of training for as many rows as the
        washout has. "auto", here and for inputs: those by which a linear model forecasts
        best. See ``lags_``.
    feedback_scaling : float or array-like of shape (n_outputs,), optional
        Size of the weights of the lags of y; by default that of the inputs (their mean).
    noise : float, default=0.0
        Standard deviation of normal noise inside f in training; it stabilises free runs.
    activation : {"tanh", "relu", "identity", "logistic"}, default="tanh"
        f.
    topology : {"random", "cycle", "delay_line"}, default="random"
        "cycle": each unit is fed by the one before it, the first by the last [3]_; "delay_line": the first by none.
    groups : int, default=1
        Number of reservoirs side by side, without links between them, into which each layer is divided.
    weight_distribution : {"uniform", "normal", "sign"}, default="uniform"
        Distribution of all weights: uniform in [-1, 1], standard normal, or -1 and 1, times their size.
    pooling : {"last", "mean"}, default="mean"
        How the rows are combined into one answer where y has one value per series: the last row, or the mean. There is
        no washout then.
    W : array-like or sparse of shape (n_units, n_units), optional
        Used as it is, row i holds the links into unit i; then there is one layer of that size, and no
        ``spectral_radius``.
    W_in : array-like of shape (n_units, n_columns), optional
        Used as it is, with a column for each input (oldest lag first), then for each output (oldest lag first).
    readout_bias, readout_input : bool, default=True, True
        Whether the readout sees 1 and v(t).
    readout_squares : bool or "auto", default="auto"
        Whether it sees the squares of x(t). "auto": where y has one value per series, and ``pooling="mean"``: means of
        squares tell how far states swing.
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Others than the squared one by iteratively reweighted least squares [5]_: 10 to 80
        passes over the series, each of which takes, for every output, about as long as a fit with the squared loss.
        There is no ``partial_fit`` then.
    solver : {"ridge"} or RecursiveLeastSquares, default="ridge"
        How the readout is solved for. "ridge": from sums over time, to which ``partial_fit`` adds, so that it gives
        what a fit to all rows, with the same ``input_scaling``, ``washout`` and share of a linear model, gives.
        ``RecursiveLeastSquares(forgetting)``: for streams, with the squared loss; a row counts if all its y are
        measured.
    alpha : float or "auto", default="auto"
        alpha times the squared weights of the readout, but that of 1, is added to the sum of squared errors (over
        all rows, in scaled units), or half of that to another loss. "auto": the one of most evidence [2]_, which costs
        some ten solutions; for another loss what means the same to it. Evidence knows one step alone: with
        ``output_lags``, as many times ten as much as lowers the error of free runs over the training rows, which must
        not go beyond twice the largest y. With several of them the readout is then a mean of that one and of a
        linear model of the lags (and 1), by the share that free runs over the last 15% of the rows warrant, from
        readouts of those before.
    washout : int or "auto", default="auto"
        First rows of each series that the readout does not learn from. "auto": 100, or a tenth of a short series;
        without ``output_lags`` each of them counts a ten-thousandth, or of several series a hundredth, so that a start
        from zeros is nothing new. Answers to rows of which nothing is learnt, from zeros, stay within the range of
        training and a quarter more. Of series that begin in ``partial_fit`` as many as of the longest one in training.
    random_state : int, RandomState or None, default=None
        For the reservoir and the noise.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line for each block of rows.

    Attributes
    ----------
    input_scaling_ : float, array-like of shape (n_features,) or None
        The size of the input weights, the one that was found if ``input_scaling`` is None. None with a ``W_in``.
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
    leak_rate: Numbers | str = "auto"
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
    readout_squares: bool | str = "auto"
    loss: object = "squared"
    solver: object = "ridge"
    alpha: float | str = "auto"
    washout: int | str = "auto"
    verbose: int = 0


class EchoStateNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Base of the estimators around a reservoir, whose states are features for any other readout."""

    def _errors_left_out(self, Y, out, w):
        """Sum the errors of answers ``out`` (S, O), weighted by w (S,): a tuple, the first of which counts most."""
        return (float(np.sum(w[:, None] * np.nan_to_num(Y - out) ** 2)),)

    # ---------------------------------------------------------------------------------- parameters

    def _learner(self):
        """Check the parameters; an ``ESNLearner`` holds them parsed."""
        lags = both_lags(self)
        self._check_matrices()
        sizes = self._sizes()
        radii = self._per_layer("spectral_radius", len(sizes), default=RADIUS)
        leaks = self._per_layer("leak_rate", len(sizes), 1, usual="auto", default=LEAK, low_open=True)
        if isinstance(self.connectivity, (int, np.integer)):
            check_number("connectivity", self.connectivity, 1, integer=True)
        else:
            check_number("connectivity", self.connectivity, 0, 1, low_open=True)
        check_number("input_connectivity", self.input_connectivity, 0, 1, low_open=True)
        for name in ("bias_scaling", "noise"):
            check_number(name, getattr(self, name), 0)
        for name in ("input_scaling", "feedback_scaling"):
            for v in np.ravel(np.array(getattr(self, name), dtype=object)):
                check_number(name, v, 0, words=(None,))
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
        check_number("washout", self.washout, 0, integer=True, words=("auto",))
        for name in ("readout_bias", "readout_input"):
            check_flag(name, getattr(self, name))
        check_flag("readout_squares", self.readout_squares, "auto")
        check_verbose(self.verbose)
        return self._learns(self, *lags, Drawing(self, lags, sizes, radii, leaks), loss, forgetting)

    _learns = ESNLearner

    def _solution(self):
        """Return the loss, and the forgetting of recursive least squares or None; raise where they do not fit."""
        loss = resolve_loss(self.loss)
        if not (loss is squared or has_parabola(self.loss)):
            raise ValueError(
                f"loss={self.loss!r} has no method parabola(e, rounding), which solving for a readout needs: give it "
                "one, or use another loss."
            )
        check_number("alpha", self.alpha, 0, words=("auto",))
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
                f"spectral_radius={self.spectral_radius!r} scales a W that is drawn, but W was given and is used as "
                "it is: scale it yourself, or leave one of them out."
            )
        return (n,)

    def _per_layer(self, name, n, high=None, usual=None, default=None, **kw):
        """Check a parameter that is a number, or one number for each of n layers; returns a list.

        usual : the word that stands for a default.
        """
        value = getattr(self, name)
        value = default if isinstance(value, str | None) and value == usual else value
        one_each = np.iterable(value) and not isinstance(value, str)
        values = list(value) if one_each else [value] * n
        words = () if one_each or usual is None else (usual,)
        for v in values:
            check_number(name, v, 0, high, words=words, **kw)
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
        if not trained.carry.probe:
            name = type(self).__name__
            raise AttributeError(f"{name} of whole series keeps no rows to measure its memory on.")
        return memory_length(trained.dynamics, *trained.carry.probe)

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
        units, table, entered = self._enter_all(X, y, start)
        dynamics = self._dynamics()
        shape = len(table.X), dynamics.reservoir.R
        check_memory("The states", shape, "fewer rows of X at a time")
        states = np.empty(shape)
        for part, (inputs, U, stretches, past) in zip(table.parts, entered):
            of_part = states[part.rows]
            for rows, missing in stretches:
                past, leg = across(dynamics, units, past, missing), inputs.of(rows)
                fed, levels = np.full_like(U[rows], np.nan), past.levels
                if dynamics.sees_y:
                    followed = follow(dynamics, units, leg, U[rows], past)
                    fed, levels = followed.Z, followed.after.levels
                for t, _, S, _ in dynamics.blocks(leg.z, fed, past.memory, read=False):
                    of_part[rows][t : t + len(S) - 1] = S[1:]
                memory = dynamics.after(leg.z, fed, past.memory, S[-1])
                past = Past(memory, levels, leg.filled[-1, : units.n_inputs])
        return table.give_back(states)

    def transform(self, X):
        """Return the states along rows: features of what came before, for any readout of scikit-learn's.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Rows begin where they do in ``predict``. A net that sees y feeds itself.

        Returns
        -------
        states : ndarray of shape (n_timesteps, n_units)
            As those of ``states``.

        Notes
        -----
        States do not depend on y, beside the scales that are chosen by it: for a clustering fit ``X, X``.

        Examples
        --------
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> from sklearn.svm import SVR
        >>> from tsrnn import ESNRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(900, random_state=0)
        >>> net = ESNRegressor(100, random_state=0)
        >>> readout = make_pipeline(net, StandardScaler(), SVR(C=10.0, epsilon=0.01, gamma=1e-3))
        >>> bool(readout.fit(X[:700], y[:700]).score(X[700:], y[700:]) > 0.8)  # NARMA-10 remembers ten rows
        True
        """
        return self.states(X)

    @property
    def _n_features_out(self):
        """Units of the reservoir."""
        return self._dynamics().reservoir.R

    def initialize(self, X, y, groups=None):
        """Draw the reservoir and learn the scales: the same as ``fit``, which learns nothing more but the readout.

        Recurrent nets of this name are untrained afterwards; states of a reservoir, and all that is measured of them,
        do not depend on its readout.

        Parameters
        ----------
        X, y, groups : as for ``fit``

        Returns
        -------
        self : the fitted estimator
        """
        return self.fit(X, y, groups=groups)

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
        K = dynamics.reservoir.R if max_delay is None else max_delay
        check_number("max_delay", K, 1, integer=True)
        n_timesteps = max(6000, 4 * K + 200) if n_timesteps is None else n_timesteps
        check_number("n_timesteps", n_timesteps, 4 * K + 200, integer=True)
        return memory_capacity(dynamics, K, n_timesteps, check_random_state(random_state))

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

        Raises
        ------
        ValueError
            X or y does not fit the model, or rows are missing within X.

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
        X, Y, past = self._enter_whole(X, y, start)
        return lyapunov_exponent(self._dynamics(), X, Y, past.memory)


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
    >>> model.predict(X[1200:]).shape  # continues where training ended
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
    >>> bool(model.score(x[500:, None], y[500:]) > 0.9)  # continues where training ended
    True
    """

    loss: ClassVar[str] = "squared"

    _warmup = ({"n_reservoir": 2, "output_lags": 1},)

    def _link(self, classes):
        """Return the link of estimates, which the readout gives itself."""
        return Link("identity")

    def _errors_left_out(self, Y, out, w):
        """Count wrong labels, then sum squared errors."""
        one_of_many = Y.shape[1] > 1 and (Y.sum(axis=1) == 1).all()
        wrong = Y.argmax(axis=1) != out.argmax(axis=1) if one_of_many else ((out > 0.5) != Y).mean(axis=1)
        return float(w @ wrong), *super()._errors_left_out(Y, out, w)

    def _judged(self, form, trained, series):
        """Fit the sharpness of scores: those of training rows; of whole series, those by readouts of all others."""
        dynamics, n_free, D, Y = trained.dynamics, MAX_SHARPENED, [], []
        if form.whole:
            counts = np.isfinite(trained.left_out).all(axis=1)
            D, Y = [2 * trained.left_out[counts] - 1], [np.array([s.Y[-1] for s in series])[counts]]
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
