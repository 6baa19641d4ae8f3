"""Blends: weights of forecasts, by step, that are not negative and add up to one, shrunk to plain ones.

    min_w  sum_k (sum_c w_c e_c(k))^2 / min_c sum_k e_c(k)^2 + STRENGTH sum_c (w_c - v_c)^2,    w >= 0, sum_c w_c = 1

over errors e_c(k) of the origins k and a few neighbouring steps together.  The plain weights v are smaller for what
errs more, and shared by those that err alike, r_cd their correlation:

    v_c ~ 1 / (sum_k e_c(k)^2 sum_d max(r_cd, 0)^4)
"""

from itertools import pairwise

import numpy as np
from scipy.optimize import nnls


STRENGTH = 0.2
MOST = 6  # members
ROUNDS = 12


def step_groups(horizon):
    """Groups of neighbouring steps, wider the farther: lists of slices of 0 ... horizon - 1.

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


def weights(wrong, strength=STRENGTH):
    """Weights (C, h) for errors (C, M, h), NaN where y was not measured."""
    C, _, h = wrong.shape
    found = np.full((C, h), 1 / C)
    if C == 1:
        return found
    groups = step_groups(h)
    centers, columns = [], []
    for group in groups:
        of_group = wrong[:, :, group].reshape(C, -1)
        known = np.isfinite(of_group).all(axis=0)
        columns.append(_solve(of_group[:, known], strength) if known.any() else np.full(C, 1 / C))
        centers.append((group.start + group.stop - 1) / 2)
    for c in range(C):
        found[c] = np.interp(np.arange(h), centers, [w[c] for w in columns])
    return found / found.sum(axis=0)


def _solve(wrong, strength):
    """Weights (C,) for errors (C, n)."""
    C = len(wrong)
    G = wrong @ wrong.T
    power = np.maximum(np.diag(G), 1e-300)
    alike = np.maximum(G / np.sqrt(np.outer(power, power)), 0) ** 4
    plain = power.min() / (power * alike.sum(axis=1))
    G = G / power.min()  # sum w = 1: the blend's error is w' G w
    G += strength * np.eye(C)
    unit = strength * plain / plain.sum()
    scale = 1e3 * np.sqrt(max(np.trace(G) / C, 1e-300))
    root = np.linalg.cholesky(G + 1e-12 * np.trace(G) * np.eye(C)).T
    A = np.vstack([root, np.full((1, C), scale)])
    b = np.concatenate([np.linalg.solve(root.T, unit), [scale]])
    w, _ = nnls(A, b)
    return w / w.sum() if w.sum() > 0 else np.full(C, 1 / C)


def choose_members(wrong, naive, most=MOST, rounds=ROUNDS):
    """Which forecasts, the most chosen first: one by one, often, those with which the mean of all chosen errs least.

    wrong : (C, M, h, O), errors, NaN where y was not measured.   naive : (2, h, O), what RMSE and MAE are divided by.
    """
    known = np.isfinite(wrong[0])
    n = np.maximum(known.sum(axis=0), 1)
    wrong = np.where(known, wrong, 0.0)
    chosen, total = [], np.zeros(wrong.shape[1:])
    for k in range(1, rounds + 1):
        allowed = range(len(wrong)) if len(set(chosen)) < most else sorted(set(chosen))
        errors = {c: _error((total + wrong[c]) / k, n, naive) for c in allowed}
        best = min(errors, key=errors.get)
        chosen.append(best)
        total = total + wrong[best]
    return sorted(set(chosen), key=lambda c: (-chosen.count(c), c))


def _error(wrong, n, naive):
    """The mean over steps of RMSE and MAE over those of naive forecasts, of errors (M, h, O), 0 where unknown."""
    mse, mae = np.einsum("mho,mho->ho", wrong, wrong) / n, np.abs(wrong).sum(axis=0) / n
    return float(np.mean(np.stack([np.sqrt(mse), mae]) / naive))
