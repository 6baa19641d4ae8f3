"""Minimal gated recurrent unit.

    z = sigmoid(x W_z + b_z)                      how much of h is replaced
    n = x W_n + b_n                               by what; or
    n = g(x W_n + b_n)                            with g(v) = v + 1/2 where v >= 0, else sigmoid(v), which is positive
    h <- (1 - z) h + z n

No gate sees h, so what all steps put into the gates is one product, and a step is a loop over B x H units.  Gates lie
in the order z, n, each of them in a block of its own.
"""

from dataclasses import KW_ONLY
from functools import partial
from typing import NamedTuple

import numpy as np

from .._check import check_word
from .._kernels.dream_v1 import begin, draw, end
from .._kernels.jit import kernel
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.simd_v3 import flat, sigmoid
from .._nets.recurrent import Cell
from .._values import kept
from .recurrent import RecurrentClassifier, RecurrentParameters, RecurrentRegressor, check_diagonal


LINEAR, POSITIVE = range(2)
CANDIDATES = {"linear": LINEAR, "positive": POSITIVE}


@kernel
def forward(kind, b, U, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    kind : of candidate.   Z : (2, T, B, H), in: x W + b (x W, with layer norm), out: z and n.   S : (1, T + 1, B, H),
    out: h, step ``first`` given.   unit : (2, T, B, H), root : (2, T, B), of layer norm.   U (0, H, H), mask, R, Q and
    rows are what other cells use.
    """
    zero, half = b.dtype.type(0), b.dtype.type(0.5)
    for t in range(first, last):
        if gain.size > 0:
            for gate in range(2):
                normalise(Z[gate, t], gain[gate], b[gate], unit[gate, t], root[gate, t])
        z, n, h0, h1 = flat(Z[0, t]), flat(Z[1, t]), flat(S[0, t]), flat(S[0, t + 1])
        for k in range(z.size):
            z[k] = sigmoid(z[k])
        if kind == POSITIVE:
            for k in range(n.size):
                v = n[k]
                n[k] = v + half if v >= zero else sigmoid(v)
        for k in range(h1.size):
            h1[k] = h0[k] + z[k] * (n[k] - h0[k])


@kernel
def backward(kind, V, gain, mask, Z, S, R, Q, unit, root, rows, dH, dS, db, dgain, first, last):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: z and n, out: the gradient of what went into them.   dH : (T, B, H), in: dL/dh from above, out: all of it.
    dS : (2, B, H), in: gradient of h from the future, out: to the past; its second half is not used.
    dgain, db (db with layer norm only) : like gain, b, in, out.
    """
    one, half = gain.dtype.type(1), gain.dtype.type(0.5)
    dh = flat(dS[0])
    for t in range(last - 1, first - 1, -1):
        z, n, h0, g = flat(Z[0, t]), flat(Z[1, t]), flat(S[0, t]), flat(dH[t])
        for k in range(g.size):
            g[k] += dh[k]
        for k in range(dh.size):
            dh[k] = g[k] - g[k] * z[k]
        for k in range(z.size):
            a, c = z[k], n[k]
            z[k] = g[k] * (c - h0[k]) * (a - a * a)
            n[k] = g[k] * a
            if kind == POSITIVE:
                n[k] *= one if c >= half else c - c * c
        if gain.size > 0:
            for gate in range(2):
                normalise_back(Z[gate, t], gain[gate], unit[gate, t], root[gate, t], dgain[gate], db[gate])


@kernel
def dream(kind, layers, theta, first, inputs, lags, state, past, chance, temperature, top_k, top_p):
    """Draw labels, past[most lags :], one after the other; arrays as in ``dream_v1.py``.   chance : (n,), in [0, 1)."""
    G, most, row = first.shape[2], lags.max(), np.zeros(1, np.int64)
    nothing, now = np.empty((0, 0), theta.dtype), row[0]  # no literal, for one signature of ``forward``
    for t in range(len(chance)):
        for k in range(len(layers) - 1):
            H, _, _, b, u, n_u, _, _, gain, n_gain, at = layers[k]
            Z, Q = np.empty((G, 1, 1, H), theta.dtype), np.empty((1, 1, H), theta.dtype)
            unit, root = np.empty((n_gain, 1, 1, H), theta.dtype), np.empty((n_gain, 1, 1), theta.dtype)
            begin(layers, theta, first, inputs, lags, past, t, k, state, Z)
            S, seen = state[at : at + 2 * H].reshape(1, 2, 1, H), state[at : at + H].reshape(1, 1, H)
            bias = theta[b : b + G * H].reshape(G, H)
            gains = theta[gain : gain + n_gain * H].reshape(n_gain, H)
            U = theta[u : u + n_u * H * H].reshape(n_u, H, H)
            forward(kind, bias, U, gains, nothing, Z, S, seen, Q, unit, root, row, now, now + 1)
            end(layers, k, state, np.int64(1))
        past[most + t] = draw(layers, theta, state, chance[t], temperature, top_k, top_p)


class Parameters(NamedTuple):
    """Gates z, n.

    W : (2, D, H).   b : (2, H).   start : (1, H) or (0, H).   U : (0, H, H).   gain : (2, H) or (0, H).
    """

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    gain: np.ndarray


def terms(layer):
    """Write out h <- (1 - z) h + z n, for export."""
    call, h = layer.call, layer.before[0]
    z, n = call("logistic", layer.gate(0)), layer.gate(1)
    if layer.options["candidate"] == "positive":
        v = layer.value("v", n)
        n = call("relu", v) + call("logistic", call("min", v, 0.0))
    layer.becomes(0, h + z * (n - h))


@kept("min_gru")
def cell(candidate, learned, layer_norm):
    """Return the cell of a minimal gated recurrent unit."""
    start, gain, kind = int(learned), 2 * layer_norm, CANDIDATES[candidate]

    def shapes(D, H):
        return Parameters((2, D, H), (2, H), (start, H), (0, H, H), (gain, H))

    options = {"candidate": candidate, "learned": learned, "layer_norm": layer_norm}
    kernels = partial(forward, kind), partial(backward, kind)
    apart = None if layer_norm else -1
    return Cell(cell, options, 2, 1, (0, 0), shapes, *kernels, terms, apart=apart, dream=partial(dream, kind))


class MinGRUParameters(RecurrentParameters):
    """What a minimal GRU has.

    Parameters
    ----------
    candidate : {"linear", "positive"}, default="linear"
        n: a linear function of what the unit sees, or that through g(v) = v + 0.5 where v >= 0, else sigmoid(v), which
        keeps every state positive.
    """

    _: KW_ONLY
    candidate: str = "linear"

    def _cell(self):
        check_word("candidate", self.candidate, CANDIDATES)
        check_diagonal(self)
        return cell(self.candidate, self.initial_state == "learned", self.layer_norm)


class MinGRURegressor(MinGRUParameters, RecurrentRegressor):
    """Network of minimal gated recurrent units, trained through time.

    h(t) = (1 - z) h(t - 1) + z n, y(t) = h(t) V + c [1]_: the gate z and the candidate n see the inputs (or the layer
    below), and not h. So an epoch takes a fraction of a GRU's time, with far fewer weights; what a GRU reads from
    its state, this one needs lags for (``input_lags``, ``output_lags``).

    See Also
    --------
    GRURegressor : gates that see the state.

    Notes
    -----
    The recurrence has no matrix: ``recurrent_init`` starts nothing, and ``recurrent_dropout`` and
    ``orthogonal_penalty`` must be 0.

    References
    ----------
    .. [1] L. Feng, F. Tung, M. O. Ahmed, Y. Bengio, H. Hajimirsadeghi. "Were RNNs all we needed?" arXiv:2410.01201,
       2024.

    Examples
    --------
    >>> from tsrnn import MinGRURegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(600, random_state=0)
    >>> model = MinGRURegressor((16,), input_lags=9, random_state=0).fit(X[:500], y[:500])
    >>> model.predict(X[500:]).shape  # continues where training ended
    (100,)
    """


class MinGRUClassifier(MinGRUParameters, RecurrentClassifier):
    """Minimal gated recurrent unit network that labels the rows of a series, or whole series.

    h(t) = (1 - z) h(t - 1) + z n, whose gate and candidate do not see h, and the probabilities of the classes are
    softmax(h(t) V + c) [1]_.

    See Also
    --------
    MinGRURegressor : the same net for numbers.
    GRUClassifier : gates that see the state.

    References
    ----------
    .. [1] L. Feng, F. Tung, M. O. Ahmed, Y. Bengio, H. Hajimirsadeghi. "Were RNNs all we needed?" arXiv:2410.01201,
       2024.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import MinGRUClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = MinGRUClassifier((8,), random_state=0).fit(x[:500, None], y[:500])
    >>> model.predict_proba(x[500:, None]).shape  # continues where training ended
    (100, 2)
    """
