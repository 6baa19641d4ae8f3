"""Measures of a reservoir: how long it remembers its start, how well its input, and whether two states converge.

    memory length        steps until |x(t) - x'(t)| < 0.01 |x(0) - x'(0)| for good, from two states with one drive
    memory capacity      sum_k r^2(k), r(k) the correlation of noise u(t - k) with a linear readout of the states [1]
    Lyapunov exponent    mean of log |x(t + 1) - x'(t + 1)| / |x(t) - x'(t)|, x' next to x, with one drive [2]

[1] H. Jaeger, "Short term memory in echo state networks", GMD Report 152, 2001.
[2] L. M. Pecora, T. L. Carroll, "Synchronization in chaotic systems", Physical Review Letters 64(8), 1990.
"""

import numpy as np

from .echo_state import LEAST
from .ridge import add_rows, no_sums, ridge


WARM_UP = 100  # steps of noise before those that are learnt from
ALPHA = 1e-8  # penalty of the readouts of noise, times the number of steps
CLOSE = 1e-7  # distance of two states, for a derivative
NEAR = 0.01  # of the first distance, below which two states have met


def memory_length(dynamics, X, Y):
    """Count steps until the states from zeros and from the mean state are close for good; inf where they are not.

    X, Y : (N, D), (N, O), rows that drive both, without NaN.
    """
    first, cold = dynamics.first(), dynamics.cold()
    start = np.linalg.norm(np.concatenate(cold.states))
    runs = [dynamics.blocks(X, Y, memory, read=False, length=32) for memory in (first, cold)]
    last = 0
    for (t, _, S, _), (_, _, S_cold, _) in zip(*runs):
        apart = np.flatnonzero(np.linalg.norm(S[1:] - S_cold[1:], axis=1) > NEAR * start)
        if len(apart) == 0:
            return last
        last = t + int(apart[-1]) + 1
    return last if last < len(Y) else np.inf


def memory_capacity(dynamics, K, n, rng):
    """Correlate noise of 1 ... K steps ago with linear readouts of the states, in n steps; returns r^2, (K,).

    Readouts are learnt from one half of the steps, and judged on the other.
    """
    net = dynamics.reservoir
    u = np.sqrt(3) * rng.uniform(-1, 1, n)  # variance 1
    halves = [no_sums(net.R + 1, K) for _ in range(2)]
    first, middle = max(K, WARM_UP), (n + max(K, WARM_UP)) // 2
    state, columns = np.zeros(net.R), np.array([True, False, True, False])
    for t in range(0, n, LEAST):
        V = np.zeros((min(LEAST, n - t), len(net.W_in)))
        V[:, 0] = u[t : t + len(V)]
        S = dynamics.driven(V, state)
        steps = np.arange(t, t + len(V))
        delayed = u[np.maximum(steps[:, None] - np.arange(1, K + 1), 0)]
        for k, half in enumerate(((steps >= first) & (steps < middle), steps >= middle)):
            halves[k] = add_rows(halves[k], columns, V, S, delayed, np.flatnonzero(half), half * 1.0)
        state = S[-1]
    (fitted,), (judged,) = (half.normal() for half in halves)
    return _squared_correlations(ridge(fitted, ALPHA * fitted.weight, True), judged)


def _squared_correlations(W, sums):
    """Compute the squared correlations (K,) of targets with what a readout W (P, K) gives, from sums over rows."""
    n = sums.weight
    mean, mean_y = sums.ZZ[0] @ W / n, sums.ZY[0] / n
    covariance = np.sum(W * sums.ZY, axis=0) / n - mean * mean_y
    variance = np.sum(W * (sums.ZZ @ W), axis=0) / n - mean**2
    return covariance**2 / np.maximum(variance * (sums.yy / n - mean_y**2), np.finfo(float).tiny)


def lyapunov_exponent(dynamics, X, Y, memory):
    """Average the logarithmic growth, a step, of the distance of two states that rows X (N, D), Y (N, O) drive."""
    apart = np.random.default_rng(0).normal(size=dynamics.reservoir.R)
    apart /= np.linalg.norm(apart)
    total = 0.0
    for _, V, S, _ in dynamics.blocks(X, Y, memory, read=False):
        for t in range(len(V)):
            apart = dynamics.driven(V[t : t + 1], S[t] + CLOSE * apart)[1] - S[t + 1]
            size = np.linalg.norm(apart)
            if size == 0:  # they have met
                return -np.inf
            total += np.log(size / CLOSE)
            apart /= size
    return float(total / len(Y))
