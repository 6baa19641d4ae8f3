"""Which exercise is it, row by row, and how soon does one know?

A smartwatch at the wrist (three accelerations, three rates of turn, 50 Hz) records seven exercises of physiotherapy for
the shoulder, by ten people. A GRU labels every row, of people it has not seen. Then the watch is simulated: a stream
gets one row at a time and says which exercise has begun as soon as it has been sure for a while; the delay of that
trigger is measured from the first row of the exercise.

    pip install seglearn --no-deps         # its wheel carries the recordings
    python examples/activity.py            # writes examples/activity.png
    python examples/activity.py --quick    # small settings

D. M. Burns, N. Leung, M. Hardisty, C. M. Whyne, P. Henry, S. McLachlin. "Shoulder physiotherapy exercise recognition:
machine learning the inertial signals from a smartwatch." Physiological Measurement 39(7), 2018.
"""

import argparse
import time
import warnings
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from tsrnn import GRUClassifier, Stream


warnings.filterwarnings("ignore", "max_iter=")  # a given number of epochs is enough
RATE = 50  # rows a second of the watch
TEST = (9, 10)  # people
SURE, FOR = 0.7, 1.0  # probability that a trigger asks for, and seconds in a row

FULL = {"mean_of": 5, "train": range(1, 9), "units": 32, "epochs": 60}
QUICK = {"mean_of": 25, "train": range(1, 4), "units": 16, "epochs": 12}


def recordings():
    """A dict of the wheel of seglearn: X, a list of (n, 6), y, subject, and the names of y."""
    found = find_spec("seglearn")
    if found is None:
        raise SystemExit(
            "The recordings come with the wheel of seglearn: pip install seglearn --no-deps, then run this again."
        )
    path = Path(found.submodule_search_locations[0]) / "data" / "watch_dataset.npy"
    return np.load(path, allow_pickle=True).item()


def thinned(x, k):
    """Means of k rows each."""
    n = len(x) // k
    return x[: n * k].reshape(n, k, -1).mean(axis=1)


def session(data, person, mean_of, seed=0):
    """All exercises of a person one after the other, in random order: X (n, 6) and a label a row."""
    of_person = np.flatnonzero(data["subject"] == person)
    order = np.random.default_rng([seed, person]).permutation(of_person)
    X = [thinned(data["X"][k], mean_of) for k in order]
    labels = [np.full(len(x), data["y_labels"][data["y"][k]]) for k, x in zip(order, X)]
    return np.concatenate(X), np.concatenate(labels)


class Trigger:
    """Announces a label once it has had a probability of ``sure`` for so many rows in a row."""

    def __init__(self, sure, rows):
        self.sure, self.rows = sure, rows
        self.announced, self._candidate, self._seen = None, None, 0

    def __call__(self, label, probability):
        """The label that is announced by this row, or None."""
        if probability < self.sure:
            label = None
        self._seen = self._seen + 1 if label == self._candidate else 1
        self._candidate = label
        if label is None or label == self.announced or self._seen < self.rows:
            return None
        self.announced = label
        return label


def watch(model, X, rows):
    """Follow a session row by row: probabilities (n, K), and what is announced [(row, label)]."""
    stream, trigger = Stream(model, "cold"), Trigger(SURE, rows)
    probabilities, announced = [], []
    for t, x in enumerate(X):
        label = stream.step(x)
        probabilities.append(stream.probabilities)
        said = trigger(label, probabilities[-1].max())
        if said is not None:
            announced.append((t, said))
    return np.array(probabilities), announced


def microseconds(model, X):
    """CPU time of a row of a stream."""
    stream = Stream(model, "cold")
    begin = time.process_time()
    for x in X:
        stream.step(x)
    return 1e6 * (time.process_time() - begin) / len(X)


def delays(announced, labels):
    """Rows from the beginning of each stretch of a label to its first right announcement, NaN where none came.

    And how many announcements were wrong.
    """
    starts = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1), len(labels)]
    waits, wrong, standing = [], 0, None
    for first, last in pairwise(starts):
        inside = [(t, label) for t, label in announced if first <= t < last]
        right = [t - first for t, label in inside if label == labels[first]]
        wrong += len(inside) - len(right)
        waits.append(0.0 if standing == labels[first] else min(right, default=np.nan))
        standing = inside[-1][1] if inside else standing
    return np.array(waits), wrong


def picture(out, model, session_of, probabilities, announced, truth, found, hertz):
    """Save a picture: who is taken for whom, and a session as the stream saw it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4.5), width_ratios=(1, 2.4), layout="constrained")
    names = model.classes_
    table = confusion_matrix(truth, found, labels=names, normalize="true")
    left.imshow(table, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(table.shape):
        left.text(j, i, f"{table[i, j]:.0%}", ha="center", va="center", fontsize=8)
    left.set_xticks(range(len(names)), names, rotation=45)
    left.set_yticks(range(len(names)), names)
    left.set(title="Rows of people not seen", xlabel="said", ylabel="exercise")
    seconds, labels = np.arange(len(probabilities)) / hertz, session_of[1]
    for k, name in enumerate(names):
        right.plot(seconds, probabilities[:, k] + 1.15 * k, color=f"C{k}", linewidth=0.8)
        right.fill_between(seconds, 1.15 * k, 1.15 * k + (labels == name), color=f"C{k}", alpha=0.2)
    for t, label in announced:
        right.plot(t / hertz, 1.15 * list(names).index(label) + 1.05, "kv", markersize=5)
    right.set_yticks(1.15 * np.arange(len(names)), names)
    right.set(title="Probabilities, true labels (shaded), and what was announced", xlabel="seconds")
    figure.savefig(out, dpi=110)
    print(f"\nThe picture is {out}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    settings, data = QUICK if args.quick else FULL, recordings()
    hertz = RATE / settings["mean_of"]
    sessions = [session(data, person, settings["mean_of"]) for person in settings["train"]]
    X, y = map(list, zip(*sessions))
    print(f"{sum(map(len, y))} rows at {hertz:g} Hz of {len(X)} people to learn from, people {TEST} to tell:")
    model = GRUClassifier((settings["units"],), max_iter=settings["epochs"], random_state=0)
    model.fit(X, y)

    rows, truth, found, waits, wrong = max(1, round(FOR * hertz)), [], [], [], 0
    for person in TEST:
        X_test, y_test = session(data, person, settings["mean_of"])
        probabilities, announced = watch(model, X_test, rows)
        truth.append(y_test)
        found.append(model.classes_[probabilities.argmax(axis=1)])
        wait, missed = delays(announced, y_test)
        waits.append(wait / hertz)
        wrong += missed
    truth, found, waits = map(np.concatenate, (truth, found, waits))
    print(f"  rows right {np.mean(truth == found):.1%}, F1 {f1_score(truth, found, average='macro'):.3f}")
    print(
        f"  {np.isfinite(waits).sum()} of {len(waits)} exercises announced, half of them within "
        f"{np.nanmedian(waits):.1f} s, nine of ten within {np.nanquantile(waits, 0.9):.1f} s; {wrong} announced wrongly"
    )
    print(f"  a row takes the stream {microseconds(model, X_test):.0f} microseconds")
    last = X_test, y_test
    picture(args.out, model, last, probabilities, announced, truth, found, hertz)


if __name__ == "__main__":
    main()
