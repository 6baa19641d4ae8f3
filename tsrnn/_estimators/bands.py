"""Intervals and sample paths from errors of forecasts that were made before.

    interval of level p at step s:  y^ + the (100 - p) / 2 and (100 + p) / 2 per cent quantiles of errors at s and the
                                    steps beside it, among those whose forecasts were near y^ [1]
    sample path:                    y^ + all steps' errors of one origin, so that paths keep their shape

Arrays: made (m, steps, O), forecasts (M, h, O) and errors (M, h, O), NaN where y was not measured.

[1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference for
    regression", JASA 113(523), 2018.
"""

from typing import NamedTuple

import numpy as np

from .._warn import warn


FEW = 5  # errors, below which there are no intervals
NEAR = 0.35  # share of the errors that count as near
LEAST_NEAR = 200
BESIDE = 1  # steps on either side


class Wrong(NamedTuple):
    """Forecasts and their errors, (M, h, O) each."""

    forecasts: np.ndarray
    errors: np.ndarray


def intervals(made, wrong, levels):
    """{level: (low, high)}, each like ``made``, which they hold."""
    _check(wrong, made.shape[1], max(levels))
    bands = {p: (made.copy(), made.copy()) for p in levels}
    for s in range(made.shape[1]):
        for o in range(made.shape[2]):
            places, errors = _pool(wrong, s, o)
            k = errors.shape[1]
            at = np.abs(made[:, s, o][:, None] - places).argmin(axis=1)
            for p, (low, high) in bands.items():
                tail = (100 - p) * (k + 1) / 200  # of k + 1 errors, the new one among them
                below, above = max(0, int(np.floor(tail)) - 1), min(k - 1, int(np.ceil(k + 1 - tail)) - 1)
                low[:, s, o] += np.minimum(errors[at, below], 0)
                high[:, s, o] += np.maximum(errors[at, above], 0)
    return bands


def _pool(wrong, s, o):
    """Centres (places,) of forecasts at a step, and the errors near each, sorted, (places, k)."""
    h = wrong.errors.shape[1]
    beside = slice(max(0, s - min(BESIDE, s)), min(h, s + BESIDE + 1))
    forecasts, errors = (v[:, beside, o].ravel() for v in wrong)
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
    wanted = int(np.ceil(200 / (100 - level))) - 1
    if n < wanted:
        warn(
            f"level: {n} forecasts of {steps} steps with a measured y were kept, but {level:g} % wants {wanted}: "
            "intervals are rough. Call calibrate(X, y) with more rows."
        )


def paths(made, wrong, n_paths, rng):
    """Sample paths (n_paths, m, steps, O)."""
    steps = made.shape[1]
    _check(wrong, steps, 50)
    errors = np.nan_to_num(wrong.errors[:, :steps])
    which = rng.integers(len(errors), size=(n_paths, len(made)))
    return made + errors[which]


def path_intervals(drawn, made, levels):
    """{level: (low, high)}, like ``made``, which they hold, of sample paths (n_paths, ...)."""
    ends = {p: np.quantile(drawn, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.minimum(low, made), np.maximum(high, made)) for p, (low, high) in ends.items()}
