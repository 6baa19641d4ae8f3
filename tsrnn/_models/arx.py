"""ARX, the linear autoregression that a net has to beat.

    y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l)            (+ sum_m d_m e(t - m): ARMAX, ``error_learner.py``)

It is a delay network without hidden layers, whose weights are those of a ridge regression; or, where it finds its lags
of y, of the mean of several (``linear_mean.py``): of levels and of differences, with inputs and without.
"""

from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np

from .._check import check_number
from .._estimators.attributes import shown
from .._estimators.parameters import Lags
from .._estimators.regressor import SequenceRegressor
from .._nets.delay import DelayDynamics
from .._nets.dynamics import Trained, after_memory, check_enough_rows, no_row_counts
from .._series.histories import with_histories
from .._series.lags import Averaged, both_lags, of_one, parse_lags
from .._training.losses import squared
from .._values import kept
from .delay_learner import DelayLearner
from .error_learner import with_errors
from .linear_mean import mean_of, sums_of


@kept("linear carry")
class LinearCarry(NamedTuple):
    """What all rows learnt from say of outputs of which the same rows count, in sums for each member, and a penalty."""

    sums: tuple
    alpha: float
    averaged: Averaged


@dataclass(frozen=True, eq=False)
class LinearLearner(DelayLearner):
    """Ridge regression on the lags, exactly and in one pass; ``learn_more`` adds to its sums.

    linear : ``Averaged`` models of a mean, whose lags together are its own; or None for one.
    """

    held_share = 0.0
    weighs_linear = True  # where it finds its lags of y

    def before(self, trained, net):
        """Return None: there is only one solution."""

    def learn(self, net, series, mean, rng, before=None):
        """Solve the normal equations of all rows."""
        check_enough_rows(type(self.p).__name__, net.lead, series)
        series = with_histories(series, self.output_lags)
        sums = sums_of(net.n_inputs, net.n_outputs, self._averaged, series)
        if sums is None:
            raise no_row_counts(net.lead, net.n_outputs)
        return self._solved(net, sums, mean, self._averaged)

    def of_sums(self, net, n):
        """Return whether normal equations tell all there is to learn."""
        return True

    def learn_sums(self, net, sums, mean):
        """Solve the normal equations."""
        return self._solved(net, [sums], mean, self._averaged)

    def learn_more(self, trained, series, memory, rng):
        """Solve again, with the new rows."""
        dynamics, carry = trained.dynamics, trained.carry
        net, averaged = dynamics.plan, carry.averaged
        new = sums_of(net.n_inputs, net.n_outputs, averaged, [after_memory(series, memory)])
        if new is None:
            return trained
        sums = [_added(*both) for both in zip(carry.sums, new)]
        return self._solved(net, sums, dynamics.mean, averaged)

    def fade(self, trained, share):
        """Return what was learnt, whose sums count for so much less."""
        sums = tuple(tuple(alike.scaled(share) for alike in of) for of in trained.carry.sums)
        return trained._replace(carry=trained.carry._replace(sums=sums))

    @property
    def _averaged(self):
        """The members of the mean, one where there is none."""
        return self.linear or of_one(self.input_lags, self.output_lags)

    def _solved(self, net, sums, mean, averaged):
        """Solve the sums for each member; returns ``Trained``."""
        alpha = None if self.p.alpha == "auto" else float(self.p.alpha)
        (W, b), alpha, loss = mean_of(net.n_inputs, net.n_outputs, averaged, sums, alpha)
        dynamics = DelayDynamics(np.concatenate([W.ravel(), b]), net, mean, self.input_lag)
        return Trained(dynamics, 1, [loss], [], LinearCarry(tuple(sums), alpha, averaged))


def _added(sums, new):
    """Add two tuples of ``Alike`` or ``FewRows``, over different rows."""
    if [a.outputs.tolist() for a in sums] == [a.outputs.tolist() for a in new]:
        return tuple(a + b for a, b in zip(sums, new))
    old, latest = (
        {int(o): a.of(slice(k, k + 1)) for a in side for k, o in enumerate(a.outputs)} for side in (sums, new)
    )
    return tuple(old[o] + latest[o] for o in sorted(old))


class ARXRegressor(SequenceRegressor):
    """Linear autoregression with exogenous inputs (ARX), by ridge regression.

    y(t) = b + sum_k a_k y(t - k) + sum_l c_l x(t - l) [1]_, fitted one step ahead from measured y, exactly and in one
    pass. The linear model that a net has to beat. ``partial_fit`` gives what a fit to all rows would (with the
    scaling, the lags and, of a mean, the shares that the first fit found), unless more than three rows in ten look
    back at a y that was not measured.

    Parameters
    ----------
    input_lags : int, sequence of int or "auto", default="auto"
        An int L means x(t), x(t - 1) ... x(t - L), a sequence for exactly those lags. "auto": as for ``output_lags``.
    output_lags : int, sequence of int or "auto", default="auto"
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. "auto": those by which it forecasts
        held rows best, of a few and of seasons that the index suggests; without inputs in the mean of models of levels
        and of differences by one row and by seasons, each with its own lags, weighed by their errors on these rows;
        with inputs that tell little on these in the mean with such a one, and with y a season before, or the last one,
        where this errs hardly more. Of several outputs each such model is averaged, for each output and by their
        evidence, with one that sees its own past alone. See ``lags_``; given lags are those of a single model.
    error_lags : int or sequence of int, default=0
        An int M adds the past one-step errors e(t - 1) ... e(t - M), e = y minus its forecast: ARMAX, by extended least
        squares [3]_. For a y measured with noise, whose coefficients plain ARX underestimates, and for series that two
        or three such errors explain as well as twenty lags. Beyond the last known y they are 0.
    alpha : float or "auto", default="auto"
        Penalty: alpha times the squared weights is added to the sum of squared errors (in scaled units). 0 is least
        squares; "auto" is the penalty with most evidence [2]_, or that times a power of ten, such that the free run
        does not explode where y does not.

    Attributes
    ----------
    lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags, those that were found where they are "auto"; of a mean those of all its models.
    alpha_ : float
        The penalty used; of a mean that of its first model, which sees the inputs, if there are any.
    params_ : tuple of one (W, b)
        The coefficients in scaled units, W of shape (n_lags x n_columns, n_outputs): first the inputs, oldest lag
        first, then the errors, if it sees any, then the outputs, oldest lag first.
    theta_ : ndarray of shape (n_parameters,)
        The same, flat.
    n_iter_ : int
        1.
    loss_curve_ : list of float
        Half the mean squared error in scaled units, plus the penalty; of a mean that of its models on average.

    See Also
    --------
    NARXRegressor : the same with hidden layers.

    References
    ----------
    .. [1] L. Ljung. "System identification: theory for the user." Prentice Hall, 1999, section 4.2.
    .. [2] D. J. C. MacKay. "Bayesian interpolation." Neural Computation 4(3), 1992.
    .. [3] L. Ljung, T. Soderstrom. "Theory and practice of recursive identification." MIT Press, 1983, section 3.7.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import ARXRegressor
    >>> y = 0.5 ** np.arange(8.0)
    >>> model = ARXRegressor(output_lags=1, alpha=0).fit(None, y)
    >>> model.forecast(2) * 2**9
    array([2., 1.])
    """

    input_lags: Lags = "auto"
    output_lags: Lags = "auto"
    _: KW_ONLY
    error_lags: Lags = 0
    alpha: float | str = "auto"
    scale: str | None = "auto"
    start: str | tuple = "auto"
    random_state: object = None
    target_bounds: tuple | str | None = "auto"

    _warmup = ({},)

    def _learner(self):
        check_number("alpha", self.alpha, 0, words=("auto",))
        lags = both_lags(self)
        learner = LinearLearner(self, (), *lags, [], "identity", False, squared)
        return with_errors(learner, parse_lags(self.error_lags, "error_lags", 1))

    alpha_ = shown("trained.carry.alpha", "The penalty used.")
