"""The linear model beside a net, and ARX: a mean of ridge regressions, and of a past y itself, which is linear as well.

    w(t) = D(B) y(t) = b + sum_k P_k w(t - k) + sum_l C_l x(t - l)         a member: of levels, D = 1, or of differences
    y(t) = b + sum_k A_k y(t - k) + sum_l C_l x(t - l)                     it in levels: I - sum_k A_k B^k
                                                                           = (I - sum_k P_k B^k) D(B)
    y^(t) = (1 - r) sum_i s_i member_i(t) + r y(t - p)                     by shares that are 1 together

With inputs one member sees them, and others past y alone.  Of several outputs some explain each other and most do not,
so where ``own`` is asked for, a member is the mean, for each output o, of a model of the past of all and of one of its
own past.  The Bayes factor of the two after N rows, B, is what their likelihoods were a row to the power of N.  Rows
tell that little of those to come, so that with all of it one of the two would be chosen; the root of N remains:

    share of all pasts = B^(1 / sqrt(N)) / (1 + B^(1 / sqrt(N)))
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .._nets.delay import Layer, make_plan
from .._nets.delay_linear import ridge, runs_away, tamed
from .._nets.delay_loss import WindowLoss
from .._nets.linear_sums import JITTER
from .._nets.ridge import HOPELESS, likely_alpha
from .._series.autoregression import difference, polynomial
from .._series.histories import with_histories


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
    solved = [_solved(_plan(D, O, member), of, alpha) for member, of in zip(averaged.members, sums)]
    layers, alphas, losses = zip(*solved)
    if averaged.own and O > 1:
        members = zip(averaged.members, solved, sums)
        layers = [_with_own(D, member, *of[:2], told, alpha) for member, of, told in members]
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


def _solved(plan, sums, alpha):
    """Solve for a member; returns its layer, the penalty and the loss."""
    theta, sse, alpha = ridge(plan, sums, alpha)
    layer = plan.views(theta)[-1]
    weight = sum(alike.weight * len(alike.outputs) for alike in sums)
    return layer, alpha, float((sse + alpha * np.sum(layer.W**2)) / (2 * weight))


def _with_own(D, member, layer, alpha, sums, given):
    """Average a member's ``layer``, solved by ``alpha``, with models of each output's own past; returns the layer.

    These share one penalty, too: that of most evidence for one output alone may be none where rows are few.  What would
    run away only as a mean is left as it was.
    """
    plan, own = _plan(D, 1, member), dict(_own_sums(D, member, layer.W.shape, sums))
    solvers = {o: of.factored() for o, (_, of) in own.items()}
    evident = [solver.for_evidence() for solver in solvers.values()]
    own_alpha = likely_alpha(evident, True) if given is None else given
    shares = _shares_of_all(sums, alpha, solvers, own_alpha)
    W, b = layer.W * shares, layer.b * shares
    for o, (seen, of) in own.items():
        solved = ridge(plan, [of], given) if given is not None else tamed(plan, [of], [solvers[o]], own_alpha)
        w, c = plan.views(solved.theta)[-1]
        W[seen, o] += (1 - shares[o]) * w[:, 0]
        b[o] += (1 - shares[o]) * c[0]
    whole, n_rows = _plan(D, len(b), member), int(max(alike.weight for alike in sums))
    mean_runs, it_ran = (runs_away(whole, np.append(w.ravel(), c), n_rows) for w, c in ((W, b), layer))
    return layer if mean_runs and not it_ran else Layer(W, b)


def _own_sums(D, member, shape, sums):
    """Yield, of each output, the rows of weights (P, O) of inputs and its own past, and what is said of them."""
    (P, O), n_inputs = shape, D * len(member.input_lags)
    for alike in sums:
        for k, o in enumerate(alike.outputs):
            seen = np.r_[:n_inputs, n_inputs + o : P : O]
            own = alike.of(slice(k, k + 1)).seeing(np.append(seen, P))  # the bias last
            yield o, (seen, own._replace(outputs=np.zeros(1, int)))


def _shares_of_all(sums, alpha, own, own_alpha):
    """Weigh a model of the past of all outputs, by its evidence, with those of each output's own past: (O,).

    own : {output: its sums ``factored``}.
    """
    shares = np.empty(len(own))
    for alike in sums:
        of_all = _minus_evidence(alike.factored(), alpha)
        of_own = np.concatenate([_minus_evidence(own[o], own_alpha) for o in alike.outputs])
        shares[alike.outputs] = expit(-0.5 * (of_all - of_own) / np.sqrt(alike.weight))
    return shares


def _minus_evidence(solver, alpha):
    """Return -2 log evidence of each output, (K,), at a penalty, which may be 0."""
    system = solver.for_evidence()
    return np.minimum(system.minus_evidence(max(alpha, JITTER * system.mean_square), True), HOPELESS)


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
