"""What a forecast has to beat: the last value, the value a period ago, one value for ever.

    persistence       y(t) = y(t - 1)
    seasonal naive    y(t) = y(t - p)
    constant          y(t) = c
    ARX, analogues    see ``arx.py``, ``analogue.py``

They are models like all others, so that panels, bounds, intervals and backtests are the same for them.
"""

from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import ClassVar, NamedTuple

import numpy as np

from .._check import check_number, check_word
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
    extrapolates = True
    learns_changes = False  # but would repeat them for ever
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


# ---------------------------------------------------------------------------------------- one value


@kept("constant")
@dataclass(frozen=True, eq=False)
class ConstantValue(Dynamics):
    """y(t) = theta, (O,).   mean : inputs (D,), outputs (O,) of training."""

    mean: tuple

    lead = 0
    input_lag = np.inf
    sees_y = True

    @property
    def n_outputs(self):
        """O."""
        return len(self.theta)

    @property
    def params(self):
        """The value."""
        return (self.theta,)

    def terms(self, p):
        """Add the equation of one row, for export; returns the span of the output."""
        return p.affine("value", self.theta, [])

    def run(self, X, Y, memory):
        """Follow rows."""
        return np.tile(self.theta, (len(Y), 1)), memory

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows."""
        at_once = max(1, NUMBERS // (steps * self.n_outputs))
        for i in range(0, len(first), at_once):
            runs = slice(i, min(i + at_once, len(first)))
            out = np.tile(self.theta, (steps, runs.stop - i, 1))
            for t in range(steps if settle is not None else 0):
                settle(runs, t, out[t])
            yield runs, out


@kept("sums of a mean")
class MeanCarry(NamedTuple):
    """Sums over rows learnt from: of weights, and of weighted y, (O,) each."""

    weight: np.ndarray
    total: np.ndarray


@dataclass(frozen=True, eq=False)
class ConstantLearner(Learner):
    """Learns the mean of y, or takes the value that is given."""

    sees_y = True
    whole_scale = False  # values come back as they went in

    def learn(self, net, series, mean, rng, before=None):
        """Average y over all rows that count."""
        O = len(mean[1])
        trained = Trained(
            ConstantValue(np.zeros(O), mean), 1, [], [], MeanCarry(np.zeros(O), np.zeros(O)), n_fitted=O
        )
        for s in series:
            trained = self.learn_more(trained, s, None, rng)
        return trained

    def learn_more(self, trained, series, memory, rng):
        """Average y over the new rows, too."""
        w = series.w[:, None] * np.isfinite(series.Y)
        weight = trained.carry.weight + w.sum(axis=0)
        total = trained.carry.total + (w * np.nan_to_num(series.Y)).sum(axis=0)
        value = total / np.maximum(weight, np.finfo(float).tiny)
        if not isinstance(self.p.value, str):
            value = np.full(len(total), float(self.p.value))
        return trained._replace(dynamics=trained.dynamics.but(theta=value), carry=MeanCarry(weight, total))

    def fade(self, trained, share):
        """Return what was learnt, whose sums count for so much less."""
        return trained._replace(carry=MeanCarry(*(share * v for v in trained.carry)))


# ---------------------------------------------------------------------------------------- estimators


class NaiveRegressor(SequenceRegressor):
    """y(t) = y(t - p); a subclass brings p, ``_season``.

    Parameters
    ----------
    target_transform : None, "auto", word, object or list of those, default=None
        As of ``NARXRegressor``; a baseline takes y as it is.

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class PersistenceRegressor(NaiveRegressor):
    """The last value continues: y(t) = y(t - 1).

    The forecast of a random walk, and hard to beat one step ahead. X is not looked at. Where y is NaN the last
    known value replaces it; before any, the mean of training.

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
    target_transform: object = None
    target_bounds: tuple | str | None = "auto"

    def _season(self):
        return 1


class SeasonalNaiveRegressor(NaiveRegressor):
    """The value a period ago: y(t) = y(t - period).

    X is not looked at. Where y is NaN the last known value a whole number of periods before replaces it; before
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
    target_transform: object = None
    target_bounds: tuple | str | None = "auto"

    def _season(self):
        return self.period


class ConstantRegressor(SequenceRegressor):
    """The same value for ever: y(t) = c, the mean of training, or 0 for returns.

    The forecast that is right for noise around a level: white returns, errors, anomalies. There persistence is worse by
    a factor of sqrt(2), and so nothing is proved by beating it. X is not looked at.

    Parameters
    ----------
    value : "mean" or float, default="mean"
        c: the mean of y, to which ``partial_fit`` adds new rows, or a number: 0 for returns.
    target_transform : None, "auto", word, object or list of those, default=None
        As of ``NARXRegressor``; a baseline takes y as it is.

    Attributes
    ----------
    theta_ : ndarray of shape (n_outputs_,)
        The value.
    n_features_in_, n_outputs_ : int
        Columns of X, which are not looked at, and of y.

    See Also
    --------
    PersistenceRegressor : the last value.

    References
    ----------
    .. [1] R. J. Hyndman, G. Athanasopoulos. "Forecasting: principles and practice." OTexts, 2021, section 5.2.

    Examples
    --------
    >>> from tsrnn import ConstantRegressor
    >>> ConstantRegressor().fit(None, [3.0, 5.0, 4.0]).forecast(2)
    array([4., 4.])
    >>> ConstantRegressor(0).fit(None, [0.1, -0.2, 0.3]).forecast(2)
    array([0., 0.])
    """

    value: str | float = "mean"
    _: KW_ONLY
    start: str | tuple = "auto"
    random_state: object = None
    target_transform: object = None
    target_bounds: tuple | str | None = "auto"

    scale: ClassVar = None  # so that values come back as they went in

    def _learner(self):
        value = self.value
        if isinstance(value, str):
            check_word("value", value, ("mean",))
        elif not isinstance(value, Real) or isinstance(value, (bool, np.bool_)) or not np.isfinite(value):
            raise ValueError(f"value={value!r}: give 'mean' or a number, such as 0 for returns.")
        return ConstantLearner(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags
