"""Microseconds a row of ``Stream.step``, of the compiled walk alone, and of the C that ``to_c`` writes.

CPU time, the least of some repeats, float64, one input, 32 units a layer (ESN: 500). "walk" is the arithmetic with the
call of compiled code, "empty" that call without arithmetic, "told" a step that is told y, too.  C: ``gcc -O3
-march=native`` (its loops over sums stay in order, as in what ``to_c`` promises), a loop of rows inside C.
Targets: a step of LSTM(32) under 5 us; arithmetic of a classifier under 20 us.

    python tests/benchmarks/stream_speed.py
"""

import ctypes
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from common import threadpool_limits

import tsrnn
from tsrnn._nets.compiled import walk
from tsrnn.export import to_c


ROWS, REPEATS = 2000, 9
QUICK = {"max_iter": 3, "random_state": 0}
LOOP = """
void run(const double *x, int n, double *out)
{
    model_state s;
    model_reset(&s);
    for (int i = 0; i < n; i++)
        model_step(&s, x + i, 0, out);
}
"""


def models():
    """One of each public model that goes row by row, and some in other sizes."""
    for name in sorted(tsrnn.__all__):
        kind = getattr(tsrnn, name)
        if not name.endswith(("Regressor", "Classifier")) or name.startswith(("EncoderDecoder", "Lag")):
            continue  # the former go by whole sequences, the latter takes an estimator
        given = {"hidden_layer_sizes": (32,), "max_iter": 3, "random_state": 0}
        yield name, kind(**{k: v for k, v in given.items() if k in kind().get_params()})
    yield "LSTMRegressor, 2 x 32", tsrnn.LSTMRegressor((32, 32), **QUICK)
    yield "LSTMRegressor, 128", tsrnn.LSTMRegressor((128,), **QUICK)
    yield "Forecaster of ARX, 3 steps", tsrnn.Forecaster(tsrnn.ARXRegressor(), 3)


def least(f, rows=ROWS):
    """Microseconds of CPU a call, the least of some repeats."""
    best = np.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        for _ in range(rows):
            f()
        best = min(best, (time.process_time() - begin) / rows)
    return 1e6 * best


def in_c(model, X):
    """Microseconds a row in C; NaN without a compiler, or where the model cannot be exported."""
    compiler = shutil.which("gcc")
    try:
        text = to_c(model)
    except TypeError:
        return np.nan
    if compiler is None:
        return np.nan
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "model.c", Path(folder) / "model.so"
        source.write_text(text + LOOP, encoding="ascii")
        flags = ["-O3", "-march=native", "-shared", "-fPIC"]
        subprocess.run([compiler, *flags, "-o", library, source, "-lm"], check=True)
        run = ctypes.CDLL(str(library)).run
        x, out = np.ascontiguousarray(X), np.empty(8)
        address = [a.ctypes.data_as(ctypes.c_void_p) for a in (x, out)]
        return least(lambda: run(address[0], len(x), address[1]), 2) / len(x)


def times_of(model, X, target):
    """Microseconds of a step, of one that is told y, of the walk and of its call; NaN where there is no walk."""
    stream, row, told = tsrnn.Stream(model), X[500], target[500].item()
    stream.step(row, told)
    rows = 50 if stream._row is None else ROWS
    steps = [least(lambda: stream.step(row), rows), least(lambda: stream.step(row, told), rows)]
    if stream._row is None:
        return [*steps, np.nan, np.nan]
    step = stream._step
    empty = step[0][:0], *step[1:]
    return [*steps, least(lambda: walk(*step)), least(lambda: walk(*empty))]


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 1))
    y = np.convolve(X[:, 0], [1.0, 0.5, 0.2])[: len(X)]
    print(f"{'model':28} {'step':>7} {'told':>7} {'walk':>7} {'empty':>7} {'C':>7}   us a row")
    for name, model in models():
        target = np.digitize(y, [-0.7, 0.7]) if hasattr(model, "predict_proba") else y
        model.fit(X[:400], target[:400])
        times = [*times_of(model, X, target), in_c(model, X)]
        print(f"{name:28} " + " ".join(f"{t:7.2f}" for t in times), flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
