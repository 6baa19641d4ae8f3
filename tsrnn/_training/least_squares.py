"""Normal equations: accumulated block by block, solved by Cholesky.

    A'A = sum_i w_i a_i a_i'       A'r = sum_i w_i a_i r_i       (A'A + diag(d)) x = b

Results do not depend on the number of threads, to the bit: sums are taken in the order of the rows (``simd_v3``), and
LAPACK, whose order of summation depends on its threads, runs in one.
"""

from threading import Lock

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack
from threadpoolctl import ThreadpoolController

from .._kernels.jit import kernel
from .._kernels.outer_v1 import add_wide_outer


# rows of A'A per product: below the diagonal block they are mirrored, not computed, which saves half
STRIP = 64
UPPER = np.triu(np.ones((STRIP, STRIP), bool))


@kernel
def add_strip(a, rows, D, G):
    """G[k, n] += sum_i a[rows[i] + k] D[i, n].   a : 1-D.  rows : (M,).  D : (M, N).  G : (K, N), in, out."""
    add_wide_outer(a, rows, D, G)


def add_normal_equations(A, r, w, AA, Ar):
    """Add M rows.   A : (M, P).   r : (M,) or (M, K).   w : (M,).   AA : (P, P), Ar : (P,) or (P, K), in, out."""
    M, P = A.shape
    a, rows, r = A.ravel(), np.arange(M) * P, r.reshape(M, -1)
    K, Ar = r.shape[1], Ar.reshape(P, -1)
    weighted = np.concatenate([A, r], axis=1)  # (M, P + K)
    weighted *= w[:, None]
    for j in range(0, P, STRIP):
        end = min(j + STRIP, P)
        strip = np.zeros((end - j, P + K - j))  # rows j ... end - 1 of A'A from column j on, then of A'r
        add_strip(a, rows + j, np.ascontiguousarray(weighted[:, j:]), strip)
        block = strip[:, : end - j]
        block[:] = np.where(UPPER[: end - j, : end - j], block, block.T)  # symmetric to the last bit
        AA[j:end, j:] += strip[:, : P - j]
        AA[end:, j:end] = AA[j:end, end:].T
        Ar[j:end] += strip[:, P - j :]


class OneThread:
    """Run BLAS and LAPACK in one thread while at least one caller is inside the context."""

    def __init__(self):
        self._lock, self._users, self._libraries = Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._libraries is None:
                self._libraries = ThreadpoolController().select(user_api="blas")  # takes milliseconds
            if self._users == 0:
                self._free_control()
                self._limit = self._libraries.limit(limits=1)
            self._users += 1

    def __exit__(self, *_):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._free_control()
                self._limit.restore_original_limits()
                self._free_control()

    def _free_control(self):
        """Let any thread set the limit: threadpoolctl 3.8 ignores all but the first thread that did."""
        for library in self._libraries.lib_controllers:
            if hasattr(library, "clear_controlling_thread"):
                library.clear_controlling_thread(force=True)


one_thread = OneThread()  # the number of threads belongs to the whole process


def solve(A, diagonal, b):
    """Solve (A + diag(diagonal)) x = b.

    A : (P, P), symmetric.   diagonal : (P,) or a number.   b : (P,) or (P, K).   Returns x, shaped like b, or
    None if the matrix is not positive definite.
    """
    with one_thread:
        factor = _factor(A, diagonal)
        return None if factor is None else cho_solve(factor, b, check_finite=False)


def inverse_diagonal(A, diagonal):
    """Return the diagonal (P,) of (A + diag(diagonal))^-1, or None; arguments as for ``solve``.

    With A + diag(d) = U'U these are sums of squares of the rows of U^-1, a sixth of the work of the whole inverse.
    """
    with one_thread:
        factor = _factor(A, diagonal)
        if factor is None:
            return None
        inverse = np.triu(lapack.dtrtri(factor[0], overwrite_c=True)[0])
    return np.einsum("ij,ij->i", inverse, inverse)


def _factor(A, diagonal):
    """Return Cholesky's factor of A + diag(diagonal) as SciPy has it, or None."""
    A = A.copy()
    A.flat[:: len(A) + 1] += diagonal
    try:
        return cho_factor(A.T, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
