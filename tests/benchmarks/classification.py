"""Accuracy and calibration of classifiers of whole series, with default arguments, beside MiniRocket and a torch LSTM.

Digits: scikit-learn's 1797 images read pixel by pixel, 64 steps, 5-fold; "permuted": all in one random order.  With
``--aeon`` (the sets that its wheel carries, official split, read from its folder): Japanese vowels, ItalyPowerDemand,
GunPoint; series of unequal length are padded with their last row for MiniRocket only, which takes none.  The torch LSTM
is the net that ours is by default (32 units in both directions, one readout of what each ends with and one of the
mean), with the epochs, batches and steps of ours, all series in training; of fewer than 2000 series ours is the mean of
three such nets.  "ECE" is the expected calibration error of the most probable class, 10 bins; "calibrated" that of
``CalibratedClassifierCV`` around the model, 3-fold, on GunPoint.
Targets: digits 97 %, vowels 98 %, the others 96 %.

    python tests/benchmarks/classification.py [--aeon] [--digits] [--permuted] [--seeds 5] [--folds 5]
        [--only GRU,LSTM,ESN,MiniRocket,torch]
"""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from common import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

import tsrnn


SETS = {"JapaneseVowels": 98, "ItalyPowerDemand": 96, "GunPoint": 96}
EPOCHS, BATCH, RATE = 100, 32, 0.01  # of our defaults


class TorchLSTM(ClassifierMixin, BaseEstimator):
    """The net that ``LSTMClassifier`` is by default, in torch."""

    def __init__(self, random_state=0, epochs=EPOCHS):
        self.random_state, self.epochs = random_state, epochs

    def fit(self, X, y):
        """Train on all series."""
        torch.manual_seed(self.random_state)
        torch.set_num_threads(1)
        self.classes_, codes = np.unique(y, return_inverse=True)
        rows = np.concatenate(X)
        self.scale_ = rows.mean(axis=0), np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1.0)
        self.lstm = torch.nn.LSTM(rows.shape[1], 32, bidirectional=True)
        self.last, self.mean = (torch.nn.Linear(64, len(self.classes_)) for _ in range(2))
        parameters = [p for part in (self.lstm, self.last, self.mean) for p in part.parameters()]
        solver = torch.optim.Adam(parameters, lr=RATE)
        fading = torch.optim.lr_scheduler.CosineAnnealingLR(solver, self.epochs)
        codes, rng = torch.tensor(codes), np.random.default_rng(self.random_state)
        for _ in range(self.epochs):
            order = rng.permutation(len(X))
            for k in range(0, len(order), BATCH):
                batch = order[k : k + BATCH]
                solver.zero_grad()
                torch.nn.functional.cross_entropy(self._scores(X, batch), codes[batch]).backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                solver.step()
            fading.step()
        return self

    def _scores(self, X, which):
        """Scores (B, K) of some series."""
        scaled = [torch.tensor((X[k] - self.scale_[0]) / self.scale_[1], dtype=torch.float32) for k in which]
        packed = torch.nn.utils.rnn.pack_sequence(scaled, enforce_sorted=False)
        out, (ends, _) = self.lstm(packed)
        out, lengths = torch.nn.utils.rnn.pad_packed_sequence(out)  # (T, B, 64), 0 after the end
        return self.last(torch.cat([*ends], dim=1)) + self.mean(out.sum(dim=0) / lengths[:, None])

    def predict_proba(self, X):
        """Probabilities (S, K)."""
        with torch.no_grad():
            return torch.softmax(self._scores(X, range(len(X))), dim=1).numpy()


class MiniRocket(ClassifierMixin, BaseEstimator):
    """That of aeon, around series as lists of (n_timesteps, n_features)."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        """Fit it to series as long as the longest."""
        from aeon.classification.convolution_based import MiniRocketClassifier

        self.length_ = max(map(len, X))
        self.model_ = MiniRocketClassifier(random_state=self.random_state).fit(self._cube(X), y)
        self.classes_ = self.model_.classes_
        return self

    def _cube(self, X):
        """(S, n_features, n_timesteps)."""
        n = self.length_
        return np.array([np.pad(x[:n], ((0, max(0, n - len(x))), (0, 0)), mode="edge").T for x in X])

    def predict_proba(self, X):
        """Probabilities (S, K), 0 and 1."""
        return self.model_.predict_proba(self._cube(X))


MODELS = {
    "ESN": tsrnn.ESNClassifier,
    "GRU": tsrnn.GRUClassifier,
    "LSTM": tsrnn.LSTMClassifier,
    "MiniRocket": MiniRocket,
    "torch": TorchLSTM,
}


def calibration_error(p, right, bins=10):
    """Expected calibration error: mean distance of how sure from how right, over bins of the first."""
    sure = p.max(axis=1)
    which = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(sure[which == b].mean() - right[which == b].mean()) * np.mean(which == b) for b in set(which)]
    return float(np.sum(gaps))


def judge(name, kind, splits):
    """A line of the table: mean and worst score, calibration error, CPU seconds a fit."""
    scores, errors, begin = [], [], time.process_time()
    for seed, (X, y, X_test, y_test) in splits:
        model = kind(random_state=seed).fit(X, y)
        p = model.predict_proba(X_test)
        right = model.classes_[p.argmax(axis=1)] == y_test
        scores.append(right.mean())
        errors.append(calibration_error(p, right))
    seconds = (time.process_time() - begin) / len(scores)
    print(
        f"{name:18} {kind.__name__:16} {100 * np.mean(scores):6.2f} % (worst {100 * min(scores):6.2f} %)"
        f"  ECE {np.mean(errors):.3f} {seconds:7.1f} s",
        flush=True,
    )


def digits(kinds, n_folds, permuted):
    """Pixel by pixel, the first of five folds or more of them."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(X.shape[1]) if permuted else slice(None)
    X = X[:, order, None]
    for kind in kinds:
        folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))[:n_folds]
        splits = [(0, (list(X[a]), y[a], list(X[b]), y[b])) for a, b in folds]
        judge("digits" + ", permuted" * permuted, kind, splits)


def read(name, part):
    """Series (n_timesteps, n_dimensions) and labels of a file in the ts format: dimensions are between colons."""
    folder = Path(find_spec("aeon").submodule_search_locations[0]) / "datasets" / "data" / name
    text = (folder / f"{name}_{part}.ts").read_text("utf-8")
    series, labels = [], []
    for line in text[text.lower().index("@data") + 5 :].split():
        *dimensions, label = line.split(":")
        series.append(np.array([[float(v) for v in d.split(",")] for d in dimensions]).T)
        labels.append(label)
    return series, np.array(labels)


def archive(kinds, seeds):
    """Sets of aeon, official split; then how well calibrated, by itself and with a regression on top."""
    for name in SETS:
        split = (*read(name, "TRAIN"), *read(name, "TEST"))
        for kind in kinds:
            judge(name, kind, [(seed, split) for seed in range(seeds)])
    X, y, X_test, y_test = (
        np.array(part) for part in (*read("GunPoint", "TRAIN"), *read("GunPoint", "TEST"))
    )
    for kind in kinds:
        if kind.__module__.startswith("tsrnn"):
            model = CalibratedClassifierCV(kind(random_state=0), cv=3).fit(X, y)
            p = model.predict_proba(X_test)
            right = model.classes_[p.argmax(axis=1)] == y_test
            error = calibration_error(p, right)
            print(f"GunPoint, calibrated {kind.__name__:16} {100 * right.mean():6.2f} %  ECE {error:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--aeon", action="store_true")
    parser.add_argument("--digits", action="store_true")
    parser.add_argument("--permuted", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", default="ESN,GRU,LSTM")
    given = parser.parse_args()
    chosen = [MODELS[name] for name in given.only.split(",")]
    if given.digits or not (given.aeon or given.permuted):
        digits(chosen, given.folds, False)
    if given.permuted:
        digits(chosen, given.folds, True)
    if given.aeon:
        archive(chosen, given.seeds)
