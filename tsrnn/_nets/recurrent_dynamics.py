"""A fitted recurrent net: its runs over a series, a block of rows or many free runs at a time."""

from dataclasses import dataclass
from functools import cached_property
from threading import local

import numpy as np

from .._series.labels import shares
from .._values import kept
from . import equations
from .convolution import make_sight
from .dynamics import Dynamics, side_by_side
from .memory import constant, moved_on
from .recurrent import INPUTS, OUTPUTS, Net
from .tape import Tape, with_past


LINE = 16  # float32 numbers in a line of the cache
BLOCK = 2048  # rows followed at a time: bounds the work space
ORIGINS, RUN_ROWS = 256, 2**14  # free runs side by side, and rows of all of them: bounds the work space
# rows, up to which a thread keeps the work space for the next series of a panel, or row of a stream
SHORT = 64
PRECISIONS = {"single": np.float32, "double": np.float64}
MOST_STARTS = 200  # series of training whose starts tell which cold state is better


@kept("recurrent network")
@dataclass(frozen=True, eq=False)
class RecurrentDynamics(Dynamics):
    """A recurrent net and its parameters.

    mean : inputs (D,) and outputs (O,) of training.   cold_states : of each block, (n_states, H), where a series of
    unknown past starts; None for the first states.   precision : "single" or "double", in which rows are followed.
    """

    net: Net
    mean: tuple
    input_lag: float
    cold_states: tuple | None = None
    precision: str = "double"

    @property
    def lead(self):
        """Rows of history that the lags need."""
        return self.net.lead

    @property
    def n_outputs(self):
        """O."""
        return self.net.n_outputs

    @property
    def reaches(self):
        """Rows of each layer's h that its memory has beside the last."""
        return self.net.reaches

    @property
    def sees_y(self):
        """Whether an output is fed back."""
        return self.net.y_lead > 0

    @property
    def skipping(self):
        """Lags of the inputs, and of the outputs, that the readout sees."""
        return self.net.skipping

    @property
    def goes_on(self):
        """Not where a direction of it walks back in time."""
        return not self.net.bidirectional

    def check_verb(self, verb):
        """Raise where a row depends on those after it."""
        if self.net.bidirectional:
            raise ValueError(
                f"{verb} continues from the last row seen, but with bidirectional=True every row also depends on "
                "those after it and a series is read as a whole: call predict(X) on all of it, or give "
                "bidirectional=False."
            )

    @cached_property
    def params(self):
        """Weights of each layer and direction, then those of the readout, in scaled units."""
        return tuple(self.net.views(self.theta))

    @property
    def dtype(self):
        """The numbers in which rows are followed."""
        return PRECISIONS[self.precision]

    @cached_property
    def weights(self):
        """``params`` as the kernels see them."""
        return tuple(self.net.views(self.theta.astype(self.dtype, copy=False)))

    def terms(self, p):
        """Add the equations of one row, for export; returns the span of the output."""
        if self.net.cell.terms is None:
            raise TypeError(
                "The model cannot be exported: its cell brings no equation for that, Cell(terms=...)."
            )
        return equations.recurrent_network(p, self.net, self.theta)

    # ---------------------------------------------------------------------------------- following

    def blocks(self, X, Y, memory):
        """Follow rows from a memory, a block at a time: yield the first row of each, its tape and its length.

        The states at the end of a block are taken over when the next is asked for.
        """
        net, weights, dtype = self.net, self.weights, self.dtype
        n = len(memory.Y)
        x, y = (v.astype(dtype, copy=False) for v in self.seen(X, Y, memory))
        unknown, x, y, table = np.isnan(y), x.ravel(), y.reshape(-1), self._table()
        states, firsts = memory.states, self.first().states if net.bidirectional else memory.states
        size = len(Y) if net.bidirectional else BLOCK
        for t in range(0, len(Y), size):
            T = min(size, len(Y) - t)
            tape, at = _spare_tape(net, T, dtype), np.array([n + t])
            fed = unknown[n + t : n + t + T, None] if net.y_lead else np.zeros(0, bool)
            tape.place(x, at, y, at, np.array([T]), table)
            for k, (state, block, first) in enumerate(zip(states, net.blocks, firsts)):
                tape.begin(k, (first if block.reverse else state)[:, None])
            tape.forward(weights, fed if fed.any() else None)
            yield t, tape, T
            states = _ends(tape, T)
            if T <= SHORT or t + T < len(Y):
                _spares.tape = tape

    def seen(self, X, Y, memory):
        """Lay out rows of a memory and of X, Y as the net sees them, (lead + N, D'), (lead + N, O')."""
        symbols, x = self.net.symbols, self.net.inputs(self.theta, np.concatenate([memory.X, X]))
        if symbols is None:
            return x, np.concatenate([memory.Y, Y])
        return x, np.concatenate([symbols.outputs(self.theta, v) for v in (memory.Y, Y)])

    def levels(self, Y):
        """Convert Y (N, O) to what training sees of it: embedded labels are codes there."""
        return self.net.symbols.levels(Y) if self.net.symbols else Y

    def _table(self):
        """Return the embeddings of labels (K, e), or None."""
        return self.net.symbols.of_labels(self.theta) if self.net.codes_labels else None

    def run(self, X, Y, memory):
        """Follow rows."""
        out, states = np.empty((len(Y), self.n_outputs)), memory.states
        for t, tape, T in self.blocks(X, Y, memory):
            out[t : t + T] = tape.out[:, 0]
            states = _ends(tape, T)
        return out, moved_on(memory, X, np.where(np.isnan(Y), shares(self.net.link, out), Y), states)

    def run_all(self, X, Y, memories):
        """Follow rows of many series, side by side where they are short."""
        net, (B, T, _) = self.net, Y.shape
        if T > SHORT or net.bidirectional or net.symbols or net.front:
            return super().run_all(X, Y, memories)
        out, after, at_once = np.empty(Y.shape), [], max(1, RUN_ROWS // (self.lead + T))
        for i in range(0, B, at_once):
            batch = slice(i, i + at_once)
            out[batch], some = self._abreast(X[batch], Y[batch], memories[batch])
            after += some
        return out, after

    def _abreast(self, X, Y, memories):
        """Follow T rows of each of B series at once, as ``run_all``."""
        net, n, (B, T, _), unknown = self.net, self.lead, Y.shape, np.isnan(Y)
        x, y = (
            np.concatenate([np.stack(past), rows], axis=1).astype(self.dtype, copy=False).reshape(-1)
            for past, rows in (([m.X for m in memories], X), ([m.Y for m in memories], Y))
        )
        tape, at = Tape(net, B, T, self.dtype), np.arange(B) * (n + T) + n
        tape.place(x, at, y, at, np.full(B, T))
        for k, (size, reach) in enumerate(zip(net.n_states, net.reaches)):
            tape.begin(k, np.stack([with_past(m.states[k], size + reach) for m in memories], axis=1))
        fed = np.ascontiguousarray(unknown.swapaxes(0, 1)) if net.y_lead and unknown.any() else None
        tape.forward(self.weights, fed)
        out = tape.out.swapaxes(0, 1).astype(np.float64)
        filled = np.where(unknown, shares(net.link, out), Y)
        # (B, n_states, H) of each block
        ends = [end.swapaxes(0, 1).copy() for end in _ends(tape, T, slice(None))]
        return out, [moved_on(*one) for one in zip(memories, X, filled, zip(*ends))]

    @property
    def dreams(self):
        """Whether labels are drawn in one compiled loop: they are embedded, and each layer sees but the one below."""
        net = self.net
        if not net.codes_labels or net.cell.dream is None or net.bidirectional or any(net.reaches):
            return False
        if any(block.dense for block in net.blocks):
            return False
        return all(
            len(sources) == 1 for sources in (*(block.sources for block in net.blocks[1:]), net.readout)
        )

    def dream(self, X, memory, chance, temperature, top_k, top_p):
        """Draw labels, one after the other, from a memory on; returns their codes.

        X : (m, D), inputs, the last of which goes on.   chance : (n,), numbers from [0, 1).
        """
        net, n = self.net, len(chance)
        lags = np.array(list(_lags(net, OUTPUTS)))
        most, states = lags.max(), [np.stack([s, s], axis=1).ravel() for s in memory.states]
        past = np.zeros(most + n, np.int64)
        past[:most] = self.n_outputs + np.arange(most)  # rows of the memory, which may be mixtures
        theta, layers = _places(self.params, net.cell.n_states)
        arrays = (
            self._of_labels(memory.Y[len(memory.Y) - most :]),
            self._of_inputs(X, memory, n),
            np.concatenate(states),
        )
        first, inputs, state = (np.require(a, np.float32, ["C", "A", "W"]) for a in arrays)
        for i in range(0, n, BLOCK):  # each call is short, so that Ctrl-C is heard
            rows = inputs[min(i, len(inputs) - 1) :]
            part, chances = past[i : min(i + BLOCK, n) + most], chance[i : i + BLOCK]
            net.cell.dream(
                layers,
                theta,
                first,
                rows,
                lags,
                state,
                part,
                chances,
                temperature,
                top_k,
                top_p,
            )
        return past[most:]

    def _of_labels(self, Y):
        """Compute what each label, then each row of Y (m, K), adds to the first gates, (n_lags, K + m, G, H)."""
        net, W = self.net, self.params[0].W
        width, table = net.y_width, np.concatenate([self._table(), net.symbols.outputs(self.theta, Y)])
        return np.array(
            [np.einsum("ke,geh->kgh", table, W[:, at : at + width]) for at in _lags(net, OUTPUTS).values()]
        )

    def _of_inputs(self, X, memory, n):
        """Compute what inputs add there, with the bias, (m, G, H): of rows of X (m, D), until they are all the same."""
        net, p = self.net, self.params[0]
        bias = np.zeros_like(p.b) if p.gain.size else p.b
        lags = _lags(net, INPUTS)
        if not lags:
            return bias[None]
        rows = min(n, len(X) + net.x_history)
        X = np.concatenate([X, np.repeat(X[-1:], rows, axis=0)])[:rows]
        x, _ = self.seen(X, np.empty((0, self.n_outputs)), memory)
        total, width, lead = np.tile(bias, (rows, 1, 1)), net.n_inputs, len(memory.X)
        for lag, at in lags.items():
            total += np.einsum("td,gdh->tgh", x[lead - lag : lead - lag + rows], p.W[:, at : at + width])
        return total

    def strided(self, X):
        """Compute outputs (T', 1, O) to a series X (T, D) of which a step of the net is of several rows."""
        net, at = self.net, np.array([self.lead])
        sight = make_sight(net, 1, len(X), self.dtype)
        theta, memory = self.theta.astype(self.dtype, copy=False), self.first()
        x = np.concatenate([memory.X, X]).astype(self.dtype).ravel()
        lengths = np.array([len(X)])
        steps = net.front.steps(lengths)
        tape = Tape(net, 1, int(steps[0]), self.dtype)
        tape.place(
            *sight.inputs(theta, x, at, lengths), np.empty(0, self.dtype), np.zeros(1, np.int64), steps
        )
        for k, state in enumerate(memory.states):
            tape.begin(k, state[:, None])
        return tape.forward(self.weights).astype(np.float64)

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows, from the states that following the series leads to."""
        if len(first) == 0:
            return
        net, weights, O, end = self.net, self.weights, Y.shape[1], first[-1] + 1
        x, y = (v.astype(self.dtype, copy=False) for v in self.seen(X, Y, memory))
        x, table = x.ravel(), self._table()
        past = np.concatenate([Y[: end - 1], np.zeros((1, O))])  # its last row leads to no state that is used
        width = 4 * O + 4 * sum(block.H for block in net.blocks)
        at_once = RUN_ROWS // steps if settle is None else side_by_side(steps, ORIGINS, RUN_ROWS, width)
        at_once = max(1, min(ORIGINS, at_once))
        for t, followed, T in self.blocks(X[:end], past, memory):
            low, high = np.searchsorted(first, [t, t + T])
            for i in range(low, high, at_once):
                runs = slice(i, min(i + at_once, high))
                rows = first[runs]
                at, B = self.lead + rows, len(rows)
                fed = np.empty((B, net.y_lead + steps, net.y_width), self.dtype)
                fed[:, : net.y_lead] = y[at[:, None] + np.arange(-net.y_lead, 0)]
                tape = Tape(net, B, steps, self.dtype)
                y_at = np.arange(B) * (net.y_lead + steps) + net.y_lead
                tape.place(x, at, fed.reshape(-1), y_at, np.full(B, steps), table)
                for k in range(len(net.blocks)):
                    tape.begin(k, followed.ends(k, rows - t, 0))

                def feed(step, _, runs=runs, tape=tape, fed=fed[:, net.y_lead :]):
                    answer = settle(runs, step, tape.out[step])
                    fed[:, step] = answer if table is None else net.symbols.outputs(self.theta, answer)

                unknown = np.ones((steps, B, O), bool)
                yield runs, tape.forward(weights, unknown, feed=None if settle is None else feed)

    # ---------------------------------------------------------------------------------- memories

    def first(self):
        """Return the memory of mean rows, and of the learnt states or zeros."""
        starts = [p.start if p.start.size else None for p in self.params[:-1]]
        return self._memory(*self.mean, starts)

    def cold(self):
        """Return the memory of mean rows, and of the mean states of training or the first ones."""
        return self.first() if self.cold_states is None else self._memory(*self.mean, self.cold_states)

    def zero(self, x, y):
        """Return the memory of zeros."""
        return self._memory(x, y, [None] * len(self.net.blocks))

    def _memory(self, x, y, states):
        """Return the memory of constant lags x (D,), y (O,), and of states, None for zeros."""
        n = self.net.n_states
        states = (np.zeros((m, b.H)) if s is None else s for s, m, b in zip(states, n, self.net.blocks))
        full = (with_past(s, m + r) for s, m, r in zip(states, n, self.reaches))
        return constant(x, y, self.lead, full)


def _ends(tape, T, b=0):
    """Return the states of each block after T steps of a sequence of a tape."""
    return tuple(tape.ends(k, T, b).astype(np.float64) for k in range(len(tape.S)))


def _lags(net, which):
    """Return {lag: its first row of W} of the first layer, of one source."""
    width = net.n_inputs if which == INPUTS else net.y_width
    sources = [s for s in net.blocks[0].sources if s.which == which]
    return {s.oldest - k: s.at + k * width for s in sources for k in range(s.width // width)}


def _places(params, n_states):
    """Copy the parameters for ``dream_v1.py``, and tabulate where they and the states are; returns theta and the table.

    Each array begins where a line of the cache does: rows of a product are read once a step, 1.2 times as fast.
    """
    sizes = [-(-a.size // LINE) * LINE for group in params for a in group]
    room = np.zeros(sum(sizes) + LINE, np.float32)
    theta = room[-(room.ctypes.data // room.itemsize) % LINE :]
    table, at, state = [], 0, 0
    for group in params:
        places = {}
        for name, array in group._asdict().items():
            theta[at : at + array.size] = array.ravel()
            places[name], at = (at, array.shape), at + -(-array.size // LINE) * LINE
        W, b = places.pop("W"), places.pop("b")
        row = [W[1][2], W[1][1], W[0], b[0]]
        if not places:  # of the readout
            table.append(row + [0] * 7)
            continue
        U, gain = places.pop("U"), places.pop("gain")
        places.pop("start")
        own = next(iter(places.values()), (0, (0,)))  # what one cell alone has
        n_own = own[1][0] if len(own[1]) == 2 else own[1][0] // row[0]
        table.append([*row, U[0], U[1][0], own[0], n_own, gain[0], gain[1][0], state])
        state += 2 * n_states * row[0]
    return theta, np.array(table, np.int64)


_spares = local()


def _spare_tape(net, T, dtype):
    """Work space for one sequence of T steps, that no other caller uses meanwhile."""
    tape = _spares.__dict__.pop("tape", None)
    fits = tape is not None and tape.net is net and tape.T == T and tape.dtype == dtype
    return tape if fits else Tape(net, 1, T, dtype)


def cold_states(dynamics, series, length):
    """Choose where a series of unknown past starts; returns it and the memory after each training series, or None.

    The mean state over training, or None where the first state predicts the starts of its many series better.
    length : rows of a start.
    """
    first = dynamics.first()
    mean, ends = _mean_states(dynamics, series, first)
    if len(series) == 1:
        return mean, ends
    starts = [s._replace(X=s.X[:length], Y=s.Y[:length]) for s in series[:MOST_STARTS]]
    together = [s for s in starts if np.isfinite(s.Y).all() or not dynamics.sees_y]
    alone = [s for s in starts if not (np.isfinite(s.Y).all() or not dynamics.sees_y)]
    errors = []
    for states in (mean, first.states):
        memory = first._replace(states=states)
        outs = [(dynamics.run(s.X, s.Y, memory)[0], s.Y) for s in alone]
        if together:
            tape, _ = _side_by_side(dynamics, together, memory)
            outs += [(tape.out[: len(s.Y), b], s.Y) for b, s in enumerate(together)]
        out, Y = map(np.concatenate, zip(*outs))
        errors.append(np.nansum((shares(dynamics.net.link, out) - dynamics.levels(Y)) ** 2))
    return (mean if errors[0] <= errors[1] else None), ends


def _mean_states(dynamics, series, first):
    """Average all states, (n_states, H) for each block; returns the means and the memory after each of some series.

    They begin at the memory ``first``.
    """
    total, n, ends = [0.0] * len(first.states), 0, [None] * len(series)
    measured = [bool(np.isfinite(s.Y).all()) for s in series]
    fits = [len(s.Y) <= BLOCK and (knows or not dynamics.sees_y) for s, knows in zip(series, measured)]
    fits = fits if len(series) > 1 else [False]
    for k, s in enumerate(series):
        if fits[k]:
            continue
        for _, tape, T in dynamics.blocks(s.X, s.Y, first):
            total, n = [a + S[:, 1:, 0].sum(axis=1, dtype=np.float64) for a, S in zip(total, tape.S)], n + T
        if measured[k]:
            ends[k] = moved_on(first, s.X, dynamics.levels(s.Y), _ends(tape, T))
    short = sorted(np.flatnonzero(fits), key=lambda k: len(series[k].Y))
    at_once = max(1, RUN_ROWS // max((len(series[k].Y) for k in short), default=1))
    for i in range(0, len(short), at_once):
        batch = short[i : i + at_once]
        tape, lengths = _side_by_side(dynamics, [series[k] for k in batch], first)
        inside = 1.0 * (np.arange(1, tape.T + 1) <= lengths[:, None])  # (B, T)
        total = [a + np.einsum("stbh,bt->sh", s[:, 1:], inside) for a, s in zip(total, tape.S)]
        n += int(lengths.sum())
        for b, k in enumerate(batch):
            if measured[k]:
                states = _ends(tape, lengths[b], b)
                ends[k] = moved_on(first, series[k].X, dynamics.levels(series[k].Y), states)
    return tuple(a / n for a in total), ends


def _side_by_side(dynamics, series, first):
    """Follow short series, all of whose y is known, at once; returns the tape and the lengths (B,)."""
    net, n, lengths = dynamics.net, dynamics.lead, np.array([len(s.Y) for s in series])
    T, B = int(lengths.max()), len(series)
    x, y = (np.zeros((B, n + T, width), dynamics.dtype) for width in (net.n_inputs, net.y_width))
    for b, s in enumerate(series):
        x[b, : n + len(s.X)], y[b, : n + len(s.Y)] = dynamics.seen(
            s.X, np.where(np.isnan(s.Y), 0.0, s.Y), first
        )
    tape, at = Tape(net, B, T, dynamics.dtype), np.arange(B) * (n + T) + n
    tape.place(x.reshape(-1), at, y.reshape(-1), at, lengths)
    for k, state in enumerate(first.states):
        tape.begin(k, state[:, None])
    tape.forward(dynamics.weights)
    return tape, lengths
