"""Which intervals a model and a method make."""

from .bootstrap import path_bands
from .errors import Maker
from .fans import fan_bands


def made_conformal(query, dynamics):
    """Return whether intervals, and paths, are made of errors at each step."""
    if dynamics.whole_errors:
        return bool(query.levels) or query.paths
    return bool(query.levels) and not query.draws and dynamics.quantiles is None


def bands(fitted, remembered, rows, first, made, query, since):
    """Return intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None; in levels.

    fitted : with trained, units and errors.   remembered(find, kind) : what was found before.   rows : their
    ``Inputs``, what ``follow`` gave of them, and the past before.   first : (M,), rows at which the forecasts ``made``
    (M, steps, O) begin.   since : ``Since``.
    """
    dynamics = fitted.trained.dynamics
    if dynamics.quantiles is None:
        return path_bands(fitted, remembered, rows, first, made, query, since)
    return fan_bands(
        Maker(dynamics, fitted.units), fitted.errors, remembered, rows, first, made, query, since
    )
