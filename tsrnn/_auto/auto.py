"""One call for people with a series: candidates, a race, a blend, and every verb of the others.

    y^(k + G + s) = sum_c w_cs f_c(k, G + s),    w_cs >= 0,  sum_c w_cs = 1,    G = gap

f_c are the members that ``race.py`` leaves, w_cs their weights by step (``blend.py``).  Members are functions of the
rows before an origin and of the inputs known ahead; side by side they are a ``Dynamics`` (``dynamics.py``), which a
``RaceLearner`` makes (``learner.py``).  Here are the parameters, and the reading of the user's rows: stamps are a last
column of X, and missing rows are rows without y, so that a series is one, on its own regular grid.
"""

from dataclasses import KW_ONLY
from itertools import islice
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, clone

from .._check import check_number, check_word
from .._estimators.following import begin, cut, unknown_past
from .._estimators.intervals.errors import Errors
from .._estimators.known_ahead import KnownAhead
from .._estimators.lag_regressor import has_memory_inside
from .._estimators.regressor import SequenceRegressor
from .._series.grid import on_grid
from .._series.lags import is_auto
from .._series.stamps import PER_SECOND
from .dynamics import UNSTATED
from .learner import Outcome, RaceLearner


LONG_GAP = 1000  # missing rows beyond which a gap is not filled: the series starts anew
MISSING = ("error", "hold", "mean")
ENSEMBLES = ("mean", "median")


class AutoForecaster(MetaEstimatorMixin, KnownAhead, SequenceRegressor):
    """Forecasts of a series with one call, and no settings to choose.

    Seasons, lags, transforms and calendar features are found from the rows and their index. Autoregressions,
    exponential smoothing, nets and naive forecasts are compared on all origins of several held-out stretches; those far
    behind are dropped early, and the best are blended, with weights for each step, and refitted to all rows.
    ``leaderboard_`` has the error of each.

    Parameters
    ----------
    horizon : int, default=24
        Rows to forecast.
    candidates : "auto" or list of estimators, default="auto"
        What to try besides autoregressions, smoothing and naive forecasts. "auto": NARX, ESN and GRU nets and gradient
        boosting, where there are enough rows. A list: estimators of tsrnn (which see the calendar and the inputs known
        ahead) and any regressors of scikit-learn's kind, fitted to the residuals of the best autoregression; an empty
        list adds none.
    ensemble : {"mean", "median"}, default="mean"
        How the members' forecasts are combined: by weights for each step, or by their median, which a single member
        that goes astray hardly moves (on series of many kinds its errors were the same within a few per cent).
    time_budget : float, default=60
        Seconds of processor time of the fitting thread. Which candidates are tried depends on counts of rows and
        weights, which stand for seconds on a slow core, so that the result is the same on any machine; only if the
        clock itself runs out are the remaining ones left out, with a warning.
    gap : int, default=0
        Rows by which the target arrives later than the inputs, such as 48 for hourly meters that are read out after two
        days: candidates forecast the ``horizon`` rows after row t from y up to t - gap, as do all later forecasts. The
        last ``gap`` rows of y may be NaN in every method, and are never looked at; nor are inputs there, except those
        known ahead. Rows of X whose y has arrived since are given again: ``update`` and ``partial_fit`` replace (by
        their stamps) up to ``gap`` rows seen, so one call with the last ``gap`` rows and the new ones brings both.
    missing : {"error", "hold", "mean"}, default="error"
        NaN in X raises, or is replaced by the last value known or by the training mean. NaN in y is always allowed.
    random_state : int, RandomState or None, default=None
        For nets and sample paths.
    verbose : int, default=0
        1 prints a line for each candidate.

    Attributes
    ----------
    leaderboard_ : DataFrame
        A row for the blend and each candidate, the best first: ``error`` (RMSE and MAE relative to those of the best
        naive forecast, averaged over steps, on the held-out stretches), ``RMSE-1``, ``RMSE-3`` ... (of a panel, in
        units of each series), ``weight`` in the blend, ``seconds`` of processor time, ``note`` (why it was dropped).
    verdict_ : str
        In one line, whether anything beats persistence and the seasonal naive forecast.
    members_ : list
        What was blended, fitted to all rows.
    weights_ : ndarray of shape (n_members, horizon, n_outputs)
        Not negative; for each step they add up to one. Of a median all are equal.
    seasons_ : tuple of int
        Periods in rows.
    lags_ : tuple of int
        Of y, of the best autoregression.

    See Also
    --------
    Forecaster : one estimator for several horizons.
    tsrnn.model_selection.backtest : how good are its forecasts?

    Notes
    -----
    The methods are those of :class:`~tsrnn.NARXRegressor`. Intervals come from the blend's own errors on the held-out
    stretches, made by candidates that had fewer rows; ``calibrate`` uses other rows. Several series have levels and
    units of their own, and share what is learnt. The recent bias of the blend is subtracted from its forecasts ([4]_)
    where that reduced errors on the held-out stretches.

    References
    ----------
    .. [1] R. J. Hyndman, G. Athanasopoulos. "Forecasting: principles and practice." OTexts, 2021.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes. "Ensemble selection from libraries of models." ICML 2004.
    .. [3] K. Jamieson, A. Talwalkar. "Non-stochastic best arm identification and hyperparameter optimization." AISTATS
       2016.
    .. [4] M. P. Clements, D. F. Hendry. "Intercept corrections and structural change." Journal of Applied Econometrics
       11(5), 1996.

    Examples
    --------
    >>> from tsrnn import AutoForecaster
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> model = AutoForecaster(horizon=5, random_state=0).fit(None, y[:"1955"])
    >>> model.forecast(5, level=80).columns.tolist()
    ['sunspots', 'lo-80', 'hi-80']
    >>> bool(model.leaderboard_.error.iloc[0] < 1)
    True
    """

    horizon: int = 24
    _: KW_ONLY
    candidates: object = "auto"
    time_budget: float = 60
    verbose: int = 0
    gap: int = 0
    ensemble: str = "mean"

    scale: ClassVar = None
    target_transform: ClassVar = None
    _is_compared = False  # with naive forecasts again: the race has done so
    _outcome = None  # set in a copy that reuses the outcome of a race

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # rows are time: a shuffled problem has none
        return tags

    @property
    def leaderboard_(self):
        """The error of each candidate, the best first."""
        board = self._trained().carry.board
        index = pd.Index([row["candidate"] for row in board], name="candidate")
        return pd.DataFrame(board, index=index).drop(columns="candidate")

    @property
    def verdict_(self):
        """Whether anything beats persistence and the seasonal naive forecast."""
        return self._trained().carry.verdict

    @property
    def members_(self):
        """The blended models, fitted to all rows."""
        return list(self._dynamics().members)

    @property
    def weights_(self):
        """Weights of each member at each step and output."""
        return self._dynamics().weights

    @property
    def seasons_(self):
        """Periods in rows."""
        return self._dynamics().reading.calendar.seasons

    @property
    def lags_(self):
        """Lags of y of the best autoregression."""
        return self._dynamics().lags

    # ---------------------------------------------------------------------------------- learning

    def fit(self, X, y=None, sample_weight=None, groups=None):
        """Run the race, and fit the blend to all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs; rows are time. None, or a table without columns, for a model of y (and the calendar) alone.
            Several series: as for :class:`~tsrnn.NARXRegressor`.
        y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
            Target. NaN where it was not measured.
        sample_weight : array-like of shape (n_timesteps,), optional
            How much each row counts where coefficients are learnt; 0 is a row that is only seen as history.
        groups : array-like of shape (n_timesteps,), optional
            The series of each row.

        Returns
        -------
        self : the fitted estimator, or as it was before the call if that fails or is interrupted

        Raises
        ------
        ValueError, TypeError
            A parameter is out of range; X is not finite; X and y differ in length or in their stamps; y has no measured
            value.

        Warns
        -----
        UserWarning
            Nothing beats persistence and the seasonal naive forecast; there are too few rows to compare forecasts; the
            clock ran out.
        """
        return super().fit(X, y, sample_weight, groups)

    def _learner(self):
        """Check the parameters; returns the learner."""
        check_number("horizon", self.horizon, 1, integer=True)
        check_number("time_budget", self.time_budget, 0, low_open=True)
        check_number("verbose", self.verbose, 0, integer=True)
        check_number("gap", self.gap, 0, integer=True)
        check_word("missing", self.missing, MISSING)
        check_word("ensemble", self.ensemble, ENSEMBLES)
        listed = isinstance(self.candidates, (list, tuple))
        if not listed and not is_auto(self.candidates):
            raise (ValueError if isinstance(self.candidates, str) else TypeError)(
                f"candidates={self.candidates!r} is not a list: give 'auto', or a list of estimators."
            )
        for model in self.candidates if listed else ():
            if isinstance(model, type) or not hasattr(model, "fit") or not hasattr(model, "get_params"):
                raise TypeError(
                    f"candidates: {model!r} is not an estimator: give objects such as NARXRegressor() or a regressor "
                    "of scikit-learn."
                )
            if not isinstance(model, SequenceRegressor) and has_memory_inside(model):
                raise TypeError(
                    f"candidates: {model!r} wraps an estimator that has a memory, which the race cannot follow: give "
                    "the estimator inside, with its target_transform and scale in place of the wrapper."
                )
        return RaceLearner(self, self._outcome)

    def _for_y(self, learner, form, table):
        """Return the learner of these rows."""
        return learner.of(table)

    def _first_errors(self, units, trained, rows, counts):
        """Return the errors of the race on its held stretches."""
        return Errors([], None, {}, {}, trained.carry.made)

    def _settle(self, table, units, trained, U, filled, Xz):
        """Return the ``Place`` of each series after its last row."""
        places, ends = {}, iter(trained.ends)
        for part in table.parts:
            n = part.rows.stop - part.rows.start
            *_, memory = islice(ends, len(cut(part.stamps, n)))
            past = unknown_past(units, memory)._replace(inputs=filled[part.rows][-1])
            X, levels = table.X[part.rows], U[part.rows]
            places[part.key] = begin(trained.dynamics, units, part, X, levels, np.isfinite(levels), past)
        return places

    def _unfitted(self):
        """Return an unfitted copy that keeps the members of this race."""
        unfitted, trained = clone(self), self._trained()
        unfitted._outcome = Outcome(trained.carry.entered, trained.dynamics.weights, trained.carry)
        return unfitted

    # ---------------------------------------------------------------------------------- rows

    def _with_model_inputs(self, X, parts):
        """Append to X (N, F) each row's time in seconds, UNSTATED where the index has none."""
        when = np.full((len(X), 1), UNSTATED)
        for part in parts:
            if _is_date(part.stamps):
                times = when[part.rows]
                times[:, 0] = _seconds(part.stamps)[: len(times)]
        return np.concatenate([X, when], axis=1)

    def _check_fit(self, X, y, sample_weight, groups, fitted=None):
        """Check the rows; returns the ``Form``, and a table in which short gaps are filled with rows without y."""
        form, table = super()._check_fit(X, y, sample_weight, groups, fitted)
        table = on_grid(table, LONG_GAP)
        for part in table.parts:
            if _is_date(part.stamps):
                table.X[part.rows, -1] = _seconds(part.stamps)
        return form, table

    def plot(self, ax=None):
        """Draw RMSE by step on the held stretches: the blend, its members, naive forecasts.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default new ones.

        Returns
        -------
        ax : matplotlib Axes

        Raises
        ------
        ImportError
            matplotlib is not installed: ``pip install tsrnn[plot]``.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError:
                raise ImportError("plot needs matplotlib: pip install tsrnn[plot].") from None
            _, ax = plt.subplots(layout="constrained")
        for name, rmse in self._trained().carry.by_step.items():
            naive = name == "persistence" or name.startswith("seasonal naive")
            style = (
                {"color": "0.6", "linestyle": "--"}
                if naive
                else {"linewidth": 2.5 if name == "blend" else 1.0}
            )
            ax.plot(np.arange(1, len(rmse) + 1), rmse, label=name, **style)
        ax.set_xlabel("steps ahead")
        ax.set_ylabel("RMSE on held stretches")
        ax.set_ylim(bottom=0)
        ax.legend(fontsize="small")
        return ax


def _is_date(stamps):
    """Return whether stamps are dates."""
    return stamps is not None and stamps.clock.kind == "stamp"


def _seconds(stamps):
    """Convert stamps to seconds (n,) since 1970."""
    return stamps.values / PER_SECOND[stamps.clock.unit]
