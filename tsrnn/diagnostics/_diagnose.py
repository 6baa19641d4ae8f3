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

import warnings
from contextlib import suppress
from copy import copy
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import bdtrik, chdtrc, ndtr, ndtri
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._estimators.regressor import forecasts_ahead, free_run
from .._estimators.through import see_through, still
from .._models.arx import ARXRegressor
from .._models.naive import PersistenceRegressor, SeasonalNaiveRegressor
from .._series import timeline as timelines
from .._series.checks import check_y
from .._series.lags import parse_lags
from .._series.rows import read_both
from .._series.seasons import work_periods


HORIZONS = (1, 3, 6, 12, 24)
BOUND = 1.96  # of a 95 % interval, in standard deviations
FEWEST = 40  # measured rows
CERTAIN = 0.05  # a baseline is beaten where the chance of such a lead by luck is below
NEARLY = 0.95  # correlation, of values and of differences, from which an input may know the target
TINY = 0.02  # error relative to a baseline's, below which it is suspicious
ONE_SIDED = 0.5  # mean error over RMSE, from which the level has moved
PULSES = 200  # at least, in each input, where the rows allow
SMALL = 0.01  # standard deviations, of a change
FAR = 2000  # rows, beyond which no lag is looked at


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
            _say_errors(self),
            _say_skill(self),
            *_say_shifts(self),
            _say_residuals(self),
            *_say_inputs(self),
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
    if len(keys := _keys(see_through(model, None)[0], X, y)) > 1:
        options = {"horizons": horizons, "period": period, "max_lag": max_lag}
        return _diagnose_each(model, keys, (X, y, X_train, y_train), output=output, start=start, **options)
    stamps = _stamps(X, y)
    estimator, X = see_through(model, X)
    check_is_fitted(estimator)
    key = _the_series(estimator, X, y)
    rows, trained = _read(model, estimator, X, y, output, stamps), None
    at = timelines.positions(stamps, len(rows.y))
    grid = rows.spread(at)
    settings = _settings(estimator, rows.y, grid, y_train is not None, horizons, period, max_lag)
    lead, first, max_lag = settings.lead, settings.first, settings.max_lag
    if y_train is not None:
        X_seen = see_through(model, X_train)[1]
        trained = _read(model, estimator, X_seen, y_train, output, _stamps(X_train, y_train))

    forecasts = _forecasts(estimator, X, y, output, settings, start)
    residuals = rows.y - forecasts[lead]
    e = timelines.spread(residuals, at)
    auto, test = _autocorrelations(e, max_lag, lead)
    cross, bounds = _cross_correlations(e, grid.inputs, first, max_lag)
    compared = {h: forecasts[h] for h in settings.horizons}
    if not settings.sees_inputs:  # the baseline shall not either
        trained = trained and trained._replace(inputs={})
    visible = rows if settings.sees_inputs else rows._replace(inputs={})
    errors, p_values, trouble = _compare(visible, compared, trained, settings, _options(estimator))
    notes = [
        *trouble,
        *_overlap(estimator, key, stamps, trained),
        *_knows_target(grid.y, grid.inputs, first, max_lag),
        *_too_good(errors),
        *_known_ahead(estimator, list(rows.inputs), settings),
    ]
    label = pd.RangeIndex(len(rows.y)) if stamps is None else timelines.to_index(stamps.clock, stamps.values)
    return Diagnosis(
        name=type(estimator).__name__,
        steps=lead,
        period=settings.period,
        forecast=pd.Series(forecasts[lead], label, name="forecast"),
        residuals=pd.Series(residuals, label, name="residuals"),
        autocorrelation=auto,
        ljung_box=test,
        cross_correlation=cross,
        cross_bounds=bounds,
        errors=errors,
        p_values=p_values,
        shifts=_shifts(grid.y, {h: timelines.spread(f, at) for h, f in compared.items()}, settings.period),
        notes=tuple(notes),
        fit=_fit_percentage(estimator, X, y, rows.y, output, start),
    )


def _forecasts(estimator, X, y, output, settings, start):
    """Forecast each row from ``lead`` rows before it and from each horizon, {h: (N,)}; NaN where from nearer."""
    ahead = forecasts_ahead(estimator, X, y, sorted({settings.lead, *settings.horizons}), start)
    forecasts = {h: _columns(out)[:, output].copy() for h, out in ahead.items()}
    for h, out in forecasts.items():
        out[: h - settings.lead] = np.nan
    return forecasts


def _diagnose_each(model, keys, tables, **options):
    """Diagnose series by series.   tables : X, y, X_train, y_train of all, or None."""
    column, besides = getattr(see_through(model, None)[0], "series", None), (1, 0, 3, 2)
    diagnoses = Diagnoses()
    for key in keys:
        X, y, *train = (_series_of(v, key, column, tables[beside]) for v, beside in zip(tables, besides))
        diagnoses[key] = diagnose(model, X, y, X_train=train[0], y_train=train[1], **options)
    return diagnoses


class Record(NamedTuple):
    """Rows of one series: one output y (N,), the inputs {name: (N,)}, stamps or None."""

    y: np.ndarray
    inputs: dict
    stamps: Any

    def cut(self, rows):
        """Return some of the rows, a slice."""
        stamps = self.stamps and self.stamps._replace(values=self.stamps.values[rows])
        return Record(self.y[rows], {name: u[rows] for name, u in self.inputs.items()}, stamps)

    def spread(self, at):
        """Put the rows on a regular grid, NaN between them."""
        inputs = {name: timelines.spread(u, at) for name, u in self.inputs.items()}
        return Record(timelines.spread(self.y, at), inputs, self.stamps)


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
    _check_output(output, Y)
    return Record(Y[:, output], _inputs(X, estimator, model), stamps)


def _settings(estimator, y, grid, is_trained, horizons, period, max_lag):
    """Check the arguments against the rows, and choose those that are None."""
    measured = int(np.isfinite(y).sum())
    if measured < FEWEST:
        raise ValueError(
            f"y has {measured} measured rows, too few to tell errors from luck: give at least {FEWEST}."
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
            cells = ", ".join(f"{_THE[name]} {row[name]:+.3f} ({ahead.loc[h, name]})" for name in skill)
            lines.append(f"  {_rows_ahead(h)}: {cells}")
        return "\n\n".join(["\n".join(lines), *(f"[{key}]\n{d}" for key, d in self.items())])

    __repr__ = __str__


def _fit_percentage(estimator, X, y, target, output, start):
    """Return 100 (1 - RMSE / standard deviation of y) of a free run, or NaN."""
    try:
        out = free_run(estimator, X, y, start)
    except ValueError:
        return np.nan
    error = target - _columns(out)[:, output]
    spread = np.nanstd(target[np.isfinite(error)]) if np.isfinite(error).any() else 0.0
    return float(100 * (1 - np.sqrt(np.nanmean(error**2)) / spread)) if spread > 0 else np.nan


def lag_importance(model, X, y, max_lag=24, *, output=0, start=None):
    """Measure how far the one-step forecast moves with the values of k rows before.

    For each input and y it is mean |d yhat(t) / d x(t - k)| std(x) / std(y): 0.5 means that a small change of x by one
    of its standard deviations moves the forecast k rows later by half a standard deviation of y, in the mean over
    rows. All else stays as measured, so the state of a recurrent net counts, and the coefficients of a linear model
    come back, scaled. Where inputs move together the model may use one for another: it shows what the model does, not
    what causes y.

    Each of many rows is changed in turn by a hundredth of a standard deviation; rows far apart at the same time. Rows
    followed by a y that is NaN are left out, if there are enough others.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or Pipeline or search over one
        With a pipeline the changes are made before its transformers.
    X, y : as for :func:`diagnose`
        Columns that are not numbers are left out.
    max_lag : int, default=24
        The longest lag.
    output : int, default=0
        Which column of y is forecast.
    start : optional
        As for ``predict``.

    Returns
    -------
    importance : DataFrame indexed by lag 0 ... max_lag, a column an input and the outputs last
        NaN for lag 0 of the outputs, which no forecast sees.

    Raises
    ------
    ValueError
        There are fewer rows than twice the lags.

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.diagnostics import lag_importance
    >>> X, y = make_narendra(800, random_state=0)
    >>> model = ARXRegressor(input_lags=2, output_lags=1).fit(X[:600], y[:600])
    >>> lag_importance(model, X[600:], y[600:], max_lag=3).round(2).shape
    (4, 2)
    """
    if not (isinstance(max_lag, Integral) and max_lag >= 1):
        raise ValueError(f"max_lag={max_lag!r} is no lag: give an int >= 1.")
    Y, stamps = check_y(y)[0], _stamps(X, y)
    _check_output(output, Y)
    estimator = copy(see_through(model, None)[0])
    _the_series(estimator, X, y)
    fitted = estimator.fitted_
    # a column of X may hold bounds, and a small change would cross them
    estimator.fitted_ = fitted._replace(units=fitted.units._replace(bounds=None))

    def forecast(X, y):
        _, X = see_through(model, X)
        return _columns(estimator.predict_ahead(X, y, steps=1, start=start))[:, output]

    usual = forecast(X, y)
    rows = _rows_to_change(Y, stamps, max_lag, first=getattr(estimator, "lead_", 0) + 2)
    apart = 2 * (max_lag + 1)
    passes = min(apart, -(-PULSES * apart // len(rows)))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(Y))  # what outlasts the lags then adds no bias

    def moves(values, change):
        """Mean |change of the forecast| 0 ... max_lag rows after a change of one column, in standard deviations."""
        size = SMALL * np.nanstd(values)
        if not size > 0:
            return np.zeros(max_lag + 1)
        moved = []
        for k in range(passes):
            hit = rows[(rows % apart) == k * apart // passes]
            hit = hit[np.isfinite(values[hit])]
            pulse = np.zeros(len(Y))
            pulse[hit] = size * signs[hit]
            difference = forecast(*change(pulse)) - usual
            moved.append(np.abs(difference[hit[:, None] + np.arange(max_lag + 1)]))
        return np.concatenate(moved).mean(axis=0) / (SMALL * np.nanstd(Y[:, output]))

    names, table = [], []
    for j, name, column in _numeric(X, getattr(estimator, "series", None)):
        names.append(name)
        table.append(moves(column, lambda pulse, j=j: (_add(X, j, pulse), y)))
    for o, name in enumerate(_names(y)):
        names.append(name)
        table.append(moves(Y[:, o], lambda pulse, o=o: (X, _add(y, o, pulse))))
        table[-1][0] = np.nan
    return pd.DataFrame(np.transpose(table), index=pd.RangeIndex(max_lag + 1, name="lag"), columns=names)


def _rows_to_change(Y, stamps, max_lag, first):
    """Choose rows with no gap in the ``max_lag`` rows after them, and with measured y where there are enough.

    Rows before ``first`` stay: by them ``start`` may find where the series continues.
    """
    at = timelines.positions(stamps, len(Y))
    rows = np.arange(first, len(Y) - max_lag)
    rows = rows[at[rows + max_lag] - at[rows] == max_lag]
    clean = np.isfinite(Y).all(axis=1).cumsum()
    clean = rows[clean[rows + max_lag] - clean[rows] == max_lag]  # elsewhere the model feeds itself
    rows = clean if len(clean) > max_lag else rows
    if len(rows) <= max_lag:
        raise ValueError(
            f"max_lag={max_lag} needs some {first + 2 * max_lag + 2} rows without a gap, but there are {len(Y)}: give "
            "more rows or a shorter lag."
        )
    return rows


# ------------------------------------------------------------------------------------------------ correlations


def residual_correlations(residuals, X=None, *, max_lag=24):
    """Compute correlations of the errors of any one-step forecasts, as :func:`diagnose` does.

    Parameters
    ----------
    residuals : Series or array-like of shape (n_timesteps,)
        NaN where nothing was measured.
    X : array-like or DataFrame of shape (n_timesteps, n_features), optional
        Inputs.
    max_lag : int, default=24

    Returns
    -------
    autocorrelation, cross_correlation : DataFrame
    cross_bounds : Series
        As in :class:`Diagnosis`.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn.diagnostics import residual_correlations
    >>> noise = np.random.default_rng(0).normal(size=400)
    >>> own, cross, bounds = residual_correlations(noise, noise[:, None], max_lag=3)
    >>> bool((own["residuals"].abs() < own["bound"]).all())
    True
    >>> cross["x0", "u, e"].round(1).tolist()[0]
    1.0
    """
    at = timelines.positions(_stamps(X, residuals), len(residuals))
    e = timelines.spread(np.asarray(residuals, float), at)
    inputs = {name: timelines.spread(u, at) for name, u in _inputs(X).items()}
    return _autocorrelations(e, max_lag, 1)[0], *_cross_correlations(e, inputs, 0, max_lag)


def correlation(a, b, max_lag):
    """Correlation of a(t) with b(t - k), for k = 0 ... max_lag.

    The sum of products about the means over the whole length, as is usual, so that distant lags shrink; where values
    are missing the pairs there are stand for all.

    Parameters
    ----------
    a, b : ndarray of shape (n_timesteps,)
        NaN where nothing was measured.
    max_lag : int

    Returns
    -------
    r : ndarray of shape (max_lag + 1,)
        NaN where a or b is constant or no pair is measured.
    pairs : ndarray of shape (max_lag + 1,)
        How many pairs each is from.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn.diagnostics import correlation
    >>> x = np.array([1.0, -1.0, 1.0, -1.0])
    >>> correlation(x, x, 2)[0]
    array([ 1.  , -0.75,  0.5 ])
    """
    n = len(a)
    max_lag = min(max_lag, n - 1)
    valid = [np.isfinite(v).astype(float) for v in (a, b)]
    (a, s), (b, z) = (_standard(v) for v in (a, b))
    lags = np.arange(max_lag + 1)
    pairs = np.array([valid[0][k:] @ valid[1][: n - k] for k in lags])
    sums = np.array([a[k:] @ b[: n - k] for k in lags])
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / pairs * (1 - lags / n) / (s * z), pairs


def _standard(v):
    """Return v about its mean, 0 where it is NaN, and its standard deviation, NaN where that is 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        v = v - np.nanmean(v)
    valid = np.isfinite(v)
    v = np.where(valid, v, 0.0)
    deviation = np.sqrt(v @ v / max(valid.sum(), 1))
    return v, deviation if deviation > 0 else np.nan


def _autocorrelations(e, max_lag, lead):
    """Correlate errors, and their squares, with themselves: the table with a bound, and the Ljung-Box tests."""
    n = np.isfinite(e).sum()
    centred = e - np.nanmean(e)
    columns, tests = {}, {}
    for name, v in (("residuals", centred), ("squares", centred**2)):
        r, pairs = correlation(v, v, max_lag)
        columns[name] = r[1:]
        span = len(e) - np.arange(1, len(r))
        # Without gaps n (n + 2) sum r(k)^2 / (n - k).
        Q = (n + 2) / n * np.sum(pairs[1:] * (r[1:] * len(e) / span) ** 2)
        tests[name] = (Q, len(r) - 1, chdtrc(len(r) - 1, Q)) if lead == 1 else (np.nan, len(r) - 1, np.nan)
    # Errors of a forecast h rows ahead are correlated over h - 1 rows even at their best, which widens the bounds.
    width = np.sqrt(1 + 2 * np.sum(columns["residuals"][: lead - 1] ** 2))
    table = pd.DataFrame(columns, index=pd.RangeIndex(1, len(columns["residuals"]) + 1, name="lag"))
    rows = len(e) * np.mean(pairs[1:] / span)  # all, where none are missing; else those that have a partner
    table["bound"] = BOUND * width / np.sqrt(rows)
    return table, pd.DataFrame.from_dict(tests, orient="index", columns=["Q", "lags", "p"])


def _cross_correlations(e, inputs, first, max_lag):
    """Correlate errors and squares with each input and its square, from lag ``first`` on: the table, the bounds."""
    columns, bounds = {}, {}
    e = e - np.nanmean(e)
    for name, u in inputs.items():
        u = _standard(u)[0] + np.where(np.isfinite(u), 0.0, np.nan)
        for test, a, b in (("u, e", e, u), ("u², e", e, u**2), ("u², e²", e**2, u**2)):
            r, pairs = correlation(a, b, first + max_lag)
            if np.isnan(r[0]):
                continue  # an input that never moves, or an indicator, whose square does not
            columns[name, test] = r[first:]
            of_a, of_b = (correlation(v, v, max_lag)[0][1:] for v in (a, b))
            # Bartlett's variance, where both are autocorrelated
            wider = max(1.0, 1 + 2 * np.nansum(of_a * of_b))
            bounds[name, test] = BOUND * np.sqrt(wider / pairs[0])
    names = pd.MultiIndex.from_tuples(list(columns), names=["input", "test"]) if columns else []
    lags = pd.RangeIndex(first, first + max_lag + 1, name="lag")[: len(e) - first]
    table = np.reshape(list(columns.values()), (len(columns), len(lags))).T
    bounds = pd.Series(list(bounds.values()), names, dtype=float)
    return pd.DataFrame(table, index=lags, columns=names), bounds


# ------------------------------------------------------------------------------------------------ baselines


def _compare(rows, forecasts, trained, settings, options):
    """Compare with baselines: RMSE by horizon, p-values, and notes of what failed.

    trained : ``Record`` that the baselines learn from, or None: they learn from the first half and all are compared on
    the second.   options : of the linear baseline.
    """
    half = 0 if trained else len(rows.y) // 2
    learn = trained or rows.cut(slice(half))
    test = rows.cut(slice(half, None))
    start = "auto" if trained else "end"
    lead, first, period = settings.lead, settings.first, settings.period
    seasonal = period is not None and period <= len(learn.y)
    lags = {*range(lead, lead + 3), *([period] if seasonal and lead <= period <= len(learn.y) // 4 else [])}
    lags = {"input_lags": range(first, first + 3), "output_lags": sorted(lags)}
    baselines = {"persistence": PersistenceRegressor()}
    baselines |= {"seasonal naive": SeasonalNaiveRegressor(period)} if seasonal else {}
    baselines["linear ARX"] = ARXRegressor(**lags, **options)
    errors, trouble = {"model": {h: test.y - f[half:] for h, f in forecasts.items()}}, []
    for name, baseline in baselines.items():
        try:
            errors[name] = _baseline_errors(baseline, learn, test, list(forecasts), start)
        except ValueError as reason:
            trouble.append(f"The {name} could not be compared: {reason}")
    errors["mean"] = {h: test.y - _mean_of(learn.y) for h in forecasts}
    return *_tables(errors, list(forecasts)), trouble


def _tables(errors, horizons):
    """Tabulate RMSE, and p-values against the model, by horizon.   errors : {name: {h: (N,)}}."""
    table, p_values = {}, {}
    for h in horizons:
        rows = np.all([np.isfinite(e[h]) for e in errors.values()], axis=0)
        rows[: h - 1] = False  # forecast from the last row before, which is nearer
        squares = {name: e[h][rows] ** 2 for name, e in errors.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # no row at all
            table[h] = {"n": rows.sum(), **{name: np.sqrt(np.mean(e2)) for name, e2 in squares.items()}}
        model = squares.pop("model")
        p_values[h] = {name: _no_better(e2 - model, h) for name, e2 in squares.items()}
    table, p_values = (
        pd.DataFrame.from_dict(t, orient="index").rename_axis("step") for t in (table, p_values)
    )
    return table.astype({"n": int}), p_values


def _mean_of(y):
    """Return the mean of the measured values."""
    return y[np.isfinite(y)].mean() if np.isfinite(y).any() else np.nan


def _options(estimator):
    """Return the settings of the model that its linear baseline shares: ``missing``, and bounds of a single output."""
    names = ["missing", "target_bounds"] if estimator.n_outputs_ == 1 else ["missing"]
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}


def _baseline_errors(baseline, learn, test, horizons, start):
    """Fit a baseline to a ``Record`` and forecast others; returns {h: y - forecast}."""
    frames, sees_inputs = [], isinstance(baseline, ARXRegressor)
    for y, inputs, stamps in (learn, test):
        index = None if stamps is None else timelines.to_index(stamps.clock, stamps.values)
        X = pd.DataFrame(inputs, index) if sees_inputs and inputs else None
        frames.append((X, pd.Series(y, index)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of gaps, which the model warns of, and of runs astray
        baseline.fit(*frames[0])
        forecasts = forecasts_ahead(baseline, *frames[1], horizons, start)
    return {h: test.y - forecast for h, forecast in forecasts.items()}


def _no_better(gain, steps):
    """Return the p-value of the hypothesis that the mean gain in squared error is not above 0.

    Its variance allows for autocorrelation over the horizon and some rows more (Newey and West).
    """
    n = len(gain)
    if n < 3:
        return np.nan
    r = correlation(gain, gain, max(steps, int(4 * (n / 100) ** (2 / 9))))[0]
    if np.isnan(r[0]):
        return float(gain.mean() <= 0)
    variance = gain.var() / n * (1 + 2 * np.sum((1 - np.arange(1, len(r)) / len(r)) * r[1:]))
    return float(ndtr(-gain.mean() / np.sqrt(max(variance, np.finfo(float).tiny))))


# ------------------------------------------------------------------------------------------------ too late, too good


def _shifts(y, forecasts, period):
    """Find, for each horizon, the shift of y that the forecast is nearest to."""
    table = {}
    for h, f in forecasts.items():
        last = min(max(h, period or 0) + 1, len(y) // 2)
        late = [np.r_[np.full(k, np.nan), y[: len(y) - k]] for k in range(last + 1)]
        valid = np.all(np.isfinite([f, *late[: h + 1]]), axis=0)
        rmse = np.array([_rms((f - v)[valid & np.isfinite(v)]) for v in late])
        if np.isnan(rmse).all():
            continue
        k = int(np.nanargmin(rmse))
        moves = [correlation(np.diff(f), np.diff(late[j]), 0)[0][0] for j in (k, 0)]
        shifted = k > 0 and rmse[k] < rmse[0] / 2 and moves[0] > moves[1]
        table[h] = k, rmse[k], rmse[0], *moves, shifted
    columns = ["lag", "rmse", "rmse_now", "correlation", "correlation_now", "shifted"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("step")


def _rms(e):
    """Root of the mean square; NaN of nothing."""
    return np.sqrt(np.mean(e**2)) if len(e) else np.nan


def _knows_target(y, inputs, first, max_lag):
    """Note inputs that move as y does, at a lag nearer than those that the model may see."""
    notes = []
    for name, u in inputs.items():
        steps, values = _both_ways(np.diff(u), np.diff(y), max_lag), _both_ways(u, y, max_lag)
        if np.isnan(steps).all():
            continue
        at = int(np.nanargmax(np.abs(steps)))
        k = at - max_lag
        if k >= first and min(abs(steps[at]), abs(values[at])) > NEARLY:
            notes.append(
                f"Look at {name}: its value at t correlates {values[at]:+.3f} with y({_shifted(k)}), and their changes "
                f"{steps[at]:+.3f}. Does it know the target? Is it known when the forecast is made?"
            )
    return notes


def _both_ways(u, y, max_lag):
    """Correlation of u(t) with y(t + k), k = -max_lag ... max_lag, about pairs alone."""
    before, after = correlation(u, y, max_lag)[0], correlation(y, u, max_lag)[0]
    r = np.r_[before[:0:-1], after]
    return np.clip(r / (1 - np.abs(np.arange(-len(before) + 1, len(after))) / len(u)), -1, 1)


def _too_good(errors):
    """Note errors at the shortest horizon that are tiny beside a baseline's."""
    row = errors.iloc[0]
    share = {name: row["model"] / row[name] for name in ("linear ARX", "persistence") if row.get(name, 0) > 0}
    name = min(share, key=share.get, default=None)
    if name is None or not share[name] < TINY:
        return []
    return [
        f"Look at the errors: the RMSE is {100 * share[name]:.2g} % of that of {_THE[name]}. A system without noise "
        "allows that; else an input, or a transformer fitted on all rows, knows the target."
    ]


def _overlap(estimator, key, stamps, trained):
    """Note rows that the model has been trained on."""
    notes = []
    timeline = getattr(getattr(estimator, "series_", {}).get(key), "timeline", None)
    if timelines.can_place(timeline, stamps):
        values = timelines.aligned(timeline, stamps).values
        n = int(((values >= timeline.first) & (values <= timeline.last)).sum())
        if n:
            first, last = (timelines.show(timeline.clock, stamp) for stamp in (timeline.first, timeline.last))
            notes.append(
                f"Look at the rows: {n} of {len(values)} lie between {first} and {last}, which the model has "
                "seen in fit or update. Errors there are smaller than they will be; give later rows."
            )
    if stamps is not None and trained and trained.stamps is not None:
        n = len(np.intersect1d(stamps.values, trained.stamps.values))
        if n:
            notes.append(f"Look at the rows: {n} stamps of X are in X_train too.")
    return notes


def _known_ahead(estimator, names, settings):
    """Note if forecasts see rows that come after they are made."""
    first = settings.first
    notes = []
    if getattr(estimator, "bidirectional", False) is True:
        notes.append("Look at bidirectional=True: each forecast sees the inputs of all later rows.")
    if names and settings.sees_inputs and first < max(settings.horizons):
        forecasts = f"forecasts of more than {_rows_of(first)}" if first else "the forecasts"
        notes.append(
            f"Look at the inputs: {forecasts} see some ({_few(names)}) from after they were made, here as measured. "
            "That is right for what is known ahead, such as the clock or a plan; else begin input_lags at the horizon, "
            "or judge the model with inputs as they were forecast."
        )
    return notes


# ------------------------------------------------------------------------------------------------ in words


_THE = {
    "persistence": "persistence",
    "seasonal naive": "the value a period ago",
    "linear ARX": "a linear ARX",
    "mean": "the mean",
}


def _say_errors(d):
    """Describe the errors: of which rows, and how large."""
    e = d.residuals.dropna()
    y = (d.forecast + d.residuals).dropna()
    ends = "" if isinstance(d.residuals.index, pd.RangeIndex) else f" from {e.index[0]} to {e.index[-1]}"
    shift = ""
    if abs(e.mean()) > ONE_SIDED * _rms(e):
        shift = (
            " Most errors have one sign: has the level of y moved since training? Look at "
            "target_transform='difference', or fit to later rows."
        )
    free = f"\nA free run over all rows, which sees no y, fits {d.fit:.1f} %." if np.isfinite(d.fit) else ""
    r2 = 1 - (e**2).sum() / max(((y - y.mean()) ** 2).sum(), np.finfo(float).tiny)
    return (
        f"{d.name} on {len(d.residuals)} rows{ends}, {len(e)} of them with a measured y.\n"
        f"Forecasts {_rows_ahead(d.steps)}: RMSE {_rms(e):.4g}, MAE {e.abs().mean():.4g}, mean error {e.mean():.2g}, "
        f"R2 {r2:.3f}.{shift}{free}"
    )


def _say_skill(d):
    """Tabulate the skill, and name the horizons at which the model beats each baseline."""
    skill = d.skill
    titles = {name: f"{name} ({d.period})" if name == "seasonal naive" else name for name in skill}
    lines = [
        f"RMSE, and skill (1 - RMSE / RMSE of a baseline), on the same {d.errors['n'].max()} rows:",
        "  rows ahead        RMSE" + "".join(f"{title:>{len(title) + 3}s}" for title in titles.values()),
    ]
    for h, row in skill.iterrows():
        cells = "".join(
            f"{row[name]:>+{len(title) + 3}.3{'f' if row[name] > -100 else 'g'}}"
            for name, title in titles.items()
        )
        lines.append(f"  {h:10d}  {d.errors.loc[h, 'model']:10.4g}{cells}")
    for name in skill:
        better = d.p_values[name] < CERTAIN
        worse = d.p_values[name] > 1 - CERTAIN
        level = ~better & ~worse  # a lead or a lag that luck explains is named, and not denied
        ahead = level & (skill[name] > 0)
        words = []
        for rows, verb in (
            (better, "better than"),
            (ahead, "ahead of (but not beyond luck)"),
            (level & ~ahead, "no better than"),
            (worse, "worse than"),
        ):
            if rows.all():
                words.append(f"{verb} {_THE[name]} at every horizon")
            elif rows.any():
                words.append(f"{verb} {_THE[name]} {_and(skill.index[rows])} ahead")
        lines.append(f"It is {', '.join(words)}.")
    return "\n".join(lines)


def _say_shifts(d):
    """Warn where the forecast is a late copy of y."""
    late = d.shifts[d.shifts["shifted"].astype(bool)]
    if late.empty:
        return []
    lines = []
    for h, row in late.iterrows():
        lines.append(
            f"{_rows_ahead(h).capitalize()} the forecast is little more than y({_shifted(-row['lag'])}) shifted: it is "
            f"{row['rmse']:.3g} from that (RMS) but {row['rmse_now']:.3g} from y(t), and its changes correlate "
            f"{row['correlation']:.2f} with those of the former, {row['correlation_now']:.2f} with those of y(t)."
        )
    return ["\n".join(lines)]


def _say_residuals(d):
    """Report whether the errors are white, and their spread even."""
    table = d.autocorrelation.loc[d.steps :]
    bound = table["bound"].iloc[0] if len(table) else np.nan
    lines = []
    for name, noun, cure in (
        ("residuals", "Residuals", "past errors tell of the next: look at more output_lags, or a season"),
        (
            "squares",
            "Squared residuals",
            "the spread of the errors comes and goes: one width of interval will not do",
        ),
    ):
        r, p = table[name].dropna(), d.ljung_box.loc[name, "p"]
        if r.empty:
            continue
        outside, k = int((r.abs() > bound).sum()), r.abs().idxmax()
        test = "" if np.isnan(p) else f"; Ljung-Box {_p(p)}"
        within = r.abs().max() <= bound * _wider(len(r)) and outside <= _most_by_chance(len(r))
        fine = within and not p < CERTAIN
        verdict = "no sign of anything left" if fine else cure
        lines.append(
            f"{noun}: largest autocorrelation {r[k]:+.2f}, at lag {k} ({100 * r[k] ** 2:.0f} % of their variance; 95 % "
            f"bounds +-{bound:.2g}); {outside} of {len(r)} lags outside, by chance {0.05 * len(r):.0f}{test}: "
            f"{verdict}."
        )
    return "\n".join(lines)


def _say_inputs(d):
    """Name the inputs that still correlate with the errors."""
    table = d.cross_correlation
    if not table.shape[1]:
        return []
    ratio = (table.abs() / d.cross_bounds).max() / _wider(len(table))
    beyond = ratio[ratio > 1].sort_values(ascending=False).index
    if not len(beyond):
        return [
            f"Inputs: no correlation of the residuals with any input, {table.index[0]} to {table.index[-1]} rows "
            "before, or with its square, beyond chance."
        ]
    cells = []
    for name, test in beyond[:5]:
        r = table[name, test]
        k = r.abs().idxmax()
        cells.append(f"{name} ({test}) {r[k]:+.2f} at lag {k} (bounds +-{d.cross_bounds[name, test]:.2g})")
    others = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
    return [
        f"Inputs still correlate with the residuals: {', '.join(cells)}{others}. Look at more input_lags, or a larger "
        "net where squares do."
    ]


def _most_by_chance(tests):
    """Return how many of ``tests`` correlations of noise leave their 95 % bounds at most, 99 times of 100."""
    return bdtrik(0.99, tests, 0.05)


def _wider(tests):
    """Return the Bonferroni factor: by how much 95 % bounds widen for that many tests."""
    return -ndtri(0.025 / max(tests, 1)) / BOUND


def _shifted(k):
    """Format the time of a lag: t, t + k or t - k."""
    return f"t {'+' if k > 0 else '-'} {abs(int(k))}" if k else "t"


def _rows_ahead(h):
    return f"{_rows_of(h)} ahead"


def _rows_of(n):
    return f"{n} row" if n == 1 else f"{n} rows"


def _and(values):
    """Enumerate: 1, 2 and 3."""
    values = [str(v) for v in values]
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _few(names):
    """Name the first of many."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _p(p):
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


# ------------------------------------------------------------------------------------------------ what was given


def _columns(v):
    """Return an array (N, D) in float64."""
    V = np.asarray(v, dtype=float)
    return V.reshape(len(V), -1)


def _names(y):
    """Name y's columns."""
    if isinstance(y, pd.DataFrame):
        return [str(name) for name in y.columns]
    O = check_y(y)[0].shape[1]
    name = getattr(y, "name", None)
    return [str(name)] if name is not None else ["y"] if O == 1 else [f"y{o}" for o in range(O)]


def _numeric(X, keys):
    """List (position, name, values) of each numeric column of X but that of the series' keys."""
    if X is None:
        return []
    if not isinstance(X, pd.DataFrame):
        return [(j, f"x{j}", column) for j, column in enumerate(_columns(X).T)]
    numbers = [
        pd.api.types.is_numeric_dtype(dtype) and (keys is None or name != keys)
        for name, dtype in X.dtypes.items()
    ]
    return [
        (j, str(X.columns[j]), X.iloc[:, j].to_numpy(float, na_value=np.nan)) for j in np.flatnonzero(numbers)
    ]


def _add(V, j, pulse):
    """Add a change to column j of V, in the container the user gave."""
    if isinstance(V, pd.DataFrame):
        V = V.copy()
        V.isetitem(j, V.iloc[:, j].to_numpy(float, na_value=np.nan) + pulse)
        return V
    if isinstance(V, pd.Series):
        return V.astype(float) + pulse
    V = np.array(V, dtype=float)
    V.reshape(len(V), -1)[:, j] += pulse
    return V


def _inputs(X, estimator=None, model=None):
    """Return the inputs {name: (N,)} of the estimator inside a model, without the column of the series' keys."""
    if not isinstance(X, pd.DataFrame):
        columns = np.empty((0, 0)) if X is None else _columns(X)
        for names in (getattr(estimator, "feature_names_in_", ()), _made_names(model)):
            if len(names) == columns.shape[1]:
                return dict(zip(map(str, names), columns.T))
        return {f"x{j}": column for j, column in enumerate(columns.T)}
    keys = getattr(estimator, "series", None)
    columns = [(str(name), X.iloc[:, j]) for j, name in enumerate(X.columns) if keys is None or name != keys]
    return {name: column.to_numpy(float, na_value=np.nan) for name, column in columns}


def _made_names(model):
    """Return the names of the columns that a pipeline's transformers make, where they have names."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline) and len(model) > 1:
        with suppress(AttributeError, ValueError):
            return model[:-1].get_feature_names_out()
    return ()


def _stamps(X, y):
    """Return the stamps of X, else of y; None where neither has times."""
    stamps, _ = read_both(X, y, set())
    return stamps if timelines.tells(stamps) else None


def _the_series(estimator, X, y):
    """Return the key of the one series in X and y, None without keys; raise where there are several."""
    keys = _keys(estimator, X, y)
    if len(keys) > 1 or any(isinstance(v, (list, np.ndarray)) and np.ndim(v[0]) > 1 for v in (X, y)):
        raise ValueError(
            "X and y hold several series: give one at a time, for example X.loc[[key]], y.loc[[key]]."
        )
    return keys[0]


def _keys(estimator, X, y):
    """List the keys of the series in frames, in their order; [None] without keys."""
    for frame in (X, y):
        if isinstance(getattr(frame, "index", None), pd.MultiIndex):
            return frame.index.droplevel(-1).unique()
        if isinstance(frame, pd.DataFrame) and getattr(estimator, "series", None) in frame.columns:
            return frame[estimator.series].unique()
    return [None]


def _series_of(v, key, column, beside):
    """Return the rows of one series in X or y; beside : the other of the two, whose column may have the keys."""
    if v is None:
        return None
    for frame in (v, beside):
        if isinstance(getattr(frame, "index", None), pd.MultiIndex):
            return v[np.asarray([k == key for k in frame.index.droplevel(-1)])]
        if isinstance(frame, pd.DataFrame) and column in frame.columns:
            return v[(frame[column] == key).to_numpy()]
    return v


def _check_output(output, Y):
    if not (isinstance(output, Integral) and 0 <= output < Y.shape[1]):
        raise ValueError(
            f"output={output!r} is no column of y, which has {Y.shape[1]}: give 0 ... {Y.shape[1] - 1}."
        )


def _least_lags(estimator, inputs):
    """Return the nearest y(t - k) that the model sees, 1 if none; and the nearest input, inf if none."""
    lags = parse_lags(getattr(estimator, "output_lags", 1), "output_lags", 1)
    return min(lags, default=1), estimator._dynamics().input_lag if inputs else np.inf


def _check_period(period, stamps, y):
    """Return the rows of a season, or None."""
    if period is not None:
        if not (isinstance(period, Integral) and period >= 2):
            raise ValueError(f"period={period!r} is no season: give an int >= 2, or None to look for one.")
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


def find_period(y):
    """Find the strongest peak in the autocorrelation of a series; None where no peak is above 0.3.

    Parameters
    ----------
    y : ndarray of shape (n_timesteps,)
        NaN where nothing was measured.

    Returns
    -------
    period : int or None
        At least 2, at most a third of the rows, and 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn.diagnostics import find_period
    >>> find_period(np.sin(2 * np.pi * np.arange(100) / 12))
    12
    """
    t, valid = np.arange(len(y)), np.isfinite(y)
    trend = np.polyval(np.polyfit(t[valid], y[valid], 1), t)
    r = np.nan_to_num(correlation(y - trend, y - trend, min(len(y) // 3, FAR))[0])
    dip = r - np.minimum.accumulate(r)
    peaks = [k for k in range(2, len(r) - 1) if r[k - 1] < r[k] >= r[k + 1] and r[k] > 0.3 and dip[k] > 0.1]
    return max(peaks, key=r.__getitem__, default=None)


def _check_horizons(horizons, lead, most, n):
    """Return ascending horizons that n rows suffice for, by default up to ``most``."""
    if horizons is None:
        return sorted({lead, *(h for h in HORIZONS if lead <= h <= most and 10 * h <= n)})
    chosen = list(horizons) if np.iterable(horizons) else [horizons]
    if not chosen or not all(isinstance(h, Integral) and h >= 1 for h in chosen):
        raise ValueError(f"horizons={horizons!r} are no horizons: give ints >= 1.")
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
