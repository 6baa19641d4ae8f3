"""Parameters and base classes of the estimators around one recurrent cell: Elman, LSTM, GRU, MinGRU, LRU.

The equations are in the cells' files, how they learn is in ``recurrent_learner.py``.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace

import numpy as np

from .._check import check_flag, check_jobs, check_number, check_widths, check_word
from .._estimators.attending import Attending
from .._estimators.attributes import OfNet
from .._estimators.classifier import ScoreParameters, SequenceClassifier
from .._estimators.parameters import Lags, Sizes, SymbolParameters, TrainedParameters
from .._estimators.regressor import SequenceRegressor
from .._estimators.snapshots import fitted_with, of_one_state, with_parameters
from .._nets.convolution import Convolution, parse_convolution
from .._nets.gradient_flow import gradient_norms
from .._nets.pooled import POOLINGS
from .._nets.recurrent_dynamics import PRECISIONS
from .._nets.recurrent_squares import loss_for
from .._nets.symbols import check_embedding
from .._series.lags import both_lags
from .._training.losses import check_open_loop, resolve_loss, squared
from .._training.monitor import (
    check_training,
    chooses_solver,
    makes_one_of_all,
)
from .._training.solvers import is_of_squares, resolve_solver
from .._training.stochastic import SGD
from .recurrent_learner import RecurrentLearner, dense_widths, recurrent_lags


NETS = 3  # whose mean learns what is few
FEW = 2000  # series with one y each
FEW_ROWS = 20_000  # with one label each
STILL = 1e-300  # learning rate of a net that is not trained


class RecurrentParameters(SymbolParameters, TrainedParameters):
    """Parameters of a recurrent net.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(32,)
        Units of each layer.
    readout_hidden_layer_sizes : tuple of int, default=()
        Units of dense layers (tanh) between the last recurrent layer and the output: for an output that is not a
        weighted sum of the recurrent units.
    convolution : Convolution, list of Convolution or None, default=None
        Layers of convolution through time that make features of windows of X, which the net sees in its place [5]_: for
        inputs that are sampled fast, or shapes that matter more than levels. Each row's windows end with it, so nothing
        of the future is seen, and the last rows of X are part of the memory. Strides and pooling are for series with
        one y each. See :class:`Convolution`.
    input_lags : int, sequence of int or "auto", default=0
        An int L means x(t) ... x(t - L), a sequence for exactly those lags; the state remembers the rest. Where y has
        one value per series and numeric inputs are smooth, as most curves are, a net of 0 is given x(t - 1), too, and
        learns from their difference, which tells small shapes; ``[0]`` is x(t) alone, as ``lags_`` says.
        ``[h]`` with ``output_lags=[h]`` is a direct h-step forecaster.
    output_lags : int, sequence of int or "auto", default=0
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. With any, the net is
        autoregressive. "auto", here and for inputs: those by which a linear model forecasts best. See ``lags_``.
    bidirectional : bool or "auto", default="auto"
        A second set of units reads each series from its end to its start, for smoothing: every row is predicted
        from those before and after it, by ``predict_ahead`` too, so there is no ``forecast``, ``update``,
        ``partial_fit`` or warm start. "auto": where y has one value per series.
    pooling : {"last", "mean", "max", "both", "attention"}, default="both"
        How the rows are combined into one answer where y has one value per series: the last row, the mean, the maximum
        of each output, the sum of one readout's last row and another's mean, or a mean with learnt weights (additive
        attention); see ``attention_weights``. For units that read from the end the last row is the first of the series.
    skip_connections : bool or "auto", default="auto"
        Whether the inputs reach every layer and the readout, and every layer the readout. "auto": the net is trained
        without. If it sees lags of y it is then blended with the linear model of its lags, which its readout sees, in
        the shares that forecast the held-back rows best, one step ahead and in free runs; the net gets less where its
        gain may be chance, or fewer than 30 rows are held back. Then both learn these rows too. With inputs, the linear
        model has lags of its own, as :class:`ARXRegressor` finds them: of y, where those are "auto", and of inputs,
        where the net sees these at lag 0 alone and remembers the rest; where those of y are "auto" and inputs tell
        little, it is a mean with one of past y alone. ``lags_`` holds all. There is no linear model where no rows are
        held back, of one lag where 30 are, with a loss other than the squared one, categories in X, a convolution or
        dense layers.
    initial_state : {"zeros", "learned"}, default="zeros"
        What each series starts from in training. ``start="cold"`` takes the learned one, or else the mean state over
        training (zeros, if those suit the many series of training better).
    dropout : float, default=0.0
        Share of each layer's outputs that is hidden from the layer above, or the readout, in a training step.
    recurrent_dropout : float, default=0.0
        Share of each layer's units that is hidden from the recurrence, the same units in all steps of a sequence [2]_.
    input_noise : float or "auto", default="auto"
        Standard deviation of noise added to the numbers in X during training, drawn anew in every epoch, in scaled
        units (those of ``scale``): it keeps a net from memorising its series [6]_. "auto": where each series has one
        label and ``solver="auto"``, 0.5 times the noise in each column, estimated from its second differences, which is
        little where curves are smooth; else 0.
    layer_norm : bool, default=False
        Whether what each gate sees is normalised over its units [3]_.
    recurrent_init : {"orthogonal", "glorot"}, default="orthogonal"
        How the recurrent weights start.
    orthogonal_penalty : float, default=0.0
        Weight of the sum of squares of U'U - I in the loss: keeps the recurrence near orthogonal.
    training : {"open_loop", "closed_loop", "scheduled_sampling"}, default="open_loop"
        What the net sees in the lags of y: measured values (teacher forcing); its own outputs for ``sequence_length``
        steps, from a state that measured values led to; or its own outputs more and more often as training goes on
        [4]_.
    sequence_length : int, default=64
        Steps of back-propagation through time. The state is carried over the cuts.
    washout : int, default=0
        First rows of each series that are in no loss.
    batch_size : int or "auto", default="auto"
        Sequences in a mini-batch. "auto": up to 32, if that leaves 8 steps of the solver per epoch; for series with one
        y each, 8 to 32, if that leaves 4.
    precision : {"double", "single"}, default="double"
        Of the arithmetic of ``predict``, ``forecast`` and the like. A stochastic solver learns in single precision
        anyway; "single" makes wide nets up to twice as fast, with errors of some 1e-6 of y's spread.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs", "lm"} or object, default="auto"
        A word, or an object with its own settings such as ``Adam(1e-2, clip_norm=1.0, schedule="cosine")``.
        Levenberg-Marquardt is for the squared loss in open loop and nets up to some 600 parameters. L-BFGS
        takes all rows at once, and gradients back through whole series (in closed loop, and beyond 4000 rows,
        through pieces of them that begin with ``sequence_length`` rows to warm up). "auto" is L-BFGS; with y(t - 1)
        among the lags ``Adam(0.005)`` and then L-BFGS, which leads to tamer free runs; and Adam alone for a long
        series, with dropout, scheduled sampling, or a loss with kinks. Where y has one value per series it is
        ``Adam(0.01, clip_norm=1.0, schedule="cosine")``, and its epochs are as many as ``max_iter``.
    max_iter : int or None, default=None
        Most epochs, or iterations of L-BFGS; in all, where ``solver="auto"`` takes Adam and then L-BFGS. Training that
        meets the limit before it has converged gives a ``ConvergenceWarning``. None: 300; of "auto" 300 epochs and
        1500 iterations of L-BFGS, or 100 epochs where y has one value per series.
    early_stopping : bool, default=True
        Hold back some rows, watch the loss on them, stop when it rises and keep the best weights; these then learn all
        rows, for a quarter of the iterations that led to them. (Intervals come from the held rows, and the weights
        before.) Of series with one y each some are held back, but of fewer than 1000 none: each counts more.
    validation_fraction : float, default=0.15
        Share of the rows that are held back: the last ones of each quarter of a series, if those are 20 or more. Of
        labels of 20 and more sequences that nothing names (a list, a 3-D array), whole sequences.
    n_iter_no_change : int, default=40
        See ``tol``; five times as many iterations of L-BFGS with ``solver="auto"``. Labels are learnt no longer, too,
        once ten iterations have lowered the training loss to .7 of what it was, and not the validation loss. The nets
        of ``ensemble="mean"`` look at held rows of numbers in every fifth of so many iterations, at most 8 apart:
        ``validation_curve_`` repeats the last look.
    n_restarts : int or "auto", default="auto"
        Train from this many random starts. "auto": one; or the mean of three nets, where y has one value for each of
        fewer than 2000 series, or fewer than 20,000 rows a label each, which the net does not see. (But not with
        attention, convolution or ``warm_start``, which continues from the three of an earlier fit.) Of labels of rows
        the nets of any mean hold back other rows each, and their mean is no surer than suits these.
    n_jobs : int or None, default=None
        Threads, each with a share of the sequences of a batch, or of the restarts; the result does not depend on their
        number. None is 1 unless in a ``joblib.parallel_config``, -1 all processors.
    random_state : int, RandomState or None, default=None
        For the initial weights, the order of series and dropout.

    Attributes
    ----------
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple of named tuples
        The same: one of each layer (and direction), then those of dense layers and the readout's, in scaled units.
        Weights have a gate in front.
        Rows of the first W: the inputs, oldest lag first, then the outputs, oldest lag first.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units, and the states of each layer.
    lags_ : tuple (input_lags, output_lags) of tuples of int
        All lags that are seen, including those found by "auto". A linear model beside the net may see more than the
        net does: given to the constructor, all of these would be lags of the net, too.
    net_lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags of the net: what the two parameters stand for. Given instead of "auto", with ``target_transform_`` as
        ``target_transform``, they make the same net, and limit the linear model beside it, if any, to these lags of y.
    lead_ : int
        Rows of history that the lags need.
    n_iter_ : int
        Iterations run, or epochs, but for those on all rows after early stopping.

    References
    ----------
    .. [1] P. J. Werbos. "Backpropagation through time: what it does and how to do it." Proceedings of the IEEE
       78(10), 1990.
    .. [2] Y. Gal, Z. Ghahramani. "A theoretically grounded application of dropout in recurrent neural networks."
       NeurIPS 2016.
    .. [3] J. L. Ba, J. R. Kiros, G. E. Hinton. "Layer normalization." arXiv:1607.06450, 2016.
    .. [4] S. Bengio et al. "Scheduled sampling for sequence prediction with recurrent neural networks." NeurIPS 2015.
    .. [5] T. N. Sainath, O. Vinyals, A. Senior, H. Sak. "Convolutional, long short-term memory, fully connected deep
       neural networks." ICASSP 2015.
    .. [6] C. M. Bishop. "Training with noise is equivalent to Tikhonov regularization." Neural Computation 7(1), 1995.
    """

    hidden_layer_sizes: Sizes = (32,)
    _: KW_ONLY
    readout_hidden_layer_sizes: Sizes = ()
    convolution: Convolution | Sequence[Convolution] | None = None
    input_lags: Lags = 0
    output_lags: Lags = 0
    bidirectional: bool | str = "auto"
    pooling: str = "both"
    skip_connections: bool | str = "auto"
    initial_state: str = "zeros"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    input_noise: float | str = "auto"
    layer_norm: bool = False
    recurrent_init: str = "orthogonal"
    orthogonal_penalty: float = 0.0
    training: str = "open_loop"
    sequence_length: int = 64
    washout: int = 0
    batch_size: int | str = "auto"
    precision: str = "double"
    n_restarts: int | str = "auto"
    n_jobs: int | None = None


class LaggedParameters(RecurrentParameters):
    """Parameters of a recurrent net whose gates may see h of any row.

    Parameters
    ----------
    recurrent_lags : int or sequence of int, default=(1,)
        Rows ago whose h(t - lag) each layer's gates see, each through weights of its own: ``(1, 8, 64)`` adds
        connections that skip 7 and 63 rows, along which gradients take 8 and 64 times fewer steps [1]_; take them where
        something matters that long ago, such as a day or a week. Without 1 there are long ones only (what a gate or a
        leak keeps of h is still that of the row before). In a GRU the reset gate acts on h(t - 1) alone. Not together
        with ``recurrent_dropout``, ``orthogonal_penalty`` and ``solver="lm"``.

    References
    ----------
    .. [1] T. Lin, B. G. Horne, P. Tino, C. L. Giles. "Learning long-term dependencies in NARX recurrent neural
       networks." IEEE Transactions on Neural Networks 7(6), 1996.
    """

    _: KW_ONLY
    recurrent_lags: int | Sequence[int] = (1,)

    def _sees_last(self):
        """Return whether gates see h one row ago."""
        return 1 in recurrent_lags(self)


def check_diagonal(p):
    """Raise where an estimator whose recurrence has no matrix has options for one."""
    for name in ("recurrent_dropout", "orthogonal_penalty"):
        if getattr(p, name) != 0:
            raise ValueError(
                f"{name}={getattr(p, name)!r} needs a recurrent weight matrix, which {type(p).__name__} does not "
                "have: give 0, and use dropout between layers instead."
            )


class RecurrentNetwork(OfNet, Attending):
    """Base of the estimators of one cell; a subclass brings its constructor and ``_cell``."""

    _warmup = tuple(  # settings that together call every kernel, without its options and with them
        {
            "hidden_layer_sizes": (2,),
            "readout_hidden_layer_sizes": (2,),
            "output_lags": 1,
            "training": "closed_loop",
            "layer_norm": layer_norm,
            "max_iter": 2,
            "random_state": 0,
        }
        for layer_norm in (False, True)
    )
    _variants = ({},)  # settings of the cells that may have weights in other frameworks

    def _learner(self):
        """Check the parameters, then those that do not go together; a ``RecurrentLearner`` holds them parsed."""
        hidden = check_widths("hidden_layer_sizes", self.hidden_layer_sizes, "give a tuple of ints >= 1", 1)
        lags = both_lags(self)
        check_training(self)
        loss = resolve_loss(self.loss)
        check_word("initial_state", self.initial_state, ("zeros", "learned"))
        check_word("precision", self.precision, tuple(PRECISIONS))
        check_word("recurrent_init", self.recurrent_init, ("orthogonal", "glorot"))
        check_word("pooling", self.pooling, POOLINGS)
        check_word("training", self.training, ("open_loop", "closed_loop", "scheduled_sampling"))
        for name in ("dropout", "recurrent_dropout"):
            check_number(name, getattr(self, name), 0, 0.95)
        check_number("orthogonal_penalty", self.orthogonal_penalty, 0)
        check_number("input_noise", self.input_noise, 0, words=("auto",))
        check_number("sequence_length", self.sequence_length, 1, integer=True)
        check_number("washout", self.washout, 0, integer=True)
        check_number("batch_size", self.batch_size, 1, integer=True, words=("auto",))
        check_jobs(self.n_jobs)
        check_embedding(self)
        check_flag("bidirectional", self.bidirectional, "auto")
        check_flag("layer_norm", self.layer_norm)
        settled = with_parameters(self, n_restarts=1) if self.n_restarts == "auto" else self
        learner = RecurrentLearner(settled, hidden, *lags, self._cell(), loss)
        self._check_together(learner)
        return learner

    def _check_together(self, learner):
        """Raise where parameters do not go together."""
        if not chooses_solver(self):
            solver = resolve_solver(self.solver)
            learner.check_solver(loss_for(solver).offers)
            if is_of_squares(solver):
                self._check_squares(learner)
        dense_widths(self)
        if parse_convolution(self.convolution, 1) and makes_one_of_all(self):
            raise ValueError(
                "ensemble='mean' merges several nets into one, but each would have its own convolution: give "
                "ensemble='best'."
            )
        if recurrent_lags(self) != (1,) and (self.recurrent_dropout or self.orthogonal_penalty):
            raise ValueError(
                f"recurrent_lags={self.recurrent_lags!r} has weights that recurrent_dropout and orthogonal_penalty do "
                "not cover: give neither, or recurrent_lags=(1,)."
            )
        if self.training != "open_loop" and not learner.sees_y:
            raise ValueError(
                f"training={self.training!r} is for a net that sees its own output: give output_lags >= 1."
            )
        check_open_loop(learner.loss, learner.sees_y, self.training)
        if learner.bidirectional and learner.sees_y:
            raise ValueError(
                "bidirectional=True reads a series from both ends, so the outputs cannot be fed back: give "
                "output_lags=0."
            )

    def _check_squares(self, learner):
        """Raise where a solver of sums of squares does not train the net."""
        plain = learner.loss is squared and self.training == "open_loop" and recurrent_lags(self) == (1,)
        plain = (
            plain and not (learner.extrapolates and self.readout_hidden_layer_sizes) and not self.convolution
        )
        if (
            plain
            and learner.cell.has_sensitivities
            and not (learner.bidirectional or self.orthogonal_penalty)
        ):
            return
        raise ValueError(
            f"solver={self.solver!r} is for the squared loss in open loop, of a net that reads forward, whose units "
            "see each other through h alone (no layer_norm, peepholes, bidirectional, orthogonal_penalty, learned "
            "leak_rate, convolution, recurrent_lags, readout_hidden_layer_sizes with skip_connections, no reset before "
            "the product): give solver='auto', 'lbfgs' or 'adam', or leave these out."
        )

    def _for_y(self, learner, form, table):
        """Adapt the learner to categories, labels, and one y per series."""
        learner = replace(super()._for_y(learner, form, table), whole=form.whole)
        if self.n_restarts == "auto" and table is not None and self._learns_few(learner, form, table):
            learner = replace(learner, p=with_parameters(learner.p, n_restarts=NETS, ensemble="mean"))
        return learner

    def _learns_few(self, learner, form, table):
        """Return whether several nets are to learn what one might learn by heart, where they can become one."""
        if self.convolution or self.pooling == "attention" or self.warm_start:
            return False
        if form.whole:
            return len(table.parts) < FEW
        return form.classes is not None and not learner.sees_y and len(table.X) < FEW_ROWS


class RecurrentClassifier(ScoreParameters, RecurrentParameters, RecurrentNetwork, SequenceClassifier):
    """A classifier around a recurrent net.

    Parameters
    ----------
    skip_connections : bool, default=False
        Whether the inputs reach every layer and the readout, and every layer the readout.
    """

    _: KW_ONLY
    skip_connections: bool = False

    _warmup = tuple(  # settings that together call every kernel; a net without dense layers draws labels
        {
            "hidden_layer_sizes": (2,),
            "readout_hidden_layer_sizes": dense,
            "output_lags": lags,
            "training": training,
            "max_iter": 2,
            "random_state": 0,
        }
        for lags, training, dense in ((0, "open_loop", (2,)), (1, "closed_loop", ()))
    )


class RecurrentRegressor(RecurrentParameters, RecurrentNetwork, SequenceRegressor):
    """A regressor around a recurrent net."""

    def initialize(self, X, y, groups=None):
        """Draw the weights and learn the scales, but train nothing: a net before ``fit``, to look into.

        What ``gradient_flow`` says of it is what training starts from (but an LSTM's ``forget_bias="auto"`` is 1 here);
        ``fit`` with ``warm_start=True`` goes on from these weights.

        Parameters
        ----------
        X, y, groups : as for ``fit``

        Returns
        -------
        self : the estimator, whose verbs answer as those of an untrained net

        Examples
        --------
        >>> from tsrnn import LSTMRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> LSTMRegressor((8,), random_state=0).initialize(X, y).gradient_flow(X, y, steps=20).shape
        (1, 20)
        """
        still = {"solver": SGD(STILL), "max_iter": 1, "early_stopping": False, "n_restarts": 1, "alpha": 0.0}
        return fitted_with(self, X, y, groups, **still)

    @of_one_state
    def gradient_flow(self, X, y, *, steps=None):
        """Measure how far back the net's errors reach: norms of dL(t)/dh(t - k) against k.

        L(t) is half the squared error of row t, one step ahead, in scaled units, h a layer's state (in a
        bidirectional net that of the forward direction). Where the norms fall steeply, what happened k steps ago
        cannot be learnt (vanishing gradients); where they rise, training will jump (exploding gradients) [1]_.

        Parameters
        ----------
        X, y : as for ``fit``
            Rows without gaps; at least ``steps + lead_`` of them. They are followed from the cold state.
        steps : int, optional
            How many k; by default ``sequence_length``, or as many as there are rows for.

        Returns
        -------
        norms : ndarray of shape (n_layers, steps)
            norms[l, k]: mean over up to 256 rows t of the Euclidean norm for layer l.

        Raises
        ------
        ValueError
            X or y does not fit the model, or is too short.

        References
        ----------
        .. [1] Y. Bengio, P. Simard, P. Frasconi. "Learning long-term dependencies with gradient descent is
           difficult." IEEE Transactions on Neural Networks 5(2), 1994.

        Examples
        --------
        >>> from tsrnn import ElmanRegressor
        >>> from tsrnn.datasets import make_narma
        >>> X, y = make_narma(600, random_state=0)
        >>> model = ElmanRegressor((8,), random_state=0).fit(X, y)
        >>> model.gradient_flow(X, y, steps=20).shape
        (1, 20)
        """
        X, Y, _ = self._enter_whole(X, y, "cold")
        dynamics = self._dynamics()
        n = len(Y) - dynamics.lead
        T = max(1, min(self.sequence_length, n)) if steps is None else steps
        check_number("steps", T, 1, integer=True)
        ends = dynamics.lead + np.flatnonzero(np.isfinite(Y[dynamics.lead :]).all(axis=1))
        ends = ends[ends >= dynamics.lead + T - 1]
        if len(ends) == 0:
            raise ValueError(
                f"steps={T!r} needs at least {T + dynamics.lead} rows and a measured y at the end of some {T}, but "
                f"there are {len(Y)} rows: give more rows, or fewer steps."
            )
        return gradient_norms(dynamics, X, Y, ends, T)
