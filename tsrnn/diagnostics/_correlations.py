"""Correlations that errors should not have, and the period of a series.

    autocorrelation      r(k) = sum_t e(t) e(t - k) / sum_t e(t)^2, within +-1.96 / sqrt(n) of 0 if nothing is left
    Ljung-Box            Q = n (n + 2) sum_k r(k)^2 / (n - k), chi-square with as many degrees of freedom as lags
    cross-correlation    of e(t) or e(t)^2 with u(t - k) or u(t - k)^2: 0 likewise, for every k >= 0

Sums leave out what was not measured.  Arrays: errors e (N,), inputs u (N,), NaN where nothing was measured.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from .._series import timeline as timelines
from ._arguments import named_inputs, stamps_of


BOUND = 1.96  # of a 95 % interval, in standard deviations
FAR = 2000  # rows, beyond which no period is looked for


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
    at = timelines.positions(stamps_of(X, residuals), len(residuals))
    e = timelines.spread(np.asarray(residuals, float), at)
    inputs = {name: timelines.spread(u, at) for name, u in named_inputs(X).items()}
    return autocorrelations(e, max_lag, 1)[0], *cross_correlations(e, inputs, 0, max_lag)


def root_mean_square(e):
    """Return the root of the mean square of errors (n,); NaN where there are none."""
    return np.sqrt(np.mean(e**2)) if len(e) else np.nan


def correlation(a, b, max_lag):
    """Correlate a(t) with b(t - k), for k = 0 ... max_lag.

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
    (a, s), (b, z) = (standard(v) for v in (a, b))
    lags = np.arange(max_lag + 1)
    pairs = np.array([valid[0][k:] @ valid[1][: n - k] for k in lags])
    sums = np.array([a[k:] @ b[: n - k] for k in lags])
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums / pairs * (1 - lags / n) / (s * z), pairs


def standard(v):
    """Return v about its mean, 0 where it is NaN, and its standard deviation, NaN where that is 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN
        v = v - np.nanmean(v)
    valid = np.isfinite(v)
    v = np.where(valid, v, 0.0)
    deviation = np.sqrt(v @ v / max(valid.sum(), 1))
    return v, deviation if deviation > 0 else np.nan


def autocorrelations(e, max_lag, lead):
    """Correlate errors (N,), and their squares, with themselves; returns a table with a bound, and Ljung-Box tests."""
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


def cross_correlations(e, inputs, first, max_lag):
    """Correlate errors and squares with each input and its square, from lag ``first`` on; returns table and bounds."""
    columns, bounds = {}, {}
    e = e - np.nanmean(e)
    for name, u in inputs.items():
        u = standard(u)[0] + np.where(np.isfinite(u), 0.0, np.nan)
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


def find_period(y):
    """Find the strongest peak in the autocorrelation of a series; None where no peak is above 0.3.

    Parameters
    ----------
    y : array-like of shape (n_timesteps,)
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
    y = np.asarray(y, float)
    t, valid = np.arange(len(y)), np.isfinite(y)
    if valid.sum() < 2:
        return None
    trend = np.polyval(np.polyfit(t[valid], y[valid], 1), t)
    r = np.nan_to_num(correlation(y - trend, y - trend, min(len(y) // 3, FAR))[0])
    dip = r - np.minimum.accumulate(r)
    peaks = [k for k in range(2, len(r) - 1) if r[k - 1] < r[k] >= r[k + 1] and r[k] > 0.3 and dip[k] > 0.1]
    return max(peaks, key=r.__getitem__, default=None)
