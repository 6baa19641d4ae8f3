"""How an echo state network learns: a reservoir is drawn, series are followed, a readout is solved for.

    Z'Z, Z'Y                  sums over time of what the readout sees, z(t) = [1, v(t), x(t), x(t)^2], and of y(t)
    (Z'Z + alpha I) W = Z'Y   the readout; alpha by evidence, or larger where free runs go astray
    share W + (1 - share) L   where y is fed back: L of 1 and v alone; by free runs over the last rows, and readouts
                              of those before (``beside_linear.py``)

A series is followed a block of steps at a time; of each block only its part of the normal equations remains.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._estimators.held_back import hold_last
from .._nets.dynamics import Learner, OfLags, Trained, check_enough_rows, check_sees_something
from .._nets.echo_state import EchoState, free_error
from .._nets.ridge import (
    add_rows,
    add_weighted_rows,
    feature_rows,
    likely_alpha,
    no_sums,
    recurse,
    ridge,
    squared_error,
)
from .._training.losses import EXACT, ROUNDING, resolve_loss, reweighted, squared
from .._training.monitor import progress
from .._values import kept
from .beside_linear import share_of
from .drawing import Drawing
from .esn_pooled import learn_pooled
from .input_scaling import best_drawing, held


WASHOUT = 100  # first steps of a long series, with "auto"
WASHED = 1e-4, 1e-2  # what each counts: of one series, and of several, since others may come
GROWTH = 100  # of the inverse in recursive least squares, until nothing more is forgotten
HUGE = 1e6  # mean of a state that no forecast should come from
FAR = 1000.0  # times the largest y of training, where what is fed back is held
ROOM = 0.25  # of the range of training, beyond either of its ends, for early outputs that are fed back
GAIN = 0.9  # of the least error of free runs so far, that a larger penalty must come below
CAUTION = 8  # decades of penalty beyond that of most evidence, at most
LATE = 0.15  # of each series, its last rows, by which the reservoir is weighed against a linear model
MAX_MEMORY = 2000  # steps after which the memory of a start is no longer looked for


@kept("readout")
class SolvedReadout(NamedTuple):
    """What a readout was solved from, to go on with.

    sums : over time, or None.   inverse : (P, P), of recursive least squares, or None.   most : its trace, beyond which
    nothing is forgotten.   alpha : the penalty.   search : what a cross-validation found, or None.   probe : first rows
    X (N, D), Y (N, O) of training.   caution : times the penalty of most evidence, for the sake of free runs.
    share : of the readout that sees states, beside the linear model, which has ``n_linear`` weights.   washout : rows,
    of the longest series.
    """

    sums: Any
    inverse: Any
    most: float
    alpha: float
    search: Any = None
    probe: tuple = ()
    bias: bool = True
    caution: float = 1.0
    scaling: Any = None
    share: float = 1.0
    n_linear: int = 0
    washout: int = 0

    def weights_an_output(self):
        """Return how many weights the penalty leaves free: the trace of (Z'Z + alpha)^-1 Z'Z; None where unknown.

        Of a mean with the linear model it is the share's part, and the rest of the weights of that.
        """
        if self.sums is None:
            return None
        normal = next(iter(self.sums.normal()))
        free = float(np.trace(ridge(normal._replace(ZY=normal.ZZ), self.alpha, self.bias)))
        return self.share * free + (1.0 - self.share) * self.n_linear


class Harvest:
    """A pass over series from rest: iterate over blocks of rows; then the mean states and the memory at the end.

    Yields a series, the rows of a block, their weights, V (T, D), S (T + 1, R) and out.   fed : what the lags of y see
    of each series.   cold_states, ends : known after the pass; an end is None where noise, or what stood for NaN in y,
    has led to other states than those to go on from.
    """

    def __init__(self, learner, dynamics, series, fed, weights, rng, read=False):
        self.learner, self.dynamics, self.series, self.fed = learner, dynamics, series, fed
        self.weights, self.rng, self.read = weights, rng, read
        self.cold_states, self.ends = None, []

    def __iter__(self):
        p, dynamics = self.learner.p, self.dynamics
        total, n = np.zeros(dynamics.reservoir.R), sum(len(Y) for Y in self.fed)
        blocks = sum(-(-len(Y) // dynamics.length) for Y in self.fed)
        noise, first = self.rng if dynamics.noise else None, dynamics.first()
        with progress(p.verbose, type(p).__name__, blocks) as tell:
            for s, Y, w in zip(self.series, self.fed, self.weights):
                for t, V, S, out in dynamics.blocks(s.X, Y, first, noise, read=self.read):
                    rows = slice(t, t + len(V))
                    yield s, rows, w[rows], V, S, out
                    total += S[1:].sum(axis=0)
                    if tell is not None:
                        tell(f"rows: {rows.stop} of {len(Y)}")
                fed_itself = dynamics.sees_y and np.isnan(s.Y).any()
                self.ends.append(None if noise or fed_itself else dynamics.after(s.X, Y, first, S[-1]))
        if not (np.abs(total) < HUGE * n).all():
            raise ValueError(
                f"The states of the reservoir grow without bound, with activation={p.activation!r} and "
                f"spectral_radius={p.spectral_radius!r}: give activation='tanh', or a smaller spectral_radius."
            )
        self.cold_states = tuple(np.split(total / n, dynamics.reservoir.begin[1:-1]))


@dataclass(frozen=True, eq=False)
class ESNLearner(OfLags, Learner):
    """The parameters of an echo state network, parsed, and the solution for its readout.

    drawing : of the reservoir.   forgetting : of recursive least squares, or None for ridge.
    """

    input_lags: tuple
    output_lags: tuple
    drawing: Drawing
    loss: object
    forgetting: float | None

    stands_in = True

    @property
    def is_squared(self):
        """Whether the loss is a sum of squares."""
        return self.loss is squared

    @property
    def weighs_readout(self):
        """Whether to weigh the readout against the linear model of the lags, which with one lag of y is no rival."""
        solved = self.is_squared and self.forgetting is None and self._by_evidence
        return len(self.output_lags) > 1 and solved and self.p.readout_bias and self.p.readout_input

    @property
    def columns(self):
        """Which of 1, v, x and x^2 the readout sees, (4,) bool."""
        p = self.p
        squares = p.readout_squares != "auto" and p.readout_squares
        return np.array([p.readout_bias, p.readout_input, True, squares])

    def net(self, D, O):
        """Return the widths themselves; the reservoir is drawn when learning begins."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        resolve_loss(self.p.loss, O)
        return D, O

    # ---------------------------------------------------------------------------------- learning

    def learn(self, net, series, mean, rng, before=None):
        """Draw a reservoir, follow the series, solve for the readout."""
        check_enough_rows(type(self.p).__name__, max((*self.input_lags, *self.output_lags)), series)
        learner = self
        if self.drawing.is_open(net[0]):
            weights = self._washed(series, max((*self.input_lags, *self.output_lags)))
            learner = replace(self, drawing=best_drawing(self, net, series, weights, mean, rng))
        return learner._learn_rows(net, series, mean, rng)

    def _learn_rows(self, net, series, mean, rng):
        """Learn as ``learn``, with the sizes of weights given."""
        dynamics = self.reservoir(net, series, mean, rng)
        weights = self._weights(series, dynamics.lead)
        if self.weighs_readout:
            series = [s._replace(held=hold_last(w > 0, LATE)) for s, w in zip(series, weights)]
        fed = [s.Y for s in series]
        if self.output_lags and any(np.isnan(Y).any() for Y in fed):
            # First a readout from what was known last, then one from the values that it gives.
            dynamics, *_ = self._read(dynamics, series, [held(Y) for Y in fed], weights, rng)
            fed = [Y.copy() for Y in fed]
        dynamics, readout, curve, ends = self._read(dynamics, series, fed, weights, rng, last=True)
        if not self.is_squared and curve[0] > EXACT:
            dynamics, readout, curve, ends = self._reweigh(
                dynamics, readout, curve[0], series, fed, weights, rng
            )
        probe = series[0].X[:MAX_MEMORY].copy(), held(series[0].Y[:MAX_MEMORY])
        washout = max(self._washout(len(s.Y)) for s in series)
        readout = readout._replace(probe=probe, scaling=self.drawing.size(net[0]), washout=washout)
        return Trained(dynamics, len(curve), curve, [], readout, ends)

    def reservoir(self, net, series, mean, rng):
        """Draw the reservoir that is to follow the series, with a readout of zeros."""
        (D, O), p = net, self.p
        reservoir, matrices = self.drawing.draw(D, O, rng)
        dynamics = EchoState(
            np.zeros(0),
            reservoir,
            matrices,
            self.input_lags,
            self.output_lags,
            self.columns,
            O,
            FAR * max(np.nanmax(np.abs(s.Y), initial=0) for s in series),
            mean,
            float(p.noise),
            is_squared=self.is_squared,
            **(self._held_early(series) if self.output_lags or self.p.washout != "auto" else {}),
        )
        return dynamics.but(theta=np.zeros(dynamics.n_columns * O))

    def _held_early(self, series):
        """Return how many rows from rest outputs are held, and where: the range of training, and a quarter more.

        Of a y that never changed there is no such range.
        """
        Y = np.concatenate([s.Y for s in series])
        low, high = (
            f(Y, axis=0, initial=-e, where=np.isfinite(Y)) for f, e in ((np.min, -np.inf), (np.max, np.inf))
        )
        room = np.where(high > low, ROOM * (high - low), np.inf)
        return {"early": max(self._washout(len(s.Y)) for s in series), "near": (low - room, high + room)}

    def _washout(self, n):
        """Return the rows of the washout of a series of n."""
        return min(WASHOUT, n // 10) if self.p.washout == "auto" else self.p.washout

    def _weights(self, series, lead):
        """Weigh each row of each series."""
        after, weights = (
            sum(len(s.Y) for s in series),
            self._washed(series, lead, self._share_washed(len(series) > 1)),
        )
        if not any(w.any() for w in weights):
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) is left after the {lead} rows of the lags "
                f"and washout={self.p.washout!r}: give a smaller washout, shorter lags or more rows."
            )
        for w in weights if self.forgetting is not None else ():
            after -= len(w)
            w *= self.forgetting ** (after + np.arange(len(w) - 1.0, -1.0, -1.0))
        return weights

    def _share_washed(self, several):
        """Return what a row of the washout counts; by 0 a readout could answer anything to states from rest."""
        return WASHED[several] if self.p.washout == "auto" and not self.output_lags else 0.0

    def _washed(self, series, lead, share=0.0):
        """Weigh the rows of each series that are measured, those of the washout by a share."""
        weights = []
        for s in series:
            w = self._counted(s)
            w[: self._washout(len(s.Y))] *= share
            w[:lead] = 0.0
            weights.append(w)
        return weights

    def _counted(self, series):
        """Weigh the rows of a series, (N,), 0 where y is unknown; recursive least squares needs all of a row's y."""
        measured = np.isfinite(series.Y)
        counts = measured.any(axis=1) if self.forgetting is None else measured.all(axis=1)
        return np.where(counts, series.w, 0.0)

    def _read(self, dynamics, series, fed, weights, rng, last=False):
        """Solve for the readout in one pass; ``fed`` : what the lags of y see of each series.

        Returns the dynamics, the ``SolvedReadout``, the loss curve and the memories at the ends.   last : whether it is
        the readout to keep, so that its free runs matter.
        """
        harvest = Harvest(self, dynamics, series, fed, weights, rng)
        sums, before, search = self._sums(dynamics, harvest)
        dynamics = dynamics.but(cold_states=harvest.cold_states)
        readout, theta, loss = self.solve(sums, search)
        if last and self.output_lags and self._by_evidence:
            readout, theta, loss = self._steady(dynamics, series, fed, sums, (readout, theta, loss))
        if last and self.weighs_readout:
            both = sums, before
            readout, theta, loss = self._beside_linear(dynamics, series, fed, both, (readout, theta, loss))
        return dynamics.but(theta=theta), readout, [loss], harvest.ends

    @property
    def _by_evidence(self):
        """Whether the penalty is left to the evidence."""
        return isinstance(self.p.alpha, str) and self.p.alpha == "auto"

    def _steady(self, dynamics, series, fed, sums, solved):
        """Choose the penalty of most evidence or, by free runs over the training rows, a multiple by powers of ten.

        Evidence knows one step ahead alone: where y is smooth, weights grow that a free run amplifies.  Where less
        would let some run go astray, ten times what was enough for those that were tried: others will be made.
        """
        trials, errors, lost, best = [solved], [], [], 0
        for decade in range(CAUTION + 1):
            if decade:
                trials.append(self.solve(sums, caution=10.0**decade, evidence=solved[0].alpha))
            error, astray = free_error(dynamics.but(theta=trials[-1][1]), series, fed)
            errors.append(error)
            lost.append(astray)
            if error < GAIN * errors[best]:
                best = decade
            elif decade and not any(lost[-2:]):
                break
        wary = best and lost[best - 1] and not lost[min(best + 1, len(lost) - 1)]
        return trials[min(best + 1, len(trials) - 1) if wary else best]

    def _beside_linear(self, dynamics, series, fed, sums, solved):
        """Weigh the readout against the linear model of the lags; returns ``solved``, or the same of their mean.

        sums : over all rows, and over those before the last ones, which are to be forecast.
        """
        (everything, before), (readout, *_) = sums, solved
        if not (before.weight > 0).all() or not any(s.held.any() for s in series):
            return solved
        given = {"caution": readout.caution, "evidence": readout.alpha / readout.caution}
        rivals = [dynamics.but(theta=self.solve(before, share=share, **given)[1]) for share in (0.0, 1.0)]
        share = share_of(rivals, series)
        if share == 1.0:
            return solved
        mixed = self.solve(everything, share=share, **given)
        # a mean may go astray though neither of its parts does
        _, astray = free_error(dynamics.but(theta=mixed[1]), series, fed)
        return solved if astray else mixed

    def _sums(self, dynamics, harvest):
        """Sum over all rows, and over those that are not held; returns these, and what a search found, or None."""
        before, held = (no_sums(dynamics.n_columns, dynamics.n_outputs) for _ in range(2))
        for s, rows, w, V, S, _ in harvest:
            block = self.columns, V, S, s.Y[rows]
            before = add_rows(before, *block, np.flatnonzero((w > 0) & ~s.held[rows]), w)
            held = add_rows(held, *block, np.flatnonzero((w > 0) & s.held[rows]), w)
        return before + held if self.weighs_readout else before, before, None

    def solve(self, sums, search=None, caution=1.0, evidence=None, share=1.0):
        """Solve sums over time; returns ``SolvedReadout``, theta and the loss.

        evidence : the penalty of most, if known.   share : of the readout that sees states.
        """
        p, normals = self.p, list(sums.normal())
        alpha = self._penalty(normals, search, caution) if evidence is None else evidence * caution
        W, sse = np.empty((sums.P, sums.O)), 0.0
        linear = self._linear(normals, sums) if share < 1.0 else 0.0
        for normal in normals:
            W[:, normal.outputs] = ridge(normal, alpha, p.readout_bias)
        W = share * W + (1.0 - share) * linear
        for normal in normals:
            sse += squared_error(normal, W[:, normal.outputs]).sum() / normal.weight
        loss, kept = float(sse / sums.O / 2), {"bias": p.readout_bias, "caution": caution}
        kept |= {"share": share, "n_linear": self._n_linear(sums)}
        if self.forgetting is None:
            return SolvedReadout(sums, None, np.inf, alpha, search, **kept), W.ravel(), loss
        inverse = ridge(normals[0]._replace(ZY=np.eye(sums.P)), alpha, p.readout_bias)
        return SolvedReadout(None, inverse, GROWTH * float(np.trace(inverse)), alpha, **kept), W.ravel(), loss

    def _linear(self, normals, sums):
        """Solve for a readout of 1 and v alone, (P, O), by the penalty of most evidence."""
        W, n = np.zeros((sums.P, sums.O)), self._n_linear(sums)
        few = [normal.first(n) for normal in normals]
        alpha = likely_alpha(few, True)
        for normal in few:
            W[:n, normal.outputs] = ridge(normal, alpha, True)
        return W

    def _n_linear(self, sums):
        """Count the columns of the readout that are no states."""
        return sums.P - sum(self.drawing.sizes) * (1 + self.columns[3])

    def _penalty(self, normals, search, caution):
        """Return the penalty alpha."""
        p = self.p
        return likely_alpha(normals, p.readout_bias) * caution if self._by_evidence else float(p.alpha)

    def _reweigh(self, dynamics, readout, mean_loss, series, fed, weights, rng):
        """Refine the least-squares readout for another loss, by iteratively reweighted least squares."""
        p, loss, seed, rounding = self.p, self.loss, rng.randint(2**31), ROUNDING * mean_loss
        P, O, losses, alpha, total = dynamics.n_columns, dynamics.n_outputs, [], readout.alpha, 0.0
        free = np.repeat(np.arange(P) < p.readout_bias, O)
        harvest = None

        def step(theta):
            nonlocal alpha, total, harvest
            value, pull, squares, total = 0.0, 0.0, 0.0, 0.0
            sums = [no_sums(P, 1) for _ in range(O)]
            again = check_random_state(seed)  # the same noise in every pass
            harvest = Harvest(self, dynamics.but(theta=theta), series, fed, weights, again, read=True)
            for s, rows, w, V, S, out in harvest:
                valid, slope = np.isfinite(s.Y[rows]), np.empty((len(V), 1, O))
                Y, w = np.where(valid, s.Y[rows], out), np.where(valid, w[:, None], 0.0)
                value += loss(out[:, None], Y.ravel(), w.ravel(), np.zeros(1, np.int64), slope)
                pull += np.sum(slope[:, 0] * (out - Y))
                squares += np.sum(w * (out - Y) ** 2)
                total += w.sum()
                share, shift = loss.parabola(Y - out, rounding)
                counts = np.flatnonzero(w.any(axis=1))
                add_weighted_rows(sums, self.columns, V, S, Y + shift, counts, w * share)
            if p.alpha == "auto" and not losses:
                # The same prior on the weights, where errors have the density exp(-loss / c).
                alpha *= pull / squares
            losses.append(value)
            W = [ridge(normal, alpha, p.readout_bias) for of_output in sums for normal in of_output.normal()]
            return value + alpha / 2 * np.sum(theta[~free] ** 2), np.hstack(W).ravel()

        theta, _ = reweighted(step, dynamics.theta)
        dynamics = dynamics.but(theta=theta, cold_states=harvest.cold_states)
        curve = [value / total for value in losses]
        return dynamics, readout._replace(alpha=alpha, sums=None), curve, harvest.ends

    def learn_whole(self, net, series, mean, rng, before=None):
        """Draw a reservoir, follow the series, solve for the readout of what it sees of each, pooled."""
        return learn_pooled(self, net, series, mean, rng)

    def fade(self, trained, share):
        """Return what was learnt, whose sums count for so much less."""
        if self.forgetting is not None:
            raise ValueError(
                f"forgetting does not go with solver={self.p.solver!r}, which has its own: set that one, or give "
                "solver='ridge'."
            )
        sums = trained.carry.sums
        sums = sums._replace(gram=share * sums.gram, weight=share * sums.weight)
        return trained._replace(carry=trained.carry._replace(sums=sums))

    def without_history(self, trained, series, memory, known):
        """Leave out the washout, too: that of training, for nobody knows how long the series will be."""
        series, memory = super().without_history(trained, series, memory, known)
        w = series.w.copy()
        w[: max(0, trained.carry.washout - known[0])] *= self._share_washed(several=True)
        return series._replace(w=w), memory

    def learn_more(self, trained, series, memory, rng):
        """Add rows to the sums, or follow them by recursive least squares."""
        dynamics, readout = trained.dynamics, trained.carry
        w, Y = self._counted(series), series.Y.copy()
        theta, sums, inverse = dynamics.theta.copy(), readout.sums, readout.inverse
        if self.forgetting is None:
            sums = sums._replace(gram=sums.gram.copy(), weight=sums.weight.copy())
        else:
            inverse = inverse.copy()
        noise = rng if dynamics.noise else None
        for t, V, S, _ in dynamics.blocks(series.X, Y, memory, noise, read=False):
            rows = slice(t, t + len(V))
            counts = np.flatnonzero(w[rows])
            block = self.columns, V, S, series.Y[rows], counts
            if self.forgetting is None:
                sums = add_rows(sums, *block, w[rows])
            else:
                self._track(*feature_rows(*block), w[rows][counts], readout.most, inverse, theta)
        if self.forgetting is not None:
            return trained._replace(
                dynamics=dynamics.but(theta=theta), carry=readout._replace(inverse=inverse)
            )
        solved, theta, loss = self.solve(sums, readout.search, readout.caution, share=readout.share)
        carry = solved._replace(probe=readout.probe, scaling=readout.scaling, washout=readout.washout)
        return trained._replace(dynamics=dynamics.but(theta=theta), loss_curve=[loss], carry=carry)

    def _track(self, Z, Y, w, most, inverse, theta):
        """Update inverse and theta in place, by recursive least squares over rows Z (M, P), Y (M, O) of weights w."""
        W = theta.reshape(-1, Y.shape[1])
        at_once = max(1, int(1e8 / len(W) ** 2))
        for m in range(0, len(Z), at_once):
            rows = slice(m, m + at_once)
            recurse(Z[rows], Y[rows], w[rows], self.forgetting, most, inverse, W)
