"""How an echo state network learns one y a series: the readout sees what the reservoir did, pooled over the rows.

    z(i) = [1, v, x, (x - m)^2]   of series i, the last row or the mean of all rows; m, the mean state of all series
    (Z'Z + alpha I) W = Z'Y       over series; v, x and (x - m)^2 are centred and scaled first
    y - (y - Z W) / (1 - h)       the answer to a series by the readout of all others, h its leverage [1]; where series
                                  are fewer than columns, by the dual [2]

Means of squares tell how far states swing, which their means do not.  A readout of (x - m)^2 is one of x and x^2.

[1] D. M. Allen, "The relationship between variable selection and data augmentation and a method for prediction",
    Technometrics 16(1), 1974.
[2] G. C. Cawley, "Leave-one-out cross-validation based model selection criteria for weighted LS-SVMs", IJCNN, 2006.
"""

from dataclasses import replace
from operator import itemgetter

import numpy as np

from .._estimators.snapshots import with_parameters
from .._nets.dynamics import Trained
from .._nets.echo_state import EchoState
from .._nets.pooled import Pooled
from .._nets.ridge import add_rows, feature_rows, no_sums, ridge
from .._training.monitor import progress


# That are tried: of all units, and by turns, as some see what is quick, some what is slow.
LEAKS = 0.9, (0.9, 0.3)
LEAST_FREE = 1e-3  # of a series' answer, that the series itself leaves to the others


def learn_pooled(learner, net, series, mean, rng):
    """Draw a reservoir, follow the series, solve for the readout of what it sees of each, pooled.

    With the leak rates and the size of input weights that are best for series left out, unless they are given:
    shapes that tell series apart may be beyond what a nearly linear reservoir sees, or lost in one that is driven
    hard, and the pass over the series is cheap.
    """
    p = learner.p
    if isinstance(p.readout_squares, str):
        learner = replace(learner, p=with_parameters(p, readout_squares=p.pooling == "mean"))
    drawings = _drawings(learner, net[0], rng)
    attempts = [_attempt(learner, drawing, net, series, mean, rng) for drawing in drawings]
    return min(attempts, key=itemgetter(1))[0]


def _drawings(learner, D, rng):
    """List the drawings to try, for D inputs: all with the same links."""
    drawing = learner.drawing
    if isinstance(learner.p.leak_rate, str):
        drawing = replace(drawing, links=drawing.drawn_links(rng))
        leaky = [replace(drawing, leaks=[rates] * len(drawing.leaks)) for rates in LEAKS]
    else:
        leaky = [drawing]
    return [sized for d in leaky for sized in (d.of_each_size(rng) if d.is_open(D) else [d])]


def _attempt(learner, drawing, net, series, mean, rng):
    """Learn by one drawing; returns ``Trained``, and errors on series left out."""
    (D, O), p = net, learner.p
    if not learner.is_squared:
        raise ValueError(f"loss={p.loss!r} is for one y per row: give loss='squared' for one per series.")
    reservoir, matrices = drawing.draw(D, O, rng)
    dynamics = EchoState(np.zeros(0), reservoir, matrices, *drawing.lags, learner.columns, O, np.inf, mean)
    dynamics = dynamics.but(theta=np.zeros(dynamics.n_columns * O))
    V, S = _pool(p, dynamics, series)
    Y, w = np.array([s.Y[-1] for s in series]), np.array([s.w[-1] for s in series])
    w = np.where(np.isfinite(Y).any(axis=1), w, 0.0)
    middle = S[w > 0, : reservoir.R].mean(axis=0) * p.readout_bias
    if learner.columns[3]:
        S[:, reservoir.R :] += middle * (middle - 2 * S[:, : reservoir.R])
    # What differs between series is small beside what they share: a penalty wants it in its own units.
    centers, scales = zip(*(_spread(p, A[w > 0]) for A in (V, S)))
    V, S = (V - centers[0]) / scales[0], np.vstack([np.zeros(len(S.T)), (S - centers[1]) / scales[1]])
    sums = no_sums(dynamics.n_columns, O)
    columns = learner.columns & [True, True, True, False]  # S holds squares
    counts = np.flatnonzero(w)
    sums = add_rows(sums, columns, V, S, Y, counts, w)
    readout, theta, loss = learner.solve(sums)
    Z, known = feature_rows(columns, V, S, Y, counts)
    out = answers_left_out(p, sums, readout.alpha, theta, (Z, known, w[counts]))
    errors = p._errors_left_out(known, out, w[counts])
    left_out = np.full(Y.shape, np.nan)
    left_out[counts] = out
    dynamics = _in_own_units(dynamics.but(theta=theta.copy()), centers, scales, middle)
    pooled, readout = Pooled(dynamics.theta, dynamics, p.pooling), readout._replace(scaling=drawing.size(D))
    return Trained(pooled, 1, [loss], [], readout, left_out=left_out), errors


def _in_own_units(dynamics, centers, scales, middle):
    """Convert in place a readout of v and [x, (x - middle)^2] that were centred and scaled, (M,) each."""
    c, Wv, Wx, Wq = dynamics.readout()  # views
    cut = [len(Wx)]
    for W, center, scale in zip(
        (Wv, Wx, Wq), (centers[0], *np.split(centers[1], cut)), (scales[0], *np.split(scales[1], cut))
    ):
        if len(W):
            W /= scale[:, None]
            c -= center @ W
    if len(Wq):
        Wx -= 2 * middle[:, None] * Wq
        c += middle**2 @ Wq
    return dynamics


def _pool(p, dynamics, series):
    """Follow each series; returns v (S, D) of it, pooled, and x (S, R), or [x, x^2] (S, 2 R)."""
    pooled = []
    with progress(p.verbose, type(p).__name__, len(series)) as tell:
        for k, s in enumerate(series):
            pooled.append(_pool_one(p, dynamics, s))
            if tell is not None:
                tell(f"series: {k + 1} of {len(series)}")
    return np.split(np.array(pooled), [len(dynamics.reservoir.W_in)], axis=1)


def _pool_one(p, dynamics, series):
    """Follow one series; returns [v, x] or [v, x, x^2] of it, pooled, (D + R,) or (D + 2 R,)."""
    rows, total = slice(-1 if p.pooling == "last" else 0, None), 0.0
    for _, v, states, _ in dynamics.blocks(series.X, series.Y, dynamics.first(), read=False):
        seen = [v, states[1:], states[1:] ** 2] if dynamics.columns[3] else [v, states[1:]]
        of_block = np.concatenate([a[rows].sum(axis=0) for a in seen])
        total = of_block if p.pooling == "last" else total + of_block
    return total if p.pooling == "last" else total / len(series.Y)


def answers_left_out(p, sums, alpha, theta, rows):
    """Compute answers (S, O) to series by readouts of all others.

    rows : Z (S, P), y (S, O), weights (S,).
    """
    Z, Y, w = rows
    errors = Y - Z @ theta.reshape(sums.P, sums.O)
    for normal in sums.normal():
        o = normal.outputs
        known = np.isfinite(Y[:, o]).all(axis=1)
        if alpha > 0 and known.sum() <= sums.P:
            at = np.ix_(known, o)
            errors[at] = _errors_by_series(Z[known], Y[at], w[known], alpha, p.readout_bias)
        else:
            reach = ridge(normal._replace(ZY=np.ascontiguousarray(Z.T)), alpha, p.readout_bias)
            h = w * np.einsum("sp,ps->s", Z, reach)
            errors[:, o] /= np.maximum(1 - h, LEAST_FREE)[:, None]
    return Y - errors


def _errors_by_series(Z, Y, w, alpha, bias):
    """Compute errors (S, O) on series left out where these are fewer than columns: a(i) / (M^-1)(i, i) [2].

    M [a; c] = [Y; 0],   M = [Z Z' + alpha / w, 1; 1', 0].  1 - h would be lost to rounding, as the fit leaves nothing.
    """
    S, V = len(Z), Z[:, 1:] if bias else Z
    M = np.zeros((S + bias, S + bias))
    M[:S, :S] = V @ V.T + np.diag(alpha / w)
    if bias:
        M[S, :S] = M[:S, S] = 1.0
    inverse = np.linalg.pinv(M, rcond=1e-15, hermitian=True)[:S, :S]
    return inverse @ Y / np.diag(inverse)[:, None]


def _spread(p, A):
    """Return center and scale, (M,) each, of what the readout sees of series, A (S, M)."""
    scale = A.std(axis=0)
    center = A.mean(axis=0) if p.readout_bias else np.zeros(A.shape[1])
    return center, np.where(scale > 1e-12, scale, 1.0)
