"""Intervals of quantiles that a model has learnt.

Widened or narrowed so that they hold on rows to calibrate with [1]_, and moved and stretched by what came later: a
score is where a normal variable lies that has the quantiles' shares. Sample paths take at each step the quantile of the
rank that errors of one origin had there together, the Schaake shuffle [2]_.

References
----------
.. [1] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.
.. [2] M. Clark et al. "The Schaake shuffle: a method for reconstructing space-time variability in forecasted
   precipitation and temperature fields." Journal of Hydrometeorology 5(1), 2004.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from .adaptive import ALIKE, DEVIATION, Kind, tracked
from .bounds import rows_within, within
from .errors import check_enough, forecast_errors, over_segment
from .later import made_since


MOST_NORMAL, MOST_OVERLAP = 30.0, 10  # where a normal variable ends; errors that hold at least as much as one


class Fan(NamedTuple):
    """Quantiles as a map from a standard normal variable to y: linear between two of them, and beyond like a normal.

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


def fan_bands(model, errors, remembered, rows, first, made, query, since):
    """Return intervals and paths, as ``bands`` does, from the model's own quantiles."""
    (inputs, followed, past), steps, dynamics = rows, made.shape[1], model.dynamics
    quantiles, ends = np.array(dynamics.quantiles), {p: _ends(dynamics.quantiles, p) for p in query.levels}
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
        state = _of_normal(scores, query.levels, dynamics.gap).of(since.at)
    fan, intervals = fan_of(values, made), {}
    inner = (fan.at(np.broadcast_to(state.shift, made.shape)),) * 2
    for p in query.levels:
        tails = state.tails.get(p, (np.full(made.shape, (100 - p) / 200),) * 2)
        normal = (state.shift + sign * state.spread * -ndtri(tail) for sign, tail in zip((-1, 1), tails))
        low, high = map(fan.at, normal)
        inner = np.minimum(low, inner[0]), np.maximum(high, inner[1])
        intervals[p] = rows_within(inputs.limits, inner, first)
    return intervals, fan_paths(
        model, errors, remembered, inputs, values, first, made, query, state
    ) if query.paths else None


def _of_normal(scores, levels, gap):
    """Track scores (K, steps, O), standard normal where quantiles hold; h errors of h steps overlap, and count one."""
    _, steps, O = scores.shape
    overlap = np.repeat(np.minimum(np.arange(1.0, steps + 1), MOST_OVERLAP), O).reshape(steps, O)

    def outside(then, origin, n):
        return np.repeat(np.stack([ndtr(then), ndtr(-then)], axis=1)[:, None], len(levels), axis=1)

    kind = Kind(overlap, DEVIATION, 0.0)
    return tracked(scores, np.full(scores.shape, 1 / DEVIATION), kind, levels, outside, gap)


def fan_paths(model, errors, remembered, inputs, fan, first, made, query, state):
    """Draw paths (n_paths, M, steps, O) from learnt quantiles, at the ranks that errors of one origin had together [2].

    Beyond the outer quantiles they are a normal's.   fan : (M, steps, O, Q).   state : ``ErrorState`` of the ranks,
    as those of a normal variable.
    """
    steps, dynamics = made.shape[1], model.dynamics
    known = remembered(lambda: forecast_errors(model, errors.segments, steps), ("paths", steps)).errors
    known = known[np.isfinite(known).all(axis=(1, 2))]
    check_enough(len(known), f"forecasts of {steps} steps", 50)
    ranks = (np.argsort(np.argsort(known, axis=0), axis=0) + 0.5) / len(known)  # (n, steps, O)
    which = query.rng.integers(len(known), size=(query.n_paths, len(made)))
    q = np.array(dynamics.quantiles)
    out = np.empty((query.n_paths, *made.shape))
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
    """Return by how much each interval must widen to hold on the rows of ``calibrate``, {level: (steps, O)}.

    ends : {level: the numbers of two quantiles}.
    """
    out = {p: [] for p in ends}
    for s in segments:
        maker, first = s.maker or model, np.arange(s.skip, len(s.U) - steps + 1)
        if len(first):
            inputs, followed, past = over_segment(maker, s)
            fan = maker.dynamics.fan(inputs.z, followed.Z, past.memory, first, steps)
            U = s.truth[first[:, None] + np.arange(steps)]
            for p, (low, high) in ends.items():
                out[p].append(np.maximum(fan[..., low] - U, U - fan[..., high]))
    if not all(out.values()):
        raise ValueError(
            f"level: calibrate(X, y) was given no {steps} rows in a row after those it needs to warm up: give more."
        )
    return {p: _upper(np.concatenate(misses), p / 100) for p, misses in out.items()}


def _upper(misses, share):
    """Return the conformal quantile (steps, O): the ceil(share (n + 1))-th smallest of the misses (n, steps, O)."""
    ordered = np.sort(misses, axis=0)  # NaN last
    n = np.isfinite(misses).sum(axis=0)
    if (n == 0).any():
        raise ValueError(
            "level: the rows given to calibrate(X, y) have no measured y at some step: give more."
        )
    at = np.minimum(np.ceil(share * (n + 1)).astype(int), n) - 1
    return np.take_along_axis(ordered, at[None], axis=0)[0]
