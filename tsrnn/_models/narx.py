"""Nonlinear autoregressive network with exogenous inputs (NARX).

    y(t) = f(y(t - 1) ... y(t - K), x(t) ... x(t - L))

f is a feed-forward net: a delay network (``delay_kernels.py``) whose first layer sees lags of y.  Open loop
(series-parallel) training feeds it measured y; closed loop (parallel) training feeds it its own y and lets
the gradient flow through them.
"""

from dataclasses import KW_ONLY, replace

from .._check import check_number, check_word
from .._estimators.parameters import Lags
from .._estimators.regressor import SequenceRegressor
from .._series.lags import both_lags, parse_lags
from .delay_network import DelayClassifier, DelayNetwork, DelayParameters
from .error_learner import with_errors


class NARXParameters(DelayParameters):
    """What a network of lags has that sees its own last outputs.

    Parameters
    ----------
    input_lags : int, sequence of int or "auto", default=2
        An int L means x(t) ... x(t - L), a sequence for exactly those lags. ``range(1, L + 1)`` leaves out
        the present input, where it is not known ahead; ``range(h, h + L)`` with ``output_lags=range(h, h + K)``
        is a direct h-step forecaster, to be trained in open loop.
    output_lags : int, sequence of int or "auto", default=3
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. "auto": those by which a linear
        model forecasts best, of a few and of seasons that the index suggests; likewise for inputs. See ``lags_``.
    skip_connections : bool, default=False
        Whether the output layer sees the lags too, beside the hidden layers: a linear ARX model plus a net. Good
        for a direct forecaster; in a free run a path without bounds may run away.
    """

    _: KW_ONLY
    input_lags: Lags = 2
    output_lags: Lags = 3
    activation: str = "tanh"
    skip_connections: bool = False

    def _lags(self, n_hidden):
        """Return lags of the inputs, of the outputs, and of each later layer."""
        return *both_lags(self), [(0,)] * n_hidden


class NARXRegressor(NARXParameters, DelayNetwork, SequenceRegressor):
    """Nonlinear autoregressive network with exogenous inputs.

    y(t) = f(y(t - 1) ... y(t - K), x(t) ... x(t - L)), f a multilayer perceptron [1]_. Without X it is a
    nonlinear autoregression (NAR), without hidden layers a linear ARX model.

    Parameters
    ----------
    input_lags : int, sequence of int or "auto", default="auto"
        An int L means x(t) ... x(t - L), a sequence for exactly those lags. ``range(1, L + 1)`` leaves out
        the present input, where it is not known ahead; ``range(h, h + L)`` with ``output_lags=range(h, h + K)``
        is a direct h-step forecaster, to be trained in open loop. "auto": as for ``output_lags``.
    output_lags : int, sequence of int or "auto", default="auto"
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. "auto": those by which a linear
        model forecasts held rows best, of a few and of seasons that the index suggests. See ``lags_``.
    error_lags : int or sequence of int, default=0
        An int M adds the past one-step errors e(t - 1) ... e(t - M), e = y minus its forecast, as inputs: NARMAX [4]_,
        by extended least squares. For y with coloured or measurement noise, which biases a net that only sees lags of
        y. In a free run they are 0.
    training : {"both", "open_loop", "closed_loop"}, default="both"
        "open_loop" fits one-step forecasts from measured y; "closed_loop" fits free runs of
        ``sequence_length`` steps, each started from measured y; "both" does the first, then the second, then longer
        runs as long as long free runs over the validation rows are far worse than those of the trained length.
    skip_connections : bool or "auto", default="auto"
        Whether the output layer also sees the lags directly: a linear ARX model plus a net. "auto": a net that sees
        lags of y is trained without such connections, then blended with the linear model of its lags, in the shares
        that forecast the held-back rows best, one step ahead and in free runs; the net gets a smaller share where its
        gain may be chance. Then both learn the held-back rows too. With inputs and "auto" lags of y the net has few
        lags, from which it learns best, of one or two outputs the nearest ones among them where rows are enough, and
        the linear model has those of :class:`ARXRegressor`, averaged with a model of past y alone where inputs tell
        little; ``lags_`` holds all of them. A Bayesian solver starts from a decay of
        10 or more. There is no linear model if no rows are held back, with a loss other than the squared one, with
        error_lags, or with categories in X.
    sequence_length : int, default=32
        Steps of a free run in closed-loop training; in "both" the first horizon, which then grows.

    See Also
    --------
    TDNNRegressor : the same without feedback.

    References
    ----------
    .. [1] I. J. Leontaritis, S. A. Billings. "Input-output parametric models for non-linear systems."
       International Journal of Control 41(2), 1985.
    .. [2] K. S. Narendra, K. Parthasarathy. "Identification and control of dynamical systems using neural
       networks." IEEE Transactions on Neural Networks 1(1), 1990.
    .. [3] T. Lin, B. G. Horne, P. Tino, C. L. Giles. "Learning long-term dependencies in NARX recurrent neural
       networks." IEEE Transactions on Neural Networks 7(6), 1996.
    .. [4] S. Chen, S. A. Billings. "Representations of non-linear systems: the NARMAX model." International Journal of
       Control 49(3), 1989.

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(1000, random_state=0)
    >>> model = NARXRegressor(random_state=0).fit(X[:800], y[:800])
    >>> model.predict(X[800:]).shape  # free run
    (200,)
    >>> bool(model.score(X[800:], y[800:]) > 0.999)
    True
    """

    _: KW_ONLY
    input_lags: Lags = "auto"
    output_lags: Lags = "auto"
    activation: str = "tanh"
    skip_connections: bool | str = "auto"
    error_lags: Lags = 0
    training: str = "both"
    sequence_length: int = 32

    _warmup = tuple(  # settings that together call every kernel
        {"hidden_layer_sizes": (2,), "solver": solver, "max_iter": 2, "random_state": 0}
        for solver in ("lm", "lbfgs", "adam")
    )

    def _learner(self):
        check_word("training", self.training, ("open_loop", "closed_loop", "both"))
        check_number("sequence_length", self.sequence_length, 1, integer=True)
        free = {"training": self.training, "sequence_length": self.sequence_length}
        error_lags = parse_lags(self.error_lags, "error_lags", 1)
        learner = replace(super()._learner(), **free)
        if self.training == "closed_loop" and learner.learns_rows():
            raise ValueError(
                f"solver={self.solver!r} learns row by row in open loop, but training='closed_loop': give 'open_loop' "
                "or 'both', which is the same then."
            )
        if error_lags and learner.skip_connections == "auto":
            learner = replace(learner, skip_connections=False)
        return with_errors(learner, error_lags)


class NARXClassifier(NARXParameters, DelayClassifier):
    """Network of lags that labels the rows of a series, and sees its own last labels.

    The probabilities of the classes are softmax(f(p(t - 1) ... p(t - K), x(t) ... x(t - L))), f a multilayer perceptron
    [1]_ and p(t) the label of row t (1 for its class, 0 for others) or, where that is not known, the probabilities that
    the net gave. It learns in open loop, from known labels: where they tell nearly all of the next one, a free run
    (``predict``) hangs on what it says itself. Over 28 streams the log loss was 0.23 of that of the class frequencies
    one step ahead of known labels, but 1.16 of it in a free run, which was worse than they are on 14 streams; that of
    :class:`TDNNClassifier` was 0.54. So where the labels of the last rows will not be known, compare the two on rows
    that neither has learnt, and where they will be, give them: ``predict(X, y, steps=1)``.

    See Also
    --------
    TDNNClassifier : the same without feedback.

    References
    ----------
    .. [1] I. J. Leontaritis, S. A. Billings. "Input-output parametric models for non-linear systems."
       International Journal of Control 41(2), 1985.

    Examples
    --------
    A switch that one input turns on, and another one off:

    >>> import numpy as np
    >>> from tsrnn import NARXClassifier
    >>> X = np.random.default_rng(0).random((800, 2)) < 0.05
    >>> y, on = [], False
    >>> for set_, reset in X:
    ...     on = (on or set_) and not reset
    ...     y.append("on" if on else "off")
    >>> model = NARXClassifier(input_lags=0, output_lags=1, random_state=0).fit(X[:600].astype(float), y[:600])
    >>> model.score(X[600:].astype(float), y[600:])  # continues where training ended, by itself
    1.0
    """

    _warmup = tuple(  # settings that together call every kernel
        {"hidden_layer_sizes": (2,), "solver": solver, "max_iter": 2, "random_state": 0}
        for solver in ("lbfgs", "adam")
    )
