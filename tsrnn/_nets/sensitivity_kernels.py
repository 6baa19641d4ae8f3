"""How the states of a recurrent net feel each of its parameters, step after step.

    z_g(t) = v(t) W_g + h(t - 1) U_g + b_g                  what gate g sees
    s_n(t) = f_n(z_1(t) ... z_G(t), s_1(t - 1) ...)         state n, unit by unit; s_1 = h

and so, with D_ng = df_n / dz_g, R_ng the same through the product with h, and E_nm = df_n / ds_m(t - 1),

    ds_n(t) = sum_g D_ng (dv(t) W_g + v(t) dW_g + db_g) + R_ng (dh(t - 1) U_g + h(t - 1) dU_g) + sum_m E_nm ds_m(t - 1)

Dimensions: T steps, H units, G gates, C of which see h (all or none), n_states N, D inputs of the block, K of them the
states of a layer below, P parameters of the whole net.
"""

import numpy as np

from .._kernels.jit import kernel, part
from .._kernels.simd_v3 import add_product, flat


@part
def weigh(D, WT, n, t, j, row):
    """Compute row[i] <- sum_g D[n, g, t, j] WT[g H + j, i], how state n of unit j feels what the gates see."""
    H = D.shape[3]
    for i in range(row.size):
        row[i] = 0.0
    for g in range(D.shape[1]):
        x = D[n, g, t, j]
        for i in range(row.size):
            row[i] += x * WT[g * H + j, i]


@kernel
def feel(D, R, E, v, h, WT, below, UT, at, S, out):
    """Follow T steps of one series.

    D : (N, G, T, H).   R : (N, C, T, H).   E : (N, N, T, H).   v : (T, D).   h : (T, H), before each step.
    WT : (G H, K), rows of W for a layer below, turned; K may be 0.   below : (T, K, P), how that feels the parameters.
    UT : (C H, H), turned.   at : (5,), where W, b and U begin among the parameters; where the bias within the product
    of a gate does, and which gate, or -1.   S : (N, H, P), the states before, in, after, out.   out : (T, H, P), of h.
    """
    N, G, T, H = D.shape
    C, K, P, inputs = R.shape[1], WT.shape[1], S.shape[2], v.shape[1]
    W, b, U, d, inner = at[0], at[1], at[2], at[3], at[4]
    A, B, new = np.empty((N * H, H)), np.empty((N * H, K)), np.empty((N * H, P))
    from_h, from_below, now, after = np.arange(N * H) * H, np.arange(N * H) * K, flat(S), flat(new)
    for t in range(T):
        for n in range(N):
            for j in range(H):
                weigh(R, UT, n, t, j, A[n * H + j])
                weigh(D, WT, n, t, j, B[n * H + j])
                row = after[(n * H + j) * P : (n * H + j + 1) * P]
                for p in range(P):
                    row[p] = 0.0
                for m in range(N):
                    e, before = E[n, m, t, j], now[(m * H + j) * P : (m * H + j + 1) * P]
                    if e != 0.0:
                        for p in range(P):
                            row[p] += e * before[p]
                for g in range(G):
                    x = D[n, g, t, j]
                    for i in range(inputs):
                        row[W + (g * inputs + i) * H + j] += x * v[t, i]
                    row[b + g * H + j] += x
                for g in range(C):
                    for i in range(H):
                        row[U + (g * H + i) * H + j] += R[n, g, t, j] * h[t, i]
                if d >= 0:
                    row[d + j] += R[n, inner, t, j]
        if C > 0:
            add_product(flat(A), from_h, S[0], new)
        if K > 0:
            add_product(flat(B), from_below, below[t], new)
        felt = flat(out[t])
        for k in range(after.size):
            now[k] = after[k]
        for k in range(felt.size):
            felt[k] = after[k]


@kernel
def read(VT, felt, J):
    """Add J[t, o] += sum_j V[j, o] felt[t, j].   VT : (O, H), V turned.   felt : (T, H, P).   J : (T, O, P)."""
    O, H = VT.shape
    rows = np.arange(O) * H
    for t in range(J.shape[0]):
        add_product(flat(VT), rows, felt[t], J[t])
