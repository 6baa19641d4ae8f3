"""Who speaks: nine speakers told apart by one vowel, a whole series each.

Japanese vowels (UCI 128): 640 times someone says /ae/, as 7 to 29 rows of 12 LPC cepstrum coefficients; 270 to learn
from, 370 to tell. An echo state network, which solves for its readout, and a GRU, which learns through time.

    pip install aeon                     # its wheel carries the recordings
    python examples/vowels.py            # writes examples/vowels.png
    python examples/vowels.py --quick    # small settings

M. Kudo, J. Toyama, M. Shimbo. "Multidimensional curve classification using passing-through regions." Pattern
Recognition Letters 20(11-13), 1999.
"""

import argparse
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, log_loss

from tsrnn import ESNClassifier, GRUClassifier
from tsrnn.plotting import STYLE


warnings.filterwarnings("ignore", "max_iter=")  # a given number of epochs is enough
FULL = {
    "ESN": ESNClassifier(500, random_state=0),
    "GRU": GRUClassifier(random_state=0),
}
QUICK = {
    "ESN": ESNClassifier(100, random_state=0),
    "GRU": GRUClassifier((16,), max_iter=15, random_state=0),
}


def folder():
    """Where aeon keeps the recordings."""
    found = find_spec("aeon")
    if found is None:
        raise SystemExit("The recordings come with the wheel of aeon: pip install aeon, then run this again.")
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / "JapaneseVowels"


def read(path):
    """Series (n_timesteps, n_dimensions) and labels of a file in the ts format: dimensions are between colons."""
    text = Path(path).read_text("utf-8").partition("@data\n")[2]
    series, labels = [], []
    for line in text.splitlines():
        *dimensions, label = line.split(":")
        series.append(np.array([[float(v) for v in d.split(",")] for d in dimensions]).T)
        labels.append(label)
    return series, np.array(labels)


def picture(out, series, labels, answers):
    """Save a picture: one recording of some speakers, and who is taken for whom."""
    plt.style.use([STYLE, {"axes.grid": False}])
    figure, axes = plt.subplots(1, 1 + len(answers), figsize=(13, 4.3), layout="constrained")
    for k, speaker in enumerate(np.unique(labels)[:3]):
        first = series[int(np.argmax(labels == speaker))]
        axes[0].plot(first[:, 0], label=f"speaker {speaker}")
        axes[0].plot(first[:, 1], color=f"C{k}", linestyle="--")
    axes[0].set(title="The first two of 12 coefficients", xlabel="row", ylabel="cepstrum, second dashed")
    axes[0].legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.14))
    for ax, (name, found) in zip(axes[1:], answers.items()):
        ConfusionMatrixDisplay.from_predictions(labels, found, ax=ax, colorbar=False, cmap="Blues")
        ax.set(title=f"{name}, {np.mean(found == labels):.1%} right", xlabel="said", ylabel="speaker")
    figure.savefig(out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, for a first look")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"), help="the picture")
    args = parser.parse_args()

    (X, y), (X_test, y_test) = (read(folder() / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
    print(f"{len(X)} recordings to learn from, {len(X_test)} to tell:")
    answers = {}
    for name, model in (QUICK if args.quick else FULL).items():
        begin = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - begin
        answers[name] = model.predict(X_test)
        loss = log_loss(y_test, model.predict_proba(X_test))
        print(
            f"  {name}  {np.mean(answers[name] == y_test):6.1%} right, log loss {loss:.3f}, "
            f"{seconds:.1f} s of CPU to fit"
        )
    picture(args.out, X_test, y_test, answers)


if __name__ == "__main__":
    main()
