"""Delay networks and the linear model of the same lags v: ridge regression, and the two as one network.

    (Z'Z + alpha I) theta = Z'Y                                  of 1 and v, the bias free
    f(v) = share net(v) + (1 - share) (c + v L)                  a network whose output layer sees v too

Sums over rows are ``Alike`` of ``delay_loss.py``, the bias last.
"""

import numpy as np

from .._training.least_squares import solve
from .ridge import Normal, likely_alpha


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
