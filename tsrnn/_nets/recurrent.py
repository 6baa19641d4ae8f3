"""A recurrent net as a composition of cells: layers, directions, skip connections, lags, readout.

    v_l(t) = [x(t - lags), y(t - lags)] for the first layer, h_{l-1}(t) for the others
    h_l(t) = cell_l(v_l(t), state_l(t - 1))                 with recurrent lags v_l(t) has h_l(t - lag), too
    out(t) = c + h_n(t) V                                   or of dense layers tanh(... h_n(t) ...) before it

With ``skip`` every layer also sees the lags, and the readout sees them and every layer.  A bidirectional layer has
a second cell that walks from the last row of a sequence to the first.  y(t - k) is the measured value where it is
known, and the net's own output where it is not; of scores of classes, their probabilities.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._series.lags import lags_in, runs
from .._training.initial import glorot, orthogonal
from .._values import kept
from . import dense
from .convolution import ConvolutionFront
from .symbols import Symbols
from .views import count, views_of


INPUTS, OUTPUTS = -2, -1  # sources other than blocks, which are numbered from 0


class Layout(NamedTuple):
    """Layout of a cell's weights in another framework.

    order : (gates,), position of each of our gates in its weights.   inner : the gate whose second bias, d, acts within
    a product with another gate; None if both biases add up.   lacks : the option of this cell that the framework
    lacks, such as "peepholes"; "" for none.
    """

    order: tuple
    inner: int | None = None
    lacks: str = ""


def factors(trace, g):
    """Return what dL/dU is a product of, once the backward pass is done: triples (what U sees, dL/dZ, dL/dU).

    The kernel that adds the gradients of input weights makes the product, so that no cell compiles a second one.
    """
    return ((trace.R, trace.Z, g.U),) if g.U.size else ()


class Cell(NamedTuple):
    """All that distinguishes one recurrent model from another.

    make(**options) : the function of a module that made this cell, decorated with ``kept``: files hold its word and the
    options, no compiled code.   gates : blocks of Z.   n_states : arrays carried from step to step, h first.   bias :
    initial bias of each gate.
    shapes(D, H) : a named tuple of the shapes of W (gates, D, H), b (gates, H), start (n_states, H) or (0, H),
    U (gates, H, H), or (0, H, H) if no gate sees h, further parameters, and gain (gates, H) or (0, H) of layer
    norm.
    forward(b, U, ..., gain, mask, *traces, first, last), backward(V, ..., gain, mask, *traces, dH, dS, db, ..., dgain,
    first, last) : kernels, see ``lstm.py``.   factors(trace, gradients) : of dL/dU, see below.
    apart : None where the states of a unit depend on gates of others, but for h U; else the gate whose h U + d, with d
    the parameters after U, lies within a product of gates, and whose gradient is found in Q; -1 for none.
    terms(layer) : its equations for export, see ``equations.py``.   torch, keras : ``Layout`` of its weights there.
    Export raises where one is missing.   draw(rng, p) : fill the further parameters of a named tuple, if 0 is no start.
    dream : kernel that draws label after label, see ``dream_v1.py``, or None.   constants(H) : what stands in place of
    parameters of which theta has none, {field: array}, or None.   feel(*parameters, at, ..., state, out) : kernel
    of forward sensitivities where ``apart`` is None, see ``lru.py``; or None.   spread(p, whole) : make units of a
    layer begin with memories from short to long, longer ones where a series has one answer, or None.   optional : the
    parameters that kernels take as None where a net lacks them, see ``given``.
    """

    make: Callable
    options: dict
    gates: int
    n_states: int
    bias: tuple
    shapes: Callable
    forward: Callable
    backward: Callable
    terms: Callable | None = None
    torch: Layout | None = None
    keras: Layout | None = None
    draw: Callable | None = None
    apart: int | None = None
    dream: Callable | None = None
    constants: Callable | None = None
    feel: Callable | None = None
    spread: Callable | None = None
    optional: tuple = ()
    factors: Callable = factors

    def given(self, p, mask):
        """Return the parameters p after U, and a mask of h; None for what is optional, if none of it is there.

        The code for these is then left out of a kernel, which takes a third less time to compile. A kernel with some
        of them has the code for all, and empty arrays: there are two of it, not one for each combination.
        """
        if self.optional and not (mask.size or any(getattr(p, name).size for name in self.optional)):
            p, mask = p._replace(**dict.fromkeys(self.optional)), None
        return *p[4:], mask

    @property
    def has_sensitivities(self):
        """Whether there are forward sensitivities of its states."""
        return self.apart is not None or self.feel is not None

    def __reduce__(self):
        return _remade, (self.make, self.options)

    def _made(self):
        return self.make, self.options


DENSE = Cell(None, {}, 1, 1, (0,), dense.shapes, dense.forward, dense.backward, dense.terms, apart=-1)


def _remade(make, options):
    """Make a cell from its options."""
    return make(**options)


@kept("source")
class Source(NamedTuple):
    """Input of a block.

    which : INPUTS, OUTPUTS or the number of a block.   oldest : first lag; of the block itself the lag, of another
    block 0.   width : numbers, lags times columns.   at : first row of W.
    """

    which: int
    oldest: int
    width: int
    at: int


@kept("block")
class Block(NamedTuple):
    """One direction of one layer, H units wide; or a dense layer, whose state no row takes from the one before."""

    H: int
    reverse: bool
    sources: tuple
    dense: bool = False

    def past(self, k):
        """Return its own h as sources, if it is block k: a lag each, ascending."""
        return [s for s in self.sources if s.which == k]


class Readout(NamedTuple):
    """out = b + seen W.   W : (1, D, O).   b : (1, O)."""

    W: np.ndarray
    b: np.ndarray


class Net(NamedTuple):
    """Blocks in the order of their evaluation, and the sources of the readout.

    x_lead, y_lead : rows of history that the lags need.   shapes : of the parameters, a named tuple per block.
    link : what is fed back of the outputs, see ``labels.shares``.   symbols : what is looked up in front of it, whose
    tables lead theta; or None.   front : convolution behind that, whose weights come next; or None.   own_order :
    whether the readout sees the blocks in the order of their own steps, so that its last row is of what each direction
    ends with.
    """

    cell: Cell
    n_inputs: int
    n_outputs: int
    blocks: tuple
    readout: tuple
    x_lead: int
    y_lead: int
    shapes: tuple
    link: str = "identity"
    symbols: Symbols | None = None
    front: ConvolutionFront | None = None
    own_order: bool = False

    def _made(self):
        content = self._asdict()
        del content["shapes"]  # which follow from the other fields
        return lay_out, content

    @property
    def lead(self):
        """Rows of history that the first step needs, of x or y."""
        return max(self.x_history, self.y_lead)

    @property
    def x_history(self):
        """Rows of history that it needs of x."""
        return self.front.history(self.x_lead) if self.front else self.x_lead

    @property
    def rate(self):
        """Rows that a step of the net takes in."""
        return self.front.rate if self.front else 1

    @property
    def bidirectional(self):
        """True if a block runs backward in time."""
        return any(block.reverse for block in self.blocks)

    @property
    def cells(self):
        """The cell of each block."""
        return [DENSE if block.dense else self.cell for block in self.blocks]

    @property
    def n_states(self):
        """Of each block, the arrays that are carried from row to row."""
        return [0 if block.dense else self.cell.n_states for block in self.blocks]

    @property
    def reaches(self):
        """Of each block, the rows of h before the last that recurrent lags look back to."""
        return [max((s.oldest for s in block.past(k)), default=1) - 1 for k, block in enumerate(self.blocks)]

    @property
    def skipping(self):
        """Lags of the inputs, and of the outputs, that the readout sees."""
        sources = (INPUTS, self.n_inputs), (OUTPUTS, self.y_width)
        return tuple(
            lags_in((s.oldest, s.width // width) for s in self.readout if s.which == of)
            for of, width in sources
        )

    @property
    def size(self):
        """Number of parameters."""
        return self.n_looked_up + sum(map(count, self.shapes))

    @property
    def n_looked_up(self):
        """Parameters in front, of the tables of symbols and of convolution."""
        return self.n_tables + (self.front.size if self.front else 0)

    @property
    def n_tables(self):
        """Parameters of the tables of symbols, which come first."""
        return self.symbols.size if self.symbols else 0

    def in_front(self, theta):
        """Return the parameters of convolution."""
        return theta[self.n_tables : self.n_looked_up]

    def inputs(self, theta, X):
        """Return x as the net sees it, (N, D'), of rows X (N, D); what lacks history in convolution is 0."""
        X = self.symbols.inputs(theta, X) if self.symbols else X
        return self.front.run(self.in_front(theta), X) if self.front else X

    @property
    def n_columns(self):
        """D, columns of x as it is given."""
        if self.symbols:
            return self.symbols.n_columns
        return self.front.columns if self.front else self.n_inputs

    @property
    def y_width(self):
        """Numbers in a row of y as it is seen."""
        return self.symbols.labels[1] if self.codes_labels else self.n_outputs

    @property
    def codes_labels(self):
        """Whether y is given as codes, which are looked up."""
        return bool(self.symbols and self.symbols.labels)

    def views(self, theta):
        """Split theta (P,) into named tuples of views: one per block, then the readout's."""
        views, at = [], self.n_looked_up
        for group in self.shapes:
            views.append(type(group)(*views_of(theta[at:], group)))
            at += count(group)
        return views

    def same_as(self, other):
        """Return whether parameters of either net fit the other."""
        return self._replace(cell=self.cell.options) == other._replace(cell=other.cell.options)

    def initial(self, rng, recurrent_init):
        """Draw theta (P,): Glorot weights, orthogonal or Glorot recurrences, the cell's biases, gains of 1."""
        theta = np.zeros(self.size)
        if self.symbols:
            self.symbols.initial(theta, rng)
        if self.front:
            self.front.initial(self.in_front(theta), rng)
        *blocks, readout = self.views(theta)
        start = orthogonal if recurrent_init == "orthogonal" else glorot
        for k, (p, block, cell) in enumerate(zip(blocks, self.blocks, self.cells)):
            past = block.past(k)
            share = (len(past) + (len(p.U) > 0)) ** -0.5 if past else 1.0  # so that h keeps its size
            for gate in range(cell.gates):
                p.W[gate] = glorot(rng, p.W[gate].shape)
                if gate < len(p.U):
                    p.U[gate] = start(rng, p.U[gate].shape) * share
                for s in past:
                    p.W[gate, s.at : s.at + s.width] = start(rng, (block.H, block.H)) * share
                p.b[gate] = cell.bias[gate]
            p.gain[:] = 1
            if cell.draw is not None:
                cell.draw(rng, p)
        readout.W[0] = glorot(rng, readout.W[0].shape)
        return theta

    def decays(self):
        """Mark the weights that decay, (P,): 1 for matrices and embeddings, 0 for the rest."""
        mark = np.zeros(self.size)
        mark[: self.n_looked_up] = 1
        if self.front:
            self.front.decays(self.in_front(mark))
        for p in self.views(mark):
            for a in p:
                a[:] = a.ndim == 3
        return mark

    def turned(self, weights, inputs=False, into=None):
        """Transpose U of each block and W of each source for the backward pass, of inputs if they are asked for.

        into : what an earlier call returned, to be written over and returned.
        """

        def turn(W, at, K, V):
            rows = W[:, at : at + K].swapaxes(1, 2)
            V = np.empty(rows.shape, W.dtype) if V is None else V
            V[:] = rows
            return V

        *blocks, readout = weights
        looks_up = inputs or bool(self.front or (self.symbols and self.symbols.columns))
        readers = [*zip(blocks, (block.sources for block in self.blocks)), (readout, self.readout)]
        U, V = into or ([None] * len(blocks), [[None] * len(sources) for _, sources in readers])
        U[:] = [turn(p.U, 0, block.H, u) for p, block, u in zip(blocks, self.blocks, U)]
        for (p, sources), turned in zip(readers, V):
            turned[:] = [
                turn(p.W, s.at, s.width, v) if s.which != INPUTS or looks_up else None
                for s, v in zip(sources, turned)
            ]
        return into or (U, V)


def make_net(
    cell,
    n_inputs,
    n_outputs,
    hidden,
    input_lags,
    output_lags,
    bidirectional=False,
    skip=False,
    link="identity",
    symbols=None,
    recurrent_lags=(1,),
    dense_widths=(),
    front=None,
    own_order=False,
):
    """Lay out a net.

    n_inputs : as it sees them.   hidden : widths of the layers.   input_lags, output_lags : of the first layer.
    recurrent_lags : of h, ascending; lag 1 is the cell's own.   dense_widths : of layers before the readout.
    """
    y_width = symbols.labels[1] if symbols and symbols.labels else n_outputs
    lags = _of_lags((n_inputs, y_width), (input_lags, output_lags))
    directions = (False, True) if bidirectional else (False,)
    blocks, layers = [], []
    for k, H in enumerate(hidden):
        sources = lags if k == 0 or skip else ()
        if k > 0:
            sources = _append(sources, layers[-1], blocks)
        layers.append(range(len(blocks), len(blocks) + len(directions)))
        for reverse in directions:
            read = sources
            for lag in recurrent_lags:
                if lag > 1:
                    read = (*read, Source(len(blocks), lag, H, _width(read)))
            blocks.append(Block(H, reverse, read))
    read = lags if skip else ()
    for layer in layers if skip else layers[-1:]:
        read = _append(read, layer, blocks)
    for H in dense_widths:
        blocks.append(Block(H, False, read, dense=True))
        read = _append(read if skip else (), (len(blocks) - 1,), blocks)
    x_lead, y_lead = max(input_lags, default=0) if n_inputs else 0, max(output_lags, default=0)
    sizes, leads = (n_inputs, n_outputs), (x_lead, y_lead)
    return lay_out(cell, *sizes, tuple(blocks), read, *leads, link, symbols, front, own_order)


def _of_lags(widths, lags):
    """List the sources that are lags: of inputs, and of outputs."""
    sources, D = [], 0
    for origin, width, lags_of in zip((INPUTS, OUTPUTS), widths, lags):
        for oldest, length in runs(lags_of) if width else ():
            sources.append(Source(origin, oldest, length * width, D))
            D += length * width
    return tuple(sources)


@kept("recurrent net")
def lay_out(
    cell,
    n_inputs,
    n_outputs,
    blocks,
    readout,
    x_lead,
    y_lead,
    link="identity",
    symbols=None,
    front=None,
    own_order=False,
):
    """Make a net of blocks with known sources; see ``Net``."""
    cells = [DENSE if block.dense else cell for block in blocks]
    shapes = [of.shapes(_width(block.sources), block.H) for of, block in zip(cells, blocks)]
    shapes.append(Readout((1, _width(readout), n_outputs), (1, n_outputs)))
    sizes, leads = (n_inputs, n_outputs), (x_lead, y_lead)
    return Net(cell, *sizes, blocks, readout, *leads, tuple(shapes), link, symbols, front, own_order)


def abreast(net, thetas):
    """Join k nets of one layout to one whose output is the mean of theirs; returns it and its parameters."""
    net, thetas = _with_joined_tables(net, thetas) if net.symbols else (net, thetas)
    k, n, blocks = len(thetas), len(net.blocks), []
    lags = tuple(s for s in net.readout if s.which < 0)
    read, shared = lags, _width(lags)
    for j in range(k):
        for block in net.blocks:
            sources = tuple(s if s.which < 0 else s._replace(which=s.which + j * n) for s in block.sources)
            blocks.append(block._replace(sources=sources))
        for s in net.readout[len(lags) :]:
            read = (*read, s._replace(which=s.which + j * n, at=_width(read)))
    sizes = net.n_inputs, net.n_outputs, tuple(blocks), read
    wide = lay_out(net.cell, *sizes, net.x_lead, net.y_lead, net.link, net.symbols, own_order=net.own_order)
    theta = np.zeros(wide.size)
    theta[: net.n_tables] = thetas[0][: net.n_tables]
    *groups, readout = wide.views(theta)
    D = (len(readout.W[0]) - shared) // k
    for j, member in enumerate(map(net.views, thetas)):
        for group, of_member in zip(groups[j * n :], member[:-1]):
            for array, values in zip(group, of_member):
                array[:] = values
        W, b = member[-1]
        readout.W[0, :shared] += W[0, :shared] / k
        readout.W[0, shared + j * D : shared + (j + 1) * D] = W[0, shared:] / k
        readout.b[:] += b / k
    return wide, theta


def _with_joined_tables(net, thetas):
    """Give nets the tables of all of them side by side, of which each still sees its own."""
    symbols, tables = net.symbols.widened(len(thetas)), net.symbols.joined(thetas)
    joined = []
    for j, theta in enumerate(thetas):
        x_places, y_places = net.symbols.own_of_joined(j, len(thetas))
        sees = {INPUTS: np.eye(symbols.width)[:, x_places]}
        if net.codes_labels:
            sees[OUTPUTS] = np.eye(symbols.labels[1])[:, y_places]
        wide, own = _seen_through(net, theta, sees, symbols)
        joined.append(np.concatenate([tables, own]))
    return wide, joined


def fused(net, theta):
    """Join nets that stand ``abreast`` layer by layer, with zeros between them; a net alone stays as it is."""
    first = [
        all(s.which in (INPUTS, OUTPUTS, b) for s in block.sources) for b, block in enumerate(net.blocks)
    ]
    k = sum(first) // (1 + net.bidirectional)
    if k == 1:
        return net, theta
    n, members = len(net.blocks) // k, range(k)
    blocks = tuple(
        block._replace(H=k * block.H, sources=_widened(block.sources, k)) for block in net.blocks[:n]
    )
    lags = sum(s.which < 0 for s in net.readout)
    each = (len(net.readout) - lags) // k
    read = [net.readout[:lags] + net.readout[lags + j * each :][:each] for j in members]
    sizes = net.n_inputs, net.n_outputs, blocks, _widened(read[0], k)
    wide = lay_out(net.cell, *sizes, net.x_lead, net.y_lead, net.link, own_order=net.own_order)
    joined, views = np.zeros(wide.size), net.views(theta)
    *groups, readout = wide.views(joined)
    for i, (group, block) in enumerate(zip(groups, blocks)):
        for j in members:
            of_member, units = views[j * n + i], slice(j * net.blocks[i].H, (j + 1) * net.blocks[i].H)
            for name, values in of_member._asdict().items():
                if name == "U" and values.size:
                    group.U[:, units, units] = values
                elif name != "W" and values.size:
                    getattr(group, name)[..., units] = values
            _fill(group.W[:, :, units], block.sources, of_member.W, net.blocks[j * n + i].sources, j)
    for j in members:
        _fill(readout.W, wide.readout, views[-1].W, read[j], j)
    readout.b[:] = views[-1].b
    return wide, joined


def _widened(sources, k):
    """Return the sources of nets that stand k abreast: lags are theirs all, blocks k times as wide."""
    wide = ()
    for s in sources:
        wide = (*wide, s._replace(width=s.width if s.which < 0 else k * s.width, at=_width(wide)))
    return wide


def _fill(W, sources, of_member, its_sources, j):
    """Write the weights of member j into those of all, W (G, D, H)."""
    for s, its in zip(sources, its_sources):
        at = s.at if s.which < 0 else s.at + j * its.width
        W[:, at : at + its.width] = of_member[:, its.at : its.at + its.width]


def beside_lags(net, theta, lags, linear, share):
    """Return a net whose readout sees lags too: ``share`` of a net and the rest of a linear model of them.

    lags : of inputs and of outputs; those that the readout sees already, if it does.   linear : (W, b).   Returns the
    net and its parameters.
    """
    leads = (max(lead, *of, 0) for lead, of in zip((net.x_lead, net.y_lead), lags))
    lags = _of_lags((net.n_inputs, net.y_width), lags)
    *blocks, last = net.views(theta)
    D, seen = _width(lags), _width(tuple(s for s in net.readout if s.which < 0))
    above = tuple(s._replace(at=s.at - seen + D) for s in net.readout if s.which >= 0)
    wide = lay_out(net.cell, net.n_inputs, net.n_outputs, net.blocks, lags + above, *leads, net.link)
    blended = np.zeros(wide.size)
    *groups, readout = wide.views(blended)
    for group, of_net in zip(groups, blocks):
        for array, values in zip(group, of_net):
            array[:] = values
    readout.W[0, :D] = (1 - share) * linear.W
    readout.W[0, :seen] += share * last.W[0, :seen]  # the same lags, or none
    readout.W[0, D:] = share * last.W[0, seen:]
    readout.b[0] = share * last.b[0] + (1 - share) * linear.b
    return wide, blended


def folded(net, theta):
    """Fold the embeddings of labels into the weights, for labels given as shares: p E W_k is p times one matrix.

    Categories of X are looked up in front of it.
    """
    if net.symbols is None:
        return net, theta
    return _seen_through(net, theta, {OUTPUTS: net.symbols.of_labels(theta)} if net.codes_labels else {})


def _seen_through(net, theta, matrices, symbols=None):
    """Return the net, and its weights, that sees v in place of v M.   matrices : {INPUTS or OUTPUTS: M (V, V')}."""
    *blocks, readout = net.views(theta)

    def fold(sources, W):
        """Return sources and their weights (G, D, H)."""
        new_sources, pieces, at = [], [], 0
        for s in sources:
            piece = W[:, s.at : s.at + s.width]
            if s.which in matrices:
                G, _, H = piece.shape
                by_lag = piece.reshape(G, -1, matrices[s.which].shape[1], H)
                piece = np.einsum("ke,gleh->glkh", matrices[s.which], by_lag).reshape(G, -1, H)
            new_sources.append(s._replace(at=at, width=piece.shape[1]))
            pieces.append(piece)
            at += piece.shape[1]
        return tuple(new_sources), np.concatenate(pieces, axis=1)

    inputs = [fold(block.sources, p.W) for block, p in zip(net.blocks, blocks)]
    read = fold(net.readout, readout.W)
    groups = [p._replace(W=W) for p, (_, W) in zip((*blocks, readout), (*inputs, read))]
    layers = tuple(block._replace(sources=sources) for block, (sources, _) in zip(net.blocks, inputs))
    n_inputs = symbols.width if symbols else net.n_inputs
    leads = net.x_lead, net.y_lead
    sizes = n_inputs, net.n_outputs
    plain = lay_out(net.cell, *sizes, layers, read[0], *leads, net.link, symbols, own_order=net.own_order)
    return plain, np.concatenate([a.ravel() for p in groups for a in p])


def _width(sources):
    """Count the rows of W for sources in order."""
    return sources[-1].at + sources[-1].width if sources else 0


def _append(sources, layer, blocks):
    """Append the blocks of a layer to sources."""
    for k in layer:
        sources = (*sources, Source(k, 0, blocks[k].H, _width(sources)))
    return sources
