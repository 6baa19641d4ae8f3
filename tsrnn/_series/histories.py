"""Histories without gaps: where y was not measured, a linear autoregression goes on from the rows before.

    y~(t) = y(t) where it was measured,  else  sum_k a_k y~(t - k) + b,  within the range of y

with the last lags and those of the seasons.  a and b are learnt from the rows whose y was measured, of histories y~
that repeat the last season at first.  Series share them, each in units of its own, where it reaches from -1 to 1.  No
later row tells anything of y~(t) but through a, b and these units: a model that learns from such histories sees nothing
that it will not see when it is used.  What is not known in the first rows, as many as it looks back, is left unknown.

Arrays: us a list of u (N,), one output of some series, NaN where unknown; Y (N, O).
"""

import numpy as np

from . import timeline as timelines
from .autoregression import in_levels, pooled, regressors, ridge, sums_until
from .seasons import find_seasons


MOST_BLIND = 0.3  # of rows, that look back at a gap: below, little is lost, and pieces are learnt as one fit
MOST_SERIES = 16  # that are asked for their seasons
LAST = (1, 2, 3)  # lags
ROUNDS = 2  # of learning: the second sees what the first has filled
PENALTY = 1e-4  # of the autoregression: against lags that say the same alone
ROWS_A_LAG = 5  # that an autoregression needs


def with_histories(series, lags):
    """Fill y of some ``Series`` as ``whole_histories``; rows that are filled weigh 0.

    They stay as they are where the rows whose outputs were all measured are few, or no more than can be learnt from.
    """
    Ys, weights = ([s[k] for s in series] for k in (1, 2))
    whole = [np.isfinite(Y).all(axis=1) for Y in Ys]
    kept, measured = sum(map(np.sum, whole)) * Ys[0].shape[1], sum(np.isfinite(Y).sum() for Y in Ys)
    learnt = sum(np.isfinite(Y[len(Y) - len(k) :][k]).sum() for Y, k in zip(Ys, _sighted(Ys, lags)))
    if not _many_are_blind(Ys, lags) or kept <= max(learnt, measured / 2):
        return series
    return [s._replace(Y=Y, w=np.where(k, s.w, 0.0)) for s, Y, k in zip(series, _filled(Ys, weights), whole)]


def whole_histories(Ys, lags, weights):
    """Fill what is not known of series Y, where many rows look back at it."""
    return _filled(Ys, weights) if _many_are_blind(Ys, lags) else Ys


def _many_are_blind(Ys, lags):
    """Tell whether many rows look back at what is not known."""
    sighted = np.concatenate(_sighted(Ys, lags))
    return (~sighted).sum() > MOST_BLIND * len(sighted)


def _sighted(Ys, lags):
    """Tell of the last rows of each Y (N, O), behind its first and the longest lag, whether their history is known."""
    whole, n = [np.isfinite(Y).all(axis=1) for Y in Ys], max(lags, default=0)
    whole = [k[np.argmax(k) :] for k in whole]
    return [np.all([k[n - lag : max(n, len(k)) - lag] for lag in lags] or [k | True], axis=0) for k in whole]


def _filled(Ys, weights):
    """Fill each output of series Y."""
    columns, every = [], -(-len(Ys) // MOST_SERIES)
    for us in zip(*(Y.T for Y in Ys)):
        seasons = find_seasons([_counted(u, w)[:, None] for u, w in zip(us[::every], weights[::every])])
        columns.append(without_gaps(us, seasons, weights))
    return [np.stack(of_series, axis=1) for of_series in zip(*columns)]


def _counted(u, w):
    """Cut u (N,) to the rows from the first to the last that is known and weighs something, NaN between where not."""
    u = np.where(w > 0, u, np.nan)
    at = np.flatnonzero(np.isfinite(u))
    return u[at[0] : at[-1] + 1] if len(at) else u[:0]


def filled(u, seasons=()):
    """Fill NaN in u (N,), of its first rows by repetition, before its first value by later ones; by 0 without any."""
    if not np.isnan(u).any():
        return u
    if np.isnan(u).all():
        return np.zeros_like(u)
    (u,) = without_gaps([u], seasons, [np.ones(len(u))])
    return _repeated(_repeated(u, seasons)[::-1], seasons)[::-1]


def without_gaps(us, seasons, weights):
    """Fill one output of some series, which share an autoregression, each behind its first rows."""
    known = [np.isfinite(u) for u in us]
    counts = [k * w for k, w in zip(known, weights)]
    units = [_unit(u[c > 0] if c.any() else u[k]) for u, k, c in zip(us, known, counts)]
    vs = [_repeated((u - center) / size, seasons) for u, (center, size) in zip(us, units)]
    lags = sorted({*LAST, *(p + d for p in seasons for d in (-1, 0, 1) if p > 1)})
    n_learnt = sum(np.count_nonzero(c[np.argmax(k) + lags[-1] :]) for k, c in zip(known, counts))
    if n_learnt >= ROWS_A_LAG * len(lags):
        for _ in range(ROUNDS):
            model = _autoregression(vs, counts, lags)
            vs = [_gone_on(v, k, model) for v, k in zip(vs, known)]
        vs = [np.where(np.arange(len(v)) < np.argmax(k) + lags[-1], np.nan, v) for v, k in zip(vs, known)]
    return [np.where(k, u, center + size * v) for u, k, v, (center, size) in zip(us, known, vs, units)]


def _unit(u):
    """Return the middle of values u (N,), and half of their range; (0, 1) of none."""
    low, high = (u.min() / 2, u.max() / 2) if len(u) else (0.0, 0.0)
    return low + high, (high - low) or 1.0


def _repeated(u, seasons):
    """Fill NaN behind the first value of u (N,) by that a season before, the longest, else the last one."""
    for p in (max(seasons, default=1), 1):
        u = timelines.last_known(u[:, None], p)[:, 0]
    return u


def _autoregression(vs, weights, lags):
    """Learn the autoregression of all series (N,)."""
    none = [np.empty((len(v), 0)) for v in vs]
    sums = [sums_until(regressors(v, E, lags, ()), w, [len(v)])[0] for v, E, w in zip(vs, none, weights)]
    return in_levels(*ridge(pooled(sums), [PENALTY])[0], lags, ())


def _gone_on(v, known, model):
    """Fill v (N,) anew where it is not known, behind the first rows, in the order of time, within -1 and 1."""
    first, P, v, a = np.argmax(known), len(model.a), v.copy(), model.a[::-1]
    for t in first + P + np.flatnonzero(~known[first + P :]):
        v[t] = min(max(v[t - P : t] @ a + model.b, -1.0), 1.0)
    return v
