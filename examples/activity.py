"""Which exercise is it, row by row, and how soon does one know?

A smartwatch (accelerations, rates of turn, 50 Hz) records seven exercises of physiotherapy by ten people. A GRU labels
every row, of people it has not seen. Then the watch is simulated: a stream gets one row at a time, and announces an
exercise as soon as it has been sure of it for a second.

    pip install seglearn --no-deps         # its wheel carries the recordings
    python examples/activity.py            # writes examples/activity.png

D. M. Burns et al. "Shoulder physiotherapy exercise recognition." Physiological Measurement 39(7), 2018.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay

from tsrnn import GRUClassifier, Stream
from tsrnn.plotting import STYLE


HERTZ, MEAN_OF = 10, 5  # rows a second, each the mean of 5 rows of the watch
SURE, ROWS = 0.7, 10  # a trigger asks for that probability in so many rows running


def recordings():
    """The recordings: a dict of X (a list of (n, 6)), y, subject, and the names of y."""
    wheel = find_spec("seglearn") or sys.exit("The recordings: pip install seglearn --no-deps")
    path = Path(wheel.submodule_search_locations[0]) / "data" / "watch_dataset.npy"
    return np.load(path, allow_pickle=True).item()


def session(data, person):
    """All exercises of a person one after the other, in random order: X (n, 6) and a label a row."""
    order = np.random.default_rng(person).permutation(np.flatnonzero(data["subject"] == person))
    parts = [data["X"][k][: len(data["X"][k]) // MEAN_OF * MEAN_OF] for k in order]
    parts = [x.reshape(-1, MEAN_OF, x.shape[1]).mean(axis=1) for x in parts]
    labels = [data["y_labels"][data["y"][k]] for k in order]
    return np.concatenate(parts), np.repeat(labels, [len(x) for x in parts])


def watch(model, X):
    """Give a stream one row at a time: probabilities (n, K), and what stands announced at each row."""
    stream, probabilities, announced, said = Stream(model, "cold"), [], [], None
    for row in X:
        stream.step(row)
        probabilities.append(stream.probabilities)
        sure = np.min(probabilities[-ROWS:], axis=0) > SURE
        said = model.classes_[sure.argmax()] if sure.any() else said
        announced.append(said)
    return np.array(probabilities), np.array(announced)


def delays(announced, labels):
    """Seconds from the beginning of each exercise until it is announced, NaN if it never is."""
    exercise = np.cumsum(np.r_[0, labels[1:] != labels[:-1]])
    hits = pd.Series(announced == labels).groupby(exercise)
    return hits.agg(lambda hit: hit.to_numpy().argmax() / HERTZ if hit.any() else np.nan)


def picture(out, classes, probabilities, announced, labels):
    """Save who is taken for whom, and a session as the stream saw it."""
    plt.style.use([STYLE, {"axes.grid": False}])
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 4.6), width_ratios=(1, 2), layout="constrained")
    said = classes[probabilities.argmax(axis=1)]
    look = {"normalize": "true", "values_format": ".0%", "cmap": "Blues", "colorbar": False}
    ConfusionMatrixDisplay.from_predictions(labels, said, ax=left, **look)
    left.set(title="Rows of a person not seen", xlabel="said", ylabel="exercise")
    seconds = np.arange(len(labels)) / HERTZ
    for k, name in enumerate(classes):
        right.fill_between(seconds, k, k + 0.9 * (labels == name), color="0.85")
        right.plot(seconds, k + 0.9 * probabilities[:, k], color="C0", linewidth=0.8)
        right.plot(seconds, np.where(announced == name, k - 0.05, np.nan), color="C1", linewidth=3)
    right.set_yticks(range(len(classes)), classes)
    right.set(title="Exercise (grey), its probability (blue), what is announced (orange)", xlabel="seconds")
    figure.savefig(out, dpi=110)


def main():
    data = recordings()
    X, y = zip(*(session(data, person) for person in range(1, 9)))
    model = GRUClassifier((32,), max_iter=None, random_state=0).fit(X, y)
    for person in (9, 10):
        X, labels = session(data, person)
        probabilities, announced = watch(model, X)
        right, waits = np.mean(model.predict(X, start="cold") == labels), delays(announced, labels)
        print(
            f"Person {person}: {right:.0%} of rows right, {waits.count()} of {len(waits)} exercises announced,"
        )
        print(f"  half of those within {waits.median():.1f} s")
    picture(Path(__file__).with_suffix(".png"), model.classes_, probabilities, announced, labels)


if __name__ == "__main__":
    main()
