"""Speed of the arithmetic in ``tsrnn._kernels.simd_v3``: products, functions, and the time it takes to compile them.

    python tests/benchmarks/simd.py

Times are CPU seconds, the least of many repeats, that of the peak measured between them.  NumPy runs on one
thread where threadpoolctl is installed.  Targets, M = 32, K = N = 32 ... 512:
80 % of the peak, and never below NumPy's BLAS by more than 10 %.
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
from scipy.linalg import get_blas_funcs, lapack

from tsrnn._kernels import simd_v3
from tsrnn._kernels.simd_v3 import add_outer, add_product, add_scattered, sigmoid, tanh


try:
    from threadpoolctl import threadpool_limits
except ImportError:
    threadpool_limits = None

jit = njit(error_model="numpy")
ROUNDS = 20


def least(f, n, *args, repeats=20):
    """Seconds of one of n rounds of ``f(n, *args)``, the least of the repeats."""
    f(n, *args)
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        f(n, *args)
        best = min(best, (time.process_time() - start) / n)
    return best


@intrinsic
def _twelve_chains(typingctx, n, x):
    """n rounds of 12 independent vector fma: more than any core's two pipes can delay."""

    def codegen(context, builder, signature, args):
        lanes = simd_v3._target(context, x).lanes
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
    return simd_v3._lanes(array)


def peak(dtype):
    """GFLOP/s of fma on registers alone."""
    seconds = least(chains, 100_000, dtype(0.5))
    return 12 * lanes_of(np.zeros(1, dtype)) * 2 / seconds / 1e9


RATES = ["tsrnn GFLOP/s", "torch GFLOP/s", "target's", "peak"]


def rates(flops, ours, theirs, target):
    """GFLOP/s of products that take us and others some seconds, those that ``target`` times theirs needs, the peak."""
    return [flops / ours / 1e9, flops / theirs / 1e9, target * flops / theirs / 1e9, peak(np.float32)]


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


def dots(n, A, W, Z):
    for _ in range(n):
        np.dot(A, W, out=Z)


def dots_t(n, A, D, G):
    for _ in range(n):
        np.dot(A.T, D, out=G)


def packed(n, A, G):
    for _ in range(n):
        lapack.dsfrk(*A.shape, 1.0, A, 1.0, G, overwrite_c=True)


def syrks(n, A, G):
    syrk = get_blas_funcs("syrk", (A,))
    for _ in range(n):
        syrk(1.0, A, beta=1.0, c=G, trans=0, overwrite_c=1)


STEPS = [(32, N, N) for N in (16, 32, 64, 128, 256, 512)]  # a step of a recurrent net
SHAPES = [(16, 64, 64), (16, 256, 256), (2048, 4, 32), (2048, 64, 64)]  # a shard, its inputs, its gradient
SHAPES += [(1, 20, 10), (1, 64, 64), (1, 256, 256)]  # a closed loop, one sequence
SHAPES += [(5000, 20, 10), (5000, 10, 1), (5000, 168, 16), (1000, 24, 40), (500, 8, 3)]  # lag windows
GRAMS = (48, 96, 240, 480)  # columns, of 512 rows


class Job:
    """A function, its arguments, and what it multiplies and adds."""

    def __init__(self, f, *args, flops):
        self.f, self.args, self.flops, self.best = f, args, flops, np.inf
        self.n = int(min(20_000, max(1, 1e8 // (flops + 1000))))
        f(1, *args)

    def run(self):
        """Some milliseconds."""
        start = time.process_time()
        self.f(self.n, *self.args)
        self.best = min(self.best, (time.process_time() - start) / self.n)

    @property
    def rate(self):
        """GFLOP/s."""
        return self.flops / self.best / 1e9


def jobs_of(shape, dtype, rng):
    """The three products of a shape, and NumPy's of the first two."""
    M, K, N = shape
    stride = K if M <= 32 else 1  # sequences of a batch, or windows of a series
    rows = np.arange(M) * stride
    a = rng.normal(size=M * stride + K).astype(dtype) * dtype(1e-3)
    W = rng.normal(size=(K, N)).astype(dtype) * dtype(1e-3)
    A, V = a[rows[:, None] + np.arange(K)], np.ascontiguousarray(W.T)
    Z, G = np.zeros((M, N), dtype), np.zeros((K, N), dtype)
    D, flops = rng.normal(size=(M, N)).astype(dtype) * dtype(1e-6), 2 * M * K * N
    return [
        Job(products, a, rows, W, Z, flops=flops),
        Job(dots, A, W, Z.copy(), flops=flops),
        Job(outers, a, rows, D, G, flops=flops),
        Job(dots_t, A, D, G.copy(), flops=flops),
        Job(scattered, D, V, a.copy(), rows, flops=flops),
    ]


def gram_jobs(P, rng):
    """A triangle of Z'Z, packed as the echo state networks' sums are, and in a whole matrix; both are BLAS's."""
    M = 512
    A = np.asfortranarray(rng.normal(size=(P, M)))
    return [
        Job(packed, A, np.zeros(P * (P + 1) // 2), flops=M * P * (P + 1)),
        Job(syrks, A, np.zeros((P, P), order="F"), flops=M * P * (P + 1)),
    ]


def rounds(jobs, peak_job):
    """Run all by turns, for the machine's speed changes while it is measured."""
    for _ in range(ROUNDS):
        for job in jobs:
            peak_job.run()
            job.run()


def bench_products(dtype):
    rng = np.random.default_rng(0)
    top = Job(chains, dtype(0.5), flops=2 * 12 * lanes_of(np.zeros(1, dtype)))
    top.n = 50_000
    rows = []
    for shape in STEPS + SHAPES:
        jobs = jobs_of(shape, dtype, rng)
        rounds(jobs, top)
        rows.append((shape, jobs))
    for P in GRAMS if dtype == np.float64 else ():
        jobs = gram_jobs(P, rng)
        rounds(jobs, top)
        rows.append((f"Gram 512 x {P}", jobs))
    print(f"\n{dtype.__name__}: peak of fma {top.rate:.0f} GFLOP/s.  GFLOP/s, % of the peak, ns a call:")
    names = ("add_product", "np.dot", "add_outer", "np.dot", "add_scattered")
    print(f"{'M x K x N':>16}" + "".join(f"{name:>24}" for name in names))
    for shape, jobs in rows:
        name = shape if isinstance(shape, str) else " x ".join(map(str, shape))
        cells = [f"{j.rate:>8.1f} {100 * j.rate / top.rate:>3.0f}% ({j.best * 1e9:>8.0f})" for j in jobs]
        print(f"{name:>16}" + "".join(f"{cell:>24}" for cell in cells))


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
from tsrnn._kernels import simd_v3 as s
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
    start = time.process_time()
    globals()[name](a, rows, W, Z)
    print(f"{name} {time.process_time() - start:.2f} s", end="   ")
print()
"""


def bench_compilation(dtype):
    print(f"\n{dtype.__name__}, first call of a kernel, nothing cached (each line a new process):")
    root = str(Path(simd_v3.__file__).parents[1])
    for names in (
        "empty",
        "product",
        "outer",
        "scattered",
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
