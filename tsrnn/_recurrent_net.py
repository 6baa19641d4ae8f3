"""A recurrent net as a composition of cells: layers, directions, skip connections, lags, readout, feedback.

    v_l(t) = [x(t - lags), y(t - lags)] for the first layer, h_{l-1}(t) for the others
    h_l(t) = cell_l(v_l(t), state_l(t - 1))
    out(t) = c + h_n(t) V

With ``skip`` every layer also sees the lags, and the readout sees them and every layer.  A bidirectional layer has
a second cell that walks from the last row of a sequence to the first.  y(t - k) is the measured value where it is
known, and the net's own output where it is not.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from . import _recurrent_kernels as kernels
from ._params import glorot, orthogonal
from ._windows import runs


SPELL = 5e7  # multiplications in one compiled call, which cannot be interrupted: some milliseconds

X, Y = -2, -1  # sources that are no block


class Cell(NamedTuple):
    """The whole difference between one recurrent model and another.

    make(*options) : what made this cell; a pickle holds that, and no compiled code.   gates : blocks of Z.
    n_states : arrays carried from step to step, h first.   bias : where that of each gate starts.
    shapes(D, H) : a named tuple of the shapes of W (gates, D, H), b (gates, H), start (n_states, H) or (0, H),
    U (gates, H, H), what else the model has, and gain (gates, H) or (0, H) of layer norm.
    forward(b, U, ..., gain, mask, *traces, first, last), backward(V, ..., gain, mask, *traces, dH, dS, db, dU, ...,
    dgain, first, last) : kernels, see ``_lstm.py``.
    """

    make: Callable
    options: tuple
    gates: int
    n_states: int
    bias: tuple
    shapes: Callable
    forward: Callable
    backward: Callable

    def __reduce__(self):
        return self.make, self.options


class Source(NamedTuple):
    """What a block sees: X, Y or the number of a block, from ``oldest`` steps back, ``width`` numbers, rows of W."""

    which: int
    oldest: int
    width: int
    at: int


class Block(NamedTuple):
    """A cell of the net: one direction of one layer."""

    H: int
    reverse: bool
    sources: tuple


class Readout(NamedTuple):
    """out = b + seen W.   W : (1, D, O).   b : (1, O)."""

    W: np.ndarray
    b: np.ndarray


class Net(NamedTuple):
    """Blocks in the order they are run, and what the readout sees.   x_lead, y_lead : rows of history of lags."""

    cell: Cell
    n_inputs: int
    n_outputs: int
    blocks: tuple
    readout: tuple
    x_lead: int
    y_lead: int
    shapes: tuple

    @property
    def bidirectional(self):
        """Whether a block walks back in time."""
        return any(block.reverse for block in self.blocks)

    @property
    def size(self):
        """Number of parameters."""
        return sum(int(np.prod(shape)) for part in self.shapes for shape in part)

    def views(self, theta):
        """Theta as a list of named tuples on its memory: one a block, then the readout's."""
        views, at = [], 0
        for part in self.shapes:
            arrays = []
            for shape in part:
                size = int(np.prod(shape))
                arrays.append(theta[at : at + size].reshape(shape))
                at += size
            views.append(type(part)(*arrays))
        return views

    def initial(self, rng, recurrent_init):
        """Glorot weights, orthogonal or Glorot recurrence, the cell's biases, gains of 1."""
        theta = np.zeros(self.size)
        *blocks, readout = self.views(theta)
        start = orthogonal if recurrent_init == "orthogonal" else glorot
        for p in blocks:
            for gate in range(self.cell.gates):
                p.W[gate] = glorot(rng, p.W[gate].shape)
                p.U[gate] = start(rng, p.U[gate].shape)
                p.b[gate] = self.cell.bias[gate]
            p.gain[:] = 1
        readout.W[0] = glorot(rng, readout.W[0].shape)
        return theta

    def decays(self):
        """1 for weights, 0 for the rest, (P,)."""
        mark = np.zeros(self.size)
        for p in self.views(mark):
            p.W[:] = 1
            if not isinstance(p, Readout):
                p.U[:] = 1
        return mark

    def turned(self, weights):
        """U of each block and W of each source the other way round, as the backward pass wants them."""

        def turn(W, at, K):
            V = np.empty((W.shape[0], W.shape[2], K), W.dtype)
            kernels.turn(W, at, V)
            return V

        *blocks, readout = weights
        U = [turn(p.U, 0, block.H) for p, block in zip(blocks, self.blocks)]
        parts = [*zip(blocks, (block.sources for block in self.blocks)), (readout, self.readout)]
        return U, [
            [turn(p.W, s.at, s.width) if s.which != X else None for s in sources] for p, sources in parts
        ]


def make_net(cell, n_inputs, n_outputs, hidden, input_lags, output_lags, bidirectional=False, skip=False):
    """Lay out a net.   hidden : widths of the layers."""
    lags, D = [], 0
    for which, width, each in ((X, n_inputs, input_lags), (Y, n_outputs, output_lags)):
        for oldest, length in runs(each) if width else ():
            lags.append(Source(which, oldest, length * width, D))
            D += length * width
    directions = (False, True) if bidirectional else (False,)
    blocks, shapes, layers = [], [], []
    for k, H in enumerate(hidden):
        sources = tuple(lags) if k == 0 or skip else ()
        if k > 0:
            sources = _append(sources, layers[-1], blocks)
        layers.append(range(len(blocks), len(blocks) + len(directions)))
        blocks += [Block(H, reverse, sources) for reverse in directions]
        shapes += [cell.shapes(_width(sources), H)] * len(directions)
    seen = tuple(lags) if skip else ()
    for layer in layers if skip else layers[-1:]:
        seen = _append(seen, layer, blocks)
    shapes.append(Readout((1, _width(seen), n_outputs), (1, n_outputs)))
    x_lead = max(input_lags, default=0) if n_inputs else 0
    return Net(
        cell, n_inputs, n_outputs, tuple(blocks), seen, x_lead, max(output_lags, default=0), tuple(shapes)
    )


def _width(sources):
    """Rows of W for some sources."""
    return sources[-1].at + sources[-1].width if sources else 0


def _append(sources, layer, blocks):
    """Sources, and the blocks of a layer after them."""
    for k in layer:
        sources = (*sources, Source(k, 0, blocks[k].H, _width(sources)))
    return sources


class Trace(NamedTuple):
    """What a cell leaves behind; see the docstrings of the cells' kernels."""

    Z: np.ndarray
    S: np.ndarray
    R: np.ndarray
    Q: np.ndarray
    unit: np.ndarray
    root: np.ndarray
    rows: np.ndarray


class Masks(NamedTuple):
    """Of one block: recurrent (B, H) on h as the recurrence sees it, output (T, B, H) on h as others do; or (0, 0)."""

    recurrent: np.ndarray
    output: np.ndarray

    def of(self, part):
        """The masks of some of the sequences, a slice."""
        return Masks(self.recurrent[part], self.output[:, part].copy())


class Tape:
    """Work space for B sequences of T steps; a forward pass leaves on it what the backward pass needs.

    ``S[k]`` (n_states, T + 1, B, H) are the states of block k: the caller sets step 0.  ``out`` : (T, B, O).
    ``dS[k]`` (2, B, H) : the gradient of the last states, which the caller sets, and then that of the first.
    """

    def __init__(self, net, B, T, dtype):
        self.net, self.B, self.T, self.dtype = net, B, T, dtype
        self._none = np.empty((0, 0), dtype)
        some = max(1, int(SPELL / (B * net.size)))
        self._spells = [(t, min(t + some, T)) for t in range(0, T, some)]
        self.traces, self.dH, self.dS = [], [], []
        for block, shapes in zip(net.blocks, net.shapes):
            H, G = block.H, net.cell.gates
            S = np.zeros((net.cell.n_states, T + 1, B, H), dtype)
            normed = G if shapes.gain[0] else 0
            self.traces.append(
                Trace(
                    np.empty((G, T, B, H), dtype),
                    S,
                    S[0, :T],
                    np.empty((T, B, H), dtype),
                    np.empty((normed, T, B, H), dtype),
                    np.empty((normed, T, B), dtype),
                    np.arange(T * B) * H,
                )
            )
            self.dS.append(np.zeros((2, B, H), dtype))
        self.S = [trace.S for trace in self.traces]
        self.out = np.empty((T, B, net.n_outputs), dtype)

    def place(self, x, x_at, y, y_at, lengths):
        """Choose the sequences: step 0 of each is row x_at (B,) of x (flat), row y_at of y; lengths (B,)."""
        self.x, self.y, self.y_at = x, y, y_at * self.net.n_outputs
        steps = np.arange(self.T)[:, None]
        self._forth = self._back = steps
        if self.net.bidirectional:  # steps beyond the end stay where they are
            self._back = np.where(steps < lengths, lengths - 1 - steps, steps)
        self._at = {X: (x_at, self.net.n_inputs), Y: (y_at, self.net.n_outputs)}
        self._placed = {}

    def _rows(self, source, reverse):
        """Where in its array each row of a source begins, (T B,)."""
        if source.which >= 0 and reverse == self.net.blocks[source.which].reverse:
            return self.traces[source.which].rows
        if (source, reverse) not in self._placed:
            steps = self._back if reverse else self._forth
            if source.which < 0:
                at, width = self._at[source.which]
                rows = (at - source.oldest) * width + steps * width
            else:
                rows = (self._back * self.B + np.arange(self.B)) * source.width
            self._placed[source, reverse] = rows.ravel()
        return self._placed[source, reverse]

    def _array(self, source):
        """The array of a source, flat."""
        if source.which < 0:
            return self.x if source.which == X else self.y
        return self._h[source.which].reshape(-1)

    def forward(self, weights, own=None, masks=None, feed=None):
        """Run; returns ``out``.

        own : (T, B, O) bool, True where y is not known: the output is written there, so y must be a private copy;
        None where all is known.   masks : for each block, ``Masks``.   feed(t, t + 1) : called after step t where
        some y is not known, to write there something else than the output.
        """
        net, T = self.net, self.T
        *blocks, readout = weights
        self.own = own
        self.masks = masks or [Masks(self._none, self._none)] * len(blocks)
        self._h = []  # as others see it
        for k, (mask, trace) in enumerate(zip(self.masks, self.traces)):
            h = trace.S[0]
            self.traces[k] = trace._replace(R=np.empty_like(trace.Q) if mask.recurrent.size else h[:T])
            self._h.append(np.empty_like(trace.Q) if mask.output.size else h[1:])
        early, late = [], []  # what can be done for all steps at once, and what goes step by step
        for k, (p, block) in enumerate(zip(blocks, net.blocks)):
            trace = self.traces[k]
            bias = np.zeros_like(p.b) if p.gain.size else p.b
            self._add_sources(p.W, bias, block.sources, block.reverse, trace.Z, early, late)
            late.append(partial(net.cell.forward, p.b, *p[3:], self.masks[k].recurrent, *trace))
            if self.masks[k].output.size:
                late.append(partial(_mask, trace.S[0, 1:], self.masks[k].output, self._h[k]))
        self._add_sources(readout.W, readout.b, net.readout, False, self.out[None], early, late)
        if own is None:
            early, late = early + late, []
        for step in early:
            for first, last in self._spells:
                step(first, last)
        if own is not None:
            late.append(feed or partial(kernels.feed, self.out, own, self.y_at, self.y))
            for t in range(T):
                for step in late:
                    step(t, t + 1)
        return self.out

    def _add_sources(self, W, b, sources, reverse, Z, early, late):
        """Schedule what fills Z."""
        for source in sources:
            step = partial(
                kernels.project,
                self._array(source),
                self._rows(source, reverse),
                W,
                source.at,
                source.width,
                b,
                Z,
            )
            (early if source.which == X else late).append(step)
            b = b[:0]

    def backward(self, weights, turned, dout, grads):
        """Back through time; adds to ``grads``, which are like ``weights``.

        dout : (T, B, O), dL/dout, in; out: with what came back through the outputs that were fed.
        """
        net, T = self.net, self.T
        U, V = turned
        if not self.dH:
            self.dH = [np.empty((T, self.B, block.H), self.dtype) for block in net.blocks]
        for dH in self.dH:
            dH.fill(0)
        own, dy = self.own, None
        steps = []
        if own is not None:
            dy = np.zeros_like(self.y)
            steps.append(partial(kernels.feed_back, dy, own, self.y_at, dout))
        self._add_back(dout[None], V[-1], net.readout, False, dy, steps)
        for k in range(len(net.blocks) - 1, -1, -1):
            p, g, mask = weights[k], grads[k], self.masks[k]
            if mask.output.size:
                steps.append(partial(_mask, self.dH[k], mask.output, self.dH[k]))
            arrays = (self.dH[k], self.dS[k], g.b, *g[3:])
            steps.append(partial(net.cell.backward, U[k], *p[4:], mask.recurrent, *self.traces[k], *arrays))
            self._add_back(self.traces[k].Z, V[k], net.blocks[k].sources, net.blocks[k].reverse, dy, steps)
        if own is None:
            for step in steps:
                for first, last in reversed(self._spells):
                    step(first, last)
        else:
            for t in range(T - 1, -1, -1):
                for step in steps:
                    step(t, t + 1)
        parts = [(t.Z, g, b.sources, b.reverse) for t, g, b in zip(self.traces, grads, net.blocks)]
        for Z, g, sources, reverse in [*parts, (dout[None], grads[-1], net.readout, False)]:
            normed = not isinstance(g, Readout) and g.gain.size  # then the cell has added to db
            db = g.b[:0] if normed else g.b
            for source in sources:
                kernels.outer(
                    self._array(source), self._rows(source, reverse), Z, source.at, source.width, g.W, db
                )
                db = db[:0]

    def _add_back(self, Z, V, sources, reverse, dy, steps):
        """Schedule what carries dL/dZ to its sources."""
        for source, v in zip(sources, V):
            if source.which >= 0:
                to = self.dH[source.which].reshape(-1)
            elif source.which == Y and dy is not None:
                to = dy
            else:
                continue
            steps.append(partial(kernels.scatter, Z, v, self._rows(source, reverse), to))


def _mask(h, mask, seen, first, last):
    """h, mask, seen : (T, B, H)."""
    np.multiply(h[first:last], mask[first:last], out=seen[first:last])
