"""Slow twins of the kernels: plain loops, written from the papers' equations and from no kernel.

The delay network (TDNN, NARX):

    z_1(t) = b_1 + sum_k x(t - k) W_1[x, k] + sum_k y(t - k) W_1[y, k]
    z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k]
    h_l(t) = f_l(z_l(t)),   the output is h_n, and f_n the identity

The rows of W stand for x before y, the oldest lag first, one row a column of the source.  (Any layer may see
any source: a later layer may see x and y too.)

The recurrent nets (Elman, LSTM, GRU): a layer sees v(t) and keeps a state h (the LSTM: h, c). ' is the row before

    Elman   h = f(v W + h' U + b)                                                                           [1]
    LSTM    i, f, o = sigmoid(v W + h' U + P c' + b) (o: c in place of c'),  g = tanh(v W + h' U + b),
            c = f c' + i g,  h = o tanh(c)                                              [2], f from [3], P from [4]
    minGRU  z = sigmoid(v W + b),  h = (1 - z) h' + z n,  n = v W + b  or  g(v W + b),
            g(a) = a + 1/2 where a >= 0, else sigmoid(a)  [9]
    LRU     x = l x' + s (v A + a + i (v B + b)),  l = exp(-exp(nu) + i phi),  s = exp(gamma),
            a = tanh(Re(x C) + v D + d),  h = a sigmoid(a G + g)  [10]
    GRU     r, z = sigmoid(v W + h' U + b),  h = (1 - z) n + z h',
            n = tanh(v W + (r h') U + b)  [5]   or   n = tanh(v W + r (h' U + d) + b)  [6]
    with layer normalisation [7]: every sum without its P c and b, less its mean over the units of that gate and over
    their deviation, times a gain; with dropout on the recurrence [8]: h' m for the h' before each U, m fixed in time

    out(t) = c + [what the readout sees] V

Symbols: a net sees, in place of a code k, row k of a table [13].

[1] J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
[2] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
[3] F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget", Neural Computation 12, 2000.
[4] F. A. Gers, N. Schraudolph, J. Schmidhuber, "Learning precise timing with LSTM recurrent networks", JMLR 3, 2002.
[5] K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
[6] NVIDIA cuDNN, the GRU mode of its recurrent nets: the reset comes after the product.
[7] J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.
[8] Y. Gal, Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016.
[9] L. Feng et al., "Were RNNs all we needed?", arXiv:2410.01201, 2024.
[10] A. Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023.
[11] D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.
[12] M.-T. Luong, H. Pham, C. D. Manning, "Effective approaches to attention-based neural machine translation", EMNLP
    2015.
[13] Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", JMLR 3, 2003.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np


def logistic(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {  # of complex numbers too
    "identity": lambda z: z,
    "tanh": np.tanh,
    "logistic": logistic,
    "relu": lambda z: np.maximum(z, 0.0),
}


KINKS = {"relu", "positive"}  # words of functions that are not smooth


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


class RecurrentNetwork(NamedTuple):
    """cell : elman, lstm or gru.   layers : [[forward, backward], ...] or [[forward], ...], parameters of that cell.
    masks : [[(H,), ...], ...], the recurrence's.   dropout : [(T, H * directions), ...], the outputs'."""

    cell: object
    layers: list
    V: object
    c: object
    input_lags: tuple
    output_lags: tuple
    skip: bool = False
    masks: object = None
    dropout: object = None
    n_states: int = 1
    recurrent_lags: tuple = (1,)
    dense: tuple = ()
    dense_dropout: object = None


def normalised(p, gate, z):
    if len(p.gain):
        z = z - np.mean(z)
        z = p.gain[gate] * z / np.sqrt(np.mean(z * z) + 1e-5)
    return z


def back(p, gate, h):
    """What a gate sees of h one row ago: nothing, where recurrent lags leave it out."""
    return h @ p.U[gate] if len(p.U) else 0.0


def elman(p, v, state, m, activation="tanh", leak_rate=1.0):
    """Leaky where leak_rate says so, a number or "learned"."""
    (h,) = state
    a = logistic(p.leak) if leak_rate == "learned" else leak_rate
    f = ACTIVATIONS[activation](normalised(p, 0, v @ p.W[0] + back(p, 0, h * m)) + p.b[0])
    return ((1 - a) * h + a * f,)


def lstm(p, v, state, m):
    """Gates in the order i, g, o, f, peepholes i, o, f; there may be no f, and no peepholes."""
    h, c = state
    z = [normalised(p, k, v @ p.W[k] + back(p, k, h * m)) + p.b[k] for k in range(len(p.W))]
    of_i, of_o, of_f = [*p.P, None][:3] if len(p.P) else [np.zeros(len(c))] * 3
    i = logistic(z[0] + of_i * c)
    g = np.tanh(z[1])
    f = logistic(z[3] + of_f * c) if len(z) == 4 else 1.0
    c = f * c + i * g
    o = logistic(z[2] + of_o * c)
    return o * np.tanh(c), c


def gru(p, v, state, m):
    """Gates in the order r, z, n."""
    (h,) = state
    r, z = [logistic(normalised(p, k, v @ p.W[k] + back(p, k, h * m)) + p.b[k]) for k in (0, 1)]
    reset = r * (back(p, 2, h * m) + p.d) if len(p.d) else back(p, 2, r * h * m)
    n = np.tanh(normalised(p, 2, v @ p.W[2] + reset) + p.b[2])
    return ((1 - z) * n + z * h,)


def min_gru(p, v, state, m, candidate="linear"):
    """Gates in the order z, n; no gate sees h, so nothing sees m."""
    (h,) = state
    z, n = [normalised(p, k, v @ p.W[k]) + p.b[k] for k in (0, 1)]
    z = logistic(z)
    if candidate == "positive":
        n = np.where(n.real >= 0, n + 0.5, logistic(n))
    return ((1 - z) * h + z * n,)


def lru(p, v, state, m):
    """Real and imaginary parts apart, since a complex step is taken through them; Re(x C) with C = C_0 - i C_1."""
    _, re, im = state
    drive, turning, direct = [normalised(p, k, v @ p.W[k]) + p.b[k] for k in range(3)]
    nu, phi, gamma = p.ring
    size, s = np.exp(-np.exp(nu)), np.exp(gamma)
    lr, li = size * np.cos(phi), size * np.sin(phi)
    re, im = lr * re - li * im + s * drive, lr * im + li * re + s * turning
    a = np.tanh(re @ p.mix[0] + im @ p.mix[1] + direct)
    return a * logistic(a @ p.mix[2] + p.d), re, im


def run_recurrent_network(net, X, Y, first, states=None):
    """Outputs (N - first, O) at the rows from ``first`` on, where the net starts from ``states[layer][direction]``, by
    default what it learned or zeros; and the states it ends in.  Where Y is NaN there, outputs take its place."""
    X, Y, out = list(X), list(Y), []

    def start(k, d):
        p = net.layers[k][d]
        nothing = [np.zeros(len(p.b[0]))] * net.n_states
        return states[k][d] if states else list(p.start) if len(p.start) else nothing

    @cache
    def state(k, d, t):
        if t in (first - 1, len(Y)):
            return start(k, d)
        before = state(k, d, t - 1 if d == 0 else t + 1)
        v = [seen(k, t)]
        for lag in net.recurrent_lags:
            if lag > 1:  # before its first row h always was what it starts from
                v.append(state(k, d, max(t - lag, first - 1) if d == 0 else min(t + lag, len(Y)))[0])
        return net.cell(net.layers[k][d], np.concatenate(v), before, net.masks[k][d] if net.masks else 1.0)

    def seen(k, t):
        """What layer k sees at row t; the readout comes after the last."""
        readout = k == len(net.layers)
        rows = []
        if k == 0 or net.skip:
            for source, lags in ((X, net.input_lags), (Y, net.output_lags)):
                for lag in sorted(lags, reverse=True):
                    assert t >= lag
                    rows.append(source[t - lag])
        for below in range(0 if readout and net.skip else max(k - 1, 0), k):
            h = np.concatenate([state(below, d, t)[0] for d in range(len(net.layers[below]))])
            rows.append(h * net.dropout[below][t - first] if net.dropout else h)
        return np.concatenate(rows)

    for t in range(first, len(Y)):
        v = seen(len(net.layers), t)
        for k, p in enumerate(net.dense):
            h = np.tanh(v @ p.W[0] + p.b[0])
            h = h * net.dense_dropout[k][t - first] if net.dense_dropout else h
            v = np.concatenate([v, h]) if net.skip else h
        out.append(net.c + v @ net.V)
        if np.isnan(Y[t]).any():
            Y[t] = np.where(np.isnan(Y[t]), out[-1], Y[t])
    last = (len(Y) - 1, first)
    return np.array(out), [[state(k, d, last[d]) for d in range(len(ps))] for k, ps in enumerate(net.layers)]


def score(attention, h, s):
    """e = s h (dot), s (h K) (general), v tanh(h K + s Q) (additive) [11, 12]."""
    kind, K, Q, v, _ = attention
    if kind == "dot":
        return s @ h
    return s @ (h @ K) if kind == "general" else v @ np.tanh(h @ K + s @ Q)


def run_encoder_decoder(cell, n_states, encoder, decoder, readout, attention, history, ahead, y, skip=False):
    """Outputs (n, O) of a decoder that starts from the states of an encoder, and what each step attends to, (n, T).

    cell : a twin above.   encoder, decoder : parameters of each layer.   readout : (V, c).   attention : (kind, K, Q,
    v, A), or None: a = softmax(scores), and sum_j a_j h_j A is added to the output.   history : (T, F).
    ahead : (n, A).   y : (1 + n, O), the last value and those that are measured, NaN where outputs take their place.
    skip : whether all layers of the decoder and its readout see what the first sees, the readout every layer.
    """

    def step(layers, states, v, skip=()):
        after = []
        for p, state in zip(layers, states):
            after.append(cell(p, v, state, 1.0))
            v = np.concatenate([skip, after[-1][0]])
        return after

    states = [[np.zeros(len(p.b[0]))] * n_states for p in encoder]
    h = []
    for v in history:
        states = step(encoder, states, v)
        h.append(states[-1][0])
    V, c = readout
    out, weights, before = [], [], y[0]
    for u, measured in zip(ahead, y[1:]):
        seen = np.concatenate([u, before])
        states = step(decoder, states, seen, seen if skip else ())
        s = states[-1][0]
        answer = np.concatenate([seen, *(state[0] for state in states)] if skip else [s]) @ V + c
        if attention is not None:
            e = np.exp([score(attention, x, s) for x in h])
            weights.append(e / e.sum())
            answer = answer + sum(a * x for a, x in zip(weights[-1], h)) @ attention[-1]
        out.append(answer)
        before = np.where(np.isnan(measured), answer, measured)
    return np.array(out), np.array(weights)


def run_segments(cell, n_states, encoder, decoder, readout, attention, front, history, ahead, last):
    """Outputs (n, O Q) of segments of w rows, and what each of them attends to: arguments as above, but

    front : (W, b, P), of segments (w F, H), (H,), of places (n / w, e).   history : (T / w, w, F), of which y is
    measured from its last row on.   ahead : (n / w, w, A).   last : (O Q,), the last y.
    """

    def steps(layers, states, v):
        after = []
        for p, state in zip(layers, states):
            after.append(cell(p, v, state, 1.0))
            v = after[-1][0]
        return after

    states = [[np.zeros(len(p.b[0]))] * n_states for p in encoder]
    h, (W, b, P), out, weights = [], front, [], []
    for rows in history:
        g = rows.ravel() @ W + b
        states = steps(encoder, states, np.where(g.real > 0, g, 0))
        h.append(states[-1][0])
    for place, u in zip(P, ahead):
        s = steps(decoder, states, np.concatenate([place, u.ravel()]))[-1][0]
        answer = s @ readout[0] + readout[1]
        if attention is not None:
            e = np.exp([score(attention, x, s) for x in h])
            weights.append(e / e.sum())
            answer = answer + sum(a * x for a, x in zip(weights[-1], h)) @ attention[-1]
        out.extend(answer.reshape(len(u), -1) + last)
    return np.array(out), np.array(weights)


def look_up(tables, X):
    """x' of rows X: of each column the number itself, or the row of its table, which is None for a number."""
    rows = []
    for x in X:
        seen = []
        for table, value in zip(tables, x):
            seen.extend([value] if table is None else table[int(value)])
        rows.append(seen)
    return np.array(rows)


def cross_entropy(out, codes, smoothing=0.0):
    """Sum of cross-entropies of scores out (N, K) and codes (N,)."""
    total = 0.0
    for f, k in zip(out, codes):
        target = np.full(len(f), smoothing / len(f))
        target[k] += 1 - smoothing
        total -= np.sum(target * np.log(np.exp(f) / np.sum(np.exp(f))))
    return total


def complex_step(f, theta):
    """df/dtheta (P, ...) to the last digits, where f is made of analytic functions: the imaginary part of a step."""
    e = 1e-100j * np.eye(len(theta))
    return np.array([np.imag(f(theta + e[j])) / 1e-100 for j in range(len(theta))])


def central_difference(f, theta, step=1e-3):
    """df/dtheta (P, ...) by the five-point rule, whose error falls with the fourth power of the step.

    step : of all elements, or (P,)."""
    rows = []
    for j, h in enumerate(np.broadcast_to(step, len(theta))):
        e = np.zeros(len(theta))
        e[j] = h
        near = f(theta + e) - f(theta - e)
        far = f(theta + 2 * e) - f(theta - 2 * e)
        rows.append((8 * near - far) / (12 * h))
    return np.array(rows)


# ---------------------------------------------------------------------------------------- whole series


def attention(outputs, v):
    """One answer of rows (T, O + A), the last A numbers of a row being keys: additive attention.

    D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015,
    with a query that is part of the keys' bias.
    """
    A, answer, total = len(v), 0.0, 0.0
    for row in outputs:
        energy = 0.0
        for weight, key in zip(v, row[len(row) - A :]):
            energy = energy + weight * np.tanh(key)
        answer = answer + np.exp(energy) * row[: len(row) - A]
        total = total + np.exp(energy)
    return answer / total
