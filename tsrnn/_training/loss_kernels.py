"""Kernels of losses: the value and, into dout, the gradient, in one pass over the targets; equations in ``losses.py``.

out, dout : (T, B, O), forecasts f and, out, the gradient with respect to them, float32 or float64.   y, w : (N O,),
targets and weights of all rows, flat; where w is 0, y may be any finite value.   at : (B,), where in them each
sequence's first row begins: output o of step t of sequence b is compared with y[at[b] + t O + o].
"""

import numpy as np

from .._kernels.jit import kernel, part
from .._kernels.simd_v3 import flat, line, sigmoid


LARGEST = 20.0  # log of a mean, from which on it grows along a line: a wild step of a solver stays finite


@kernel
def squared_errors(out, y, w, at, dout):
    """Sum w e^2 / 2; the gradient goes into dout."""
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


@kernel
def absolute_errors(out, y, w, at, dout):
    """Sum w |e|; the gradient goes into dout."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                d = out[t, b, o] - y[i]
                dout[t, b, o] = w[i] * np.sign(d)
                total += w[i] * abs(d)
    return total


@kernel
def huber_errors(out, y, w, at, dout, delta):
    """Sum Huber losses: squared errors up to delta, absolute errors beyond."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                d = out[t, b, o] - y[i]
                a = abs(d)
                if a <= delta:
                    dout[t, b, o] = w[i] * d
                    total += w[i] * d * d / 2
                else:
                    dout[t, b, o] = w[i] * delta * np.sign(d)
                    total += w[i] * delta * (a - delta / 2)
    return total


@kernel
def pinball_errors(out, y, w, at, dout, quantile):
    """Sum pinball losses.   quantile : (O,), the slope where the forecast lies below y."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                d = out[t, b, o] - y[i]
                slope = d  # 0, or NaN
                if d > 0:
                    slope = 1 - quantile[o]
                elif d < 0:
                    slope = -quantile[o]
                dout[t, b, o] = w[i] * slope
                total += w[i] * slope * d
    return total


@kernel
def logistic_errors(out, y, w, at, dout, smoothing):
    """Sum cross-entropies of two classes, column by column."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                f = float(out[t, b, o])
                target = (1 - smoothing) * y[i] + 0.5 * smoothing
                e = np.exp(-abs(f))
                p = 1 / (1 + e)
                if f < 0:
                    p = e / (1 + e)
                dout[t, b, o] = w[i] * (p - target)
                total += w[i] * (max(f, 0.0) + np.log1p(e) - target * f)
    return total


@part
def exponentials(z, e):
    """Write exp(z - max z) into e, both (O,); return max z and the sum of e."""
    most, mass = z[0], 0.0
    for o in range(1, z.size):
        most = max(most, z[o])
    for o in range(z.size):
        s = sigmoid(z[o] - most)  # many at a time, unlike np.exp
        e[o] = s / (1 - s)
    for o in range(e.size):
        mass += e[o]
    return most, mass


@kernel
def softmax_errors(out, y, w, at, dout, smoothing):
    """Sum cross-entropies of classes that exclude each other, one a column."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            i, z, d = at[b] + t * O, line(flat(out), (t * B + b) * O, O), line(flat(dout), (t * B + b) * O, O)
            most, mass = exponentials(z, d)
            loss = np.log(mass)
            for o in range(O):
                target = (1 - smoothing) * y[i + o] + smoothing / O
                loss -= target * (z[o] - most)
                d[o] = w[i] * (d[o] / mass - target)
            total += w[i] * loss
    return total


@kernel
def code_errors(out, y, w, at, dout, smoothing):
    """Sum cross-entropies of labels given as codes 0 ... O - 1.   y, w : (N,), flat.   at : (B,), of the first row."""
    T, B, O = out.shape
    total, share = 0.0, smoothing / O
    for t in range(T):
        for b in range(B):
            i, z, d = at[b] + t, line(flat(out), (t * B + b) * O, O), line(flat(dout), (t * B + b) * O, O)
            most, mass = exponentials(z, d)
            all_scores = 0.0
            if smoothing > 0:
                for o in range(O):
                    all_scores += z[o] - most
            code, scale, less = int(y[i]), w.dtype.type(w[i] / mass), w.dtype.type(w[i] * share)
            total += w[i] * (np.log(mass) - (1 - smoothing) * (z[code] - most) - share * all_scores)
            for o in range(O):
                d[o] = scale * d[o] - less
            d[code] -= w[i] * (1 - smoothing)
    return total


@kernel
def poisson_errors(out, y, w, at, dout):
    """Sum half the weighted deviance of Poisson's distribution, of logarithms of means."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                f, v = float(out[t, b, o]), float(y[i])
                slope = np.exp(min(f, LARGEST))
                m = slope * (1 + max(f - LARGEST, 0.0))
                loss = m - v - v * f
                if v > 0:
                    loss += v * np.log(v)
                dout[t, b, o] = w[i] * (slope - v)
                total += w[i] * loss
    return total


@kernel
def negative_binomial_errors(out, y, w, at, dout, a):
    """Sum half the weighted deviance of the negative binomial distribution.   a : (O,), dispersions."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                f, v = float(out[t, b, o]), float(y[i])
                m = np.exp(min(f, LARGEST))
                loss = (v + 1 / a[o]) * np.log((1 + a[o] * m) / (1 + a[o] * v)) - v * f
                slope = (m - v) / (1 + a[o] * m)
                if f > LARGEST:
                    loss += (v + 1 / a[o]) * (f - LARGEST)
                    slope = 1 / a[o]
                if v > 0:
                    loss += v * np.log(v)
                dout[t, b, o] = w[i] * slope
                total += w[i] * loss
    return total


@kernel
def tweedie_errors(out, y, w, at, dout, p):
    """Sum half the weighted deviance of Tweedie's distribution, of power p."""
    T, B, O = out.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            for o in range(O):
                i = at[b] + t * O + o
                f, v = float(out[t, b, o]), float(y[i])
                g, beyond = min(f, LARGEST), max(f - LARGEST, 0.0)
                low, high = np.exp((1 - p) * g), np.exp((2 - p) * g)
                slope = high - v * low
                loss = v * low / (p - 1) + high / (2 - p) + slope * beyond
                if v > 0:
                    loss -= v ** (2 - p) / ((p - 1) * (2 - p))
                dout[t, b, o] = w[i] * slope
                total += w[i] * loss
    return total
