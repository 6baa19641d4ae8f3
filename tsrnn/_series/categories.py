"""Categories in X, and the codes that a model is given for them.

category  --place among the sorted ones of training-->  code 0 ... C - 1;     missing  -->  NaN;     new  -->  C
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from .._values import kept
from .._warn import warn
from .checks import DATE, NUMBER, reading_cure


MANY = 20  # words of a column, fewer of which may well be codes
MOST = 0.9  # of the words of a column, from which it is one of numbers or dates


@kept("vocabulary")
class Vocabulary(NamedTuple):
    """The categories of a fit.

    columns : their places, ascending.   values : of each, sorted.   labels : their names.
    """

    columns: tuple
    values: tuple
    labels: tuple

    @property
    def counts(self):
        """{column: C}."""
        return {column: len(values) for column, values in zip(self.columns, self.values)}

    def same_as(self, other):
        """Return whether codes mean the same in both."""
        return (
            other is not None
            and self.columns == other.columns
            and all(map(np.array_equal, self.values, other.values))
        )

    def coded(self, X, lenient):
        """Code the categories of X, a frame or an array of float64 as ``X`` is; raise where one is new.

        lenient : whether new categories are unknown ones.
        """
        X = _as_known(X)
        if getattr(X, "ndim", 0) != 2 or X.shape[1] <= self.columns[-1]:
            return X  # the check of its width will refuse it
        coded = {}
        for column, values, label in zip(self.columns, self.values, self.labels):
            column_values = _values_of(X, column)
            present = ~pd.isna(column_values)
            codes = np.full(len(column_values), np.nan)
            places = pd.Index(values).get_indexer(pd.Index(_alike(column_values[present], values)))
            if (places < 0).any() and not lenient:
                new = column_values[present].tolist()[np.argmax(places < 0)]
                listed = ", ".join(map(repr, values[:8].tolist())) + (" ..." if len(values) > 8 else "")
                raise ValueError(
                    f"X has the category {new!r} in column {label!r}, which is not among those of training, {listed}: "
                    "give one of those, or fit with missing='mean' (or 'hold', 'mask'), for which a new one is unknown."
                )
            codes[present] = np.where(places < 0, len(values), places)
            coded[column] = codes
        return _with(X, coded)

    def unknown(self, means):
        """Set the unknown category of each column in inputs (D,)."""
        means = np.array(means, float)
        for column, C in self.counts.items():
            means[column] = C
        return means

    def as_they_are(self, scaler):
        """Return a scaler that leaves codes as they are."""
        center, scale = scaler.center.copy(), scaler.scale.copy()
        center[list(self.columns)], scale[list(self.columns)] = 0.0, 1.0
        return scaler._replace(center=center, scale=scale)


def learn_vocabulary(X, named):
    """Collect the ``Vocabulary`` of X, or None.   named : columns that hold categories though they are numbers."""
    X = _as_known(X)
    if getattr(X, "ndim", 0) != 2:
        return None
    named_columns = _places(X, named)
    columns = [k for k in range(X.shape[1]) if k in named_columns or _is_category(X, k)]
    if not columns:
        return None
    names = list(X.columns) if isinstance(X, pd.DataFrame) else list(range(X.shape[1]))
    values = []
    for k in columns:
        present = _values_of(X, k)
        present = present[~pd.isna(present)]
        if len(present) == 0:
            raise ValueError(f"X has no category in column {names[k]!r}: drop it.")
        values.append(_sorted(present, names[k]))
        if k not in named_columns:
            _warn_of_numbers(values[-1], len(present), names[k])
    return Vocabulary(tuple(columns), tuple(values), tuple(str(names[k]) for k in columns))


def _warn_of_numbers(values, rows, name):
    """Warn if nearly each row (n,) of a column has a word of its own that looks like a number."""
    words = list(map(str, values))
    like_numbers = [bool(NUMBER.fullmatch(word) or DATE.fullmatch(word)) for word in words]
    if MANY < len(words) > rows / 2 and np.mean(like_numbers) > MOST:
        odd = next((word for word in words if not NUMBER.fullmatch(word)), words[0])
        warn(
            f"Column {name!r} of X holds {len(words)} words in {rows} rows, such as {odd!r}, which are taken for "
            f"categories. If they are not words, {reading_cure(odd, words)}."
        )


def _as_known(X):
    """Convert X of polars or Arrow, if it has categories, to a pandas frame."""
    if isinstance(X, (pd.DataFrame, np.ndarray)):
        return X
    if isinstance(X, memoryview):
        return np.asarray(X)
    if hasattr(X, "to_pylist") and hasattr(X, "column_names"):  # Arrow's
        names, kinds, column = X.column_names, [str(dtype) for dtype in X.schema.types], X.column
    elif hasattr(X, "get_columns") and hasattr(X, "to_dicts"):  # polars'
        names, kinds, column = X.columns, [str(dtype) for dtype in X.dtypes], X.__getitem__
    else:
        return X
    words = ("string", "utf8", "categorical", "enum", "dictionary")
    if not any(word in dtype.lower() for dtype in kinds for word in words):
        return X
    if hasattr(X, "to_pylist"):
        return pd.DataFrame({name: column(name).to_pylist() for name in names})
    return pd.DataFrame({name: column(name).to_list() for name in names})


def _values_of(X, k):
    """Return column k as objects or numbers, (N,)."""
    return np.asarray(X.iloc[:, k].astype(object) if isinstance(X, pd.DataFrame) else X[:, k])


def _is_category(X, k):
    """Return whether column k holds categories: by dtype, or as its strings are not all numbers."""
    if isinstance(X, pd.DataFrame):
        dtype = X.dtypes.iloc[k]
        if isinstance(dtype, pd.CategoricalDtype):
            return True
        if not (dtype.kind == "O" or pd.api.types.is_string_dtype(dtype)):
            return False
    elif X.dtype.kind not in "OU":
        return False
    present = _values_of(X, k)
    present = present[~pd.isna(present)]
    if len(present) == 0 or not all(isinstance(value, str) for value in present):
        return False
    try:
        present.astype(float)
    except ValueError:
        return True
    return False


def _places(X, named):
    """Return the set of places of named columns."""
    if isinstance(named, str) or not np.iterable(named):
        raise TypeError(f"categorical_features={named!r}: give a sequence of columns, by place or name.")
    named, n = list(named), X.shape[1]
    if named and all(isinstance(name, (bool, np.bool_)) for name in named):
        if len(named) != n:
            raise ValueError(
                f"categorical_features has {len(named)} entries, but X has {n} columns: give one for each."
            )
        return set(np.flatnonzero(named).tolist())
    names, places = list(X.columns) if isinstance(X, pd.DataFrame) else [], set()
    for name in named:
        if name in names:
            places.add(names.index(name))
        elif isinstance(name, (int, np.integer)) and 0 <= name < n:
            places.add(int(name))
        else:
            has = names or f"{n} columns"
            raise ValueError(
                f"categorical_features={named!r}: {name!r} is not a column of X, which has {has}: give places or names."
            )
    return places


def _sorted(column, name):
    """Sort the distinct categories of a column (n,): strings, or ints."""
    if all(isinstance(value, str) for value in column):
        return np.unique(column.astype(str))
    try:
        numbers = column.astype(float)
    except (TypeError, ValueError):
        numbers = np.full(len(column), np.nan)
    if not (numbers == np.floor(numbers)).all() or not np.isfinite(numbers).all():
        raise ValueError(
            f"Column {name!r} of X mixes kinds of categories, or holds numbers that are not whole: give strings or "
            "ints."
        )
    return np.unique(numbers).astype(np.int64)


def _alike(column, values):
    """Convert a column (n,) to the type of the categories, strings or ints; what is neither equals no category."""
    if values.dtype.kind == "U":
        return np.array([value if isinstance(value, str) else f"\0{value!r}" for value in column], object)
    try:
        return column.astype(float)
    except (TypeError, ValueError):
        return np.full(len(column), np.nan)


def _with(X, coded):
    """Replace columns of X by codes."""
    if isinstance(X, pd.DataFrame):
        columns = [pd.Series(coded[k], X.index) if k in coded else X.iloc[:, k] for k in range(X.shape[1])]
        frame = pd.concat(columns, axis=1)
        frame.columns = X.columns
        return frame
    out = X.astype(object)
    for k, codes in coded.items():
        out[:, k] = codes
    return out
