"""Blends: non-negative weights of forecasts that add up to one at each step, shrunk to a plain rule.

    min_w  sum_k (sum_c w_c e_c(k))^2 / min_c sum_k e_c(k)^2 + STRENGTH sum_c (w_c - v_c)^2,    w >= 0, sum_c w_c = 1

over errors e_c(k) of the origins k, a few neighbouring steps pooled.  The plain weights v are smaller for members that
err more, and divided among those whose errors are alike, r_cd their correlation:

    v_c ~ 1 / (sum_k e_c(k)^2 sum_d max(r_cd, 0)^4)
"""

from itertools import pairwise

import numpy as np
from scipy.optimize import nnls


STRENGTH = 0.2  # of the shrinkage, in units of the best member's squared error
MOST = 6  # members: more cost time and change a mean of forecasts little
LEAST_POWER = 1e-24  # of all members' squared errors: a member whose own are less has this much
ROUNDS = 12  # of greedy selection: the mean weighs members in twelfths


def joined(forecasts, weights, ensemble):
    """Join forecasts (C, M, h, O), without NaN, to their mean by weights (C, h, O), or "median"; (M, h, O)."""
    if ensemble == "median":
        return np.median(forecasts, axis=0)
    return np.einsum("cmho,cho->mho", forecasts, weights)


def step_groups(horizon):
    """Group neighbouring steps, the farther the wider: slices of 0 ... horizon - 1.

    >>> step_groups(6)
    [slice(0, 1, None), slice(1, 3, None), slice(3, 6, None)]
    """
    edges, width = [0], 1
    while edges[-1] < horizon:
        edges.append(edges[-1] + width)
        width *= 2
    edges[-1] = horizon
    if len(edges) > 2 and edges[-1] - edges[-2] < (edges[-2] - edges[-3]) / 2:
        del edges[-2]
    return [slice(a, b) for a, b in pairwise(edges)]


def weights(wrong):
    """Weigh members by their errors (C, M, h), NaN where y was not measured; returns (C, h)."""
    C, _, h = wrong.shape
    by_step = np.full((C, h), 1 / C)
    if C == 1:
        return by_step
    groups = step_groups(h)
    centers, columns = [], []
    for group in groups:
        of_group = wrong[:, :, group].reshape(C, -1)
        measured = np.isfinite(of_group).all(axis=0)
        columns.append(_solve(of_group[:, measured]) if measured.any() else np.full(C, 1 / C))
        centers.append((group.start + group.stop - 1) / 2)
    for c in range(C):
        by_step[c] = np.interp(np.arange(h), centers, [w[c] for w in columns])
    return by_step / by_step.sum(axis=0)


def _solve(wrong):
    """Solve for weights (C,), given errors (C, n)."""
    C = len(wrong)
    G = wrong @ wrong.T
    power = np.maximum(np.diag(G), max(LEAST_POWER * np.trace(G), 1e-150))
    alike = np.maximum(G / np.sqrt(np.outer(power, power)), np.eye(C)) ** 4
    plain = power.min() / (power * alike.sum(axis=1))
    G = G / power.min()  # sum w = 1: the blend's error is w' G w
    G += STRENGTH * np.eye(C)
    unit = STRENGTH * plain / plain.sum()
    scale = 1e3 * np.sqrt(max(np.trace(G) / C, 1e-300))
    root = np.linalg.cholesky(G + 1e-12 * np.trace(G) * np.eye(C)).T
    A = np.vstack([root, np.full((1, C), scale)])
    b = np.concatenate([np.linalg.solve(root.T, unit), [scale]])
    w, _ = nnls(A, b)
    return w / w.sum() if w.sum() > 0 else np.full(C, 1 / C)


def choose_members(wrong, naive):
    """Select members greedily, with replacement (Caruana et al. 2004); returns numbers, the most often chosen first.

    wrong : (C, M, h, O), errors, NaN where y was not measured.   naive : (2, h, O), RMSE and MAE of the naive forecast.
    """
    measured = np.isfinite(wrong[0])
    n = np.maximum(measured.sum(axis=0), 1)
    wrong = np.where(measured, wrong, 0.0)
    chosen, total = [], np.zeros(wrong.shape[1:])
    for k in range(1, ROUNDS + 1):
        allowed = range(len(wrong)) if len(set(chosen)) < MOST else sorted(set(chosen))
        errors = {c: _error((total + wrong[c]) / k, n, naive) for c in allowed}
        best = min(errors, key=errors.get)
        chosen.append(best)
        total = total + wrong[best]
    return sorted(set(chosen), key=lambda c: (-chosen.count(c), c))


def _error(wrong, n, naive):
    """Average over steps RMSE and MAE relative to the naive ones, of errors (M, h, O), 0 where unknown."""
    mse, mae = np.einsum("mho,mho->ho", wrong, wrong) / n, np.abs(wrong).sum(axis=0) / n
    return float(np.mean(np.stack([np.sqrt(mse), mae]) / naive))
