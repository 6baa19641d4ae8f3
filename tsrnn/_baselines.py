"""What a forecast has to beat: the last value, the value a period ago, a linear model.

    persistence       y(t) = y(t - 1)
    seasonal naive    y(t) = y(t - p)
    ARX               y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)

They are models like all others, so that panels, bounds, intervals and backtests are the same for them.
"""

import numpy as np

from ._base import SequenceRegressor, documented
from ._delay_net import DelayNetwork, Memory, Objective
from ._solvers import check_number
from ._windows import parse_lags


NUMBERS = 2**16  # of free runs at a time


PARAMETERS = """
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts; see :class:`~tsrnn.NARXRegressor`.
    random_state : int, RandomState or None, default=None
        For sample paths of ``forecast``.
    target_bounds, target_transform, missing, series
        As for :class:`~tsrnn.NARXRegressor`.
"""

ATTRIBUTES = """
    state_ : tuple (X, Y) of ndarrays of shape (0, n_features), (lead_, n_outputs)
        The last values of y: the memory.
    lead_ : int
        Rows of history that a forecast needs: the period.
    theta_ : ndarray of shape (0,)
        Nothing is learnt.
    series_ : dict
        Where each series stands, by its key (None where there is one): what goes on from its last row seen, its stamps.
        ``state_`` and ``timeline_`` are those of the one series.
    timeline_ : tuple or None
        First and last stamp of the rows seen and how they are spaced, where their index tells.
    n_features_in_, n_outputs_ : int
        Columns of X, which are not looked at, and of y.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of X's columns, where it had them.
"""

shared_docs = documented(parameters=PARAMETERS, attributes=ATTRIBUTES)


class Naive(SequenceRegressor):
    """y(t) = y(t - p); a subclass brings p, ``_season``."""

    scale = None  # so that values come back as they went in

    def _check_size(self, Xz, Z):
        """Values come back as they went in."""

    def _check_params(self):
        check_number("period", self._season(), 1, integer=True)

    def _wants_inputs(self):
        return True  # they are ignored, but scikit-learn wants an array without columns to be refused

    def _can_do_without_inputs(self):
        return True

    def _least_input_lag(self):
        return np.inf

    def _validation_share(self):
        return 0.0

    def _prepare(self, n_inputs, n_outputs):
        self.theta_, self.lead_ = None, int(self._season())

    def _fit_series(self, series, rng):
        longest = max(len(s.Y) for s in series)
        if longest < self.lead_:
            raise ValueError(
                f"period={self.lead_} is longer than the longest stretch of rows without a gap, {longest} (n_samples = "
                f"{sum(len(s.Y) for s in series)}): give more rows or a shorter period."
            )
        self.theta_, self.n_iter_, self.loss_curve_ = np.zeros(0), 1, []

    def _fit_more(self, series, memory, rng):
        """Nothing is learnt."""

    @property
    def params_(self):
        """Nothing is learnt: ()."""
        return ()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags

    # ---------------------------------------------------------------------------------- following

    def _zero(self, x, y):
        return Memory(np.empty((0, len(x))), np.tile(y, (self.lead_, 1)))

    def _cold(self):
        return self._zero(*self._mean)

    _first = _cold

    def _run(self, X, Y, memory):
        known = last_known(np.concatenate([memory.Y, Y]), self.lead_)
        return known[: len(Y)], Memory(memory.X, known[len(Y) :])

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        p, past = self.lead_, np.concatenate([memory.Y, Y])
        some = max(1, NUMBERS // ((p + steps) * Y.shape[1]))
        for i in range(0, len(first), some):
            which = slice(i, min(i + some, len(first)))
            fed = np.empty((p + steps, which.stop - i, Y.shape[1]))  # from p rows before the start on
            fed[:p] = past[first[which] + np.arange(p)[:, None]]
            for t in range(steps):
                fed[p + t] = fed[t] if settle is None else settle(which, t, fed[t])
            yield which, fed[:steps]


def last_known(Z, p):
    """Z (N, O) with NaN replaced by the last value whole periods before; the first p rows are finite."""
    n, O = Z.shape
    cycles = -(-n // p)
    Z = np.concatenate([Z, np.full((cycles * p - n, O), np.nan)]).reshape(cycles, p, O)
    at = np.where(np.isnan(Z), 0, np.arange(cycles)[:, None, None])
    return np.take_along_axis(Z, np.maximum.accumulate(at), axis=0).reshape(-1, O)[:n]


@shared_docs
class PersistenceRegressor(Naive):
    """The last value goes on: y(t) = y(t - 1).

    The forecast of a random walk, and hard to beat one step ahead. X is not looked at. Where y is NaN the last
    known value stands for it; before any, the mean of training.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    SeasonalNaiveRegressor : the value a period ago.
    tsrnn.model_selection.backtest : compares a model with both.

    References
    ----------
    .. [1] R. J. Hyndman, G. Athanasopoulos. "Forecasting: principles and practice." OTexts, 2021, section 5.2.

    Examples
    --------
    >>> from tsrnn import PersistenceRegressor
    >>> model = PersistenceRegressor().fit(None, [3.0, 5.0, 4.0])
    >>> model.forecast(2)
    array([4., 4.])
    >>> model.predict_ahead(None, [6.0, 8.0, 7.0], steps=1)
    array([4., 6., 8.])
    """

    def __init__(
        self,
        *,
        start="auto",
        random_state=None,
        target_bounds=None,
        target_transform=None,
        missing="error",
        series=None,
    ):
        self.start = start
        self.random_state = random_state
        self.target_bounds = target_bounds
        self.target_transform = target_transform
        self.missing = missing
        self.series = series

    def _season(self):
        return 1


@shared_docs
class SeasonalNaiveRegressor(Naive):
    """The value a period ago: y(t) = y(t - period).

    X is not looked at. Where y is NaN the last known value a whole number of periods before stands for it; before
    any, the mean of training.

    Parameters
    ----------
    period : int, default=1
        Rows of a season: 24 for the same hour of yesterday, 168 for that of last week. 1 is persistence.
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    PersistenceRegressor : the last value.

    References
    ----------
    .. [1] R. J. Hyndman, G. Athanasopoulos. "Forecasting: principles and practice." OTexts, 2021, section 5.2.

    Examples
    --------
    >>> from tsrnn import SeasonalNaiveRegressor
    >>> model = SeasonalNaiveRegressor(period=3).fit(None, [0.0, 1.0, 2.0, 0.5, 1.5, 2.5])
    >>> model.forecast(4)
    array([0.5, 1.5, 2.5, 0.5])
    """

    def __init__(
        self,
        period=1,
        *,
        start="auto",
        random_state=None,
        target_bounds=None,
        target_transform=None,
        missing="error",
        series=None,
    ):
        self.period = period
        self.start = start
        self.random_state = random_state
        self.target_bounds = target_bounds
        self.target_transform = target_transform
        self.missing = missing
        self.series = series

    def _season(self):
        return self.period


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
        objective = Objective(self._net, series, *self._open_loop(), self.alpha, np.float64)
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
