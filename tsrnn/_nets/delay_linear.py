"""Delay networks and the linear model of the same lags v: ridge regression, and the two as one network.

    (Z'Z + alpha I) theta = Z'Y                                  of 1 and v, the bias free; alpha by evidence, times
                                                                 a power of ten where the free run explodes else
    f(v) = share net(v) + (1 - share) (c + v L)                  a network whose output layer sees v too
    share = s (1 - (m se / gain)^2)+ gain^2 / (gain^2 + d^2)
                                                  s: of the least held error; gain: in its log, over share 0; m = 1.5;
                                                  d = .3, of n held rows .3 (400 / n) from 400 on; where these are
                                                  fewer than 30, d^2 is 30 / n - 1 more; where an input leaves
                                                  its range in a part f of the last rows, f^2 more,
                                                  or 100 f^2 of y, or 36 c^2 of a mean whose
                                                  differences outweigh levels by c

The first factor is the positive part of James and Stein [1]_: of a gain that is known to a standard error se, gain^2 -
se^2 is what is no chance.  se is a jackknife's that leaves out one of 4 stretches of the held rows at a time [2]_, for
their errors hang together.  The second is for what no held row can tell: gains of later rows, of another season or
level, differ by about d; many rows have seen more of those, and few hardly any: a gain of 1, which is what noisy series
may promise, counts n / 30 then, that of a system without noise, 10, in full.  What rows say is ``Alike`` or ``FewRows``
of ``linear_sums.py``, the bias last.

.. [1] B. Efron, C. Morris. "Stein's estimation rule and its competitors." Journal of the American Statistical
   Association 68(341), 1973.
.. [2] H. R. Kuensch. "The jackknife and the bootstrap for general stationary observations." Annals of Statistics 17(3),
   1989.
"""

from operator import attrgetter
from typing import NamedTuple

import numpy as np

from .._series.autoregression import LEAST_GROWN, MOST_GROWN, MOST_GROWTH, explodes, grows
from .._values import kept
from .linear_sums import Alike, FewRows
from .ridge import likely_alpha


SHARES = tuple(k / 8 for k in range(9))  # of the net
STRETCHES, MARGIN = 4, 1.5  # of the held rows; m
DRIFT, SHORT = 0.3, 400  # d of few rows, and how many those are
FEW_HELD = 30  # rows, of which fewer leave even a certain gain to chance, if it is not large
LAST = 0.15  # of the rows of a series, that tell whether inputs or y leave the range they had
Y_ASTRAY = 10.0  # times as much doubt where y does
OF_CHANGES = 6.0  # times what differences have more than levels of a mean of linear models
DEAR = 4.0  # times the squared errors of one step, the most that a free run which does not explode may cost


class Solved(NamedTuple):
    """A linear net: theta (P,), its sum of squared errors, and the penalty."""

    theta: np.ndarray
    sse: float
    alpha: float


def ridge(net, sums, alpha=None):
    """Solve for a net without hidden layers, as ``Solved``.

    sums : ``Alike`` or ``FewRows``.   alpha : None for the penalty of most evidence for all outputs, ``tamed``.
    """
    if alpha is not None:
        return _solved(net, sums, sums, alpha)
    solvers = [alike.factored() for alike in sums]
    return tamed(net, sums, solvers, likely_alpha([solver.for_evidence() for solver in solvers], True))


def tamed(net, sums, solvers, alpha):
    """Solve with a penalty or, where the free run explodes and y does not, ten, a hundred ... times as much.

    Evidence knows one step ahead alone. The least is taken with which the run does not explode, unless the squared
    errors of one step are ``DEAR`` times as large then.   solvers : the sums ``factored``.   Returns ``Solved``.
    """
    n_rows = int(max(alike.weight for alike in sums))
    likely = tried = _solved(net, sums, solvers, alpha)
    if _grows_itself(net, sums, n_rows):
        return likely
    while runs_away(net, tried.theta, n_rows):
        tried = _solved(net, sums, solvers, 10 * tried.alpha)
        if not tried.sse <= DEAR * likely.sse:
            return likely
    return tried


def _solved(net, sums, solvers, alpha):
    """Solve with a given penalty; ``solvers``: the sums, or these ``factored``."""
    theta, sse = np.zeros(net.size), 0.0
    W, b = net.views(theta)[-1]
    free = np.append(np.full(len(W), alpha), 0.0)
    for alike, solver in zip(sums, solvers):
        best = solver.solved(free)
        if best is not None:
            W[:, alike.outputs], b[alike.outputs] = best[:-1], best[-1]
            sse += alike.error_at(best, free).sum()
    return Solved(theta, sse, alpha)


def _grows_itself(net, sums, n_rows):
    """Tell whether squares of y grow from its longest lag to the row itself as those of a run that explodes do."""
    lags, O = net.y_seen, net.n_outputs
    if len(lags) == 0:
        return False
    oldest = -1 - len(lags) * O  # column of the first output at the longest lag; the last column is 1
    fastest = MOST_GROWTH ** (4 * max(lags) / max(n_rows, LEAST_GROWN))
    return any((a.yy > fastest * a.squares()[oldest + a.outputs]).any() for a in sums)


def runs_away(net, theta, n_rows):
    """Tell whether the free run of a linear net grows from values that would be noise, undriven.

    Over n_rows, or ``LEAST_GROWN`` if that is more: of few rows, models run away most.
    """
    lags, n = np.array(net.y_seen, int)[::-1], min(max(n_rows, LEAST_GROWN), MOST_GROWN)
    if len(lags) == 0:
        return False
    O, P = net.n_outputs, lags[0]
    of_y = net.views(theta)[-1].W[-len(lags) * O :]
    if O == 1:
        a = np.zeros(P)
        a[lags - 1] = of_y[:, 0]
        return explodes(a, n)
    Y = np.zeros((P + n, O))
    Y[P - 1] = np.random.default_rng(0).normal(size=O)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(P, P + n):
            Y[t] = Y[t - lags].ravel() @ of_y
        return grows(np.abs(Y[P:]).max(axis=1))


@kept("linear information")
class LinearInformation(NamedTuple):
    """What the rows learnt from say of each output of a large linear net.

    A : (P, P), Z'Z of a row on average, bias last; or ``FewRows`` of no outputs.   weight : (O,), sum over the rows of
    each output.
    """

    A: np.ndarray | FewRows
    weight: np.ndarray


def linear_information(net, sums):
    """Return what rows say of each output; Z'Z of a row is that of the outputs with most rows."""
    weight = np.zeros(net.n_outputs)
    for alike in sums:
        weight[alike.outputs] = alike.weight
    most = max(sums, key=attrgetter("weight"))
    return LinearInformation(_of_no_outputs(most, most.weight), weight)


def linear_squares(net, sums):
    """Return J'J (P, P) of a net without hidden layers: Z'Z of each output, on its own weights."""
    JJ = np.zeros((net.size, net.size))
    W, b = net.views(np.arange(net.size))[-1]
    for alike in sums:
        A = alike.summed().A
        for o in alike.outputs:
            at = np.append(W[:, o], b[o])
            JJ[np.ix_(at, at)] = A
    return JJ


def assimilate_linear(loss, net, theta, information, alpha):
    """Learn a linear net from new rows by recursive least squares; returns theta (P,) and the information after.

    Each output minimises  sum w (y - z'v)^2 + (v - v0)' (weight A + alpha I) (v - v0),  v0 before, the bias free.
    """
    theta = theta.copy()
    W, b = net.views(theta)[-1]
    A, weight = information
    total, seen, after = _as_sums(A, 0).scaled(weight.sum()), weight.sum(), weight.copy()
    free = np.append(np.full(len(W), float(alpha)), 0.0)
    for alike in loss.normal_equations(theta):
        for n in np.unique(weight[alike.outputs]):
            chosen = np.flatnonzero(weight[alike.outputs] == n)
            outputs = alike.outputs[chosen]
            before = np.vstack([W[:, outputs], b[outputs]])
            joint = _as_sums(A, len(chosen)).scaled(n) + alike.of(chosen).less(before)
            step = joint.solved(free)
            if step is not None and np.isfinite(step).all():
                W[:, outputs], b[outputs] = before[:-1] + step[:-1], before[-1] + step[-1]
        K = len(alike.outputs)
        total, seen = total + alike.of(slice(0)).scaled(K), seen + K * alike.weight
        after[alike.outputs] += alike.weight
    return theta, LinearInformation(_of_no_outputs(total, seen), after)


def _of_no_outputs(sums, weight):
    """Return Z'Z of a row on average, (P, P) or ``FewRows``, of ``Alike`` or ``FewRows``."""
    return sums.A / weight if isinstance(sums, Alike) else sums.of(slice(0)).scaled(1 / weight)


def _as_sums(A, K):
    """Return A, (P, P) or ``FewRows``, as sums of K outputs that are 0."""
    if isinstance(A, FewRows):
        return A._replace(Y=np.zeros((len(A.Z), K)))
    return Alike(np.arange(K), A, np.zeros((len(A), K)), np.zeros(K), 1.0)


def blend(wide, net, theta, linear, share):
    """Blend in the parameters of ``wide``: ``share`` of a net and the rest of a linear model of its lags.

    wide : the plan of the net, whose output layer sees the lags too.   theta : of the net, with or without such an
    output layer.   linear : (W, b) of the linear model.
    """
    blended = np.zeros(wide.size)
    *hidden, output = wide.views(blended)
    *layers, last = net.views(theta)
    for to, layer in zip(hidden, layers):
        to.W[:], to.b[:] = layer
    n, H = len(linear.W), len(hidden[-1].b)  # the lags come first in the output layer
    output.W[:n] = (1 - share) * linear.W
    output.W[:n] += share * last.W[:-H] if len(last.W) > H else 0.0
    output.W[n:] = share * last.W[-H:]
    output.b[:] = share * last.b + (1 - share) * linear.b
    return blended


class Mixed:
    """Squared errors of a mean of two forecasts, as ``trusted_share`` asks for them; its choices are the shares.

    linear, net, Y : (N, K), Y NaN where unknown.   w : (N,).
    """

    def __init__(self, linear, net, Y, w):
        measured = np.isfinite(Y)
        self.w, self.weight = w, w * measured.sum(axis=1)
        self.error = np.where(measured, linear - Y, 0.0)
        self.change = np.where(measured, net - linear, 0.0)

    def squares(self, share):
        """Sum the squares of each row, (N,), and its weight."""
        return self.w * np.sum((self.error + share * self.change) ** 2, axis=1), self.weight


def trusted_share(losses, choices, doubt=0.0):
    """Return the share of the net: that of the least held error, drawn to 0 as far as its gain may be chance.

    losses : of each kind of forecast, on the held rows; over them the error is a geometric mean.   choices : what is
    given to their ``squares`` for each of ``SHARES``: theta, for instance.   doubt : as of ``doubt_of``.
    """
    sums, counts = zip(*(_sums_of_stretches(loss, choices) for loss in losses))
    whole, best, gain, variance = _gain(sums)
    if gain <= 0.0:
        return 0.0
    n, step = max(min(counts), 1), SHARES[1]
    wary = (DRIFT * min(1.0, SHORT / n)) ** 2 + max(0.0, FEW_HELD / n - 1.0) + doubt**2
    share = SHARES[best] * max(0.0, 1.0 - MARGIN**2 * variance / gain**2) * gain**2 / (gain**2 + wary)
    # a mixture may run away though neither of its parts does
    return max(s for s, error in zip(SHARES, whole) if s <= share + step / 2 and error <= whole[0])


def doubt_of(series, averaged=None):
    """Return what the last rows of series, and a linear model of ``Averaged`` members, say against a net beside it.

    The most of: the part of these rows in which the input that leaves its range most does so; ``Y_ASTRAY`` times that
    of y, which a net follows less far than a linear model does; ``OF_CHANGES`` times that by which members of
    differences outweigh those of levels, where all see past y alone: the net learns levels.
    """
    of_changes = 0.0 if averaged is None else averaged.of_changes
    of_y = _beyond([s.Y for s in series])
    return max(_beyond([s.X for s in series]), Y_ASTRAY * of_y, OF_CHANGES * of_changes)


def _beyond(series):
    """Return in which part of the last rows of ``series`` (N, K) the column that leaves its range most does so."""
    cuts = [int((1 - LAST) * len(V)) for V in series]
    first, last = (np.concatenate(rows) for rows in zip(*((V[:n], V[n:]) for V, n in zip(series, cuts))))
    if first.size == 0:
        return 0.0
    least, most = np.nanmin(first, axis=0, initial=np.inf), np.nanmax(first, axis=0, initial=-np.inf)
    return float(((last < least) | (last > most)).mean(axis=0).max())


class Rivals(NamedTuple):
    """Forecasts (S, N, K) of Y (N, K), NaN where unknown, with weights w (N,): the choices are their places."""

    forecasts: list
    Y: np.ndarray
    w: np.ndarray

    def squares(self, k):
        """Sum the squares of each row, (N,), and its weight."""
        measured = np.isfinite(self.Y)
        errors = np.where(measured, self.forecasts[k] - self.Y, 0.0)
        return self.w * np.sum(errors**2, axis=1), self.w * measured.sum(axis=1)


def trusted_choice(rivals):
    """Return the place of the rival of the least error, or the first one's where its gain may be chance."""
    sums, _ = _sums_of_stretches(rivals, range(len(rivals.forecasts)))
    _, best, gain, variance = _gain([sums])
    return best if gain > MARGIN * np.sqrt(variance) else 0


def _gain(sums):
    """Return the errors (S,), in logs, of S choices, the place of the least, its gain over the first, and its variance.

    sums : of each kind of forecast, ``_sums_of_stretches``.
    """
    whole = _log_error([(squares.sum(axis=1), weight.sum()) for squares, weight in sums])
    best, gains = int(np.argmin(whole)), []
    for k in range(STRETCHES):
        left = _log_error([(np.delete(a, k, axis=1).sum(axis=1), np.delete(w, k).sum()) for a, w in sums])
        gains.append(left[0] - left[best])
    return whole, best, whole[0] - whole[best], (STRETCHES - 1) * np.var(gains)


def _sums_of_stretches(loss, choices):
    """Sum squared errors and weights over stretches of rows of equal weight: (S, STRETCHES), (STRETCHES,).

    Returns these, and how many rows count.
    """
    squares, weights = zip(*(loss.squares(theta) for theta in choices))
    weight = weights[0]
    at = (STRETCHES * (np.cumsum(weight) - weight / 2) / weight.sum()).astype(np.int64)
    sums = np.stack([np.bincount(at, row, STRETCHES) for row in squares])
    return (sums, np.bincount(at, weight, STRETCHES)), np.count_nonzero(weight)


def _log_error(sums):
    """Average the logs of mean squared errors (S,) over kinds; the worst for those that are not finite."""
    tiny = np.finfo(float).tiny
    means = [np.nan_to_num(a / max(w, tiny), nan=1e300, posinf=1e300) for a, w in sums]
    return np.mean([np.log(np.clip(mean, tiny, 1e300)) for mean in means], axis=0)
