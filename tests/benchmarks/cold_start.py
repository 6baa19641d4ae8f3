r"""Figure 8: what a first fit costs, with an empty and with a warm numba cache.

Each number is the CPU time of one statement in a fresh process, the least of three processes; for "empty"
each process has a new, empty NUMBA_CACHE_DIR, for "warm" all share one that an earlier run filled. Wall time,
the least too, stands beside it (two noisy cores: read it with care). Fits: ``NARXRegressor().fit`` on 1000
rows of the Narendra system; ``TDNNRegressor().fit`` on the same; ``TDNNRegressor(solver="adam")`` likewise;
``ESNRegressor().fit``; one iteration of ``LSTMRegressor``.
In the row "then ..." the process has done all rows above it with "then" or "first" already.

Targets: ``import tsrnn`` at most scikit-learn's import (``sklearn.pipeline, sklearn.model_selection``) + 0.3
s; the first ``NARXRegressor().fit`` at most 3 s with an empty cache and 0.3 s with a warm one, beyond the
import.

    python tests/benchmarks/cold_start.py
"""

import json
import os
import subprocess
import sys
import tempfile

from common import table, verdict


SKLEARN = "import sklearn.pipeline, sklearn.model_selection"
DATA = "from tsrnn.datasets import make_narendra; X, y = make_narendra(1000, random_state=0)"
NARX = "tsrnn.NARXRegressor(random_state=0).fit(X, y)"
PROGRAM = """
import json, sys, time
seen = []
for name, code in json.loads(sys.argv[1]):
    cpu, wall = time.process_time(), time.perf_counter()
    exec(code)
    seen.append((name, time.process_time() - cpu, time.perf_counter() - wall))
print(json.dumps(seen))
"""
RUNS = [
    [("import of scikit-learn", SKLEARN)],
    [("import tsrnn", "import tsrnn")],
    [
        ("", SKLEARN),
        ("import tsrnn after scikit-learn", "import tsrnn"),
        ("", DATA),
        ("first NARXRegressor().fit", NARX),
        ("then TDNNRegressor().fit", "tsrnn.TDNNRegressor(random_state=0).fit(X, y)"),
        ("then Adam fit", "tsrnn.TDNNRegressor(solver='adam', max_iter=1).fit(X, y)"),
        ("then NARXRegressor().fit again", NARX),
    ],
    [
        ("", f"import tsrnn; {DATA}"),
        ("first TDNNRegressor().fit", "tsrnn.TDNNRegressor(random_state=0).fit(X, y)"),
    ],
    [
        ("", f"import tsrnn; {DATA}"),
        ("first Adam fit", "tsrnn.TDNNRegressor(solver='adam', max_iter=1).fit(X, y)"),
    ],
    [
        ("", f"import tsrnn; {DATA}"),
        ("first ESNRegressor().fit", "tsrnn.ESNRegressor(random_state=0).fit(X, y)"),
    ],
    [
        ("", f"import tsrnn, warnings; warnings.simplefilter('ignore'); {DATA}"),
        ("first LSTM fit", "tsrnn.LSTMRegressor(max_iter=1, random_state=0).fit(X, y)"),
    ],
]
WARMUP = [
    ("", f"import tsrnn; {DATA}"),
    ("tsrnn.warmup()", "tsrnn.warmup()"),
    ("NARXRegressor().fit after warmup", NARX),
]


def run(statements, cache):
    """CPU and wall seconds of each named statement in a new process."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, json.dumps(statements)]
    out = subprocess.run(command, capture_output=True, text=True, env=environment)
    if out.returncode:
        raise RuntimeError(out.stderr)
    return {name: (cpu, wall) for name, cpu, wall in json.loads(out.stdout) if name}


def least(runs):
    """The least of several runs, element by element."""
    return {name: tuple(min(r[name][k] for r in runs) for k in (0, 1)) for name in runs[0]}


def main():
    """Print the table."""
    probe = "import tsrnn, sys; sys.exit(not hasattr(tsrnn, 'warmup'))"
    has_warmup = subprocess.run([sys.executable, "-c", probe]).returncode == 0
    empty, warm = {}, {}
    with tempfile.TemporaryDirectory() as shared:
        for statements in [*RUNS, *([WARMUP] if has_warmup else [])]:
            runs = []
            for _ in range(3):
                with tempfile.TemporaryDirectory() as cache:
                    runs.append(run(statements, cache))
            empty |= least(runs)
            run(statements, shared)
            warm |= least([run(statements, shared) for _ in range(3)])
    names = list(empty)
    table(
        "Cold start, seconds",
        ["statement", "empty: CPU", "wall", "warm: CPU", "wall"],
        [[name, *empty[name], *warm[name]] for name in names],
    )
    base = warm["import of scikit-learn"][0]
    checks = [
        ("import tsrnn, CPU", base + 0.3, warm["import tsrnn"][0]),
        ("first NARX fit, empty cache, CPU", 3.0, empty["first NARXRegressor().fit"][0]),
        ("first NARX fit, warm cache, CPU", 0.3, warm["first NARXRegressor().fit"][0]),
    ]
    columns = ["figure", "target", "seen", "met"]
    table("Targets", columns, [[name, target, seen, verdict(seen, target)] for name, target, seen in checks])
    if not has_warmup:
        print("\ntsrnn.warmup() does not exist (yet).")


if __name__ == "__main__":
    main()
