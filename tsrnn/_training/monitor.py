"""Early stopping: iterations, validation, patience, the best parameters, progress."""

from contextlib import contextmanager
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._check import check_flag, check_number, check_verbose, check_word
from .._warn import warn


ENSEMBLES = ("best", "mean")
APART = 2.0  # seconds between lines, where there is no bar
SOON = 10  # iterations in which the validation loss has not fallen, but the training loss has, to the share
SURER = 0.7  # of labels learnt by heart
FAR = 4.0  # times the least held loss of the nets of a mean, beyond which one of them got stuck
CUT_SHORT = "max_iter"  # why a stage of training ended, where it met the limit


def check_training(model):
    """Raise if a parameter common to all trained models is out of range or of the wrong type."""
    check_number("alpha", model.alpha, 0)
    check_number("max_iter", model.max_iter, 1, integer=True, words=(None,))
    check_number("tol", model.tol, 0)
    check_number("validation_fraction", model.validation_fraction, 0, 0.9, low_open=True)
    check_number("n_iter_no_change", model.n_iter_no_change, 1, integer=True)
    check_number("n_restarts", model.n_restarts, 1, integer=True, words=_auto(model, "n_restarts"))
    check_word("ensemble", model.ensemble, ENSEMBLES)
    check_verbose(model.verbose)
    for name in ("skip_connections", "early_stopping", "warm_start"):
        check_flag(name, getattr(model, name), *_auto(model, name))
    if model.warm_start and makes_one_of_all(model):
        raise ValueError(
            "warm_start=True continues from the weights of one net, but ensemble='mean' merges "
            f"n_restarts={model.n_restarts} nets: give ensemble='best', or warm_start=False."
        )
    if getattr(model, "pooling", None) == "attention" and makes_one_of_all(model):
        raise ValueError(
            "pooling='attention' weighs the rows differently in each net, so several nets cannot be merged: give "
            "ensemble='best', or another pooling."
        )


def _auto(model, name):
    """Return ("auto",) where that is what a parameter is by default, which other models do not know."""
    return ("auto",) if getattr(type(model), name) == "auto" else ()


def makes_one_of_all(model):
    """Return whether the nets of all restarts become one."""
    return getattr(model, "n_restarts", 1) not in ("auto", 1) and model.ensemble == "mean"


def not_stuck(attempts):
    """Return the attempts, of a squared loss on held rows, whose ``value`` is not far above the least.

    A net that got stuck would spoil the mean: without them 21 means of recurrent nets of 8 driven series erred .85
    times as much, none of them more.  (Beyond twice the least .84, but one of them 1.7 times as much.)
    """
    most = FAR * min(attempt.value for attempt in attempts)
    return [attempt for attempt in attempts if not attempt.value > most]


def chooses_solver(model):
    """Return whether the model chooses its solver."""
    return isinstance(model.solver, str) and model.solver == "auto"


class Monitor:
    """Record every iterate of a solver and decide when to stop.

    Parameters
    ----------
    theta : (P,)
        Initial parameters, kept unless an iterate is better on the validation rows.
    max_iter : int
    tol, n_iter_no_change : float, int
        Stop after ``n_iter_no_change`` iterations in a row that did not lower the watched loss by a share of
        ``tol``.  The watched loss is the validation loss if there is one, else the training loss.
    validate : callable(theta) -> float, optional
        Loss on the validation rows.
    progress : callable(str), optional
        Called with a line of text after every iteration.
    every : int
        Iterations from one computation of the validation loss to the next.
    name : str
        Of the stage of training; ``reason`` says in the end why it stopped.
    may_overfit : bool
        Whether to stop, too, once ten iterations have lowered the training loss by much, and not the validation loss.
        Labels that stay for long are soon known by heart, and of many later looks at few rows one is good by chance.
        (Errors of numbers often rise and fall again.)
    """

    def __init__(
        self,
        theta,
        max_iter,
        tol,
        n_iter_no_change,
        validate=None,
        progress=None,
        name="",
        every=1,
        may_overfit=False,
    ):
        self.name, self.reason = name, "converged"
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.validate = validate
        self.progress = progress
        self.every = every
        self.may_overfit = may_overfit
        self.n_iter = 0
        self.loss_curve = []
        self.validation_curve = []
        self.best_theta = theta
        self.best_iter = 0  # the iteration that they are from
        self.best = np.inf if validate is None else validate(theta)
        self._stale = 0
        self._before, self._calm, self._lowest = theta, theta, np.inf
        self._loss_at_best = np.inf

    def __call__(self, theta, loss):
        """Record an iterate (P,) and its loss; True asks the solver to stop."""
        self.n_iter += 1
        if not np.isfinite(loss) or not np.all(np.isfinite(theta)):
            self.reason = f"the loss became {loss}"
            if self.validate is None:
                self.best_theta = self._calm
            warn(
                f"The training loss became {loss} in iteration {self.n_iter}; the best parameters before it are kept. "
                "Lower the learning rate or set clip_norm.",
                ConvergenceWarning,
            )
            return True
        self.loss_curve.append(float(loss))
        watched = loss
        if loss < self._lowest:  # an epoch's loss belongs to the parameters at its start
            self._lowest, self._calm = loss, self._before
        self._before = theta.astype(np.float64)
        if self.validate is not None:
            watched = self._validated(theta)
            self.validation_curve.append(float(watched))
        if watched < self.best or self.validate is None:
            self.best_theta, self.best_iter = self._before, self.n_iter
        if self.best_iter == self.n_iter or self.n_iter == 1:  # the start itself has none
            self._loss_at_best = loss
        self._stale = 0 if watched < self.best * (1 - self.tol) else self._stale + 1
        self.best = min(self.best, watched)
        if self.progress is not None:
            text = f"iteration {self.n_iter}: loss {loss:.3e}"
            if self.validate is not None and self._validates:
                text += f", validation {watched:.3e}"
            self.progress(text)
        if self._stale >= self.n_iter_no_change or self._overfits(loss):
            self.reason = f"{'validation loss' if self.validate else 'loss'} fell no more"
        elif self.n_iter >= self.max_iter:
            self.reason = CUT_SHORT
        else:
            self.reason = "converged"  # if the solver ends here
        return self.reason != "converged"

    def _overfits(self, loss):
        """Return whether the training loss alone has gone on to fall."""
        return self.may_overfit and self._stale >= SOON and loss < SURER * self._loss_at_best

    def _validated(self, theta):
        """Return the validation loss, or the last one where this iteration does not compute it."""
        if self._validates:
            return self.validate(theta)
        return self.validation_curve[-1] if self.validation_curve else self.best

    @property
    def _validates(self):
        """Whether this iteration computes the validation loss."""
        return self.n_iter % self.every == 0 or self.n_iter >= self.max_iter

    def end(self):
        """Compute the validation loss of the last iterate, if its iteration did not."""
        if self.validate is None or self._validates:
            return
        watched = self.validate(self._before)
        if watched < self.best:
            self.best_theta, self.best_iter, self.best = self._before, self.n_iter, watched


def warn_if_cut_short(max_iter, *monitors):
    """Warn if training, or a stage of it, met the limit that the user gave; None is a budget of the model's."""
    if max_iter is not None and any(monitor.reason == CUT_SHORT for monitor in monitors):
        warn(
            f"max_iter={max_iter} ended training before it had converged: give more, or max_iter=None for the usual "
            "number.",
            ConvergenceWarning,
        )


def history(monitors):
    """Return what ``Trained`` says of several stages of training, by field."""
    return {
        "n_iter": sum(m.n_iter for m in monitors),
        "loss_curve": [v for m in monitors for v in m.loss_curve],
        "validation_curve": [v for m in monitors for v in m.validation_curve],
        "stages": tuple((m.name, m.n_iter, m.reason) for m in monitors),
    }


def summary(name, stages, seconds):
    """Format what a fit did, on one line."""
    done = [f"{stage or 'training'}, {n} iteration{'s' * (n != 1)} ({reason})" for stage, n, reason in stages]
    return f"{name}: {'; '.join([*done, f'{seconds:.1f} s'])}"


class _Lines:
    """Prints a line after ``name``, the first and then one where so many seconds have gone by."""

    def __init__(self, name, apart):
        self.name, self.apart, self.next = name, apart, 0.0

    def __call__(self, text):
        if perf_counter() >= self.next:
            print(f"{self.name}: {text}")
            self.next = perf_counter() + self.apart


@contextmanager
def progress(verbose, name, max_iter):
    """Give a callable(str) that reports an iteration, or None if ``verbose`` is 0.

    1 shows a bar if tqdm is installed, or else prints a line now and then; 2 prints a line per iteration.
    """
    if not verbose:
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or verbose > 1:
        yield _Lines(name, 0.0 if verbose > 1 else APART)
        return
    with tqdm(total=max_iter, desc=name, leave=False) as bar:

        def report(text):
            bar.update()
            bar.set_postfix_str(text.partition(": ")[2], refresh=False)

        yield report
