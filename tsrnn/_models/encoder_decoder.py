"""Encoder-decoder with attention: a net reads the rows that are known, another writes those to come.

    h(1) ... h(T) = encoder(the last T rows)                        s(0) = h(T)
    s(k) = decoder([inputs known ahead, y(T + k - 1)], s(k - 1))    y(T + k) = b + s(k) W + c(k) V
    c(k) = what attention reads of h(1) ... h(T) with s(k)          see ``attention.py``

By default the forecast is a mean of that and of a linear model of all that is read, by the share that held rows
warrant, as for NARX (``delay_linear.py``, ``many_targets.py``).

It is a ``Forecaster`` of all steps at once whose one member is such a net: the examples that a member learns from are
its episodes.
"""

from dataclasses import KW_ONLY
from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from .._check import check_jobs, check_number, check_widths, check_word
from .._estimators.forecaster import Forecaster, check_quantiles
from .._estimators.parameters import Numbers, Sizes, TrainedParameters
from .._memory_limit import check_memory
from .._nets import attention as attention_kinds
from .._nets.episode_loss import EpisodeLoss
from .._series.lags import is_auto
from .._series.timeline import last_known
from .._training.losses import has_log_link, resolve_loss
from .._training.monitor import check_training
from . import elman, gru, lstm
from .encoder_decoder_learner import EpisodeLearner, EpisodesLearner


CELLS = {
    "gru": gru.cell("after", False, False),
    "lstm": lstm.cell(False, True, 1.0, False, False),
    "elman": elman.cell("tanh", False, False),
}
FEEDBACK = ("open_loop", "closed_loop", "scheduled_sampling")


class EncoderDecoderRegressor(TrainedParameters, Forecaster):
    """Encoder-decoder with attention, for forecasts of many rows at once.

    The encoder reads the last ``context`` rows, inputs and y; the decoder starts from its state and writes the rows
    to come, seeing the inputs known ahead and its own last output [1]_; attention lets each step look at all rows of
    the history again [2]_ [3]_, at the same hour of other days for instance. The defaults did best of a few settings in
    the mean over daily series, a week from four, and an hourly one, a day from a week; on the latter
    ``attention=None`` did 8 % better, in a fifth of the time.

    Parameters
    ----------
    cell : {"gru", "lstm", "elman"}, default="gru"
        Of both nets.
    horizon : int, default=24
        Rows to forecast.
    context : int or "auto", default="auto"
        Rows of history that are read. "auto": 168, a week of hours; where fewer examples than that are left, 7, 2 or 1
        horizons, the most that leave as many examples as rows of history. Worth a search: two days of solar power by
        the hour, in place of a week, made forecasts of a day err 3 % less, in half the time.
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each layer, of both nets.
    attention : {"additive", "general", "dot", None}, default="additive"
        How a step scores the rows of the history, by the last layer's states h of the encoder and s of the decoder:
        v tanh(h K + s Q) [2]_, s (h K) or s h [3]_; None for a decoder that starts from the last state and no more.
        What is read is added to the output, behind the cells.
    known_ahead : "all", or sequence of str or int, default=()
        Inputs, by name or column, that are known for the rows to forecast, as for :class:`~tsrnn.Forecaster`.
    segment_length : int, optional
        Rows that are one step of both nets, such as 12 or 24 [4]_: the history is cut into segments, each of which a
        learnt projection makes an input of the encoder, and all segments to come are written at once from the last
        state, by their place. For horizons of hundreds of rows: several times as fast, and no error is fed back, so
        ``training`` has no effect. Divides ``context`` and ``horizon``. The net's forecasts begin at the last y. On
        seven channels of air quality, two years by the hour, it erred 1 % less than a linear
        :class:`~tsrnn.Forecaster` of an ``ARXRegressor`` 96 rows ahead and 1 % more at 192, at 30 times the time:
        compare with that first. Without the linear model of ``skip_connections="auto"`` it erred 2 to 20 % more, 96 to
        720 rows ahead.
    quantiles : sequence of float, optional
        As for :class:`~tsrnn.Forecaster`: a net of its own learns them with the pinball loss.
    gap : int, default=0
        Rows by which the target arrives later than the inputs, as for :class:`~tsrnn.Forecaster`: the encoder reads
        each row of X with the y of ``gap`` rows before.
    skip_connections : bool or "auto", default="auto"
        Whether what the decoder sees, the last y and the inputs known ahead, also reaches its upper layers and, without
        a cell between, its output. "auto": it does, and the forecast is a mean of the net's and of a linear model of
        what is read: by the share that forecasts the examples held back best, less of the net as far as its gain
        there may be chance, as for :class:`~tsrnn.NARXRegressor`. The linear model is a ridge regression of y, of its
        changes from the last y [6]_, or the mean of both, whichever errs least there, from all rows of history or from
        the last 7, 2 or 1 horizons, where these err less, not by chance. Net and linear model learn these examples in
        the end. Where none are held back, with another loss than the squared one and for quantiles there
        is no linear model.
    training : {"closed_loop", "open_loop", "scheduled_sampling"}, default="closed_loop"
        What the decoder sees as the last y in training: its own output, as in a forecast; the measured value (teacher
        forcing), several times as fast; or its own more and more often, as epochs go by [5]_.
    dropout : float, default=0.0
        Share of each layer's outputs that the layer above, or the readout, does not get in a training step.
    recurrent_dropout : float, default=0.0
        Share of each layer's units that the recurrence does not see, the same for all steps.
    recurrent_init : {"orthogonal", "glorot"}, default="orthogonal"
        How the recurrent weights start.
    batch_size : int, default=32
        Examples a step of the solver: an example is a row, with its history and the rows after it.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs"} or object, default="auto"
        A word, or an object with its own settings; "auto" is ``Adam(0.003, clip_norm=1.0)``.
    max_iter : int or None, default=None
        Most epochs, or iterations of L-BFGS. Training that meets the limit before it has converged gives a
        ``ConvergenceWarning``. None: 30.
    n_iter_no_change : int, default=8
        See ``tol``.
    n_jobs : int, optional
        Threads, each with a share of the examples of a batch; the result does not depend on it.
    random_state : int, RandomState or None, default=None
        For the initial weights, the order of examples, dropout, and sample paths.
    target_transform : None, "auto", word, object or list of those, default=None
        As of ``NARXRegressor``; what it gains by changes of y it finds by the linear model beside it.

    Attributes
    ----------
    params_ : tuple
        Of each net (one, or one more for quantiles): the encoder's layers, the decoder's layers and its readout,
        attention's ``AttentionWeights`` or None, with segments their ``SegmentFront``, and of a linear model beside it
        ``LinearPart``: W, b and its share of the forecast.
    lead_ : int
        Rows of history that a forecast needs: those of ``context``, and ``gap``.

    See Also
    --------
    Forecaster : the same face around any other net.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals, Q. V. Le. "Sequence to sequence learning with neural networks." NIPS 2014.
    .. [2] D. Bahdanau, K. Cho, Y. Bengio. "Neural machine translation by jointly learning to align and translate."
       ICLR 2015.
    .. [3] M.-T. Luong, H. Pham, C. D. Manning. "Effective approaches to attention-based neural machine translation."
       EMNLP 2015.
    .. [4] S. Lin et al. "SegRNN: Segment recurrent neural network for long-term time series forecasting."
       arXiv:2308.11200, 2023.
    .. [5] S. Bengio et al. "Scheduled sampling for sequence prediction with recurrent neural networks." NeurIPS 2015.
    .. [6] A. Zeng, M. Chen, L. Zhang, Q. Xu. "Are transformers effective for time series forecasting?" AAAI 2023.

    Examples
    --------
    >>> from tsrnn import EncoderDecoderRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> model = EncoderDecoderRegressor(horizon=5, context=22, hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    >>> model.fit(None, y[:"1955"]).forecast(5).shape
    (5,)
    >>> model.attention_weights(None, y[:"1955"]).shape[1:]  # of each forecast: steps, rows of history
    (5, 22)
    """

    cell: str = "gru"
    _: KW_ONLY
    horizon: int = 24
    context: int | str = "auto"
    hidden_layer_sizes: Sizes = (32,)
    attention: str | None = "additive"
    segment_length: int | None = None
    known_ahead: object = ()
    quantiles: Numbers | None = None
    gap: int = 0
    skip_connections: bool | str = "auto"
    training: str = "closed_loop"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    recurrent_init: str = "orthogonal"
    batch_size: int = 32
    max_iter: int | None = None
    n_iter_no_change: int = 8
    n_jobs: int | None = None
    scale: str | None = "auto"
    start: str | tuple = "auto"
    random_state: object = None
    target_transform: object = None
    target_bounds: tuple | str | None = "auto"
    missing: str = "error"
    series: str | None = None

    _common_scale: ClassVar = "standard"
    _warmup = tuple(  # settings that together call every kernel
        {
            "cell": cell,
            "horizon": 2,
            "context": 3,
            "hidden_layer_sizes": (2,),
            "attention": attention,
            "max_iter": 1,
            "random_state": 0,
        }
        for cell, attention in zip(CELLS, attention_kinds.KINDS)
    )

    estimator: ClassVar = property(lambda self: SimpleNamespace(scale=None, random_state=self.random_state))
    strategy: ClassVar = "multi_output"
    washout: ClassVar = 0
    n_restarts: ClassVar = 1
    ensemble: ClassVar = "best"
    orthogonal_penalty: ClassVar = 0.0

    def _has_lags(self):
        return None

    def _learner_of(self, lags):
        return self._learner()

    def _learner(self):
        """Check the parameters; a learner holds them parsed."""
        check_word("cell", self.cell, CELLS)
        for name in ("horizon", "batch_size"):
            check_number(name, getattr(self, name), 1, integer=True)
        check_number("context", self.context, 1, integer=True, words=("auto",))
        check_number("gap", self.gap, 0, integer=True)
        hidden = check_widths("hidden_layer_sizes", self.hidden_layer_sizes, "give a tuple of ints >= 1", 1)
        check_word("attention", self.attention, (*attention_kinds.KINDS, None))
        self._check_segments()
        check_training(self)
        check_word("recurrent_init", self.recurrent_init, ("orthogonal", "glorot"))
        check_word("training", self.training, FEEDBACK)
        for name in ("dropout", "recurrent_dropout"):
            check_number(name, getattr(self, name), 0, 0.95)
        check_jobs(self.n_jobs)
        quantiles = None if self.quantiles is None else check_quantiles(self.quantiles)
        n = int(self.horizon)
        T = n if is_auto(self.context) else int(self.context)
        loss = resolve_loss(self.loss)
        if has_log_link(loss):
            raise ValueError(
                f"loss={self.loss!r} works one step ahead only: use GRURegressor, or another loss."
            )
        inner = EpisodeLearner(self, hidden, (), (), CELLS[self.cell], loss, T, n, self.attention)
        inner = inner.of_context(T)
        inner.check_solver(EpisodeLoss.offers)
        return EpisodesLearner(self, inner, n, quantiles)

    def _check_segments(self):
        """Raise where segments do not divide the rows."""
        if self.segment_length is None:
            return
        check_number("segment_length", self.segment_length, 1, integer=True)
        for name in ("context", "horizon"):
            rows = getattr(self, name)
            if not is_auto(rows) and rows % self.segment_length:
                raise ValueError(
                    f"segment_length={self.segment_length!r} does not divide {name}={rows!r}: give multiples of it, "
                    f"such as {name}={-(-rows // self.segment_length) * self.segment_length}, or another length."
                )

    def attention_weights(self, X, y):
        """Return the weights by which each step of each forecast attends to the rows of its history.

        Parameters
        ----------
        X, y : as for ``fit``
            One series, of at least ``context`` rows, and ``horizon`` more where inputs are known ahead.

        Returns
        -------
        weights : ndarray of shape (n_origins, horizon, context)
            weights[i, k, j]: the share that row i + j has in step k of the forecast made at row i + context - 1; over
            j they add up to 1. With ``segment_length`` steps and rows are segments.

        Raises
        ------
        ValueError
            There is no attention; X or y does not fit the model, or is too short.
        """
        if self.attention is None:
            raise ValueError("attention=None has no weights: give 'additive', 'general' or 'dot', and fit.")
        X, Y, _ = self._enter_whole(X, y, "cold")
        dynamics = self._dynamics()
        layout = dynamics.layout
        horizon, member, context = layout.horizons[0], dynamics.members[0], layout.lead - layout.gap
        rows = np.arange(layout.lead - 1, len(Y) - horizon.ahead.max(initial=0))
        if len(rows) == 0:
            raise ValueError(
                f"X and y have {len(Y)} rows, but context={context} and what is known ahead need "
                f"{layout.lead + horizon.ahead.max(initial=0)}: give more."
            )
        shape = len(rows), self.horizon, context
        check_memory("The weights", shape, "fewer rows of X at a time")
        filled = last_known(np.concatenate([dynamics.mean[1][None], Y]), 1)[1:]
        return member.dynamics.attention_weights(member.x(layout.features(horizon, X, filled, rows)))
