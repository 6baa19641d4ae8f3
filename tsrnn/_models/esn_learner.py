"""How an echo state network learns: a reservoir is drawn, series are followed, a readout is solved for.

    Z'Z, Z'Y                  sums over time of what the readout sees, z(t) = [1, v(t), x(t), x(t)^2], and of y(t)
    (Z'Z + alpha I) W = Z'Y   the readout; alpha by evidence, or larger where free runs go astray
    share W + (1 - share) L   where y is fed back: L of 1 and v alone; by free runs over the last rows, and readouts
                              of those before (``beside_linear.py``)

A series is followed a block of steps at a time; of each block only its part of the normal equations remains.

[1] D. M. Allen, "The relationship between variable selection and data augmentation and a method for prediction",
    Technometrics 16(1), 1974.
"""

from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from .._estimators.held_back import hold_last
from .._estimators.snapshots import with_parameters
from .._kernels.activations_v1 import ACTIVATIONS
from .._nets.dynamics import Learner, OfLags, Trained, check_enough_rows, check_sees_something
from .._nets.echo_state import EchoState, free_error
from .._nets.pooled import Pooled
from .._nets.reservoir import DISTRIBUTIONS, chain, pack, random_links, random_reservoir
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
from .._series.timeline import last_known
from .._series.units import Series, filled_width
from .._training.losses import EXACT, ROUNDING, resolve_loss, reweighted, squared
from .._training.monitor import progress
from .._values import kept
from .beside_linear import share_of


UNITS = 300  # of a reservoir, by default
WASHOUT = 100  # first steps of a long series, with "auto"
WASHED = 1e-4, 1e-2  # what each counts: of one series, and of several, since others may come
SCALING = {
    True: 0.1,
    False: 0.5,
}  # of input weights: with inputs and nothing to choose by; of a model of y alone
REACHED = 10  # units, at least, that an input reaches
NEGLIGIBLE = 1e-10  # squared error, in units of the variance of y
LEAST_FREE = 1e-3  # of a series' answer, that the series itself leaves to the others
SCALINGS = (0.1, 0.3, 1.0, 3.0)  # of which one is chosen, where there are inputs
STRETCHES, TRIED = 5, 5000  # left out in turn to choose it, and the rows of all of them, about
GROWTH = 100  # of the inverse in recursive least squares, until nothing more is forgotten
HUGE = 1e6  # mean of a state that no forecast should come from
FAR = 1000.0  # times the largest y of training, where what is fed back is held
ROOM = 0.25  # of the range of training, beyond either of its ends, for early outputs that are fed back
GAIN = 0.9  # of the least error of free runs so far, that a larger penalty must come below
CAUTION = 8  # decades of penalty beyond that of most evidence, at most
LATE = 0.15  # of each series, its last rows, by which the reservoir is weighed against a linear model
MAX_MEMORY = 2000  # steps after which the memory of a start is no longer looked for


@kept("readout")
class Readout(NamedTuple):
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


class Links(NamedTuple):
    """Links within and between layers, W and U, sparse (R, R); and the state of the random numbers after them."""

    W: sparse.csr_array
    U: sparse.csr_array
    after: tuple


@dataclass(frozen=True, eq=False)
class ESNLearner(OfLags, Learner):
    """The parameters of an echo state network, parsed, and the solution for its readout.

    sizes, radii, leaks : of each layer.   forgetting : of recursive least squares, or None for ridge.   links : those
    that are drawn already, or None.
    """

    input_lags: tuple
    output_lags: tuple
    sizes: tuple
    radii: list
    leaks: list
    loss: object
    forgetting: float | None
    links: Links | None = field(default=None, kw_only=True)

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
        return np.array([p.readout_bias, p.readout_input, True, p.readout_squares])

    def net(self, D, O):
        """Return the widths themselves; the reservoir is drawn when learning begins."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        resolve_loss(self.p.loss, O)
        return D, O

    # ---------------------------------------------------------------------------------- reservoir

    def _draw(self, D, O, rng):
        """Draw a reservoir; returns it, and its matrices W and U."""
        p, sizes, draw = self.p, self.sizes, DISTRIBUTIONS[self.p.weight_distribution]
        R, (W, U, after) = sum(sizes), self.links or self._links(rng)
        rng.set_state(after)
        pairs = zip(self._scaling(D, O), (self.input_lags, self.output_lags))
        scaling = np.concatenate([np.tile(size, len(lags)) for size, lags in pairs])
        W_in = np.zeros((R, len(scaling)))
        if p.W_in is None:
            reached = min(sizes[0], max(REACHED, round(p.input_connectivity * sizes[0])))
            for column, size in zip(W_in.T, scaling):
                column[rng.permutation(sizes[0])[:reached]] = size * draw(rng, reached)
        elif np.shape(p.W_in) == (sizes[0], len(scaling)):
            W_in[: sizes[0]] = p.W_in
        else:
            raise ValueError(
                f"W_in has the shape {np.shape(p.W_in)}: give {(sizes[0], len(scaling))}, a row for each unit (of the "
                "first layer) and a column for each lag of each input and then of each output."
            )
        b = p.bias_scaling * draw(rng, R)
        leak = np.repeat(self.leaks, sizes)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        return pack(W, U, begin, leak, ACTIVATIONS[p.activation], W_in, b), (W, U)

    def _links(self, rng):
        """Draw links within the layers and from each to the next, if they are not given."""
        if self.p.W is not None:
            W = sparse.csr_array(self.p.W).astype(np.float64)
            return Links(W, sparse.csr_array(W.shape), rng.get_state())
        draw, within, between, below = DISTRIBUTIONS[self.p.weight_distribution], [], [], None
        for n, radius in zip(self.sizes, self.radii):
            groups = [len(g) for g in np.array_split(np.arange(n), self.p.groups)]
            within += [self._group(rng, m, radius, draw) for m in groups]
            if below is not None:
                between += [self._upwards(rng, m, u, draw) for m, u in zip(groups, below)]
            below = groups
        W = sparse.block_diag(within, format="csr")
        U = sparse.csr_array(W.shape)
        if between:
            V = sparse.block_diag(between, format="coo")
            U = sparse.csr_array((V.data, (V.row + self.sizes[0], V.col)), shape=W.shape)
        return Links(W, U, rng.get_state())

    def _group(self, rng, n, radius, draw):
        """Draw links within a group of n units."""
        if self.p.topology == "random":
            return random_reservoir(rng, n, self._n_links(n), radius, draw)
        return chain(n, radius, self.p.topology == "cycle")

    def _upwards(self, rng, n, below, draw):
        """Draw links into n units from those below; they add up to about the size of one state."""
        k = self._n_links(below)
        return random_links(rng, n, below, k, draw) * (1 / np.sqrt(k))

    def _n_links(self, n):
        """Return the number of links of a unit, of n possible ones."""
        connectivity = self.p.connectivity
        if isinstance(connectivity, (int, np.integer)):
            return min(int(connectivity), n)
        return max(1, round(connectivity * n))

    def _scaling(self, D, O):
        """Return the sizes of the weights of each input (D,) and of each output (O,)."""
        p, size = self.p, self._size(D)
        F = D // filled_width(p.missing, 1)
        fed = np.mean(size) if p.feedback_scaling is None else p.feedback_scaling
        sizes = {"input_scaling": (size, F), "feedback_scaling": (fed, O)}
        for name, (value, n) in sizes.items():
            if np.ndim(value) and np.shape(value) != (n,):
                raise ValueError(f"{name}={value!r}: give one number, or {n}, one for each column.")
        inputs, outputs = (np.broadcast_to(np.asarray(value, float), n) for value, n in sizes.values())
        return np.resize(inputs, D), outputs  # an indicator column gets the scaling of its input

    def _size(self, D):
        """Return the size of the weights of D inputs: one number, or one for each column."""
        size = self.p.input_scaling
        return SCALING[D > 0 and self.wants_inputs] if size is None else size

    def _drawn_size(self, D):
        """Return ``_size``, or None where W_in was not drawn."""
        return self._size(D) if self.p.W_in is None else None

    # ---------------------------------------------------------------------------------- learning

    def learn(self, net, series, mean, rng, before=None):
        """Draw a reservoir, follow the series, solve for the readout."""
        check_enough_rows(type(self.p).__name__, max((*self.input_lags, *self.output_lags)), series)
        finds = self._finds_scaling(net[0])
        return (self._scaled(net, series, mean, rng) if finds else self)._learn_rows(net, series, mean, rng)

    def _learn_rows(self, net, series, mean, rng):
        """Learn as ``learn``, with the sizes of weights given."""
        dynamics = self._reservoir(net, series, mean, rng)
        weights = self._weights(series, dynamics.lead)
        if self.weighs_readout:
            series = [s._replace(held=hold_last(w > 0, LATE)) for s, w in zip(series, weights)]
        fed = [s.Y for s in series]
        if self.output_lags and any(np.isnan(Y).any() for Y in fed):
            # First a readout from what was known last, then one from the values that it gives.
            dynamics, *_ = self._read(dynamics, series, [_held(Y) for Y in fed], weights, rng)
            fed = [Y.copy() for Y in fed]
        dynamics, readout, curve, ends = self._read(dynamics, series, fed, weights, rng, last=True)
        if not self.is_squared and curve[0] > EXACT:
            dynamics, readout, curve, ends = self._reweigh(
                dynamics, readout, curve[0], series, fed, weights, rng
            )
        probe = series[0].X[:MAX_MEMORY].copy(), _held(series[0].Y[:MAX_MEMORY])
        washout = max(self._washout(len(s.Y)) for s in series)
        readout = readout._replace(probe=probe, scaling=self._drawn_size(net[0]), washout=washout)
        return Trained(dynamics, len(curve), curve, [], readout, ends)

    def _reservoir(self, net, series, mean, rng):
        """Draw the reservoir that is to follow the series, with a readout of zeros."""
        (D, O), p = net, self.p
        reservoir, matrices = self._draw(D, O, rng)
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

    def _finds_scaling(self, D):
        """Return whether the size of input weights, of D inputs, is left to the data."""
        return self.p.input_scaling is None and self.p.W_in is None and bool(D) and self.wants_inputs

    def _scaled(self, net, series, mean, rng):
        """Return the learner with the size of input weights that errs least on stretches left out, each in turn.

        A reservoir that is hardly driven is a linear filter, and one that is driven hard forgets. Evidence cannot tell
        which is better, since it counts how well states explain the training rows. Errors of stretches are averaged
        geometrically, or the hardest stretch would choose alone. A small reservoir tells as well as a large one. A net
        that feeds itself is judged by free runs.
        """
        washed = self._washed(series, max((*self.input_lags, *self.output_lags)))
        folds, most = _stretches(series, washed, bool(self.output_lags)), max(UNITS, self.p.groups)
        few = tuple(min(n, most) for n in self.sizes) if self.p.W is None else self.sizes
        start = rng.get_state()
        sized = replace(self, sizes=few)._with_each_scaling(rng)
        errors = [learner._error_left_out(net, folds, mean, rng) for learner in sized]
        rng.set_state(start)
        best = sized[int(np.argmin(errors))]
        return best if few == self.sizes else replace(best, sizes=self.sizes, links=None)

    def _with_each_scaling(self, rng):
        """List the learner with each size of input weights, all with the same links."""
        linked = replace(self, links=self._links(rng))
        return [replace(linked, p=with_parameters(self.p, input_scaling=size)) for size in SCALINGS]

    def _error_left_out(self, net, folds, mean, rng):
        """Average the logarithms of squared errors on each fold, a list of ``Series``, learnt from the others."""
        dynamics, p = self._reservoir(net, [s for fold in folds for s in fold], mean, rng), self.p
        sums, errors = [self._sums_of(dynamics, fold) for fold in folds], []
        total = sum(sums[1:], start=sums[0])
        if not np.isfinite(total.gram).all():
            return np.inf
        alpha = likely_alpha(list(total.normal()), p.readout_bias) if p.alpha in ("auto", 0) else p.alpha
        for fold, of_fold in zip(folds, (s.split(len(total.weight)) for s in sums)):
            others = total._replace(gram=total.gram - of_fold.gram, weight=total.weight - of_fold.weight)
            if min(*others.weight, *of_fold.weight) <= 0:
                continue
            theta = self._solve(others, evidence=alpha)[1]
            if self.output_lags:
                error, _ = free_error(dynamics.but(theta=theta), fold, [_held(s.Y) for s in fold])
            else:
                W = theta.reshape(total.P, total.O)
                judged = (squared_error(n, W[:, n.outputs]) / n.weight for n in of_fold.normal())
                error = np.concatenate(list(judged))
            errors.append(np.log(error + NEGLIGIBLE).mean())
        return np.mean(errors) if errors else 0.0

    def _sums_of(self, dynamics, fold):
        """Sum over the rows of some series, each from rest."""
        sums = no_sums(dynamics.n_columns, dynamics.n_outputs)
        for s in fold:
            for t, V, S, _ in dynamics.blocks(s.X, _held(s.Y), dynamics.first(), read=False):
                rows = slice(t, t + len(V))
                sums = add_rows(sums, self.columns, V, S, s.Y[rows], np.flatnonzero(s.w[rows]), s.w[rows])
        return sums

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

        Returns the dynamics, the ``Readout``, the loss curve and the memories at the ends.   last : whether it is the
        readout to keep, so that its free runs matter.
        """
        harvest = Harvest(self, dynamics, series, fed, weights, rng)
        sums, before, search = self._sums(dynamics, harvest)
        dynamics = dynamics.but(cold_states=harvest.cold_states)
        readout, theta, loss = self._solve(sums, search)
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
                trials.append(self._solve(sums, caution=10.0**decade, evidence=solved[0].alpha))
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
        rivals = [dynamics.but(theta=self._solve(before, share=share, **given)[1]) for share in (0.0, 1.0)]
        share = share_of(rivals, series)
        if share == 1.0:
            return solved
        mixed = self._solve(everything, share=share, **given)
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

    def _solve(self, sums, search=None, caution=1.0, evidence=None, share=1.0):
        """Solve sums over time; returns ``Readout``, theta and the loss.

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
            return Readout(sums, None, np.inf, alpha, search, **kept), W.ravel(), loss
        inverse = ridge(normals[0]._replace(ZY=np.eye(sums.P)), alpha, p.readout_bias)
        return Readout(None, inverse, GROWTH * float(np.trace(inverse)), alpha, **kept), W.ravel(), loss

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
        return sums.P - sum(self.sizes) * (1 + self.p.readout_squares)

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
        """Draw a reservoir, follow the series, solve for the readout of what it sees of each, pooled.

        With the size of input weights that is best for series left out, unless it is given: shapes that tell series
        apart may be beyond what a nearly linear reservoir sees, or lost in one that is driven hard, and the pass over
        the series is cheap.
        """
        if not self._finds_scaling(net[0]):
            return self._learn_pooled(net, series, mean, rng)[0]
        sized = self._with_each_scaling(rng)
        attempts = [learner._learn_pooled(net, series, mean, rng) for learner in sized]
        return min(attempts, key=itemgetter(1))[0]

    def _learn_pooled(self, net, series, mean, rng):
        """Learn as ``learn_whole``, given the sizes of weights; returns ``Trained``, and errors on series left out."""
        (D, O), p = net, self.p
        if not self.is_squared:
            raise ValueError(f"loss={p.loss!r} is for one y per row: give loss='squared' for one per series.")
        if p.readout_squares and p.pooling != "last":
            raise ValueError("readout_squares=True goes with pooling='last' only: give either of them.")
        reservoir, matrices = self._draw(D, O, rng)
        dynamics = EchoState(
            np.zeros(0), reservoir, matrices, self.input_lags, self.output_lags, self.columns, O, FAR, mean
        )
        dynamics = dynamics.but(theta=np.zeros(dynamics.n_columns * O))
        V, S = self._pool(dynamics, series)
        Y, w = np.array([s.Y[-1] for s in series]), np.array([s.w[-1] for s in series])
        w = np.where(np.isfinite(Y).any(axis=1), w, 0.0)
        # What differs between series is small beside what they share: a penalty wants it in its own units.
        centers, scales = zip(*(self._spread(A[w > 0]) for A in (V, S[1:])))
        V, S[1:] = (V - centers[0]) / scales[0], (S[1:] - centers[1]) / scales[1]
        sums = no_sums(dynamics.n_columns, O)
        counts = np.flatnonzero(w)
        sums = add_rows(sums, self.columns, V, S, Y, counts, w)
        readout, theta, loss = self._solve(sums)
        Z, known = feature_rows(self.columns, V, S, Y, counts)
        out = self._left_out(sums, readout.alpha, theta, (Z, known, w[counts]))
        errors = p._errors_left_out(known, out, w[counts])
        left_out = np.full(Y.shape, np.nan)
        left_out[counts] = out
        dynamics = dynamics.but(theta=theta.copy())
        c, Wv, Wx, _ = dynamics.readout()  # views
        for W, center, scale in ((Wv, centers[0], scales[0]), (Wx, centers[1], scales[1])):
            if len(W):
                W /= scale[:, None]
                c -= center @ W
        theta = dynamics.theta
        readout = readout._replace(scaling=self._drawn_size(D))
        return Trained(Pooled(theta, dynamics, p.pooling), 1, [loss], [], readout, left_out=left_out), errors

    def _pool(self, dynamics, series):
        """Follow each series; returns v and x of it, pooled: V (S, D), S (1 + S, R), whose first row is not used."""
        p, net, first = self.p, dynamics.reservoir, dynamics.first()
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

    def _left_out(self, sums, alpha, theta, rows):
        """Compute answers (S, O) to series by readouts of all others: y - (y - Z W) / (1 - h), h the leverages [1].

        rows : Z (S, P), y (S, O), weights (S,).
        """
        Z, Y, w = rows
        errors = Y - Z @ theta.reshape(sums.P, sums.O)
        for normal in sums.normal():
            reach = ridge(normal._replace(ZY=np.ascontiguousarray(Z.T)), alpha, self.p.readout_bias)
            h = w * np.einsum("sp,ps->s", Z, reach)
            errors[:, normal.outputs] /= np.maximum(1 - h, LEAST_FREE)[:, None]
        return Y - errors

    def _spread(self, A):
        """Return center and scale, (M,) each, of what the readout sees of series, A (S, M); 0 and 1 with squares."""
        if self.p.readout_squares:
            return np.zeros(A.shape[1]), np.ones(A.shape[1])
        scale = A.std(axis=0)
        center = A.mean(axis=0) if self.p.readout_bias else np.zeros(A.shape[1])
        return center, np.where(scale > 1e-12, scale, 1.0)

    def fade(self, trained, share):
        """Return what was learnt, whose sums count for so much less."""
        if self.forgetting is not None:
            raise ValueError(
                f"forgetting beside solver={self.p.solver!r}, which has its own: set that, or give solver='ridge'."
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
        solved, theta, loss = self._solve(sums, readout.search, readout.caution, share=readout.share)
        carry = solved._replace(probe=readout.probe, scaling=readout.scaling, washout=readout.washout)
        return trained._replace(dynamics=dynamics.but(theta=theta), loss_curve=[loss], carry=carry)

    def _track(self, Z, Y, w, most, inverse, theta):
        """Update inverse and theta in place, by recursive least squares over rows Z (M, P), Y (M, O) of weights w."""
        W = theta.reshape(-1, Y.shape[1])
        at_once = max(1, int(1e8 / len(W) ** 2))
        for m in range(0, len(Z), at_once):
            rows = slice(m, m + at_once)
            recurse(Z[rows], Y[rows], w[rows], self.forgetting, most, inverse, W)


def _stretches(series, weights, fed):
    """Take stretches from all over the series, about as many rows as are ``TRIED``; returns them by folds.

    Rows that lead to a state count nothing: as many as a stretch may have, before it; or, where y is fed back and soon
    tells the state, its own first tenth.
    """
    longest, pieces, cut = TRIED // STRETCHES, -(-STRETCHES // len(series)), []
    for s, w in zip(series, weights):
        for rows in np.array_split(np.arange(len(w)), pieces):
            if len(rows):
                end = rows[-1] + 1
                first = max(rows[0], end - longest)
                led = slice(first if fed else max(0, first - longest), end)
                counts = w[led].copy()
                counts[: min(WASHOUT, len(counts) // 10) if fed else first - led.start] = 0.0
                cut.append(Series(s.X[led], s.Y[led], counts, s.held[led]))
    cut = cut[:: max(1, sum(np.count_nonzero(s.w) for s in cut) // TRIED)]
    return [cut[k::STRETCHES] for k in range(STRETCHES)]


def _held(Y):
    """Replace NaN in Y (N, O) by the last known value, or the mean."""
    return last_known(np.concatenate([np.zeros((1, Y.shape[1])), Y]), 1)[1:]
