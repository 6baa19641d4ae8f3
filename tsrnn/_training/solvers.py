"""Solvers: minimise a function of one vector, whatever the model.

A solver is any object with

    minimize(objective, theta, monitor, rng)      iterate from theta (P,) until the monitor returns True

and, where it differs from the default in brackets,

    dtype                          of the objective's numbers (float64); theta comes in float64
    batches                        "mini": it iterates over ``objective.batches``; "all": every call is over all samples
                                   and must be repeatable ("all"); "rows": see ``online.py``
    needs                          names of the objective's methods it calls beyond ``loss_grad`` (none)
    resumes                        True: ``minimize`` also takes ``moments``, None or its earlier return value (False)

An *objective* offers

    weight                         sum of the weights of all targets
    decay (P,)                     weight decay of each parameter; a Bayesian solver writes its estimate there
    everything                     the batch of all samples; a batch is opaque to the solver
    loss_grad(theta, batch)        the loss summed over a batch, such as half the weighted sum of squares, and its
                                   gradient (P,), contiguous, of theta's dtype, which the caller may overwrite

for a stochastic solver

    batches(rng)                   yields an epoch's (batch, weight) in random order; the gradient over a batch is
                                   divided by its weight, which is never 0

for Levenberg-Marquardt, and in part for evolution

    gauss_newton(theta)            r'r, J'r, J'J over all samples
    sum_of_squares(theta)          r'r over all samples
    groups (P,)                    index of the decay that a parameter shares, 1, 2 ...; 0 for parameters without
    linear (P,)                    True for parameters in which the residuals are linear
    solve_linear(theta, decay)     theta with the linear parameters optimal given the others

and each solver minimises (loss + 1/2 sum decay theta^2) / weight, the loss being r'r / 2 where there are
residuals.  A stochastic solver changes one theta in place, so an objective may keep views of it.  A *monitor* is
called with every iterate, ``monitor(theta, loss)``; it keeps the best and returns True to stop.  A stochastic solver
returns its *moments*, from which a later call can resume.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import differential_evolution, dual_annealing, minimize
from sklearn.base import BaseEstimator

from .._check import check_flag, check_number, check_word
from .gauss_newton import LevenbergMarquardt
from .monitor import Monitor
from .stochastic import SGD, Adam, RMSprop


MAX_LBFGS_WORK = 2e8  # rows times parameters, beyond which a model that chooses its solver leaves out L-BFGS
POLISH = 100  # iterations of L-BFGS from the best member of an evolution


def _penalised(objective, theta):
    """Return the penalised loss at theta."""
    return (objective.sum_of_squares(theta) + objective.decay @ theta**2) / (2 * objective.weight)


class Traits(NamedTuple):
    """Capabilities of a solver; see the head of the file."""

    dtype: type = np.float64
    batches: str = "all"
    needs: tuple = ()
    resumes: bool = False


def traits(solver):
    """Return the capabilities of a solver, with defaults for those it does not state."""
    return Traits(**{name: getattr(solver, name) for name in Traits._fields if hasattr(solver, name)})


def run_solver(solver, objective, theta, monitor, rng, moments=None):
    """Minimise; return the moments to resume from, or None."""
    resumed = (moments,) if traits(solver).resumes else ()
    moments_after = solver.minimize(objective, theta, monitor, rng, *resumed)
    if monitor.n_iter == 0:
        raise ValueError(
            f"solver={solver!r} never called monitor(theta, loss), so there is nothing to keep: call it after each "
            "iteration, and stop when it returns True."
        )
    return moments_after if traits(solver).resumes else None


def one_pass(solver, objective, theta, rng, moments):
    """Go once through what an objective is of; returns theta (P,) and the moments to resume from."""
    monitor = Monitor(theta, 1, 0.0, 1)
    moments = run_solver(solver, objective, theta, monitor, rng, moments)
    return monitor.best_theta, moments


def is_of_squares(solver):
    """Return whether a solver is for sums of squares: it asks for derivatives of errors, row by row or in all."""
    return not {"gauss_newton", "rows"}.isdisjoint(traits(solver).needs)


def check_needs(model, offers):
    """Raise if the solver of a model needs more of an objective than the model's loss ``offers``."""
    lacking = [name for name in traits(resolve_solver(model.solver)).needs if name not in offers]
    if lacking:
        words = [
            word for word, other_solver in SOLVERS.items() if offers.issuperset(traits(other_solver).needs)
        ]
        raise ValueError(
            f"solver={model.solver!r} does not train {type(model).__name__}: it needs {', '.join(lacking)}, which the "
            f"loss of this model does not offer. Give 'auto', {', '.join(map(repr, words))} or an object like theirs."
        )


class LBFGS(BaseEstimator):
    """Limited-memory quasi-Newton method on all rows at once (scipy's L-BFGS-B), in float64.

    Parameters
    ----------
    memory : int, default=20
        Pairs of steps and gradient changes kept to approximate the Hessian.
    gtol : float, default=1e-9
        Stop when no element of the gradient is larger.

    References
    ----------
    .. [1] D. C. Liu, J. Nocedal. "On the limited memory BFGS method for large scale optimization."
       Mathematical Programming 45, 1989.

    Examples
    --------
    >>> from tsrnn import LBFGS, TDNNRegressor
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(500, random_state=0)
    >>> model = TDNNRegressor(input_lags=10, solver=LBFGS(), random_state=0).fit(X, y)
    """

    dtype = np.float64
    batches = "all"
    needs = ()
    resumes = False

    def __init__(self, memory=20, *, gtol=1e-9):
        self.memory = memory
        self.gtol = gtol

    def minimize(self, objective, theta, monitor, rng):
        """Iterate until scipy or the monitor stops."""
        check_number("memory", self.memory, 1, integer=True)
        check_number("gtol", self.gtol, 0)
        decay = objective.decay

        def value_gradient(theta):
            loss, grad = objective.loss_grad(theta, objective.everything)
            if not (np.isfinite(loss) and np.isfinite(grad).all()):
                return np.inf, np.zeros_like(theta)  # the line search shortens the step
            scale = 1 / objective.weight
            return (loss + 0.5 * decay @ theta**2) * scale, (grad + decay * theta) * scale

        def callback(intermediate_result):
            if monitor(intermediate_result.x, intermediate_result.fun):
                raise StopIteration

        options = {"maxiter": 10**9, "maxfun": 10**9, "maxcor": self.memory, "gtol": self.gtol, "ftol": 0.0}
        result = minimize(
            value_gradient, theta, jac=True, method="L-BFGS-B", callback=callback, options=options
        )
        if monitor.n_iter == 0:  # already at a minimum
            monitor(result.x, result.fun)


class Evolution(BaseEstimator):
    """Gradient-free global search by scipy, as in the NARX literature on solar and wind power.

    Slow, and only for small nets: it needs no gradient and escapes local minima.

    Parameters
    ----------
    method : {"differential_evolution", "annealing"}, default="differential_evolution"
        ``scipy.optimize.differential_evolution`` or ``scipy.optimize.dual_annealing``.
    population : int, default=40
        Members of the population (differential evolution).
    bound : float, default=3.0
        The search covers [-bound, bound] in each parameter.
    polish : bool, default=True
        Finish with L-BFGS from the best member.

    References
    ----------
    .. [1] R. Storn, K. Price. "Differential evolution." Journal of Global Optimization 11, 1997.
    .. [2] Y. Xiang et al. "Generalized simulated annealing algorithm." Physics Letters A 233, 1997.

    Examples
    --------
    >>> from tsrnn import Evolution, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(200, random_state=0)
    >>> solver = Evolution(population=10)
    >>> model = NARXRegressor((2,), solver=solver, max_iter=20, random_state=0).fit(X, y)
    """

    dtype = np.float64
    batches = "all"
    needs = ("sum_of_squares",)
    resumes = False

    def __init__(self, method="differential_evolution", *, population=40, bound=3.0, polish=True):
        self.method = method
        self.population = population
        self.bound = bound
        self.polish = polish

    def minimize(self, objective, theta, monitor, rng):
        """Search generation by generation until the monitor stops."""
        check_word("method", self.method, ("differential_evolution", "annealing"))
        check_number("population", self.population, 5, integer=True)
        check_number("bound", self.bound, 0, low_open=True)
        check_flag("polish", self.polish)
        box = [(-self.bound, self.bound)] * len(theta)
        seed = np.random.default_rng(rng.randint(2**31))
        start = np.clip(theta, -self.bound, self.bound)

        def value(theta):
            loss = _penalised(objective, theta)
            return loss if np.isfinite(loss) else 1e300

        if self.method == "differential_evolution":
            population = start + seed.normal(scale=0.3, size=(self.population, len(theta)))
            population[0] = start
            _evolve(value, box, np.clip(population, -self.bound, self.bound), seed, monitor)
        else:
            _anneal(value, box, start, seed, monitor)
        if self.polish:
            monitor.max_iter += POLISH
            LBFGS().minimize(objective, monitor.best_theta.copy(), monitor, rng)
        monitor.reason = "spent its generations"  # which it always does: that is no failure


def _evolve(value, box, population, seed, monitor):
    """Run differential evolution from a population (members, P) until the monitor stops."""

    def callback(intermediate_result):
        if monitor(intermediate_result.x, intermediate_result.fun):
            raise StopIteration

    differential_evolution(
        value, box, init=population, rng=seed, polish=False, maxiter=10**9, tol=0, callback=callback
    )


def _anneal(value, box, start, seed, monitor):
    """Run simulated annealing from a start (P,) until the monitor stops."""
    options = {"maxiter": max(1, monitor.max_iter - 1), "no_local_search": True}
    monitor(start, value(start))
    dual_annealing(
        value, box, x0=start, rng=seed, callback=lambda theta, loss, _: monitor(theta, loss), **options
    )


SOLVERS = {
    "adam": Adam,
    "sgd": SGD,
    "rmsprop": RMSprop,
    "lbfgs": LBFGS,
    "lm": LevenbergMarquardt,
    "evolution": Evolution,
}


def resolve_solver(solver):
    """Return the solver that a word names; an object is returned as it is."""
    if isinstance(solver, str):
        if solver not in SOLVERS:
            raise ValueError(
                f"solver={solver!r} is unknown: give 'auto', {', '.join(map(repr, SOLVERS))} or an object."
            )
        return SOLVERS[solver]()
    if isinstance(solver, type) or not hasattr(solver, "minimize"):
        raise TypeError(
            f"solver={solver!r} is not a solver: give a word, or an object such as Adam(), with a method "
            "minimize(objective, theta, monitor, rng)."
        )
    if traits(solver).batches not in ("all", "mini", "rows"):
        raise ValueError(f"solver={solver!r} has batches={solver.batches!r}: give it 'all' or 'mini'.")
    return solver
