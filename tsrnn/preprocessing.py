"""Preprocessing of series: calendar features, transforms of the target.

A stamp at phase s, 0 <= s < 1, of its day (week, year ...) by the local clock gives

    sin(2 pi k s), cos(2 pi k s),   k = 1 ... harmonics

so that the end of a period is close to its beginning.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from ._check import check_flag, check_number
from ._documented import Documented
from ._series import timeline as timelines
from ._series.rows import gather, next_rows
from ._series.stamps import numbers, to_index
from ._series.targets import Difference, Log, Logit, Power
from ._warn import warn


__all__ = ["CalendarFeatures", "Difference", "Log", "Logit", "Power", "future_frame"]
PERIODS = {  # NumPy's unit of each, and the days by which its own count is early; weeks begin on Monday
    "minute": ("m", 0),
    "hour": ("h", 0),
    "day": ("D", 0),
    "week": ("W", 3),  # NumPy counts from Thursday, 1 January 1970
    "month": ("M", 0),
    "quarter": ("3M", 0),
    "year": ("Y", 0),
}
AUTO = {"day": pd.Timedelta("1D"), "week": pd.Timedelta("7D"), "year": pd.Timedelta("365D")}
CURE = (
    "give a DataFrame with a DatetimeIndex or PeriodIndex, for a model of y alone pd.DataFrame(index=y.index)"
)


class CalendarFeatures(Documented, TransformerMixin, BaseEstimator):
    """Phase of the day, week and year as sine and cosine columns, computed from the index.

    Each row depends on its own stamp only, so rows to forecast are treated like those of training. Add columns for
    public holidays and whatever else the calendar does not determine.

    Parameters
    ----------
    periods : "auto" or list of {"minute", "hour", "day", "week", "month", "quarter", "year"}, default="auto"
        "auto" takes those of day, week and year that hold two rows or more, by the median spacing in ``fit``, and that
        the rows of ``fit`` cover twice (or else the shortest): for two years of hourly rows all three, of daily rows
        week and year, of monthly rows the year. A net that has seen a time of the year once takes it for that year.
    harmonics : int, default=1
        Sines and cosines per period, of 1, 2 ... cycles. More follow a sharper profile; beyond half the rows of a
        period they alias.
    append : bool, default=True
        Whether to keep the columns of X and append to them; False returns the new columns only.

    Attributes
    ----------
    periods_ : list of str
        The periods, from the shortest to the longest, or in the order given.
    n_features_in_ : int
        Number of columns seen in ``fit``, possibly 0.
    feature_names_in_ : ndarray of str
        Their names, where all are strings.

    Notes
    -----
    X must be a DataFrame with an index of time: stamps, periods (which stand for their start), or a MultiIndex with
    the time in its last level. The result is a DataFrame with the same index. Stamps with a time zone are read on the
    local clock of the zone seen in ``fit``, so that 8:00 is 8:00 in summer too.

    scikit-learn's estimator checks pass arrays without an index; the estimator's tags exempt it from them.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsrnn.preprocessing import CalendarFeatures
    >>> stamps = pd.date_range("2024-01-01", periods=48, freq="h")
    >>> features = CalendarFeatures(periods=["day"]).fit_transform(pd.DataFrame(index=stamps))
    >>> features[:19:6]
                         day_sin  day_cos
    2024-01-01 00:00:00      0.0      1.0
    2024-01-01 06:00:00      1.0      0.0
    2024-01-01 12:00:00      0.0     -1.0
    2024-01-01 18:00:00     -1.0      0.0

    A model of y and the calendar, and its forecast:

    >>> from sklearn.pipeline import make_pipeline
    >>> import tsrnn
    >>> from tsrnn.datasets import load_solar_plant
    >>> y = load_solar_plant().target["2012-05"]
    >>> X = pd.DataFrame(index=y.index)
    >>> pipeline = make_pipeline(
    ...     CalendarFeatures(periods=["day"]),
    ...     tsrnn.NARXRegressor(hidden_layer_sizes=(), input_lags=0, training="open_loop"),
    ... )
    >>> pipeline = pipeline.fit(X[:600], y[:600])
    >>> tsrnn.forecast(pipeline, 24, X[600:624]).shape
    (24,)
    """

    def __init__(self, periods="auto", harmonics=1, append=True):
        self.periods = periods
        self.harmonics = harmonics
        self.append = append

    def fit(self, X, y=None):
        """Choose the periods.

        Parameters
        ----------
        X : DataFrame of shape (n_timesteps, n_features)
            With an index of stamps; it may have no columns.
        y : None
            Ignored.

        Returns
        -------
        self : the fitted transformer

        Raises
        ------
        TypeError, ValueError
            X has no index of time; a parameter is out of range; no period fits the spacing of the rows; X
            already has a column of the name of a new one.
        """
        check_number("harmonics", self.harmonics, 1, integer=True)
        check_flag("append", self.append)
        stamps = self._check(X, reset=True)
        self._zone = stamps.tz
        self.periods_ = _check_periods(self.periods, stamps)
        duplicates = set(_names_of(X)) & set(self._new_names()) if self.append else None
        if duplicates:
            raise ValueError(f"X already has a column {min(duplicates)!r}: rename it, or set append=False.")
        clock = self._clock(stamps)
        for period in self.periods_:
            if clock.max() > clock.min() and np.ptp(_share(clock, period)) == 0:
                warn(
                    f"periods={self.periods!r}: all rows are at one place in their {period}, so its columns do not "
                    "change. The hour of the day is the place in a 'day', the weekday that in a 'week'."
                )
        return self

    def transform(self, X):
        """Add calendar columns to X.

        Parameters
        ----------
        X : DataFrame of shape (n_timesteps, n_features)
            Rows of training, or others.

        Returns
        -------
        features : DataFrame of shape (n_timesteps, n_features + 2 * harmonics * n_periods)
            With the index of X; without its columns if ``append=False``.

        Raises
        ------
        TypeError, ValueError
            X has no index of time, other columns than in ``fit``, or a time zone where that had none, or
            none where that had one.
        """
        check_is_fitted(self)
        stamps = self._check(X, reset=False)
        if (stamps.tz is None) != (self._zone is None):
            with_zone, without = ("X", "rows of fit") if self._zone is None else ("rows of fit", "X")
            raise ValueError(
                f"The index of the {with_zone} has a time zone and that of the {without} has none: give both one, with "
                "tz_localize, or neither."
            )
        clock = self._clock(stamps)
        columns = np.empty((len(X), len(self._new_names())))  # (N, new features)
        column = iter(columns.T)
        for period in self.periods_:
            angle = 2 * np.pi * _share(clock, period)
            for k in range(1, self.harmonics + 1):
                np.sin(k * angle, out=next(column))
                np.cos(k * angle, out=next(column))
        columns[np.abs(columns) < 1e-12] = 0  # rounding of sin(pi) is near 1e-16: a scaler would amplify it
        new = pd.DataFrame(columns, index=X.index, columns=self._new_names())
        out = pd.concat([X, new], axis=1) if self.append and X.shape[1] else new
        return out.set_axis(self.get_feature_names_out(), axis=1)

    def _clock(self, stamps):
        """Return what the wall clock of ``fit`` shows at stamps, (N,) of datetime64."""
        return (stamps if self._zone is None else stamps.tz_convert(self._zone)).tz_localize(None).to_numpy()

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns: those of X, then ``day_sin, day_cos, day_sin2 ...``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns of X, by default those seen in ``fit``, or "x0", "x1" ... if they had none.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features) if self.append else []
        return np.array([*names, *self._new_names()], object)

    def _new_names(self):
        """Name the added columns, in their order."""
        return [
            f"{period}_{wave}{k if k > 1 else ''}"
            for period in self.periods_
            for k in range(1, self.harmonics + 1)
            for wave in ("sin", "cos")
        ]

    def _check(self, X, reset):
        """Check X and return its stamps (N,), a DatetimeIndex; ``reset`` records the columns, else they must match."""
        if not isinstance(X, pd.DataFrame):
            raise TypeError(
                f"X is of type {type(X).__name__}, without the index that CalendarFeatures reads: {CURE}."
            )
        if not len(X):
            raise ValueError("X is a DataFrame with 0 rows, a minimum of 1 is required by CalendarFeatures.")
        empty = X.shape[1] == 0  # which check_array cannot take
        validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False, skip_check_array=empty)
        time = numbers(X.index, "X", {"time", "codes"})  # the error below names the cause
        if time is None or time[1].kind != "stamp":
            index = X.index.get_level_values(-1)
            raise TypeError(
                f"The index of X ({type(index).__name__}, {index.dtype}) does not tell time: {CURE}."
            )
        values, clock = time
        return to_index(clock._replace(period=None, freq=None), values)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # a bare array has no index
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _names_of(X):
    """Name the columns of X in the result."""
    return [name if isinstance(name, str) else f"x{k}" for k, name in enumerate(X.columns)]


def _check_periods(periods, stamps):
    """Return the periods that the parameter names, a list."""
    if isinstance(periods, str) and periods == "auto":
        spacing = _spacing(stamps)
        chosen = [period for period, length in AUTO.items() if length >= 2 * spacing]
        covered = stamps.max() - stamps.min() + spacing
        chosen = [period for period in chosen if covered >= 2 * AUTO[period]] or chosen[:1]
        if not chosen:
            raise ValueError(
                f"periods='auto': the rows are {spacing} apart, fewer than two in a year: leave CalendarFeatures out."
            )
        return chosen
    are_words = isinstance(periods, (list, tuple)) and all(
        isinstance(period, str) and period in PERIODS for period in periods
    )
    if not are_words or not periods or len(set(periods)) < len(periods):
        raise ValueError(
            f"periods={periods!r}: give 'auto' or a list of some of {', '.join(map(repr, PERIODS))}."
        )
    return list(periods)


def _spacing(stamps):
    """Return the median distance of neighbouring stamps, a Timedelta."""
    spacings = stamps[1:] - stamps[:-1]
    # where the next series begins, time steps back or stands still
    spacings = spacings[spacings > pd.Timedelta(0)]
    if len(spacings):
        return spacings.to_series().median()
    raise ValueError(
        f"periods='auto' looks at the spacing of the rows, but X has no two stamps (n_samples={len(stamps)}): give "
        "more rows, or periods=['day', 'week', 'year']."
    )


def _share(clock, period):
    """Compute the phase (N,) in [0, 1) of a period at each stamp of clock (N,), datetime64 of the wall clock."""
    unit, early = PERIODS[period]
    early = np.timedelta64(early, "D")
    number = (clock + early).astype(f"datetime64[{unit}]")
    start, end = ((n.astype(clock.dtype) - early) for n in (number, number + np.timedelta64(1, unit)))
    return (clock - start) / (end - start)


def future_frame(history, steps):
    """Make the rows to forecast: a frame without columns whose index continues that of the history.

    Parameters
    ----------
    history : Series or DataFrame of shape (n_timesteps, ...)
        The rows seen, with a regular index; of several series, with the time in the last level of its MultiIndex.
    steps : int
        Number of rows, of each series.

    Returns
    -------
    X_future : DataFrame of shape (steps, 0)
        For ``CalendarFeatures``, or to be filled with inputs known ahead.

    Raises
    ------
    TypeError, ValueError
        The history has no index, its stamps are not in order or not unique, or they have no regular spacing.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsrnn.preprocessing import future_frame
    >>> y = pd.Series([3.0, 1.0, 2.0], index=pd.date_range("2024-01-31", periods=3, freq="ME"))
    >>> future_frame(y, 2).index.strftime("%Y-%m-%d").tolist()
    ['2024-04-30', '2024-05-31']
    """
    check_number("steps", steps, 1, integer=True)
    if not isinstance(history, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"history is of type {type(history).__name__}: give the Series or DataFrame of rows seen."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*not understood as time")  # the error below names the cause
        table = gather(pd.DataFrame(index=history.index), name="history")
    index = next_rows({part.key: timelines.read(part.stamps) for part in table.parts}, steps, table.names)
    if index is None:
        raise ValueError(
            "The index of history has no regular spacing that could go on: give regular stamps, for example with "
            "resample, or make the frame yourself."
        )
    return pd.DataFrame(index=index)
