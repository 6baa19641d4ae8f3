"""Rows that were not to be expected, at a rate of false alarms that the user sets."""

import numpy as np
import pandas as pd

from .._check import check_number
from .._estimators.through import see_through
from .._series.checks import check_y
from ._arguments import check_output, keys_of, rows_of_series


def anomalies(model, X, y, *, rate=0.01, output=0, method="split", start=None):
    """Flag the rows whose y lies outside what the model held possible one step before.

    The interval is that of ``forecast(level=100 (1 - rate))``: where the rows are like those that its errors were
    taken from, a share ``rate`` of them is flagged by chance. A row right after an anomaly is forecast from it, and may
    be flagged for that alone.

    Parameters
    ----------
    model : fitted estimator of tsrnn, or Pipeline or search over one
    X, y : as for :func:`diagnose`
        Rows that follow those of training; several series in frames.
    rate : float, default=0.01
        False alarms a row, between 0 and 0.99. A rate of 0.001 wants a thousand errors and more to be known by:
        ``calibrate`` with as many rows.
    output : int, default=0
        Which column of y.
    method : {"split", "conformal"}, default="split"
        Errors of calibration alone are what is normal; "conformal" gets used to what has come since, so that a level
        that stays is no anomaly for long.
    start : optional
        As for ``predict``.

    Returns
    -------
    table : DataFrame with the rows of y, columns "y", "forecast", "low", "high", "score", "anomaly"
        The score is 0 at the forecast, 1 at an end of the interval, 2 twice as far. Rows without y are no anomalies.
        ``attrs``: "n" rows with y, "found" and "expected" anomalies.

    Raises
    ------
    ValueError
        An argument is out of range; there are too few errors for intervals.

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narma
    >>> from tsrnn.diagnostics import anomalies
    >>> X, y = make_narma(1500, random_state=0)
    >>> model = NARXRegressor(input_lags=10, output_lags=10, random_state=0).fit(X[:1000], y[:1000])
    >>> y[1300] += 0.5
    >>> bool(anomalies(model, X[1000:], y[1000:], rate=0.02).anomaly[300])
    True
    """
    check_number("rate", rate, 0, 0.99, low_open=True)
    if y is None:
        raise ValueError("anomalies needs the measured y, to tell what is odd: give anomalies(model, X, y).")
    estimator, _ = see_through(model, None, "trajectories")
    keys = keys_of(estimator, X, y)
    if len(keys) > 1:
        column = getattr(estimator, "series", None)
        options = {"rate": rate, "output": output, "method": method, "start": start}
        rows = ((rows_of_series(X, key, column, y), rows_of_series(y, key, column, X)) for key in keys)
        tables = [anomalies(model, *X_and_y, **options) for X_and_y in rows]
        return _counted(pd.concat(tables), rate)
    Y = check_y(y)[0]
    check_output(output, Y)
    inner, Z = see_through(model, X)
    answer = inner.trajectories(Z, y, 1, level=100 * (1 - rate), method=method, start=start)
    ((low, high),) = answer.intervals.values()
    forecast, low, high = (np.asarray(v).reshape(len(Y), -1)[:, output] for v in (answer.forecast, low, high))
    error = Y[:, output] - forecast
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(
            error == 0, 0.0, np.abs(error) / np.where(error > 0, high - forecast, forecast - low)
        )
    columns = {"y": Y[:, output], "forecast": forecast, "low": low, "high": high, "score": score}
    return _counted(pd.DataFrame({**columns, "anomaly": score > 1}, getattr(y, "index", None)), rate)


def _counted(table, rate):
    """Add to the table's ``attrs`` how many anomalies there are, and how many to expect by chance."""
    n = int(table["score"].notna().sum())
    table.attrs = {"n": n, "found": int(table["anomaly"].sum()), "expected": rate * n}
    return table
