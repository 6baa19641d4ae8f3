"""What linear recurrent units are for: memory over hundreds of rows, beside gated units of as many.

Adding problem (Hochreiter and Schmidhuber 1997): T rows of a random number and a mark; y is the sum of the two numbers
that are marked. Guessing 1 gives a mean squared error of 0.167.
Copying task (Arjovsky, Shah, Bengio 2016): 10 symbols of 8, T blanks, a sign, and then the 10 symbols are wanted;
guessing gives an accuracy of 12.5 %. What has to be kept is the order of single rows, so that the LRU that remembers T
rows, "order", needs eigenvalues of size about 1 - 1 / T and all phases.
Digits pixel by pixel (Le, Jaitly, Hinton 2015, with scikit-learn's digits in place of MNIST): images of 8 x 8 pixels
are drawn larger, to T pixels or a little less, 32 x 32 for T = 1024, and read pixel by pixel; one label each.
Each net learns one set of ``--n`` sequences for as many epochs, and is judged on new ones.

    python tests/benchmarks/long_memory.py adding|copying|digits T [--epochs 60] [--n 1000] [--models lru,long,gru,lstm]

lru : LRU as it is by default.   long : with eigenvalues of 0.9 to 0.999, slow ones, as is advised for hundreds of rows.
order : with eigenvalues of 1 - 1 / T to 1 - 1 / (10 T).   deep : two layers of "long" with connections past them, as
its authors stack six.   deepgru : as many layers of a GRU.
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits

import tsrnn
from tsrnn.datasets import make_adding_problem


LONG = {"r_min": 0.9, "r_max": 0.999, "max_phase": np.pi / 10}
DEEP = {"hidden_layer_sizes": (32, 32), "skip_connections": True}
KINDS = {
    "lru": ("LRU", {}),
    "long": ("LRU", LONG),
    "order": ("LRU", {}),
    "deep": ("LRU", LONG | DEEP),
    "deepgru": ("GRU", DEEP),
    "gru": ("GRU", {}),
    "lstm": ("LSTM", {}),
    "mingru": ("MinGRU", {}),
}
SYMBOLS, ALPHABET = 10, 8


def make_copying(n, T, seed):
    """X (n, T + 2 SYMBOLS, ALPHABET + 2), one column a symbol, blank and sign; y (n, T + 2 SYMBOLS), -1 to the sign."""
    symbols = np.random.default_rng(seed).integers(0, ALPHABET, (n, SYMBOLS))
    read = np.full((n, T + 2 * SYMBOLS), ALPHABET)
    read[:, :SYMBOLS], read[:, T + SYMBOLS - 1] = symbols, ALPHABET + 1
    y = np.full(read.shape, -1)
    y[:, -SYMBOLS:] = symbols
    return np.eye(ALPHABET + 2)[read], y


def adding(kind, options, T, epochs, n):
    """Mean squared error on new sequences."""
    (X, y), (X_new, y_new) = (make_adding_problem(m, T, random_state=m) for m in (n, 500))
    settings = {"hidden_layer_sizes": (32,), "max_iter": epochs, "random_state": 0} | options
    model = getattr(tsrnn, f"{kind}Regressor")(solver=tsrnn.Adam(3e-3, clip_norm=1.0), **settings).fit(X, y)
    return model, f"mean squared error {np.mean((model.predict(X_new) - y_new) ** 2):.5f}"


def copying(kind, options, T, epochs, n):
    """Accuracy of the symbols of new sequences."""
    (X, y), (X_new, y_new) = (make_copying(m, T, m) for m in (n, 200))
    weight = np.where(y < 0, 0.02, 1.0)
    settings = {
        "hidden_layer_sizes": (64,),
        "max_iter": epochs,
        "random_state": 0,
        "batch_size": 32,
    } | options
    solver = tsrnn.Adam(5e-3, clip_norm=1.0, schedule="cosine")
    model = getattr(tsrnn, f"{kind}Classifier")(solver=solver, sequence_length=T + 2 * SYMBOLS, **settings)
    model.fit(list(X), list(y), sample_weight=list(weight))
    wanted = y_new >= 0
    return model, f"accuracy {100 * np.mean((np.array(model.predict(list(X_new))) == y_new)[wanted]):.1f} %"


def digits(kind, options, T, epochs, n):
    """Accuracy of the labels of 797 new images; n : up to 1000, to learn from."""
    images, y = load_digits(return_X_y=True)
    side = int(np.sqrt(T)) // 8
    X = np.kron(images.reshape(-1, 8, 8), np.ones((side, side))).reshape(len(y), -1, 1)
    order = np.random.default_rng(0).permutation(len(y))
    old, new = order[:n], order[1000:]
    settings = {"hidden_layer_sizes": (32,), "max_iter": epochs, "random_state": 0} | options
    model = getattr(tsrnn, f"{kind}Classifier")(**settings).fit(X[old], y[old])
    return model, f"accuracy {100 * model.score(X[new], y[new]):.1f} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("adding", "copying", "digits"))
    parser.add_argument("T", type=int)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--models", default="lru,long,gru,lstm")
    given = parser.parse_args()
    KINDS["order"][1].update(r_min=1 - 1 / given.T, r_max=1 - 0.1 / given.T)
    for word in given.models.split(","):
        begin = time.process_time()
        model, result = globals()[given.task](*KINDS[word], given.T, given.epochs, given.n)
        seconds = time.process_time() - begin
        print(f"{given.task} T = {given.T:4} {word:7} {result}  {seconds / len(model.loss_curve_):6.2f} s an epoch, "
              f"{len(model.loss_curve_)} epochs", flush=True)  # fmt: skip
