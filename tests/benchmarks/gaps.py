"""What gaps cost: CPU time of each verb where one row in a hundred is missing, over that of the same rows without gaps.

A series of 100,000 minutes with about 1000 gaps, most of a row; ``update`` takes all but the first 2000 rows at once.

    python tests/benchmarks/gaps.py [rows=100000]
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd

import tsrnn


MODELS = {
    "LSTM": lambda: tsrnn.LSTMRegressor((4,), output_lags=1, max_iter=6, random_state=0),
    "NARX": lambda: tsrnn.NARXRegressor((4,), output_lags=2, max_iter=3, random_state=0),
    "ARX": lambda: tsrnn.ARXRegressor(output_lags=2),
    "ESN": lambda: tsrnn.ESNRegressor(50, output_lags=1, random_state=0),
}
VERBS = ("fit", "predict", "predict_ahead", "update")


def spent(make, y):
    """CPU seconds of each verb."""
    model, X = make(), pd.DataFrame(index=y.index)
    calls = (
        lambda: model.fit(None, y),
        lambda: model.predict(X, start="cold"),
        lambda: model.predict_ahead(X, y, start="cold"),
        lambda: model.update(None, y[2000:]),
    )
    out = []
    for verb, call in zip(VERBS, calls):
        if verb == "update":
            model.fit(None, y[:2000])
        begin = time.process_time()
        call()
        out.append(time.process_time() - begin)
    return np.array(out)


def main(rows=100_000):
    """Print the table."""
    warnings.simplefilter("ignore")
    rng, n = np.random.default_rng(0), int(rows)
    index = pd.date_range("2000-01-01", periods=n, freq="min")
    whole = pd.Series(np.sin(np.arange(n) / 20) + 0.1 * rng.normal(size=n), index)
    gaps = whole[rng.random(n) > 0.01]
    print(f"{'':6s}" + "".join(f"{verb:>22s}" for verb in VERBS))
    for name, make in MODELS.items():
        make().fit(None, gaps[:3000]).predict(pd.DataFrame(index=gaps.index[:3000]))  # compiles
        without, with_gaps = spent(make, whole), spent(make, gaps)
        cells = (f"{b:8.2f} s, {b / a:5.1f} times" for a, b in zip(without, with_gaps))
        print(f"{name:6s}" + "".join(f"{cell:>22s}" for cell in cells), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
