"""Arithmetic for kernels: fused multiply-add, tanh, sigmoid, and products of small matrices.  FROZEN.

    fma(a, b, c)                     a b + c, rounded once
    tanh(x), sigmoid(x)              within 3 ulp, straight-line: a plain loop over them becomes vector code
    flat(A)                          the memory of a C-contiguous array as a 1-D array
    add_product(a, rows, W, Z)       Z[i, n] += sum_k  a[rows[i] + k] W[k, n]
    add_outer(a, rows, D, G)         G[k, n] += sum_i  a[rows[i] + k] D[i, n]            the gradient of W
    add_scattered(D, V, a, rows)     a[rows[i] + k] += sum_n  D[i, n] V[n, k]            the gradient of a
    add_product_t(D, W, a, rows)     the same with V = W', which it transposes itself

The left operand ``a`` is 1-D and ``rows`` says where each of its rows starts, so the lag windows of a series
are read in place, overlapping as they do.  For use inside kernels.  All arrays are of one precision, float32
or float64, and C-contiguous; ``rows`` is int64.  Sizes are not checked: M = len(rows) = len(Z) = len(D).

The same bits everywhere.  Each element of Z and of G is one chain of ``fma`` in the order of the sum, started
from the value there.  What is added to ``a`` is such a chain started from 0; the additions are made in blocks
of 64 bytes of columns k, and within a block row after row.  Tiles, the processor's vectors, and cutting the
rows of Z into shards therefore do not show in a result.

Why frozen: numba keys its disk cache by the content of the file that *calls*.  An edit here would leave the
old machine code in the caches of users whose own kernels did not change.  To change the arithmetic, write
``_simd_v2.py`` and import that.

With ``NUMBA_DISABLE_JIT=1`` all of it is NumPy, equal up to rounding.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

from tsrnn._kernels.jit import OPTIONS, kernel


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


@kernel
def _exp32(y):
    """(p, 2**k) with exp(y) = 2**k (1 + p), float32, for -87.3 < y < 88."""
    t = fma(y, F32(1.4426950), F32(12582912.0))
    k = t - F32(12582912.0)
    r = fma(k, F32(1.9046542e-09), fma(k, F32(-0.6931472), y))
    s = r * r
    even = fma(fma(F32(0.0013933688), s, F32(0.041666463)), s, F32(0.5))
    odd = fma(fma(F32(0.00019899334), s, F32(0.008333298)), s, F32(0.16666667))
    return fma(s, fma(odd, r, even), r), _two_to(t)


@kernel
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


@overload(tanh, jit_options=OPTIONS)
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


@overload(sigmoid, jit_options=OPTIONS)
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


def _machine(context):
    """The processor compiled for: bytes of a vector, whether it has many registers, whether it masks loads.

    AVX-512 has 32 registers of 64 bytes, AVX 16 of 32, SSE 16 of 16, ARM 32 of 16.
    """
    triple, _, features = context.codegen().magic_tuple()
    features = features.split(",")
    size = 64 if "+avx512f" in features else 32 if "+avx" in features else 16
    return size, size == 64 or triple.startswith(("aarch64", "arm64")), size > 16


def _lanes_of(context, dtype):
    return _machine(context)[0] * 8 // dtype.bitwidth


def _rows_of(context, kind):
    """Rows of a tile: with 3 vectors of columns they fill the registers; a scatter tile has 8 sums in all."""
    size, many, _ = _machine(context)
    return size // 8 if kind == "scatter" else 8 if many else 4


def _constant(number):
    """An intrinsic ``f(array)`` that the compiler sees as a number."""

    @intrinsic
    def constant(typingctx, array):
        def codegen(context, builder, signature, args):
            return ir.Constant(ir.IntType(64), number(context, array.dtype))

        return types.int64(array), codegen

    return constant


_lanes = _constant(_lanes_of)
_tile_rows = _constant(lambda context, dtype: _rows_of(context, "product"))
_scatter_rows = _constant(lambda context, dtype: _rows_of(context, "scatter"))
_scatter_columns = _constant(lambda context, dtype: _SCATTER_BYTES * 8 // dtype.bitwidth)
_SCATTER_BYTES = (
    64  # columns of a scatter tile: the same on every machine, for it is part of the order of sums
)


def _tile_function(module, kind, R, V, dtype, scalar, lanes, can_mask):
    """The LLVM function of a tile of R rows by V vectors, see ``_tile``.  Emitted once a module, not inlined.

    The sums stay in registers while s runs.  Rows beyond the last one are the last one again: they read,
    compute and store the same bits, which costs no branch and no further tile shape.  So do columns beyond
    the last where the processor cannot mask a load.
    """
    bits = dtype.bitwidth
    name = f"tsrnn_simd_v1_{kind}_{R}x{V}x{lanes}_f{bits}"
    if name in module.globals:
        return module.globals[name]
    i64, i32 = ir.IntType(64), ir.IntType(32)
    vector, mask_type, columns = (ir.VectorType(t, lanes) for t in (scalar, ir.IntType(1), i32))
    pointer, size = scalar.as_pointer(), bits // 8
    # a, rows, y, z; last: index of the last row; ld: columns of y and z; n: columns of the tile; s0 <= s < s1
    arguments = [pointer, i64.as_pointer(), pointer, pointer, i64, i64, i64, i64, i64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind", "optsize"):  # optsize: no unrolling, half the time to compile
        function.attributes.add(attribute)
    a, rows, y, z, last, ld, n, s0, s1 = function.args
    before, loop, done = (function.append_basic_block(b) for b in ("before", "loop", "done"))
    b = ir.IRBuilder(before)

    def llvm(name, result, *arguments):
        name = f"llvm.{name}.v{lanes}f{bits}" + (".p0" if "masked" in name else "")
        return cgutils.get_or_insert_function(module, ir.FunctionType(result, arguments), name)

    fma = llvm("fma", vector, vector, vector, vector)
    first_lane = ir.Constant(columns, [0] * lanes)

    def spread(x, to):
        undefined = ir.Constant(to, ir.Undefined)
        return b.shuffle_vector(b.insert_element(undefined, x, i32(0)), undefined, first_lane)

    # Only the last vector of a row can be cut, but any of a scatter tile, whose width is fixed.
    cut = range(V) if kind == "scatter" else [V - 1]
    if can_mask:
        n_spread = spread(b.trunc(n, i32), columns)
        mask = {
            v: b.icmp_signed("<", ir.Constant(columns, list(range(v * lanes, (v + 1) * lanes))), n_spread)
            for v in cut
        }
        masked_load = llvm("masked.load", vector, vector.as_pointer(), i32, mask_type, vector)
        masked_store = llvm("masked.store", ir.VoidType(), vector, vector.as_pointer(), i32, mask_type)
    else:
        n_last = b.sub(n, i64(1))
        places = [i64(c) for c in range(V * lanes)]
        places = [b.select(b.icmp_signed("<", c, n_last), c, n_last) for c in places]

    def load(base, v):
        at = b.bitcast(b.gep(base, [i64(v * lanes)]), vector.as_pointer())
        if v not in cut:
            return b.load(at, align=size)
        if can_mask:
            return b.call(masked_load, [at, i32(size), mask[v], ir.Constant(vector, None)])
        value = ir.Constant(vector, ir.Undefined)
        for lane in range(lanes):
            value = b.insert_element(value, b.load(b.gep(base, [places[v * lanes + lane]])), i32(lane))
        return value

    def store(value, base, v):
        at = b.bitcast(b.gep(base, [i64(v * lanes)]), vector.as_pointer())
        if v not in cut:
            b.store(value, at, align=size)
        elif can_mask:
            b.call(masked_store, [value, at, i32(size), mask[v]])
        else:
            for lane in range(lanes):
                b.store(b.extract_element(value, i32(lane)), b.gep(base, [places[v * lanes + lane]]))

    row = [b.select(b.icmp_signed("<", i64(r), last), i64(r), last) for r in range(R)]
    if kind == "product":
        a_row, z_row = [b.load(b.gep(rows, [r])) for r in row], [b.mul(r, ld) for r in row]
    elif kind == "outer":
        a_row, z_row = row, [b.mul(r, ld) for r in row]
    else:
        a_row, z_row = [b.mul(r, s1) for r in row], [b.load(b.gep(rows, [r])) for r in row]
    a_row, z_row = [b.gep(a, [r]) for r in a_row], [b.gep(z, [r]) for r in z_row]
    zero = ir.Constant(vector, None)
    start = [zero if kind == "scatter" else load(z_row[r], v) for r in range(R) for v in range(V)]
    y_start = b.gep(y, [b.mul(s0, ld)])
    b.cbranch(b.icmp_signed("<", s0, s1), loop, done)

    b.position_at_end(loop)
    s, y_s = b.phi(i64), b.phi(pointer)
    s.add_incoming(s0, before)
    y_s.add_incoming(y_start, before)
    total = [b.phi(vector) for _ in start]
    for phi, value in zip(total, start):
        phi.add_incoming(value, before)
    y_vector = [load(y_s, v) for v in range(V)]
    at = b.load(b.gep(rows, [s])) if kind == "outer" else s
    new = []
    for r in range(R):
        x = spread(b.load(b.gep(a_row[r], [at])), vector)
        new += [b.call(fma, [x, y_vector[v], total[r * V + v]]) for v in range(V)]
    s_next, y_next = b.add(s, i64(1)), b.gep(y_s, [ld])
    s.add_incoming(s_next, loop)
    y_s.add_incoming(y_next, loop)
    for phi, value in zip(total, new):
        phi.add_incoming(value, loop)
    b.cbranch(b.icmp_signed("<", s_next, s1), loop, done)

    b.position_at_end(done)
    end = [b.phi(vector) for _ in start]
    for phi, first, value in zip(end, start, new):
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)
    for r in range(R):
        if kind == "scatter":  # rows may overlap: one is stored before the next is read
            sums = [b.fadd(load(z_row[r], v), end[r * V + v]) for v in range(V)]
        else:
            sums = end[r * V : (r + 1) * V]
        for v in range(V):
            store(sums[v], z_row[r], v)
        if kind == "scatter" and r < R - 1:
            more, out = function.append_basic_block("more"), function.append_basic_block("out")
            b.cbranch(b.icmp_signed("<", i64(r), last), more, out)
            b.position_at_end(out)
            b.ret_void()
            b.position_at_end(more)
    b.ret_void()
    return function


def _tile(kind, V, one_row=False):
    """An intrinsic that adds the terms s0 <= s < s1 to a few rows by V vectors of Z, from row i and column j.

    product:  Z[i + r, j + c]        += sum_s  a[rows[i + r] + s] Y[s, j + c]
    outer:    Z[i + r, j + c]        += sum_s  a[rows[s] + i + r] Y[s, j + c]
    scatter:  Z[rows[i + r] + j + c] += sum_s  a[i + r, s] Y[s, j + c],  summed from 0, then added row by row

    0 <= r < rows of a tile, less where Z ends.  0 <= c < n; n fills the V vectors but for part of the last,
    and is any number up to 64 bytes for scatter, whose V is not asked.
    """

    @intrinsic
    def tile(typingctx, a, rows, Y, Z, i, j, n, s0, s1):
        arrays = (a, rows, Y, Z)
        if not (a.dtype == Y.dtype == Z.dtype in (types.float32, types.float64)) or rows.dtype != types.int64:
            raise TypingError(f"wants arrays of one float type and int64 rows, got {arrays}")
        if any(t.layout != "C" for t in arrays):
            raise TypingError(f"wants C-contiguous arrays, got {arrays}")

        def codegen(context, builder, signature, args):
            lanes = _lanes_of(context, a.dtype)
            R = 1 if one_row else _rows_of(context, kind)
            vectors = _SCATTER_BYTES * 8 // a.dtype.bitwidth // lanes if kind == "scatter" else V
            function = _tile_function(
                builder.module, kind, R, vectors, a.dtype, context.get_data_type(a.dtype), lanes,
                _machine(context)[2],
            )  # fmt: skip
            a_, rows_, y_, z_ = (context.make_array(t)(context, builder, x) for t, x in zip(arrays, args))
            i_, j_, n_, s0_, s1_ = args[4:]
            ld = cgutils.unpack_tuple(builder, y_.shape)[1]
            height = cgutils.unpack_tuple(builder, z_.shape)[0] if kind == "outer" else rows_.nitems
            last = builder.sub(builder.sub(height, i_), ir.IntType(64)(1))
            z_row = j_ if kind == "scatter" else builder.add(builder.mul(i_, ld), j_)
            a_row = {"product": ir.IntType(64)(0), "outer": i_, "scatter": builder.mul(i_, s1_)}[kind]
            builder.call(
                function,
                [
                    builder.gep(a_.data, [a_row]),
                    rows_.data if kind == "outer" else builder.gep(rows_.data, [i_]),
                    builder.gep(y_.data, [j_]),
                    builder.gep(z_.data, [z_row]),
                    last, ld, n_, s0_, s1_,
                ],
            )  # fmt: skip
            return context.get_dummy_value()

        whole = types.int64
        return types.void(a, rows, Y, Z, whole, whole, whole, whole, whole), codegen

    return tile


_product_1, _product_2, _product_3 = (_tile("product", v) for v in (1, 2, 3))
_row_1, _row_2, _row_4 = (_tile("product", v, one_row=True) for v in (1, 2, 4))
_outer_1, _outer_2, _outer_3 = (_tile("outer", v) for v in (1, 2, 3))
_scatter = _tile("scatter", None)


@intrinsic
def flat(typingctx, A):
    """The memory of a C-contiguous array as a 1-D array.  (``reshape`` costs 0.06 s of compilation.)"""
    if A.layout != "C":
        raise TypingError(f"wants a C-contiguous array, got {A}")
    line = A.copy(ndim=1)

    def codegen(context, builder, signature, args):
        old = context.make_array(A)(context, builder, args[0])
        new = context.make_array(line)(context, builder)
        for part in ("meminfo", "parent", "nitems", "itemsize", "data"):
            setattr(new, part, getattr(old, part))
        new.shape = cgutils.pack_array(builder, [old.nitems])
        new.strides = cgutils.pack_array(builder, [old.itemsize])
        return impl_ret_borrowed(context, builder, line, new._getvalue())

    return line(A), codegen


@kernel
def add_product(a, rows, W, Z):
    """Z[i, n] += sum_k a[rows[i] + k] W[k, n].   a : 1-D.  rows : (M,).  W : (K, N).  Z : (M, N), in, out."""
    M, K, N = rows.size, W.shape[0], W.shape[1]
    lanes, R = _lanes(W), _tile_rows(W)
    full = M if M % R != 1 else M - 1
    j = 0
    while j < N:
        v = (N - j + lanes - 1) // lanes
        v = 2 if v == 4 else min(v, 3)
        n = min(N - j, v * lanes)
        for i in range(0, full, R):
            if v == 3:
                _product_3(a, rows, W, Z, i, j, n, 0, K)
            elif v == 2:
                _product_2(a, rows, W, Z, i, j, n, 0, K)
            else:
                _product_1(a, rows, W, Z, i, j, n, 0, K)
        j += n
    if full == M:
        return
    j = 0
    while j < N:  # one row is bound by the latency of its chain, not by the number of sums
        n = min(N - j, 4 * lanes)
        if n > 3 * lanes:
            _row_4(a, rows, W, Z, full, j, n, 0, K)
        elif n > lanes:
            n = min(n, 2 * lanes)
            _row_2(a, rows, W, Z, full, j, n, 0, K)
        else:
            _row_1(a, rows, W, Z, full, j, n, 0, K)
        j += n


@kernel
def add_outer(a, rows, D, G):
    """G[k, n] += sum_i a[rows[i] + k] D[i, n].   a : 1-D.  rows : (M,).  D : (M, N).  G : (K, N), in, out."""
    M, K, N = rows.size, G.shape[0], G.shape[1]
    lanes, R = _lanes(D), _tile_rows(D)
    block = 64
    for s in range(0, M, block):  # so much of D as stays in the first cache while k runs
        end = min(s + block, M)
        j = 0
        while j < N:
            v = (N - j + lanes - 1) // lanes
            v = 2 if v == 4 else min(v, 3)
            n = min(N - j, v * lanes)
            for k in range(0, K, R):
                if v == 3:
                    _outer_3(a, rows, D, G, k, j, n, s, end)
                elif v == 2:
                    _outer_2(a, rows, D, G, k, j, n, s, end)
                else:
                    _outer_1(a, rows, D, G, k, j, n, s, end)
            j += n


@kernel
def add_scattered(D, V, a, rows):
    """a[rows[i] + k] += sum_n D[i, n] V[n, k].   D : (M, N).  V : (N, K).  a : 1-D, in, out.  rows : (M,)."""
    M, N, K = rows.size, V.shape[0], V.shape[1]
    R, C = _scatter_rows(V), _scatter_columns(V)
    for k in range(0, K, C):
        for i in range(0, M, R):
            _scatter(D, rows, V, a, i, k, min(C, K - k), 0, N)


@kernel
def add_product_t(D, W, a, rows):
    """a[rows[i] + k] += sum_n D[i, n] W[k, n].   D : (M, N).  W : (K, N).  a : 1-D, in, out.  rows : (M,).

    Where W serves many calls, transpose it once and use ``add_scattered``.
    """
    K, N = W.shape
    V = np.empty((N, K), W.dtype)
    for first in range(0, K, 8):  # 8 columns at a time, for the cache's sake
        for n in range(N):
            for k in range(first, min(first + 8, K)):
                V[n, k] = W[k, n]
    add_scattered(D, V, a, rows)


# ----------------------------------------------------------------------------------------------- plain Python

if config.DISABLE_JIT:

    def fma(a, b, c):
        return a * b + c

    def _gather(a, rows, K):
        return a[rows[:, None] + np.arange(K)]

    def add_product(a, rows, W, Z):
        Z += _gather(a, rows, W.shape[0]) @ W

    def add_outer(a, rows, D, G):
        G += _gather(a, rows, G.shape[0]).T @ D

    def add_scattered(D, V, a, rows):
        np.add.at(a, rows[:, None] + np.arange(V.shape[1]), D @ V)

    def flat(A):
        return A.reshape(-1)

    def add_product_t(D, W, a, rows):
        add_scattered(D, W.T, a, rows)
