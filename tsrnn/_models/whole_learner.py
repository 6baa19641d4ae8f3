"""How a net learns series with one y each, of recurrent nets and TDNN.

Adam sees mini-batches of whole series; its steps are clipped and fade along a cosine until the last epoch.  Of few
series it learns all to the end: what some of them would say about when to stop is worth less than what they teach.
"""

from typing import NamedTuple

import numpy as np

from .._nets.pooled import PooledLoss, n_keys
from .._series.units import all_held, none_held
from .._training.initial import glorot
from .._training.monitor import Monitor, chooses_solver, progress, warn_if_cut_short
from .._training.solvers import LBFGS, resolve_solver, run_solver, traits
from .._training.stochastic import Adam


EPOCHS = 100  # by default
BATCH, FEWEST = 32, 8  # series a mini-batch, at most and at least
UPDATES = 4  # steps of the solver an epoch, that few series still make
FEW = 1000  # series, of which fewer are worth more in training than held back
AGAIN = 4  # one over the share of the best iterations, spent on what was held back
SELDOM = 8  # iterations between looks at what is held back, at most: of nets of a mean, or once that is learnt, too


class Task(NamedTuple):
    """A list of ``Series`` to learn, and their means.   validate : loss to judge theta by, or None."""

    net: object
    series: list
    mean: tuple
    validate: object


class WholeLearner:
    """A learner's part for series with one y each.

    It brings ``_whole_loss(task, dtype, **options)``, ``_threads_of_one()`` and ``limit``, the epochs of a solver that
    the user chose.   steps_fade : whether "auto" is Adam, else L-BFGS.
    """

    steps_fade = True

    @property
    def _fades(self):
        """Whether steps fade until the last epoch, of a solver that the user did not choose."""
        return chooses_solver(self.p) and self.steps_fade

    def held_of_whole(self, n):
        """Return the share of n series with one y each that is held back."""
        all_are_learnt = self.steps_fade and n < FEW
        return self.p.validation_fraction if self.p.early_stopping and not all_are_learnt else 0.0

    def _with_query(self, theta, rng):
        """Return theta with v (A,) behind it, which ``pooling`` needs."""
        return np.concatenate([theta, glorot(rng, (n_keys(self.p.pooling), 1)).ravel()])

    def _fit_whole(self, task, theta, moments, rng):
        """Learn whole series, in the end those held back, too; return theta, what the solver goes on with, monitor."""
        solver, limit = self._whole_solver()
        if self.p.early_stopping and any(s.held[-1] for s in task.series):
            task = task._replace(validate=self._whole_loss(task, traits(solver).dtype, held=True).value)
        monitor, moments = self._train_whole(task, solver, limit, theta, moments, rng)
        if not self._fades:
            warn_if_cut_short(self.p.max_iter, monitor)
        theta = monitor.best_theta
        if task.validate is not None and monitor.best_iter:
            theta, moments = self._learn_held_whole(task, solver, monitor, moments, rng)
        return theta, moments, monitor

    def _train_whole(self, task, solver, limit, theta, moments, rng, patience=None, every=1):
        """Run a solver on series with one y each; return its monitor and what it goes on with."""
        p, name = self.p, type(solver).__name__
        if patience is None:  # where steps fade, a loss that falls no more is none to stop at before
            patience = np.inf if self._fades and task.validate is None else p.n_iter_no_change
        with self._threads_of_one() as pool:
            objective = self._whole_loss(
                task, traits(solver).dtype, B=self._whole_batch(task.series), pool=pool
            )
            with progress(p.verbose, f"{type(p).__name__}, {name}", limit) as tell:
                monitor = Monitor(theta, limit, p.tol, patience, task.validate, tell, name, every)
                moments = run_solver(solver, objective, theta, monitor, rng, moments)
        monitor.end()
        return monitor, moments

    def _learn_held_whole(self, task, solver, monitor, moments, rng):
        """Go on from the best parameters on all series, as ``_learn_held``; return theta and moments."""
        everything = task._replace(series=all_held(task.series))
        validate = self._whole_loss(everything, traits(solver).dtype, held=True).value
        task = task._replace(series=none_held(task.series), validate=validate)
        limit = -(-monitor.best_iter // AGAIN)
        last, moments = self._train_whole(
            task, solver, limit, monitor.best_theta, moments, rng, np.inf, SELDOM
        )
        return last.best_theta, moments

    def _whole_batch(self, series):
        """Return the size of a mini-batch: few series still make some steps an epoch, for it is steps that learn."""
        n = sum(s.w[-1] > 0 and not s.held[-1] for s in series)
        return int(np.clip(n // UPDATES, FEWEST, BATCH))

    def _whole_solver(self):
        """Return the solver and its iterations, at most."""
        if chooses_solver(self.p):
            usual = Adam(0.01, clip_norm=1.0, schedule="cosine") if self.steps_fade else LBFGS()
            return usual, self.p.max_iter or EPOCHS
        solver = resolve_solver(self.p.solver)
        if not PooledLoss.offers.issuperset(traits(solver).needs):
            raise ValueError(
                f"solver={self.p.solver!r} does not train {type(self.p).__name__} on one y per series: give 'auto', "
                "'lbfgs' or 'adam'."
            )
        return solver, self.limit
