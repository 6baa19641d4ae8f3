"""ARX, the linear autoregression that a net has to beat.

y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)
"""

import numpy as np

from .._check import check_number
from .._nets.delay_loss import WindowLoss
from .._series.lags import parse_lags
from .delay_network import DelayNetwork


class ARXRegressor(DelayNetwork):
    """Linear autoregression with exogenous inputs (ARX), by ridge regression.

    y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l), fitted one step ahead from measured y, exactly and in one pass.
    The linear model that a net has to beat. ``partial_fit`` gives what a fit to all rows would (with the scaling of
    the first).

    Parameters
    ----------
    input_lags : int or sequence of int, default=2
        An int L stands for x(t), x(t - 1) ... x(t - L), a sequence for exactly those lags.
    output_lags : int or sequence of int, default=3
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags.
    alpha : float, default=1e-4
        Penalty: alpha times the squared weights is added to the sum of squared errors (in scaled units). 0 is least
        squares.
    scale : {"standard", "minmax", "robust", None}, default="standard"
        How X and y are scaled inside, learnt from the training rows.
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts; see :class:`~tsrnn.NARXRegressor`.
    random_state : int, RandomState or None, default=None
        For sample paths of ``forecast``; the fit draws nothing.
    target_bounds, target_transform, missing, series
        As for :class:`~tsrnn.NARXRegressor`.

    Attributes
    ----------
    params_ : tuple of one (W, b)
        The coefficients in scaled units, W of shape (n_lags x n_columns, n_outputs): first the inputs, oldest lag
        first, then the outputs, oldest lag first.
    theta_ : ndarray of shape (n_parameters,)
        The same, flat.
    state_ : tuple (X, Y) of ndarrays of shape (lead_, n_features), (lead_, n_outputs)
        The last rows seen, in scaled units: the memory.
    lead_ : int
        Rows of history that a forecast needs.
    n_iter_ : int
        1.
    loss_curve_ : list of float
        Half the mean squared error in scaled units, plus the penalty.
    x_scaler_, y_scaler_ : tuple (center, scale) of ndarrays
        z = (v - center) / scale takes the user's units to the model's.
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
    NARXRegressor : the same with hidden layers.

    References
    ----------
    .. [1] L. Ljung. "System identification: theory for the user." Prentice Hall, 1999, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import ARXRegressor
    >>> y = 0.5 ** np.arange(8.0)
    >>> model = ARXRegressor(output_lags=1, alpha=0).fit(None, y)
    >>> model.forecast(2) * 2**9
    array([2., 1.])
    """

    hidden_layer_sizes, activation, skip_connections, loss = (), "identity", False, "squared"
    warm_start, batch_size = False, 1

    _warmup = ({},)

    def __init__(
        self,
        input_lags=2,
        output_lags=3,
        *,
        alpha=1e-4,
        scale="standard",
        start="auto",
        random_state=None,
        target_bounds=None,
        target_transform=None,
        missing="error",
        series=None,
    ):
        self.input_lags = input_lags
        self.output_lags = output_lags
        self.alpha = alpha
        self.scale = scale
        self.start = start
        self.random_state = random_state
        self.target_bounds = target_bounds
        self.target_transform = target_transform
        self.missing = missing
        self.series = series

    def _check_params(self):
        self._lags()
        check_number("alpha", self.alpha, 0)

    def _lags(self):
        return (
            parse_lags(self.input_lags, "input_lags", 0),
            parse_lags(self.output_lags, "output_lags", 1),
            [],
        )

    def _validation_share(self):
        return 0.0

    def _fit_series(self, series, rng):
        self._check_enough_rows(series)
        objective = WindowLoss(self._net, series, *self._open_loop(), self.alpha, np.float64)
        if objective.n == 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) has its {self.lead_} rows of history without "
                "NaN: give shorter lags, or more rows."
            )
        self.theta_ = objective.solve_linear(np.zeros(self._net.size), objective.decay)
        rr, _, JJ = objective.gauss_newton(self.theta_)
        self._information = JJ + np.diag(objective.decay)
        self.n_iter_ = 1
        self.loss_curve_ = [(rr + objective.decay @ self.theta_**2) / (2 * objective.weight)]
