"""Slow twins of the kernels: plain loops, written from the papers' equations and from no kernel.

The delay network (TDNN, NARX):

    z_1(t) = b_1 + sum_k x(t - k) W_1[x, k] + sum_k y(t - k) W_1[y, k]
    z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k]
    h_l(t) = f_l(z_l(t)),   the output is h_n, and f_n the identity

The rows of W stand for x before y, the oldest lag first, one row a column of the source.  (Any layer may see
any source: a later layer may see x and y too.)
"""

import math
from typing import NamedTuple

import numpy as np


ACTIVATIONS = {
    "identity": lambda z: z,
    "tanh": math.tanh,
    "logistic": lambda z: 1 / (1 + math.exp(-z)),
    "relu": lambda z: z if math.isnan(z) else max(z, 0.0),
}


class DelayNetwork(NamedTuple):
    """layers : [(W, b), ...].   sees : for each layer [(source, lags), ...], a source being "x", "y" or the
    number of a layer, in the order of W's rows."""

    layers: list
    activation: str
    sees: list


def delay_layer(net, k, t, X, Y, known):
    """Layer k at row t, a list; ``known`` remembers what was worked out before."""
    if (k, t) not in known:
        seen = []
        for source, lags in net.sees[k]:
            for lag in sorted(lags, reverse=True):
                if source in ("x", "y"):
                    assert t >= lag
                    seen.extend((X if source == "x" else Y)[t - lag])
                else:
                    seen.extend(delay_layer(net, source, t - lag, X, Y, known))
        W, b = net.layers[k]
        f = ACTIVATIONS[net.activation if k < len(net.layers) - 1 else "identity"]
        h = []
        for j in range(len(b)):
            z = b[j]
            for i in range(len(seen)):
                z += seen[i] * W[i][j]
            h.append(f(z))
        known[k, t] = h
    return known[k, t]


def reach(net, wanted="xy", k=-1):
    """Rows of history of x, of y or of either that layer k needs for one row."""
    k = k % len(net.layers)
    rows = [0]
    for source, lags in net.sees[k]:
        if source in ("x", "y"):
            rows += [max(lags, default=0)] if source in wanted else []
        else:
            rows.append(max(lags) + reach(net, wanted, source))
    return max(rows)


def run_delay_network(net, X, Y, first):
    """Outputs (N - first, O) at the rows from ``first`` on; where Y is NaN there, they take its place."""
    Y = np.array(Y, float)
    out, known = np.empty((len(Y) - first, Y.shape[1])), {}
    for t in range(first, len(Y)):
        out[t - first] = delay_layer(net, len(net.layers) - 1, t, X, Y, known)
        for o in range(Y.shape[1]):
            if math.isnan(Y[t, o]):
                Y[t, o] = out[t - first, o]
    return out


def open_loop_errors(net, X, Y):
    """Output minus target (N, O) at every row; NaN where the target or a lag that is seen is not known."""
    errors, known = np.full(Y.shape, np.nan), {}
    for t in range(reach(net), len(Y)):
        errors[t] = np.array(delay_layer(net, len(net.layers) - 1, t, X, Y, known)) - Y[t]
    return errors


def closed_loop_errors(net, X, Y, steps):
    """The same for free runs of ``steps`` rows, one behind the other, each from where no y it needs is unknown."""
    errors = np.full(Y.shape, np.nan)
    beyond = np.concatenate([X, np.zeros((steps, X.shape[1]))])  # the last run may go over the end
    t = reach(net)
    while t < len(Y):
        free = np.concatenate([Y[:t], np.full((steps, Y.shape[1]), np.nan)])
        out = run_delay_network(net, beyond[: t + steps], free, t)  # NaN from where it looks at an unknown y
        if np.isnan(out).any():
            t += 1
            continue
        errors[t : t + steps] = out[: len(Y) - t] - Y[t : t + steps]
        t += steps
    return errors


def forecast_ahead(net, X, Y, first, steps):
    """Output at each row from ``first`` on, y known up to ``steps`` rows before it, at least to ``first``."""
    out = np.empty((len(Y) - first, Y.shape[1]))
    for t in range(first, len(Y)):
        origin = max(first, t - steps + 1)  # the first row whose y is not known
        free = np.concatenate([Y[:origin], np.full((t + 1 - origin, Y.shape[1]), np.nan)])
        out[t - first] = run_delay_network(net, X[: t + 1], free, origin)[-1]
    return out


def central_difference(f, theta, step=1e-3):
    """df/dtheta (P, ...) by the five-point rule, whose error falls with the fourth power of the step."""
    rows = []
    for j in range(len(theta)):
        e = np.zeros(len(theta))
        e[j] = step
        near = f(theta + e) - f(theta - e)
        far = f(theta + 2 * e) - f(theta - 2 * e)
        rows.append((8 * near - far) / (12 * step))
    return np.array(rows)
