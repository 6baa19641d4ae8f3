"""Quantiles of the errors of forecasts, by step, output, and how large the forecast was.

The errors of large forecasts differ from those of small ones.  So for each step and output there are some places along
the range of forecasts, and at each place the k errors whose forecasts were nearest to it: together a ``Pool``.  A new
forecast takes the errors e(1) <= ... <= e(k) of the nearest place.  With a share a outside, an end of the interval is

    e(i) below, e(k + 1 - i) above      i = floor(a (k + 1)), since the new error is one of k + 1
    e(1), e(k) times z(a) / z(1 / (k + 1))       where i = 0: further out as the tail of a normal goes, z its quantiles
    -t(a), t(a) times size sqrt(1 + 1 / free)    where the errors are worth too few independent ones (``free``):
                                                 Student's t; errors made since calibration add to ``free``

Errors of many steps overlap, so that k of them may be worth enough for quantiles, but fewer than k.  Quantiles then go
beyond themselves as those of Student's t do, r(free) / r(k) times, r(n) = t(b; n) sqrt(1 + 1 / n), b the nominal share.

Bounds: where what came lies on a bound (no rain), its error counts as infinite.  An end that reaches such errors is the
bound itself.  A new value on the bound, like m of the k errors, has up to a share (m + 1) / (k + 1) at or beyond it.
The share of rows on a bound changes faster with the forecast than the size of errors: it is that of NEARER ones.

In kernels the pools of all columns (step after step, O outputs each) lie in flat arrays, place after place: ``Packed``.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from ..._kernels.jit import kernel
from ..._values import kept
from .adaptive import ALIKE, DEVIATION


FREE = 2  # independent errors, as which any number counts at least
TELLS = 0.5  # of the spread an error that came since, beside one of calibration: the spread lags behind it
NEAR = 200, 0.1  # errors that count as near: at least this number and at least this share
NEAR_WORTH = 40  # independent errors, as many as those near are worth at least: overlapping ones are often of one spell
NEARER = 50, 0.1  # those that tell how many lie on a bound, likewise
BESIDE = 1  # steps before and after, whose errors count too where there are more than enough
WORTH = np.geomspace(FREE, 5000, 60)  # independent errors, between which r(n) is interpolated
PLACES = 50  # forecasts at which quantiles are found; the nearest serves


def needed(level):
    """Return how many errors an interval of this level, in per cent, needs to end at their extremes."""
    return int(np.ceil(200 / (100 - level))) - 1


def n_near(n, level):
    """Return how many of n errors count as near, for levels up to this one."""
    return min(n, max(NEAR[0], round(NEAR[1] * n), needed(level)))


@lru_cache(maxsize=16)
def _reaches(level):
    """Compute how far Student's t of ``WORTH`` errors reach for a new one, r(n) at the head, (60,)."""
    return stdtrit(WORTH, (100 + level) / 200) * np.sqrt(1 + 1 / WORTH)


def _reach(level, n):
    """Return r(n) at the head, like n."""
    return np.interp(np.log(n), np.log(WORTH), _reaches(level))


@kept("pool")
class Pool(NamedTuple):
    """Errors of one step and output, by their forecasts, at some places.

    between : (places - 1,), where the next place is nearer.   errors : (places, k), sorted, infinite where what came
    lies on a bound.   means : (places,), of absolute errors.   free : independent errors that they tell as much as.
    size : root of their mean square.
    """

    between: np.ndarray
    errors: np.ndarray
    means: np.ndarray
    free: float
    size: float


def pools(forecasts, errors, level, shared=None, sides=None):
    """Make a ``Pool`` for each step and output, [h][o], of forecasts and errors (n, steps, O), up to a level.

    sides : like errors, -1 where what came lies on a low bound, 1 on a high one; or None.
    """
    _, steps, O = errors.shape
    shared = np.ones((steps, O)) if shared is None else shared
    sides = np.zeros(errors.shape, np.int8) if sides is None else sides
    return [
        [_pool(forecasts[..., o], errors[..., o], sides[..., o], h, level, shared[h, o]) for o in range(O)]
        for h in range(steps)
    ]


def _pool(forecasts, errors, sides, h, level, shared):
    """Make the ``Pool`` of step h, of forecasts and errors (n, steps); the steps on either side make fans smoother."""
    n_own = np.isfinite(errors[:, h]).sum()
    beside = min(BESIDE, h, errors.shape[1] - 1 - h) if n_own > NEAR[0] else 0
    n_steps = 2 * beside + 1
    forecasts, errors, sides = (v[:, h - beside : h + beside + 1].ravel() for v in (forecasts, errors, sides))
    counts = np.isfinite(errors)
    order = np.argsort(forecasts[counts], kind="stable")
    forecasts, errors, sides = (v[counts][order] for v in (forecasts, errors, sides))
    k = min(len(errors), n_steps * max(n_near(n_own, level), round(NEAR_WORTH * shared)))
    free = max(FREE, min(k, n_own / shared))
    centers, near, means = (
        _on_bounds(forecasts, errors, sides, k) if sides.any() else _near(forecasts, errors, k)
    )
    return Pool((centers[1:] + centers[:-1]) / 2, near, means, free, np.sqrt(np.mean(errors**2)))


def _near(forecasts, errors, k):
    """Collect the k errors nearest to some forecasts, of n in their order.

    Returns these (places,), errors (places, k), sorted, and mean absolute ones (places,).
    """
    starts = np.unique(np.linspace(0, len(errors) - k, PLACES).astype(int))
    near = np.sort(errors[starts[:, None] + np.arange(k)], axis=1)
    return forecasts[starts + k // 2], near, np.abs(near).mean(axis=1)


def _on_bounds(forecasts, errors, sides, k):
    """Collect as ``_near`` errors of which as many are infinite as lie on bounds, sides (n,), of the very nearest.

    The others are those of the k nearest that lie on none, as many of them as are left.
    """
    n = len(errors)
    few, inner = min(n, max(NEARER[0], round(NEARER[1] * n))), np.flatnonzero(sides == 0)
    starts = _windows(forecasts, few)
    rows, centers = starts[:, None] + np.arange(few), starts + few // 2
    shares = (_alike(forecasts, flags)[rows].mean(axis=1) for flags in (sides < 0, sides <= 0))
    low, high = (np.round(k * share).astype(int) for share in shares)
    near, means = np.full((len(starts), k), np.inf), np.empty(len(starts))
    for i, center in enumerate(centers):
        first = np.clip(np.searchsorted(inner, center) - k // 2, 0, max(0, len(inner) - k))
        others, left = np.sort(errors[inner[first : first + k]]), high[i] - low[i]
        near[i, : low[i]] = -np.inf
        near[i, low[i] : high[i]] = others[((np.arange(left) + 0.5) / max(left, 1) * len(others)).astype(int)]
        first = np.clip(center - k // 2, 0, n - k)
        means[i] = np.abs(errors[first : first + k]).mean()
    return forecasts[centers], near, means


def _windows(forecasts, few):
    """Return where windows of ``few`` of the forecasts (n,), in order, begin: within such as are alike, if they can."""
    n = len(forecasts)
    starts = np.unique(np.linspace(0, n - few, PLACES).astype(int))
    value = forecasts[starts + few // 2]
    first, stop = (np.searchsorted(forecasts, value, side) for side in ("left", "right"))
    return np.where(stop - first >= few, np.clip(starts, first, stop - few), starts)


def _alike(forecasts, flags):
    """Replace flags (n,) by their means over rows with the same forecast."""
    _, group, n = np.unique(forecasts, return_inverse=True, return_counts=True)
    return (np.bincount(group, flags) / n)[group]


class Packed(NamedTuple):
    """Pools of C columns in flat arrays.

    between, errors : those of each pool.   ends : (3, C + 1), where each begins in ``between``, ``errors`` and
    ``means``.   k : (C,), errors at a place.   means : of absolute errors, of each place.   free, size : (C,), of
    Student's t.
    """

    between: np.ndarray
    errors: np.ndarray
    ends: np.ndarray
    k: np.ndarray
    means: np.ndarray
    free: np.ndarray
    size: np.ndarray

    def places(self, forecasts):
        """Find the place with the errors nearest to forecasts (K, C), whole numbers like these."""
        out = np.empty(forecasts.shape, np.int64)
        find_places(np.require(forecasts, float, "CAW"), self.between, self.ends, out)
        return out

    def deviations(self):
        """Return roots of mean squares over mean absolute errors, (C,)."""
        squares = np.add.reduceat(self.means**2, self.ends[2, :-1]) / np.diff(self.ends[2])
        return np.divide(self.size, np.sqrt(squares), out=np.full(len(squares), DEVIATION), where=squares > 0)

    def sizes(self, places):
        """Return mean absolute errors at places (K, C)."""
        return self.means[self.ends[2, :-1] + places]

    def further(self, level, n):
        """Return how many times further out ends lie because errors overlap, (M, C).   n : as for ``outside``."""
        worth = np.clip(self.free + TELLS * n, FREE, np.maximum(self.k, FREE))
        return _reach(level, worth) / _reach(level, np.maximum(self.k, FREE))

    def outside(self, levels, places, scores, sides, n):
        """Return the shares of errors at places (K, C) at and beyond scores (K, C), below and above, (K, P, 2, C).

        sides : (K, C), -1 or 1 where what came lies on a bound: its share, any up to the one found, is returned
        negative.   n : (K, C), independent errors that came since, which tell of the spread too.
        """
        out = np.empty((len(scores), len(levels), 2, scores.shape[1]))
        reached, shares = np.where(sides == 0, scores, np.copysign(np.inf, sides)), np.empty_like(out[:, :1])
        places = np.require(places, np.int64, "CAW")
        for i, p in enumerate(levels):
            near = np.require(reached / self.further(p, n), float, "CAW")
            share_beyond(self.errors, self.ends, self.k, places, near, shares)
            out[:, i] = shares[:, 0]
            few = self.free < needed(p)
            if few.any():
                free, size = (
                    self.free[few] + TELLS * n[:, few],
                    np.where(self.size[few] > 0, self.size[few], 1.0),
                )
                low = stdtr(free, scores[:, few] / (size * np.sqrt(1 + 1 / free)))
                out[:, i, 0, few], out[:, i, 1, few] = low, 1 - low
        tied = np.stack([sides < 0, sides > 0], axis=1)[:, None]
        return np.where(tied, -out, out)

    def far(self, levels, places, tails, n):
        """Return how far out shares ``tails`` (M, P, 2, C) lie, below and above, of errors at places (M, C).

        n : (M, C), as for ``outside``.
        """
        out, is_beyond = np.empty(tails.shape), np.empty(tails.shape, bool)
        places, tails = np.require(places, np.int64, "CAW"), np.require(tails, float, "CAW")
        quantiles(self.errors, self.ends, self.k, places, tails, out, is_beyond)
        if is_beyond.any():
            ratio = ndtri(tails) / ndtri(1 / (self.k + 1))
            out[is_beyond] = np.maximum(out[is_beyond], 0) * ratio[is_beyond]
        for i, p in enumerate(levels):
            out[:, i] *= self.further(p, n)[:, None]
            few = self.free < needed(p)
            if few.any():
                free = self.free[few] + TELLS * n[:, None, few]
                width = self.size[few] * np.sqrt(1 + 1 / free)
                out[:, i][..., few] = -stdtrit(free, tails[:, i][..., few]) * width
        return out


def packed(nested):
    """Pack pools [h][o]."""
    row = [pool for outputs in nested for pool in outputs]
    between, errors = (
        np.concatenate([v.ravel() for v in vs]) for vs in zip(*((p.between, p.errors) for p in row))
    )
    counts = [(len(p.between), p.errors.size, len(p.errors)) for p in row]
    ends = np.concatenate([[(0, 0, 0)], np.cumsum(counts, axis=0)]).T.copy()
    means = np.concatenate([p.means for p in row])
    free, size = np.array([(p.free, p.size) for p in row]).T
    k = np.array([p.errors.shape[1] for p in row], np.int64)
    return Packed(between, errors, ends.astype(np.int64), k, means, free.copy(), size.copy())


def conformal(made, pools, levels, scale=1.0, state=ALIKE):
    """Return {level: (low, high)}, each like ``made`` (M, steps, O), around these and the shift since.

    pools : ``Packed``.   scale : of the errors, like ``made``.   state : ``ErrorState`` at each forecast, what came
    after calibration.
    """
    levels, (M, steps, O) = sorted(levels), made.shape
    center = made + scale * state.shift
    bands, inner = {}, (center, center)
    tails = np.empty((M, len(levels), 2, steps, O))
    for i, p in enumerate(levels):
        tails[:, i, 0], tails[:, i, 1] = state.tails.get(p, ((100 - p) / 200,) * 2)
    places, width = pools.places(made.reshape(M, steps * O)), scale * state.spread
    n = np.broadcast_to(state.n, made.shape).reshape(M, steps * O)
    far = pools.far(levels, places, tails.reshape(M, len(levels), 2, steps * O), n).reshape(tails.shape)
    for i, p in enumerate(levels):
        low, high = center - width * far[:, i, 0], center + width * far[:, i, 1]
        inner = np.minimum(low, inner[0]), np.maximum(high, inner[1])
        bands[p] = inner
    return bands


def compile_kernels():
    """Call each kernel once."""
    nothing = packed([[Pool(np.zeros(0), np.zeros((1, 2)), np.zeros(1), 1.0, 1.0)]])
    places = nothing.places(np.zeros((1, 1)))
    nothing.outside([50], places, *np.zeros((3, 1, 1)))
    nothing.far([50], places, np.full((1, 1, 2, 1), 0.25), np.zeros((1, 1)))


# ---------------------------------------------------------------------------------------- kernels


@kernel
def find_places(forecasts, between, ends, out):
    """Find the nearest place of each pool.

    in    forecasts : (K, C).   between : of all pools.   ends : (3, C + 1).
    out   out : (K, C).
    """
    for k in range(forecasts.shape[0]):
        for c in range(forecasts.shape[1]):
            first, low, high = ends[0, c], ends[0, c], ends[0, c + 1]
            while low < high:
                middle = (low + high) // 2
                if between[middle] < forecasts[k, c]:
                    low = middle + 1
                else:
                    high = middle
            out[k, c] = low - first


@kernel
def share_beyond(errors, ends, n_errors, places, scores, out):
    """Count the errors near a forecast that lie at or below what came of it, and at or above it, as shares.

    in    errors : of all pools, sorted at each place.   ends : (3, C + 1).   n_errors : (C,), at each place.
          places : (K, C).   scores : (K, C), infinite on a bound, NaN where nothing came: shares are the least.
    out   out : (K, P, 2, C), of each level the same.
    """
    K, P, _, C = out.shape
    for row in range(K):
        for c in range(C):
            v, k = scores[row, c], n_errors[c]
            first = ends[1, c] + places[row, c] * k
            low, high = first, first + k
            while low < high:  # the first error >= v
                middle = (low + high) // 2
                if errors[middle] < v:
                    low = middle + 1
                else:
                    high = middle
            above = first + k - low
            while low < first + k and errors[low] <= v:
                low += 1
            below = low - first
            if np.isnan(v):
                below, above = 0, 0
            for i in range(P):
                out[row, i, 0, c] = (below + 1) / (k + 1)
                out[row, i, 1, c] = (above + 1) / (k + 1)


@kernel
def quantiles(errors, ends, n_errors, places, tails, out, is_beyond):
    """Look up how far out shares of the errors near a forecast lie.

    in    errors, ends, n_errors, places : as for ``share_beyond``, places (M, C).   tails : (M, P, 2, C).
    out   out : (M, P, 2, C), below and above, as they point.   is_beyond : like it, where a share is of less than one.
    """
    M, P, _, C = tails.shape
    for m in range(M):
        for c in range(C):
            k = n_errors[c]
            first = ends[1, c] + places[m, c] * k
            for i in range(P):
                for end in range(2):
                    at = int(np.floor(tails[m, i, end, c] * (k + 1) + 1e-9)) - 1
                    is_beyond[m, i, end, c] = at < 0
                    at = max(at, 0)
                    out[m, i, end, c] = errors[first + k - 1 - at] if end else -errors[first + at]
