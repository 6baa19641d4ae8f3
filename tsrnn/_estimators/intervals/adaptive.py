"""Conformal intervals that follow the errors made since calibration.

Calibration gives quantiles q of the errors of forecasts, for each step h and output (``pools.py``).  Later the series
may have another level, other noise, other tails.  So the ends of an interval lie, around the forecast, at

    shift(h) + spread(h) q(a)

All three are updated with each row, from the errors that are known by then.  They begin as in calibration: shift 0,
spread 1, and of the errors a share a = b beyond each end, b = (100 - level) / 200.

    e(t, h)   the error, at row t, of the forecast made h steps before; in calibration its mean is about 0
    c(t, h)   the mean of |e| in calibration among forecasts like that one: a calm that was foreseen is no change
    n(h)      independent errors that a mean is worth; all means are discounted, see Memory

Shift: a level that has moved gives errors of one sign.

    m = mean of e
    shift = m (1 - 4 / T^2)+      T = m sqrt(n) / sd(e), its standard errors: no shift up to 2, eight ninths of m at 6

The forecasts stay as they are, so that an interval may lie beside its forecast.

Spread: noise that has grown or shrunk gives larger or smaller errors.

    s(h) = mean of |e - the shift when the forecast was made| / mean of c
    r(h) = (PRIOR r(h - 1) + n s(h)) / (PRIOR + n)      r(0) = 1
    spread(1) = r(1),  spread(h) = g r(h)               g = r(1), shrunk to 1 as a shift is to 0

Errors of one step are many and independent, and noise changes at all steps at once.  So each step leans on the one
before (the second on r(1) / g), and those after the first follow g without delay: their c is g times as large.  Errors
with heavy tails tell less of their size: with d = rms / mean size in calibration, n count as n (pi/2 - 1) / (d^2 - 1).

Tails: adaptive conformal inference [1]_ [2]_ moves a until b of the errors lie beyond the end, whatever the series is.

    a <- a + rate (b - [e was beyond the end at a])     rate = RATE b, divided by the overlap of errors

Alone it would be slow, and could not reach beyond the largest error of calibration.  With shift and spread (together a
"scorecaster" [3]_) it mends only what these leave.  A larger rate follows faster and trembles more [2]_; misses of
overlapping errors come in bunches, and each takes less.

Bounds: many rows may lie exactly on a bound, as those without rain.  An end on the bound then has no row beyond, and a
would wander off.  So a row on it, like m of the k errors of calibration, is beyond in part, by a smoothed p-value [5]_:

    min(1, a / p)      p = (m + 1) / (k + 1)            a on average, however many rows lie on the bound

Memory: a row counts e times less for each MEMORY independent errors after it.  That makes a spread tremble by a tenth,
which costs an 80 % interval 0.2 points of coverage, and takes up two thirds of a sudden change in as many rows.  Errors
of many steps overlap, for all of them see the same spell of weather: they are remembered for MEMORY times the overlap,
but for LONGEST rows at most.  (With 20 rows, intervals of 95 % for wind power 24 hours ahead covered 85 %.)

Breaks: when a level jumps, forecasts made across the jump are wrong once, by all of it, and would widen intervals for
as long as they are remembered.  Cumulative sums [4]_ find jumps in u, the errors of step one less their shift, in
standard deviations,

    S <- max(0, S + u - SLACK),  and the same of -u

S > BREAK says that the level has moved since S was last 0.  From then on, at all steps, forecasts made before that do
not count: the shift is that of errors since, the spread is of these and of PRIOR errors' worth of what was known
before, and a is b again.  A model far from what it was trained on errs in spells, each of which could look like a new
break: each doubles the threshold, which goes back to BREAK over LONGEST rows.  So long the break lasts.

Many steps after a break: their errors are known only h rows later, but an output of step one that is off by shift(1)
is fed back, and what comes of it can be computed: f(h) = growth(h) shift(1), the forecast with shift(1) added to each
output less the one without.  (From the present row: at a new level a net bends otherwise than where it was trained.)

    shift(h) = f + (m - f) (1 - d / T^2)+         T = (m - f) sqrt(n) / sd(e)
    spread(h) times sqrt(1 + (growth(h) sd(shift(1)) / sd(e))^2)

d is 1 while the break lasts, for step one too, and 4 as it fades, and f and the factor of the spread fade with it.

References
----------
.. [1] I. Gibbs, E. Candes. "Adaptive conformal inference under distribution shift." NeurIPS 34, 2021.
.. [2] M. Zaffran et al. "Adaptive conformal predictions for time series." ICML, 2022.
.. [3] A. N. Angelopoulos, E. Candes, R. J. Tibshirani. "Conformal PID control for time series prediction." NeurIPS 36,
   2023.
.. [4] E. S. Page. "Continuous inspection schemes." Biometrika 41, 1954.
.. [5] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
"""

from typing import Any, NamedTuple

import numpy as np

from ..._kernels.jit import kernel, part


MEMORY = 20  # independent errors' worth of rows, after which one counts a third
LONGEST = 200  # rows, the most of these
FADED = 3 * LONGEST  # rows after a break, until which its trace is looked for
PRIOR = 5  # independent errors' worth of what was known before
DOUBT = 4.0  # squared standard errors, below which a mean is taken for 0
RATE = 0.2  # of the share outside: what a miss takes away from it
LEAST = 0.1  # of the share outside, below which a tail does not go: the spread does the rest
NOTHING, COUNTS, ANEW = 0, 1, 2  # what tails make of a row
DEVIATION = np.sqrt(np.pi / 2)  # standard deviation over mean absolute one, of a normal variable
SLACK, BREAK = 0.5, 8.0  # of cumulative sums: what they forgive in each row, and where a level has moved
AGAIN = 20  # independent errors after a break, until which spreads are computed anew now and then
CENTER = 0.5  # share outside each end, where it meets the other


class ErrorState(NamedTuple):
    """What is known when forecasts are made.

    shift, spread : like the forecasts.   n : independent errors that the spread is of.   tails : {level: (low, high)}.
    """

    shift: Any
    spread: Any
    n: Any
    tails: dict

    def of(self, at):
        """Return the states after given numbers of rows, (M, ...)."""
        tails = {p: (low[at], high[at]) for p, (low, high) in self.tails.items()}
        return ErrorState(self.shift[at], self.spread[at], self.n[at], tails)


ALIKE = ErrorState(0.0, 1.0, 0.0, {})  # errors as in calibration


class Kind(NamedTuple):
    """What errors of each step and output are like, (steps, O) each.

    overlap : errors that hold as much as one.   deviation : root of their mean square over their mean size.   growth :
    how far forecasts go if outputs of one step are all off, over that, (K, steps, O), by the row at which they begin;
    0 where that is not known.
    """

    overlap: np.ndarray
    deviation: Any
    growth: Any


class ColumnWork(NamedTuple):
    """Work space of ``track_moments``, made by NumPy: a new array takes a kernel a tenth of a second to compile.

    decay (C,), of what is remembered.   told (C,), how many errors one is.   sums (C, 8); kept (C, 2, 8), these as
    excursions of S began.   ratio (C,), spreads over that of step one.   wider (K + 1, C), what they are wider by after
    a break.   fresh, again, judged (C,), rows, see ``begin_break``.
    """

    decay: np.ndarray
    told: np.ndarray
    sums: np.ndarray
    kept: np.ndarray
    ratio: np.ndarray
    wider: np.ndarray
    fresh: np.ndarray
    again: np.ndarray
    judged: np.ndarray


class OutputWork(NamedTuple):
    """The same of each output.

    drift (O, 2), S up and down.   begun (O, 2), the rows since which.   side (O,), the one that broke.   limit (O,) of
    S.   doubt (O,), variances of shifts of step one after a break.   base (K + 1, O), the spread of step one without
    noise.
    """

    drift: np.ndarray
    begun: np.ndarray
    side: np.ndarray
    limit: np.ndarray
    doubt: np.ndarray
    base: np.ndarray


def _work(K, C, O):
    """Make the work space of K rows."""
    rows = (np.full(C, -1) for _ in range(3))
    sums, kept = np.zeros((C, 8)), np.zeros((C, 2, 8))
    columns = ColumnWork(np.empty(C), np.empty(C), sums, kept, np.ones(C), np.ones((K + 1, C)), *rows)
    drift, begun, side = np.zeros((O, 2)), np.zeros((O, 2), np.int64), np.zeros(O, np.int64)
    outputs = OutputWork(drift, begun, side, np.full(O, BREAK), np.zeros(O), np.ones((K + 1, O)))
    return columns, outputs


def tracked(scores, size, kind, levels, outside, gap=0):
    """Track shift, spread and tails of scores: the ``ErrorState`` after 0 ... K rows, (K + 1, steps, O) each.

    scores : (K, steps, O), by the row at which forecasts begin, NaN where they are not known.   size : like scores,
    mean absolute score in calibration of forecasts that were near.   kind : ``Kind``.
    outside(scores (K, C), origin (K, C), n (K, C)) : shares of those in calibration beyond scores of forecasts that
    began there, after n independent errors, for each level and end, (K, P, 2, C), with C = steps O; negative where any
    up to it are.   gap : rows after which scores are known.
    """
    K, steps, O = scores.shape
    step = np.repeat(np.arange(steps), O)
    origin = np.arange(K)[:, None] - step  # of what is known with each row
    began, origin = origin >= 0, np.maximum(origin, 0)
    column = np.arange(steps * O)
    came, usual = (v.reshape(K, steps * O)[origin, column] for v in (scores, size))
    came[~began] = np.nan
    known = np.maximum(origin - gap, 0)  # rows of which a forecast knew
    shift, spread, counts, n = _moments(came, usual, kind, O, gap)
    then = (came - shift[known, column]) / spread[known, column]
    tails = _tails(
        outside(then, origin, n[known, column]), counts, (100 - np.array(levels)) / 200, kind.overlap.ravel()
    )
    tails = tails.reshape(K + 1, len(levels), 2, steps, O)
    shift, spread, n = (v.reshape(K + 1, steps, O) for v in (shift, spread, n))
    return ErrorState(shift, spread, n, {p: (tails[:, i, 0], tails[:, i, 1]) for i, p in enumerate(levels)})


def after_breaks(scores, size, kind, gap):
    """Return the shift of step one after each row (K, O), 0 where the last break has faded or there was none.

    scores, size, kind, gap : as for ``tracked``.
    """
    K, _, O = scores.shape
    one = Kind(kind.overlap[:1], kind.deviation[:1], 1.0)
    shift, _, counts, _ = _moments(scores[:, 0], size[:, 0], one, O, gap)
    row = np.arange(K)[:, None]
    last = np.maximum.accumulate(np.where(counts == ANEW, row, -FADED), axis=0)
    return np.where(row - last < FADED, shift[1:], 0.0)


def _moments(came, usual, kind, O, gap):
    """Track scores that came (K, C).

    Returns shift and spread (K + 1, C), what tails shall make of each row (K, C), and how many errors spreads are of.
    """
    K, C = came.shape
    shift, spread, n = np.empty((3, K + 1, C))
    counts = np.empty((K, C), np.int8)
    came, usual = (np.require(v, float, "CAW") for v in (came, usual))
    deviation = np.maximum(kind.deviation, DEVIATION)  # of few errors that look lighter-tailed than they are
    each = (np.broadcast_to(v, kind.overlap.shape) for v in (kind.overlap, deviation))
    each = [np.require(v, float, "CAW").ravel() for v in each]
    growth = np.empty((K, C))
    growth[:] = np.reshape(kind.growth, (-1, C)) if np.ndim(kind.growth) else kind.growth
    given = came, usual, *each, growth, np.int64(O), np.int64(gap)
    track_moments(*given, *_work(K, C, O), shift, spread, n, counts)
    return shift, spread, counts, n


def _tails(share, counts, shares, overlap):
    """Adapt the shares outside the ends of P levels after 0 ... K rows, (K + 1, P, 2, C), to the nominal ones.

    share : (K, P, 2, C), of errors in calibration that lie beyond what came, or minus the most that may.
    counts : (K, C), one of ``NOTHING``, ``COUNTS`` and ``ANEW``.
    """
    out = np.empty((len(share) + 1, *share.shape[1:]))
    share, counts = np.require(share, float, "CAW"), np.require(counts, np.int8, "CAW")
    adapt_tails(share, counts, np.require(shares, float, "CAW"), np.require(overlap, float, "CAW"), out)
    return out


def compile_kernels():
    """Call each kernel once."""
    none = np.zeros((0, 1))
    _moments(none, none, Kind(np.ones((1, 1)), 1.0, 0.0), 1, 0)
    _tails(none.reshape(0, 1, 1, 1).repeat(2, axis=2), none, np.ones(1), np.ones(1))


# ---------------------------------------------------------------------------------------- kernels


@kernel
def track_moments(
    came, usual, overlap, deviation, growth, O, gap, columns, outputs, shift, spread, independent, counts
):
    """Track shift and spread row by row, from discounted sums, and find breaks.

    in    came : (K, C), scores of each row, of step after step and O outputs each, NaN where none came.
          usual, growth : (K, C).   overlap, deviation : (C,).   gap : rows after which a score is known.   columns,
          outputs : work space.
    out   shift, spread, independent : (K + 1, C), the last how many errors a spread is of.
          counts : (K, C), what tails make of each row.

    Of each column sums (8,): weights, their squares, scores and squared scores; weights, squares of weighted usual
    sizes, what scores were off the shift, and usual sizes, which are those of calibration times the spread of step one.
    """
    K, C = came.shape
    decay, told, sums, kept, ratio, wider, fresh, again, judged = columns
    side, limit, doubt, base = outputs.side, outputs.limit, outputs.doubt, outputs.base
    for c in range(C):
        decay[c] = np.exp(-1 / min(max(MEMORY * overlap[c], MEMORY), LONGEST))
        told[c] = (DEVIATION**2 - 1) / (deviation[c] ** 2 - 1) / overlap[c]
        shift[0, c], spread[0, c], independent[0, c] = 0.0, 1.0, 0.0
    for k in range(K):
        for c in range(C):
            counts[k, c] = NOTHING
        for o in range(O):
            if not np.isnan(came[k, o]) and usual[k, o] > 0:
                size = deviation[o] * usual[k, o] * spread[k, o]
                u = deviations_off(came[k, o] - shift[k, o], size, told[o] * overlap[o])
                find_break(k, o, u, overlap, growth, columns, outputs, counts)
        for c in range(C):
            o, origin, is_first = c % O, k - c // O, c < O
            is_judged, step_one = origin >= judged[c], 1.0 if is_first else base[k + 1, o]
            if is_judged and not np.isnan(came[k, c]):
                counts[k, c] = COUNTS
            if k == again[c]:
                rows = slice(fresh[c], k + 1)
                sizes = sizes_since(usual[rows, c], base[fresh[c] + 1 : k + 2, o], is_first)
                begin_anew(came[rows, c], sizes, told[c], deviation[c], decay[c], kept[c, side[o]], sums[c])
                again[c] = k + len(sizes) if len(sizes) < AGAIN * overlap[c] else -1
            elif k >= fresh[c] or growth[k, c] == 0:
                # what a forecast did not know of a break is no error to expect of the next
                at = max(origin - gap, 0) if is_judged else k
                add_score(came[k, c], shift[at, c], usual[k, c] * wider[at, c] * step_one, decay[c], sums[c])
            before = 1.0 if is_first else ratio[c - O] if c >= 2 * O else ratio[o] / step_one
            ratio[c] = leaning(sums[c], before, told[c])
            independent[k + 1, c] = n_told(sums[c], told[c])
            strength = min(1.0, limit[o] / BREAK - 1)  # of the last break
            target = 0.0 if is_first else strength * growth[k, c] * shift[k + 1, o]
            mean, noise = mean_of(sums[c], ratio[c], overlap[c], deviation[c])
            share = believed(mean - target, noise, DOUBT ** (1 - strength))
            shift[k + 1, c] = target + share * (mean - target)
            if is_first:
                base[k + 1, o] = but_noise(ratio[c], independent[k + 1, c])
                doubt[o] = strength * share**2 * noise
            fed = 1.0 if is_first else (1 - share) * strength * growth[k, c]
            wider[k + 1, c] = widened(
                fed, doubt[o], deviation[c] * ratio[c] * usual_size(sums[c], usual[k, c])
            )
            spread[k + 1, c] = ratio[c] * wider[k + 1, c] * step_one


@part
def find_break(k, o, u, overlap, growth, columns, outputs, counts):
    """Add to the sums S of an output what row k is off, u, and begin a break where one goes too far."""
    drift, begun, side, limit, _, _ = outputs
    O, C = len(side), len(overlap)
    drift_on(u, k, drift[o], begun[o])
    for i in range(2):
        if drift[o, i] > 0 and begun[o, i] == k:
            keep_sums(k, o, O, i, side[o], columns.fresh, columns.sums, columns.kept)
    limit[o] = BREAK + (limit[o] - BREAK) * np.exp(-1 / LONGEST)
    if max(drift[o, 0], drift[o, 1]) > limit[o]:
        limit[o] *= 2
        side[o] = int(drift[o, 1] > drift[o, 0])
        drift[o, 0] = drift[o, 1] = 0.0
        for c in range(o, C, O):
            counts[k, c] = ANEW
            first = begun[o, side[o]] + 1 + c // O
            begin_break(k, c, first, int(overlap[c]), columns.fresh, columns.again, columns.judged)
            if growth[k, c] != 0:  # until forecasts that knew of it have come true
                little(columns.kept[c, side[o]], columns.told[c], columns.sums[c])


@part
def begin_break(k, c, first, overlap, fresh, again, judged):
    """Begin a break of column c, seen in row k, whose first score since is of row ``first``.

    fresh : the first row that counts.   again : the row at which sums begin anew.   judged : that from which tails
    judge forecasts.
    """
    fresh[c] = first
    again[c] = max(first, k + 1)
    judged[c] = max(k + 1, first + overlap)


@part
def sizes_since(usual, base, is_first):
    """Return usual sizes (n,) since a break, which after step one go with the spread of that, base (n,)."""
    sizes = np.empty(len(usual))
    for i in range(len(usual)):
        sizes[i] = usual[i] if is_first else usual[i] * base[i]
    return sizes


@part
def add_score(score, shift, size, decay, sums):
    """Add a score to ``sums`` (8,), off the shift that its forecast knew and over its usual size."""
    add(score, score**2, 1.0, decay, sums[:4])
    add(abs(score - shift), size, size, decay, sums[4:])


@part
def usual_size(sums, size):
    """Return the mean of the usual sizes in ``sums`` (8,); where there are none, the present one."""
    return sums[7] / sums[4] if sums[4] > 1e-9 else size


@part
def widened(fed, doubt, deviation):
    """Return what a spread is wider by, of errors with a deviation, for a shift of variance ``doubt`` is fed back."""
    return np.sqrt(1 + fed**2 * doubt / deviation**2) if deviation > 0 else 1.0


@part
def deviations_off(error, size, tells):
    """Return an error over the standard deviation ``size``; ``tells``: how much one error says of a size."""
    u = error / size * np.sqrt(tells)  # one far off is no break where some always are
    return min(max(u, -2 * BREAK), 2 * BREAK)  # noise that has grown as far is learnt in time


@part
def keep_sums(k, o, O, i, side, fresh, sums, kept):
    """Keep the sums of an output as excursion i begins; what is not over the last break yet, as it was before it."""
    for c in range(o, len(sums), O):
        for j in range(8):
            kept[c, i, j] = kept[c, side, j] if k <= fresh[c] else sums[c, j]


@part
def drift_on(u, k, drift, begun):
    """Add what row k is off, in standard deviations, to cumulative sums drift (2,), up and down, begun (2,) when."""
    for i in range(2):
        before = drift[i]
        drift[i] = max(0.0, before + (-u if i else u) - SLACK)
        if before == 0.0:
            begun[i] = k


@part
def add(first, second, weight, decay, sums):
    """Add two numbers, which may be NaN, to discounted ``sums`` (4,): of weights, squared ones by a size, and both."""
    sums[0] *= decay
    sums[1] *= decay**2
    sums[2] *= decay
    sums[3] *= decay
    if not np.isnan(first):
        sums[0] += 1
        sums[1] += weight**2
        sums[2] += first
        sums[3] += second


@part
def mean_of(sums, spread, overlap, deviation):
    """Compute the mean of ``sums`` (8,) and its variance."""
    if sums[0] < 1e-9:
        return 0.0, 1e300
    mean, square = sums[2] / sums[0], sums[3] / sums[0]
    n = sums[0] ** 2 / sums[1] / overlap
    expected = (deviation * spread * sums[7] / max(sums[4], 1e-9)) ** 2
    return mean, (PRIOR * expected + n * max(square - mean**2, 1e-6 * square)) / (PRIOR + n) / n


@part
def believed(change, variance, doubt):
    """Return the share of a change that is no noise: 0 up to so many squared standard deviations in ``doubt``."""
    return max(0.0, 1 - doubt * variance / max(change**2, 1e-300))


@part
def leaning(sums, before, told):
    """Estimate the spread of ``sums`` (8,), which leans on that of the step before."""
    if sums[7] <= 0:
        return before
    n = n_told(sums, told)
    return (PRIOR * before + n * sums[6] / sums[7]) / (PRIOR + n)


@part
def n_told(sums, told):
    """Return how many independent errors the spread of ``sums`` (8,) is of."""
    return sums[7] ** 2 / max(sums[5], 1e-300) * told


@part
def but_noise(ratio, n):
    """Shrink a ratio of spreads, of n errors, to 1 by what may be noise of it."""
    change, noise = np.log(ratio), (DEVIATION**2 - 1) / max(n, 1e-9)
    return np.exp(change * believed(change, noise, DOUBT))


@part
def little(kept, told, sums):
    """Leave of ``sums`` (8,) what was ``kept`` (8,) of a spread, and of that a little."""
    share = min(1.0, PRIOR * max(kept[5], 1e-300) / max(kept[7] ** 2 * told, 1e-300))
    for j in range(4):
        sums[j], sums[4 + j] = 0.0, kept[4 + j] * share
    sums[5] *= share


@part
def begin_anew(came, usual, told, deviation, decay, kept, sums):
    """Compute ``sums`` (8,) of scores that came since a break (n,); of spread a little of what was ``kept`` (8,)."""
    little(kept, told, sums)
    for k in range(len(came)):
        add(came[k], came[k] ** 2, 1.0, decay, sums[:4])
    mean, noise = mean_of(sums, leaning(sums, 1.0, told), 1 / told, deviation)
    shift = mean * believed(mean, noise, DOUBT)
    for k in range(len(came)):
        add(abs(came[k] - shift), usual[k], usual[k], decay, sums[4:])


@kernel
def adapt_tails(share, counts, shares, overlap, out):
    """Adapt tails row by row.

    in    share : (K, P, 2, C), negative where any up to it lie beyond.   counts : (K, C), what is made of each row.
          shares : (P,), nominal.   overlap : (C,).
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
                    if counts[k, c] == ANEW:
                        now = shares[i]
                    elif counts[k, c] == COUNTS:
                        rate, p = RATE * shares[i] / overlap[c], share[k, i, end, c]
                        outside = min(1.0, now / -p) if p < 0 else 1.0 if p <= now else 0.0
                        now += rate * (shares[i] - outside)
                        now = min(max(now, LEAST * shares[i]), CENTER)
                    out[k + 1, i, end, c] = now
