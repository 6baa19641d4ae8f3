"""A program laid out for a compiled walk over one row: arrays of numbers, and a table of operations on them.

All numbers lie in one vector m: the row's x and y, constants, weights, values.  A value that is seen later lies in a
ring of 2 n + 1 rows, n of them past; when its present row is the last, the n last ones are copied to the front:

    | past ... past | present | free ... free |        place of the present row: rings[k, PRESENT]

An operation (a row of ``ops``) writes ``N`` numbers at D from numbers at A and B.  A place is a ring and an offset from
its present row; ring 0 is at 0 and never moves.  Products of the same vectors, as those of a cell's gates, are one.
"""

from typing import NamedTuple

import numpy as np

from .._kernels.jit import kernel, part
from .._kernels.simd_v3 import fma, line, sigmoid, tanh
from .program import Affine, Call, Links, LookUp, Normalise, Shares, Span, spans


OP, N, D_RING, D, A_RING, A, B_RING, B, K, INDEX = range(10)  # columns of ops
PRESENT, FRONT, SIZE, ROWS = range(4)  # columns of rings: present row, first row, numbers in a row, past rows
CHECK, TURN, COPY, PRODUCT, LINKS, NORMALISE, SOFTMAX, LOOK_UP = range(8)
ADD, SUBTRACT, MULTIPLY, LEAST, LARGEST, POWER, KNOWN = range(10, 17)
TANH, LOGISTIC, RELU, EXP, LOG, MISSING = range(20, 26)
OF_TERMS = {
    "+": ADD, "-": SUBTRACT, "*": MULTIPLY, "min": LEAST, "max": LARGEST, "pow": POWER, "known": KNOWN,
    "tanh": TANH, "logistic": LOGISTIC, "relu": RELU, "exp": EXP, "log": LOG, "missing": MISSING,
}  # fmt: skip
FINITE, NOT_INFINITE = range(2)  # what CHECK asks for


# ---------------------------------------------------------------------------------------- kernels


@part
def _add_product(a, W, z):
    """Add z += a W.   a : (K,).   W : (K n,), row by row.   z : (n,)."""
    n = z.size
    if n == 1:
        s, t, u, v = z[0], 0 * z[0], 0 * z[0], 0 * z[0]
        whole = a.size - a.size % 4
        for k in range(0, whole, 4):
            s, t = fma(a[k], W[k], s), fma(a[k + 1], W[k + 1], t)
            u, v = fma(a[k + 2], W[k + 2], u), fma(a[k + 3], W[k + 3], v)
        for k in range(whole, a.size):
            s = fma(a[k], W[k], s)
        z[0] = (s + t) + (u + v)
        return
    for k in range(0, a.size - 3, 4):  # four rows at a time, to read and write z less often
        w0, w1 = line(W, k * n, n), line(W, (k + 1) * n, n)
        w2, w3 = line(W, (k + 2) * n, n), line(W, (k + 3) * n, n)
        a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
        for j in range(n):
            z[j] = fma(a3, w3[j], fma(a2, w2[j], fma(a1, w1[j], fma(a0, w0[j], z[j]))))
    for k in range(a.size - a.size % 4, a.size):
        w, s = line(W, k * n, n), a[k]
        for j in range(n):
            z[j] = fma(s, w[j], z[j])


@part
def _add_links(index, w, a, z):
    """Add z[j] += sum_k w[k, j] a[index[k, j]].   index, w : (K n,), flat.   z : (n,)."""
    n = z.size
    for k in range(0, w.size, n):
        i, v = line(index, k, n), line(w, k, n)
        for j in range(n):
            z[j] = fma(v[j], a[i[j]], z[j])


@part
def _normalise(a, z):
    """Compute z = (a - mean) / sqrt(mean square + 1e-5)."""
    mean, square = 0.0, 0.0
    for j in range(z.size):
        mean += a[j] / z.size
    for j in range(z.size):
        z[j] = a[j] - mean
        square += z[j] * z[j] / z.size
    root = np.sqrt(square + 1e-5)
    for j in range(z.size):
        z[j] /= root


@part
def _softmax(a, z):
    """Compute z = exp(a) / sum(exp(a))."""
    largest, total = a[0], 0.0
    for j in range(z.size):
        largest = max(largest, a[j])
    for j in range(z.size):
        z[j] = np.exp(a[j] - largest)
        total += z[j]
    for j in range(z.size):
        z[j] /= total


@part
def _of_two(op, a, b, z):
    """Compute z = a op b, number by number."""
    if op == ADD:
        for j in range(z.size):
            z[j] = a[j] + b[j]
    elif op == SUBTRACT:
        for j in range(z.size):
            z[j] = a[j] - b[j]
    elif op == MULTIPLY:
        for j in range(z.size):
            z[j] = a[j] * b[j]
    elif op == LEAST:
        for j in range(z.size):
            z[j] = a[j] if a[j] < b[j] or np.isnan(a[j]) else b[j]
    elif op == LARGEST:
        for j in range(z.size):
            z[j] = a[j] if a[j] > b[j] or np.isnan(a[j]) else b[j]
    elif op == POWER:
        for j in range(z.size):
            z[j] = a[j] ** b[j]
    else:
        for j in range(z.size):
            z[j] = b[j] if np.isnan(a[j]) else a[j]


@part
def _of_one(op, a, z):
    """Compute z = op(a), number by number."""
    if op == TANH:
        for j in range(z.size):
            z[j] = tanh(a[j])
    elif op == LOGISTIC:
        for j in range(z.size):
            z[j] = sigmoid(a[j])
    elif op == RELU:
        for j in range(z.size):
            z[j] = a[j] if a[j] > 0 or np.isnan(a[j]) else 0.0
    elif op == EXP:
        for j in range(z.size):
            z[j] = np.exp(a[j])
    elif op == LOG:
        for j in range(z.size):
            z[j] = np.log(a[j])
    elif op == MISSING:
        for j in range(z.size):
            z[j] = 1.0 if np.isnan(a[j]) else 0.0
    else:
        for j in range(z.size):
            z[j] = a[j]


@part
def _turn(ring, m):
    """Begin a new present row of a ring; at its end the past moves to the front."""
    size, rows = ring[SIZE], ring[ROWS]
    ring[PRESENT] += size
    if ring[PRESENT] > ring[FRONT] + 2 * rows * size:
        n = rows * size
        new, old = line(m, ring[FRONT], n), line(m, ring[PRESENT] - n, n)
        for j in range(n):
            new[j] = old[j]
        ring[PRESENT] = ring[FRONT] + n


@part
def _is_allowed(asked, a):
    """Return whether the numbers a are finite, or at least not infinite."""
    allowed = True
    for j in range(a.size):
        allowed &= not (np.isinf(a[j]) or (asked == FINITE and np.isnan(a[j])))
    return allowed


@kernel
def walk(ops, rings, index, m):
    """Do the operations one after another; False, with nothing done, where the row's x is not allowed.

    ops : (n, 10).   rings : (r, 4), in, out.   index : uint32, of links.   m : in, out.
    """
    for i in range(len(ops)):
        op, n = ops[i, OP], ops[i, N]
        d = rings[ops[i, D_RING], PRESENT] + ops[i, D]
        a = rings[ops[i, A_RING], PRESENT] + ops[i, A]
        b = rings[ops[i, B_RING], PRESENT] + ops[i, B]
        z = line(m, d, n)
        if op == CHECK:
            if not _is_allowed(ops[i, K], z):
                return False
        elif op == TURN:
            _turn(rings[ops[i, D_RING]], m)
        elif op == PRODUCT:
            _add_product(line(m, a, ops[i, K]), line(m, b, ops[i, K] * n), z)
        elif op == LINKS:
            links, first = ops[i, K] * n, ops[i, INDEX]
            _add_links(line(index, first, links), line(m, b, links), line(m, a, m.size - a), z)
        elif op == NORMALISE:
            _normalise(line(m, a, n), z)
        elif op == SOFTMAX:
            _softmax(line(m, a, n), z)
        elif op == LOOK_UP:
            row = int(m[a]) if 0 <= m[a] < ops[i, K] else ops[i, K]
            table = line(m, b + row * n, n)
            for j in range(n):
                z[j] = table[j]
        elif ADD <= op <= KNOWN:
            _of_two(op, line(m, a, n), line(m, b, n), z)
        else:
            _of_one(op, line(m, a, n), z)
    return True


# ---------------------------------------------------------------------------------------- layout


class Compiled(NamedTuple):
    """A program for ``walk``.

    step, observe : operations of a row, and of a y that is observed after it.   rings, index, m : see ``walk``.
    x, y, out : slices of m: inputs, measured y, and the forecast.
    """

    step: np.ndarray
    observe: np.ndarray
    rings: np.ndarray
    index: np.ndarray
    m: np.ndarray
    x: slice
    y: slice
    out: slice


def compiled(p, missing):
    """Lay out a ``Program``.   missing : whether x may be NaN."""
    layout = _Layout(p)
    layout.add(CHECK, ("x", 0), p.n_inputs, k=NOT_INFINITE if missing else FINITE)
    for name in p.past:
        layout.add(TURN, layout.place(Span(name)), 0)
    for name, value in p.values.items():
        layout.work_out(name, value)
    for name, (_, unmeasured) in p.fed.items():
        layout.term(unmeasured, p.n_outputs, layout.place(Span(name)))
    step, layout.ops = layout.ops, []
    for name, (measured, _) in p.fed.items():
        fed_row = layout.place(Span(name))
        told_y = layout.term(measured, p.n_outputs)
        layout.add(KNOWN, fed_row, p.n_outputs, told_y, fed_row)
    return layout.done(step)


class _Layout:
    """Lays out numbers and operations.   A place is a pair: of a ring, or a name of ring 0, and an offset from it."""

    def __init__(self, p):
        self.p, self.ops, self.numbers, self.n = p, [], [], 0
        self.rings, self.ring_of, self.at = [(0, 0, 0, 0)], {}, {}
        self.index, self.n_links = [], 0
        for name, past in p.past.items():
            n, size = past.shape
            front = self.lay(np.concatenate([past, np.zeros((n + 1, size))]))
            self.ring_of[name] = len(self.rings)
            self.rings.append((front + (n - 1) * size, front, size, n))
        for name in ("x", "y"):
            self.at[name] = self.lay(np.zeros(p.size(name)))
        alike = {}  # affine values of the same vectors
        for name, value in p.values.items():
            if isinstance(value, Affine) and name not in self.ring_of:
                alike.setdefault(tuple(spans(value)), []).append(name)
        self.groups = {names[0]: names for names in alike.values()}
        self.followers = {name for names in alike.values() for name in names[1:]}

    def lay(self, a):
        """Put numbers into m; where they begin."""
        self.numbers.append(np.ravel(a).astype(np.float64))
        self.n += np.size(a)
        return self.n - np.size(a)

    def place(self, span):
        """Return where a span begins."""
        if span.name in self.ring_of:
            return self.ring_of[span.name], -span.oldest * self.p.size(span.name)
        if span.name not in self.at:
            self.at[span.name] = self.lay(np.zeros(self.p.size(span.name)))
        return 0, self.at[span.name]

    def add(self, op, to, n, a=(0, 0), b=(0, 0), k=0, index=0):
        """Add an operation."""
        to = self.place(Span(to[0])) if isinstance(to[0], str) else to
        self.ops.append((op, n, *to, *a, *b, k, index))

    def term(self, t, n, to=None):
        """Add the operations of a term of n numbers; return its place, ``to`` if given."""
        if isinstance(t, Call):
            args = [self.term(arg, n) for arg in t.args]
            to = to or (0, self.lay(np.zeros(n)))
            self.add(OF_TERMS[t.op], to, n, *args)
            return to
        place = self.place(t) if isinstance(t, Span) else (0, self.lay(np.broadcast_to(t, n)))
        if to is not None:
            self.add(COPY, to, n, place)
        return to or place

    def work_out(self, name, value):
        """Add the operations that compute a value."""
        if name in self.followers:
            return
        if isinstance(value, Normalise | Shares):
            op = NORMALISE if isinstance(value, Normalise) else SOFTMAX
            self.add(op, self.place(Span(name)), value.size, self.place(value.z))
        elif isinstance(value, LookUp):
            ring, at = self.place(value.z)
            table = 0, self.lay(value.table)
            self.add(
                LOOK_UP,
                self.place(Span(name)),
                value.size,
                (ring, at + value.column),
                table,
                len(value.table) - 1,
            )
        elif isinstance(value, Affine):
            self.affine(self.groups.get(name, [name]))
        else:
            self.term(value.term, value.size, self.place(Span(name)))

    def affine(self, names):
        """Add b + sum over sources v W of affine values of the same vectors, side by side."""
        values = [self.p.values[name] for name in names]
        n = sum(value.size for value in values)
        if len(names) > 1:
            at = self.lay(np.zeros(n))
            for name, value in zip(names, values):
                self.at[name], at = at, at + value.size
        to = self.place(Span(names[0]))
        self.add(COPY, to, n, (0, self.lay(np.concatenate([value.b for value in values]))))
        for span, parts in zip(spans(values[0]), zip(*(value.sources for value in values))):
            matrices = [W for _, W in parts]
            if any(isinstance(W, Links) for W in matrices):
                for name, value, W in zip(names, values, matrices):
                    self.links(self.place(Span(name)) if len(names) > 1 else to, value.size, span, W)
                continue
            W = np.concatenate(matrices, axis=1)
            self.add(PRODUCT, to, n, self.place(span), (0, self.lay(W)), len(W))

    def links(self, to, n, span, W):
        """Add links, or a matrix where there are many."""
        if not isinstance(W, Links):
            self.add(PRODUCT, to, n, self.place(span), (0, self.lay(W)), len(W))
            return
        self.add(LINKS, to, n, self.place(span), (0, self.lay(W.weight)), len(W.weight), self.n_links)
        self.index.append(np.ravel(W.index).astype(np.uint32))
        self.n_links += W.index.size

    def done(self, step):
        """Assemble the ``Compiled`` of the operations of a row and, now in ``ops``, of a y observed after it."""
        x, y, out = (
            slice(at, at + size)
            for at, size in (
                (self.at["x"], self.p.n_inputs),
                (self.at["y"], self.p.n_outputs),
                (self.place(Span("out"))[1], self.p.n_outputs),
            )
        )
        m = np.concatenate(self.numbers)
        tables = [np.array(ops, np.int64).reshape(-1, 10) for ops in (step, self.ops)]
        index = np.concatenate([*self.index, np.zeros(0, np.uint32)])
        return Compiled(*tables, np.array(self.rings, np.int64), index, m, x, y, out)
