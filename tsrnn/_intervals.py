"""Forecast intervals from a model's errors on rows that it was not trained on.

Errors are of levels (see ``_targets.py``), so that with ``target_transform="log"`` they are relative ones. How large
they are depends on the forecast: a solar plant errs at noon and not at night. So an interval around a forecast p
comes from those errors whose forecasts were nearest to p:

conformal    at each horizon step the errors of all forecasts made as many steps ahead, give or take one [1]_ [2]_
bootstrap    errors of one step, drawn at random, added to the output and fed back: paths that the series may take

Rows where ``target_bounds`` leave one value, such as nights, have no errors: forecasts of dawn, as small, do err.

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
.. [2] J. Lei et al. "Distribution-free predictive inference for regression." JASA 113(523), 2018.
"""

import warnings
from numbers import Real
from typing import Any, NamedTuple

import numpy as np


MOST_ROWS = 10_000  # kept for calibration
MOST_RUNS = 4000  # forecasts of several steps, from which errors are taken
STRETCH = 1000  # rows, of very many, that are kept together
WARM = 100  # rows that are followed before errors count
FEW, LEAST = 3, 20  # errors without which there is no interval, and no good one
NEAR = 200, 0.1  # how many errors count as near: at least so many, at least this share
BESIDE = 1  # steps before and after, whose errors count too where there are more than enough
PLACES = 50  # forecasts at which quantiles are found; the nearest serves


class Segment(NamedTuple):
    """Rows to take errors from: X (N, F) without NaN, levels U (N, O), the first ``skip`` of them to warm up.

    model : that makes the forecasts; None for the one that holds the segment.
    """

    model: Any
    X: np.ndarray
    U: np.ndarray
    skip: int


def check_levels(level):
    """Coverages in per cent, ascending, from a number or several."""
    levels = [level] if np.ndim(level) == 0 else list(level)
    if not levels or not all(isinstance(p, Real) and not isinstance(p, bool) and 0 < p < 100 for p in levels):
        raise ValueError(f"level={level!r}: give coverages in per cent, between 0 and 100, such as [80, 95].")
    if min(levels) < 1:
        raise ValueError(
            f"level={level!r} is below 1 per cent: give {100 * min(levels):g} for {min(levels):g}."
        )
    return sorted(set(levels))


def check_method(method):
    """The name of a method."""
    if not isinstance(method, str) or method not in ("conformal", "bootstrap"):
        raise ValueError(f"method={method!r} is unknown: give 'conformal' or 'bootstrap'.")
    return method


def forecast_errors(model, segments, steps):
    """Forecasts and errors (n, steps, O), in levels, from origins over all segments; errors are NaN where y is."""
    ready = [s for s in segments if len(s.U) - s.skip >= steps]
    n = [len(s.U) - s.skip - steps + 1 for s in ready]
    if not ready:
        return np.empty((2, 0, steps, model.n_outputs_))
    ends = np.cumsum(n)
    some = np.sort(
        np.random.default_rng(0).permutation(ends[-1])[:MOST_RUNS]
    )  # every 24th would know one hour
    forecasts, errors = [], []
    for s, begin, mine in zip(ready, ends - n, np.split(some, np.searchsorted(some, ends[:-1]))):
        if len(mine) == 0:
            continue
        maker = s.model or model
        first = s.skip + mine - begin
        past = maker._cold_past()
        followed = maker._follow(s.X, s.U, past)
        rows = first[:, None] + np.arange(steps)
        runs = maker._runs(s.X, followed, past, first, steps)
        made = np.concatenate([out.transpose(1, 0, 2) for _, out in runs])
        forecasts.append(made)
        errors.append(np.where(_pinned(maker, s), np.nan, s.U)[rows] - made)
    return np.concatenate(forecasts), np.concatenate(errors)


def residuals(model, segments):
    """Outputs and errors of one step (n, O), in the model's units, of all rows where all of y was measured."""
    outputs, errors = [], []
    for s in segments:
        maker = s.model or model
        past = maker._cold_past()
        followed = maker._follow(s.X, s.U, past)
        counts = (np.isfinite(s.U) & ~_pinned(maker, s)).all(axis=1) & (np.arange(len(s.U)) >= s.skip)
        outputs.append(followed.z[counts])
        errors.append((followed.Z - followed.z)[counts])
    return [np.concatenate(v) if v else np.empty((0, model.n_outputs_)) for v in (outputs, errors)]


def _pinned(maker, segment):
    """Where bounds leave one value, (N, O) or one for all."""
    limits = maker._limits(segment.X)
    return False if limits is None else limits[0] >= limits[1]


def _needed(level):
    """Errors whose extremes are the ends of an interval of this level, in per cent."""
    return int(np.ceil(200 / (100 - level))) - 1


def _near(n, level):
    """How many of n errors count as near, for levels up to this one."""
    return min(n, max(NEAR[0], round(NEAR[1] * n), _needed(level)))


class Pool(NamedTuple):
    """Errors of one step and output, by their forecasts, at some places.

    between : (places - 1,), where the next place is nearer.   errors : (places, k), sorted.
    """

    between: np.ndarray
    errors: np.ndarray


def pools(forecasts, errors, level):
    """A ``Pool`` for each step and output, [h][o], of forecasts and errors (n, steps, O), for levels up to this one."""
    _, steps, O = errors.shape
    check_enough(int(np.isfinite(errors).sum(axis=0).min()), f"forecasts of {steps} steps", level)
    return [[_pool(forecasts[..., o], errors[..., o], h, level) for o in range(O)] for h in range(steps)]


def _pool(forecasts, errors, h, level):
    """The ``Pool`` of step h, of forecasts and errors (n, steps): fans are smoother with the steps on either side."""
    many = np.isfinite(errors[:, h]).sum() > NEAR[0]
    beside = min(BESIDE, h, errors.shape[1] - 1 - h) if many else 0
    forecasts, errors = (v[:, h - beside : h + beside + 1].ravel() for v in (forecasts, errors))
    counts = np.isfinite(errors)
    order = np.argsort(forecasts[counts], kind="stable")
    forecasts, errors = forecasts[counts][order], errors[counts][order]
    n, k = len(errors), _near(len(errors), level)
    starts = np.unique(np.linspace(0, n - k, PLACES).astype(int))
    centers = forecasts[starts + k // 2]
    return Pool((centers[1:] + centers[:-1]) / 2, np.sort(errors[starts[:, None] + np.arange(k)], axis=1))


def conformal(made, pools, levels):
    """{level: (low, high)}, each like ``made`` (M, steps, O), which they hold."""
    bands = {p: (np.empty_like(made), np.empty_like(made)) for p in levels}
    for h, outputs in enumerate(pools):
        for o, (between, errors) in enumerate(outputs):
            place, k = np.searchsorted(between, made[:, h, o]), errors.shape[1]
            for p, (low, high) in bands.items():
                tail = (100 - p) * (k + 1) / 200  # of k + 1 errors, the new one among them
                below, above = max(0, int(np.floor(tail)) - 1), min(k - 1, int(np.ceil(k + 1 - tail)) - 1)
                low[:, h, o] = made[:, h, o] + np.minimum(errors[place, below], 0)
                high[:, h, o] = made[:, h, o] + np.maximum(errors[place, above], 0)
    return bands


def check_enough(n, what, level):
    """Intervals from a few errors are rough, from hardly any there are none."""
    message = f"level: {n} {what} with a measured y were kept for calibration"
    if n < FEW:
        raise ValueError(
            f"{message}, at least {FEW} are needed: call calibrate(X, y) with more rows, or forecast fewer steps."
        )
    wanted = max(LEAST, _needed(level))
    if n < wanted:
        warnings.warn(
            f"{message}, but {level:g} % wants {wanted}: intervals are rough. Call calibrate(X, y) with more rows.",
            UserWarning,
            stacklevel=5,
        )


def drawer(outputs, errors, rng, level):
    """A callable(z (m, O)) -> errors (m, O) to add: of rows whose outputs (mean over O) were near."""
    check_enough(len(errors), "rows", level)
    order = np.argsort(outputs.mean(axis=1), kind="stable")
    key, errors = outputs.mean(axis=1)[order], errors[order]
    n, k = len(key), _near(len(key), level)

    def draw(z):
        center = np.searchsorted(key, z.mean(axis=1))
        first = np.clip(center - k // 2, 0, n - k)
        return errors[first + rng.integers(k, size=len(z))]

    return draw


def path_bands(paths, made, levels):
    """{level: (low, high)}, like ``made`` (...), which they hold, of sample paths (n_paths, ...)."""
    ends = {p: np.quantile(paths, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.minimum(low, made), np.maximum(high, made)) for p, (low, high) in ends.items()}
