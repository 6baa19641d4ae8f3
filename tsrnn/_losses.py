"""Losses: value and gradient, in one pass over the targets.

squared    1/2 sum w (y - f)^2,    d/df = w (f - y)
"""

from ._jit import kernel


@kernel
def squared(out, y, w, at, dout):
    """Half the weighted sum of squares.

    out, dout : (T, B, O), forecasts and, out, the gradient.   y, w : (N O,), targets and weights of all
    rows, flat.   at : (B,), where in them each sequence's first row begins.
    """
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                g = w[i] * (out[t, b, o] - y[i])
                dout[t, b, o] = g
                total += g * (out[t, b, o] - y[i])
    return 0.5 * total
