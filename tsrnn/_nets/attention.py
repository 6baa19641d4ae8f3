"""Attention: what a decoder reads of the states of an encoder, step by step.

For the state s of a decoder's step and the states h_1 ... h_T of the encoder

    e_j = s h_j                                  "dot" [1]
    e_j = s (h_j K)                              "general" [1]
    e_j = v tanh(h_j K + s Q)                    "additive" [2]
    a = softmax(e),   c = sum_j a_j h_j,   out <- out + c V

All of it comes behind the decoder's cells, which do not see c: so where its y are known, all steps are one product.

[1] M.-T. Luong, H. Pham, C. D. Manning, "Effective approaches to attention-based neural machine translation", EMNLP
    2015.
[2] D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.

Dimensions: B sequences, T steps of the encoder, n steps of the decoder of which first <= t < last are done, H units,
O outputs.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.jit import kernel, part
from .._kernels.outer_v1 import add_wide_outer
from .._kernels.simd_v3 import add_product, add_scattered, flat, matrix, tanh
from . import recurrent_kernels


KINDS = ("dot", "general", "additive")
LANES = 16  # partial sums, so that a sum is a loop over vectors


@part
def _rows(first, last, step, begin):
    """Return the offsets begin + i step of rows i = first ... last - 1, (M,); as int64, for literals compile anew."""
    rows = np.empty(last - first, np.int64)
    for i in range(first, last):
        rows[i - first] = begin + i * step
    return rows


@part
def _total(a):
    """Sum of a (n,)."""
    parts = np.zeros(LANES, a.dtype)
    whole = a.size // LANES * LANES
    for i in range(0, whole, LANES):
        for k in range(LANES):
            parts[k] += a[i + k]
    total = a.dtype.type(0)
    for k in range(LANES):
        total += parts[k]
    for i in range(whole, a.size):
        total += a[i]
    return total


@kernel
def keys(h, K, seen, turned, key, key_turned):
    """Lay out what is attended to.

    h : (T, B, H).   K : (H, H), or (0, 0) for "dot".   seen : (B, T, H), out, h by sequence.   turned : (B, H, T), out,
    the same the other way round.   key, key_turned : the same of h K; (0, ...) for "dot".
    """
    T, B, H = h.shape
    for b in range(B):
        for j in range(T):
            for k in range(H):
                seen[b, j, k] = h[j, b, k]
        for k in range(H):
            for j in range(T):
                turned[b, k, j] = seen[b, j, k]
        if K.size > 0:
            to = key[b]
            line = flat(to)
            for i in range(line.size):
                line[i] = 0
            add_product(flat(seen[b]), _rows(np.int64(0), T, H, np.int64(0)), K, to)
            for k in range(H):
                for j in range(T):
                    key_turned[b, k, j] = to[j, k]


@kernel
def keys_back(seen, K, K_turned, dkey, dseen, dK):
    """Add the gradients that go through h K.   dkey, dseen : (B, T, H).   dK : (H, H), in, out."""
    B, T, H = seen.shape
    rows = _rows(np.int64(0), T, H, np.int64(0))
    for b in range(B):
        add_product(flat(dkey[b]), rows, K_turned, dseen[b])
        add_wide_outer(flat(seen[b]), rows, dkey[b], dK)


@kernel
def attend(S, seen, key_turned, Q, v, E, C, first, last):
    """Compute weights, and the mean of what is read.

    S : (n, B, H), the decoder's states.   key_turned : (B, H, T), of "dot" the states.   Q : (H, H), v : (H,), of
    "additive", else (0, ...).   E : (B, n, T), out: a.   C : (B, n, H), out: c.
    """
    B, T, H = seen.shape
    M = last - first
    for b in range(B):
        e, c = flat(E[b])[first * T : last * T], flat(C[b])[first * H : last * H]
        for i in range(e.size):
            e[i] = 0
        for i in range(c.size):
            c[i] = 0
        rows = _rows(first, last, B * H, b * H)
        if v.size > 0:
            q = np.zeros((M, H), S.dtype)
            add_product(flat(S), rows, Q, q)
            for i in range(M):
                to = e[i * T : (i + 1) * T]
                for k in range(H):
                    line, shift, weight = key_turned[b, k], q[i, k], v[k]
                    for j in range(to.size):
                        to[j] += weight * tanh(line[j] + shift)
        else:
            add_product(flat(S), rows, key_turned[b], matrix(e, 0, M, T))
        for i in range(M):
            _softmax(e[i * T : (i + 1) * T])
        add_product(flat(E[b]), _rows(first, last, T, np.int64(0)), seen[b], matrix(c, 0, M, H))


@part
def _softmax(e):
    """Compute e (T,) <- exp(e) / sum exp(e) in place."""
    most = e[0]
    for j in range(e.size):
        most = max(most, e[j])
    for j in range(e.size):
        e[j] = np.exp(e[j] - most)
    mass = _total(e)
    for j in range(e.size):
        e[j] /= mass


@kernel
def attend_back(
    S, seen, turned, key, key_turned, Q, Q_turned, v, E, dC, dS, dseen, dkey, dQ, dv, first, last
):
    """Back-propagate through ``attend``; each gradient is added.

    dC : (B, n, H).   dS : (n, B, H).   dseen, dkey : (B, T, H), of "dot" the same array.   dQ, dv : like Q, v.
    """
    B, T, H = seen.shape
    M = last - first
    for b in range(B):
        rows = _rows(first, last, B * H, b * H)
        at_T = _rows(first, last, T, np.int64(0))
        at_H = _rows(first, last, H, np.int64(0))
        dc = matrix(flat(dC[b]), first * H, M, H)
        de, a = np.zeros((M, T), S.dtype), matrix(flat(E[b]), first * T, M, T)
        add_product(flat(dC[b]), at_H, turned[b], de)
        add_wide_outer(flat(E[b]), at_T, dc, dseen[b])
        for i in range(M):
            line, share = de[i], a[i]
            for j in range(line.size):
                line[j] *= share[j]
            mean = _total(line)
            for j in range(line.size):
                line[j] -= share[j] * mean
        if v.size > 0:
            _additive_back(S, rows, key_turned[b], Q, Q_turned, v, de, dS, dkey[b], dQ, dv)
        else:
            s = np.empty((M, H), S.dtype)
            for i in range(M):
                for k in range(H):
                    s[i, k] = S[first + i, b, k]
            add_scattered(de, key[b], flat(dS), rows)
            add_wide_outer(flat(de), _rows(np.int64(0), M, T, np.int64(0)), s, dkey[b])


@part
def _additive_back(S, rows, key_turned, Q, Q_turned, v, de, dS, dkey, dQ, dv):
    """Back-propagate v tanh(h K + s Q), for one sequence.   de : (M, T).   dkey : (T, H), in, out."""
    M, T = de.shape
    H = v.size
    q, dq, dk = np.zeros((M, H), S.dtype), np.zeros((M, H), S.dtype), np.zeros((H, T), S.dtype)
    weighted, bent, one = np.empty(T, S.dtype), np.empty(T, S.dtype), S.dtype.type(1)
    add_product(flat(S), rows, Q, q)
    for i in range(M):
        slope = de[i]
        for k in range(H):
            line, to, shift, weight = key_turned[k], dk[k], q[i, k], v[k]
            for j in range(T):
                u = tanh(line[j] + shift)
                weighted[j] = slope[j] * u
                bent[j] = slope[j] * weight * (one - u * u)
            for j in range(T):
                to[j] += bent[j]
            dv[k] += _total(weighted)
            dq[i, k] = _total(bent)
    for j in range(T):
        for k in range(H):
            dkey[j, k] += dk[k, j]
    add_scattered(dq, Q_turned, flat(dS), rows)
    add_wide_outer(flat(S), rows, dq, dQ)


class AttentionWeights(NamedTuple):
    """K (1, H, H) of "general" and "additive", Q (1, H, H) and v (H,) of "additive", or (0, ...).   V : (1, H, O)."""

    K: np.ndarray
    Q: np.ndarray
    v: np.ndarray
    V: np.ndarray


def shapes(kind, H, O):
    """Return the shapes of ``AttentionWeights``."""
    keyed, additive = int(kind != "dot"), int(kind == "additive")
    return AttentionWeights((keyed, H, H), (additive, H, H), (additive * H,), (1, H, O))


class Head:
    """Attention behind a ``Tape``: called after its readout, step by step or for all steps.

    After a forward pass ``E`` (B, n, T) holds the weights; after a backward pass ``dseen`` (B, T, H) the gradient of
    the encoder's states.
    """

    def __init__(self, B, T, n, H, dtype):
        self.seen, self.turned = np.empty((B, T, H), dtype), np.empty((B, H, T), dtype)
        self.own_key, self.own_key_turned = np.empty((B, T, H), dtype), np.empty((B, H, T), dtype)
        self.E, self.C = np.empty((B, n, T), dtype), np.empty((B, n, H), dtype)
        self.rows = (np.arange(B) * n * H + np.arange(n)[:, None] * H).ravel()  # of (n, B) steps in C

    def begin(self, weights, states, tape):
        """Read the encoder's states (T, B, H); what follows is for the steps of ``tape``."""
        w, self.tape = weights, tape
        self.K = w.K[0] if len(w.K) else np.empty((0, 0), states.dtype)
        self.Q = w.Q[0] if len(w.Q) else np.empty((0, 0), states.dtype)
        self.v, self.V = w.v, w.V
        keys(states, self.K, self.seen, self.turned, self.own_key, self.own_key_turned)
        self.key, self.key_turned = (
            (self.own_key, self.own_key_turned) if self.K.size else (self.seen, self.turned)
        )
        self.S = self._steps(tape.S[-1][0, 1:])  # those that are taken side by side, too

    def forward(self, first, last):
        """Attend, and add c V to the outputs."""
        attend(self.S, self.seen, self.key_turned, self.Q, self.v, self.E, self.C, first, last)
        H, O = self.V.shape[1:]
        none = np.empty((0, O), self.C.dtype)
        recurrent_kernels.project(
            self.C.reshape(-1), self.rows, self.V, 0, H, none, self._steps(self.tape.out)[None], first, last
        )

    def begin_back(self, dout, grads):
        """Get ready for the steps of a backward pass; gradients go to ``grads``, ``AttentionWeights``."""
        self.dout, self.grads = self._steps(dout), grads
        self.dC, self.dseen = np.zeros_like(self.C), np.zeros_like(self.seen)
        self.dkey = np.zeros_like(self.seen) if self.K.size else self.dseen
        self.V_turned = np.ascontiguousarray(self.V.swapaxes(1, 2))
        self.Q_turned = np.ascontiguousarray(self.Q.T)
        self.dQ = grads.Q[0] if len(grads.Q) else self.Q

    def backward(self, first, last):
        """Lead the gradient of the outputs back to the decoder's states, and add it to that of the encoder's."""
        recurrent_kernels.scatter(self.dout[None], self.V_turned, self.rows, self.dC.reshape(-1), first, last)
        states = self.S, self.seen, self.turned, self.key, self.key_turned
        weights = self.Q, self.Q_turned, self.v
        grads = self.dC, self._steps(self.tape.dH[-1]), self.dseen, self.dkey, self.dQ, self.grads.v
        attend_back(*states, *weights, self.E, *grads, first, last)

    def _steps(self, array):
        """View what a tape has of all steps as (n, B, .)."""
        return array.reshape(self.E.shape[1], self.E.shape[0], -1)

    def end_back(self):
        """Add the gradients of the weights that all steps share."""
        H = self.V.shape[1]
        recurrent_kernels.outer(self.C.reshape(-1), self.rows, self.dout[None], 0, H, self.grads.V)
        if self.K.size:
            keys_back(
                self.seen, self.K, np.ascontiguousarray(self.K.T), self.dkey, self.dseen, self.grads.K[0]
            )
