"""Forecast intervals from a model's errors on rows that it was not trained on.

Errors are of levels (see ``targets.py``), so that with ``target_transform="log"`` they are relative ones. How large
they are depends on the forecast: a solar plant errs at noon and not at night. So an interval around a forecast p
comes from those errors whose forecasts were nearest to p:

conformal    at each horizon step the errors of all forecasts made as many steps ahead, give or take one [1]_ [2]_,
             moved and stretched by those that came later (``adaptive.py``)
split        the same without what came later
bootstrap    errors of one step, drawn at random, added to the output and fed back: paths that the series may take;
             moved and stretched likewise, and "split-bootstrap" the same without (``Drawer``)
quantiles    of a model that has learnt them; widened or narrowed so that they hold on rows to calibrate with [3]_, and
             moved and stretched likewise: there a score is where a normal variable lies that has the quantiles' shares

Where the rows kept show that the spread of errors goes with the forecast p and the last value v, errors are scores

    e / g(p, v),      log g = a + b p' + c p'^2 + d v' + f v'^2      (p', v' centered, scaled, within what was seen)

with g, in the mean 1, that makes |e| most likely by Laplace's law, on all but a fifth of the rows, in turn; where that
does not make them more likely in the fifth left out, g = 1.

Forecasts of many steps overlap: n errors at step h hold as much as n / (1 + 2 sum_k<h r(k)) independent ones, with
their autocorrelation r. Where these are too few for a quantile, ends are those of Student's t with as many degrees of
freedom. Errors on rows that were trained on are taken sqrt((n + w) / (n - w)) times as large, for w weights.

Rows where ``target_bounds`` leave one value, such as nights, have no errors: forecasts of dawn, as small, do err. Where
y lies on a bound that is a number, as rain often does, its error is taken for infinite (``pools.py``).

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
.. [2] J. Lei et al. "Distribution-free predictive inference for regression." JASA 113(523), 2018.
.. [3] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.
.. [4] M. Clark et al. "The Schaake shuffle: a method for reconstructing space-time variability in forecasted
   precipitation and temperature fields." Journal of Hydrometeorology 5(1), 2004.
"""

from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from .._check import check_number
from .._series.scaling import LogLink
from .._series.timeline import tells, to_index
from .._series.units import runs_of
from .._values import kept
from .._warn import warn
from .adaptive import ALIKE, DEVIATION, DOUBT, Kind, tracked
from .following import MOST_NUMBERS, Past, Stretch, cold_past, cut, follow, runs
from .pools import NEAR, Packed, conformal, n_near, needed, packed, pools


MOST_ROWS = 10_000  # kept for calibration
MOST_RUNS = 4000  # forecasts of several steps, from which errors are taken
MAX_FOLD_PIECES, MIN_PIECE_ROWS = 4, 200  # a fold of calibrate(cv=k) is at most 4 pieces of at least 200 rows
STRETCH = 1000  # rows, of very many, that are kept together
WARM = 100  # rows that are followed before errors count
FEW, LEAST = 3, 20  # errors without which there is no interval, and no good one
KEPT, BLOCK = 192, 32  # rows that ``update`` keeps of each series, at least; the oldest go in blocks
FOLDS, SURE, MANY = 5, 1.0, 60  # of rows, to try local scales on; standard errors of a gain; errors it takes
RIDGE, FLOOR, NEWTON = 3.0, 0.2, 30  # rows' worth of no slope; the least error, in mean ones; steps
ORIGINS, MOST_FED = 20, 10  # rows from which outputs that are off are fed back; the most outputs
LAGS = 12  # at which the autocorrelation of errors is looked at
LEAST_ERROR, GOLDEN = (
    1e-12,
    (np.sqrt(5) - 1) / 2,
)  # over outputs, where all errors are 0; whose multiples spread evenly
HELD = 0.15  # share of the rows, the last ones, that errors are taken from where none were held back
BY_HEART = 0.25  # weights for each value, beyond which errors on the same rows are much too small
MOST_NORMAL, MOST_OVERLAP = 30.0, 10  # where a normal variable ends; errors that hold at least as much as one
PATHS = 500  # that a series may take
METHODS = ("conformal", "split", "bootstrap", "split-bootstrap")
# What is remembered of an estimator lies outside it, for forecast must not change it.
_errors_found = WeakKeyDictionary()  # estimator -> what it has learnt, and errors by kind


@kept("maker")
class Maker(NamedTuple):
    """A model that makes forecasts."""

    dynamics: Any
    units: Any


@kept("segment")
class Segment(NamedTuple):
    """Rows to take errors from: X (N, D) without NaN, levels U (N, O), the first ``skip`` of them to warm up.

    maker : ``Maker`` of the forecasts; None for the model that holds the segment.   beyond : last rows, where forecasts
    may end but not begin.
    """

    maker: Maker | None
    X: np.ndarray
    U: np.ndarray
    skip: int
    beyond: int = 0

    def origins(self, steps, beyond):
        """Count the origins of forecasts of ``steps`` steps that end within the segment, or ``beyond`` it."""
        last = len(self.U) - max(steps, self.beyond + 1) if beyond else len(self.U) - self.beyond - steps
        return max(0, last - self.skip + 1)


@kept("seen")
class Seen(NamedTuple):
    """Consecutive rows that update has seen: the past before them, X (N, D) without NaN, levels U (N, O)."""

    past: Past
    X: np.ndarray
    U: np.ndarray


@kept("recent")
class Recent(NamedTuple):
    """The last rows of a series that update has seen: a list of ``Seen``, with gaps between; how many there were."""

    stretches: list
    n: int


@kept("errors")
class Errors(NamedTuple):
    """Where intervals come from.

    segments : a list of ``Segment``.   n_learnt : values that were trained on, None where errors are of other rows.
    recent : what ``update`` has seen since, a ``Recent`` by the key of its series.   last : last levels (O,), by key.
    made : ``Made``, where the forecasts that erred were made in ``fit``, in units of each series; or None.
    """

    segments: list
    n_learnt: int | None
    recent: dict = MappingProxyType({})  # of files that have none
    last: dict = MappingProxyType({})
    made: Any = None


class Ask(NamedTuple):
    """What intervals are asked for.   levels : coverages in per cent, ascending.   rng : for sample paths."""

    levels: list
    method: str
    rng: np.random.Generator
    n_paths: int
    paths: bool = False  # whether sample paths are wanted themselves

    @property
    def draws(self):
        """Whether errors are drawn."""
        return self.method.endswith("bootstrap")

    @property
    def adapts(self):
        """Whether what came after calibration counts."""
        return not self.method.startswith("split")


def check_levels(level):
    """Check coverages in per cent, a number or several; returns them ascending."""
    levels = [level] if np.ndim(level) == 0 else list(level)
    if not levels or not all(isinstance(p, Real) and not isinstance(p, bool) and 0 < p < 100 for p in levels):
        raise ValueError(f"level={level!r}: give coverages in per cent, between 0 and 100, such as [80, 95].")
    if min(levels) < 1:
        raise ValueError(
            f"level={level!r} is below 1 per cent: give {100 * min(levels):g} for {min(levels):g}."
        )
    return sorted(set(levels))


def check_method(method):
    """Check the name of a method; returns it."""
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"method={method!r} is unknown: give 'conformal', 'split', 'bootstrap' or 'split-bootstrap'."
        )
    return method


def _over_segment(maker, segment):
    """Follow a segment from the cold: the inputs, what followed, and the past before it."""
    dynamics, units = maker
    inputs = units.scaled(segment.X)
    past = cold_past(dynamics, units)
    return inputs, follow(dynamics, units, inputs, segment.U, past), past


@kept("forecasts made")
class Made(NamedTuple):
    """Forecasts and what came of them, from n rows where forecasts begin.

    row : (n,), where, ascending; over a gap the count leaps.   forecasts, errors : (n, steps, O), in levels, errors
    NaN where y is not known.   last : (n, O), the levels before.
    """

    row: np.ndarray
    forecasts: np.ndarray
    errors: np.ndarray
    last: np.ndarray

    def over(self, unit):
        """Divide by a unit."""
        return Made(self.row, self.forecasts / unit, self.errors / unit, self.last / unit)


def forecast_errors(model, segments, steps):
    """Forecast from rows over all segments; returns ``Made``.

    model : ``Maker`` of those segments that bring none.
    """
    n = [s.origins(steps, False) for s in segments]
    if sum(n) < NEAR[0]:
        n = [s.origins(steps, True) for s in segments]
    ready, n = [s for s, k in zip(segments, n) if k], [k for k in n if k]
    if not ready:
        O = model.units.n_outputs
        return Made(np.empty(0, int), *np.empty((2, 0, steps, O)), np.empty((0, O)))
    ends = np.cumsum(n)
    chosen = np.random.default_rng(0).permutation(ends[-1])[:MOST_RUNS]  # every 24th would know one hour
    chosen = np.sort(chosen)
    collected, leap = [], 0
    for s, start, origins in zip(ready, ends - n, np.split(chosen, np.searchsorted(chosen, ends[:-1]))):
        if len(origins) == 0:
            continue
        maker = s.maker or model
        first = s.skip + origins - start
        inputs, followed, past = _over_segment(maker, s)
        of_segment = _made(maker, inputs, followed, past, s.U, first, steps, leap, maker.units.level)
        collected.append(of_segment.over(maker.dynamics.unit(followed.after.memory)))
        leap += len(s.U) + steps
    return _joined(collected)


def _made(maker, inputs, followed, past, U, first, steps, leap, before):
    """Forecast from rows ``first`` (n,) of levels U (N, O), which reach as far as forecasts; before : (O,), level."""
    rows = first[:, None] + np.arange(steps)
    forecasts = [out.transpose(1, 0, 2) for _, out in runs(*maker, inputs, followed, past, first, steps)]
    forecasts = np.concatenate([np.empty((0, steps, U.shape[1])), *forecasts])
    errors = np.where(_pinned(inputs), np.nan, U)[rows] - forecasts
    last = last_levels(before, followed.U, first, maker.dynamics.gap)
    return Made(leap + first, forecasts, errors, last)


def last_levels(before, U, first, gap):
    """Return the levels known before rows ``first`` (n,) of U (N, O) without NaN, which arrive ``gap`` late, (n, O)."""
    return np.concatenate([before[None], U])[np.maximum(first - gap, 0)]


def _joined(found):
    """One ``Made`` of several."""
    return Made(*map(np.concatenate, zip(*found)))


def residuals(model, segments):
    """Return one-step outputs and errors (n, O), in the model's units, of all rows whose y was measured whole."""
    outputs, errors = [], []
    for s in segments:
        inputs, followed, _ = _over_segment(s.maker or model, s)
        counts = (np.isfinite(s.U) & ~_pinned(inputs)).all(axis=1)
        counts[: s.skip], counts[len(s.U) - s.beyond :] = False, False
        outputs.append(followed.z[counts])
        errors.append((followed.Z - followed.z)[counts])
    return [np.concatenate(v) if v else np.empty((0, model.units.n_outputs)) for v in (outputs, errors)]


def _pinned(inputs):
    """Return where bounds leave one value, (N, O) or one for all."""
    return np.False_ if inputs.limits is None else inputs.limits[0] >= inputs.limits[1]


class Scale(NamedTuple):
    """How errors of one step and output spread: log g = weights @ (1, p', p'^2, v', v'^2), within bounds.

    center, width, low, high : (2,), of forecasts p and last values v.   bounds : of log g.
    """

    center: np.ndarray
    width: np.ndarray
    low: np.ndarray
    high: np.ndarray
    weights: np.ndarray
    bounds: tuple

    def terms(self, forecasts, last):
        """Compute the terms (n, 5) of forecasts and last values (n,)."""
        p, v = ((np.stack([forecasts, last], 1).clip(self.low, self.high) - self.center) / self.width).T
        return np.stack([np.ones(len(p)), p, p**2, v, v**2], axis=1)

    def __call__(self, forecasts, last):
        """Return g, (n,)."""
        return np.exp(np.clip(self.terms(forecasts, last) @ self.weights, *self.bounds))


def local_scale(forecasts, last, errors):
    """Fit a ``Scale`` to errors (n,), and their scales (n,) by fits to other rows; None, 1 where nothing is gained."""
    n, size = len(errors), np.abs(errors)
    if n < MANY or not (size.mean() > 0 and np.ptp(forecasts) > 0):
        return None, np.ones(n)
    size = np.maximum(size, FLOOR * size.mean())
    regressors = np.stack([forecasts, last], axis=1)
    width = np.where(np.ptp(regressors, axis=0) > 0, regressors.std(axis=0), np.inf)
    low, high = np.quantile(regressors, [0.01, 0.99], axis=0)
    scale = Scale(regressors.mean(axis=0), width, low, high, np.zeros(5), (-np.inf, np.inf))
    terms = scale.terms(forecasts, last)
    predicted, plain = np.empty((2, n))
    fold_rows = np.array_split(np.arange(n), FOLDS)
    for fold in fold_rows:
        elsewhere = np.delete(np.arange(n), fold)
        predicted[fold] = terms[fold] @ _log_scale(terms[elsewhere], size[elsewhere])
        plain[fold] = np.log(size[elsewhere].mean())
    predicted = np.clip(predicted, *plain[0] + np.log([FLOOR, 1 / FLOOR]))
    gain = plain + size / np.exp(plain) - predicted - size / np.exp(predicted)
    gains = np.array([gain[fold].mean() for fold in fold_rows])
    if not gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(FOLDS):
        return None, np.ones(n)
    weights = _log_scale(terms, size)
    mean = (terms @ weights).mean()
    weights[0] -= mean  # scores stay in the units of errors, as at the steps beside
    predicted -= mean
    bounds = tuple(np.quantile(terms @ weights, [0.01, 0.99]))
    return scale._replace(weights=weights, bounds=bounds), np.exp(predicted.clip(*bounds))


def _log_scale(terms, size):
    """Find w that makes log g = terms @ w most likely for Laplace's law of errors of these sizes (n,), shrunk a little.

    terms : (n, 5). Newton's method on sum log g + size / g, which is convex in w.
    """
    penalty = np.diag([0.0, *[RIDGE] * 4])
    w = np.zeros(5)
    w[0] = np.log(size.mean())
    for _ in range(NEWTON):
        ratio = size * np.exp(-terms @ w)
        gradient = terms.T @ (1 - ratio) + penalty @ w
        step = np.linalg.solve((terms.T * np.minimum(ratio, 1 / FLOOR)) @ terms + penalty, gradient)
        w -= step * min(1.0, 1.0 / np.abs(terms @ step).max(initial=1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return w


def overlap(row, errors):
    """Return 1 + 2 sum_k<h r(k), at least 1 and at most h, of errors (n, steps, O) at each step h, (steps, O).

    row : (n,), where forecasts begin. Errors are about 0; r is looked at at some lags, with lines between.
    """
    _, steps, O = errors.shape
    out = np.ones((steps, O))
    if len(row) == 0 or steps == 1:
        return out
    spread = np.zeros((row[-1] + 1, steps, O))
    spread[row] = np.nan_to_num(errors)
    measured = np.zeros_like(spread, dtype=bool)
    measured[row] = np.isfinite(errors)
    lags = np.unique(np.linspace(1, steps - 1, LAGS).astype(int)) if steps > 1 else []
    square, r = spread**2, [np.ones((steps, O))]
    for k in lags:
        pairs = measured[k:] & measured[:-k]
        product = (spread[k:] * spread[:-k]).sum(axis=0)
        power = np.sqrt((square[k:] * pairs).sum(axis=0) * (square[:-k] * pairs).sum(axis=0))
        r.append(np.divide(product, power, out=np.zeros_like(product), where=power > 0))
    r, lags = np.array(r), np.concatenate([[0], lags])
    for h in range(1, steps):
        for o in range(O):
            r_h = np.interp(np.arange(1, h + 1), lags, r[:, h, o])
            out[h, o] = np.clip(1 + 2 * r_h.sum(), 1, h + 1)
    return out


def growth(model, errors, steps):
    """Return how far forecasts go if outputs of one step are all off by as much as 1 of the first, (steps, O).

    From some rows of the longest segment; 0 where that is not known.
    """
    O = model.units.n_outputs
    tells = not (model.dynamics.whole_errors or isinstance(model.units.y, LogLink)) and O <= MOST_FED
    segment = max(errors.segments, key=lambda s: len(s.U), default=None) if tells else None
    if segment is None or len(segment.U) - steps < segment.skip:
        return np.zeros((steps, O))
    maker = segment.maker or model
    inputs, followed, past = _over_segment(maker, segment)
    first = np.unique(np.linspace(segment.skip, len(segment.U) - steps, ORIGINS).astype(int))
    off = np.diag(np.std((followed.Z - followed.z)[segment.skip :], axis=0))

    def ahead(draw):
        forecasts = [out for _, out in runs(*maker, inputs, followed, past, first, steps, draw)]
        return np.concatenate(forecasts, axis=1).mean(axis=1)

    plain = ahead(None)
    gone = [
        ahead(lambda z, by=by: np.broadcast_to(by, z.shape))[:, o] - plain[:, o] for o, by in enumerate(off)
    ]
    gone = np.stack(gone, axis=1)
    gone = np.divide(gone, gone[0], out=np.zeros_like(gone), where=gone[0] != 0)
    return np.where(np.isfinite(gone).all(axis=0), gone, 0.0)


class Calibration(NamedTuple):
    """What errors on the rows kept come to.

    pools : ``Packed``, of scores.   scales : [h][o], ``Scale`` or None.   kind : ``Kind`` of scores, without growth.
    """

    pools: Packed
    scales: list
    kind: Kind


def on_bounds(made, ends):
    """Return where what came of ``Made`` lies on bounds: -1 on low, 1 on high, else 0, like its errors.

    ends : low and high (O,), or None.
    """
    came, sides = made.forecasts + made.errors, np.zeros(made.errors.shape, np.int8)
    for side, end in zip((-1, 1), () if ends is None else ends):
        sides[np.isclose(came, end, rtol=1e-9, atol=0.0)] = side
    return sides


def calibration(made, level, factor=1.0, ends=None):
    """Calibrate on ``Made`` of the rows kept, for levels up to this one; errors are ``factor`` times.

    ends : bounds of the levels, as for ``on_bounds``.
    """
    _, steps, O = made.errors.shape
    check_enough(int(np.isfinite(made.errors).sum(axis=0).min()), f"forecasts of {steps} steps", level)
    scores, scales = made.errors * factor, [[None] * O for _ in range(steps)]
    for h in range(steps):
        for o in range(O):
            valid = np.isfinite(scores[:, h, o])
            forecasts, last = made.forecasts[valid, h, o], made.last[valid, o]
            scales[h][o], by = local_scale(forecasts, last, scores[valid, h, o])
            scores[valid, h, o] = but_zero(scores[valid, h, o] / by, forecasts)
    shared = overlap(made.row, scores)
    near = packed(pools(made.forecasts, scores, level, shared, on_bounds(made, ends)))
    return Calibration(near, scales, Kind(shared, near.deviations().reshape(shared.shape), 0.0))


def scales(calibration, made, last):
    """Compute scales like ``made`` (M, steps, O), after last values (M, O)."""
    out = np.ones_like(made)
    for h, outputs in enumerate(calibration.scales):
        for o, scale in enumerate(outputs):
            if scale is not None:
                out[:, h, o] = scale(made[:, h, o], last[:, o])
    return out


def check_enough(n, what, level):
    """Raise where errors are too few for intervals; warn where they are few."""
    message = f"level: {n} {what} with a measured y were kept for calibration"
    if n < FEW:
        raise ValueError(
            f"{message}, at least {FEW} are needed: call calibrate(X, y) with more rows, or forecast fewer steps."
        )
    least = max(LEAST, needed(level))
    if n < least:
        warn(
            f"{message}, but {level:g} % wants {least}: intervals are rough, and wider for it (Student's t). Call "
            "calibrate(X, y) with more rows."
        )


def but_zero(errors, outputs):
    """Replace errors (n,) by normal ones if all are 0: the least that numbers like the outputs (n,) can have.

    However much a constant begins to move, its spread is then a number of times what it was.
    """
    if errors.any():
        return errors
    least = LEAST_ERROR * (np.abs(outputs).max(initial=0.0) or 1.0)
    return least * ndtri((np.arange(1, len(errors) + 1) * GOLDEN) % 1)


class Drawer:
    """Draws errors (n, O) of rows whose outputs (mean over O) were near; their sizes are mean absolute ones.

    A mean that may be noise is taken off: fed back, it would be added at each step. Of n errors in order a new one is
    below the first with a chance of 1 / (n + 1), so each stands for a piece of what lies between its neighbours, and
    the outer ones for a normal's tail: errors alone would cover (n - 1) / (n + 1) of what they ought to.
    """

    def __init__(self, outputs, errors, rng, level):
        check_enough(len(errors), "rows", level)
        order = np.argsort(outputs.mean(axis=1), kind="stable")
        self.key, self.rng, self.errors = outputs.mean(axis=1)[order], rng, but_noise(errors)[order]
        self.errors = np.stack([but_zero(*column) for column in zip(self.errors.T, outputs[order].T)], axis=1)
        self.k, n = n_near(len(errors), level), len(errors)
        self.ordered = np.sort(self.errors, axis=0)
        self.rank = np.argsort(np.argsort(self.errors, axis=0, kind="stable"), axis=0) * (n + 1) / n

    def _first(self, z):
        """Return the first of the errors near outputs z (m, O), (m,)."""
        center = np.searchsorted(self.key, z.mean(axis=1))
        return np.clip(center - self.k // 2, 0, len(self.key) - self.k)

    def __call__(self, z):
        """Return errors (m, O) to add to outputs z (m, O)."""
        rows, n = self._first(z) + self.rng.integers(self.k, size=len(z)), len(self.ordered)
        at = self.rank[rows] + self.rng.uniform(0, (n + 1) / n, size=(len(z), self.ordered.shape[1]))
        out = np.empty_like(at)
        for o, errors in enumerate(self.ordered.T):
            out[:, o] = np.interp(at[:, o], np.arange(1, n + 1), errors)
            below, above = at[:, o], n + 1 - at[:, o]
            for end, extreme in ((below, min(errors[0], 0)), (above, max(errors[-1], 0))):
                outer = end < 1
                out[outer, o] = extreme * ndtri(end[outer] / (n + 1)) / ndtri(1 / (n + 1))
        return out

    def sizes(self, z):
        """Return the mean absolute errors near outputs z (m, O), (m, O)."""
        total = np.concatenate([np.zeros_like(self.errors[:1]), np.abs(self.errors).cumsum(axis=0)])
        first = self._first(z)
        return (total[first + self.k] - total[first]) / self.k


def but_noise(errors):
    """Take the mean off errors (n, O), or as much of it as may be noise."""
    mean, noise = errors.mean(axis=0), errors.var(axis=0) / len(errors)
    doubt = DOUBT * noise / np.maximum(mean**2, 1e-300)
    return errors - mean * np.minimum(doubt, 1.0)


def path_bands(paths, center, levels):
    """Return {level: (low, high)}, like ``center`` (...), of sample paths (n_paths, ...).

    They enclose ``center``, where it is not NaN.
    """
    ends = {p: np.quantile(paths, [(1 - p / 100) / 2, (1 + p / 100) / 2], axis=0) for p in levels}
    return {p: (np.fmin(low, center), np.fmax(high, center)) for p, (low, high) in ends.items()}


# ---------------------------------------------------------------------------------------- rows to err on


def held_segments(maker, cuts, filled, U, held, own):
    """Cut the held rows of each piece, or else its last share, with some before them to warm up.

    cuts : slices without a gap of filled (N, D), U (N, O) and held (N,) bool.   own : whether they name the maker.
    """
    stretches = []  # rows, the first row of their piece, and the row where those beyond them end
    for p in cuts:
        if held.any():
            runs = [p.start + run for run in runs_of(np.flatnonzero(held[p])) if len(run)]
        else:
            runs = [np.arange(p.stop - max(1, int(HELD * (p.stop - p.start))), p.stop)]
        ends = [*(run[0] for run in runs[1:]), p.stop]
        stretches += [(run, p.start, end) for run, end in zip(runs, ends)]
    most = max(1, MOST_ROWS // max(1, len(stretches)))
    named, segments = maker if own else None, []
    for run, start, end in stretches:
        segments += _segment(maker, named, filled, U, run[-most:], start, min(end, run[-1] + 1 + most))
    return segments


def segments_of(maker, table, U, rows, own=False):
    """Cut rows (M,) of a table into segments; of very many, stretches from everywhere.   own : they name the maker."""
    units = maker.units
    filled, stretches = np.empty((len(U), len(units.x.center))), []
    for part in table.parts:
        filled[part.rows] = units.fill(table.X[part.rows], units.means)
        for piece, _ in cut(part.stamps, part.rows.stop - part.rows.start):
            start, stop = part.rows.start + piece.start, part.rows.start + piece.stop
            inside = rows[(rows >= start) & (rows < stop)]
            for run in runs_of(inside):
                ends = range(STRETCH, len(run), STRETCH)
                stretches += [(stretch, start) for stretch in np.split(run, ends) if len(stretch)]
    every = -(-len(rows) // MOST_ROWS)
    named = maker if own else None
    return [s for stretch in stretches[::every] for s in _segment(maker, named, filled, U, *stretch)]


def _segment(maker, named, filled, U, rows, start, stop=0):
    """Consecutive rows, and some before them, from ``start`` on, to warm up, as a list of at most one ``Segment``.

    stop : where the rows beyond them end, if there are any.
    """
    unknown = maker.units.looks_back  # what a change is, is not known in the first rows
    warm = WARM + maker.dynamics.lead + unknown
    first, end = max(start, rows[0] - warm), rows[-1] + 1
    skip = max(rows[0] - first, min(warm, (end - first) // 2), unknown)
    if end - first <= skip:
        return []
    window = slice(first, max(end, stop))
    return [Segment(named, filled[window].copy(), U[window].copy(), skip, window.stop - end)]


# ---------------------------------------------------------------------------------------- intervals of forecasts


class Since(NamedTuple):
    """What came after calibration.

    recent : a ``Recent``, or None.   at : (M,), how many of its rows are known to each forecast.
    """

    recent: Recent | None
    at: np.ndarray


NOTHING_SINCE = Since(None, np.zeros(0, int))


def bands(fitted, remembered, rows, first, made, ask, since):
    """Return intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None; in levels.

    fitted : with trained, units and errors.   remembered(find, kind) : what was found before.   rows : their
    ``Inputs``, what ``follow`` gave of them, and the past before.   first : (M,), rows at which the forecasts ``made``
    (M, steps, O) begin.   since : ``Since``.
    """
    model, errors = Maker(fitted.trained.dynamics, fitted.units), fitted.errors
    if model.dynamics.quantiles is not None:
        return fan_bands(model, errors, remembered, rows, first, made, ask, since)
    _warn_if_overfitted(fitted, remembered)
    if not (ask.draws or ask.paths):
        return {}, None
    units, (M, steps, O) = model.units, made.shape
    intervals, paths = {q: (np.empty_like(made), np.empty_like(made)) for q in ask.levels}, None
    is_counted = isinstance(units.y, LogLink)  # then errors are those of the distribution around the mean
    if is_counted:
        draw, state = partial(units.y.draw, rng=ask.rng), None
    else:
        outputs, one_step = remembered(lambda: residuals(model, errors.segments), "residuals")
        one_step = one_step * _of_learnt_rows(fitted, remembered)
        draw = Drawer(outputs, one_step, ask.rng, max(ask.levels, default=50))
        state = drift(model, draw, since)
    for m, draws in _draws(draw, state, max(1, MOST_NUMBERS // (ask.n_paths * steps * O)), M):
        drawn = runs(*model, *rows, np.repeat(first[m], ask.n_paths), steps, draws)
        paths = np.concatenate([out.transpose(1, 0, 2) for _, out in drawn])
        paths = paths.reshape(-1, ask.n_paths, steps, O).swapaxes(0, 1)
        paths = units.y.exact(paths) if is_counted else paths
        # a level that has moved leaves forecasts behind, and an interval that goes back to them is too wide
        center = made[m] if state is None else np.where(state.shift[m] == 0, made[m], np.nan)
        for q, pair in path_bands(paths, center, ask.levels).items():
            for end, new in zip(intervals[q], pair):
                end[m] = new
    return intervals, paths


def _draws(draw, state, some, M):
    """Yield slices of M forecasts and what draws errors for them: ``some`` at once, one where there are states."""
    if state is None:
        for m in range(0, M, some):
            yield slice(m, m + some), draw
        return
    for m in range(M):
        shift, spread = state.shift[m, 0], state.spread[m, 0]
        yield slice(m, m + 1), lambda z, shift=shift, spread=spread: shift + spread * draw(z)


def drift(model, draw, since):
    """Return the ``State`` of errors of one step, in the model's units, at each forecast; None if none came."""
    if since.recent is None:
        return None
    outputs, errors = [], []
    for s in since.recent.stretches:
        inputs = model.units.scaled(s.X)
        followed = follow(*model, inputs, s.U, s.past)
        outputs.append(followed.z)
        errors.append(np.where(np.isnan(s.U) | _pinned(inputs), np.nan, followed.Z - followed.z))
    outputs, errors = np.concatenate(outputs), np.concatenate(errors)
    if not len(errors):
        return None
    alike = Kind(np.ones((1, errors.shape[1])), DEVIATION, 0.0)  # each error holds as much as one
    sizes = draw.sizes(outputs)
    return tracked(errors[:, None], sizes[:, None], alike, [], _nobody, model.dynamics.gap).of(since.at)


def _nobody(scores, origin, n):
    """Return no shares outside, of no levels."""
    return np.empty((len(scores), 0, 2, scores.shape[1]))


def made_conformal(ask, dynamics):
    """Return whether intervals, and paths, are made of errors at each step."""
    if dynamics.whole_errors:
        return bool(ask.levels) or ask.paths
    return bool(ask.levels) and not ask.draws and dynamics.quantiles is None


class Outlook(NamedTuple):
    """Forecasts that want intervals, in levels.

    made : (M, steps, O).   last : (M, O), the levels before.   unit : (O,) or 1, what errors are measured in.
    history : ``Made`` of all rows since calibration, in their order, or None.   at : (M,), how many of those rows are
    known to each forecast.
    """

    made: np.ndarray
    last: np.ndarray
    unit: Any
    history: Made | None
    at: np.ndarray


def conformal_bands(fitted, remembered, limits, outlook, ask):
    """Return intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None.

    limits : bounds, (M, steps, O) each, or None.
    """
    forecasts, last, unit = outlook.made / outlook.unit, outlook.last / outlook.unit, outlook.unit
    history = outlook.history and outlook.history.over(unit)
    steps, highest = forecasts.shape[1], max(ask.levels, default=50)
    _warn_if_overfitted(fitted, remembered)
    model = Maker(fitted.trained.dynamics, fitted.units)
    errors = remembered(lambda: kept_errors(model, fitted.errors, steps), steps)
    factor = _of_learnt_rows(fitted, remembered)
    ends = model.units.ends
    cal = remembered(lambda: calibration(errors, highest, factor, ends), (steps, highest))
    state, paths = ALIKE, None
    if ask.adapts and history is not None and len(history.row):
        scores = history.errors / scales_of(cal, history)
        places = cal.pools.places(history.forecasts.reshape(len(scores), -1))
        size, column = cal.pools.sizes(places).reshape(scores.shape), np.arange(places.shape[1])
        sides = on_bounds(history, ends).reshape(places.shape)

        def outside(then, origin, n):
            at = origin, column
            return cal.pools.outside(ask.levels, places[at], then, sides[at], n)

        gone = remembered(lambda: growth(model, fitted.errors, steps), ("growth", steps))
        kind = cal.kind._replace(growth=gone)
        state = tracked(scores, size, kind, ask.levels, outside, model.dynamics.gap).of(outlook.at)
    scale = scales(cal, forecasts, last)
    if ask.paths or ask.draws:
        scores = np.nan_to_num(errors.errors / scales_of(cal, errors))
        intervals, paths = whole_paths(forecasts + scale * state.shift, scores, scale * state.spread, ask)
        paths = within(limits, paths * unit)
    else:
        intervals = conformal(forecasts, cal.pools, ask.levels, scale, state)
    return {p: tuple(within(limits, v * unit) for v in ends) for p, ends in intervals.items()}, paths


def within(limits, v):
    """Clip values to bounds, if there are any."""
    return v if limits is None else np.clip(v, *limits)


def kept_errors(model, errors, steps):
    """Return ``Made`` of the rows kept: that of ``fit``, its last step repeated, or computed now."""
    if errors.made is None:
        return forecast_errors(model, errors.segments, steps)
    earlier = errors.made
    step = np.minimum(np.arange(steps), earlier.errors.shape[1] - 1)
    return earlier._replace(forecasts=earlier.forecasts[:, step], errors=earlier.errors[:, step])


def whole_paths(made, scores, scale, ask):
    """Return intervals of forecasts ``made`` (M, steps, O), from paths; and the paths of the last of them.

    A path adds the scores (n, steps, O) of all steps of one origin, ``scale`` (M, steps, O) times.
    """
    intervals = {p: (np.empty_like(made), np.empty_like(made)) for p in ask.levels}
    at_once = max(1, MOST_NUMBERS // (ask.n_paths * made[0].size))
    for m in range(0, len(made), at_once):
        batch = slice(m, m + at_once)
        drawn = ask.rng.integers(len(scores), size=(ask.n_paths, len(made[batch])))
        paths = made[batch] + scores[drawn] * scale[batch]
        for p, ends in path_bands(paths, made[batch], ask.levels).items():
            for end, new in zip(intervals[p], ends):
                end[batch] = new
    return intervals, paths


def scales_of(calibration, made):
    """Compute the scales of ``Made``, like its errors."""
    return scales(calibration, made.forecasts, made.last)


def _of_learnt_rows(fitted, remembered):
    """Return how many times larger errors are on new rows than on the training rows that they come from."""
    n = fitted.errors.n_learnt
    if n is None:
        return 1.0
    w = min(remembered(fitted.trained.weights_an_output, "weights"), BY_HEART * n)
    return np.sqrt((n + w) / (n - w))


# ---------------------------------------------------------------------------------------- rows seen later


def joined(recent, stretches):
    """Append ``Seen`` stretches to a ``Recent`` or None; one whose past is None continues the last."""
    stretches_after = [] if recent is None else list(recent.stretches)
    for s in stretches:
        if s.past is None:
            last = stretches_after.pop()
            s = last._replace(X=np.concatenate([last.X, s.X]), U=np.concatenate([last.U, s.U]))
        stretches_after.append(s)
    return stretches_after


class Later:
    """Collects the rows that ``update`` or ``partial_fit`` sees, for intervals; begun with a model's ``Errors``.

    Which rows are kept depends on how many there were, not on how they came.
    """

    def __init__(self, errors):
        self.before = errors
        if errors is not None:
            self.recent, self.last = dict(errors.recent), dict(errors.last)

    def errors(self):
        """Return ``Errors`` with all that was kept."""
        return self.before and self.before._replace(recent=self.recent, last=self.last)

    def split(self, key, stretches):
        """Split ``Stretch`` after ``Stretch`` into the rows that are not kept, and those from the first that is."""
        row = 0 if self.before is None else self._first(key, stretches[-1].rows.stop)
        for i, (rows, missing) in enumerate(stretches):
            if rows.start < row < rows.stop:
                halves = Stretch(slice(rows.start, row), missing), Stretch(slice(row, rows.stop), 0)
                return [*stretches[:i], halves[0]], [halves[1], *stretches[i + 1 :]]
            if rows.start >= row:
                return stretches[:i], stretches[i:]
        return [], stretches

    def keep(self, dynamics, units, key, U, visited, last):
        """Keep new rows of a series, levels U (N, O), of which the last is where it is not known as ``last`` (O,).

        visited : of each stretch its rows, the rows missing before, the past before it and X (n, D) without NaN.
        """
        if self.before is None:
            return
        recent, first = self.recent.get(key), self._first(key, len(U))
        goes_on = recent is not None and not first
        stretches = [
            Seen(None if goes_on and rows.start == 0 and not missing else past, X.copy(), U[rows].copy())
            for rows, missing, past, X in visited
        ]
        longer, n = joined(None if first else recent, stretches), (0 if recent is None else recent.n) + len(U)
        drop = _dropped(n) - (n - sum(len(s.U) for s in longer))
        while drop >= len(longer[0].U):
            drop -= len(longer.pop(0).U)
        if drop:
            longer[0] = _later(dynamics, units, longer[0], drop)
        self.recent[key] = Recent(longer, n)
        self.last[key] = np.where(np.isnan(U[-1]), last, U[-1])

    def _first(self, key, n):
        """Return the first of n new rows of a series that is kept."""
        before = self.recent[key].n if key in self.recent else 0
        return max(0, _dropped(before + n) - before)


def but_last(recent, n):
    """Take the last n rows off a ``Recent``."""
    stretches, left = list(recent.stretches), n
    while left and stretches:
        s = stretches.pop()
        if left < len(s.U):
            stretches.append(s._replace(X=s.X[:-left], U=s.U[:-left]))
        left = max(0, left - len(s.U))
    return Recent(stretches, max(0, recent.n - n))


def _dropped(n):
    """Return how many of n rows are no longer kept."""
    return max(0, (n - KEPT) // BLOCK * BLOCK)


def _later(dynamics, units, seen, n):
    """Drop the first n rows of ``Seen``."""
    past = follow(dynamics, units, units.scaled(seen.X[:n]), seen.U[:n], seen.past).after
    past = past._replace(inputs=seen.X[n - 1, : units.n_inputs].copy())
    return Seen(past, seen.X[n:].copy(), seen.U[n:].copy())


def made_since(maker, recent, steps, fans=False):
    """Forecast from each row that ``update`` has seen; returns ``Made``, None where there was none.

    fans : whether quantiles of these forecasts are wanted too, (n, steps, O, Q).
    """
    if recent is None:
        return None
    collected, leap, before, quantiles = [], 0, None, []
    for s in recent.stretches:
        inputs = maker.units.scaled(s.X)
        followed = follow(*maker, inputs, s.U, s.past)
        before = followed.U[0] if before is None else before  # the level before the first is not kept
        made, longer = _from_each_row(maker, inputs, followed, s, steps, leap, before)
        collected.append(made)
        if fans:
            rows = np.arange(len(s.U))
            quantiles.append(maker.dynamics.fan(longer[0].z, longer[1].Z, s.past.memory, rows, steps))
        leap, before = leap + len(s.U), followed.U[-1]
    return (_joined(collected), np.concatenate(quantiles)) if fans else _joined(collected)


def _from_each_row(maker, inputs, followed, seen, steps, leap, before):
    """Forecast from each row of ``Seen``: errors are NaN where a forecast reaches beyond the last.

    Returns ``Made``, and inputs and what followed, with as many rows more as forecasts reach.
    """
    dynamics, U = maker.dynamics, seen.U
    ahead, rows = dynamics.wide(steps), np.arange(len(U))
    inputs, followed = _on(inputs, ahead), followed._replace(Z=_longer(followed.Z, ahead))
    unknown = np.concatenate([U, np.full((ahead, U.shape[1]), np.nan)])
    outcome = _made(maker, inputs, followed, seen.past, unknown, rows, steps, leap, before)
    if ahead > steps:  # the last ones would see inputs that have not come
        outcome.errors[max(0, len(U) - ahead + 1) :] = np.nan
    return outcome, (inputs, followed)


def _longer(v, n):
    """Append n rows like the last."""
    return np.concatenate([v, np.repeat(v[-1:], n, axis=0)])


def _on(inputs, n):
    """Append n rows to ``Inputs``, which no forecast of a known row sees."""
    limits = None if inputs.limits is None else tuple(_longer(v, n) for v in inputs.limits)
    return inputs._replace(filled=_longer(inputs.filled, n), z=_longer(inputs.z, n), limits=limits)


def _within(limits, pair, first):
    """Clip ends of intervals (M, steps, O) to the bounds of their rows."""
    if limits is None:
        return pair
    rows = first[:, None] + np.arange(pair[0].shape[1])
    return tuple(np.clip(v, limits[0][rows], limits[1][rows]) for v in pair)


def _warn_if_overfitted(fitted, remembered):
    """Warn if intervals are calibrated on training rows of a model with many weights per row."""
    n = fitted.errors.n_learnt
    if n is None:
        return
    weights = remembered(fitted.trained.weights_an_output, "weights")
    if weights > BY_HEART * n:
        warn(
            f"Intervals come from errors on {n} values that {weights:.0f} weights were fitted to: "
            "they are too narrow. Call calibrate(X, y, cv=5) with those rows, or calibrate(X, y) on others."
        )


def path_rng(random_state):
    """Return the generator of sample paths: the same at each call where ``random_state`` is an int."""
    return np.random.default_rng(random_state if isinstance(random_state, Integral) else None)


def memo(estimator, fitted):
    """Make a callable(find, kind) -> find() that caches over the many series of a forecast or a backtest."""

    def remembered(find, kind):
        trained, segments, cache = _errors_found.get(estimator, (None, None, {}))
        if trained is not fitted.trained or segments is not fitted.errors.segments:
            cache = {}
        if kind not in cache:
            cache = {**cache, kind: find()}
            _errors_found[estimator] = fitted.trained, fitted.errors.segments, cache
        return cache[kind]

    return remembered


# ---------------------------------------------------------------------------------------- learnt quantiles


class Fan(NamedTuple):
    """Quantiles as a map from where a normal variable lies, piecewise linear, and beyond them as a normal's tail.

    values : (..., n), ascending, the forecast among them.   normal : (n,), where the normal variable's quantiles are.
    """

    values: np.ndarray
    normal: np.ndarray

    def _pieces(self):
        """Yield the two ends of each piece and of what lies beyond, as values and for the normal variable."""
        v, g = np.moveaxis(self.values, -1, 0), self.normal
        center = int(np.flatnonzero(g == 0)[0])
        for i in range(len(g) - 1):
            yield v[i], v[i + 1], g[i], g[i + 1], 0.0, 1.0
        yield v[center], v[-1], 0.0, g[-1], 1.0, np.inf
        yield v[0], v[center], g[0], 0.0, -np.inf, 0.0

    def scores(self, y):
        """Return the normal variable for y (...), NaN where that is unknown."""
        out = np.full(y.shape, self.normal[0])
        for low, high, a, b, least, most in self._pieces():
            width = high - low
            at = np.where(width > 0, (y - low) / np.where(width > 0, width, 1.0), y > low)
            out += (b - a) * (np.clip(at, least, most) - (most == np.inf))
        return np.where(np.isnan(y), np.nan, np.clip(out, -MOST_NORMAL, MOST_NORMAL))

    def at(self, g):
        """Return the value for a normal variable g (...)."""
        out = self.values[..., 0].copy()
        for low, high, a, b, least, most in self._pieces():
            if b > a:
                out += (high - low) * (np.clip((g - a) / (b - a), least, most) - (most == np.inf))
        return out


def _fan(quantiles, values, made):
    """Make a ``Fan`` around forecasts ``made`` (...), of quantiles (Q,) with their values (..., Q)."""
    quantiles = np.asarray(quantiles)
    low, high = (np.flatnonzero(side) for side in (quantiles < 0.5, quantiles > 0.5))
    center = made[..., None]
    below = np.minimum.accumulate(np.minimum(values[..., low], center)[..., ::-1], axis=-1)[..., ::-1]
    above = np.maximum.accumulate(np.maximum(values[..., high], center), axis=-1)
    normal = ndtri(np.concatenate([quantiles[low], [0.5], quantiles[high]]))
    return Fan(np.concatenate([below, center, above], axis=-1), normal)


def fan_bands(model, errors, remembered, rows, first, made, ask, since):
    """Return intervals and paths, as ``bands`` does, from the model's own quantiles."""
    (inputs, followed, past), steps, dynamics = rows, made.shape[1], model.dynamics
    quantiles, ends = np.array(dynamics.quantiles), {p: _ends(dynamics.quantiles, p) for p in ask.levels}
    wider = np.zeros((*made.shape[1:], len(quantiles)))
    if errors.segments and ends:
        for p, by in _misses(model, errors.segments, steps, ends).items():
            wider[..., ends[p][0]], wider[..., ends[p][1]] = -by, by
    used = sorted({k for pair in ends.values() for k in pair}) or range(len(quantiles))

    def fan_of(values, forecasts):
        return _fan(quantiles[used], (values + wider)[..., used], forecasts)

    values, state = dynamics.fan(inputs.z, followed.Z, past.memory, first, steps), ALIKE
    history = None if since.recent is None else made_since(model, since.recent, steps, True)
    if history is not None and len(history[0].row):
        came, fans = history
        scores = fan_of(fans, came.forecasts).scores(came.forecasts + came.errors)
        state = _of_normal(scores, ask.levels, dynamics.gap).of(since.at)
    fan, intervals = fan_of(values, made), {}
    inner = (fan.at(np.broadcast_to(state.shift, made.shape)),) * 2
    for p in ask.levels:
        tails = state.tails.get(p, (np.full(made.shape, (100 - p) / 200),) * 2)
        normal = (state.shift + sign * state.spread * -ndtri(tail) for sign, tail in zip((-1, 1), tails))
        low, high = map(fan.at, normal)
        inner = np.minimum(low, inner[0]), np.maximum(high, inner[1])
        intervals[p] = _within(inputs.limits, inner, first)
    return intervals, fan_paths(
        model, errors, remembered, inputs, values, first, made, ask, state
    ) if ask.paths else None


def _of_normal(scores, levels, gap):
    """Track scores (K, steps, O) that are normal where quantiles hold; errors h steps ahead hold as much as 1 / h."""
    _, steps, O = scores.shape
    overlap = np.repeat(np.minimum(np.arange(1.0, steps + 1), MOST_OVERLAP), O).reshape(steps, O)

    def outside(then, origin, n):
        return np.repeat(np.stack([ndtr(then), ndtr(-then)], axis=1)[:, None], len(levels), axis=1)

    kind = Kind(overlap, DEVIATION, 0.0)
    return tracked(scores, np.full(scores.shape, 1 / DEVIATION), kind, levels, outside, gap)


def fan_paths(model, errors, remembered, inputs, fan, first, made, ask, state):
    """Paths (n_paths, M, steps, O) of learnt quantiles: those at the ranks that errors of one origin had together [4].

    Beyond the outer quantiles as a normal's tail goes on.   fan : (M, steps, O, Q).   state : ``State`` of the ranks,
    as those of a normal variable.
    """
    steps, dynamics = made.shape[1], model.dynamics
    known = remembered(lambda: forecast_errors(model, errors.segments, steps), ("paths", steps)).errors
    known = known[np.isfinite(known).all(axis=(1, 2))]
    check_enough(len(known), f"forecasts of {steps} steps", 50)
    ranks = (np.argsort(np.argsort(known, axis=0), axis=0) + 0.5) / len(known)  # (n, steps, O)
    which = ask.rng.integers(len(known), size=(ask.n_paths, len(made)))
    q = np.array(dynamics.quantiles)
    out = np.empty((ask.n_paths, *made.shape))
    for m, h, o in np.ndindex(made.shape):
        u, ends, point = ranks[which[:, m], h, o], fan[m, h, o], made[m, h, o]
        if state is not ALIKE:
            u = ndtr(state.shift[m, h, o] + state.spread[m, h, o] * ndtri(u))
            u = np.clip(u, np.finfo(float).tiny, 1 - np.finfo(float).eps)
        out[:, m, h, o] = np.interp(u, q, ends)
        for outer, k in ((u < q[0], 0), (u > q[-1], -1)):
            if q[k] != 0.5:  # the point itself
                out[outer, m, h, o] = point + (ends[k] - point) * ndtri(u[outer]) / ndtri(q[k])
    rows = first[:, None] + np.arange(steps)
    return within(inputs.limits and [side[rows] for side in inputs.limits], out)


def _ends(quantiles, level):
    """Return which quantiles are the ends of an interval."""
    tails = [(1 - level / 100) / 2, (1 + level / 100) / 2]
    places = [np.flatnonzero(np.isclose(quantiles, q, rtol=0, atol=1e-9)) for q in tails]
    lost = [f"{q:g}" for q, at in zip(tails, places) if len(at) == 0]
    if lost:
        raise ValueError(
            f"level={level:g} needs the quantiles {' and '.join(f'{q:g}' for q in tails)}, but "
            f"quantiles={quantiles!r}: fit with {' and '.join(lost)} among them."
        )
    return [int(at[0]) for at in places]


def _misses(model, segments, steps, ends):
    """Return by how much intervals {level: two quantiles} must widen to hold in ``calibrate``, (steps, O)."""
    out = {p: [] for p in ends}
    for s in segments:
        maker, first = s.maker or model, np.arange(s.skip, len(s.U) - steps + 1)
        if len(first):
            inputs, followed, past = _over_segment(maker, s)
            fan = maker.dynamics.fan(inputs.z, followed.Z, past.memory, first, steps)
            U = s.U[first[:, None] + np.arange(steps)]
            for p, (low, high) in ends.items():
                out[p].append(np.maximum(fan[..., low] - U, U - fan[..., high]))
    if not all(out.values()):
        raise ValueError(
            f"level: calibrate(X, y) was given no {steps} rows in a row after those it needs to warm up: give more."
        )
    return {p: _upper(np.concatenate(misses), p / 100) for p, misses in out.items()}


def _upper(misses, share):
    """Conformal quantile: the ceil(share (n + 1))-th smallest of the misses (n, steps, O), at each step and output."""
    ordered = np.sort(misses, axis=0)  # NaN last
    n = np.isfinite(misses).sum(axis=0)
    if (n == 0).any():
        raise ValueError(
            "level: the rows given to calibrate(X, y) have no measured y at some step: give more."
        )
    at = np.minimum(np.ceil(share * (n + 1)).astype(int), n) - 1
    return np.take_along_axis(ordered, at[None], axis=0)[0]


# ---------------------------------------------------------------------------------------- folds


def folds(cv, table):
    """Split the rows of a table into pairs, to train on and to test on."""
    N = len(table.y)
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number("cv", cv, 2, min(p.rows.stop - p.rows.start for p in table.parts), integer=True)
        tests = [[] for _ in range(cv)]
        for rows in (np.arange(p.rows.start, p.rows.stop) for p in table.parts):
            # else a copy knows no winter
            turns = int(np.clip(len(rows) // (cv * MIN_PIECE_ROWS), 1, MAX_FOLD_PIECES))
            for k, stretch in enumerate(np.array_split(rows, cv * turns)):
                tests[k % cv].append(stretch)
        tests = [np.concatenate(stretches) for stretches in tests]
        return [(np.setdiff1d(np.arange(N), test), test) for test in tests]
    if isinstance(cv, str) or not hasattr(cv, "split"):
        raise ValueError(
            f"cv={cv!r} is no splitter: give an int >= 2, or an object such as TimeSeriesSplit(5)."
        )
    place = np.arange(N) if table.order is None else np.argsort(table.order)
    rows = index_of(table)[place]  # as the user gave them
    return [
        (np.sort(place[train]), np.sort(place[test])) for train, test in cv.split(pd.DataFrame(index=rows))
    ]


def index_of(table):
    """Make an index of series and stamps of a table's rows, in its order."""
    times = [
        to_index(p.stamps.clock, p.stamps.values)
        if tells(p.stamps)
        else pd.RangeIndex(p.rows.stop - p.rows.start)
        for p in table.parts
    ]
    if len(times) == 1:
        return times[0]
    stacked = [pd.MultiIndex.from_arrays([np.full(len(time), k), time]) for k, time in enumerate(times)]
    return stacked[0].append(stacked[1:])
