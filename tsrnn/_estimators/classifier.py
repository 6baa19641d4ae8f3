"""What a classifier adds to a sequence: labels and their probabilities.

    label  -->  target  -->  score of the model  -->  probability  -->  label

(``labels.py``).  What is fed back is the known label's target or, where there is none, probabilities.
"""

from dataclasses import KW_ONLY, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state

from .._check import check_number
from .._declared import Declared
from .._series.checks import about, check_outputs, check_steps, column_names
from .._series.labels import Link, announced_classes, class_weights, learn_classes, read_labels
from .._series.rows import gather
from .._series.targets import resolve_target
from .._series.units import late
from .._training.losses import Logistic, Softmax, SoftmaxOfCodes
from .attributes import shown
from .fitted import Form, Goal
from .following import first_past, follow
from .frequencies import warn_if_less_than_frequencies
from .input_checks import as_wide_as, check_inputs
from .language import GREEDY, check_draw, go_on
from .one_row_calls import note_one_row_call
from .parameters import ClassifierParameters
from .places import past_of
from .sequence import Sequence
from .snapshots import all_or_nothing


class SequenceClassifier(ClassifierParameters, ClassifierMixin, Sequence):
    """Labels; a subclass brings its constructor and ``_learner``."""

    # ---------------------------------------------------------------------------------- what y means

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    classes_ = shown("form.classes.labels", "The labels, sorted.")

    def _check_y(self, y, fitted, name="y", lenient=False):
        """Encode labels: targets Y (N, O), NaN where unlabelled, and their ``Form``; that of training if ``fitted``.

        lenient : whether labels may be new, whose targets are -inf.
        """
        values, is_label = read_labels(y)
        if fitted is None:
            check_number("delay", self.delay, 0, integer=True)
            announced = self.__dict__.get("_announced")
            if announced is None:
                classes = learn_classes(values, is_label, type(self).__name__)
            else:
                classes = announced_classes(announced, values, is_label)
            form = Form(values.ndim, column_names(y), "table", [], classes)
        else:
            form = fitted.form
            classes = form.classes
            if (values.ndim == 2) != classes.several:
                has = f"{len(classes.labels)} labels per row" if classes.several else "one label per row"
                raise ValueError(
                    f"y has the shape {values.shape}, but the model was fitted with {has}: give as many."
                )
        if classes.several:
            Y = np.where(is_label, values, np.nan).astype(float)
            if fitted is not None:
                check_outputs(y, Y, form.y_names, classes.n_outputs)
            return Y, form
        codes = classes.encode(values, is_label, name, lenient)
        if fitted is None and classes.link == "softmax" and self._codes_labels():
            return np.where(codes < 0, np.nan, codes)[:, None], form
        return classes.targets(codes), form

    def _codes_labels(self):
        """Return whether to fit labels as codes, as embedded past labels are: a table of 0 and 1 is far larger."""
        return getattr(self, "embedding_size", 0) != 0 and self._learner().sees_y

    def _weigh(self, form, Y, weight, fitted):
        if fitted is None:
            weights = class_weights(form.classes, self.class_weight, Y, weight)
            form = form._replace(classes=form.classes._replace(weights=weights))
        weight = weight * form.classes.row_weights(Y)
        if not weight.sum() > 0:
            raise ValueError(
                "class_weight and sample_weight leave no row with a positive weight: give some rows one."
            )
        return form, weight

    def _for_y(self, learner, form, table):
        """Return the learner, with the loss of these classes."""
        if self.delay and form.whole:
            raise ValueError(
                f"delay={self.delay!r} is for one label per row, but y has one label per series: give delay=0."
            )
        if self.delay and (learner.sees_y or getattr(self, "bidirectional", False) is True):
            why = "bidirectional=True" if not learner.sees_y else "output_lags, which are earlier labels"
            raise ValueError(f"delay={self.delay!r} does not go with {why}: give delay=0.")
        if self.delay and self.delay >= (longest := max(len(table.X[part.rows]) for part in table.parts)):
            raise ValueError(
                f"delay={self.delay!r} is too long: the longest series has {longest} rows, so that no row would get a "
                "label. Give a smaller delay."
            )
        return super()._for_y(learner, form, table)

    def _compare(self, learner, maker, rows):
        if self.class_weight is None:
            warn_if_less_than_frequencies(self, maker, rows)

    def _link(self, classes):
        """Return the scaler of targets."""
        return Link(classes.link)

    def _goal(self, table, pieces, form):
        if isinstance(self.scale, str) and self.scale == "series":
            raise ValueError("scale='series' is for a numeric y, but y holds labels: give scale='standard'.")
        W = np.concatenate([late(table.y[p], self.delay) for p in pieces])
        return Goal(W, W, resolve_target(None), None, self.scale, self._link(form.classes), self.delay)

    @all_or_nothing
    def partial_fit(self, X, y, classes=None, sample_weight=None, groups=None, *, forgetting=1.0):
        """Learn a little from new rows and remember them: weights and memory advance.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            The first call is ``fit``; later rows must follow those seen.
        classes : array-like of shape (n_classes,), optional
            All labels there will ever be; in the first call, where its y does not have them all.
        forgetting : float, default=1.0
            In (0, 1]: what was learnt before, and each new row, count for ``forgetting`` to the power of the number of
            rows after them.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen; or a label is new.
        """
        self._announced = classes
        super().partial_fit(X, y, sample_weight, groups, forgetting=forgetting)
        del self._announced

    # ---------------------------------------------------------------------------------- labels of given rows

    def predict(self, X, y=None, *, steps=1, start=None, groups=None):
        """Predict labels of rows; a model that sees labels is fed its own probabilities.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Inputs. Of several series, in any container that ``fit`` takes, each goes on from its own end.
        y : array-like of shape (n_timesteps,), optional
            Known labels: then those up to ``steps`` rows before a row are seen by a model that sees labels.
        steps : int, default=1
            How far ahead; only with y.
        start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), optional
            Overrides the constructor's ``start`` for this call.
        groups : as for ``fit``

        Returns
        -------
        labels : ndarray of shape (n_timesteps,), or (n_timesteps, n_labels) of several labels per row
            A list, or an array of shape (n_series, n_timesteps), where X is one. Of shape (n_series,), where y had one
            label a series in training.

        Raises
        ------
        ValueError
            X does not fit the model, its stamps are not in order or not unique, or ``start`` is unknown.

        Warns
        -----
        UserWarning
            Rows are missing before or within X; or one row without an index is asked for again and again.
        """
        fitted = self._fitted()
        table, U = self._levels(fitted, X, y, steps, start, groups)
        return table.give_back(fitted.form.classes.decoded(U))

    def predict_proba(self, X, y=None, *, steps=1, start=None, groups=None):
        """Predict probabilities of the classes.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``

        Returns
        -------
        probabilities : ndarray of shape (n_timesteps, n_classes)
            In the order of ``classes_``; of several labels per row that of each label, by itself.
        """
        fitted = self._fitted()
        table, U = self._levels(fitted, X, y, steps, start, groups)
        return table.give_back(self._probabilities(fitted, U))

    def predict_log_proba(self, X, y=None, *, steps=1, start=None, groups=None):
        """Predict logarithms of the probabilities.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``

        Returns
        -------
        log_probabilities : ndarray of shape (n_timesteps, n_classes)
        """
        P = self.predict_proba(X, y, steps=steps, start=start, groups=groups)
        with np.errstate(divide="ignore"):
            return [np.log(p) for p in P] if isinstance(P, list) else np.log(P)

    def predict_ahead(self, X, y, *, steps=1, start=None, groups=None):
        """Predict labels of rows from the labels that were known ``steps`` rows before each.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``
            Where y has no label, the model's own probabilities take its place.

        Returns
        -------
        labels : ndarray of shape (n_timesteps,)
        """
        if y is None:
            raise ValueError("predict_ahead needs known labels y; predict(X) works without them.")
        return self.predict(X, y, steps=steps, start=start, groups=groups)

    def _probabilities(self, fitted, U):
        """Convert levels U (N, O) to probabilities of the classes, (N, K)."""
        return fitted.form.classes.probabilities(U)

    def _levels(self, fitted, X, y, steps, start, groups):
        """Check rows and compute their levels (N, O), ``steps`` rows ahead of known labels y, or freely."""
        if fitted.form.whole:
            if y is not None:
                fitted.trained.dynamics.check_verb("predict(X, y)")
            table = gather(X, None, None, groups, self.series)
            return table._replace(form="whole", order=None), self._answers(fitted, X, groups)
        steps = check_steps(steps)
        if y is None and steps != 1:
            raise ValueError(f"steps={steps!r} needs known labels: give predict(X, y, steps={steps!r}).")
        table = self._check_rows(fitted, X, y, groups)
        if y is None:
            note_one_row_call(self, fitted, table, start)
            return table, self._free_run(fitted, table, start)
        steps = steps if fitted.trained.dynamics.sees_y else 1
        return table, self._walk_all(fitted, table, table.y, start, (steps,))[steps]

    # ---------------------------------------------------------------------------------- sequences of labels

    def forecast(self, steps, X_future=None, *, series=None):
        """Forecast labels of the rows after the last one seen, each the most probable and fed back as if it were known.

        Parameters
        ----------
        steps : int
            How many.
        X_future : array-like or DataFrame of shape (n_timesteps, n_features), optional
            Inputs of those rows, for a model that has any; the last row goes on.
        series : key, optional
            Of several series, the one to go on with.

        Returns
        -------
        labels : ndarray of shape (steps,)

        Raises
        ------
        ValueError
            The model sees no labels, or needs X_future.

        Examples
        --------
        >>> from tsrnn import NARXClassifier
        >>> model = NARXClassifier(input_lags=(), output_lags=5, random_state=0).fit(None, list("abcabd" * 50))
        >>> "".join(model.forecast(9))
        'abcabdabc'
        """
        check_number("steps", steps, 1, integer=True)
        return self._go_on(np.zeros(steps), GREEDY, X_future, None, series)

    def sample(
        self,
        n,
        temperature=1.0,
        prefix=None,
        top_k=None,
        top_p=None,
        random_state=None,
        *,
        X=None,
        series=None,
    ):
        """Draw labels one after the other, each fed back: a way that the sequence may go on.

        Parameters
        ----------
        n : int
            How many.
        temperature : float, default=1.0
            Scores of the labels are divided by it: below 1 the probable ones are more probable, at 0 the most probable
            one is taken.
        prefix : sequence of labels or str, optional
            What the sequence begins with, empty for nothing. By default it goes on after the last row seen.
        top_k : int, optional
            Only the k most probable labels are drawn.
        top_p : float, optional
            Only the fewest labels that together are as probable (nucleus sampling [1]_).
        random_state : int, RandomState or None, default=None
            By default the constructor's.
        X : array-like or DataFrame of shape (n_timesteps, n_features), optional
            Inputs of the rows of the prefix and those to come; the last row goes on, so one row tells what the whole
            sequence shall be about.
        series : key, optional
            Of several series, the one to go on with.

        Returns
        -------
        labels : ndarray of shape (n,)

        Raises
        ------
        ValueError
            The model sees no labels, a label is unknown, or a parameter is out of range.

        References
        ----------
        .. [1] A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi. "The curious case of neural text degeneration." ICLR
           2020.

        Examples
        --------
        >>> from tsrnn import LSTMClassifier
        >>> text = "to be or not to be, that is the question. " * 20
        >>> model = LSTMClassifier((16,), output_lags=1, max_iter=30, random_state=0).fit(None, list(text))
        >>> len("".join(model.sample(40, temperature=0.5, prefix="to be ", random_state=0)))
        40
        >>> bool(model.perplexity(None, list(text)) < 3)
        True
        """
        check_number("n", n, 1, integer=True)
        how = check_draw(temperature, top_k, top_p, len(self.classes_))
        rng = self._random_state() if random_state is None else check_random_state(random_state)
        return self._go_on(rng.random_sample(n), how, X, prefix, series)

    def _go_on(self, chance, how, X, prefix, series):
        """Draw the labels that follow, (n,).   chance : (n,), numbers from [0, 1)."""
        fitted = self._fitted()
        dynamics, units, classes = fitted.trained.dynamics, fitted.units, fitted.form.classes
        if fitted.form.whole or not dynamics.sees_y or classes.several:
            raise ValueError(
                f"This {type(self).__name__} cannot continue a sequence of labels, as it sees no past labels, or "
                "several per row: fit one with output_lags=1 to one label per row."
            )
        if prefix is not None and not np.iterable(prefix):
            raise TypeError(
                f"prefix={prefix!r} is not a sequence: give labels in a list, or a str of characters."
            )
        if prefix is None:
            past, prefix = past_of(fitted, series, cure="a prefix"), ()
        else:
            past = first_past(dynamics, units)
        if X is None and units.n_inputs:
            raise ValueError(f"The model has {units.n_inputs} inputs: give X, one row or more.")
        with about("X"):
            X = (
                np.empty((1, 0))
                if X is None
                else as_wide_as(fitted, check_inputs(self, X, None, reset=False))
            )
        k = len(prefix)
        inputs = units.inputs(
            np.concatenate([X, np.repeat(X[-1:], max(0, k + 1 - len(X)), axis=0)]), past.inputs
        )
        if k:
            Y, _ = self._check_y(pd.Series(list(prefix)), fitted, "prefix")
            past = follow(dynamics, units, inputs.of(slice(0, k)), Y, past).after

        def probabilities(z):
            return self._probabilities(fitted, units.y.inverse(z))

        codes = go_on(dynamics, classes, probabilities, inputs.of(slice(k, None)), past, chance, how)
        return classes.labels[codes]

    # ---------------------------------------------------------------------------------- how good

    def log_loss(self, X, y, *, start=None, groups=None):
        """Return the mean of -log p(y), one step ahead: each label from those before it, where the model sees labels.

        Parameters
        ----------
        X, y, start, groups : as for ``predict``
            Rows without a label do not count.

        Returns
        -------
        loss : float
            In nats; over log 2 it is bits a label. Of several labels per row their sum.
        """
        fitted = self._fitted()
        classes = fitted.form.classes
        if fitted.form.whole:
            Y, U = self._whole_y(fitted, X, y, None, groups)[0], self._answers(fitted, X, groups)
        else:
            table = self._check_rows(fitted, X, y, groups)
            Y, U = table.y, self._walk_all(fitted, table, table.y, start)[1]
        labelled = np.isfinite(Y).all(axis=1)
        if not labelled.any():
            raise ValueError("y has no label, so there is no loss: give rows that have one.")
        p, codes = self._probabilities(fitted, U[labelled]), classes.codes(Y[labelled])
        p = np.where(codes, p, 1 - p).prod(axis=1) if classes.several else p[np.arange(len(p)), codes]
        with np.errstate(divide="ignore"):
            return float(-np.mean(np.log(p)))

    def perplexity(self, X, y, *, start=None, groups=None):
        """Return exp(log_loss): the number of equally probable labels that the model seems to choose among.

        Parameters
        ----------
        X, y, start, groups : as for ``predict``

        Returns
        -------
        perplexity : float
            1 for a model that knows each label, the number of classes for one that knows nothing.
        """
        return float(np.exp(self.log_loss(X, y, start=start, groups=groups)))

    def score(self, X, y, sample_weight=None, groups=None):
        """Return the share of labelled rows whose label ``predict(X)`` hits; of several labels per row, all of them.

        Where nothing tells that rows go on from those seen, the first labels are to start from, and not judged; see the
        ``score`` of a regressor. A label that training had not is never hit.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``

        Returns
        -------
        accuracy : float
        """
        fitted = self._fitted()
        classes = fitted.form.classes
        if fitted.form.whole:
            Y, weight = self._whole_y(fitted, X, y, sample_weight, groups, lenient=True)
            U = self._answers(fitted, X, groups)
        else:
            table = self._check_rows(fitted, X, y, groups, sample_weight, lenient=True)
            Y, weight = table.y, table.weight
            table = table._replace(y=np.where(np.isfinite(Y), Y, np.nan))
            U, judged = self._judged_run(fitted, table, self.start)
            Y = np.where(judged[:, None], Y, np.nan)
        labelled = ~np.isnan(Y).any(axis=1)
        if not labelled.any():
            raise ValueError("y has no label, so there is nothing to score: give rows that have one.")
        right = classes.codes(U)[labelled] == classes.codes(Y)[labelled]
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=None if sample_weight is None else weight[labelled]))


class ScoreParameters(Declared):
    """What a net has that learns scores of classes, by cross-entropy.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of each row's label that is spread over all classes: keeps the net from being too sure.
    """

    _: KW_ONLY
    label_smoothing: float = 0.0
    loss: ClassVar[object]

    @property
    def loss(self):
        """Cross-entropy."""
        return Logistic(self.label_smoothing)

    def _for_y(self, learner, form, table):
        check_number("label_smoothing", self.label_smoothing, 0, 1, high_open=True)
        learner, loss = super()._for_y(learner, form, table), Logistic
        if form.classes.link == "softmax":
            loss = SoftmaxOfCodes if learner.codes_labels else Softmax
        return replace(learner, loss=loss(float(self.label_smoothing)))
