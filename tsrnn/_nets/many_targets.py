"""Ridge regression of many targets on the same examples, some of whose targets are not known.

    (Z'Z + alpha D) W = Z'Y          of z and 1, the bias free; alpha: of most evidence, see ``ridge.py``

A target that is not known is set to what W says of it, and W found again [1]: each target's weights tend to those of
the rows where it is known, by about its unknown share a round, while Z'Z is that of all rows.

Where the last numbers of z are a history of y, W is found twice: of *levels* as above, drawn to the mean of y, and of
*changes* from the last y, drawn to that, which go with a level that moves [2].  Their sums follow from the others:

    z' = M z,  y' = y - S'z          Z'Z' = M Z'Z M',  Z'Y' = M (Z'Y - Z'Z S)          W = M'W' + S

S, M: what tells the last y of each target, and what subtracts it from all y of the same output.

Dimensions: N examples of P numbers, K targets of O outputs each step, of which the last numbers of z are a history.

.. [1] M. Healy, M. Westmacott. "Missing values in experiments analysed on automatic computers." Applied Statistics
   5(3), 1956.
.. [2] A. Zeng, M. Chen, L. Zhang, Q. Xu. "Are transformers effective for time series forecasting?" AAAI 2023.
"""

import numpy as np

from .._training.least_squares import add_normal_equations
from .delay import make_plan
from .delay_linear import linear_information, ridge
from .linear_sums import Alike, FewRows


BLOCK = 4096  # examples at a time
CLOSE = 1e-4  # share of the distance to the solution that rounds leave
MOST_ROUNDS = 20  # where nearly all of a target is unknown


def linear_plan(P, K):
    """Lay out a linear model of K targets on examples of P numbers."""
    return make_plan(P, K, (), "identity", (0,), (), [])


def learn_linear(plan, series, T, O):
    """Solve for theta of a plan from a list of (Z (N, P), Y (N, K), w (N,)); Y is NaN where unknown.

    T, O : rows of y, of O outputs, at the end of z.
    Returns theta (2, .) of levels and of changes, what rows say of later ones, ``LinearInformation``, and the penalty.
    """
    theta, alpha = np.zeros((2, plan.size)), None
    W, b = plan.views(theta[0])[-1]
    b[:], unknown = _means(series)
    n = sum(int((w > 0).sum()) for *_, w in series)
    few, unit = n <= len(W), sum(w.sum() for *_, w in series) / n
    series = [(Z, Y, w / unit) for Z, Y, w in series]  # so that, for the evidence, weights add up to rows
    blocks = list(_blocks(series))
    whole = [not few and np.isfinite(Y[rows]).all() for _, Y, _, rows in blocks]
    # the same in all rounds
    known = _sums([block for block, is_whole in zip(blocks, whole) if is_whole], W, b)
    others = [block for block, is_whole in zip(blocks, whole) if not is_whole]
    for _ in range(_rounds(unknown)):
        sums = _rows(others, W, b) if few else known + _sums(others, W, b)
        theta[0], _, alpha = ridge(plan, (sums,), alpha)
    theta[1] = _of_changes(plan, sums, T, O)
    information = linear_information(plan, (sums,))
    return theta, information._replace(weight=unit * information.weight), unit * alpha


def _of_changes(plan, sums, T, O):
    """Solve for theta of changes from the last y."""
    P, K = (plan.shapes[-1][0], plan.n_outputs)
    last, S = P - O + np.arange(O), np.zeros((P + 1, K))
    S[last[np.arange(K) % O], np.arange(K)] = 1.0
    sums = sums.less(S)
    if isinstance(sums, FewRows):
        sums = sums._replace(Z=_less_last(sums.Z, P, T, O))
    else:
        A = _less_last(_less_last(sums.A, P, T, O).T, P, T, O)
        sums = sums._replace(A=np.ascontiguousarray(A), c=_less_last(sums.c.T, P, T, O).T)
    theta, _, _ = ridge(plan, (sums,))
    W, _ = plan.views(theta)[-1]
    of_y = W[P - T * O :].reshape(T, O, K)
    of_y[-1] -= of_y.sum(axis=0)
    W += S[:-1]
    return theta


def _less_last(V, P, T, O):
    """Subtract the last y from each of the same output, in columns of V (., P + 1)."""
    V = V.copy()
    y = V[:, P - T * O : P].reshape(len(V), T, O)
    V[:, P - T * O : P] = (y - y[:, -1:]).reshape(len(V), T * O)
    return V


def _rounds(unknown):
    """Return how often to solve, where so large a share of a target is unknown."""
    if unknown == 0.0:
        return 1
    return 1 + int(np.clip(np.log(CLOSE) / np.log(unknown), 1, MOST_ROUNDS))


def _means(series):
    """Return the mean of each target (K,), and the largest share of a target that is unknown."""
    known, total, n = 0.0, 0.0, 0
    for _, Y, w in series:
        Y = Y[w > 0]
        known, total, n = known + np.isfinite(Y).sum(axis=0), total + np.nansum(Y, axis=0), n + len(Y)
    return total / np.maximum(1, known), 1.0 - known.min() / n


def _blocks(series):
    """Yield Z, Y, w and the rows of some examples that count."""
    for Z, Y, w in series:
        chosen = np.flatnonzero(w > 0)
        for i in range(0, len(chosen), BLOCK):
            yield Z, Y, w, chosen[i : i + BLOCK]


def _filled(block, W, b):
    """Return [z, 1] (M, P + 1), targets (M, K), what W says in place of those that are unknown, and weights (M,)."""
    Z, Y, w, rows = block
    z, y = Z[rows], Y[rows].astype(np.float64)
    unknown = np.isnan(y)
    if unknown.any():
        y[unknown] = (z @ W + b)[unknown]
    return np.hstack([z, np.ones((len(z), 1))]), y, w[rows]


def _sums(blocks, W, b):
    """Sum over examples, ``Alike``."""
    P, K = W.shape
    A, c, yy, weight = np.zeros((P + 1, P + 1)), np.zeros((P + 1, K)), np.zeros(K), 0.0
    for block in blocks:
        z, y, w = _filled(block, W, b)
        add_normal_equations(z, y, w, A, c)
        yy, weight = yy + w @ y**2, weight + float(w.sum())
    return Alike(np.arange(K), A, c, yy, weight)


def _rows(blocks, W, b):
    """Return examples that are fewer than weights as they are, ``FewRows``."""
    filled = [_filled(block, W, b) for block in blocks]
    Z, Y = (np.concatenate([np.sqrt(f[2])[:, None] * f[k] for f in filled]) for k in (0, 1))
    return FewRows(np.arange(Y.shape[1]), Z, Y)
