"""What TDNN and NARX share: the plan of a delay network, its objective, its runs over a series.

The equations are in ``delay_kernels.py``.
"""

from numbers import Integral
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from .._check import check_number
from .._estimators.sequence import SequenceRegressor
from .._kernels.activations_v1 import ACTIVATIONS
from .._nets import delay_kernels as kernels
from .._nets import equations
from .._nets.delay import _writable, free_runs, make_plan, run
from .._nets.delay_loss import WindowLoss
from .._nets.memory import Memory
from .._series.units import Series
from .._training.losses import has_kinks, resolve_loss, squared
from .._training.monitor import Monitor, check_training, chooses_solver, progress
from .._training.solvers import (
    LBFGS,
    Adam,
    LevenbergMarquardt,
    assimilate,
    check_needs,
    resolve_solver,
    run_solver,
    traits,
)


MAX_LM_PARAMETERS, MAX_LM_WORK = 600, 5e9  # beyond, an iteration of Levenberg-Marquardt is too slow
TRUST = 1.0  # how firmly partial_fit holds on to what J'J says nothing of, as a share of what it says


def _is_count(value):
    """Whether a value is an int >= 1, and not True."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1


class Attempt(NamedTuple):
    """What training from one start came to; ``value`` is what attempts are compared by."""

    theta: np.ndarray
    value: float
    monitors: list
    decay: np.ndarray
    moments: object  # what the solver goes on with later


class DelayNetwork(SequenceRegressor):
    """Estimator around a delay network; a subclass brings parameters and ``_lags``."""

    # ---------------------------------------------------------------------------------- parameters

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type."""
        self._hidden()
        self._lags()
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ValueError(f"activation={self.activation!r} is unknown: give one of {list(ACTIVATIONS)}.")
        if not chooses_solver(self):
            check_needs(self, WindowLoss.offers)
            of_squares = "gauss_newton" in traits(resolve_solver(self.solver)).needs
            if of_squares and not self._is_squared():
                raise ValueError(
                    f"solver={self.solver!r} is for sums of squares, but loss={self.loss!r}: give solver='auto', "
                    "'lbfgs' or 'adam', or loss='squared'."
                )
        resolve_loss(self.loss)
        check_training(self)
        check_number("batch_size", self.batch_size, 1, integer=True)
        check_number("n_restarts", self.n_restarts, 1, integer=True)

    def _hidden(self):
        """Widths of the hidden layers, a tuple."""
        sizes = self.hidden_layer_sizes
        sizes = (sizes,) if isinstance(sizes, Integral) else sizes
        if isinstance(sizes, str) or not np.iterable(sizes) or not all(_is_count(H) for H in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r}: give a tuple of ints >= 1, one a layer; () for "
                "a linear model."
            )
        return tuple(int(H) for H in sizes)

    def _is_squared(self):
        """Whether the loss is a sum of squares, for which there are methods of its own."""
        return resolve_loss(self.loss) is squared

    def _wants_inputs(self):
        """Whether the parameters speak of inputs."""
        return bool(self._lags()[0])

    def _can_do_without_inputs(self):
        """Whether the parameters speak of past outputs."""
        return bool(self._lags()[1])

    def _least_input_lag(self):
        """The most recent input that an output feels."""
        input_lags, _, layer_lags = self._lags()
        later = 0 if self.skip_connections else sum(min(lags) for lags in layer_lags)
        return min(input_lags, default=np.inf) + later

    def _validation_share(self):
        """Share of the rows, the last ones, that is held back from training."""
        return self.validation_fraction if self.early_stopping or self.n_restarts > 1 else 0.0

    # ---------------------------------------------------------------------------------- learning

    def _prepare(self, n_inputs, n_outputs):
        input_lags, output_lags, layer_lags = self._lags()
        if not (n_inputs and input_lags) and not output_lags:
            raise ValueError(
                f"{type(self).__name__} sees neither inputs nor outputs: give X and input_lags, or output_lags."
            )
        resolve_loss(self.loss, n_outputs)
        net = make_plan(
            n_inputs,
            n_outputs,
            self._hidden(),
            self.activation,
            input_lags,
            output_lags,
            layer_lags,
            self.skip_connections,
        )
        if not (self.warm_start and hasattr(self, "theta_") and self._net.same_as(net)):
            self.theta_ = None
        self._net, self.lead_ = net, net.lead

    def _stages(self, series):
        """(steps, closed) of each stage of training, in turn."""
        return [self._open_loop()]

    def _open_loop(self):
        """(steps, closed) for open loop: one row at a time, or enough to share the lead of hidden layers."""
        lead = int(self._net.layers[0, kernels.LEAD])
        return (1 if lead == 0 else max(32, lead)), False

    def _fit_series(self, series, rng):
        """Train from ``n_restarts`` starts, keep the best."""
        self._check_enough_rows(series)
        stages = self._stages(series)
        judge = self._validation(series, stages[:2])
        attempts = [
            self._attempt(series, stages, rng, self.theta_ if restart == 0 else None, judge)
            for restart in range(self.n_restarts)
        ]
        if self._runs_away(series, min(attempts, key=attrgetter("value")).theta, stages):
            closed_loop_only = stages[1:2]
            attempts.append(self._attempt(series, closed_loop_only, rng, None, judge))
        best = min(attempts, key=attrgetter("value"))
        self.theta_ = best.theta
        self.n_iter_ = sum(m.n_iter for m in best.monitors)
        self.loss_curve_ = [v for m in best.monitors for v in m.loss_curve]
        self.validation_curve_ = [v for m in best.monitors for v in m.validation_curve]
        self._moments, self._information = best.moments, None
        if self._is_squared() and traits(self._solver(series)).dtype == np.float64 and self._is_small(series):
            everything = [s._replace(held=np.zeros(len(s.held), bool)) for s in series]
            known = self._objective(everything, self._open_loop(), 0.0)
            self._information = known.gauss_newton(self.theta_)[2] + np.diag(best.decay)
            if self._hidden():  # J'J holds near theta only: no direction is free to go far
                self._information += TRUST * np.diag(self._information).mean() * np.eye(self._net.size)

    def _attempt(self, series, stages, rng, old, judge):
        """Train stage after stage, from the ``old`` parameters or from new ones."""
        fresh = old is None
        theta, moments = (self._net.initial(rng), None) if fresh else (old, self._moments)
        monitors, kinds = [], []
        for kind in stages:
            if len(kinds) > 1 and not self._runs_worse_and_worse(series, theta, kinds[-1]):
                break
            kinds.append(kind)
            monitor, objective, found = self._train(series, kinds, theta, rng, fresh, moments)
            monitors.append(monitor)
            theta, fresh, moments = monitor.best_theta, False, None
        value = monitors[-1].best if judge is None else judge(theta)
        return Attempt(theta, value, monitors, objective.decay, found)

    def _train(self, series, kinds, theta, rng, fresh, moments):
        """The last of some stages of training, from a ``fresh`` theta or a trained one.

        kinds : (steps, closed) of this stage and those before it.   moments : what the solver goes on with, or None.
        Returns its monitor, its objective and what the solver would go on with.
        """
        closed, solver = kinds[-1][1], self._solver(series)
        dtype = traits(solver).dtype
        objective = self._objective(series, kinds[-1], self.alpha, dtype)
        if objective.n == 0:
            raise ValueError(
                f"No row that counts (y measured, sample_weight > 0) has its {self.lead_} rows of history without "
                "NaN: give shorter lags, or more rows."
            )
        if fresh and not closed:  # begin with the best readout of the random features
            exact = objective
            if dtype != np.float64:
                exact = self._objective(series, kinds[-1], self.alpha)
            theta = exact.solve_linear(theta, exact.decay)
        validate = self._validation(series, kinds) if self.early_stopping else None
        with progress(self.verbose, type(self).__name__, self.max_iter) as tell:
            monitor = Monitor(theta, self.max_iter, self.tol, self.n_iter_no_change, validate, tell)
            moments = run_solver(solver, objective, theta, monitor, rng, moments)
        return monitor, objective, moments

    def _objective(self, series, kind, alpha, dtype=np.float64, held=False):
        """The loss over some rows; kind : (steps, closed)."""
        options = held, self.batch_size, resolve_loss(self.loss)
        return WindowLoss(self._net, series, *kind, alpha, dtype, *options)

    def _validation(self, series, kinds):
        """Loss on the validation rows as a function of theta; None where no rows are held.

        After the first stage it is a geometric mean, over one step ahead, free runs as long as in training and
        free runs as long as the held rows: what closed-loop training gains must be more than it loses elsewhere.
        """
        if len(kinds) > 1:
            kinds = [kinds[0], kinds[-1], (self._longest_held(series), True)]
        held = [self._objective(series, kind, 0.0, held=True) for kind in kinds]
        held = [objective for objective in held if objective.n]
        if not held:
            return None

        def loss(theta):
            theta = theta.astype(np.float64)
            losses = [objective.sum_of_squares(theta) / (2 * objective.weight) for objective in held]
            losses = np.nan_to_num(losses, nan=np.inf)
            return float(np.exp(np.mean(np.log(np.clip(losses, np.finfo(float).tiny, 1e300)))))

        return loss

    def _longest_held(self, series):
        """Rows of the longest stretch of validation rows."""
        return max(1, max(int(s.held.sum()) for s in series))

    def _runs_worse_and_worse(self, series, theta, kind):
        """Whether free runs as long as the held rows are far worse than those as long as in training."""
        short, long = (self._validation(series, [k]) for k in (kind, (self._longest_held(series), True)))
        return short is not None and long is not None and long(theta) > 2 * short(theta)

    def _runs_away(self, series, theta, stages):
        """Whether, after both kinds of training, the former are far worse than the mean of y would be."""
        if len(stages) < 2:
            return False
        long = self._validation(series, [(self._longest_held(series), True)])
        return long is not None and long(theta) > 1.0  # the mean: about 0.5, with any loss

    def _solver(self, series):
        """The solver; "auto" weighs parameters against rows, and asks what the loss is like."""
        if not chooses_solver(self):
            return resolve_solver(self.solver)
        if not self._is_squared():
            return Adam() if has_kinks(self.loss) else LBFGS()
        return LevenbergMarquardt() if self._is_small(series) else Adam()

    def _is_small(self, series):
        """Whether J'J is cheap."""
        P, n = self._net.size, sum(len(s.Y) for s in series)
        return P <= MAX_LM_PARAMETERS and n * P**2 <= MAX_LM_WORK

    def _fit_more(self, series, memory, rng):
        """Recursive Gauss-Newton for a small net, for a large one a pass of stochastic gradient."""
        n = len(memory.Y)
        known = Series(
            np.concatenate([memory.X, series.X]),
            np.concatenate([memory.Y, series.Y]),
            np.concatenate([np.zeros(n), series.w]),
            np.zeros(n + len(series.Y), bool),
        )
        theta = _writable(self.theta_)
        if self._information is not None:
            objective = self._objective([known], self._open_loop(), 0.0)
            if objective.n:
                self.theta_, self._information = assimilate(objective, theta, self._information)
            return
        solver = self._solver([known])
        if traits(solver).batches != "mini":
            solver = Adam()
        objective = self._objective([known], self._open_loop(), self.alpha, traits(solver).dtype)
        if objective.n:
            monitor = Monitor(theta, 1, 0.0, 1)
            self._moments = run_solver(solver, objective, theta, monitor, rng, self._moments)
            self.theta_ = monitor.best_theta

    def _check_enough_rows(self, series):
        """Some piece must be longer than the lags reach."""
        rows = max(int((~s.held).sum()) for s in series)
        if rows <= self.lead_:
            n, held = sum(len(s.Y) for s in series), sum(int(s.held.sum()) for s in series)
            raise ValueError(
                f"{type(self).__name__} looks back {self.lead_} rows and so needs at least {self.lead_ + 1} in a "
                f"stretch without a gap, but the longest has {rows} (n_samples = {n}, {held} of them held back for "
                "validation). Give more rows or shorter lags; where stamps are missing, insert them, with NaN in y "
                "(asfreq)."
            )

    # ---------------------------------------------------------------------------------- following

    def _zero(self, x, y):
        return Memory(np.tile(x, (self.lead_, 1)), np.tile(y, (self.lead_, 1)))

    def _cold(self):
        return self._zero(*self._mean)

    _first = _cold

    def _run(self, X, Y, memory):
        out, filled = run(self._net, self.theta_, X, Y, memory.X, memory.Y)
        n = self.lead_
        X, Y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, filled])
        return out, Memory(X[len(X) - n :], Y[len(Y) - n :])

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        return free_runs(self._net, self.theta_, X, Y, memory.X, memory.Y, first, steps, settle)

    def _terms(self, p):
        return equations.delay_network(p, self._net, self.theta_)

    @property
    def params_(self):
        """Weights W and biases b of each layer, in the scaled units of the net."""
        return self._net.views(self.theta_)
