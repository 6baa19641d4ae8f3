"""A recurrent net's sum of squared errors, and what Levenberg-Marquardt asks of it.

    r = w^1/2 (out - y)         J = dr / dtheta, row after row by forward sensitivities (``sensitivity_kernels.py``)

In most cells a unit's states depend on its own gates alone, so the backward kernel of a cell, run on all steps side by
side with a gradient of 1 for one kind of state, gives the derivatives of that state by gate and by state: nothing here
knows a cell.  Others bring a kernel of their own (``Cell.feel``).  Dimensions as there; M rows of J at a time.
"""

from typing import NamedTuple

import numpy as np

from .._memory_limit import check_memory
from .._training.least_squares import add_normal_equations, solve
from .._training.solvers import traits
from . import sensitivity_kernels as kernels
from .recurrent_loss import TrackLoss
from .tape import Tape, constants_of


NUMBERS = 2**19  # of sensitivities at a time: four megabytes
NEAR = 0.25  # how far states may be from those whose sensitivities were kept, to go on with these


class Slopes(NamedTuple):
    """Derivatives of the states of a block by gates and by the states before; shapes in ``sensitivity_kernels.py``."""

    D: np.ndarray
    R: np.ndarray
    E: np.ndarray


class SquaresLoss(TrackLoss):
    """Squared errors of a net that reads forward in time, whose lags are all measured, and whose cell is ``apart``."""

    offers = frozenset(("sum_of_squares", "gauss_newton", "groups", "linear", "solve_linear"))

    def __init__(self, net, *args, **options):
        super().__init__(net, *args, **options)
        self.groups, self.linear, self._begins = _marks(net)
        self._index = net.views(np.arange(net.size))
        if net.y_lead and self._own(self.at, False, self.T) is not None:
            self._refuse_gaps()

    def _refuse_gaps(self):
        """Raise, for derivatives of outputs that are fed back are not in J."""
        raise ValueError(
            "solver='lm' learns from measured y alone, but some y in the lags are missing: fill them, or give "
            "solver='auto', 'lbfgs' or 'adam'."
        )

    def sum_of_squares(self, theta):
        """Return r'r over all rows."""
        return 2 * self.value(theta) * self.weight

    def gauss_newton(self, theta):
        """Return r'r, J'r (P,) and J'J (P, P) over all rows."""
        P, cure = len(theta), "solver='adam', smaller hidden_layer_sizes or fewer inputs"
        check_memory("J'J of Levenberg and Marquardt, two copies", (2, P, P), cure)
        rr, Jr, JJ = 0.0, np.zeros(P), np.zeros((P, P))
        weights, steps = self.net.views(theta), max(1, NUMBERS // (len(theta) * self._widest()))
        for tape, at, n in self._tapes_of(weights):
            y, w = (a.reshape(-1, self.net.n_outputs)[at : at + n] for a in (self.y, self.w))
            r = tape.out[:n, 0] - y
            rr += float(np.sum(w * r * r))
            for rows, J in self._jacobian(theta, weights, tape, n, steps):
                add_normal_equations(J.reshape(-1, len(theta)), r[rows].ravel(), w[rows].ravel(), JJ, Jr)
        return rr, Jr, JJ

    def solve_linear(self, theta, decay):
        """Return theta (P,) with the readout, in which the outputs are linear, optimal given the others."""
        net, O = self.net, self.net.n_outputs
        A, c = self._normal_equations(net.views(theta))
        theta = theta.copy()
        W, b = net.views(theta)[-1]
        shrink = net.views(decay)[-1]
        for o in range(O):
            ridge = np.append(shrink.W[0, :, o], shrink.b[0, o]) + 1e-12 * A[o].diagonal().max()
            best = solve(A[o], ridge, c[o])
            if best is not None:
                W[0, :, o], b[0, o] = best[:-1], best[-1]
        return theta

    def _normal_equations(self, weights):
        """Accumulate those of the readout and its bias, (O, D + 1, D + 1) and (O, D + 1)."""
        O, D = self.net.n_outputs, weights[-1].W.shape[1]
        A, c = np.zeros((O, D + 1, D + 1)), np.zeros((O, D + 1))
        for tape, at, n in self._tapes_of(weights):
            y, w = (a.reshape(-1, O)[at : at + n] for a in (self.y, self.w))
            Z = np.concatenate([_inputs(tape, self.net.readout, n), np.ones((n, 1))], axis=1)
            for o in range(O):
                add_normal_equations(Z, y[:, o].copy(), w[:, o].copy(), A[o], c[o])
        return A, c

    # ---------------------------------------------------------------------------------- one series after the other

    def _widest(self):
        """Return the units of the widest block."""
        return max(block.H for block in self.net.blocks)

    def _tapes_of(self, weights):
        """Follow each track: yield its tape, its first row and its rows."""
        if 1 not in self._tapes:
            self._tapes[1] = Tape(self.net, 1, self.T, self.dtype)
        tape = self._tapes[1]
        for at, end in zip(self.at, self.end):
            if end > at:
                begin = np.array([at])
                tape.place(self.x, begin, self.y, begin, np.array([end - at]))
                for S, p in zip(tape.S, weights):
                    S[:, 0, 0] = p.start if p.start.size else 0
                tape.forward(weights)
                yield tape, at, end - at

    # ---------------------------------------------------------------------------------- sensitivities

    def _jacobian(self, theta, weights, tape, n, steps):
        """Yield (rows, d out / d theta (m, O, P)) of the first n rows of a tape, some at a time."""
        net, P = self.net, len(theta)
        states = self._felt_of_starts(weights, P)
        slopes = [self._slopes(tape, k, weights[k], n) for k in range(len(net.blocks))]
        inputs = [_inputs(tape, block.sources, n) for block in net.blocks]
        for first in range(0, n, steps):
            rows, felt = slice(first, min(first + steps, n)), []
            for k in range(len(net.blocks)):
                felt.append(self._feel(k, weights, slopes[k], inputs[k], tape, rows, states[k], felt))
            yield rows, self._read(weights[-1], tape, rows, felt, n)

    def _felt_of_starts(self, weights, P):
        """Return how the first states feel theta, of which those that are learnt are a part."""
        net, states = self.net, []
        for p, begin, block, cell in zip(weights, self._begins, net.blocks, net.cells):
            S = np.zeros((cell.n_states, block.H, P))
            if p.start.size:
                index = np.arange(p.start.size).reshape(p.start.shape)
                S[np.arange(len(index))[:, None], np.arange(block.H), begin[5] + index] = 1
            states.append(S)
        return states

    def _slopes(self, tape, k, p, n):
        """Return the ``Slopes`` of block k in the first n rows; None of a cell that needs none."""
        return None if self.net.cells[k].feel else _slopes(self.net, tape, k, p, n)

    def _feel(self, k, weights, slopes, seen, tape, rows, state, felt):
        """Return how h of block k depends on the parameters in some rows, (m, H, P)."""
        net, p, block = self.net, weights[k], self.net.blocks[k]
        T, H, P = rows.stop - rows.start, block.H, state.shape[2]
        lower = [s for s in block.sources if s.which >= 0]
        if net.cells[k].feel:
            below = felt[lower[0].which] if lower else np.zeros((T, 0, P))
            return self._feel_as_it_says(k, p, seen[rows], below, tape.traces[k], rows, state)
        WT, below = np.zeros((net.cells[k].gates * H, 0)), np.zeros((T, 0, P))
        if lower:
            (source,) = lower
            WT, below = _turned(p.W[:, source.at : source.at + source.width]), felt[source.which]
        out = np.empty((T, H, P))
        D, R, E = (np.ascontiguousarray(a[:, :, rows]) for a in slopes)
        h = np.ascontiguousarray(tape.S[k][0, rows, 0])
        kernels.feel(D, R, E, seen[rows], h, WT, below, _turned(p.U), self._begins[k][:5], state, out)
        return out

    def _feel_as_it_says(self, k, p, seen, below, trace, rows, state):
        """Return the same of a cell with a kernel of its own.   seen : (m, D).   below : (m, K, P)."""
        block, before = self.net.blocks[k], slice(rows.start, rows.stop + 1)
        Z, S, Q = trace.Z[:, rows, 0], trace.S[:, before, 0], trace.Q[rows, 0]
        out = np.empty((len(seen), block.H, state.shape[2]))
        begins = np.array([a.flat[0] if a.size else 0 for a in self._index[k]])
        arrays = (np.ascontiguousarray(a) for a in (Z, S, Q, seen, below))
        self.net.cells[k].feel(*p, begins, *arrays, state, out)
        return out

    def _read(self, readout, tape, rows, felt, n):
        """Return d out / d theta (m, O, P) in some rows."""
        net, O = self.net, self.net.n_outputs
        J = np.zeros((rows.stop - rows.start, O, felt[0].shape[2]))
        for s in net.readout:
            if s.which >= 0:
                kernels.read(_turned(readout.W[:, s.at : s.at + s.width]), felt[s.which], J)
        Z, begin = _inputs(tape, net.readout, n)[rows], self._begins[-1]
        for o in range(O):
            J[:, o, begin + o : begin + Z.shape[1] * O : O] = Z
            J[:, o, begin + Z.shape[1] * O + o] = 1
        return J


class RowsLoss(SquaresLoss):
    """The same row by row, for solvers of ``online.py``; where y is not known its lags see the net's own output.

    That output is taken as it is: how it feels the parameters is left out.
    """

    offers = SquaresLoss.offers | {"rows"}

    def _refuse_gaps(self):
        """Do nothing: gaps are filled as the rows go by."""

    def rows(self, theta, memory=None):
        """Yield errors, d out / d theta and weights of each row, in order, while theta changes; see ``online.py``."""
        net, O, weights, after = self.net, self.net.n_outputs, self.net.views(theta), None
        tape, y, w = Tape(net, 1, 1, self.dtype), self.y.reshape(-1, O), self.w.reshape(-1, O)
        for at, end in zip(self.at, self.end):
            states = self._felt_first(weights, len(theta), memory)
            for k, p in enumerate(weights[:-1]):
                tape.begin(k, (self._first(p) if self._starts is None else self._starts[k])[:, None])
            for t in range(at, end):
                here = np.array([t])
                tape.place(self.x, here, self.y, here, np.array([1]))
                tape.forward(weights)
                J = self._felt_in_row(weights, tape, states)
                yield tape.out[0, 0] - y[t], J, w[t]
                y[t] = np.where(self.unknown[t], tape.out[0, 0], y[t])
                for S in tape.S:
                    S[:, 0] = S[:, 1]
            after = tuple(tape.ends(k, 0, 0).copy() for k in range(len(tape.S))), tuple(states)
        return after

    def _felt_first(self, weights, P, memory):
        """Return how the first states feel theta, (n_states, H, P) of each block."""
        if self._starts is None:
            return self._felt_of_starts(weights, P)
        if memory is not None:
            reached, felt = memory
            near = all(np.abs(a - b).max(initial=0) < NEAR for a, b in zip(reached, self._starts))
            if near and all(S.shape[2] == P for S in felt):
                return [S.copy() for S in felt]
        return [np.zeros((cell.n_states, block.H, P)) for cell, block in zip(self.net.cells, self.net.blocks)]

    def _felt_in_row(self, weights, tape, states):
        """Return d out / d theta (O, P) of a tape's one row; states : how they feel theta, moved on in place."""
        felt, row = [], slice(0, 1)
        for k, block in enumerate(self.net.blocks):
            slopes, seen = self._slopes(tape, k, weights[k], 1), _inputs(tape, block.sources, 1)
            felt.append(self._feel(k, weights, slopes, seen, tape, row, states[k], felt))
        return self._read(weights[-1], tape, row, felt, 1)[0]


def loss_for(solver):
    """Return the kind of loss that a solver asks for."""
    needs = traits(solver).needs
    return RowsLoss if "rows" in needs else SquaresLoss if "gauss_newton" in needs else TrackLoss


def _marks(net):
    """Return which decay a parameter shares (P,); whether outputs are linear in it (P,); where arrays begin.

    After the five numbers of a block comes where its first states begin; of the readout there is one number.
    """
    groups, linear, number, begins = np.zeros(net.size, np.int64), np.zeros(net.size, bool), 0, []
    for p in net.views(groups):
        for W in p:
            if W.ndim == 3:  # what decays
                number += 1
                W[:] = number
    for array in net.views(linear)[-1]:
        array[:] = True
    *blocks, readout = net.views(np.arange(net.size))
    for p, cell in zip(blocks, net.cells):
        gate = -1 if cell.apart is None else cell.apart
        inner = p[4].flat[0] if gate >= 0 else -1
        first = [a.flat[0] if a.size else 0 for a in (p.W, p.b, p.U, p.start)]
        begins.append(np.array([*first[:3], inner, gate, first[3]]))
    return groups, linear, [*begins, readout.W.flat[0] if readout.W.size else 0]


def _turned(W):
    """Transpose the rows of weights W (G, K, H): (G H, K)."""
    return np.ascontiguousarray(W.swapaxes(1, 2)).reshape(-1, W.shape[1])


def _inputs(tape, sources, n):
    """Join what sources read in the first n rows, side by side (n, D)."""
    arrays = [np.empty((n, 0))]
    for s in sources:
        rows = tape._rows(s, False)[:n]
        arrays.append(tape._array(s)[rows[:, None] + np.arange(s.width)])
    return np.concatenate(arrays, axis=1)


def _slopes(net, tape, k, p, n):
    """Compute the ``Slopes`` of block k in the first n rows: one step of all side by side, back from each state."""
    trace, H, cell, C = tape.traces[k], net.blocks[k].H, net.cells[k], len(p.U)
    G, N = cell.gates, cell.n_states
    D, R, E = (np.empty((N, m, n, H)) for m in (G, C, N))
    S = np.stack([trace.S[:, :n, 0], trace.S[:, 1 : n + 1, 0]], axis=1)  # (N, 2, n, H)
    rows, nothing = np.arange(n) * H, np.zeros((0, 0))
    still = np.zeros_like(p.U)  # for U turned: what goes from unit to unit is in UT dh alone
    junk = [np.zeros_like(a) for a in p]
    p = p._replace(**constants_of(cell, H, np.float64))
    for state in range(N):
        Z, Q = trace.Z[:, :n].reshape(G, 1, n, H).copy(), trace.Q[:n].reshape(1, n, H).copy()
        dH, dS = np.zeros((1, n, H)), np.zeros((2, n, H))
        dS[state] = 1
        arrays = Z, S, S[0, :1], Q, np.empty((0, 1, n, H)), np.empty((0, 1, n)), rows
        cell.backward(still, *cell.given(p, nothing), *arrays, dH, dS, junk[1], *junk[4:], 0, 1)
        D[state], E[state] = Z[:, 0], dS[:N]
        R[state] = D[state, :C]
        if cell.apart >= 0:
            R[state, cell.apart] = Q[0]
    return Slopes(D, R, E)
