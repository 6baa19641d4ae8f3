"""Dense layers between the last recurrent layer of a net and its readout.

    h <- tanh(v W + b)

Such a layer is one of the blocks of a net, with the arrays of a cell that carries nothing from row to row.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.jit import kernel
from .._kernels.simd_v3 import flat, tanh


@kernel
def forward(b, U, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    Z : (1, T, B, H), in: v W + b, out: h.   S : (1, T + 1, B, H), out: h.   The rest is what cells use.
    """
    for t in range(first, last):
        z, h = flat(Z[0, t]), flat(S[0, t + 1])
        for k in range(z.size):
            z[k] = tanh(z[k])
        for k in range(h.size):
            h[k] = z[k]


@kernel
def backward(V, gain, mask, Z, S, R, Q, unit, root, rows, dH, dS, db, dgain, first, last):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: h, out: dL/dz.   dH : (T, B, H), in: dL/dh from above, out: all of it.   dS : (2, B, H), in: gradient of h
    from the future, out: 0.
    """
    dh, one = flat(dS[0]), Z.dtype.type(1)
    for t in range(last - 1, first - 1, -1):
        z, d = flat(Z[0, t]), flat(dH[t])
        for k in range(d.size):
            d[k] += dh[k]
        for k in range(dh.size):
            dh[k] = 0
        for k in range(z.size):
            z[k] = d[k] * (one - z[k] * z[k])


class Parameters(NamedTuple):
    """W : (1, D, H).   b : (1, H).   start : (0, H), U : (0, H, H), gain : (0, H), which cells have."""

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    gain: np.ndarray


def shapes(D, H):
    """Return the shapes of the parameters."""
    return Parameters((1, D, H), (1, H), (0, H), (0, H, H), (0, H))


def terms(layer):
    """Add h <- tanh(v W + b), for export."""
    layer.becomes(0, layer.call("tanh", layer.gate(0)))
