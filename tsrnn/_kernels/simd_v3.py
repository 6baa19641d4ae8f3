"""Arithmetic for kernels: fused multiply-add, tanh, sigmoid, and products of small matrices.  FROZEN.

    fma(a, b, c)                     a b + c, rounded once
    tanh(x), sigmoid(x)              within 3 ulp, straight-line: a plain loop over them becomes vector code
    flat(A)                          the memory of a C-contiguous array as a 1-D array
    line(a, start, n)                a[start : start + n]
    matrix(a, start, M, N)           a[start : start + M N] as M rows; neither looks whether there are so many numbers
    add_product(a, rows, W, Z)       Z[i, n] += sum_k  a[rows[i] + k] W[k, n]
    pack(W, M), add_packed(...)      the same for weights that serve many calls: they are laid out for it once
    add_outer(a, rows, D, G)         G[k, n] += sum_i  a[rows[i] + k] D[i, n]            the gradient of W
    add_scattered(D, V, a, rows)     a[rows[i] + k] += sum_n  D[i, n] V[n, k]            the gradient of a

The left operand ``a`` is 1-D and ``rows`` says where each of its rows starts, so the lag windows of a series
are read in place, overlapping as they do.  For use inside kernels.  All arrays are of one precision, float32
or float64, and C-contiguous; ``rows`` is int64.  Sizes are not checked: M = len(rows) = len(Z) = len(D).

The same bits everywhere.  Each element of Z and of G is one chain of ``fma`` in the order of the sum, started
from the value there.  What is added to ``a`` is such a chain started from 0; the additions are made in blocks
of 64 bytes of columns k, and within a block row after row.  Tiles, the processor's vectors, and cutting the
rows of Z into shards therefore do not show in a result.

Why frozen: numba keys its disk cache by the content of the file that *calls*.  An edit here would leave the
old machine code in the caches of users whose own kernels did not change.  To change the arithmetic, write
``simd_v4.py`` and import that.

With ``NUMBA_DISABLE_JIT=1`` all of it is NumPy, equal up to rounding.
"""

import functools
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from tsrnn._kernels.jit import PART, part


F32, F64 = np.float32, np.float64


# ----------------------------------------------------------------------------------------------- scalars


def _float_intrinsic(name, n_args):
    """``llvm.<name>`` on floats of the wider type among the arguments."""

    def codegen(context, builder, signature, args):
        kind = args[0].type
        bits = signature.return_type.bitwidth
        f = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * n_args), f"llvm.{name}.f{bits}"
        )
        return builder.call(f, args)

    def typed(*args):
        kind = types.float32 if all(t == types.float32 for t in args) else types.float64
        return kind(*[kind] * n_args), codegen

    if n_args == 1:
        return intrinsic(lambda typingctx, x: typed(x))
    if n_args == 2:
        return intrinsic(lambda typingctx, x, y: typed(x, y))
    return intrinsic(lambda typingctx, a, b, c: typed(a, b, c))


_abs = _float_intrinsic("fabs", 1)
_copysign = _float_intrinsic("copysign", 2)
fma = _float_intrinsic("fma", 3)


@intrinsic
def _two_to(typingctx, t):
    """2**k from t = k + 1.5 * 2**(mantissa bits), by integer shifts alone.

    The low bits of t hold k.  (To convert float64 to int64 is a vector instruction in AVX-512DQ only.)
    """

    def codegen(context, builder, signature, args):
        bits, mantissa, bias = (32, 23, 127) if t.bitwidth == 32 else (64, 52, 1023)
        whole = ir.IntType(bits)
        k = builder.add(builder.bitcast(args[0], whole), whole(bias))
        return builder.bitcast(builder.shl(k, whole(mantissa)), args[0].type)

    return t(t), codegen


@part
def _exp32(y):
    """(p, 2**k) with exp(y) = 2**k (1 + p), float32, for -87.3 < y < 88."""
    t = fma(y, F32(1.4426950), F32(12582912.0))
    k = t - F32(12582912.0)
    r = fma(k, F32(1.9046542e-09), fma(k, F32(-0.6931472), y))
    s = r * r
    even = fma(fma(F32(0.0013933688), s, F32(0.041666463)), s, F32(0.5))
    odd = fma(fma(F32(0.00019899334), s, F32(0.008333298)), s, F32(0.16666667))
    return fma(s, fma(odd, r, even), r), _two_to(t)


@part
def _exp64(y):
    """(p, 2**k) with exp(y) = 2**k (1 + p), float64, for -708.3 < y < 709."""
    t = fma(y, 1.4426950408889634, 6755399441055744.0)
    k = t - 6755399441055744.0
    r = fma(k, -2.3190468138462996e-17, fma(k, -0.6931471805599453, y))
    s = r * r
    even = fma(2.0928608506636255e-09, s, 2.755723434672471e-07)
    even = fma(even, s, 2.480158736373786e-05)
    even = fma(even, s, 0.0013888888888868908)
    even = fma(even, s, 0.04166666666666669)
    even = fma(even, s, 0.5)
    odd = fma(2.5105206279272978e-08, s, 2.7557255426827253e-06)
    odd = fma(odd, s, 0.0001984126987479776)
    odd = fma(odd, s, 0.008333333333326145)
    odd = fma(odd, s, 0.1666666666666667)
    return fma(s, fma(odd, r, even), r), _two_to(t)


def tanh(x):
    """Hyperbolic tangent: e / (e + 2) with the sign of x, where e = exp(2 |x|) - 1."""
    return np.tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x)); 0 where that is below the smallest normal number."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(e))[()] / (1 + e)


@overload(tanh, jit_options=PART)
def _tanh(x):
    if x == types.float32:

        def compiled(x):
            y = _abs(x)
            y = F32(10) if y > F32(10) else y  # tanh(10) rounds to 1; a NaN passes
            p, two_k = _exp32(y + y)
            e = fma(two_k, p, two_k - F32(1))
            return _copysign(e / (e + F32(2)), x)

        return compiled
    if x == types.float64:

        def compiled(x):
            y = _abs(x)
            y = 20.0 if y > 20.0 else y
            p, two_k = _exp64(y + y)
            e = fma(two_k, p, two_k - 1.0)
            return _copysign(e / (e + 2.0), x)

        return compiled


@overload(sigmoid, jit_options=PART)
def _sigmoid(x):
    if x == types.float32:

        def compiled(x):
            y = -_abs(x)
            p, two_k = _exp32(y)
            e = fma(two_k, p, two_k)
            e = F32(0) if y < F32(-87.0) else e
            return (e if x < F32(0) else F32(1)) / (F32(1) + e)

        return compiled
    if x == types.float64:

        def compiled(x):
            y = -_abs(x)
            p, two_k = _exp64(y)
            e = fma(two_k, p, two_k)
            e = 0.0 if y < -708.0 else e
            return (e if x < 0.0 else 1.0) / (1.0 + e)

        return compiled


# ----------------------------------------------------------------------------------------------- vectors


class _Target(NamedTuple):
    """What is compiled for.  lanes : of a vector.   rows : of a tile three vectors wide, which fills the registers.

    loads, stores : whether part of a vector is loaded, and stored, at the price of a whole one.
    """

    scalar: ir.Type
    bits: int
    lanes: int
    rows: int
    loads: bool
    stores: bool


def _target(context, dtype):
    """AVX-512 has 32 registers of 64 bytes, AVX 16 of 32, SSE 16 of 16, ARM 32 of 16.

    AVX has masked stores too, but on many processors each is worth some twenty instructions.
    """
    triple, _, features = context.codegen().magic_tuple()
    features = features.split(",")
    size = 64 if "+avx512f" in features else 32 if "+avx" in features else 16
    rows = 8 if size == 64 or triple.startswith(("aarch64", "arm64")) else 4
    bits = dtype.bitwidth
    return _Target(context.get_data_type(dtype), bits, size * 8 // bits, rows, size > 16, size == 64)


I64, I32 = ir.IntType(64), ir.IntType(32)
BLOCK = (
    64  # bytes of columns of a scatter tile: the same on every machine, for it is part of the order of sums
)
PANEL = 8192  # bytes of each of the vectors of a panel of y: with three of them a first cache has room for rows of a
SMALL = 8192  # bytes of y that need no copy
TILES = 32  # one below the other in a block of rows
LONG = 64  # numbers of a row of a, from which on they are gathered


def _begin(module, t, name, arguments):
    """A function of the module and a builder for it, None where it is there already.  Not inlined."""
    name = f"tsrnn_simd_v3_{name}_{t.lanes}xf{t.bits}"
    if name in module.globals:
        return module.globals[name], None
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind", "optsize"):  # optsize: no unrolling, half the time to compile
        function.attributes.add(attribute)
    return function, ir.IRBuilder(function.append_basic_block())


def _least(b, x, y):
    return b.select(b.icmp_signed("<", x, y), x, y)


def _at(b, base, *terms):
    """base + the sum of products: ``_at(b, z, (i, ld), j)`` points to z[i ld + j]."""
    for term in terms:
        base = b.gep(base, [b.mul(*term) if isinstance(term, tuple) else term])
    return base


@contextmanager
def _loop(b, stop, step):
    """``for i in range(0, stop, step)``."""
    with cgutils.for_range_slice(b, I64(0), stop, I64(step)) as (i, _):
        yield i


@contextmanager
def _room(context, b, t, numbers, wanted):
    """Memory for a while, on a line of the cache; null where it is not wanted, or not to be had."""
    pointer = t.scalar.as_pointer()
    place = cgutils.alloca_once_value(b, ir.Constant(cgutils.voidptr_t, None))
    with b.if_then(wanted):
        size = b.add(b.mul(numbers, I64(t.bits // 8)), I64(63))
        b.store(context.nrt.allocate_unchecked(b, size), place)
    memory = b.load(place)
    line = b.and_(b.add(b.ptrtoint(memory, I64), I64(63)), I64(-64))  # of null: null
    yield b.inttoptr(line, pointer)
    with b.if_then(wanted):
        context.nrt.free(b, memory)


class _Columns:
    """Loads and stores of V vectors that cover n columns.

    Where n is no multiple of a vector the last ones overlap: they load, compute and store the same bits, which costs
    no mask and no further shape of tile.  V = 0 stands for a part of one vector, n <= lanes.
    """

    def __init__(self, b, t, V, n):
        self.b, self.t, self.n, self.part = b, t, n, V == 0
        self.type = ir.VectorType(t.scalar, t.lanes)
        self.pointer, self.align = self.type.as_pointer(), t.bits // 8
        if not self.part:
            end, sure = b.sub(n, I64(t.lanes)), V - 1 if V <= 3 else 1  # vectors that end before n does
            self.at = [I64(v * t.lanes) for v in range(V)]
            self.at[sure:] = [_least(b, at, end) for at in self.at[sure:]]
        elif t.loads:
            lanes = ir.Constant(ir.VectorType(I32, t.lanes), list(range(t.lanes)))
            self.mask = b.icmp_signed("<", lanes, self.spread(b.trunc(n, I32)))
        else:
            last = b.sub(n, I64(1))
            self.places = [_least(b, I64(c), last) for c in range(t.lanes)]

    def spread(self, x):
        """A vector of x."""
        undefined = ir.Constant(ir.VectorType(x.type, self.t.lanes), ir.Undefined)
        first = ir.Constant(ir.VectorType(I32, self.t.lanes), [0] * self.t.lanes)
        return self.b.shuffle_vector(self.b.insert_element(undefined, x, I32(0)), undefined, first)

    def llvm(self, name, result, *arguments):
        """An intrinsic function of LLVM's."""
        name = f"llvm.{name}.v{self.t.lanes}f{self.t.bits}" + (".p0" if "masked" in name else "")
        return cgutils.get_or_insert_function(self.b.module, ir.FunctionType(result, arguments), name)

    def _places(self, base):
        return [self.b.bitcast(self.b.gep(base, [at]), self.pointer) for at in self.at]

    def load(self, base):
        """The vectors, a list."""
        b = self.b
        if not self.part:
            return [b.load(place, align=self.align) for place in self._places(base)]
        if self.t.loads:
            masked = self.llvm("masked.load", self.type, self.pointer, I32, self.mask.type, self.type)
            zero = ir.Constant(self.type, None)
            return [b.call(masked, [b.bitcast(base, self.pointer), I32(self.align), self.mask, zero])]
        value = ir.Constant(self.type, ir.Undefined)
        for lane, place in enumerate(self.places):
            value = b.insert_element(value, b.load(b.gep(base, [place])), I32(lane))
        return [value]

    def store(self, values, base):
        """Store them, all of which were loaded before."""
        b = self.b
        if not self.part:
            for value, place in zip(values, self._places(base)):
                b.store(value, place, align=self.align)
        elif self.t.stores:
            masked = self.llvm("masked.store", ir.VoidType(), self.type, self.pointer, I32, self.mask.type)
            b.call(masked, [*values, b.bitcast(base, self.pointer), I32(self.align), self.mask])
        else:
            b.call(_store_part(b.module, self.t), [*values, base, self.n])


def _store_part(module, t):
    """Store n lanes of a vector, a piece for each power of two in n."""
    vector, pointer = ir.VectorType(t.scalar, t.lanes), t.scalar.as_pointer()
    function, b = _begin(module, t, "store", [vector, pointer, I64])
    if b is None:
        return function
    value, base, n = function.args
    stack = b.alloca(vector)
    b.store(value, stack)
    start, width = b.bitcast(stack, pointer), t.lanes
    while width:
        with b.if_then(b.icmp_signed("!=", b.and_(n, I64(width)), I64(0))):
            piece, at = ir.VectorType(t.scalar, width).as_pointer(), b.and_(n, I64(-2 * width))
            moved = b.load(b.bitcast(b.gep(start, [at]), piece), align=t.bits // 8)
            b.store(moved, b.bitcast(b.gep(base, [at]), piece), align=t.bits // 8)
        width //= 2
    b.ret_void()
    return function


def _pack(module, t, V):
    """Copy n columns of some rows of y to z, as V vectors each."""
    pointer = t.scalar.as_pointer()
    function, b = _begin(module, t, f"pack_{V}", [pointer, I64, I64, I64, pointer])
    if b is None:
        return function
    y, ld, n, rows, z = function.args
    width = I64(V * t.lanes)
    here, there = _Columns(b, t, V, n), _Columns(b, t, V, width)
    with _loop(b, rows, 1) as i:
        there.store(here.load(_at(b, y, (i, ld))), _at(b, z, (i, width)))
    b.ret_void()
    return function


def _gather(module, t):
    """Copy n numbers from each of some rows of a so that what a tile of an outer product reads lies side by side.

    z[i, s, r] = a[rows[s] + i R + r],   starts[s] = s R,   R rows of a tile
    """
    pointer, R = t.scalar.as_pointer(), t.rows
    function, b = _begin(
        module, t, "gather", [pointer, I64.as_pointer(), I64, I64, pointer, I64.as_pointer()]
    )
    if b is None:
        return function
    a, rows, n, steps, z, starts = function.args
    with _loop(b, steps, 1) as s:
        b.store(b.mul(s, I64(R)), b.gep(starts, [s]))
    tiles = max(64 // (R * t.bits // 8), 1)  # that read one line of the cache
    vector = ir.VectorType(t.scalar, R).as_pointer()
    with _loop(b, n, R * tiles) as i:
        end = b.sub(n, i)
        with b.if_else(b.icmp_signed("<", end, I64(R * tiles))) as (part, whole):
            with whole, _loop(b, steps, 1) as s:
                row = _at(b, a, b.load(b.gep(rows, [s])), i)
                to = _at(b, z, (i, steps), (s, I64(R)))
                for k in range(tiles):
                    moved = b.load(b.bitcast(b.gep(row, [I64(k * R)]), vector), align=t.bits // 8)
                    b.store(moved, b.bitcast(_at(b, to, (I64(k * R), steps)), vector), align=t.bits // 8)
            with part, _loop(b, steps, 1) as s, _loop(b, end, 1) as r:
                x = b.load(_at(b, a, b.load(b.gep(rows, [s])), i, r))
                tile, within = b.sdiv(r, I64(R)), b.srem(r, I64(R))
                b.store(x, _at(b, z, (i, steps), (s, I64(R)), (b.mul(tile, I64(R)), steps), within))
    b.ret_void()
    return function


def _tile(module, t, kind, R, V, keeps=False):
    """Add some terms to R rows by V vectors of z.

    product:  z[r, c]       += sum_s  a[rows[r] + s] y[s, c]
    outer:    z[r, c]       += sum_s  a[rows[s] + r] y[s, c]
    scatter:  z[rows[r] + c] += sum_s  a[r, s] y[s, c],  summed from 0, then added row by row

    The sums stay in registers while s runs.  Rows beyond the last one are the last one again: they read, compute and
    store the same bits, which costs no branch and no further shape of tile.  last : index of the last row.   ld : from
    one row to the next, of a (scatter) or z, and of y.   n : columns, of y and of z.   steps : how many s.   keep :
    where a tile that ``keeps`` copies the vectors of y to, one after the other.  (With a loop for either in one
    function, LLVM had sums of outer products on the stack.)
    """
    pointer = t.scalar.as_pointer()
    arguments = [pointer, I64.as_pointer(), pointer, pointer, *[I64] * 6, *[pointer] * keeps]
    function, b = _begin(module, t, f"{kind}_{R}x{V}" + "_keep" * keeps, arguments)
    if b is None:
        return function
    a, rows, y, z, last, ld, ld_y, n_y, n, steps, *keep = function.args
    columns = _Columns(b, t, V, n)
    columns_y = columns if V == 0 else _Columns(b, t, V, n_y)
    vector = columns.type
    fma = columns.llvm("fma", vector, vector, vector, vector)

    row = [_least(b, I64(r), last) for r in range(R)]
    along = [b.mul(r, ld) for r in row]
    placed = row if kind == "outer" else [b.load(b.gep(rows, [r])) for r in row]
    if kind == "scatter":
        along, placed = placed, along
    a_row, z_row = [b.gep(a, [p]) for p in placed], [b.gep(z, [p]) for p in along]
    if kind == "scatter":
        start = [ir.Constant(vector, None)] * (R * max(V, 1))
    else:
        start = [value for base in z_row for value in columns.load(base)]
    before, loop, done = b.block, *(function.append_basic_block() for _ in range(2))
    b.cbranch(b.icmp_signed("<", I64(0), steps), loop, done)
    b.position_at_end(loop)
    s, y_s, *total = b.phi(I64), b.phi(pointer), *(b.phi(vector) for _ in start)
    y_vectors = columns_y.load(y_s)
    if keeps:
        width = I64(V * t.lanes)
        _Columns(b, t, V, width).store(y_vectors, _at(b, *keep, (s, width)))
    at = b.load(b.gep(rows, [s])) if kind == "outer" else s
    new = [b.add(s, I64(1)), b.gep(y_s, [ld_y])]
    for r, base in enumerate(a_row):
        x = columns.spread(b.load(b.gep(base, [at])))
        new += [b.call(fma, [x, w, total[r * len(y_vectors) + v]]) for v, w in enumerate(y_vectors)]
    b.cbranch(b.icmp_signed("<", new[0], steps), loop, done)
    for phi, first, value in zip([s, y_s, *total], [I64(0), y, *start], new):
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)

    b.position_at_end(done)
    end = [b.phi(vector) for _ in start]
    for phi, first, value in zip(end, start, new[2:]):
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)
    for r, base in enumerate(z_row):
        sums = end[r * len(y_vectors) : (r + 1) * len(y_vectors)]
        if kind == "scatter":  # rows may overlap: one is stored before the next is read
            sums = [b.fadd(was, more) for was, more in zip(columns.load(base), sums)]
        columns.store(sums, base)
        if kind == "scatter" and r < R - 1:
            more, out = function.append_basic_block(), function.append_basic_block()
            b.cbranch(b.icmp_signed("<", I64(r), last), more, out)
            b.position_at_end(out)
            b.ret_void()
            b.position_at_end(more)
    b.ret_void()
    return function


# ----------------------------------------------------------------------------------------------- matrices


def _each_tile(b, t, V, start, stop, R, own, room, tile):
    """Call tile(i, y, ld, n, *keep) for every R rows.

    own : (y, ld, n).   room : where the first tile leaves a copy for the others, or null.
    """
    width = I64(V * t.lanes)
    copied = b.icmp_unsigned("!=", room, ir.Constant(room.type, None))
    later = [b.select(copied, p, q) for p, q in zip((room, width, width), own)]
    with cgutils.for_range_slice(b, start, stop, I64(R)) as (i, count):
        first = b.and_(copied, b.icmp_signed("==", count, I64(0)))
        with b.if_else(first) as (copies, reads):
            with copies:
                tile(i, *own, room)
            with reads:
                tile(i, *later)


@contextmanager
def _panels(b, t, N, V):
    """For each panel of V = 3, and then of V = 2 vectors: where it begins and its columns.  N above one vector."""
    L = t.lanes
    vectors = b.sdiv(b.add(N, I64(L - 1)), I64(L))
    twos = b.srem(b.mul(vectors, I64(2)), I64(3))
    threes = b.sdiv(b.sub(vectors, b.mul(twos, I64(2))), I64(3))
    with _loop(b, threes if V == 3 else twos, 1) as p:
        j = b.mul(p, I64(V * L))
        if V == 2:
            j = b.add(b.mul(threes, I64(3 * L)), j)
        yield j, _least(b, b.sub(N, j), I64(V * L))


class _Sweep:
    """All of z += a y, product or outer: M rows, K terms, N columns.

    y is read panel by panel, and where y does not fit a cache the first tile that reads a panel leaves a copy of it.
    ``packed`` holds the panels of a product one after the other, or is null.
    """

    def __init__(self, context, b, t, kind, args):
        self.context, self.b, self.t, self.kind = context, b, t, kind
        self.a, self.rows, self.y, self.packed, self.z, self.M, self.K, self.N = args
        self.null = ir.Constant(self.y.type, None)
        self.most = PANEL * 8 // t.bits // t.lanes  # terms of a panel

    def left(self, i, s):
        """What a tile of rows from i on and terms from s on reads of a and of rows."""
        if self.kind == "outer":
            i, s = s, i
        return _at(self.b, self.a, s), _at(self.b, self.rows, i)

    def tile(self, R, V, i, stop, left, steps, y, ld_y, n_y, j, n, *keep):
        """Rows from i on, columns from j on; y points to its own."""
        b, z = self.b, _at(self.b, self.z, (i, self.N), j)
        last = b.sub(b.sub(stop, i), I64(1))
        arguments = [*left, y, z, last, self.N, ld_y, n_y, n, steps, *keep]
        b.call(_tile(b.module, self.t, self.kind, R, V, bool(keep)), arguments)

    def narrow(self, M):
        """The first M rows of N within one vector: all terms at once."""
        R, zero = 2 * self.t.rows, I64(0)
        with _loop(self.b, M, R) as i:
            self.tile(R, 0, i, M, self.left(i, zero), self.K, self.y, self.N, self.N, zero, self.N)

    def wide(self, M):
        """The first M rows, a block of them at a time, so that a second cache holds what they see of a."""
        b, t, block = self.b, self.t, TILES * self.t.rows
        several = b.and_(
            b.icmp_signed(">", M, I64(t.rows)),
            b.icmp_signed(">", b.mul(self.K, self.N), I64(SMALL * 8 // t.bits)),
        )
        wanted = b.and_(several, b.icmp_unsigned("==", self.packed, self.null))
        with _room(self.context, b, t, I64(3 * self.most * t.lanes), wanted) as room, _loop(b, M, block) as i:
            stop = _least(b, b.add(i, I64(block)), M)
            if self.kind == "outer":
                self._outer(i, stop, room)
            else:
                for V in (3, 2):
                    with _panels(b, t, self.N, V) as (j, n), self._terms() as (s, steps):
                        self._panel(V, i, stop, s, steps, j, n, room, lambda i, s=s: self.left(i, s))

    @contextmanager
    def _terms(self):
        with _loop(self.b, self.K, self.most) as s:
            yield s, _least(self.b, self.b.sub(self.K, s), I64(self.most))

    def _outer(self, start, stop, room):
        """Rows start <= i < stop.  Where they are many, and many panels use them, they are gathered from a first."""
        b, t = self.b, self.t
        rows, most = I64(TILES * t.rows), I64(self.most)
        far = b.and_(
            b.icmp_signed(">=", b.sub(stop, start), I64(LONG)), b.icmp_signed(">", self.N, I64(8 * t.lanes))
        )
        size = b.mul(b.add(rows, I64(64 // t.bits)), most)
        with _room(self.context, b, t, size, far) as side, self._terms() as (s, steps):
            near = b.icmp_unsigned("==", side, self.null)
            begins = b.bitcast(_at(b, side, (rows, most)), I64.as_pointer())
            a, at = self.left(start, s)
            with b.if_then(b.not_(near)):
                b.call(_gather(b.module, t), [a, at, b.sub(stop, start), steps, side, begins])

            def left(i):
                one, other = _at(b, a, b.sub(i, start)), _at(b, side, (b.sub(i, start), steps))
                return b.select(near, one, other), b.select(near, at, begins)

            for V in (3, 2):
                with _panels(b, t, self.N, V) as (j, n):
                    self._panel(V, start, stop, s, steps, j, n, room, left)

    def _panel(self, V, start, stop, s, steps, j, n, room, left):
        """Rows start <= i < stop."""
        b, t, width = self.b, self.t, I64(V * self.t.lanes)
        ready = b.icmp_unsigned("!=", self.packed, self.null)
        there = _at(b, self.packed, (j, self.K), (s, width)), width, width
        near = _at(b, self.y, (s, self.N), j), self.N, n
        own = [b.select(ready, p, q) for p, q in zip(there, near)]

        def tile(i, y, ld, n_y, *keep):
            self.tile(t.rows, V, i, stop, left(i), steps, y, ld, n_y, j, n, *keep)

        _each_tile(b, t, V, start, stop, t.rows, own, room, tile)

    def last_row(self, i):
        """Row i alone: bound by the latency of its sums, so up to eight of them at once, not by their number."""
        b, most = self.b, 8 * self.t.lanes
        with _loop(b, self.N, most) as j:
            self.piece((0, 2, 4, 8), i, j, _least(b, b.sub(self.N, j), I64(most)))

    def piece(self, sizes, i, j, n):
        """Columns j to j + n of row i, in the first tile of these sizes that holds them."""
        b, (V, *larger) = self.b, sizes
        if not larger:
            left, y = self.left(i, I64(0)), _at(b, self.y, j)
            self.tile(1, V, i, self.M, left, self.K, y, self.N, n, j, n)
            return
        with b.if_else(b.icmp_signed("<=", n, I64(max(V, 1) * self.t.lanes))) as (held, rest):
            with held:
                self.piece((V,), i, j, n)
            with rest:
                self.piece(larger, i, j, n)


def _sweep(context, module, t, kind):
    """The function of a whole product.   a, rows, y, packed, z, M, K, N, see ``_Sweep``."""
    pointer = t.scalar.as_pointer()
    function, b = _begin(module, t, kind, [pointer, I64.as_pointer(), *[pointer] * 3, *[I64] * 3])
    if b is None:
        return function
    sweep = _Sweep(context, b, t, kind, function.args)
    M, alone = sweep.M, None
    if kind == "product":  # a tile of several rows for one would be wasted
        alone = b.icmp_signed("==", b.srem(M, I64(t.rows)), I64(1))
        M = b.select(alone, b.sub(M, I64(1)), M)
    with b.if_else(b.icmp_signed("<=", sweep.N, I64(t.lanes))) as (narrow, wide):
        with narrow:
            sweep.narrow(M)
        with wide:
            sweep.wide(M)
    if alone is not None:
        with b.if_then(alone):
            sweep.last_row(M)
    b.ret_void()
    return function


def _scatter(context, module, t):
    """The function of a whole scatter.   a (M, K), rows, y (K, N), z (1-D), M, K, N."""
    pointer = t.scalar.as_pointer()
    function, b = _begin(module, t, "scatter", [pointer, I64.as_pointer(), pointer, pointer, *[I64] * 3])
    if b is None:
        return function
    a, rows, y, z, M, K, N = function.args
    C = BLOCK * 8 // t.bits
    whole = C // t.lanes
    R = 8 // whole
    wanted = b.and_(b.icmp_signed(">", b.mul(K, N), I64(SMALL * 8 // t.bits)), b.icmp_signed(">", M, I64(R)))
    with _room(context, b, t, b.mul(K, I64(C)), wanted) as room, _loop(b, N, C) as j:
        n = _least(b, b.sub(N, j), I64(C))

        def tile(V, i, y, ld, n_y, *keep):
            last = b.sub(b.sub(M, i), I64(1))
            arguments = [_at(b, a, (i, K)), _at(b, rows, i), y, _at(b, z, j), last, K, ld, n_y, n, K, *keep]
            b.call(_tile(module, t, "scatter", R, V, bool(keep)), arguments)

        own = _at(b, y, j), N, n
        with b.if_else(b.icmp_signed("<", n, I64(t.lanes))) as (part, full):
            with part, _loop(b, M, R) as i:
                tile(0, i, *own)
            with full:
                _each_tile(b, t, whole, I64(0), M, R, own, room, functools.partial(tile, whole))
    b.ret_void()
    return function


def _pack_all(module, t):
    """The function that fills ``packed``.   y (K, N), packed, K, N."""
    pointer = t.scalar.as_pointer()
    function, b = _begin(module, t, "pack", [pointer, pointer, I64, I64])
    if b is None:
        return function
    y, packed, K, N = function.args
    for V in (3, 2):
        with _panels(b, t, N, V) as (j, n):
            b.call(_pack(module, t, V), [_at(b, y, j), N, n, K, _at(b, packed, (j, K))])
    b.ret_void()
    return function


# ----------------------------------------------------------------------------------------------- in numba


def _check(rows, *arrays):
    arrays = [t for t in arrays if t != types.none]
    kinds = {t.dtype for t in arrays}
    if len(kinds) > 1 or not kinds <= {types.float32, types.float64} or rows.dtype != types.int64:
        raise TypingError(f"wants arrays of one float type and int64 rows, got {(*arrays, rows)}")
    if any(t.layout != "C" for t in (*arrays, rows)):
        raise TypingError(f"wants C-contiguous arrays, got {arrays}")


def _taken(context, b, signature, args):
    """Pointers to the arrays' numbers, and their shapes."""
    arrays = [context.make_array(t)(context, b, x) for t, x in zip(signature.args, args) if t != types.none]
    return [x.data for x in arrays], [cgutils.unpack_tuple(b, x.shape) for x in arrays]


@intrinsic
def _product(typingctx, a, rows, W, Z, packed):
    _check(rows, a, W, packed, Z)

    def codegen(context, b, signature, args):
        (a, rows, w, z, *p), shapes = _taken(context, b, signature, args)
        null = ir.Constant(a.type, None)
        p = b.select(b.icmp_signed("==", shapes[4][0], I64(0)), null, p[0]) if p else null
        function = _sweep(context, b.module, _target(context, W.dtype), "product")
        b.call(function, [a, rows, w, p, z, shapes[1][0], *shapes[2]])
        return context.get_dummy_value()

    return types.void(a, rows, W, Z, packed), codegen


@intrinsic
def _outer(typingctx, a, rows, D, G):
    _check(rows, a, D, G)

    def codegen(context, b, signature, args):
        (a, rows, d, g), shapes = _taken(context, b, signature, args)
        function = _sweep(context, b.module, _target(context, D.dtype), "outer")
        b.call(function, [a, rows, d, ir.Constant(d.type, None), g, shapes[3][0], shapes[1][0], shapes[3][1]])
        return context.get_dummy_value()

    return types.void(a, rows, D, G), codegen


@intrinsic
def _scattered(typingctx, D, V, a, rows):
    _check(rows, D, V, a)

    def codegen(context, b, signature, args):
        (d, v, a, rows), shapes = _taken(context, b, signature, args)
        function = _scatter(context, b.module, _target(context, D.dtype))
        b.call(function, [d, rows, v, a, shapes[3][0], *shapes[1]])
        return context.get_dummy_value()

    return types.void(D, V, a, rows), codegen


@intrinsic
def _fill(typingctx, W, packed):
    def codegen(context, b, signature, args):
        (w, p), shapes = _taken(context, b, signature, args)
        b.call(_pack_all(b.module, _target(context, W.dtype)), [w, p, *shapes[0]])
        return context.get_dummy_value()

    return types.void(W, packed), codegen


@intrinsic
def _lanes(typingctx, array):
    """Numbers in a vector of this machine."""

    def codegen(context, builder, signature, args):
        return I64(_target(context, array.dtype).lanes)

    return types.int64(array), codegen


def _seen_as(context, b, old, kind, start, shape):
    """The array ``kind`` that sees an array's memory from number ``start`` on; not checked, and quick to compile."""
    new = context.make_array(kind)(context, b)
    for name in ("meminfo", "parent", "itemsize"):
        setattr(new, name, getattr(old, name))
    new.data = b.gep(old.data, [start])
    strides = [old.itemsize]
    for n in reversed(shape[1:]):
        strides.insert(0, b.mul(strides[0], n))
    new.nitems = functools.reduce(b.mul, shape)
    new.shape, new.strides = cgutils.pack_array(b, shape), cgutils.pack_array(b, strides)
    return impl_ret_borrowed(context, b, kind, new._getvalue())


@intrinsic
def flat(typingctx, A):
    """The memory of a C-contiguous array as a 1-D array.  (``reshape`` costs 0.06 s of compilation.)"""
    if A.layout != "C":
        raise TypingError(f"wants a C-contiguous array, got {A}")
    line = A.copy(ndim=1)

    def codegen(context, b, signature, args):
        old = context.make_array(A)(context, b, args[0])
        return _seen_as(context, b, old, line, I64(0), [old.nitems])

    return line(A), codegen


def _view(ndim):
    """Numbers of a 1-D array from ``start`` on, as an array of the shape that follows."""

    def typed(a, *sizes):
        if a.layout != "C" or a.ndim != 1 or len(sizes) != ndim + 1:
            raise TypingError(f"wants a contiguous array of one axis and integers, got {a, *sizes}")
        kind = a.copy(ndim=ndim)

        def codegen(context, b, signature, args):
            old = context.make_array(a)(context, b, args[0])
            return _seen_as(context, b, old, kind, args[1], args[2:])

        return kind(a, *[types.int64] * len(sizes)), codegen

    return typed


_line, _matrix = _view(1), _view(2)
line = intrinsic(lambda typingctx, a, start, n: _line(a, start, n))
matrix = intrinsic(lambda typingctx, a, start, M, N: _matrix(a, start, M, N))


@part
def add_product(a, rows, W, Z):
    """Z[i, n] += sum_k a[rows[i] + k] W[k, n].   a : 1-D.  rows : (M,).  W : (K, N).  Z : (M, N), in, out."""
    _product(a, rows, W, Z, None)


@part
def add_packed(a, rows, W, packed, Z):
    """The same with W, and W as ``pack`` leaves it."""
    _product(a, rows, W, Z, packed)


@part
def pack(W, M):
    """G weights W (G, K, N) as ``add_packed`` reads them, (G, L); L = 0 where M rows in all would not pay for it."""
    G, K, N = W.shape
    lanes = _lanes(W)
    worth = M >= 64 and K * N * W.itemsize > SMALL and lanes < N
    packed = np.empty((G, K * ((N + lanes - 1) // lanes * lanes) if worth else 0), W.dtype)
    for g in range(G if worth else 0):
        _fill(W[g], packed[g])
    return packed


@part
def _add_column(a, rows, d, g):
    """g[k] += sum_i a[rows[i] + k] d[i], of one column as most readouts have: vectors lie along k."""
    K, pairs = g.size, rows.size // 2
    for i in range(pairs):  # two terms at a time, to read and write g less often
        one, two = line(a, rows[2 * i], K), line(a, rows[2 * i + 1], K)
        for k in range(K):
            g[k] = fma(two[k], d[2 * i + 1], fma(one[k], d[2 * i], g[k]))
    for i in range(2 * pairs, rows.size):
        row = line(a, rows[i], K)
        for k in range(K):
            g[k] = fma(row[k], d[i], g[k])


@part
def add_outer(a, rows, D, G):
    """G[k, n] += sum_i a[rows[i] + k] D[i, n].   a : 1-D.  rows : (M,).  D : (M, N).  G : (K, N), in, out."""
    if G.shape[1] == 1:
        _add_column(a, rows, flat(D), flat(G))
    else:
        _outer(a, rows, D, G)


@part
def add_scattered(D, V, a, rows):
    """a[rows[i] + k] += sum_n D[i, n] V[n, k].   D : (M, N).  V : (N, K).  a : 1-D, in, out.  rows : (M,)."""
    _scattered(D, V, a, rows)


# ----------------------------------------------------------------------------------------------- plain Python

if config.DISABLE_JIT:

    def fma(a, b, c):
        return a * b + c

    def _gather(a, rows, K):
        return a[rows[:, None] + np.arange(K)]

    def add_product(a, rows, W, Z):
        Z += _gather(a, rows, W.shape[0]) @ W

    def add_packed(a, rows, W, packed, Z):
        add_product(a, rows, W, Z)

    def pack(W, M):
        return np.empty((len(W), 0), W.dtype)

    def add_outer(a, rows, D, G):
        G += _gather(a, rows, G.shape[0]).T @ D

    def add_scattered(D, V, a, rows):
        np.add.at(a, rows[:, None] + np.arange(V.shape[1]), D @ V)

    def flat(A):
        return A.reshape(-1)

    def line(a, start, n):
        return a[start : start + n]

    def matrix(a, start, M, N):
        return a[start : start + M * N].reshape(M, N)
