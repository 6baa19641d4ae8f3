"""One answer a series: what a net gives row by row, pooled over the rows.

    out(t) = f(memory(t - 1), x(t))             answer = pool of out(1) ... out(T)

"last" takes the last row, "mean" the mean, "max" the largest value of each output.  "both" adds the last row of O
outputs and the mean of O others, as a readout does that sees the last state and the mean of all [2].  The last row of
units that read from the end is the first of the series, where they have seen it all: see ``Net.own_order``.
"attention" takes a mean whose weights are learnt, of what the readout sees of each row, s(t) [1]:

    e(t) = v' tanh(Wa' s(t) + b)        a = softmax of e over t        answer = c + V' sum_t a(t) s(t)

The readout is linear, so this is the mean sum_t a(t) out(t), and Wa' s + b are outputs more of the net, the keys.
For the same reason "last", "mean" and "both" need no outputs but those of the last s and of the mean of all s.
Every series begins at the memory before the first row.  Series of any length lie side by side, sorted by length, so
that hardly a row is followed in vain.  Dimensions: S series, T steps, B series side by side, O outputs, A keys.

[1] D. Bahdanau, K. Cho, Y. Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.
[2] J. Howard, S. Ruder, "Universal language model fine-tuning for text classification", ACL 2018.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._kernels.jit import kernel
from .._kernels.simd_v3 import flat, line
from .._training.losses import weights_of
from .._values import kept
from . import delay_kernels, recurrent_kernels
from .convolution import make_sight
from .delay import OPEN_LOOP, forward
from .dynamics import Dynamics
from .recurrent_loss import SHARD, Noise, TrackLoss, in_threads
from .symbols import Lookup
from .tape import Masks, Tape


POOLINGS = ("last", "mean", "max", "both", "attention")
OF_LAST = ("last", "both")  # those that read the last row
KEYS = 16  # A
SORTED = 8  # batches that are sorted by length together
GRID = 8  # lengths of work space between a power of two and the next


@kept("pooled")
@dataclass(frozen=True, eq=False)
class Pooled(Dynamics):
    """A fitted model that gives one answer per series.   inner : what gives one a row, and the keys.

    theta : its parameters, then v (A,).
    """

    inner: Dynamics
    pooling: str

    @property
    def lead(self):
        """Rows of history that the first row needs."""
        return self.inner.lead

    @property
    def n_outputs(self):
        """O."""
        return n_answers(self.pooling, self.inner.n_outputs)

    @property
    def v(self):
        """(A,), or (0,) without attention."""
        return self.theta[len(self.inner.theta) :]

    @property
    def goes_on(self):
        """A series begins anew."""
        return False

    def check_verb(self, verb):
        """Raise where rows to come are asked for."""
        raise ValueError(
            f"{verb} works row by row, but the model was fitted to one y per series: call predict(X) on whole series, "
            "or fit it to one y per row."
        )

    def __getattr__(self, name):
        """Return an attribute of the model inside, such as its weights."""
        if name.startswith("__") or "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)

    def terms(self, p):
        """Refuse a program that goes row by row."""
        raise TypeError(
            "A model of one y per series cannot run row by row: use to_onnx, or fit it to one y per row."
        )

    def outputs(self, X):
        """Compute outputs (T, 1, O + A) in all rows of a series X (T, D)."""
        unknown = np.full((len(X), self.inner.n_outputs), np.nan)
        if self.rate > 1:
            return self.inner.strided(X)
        return self.inner.run(X, unknown, self.inner.first())[0][:, None]

    @property
    def rate(self):
        """Return the rows of a step."""
        front = getattr(getattr(self.inner, "net", None), "front", None)
        return front.rate if front else 1

    def answer(self, X):
        """Compute the answer (O,) to a series X (T, D)."""
        out = self.outputs(X)
        return pool(out, np.array([len(out)]), self.pooling, self.v)[0][0]

    def attention(self, X):
        """Compute weights a (T,) of the rows of a series X (T, D); rows of one step share its weight."""
        out = self.outputs(X)
        _, (a, _) = attend(out, np.array([len(out)]), self.v)
        step = np.arange(len(X)) // self.rate
        return a[step, 0] / np.bincount(step)[step]


def pooled(theta, dynamics, pooling):
    """Return the model that pools the outputs of ``dynamics``, whose mean outputs (O,) are those of answers."""
    x, y = dynamics.mean
    mean = x, np.concatenate([y, np.zeros(n_more(pooling, len(y)))])
    return Pooled(theta, dynamics.but(theta=theta[: len(theta) - n_keys(pooling)], mean=mean), pooling)


def n_keys(pooling):
    """Return the number of keys that a net has beside its outputs."""
    return KEYS if pooling == "attention" else 0


def n_more(pooling, O):
    """Return the number of outputs that a net has beside one for each of O answers."""
    return O if pooling == "both" else n_keys(pooling)


def n_answers(pooling, n_outputs):
    """Return O, the number of answers of a net with all its outputs."""
    return n_outputs // 2 if pooling == "both" else n_outputs - n_keys(pooling)


def pool(out, lengths, pooling, v=None):
    """Pool outputs (T, B, O + A) to answers (B, O); returns them and what ``pool_back`` needs.

    That is steps (B, O), or None for the mean, or for attention what ``attend`` gives.
    """
    if pooling == "attention":
        return attend(out, lengths, v)
    T, B, O = out.shape
    if pooling == "both":
        last, steps = pool(out[:, :, : O // 2], lengths, "last")
        return last + pool(out[:, :, O // 2 :], lengths, "mean")[0], steps
    if pooling == "mean":
        inside = (np.arange(T)[:, None] < lengths).astype(out.dtype)
        return np.einsum("tbo,tb->bo", out, inside) / lengths[:, None].astype(out.dtype), None
    if pooling == "max":
        steps = np.argmax(np.where((np.arange(T)[:, None] < lengths)[:, :, None], out, -np.inf), axis=0)
    else:
        steps = np.repeat(lengths[:, None] - 1, O, axis=1)
    return np.ascontiguousarray(out[steps, np.arange(B)[:, None], np.arange(O)]), steps


def pool_back(d, steps, lengths, dout):
    """Back-propagate d (B, O), the gradient of answers, to outputs (T, B, O), into ``dout``."""
    T, B, O = dout.shape
    if steps is None:
        dout[:] = np.where(
            (np.arange(T)[:, None] < lengths)[:, :, None], d / lengths[:, None].astype(d.dtype), 0
        )
        return
    dout.fill(0)
    dout[steps, np.arange(B)[:, None], np.arange(O)] = d


def attend(out, lengths, v):
    """Pool outputs (T, B, O + A), the last of them keys, by attention: answers (B, O), weights a (T, B), tanh keys."""
    T, _, width = out.shape
    O = width - len(v)
    keys = np.tanh(out[:, :, O:])
    e = np.where(np.arange(T)[:, None] < lengths, keys @ v, -np.inf)
    a = np.exp(e - e.max(axis=0))
    a /= a.sum(axis=0)
    return np.einsum("tb,tbo->bo", a, out[:, :, :O]), (a, keys)


def attend_back(d, out, attended, v, dout):
    """Back-propagate d (B, O), of answers, to outputs (T, B, O + A), into ``dout``; returns the gradient of v (A,)."""
    (a, keys), O = attended, d.shape[1]
    dout[:, :, :O] = a[:, :, None] * d
    da = np.einsum("tbo,bo->tb", out[:, :, :O], d)
    de = a * (da - np.sum(a * da, axis=0))
    dout[:, :, O:] = de[:, :, None] * v * (1 - keys * keys)
    return np.einsum("tb,tba->a", de, keys)


def answer_back(d, out, lengths, back, pooling, v, dout):
    """Back-propagate d (B, O), of answers, to outputs (T, B, O + A), into ``dout``; returns the gradient of v, or None.

    back : what ``pool`` gave.
    """
    if pooling == "attention":
        return attend_back(d, out, back, v, dout)
    O = d.shape[1]
    pool_back(d, back, lengths, dout[:, :, :O])
    if pooling == "both":
        pool_back(d, None, lengths, dout[:, :, O:])
    return None


class PooledLoss:
    """Loss of a net that gives one answer per series; see ``solvers.py`` for what a solver asks of it.

    series : list of ``Series`` whose last row has the y and the weight of the whole.   mean_x : (D,), stands for rows
    before a series.   held : which series count.   B : series of a mini-batch.
    theta holds the net's parameters, then v (A,).  A subclass brings ``_shard(theta, which, T, masks, learn)``: loss
    over some series (B,) of up to T steps, gradient.
    """

    everything = None
    offers = frozenset()

    def __init__(self, net, series, mean_x, pooling, loss, decay, dtype, *, B=32, held=False, pool=None):
        self.net, self.pooling, self.loss, self.dtype = net, pooling, loss, dtype
        self.B, self.pool, self.n_keys = B, pool, n_keys(pooling)
        self.decay = np.concatenate([decay, np.full(self.n_keys, decay.max(initial=0.0))])
        series = sorted((s for s in series if s.held[-1] == held and s.w[-1] > 0), key=lambda s: len(s.Y))
        lead, D, O = net.lead, net.n_columns, n_answers(pooling, net.n_outputs)
        self.lengths = np.array([len(s.Y) for s in series], np.int64)
        self.at = lead * np.arange(1, len(series) + 1) + np.cumsum([0, *self.lengths[:-1]])[: len(series)]
        longest = int(self.lengths.max(initial=0))
        x = np.zeros((int(self.lengths.sum()) + lead * len(series) + grid(longest), D), dtype)
        Y, w = np.zeros((len(series), O), dtype), np.zeros((len(series), O), dtype)
        for k, (s, first) in enumerate(zip(series, self.at)):
            x[first - lead : first], x[first : first + len(s.X)] = mean_x, s.X
            labelled = np.isfinite(s.Y[-1])
            Y[k], w[k] = np.where(labelled, s.Y[-1], 0.0), np.where(labelled, s.w[-1], 0.0)
        weights_of(loss, w)
        self.x, self.y, self.w, self.n = x.ravel(), Y.ravel(), w.ravel(), len(series)
        self.weight = float(w.sum(dtype=np.float64))
        self._spaces = {}

    def batches(self, rng):
        """Yield an epoch's batches, of series of about the same length, and what the gradient of each is divided by."""
        self._rng, order, size = rng, rng.permutation(self.n), SORTED * self.B
        batches = []
        for i in range(0, self.n, size):
            chunk = np.sort(order[i : i + size])  # they are laid out by length
            batches += [chunk[k : k + self.B] for k in range(0, len(chunk), self.B)]
        self._share = self.weight / len(batches)
        for k in rng.permutation(len(batches)):
            yield batches[k], self._share

    def loss_grad(self, theta, batch):
        """Sum the loss over some series, or all; returns it and its gradient (P,)."""
        if batch is None:
            batch, self._share = np.arange(self.n), self.weight
        self._prepare(theta, True)
        masks, starts = self._masks(len(batch), int(self.lengths[batch].max())), range(0, len(batch), SHARD)

        def shard(i):
            members = batch[i : i + SHARD]
            T = grid(int(self.lengths[members].max()))
            own_masks = masks and [
                Masks(m.recurrent[i : i + SHARD], m.output[: self._steps(T), i : i + SHARD].copy())
                for m in masks
            ]
            return self._shard(theta, members, T, own_masks, True)

        results = in_threads(self.pool, shard, starts)
        grad = results[0][1]
        for _, other_grad in results[1:]:
            grad += other_grad
        return sum(loss for loss, _ in results) + self._penalty_on(theta, grad), grad

    def value(self, theta):
        """Mean loss over all series."""
        theta, total = theta.astype(self.dtype), 0.0
        self._prepare(theta, False)
        for i in range(0, self.n, SHARD):
            members = np.arange(i, min(i + SHARD, self.n))
            total += self._shard(theta, members, grid(int(self.lengths[members].max())), None, False)[0]
        return total / self.weight

    def _prepare(self, theta, learn):
        """Make what all shards read of theta."""

    def _loss_of(self, answers, which):
        """Compute the loss of the answers (B, O) to some series; returns it and its gradient (B, O)."""
        d = np.empty((1, *answers.shape), answers.dtype)
        return self.loss(answers[None], self.y, self.w, which * answers.shape[1], d), d[0]

    def _judge(self, theta, out, which, dout, grad):
        """Compute the loss of outputs (T, B, O + A), gradients into ``dout``, that of v into ``grad``, where given."""
        lengths, v = self._steps(self.lengths[which]), theta[len(theta) - self.n_keys :]
        answers, back = pool(out, lengths, self.pooling, v)
        loss, d = self._loss_of(answers, which)
        if dout is not None:
            dv = answer_back(d, out, lengths, back, self.pooling, v, dout)
            if dv is not None:
                grad[len(theta) - self.n_keys :] = dv
        return loss

    def _steps(self, T):
        """Return the steps of the net in T rows, an int or an array."""
        return T

    def _masks(self, B, T):
        """Draw masks of dropout for a batch; None without dropout."""
        return None

    def _penalty_on(self, theta, grad):
        """Return the penalty of a batch, its gradient added to ``grad``."""
        return 0.0


@kernel
def pool_steps(h, lengths, ends, at, with_mean, seen):
    """Write the mean of each series' steps, where it is asked for, and one step, into columns of ``seen``.

    h : (T, B, H).   lengths : (B,), steps of each.   ends : (B,), that step.   at : (1,), the first column.
    seen : (2, B, D), out.
    """
    _, B, H = h.shape
    D, z, means = seen.shape[2], flat(h), flat(seen[0])
    for b in range(B):
        if with_mean:
            mean = line(means, b * D + at[0], H)
            for j in range(H):
                mean[j] = 0
            for t in range(lengths[b]):
                row = line(z, (t * B + b) * H, H)
                for j in range(H):
                    mean[j] += row[j]
            for j in range(H):
                mean[j] /= lengths[b]
        for j in range(H):
            seen[1, b, at[0] + j] = h[ends[b], b, j]


@kernel
def pool_steps_back(dseen, lengths, ends, at, with_mean, dh, first, last):
    """Write the gradient of what ``pool_steps`` wrote to steps first <= t < last of dh (T, B, H), out.

    dseen : (2, B, D), that of the mean divided by the length.
    """
    _, B, H = dh.shape
    D, means, z = dseen.shape[2], flat(dseen[0]), flat(dh)
    for t in range(first, last):
        for b in range(B):
            row = line(z, (t * B + b) * H, H)
            if with_mean and t < lengths[b]:
                mean = line(means, b * D + at[0], H)
                for j in range(H):
                    row[j] = mean[j]
            else:
                for j in range(H):
                    row[j] = 0
            if t == ends[b]:
                for j in range(H):
                    row[j] += dseen[1, b, at[0] + j]


class PooledReadout:
    """A readout, of blocks alone, that reads what they give over B series once: its mean and its last row.

    seen, dseen : (2, B, D), what it reads and its gradient.   out : (2, B, O), in which the two are read.
    """

    def __init__(self, net, pooling, B, dtype):
        self.sources, self.pooling, D = net.readout, pooling, sum(s.width for s in net.readout)
        self.flipped = [net.blocks[s.which].reverse and not net.own_order for s in net.readout]
        self.seen, self.dseen = np.zeros((2, 2, B, D), dtype)
        self.out, self.rows = np.zeros((2, B, net.n_outputs), dtype), np.arange(2 * B) * D
        self.at, self.blocks = [np.array([s.at]) for s in net.readout], {s.which for s in net.readout}

    def _columns(self):
        """List (block, ``pool_steps``'s lengths, ends, first column, and whether the mean is read)."""
        ends, with_mean = (self.lengths - 1, 0 * self.lengths), self.pooling != "last"
        return [
            (s.which, self.lengths, ends[flipped], at, with_mean)
            for s, flipped, at in zip(self.sources, self.flipped, self.at)
        ]

    def forward(self, tape, readout, lengths):
        """Return answers (B, O) of series of some lengths (B,), which a tape has followed."""
        self.tape, self.lengths = tape, lengths
        for k, *where in self._columns():
            pool_steps(tape.seen(k), *where, self.seen)
        D = self.seen.shape[2]
        recurrent_kernels.project(
            self.seen.reshape(-1), self.rows, readout.W, 0, D, readout.b, self.out[None], 0, 2
        )
        O = n_answers(self.pooling, self.out.shape[2])
        if self.pooling == "both":
            return self.out[1, :, :O] + self.out[0, :, O:]
        return self.out[1 if self.pooling == "last" else 0]

    def backward(self, d, turned, g):
        """Begin the way back of d (B, O), of answers: to what is seen, by turned weights, and to the readout's g."""
        dout, O = np.zeros_like(self.out), d.shape[1]
        if self.pooling != "mean":
            dout[1, :, :O] = d
        if self.pooling != "last":
            dout[0, :, dout.shape[2] - O :] = d
        self.dseen.fill(0)
        for s, v in zip(self.sources, turned):
            recurrent_kernels.scatter(dout[None], v, self.rows + s.at, self.dseen.reshape(-1), 0, 2)
        D = self.seen.shape[2]
        recurrent_kernels.outer(self.seen.reshape(-1), self.rows, dout[None], 0, D, g.W)
        recurrent_kernels.add_biases(dout[None], g.b)
        self.dseen[0] /= self.lengths[:, None]

    def lead_back(self, first, last):
        """Write the gradients of the steps first <= t < last of blocks."""
        for k, *where in self._columns():
            pool_steps_back(self.dseen, *where, self.tape.dH[k], first, last)


def compile_kernels():
    """Call each kernel, in the precision of stochastic solvers."""
    h, one = np.zeros((1, 1, 1), np.float32), np.zeros(1, np.int64)
    seen = np.zeros((2, 1, 1), np.float32)
    pool_steps(h, one + 1, one, one, True, seen)
    pool_steps_back(seen, one + 1, one, one, True, h, 0, 1)


class Space(NamedTuple):
    """Work space of a shard of series of a recurrent net.   grad : (P,) and its ``views``."""

    tape: Tape
    read: PooledReadout | None
    look: object
    grad: np.ndarray
    views: list


class PooledRecurrentLoss(PooledLoss):
    """That of a recurrent net.   teaching : penalties and dropout, see ``recurrent_loss.py``."""

    def __init__(self, net, series, mean_x, pooling, teaching, dtype, **options):
        self.teaching = teaching
        super().__init__(
            net, series, mean_x, pooling, teaching.loss, teaching.alpha * net.decays(), dtype, **options
        )
        self._noise = Noise(self.x, net, teaching.input_noise)
        self._theta = self._turned = None

    def batches(self, rng):
        """Yield an epoch's batches, as ``PooledLoss``, of inputs with noise of its own."""
        self._noise.draw(rng)
        yield from super().batches(rng)

    def _prepare(self, theta, learn):
        if theta is not self._theta:  # else its views stay, and with them the schedules of tapes
            self._theta, self._views = theta, self.net.views(theta)
        if learn:
            self._turned = self.net.turned(self._views, into=self._turned)

    def _work_space(self, B, T):
        """Allocate what a shard of B series of up to T steps needs: ``Tape``, readout, lookup, gradient."""
        net = self.net
        read = PooledReadout(net, self.pooling, B, self.dtype) if self._reads_once() else None
        tape = Tape(net, B, self._steps(T), self.dtype, read)
        grad = np.zeros(net.size + self.n_keys, self.dtype)
        return Space(tape, read, make_sight(net, B, T, self.dtype), grad, net.views(grad))

    def _shard(self, theta, which, T, masks, learn):
        B, at, lengths, weights = len(which), self.at[which], self.lengths[which], self._views
        if (space := self._spaces.pop((B, T), None)) is None:  # no other thread has it meanwhile
            space = self._work_space(B, T)
        tape, read, look, grad, _ = space
        x, x_at = self.x, at
        if look is not None:
            x, x_at = look.inputs(theta, self.x, at, lengths)
        tape.place(x, x_at, self.y, np.zeros(B, np.int64), self._steps(lengths))
        for k, p in enumerate(weights[:-1]):
            tape.begin(k, TrackLoss._first(self, p)[:, None])
        out = tape.forward(weights, None, masks)
        grad.fill(0)
        if read:
            loss, d = self._loss_of(read.forward(tape, weights[-1], self._steps(lengths)), which)
        else:
            loss, d = self._judge(theta, out, which, tape.dout if learn else None, grad), None
        if learn:
            self._gradient(space, d)
        self._spaces[B, T] = space
        return loss, grad.copy() if learn else None

    def _gradient(self, space, d):
        """Go back through the tape of a shard into its gradient.   d : (B, O), of answers read once, or None."""
        tape, read, look, grad, views = space
        if read:
            read.backward(d, self._turned[1][-1], views[-1])
        for dS in tape.dS:
            dS.fill(0)
        if look is not None:
            look.clear()
        tape.backward(self._views, self._turned, tape.dout, views, look and look.dx)
        if look is not None:
            look.back(grad)
        for k, g in enumerate(views[:-1]):
            if g.start.size:
                g.start[:] += tape.of_start(k)

    def _reads_once(self):
        """Return whether answers are read of pooled rows, and not pooled of what is read of each."""
        return self.pooling in ("last", "mean", "both") and all(s.which >= 0 for s in self.net.readout)

    def _masks(self, B, T):
        self.T = self._steps(grid(T))
        return TrackLoss._masks(self, B)

    def _steps(self, T):
        return self.net.front.steps(T) if self.net.front else T

    def _penalty_on(self, theta, grad):
        return TrackLoss._penalty(self, self._views, grad)


class PooledDelayLoss(PooledLoss):
    """That of a delay network without lags of y; net : its ``Plan``."""

    def _shard(self, theta, which, T, masks, learn):
        plan, B, at = self.net, len(which), self.at[which]
        O, size, nowhere = plan.n_outputs, T * len(which) * plan.n_outputs, np.zeros(len(which), np.int64)
        if (space := self._spaces.pop((B, T), None)) is None:
            space = (
                plan.work_space(B, T, theta.dtype),
                Lookup(plan, B, T, theta.dtype) if plan.symbols else None,
            )
        x, x_at = (self.x, at) if space[1] is None else space[1].inputs(theta, self.x, at)
        args, h = forward(plan, theta, x, x_at * plan.n_inputs, self.y, nowhere, OPEN_LOOP, T, space[0])
        d, grad = (np.empty_like(h), np.zeros_like(theta)) if learn else (None, None)
        dout = d[-size:].reshape(T, B, O) if learn else None
        loss = self._judge(theta, h[-size:].reshape(T, B, O), which, dout, grad)
        if learn:
            nothing, look = np.zeros(0, theta.dtype), space[1]
            if look is not None:
                look.clear()
            dx = nothing if look is None else look.dx
            delay_kernels.backward(*args, h, d, args[7][delay_kernels.FROM_Y], nothing, dx, grad)
            if look is not None:
                look.back(grad)
        self._spaces[B, T] = space
        return loss, grad


def grid(T):
    """Round T up to a length of the work space: few lengths serve all."""
    step = max(1, 2 ** int(np.floor(np.log2(max(T, 1)))) // GRID)
    return -(-T // step) * step
