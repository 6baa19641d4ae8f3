"""Parameters and base classes of the estimators around a delay network: TDNN and NARX.

The equations are in ``delay_kernels.py``, how it learns is in ``delay_learner.py``.
"""

from dataclasses import KW_ONLY

from .._check import check_number, check_widths, check_word
from .._estimators.attributes import OfNet
from .._estimators.classifier import ScoreParameters, SequenceClassifier
from .._estimators.parameters import Sizes, SymbolParameters, TrainedParameters
from .._kernels.activations_v1 import ACTIVATIONS
from .._nets.delay_loss import WindowLoss
from .._nets.pooled import POOLINGS
from .._nets.symbols import check_embedding
from .._training.losses import check_open_loop, resolve_loss, squared
from .._training.monitor import (
    check_training,
    chooses_solver,
)
from .._training.solvers import check_needs, is_of_squares, resolve_solver
from .delay_learner import DelayLearner


class DelayParameters(SymbolParameters, TrainedParameters):
    """Parameters of a delay network.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(16,)
        Width of each hidden layer; ``()`` for a linear model.
    activation : {"tanh", "logistic", "relu", "identity"}, default="tanh"
        Activation of the hidden layers.
    loss : {"squared", "absolute", "huber", "pinball"} or object, default="squared"
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units. Without hidden layers, "pinball" makes linear quantile regression.
    solver : {"auto", "lm", "lbfgs", "adam", "sgd", "rmsprop", "evolution"} or object, default="auto"
        How the loss is minimised: a word, or an object with its own settings such as ``Adam(1e-2)``. "auto" is
        :class:`~tsrnn.LevenbergMarquardt` for a net small enough and :class:`~tsrnn.Adam` beyond; with another loss
        than the squared one, :class:`~tsrnn.LBFGS` for "huber" and Adam for those with kinks. A net without hidden
        layers and with the squared loss in open loop is solved for exactly, without iterations.
        For series with one number each, a TDNN uses L-BFGS; for series with one label each,
        ``Adam(0.01, clip_norm=1.0, schedule="cosine")`` for ``max_iter`` epochs.
    alpha : float, default=1e-4
        Weight decay: alpha times the squared weights is added to the sum of squared errors (in scaled
        units), or half of that to another loss. Only a start for a Bayesian LevenbergMarquardt.
    batch_size : int, default=200
        Rows in a mini-batch of a stochastic solver. (For series with one y each, a TDNN takes 8 to 32 series, such that
        an epoch has four mini-batches where possible.)
    max_iter : int or None, default=None
        Most iterations (epochs, for a stochastic solver), in all: if training continues in closed loop, at most half of
        them are spent before that. If training reaches the limit before it has converged, there is a
        ``ConvergenceWarning``. None: 100 for each stage of training.
    early_stopping : bool, default=True
        Hold back the last rows, watch the loss on them, stop when it rises and keep the best weights. For series with
        one y each, a TDNN holds back some of the series and learns them in the end; with fewer than 1000 labelled
        series it holds back none, as each counts more in training.
    validation_fraction : float, default=0.15
        Share of the rows, the last ones, that are held back for early stopping or to choose among restarts.
    n_iter_no_change : int, default=10
        See ``tol``.
    random_state : int, RandomState or None, default=None
        For the initial weights and mini-batches.

    Attributes
    ----------
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple of (W, b)
        The same, layer by layer: W of shape (n_lags x width below, width), b of shape (width,), in scaled units.
        Rows of the first W: the inputs, oldest lag first, then the outputs, oldest lag first.
    state_ : tuple (X, Y, states)
        The memory after the last row seen: the rows of the lags, in scaled units; there are no states.
    lags_ : tuple (input_lags, output_lags) of tuples of int
        All lags that are seen, including those found by "auto". A linear model beside the net may see more than the
        net does: given to the constructor, all of these would be lags of the net, too.
    net_lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags of the net: what the two parameters stand for. Given instead of "auto", with ``target_transform_`` as
        ``target_transform``, they make the same net, and limit the linear model beside it, if any, to these lags of y.
    lead_ : int
        Rows of history that a forecast needs.
    """

    hidden_layer_sizes: Sizes = (16,)
    _: KW_ONLY
    activation: str = "tanh"
    loss: object = "squared"
    solver: object = "auto"
    alpha: float = 1e-4
    batch_size: int = 200
    max_iter: int | None = None
    tol: float = 1e-4
    early_stopping: bool = True
    validation_fraction: float = 0.15
    n_iter_no_change: int = 10


class DelayNetwork(OfNet):
    """Base of the estimators around a delay network; a subclass brings its constructor and ``_lags``."""

    def _learner(self):
        """Check the parameters; a ``DelayLearner`` holds them parsed."""
        hidden = self._hidden()
        input_lags, output_lags, layer_lags = self._lags(len(hidden))
        check_word("activation", self.activation, ACTIVATIONS)
        loss = resolve_loss(self.loss)
        if not chooses_solver(self):
            check_needs(self, WindowLoss.offers)
            if is_of_squares(resolve_solver(self.solver)) and loss is not squared:
                raise ValueError(
                    f"solver={self.solver!r} is for sums of squares, but loss={self.loss!r}: give solver='auto', "
                    f"'lbfgs' or 'adam'{', or loss=' + repr('squared') if 'loss' in self.get_params(False) else ''}."
                )
        check_training(self)
        check_open_loop(loss, bool(output_lags), getattr(self, "training", "open_loop"))
        if "pooling" in self._get_param_names():
            check_word("pooling", self.pooling, POOLINGS)
        check_number("batch_size", self.batch_size, 1, integer=True)
        check_embedding(self)
        lags = input_lags, output_lags, layer_lags
        return DelayLearner(self, hidden, *lags, self.activation, self.skip_connections, loss)

    def _hidden(self):
        """Return the widths of the hidden layers, a tuple."""
        cure = "give a tuple of ints >= 1, one a layer; () for a linear model"
        return check_widths("hidden_layer_sizes", self.hidden_layer_sizes, cure)


class DelayClassifier(ScoreParameters, DelayParameters, DelayNetwork, SequenceClassifier):
    """A classifier around a delay network."""
