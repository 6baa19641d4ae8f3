"""The program of a fitted model, and where it starts."""

import re

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._estimators.classifier import SequenceClassifier
from .._estimators.places import past_of
from .._estimators.program import row_program, whole_program
from .._estimators.regressor import SequenceRegressor
from .._estimators.sequence import Sequence
from .._estimators.snapshots import snapshot
from .._estimators.starting import follow_histories
from .._nets.memory import FromRest
from .._nets.program import Span, call
from .._version import __version__
from ._weights import check_one_scale


def program_of(model, start="end", series=None):
    """Make the program of a fitted model; see ``to_c`` for the parameters."""
    model = _checked(model)
    fitted = model.fitted_
    _check_goes_by_rows(fitted)
    past = _start(model, start, series)
    if isinstance(past.memory, FromRest):
        raise ValueError(
            f"start={start!r}: from rest, outputs of the first {past.memory.left} rows are held near the range of "
            "training, which exported code does not do: give start='end' or 'cold', or fit with washout=0."
        )
    p = row_program(fitted.trained.dynamics, fitted.units, past)
    if any(np.isnan(rows).any() for rows in p.past.values()):
        raise ValueError(
            f"start={start!r}: the last {len(p.past['U'])} values of y, to which target_transform="
            f"{model.target_transform!r} adds the changes, are not known there: give start='end' of a model that has "
            "seen them, or start=(X_hist, y_hist)."
        )
    if fitted.form.classes is not None:
        _add_classes(p, fitted)
    return p


def whole_of(model):
    """Make the programs of a fitted model of one y per series; None where it has one y per row."""
    model = _checked(model)
    fitted = model.fitted_
    if not fitted.form.whole:
        return None
    if fitted.units.bounds is not None and fitted.units.bounds.has_columns:
        raise ValueError(
            f"target_bounds={model.target_bounds!r} are columns of X, but an exported model of one y per series has "
            "bounds that are numbers: give such."
        )
    _check_one_label(fitted)
    whole = whole_program(fitted.trained.dynamics, fitted.units)
    if fitted.form.classes is not None:
        _add_classes(whole.answer, fitted)
    return whole


def _checked(model):
    """Return a fitted model that may be exported, of a search the best; raise where there is none."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline):
        raise TypeError(
            "model is a Pipeline, whose transformers cannot be exported: give its last step, model[-1], and later "
            "feed it what model[:-1].transform(X) gives."
        )
    if hasattr(model, "fitted_") and not isinstance(model, Sequence):
        raise TypeError(
            f"A program goes row by row, but {type(model).__name__} reads whole sequences and writes others: save it "
            "with joblib."
        )
    if not isinstance(model, (SequenceRegressor, SequenceClassifier)):
        raise TypeError(
            f"model={model!r} cannot be exported: give a fitted regressor or classifier of tsrnn."
        )
    check_is_fitted(model)
    model = snapshot(model)
    if not np.isfinite(model.theta_).all():
        raise ValueError(
            "The model has weights that are NaN or infinite, and cannot be exported: fit it again."
        )
    check_one_scale(model)
    return model


def _check_goes_by_rows(fitted):
    """Raise where a model does not go from the first row to the last."""
    if not fitted.trained.dynamics.goes_on:
        raise ValueError(
            "A net with bidirectional=True needs rows that are still to come and cannot go row by row: fit one with "
            "bidirectional=False."
        )
    _check_one_label(fitted)


def _check_one_label(fitted):
    """Raise where an answer has several labels."""
    if fitted.form.classes is not None and fitted.form.classes.several:
        raise ValueError(
            "A classifier of several labels per row cannot be exported, for a row of a program has one class: fit one "
            "to each column of y."
        )


def _add_classes(p, fitted):
    """Add the probabilities of the classes, in their order, and give the program their labels."""
    classes = fitted.form.classes
    K, u = len(classes.labels), Span("out")
    if fitted.units.y.word == "identity":  # a readout that estimates targets: see ``ESNClassifier``
        scores = p.map("scores", p.n_outputs, (2.0 * u - 1.0) * classes.sharpness)
        u = p.softmax("shares", scores) if K > 2 else p.map("shares", 1, call("logistic", scores))
    if K > 2:
        p.map("probabilities", K, u)
    else:
        p.affine("probabilities", np.array([1.0, 0.0]), [(u, np.array([[-1.0, 1.0]]))])
    p.labels = classes.labels


def title(model, n_inputs, n_outputs):
    """Return the first line of a file that is generated from a model."""
    model = getattr(model, "best_estimator_", model)
    name = re.sub(r"\W", "", type(model).__name__)  # it is printed in a comment
    told, late, vocabulary = "", int(getattr(model, "delay", 0)), model.fitted_.form.vocabulary
    if late:
        told = f" An answer belongs to the row {late} before (delay={late})."
    for column, values in zip(*vocabulary[:2]) if vocabulary else ():
        told += f" Column {column} of X: {numbered(values)}, any other number unknown."
    return f"{name}, {n_inputs} inputs, {n_outputs} outputs, by tsrnn {__version__}.{told}"


def numbered(labels):
    """List labels by number, without characters that would end a comment."""
    texts = (re.sub(r"[^\w .+-]", "_", str(label), flags=re.ASCII) for label in labels.tolist())
    return ", ".join(f"{k} {text}" for k, text in enumerate(texts))


def _start(model, start, series):
    """Find the ``Past`` before the first row, as in ``places.py``."""
    if isinstance(start, tuple) and len(start) == 2:
        history = model._history(model.fitted_, start)
        histories = follow_histories(model.fitted_, history, False, type(model).__name__)
        if len(histories) != 1:
            raise ValueError(f"start has the history of {len(histories)} series: give that of one.")
        return next(iter(histories.values()))[1]
    return past_of(model.fitted_, series, start)
