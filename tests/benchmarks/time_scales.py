"""What several time scales in one net buy: leaky units, connections that skip rows, and convolution in front.

Two scales: y(t) = u(t) u(t - 1) + s(t), of which the first is forgotten at once and the second is slow: "drift", the
leaky sum s(t) = 0.98 s(t - 1) + 0.2 v(t) of rare impulses v, or "echo", s(t) = u(t - 48).  Nets of about as many
weights learn 2000 rows, and are judged on 1000 more that go on; 1.0 is the error of the mean.  Beside it how much of an
error's gradient is left 16, 48 and 96 rows ago, of that of the row itself (``gradient_flow``).
Shapes: 1024 rows of noise, in each half a wave of 16 rows, one up and then down, the other down and then up; which of
the two comes first.  After two poolings the net takes 64 steps.

    python tests/benchmarks/time_scales.py [scales|shapes] [--seeds 3]
"""

import argparse
import time

import numpy as np

import tsrnn
from tsrnn import Convolution, ElmanRegressor, GRUClassifier, GRURegressor


TRAIN, TEST, T = 2000, 1000, 1024
NETS = {
    "Elman": ElmanRegressor((20,)),
    "Elman, leak_rate=(0.01, 1)": ElmanRegressor((20,), leak_rate=(0.01, 1.0)),
    'Elman, leak_rate="learned"': ElmanRegressor((20,), leak_rate="learned"),
    "Elman, recurrent_lags=(1, 8, 48)": ElmanRegressor((12,), recurrent_lags=(1, 8, 48)),
    "Elman, recurrent_lags=(48,)": ElmanRegressor((20,), recurrent_lags=(48,)),
    "GRU": GRURegressor((11,)),
    "GRU, recurrent_lags=(1, 48)": GRURegressor((8,), recurrent_lags=(1, 48)),
}
FRONT = [Convolution(8, width=9, pooling=4), Convolution(8, width=9, pooling=4)]


def two_scales(slow, seed):
    """X (n, 2), u and v; y (n,)."""
    rng = np.random.default_rng(seed)
    n = TRAIN + TEST + 100
    u, v = rng.normal(size=n), rng.normal(size=n) * (rng.uniform(size=n) < 0.05)
    s = np.zeros(n)
    for t in range(100, n):
        s[t] = 0.98 * s[t - 1] + v[t] if slow == "drift" else u[t - 48]
    y = u * np.roll(u, 1) + s
    return np.column_stack([u, v])[100:], y[100:]


def scales(seeds):
    """Print a table of errors and gradients."""
    print(
        f"{'':34s} weights"
        + "".join(f"  {name:>6s}   16    48    96 ago   CPU s" for name in ("drift", "echo"))
    )
    for name, net in NETS.items():
        cells, weights = [], 0
        for slow in ("drift", "echo"):
            errors, flows, begin = [], [], time.process_time()
            for seed in range(seeds):
                X, y = two_scales(slow, seed)
                net.set_params(random_state=seed, sequence_length=100)
                model = net.fit(X[:TRAIN], y[:TRAIN])
                error = model.predict(X[TRAIN:]) - y[TRAIN:]
                errors.append(np.sqrt(np.mean(error**2)) / np.std(y[TRAIN:]))
                norms = model.gradient_flow(X[:TRAIN], y[:TRAIN], steps=100)[0]
                flows.append(norms[[16, 48, 96]] / norms[0])
                weights = model.theta_.size
            seconds = (time.process_time() - begin) / seeds
            shares = " ".join(f"{share:5.0e}" for share in np.median(flows, axis=0))
            cells.append(f"  {np.mean(errors):6.3f}  {shares}  {seconds:5.1f}")
        print(f"{name:34s} {weights:7d}" + "".join(cells), flush=True)


def waves(n, seed):
    """X (n, T, 1), y (n,)."""
    rng = np.random.default_rng(seed)
    y, at = rng.integers(0, 2, n), rng.integers(0, T // 2 - 16, (n, 2)) + [0, T // 2]
    X, wave = 0.5 * rng.normal(size=(n, T, 1)), np.sin(2 * np.pi * np.arange(16) / 16)
    for x, label, (first, second) in zip(X, y, at):
        sign = 1 if label else -1
        x[first : first + 16, 0] += sign * wave
        x[second : second + 16, 0] -= sign * wave
    return X, y


def shapes(seeds):
    """Print accuracies."""
    nets = {
        "GRU": GRUClassifier((20,)),
        "Convolution, GRU": GRUClassifier((12,), convolution=FRONT),
        "Convolution, GRU, dense": GRUClassifier((12,), convolution=FRONT, readout_hidden_layer_sizes=(8,)),
    }
    print(f"{'':26s} weights  accuracy  CPU s a fit")
    for name, net in nets.items():
        scores, begin = [], time.process_time()
        for seed in range(seeds):
            X, y = waves(600, seed)
            model = net.set_params(random_state=seed, max_iter=40).fit(X, y)
            scores.append(100 * model.score(*waves(500, 100 + seed)))
        seconds = (time.process_time() - begin) / seeds
        print(f"{name:26s} {model.theta_.size:7d}  {np.mean(scores):8.1f}  {seconds:11.1f}", flush=True)


def main():
    """Run the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", choices=["scales", "shapes"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"tsrnn {tsrnn.__version__}")
    for name, table in (("scales", scales), ("shapes", shapes)):
        if arguments.table in (None, name):
            table(arguments.seeds)


if __name__ == "__main__":
    main()
