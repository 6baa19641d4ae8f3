"""The linear model beside a net, and ARX: a mean of ridge regressions, and of a past y itself, which is linear as well.

    w(t) = D(B) y(t) = b + sum_k P_k w(t - k) + sum_l C_l x(t - l)         a member: of levels, D = 1, or of differences
    y(t) = b + sum_k A_k y(t - k) + sum_l C_l x(t - l)                     it in levels: I - sum_k A_k B^k
                                                                           = (I - sum_k P_k B^k) D(B)
    y^(t) = (1 - r) sum_i s_i member_i(t) + r y(t - p)                     by shares that are 1 together

An x known to UNSURE of its spread s makes the penalty of x alone at least N (UNSURE s)^2: lags of a smooth x are nearly
one, and with less their weights cancel but where x jumps, as it does where a series begins.

With inputs one member sees them, and others past y alone.  Of several series each may be averaged with models of each
one's own past (``own_past.py``).
"""

from typing import NamedTuple

import numpy as np

from .._nets.delay import Layer, make_plan
from .._nets.delay_linear import ridge, runs_away
from .._nets.delay_loss import WindowLoss
from .._series.autoregression import difference, polynomial
from .._series.histories import with_histories
from .own_past import with_own


UNSURE = 3e-3


class LinearMean(NamedTuple):
    """Weights and biases over ``Averaged.together``, the penalty of the first member, and the loss.

    loss : half the mean squared error plus the penalty, on average over the members, by their shares.
    """

    layer: Layer
    alpha: float
    loss: float


def linear_mean(D, O, averaged, series):
    """Fit the mean to the rows of series that are not held back, by the penalties of most evidence.

    D, O : columns of inputs and of y.   Returns ``LinearMean``; None where each row lacks some of its history.
    """
    sums = sums_of(D, O, averaged, with_histories(series, averaged.together[1]))
    return sums and mean_of(D, O, averaged, sums)


def sums_of(D, O, averaged, series):
    """Sum what the rows of series that are not held back tell each member: a tuple of ``Alike`` or ``FewRows`` each.

    Returns a tuple of them; None where each row lacks some of its history.
    """
    plans = [_plan(D, O, member) for member in averaged.members]
    losses = [
        WindowLoss(plan, [_seen(s, member) for s in series], 1, False, 0.0, np.float64)
        for plan, member in zip(plans, averaged.members)
    ]
    if not all(loss.n for loss in losses):
        return None
    return tuple(tuple(loss.normal_equations(np.zeros(plan.size))) for loss, plan in zip(losses, plans))


def mean_of(D, O, averaged, sums, alpha=None):
    """Solve for each member, by a given penalty or those of most evidence; returns ``LinearMean``."""
    solved = [_solved(averaged, D, O, member, of, alpha) for member, of in zip(averaged.members, sums)]
    layers, alphas, losses = zip(*solved)
    together = averaged.together
    levels = [
        Layer(_in_levels(layer.W, D, O, member, together), layer.b)
        for member, layer in zip(averaged.members, layers)
    ]
    shares = np.array([member.share for member in averaged.members])
    layer = _tame(D, O, averaged, levels, shares, int(max(alike.weight for alike in sums[0])))
    return LinearMean(layer, alphas[0], float(shares @ losses))


def _tame(D, O, averaged, levels, shares, n_rows):
    """Average members in levels; a mean may run away though none of them does, and then those of least share go."""
    plan, whole = make_plan(D, O, (), "identity", *averaged.together, []), shares
    for k in np.argsort(shares) if len(shares) > 1 or averaged.repeated else ():
        layer = _mean(averaged, levels, shares, (D, O))
        if not runs_away(plan, np.concatenate([layer.W.ravel(), layer.b]), n_rows):
            return layer
        shares = np.where(np.arange(len(shares)) == k, 0.0, shares)
        shares = shares / max(shares.sum(), 1e-300)
    return _mean(averaged, levels, whole, (D, O))


def _mean(averaged, levels, shares, widths):
    """Average the layers of members in levels, and y of before.   widths : D, O."""
    W, b = (sum(share * v for share, v in zip(shares, of)) for of in zip(*levels))
    if (r := averaged.repeated) > 0.0:
        W, b = (1 - r) * W, (1 - r) * b
        W[_rows_of(averaged.period, *widths, averaged.together)] += r * np.eye(widths[1])
    return Layer(W, b)


def _plan(D, O, member):
    """Lay out a member, of past y alone without the D inputs."""
    return make_plan(
        D if member.input_lags else 0, O, (), "identity", member.input_lags, member.output_lags, []
    )


def _seen(s, member):
    """Return a ``Series`` as a member sees it: of differences, the first rows, which have none, count nothing."""
    X = s.X if member.input_lags else s.X[:, :0]
    if not member.differences:
        return s._replace(X=X)
    coefficients = polynomial(member.differences)
    Y, first = np.stack([difference(u, coefficients) for u in s.Y.T], axis=1), len(coefficients) - 1
    return s._replace(X=X, Y=Y, w=np.where(np.arange(len(Y)) < first, 0.0, s.w))


def _solved(averaged, D, O, member, sums, given):
    """Solve for a member; returns its layer, the penalty and the loss, both of a model of all pasts."""
    plan = _plan(D, O, member)
    theta, sse, alpha = ridge(plan, sums, given)
    if given is None and not member.output_lags:
        least = UNSURE**2 * _spread(max(sums, key=lambda alike: alike.weight))
        theta, sse, alpha = ridge(plan, sums, least) if alpha < least else (theta, sse, alpha)
    layer = plan.views(theta)[-1]
    weight = sum(alike.weight * len(alike.outputs) for alike in sums)
    loss = float((sse + alpha * np.sum(layer.W**2)) / (2 * weight))
    if averaged.own:
        layer = with_own(averaged, D, member, (plan, theta), alpha, sums, given)
    return layer, alpha, loss


def _spread(alike):
    """Return the sum of squares of x about its mean: the median of columns."""
    return float(np.median((alike.squares() - alike.totals() ** 2 / alike.weight)[:-1]))


def _in_levels(W, D, O, member, together):
    """Write the weights of a member, oldest lag first, inputs before outputs, over the lags ``together``, of levels."""
    inputs, outputs = (len(lags) for lags in together)
    levels, n = np.zeros((D * inputs + O * outputs, O)), D * len(member.input_lags)
    for k, of_inputs in zip(member.input_lags[::-1], W[:n].reshape(-1, D, O) if n else ()):
        at = D * together[0][::-1].index(k)
        levels[at : at + D] = of_inputs
    P = {0: -np.eye(O)} | dict(zip(member.output_lags[::-1], W[n:].reshape(-1, O, O)))
    for step, d in enumerate(polynomial(member.differences)):
        for k, of_y in P.items() if d else ():
            if k + step:
                levels[_rows_of(k + step, D, O, together)] += d * of_y
    return levels


def _rows_of(lag, D, O, together):
    """Return the slice of the weights of y at a lag, behind those of D inputs."""
    at = D * len(together[0]) + O * together[1][::-1].index(lag)
    return slice(at, at + O)
