"""Forecast intervals from a model's errors on rows that it was not trained on.

Errors are of levels (see ``targets.py``), so that with ``target_transform="log"`` they are relative ones. How large
they are depends on the forecast: a solar plant errs at noon and not at night. So an interval around a forecast p
comes from those errors whose forecasts were nearest to p:

conformal    at each horizon step the errors of all forecasts made as many steps ahead, give or take one [1]_ [2]_
bootstrap    errors of one step, drawn at random, added to the output and fed back: paths that the series may take
quantiles    of a model that has learnt them; widened or narrowed so that they hold on rows to calibrate with [3]_

Rows where ``target_bounds`` leave one value, such as nights, have no errors: forecasts of dawn, as small, do err.

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
.. [2] J. Lei et al. "Distribution-free predictive inference for regression." JASA 113(523), 2018.
.. [3] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.
"""

from numbers import Integral, Real
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from .._check import check_number
from .._series.timeline import tells, to_index
from .._series.units import runs_of
from .._values import kept
from .._warn import warn
from .following import MOST_NUMBERS, cold_past, cut, follow, runs


MOST_ROWS = 10_000  # kept for calibration
MOST_RUNS = 4000  # forecasts of several steps, from which errors are taken
MAX_FOLD_PIECES, MIN_PIECE_ROWS = 4, 200  # a fold of calibrate(cv=k) is at most 4 pieces of at least 200 rows
STRETCH = 1000  # rows, of very many, that are kept together
WARM = 100  # rows that are followed before errors count
FEW, LEAST = 3, 20  # errors without which there is no interval, and no good one
NEAR = 200, 0.1  # how many errors count as near: at least so many, at least this share
BESIDE = 1  # steps before and after, whose errors count too where there are more than enough
PLACES = 50  # forecasts at which quantiles are found; the nearest serves
HELD = 0.15  # share of the rows, the last ones, that errors are taken from where none were held back
BY_HEART = 0.25  # weights for each value, beyond which errors on the same rows are much too small
PATHS = 500  # that a series may take
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
        """How many forecasts of so many steps begin here, and end here, too, or ``beyond``."""
        last = len(self.U) - max(steps, self.beyond + 1) if beyond else len(self.U) - self.beyond - steps
        return max(0, last - self.skip + 1)


@kept("errors")
class Errors(NamedTuple):
    """Where intervals come from: a list of ``Segment``, and values that were trained on, None where on other rows."""

    segments: list
    n_learnt: int | None


class Ask(NamedTuple):
    """What intervals are asked for.   levels : coverages in per cent, ascending.   rng : for sample paths."""

    levels: list
    method: str
    rng: np.random.Generator
    n_paths: int
    paths: bool = False  # whether sample paths are wanted themselves


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


def _over_segment(maker, segment):
    """Follow a segment from the cold: the inputs, what followed, and the past before it."""
    dynamics, units = maker
    inputs = units.scaled(segment.X)
    past = cold_past(dynamics, units)
    return inputs, follow(dynamics, units, inputs, segment.U, past), past


def forecast_errors(model, segments, steps):
    """Forecasts and errors (n, steps, O), in levels, from origins over all segments; errors are NaN where y is.

    model : ``Maker`` of those segments that bring none.
    """
    n = [s.origins(steps, False) for s in segments]
    if sum(n) < NEAR[0]:
        n = [s.origins(steps, True) for s in segments]
    ready, n = [s for s, k in zip(segments, n) if k], [k for k in n if k]
    if not ready:
        return np.empty((2, 0, steps, model.units.n_outputs))
    ends = np.cumsum(n)
    chosen = np.random.default_rng(0).permutation(ends[-1])[:MOST_RUNS]  # every 24th would know one hour
    chosen = np.sort(chosen)
    forecasts, errors = [], []
    for s, start, origins in zip(ready, ends - n, np.split(chosen, np.searchsorted(chosen, ends[:-1]))):
        if len(origins) == 0:
            continue
        maker = s.maker or model
        first = s.skip + origins - start
        inputs, followed, past = _over_segment(maker, s)
        rows = first[:, None] + np.arange(steps)
        made = runs(*maker, inputs, followed, past, first, steps)
        made = np.concatenate([out.transpose(1, 0, 2) for _, out in made])
        forecasts.append(made)
        errors.append(np.where(_pinned(inputs), np.nan, s.U)[rows] - made)
    return np.concatenate(forecasts), np.concatenate(errors)


def residuals(model, segments):
    """Outputs and errors of one step (n, O), in the model's units, of all rows where all of y was measured."""
    outputs, errors = [], []
    for s in segments:
        inputs, followed, _ = _over_segment(s.maker or model, s)
        counts = (np.isfinite(s.U) & ~_pinned(inputs)).all(axis=1)
        counts[: s.skip], counts[len(s.U) - s.beyond :] = False, False
        outputs.append(followed.z[counts])
        errors.append((followed.Z - followed.z)[counts])
    return [np.concatenate(v) if v else np.empty((0, model.units.n_outputs)) for v in (outputs, errors)]


def _pinned(inputs):
    """Where bounds leave one value, (N, O) or one for all."""
    return np.False_ if inputs.limits is None else inputs.limits[0] >= inputs.limits[1]


def _needed(level):
    """Errors whose extremes are the ends of an interval of this level, in per cent."""
    return int(np.ceil(200 / (100 - level))) - 1


def _near(n, level):
    """How many of n errors count as near, for levels up to this one."""
    return min(n, max(NEAR[0], round(NEAR[1] * n), _needed(level)))


@kept("pool")
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
        warn(
            f"{message}, but {level:g} % wants {wanted}: intervals are rough. Call calibrate(X, y) with more rows.",
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


# ---------------------------------------------------------------------------------------- rows to err on


def held_segments(maker, cuts, filled, U, held, own):
    """The held rows of each piece, or else its last share, with some before them to warm up.

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
    """Rows (M,) of a table as segments; of very many, stretches from everywhere.   own : they name the maker."""
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
    here = slice(first, max(end, stop))
    return [Segment(named, filled[here].copy(), U[here].copy(), skip, here.stop - end)]


# ---------------------------------------------------------------------------------------- intervals of forecasts


def bands(fitted, remembered, inputs, followed, past, first, made, ask):
    """Intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None; in levels.

    fitted : with trained, units and errors.   remembered(find, kind) : what was found before.   first : (M,), rows at
    which the forecasts ``made`` (M, steps, O) begin.
    """
    dynamics, units = fitted.trained.dynamics, fitted.units
    M, steps, O = made.shape
    model, errors = Maker(dynamics, units), fitted.errors
    if (ask.paths or ask.method == "bootstrap") and not dynamics.feeds_back:
        raise ValueError(
            "Sample paths feed a model's errors back, but this strategy feeds nothing back: take method='conformal', "
            "or strategy='recursive'."
        )
    if dynamics.quantiles is not None:
        return fan_bands(model, errors.segments, inputs, followed, past, first, made, ask.levels), None
    _warn_if_overfitted(fitted, remembered)
    found, paths, highest = {}, None, max(ask.levels, default=50)
    if ask.method == "bootstrap" or ask.paths:
        draw = drawer(*remembered(lambda: residuals(model, errors.segments), "residuals"), ask.rng, highest)
        found = {q: (np.empty_like(made), np.empty_like(made)) for q in ask.levels}
        some = max(1, MOST_NUMBERS // (ask.n_paths * steps * O)) if M > 1 else 1
        for m in range(0, M, some):
            origins = np.repeat(first[m : m + some], ask.n_paths)
            drawn = runs(dynamics, units, inputs, followed, past, origins, steps, draw)
            paths = np.concatenate([out.transpose(1, 0, 2) for _, out in drawn])
            paths = paths.reshape(-1, ask.n_paths, steps, O).swapaxes(0, 1)
            for q, pair in path_bands(paths, made[m : m + some], ask.levels).items():
                for band, new in zip(found[q], pair):
                    band[m : m + some] = new
    if ask.method == "conformal" and ask.levels:
        pooled = remembered(lambda: forecast_errors(model, errors.segments, steps), steps)
        pooled = remembered(lambda: pools(*pooled, highest), (steps, highest))
        found = conformal(made, pooled, ask.levels)
        found = {q: _within(inputs.limits, pair, first) for q, pair in found.items()}
    return found, paths


def _within(limits, pair, first):
    """Ends of intervals (M, steps, O) clipped to the bounds of their rows."""
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
    """What sample paths are drawn with: the same at each call where ``random_state`` is an int."""
    return np.random.default_rng(random_state if isinstance(random_state, Integral) else None)


def memo(estimator, fitted):
    """A callable(find, kind) -> find(), called once for the many series of a forecast or a backtest."""

    def remembered(find, kind):
        trained, errors, found = _errors_found.get(estimator, (None, None, {}))
        if trained is not fitted.trained or errors is not fitted.errors:
            found = {}
        if kind not in found:
            found = {**found, kind: find()}
            _errors_found[estimator] = fitted.trained, fitted.errors, found
        return found[kind]

    return remembered


# ---------------------------------------------------------------------------------------- learnt quantiles


def fan_bands(model, segments, inputs, followed, past, first, made, levels):
    """Intervals {level: (low, high)}, (M, steps, O) each, from quantiles that the model has learnt; in levels."""
    dynamics, steps = model.dynamics, made.shape[1]
    ends = {p: _ends(dynamics.quantiles, p) for p in levels}
    fan = dynamics.fan(inputs.z, followed.Z, past.memory, first, steps)
    found, inner = {}, (made, made)
    wider = _misses(model, segments, steps, ends) if segments else dict.fromkeys(ends, 0.0)
    for p, (low, high) in ends.items():
        low = np.minimum(fan[..., low] - wider[p], inner[0])  # also after a calibration nothing crosses
        high = np.maximum(fan[..., high] + wider[p], inner[1])
        inner = low, high
        found[p] = _within(inputs.limits, inner, first)
    return found


def _ends(quantiles, level):
    """Which quantiles are the ends of an interval."""
    wanted = [(1 - level / 100) / 2, (1 + level / 100) / 2]
    found = [np.flatnonzero(np.isclose(quantiles, q, rtol=0, atol=1e-9)) for q in wanted]
    lost = [f"{q:g}" for q, at in zip(wanted, found) if len(at) == 0]
    if lost:
        raise ValueError(
            f"level={level:g} needs the quantiles {' and '.join(f'{q:g}' for q in wanted)}, but "
            f"quantiles={quantiles!r}: fit with {' and '.join(lost)} among them."
        )
    return [int(at[0]) for at in found]


def _misses(model, segments, steps, ends):
    """How much wider intervals {level: two quantiles} must be to hold in ``calibrate``, (steps, O)."""
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
    """Pairs of rows of a table, to train on and to test on."""
    N = len(table.y)
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number("cv", cv, 2, min(p.rows.stop - p.rows.start for p in table.parts), integer=True)
        tests = [[] for _ in range(cv)]
        for rows in (np.arange(p.rows.start, p.rows.stop) for p in table.parts):
            turns = int(
                np.clip(len(rows) // (cv * MIN_PIECE_ROWS), 1, MAX_FOLD_PIECES)
            )  # else a copy knows no winter
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
    """An index that tells series and stamps of a table's rows, in its order."""
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
