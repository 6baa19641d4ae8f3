"""Intervals of the errors of all forecasts made as many steps ahead, whose forecasts were near."""

from typing import Any, NamedTuple

import numpy as np

from ..following import MOST_NUMBERS
from .adaptive import ALIKE, after_breaks, tracked
from .asked import ends_of
from .bounds import within
from .calibration import calibration, growth, scales, scales_of
from .errors import Maker, kept_errors, of_learnt_rows, warn_if_overfitted
from .later import Recent, made_since, shifted_since
from .pools import conformal


class Outlook(NamedTuple):
    """Forecasts that want intervals, in levels.

    made : (M, steps, O).   last : (M, O), the levels before.   unit : (O,) or 1, what errors are measured in.
    recent : ``Recent``, all rows since calibration, or None.   at : (M,), how many of those are known to each forecast.
    """

    made: np.ndarray
    last: np.ndarray
    unit: Any
    recent: Recent | None
    at: np.ndarray


def conformal_bands(fitted, remembered, limits, outlook, query):
    """Return intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None.

    limits : bounds, (M, steps, O) each, or None.
    """
    forecasts, last, unit = outlook.made / outlook.unit, outlook.last / outlook.unit, outlook.unit
    steps, highest = forecasts.shape[1], max(query.levels, default=50)
    warn_if_overfitted(fitted, remembered)
    model = Maker(fitted.trained.dynamics, fitted.units)
    errors = remembered(lambda: kept_errors(model, fitted.errors, steps), steps)
    factor = of_learnt_rows(fitted, remembered)
    cal = remembered(lambda: calibration(errors, highest, factor), (steps, highest))
    history = made_since(model, outlook.recent, steps) if query.adapts else None
    state, paths = ALIKE, None
    if history is not None and len(history.row):
        gone = remembered(lambda: growth(model, fitted.errors, steps), ("growth", steps))
        state = _since(model, cal, gone, history.over(unit), outlook, query.levels).of(outlook.at)
    scale = scales(cal, forecasts, last)
    if query.paths or query.draws:
        scores = np.nan_to_num(errors.errors / scales_of(cal, errors))
        intervals, paths = whole_paths(forecasts + scale * state.shift, scores, scale * state.spread, query)
        paths = within(limits, paths * unit)
    else:
        intervals = conformal(forecasts, cal.pools, query.levels, scale, state)
    return {p: tuple(within(limits, v * unit) for v in ends) for p, ends in intervals.items()}, paths


def _since(model, cal, gone, history, outlook, levels):
    """Return the ``ErrorState`` after each row since calibration.

    gone : ``growth`` in calibration.   history : ``Made`` from those rows.
    """
    by, gap = scales_of(cal, history), model.dynamics.gap
    scores = history.errors / by
    places = cal.pools.places(history.forecasts.reshape(len(scores), -1))
    size, column = cal.pools.sizes(places).reshape(scores.shape), np.arange(places.shape[1])
    sides = history.sides.reshape(places.shape)

    def outside(then, origin, n):
        at = origin, column
        return cal.pools.outside(levels, places[at], then, sides[at], n)

    if gone.any():
        off = after_breaks(scores, size, cal.kind, gap)
        gone = _gone_there(model, gone, history, outlook, by, off)
    return tracked(scores, size, cal.kind._replace(growth=gone), levels, outside, gap)


def _gone_there(model, gone, history, outlook, by, off):
    """Return how far forecasts go if outputs of one step are all off by ``off`` (K, O), over that, (K, steps, O).

    gone : (steps, O), taken where off is 0.   by : the scales of ``history``, like its forecasts.
    """
    out, unit = np.repeat(gone[None], len(off), axis=0), outlook.unit
    for o in np.flatnonzero(off.any(axis=0)):
        rows = np.flatnonzero(off[:, o])
        shift = np.zeros_like(off)
        shift[:, o] = off[:, o] * by[:, 0, o]
        forecasts = shifted_since(model, outlook.recent, len(gone), shift * unit) / unit
        out[rows, :, o] = ((forecasts - history.forecasts) / by)[rows, :, o] / off[rows, None, o]
    return np.where(np.isfinite(out), out, gone)


def whole_paths(made, scores, scale, query):
    """Return intervals of forecasts ``made`` (M, steps, O), from paths; and the paths of the last of them.

    A path adds the scores (n, steps, O) of all steps of one origin, ``scale`` (M, steps, O) times.
    """
    intervals = {p: (np.empty_like(made), np.empty_like(made)) for p in query.levels}
    at_once = max(1, MOST_NUMBERS // (query.n_paths * made[0].size))
    for m in range(0, len(made), at_once):
        batch = slice(m, m + at_once)
        drawn = query.rng.integers(len(scores), size=(query.n_paths, len(made[batch])))
        paths = made[batch] + scores[drawn] * scale[batch]
        for p, ends in ends_of(paths, made[batch], query.levels).items():
            for end, new in zip(intervals[p], ends):
                end[batch] = new
    return intervals, paths
