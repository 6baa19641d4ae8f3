"""Losses of forecasts f.  With the error e = y - f,

squared     sum w e^2 / 2
absolute    sum w |e|
huber       sum w h(e),    h(e) = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)
pinball     sum w r(e),    r(e) = q e where e > 0, else (q - 1) e; q may differ from output to output

And of labels, y 0 or 1, or shares between, from scores f:

logistic    sum w (log(1 + exp f) - y' f)                          y' = (1 - s) y + s / 2
softmax     sum w (log(sum_k exp f_k) - sum_k y'_k f_k)            y' = (1 - s) y + s / K, of K classes

where s is the label smoothing [2].

And of counts and amounts y >= 0, with a log link, mean m = exp f: half the deviance [3], which is 0 where m = y,

poisson     sum w (y log(y / m) - y + m)                                                  variance m
negative    sum w (y log(y / m) - (y + 1 / a) log((1 + a y) / (1 + a m)))                 variance m + a m^2
tweedie     sum w (y^(2-p) / ((1-p) (2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p))         variance c m^p, 1 < p < 2

Where a loss has a kink, its gradient at e = 0 is 0, which lies between both sides.

Where forecasts are linear in the parameters, the loss is minimised by iteratively reweighted least squares: each step
minimises a parabola s (e + d)^2 / 2 + const that lies above the loss and touches it at the current errors (kinks
rounded off), so the loss never rises [1].

[1] D. R. Hunter, K. Lange, "Quantile regression via an MM algorithm", Journal of Computational and Graphical
    Statistics 9(1), 2000.
[2] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, "Rethinking the Inception architecture for computer
    vision", CVPR 2016.
[3] P. McCullagh, J. A. Nelder, "Generalized Linear Models", Chapman & Hall, 1989.

A loss is any object with

    __call__(out, y, w, at, dout)  the value, a float64, NaN where a forecast is NaN; and the gradient, into dout

and, where they apply,

    kinks                          True if its gradient jumps: no solver that needs smoothness is then chosen
    parabola(e, rounding)          s and d, shaped like the errors e (N, O), of the parabola above, kinks rounded off by
                                   ``rounding``: used to solve for a linear readout
    check()                        raises if a parameter of the loss is out of range
    check_outputs(n_outputs)       raises if the loss does not fit y with n_outputs columns
    joint                          True where the columns of a row have one loss together, with the weight of the first
    link                           what is fed back instead of forecasts, see ``labels.shares``
    draw(mean, rng), counts        of a loss with a log link: values that y with such means takes; if they are whole
    scaled(scale)                  of such a loss: the same for y / scale, (O,)

out, dout : (T, B, O), forecasts f and, out, the gradient with respect to them, float32 or float64.   y, w : (N O,),
targets and weights of all rows, flat; where w is 0, y may be any finite value.   at : (B,), where in them each
sequence's first row begins: output o of step t of sequence b is compared with y[at[b] + t O + o].
"""

from inspect import signature

import numpy as np
from sklearn.base import BaseEstimator

from .._check import check_number
from .loss_kernels import (
    absolute_errors,
    code_errors,
    huber_errors,
    logistic_errors,
    negative_binomial_errors,
    pinball_errors,
    poisson_errors,
    softmax_errors,
    squared_errors,
    tweedie_errors,
)


ROUNDING = 1e-3  # of kinks, in units of the mean loss: bounds the weights 1 / |e| by 1000 times the usual one
EXACT = 1e-150  # a smaller mean loss, or rounding, is an exact fit: its square would underflow
MIN_GAIN = 3e-5  # reweighting ends when a step lowers the loss by a smaller share
MOST_COUNTS = 1e9  # mean of counts that are drawn
MAX_REWEIGHTED = 80  # least-squares problems solved in one reweighting, at most
# Over-relaxation: each step goes so far beyond the parabolas' minimum. Up to 2 they do not rise, and kinks are reached
# in fewer steps.
STEP = 1.8


class Squared:
    """Half the sum of squares."""

    kinks = False

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return squared_errors(out, y, w, at, dout)

    def __repr__(self):
        return "'squared'"


class Absolute:
    """Sum of absolute errors."""

    kinks = True

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return absolute_errors(out, y, w, at, dout)

    def __repr__(self):
        return "'absolute'"

    def parabola(self, e, rounding):
        """Return s and d, shaped like e."""
        return 1 / (np.abs(e) + rounding), np.zeros_like(e)


class Huber(BaseEstimator):
    """Huber loss: squares of small errors, absolute values of large ones.

    sum w h(y - f), with h(e) = e^2 / 2 where abs(e) <= delta, else delta (abs(e) - delta / 2) [1]_:
    the gradient of an outlier is that of an error of delta.

    Parameters
    ----------
    delta : float, default=1.0
        Error from which on the loss grows linearly, in the units of the scaled y: with ``scale="standard"``,
        in standard deviations of y.

    References
    ----------
    .. [1] P. J. Huber. "Robust estimation of a location parameter." Annals of Mathematical Statistics 35(1),
       1964.

    Examples
    --------
    >>> from tsrnn import Huber
    >>> Huber(delta=0.5)
    Huber(delta=0.5)
    """

    kinks = False

    def __init__(self, delta=1.0):
        self.delta = delta

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("delta", self.delta, 0, low_open=True)

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return huber_errors(out, y, w, at, dout, float(self.delta))

    def parabola(self, e, rounding):
        """Return s and d, shaped like e; there is no kink to round off."""
        return self.delta / np.maximum(np.abs(e), self.delta), np.zeros_like(e)


class Pinball(BaseEstimator):
    """Pinball loss: its minimum is a quantile of y, where that of the squared loss is the mean.

    sum w r(y - f), with r(e) = q e where e > 0, else (q - 1) e [1]_.

    Parameters
    ----------
    quantile : float or sequence of float, default=0.5
        Quantile q to forecast, between 0 and 1: the share of rows in which y lies below the forecast; 0.5 is the
        median. A sequence has one per output.

    References
    ----------
    .. [1] R. Koenker, G. Bassett. "Regression quantiles." Econometrica 46(1), 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import Pinball, TDNNRegressor
    >>> from tsrnn.datasets import make_narma
    >>> Pinball(quantile=0.9)
    Pinball(quantile=0.9)
    >>> X, y = make_narma(500, random_state=0)
    >>> model = TDNNRegressor(loss=Pinball([0.1, 0.9]), random_state=0)  # two quantiles of the same y
    >>> model.fit(X, np.column_stack([y, y])).predict(X).shape
    (500, 2)
    """

    kinks = True

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        q = self.quantile
        quantiles = {f"quantile[{k}]": v for k, v in enumerate(q)} if _is_sequence(q) else {"quantile": q}
        for name, value in quantiles.items():
            check_number(name, value, 0, 1, low_open=True, high_open=True)

    def check_outputs(self, n_outputs):
        """Raise if the quantiles are not one per output."""
        if _is_sequence(self.quantile) and len(self.quantile) != n_outputs:
            raise ValueError(
                f"loss={self!r} has {len(self.quantile)} quantiles, but y has {n_outputs} outputs: give one number, or "
                "one for each output."
            )

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        quantile = np.empty(out.shape[2])
        quantile[:] = self.quantile
        return pinball_errors(out, y, w, at, dout, quantile)

    def parabola(self, e, rounding):
        """Return s and d, shaped like e: the pinball loss is half the absolute error plus a linear term."""
        size = np.abs(e) + rounding
        return 0.5 / size, (2 * np.asarray(self.quantile, float) - 1) * size


class Poisson(BaseEstimator):
    """Loss of counts: half the deviance of Poisson's distribution, of a net that gives the logarithm of the mean.

    For numbers of sales, calls or events, many of them small: forecasts are positive, and errors count relative to what
    is usual of a mean. Where counts vary more than Poisson's, take :class:`NegativeBinomial`; for amounts with zeros,
    such as rain, :class:`Tweedie`. ``sample_paths`` and ``forecast(method="bootstrap")`` draw from the distribution.

    Notes
    -----
    Of nets that are trained in open loop, without ``target_transform``; y is divided by its mean and not centered.

    References
    ----------
    .. [1] P. McCullagh, J. A. Nelder. "Generalized Linear Models." Chapman & Hall, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import NARXRegressor, Poisson
    >>> y = np.random.default_rng(0).poisson(np.resize([0.5, 2.0, 6.0], 300))
    >>> model = NARXRegressor((4,), output_lags=6, loss=Poisson(), training="open_loop", random_state=0).fit(None, y)
    >>> paths = model.sample_paths(3, n_paths=100)
    >>> bool((paths >= 0).all() and (paths == paths.round()).all())
    True
    """

    kinks = False
    log_link = True
    counts = True  # whether values that are drawn are whole

    def __init__(self):
        """Make the loss; it has no parameters."""

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return poisson_errors(out, y, w, at, dout)

    def scaled(self, scale):
        """Return the loss of y / scale (O,): the same, but for a factor."""
        return self

    def draw(self, mean, rng):
        """Draw counts of means (m, O)."""
        return rng.poisson(np.minimum(mean, MOST_COUNTS)).astype(float)


class NegativeBinomial(Poisson):
    """Loss of counts that vary more than Poisson's: variance mean + dispersion mean^2 [1]_.

    Parameters
    ----------
    dispersion : float, default=1.0
        0.1 where the standard deviation of large counts is a third of their mean, 1 where it is as large.

    References
    ----------
    .. [1] J. M. Hilbe. "Negative Binomial Regression." Cambridge University Press, 2011.

    Examples
    --------
    >>> from tsrnn import NegativeBinomial
    >>> NegativeBinomial(dispersion=0.5)
    NegativeBinomial(dispersion=0.5)
    """

    def __init__(self, dispersion=1.0):
        self.dispersion = dispersion

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("dispersion", self.dispersion, 0, low_open=True)

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return negative_binomial_errors(out, y, w, at, dout, np.full(out.shape[2], float(self.dispersion)))

    def scaled(self, scale):
        """Return the loss of y / scale (O,): its dispersion is larger by that."""
        return _NegativeBinomialOf(float(self.dispersion) * np.asarray(scale, float))

    def draw(self, mean, rng):
        """Draw counts of means (m, O): Poisson's, of means drawn from a gamma distribution."""
        means = rng.gamma(1 / self.dispersion, np.minimum(mean, MOST_COUNTS) * self.dispersion)
        return rng.poisson(np.minimum(means, MOST_COUNTS)).astype(float)


class _NegativeBinomialOf:
    """Negative binomial loss of outputs with a dispersion each.   dispersions : (O,)."""

    kinks = False

    def __init__(self, dispersions):
        self.dispersions = dispersions

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return negative_binomial_errors(out, y, w, at, dout, self.dispersions)


class Tweedie(Poisson):
    """Loss of amounts that are often exactly zero, such as rain or claims: variance dispersion mean^power [1]_.

    Parameters
    ----------
    power : float, default=1.5
        Between 1, near which values are multiples of one size, and 2, near which they are of a gamma distribution.
    dispersion : float, default=1.0
        For paths only: what is forecast does not depend on it.

    References
    ----------
    .. [1] B. Jørgensen. "Exponential dispersion models." Journal of the Royal Statistical Society B 49(2), 1987.

    Examples
    --------
    >>> from tsrnn import Tweedie
    >>> Tweedie(power=1.3)
    Tweedie(power=1.3)
    """

    counts = False

    def __init__(self, power=1.5, dispersion=1.0):
        self.power = power
        self.dispersion = dispersion

    def check(self):
        """Raise if a parameter is out of range or of the wrong type."""
        check_number("power", self.power, 1, 2, low_open=True, high_open=True)
        check_number("dispersion", self.dispersion, 0, low_open=True)

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return tweedie_errors(out, y, w, at, dout, float(self.power))

    def draw(self, mean, rng):
        """Draw amounts of means (m, O): Poisson's number of amounts, each of a gamma distribution."""
        p, mean = self.power, np.clip(mean, 1e-300, MOST_COUNTS)
        number = rng.poisson(np.minimum(mean ** (2 - p) / (self.dispersion * (2 - p)), MOST_COUNTS))
        size = self.dispersion * (p - 1) * mean ** (p - 1)
        return np.where(number > 0, rng.gamma(np.maximum(number, 1) * (2 - p) / (p - 1), size), 0.0)


class Logistic:
    """Cross-entropy of labels that are 0 or 1, each column of its own: two classes, or several labels a row."""

    kinks = False
    link = "logistic"

    def __init__(self, smoothing=0.0):
        self.smoothing = smoothing

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return logistic_errors(out, y, w, at, dout, float(self.smoothing))

    def __repr__(self):
        return "'cross-entropy'"


class Softmax(Logistic):
    """Cross-entropy of one label a row, of three classes or more, one a column."""

    joint = True
    link = "softmax"

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return softmax_errors(out, y, w, at, dout, float(self.smoothing))


class SoftmaxOfCodes(Softmax):
    """Cross-entropy as ``Softmax``, of labels that are given as codes."""

    def __call__(self, out, y, w, at, dout):
        """Return the loss and write its gradient into dout."""
        return code_errors(out, y, w, at, dout, float(self.smoothing))


def link_of(loss):
    """Return the link by which outputs of a model with this loss are fed back; see ``labels.shares``."""
    return getattr(loss, "link", "identity")


def is_of_labels(loss):
    """Return whether a loss is that of labels, whose outputs are scores of probabilities."""
    return link_of(loss) != "identity"


def has_log_link(loss):
    """Return whether a model with this loss outputs the logarithm of a mean."""
    return bool(getattr(LOSSES.get(loss, loss) if isinstance(loss, str) else loss, "log_link", False))


def check_open_loop(loss, sees_y, training):
    """Raise where a net would be trained to feed itself logarithms of means."""
    if has_log_link(loss) and sees_y and training != "open_loop":
        raise ValueError(
            f"training={training!r} feeds the net its own output, which with loss={loss!r} is the logarithm of a "
            "mean: give training='open_loop'."
        )


def weights_of(loss, w):
    """Weigh single outputs, (N, O), as a loss counts them, in place: a joint one counts rows."""
    if getattr(loss, "joint", False):
        w[:, 1:] = 0.0
    return w


def _is_sequence(quantile):
    """Return whether a ``quantile`` is one per output."""
    return np.iterable(quantile) and not isinstance(quantile, str)


squared = Squared()  # tested by identity: least squares then solves for a readout in one step
LOSSES = {"squared": squared, "absolute": Absolute(), "huber": Huber(), "pinball": Pinball()}
LOSSES |= {"poisson": Poisson(), "negative_binomial": NegativeBinomial(), "tweedie": Tweedie()}


def resolve_loss(loss, n_outputs=None):
    """Return the loss that a word or an object names; raise if it does not fit n_outputs."""
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if isinstance(loss, type) or not _takes(loss, 5):
        raise ValueError(
            f"loss={loss!r} is unknown: give {', '.join(map(repr, LOSSES))} or an object such as Huber(delta=0.5): "
            "anything with a method __call__(out, y, w, at, dout)."
        )
    if hasattr(loss, "check"):
        loss.check()
    if n_outputs is not None and hasattr(loss, "check_outputs"):
        loss.check_outputs(n_outputs)
    return loss


def _takes(function, n):
    """Return whether a function takes n positional arguments."""
    try:
        signature(function).bind(*range(n))
    except (TypeError, ValueError):
        return False
    return True


def has_kinks(loss):
    """Return whether the gradient of a loss jumps."""
    return bool(getattr(resolve_loss(loss), "kinks", False))


def has_parabola(loss):
    """Return whether a linear readout can be solved for by reweighted least squares."""
    return hasattr(resolve_loss(loss), "parabola")


# ---------------------------------------------------------------------------------------- reweighted least squares


def reweighted(step, theta):
    """Minimise a loss by reweighting until a step gains less than MIN_GAIN: theta (P,), and the loss before each step.

    step(theta) : the loss at theta, and the minimum (P,) of the parabolas that touch it there.
    """
    curve = []
    while len(curve) < MAX_REWEIGHTED:
        value, minimum = step(theta)
        curve.append(value)
        if len(curve) > 1 and not value < curve[-2] * (1 - MIN_GAIN):
            break
        theta = theta + STEP * (minimum - theta)
    return theta, curve
