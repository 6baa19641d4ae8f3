"""Intervals and sample paths from errors of forecasts that were made before.

    size of an origin         r(k) = root mean square of y(t) - y(t - p) over the rows just before it
    interval of level p       y^ + r(k)^g times the (100 - p) / 2 and (100 + p) / 2 per cent quantiles of e / r^g,
                              of errors e at the step and those beside it, among those whose forecasts were near y^ [1]
    sample path               y^ + r(k)^g times all steps' e / r^g of one origin, so that paths keep their shape

The power g, 0 (errors of one size), 1/2 or 1 (that grow and shrink with what the series does), is the one whose
quantiles from the earlier stretches suit the last one best.  Errors of overlapping forecasts are worth about one in h:
quantiles are widened as Student's are for so few.

Arrays: made (m, steps, O), forecasts (M, h, O) and errors (M, h, O), NaN where y was not measured, sizes (M, O).

[1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference for
    regression", JASA 113(523), 2018.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import norm, t

from .._values import kept
from .._warn import warn


FEW = 2  # errors, below which there are no intervals
NEAR = 0.35  # share of the errors that count as near
LEAST_NEAR = 200
BESIDE = 1  # steps on either side
POWERS = (0.0, 0.5, 1.0)
ROWS = 30  # at least, over which the size of an origin is taken
FLOOR = 0.2  # times the median size


@kept("wrong")
class Wrong(NamedTuple):
    """Errors that intervals are made of.

    forecasts, errors : (M, h, O).   sizes : (M, O).   power : g.   worth : how many errors they are worth.
    """

    forecasts: np.ndarray
    errors: np.ndarray
    sizes: np.ndarray
    power: float
    worth: float


def sizes(U, origins, period):
    """r(k) (M, O) of levels U (N, O) at origins (M,)."""
    changes = np.zeros_like(U)
    if len(U) > period:
        changes[period:] = (U[period:] - U[:-period]) ** 2
        changes[:period] = changes[period:].mean(axis=0)  # which nothing tells of
    total = np.concatenate([np.zeros((1, U.shape[1])), np.cumsum(changes, axis=0)])
    rows = max(ROWS, 2 * period)
    end = np.minimum(np.asarray(origins), len(U))
    begin = np.maximum(end - rows, 0)
    return np.sqrt(np.maximum((total[end] - total[begin]) / np.maximum(end - begin, 1)[:, None], 0))


def make(forecasts, errors, sizes, folds, worth):
    """``Wrong``, with the power that suits the last fold.   folds : (M,), the number of each origin's stretch."""
    if len(sizes):
        sizes = np.maximum(sizes, FLOOR * np.maximum(np.median(sizes, axis=0), 1e-300))
    last = folds == folds.max() if len(folds) else folds
    power = 0.5
    if len(folds) and not last.all():
        losses = {g: _loss(errors, sizes[:, None] ** g, last) for g in POWERS}
        power = min(losses, key=losses.get)
    return Wrong(forecasts, errors, sizes, power, worth)


def _loss(errors, scale, last):
    """Mean pinball loss on the last stretch, step by step, of quantiles of errors / scale on those before."""
    unit, scale = errors / scale, np.broadcast_to(scale, errors.shape)
    seen = np.isfinite(unit[~last]).any(axis=0) & np.isfinite(unit[last]).any(axis=0)  # (h, O)
    if not seen.any():
        return np.inf
    before, after, scale = unit[~last][:, seen], errors[last][:, seen], scale[last][:, seen]
    size, total = np.maximum(np.nanmean(np.abs(after), axis=0), 1e-300), 0.0
    for q in (0.1, 0.9):
        over = after - np.nanquantile(before, q, axis=0) * scale
        total += float(np.nanmean(np.maximum(q * over, (q - 1) * over) / size))
    return total


def intervals(made, sizes, wrong, levels):
    """{level: (low, high)}, each like ``made``, which they hold."""
    _check(wrong, made.shape[1], max(levels))
    bands = {p: (made.copy(), made.copy()) for p in levels}
    scale = np.maximum(sizes, wrong.sizes.min(axis=0)) ** wrong.power  # (m, O)
    for s in range(made.shape[1]):
        for o in range(made.shape[2]):
            places, errors = _pool(wrong, s, o)
            k = errors.shape[1]
            at = np.abs(made[:, s, o][:, None] - places).argmin(axis=1)
            for p, (low, high) in bands.items():
                if k < _needed(p):  # too few for a quantile: that of a normal distribution
                    half = norm.ppf(0.5 + p / 200) * np.sqrt(np.mean(errors[at] ** 2, axis=1))
                    half = half * scale[:, o] * _student(p, wrong.worth)
                    low[:, s, o] -= half
                    high[:, s, o] += half
                    continue
                tail = (100 - p) * (k + 1) / 200  # of k + 1 errors, the new one among them
                below, above = max(0, int(np.floor(tail)) - 1), min(k - 1, int(np.ceil(k + 1 - tail)) - 1)
                wider = scale[:, o] * _student(p, wrong.worth)
                low[:, s, o] += np.minimum(errors[at, below], 0) * wider
                high[:, s, o] += np.maximum(errors[at, above], 0) * wider
    return bands


def _needed(level):
    """Errors whose extremes are the ends of an interval of this level, in per cent."""
    return int(np.ceil(200 / (100 - level))) - 1


def _student(level, n):
    """How much farther out Student's quantile of n - 1 degrees of freedom lies than the normal one."""
    q = 0.5 + level / 200
    return float(t.ppf(q, max(2.0, n - 1)) / norm.ppf(q))


def _pool(wrong, s, o):
    """Centres (places,) of forecasts at a step, and the errors near each, sorted, over their sizes, (places, k)."""
    h = wrong.errors.shape[1]
    s = min(s, h - 1)
    beside = slice(max(0, s - min(BESIDE, s)), min(h, s + BESIDE + 1))
    errors = wrong.errors[:, beside, o] / wrong.sizes[:, o, None] ** wrong.power
    forecasts, errors = wrong.forecasts[:, beside, o].ravel(), errors.ravel()
    known = np.isfinite(errors)
    order = np.argsort(forecasts[known], kind="stable")
    forecasts, errors = forecasts[known][order], errors[known][order]
    n = len(errors)
    k = min(n, max(LEAST_NEAR, round(NEAR * n)))
    starts = np.unique(np.linspace(0, n - k, 8).astype(int))
    return forecasts[starts + k // 2], np.sort(errors[starts[:, None] + np.arange(k)], axis=1)


def _check(wrong, steps, level):
    """Raise where there are hardly any errors, warn where there are few."""
    n = int(np.isfinite(wrong.errors[:, :steps]).sum(axis=0).min()) if wrong.errors.size else 0
    if n < FEW:
        raise ValueError(
            f"level: {n} forecasts of {steps} steps with a measured y were kept for intervals, at least {FEW} are "
            "needed: call calibrate(X, y) with more rows, or forecast fewer steps."
        )
    wanted = _needed(level)
    if n < wanted:
        warn(
            f"level: {n} forecasts of {steps} steps with a measured y were kept, but {level:g} % wants {wanted}: "
            "intervals are rough. Call calibrate(X, y) with more rows."
        )


def paths(made, sizes, wrong, n_paths, rng):
    """Sample paths (n_paths, m, steps, O)."""
    step = np.minimum(np.arange(made.shape[1]), wrong.errors.shape[1] - 1)
    _check(wrong, made.shape[1], 50)
    errors = np.nan_to_num(wrong.errors[:, step] / wrong.sizes[:, None] ** wrong.power)
    which = rng.integers(len(errors), size=(n_paths, len(made)))
    return made + errors[which] * np.maximum(sizes, wrong.sizes.min(axis=0))[:, None] ** wrong.power


def path_intervals(drawn, made, levels):
    """{level: (low, high)}, like ``made``, which they hold, of sample paths (n_paths, ...)."""
    ends = {p: np.quantile(drawn, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.minimum(low, made), np.maximum(high, made)) for p, (low, high) in ends.items()}
