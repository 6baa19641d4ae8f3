"""Intervals of the errors of all forecasts made as many steps ahead, whose forecasts were near."""

from typing import Any, NamedTuple

import numpy as np

from ..following import MOST_NUMBERS
from .adaptive import ALIKE, tracked
from .asked import ends_of
from .bounds import within
from .calibration import calibration, growth, scales, scales_of
from .errors import Made, Maker, kept_errors, of_learnt_rows, warn_if_overfitted
from .pools import conformal


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
    warn_if_overfitted(fitted, remembered)
    model = Maker(fitted.trained.dynamics, fitted.units)
    errors = remembered(lambda: kept_errors(model, fitted.errors, steps), steps)
    factor = of_learnt_rows(fitted, remembered)
    cal = remembered(lambda: calibration(errors, highest, factor), (steps, highest))
    state, paths = ALIKE, None
    if ask.adapts and history is not None and len(history.row):
        scores = history.errors / scales_of(cal, history)
        places = cal.pools.places(history.forecasts.reshape(len(scores), -1))
        size, column = cal.pools.sizes(places).reshape(scores.shape), np.arange(places.shape[1])
        sides = history.sides.reshape(places.shape)

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
        for p, ends in ends_of(paths, made[batch], ask.levels).items():
            for end, new in zip(intervals[p], ends):
                end[batch] = new
    return intervals, paths
