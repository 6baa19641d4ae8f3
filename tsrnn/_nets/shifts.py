"""Least squares of targets that are one series, shifted: sums over rows without laying a target out.

    z(t) = [v_c(t + b), for channels c and offsets b; 1]          y_so(t) = y_o(t + s),  s = 1 ... S

    Z'Z = sum_t z(t) z(t)'        Z'Y = sum_t z(t) y(t)'          over rows t = first ... end - 1

Let v and y be 0 outside the rows that these z and y see.  Then sums over all t depend on the difference of two offsets
alone, and are correlations,

    sum_t v_c(t + b) v_d(t + b') = r_cd(b' - b),

found by fast Fourier transforms.  From them the few rows before and after the stretch are taken, whose z sees some of
its rows and zeros beside.  Near the end of a series targets are unknown, sooner for larger s: of the rows that not all
steps have, each step has the first few.

Channels are centred and scaled before, so that little is lost where sums of scaled columns follow from these:
z' = d z + q,  Z'Z' = d d' Z'Z + (d g) q' + q (d g)' + n q q',  g = sum_t z.

Dimensions: N rows of a series, C channels, of which the last O are y, P columns of z, S steps.
"""

from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from .._series.scaling import Scaler
from .linear_sums import Alike


LEAST_SPREAD = 1e-4  # variance of a column over its channel's, below which sums may hold nothing but rounding
MOST_STRETCHES = 100  # beyond, each is short, and rows are as well laid out
MOMENTS = (None, "auto", "standard", "series")  # scales that sums tell
LARGEST = 1e15  # of values as they are


class Columns(NamedTuple):
    """What z(t) sees: ``channel`` (P,) at row t + ``back`` (P,)."""

    channel: np.ndarray
    back: np.ndarray


class Raw(NamedTuple):
    """Sums over rows, of channels centred and scaled.

    A : (P + 1, P + 1), Z'Z of the rows that all steps have.   extra : (m, P + 1), z of the other rows.   known : (S,),
    of which each step has the first so many.   c : (P + 1, S, O), Z'Y.   yy : (S, O).
    """

    A: np.ndarray
    extra: np.ndarray
    known: np.ndarray
    c: np.ndarray
    yy: np.ndarray


class ChannelScaler(NamedTuple):
    """The scaler of some columns, which makes of channels r, centred and scaled, d r + q."""

    scaler: Scaler
    d: np.ndarray
    q: np.ndarray


class Scaled(NamedTuple):
    """Sums in a member's units, and these.

    x, y : scalers of z (P,) and of the targets (S O,).   mean : of both, scaled.   sums : ``Alike`` of all targets.
    """

    x: Scaler
    y: Scaler
    mean: tuple
    sums: tuple


class Shifts:
    """Stretches of a series, of which sums are asked for again and again, over more and more rows.

    stretches : V (N, C) each, finite.   columns : what z sees.   first : the row at which z begins to see them.
    n_outputs : O.
    """

    def __init__(self, stretches, columns, first, n_outputs):
        V = np.concatenate(stretches)
        center, scale = V.mean(axis=0), V.std(axis=0)
        constant = (np.ptp(V, axis=0) == 0) | (scale == 0)  # or too small to be squared
        center[constant], scale[constant] = V[0, constant], 1.0
        self.center, self.scale, self.constant = center, scale, constant
        ones = [np.ones((len(v), 1)) for v in stretches]
        self.V = [np.hstack([(v - center) / scale, one]) for v, one in zip(stretches, ones)]
        channel, back = columns
        self.columns = Columns(np.append(channel, V.shape[1]), np.append(back, 0))
        self.channels_y = np.arange(V.shape[1] - n_outputs, V.shape[1])
        self.first = first
        P = len(self.columns.channel)
        self._A, self._ends = np.zeros((P, P)), [first] * len(stretches)

    def sums(self, ends, steps):
        """Sum over rows ``first`` ... end - 1 of each stretch, no fewer than the time before; steps (S,), ascending."""
        c = np.zeros((len(self._A), len(steps), len(self.channels_y)))
        yy, extra, left = np.zeros(c.shape[1:]), [], []
        for k, (V, end) in enumerate(zip(self.V, ends)):
            end = max(end, self.first)
            whole = max(self._ends[k], min(end, len(V) - steps[-1]))
            if whole > self._ends[k]:
                self._A += gram(V, self._ends[k], whole, self.columns)
                self._ends[k] = whole
            if end > self.first:
                c += cross(V, self.first, end, self.columns, steps, self.channels_y)
                yy += _squares(V[:, self.channels_y], self.first, end, steps)
            rows = np.arange(whole, end)
            extra.append(lay_out(V, rows, self.columns))
            left.append(len(V) - 1 - rows)  # the last step that a row has
        self._A[-1, -1] = sum(self._ends) - self.first * len(self._ends)  # exactly
        extra, left = np.concatenate(extra), np.concatenate(left)
        order = np.argsort(-left, kind="stable")
        known = np.searchsorted(-left[order], -steps, side="right")
        return Raw(self._A.copy(), extra[order], known, c, yy)

    def scaled(self, raw, kind, weight):
        """Convert sums to the units of a scaler; None where rounding may hide what they say, and where rows are few.

        kind : of ``MOMENTS``.   weight : of each row.
        """
        n = raw.A[-1, -1] + np.arange(len(raw.extra) + 1)  # of the first so many other rows
        if n[raw.known].min() <= len(raw.A):  # rows tell more than sums
            return None
        g = raw.A[-1] + np.vstack([np.zeros(len(raw.A)), np.cumsum(raw.extra, axis=0)])  # (m + 1, P + 1)
        squares, (S, O) = raw.A.diagonal() + np.sum(raw.extra**2, axis=0), raw.yy.shape
        counts, total = np.repeat(n[raw.known], O), raw.c[-1].ravel()
        x = self._affine(kind, self.columns.channel[:-1], n[-1], g[-1, :-1], squares[:-1], np.inf)
        y = self._affine(kind, np.tile(self.channels_y, S), counts, total, raw.yy.ravel(), 1.0)
        if x is None or y is None:
            return None
        mean = x.d * g[-1, :-1] / n[-1] + x.q, y.d * total / counts + y.q
        return Scaled(x.scaler, y.scaler, mean, _converted(raw, x, y, n * weight, g * weight, weight))

    def _affine(self, kind, channel, n, total, squares, of_constant):
        """Learn the ``ChannelScaler`` of columns of some channels from their sums; None where rounding may hide it."""
        center, scale, constant = self.center[channel], self.scale[channel], self.constant[channel]
        spread = squares / n - (total / n) ** 2
        if not (constant | (spread > LEAST_SPREAD)).all():
            return None
        if kind is None:
            scaler = Scaler(np.zeros(len(channel)), np.ones(len(channel)))
        else:
            scaler = Scaler(
                center + scale * total / n, np.where(constant, of_constant, scale * np.sqrt(spread))
            )
        return ChannelScaler(scaler, scale / scaler.scale, (center - scaler.center) / scaler.scale)


def _converted(raw, x, y, n, g, weight):
    """Convert sums to scaled ones: an ``Alike`` of the outputs that have the same rows, from most rows to fewest.

    x, y : ``ChannelScaler`` of z (P,) and of targets (S O,).   n (m + 1,), g (m + 1, P + 1) : weight and sum of z of
    the rows that all steps have, and of so many others.
    """
    A, O, total = raw.A, raw.yy.shape[1], weight * raw.c[-1].ravel()
    d, q = np.append(x.d, 1.0), np.append(x.q, 0.0)
    yy = weight * y.d**2 * raw.yy.ravel() + 2 * y.d * y.q * total + y.q**2 * np.repeat(n[raw.known], O)
    c = (weight * d)[:, None] * raw.c.reshape(len(A), -1) + q[:, None] * total
    c *= y.d
    sums, at, done = [], np.repeat(raw.known, O), 0
    for k in np.unique(raw.known):
        outputs, more, z = np.flatnonzero(at == k), raw.extra[done:k], d * g[k] + q * n[k]
        A, done = A + more.T @ more if len(more) else A, k
        ZZ = (weight * d)[:, None] * A + q[:, None] * g[k]
        ZZ *= d
        ZZ += z[:, None] * q
        sums.append(Alike(outputs, ZZ, c[:, outputs] + z[:, None] * y.q[outputs], yy[outputs], n[k]))
    return tuple(reversed(sums))


def lay_out(V, rows, columns):
    """Lay out z (R, P) of rows t (R,) of V (N, C)."""
    return V[rows[:, None] + columns.back, columns.channel]


def gram(V, first, end, columns):
    """Sum z z' over rows first ... end - 1, (P, P)."""
    channel, back = columns
    span = back.max() - back.min()
    if end - first <= 2 * span:
        Z = lay_out(V, np.arange(first, end), columns)
        return Z.T @ Z
    v, Z, _, _ = _alone(V, first, end, columns, 0)
    r = correlations(v, v, -span, span)
    return r[channel[:, None], channel, back - back[:, None] + span] - Z.T @ Z


def cross(V, first, end, columns, steps, channels):
    """Sum z(t) y(t + s)' over rows first ... end - 1, (P, S, O); y is 0 beyond the end of V."""
    channel, back = columns
    v, Z, rows, origin = _alone(V, first, end, columns, steps[-1])
    y, last = np.zeros((len(v), len(channels))), min(len(V), end + steps[-1])
    y[first + steps[0] - origin : last - origin] = V[first + steps[0] : last, channels]
    low = steps[0] - back.max()
    r = correlations(v, y, low, steps[-1] - back.min())
    lags = steps - back[:, None] - low  # (P, S)
    pairs = r[channel[:, None, None], np.arange(len(channels)), lags[:, :, None]]
    at_edges = y[rows[:, None] + steps].reshape(len(rows), len(steps) * len(channels))
    return pairs - (Z.T @ at_edges).reshape(pairs.shape)


def _alone(V, first, end, columns, furthest):
    """Cut out what z of rows first ... end - 1 sees, 0 outside.

    Returns it (L, C), with room for ``furthest`` rows, z (R, P) of the rows before and after that see some of it,
    these rows (R,) and the row of V where it begins.
    """
    low, high = columns.back.min(), columns.back.max()
    span = high - low
    origin = first + low - span
    v = np.zeros((end - first + 3 * span + max(0, furthest + span), V.shape[1]))
    v[span : end - first + 2 * span] = V[first + low : end + high]
    rows = np.concatenate([np.arange(first - span, first), np.arange(end, end + span)]) - origin
    return v, lay_out(v, rows, columns), rows, origin


def correlations(a, b, low, high):
    """Correlate columns of a (L, C) and b (L, O): sum_t a(t) b(t + d), d = low ... high, as (C, O, high - low + 1).

    Both have as many zeros at their ends as d reaches.
    """
    n = next_fast_len(len(a), real=True)
    Fb = rfft(b.T, n)
    Fa = Fb if a is b else rfft(a.T, n)
    d = np.arange(low, high + 1) % n
    return np.stack([irfft(f.conj() * Fb, n)[:, d] for f in Fa])


def _squares(Y, first, end, steps):
    """Sum y(t + s)^2 over rows first ... end - 1 with a target, (S, O)."""
    before = np.vstack([np.zeros(Y.shape[1]), np.cumsum(Y**2, axis=0)])
    return before[np.minimum(end + steps, len(Y))] - before[np.minimum(first + steps, len(Y))]
