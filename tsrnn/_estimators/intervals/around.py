"""Intervals around forecasts of rows to come, and of rows that are given, with all that came since calibration."""

import numpy as np

from ..._series.timeline import last_known
from .bands import bands, made_conformal
from .conformal import Outlook, conformal_bands
from .errors import Maker
from .later import NOTHING_SINCE, Recent, Since, joined


def around_future(fitted, remembered, inputs, key, followed, past, steps, query):
    """Return intervals {level: pair (steps, O)} around the forecast of a series, and paths or None."""
    dynamics, units = fitted.trained.dynamics, fitted.units
    point, first = followed.out[None, :steps], np.zeros(1, int)
    if made_conformal(query, dynamics):
        unit = dynamics.unit(past.memory)
        intervals, paths = _conformal_ahead(fitted, remembered, inputs, key, point, unit, query)
    else:
        since = NOTHING_SINCE
        if query.adapts and fitted.errors is not None:
            since = known_since(fitted.errors.recent.get(key), [], first, dynamics.gap)
        rows = inputs, followed, past
        intervals, paths = bands(fitted, remembered, rows, first, point, query, since)
    intervals = {p: [units.inverse(v[0], key) for v in band] for p, band in intervals.items()}
    return intervals, None if paths is None else units.inverse(paths[:, 0], key)


def _conformal_ahead(fitted, remembered, inputs, key, made, unit, query):
    """Return intervals {level: (low, high)} of a forecast ``made`` (1, steps, O) of a series, and paths or None."""
    model, steps = Maker(fitted.trained.dynamics, fitted.units), made.shape[1]
    begun = fitted.errors.recent.get(key) if query.adapts else None
    n = 0 if begun is None else sum(len(s.U) for s in begun.stretches)
    at = np.array([max(0, n - model.dynamics.gap)])
    last = _last_level(fitted, key)[None]
    limits = inputs.limits and [side[None, :steps] for side in inputs.limits]
    outlook = Outlook(made, last, unit, begun, at)
    return conformal_bands(fitted, remembered, limits, outlook, query)


def conformal_around(fitted, remembered, inputs, made, last, begun, seen, first, query):
    """Return intervals {level: (low, high)} of forecasts ``made`` (M, steps, O) from some of the rows seen."""
    model, steps = Maker(fitted.trained.dynamics, fitted.units), made.shape[1]
    unit = model.dynamics.unit(seen[0].past.memory if begun is None else begun.stretches[-1].past.memory)
    before = 0 if begun is None else sum(len(s.U) for s in begun.stretches)
    recent = Recent(joined(begun, seen), 0) if query.adapts else None
    limits = inputs.limits
    if limits is not None:
        limits = [side[first[:, None] + np.arange(steps)] for side in limits]
    at = np.maximum(before + first - model.dynamics.gap, 0)
    return conformal_bands(fitted, remembered, limits, Outlook(made, last, unit, recent, at), query)


def begun_before(fitted, key, past):
    """Return what precedes rows that start at a past: the ``Recent`` of their series or None, the level (O,) before."""
    place, errors = fitted.series.get(key), fitted.errors
    if errors is None or place is None or past is not place.past:
        return None, fitted.units.level
    return errors.recent.get(key), _last_level(fitted, key)


def known_since(begun, seen, first, gap):
    """Return ``Since``: the rows after calibration, and how many of them are known before rows ``first`` (M,).

    begun : those before the rows ``seen``, to which ``first`` belongs.
    """
    stretches = [] if begun is None else begun.stretches
    n = sum(len(s.U) for s in stretches)
    recent = Recent(joined(begun, seen), 0)
    return Since(recent if recent.stretches else None, np.maximum(n + first - gap, 0))


def _last_level(fitted, key):
    """Return the last level (O,) of a series that has arrived."""
    gap, place = fitted.trained.dynamics.gap, fitted.series.get(key)
    if gap and place is not None:
        known = fitted.units.y.inverse(place.past.memory.Y[:-gap])
        return last_known(np.concatenate([fitted.units.level[None], known]), 1)[-1]
    return fitted.errors.last.get(key, fitted.units.level)
