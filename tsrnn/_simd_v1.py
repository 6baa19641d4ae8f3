"""Arithmetic for kernels: fused multiply-add, tanh, sigmoid, and products of small matrices.  FROZEN.

    fma(a, b, c)                     a b + c, rounded once
    tanh(x), sigmoid(x)              within 3 ulp, straight-line: a plain loop over them becomes vector code
    add_product(a, rows, W, Z)       Z[i, n] += sum_k  a[rows[i] + k] W[k, n]
    add_outer(a, rows, D, G)         G[k, n] += sum_i  a[rows[i] + k] D[i, n]            the gradient of W
    add_scattered(D, V, a, rows)     a[rows[i] + k] += sum_n  D[i, n] V[n, k]            the gradient of a
    add_product_t(D, W, a, rows)     the same with V = W', which it transposes itself

The left operand ``a`` is a flat array and ``rows`` says where each of its rows starts, so the lag windows of a
series are read in place, overlapping as they do.  Inside kernels only; all arrays of one precision, float32 or
float64, C-contiguous, ``rows`` int64.  Nothing is checked: Z has a row for each entry of ``rows``.

The same bits everywhere: each element of a product is one chain of ``fma`` in the order of the sum, which starts from
the value there (``add_scattered``: from 0, then added, row after row).  Tiles, vector lengths and the processor
therefore do not show in a result, nor does cutting the rows of Z into shards.

Why frozen: numba keys its disk cache by the content of the file that *calls*.  An edit here would leave the old machine
code in the cache of every user whose own kernels did not change.  To change the arithmetic, write ``_simd_v2.py`` and
import that.

With ``NUMBA_DISABLE_JIT=1`` all of it is NumPy, equal up to rounding.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

from tsrnn._jit import OPTIONS, kernel


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

    The low bits of t hold k.  (A conversion between float64 and int64 is a vector instruction only in AVX-512DQ.)
    """

    def codegen(context, builder, signature, args):
        bits, mantissa, bias = (32, 23, 127) if t.bitwidth == 32 else (64, 52, 1023)
        whole = ir.IntType(bits)
        k = builder.add(builder.bitcast(args[0], whole), whole(bias))
        return builder.bitcast(builder.shl(k, whole(mantissa)), args[0].type)

    return t(t), codegen


# exp(y) = 2**k (1 + p),  k = round(y / ln 2),  r = y - k ln 2,  p = exp(r) - 1 = r + r**2 q(r),  |r| <= ln(2) / 2.
# q is the Chebyshev interpolant of (exp(r) - 1 - r) / r**2; its even and odd powers run side by side.
# p, and not exp(r), is what keeps tanh exact to the last digits near 0.


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
    """tanh(x) = e / (e + 2), e = exp(2 |x|) - 1, with the sign of x."""
    return np.tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x)); 0 where that is below the smallest normal number."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, x.dtype.type(1) if hasattr(x, "dtype") else 1.0)[()] / (1 + e)


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


def _machine(context, dtype):
    """Lanes of one vector, and how many of them a row of a tile holds, on the processor compiled for.

    AVX-512: 32 registers of 64 bytes.  AVX: 16 of 32.  Others: 16 bytes, of which ARM has 32 and SSE 16.
    """
    triple, _, features = context.codegen().magic_tuple()
    features = features.split(",")
    size = 64 if "+avx512f" in features else 32 if "+avx" in features else 16
    few = size != 64 and triple.startswith(("x86", "i"))
    return size * 8 // dtype.bitwidth, 2 if few else 4


def _machine_constant(which):
    @intrinsic
    def constant(typingctx, array):
        def codegen(context, builder, signature, args):
            return ir.Constant(ir.IntType(64), _machine(context, array.dtype)[which])

        return types.int64(array), codegen

    return constant


_lanes, _widest = _machine_constant(0), _machine_constant(1)


def _tile_function(module, outer, R, V, lanes, scalar, bits):
    """The LLVM function of a tile of R rows by V vectors; see ``_tile``.  Emitted once a module, never inlined.

    The tile stays in registers while s runs.  Rows beyond the last are the last one again: they read,
    compute and store the same bits, which costs no branch and needs no further tile shape.
    """
    name = f"tsrnn_simd_v1_{'outer' if outer else 'product'}_{R}x{V}x{lanes}_f{bits}"
    if name in module.globals:
        return module.globals[name]
    i64, i32, i1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)
    vector, mask_type = ir.VectorType(scalar, lanes), ir.VectorType(i1, lanes)
    pointer, size = scalar.as_pointer(), bits // 8
    # a, rows, y, z; last: index of the last row; ld: columns of y and z; m: columns in the last vector; [s0, s1)
    signature = [pointer, i64.as_pointer(), pointer, pointer, i64, i64, i64, i64, i64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), signature), name)
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    a, rows, y, z, last, ld, m, s0, s1 = function.args
    before, loop, done = (function.append_basic_block(b) for b in ("before", "loop", "done"))
    b = ir.IRBuilder(before)

    fma = cgutils.get_or_insert_function(
        module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{bits}"
    )
    masked = f"v{lanes}f{bits}.p0"
    masked_load = cgutils.get_or_insert_function(
        module,
        ir.FunctionType(vector, [vector.as_pointer(), i32, mask_type, vector]),
        f"llvm.masked.load.{masked}",
    )
    masked_store = cgutils.get_or_insert_function(
        module,
        ir.FunctionType(ir.VoidType(), [vector, vector.as_pointer(), i32, mask_type]),
        f"llvm.masked.store.{masked}",
    )
    undefined = ir.Constant(vector, ir.Undefined)
    first_lane = ir.Constant(ir.VectorType(i32, lanes), [0] * lanes)

    def spread(x, kind):
        one = b.insert_element(ir.Constant(kind, ir.Undefined), x, i32(0))
        return b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), first_lane)

    def load(base, v):
        at = b.bitcast(b.gep(base, [i64(v * lanes)]), vector.as_pointer())
        if v < V - 1:
            return b.load(at, align=size)
        return b.call(masked_load, [at, i32(size), mask, ir.Constant(vector, None)])

    def store(value, base, v):
        at = b.bitcast(b.gep(base, [i64(v * lanes)]), vector.as_pointer())
        if v < V - 1:
            b.store(value, at, align=size)
        else:
            b.call(masked_store, [value, at, i32(size), mask])

    columns = ir.VectorType(i32, lanes)
    mask = b.icmp_signed("<", ir.Constant(columns, list(range(lanes))), spread(b.trunc(m, i32), columns))
    row = [b.select(b.icmp_signed("<", i64(r), last), i64(r), last) for r in range(R)]
    z_row = [b.gep(z, [b.mul(r, ld)]) for r in row]
    a_row = [b.gep(a, [r if outer else b.load(b.gep(rows, [r]))]) for r in row]
    start = [load(z_row[r], v) for r in range(R) for v in range(V)]
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
    at = b.load(b.gep(rows, [s])) if outer else s
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
    end = []
    for first, value in zip(start, new):
        phi = b.phi(vector)
        phi.add_incoming(first, before)
        phi.add_incoming(value, loop)
        end.append(phi)
    for r in range(R):
        for v in range(V):
            store(end[r * V + v], z_row[r], v)
    b.ret_void()
    return function


def _tile(outer, R, V):
    """An intrinsic that adds to R rows by V vectors of Z, from row i and column j, the terms s0 <= s < s1.

    product:  Z[i + r, j + n] += sum_s  a[rows[i + r] + s] Y[s, j + n]
    outer:    Z[i + r, j + n] += sum_s  a[rows[s] + i + r] Y[s, j + n]

    The last vector holds m columns, 1 <= m <= lanes.  Rows beyond the end of Z are left out.
    """

    @intrinsic
    def tile(typingctx, a, rows, Y, Z, i, j, m, s0, s1):
        arrays = (a, rows, Y, Z)
        if [t.ndim for t in arrays] != [1, 1, 2, 2] or any(t.layout != "C" for t in arrays):
            raise TypingError(f"wants C-contiguous arrays of 1, 1, 2, 2 dimensions, got {arrays}")
        if not (a.dtype == Y.dtype == Z.dtype in (types.float32, types.float64)) or rows.dtype != types.int64:
            raise TypingError(f"wants arrays of one float type and int64 rows, got {arrays}")

        def codegen(context, builder, signature, args):
            lanes, _ = _machine(context, a.dtype)
            function = _tile_function(
                builder.module, outer, R, V, lanes, context.get_data_type(a.dtype), a.dtype.bitwidth
            )
            a_, rows_, y_, z_ = (context.make_array(t)(context, builder, x) for t, x in zip(arrays, args))
            i_, j_, m_, s0_, s1_ = args[4:]
            height, ld = cgutils.unpack_tuple(builder, z_.shape)
            last = builder.sub(builder.sub(height, i_), ir.IntType(64)(1))
            builder.call(
                function,
                [
                    builder.gep(a_.data, [i_]) if outer else a_.data,
                    rows_.data if outer else builder.gep(rows_.data, [i_]),
                    builder.gep(y_.data, [j_]),
                    builder.gep(z_.data, [builder.add(builder.mul(i_, ld), j_)]),
                    last, ld, m_, s0_, s1_,
                ],
            )  # fmt: skip
            return context.get_dummy_value()

        whole = types.int64
        return types.void(a, rows, Y, Z, whole, whole, whole, whole, whole), codegen

    return tile


_product_6x1, _product_6x2, _product_6x3, _product_6x4 = (_tile(False, 6, v) for v in (1, 2, 3, 4))
_product_1x1, _product_1x2, _product_1x3, _product_1x4 = (_tile(False, 1, v) for v in (1, 2, 3, 4))
_outer_6x1, _outer_6x2, _outer_6x3, _outer_6x4 = (_tile(True, 6, v) for v in (1, 2, 3, 4))


@kernel
def _panel(columns, lanes, widest):
    """How many vectors the next panel of columns is wide: the widest, or the rest in two even halves."""
    v = (columns + lanes - 1) // lanes
    if v >= 2 * widest:
        return widest
    return v if v <= widest else (v + 1) // 2


@kernel
def add_product(a, rows, W, Z):
    """Z[i, :] += sum_k a[rows[i] + k] W[k, :].   a : flat.  rows : (M,).  W : (K, N).  Z : (M, N), in and out."""
    M, K, N = rows.size, W.shape[0], W.shape[1]
    lanes, widest = _lanes(W), _widest(W)
    j = 0
    while j < N:
        v = _panel(N - j, lanes, widest)
        m = min(N - j - (v - 1) * lanes, lanes)
        i = 0
        while i < M:
            if i == M - 1:
                if v == 4:
                    _product_1x4(a, rows, W, Z, i, j, m, 0, K)
                elif v == 3:
                    _product_1x3(a, rows, W, Z, i, j, m, 0, K)
                elif v == 2:
                    _product_1x2(a, rows, W, Z, i, j, m, 0, K)
                else:
                    _product_1x1(a, rows, W, Z, i, j, m, 0, K)
            elif v == 4:
                _product_6x4(a, rows, W, Z, i, j, m, 0, K)
            elif v == 3:
                _product_6x3(a, rows, W, Z, i, j, m, 0, K)
            elif v == 2:
                _product_6x2(a, rows, W, Z, i, j, m, 0, K)
            else:
                _product_6x1(a, rows, W, Z, i, j, m, 0, K)
            i += 6
        j += v * lanes


@kernel
def add_outer(a, rows, D, G):
    """G[k, :] += sum_i a[rows[i] + k] D[i, :].   a : flat.  rows : (M,).  D : (M, N).  G : (K, N), in and out."""
    M, K, N = rows.size, G.shape[0], G.shape[1]
    lanes, widest = _lanes(D), _widest(D)
    block = 64
    for s in range(0, M, block):  # so much of D as stays in the first cache while k runs
        end = min(s + block, M)
        j = 0
        while j < N:
            v = _panel(N - j, lanes, widest)
            m = min(N - j - (v - 1) * lanes, lanes)
            for k in range(0, K, 6):
                if v == 4:
                    _outer_6x4(a, rows, D, G, k, j, m, s, end)
                elif v == 3:
                    _outer_6x3(a, rows, D, G, k, j, m, s, end)
                elif v == 2:
                    _outer_6x2(a, rows, D, G, k, j, m, s, end)
                else:
                    _outer_6x1(a, rows, D, G, k, j, m, s, end)
            j += v * lanes


@kernel
def add_scattered(D, V, a, rows):
    """a[rows[i] + k] += sum_n D[i, n] V[n, k].   D : (M, N).  V : (N, K).  a : flat, in and out.  rows : (M,)."""
    M, N, K = rows.size, V.shape[0], V.shape[1]
    block = 24
    P = np.empty((block, K), V.dtype)
    start = np.empty(block, np.int64)
    flat = D.reshape(D.size)
    for i in range(0, M, block):
        B = min(block, M - i)
        for r in range(B):
            start[r] = (i + r) * N
            for k in range(K):
                P[r, k] = 0
        add_product(flat, start[:B], V, P[:B])
        for r in range(B):
            at = rows[i + r]
            for k in range(K):
                a[at + k] += P[r, k]


@kernel
def add_product_t(D, W, a, rows):
    """a[rows[i] + k] += sum_n D[i, n] W[k, n].   D : (M, N).  W : (K, N).  a : flat, in and out.  rows : (M,).

    Where W serves many calls, transpose it once and use ``add_scattered``.
    """
    K, N = W.shape
    V = np.empty((N, K), W.dtype)
    for k in range(K):
        for n in range(N):
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

    def add_product_t(D, W, a, rows):
        add_scattered(D, W.T, a, rows)
