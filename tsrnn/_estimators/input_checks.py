"""Checks of the inputs X that a user gives, against those of ``fit``."""

from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from .._series.categories import learn_vocabulary
from .._series.checks import about, across, plain_values, reading_cure, where_is, word_in


# From so many rows on an array without columns stands for X=None: scikit-learn's estimator checks want 12 refused.
ROWS_WITHOUT_COLUMNS = 13


def learn_categories(estimator, X):
    """Learn the ``Vocabulary`` of X, or None; returns X with codes in place of categories, and it."""
    known = estimator.__dict__.get("_vocabulary")  # of a copy, whose X has codes already
    if known is not None:
        return X, known
    named = getattr(estimator, "categorical_features", None)
    vocabulary = None if named is None else learn_vocabulary(X, named)
    return (X if vocabulary is None else vocabulary.coded(X, False)), vocabulary


def check_inputs(estimator, X, y, reset, looked_at=True):
    """Check X; returns (N, F), NaN only where ``missing`` handles it, or in columns that are not used."""
    if not reset:
        vocabulary = getattr(getattr(estimator.__dict__.get("fitted_"), "form", None), "vocabulary", None)
        if vocabulary is not None and X is not None:
            X = vocabulary.coded(X, estimator.missing != "error" or not looked_at)
    if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0):
        return _check_no_inputs(estimator, X, y, reset)
    flat = isinstance(X, list) and all(isinstance(v, Real) for v in X[:3])
    if (flat and X) or (getattr(X, "ndim", 0) == 1 and len(X)):
        if not reset and estimator.n_features_in_ == 0:
            raise ValueError(
                f"X has one dimension, {np.shape(X)}, but the model was fitted without inputs. X comes first: if "
                "this is y, give it second, such as update(None, y)."
            )
        raise ValueError(
            f"X has one dimension, {np.shape(X)}, but a 2D array (rows, inputs) is needed. Reshape your data: "
            "np.reshape(X, (-1, 1)), or X.to_frame() for a Series, is one input; a model of y alone takes X=None."
        )
    finite = looked_at and (True if estimator.missing == "error" else "allow-nan")
    if not reset:
        ready = _ready(estimator, X, finite is True)
        if ready is not None:
            return ready
    options = {"dtype": np.float64, "order": "C", "ensure_min_samples": 1, "ensure_all_finite": finite}
    with about("X"):
        try:
            return validate_data(estimator, plain_values(X, "X"), reset=reset, **options)
        except ValueError as error:
            if (word := word_in(error)) is not None:
                where, values = where_is(word, X)
                cure = reading_cure(word, values) or (
                    "give such a column in categorical_features"
                    if hasattr(estimator, "categorical_features")
                    else "encode them, for example with OneHotEncoder, or take a net that learns embeddings, such as "
                    "GRURegressor or GRUClassifier"
                )
                raise ValueError(
                    f"X holds words, such as {word}{where}, but {type(estimator).__name__} takes features that are "
                    f"numbers: {cure}."
                ) from None
            if "features as input" in str(error):
                raise ValueError(f"{error}{across(len(X), estimator.n_features_in_)}") from None
            if "contains NaN" not in str(error):
                raise
            first = str(error).splitlines()[0]
            raise ValueError(
                f"{first} Fill it in, as you know best how, or give missing='hold' (the last value), 'mean', or "
                "'mask' (the last value, and an input that flags it)."
            ) from None


def _ready(estimator, X, finite):
    """Return X as it is where no check is left, as for most rows of a stream; else None."""
    names = getattr(estimator, "feature_names_in_", None)
    if isinstance(X, pd.DataFrame) and names is not None and list(X.columns) == names.tolist():
        X = X.to_numpy()
    elif type(X) is not np.ndarray or names is not None:
        return None
    fits = X.dtype == np.float64 and X.ndim == 2 and len(X) and X.shape[1] == estimator.n_features_in_
    if not fits or not (np.isfinite(X).all() if finite else not np.isinf(X).any()):
        return None
    return np.ascontiguousarray(X)


def _check_no_inputs(estimator, X, y, reset):
    """Return X (N, 0) for a model without inputs."""
    name = type(estimator).__name__
    if X is None and y is None:
        raise ValueError(
            "X is None and there is no y to tell the number of rows: call forecast(steps), or give a "
            "DataFrame without columns but with the index to predict."
        )
    n = len(y) if X is None else len(X)
    if n == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape=(0, 0)) while a minimum of 1 is required by {name}."
        )
    if reset:
        learner = estimator._learner()
        explicit = X is None or isinstance(X, pd.DataFrame) or not learner.wants_inputs
        if not learner.sees_y or not (explicit or n >= ROWS_WITHOUT_COLUMNS):
            lags = "give output_lags='auto'" if hasattr(estimator, "output_lags") else "take NARXRegressor"
            cure = "give" if learner.sees_y else f"{lags} and"
            empty = "input_lags=(), " if hasattr(estimator, "input_lags") else ""
            rows = f", or {ROWS_WITHOUT_COLUMNS} rows at least" if learner.sees_y else ""
            cure = f"{cure} X=None, {empty}or a DataFrame without columns{rows}"
            if explicit:
                cure = f"{lags}: as it is, {name} sees neither inputs nor past y"
            raise ValueError(
                f"Found array with 0 feature(s) (shape=({n}, 0)) while a minimum of 1 is required by {name}. "
                f"For a model of y alone {cure}."
            )
        estimator.n_features_in_ = 0
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    elif estimator.n_features_in_ != 0:
        raise ValueError(
            f"X has 0 features, but {name} is expecting {estimator.n_features_in_} features as input."
        )
    return np.empty((n, 0))


def as_wide_as(fitted, X):
    """Return X (N, F); refuse it where another thread has fitted the model to other inputs since."""
    F = fitted.units.n_inputs
    if X.shape[1] != F:
        raise ValueError(f"X has {X.shape[1]} features, but the model is expecting {F} features as input.")
    return X
