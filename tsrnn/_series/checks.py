"""Validation: from what the user gives to a table of float64 arrays."""

import re
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, validate_data

from . import timeline as timelines
from .rows import gather


MISSING = ("error", "hold", "mean", "mask")
LARGEST = 1e15  # of scaled values, whose squares single precision can hold
MOST_STEPS = 10**7  # of a forecast
TEMPORAL = re.compile(
    "date|time|duration|period|interval"
)  # in the names of dtypes of pandas, polars and Arrow
SHAPES = {"X": "(n_timesteps, n_features)", "y": "(n_timesteps,) or (n_timesteps, n_outputs)"}


@contextmanager
def about(name):
    """Errors of other libraries about the argument of that name tell it, and what it should be."""
    try:
        yield
    except (ValueError, TypeError) as error:
        text, kind = str(error), TypeError if isinstance(error, TypeError) else ValueError
        if not re.search(rf"\b{name}\b", text):
            text = f"{name}: {text}"
        if "feature" not in text and "Fill it" not in text and name in SHAPES:
            text = f"{text.rstrip('.')}. Give finite numbers, {SHAPES[name]}."
        raise kind(text) from None


def plain_values(v, name):
    """The same with NaN where a masked array has no value; dates, which would be taken for numbers, are refused.

    v : of any container, pandas, polars, Arrow, arrays or lists.
    """
    if isinstance(v, np.ma.MaskedArray) and v.dtype.kind not in "mM":
        return v.astype(float).filled(np.nan)
    kinds = {column: kind for column, kind in _kinds(v).items() if TEMPORAL.search(str(kind).lower())}
    if not kinds and _has_numpy_dates(v):
        kinds = {None: "datetime64 or timedelta64"}
    if kinds:
        column, kind = next(iter(kinds.items()))
        where = "" if column is None else f" in column {column!r}"
        raise TypeError(f"{name} holds {kind}{where}: give numbers, and stamps as the index.")
    return v


def _kinds(v):
    """{column: its dtype}, by whatever name a container has for it; of one dimension or one dtype {None: it}."""
    schema = getattr(v, "schema", None)
    if hasattr(schema, "types"):  # Arrow's table or batch
        return dict(zip(schema.names, schema.types))
    dtypes = getattr(v, "dtypes", None)
    if dtypes is not None and np.ndim(dtypes) == 1:  # pandas' and polars' frames; a label may be there twice
        found = {}
        for column, dtype in zip(v.columns, dtypes):
            found[column] = f"{found.get(column, '')}{_kind(dtype)}"
        return found
    dtype = getattr(v, "dtype", None)
    dtype = getattr(v, "type", None) if dtype is None else dtype  # Arrow's array
    return {} if dtype is None or callable(dtype) else {None: _kind(dtype)}


def _kind(dtype):
    """A dtype, of categories that of theirs; of a structured array none, which has names of the user's own."""
    if getattr(dtype, "names", None):
        return ""
    return getattr(getattr(dtype, "categories", None), "dtype", dtype)


def _has_numpy_dates(v):
    """Whether a list, or objects, hold NumPy's dates, which turn into numbers without a word."""
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


class Checking:
    """The only validation of rows; a part of ``SequenceRegressor``."""

    def _check_fit(self, X, y, sample_weight, groups, reset=True):
        """A table of X (N, F), y (N, O), weights (N,), with the rows in order of series."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        self._check_params()
        check_start(self.start)
        if not isinstance(self.missing, str) or self.missing not in MISSING:
            raise ValueError(f"missing={self.missing!r} is unknown: give one of {MISSING}.")
        table = gather(X, y, sample_weight, groups, self.series)
        X = self._check_X(table.X, table.y, reset)
        Y, ndim = check_y(table.y)
        check_lengths(X, Y)
        if reset:
            self._y_ndim = ndim
            self.n_outputs_ = Y.shape[1]
            names = getattr(table.y, "columns", None)
            self._y_names = [getattr(table.y, "name", None)] if isinstance(table.y, pd.Series) else names
        else:
            self._check_outputs(table.y, Y)
        check_measured(Y)
        weight = check_weight(table.weight, X)
        if not weight.sum() > 0:
            raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
        if not 1e-20 < weight.max() < 1e20:
            raise ValueError(
                f"sample_weight has {weight.max():.3g} for its largest value, which single precision cannot add up: "
                "divide all weights (and alpha) by that."
            )
        return table.of(X, Y, weight)

    def _check_rows(self, X, y, groups, sample_weight=None):
        """A table of rows to follow: X (N, F), y (N, O) with NaN where it is not known, weights (N,)."""
        table = gather(X, y, sample_weight, groups, self.series)
        X = self._check_X(table.X, table.y, reset=False)
        weight = check_weight(table.weight, X)
        if y is None:
            return table.of(X, np.full((len(X), self.n_outputs_), np.nan), weight)
        Y, _ = check_y(table.y)
        check_lengths(X, Y)
        self._check_outputs(table.y, Y)
        return table.of(X, Y, weight)

    def _check_outputs(self, y, Y):
        """Raise where the columns of y are not those of training."""
        if Y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}: give as many."
            )
        known = self._y_names
        if not isinstance(y, pd.DataFrame) or not isinstance(known, pd.Index) or y.columns.equals(known):
            return
        if set(y.columns) == set(known):  # a new name is the user's own affair
            raise ValueError(
                f"y has the columns {list(y.columns)}, but the model was fitted with {list(known)}: give them in that "
                "order."
            )

    def _enter(self, X, y, start):
        """Rows of one series, in the model's units: X, Y, its part and timeline, and where it starts, a Past."""
        table = self._check_rows(X, y, None)
        ((part, timeline, past, head),) = self._resume(table, self.start if start is None else start)
        U = self._target.levels(table.y)
        if y is None:
            U[: len(head)] = head[: len(U)]
        filled, _ = self._fill(table.X, past.inputs)
        return (
            self.x_scaler_(filled),
            self.y_scaler_(self._target.differences(U, past.levels)),
            part,
            timeline,
            past,
        )

    def _check_X(self, X, y, reset):
        """X (N, F), NaN only where ``missing`` says what to do about it."""
        if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0):
            return self._check_no_inputs(X, y, reset)
        finite = True if self.missing == "error" else "allow-nan"
        options = {"dtype": np.float64, "order": "C", "ensure_min_samples": 1, "ensure_all_finite": finite}
        with about("X"):
            try:
                return validate_data(self, plain_values(X, "X"), reset=reset, **options)
            except ValueError as error:
                if "contains NaN" not in str(error):
                    raise
                first = str(error).splitlines()[0]
                raise ValueError(
                    f"{first} Fill it, since you know best how, or give missing='hold' (the last value), 'mean' or "
                    "'mask' (the last value, and an input that tells)."
                ) from None

    def _check_no_inputs(self, X, y, reset):
        """X (N, 0) for a model without inputs."""
        name = type(self).__name__
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
            explicit = X is None or isinstance(X, pd.DataFrame) or not self._wants_inputs()
            if not explicit or not self._can_do_without_inputs():
                raise ValueError(
                    f"Found array with 0 feature(s) (shape=({n}, 0)) while a minimum of 1 is required by {name}. "
                    "For a model of y alone take one with output_lags >= 1, such as NARXRegressor, and X=None, a "
                    "DataFrame without columns or input_lags=()."
                )
            self.n_features_in_ = 0
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif self.n_features_in_ != 0:
            raise ValueError(
                f"X has 0 features, but {name} is expecting {self.n_features_in_} features as input."
            )
        return np.empty((n, 0))

    def _needed(self, steps):
        """Rows of X that a forecast looks at."""
        needed = max(0, steps - self._least_input_lag()) if self.n_features_in_ else 0
        if self._bounds is not None and any(isinstance(b, int) for side in self._bounds for b in side):
            needed = steps
        return needed

    def _check_future(self, place, steps, X, stamps):
        """X (steps, F) for the rows after the last one seen of a series, and its stamps or None."""
        if steps > MOST_STEPS:
            raise ValueError(
                f"steps={steps} is out of range: give at most {MOST_STEPS}, and go on with update(X)."
            )
        needed = self._needed(steps)
        if X is None:
            if needed:
                raise ValueError(
                    f"forecast({steps}) needs X_future: the model has {self.n_features_in_} inputs and looks at "
                    f"them {self._least_input_lag()} row(s) back. Give their next {needed} rows, or fit a model "
                    f"with input_lags=range({steps}, ...) that only sees inputs already known."
                )
            return np.zeros((steps, self._n_filled())), None
        if len(X) < needed:
            raise ValueError(f"X_future has {len(X)} rows, but forecast({steps}) needs {needed}.")
        if stamps is not None:
            stamps = stamps._replace(values=stamps.values[:steps])
        if place is not None and timelines.can_place(place.timeline, stamps):
            seen = place.timeline
            values = timelines.aligned(seen, stamps).values
            timelines.check_grid(seen, stamps, "X_future")
            if values[0] <= seen.last or timelines.missing_between(seen, values[0]):
                begin, end = (timelines.show(seen.clock, stamp) for stamp in (values[0], seen.last))
                raise ValueError(
                    f"X_future begins at {begin}, but the last row seen is {end}: give the rows right after "
                    "it. To skip rows, bring the model up to date with update(X, y) first."
                )
            holes = timelines.gap_starts(stamps, seen)
            if len(holes):
                before = timelines.show(stamps.clock, stamps.values[holes[0]])
                raise ValueError(f"X_future has a gap: rows are missing before {before}; give every row.")
        filled, _ = self._fill(X, self._means if place is None else place.past.inputs)
        if stamps is not None and len(stamps.values) < steps:
            stamps = None
        if len(X) < steps:  # rows that no lag looks at
            filled = np.concatenate([filled, np.zeros((steps - len(X), filled.shape[1]))])
        return filled[:steps], stamps


def check_y(y):
    """Y (N, O) in float64, NaN where there is no value, and the dimensions it came with."""
    with about("y"):
        y = plain_values(y, "y")
    if hasattr(y, "to_numpy") and hasattr(y, "isna"):  # pandas, nullable types too
        y = y.to_numpy(dtype=object, na_value=np.nan) if _has_nullable(y) else y
    options = {"dtype": np.float64, "order": "C", "ensure_2d": False, "ensure_all_finite": "allow-nan"}
    with about("y"):
        Y = check_array(y, input_name="y", **options)
    if Y.ndim == 0 or (Y.ndim == 2 and Y.shape[1] == 0):
        raise ValueError(f"y has the shape {Y.shape}: give (n_timesteps,) or (n_timesteps, n_outputs).")
    return Y.reshape(len(Y), -1), Y.ndim


def check_lengths(X, Y):
    """Raise unless there is a row of Y for each of X."""
    if len(X) != len(Y):
        raise ValueError(
            f"X and y have inconsistent numbers of samples, {len(X)} and {len(Y)}: give a row of y for each of X."
        )


def check_measured(Y):
    """Raise where a column of Y has no value."""
    for o in range(Y.shape[1]):
        if np.isnan(Y[:, o]).all():
            raise ValueError(
                f"y has no measured value (column {o} is all NaN), so there is nothing to learn from: give rows where "
                "it was measured."
            )


def check_weight(weight, X):
    """Weights (N,), ones where there are none."""
    try:
        with about("sample_weight"):
            return _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{str(error).rstrip('.')}. Give one number >= 0 a row, not all 0.") from None


def _has_nullable(y):
    """Whether a pandas object has a column of an extension type."""
    dtypes = y.dtypes if y.ndim == 2 else [y.dtype]
    return any(pd.api.types.is_extension_array_dtype(dtype) for dtype in dtypes)


def check_start(start):
    """A word or a pair for where predict starts."""
    pair = isinstance(start, tuple) and len(start) == 2
    if not pair and not (isinstance(start, str) and start in ("auto", "end", "cold", "zeros")):
        raise ValueError(
            f"start={start!r} is unknown: give 'auto', 'end', 'cold', 'zeros' or a tuple (X_hist, y_hist)."
        )
    return start


def check_size(Xz, Z):
    """Raise where scaled values X (N, F), Y (N, O) are too large to learn from."""
    for name, V in (("X", Xz), ("y", Z)):
        far = max(np.fmax.reduce(V, axis=None, initial=0), -np.fmin.reduce(V, axis=None, initial=0))
        if far > LARGEST:
            raise ValueError(
                f"{name} has a value {far:.3g} times as large as its spread in training (as it is, with scale=None), "
                "too large to learn from. Repair that value, or give another unit."
            )


def check_steps(steps):
    """A horizon as an int."""
    if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps={steps!r} is not a horizon: give an int >= 1.")
    return int(steps)
