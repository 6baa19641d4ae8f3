"""Time-delay neural network (TDNN).

    y(t) = f(x(t) ... x(t - L))

f is a net that slides along the series: a delay network (``delay_kernels.py``) without feedback, each layer
with delays of its own.
"""

from numbers import Integral

import numpy as np

from .._series.lags import parse_lags
from .delay_network import DelayNetwork


def _is_int(value):
    """Whether a value is an int, and not True or False."""
    return isinstance(value, Integral) and not isinstance(value, bool)


class TDNNRegressor(DelayNetwork):
    """Time-delay neural network.

    y(t) = f(x(t) ... x(t - L)), f a multilayer perceptron that slides along the series [1]_. With lags between
    its hidden layers too it is a stack of causal convolutions; with dilations, the shape of WaveNet [2]_.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(16,)
        Width of each hidden layer; ``()`` for a linear model.
    input_lags : int or sequence of int, default=8
        Lags of the inputs that the first layer sees. An int L stands for x(t) ... x(t - L), a sequence for
        exactly those lags; ``range(h, h + L)`` is a direct h-step forecaster.
    layer_lags : int or sequence, default=0
        Lags at which each later hidden layer sees the one below it: an int for all of them, or one entry a
        layer, each an int or a sequence as for ``input_lags``.
    dilations : sequence of int or None, default=None
        One factor a hidden layer, by which its lags are multiplied: ``input_lags=1, layer_lags=1,
        dilations=(1, 2, 4, 8)`` lets four layers see 16 rows.
    activation : {"tanh", "logistic", "relu", "identity"}, default="tanh"
        Of the hidden layers.
    skip_connections : bool, default=True
        Whether the output layer sees the inputs' lags too, beside the hidden layers: a linear model plus a net.
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Without hidden layers, pinball is linear quantile regression.
    solver : {"auto", "lm", "lbfgs", "adam", "sgd", "rmsprop", "evolution"} or object, default="auto"
        How the loss is minimised: a word, or an object with its own settings such as ``Adam(1e-2)``. "auto" is
        :class:`~tsrnn.LevenbergMarquardt` for a net small enough and :class:`~tsrnn.Adam` beyond; with another loss
        than the squared one, :class:`~tsrnn.LBFGS` for "huber" and Adam for those with kinks.
    alpha, batch_size, max_iter, tol, early_stopping, validation_fraction, n_iter_no_change, n_restarts, scale, \
start, warm_start, random_state, verbose, target_transform, target_bounds, missing, series
        As for :class:`~tsrnn.NARXRegressor`.

    Attributes
    ----------
    theta_, params_, state_, lead_, n_iter_, loss_curve_, validation_curve_, x_scaler_, y_scaler_, timeline_, \
n_features_in_, n_outputs_, feature_names_in_
        As for :class:`~tsrnn.NARXRegressor`.

    See Also
    --------
    NARXRegressor : with feedback of the outputs.

    References
    ----------
    .. [1] A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. J. Lang. "Phoneme recognition using time-delay
       neural networks." IEEE Transactions on Acoustics, Speech, and Signal Processing 37(3), 1989.
    .. [2] A. van den Oord et al. "WaveNet: A generative model for raw audio." arXiv:1609.03499, 2016.

    Examples
    --------
    >>> from tsrnn import TDNNRegressor
    >>> from tsrnn.datasets import make_mackey_glass
    >>> x = make_mackey_glass(1000, random_state=0)
    >>> X, y = x[:-6, None], x[6:]  # six steps ahead
    >>> model = TDNNRegressor(input_lags=(0, 6, 12, 18), random_state=0).fit(X[:500], y[:500])
    >>> bool(model.score(X[500:], y[500:]) > 0.99)
    True
    """

    _warmup = tuple(
        {"hidden_layer_sizes": (2,), "input_lags": 2, "solver": solver, "max_iter": 1, "random_state": 0}
        for solver in ("lm", "adam")
    )

    def __init__(
        self,
        hidden_layer_sizes=(16,),
        *,
        input_lags=8,
        layer_lags=0,
        dilations=None,
        activation="tanh",
        skip_connections=True,
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
        self.layer_lags = layer_lags
        self.dilations = dilations
        self.activation = activation
        self.skip_connections = skip_connections
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

    def _lags(self):
        n = len(self._hidden())
        later = self.layer_lags
        if _is_int(later):
            later = [later] * max(0, n - 1)
        if not np.iterable(later) or isinstance(later, str):
            raise TypeError(
                f"layer_lags={later!r}: give an int, or one entry for each hidden layer after the first."
            )
        if len(later) != max(0, n - 1):
            raise ValueError(
                f"layer_lags={self.layer_lags!r} has {len(later)} entries: give one for each of the {n - 1} hidden "
                "layers after the first, or an int for all of them."
            )
        names = ["input_lags", *(f"layer_lags[{k}]" for k in range(n - 1))]
        lags = [parse_lags(spec, name, 0) for spec, name in zip([self.input_lags, *later], names)]
        if not all(lags[1:]):
            raise ValueError(
                f"layer_lags={self.layer_lags!r}: a layer that sees nothing; give each at least one lag."
            )
        if self.dilations is not None:
            dilations = list(self.dilations) if np.iterable(self.dilations) else [self.dilations] * (n + 1)
            if len(dilations) != n or not all(_is_int(d) and d > 0 for d in dilations):
                raise ValueError(
                    f"dilations={self.dilations!r}: give one int >= 1 for each of the {n} hidden layers."
                )
            lags = [tuple(int(d) * k for k in lag) for d, lag in zip(dilations, lags)]
        return lags[0], (), [*lags[1:], (0,)] if n else []
