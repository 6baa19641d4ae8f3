"""Delay networks: layout, parameters, and runs over a series.

Equations in ``delay_kernels.py``.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._kernels.activations_v1 import ACTIVATIONS
from .._series.lags import Run, lags_in, runs
from .._training.initial import glorot
from .._values import kept
from . import delay_kernels as kernels
from . import equations
from .dynamics import FAR_INPUTS, Dynamics, side_by_side
from .memory import moved_on
from .symbols import Symbols


BLOCK_ROWS = 2048  # rows of a kernel call: its work space fits the cache, and it takes under 0.1 s
CACHE_NUMBERS = 2**16  # numbers of a Jacobian or of features per block: half a megabyte fits the cache
OPEN_LOOP = np.empty((0, 0), np.bool_)  # the kernels' ``fed`` when no output is fed back


class Layer(NamedTuple):
    """Weights (n_lags x width of its sources, H) and biases (H,) of one layer, views into theta."""

    W: np.ndarray
    b: np.ndarray


@kept("delay net")
class Plan(NamedTuple):
    """Layout of a delay network for the kernels.

    layers (n, 6), runs (R, 4) : the tables of ``delay_kernels.py``.   shapes : (fan in, H) of each layer.
    x_lead, y_lead : rows of history that the first step needs.   y_seen : lags at which an output depends on y.
    symbols : what is looked up in front of it, whose tables lead theta; or None.
    """

    n_inputs: int
    n_outputs: int
    layers: np.ndarray
    runs: np.ndarray
    shapes: tuple
    x_lead: int
    y_lead: int
    y_seen: tuple
    symbols: Symbols | None = None

    @property
    def n_looked_up(self):
        """Parameters in front, of the tables of symbols."""
        return self.symbols.size if self.symbols else 0

    @property
    def n_columns(self):
        """Columns of x as it is given."""
        return self.symbols.n_columns if self.symbols else self.n_inputs

    @property
    def codes_labels(self):
        """Whether y is given as codes, which are looked up."""
        return bool(self.symbols and self.symbols.labels)

    @property
    def y_width(self):
        """Numbers in a row of y as it is seen."""
        return self.symbols.labels[1] if self.codes_labels else self.n_outputs

    @property
    def lead(self):
        """Rows of history that the first step needs, of x or y."""
        return max(self.x_lead, self.y_lead)

    @property
    def skipping(self):
        """Lags of the inputs, and of the outputs, that the output layer sees beside a hidden one."""
        of_layer = self.runs[slice(*self.layers[-1, kernels.FIRST_RUN :])] if len(self.layers) > 1 else ()
        sources = (kernels.FROM_X, self.n_inputs), (kernels.FROM_Y, self.y_width)
        return tuple(
            lags_in((int(oldest), int(n) // width) for source, oldest, n, _ in of_layer if source == of)
            for of, width in sources
        )

    @property
    def size(self):
        """Number of parameters."""
        return self.n_looked_up + sum((fan_in + 1) * H for fan_in, H in self.shapes)

    def views(self, theta):
        """Split theta (P,) into layers, as views."""
        layers, at = [], self.n_looked_up
        for fan_in, H in self.shapes:
            W, at = theta[at : at + fan_in * H].reshape(fan_in, H), at + fan_in * H
            b, at = theta[at : at + H], at + H
            layers.append(Layer(W, b))
        return tuple(layers)

    def initial(self, rng):
        """Draw theta (P,): Glorot weights; hidden biases in [-1, 1], so that units bend at different inputs."""
        theta = np.zeros(self.size)
        if self.symbols:
            self.symbols.initial(theta, rng)
        *hidden, output = self.views(theta)
        for W, b in hidden:
            W[:] = glorot(rng, W.shape)
            b[:] = rng.uniform(-1, 1, len(b))
        output.W[:] = glorot(rng, output.W.shape)
        return theta

    def groups(self):
        """Number the weights that share a decay, (P,): each row of the first layer, later layers, tables; 0 else."""
        groups = np.zeros(self.size, np.int64)
        (first, _), *later = self.views(groups)
        first[:] = np.arange(1, len(first) + 1)[:, None]
        for k, (W, _) in enumerate(later):
            W[:] = len(first) + 1 + k
        groups[: self.n_looked_up] = len(first) + 1 + len(later)
        return groups

    def same_as(self, other):
        """Return whether parameters of either plan fit the other."""
        same = self.symbols == other.symbols and np.array_equal(self.runs, other.runs)
        return same and np.array_equal(self.layers, other.layers)

    def work_space(self, B, T, dtype):
        """Allocate the kernels' work space, and h, for B sequences of T steps."""
        strides, begin, end, longest = [self.n_inputs, self.y_width], [0, 0], 0, 0
        for layer in self.layers.tolist():  # plain numbers: the many series of a panel have a space each
            width, lead = layer[kernels.WIDTH], layer[kernels.LEAD]
            end += (lead + T) * B * width
            begin.append(end - T * B * width)
            strides.append(B * width)
            longest = max(longest, lead + T)
        strides, starts = np.array(strides), np.array(begin)[:, None]
        if B > 1:
            starts = starts + strides[:, None] // B * np.arange(B)
        rows = np.empty(B * longest, np.int64)
        return Work(starts, strides, rows, np.empty(self.size, dtype), np.empty(end, dtype))


class Work(NamedTuple):
    """Work space of the kernels, and h: see ``delay_kernels.py`` for the shapes."""

    starts: np.ndarray
    strides: np.ndarray
    rows: np.ndarray
    turned: np.ndarray
    h: np.ndarray


def make_plan(
    n_inputs, n_outputs, hidden, activation, input_lags, output_lags, layer_lags, skip=False, symbols=None
):
    """Lay out a delay network.

    hidden : widths of the hidden layers.   input_lags, output_lags : of the first layer.   layer_lags : lags of
    every later layer, the output layer last, on the layer below.   skip : whether the output layer sees the lags of the
    first layer, too; or those that it sees, (input_lags, output_lags).
    """
    widths = [*hidden, n_outputs]
    y_width = symbols.labels[1] if symbols and symbols.labels else n_outputs
    seen = input_lags, output_lags
    skipping = (seen if skip is True else skip) if skip and hidden else ((), ())
    below, skipped = (
        ((kernels.FROM_X, n_inputs, of_x), (kernels.FROM_Y, y_width, of_y)) for of_x, of_y in (seen, skipping)
    )
    lags = [below, *(((kernels.FIRST_LAYER + k, widths[k], layer_lags[k]),) for k in range(len(hidden)))]
    lags[-1] = (*skipped, *lags[-1])
    leads = [0] * len(widths)
    for k in range(len(hidden) - 1, -1, -1):
        leads[k] = leads[k + 1] + max(layer_lags[k])
    y_seen = set(output_lags)
    for lags_above in layer_lags:
        y_seen = {a + b for a in y_seen for b in lags_above}
    y_seen.update(skipping[1])
    x_lead, y_lead = (max([leads[0] + k for k in a] + [*b], default=0) for a, b in zip(seen, skipping))
    layers, table, shapes, at = [], [], [], symbols.size if symbols else 0
    for k, H in enumerate(widths):
        first, fan_in = len(table), 0
        for source, width, lag in lags[k]:
            if width == 0:
                continue
            # rows of a series are contiguous in memory, steps of a layer are not
            pieces = runs(lag) if source < kernels.FIRST_LAYER else [Run(step, 1) for step in reversed(lag)]
            for oldest, length in pieces:
                table.append((source, oldest, length * width, at + fan_in * H))
                fan_in += length * width
        code = ACTIVATIONS[activation if k < len(hidden) else "identity"]
        layers.append((H, leads[k], code, at + fan_in * H, first, len(table)))
        shapes.append((fan_in, H))
        at += (fan_in + 1) * H
    return Plan(
        n_inputs,
        n_outputs,
        np.array(layers, np.int64),
        np.array(table, np.int64).reshape(-1, 4),
        tuple(shapes),
        x_lead if n_inputs else 0,
        y_lead,
        tuple(sorted(y_seen)),
        symbols,
    )


def abreast(plan, wide, thetas):
    """Join k nets to one whose output is the mean of theirs; returns its parameters.

    plan : of each.   wide : the same with hidden layers and tables k times as wide, which hold those of the nets side
    by side.
    """
    k, theta = len(thetas), np.zeros(wide.size)
    if plan.symbols:
        theta[: wide.n_looked_up] = plan.symbols.joined(thetas)
    layers = wide.views(theta)
    for j, member in enumerate(map(plan.views, thetas)):
        own = _own_rows(plan, wide, j, k)
        for depth, (layer, (W, b)) in enumerate(zip(member, layers)):
            is_output = depth == len(layers) - 1
            columns = slice(None) if is_output else slice(j * len(layer.b), (j + 1) * len(layer.b))
            share = 1 / k if is_output else 1.0
            b[columns] += share * layer.b
            shared, shared_wide = (sum(_lag_rows(p, depth)) for p in (plan, wide))
            W[own[:shared], columns] += share * layer.W[:shared]
            if depth > 0:  # the last rows are the units below, at one lag after another
                below = len(member[depth - 1].b)
                units = W[shared_wide:].reshape(-1, k, below, W.shape[1])
                units[:, j, :, columns] += share * layer.W[shared:].reshape(-1, below, len(layer.b))
    return theta


def _lag_rows(plan, depth):
    """Count the rows of W of a layer that see lags of x, and of y."""
    first, end = plan.layers[depth, kernels.FIRST_RUN :]
    source, _, length, _ = plan.runs[first:end].T
    return [int(length[source == of].sum()) for of in (kernels.FROM_X, kernels.FROM_Y)]


def _own_rows(plan, wide, j, k):
    """Return the rows of lags in ``wide`` that see what net j of k sees, in the order of its own."""
    x, y = np.arange(plan.n_inputs), np.arange(plan.y_width)
    if plan.symbols:
        x, y_looked_up = plan.symbols.own_of_joined(j, k)
        y = y_looked_up if plan.codes_labels else y
    rows, at = [], 0
    for places, n, n_wide, width in zip(
        (x, y), _lag_rows(plan, 0), _lag_rows(wide, 0), (wide.n_inputs, wide.y_width)
    ):
        lags = np.arange(n // max(len(places), 1))
        rows.append((at + lags[:, None] * width + places).ravel())
        at += n_wide
    return np.concatenate(rows)


def forward(plan, theta, x, x_at, y, y_at, fed, T, space):
    """Run ``kernels.forward``; return the arguments that the other kernels share, and h.

    x, y : flat.   x_at, y_at : (B,), offsets in x and y of step 0 of each sequence.   fed : (B, T O) or (0, 0).
    """
    *work, h = space
    starts = work[0]
    starts[kernels.FROM_X], starts[kernels.FROM_Y] = x_at, y_at
    args = (plan.layers, plan.runs, theta, x, y, fed, T, *work)
    kernels.forward(*args, h)
    return args, h


def _in_pieces(B, lead, T, O):
    """Return the offsets (B,) of step 0 in a flat array (B, lead + T, O)."""
    return (np.arange(B) * (lead + T) + lead) * O


@kept("delay network")
@dataclass(frozen=True, eq=False)
class DelayDynamics(Dynamics):
    """A fitted delay network.

    mean : inputs (F,) and outputs (O,) of training on average, in place of unknown rows.
    """

    plan: Plan
    mean: tuple
    input_lag: float

    @property
    def cure(self):
        """What to do about a free run that runs away; a linear model, such as ARX, has no layers to choose."""
        return FAR_INPUTS if len(self.plan.shapes) == 1 else Dynamics.cure

    @property
    def lead(self):
        """Rows of history that the first step needs."""
        return self.plan.lead

    @property
    def n_outputs(self):
        """O."""
        return self.plan.n_outputs

    @property
    def sees_y(self):
        """Whether past outputs are inputs."""
        return bool(self.plan.y_seen)

    @property
    def skipping(self):
        """Lags of the inputs, and of the outputs, that the output layer sees beside a hidden one."""
        return self.plan.skipping

    @property
    def params(self):
        """Weights W and biases b of each layer, in scaled units."""
        return self.plan.views(self.theta)

    def narrow(self, n):
        """Return the model of the first n outputs alone, unless outputs are fed back."""
        plan, O = self.plan, self.plan.n_outputs
        if n >= O or plan.y_seen or plan.symbols is not None:
            return self
        (W, b), fan_in = plan.views(self.theta)[-1], plan.shapes[-1][0]
        first = plan.size - (fan_in + 1) * O  # of the output layer in theta
        layers, table = plan.layers.copy(), plan.runs.copy()
        layers[-1, [kernels.WIDTH, kernels.BIAS]] = n, first + fan_in * n
        of_layer = slice(*layers[-1, [kernels.FIRST_RUN, kernels.END_RUN]])
        table[of_layer, -1] = first + (table[of_layer, -1] - first) // O * n
        shapes = (*plan.shapes[:-1], (fan_in, n))
        theta = np.concatenate([self.theta[:first], W[:, :n].ravel(), b[:n]])
        plan = plan._replace(n_outputs=n, layers=layers, runs=table, shapes=shapes)
        return self.but(theta=theta, plan=plan, mean=(self.mean[0], self.mean[1][:n]))

    def terms(self, p):
        """Add the equations of one row, for export; returns the span of the output."""
        return equations.delay_network(p, self.plan, self.theta)

    def run(self, X, Y, memory):
        """Follow rows X (N, F), Y (N, O) from a memory."""
        out, filled = run(self.plan, self.theta, X, Y, memory.X, memory.Y)
        return out, moved_on(memory, X, filled)

    def run_all(self, X, Y, memories):
        """Follow rows of many series, side by side."""
        if self.plan.symbols is not None or Y.shape[1] > BLOCK_ROWS:
            return super().run_all(X, Y, memories)
        X_before, Y_before = (np.stack(past) for past in zip(*((m.X, m.Y) for m in memories)))
        out, filled = run_all(self.plan, self.theta, X, Y, X_before, Y_before)
        return out, [moved_on(*series) for series in zip(memories, X, filled)]

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows; see ``free_runs``."""
        return free_runs(self.plan, self.theta, X, Y, memory.X, memory.Y, first, steps, settle)


def _writable(theta):
    """Return theta as the kernels' signature wants it: joblib hands workers read-only arrays."""
    ready = theta.dtype == np.float64 and theta.flags.carray
    return theta if ready else np.require(theta, np.float64, ["C", "A", "W"])


def _seen(plan, theta, X, Y, X_before, Y_before):
    """Lay out rows as the net sees them, (lead + N, D'), (lead + N, O')."""
    x, y = np.concatenate([X_before, X]), np.concatenate([Y_before, Y])
    return (x, y) if plan.symbols is None else (plan.symbols.inputs(theta, x), plan.symbols.outputs(theta, y))


def run(plan, theta, X, Y, X_before, Y_before):
    """Follow a series, with the net's own output in place of NaN in y.

    Parameters
    ----------
    X, Y : (N, F), (N, O)
    X_before, Y_before : (lead, F), (lead, O), finite

    Returns
    -------
    out : (N, O), the one-step prediction of each row
    filled : (N, O), Y with NaN replaced by the prediction
    """
    F, O, N, lead = plan.n_inputs, plan.n_outputs, len(Y), plan.lead
    theta = _writable(theta)
    x, y = (v.ravel() for v in _seen(plan, theta, X, Y, X_before, Y_before))
    width = plan.y_width
    closed = bool(plan.y_lead) and bool(np.isnan(Y[:-1]).any())
    out = np.empty((N, O))
    for t in range(0, N, BLOCK_ROWS):
        T = min(BLOCK_ROWS, N - t)
        fed = np.isnan(Y[t : t + T]).reshape(1, T * O) if closed else OPEN_LOOP
        at = np.array([lead + t], np.int64)
        _, h = forward(plan, theta, x, at * F, y, at * width, fed, T, plan.work_space(1, T, theta.dtype))
        out[t : t + T] = h[-T * O :].reshape(T, O)
    return out, np.where(np.isnan(Y), out, Y)


def run_all(plan, theta, X, Y, X_before, Y_before):
    """Follow many series side by side: arrays as for ``run``, with an axis in front, of B series."""
    F, (B, T, O), lead, width = plan.n_inputs, Y.shape, plan.lead, plan.y_width
    theta, unknown = _writable(theta), np.isnan(Y)
    x, y = np.concatenate([X_before, X], axis=1), np.concatenate([Y_before, Y], axis=1)
    closed = bool(plan.y_lead) and bool(unknown[:, :-1].any())
    out, at_once = np.empty((B, T, O)), max(1, BLOCK_ROWS // (lead + T))
    for i in range(0, B, at_once):
        batch = slice(i, min(i + at_once, B))
        n = batch.stop - i
        fed = unknown[batch].reshape(n, T * O) if closed else OPEN_LOOP
        at = _in_pieces(n, lead, T, 1)
        space = plan.work_space(n, T, theta.dtype)
        _, h = forward(plan, theta, x[batch].ravel(), at * F, y[batch].ravel(), at * width, fed, T, space)
        out[batch] = h[-T * n * O :].reshape(T, n, O).swapaxes(0, 1)
    return out, np.where(unknown, out, Y)


def free_runs(plan, theta, X, Y, X_before, Y_before, first, steps, settle=None):
    """Yield free runs from many rows of a series, a block at a time: see ``dynamics.py``.

    Other arguments as for ``run``.   first : (M,), rows of X at which the runs begin, ascending.
    """
    F, O, K, width = plan.n_inputs, plan.n_outputs, plan.y_lead, plan.y_width
    theta = _writable(theta)
    x, Y = _seen(plan, theta, X, Y, X_before, Y_before)
    x = x.ravel()
    # with ``settle``, a kernel call is one step of all runs
    at_once = (
        BLOCK_ROWS // steps if settle is None else side_by_side(steps, BLOCK_ROWS, CACHE_NUMBERS, 4 * width)
    )
    at_once = max(1, at_once)
    for i in range(0, len(first), at_once):
        block = slice(i, min(i + at_once, len(first)))
        at = plan.lead + first[block]
        B = len(at)
        y = np.full((B, K + steps, width), np.nan)
        y[:, :K] = Y[at[:, None] + np.arange(-K, 0)]
        y_at = _in_pieces(B, K, steps, width)
        if settle is None:
            fed, space = np.ones((B, steps * O), np.bool_), plan.work_space(B, steps, theta.dtype)
            _, h = forward(plan, theta, x, at * F, y.ravel(), y_at, fed, steps, space)
            yield block, h[-steps * B * O :].reshape(steps, B, O)
            continue
        out, space = np.empty((steps, B, O)), plan.work_space(B, 1, theta.dtype)
        for t in range(steps):
            _, h = forward(plan, theta, x, (at + t) * F, y.ravel(), y_at + t * width, OPEN_LOOP, 1, space)
            out[t] = h[-B * O :].reshape(B, O)
            answer = settle(block, t, out[t])
            y[:, K + t] = plan.symbols.outputs(theta, answer) if plan.symbols else answer
        yield block, out
