"""Accuracy of classifiers of whole series, with default arguments.

Digits: scikit-learn's 1797 images read pixel by pixel, 64 steps, 5-fold. With ``--aeon`` (the sets that its wheel
carries, official split): Japanese vowels, ItalyPowerDemand, GunPoint.
Targets: digits 97 %, vowels 98 %, the others 96 %.

    python tests/benchmarks/classification.py [--aeon] [--seeds 5]
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

import tsrnn


MODELS = (tsrnn.ESNClassifier, tsrnn.GRUClassifier, tsrnn.LSTMClassifier)


def report(name, model, scores, begin):
    """A line of the table: mean and worst score, CPU seconds a fit."""
    seconds = (time.process_time() - begin) / len(scores)
    print(
        f"{name:18} {type(model).__name__:18} {100 * np.mean(scores):6.2f} % (worst {100 * min(scores):6.2f} %)"
        f" {seconds:7.1f} s",
        flush=True,
    )


def digits():
    """Pixel by pixel, 5-fold."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for kind in MODELS:
        begin, model = time.process_time(), kind(random_state=0)
        report("digits", model, cross_val_score(model, X[:, :, None], y, cv=folds), begin)


def archive(seeds):
    """Sets of aeon, official split."""
    from aeon import datasets

    for name in ("japanese_vowels", "italy_power_demand", "gunpoint"):
        load = getattr(datasets, f"load_{name}")
        (X, y), (X_test, y_test) = (load(split=split) for split in ("train", "test"))
        X, X_test = ([np.asarray(x).T.copy() for x in part] for part in (X, X_test))
        for kind in MODELS:
            begin, models = time.process_time(), [kind(random_state=seed) for seed in range(seeds)]
            report(name, models[0], [model.fit(X, y).score(X_test, y_test) for model in models], begin)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--aeon", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    digits()
    if given.aeon:
        archive(given.seeds)
