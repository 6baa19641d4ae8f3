"""Gauss-Newton methods, for sums of squares (see ``solvers.py``): Levenberg-Marquardt, and recursive updates.

With errors r(theta), J = d r / d theta and a decay of each parameter, a step solves

    (J'J + diag(decay) + mu I) step = -(J'r + decay theta)
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from .._check import check_flag, check_number
from .._warn import warn
from .least_squares import inverse_diagonal, solve


MOST_STEPS = 10  # on new samples, from weights that are near already


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
    variance = inverse_diagonal(JJ, np.maximum(decay, 1e-12 * JJ.diagonal().max()))
    if variance is None:
        return decay
    determined = np.bincount(groups, 1 - decay * variance)  # well-determined parameters
    degrees_of_freedom = objective.weight - determined.sum()
    if not (degrees_of_freedom > 0 and (determined[1:] > 0).all()):
        return decay
    squares = np.maximum(np.bincount(groups, theta**2), np.finfo(float).tiny)
    by_group = np.minimum(determined * sse / (degrees_of_freedom * squares), 1e12 * JJ.diagonal().max())
    by_group[0] = 0.0
    return by_group[groups]


def assimilate(objective, theta, information):
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
            "The new rows are so far from the training rows that nothing was learnt from them: check them for wrong "
            "values.",
            ConvergenceWarning,
        )
        return start, information
    scale = max(JJ.diagonal().max(), information.diagonal().max())
    for _ in range(MOST_STEPS):
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
