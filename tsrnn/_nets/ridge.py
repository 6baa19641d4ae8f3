"""Ridge regression on sums over time: memory does not grow with the series, and adding rows is exact.

    W = (Z'Z + alpha D)^-1 Z'Y          D: the unit matrix, but 0 for the bias

A free alpha maximises the evidence, the probability of Y under a Gaussian prior of W [1]; it minimises

    (N - 1) log J(alpha) + log det(Z'Z + alpha D) - P log alpha          J: sum of squared errors + alpha |W|^2

with P penalised columns; without a bias, N.  (The free bias takes one of N values.  With N, where rows are fewer than
columns, this would fall without end as alpha does.)

Many alphas (``ridge_path``) share one tridiagonal reduction.  With C and B, Z'Z and Z'Y less what the free bias takes,

    C = Q T Q'          W = Q (T + alpha)^-1 Q'B

[1] D. J. C. MacKay, "Bayesian interpolation", Neural Computation 4(3), 1992.

The Gram matrix of [Z, Y] is summed, so that Z'Z, Z'Y and Y'Y come from one product, BLAS's, which is faster than the
kernels' own from some 100 columns on.  One triangle is kept, (G,), in LAPACK's "rectangular full packed" order.
Dimensions: M rows of a block, P columns of Z, O outputs.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgWarning, eigh, lapack
from scipy.optimize import minimize_scalar

from .._kernels.jit import kernel
from .._memory_limit import check_memory
from .._training.least_squares import STRIP, UPPER, one_thread, solve
from .._values import kept
from .._warn import warn


HOPELESS = 1e100  # minus the evidence of an alpha for which no system can be solved
DECADES = -14, 4  # of alpha over the mean square of the columns, searched for the most evidence
RESOLUTION = 4 * np.finfo(float).eps  # relative size below which rounding hides a difference


# ---------------------------------------------------------------------------------------- kernels


@kernel
def recurse(Z, Y, w, forgetting, most, P, W):
    """Update by recursive least squares, row by row.

    k = P z / (forgetting / w + z'P z),   W <- W + k (y - z'W),   P <- (P - k (P z)') / forgetting

    Nothing is forgotten while the trace of P exceeds ``most``: in directions that the rows do not excite P would grow
    without bound.   Z : (M, F).   Y : (M, O).   w : (M,), positive.   P : (F, F) and W : (F, O), in, out.
    """
    M, F = Z.shape
    O = Y.shape[1]
    u, e = np.empty(F), np.empty(O)
    for m in range(M):
        z = Z[m]
        for i in range(F):
            u[i] = 0.0
        for j in range(F):
            p, zj = P[j], z[j]
            for i in range(F):
                u[i] += p[i] * zj
        trace = 0.0
        for i in range(F):
            trace += P[i, i]
        fade = forgetting if trace <= most else 1.0
        s = fade / w[m]
        for i in range(F):
            s += z[i] * u[i]
        for o in range(O):
            e[o] = Y[m, o]
        for i in range(F):
            for o in range(O):
                e[o] -= z[i] * W[i, o]
        for i in range(F):
            k, p = u[i] / s, P[i]
            for o in range(O):
                W[i, o] += k * e[o]
            for j in range(F):
                p[j] = (p[j] - u[i] * u[j] / s) / fade


@kernel
def factor(d, e, alpha, pivot, lower):
    """Factor T + alpha, T tridiagonal, as L D L', for each of K alphas.

    d : (P,), diagonal of T.   e : (P - 1,), its subdiagonal.   alpha : (K,).   pivot : (P, K), D, out, kept above the
    rounding error.   lower : (P - 1, K), subdiagonal of L, out.
    """
    least = 0.0
    for i in range(d.size):
        least = max(least, abs(d[i]))
    least *= 1e-16
    for i in range(d.size):
        for k in range(alpha.size):
            pivot[i, k] = d[i] + alpha[k]
            if i > 0:
                pivot[i, k] -= lower[i - 1, k] * e[i - 1]
            pivot[i, k] = max(pivot[i, k], least + alpha[k])
            if i < d.size - 1:
                lower[i, k] = e[i] / pivot[i, k]


@kernel
def substitute(pivot, lower, R):
    """Solve R[:, k] <- (L D L')^-1 R[:, k].   pivot, lower : see ``factor``.   R : (P, K), in, out."""
    P, K = R.shape
    for i in range(1, P):
        for k in range(K):
            R[i, k] -= lower[i - 1, k] * R[i - 1, k]
    for i in range(P - 1, -1, -1):
        for k in range(K):
            R[i, k] /= pivot[i, k]
        if i < P - 1:
            for k in range(K):
                R[i, k] -= lower[i, k] * R[i + 1, k]


# ---------------------------------------------------------------------------------------- sums


class Normal(NamedTuple):
    """The normal equations of one or more outputs.

    ZZ : (P, P).   ZY : (P, O).   yy : (O,), Y'Y.   weight : sum over all rows.   outputs : (O,), their indices.
    A : (>= P, >= P), contiguous, of which ZZ is the first block.
    """

    ZZ: np.ndarray
    ZY: np.ndarray
    yy: np.ndarray
    weight: float
    outputs: np.ndarray
    A: np.ndarray

    @property
    def P(self):
        """Columns of Z."""
        return len(self.ZZ)

    @property
    def mean_square(self):
        """Mean sum of squares of the columns of Z."""
        return np.trace(self.ZZ) / self.P

    def first(self, n):
        """Return the equations of the first n columns alone."""
        return self._replace(ZZ=self.A[:n, :n].copy(), ZY=self.ZY[:n].copy())

    def minus_evidence(self, alpha, bias):
        """Return -2 log evidence of each output, (O,), up to a constant."""
        A = self.ZZ.copy()
        A.flat[:: len(A) + 1] += _penalties(self, alpha, bias)
        with one_thread:  # LAPACK itself: cho_factor costs more than to factor a few lags
            chol, info = lapack.dpotrf(A.T, clean=False, overwrite_a=True)
            if info:
                return np.full(len(self.yy), np.inf)
            W = lapack.dpotrs(chol, self.ZY)[0]
        errors = self.yy - np.sum(W * self.ZY, axis=0)
        spread = 2 * np.log(chol.diagonal()).sum() - (len(A) - bias) * np.log(alpha)
        return minus_log_evidence(errors, self.yy, self.weight, bias, spread)


@kept("sums")
class GramSums(NamedTuple):
    """Gram matrices of [Z, Y]: one for all outputs or, if they are known in different rows, one for each.

    gram : (1 or O, G).   weight : (1 or O,).   P, O : columns of Z and Y.
    """

    gram: np.ndarray
    weight: np.ndarray
    P: int
    O: int

    def __add__(self, other):
        """Add the sums over other rows."""
        n = max(len(self.gram), len(other.gram))
        a, b = self.split(n), other.split(n)
        return self._replace(gram=a.gram + b.gram, weight=a.weight + b.weight)

    def split(self, n):
        """Repeat one Gram matrix n times, so that outputs can differ from now on."""
        if len(self.gram) == n:
            return self
        return self._replace(gram=np.repeat(self.gram, n, axis=0), weight=np.repeat(self.weight, n))

    def normal(self):
        """Yield the normal equations of each Gram matrix."""
        for k, weight in enumerate(self.weight):
            A = self._whole(self.gram[k])
            outputs = np.arange(self.O) if len(self.weight) == 1 else np.array([k])
            y = self.P + outputs
            yield Normal(A[: self.P, : self.P], A[: self.P, y], A[y, y], float(weight), outputs, A)

    def _whole(self, gram):
        """Unpack a Gram matrix (P + O, P + O)."""
        A = lapack.dtfttr(self.P + self.O, gram)[0].T  # contiguous, its lower triangle
        for i in range(0, len(A), STRIP):
            end = min(i + STRIP, len(A))
            A[i:end, end:] = A[end:, i:end].T
            block, upper = A[i:end, i:end], UPPER[: end - i, : end - i]
            block[:] = np.where(upper, block.T, block)
        return A


def no_sums(P, O):
    """Return sums over no rows."""
    n = P + O
    cure = "fewer n_units, fewer inputs or readout_input=False"
    check_memory("Sums of products of states and inputs, four copies", (2, n, n), cure)
    return GramSums(np.zeros((1, n * (n + 1) // 2)), np.zeros(1), P, O)


def add_rows(sums, parts, V, S, Y, rows, w):
    """Add rows of a block to sums, in place unless the sums split; return them.

    parts : (4,) bool, which of 1, v, x and x^2 the readout sees.   V : (T, D).   S : (T + 1, R).   Y : (T, O).
    rows : (M,), of positive weight and at least one known output.   w : (T,).
    """
    if len(rows) == 0:
        return sums
    Z = _laid_out(parts, V, S, Y, rows)
    measured, w = np.isfinite(Y[rows]), w[rows]
    if len(sums.weight) == 1 and measured.all():
        _add_gram(_times(Z, w), sums.gram[0])
        sums.weight[0] += w.sum()
        return sums
    sums = sums.split(sums.O)
    patterns, pattern_of = np.unique(measured, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        gram = np.zeros_like(sums.gram[0])
        _add_gram(_times(Z, w * pattern), gram)
        outputs = np.flatnonzero(pattern_of.ravel() == k)
        sums.gram[outputs] += gram
        sums.weight[outputs] += w @ pattern
    return sums


def add_weighted_rows(sums, parts, V, S, Y, rows, w):
    """Add rows of a block in place, with weights by output.

    sums : of each single output.   Y : (T, O), finite.   w : (T, O).   Other arguments as for ``add_rows``.
    """
    Z = _laid_out(parts, V, S, Y[:, :1], rows)
    for output_sums, y, weights in zip(sums, Y[rows].T, w[rows].T):
        Z[:, -1] = y
        _add_gram(_times(Z, weights), output_sums.gram[0])
        output_sums.weight[0] += weights.sum()


def feature_rows(parts, V, S, Y, rows):
    """Compute Z (M, P) and Y (M, O), with 0 for NaN, of M rows of a block; arguments as for ``add_rows``."""
    Z = _laid_out(parts, V, S, Y, rows)
    P = Z.shape[1] - Y.shape[1]
    return np.ascontiguousarray(Z[:, :P]), Z[:, P:].copy()


def _laid_out(parts, V, S, Y, rows):
    """Lay out [1, v, x, x^2, y] (M, P + O) of M rows of a block, with 0 for NaN in y."""
    D, R, O = V.shape[1], S.shape[1], Y.shape[1]
    ends = np.cumsum([0, *(parts * [1, D, R, R]), O])
    Z = np.empty((len(rows), ends[-1]))
    one, v, x, squares, y = (Z[:, first:end] for first, end in pairwise(ends))
    one[:] = 1.0
    if parts[1]:
        v[:] = V[rows]
    if parts[2]:
        x[:] = S[rows + 1]
    if parts[3]:
        squares[:] = np.square(S[rows + 1])
    y[:] = Y[rows]
    y[np.isnan(y)] = 0.0
    return Z


def _times(Z, w):
    """Weight the rows of Z (M, P + O) for sums that count them w (M,) times."""
    return Z if (w == 1).all() else Z * np.sqrt(w)[:, None]


def _add_gram(Z, gram):
    """Add Z'Z to one packed triangle (G,), in place."""
    with one_thread:
        lapack.dsfrk(Z.shape[1], len(Z), 1.0, Z.T, 1.0, gram, overwrite_c=True)


# ---------------------------------------------------------------------------------------- solutions


def ridge(normal, alpha, bias):
    """Solve for the weights (P, O) at a penalty alpha; ``bias``: column 0 is 1, and not penalised."""
    diagonal = _penalties(normal, alpha, bias)
    W = solve(normal.ZZ, diagonal, normal.ZY)
    if W is None or not np.isfinite(W).all():
        warn(
            f"alpha={alpha!r} is too small for these states in double precision: directions lost to rounding are left "
            "out. Give a larger alpha.",
            LinAlgWarning,
        )
        with one_thread:
            values, Q = eigh(normal.ZZ + np.diag(diagonal))
        keep = values > len(Q) * np.finfo(float).eps * values[-1]
        W = Q[:, keep] @ ((Q[:, keep].T @ normal.ZY) / values[keep, None])
    return W


def _penalties(normal, alpha, bias):
    """Return the diagonal (P,) of alpha D."""
    diagonal = np.full(len(normal.ZZ), float(alpha))
    diagonal[:1] *= not bias
    return diagonal


def squared_error(normal, W):
    """Compute sums of squared errors (K O,) of weights W (P, K O) for K alphas."""
    K = W.shape[1] // len(normal.yy)
    with one_thread:
        image = normal.ZZ @ W
    sse = np.tile(normal.yy, K) + np.sum(W * (image - 2 * np.tile(normal.ZY, K)), axis=0)
    return np.maximum(sse, 0.0)


def likely_alpha(systems, bias):
    """Find the alpha of most evidence, shared by all outputs.

    systems : ``Normal`` or alike, with P, ``mean_square`` and ``minus_evidence``.
    """
    size = max(system.mean_square for system in systems)
    low = max(DECADES[0], np.log10(RESOLUTION * systems[0].P))

    def minus_evidence(decade):  # where it cannot be told, the search is led away, and computes no inf - inf
        total = sum(system.minus_evidence(size * 10.0**decade, bias).sum() for system in systems)
        return total if np.isfinite(total) else HOPELESS

    best = minimize_scalar(minus_evidence, bounds=(low, DECADES[1]), method="bounded", options={"xatol": 0.1})
    return float(size * 10.0**best.x)


def minus_log_evidence(errors, yy, weight, bias, spread):
    """Return -2 log evidence of each output, (O,), up to a constant.

    errors, yy : (O,), J at its least, and Y'Y.   weight : N.   spread : log det(Z'Z + alpha D) - P log alpha.
    """
    told = errors > RESOLUTION * yy
    n = max(weight - bias, weight / 2)  # weights of rows may be small
    known = n * np.log(np.where(told, errors, 1.0)) + spread
    return np.where(told, known, np.where(yy > 0, np.inf, 0.0))  # a constant tells nothing


# ---------------------------------------------------------------------------------------- many alphas


def ridge_path(normal, alphas, bias):
    """Solve for the weights (P, K O) at each of K alphas, alpha by alpha, output by output."""
    C, B = _free_of_bias(normal) if bias else (normal.ZZ.copy(), normal.ZY)
    Q, d, e = tridiagonal(C)
    K, O = len(alphas), B.shape[1]
    X, pivot, lower = np.tile(turned(Q, B, "T"), K), np.empty((len(d), K * O)), np.empty((len(e), K * O))
    factor(d, e, np.repeat(np.asarray(alphas, float), O), pivot, lower)
    substitute(pivot, lower, X)
    W = turned(Q, X, "N")
    if bias:
        with one_thread:
            rest = np.tile(normal.ZY[0], K) - normal.ZZ[0, 1:] @ W
        W = np.vstack([rest / normal.ZZ[0, 0], W])
    hidden = pivot.min(axis=0, initial=np.inf) <= RESOLUTION * np.abs(d).max(initial=0)
    for k in np.flatnonzero(hidden[::O]):
        W[:, k * O : (k + 1) * O] = ridge(normal, alphas[k], bias)
    return W


def _free_of_bias(normal):
    """Return Z'Z (P - 1, P - 1) and Z'Y (P - 1, O) of all columns but the first, less what that one, of ones, takes."""
    z, mean = normal.ZZ[1:, 0], normal.ZZ[0, 1:] / normal.ZZ[0, 0]
    # One matrix in place of two: at 1000 columns memory takes longer than sums.
    C = np.multiply.outer(z, -mean)
    C += normal.ZZ[1:, 1:]
    return C, normal.ZY[1:] - np.outer(mean, normal.ZY[0])


def tridiagonal(A):
    """Factor A (P, P) = Q T Q': Q as reflectors (P, P) and their factors (P - 1,); diagonal d, subdiagonal e of T.

    A, which is overwritten, holds the reflectors.
    """
    if len(A) <= 1:
        return (A, np.empty(0)), A.diagonal().copy(), np.empty(0)
    with one_thread:
        A = A if A.flags.f_contiguous else A.T
        reflectors, d, e, tau, _ = lapack.dsytrd(A, lower=1, lwork=64 * len(A), overwrite_a=1)
    reflectors[0, 1:] = 0.0  # which no one reads, but ``turned`` as the end of each reflector
    return (reflectors, tau), d, e


def turned(Q, V, how):
    """Return Q V or, if ``how`` is "T", Q'V, for V (P, K).   Q : reflectors (P, P) and their factors (P - 1,).

    Reflectors begin in row 1. A view of these rows is not contiguous and would be copied, one that begins at that
    element is: its last row is the next column's first, 0, and belongs to row 0 of V.
    """
    reflectors, tau = Q
    P = len(reflectors)
    if P <= 1:
        return V
    below = reflectors.T.reshape(-1)[1 : 1 + P * (P - 1)].reshape(P - 1, P).T
    rolled = np.asfortranarray(np.roll(V, -1, axis=0))
    with one_thread:
        rolled = lapack.dormqr("L", how, below, tau, rolled, lwork=64 * V.shape[1], overwrite_c=1)[0]
    return np.roll(rolled, 1, axis=0)
