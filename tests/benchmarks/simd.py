"""Speed of the arithmetic in ``tsrnn._simd_v1``: products, functions, and the time it takes to compile them.

    python tests/benchmarks/simd.py

Times are the least of many repeats.  NumPy runs on one thread where threadpoolctl is installed.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from tsrnn._kernels import simd_v1 as _simd_v1
from tsrnn._kernels.simd_v1 import add_outer, add_product, add_product_t, add_scattered, sigmoid, tanh


try:
    from threadpoolctl import threadpool_limits
except ImportError:
    threadpool_limits = None

jit = njit(error_model="numpy")


def least(f, n, *args, repeats=20):
    """Seconds of one of n rounds of ``f(n, *args)``, the least of the repeats."""
    f(n, *args)
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        f(n, *args)
        best = min(best, (time.perf_counter() - start) / n)
    return best


@intrinsic
def _twelve_chains(typingctx, n, x):
    """n rounds of 12 independent vector fma: more than any core's two pipes can delay."""

    def codegen(context, builder, signature, args):
        lanes = _simd_v1._lanes_of(context, x)
        vector, i64, i32 = ir.VectorType(args[1].type, lanes), ir.IntType(64), ir.IntType(32)
        name = f"llvm.fma.v{lanes}f{x.bitwidth}"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
        undefined = ir.Constant(vector, ir.Undefined)
        first = ir.Constant(ir.VectorType(i32, lanes), [0] * lanes)
        one = builder.shuffle_vector(builder.insert_element(undefined, args[1], i32(0)), undefined, first)
        before, loop, done = builder.block, builder.append_basic_block(), builder.append_basic_block()
        starts = [builder.fmul(one, ir.Constant(vector, [c + 1.0] * lanes)) for c in range(12)]
        builder.branch(loop)
        builder.position_at_end(loop)
        k, sums = builder.phi(i64), [builder.phi(vector) for _ in starts]
        new = [builder.call(fma, [s, one, one]) for s in sums]
        k_next = builder.add(k, i64(1))
        for phi, start, value in zip([k, *sums], [i64(0), *starts], [k_next, *new]):
            phi.add_incoming(start, before)
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, args[0]), loop, done)
        builder.position_at_end(done)
        total = new[0]
        for value in new[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, i32(0))

    return x(types.int64, x), codegen


@jit
def chains(n, x):
    return _twelve_chains(n, x)


@jit
def lanes_of(array):
    return _simd_v1._lanes(array)


def peak(dtype):
    """GFLOP/s of fma on registers alone."""
    seconds = least(chains, 100_000, dtype(0.5))
    return 12 * lanes_of(np.zeros(1, dtype)) * 2 / seconds / 1e9


@jit
def products(n, a, rows, W, Z):
    for _ in range(n):
        add_product(a, rows, W, Z)


@jit
def outers(n, a, rows, D, G):
    for _ in range(n):
        add_outer(a, rows, D, G)


@jit
def scattered(n, D, V, a, rows):
    for _ in range(n):
        add_scattered(D, V, a, rows)


@jit
def products_t(n, D, W, a, rows):
    for _ in range(n):
        add_product_t(D, W, a, rows)


def dots(n, A, W, Z):
    for _ in range(n):
        np.dot(A, W, out=Z)


SHAPES = [(32, 16, 64), (32, 32, 128), (32, 64, 256), (32, 128, 512), (32, 256, 1024)]  # a step of an LSTM
SHAPES += [(1, 10, 1), (1, 20, 10), (1, 16, 64), (1, 64, 256)]  # a closed loop, one sequence
SHAPES += [(5000, 20, 10), (5000, 10, 1), (5000, 168, 16), (1000, 24, 40), (500, 8, 3)]  # lag windows


def bench_products(dtype):
    top = peak(dtype)
    print(f"\n{dtype.__name__}: peak of fma {top:.0f} GFLOP/s.  GFLOP/s (and ns a call):")
    names = ("add_product", "np.dot", "add_outer", "add_scattered", "add_product_t")
    print(f"{'M x K x N':>16}" + "".join(f"{name:>20}" for name in names))
    rng = np.random.default_rng(0)
    for M, K, N in SHAPES:
        stride = K if M <= 32 else 1  # sequences of a batch, or windows of a series
        rows = np.arange(M) * stride
        a = rng.normal(size=M * stride + K).astype(dtype) * dtype(1e-3)
        W = rng.normal(size=(K, N)).astype(dtype) * dtype(1e-3)
        A, V = a[rows[:, None] + np.arange(K)], np.ascontiguousarray(W.T)
        Z, G = np.zeros((M, N), dtype), np.zeros((K, N), dtype)
        n = max(1, 1_000_000 // (M * K * N))
        line = f"{f'{M} x {K} x {N}':>16}"
        for f, args in [
            (products, (a, rows, W, Z)),
            (dots, (A, W, Z.copy())),
            (outers, (a, rows, Z, G)),
            (scattered, (Z * 0, V, a, rows)),
            (products_t, (Z * 0, W, a, rows)),
        ]:
            seconds = least(f, n, *args)
            line += f"{2e-9 * M * K * N / seconds:>9.1f} ({seconds * 1e9:>8.0f})"
        print(line)


@jit
def map_tanh(n, x, y):
    for _ in range(n):
        for i in range(len(x)):
            y[i] = tanh(x[i])


@jit
def map_sigmoid(n, x, y):
    for _ in range(n):
        for i in range(len(x)):
            y[i] = sigmoid(x[i])


def numpy_tanh(n, x, y):
    for _ in range(n):
        np.tanh(x, out=y)


def bench_functions(dtype):
    print(f"\n{dtype.__name__}, ns an element:        tanh   sigmoid   np.tanh")
    for size in (16, 64, 4096):
        x = np.random.default_rng(0).normal(size=size).astype(dtype)
        y = np.empty_like(x)
        n = 40_000 // size
        times = [least(f, n, x, y) / size * 1e9 for f in (map_tanh, map_sigmoid, numpy_tanh)]
        print(f"{size:>16} elements" + "".join(f"{t:>10.2f}" for t in times))


COLD = """
import sys, time
import numpy as np
from tsrnn._kernels import simd_v1 as s
from tsrnn._kernels.jit import kernel
from numba import njit

@njit
def nothing(x, y):
    for i in range(len(x)):
        y[i] = x[i] + 1

@njit(error_model="numpy")
def empty(a, rows, W, Z):
    pass

@njit(error_model="numpy")
def product(a, rows, W, Z):
    s.add_product(a, rows, W, Z)

@njit(error_model="numpy")
def outer(a, rows, W, Z):
    s.add_outer(a, rows, Z, W)

@njit(error_model="numpy")
def scattered(a, rows, W, Z):
    s.add_scattered(Z, W, a, rows)

@njit(error_model="numpy")
def product_t(a, rows, W, Z):
    s.add_product_t(Z, W, a, rows)

@njit(error_model="numpy")
def tanh(a, rows, W, Z):
    for i in range(len(a)):
        a[i] = s.tanh(a[i])

@njit(error_model="numpy")
def cell(a, rows, W, Z):
    s.add_product(a, rows, W, Z)
    for i in range(Z.shape[0]):
        for n in range(Z.shape[1]):
            Z[i, n] = s.tanh(Z[i, n])

nothing(np.zeros(3), np.zeros(3))  # numba's own start
dtype, names = sys.argv[1], sys.argv[2].split(",")
a, rows, W, Z = np.zeros(50, dtype), np.arange(4), np.zeros((4, 4), dtype), np.zeros((4, 4), dtype)
for name in names:
    start = time.perf_counter()
    globals()[name](a, rows, W, Z)
    print(f"{name} {time.perf_counter() - start:.2f} s", end="   ")
print()
"""


def bench_compilation(dtype):
    print(f"\n{dtype.__name__}, first call of a kernel, nothing cached (each line a new process):")
    root = str(Path(_simd_v1.__file__).parents[1])
    for names in (
        "empty",
        "product",
        "outer",
        "scattered",
        "product_t",
        "tanh",
        "cell",
        "cell,product,outer,tanh",
    ):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": root}
            code = [sys.executable, "-c", COLD, dtype.__name__, names]
            print(
                "   ",
                subprocess.run(code, env=environment, capture_output=True, text=True, check=True).stdout,
                end="",
            )


if __name__ == "__main__":
    with threadpool_limits(1) if threadpool_limits else nullcontext():
        for dtype in (np.float32, np.float64):
            bench_products(dtype)
            bench_functions(dtype)
    for dtype in (np.float32, np.float64):
        bench_compilation(dtype)
