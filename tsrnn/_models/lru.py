"""Linear recurrent unit.

    l = exp(-exp(nu) + i phase)                           eigenvalues, |l| < 1 whatever nu is
    x <- l x + exp(scale) (v W_0 + b_0 + i (v W_1 + b_1))     one complex number a unit
    a = tanh(Re(x) C_0 + Im(x) C_1 + v W_2 + b_2)
    h = a sigmoid(a C_2 + d)

No gate sees h: what is not linear comes after the memory, so all steps of it are three products, and the recurrence is
a loop over B x H units.  (The paper learns the logarithm of phase, which makes L-BFGS jump; its GELU is tanh here,
which keeps what is fed back within bounds.)  States lie in the order h, Re(x), Im(x), of which the next row needs the
last two; nu, phase, scale are the rows of ``ring``, C_0, C_1, C_2 those of ``mix``.
"""

from dataclasses import KW_ONLY
from functools import partial
from typing import NamedTuple

import numpy as np

from .._check import check_number
from .._kernels.jit import kernel, part
from .._kernels.layer_norm_v1 import normalise, normalise_back
from .._kernels.outer_v1 import add_wide_outer
from .._kernels.simd_v3 import add_product, flat, line, matrix, sigmoid, tanh
from .._nets.recurrent import Cell
from .._training.initial import glorot
from .._values import kept
from .recurrent import RecurrentClassifier, RecurrentParameters, RecurrentRegressor, check_diagonal


@part
def _spread(ring, B):
    """Repeat Re(l), Im(l) and exp(scale), (3, B H), for each of B sequences.   ring : (3, H)."""
    H = ring.shape[1]
    wide = np.empty((3, B * H), ring.dtype)
    for j in range(H):
        size, angle, scale = np.exp(-np.exp(ring[0, j])), ring[1, j], np.exp(ring[2, j])
        for k in range(j, B * H, H):
            wide[0, k] = size * np.cos(angle)
            wide[1, k] = size * np.sin(angle)
            wide[2, k] = scale
    return wide


@kernel
def forward(b, U, ring, mix, d, gain, mask, Z, S, R, Q, unit, root, rows, first, last):
    """Take the steps first <= t < last.

    ring : (3, H), nu, phase, scale.   mix : (3, H, H).   d : (H,).   Z : (3, T, B, H), in: v W + b (v W,
    with layer norm), out: what drives Re(x), Im(x), then the gate of h.   S : (3, T + 1, B, H), out: h, Re(x), Im(x),
    step ``first`` given.   Q : (T, B, H), out: a.   unit : (3, T, B, H), root : (3, T, B), of layer norm.
    rows : (T B,), where each row of (T, B, H) begins.   U (0, H, H), mask and R are what other cells use.
    """
    B, H = Z.shape[2:]
    wide, M = _spread(ring, B), (last - first) * B
    lr, li, scale = wide[0], wide[1], wide[2]
    for t in range(first, last):
        if gain.size > 0:
            for gate in range(3):
                normalise(Z[gate, t], gain[gate], b[gate], unit[gate, t], root[gate, t])
        r0, i0, r1, i1 = flat(S[1, t]), flat(S[2, t]), flat(S[1, t + 1]), flat(S[2, t + 1])
        u, v, a, direct = flat(Z[0, t]), flat(Z[1, t]), flat(Q[t]), flat(Z[2, t])
        for k in range(r1.size):
            r1[k] = lr[k] * r0[k] - li[k] * i0[k] + scale[k] * u[k]
        for k in range(i1.size):
            i1[k] = lr[k] * i0[k] + li[k] * r0[k] + scale[k] * v[k]
        for k in range(a.size):
            a[k] = direct[k]
    now, begin, n = rows[first * B : last * B], first * B * H, M * H
    for half in range(2):
        x = line(flat(S[1 + half]), B * H, rows.size * H)  # from step 0 on, behind what it begins with
        add_product(x, now, mix[half], matrix(flat(Q), begin, M, H))
    gate, g = matrix(flat(Z[2]), begin, M, H), line(flat(Z[2]), begin, n)
    a, h = line(flat(Q), begin, n), line(flat(S[0]), B * H + begin, n)
    for k in range(a.size):
        a[k] = tanh(a[k])
    for i in range(M):
        for j in range(H):
            gate[i, j] = d[j]
    add_product(flat(Q), now, mix[2], gate)
    for k in range(g.size):
        g[k] = sigmoid(g[k])
    for k in range(h.size):
        h[k] = g[k] * a[k]


@kernel
def backward(
    V,
    ring,
    mix,
    d,
    gain,
    mask,
    Z,
    S,
    R,
    Q,
    unit,
    root,
    rows,
    dH,
    dS,
    db,
    dring,
    dmix,
    dd,
    dgain,
    first,
    last,
):
    """Go back through the steps last > t >= first; arrays as ``forward`` left them.

    Z : in: as it left them, out: the gradient of what went into them.   dH : (T, B, H), in: dL/dh from above, out:
    |dL/dx|, since x is what remembers.   dS : (3, B, H), in: gradient of h, Re(x), Im(x) from the future, out: to the
    past.   dring, dmix, dd, dgain, db (db with layer norm only) : like ring, mix, d, gain, b, in, out.
    """
    B, H = Z.shape[2:]
    M, now, begin = (last - first) * B, rows[first * B : last * B], first * B * H
    end = flat(dH[last - 1])
    dh = flat(dS[0])
    for k in range(end.size):
        end[k] += dh[k]
    for k in range(dh.size):
        dh[k] = 0
    dy, dgate, dx = np.empty(M * H, Z.dtype), np.empty(M * H, Z.dtype), np.zeros((2, M * H), Z.dtype)
    g, a = line(flat(Z[2]), begin, M * H), line(flat(Q), begin, M * H)
    from_above = line(flat(dH), begin, M * H)
    for k in range(dy.size):
        dy[k] = from_above[k] * g[k]
    for k in range(dgate.size):
        dgate[k] = from_above[k] * a[k] * (g[k] - g[k] * g[k])
    turned = np.empty((3, H, H), mix.dtype)
    for half in range(3):
        for i in range(H):
            for j in range(H):
                turned[half, i, j] = mix[half, j, i]
    add_product(dgate, rows[:M], turned[2], matrix(dy, 0, M, H))
    for k in range(dy.size):
        dy[k] -= dy[k] * a[k] * a[k]
    for half in range(2):
        add_product(dy, rows[:M], turned[half], matrix(dx[half], 0, M, H))
        add_wide_outer(line(flat(S[1 + half]), B * H, rows.size * H), now, matrix(dy, 0, M, H), dmix[half])
    add_wide_outer(flat(Q), now, matrix(dgate, 0, M, H), dmix[2])
    for i in range(M):
        for j in range(H):
            dd[j] += dgate[i * H + j]
    _through_time(ring, Z, S, dy, dx, dH, dS, dring, first, last)
    if gain.size > 0:
        for t in range(last - 1, first - 1, -1):
            for gate in range(3):
                normalise_back(Z[gate, t], gain[gate], unit[gate, t], root[gate, t], dgain[gate], db[gate])


@part
def _through_time(ring, Z, S, dy, dx, dH, dS, dring, first, last):
    """Go back through the recurrence of ``backward``.

    dy : (M H,), dx : (2, M H), gradients of these steps, dx without what comes from the future.
    """
    B, H = Z.shape[2:]
    wide, sums = _spread(ring, B), np.zeros((3, B * H), Z.dtype)
    lr, li, scale = wide[0], wide[1], wide[2]
    dlr, dli, dscale, dr, di = sums[0], sums[1], sums[2], flat(dS[1]), flat(dS[2])
    for t in range(last - 1, first - 1, -1):
        here = slice((t - first) * B * H, (t + 1 - first) * B * H)
        er, ei, direct, size = dx[0][here], dx[1][here], dy[here], flat(dH[t])
        u, v, g, r0, i0 = flat(Z[0, t]), flat(Z[1, t]), flat(Z[2, t]), flat(S[1, t]), flat(S[2, t])
        for k in range(er.size):
            er[k] += dr[k]
            ei[k] += di[k]
        for k in range(dr.size):
            dr[k] = lr[k] * er[k] + li[k] * ei[k]
            di[k] = lr[k] * ei[k] - li[k] * er[k]
        for k in range(dlr.size):
            dlr[k] += er[k] * r0[k] + ei[k] * i0[k]
            dli[k] += ei[k] * r0[k] - er[k] * i0[k]
        for k in range(dscale.size):
            dscale[k] += er[k] * u[k] + ei[k] * v[k]
        for k in range(u.size):
            u[k] = scale[k] * er[k]
            v[k] = scale[k] * ei[k]
        for k in range(g.size):
            g[k] = direct[k]
        for k in range(size.size):
            size[k] = np.sqrt(er[k] * er[k] + ei[k] * ei[k])
    for k in range(B * H):
        j = k % H
        angle = ring[1, j]
        # |l| exp(nu) in one exponential, which no nu makes NaN
        slope = np.exp(ring[0, j] - np.exp(ring[0, j]))
        dring[0, j] -= slope * (dlr[k] * np.cos(angle) + dli[k] * np.sin(angle))
        dring[1, j] += dli[k] * lr[k] - dlr[k] * li[k]
        dring[2, j] += scale[k] * dscale[k]


@kernel
def feel(W, b, start, U, ring, mix, d, gain, at, Z, S, Q, v, below, state, out):
    """Follow how h feels all P parameters of the net through T steps of one series.

        dx = l dx' + x' dl + d(exp(scale) u)                u what drives x, x' one row before
        dy = Re(dx) C_0 + Im(dx) C_1 + dv W_2 + ...         da = (1 - a^2) dy
        dh = g da + a g (1 - g) (da C_2 + ...)

    at : (8,), where each array begins among the parameters.   Z : (3, T, H), what drives Re(x), Im(x), then g.
    S : (3, T + 1, H), states.   Q : (T, H), a.   v : (T, D).   below : (T, K, P), how the last K columns of v
    feel them.   state : (3, H, P), how the states before do, in, after, out.   out : (T, H, P), of h.
    """
    T, H, P = out.shape
    D, K, rows = v.shape[1], below.shape[1], np.arange(H) * H
    turned, wide = np.empty((3, H, H), mix.dtype), _spread(ring, np.int64(1))
    first, seen, new = np.arange(H) * K, np.empty((3, H, K), W.dtype), np.empty((3, H, P), W.dtype)
    for half in range(3):
        for i in range(H):
            for j in range(H):
                turned[half, i, j] = mix[half, j, i]
            for j in range(K):
                seen[half, i, j] = W[half, D - K + j, i]
    for t in range(T):
        for k in range(new.size):
            flat(new)[k] = 0.0
        if K > 0:
            for half in range(3):
                add_product(flat(seen[half]), first, below[t], new[half])
        _feel_drives(at, v[t], new)
        _feel_turns(wide, ring, at[4], Z[:, t], S[1:, t], state, new)
        for half in range(2):
            add_product(flat(turned[half]), rows, state[1 + half], new[2])
        _feel_gate(at, Z[2, t], S[:, t + 1], Q[t], turned[2], new[2], out[t])
        for k in range(out[t].size):
            flat(state[0])[k] = flat(out[t])[k]


@part
def _feel_drives(at, v, new):
    """Add how what drives Re(x), Im(x), y feels W and b.   v : (D,).   new : (3, H, P), in, out."""
    H, D = new.shape[1], v.size
    for half in range(3):
        for j in range(H):
            row = new[half, j]
            for i in range(D):
                row[at[0] + (half * D + i) * H + j] += v[i]
            row[at[1] + half * H + j] += 1.0


@part
def _feel_turns(wide, ring, begin, Z, x, state, new):
    """Take the step of Re(x), Im(x).

    wide : (3, H), Re(l), Im(l), exp(scale).   Z : (3, H).   x : (2, H), before.   state : (3, H, P), in, out.
    new : (3, H, P), how what drives them feels the parameters.
    """
    H, P = state.shape[1:]
    for j in range(H):
        lr, li, scale = wide[0, j], wide[1, j], wide[2, j]
        re, im, u, v = state[1, j], state[2, j], new[0, j], new[1, j]
        for k in range(P):
            before = re[k]
            re[k] = lr * before - li * im[k] + scale * u[k]
            im[k] = lr * im[k] + li * before + scale * v[k]
        slope = -np.exp(ring[0, j] - np.exp(ring[0, j]))
        cos, sin = np.cos(ring[1, j]), np.sin(ring[1, j])
        re[begin + j] += slope * (cos * x[0, j] - sin * x[1, j])
        im[begin + j] += slope * (cos * x[1, j] + sin * x[0, j])
        re[begin + H + j] -= li * x[0, j] + lr * x[1, j]
        im[begin + H + j] += lr * x[0, j] - li * x[1, j]
        re[begin + 2 * H + j] += scale * Z[0, j]
        im[begin + 2 * H + j] += scale * Z[1, j]


@part
def _feel_gate(at, g, states, a, turned, dy, out):
    """Go from y to h.   g, a : (H,).   states : (3, H), after.   turned : (H, H), C_2.   dy : (H, P), in, out: da."""
    H, P = dy.shape
    for j in range(H):
        for half in range(2):
            for i in range(H):
                dy[j, at[5] + (half * H + i) * H + j] += states[1 + half, i]
        for k in range(P):
            dy[j, k] *= 1.0 - a[j] * a[j]
    for k in range(out.size):
        flat(out)[k] = 0.0
    add_product(flat(turned), np.arange(H) * H, dy, out)
    for j in range(H):
        for i in range(H):
            out[j, at[5] + (2 * H + i) * H + j] += a[i]
        out[j, at[6] + j] += 1.0
        slope = a[j] * (g[j] - g[j] * g[j])
        for k in range(P):
            out[j, k] = g[j] * dy[j, k] + slope * out[j, k]


class Parameters(NamedTuple):
    """Drives of Re(x), Im(x) and of y.

    W : (3, D, H).   b : (3, H).   start : (3, H) or (0, H).   U : (0, H, H).   ring : (3, H).   mix : (3, H, H).
    d : (H,).   gain : (3, H) or (0, H).
    """

    W: np.ndarray
    b: np.ndarray
    start: np.ndarray
    U: np.ndarray
    ring: np.ndarray
    mix: np.ndarray
    d: np.ndarray
    gain: np.ndarray


def terms(layer):
    """Write out x <- l x + exp(scale) u, a = tanh(Re(x) C_0 + Im(x) C_1 + w), h = a sigmoid(a C_2 + d), for export."""
    w, (_, re, im) = layer.w, layer.before
    size, angle, scale = np.exp(-np.exp(w.ring[0])), w.ring[1], np.exp(w.ring[2])
    lr, li = size * np.cos(angle), size * np.sin(angle)
    drive, turning, direct = (layer.gate(g) for g in range(3))
    next_re = layer.becomes(1, lr * re - li * im + scale * drive)
    next_im = layer.becomes(2, lr * im + li * re + scale * turning)
    mixed = layer.affine("m", np.zeros(layer.H), (next_re, w.mix[0]), (next_im, w.mix[1]))
    a = layer.value("a", layer.call("tanh", direct + mixed))
    layer.becomes(0, a * layer.call("logistic", layer.affine("g", w.d, (a, w.mix[2]))))


def draw(r_min, r_max, max_phase, rng, p):
    """Draw eigenvalues uniform on a ring of the complex plane, their scales, and Glorot weights behind them."""
    H = len(p.d)
    inside = rng.uniform(1e-6, 1 - 1e-6, (2, H))  # no eigenvalue of size 0 or 1
    square = r_min**2 + inside[0] * (r_max**2 - r_min**2)
    p.ring[0] = np.log(-0.5 * np.log(square))
    p.ring[1] = max_phase * inside[1]
    p.ring[2] = 0.5 * np.log(1 - square)  # so that white noise drives |x| to a size that forgets |l|
    for C in p.mix:
        C[:] = glorot(rng, C.shape)


@kept("lru")
def cell(r_min, r_max, max_phase, learned, layer_norm):
    """Return the cell of a linear recurrent unit."""
    start, gain = 3 * learned, 3 * layer_norm

    def shapes(D, H):
        return Parameters((3, D, H), (3, H), (start, H), (0, H, H), (3, H), (3, H, H), (H,), (gain, H))

    options = {
        "r_min": r_min,
        "r_max": r_max,
        "max_phase": max_phase,
        "learned": learned,
        "layer_norm": layer_norm,
    }
    begin = partial(draw, r_min, r_max, max_phase)
    felt = None if layer_norm else feel
    return Cell(cell, options, 3, 3, (0, 0, 0), shapes, forward, backward, terms, draw=begin, feel=felt)


class LRUParameters(RecurrentParameters):
    """What a linear recurrent unit has.

    Parameters
    ----------
    r_min : float, default=0.0
        Smallest size of an eigenvalue that training begins with: a memory of 1 / (1 - size) rows. Where hundreds of
        rows must be kept, begin with 0.9, and 0.999 as the largest.
    r_max : float, default=0.99
        Largest, above ``r_min`` and up to 1.
    max_phase : float, default=3.14
        Largest turn of an eigenvalue in a row that training begins with, in radians: a unit that turns by p
        hears periods of 2 pi / p rows. A tenth of pi suits long memories of what is slow; where the order of single
        rows is to be kept, as in copying symbols after a pause of T rows, leave pi, and let sizes be about 1 - 1 / T.
    """

    _: KW_ONLY
    r_min: float = 0.0
    r_max: float = 0.99
    max_phase: float = 3.14

    def _cell(self):
        check_number("r_min", self.r_min, 0, 1)
        check_number("r_max", self.r_max, 0, 1)
        check_number("max_phase", self.max_phase, 0)
        if not self.r_min < self.r_max:
            raise ValueError(f"r_min={self.r_min!r} is not below r_max={self.r_max!r}: give r_min < r_max.")
        check_diagonal(self)
        numbers = float(self.r_min), float(self.r_max), float(self.max_phase)
        return cell(*numbers, self.initial_state == "learned", self.layer_norm)


class LRURegressor(LRUParameters, RecurrentRegressor):
    """Network of linear recurrent units, trained through time.

    x(t) = l x(t - 1) + s (v(t) W), complex and diagonal, stable for every value of its parameters, and behind it a
    gate, h(t) = a sigmoid(a C + d), where a is the tanh of a linear function of Re(x), Im(x) and v [1]_. Each unit
    forgets at a rate of its own, so what has to be kept for hundreds of rows neither fades nor explodes; an epoch costs
    less than a GRU's.

    See Also
    --------
    MinGRURegressor : gates in place of eigenvalues.
    GRURegressor, LSTMRegressor : gates that see the state.

    Notes
    -----
    The recurrence has no matrix: ``recurrent_init`` starts nothing, and ``recurrent_dropout`` and
    ``orthogonal_penalty`` must be 0. ``state_`` holds h, Re(x), Im(x), of which the last two matter.

    ``solver="lm"`` solves for the readout exactly after each step of the other parameters. For nets of some ten units,
    squared loss, open loop and no ``layer_norm``: slower than "auto", and errors several times smaller where y has
    little noise.

    References
    ----------
    .. [1] A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De. "Resurrecting recurrent neural
       networks for long sequences." ICML 2023.

    Examples
    --------
    >>> from tsrnn import LRURegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(600, random_state=0)
    >>> model = LRURegressor((16,), random_state=0).fit(X[:500], y[:500])
    >>> model.predict(X[500:]).shape  # continues where training ended
    (100,)
    """

    _warmup = (
        *RecurrentRegressor._warmup,
        {"hidden_layer_sizes": (2,), "solver": "lm", "max_iter": 1, "random_state": 0},
    )


class LRUClassifier(LRUParameters, RecurrentClassifier):
    """Network of linear recurrent units that labels the rows of a series, or whole series.

    x(t) = l x(t - 1) + s (v(t) W), complex and diagonal, behind it a gate h(t), and the probabilities of the classes
    are softmax(h(t) V + c) [1]_. For long series: what was seen hundreds of rows ago is still there.

    See Also
    --------
    LRURegressor : the same net for numbers.
    GRUClassifier, LSTMClassifier : gates that see the state.

    References
    ----------
    .. [1] A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De. "Resurrecting recurrent neural
       networks for long sequences." ICML 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import LRUClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = LRUClassifier((8,), random_state=0).fit(x[:500, None], y[:500])
    >>> model.predict_proba(x[500:, None]).shape  # continues where training ended
    (100, 2)
    """
