"""Ridge regression on sums over time: a series may be of any length, and more rows can be added exactly.

    W = (Z'Z + alpha D)^-1 Z'Y          D: the unit matrix, but 0 for the bias

What is summed is the Gram matrix of [Z, Y], so that Z'Z, Z'Y and Y'Y come from one product.  Its columns are cut
into panels of ``PANEL``, and of its upper triangle only the blocks (i, j), i <= j, are kept: (G, PANEL, PANEL).
Dimensions: M rows of a block, P columns of Z, O outputs.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgWarning, eigh

from ._jit import kernel, part
from ._least_squares import one_thread, solve
from ._simd_v1 import add_outer, flat


PANEL = 24  # columns of a panel: three vectors of the widest processor, and a whole number of any other's


# ---------------------------------------------------------------------------------------- kernels


@part
def _put(Z, m, p, row):
    """Write a row into columns p ... of Z (panels, M, PANEL); returns the column after it."""
    width, k = Z.shape[2], 0
    while k < row.size:
        b, c = (p + k) // width, (p + k) % width
        n = min(width - c, row.size - k)
        for i in range(n):
            Z[b, m, c + i] = row[k + i]
        k += n
    return p + row.size


@kernel
def features(rows, parts, V, S, Y, Z):
    """[1, v, x, x^2, y] of some steps, in panels; NaN in y becomes 0.

    rows : (M,), the steps.   parts : (4,) bool, which of 1, v, x and x^2 are wanted.   V : (T, D).   S : (T + 1, R).
    Y : (T, O).   Z : (panels, M, PANEL), in zeros, out.
    """
    one, square, y = np.ones(1), np.empty(S.shape[1]), np.empty(Y.shape[1])
    for m in range(rows.size):
        t, p = rows[m], 0
        if parts[0]:
            p = _put(Z, m, p, one)
        if parts[1]:
            p = _put(Z, m, p, V[t])
        if parts[2]:
            p = _put(Z, m, p, S[t + 1])
        if parts[3]:
            for i in range(square.size):
                square[i] = S[t + 1, i] * S[t + 1, i]
            p = _put(Z, m, p, square)
        for o in range(y.size):
            y[o] = 0.0 if np.isnan(Y[t, o]) else Y[t, o]
        _put(Z, m, p, y)


@kernel
def add_gram(Z, weighted, G):
    """Add to the blocks of the upper triangle.   Z, weighted : (panels, M, PANEL).   G : (G, PANEL, PANEL)."""
    panels, M, width = Z.shape
    rows, g = np.arange(M) * width, 0
    for i in range(panels):
        for j in range(i, panels):
            add_outer(flat(Z[i]), rows, weighted[j], G[g])
            g += 1


@kernel
def recurse(Z, Y, w, forgetting, P, W):
    """Recursive least squares, row by row.

    k = P z / (forgetting / w + z'P z),   W <- W + k (y - z'W),   P <- (P - k (P z)') / forgetting

    Z : (M, F).   Y : (M, O).   w : (M,), positive.   P : (F, F) and W : (F, O), in, out.
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
        s = forgetting / w[m]
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
                p[j] = (p[j] - u[i] * u[j] / s) / forgetting


# ---------------------------------------------------------------------------------------- sums


class Normal(NamedTuple):
    """The normal equations of one or more outputs.

    ZZ : (P, P).   ZY : (P, O).   yy : (O,), sums of squares.   weight : of all rows.   outputs : which they are.
    """

    ZZ: np.ndarray
    ZY: np.ndarray
    yy: np.ndarray
    weight: float
    outputs: np.ndarray


class Sums(NamedTuple):
    """Gram matrices of [Z, Y]: one for all outputs or, where not the same rows of each are known, one for each.

    gram : (1 or O, G, PANEL, PANEL).   weight : (1 or O,).   P, O : columns of Z and Y.
    """

    gram: np.ndarray
    weight: np.ndarray
    P: int
    O: int

    def __add__(self, other):
        """Sums over the rows of both."""
        return self._combined(other, np.add)

    def __sub__(self, other):
        """Sums over the rows of the one that are not in the other."""
        return self._combined(other, np.subtract)

    def _combined(self, other, do):
        n = max(len(self.gram), len(other.gram))
        one, two = self.split(n), other.split(n)
        return Sums(do(one.gram, two.gram), do(one.weight, two.weight), self.P, self.O)

    def split(self, n):
        """The same as n Gram matrices."""
        if len(self.gram) == n:
            return self
        return self._replace(gram=np.repeat(self.gram, n, axis=0), weight=np.repeat(self.weight, n))

    def normal(self):
        """The normal equations, one for each Gram matrix."""
        for k, weight in enumerate(self.weight):
            A = self._whole(self.gram[k])
            outputs = np.arange(self.O) if len(self.weight) == 1 else np.array([k])
            y = self.P + outputs
            yield Normal(A[: self.P, : self.P], A[: self.P, y], A[y, y], float(weight), outputs)

    def _whole(self, gram):
        """(P + O, P + O) from blocks."""
        n = panels(self.P + self.O)
        A, blocks = np.empty((n * PANEL, n * PANEL)), iter(gram)
        for i in range(n):
            here = slice(i * PANEL, (i + 1) * PANEL)
            for j in range(i, n):
                there, block = slice(j * PANEL, (j + 1) * PANEL), next(blocks)
                A[here, there], A[there, here] = block, block.T
            upper = np.triu(A[here, here])
            A[here, here] = upper + np.triu(upper, 1).T
        return A[: self.P + self.O, : self.P + self.O]


def panels(columns):
    """How many panels hold so many columns."""
    return -(-columns // PANEL)


def no_sums(P, O):
    """Sums over no rows."""
    n = panels(P + O)
    return Sums(np.zeros((1, n * (n + 1) // 2, PANEL, PANEL)), np.zeros(1), P, O)


def add_rows(sums, parts, V, S, Y, rows, w):
    """Sums with some rows of a block added, in place where they can be.

    rows : (M,), those of positive weight and at least one known output.   w : (T,).   Else as for ``features``.
    """
    if len(rows) == 0:
        return sums
    Z = _panelled(sums.P + sums.O, parts, V, S, Y, rows)
    known, w = np.isfinite(Y[rows]), w[rows]
    if len(sums.weight) == 1 and known.all():
        add_gram(Z, _times(Z, w), sums.gram[0])
        sums.weight[0] += w.sum()
        return sums
    sums = sums.split(sums.O)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        more = np.zeros_like(sums.gram[0])
        add_gram(Z, _times(Z, w * pattern), more)
        here = np.flatnonzero(which.ravel() == k)
        sums.gram[here] += more
        sums.weight[here] += w @ pattern
    return sums


def feature_rows(parts, V, S, Y, rows):
    """Z (M, P) and Y (M, O) of some rows of a block; see ``features``."""
    P = int(parts @ [1, V.shape[1], S.shape[1], S.shape[1]])
    Z = _panelled(P + Y.shape[1], parts, V, S, Y, rows).transpose(1, 0, 2).reshape(len(rows), -1)
    return np.ascontiguousarray(Z[:, :P]), Z[:, P : P + Y.shape[1]].copy()


def _panelled(columns, parts, V, S, Y, rows):
    """[Z, Y] (panels, M, PANEL) of some rows of a block."""
    Z = np.zeros((panels(columns), len(rows), PANEL))
    features(rows, parts, V, S, Y, Z)
    return Z


def _times(Z, w):
    """Z with weighted rows."""
    return Z if (w == 1).all() else Z * w[:, None]


# ---------------------------------------------------------------------------------------- solutions


def ridge(normal, alpha, bias):
    """The weights (P, outputs) for penalties alpha, a number; ``bias``: whether column 0 is one, and not penalised."""
    diagonal = np.full(len(normal.ZZ), float(alpha))
    diagonal[:1] *= not bias
    W = solve(normal.ZZ, diagonal, normal.ZY)
    if W is None or not np.isfinite(W).all():
        warnings.warn(
            f"alpha={alpha!r} is too small for these states in double precision: directions that rounding hides are "
            "left out. Give a larger alpha.",
            LinAlgWarning,
            stacklevel=2,
        )
        A = normal.ZZ + np.diag(diagonal)
        with one_thread():
            values, Q = eigh(A)
        keep = values > len(A) * np.finfo(float).eps * values[-1]
        W = Q[:, keep] @ ((Q[:, keep].T @ normal.ZY) / values[keep, None])
    return W


def squared_error(normal, W):
    """Sum of squared errors of weights (P, outputs), (outputs,)."""
    sse = normal.yy - 2 * np.sum(W * normal.ZY, axis=0) + np.sum(W * (normal.ZZ @ W), axis=0)
    return np.maximum(sse, 0.0)
