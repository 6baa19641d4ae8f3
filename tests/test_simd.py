"""The frozen arithmetic: exact to the bit where it says so, else to a few units in the last place."""

import hashlib
import importlib
import inspect
import os
import pkgutil
import platform
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest
from compiled import callable_from_python
from numba import config, njit
from numba.core.dispatcher import Dispatcher

import tsrnn
from tsrnn._kernels import jit as _jit
from tsrnn._kernels import outer_v1, pack_v1, simd_v3
from tsrnn._kernels.simd_v3 import flat, fma, line, matrix, sigmoid, tanh


FROZEN = {
    "tsrnn._kernels.simd_v3": "861820115769f81e",
    "tsrnn._kernels.outer_v1": "0ebfdabcd63885b7",
    "tsrnn._kernels.pack_v1": "d3930a2a98114bed",
    "tsrnn._kernels.layer_norm_v1": "8c56cdc6dae53fa3",
    "tsrnn._kernels.activations_v1": "a1e8244da5912adb",
    "tsrnn._kernels.dream_v1": "d77db5940ceb25d2",
}

compiled = pytest.mark.skipif(
    bool(config.DISABLE_JIT), reason="of compiled code, and NUMBA_DISABLE_JIT is set"
)
both = pytest.mark.parametrize("dtype", [np.float32, np.float64])


add_outer, add_packed, add_product, add_scattered, add_wide_outer, pack = map(
    callable_from_python,
    (
        simd_v3.add_outer,
        simd_v3.add_packed,
        simd_v3.add_product,
        simd_v3.add_scattered,
        outer_v1.add_wide_outer,
        simd_v3.pack,
    ),
)


# The sums as the module's docstring states them, one scalar fma after another.


@njit(error_model="numpy")
def naive_product(a, rows, W, Z):
    for i in range(len(rows)):
        for n in range(W.shape[1]):
            for k in range(W.shape[0]):
                Z[i, n] = fma(a[rows[i] + k], W[k, n], Z[i, n])


@njit(error_model="numpy")
def naive_outer(a, rows, D, G):
    for k in range(G.shape[0]):
        for n in range(G.shape[1]):
            for i in range(len(rows)):
                G[k, n] = fma(a[rows[i] + k], D[i, n], G[k, n])


@njit(error_model="numpy")
def naive_scattered(D, V, a, rows):
    block = 64 // a.itemsize
    for first in range(0, V.shape[1], block):
        for i in range(len(rows)):
            for k in range(first, min(first + block, V.shape[1])):
                s = a[0] - a[0]  # 0 of the right precision
                for n in range(V.shape[0]):
                    s = fma(D[i, n], V[n, k], s)
                a[rows[i] + k] += s


def fenced(rng, shape, dtype):
    """An array inside a larger one of NaN, and the larger one: what is written outside, shows."""
    size = int(np.prod(shape))
    fence = np.full(size + 200, np.nan, dtype)
    fence[100 : 100 + size] = rng.normal(size=size)
    return fence[100 : 100 + size].reshape(shape), fence


def operands(rng, M, K, N, dtype):
    a, _ = fenced(rng, 3 * K + M + 9, dtype)
    rows = rng.integers(0, len(a) - K + 1, M)  # in any order, overlapping, repeated
    return a, rows, fenced(rng, (K, N), dtype)[0], fenced(rng, (M, N), dtype)[0]


# Vectors hold 16 float32 at most, tiles 8 rows and 3 vectors, or 1 row and 4.
SHAPES = [(M, K, N) for M in (0, 1, 2, 7, 8, 9, 17) for K in (0, 1, 5) for N in (0, 1, 3, 10)]
SHAPES += [(M, 3, N) for M in (1, 9) for N in range(1, 131)]
SHAPES += [(M, K, 5) for M in (1, 4, 9) for K in range(6, 40)]
SHAPES += [(150, 40, 65), (65, 100, 20), (40, 16, 64), (5, 200, 50)]
SHAPES += [(31, 40, 1), (33, 140, 150), (70, 300, 33)]  # large: panels are copied, sums made in two pieces


@compiled
@both
def test_products_are_exact_and_stay_inside(dtype):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        M, K, N = shape
        a, rows, W, D = operands(rng, *shape, dtype)
        V = np.ascontiguousarray(W.T)

        for name, function, naive, before, result in [
            ("add_product", add_product, naive_product, (a, rows, W), (M, N)),
            ("add_outer", add_outer, naive_outer, (a, rows, D), (K, N)),
            ("add_wide_outer", add_wide_outer, naive_outer, (a, rows, D), (K, N)),
        ]:
            got, fence = fenced(rng, result, dtype)
            want = got.copy()
            function(*before, got)
            naive(*before, want)
            np.testing.assert_array_equal(got, want, f"{name} {shape}", strict=True)
            assert np.isnan(fence).sum() == 200, f"{name} {shape} wrote outside"

        got, fence = fenced(rng, (M, N), dtype)
        want = got.copy()
        add_packed(a, rows, W, pack(W[None], 1000)[0], got)
        naive_product(a, rows, W, want)
        np.testing.assert_array_equal(got, want, f"add_packed {shape}", strict=True)
        assert np.isnan(fence).sum() == 200, f"add_packed {shape} wrote outside"

        got, fence = fenced(rng, a.shape, dtype)
        want = got.copy()
        add_scattered(D, V, got, rows)
        naive_scattered(D, V, want, rows)
        np.testing.assert_array_equal(got, want, f"add_scattered {shape}", strict=True)
        assert np.isnan(fence).sum() == 200, f"add_scattered {shape} wrote outside"


@njit
def packed_at_once(W, M):
    return pack_v1.pack(W, M)


@compiled
@both
@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 70, 40), (4, 40, 65), (2, 300, 33), (0, 70, 40)])
@pytest.mark.parametrize("M", [63, 64])
def test_weights_are_packed_alike_and_their_memory_is_freed(M, shape, dtype):
    W = np.random.default_rng(0).normal(size=shape).astype(dtype)
    want, got = pack(W, M), packed_at_once(W, M)
    np.testing.assert_array_equal(got, want, strict=True)
    assert got.base is None or got.base.refcount == 1  # else it would never be freed


@compiled
def test_products_of_lag_windows_agree_with_numpy():
    rng = np.random.default_rng(1)
    series, W = rng.normal(size=(50, 3)), rng.normal(size=(12, 7))  # 3 features, 4 lags: rows overlap by 9
    rows = np.arange(0, 47) * 3
    lags = np.lib.stride_tricks.sliding_window_view(series.ravel(), 12)[rows]
    Z = np.zeros((47, 7))
    add_product(series.ravel(), rows, W, Z)
    np.testing.assert_allclose(Z, lags @ W, rtol=1e-13, atol=1e-13)
    G = np.zeros((12, 7))
    add_outer(series.ravel(), rows, Z, G)
    np.testing.assert_allclose(G, lags.T @ Z, rtol=1e-12)
    back, want = np.zeros(150), np.zeros(150)
    add_scattered(Z, np.ascontiguousarray(W.T), back, rows)
    np.add.at(want, rows[:, None] + np.arange(12), Z @ W.T)
    np.testing.assert_allclose(back, want, rtol=1e-12, atol=1e-12)


@compiled
def test_products_pass_nan_on_where_it_belongs():
    a, rows, W, Z = np.ones(8), np.arange(4), np.ones((5, 9)), np.zeros((4, 9))
    a[0] = np.nan
    W[1, 8] = np.inf
    add_product(a, rows, W, Z)
    assert np.isnan(Z[0]).all()
    assert (Z[1:, :8] == 5).all()
    assert (Z[1:, 8] == np.inf).all()


@compiled
@pytest.mark.parametrize(
    "bad",
    [
        (np.ones(9, np.float32), np.arange(3), np.ones((2, 4)), np.ones((3, 4))),
        (np.ones(9), np.arange(3, dtype=np.int32), np.ones((2, 4)), np.ones((3, 4))),
        (np.ones(9), np.arange(3), np.ones((4, 2)).T, np.ones((3, 4))),
        (np.ones(18)[::2], np.arange(3), np.ones((2, 4)), np.ones((3, 4))),
    ],
    ids=["two precisions", "int32 rows", "Fortran order", "strided"],
)
def test_wrong_arrays_do_not_compile(bad):
    with pytest.raises(
        Exception, match=r"wants (C-contiguous arrays|arrays of one float type and int64 rows)"
    ):
        add_product(*bad)


@compiled
def test_flat_shares_memory():
    @njit
    def second(A):
        line = flat(A)
        line[1] = 7
        return line, len(line)

    A = np.zeros((2, 3))
    line, length = second(A)
    assert length == 6
    assert A[0, 1] == 7
    assert np.shares_memory(line, A)


@njit(error_model="numpy")
def map_tanh(x, y):
    for i in range(len(x)):
        y[i] = tanh(x[i])


@njit(error_model="numpy")
def map_sigmoid(x, y):
    for i in range(len(x)):
        y[i] = sigmoid(x[i])


@njit(error_model="numpy")
def one_tanh(x):
    return tanh(x)


@njit(error_model="numpy")
def one_sigmoid(x):
    return sigmoid(x)


def mapped(f, x):
    y = np.empty_like(x)
    f(x, y)
    return y


def points(dtype):
    """Evenly spaced, and at every scale down to the subnormal numbers."""
    rng = np.random.default_rng(0)
    smallest = np.log10(np.finfo(dtype).smallest_subnormal)
    tiny = 10 ** rng.uniform(smallest, 2, 200_000)
    x = np.concatenate([np.linspace(-25, 25, 400_001), tiny, -tiny])
    return x[np.abs(x) > 0].astype(dtype)


def ulps(y, exact):
    """Error in units of the last place of the exact result; exact is of longer type."""
    return float(np.max(np.abs(y - exact) / np.spacing(np.abs(exact.astype(y.dtype)))))


LONGER = {np.float32: np.float64, np.float64: np.longdouble}


def skip_unless_longer(dtype):
    if np.finfo(LONGER[dtype]).eps >= np.finfo(dtype).eps:
        pytest.skip("no longer float on this machine to compare with")


@compiled
@both
def test_tanh_is_accurate_relative_to_its_value(dtype):
    skip_unless_longer(dtype)
    x = points(dtype)
    y = mapped(map_tanh, x)
    assert y.dtype == dtype
    assert ulps(y, np.tanh(x.astype(LONGER[dtype]))) < 3
    assert (np.abs(y) <= 1).all()


@compiled
@both
def test_sigmoid_is_accurate_relative_to_its_value(dtype):
    skip_unless_longer(dtype)
    low = -87.0 if dtype == np.float32 else -708.0
    x = np.concatenate([points(dtype), np.linspace(low, -low, 400_001).astype(dtype)])
    x = x[x >= low]
    y = mapped(map_sigmoid, x)
    assert y.dtype == dtype
    assert ulps(y, 1 / (1 + np.exp(-x.astype(LONGER[dtype])))) < 3
    assert (y >= 0).all()
    assert (y <= 1).all()


@compiled
@both
def test_special_values(dtype):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30, 20, -20], dtype)
    np.testing.assert_array_equal(mapped(map_tanh, x), [1, -1, np.nan, 0, -0.0, 1, -1, 1, -1])
    assert np.signbit(mapped(map_tanh, x))[4]
    np.testing.assert_array_equal(mapped(map_sigmoid, x)[:7], [1, 0, np.nan, 0.5, 0.5, 1, 0])


@compiled
@both
def test_tanh_is_odd_and_neither_falls(dtype):
    x = np.sort(points(dtype))
    np.testing.assert_array_equal(mapped(map_tanh, -x), -mapped(map_tanh, x))
    eps = np.finfo(dtype).eps
    for f in (map_tanh, map_sigmoid):
        y = mapped(f, x)
        assert (np.diff(y) >= -2 * eps * np.abs(y[1:])).all()


@compiled
@both
def test_a_loop_gives_the_bits_of_single_calls(dtype):
    x = points(dtype)[::1001]
    x = np.concatenate([x, np.array([np.nan, np.inf, -np.inf, 0, -0.0], dtype)])
    for f, one in ((map_tanh, one_tanh), (map_sigmoid, one_sigmoid)):
        single = np.array([one(v) for v in x], dtype)
        np.testing.assert_array_equal(mapped(f, x), single)


@compiled
@both
def test_fma_rounds_once(dtype):
    @njit
    def call(a, b, c):
        return fma(a, b, c)

    eps = np.finfo(dtype).eps
    a, b, c = dtype(1 + eps), dtype(1 - eps), dtype(-1)  # a b = 1 - eps**2, which rounds to 1
    assert call(a, b, c) == -(dtype(eps) ** 2)
    assert call.nopython_signatures[0].return_type.bitwidth == 8 * dtype().itemsize


@compiled
def test_views_of_a_line():
    @njit
    def write(a):
        line(a, 3, 2)[:] = 1
        seen = matrix(a, 6, 2, 3)
        seen[1, 2] = 2
        return seen

    a = np.zeros(20)
    seen = write(a)
    np.testing.assert_array_equal(np.flatnonzero(a), [3, 4, 11])
    del a
    np.testing.assert_array_equal(seen, [[0, 0, 0], [0, 0, 2]])  # it keeps the memory


@compiled
def test_a_part_is_not_called_from_python():
    with pytest.raises(TypeError, match="add_product is a part of kernels"):
        simd_v3.add_product(np.ones(3), np.arange(2), np.ones((2, 2)), np.zeros((2, 2)))


@both
def test_called_from_python_they_are_numpy(dtype):
    x = np.linspace(-30, 30, 61).astype(dtype)
    np.testing.assert_allclose(tanh(x), np.tanh(x))
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-6)
    assert sigmoid(x).dtype == sigmoid(x[0]).dtype == dtype
    assert sigmoid(-800.0) == 0
    assert sigmoid(800.0) == 1


RESULTS = """
import hashlib
import numpy as np
from numba import njit
from tsrnn._kernels import simd_v3 as s

@njit(error_model="numpy")
def step(a, rows, W, Z, G, V, back):
    s.add_product(a, rows, W, Z)
    for i in range(Z.shape[0]):
        for n in range(Z.shape[1]):
            Z[i, n] = s.tanh(Z[i, n]) + s.sigmoid(s.fma(Z[i, n], Z[i, n], a[0]))
    s.add_outer(s.flat(a), rows, Z, G)
    s.add_scattered(Z, V, back, rows)

digest = hashlib.sha256()
for dtype in (np.float32, np.float64):
    for M, K, N in [(1, 9, 70), (21, 6, 3), (19, 37, 77)]:
        rng = np.random.default_rng(0)
        a, W = rng.normal(size=200).astype(dtype), rng.normal(size=(K, N)).astype(dtype)
        rows = rng.integers(0, 150, M)
        Z, G, back = np.ones((M, N), dtype), np.ones((K, N), dtype), np.ones(200, dtype)
        step(a, rows, W, Z, G, np.ascontiguousarray(W.T), back)
        for result in (Z, G, back):
            digest.update(result.tobytes())
            print(repr(float(np.abs(result, dtype=np.float64).sum())))
print(digest.hexdigest())
"""


def run(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(Path(tsrnn.__file__).parents[1]), **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def results():
    return run(RESULTS).stdout


@compiled
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="asks for other x86 processors")
@pytest.mark.slow  # a process that compiles for each
def test_same_bits_on_every_processor(results, tmp_path):
    cache = str(tmp_path)  # else the host's code would be loaded
    haswell = "+sse2,+sse4.2,+avx,+avx2,+fma,+bmi2"
    got = run(RESULTS, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=haswell, NUMBA_CACHE_DIR=cache).stdout
    assert got == results
    got = run(RESULTS, NUMBA_CPU_NAME="generic", NUMBA_CACHE_DIR=cache).stdout  # SSE, fma in software
    assert got == results


@compiled
def test_plain_python_agrees(results):
    want = results.split()[:-1]
    got = run(RESULTS, NUMBA_DISABLE_JIT="1").stdout.split()[:-1]
    np.testing.assert_allclose(np.array(got, float), np.array(want, float), rtol=1e-5)
    np.testing.assert_allclose(np.array(got[9:], float), np.array(want[9:], float), rtol=1e-11)


NO_CACHE = """
import warnings
from numba.core import caching
for name in ("CacheImpl", "_CacheImpl"):  # of which every place to keep a cache in is refused
    if hasattr(caching, name):
        getattr(caching, name)._locator_classes = []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter(ACTION)
    from tsrnn._nets import delay_kernels
    from tsrnn._nets.recurrent_kernels import feed
print([w.category.__name__ for w in caught])
import numpy as np
y = np.zeros(6)
feed(np.ones((2, 3, 1)), np.ones((2, 3, 1), bool), np.arange(3) * 2, y, 0, 2)
assert (y == 1).all()
"""


@compiled
@pytest.mark.slow  # processes that compile without a cache
def test_without_a_place_for_the_cache_one_warning():
    done = run(NO_CACHE.replace("ACTION", "'always'"))
    assert done.stdout.strip() == "['CacheWarning']"
    assert done.stderr == ""
    done = run(NO_CACHE.replace("ACTION", "'error'"))  # the import must not fail: the message goes to the log
    assert done.stdout.strip() == "[]"
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1


def test_options_of_every_kernel():
    # The disk cache does not see them: to change them, change every file that has kernels too.
    for options in (_jit.OPTIONS, _jit.PART):
        assert not {"fastmath", "parallel", "boundscheck"} & set(options)
        assert options["error_model"] == "numpy"
        assert options["nogil"]


# Numba caches by the content of the calling file: kernels may not reach into other files, but frozen ones.


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_files_are_frozen(name):
    text = Path(importlib.import_module(name).__file__).read_bytes().replace(b"\r\n", b"\n")
    assert hashlib.sha256(text).hexdigest()[:16] == FROZEN[name], (
        f"{name} is frozen: users' disk caches hold machine code made from it, which an edit does not "
        "replace. Undo the edit; to change the arithmetic, make the next version a new file and import that."
    )


def home(value):
    """The module of a function of any kind that a kernel may name, or of a module; else ''."""
    if isinstance(value, Dispatcher):
        value = value.py_func
    elif isinstance(value, ModuleType):
        return value.__name__
    elif isinstance(value, type(simd_v3.flat)) and not isinstance(value, FunctionType):
        value = value._defn  # an intrinsic
    return value.__module__ if isinstance(value, FunctionType) else ""


def codes(code):
    yield code
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from codes(constant)


@compiled
def test_kernels_call_only_their_own_file_or_a_frozen_one():
    kernels = 0
    for info in pkgutil.walk_packages(tsrnn.__path__, "tsrnn."):
        if info.name == "tsrnn.sktime":  # has no kernel, needs an extra
            continue
        module = importlib.import_module(info.name)
        for kernel in vars(module).values():
            if not isinstance(kernel, Dispatcher) or home(kernel) != info.name:
                continue
            kernels += 1
            function = kernel.py_func
            assert not function.__closure__, f"{info.name}.{function.__name__} closes over values: not cached"
            for name in {n for code in codes(function.__code__) for n in code.co_names}:
                where = home(function.__globals__.get(name))
                if where.partition(".")[0] == "tsrnn":
                    assert where == info.name or where in FROZEN, (
                        f"{info.name}.{function.__name__} calls {name} of {where}, which is not frozen: "
                        "after an edit there, users' caches would keep the old machine code"
                    )
    assert kernels >= 8


@compiled
def test_only_kernels_call_parts():
    """From Python a part raises, in a model that no other test may fit."""
    for info in pkgutil.walk_packages(tsrnn.__path__, "tsrnn."):
        if info.name in ("tsrnn.sktime", "tsrnn._kernels.simd_v3"):  # an extra; overloads are compiled too
            continue
        things = vars(importlib.import_module(info.name))
        own = [thing for thing in things.values() if getattr(thing, "__module__", "") == info.name]
        inside = [thing for of in own if isinstance(of, type) for thing in vars(of).values()]
        for function in filter(inspect.isfunction, own + inside):
            names = {n for code in codes(function.__code__) for n in code.co_names}
            parts = {n for n in names if is_part(things.get(n))}
            assert not parts, f"{info.name}.{function.__qualname__} calls {parts}, which only kernels can"


def is_part(value):
    return isinstance(value, Dispatcher) and value.targetoptions.get("no_cpython_wrapper", False)
