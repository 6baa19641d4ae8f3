"""Golden values: torch's nn.RNN, nn.LSTM and nn.GRU with an affine readout, outputs and gradients in float64.

``torch_recurrent.npz`` holds, for each net of ``NETS``, the input (T, B, F), the target (T, B, O), the weight of each
row (T, B), torch's parameters one behind the other in the order of ``torch_shapes``, the output (T, B, O) and the
gradient of

    loss = 1/2 sum_{t, b, o} weight (output - target)^2

with respect to those parameters, and to the input. The state a layer starts from is a parameter too, the
same for every sequence. To make the file again (torch 2.13 made it):

    python tests/golden/torch_recurrent.py
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np


FILE = Path(__file__).with_suffix(".npz")
T, B, F, H, O = 6, 3, 2, 3, 1
GATES = {"rnn tanh": 1, "rnn relu": 1, "lstm": 4, "gru": 3}
NETS = {  # name -> cell, layers, directions
    f"{cell}, {n} layer{'s' * (n > 1)}, {d} direction{'s' * (d > 1)}": (cell, n, d)
    for cell in GATES
    for n in (1, 2)
    for d in (1, 2)
}


class Golden(NamedTuple):
    """The arrays of one net; theta and gradient as named arrays of torch's shapes."""

    X: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    theta: dict
    out: np.ndarray
    gradient: dict
    dX: np.ndarray


class Parameters(NamedTuple):
    """One layer and direction in the library's order of gates and units; an array that is not used has no rows."""

    W: np.ndarray  # (G, D, H)
    U: np.ndarray  # (G, H, H)
    b: np.ndarray  # (G, H)
    start: np.ndarray  # (n_states, H)
    d: np.ndarray  # (H,): the GRU's bias of n inside the reset
    P: np.ndarray = np.empty((0, H))
    gain: np.ndarray = np.empty((0, H))


def torch_shapes(name):
    """Name -> shape of each parameter: torch's own names, and h0, c0 (layers * directions, H), V (., O), c (O,)."""
    cell, layers, directions = NETS[name]
    G, shapes = GATES[cell] * H, {}
    for layer in range(layers):
        for suffix in [f"_l{layer}", f"_l{layer}_reverse"][:directions]:
            shapes["weight_ih" + suffix] = (G, F if layer == 0 else H * directions)
            shapes["weight_hh" + suffix] = (G, H)
            shapes["bias_ih" + suffix] = shapes["bias_hh" + suffix] = (G,)
    for state in ["h0", "c0"][: 2 if cell == "lstm" else 1]:
        shapes[state] = (layers * directions, H)
    return {**shapes, "V": (H * directions, O), "c": (O,)}


def cell_of(name):
    """The cell in the library's words, and the activation of an Elman net."""
    kind, *activation = NETS[name][0].split()
    return ("elman", *activation) if kind == "rnn" else (kind, "tanh")


def cut(flat, shapes):
    """Name -> array, from one flat vector."""
    ends = np.cumsum([np.prod(s) for s in shapes.values()])
    return {k: a.reshape(shapes[k]) for k, a in zip(shapes, np.split(flat, ends[:-1]))}


def load(name):
    """The Golden of one net."""
    with np.load(FILE) as file:
        X, Y, w, theta, out, gradient, dX = (file[f"{name}: {field}"] for field in Golden._fields)
    shapes = torch_shapes(name)
    return Golden(X, Y, w, cut(theta, shapes), out, cut(gradient, shapes), dX)


def from_torch(name, values, gradient=False):
    """torch's parameters, or the gradient with respect to them: [[Parameters of each direction], ...], V, c.

    The two biases of torch add up to one b, whose gradient is that of either; only the GRU's n has two.
    """
    cell, layers, directions = NETS[name]
    order = {"lstm": [0, 2, 3, 1], "gru": [0, 1, 2]}.get(cell, [0])  # torch: i f g o; r z n

    def gates(array):  # (G * H, ...) -> (G, H, ...)
        return array.reshape(-1, H, *array.shape[1:])[order]

    def parameters(layer, direction):
        suffix = f"_l{layer}" + "_reverse" * direction
        W, U, b, b_hh = (gates(values[k + suffix]) for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        both = slice(0, 2 if cell == "gru" else None)
        b = b.copy()
        if not gradient:
            b[both] += b_hh[both]
        start = [values[k][layer * directions + direction] for k in ("h0", "c0") if k in values]
        d = b_hh[2] if cell == "gru" else np.empty(0)
        return Parameters(W.swapaxes(1, 2), U.swapaxes(1, 2), b, np.array(start), d)

    nested = [[parameters(k, d) for d in range(directions)] for k in range(layers)]
    return nested, values["V"], values["c"]


def run_torch(name, X, Y, w, theta):
    """Output and gradients by torch, as a Golden."""
    import torch

    cell, layers, directions = NETS[name]
    kind, *nonlinearity = cell.split()
    settings = {"nonlinearity": nonlinearity[0]} if nonlinearity else {}
    net = getattr(torch.nn, kind.upper())(
        F, H, layers, bidirectional=directions == 2, dtype=torch.float64, **settings
    )
    leaves = {k: torch.tensor(a, requires_grad=True) for k, a in theta.items()}
    x = torch.tensor(X, requires_grad=True)
    starts = [leaves[k][:, None].expand(-1, X.shape[1], -1).contiguous() for k in ("h0", "c0") if k in leaves]
    own = {k: leaves[k] for k, _ in net.named_parameters()}
    start = tuple(starts) if len(starts) == 2 else starts[0]
    h, _ = torch.func.functional_call(net, own, (x, start))
    out = h @ leaves["V"] + leaves["c"]
    loss = 0.5 * (torch.tensor(w)[..., None] * (out - torch.tensor(Y)) ** 2).sum()
    loss.backward()
    gradient = {k: leaf.grad.numpy() for k, leaf in leaves.items()}
    return Golden(X, Y, w, theta, out.detach().numpy(), gradient, x.grad.numpy())


def make(name, seed):
    """A random net on random sequences, run by torch."""
    rng = np.random.default_rng(seed)
    X, Y, w = rng.normal(size=(T, B, F)), rng.normal(size=(T, B, O)), rng.uniform(0.2, 2, (T, B))
    theta = {k: rng.normal(scale=0.6, size=s) for k, s in torch_shapes(name).items()}
    return run_torch(name, X, Y, w, theta)


def main():
    """Write the file."""
    arrays = {}
    for seed, name in enumerate(NETS):
        golden = make(name, seed)
        for field, value in golden._asdict().items():
            flat = np.concatenate([a.ravel() for a in value.values()]) if isinstance(value, dict) else value
            arrays[f"{name}: {field}"] = flat
    np.savez_compressed(FILE, **arrays)
    print(FILE, FILE.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
