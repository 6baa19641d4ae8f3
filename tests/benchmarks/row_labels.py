"""Classifiers of rows with default arguments, beside class frequencies and scikit-learn on the last 20 rows of inputs.

Streams of which the first rows are learnt and the rows after them labelled in a free run:

    states     hidden Markov chains: what the best filter knows is printed, too ("filter")
    dynamics   two autoregressions that take turns; the filter again
    event      a mean of ten inputs was above 1 five rows ago
    watch      exercises by accelerations and rates of turn, of people not learnt (``pip install seglearn --no-deps``)
    up ...     whether the next value of a development series will be higher (--data FOLDER)

For each: log loss and share of right labels, the means of some seeds.  In the end the geometric mean of log losses over
those of the class frequencies, in how many streams it is above 1.02 and above 1.5, and CPU seconds.

    python tests/benchmarks/row_labels.py [--data DATA] [--models GRU LSTM] [--seeds 2]

What it printed is in results/classification.md.
"""

import argparse
import warnings
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn


LAGS, TEST, MOST = 20, 2000, 3000  # rows seen by scikit-learn; that are labelled; that are learnt
SURE = 1e-6  # the least probability that is counted
RIVALS = {
    "frequencies": DummyClassifier(),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500)),
    "boosting": HistGradientBoostingClassifier(random_state=0),
}
MODELS = ("GRU", "LSTM", "Elman", "MinGRU", "TDNN", "NARX", "ESN")


def filtered(likelihoods, stay):
    """Filter states of a chain that stays with some probability: P (N, K) by likelihoods (N, K) of the rows."""
    K = likelihoods.shape[1]
    step = np.full((K, K), (1 - stay) / (K - 1))
    np.fill_diagonal(step, stay)
    p, P = np.full(K, 1 / K), np.empty_like(likelihoods)
    for t, likelihood in enumerate(likelihoods):
        p = (p @ step) * likelihood
        P[t] = p = p / p.sum()
    return P


def chain(n, K, stay, rng):
    """Draw states (n,) of a chain."""
    z = np.zeros(n, int)
    for t in range(1, n):
        z[t] = z[t - 1] if rng.random() < stay else (z[t - 1] + rng.integers(1, K)) % K
    return z


def states(n, rng, K, stay, noise, D):
    """Draw a hidden Markov chain: X (n, D) around a mean of each state, states, what the filter knows."""
    means, z = rng.normal(size=(K, D)), chain(n, K, stay, rng)
    X = means[z] + rng.normal(0, noise, (n, D))
    return X, z, filtered(np.exp(-((X[:, None] - means) ** 2).sum(axis=2) / (2 * noise**2)), stay)


def dynamics(n, rng):
    """Draw an autoregression whose coefficient is that of a state."""
    a, z, x = np.array([0.2, 0.9]), chain(n, 2, 0.98, rng), np.zeros(n)
    for t in range(1, n):
        x[t] = a[z[t]] * x[t - 1] + rng.normal(0, np.sqrt(1 - a[z[t]] ** 2))
    error = x[:, None] - a * np.r_[0, x[:-1]][:, None]
    return x[:, None], z, filtered(np.exp(-(error**2) / (2 * (1 - a**2))) / np.sqrt(1 - a**2), 0.98)


def event(n, rng):
    """Draw two inputs, and whether a mean of the first one was high some rows ago."""
    X = rng.normal(size=(n, 2))
    high = np.convolve(X[:, 0], np.full(10, 10**-0.5))[:n] > 1
    return X, np.r_[np.zeros(5, int), high[:-5]].astype(int), None


def watch(seed):
    """Yield one stream of exercises: X, labels, None, and how many rows are learnt."""
    from activity import recordings, session

    data = recordings()
    (X, y), (X_new, y_new) = (session(data, person) for person in (1 + seed % 4, 6 + seed % 4))
    X, y = X[::2][:MOST], y[::2][:MOST]
    known = np.isin(y_new, y)
    yield np.r_[X, X_new[known][::2][:TEST]], np.r_[y, y_new[known][::2][:TEST]], None, len(X)


def directions(folder):
    """Yield (name, X, y, None, n learnt): the value and the last step of a series, and whether the next step is up."""
    for path in sorted(Path(folder).glob("*.csv")):
        y = pd.read_csv(path).select_dtypes("number").iloc[:, -1].dropna().to_numpy(float)[:MOST]
        up = np.diff(y)[1:] > 0
        n = int(0.6 * len(up))
        if len(y) >= 400 and 0 < up[:n].mean() < 1:
            yield f"up {path.stem[:12]}", np.c_[y[1:-1], np.diff(y)[:-1]], up, None, n


def streams(seed, folder):
    """Yield (name, X (N, D), labels (N,), probabilities of a filter or None, n learnt)."""
    drawn = {
        "3 states": lambda n, rng: states(n, rng, 3, 0.97, 1.5, 3),
        "rare states": lambda n, rng: states(n, rng, 3, 0.99, 1.0, 3),
        "5 states": lambda n, rng: states(n, rng, 5, 0.95, 2.0, 6),
        "dynamics": dynamics,
        "event": event,
    }
    for name, draw in drawn.items():
        for n in (500, MOST):
            yield f"{name} {n}", *draw(n + TEST, np.random.default_rng([seed, n])), n
    if find_spec("seglearn"):
        yield from (("watch", *stream) for stream in watch(seed))
    if folder is not None:
        yield from directions(folder)


def lagged(X):
    """Return the last rows of X beside each other, (N, LAGS D), zeros before the first."""
    return np.hstack([np.vstack([np.zeros((k, X.shape[1])), X[: len(X) - k]]) for k in range(LAGS)])


def scores(p, classes, y, labels):
    """Return the log loss and the share of right labels of probabilities p (N, C) of some of the labels."""
    P = np.full((len(y), len(labels)), SURE)
    P[:, np.searchsorted(labels, classes)] = np.clip(p, SURE, 1)
    P /= P.sum(axis=1, keepdims=True)
    return log_loss(y, P, labels=labels), np.mean(labels[P.argmax(axis=1)] == y)


def compare(X, y, known, n, models, seed):
    """Return {model: (log loss, share right, CPU seconds)} of one stream."""
    labels, found = np.unique(y), {}
    if known is not None:
        found["filter"] = *scores(known[n:], np.arange(known.shape[1])[: len(labels)], y[n:], labels), 0.0
    wide = lagged(X)
    for name, model in {**RIVALS, **dict.fromkeys(models)}.items():
        start = process_time()
        if model is None:
            model = getattr(tsrnn, f"{name}Classifier")(random_state=seed).fit(X[:n], y[:n])
            p = model.predict_proba(X[n:])
        else:
            p = model.fit(wide[:n], y[:n]).predict_proba(wide[n:])
        found[name] = *scores(p, model.classes_, y[n:], labels), process_time() - start
    return found


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    ratios, seconds, lines = {}, {}, {}
    for seed in range(arguments.seeds):
        for name, *stream in streams(seed, arguments.data):
            found = compare(*stream, arguments.models, seed)
            for model, (loss, right, spent) in found.items():
                ratios.setdefault(model, []).append(loss / found["frequencies"][0])
                seconds[model] = seconds.get(model, 0.0) + spent
                lines.setdefault(name, {}).setdefault(model, []).append((loss, 100 * right))
    shown = ["filter", *RIVALS, *arguments.models]
    print(f"{'':16}", "".join(f"{model:>12}" for model in shown))
    for name, of_models in lines.items():
        cells = [np.mean(of_models.get(model, [(np.nan, np.nan)]), axis=0) for model in shown]
        print(f"{name:16}", "".join(f"{loss:8.3f}{right:4.0f}" for loss, right in cells))
    for model in shown:
        r = np.array(ratios[model])
        print(
            f"{model:12} {np.exp(np.log(r).mean()):.3f}  {(r > 1.02).sum()}, {(r > 1.5).sum()} of {len(r)}"
            f"  {seconds[model]:.1f} s"
        )
