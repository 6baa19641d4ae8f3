"""What the house around a model costs: import, first fit, small fits, one row at a time, horizons, many short series.

    python tests/benchmarks/house_cost.py [--quick]

CPU time (process_time), the least of repeats, one process; beside it the yardstick ``import pandas, sklearn``, for
machines differ. To compare two versions, run it from each of two checkouts with PYTHONPATH, one behind the other.
"""

import argparse
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd

import tsrnn


def least(work, repeats=5):
    """The least CPU time of some calls, in seconds."""
    best = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def of_process(code, repeats=3):
    """The least CPU time of a process, in seconds."""
    command = "import time; {}; print(time.process_time())"
    runs = [
        subprocess.run([sys.executable, "-c", command.format(code)], capture_output=True, text=True)
        for _ in range(repeats)
    ]
    return min(float(run.stdout.split()[-1]) for run in runs)


def one_row(model, X, y, n=300):
    """Seconds of an update by one row and of a forecast of one, in the mean over many rows."""
    model.fit(X[:300], y[:300])
    spent = np.zeros(2)
    for t in range(300, 300 + n):
        begin = time.process_time()
        model.update(X[t : t + 1], y[t : t + 1])
        middle = time.process_time()
        model.forecast(1, X[t + 1 : t + 2])
        spent += middle - begin, time.process_time() - middle
    return spent / n


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a panel of 500 series")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(700, 2)), rng.normal(size=700)
    index = pd.date_range("2024", periods=700, freq="h")
    frame, series = pd.DataFrame(X, index, columns=["a", "b"]), pd.Series(y, index)
    print(f"tsrnn at {tsrnn.__file__}")
    yard = of_process("import pandas, sklearn.linear_model")
    print(f"import pandas, sklearn.linear_model {yard:9.3f} s")
    print(f"import tsrnn                        {of_process('import tsrnn'):9.3f} s")
    first = (
        "import numpy as np, tsrnn; r = np.random.default_rng(0); "
        "tsrnn.NARXRegressor(random_state=0).fit(r.normal(size=(300, 2)), r.normal(size=300))"
    )
    of_process(first, 1)
    print(f"import and first NARX fit, warm     {of_process(first):9.3f} s")
    narx, arx = tsrnn.NARXRegressor(random_state=0), tsrnn.ARXRegressor()
    narx.fit(X[:300], y[:300])
    print(f"NARXRegressor().fit, 300 rows       {1e3 * least(lambda: narx.fit(X[:300], y[:300])):9.2f} ms")
    print(f"ARXRegressor().fit, 100 rows        {1e3 * least(lambda: arx.fit(X[:100], y[:100]), 20):9.2f} ms")
    for name, model in {
        "ARX": arx,
        "NARX": narx,
        "GRU": tsrnn.GRURegressor((16,), max_iter=3, random_state=0),
    }.items():
        for kind, data in {"arrays": (X, y), "frames": (frame, series)}.items():
            update, forecast = 1e3 * one_row(model, *data)
            print(f"{name:5s} one row, {kind}:   update {update:8.3f} ms    forecast(1) {forecast:8.3f} ms")
    direct = tsrnn.Forecaster(tsrnn.ARXRegressor(input_lags=3, output_lags=24), 24, strategy="direct")
    direct.fit(None, series)
    print(f"Forecaster direct, 24 ARX           {1e3 * least(lambda: direct.fit(None, series), 3):9.2f} ms")
    n = 500 if quick else 5000
    stacked = pd.MultiIndex.from_product(
        [range(n), pd.date_range("2024", periods=40, freq="D")], names=["k", "t"]
    )
    panel = pd.Series(rng.normal(size=len(stacked)).cumsum(), stacked, name="y")
    model = tsrnn.ARXRegressor(output_lags=3)
    new = pd.MultiIndex.from_product([range(n), [pd.Timestamp("2024-02-10")]], names=["k", "t"])
    last = pd.Series(rng.normal(size=n), new, name="y")
    print(f"panel of {n} series, 40 rows: fit     {least(lambda: model.fit(None, panel), 1):9.2f} s")
    print(f"                       forecast(2) {least(lambda: model.forecast(2), 1):9.2f} s")
    print(f"                       update      {least(lambda: model.update(None, last), 1):9.2f} s")


if __name__ == "__main__":
    main()
