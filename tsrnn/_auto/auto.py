"""One call for people with a series: candidates, a race, a blend, and every verb of the others.

    y^(k + s) = sum_c w_cs f_c(k, s),    w_cs >= 0,  sum_c w_cs = 1

f_c are the members that ``race.py`` leaves, w_cs their weights by step (``blend.py``).  Members are functions of the
rows before an origin and of what is known ahead: where a series stands is nothing but its last rows, so that the verbs
are the same for all members.  A table becomes *blocks* (``field.py``): one series each, on its own regular grid, where
missing rows are rows without y.
"""

import time
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._check import check_number
from .._estimators.intervals import check_levels, check_method, folds
from .._estimators.persist import state_kept, state_to_keep
from .._estimators.regressor import Trajectories
from .._estimators.sequence import all_or_nothing
from .._series import timeline as timelines
from .._series.checks import (
    about,
    check_lengths,
    check_measured,
    check_start,
    check_steps,
    check_weight,
    check_y,
    plain_values,
)
from .._series.rows import gather
from .._series.seasons import Calendar, find_seasons, step_in_days
from .._series.stamps import PER_SECOND, Stamps, show, to_index
from .._series.targets import resolve_bounds
from .._training.least_squares import one_thread
from .._values import kept
from .._warn import warn
from . import bands, race
from .candidates import Linear, Naive
from .field import Block, errors_by_step, make_field


KEPT = 3000  # rows of a series that are remembered
LONG_GAP = 1000  # missing rows, after which a series begins anew
AT_ONCE = 48  # rows at least that predict makes before it goes on from its own forecasts
ROOM = 3.0  # times the range of training by which a forecast may leave it
SHOWN = (1, 3, 6, 12, 24, 48, 96)  # steps in the leaderboard
N_PATHS = 500  # sample paths
MISSING = ("error", "hold", "mean")


@kept("rows of a race")
class Past(NamedTuple):
    """The last rows of a series, on its grid.

    X : (L, F).   Y : (L, O), NaN where unknown, the user's units.   n : the number, since the first row of training, of
    the row that comes next.   times : (L,), the stamps' numbers, by ``clock``; None where they tell no date.
    """

    X: np.ndarray
    Y: np.ndarray
    n: int
    times: np.ndarray | None = None
    clock: Any = None

    @property
    def stamps(self):
        """The ``Stamps`` of the rows, or None."""
        return None if self.times is None else Stamps(self.times, self.clock)

    def then(self, X, Y, stamps):
        """After more rows."""
        rows = [np.concatenate(pair)[-KEPT:] for pair in ((self.X, X), (self.Y, Y))]
        joined = _cut(_after(self.stamps, stamps), -KEPT, None)
        return Past(*rows, self.n + len(Y), *(joined or (None, None)))


@kept("place of a race")
class Place(NamedTuple):
    """Where a series stands.

    number : of its block in training, None if it was not there.   scale : (O,), its unit.   head : its first row, X.
    """

    past: Past
    timeline: Any
    number: Any
    scale: np.ndarray
    head: np.ndarray


class Rows(NamedTuple):
    """Rows of one series on its grid, n' of them.

    at : (n,), where the user's rows are.   X, Y, weight, stamps : (n', ...).
    """

    at: np.ndarray
    X: np.ndarray
    Y: np.ndarray
    weight: np.ndarray
    stamps: Any


class AutoForecaster(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Forecasts of a series, found from the data: one call, no settings to know.

    Seasons, lags, transforms and features of the calendar are found from the rows and their index; autoregressions,
    exponential smoothing, nets and naive forecasts are compared on all origins of several held stretches, those far
    behind are dropped early, the best are blended with weights for each step and learn from all rows. ``leaderboard_``
    says how each did.

    Parameters
    ----------
    horizon : int, default=24
        Rows to forecast.
    known_ahead : "all", or sequence of str or int, default=()
        Columns of X, by name or number, that are known for the rows to forecast: holidays, prices, a weather forecast.
        By default none, which cannot leak; of others only the past is looked at. The calendar comes from the index.
    candidates : "auto" or list of estimators, default="auto"
        Beside autoregressions, smoothing and naive forecasts: "auto" tries NARX, ESN and GRU nets where there are rows
        enough; a list has estimators of tsrnn (which see the calendar and the inputs known ahead), and any regressors
        of scikit-learn's kind, which learn what the best autoregression leaves; an empty list keeps to those.
    time_budget : float, default=60
        Seconds. What is tried follows from counts of rows and weights, which stand for seconds on a slow core, so that
        the result is the same on any machine; only where the clock itself runs out, the rest is left out, with a
        warning.
    target_bounds : None or tuple (low, high), default=None
        What no forecast leaves; as for :class:`~tsrnn.NARXRegressor`.
    missing : {"error", "hold", "mean"}, default="error"
        What stands for NaN in X: an error, the last value known, the mean of training. NaN in y needs nothing.
    series : str, optional
        The column of X that tells several series apart.
    start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts; as for :class:`~tsrnn.NARXRegressor`.
    random_state : int, RandomState or None, default=None
        For nets and sample paths.
    verbose : int, default=0
        1 prints a line for each candidate.

    Attributes
    ----------
    leaderboard_ : DataFrame
        A row for the blend and each candidate, the best first: ``error`` (mean over steps of RMSE and MAE over those of
        the best naive forecast, on the held stretches), ``RMSE-1``, ``RMSE-3`` ... (of a panel in units of each
        series), ``weight`` in the blend, ``seconds`` of processor time, ``note`` (why it was dropped).
    verdict_ : str
        In one line, whether anything beats persistence and the seasonal naive forecast.
    members_ : list
        What was blended, fitted to all rows.
    weights_ : ndarray of shape (n_members, horizon, n_outputs)
        Not negative; for each step they add up to one.
    seasons_ : tuple of int
        Periods in rows.
    lags_ : tuple of int
        Of y, of the best autoregression.
    series_ : dict
        Where each series stands, by its key (None where there is one).
    n_features_in_, n_outputs_, feature_names_in_
        As for :class:`~tsrnn.NARXRegressor`.

    See Also
    --------
    Forecaster : one estimator for several horizons.
    tsrnn.model_selection.backtest : how good are its forecasts?

    Notes
    -----
    The verbs are those of :class:`~tsrnn.NARXRegressor`. Intervals come from the blend's own errors on the held
    stretches, made by candidates that had fewer rows; ``calibrate`` takes others. Of several series, each has its own
    level and unit; what is learnt is common to all.

    References
    ----------
    .. [1] R. J. Hyndman, G. Athanasopoulos. "Forecasting: principles and practice." OTexts, 2021.
    .. [2] R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes. "Ensemble selection from libraries of models." ICML 2004.
    .. [3] K. Jamieson, A. Talwalkar. "Non-stochastic best arm identification and hyperparameter optimization." AISTATS
       2016.

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

    def __init__(
        self,
        horizon=24,
        *,
        known_ahead=(),
        candidates="auto",
        time_budget=60,
        target_bounds=None,
        missing="error",
        series=None,
        start="auto",
        random_state=None,
        verbose=0,
    ):
        self.horizon = horizon
        self.known_ahead = known_ahead
        self.candidates = candidates
        self.time_budget = time_budget
        self.target_bounds = target_bounds
        self.missing = missing
        self.series = series
        self.start = start
        self.random_state = random_state
        self.verbose = verbose

    def __getstate__(self):
        return state_to_keep(self, super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(state_kept(self, state))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        tags.regressor_tags.poor_score = True  # rows are time: a shuffled problem has none
        return tags

    @property
    def timeline_(self):
        """First and last stamp of the rows seen and how they are spaced; None where their index does not tell."""
        if None not in self.__dict__.get("series_", {}):
            raise AttributeError(f"{type(self).__name__} has not seen one series: look into series_.")
        return self.series_[None].timeline

    @property
    def leaderboard_(self):
        """How each candidate did, the best first."""
        check_is_fitted(self)
        index = pd.Index([row["candidate"] for row in self._board], name="candidate")
        return pd.DataFrame(self._board, index=index).drop(columns="candidate")

    # ---------------------------------------------------------------------------------- checks

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type."""
        check_number("horizon", self.horizon, 1, integer=True)
        check_number("time_budget", self.time_budget, 0, low_open=True)
        check_number("verbose", self.verbose, 0, integer=True)
        check_start(self.start)
        if not isinstance(self.missing, str) or self.missing not in MISSING:
            raise ValueError(f"missing={self.missing!r} is unknown: give one of {MISSING}.")
        if isinstance(self.candidates, str):
            if self.candidates != "auto":
                raise ValueError(
                    f"candidates={self.candidates!r} is unknown: give 'auto', or a list of estimators."
                )
        elif not isinstance(self.candidates, (list, tuple)):
            raise TypeError(
                f"candidates={self.candidates!r} is no list: give 'auto', or a list of estimators."
            )
        for one in () if isinstance(self.candidates, str) else self.candidates:
            if isinstance(one, type) or not hasattr(one, "fit") or not hasattr(one, "get_params"):
                raise TypeError(
                    f"candidates: {one!r} is no estimator: give objects such as NARXRegressor() or a regressor of "
                    "scikit-learn."
                )
        try:
            check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(
                f"random_state={self.random_state!r}: {error}. Give an int >= 0, a RandomState or None."
            ) from None

    def _check_table(self, X, y, sample_weight, groups, reset):
        """A table of X (N, F) without NaN, y (N, O), NaN where unknown, weights (N,)."""
        table = gather(X, y, sample_weight, groups, self.series)
        X = self._check_X(table.X, table.y, reset)
        weight = check_weight(table.weight, X)
        if y is None:
            return table.of(X, np.full((len(X), self.n_outputs_), np.nan), weight)
        Y, ndim = check_y(table.y)
        check_lengths(X, Y)
        if reset:
            self._y_ndim, self.n_outputs_ = ndim, Y.shape[1]
            names = getattr(table.y, "columns", None)
            self._y_names = [getattr(table.y, "name", None)] if isinstance(table.y, pd.Series) else names
        elif Y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}: give as many."
            )
        return table.of(X, Y, weight)

    def _check_X(self, X, y, reset):
        """X (N, F), NaN filled."""
        if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0 and isinstance(X, pd.DataFrame)):
            if X is None and y is None:
                raise ValueError(
                    "X is None and there is no y to tell the number of rows: call forecast(steps), or give a DataFrame "
                    "without columns but with the index to predict."
                )
            if reset:
                self.n_features_in_ = 0
                if hasattr(self, "feature_names_in_"):
                    del self.feature_names_in_
            elif self.n_features_in_:
                raise ValueError(
                    f"X has 0 features, but {type(self).__name__} is expecting {self.n_features_in_} features as input."
                )
            return np.empty((len(y if X is None else X), 0))
        finite = True if self.missing == "error" else "allow-nan"
        with about("X"):
            X = validate_data(
                self, plain_values(X, "X"), reset=reset, dtype=np.float64, order="C", ensure_all_finite=finite
            )
        if reset:
            known = np.isfinite(X)
            self._means = np.where(known, X, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return X if self.missing == "error" else self._fill(X)

    def _fill(self, X):
        """X (N, F) without NaN."""
        gaps = np.isnan(X)
        if self.missing == "hold":
            at = np.maximum.accumulate(np.where(gaps, 0, np.arange(1, len(X) + 1)[:, None]), axis=0)
            return np.concatenate([self._means[None], X])[at, np.arange(X.shape[1])]
        return np.where(gaps, self._means, X)

    def _columns_known_ahead(self):
        """Which columns of X are known ahead, (F,) bool."""
        F, given = self.n_features_in_, self.known_ahead
        if isinstance(given, str) and given == "all":
            return np.ones(F, bool)
        names = list(getattr(self, "feature_names_in_", ()))
        cure = f"give 'all', or a sequence of column numbers below {F}" + (f" or of {names}" if names else "")
        if isinstance(given, (str, bytes)) or not np.iterable(given):
            raise ValueError(f"known_ahead={given!r} is no set of columns: {cure}.")
        known = np.zeros(F, bool)
        for column in given:
            at = names.index(column) if column in names else column
            if not isinstance(at, Integral) or isinstance(at, (bool, np.bool_)) or not 0 <= at < F:
                raise ValueError(f"known_ahead={given!r}: {column!r} is no column of X: {cure}.")
            known[at] = True
        return known

    # ---------------------------------------------------------------------------------- learning

    @all_or_nothing
    def fit(self, X, y, sample_weight=None, groups=None):
        """Run the race, and learn from all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs; rows are time. None, or a DataFrame without columns, for a model of y (and the calendar) alone.
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
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        self._check_params()
        table = self._check_table(X, y, sample_weight, groups, reset=True)
        check_measured(table.y)
        if not table.weight.sum() > 0:
            raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
        self._is_ahead = self._columns_known_ahead()
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(self.n_features_in_)])
        self._bounds = resolve_bounds(self.target_bounds, names, self.n_outputs_)
        self._form, self._key_names = table.form, table.names
        with one_thread:
            self._race(table)
        return self

    def _race(self, table):
        """Blocks, race, members, places."""
        parts = [(part, self._on_grid(part, table, timelines.read(part.stamps))) for part in table.parts]
        pieces = [(k, piece) for k, (_, rows) in enumerate(parts) for piece in _cut_at_long_gaps(rows)]
        lengths = [len(rows.Y) for _, rows in pieces]
        index = _as_time(table.parts[int(np.argmax([len(rows.Y) for _, rows in parts]))].stamps)
        scales = [_scale(rows.Y) if len(parts) > 1 else np.ones(self.n_outputs_) for _, rows in parts]
        Y = [rows.Y / scales[k] for k, rows in pieces]
        step = step_in_days(index) if index is not None else None
        self.seasons_ = find_seasons(Y, index if step else None)
        self._calendar = Calendar(step, self.seasons_, max(lengths))
        blocks = [self._block(rows, V) for (_, rows), V in zip(pieces, Y)]
        self._y_range = _range_of(Y)
        self._run(blocks)
        self.series_ = {}
        last_piece = {k: (number, rows) for number, (k, rows) in enumerate(pieces)}
        for k, (part, whole) in enumerate(parts):
            number, rows = last_piece[k]
            last = _cut(rows.stamps, -KEPT, None) or (None, None)
            past = Past(rows.X[-KEPT:], rows.Y[-KEPT:], len(rows.Y), *last)
            self.series_[part.key] = Place(past, timelines.read(part.stamps), number, scales[k], whole.X[:1])

    def _run(self, blocks):
        """The race on some blocks, and what comes of it."""
        longest = max(map(len, blocks))
        self._reach = max(1, min(int(self.horizon), longest // 3))
        seed = self.random_state if isinstance(self.random_state, Integral) else None
        try:
            field = make_field(blocks, self._calendar, self._reach)
        except ValueError:
            self._without_race()
            return
        n_rows = max(0, sum(map(len, blocks)) - race.FREE_ROWS)
        worth = race.LEAST_WORK + race.PER_ROW * n_rows * self.n_outputs_
        given = not isinstance(self.candidates, str)  # which the user wants to see, however few the rows
        work = 0.8 * self.time_budget if given else min(0.8 * self.time_budget, worth)
        purse = race.Purse(work, self.time_budget, time.monotonic)
        tell = print if self.verbose else None
        result = race.run(field, purse, self.candidates, seed, tell)
        if purse.ran_out:
            warn(
                f"time_budget={self.time_budget}: the clock ran out before all candidates were tried, so the result "
                "may differ on another machine. Give more seconds, or fewer candidates."
            )
        chosen = [result.runners[k] for k in result.members]
        entered = [runner.candidate for runner in chosen]
        self._entered = [one.forgetful() if isinstance(one, Linear) else one for one in entered]
        self.members_ = [candidate.learn(blocks, self._reach) for candidate in self._entered]
        self.weights_ = _extended(result.weights, int(self.horizon))
        self.lags_ = next(
            (r.candidate.recipes[0].lags for r in result.runners if isinstance(r.candidate, Linear)), (1,)
        )
        self._period = field.best_naive
        sizes = field.together(lambda f, i: self._sizes(blocks[i], field.stretches[f][i].origins)[:, None])[
            :, 0
        ]
        origins = [stretch.origins for fold in field.stretches for stretch in fold if len(stretch.origins)]
        held = sum(int(o[-1] - o[0]) + 1 for o in origins)
        wrong = field.truth - result.honest
        self._wrong = bands.make(result.honest, wrong, sizes, field.folds, held / self._reach)
        self._tell_of(field, result)

    def _without_race(self):
        """Persistence, where there are too few rows to compare anything."""
        self.members_, self._entered, self.lags_ = [Naive(1)], [Naive(1)], (1,)
        self.weights_ = np.ones((1, int(self.horizon), self.n_outputs_))
        nothing = np.empty((0, self._reach, self.n_outputs_))
        self._wrong, self._period = bands.make(nothing, nothing, nothing[:, 0], np.empty(0, int), 0), 1
        self.verdict_ = "Too few rows to compare forecasts: the last value goes on."
        self._board = [{"candidate": "persistence", "error": 1.0, "weight": 1.0}]
        self._errors_by_step = {}
        warn(f"{self.verdict_} Give more rows, or a shorter horizon.")

    def _tell_of(self, field, result):
        """``leaderboard_``, ``verdict_``, and a warning where nothing beats naive forecasts."""
        weight = dict(zip(result.members, result.weights.mean(axis=(1, 2))))
        error = field.error(result.blended)
        rows = [("blend", error, result.blended, np.nan, 1.0, "")]
        rows += [
            (r.candidate.name, r.error, r.made, r.seconds, weight.get(k, 0.0), r.dropped)
            for k, r in enumerate(result.runners)
        ]
        shown = [s for s in SHOWN if s < self._reach] + [self._reach]
        table = []
        for name, err, made, seconds, share, note in rows:
            by_step = None if made is None else errors_by_step(made - field.truth)[0].mean(axis=1)
            table.append(
                {"candidate": name, "error": float(err)}
                | {f"RMSE-{s}": np.nan if by_step is None else float(by_step[s - 1]) for s in shown}
                | {"weight": float(share), "seconds": seconds, "note": note}
            )
        self._board = [table[0], *sorted(table[1:], key=lambda row: row["error"])]
        best = self._board[1]["candidate"]
        naive = (
            "persistence"
            if field.best_naive == 1
            else f"the seasonal naive forecast ({field.best_naive} rows)"
        )
        steps = f"{self._reach} step{'s' if self._reach > 1 else ''}"
        if error < 1:
            self.verdict_ = (
                f"The blend errs {1 - error:.0%} less than {naive} over {steps}; the best alone is {best}."
            )
        else:
            self.verdict_ = f"Nothing beats {naive} over {steps}."
            warn(f"{self.verdict_} Look for inputs that tell more, or take a shorter horizon.")
        named = {"blend": result.blended}
        named |= {result.runners[k].candidate.name: result.runners[k].made for k in result.members}
        named |= {r.candidate.name: r.made for r in result.runners if isinstance(r.candidate, Naive)}
        self._errors_by_step = {
            name: errors_by_step(made - field.truth)[0].mean(axis=1) for name, made in named.items()
        }

    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None, groups=None):
        """Learn a little from new rows, and remember them; the race is not run again.

        Autoregressions get the coefficients that all rows give (their corrections stay), nets learn as their own
        ``partial_fit`` does; weights and parameters of smoothing stay. On an unfitted model this is ``fit``.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            Rows that follow those seen; of a series that was not seen before nothing is learnt.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen.
        """
        if not hasattr(self, "series_"):
            return self.fit(X, y, sample_weight, groups)
        before = {key: (place.past, place.number) for key, place in self.series_.items()}
        self._advance(X, y, sample_weight, groups, must=True)
        n_blocks = 1 + max((p.number for p in self.series_.values() if p.number is not None), default=-1)
        blocks, starts = [], []
        by_number = {
            place.number: (key, place) for key, place in self.series_.items() if place.number is not None
        }
        empty = self._block_of(next(iter(self.series_.values()))._replace(past=self._cold_past(None)))
        for number in range(n_blocks):
            if number not in by_number:
                blocks.append(empty)
                starts.append(len(empty))
                continue
            key, place = by_number[number]
            new = place.past.n - before[key][0].n if key in before else 0
            blocks.append(self._block_of(place))
            starts.append(max(0, len(blocks[-1]) - new))
        with one_thread:
            self.members_ = [member.more(blocks, starts) for member in self.members_]
        return self

    @all_or_nothing
    def update(self, X, y=None, groups=None):
        """Remember new rows: the next forecast goes on from them, what was learnt does not change.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs of the rows that follow those seen last.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs; NaN where they are not known. Without y the model's own forecasts take their place.
        groups : as for ``fit``

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            X or y does not fit the model, or the rows begin before the end of those seen.
        """
        check_is_fitted(self)
        self._advance(X, y, None, groups, must=False)
        return self

    def _advance(self, X, y, sample_weight, groups, must):
        """Take new rows into the places of their series."""
        if must and y is None:
            raise ValueError("partial_fit needs the measured y: give partial_fit(X, y).")
        table = self._check_table(X, y, sample_weight, groups, reset=False)
        places = dict(self.series_)
        for part in table.parts:
            place = self._place(part.key)
            stamps = part.stamps
            if place is None:
                place = Place(
                    self._cold_past(stamps), None, None, _scale(table.y[part.rows]), table.X[part.rows][:1]
                )
            seen = place.timeline
            known = timelines.can_place(seen, stamps)
            if known:
                timelines.check_grid(seen, stamps, "X")
            if known and _first(seen, stamps) <= seen.last:
                begins, ends = show(stamps.clock, stamps.values[0]), show(seen.clock, seen.last)
                raise ValueError(
                    f"The new rows begin at {begins}, but rows up to {ends} were seen already: give only later rows."
                )
            past, rows = self._up_to(place, part, table)
            Y = rows.Y if y is not None else self._on_its_own(place, past, rows)
            if known or seen is None:
                timeline = timelines.extend(seen, stamps)
            else:
                timeline = timelines.advance(seen, part.rows.stop - part.rows.start)
            places[part.key] = place._replace(past=past.then(rows.X, Y, rows.stamps), timeline=timeline)
        self.series_ = places

    @all_or_nothing
    def calibrate(self, X, y, *, cv=None, groups=None):
        """Learn how wrong the forecasts are, for their intervals; the model stays as it is.

        ``fit`` has done so already, on the held stretches of its race.

        Parameters
        ----------
        X, y, groups : as for ``fit``
            Without ``cv`` rows that were not trained on.
        cv : int or cross-validation splitter, optional
            Then X, y may be the training rows: members are fitted on one part of them and err on the other.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; no series has more rows than the horizon.
        """
        check_is_fitted(self)
        if y is None:
            raise ValueError("calibrate needs the measured y: give calibrate(X, y).")
        table = self._check_table(X, y, None, groups, reset=False)
        check_measured(table.y)
        splits = [(None, np.arange(len(table.y)))] if cv is None else folds(cv, table)
        found = []
        with one_thread:
            for train, test in splits:
                found += self._errors_on(table, train, test)
        if not found:
            raise ValueError(
                f"calibrate was given no {self._reach} rows in a row to forecast: give more rows, or fit a shorter "
                "horizon."
            )
        worth = sum(len(made) for made, *_ in found) / self._reach
        part = [np.concatenate(v) for v in zip(*found)]
        n_folds = np.concatenate([np.full(len(made), k) for k, (made, *_) in enumerate(found)])
        self._wrong = bands.make(*part, n_folds, worth)
        return self

    def _errors_on(self, table, train, test):
        """Forecasts and errors from origins among the rows ``test``, of members fitted to ``train``, or as they are."""
        members, found, h = self.members_, [], self._reach
        parts = [(part, self._on_grid(part, table, timelines.read(part.stamps))) for part in table.parts]
        scales = [self._scale_of(part.key, rows.Y) for part, rows in parts]
        blocks = [self._block(rows, rows.Y / scale) for (_, rows), scale in zip(parts, scales)]
        if train is not None:
            hidden = np.ones(len(table.y), bool)
            hidden[train] = False
            known = []
            for (part, rows), block in zip(parts, blocks):
                Y = block.Y.copy()
                Y[rows.at[hidden[part.rows]]] = np.nan
                known.append(
                    Block(Y, block.ahead, block.seen, block.stamps, block.place, block.clock, block.weight)
                )
            members = [candidate.learn(known, h) for candidate in self._entered]
        chosen = np.zeros(len(table.y), bool)
        chosen[test] = True
        for i, ((part, rows), block) in enumerate(zip(parts, blocks)):
            origins = rows.at[chosen[part.rows]]
            origins = origins[(origins + h <= len(block)) & (origins >= min(2, len(block) - h))]
            if train is None:
                origins = origins[origins >= min(len(block) // 2, max(self.lags_))]
            if len(origins) == 0:
                continue
            rng = np.random.default_rng(0)
            origins = np.sort(rng.permutation(origins)[:2000])
            number = i if train is not None else self._number_of(part.key)
            made = self._blend(block, number, origins, h, members)
            truth = np.where(block.known, block.Y, np.nan)[origins[:, None] + np.arange(h)]
            found.append((made, truth - made, self._sizes(block, origins)))
        return found

    # ---------------------------------------------------------------------------------- forecasting

    def predict(self, X, y=None, *, steps=1, start=None, groups=None):
        """Free run: the model's own forecasts are fed back after each horizon.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Inputs; for a model without inputs a DataFrame without columns, with the index to predict.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs: then the same as ``predict_ahead(X, y, steps=steps)``.
        steps : int, default=1
            How far ahead; only with y.
        start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), optional
            Overrides the constructor's ``start`` for this call.
        groups : as for ``fit``

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y; a list, or (n_series, n_timesteps, ...), where X is one.

        Raises
        ------
        ValueError
            X does not fit the model, its stamps are not in order or not unique, or ``start`` is unknown.
        """
        check_is_fitted(self)
        if y is not None:
            return self.predict_ahead(X, y, steps=steps, start=start, groups=groups)
        if not (isinstance(steps, Integral) and steps == 1):
            raise ValueError(f"steps={steps!r} needs the measured y: give predict(X, y=y, steps={steps!r}).")
        table = self._check_table(X, None, None, groups, reset=False)
        return table.give_back(
            self._user_shape(self._free_run(table, self.start if start is None else start))
        )

    def _free_run(self, table, start):
        """Forecasts (N, O) in the user's units."""
        out = np.empty_like(table.y)
        for part, place, past, rows in self._resume(table, start):
            out[part.rows] = self._on_its_own(place, past, rows)[rows.at]
        return out

    def _on_its_own(self, place, past, rows):
        """Forecasts (n', O) of rows, fed back."""
        out, at_once = np.empty_like(rows.Y), max(int(self.horizon), AT_ONCE)
        for a in range(0, len(out), at_once):
            b = min(a + at_once, len(out))
            here = Rows(None, rows.X[a:b], np.full_like(out[a:b], np.nan), None, _cut(rows.stamps, a, b))
            out[a:b] = self._ahead(place, past, here, np.zeros(1, int), b - a)[0]
            past = past.then(here.X, out[a:b], here.stamps)
        return out

    def predict_ahead(self, X, y, *, steps=1, start=None, groups=None):
        """Forecast every row from what was measured ``steps`` rows before it.

        Parameters
        ----------
        X, y, start, groups : as for ``predict``
        steps : int, default=1
            How far ahead; the first ``steps - 1`` rows start from the last row seen before X, which is nearer.

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y.

        Raises
        ------
        ValueError
            As in ``predict``; or ``steps`` is no int >= 1.
        """
        check_is_fitted(self)
        steps = check_steps(steps)
        if y is None:
            raise ValueError("predict_ahead needs the measured y; predict(X) runs freely without it.")
        table, out = self._check_table(X, y, None, groups, reset=False), None
        out = np.empty_like(table.y)
        for part, place, past, rows in self._resume(table, self.start if start is None else start):
            n, head = len(rows.Y), min(steps, len(rows.Y))
            made = np.empty_like(rows.Y)
            made[:head] = self._ahead(place, past, rows, np.zeros(1, int), head)[0]
            if n > steps:
                made[steps:] = self._ahead(place, past, rows, np.arange(1, n - steps + 1), steps)[:, -1]
            out[part.rows] = made[rows.at]
        return table.give_back(self._user_shape(out))

    def trajectories(
        self, X, y, steps, *, origins=None, level=None, method="conformal", start=None, groups=None
    ):
        """Forecasts of several steps from many rows of one series, all at once: what a backtest needs.

        Parameters
        ----------
        X, y, start, groups : as for ``predict_ahead``
        steps : int
            Rows of each forecast, up to ``horizon``.
        origins : array-like of int, optional
            Origin k knows y before row k and forecasts the rows k ... k + steps - 1; by default all for which there are
            rows.
        level, method : as for ``forecast``

        Returns
        -------
        trajectories : named tuple
            ``forecast`` : ndarray of shape (n_origins, steps) or (n_origins, steps, n_outputs), in the units of y; NaN
            where a forecast would reach over a gap in the index. ``intervals`` : dict, for each level a pair
            (low, high) of arrays like it.

        Raises
        ------
        ValueError
            As in ``predict``; there are several series, or fewer rows than steps; an origin is out of range.
        """
        check_is_fitted(self)
        steps = self._check_horizon(steps)
        levels = [] if level is None else check_levels(level)
        check_method(method)
        if y is None:
            raise ValueError("trajectories needs the measured y: give trajectories(X, y, steps).")
        table = self._check_table(X, y, None, groups, reset=False)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give trajectories one at a time.")
        N = len(table.y)
        if steps > N:
            raise ValueError(f"X has {N} rows, too few for steps={steps}: give at least as many rows.")
        first = _check_origins(origins, N - steps)
        ((_, place, past, rows),) = self._resume(table, self.start if start is None else start)
        at = rows.at[first]
        over_a_gap = rows.at[first + steps - 1] - at != steps - 1
        made, X = self._ahead(place, past, rows, at, steps), rows.X[at[:, None] + np.arange(steps)]
        sizes = drawn = None
        if levels:
            sizes = self._sizes(self._joined(place, past, rows)[0], at + len(past.Y))
            drawn = self._paths(made, sizes, place.scale, N_PATHS, X) if method == "bootstrap" else None
        found = self._bands(made, sizes, place.scale, levels, X, drawn)

        def answer(values):
            values = np.where(over_a_gap[:, None, None], np.nan, values)
            return values[:, :, 0] if self._y_ndim == 1 else values

        return Trajectories(answer(made), {p: tuple(map(answer, pair)) for p, pair in found.items()})

    def forecast(self, steps, X_future=None, *, level=None, method="conformal", n_paths=N_PATHS, groups=None):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int
            How many, up to ``horizon``.
        X_future : array-like or DataFrame of shape (>= steps, n_features), optional
            Inputs of those rows; columns that are not known ahead may be left out, or hold anything.
        level : float or sequence of float, optional
            Coverages of intervals in per cent, such as ``[80, 95]``.
        method : {"conformal", "bootstrap"}, default="conformal"
            Where intervals come from: errors at each step on the held stretches, or sample paths, to which the errors
            of all steps of one origin were added.
        n_paths : int, default=500
            Number of sample paths of "bootstrap".
        groups : as for ``fit``, of X_future

        Returns
        -------
        y_pred : as from ``NARXRegressor.forecast``

        Raises
        ------
        ValueError
            ``steps`` is beyond the horizon; X_future is too short, does not go on from the last row seen, or has gaps;
            too few rows were kept for intervals.
        """
        check_is_fitted(self)
        steps = self._check_horizon(steps)
        levels = [] if level is None else check_levels(level)
        check_method(method)
        check_number("n_paths", n_paths, 1, integer=True)
        futures, form, names = self._futures(X_future, steps, groups)
        frames = {}
        for key, X, place, made, stamps in self._forecasts(futures, steps):
            found = {}
            if levels:
                sizes = self._last_sizes(place)
                bootstrap = method == "bootstrap"
                drawn = self._paths(made, sizes, place.scale, n_paths, X[None]) if bootstrap else None
                found = self._bands(made, sizes, place.scale, levels, X[None], drawn)
            index = self._future_index(place, stamps, steps)
            frames[key] = self._frame(made[0], {p: [v[0] for v in pair] for p, pair in found.items()}, index)
        return frames[None] if list(frames) == [None] else _side_by_side(frames, form, names)

    def sample_paths(self, steps, X_future=None, *, n_paths=N_PATHS, groups=None):
        """Draw paths that the series may take after the last row seen: the errors of all steps of one origin, added.

        Parameters
        ----------
        steps, X_future, groups : as for ``forecast``
        n_paths : int, default=500
            How many.

        Returns
        -------
        paths : ndarray of shape (n_paths, steps) or (n_paths, steps, n_outputs)
            In the units of y; the same for two calls, if ``random_state`` is an int. Of several series a dict.

        Raises
        ------
        ValueError
            As in ``forecast``.
        """
        check_is_fitted(self)
        steps = self._check_horizon(steps)
        check_number("n_paths", n_paths, 1, integer=True)
        futures, _, _ = self._futures(X_future, steps, groups)
        paths = {}
        for key, X, place, made, _ in self._forecasts(futures, steps):
            drawn = self._paths(made, self._last_sizes(place), place.scale, n_paths, X[None])[:, 0]
            paths[key] = drawn[..., 0] if self._y_ndim == 1 else drawn
        return paths[None] if list(paths) == [None] else paths

    def _forecasts(self, futures, steps):
        """Yield of each series its key, inputs (steps, F), ``Place``, forecast (1, steps, O) and given ``Stamps``."""
        for key, (X, stamps) in futures.items():
            place = self._place(key)
            place = place or Place(self._cold_past(stamps), None, None, self._new_scale(), None)
            nothing = np.full((steps, self.n_outputs_), np.nan)
            rows = Rows(np.arange(steps), X, nothing, None, self._stamps_after(place, stamps, steps))
            yield key, X, place, self._ahead(place, place.past, rows, np.zeros(1, int), steps), stamps

    def _last_sizes(self, place):
        """How much the series moves before the rows to come, (1, O)."""
        return self._sizes(self._block_of(place), np.array([len(place.past.Y)]))

    def _future_index(self, place, stamps, steps):
        """The index of a forecast, or None."""
        seen = place.timeline
        if stamps is not None and len(stamps.values) < steps:
            stamps = None
        if seen is not None and not timelines.can_place(seen, stamps):
            return timelines.future(seen, steps)
        return None if stamps is None else to_index(stamps.clock, stamps.values[:steps])

    def _futures(self, X_future, steps, groups):
        """{key: (X (steps, F), stamps or None)}, the container's form and the names of the keys."""
        F = self.n_features_in_
        if X_future is None and groups is None:
            if self._is_ahead.any():
                raise ValueError(
                    f"forecast({steps}) needs X_future: known_ahead={self.known_ahead!r} says that inputs are known. "
                    f"Give their next {steps} rows."
                )
            nothing = np.tile(self._means, (steps, 1)) if F else np.empty((steps, 0))
            return dict.fromkeys(self.series_, (nothing, None)), self._form, self._key_names
        table = gather(self._complete(X_future), None, None, groups, self.series, "X_future")
        X = self._check_X(table.X, None, reset=False)
        futures = {}
        for part in table.parts:
            here, stamps = X[part.rows], part.stamps
            if len(here) < steps and (self._is_ahead.any() or not F):
                raise ValueError(f"X_future has {len(here)} rows, but forecast({steps}) needs {steps}.")
            here = np.concatenate([here, np.tile(self._means, (max(0, steps - len(here)), 1))])[:steps]
            place = self._place(part.key)
            if stamps is not None:
                stamps = _cut(stamps, None, steps)
            if place is not None and timelines.can_place(place.timeline, stamps):
                _check_follows(place.timeline, stamps)
            futures[part.key] = here, stamps
        return futures, table.form, table.names

    def _complete(self, X):
        """X_future with the means in columns that are not known ahead, which nothing looks at."""
        F = self.n_features_in_
        if X is None or F == 0 or self._is_ahead.all():
            return X
        if isinstance(X, (list, tuple)) and all(getattr(one, "ndim", 0) == 2 for one in X):
            return [self._complete(one) for one in X]
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(X, pd.DataFrame) and names:
            lost = [name for name, ahead in zip(names, self._is_ahead) if ahead and name not in X]
            if lost:
                raise ValueError(f"X_future has no column {lost[0]!r}, which known_ahead names: give it.")
            other = {n: mean for n, ahead, mean in zip(names, self._is_ahead, self._means) if not ahead}
            return X.assign(**other)[[*(name for name in X if name not in names), *names]]
        index = X.index if isinstance(X, pd.DataFrame) else None
        values = np.asarray(X, float)
        if values.shape[-1] not in (F, self._is_ahead.sum()):
            raise ValueError(
                f"X_future has {values.shape[-1]} columns: give all {F}, or the {self._is_ahead.sum()} of known_ahead."
            )
        full = np.empty((*values.shape[:-1], F))
        full[:] = self._means
        known = values if values.shape[-1] == self._is_ahead.sum() else values[..., self._is_ahead]
        full[..., self._is_ahead] = known
        return full if index is None else pd.DataFrame(full, index=index)

    def _frame(self, out, found, index):
        """A forecast (steps, O) as the user gets it, with intervals {level: (low, high)} where there are some."""
        O = self.n_outputs_
        if found:
            names = self._y_names
            names = names if names is not None else [f"y{o}" if O > 1 else "y" for o in range(O)]
            columns = {}
            for o, name in enumerate("y" if name is None else name for name in names):
                columns[name] = out[:, o]
                dash = "" if O == 1 else f"{name}-"
                for p, (low, high) in found.items():
                    columns |= {f"{dash}lo-{p:g}": low[:, o], f"{dash}hi-{p:g}": high[:, o]}
            return pd.DataFrame(columns, index=index)
        out = self._user_shape(out)
        if self._y_names is None:
            return out
        if out.ndim == 1:
            return pd.Series(out, index=index, name=self._y_names[0])
        return pd.DataFrame(out, index=index, columns=self._y_names)

    def score(self, X, y, sample_weight=None, groups=None):
        """R2 of the free run ``predict(X)``, where y was measured; the mean over several outputs.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``

        Returns
        -------
        r2 : float

        Raises
        ------
        ValueError
            As in ``predict``; or an output has no measured value.
        """
        check_is_fitted(self)
        table = self._check_table(X, y, sample_weight, groups, reset=False)
        check_measured(table.y)
        out = self._free_run(table, self.start)
        known = np.isfinite(table.y)
        weight = None if sample_weight is None else table.weight
        return float(
            np.mean(
                [
                    r2_score(table.y[k, o], out[k, o], sample_weight=None if weight is None else weight[k])
                    for o, k in enumerate(known.T)
                ]
            )
        )

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
        check_is_fitted(self)
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError:
                raise ImportError("plot needs matplotlib: pip install tsrnn[plot].") from None
            _, ax = plt.subplots(layout="constrained")
        for name, rmse in self._errors_by_step.items():
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

    # ---------------------------------------------------------------------------------- the blend

    def _ahead(self, place, past, rows, origins, steps):
        """Forecasts (M, steps, O) in the user's units, from origins among rows that follow a past."""
        block, X = self._joined(place, past, rows)
        at = origins + len(past.Y)
        with one_thread:
            made = self._blend(block, place.number, at, steps, self.members_) * place.scale
        return self._within(made, X[at[:, None] + np.arange(steps)])

    def _joined(self, place, past, rows):
        """The ``Block`` of a past and of rows that follow, and X (L + n, F) of both."""
        stamps = _after(past.stamps, rows.stamps)
        X, Y = np.concatenate([past.X, rows.X]), np.concatenate([past.Y, rows.Y])
        return self._block(Rows(None, X, Y, None, stamps), Y / place.scale, past.n - len(past.Y)), X

    def _sizes(self, block, origins):
        """How much the series moves before each origin, (M, O), in the block's units."""
        return bands.sizes(block.levels(None), origins, self._period)

    def _blend(self, block, number, origins, steps, members):
        """Forecasts (M, steps, O) in the block's units."""
        step = np.minimum(np.arange(steps), self.weights_.shape[1] - 1)
        low, high = self._y_range
        total, weight = 0.0, 0.0
        for member, w in zip(members, self.weights_):
            made = member.ahead(block, number, origins, steps)
            share = np.where(np.isfinite(made), w[step], 0.0)
            total = total + share * np.clip(np.nan_to_num(made), low, high)
            weight = weight + share
        return total / np.maximum(weight, 1e-300)

    def _within(self, made, X):
        """Forecasts (M, steps, O) within the bounds at rows X (M, steps, F); None where those are not known."""
        if self._bounds is None or X is None:
            return made
        M, steps, O = made.shape
        low, high = self._bounds(X.reshape(M * steps, -1))
        return np.clip(made, low.reshape(M, steps, O), high.reshape(M, steps, O))

    def _bands(self, made, sizes, scale, levels, X, drawn):
        """{level: (low, high)} in the user's units; from sample paths where there are some."""
        if not levels:
            return {}
        if drawn is not None:
            found = bands.path_intervals(drawn, made, levels)
        else:
            found = bands.intervals(made / scale, sizes, self._wrong, levels)
            found = {p: [side * scale for side in pair] for p, pair in found.items()}
        return {p: [self._within(side, X) for side in pair] for p, pair in found.items()}

    def _paths(self, made, sizes, scale, n_paths, X):
        """Sample paths (n_paths, M, steps, O) in the user's units; the same where ``random_state`` is an int."""
        rng = np.random.default_rng(self.random_state if isinstance(self.random_state, Integral) else None)
        drawn = bands.paths(made / scale, sizes, self._wrong, n_paths, rng) * scale
        return np.stack([self._within(one, X) for one in drawn])

    # ---------------------------------------------------------------------------------- rows and places

    def _block(self, rows, Y, first=0):
        """A ``Block`` of rows whose y, in the series' unit, is Y (n, O), the first of them number ``first``."""
        known = self._is_ahead
        place = np.arange(first, first + len(rows.X))
        stamps = _as_time(rows.stamps) if self._calendar.step is not None else None
        return Block(Y, rows.X[:, known], rows.X[:, ~known], stamps, place, self._calendar, rows.weight)

    def _block_of(self, place):
        """The ``Block`` of the last rows seen."""
        past = place.past
        rows = Rows(None, past.X, past.Y, None, past.stamps)
        return self._block(rows, past.Y / place.scale, past.n - len(past.Y))

    def _on_grid(self, part, table, seen, missing=0):
        """``Rows`` of a part; ``missing`` rows come before its first."""
        X, Y, weight, stamps = table.X[part.rows], table.y[part.rows], table.weight[part.rows], part.stamps
        n = len(Y)
        jumps = np.ones(n, int)
        if n:
            jumps[0] = missing
        if stamps is not None and seen is not None:
            gaps = timelines.gap_starts(stamps, seen)
            if len(gaps):
                lost = timelines.missing_before(stamps, gaps, seen)
                jumps[gaps] += np.minimum(lost, timelines.MOST_MISSING)
        at = jumps.cumsum()
        total = int(at[-1]) + 1 if n else 0
        held = np.maximum.accumulate(np.bincount(at, np.arange(n), minlength=total)).astype(int) if n else at
        full_Y, full_weight = np.full((total, Y.shape[1]), np.nan), np.zeros(total)
        full_Y[at], full_weight[at] = Y, weight
        return Rows(at, X[held], full_Y, full_weight, _grid_stamps(stamps, seen, at, total))

    def _place(self, key):
        """The place of a series, or None where it was not seen."""
        if key is None and None not in self.series_:
            some = ", ".join(map(repr, list(self.series_)[:3]))
            raise ValueError(
                f"The model was fitted on {len(self.series_)} series ({some} ...), but X does not tell which it is: "
                "give it as in fit (MultiIndex, groups, the series column, a list or a 3-D array)."
            )
        if key is not None and None in self.series_:
            raise ValueError(
                f"The model was fitted on one series, but these rows tell theirs ({key!r}): give them as in fit."
            )
        return self.series_.get(key)

    def _new_scale(self):
        """The unit of a series that was not seen: the median of the others."""
        return np.median([place.scale for place in self.series_.values()], axis=0)

    def _scale_of(self, key, Y):
        place = self.series_.get(key)
        return place.scale if place is not None else _scale(Y)

    def _number_of(self, key):
        place = self.series_.get(key)
        return None if place is None else place.number

    def _up_to(self, place, part, table):
        """The past at the first row of a part that comes after those seen, and its ``Rows``."""
        seen, stamps = place.timeline, part.stamps
        past, missing, known = place.past, 0, timelines.can_place(seen, stamps)
        if known:
            missing = timelines.missing_between(seen, _first(seen, stamps))
        if missing:
            gap = f"{show(seen.clock, seen.last)} and {show(stamps.clock, stamps.values[0])}"
        if missing > LONG_GAP:
            warn(
                f"{missing} rows are missing between {gap}: the series begins anew, from the mean of its last rows."
            )
            past, missing = self._constant(np.nanmean(past.Y, axis=0), stamps), 0
        elif missing:
            warn(
                f"{missing} row(s) are missing between {gap}; the model goes on over them. Insert them, with NaN in y "
                "and the X you know, or pass start='cold'."
            )
        rows = self._on_grid(part, table, seen if known else timelines.read(stamps), missing)
        if rows.stamps is None and past.times is not None:
            rows = rows._replace(stamps=self._stamps_after(place, stamps, len(rows.Y)))
        return past, rows

    def _stamps_after(self, place, stamps, n):
        """``Stamps`` of n rows after the last one seen, or None."""
        if _is_date(stamps) and len(stamps.values) >= n:
            return _cut(stamps, None, n)
        past = place.past.stamps
        if past is None:
            return None
        ahead, known = timelines.ahead([place.timeline], n)
        if known[0] and place.timeline.clock.kind == "stamp":
            return Stamps(ahead[0], place.timeline.clock)
        last = past.values[-1]
        return Stamps(last + self._apart(past.clock) * np.arange(1, n + 1), past.clock)

    def _apart(self, clock):
        """From a row to the next, in a clock's counts."""
        return round((self._calendar.step or 1) * 86_400 * PER_SECOND[clock.unit])

    def _cold_past(self, stamps):
        """Before a series of which nothing is known: the mean of the last rows of those that were seen."""
        places = list(self.__dict__.get("series_", {}).values())
        levels = [np.nanmean(place.past.Y / place.scale, axis=0) for place in places]
        return self._constant(np.mean(levels, axis=0) * self._new_scale(), stamps)

    def _constant(self, level, stamps, X=None):
        """A past of equal rows, before the first of some stamps."""
        n = max(2, min(KEPT, 1 + max(self.lags_) + max((1, *self.seasons_))))
        before = None, None
        if _is_date(stamps) and self._calendar.step is not None:
            before = stamps.values[0] - self._apart(stamps.clock) * np.arange(n, 0, -1), stamps.clock
        X = np.tile(self._means if X is None else X, (n, 1)) if self.n_features_in_ else np.empty((n, 0))
        return Past(X, np.tile(np.nan_to_num(level), (n, 1)), 0, *before)

    def _resume(self, table, start):
        """Where each series of a table starts: yields its part, place, past and ``Rows``."""
        history = self._histories(start) if isinstance(check_start(start), tuple) else {}
        for part in table.parts:
            cold = isinstance(start, str) and start in ("cold", "zeros")
            if start == "auto" and not table.is_named and not timelines.tells(part.stamps):
                place = None  # series that tell nobody who they are
            else:
                place = self.series_.get(part.key) if cold or history else self._place(part.key)
            if place is None:
                Y = table.y[part.rows]
                scale = _scale(Y) if np.isfinite(Y).any() and len(self.series_) > 1 else self._new_scale()
                place = Place(self._cold_past(part.stamps), None, None, scale, None)
            if isinstance(start, tuple):
                yield part, *self._after(history.get(part.key), place, part, table)
            elif start == "zeros":
                zeros = np.zeros(self.n_features_in_)
                past = self._constant(np.zeros(self.n_outputs_), part.stamps, zeros)
                yield part, place, past, self._on_grid(part, table, timelines.read(part.stamps))
            elif start == "cold":
                yield (
                    part,
                    place,
                    self._cold_past(part.stamps),
                    self._on_grid(part, table, timelines.read(part.stamps)),
                )
            else:
                yield part, *self._auto(place, part, table, start)

    def _auto(self, place, part, table, start):
        """Place, past and rows for start="auto" and "end"."""
        seen, stamps = place.timeline, part.stamps
        known = timelines.can_place(seen, stamps)
        if known:
            timelines.check_grid(seen, stamps, "X")
        if start == "end" or not known:
            rows = self._on_grid(part, table, timelines.read(stamps))
            if place.past.times is not None:
                rows = rows._replace(stamps=self._stamps_after(place, None, len(rows.Y)))
            return place, place.past, rows
        if _first(seen, stamps) > seen.last:
            return place, *self._up_to(place, part, table)
        return place, self._cold_past(stamps), self._on_grid(part, table, seen)

    def _histories(self, start):
        """{key: (part, rows)} of a pair (X_hist, y_hist)."""
        with about("start"):
            table = self._check_table(*start, None, None, reset=False)
        return {
            part.key: (
                part,
                self._on_grid(part, table, timelines.read(part.stamps)),
                timelines.read(part.stamps),
            )
            for part in table.parts
        }

    def _after(self, history, place, part, table):
        """Place, past and rows after a history."""
        stamps = part.stamps
        if history is None:
            return place, self._cold_past(stamps), self._on_grid(part, table, timelines.read(stamps))
        before, rows, seen = history
        past = self._cold_past(before.stamps).then(rows.X, rows.Y, rows.stamps)
        seen = seen if timelines.tells(before.stamps) else None
        place = place._replace(past=past, timeline=seen)
        if timelines.can_place(seen, stamps) and _first(seen, stamps) <= seen.last:
            begins, ends = show(stamps.clock, stamps.values[0]), show(seen.clock, seen.last)
            raise ValueError(
                f"start: the history runs to {ends}, but X begins at {begins}: cut the history before X."
            )
        return place, *self._up_to(place, part, table)

    def _check_horizon(self, steps):
        """Steps, up to the horizon."""
        steps = check_steps(steps)
        if steps > self.horizon:
            raise ValueError(
                f"steps={steps} is beyond horizon={self.horizon}: ask for fewer, or fit an AutoForecaster with "
                f"horizon={steps}."
            )
        return steps

    def _user_shape(self, out):
        """(N,) if y was, else (N, O)."""
        return out[:, 0] if self._y_ndim == 1 else out


def _cut(stamps, a, b):
    """Some of the stamps."""
    return None if stamps is None else Stamps(stamps.values[a:b], stamps.clock)


def _after(stamps, more):
    """Stamps and those that follow, in the unit of the first; None where either tells no date."""
    if stamps is None or more is None:
        return None
    return Stamps(np.concatenate([stamps.values, timelines.aligned(stamps, more).values]), stamps.clock)


def _first(seen, stamps):
    """The first of some stamps, in the unit of a timeline."""
    return int(timelines.aligned(seen, stamps).values[0])


def _is_date(stamps):
    """Whether there are stamps that a calendar knows."""
    return stamps is not None and stamps.clock.kind == "stamp"


def _as_time(stamps):
    """The pandas index of dates or spans, periods by their start; None of integers."""
    if stamps is None or stamps.clock.kind == "int":
        return None
    return to_index(stamps.clock._replace(period=None), stamps.values)


def _grid_stamps(stamps, seen, at, total):
    """Stamps of a grid of ``total`` rows, given of those ``at`` (n,); None where they tell no date."""
    if not _is_date(stamps) or total == len(stamps.values):
        return stamps if _is_date(stamps) else None
    values = timelines.aligned(seen, stamps).values
    full = np.empty(total, np.int64)
    full[at] = values
    lost = np.diff(at, prepend=-1) - 1
    for k in np.flatnonzero(lost):
        n, before = int(lost[k]), int(values[k - 1]) if k else seen.last
        ahead, known = timelines.ahead([seen._replace(last=before)], n)
        between = before + (values[k] - before) / (n + 1) * np.arange(1, n + 1)
        full[at[k] - n : at[k]] = ahead[0] if known[0] else np.round(between).astype(np.int64)
    return Stamps(full, seen.clock)


def _scale(Y):
    """The unit of a series, (O,): its standard deviation, or size, or 1."""
    with np.errstate(all="ignore"):
        known = np.isfinite(Y)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, Y, 0.0).sum(axis=0) / n
        spread = np.sqrt(np.where(known, (Y - mean) ** 2, 0.0).sum(axis=0) / n)
    size = np.maximum(spread, 1e-6 * np.abs(mean))
    return np.where(size > 0, size, 1.0)


def _range_of(Y):
    """Low and high, (O,), that no forecast may leave."""
    low = np.min([np.nanmin(np.where(np.isfinite(V), V, np.inf), axis=0) for V in Y], axis=0)
    high = np.max([np.nanmax(np.where(np.isfinite(V), V, -np.inf), axis=0) for V in Y], axis=0)
    room = ROOM * np.maximum(high - low, 1e-3 * np.maximum(np.abs(high), np.abs(low)))
    return low - room, high + room


def _extended(weights, horizon):
    """Weights (C, horizon, O) of those (C, h, O) of the steps that were compared; the last go on."""
    step = np.minimum(np.arange(horizon), weights.shape[1] - 1)
    return weights[:, step]


def _cut_at_long_gaps(rows):
    """``Rows`` between long stretches without any row."""
    gaps = np.flatnonzero(np.diff(rows.at) > LONG_GAP)
    if len(gaps) == 0:
        return [rows._replace(X=rows.X[rows.at[0] :], Y=rows.Y[rows.at[0] :])] if rows.at[0] else [rows]
    found = []
    for a, b in zip([rows.at[0], *rows.at[gaps + 1]], [*rows.at[gaps] + 1, len(rows.Y)]):
        at = rows.at[(rows.at >= a) & (rows.at < b)] - a
        found.append(Rows(at, rows.X[a:b], rows.Y[a:b], rows.weight[a:b], _cut(rows.stamps, a, b)))
    return [piece for piece in found if np.isfinite(piece.Y).any(axis=0).all()] or found[-1:]


def _check_origins(origins, last):
    """Origins (M,), from 0 to ``last``."""
    first = np.arange(last + 1) if origins is None else np.asarray(origins)
    first = first.astype(int) if first.size == 0 else first
    if first.ndim != 1 or first.dtype.kind not in "iu" or ((first < 0) | (first > last)).any():
        raise ValueError(f"origins={origins!r}: give ints from 0 to {last}, so that all steps follow each.")
    return first


def _check_follows(seen, stamps):
    """Raise where the rows to forecast do not come right after those seen."""
    timelines.check_grid(seen, stamps, "X_future")
    first = _first(seen, stamps)
    if first <= seen.last or timelines.missing_between(seen, first):
        begins, ends = show(stamps.clock, stamps.values[0]), show(seen.clock, seen.last)
        raise ValueError(
            f"X_future begins at {begins}, but the last row seen is {ends}: give the rows right after it. To skip "
            "rows, bring the model up to date with update(X, y) first."
        )
    holes = timelines.gap_starts(stamps, seen)
    if len(holes):
        before = show(stamps.clock, stamps.values[holes[0]])
        raise ValueError(f"X_future has a gap: rows are missing before {before}; give every row.")


def _side_by_side(frames, form, names):
    """Forecasts of several series in the user's container."""
    if form != "table":
        return list(frames.values())
    names = [*names, None]
    frames = pd.concat(
        {key: pd.DataFrame(v) if np.ndim(v) > 1 else pd.Series(v) for key, v in frames.items()}
    )
    names[-1] = frames.index.names[-1]
    frames.index.names = names
    return frames
