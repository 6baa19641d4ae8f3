"""A scorer of forecasts, for searches and cross-validation by scikit-learn."""

from functools import partial

import numpy as np

from .. import metrics
from .._check import check_number
from ._backtest import Protocol, check_step, judge, naive_forecasts


SCORES = {"rmse": metrics.rmse, "mae": metrics.mae, "smape": metrics.smape}


def _minus_error(estimator, X, y, metric, horizon, step, start):
    """Score forecasts from all origins of X and y: minus the error, or the skill; higher is better."""
    judged, _, _ = judge(estimator, X, y, Protocol(horizon, step), start=start)
    truth, forecasts, last = [], [], []
    for series in judged:
        O = series.y.shape[1]
        truth.append(series.y[series.origins[:, None] + np.arange(horizon)].reshape(-1, O))
        forecasts.append(series.values["forecast"].reshape(-1, O))
        last.append(
            np.stack([naive_forecasts(1)(series, o, horizon) for o in range(O)], axis=2).reshape(-1, O)
        )
    truth, forecasts, last = map(np.concatenate, (truth, forecasts, last))
    if metric == "skill":
        truth = np.where(np.isnan(last), np.nan, truth)
        return 1 - metrics.rmse(truth, forecasts) / metrics.rmse(truth, np.where(np.isnan(last), 0.0, last))
    metric = SCORES[metric] if isinstance(metric, str) else metric
    return -float(metric(truth, forecasts))


def forecast_scorer(metric="rmse", horizon=1, *, step=1, start=None):
    """Make a scorer of forecasts for ``scoring=`` in ``GridSearchCV``, ``cross_val_score`` and the like.

    Every row of a test fold, as far as ``horizon`` reaches, is an origin whose forecast starts from the measured y
    before it; the first goes on from the end of the training fold. Also for pipelines and panels.

    Parameters
    ----------
    metric : {"rmse", "mae", "smape", "skill"} or callable(y_true, y_pred) -> float, default="rmse"
        An error, over all origins and steps: the arrays have the shape (n_origins x horizon, n_outputs), and y_true is
        NaN where y was not measured. "skill" is 1 - RMSE / RMSE of persistence, where there is a value before.
    horizon : int, default=1
        Steps of each forecast.
    step : int, str or sequence of str, default=1
        Rows from an origin to the next; or times of day such as "06:00", as for :func:`backtest`.
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
    check_step(step)
    return partial(_minus_error, metric=metric, horizon=horizon, step=step, start=start)
