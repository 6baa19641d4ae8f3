"""The linear model beside a net, and ARX: a mean of one that sees inputs, one of past y alone, and a past y itself.

    m(t) = s [b + sum_k a_k y(t - k) + sum_l c_l x(t - l)] + (1 - s) [b' + sum_k a'_k y(t - k)]     ridge regressions
    y^(t) = (1 - r) m(t) + r y(t - p)

What the second one learns may be differences w(t) = D(B) y(t), of which it sees some lags, w(t) = sum_l P_l w(t - l) +
b'; in levels that is sum_k A_k B^k = I - (I - sum_l P_l B^l) D(B).
"""

from typing import NamedTuple

import numpy as np

from .._nets.delay import Layer, make_plan
from .._nets.delay_linear import ridge
from .._nets.delay_loss import WindowLoss
from .._series.autoregression import difference, polynomial
from .._series.histories import with_histories


class LinearMean(NamedTuple):
    """Weights and biases over ``Averaged.together``, the penalty of the model that sees inputs, and the loss.

    loss : half the mean squared error plus the penalty; of two models on average, by their shares.
    """

    layer: Layer
    alpha: float
    loss: float


def linear_mean(D, O, averaged, series):
    """Fit the mean of both models to the rows of series that are not held back, by the penalties of most evidence.

    Returns ``LinearMean``; None where each row lacks some of its history.
    """
    plans = plans_of(D, O, averaged)
    sums = sums_of(plans, averaged, with_histories(series, averaged.together[1]))
    return sums and mean_of(plans, averaged, sums)


def plans_of(D, O, averaged):
    """Lay out the model that sees inputs and, if it is not alone, that of past y."""
    with_inputs = make_plan(D, O, (), "identity", averaged.input_lags, averaged.output_lags, [])
    if averaged.share == 1.0:
        return [with_inputs]
    return [with_inputs, make_plan(0, O, (), "identity", (), averaged.alone, [])]


def sums_of(plans, averaged, series):
    """Sum what the rows of series that are not held back tell each model: a tuple of ``Alike`` or ``FewRows`` each.

    Returns a tuple of them; None where each row lacks some of its history.
    """
    seen = [series, *([_of_past(s, averaged.differences) for s in series] for _ in plans[1:])]
    losses = [WindowLoss(plan, rows, 1, False, 0.0, np.float64) for plan, rows in zip(plans, seen)]
    if not all(loss.n for loss in losses):
        return None
    return tuple(tuple(loss.normal_equations(np.zeros(plan.size))) for loss, plan in zip(losses, plans))


def mean_of(plans, averaged, sums, alpha=None):
    """Solve for each model, by a given penalty or those of most evidence; returns ``LinearMean``.

    averaged : None for one model.
    """
    (layer, *of_past), (alpha, *_), losses = zip(*(_solved(*of, alpha) for of in zip(plans, sums)))
    if averaged is None:
        return LinearMean(layer, alpha, *losses)
    (D, O), together = (plans[0].n_inputs, plans[0].n_outputs), averaged.together
    s, r, lags = averaged.share, averaged.repeated, (averaged.input_lags, averaged.output_lags)
    W, b = s * _among(layer.W, D, O, lags, together), s * layer.b
    for past in of_past:
        of_y = _in_levels(past.W, O, averaged)
        W[len(W) - len(of_y) :] += (1 - s) * of_y
        b = b + (1 - s) * past.b
    if r > 0.0:
        W = (1 - r) * W + r * _among(np.eye(O), D, O, ((), (averaged.period,)), together)
    return LinearMean(Layer(W, (1 - r) * b), alpha, float(np.dot([s, 1 - s][: len(losses)], losses)))


def _solved(plan, sums, alpha):
    """Solve for one model; returns its layer, the penalty and the loss."""
    theta, sse, alpha = ridge(plan, sums, alpha)
    layer = plan.views(theta)[-1]
    weight = sum(alike.weight * len(alike.outputs) for alike in sums)
    return layer, alpha, float((sse + alpha * np.sum(layer.W**2)) / (2 * weight))


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
