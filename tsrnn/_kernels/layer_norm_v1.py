"""Layer normalisation for kernels.  FROZEN, for the reason that ``simd_v*.py`` beside it gives.

    unit = (z - mean(z)) / sqrt(mean((z - mean(z))^2) + 1e-5),   z <- gain unit + b        over the H units

J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.
"""

import numpy as np

from tsrnn._kernels.jit import part


@part
def normalise(Z, gain, b, unit, root):
    """Z : (B, H), in, out.   gain, b : (H,).   unit : (B, H), out.   root : (B,), out, 1 / sqrt(...)."""
    B, H = Z.shape
    for i in range(B):
        mean, square = 0.0, 0.0
        for j in range(H):
            mean += Z[i, j]
        mean /= H
        for j in range(H):
            unit[i, j] = Z[i, j] - mean
        for j in range(H):
            square += unit[i, j] * unit[i, j]
        root[i] = 1 / np.sqrt(square / H + 1e-5)
        for j in range(H):
            unit[i, j] *= root[i]
        for j in range(H):
            Z[i, j] = gain[j] * unit[i, j] + b[j]


@part
def normalise_back(D, gain, unit, root, dgain, db):
    """D : (B, H), in: the gradient of what ``normalise`` left in Z, out: of what it found there.

    dgain, db : (H,), in, out.  Sums are in float64.
    """
    B, H = D.shape
    for i in range(B):
        for j in range(H):
            db[j] += D[i, j]
        for j in range(H):
            dgain[j] += D[i, j] * unit[i, j]
        mean, along = 0.0, 0.0
        for j in range(H):
            D[i, j] *= gain[j]
        for j in range(H):
            mean += D[i, j]
        for j in range(H):
            along += D[i, j] * unit[i, j]
        mean /= H
        along /= H
        for j in range(H):
            D[i, j] = root[i] * (D[i, j] - mean - unit[i, j] * along)
