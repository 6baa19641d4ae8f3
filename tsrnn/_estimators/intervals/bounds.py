"""Where ``target_bounds`` bind.

Rows where they leave one value, such as nights, have no errors: forecasts of dawn, as small, do err. Where y lies on a
bound, as rain often does, its error is taken for infinite (``pools.py``): the end of an interval, or the step of a path
fed back, that such an error makes is the bound of its own row.
"""

import numpy as np


def pinned(inputs):
    """Return where bounds leave one value, (N, O) or one for all."""
    return np.False_ if inputs.limits is None else inputs.limits[0] >= inputs.limits[1]


def on_bounds(U, limits):
    """Return where levels U (..., O) lie on bounds: -1 on low, 1 on high, else 0; limits : like them, (O,) or None."""
    sides = np.zeros(U.shape, np.int8)
    for side, limit in zip((-1, 1), () if limits is None else limits):
        sides[np.isclose(U, limit, rtol=1e-9, atol=0.0)] = side
    return sides


def infinite(errors, sides):
    """Return errors, infinite where what came lies on a bound, by ``on_bounds``."""
    return np.where(sides == 0, errors, np.copysign(np.inf, sides))


def within(limits, v):
    """Clip values to bounds, if there are any."""
    return v if limits is None else np.clip(v, *limits)


def rows_within(limits, pair, first):
    """Clip ends of intervals (M, steps, O) to the bounds of their rows."""
    if limits is None:
        return pair
    rows = first[:, None] + np.arange(pair[0].shape[1])
    return tuple(np.clip(v, limits[0][rows], limits[1][rows]) for v in pair)
