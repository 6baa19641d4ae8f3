"""Lag importance: how far the one-step forecast moves with the values of k rows before.

mean |d yhat(t) / d x(t - k)| std(x) / std(y)                over rows t, by small changes of x in rows far apart
"""

from copy import copy
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._estimators.through import see_through
from .._series import timeline as timelines
from .._series.checks import across, check_y
from ._arguments import (
    as_columns,
    check_output,
    numeric_columns,
    only_key,
    output_names,
    stamps_of,
    with_change,
)


PULSES = 200  # at least, in each input, where the rows allow
SMALL = 0.01  # standard deviations, of a change


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
        raise ValueError(f"max_lag={max_lag!r} is not a lag: give an int >= 1.")
    estimator = copy(see_through(model, None, "trajectories")[0])
    only_key(estimator, X, y)
    Y, stamps = check_y(y)[0], stamps_of(X, y)
    check_output(output, Y)
    fitted = estimator.fitted_
    # A column of X may hold bounds, which a small change would cross.
    estimator.fitted_ = fitted._replace(units=fitted.units._replace(bounds=None))

    def forecast(X, y):
        _, X = see_through(model, X)
        return as_columns(estimator.predict_ahead(X, y, steps=1, start=start))[:, output]

    rows = _rows_to_change(Y, stamps, max_lag, first=getattr(estimator, "lead_", 0) + 2)
    probe = Probe(forecast, forecast(X, y), rows, max_lag, SMALL * np.nanstd(Y[:, output]))
    columns = {}
    for j, name, column in numeric_columns(X, getattr(estimator, "series", None)):
        columns[len(columns)] = name, _moves(probe, column, lambda pulse, j=j: (with_change(X, j, pulse), y))
    for o, name in enumerate(output_names(y)):
        moves = _moves(probe, Y[:, o], lambda pulse, o=o: (X, with_change(y, o, pulse)))
        moves[0] = np.nan
        columns[len(columns)] = name, moves
    names, moves = zip(*columns.values())
    return pd.DataFrame(
        np.transpose(moves), index=pd.RangeIndex(max_lag + 1, name="lag"), columns=list(names)
    )


class Probe(NamedTuple):
    """What is changed.

    forecast : callable (X, y) -> (N,).   usual : (N,), forecasts without a change.   rows : those that may be changed.
    unit : of the moves.
    """

    forecast: Any
    usual: np.ndarray
    rows: np.ndarray
    max_lag: int
    unit: float


def _moves(probe, values, change):
    """Average |change of the forecast| 0 ... max_lag rows after a change of a column (N,), in units.

    change : callable, from a pulse (N,) to X and y with it in that column.
    """
    size = SMALL * np.nanstd(values)
    if not size > 0:
        return np.zeros(probe.max_lag + 1)
    apart = 2 * (probe.max_lag + 1)
    passes = min(apart, -(-PULSES * apart // len(probe.rows)))
    # what outlasts the lags then adds no bias
    signs = np.random.default_rng(0).choice([-1.0, 1.0], len(values))
    moves = []
    for k in range(passes):
        hit = probe.rows[(probe.rows % apart) == k * apart // passes]
        hit = hit[np.isfinite(values[hit])]
        pulse = np.zeros(len(values))
        pulse[hit] = size * signs[hit]
        difference = probe.forecast(*change(pulse)) - probe.usual
        moves.append(np.abs(difference[hit[:, None] + np.arange(probe.max_lag + 1)]))
    return np.concatenate(moves).mean(axis=0) / probe.unit


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
            f"more rows or a shorter lag.{across(len(Y))}"
        )
    return rows
