"""A fitted model as a small program: what one row takes, written once for every language.

    affine       z = b + sum over sources  v W          W (K, H), or links where few weights are not zero
    normalise    u = (z - mean(z)) / sqrt(mean((z - mean(z))^2) + 1e-5)
    map          number by number: + - * and functions

The values of a program have names. Three are the same for every model: X is x(t) and Y is y(t), both in scaled units,
and out is the forecast of y(t) in the user's. A value may see what another was some rows before, and that is all there
is of memory: of x and y, of a layer's delays, of a recurrent state. The rows of the past that a value is asked for
lie one behind the other, the oldest first, so that consecutive lags are one piece of memory.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .. import _delay_kernels, _elman, _gru, _lstm, _recurrent_net
from .._delay_net import DelayNetwork
from .._esn import ESNRegressor
from .._recurrent import RecurrentRegressor
from .._reservoir import ACTIVATIONS, DENSE
from .._windows import runs


# ---------------------------------------------------------------------------------------- the language


class Term:
    """An expression, number by number. Constants in it are arrays or numbers."""

    __array_ufunc__ = None  # so that a constant on the left gives way

    def __add__(self, other):
        return Call("+", (self, other))

    def __sub__(self, other):
        return Call("-", (self, other))

    def __mul__(self, other):
        return Call("*", (self, other))

    def __radd__(self, other):
        return Call("+", (other, self))

    def __rsub__(self, other):
        return Call("-", (other, self))

    def __rmul__(self, other):
        return Call("*", (other, self))


@dataclass(frozen=True)
class Call(Term):
    """An operation: "+", "-", "*", "min", "max" of two, or a word of ``FUNCTIONS`` of one."""

    op: str
    args: tuple


@dataclass(frozen=True)
class Span(Term):
    """What a value was from ``oldest`` rows ago on, for ``length`` rows."""

    name: str
    oldest: int = 0
    length: int = 1


FUNCTIONS = {
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0.0),
}
OPERATIONS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    **FUNCTIONS,
}


def tanh(z):
    """The hyperbolic tangent of a term."""
    return Call("tanh", (z,))


def logistic(z):
    """1 / (1 + exp(-z)) of a term."""
    return Call("logistic", (z,))


def activate(word, z):
    """A layer's activation."""
    return z if word == "identity" else Call(word, (z,))


def clip(z, low, high):
    """A term held between bounds."""
    return Call("min", (Call("max", (z, low)), high))


class Map(NamedTuple):
    """A value (size,) that a term gives."""

    size: int
    term: Term


class Affine(NamedTuple):
    """b (size,) + sum over (span, W): W is (K, size), or ``Links``."""

    size: int
    b: np.ndarray
    sources: tuple


class Normalise(NamedTuple):
    """A value of mean 0 and variance 1, nearly, from another."""

    size: int
    z: Span


class Links(NamedTuple):
    """z[j] += sum_k weight[k, j] v[index[k, j]].   index, weight : (K, H)."""

    index: np.ndarray
    weight: np.ndarray


class Program:
    """Values by name, in the order in which they are worked out.

    measured, own : terms for Y, of "y" in the user's units and where that is not known; None where no lag sees Y.
    past : for each value that is seen later, the rows (n, size) before the first one.
    """

    def __init__(self, n_inputs, n_outputs):
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.values, self.past, self.measured, self.own = {}, {}, None, None

    def map(self, name, size, term):
        """Add a value."""
        self.values[name] = Map(size, term)
        return Span(name)

    def affine(self, name, b, sources):
        """Add a value."""
        self.values[name] = Affine(len(b), b, tuple(sources))
        return Span(name)

    def normalise(self, name, z):
        """Add a value."""
        self.values[name] = Normalise(self.values[z.name].size, z)
        return Span(name)

    def size(self, name):
        """Numbers in one row of a value."""
        sizes = {"x": self.n_inputs, "y": self.n_outputs, "Y": self.n_outputs}
        return sizes[name] if name in sizes else self.values[name].size

    def rows(self):
        """How many rows of its past each value is asked for, by name, where it is."""
        rows = {}
        for value in self.values.values():
            for span in spans(value):
                if span.oldest:
                    rows[span.name] = max(rows.get(span.name, 0), span.oldest)
        return rows


def spans(value):
    """The spans that a value sees."""
    if isinstance(value, Affine):
        return [span for span, _ in value.sources]
    return [value.z] if isinstance(value, Normalise) else list(leaves(value.term))


def leaves(term):
    """The spans in a term."""
    if isinstance(term, Call):
        for arg in term.args:
            yield from leaves(arg)
    elif isinstance(term, Span):
        yield term


def follow(program, X, Y):
    """The past (n, size) of each value after rows X (N, F), Y (N, O) in scaled units, from zeros."""
    rows = program.rows()
    past = {name: np.zeros((n, program.size(name))) for name, n in rows.items()}

    def look(span):
        """The numbers of a span."""
        last = now[span.name][None] if span.oldest < span.length else np.empty((0, program.size(span.name)))
        seen = np.concatenate([past.get(span.name, last[:0]), last])
        n = len(past.get(span.name, ()))
        return seen[n - span.oldest : n - span.oldest + span.length].ravel()

    def evaluate(term):
        if isinstance(term, Call):
            return OPERATIONS[term.op](*map(evaluate, term.args))
        return look(term) if isinstance(term, Span) else term

    for x, y in zip(X, Y):
        now = {"X": x, "Y": y}
        for name, value in program.values.items():
            if name in now:
                continue
            if isinstance(value, Affine):
                now[name] = value.b + sum(look(span) @ W for span, W in value.sources)
            else:
                now[name] = evaluate(value.term)
        past = {name: np.concatenate([rows[1:], now[name][None]]) for name, rows in past.items()}
    return past


# ---------------------------------------------------------------------------------------- the models


def program_of(model, start="end"):
    """The program of a fitted model.

    start : "end", after the last row seen; "cold", the mean state of training; "zeros".
    """
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):
        raise TypeError(
            "model is a Pipeline, whose transformers cannot be exported: give its last step, model[-1], and later "
            "feed it what model[:-1].transform(X) gives."
        )
    build = next((f for kind, f in BUILDERS.items() if isinstance(model, kind)), None)
    if build is None:
        raise TypeError(
            f"model={model!r} cannot be exported: give a TDNN, NARX, Elman, LSTM, GRU or ESN regressor."
        )
    check_is_fitted(model)
    program = Program(model.n_features_in_, model.n_outputs_)
    center, scale = model.x_scaler_
    program.map(
        "X", program.n_inputs, (Span("x") - center) * (1 / scale)
    )  # 1 / inf is 0: never moved in training
    memory = _memory(model, start)
    output = build(model, program)  # in scaled units
    center, scale = model.y_scaler_
    program.map("out", program.n_outputs, output * scale + center)
    rows = program.rows()
    if not any(span.name == "X" for value in program.values.values() for span in spans(value)):
        del program.values["X"]
    if "Y" in rows:
        program.measured = (Span("y") - center) * (1 / scale)
        program.own = clip(output, -model._bound, model._bound) if isinstance(model, ESNRegressor) else output
    if isinstance(model, DelayNetwork):
        program.past = follow(program, *memory)
    else:
        program.past = _split_memory(memory, rows)
    return program


def title(model, program):
    """What a file made from a program says of itself."""
    from .. import __version__

    kind = type(getattr(model, "best_estimator_", model)).__name__
    return f"{kind}, {program.n_inputs} inputs, {program.n_outputs} outputs, by tsrnn {__version__}."


def _memory(model, start):
    """The memory to start from."""
    if start == "end":
        return model.state_
    if start == "cold":
        return model._cold()
    if start == "zeros":
        return model._zero(*model._zeros())
    raise ValueError(f"start={start!r} is unknown: give 'end', 'cold' or 'zeros'.")


def _split_memory(memory, rows):
    """The past of each value from the memory of a net with states."""
    past = {}
    for name, n in rows.items():
        kind, k = name[0], name[1:]
        if kind in "XY":
            past[name] = getattr(memory, kind)[-n:]
        else:
            past[name] = memory.states[int(k)].reshape(-1, 1, memory.states[int(k)].shape[-1])[
                "hc".index(kind)
            ]
    return past


def _delay_network(model, p):
    """z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k], h_l = f_l(z_l)."""
    net, theta = model._net, model.theta_
    words = {number: word for word, number in ACTIVATIONS.items()}

    def name(source):
        return (
            ["X", "Y"][source]
            if source < _delay_kernels.FIRST_LAYER
            else f"h{source - _delay_kernels.FIRST_LAYER}"
        )

    for k, (H, _, kind, bias, first, end) in enumerate(net.layers):
        sources = []
        for source, oldest, span, w in net.runs[first:end]:
            seen = Span(name(source), int(oldest), int(span) // p.size(name(source)))
            sources.append((seen, theta[w : w + span * H].reshape(span, H)))
        z = p.affine(f"z{k}", theta[bias : bias + H], sources)
        h = p.map(f"h{k}", int(H), activate(words[kind], z)) if words[kind] != "identity" else z
    return h


def _recurrent_network(model, p):
    """h_l(t) = cell_l(v_l(t), state_l(t - 1)), out(t) = c + h_n(t) V."""
    net = model._net
    if net.bidirectional:
        raise ValueError(
            "A net with bidirectional=True needs rows that are still to come and cannot go row by row: fit one with "
            "bidirectional=False."
        )
    *layers, readout = net.views(model.theta_)
    names = {_recurrent_net.X: "X", _recurrent_net.Y: "Y"}

    def see(sources, W):
        """Spans and their weights."""
        found = []
        for s in sources:
            name = names.get(s.which, f"h{s.which}")
            found.append((Span(name, s.oldest, s.width // p.size(name)), W[s.at : s.at + s.width]))
        return found

    for k, (block, w) in enumerate(zip(net.blocks, layers)):
        cell = CELLS[net.cell.make]
        cell(p, Layer(str(k), block.H, w, [see(block.sources, W) for W in w.W], net.cell.options))
    return p.affine("z", readout.b[0], see(net.readout, readout.W[0]))


class Layer(NamedTuple):
    """A layer of a recurrent net: its number, its units, its parameters, for each gate what it sees below."""

    k: str
    H: int
    w: tuple
    below: list
    options: tuple


def _gate(p, layer, g, *recurrent, more=None):
    """What goes into the activation of a gate: v W + recurrent products (+ more), normalised or not, + b."""
    k, H, w = layer.k, layer.H, layer.w
    normed = len(w.gain) > 0
    z = p.affine(f"z{k}_{g}", np.zeros(H) if normed else w.b[g], [*layer.below[g], *recurrent])
    z = z if more is None else z + more
    if not normed:
        return z
    z = z if more is None else p.map(f"s{k}_{g}", H, z)
    return w.gain[g] * p.normalise(f"u{k}_{g}", z) + w.b[g]


def _elman_cell(p, layer):
    """h <- f(v W + h U + b)."""
    h = Span(f"h{layer.k}", 1)
    p.map(h.name, layer.H, activate(layer.options[0], _gate(p, layer, 0, (h, layer.w.U[0]))))


def _lstm_cell(p, layer):
    """c <- f c + i g, h <- o tanh(c); gates in the order i, g, o, f, peepholes i, o, f."""
    k, H, w = layer.k, layer.H, layer.w
    h, c = Span(f"h{k}", 1), Span(f"c{k}", 1)
    i, g, o, *f = [_gate(p, layer, gate, (h, w.U[gate])) for gate in range(len(w.U))]
    new = Span(c.name)
    if len(w.P):
        i, o, f = i + w.P[0] * c, o + w.P[1] * new, [z + w.P[2] * c for z in f]
    kept = logistic(f[0]) * c if f else c
    p.map(c.name, H, kept + logistic(i) * tanh(g))
    p.map(h.name, H, logistic(o) * tanh(new))


def _gru_cell(p, layer):
    """h <- (1 - z) n + z h; gates in the order r, z, n."""
    k, H, w = layer.k, layer.H, layer.w
    h = Span(f"h{k}", 1)
    r, z = [logistic(_gate(p, layer, gate, (h, w.U[gate]))) for gate in (0, 1)]
    if len(w.d):  # the reset after the product
        product = p.affine(f"q{k}", w.d, [(h, w.U[2])])
        n = _gate(p, layer, 2, more=r * product)
    else:
        n = _gate(p, layer, 2, (p.map(f"q{k}", H, r * h), w.U[2]))
    n = p.map(f"n{k}", H, tanh(n))
    p.map(h.name, H, n + z * (h - n))


def _echo_state_network(model, p):
    """x <- (1 - a) x + a f(W_in v + W x + U x_below + b), out = c + v Wv + x Wx + x^2 Wq."""
    net, (W, U) = model._reservoir, model._matrices
    word = next(word for word, number in ACTIVATIONS.items() if number == net.kind)
    drive, at = [], 0  # spans of v, and where in v each begins
    for name, lags in zip("XY", model._lags()):
        width = p.size(name)
        for oldest, length in runs(lags) if width else ():
            drive.append((Span(name, oldest, length), slice(at, at + length * width)))
            at += length * width
    c, Wv, Wx, Wq = model._readout()
    seen = [(span, Wv[rows]) for span, rows in drive] if len(Wv) else []
    below = None
    for k, (first, last) in enumerate(zip(net.begin[:-1], net.begin[1:])):
        here = slice(first, last)
        x, n, a = Span(f"h{k}", 1), int(last - first), net.leak[here]
        sources = [(x, _links(W[here, here]))]
        if k == 0:
            sources += [(span, net.W_in[rows, here]) for span, rows in drive]
        else:
            sources.append((Span(f"h{k - 1}"), _links(U[here, below])))
        z = p.affine(f"z{k}", net.b[here], sources)
        new = p.map(x.name, n, (1 - a) * x + a * activate(word, z))
        seen.append((new, Wx[here]))
        if len(Wq):
            seen.append((p.map(f"q{k}", n, new * new), Wq[here]))
        below = here
    return p.affine("z", c, seen)


def _links(A):
    """Sparse A (n, m), row i the links into unit i, as ``Links``, or as a matrix (m, n) where many are not zero."""
    A = A.tocsr()
    n, m = A.shape
    counts = np.diff(A.indptr)
    K = counts.max(initial=0)
    if DENSE * m < K:
        return A.toarray().T
    place = np.arange(K) < counts[:, None]
    index, weight = np.zeros((n, K), np.int64), np.zeros((n, K))
    index[place], weight[place] = A.indices, A.data
    return Links(index.T, weight.T)


BUILDERS = {
    DelayNetwork: _delay_network,
    RecurrentRegressor: _recurrent_network,
    ESNRegressor: _echo_state_network,
}
CELLS = {_elman.cell: _elman_cell, _lstm.cell: _lstm_cell, _gru.cell: _gru_cell}
