"""What a forecast has to beat: the last value, the value a period ago, a linear model.

    persistence       y(t) = y(t - 1)
    seasonal naive    y(t) = y(t - p)
    ARX               y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)

They are models like all others, so that panels, bounds, intervals and backtests are the same for them.
"""

import numpy as np

from .._check import check_number
from .._estimators.sequence import SequenceRegressor, documented
from .._nets.memory import Memory
from .._series.timeline import last_known


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

    def _terms(self, p):
        return p.span("Y", self.lead_)

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
