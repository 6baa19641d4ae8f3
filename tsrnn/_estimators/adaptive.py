"""Conformal intervals that adapt to the errors that came after calibration.

Scores e(t, h) are errors of forecasts h steps ahead over what they were in calibration, where they are about 0, with a
mean size c(t, h), that of errors in calibration whose forecasts were near: a calm that the forecast knows of is no
change. Before row t is forecast those of rows before it are known: the more recent, the more they count, by

    m(h) = mean of e           s(h) = mean of |e - m at its origin| / mean of c      n(h) = how many, independent ones

    shift    m (1 - 4 / T^2)+,  T = m sqrt(n) / sd(e)                    a level that has moved, and no noise
    spread   (PRIOR spread(h - 1) + n s(h)) / (PRIOR + n),  spread(0) = 1        noise that has grown or shrunk
    tails    a <- a + rate (b - [e was outside the end at a])            adaptive conformal inference [1]_, [2]_

so that the ends of an interval are shift + spread q(a), with the quantiles q in calibration and b the share that shall
lie outside. Forecasts do not learn of the shift: an interval may lie beside its forecast. Errors of one step are many
and independent, and noise that grows does so at all steps: each step leans on the one before it. The tails alone move
too slowly, and not beyond the largest error ever seen; with scale and shift (a scorecaster, in the words of [3]_) they
have only to mend what is left: they promise that in the long run a share b of rows lies outside, whatever the series
does. A large rate follows fast and trembles [2]_: a miss takes away a fifth of b, or less where errors overlap and
misses come in bunches.

How fast the past is forgotten matters little where errors are independent: with MEMORY of them the spread trembles by a
tenth, which costs an 80 % interval 0.2 points of coverage, and two thirds of a sudden change are there after as many
rows. Errors of many steps overlap and reflect one spell of weather: their memory is longer, as many rows as hold MEMORY
of them, or LONGEST; with 20 rows, wind power 24 hours ahead was covered 85 % at 95.

References
----------
.. [1] I. Gibbs, E. Candes. "Adaptive conformal inference under distribution shift." NeurIPS 34, 2021.
.. [2] M. Zaffran et al. "Adaptive conformal predictions for time series." ICML, 2022.
.. [3] A. N. Angelopoulos, E. Candes, R. J. Tibshirani. "Conformal PID control for time series prediction." NeurIPS 36,
   2023.
"""

from typing import Any, NamedTuple

import numpy as np

from .._kernels.jit import kernel


MEMORY = 20  # independent errors' worth of rows, after which one counts a third
LONGEST = 200  # rows, the most of these
PRIOR = 5  # independent errors' worth of what was known before
DOUBT = 4.0  # squared standard errors, below which a mean is taken for 0
RATE = 0.2  # of the share outside: what a miss takes away from it
LEAST = 0.1  # of the share outside, below which a tail does not go: the spread does the rest
CENTER = 0.5  # share outside each end, where it meets the other


class State(NamedTuple):
    """What is known when forecasts are made: shift and spread, like the forecasts, and tails {level: (low, high)}."""

    shift: Any
    spread: Any
    tails: dict

    def of(self, at):
        """Return the states after given numbers of rows, (M, ...)."""
        return State(
            self.shift[at], self.spread[at], {p: (low[at], high[at]) for p, (low, high) in self.tails.items()}
        )


ALIKE = State(0.0, 1.0, {})  # errors as in calibration


def tracked(scores, size, overlap, levels, outside, gap=0):
    """Track shift, spread and tails of scores: the ``State`` after 0 ... K rows, (K + 1, steps, O) each.

    scores : (K, steps, O), by the row at which forecasts begin, NaN where they are not known.   size : like scores,
    mean absolute score in calibration of forecasts that were near.   overlap : (steps, O), errors that hold as much as
    one.   outside(scores (K, C), origin (K, C)) : shares of those in calibration beyond scores of forecasts that began
    there, for each level and end, (K, P, 2, C), with C = steps O.   gap : rows after which scores are known.
    """
    K, steps, O = scores.shape
    step = np.repeat(np.arange(steps), O)
    origin = np.arange(K)[:, None] - step  # of what is known with each row
    began, origin = origin >= 0, np.maximum(origin, 0)
    came = np.where(began, np.take_along_axis(scores.reshape(K, -1), origin, axis=0), np.nan)
    measured, known = np.isfinite(came), np.maximum(origin - gap, 0)  # rows of which a forecast knew
    came, shared = np.where(measured, came, 0.0), overlap.ravel()
    memory = np.clip(MEMORY * shared, MEMORY, LONGEST)
    count, mean, square = np.split(
        _recent(np.hstack([measured, came, came**2]), np.tile(memory, 3)), 3, axis=1
    )
    n = count**2 / np.maximum(_recent(measured.astype(float), memory / 2), 1e-9) / shared
    counted = np.maximum(count, 1e-9)
    shift = _but_noise(mean / counted, square / counted, n)
    off = np.where(measured, np.abs(came - np.take_along_axis(shift, known, axis=0)), 0.0)
    usual = _recent(np.where(measured, np.take_along_axis(size.reshape(K, -1), origin, axis=0), 0.0), memory)
    ratio = np.divide(_recent(off, memory), usual, out=np.ones_like(usual), where=usual > 0)
    spread = np.where(usual > 0, _spread(ratio, n, O), 1.0)
    then = (came - np.take_along_axis(shift, known, axis=0)) / np.take_along_axis(spread, known, axis=0)
    tails = _tails(outside(then, origin), measured, (100 - np.array(levels)) / 200, shared)
    tails = tails.reshape(K + 1, len(levels), 2, steps, O)
    shift, spread = shift.reshape(K + 1, steps, O), spread.reshape(K + 1, steps, O)
    return State(shift, spread, {p: (tails[:, i, 0], tails[:, i, 1]) for i, p in enumerate(levels)})


def _recent(v, memory):
    """Sum rows 0 ... K of v (K, C), discounted to a third over ``memory`` (C,) rows, (K + 1, C)."""
    decay, out, k = np.exp(-1 / memory), np.concatenate([np.zeros_like(v[:1]), v]), 1
    while k < len(out) and decay.max() ** k > 1e-17:  # sums of 2, 4, 8 ... rows
        new = out.copy()
        new[k:] += decay**k * out[:-k]
        out, k = new, 2 * k
    return out


def _but_noise(mean, square, n):
    """Shrink a mean towards 0, and to 0 where it may be noise."""
    noise = np.maximum(square - mean**2, 1e-6 * square) / np.maximum(n, 1e-9)
    return mean * np.maximum(0.0, 1 - DOUBT * noise / np.maximum(mean**2, 1e-300))


def _spread(ratio, n, O):
    """Estimate the spread at each step, shrunk to that of the step before; ratio, n : (K + 1, C)."""
    out, before = np.empty_like(ratio), np.ones((len(ratio), O))
    for h in range(0, ratio.shape[1], O):
        at = slice(h, h + O)
        before = out[:, at] = (PRIOR * before + n[:, at] * ratio[:, at]) / (PRIOR + n[:, at])
    return out


def _tails(share, known, shares, overlap):
    """Adapt the shares outside the ends of P levels after 0 ... K rows, (K + 1, P, 2, C), to the nominal ones.

    share : (K, P, 2, C), of errors in calibration that lie beyond what came; known : (K, C), where something came.
    """
    out = np.empty((len(share) + 1, *share.shape[1:]))
    share, known = np.require(share, float, "CAW"), np.require(known, bool, "CAW")
    adapt_tails(share, known, np.require(shares, float, "CAW"), np.require(overlap, float, "CAW"), out)
    return out


def beyond(errors, places, scores):
    """Count the errors (places, k), sorted, at or below scores (K,), and at or above, in the places (K,) of these."""
    counts = np.empty((2, len(scores)), np.int64)
    errors, scores = np.require(errors, float, "CAW"), np.require(scores, float, "CAW")
    count_beyond(errors, np.require(places, np.int64, "CAW"), scores, *counts)
    return counts


def compile_kernels():
    """Call each kernel once."""
    none = np.zeros((0, 1))
    beyond(np.zeros((1, 1)), np.zeros(0, int), none[:, 0])
    _tails(none.reshape(0, 1, 1, 1).repeat(2, axis=2), none, np.ones(1), np.ones(1))


# ---------------------------------------------------------------------------------------- kernels


@kernel
def adapt_tails(share, known, shares, overlap, out):
    """Adapt tails row by row.

    in    share : (K, P, 2, C).   known : (K, C).   shares : (P,), nominal.   overlap : (C,).
    out   out : (K + 1, P, 2, C).
    """
    K, P, _, C = share.shape
    for i in range(P):
        out[0, i] = shares[i]
    for k in range(K):
        for i in range(P):
            for end in range(2):
                for c in range(C):
                    now = out[k, i, end, c]
                    if known[k, c]:
                        rate = RATE * shares[i] / overlap[c]
                        now += rate * (shares[i] - 1 if share[k, i, end, c] <= now else shares[i])
                        now = min(max(now, LEAST * shares[i]), CENTER)
                    out[k + 1, i, end, c] = now


@kernel
def count_beyond(errors, places, scores, below, above):
    """Count the errors near a forecast that lie at or below what came of it, and at or above it.

    in    errors : (places, k), sorted.   places : (K,).   scores : (K,), NaN where nothing came: both counts are 0.
    out   below, above : (K,).
    """
    k = errors.shape[1]
    for row in range(scores.size):
        v, near = scores[row], errors[places[row]]
        low, high = 0, k
        while low < high:  # the first error >= v
            middle = (low + high) // 2
            if near[middle] < v:
                low = middle + 1
            else:
                high = middle
        above[row] = k - low
        while low < k and near[low] <= v:
            low += 1
        below[row] = low
        if np.isnan(v):
            below[row], above[row] = 0, 0
