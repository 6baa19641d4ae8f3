"""The arguments of diagnostics: frames or arrays of one series, or of several."""

from contextlib import suppress
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from .._series import timeline as timelines
from .._series.checks import check_y, column_names
from .._series.rows import read_both, refuse_lists


def as_columns(v):
    """Return an array (N, D) in float64."""
    V = np.asarray(v, dtype=float)
    return V.reshape(len(V), -1)


def output_names(y):
    """Name y's columns."""
    names = None if isinstance(y, pd.Series) else column_names(y)
    if names is not None:
        return list(map(str, names))
    O = check_y(y)[0].shape[1]
    name = getattr(y, "name", None)
    return [str(name)] if name is not None else ["y"] if O == 1 else [f"y{o}" for o in range(O)]


def numeric_columns(X, keys=None, names=None):
    """List (position, name, values (N,)) of the columns of X that are numbers, but for that of the series' keys."""
    if X is None:
        return []
    if not isinstance(X, pd.DataFrame):
        X = _two_dimensional(X)
        X = pd.DataFrame(X, columns=names or [f"x{j}" for j in range(X.shape[1])])
    found = []
    for j, label in enumerate(X.columns):
        column = X.iloc[:, j]
        if not isinstance(column.dtype, pd.CategoricalDtype) and (keys is None or label != keys):
            with suppress(TypeError, ValueError):  # of words
                found.append((j, str(label), column.to_numpy(float, na_value=np.nan)))
    return found


def _two_dimensional(X):
    """Return rows as an array (N, F) of any kind."""
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def with_change(V, j, pulse):
    """Add a change to column j of V, in the container the user gave."""
    if isinstance(V, pd.DataFrame):
        V = V.copy()
        V.isetitem(j, V.iloc[:, j].to_numpy(float, na_value=np.nan) + pulse)
        return V
    if isinstance(V, pd.Series):
        return V.astype(float) + pulse
    V = np.array(V)
    V = V if V.dtype == object else V.astype(float)  # words stand beside numbers
    columns = V.reshape(len(V), -1)
    columns[:, j] = columns[:, j].astype(float) + pulse
    return V


def named_inputs(X, estimator=None, model=None):
    """Return the inputs {name: (N,)} that are numbers, of the estimator inside a model."""
    is_named = X is None or isinstance(X, pd.DataFrame)
    names = None if is_named else input_names(estimator, model, _two_dimensional(X).shape[1])
    return {name: u for _, name, u in numeric_columns(X, getattr(estimator, "series", None), names)}


def input_names(estimator, model, n):
    """Name the n columns of X that the estimator inside a model sees, without that of the series' keys."""
    keys = getattr(estimator, "series", None)
    for names in (getattr(estimator, "feature_names_in_", ()), transformed_names(model)):
        names = [str(name) for name in names if keys is None or name != keys]
        if len(names) == n:
            return names
    return [f"x{j}" for j in range(n)]


def transformed_names(model):
    """Return the names of the columns that a pipeline's transformers make, where they have names."""
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline) and len(model) > 1:
        with suppress(AttributeError, ValueError):
            return model[:-1].get_feature_names_out()
    return ()


def stamps_of(X, y):
    """Return the stamps of X, else of y; None where neither has times."""
    stamps, _ = read_both(X, y, set())
    return stamps if timelines.tells(stamps) else None


def only_key(estimator, X, y):
    """Return the key of the one series in X and y, None without keys; raise where there are several."""
    keys = keys_of(estimator, X, y)
    if len(keys) > 1:
        raise ValueError(
            "X and y hold several series: give one at a time, for example X.loc[[key]], y.loc[[key]]."
        )
    return keys[0]


def keys_of(estimator, X, y):
    """List the keys of the series in frames, in their order; [None] without keys; raise for lists, which have none."""
    refuse_lists(X, y)
    for frame in (X, y):
        if isinstance(getattr(frame, "index", None), pd.MultiIndex):
            return frame.index.droplevel(-1).unique()
        if isinstance(frame, pd.DataFrame) and getattr(estimator, "series", None) in frame.columns:
            return frame[estimator.series].unique()
    return [None]


def rows_of_series(v, key, column, beside):
    """Return the rows of one series in X or y; beside : the other of the two, whose column may have the keys."""
    if v is None:
        return None
    for frame in (v, beside):
        if isinstance(getattr(frame, "index", None), pd.MultiIndex):
            return v[np.asarray([k == key for k in frame.index.droplevel(-1)])]
        if isinstance(frame, pd.DataFrame) and column in frame.columns:
            return v[(frame[column] == key).to_numpy()]
    return v


def check_output(output, Y):
    """Raise unless ``output`` is a column of Y (N, O)."""
    if not (isinstance(output, Integral) and 0 <= output < Y.shape[1]):
        raise ValueError(
            f"output={output!r} is not a column of y, which has {Y.shape[1]}: give 0 ... {Y.shape[1] - 1}."
        )
