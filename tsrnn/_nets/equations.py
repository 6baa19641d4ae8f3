"""The equations of one row, as calls of a program builder: streams compile it, export translates it to C and ONNX.

``p`` is a ``Program`` of ``program.py``, or any object with its methods:

    p.affine(name, b, sources), p.map(name, size, term), p.normalise(name, z)    add a value, return its span
    p.look_up(name, z, column, table)                                            the same, of a category
    p.span(name, oldest), p.call(function, *terms), + - *                        terms
    p.links(index, weight)                                                       a matrix with few weights
    p.size(name)                                                                 numbers in one row of a value

"X" and "Y" are x and y as the model sees them.  A net's states are called "h0", "h1" ..., a second state of each
layer "c0", "c1" ..., and each function here returns the span of the net's output.
"""

import numpy as np

from .._kernels.activations_v1 import WORDS
from .._series.lags import runs
from . import delay_kernels
from . import recurrent as recurrent_net
from .reservoir import DENSE


def state_name(layer, k):
    """Name state k of a layer, h first."""
    return f"{'hc'[k]}{layer}" if k < 2 else f"s{layer}_{k}"


def activated(p, word, z):
    """Return f(z)."""
    return z if word == "identity" else p.call(word, z)


def inputs_of(p, symbols, theta):
    """Write out x', of x whose categories are looked up; return its name."""
    if symbols is None or not symbols.columns:
        return "X"
    plan, numbers = symbols.plan(), np.zeros((symbols.n_columns, symbols.width))
    for column, (place, width, _) in enumerate(plan):
        numbers[column, place] = width == 0
    sources = [(p.span("X"), numbers)]
    for (column, _, e), table in zip(symbols.columns, symbols.tables(theta)):
        row = p.look_up(f"category{column}", p.span("X"), column, table)
        sources.append((row, np.eye(e, symbols.width, plan[column, 0])))
    return p.affine("seen", np.zeros(symbols.width), sources).name


def delay_network(p, plan, theta):
    """Write out z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k], h_l = f_l(z_l)."""
    names = {delay_kernels.FROM_X: inputs_of(p, plan.symbols, theta), delay_kernels.FROM_Y: "Y"}
    names |= {delay_kernels.FIRST_LAYER + k: f"h{k}" for k in range(len(plan.layers))}
    for k, (H, _, code, bias, first, end) in enumerate(plan.layers):
        sources = []
        for source, oldest, span, w in plan.runs[first:end]:
            W = theta[w : w + span * H].reshape(span, H)
            if plan.codes_labels and source == delay_kernels.FROM_Y:  # shares times tables times W
                E = plan.symbols.of_labels(theta)
                W = np.einsum("ke,leh->lkh", E, W.reshape(-1, E.shape[1], H)).reshape(-1, H)
            sources.append((p.span(names[source], int(oldest), len(W) // p.size(names[source])), W))
        word, b = WORDS[code], theta[bias : bias + H]
        if word == "identity":
            h = p.affine(f"h{k}", b, sources)
        else:
            h = p.map(f"h{k}", int(H), p.call(word, p.affine(f"z{k}", b, sources)))
    return h


def activated_layers(p, layers, net):
    """Write out a ``delay_network`` that sees its errors, W_e (y(t - k) - out(t - k)); see ``error_lags.py``."""
    (inputs, outputs, errors), last = net.lags, len(layers) - 1
    word = WORDS[net.plan.layers[0][2]]
    h = None
    for k, (W, b) in enumerate(layers):
        sources, at = [], 0
        if k == 0 or (net.skip and k == last):
            for name, lags, of_errors in (("X", inputs, False), ("Y", errors, True), ("Y", outputs, False)):
                n = p.size(name)
                for lag in reversed(lags if n else ()):
                    rows, at = W[at : at + n], at + n
                    sources.append((p.span(name, lag), rows))
                    if of_errors:
                        sources.append((p.span(f"h{last}", lag), -rows))
        if h is not None:
            sources.append((h, W[at:]))
        z = p.affine(f"h{k}" if k == last else f"z{k}", b, sources)
        h = z if k == last else p.map(f"h{k}", len(b), activated(p, word, z))
    return h


# ---------------------------------------------------------------------------------------- recurrent nets


def recurrent_network(p, net, theta):
    """Write out h_l(t) = cell_l(v_l(t), state_l(t - 1)), out(t) = c + h_n(t) V."""
    names = {recurrent_net.INPUTS: inputs_of_net(p, net, theta), recurrent_net.OUTPUTS: "Y"}
    net, theta = recurrent_net.folded(net, theta)
    *layers, readout = net.views(theta)

    def see(sources, W):
        """Return spans and their weights."""
        spans = []
        for s in sources:
            name = names.get(s.which, state_name(s.which, 0))
            rows = s.width // p.size(name) if s.which < 0 else 1
            spans.append((p.span(name, s.oldest, rows), W[s.at : s.at + s.width]))
        return spans

    for k, (block, w) in enumerate(zip(net.blocks, layers)):
        cell = net.cells[k]
        cell.terms(LayerEquations(p, k, block.H, w, [see(block.sources, W) for W in w.W], cell))
    return p.affine("z", readout.b[0], see(net.readout, readout.W[0]))


def inputs_of_net(p, net, theta):
    """Write out what a recurrent net sees of x, behind embeddings and convolution; return its name."""
    name = inputs_of(p, net.symbols, theta)
    return name if net.front is None else net.front.terms(p, name, net.in_front(theta), WORDS)


class LayerEquations:
    """Builder of one layer's equations: a cell's ``terms(layer)`` calls ``becomes`` for each state.

    w : the cell's parameters.   options : of the cell.   before : spans of its states one row earlier, h first.
    below : for each gate, (span, W) of its inputs.
    """

    def __init__(self, p, k, H, w, below, cell):
        self.p, self.k, self.H, self.w, self.below = p, k, H, w, below
        self.options = cell.options
        self.before = [p.span(state_name(k, n), 1) for n in range(cell.n_states)]

    def gate(self, g, *recurrent, more=None):
        """Return the pre-activation of gate g: v W + recurrent products (span, U) (+ more), normalised or not, + b."""
        p, k, w = self.p, self.k, self.w
        normed = len(w.gain) > 0
        z = p.affine(f"z{k}_{g}", np.zeros(self.H) if normed else w.b[g], [*self.below[g], *recurrent])
        z = z if more is None else z + more
        if not normed:
            return z
        z = z if more is None else p.map(f"s{k}_{g}", self.H, z)
        return w.gain[g] * p.normalise(f"u{k}_{g}", z) + w.b[g]

    def back(self, g):
        """Return the product of h one row ago with U of gate g, as ``gate`` takes it; [] where the cell sees no h."""
        return [(self.before[0], self.w.U[g])] if len(self.w.U) else []

    def affine(self, name, b, *sources):
        """Add a value, b + sum over (span, W) of span W."""
        return self.p.affine(f"{name}{self.k}", b, sources)

    def value(self, name, term):
        """Add a value, for a term that is used more than once."""
        return self.p.map(f"{name}{self.k}", self.H, term)

    def becomes(self, n, term):
        """Set state n after this row."""
        return self.p.map(state_name(self.k, n), self.H, term)

    def call(self, function, *terms):
        """Apply tanh, logistic, relu, exp, log, min, max or pow to terms; "identity" returns the term itself."""
        return activated(self.p, function, *terms) if len(terms) == 1 else self.p.call(function, *terms)


# ---------------------------------------------------------------------------------------- reservoirs


def reservoir(p, net, matrices, lags, readout):
    """Write out x <- (1 - a) x + a f(W_in v + W x + U x_below + b), out = c + v Wv + x Wx + x^2 Wq.

    matrices : W, U, sparse (R, R).   lags : of x and of y.   readout : c, Wv, Wx, Wq.
    """
    (W, U), (c, Wv, Wx, Wq) = matrices, readout
    word, drive, at = WORDS[net.kind], [], 0  # spans of v, and where in v each begins
    for name, lags_of in zip("XY", lags):
        width = p.size(name)
        for oldest, length in runs(lags_of) if width else ():
            drive.append((p.span(name, oldest, length), slice(at, at + length * width)))
            at += length * width
    read = [(span, Wv[rows]) for span, rows in drive] if len(Wv) else []
    below = None
    for k, (first, last) in enumerate(zip(net.begin[:-1], net.begin[1:])):
        units = slice(first, last)
        x, n, a = p.span(state_name(k, 0), 1), int(last - first), net.leak[units]
        sources = [(x, _links(p, W[units, units]))]
        if k == 0:
            sources += [(span, net.W_in[rows, units]) for span, rows in drive]
        else:
            sources.append((p.span(state_name(k - 1, 0)), _links(p, U[units, below])))
        z = p.affine(f"z{k}", net.b[units], sources)
        new = p.map(x.name, n, (1 - a) * x + a * activated(p, word, z))
        read.append((new, Wx[units]))
        if len(Wq):
            read.append((p.map(f"q{k}", n, new * new), Wq[units]))
        below = units
    return p.affine("z", c, read)


def _links(p, A):
    """Turn sparse A (n, m), row i the links into unit i, into links, or into a matrix (m, n) if it is dense."""
    A = A.tocsr()
    n, m = A.shape
    counts = np.diff(A.indptr)
    K = counts.max(initial=0)
    if DENSE * m < K:
        return A.toarray().T
    place = np.arange(K) < counts[:, None]
    index, weight = np.zeros((n, K), np.int64), np.zeros((n, K))
    index[place], weight[place] = A.indices, A.data
    return p.links(index.T, weight.T)
