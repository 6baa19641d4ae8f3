"""Sequence to sequence: an encoder reads symbols or rows, a decoder with attention writes the symbols of the answer.

See ``answers.py`` for the equations.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from .._check import check_jobs, check_number, check_widths, check_word
from .._documented import Documented
from .._estimators.attributes import HasFitted, shown
from .._estimators.parameters import Sizes, TrainedParameters
from .._estimators.persist import InFiles
from .._estimators.snapshots import all_or_nothing
from .._nets import attention as attention_kinds
from .._nets.answers import AnswerDynamics, AnswerLoss, make_answers
from .._nets.dynamics import Trained
from .._nets.symbols import check_embedding
from .._series.alphabets import Alphabet, Numbers, learn_alphabet, read_sequences
from .._series.scaling import make_scaler
from .._series.units import Series
from .._training.losses import SoftmaxOfCodes
from .._training.monitor import check_training
from .._training.solvers import one_pass, traits
from .._training.stochastic import Adam
from .._values import kept
from .encoder_decoder import CELLS
from .encoder_decoder_learner import PairLearner, laid_out


TRAINING = ("open_loop", "scheduled_sampling")


@kept("fitted to answers")
class FittedPairs(NamedTuple):
    """All that a fit learns.

    x : ``Alphabet`` or ``Numbers``.   y : ``Alphabet``.   trained : the model, and what its learning goes on with.
    longest : symbols of the longest answer of training.   rng : what later learning draws on.
    """

    x: Any
    y: Alphabet
    trained: Trained
    longest: int
    rng: np.random.RandomState


@dataclass(frozen=True, eq=False)
class AnswerLearner(PairLearner):
    """The parameters of an encoder and a decoder of symbols, parsed, and their training on pairs."""

    attention: str | None
    usual = 100

    def net_of(self, x, y):
        """Return the layout for the types of the user's sequences."""
        inputs = (1, len(x)) if isinstance(x, Alphabet) else (x.n, 0)
        return make_answers(self.cell, self.hidden, self.attention, inputs, len(y), self.p.embedding_size)

    def _loss(self, net, series, mean, solver, pool):
        """Return the loss of the training pairs."""
        return AnswerLoss(
            net, series, self._teaching(None), traits(solver).dtype, B=self.p.batch_size, pool=pool
        )

    def _validation(self, net, series, mean):
        """Return the loss of the held pairs as a function of theta; None where none is held."""
        loss = AnswerLoss(net, series, self._teaching(None, "open_loop"), np.float32, held=True)
        return loss.value if loss.weight > 0 else None

    def _made(self, task, theta):
        """Return the model with given parameters."""
        return laid_out(AnswerDynamics(theta, task.net)), None

    def learn_more(self, trained, series, memory, rng):
        """Make a pass of stochastic gradient over pairs."""
        dynamics, moments = trained.dynamics, trained.carry
        solver = self._solvers(dynamics.net, series)[0][0]
        if traits(solver).batches != "mini":
            solver = Adam(0.001, clip_norm=1.0)
        teaching = self._teaching(None)._replace(alpha=0.0)  # few pairs would be outweighed
        loss = AnswerLoss(dynamics.net, [series], teaching, traits(solver).dtype, B=self.p.batch_size)
        theta, moments = one_pass(solver, loss, dynamics.theta, rng, moments)
        return trained._replace(dynamics=laid_out(dynamics.but(theta=theta)), carry=moments)


class EncoderDecoderClassifier(InFiles, HasFitted, TrainedParameters, Documented, BaseEstimator):
    """Encoder-decoder with attention, for answers that are sequences of symbols: sequence to sequence.

    For each sequence, of characters, words or rows of numbers, another sequence of symbols, with a length and an
    alphabet of its own: a date as it is written to a date as it is stored, a word to its sounds, a signal to a code.
    The encoder reads the whole sequence; the decoder starts from its state and writes symbol after symbol, seeing what
    it wrote, until it writes the end [1]_; attention lets each step look at all steps of the encoder again [2]_ [3]_.
    (For one label per row, or a sequence, take a :class:`~tsrnn.GRUClassifier`; for the rows to come of a series an
    :class:`~tsrnn.EncoderDecoderRegressor`.)

    Parameters
    ----------
    cell : {"gru", "lstm", "elman"}, default="gru"
        Of both nets.
    hidden_layer_sizes : tuple of int, default=(64,)
        Units of each layer, of both nets.
    attention : {"additive", "general", "dot", None}, default="additive"
        How a step scores those of the encoder, by the last layer's states h of the encoder and s of the decoder:
        v tanh(h K + s Q) [2]_, s (h K) or s h [3]_; None for a decoder that starts from the last state and no more.
    embedding_size : int or None, default=None
        Numbers in the learnt vector of a symbol. None: 1.6 C^0.56 for C symbols.
    beam_width : int, default=1
        Beginnings that are kept while an answer is written, to find a more probable one; 1: the most probable symbol at
        each step. Takes effect at once, without a new fit.
    max_length : int or None, default=None
        Symbols, at most, of an answer. None: as many as the longest of training has.
    training : {"open_loop", "scheduled_sampling"}, default="open_loop"
        What the decoder sees as the last symbol in training: the given one (teacher forcing); or more and more often,
        as epochs go by, what it would have written itself [4]_.
    label_smoothing : float, default=0.0
        Share of each symbol that is spread over all: keeps the net from being too sure.
    dropout : float, default=0.0
        Share of each layer's outputs that the layer above, or the readout, does not get in a training step.
    recurrent_dropout : float, default=0.0
        Share of each layer's units that the recurrence does not see, the same for all steps.
    recurrent_init : {"orthogonal", "glorot"}, default="orthogonal"
        How the recurrent weights start.
    batch_size : int, default=32
        Pairs a step of the solver, of like lengths.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs"} or object, default="auto"
        A word, or an object with its own settings; "auto" is ``Adam(0.003, clip_norm=1.0)``.
    alpha : float, default=1e-4
        Weight decay: half of alpha times the squared weights is added to the sum of cross-entropies.
    max_iter : int or None, default=None
        Most epochs, or iterations of L-BFGS. Training that meets the limit before it has converged gives a
        ``ConvergenceWarning``. None: 100.
    early_stopping : bool, default=True
        Hold back some pairs, watch the loss on them, stop when it rises and keep the best weights; these then learn all
        pairs, for a quarter of the epochs that led to them.
    validation_fraction : float, default=0.1
        Share of the pairs, drawn at random, that are held back.
    n_iter_no_change : int, default=10
        See ``tol``.
    n_restarts : int, default=1
        Train from as many random starts; the one with the least validation loss is kept.
    n_jobs : int, optional
        Threads, each with a share of the pairs of a batch; the result does not depend on it.
    scale : {"standard", "minmax", "robust", None}, default="standard"
        How rows of numbers are scaled inside.
    random_state : int, RandomState or None, default=None
        For the initial weights, the order of pairs, what is held back, and dropout.

    Attributes
    ----------
    classes_ : list
        The symbols of answers, sorted.
    symbols_ : list or None
        The symbols of X, sorted; None where it has rows of numbers.
    max_length_ : int
        Symbols, at most, of an answer.
    theta_ : ndarray of shape (n_parameters,)
        All parameters.
    params_ : tuple
        The same: the encoder's layers, the decoder's layers and its readout, and attention's ``Weights`` or None.
    embeddings_ : tuple of ndarrays
        Of the symbols of X (and one that training never has), or None; of answers, the end and the start.

    See Also
    --------
    GRUClassifier : one label per row, or a sequence.
    EncoderDecoderRegressor : the rows to come of a series of numbers.

    Notes
    -----
    For scikit-learn it is neither classifier nor regressor, since y is a list of sequences: cross-validation does not
    stratify.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals, Q. V. Le. "Sequence to sequence learning with neural networks." NIPS 2014.
    .. [2] D. Bahdanau, K. Cho, Y. Bengio. "Neural machine translation by jointly learning to align and translate."
       ICLR 2015.
    .. [3] M.-T. Luong, H. Pham, C. D. Manning. "Effective approaches to attention-based neural machine translation."
       EMNLP 2015.
    .. [4] D. Duckworth et al. "Parallel scheduled sampling." arXiv:1906.04331, 2019.

    Examples
    --------
    >>> from tsrnn import EncoderDecoderClassifier
    >>> words = [a + b + c for a in "abcd" for b in "abcd" for c in "abcd"]
    >>> backwards = [word[::-1].upper() for word in words]
    >>> model = EncoderDecoderClassifier(hidden_layer_sizes=(16,), max_iter=60, random_state=0)
    >>> model.fit(words[:-4], backwards[:-4]).predict(["abc", "dad"])
    ['CBA', 'DAD']
    >>> model.attention_weights(["abc"])[0].shape  # symbols of the answer, of the sequence
    (3, 3)
    """

    cell: str = "gru"
    _: KW_ONLY
    hidden_layer_sizes: Sizes = (64,)
    attention: str | None = "additive"
    embedding_size: int | None = None
    beam_width: int = 1
    max_length: int | None = None
    training: str = "open_loop"
    label_smoothing: float = 0.0
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    recurrent_init: str = "orthogonal"
    batch_size: int = 32
    max_iter: int | None = None
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    n_jobs: int | None = None
    scale: str | None = "standard"
    random_state: object = None

    _warmup = tuple(  # settings that together call every kernel
        {"cell": cell, "hidden_layer_sizes": (2,), "attention": attention, "max_iter": 1, "random_state": 0}
        for cell, attention in zip(CELLS, attention_kinds.KINDS)
    )

    loss: ClassVar = property(lambda self: SoftmaxOfCodes(float(self.label_smoothing)))
    ensemble: ClassVar = "best"
    washout: ClassVar = 0
    orthogonal_penalty: ClassVar = 0.0
    skip_connections: ClassVar = False

    # ---------------------------------------------------------------------------------- tags, attributes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        return tags

    @property
    def classes_(self):
        """The symbols of answers, sorted."""
        return list(self._fitted().y.symbols)

    @property
    def symbols_(self):
        """The symbols of X, sorted, or None."""
        x = self._fitted().x
        return list(x.symbols) if isinstance(x, Alphabet) else None

    @property
    def max_length_(self):
        """Symbols, at most, of an answer."""
        return self._fitted().longest if self.max_length is None else self.max_length

    theta_ = shown("trained.dynamics.theta", "All parameters.")
    params_ = shown(
        "trained.dynamics.params", "Weights of the encoder, of the decoder and its readout, of attention."
    )
    embeddings_ = shown("trained.dynamics.embeddings", "Tables of the symbols of X, or None, and of answers.")
    n_iter_ = shown("trained.n_iter", "Epochs run.")
    loss_curve_ = shown("trained.loss_curve", "Loss after each epoch.")
    validation_curve_ = shown("trained.validation_curve", "Loss on the held pairs after each epoch.")

    # ---------------------------------------------------------------------------------- learning

    def _learner(self):
        """Check the parameters; a learner holds them parsed."""
        check_word("cell", self.cell, CELLS)
        hidden = check_widths("hidden_layer_sizes", self.hidden_layer_sizes, "give a tuple of ints >= 1", 1)
        check_word("attention", self.attention, (*attention_kinds.KINDS, None))
        check_embedding(self)
        check_number("batch_size", self.batch_size, 1, integer=True)
        self._check_search()
        check_training(self)
        check_word("recurrent_init", self.recurrent_init, ("orthogonal", "glorot"))
        check_word("training", self.training, TRAINING)
        check_number("label_smoothing", self.label_smoothing, 0, 1, high_open=True)
        for name in ("dropout", "recurrent_dropout"):
            check_number(name, getattr(self, name), 0, 0.95)
        check_jobs(self.n_jobs)
        check_word("scale", self.scale, ("standard", "minmax", "robust", None))
        learner = AnswerLearner(self, hidden, (), (), CELLS[self.cell], self.loss, self.attention)
        learner.check_solver(AnswerLoss.offers)
        return learner

    def _check_search(self):
        """Raise where what an answer is searched with is out of range."""
        check_number("beam_width", self.beam_width, 1, integer=True)
        check_number("max_length", self.max_length, 1, integer=True, words=(None,))

    @all_or_nothing
    def fit(self, X, y, sample_weight=None):
        """Learn from pairs: from the start or, with ``warm_start``, from the weights it has.

        Parameters
        ----------
        X : list of sequences
            Of symbols: a str (its characters), or a list, tuple or 1-D array of str or int each. Of rows of numbers: an
            array of shape (n_timesteps, n_features) each. None is empty; lengths may differ.
        y : list of sequences
            The answers, of symbols: a str, or a list, tuple or 1-D array of str or int each; one may be empty.
            ``predict`` gives sequences of this kind.
        sample_weight : array-like of shape (n_sequences,), optional
            How often each pair counts.

        Returns
        -------
        self : the fitted estimator, or as it was before the call if that fails or is interrupted

        Raises
        ------
        ValueError, TypeError
            A parameter is out of range; X and y differ in length; a sequence of X is empty, or has neither symbols nor
            rows; y has no sequences.
        """
        learner = self._learner()
        X, container = _sequences(X)
        answers, weight = _answers(X, y, sample_weight)
        x = learn_alphabet(X, container) if container else Numbers(X[0].shape[1], None)
        y = learn_alphabet(*answers)
        if not len(y):
            raise ValueError("All sequences of y are empty: give answers.")
        rng = check_random_state(self.random_state)
        held = np.zeros(len(X), bool)
        if self.early_stopping:
            counts = np.flatnonzero(weight)
            held[rng.permutation(counts)[: int(len(counts) * self.validation_fraction)]] = True
        if container is None:
            rows = np.concatenate([table for table, h in zip(X, held) if not h])
            x = x._replace(scaler=make_scaler(self.scale, rows, np.ones(len(rows), bool), "X"))
        series = Series(_coded(x, X), y.coded(answers[0], "y"), weight, held)
        net, old = learner.net_of(x, y), self.__dict__.get("fitted_")
        same = old is not None and old.y.symbols == y.symbols and _same(old.x, x)
        before = learner.before(old.trained, net) if same else None
        trained = learner.learn(net, [series], (None, None), rng, before)
        self.fitted_ = FittedPairs(x, y, trained, max(map(len, answers[0])), rng)

    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None):
        """Learn a little from new pairs, in one pass over them; the first call is ``fit``.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``
            Their symbols must be among those of the first call.

        Returns
        -------
        self : the estimator
        """
        fitted = self.__dict__.get("fitted_")
        if fitted is None:
            self.fit(X, y, sample_weight)
            return
        learner, X = self._learner(), self._inputs(fitted, X)
        answers, weight = _answers(X, y, sample_weight)
        series = Series(X, fitted.y.coded(answers[0], "y"), weight, np.zeros(len(X), bool))
        rng = _copied(fitted.rng)
        trained = learner.learn_more(fitted.trained, series, None, rng)
        longest = max(fitted.longest, *map(len, answers[0]))
        self.fitted_ = fitted._replace(trained=trained, longest=longest, rng=rng)

    # ---------------------------------------------------------------------------------- answers

    def predict(self, X):
        """Predict the most probable answers that the search finds.

        Parameters
        ----------
        X : as for ``fit``

        Returns
        -------
        answers : list of sequences
            Each a str, list, tuple or array, as y in training was.

        Raises
        ------
        ValueError
            X does not fit the model, or has a symbol that training had not.
        """
        fitted = self._fitted()
        return [fitted.y.decoded(codes) for codes in self._search(fitted, self._inputs(fitted, X))]

    def log_proba(self, X, y):
        """Return logarithms of the probabilities of given answers, log p(y | X).

        Parameters
        ----------
        X, y : as for ``fit``

        Returns
        -------
        log_probabilities : ndarray of shape (n_sequences,)
            Of whole answers, with their end.
        """
        fitted, sums = self._fitted(), np.empty(len(X))
        X = self._inputs(fitted, X)
        codes = fitted.y.coded(_answers(X, y, None)[0][0], "y")
        for batch, logs, counts, _ in fitted.trained.dynamics.given(X, codes):
            sums[batch] = np.where(counts, logs, 0.0).sum(axis=1)
        return sums

    def score(self, X, y, sample_weight=None):
        """Return the share of the answers that are right from the first symbol to the end.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``

        Returns
        -------
        share : float
        """
        fitted = self._fitted()
        X = self._inputs(fitted, X)
        (answers, _), weight = _answers(X, y, sample_weight)
        predicted = [[fitted.y.symbols[code] for code in codes] for codes in self._search(fitted, X)]
        return float(np.average([a == b for a, b in zip(predicted, answers)], weights=weight))

    def attention_weights(self, X, y=None):
        """Return the weights by which each step of each answer attends to its sequence.

        Parameters
        ----------
        X : as for ``fit``
        y : as for ``fit``, optional
            Answers; by default those of ``predict``.

        Returns
        -------
        weights : list of ndarray of shape (n_symbols, n_timesteps)
            weights[i][k, j]: the share that step j of sequence i has in symbol k of its answer; over j the sum is 1.

        Raises
        ------
        ValueError
            There is no attention; or X or y does not fit the model.
        """
        if self.attention is None:
            raise ValueError("attention=None has no weights: give 'additive', 'general' or 'dot', and fit.")
        fitted = self._fitted()
        X = self._inputs(fitted, X)
        if y is None:
            codes = self._search(fitted, X)
        else:
            codes = fitted.y.coded(_answers(X, y, None)[0][0], "y")
        attended = [None] * len(X)
        for batch, _, _, tape in fitted.trained.dynamics.given(X, codes):
            for k, weights in zip(batch, tape.head.E):
                attended[k] = weights[: len(codes[k])].copy()
        return attended

    def _search(self, fitted, X):
        """Search the codes of the answers to sequences in the model's units."""
        self._check_search()
        most = fitted.longest if self.max_length is None else self.max_length
        return fitted.trained.dynamics.answers(X, self.beam_width, most)[0]

    def _inputs(self, fitted, X):
        """Convert sequences to the model's units."""
        X, container = _sequences(X)
        if (container is None) != isinstance(fitted.x, Numbers):
            was, now = ("symbols", "rows of numbers")[:: 1 if container is None else -1]
            raise ValueError(f"X has {now}, but the model was fitted to sequences of {was}: give those.")
        if container is None and X[0].shape[1] != fitted.x.n:
            raise ValueError(
                f"X has {X[0].shape[1]} columns, but the model was fitted to {fitted.x.n}: give as many."
            )
        return _coded(fitted.x, X)


def _sequences(X):
    """Read sequences X and their container; raise where one is empty."""
    X, container = read_sequences(X, "X")
    for k, sequence in enumerate(X):
        if len(sequence) == 0:
            raise ValueError(f"X[{k}] is an empty sequence: leave it out, or give it a symbol that says so.")
    return X, container


def _answers(X, y, sample_weight):
    """Read answers to sequences X, lists of symbols and their container, and the weights (N,) of the pairs."""
    answers, container = read_sequences(y, "y")
    if container is None:
        raise TypeError(
            "y has rows of numbers, but answers are sequences of symbols: give a str, or a list of str or int each; "
            "or take an EncoderDecoderRegressor."
        )
    if len(answers) != len(X):
        raise ValueError(f"X has {len(X)} sequences, but y has {len(answers)}: give an answer to each.")
    weight = np.ones(len(X))
    if sample_weight is not None:
        weight = np.asarray(sample_weight, float)
        if (
            weight.shape != (len(X),)
            or not np.isfinite(weight).all()
            or (weight < 0).any()
            or not weight.any()
        ):
            raise ValueError(
                f"sample_weight must be {len(X)} finite numbers >= 0, one a sequence, and not all of them 0."
            )
    return (answers, container), weight


def _coded(x, X):
    """Convert sequences to the model's units, codes (T,) or rows (T, D)."""
    return x.coded(X, "X") if isinstance(x, Alphabet) else [x.scaler(rows) for rows in X]


def _same(old, new):
    """Return whether the inputs of two fits mean the same."""
    if isinstance(old, Alphabet) and isinstance(new, Alphabet):
        return old.symbols == new.symbols
    return isinstance(old, Numbers) and isinstance(new, Numbers) and old.n == new.n


def _copied(rng):
    """Copy a generator."""
    copy = np.random.RandomState()
    copy.set_state(rng.get_state())
    return copy
