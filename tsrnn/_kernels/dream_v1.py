"""Parts of the loop in which a net draws label after label.  FROZEN, as ``simd_v*.py`` beside it says why.

    z = x(t) W_x + b + sum over lags  E_y[label(t - lag)] W_lag        looked up: products with tables are made before
    p = softmax(out / temperature)                                    its largest top_k, and of these the fewest that
                                                                      have top_p of the mass together; then it is drawn

A row of ``layers`` says where things are: H units, D rows of W; in theta W (G, D, H), b (G, H), U (G', H, H), ``own``
(n_own, H), gain (n_gain, H); in ``state`` S (n_states, 2, 1, H), the step before and this one, h first.  The last row
is the readout: O outputs, D rows of W (D, O), b (O,).
"""

import numpy as np

from tsrnn._kernels.jit import kernel
from tsrnn._kernels.simd_v3 import add_product


UNITS, ROWS, W, BIAS, U, N_U, OWN, N_OWN, GAIN, N_GAIN, STATE = range(11)


@kernel
def begin(layers, theta, first, inputs, lags, past, t, k, state, Z):
    """Write what layer k sees at step t into Z (G, 1, 1, H).

    first : (n_lags, K, G, H), of labels.   inputs : (n, G, H), with the bias, of inputs; the last row goes on.
    past : (most lags + n,), labels: that of step t is past[most lags + t].
    """
    G, _, _, H = Z.shape
    if k == 0:
        row, most = min(t, len(inputs) - 1), lags.max()
        for g in range(G):
            for j in range(H):
                Z[g, 0, 0, j] = inputs[row, g, j]
        for i in range(len(lags)):
            code = past[most + t - lags[i]]
            for g in range(G):
                for j in range(H):
                    Z[g, 0, 0, j] += first[i, code, g, j]
        return
    D, w, b = layers[k, ROWS], layers[k, W], layers[k, BIAS]
    h = layers[k - 1, STATE] + np.zeros(1, np.int64)
    for g in range(G):
        for j in range(H):
            Z[g, 0, 0, j] = theta[b + g * H + j] if layers[k, N_GAIN] == 0 else 0
        add_product(state, h, theta[w + g * D * H : w + (g + 1) * D * H].reshape(D, H), Z[g, 0])


@kernel
def end(layers, k, state, n_states):
    """The states of this step become those of the step before."""
    H, at = layers[k, UNITS], layers[k, STATE]
    for n in range(n_states):
        for j in range(H):
            state[at + 2 * n * H + j] = state[at + (2 * n + 1) * H + j]


@kernel
def draw(layers, theta, state, chance, temperature, top_k, top_p):
    """The label that follows, by a number ``chance`` from [0, 1)."""
    n = len(layers) - 1
    O, D, w, b = layers[n, UNITS], layers[n, ROWS], layers[n, W], layers[n, BIAS]
    out = np.empty((1, O), theta.dtype)
    for o in range(O):
        out[0, o] = theta[b + o]
    h = layers[n - 1, STATE] + np.zeros(1, np.int64)
    add_product(state, h, theta[w : w + D * O].reshape(D, O), out)
    return choose(out[0], chance, temperature, top_k, top_p)


@kernel
def choose(out, chance, temperature, top_k, top_p):
    """One of O labels by its score.   temperature : 0 takes the largest.   top_k, top_p : O and 1 leave none out."""
    O = len(out)
    best = 0
    for o in range(1, O):
        if out[o] > out[best]:
            best = o
    if temperature == 0:
        return best
    p, mass = np.empty(O), 0.0
    for o in range(O):
        p[o] = np.exp((out[o] - out[best]) / temperature)
        mass += p[o]
    if top_k < O or top_p < 1:
        kept, some, whole = np.zeros(O), 0.0, mass
        for _ in range(min(top_k, O)):
            if some >= top_p * whole:
                break
            largest = 0
            for o in range(1, O):
                if p[o] > p[largest]:
                    largest = o
            if p[largest] <= 0:
                break
            kept[largest] = p[largest]
            some += p[largest]
            p[largest] = 0
        p, mass = kept, some
    left, last = chance * mass, best
    for o in range(O):
        if p[o] > 0:
            left -= p[o]
            last = o
            if left < 0:
                break
    return last
