"""Convolution in front of a recurrent net: what it sees of x are features of windows, learnt with the rest [1, 2].

    h_0 = x
    h_l(j) = pool over p of  f(b_l + sum over k < width  h_{l-1}(s j - k) W_l[width - 1 - k])         k rows ago: causal
    x'(j) = h_L(j)                                                                      what the net sees in place of x

A window ends at its row, so x'(j) knows no row to come; rows before a series are those of the memory.  With strides s
and pools p of 1 a row has its x', and all that a stream carries are the last rows of x.  With others there are fewer
steps than rows, for one answer a series.  The weights lie behind the tables of symbols, before the net's own.

Each layer is one product that reads the rows below in place.  Dimensions: B sequences, N rows of a layer (with those
before step 0), D columns below, F filters.

[1] T. N. Sainath, O. Vinyals, A. Senior, H. Sak, "Convolutional, long short-term memory, fully connected deep neural
    networks", ICASSP 2015.
[2] X. Shi et al., "Convolutional LSTM network", NeurIPS 2015.
"""

from itertools import chain
from math import prod
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from .._check import check_number, check_word
from .._kernels.activations_v1 import ACTIVATIONS, LOGISTIC, RELU, TANH, activate
from .._kernels.jit import kernel
from .._training.initial import glorot
from .._values import kept, public
from . import recurrent_kernels as kernels
from .symbols import Lookup
from .views import count, views_of


@public("tsrnn")
class Convolution(BaseEstimator):
    """One layer of convolution through time, for ``convolution`` of a recurrent net [1]_.

    h(j) = f(b + x(s j) W_0 + x(s j - 1) W_1 + ...), of the last ``width`` rows, with a stride s; of each ``pooling`` of
    these the net sees the largest of each feature.

    Parameters
    ----------
    filters : int, default=16
        Features that it makes of each window.
    width : int, default=5
        Rows in a window, the last of which is the row itself.
    stride : int, default=1
        Rows from one window to the next. More than 1, for series that have one y each, makes the net's steps fewer.
    pooling : int or None, default=None
        Windows of which the largest value of each feature is kept, for series that have one y each. None: all are.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        f, what is made of the sums.

    References
    ----------
    .. [1] T. N. Sainath, O. Vinyals, A. Senior, H. Sak. "Convolutional, long short-term memory, fully connected deep
       neural networks." ICASSP 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import Convolution, GRUClassifier
    >>> X = np.random.default_rng(0).normal(size=(40, 64, 2))  # series, rows, columns
    >>> y = (X[:, :, 0].mean(axis=1) > 0).astype(int)
    >>> layers = [Convolution(8, width=5, pooling=4), Convolution(8, width=3)]
    >>> GRUClassifier((8,), convolution=layers, max_iter=5, random_state=0).fit(X, y).predict(X).shape
    (40,)
    """

    def __init__(self, filters=16, width=5, stride=1, pooling=None, activation="relu"):
        self.filters, self.width, self.stride = filters, width, stride
        self.pooling, self.activation = pooling, activation


@kept("convolution")
class ConvolutionLayer(NamedTuple):
    """A layer, parsed.   columns : D."""

    columns: int
    filters: int
    width: int
    stride: int
    pooling: int
    kind: int


@kept("convolutions")
class ConvolutionFront(NamedTuple):
    """Layers of convolution, from x on."""

    layers: tuple

    @property
    def shapes(self):
        """Shapes of W (1, width D, F) and b (1, F), layer by layer."""
        return [
            ((1, layer.width * layer.columns, layer.filters), (1, layer.filters)) for layer in self.layers
        ]

    @property
    def size(self):
        """Number of parameters."""
        return sum(map(count, self.shapes))

    @property
    def columns(self):
        """D, of x."""
        return self.layers[0].columns

    @property
    def width(self):
        """Columns of x'."""
        return self.layers[-1].filters

    @property
    def rate(self):
        """Rows of x for each of x'."""
        return prod(layer.stride * layer.pooling for layer in self.layers)

    def history(self, lead):
        """Return the rows of x before step 0, where the net needs ``lead`` rows of x'."""
        rows, unit = 0, 1
        for layer in self.layers:
            rows, unit = rows + (layer.width - 1) * unit, unit * layer.stride * layer.pooling
        return rows + lead * unit

    def steps(self, T):
        """Return the rows of x' of T rows of x, an int or an array."""
        for layer in self.layers:
            T = (T - 1) // (layer.stride * layer.pooling) + 1
        return T

    def views(self, theta):
        """Split theta (P,) into W and b, layer by layer."""
        arrays = views_of(theta, chain(*self.shapes))
        return list(zip(arrays[::2], arrays[1::2]))

    def initial(self, theta, rng):
        """Draw the weights, in place."""
        for W, _ in self.views(theta):
            W[0] = glorot(rng, W[0].shape)

    def decays(self, mark):
        """Unmark what does not decay, in place."""
        for _, b in self.views(mark):
            b[:] = 0

    def run(self, theta, X):
        """Compute x' (N, F) of rows X (N, D), zeros in the first, which have no history; for a rate of 1."""
        X = np.require(X, theta.dtype, ["C", "A", "W"])
        out, _ = forward(self, theta, X.ravel(), np.zeros(1, np.int64), len(X), np.array([len(X)]))
        return np.concatenate([np.zeros((len(X) - len(out[0]), self.width), theta.dtype), out[0]])

    def terms(self, p, name, theta, word_of):
        """Add the equations of x' of the inputs of a name, for export; return its name."""
        for k, (layer, (W, b)) in enumerate(zip(self.layers, self.views(theta))):
            z = p.affine(f"kz{k}", b[0], [(p.span(name, layer.width - 1, layer.width), W[0])])
            word = word_of[layer.kind]
            name = p.map(f"k{k}", layer.filters, z if word == "identity" else p.call(word, z)).name
        return name


def parse_convolution(given, columns):
    """Return the ``ConvolutionFront`` of a ``Convolution``, or a list of them, for some columns of x; None for none."""
    if given is None:
        return None
    layers = [given] if isinstance(given, Convolution) else given
    if not isinstance(layers, (list, tuple)) or not layers:
        raise TypeError(
            f"convolution={given!r} is not a convolution: give a Convolution, a list of them, or None."
        )
    parsed = []
    for layer in layers:
        if not isinstance(layer, Convolution):
            raise TypeError(
                f"convolution={given!r} has {layer!r}: give a Convolution, a list of them, or None."
            )
        numbers = (layer.filters, layer.width, layer.stride, 1 if layer.pooling is None else layer.pooling)
        for name, value in zip(("filters", "width", "stride", "pooling"), numbers):
            check_number(f"convolution's {name}", value, 1, integer=True)
        check_word("convolution's activation", layer.activation, ACTIVATIONS)
        parsed.append(ConvolutionLayer(columns, *map(int, numbers), ACTIVATIONS[layer.activation]))
        columns = int(layer.filters)
    return ConvolutionFront(tuple(parsed))


# ---------------------------------------------------------------------------------------- of many sequences at once


class ConvolutionTrace(NamedTuple):
    """What the way back needs of a layer.   below : flat.   rows : (B N,), where windows begin.   h : (1, B N, 1, F).

    most : of each pool the place of the largest (B, N', F), and real (B, N', 1), whether there is one; or None.
    """

    below: np.ndarray
    rows: np.ndarray
    h: np.ndarray
    most: np.ndarray | None
    real: np.ndarray | None


@kernel
def _activate(kind, z):
    """Apply an activation.   z : (n,), in, out."""
    activate(kind, z)


def compile_kernels():
    """Compile what a net with a convolution calls here."""
    for dtype in (np.float32, np.float64):
        _activate(TANH, np.zeros(1, dtype))


def forward(front, theta, x, first, N, counts):
    """Compute x' (B, N', F) and a ``ConvolutionTrace`` of each layer.

    x : flat, rows of D.   first : (B,), first row of each sequence.   N : rows of each.   counts : (B,), those of them
    that are its own: what comes after is in no pool.
    """
    a, traces, B = x, [], len(first)
    for layer, (W, b) in zip(front.layers, front.views(theta)):
        F, n = layer.filters, max(0, (N - layer.width) // layer.stride + 1)
        counts = np.maximum(0, (counts - layer.width) // layer.stride + 1)
        rows = ((first[:, None] + layer.stride * np.arange(n)) * layer.columns).ravel()
        h = np.empty((1, B * n, 1, F), theta.dtype)
        kernels.project(a, rows, W, 0, layer.width * layer.columns, b, h, 0, B * n)
        _activate(layer.kind, h.reshape(-1))
        out, most, real = h.reshape(B, n, F), None, None
        if layer.pooling > 1:
            out, most, real = _pool(out, layer.pooling, counts)
            counts = -(-counts // layer.pooling)
        traces.append(ConvolutionTrace(a, rows, h, most, real))
        a, N, first = np.ascontiguousarray(out).reshape(-1), out.shape[1], np.arange(B) * out.shape[1]
    return out, traces


def _pool(h, p, counts):
    """Return the largest of each p rows of h (B, n, F), ``counts`` of them real, its place, and if there is one."""
    B, n, F = h.shape
    groups = -(-n // p)
    wide = np.full((B, groups * p, F), -np.inf, h.dtype)
    wide[:, :n] = np.where((np.arange(n) < counts[:, None])[:, :, None], h, -np.inf)
    wide = wide.reshape(B, groups, p, F)
    most, real = wide.argmax(axis=2), (np.arange(groups) * p < counts[:, None])[:, :, None]
    return np.where(real, np.take_along_axis(wide, most[:, :, None], axis=2)[:, :, 0], 0), most, real


def backward(front, theta, traces, d, grad, dx=None):
    """Add the gradients of the weights to ``grad``, from d (B, N', F), that of x'; and that of x to ``dx``, flat."""
    views = list(zip(front.layers, front.views(theta), front.views(grad), traces))
    for k in range(len(views) - 1, -1, -1):
        layer, (W, _), (dW, db), trace = views[k]
        if trace.most is not None:
            d = _pool_back(d, layer.pooling, trace, layer.filters)
        z = np.ascontiguousarray(d).reshape(trace.h.shape) * _slope(layer.kind, trace.h)
        K = layer.width * layer.columns
        kernels.outer(trace.below, trace.rows, z, 0, K, dW)
        kernels.add_biases(z, db)
        below = dx if k == 0 else np.zeros(trace.below.size, theta.dtype)
        if below is None:
            return
        kernels.scatter(z, np.ascontiguousarray(W.swapaxes(1, 2)), trace.rows, below, 0, len(trace.rows))
        d = below.reshape(len(d), -1, layer.columns)


def _pool_back(d, p, trace, F):
    """Return the gradient (B, n, F) of what was pooled, from that of what came of it (B, groups, F)."""
    B, groups, _ = d.shape
    wide = np.zeros((B, groups, p, F), d.dtype)
    np.put_along_axis(wide, trace.most[:, :, None], np.where(trace.real, d, 0)[:, :, None], axis=2)
    return wide.reshape(B, groups * p, F)[:, : trace.h.shape[1] // B]


def _slope(kind, h):
    """Return the derivative of an activation, by its values."""
    one = h.dtype.type(1)
    if kind == TANH:
        return one - h * h
    if kind == LOGISTIC:
        return h - h * h
    return (h > 0).astype(h.dtype) if kind == RELU else np.ones_like(h)


class Reach(NamedTuple):
    """What a ``Lookup`` asks of a net."""

    symbols: object
    x_lead: int
    y_lead: int


class Sight:
    """A ``Lookup`` of sequences of T rows, and the convolution behind it; attributes and methods as there."""

    def __init__(self, net, B, T, dtype):
        self.front, self.lead, self.x_lead = net.front, net.x_history, net.x_lead
        self.begin, self.N, self.dtype = net.symbols.size if net.symbols else 0, net.x_history + T, dtype
        self.below = (
            Lookup(Reach(net.symbols, net.x_history, net.y_lead), B, T, dtype) if net.symbols else None
        )
        self.dx = None

    @property
    def dy(self):
        """Gradient of y'."""
        return self.below and self.below.dy

    def _own(self, theta):
        return theta[self.begin : self.begin + self.front.size]

    def inputs(self, theta, x, at, lengths=None):
        """Compute x', flat; returns it and the row in it of step 0 of each sequence."""
        if self.below is not None:
            x, at = self.below.inputs(theta, x, at)
        counts = np.full(len(at), self.N) if lengths is None else self.lead + lengths
        self.theta = self._own(theta)
        out, self.traces = forward(self.front, self.theta, x, at - self.lead, self.N, counts)
        self.shape, self.dx = out.shape, np.zeros(out.size, self.dtype)
        return np.ascontiguousarray(out).reshape(-1), np.arange(len(at)) * out.shape[1] + self.x_lead

    def outputs(self, theta, y, at):
        """Look up y', flat; returns it and the row in it of step 0 of each sequence."""
        return (y, at) if self.below is None else self.below.outputs(theta, y, at)

    def table(self, theta):
        """Return the table of labels, or None."""
        return self.below and self.below.table(theta)

    def clear(self):
        """Set the gradients to zero."""
        self.dx.fill(0)
        if self.below is not None:
            self.below.clear()

    def back(self, grad):
        """Add the gradients to those of the weights and tables, in ``grad`` (P,)."""
        dx = self.below and self.below.dx
        backward(self.front, self.theta, self.traces, self.dx.reshape(self.shape), self._own(grad), dx)
        if self.below is not None:
            self.below.back(grad)


def make_sight(net, B, T, dtype):
    """Return what lies between series and a net: a ``Sight``, a ``Lookup``, or None."""
    if net.front is not None:
        return Sight(net, B, T, dtype)
    return Lookup(net, B, T, dtype) if net.symbols else None
