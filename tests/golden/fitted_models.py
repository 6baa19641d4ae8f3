"""Fitted models of each version of tsrnn, in a file each, with what they forecast: later versions must load them.

``fitted/<version>.pickle.xz`` holds rows X, Y and, by the names of ``exported.NETS``, a pickled model, its free run
over the rows and its forecasts one step ahead. To write the file of this version, once, before its release:

    python tests/golden/fitted_models.py
"""

import lzma
import pickle
import sys
from pathlib import Path


FOLDER = Path(__file__).with_name("fitted")
KEPT = (  # one of each kind, and of each thing that is kept
    "tdnn",
    "narx, mask",
    "arx, differences",
    "elman, relu, deep, skip, lags, layer norm, learned start",
    "lstm, peepholes, layer norm, fed",
    "gru, log of differences, bounds",
    "gru, hold",
    "esn, deep, squares, fed",
    "esn, cv",
    "persistence",
    "seasonal",
)


def files():
    """Those of all versions."""
    return sorted(FOLDER.glob("*.pickle.xz"))


def load(file):
    """X, Y and name -> (model, free, ahead)."""
    X, Y, models = pickle.loads(lzma.decompress(file.read_bytes()))
    return X, Y, {name: (pickle.loads(model), *out) for name, (model, *out) in models.items()}


def main():
    """Write the file of this version."""
    sys.path.insert(0, str(FOLDER.parents[1]))
    from exported import TRAIN, data, fitted

    import tsrnn

    X, Y = (a[TRAIN : TRAIN + 30] for a in data())
    models = {}
    for name in KEPT:
        model = fitted(name)
        models[name] = pickle.dumps(model), model.predict(X, start="end"), model.predict_ahead(X, Y)
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{tsrnn.__version__}.pickle.xz"
    file.write_bytes(lzma.compress(pickle.dumps((X, Y, models))))


if __name__ == "__main__":
    main()
