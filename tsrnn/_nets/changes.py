"""Inputs beside their changes: what a net learns from that is to tell small shapes in smooth curves.

    c(t) = r (x(t) - x(t-1))         V c(t) + W x(t) = (W + r V) x(t) - r V x(t-1)

A curve that is sampled finely changes little from row to row, and a small shape in it is a small change of that: seen
at its own size, c has the spread of x, a net learns it as fast as x itself.  What it has learnt is then a net of lags
0 and 1 like any other.  Changes of noise are noise, and are left out.

D columns of inputs; the row before a series is the mean one.
"""

from typing import NamedTuple

import numpy as np

from .recurrent import INPUTS, lay_out


STILL = 1e-3  # size of changes relative to the spread of a column, below which it counts as one that does not change
# correlation of a smooth column's changes, at least: -1/2 is of noise, 0 of a walk, 1 of a curve
SMOOTH = -1 / 8


class Changes(NamedTuple):
    """How changes of inputs are scaled.

    rate : r (D,), 0 of what does not change.   mean : inputs (D,).   correlation : of a change with the one before,
    (D,).
    """

    rate: np.ndarray
    mean: np.ndarray
    correlation: np.ndarray

    @property
    def are_smooth(self):
        """Whether most columns that change do so smoothly: noise undoes at once what it has done."""
        of_moving = self.correlation[self.rate > 0]
        return len(of_moving) > 0 and bool(np.median(of_moving) > SMOOTH)

    def beside(self, X):
        """Return the columns [c, x] (N, 2 D) of a series X (N, D)."""
        return np.concatenate([self.rate * np.diff(X, axis=0, prepend=self.mean[None]), X], axis=1)

    def folded(self, net, theta):
        """Return the parameters of a net of x(t-1) and x(t), of one of c(t) and x(t) laid out alike."""
        theta, r = theta.copy(), self.rate[:, None]
        for V, W in _weights(net, theta):
            W += r * V
            V *= -r
        return theta

    def unfolded(self, net, theta):
        """Return what ``folded`` made these parameters of."""
        theta, r = theta.copy(), self.rate[:, None]
        for V, W in _weights(net, theta):
            W += V
            V /= np.where(r > 0, -r, -np.inf)
        return theta


def changes_of(series, mean):
    """Learn how large changes of inputs are, in the rows of the ``Series`` that are learnt.   mean : (D,)."""
    learnt = [s.X for s in series if s.w[-1] > 0 and not s.held[-1]]
    spread = np.concatenate(learnt).std(axis=0)
    step, bend = (_mean_square([np.diff(X, k, axis=0) for X in learnt]) for k in (1, 2))
    size = np.sqrt(step)
    moves = size > STILL * spread
    step, size = np.where(moves, step, 1.0), np.where(moves, size, 1.0)
    return Changes(np.where(moves, spread, 0.0) / size, mean, 1 - bend / (2 * step))


def _mean_square(series):
    """Average the squares of some series (N, D) over rows, (D,)."""
    return sum((X**2).sum(axis=0) for X in series) / max(sum(map(len, series)), 1)


def _weights(net, theta):
    """Yield views V, W (G, D, H) of theta: the weights of the first and the second half of inputs, of each reader."""
    sources = [block.sources for block in net.blocks] + [net.readout]
    for p, read in zip(net.views(theta), sources):
        for s in read:
            if s.which == INPUTS:
                D = s.width // 2
                yield p.W[:, s.at : s.at + D], p.W[:, s.at + D : s.at + 2 * D]


def as_columns(net):
    """Return the net of c(t) and x(t), columns of one row, that is laid out as one of x(t-1) and x(t)."""
    return _with_inputs(net, 2 * net.n_inputs, 0)


def as_lags(net):
    """Return the net of x(t-1) and x(t), rows of half as many columns, that is laid out as one of c(t) and x(t)."""
    return _with_inputs(net, net.n_inputs // 2, 1)


def _with_inputs(net, D, lag):
    """Return a net that is laid out alike, but reads its inputs from D columns, first those ``lag`` rows back."""

    def read(sources):
        return tuple(s._replace(oldest=lag) if s.which == INPUTS else s for s in sources)

    blocks = tuple(block._replace(sources=read(block.sources)) for block in net.blocks)
    made = net._made()[1] | {"n_inputs": D, "x_lead": lag, "blocks": blocks, "readout": read(net.readout)}
    return lay_out(**made)
