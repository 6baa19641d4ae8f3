"""ARX, the linear autoregression that a net has to beat.

    y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)

It is a delay network without hidden layers, whose weights are those of a ridge regression.
"""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from .._check import check_number
from .._estimators.parameters import Lags
from .._estimators.regressor import SequenceRegressor
from .._nets.delay import DelayDynamics
from .._nets.delay_loss import WindowLoss
from .._nets.dynamics import Trained, check_enough_rows, no_row_counts
from .._series.lags import parse_lags
from .._training.losses import squared
from .delay_network import Carry, DelayLearner, open_loop


@dataclass(frozen=True, eq=False)
class LinearLearner(DelayLearner):
    """Ridge regression on the lags, exactly and in one pass."""

    held_share = 0.0

    def before(self, trained, net):
        """Nothing: there is only one solution."""

    def learn(self, net, series, mean, rng, before=None):
        """Solve."""
        check_enough_rows(type(self.p).__name__, net.lead, series)
        loss = self._loss(net, series, open_loop(net), self.p.alpha)
        if loss.n == 0:
            raise no_row_counts(net.lead, "give shorter lags, or more rows")
        theta = loss.solve_linear(np.zeros(net.size), loss.decay)
        rr, _, JJ = loss.gauss_newton(theta)
        curve = [(rr + loss.decay @ theta**2) / (2 * loss.weight)]
        dynamics = DelayDynamics(theta, net, mean, self.input_lag)
        return Trained(dynamics, 1, curve, [], Carry(None, JJ + np.diag(loss.decay)))

    def _loss(self, net, series, kind, alpha, dtype=np.float64, held=False):
        return WindowLoss(net, series, *kind, alpha, dtype, held)


class ARXRegressor(SequenceRegressor):
    """Linear autoregression with exogenous inputs (ARX), by ridge regression.

    y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l), fitted one step ahead from measured y, exactly and in one pass.
    The linear model that a net has to beat. ``partial_fit`` gives what a fit to all rows would (with the scaling of
    the first).

    Parameters
    ----------
    input_lags : int or sequence of int, default=2
        An int L stands for x(t), x(t - 1) ... x(t - L), a sequence for exactly those lags.
    output_lags : int or sequence of int, default=3
        An int K stands for y(t - 1) ... y(t - K), a sequence for exactly those lags.
    alpha : float, default=1e-4
        Penalty: alpha times the squared weights is added to the sum of squared errors (in scaled units). 0 is least
        squares.

    Attributes
    ----------
    params_ : tuple of one (W, b)
        The coefficients in scaled units, W of shape (n_lags x n_columns, n_outputs): first the inputs, oldest lag
        first, then the outputs, oldest lag first.
    theta_ : ndarray of shape (n_parameters,)
        The same, flat.
    n_iter_ : int
        1.
    loss_curve_ : list of float
        Half the mean squared error in scaled units, plus the penalty.

    See Also
    --------
    NARXRegressor : the same with hidden layers.

    References
    ----------
    .. [1] L. Ljung. "System identification: theory for the user." Prentice Hall, 1999, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import ARXRegressor
    >>> y = 0.5 ** np.arange(8.0)
    >>> model = ARXRegressor(output_lags=1, alpha=0).fit(None, y)
    >>> model.forecast(2) * 2**9
    array([2., 1.])
    """

    input_lags: Lags = 2
    output_lags: Lags = 3
    _: KW_ONLY
    alpha: float = 1e-4
    scale: str | None = "standard"
    start: str | tuple = "auto"
    random_state: object = None
    target_bounds: tuple | None = None

    _warmup = ({},)

    def _learner(self):
        check_number("alpha", self.alpha, 0)
        lags = parse_lags(self.input_lags, "input_lags", 0), parse_lags(self.output_lags, "output_lags", 1)
        return LinearLearner(self, (), *lags, [], "identity", False, squared)

    @property
    def params_(self):
        """The coefficients W and b, in scaled units, as a tuple of one pair."""
        return self._dynamics().params
