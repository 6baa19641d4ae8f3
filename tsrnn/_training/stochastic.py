"""Stochastic gradient descent: Adam, SGD and RMSprop, over the mini-batches of an objective (see ``solvers.py``)."""

from dataclasses import KW_ONLY
from itertools import count
from math import cos, pi
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from .._check import check_flag, check_number, check_word
from .._declared import Declared
from .._kernels.jit import kernel
from .._values import kept


SCHEDULES = ("constant", "cosine", "plateau")


@kept("moments")
class Moments(NamedTuple):
    """State from which a stochastic solver resumes: its class, the steps taken, its gradient traces, each (P,)."""

    rule: type
    t: int
    traces: tuple


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
        check_word("schedule", self.schedule, SCHEDULES)
        check_number("warmup", self.warmup, 0, 1)
        for name in ("clip_norm", "clip_value"):
            check_number(name, getattr(self, name), 0, low_open=True, words=(None,))
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
        """Return whether moments are of the same rule, from a run that did not diverge."""
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
