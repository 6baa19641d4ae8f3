"""A linear autoregression that forecasts many steps at once, by which lags, transforms and races are judged.

With the backshift B, differences D(B) = (1 - B^p)(1 - B^q) ..., w = D(B) u and regressors e(t) that are known ahead,

    w(t) = sum_l phi_l w(t - l) + c e(t) + b + noise                   ridge regression, one step ahead
    u(t) = sum_i a_i u(t - i) + g(t),    g(t) = c e(t) + b             the same in levels:
                                                                       1 - sum_i a_i B^i = (1 - sum_l phi_l B^l) D(B)

so that the forecast of step s = 0, 1 ... from origin k is linear in the known values, and needs no loop over time:

    u^(k + s) = sum_i C_si u(k - i) + sum_r psi_r g(k + s - r),    psi = 1 / A,    C_s = shift^s a + sum_r a_r C_(s - r)

All origins are then one product of matrices.  The sums that ridge needs are additive over rows, so fits that end at
several cuts share them, and one decomposition serves every penalty.

Arrays: u (N,) levels without NaN, E (N, F), counts (N,) the weights of the rows to learn from.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from .._values import kept


LEAST_GROWN, MOST_GROWN = 40, 2000  # rows of a free run that tell whether it grows
MOST_GROWTH, LEAST_SIZE = 10.0, 1e-3  # over a half of them; of a start of 1, below which growth is none


@kept("autoregression")
class Autoregression(NamedTuple):
    """A fitted autoregression, in levels.

    a : (P,), of u(t - 1) ... u(t - P).   c : (F,), of e(t).   b : float.   noise : variance of w that is left.
    """

    a: np.ndarray
    c: np.ndarray
    b: float
    noise: float


@kept("sums of a race")
class Sums(NamedTuple):
    """What ridge regression needs of some rows z, w: weights, sums and products.

    n : float.   mean : (p + 1,), of z and, last, w.   products : (p + 1, p + 1), centred, over n.
    """

    n: float
    mean: np.ndarray
    products: np.ndarray


@lru_cache(maxsize=64)
def polynomial(differences):
    """Multiply out (1 - B^p)(1 - B^q) ... for lags p, q ..., a tuple; returns coefficients (K + 1,), read-only."""
    whole = np.ones(1)
    for lag in differences:
        factor = np.zeros(lag + 1)
        factor[[0, -1]] = 1.0, -1.0
        whole = np.convolve(whole, factor)
    whole.flags.writeable = False
    return whole


def difference(u, coefficients):
    """Compute w (N,) = D(B) u; the first K rows, which have no past, are NaN."""
    w = np.full(len(u), np.nan)
    K = len(coefficients) - 1
    if len(u) > K:
        w[K:] = sum(d * u[K - k : len(u) - k] for k, d in enumerate(coefficients) if d)
    return w


def regressors(u, E, lags, differences):
    """Lay out rows z (N, p) = [w(t - l), e(t)] and, last, w(t); NaN where there is no past."""
    w = difference(u, polynomial(differences))
    rows = np.full((len(u), len(lags) + E.shape[1] + 1), np.nan)
    for j, lag in enumerate(lags):
        rows[lag:, j] = w[: max(0, len(u) - lag)]
    rows[:, len(lags) : -1] = E
    rows[:, -1] = w
    return rows


def sums_until(rows, counts, cuts):
    """Sum the rows (N, p + 1) before each of the ascending cuts; rows with NaN do not count."""
    first = int(np.argmax(np.isfinite(rows[:, :].sum(axis=1)))) if len(rows) else 0
    weight = np.where(np.isfinite(rows).all(axis=1), counts, 0.0)
    shift = rows[first] if len(rows) and np.isfinite(rows[first]).all() else np.zeros(rows.shape[1])
    sums, n, total, products, start = [], 0.0, np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2), 0
    for cut in cuts:
        block = slice(start, cut)
        # near zero, so that squares do not cancel
        z = np.where(weight[block, None] > 0, rows[block] - shift, 0.0)
        weighted = z * weight[block, None]
        n, total = n + weight[block].sum(), total + weighted.sum(axis=0)
        products, start = products + z.T @ weighted, cut
        sums.append(_centred(n, total, products, shift))
    return sums


def _centred(n, total, products, shift):
    """Centre raw sums of rows minus a shift; returns ``Sums``."""
    mean = total / max(n, 1e-300)
    return Sums(n, mean + shift, products / max(n, 1e-300) - np.outer(mean, mean))


def pooled(several):
    """Pool the ``Sums`` of several series, each about its own mean of z, w: as if each had its own intercept."""
    n = sum(sums.n for sums in several)
    share = [sums.n / max(n, 1e-300) for sums in several]
    return Sums(
        n,
        sum(s * sums.mean for s, sums in zip(share, several)),
        sum(s * sums.products for s, sums in zip(share, several)),
    )


def merged(first, second):
    """Merge the ``Sums`` of two sets of rows."""
    n = first.n + second.n
    if n <= 0:
        return first
    a, b = first.n / n, second.n / n
    apart = first.mean - second.mean
    products = a * first.products + b * second.products + a * b * np.outer(apart, apart)
    return Sums(n, a * first.mean + b * second.mean, products)


def ridge(sums, penalties):
    """Solve for coefficients (p,), intercept and residual variance, for each penalty.

    What is minimised is the mean squared error plus penalty * beta^2, of z and w scaled to variance 1.
    """
    p = len(sums.mean) - 1
    spread = np.sqrt(np.maximum(np.diag(sums.products), 0))
    scale = np.where(spread > 1e-9 * np.abs(sums.mean), spread, np.inf)  # a constant has no coefficient
    y_scale = scale[-1] if np.isfinite(scale[-1]) else 1.0
    divide = scale[:p]
    R = sums.products[:p, :p] / np.outer(divide, divide)
    r = sums.products[:p, -1] / (divide * y_scale)
    values, vectors = np.linalg.eigh(R)
    values, projected = np.maximum(values, 0), vectors.T @ r
    fits = []
    for penalty in penalties:
        beta = vectors @ (projected / (values + penalty + 1e-10))
        residual = sums.products[-1, -1] / y_scale**2 - 2 * beta @ r + beta @ R @ beta
        coefficients = beta * y_scale / divide
        fits.append(
            (coefficients, sums.mean[-1] - coefficients @ sums.mean[:p], max(residual, 0.0) * y_scale**2)
        )
    return fits


def in_levels(coefficients, intercept, noise, lags, differences):
    """Expand ridge's coefficients (p,) of w(t - l) and e(t) to an ``Autoregression`` of levels."""
    K = len(lags)
    phi = np.zeros(max(lags, default=0) + 1)
    phi[0] = 1.0
    phi[list(lags)] = -coefficients[:K]
    a = -np.convolve(phi, polynomial(differences))[1:]
    return Autoregression(a, coefficients[K:], float(intercept), float(noise))


def lead_coefficients(a, steps):
    """Return C (n, steps, P), of levels u(k - 1) ... u(k - P), and psi (n, steps), of the drive, of each a (n, P)."""
    return _lead_coefficients(np.asarray(a, float).tobytes(), len(a), steps)


@lru_cache(maxsize=64)
def _lead_coefficients(a, n, steps):
    """Compute ``lead_coefficients`` from the bytes of a, cached because one fit forecasts many series."""
    a = np.frombuffer(a).reshape(n, -1)
    P = a.shape[1]
    C, psi = np.zeros((n, steps, P)), np.zeros((n, steps, 1))
    psi[:, 0] = 1.0
    for s in range(steps):
        if s < P:
            C[:, s, : P - s] = a[:, s:]
        if s:
            near = a[:, None, : min(s, P)]  # of u^(k + s - 1) ... u^(k + s - r)
            last = slice(s - 1, s - 1 - near.shape[2] if s > P else None, -1)
            C[:, s] += (near @ C[:, last])[:, 0]
            psi[:, s] = (near @ psi[:, last])[:, 0]
    return C, psi[:, :, 0]


def explodes(a, n_rows):
    """Tell whether the free run of an autoregression, from a single 1 and undriven, ``grows`` over n_rows.

    a : (P,), of lags 1 ... P.
    """
    n = min(n_rows, MOST_GROWN)
    if n < LEAST_GROWN or len(a) == 0:
        return False
    return grows(np.abs(lfilter([1.0], np.append(1.0, -a), np.eye(1, n)[0])))


def grows(size):
    """Tell whether the sizes (n,) of a free run grow more than tenfold over a half of them.

    A series with a trend, or that only adds up what drives it, grows by no more than its square would.
    """
    n = len(size)
    early, late = size[n // 4 : n // 2].max(), size[3 * n // 4 :].max()
    return not late <= MOST_GROWTH * max(early, LEAST_SIZE)


def _windows(v, n):
    """View all runs of n values of contiguous v (N,), (N - n + 1, n); NumPy's own function takes ten times as long."""
    return np.ndarray((len(v) - n + 1, n), v.dtype, v, strides=v.strides * 2)


def ahead(model, u, E, origins, steps):
    """Forecast levels (M, steps) from origins (M,): rows k ... k + steps - 1, with u known before k.

    u : (>= max origin,), without NaN.   E : (>= max origin + steps, F).   The first value precedes the first row.
    """
    return each_ahead([model], u, E, origins, steps)[0]


def each_ahead(models, u, E, origins, steps):
    """Forecast as ``ahead`` by each of some models of one order, a list."""
    origins = np.asarray(origins)
    if len(origins) == 0:
        return [np.empty((0, steps)) for _ in models]
    P = max(1, len(models[0].a))
    a = np.array([model.a if len(model.a) else np.zeros(1) for model in models])
    low, high = int(origins.min()), int(origins.max())
    before = max(0, P - low)
    past = np.concatenate([np.full(before, u[0] if len(u) else 0.0), u[max(0, low - P) : high]])
    at = origins - low
    windows, E = _windows(past, P)[at], E[low : high + steps]  # row j: before origin low + j
    forecasts = []
    for model, C, psi in zip(models, *lead_coefficients(a, steps)):
        driven = _windows(E @ model.c + model.b, steps)
        to_step = np.concatenate([np.zeros(steps - 1), psi])  # from g(k + r) to step s, (steps, steps)
        toeplitz = np.ascontiguousarray(_windows(to_step, steps)[::-1])
        with np.errstate(over="ignore", invalid="ignore"):
            forecasts.append(windows @ C[:, ::-1].T + driven[at] @ toeplitz)
    return forecasts
