"""Validation of what the user gives: values, shapes, words."""

import re
from collections import Counter
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from .._warn import warn


LARGEST = 1e15  # of scaled values, whose squares single precision can hold
MOST_STEPS = 10**7  # of a forecast
MOST_SHOWN = 80  # letters of a value, in a message
NUMBER = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*")  # as it is written in files: 1,5 or 1 000 or $3
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b.*")  # 2024-01-31 or 31.1.2024, and a time after it
# in the names of dtypes of pandas, polars and Arrow
TEMPORAL = re.compile("date|time|duration|period|interval")
OBJECT = re.compile(
    r"not '((datetime\.)?(date|time|datetime|timedelta|Timestamp|Timedelta|Period|Interval))'"
)
CURED = re.compile(
    "feature|Fill it|Use '|Please|give its|unique column names"
)  # texts that say what to do, or need not
SHAPES = {"X": "(n_timesteps, n_features)", "y": "(n_timesteps,) or (n_timesteps, n_outputs)"}


def across(n_rows, n_columns=1):
    """Say in a message what so few rows may be, where so many columns are wanted: time along the second axis; or ""."""
    if n_rows != n_columns:
        return ""
    return f" Time is the first axis: of an array ({n_columns}, n_timesteps) give the transpose."


@contextmanager
def about(name):
    """Add to errors of other libraries the argument's name, and what it should be."""
    try:
        with np.errstate(invalid="ignore"):  # scikit-learn adds all values up, inf and -inf too
            yield
    except (ValueError, TypeError) as error:
        text, error_type = str(error), TypeError if isinstance(error, TypeError) else ValueError
        temporal = OBJECT.search(text)
        if temporal:
            text = f"{name} holds {temporal[1]}: give numbers, and stamps as the index"
        if text.startswith("Complex data"):  # and all of it
            text = f"{name}: Complex data not supported: give its real part, or both parts as columns"
        if not re.search(rf"\b{name}\b", text):
            text = f"{name}: {text}"
        if not CURED.search(text) and name in SHAPES:
            text = f"{text.rstrip('.')}. Give finite numbers, {SHAPES[name]}."
        raise error_type(text) from None


def word_in(error):
    """Return the value that could not become a number, as an error of NumPy shows it; None of other errors."""
    _, is_of_words, rest = str(error).partition("could not convert string to float: ")
    word = (
        rest.partition(". Give finite")[0].removeprefix("np.str_(").removesuffix(")")
    )  # as arrays print theirs
    return word if is_of_words else None


def where_is(word, v):
    """Say in which column of values v, of any container, a word of an error is; and return that column (n,)."""
    values = np.asarray(v, dtype=object)
    if values.ndim != 2:
        return "", values.ravel()
    names = [name for name in _kinds(v) if name is not None]
    for k, column in enumerate(values.T):
        if word.strip("'\"") in map(str, column):
            return f" in column {names[k] if len(names) == values.shape[1] else k!r}", column
    return "", values.ravel()


def reading_cure(word, values):
    """Say how to read a word beside other values (n,), where it, such as '1,5' or a date, or they look like numbers.

    "" of any other word.
    """
    word = word.strip("'\"")
    if DATE.fullmatch(word):
        return "give numbers, and dates as the index, with pd.to_datetime(...)"
    if NUMBER.fullmatch(word):
        return "read numbers as such, with pd.read_csv(..., decimal=',') or thousands=',', and drop signs of money"
    numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").notna().sum()
    if 2 * numbers > len(values):
        return "convert what is no number to NaN, with pd.to_numeric(..., errors='coerce')"
    return ""


def plain_values(v, name):
    """Replace masked entries by NaN; refuse dates, which would pass for numbers.

    v : of any container, pandas, polars, Arrow, arrays or lists.
    """
    if isinstance(v, np.ma.MaskedArray) and v.dtype.kind not in "mM":
        return v.astype(float).filled(np.nan)
    kinds = {column: kind for column, kind in _kinds(v).items() if TEMPORAL.search(str(kind).lower())}
    if not kinds and _has_numpy_dates(v):
        kinds = {None: "datetime64 or timedelta64"}
    if kinds:
        column, kind = next(iter(kinds.items()))
        where, cure = "" if column is None else f" in column {column!r}", ""
        if column is not None and (isinstance(v, pd.DataFrame) or hasattr(v, "to_pandas")):
            to_pandas = "" if isinstance(v, pd.DataFrame) else ".to_pandas()"
            cure = f", for example {name}{to_pandas}.set_index({column!r})"
        raise TypeError(f"{name} holds {kind}{where}: give numbers, and stamps as the index{cure}.")
    return v


def _kinds(v):
    """Return {column: dtype}, by the container's own names; {None: dtype} for one dimension or one dtype."""
    schema = getattr(v, "schema", None)
    if hasattr(schema, "types"):  # Arrow's table or batch
        return dict(zip(schema.names, schema.types))
    dtypes = getattr(v, "dtypes", None)
    # pandas' and polars' frames; of labels some may be twice
    if hasattr(v, "columns") and np.ndim(dtypes) == 1:
        kinds = {}
        for column, dtype in zip(v.columns, dtypes):
            kinds[column] = f"{kinds.get(column, '')}{_kind(dtype)}"
        return kinds
    dtype = getattr(v, "dtype", None)
    dtype = getattr(v, "type", None) if dtype is None else dtype  # Arrow's array
    return {} if dtype is None or callable(dtype) else {None: _kind(dtype)}


def _kind(dtype):
    """Return a dtype, of categories that of theirs; None for a structured one, whose names are the user's."""
    if getattr(dtype, "names", None):
        return ""
    return getattr(getattr(dtype, "categories", None), "dtype", dtype)


def _has_numpy_dates(v):
    """Return whether a list, or objects, hold NumPy dates, which convert to numbers silently."""
    if isinstance(v, (list, tuple)):
        try:
            v = np.asarray(v)
        except ValueError:  # of several lengths
            return False
        if v.dtype.kind in "mM":
            return True
    if isinstance(v, pd.DataFrame):
        return any(
            map(_has_numpy_dates, (v.iloc[:, k] for k, dtype in enumerate(v.dtypes) if dtype.kind == "O"))
        )
    values = v.to_numpy() if isinstance(v, pd.Series) and v.dtype == object else v
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return False
    return any(isinstance(value, (np.datetime64, np.timedelta64)) for value in values.ravel())


def _has_booleans(y):
    """Return whether a column is of booleans, by its dtype or as objects, or a list is."""
    kinds = {str(kind).lower().removesuffix("[pyarrow]") for kind in _kinds(y).values()}
    if kinds & {"bool", "boolean"}:
        return True
    if isinstance(y, pd.DataFrame):
        return any(_has_booleans(y.iloc[:, k]) for k, kind in enumerate(y.dtypes) if kind.kind == "O")
    is_list = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], (bool, np.bool_))
    if "object" in kinds or is_list:
        return pd.api.types.infer_dtype(np.ravel(np.asarray(y, object)), skipna=True) == "boolean"
    return False


def check_y(y):
    """Return Y (N, O) in float64, NaN where there is no value, and its original dimensions."""
    if _is_ready(y):
        Y = np.ascontiguousarray(y.to_numpy() if isinstance(y, (pd.Series, pd.DataFrame)) else y)
        return Y.reshape(len(Y), -1), Y.ndim
    with about("y"):
        y = given = plain_values(y, "y")
    if _has_booleans(y):
        warn(
            "y is boolean and is treated as the numbers 0 and 1. For labels use a classifier, such as "
            "GRUClassifier."
        )
    if hasattr(y, "to_numpy") and hasattr(y, "isna"):  # pandas, nullable types too
        y = y.to_numpy(dtype=object, na_value=np.nan) if _has_nullable(y) else y
    options = {"dtype": np.float64, "order": "C", "ensure_2d": False, "ensure_all_finite": "allow-nan"}
    try:
        with about("y"):
            Y = check_array(y, input_name="y", **options)
    except ValueError as error:
        if (word := word_in(error)) is None:
            raise
        where, values = where_is(word, given)
        cure = reading_cure(word, values) or "for labels take a classifier, such as GRUClassifier"
        raise ValueError(f"y holds words, such as {word}{where}: {cure}.") from None
    if Y.ndim == 0 or (Y.ndim == 2 and Y.shape[1] == 0):
        raise ValueError(f"y has the shape {Y.shape}: give (n_timesteps,) or (n_timesteps, n_outputs).")
    return Y.reshape(len(Y), -1), Y.ndim


def _is_ready(y):
    """Return whether y needs no more checks, as most rows of a stream: finite floats in one block."""
    if type(y) is pd.Series:
        fits = y.dtype == np.float64
    elif type(y) is pd.DataFrame:
        fits = y.shape[1] > 0 and all(dtype == np.float64 for dtype in y.dtypes)
    else:
        fits = type(y) is np.ndarray and y.dtype == np.float64 and y.ndim in (1, 2) and y.size > 0
    return (
        bool(fits)
        and len(y) > 0
        and not np.isinf(y.to_numpy() if isinstance(y, (pd.Series, pd.DataFrame)) else y).any()
    )


def check_outputs(y, Y, known, n_outputs):
    """Raise where the columns of y, in Y (N, O), are not those of training, ``known``."""
    if Y.shape[1] != n_outputs:
        named = "" if known is None or n_outputs == 1 else f", {list(known)}"
        raise ValueError(
            f"y has {Y.shape[1]} outputs, but the model was fitted with {n_outputs}{named}: give as many."
            + across(len(Y), n_outputs)
        )
    if n_outputs > 1:
        check_order("y", column_names(y), known)


def check_order(name, names, known):
    """Raise where a column has moved from its place in training, ``known``; renamed ones are accepted."""
    if names is None or known is None:
        return
    names, known = list(names), list(known)
    if any(one in known and one != there for one, there in zip(names, known)):
        raise ValueError(
            f"{name} has the columns {names}, but the model was fitted with {known}: give them in that order."
        )


def column_names(y):
    """Return the names of the columns of y, of any container, the name of a pandas Series in a list; else None.

    Raises
    ------
    ValueError
        Two columns have one name, by which a forecast could not tell them apart.
    """
    if isinstance(y, pd.Series):
        return [y.name]
    names = getattr(y, "column_names", None)  # Arrow's, whose columns are their values
    names = getattr(y, "columns", None) if names is None else names
    twice = [name for name, n in Counter(map(str, () if names is None else names)).items() if n > 1]
    if twice:
        raise ValueError(f"y has more than one column {twice[0]!r}: give each output a name of its own.")
    return names


def check_lengths(X, Y):
    """Raise unless there is a row of Y for each of X."""
    if len(X) != len(Y):
        fewer, turned = min(len(X), len(Y)), X.shape[1] == len(Y) or Y.shape[1] == len(X)
        raise ValueError(
            f"X and y have inconsistent numbers of samples, {len(X)} and {len(Y)}: give a row of y for each of X."
            + (across(fewer, fewer) if turned else "")
        )


def warn_if_across(Y, stamps):
    """Warn where Y (N, O), whose rows no stamps put in time, seems to have it along the second axis."""
    is_told = stamps is not None and not stamps.clock.default
    if 1 < len(Y) < Y.shape[1] and not is_told:  # of one row few models learn, and say so
        warn(
            f"y has {len(Y)} rows and {Y.shape[1]} outputs. Time is the first axis: of an array "
            "(n_outputs, n_timesteps) give the transpose; series are arrays in a list."
        )


def check_measured(Y, goes_on=False):
    """Raise where a column of Y has no value; of rows that go on from those learnt, where none has."""
    if goes_on:
        if np.isnan(Y).all():
            raise ValueError(
                "y has no measured value, so there is nothing to learn from: give rows where it was measured, or "
                "call update(X, y), which takes rows without."
            )
        return
    for o in range(Y.shape[1]):
        if np.isnan(Y[:, o]).all():
            raise ValueError(
                f"y has no measured value (column {o} is all NaN), so there is nothing to learn from: give rows where "
                "it was measured."
            )


def check_weight(weight, X):
    """Return weights (N,), ones by default."""
    try:
        with about("sample_weight"):
            weight = plain_values(weight, "sample_weight")
            return _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{str(error).rstrip('.')}. Give one number >= 0 a row, not all 0.") from None


def check_learnable(weight):
    """Raise where no weight (N,) is positive, or single precision cannot add them up."""
    if not weight.sum() > 0:
        raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
    if not 1e-20 < weight.max() < 1e20:
        raise ValueError(
            f"sample_weight goes up to {weight.max():.3g}, beyond what single precision can sum: divide all weights "
            "(and alpha) by that."
        )


def _has_nullable(y):
    """Return whether a pandas object has a column of an extension type."""
    dtypes = y.dtypes if y.ndim == 2 else [y.dtype]
    return any(pd.api.types.is_extension_array_dtype(dtype) for dtype in dtypes)


STARTS = ("auto", "end", "cold", "zeros", "estimate")


def check_start(start):
    """Return ``start`` if it is a word or a tuple; raise otherwise."""
    is_tuple = isinstance(start, tuple)
    history = is_tuple and (len(start) == 2 or (len(start) == 3 and is_estimate(start[2:])))
    if not history and not (isinstance(start, str) and start in STARTS):
        raise ValueError(
            f"start={_brief(start)} is unknown: give {', '.join(map(repr, STARTS))}, a history (X_hist, y_hist) or "
            "('estimate', n_rows)."
        )
    if is_estimate(start) and is_tuple:
        n = start[1]
        if n is None or isinstance(n, (bool, str, float)) or (isinstance(n, Integral) and n < 1):
            raise ValueError(
                f"start={start!r}: with 'estimate' give how many of the first rows of y to start from, an int >= 1, "
                "or those rows of y themselves."
            )
    return start


def is_estimate(start):
    """Return whether rows start from a memory estimated by their own first y."""
    word = start[0] if isinstance(start, tuple) else start
    return isinstance(word, str) and word == "estimate"


def check_size(Xz, Z):
    """Raise where scaled values X (N, F), Y (N, O) are too large to learn from."""
    for name, V in (("X", Xz), ("y", Z)):
        far = max(np.fmax.reduce(V, axis=None, initial=0), -np.fmin.reduce(V, axis=None, initial=0))
        if far > LARGEST:
            raise ValueError(
                f"{name} has a value {far:.3g} times as large as its spread in training (as it is, with scale=None), "
                "too large to learn from. Correct that value, or use another unit."
            )


def check_steps(steps):
    """Return a horizon as an int."""
    if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps={_brief(steps)} is not a horizon: give an int >= 1.")
    return int(steps)


def _brief(value):
    """Return what a message shows of a value: of a table its type."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"<{type(value).__name__}>"
