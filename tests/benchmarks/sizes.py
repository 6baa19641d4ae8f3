"""Sizes: seconds of CPU and megabytes of a fit and of predict, and how they grow with the rows.

A. Every model on 10^4, 10^5 and 10^6 rows of 20 inputs; trained nets for two epochs (iterations), since epochs are
   what a user chooses. The exponent is that of seconds (megabytes) from the smallest to the largest: 1 is linear.
B. Many short series, many gaps, long horizons: 5,000 series of 40 rows, a million rows with 10,000 gaps, 720 steps of
   7 outputs at once, 7 series with 335 lags (``--other``: only these).
C. 2000 lags, in 5,000 and 10,000 rows; 2000 steps ahead of 5,000 rows, of y alone (``--far``: only these).
D. 200 outputs of 2 inputs and 2000 inputs, 4,000 rows each (``--wide``: only these).
E. 10^6 and 10^7 rows of one input, and of y alone; nets for one epoch (iteration): fit, predict and update of all rows,
   a forecast, and the highest memory over that of the data (``--long``: only these, of some models or all).

A case that takes over five minutes of CPU, or more than 12 GB, ends with the reason.

Each case runs in a process of its own with one thread, after a fit on few rows that loads the kernels. Megabytes are
the highest of the process beyond what it had before the fit.

    python tests/benchmarks/sizes.py [--quick] [--other] [--far] [--wide] [--long [MODEL ...]]
"""

import argparse
import json
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from common import table
from sklearn.base import clone

from tsrnn import (
    ARXRegressor,
    ElmanRegressor,
    EncoderDecoderRegressor,
    ESNClassifier,
    ESNRegressor,
    Forecaster,
    GRUClassifier,
    GRURegressor,
    LRURegressor,
    LSTMRegressor,
    MinGRURegressor,
    NARXRegressor,
    TDNNClassifier,
    TDNNRegressor,
)


TWO = {"max_iter": 2, "early_stopping": False, "random_state": 0}
MODELS = {
    "ARX": ARXRegressor(input_lags=2, output_lags=3),
    "TDNN": TDNNRegressor(input_lags=2, **TWO),
    "NARX": NARXRegressor(training="open_loop", **TWO),
    "Elman": ElmanRegressor(solver="adam", **TWO),
    "LSTM": LSTMRegressor(solver="adam", **TWO),
    "GRU": GRURegressor(solver="adam", **TWO),
    "MinGRU": MinGRURegressor(solver="adam", **TWO),
    "LRU": LRURegressor(solver="adam", **TWO),
    "GRUClassifier": GRUClassifier(solver="adam", **TWO),
    "ESN": ESNRegressor(100, random_state=0),
}


def driven(n, n_inputs=20):
    """Rows of a system with memory: X (n, n_inputs), y (n,)."""
    X = np.random.default_rng(0).normal(size=(n, n_inputs))
    return X, np.convolve(np.tanh(X[:, 0] + X[:, 1]), [0.5, 0.3, 0.2])[:n]


def of_rows(n, name):
    """A model of part A, X and y."""
    X, y = driven(n)
    return MODELS[name], X, y > 0 if name.endswith("Classifier") else y


def short_series(n, kind):
    """5,000 series of 40 rows, in one frame."""
    X, y = driven(n, 2)
    index = pd.MultiIndex.from_product([range(n // 40), range(40)], names=["series", "row"])
    model = ARXRegressor() if kind == "ARX" else MODELS[kind]
    return model, pd.DataFrame(X, index), pd.Series(y, index)


def gaps(n, kind):
    """Rows with one stamp in a hundred missing."""
    X, y = driven(n, 2)
    keep = np.random.default_rng(1).random(n) > 0.01
    index = pd.date_range("2000-01-01", periods=n, freq="min")[keep]
    model = ARXRegressor() if kind == "ARX" else GRURegressor(solver="adam", **TWO)
    return model, pd.DataFrame(X[keep], index), pd.Series(y[keep], index)


def horizons(n, kind):
    """720 steps of 7 outputs, all at once."""
    y = np.random.default_rng(0).normal(size=(n, 7)).cumsum(axis=0)
    return Forecaster(TDNNRegressor((), input_lags=7), 720), None, y


def lags(n, kind):
    """Seven series with 335 lags."""
    y = np.random.default_rng(0).normal(size=(n, 7)).cumsum(axis=0)
    index = pd.MultiIndex.from_product([range(7), range(n)])
    return TDNNRegressor((), input_lags=range(1, 336)), pd.DataFrame(y.T.reshape(-1, 1), index), y.T.ravel()


FAR = 2000
LAGS = {
    "ESN": ESNRegressor(100, output_lags=FAR, random_state=0),
    "GRU": GRURegressor(output_lags=FAR, solver="adam", **TWO),
    "TDNN": TDNNRegressor(input_lags=FAR, **TWO),
    "NARX, open loop": NARXRegressor((), output_lags=FAR, training="open_loop", **TWO),
    "ARX": ARXRegressor((), output_lags=FAR),
    "NARX": NARXRegressor((), output_lags=FAR, **TWO),
    "Elman": ElmanRegressor(output_lags=FAR, solver="adam", **TWO),
    "LSTM": LSTMRegressor(output_lags=FAR, solver="adam", **TWO),
    "MinGRU": MinGRURegressor(output_lags=FAR, solver="adam", **TWO),
    "LRU": LRURegressor(output_lags=FAR, solver="adam", **TWO),
    "TDNNClassifier": TDNNClassifier(input_lags=FAR, **TWO),
    "GRUClassifier": GRUClassifier(input_lags=FAR, solver="adam", **TWO),
    "ESNClassifier": ESNClassifier(100, input_lags=FAR, random_state=0),
    "Forecaster": Forecaster(TDNNRegressor((), input_lags=range(1, FAR + 1)), 24),
}
STEPS = {
    "ARX": ARXRegressor((), output_lags=3),
    "NARX": NARXRegressor(input_lags=(), **TWO),
    "GRU": GRURegressor(output_lags=1, input_lags=(), **TWO),
    "ESN": ESNRegressor(100, input_lags=(), output_lags=1, random_state=0),
    "Forecaster, direct": Forecaster(ARXRegressor(output_lags=3), FAR, strategy="direct"),
    "Forecaster, joint": Forecaster(TDNNRegressor((8,), **TWO), FAR),
    "Forecaster, linear": Forecaster(TDNNRegressor((), input_lags=7), FAR),
    "Elman": ElmanRegressor(output_lags=1, input_lags=(), solver="adam", **TWO),
    "LSTM": LSTMRegressor(output_lags=1, input_lags=(), solver="adam", **TWO),
    "MinGRU": MinGRURegressor(output_lags=1, input_lags=(), solver="adam", **TWO),
    "LRU": LRURegressor(output_lags=1, input_lags=(), solver="adam", **TWO),
    "EncoderDecoder": EncoderDecoderRegressor(horizon=FAR, max_iter=2, early_stopping=False, random_state=0),
}
MANY = {
    **MODELS,
    "GRU": GRURegressor(**TWO),
    "Forecaster": Forecaster(TDNNRegressor((), input_lags=2), 24),
    "EncoderDecoder": EncoderDecoderRegressor(horizon=24, max_iter=2, early_stopping=False, random_state=0),
    "TDNNClassifier": TDNNClassifier(input_lags=2, **TWO),
    "ESNClassifier": ESNClassifier(100, random_state=0),
}
ONE = {"max_iter": 1, "early_stopping": False, "random_state": 0}


def far_lags(n, name):
    """Rows for 2000 lags."""
    return LAGS[name], *driven(n, 2)


def far_steps(n, name):
    """Rows of y alone, for 2000 steps."""
    return STEPS[name], None, driven(n, 2)[1]


def outputs(n, name):
    """200 outputs, or as many labels, of 2 inputs."""
    X, y = driven(n, 2)
    Y = y[:, None] + 0.1 * np.random.default_rng(1).normal(size=(n, 200))
    return MANY[name], X, Y if not name.endswith("Classifier") else np.arange(n) * 7 % 200


def inputs(n, name):
    """2000 inputs."""
    X, y = driven(n, 2000)
    return MANY[name], X, y > 0 if name.endswith("Classifier") else y


WIDE = {"200 outputs": (outputs, 4000), "2000 inputs": (inputs, 4000)}
ALONE = {  # of y alone
    **{name: MODELS[name] for name in ("ARX", "NARX")},
    "Forecaster": MANY["Forecaster"],
    "ESN": ESNRegressor(100, output_lags=1, random_state=0),
    "Elman": ElmanRegressor(output_lags=1),
    "LSTM": LSTMRegressor(output_lags=1),
    "GRU": GRURegressor(output_lags=1),
    "MinGRU": MinGRURegressor(output_lags=1),
    "LRU": LRURegressor(output_lags=1),
    "EncoderDecoder": MANY["EncoderDecoder"],
}
VERBS = {
    "fit": lambda model, X, y: model.fit(X, y),
    "predict": lambda model, X, y: model.predict(np.empty((len(y), 0)) if X is None else X),
    "update": lambda model, X, y: model.update(X, y),
    "forecast": lambda model, X, y: model.forecast(24, None if X is None else X[:24]),
}


def many_rows(n, name, n_inputs):
    """A model for one iteration, and very many rows of one input or of y alone."""
    X = np.random.default_rng(0).normal(size=(n, 1))
    y = np.convolve(np.tanh(X[:, 0]), [0.5, 0.3, 0.2])[:n]
    model = clone((MANY if n_inputs else ALONE)[name])
    model.set_params(**{k: v for k, v in ONE.items() if k in model.get_params(deep=False)})
    if isinstance(model, Forecaster) and "estimator" in model.get_params():
        model.estimator.set_params(**ONE)
    return model, X if n_inputs else None, y > 0 if name.endswith("Classifier") else y


CASES = {
    **{
        f"5,000 series of 40 rows, {name}": (short_series, 200_000, name)
        for name in ("ARX", "NARX", "ESN", "Elman", "LSTM", "GRU")
    },
    "10^6 rows, 10,000 gaps, ARX": (gaps, 1_000_000, "ARX"),
    "10^6 rows, 10,000 gaps, GRU": (gaps, 1_000_000, "GRU"),
    "10^6 rows, no gap, GRU": (lambda n, _: of_few_inputs(n), 1_000_000, "GRU"),
    "720 steps x 7 outputs": (horizons, 10_000, ""),
    "7 series, 335 lags": (lags, 5_000, ""),
}


def of_few_inputs(n):
    """The rows of ``gaps`` without one."""
    X, y = driven(n, 2)
    return GRURegressor(solver="adam", **TWO), X, y


LONGEST, MOST = 300, 12  # CPU seconds and GB of a case


def highest():
    """Megabytes of this process at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(make, n, kind):
    """[seconds of fit, of predict, megabytes] of a model made by make(n, kind)."""
    # 2000 rows are too few, and machine code is in the cache
    if make not in (
        far_lags,
        far_steps,
        outputs,
        inputs,
    ):
        small, X, y = make(2000, kind)
        small.fit(X, y)
    model, X, y = make(n, kind)
    before, start = highest(), time.process_time()
    model.fit(X, y)
    fitted = time.process_time()
    if isinstance(model, Forecaster) or make is far_steps:
        model.forecast(getattr(model, "horizon", FAR), None if X is None else X[:24])
    else:
        model.predict(X)
    return [fitted - start, time.process_time() - fitted, highest() - before]


def measure_verbs(n, name, n_inputs):
    """[CPU seconds of each verb, the highest memory over that of the data] on n rows."""
    model, *data = many_rows(2000, name, n_inputs)  # machine code comes into the cache
    verbs = VERBS
    if name.endswith("Classifier"):  # those that see no labels do not go on with them
        verbs = {k: VERBS[k] for k in ("fit", "predict")}
    for verb in verbs.values():
        verb(model, *data)
    before = highest()
    model, X, y = many_rows(n, name, n_inputs)
    spent = []
    for verb in verbs.values():
        start = time.process_time()
        verb(model, X, y)
        spent.append(time.process_time() - start)
    size = 8 * n * (1 + n_inputs) / 2**20
    return [*spent, *[""] * (len(VERBS) - len(spent)), (highest() - before) / size]


def apart(part, name, n):
    """``measure`` in a process of its own."""
    command = [sys.executable, __file__, "--one", part, name, str(n)]
    out = subprocess.run(command, capture_output=True, text=True)
    if out.returncode == -signal.SIGXCPU:
        return [f"over {LONGEST} s", "", ""]
    if out.returncode:
        return [(out.stderr.strip().splitlines() or [f"signal {-out.returncode}"])[-1][:90], "", ""]
    return json.loads(out.stdout.splitlines()[-1])


def wide():
    """Print the table of many outputs and inputs."""
    cases = [(part, name, n) for part, (_, n) in WIDE.items() for name in MANY]
    figures = [[part, name, *apart(part, name, n)] for part, name, n in cases]
    table("Many outputs, many inputs", ["case", "model", "fit s", "predict s", "MB"], figures)


def long(n, only):
    """Print the table of n and n / 10 rows: seconds, memory over that of the data, and how both grow."""
    heads = [
        "inputs",
        "model",
        *(f"{verb} s" for verb in VERBS),
        "memory / data",
        "times the fit",
        "memory of a tenth",
    ]
    figures = []
    for n_inputs, models in ((1, MANY), (0, ALONE)):
        for name in only or models:
            if name in models:
                few, most = (apart(f"{n_inputs} inputs", name, rows) for rows in (n // 10, n))
                growth = [most[0] / few[0], few[-1]] if not isinstance(most[0], str) else [few[0], few[-1]]
                figures.append(
                    [n_inputs, name, *most[: len(VERBS) + 1], *[""] * (len(VERBS) + 1 - len(most)), *growth]
                )
                print(*figures[-1], flush=True)
    table(f"{n:.0e} rows", heads, figures)


def other(quick):
    """Print the table of short series, gaps and long horizons."""
    rows = [[name, *apart("B", name, n // 10 if quick else n)] for name, (_, n, _) in CASES.items()]
    table("Other sizes", ["case", "fit s", "predict s", "MB"], rows)


def one(part, name, n):
    """Print the figures of one case, within the limits."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST * 2**30, MOST * 2**30))
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST + 10))
    if part in ("0 inputs", "1 inputs"):
        print(json.dumps(measure_verbs(int(n), name, int(part[0]))))
        return
    makers = {"A": of_rows, "lags": far_lags, "steps": far_steps, **{k: m for k, (m, _) in WIDE.items()}}
    make, kind = (CASES[name][0], CASES[name][2]) if part == "B" else (makers[part], name)
    print(json.dumps(measure(make, int(n), kind)))


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="up to 10^5 rows")
    parser.add_argument("--other", action="store_true", help="short series, gaps, long horizons only")
    parser.add_argument("--far", action="store_true", help="2000 lags and 2000 steps only")
    parser.add_argument("--wide", action="store_true", help="200 outputs and 2000 inputs only")
    parser.add_argument("--long", nargs="*", metavar="MODEL", help="10^7 rows only, of all models or these")
    parser.add_argument("--one", nargs=3)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    if options.other:
        other(options.quick)
        return
    n = 10**5 if options.quick else 10**7
    if options.long is not None:
        long(n, options.long)
        return
    if options.wide or not options.far:
        wide()
    if options.wide:
        return
    if not options.far:
        long(n, [])
    cases = [("lags", name, n) for name in LAGS for n in (5000, 10_000)]
    cases += [("steps", name, 5000) for name in STEPS]
    rows = [[f"{FAR} {part}, {name}", n, *apart(part, name, n)] for part, name, n in cases]
    table("Far lags and horizons", ["case", "rows", "fit s", "predict s", "MB"], rows)
    if options.far:
        return
    sizes = [10**4, 10**5] if options.quick else [10**4, 10**5, 10**6]
    rows = []
    for name in MODELS:
        figures = np.array([apart("A", name, n) for n in sizes])
        growth = np.log(np.maximum(figures[-1], 1e-3) / np.maximum(figures[0], 1e-3)) / np.log(
            sizes[-1] / sizes[0]
        )
        rows.append([name, *figures[:, 0], growth[0], *figures[:, 1], growth[1], figures[-1, 2]])
    heads = [
        f"{verb} s, {n:.0e}" if n else f"{verb}, exponent" for verb in ("fit", "predict") for n in (*sizes, 0)
    ]
    table("Rows of 20 inputs", ["model", *heads, "MB"], rows)
    other(options.quick)


if __name__ == "__main__":
    main()
