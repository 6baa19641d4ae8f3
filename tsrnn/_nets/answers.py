"""A sequence, then its answer: an encoder reads rows or symbols, a decoder writes symbol after symbol.

    h(1) ... h(T) = encoder(x'(1) ... x'(T))                        x' : rows, or embeddings of symbols, from zeros
    s(0) = h(T), layer by layer
    s(k) = decoder(E[y(k - 1)], s(k - 1))                           y(0) : the start symbol
    p(y(k) | x, y(1) ... y(k - 1)) = softmax(b + s(k) W + ...)      what attention adds: see ``attention.py``

An answer ends with the end symbol.  Of K symbols the codes are 0 ... K - 1, K is the end and K + 1 the start, which is
never written, so that O = K + 1.  In training y is given; or, with scheduled sampling, some of y are what the decoder
itself would write after the given ones [1].  The answer is the most probable one that a beam search finds [2]: it keeps
the W most probable beginnings; W = 1 writes what is most probable at each step.

Sequences of one length T are followed side by side, B of them, so none is padded; their answers are as long as the
longest of them, n, and what lies beyond an end has no weight.

[1] D. Duckworth, A. Neelakantan, B. Goodrich, L. Kaiser, S. Bengio, "Parallel scheduled sampling", arXiv:1906.04331.
[2] I. Sutskever, O. Vinyals, Q. V. Le, "Sequence to sequence learning with neural networks", NIPS 2014.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._values import kept
from . import attention
from .dynamics import Dynamics
from .episode_loss import SHARD, Episode, EpisodeTape, draw_masks
from .recurrent import lay_out, make_net
from .recurrent_loss import in_threads
from .symbols import Lookup, make_symbols
from .tape import Tape


BLOCK = 256  # beginnings of answers that are followed side by side


def make_answers(cell, hidden, attention_kind, inputs, K, size):
    """Lay out an encoder and a decoder.

    hidden : widths of the layers.   inputs : (D, C): columns of rows and 0, or 1 and how many symbols.   K : symbols
    of answers.   size : of embeddings, or None.
    """
    D, C = inputs
    symbols = make_symbols(1, {0: C}, 0, size) if C else None
    width = symbols.width if symbols else D
    blocks = make_net(cell, width, 1, hidden, (0,), ()).blocks
    encoder = lay_out(cell, width, 0, blocks, (), 0, 0, symbols=symbols)
    decoder = make_net(cell, 0, K + 1, hidden, (), (1,), symbols=make_symbols(0, {}, K + 2, size))
    return Episode(encoder, decoder, attention_kind)


class AnswerTape(EpisodeTape):
    """Work space for B sequences of T steps with answers of n, with what is looked up in front of both."""

    def __init__(self, net, B, dtype, T, n):
        super().__init__(net, B, dtype, T, n)
        self.read = Lookup(net.encoder, B, T, dtype) if net.encoder.symbols else None
        self.write = Lookup(net.decoder, B, n, dtype)
        self.cuts = net.encoder.size, net.encoder.size + net.decoder.size

    def look_up(self, theta, x, y):
        """Choose sequences x (B, T, D) and codes y (B, 1 + n), the first of them the start."""
        (a, b), sequence = self.cuts, np.arange(self.B)
        if self.read is not None:
            self.read.inputs(theta[:a], x.reshape(-1), sequence * self.T)
            x = self.read.x
        self.write.outputs(theta[a:b], y.astype(self.dtype).reshape(-1), sequence * (1 + self.n) + 1)
        self.place(x, np.zeros((self.B, self.n, 0), self.dtype), self.write.y)

    def gradient(self, weights, dout, theta):
        """Back-propagate; returns the gradient (P,)."""
        (a, b), grad = self.cuts, np.zeros_like(theta)
        self.write.clear()
        if self.read is not None:
            self.read.clear()
        dx = self.read.dx if self.read is not None else None
        self.backward(weights, dout, self.net.views(grad), dx=dx, dy=self.write.dy)
        if self.read is not None:
            self.read.back(grad[:a])
        self.write.back(grad[a:b])
        return grad


def padded(answers, K):
    """Pad codes of answers, between start and ends, (N, 1 + n); returns them and where they count, (N, n) bool."""
    lengths = np.array([len(answer) for answer in answers]) + 1
    codes = np.full((len(answers), 1 + lengths.max()), K, np.int64)
    codes[:, 0] = K + 1
    for row, answer in zip(codes, answers):
        row[1 : 1 + len(answer)] = answer
    return codes, np.arange(lengths.max()) < lengths[:, None]


def as_rows(sequences, dtype):
    """Stack sequences of one length, (B, T, D) contiguous; of symbols D = 1."""
    return np.ascontiguousarray([s[:, None] if s.ndim == 1 else s for s in sequences], dtype)


def alike(lengths, order, most):
    """Cut ``order`` (M,) into runs of equal length, of at most ``most``."""
    cuts = np.flatnonzero(np.diff(lengths[order])) + 1
    for run in np.split(order, cuts):
        yield from (run[i : i + most] for i in range(0, len(run), most))


# ---------------------------------------------------------------------------------------- learning


class AnswerLoss:
    """Cross-entropy of answers; see ``solvers.py`` for what a solver asks of it.

    series : list of ``Series`` whose X and Y are lists, of sequences and of codes of answers.   teaching : see
    ``recurrent_loss.py``.   held : which count.   B : of a mini-batch.   pool : threads, or None.
    """

    everything = None
    offers = frozenset()

    def __init__(self, net, series, teaching, dtype, *, B=32, held=False, pool=None):
        self.net, self.teaching, self.dtype, self.B, self.pool = net, teaching, dtype, B, pool
        pairs = [
            (x, y, w) for s in series for x, y, w, h in zip(s.X, s.Y, s.w, s.held) if h == held and w > 0
        ]
        self.X, self.Y, self.w = [p[0] for p in pairs], [p[1] for p in pairs], np.array([p[2] for p in pairs])
        self.lengths = np.array([len(x) for x in self.X], np.int64)
        self.answered = np.array([len(y) + 1 for y in self.Y], np.int64)
        self.weight = float(self.w @ self.answered) if pairs else 0.0
        self.decay = teaching.alpha * net.decays()
        self.epoch = 0

    def batches(self, rng):
        """Yield an epoch's batches, of like lengths of sequences and answers, and what gradients are divided by."""
        self._rng, order = rng, rng.permutation(len(self.X))
        order = order[np.lexsort((self.answered[order], self.lengths[order]))]
        cuts = np.arange(rng.randint(self.B), len(order), self.B)
        batches = [batch for batch in np.split(order, cuts) if len(batch)]
        for k in rng.permutation(len(batches)):
            yield batches[k], float(self.w[batches[k]] @ self.answered[batches[k]])
        self.epoch += 1

    def loss_grad(self, theta, batch):
        """Sum the loss over some pairs, or all; returns it and its gradient (P,)."""
        pairs = np.lexsort((self.answered, self.lengths)) if batch is None else batch
        shards = [self._drawn(part, batch is not None) for part in alike(self.lengths, pairs, SHARD)]
        results = in_threads(self.pool, lambda shard: self._shard(theta, *shard, True), shards)
        grad = results[0][1]
        for _, other_grad in results[1:]:
            grad += other_grad
        return sum(loss for loss, _ in results), grad

    def value(self, theta):
        """Mean loss over all pairs."""
        theta, order = theta.astype(self.dtype), np.lexsort((self.answered, self.lengths))
        parts = alike(self.lengths, order, SHARD)
        return sum(self._shard(theta, part, None, None, False)[0] for part in parts) / self.weight

    def _drawn(self, which, random):
        """Draw for some pairs which of y (B, n) the decoder writes itself, or None, and dropout masks, or None."""
        fed, masks, t = None, None, self.teaching
        if random and t.feedback == "scheduled_sampling":
            share = min(1.0, self.epoch / max(1, t.epochs - 1))
            fed = self._rng.random_sample((len(which), self.answered[which].max())) < share
        if random and (t.recurrent_dropout or t.dropout):
            rates = (t.recurrent_dropout, t.dropout)
            steps = (self.lengths[which[0]], self.answered[which].max())
            masks = draw_masks(self.net, rates, self._rng, len(which), steps, self.dtype)
        return which, fed, masks

    def _shard(self, theta, which, own, masks, learn):
        """Sum the loss of up to SHARD pairs whose x are as long; returns it and its gradient (P,) or None."""
        net, weights = self.net, self.net.views(theta)
        codes, counts = padded([self.Y[k] for k in which], net.decoder.n_outputs - 1)
        B, n = counts.shape
        x, targets = as_rows([self.X[k] for k in which], self.dtype), codes[:, 1:].astype(self.dtype).ravel()
        tape = AnswerTape(net, B, self.dtype, x.shape[1], n)
        tape.look_up(theta, x, codes)
        out = tape.forward(weights, None, masks)
        if own is not None:
            written = np.argmax(out, axis=2).T  # after y(1) ... y(k - 1), which stands at k
            codes[:, 2:] = np.where(own[:, 1:], written[:, :-1], codes[:, 2:])
            tape.look_up(theta, x, codes)
            out = tape.forward(weights, None, masks)
        w, dout = (counts * self.w[which][:, None]).astype(self.dtype), np.empty_like(out)
        loss = self.teaching.loss(out, targets, w.ravel(), np.arange(B) * n, dout)
        return loss, tape.gradient(weights, dout, theta) if learn else None


# ---------------------------------------------------------------------------------------- answering


@kept("answers")
@dataclass(frozen=True, eq=False)
class AnswerDynamics(Dynamics):
    """A fitted encoder and decoder of symbols.   net : an ``Episode``."""

    net: Episode

    @property
    def n_outputs(self):
        """K + 1."""
        return self.net.decoder.n_outputs

    @cached_property
    def params(self):
        """Weights of the encoder's layers, of the decoder's and its readout, and of attention."""
        return self.net.views(self.theta)

    @property
    def embeddings(self):
        """Tables of the symbols of x, or None, and of those of answers, the end and the start."""
        a, symbols = self.net.encoder.size, self.net.encoder.symbols
        of_answers = self.net.decoder.symbols.of_labels(self.theta[a:])
        return symbols.tables(self.theta)[0] if symbols else None, of_answers

    def given(self, X, Y):
        """Follow answers Y, lists of codes: yields (places, log p (B, n) of each step, where it counts, the tape)."""
        lengths = np.array([len(x) for x in X])
        for batch in alike(lengths, np.argsort(lengths, kind="stable"), BLOCK):
            codes, counts = padded([Y[k] for k in batch], self.n_outputs - 1)
            x = as_rows([X[k] for k in batch], np.float64)
            tape = AnswerTape(self.net, len(batch), np.float64, x.shape[1], counts.shape[1])
            tape.look_up(self.theta, x, codes)
            logs = log_softmax(tape.forward(self.params)).swapaxes(0, 1)
            yield batch, np.take_along_axis(logs, codes[:, 1:, None], axis=2)[:, :, 0], counts, tape

    def answers(self, X, width, most):
        """Find the best answers by a beam of ``width``: lists of at most ``most`` codes, and their log p (N,)."""
        lengths, best, logs = np.array([len(x) for x in X]), [None] * len(X), np.empty(len(X))
        for batch in alike(lengths, np.argsort(lengths, kind="stable"), max(1, BLOCK // width)):
            writer = Writer(self, as_rows([X[k] for k in batch], np.float64), width)
            for k, codes, log in zip(batch, *writer.search(most)):
                best[k], logs[k] = codes, log
        return best, logs


class Writer:
    """The decoder step by step, after B sequences x (B, T, D), each with W beginnings of answers beside each other."""

    def __init__(self, dynamics, x, W):
        net, (B, T, _) = dynamics.net, x.shape
        self.weights, self.table, self.net = dynamics.params, dynamics.embeddings[1], net
        self.B, self.W, self.K = B, W, dynamics.n_outputs - 1
        if net.encoder.symbols:
            x = net.encoder.symbols.inputs(dynamics.theta, x.reshape(B * T, -1))
        encoder = Tape(net.encoder, B, T, np.float64)
        sequence, none = np.arange(B), np.zeros(0)
        encoder.place(np.ascontiguousarray(x).reshape(-1), sequence * T, none, sequence * 0, np.full(B, T))
        encoder.forward(self.weights[0])
        self.tape, self.head = Tape(net.decoder, B * W, 1, np.float64), None
        for S, read in zip(self.tape.S, encoder.S):
            S[:, 0] = np.repeat(read[:, -1], W, axis=1)
        if net.attention is not None:
            H = net.decoder.blocks[-1].H
            self.head = attention.Head(B * W, T, 1, H, np.float64)
            self.head.begin(self.weights[2], np.repeat(encoder.S[-1][0, 1:], W, axis=1), self.tape)

    def step(self, codes):
        """Return log probabilities (B W, O) after codes (B W,)."""
        tape, beam = self.tape, np.arange(self.B * self.W)
        tape.place(
            np.zeros(0), beam * 0, self.table[codes].reshape(-1), beam + 1, np.ones(len(beam), np.int64)
        )
        return log_softmax(tape.forward(self.weights[1], head=self.head))[0]

    def go_on(self, parents):
        """Let beginnings (B W,) take the places of others."""
        for S in self.tape.S:
            S[:, 0] = S[:, 1][:, parents]

    def search(self, most):
        """Find the best answers, B lists of codes, and their log p (B,).

        A beginning that has ended continues with ends, which cost nothing; the best of all cannot be overtaken then.
        """
        B, W, K = self.B, self.W, self.K
        logs = np.full((B, W), -np.inf)
        logs[:, 0] = 0.0
        written = np.full((B, W, 1), K + 1)
        for _ in range(most + 1):
            after = self.step(written[:, :, -1].ravel()).reshape(B, W, K + 1)
            ended = written[:, :, -1] == K
            after[ended] = np.where(np.arange(K + 1) == K, 0.0, -np.inf)
            scores = (logs[:, :, None] + after).reshape(B, -1)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :W]
            logs, parents = np.take_along_axis(scores, best, axis=1), best // (K + 1)
            before = np.take_along_axis(written, parents[:, :, None], axis=1)
            written = np.concatenate([before, (best % (K + 1))[:, :, None]], axis=2)
            if (written[:, 0, -1] == K).all():
                break
            self.go_on((np.arange(B)[:, None] * W + parents).ravel())
        codes = [row[: np.argmax(row == K)] if (row == K).any() else row[:most] for row in written[:, 0, 1:]]
        return codes, logs[:, 0]


def log_softmax(scores):
    """Log probabilities (..., O)."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
