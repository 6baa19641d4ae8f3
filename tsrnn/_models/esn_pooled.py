"""How an echo state network learns one y a series: the readout sees what the reservoir did, pooled over the rows.

    z(i) = [1, v, x]         the last row of series i, or the mean of its rows
    (Z'Z + alpha I) W = Z'Y  over series; v and x are centred and scaled first
    y - (y - Z W) / (1 - h)  the answer to a series by the readout of all others, h its leverage [1]

[1] D. M. Allen, "The relationship between variable selection and data augmentation and a method for prediction",
    Technometrics 16(1), 1974.
"""

from operator import itemgetter

import numpy as np

from .._nets.dynamics import Trained
from .._nets.echo_state import EchoState
from .._nets.pooled import Pooled
from .._nets.ridge import add_rows, feature_rows, no_sums, ridge
from .._training.monitor import progress


LEAST_FREE = 1e-3  # of a series' answer, that the series itself leaves to the others


def learn_pooled(learner, net, series, mean, rng):
    """Draw a reservoir, follow the series, solve for the readout of what it sees of each, pooled.

    With the size of input weights that is best for series left out, unless it is given: shapes that tell series
    apart may be beyond what a nearly linear reservoir sees, or lost in one that is driven hard, and the pass over
    the series is cheap.
    """
    drawing = learner.drawing
    sized = drawing.of_each_size(rng) if drawing.is_open(net[0]) else [drawing]
    attempts = [_attempt(learner, drawn_by, net, series, mean, rng) for drawn_by in sized]
    return min(attempts, key=itemgetter(1))[0]


def _attempt(learner, drawing, net, series, mean, rng):
    """Learn by one drawing; returns ``Trained``, and errors on series left out."""
    (D, O), p = net, learner.p
    if not learner.is_squared:
        raise ValueError(f"loss={p.loss!r} is for one y per row: give loss='squared' for one per series.")
    if p.readout_squares and p.pooling != "last":
        raise ValueError("readout_squares=True works with pooling='last' only: change one of the two.")
    reservoir, matrices = drawing.draw(D, O, rng)
    dynamics = EchoState(np.zeros(0), reservoir, matrices, *drawing.lags, learner.columns, O, np.inf, mean)
    dynamics = dynamics.but(theta=np.zeros(dynamics.n_columns * O))
    V, S = _pool(p, dynamics, series)
    Y, w = np.array([s.Y[-1] for s in series]), np.array([s.w[-1] for s in series])
    w = np.where(np.isfinite(Y).any(axis=1), w, 0.0)
    # What differs between series is small beside what they share: a penalty wants it in its own units.
    centers, scales = zip(*(_spread(p, A[w > 0]) for A in (V, S[1:])))
    V, S[1:] = (V - centers[0]) / scales[0], (S[1:] - centers[1]) / scales[1]
    sums = no_sums(dynamics.n_columns, O)
    counts = np.flatnonzero(w)
    sums = add_rows(sums, learner.columns, V, S, Y, counts, w)
    readout, theta, loss = learner.solve(sums)
    Z, known = feature_rows(learner.columns, V, S, Y, counts)
    out = answers_left_out(p, sums, readout.alpha, theta, (Z, known, w[counts]))
    errors = p._errors_left_out(known, out, w[counts])
    left_out = np.full(Y.shape, np.nan)
    left_out[counts] = out
    dynamics = _in_own_units(dynamics.but(theta=theta.copy()), centers, scales)
    pooled, readout = Pooled(dynamics.theta, dynamics, p.pooling), readout._replace(scaling=drawing.size(D))
    return Trained(pooled, 1, [loss], [], readout, left_out=left_out), errors


def _in_own_units(dynamics, centers, scales):
    """Convert in place a readout of v and x that were centred and scaled, (M,) each."""
    c, Wv, Wx, _ = dynamics.readout()  # views
    for W, center, scale in zip((Wv, Wx), centers, scales):
        if len(W):
            W /= scale[:, None]
            c -= center @ W
    return dynamics


def _pool(p, dynamics, series):
    """Follow each series; returns v and x of it, pooled: V (S, D), S (1 + S, R), whose first row is not used."""
    net, first = dynamics.reservoir, dynamics.first()
    V, S = np.empty((len(series), len(net.W_in))), np.empty((len(series) + 1, net.R))
    with progress(p.verbose, type(p).__name__, len(series)) as tell:
        for k, s in enumerate(series):
            total_v, total_s = 0.0, 0.0
            for _, v, states, _ in dynamics.blocks(s.X, s.Y, first, read=False):
                total_v, total_s = total_v + v.sum(axis=0), total_s + states[1:].sum(axis=0)
                last_v, last_s = v[-1].copy(), states[-1].copy()
            n = len(s.Y)
            V[k], S[k + 1] = (total_v / n, total_s / n) if p.pooling == "mean" else (last_v, last_s)
            if tell is not None:
                tell(f"series: {k + 1} of {len(series)}")
    return V, S


def answers_left_out(p, sums, alpha, theta, rows):
    """Compute answers (S, O) to series by readouts of all others: y - (y - Z W) / (1 - h), h the leverages [1].

    rows : Z (S, P), y (S, O), weights (S,).
    """
    Z, Y, w = rows
    errors = Y - Z @ theta.reshape(sums.P, sums.O)
    for normal in sums.normal():
        reach = ridge(normal._replace(ZY=np.ascontiguousarray(Z.T)), alpha, p.readout_bias)
        h = w * np.einsum("sp,ps->s", Z, reach)
        errors[:, normal.outputs] /= np.maximum(1 - h, LEAST_FREE)[:, None]
    return Y - errors


def _spread(p, A):
    """Return center and scale, (M,) each, of what the readout sees of series, A (S, M); 0 and 1 with squares."""
    if p.readout_squares:
        return np.zeros(A.shape[1]), np.ones(A.shape[1])
    scale = A.std(axis=0)
    center = A.mean(axis=0) if p.readout_bias else np.zeros(A.shape[1])
    return center, np.where(scale > 1e-12, scale, 1.0)
