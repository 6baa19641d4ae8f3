"""Tests of a fitted model: is it better than naive forecasts, and is there structure left in its errors?

On rows that were not trained on, with the errors e(t) = y(t) - yhat(t) of one-step forecasts and an input u(t):

    autocorrelation      r(k) = sum_t e(t) e(t - k) / sum_t e(t)^2, within +-1.96 / sqrt(n) of 0 if nothing is left
    Ljung-Box            Q = n (n + 2) sum_k r(k)^2 / (n - k), chi-square with as many degrees of freedom as lags
    cross-correlation    of e(t) or e(t)^2 with u(t - k) or u(t - k)^2: 0 likewise, for every k >= 0
    skill                1 - RMSE / RMSE of persistence, of the value a period ago, of a linear ARX
    shift                the k for which yhat(t) is nearest to y(t - k): 0, or the forecast is a late copy
    lag importance       mean |d yhat(t) / d x(t - k)| std(x) / std(y)

Sums leave out what was not measured.
"""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._estimators.regressor import forecasts_ahead, free_run
from .._estimators.through import no_forecasts, see_through, still
from .._series import timeline as timelines
from .._series.checks import across, check_y
from .._series.lags import parse_lags
from .._series.seasons import work_periods
from ..metrics import fit_percentage
from ._arguments import as_columns, check_output, keys_of, named_inputs, only_key, rows_of_series, stamps_of
from ._baselines import Record, compare_with_baselines, shared_options
from ._correlations import autocorrelations, cross_correlations, find_period
from ._report import BASELINES, rows_ahead, say_errors, say_inputs, say_residuals, say_shifts, say_skill
from ._suspicions import (
    find_shifts,
    note_inputs_that_know,
    note_known_ahead,
    note_other_outputs,
    note_overlap,
    note_too_good,
)


HORIZONS = (1, 3, 6, 12, 24)
FEWEST = 40  # measured rows


class Diagnosis(NamedTuple):
    """What :func:`diagnose` found; ``print`` it for a report; :class:`~tsrnn.plotting.ResidualDisplay` draws it.

    Attributes
    ----------
    name : str
        Of the model.
    steps : int
        Horizon of ``forecast`` and ``residuals``: 1, or the least output lag of a direct forecaster.
    period : int or None
        Rows of a season.
    forecast, residuals : Series of length n_timesteps
        In the units of y; NaN where y was not measured.
    autocorrelation : DataFrame indexed by lag, columns "residuals", "squares", "bound"
        Of e and of e^2 about their means.
    ljung_box : DataFrame indexed "residuals", "squares", columns "Q", "lags", "p"
        NaN for a direct forecaster, whose errors are correlated up to its horizon even at its best.
    cross_correlation : DataFrame indexed by lag k = 0, 1 ..., columns (input, test)
        The tests are "u, e", "u², e" and "u², e²", u at t - k and e at t; squares about their means.
    cross_bounds : Series indexed by (input, test)
        95 % bounds, widened where both the input and the residuals are autocorrelated.
    errors : DataFrame indexed by step, columns "n", "model", "persistence", "seasonal naive", "linear ARX", "mean"
        RMSE in the units of y, of all on the same n rows. "mean" is the mean of what the baselines learn from,
        which for returns and other noise is hard to beat.
    p_values : DataFrame indexed by step, a column a baseline
        Of the hypothesis that the model is no better (Diebold and Mariano, one-sided).
    shifts : DataFrame indexed by step, columns "lag", "rmse", "rmse_now", "correlation", "correlation_now", "shifted"
        The lag k for which the forecast is nearest to y(t - k); its distance from that and from y(t); the correlations
        of differences of the forecast with those of y(t - k) and y(t).
    notes : tuple of str
        What the forecasts were given that a real one may not have, and other reasons to look twice.
    fit : float
        Of a free run over all rows, which sees no y: 100 (1 - RMSE / standard deviation of y), in per cent, as in
        system identification; NaN for a model that cannot run freely so far.
    """

    name: str
    steps: int
    period: Any
    forecast: pd.Series
    residuals: pd.Series
    autocorrelation: pd.DataFrame
    ljung_box: pd.DataFrame
    cross_correlation: pd.DataFrame
    cross_bounds: pd.Series
    errors: pd.DataFrame
    p_values: pd.DataFrame
    shifts: pd.DataFrame
    notes: tuple
    fit: float = np.nan

    @property
    def skill(self):
        """DataFrame indexed by step, a column a baseline: 1 - RMSE / RMSE of the baseline."""
        baselines = self.errors.drop(columns=["n", "model"])
        return 1 - baselines.rdiv(self.errors["model"], axis=0)

    def __str__(self):
        texts = [
            say_errors(self),
            say_skill(self),
            *say_shifts(self),
            say_residuals(self),
            *say_inputs(self),
            *self.notes,
        ]
        return "\n\n".join(text for text in texts if text)

    __repr__ = __str__


def diagnose(
    model, X, y, *, X_train=None, y_train=None, horizons=None, period=None, max_lag=None, output=0, start=None
):
    """Test a fitted model on rows that it was not trained on.

    Are its errors noise, or do past errors and inputs predict them [1]_, [2]_? Is it better than persistence, than
    the value a period ago and than a linear ARX model, and by more than luck [3]_? Is the forecast only a late
    copy of y, or is it too good to be true? ``print`` the answer.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or Pipeline or search over one
    X : array-like or DataFrame of shape (n_timesteps, n_features), or None
        Inputs of one series, or of several in frames with a MultiIndex or the constructor's ``series``.
    y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
        Measured outputs; NaN where there are none.
    X_train, y_train : optional
        Rows before, that the baselines learn from, best those the model was trained on. Without them the baselines
        learn from the first half of the rows and all are compared on the second, so that a linear model with less
        data than yours is what is to beat.
    horizons : sequence of int, optional
        Rows ahead at which to compare: 1, 3, 6, 12, 24 by default, as far as there are enough rows.
    period : int, optional
        Rows of a season. By default a day or a week where stamps are closer, 12 for months, 4 for quarters, 52 for
        weeks; else the strongest peak in the autocorrelation of y, if there is one.
    max_lag : int, optional
        Longest lag of the correlations: two periods by default, at least 10, at most a fifth of the rows.
    output : int, default=0
        Which column of y.
    start : optional
        Where the forecasts start, as for ``predict``.

    Returns
    -------
    diagnosis : Diagnosis
        Of several series a dict of them, by key, which prints a summary first.

    Raises
    ------
    ValueError
        There are fewer than 40 rows with a measured y, or fewer than the model's lags and horizons need; several
        series are in a list or an array; an argument is out of range.

    References
    ----------
    .. [1] G. M. Ljung, G. E. P. Box. "On a measure of lack of fit in time series models." Biometrika 65, 1978.
    .. [2] S. A. Billings, W. S. F. Voon. "Correlation based model validity tests for non-linear models." International
       Journal of Control 44, 1986.
    .. [3] F. X. Diebold, R. S. Mariano. "Comparing predictive accuracy." Journal of Business & Economic Statistics 13,
       1995.

    Examples
    --------
    >>> from tsrnn import NARXRegressor, diagnose
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(1500, random_state=0)
    >>> model = NARXRegressor(input_lags=10, output_lags=10, random_state=0).fit(X[:1000], y[:1000])
    >>> diagnosis = diagnose(model, X[1000:], y[1000:])
    >>> bool(diagnosis.skill.loc[1, "persistence"] > 0.5)
    True
    >>> diagnosis.errors.index.tolist()
    [1, 3, 6, 12, 24]
    """
    if (X_train is not None) and y_train is None:
        raise ValueError("X_train was given without y_train: give both, or neither.")
    model = still(model)
    asked = {"horizons": horizons, "period": period, "max_lag": max_lag}
    if len(keys := keys_of(see_through(model, None)[0], X, y)) > 1:
        return _diagnose_each(model, keys, (X, y, X_train, y_train), output=output, start=start, **asked)
    return _diagnose_one(model, (X, y), (X_train, y_train), asked, output, start)


def _diagnose_one(model, tested, trained_on, asked, output, start):
    """Diagnose one series.   tested, trained_on : X and y.   asked : horizons, period and max_lag as given."""
    X, y = tested
    stamps = stamps_of(X, y)
    estimator, X = see_through(model, X)
    if is_classifier(estimator):
        raise no_forecasts(estimator)
    check_is_fitted(estimator)
    key = only_key(estimator, X, y)
    rows, trained = _read(model, estimator, X, y, output, stamps), None
    at = timelines.positions(stamps, len(rows.y))
    grid = rows.spread(at)
    settings = _settings(estimator, rows.y, grid, trained_on[1] is not None, **asked)
    if trained_on[1] is not None:
        X_seen = see_through(model, trained_on[0])[1]
        trained = _read(model, estimator, X_seen, trained_on[1], output, stamps_of(*trained_on))
    forecasts = _forecasts(estimator, X, y, output, settings, start)
    compared = {h: forecasts[h] for h in settings.horizons}
    errors, p_values, trouble = _compare(estimator, rows, compared, trained, settings)
    notes = [
        *trouble,
        *note_other_outputs(y, output),
        *note_overlap(estimator, key, stamps, trained),
        *note_inputs_that_know(grid.y, grid.inputs, settings.first, settings.max_lag),
        *note_too_good(errors),
        *note_known_ahead(estimator, list(rows.inputs), settings),
    ]
    on_grid = {h: timelines.spread(f, at) for h, f in compared.items()}
    return Diagnosis(
        name=type(estimator).__name__,
        steps=settings.lead,
        period=settings.period,
        **_residuals(rows, forecasts[settings.lead], grid, at, settings),
        errors=errors,
        p_values=p_values,
        shifts=find_shifts(grid.y, on_grid, settings.period),
        notes=tuple(notes),
        fit=_fit_percentage(estimator, X, y, rows.y, output, start),
    )


def _residuals(rows, forecast, grid, at, settings):
    """Tabulate the errors of forecasts (N,) and their correlations, by the names of a ``Diagnosis``."""
    residuals, stamps = rows.y - forecast, rows.stamps
    e = timelines.spread(residuals, at)
    auto, test = autocorrelations(e, settings.max_lag, settings.lead)
    cross, bounds = cross_correlations(e, grid.inputs, settings.first, settings.max_lag)
    label = pd.RangeIndex(len(rows.y)) if stamps is None else timelines.to_index(stamps.clock, stamps.values)
    return {
        "forecast": pd.Series(forecast, label, name="forecast"),
        "residuals": pd.Series(residuals, label, name="residuals"),
        "autocorrelation": auto,
        "ljung_box": test,
        "cross_correlation": cross,
        "cross_bounds": bounds,
    }


def _compare(estimator, rows, forecasts, trained, settings):
    """Compare with baselines, which see inputs only if the model does."""
    if not settings.sees_inputs:
        rows, trained = rows._replace(inputs={}), trained and trained._replace(inputs={})
    return compare_with_baselines(rows, forecasts, trained, settings, shared_options(estimator))


def _forecasts(estimator, X, y, output, settings, start):
    """Forecast each row from ``lead`` rows before it and from each horizon, {h: (N,)}; NaN where from nearer."""
    ahead = forecasts_ahead(estimator, X, y, sorted({settings.lead, *settings.horizons}), start)
    forecasts = {h: as_columns(out)[:, output].copy() for h, out in ahead.items()}
    for h, out in forecasts.items():
        out[: h - settings.lead] = np.nan
    return forecasts


def _diagnose_each(model, keys, tables, **options):
    """Diagnose series by series.   tables : X, y, X_train, y_train of all, or None."""
    column, besides = getattr(see_through(model, None)[0], "series", None), (1, 0, 3, 2)
    diagnoses = Diagnoses()
    for key in keys:
        X, y, *train = (rows_of_series(v, key, column, tables[beside]) for v, beside in zip(tables, besides))
        diagnoses[key] = diagnose(model, X, y, X_train=train[0], y_train=train[1], **options)
    return diagnoses


class Settings(NamedTuple):
    """Settings of a diagnosis.   lead : the nearest y(t - k) that the model sees.   first : the nearest input to test.

    sees_inputs : whether the model sees inputs of the row that is forecast, or of rows before it at a fixed lag.
    """

    lead: int
    first: int
    sees_inputs: bool
    horizons: list
    period: int | None
    max_lag: int


def _read(model, estimator, X, y, output, stamps):
    """Read rows of one series; X as the estimator inside the model sees it."""
    Y = check_y(y)[0]
    check_output(output, Y)
    return Record(Y[:, output], named_inputs(X, estimator, model), stamps)


def _settings(estimator, y, grid, is_trained, horizons, period, max_lag):
    """Check the arguments against the rows, and choose those that are None."""
    measured = int(np.isfinite(y).sum())
    if measured < FEWEST:
        raise ValueError(
            f"y has {measured} measured rows, too few to tell errors from luck: give at least {FEWEST}."
            + across(len(y))
        )
    lead, least = _least_lags(estimator, grid.inputs)
    period = _check_period(period, grid.stamps, grid.y)
    most = getattr(estimator, "horizon", np.inf)
    horizons = _check_horizons(horizons, lead, most, measured if is_trained else measured // 2)
    sees = bool(np.isfinite(least))
    return Settings(
        lead, least if sees else 1, sees, horizons, period, _check_max_lag(max_lag, period, lead, measured)
    )


class Diagnoses(dict):
    """What :func:`diagnose` found of several series: a :class:`Diagnosis` by the key of each; ``print`` it."""

    @property
    def skill(self):
        """DataFrame indexed by series and step, a column a baseline."""
        return pd.concat({key: d.skill for key, d in self.items()}, names=["series"])

    @property
    def fit(self):
        """Series of fit percentages, by key."""
        return pd.Series({key: d.fit for key, d in self.items()}, name="fit")

    def __str__(self):
        skill = self.skill.groupby(level="step").median()
        ahead = (self.skill > 0).groupby(level="step").sum()
        lines = [f"{len(self)} series. Median skill, and of how many it is above 0:"]
        for h, row in skill.iterrows():
            cells = ", ".join(f"{BASELINES[name]} {row[name]:+.3f} ({ahead.loc[h, name]})" for name in skill)
            lines.append(f"  {rows_ahead(h)}: {cells}")
        return "\n\n".join(["\n".join(lines), *(f"[{key}]\n{d}" for key, d in self.items())])

    __repr__ = __str__


def _fit_percentage(estimator, X, y, target, output, start):
    """Return how much of y a free run explains, in per cent, or NaN."""
    try:
        out = as_columns(free_run(estimator, X, y, start))[:, output]
        judged = np.isfinite(out)
        return fit_percentage(target[judged], out[judged])
    except ValueError:  # it cannot run freely, or nothing varies
        return np.nan


def _least_lags(estimator, inputs):
    """Return the nearest y(t - k) that the model sees, 1 if none; and the nearest input, inf if none."""
    lags = parse_lags(getattr(estimator, "output_lags", 1), "output_lags", 1)
    return min(lags, default=1), estimator._dynamics().input_lag if inputs else np.inf


def _check_period(period, stamps, y):
    """Return the rows of a season, or None."""
    if period is not None:
        if not (isinstance(period, Integral) and period >= 2):
            raise ValueError(f"period={period!r} is not a season: give an int >= 2, or None to look for one.")
        return int(period)
    timeline = timelines.read(stamps)
    for p in () if timeline is None else _calendar_periods(timeline):
        if 2 <= p <= len(y) // 3:
            return p
    return find_period(y)


def _calendar_periods(timeline):
    """List the rows in a day, a week, a year, as far as they are whole."""
    if timeline.step is not None and timeline.clock.kind != "int":
        step = pd.Timedelta(np.timedelta64(timeline.step, timeline.clock.unit))
        rows = [pd.Timedelta(cycle) / step for cycle in ("1D", "7D")]
        weekly = [52] if step == pd.Timedelta("7D") else []
        return [int(p) for p in rows if p == int(p)] + weekly
    if timeline.freq is None:
        return []
    work = work_periods(timeline.freq)
    if work:
        return [int(p) for p in work.values() if p == int(p)]
    names = {"M": 12, "Q": 4, "D": 7, "W": 52}
    name = timeline.freq.rule_code.removeprefix("B")
    return [names.get(name[0], 0) // timeline.freq.n]


def _check_horizons(horizons, lead, most, n):
    """Return ascending horizons that n rows suffice for, by default up to ``most``."""
    if horizons is None:
        return sorted({lead, *(h for h in HORIZONS if lead <= h <= most and 10 * h <= n)})
    chosen = list(horizons) if np.iterable(horizons) else [horizons]
    if not chosen or not all(isinstance(h, Integral) and h >= 1 for h in chosen):
        raise ValueError(f"horizons={horizons!r} are not horizons: give ints >= 1.")
    if max(chosen) > n // 3:
        raise ValueError(
            f"horizons={horizons!r}: {max(chosen)} rows ahead needs some {3 * max(chosen)} rows to compare on, but "
            f"there are {n}. Give more rows, X_train and y_train, or shorter horizons."
        )
    return sorted({int(h) for h in chosen})


def _check_max_lag(max_lag, period, lead, n):
    """Return the longest lag of the correlations."""
    if max_lag is None:
        return min(max(10, 2 * (period or 0), lead + 10), n // 5)
    if not (isinstance(max_lag, Integral) and 1 <= max_lag <= n // 2):
        raise ValueError(
            f"max_lag={max_lag!r} is out of range: give an int from 1 to half of the {n} measured rows."
        )
    return int(max_lag)
