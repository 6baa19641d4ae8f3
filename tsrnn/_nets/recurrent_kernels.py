"""Kernels around the recurrence: input projections, readout, gradients of weights, feedback of outputs.

    Z[g, t, b] = b[g] + sum over sources  a[rows[t, b] : + K] W[g, at : at + K]

for each gate g.  A source is a flat array ``a`` with the offset of each row: a series read in place with its lags, or
the states of the layer below.  Dimensions: G gates, T steps, B sequences, H units, D rows of W, K of them for one
source.  Kernels act on steps first <= t < last.
"""

import numpy as np

from .._kernels.jit import kernel
from .._kernels.outer_v1 import add_wide_outer
from .._kernels.simd_v3 import add_product, add_scattered, flat, line, matrix


COPIED = 4096  # numbers of one loop that fills rows with the bias: a first cache holds them
MANY = 16  # sequences, from which on NumPy's loops over all numbers of a step are long


@kernel
def project(a, rows, W, at, K, b, Z, first, last):
    """Add the projection of one source; start from the bias if there is one.

    a : 1-D.   rows : (T B,).   W : (G, D, H).   b : (G, H), or (0, H) to add to Z.   Z : (G, T, B, H), out.
    """
    G, T, B, H = Z.shape
    D, n, M = W.shape[1], B * H, (last - first) * B
    for g in range(G):
        z = line(flat(Z), (g * T + first) * n, M * H)
        if b.size > 0:
            for j in range(H if z.size > H else z.size):  # ``min`` costs 0.02 s of compilation
                z[j] = b[g, j]
            done, most = H, H * (COPIED // H if H < COPIED else 1)
            while done < z.size:  # each loop copies many rows, since H may be small
                size = done if done < most else most
                rest = line(z, done, size if size < z.size - done else z.size - done)
                for k in range(rest.size):
                    rest[k] = z[k]
                done += rest.size
        if K > 0:
            w = matrix(flat(W), (g * D + at) * H, K, H)
            add_product(a, line(rows, first * B, M), w, matrix(z, 0, M, H))


@kernel
def scatter(Z, V, rows, da, first, last):
    """Add the gradient with respect to one source.

    Z : (G, T, B, H), dL/dZ.   V : (G, H, K), W the other way round.   rows : (T B,).   da : like a, in, out.
    """
    G, T, B, H = Z.shape
    M, K = (last - first) * B, V.shape[2]
    for g in range(G):
        z = matrix(flat(Z), (g * T + first) * B * H, M, H)
        add_scattered(z, matrix(flat(V), g * H * K, H, K), da, line(rows, first * B, M))


@kernel
def outer(a, rows, Z, at, K, dW):
    """Add the gradient with respect to the weights of one source.

    a : 1-D.   rows : (T B,).   Z : (G, T, B, H), dL/dZ.   dW : (G, D, H), in, out.
    """
    G, T, B, H = Z.shape
    D = dW.shape[1]
    for g in range(G):
        if K > 0:
            w = matrix(flat(dW), (g * D + at) * H, K, H)
            add_wide_outer(a, rows, matrix(flat(Z), g * T * B * H, T * B, H), w)


def of_biases(Z, db):
    """Return what adds the gradient of biases, a function and its arguments.   Z : (G, T, B, H).   db : (G, H).

    Biases are weights of a source that is 1. Many sequences NumPy adds up as fast, in the order of time; a loop of
    their own would cost a first fit 0.15 s.
    """
    _, T, B, _ = Z.shape
    if B >= MANY:
        return _sum_biases, Z, db
    return outer, np.ones(1, Z.dtype), np.zeros(T * B, int), Z, 0, 1, db[:, None]


def _sum_biases(Z, db):
    """Add dL/dZ of all steps, and then of all sequences."""
    G, T, B, H = Z.shape
    db += np.add.reduce(np.add.reduce(Z.reshape(G, T, B * H), axis=1).reshape(G, B, H), axis=1)


def add_biases(Z, db):
    """Add the gradient of biases; arrays as for ``of_biases``."""
    add, *arrays = of_biases(Z, db)
    add(*arrays)


@kernel
def feed(out, fed, at, y, first, last):
    """Write outputs into the series that their lags are read from.

    out, fed : (T, B, O), fed True where y is unknown.   at : (B,), offset in y of step 0.   y : flat, out.
    """
    _, B, O = out.shape
    for t in range(first, last):
        for b in range(B):
            for o in range(O):
                if fed[t, b, o]:
                    y[at[b] + t * O + o] = out[t, b, o]


@kernel
def feed_back(dy, fed, at, dout, first, last):
    """Add to dout (T, B, O) the gradients of outputs that were fed.   dy : flat, like y.   fed, at : as ``feed``."""
    _, B, O = dout.shape
    for t in range(first, last):
        for b in range(B):
            for o in range(O):
                if fed[t, b, o]:
                    dout[t, b, o] += dy[at[b] + t * O + o]


@kernel
def feed_mixtures(out, own, at, E, shares, y, first, last):
    """Feed back scores of labels that are embedded: write the mean of their embeddings, weighted by probability.

    own : (T, B, 1).   E : (O, e).   shares : (T, B, O), out, probabilities.
    """
    _, B, O = out.shape
    width = E.shape[1]
    for t in range(first, last):
        for b in range(B):
            if own[t, b, 0]:
                most, mass = float(out[t, b, 0]), 0.0
                for o in range(1, O):
                    most = max(most, float(out[t, b, o]))
                for o in range(O):
                    mass += np.exp(out[t, b, o] - most)
                i = at[b] + t * width
                for j in range(width):
                    y[i + j] = 0
                for o in range(O):
                    p = np.exp(out[t, b, o] - most) / mass
                    shares[t, b, o] = p
                    for j in range(width):
                        y[i + j] += p * E[o, j]


@kernel
def feed_mixtures_back(dy, own, at, E, shares, dout, dE, first, last):
    """Add the gradients dy of the mixtures that were fed to dout (T, B, O) and dE (O, e); dy becomes 0 there."""
    _, B, O = dout.shape
    width = E.shape[1]
    share = np.empty(O)
    for t in range(first, last):
        for b in range(B):
            if own[t, b, 0]:
                i, mean = at[b] + t * width, 0.0
                for o in range(O):
                    slope = 0.0
                    for j in range(width):
                        slope += E[o, j] * dy[i + j]
                        dE[o, j] += shares[t, b, o] * dy[i + j]
                    share[o] = slope
                    mean += shares[t, b, o] * slope
                for o in range(O):
                    dout[t, b, o] += shares[t, b, o] * (share[o] - mean)
                for j in range(width):
                    dy[i + j] = 0


@kernel
def feed_shares(out, own, at, y, joint, first, last):
    """Feed back scores of classes: write their probabilities.

    joint : whether the classes of a row exclude each other (softmax), or each column is one of its own (logistic).
    """
    _, B, O = out.shape
    for t in range(first, last):
        for b in range(B):
            i = at[b] + t * O
            most, mass = 0.0, 0.0
            if joint:
                most = float(out[t, b, 0])
                for o in range(1, O):
                    most = max(most, float(out[t, b, o]))
                for o in range(O):
                    mass += np.exp(out[t, b, o] - most)
            for o in range(O):
                if own[t, b, o]:
                    if joint:
                        y[i + o] = np.exp(out[t, b, o] - most) / mass
                    else:
                        y[i + o] = 1 / (1 + np.exp(-float(out[t, b, o])))


@kernel
def feed_shares_back(dy, own, at, y, dout, joint, first, last):
    """Add to dout (T, B, O) the gradients dy of the probabilities y that were fed; arrays as above."""
    _, B, O = dout.shape
    for t in range(first, last):
        for b in range(B):
            i = at[b] + t * O
            mean = 0.0
            if joint:
                for o in range(O):
                    if own[t, b, o]:
                        mean += y[i + o] * dy[i + o]
            for o in range(O):
                if own[t, b, o]:
                    p = y[i + o]
                    if joint:
                        dout[t, b, o] += p * (dy[i + o] - mean)
                    else:
                        dout[t, b, o] += p * (1 - p) * dy[i + o]
