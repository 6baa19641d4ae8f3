"""Backtests: forecasts from many origins, and their errors.

An *origin* k is the row at which a forecast begins: y is known before it, and the rows k ... k + horizon - 1 are
forecast, its steps 1 ... horizon.
"""

import datetime
from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from .. import metrics
from .._check import check_number
from .._estimators.lag_regressor import on_lags
from .._estimators.through import no_forecasts, see_through, still
from .._series import timeline as timelines
from .._series.checks import across, column_names
from .._series.rows import gather, take
from .._series.stamps import Stamps
from .._series.timeline import last_known, tells, to_index
from .._training.monitor import progress
from .._warn import summed, warn


class Backtest(NamedTuple):
    """Forecasts from many origins, and their errors; the result of :func:`backtest`.

    forecasts : DataFrame, a row for each forecast value, with the columns

        - ``series``, of a panel: the key;
        - ``output``, of a y with columns;
        - ``origin``, the stamp (without stamps, the row within the series) at which the forecast begins;
        - ``step``, from 1 on, and ``time``, the stamp (without stamps, the row) that is forecast;
        - ``y``, measured, and ``forecast``;
        - ``lo-80``, ``hi-80`` ... for each level.

    errors : DataFrame, a row for each step (for each output and step, of a y with columns), over all origins and series
        where y was measured, with the columns

        - ``n``, their number; ``MAE``, ``RMSE`` and ``bias`` (mean of forecast - y), in the units of y; ``sMAPE`` in
          per cent;
        - ``MASE``, where y has rows before the first origin: MAE over the mean absolute error of naive forecasts of one
          period ahead in those rows, series by series;
        - ``skill_persistence``, ``skill_seasonal``: 1 - RMSE / RMSE of the last value, and of that ``period`` rows
          ago, where y has one before the origin (that has arrived, of a model with ``gap``);
        - ``coverage-80``, ``pinball-80`` ... for each level: the share of y within (where bounds
          leave more than one value), the mean pinball loss of the ends.
    """

    forecasts: pd.DataFrame
    errors: pd.DataFrame


class Protocol(NamedTuple):
    """Which origins to forecast from, and which rows to fit; as the arguments of :func:`backtest`."""

    horizon: int
    step: int = 1
    refit: object = False
    initial: object = None
    window: object = None


class Panel(NamedTuple):
    """Checked rows.   Y : (N, O).   rows, times : of each series, (n,), where its rows stand, and their times.

    A time numbers the rows of a series, or the distinct stamps of a panel.
    """

    X: object
    y: object
    groups: object
    Y: np.ndarray
    parts: list
    rows: list
    times: list
    is_panel: bool


class Judged(NamedTuple):
    """Forecasts of one series from some origins (M,).

    key : of the series, or None.   stamps : of its rows, or None.   y : (N, O), all of the series.   gap : rows by
    which y is known later.
    first : the row before which y is training, for MASE.   values : name -> (M, horizon, O).
    """

    key: object
    stamps: Stamps | None
    y: np.ndarray
    first: int
    origins: np.ndarray
    values: dict
    gap: int = 0


def backtest(
    model,
    X,
    y,
    horizon,
    step=1,
    refit=False,
    *,
    initial=None,
    window=None,
    period=None,
    level=None,
    method="conformal",
    start=None,
    groups=None,
    verbose=0,
):
    """Forecast from many origins and compare with the measured y.

    All origins of one fitted model go through it in one batched pass.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or search over either; or regressor of scikit-learn's kind
        A bare regressor such as ``HistGradientBoostingRegressor()`` is put on lags of y: :class:`~tsrnn.LagRegressor`.
        Where it is fitted and ``refit=False`` it is used as it is: X and y are rows that follow its training. Else
        clones are fitted to the rows of X and y before their origins; of a fitted search, clones of its best estimator.
        The model itself is never changed.
    X, y : as for ``NARXRegressor.fit``
        One series or a panel; a forecast that would reach over missing stamps is not made. Of a panel, "row" below
        means a distinct stamp; without stamps, the n-th row of every series.
    horizon : int
        Steps of each forecast.
    step : int, str or sequence of str, default=1
        Rows from an origin to the next; or the time of day at which forecasts begin, by the clock of the index, such
        as "06:00" for one every morning or ["00:00", "12:00"] for two a day.
    refit : bool or int, default=False
        An int k: fit anew every k rows; True: at every origin.
    initial : int or float, optional
        Rows, or share of the rows, before the first origin. By default none for a model that is fitted, else a half.
    window : int, optional
        Each fit sees the last ``window`` rows before its first origin; by default all.
    period : int, optional
        Rows of a season, for ``skill_seasonal`` and ``MASE``.
    level : float or sequence of float, optional
        Coverage of forecast intervals in per cent, such as ``[80, 95]``.
    method : {"conformal", "split", "bootstrap", "split-bootstrap"}, default="conformal"
        Of the intervals.
    start : optional
        Where a fitted model starts; as for ``NARXRegressor.predict``.
    groups : array-like of shape (n_timesteps,), optional
        The series of each row, of a panel without MultiIndex.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed), 2 a line for each fit and series.

    Returns
    -------
    result : Backtest
        A named tuple of two DataFrames, ``forecasts`` and ``errors``.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range; no series has ``horizon`` rows after ``initial``; what ``fit`` raises.

    References
    ----------
    .. [1] L. J. Tashman. "Out-of-sample tests of forecasting accuracy: an analysis and review." International Journal
       of Forecasting 16(4), 2000.

    Examples
    --------
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.model_selection import backtest
    >>> X, y = make_narendra(600, random_state=0)
    >>> result = backtest(ARXRegressor().fit(X[:400], y[:400]), X[400:], y[400:], horizon=3)
    >>> result.forecasts.shape  # 198 origins
    (594, 5)
    >>> list(result.errors.columns)
    ['n', 'MAE', 'RMSE', 'bias', 'sMAPE', 'skill_persistence']
    >>> refitted = backtest(ARXRegressor(), X, y, horizon=3, refit=100, initial=400)
    >>> refitted.errors.n.tolist()
    [198, 198, 198]
    """
    for name, value in {"window": window, "period": period}.items():
        if value is not None:
            check_number(name, value, 1, integer=True)
    protocol, options = Protocol(horizon, step, refit, initial, window), {"level": level, "method": method}
    judged, panel, outputs = judge(model, X, y, protocol, groups, verbose, warns=True, start=start, **options)
    return Backtest(_table(judged, panel, outputs), _errors(judged, outputs, period))


def judge(model, X, y, protocol, groups=None, verbose=0, warns=False, **options):
    """Forecast from all origins of a ``Protocol``: ``Judged``, a list; whether it is a panel; output names or None."""
    _check_protocol(protocol, y)
    model, is_kept = _kept(on_lags(model), protocol)
    inner = _innermost(model)
    data = _check_rows(X, y, groups, getattr(inner, "series", None))
    n_times = 1 + max(int(time[-1]) for time in data.times)
    first = _first_origin(protocol.initial, n_times, 0 if is_kept else 0.5)
    if is_kept and warns:
        _warn_of_training_rows(inner, data, first)
    forecasts = _from_all_origins(model, is_kept, data, protocol, first, n_times, verbose, options)
    gap = getattr(inner, "gap", 0)
    judged = [_joined(data, i, first, gap, of_series) for i, of_series in enumerate(forecasts) if of_series]
    if not any(len(series.origins) for series in judged):
        raise ValueError(
            f"No origin has horizon={protocol.horizon} rows without a gap after it (n_samples = {len(data.Y)}, "
            f"initial = {first}): give more rows, or a smaller initial or horizon." + across(len(data.Y))
        )
    names = column_names(data.y) if np.ndim(data.y) == 2 else None
    outputs = range(data.Y.shape[1]) if names is None and np.ndim(data.y) == 2 else names
    return judged, data.is_panel, outputs


def _kept(model, protocol):
    """Return the model, and whether it is used as it was fitted: then a still one, in one state from all origins."""
    if protocol.refit or not _is_fitted(model):
        return model, False
    if protocol.window is not None:
        raise ValueError(
            f"window={protocol.window!r} is for fits, but a fitted model is used as it is: give refit."
        )
    return still(model), True  # whatever another thread teaches it meanwhile


def _from_all_origins(model, is_kept, data, protocol, first, n_times, verbose, options):
    """Forecast from the origins of each series: a list for each of (origins, values), a pair a fit."""
    due = _due(protocol.step, data, first)
    cuts = _cuts(protocol.refit, data, due, first, n_times)
    forecasts = [[] for _ in data.parts]
    with summed("series or fits"), progress(verbose, "backtest", len(cuts) * len(data.parts)) as tell:
        for cut, end in zip(cuts, [*cuts[1:], n_times]):
            origins = [_origins(time, cut, end, at, protocol.horizon) for time, at in zip(data.times, due)]
            if not any(map(len, origins)):
                continue
            fitted, since = (model, 0) if is_kept else (_fit_before(model, data, cut, protocol.window), cut)
            for i, part in enumerate(data.parts):
                if len(origins[i]):
                    values = _ahead(fitted, data, i, since, origins[i], protocol.horizon, **options)
                    forecasts[i].append(values)
                if tell is not None:
                    tell(f"from row {cut} on" + (f", series {part.key}" if data.is_panel else ""))
    return forecasts


def _cuts(refit, data, due, first, n_times):
    """Return the times before which a model is fitted, or at which a fitted one begins."""
    if refit is True:
        return np.unique(np.concatenate([time[at & (time >= first)] for time, at in zip(data.times, due)]))
    return range(first, n_times, int(refit)) if refit else [first]


def _check_protocol(protocol, y):
    """Raise where an argument is out of range, or there is no y."""
    check_number("horizon", protocol.horizon, 1, integer=True)
    check_step(protocol.step)
    if y is None:
        raise ValueError("y is None: give what was measured, to compare with.")
    if not isinstance(protocol.refit, (bool, np.bool_)):
        check_number("refit", protocol.refit, 1, integer=True)


def _check_rows(X, y, groups, column):
    """Check the rows and sort them by series; returns a ``Panel``."""
    table = gather(X, y, groups=groups, column=column)
    if table.form != "table":  # a list or a 3-D array: its places are the keys
        X, y = table.X, table.y
        groups = np.repeat([part.key for part in table.parts], [len(y[part.rows]) for part in table.parts])
        index = _index_of([part.stamps for part in table.parts])
        if index is not None:
            X, y = (v.set_axis(index) if isinstance(v, (pd.DataFrame, pd.Series)) else v for v in (X, y))
    Y = metrics.two_dimensional(y, "y", "allow-nan")
    if X is not None:
        check_consistent_length(X, y)
    place = np.arange(len(Y)) if table.order is None else table.order
    rows = [place[part.rows] for part in table.parts]
    return Panel(X, y, groups, Y, table.parts, rows, _times(table.parts, rows), bool(table.names))


def _index_of(stamps):
    """Make one index of the stamps of a list of series; None where some have none, or of another kind."""
    if not all(map(tells, stamps)):
        return None
    clock = stamps[0].clock._replace(freq=None)
    if len({(of_series.clock.kind, of_series.clock.tz is None) for of_series in stamps}) > 1:
        return None
    return to_index(
        clock, np.concatenate([timelines.aligned(stamps[0], of_series).values for of_series in stamps])
    )


def _joined(data, i, first, gap, forecasts):
    """Join the forecasts of series i, by fits, to a ``Judged``."""
    origins, values = zip(*forecasts)
    values = {name: np.concatenate([v[name] for v in values]) for name in values[0]}
    part, before = data.parts[i], int(np.searchsorted(data.times[i], first))
    return Judged(part.key, part.stamps, data.Y[data.rows[i]], before, np.concatenate(origins), values, gap)


def _warn_of_training_rows(model, data, first):
    """Warn if the first forecast is, by its stamp, of a row that the model was trained on."""
    for part, time in zip(data.parts, data.times):
        place, at = model.series_.get(part.key), int(np.searchsorted(time, first))
        if place is None or at >= len(time) or not timelines.can_place(place.timeline, part.stamps):
            continue
        timeline = place.timeline
        stamp = int(timelines.aligned(timeline, part.stamps).values[at])
        if stamp <= timeline.last:
            first, last = (timelines.show(timeline.clock, value) for value in (stamp, timeline.last))
            warn(
                f"The first forecast is of {first}, but the model has seen rows up to {last}: these are errors on "
                "training rows. Give later rows, or refit."
            )
            return


def _innermost(model):
    """Return the estimator inside pipelines and searches, fitted or not."""
    inner = model
    while not hasattr(inner, "trajectories"):
        if isinstance(inner, Pipeline):
            inner = inner[-1]
        elif hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif hasattr(inner, "estimator") and hasattr(inner, "refit"):
            inner = inner.estimator
        else:
            raise no_forecasts(inner)
    return inner


def _is_fitted(model):
    """Return whether a model was fitted."""
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _times(parts, rows):
    """Number the times (N,) of each series, ascending: ranks among all stamps, or places."""
    if len(parts) == 1 or not all(tells(part.stamps) for part in parts):
        return [np.arange(len(r)) for r in rows]
    stamps = [part.stamps.values for part in parts]
    every = np.unique(np.concatenate(stamps))
    return [np.searchsorted(every, values) for values in stamps]


def _first_origin(initial, n_times, default):
    """Return the time of the first origin."""
    if initial is None:
        initial = default
    if isinstance(initial, Integral):
        check_number("initial", initial, 0, integer=True)
        return int(initial)
    check_number("initial", initial, 0, 1, low_open=True, high_open=True)
    return round(initial * n_times)


def check_step(step):
    """Raise where it is neither a number of rows nor times of day."""
    if isinstance(step, (str, datetime.time)) or np.iterable(step):
        _times_of_day(step)
    else:
        check_number("step", step, 1, integer=True)


def _due(step, data, first):
    """Tell for the rows (n,) of each series whether an origin may stand there."""
    if isinstance(step, Integral):
        return [(time - first) % step == 0 for time in data.times]
    wanted = _times_of_day(step)
    shown = [_time_of_day(part.stamps, step) for part in data.parts]
    due = [np.isin(times, wanted) for times in shown]
    if not any(at.any() for at in due):
        seen = sorted({time for times in shown for time in times})
        some = ", ".join(f"{time:%H:%M}" for time in seen[:5]) + " ..." * (len(seen) > 5)
        raise ValueError(f"step={step!r}: no row stands at this time of day: give one of theirs, {some}.")
    return due


def _times_of_day(step):
    """Read times of day such as "06:00"."""
    try:
        return [
            datetime.time.fromisoformat(str(time).zfill(5))
            for time in (step if np.iterable(step) and not isinstance(step, str) else [step])
        ]
    except (TypeError, ValueError, AttributeError):
        raise ValueError(
            f'step={step!r} is neither a number of rows nor a time of day such as "06:00", or a list of such.'
        ) from None


def _time_of_day(stamps, step):
    """Return what the clock of a series shows at its rows (n,), an array of times."""
    if not tells(stamps) or stamps.clock.kind != "stamp":
        raise ValueError(
            f"step={step!r} is a time of day, but X and y carry no dates: give them a DatetimeIndex."
        )
    return to_index(stamps.clock._replace(period=None), stamps.values).time


def _origins(time, begin, end, due, horizon):
    """Return the rows of a series that are due, with a time in [begin, end) and ``horizon`` rows left."""
    a, b = np.searchsorted(time, [begin, end])
    rows = np.arange(a, min(b, len(time) - horizon + 1))
    return rows[due[rows]]


def _fit_before(model, data, cut, window):
    """Fit a clone of the model to the rows before a time, at most ``window`` of them."""
    begin = cut - (window or cut)
    rows = [r[(begin <= t) & (t < cut)] for r, t in zip(data.rows, data.times)]
    rows = np.sort(np.concatenate(rows))
    if len(rows) == 0:
        raise ValueError("initial=0 leaves no row to fit the model to: give some, or a fitted model.")
    model = clone(getattr(model, "best_estimator_", model))
    if data.groups is None:
        return model.fit(take(data.X, rows), take(data.y, rows))
    if not hasattr(model, "trajectories"):
        raise ValueError(
            f"{type(model).__name__}.fit cannot pass groups on: give X with a MultiIndex (series, time) instead."
        )
    return model.fit(take(data.X, rows), take(data.y, rows), groups=take(data.groups, rows))


def _ahead(model, data, i, since, origins, horizon, **options):
    """Forecast from origins of series i, of which the model has seen the rows before time ``since``.

    Returns origins (M,), without those of a forecast over a gap, and name -> (M, horizon, O).
    """
    begin = int(np.searchsorted(data.times[i], since))
    reach = max(horizon, getattr(_innermost(model), "horizon", 0))  # rows of inputs that it looks ahead
    rows = data.rows[i][begin : origins[-1] + reach]
    model, X = see_through(model, take(data.X, rows))
    if data.groups is not None:
        options["groups"] = take(data.groups, rows)
    answer = model.trajectories(X, take(data.y, rows), horizon, origins=origins - begin, **options)
    values = {"forecast": answer.forecast}
    for level, ends in answer.intervals.items():
        values |= {f"{end}-{level:g}": v for end, v in zip(("lo", "hi"), ends)}
    values = {name: v.reshape(len(origins), horizon, -1) for name, v in values.items()}
    whole = ~np.isnan(values["forecast"]).all(axis=(1, 2))
    return origins[whole], {name: v[whole] for name, v in values.items()}


# ---------------------------------------------------------------------------------------- tables


def _table(judged, panel, outputs):
    """Lay out the forecasts as a tidy table."""
    frames = []
    for series in judged:
        M, horizon, O = series.values["forecast"].shape
        at = series.origins[:, None] + np.arange(horizon)
        time, origin = _when(series, at.ravel()), _when(series, series.origins)
        for o in range(O):
            columns = {"series": [series.key] * (M * horizon)} if panel else {}
            if outputs is not None:
                columns["output"] = outputs[o]
            columns |= {
                "origin": origin.repeat(horizon),
                "step": np.tile(np.arange(1, horizon + 1), M),
                "time": time,
                "y": series.y[at, o].ravel(),
                **{name: values[..., o].ravel() for name, values in series.values.items()},
            }
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _when(series, rows):
    """Return the stamps of rows of a series, or without stamps the rows."""
    return to_index(series.stamps.clock, series.stamps.values[rows]) if tells(series.stamps) else rows


def _errors(judged, outputs, period):
    """Tabulate errors by step, over all origins and series."""
    tables = {}
    for o in range(judged[0].values["forecast"].shape[2]):
        values = {
            name: np.concatenate([series.values[name][..., o] for series in judged])
            for name in judged[0].values
        }
        horizon = values["forecast"].shape[1]
        y, last, season = (
            np.concatenate([reference(series, o, horizon) for series in judged])
            for reference in (_measured, naive_forecasts(1), naive_forecasts(period or 1))
        )
        error, measured = values["forecast"] - y, np.isfinite(y)
        columns = {
            "n": measured.sum(axis=0),
            "MAE": _mean(np.abs(error), measured),
            "RMSE": np.sqrt(_mean(error**2, measured)),
            "bias": _mean(error, measured),
            "sMAPE": _smape(values["forecast"], y),
        }
        if all(series.first > 0 for series in judged):
            scale = np.concatenate([_scale(series, o, period or 1) for series in judged])
            columns["MASE"] = _mean(np.abs(error) / scale, measured & np.isfinite(scale))
        columns["skill_persistence"] = _skill(error, last - y)
        if period is not None:
            columns["skill_seasonal"] = _skill(error, season - y)
        for name in values:
            if name.startswith("lo-"):
                level = name.removeprefix("lo-")
                inside = (values[name] <= y) & (y <= values[f"hi-{level}"])
                room = values[name] < values[f"hi-{level}"]  # bounds may pin y, as at night
                columns[f"coverage-{level}"] = _mean(inside, measured & room)
                tail = (100 - float(level)) / 200
                ends = ((values[name], tail), (values[f"hi-{level}"], 1 - tail))
                losses = [np.where(y > end, q * (y - end), (1 - q) * (end - y)) for end, q in ends]
                columns[f"pinball-{level}"] = _mean(sum(losses) / 2, measured)
        steps = pd.RangeIndex(1, horizon + 1, name="step")
        tables[0 if outputs is None else outputs[o]] = pd.DataFrame(columns, index=steps)
    return tables[0] if outputs is None else pd.concat(tables, names=["output"])


def _measured(series, o, horizon):
    """Return the measured y at the steps of each origin, (M, horizon)."""
    return series.y[series.origins[:, None] + np.arange(horizon), o]


def naive_forecasts(period):
    """Return a function that forecasts the last known value a whole number of periods before, else NaN."""

    def forecasts(series, o, horizon):
        at = timelines.positions(series.stamps, len(series.y))  # a season is as long over missing stamps
        last = last_known(timelines.spread(series.y[:, o], at)[:, None], period)[:, 0]
        gap = series.gap
        rows = at[series.origins][:, None] - gap - period + (np.arange(horizon) + gap) % period
        return np.where(rows < 0, np.nan, last[np.maximum(rows, 0)])

    return forecasts


def _scale(series, o, period):
    """Return the scale of MASE for each origin, (M, 1); NaN where y was constant."""
    stamps = series.stamps and series.stamps._replace(values=series.stamps.values[: series.first])
    at = timelines.positions(stamps, series.first)
    scale = metrics.naive_error(timelines.spread(series.y[: series.first, o], at)[:, None], period)[0]
    return np.full((len(series.origins), 1), scale if scale > 0 else np.nan)


def _smape(forecast, y):
    """Compute sMAPE by step, in per cent, of forecasts and y (M, horizon)."""
    size = np.abs(forecast) + np.abs(y)
    with np.errstate(invalid="ignore"):
        return 200 * _mean(
            np.where(size > 0, np.abs(forecast - y) / np.where(size > 0, size, 1), 0.0), np.isfinite(y)
        )


def _mean(values, valid):
    """Average each column of values (M, horizon) where they are valid; NaN where none is."""
    with np.errstate(invalid="ignore"):
        return np.where(valid, values, 0.0).sum(axis=0) / valid.sum(axis=0)


def _skill(error, reference):
    """Compute 1 - RMSE / RMSE of a reference, by step, from errors (M, horizon) where the reference has one."""
    valid = np.isfinite(reference)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - np.sqrt(_mean(error**2, valid) / _mean(reference**2, valid))
