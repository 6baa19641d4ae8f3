"""Losses: value and gradient, in one pass over the targets.

squared    1/2 sum w (y - f)^2,    d/df = w (f - y)
"""

from ._jit import kernel


@kernel
def squared(out, y, w, at, dout):
    """Half the weighted sum of squares.

    out, dout : (B, T, O), forecasts and, out, the gradient.   y, w : (N O,), targets and weights of all
    rows, flat.   at : (B,), where in them each sequence's first row begins.
    """
    B, T, O = out.shape
    total = 0.0
    for b in range(B):
        for t in range(T):
            for o in range(O):
                i = at[b] + t * O + o
                g = w[i] * (out[b, t, o] - y[i])
                dout[b, t, o] = g
                total += g * (out[b, t, o] - y[i])
    return 0.5 * total
