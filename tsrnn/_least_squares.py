"""Normal equations: accumulated block by block, solved by Cholesky.

    A'A = sum_i w_i a_i a_i'       A'r = sum_i w_i a_i r_i       (A'A + diag(d)) x = b

The same bits come for any number of threads, in this process or beside it: sums are in the order of the rows
(``_simd_v1``), and LAPACK, whose order of sums depends on the threads it may use, is given one.
"""

from threading import Lock

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from threadpoolctl import ThreadpoolController

from ._jit import kernel
from ._simd_v1 import add_outer, flat


STRIP = 64  # rows of A'A made at once; what lies left of its diagonal block is mirrored, not computed


def add_normal_equations(A, r, w, AA, Ar):
    """Add a block of rows.   A : (M, P).   r, w : (M,).   AA : (P, P) and Ar : (P,), added to."""
    M, P = A.shape
    _add_normal_equations(
        A, np.empty(M, np.int64), r, w, AA, Ar, np.empty((M, P)).ravel(), np.empty((STRIP, P)).ravel()
    )


@kernel
def _add_normal_equations(A, rows, r, w, AA, Ar, scratch, strips):
    """rows : (M,) and scratch (M P,), strips (STRIP P,): work space."""
    M, P = A.shape
    a = flat(A)
    for j in range(0, P, STRIP):
        height, width = min(STRIP, P - j), P - j
        weighted = scratch[: M * width].reshape(M, width)
        strip = strips[: height * width].reshape(height, width)
        for i in range(M):
            rows[i] = i * P + j
            for k in range(width):
                weighted[i, k] = w[i] * A[i, j + k]
        for k in range(height):
            for m in range(width):
                strip[k, m] = 0
        add_outer(a, rows, weighted, strip)
        for k in range(height):
            for m in range(k, width):
                AA[j + k, j + m] += strip[k, m]
            for m in range(k + 1, width):
                AA[j + m, j + k] = AA[j + k, j + m]
    for i in range(M):
        for k in range(P):
            Ar[k] += w[i] * r[i] * A[i, k]


_lapack = None  # the loaded BLAS libraries; finding them takes milliseconds
_lock = Lock()  # their number of threads belongs to the whole process


def solve(A, diagonal, b):
    """Solve (A + diag(diagonal)) x = b.

    A : (P, P), symmetric.   diagonal : (P,) or a number.   b : (P,) or (P, K).   Returns x of b's shape, or
    None where the matrix is not positive definite.
    """
    global _lapack
    A = A.copy()
    A.flat[:: len(A) + 1] += diagonal
    with _lock:
        if _lapack is None:
            _lapack = ThreadpoolController().select(user_api="blas")
        with _lapack.limit(limits=1):
            try:
                return cho_solve(cho_factor(A, overwrite_a=True, check_finite=False), b, check_finite=False)
            except LinAlgError:
                return None
