"""Reservoirs: fixed recurrent nets that are drawn, not learnt.

    z(t) = W_in v(t) + W x(t - 1) + U x(t) + b          v(t): the inputs and outputs at their lags
    x(t) = (1 - a) x(t - 1) + a f(z(t))
    y(t) = c + Wv' v(t) + Wx' x(t) + Wq' x(t)^2

x holds the units of all layers, the first layer first, and U links each layer to the one below, so U x(t) needs only
units already updated.  Two successive states are contiguous in memory, so a link is a weight and an index into
[x(t - 1), x(t)].  Links are stored by link, not by unit, (K, n) for a layer of n units with K links each, so that the
loop over the units vectorises.  Above a share ``DENSE`` of all links a matrix product is faster; for more than a few
steps its matrix lies in panels of ``PANEL`` columns, (K, PANEL) each, which a step reads from end to end.
Dimensions: T steps, R units, D columns of v, O outputs, L layers.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackError, eigs

from .._kernels.activations_v1 import activate
from .._kernels.jit import kernel, part
from .._kernels.simd_v3 import add_product, flat, fma, line, matrix
from .._training.least_squares import one_thread
from .._values import kept


DENSE = 0.2  # share of all links above which the product is faster; measured from 100 to 2000 units
PANEL = 32  # columns; one row by a panel is one tile of the product, also where there are few registers
PANELS_FROM = 8  # steps from which on panels pay for the copy
ARPACK_FROM = 100  # units above which eigenvalues come from Arnoldi's method, which needs ncv = 80 of them


# ---------------------------------------------------------------------------------------- kernels


@part
def _add_links(index, weight, K, x, z):
    """Add z[i] += sum_k weight[k, i] x[index[k, i]].   index, weight : (K n,), flat.   x : (2 R,).   z : (n,)."""
    n = z.size
    for k in range(0, K - 3, 4):  # four links at a time, to read and write z less often
        i, w = line(index, k * n, 4 * n), line(weight, k * n, 4 * n)
        for j in range(n):
            sum_of_two = fma(w[j + n], x[i[j + n]], fma(w[j], x[i[j]], z[j]))
            z[j] = fma(w[j + 3 * n], x[i[j + 3 * n]], fma(w[j + 2 * n], x[i[j + 2 * n]], sum_of_two))
    for k in range(K - K % 4, K):
        i, w = line(index, k * n, n), line(weight, k * n, n)
        for j in range(n):
            z[j] = fma(w[j], x[i[j]], z[j])


@part
def _add_dense(s, row, dense, offset, K, panel, z):
    """Add z[j] += sum_k s[row[0] + k] W[k, j].   dense : W (K, n) from ``offset`` on, in panels.   z : (n,)."""
    for j in range(0, z.size, panel):
        n = min(panel, z.size - j)
        add_product(s, row, matrix(dense, offset + j * K, K, n), matrix(z, j, 1, n))


@part
def _steps(begin, links, at, index, weight, dense, panel, leak, activation, A, S, first, last):
    """Compute S[t + 1] from S[t] and A[t], for first <= t < last.   Arrays as for ``follow``."""
    R = A.shape[1]
    s, row = flat(S), np.empty(1, np.int64)
    for t in range(first, last):
        x = line(s, t * R, 2 * R)
        for l in range(links.size):
            i, offset, K = begin[l], at[l], links[l]
            n = begin[l + 1] - i
            z = line(flat(A), t * R + i, n)
            if K < 0:
                row[0] = t * R + i
                _add_dense(s, row, dense, offset, n, panel, z)
                if l > 0:
                    below = i - begin[l - 1]
                    row[0] = (t + 1) * R + begin[l - 1]
                    _add_dense(s, row, dense, offset + n * n, below, panel, z)
            else:
                _add_links(line(index, offset, K * n), line(weight, offset, K * n), K, x, z)
            activate(activation, z)
            old, new, a = line(x, i, n), line(x, R + i, n), line(leak, i, n)
            for k in range(n):
                new[k] = fma(a[k], z[k], (1 - a[k]) * old[k])


@part
def _every(stride, rows):
    """Fill rows (T,) with 0, stride, 2 stride ...: ``np.arange`` takes half a second to compile."""
    for t in range(rows.size):
        rows[t] = t * stride
    return rows


@part
def _read(c, Wv, Wx, Wq, V, S, Q, out, first, last):
    """Compute the outputs of steps first <= t < last.   Arrays as for ``follow``."""
    D, R, T, O = V.shape[1], S.shape[1], last - first, c.size
    rows, read = np.empty(T, np.int64), matrix(flat(out), first * O, T, O)
    for t in range(T):
        for o in range(O):
            read[t, o] = c[o]
    if Wv.shape[0] > 0:
        add_product(line(flat(V), first * D, T * D), _every(D, rows), Wv, read)
    states = line(flat(S), (first + 1) * R, T * R)
    add_product(states, _every(R, rows), Wx, read)
    if Wq.shape[0] > 0:
        squares = flat(Q)
        for k in range(T * R):
            squares[k] = states[k] * states[k]
        add_product(squares, rows, Wq, read)


@part
def _feed(lags, bound, out, Y, V, t):
    """Write y of step t, or where it is NaN the output, into the lags of later steps.   Arrays as for ``follow``."""
    O = Y.shape[1]
    inputs = V.shape[1] - lags.size * O
    for o in range(O):
        if np.isnan(Y[t, o]):
            y = out[t, o]
            Y[t, o] = y if abs(y) <= bound else np.copysign(bound, y)
        for j in range(lags.size):
            if t + lags[j] < V.shape[0]:
                V[t + lags[j], inputs + j * O + o] = Y[t, o]


@kernel
def follow(
    begin, links, at, index, weight, dense, panel, leak, kind, W_in, b, lags, bound, c, Wv, Wx, Wq, fed, noise,
    V, Y, A, S, Q, out,
):  # fmt: skip
    """Run T steps.

    begin : (L + 1,), first unit of each layer.   links : (L,), links per unit of a layer, -1 if dense.
    at : (L,), offset of a layer in index and weight, or in dense.   index, weight, dense : 1-D, see ``pack``.
    panel : columns of a panel of dense.
    leak, b : (R,).   kind : of activation.   W_in : (D, R).   lags : (J,), of y, oldest first; the last J O columns
    of V.   bound : on |y| that is fed back.   c : (O,).   Wv : (D, O) or (0, O).   Wx : (R, O).   Wq : (R, O) or
    (0, O).   fed : whether outputs are fed back, since y is unknown at some step.   V : (T, D), in; out where fed.
    Y : (T, O), NaN where unknown, in; out where fed.   noise : (T, R) or (0, 0), added inside f.   A : (T, R), scratch.
    S : (T + 1, R), row 0 in, the others out.   Q : (T, R), scratch, or (0, R).   out : (T, O), out, or empty if it is
    not wanted and nothing is fed.
    """
    (T, R), D = A.shape, V.shape[1]
    rows = _every(D, np.empty(T, np.int64))
    for t in range(T):
        for i in range(R):
            A[t, i] = b[i]
        if noise.size > 0:
            for i in range(R):
                A[t, i] += noise[t, i]
    at_once = 1 if fed else T
    for t in range(0, T, at_once):
        end = t + at_once
        add_product(flat(V), line(rows, t, at_once), W_in, matrix(flat(A), t * R, at_once, R))
        _steps(begin, links, at, index, weight, dense, panel, leak, kind, A, S, t, end)
        if out.size > 0:
            _read(c, Wv, Wx, Wq, V, S, Q, out, t, end)
        if fed:
            _feed(lags, bound, out, Y, V, t)


@kernel
def free_runs(
    begin, links, at, index, weight, dense, panel, leak, kind, W_in, b, lags, bound, c, Wv, Wx, Wq,
    V, Y, S, out, first, last,
):  # fmt: skip
    """Run steps first <= t < last of M free runs side by side.

    V : (M, T, D), in: lags of measured y; out: with the lags of what is fed.   Y : (M, T, O), in: what each step feeds
    back, NaN for its output; out: NaN replaced.   S : (M, 2, R), the state before a step in S[:, 0], in, out.
    out : (M, T, O), out.   Other arguments as for ``follow``.
    """
    M, _, D = V.shape
    R = S.shape[2]
    A, q, row = np.empty((1, R)), np.empty((1, R)), np.zeros(1, np.int64)
    # int64 variables: literal ints would be a second signature of _steps and _read
    zero, one = A.shape[0] - 1, A.shape[0]
    for m in range(M):
        for t in range(first, last):
            if t > 0:
                _feed(lags, bound, out[m], Y[m], V[m], t - 1)
            for i in range(R):
                A[0, i] = b[i]
            row[0] = t * D
            add_product(flat(V[m]), row, W_in, A)
            _steps(begin, links, at, index, weight, dense, panel, leak, kind, A, S[m], zero, one)
            _read(c, Wv, Wx, Wq, V[m, t : t + 1], S[m], q, out[m, t : t + 1], zero, one)
            for i in range(R):
                S[m, 0, i] = S[m, 1, i]


# ---------------------------------------------------------------------------------------- links


@kept("reservoir")
class Reservoir(NamedTuple):
    """A reservoir; shapes in ``follow``."""

    begin: np.ndarray
    links: np.ndarray
    at: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    dense: np.ndarray
    leak: np.ndarray
    kind: int
    W_in: np.ndarray
    b: np.ndarray

    @property
    def R(self):
        """Number of units."""
        return len(self.b)

    def arguments(self, steps):
        """Return the first arguments of the kernels, for so many steps."""
        panel = PANEL if steps >= PANELS_FROM else self.R
        dense = self.dense if panel >= self.R else self._panels(panel)
        return *self[:5], dense, panel, *self[6:]

    def _panels(self, panel):
        """Return ``dense`` with each block of rows of n units in panels of columns."""
        dense, first = np.empty_like(self.dense), 0
        for l in np.flatnonzero(self.links < 0):
            n, below = self.begin[l + 1] - self.begin[l], self.begin[l] - self.begin[l - 1] if l else 0
            for K in (n, below):
                block = slice(first, first + K * n)
                columns = np.split(self.dense[block].reshape(K, n), range(panel, n, panel), axis=1)
                dense[block] = np.concatenate([part.ravel() for part in columns])
                first += K * n
        return dense


def pack(W, U, begin, leak, kind, W_in, b):
    """Pack the matrices of a reservoir for the kernels.

    W, U : (R, R) sparse, row i the links into unit i, from the previous states and from the layer below.
    begin : (L + 1,).   leak, b : (R,).   W_in : (R, D).

    A layer of n units with K links each becomes index and weight (K, n), padded by links of weight 0; a dense one
    its blocks of W' (n, n) and U' (units below, n), flat.
    """
    R = len(b)
    links, at, index, weight, dense = [], [], [], [], []
    incoming = sparse.hstack([W, U], format="csr")
    for l, (first, last) in enumerate(pairwise(begin)):
        rows, n = incoming[first:last], last - first
        counts = np.diff(rows.indptr)
        K = counts.max(initial=0)
        below = slice(begin[l - 1], begin[l]) if l else slice(0, 0)
        possible = n + below.stop - below.start
        if K / possible > DENSE:
            links.append(-1)
            at.append(sum(map(len, dense)))
            dense.append(W[first:last, first:last].toarray().T.ravel())
            dense.append(U[first:last, below].toarray().T.ravel())
            continue
        links.append(K)
        at.append(sum(map(len, index)))
        used = np.arange(K) < counts[:, None]
        padded_index, padded_weight = np.zeros((n, K), np.uint32), np.zeros((n, K))
        padded_index[used], padded_weight[used] = rows.indices, rows.data
        padded_index[~used] = np.broadcast_to(np.arange(first, last)[:, None], used.shape)[~used]
        index.append(padded_index.T.ravel())
        weight.append(padded_weight.T.ravel())

    def joined(parts, dtype):
        return np.concatenate([*parts, np.empty(0)]).astype(dtype)

    return Reservoir(
        np.array(begin, np.int64),
        np.array(links, np.int64),
        np.array(at, np.int64),
        joined(index, np.uint32),
        joined(weight, np.float64),
        joined(dense, np.float64),
        np.broadcast_to(leak, R).astype(np.float64),
        kind,
        np.ascontiguousarray(W_in.T),
        np.array(b, np.float64),
    )


# ---------------------------------------------------------------------------------------- topologies


DISTRIBUTIONS = {
    "uniform": lambda rng, shape: rng.uniform(-1, 1, shape),
    "normal": lambda rng, shape: rng.normal(size=shape),
    "sign": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}


def sources(rng, n, below, k):
    """Draw k distinct of ``below`` units for each of n units, (n, k)."""
    if k * k > below:
        return np.argpartition(rng.random_sample((n, below)), k - 1, axis=1)[:, :k]
    chosen = np.sort(rng.randint(below, size=(n, k)), axis=1)
    while len(again := np.flatnonzero((np.diff(chosen, axis=1) == 0).any(axis=1))):
        chosen[again] = np.sort(rng.randint(below, size=(len(again), k)), axis=1)
    return chosen


def random_links(rng, n, below, k, draw):
    """Draw a sparse matrix (n, below) with k links in every row."""
    places = sources(rng, n, below, k)
    return sparse.csr_array((draw(rng, n * k), places.ravel(), np.arange(0, n * k + 1, k)), shape=(n, below))


def random_reservoir(rng, n, k, radius, draw):
    """Draw W (n, n) with k links in every row, scaled to a spectral radius."""
    W = random_links(rng, n, n, k, draw)
    return W * (radius / spectral_radius(W, rng))


def chain(n, weight, closed):
    """Make W (n, n) of a delay line, unit i fed by unit i - 1, or of a cycle if ``closed``."""
    into = np.arange(0 if closed else 1, n)
    return sparse.csr_array((np.full(len(into), weight), (into, (into - 1) % n)), shape=(n, n))


def spectral_radius(W, rng):
    """Compute the largest modulus of the eigenvalues of a sparse W (n, n)."""
    n = W.shape[0]
    with one_thread:
        if n > ARPACK_FROM:
            try:
                start = rng.uniform(-1, 1, n)
                return np.abs(
                    eigs(W, 4, ncv=80, v0=start, tol=1e-8, maxiter=40, return_eigenvectors=False)
                ).max()
            except ArpackError:  # it did not converge
                pass
        return np.abs(np.linalg.eigvals(W.toarray())).max()
