"""Solvers that learn row by row, as rows come in, for systems that drift.

An objective for them offers, besides what ``solvers.py`` says,

    rows(theta, memory)            goes through the rows in the order of time, and yields of each the errors r = out - y
                                   (O,), J = d r / d theta (O, P) and the weights w (O,), 0 where y is not known.  theta
                                   may change in place before the next row is asked for.  memory : how the states felt
                                   theta before the first row, None for not at all; the generator returns how they
                                   do after the last

J is that of real-time recurrent learning: sensitivities are carried from row to row while theta changes, so that a row
is a step of O(H P) numbers and no sequence is cut.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import blas
from sklearn.base import BaseEstimator

from .._check import check_number
from .._memory_limit import check_memory
from .._values import kept
from .._warn import warn


LONG = 3e10  # numbers of P in a pass, some minute, from which on a Kalman filter says beforehand that it will take long
PACE = 2e-9  # seconds each
FADE = 0.99  # of the running mean of squared errors that stands for their variance
FLOOR = 1e-8  # of that variance, in scaled units


@kept("moments of an online solver")
class OnlineMoments(NamedTuple):
    """State from which an online solver resumes: its class, its own arrays, and d states / d theta."""

    rule: type
    own: tuple
    felt: Any


class Online(BaseEstimator):
    """Base of solvers that see one row at a time: an epoch is a pass through all rows.

    A subclass brings ``_check()``, ``_begin(P, O, rows)``, the arrays that it goes on with, and
    ``_step(theta, r, J, w, share, *arrays)``, which changes theta and the arrays in place; share : decay of a row (P,).
    """

    dtype = np.float64
    batches = "rows"
    needs = ("rows",)
    resumes = True

    def minimize(self, objective, theta, monitor, rng, moments=None):
        """Go through the rows until the monitor stops; return the moments to go on with."""
        self._check()
        theta = np.array(theta, np.float64)
        arrays, felt = None, None
        if isinstance(moments, OnlineMoments) and moments.rule is type(self):
            arrays, felt = tuple(a.copy() for a in moments.own), moments.felt
            arrays = arrays if all(np.isfinite(a).all() for a in arrays) else None
        share = objective.decay / objective.weight
        while True:
            total, weight, rows = 0.0, 0.0, objective.rows(theta, felt)
            while True:
                try:
                    r, J, w = next(rows)
                except StopIteration as end:
                    after = end.value
                    break
                if not w.any():
                    continue
                arrays = self._begin(len(theta), len(r), objective.weight) if arrays is None else arrays
                total, weight = total + 0.5 * float(w @ r**2), weight + float(w.sum())
                # the monitor warns of a loss that is not finite
                with np.errstate(over="ignore", invalid="ignore"):
                    self._step(theta, r, J, w, share, *arrays)
            stops = monitor(theta, total / weight if weight else 0.0)
            if stops:
                return OnlineMoments(type(self), arrays or (), after)
            felt = None  # the next pass begins anew


class KalmanFilter(Online):
    """Extended Kalman filter: the weights are the state of a random walk that y observes; in float64.

    For each row, with its errors e = y - out and J = d out / d theta [1]_ [2]_,

        K = P J' (J P J' + R)^-1
        theta <- theta + K e
        P <- (P - K J P) / forgetting + process_noise I

    P is the uncertainty of the weights: a recursive Gauss-Newton method, of second order at the price of P^2 numbers a
    row, which learns in a few passes what gradient descent needs hundreds for. With ``forgetting`` below 1 or
    ``process_noise`` above 0 it never stops learning: for systems that drift, row by row with ``partial_fit``. For the
    squared loss in open loop, of delay nets and of recurrent nets (Elman, LSTM without peepholes, GRU, MinGRU, LRU)
    with up to a few thousand weights: a row takes about P^2 / 10^6 milliseconds.

    Parameters
    ----------
    covariance : float, default=0.1
        Of each weight before the first row, in the net's scaled units: P begins as that times I.
    process_noise : float, default=1e-6
        How much variance each weight gains from row to row: the faster the system drifts, the more.
    forgetting : float, default=1.0
        In (0, 1]. It remembers the last 1 / (1 - forgetting) rows, roughly; where inputs are at rest for long, process
        noise is safer.
    noise : float or "auto", default="auto"
        R, the variance of errors in scaled units; "auto": a running mean of their squares, which falls as the net
        learns.

    References
    ----------
    .. [1] G. V. Puskorius, L. A. Feldkamp. "Neurocontrol of nonlinear dynamical systems with Kalman filter trained
       recurrent networks." IEEE Transactions on Neural Networks 5(2), 1994.
    .. [2] S. Haykin (editor). "Kalman Filtering and Neural Networks." Wiley, 2001, chapter 2.

    Examples
    --------
    >>> from tsrnn import ElmanRegressor, KalmanFilter
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(400, random_state=0)
    >>> solver = KalmanFilter(process_noise=1e-5)
    >>> model = ElmanRegressor((4,), output_lags=1, solver=solver, max_iter=5, random_state=0).fit(X[:300], y[:300])
    >>> for t in range(300, 400, 20):
    ...     model = model.partial_fit(X[t : t + 20], y[t : t + 20])
    """

    def __init__(self, covariance=0.1, *, process_noise=1e-6, forgetting=1.0, noise="auto"):
        self.covariance = covariance
        self.process_noise = process_noise
        self.forgetting = forgetting
        self.noise = noise

    def _check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("covariance", self.covariance, 0, low_open=True)
        check_number("process_noise", self.process_noise, 0)
        check_number("forgetting", self.forgetting, 0, 1, low_open=True)
        check_number("noise", self.noise, 0, low_open=True, words=("auto",))

    def _begin(self, P, O, rows):
        """Return P, and the variance of errors (O,), which begins as that of y."""
        cure = "fewer units or lags, or solver='adam'"
        check_memory("P of a Kalman filter, two copies", (2, P, P), cure)
        if rows * P**2 > LONG:
            warn(
                f"A Kalman filter of {P:,} weights goes through {P:,} x {P:,} numbers per row: about "
                f"{PACE * rows * P**2 / 60:,.0f} minutes per epoch. Give {cure}, if that is too long."
            )
        return np.eye(P) * self.covariance, np.ones(O)

    def _step(self, theta, r, J, w, share, P, variance):
        """Take one step in place.   theta : (P,).   r, w : (O,).   J : (O, P).   P : (P, P).   variance : (O,)."""
        counts = w > 0
        r, J, w = r[counts], J[counts], w[counts]
        R = variance[counts] if self.noise == "auto" else np.full(len(r), float(self.noise))
        PJ = P @ J.T  # (P, n)
        S = J @ PJ
        S.flat[:: len(S) + 1] += R / w
        K = np.linalg.solve(S, PJ.T).T
        theta -= K @ r
        left = 1 / self.forgetting
        blas.dgemm(-left, K, PJ, left, P.T, trans_b=True, overwrite_c=True)  # in place; P is symmetric
        if self.forgetting < 1:
            largest = P.diagonal().max()  # of what no row tells anything, nothing is forgotten
            if largest > 10 * self.covariance:
                P *= 10 * self.covariance / largest
        P.flat[:: len(P) + 1] += self.process_noise
        fade = min(FADE, 1 - w.max() * (1 - FADE))
        variance[counts] = np.maximum(fade * variance[counts] + (1 - fade) * r**2, FLOOR)


class OnlineGradient(Online):
    """Gradient descent row by row, with the exact gradient of real-time recurrent learning; in float64.

    For each row, with its errors r and J = d out / d theta, which feels all rows before it [1]_,

        theta <- theta - learning_rate (J'(1 / w + learning_rate J J')^-1 r + decay theta)

    which is J'w r for a small rate, and no step leads beyond what explains its row [2]_. No sequence is cut, as it is
    in truncated back-propagation, and nothing is kept but the sensitivities: for small nets on streams, row by row with
    ``partial_fit``. For the squared loss in open loop, of delay nets and of recurrent nets (Elman, LSTM without
    peepholes, GRU, MinGRU, LRU).

    Parameters
    ----------
    learning_rate : float, default=0.1
        Size of a step: a row is explained to a share of 1 - 1 / (1 + learning_rate J J'), where J J' is some 10 in nets
        of ten units. Smaller for noisy y that does not drift.
    clip_norm : float or None, default=None
        The gradient of a row is scaled down to this Euclidean norm where it is longer.

    See Also
    --------
    KalmanFilter : learns in far fewer rows, for P^2 numbers a row.

    References
    ----------
    .. [1] R. J. Williams, D. Zipser. "A learning algorithm for continually running fully recurrent neural networks."
       Neural Computation 1(2), 1989.
    .. [2] P. Toulis, E. M. Airoldi. "Asymptotic and finite-sample properties of estimators based on stochastic
       gradients." Annals of Statistics 45(4), 2017.

    Examples
    --------
    >>> from tsrnn import ElmanRegressor, OnlineGradient
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(400, random_state=0)
    >>> model = ElmanRegressor((4,), output_lags=1, solver=OnlineGradient(0.02), max_iter=10, random_state=0)
    >>> model = model.fit(X[:300], y[:300]).partial_fit(X[300:], y[300:])
    """

    def __init__(self, learning_rate=0.1, *, clip_norm=None):
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm

    def _check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("learning_rate", self.learning_rate, 0, low_open=True)
        check_number("clip_norm", self.clip_norm, 0, low_open=True, words=(None,))

    def _begin(self, P, O, rows):
        """Return no arrays: a step depends on its row alone."""
        return ()

    def _step(self, theta, r, J, w, share):
        """Take one step in place.   theta, share : (P,).   r, w : (O,).   J : (O, P)."""
        counts = w > 0
        r, J, w = r[counts], J[counts], w[counts]
        S = self.learning_rate * (J @ J.T)
        S.flat[:: len(S) + 1] += 1 / w
        grad = J.T @ np.linalg.solve(S, r) + share * theta
        norm = np.sqrt(grad @ grad)
        if self.clip_norm is not None and norm > self.clip_norm:
            grad *= self.clip_norm / norm
        theta -= self.learning_rate * grad
