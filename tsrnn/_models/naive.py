"""What a forecast has to beat: the last value, the value a period ago, a linear model.

    persistence       y(t) = y(t - 1)
    seasonal naive    y(t) = y(t - p)
    ARX               y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)

They are models like all others, so that panels, bounds, intervals and backtests are the same for them.
"""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from .._check import check_number
from .._estimators.regressor import SequenceRegressor
from .._nets.dynamics import Dynamics, Learner, Trained
from .._nets.memory import Memory
from .._series.timeline import last_known
from .._values import kept


NUMBERS = 2**16  # of free runs at a time


@kept("shift")
@dataclass(frozen=True, eq=False)
class Shift(Dynamics):
    """y(t) = y(t - lead).

    n_inputs : D, of inputs that are not looked at.   mean : inputs (D,), outputs (O,) of training.
    """

    lead: int
    mean: tuple

    input_lag = np.inf
    sees_y = True

    @property
    def n_outputs(self):
        """O."""
        return len(self.mean[1])

    @property
    def params(self):
        """Nothing is learnt."""
        return ()

    def terms(self, p):
        """Add the equation of one row, for export; returns the span of the output."""
        return p.span("Y", self.lead)

    def zero(self, x, y):
        """Return the memory of constant rows y."""
        return Memory(np.empty((0, len(x))), np.tile(y, (self.lead, 1)))

    def cold(self):
        """Return the memory of mean rows."""
        return self.zero(*self.mean)

    def first(self):
        """Return the memory of mean rows."""
        return self.cold()

    def run(self, X, Y, memory):
        """Follow rows."""
        filled = last_known(np.concatenate([memory.Y, Y]), self.lead)
        return filled[: len(Y)], Memory(memory.X, filled[len(Y) :])

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows."""
        p, past = self.lead, np.concatenate([memory.Y, Y])
        at_once = max(1, NUMBERS // ((p + steps) * Y.shape[1]))
        for i in range(0, len(first), at_once):
            runs = slice(i, min(i + at_once, len(first)))
            fed = np.empty((p + steps, runs.stop - i, Y.shape[1]))  # from p rows before the start on
            fed[:p] = past[first[runs] + np.arange(p)[:, None]]
            for t in range(steps):
                fed[p + t] = fed[t] if settle is None else settle(runs, t, fed[t])
            yield runs, fed[:steps]


@dataclass(frozen=True, eq=False)
class NaiveLearner(Learner):
    """Learns nothing but the means of training."""

    period: int

    sees_y = True
    whole_scale = False  # values come back as they went in

    def learn(self, net, series, mean, rng, before=None):
        """Check that some stretch has a period."""
        longest = max(len(s.Y) for s in series)
        if longest < self.period:
            raise ValueError(
                f"period={self.period} is longer than the longest stretch of rows without a gap, {longest} "
                f"(n_samples = {sum(len(s.Y) for s in series)}): give more rows or a shorter period."
            )
        return Trained(Shift(np.zeros(0), self.period, mean), 1, [], [])

    def fade(self, trained, share):
        """Return what was learnt, which is nothing."""
        return trained

    def learn_more(self, trained, series, memory, rng):
        """Return the model as it is: nothing is learnt."""
        return trained


class Naive(SequenceRegressor):
    """y(t) = y(t - p); a subclass brings p, ``_season``.

    Attributes
    ----------
    state_ : tuple (X, Y) of ndarrays of shape (0, n_features), (lead_, n_outputs)
        The last values of y: the memory.
    lead_ : int
        Rows of history that a forecast needs: the period.
    theta_ : ndarray of shape (0,)
        Nothing is learnt.
    n_features_in_, n_outputs_ : int
        Columns of X, which are not looked at, and of y.
    """

    _is_compared = False  # with itself
    scale: ClassVar = None  # so that values come back as they went in

    def _learner(self):
        check_number("period", self._season(), 1, integer=True)
        return NaiveLearner(self, int(self._season()))

    @property
    def params_(self):
        """Nothing is learnt: ()."""
        return self._dynamics().params

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class PersistenceRegressor(Naive):
    """The last value goes on: y(t) = y(t - 1).

    The forecast of a random walk, and hard to beat one step ahead. X is not looked at. Where y is NaN the last
    known value stands for it; before any, the mean of training.

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

    _: KW_ONLY
    start: str | tuple = "auto"
    random_state: object = None
    target_bounds: tuple | None = None

    def _season(self):
        return 1


class SeasonalNaiveRegressor(Naive):
    """The value a period ago: y(t) = y(t - period).

    X is not looked at. Where y is NaN the last known value a whole number of periods before stands for it; before
    any, the mean of training.

    Parameters
    ----------
    period : int, default=1
        Rows of a season: 24 for the same hour of yesterday, 168 for that of last week. 1 is persistence.

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

    period: int = 1
    _: KW_ONLY
    start: str | tuple = "auto"
    random_state: object = None
    target_bounds: tuple | None = None

    def _season(self):
        return self.period
