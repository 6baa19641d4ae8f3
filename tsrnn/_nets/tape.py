"""Forward pass and back-propagation through time of a recurrent net, with their work space."""

from functools import partial
from itertools import pairwise
from math import prod
from operator import is_
from typing import NamedTuple

import numpy as np

from . import recurrent_kernels as kernels
from .recurrent import INPUTS, OUTPUTS, Readout


SPELL = 2.5e8  # multiplications of a compiled call: tens of milliseconds, after which Ctrl-C is heard


class Trace(NamedTuple):
    """Arrays of a cell that the backward pass reads; see the docstrings of the cells' kernels.

    Z : (G, T, B, H).   S : (n_states, T + 1, B, H).   R : (T, B, H), h as the recurrence sees it.   Q : (T, B, H).
    unit, root : (G, T, B, H), (G, T, B), of layer norm, or (0, ...).   rows : (T B,), offsets in h.
    """

    Z: np.ndarray
    S: np.ndarray
    R: np.ndarray
    Q: np.ndarray
    unit: np.ndarray
    root: np.ndarray
    rows: np.ndarray


class Masks(NamedTuple):
    """Dropout masks of a block: recurrent (B, H) on h in its recurrence, output (T, B, H) on h elsewhere; or (0, 0)."""

    recurrent: np.ndarray
    output: np.ndarray

    def of(self, sequences):
        """Select the masks of a slice of the sequences."""
        return Masks(self.recurrent[sequences], self.output[:, sequences].copy())


class Tape:
    """Work space for B sequences of T steps: the forward pass records what the backward pass needs.

    T is that of the longest sequence that was placed, ``most`` at most.   S[k] : (n_states, T + 1, B, H), the states of
    block k, of which the caller sets step 0.   out, dout : (T, B, O).
    h[k] : (reach + T + 1, B, H), S[k][0] and the rows before it that recurrent lags look back to, on the same memory.
    dh[k] : like h[k], the gradient that recurrent lags lead back.
    dS[k] : (2 or n_states, B, H), in: gradient with respect to the last states, out: to the first.
    reader : None; or what stands in place of the readout, which then reads no steps: lead_back(first, last) writes the
    gradients of steps to ``dH`` of its ``blocks``, and has those of the readout.
    """

    def __init__(self, net, B, most, dtype, reader=None):
        self.reader, self._written = reader, reader.blocks if reader else ()
        self.net, self.B, self.T, self.dtype, self.reaches = net, B, most, dtype, net.reaches
        self._none = np.empty((0, 0), dtype)
        self._spell = max(1, int(SPELL / (B * net.size)))
        self.dH, self.dh, self.dS, self._space, self._where = [], [], [], [], None
        self.cells, self.n_states = net.cells, net.n_states
        for block, cell, shapes, reach in zip(net.blocks, self.cells, net.shapes, self.reaches):
            H, G = block.H, cell.gates
            normed = G if shapes.gain[0] else 0
            sizes = (
                G * most * H,
                (reach + cell.n_states * (most + 1)) * H,
                most * H,
                normed * most * H,
                normed * most,
            )
            self._space.append([np.zeros(size * B, dtype) for size in sizes] + [np.arange(most * B) * H])
            self.dS.append(np.zeros((max(2, cell.n_states), B, H), dtype))
        self._space_of_out, self._space_of_dout = np.empty((2, most * B * net.n_outputs), dtype)
        # of the last passes: what they were of, and their steps, which the next ones of the same take again
        self._scheduled, self._schedule, self._scheduled_back, self._schedule_back = (), [], (), []
        self._constants = [constants_of(cell, block.H, dtype) for cell, block in zip(self.cells, net.blocks)]
        self._lay_out(most)

    def _lay_out(self, T):
        """View T steps of the work space, as contiguous as a shorter tape's."""
        self.T, B, self.traces, self.h, self.dH, self.dh = T, self.B, [], [], [], []

        def view(space, *shape):
            return space[: prod(shape)].reshape(shape)

        layers = zip(self.net.blocks, self.cells, self.net.shapes, self.reaches, self._space)
        for block, cell, shapes, reach, (Z, S, Q, unit, root, rows) in layers:
            H, G = block.H, cell.gates
            normed = G if shapes.gain[0] else 0
            self.h.append(view(S, reach + T + 1, B, H))
            S = view(S[reach * B * H :], cell.n_states, T + 1, B, H)
            norm = view(unit, normed, T, B, H), view(root, normed, T, B), rows[: T * B]
            self.traces.append(Trace(view(Z, G, T, B, H), S, S[0, :T], view(Q, T, B, H), *norm))
        self.S = [trace.S for trace in self.traces]
        self.out = view(self._space_of_out, T, B, self.net.n_outputs)
        self.dout = view(self._space_of_dout, T, B, self.net.n_outputs)

    def begin(self, k, states):
        """Set the states of block k before step 0, (n_states, ...) or (n_states + reach, ...), over (B, H)."""
        n, reach = self.n_states[k], self.reaches[k]
        self.S[k][:n, 0] = states[:n]
        if reach:
            self.h[k][:reach] = with_past(states, n + reach)[n:]

    def seen(self, k):
        """Return h of block k as others see it, (T, B, H), in the order of its own steps."""
        return self._h[k]

    def ends(self, k, steps, which):
        """Return the states of block k after some steps of some sequences, (n_states + reach, ..., H)."""
        states, reach = self.S[k][: self.n_states[k], steps, which], self.reaches[k]
        if not reach:
            return states
        return np.concatenate([states, self.h[k][np.add.outer(np.arange(reach), steps), which]])

    def of_start(self, k, which=slice(None)):
        """Return the gradient (n_states, H) of the state that some sequences begin with, and that their past is."""
        d, reach = self.dS[k][: self.n_states[k], which].sum(axis=1), self.reaches[k]
        if reach:
            d[0] += self.dh[k][:reach, which].sum(axis=(0, 1))
        return d

    def place(self, x, x_at, y, y_at, lengths, table=None):
        """Choose the sequences: step 0 of each is row x_at (B,) of flat x and row y_at (B,) of flat y; lengths (B,).

        table : (K, e) of labels, whose mixtures are fed back.
        """
        longest = int(lengths.max())
        if longest != self.T:
            self._lay_out(longest)
        self.x, self.y, self.y_at = x, y, y_at * self.net.y_width
        self.table = table
        where = longest, x_at.tobytes(), y_at.tobytes(), lengths.tobytes()
        if where == self._where:  # as those before: the many series of a panel are
            return
        self._at = {INPUTS: (x_at, self.net.n_inputs), OUTPUTS: (y_at, self.net.y_width)}
        as_long = self._where is not None and self._where[0] == longest
        if as_long and (not self.net.bidirectional or self._where[3] == where[3]):
            for (source, reverse), rows in self._placed.items():  # in place, for what is scheduled reads them
                if source.which < 0:
                    steps = (self._back if reverse else self._forth) * self._at[source.which][1]
                    np.add(self._begin_of(source), steps, rows.reshape(longest, -1))
            self._where = where
            return
        steps = np.arange(self.T)[:, None]
        self._forth = self._back = steps
        if self.net.bidirectional:  # steps beyond the end of a sequence are not reversed
            self._back = np.where(steps < lengths, lengths - 1 - steps, steps)
        self._placed, self._where, self._scheduled = {}, where, ()

    def _begin_of(self, source):
        """Return the offsets (B,) of step 0 of a source's rows."""
        at, width = self._at[source.which]
        return (at - source.oldest) * width

    def _rows(self, source, reverse):
        """Return the offsets (T B,) of a source's rows in its array.   reverse : None for its own order."""
        own = source.oldest == 0 and source.which >= 0
        if own and reverse in (None, self.net.blocks[source.which].reverse):
            return self.traces[source.which].rows
        if (source, reverse) not in self._placed:
            steps = self._back if reverse else self._forth
            if source.which < 0:
                rows = self._begin_of(source) + steps * self._at[source.which][1]
            elif source.oldest:  # its own h, in the order of its own steps
                first = self.reaches[source.which] + 1 - source.oldest
                rows = ((self._forth + first) * self.B + np.arange(self.B)) * source.width
            else:
                rows = (self._back * self.B + np.arange(self.B)) * source.width
            self._placed[source, reverse] = rows.ravel()
        return self._placed[source, reverse]

    def _array(self, source):
        """Return the array of a source, flat."""
        if source.which < 0:
            return self.x if source.which == INPUTS else self.y
        if source.oldest:
            return self.h[source.which].reshape(-1)
        return self._h[source.which].reshape(-1)

    def forward(self, weights, own=None, masks=None, feed=None, head=None):
        """Run T steps; return ``out`` (T, B, O).

        weights : ``Net.views(theta)``.   own : (>= T, B, O) or (>= T, B, 1) bool, True where y is unknown: the output
        is written there, so y must be a private copy; None if all is known.   masks : for each block, ``Masks``.
        feed(t, t + 1) : called after each step t that is fed, in place of feeding the output itself.
        head : with forward(first, last), which adds to the outputs of steps after the readout, and backward(first,
        last), which adds to ``dH`` what it leads back.
        """
        plain = own is None and masks is None and head is None
        of = (weights, self.x, self.y, self.S) if plain else ()
        if _are_those(of, self._scheduled):
            for step, first, last in self._schedule:
                step(first, last)
            return self.out
        early, late = self._steps(weights, own, masks, head)
        if own is None:
            early, late = early + late, []
        spells = self._spells(0, self.T)
        schedule = [(step, first, last) for step in early for first, last in spells]
        for step, first, last in schedule:
            step(first, last)
        self._scheduled, self._schedule = of, schedule if plain else []
        if own is not None:
            feed = feed or self._feed(own)
            for first, last in self._until_fed():
                for step in late:
                    step(first, last)
                feed(last - 1, last)
        return self.out

    def _steps(self, weights, own, masks, head):
        """Schedule a forward pass: what is done for all steps at once, and what goes step by step where any is fed."""
        net, T = self.net, self.T
        *blocks, readout = self._complete(weights)
        self.own, self.head = own, head
        self.masks = masks or [Masks(self._none, self._none)] * len(blocks)
        self._h = []  # of each block, (T, B, H), as other blocks see it
        for k, (mask, trace) in enumerate(zip(self.masks, self.traces)):
            h = trace.S[0]
            self.traces[k] = trace._replace(R=np.empty_like(trace.Q) if mask.recurrent.size else h[:T])
            self._h.append(np.empty_like(trace.Q) if mask.output.size else h[1:])
        early, late = [], []  # for all steps at once, and step by step
        for k, (p, block, cell) in enumerate(zip(blocks, net.blocks, self.cells)):
            trace = self.traces[k]
            bias = np.zeros_like(p.b) if p.gain.size else p.b
            past = block.past(k)
            self._add_sources(p.W, bias, block.sources, self._order(block), trace.Z, early, late, past)
            step = partial(cell.forward, p.b, p.U, *cell.given(p, self.masks[k].recurrent), *trace)
            if past:
                looks = []
                self._add_sources(p.W, bias[:0], past, block.reverse, trace.Z, looks, looks)
                step = partial(_in_turn, [*looks, step], past[0].oldest)
            late.append(step)
            if self.masks[k].output.size:
                late.append(partial(_mask, trace.S[0, 1:], self.masks[k].output, self._h[k]))
        if self.reader is None:
            self._add_sources(readout.W, readout.b, net.readout, self._read, self.out[None], early, late)
        if head is not None:
            late.append(head.forward)
        return early, late

    @property
    def _read(self):
        """Whether the readout goes from the last row to the first; None for the order of each block."""
        return None if self.net.own_order else False

    def _order(self, block):
        """Return whether a block goes from the last row to the first; a dense one goes as the readout does."""
        return self._read if block.dense else block.reverse

    def _complete(self, weights):
        """Replace some weights by constants of the cell."""
        if not any(self._constants):
            return weights
        return [*(p._replace(**c) for p, c in zip(weights, self._constants)), weights[-1]]

    def _spells(self, first, last):
        """Cut steps first <= t < last into those of a compiled call each."""
        return [(t, min(t + self._spell, last)) for t in range(first, last, self._spell)]

    def _until_fed(self):
        """Cut the steps after each whose output is fed back, for none after it can be run without."""
        cuts = np.flatnonzero(self.own[: self.T - 1].any(axis=(1, 2))) + 1
        return [spell for a, b in pairwise([0, *cuts.tolist(), self.T]) for spell in self._spells(a, b)]

    def _feed(self, own):
        """Return the function that writes outputs, or their probabilities, where y is not known."""
        if self.table is not None:
            self.shares = np.empty_like(self.out)
            return partial(kernels.feed_mixtures, self.out, own, self.y_at, self.table, self.shares, self.y)
        if self.net.link == "identity":
            return partial(kernels.feed, self.out, own, self.y_at, self.y)
        return partial(kernels.feed_shares, self.out, own, self.y_at, self.y, self.net.link == "softmax")

    def _add_sources(self, W, b, sources, reverse, Z, early, late, but=()):
        """Schedule the projections of all sources into Z (G, T, B, H)."""
        for source in sources:
            if source in but:
                continue
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
            (early if source.which == INPUTS else late).append(step)
            b = b[:0]

    def backward(self, weights, turned, dout, grads, dx=None, dy=None, dtable=None):
        """Back-propagate through time; add the gradients to ``grads``, named tuples of arrays like ``weights``.

        turned : transposed weights, from ``Net.turned``.   dout : (T, B, O), in: dL/dout at fixed feedback, out: with
        the gradient through the outputs that were fed.   dx, dy : flat like x and y, in, out, of what was looked up, or
        None.   dtable : (K, e), in, out, of what mixtures were fed of.
        """
        net, T = self.net, self.T
        plain = bool(self._schedule) and not any(self.reaches)
        of = (weights, turned, dout, grads, self._schedule, dx, dy) if plain else ()
        if _are_those(of, self._scheduled_back):
            self._clear_gradients()
            for step, *args in self._schedule_back:
                step(*args)
            return
        weights, (U, V) = self._complete(weights), turned
        self._clear_gradients()
        fed, steps = self.own, []
        self._dx = dx
        if fed is not None:
            dy = np.zeros_like(self.y) if dy is None else dy
            steps.append(self._feed_back(dout, dy, dtable))
        if self.reader is None:
            self._add_back(dout[None], V[-1], net.readout, self._read, dy, steps)
        else:
            steps.append(self.reader.lead_back)
        if self.head is not None:
            steps.append(self.head.backward)
        for k in range(len(net.blocks) - 1, -1, -1):
            self._add_block_back(k, weights[k], grads[k], U[k], V[k], dy, steps)
        schedule = []
        if fed is None:
            spells = self._spells(0, T)[::-1]
            schedule = [(step, *spell) for step in steps for spell in spells]
            for step, first, last in schedule:
                step(first, last)
        else:
            for first, last in reversed(self._until_fed()):
                for step in steps:
                    step(first, last)
        for dS, dh, reach in zip(self.dS, self.dh, self.reaches):
            if reach:
                dS[0] += dh[reach]
        schedule += self._add_outer(grads, dout)
        self._scheduled_back, self._schedule_back = of, schedule if plain else []

    def _clear_gradients(self):
        """Set the gradients of states to 0, made for as many steps as were placed."""
        if not self.dH:
            self.dH = [np.empty((self.T, self.B, block.H), self.dtype) for block in self.net.blocks]
            self.dh = [np.empty_like(h if reach else h[:0]) for h, reach in zip(self.h, self.reaches)]
        for d in (*(d for k, d in enumerate(self.dH) if k not in self._written), *self.dh):
            d.fill(0)

    def _feed_back(self, dout, dy, dtable):
        """Return the step that leads the gradient dy of fed outputs to ``dout``."""
        if self.table is not None:
            arrays = self.own, self.y_at, self.table, self.shares, dout, dtable
            return partial(kernels.feed_mixtures_back, dy, *arrays)
        if self.net.link == "identity":
            return partial(kernels.feed_back, dy, self.own, self.y_at, dout)
        joint = self.net.link == "softmax"
        return partial(kernels.feed_shares_back, dy, self.own, self.y_at, self.y, dout, joint)

    def _add_block_back(self, k, p, g, U, V, dy, steps):
        """Schedule the steps of block k, of weights p and gradients g; U, V : its transposed weights."""
        block, cell, mask = self.net.blocks[k], self.cells[k], self.masks[k]
        if mask.output.size:
            steps.append(partial(_mask, self.dH[k], mask.output, self.dH[k]))
        arrays = (self.dH[k], self.dS[k], g.b, *g[4:])
        step = partial(cell.backward, U, *cell.given(p, mask.recurrent), *self.traces[k], *arrays)
        past = block.past(k)
        if past:
            looks = []
            turned_back = [v for s, v in zip(block.sources, V) if s in past]
            self._add_back(self.traces[k].Z, turned_back, past, block.reverse, dy, looks)
            # Apart from ``dH``, which the mask of what other blocks see has still to go over.
            felt = partial(_add, self.dh[k][len(self.dh[k]) - self.T :], self.dH[k])
            step = partial(_in_turn_back, [felt, step, *looks], past[0].oldest)
        steps.append(step)
        self._add_back(self.traces[k].Z, V, block.sources, self._order(block), dy, steps, past)

    def _add_outer(self, grads, dout):
        """Add the gradients of weights and biases; returns the calls, to be made again."""
        blocks, calls = self.net.blocks, []
        for cell, trace, g in zip(self.cells, self.traces, grads):
            for seen, Z, dU in cell.factors(trace, g):
                calls.append((kernels.outer, seen.reshape(-1), trace.rows, Z, 0, Z.shape[3], dU))
        layers = [(t.Z, g, b.sources, self._order(b)) for t, g, b in zip(self.traces, grads, blocks)]
        if self.reader is None:
            layers.append((dout[None], grads[-1], self.net.readout, self._read))
        for Z, g, sources, reverse in layers:
            for source in sources:
                calls.append(self._of_weights(Z, g, source, self._rows(source, reverse)))
            # with layer norm the cell has added to db
            if isinstance(g, Readout) or not g.gain.size:
                calls.append(kernels.of_biases(Z, g.b))
        for kernel, *args in calls:
            kernel(*args)
        return calls

    def _of_weights(self, Z, g, source, rows):
        """Return the call that adds the gradient of the weights of a source."""
        a, at, K, n = self._array(source), source.at, source.width, Z.shape[1] * Z.shape[2]
        if len(Z) == Z.shape[3] == 1 and source.which >= 0 and rows is self.traces[source.which].rows:
            # One column, as most readouts have, is a row of products with h, side by side in vectors.
            below, column = a[: n * K].reshape(1, n, K), g.W.reshape(-1)[at : at + K]
            return kernels.scatter, Z.reshape(1, 1, 1, n), below, np.zeros(1, int), column, 0, 1
        return kernels.outer, a, rows, Z, at, K, g.W

    def _add_back(self, Z, V, sources, reverse, dy, steps, but=()):
        """Schedule the propagation of dL/dZ (G, T, B, H) to its sources."""
        for source, v in zip(sources, V):
            if source in but:
                continue
            if source.oldest and source.which >= 0:
                target = self.dh[source.which].reshape(-1)
            elif source.which >= 0:
                target = self.dH[source.which].reshape(-1)
            elif source.which == OUTPUTS and dy is not None:
                target = dy
            elif source.which == INPUTS and self._dx is not None:
                target = self._dx
            else:
                continue
            steps.append(partial(kernels.scatter, Z, v, self._rows(source, reverse), target))


def _are_those(of, others):
    """Return whether these are the same objects, if there are any."""
    return bool(of) and len(of) == len(others) and all(map(is_, of, others))


def constants_of(cell, H, dtype):
    """Return what a layer of H units has in place of parameters, {field: array}."""
    return {} if cell.constants is None else {k: a.astype(dtype) for k, a in cell.constants(H).items()}


def with_past(states, n):
    """Return states (n_states, ...) and, up to n rows, the h before, (n, ...): by default all the first h."""
    missing = n - len(states)
    return np.concatenate([states, np.repeat(states[:1], missing, axis=0)]) if missing > 0 else states[:n]


def _in_turn(steps, length, first, last):
    """Take steps, ``length`` rows at a time: so many that none needs what follows."""
    for t in range(first, last, length):
        for step in steps:
            step(t, min(t + length, last))


def _in_turn_back(steps, length, first, last):
    """Run the steps in turn from the last row to the first."""
    for t in range(first + (last - first - 1) // length * length, first - 1, -length):
        for step in steps:
            step(t, min(t + length, last))


def _add(d, total, first, last):
    """Add total <- total + d.   d, total : (T, B, H)."""
    total[first:last] += d[first:last]


def _mask(h, mask, seen, first, last):
    """Multiply seen <- h mask.   h, mask, seen : (T, B, H)."""
    np.multiply(h[first:last], mask[first:last], out=seen[first:last])
