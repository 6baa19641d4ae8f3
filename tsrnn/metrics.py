"""Measures of forecasts.

    MAE  = mean |e|          RMSE = sqrt(mean e^2)          bias = mean e          e = forecast - y
    MASE = MAE / mean |y(t) - y(t - p)| over training       sMAPE = 200 % mean |e| / (|y| + |forecast|)
    skill = 1 - error / error of a reference                      fit = 100 % (1 - |e| / |y - mean y|)

Rows with NaN in y (not measured) are left out, column by column; errors of several outputs are averaged. Forecasts must
be finite.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error
from sklearn.utils import check_array, check_consistent_length

from ._check import check_number
from ._series.checks import plain_values
from ._series.rows import same_rows, warn_of_numbers
from ._series.stamps import is_default


__all__ = [
    "bias",
    "coverage",
    "fit_percentage",
    "interval_score",
    "mae",
    "mase",
    "pinball_loss",
    "rmse",
    "skill",
    "smape",
]


def mae(y_true, y_pred):
    """Mean absolute error, in the units of y.

    Parameters
    ----------
    y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs)
        Measured values; those that are NaN are left out.
    y_pred : array-like of the same shape
        Forecasts.

    Returns
    -------
    error : float
        The mean over the outputs.

    Raises
    ------
    ValueError
        The shapes differ, a forecast is not finite, or an output has no measured value.

    Examples
    --------
    >>> from tsrnn.metrics import mae
    >>> mae([1.0, 2.0, float("nan")], [1.5, 1.0, 7.0])
    0.75
    """
    return _mean_over_outputs(mean_absolute_error, y_true, y_pred)


def rmse(y_true, y_pred):
    """Compute the root mean squared error, in the units of y.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`

    Returns
    -------
    error : float

    Examples
    --------
    >>> from tsrnn.metrics import rmse
    >>> rmse([1.0, 2.0, float("nan")], [4.0, 6.0, 7.0])
    3.5355...
    """
    return _mean_over_outputs(root_mean_squared_error, y_true, y_pred)


def bias(y_true, y_pred):
    """Mean of forecast minus y, in the units of y: positive where forecasts are too high.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`

    Returns
    -------
    error : float

    Examples
    --------
    >>> from tsrnn.metrics import bias
    >>> bias([1.0, 2.0], [1.5, 3.0])
    0.75
    """
    return _mean_over_outputs(lambda y, f: np.mean(f - y), y_true, y_pred)


def fit_percentage(y_true, y_pred):
    """Return how much of y a free run explains, 100 (1 - RMSE / standard deviation of y) [1]_.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`

    Returns
    -------
    fit : float
        100 is perfect, 0 no better than the mean of y; the mean over the outputs.

    Raises
    ------
    ValueError
        As for :func:`mae`; or an output does not vary.

    References
    ----------
    .. [1] L. Ljung. "System identification: theory for the user." Prentice Hall, 1999, section 16.4.

    Examples
    --------
    The memory before a second experiment is estimated from its first rows:

    >>> from tsrnn import ARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.metrics import fit_percentage
    >>> X, y = make_narendra(800, random_state=0)
    >>> model = ARXRegressor().fit(X[:400], y[:400])
    >>> fit_percentage(y[600:], model.predict(X[600:], start=("estimate", y[600:650])))
    61.3...
    """

    def fit(y, f):
        if not np.ptp(y) > 0:
            raise ValueError(
                "y_true has an output that does not vary, so there is nothing to explain: use rmse."
            )
        return 100 * (1 - root_mean_squared_error(y, f) / np.std(y))

    return _mean_over_outputs(fit, y_true, y_pred)


def mase(y_true, y_pred, *, y_train, period=1):
    """Mean absolute scaled error: MAE over that of one-period-ago forecasts within training [1]_.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`
    y_train : array-like of shape (n_training_timesteps,) or (n_training_timesteps, n_outputs)
        Measured values of training, in time order; pairs with a NaN are left out.
    period : int, default=1
        Rows of a season; 1 compares with persistence, one step ahead.

    Returns
    -------
    error : float
        Below 1: better than the naive forecast one period ahead in training.

    Raises
    ------
    ValueError
        As for :func:`mae`; or y_train has no two measured values a period apart, or does not vary.

    References
    ----------
    .. [1] R. J. Hyndman, A. B. Koehler. "Another look at measures of forecast accuracy." International Journal of
       Forecasting 22(4), 2006.

    Examples
    --------
    >>> from tsrnn.metrics import mase
    >>> mase([4.0, 5.0], [4.5, 4.5], y_train=[1.0, 2.0, 3.0])
    0.5
    """
    (y, f), (training,) = _checked(y_true, y_pred=y_pred), _checked(y_train, "y_train")
    if training.shape[1] != y.shape[1]:
        raise ValueError(f"y_train has {training.shape[1]} outputs, but y_true has {y.shape[1]}.")
    scales = naive_error(training, period)
    if not (scales > 0).all():  # NaN too
        raise ValueError(
            f"y_train ({len(training)} rows) has no change over period={period} rows that was measured: give more rows "
            "of it, or another measure such as mae."
        )
    return _mean_over_outputs(mean_absolute_error, y / scales, f / scales)


def naive_error(y_train, period):
    """Return the mean absolute error of one-period-ago forecasts within training, (N, O) -> (O,)."""
    check_number("period", period, 1, integer=True)
    jumps = np.abs(y_train[period:] - y_train[:-period])
    valid = np.isfinite(jumps)
    with np.errstate(invalid="ignore"):  # no measured pair: NaN
        return np.where(valid, jumps, 0.0).sum(axis=0) / valid.sum(axis=0)


def smape(y_true, y_pred):
    """Compute the symmetric mean absolute percentage error, from 0 to 200 %.

    Mean of 200 |forecast - y| / (|forecast| + |y|), as in the M4 competition [1]_; 0 where both are 0.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`

    Returns
    -------
    error : float
        In percent.

    References
    ----------
    .. [1] S. Makridakis, E. Spiliotis, V. Assimakopoulos. "The M4 competition: 100,000 time series and 61 forecasting
       methods." International Journal of Forecasting 36(1), 2020.

    Examples
    --------
    >>> from tsrnn.metrics import smape
    >>> smape([1.0, 0.0], [3.0, 0.0])
    50.0
    """

    def error(y, f):
        size = np.abs(y) + np.abs(f)
        return 200 * np.mean(np.abs(f - y) / np.where(size > 0, size, 1.0))

    return _mean_over_outputs(error, y_true, y_pred)


def pinball_loss(y_true, y_pred, quantile=0.5):
    """Compute the pinball loss of forecasts of a quantile, in the units of y.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`
    quantile : float, default=0.5
        In (0, 1); at 0.5 it is half the MAE.

    Returns
    -------
    loss : float

    Examples
    --------
    >>> from tsrnn.metrics import pinball_loss
    >>> pinball_loss([1.0, 2.0], [2.0, 4.0], quantile=0.1)
    1.35
    """
    check_number("quantile", quantile, 0, 1, low_open=True, high_open=True)
    return _mean_over_outputs(lambda y, f: mean_pinball_loss(y, f, alpha=quantile), y_true, y_pred)


def coverage(y_true, lo, hi):
    """Share of the measured values that lie within their intervals, bounds included.

    Parameters
    ----------
    y_true : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs)
        Measured values; those that are NaN are left out.
    lo, hi : array-likes of the same shape
        Lower and upper ends.

    Returns
    -------
    share : float
        In [0, 1]; near 0.8 for good intervals of level 80.

    Raises
    ------
    ValueError
        As for :func:`mae`; or a lower end is above the upper.

    Examples
    --------
    >>> from tsrnn.metrics import coverage
    >>> coverage([1.0, 2.0, 3.0, 9.0], [0, 0, 0, 0], [4, 4, 4, 4])
    0.75
    """
    return _mean_over_outputs(lambda y, a, b: np.mean((a <= y) & (y <= b)), y_true, lo=lo, hi=hi)


def interval_score(y_true, lo, hi, level):
    """Width of the intervals plus what values miss them by, times 2 / (1 - level / 100) [1]_; in the units of y.

    Small for narrow intervals that cover, and so the measure to compare methods by. Also called Winkler score.

    Parameters
    ----------
    y_true, lo, hi : as for :func:`coverage`
    level : float
        Nominal coverage in percent, such as 80.

    Returns
    -------
    score : float

    References
    ----------
    .. [1] T. Gneiting, A. E. Raftery. "Strictly proper scoring rules, prediction, and estimation." Journal of the
       American Statistical Association 102(477), 2007.

    Examples
    --------
    >>> from tsrnn.metrics import interval_score
    >>> interval_score([1.0, 5.0], [0.0, 0.0], [4.0, 4.0], level=80)
    9.0
    """
    check_number("level", level, 0, 100, low_open=True, high_open=True)
    if level < 1:
        raise ValueError(f"level={level!r} is below 1 per cent: give {100 * level:g} for {level:g}.")
    factor = 200 / (100 - level)

    def score(y, a, b):
        return np.mean(b - a + factor * (np.maximum(a - y, 0) + np.maximum(y - b, 0)))

    return _mean_over_outputs(score, y_true, lo=lo, hi=hi)


def skill(y_true, y_pred, y_reference, metric=rmse):
    """Compute the skill of forecasts over a reference: 1 - error / error of the reference.

    Parameters
    ----------
    y_true, y_pred : as for :func:`mae`
    y_reference : array-like of the same shape
        Forecasts to beat, such as those of :class:`~tsrnn.PersistenceRegressor`.
    metric : callable(y_true, y_pred) -> float, default=rmse
        The error.

    Returns
    -------
    skill : float
        1 is perfect, 0 as good as the reference, below 0 worse.

    Examples
    --------
    >>> from tsrnn.metrics import skill
    >>> skill([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], y_reference=[0.0, 1.0, 2.0])
    0.5
    """
    error, reference = metric(y_true, y_pred), metric(y_true, y_reference)
    if not reference > 0:
        raise ValueError(f"The error of y_reference is {reference}: there is nothing to compare with.")
    return 1 - error / reference


def _mean_over_outputs(metric, y_true, y_pred=None, **ends):
    """Average metric(y, *forecasts) over the outputs, each over the rows in which it was measured."""
    y, *forecasts = _checked(y_true, **({"y_pred": y_pred} if y_pred is not None else ends))
    valid = np.isfinite(y)
    if not valid.any(axis=0).all():
        raise ValueError(
            f"y_true has no measured value in column {int(np.argmin(valid.any(axis=0)))}: there is nothing to compare."
        )
    columns = enumerate(valid.T)
    return float(np.mean([metric(y[k, o], *(f[k, o] for f in forecasts)) for o, k in columns]))


def _checked(y_true, name="y_true", **forecasts):
    """Check y (N, O), which may hold NaN, and forecasts (N, O), which may not."""
    y = two_dimensional(y_true, name, "allow-nan")
    arrays = [two_dimensional(value, name, True) for name, value in forecasts.items()]
    check_consistent_length(y, *arrays)
    for key, forecast in forecasts.items():
        _check_same_rows(y_true, name, forecast, key)
        _check_same_columns(y_true, name, forecast, key)
    for key, forecast in zip(forecasts, arrays):
        if forecast.shape != y.shape:
            raise ValueError(f"{key} has {forecast.shape[1]} columns, but {name} has {y.shape[1]}.")
        if key == "hi" and (arrays[0] > forecast).any():
            row = int(np.argmax((arrays[0] > forecast).any(axis=1)))
            raise ValueError(f"lo is above hi, first in row {row}: give the lower ends first.")
    return y, *arrays


def _check_same_rows(y, name, forecast, key):
    """Raise where y and a forecast have other indexes: they would be compared row by row."""
    index, other = (getattr(v, "index", None) for v in (y, forecast))
    if not (isinstance(index, pd.Index) and isinstance(other, pd.Index)):
        return
    if is_default(index) or is_default(other):
        warn_of_numbers(key, other, name, index, set())
        return
    if not same_rows(index, other, name, several_kinds=True):
        raise ValueError(
            f"{name} has another index ({index[0]} ... {index[-1]}) than {key} ({other[0]} ... {other[-1]}): align "
            f"them, for example with {name}.reindex({key}.index), or give arrays if their rows are the same."
        )


def _check_same_columns(y, name, forecast, key):
    """Raise where y and a forecast have the same columns in another order: they would be compared one by one."""
    columns, others = (
        None if isinstance(v, pd.Series) else getattr(v, "columns", None) for v in (y, forecast)
    )
    if not (isinstance(columns, pd.Index) and isinstance(others, pd.Index)) or columns.equals(others):
        return
    if set(columns) == set(others):
        raise ValueError(
            f"{name} has the columns {list(columns)}, but {key} {list(others)}: give them in one order, such as "
            f"{key}[{name}.columns]."
        )


def two_dimensional(values, name, finite):
    """Check values and return them as floats (N, O); finite : as ``ensure_all_finite`` of ``check_array``."""
    values = check_array(
        plain_values(values, name),
        dtype=np.float64,
        ensure_2d=False,
        allow_nd=False,
        ensure_all_finite=finite,
        input_name=name,
    )
    return values.reshape(len(values), -1)
