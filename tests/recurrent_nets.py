"""Recurrent nets to try things on: variants, data, the library's run of them and the slow twin's."""

import re
from functools import partial
from inspect import signature
from itertools import chain, product
from typing import NamedTuple

import naive
import numpy as np
from golden import torch_recurrent as golden
from public import RECURRENT, short

from tsrnn._nets.recurrent import make_net
from tsrnn._nets.tape import Masks, Tape


def word(kind):
    """The name of a model's twin: "elman" of ElmanRegressor, "min_gru" of MinGRURegressor."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", short(kind)).lower()


CELLS = {word(kind): kind for kind in RECURRENT}


def own_options(kind):
    """Every setting of the words and flags that only this model has, as its docstring lists them; the default first."""
    defaults = [{n: p.default for n, p in signature(one).parameters.items()} for one in (kind, *RECURRENT)]
    choices = {}
    for name, default in defaults[0].items():
        if all(name in others for others in defaults):
            continue
        listed = re.search(rf"^ *{name} : (bool|{{.*?}})", kind.__doc__, re.MULTILINE)
        if listed:
            values = [not default] if listed[1] == "bool" else re.findall(r'"(\w+)"', listed[1])
            choices[name] = [default, *(v for v in values if v != default)]
    return [dict(zip(choices, values)) for values in product(*choices.values())]


def described(options, kind):
    """The settings that are not the default, in words."""
    defaults = kind().get_params(deep=False)
    words = {True: "", False: "no "}
    return ", ".join(
        f"{words[v]}{name.replace('_', ' ')}" if isinstance(v, bool) else f"{name} {v}"
        for name, v in options.items()
        if v != defaults[name]
    )


LAYOUT = {
    "n_inputs": 2,
    "n_outputs": 1,
    "hidden": (4,),
    "input_lags": (0,),
    "output_lags": (),
    "bidirectional": False,
    "skip": False,
    "recurrent_lags": (1,),
    "dense_widths": (),
}
DEEP = {"hidden": (4, 3, 3)}
FED = {"input_lags": (0, 1), "output_lags": (1, 2, 4), "n_outputs": 2}
BOTH = {"bidirectional": True, "input_lags": (0, 2)}
SKIP = {"hidden": (3, 4), "skip": True}
LEARNED, NORMED = {"initial_state": "learned"}, {"layer_norm": True}
LAYOUTS = [  # name, options of any estimator, what differs from LAYOUT
    ("layer norm, learned start", {**NORMED, **LEARNED}, {}),
    ("layer norm, deep", NORMED, DEEP),
    ("learned start, both directions, deep", LEARNED, {**BOTH, **DEEP}),
    ("both directions, skip", {}, {**BOTH, **SKIP}),
    ("fed, skip", {}, {**FED, **SKIP}),
    ("learned start, fed, deep", LEARNED, {**FED, **DEEP}),
    ("fed, no inputs", {}, {**FED, "n_inputs": 0}),
    ("layer norm, skip", NORMED, SKIP),
]


SKIPS, LONG = {"recurrent_lags": (1, 2, 5)}, {"recurrent_lags": (3,)}
MORE = {  # layouts with settings that are no words
    "lstm": [
        (("skips, fed, deep", {}, {**SKIPS, **FED, **DEEP}), {"peepholes": True}),
        (("long, learned start", LEARNED, LONG), {}),
    ],
    "gru": [
        (("dense, both directions", {}, {**BOTH, "dense_widths": (5, 2)}), {}),
        (("dense, fed, skip", {}, {**FED, **SKIP, "dense_widths": (3, 4)}), {}),
        (("skips, layer norm, learned start, deep", {**NORMED, **LEARNED}, {**SKIPS, **DEEP}), {}),
        (("skips, both directions, learned start", LEARNED, {**SKIPS, **BOTH}), {"reset": "before"}),
        (("long, fed", {}, {**LONG, **FED}), {"reset": "before"}),
        (("long", {}, LONG), {}),
    ],
    "elman": [
        (("long, learned start, both directions, skip", LEARNED, {**LONG, **BOTH, **SKIP}), {}),
        (("skips, fed", {}, {**SKIPS, **FED}), {"leak_rate": 0.3}),
        (("", {}, {}), {"leak_rate": "learned"}),
        (
            ("layer norm, fed, deep", NORMED, {**FED, **DEEP}),
            {"leak_rate": "learned", "activation": "logistic"},
        ),
        (("both directions, skip", {}, {**BOTH, **SKIP}), {"leak_rate": 0.3}),
    ],
}


def variants():
    """name -> cell, options of the estimator, what differs from LAYOUT: each option alone and, in turn, each layout."""
    for cell, kind in CELLS.items():
        own = own_options(kind)
        plain = [("", {}, {}, options) for options in own]
        plain += [(*layout, options) for layout, options in MORE.get(cell, [])]
        turns = [(*layout, own[(k + 2) % len(own)]) for k, layout in enumerate(LAYOUTS)]
        for name, shared, layout, options in plain + turns:
            yield (
                ", ".join(filter(None, (cell, described(options, kind), name))),
                (cell, {**options, **shared}, layout),
            )


VARIANTS = dict(variants())
FEEDBACK = [name for name, (_, _, layout) in VARIANTS.items() if "output_lags" in layout]


def build(name, seed=0, **changes):
    """A net and random parameters, (P,).   changes : of its widths."""
    cell, options, layout = VARIANTS[name]
    lags = {key: v for key, v in layout.items() if key == "recurrent_lags"}
    net = make_net(CELLS[cell](**options, **lags)._cell(), **{**LAYOUT, **layout, **changes})
    return net, np.random.default_rng(seed).normal(scale=0.5, size=net.size)


class Data(NamedTuple):
    """Sequences (T, B), rows of history in front of them, and what goes with a run: masks and starts are by block.

    own : where y is not known.   start : (n_states, B, H) for each block, or None for what it learned, or zeros.
    """

    X: np.ndarray  # (lead + T, B, F)
    Y: np.ndarray  # (lead + T, B, O)
    w: np.ndarray  # (T, B)
    lengths: np.ndarray
    own: np.ndarray | None = None
    masks: list | None = None
    start: list | None = None

    def part(self, n):
        """Some of the sequences."""
        return Data(
            self.X[:, n],
            self.Y[:, n],
            self.w[:, n],
            self.lengths[n],
            self.own if self.own is None else self.own[:, n],
            self.masks and [Masks(m.recurrent[n], m.output[:, n]) for m in self.masks],
            self.start and [s[:, n] for s in self.start],
        )


def make_data(net, T=6, B=3, seed=1, own=None, masked=False, start=False):
    """Random sequences, the last one shorter.   own : share of y that is not known."""
    rng = np.random.default_rng(seed)
    lead = max(net.x_lead, net.y_lead)
    lengths = np.full(B, T)
    lengths[-1] = T - 2
    rows = np.arange(T)[:, None] < lengths
    masks = [
        Masks(rng.binomial(1, 0.7, (B, b.H)) / 0.7, rng.binomial(1, 0.7, (T, B, b.H)) / 0.7)
        for b in net.blocks
    ]
    return Data(
        rng.normal(size=(lead + T, B, net.n_inputs)),
        rng.normal(size=(lead + T, B, net.n_outputs)),
        rng.uniform(0.2, 2, (T, B)) * rows,
        lengths,
        rng.uniform(size=(T, B, net.n_outputs)) < own if own else None,
        masks if masked else None,
        [rng.normal(size=(net.cell.n_states, B, b.H)) for b in net.blocks] if start else None,
    )


def follow(net, theta, data, dtype=np.float64):
    """The library's tape after a forward pass, and the parameters as it sees them."""
    T, B = data.w.shape
    rows = len(data.X)
    weights = net.views(theta.astype(dtype))
    x, y = (np.array(a.swapaxes(0, 1), dtype, order="C").ravel() for a in (data.X, data.Y))
    if data.own is not None:  # what is not known must not be read
        y.reshape(B, rows, -1)[:, rows - T :][data.own.swapaxes(0, 1)] = np.nan
    at = np.arange(B) * rows + rows - T
    tape = Tape(net, B, T, dtype)
    tape.place(x, at, y, at, data.lengths)
    for k, p in enumerate(weights[:-1]):
        given = data.start and data.start[k]
        first = p.start if p.start.size else np.zeros((net.cell.n_states, p.b.shape[1]))
        tape.begin(k, given if given is not None else first[:, None])
    masks = data.masks and [Masks(*(np.array(m, dtype, order="C") for m in pair)) for pair in data.masks]
    own = None if data.own is None else np.ascontiguousarray(data.own)
    tape.forward(weights, own, masks)
    return tape, weights


def loss(net, data, theta):
    """Half the weighted sum of squares."""
    out = follow(net, theta, data)[0].out
    w, Y = targets(data, len(out))
    return 0.5 * np.sum(w * (out - Y) ** 2)


def targets(data, T):
    """Weights (T, B, 1) and targets (T, B, O) of the steps that are run."""
    return data.w[:T, :, None], data.Y[len(data.Y) - len(data.w) :][:T]


def gradient(net, theta, data, dtype=np.float64):
    """Output (T, B, O), and the gradient (P,) of the loss."""
    tape, weights = follow(net, theta, data, dtype)
    out = tape.out.copy()
    grad = np.zeros(net.size, dtype)
    views = net.views(grad)
    for dS in tape.dS:
        dS.fill(0)
    w, Y = targets(data, len(out))
    dout = (w * (out - Y)).astype(dtype)
    tape.backward(weights, net.turned(weights), dout, views)
    for k, g in enumerate(views[:-1]):
        if g.start.size and (data.start is None or data.start[k] is None):
            g.start[:] += tape.of_start(k)
    return out, grad


def naive_cell(cell, **options):
    """The twin of a cell, with those of a model's options that its equations ask for."""
    twin = getattr(naive, cell)
    return partial(twin, **{name: v for name, v in options.items() if name in signature(twin).parameters})


def has_kinks(name):
    """Whether an option of a variant bends a function."""
    return not naive.KINKS.isdisjoint(map(str, VARIANTS[name][1].values()))


def naive_run(name, net, theta, data):
    """Outputs (T, B, O) of the twin, NaN where a sequence is over, and the states it ends in, [n][layer][direction]."""
    cell, options, layout = VARIANTS[name]
    layout = {**LAYOUT, **layout}
    *blocks, readout = net.views(theta)
    n, m = 1 + layout["bidirectional"], len(net.blocks) - len(layout["dense_widths"])

    def by_layer(items):
        return [items[k : k + n] for k in range(0, len(items), n)]

    twin = naive.RecurrentNetwork(
        naive_cell(cell, **options),
        by_layer(blocks[:m]),
        readout.W[0],
        readout.b[0],
        layout["input_lags"] if layout["n_inputs"] else (),
        layout["output_lags"],
        layout["skip"],
        n_states=net.cell.n_states,
        recurrent_lags=layout["recurrent_lags"],
        dense=blocks[m:],
    )
    T, B = data.w.shape
    first = len(data.X) - T
    out, ends = np.full((T, B, net.n_outputs), np.nan, theta.dtype), []
    for b in range(B):
        rows = data.lengths[b]
        Y = data.Y[: first + rows, b].copy()
        if data.own is not None:
            Y[first:][data.own[:rows, b]] = np.nan
        if data.masks:  # a block's own steps: those of the second direction begin at the end
            steps = [mask.output[:rows, b] for mask in data.masks]
            steps = [s[::-1] if block.reverse else s for s, block in zip(steps, net.blocks)]
            twin = twin._replace(
                masks=by_layer([mask.recurrent[b] for mask in data.masks[:m]]),
                dropout=[np.concatenate(s, axis=1) for s in by_layer(steps[:m])],
                dense_dropout=steps[m:],
            )
        states = by_layer([list(s[:, b]) for s in data.start[:m]]) if data.start else None
        out[:rows, b], end = naive.run_recurrent_network(twin, data.X[: first + rows, b], Y, first, states)
        ends.append(end)
    return out, ends


def naive_loss(name, net, theta, data):
    """The same by the twin."""
    e = naive_run(name, net, theta, data)[0] - data.Y[-len(data.w) :]
    return 0.5 * np.sum(np.where(data.w[..., None] > 0, data.w[..., None] * e * e, 0))


def golden_net(name, values, gradient=False):
    """The net of a golden run, and torch's parameters, or the gradient with respect to them, as its vector (P,)."""
    cell, activation = golden.cell_of(name)
    _, layers, directions = golden.NETS[name]
    options = {"elman": {"activation": activation}, "gru": {"reset": "after"}}.get(cell, {})
    made = CELLS[cell](initial_state="learned", **options)._cell()
    layout = {"n_inputs": golden.F, "hidden": (golden.H,) * layers, "bidirectional": directions == 2}
    net = make_net(made, **{**LAYOUT, **layout})
    theta = np.zeros(net.size)
    *blocks, readout = net.views(theta)
    nested, V, c = golden.from_torch(name, values, gradient)
    for p, of_torch in zip(blocks, chain(*nested), strict=True):
        for field, a in p._asdict().items():
            if a.size:  # torch has no leak
                a[:] = getattr(of_torch, field)
    readout.W[0], readout.b[0] = V, c
    return net, theta


def golden_run(name, g):
    """Output and gradient by the library, and torch's gradient as it lays it out."""
    net, theta = golden_net(name, g.theta)
    data = Data(g.X, g.Y, g.w, np.full(golden.B, golden.T))
    return *gradient(net, theta, data), golden_net(name, g.gradient, gradient=True)[1]
