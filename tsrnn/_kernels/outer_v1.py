"""Outer products of more than one column, for kernels.  FROZEN, for the reason that ``simd_v3.py`` gives.

``add_outer`` brings code for one column, too, which costs a first fit 0.1 to 0.2 s wherever it is called.
"""

from numba import config

from tsrnn._kernels.jit import part
from tsrnn._kernels.simd_v3 import _outer, add_outer


@part
def add_wide_outer(a, rows, D, G):
    """G[k, n] += sum_i a[rows[i] + k] D[i, n].   a : 1-D.  rows : (M,).  D : (M, N).  G : (K, N), in, out."""
    _outer(a, rows, D, G)


if config.DISABLE_JIT:
    add_wide_outer = add_outer
