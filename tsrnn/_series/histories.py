"""Histories without gaps: where y was not measured, a linear autoregression goes on from the rows before.

    y~(t) = y(t) where it was measured,  else  sum_k a_k y~(t - k) + b,  within the range of y

with the last lags and those of the seasons.  a and b are learnt from the rows whose y was measured, of histories y~
that repeat the last season at first.  No later row tells anything of y~(t), but in the first season: a model that
learns from such histories sees nothing that it will not see when it is used.

Arrays: us a list of u (N,), one output of some series, NaN where unknown; Y (N, O).
"""

import numpy as np

from . import timeline as timelines
from .autoregression import in_levels, merged, regressors, ridge, sums_until
from .seasons import find_seasons


MOST_BLIND = (
    0.3  # of the rows that look back at a gap: below, little is lost, and what is learnt in pieces is one fit
)
MOST_SERIES = 16  # that are asked for their seasons
LAST = (1, 2, 3)  # lags
ROUNDS = 2
PENALTY = 1e-4
ROWS_A_LAG = 5  # that an autoregression needs


def with_histories(series, lags):
    """Fill y of some ``Series`` as ``whole_histories``; rows that are filled weigh 0.

    They stay as they are where the rows whose outputs were all measured are few, or no more than can be learnt from.
    """
    Ys, weights = ([s[k] for s in series] for k in (1, 2))
    whole = [np.isfinite(Y).all(axis=1) for Y in Ys]
    kept, measured = sum(map(np.sum, whole)) * Ys[0].shape[1], sum(np.isfinite(Y).sum() for Y in Ys)
    learnt = sum(np.isfinite(Y[len(Y) - len(seen) :][seen]).sum() for Y, seen in zip(Ys, _seen(Ys, lags)))
    if not _is_hidden(Ys, lags) or kept <= max(learnt, measured / 2):
        return series
    return [s._replace(Y=Y, w=np.where(k, s.w, 0.0)) for s, Y, k in zip(series, _filled(Ys, weights), whole)]


def whole_histories(Ys, lags, weights):
    """Fill what is not known of series Y, where many rows look back at it."""
    return _filled(Ys, weights) if _is_hidden(Ys, lags) else Ys


def _is_hidden(Ys, lags):
    """Tell whether many rows look back at what is not known."""
    seen = np.concatenate(_seen(Ys, lags))
    return (~seen).sum() > MOST_BLIND * len(seen)


def _seen(Ys, lags):
    """Tell of the last rows of each Y (N, O), behind the longest lag, whether their history is known."""
    whole, n = [np.isfinite(Y).all(axis=1) for Y in Ys], max(lags, default=0)
    return [np.all([k[n - lag : max(n, len(k)) - lag] for lag in lags] or [k | True], axis=0) for k in whole]


def _filled(Ys, weights):
    """Fill each output of series Y."""
    columns, every = [], -(-len(Ys) // MOST_SERIES)
    for us in zip(*(Y.T for Y in Ys)):
        seasons = find_seasons([u[:, None] for u in us[::every]])
        columns.append(without_gaps(us, seasons, weights))
    return [np.stack(of_series, axis=1) for of_series in zip(*columns)]


def filled(u, seasons=()):
    """Fill NaN in u (N,)."""
    return u if not np.isnan(u).any() else without_gaps([u], seasons, [np.ones(len(u))])[0]


def without_gaps(us, seasons, weights):
    """Fill one output of some series, which share an autoregression; those that are unknown throughout by 0."""
    known = [np.isfinite(u) for u in us]
    measured = np.concatenate([u[k] for u, k in zip(us, known)])
    us = [_repeated(u, seasons) for u in us]
    lags = sorted({*LAST, *(p + d for p in seasons for d in (-1, 0, 1) if p > 1)})
    if len(measured) < ROWS_A_LAG * len(lags):
        return us
    for _ in range(ROUNDS):
        model = _autoregression(us, [k * w for k, w in zip(known, weights)], lags)
        us = [_gone_on(u, k, model, measured.min(), measured.max()) for u, k in zip(us, known)]
    return us


def _repeated(u, seasons):
    """Fill NaN in u (N,) by the value a season before, the longest, else the last one; at the start by later ones."""
    if np.isnan(u).all():
        return np.zeros_like(u)
    p = max(seasons, default=1)
    u = timelines.last_known(u[:, None], p)[:, 0]
    for q in (p, 1):
        u = timelines.last_known(u[::-1][:, None], q)[::-1, 0]
        u = timelines.last_known(u[:, None], q)[:, 0]
    return u


def _autoregression(us, weights, lags):
    """Learn the autoregression of all series (N,)."""
    total = None
    for u, w in zip(us, weights):
        (sums,) = sums_until(regressors(u, np.empty((len(u), 0)), lags, ()), w, [len(u)])
        total = sums if total is None else merged(total, sums)
    return in_levels(*ridge(total, [PENALTY])[0], lags, ())


def _gone_on(u, known, model, low, high):
    """Fill u (N,) anew where it is not known, in the order of time."""
    P, u, a = len(model.a), u.copy(), model.a[::-1]
    for t in P + np.flatnonzero(~known[P:]):
        u[t] = min(max(u[t - P : t] @ a + model.b, low), high)
    return u
