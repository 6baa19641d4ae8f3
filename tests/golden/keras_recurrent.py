"""Golden values: stacks of Keras's SimpleRNN, LSTM and GRU layers with a Dense, their outputs.

``keras_recurrent.npz`` holds, for each net of ``NETS``, an input (T, F), the arrays of ``get_weights()`` one behind the
other and the output (T, O) from a state of zeros. To make the file again (Keras 3.15 with its NumPy backend made it):

    KERAS_BACKEND=numpy python tests/golden/keras_recurrent.py
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np


FILE = Path(__file__).with_suffix(".npz")
T, F, O, WIDTHS = 8, 2, 2, (4, 3)
LAYERS = {
    "rnn": ("SimpleRNN", {}),
    "rnn relu": ("SimpleRNN", {"activation": "relu"}),
    "lstm": ("LSTM", {}),
    "gru reset after": ("GRU", {"reset_after": True}),
    "gru reset before": ("GRU", {"reset_after": False}),
}
NETS = {
    f"{layer}, {d} direction{'s' * (d > 1)}": (layer, d) for layer in LAYERS for d in (1, 2)
}  # name -> layer, directions


class Golden(NamedTuple):
    """X (T, F), the list of weights, out (T, O)."""

    X: np.ndarray
    weights: list
    out: np.ndarray


def load(name):
    """The Golden of one net."""
    with np.load(FILE) as file:
        n = sum(key.startswith(f"{name}: weight") for key in file.files)
        return Golden(
            file[f"{name}: X"], [file[f"{name}: weight {k}"] for k in range(n)], file[f"{name}: out"]
        )


def make(name, seed):
    """A random net on a random series, run by Keras."""
    import keras

    layer, directions = NETS[name]
    kind, options = LAYERS[layer]
    rng = np.random.default_rng(seed)
    net = keras.Sequential([keras.layers.Input((None, F))])
    for H in WIDTHS:
        one = getattr(keras.layers, kind)(H, return_sequences=True, **options)
        net.add(keras.layers.Bidirectional(one) if directions == 2 else one)
    net.add(keras.layers.Dense(O))
    net.set_weights([rng.normal(scale=0.6, size=w.shape) for w in net.get_weights()])
    X = rng.normal(size=(T, F))
    return Golden(X, [np.asarray(w) for w in net.get_weights()], np.asarray(net(X[None]))[0])


def main():
    """Write the file."""
    import keras

    keras.config.set_floatx("float64")
    arrays = {}
    for seed, name in enumerate(NETS):
        X, weights, out = make(name, seed)
        arrays |= {f"{name}: X": X, f"{name}: out": out}
        arrays |= {f"{name}: weight {k}": w for k, w in enumerate(weights)}
    np.savez_compressed(FILE, **arrays)


if __name__ == "__main__":
    main()
