"""An observer: the memory before rows, estimated from their own first y.

    v = v_0 + s z      the memory: lags, states, and levels that changes are taken from; v_0 on average, s their spread
    r(z)               errors (m,) of the first rows, followed from v, where y was measured; over the spread of training
    minimise           |r(z)|^2 / q + |z|^2                                  by Gauss-Newton, damped where it must be
    q <- |r|^2 / (m - gamma),   gamma = trace J (J'J + q I)^-1 J'            the directions of z that r determines [1]

which is the most likely memory, if errors are Gaussian and memories lie around that of training.  Where nothing tells
of a direction it stays at the mean.  q begins at the errors of the mean memory, so that the first steps are short.
A free run is explained as a free run, rows that are followed as followed.

[1] D. J. C. MacKay. "Bayesian interpolation." Neural Computation 4(3), 1992.
"""

from typing import NamedTuple

import numpy as np

from .._nets.memory import FromRest, Memory
from .._nets.symbols import symbols_of
from .._training.least_squares import solve
from .following import follow


ROWS = 100  # measured rows to estimate from, by default
MOST_UNKNOWN = 2000  # numbers of a memory: each is one more pass over those rows, in each iteration
MOST_ITERATIONS, ENOUGH = 30, 1e-3  # steps, and one that is so short ends them
SAMPLES = 8  # memories from which the spread of states is estimated
DIFFERENCE = 1e-5  # of z, for derivatives


class First(NamedTuple):
    """First rows of a series: inputs, levels U (n, O) that the model is given, levels Y (n, O) that were measured."""

    inputs: object
    U: np.ndarray
    Y: np.ndarray


def first_rows(inputs, U, Y, most):
    """Cut the ``First`` rows that hold ``most`` measured ones, or all rows."""
    measured = np.flatnonzero(np.isfinite(Y).any(axis=1))
    rows = slice(0, int(measured[:most][-1]) + 1)
    return First(inputs.of(rows), U[rows], Y[rows])


def enough_rows(dynamics, units):
    """Return the default number of rows from which the memory of a model is estimated."""
    return max(ROWS, 2 * (dynamics.lead + units.looks_back))


def check_observable(name, dynamics, units, past):
    """Raise where the memory of a model cannot be solved for."""
    if not (
        isinstance(past.memory, (Memory, FromRest))
        and all(isinstance(s, np.ndarray) for s in past.memory.states)
    ):
        raise ValueError(
            f"start='estimate' solves for lags and states, which {name} does not have: give 'cold', or a history "
            "(X_hist, y_hist)."
        )
    n = _pack(past).size
    if n > MOST_UNKNOWN:
        raise ValueError(
            f"start='estimate' solves for at most {MOST_UNKNOWN} numbers, but the memory of this {name} has {n}: give "
            "a history (X_hist, y_hist), or fit a model with shorter lags or fewer units."
        )


def estimate(dynamics, units, past, first):
    """Estimate the ``Past`` that best explains the ``First`` rows; past : that of an unknown series."""
    past = _begun(units, past, first)
    if _pack(past).size == 0:
        return past
    center, scale, measured = _pack(past), _spread(dynamics, units, past, first), np.isfinite(first.Y)

    def errors(z):
        out = follow(dynamics, units, first.inputs, first.U, _unpack(past, center + scale * z)).out
        return ((out - first.Y) / units.y.scale)[measured]

    moves = np.flatnonzero(scale)
    with np.errstate(over="ignore", invalid="ignore"):  # of runs that run away; no such step is taken
        z = _most_likely(errors, moves, np.zeros(len(center)))
    return _unpack(past, center + scale * z)


def _most_likely(errors, moves, z):
    """Minimise |errors(z)|^2 / q + |z|^2 over z[moves], from z (P,)."""
    r = errors(z)
    q = max(np.mean(r**2), np.finfo(float).tiny)
    for _ in range(MOST_ITERATIONS):
        J = np.stack([_slope(errors, z, r, k) for k in moves], axis=1)
        if not np.isfinite(J).all():
            return z
        JJ, g, E = J.T @ J, J.T @ r + q * z[moves], r @ r + q * (z @ z)
        for damping in (0.0, *10.0 ** np.arange(-3, 4)):
            trial = z.copy()
            step = solve(JJ, np.full(len(moves), q * (1 + damping) + damping * np.mean(r**2)), -g)
            if step is None:
                continue
            trial[moves] += step
            r_there = errors(trial)
            if r_there @ r_there + q * (trial @ trial) < E:
                break
        else:
            return z
        z, r, before = trial, r_there, q
        information = np.linalg.eigvalsh(JJ).clip(0)
        q = max(r @ r / max(len(r) - np.sum(information / (information + q)), 1.0), 1e-12)
        if np.abs(step).max() < ENOUGH and abs(q - before) < 0.1 * q:
            return z
    return z


def _slope(errors, z, r, k):
    """Differentiate errors with respect to z_k, (m,)."""
    beyond = z.copy()
    beyond[k] += DIFFERENCE
    return (errors(beyond) - r) / DIFFERENCE


def _begun(units, past, first):
    """Take the first levels for those before them, which are of the same season and size."""
    if not units.looks_back:
        return past
    levels = np.full_like(past.levels, np.nan)
    n = min(len(levels), len(first.Y))
    levels[:n] = first.Y[:n]
    return past._replace(levels=units.known(levels))


def _spread(dynamics, units, past, first):
    """Return the standard deviation of each number of a memory about its mean, 0 for fixed ones, laid out as ``_pack``.

    Of lagged rows, which are scaled, it is 1; of levels, how far they get from their mean in training; of states, the
    root mean square of the units of a block over the first rows.
    """
    memory, squares = past.memory, [np.full(np.shape(s), 1e-4) for s in past.memory.states]
    symbols = symbols_of(dynamics)
    X = np.full(memory.X.shape, float(symbols is None))  # codes of categories do not move
    reached, n = past, len(first.Y)
    for rows in np.array_split(np.arange(n), min(n, SAMPLES)) if squares else ():
        rows = slice(rows[0], rows[-1] + 1)
        reached = follow(dynamics, units, first.inputs.of(rows), first.Y[rows], reached).after
        for square, state, mean in zip(squares, reached.memory.states, memory.states):
            square += (state - mean) ** 2 / min(n, SAMPLES)
    spread = (np.broadcast_to(np.sqrt(s.mean(axis=-1, keepdims=True)), s.shape) for s in squares)
    levels = np.broadcast_to(units.reach, past.levels.shape)
    return _pack(past._replace(memory=Memory(X, np.ones(memory.Y.shape), tuple(spread)), levels=levels))


def _pack(past):
    """Flatten the numbers of a past, (P,)."""
    return np.concatenate(
        [np.ravel(a) for a in (past.memory.X, past.memory.Y, *past.memory.states, past.levels)]
    )


def _unpack(past, v):
    """Fill a past like another one with numbers (P,)."""
    memory, at = past.memory, 0
    arrays = []
    for a in (memory.X, memory.Y, *memory.states, past.levels):
        arrays.append(v[at : at + a.size].reshape(a.shape))
        at += a.size
    X, Y, *states, levels = arrays
    return past._replace(memory=Memory(X, Y, tuple(states)), levels=levels)
