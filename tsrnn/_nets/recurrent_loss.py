from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._series.units import Series, end_to_end, rows_between, runs_of
from .._training.losses import weights_of
from .convolution import make_sight
from .dynamics import geometric_mean
from .tape import Masks, Tape, with_past


SHARD = 16  # sequences of one task of a thread: fixed, so that sums do not depend on the number of threads


class Batch(NamedTuple):
    """One mini-batch: sequence ``step`` of each of n tracks (n,).

    skipped : earlier sequences without a target, which only advance the states.
    """

    tracks: np.ndarray
    skipped: tuple
    step: int


class Teaching(NamedTuple):
    """Settings of training other than the solver's."""

    loss: object
    alpha: float
    orthogonal_penalty: float
    dropout: float
    recurrent_dropout: float
    feedback: str  # source of the lags of y: "open_loop", "closed_loop" or "scheduled_sampling"
    epochs: int  # until scheduled sampling runs free
    mean: object = 0.0  # of y, (O,), for lags before a series with an unknown past
    input_noise: object = 0.0  # standard deviation, of all or of each column of x


class Noise:
    """Noise on the inputs of a loss, drawn anew in every epoch.

    x : (N F,), flat, that the noise is added to in place.   spread : its standard deviation, of all columns or (F,);
    codes of symbols have none.
    """

    def __init__(self, x, net, spread):
        F = net.n_columns
        self.x, self.clean = x.reshape(len(x) // max(1, F), F), None
        self.spread = np.zeros(F, x.dtype)
        self.spread[:] = spread
        if net.symbols:
            self.spread[[column for column, *_ in net.symbols.columns]] = 0
        if self.spread.any():
            self.clean = self.x.copy()

    def draw(self, rng):
        """Draw the noise of an epoch."""
        if self.clean is not None:
            fast = np.random.default_rng(rng.randint(2**31 - 1))  # draws in single precision, too
            np.multiply(self.spread, fast.standard_normal(self.x.shape, self.x.dtype), out=self.x)
            self.x += self.clean


class Shard(NamedTuple):
    """Up to SHARD sequences: number k of each of some tracks.   tracks, at, lengths : (B,), and their rows and steps.

    masks : of each block, or None.   unmeasured : (T, B, O) bool, where outputs are fed back into fed (B, y_lead + T,
    O), a copy of y; None where all lags are measured.
    """

    k: int
    tracks: np.ndarray
    at: np.ndarray
    lengths: np.ndarray
    masks: list | None
    unmeasured: np.ndarray | None
    fed: np.ndarray | None


class TrackLoss:
    """Loss of a recurrent net over a list of series; an objective in the sense of ``solvers.py``.

    Each series is cut into tracks, tracks into sequences of T steps; the state is carried along a track.

    T, B : steps of a sequence, sequences of a mini-batch.   held : whether the validation rows count, or the training
    rows.   pool : threads, or None.   lead_in : for each series, leading rows that have weight 0 and are not run
    freely.   starts : initial states (n_states, H) of each block, in place of the net's.   follow : whether tracks go
    on to the last row that counts in training or validation, so that one loss takes the outputs of the other.

    Attributes, for N rows of all series: x (N F,), y (N O,), w (N O,), flat.   unknown (N, O), y not measured.   taught
    (N,), rows not run freely.   at, end (n,), first row and end of each track.   before (n,), the track that it
    continues, or -1.   n_steps (n,), its sequences.
    """

    everything = None  # the batch of all tracks
    offers = frozenset()  # capabilities beyond ``loss_grad``, see ``solvers.py``

    def __init__(
        self,
        net,
        series,
        T,
        B,
        teaching,
        dtype,
        *,
        held=False,
        pool=None,
        lead_in=None,
        starts=None,
        follow=False,
    ):
        self.net, self.T, self.B, self.teaching, self.dtype, self.pool = net, T, B, teaching, dtype, pool
        F, O, lead = net.n_columns, 1 if net.codes_labels else net.n_outputs, net.lead
        self.O, stand_in = O, teaching.mean
        if net.codes_labels:
            series = [s._replace(Y=net.symbols.codes(s.Y)) for s in series]
            stand_in = np.argmax(teaching.mean)
        s, rows, begin, end = end_to_end(series, T)  # padding, which the last sequence may run into
        N, first = int(end[-1]) + T, begin + lead
        X, Y, w = np.zeros((N, F), dtype), np.zeros((N, O), dtype), np.zeros((N, O), dtype)
        self.unknown, self.taught = np.zeros((N, O), bool), np.zeros(N, bool)
        valid = np.isfinite(s.Y)
        X[rows], Y[rows] = s.X, np.where(valid, s.Y, stand_in)
        counted = valid & (s.w > 0)[:, None]
        w[rows] = np.where(counted & (s.held == held)[:, None], s.w[:, None], 0.0)
        self.unknown[rows] = ~valid
        free = np.minimum(first + (0 if lead_in is None else np.array(lead_in, int)), end)
        w[rows_between(begin, free)] = 0.0
        self.unknown[rows_between(begin, np.minimum(first, end))] = False
        self.taught[rows_between(first, free)] = True
        counts = rows[counted.any(axis=1)] if follow else np.flatnonzero(w.any(axis=1))
        last = np.concatenate([[-1], counts])[np.searchsorted(counts, end)]  # that counts, before the end
        weights_of(teaching.loss, w)
        self.x, self.y, self.w = X.ravel(), Y.ravel(), w.ravel()
        self._noise = Noise(self.x, net, teaching.input_noise)
        self.weight = float(w.sum(dtype=np.float64))
        self.decay = teaching.alpha * net.decays()
        self._cut(first, np.maximum(last + 1, first), w.any(axis=1))
        self._theta, self._copies, self._turned = None, False, None
        self._tapes, self._grads, self.epoch, self._keeps = {}, {}, 0, False
        n = len(self.at)
        self._carried = [
            np.zeros((m + reach, n, block.H), dtype)
            for block, m, reach in zip(net.blocks, net.n_states, net.reaches)
        ]
        self._carries = n > 0 and (self.n_steps.max() > 1 or bool((self.before >= 0).any()))
        self._starts = starts

    def _cut(self, first, end, counts):
        """Cut pieces, rows first to end (n,), into tracks of equal length, in whole sequences.   counts : (N,) bool."""
        T = self.T
        length = max(1, -(-int((end - first).sum()) // (self.B * T))) * T
        parts = -(-(end - first) // length)
        # which of its piece each track is
        k = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        self.at = np.repeat(first, parts) + k * length
        self.end = np.minimum(self.at + length, np.repeat(end, parts))
        self.before = np.where(k > 0, np.arange(len(k)) - 1, -1)  # the track that each continues, or -1
        self._followed = np.concatenate([k[1:] > 0, np.zeros(min(1, len(k)), bool)])
        self.n_steps = -(-(self.end - self.at) // T)
        self._counted = np.concatenate([[0], np.cumsum(counts)])  # (N + 1,), rows with weight before each row

    def _groups(self, order=None):
        """Yield the batches of one pass along all tracks, in ``order`` (n,); by default those of a length together."""
        order = np.argsort(self.end - self.at, kind="stable") if order is None else order
        order = order[np.argsort(self.n_steps[order], kind="stable")]  # of as many sequences
        for i in range(0, len(order), self.B):
            group, skipped = order[i : i + self.B], ()
            for k in range(self.n_steps[group].max()):
                tracks = group[self.n_steps[group] > k]
                first = self.at[tracks] + k * self.T
                last = np.minimum(first + self.T, self.end[tracks])
                # the next track starts from its state
                ends_here = self._followed[tracks] & (last == self.end[tracks])
                if (ends_here | (self._counted[last] > self._counted[first])).any():
                    yield Batch(tracks, skipped, k)
                    skipped = ()
                else:
                    skipped = (*skipped, k)

    @cached_property
    def _pass(self):
        """The batches of one pass along all tracks."""
        return list(self._groups())

    def batches(self, rng):
        """Yield the batches of an epoch, each with the divisor of its gradient."""
        self._rng = rng
        self._noise.draw(rng)
        several = (self.before < 0).sum() > 1
        groups = list(self._groups(rng.permutation(len(self.at)) if several else np.arange(len(self.at))))
        self._share = self.weight / len(groups)
        for batch in groups:
            yield batch, self._share
        self.epoch += 1

    def loss_grad(self, theta, batch):
        """Sum the loss over a batch; returns it and its gradient (P,), and advances the states of its tracks."""
        if batch is None:
            total, grad = 0.0, np.zeros_like(theta)
            self._share = self.weight / len(self._pass)
            for group in self._pass:
                loss, group_grad = self.loss_grad(theta, group)
                total += loss
                grad += group_grad
            self._keeps = self._copies and self._is_one_batch
            return total, grad
        weights = self._weights(theta)
        for k in batch.skipped:
            self._step(weights, batch.tracks[self.n_steps[batch.tracks] > k], k, learn=False)
        return self._step(weights, batch.tracks, batch.step, learn=True)

    @cached_property
    def _is_one_batch(self):
        """Whether a pass leaves the outputs of all rows on the tapes."""
        return len(self._pass) == 1 and self.n_steps.max() == 1

    def keeps(self, theta, other):
        """Return whether the last gradient has left the outputs that ``other`` is of, with parameters theta."""
        if not (self._keeps and np.array_equal(self._theta, theta)):
            return False
        same = (self.T, self.dtype, self.x.size) == (other.T, other.dtype, other.x.size)
        return same and all(np.array_equal(getattr(self, a), getattr(other, a)) for a in ("at", "end"))

    def value_beside(self, training):
        """Mean loss over all tracks, from the outputs that another loss of the same tracks keeps."""
        total, tracks = 0.0, self._pass[0].tracks
        for i in range(0, len(tracks), SHARD):
            at = self.at[tracks[i : i + SHARD]]
            tape, _ = training._tapes[i, len(at)]
            total += self.teaching.loss(tape.out, self.y, self.w, at * self.O, tape.dout)
        return total / self.weight

    def value(self, theta):
        """Mean loss over all tracks."""
        weights, total = self._weights(theta.astype(self.dtype)), 0.0
        for batch in self._pass:
            for k in (*batch.skipped, batch.step):
                total += self._step(weights, batch.tracks[self.n_steps[batch.tracks] > k], k, learn=False)[0]
        return total / self.weight

    def _weights(self, theta):
        """Return views of theta: of a vector that is updated in place, or else of a copy in the same place."""
        self._keeps = False
        if self._theta is None:
            self._theta, self._views = theta, self.net.views(theta)
        elif theta is not self._theta:
            if not self._copies:
                self._theta, self._copies = np.empty_like(theta), True
                self._views = self.net.views(self._theta)
            self._theta[:] = theta
        return self._views

    def _step(self, weights, tracks, k, learn):
        """Run sequence k of each track; return its loss, and its gradient (P,), or None unless ``learn``.

        weights : views of theta.   tracks : (B,), indices.
        """
        at = self.at[tracks] + k * self.T
        lengths = np.minimum(self.end[tracks] - at, self.T)
        # a lookup is of so many steps
        T = self.T if self.net.symbols or self.net.front else int(lengths.max())
        if k == 0:
            self._begin(weights, tracks)
        masks, unmeasured, turned, fed = None, self._own(at, learn, T), None, None
        if learn:
            masks = self._masks(len(tracks))
            turned = self._turned = self.net.turned(weights, into=self._turned)
        if unmeasured is not None:  # (B, y_lead + T, O), a copy that outputs are fed into
            rows = at[:, None] + np.arange(-self.net.y_lead, T)
            fed = self.y.reshape(-1, self.O)[rows]

        def shard(i):
            sequences = slice(i, i + SHARD)
            shard_masks = None if masks is None else [m.of(sequences) for m in masks]
            loop = (None, None) if fed is None else (unmeasured[:, sequences].copy(), fed[sequences])
            of_tracks = (a[sequences] for a in (tracks, at, lengths))
            return self._shard(i, weights, turned, Shard(k, *of_tracks, shard_masks, *loop))

        results = in_threads(self.pool, shard, range(0, len(tracks), SHARD))
        loss = sum(loss for loss, _ in results)
        if not learn:
            return loss, None
        grad = results[0][1]
        for _, shard_grad in results[1:]:
            grad += shard_grad
        return loss + self._penalty(weights, grad), grad

    def _shard(self, i, weights, turned, shard):
        """Run forward, loss and backward for shard i, in one thread; returns as ``_step``.

        turned : transposed weights, see ``Net.turned``; None for no gradient.
        """
        net, B = self.net, len(shard.tracks)
        if (i, B) not in self._tapes:
            self._tapes[i, B] = self._work_space(B)
        tape, look = self._tapes[i, B]
        teach = shard.fed is not None and self._carries and self.teaching.feedback != "open_loop"
        measured = shard.fed.copy() if teach else None
        self._place(tape, look, shard, shard.fed)
        for b, (carried, block, p) in enumerate(zip(self._carried, net.blocks, weights)):
            tape.begin(b, self._first(p)[:, None] if block.reverse else carried[:, shard.tracks])
        out = tape.forward(weights, shard.unmeasured, shard.masks)
        loss = self.teaching.loss(out, self.y, self.w, shard.at * self.O, tape.dout)
        grad = None if turned is None else self._gradient(i, weights, turned, shard)
        unknown = None if shard.fed is None else self._stand_in(shard, out)
        if teach:  # carry the state of a teacher-forced run, not of the free run
            lead = net.y_lead
            measured[:, lead:] = np.where(unknown, shard.fed[:, lead:], measured[:, lead:])
            self._place(tape, look, shard, measured)
            for b, carried in enumerate(self._carried):
                tape.begin(b, carried[:, shard.tracks])
            tape.forward(weights)
        if self._carries:
            for b, carried in enumerate(self._carried):
                carried[:, shard.tracks] = tape.ends(b, shard.lengths, np.arange(B))
        return loss, grad

    def _gradient(self, i, weights, turned, shard):
        """Go back through the tape of shard i, from its ``dout``; returns the gradient (P,)."""
        net, (tape, look) = self.net, self._tapes[i, len(shard.tracks)]
        if i not in self._grads:
            grad = np.zeros(net.size, self.dtype)
            self._grads[i] = grad, net.views(grad)
        grad, views = self._grads[i]
        grad.fill(0)
        for dS in tape.dS:
            dS.fill(0)
        if look is None:
            tape.backward(weights, turned, tape.dout, views)
        else:
            look.clear()
            tape.backward(weights, turned, tape.dout, views, look.dx, look.dy, look.table(grad))
            look.back(grad)
        fresh = (self.before[shard.tracks] < 0) & (shard.k == 0) & (self._starts is None)
        for b, (g, block) in enumerate(zip(views, net.blocks)):
            if g.start.size:
                g.start[:] += tape.of_start(b, fresh | block.reverse)
        return grad

    def _stand_in(self, shard, out):
        """Put outputs (T, B, O) in place of unknown y for later sequences; returns where it is, (B, T, O) bool."""
        fed, unmeasured = shard.fed[:, self.net.y_lead :], shard.unmeasured[: len(out)].swapaxes(0, 1)
        if self.net.codes_labels:  # the most probable label, not a mixture, stands for itself
            codes = np.argmax(out, axis=2).T[:, :, None]
            fed[:, : len(out)] = np.where(unmeasured, codes, fed[:, : len(out)])
        rows, y = shard.at[:, None] + np.arange(fed.shape[1]), self.y.reshape(-1, self.O)
        unknown = self.unknown[rows]
        if unknown.any():
            y[rows] = np.where(unknown, fed, y[rows])
        return unknown

    def _work_space(self, B):
        """Allocate tape and lookup of B sequences."""
        shape = self.net, B, self.T, self.dtype
        return Tape(*shape), make_sight(*shape)

    def _place(self, tape, look, shard, fed):
        """Choose the sequences of a tape, of which symbols are looked up.   fed : (B, y_lead + T, O), or None for y."""
        _, _, at, lengths, *_ = shard
        y, y_at = self.y, at
        if fed is not None:
            y, y_at = fed.reshape(-1), np.arange(len(at)) * fed.shape[1] + self.net.y_lead
        if look is None:
            tape.place(self.x, at, y, y_at, lengths)
            return
        looked_up = *look.inputs(self._theta, self.x, at), *look.outputs(self._theta, y, y_at)
        tape.place(*looked_up, lengths, look.table(self._theta))

    def _begin(self, weights, tracks):
        """Set the initial states of tracks (B,): the last epoch's final states of the track before, or the first."""
        before = self.before[tracks]
        for k, (p, carried) in enumerate(zip(weights, self._carried)):
            first = with_past(self._first(p), len(carried))
            if self._starts is not None:
                first = self._starts[k]
            carried[:, tracks] = np.where(before[:, None] >= 0, carried[:, before], first[:, None])

    def _first(self, p):
        """Return the states that a series begins with, (n_states, H), by the weights of a block."""
        return p.start if p.start.size else np.zeros((self.net.cell.n_states, p.b.shape[1]), self.dtype)

    def _masks(self, B):
        """Draw dropout masks for B sequences, one pair per block, or None."""
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

    def _own(self, at, learn, T):
        """Mark the outputs to feed back, (T, B, O) bool; None if all lags are measured.   at : (B,), first rows."""
        if not self.net.y_lead:
            return None
        rows = at + np.arange(T)[:, None]
        fed = self.unknown[rows]
        if self.teaching.feedback == "closed_loop":
            fed |= ~self.taught[rows][:, :, None]
        elif self.teaching.feedback == "scheduled_sampling" and learn:
            share = min(1.0, self.epoch / max(1, self.teaching.epochs - 1))
            fed |= (self._rng.random_sample(fed.shape[:2]) < share)[:, :, None]
        return fed if fed.any() else None

    def _penalty(self, weights, grad):
        """Penalise recurrences that are not orthogonal by |U'U - I|^2; adds the gradient to ``grad`` (P,)."""
        strength, total = self.teaching.orthogonal_penalty * self._share, 0.0
        if strength:
            for p, g in zip(weights[:-1], self.net.views(grad)):
                for U, dU in zip(p.U, g.U):
                    off = U.T @ U - np.eye(len(U), dtype=U.dtype)
                    total += strength * float(np.sum(off * off))
                    dU += 4 * strength * (U @ off)
        return total


class Validation(NamedTuple):
    """The loss on the validation rows as a function of theta: the geometric mean of some losses.

    training : None or the loss that is trained by, which has the outputs of theta already where it went over all rows.
    """

    losses: list
    training: TrackLoss | None = None

    def __call__(self, theta):
        if len(self.losses) == 1 and self.training and self.training.keeps(theta, self.losses[0]):
            return geometric_mean([self.losses[0].value_beside(self.training)])
        return geometric_mean([loss.value(theta) for loss in self.losses])


def in_threads(pool, work, items):
    """Return [work(item) for item in items], shared item by item between this thread and those of a pool."""
    queue, results = iter(range(len(items))), [None] * len(items)

    def take():
        for i in queue:
            results[i] = work(items[i])

    futures = [] if pool is None else [pool.submit(take) for _ in items[1:]]
    try:
        take()
        for future in futures:
            future.result()
    except BaseException:
        for _ in queue:  # after an interrupt the pool takes no further item
            pass
        raise
    return results


def windows(series, lead, length, lead_in, held):
    """Cut the training (or ``held``) rows into overlapping series of up to ``length`` rows that count.

    Each is preceded by up to ``lead_in`` rows to settle the state, and ``lead`` rows for the lags. Returns the series
    and, for each, the number of its settling rows.
    """
    pieces, settling = [], []
    for s in series:
        if held and not s.held.any():
            continue
        is_one = len(s.held) <= lead + length and not s.held[0]  # as most are
        if not held and is_one:
            if len(s.held) > lead:
                pieces.append(s)
                settling.append(0)
            continue
        rows = np.flatnonzero(s.held == held)
        for run in runs_of(rows) if held else [rows]:  # training goes on over what is held back
            if len(run) == 0 or run[-1] < lead:
                continue
            for begin in range(max(run[0], lead), run[-1] + 1, length):
                first, end = max(lead, begin - lead_in), min(begin + length, run[-1] + 1)
                pieces.append(Series(*(a[first - lead : end] for a in s)))
                settling.append(begin - first)
    return pieces, settling
