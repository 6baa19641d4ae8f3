"""Labels: what the user calls classes, how a model learns them, and back.

    label  --place among the sorted classes-->  code  -->  target, a number or K of them  (``Classes``)
    score of a model  --logistic or softmax-->  probability                               (``Link``)

Two classes are one column, 0 or 1; K >= 3 are K columns, one of which is 1; several labels per row (a table of 0 and 1)
are a column each. A row without a label (NaN, None, NA) is a row of NaN.
"""

import warnings
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp, softmax
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from .._values import kept
from .._warn import warn


UNLABELLED, NEW = -1, -2  # codes of a row without a label, and of a label that training had not
FEW_LABELS = 10  # of which each may be there once, unless they look like texts
SHOWN = 20  # characters of a label
SHARPEST = np.log(0.1), np.log(30.0)  # ends of a search


def shares(link, Z):
    """Convert scores Z (..., O) to probabilities: "logistic" by column, "softmax" by row; "identity" returns Z."""
    if link == "identity":
        return Z
    if link == "logistic":
        return expit(Z)
    return softmax(Z, axis=-1)


def one_hot(codes, K):
    """Encode codes (N,) as targets (N, K), NaN where codes are."""
    Y, valid = np.zeros((len(codes), K)), np.isfinite(codes)
    Y[np.flatnonzero(valid), codes[valid].astype(int)] = 1.0
    Y[~valid] = np.nan
    return Y


@kept("link")
class Link(NamedTuple):
    """The scaler of labels: a model is given targets as they are, and outputs scores.

    word : "logistic", "softmax", or "identity" for scores that estimate targets themselves.
    """

    word: str

    @property
    def feeds_output(self):
        """Whether a model feeds back its scores as they are, and not probabilities."""
        return self.word == "identity"

    def __call__(self, V):
        """Return targets V (N, O) as they are."""
        return V

    def inverse(self, Z):
        """Convert scores Z (..., O) to probabilities."""
        return shares(self.word, Z)


@kept("classes")
class Classes(NamedTuple):
    """The labels of a fit.

    labels : (K,), sorted; of several labels per row (L,), the columns' numbers.   several : whether a row has several.
    weights : (K,), what a row of each class counts, or None for 1.   sharpness : factor b of scores, see ``sharpness``.
    """

    labels: np.ndarray
    several: bool = False
    weights: Any = None
    sharpness: float = 1.0

    @property
    def link(self):
        """How scores become probabilities."""
        return "softmax" if not self.several and len(self.labels) > 2 else "logistic"

    @property
    def n_outputs(self):
        """O, columns of targets."""
        return 1 if not self.several and len(self.labels) == 2 else len(self.labels)

    def targets(self, codes):
        """Encode codes (N,), -1 where unlabelled, as targets (N, O); several labels per row are targets already.

        A new label's are -inf.
        """
        if self.several:
            return codes
        known = np.where(codes < 0, np.nan, codes)
        Y = known[:, None] if len(self.labels) == 2 else one_hot(known, len(self.labels))
        Y[codes == NEW] = -np.inf
        return Y

    def shares(self, codes):
        """Return the frequencies (K,) of labels among codes (N, 1), NaN where unknown."""
        counts = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=len(self.labels))
        return counts / max(counts.sum(), 1)

    def codes(self, Y):
        """Decode targets or probabilities (N, O) to codes (N,), -1 where unlabelled; several labels per row: (N, L).

        Of three labels or more Y may be codes already, (N, 1), NaN where there is none.
        """
        unknown = np.isnan(Y).any(axis=1)
        if Y.shape[1] != self.n_outputs:
            return np.where(unknown, -1, np.nan_to_num(Y[:, 0])).astype(int)
        if self.several:
            return np.where(np.isnan(Y), -1, Y > 0.5).astype(int)
        best = (Y[:, 0] > 0.5).astype(int) if len(self.labels) == 2 else np.argmax(np.nan_to_num(Y), axis=1)
        return np.where(unknown, UNLABELLED, np.where(np.isneginf(Y).any(axis=1), NEW, best))

    def probabilities(self, U):
        """Convert levels U (N, O) to probabilities of the classes, (N, K)."""
        return np.concatenate([1 - U, U], axis=1) if U.shape[1] == 1 and not self.several else U

    def decoded(self, U):
        """Return the most probable labels (N,) of levels U (N, O); several labels per row: (N, L) of 0 and 1."""
        codes = self.codes(U)
        return codes if self.several else self.labels[codes]

    def encode(self, values, known, name="y", lenient=False):
        """Encode labels as codes (N,), -1 where not ``known``; where a label is new -2 if ``lenient``, else raise."""
        codes = np.full(len(values), UNLABELLED)
        labels, given = pd.Index(self.labels), pd.Index(values[known])
        if {labels.inferred_type, given.inferred_type} == {"boolean", "integer"}:
            labels, given = labels.astype(int), given.astype(int)
        places = labels.get_indexer(given)
        if (places < 0).any() and not (lenient and _are_alike(labels, given)):
            new = values[known].tolist()[np.argmax(places < 0)]
            raise ValueError(
                f"{name} has the label {new!r}, which is not among the classes {self.labels.tolist()}: give one of "
                "those, NaN where it is not known, or fit again; for partial_fit, name all of them first: "
                "classes=[...]."
            )
        codes[known] = np.where(places < 0, NEW, places)
        return codes

    def row_weights(self, Y):
        """Weigh each row, (N,), of targets (N, O)."""
        if self.weights is None:
            return np.ones(len(Y))
        codes = self.codes(Y)
        return np.where(codes < 0, 1.0, self.weights[codes])


def read_labels(y):
    """Read labels (N,), or (N, L) of several a row; returns them and where there are any."""
    if isinstance(y, str):
        raise TypeError(
            f"y is a single text, {y[:20]!r} ...: give its characters, list(y), or its words, y.split()."
        )
    if sparse.issparse(y):
        y = y.toarray()
    masked = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else None
    values = np.asarray(y)
    if values.dtype.kind in "mM":
        raise TypeError("y holds dates: give labels, such as strings or ints, and stamps as the index.")
    if values.ndim == 0 or values.ndim > 2:
        raise ValueError(f"y has the shape {values.shape}: give (n_timesteps,), one label per row.")
    if values.ndim == 2 and values.shape[1] == 1:
        warn(
            f"A column-vector y was passed when a 1d array was expected: y has the shape {values.shape}, and is taken "
            "as its one column, y.ravel().",
            DataConversionWarning,
        )
        values, masked = values.ravel(), None if masked is None else masked.ravel()
    if values.dtype.kind == "c":
        raise ValueError("y: complex data not supported, give labels such as strings or ints.")
    is_label = ~pd.isna(values)
    if masked is not None:
        is_label &= ~masked
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError("Input y contains infinity: give a label, or NaN where it is not known.")
    return values, is_label


def learn_classes(values, known, name):
    """Collect the ``Classes`` of labels; raise where they are continuous numbers."""
    if values.ndim == 2:
        return _several(values, known)
    labels = values[known]
    if len(labels) == 0:
        raise ValueError("y has no label at all, so there is nothing to learn from: give rows that have one.")
    if labels.dtype == object:
        labels = _of_one_kind(labels)
    with warnings.catch_warnings():  # that there are many classes
        warnings.simplefilter("ignore")
        check_classification_targets(labels)
    classes = np.unique(labels)
    if labels.dtype.kind == "f" and (labels == np.floor(labels)).all() and not known.all():
        classes = classes.astype(np.int64)  # ints that became floats, for the sake of NaN
    if len(classes) < 2:
        raise ValueError(
            f"y has only one class, {_short(classes[0])}, and {name} needs at least two classes: give rows of others "
            f"too{_of_texts(labels)}."
        )
    as_texts = _of_texts(labels)
    if len(classes) == len(labels) and (as_texts or len(labels) >= FEW_LABELS):
        warn(
            f"Each of the {len(labels)} labels of y occurs only once, such as {_short(classes[0])}: nothing can be "
            f"learnt about a label from one row{as_texts}."
        )
    return Classes(classes)


def _short(label):
    """Show the beginning of a label."""
    label = label.item() if isinstance(label, np.generic) else label
    return f"{label[:SHOWN]!r} ..." if isinstance(label, str) and len(label) > SHOWN else repr(label)


def _of_texts(labels):
    """Say how to give texts where labels (N,) look like them; or ""."""
    looks = isinstance(labels[0], str) and len(labels[0]) > SHOWN
    return "; of texts give the characters, [np.array(list(text)) for text in y]" if looks else ""


def announced_classes(classes, values, known):
    """Make the ``Classes`` that the first ``partial_fit`` was given."""
    if values.ndim == 2:
        return _several(values, known)
    labels = np.unique(np.asarray(classes))
    if labels.ndim != 1 or len(labels) < 2:
        raise ValueError(f"classes={classes!r}: give all labels there will ever be, at least two.")
    return Classes(labels)


def _of_one_kind(labels):
    """Return strings as objects, numbers as an array of theirs; raise where labels are of several types."""
    if all(isinstance(label, str) for label in labels):
        return labels
    if all(isinstance(label, Real) for label in labels):
        return np.array(labels.tolist())
    kinds = sorted({type(label).__name__ for label in labels})
    raise TypeError(
        f"Unknown label type: y has labels of the kinds {', '.join(kinds)}, which have no order. Give strings or "
        "numbers only, y.astype(str)."
    )


def _several(values, known):
    """Return the ``Classes`` of a table of 0 and 1."""
    try:
        numbers = np.where(known, values, 0).astype(float)
    except (TypeError, ValueError):
        numbers = np.full(values.shape, np.nan)
    if not np.isin(numbers, (0, 1)).all():
        raise ValueError(
            f"Unknown label type: y has the shape {values.shape} and holds values other than 0 and 1. Give one label "
            "per row or, for several labels, one column per label: 1 where the row has it, 0 where not."
        )
    return Classes(np.arange(values.shape[1]), True)


def class_weights(classes, class_weight, Y, weight):
    """Weigh classes, (K,) or None, as the user asked.   Y : (N, O), targets.   weight : (N,)."""
    if class_weight is None:
        return None
    if classes.several:
        raise ValueError(
            f"class_weight={class_weight!r} is for one label per row, but y has {len(classes.labels)} columns: give "
            "sample_weight."
        )
    if isinstance(class_weight, str) and class_weight == "balanced":
        codes = classes.codes(Y)
        counts = np.bincount(codes[codes >= 0], weight[codes >= 0], len(classes.labels))
        present = counts > 0
        return np.where(present, counts.sum() / (present.sum() * np.where(present, counts, 1.0)), 1.0)
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight={class_weight!r}: give 'balanced', a dict from label to weight, or None."
        )
    labels = classes.labels.tolist()
    unknown = [k for k in class_weight if k not in labels]
    lacking = [k for k in labels if k not in class_weight]
    if unknown and lacking:
        raise ValueError(
            f"class_weight={class_weight!r} has {unknown}, which y does not have, and lacks {lacking}: give weights "
            f"to the labels {labels}."
        )
    weights = compute_class_weight(class_weight, classes=classes.labels, y=classes.labels)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"class_weight={class_weight!r}: give finite weights >= 0, not all 0.")
    return weights


def sharpness(classes, D, Y):
    """Fit b > 0 so that probabilities of scores b D (N, O) match targets Y (N, O), NaN where unknown."""
    labelled = np.isfinite(Y).all(axis=1)
    D, Y = D[labelled], Y[labelled]

    def cross_entropy(log_b):
        Z = np.exp(log_b) * D
        if classes.link == "softmax":
            return np.mean(logsumexp(Z, axis=1) - np.sum(Y * Z, axis=1))
        return np.mean(np.logaddexp(0, Z) - Y * Z)

    return float(np.exp(minimize_scalar(cross_entropy, bounds=SHARPEST, method="bounded").x))


def _are_alike(labels, given):
    """Tell whether labels and given ones, indexes, are both words or both none."""
    return (labels.inferred_type == "string") == (given.inferred_type == "string")
