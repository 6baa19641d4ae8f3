"""Segments: an encoder and a decoder that take w rows a step, all steps of the decoder at once [1].

    y'(t) = y(t) - y(T)                                              so that a forecast begins where y is
    g(i) = relu([v, u, y'](rows of segment i) W + b)                 i = 1 ... T / w
    h(1) ... h(T / w) = encoder(g(1) ... g(T / w))                   from zeros
    s(j) = decoder([P_j, u(rows of segment j)], h(T / w))            j = 1 ... n / w, one step each, side by side
    y(rows of segment j) = y(T) + b + s(j) W (+ ``attention.py``)

with a learnt P_j for the place of each segment.  Seven steps take the place of 168, and no forecast is fed back: errors
do not add up, and far horizons cost no more than near ones.  Examples and names are those of ``episode_loss.py``; in
the original one cell reads and writes, and v, u are not there.

[1] S. Lin, W. Lin, W. Wu, F. Zhao, R. Mo, H. Zhang, "SegRNN: Segment recurrent neural network for long-term time series
    forecasting", arXiv:2308.11200, 2023.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from .._training.initial import glorot
from .._values import kept
from . import attention, recurrent_kernels
from .episode_loss import Episode, EpisodeTape
from .recurrent import lay_out, make_net
from .tape import Masks, Tape
from .views import count, views_of


class SegmentFront(NamedTuple):
    """W (1, w F, H) and b (1, H) of segments, P (1, n / w, e) of places."""

    W: np.ndarray
    b: np.ndarray
    P: np.ndarray


@kept("episode of segments")
class Segmented(Episode):
    """Layout of an encoder and a decoder of segments.   w : rows of one."""

    @property
    def steps(self):
        """Segments of the encoder, and of the decoder."""
        return self.T // self.w, self.n // self.w

    @property
    def width(self):
        """Outputs a row, O Q."""
        return self.decoder.n_outputs // self.w

    @property
    def front(self):
        """The shapes of ``SegmentFront``."""
        H, (V, A, O, _) = self.encoder.n_inputs, self.widths
        return SegmentFront((1, self.w * (V + A + O), H), (1, H), (1, self.steps[1], _places(H)))

    @property
    def size(self):
        """Number of parameters."""
        return self._cuts()[-1] + count(self.front)

    def views(self, theta):
        """View the parameters of encoder, decoder, attention or None, and ``SegmentFront``."""
        end = self._cuts()[-1]
        return *super().views(theta[:end]), SegmentFront(*views_of(theta[end:], self.front))

    def initial(self, rng, recurrent_init, readout):
        """Draw theta (P,)."""
        theta = self._drawn(rng, recurrent_init, readout)
        front = self.views(theta)[-1]
        front.W[0] = glorot(rng, front.W[0].shape)
        front.P[:] = rng.normal(size=front.P.shape)
        return theta

    def decays(self):
        """Mark the weights that decay, (P,)."""
        front = [np.full(prod(shape), 1.0 * (len(shape) == 3)) for shape in self.front]
        return np.concatenate([super().decays(), *front])

    def sources(self, Z):
        """Split into segments for the encoder (N, T / w, w F), the decoder (N, n / w, w A), and the last y (N, O Q)."""
        x, u, last = super().sources(Z)
        O = self.widths[2]
        x[:, :, -O:] -= x[:, -1:, -O:].copy()
        before, ahead = self.steps
        return x.reshape(len(Z), before, -1), u.reshape(len(Z), ahead, -1), last

    def sources_back(self, dx, du, dlast):
        """Return the gradient of examples (N, .), given those of what ``sources`` makes of them."""
        O, dx = self.widths[2], dx.reshape(len(dx), self.T, -1).copy()
        dx[:, -1, -O:] -= dx[:, :, -O:].sum(axis=1)
        return super().sources_back(dx, du, dlast)

    def tape(self, B, dtype):
        """Work space for B examples."""
        return SegmentTape(self, B, dtype)


def _places(H):
    """Return the numbers in P_j, as many as in the original."""
    return max(1, H // 2)


def make_segmented(cell, hidden, attention_kind, T, n, widths, skip, w):
    """Lay out an encoder and a decoder of segments of w rows."""
    (_, A, O, Q), H = widths, hidden[0]
    blocks = make_net(cell, H, 1, hidden, (0,), ()).blocks
    encoder = lay_out(cell, H, 0, blocks, (), 0, 0)
    decoder = make_net(cell, _places(H) + w * A, w * O * Q, hidden, (0,), (), skip=skip)
    return Segmented(encoder, decoder, attention_kind, T, n, tuple(widths), w)


class Abreast:
    """Attention behind steps that a tape takes side by side, as one."""

    def __init__(self, head, n):
        self.head, self.n = head, n

    def forward(self, first, last):
        """Attend in all of them."""
        self.head.forward(0, self.n)

    def backward(self, first, last):
        """Lead the gradient back from all of them."""
        self.head.backward(0, self.n)


class SegmentTape(EpisodeTape):
    """Work space for B examples, segment j of example b of the decoder as sequence j B + b of one step."""

    def __init__(self, net, B, dtype):
        self.net, self.B, self.dtype, self.head = net, B, dtype, None
        self.T, self.n = net.steps
        H, many = net.encoder.n_inputs, B * self.n
        self.encoder, self.decoder = Tape(net.encoder, B, self.T, dtype), Tape(net.decoder, many, 1, dtype)
        self.g = np.empty((1, B, self.T, H), dtype)
        self.u = np.empty((self.n, B, net.decoder.n_inputs), dtype)
        if net.attention is not None:
            self.head = attention.Head(B, self.T, self.n, net.decoder.blocks[-1].H, dtype)

    def place(self, x, u, y):
        """Choose examples.   x : (B, T / w, w F), u : (B, n / w, w A), y : (B, 1 + n, O Q), whose first row is read."""
        self.x, self.last = x, y[:, 0]
        self.rows = np.arange(self.B * self.T) * x.shape[2]
        self.u[:, :, _places(self.net.encoder.n_inputs) :] = u.swapaxes(0, 1)
        example, step, none = np.arange(self.B), np.arange(self.B * self.n), np.zeros(0, self.dtype)
        self.encoder.place(self.g.reshape(-1), example * self.T, none, example * 0, np.full(self.B, self.T))
        self.decoder.place(self.u.reshape(-1), step, none, step * 0, np.ones(len(step), np.int64))

    def forward(self, weights, own=None, masks=None):
        """Compute outputs (n, B, O Q); nothing is fed back."""
        encoder, decoder, w, front = weights
        K = self.x.shape[2]
        recurrent_kernels.project(self.x.reshape(-1), self.rows, front.W, 0, K, front.b, self.g, 0, self.B)
        np.maximum(self.g, 0, out=self.g)
        self.u[:, :, : front.P.shape[2]] = front.P[0][:, None]
        self.encoder.forward(encoder, None, masks and masks[0])
        for S, read in zip(self.decoder.S, self.encoder.S):
            S[:, 0] = np.tile(read[:, -1], (1, self.n, 1))
        if self.head is not None:
            self.head.begin(w, self.encoder.S[-1][0, 1:], self.decoder)
        head = self.head and Abreast(self.head, self.n)
        out = self.decoder.forward(decoder, None, masks and self._beside(masks[1]), head=head)
        out = out.reshape(self.n, self.B, self.net.w, -1).swapaxes(1, 2)
        return np.ascontiguousarray(out).reshape(self.net.n, self.B, -1) + self.last

    def _beside(self, masks):
        """Lay out masks of the decoder's steps (n / w, B, H) side by side."""
        return [
            Masks(
                np.tile(m.recurrent, (self.n, 1)) if m.recurrent.size else m.recurrent,
                m.output.reshape(1, self.n * self.B, -1) if m.output.size else m.output,
            )
            for m in masks
        ]

    def backward(self, weights, dout, grads, dx=None, dy=None, du=None):
        """Add the gradients to ``grads``, like ``weights``.   dx, dy, du : flat, of what was placed, or None."""
        if dy is not None:
            dy.reshape(self.B, self.net.n + 1, -1)[:, 0] += dout.sum(axis=0)
        dout = dout.reshape(self.n, self.net.w, self.B, -1).swapaxes(1, 2)
        dout = np.ascontiguousarray(dout).reshape(1, self.n * self.B, -1)
        steps, dg = np.zeros_like(self.u), np.zeros_like(self.g)
        self._decoder_back(weights, dout, grads, None, steps.reshape(-1))
        n_places = grads[3].P.shape[2]
        grads[3].P[0] += steps[:, :, :n_places].sum(axis=1)
        if du is not None:
            du.reshape(self.B, self.n, -1)[:] += steps[:, :, n_places:].swapaxes(0, 1)
        dlast = [dS.reshape(len(dS), self.n, self.B, -1).sum(axis=1) for dS in self.decoder.dS]
        self._encoder_back(weights, grads, dlast, dg.reshape(-1))
        self._front_back(weights[3], dg, grads[3], dx)

    def _front_back(self, front, dg, dfront, dx):
        """Go back from the gradient dg (1, B, T / w, H) of g to W, b and, if dx is not None, to the rows."""
        dg *= self.g > 0
        if dx is not None:
            V = np.ascontiguousarray(front.W.swapaxes(1, 2))
            recurrent_kernels.scatter(dg, V, self.rows, dx, 0, self.B)
        recurrent_kernels.outer(self.x.reshape(-1), self.rows, dg, 0, self.x.shape[2], dfront.W)
        recurrent_kernels.add_biases(dg, dfront.b)
