"""What lies around the recurrence: what a layer sees, its readout, its weights' gradients, feedback of outputs.

    Z[g, t, b] = b[g] + sum over sources  a[rows[t, b] : + K] W[g, at : at + K]

for each gate g.  A source is a flat array ``a`` and where in it each row begins: a series read in place with its
lags, or the states of the layer below.  Dimensions: G gates, T steps, B sequences, H units, D rows of W, K of them
for one source.  ``first`` and ``last`` choose steps, first <= t < last.
"""

import numpy as np

from .._kernels.jit import kernel
from .._kernels.simd_v2 import add_outer, add_product, add_scattered, flat


@kernel
def project(a, rows, W, at, K, b, Z, first, last):
    """Add what one source gives; begin with the bias where there is one.

    a : 1-D.   rows : (T B,).   W : (G, D, H).   b : (G, H), or (0, H) to add to what is there.
    Z : (G, T, B, H), out.
    """
    G, _, B, H = Z.shape
    M = (last - first) * B
    row = np.empty(B * H, Z.dtype)  # long loops, for H may be small
    for g in range(G):
        z = flat(Z[g])[first * B * H : last * B * H].reshape(M, H)
        if b.size > 0:
            for i in range(B):
                for j in range(H):
                    row[i * H + j] = b[g, j]
            for t in range(first, last):
                step = flat(Z[g, t])
                for k in range(row.size):
                    step[k] = row[k]
        if K > 0:
            add_product(a, rows[first * B : last * B], flat(W[g])[at * H : (at + K) * H].reshape(K, H), z)


@kernel
def scatter(Z, V, rows, da, first, last):
    """Add the gradient of one source.   Z : (G, T, B, H), dL/dZ.   V : (G, H, K).   da : like a, in, out."""
    G, _, B, H = Z.shape
    for g in range(G):
        z = flat(Z[g])[first * B * H : last * B * H].reshape((last - first) * B, H)
        add_scattered(z, V[g], da, rows[first * B : last * B])


@kernel
def outer(a, rows, Z, at, K, dW, db):
    """Add the gradient of the weights of one source, and of the biases.

    Z : (G, T, B, H), dL/dZ.   dW : (G, D, H).   db : (G, H), or (0, H) to leave them out.
    """
    G, T, B, H = Z.shape
    row = np.empty(B * H, Z.dtype)
    for g in range(G):
        z = flat(Z[g]).reshape(T * B, H)
        if K > 0:
            add_outer(a, rows, z, flat(dW[g])[at * H : (at + K) * H].reshape(K, H))
        if db.size > 0:
            for k in range(row.size):
                row[k] = 0
            for t in range(T):
                step = flat(Z[g, t])
                for k in range(row.size):
                    row[k] += step[k]
            for i in range(B):
                for j in range(H):
                    db[g, j] += row[i * H + j]


@kernel
def turn(W, at, V):
    """V[g, j, k] = W[g, at + k, j].   W : (G, D, H).   V : (G, H, K), out."""
    G, H, K = V.shape
    for g in range(G):
        for first in range(0, K, 16):  # a strip at a time, for the cache's sake
            for j in range(H):
                for k in range(first, min(first + 16, K)):
                    V[g, j, k] = W[g, at + k, j]


@kernel
def feed(out, own, at, y, first, last):
    """Write outputs into the series they are lags of.

    out, own : (T, B, O), own True where y is not known.   at : (B,), where in y step 0 begins.   y : flat, out.
    """
    _, B, O = out.shape
    for t in range(first, last):
        for b in range(B):
            for o in range(O):
                if own[t, b, o]:
                    y[at[b] + t * O + o] = out[t, b, o]


@kernel
def feed_back(dy, own, at, dout, first, last):
    """Add to dout (T, B, O) the gradients dy, laid out like y, of the outputs that were fed."""
    _, B, O = dout.shape
    for t in range(first, last):
        for b in range(B):
            for o in range(O):
                if own[t, b, o]:
                    dout[t, b, o] += dy[at[b] + t * O + o]
