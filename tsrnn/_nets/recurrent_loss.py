from typing import NamedTuple

import numpy as np

from .._series.units import Series, runs_of
from .tape import Masks, Tape


SHARD = 16  # sequences a thread takes at a time: fixed, so that sums do not depend on the number of threads


class Batch(NamedTuple):
    """Tracks (n,) that are followed side by side, and the step of theirs to learn from.

    ``skipped`` : steps without a target that come before it.
    """

    tracks: np.ndarray
    skipped: tuple
    step: int


class Teaching(NamedTuple):
    """How a net is trained, apart from the solver."""

    loss: object
    alpha: float
    orthogonal_penalty: float
    dropout: float
    recurrent_dropout: float
    feedback: str  # what stands for y in the lags: "open_loop", "closed_loop" or "scheduled_sampling"
    epochs: int  # until scheduled sampling runs free
    mean: object = 0.0  # of y, (O,), for lags before a series of which nothing is known


class TrackLoss:
    """Loss of a recurrent net over a list of series; see ``solvers.py`` for what a solver asks of it.

    T, B : steps of a sequence, and sequences side by side.   held : which rows count, those of training (False) or
    of validation (True).   pool : threads, or None.   lead_in : for each series, first rows that do not count and
    are not run freely.   starts : states (n_states, H) that each block begins a series with, if not those of the net.
    """

    everything = None  # the batch of all tracks
    offers = frozenset()  # what a solver may need beyond ``loss_grad``, see ``solvers.py``

    def __init__(
        self, net, series, T, B, teaching, dtype, *, held=False, pool=None, lead_in=None, starts=None
    ):
        self.net, self.T, self.B, self.teaching, self.dtype, self.pool = net, T, B, teaching, dtype, pool
        F, O, lead = net.n_inputs, net.n_outputs, max(net.x_lead, net.y_lead)
        N = sum(len(s.Y) + T for s in series)
        X, Y, w = np.zeros((N, F), dtype), np.zeros((N, O), dtype), np.zeros((N, O), dtype)
        self.unknown, self.taught = np.zeros((N, O), bool), np.zeros(N, bool)
        begin, pieces = 0, []
        for s, rows in zip(series, lead_in or [0] * len(series)):
            end, first = begin + len(s.Y), begin + lead
            known = np.isfinite(s.Y)
            X[begin:end], Y[begin:end] = s.X, np.where(known, s.Y, teaching.mean)
            w[begin:end] = np.where(known, np.where(s.held == held, s.w, 0.0)[:, None], 0.0)
            w[begin : first + rows] = 0.0
            self.unknown[first:end] = ~known[lead:]
            self.taught[first : first + rows] = True
            counts = np.flatnonzero(w[first:end].any(axis=1))
            pieces.append((first, first + counts[-1] + 1 if len(counts) else first))
            begin = end + T  # rows that the last sequence may run over
        self.x, self.y, self.w = X.ravel(), Y.ravel(), w.ravel()
        self.weight = float(w.sum(dtype=np.float64))
        self.decay = teaching.alpha * net.decays()
        self._cut(pieces, w.any(axis=1))
        self._theta, self._tapes, self._grads, self.epoch = None, {}, {}, 0
        n = len(self.at)
        self._carried = [np.zeros((net.cell.n_states, n, block.H), dtype) for block in net.blocks]
        self._carries = n > 0 and (self.n_steps.max() > 1 or bool((self.before >= 0).any()))
        self._starts = starts

    def _cut(self, pieces, counts):
        """Cut pieces (first row, end) into tracks: a long series into equal ones, of whole sequences."""
        T = self.T
        rows = sum(end - first for first, end in pieces)
        length = max(1, -(-rows // (self.B * T))) * T
        at, ends, before = [], [], []
        for first, end in pieces:
            for k, start in enumerate(range(first, end, length)):
                before.append(len(at) - 1 if k else -1)
                at.append(start)
                ends.append(min(start + length, end))
        self.at, self.end = np.array(at, np.int64), np.array(ends, np.int64)
        self.before = np.array(before, np.int64)  # the track that each goes on from, or -1
        self._followed = np.isin(np.arange(len(at)), before)
        self.n_steps = -(-(self.end - self.at) // T)
        self._counted = np.concatenate([[0], np.cumsum(counts)])  # rows that count, before each

    def _groups(self, order):
        """Batches, in turn, of one walk along all tracks; ``order`` of the tracks."""
        order = order[np.argsort(self.n_steps[order], kind="stable")]  # walk with tracks of the same length
        for i in range(0, len(order), self.B):
            group, skipped = order[i : i + self.B], ()
            for k in range(self.n_steps[group].max()):
                tracks = group[self.n_steps[group] > k]
                first = self.at[tracks] + k * self.T
                last = np.minimum(first + self.T, self.end[tracks])
                left = self._followed[tracks] & (last == self.end[tracks])  # its state is wanted
                if (left | (self._counted[last] > self._counted[first])).any():
                    yield Batch(tracks, skipped, k)
                    skipped = ()
                else:
                    skipped = (*skipped, k)

    def batches(self, rng):
        """Batches of an epoch and what the gradient of each is divided by."""
        self._rng = rng
        several = (self.before < 0).sum() > 1
        groups = list(self._groups(rng.permutation(len(self.at)) if several else np.arange(len(self.at))))
        self._share = self.weight / len(groups)
        for batch in groups:
            yield batch, self._share
        self.epoch += 1

    def loss_grad(self, theta, batch):
        """Loss over a batch, and its gradient (P,); the states of the tracks advance."""
        if batch is None:
            total, grad = 0.0, np.zeros_like(theta)
            groups = list(self._groups(np.arange(len(self.at))))
            self._share = self.weight / len(groups)
            for part in groups:
                loss, one = self.loss_grad(theta, part)
                total += loss
                grad += one
            return total, grad
        weights = self._weights(theta)
        for k in batch.skipped:
            self._step(weights, batch.tracks[self.n_steps[batch.tracks] > k], k, learn=False)
        return self._step(weights, batch.tracks, batch.step, learn=True)

    def value(self, theta):
        """Mean loss over all tracks."""
        weights, total = self.net.views(theta.astype(self.dtype)), 0.0
        for batch in self._groups(np.arange(len(self.at))):
            for k in (*batch.skipped, batch.step):
                total += self._step(weights, batch.tracks[self.n_steps[batch.tracks] > k], k, learn=False)[0]
        return total / self.weight

    def _weights(self, theta):
        """Views, made once for a vector that is updated in place."""
        if theta is not self._theta:
            self._theta, self._views = theta, self.net.views(theta)
        return self._views

    def _step(self, weights, tracks, k, learn):
        """One sequence of each track; returns its loss, and its gradient (P,) or None where none is to be learnt."""
        at = self.at[tracks] + k * self.T
        lengths = np.minimum(self.end[tracks] - at, self.T)
        if k == 0:
            self._begin(weights, tracks)
        masks, own, turned, fed = None, self._own(at, learn), None, None
        if learn:
            masks, turned = self._masks(len(tracks)), self.net.turned(weights)
        if own is not None:  # a copy, in which outputs take the place of y
            rows = at[:, None] + np.arange(-self.net.y_lead, self.T)
            fed = self.y.reshape(-1, self.net.n_outputs)[rows]

        def shard(i):
            part = slice(i, i + SHARD)
            mine = None if masks is None else [m.of(part) for m in masks]
            loop = None if own is None else (own[:, part].copy(), fed[part])
            return self._shard(
                i, weights, turned, tracks[part], at[part], lengths[part], mine, loop, k, learn
            )

        results = in_threads(self.pool, shard, range(0, len(tracks), SHARD))
        loss = sum(loss for loss, _ in results)
        if not learn:
            return loss, None
        grad = results[0][1]
        for _, more in results[1:]:
            grad += more
        return loss + self._penalty(weights, grad), grad

    def _shard(self, i, weights, turned, tracks, at, lengths, masks, loop, k, learn):
        """Forward, loss and backward for a few sequences, by one thread.

        loop : where the net feeds itself, (T, B, O) bool, and y (B, y_lead + T, O); None where all lags are measured.
        """
        net, O, B = self.net, self.net.n_outputs, len(tracks)
        if (i, B) not in self._tapes:
            self._tapes[i, B] = Tape(net, B, self.T, self.dtype), np.empty((self.T, B, O), self.dtype)
        tape, dout = self._tapes[i, B]
        if loop is None:
            own = None
            tape.place(self.x, at, self.y, at, lengths)
        else:
            own, fed = loop
            teach = self._carries and self.teaching.feedback != "open_loop"
            measured = fed.copy() if teach else None
            y_at = np.arange(B) * (net.y_lead + self.T) + net.y_lead
            tape.place(self.x, at, fed.reshape(-1), y_at, lengths)
        for S, carried, block, p in zip(tape.S, self._carried, net.blocks, weights):
            S[:, 0] = carried[:, tracks]
            if block.reverse:
                S[:, 0] = p.start[:, None] if p.start.size else 0
        out = tape.forward(weights, own, masks)
        loss, grad = self.teaching.loss(out, self.y, self.w, at * O, dout), None
        if learn:
            if i not in self._grads:
                grad = np.zeros(net.size, self.dtype)
                self._grads[i] = grad, net.views(grad)
            grad, views = self._grads[i]
            grad.fill(0)
            for dS in tape.dS:
                dS.fill(0)
            tape.backward(weights, turned, dout, views)
            fresh = (self.before[tracks] < 0) & (k == 0) & (self._starts is None)
            for g, dS, block in zip(views, tape.dS, net.blocks):
                if g.start.size:
                    g.start[:] += dS[: net.cell.n_states, fresh | block.reverse].sum(axis=1)
        if own is not None:
            rows, whole, fed = at[:, None] + np.arange(self.T), self.y.reshape(-1, O), fed[:, net.y_lead :]
            unknown = self.unknown[rows]
            if unknown.any():  # what the net makes of unknown y is what lags see from now on
                whole[rows] = np.where(unknown, fed, whole[rows])
            if teach:  # the state is carried from where y was followed, not from a free run
                measured[:, net.y_lead :] = np.where(unknown, fed, measured[:, net.y_lead :])
                tape.place(self.x, at, measured.reshape(-1), y_at, lengths)
                for S, carried in zip(tape.S, self._carried):
                    S[:, 0] = carried[:, tracks]
                tape.forward(weights)
        if self._carries:
            for S, carried in zip(tape.S, self._carried):
                carried[:, tracks] = S[:, lengths, np.arange(B)]
        return loss, grad

    def _begin(self, weights, tracks):
        """Set the states that tracks begin with: those at the end of the track before, one walk ago, or the first."""
        before = self.before[tracks]
        for k, (p, carried) in enumerate(zip(weights, self._carried)):
            first = p.start if p.start.size else np.zeros((1, 1), self.dtype)
            if self._starts is not None:
                first = self._starts[k]
            carried[:, tracks] = np.where(before[:, None] >= 0, carried[:, before], first[:, None])

    def _masks(self, B):
        """New masks of dropout for a batch, or None."""
        rates = self.teaching.recurrent_dropout, self.teaching.dropout
        if not any(rates):
            return None

        def draw(rate, *shape):
            keep = self._rng.random_sample(shape) >= rate
            return (keep / (1 - rate)).astype(self.dtype)

        return [
            Masks(
                draw(rates[0], B, block.H) if rates[0] else np.empty((0, 0), self.dtype),
                draw(rates[1], self.T, B, block.H) if rates[1] else np.empty((0, 0, 0), self.dtype),
            )
            for block in self.net.blocks
        ]

    def _own(self, at, learn):
        """Where the net feeds itself, (T, B, O) bool, or None where all lags are measured."""
        if not self.net.y_lead:
            return None
        rows = at + np.arange(self.T)[:, None]
        own = self.unknown[rows]
        if self.teaching.feedback == "closed_loop":
            own |= ~self.taught[rows][:, :, None]
        elif self.teaching.feedback == "scheduled_sampling" and learn:
            share = min(1.0, self.epoch / max(1, self.teaching.epochs - 1))
            own |= (self._rng.random_sample(own.shape[:2]) < share)[:, :, None]
        return own if own.any() else None

    def _penalty(self, weights, grad):
        """Penalty for recurrences that are not orthogonal: the sum of squares of U'U - I; adds its gradient."""
        strength, total = self.teaching.orthogonal_penalty * self._share, 0.0
        if strength:
            for p, g in zip(weights[:-1], self.net.views(grad)):
                for U, dU in zip(p.U, g.U):
                    off = U.T @ U - np.eye(len(U), dtype=U.dtype)
                    total += strength * float(np.sum(off * off))
                    dU += 4 * strength * (U @ off)
        return total


def in_threads(pool, work, items):
    """[work(item) for item in items]; this thread and those of a pool take what is left, one item at a time."""
    left, results = iter(range(len(items))), [None] * len(items)

    def take():
        for i in left:
            results[i] = work(items[i])

    others = [] if pool is None else [pool.submit(take) for _ in items[1:]]
    try:
        take()
        for other in others:
            other.result()
    except BaseException:
        for _ in left:  # an interrupt does not wait for what the others would take
            pass
        raise
    return results


def windows(series, lead, length, lead_in, held):
    """Cut the rows that count, of training or ``held``, into overlapping series of up to ``length`` such rows.

    Each begins up to ``lead_in`` rows earlier (and ``lead`` rows before that, for the lags). Returns the series and
    how many rows of each, after those for the lags, come before those that count.
    """
    parts, earlier = [], []
    for s in series:
        rows = np.flatnonzero(s.held == held)
        for run in runs_of(rows) if held else [rows]:  # training goes on over what is held back
            if len(run) == 0 or run[-1] < lead:
                continue
            for begin in range(max(run[0], lead), run[-1] + 1, length):
                first, end = max(lead, begin - lead_in), min(begin + length, run[-1] + 1)
                parts.append(Series(*(a[first - lead : end] for a in s)))
                earlier.append(begin - first)
    return parts, earlier
