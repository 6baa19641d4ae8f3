"""One table of rows from whatever holds one series or several, and the way back.

Several series come as

- frames with a MultiIndex (series, time): the last level tells time, those before it the series;
- a frame with the column that ``series`` names, or ``groups``, the key of each row;
- a list of arrays or frames, or a 3-D array (n_series, n_timesteps, n_features): the key is the place.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils import _safe_indexing

from .timeline import says_nothing, time_index


class Part(NamedTuple):
    """The rows of one series: its key (None where there is only one), where they are, what tells their time."""

    key: Any
    rows: slice
    index: pd.Index | None


class Table(NamedTuple):
    """Rows, series after series.   X, y, weight : as they came, or in order.   parts : one ``Part`` a series.

    order : (N,), which of the user's rows each is, or None.   form : "table", "list" or "cube".   names : of keys.
    """

    X: Any
    y: Any
    weight: Any
    parts: list
    order: np.ndarray | None
    form: str
    names: list

    def of(self, X, y, weight):
        """The same with checked arrays, a row each."""
        parts = [part._replace(rows=slice(*part.rows.indices(len(X))[:2])) for part in self.parts]
        return self._replace(X=X, y=y, weight=weight, parts=parts)

    def give_back(self, out):
        """Values (N, ...), one a row, in the user's order and container."""
        if self.form == "list":
            return [out[part.rows] for part in self.parts]
        if self.form == "cube":
            return out.reshape(len(self.parts), -1, *out.shape[1:])
        if self.order is not None:
            back = np.empty_like(out)
            back[self.order] = out
            return back
        return out


def gather(X, y=None, weight=None, groups=None, column=None):
    """One table; see the module's head.

    Raises
    ------
    ValueError
        Series are told apart in two ways, or lists differ in length; X and y differ in their stamps.
    """
    if _is_list(X) or (X is None and _is_list(y, 1)):
        _told_once(groups, column, "a list")
        return _from_list(X, y, weight)
    if getattr(X, "ndim", 0) == 3 or (X is None and getattr(y, "ndim", 0) == 3):
        _told_once(groups, column, "a 3-D array")
        return _from_cube(X, y, weight)
    keys, names = _keys(X, y, groups, column)
    if column is not None:
        X = X.drop(columns=column)
    if keys is None:
        return Table(X, y, weight, [Part(None, slice(None), _index(X, y, slice(None)))], None, "table", [])
    codes, found = pd.factorize(keys)
    lost = np.min(keys.codes, axis=0) < 0 if isinstance(keys, pd.MultiIndex) else codes < 0
    if np.any(lost):
        raise ValueError(
            f"The series of row {int(np.argmax(lost))} is missing (NaN): give every row its key."
        )
    order = np.argsort(codes, kind="stable")
    if (order[1:] > order[:-1]).all():
        order = None
    else:
        X, y, weight = (None if v is None else _in_order(v, order) for v in (X, y, weight))
    ends = np.cumsum(np.bincount(codes, minlength=len(found)))
    found = found.tolist()
    parts = _parts(found, ends, lambda rows: _index(X, y, rows))
    return Table(X, y, weight, parts, order, "table", names)


def _in_order(v, order):
    """The rows of v in another order; an index that says nothing does not tell time after that either."""
    nothing = isinstance(v, (pd.DataFrame, pd.Series)) and says_nothing(v.index)
    v = _safe_indexing(v, order)
    return v.reset_index(drop=True) if nothing else v


def _parts(keys, ends, index):
    """A ``Part`` for each key, from where its rows end."""
    rows = [slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends)]
    return [Part(key, here, _named(key, index, here)) for key, here in zip(keys, rows)]


def _named(key, index, rows):
    """What tells the time of a series; errors name the series."""
    try:
        return index(rows)
    except ValueError as error:
        raise ValueError(f"Series {key!r}: {error}") from None


def _keys(X, y, groups, column):
    """The key of each row and the names of the keys, or None and [] where there is one series."""
    stacked = [v.index for v in (X, y) if isinstance(getattr(v, "index", None), pd.MultiIndex)]
    stacked = [index for index in stacked if index.nlevels > 1]
    if len(stacked) == 2 and not stacked[0].equals(stacked[1]):
        raise ValueError(
            "X and y have different MultiIndexes: align them, for example with X, y = X.align(y, join='inner', axis=0)."
        )
    ways = {
        "groups": groups is not None,
        f"series={column!r}": column is not None,
        f"the MultiIndex {tuple(stacked[0].names) if stacked else ()}": bool(stacked),
    }
    used = [way for way, given in ways.items() if given]
    if len(used) > 1:
        raise ValueError(f"The series are told by {' and by '.join(used)}: give one of them.")
    if groups is not None:
        keys = np.asarray(groups)
        n = len(y if X is None else X)
        if keys.shape != (n,):
            raise ValueError(
                f"groups has the shape {keys.shape}, but there are {n} rows: give one key a row."
            )
        return keys, [getattr(groups, "name", None) or "series"]
    if column is not None:
        if not isinstance(X, pd.DataFrame) or column not in X.columns:
            has = list(X.columns) if isinstance(X, pd.DataFrame) else type(X).__name__
            raise ValueError(f"series={column!r} is no column of X ({has}): give a DataFrame that has it.")
        return X[column].to_numpy(), [column]
    if stacked:
        *others, last = stacked[0].levels
        if not _is_time(last) and not pd.api.types.is_numeric_dtype(last) and any(map(_is_time, others)):
            raise ValueError(
                f"The last level of the MultiIndex {tuple(stacked[0].names)} must be time, those before it tell the "
                "series: reorder them, for example with X.swaplevel().sort_index()."
            )
        levels = stacked[0].droplevel(-1)
        return levels, list(levels.names)
    return None, []


def _is_time(level):
    return isinstance(level, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))


def _index(X, y, rows):
    """What tells the time of some rows: the index of X, or that of y, or None."""
    index, y_index = (_stamps(v, rows, name) for v, name in ((X, "X"), (y, "y")))
    if type(index) is type(y_index) and not says_nothing(index) and not says_nothing(y_index):
        if not index.equals(y_index):
            raise ValueError(
                f"X and y have different stamps: X {index[0]} ... {index[-1]} ({len(index)} rows), y "
                f"{y_index[0]} ... {y_index[-1]} ({len(y_index)} rows). Align them, for example with "
                "X, y = X.align(y, join='inner', axis=0)."
            )
    elif says_nothing(index):
        index = y_index if y_index is not None else index
    return index


def _stamps(v, rows, name):
    index = getattr(v, "index", None)
    if not isinstance(index, pd.Index):
        return None
    if isinstance(index, pd.MultiIndex):
        index = index.get_level_values(-1)
    if rows != slice(None):
        if says_nothing(index):
            return None
        index = index[rows]
    return time_index(index, name)


def _is_list(v, least=2):
    """Whether this is a list of series, and not of rows: of arrays of at least so many dimensions, or of pandas."""
    if not isinstance(v, (list, tuple)) or len(v) == 0:
        return False
    pandas = all(isinstance(one, (pd.DataFrame, pd.Series)) for one in v)
    return pandas or all(isinstance(one, (np.ndarray, pd.DataFrame)) and one.ndim >= least for one in v)


def _told_once(groups, column, container):
    """Raise where a list or an array of series comes with another way to tell them."""
    for way, given in (("groups", groups), (f"series={column!r}", column)):
        if given is not None:
            raise ValueError(
                f"The series are told by {way} and by {container}, in its order: give one of them."
            )


def _from_list(X, y, weight):
    """A table of a list of series."""
    given = {"X": X, "y": y, "sample_weight": weight}
    n = len(y if X is None else X)
    for name, value in given.items():
        if value is not None and (not isinstance(value, (list, tuple)) or len(value) != n):
            raise ValueError(
                f"{name} must be a list of {n} series, one for each of {'y' if X is None else 'X'}, but it is "
                f"{f'one of {len(value)}' if isinstance(value, (list, tuple)) else type(value).__name__}: give as many."
            )
    lengths = [len(one) for one in (y if X is None else X)]
    for k in range(n):
        for name, value in given.items():
            if value is not None and len(value[k]) != lengths[k]:
                raise ValueError(
                    f"Series {k}: {name} has {len(value[k])} rows, but {'y' if X is None else 'X'} has {lengths[k]}: "
                    "give one for each."
                )
    if 0 in lengths:
        raise ValueError(
            f"Series {lengths.index(0)} has no rows: give it some, or tell series by groups or a MultiIndex, where "
            "any may be left out."
        )
    ends = np.cumsum(lengths)
    parts = [
        part._replace(index=_named(k, lambda _, k=k: _index(_one(X, k), _one(y, k), slice(None)), None))
        for k, part in enumerate(_parts(range(n), ends, lambda rows: None))
    ]
    together = [None if v is None else _joined(v, name) for name, v in given.items()]
    return Table(*together, parts, None, "list", ["series"])


def _one(v, k):
    return None if v is None else v[k]


def _joined(series, name):
    """Series one behind the other."""
    columns = [set(getattr(one, "columns", ())) for one in series]
    if any(other != columns[0] for other in columns):
        k = next(k for k, other in enumerate(columns) if other != columns[0])
        raise ValueError(
            f"Series {k}: {name} has the columns {sorted(columns[k], key=str)}, but series 0 has "
            f"{sorted(columns[0], key=str)}: give all the same, or arrays only."
        )
    shapes = [np.shape(one)[1:] for one in series]
    if len(set(shapes)) > 1:
        k = next(k for k, shape in enumerate(shapes) if shape != shapes[0])
        raise ValueError(
            f"Series {k}: {name} has rows of the shape {shapes[k]}, but those of series 0 are {shapes[0]}: give all "
            "the same."
        )
    pandas = all(isinstance(one, (pd.DataFrame, pd.Series)) for one in series)
    return pd.concat(series, ignore_index=True) if pandas else np.concatenate([np.asarray(s) for s in series])


def _from_cube(X, y, weight):
    """A table of a 3-D array."""
    shape = np.shape(y if X is None else X)
    n, T = shape[:2]
    flat = [None if v is None else np.asarray(v) for v in (X, y, weight)]
    for name, v in zip(("X", "y", "sample_weight"), flat):
        if v is not None and v.shape[:2] != (n, T):
            raise ValueError(
                f"{name} has the shape {v.shape}, but there are {n} series of {T} rows: give ({n}, {T}, ...)."
            )
    flat = [None if v is None else v.reshape(n * T, *v.shape[2:]) for v in flat]
    parts = _parts(range(n), T * np.arange(1, n + 1), lambda rows: None)
    return Table(*flat, parts, None, "cube", ["series"])
