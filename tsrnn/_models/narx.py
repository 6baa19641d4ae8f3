"""Nonlinear autoregressive network with exogenous inputs (NARX).

    y(t) = f(y(t - 1) ... y(t - K), x(t) ... x(t - L))

f is a feed-forward net: a delay network (``delay_kernels.py``) whose first layer sees lags of y.  Open loop
(series-parallel) training feeds it measured y; closed loop (parallel) training feeds it its own y and lets
the gradient flow through them.
"""

from .._check import check_number
from .._estimators.sequence import SERIES_PARAMETERS, documented
from .._series.lags import parse_lags
from .delay_network import DelayNetwork


@documented(series_parameters=SERIES_PARAMETERS)
class NARXRegressor(DelayNetwork):
    """Nonlinear autoregressive network with exogenous inputs.

    y(t) = f(y(t - 1) ... y(t - K), x(t) ... x(t - L)), f a multilayer perceptron [1]_. Without X it is a
    nonlinear autoregression (NAR), without hidden layers a linear ARX model.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(16,)
        Width of each hidden layer; ``()`` for a linear model.
    input_lags : int or sequence of int, default=2
        An int L stands for x(t) ... x(t - L), a sequence for exactly those lags. ``range(1, L + 1)`` leaves out
        the present input, where it is not known ahead; ``range(h, h + L)`` with ``output_lags=range(h, h + K)``
        is a direct h-step forecaster, to be trained with ``training="open_loop"``.
    output_lags : int or sequence of int, default=3
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags.
    activation : {"tanh", "logistic", "relu", "identity"}, default="tanh"
        Of the hidden layers.
    skip_connections : bool, default=False
        Whether the output layer sees the lags too, beside the hidden layers: a linear ARX model plus a net. Good
        for a direct forecaster; in a free run a path without bounds may run away.
    training : {"both", "open_loop", "closed_loop"}, default="both"
        "open_loop" fits one-step forecasts from measured y; "closed_loop" fits free runs of
        ``sequence_length`` steps, each started from measured y; "both" goes from the first to the second, and on
        to longer runs while, on the validation rows, long free runs are far worse than those trained.
    sequence_length : int, default=32
        Steps of a free run in closed-loop training; in "both" the first horizon, which then grows.
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Without hidden layers, pinball is linear quantile regression.
    solver : {"auto", "lm", "lbfgs", "adam", "sgd", "rmsprop", "evolution"} or object, default="auto"
        How the loss is minimised: a word, or an object with its own settings such as ``Adam(1e-2)``. "auto" is
        :class:`~tsrnn.LevenbergMarquardt` for a net small enough and :class:`~tsrnn.Adam` beyond; with another loss
        than the squared one, :class:`~tsrnn.LBFGS` for "huber" and Adam for those with kinks.
    alpha : float, default=1e-4
        Weight decay: alpha times the squared weights is added to the sum of squared errors (in scaled
        units), or half of that to another loss. Only a start for a Bayesian LevenbergMarquardt.
    batch_size : int, default=200
        Rows in a mini-batch of a stochastic solver.
    max_iter : int, default=100
        Iterations (epochs, for a stochastic solver) of each stage of training.
    tol : float, default=1e-4
        A stage ends when ``n_iter_no_change`` iterations in a row did not lower the loss by this share.
    early_stopping : bool, default=True
        Hold back the last rows, watch the loss on them, stop when it rises and keep the best weights.
    validation_fraction : float, default=0.15
        Share of the rows, the last ones, that are held back for early stopping or to choose among restarts.
    n_iter_no_change : int, default=10
        See ``tol``.
    n_restarts : int, default=1
        Train from as many random starts and keep the best by validation loss.
    scale : {"standard", "minmax", "robust", None}, default="standard"
        How X and y are scaled inside, learnt from the training rows.
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts. "end": after the last row seen. "cold": from the mean of the training rows.
        "zeros": from zeros. A tuple: after following that history. "auto" asks the index of X: rows that go
        on from those seen start from the end, also over a short gap, with a warning; the training rows
        themselves from their own start; others cold. Without an index, from the end.
    warm_start : bool, default=False
        ``fit`` goes on from the weights it has.
    random_state : int, RandomState or None, default=None
        For the initial weights and mini-batches.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line an iteration.
    {series_parameters}

    Attributes
    ----------
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple of (W, b)
        The same, layer by layer: W of shape (n_lags x width below, width), b of shape (width,), in scaled units.
        Rows of the first W: the inputs, oldest lag first, then the outputs, oldest lag first.
    state_ : tuple (X, Y) of ndarrays of shape (lead_, n_features), (lead_, n_outputs)
        The last rows seen, in scaled units: the memory.
    lead_ : int
        Rows of history that a forecast needs.
    n_iter_ : int
        Iterations run.
    loss_curve_, validation_curve_ : list of float
        Loss after each iteration, in scaled units (half the mean squared error, for "squared"), plus the decay.
    x_scaler_, y_scaler_ : tuple (center, scale) of ndarrays
        z = (v - center) / scale takes the user's units to the model's. The scale of an input that was constant
        in training is inf: it is ignored.
    series_ : dict
        Where each series stands, by its key (None where there is one): what goes on from its last row seen, its stamps.
        ``state_`` and ``timeline_`` are those of the one series.
    timeline_ : tuple or None
        First and last stamp of the rows seen and how they are spaced, where their index tells.
    n_features_in_, n_outputs_ : int
        Columns of X and y.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of X's columns, where it had them.

    See Also
    --------
    TDNNRegressor : the same without feedback.

    References
    ----------
    .. [1] I. J. Leontaritis, S. A. Billings. "Input-output parametric models for non-linear systems."
       International Journal of Control 41(2), 1985.
    .. [2] K. S. Narendra, K. Parthasarathy. "Identification and control of dynamical systems using neural
       networks." IEEE Transactions on Neural Networks 1(1), 1990.
    .. [3] T. Lin, B. G. Horne, P. Tino, C. L. Giles. "Learning long-term dependencies in NARX recurrent neural
       networks." IEEE Transactions on Neural Networks 7(6), 1996.

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(1000, random_state=0)
    >>> model = NARXRegressor(random_state=0).fit(X[:800], y[:800])
    >>> model.predict(X[800:]).shape  # free run
    (200,)
    >>> bool(model.score(X[800:], y[800:]) > 0.999)
    True
    """

    _warmup = tuple(  # settings that together call every kernel
        {"hidden_layer_sizes": (2,), "solver": solver, "max_iter": 1, "random_state": 0}
        for solver in ("lm", "lbfgs", "adam")
    )

    def __init__(
        self,
        hidden_layer_sizes=(16,),
        *,
        input_lags=2,
        output_lags=3,
        activation="tanh",
        skip_connections=False,
        training="both",
        sequence_length=32,
        loss="squared",
        solver="auto",
        alpha=1e-4,
        batch_size=200,
        max_iter=100,
        tol=1e-4,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=10,
        n_restarts=1,
        scale="standard",
        start="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
        target_transform=None,
        target_bounds=None,
        missing="error",
        series=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.input_lags = input_lags
        self.output_lags = output_lags
        self.activation = activation
        self.skip_connections = skip_connections
        self.training = training
        self.sequence_length = sequence_length
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.n_restarts = n_restarts
        self.scale = scale
        self.start = start
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.target_transform = target_transform
        self.target_bounds = target_bounds
        self.missing = missing
        self.series = series

    def _check_params(self):
        super()._check_params()
        if self.training not in ("open_loop", "closed_loop", "both"):
            raise ValueError(
                f"training={self.training!r} is unknown: give 'open_loop', 'closed_loop' or 'both'."
            )
        check_number("sequence_length", self.sequence_length, 1, integer=True)

    def _lags(self):
        input_lags = parse_lags(self.input_lags, "input_lags", 0)
        output_lags = parse_lags(self.output_lags, "output_lags", 1)
        return input_lags, output_lags, [(0,)] * len(self._hidden())

    def _stages(self, series):
        longest = max(len(s.Y) for s in series) - self.lead_
        steps = min(self.sequence_length, longest)
        if self.training == "closed_loop":
            return [(steps, True)]
        if self.training == "open_loop":
            return [self._open_loop()]
        longer = (steps * 4**k for k in range(1, 10))  # reached only while long free runs stay worse
        return [self._open_loop(), (steps, True), *((n, True) for n in longer if n <= longest)]
