"""Long short-term memory.

    i = sigmoid(x W_i + h U_i + b_i + p_i c)    input gate
    f = sigmoid(x W_f + h U_f + b_f + p_f c)    forget gate, or 1
    g = tanh(x W_g + h U_g + b_g)               candidate
    c <- f c + i g
    o = sigmoid(x W_o + h U_o + b_o + p_o c)    output gate, of the new c
    h <- o tanh(c)

Gates lie in the order i, g, o, f, each of them in a block of its own, so that a loop over B x H units is one long
loop whatever H is; f comes last because it can be left out.  The p (peepholes) can be left out too.
"""

from dataclasses import KW_ONLY
from typing import NamedTuple

import numpy as np

from .._check import check_flag, check_number
from .._kernels.dream_v1 import begin, draw, end
from .._kernels.jit import kernel
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.pack_v1 import pack
from .._kernels.simd_v3 import add_packed, flat, sigmoid, tanh
from .._nets.recurrent import Cell, Layout
from .._values import kept
from .recurrent import LaggedParameters, RecurrentClassifier, RecurrentRegressor


REMEMBERS = 1.0  # bias of a forget gate that begins by remembering
SPREAD = -2.0, 2.0  # of such biases over the units: memories of 1 to 8 rows
SPREAD_OF_WHOLE = 0.0, 4.0  # the same where a series has one answer: 2 to 56 rows


@kernel
def forward(b, U, P, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    Z : (G, T, B, H), in: x W + b (x W, with layer norm), out: gates.   S : (2, T + 1, B, H), out: h and c, step
    ``first`` given.   R : (T, B, H), h as the recurrence sees it: memory of S, or with a mask (B, H) out.
    Q : (T, B, H), out: tanh(c).   unit : (G, T, B, H), root : (G, T, B), of layer norm.
    rows : (T B,), where in R each row begins.   P, gain, mask : None, all of them, where there is none.
    """
    G, _, B, H = Z.shape
    r, packed = flat(R), pack(U, (last - first) * B)
    for t in range(first, last):
        h0, h1, c0, c1 = flat(S[0, t]), flat(S[0, t + 1]), flat(S[1, t]), flat(S[1, t + 1])
        if mask is not None and mask.size > 0:
            seen, m = flat(R[t]), flat(mask)
            for k in range(h0.size):
                seen[k] = h0[k] * m[k]
        for gate in range(G):
            if len(U) > 0:
                add_packed(r, rows[t * B : (t + 1) * B], U[gate], packed[gate], Z[gate, t])
            if gain is not None and gain.size > 0:
                normalise(Z[gate, t], gain[gate], b[gate], unit[gate, t], root[gate, t])
        i, g, o, f, tanh_c = flat(Z[0, t]), flat(Z[1, t]), flat(Z[2, t]), flat(Z[G - 1, t]), flat(Q[t])
        if P is not None and P.size > 0:
            for n in range(B):
                for j in range(H):
                    i[n * H + j] += P[0, j] * c0[n * H + j]
            if G == 4:
                for n in range(B):
                    for j in range(H):
                        f[n * H + j] += P[2, j] * c0[n * H + j]
        for k in range(i.size):
            i[k] = sigmoid(i[k])
        for k in range(g.size):
            g[k] = tanh(g[k])
        if G == 4:
            for k in range(f.size):
                f[k] = sigmoid(f[k])
            for k in range(c1.size):
                c1[k] = f[k] * c0[k] + i[k] * g[k]
        else:
            for k in range(c1.size):
                c1[k] = c0[k] + i[k] * g[k]
        if P is not None and P.size > 0:
            for n in range(B):
                for j in range(H):
                    o[n * H + j] += P[1, j] * c1[n * H + j]
        for k in range(o.size):
            o[k] = sigmoid(o[k])
        for k in range(tanh_c.size):
            tanh_c[k] = tanh(c1[k])
        for k in range(h1.size):
            h1[k] = o[k] * tanh_c[k]


@kernel
def backward(V, P, gain, mask, Z, S, R, Q, unit, root, rows, dH, dS, db, dP, dgain, first, last):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: gates, out: dL/dz.   V : (G, H, H), U the other way round.   dH : (T, B, H), in: dL/dh from above,
    out: all of it.   dS : (2, B, H), in: gradient of h and c from the future, out: to the past.
    dP, dgain, db (db with layer norm only) : like P, gain, b, in, out.   dU is made of what is left in Z.
    """
    G, _, B, H = Z.shape
    dh, dc, packed = flat(dS[0]), flat(dS[1]), pack(V, (last - first) * B)
    for t in range(last - 1, first - 1, -1):
        i, g, o, f, tanh_c = flat(Z[0, t]), flat(Z[1, t]), flat(Z[2, t]), flat(Z[G - 1, t]), flat(Q[t])
        c0, c1, d = flat(S[1, t]), flat(S[1, t + 1]), flat(dH[t])
        for k in range(d.size):
            d[k] += dh[k]
        for k in range(dc.size):
            dc[k] += d[k] * o[k] * (1 - tanh_c[k] * tanh_c[k])
        for k in range(o.size):
            o[k] = d[k] * tanh_c[k] * (o[k] - o[k] * o[k])
        if P is not None and P.size > 0:
            for n in range(B):
                for j in range(H):
                    dc[n * H + j] += P[1, j] * o[n * H + j]
                for j in range(H):
                    dP[1, j] += o[n * H + j] * c1[n * H + j]
        for k in range(i.size):
            a = i[k]
            i[k] = dc[k] * g[k] * (a - a * a)
            g[k] = dc[k] * a * (1 - g[k] * g[k])
        if G == 4:
            for k in range(f.size):
                a = f[k]
                f[k] = dc[k] * c0[k] * (a - a * a)
                dc[k] *= a
        if P is not None and P.size > 0:
            for n in range(B):
                for j in range(H):
                    dc[n * H + j] += P[0, j] * i[n * H + j]
                for j in range(H):
                    dP[0, j] += i[n * H + j] * c0[n * H + j]
            if G == 4:
                for n in range(B):
                    for j in range(H):
                        dc[n * H + j] += P[2, j] * f[n * H + j]
                    for j in range(H):
                        dP[2, j] += f[n * H + j] * c0[n * H + j]
        for k in range(dh.size):
            dh[k] = 0
        for gate in range(G):
            if gain is not None and gain.size > 0:
                normalise_back(Z[gate, t], gain[gate], unit[gate, t], root[gate, t], dgain[gate], db[gate])
            if len(V) > 0:
                add_packed(flat(Z[gate]), rows[t * B : (t + 1) * B], V[gate], packed[gate], dS[0])
        if mask is not None and mask.size > 0:
            m = flat(mask)
            for k in range(dh.size):
                dh[k] *= m[k]


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
            S, seen = state[at : at + 4 * H].reshape(2, 2, 1, H), state[at : at + H].reshape(1, 1, H)
            bias = theta[b : b + G * H].reshape(G, H)
            gains = theta[gain : gain + n_gain * H].reshape(n_gain, H)
            U = theta[u : u + n_u * H * H].reshape(n_u, H, H)
            P = theta[own : own + n_own * H].reshape(n_own, H)
            forward(bias, U, P, gains, nothing, Z, S, seen, Q, unit, root, row, now, now + 1)
            end(layers, k, state, np.int64(2))
        past[most + t] = draw(layers, theta, state, chance[t], temperature, top_k, top_p)


class Parameters(NamedTuple):
    """Gates i, g, o, f; without a forget gate G is 3, else 4.

    W : (G, D, H).   b : (G, H).   start : (2, H), h and c, or (0, H).   U : (G, H, H) or (0, H, H).
    P : (G - 1, H), peepholes of i, o, f, or (0, H).   gain : (G, H) or (0, H).
    """

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    P: np.ndarray
    gain: np.ndarray


def terms(layer):
    """Write out c <- f c + i g, h <- o tanh(c), for export."""
    w, call, (_, c) = layer.w, layer.call, layer.before
    i, g, o, *f = [layer.gate(k, *layer.back(k)) for k in range(len(w.W))]
    if len(w.P):
        i, f = i + w.P[0] * c, [z + w.P[2] * c for z in f]
    kept_of_c = call("logistic", f[0]) * c if f else c
    c = layer.becomes(1, kept_of_c + call("logistic", i) * call("tanh", g))
    if len(w.P):
        o = o + w.P[1] * c
    layer.becomes(0, call("logistic", o) * call("tanh", c))


@kept("lstm")
def cell(peepholes, forget_gate, forget_bias, learned, layer_norm, last=True):
    """Return the cell of an LSTM.   last : whether the gates see h one row ago."""
    spreads = isinstance(forget_bias, str)
    bias = (0, 0, 0, REMEMBERS if spreads else forget_bias) if forget_gate else (0, 0, 0)
    G = len(bias)
    P, start, gain = (G - 1) * peepholes, 2 * learned, G * layer_norm

    def shapes(D, H):
        return Parameters((G, D, H), (G, H), (start, H), (G * last, H, H), (P, H), (gain, H))

    options = {
        "peepholes": peepholes,
        "forget_gate": forget_gate,
        "forget_bias": forget_bias,
        "learned": learned,
        "layer_norm": layer_norm,
        "last": last,
    }
    lacks = "peepholes" if peepholes else "" if forget_gate else "forget_gate=False"
    apart = None if peepholes or layer_norm else -1
    layout = Layout((0, 2, 3, 1), lacks=lacks)  # theirs: i f g o
    kernels = forward, backward, terms
    options_of = {"torch": layout, "keras": layout, "apart": apart, "dream": dream, "optional": ("P", "gain")}
    options_of["spread"] = spread if spreads and forget_gate else None
    return Cell(cell, options, G, 2, bias, shapes, *kernels, **options_of)


def spread(p, whole):
    """Space the forget gates' biases evenly over the units: some begin by remembering, some by forgetting.

    Where all begin by remembering, each is nearly a sum over all rows: L-BFGS, which trusts its first curvature, is
    slow to undo that, and early stopping ends before it has.   whole : whether a series has one answer; with large
    steps such nets then jump about less, too.
    """
    p.b[-1] = np.linspace(*(SPREAD_OF_WHOLE if whole else SPREAD), p.b.shape[1])


class LSTMParameters(LaggedParameters):
    """What an LSTM has.

    Parameters
    ----------
    peepholes : bool, default=False
        Whether the gates see the cell as well [1]_.
    forget_gate : bool, default=True
        False for the original of 1997, whose cell never forgets.
    forget_bias : float or "auto", default="auto"
        Where the bias of the forget gate starts: above 0 it begins by remembering [2]_. "auto": 1; but where the net
        learns a value a row from inputs alone, all rows at once ("lbfgs", or "auto", which is that then), evenly from
        -2 to 2 over the units, so that some follow the last rows and some remember [3]_; and from 0 to 4 where y has
        one value a series.

    References
    ----------
    .. [1] F. A. Gers, N. N. Schraudolph, J. Schmidhuber. "Learning precise timing with LSTM recurrent networks."
       Journal of Machine Learning Research 3, 2002.
    .. [2] R. Jozefowicz, W. Zaremba, I. Sutskever. "An empirical exploration of recurrent network architectures."
       ICML 2015.
    .. [3] C. Tallec, Y. Ollivier. "Can recurrent neural networks warp time?" ICLR 2018.
    """

    _: KW_ONLY
    peepholes: bool = False
    forget_gate: bool = True
    forget_bias: float | str = "auto"

    def _cell(self):
        check_flag("peepholes", self.peepholes)
        check_flag("forget_gate", self.forget_gate)
        check_number("forget_bias", self.forget_bias, words=("auto",))
        options = self.initial_state == "learned", self.layer_norm, self._sees_last()
        return cell(self.peepholes, self.forget_gate, self.forget_bias, *options)


class LSTMRegressor(LSTMParameters, RecurrentRegressor):
    """Long short-term memory network, trained through time.

    A cell c that gates write to (i), empty (f) and read (o): c(t) = f c(t - 1) + i g, h(t) = o tanh(c(t)),
    y(t) = h(t) V + d [1]_ [2]_.

    See Also
    --------
    GRURegressor : fewer gates.
    ElmanRegressor : none.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber. "Long short-term memory." Neural Computation 9(8), 1997.
    .. [2] F. A. Gers, N. N. Schraudolph, J. Schmidhuber. "Learning precise timing with LSTM recurrent networks."
       Journal of Machine Learning Research 3, 2002.
    .. [3] R. Jozefowicz, W. Zaremba, I. Sutskever. "An empirical exploration of recurrent network architectures."
       ICML 2015.

    Examples
    --------
    >>> from tsrnn import LSTMRegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(600, random_state=0)
    >>> model = LSTMRegressor((16,), random_state=0).fit(X[:500], y[:500])
    >>> model.predict(X[500:]).shape  # continues where training ended
    (100,)
    """


class LSTMClassifier(LSTMParameters, RecurrentClassifier):
    """Long short-term memory network that labels the rows of a series, or whole series.

    c(t) = f c(t - 1) + i g, h(t) = o tanh(c(t)), and the probabilities of the classes are softmax(h(t) V + d) [1]_
    [2]_.

    See Also
    --------
    LSTMRegressor : the same net for numbers.
    GRUClassifier : fewer gates.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber. "Long short-term memory." Neural Computation 9(8), 1997.
    .. [2] A. Graves. "Supervised sequence labelling with recurrent neural networks." Springer, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import LSTMClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = LSTMClassifier((8,), random_state=0).fit(x[:500, None], y[:500])
    >>> model.predict_proba(x[500:, None]).shape  # continues where training ended
    (100, 2)
    """
