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

from dataclasses import KW_ONLY
from itertools import count
from math import cos, pi
from typing import NamedTuple

import numpy as np
from scipy.optimize import differential_evolution, dual_annealing, minimize
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from .._check import check_flag, check_number
from .._declared import Declared
from .._kernels.jit import kernel
from .._values import kept
from .._warn import warn
from .least_squares import solve


def _penalised(objective, theta):
    """Return the penalised loss at theta."""
    return (objective.sum_of_squares(theta) + objective.decay @ theta**2) / (2 * objective.weight)


SCHEDULES = ("constant", "cosine", "plateau")


@kept("moments")
class Moments(NamedTuple):
    """State from which a stochastic solver resumes: its class, the steps taken, its gradient traces, each (P,)."""

    rule: type
    t: int
    traces: tuple


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


class Stochastic(Declared, BaseEstimator):
    """Base of Adam, SGD and RMSprop: epochs of mini-batches, decay, clipping, learning-rate schedules; in float32.

    A subclass defines its parameters, ``learning_rate`` among them; ``n_traces``, the number of gradient traces, which
    start at 0; ``_check_rule()``; and ``_step(theta, grad, rate, t, *traces)``, which takes step t = 1, 2 ... in place
    and may overwrite the gradient.

    Parameters
    ----------
    schedule : {"constant", "cosine", "plateau"}, default="constant"
        Learning rate by epoch. "cosine" lowers it to 0 over ``max_iter`` epochs,
        learning_rate (1 + cos(pi epoch / max_iter)) / 2 [2]_; "plateau" divides it by 5 whenever half of
        ``n_iter_no_change`` epochs in a row did not lower the watched loss (the validation loss if there is
        one) by a share of ``tol``. Each stage of training restarts the schedule; ``partial_fit`` learns at
        ``learning_rate``.
    warmup : float, default=0.0
        Share of ``max_iter`` in which the rate first rises linearly to ``learning_rate``; "cosine" falls over the
        rest.
    clip_norm : float or None, default=None
        The gradient is scaled down to this Euclidean norm where it is longer [1]_.
    clip_value : float or None, default=None
        Each element of the gradient is clipped to [-clip_value, clip_value] first.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov, Y. Bengio. "On the difficulty of training recurrent neural networks."
       ICML 2013.
    .. [2] I. Loshchilov, F. Hutter. "SGDR: Stochastic gradient descent with warm restarts." ICLR 2017.
    """

    dtype = np.float32
    batches = "mini"
    needs = ()
    resumes = True

    _: KW_ONLY
    schedule: str = "constant"
    warmup: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None

    def _check(self):
        check_number("learning_rate", self.learning_rate, 0, low_open=True)
        if not isinstance(self.schedule, str) or self.schedule not in SCHEDULES:
            raise ValueError(
                f"schedule={self.schedule!r} is unknown: give one of {', '.join(map(repr, SCHEDULES))}."
            )
        check_number("warmup", self.warmup, 0, 1)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 0, low_open=True)
        self._check_rule()

    @np.errstate(over="ignore", invalid="ignore")  # the monitor warns of a loss that is not finite
    def minimize(self, objective, theta, monitor, rng, moments=None):
        """Step from mini-batch to mini-batch until the monitor stops; return the moments to resume from."""
        self._check()
        theta = theta.astype(self.dtype)
        t, traces = 0, tuple(np.zeros_like(theta) for _ in range(self.n_traces))
        if self._can_go_on_with(moments):
            t, traces = moments.t, tuple(trace.copy() for trace in moments.traces)
        decay = (objective.decay / objective.weight).astype(self.dtype)
        for rate in self._rates(monitor):
            total = 0.0
            for batch, weight in objective.batches(rng):
                loss, grad = objective.loss_grad(theta, batch)
                grad *= float(1 / weight)
                grad += decay * theta
                self._clip(grad)
                t += 1
                self._step(theta, grad, rate, t, *traces)
                total += loss
            if monitor(theta, total / objective.weight + 0.5 * float(decay @ theta**2)):
                return Moments(type(self), t, traces)

    def _can_go_on_with(self, moments):
        """True for moments of the same rule from a run that did not diverge."""
        same_rule = isinstance(moments, Moments) and moments.rule is type(self)
        return same_rule and bool(np.isfinite(moments.traces).all())

    def _rates(self, monitor):
        """Yield the learning rate of each epoch."""
        rate, stale, warm = float(self.learning_rate), 0, self.warmup * monitor.max_iter
        for epoch in count():
            factor = min(1.0, (epoch + 1) / warm) if warm else 1.0
            if self.schedule == "cosine":
                share = max(0.0, epoch - warm) / max(1.0, monitor.max_iter - warm)
                factor *= (1 + cos(pi * share)) / 2
            before = monitor.best
            yield factor * rate
            if self.schedule == "plateau":
                stale = 0 if monitor.best < before * (1 - monitor.tol) else stale + 1
                if stale >= monitor.n_iter_no_change / 2:
                    rate, stale = rate / 5, 0

    def _clip(self, grad):
        """Clip a gradient (P,) in place: its elements, then its norm."""
        if self.clip_value is not None:
            np.clip(grad, -float(self.clip_value), float(self.clip_value), out=grad)
        if self.clip_norm is not None:
            norm = np.sqrt(np.sum(np.square(grad, dtype=np.float64)))
            if norm > self.clip_norm:
                grad *= float(self.clip_norm / norm)


class Adam(Stochastic):
    """Stochastic gradient descent with adaptive moments, in float32.

    m and v are running means of the gradient g and of its square,

        m <- beta_1 m + (1 - beta_1) g
        v <- beta_2 v + (1 - beta_2) g^2
        theta <- theta - learning_rate * m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    with the weight decay in g [1]_.

    Parameters
    ----------
    learning_rate : float, default=0.003
        Size of a step.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the two running means.
    epsilon : float, default=1e-8
        Added to the root.

    See Also
    --------
    SGD, RMSprop : other rules.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba. "Adam: A method for stochastic optimization." ICLR 2015.

    Examples
    --------
    >>> from tsrnn import Adam, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(500, random_state=0)
    >>> solver = Adam(learning_rate=0.01, schedule="cosine", clip_norm=1.0)
    >>> model = NARXRegressor(solver=solver, batch_size=50, random_state=0).fit(X, y)
    """

    n_traces = 2

    learning_rate: float = 0.003
    _: KW_ONLY
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def _check_rule(self):
        check_number("beta_1", self.beta_1, 0, 1, high_open=True)
        check_number("beta_2", self.beta_2, 0, 1, high_open=True)
        check_number("epsilon", self.epsilon, 0)

    def _step(self, theta, grad, rate, t, m, v):
        b1, b2 = 1 - self.beta_1, 1 - self.beta_2
        c1, c2 = rate / (1 - self.beta_1**t), 1 / (1 - self.beta_2**t)
        _adam_step(theta, grad, m, v, np.array([c1, c2, b1, b2, self.epsilon], theta.dtype))


@kernel
def _adam_step(theta, grad, m, v, settings):
    """Take one step in place.   theta, grad, m, v : (P,).   settings : (5,), of the same dtype.

    Compiled, since NumPy's dozen passes cost a quarter of a small net's step; in short loops of one operation each,
    which LLVM vectorises.
    """
    c1, c2, b1, b2, e = settings
    for j in range(theta.size):
        m[j] += b1 * (grad[j] - m[j])
    for j in range(theta.size):
        v[j] += b2 * (grad[j] * grad[j] - v[j])
    for j in range(theta.size):
        theta[j] -= c1 * m[j] / (np.sqrt(v[j] * c2) + e)


class SGD(Stochastic):
    """Stochastic gradient descent with momentum, in float32.

    g being the gradient, with the weight decay in it,

        v <- momentum v - learning_rate g
        theta <- theta + v                              the heavy ball [1]_
        theta <- theta + momentum v - learning_rate g   Nesterov's [2]_, as it reads at the point looked ahead to

    Parameters
    ----------
    learning_rate : float, default=0.01
        Size of a step.
    momentum : float, default=0.9
        Share of its velocity v that a step keeps; 0 is plain gradient descent.
    nesterov : bool, default=True
        Whether to take the gradient at the point that the momentum leads to.

    See Also
    --------
    Adam : needs less tuning of the learning rate.

    References
    ----------
    .. [1] B. T. Polyak. "Some methods of speeding up the convergence of iteration methods." USSR Computational
       Mathematics and Mathematical Physics 4(5), 1964.
    .. [2] I. Sutskever, J. Martens, G. Dahl, G. Hinton. "On the importance of initialization and momentum in
       deep learning." ICML 2013.

    Examples
    --------
    >>> from tsrnn import SGD, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(500, random_state=0)
    >>> solver = SGD(learning_rate=0.1, schedule="plateau", clip_norm=1.0)
    >>> model = NARXRegressor(solver=solver, batch_size=50, random_state=0).fit(X, y)
    """

    n_traces = 1

    learning_rate: float = 0.01
    _: KW_ONLY
    momentum: float = 0.9
    nesterov: bool = True

    def _check_rule(self):
        check_number("momentum", self.momentum, 0, 1, high_open=True)
        check_flag("nesterov", self.nesterov)

    def _step(self, theta, grad, rate, t, v):
        momentum = float(self.momentum)
        grad *= rate
        v *= momentum
        v -= grad
        theta += momentum * v - grad if self.nesterov else v


class RMSprop(Stochastic):
    """Stochastic gradient descent on gradients divided by their running root mean square, in float32.

    g being the gradient, with the weight decay in it,

        v <- rho v + (1 - rho) g^2
        theta <- theta - learning_rate * g / (sqrt(v) + epsilon)

    Parameters
    ----------
    learning_rate : float, default=0.001
        Size of a step.
    rho : float, default=0.9
        Decay of the running mean of squares v, which starts at 0.
    epsilon : float, default=1e-8
        Added to the root.

    See Also
    --------
    Adam : the same with a running mean of the gradient, and both means corrected for their start.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton. "Lecture 6.5: RMSProp." Coursera, Neural Networks for Machine Learning, 2012.

    Examples
    --------
    >>> from tsrnn import NARXRegressor, RMSprop
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(500, random_state=0)
    >>> solver = RMSprop(learning_rate=0.01, schedule="cosine", warmup=0.1)
    >>> model = NARXRegressor(solver=solver, batch_size=50, random_state=0).fit(X, y)
    """

    n_traces = 1

    learning_rate: float = 0.001
    _: KW_ONLY
    rho: float = 0.9
    epsilon: float = 1e-8

    def _check_rule(self):
        check_number("rho", self.rho, 0, 1, high_open=True)
        check_number("epsilon", self.epsilon, 0)

    def _step(self, theta, grad, rate, t, v):
        v += float(1 - self.rho) * (grad * grad - v)
        theta -= rate * grad / (np.sqrt(v) + float(self.epsilon))


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


class LevenbergMarquardt(BaseEstimator):
    """Damped Gauss-Newton, the standard method of system identification for small nets, in float64.

    Each iteration solves

        (J'J + diag(decay) + mu I) step = -(J'r + decay theta)

    with J'J accumulated over blocks of rows, so that the memory does not grow with the series. mu falls when
    the quadratic model predicts the gain well and rises when it does not. In open loop the outputs are linear
    in the last layer: that layer is solved for exactly after each step of the others (variable projection),
    which saves most of the iterations.

    Parameters
    ----------
    damping : float, default=1e-3
        First mu, relative to the largest diagonal element of J'J.
    bayesian : bool or "ard", default=True
        Re-estimate the weight decay after each step, by MacKay's evidence approximation [2]_ [3]_:
        gamma = P - decay trace((J'J + decay I)^-1) well-determined parameters give
        decay = gamma r'r / (theta'theta (N - gamma)). A noisy series then gets a smooth net, a noise-free one
        an exact fit; `alpha` is only the start. "ard" (automatic relevance determination) gives every lag of
        every input a decay of its own, and every later layer one: good for short noisy series with many
        lags, less so for a free run.
    gtol : float, default=1e-10
        Stop when the predicted gain of a step is less than this share of the objective.

    References
    ----------
    .. [1] M. T. Hagan, M. B. Menhaj. "Training feedforward networks with the Marquardt algorithm."
       IEEE Transactions on Neural Networks 5(6), 1994.
    .. [2] D. J. C. MacKay. "Bayesian interpolation." Neural Computation 4(3), 1992.
    .. [3] F. D. Foresee, M. T. Hagan. "Gauss-Newton approximation to Bayesian learning." ICNN 1997.
    .. [4] G. Golub, V. Pereyra. "Separable nonlinear least squares: the variable projection method and its
       applications." Inverse Problems 19, 2003.
    .. [5] H. B. Nielsen. "Damping parameter in Marquardt's method." Technical University of Denmark, 1999.

    Examples
    --------
    >>> from tsrnn import LevenbergMarquardt, NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(500, random_state=0)
    >>> solver = LevenbergMarquardt(bayesian=False)
    >>> model = NARXRegressor(solver=solver, max_iter=50, random_state=0).fit(X, y)
    """

    dtype = np.float64
    batches = "all"
    needs = ("gauss_newton", "sum_of_squares", "groups", "linear", "solve_linear")
    resumes = False

    def __init__(self, damping=1e-3, *, bayesian=True, gtol=1e-10):
        self.damping = damping
        self.bayesian = bayesian
        self.gtol = gtol

    def minimize(self, objective, theta, monitor, rng):
        """Iterate until no step lowers the objective or the monitor stops."""
        check_number("damping", self.damping, 0, low_open=True)
        if not (isinstance(self.bayesian, str) and self.bayesian == "ard"):
            check_flag("bayesian", self.bayesian)
        check_number("gtol", self.gtol, 0)
        decay = objective.decay
        theta = objective.solve_linear(theta, decay)
        sse, Jr, JJ = objective.gauss_newton(theta)
        mu, growth = self.damping * max(JJ.diagonal().max(), np.finfo(float).tiny), 2.0
        # solve_linear sets the linear parameters: hardly damp them
        damped = np.where(objective.linear, 1e-9, 1.0)
        while True:
            g = Jr + decay * theta
            E = sse + decay @ theta**2
            while True:  # until a step lowers E
                step = solve(JJ, decay + mu * damped, -g)
                if step is not None:
                    predicted = step @ (mu * damped * step - g)  # the decrease of E in the quadratic model
                    if not predicted > self.gtol * E:
                        monitor(theta, E / (2 * objective.weight))
                        return
                    trial = objective.solve_linear(theta + step, decay)
                    gain = (E - objective.sum_of_squares(trial) - decay @ trial**2) / predicted
                    if gain > 0:
                        break
                if not mu < 1e100:
                    monitor(theta, E / (2 * objective.weight))
                    return
                mu, growth = mu * growth, growth * 2
            mu, growth = mu * max(1 / 3, 1 - (2 * gain - 1) ** 3), 2.0
            theta = trial
            sse, Jr, JJ = objective.gauss_newton(theta)
            if self.bayesian:
                decay = objective.decay = _evidence(objective, theta, decay, sse, JJ, self.bayesian == "ard")
            if monitor(theta, (sse + decay @ theta**2) / (2 * objective.weight)):
                return


def _evidence(objective, theta, decay, sse, JJ, relevance):
    """Do one MacKay update of the decay (P,), shared by all weights or by group; biases (group 0) have none."""
    groups = objective.groups if relevance else np.minimum(objective.groups, 1)
    inverse = solve(JJ, np.maximum(decay, 1e-12 * JJ.diagonal().max()), np.eye(len(theta)))
    if inverse is None:
        return decay
    determined = np.bincount(groups, 1 - decay * inverse.diagonal())  # well-determined parameters
    degrees_of_freedom = objective.weight - determined.sum()
    if not (degrees_of_freedom > 0 and (determined[1:] > 0).all()):
        return decay
    squares = np.maximum(np.bincount(groups, theta**2), np.finfo(float).tiny)
    by_group = np.minimum(determined * sse / (degrees_of_freedom * squares), 1e12 * JJ.diagonal().max())
    by_group[0] = 0.0
    return by_group[groups]


def assimilate(objective, theta, information, max_iter=10):
    """Learn from new samples by recursive Gauss-Newton, an extended Kalman filter in information form.

    Minimise r'r + (theta - theta_0)' information (theta - theta_0), where information (P, P) is J'J + diag(decay)
    over the earlier samples. Where the residuals are linear in theta the result is that of a fit to all samples, old
    and new.

    Returns theta (P,) and the information updated by the new samples; both unchanged, with a warning, if squares of
    the new samples overflow.

    References
    ----------
    .. [1] D. P. Bertsekas. "Incremental least squares methods and the extended Kalman filter." SIAM Journal on
       Optimization 6(3), 1996.
    """
    start, delta = theta, np.zeros_like(theta)
    sse, Jr, JJ = objective.gauss_newton(theta)
    if not (np.isfinite(sse) and np.isfinite(JJ).all()):
        warn(
            "The new rows are so far from those of training that nothing was learnt from them: look for wrong values.",
            ConvergenceWarning,
        )
        return start, information
    scale = max(JJ.diagonal().max(), information.diagonal().max())
    for _ in range(max_iter):
        g, E = Jr + information @ delta, sse + delta @ information @ delta
        gain = 0.0
        for mu in scale * 10.0 ** np.arange(-12, 3):  # the smallest damping whose step lowers E
            step = solve(JJ + information, mu, -g)
            if step is not None:
                trial = delta + step
                gain = E - objective.sum_of_squares(start + trial) - trial @ information @ trial
                if gain > 0:
                    break
        if not gain > 1e-9 * E:
            break
        delta, theta = trial, start + trial
        sse, Jr, JJ = objective.gauss_newton(theta)
    return theta, information + JJ


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

            def callback(intermediate_result):
                if monitor(intermediate_result.x, intermediate_result.fun):
                    raise StopIteration

            population = np.clip(population, -self.bound, self.bound)
            differential_evolution(
                value, box, init=population, rng=seed, polish=False, maxiter=10**9, tol=0, callback=callback
            )
        elif self.method == "annealing":
            n_left = monitor.max_iter - 1

            def callback(theta, loss, context):
                return monitor(theta, loss)

            monitor(start, value(start))
            dual_annealing(
                value,
                box,
                x0=start,
                rng=seed,
                maxiter=max(1, n_left),
                no_local_search=True,
                callback=callback,
            )
        else:
            raise ValueError(
                f"method={self.method!r} is unknown: give 'differential_evolution' or 'annealing'."
            )
        if self.polish:
            monitor.max_iter += POLISH
            LBFGS().minimize(objective, monitor.best_theta.copy(), monitor, rng)
        monitor.reason = "spent its generations"  # which it always does: that is no failure


POLISH = 100  # iterations of L-BFGS from the best member of an evolution
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
