"""The linear model beside a net: a mean of one that sees inputs and one of past y alone, each a ridge regression.

    y^(t) = s [b + sum_k a_k y(t - k) + sum_l c_l x(t - l)] + (1 - s) [b' + sum_k a'_k y(t - k)]

What the second one learns may be differences w(t) = D(B) y(t), of which it sees some lags, w(t) = sum_l P_l w(t - l) +
b'; in levels that is sum_k A_k B^k = I - (I - sum_l P_l B^l) D(B).
"""

from typing import NamedTuple

import numpy as np

from .._nets.delay import Layer, make_plan
from .._nets.delay_linear import ridge
from .._nets.delay_loss import WindowLoss
from .._series.autoregression import difference, polynomial


class LinearMean(NamedTuple):
    """Weights and biases over ``Averaged.together``, and the penalty of the model that sees inputs."""

    layer: Layer
    alpha: float


def linear_mean(D, O, averaged, series):
    """Fit the mean of both models to the rows of series that are not held back, by the penalties of most evidence.

    Returns ``LinearMean``; None where each row lacks some of its history.
    """
    lags = averaged.input_lags, averaged.output_lags
    with_inputs = _ridge(D, O, *lags, series)
    if with_inputs is None or averaged.share == 1.0:
        return with_inputs
    alone = _ridge(0, O, (), averaged.alone, [_of_past(s, averaged.differences) for s in series])
    if alone is None:
        return None
    s, together = averaged.share, averaged.together
    W = s * _among(with_inputs.layer.W, D, O, lags, together)
    of_y = _in_levels(alone.layer.W, O, averaged)
    W[len(W) - len(of_y) :] += (1 - s) * of_y
    return LinearMean(Layer(W, s * with_inputs.layer.b + (1 - s) * alone.layer.b), with_inputs.alpha)


def _ridge(D, O, input_lags, output_lags, series):
    """Fit one model, as ``LinearMean``; None where each row lacks some of its history."""
    plan = make_plan(D, O, (), "identity", input_lags, output_lags, [])
    loss = WindowLoss(plan, series, 1, False, 0.0, np.float64)
    if loss.n == 0:
        return None
    theta, _, alpha = ridge(plan, tuple(loss.normal_equations(np.zeros(plan.size))))
    return LinearMean(plan.views(theta)[-1], alpha)


def _of_past(s, differences):
    """Return a ``Series`` without inputs, of differences of y; the first rows, which have none, count nothing."""
    coefficients = polynomial(differences)
    Y, first = np.stack([difference(u, coefficients) for u in s.Y.T], axis=1), len(coefficients) - 1
    w = np.where(np.arange(len(Y)) < first, 0.0, s.w)
    return s._replace(X=s.X[:, :0], Y=Y, w=w)


def _among(W, D, O, lags, together):
    """Place weights of inputs and outputs at ``lags`` among those ``together``: oldest first, inputs before outputs."""
    placed, n = [], 0
    for width, of, among in zip((D, O), lags, together):
        to = np.zeros((len(among), width, O))
        to[np.isin(among[::-1], of)] = W[n : n + width * len(of)].reshape(len(of), width, O)
        placed.append(to.reshape(-1, O))
        n += width * len(of)
    return np.concatenate(placed)


def _in_levels(W, O, averaged):
    """Write a model of differences as one of levels at the lags of y ``together``."""
    of_y = averaged.together[1]
    A = np.zeros((max(of_y) + 1, O, O))
    phi = {0: -np.eye(O)} | dict(zip(averaged.alone[::-1], W.reshape(-1, O, O)))
    for n, d in enumerate(polynomial(averaged.differences)):
        for k, P in phi.items():
            if d:
                A[k + n] += d * P
    return A[list(of_y[::-1])].reshape(-1, O)
