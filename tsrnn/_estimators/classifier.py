"""What a classifier adds to a sequence: labels and their probabilities.

    label  -->  target  -->  score of the model  -->  probability  -->  label

(``labels.py``).  What is fed back is the known label's target or, where there is none, probabilities.
"""

from dataclasses import KW_ONLY, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin

from .._check import check_number
from .._declared import Declared
from .._series.checks import check_outputs, check_steps
from .._series.labels import Link, announced_classes, class_weights, learn_classes, read_labels
from .._series.rows import gather
from .._series.targets import resolve_target
from .._series.units import late
from .._training.losses import Logistic, Softmax
from .parameters import ClassifierParameters
from .sequence import Form, Goal, Sequence, all_or_nothing


class SequenceClassifier(ClassifierParameters, ClassifierMixin, Sequence):
    """Labels; a subclass brings its constructor and ``_learner``."""

    # ---------------------------------------------------------------------------------- what y means

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def classes_(self):
        """The labels, sorted."""
        self._trained()
        return self.fitted_.form.classes.labels

    def _check_y(self, y, fitted):
        """Targets Y (N, O), NaN where there is no label, and their ``Form``; as in training where that is given."""
        values, known = read_labels(y)
        names = getattr(y, "columns", None)
        names = [getattr(y, "name", None)] if isinstance(y, pd.Series) else names
        if fitted is None:
            announced = self.__dict__.get("_announced")
            if announced is None:
                classes = learn_classes(values, known, type(self).__name__)
            else:
                classes = announced_classes(announced, values, known)
            form = Form(values.ndim, names, "table", [], classes)
        else:
            form = fitted.form
            classes = form.classes
            if (values.ndim == 2) != classes.several:
                has = f"{len(classes.labels)} labels a row" if classes.several else "one label a row"
                raise ValueError(
                    f"y has the shape {values.shape}, but the model was fitted with {has}: give as many."
                )
        if classes.several:
            Y = np.where(known, values, np.nan).astype(float)
            if fitted is not None:
                check_outputs(y, Y, form.y_names, classes.n_outputs)
            return Y, form
        return classes.targets(classes.encode(values, known)), form

    def _weigh(self, form, Y, weight, fitted):
        if fitted is None:
            weights = class_weights(form.classes, self.class_weight, Y, weight)
            form = form._replace(classes=form.classes._replace(weights=weights))
        weight = weight * form.classes.row_weights(Y)
        if not weight.sum() > 0:
            raise ValueError(
                "class_weight and sample_weight leave no row that counts: give some a positive weight."
            )
        return form, weight

    def _for_y(self, learner, form, table):
        """The learner, with the loss of these classes."""
        check_number("delay", self.delay, 0, integer=True)
        if self.delay and form.whole:
            raise ValueError(
                f"delay={self.delay!r} is for a label a row, but y has one a series: give delay=0."
            )
        if self.delay and (learner.sees_y or getattr(self, "bidirectional", False)):
            why = "bidirectional=True" if not learner.sees_y else "output_lags, which are earlier labels"
            raise ValueError(f"delay={self.delay!r} does not go with {why}: give delay=0.")
        return learner

    def _link(self, classes):
        """The scaler of targets."""
        return Link(classes.link)

    def _goal(self, table, pieces, form):
        if isinstance(self.scale, str) and self.scale == "series":
            raise ValueError("scale='series' is for y of numbers, but y has labels: give 'standard'.")
        W = np.concatenate([late(table.y[p], self.delay) for p in pieces])
        return Goal(W, W, resolve_target(None), None, None, self._link(form.classes), self.delay)

    @all_or_nothing
    def partial_fit(self, X, y, classes=None, sample_weight=None, groups=None):
        """Learn a little from new rows and remember them: weights and memory advance.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            The first call is ``fit``; later rows must follow those seen.
        classes : array-like of shape (n_classes,), optional
            All labels there will ever be; in the first call, where its y does not have them all.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen; or a label is new.
        """
        self._announced = classes
        super().partial_fit(X, y, sample_weight, groups)
        del self._announced

    # ---------------------------------------------------------------------------------- labels of given rows

    def predict(self, X, y=None, *, steps=1, start=None, groups=None):
        """Labels of rows; a model that sees labels is fed its own probabilities.

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
        labels : ndarray of shape (n_timesteps,), or (n_timesteps, n_labels) of several labels a row
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
        """Probabilities of the classes.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``

        Returns
        -------
        probabilities : ndarray of shape (n_timesteps, n_classes)
            In the order of ``classes_``; of several labels a row that of each label, by itself.
        """
        fitted = self._fitted()
        table, U = self._levels(fitted, X, y, steps, start, groups)
        return table.give_back(self._probabilities(fitted, U))

    def predict_log_proba(self, X, y=None, *, steps=1, start=None, groups=None):
        """Logarithms of the probabilities.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``

        Returns
        -------
        log_probabilities : ndarray of shape (n_timesteps, n_classes)
        """
        found = self.predict_proba(X, y, steps=steps, start=start, groups=groups)
        with np.errstate(divide="ignore"):
            return [np.log(p) for p in found] if isinstance(found, list) else np.log(found)

    def predict_ahead(self, X, y, *, steps=1, start=None, groups=None):
        """Labels of rows from the labels that were known ``steps`` rows before each.

        Parameters
        ----------
        X, y, steps, start, groups : as for ``predict``
            Where y has no label, the model's own probabilities take its place.

        Returns
        -------
        labels : ndarray of shape (n_timesteps,)
        """
        if y is None:
            raise ValueError("predict_ahead needs known labels y; predict(X) runs freely without them.")
        return self.predict(X, y, steps=steps, start=start, groups=groups)

    def _probabilities(self, fitted, U):
        """Of each class, (N, K), of levels U (N, O)."""
        return fitted.form.classes.probabilities(U)

    def _levels(self, fitted, X, y, steps, start, groups):
        """The table of some rows, and their levels (N, O), ``steps`` rows ahead of known labels y, or freely."""
        if fitted.form.whole:
            if y is not None:
                fitted.trained.dynamics.check_verb("predict(X, y)")
            table = gather(X, None, None, groups, self.series)
            return table._replace(form="whole", order=None), self._answers(fitted, X, groups)
        steps = check_steps(steps)
        if y is None and steps != 1:
            raise ValueError(f"steps={steps!r} needs known labels: give predict(X, y, steps={steps!r}).")
        table = self._check_rows(fitted, X, y, groups)
        start = self.start if start is None else start
        if y is None:
            if len(table.X) == 1 and isinstance(start, str) and start in ("auto", "end"):
                self._note_one_row_call(fitted, table.parts[0])
            return table, self._free_run(fitted, table, start)
        steps = steps if fitted.trained.dynamics.sees_y else 1
        return table, self._walk_all(fitted, table, table.y, start, (steps,))[steps]

    # ---------------------------------------------------------------------------------- how good

    def score(self, X, y, sample_weight=None, groups=None):
        """Share of the rows with a label whose label ``predict(X)`` gives; of several labels a row, all of them.

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
            Y, weight = self._whole_y(fitted, X, y, sample_weight, groups)
            U = self._answers(fitted, X, groups)
        else:
            table = self._check_rows(fitted, X, y, groups, sample_weight)
            Y, weight, U = table.y, table.weight, self._free_run(fitted, table, self.start)
        known = np.isfinite(Y).all(axis=1)
        if not known.any():
            raise ValueError("y has no label, so there is nothing to score: give rows that have one.")
        right = classes.codes(U)[known] == classes.codes(Y)[known]
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=None if sample_weight is None else weight[known]))


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
        kind = Softmax if form.classes.link == "softmax" else Logistic
        return replace(super()._for_y(learner, form, table), loss=kind(float(self.label_smoothing)))
