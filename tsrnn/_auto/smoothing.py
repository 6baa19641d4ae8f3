"""Exponential smoothing as a candidate: many models of level, trend and season, each as far as the data speak for it.

    u^(k + s) = l(k) + (phi + ... + phi^(s + 1)) b(k) + c(k + s - p j)         j >= 1, the last season known
    e(t) = u(t) - l(t - 1) - phi b(t - 1) - c(t - p)
    l(t) = l(t - 1) + phi b(t - 1) + alpha e(t),   b(t) = phi b(t - 1) + beta e(t),   c(t) = c(t - p) + gamma e(t)

in error-correction form [1]_, of u = g(y).  Errors are linear in the first state x = (l, b, c_1 ... c_p): with e_0
those from a state of zeros and A the responses to units of x, of which that to c_(j + 1) is that to c_1, j rows later,

    e = e_0 - A x         x = argmin |e|^2 + x' D x

The forecast is the mean of those of all models, with or without a trend, with or without a season, by Akaike weights
[2]_, k the number of parameters and states:

    w ~ exp(-AICc / 2)    AICc = n log(|e|^2 / n) + 2 k + 2 k (k + 1) / (n - k - 1)

References
----------
.. [1] R. J. Hyndman, A. B. Koehler, J. K. Ord, R. D. Snyder. "Forecasting with exponential smoothing." Springer, 2008.
.. [2] K. P. Burnham, D. R. Anderson. "Model selection and multimodel inference." Springer, 2nd ed., 2002.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from .._values import kept


ALPHAS = (0.03, 0.1, 0.25, 0.5, 0.8, 1.0)
TRENDS = ((0.0, 0.0), (0.05, 1.0), (0.05, 0.97), (0.2, 0.9))  # beta / alpha, phi; none first
GAMMAS = (0.0, 0.1, 0.3)
LEAST_BEYOND_SEASON = 6  # rows: a season is learnt from so many more than its own
LEVEL, TREND, SEASON = 1e-6, 1e-2, 2e-2  # D: how far the first state is shrunk
LEAST_WEIGHT = 1e-3  # of the best model's, below which one is left out
EXACT = 1e-9  # of the spread of u, the least error that a model is believed to make
MOST_ROWS = 3000  # of the past that is learnt from


@kept("smoothing models")
class Models(NamedTuple):
    """Parameters of G models side by side, (G,) each; phi is 0 where there is no trend."""

    alpha: np.ndarray
    beta: np.ndarray
    phi: np.ndarray
    gamma: np.ndarray


@kept("smoothing state")
class State(NamedTuple):
    """Levels (G,), trends (G,) and seasons (p, G) of models, those of row t at t modulo p."""

    level: np.ndarray
    trend: np.ndarray
    season: np.ndarray


@kept("fitted smoothing")
class Fitted(NamedTuple):
    """Models, their weights (G,), which add up to one, and their state before the first row."""

    models: Models
    weights: np.ndarray
    first: State


def grid(period):
    """Return all models with a season of ``period`` rows, or, for 1, without."""
    rows = [
        (a, a * b, phi, g)
        for a, (b, phi), g in product(ALPHAS, TRENDS, GAMMAS if period > 1 else (0.0,))
        if g <= 1 - a  # beyond, the season would forget faster than it is seen
    ]
    return Models(*np.array(rows).T)


def fit(u, measured, period):
    """Fit models with a season of ``period`` rows, and without, to u (n,); rows not measured are filled."""
    center, p = u.mean(), period if len(u) >= period + LEAST_BEYOND_SEASON else 1
    known = measured if measured.any() else np.ones(len(u), bool)
    models, states, criteria = zip(*(_fit_kind(u - center, known, q, p) for q in {1, p}))
    criterion = np.concatenate(criteria)
    weights = np.exp((criterion.min() - criterion) / 2)
    keep = weights > LEAST_WEIGHT

    def joined(of_kinds):
        return (np.concatenate(v, axis=-1)[..., keep] for v in zip(*of_kinds))

    level, trend, season = joined(states)
    weights = weights[keep] / weights[keep].sum()
    return Fitted(Models(*joined(models)), weights, State(level + center, trend, season))


def learnt(n):
    """Return of how many of n first rows of a new series, ints, models are learnt: n's three leading bits."""
    low_bits = np.maximum(np.frexp(n)[1] - 3, 0)
    return n >> low_bits << low_bits


def _fit_kind(u, known, period, rows):
    """Fit all models with one period; returns them, their first state with a season of ``rows``, and their AICc."""
    models = grid(period)
    first = first_state(models, u, period)
    e, _ = sweep(models, first, u)
    power = (e[known] ** 2).mean(axis=0) + EXACT**2 * max(np.mean(u**2), 1e-300)
    n, k = known.sum(), 2 + (models.phi > 0) * (2 + (models.phi < 1)) + (period if period > 1 else 0)
    criterion = n * np.log(power) + 2 * k + 2 * k * (k + 1) / np.maximum(n - k - 1, 1)
    return models, first._replace(season=np.resize(first.season, (rows, len(k)))), criterion


def run(fitted, u, measured, steps, origins):
    """Forecast u from origins (M,), ascending: (M, steps); rows where u was not measured correct nothing."""
    models, weights, state = fitted
    far = weights * np.cumsum(models.phi ** np.arange(1, steps + 1)[:, None], axis=0)  # (steps, G)
    forecasts, row = np.empty((len(origins), steps)), 0
    for k, origin in enumerate(origins):
        _, state = sweep(models, state, u[row:origin], measured[row:origin], row)
        season = (state.season @ weights)[(origin + np.arange(steps)) % len(state.season)]
        forecasts[k] = state.level @ weights + far @ state.trend + season
        row = origin
    return forecasts


def moved_on(fitted, u, measured):
    """Return what was fitted with its state behind u (n,), which becomes that before a first row."""
    _, state = sweep(fitted.models, fitted.first, u, measured)
    return fitted._replace(first=state._replace(season=np.roll(state.season, -len(u), axis=0)))


def sweep(models, state, u, measured=None, row=0):
    """Run models through u (n,), from row ``row`` on; returns errors (n, G) and the state behind."""
    (level, trend, season), p = state, len(state.season)
    season, errors = season.copy(), np.empty((len(u), len(level)))
    for t, value in enumerate(u):
        drift, now = models.phi * trend, (row + t) % p
        e = errors[t] = value - level - drift - season[now]
        if measured is not None and not measured[t]:
            level, trend = level + drift, drift
            continue
        level = level + drift + models.alpha * e
        trend = drift + models.beta * e
        season[now] += models.gamma * e
    return errors, State(level, trend, season)


def _zeros(models, period):
    """Return a state of zeros."""
    G = len(models.alpha)
    return State(np.zeros(G), np.zeros(G), np.zeros((period, G)))


def first_state(models, u, period):
    """Find the state of all models of a period before u (n,), by least squares."""
    responses, inverse = _normal_equations(period, len(u))
    zeros = _zeros(models, period)
    e, _ = sweep(models, zeros, u)
    right = np.einsum("knG,nG->kG", responses[:2], e)
    if period > 1:
        right = np.concatenate([right, _at_shifts(e, responses[2], period)])
    level, trend, *season = np.einsum("Gkl,lG->kG", inverse, right)
    return State(level, trend, np.stack(season) if season else zeros.season)


@lru_cache(maxsize=6)  # they are the same for all series of a length
def _normal_equations(period, n):
    """Return responses (K, n, G) of -e to units of level, trend and the season's first, and (A'A + D)^-1, (G, K, K)."""
    models, p = grid(period), period if period > 1 else 0
    responses = []
    for unit in range(3 if p else 2):
        state = _zeros(models, period)
        (state.level, state.trend, state.season[0])[unit][:] = 1
        responses.append(-sweep(models, state, np.zeros(n))[0])
    responses = np.stack(responses)
    normal = np.zeros((2 + p, 2 + p, len(models.alpha)))
    normal[:2, :2] = np.einsum("knG,lnG->klG", responses[:2], responses[:2])
    if p:
        for k in range(3):
            normal[k, 2:] = normal[2:, k] = _at_shifts(responses[k], responses[2], p)
        last = responses[2, ::-1][:p]  # rows n - 1, n - 2 ...
        for j in range(1, p):  # sum_t r(t - j) r(t - k) from that of j - 1 and k - 1, one row shorter
            row = normal[1 + j, 1 + j : -1] - last[j - 1] * last[j - 1 : p - 1]
            normal[2 + j, 2 + j :] = normal[2 + j :, 2 + j] = row
    normal = np.moveaxis(normal, 2, 0) + np.diag([LEVEL, TREND] + [SEASON] * p)
    return responses, np.linalg.inv(normal)


def _at_shifts(v, response, period):
    """Sum v(t) response(t - j) over rows t, for j = 0 ... period - 1: (period, G) of v and response (n, G)."""
    size = next_fast_len(2 * len(v), real=True)
    return irfft(rfft(v, size, axis=0) * np.conj(rfft(response, size, axis=0)), size, axis=0)[:period]
