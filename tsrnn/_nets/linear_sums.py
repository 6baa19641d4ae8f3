"""What rows say of a linear layer: sums over them or, where they are fewer than its weights, the rows themselves.

    |R (Y - Z W)|^2 + sum_p d_p |W_p|^2          R: roots of the weights of the rows; the last column of Z is 1, its d 0

Of sums (``Alike``) the solution is (Z'Z + D) W = Z'Y.  Of M < P rows (``FewRows``) Z'Z is never formed: the dual [1]_
has M unknowns a.  Since the bias is free, Z and Y, times R, count less their projections on the roots r:

    W = D^-1 Z'a      (G + I) a = Y      G = Z D^-1 Z'                          bias: r'(Y - Z W) / r'r

With d = alpha throughout (``Dual``), Z Z' = Q T Q', T tridiagonal, serves every alpha; for the evidence of ``ridge.py``

    J(alpha) = alpha Y'Q (T + alpha)^-1 Q'Y
    log det(Z'Z + alpha D) = log r'r + log det(T + alpha) + (P - 1 - M) log alpha

Dimensions: M rows, P weights an output with the bias, K outputs.

.. [1] C. Saunders, A. Gammerman, V. Vovk. "Ridge regression learning algorithm in dual variables." ICML 1998.
"""

from typing import NamedTuple

import numpy as np

from .._training.least_squares import add_normal_equations, one_thread, solve
from .._values import kept
from .ridge import Normal, factor, minus_log_evidence, substitute, tridiagonal, turned


JITTER = 1e-12  # of the largest sum of squares, added to every penalty but that of the rows' dual bias


@kept("alike")
class Alike(NamedTuple):
    """Normal equations of the outputs (K,) whose weights are the same in every row, and so share Z'Z.

    A : (P, P), Z'Z, weighted; the bias last.   c : (P, K), Z'Y.   yy : (K,), Y'Y.   weight : sum over all rows.
    """

    outputs: np.ndarray
    A: np.ndarray
    c: np.ndarray
    yy: np.ndarray
    weight: float

    def __add__(self, other):
        """Add other rows of the same outputs."""
        other = other.summed()
        return Alike(
            self.outputs,
            self.A + other.A,
            self.c + other.c,
            self.yy + other.yy,
            self.weight + other.weight,
        )

    def of(self, k):
        """Return what is said of the k-th outputs alone, a slice or an array."""
        return self._replace(outputs=self.outputs[k], c=self.c[:, k], yy=self.yy[k])

    def seeing(self, columns):
        """Return what is said where only some columns of Z are seen."""
        return self._replace(A=self.A[np.ix_(columns, columns)], c=self.c[columns])

    def squares(self):
        """Return the sums of squares of the columns of Z, (P,)."""
        return self.A.diagonal()

    def totals(self):
        """Return the sums of the columns of Z, (P,)."""
        return self.A[-1]

    def less(self, W):
        """Subtract from Y what weights (P, K) tell of it."""
        AW = self.A @ W
        return self._replace(c=self.c - AW, yy=self.yy + np.sum(W * (AW - 2 * self.c), axis=0))

    def scaled(self, share):
        """Let all rows count for so much less."""
        return Alike(self.outputs, share * self.A, share * self.c, share * self.yy, share * self.weight)

    def summed(self):
        """Return the sums."""
        return self

    def solved(self, penalties):
        """Return the weights (P, K) at penalties d (P,); None if rounding hides them."""
        return solve(self.A, penalties + JITTER * self.A.diagonal().max(), self.c)

    def squared_error(self, W):
        """Sum the squared errors (K,) of weights (P, K)."""
        return np.maximum(self.less(W).yy, 0.0)

    def error_at(self, W, penalties):
        """Sum the squared errors (K,) of the solution W (P, K) at penalties d (P,), for which Z'Z W = Z'Y - D W."""
        d = penalties + JITTER * self.A.diagonal().max()
        return np.maximum(self.yy - np.sum(W * self.c, axis=0) - d @ W**2, 0.0)

    def factored(self):
        """Return what is solved at many penalties: the same."""
        return self

    def for_evidence(self):
        """Return the same with the bias first."""
        A = np.roll(self.A, (1, 1), (0, 1))
        return Normal(A, np.roll(self.c, 1, 0), self.yy, self.weight, self.outputs, A)


@kept("linear rows")
class FewRows(NamedTuple):
    """Rows that count the same for outputs (K,), fewer than weights.   Z : (M, P), Y : (M, K), both times R."""

    outputs: np.ndarray
    Z: np.ndarray
    Y: np.ndarray

    def __add__(self, other):
        """Add other rows of the same outputs; as sums, once they are as many as the weights."""
        if isinstance(other, Alike) or len(self.Z) + len(other.Z) >= self.Z.shape[1]:
            return self.summed() + other
        Z, Y = np.concatenate([self.Z, other.Z]), np.concatenate([self.Y, other.Y])
        return FewRows(self.outputs, Z, Y)

    @property
    def weight(self):
        """Sum over all rows."""
        return float(self.Z[:, -1] @ self.Z[:, -1])

    def of(self, k):
        """Return what is said of the k-th outputs alone, a slice or an array."""
        return self._replace(outputs=self.outputs[k], Y=self.Y[:, k])

    def seeing(self, columns):
        """Return what is said where only some columns of Z are seen; as sums, where rows are as many as these."""
        fewer = self._replace(Z=self.Z[:, columns])
        return fewer if len(fewer.Z) < len(columns) else fewer.summed()

    @property
    def yy(self):
        """Y'Y of each output, (K,)."""
        return np.sum(self.Y**2, axis=0)

    def less(self, W):
        """Subtract from Y what weights (P, K) tell of it."""
        return self._replace(Y=self.Y - self.Z @ W)

    def scaled(self, share):
        """Let all rows count for so much less."""
        return FewRows(self.outputs, np.sqrt(share) * self.Z, np.sqrt(share) * self.Y)

    def summed(self):
        """Return the sums over the rows."""
        P, K = self.Z.shape[1], self.Y.shape[1]
        A, c = np.zeros((P, P)), np.zeros((P, K))
        add_normal_equations(self.Z, self.Y, np.ones(len(self.Z)), A, c)
        return Alike(self.outputs, A, c, self.yy, self.weight)

    def solved(self, penalties):
        """Return the weights (P, K) at penalties d (P,), of which the last, the bias's, is taken as 0."""
        share = 1 / (penalties[:-1] + JITTER * self.squares().max())  # D^-1
        a = solve(self.kernel(share), 1.0, self._free_of_bias(self.Y))
        return None if a is None else self.weights_of(a, share)

    def squared_error(self, W):
        """Sum the squared errors (K,) of weights (P, K)."""
        return np.sum(self.less(W).Y ** 2, axis=0)

    def error_at(self, W, penalties):
        """Sum the squared errors (K,) of the solution W (P, K) at some penalties."""
        return self.squared_error(W)

    def factored(self):
        """Return what is solved at many penalties: the dual."""
        Q, d, e = tridiagonal(self.kernel(np.ones(self.Z.shape[1] - 1)))
        return Dual(self, Q, d, e, turned(Q, self._free_of_bias(self.Y), "T"), self.squares())

    def squares(self):
        """Return the sums of squares of the columns of Z, (P,)."""
        return np.einsum("mp,mp->p", self.Z, self.Z)

    def totals(self):
        """Return the sums of the columns of Z, (P,)."""
        return self.Z[:, -1] @ self.Z

    def kernel(self, share):
        """Return Z D^-1 Z' (M, M), orthogonal to r.   share : (P - 1,), D^-1."""
        V = self.Z[:, :-1] * np.sqrt(share)
        with one_thread:
            return self._free_of_bias(self._free_of_bias(V @ V.T).T)

    def weights_of(self, a, share):
        """Return the weights (P, K) = [share Z'a, bias], for a (M, K) and a share (P - 1,)."""
        root, V = self.Z[:, -1], self.Z[:, :-1]
        with one_thread:
            W = V.T @ a * share[:, None]
            return np.vstack([W, root @ (self.Y - V @ W) / (root @ root)])

    def _free_of_bias(self, V):
        """Subtract from V (M, .) its projections on r."""
        root = self.Z[:, -1]
        return V - np.outer(root, root @ V / (root @ root))


class Dual(NamedTuple):
    """The dual of some rows at every penalty.   Q : see ``turned``.   d, e : T.   QY : Q'Y (M, K).   squares : (P,)."""

    rows: FewRows
    Q: tuple
    d: np.ndarray
    e: np.ndarray
    QY: np.ndarray
    squares: np.ndarray

    @property
    def P(self):
        """Weights an output."""
        return len(self.squares)

    @property
    def mean_square(self):
        """Mean sum of squares of the columns of Z."""
        return self.squares.mean()

    def for_evidence(self):
        """Return the same."""
        return self

    def minus_evidence(self, alpha, bias):
        """Return -2 log evidence of each output, (K,), up to a constant; the bias is free."""
        pivot, QX = self._divided(alpha)
        weight, yy = self.rows.weight, np.sum(self.rows.Y**2, axis=0)
        spread = np.log(weight) + np.log(pivot).sum() - len(pivot) * np.log(alpha)
        return minus_log_evidence(alpha * np.sum(self.QY * QX, axis=0), yy, weight, bias, spread)

    def solved(self, penalties):
        """Return the weights (P, K) at penalties (P,), of which all but the last are the same."""
        alpha = penalties[0] + JITTER * self.squares.max()
        a = turned(self.Q, self._divided(alpha)[1], "N")
        return self.rows.weights_of(a, np.ones(self.P - 1))

    def _divided(self, alpha):
        """Return the pivots (M,) of T + alpha, and (T + alpha)^-1 Q'Y."""
        M, K = self.QY.shape
        pivot, lower, X = np.empty((M, K)), np.empty((M - 1, K)), self.QY.copy()
        factor(self.d, self.e, np.full(K, alpha), pivot, lower)
        substitute(pivot, lower, X)
        return pivot[:, 0], X
