"""Delay networks and the linear model of the same lags v: ridge regression, and the two as one network.

    (Z'Z + alpha I) theta = Z'Y                                  of 1 and v, the bias free
    f(v) = share net(v) + (1 - share) (c + v L)                  a network whose output layer sees v too
    share = s (1 - (m se / gain)^2)+      s: of the least held error; gain: in its log, over share 0; m = 1.5

The last is the positive part of James and Stein [1]_: of a gain that is known to a standard error se, gain^2 - se^2 is
what is no chance.  se is a jackknife's that leaves out one of 4 stretches of the held rows at a time [2]_, for their
errors hang together.  Sums over rows are ``Alike`` of ``delay_loss.py``, the bias last.

.. [1] B. Efron, C. Morris. "Stein's estimation rule and its competitors." Journal of the American Statistical
   Association 68(341), 1973.
.. [2] H. R. Kuensch. "The jackknife and the bootstrap for general stationary observations." Annals of Statistics 17(3),
   1989.
"""

import numpy as np

from .._training.least_squares import solve
from .ridge import Normal, likely_alpha


SHARES = tuple(k / 8 for k in range(9))  # of the net
STRETCHES, MARGIN = 4, 1.5  # of the held rows; m


def likely_penalty(sums):
    """Return the alpha of most evidence for all outputs of some ``Alike``."""
    normals = []
    for outputs, A, c, yy, weight in sums:
        A = np.roll(A, (1, 1), (0, 1))  # the bias first
        normals.append(Normal(A, np.roll(c, 1, 0), yy, weight, outputs, A))
    return likely_alpha(normals, True)


def ridge(net, sums, alpha):
    """Solve for theta (P,) of a net without hidden layers; returns it and its sum of squared errors."""
    theta, sse = np.zeros(net.size), 0.0
    W, b = net.views(theta)[-1]
    for alike in sums:
        free = np.append(np.full(len(alike.A) - 1, alpha), 0.0)
        best = solve(alike.A, free + 1e-12 * alike.A.diagonal().max(), alike.c)
        if best is not None:
            W[:, alike.outputs], b[alike.outputs] = best[:-1], best[-1]
            fit = alike.yy + np.sum(best * (alike.A @ best - 2 * alike.c), axis=0)
            sse += np.maximum(fit, 0.0).sum()
    return theta, sse


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


def trusted_share(losses, choices):
    """Return the share of the net: that of the least held error, drawn to 0 as far as its gain may be chance.

    losses : of each kind of forecast, on the held rows; over them the error is a geometric mean.   choices : theta at
    each of ``SHARES``.
    """
    sums = [_sums_of_stretches(loss, choices) for loss in losses]
    whole = _log_error([(squares.sum(axis=1), weight.sum()) for squares, weight in sums])  # (S,)
    best = int(np.argmin(whole))
    gain = whole[0] - whole[best]
    if gain <= 0.0:
        return 0.0
    gains = []
    for k in range(STRETCHES):
        left = _log_error([(np.delete(a, k, axis=1).sum(axis=1), np.delete(w, k).sum()) for a, w in sums])
        gains.append(left[0] - left[best])
    variance = (STRETCHES - 1) * np.var(gains)
    share = SHARES[best] * max(0.0, 1.0 - MARGIN**2 * variance / gain**2)
    step = SHARES[1]
    # a mixture may run away though neither of its parts does
    return max(s for s, error in zip(SHARES, whole) if s <= share + step / 2 and error <= whole[0])


def _sums_of_stretches(loss, choices):
    """Sum squared errors and weights over stretches of rows of equal weight: (S, STRETCHES), (STRETCHES,)."""
    squares, weights = zip(*(loss.squares(theta) for theta in choices))
    weight = weights[0]
    at = (STRETCHES * (np.cumsum(weight) - weight / 2) / weight.sum()).astype(np.int64)
    sums = np.stack([np.bincount(at, row, STRETCHES) for row in squares])
    return sums, np.bincount(at, weight, STRETCHES)


def _log_error(sums):
    """Average the logs of mean squared errors (S,) over kinds; the worst for those that are not finite."""
    tiny = np.finfo(float).tiny
    means = [np.nan_to_num(a / max(w, tiny), nan=1e300, posinf=1e300) for a, w in sums]
    return np.mean([np.log(np.clip(mean, tiny, 1e300)) for mean in means], axis=0)
