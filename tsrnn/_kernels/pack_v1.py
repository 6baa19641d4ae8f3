"""Weights laid out for many products, for kernels.  FROZEN, for the reason that ``simd_v3.py`` gives.

``simd_v3.pack`` makes its memory by ``np.empty``, which numba compiles by itself: 0.1 s of a first fit.  Here the
whole is one piece of code that is written down, neither read nor typed.
"""

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_new_ref
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from tsrnn._kernels.simd_v3 import I64, SMALL, _at, _loop, _pack_all, _target
from tsrnn._kernels.simd_v3 import pack as _pack


ALIGNED = 64  # bytes, a line of a cache
FEW = 64  # rows, below which it does not pay


def _worth(b, t, M, K, N):
    """Whether M rows in all pay for it."""
    large = b.icmp_signed(">", b.mul(b.mul(K, N), I64(t.bits // 8)), I64(SMALL))
    many, wide = b.icmp_signed(">=", M, I64(FEW)), b.icmp_signed(">", N, I64(t.lanes))
    return b.and_(b.and_(many, wide), large)


def _padded(b, t, K, N):
    """Return how many numbers K rows of N take if each fills whole vectors."""
    vectors = b.sdiv(b.add(N, I64(t.lanes - 1)), I64(t.lanes))
    return b.mul(K, b.mul(vectors, I64(t.lanes)))


@intrinsic
def pack(typingctx, W, M):
    """G weights W (G, K, N) as ``add_packed`` reads them, (G, L); L = 0 where M rows in all would not pay for it."""
    if W.layout != "C" or W.ndim != 3 or W.dtype not in (types.float32, types.float64):
        raise TypingError(f"wants a C-contiguous array (G, K, N) of floats, got {W}")
    kind = types.Array(W.dtype, 2, "C")

    def codegen(context, b, signature, args):
        weights, t, size = (
            context.make_array(W)(context, b, args[0]),
            _target(context, W.dtype),
            W.dtype.bitwidth // 8,
        )
        G, K, N = cgutils.unpack_tuple(b, weights.shape)
        length = cgutils.alloca_once_value(b, I64(0))
        info = cgutils.alloca_once_value(b, ir.Constant(cgutils.voidptr_t, None))
        data = cgutils.alloca_once_value(b, ir.Constant(weights.data.type, None))
        with b.if_then(_worth(b, t, args[1], K, N)):
            L = _padded(b, t, K, N)
            room = context.nrt.meminfo_alloc_aligned(b, b.mul(b.mul(G, L), I64(size)), ALIGNED)
            with b.if_then(cgutils.is_not_null(b, room)):  # without memory nothing is packed
                packed = b.bitcast(context.nrt.meminfo_data(b, room), weights.data.type)
                for place, value in ((length, L), (info, room), (data, packed)):
                    b.store(value, place)
                with _loop(b, G, 1) as g:
                    own = _at(b, weights.data, (g, b.mul(K, N)))
                    b.call(_pack_all(b.module, t), [own, _at(b, packed, (g, L)), K, N])
        L = b.load(length)
        new = context.make_array(kind)(context, b)
        shape, strides = [G, L], [b.mul(L, I64(size)), I64(size)]
        populate_array(new, b.load(data), shape, strides, I64(size), b.load(info))
        return impl_ret_new_ref(context, b, kind, new._getvalue())

    return kind(W, types.int64), codegen


if config.DISABLE_JIT:
    pack = _pack
