"""Gated recurrent unit.

    r = sigmoid(x W_r + h U_r + b_r)                      reset gate
    z = sigmoid(x W_z + h U_z + b_z)                      update gate
    n = tanh(x W_n + b_n + r * (h U_n + d))               candidate, reset after the product
    n = tanh(x W_n + b_n + (r * h) U_n)                   candidate, reset before it
    h <- (1 - z) n + z h

Gates lie in the order r, z, n, each of them in a block of its own.  Biases begin at 0; where a series has one answer,
those of z so that memories are short to long.
"""

from dataclasses import KW_ONLY
from typing import NamedTuple

import numpy as np

from .._check import check_word
from .._kernels.dream_v1 import begin, draw, end
from .._kernels.jit import kernel
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.pack_v1 import pack
from .._kernels.simd_v3 import add_packed, flat, matrix, sigmoid, tanh
from .._nets.recurrent import Cell, Layout
from .._values import kept
from .recurrent import LaggedParameters, RecurrentClassifier, RecurrentRegressor


SPREAD_OF_WHOLE = -2.0, 4.0  # of biases of update gates, where a series has one answer: 1 to 56 rows


@kernel
def forward(b, U, d, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    d : (H,), or (0,) for a reset before the product.   Z : (3, T, B, H), in: x W + b (x W, with layer norm), out:
    gates.   S : (1, T + 1, B, H), out: h, step ``first`` given.   R : (T, B, H), h as the recurrence sees it: memory
    of S, or with a mask (B, H) out.   Q : (T, B, H), out: h U_n + d, or r * h.   unit : (3, T, B, H),
    root : (3, T, B), of layer norm.   rows : (T B,), where in R each row begins.
    """
    _, _, B, H = Z.shape
    packed = pack(U, (last - first) * B)
    for t in range(first, last):
        now = rows[t * B : (t + 1) * B]
        h0, h1, seen, q = flat(S[0, t]), flat(S[0, t + 1]), flat(R[t]), flat(Q[t])
        if mask is not None and mask.size > 0:
            m = flat(mask)
            for k in range(h0.size):
                seen[k] = h0[k] * m[k]
        for i in range(B if d.size > 0 else 0):
            for j in range(H):
                Q[t, i, j] = d[j]
        for gate in range(3):
            if gate < 2:
                if len(U) > 0:
                    add_packed(flat(R), now, U[gate], packed[gate], Z[gate, t])
            elif d.size > 0:
                if len(U) > 0:
                    add_packed(flat(R), now, U[2], packed[2], Q[t])
                r, n = flat(Z[0, t]), flat(Z[2, t])
                for k in range(n.size):
                    n[k] += r[k] * q[k]
            else:
                r = flat(Z[0, t])
                for k in range(q.size):
                    q[k] = r[k] * seen[k]
                if len(U) > 0:
                    add_packed(flat(Q), now, U[2], packed[2], Z[2, t])
            if gain is not None and gain.size > 0:
                normalise(Z[gate, t], gain[gate], b[gate], unit[gate, t], root[gate, t])
            a = flat(Z[gate, t])
            if gate < 2:
                for k in range(a.size):
                    a[k] = sigmoid(a[k])
            else:
                for k in range(a.size):
                    a[k] = tanh(a[k])
        z, n = flat(Z[1, t]), flat(Z[2, t])
        for k in range(h1.size):
            h1[k] = n[k] + z[k] * (h0[k] - n[k])


@kernel
def backward(V, d, gain, mask, Z, S, R, Q, unit, root, rows, dH, dS, db, dd, dgain, first, last):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: gates, out: dL/dz.   V : (3, H, H), U the other way round.   Q : out, with d: dL/d(h U_n + d).
    dH : (T, B, H), in: dL/dh from above, out: all of it.   dS : (2, B, H), in: gradient of h from the future, out: to
    the past; its second half is work space.   dd, dgain, db (db with layer norm only) : like d, gain, b, in, out; dd
    comes with step 0.   dU is made of what is left in Z and Q, see ``factors``.
    """
    _, T, B, H = Z.shape
    dh, work, packed = flat(dS[0]), flat(dS[1]), pack(V, (last - first) * B)
    for t in range(last - 1, first - 1, -1):
        now = rows[t * B : (t + 1) * B]
        r, z, n, q = flat(Z[0, t]), flat(Z[1, t]), flat(Z[2, t]), flat(Q[t])
        h0, seen, g = flat(S[0, t]), flat(R[t]), flat(dH[t])
        for k in range(g.size):
            g[k] += dh[k]
        for k in range(dh.size):
            dh[k] = g[k] * z[k]
        for k in range(z.size):
            a, c = z[k], n[k]
            z[k] = g[k] * (h0[k] - c) * (a - a * a)
            n[k] = g[k] * (1 - a) * (1 - c * c)
        if gain is not None and gain.size > 0:
            normalise_back(Z[2, t], gain[2], unit[2, t], root[2, t], dgain[2], db[2])
            normalise_back(Z[1, t], gain[1], unit[1, t], root[1, t], dgain[1], db[1])
        for k in range(work.size):
            work[k] = 0
        if d.size > 0:
            for k in range(r.size):
                a = r[k]
                r[k] = n[k] * q[k] * (a - a * a)
                q[k] = n[k] * a
            if len(V) > 0:
                add_packed(flat(Q), now, V[2], packed[2], dS[1])
        else:
            if len(V) > 0:
                add_packed(flat(Z[2]), now, V[2], packed[2], dS[1])
            for k in range(r.size):
                a = r[k]
                r[k] = work[k] * seen[k] * (a - a * a)
                work[k] *= a
        if gain is not None and gain.size > 0:
            normalise_back(Z[0, t], gain[0], unit[0, t], root[0, t], dgain[0], db[0])
        for gate in range(2 if len(V) > 0 else 0):
            add_packed(flat(Z[gate]), now, V[gate], packed[gate], dS[1])
        if mask is not None and mask.size > 0:
            m = flat(mask)
            for k in range(work.size):
                work[k] *= m[k]
        for k in range(dh.size):
            dh[k] += work[k]
    if first == 0 and d.size > 0:
        q = matrix(flat(Q), 0, T * B, H)
        for i in range(T * B):
            for j in range(H):
                dd[j] += q[i, j]


@kernel
def dream(layers, theta, first, inputs, lags, state, past, chance, temperature, top_k, top_p):
    """Draw labels, past[most lags :], one after the other; arrays as in ``dream_v1.py``.   chance : (n,), in [0, 1)."""
    G, most, row = first.shape[2], lags.max(), np.zeros(1, np.int64)
    nothing, now = np.empty((0, 0), theta.dtype), row[0]  # no literal, for one signature of ``forward``
    for t in range(len(chance)):
        for k in range(len(layers) - 1):
            H, _, _, b, u, n_u, own, n_own, gain, n_gain, at = layers[k]
            Z, Q = np.empty((G, 1, 1, H), theta.dtype), np.empty((1, 1, H), theta.dtype)
            unit, root = np.empty((n_gain, 1, 1, H), theta.dtype), np.empty((n_gain, 1, 1), theta.dtype)
            begin(layers, theta, first, inputs, lags, past, t, k, state, Z)
            S, seen = state[at : at + 2 * H].reshape(1, 2, 1, H), state[at : at + H].reshape(1, 1, H)
            bias = theta[b : b + G * H].reshape(G, H)
            gains = theta[gain : gain + n_gain * H].reshape(n_gain, H)
            U = theta[u : u + n_u * H * H].reshape(n_u, H, H)
            own_bias = theta[own : own + n_own * H]
            forward(bias, U, own_bias, gains, nothing, Z, S, seen, Q, unit, root, row, now, now + 1)
            end(layers, k, state, np.int64(1))
        past[most + t] = draw(layers, theta, state, chance[t], temperature, top_k, top_p)


class Parameters(NamedTuple):
    """Gates r, z, n.

    W : (3, D, H).   b : (3, H).   start : (1, H) or (0, H).   U : (3, H, H) or (0, H, H).   d : (H,), or (0,)
    with the reset before the product.   gain : (3, H) or (0, H).
    """

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    d: np.ndarray
    gain: np.ndarray


def factors(trace, g):
    """Return what dL/dU is a product of, see ``recurrent.factors``: of the last gate with Q in place of R or Z."""
    if not g.U.size:
        return ()
    last = (trace.R, trace.Q[None]) if g.d.size else (trace.Q, trace.Z[2:])
    return (trace.R, trace.Z[:2], g.U[:2]), (*last, g.U[2:])


def terms(layer):
    """Write out h <- (1 - z) n + z h, for export."""
    w, call, h = layer.w, layer.call, layer.before[0]
    r, z = [call("logistic", layer.gate(k, *layer.back(k))) for k in (0, 1)]
    if len(w.d):
        n = layer.gate(2, more=r * layer.affine("q", w.d, *layer.back(2)))
    else:
        n = layer.gate(2, *((layer.value("q", r * h), U) for _, U in layer.back(2)))
    n = layer.value("n", call("tanh", n))
    layer.becomes(0, n + z * (h - n))


@kept("gru")
def cell(reset, learned, layer_norm, last=True):
    """Return the cell of a GRU.   last : whether the gates see h one row ago."""
    start, gain = int(learned), 3 * layer_norm

    def shapes(D, H):
        d = H if reset == "after" else 0
        return Parameters((3, D, H), (3, H), (start, H), (3 * last, H, H), (d,), (gain, H))

    inner, lacks = (2, "") if reset == "after" else (None, "reset='before'")
    return Cell(
        cell,
        {"reset": reset, "learned": learned, "layer_norm": layer_norm, "last": last},
        3,
        1,
        (0, 0, 0),
        shapes,
        forward,
        backward,
        terms,
        torch=Layout((0, 1, 2), inner, lacks),
        dream=dream,
        keras=Layout((1, 0, 2), inner),  # theirs: z r n
        apart=None if layer_norm else inner,
        spread=spread,
        optional=("gain",),
        factors=factors,
    )


def spread(p, whole):
    """Space the update gates' biases evenly over the units, where a series has one answer: some begin by remembering.

    C. Tallec, Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018, draw them for all time scales.
    """
    if whole:
        p.b[1] = np.linspace(*SPREAD_OF_WHOLE, p.b.shape[1])


class GRUParameters(LaggedParameters):
    """What a GRU has.

    Parameters
    ----------
    reset : {"after", "before"}, default="after"
        Whether the reset gate acts after the product of h and its weights, as in cuDNN and the frameworks, or
        before it, as in the original [1]_.

    References
    ----------
    .. [1] K. Cho et al. "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation." EMNLP 2014.
    """

    _: KW_ONLY
    reset: str = "after"

    _variants = ({"reset": "after"}, {"reset": "before"})

    def _cell(self):
        check_word("reset", self.reset, ("after", "before"))
        return cell(self.reset, self.initial_state == "learned", self.layer_norm, self._sees_last())


class GRURegressor(GRUParameters, RecurrentRegressor):
    """Gated recurrent unit network, trained through time.

    h(t) = (1 - z) n + z h(t - 1), y(t) = h(t) V + c: the update gate z selects what is kept, the reset gate r what the
    candidate n sees [1]_.

    See Also
    --------
    LSTMRegressor : more gates.
    ElmanRegressor : none.

    References
    ----------
    .. [1] K. Cho et al. "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation." EMNLP 2014.

    Examples
    --------
    >>> from tsrnn import GRURegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(600, random_state=0)
    >>> model = GRURegressor((16,), random_state=0).fit(X[:500], y[:500])
    >>> model.predict(X[500:]).shape  # continues where training ended
    (100,)
    """


class GRUClassifier(GRUParameters, RecurrentClassifier):
    """Gated recurrent unit network that labels the rows of a series, or whole series.

    h(t) = (1 - z) n + z h(t - 1), and the probabilities of the classes are softmax(h(t) V + c) [1]_.

    See Also
    --------
    GRURegressor : the same net for numbers.
    LSTMClassifier : more gates.

    References
    ----------
    .. [1] K. Cho et al. "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation." EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import GRUClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = GRUClassifier((8,), random_state=0).fit(x[:500, None], y[:500])
    >>> model.predict_proba(x[500:, None]).shape  # continues where training ended
    (100, 2)
    """
