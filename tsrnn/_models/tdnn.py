"""Time-delay neural network (TDNN).

    y(t) = f(x(t) ... x(t - L))

f is a net that slides along the series: a delay network (``delay_kernels.py``) without feedback (but for the labels
of a neural n-gram), each layer with delays of its own.
"""

from dataclasses import KW_ONLY
from numbers import Integral

import numpy as np

from .._estimators.attending import Attending
from .._estimators.parameters import Lags, Sizes
from .._estimators.regressor import SequenceRegressor
from .._series.lags import is_auto, parse_lags
from .delay_network import DelayClassifier, DelayNetwork, DelayParameters


def _is_int(value):
    """Return whether a value is an int, and not True or False."""
    return isinstance(value, Integral) and not isinstance(value, bool)


class TDNNParameters(DelayParameters):
    """What a time-delay neural network has.

    Parameters
    ----------
    input_lags : int, sequence of int or "auto", default=8
        Lags of the inputs that the first layer sees. An int L means x(t) ... x(t - L), a sequence for
        exactly those lags; ``range(h, h + L)`` is a direct h-step forecaster. "auto": those by which a linear
        model predicts held rows best, see ``lags_``; 8 with dilations, in a ``Forecaster``, which finds those of y, and
        where y has one value per series.
    layer_lags : int or sequence, default=0
        Lags at which each later hidden layer sees the one below it: an int for all of them, or one entry a
        layer, each an int or a sequence as for ``input_lags``.
    dilations : sequence of int or None, default=None
        One factor a hidden layer, by which its lags are multiplied: ``input_lags=1, layer_lags=1,
        dilations=(1, 2, 4, 8)`` lets four layers see 16 rows.
    pooling : {"last", "mean", "max", "both", "attention"}, default="both"
        How the rows make one answer, where y has one value per series: that of the last row, the mean, the largest of
        each output, the sum of the last row of one readout and the mean of another, or a mean whose weights are learnt
        (additive attention); see ``attention_weights``.
    skip_connections : bool, default=True
        Whether the output layer sees the inputs' lags too, beside the hidden layers: a linear model plus a net.
    """

    _: KW_ONLY
    input_lags: Lags = 8
    layer_lags: object = 0
    dilations: Sizes | None = None
    activation: str = "tanh"
    pooling: str = "both"
    skip_connections: bool = True

    _usual_lags = tuple(range(9))

    def _lags(self, n):
        """Return lags of the inputs, of no outputs, and of each of the layers after the first of ``n`` hidden ones."""
        later = self.layer_lags
        if _is_int(later):
            later = [later] * max(0, n - 1)
        if not np.iterable(later) or isinstance(later, str):
            raise TypeError(
                f"layer_lags={later!r}: give an int, or one entry for each hidden layer after the first."
            )
        if len(later) != max(0, n - 1):
            raise ValueError(
                f"layer_lags={self.layer_lags!r} has {len(later)} entries: give one for each of the {n - 1} hidden "
                "layers after the first, or an int for all of them."
            )
        names = ["input_lags", *(f"layer_lags[{k}]" for k in range(n - 1))]
        known = self.dilations is not None and is_auto(self.input_lags)  # only known lags have factors
        first = self._usual_lags if known else self.input_lags
        lags = [parse_lags(spec, name, 0) for spec, name in zip([first, *later], names)]
        if not all(lags[1:]):
            raise ValueError(
                f"layer_lags={self.layer_lags!r} has a layer that sees nothing: give each at least one lag."
            )
        if self.dilations is not None:
            dilations = list(self.dilations) if np.iterable(self.dilations) else [self.dilations] * (n + 1)
            if len(dilations) != n or not all(_is_int(d) and d > 0 for d in dilations):
                raise ValueError(
                    f"dilations={self.dilations!r}: give one int >= 1 for each of the {n} hidden layers."
                )
            lags = [tuple(int(d) * k for k in lag) for d, lag in zip(dilations, lags)]
        return lags[0], (), [*lags[1:], (0,)] if n else []


class TDNNRegressor(TDNNParameters, Attending, DelayNetwork, SequenceRegressor):
    """Time-delay neural network.

    y(t) = f(x(t) ... x(t - L)), f a multilayer perceptron that slides along the series [1]_. With lags between
    its hidden layers too it is a stack of causal convolutions; with dilations, the shape of WaveNet [2]_.

    Parameters
    ----------
    input_lags : int, sequence of int or "auto", default="auto"
        Lags of the inputs that the first layer sees. An int L means x(t) ... x(t - L), a sequence for
        exactly those lags; ``range(h, h + L)`` is a direct h-step forecaster. "auto": those by which a linear
        model predicts held rows best, see ``lags_``; 8 with dilations, in a ``Forecaster``, which finds those of y, and
        where y has one value per series.
    skip_connections : bool or "auto", default="auto"
        Whether the output layer also sees the inputs' lags directly: a linear model plus a net. "auto": it does, and
        the result is then blended with the linear model alone, in the shares that predict the held-back rows best; the
        net gets less where its gain may be chance. Then both learn the held-back rows too. A Bayesian solver starts
        from a decay of 10 or more. "auto" means True where no rows are held back, with a loss other than the squared
        one, or with categories in X.

    See Also
    --------
    NARXRegressor : with feedback of the outputs.

    References
    ----------
    .. [1] A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. J. Lang. "Phoneme recognition using time-delay
       neural networks." IEEE Transactions on Acoustics, Speech, and Signal Processing 37(3), 1989.
    .. [2] A. van den Oord et al. "WaveNet: A generative model for raw audio." arXiv:1609.03499, 2016.

    Examples
    --------
    >>> from tsrnn import TDNNRegressor
    >>> from tsrnn.datasets import make_mackey_glass
    >>> x = make_mackey_glass(1000, random_state=0)
    >>> X, y = x[:-6, None], x[6:]  # six steps ahead
    >>> model = TDNNRegressor(input_lags=(0, 6, 12, 18), random_state=0).fit(X[:500], y[:500])
    >>> bool(model.score(X[500:], y[500:]) > 0.99)
    True
    """

    _: KW_ONLY
    input_lags: Lags = "auto"
    layer_lags: object = 0
    dilations: Sizes | None = None
    activation: str = "tanh"
    pooling: str = "both"
    skip_connections: bool | str = "auto"

    _warmup = tuple(
        {"hidden_layer_sizes": (2,), "input_lags": 2, "solver": solver, "max_iter": 1, "random_state": 0}
        for solver in ("lm", "adam")
    )


class TDNNClassifier(TDNNParameters, Attending, DelayClassifier):
    """Time-delay neural network that labels the rows of a series, or whole series.

    The probabilities of the classes are softmax(f(x(t) ... x(t - L))), f a multilayer perceptron that slides along the
    series [1]_. With ``output_lags=K`` and no X it is the neural n-gram of K + 1 symbols: each label is looked up in a
    learnt embedding that all lags share [2]_.

    Parameters
    ----------
    output_lags : int or sequence of int, default=0
        Lags of the labels that the first layer sees: an int K means y(t - 1) ... y(t - K), a sequence for exactly
        those lags.

    See Also
    --------
    TDNNRegressor : the same net for numbers.
    NARXClassifier : the same with a few lags of both by default.

    References
    ----------
    .. [1] A. Waibel, T. Hanazawa, G. Hinton, K. Shikano, K. J. Lang. "Phoneme recognition using time-delay
       neural networks." IEEE Transactions on Acoustics, Speech, and Signal Processing 37(3), 1989.
    .. [2] Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin. "A neural probabilistic language model." Journal of
       Machine Learning Research 3, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import TDNNClassifier
    >>> x = np.random.default_rng(0).normal(size=600)
    >>> y = np.where(x + np.roll(x, 1) > 0, "up", "down")
    >>> model = TDNNClassifier(input_lags=1, random_state=0).fit(x[:500, None], y[:500])
    >>> bool(model.score(x[500:, None], y[500:]) > 0.95)
    True

    A neural trigram:

    >>> model = TDNNClassifier(output_lags=2, random_state=0).fit(None, list("na" * 40 + "no" * 40))
    >>> "".join(model.forecast(4))
    'nono'
    """

    _: KW_ONLY
    input_lags: Lags = 8
    output_lags: Lags = 0

    _warmup = tuple(
        {"hidden_layer_sizes": (2,), "input_lags": 2, "solver": solver, "max_iter": 1, "random_state": 0}
        for solver in ("lbfgs", "adam")
    )

    def _lags(self, n_hidden):
        """Return lags of the inputs, of the labels, and of each later layer."""
        input_lags, _, layer_lags = super()._lags(n_hidden)
        return input_lags, parse_lags(self.output_lags, "output_lags", 1), layer_lags
