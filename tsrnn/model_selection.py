"""How good are a model's forecasts? Backtests from many origins, a scorer for searches, splits of panels by time.

An *origin* k is the row at which a forecast begins: y is known before it, and the rows k ... k + horizon - 1 are
forecast, its steps 1 ... horizon.
"""

from functools import partial
from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from . import metrics as metrics
from ._check import check_number
from ._estimators.through import see_through
from ._series import timeline as timelines
from ._series.rows import gather
from ._series.stamps import Stamps, is_default, numbers
from ._series.timeline import last_known, tells, to_index
from ._training.monitor import progress
from ._warn import warn


__all__ = ["Backtest", "PanelTimeSeriesSplit", "backtest", "forecast_scorer"]


class Backtest(NamedTuple):
    """What :func:`backtest` returns.

    forecasts : DataFrame, a row for each forecast value, with the columns

        - ``series``, of a panel: the key;
        - ``output``, of a y with columns;
        - ``origin``, the stamp (without stamps, the row within the series) at which the forecast begins;
        - ``step``, from 1 on, and ``time``, the stamp (without stamps, the row) that is forecast;
        - ``y``, what was measured, and ``forecast``;
        - ``lo-80``, ``hi-80`` ... for each level.

    errors : DataFrame, a row for each step (for each output and step, of a y with columns), over all origins and series
        where y was measured, with the columns

        - ``n``, how many; ``MAE``, ``RMSE`` and ``bias`` (mean of forecast - y), in the units of y; ``sMAPE`` in
          per cent;
        - ``MASE``, where y has rows before the first origin: MAE over the mean absolute error of naive forecasts of one
          period ahead in those rows, series by series;
        - ``skill_persistence``, ``skill_seasonal``: 1 - RMSE / RMSE of the last value, and of that ``period`` rows
          ago, where y has one before the origin;
        - ``coverage-80``, ``pinball-80`` ... for each level: the share of y within (where bounds
          leave more than one value), the mean pinball loss of the ends.
    """

    forecasts: pd.DataFrame
    errors: pd.DataFrame


class Judged(NamedTuple):
    """Forecasts of one series from some origins (M,).

    key : of the series, or None.   stamps : of its rows, or None.   y : (N, O), all of the series.
    first : the row before which y is training, for MASE.   values : name -> (M, horizon, O).
    """

    key: object
    stamps: Stamps | None
    y: np.ndarray
    first: int
    origins: np.ndarray
    values: dict


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
    """Forecast from many origins and compare with what came.

    All origins of one fitted model go through it in one batched pass.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or search over either
        Where it is fitted and ``refit=False`` it is used as it is: X and y are rows that follow its training. Else
        clones are fitted to the rows of X and y before their origins; of a fitted search, clones of its best estimator.
        The model itself is never changed.
    X, y : as for ``NARXRegressor.fit``
        One series or a panel; a forecast that would reach over missing stamps is not made. Of a panel, "row" below
        means a distinct stamp; without stamps, the n-th row of every series.
    horizon : int
        Steps of each forecast.
    step : int, default=1
        Rows from an origin to the next.
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
    method : {"conformal", "split", "bootstrap"}, default="conformal"
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
    options = {"start": start, "level": level, "method": method}
    judged, panel, outputs = _judge(
        model, X, y, horizon, step, refit, initial, window, groups, verbose, warn=True, **options
    )
    return Backtest(_table(judged, panel, outputs), _errors(judged, outputs, period))


def _judge(model, X, y, horizon, step, refit, initial, window, groups, verbose, warn=False, **options):
    """Forecasts from all origins, a list of ``Judged``; whether it is a panel; names of the outputs or None.

    What is called a time below numbers the rows of a series, or the distinct stamps of a panel.
    """
    check_number("horizon", horizon, 1, integer=True)
    check_number("step", step, 1, integer=True)
    if y is None:
        raise ValueError("y is None: give what was measured, to compare with.")
    if not isinstance(refit, (bool, np.bool_)):
        check_number("refit", refit, 1, integer=True)
    inner = _innermost(model)
    as_it_is = not refit and _is_fitted(model)
    if as_it_is and window is not None:
        raise ValueError(f"window={window!r} is for fits, but a fitted model is used as it is: give refit.")
    table = gather(X, y, groups=groups, column=getattr(inner, "series", None))
    if table.form != "table":  # a list or a 3-D array: its places are the keys
        X, y = table.X, table.y
        groups = np.repeat([part.key for part in table.parts], [len(y[part.rows]) for part in table.parts])
    Y = metrics.two_dimensional(y, "y", "allow-nan")
    if X is not None:
        check_consistent_length(X, y)
    place = np.arange(len(Y)) if table.order is None else table.order
    rows = [place[part.rows] for part in table.parts]
    times = _times(table.parts, rows)
    n_times = 1 + max(int(time[-1]) for time in times)
    first = _first_origin(initial, n_times, 0 if as_it_is else 0.5)

    if as_it_is and warn:
        _warn_of_training_rows(inner, table.parts, times, first)
    cuts = range(first, n_times, step if refit is True else refit) if refit else [first]
    found = [[] for _ in rows]  # (origins, values), series by series
    with progress(verbose, "backtest", len(cuts) * len(rows)) as tell:
        for cut, end in zip(cuts, [*cuts[1:], n_times]):
            here = [_origins(time, cut, end, step, first, horizon) for time in times]
            if not any(len(origins) for origins in here):
                continue
            fitted, seen = model, 0  # the time up to which the model knows the series
            if not as_it_is:
                past = [r[(t < cut) & (t >= cut - (window or cut))] for r, t in zip(rows, times)]
                fitted, seen = _fit(model, X, y, groups, np.sort(np.concatenate(past))), cut
            for part, own, time, origins, made in zip(table.parts, rows, times, here, found):
                if len(origins):
                    begin = int(np.searchsorted(time, seen))
                    some = own[
                        begin : origins[-1] + max(horizon, getattr(inner, "horizon", 0))
                    ]  # as it looks ahead
                    values = _ahead(fitted, X, y, groups, some, horizon, origins - begin, **options)
                    over_a_gap = np.isnan(values["forecast"]).all(axis=(1, 2))
                    made.append((origins[~over_a_gap], {name: v[~over_a_gap] for name, v in values.items()}))
                if tell is not None:
                    tell(f"from row {cut} on" + (f", series {part.key}" if table.names else ""))
    judged = []
    for part, own, time, made in zip(table.parts, rows, times, found):
        if made:
            origins, values = zip(*made)
            values = {name: np.concatenate([v[name] for v in values]) for name in values[0]}
            before = int(np.searchsorted(time, first))
            judged.append(Judged(part.key, part.stamps, Y[own], before, np.concatenate(origins), values))
    if not any(len(one.origins) for one in judged):
        raise ValueError(
            f"No origin has horizon={horizon} rows without a gap after it (n_samples = {len(Y)}, initial = {first}): "
            "give more rows, or a smaller initial or horizon."
        )
    outputs = getattr(y, "columns", range(Y.shape[1])) if np.ndim(y) == 2 else None
    return judged, bool(table.names), outputs


def _warn_of_training_rows(model, parts, times, first):
    """Say that forecasts are of rows that the model was trained on, where their stamps tell."""
    for part, time in zip(parts, times):
        place, at = model.series_.get(part.key), int(np.searchsorted(time, first))
        if place is None or at >= len(time) or not timelines.can_place(place.timeline, part.stamps):
            continue
        stamp, seen = int(timelines.aligned(place.timeline, part.stamps).values[at]), place.timeline
        if stamp <= seen.last:
            first, last = (timelines.show(seen.clock, one) for one in (stamp, seen.last))
            warn(
                f"The first forecast is of {first}, but the model has seen rows up to {last}: these are errors on "
                "training rows. Give later rows, or refit.",
            )
            return


def _innermost(model):
    """The estimator inside pipelines and searches, fitted or not."""
    inner = model
    while not hasattr(inner, "trajectories"):
        if isinstance(inner, Pipeline):
            inner = inner[-1]
        elif hasattr(inner, "best_estimator_") or hasattr(inner, "estimator"):
            inner = getattr(inner, "best_estimator_", None) or inner.estimator
        else:
            raise TypeError(
                f"model={model!r} makes no forecasts of several steps: give an estimator of tsrnn, a Pipeline that "
                "ends in one, or a search over either."
            )
    return inner


def _is_fitted(model):
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _times(parts, rows):
    """For each series the number of each row's time (N,), ascending: its rank among all stamps, or its place."""
    if len(parts) == 1 or not all(tells(part.stamps) for part in parts):
        return [np.arange(len(r)) for r in rows]
    stamps = [part.stamps.values for part in parts]
    every = np.unique(np.concatenate(stamps))
    return [np.searchsorted(every, values) for values in stamps]


def _first_origin(initial, n_times, default):
    """The time of the first origin."""
    if initial is None:
        initial = default
    if isinstance(initial, Integral):
        check_number("initial", initial, 0, integer=True)
        return int(initial)
    check_number("initial", initial, 0, 1, low_open=True, high_open=True)
    return round(initial * n_times)


def _origins(time, begin, end, step, first, horizon):
    """Rows of a series whose time is in [begin, end), on the grid, with ``horizon`` rows left."""
    a, b = np.searchsorted(time, [begin, end])
    rows = np.arange(a, min(b, len(time) - horizon + 1))
    return rows[(time[rows] - first) % step == 0]


def _take(v, rows):
    return None if v is None else _safe_indexing(v, rows)


def _fit(model, X, y, groups, rows):
    """A clone of the model, fitted to some rows."""
    if len(rows) == 0:
        raise ValueError("initial=0 leaves no row to fit the model to: give some, or a fitted model.")
    model = clone(getattr(model, "best_estimator_", model))
    if groups is None:
        return model.fit(_take(X, rows), _take(y, rows))
    if not hasattr(model, "trajectories"):
        raise ValueError(
            f"{type(model).__name__}.fit cannot pass groups on: give X with a MultiIndex (series, time) instead."
        )
    return model.fit(_take(X, rows), _take(y, rows), groups=_take(groups, rows))


def _ahead(model, X, y, groups, rows, horizon, origins, **options):
    """Forecasts from some of the rows of one series: name -> (M, horizon, O)."""
    model, X = see_through(model, _take(X, rows))
    if groups is not None:
        options["groups"] = _take(groups, rows)
    made = model.trajectories(X, _take(y, rows), horizon, origins=origins, **options)
    values = {"forecast": made.forecast}
    for level, pair in made.intervals.items():
        values |= {f"{end}-{level:g}": v for end, v in zip(("lo", "hi"), pair)}
    return {name: v.reshape(len(origins), horizon, -1) for name, v in values.items()}


# ---------------------------------------------------------------------------------------- tables


def _table(judged, panel, outputs):
    """The tidy table of forecasts."""
    frames = []
    for one in judged:
        M, horizon, O = one.values["forecast"].shape
        at = one.origins[:, None] + np.arange(horizon)
        time, origin = _when(one, at.ravel()), _when(one, one.origins)
        for o in range(O):
            columns = {"series": [one.key] * (M * horizon)} if panel else {}
            if outputs is not None:
                columns["output"] = outputs[o]
            columns |= {
                "origin": origin.repeat(horizon),
                "step": np.tile(np.arange(1, horizon + 1), M),
                "time": time,
                "y": one.y[at, o].ravel(),
                **{name: values[..., o].ravel() for name, values in one.values.items()},
            }
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _when(one, rows):
    """Stamps of rows of a series, or without stamps the rows."""
    return to_index(one.stamps.clock, one.stamps.values[rows]) if tells(one.stamps) else rows


def _errors(judged, outputs, period):
    """Errors by step, over all origins and series."""
    tables = {}
    for o in range(judged[0].values["forecast"].shape[2]):
        values = {
            name: np.concatenate([one.values[name][..., o] for one in judged]) for name in judged[0].values
        }
        horizon = values["forecast"].shape[1]
        y, last, season = (
            np.concatenate([reference(one, o, horizon) for one in judged])
            for reference in (_measured, _naive(1), _naive(period or 1))
        )
        error, known = values["forecast"] - y, np.isfinite(y)
        columns = {
            "n": known.sum(axis=0),
            "MAE": _mean(np.abs(error), known),
            "RMSE": np.sqrt(_mean(error**2, known)),
            "bias": _mean(error, known),
            "sMAPE": _smape(values["forecast"], y),
        }
        if all(one.first > 0 for one in judged):
            scale = np.concatenate([_scale(one, o, period or 1) for one in judged])
            columns["MASE"] = _mean(np.abs(error) / scale, known & np.isfinite(scale))
        columns["skill_persistence"] = _skill(error, last - y)
        if period is not None:
            columns["skill_seasonal"] = _skill(error, season - y)
        for name in values:
            if name.startswith("lo-"):
                level = name.removeprefix("lo-")
                inside = (values[name] <= y) & (y <= values[f"hi-{level}"])
                room = values[name] < values[f"hi-{level}"]  # bounds may pin y, as at night
                columns[f"coverage-{level}"] = _mean(inside, known & room)
                tail = (100 - float(level)) / 200
                ends = ((values[name], tail), (values[f"hi-{level}"], 1 - tail))
                losses = [np.where(y > end, q * (y - end), (1 - q) * (end - y)) for end, q in ends]
                columns[f"pinball-{level}"] = _mean(sum(losses) / 2, known)
        steps = pd.RangeIndex(1, horizon + 1, name="step")
        tables[0 if outputs is None else outputs[o]] = pd.DataFrame(columns, index=steps)
    return tables[0] if outputs is None else pd.concat(tables, names=["output"])


def _measured(one, o, horizon):
    """What came at the steps of each origin, (M, horizon)."""
    return one.y[one.origins[:, None] + np.arange(horizon), o]


def _naive(period):
    """The last known value a whole number of periods before, (M, horizon), NaN where there is none."""

    def forecasts(one, o, horizon):
        at = timelines.positions(one.stamps, len(one.y))  # a season is as long over missing stamps
        known = last_known(timelines.spread(one.y[:, o], at)[:, None], period)[:, 0]
        rows = at[one.origins][:, None] - period + np.arange(horizon) % period
        return np.where(rows < 0, np.nan, known[np.maximum(rows, 0)])

    return forecasts


def _scale(one, o, period):
    """The scale of MASE for each origin, (M, 1); NaN where y did not move."""
    stamps = one.stamps and one.stamps._replace(values=one.stamps.values[: one.first])
    at = timelines.positions(stamps, one.first)
    scale = metrics.naive_error(timelines.spread(one.y[: one.first, o], at)[:, None], period)[0]
    return np.full((len(one.origins), 1), scale if scale > 0 else np.nan)


def _smape(made, y):
    """Of forecasts and y (M, horizon), by step, in per cent."""
    size = np.abs(made) + np.abs(y)
    with np.errstate(invalid="ignore"):
        return 200 * _mean(
            np.where(size > 0, np.abs(made - y) / np.where(size > 0, size, 1), 0.0), np.isfinite(y)
        )


def _mean(values, known):
    """The mean of each column of values (M, horizon) where they are known; NaN where none is."""
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


def _skill(error, reference):
    """1 - RMSE / RMSE of a reference, by step, from errors (M, horizon) where that of the reference is known."""
    known = np.isfinite(reference)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - np.sqrt(_mean(error**2, known) / _mean(reference**2, known))


# ---------------------------------------------------------------------------------------- scikit-learn


SCORES = {"rmse": metrics.rmse, "mae": metrics.mae, "smape": metrics.smape}


def _minus_error(estimator, X, y, metric, horizon, step, start):
    """Minus the error over all origins of X and y, or the skill; higher is better."""
    judged, _, _ = _judge(estimator, X, y, horizon, step, False, None, None, None, 0, start=start)
    truth, made, last = [], [], []
    for one in judged:
        O = one.y.shape[1]
        truth.append(one.y[one.origins[:, None] + np.arange(horizon)].reshape(-1, O))
        made.append(one.values["forecast"].reshape(-1, O))
        last.append(np.stack([_naive(1)(one, o, horizon) for o in range(O)], axis=2).reshape(-1, O))
    truth, made, last = map(np.concatenate, (truth, made, last))
    if metric == "skill":
        truth = np.where(np.isnan(last), np.nan, truth)
        return 1 - metrics.rmse(truth, made) / metrics.rmse(truth, np.where(np.isnan(last), 0.0, last))
    metric = SCORES[metric] if isinstance(metric, str) else metric
    return -float(metric(truth, made))


def forecast_scorer(metric="rmse", horizon=1, *, step=1, start=None):
    """A scorer of forecasts for ``scoring=`` in ``GridSearchCV``, ``cross_val_score`` and the like.

    Every row of a test fold, as far as ``horizon`` reaches, is an origin whose forecast starts from the measured y
    before it; the first goes on from the end of the training fold. Also for pipelines and panels.

    Parameters
    ----------
    metric : {"rmse", "mae", "smape", "skill"} or callable(y_true, y_pred) -> float, default="rmse"
        An error, over all origins and steps: the arrays have the shape (n_origins x horizon, n_outputs), and y_true is
        NaN where y was not measured. "skill" is 1 - RMSE / RMSE of persistence, where there is a value before.
    horizon : int, default=1
        Steps of each forecast.
    step : int, default=1
        Rows from an origin to the next.
    start : optional
        As for ``NARXRegressor.predict``.

    Returns
    -------
    scorer : callable(estimator, X, y) -> float
        Minus the error, or the skill: higher is better.

    Raises
    ------
    ValueError
        An argument is out of range; when it is called, a test fold is shorter than ``horizon``.

    Examples
    --------
    >>> from sklearn.model_selection import TimeSeriesSplit, cross_val_score
    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.model_selection import forecast_scorer
    >>> X, y = make_narendra(600, random_state=0)
    >>> scorer = forecast_scorer("mae", 5)
    >>> cross_val_score(ARXRegressor(), X, y, cv=TimeSeriesSplit(3), scoring=scorer).shape
    (3,)
    """
    if not callable(metric) and metric not in (*SCORES, "skill"):
        raise ValueError(
            f"metric={metric!r} is unknown: give one of {[*SCORES, 'skill']} or a callable(y_true, y_pred)."
        )
    check_number("horizon", horizon, 1, integer=True)
    check_number("step", step, 1, integer=True)
    return partial(_minus_error, metric=metric, horizon=horizon, step=step, start=start)


class PanelTimeSeriesSplit(TimeSeriesSplit):
    """Splits of a panel by time: every series is cut at the same stamps, and tests come after training.

    As scikit-learn's ``TimeSeriesSplit``, of the distinct stamps of all series instead of the rows.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits.
    max_train_size : int, optional
        Stamps in a training set at most, the last ones.
    test_size : int, optional
        Stamps in a test set; by default ``n_stamps // (n_splits + 1)``.
    gap : int, default=0
        Stamps left out between training and test.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsrnn.model_selection import PanelTimeSeriesSplit
    >>> index = pd.MultiIndex.from_product([["a", "b"], pd.date_range("2020", periods=4)])
    >>> X = pd.DataFrame({"x": range(8)}, index=index)
    >>> for train, test in PanelTimeSeriesSplit(2, test_size=1).split(X):
    ...     print(train, test)
    [0 1 4 5] [2 6]
    [0 1 2 4 5 6] [3 7]
    """

    def split(self, X, y=None, groups=None):
        """Yield the rows of training and of test, split by split.

        Parameters
        ----------
        X, y : array-like of shape (n_rows, ...)
            The index of X, or else of y, tells time; of a MultiIndex its last level.
        groups : array-like of shape (n_rows,), optional
            (A search hands groups to the splitter only: the model wants a MultiIndex or its ``series``.)
            The series of each row: where there is no such index, the n-th rows of all series have the same time.

        Yields
        ------
        train, test : ndarray of int
            Rows, ascending.

        Raises
        ------
        ValueError
            Nothing tells time, a stamp is missing, or there are too few stamps.
        """
        time, n = _stamps_of_rows(X, y, groups)
        test_size = n // (self.n_splits + 1) if self.test_size is None else self.test_size
        if self.n_splits >= n or n - self.gap - self.n_splits * test_size <= 0:
            raise ValueError(
                f"{n} distinct stamps are too few for n_splits={self.n_splits}, test_size={self.test_size} and "
                f"gap={self.gap}: give fewer or smaller tests."
            )
        for train, test in super().split(np.arange(n)):
            yield np.flatnonzero(np.isin(time, train)), np.flatnonzero(np.isin(time, test))


def _stamps_of_rows(X, y, groups):
    """The number of each row's stamp, (N,), and how many stamps there are."""
    for name, v in {"X": X, "y": y}.items():
        index = getattr(v, "index", None)
        if isinstance(index, pd.Index) and not is_default(index):
            found = numbers(index, name)
            if found is None:  # whatever sorts
                found = (index.get_level_values(-1).to_numpy(),)
            time, distinct = pd.factorize(found[0], sort=True)
            return time, len(distinct)
    if groups is None:
        raise ValueError(
            "Neither X nor y has an index that tells time: give a MultiIndex (series, time), whose last level is time, "
            "or groups, the series of each row."
        )
    time = pd.Series(np.asarray(groups)).groupby(np.asarray(groups)).cumcount().to_numpy()
    return time, int(time.max()) + 1
