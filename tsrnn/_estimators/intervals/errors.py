"""Errors of forecasts of rows that a model was not trained on.

Errors on rows that were trained on are taken sqrt((n + w) / (n - w)) times as large, for n values and w weights, two
more for each series that has a centre and a scale of its own.
"""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ..._values import kept
from ..._warn import warn
from ..following import cold_past, follow, runs
from .bounds import on_bounds, pinned
from .pools import NEAR, needed


MOST_RUNS = 4000  # forecasts of several steps, from which errors are taken
FEW, LEAST = 3, 20  # errors without which there is no interval, and no good one
LEAST_ERROR = 1e-12  # over outputs, where all errors are 0
GOLDEN = (np.sqrt(5) - 1) / 2  # whose multiples spread evenly
BY_HEART = 0.25  # weights for each value, beyond which errors on the same rows are much too small


@kept("maker")
class Maker(NamedTuple):
    """A model that makes forecasts."""

    dynamics: Any
    units: Any


@kept("segment")
class Segment(NamedTuple):
    """Rows to take errors from: X (N, D) without NaN, levels U (N, O), the first ``skip`` of them to warm up.

    maker : ``Maker`` of the forecasts; None for the model that holds the segment.   beyond : last rows, where forecasts
    may end but not begin.   times : (N,), of one of several series; else None.   silent : (N,) bool, rows whose y is
    history alone, and tells no error; None for none.
    """

    maker: Maker | None
    X: np.ndarray
    U: np.ndarray
    skip: int
    beyond: int = 0
    times: np.ndarray | None = None
    silent: np.ndarray | None = None

    @property
    def truth(self):
        """Levels that forecasts are to be compared with, (N, O), NaN where there is none."""
        return self.U if self.silent is None else np.where(self.silent[:, None], np.nan, self.U)

    def origins(self, steps, beyond, early=0):
        """Count the origins of forecasts of ``steps`` steps that end within the segment, or ``beyond`` it.

        early : so many rows before those that count they may begin.
        """
        last = len(self.U) - max(steps, self.beyond + 1) if beyond else len(self.U) - self.beyond - steps
        return max(0, last - (self.skip - early) + 1)


@kept("errors")
class Errors(NamedTuple):
    """Where intervals come from.

    segments : a list of ``Segment``.   n_learnt : values that were trained on, None where errors are of other rows.
    recent : what ``update`` has seen since, a ``Recent`` by the key of its series.   last : last levels (O,), by key.
    made : ``Made``, where the forecasts that erred were made in ``fit``, in units of each series; or None.
    marks : of rows that were trained on (``learnt.py``).
    """

    segments: list
    n_learnt: int | None
    recent: dict = MappingProxyType({})  # of files that have none
    last: dict = MappingProxyType({})
    made: Any = None
    marks: Any = ()


@kept("forecasts made")
class Made(NamedTuple):
    """Forecasts and what came of them, from n rows where forecasts begin.

    row : (n,), where, ascending; over a gap the count leaps.   forecasts, errors : (n, steps, O), in levels, errors
    NaN where y is not known.   last : (n, O), the levels before.   sides : like errors, where y lies on bounds
    (``on_bounds``); None where that is not known.   times : (n,), where, of several series; else None.
    """

    row: np.ndarray
    forecasts: np.ndarray
    errors: np.ndarray
    last: np.ndarray
    sides: Any = None
    times: np.ndarray | None = None

    def over(self, unit):
        """Divide by a unit."""
        return self._replace(
            forecasts=self.forecasts / unit, errors=self.errors / unit, last=self.last / unit
        )


def forecast_errors(model, segments, steps):
    """Forecast from rows over all segments; returns ``Made``.

    model : ``Maker`` of those segments that bring none.
    """
    n = [s.origins(steps, False) for s in segments]
    if sum(n) < NEAR[0]:
        n = [s.origins(steps, True) for s in segments]
    early, few = [0] * len(segments), sum(n) < LEAST
    if few:  # each row that counts is forecast at each step, from rows before those too
        early = [_early(s, s.maker or model, steps) for s in segments]
        n = [s.origins(steps, True, k) for s, k in zip(segments, early)]
    ready, early = [s for s, k in zip(segments, n) if k], [e for e, k in zip(early, n) if k]
    n = [k for k in n if k]
    if not ready:
        O = model.units.n_outputs
        nothing = np.empty((0, steps, O))
        return Made(np.empty(0, int), nothing, nothing, np.empty((0, O)), nothing.astype(np.int8))
    ends = np.cumsum(n)
    chosen = np.random.default_rng(0).permutation(ends[-1])[:MOST_RUNS]  # every 24th would know one hour
    chosen = np.sort(chosen)
    collected, leap = [], 0
    of_segments = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    for s, before, start, origins in zip(ready, early, ends - n, of_segments):
        if len(origins) == 0:
            continue
        maker = s.maker or model
        first = s.skip - before + origins - start
        inputs, followed, past = over_segment(maker, s)
        U = np.where(np.arange(len(s.U))[:, None] < s.skip, np.nan, s.truth) if before else s.truth
        of_segment = made_at(maker, inputs, followed, past, U, first, steps, leap, maker.units.level)
        if few:
            late = [
                _cut_short(maker, inputs, followed, past, U, k, steps, leap) for k in range(steps - 1, 0, -1)
            ]
            of_segment = all_made([of_segment, *late])
        if s.times is not None:
            of_segment = of_segment._replace(times=s.times[of_segment.row - leap])
        collected.append(of_segment.over(maker.dynamics.unit(followed.after.memory)))
        leap += len(s.U) + steps
    return all_made(collected)


def _early(segment, maker, steps):
    """Count the rows before those of a segment that count, from which forecasts of them can begin."""
    needed = max(1, maker.dynamics.lead + maker.units.looks_back)
    return int(np.clip(segment.skip - needed, 0, steps - 1))


def _cut_short(maker, inputs, followed, past, U, k, steps, leap):
    """Forecast the last k rows of levels U (N, O) from the first of them; the later ones of ``steps`` are NaN."""
    first = np.array([len(U) - k])
    made = made_at(maker, inputs, followed, past, U, first, k, leap, maker.units.level)
    beyond = (0, 0), (0, steps - k), (0, 0)
    forecasts, errors = (np.pad(v, beyond, constant_values=np.nan) for v in (made.forecasts, made.errors))
    return made._replace(forecasts=forecasts, errors=errors, sides=np.pad(made.sides, beyond))


def made_at(maker, inputs, followed, past, U, first, steps, leap, before):
    """Forecast from rows ``first`` (n,) of levels U (N, O), which hold all that is forecast; returns ``Made``.

    leap : what is added to row numbers.   before : (O,), the level before the first row.
    """
    rows = first[:, None] + np.arange(steps)
    forecasts = [out.transpose(1, 0, 2) for _, out in runs(*maker, inputs, followed, past, first, steps)]
    forecasts = np.concatenate([np.empty((0, steps, U.shape[1])), *forecasts])
    errors = np.where(pinned(inputs), np.nan, U)[rows] - forecasts
    last = last_levels(before, followed.U, first, maker.dynamics.gap)
    return Made(leap + first, forecasts, errors, last, on_bounds(U, inputs.limits)[rows])


def over_segment(maker, segment):
    """Follow a segment from the cold: the inputs, what followed, and the past before it."""
    dynamics, units = maker
    inputs = units.scaled(segment.X)
    past = cold_past(dynamics, units)
    return inputs, follow(dynamics, units, inputs, segment.U, past), past


def last_levels(before, U, first, gap):
    """Return the last levels (n, O) known before rows ``first`` (n,), of U (N, O) that is known ``gap`` rows late.

    before : (O,), the level before the first row.
    """
    return np.concatenate([before[None], U])[np.maximum(first - gap, 0)]


def all_made(found):
    """One ``Made`` of several."""
    return Made(*(None if any(v is None for v in vs) else np.concatenate(vs) for vs in zip(*found)))


def residuals(model, segments):
    """Return one-step outputs and errors, in the model's units, and ``sides``, (n, O) each.

    Of all rows whose outputs were all measured.   sides : where y lies on bounds, as in ``Made``.
    """
    outputs, errors, sides = [], [], []
    for s in segments:
        inputs, followed, _ = over_segment(s.maker or model, s)
        counts = (np.isfinite(s.truth) & ~pinned(inputs)).all(axis=1)
        counts[: s.skip], counts[len(s.U) - s.beyond :] = False, False
        outputs.append(followed.z[counts])
        errors.append((followed.Z - followed.z)[counts])
        sides.append(on_bounds(s.U, inputs.limits)[counts])
    found = outputs, errors, sides
    return [np.concatenate(v) if v else np.empty((0, model.units.n_outputs)) for v in found]


def kept_errors(model, errors, steps):
    """Return ``Made`` of the rows kept: what ``fit`` has made, its last step repeated, or what is made now."""
    if errors.made is None:
        return forecast_errors(model, errors.segments, steps)
    earlier = errors.made
    step = np.minimum(np.arange(steps), earlier.errors.shape[1] - 1)
    forecasts, errors = earlier.forecasts[:, step], earlier.errors[:, step]
    sides = on_bounds(forecasts + errors, model.units.ends)
    return earlier._replace(forecasts=forecasts, errors=errors, sides=sides)


def of_learnt_rows(fitted, remembered):
    """Return how many times larger errors are on new rows than on the training rows that they come from."""
    n = fitted.errors.n_learnt
    if n is None:
        return 1.0
    w = remembered(fitted.trained.weights_an_output, "weights") + 2 * len(fitted.units.own or ())
    w = min(w, BY_HEART * n)
    return np.sqrt((n + w) / (n - w))


def warn_if_overfitted(fitted, remembered):
    """Warn if intervals are calibrated on training rows of a model with many weights per row."""
    n = fitted.errors.n_learnt
    if n is None:
        return
    weights = remembered(fitted.trained.weights_an_output, "weights")
    if weights > BY_HEART * n:
        warn(
            f"Intervals come from errors on {n} values that {weights:.0f} weights were fitted to and will be too "
            "narrow. Call calibrate(X, y, cv=5) with those rows, or calibrate(X, y) on others."
        )


def check_enough(n, what, level, cure=""):
    """Raise where errors are too few for intervals; warn where they are few.   cure : beside the usual ones."""
    message = f"level: {n} {what} with a measured y were kept for calibration"
    if n < FEW:
        raise ValueError(
            f"{message}, at least {FEW} are needed: call calibrate(X, y) with more rows, or forecast "
            f"fewer steps{cure}."
        )
    least = max(LEAST, needed(level))
    if n < least:
        warn(
            f"{message}, but {level:g} % wants {least}: intervals are rough, and widened accordingly (Student's t). "
            "Call calibrate(X, y) with more rows."
        )


def warn_of_few_times(times):
    """Warn where errors of several series are of hardly any different times (n,)."""
    n = len(np.unique(times))
    if n < FEW < len(times):
        warn(
            f"level: {len(times)} forecasts were kept for calibration, but they begin at {n} different time(s): their "
            "errors hardly show what moves all series at once, so intervals may be too narrow. Call calibrate(X, y, "
            "cv=5) with the training rows, or calibrate(X, y) with later ones."
        )


def but_zero(errors, outputs):
    """Replace errors (n,), if all are 0, by normal ones, the least that numbers like the outputs (n,) can have.

    So the spread of a constant is no 0, and when it begins to move, that can be said to have grown so many times.
    """
    if errors.any():
        return errors
    least = LEAST_ERROR * (np.abs(outputs).max(initial=0.0) or 1.0)
    return least * ndtri((np.arange(1, len(errors) + 1) * GOLDEN) % 1)
