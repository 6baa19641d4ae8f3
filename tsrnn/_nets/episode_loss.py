"""History, then horizon: an encoder reads rows that are known, a decoder writes those to come.

    h(1) ... h(T) = encoder([v, u, y] of the last T rows)              from zeros
    s(0) = h(T), layer by layer
    s(k) = decoder([u(T + k), y(T + k - 1)], s(k - 1))                 out(k) = b + s(k) W (+ ``attention.py``)

with u for the inputs that are known ahead and v for the others.  y(T + k - 1) is measured, or the decoder's own output.
An example is one row z = [v (T, V), u (T + n, A), y (T, O)], flat, oldest first, and its target (n, O Q): each output
stands there once for each of Q quantiles, and so it is fed back.

A forecast may be a mean of that and of a linear model of the same rows, of which nothing is fed back:

    y(T + k) = share out(k) + (1 - share) (c(k) + z L(k))

Dimensions: N examples, B of them side by side.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._training.initial import glorot
from .._training.losses import weights_of
from .._values import kept
from . import attention
from .dynamics import Dynamics
from .memory import constant
from .recurrent import Net, lay_out, make_net
from .recurrent_kernels import project
from .recurrent_loss import in_threads
from .tape import Masks, Tape
from .views import count, views_of


SHARD = 32  # examples of one task of a thread
BLOCK = 256  # examples that are forecast side by side


@kept("episode")
class Episode(NamedTuple):
    """Layout of an encoder and a decoder.

    attention : one of ``attention.KINDS``, or None.   T, n : rows of history, and to forecast, or 0 where they differ
    from example to example.   widths : V, A, O, Q.   w : rows a step, see ``segments.py``.
    """

    encoder: Net
    decoder: Net
    attention: str | None
    T: int = 0
    n: int = 0
    widths: tuple = ()
    w: int = 1

    lead, rate = 0, 1  # an example is complete in itself, and a step is a row

    @property
    def shapes(self):
        """Of the attention's weights."""
        if self.attention is None:
            return None
        return attention.shapes(self.attention, self.decoder.blocks[-1].H, self.decoder.n_outputs)

    @property
    def steps(self):
        """Those of the encoder, and of the decoder."""
        return self.T, self.n

    @property
    def width(self):
        """Outputs a row, O Q."""
        return self.decoder.n_outputs

    @property
    def n_outputs(self):
        """All outputs of an example."""
        return self.n * self.width

    @property
    def n_inputs(self):
        """Numbers of an example."""
        V, A, O, _ = self.widths
        return self.T * (V + A + O) + self.n * A

    @property
    def size(self):
        """Number of parameters."""
        return self._cuts()[-1]

    def _cuts(self):
        """Return where the parts of theta end."""
        return np.cumsum([self.encoder.size, self.decoder.size, count(self.shapes or ())])

    def views(self, theta):
        """View the parameters of encoder and decoder, a list of named tuples each, and of attention, or None."""
        a, b, _ = self._cuts()
        weights = (
            None if self.shapes is None else attention.AttentionWeights(*views_of(theta[b:], self.shapes))
        )
        return self.encoder.views(theta[:a]), self.decoder.views(theta[a:b]), weights

    def same_as(self, other):
        """Return whether parameters of either fit the other."""
        rest = [net._replace(encoder=None, decoder=None) for net in (self, other)]
        return rest[0] == rest[1] and all(a.same_as(b) for a, b in zip(self[:2], other[:2]))

    def initial(self, rng, recurrent_init, readout):
        """Draw theta (P,).   readout : share of a Glorot start of what leads to the outputs."""
        return self._drawn(rng, recurrent_init, readout)

    def _drawn(self, rng, recurrent_init, readout):
        """Draw theta (P,): encoder, decoder and attention."""
        parts = [net.initial(rng, recurrent_init) for net in (self.encoder, self.decoder)]
        theta = np.concatenate([*parts, np.zeros(self.size - sum(len(part) for part in parts))])
        _, decoder, w, *_ = self.views(theta)
        decoder[-1].W[:] *= readout
        for W in (*w.K, *w.Q, *w.V) if w else ():
            W[:] = glorot(rng, W.shape)
        if w:
            w.v[:] = glorot(rng, (len(w.v), 1))[:, 0]
            w.V[:] *= readout
        return theta

    def decays(self):
        """Mark the weights that decay, (P,)."""
        w = self.views(np.zeros(self.size))[2]
        attention_decays = [np.full(a.size, 1.0 * (a.ndim == 3)) for a in w or ()]
        return np.concatenate([self.encoder.decays(), self.decoder.decays(), *attention_decays])

    def sources(self, Z):
        """Split Z (N, .) into what encoder (N, T, V + A + O) and decoder (N, n, A) see, and the last y (N, O Q)."""
        V, A, O, Q = self.widths
        a, b = self.T * V, self.T * V + (self.T + self.n) * A
        v = Z[:, :a].reshape(len(Z), self.T, V)
        u = Z[:, a:b].reshape(len(Z), self.T + self.n, A)
        y = Z[:, b:].reshape(len(Z), self.T, O)
        return np.concatenate([v, u[:, : self.T], y], axis=2), u[:, self.T :], np.repeat(y[:, -1], Q, axis=1)

    def seen(self, rows):
        """Mark the numbers of an example, (P,), that are of its last rows of history or of rows to come."""
        (V, A, O, _), T = self.widths, self.T
        row = [np.repeat(np.arange(steps), n) for steps, n in ((T, V), (T + self.n, A), (T, O))]
        return np.concatenate(row) >= T - rows

    def sources_back(self, dx, du, dlast):
        """Return the gradient of examples (N, .), given those of what ``sources`` makes of them."""
        (V, A, O, Q), N = self.widths, len(dx)
        dy = dx[:, :, V + A :].copy()
        dy[:, -1] += dlast.reshape(N, O, Q).sum(axis=2)
        parts = dx[:, :, :V], dx[:, :, V : V + A], du, dy
        return np.concatenate([part.reshape(N, -1) for part in parts], axis=1)

    def tape(self, B, dtype):
        """Work space for B examples."""
        return EpisodeTape(self, B, dtype)


def make_episode(cell, hidden, attention_kind, T, n, widths, skip=False):
    """Lay out an encoder and a decoder of the same cells.   hidden : widths of the layers.

    skip : whether the decoder's inputs reach all of its layers and its outputs.
    """
    V, A, O, Q = widths
    reader = make_net(cell, V + A + O, 1, hidden, (0,), ())
    encoder = lay_out(cell, V + A + O, 0, reader.blocks, (), 0, 0)
    decoder = make_net(cell, A, O * Q, hidden, (0,) if A else (), (1,), skip=skip)
    return Episode(encoder, decoder, attention_kind, T, n, tuple(widths))


class Through:
    """Leads the gradient of the encoder's states, which the decoder has read, into its backward pass."""

    def __init__(self, tape, dstates):
        self.tape, self.dstates = tape, dstates  # (T, B, H)

    def backward(self, first, last):
        """Add the gradients of some steps."""
        self.tape.dH[-1][first:last] += self.dstates[first:last]


class EpisodeTape:
    """Work space for B examples: a tape each of the encoder and of the decoder, and attention between them.

    T, n : steps of each, by default those of all examples.
    """

    def __init__(self, net, B, dtype, T=None, n=None):
        self.net, self.B, self.dtype = net, B, dtype
        self.T, self.n = T or net.T, n or net.n
        self.encoder, self.decoder = Tape(net.encoder, B, self.T, dtype), Tape(net.decoder, B, self.n, dtype)
        H, self.head = net.decoder.blocks[-1].H, None
        if net.attention is not None:
            self.head = attention.Head(B, self.T, self.n, H, dtype)

    def place(self, x, u, y):
        """Choose examples.   x : (B, T, F), u : (B, n, A), y : (B, 1 + n, O Q), which outputs are written into."""
        B, T, n, none = self.B, self.T, self.n, np.zeros(0, self.dtype)
        example = np.arange(B)
        self.encoder.place(x.reshape(-1), example * T, none, example * 0, np.full(B, T))
        self.decoder.place(u.reshape(-1), example * n, y.reshape(-1), example * (1 + n) + 1, np.full(B, n))

    def forward(self, weights, own=None, masks=None):
        """Compute outputs (n, B, O Q).   own : (n, B, O Q) bool, where outputs are fed back."""
        encoder, decoder, w = weights
        self.encoder.forward(encoder, None, masks and masks[0])
        for S, read in zip(self.decoder.S, self.encoder.S):
            S[:, 0] = read[:, -1]
        if self.head is not None:
            self.head.begin(w, self.encoder.S[-1][0, 1:], self.decoder)
        return self.decoder.forward(decoder, own, masks and masks[1], head=self.head)

    def backward(self, weights, dout, grads, dx=None, dy=None, du=None):
        """Add the gradients to ``grads``, like ``weights``.   dx, dy, du : flat, of what was placed, or None."""
        self._decoder_back(weights, dout, grads, dy, du)
        self._encoder_back(weights, grads, self.decoder.dS, dx)

    def _decoder_back(self, weights, dout, grads, dy, du):
        """Go back through the decoder, and what its steps read."""
        for dS in self.decoder.dS:
            dS.fill(0)
        if self.head is not None:
            self.head.begin_back(dout, grads[2])
        turned = self.net.decoder.turned(weights[1], inputs=du is not None)
        self.decoder.backward(weights[1], turned, dout, grads[1], dx=du, dy=dy)

    def _encoder_back(self, weights, grads, dlast, dx):
        """Go back through the encoder.   dlast : of its last states, layer by layer (., B, H)."""
        for dS, last in zip(self.encoder.dS, dlast):
            dS[:] = last
        self.encoder.head = None
        if self.head is not None:
            self.head.end_back()
            self.encoder.head = Through(self.encoder, self.head.dseen.swapaxes(0, 1))
        none = np.empty((self.T, self.B, 0), self.dtype)
        turned = self.net.encoder.turned(weights[0], inputs=dx is not None)
        self.encoder.backward(weights[0], turned, none, grads[0], dx=dx)


# ---------------------------------------------------------------------------------------- learning


def draw_masks(net, rates, rng, B, steps, dtype):
    """Dropout masks of B examples: for each half, of ``steps`` each, a pair a block.   rates : recurrent, output."""

    def draw(rate, *shape):
        return ((rng.random_sample(shape) >= rate) / (1 - rate)).astype(dtype)

    return [
        [
            Masks(
                draw(rates[0], B, block.H) if rates[0] else np.empty((0, 0), dtype),
                draw(rates[1], n, B, block.H) if rates[1] else np.empty((0, 0, 0), dtype),
            )
            for block in half.blocks
        ]
        for half, n in zip((net.encoder, net.decoder), steps)
    ]


class EpisodeLoss:
    """Loss over examples; see ``solvers.py`` for what a solver asks of it.

    series : list of ``Series`` of examples.   teaching : see ``recurrent_loss.py``.   held : which examples count.
    B : of a mini-batch.   pool : threads, or None.
    """

    everything = None
    offers = frozenset()

    def __init__(self, net, series, teaching, dtype, *, B=32, held=False, pool=None):
        self.net, self.teaching, self.dtype, self.B, self.pool = net, teaching, dtype, B, pool
        chosen = [(s.held == held) & (s.w > 0) & np.isfinite(s.Y).any(axis=1) for s in series]
        Y, w = (np.concatenate([s[k][c] for s, c in zip(series, chosen)]) for k in (1, 2))
        Z = np.concatenate([s.X[c] for s, c in zip(series, chosen)], dtype=dtype, casting="same_kind")
        measured, O = np.isfinite(Y), net.width
        self.x, self.u, last = (np.ascontiguousarray(a, dtype) for a in net.sources(Z))
        self.n, fed = len(Y), np.where(measured, Y, 0.0).reshape(len(Y), net.n, O)
        self.fed = np.concatenate([last[:, None], fed], axis=1).astype(dtype)
        self.unknown = ~measured.reshape(len(Y), net.n, O)
        counts = np.where(measured, w[:, None], 0.0).astype(dtype).reshape(-1, O)
        self.y, self.w = fed.astype(dtype).ravel(), weights_of(teaching.loss, counts).ravel()
        self.weight = float(self.w.sum(dtype=np.float64))
        self.decay = teaching.alpha * net.decays()
        self._spaces, self.epoch = {}, 0

    def batches(self, rng):
        """Yield an epoch's batches, and what the gradient of each is divided by."""
        self._rng, order = rng, rng.permutation(self.n)
        batches = [order[i : i + self.B] for i in range(0, self.n, self.B)]
        for batch in batches:
            yield batch, self.weight / len(batches)
        self.epoch += 1

    def loss_grad(self, theta, batch):
        """Sum the loss over some examples, or all; returns it and its gradient (P,)."""
        examples = np.arange(self.n) if batch is None else batch
        fed = self._own(examples, True)
        masks = self._masks(len(examples)) if batch is not None else None

        def shard(i):
            part = slice(i, i + SHARD)
            cut = masks and [[m.of(part) for m in half] for half in masks]
            return self._shard(theta, examples[part], None if fed is None else fed[part], cut, True)

        results = in_threads(self.pool, shard, range(0, len(examples), SHARD))
        grad = results[0][1]
        for _, other_grad in results[1:]:
            grad += other_grad
        return sum(loss for loss, _ in results), grad

    def value(self, theta):
        """Mean loss over all examples."""
        theta, total = theta.astype(self.dtype), 0.0
        for i in range(0, self.n, SHARD):
            examples = np.arange(i, min(i + SHARD, self.n))
            total += self._shard(theta, examples, self._own(examples, False), None, False)[0]
        return total / self.weight

    def _own(self, which, learn):
        """Mark where outputs are fed back, (B, n, O Q) bool; None if all that is fed is measured."""
        fed = self.unknown[which]
        if self.teaching.feedback == "closed_loop" or (self.teaching.feedback != "open_loop" and not learn):
            return np.ones_like(fed)
        if self.teaching.feedback == "scheduled_sampling":
            share = min(1.0, self.epoch / max(1, self.teaching.epochs - 1))
            fed = fed | (self._rng.random_sample(fed.shape[:2]) < share)[:, :, None]
        return fed if fed.any() else None

    def _masks(self, B):
        """Draw dropout masks: for each half a pair a block, or None."""
        rates = self.teaching.recurrent_dropout, self.teaching.dropout
        if not any(rates):
            return None

        return draw_masks(self.net, rates, self._rng, B, self.net.steps, self.dtype)

    def _shard(self, theta, which, fed, masks, learn):
        """Sum the loss of up to SHARD examples; returns it and its gradient (P,) or None."""
        net, B, O = self.net, len(which), self.net.width
        weights = net.views(theta)
        tape = self._spaces.pop(B, None) or net.tape(B, self.dtype)  # no other thread has it meanwhile
        tape.place(self.x[which], self.u[which], self.fed[which])
        fed = None if fed is None else np.ascontiguousarray(fed.swapaxes(0, 1))
        out, grad = tape.forward(weights, fed, masks), None
        dout = np.empty_like(out)
        loss = self.teaching.loss(out, self.y, self.w, which * net.n * O, dout)
        if learn:
            grad = np.zeros_like(theta)
            tape.backward(weights, dout, net.views(grad))
        self._spaces[B] = tape
        return loss, grad


# ---------------------------------------------------------------------------------------- forecasting


class LinearPart(NamedTuple):
    """A linear model of examples.   W : (P, n O).   b : (n O,).   share : of the mean with the net, 1 - the net's."""

    W: np.ndarray
    b: np.ndarray
    share: float


@kept("encoder and decoder")
@dataclass(frozen=True, eq=False)
class EpisodeDynamics(Dynamics):
    """A fitted encoder and decoder: each row of X is an example, out its forecast, and nothing is carried on.

    theta : that of the net and, if ``share`` < 1, W and b of a linear model.   mean : of examples and of targets in
    training.   share : of the net.
    """

    net: Episode
    mean: tuple
    share: float = 1.0

    lead = 0
    sees_y = False
    input_lag = 0

    @property
    def n_outputs(self):
        """All outputs of an example."""
        return self.net.n_outputs

    @cached_property
    def weights(self):
        """Weights of the encoder's layers, of the decoder's and its readout, and of attention, in scaled units."""
        return self.net.views(self.theta[: self.net.size])

    @cached_property
    def linear(self):
        """The ``LinearPart``, or None."""
        if self.share == 1.0:
            return None
        (P, K), at = (self.net.n_inputs, self.net.n_outputs), self.net.size
        return LinearPart(self.theta[at:-K].reshape(P, K), self.theta[-K:], 1.0 - self.share)

    @property
    def params(self):
        """The ``weights`` and, where there is one, the ``linear`` model."""
        return self.weights if self.linear is None else (*self.weights, self.linear)

    def run(self, X, Y, memory):
        """Forecast from each example."""
        out = np.empty_like(Y)
        for i, tape, answer in self._blocks(X):
            out[i : i + tape.B] = answer.swapaxes(0, 1).reshape(tape.B, -1)
        if self.linear is not None:
            out *= self.share
            out += self.linear.share * self._linear_out(X)
        return out, memory

    def _linear_out(self, X):
        """Forecast from examples X (N, P) by the linear model, (N, n O)."""
        (N, P), (W, b, _) = X.shape, self.linear
        out = np.empty((1, 1, N, len(b)))
        project(np.ascontiguousarray(X).ravel(), np.arange(N) * P, W[None], 0, P, b[None], out, 0, 1)
        return out[0, 0]

    def attention_weights(self, X):
        """Compute the weights by which each step of each example attends, (N, n, T)."""
        return np.concatenate([tape.head.E.copy() for _, tape, _ in self._blocks(X)])

    def _blocks(self, X):
        """Run freely from examples X (N, .), some at a time: yields the first, the tape and outputs (n, B, O Q)."""
        net, tapes = self.net, {}
        for i in range(0, len(X), BLOCK):
            x, u, last = (np.ascontiguousarray(a) for a in net.sources(X[i : i + BLOCK]))
            B = len(x)
            if B not in tapes:
                tapes[B] = net.tape(B, np.float64)
            fed = np.zeros((B, 1 + net.n, net.width))
            fed[:, 0] = last
            tapes[B].place(x, u, fed)
            free = np.ones((net.n, B, net.width), bool)
            yield i, tapes[B], tapes[B].forward(self.weights, free)

    def zero(self, x, y):
        """Return an empty memory."""
        return constant(x, y, 0)
