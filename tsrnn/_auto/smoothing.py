"""Exponential smoothing as a candidate: level, damped trend and season, for short series and those that drift.

    u^(k + s) = l(k) + (phi + ... + phi^(s + 1)) b(k) + c(k + s - p j)         j >= 1, the last season known
    e(t) = u(t) - l(t - 1) - phi b(t - 1) - c(t - p)
    l(t) = l(t - 1) + phi b(t - 1) + alpha e(t),   b(t) = phi b(t - 1) + beta e(t),   c(t) = c(t - p) + gamma e(t)

in error-correction form [1], of u = g(y).  A grid of parameters runs side by side; the one with the least error over
all steps and origins before a cut is chosen there.

[1] R. J. Hyndman, A. B. Koehler, J. K. Ord, R. D. Snyder, "Forecasting with exponential smoothing", Springer, 2008.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

from .._values import kept


ALPHAS = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8, 0.95)
TRENDS = ((0.0, 1.0), (0.05, 0.98), (0.05, 0.9), (0.15, 0.98), (0.02, 1.0))  # beta / alpha, phi
GAMMAS = (0.0, 0.03, 0.1, 0.25, 0.5)
MOST_ROWS = 3000  # of the past that is run through
MOST_FORECASTS = 6000  # values that parameters are compared by


@kept("smoothing parameters")
class Grid(NamedTuple):
    """G sets of parameters side by side, (G,) each, and the season in rows (1 for none)."""

    alpha: np.ndarray
    beta: np.ndarray
    phi: np.ndarray
    gamma: np.ndarray
    period: int

    def one(self, k):
        """Return the k-th set alone."""
        return Grid(*(v[k : k + 1] for v in self[:4]), self.period)


def grid(period):
    """Return all combinations of parameters."""
    gammas = GAMMAS if period > 1 else (0.0,)
    rows = np.array([(a, a * b, phi, g) for a, (b, phi), g in product(ALPHAS, TRENDS, gammas)])
    return Grid(*rows.T, period)


def run(params, u, measured, steps, origins):
    """Forecast u from origins (M,), ascending: (G, M, steps); rows where u was not measured correct nothing."""
    p, G = params.period, len(params.alpha)
    level, trend, season = _begin(u, p, G)
    far = np.cumsum(params.phi[:, None] ** np.arange(1, steps + 1), axis=1)  # (G, steps)
    forecasts = np.empty((G, len(origins), steps))
    ahead = np.arange(steps)
    k = 0
    for t in range(int(origins[-1]) + 1 if len(origins) else 0):
        if k < len(origins) and origins[k] == t:
            forecasts[:, k] = level[:, None] + trend[:, None] * far + season[:, (t + ahead) % p]
            k += 1
        if t >= len(u) or not measured[t]:
            level = level + params.phi * trend
            trend = params.phi * trend
            continue
        drift = params.phi * trend
        e = u[t] - level - drift - season[:, t % p]
        level = level + drift + params.alpha * e
        trend = drift + params.beta * e
        season[:, t % p] += params.gamma * e
    return forecasts


def _begin(u, p, G):
    """Start level, trend (G,) and season (G, p) from the first two seasons."""
    head = u[: 2 * p] if p > 1 else u[:4]
    if p == 1 or len(head) < 2 * p:
        return np.full(G, head[:2].mean()), np.zeros(G), np.zeros((G, p))
    first, second = head[:p].mean(), head[p:].mean()
    slope = (second - first) / p
    line = first + slope * (np.arange(2 * p) - (p - 1) / 2)
    season = (head - line).reshape(2, p).mean(axis=0)
    return np.full(G, line[0] - slope), np.full(G, slope), np.tile(season - season.mean(), (G, 1))


def choose(params, u, measured, steps, cuts):
    """Return, for each of the ascending cuts, the number of the parameters that err least before it."""
    p, n = params.period, cuts[-1]
    origins = np.arange(min(2 * p + 2, max(1, n // 3)), n)
    most = max(60, MOST_FORECASTS // steps)
    if len(origins) > most:  # drawn at random: every 24th would see one hour of the day only
        origins = np.sort(np.random.default_rng(0).permutation(origins)[:most])
    forecasts = run(params, u[:n], measured, steps, origins)  # (G, M, steps)
    at = origins[:, None] + np.arange(steps)
    inside = (at < n) & measured[np.minimum(at, len(measured) - 1)]
    wrong = np.where(inside, forecasts - u[np.minimum(at, n - 1)], 0.0)
    chosen = []
    for cut in cuts:
        counts = inside & (at < cut)
        if not counts.any():
            chosen.append(0)
            continue
        n_step = np.maximum(counts.sum(axis=0), 1)
        mse = (wrong**2 * counts).sum(axis=1) / n_step  # (G, steps)
        mae = (np.abs(wrong) * counts).sum(axis=1) / n_step
        reached = counts.any(axis=0)
        mse, mae = np.sqrt(mse[:, reached]), mae[:, reached]
        score = (mse / np.maximum(mse.min(axis=0), 1e-300) + mae / np.maximum(mae.min(axis=0), 1e-300)).mean(
            axis=1
        )
        chosen.append(int(np.argmin(score)))
    return chosen
