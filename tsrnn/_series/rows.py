"""One table of rows from whatever holds one series or several, and the way back.

Stamps are read once a table, checked for order and compared between X and y as one array (N,) of int64.

Several series come as

- frames with a MultiIndex (series, time): the last level is time, those before it the series;
- a frame with the column that ``series`` names, or ``groups``, the key of each row;
- a list of arrays or frames (or an array whose elements they are), or a 3-D array (n_series, n_timesteps, n_features):
  the key is the place.
"""

import re
from collections.abc import Iterator
from numbers import Number
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing

from .._warn import warn
from .stamps import ISO, PER_SECOND, Clock, Stamps, is_default, numbers, show, to_index
from .timeline import ahead, future


IS_ISO = re.compile(ISO).fullmatch


class Part(NamedTuple):
    """The rows of one series: its key (None where there is only one), where they are, their stamps or None.

    name : of the argument whose index the stamps are, for messages.
    """

    key: Any
    rows: slice
    stamps: Stamps | None
    name: str = "X"


class Table(NamedTuple):
    """Rows, series after series.   X, y, weight : as they came, or in order.   parts : one ``Part`` a series.

    order : (N,), which of the user's rows each is, or None.   names : of keys.
    form : "table", whose rows name their series; "list" or "cube", whose series have but a place.
    doubt : {key: (O,) ``Doubt``} at the end of series of which y may be doubted.
    """

    X: Any
    y: Any
    weight: Any
    parts: list
    order: np.ndarray | None
    form: str
    names: list
    doubt: dict = MappingProxyType({})

    def of(self, X, y, weight):
        """Replace X, y and weight by checked arrays, a row each."""
        parts = self.parts
        if parts[0].rows == slice(None):
            parts = [parts[0]._replace(rows=slice(0, len(X)))]
        return self._replace(X=X, y=y, weight=weight, parts=parts)

    def first(self, n):
        """Keep the first n rows of X, y and weight of each series at most, and the stamps of all its rows."""
        X = np.asarray(self.X) if isinstance(self.X, memoryview) else self.X
        try:
            N = len(self.y if X is None else X)
        except TypeError:  # no table: the check of its values will refuse it
            return self
        ranges = [range(*part.rows.indices(N)) for part in self.parts]
        if all(len(rows) <= n for rows in ranges):
            return self
        keep = np.concatenate([np.arange(rows.start, rows.stop)[:n] for rows in ranges])
        cut = [take(v, keep) for v in (X, self.y, self.weight)]
        rows = _slices(np.cumsum([min(n, len(rows)) for rows in ranges]))
        parts = [part._replace(rows=kept) for part, kept in zip(self.parts, rows)]
        return Table(*cut, parts, None, self.form, self.names)

    def give_back(self, out):
        """Return values (N, ...), one a row, in the user's order and container."""
        if self.form == "list":
            return [out[part.rows] for part in self.parts]
        if self.form == "cube":
            return out.reshape(len(self.parts), -1, *out.shape[1:])
        if self.order is not None:
            back = np.empty_like(out)
            back[self.order] = out
            return back
        return out


def gather(X, y=None, weight=None, groups=None, column=None, name="X"):
    """Gather rows in one ``Table``; see the module's head.   name : of the first argument, in errors about its index.

    Raises
    ------
    ValueError
        Series are identified in two ways, or lists differ in length; X and y differ in their stamps.
    """
    X, y = map(_in_pandas, (X, y))
    if holds_lists(X, y):
        _check_one_identity(groups, column, "a list")
        return _from_list(X, y, weight)
    if getattr(X, "ndim", 0) == 3 or (X is None and getattr(y, "ndim", 0) == 3):
        _check_one_identity(groups, column, "a 3-D array")
        return _from_cube(X, y, weight)
    for argument, v in (("X", X), ("y", y)):
        _check_has_rows(argument, v)
        _check_equally_long(argument, v)
    _refuse_series_of_one_dimension(X, y)
    for argument, v in (("sample_weight", weight), ("groups", groups)):
        _check_beside(argument, v, X, y)
    keys, names = _keys(X, y, groups, column)
    if column is not None:
        X = X.drop(columns=column)
    stamps, name = read_both(X, y, set(), keys is not None, name)
    if keys is None:
        _check_order(stamps, name)
        return Table(X, y, weight, [Part(None, slice(None), stamps, name)], None, "table", [])
    codes, keys = _codes(keys)
    order = np.argsort(codes, kind="stable")
    if (order[1:] > order[:-1]).all():
        order = None
    else:
        X, y, weight = (take(v, order) for v in (X, y, weight))
        stamps = None if stamps is None else Stamps(stamps.values[order], stamps.clock)
    rows = _slices(np.cumsum(np.bincount(codes, minlength=len(keys))))
    if stamps is None:
        parts = [Part(key, at, None) for key, at in zip(keys, rows)]
        return Table(X, y, weight, parts, order, "table", names)
    _check_order(stamps, name, rows, keys)
    values, clock = stamps
    parts = [Part(key, at, Stamps(values[at], clock), name) for key, at in zip(keys, rows)]
    return Table(X, y, weight, parts, order, "table", names)


def _refuse_series_of_one_dimension(X, y):
    """Raise where X and y are lists of arrays of one dimension, which would pass for a table's rows."""
    lists = isinstance(X, (list, tuple)) and isinstance(y, (list, tuple)) and len(X) == len(y)
    if lists and all(getattr(v, "ndim", 0) == 1 for v in (*X, *y)):
        raise ValueError(
            "X is a list of arrays of one dimension, so it is unclear what are rows and what are inputs: give each "
            "series as (n_timesteps, n_features), such as x.reshape(-1, 1)."
        )


def one_a_series(X, y, groups=None, column=None):
    """Return whether y has one value (or row of values) per series of X, not one per row: its shape decides.

    X : a list of series, a 3-D array, or rows that name their series.
    """
    if X is None or y is None or isinstance(y, str):
        return False
    X = _in_pandas(X)
    _check_has_rows("X", X)
    _check_has_rows("y", y)
    if _is_list(X):
        if isinstance(y, (list, tuple)):
            return len(y) == len(X) and all(np.ndim(value) == 0 for value in y)
        return np.ndim(y) in (1, 2) and len(y) == len(X)
    if getattr(X, "ndim", 0) == 3:
        shape = np.shape(y)
        return len(shape) == 1 or (len(shape) == 2 and 2 * shape[1] < np.shape(X)[1])
    n_rows = X.shape[0] if getattr(X, "shape", ()) else len(X) if hasattr(X, "__len__") else None
    if n_rows is None or not hasattr(y, "__len__") or len(y) == n_rows:
        return False
    keyed = groups is not None or column is not None or getattr(getattr(X, "index", None), "nlevels", 1) > 1
    return keyed and len(y) == len(gather(X, None, None, groups, column).parts)


def in_order_of(table, y):
    """Sort the y of each series into the order of a table's series: by its index, where rows name them."""
    index, keys, names = getattr(y, "index", None), [part.key for part in table.parts], table.names
    if table.form != "table" or not isinstance(index, pd.Index) or is_default(index) or not names:
        return y
    place = index.get_indexer(pd.MultiIndex.from_tuples(keys) if index.nlevels > 1 else _flat(keys))
    if index.nlevels != len(names) or (place < 0).any() or not index.is_unique:
        raise ValueError(
            f"y has one value per series, but its index ({index[:3].tolist()} ...) is not that of the series of X "
            f"({keys[:3]} ...): give each series its y, or y without an index, in the order of the series."
        )
    return y.iloc[place]


def take(v, rows):
    """Select rows of a container, or None."""
    return None if v is None else _safe_indexing(v, rows)


def _slices(ends):
    """Return slices of rows, from where they end (n,)."""
    ends = ends.tolist()
    return list(map(slice, [0, *ends[:-1]], ends))


def _codes(keys):
    """Number each row's series (N,), in order of appearance; returns numbers and keys."""
    if isinstance(keys, pd.MultiIndex) and keys.nlevels == 1:
        codes, distinct = pd.factorize(np.asarray(keys.codes[0]), use_na_sentinel=False)
        lost, distinct = keys.codes[0] < 0, keys.levels[0].take(np.maximum(distinct, 0))
    else:
        codes, distinct = pd.factorize(keys)
        lost = np.min(keys.codes, axis=0) < 0 if isinstance(keys, pd.MultiIndex) else codes < 0
    if np.any(lost):
        raise ValueError(
            f"The series of row {int(np.argmax(lost))} is missing (NaN): give every row its key."
        )
    return codes, distinct.tolist()


# ---------------------------------------------------------------------------------------- stamps


def read_both(X, y, warned, several=False, name="X"):
    """Return the stamps of the rows and the argument they come from: the index of X, else that of y; or None, "X".

    warned : kinds of warnings given before.   several : whether rows are of several series, whose time is not the
    default index 0, 1, 2 ...
    """
    stamps = _read(X, name, warned, several)
    if stamps is not None and not stamps.clock.default and _is_same_index(X, y):
        return stamps, name
    of_y = _read(y, "y", warned, several)
    if stamps is not None and of_y is not None:
        warn_of_numbers("y", y.index, "X", X.index, warned)
    if stamps is None or (stamps.clock.default and of_y is not None):
        return of_y, "y"
    if of_y is not None and not of_y.clock.default:
        _check_same(stamps, of_y, warned)
    return stamps, name


def _is_same_index(X, y):
    """Return whether y is known to have the index of X: MultiIndexes were compared before."""
    index, of_y = X.index, getattr(y, "index", None)
    return of_y is index or min(getattr(levels, "nlevels", 1) for levels in (index, of_y)) > 1


def _read(v, name, warned, several):
    """Return the stamps that one argument carries, or None."""
    index = getattr(v, "index", None)
    if hasattr(v, "coords") and hasattr(v, "to_pandas") and len(v.coords):  # xarray's
        warn(
            f"The coordinates of {name} ({', '.join(map(str, v.coords))}) are not read as time: rows count as one "
            f"step apart, and neither gaps nor a wrong order are noticed. Give {name}.to_pandas()."
        )
    if not isinstance(index, pd.Index) or (several and is_default(index)):
        return None
    read = numbers(index, name, warned)
    return None if read is None else Stamps(*read)


def _same_values(stamps, other):
    """Return whether stamps are the same instants; their units differ only far from today."""
    values, others = stamps.values, other.values
    per, other_per = (PER_SECOND.get(each.clock.unit, 1) for each in (stamps, other))
    if per < other_per:
        return _same_values(other, stamps)
    finer = per // other_per
    return not (values % finer).any() and np.array_equal(values // finer, others)


def _check_same(stamps, other, warned):
    """Raise where X and y have other stamps."""
    clock, their = stamps.clock, other.clock
    if clock.kind != their.kind:
        if "kinds" not in warned:
            warned.add("kinds")
            warn(
                f"X has an index of kind {clock.kind!r} and y one of kind {their.kind!r}: they are matched row by "
                "row, with the stamps of X. Give both the same index."
            )
        return
    if not _same_values(stamps, other) or (clock.tz is None) != (their.tz is None):
        ends = [
            f"{show(by, v[0])} ... {show(by, v[-1])} ({len(v)} rows)" if len(v) else "(no rows)"
            for v, by in (stamps, other)
        ]
        raise ValueError(
            f"X and y have different stamps: X {ends[0]}, y {ends[1]}. {_how_to_align(clock, their)}"
        )


def _how_to_align(clock, their):
    """Say how to give X and y, of two ``Clock``s, the same stamps."""
    if (clock.tz is None) == (their.tz is None):
        return "Align them, for example with X, y = X.align(y, join='inner', axis=0)."
    name, zone = ("X", their.tz) if clock.tz is None else ("y", clock.tz)
    return f"Those of {name} have no time zone: give them theirs, such as {name}.tz_localize({str(zone)!r})."


def warn_of_numbers(name, index, other_name, other, warned):
    """Warn where one of two indexes counts 0, 1, 2 ... and the other has other integers: rows were taken away or moved.

    Raises
    ------
    ValueError
        The integers of ``index`` are in another order: its rows were shuffled.
    """
    counted, given = (index, other) if is_default(index) else (other, index)
    is_int = given.nlevels == 1 and pd.api.types.is_integer_dtype(given.dtype) and not is_default(given)
    if "numbers" in warned or not (is_default(counted) and is_int and len(given) == len(counted) > 0):
        return
    values = given.to_numpy()
    # each of several may count from 0
    if np.array_equal(values, np.arange(len(values))) or not given.is_unique:
        return
    ends = f"{name} is numbered {index[0]} ... {index[-1]}, but {other_name} {other[0]} ... {other[-1]}"
    cure = f"align them, such as {name}.reindex({other_name}.index), or reset_index(drop=True) for both"
    if given is index and (values[1:] < values[:-1]).any():
        raise ValueError(f"{ends}, in another order: {cure}.")
    warned.add("numbers")
    warn(f"{ends}: they are matched row by row. If their rows do correspond, nothing is wrong; else {cure}.")


def same_rows(index, other, name, several_kinds=False):
    """Return whether two indexes stand for the same rows, in any units; ``several_kinds`` where their kinds differ."""
    if index.equals(other):
        return True
    if index.nlevels != other.nlevels or len(index) != len(other):
        return False
    if index.nlevels > 1 and not index.droplevel(-1).equals(other.droplevel(-1)):
        return False
    given, wanted = (numbers(levels, name, {"time", "codes"}) for levels in (index, other))
    if given is None or wanted is None or given[1].kind != wanted[1].kind:
        return several_kinds and index.nlevels == 1
    return _same_values(Stamps(*given), Stamps(*wanted))


def _check_beside(name, v, X, y):
    """Raise where weights or groups have another index than the rows: they would be taken row by row."""
    index, warned = getattr(v, "index", None), set()
    for argument, table in (("X", X), ("y", y)):
        of_rows = getattr(table, "index", None)
        if not (isinstance(index, pd.Index) and isinstance(of_rows, pd.Index)) or len(index) != len(of_rows):
            continue
        if is_default(index) or is_default(of_rows):
            warn_of_numbers(name, index, argument, of_rows, warned)
            continue
        if same_rows(index, of_rows, name, several_kinds=True):
            continue
        raise ValueError(
            f"{name} has another index ({index[0]} ... {index[-1]}) than {argument} ({of_rows[0]} ... {of_rows[-1]}): "
            f"align it, for example with {name}.reindex({argument}.index), or give {name}.to_numpy() if its rows are "
            "those."
        )


def _check_order(stamps, name, rows=(), keys=(None,)):
    """Raise where the stamps of a series, in its rows, are not ascending and unique.   name : of the argument."""
    if stamps is None or stamps.clock.default or len(stamps.values) < 2:
        return
    values, clock = stamps
    inside = np.ones(len(values) - 1, bool)
    inside[[span.stop - 1 for span in rows[:-1]]] = False
    back, twice = inside & (values[1:] < values[:-1]), inside & (values[1:] == values[:-1])
    if not (back | twice).any():
        return
    at = int(np.argmax(back if back.any() else twice))
    s = sum(span.stop <= at for span in rows)
    span_s = rows[s] if len(rows) else slice(0, len(values))
    where, first = "" if keys[s] is None else f"Series {keys[s]!r}: ", show(clock, values[at])
    n_stamps = len(np.unique(values[span_s]))
    times = (span_s.stop - span_s.start) / n_stamps
    if n_stamps > 2 and times >= 2:
        often = "twice" if times == 2 else f"{times:.3g} times"
        raise ValueError(
            f"{where}The index of {name} holds each stamp {often}. If several series are stacked, name the series of "
            "each row with groups=, series= (a column of X) or a MultiIndex (series, time); if the stamps have lost "
            "their time of day, restore it. Keep one of each only if the others are copies."
        )
    if back.any():
        raise ValueError(
            f"{where}The index of {name} is not in time order: {show(clock, values[at + 1])} comes after {first} (row "
            f"{at + 1 - span_s.start}). Rows are time here: sort them, {name}.sort_index(), and do not shuffle when "
            "splitting."
        )
    raise ValueError(
        f"{where}The index of {name} holds {first} twice ({twice[span_s].sum()} duplicates in all). Keep one of each, "
        f"for example {name}[~{name}.index.duplicated()]; at a clock change, "
        f"{name}.tz_localize(zone, ambiguous='infer') first."
    )


def next_rows(timelines, steps, names):
    """Return the index of the next ``steps`` rows of {key: ``Timeline``}; None where the stamps of one are irregular.

    names : of keys; a single series has the key None.
    """
    if not ahead(list(timelines.values()), 1)[1].all():
        return None
    return future(timelines[None], steps) if None in timelines else future_index(timelines, steps, names)


def future_index(places, steps, names, given=()):
    """Return the MultiIndex (series, time) of the next ``steps`` rows of several series, at once.

    places : dict from a series' key to its Timeline (or to what has one as ``timeline``), or None.   names : of keys.
    given : the ``Stamps`` of their X_future, or None, a series: where nothing else is known of it.  A series without a
    step or a frequency counts 0, 1, 2 ...
    """
    timelines = [getattr(place, "timeline", place) for place in places.values()]
    values, regular = ahead(timelines, steps)
    values[~regular] = np.arange(steps)
    clocks = [timeline.clock for timeline, known in zip(timelines, regular) if known]
    for s, stamps in enumerate(given):
        if timelines[s] is None and stamps is not None and len(stamps.values) >= steps:
            clocks = clocks or [stamps.clock]
            if (stamps.clock.kind, stamps.clock.unit) == (clocks[0].kind, clocks[0].unit):
                values[s], regular[s] = stamps.values[:steps], True
    clock = clocks[0] if clocks else Clock("int")
    if regular.all() or not regular.any():
        return stack(places, values, clock, names)
    time = np.empty(values.size, object)
    regular = np.repeat(regular, steps)
    time[regular] = list(to_index(clock, values.ravel()[regular]))
    time[~regular] = values.ravel()[~regular]
    index = stack(places, values, Clock("int", name=clock.name), names)
    series = [index.get_level_values(k) for k in range(index.nlevels - 1)]
    return pd.MultiIndex.from_arrays([*series, time], names=index.names)


def stack(keys, values, clock, names):
    """Make a MultiIndex (series, time) of keys, S of them, and their stamps (S, steps) or a list of S arrays."""
    keys, lengths = list(keys), [len(of_key) for of_key in values]
    values = values.ravel() if isinstance(values, np.ndarray) else np.concatenate(values)
    distinct, time = np.unique(values, return_inverse=True)
    rows = np.repeat(np.arange(len(keys)), lengths)
    columns = [_flat(keys)] if len(names) == 1 else [_flat(column) for column in zip(*keys)]
    coded = [pd.factorize(column) for column in columns]
    return pd.MultiIndex(
        levels=[*(level for _, level in coded), to_index(clock, distinct)],
        codes=[*(codes[rows] for codes, _ in coded), time.ravel()],
        names=[*names, clock.name],
    )


def _flat(keys):
    """Make an Index of keys, one level, tuples too."""
    return pd.Index(list(keys), tupleize_cols=False)


# ---------------------------------------------------------------------------------------- keys of series


def _keys(X, y, groups, column):
    """Return the key of each row and the names of the keys, or None and [] where there is one series."""
    stacked = [v.index for v in (X, y) if isinstance(getattr(v, "index", None), pd.MultiIndex)]
    stacked = [index for index in stacked if index.nlevels > 1]
    if len(stacked) == 2 and not same_rows(*stacked, "y"):
        raise ValueError(
            "X and y have different MultiIndexes: align them, for example with X, y = X.align(y, join='inner', axis=0)."
        )
    identities = {
        "groups": groups is not None,
        f"series={column!r}": column is not None,
        f"the MultiIndex {tuple(stacked[0].names) if stacked else ()}": bool(stacked),
    }
    used = [name for name, is_given in identities.items() if is_given]
    if len(used) > 1:
        raise ValueError(f"The series are named twice, by {' and by '.join(used)}: give one of them.")
    if groups is not None:
        return _of_groups(groups, len(y if X is None else X))
    if column is not None:
        if not isinstance(X, pd.DataFrame) or column not in X.columns:
            has = list(X.columns) if isinstance(X, pd.DataFrame) else type(X).__name__
            raise ValueError(f"series={column!r} is not a column of X ({has}): give a DataFrame that has it.")
        return X[column].to_numpy(), [column]
    if stacked:
        *levels, last = stacked[0].levels
        _check_last_is_time(levels, last, tuple(stacked[0].names))
        *names, _ = stacked[0].names
        return pd.MultiIndex(
            levels=levels, codes=stacked[0].codes[:-1], names=names, verify_integrity=False
        ), names
    return None, []


def _check_last_is_time(levels, last, names):
    """Raise where the last level of a MultiIndex holds words and another holds time; warn where it holds numbers."""
    if _is_time(last) or not any(map(_is_time, levels)):
        return
    swap = "for example with X.swaplevel().sort_index()"
    if not pd.api.types.is_numeric_dtype(last):
        raise ValueError(
            f"The last level of the MultiIndex {names} must be time, and those before it the series: reorder them, "
            f"{swap}."
        )
    warn(
        f"The MultiIndex {names} has stamps in a level that identifies series, and numbers ({last[0]} ...) in the "
        "last level, which is time, so each stamp is a series. If it should be the other way round, reorder the "
        f"levels, {swap}."
    )


def _of_groups(groups, n):
    """Return keys (n,) as they were given, tuples too, and their names: as many as the tuples are long."""
    name = getattr(groups, "name", None) or "series"
    if isinstance(groups, pd.MultiIndex):
        groups = list(groups)
    if isinstance(groups, (list, tuple)) and len({isinstance(key, str) for key in groups}) > 1:
        keys = np.fromiter(groups, object, len(groups))  # as an array 1 and "1" would be one key
    elif isinstance(groups, (list, tuple)) and any(isinstance(key, tuple) for key in groups):
        keys = np.fromiter(groups, object, len(groups))  # as an array they would be a table
    else:
        keys = np.asarray(groups)
    if keys.shape != (n,):
        raise ValueError(f"groups has the shape {keys.shape}, but there are {n} rows: give one key per row.")
    if n == 0 or not isinstance(keys[0], tuple) or {type(key) for key in keys} != {tuple}:
        return keys, [name]
    lengths = set(map(len, keys))
    return keys, [name] if len(lengths) > 1 else [f"{name}_{k}" for k in range(lengths.pop())]


def _is_time(level):
    """Return whether a level of an index can only be time."""
    if isinstance(level, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)):
        return True
    content = pd.api.types.infer_dtype(level, skipna=True)
    if content == "string":
        return all(map(IS_ISO, level.dropna()))
    return content in ("date", "datetime", "datetime64", "timedelta64", "period")


def _in_pandas(v):
    """Convert frames of polars or tables of Arrow in a list to pandas', an array of series to a list; others stay."""
    if isinstance(v, np.ndarray) and v.dtype == object and v.ndim == 1:
        of_series = len(v) and all(isinstance(s, (np.ndarray, pd.DataFrame, pd.Series)) for s in v)
        return list(v) if of_series else v
    if not isinstance(v, (list, tuple)) or len(v) == 0 or not hasattr(v[0], "to_pandas"):
        return v
    names = [getattr(frame, "column_names", None) or getattr(frame, "columns", None) for frame in v]
    if not all(
        isinstance(of_frame, list) and hasattr(frame, "to_pandas") for of_frame, frame in zip(names, v)
    ):
        return v
    return [
        pd.DataFrame({name: frame[name].to_numpy() for name in of_frame}) for of_frame, frame in zip(names, v)
    ]


def holds_lists(X, y):
    """Return whether the series are a list of them."""
    return _is_list(X) or (X is None and _is_list(y, 1))


def refuse_lists(X, y):
    """Raise where series are a list or a 3-D array, for what looks at one."""
    if holds_lists(X, y) or 3 in (getattr(X, "ndim", 0), getattr(y, "ndim", 0)):
        raise ValueError(
            "X and y hold several series: give one of them, such as X[k] and y[k], and where it starts: "
            "start='estimate', a history (X_hist, y_hist) or start='cold'."
        )


def _is_list(v, least=2):
    """Return whether this is a list of series, not of rows: of pandas objects, or arrays of ``least`` dimensions."""
    if not isinstance(v, (list, tuple)) or len(v) == 0:
        return False
    pandas = all(isinstance(s, (pd.DataFrame, pd.Series)) for s in v)
    return pandas or all(isinstance(s, (np.ndarray, pd.DataFrame)) and s.ndim >= least for s in v)


def _check_has_rows(name, v):
    """Raise for what holds no rows, and for a sparse y."""
    if type(v).__name__ == "LazyFrame":
        raise TypeError(f"{name} is a LazyFrame, whose rows have not been read yet: give {name}.collect().")
    if isinstance(v, dict) and not issparse(v):  # a dok_array is both
        raise TypeError(
            f"{name} is a dict: give its series in a list, list({name}.values()), or as one frame whose MultiIndex "
            f"names them, pd.concat({name})."
        )
    if isinstance(v, (list, tuple)) and len(v) == 0:
        raise ValueError(f"{name} is empty: give one row, or one series, at least.")
    if isinstance(v, Iterator):
        raise TypeError(f"{name} is a {type(v).__name__}, which is read only once: give list({name}).")
    if getattr(v, "ndim", 0 if isinstance(v, Number) else 1) == 0:
        raise TypeError(f"{name} is a single value ({v!r}), not rows: give one row per time step.")
    if name == "y" and issparse(v):
        raise TypeError("y is sparse, but dense data is required: give y.toarray().")


def _check_equally_long(name, v):
    """Raise for what is neither rows nor a list of series: lists of different lengths, texts."""
    if isinstance(v, str) or (isinstance(v, (list, tuple)) and len(v) and all(isinstance(s, str) for s in v)):
        if name == "X":
            raise ValueError(
                "X is text: give an array a sequence, one symbol a row, such as "
                "[np.reshape(list(s), (-1, 1)) for s in X]."
            )
        return
    if not isinstance(v, (list, tuple)) or not all(isinstance(row, (list, tuple, np.ndarray)) for row in v):
        return
    lengths = sorted({len(row) for row in v})
    if len(lengths) > 1:
        deep = all(np.ndim(value) or isinstance(value, (list, tuple)) for row in v for value in row)
        series = "np.asarray(s)" if deep or name == "y" else "np.reshape(s, (-1, 1))"
        raise ValueError(
            f"{name} is a list of {type(v[0]).__name__}s of different lengths ({lengths[0]} to {lengths[-1]}), so "
            f"they cannot be rows; a list of arrays (n_timesteps, n_features) holds series: give [{series} for s in "
            f"{name}]."
        )


def _check_one_identity(groups, column, container):
    """Raise where a list or an array of series is given together with ``groups`` or ``series``."""
    for name, value in (("groups", groups), (f"series={column!r}", column)):
        if value is not None:
            raise ValueError(
                f"The series are named by {name} and, in order, by {container}: give one of them."
            )


def _described(v):
    """Say what stands where a list of series should."""
    if isinstance(v, np.ndarray):
        return f"an array of the shape {v.shape}"
    return f"one of {len(v)}" if isinstance(v, (list, tuple)) else f"a {type(v).__name__} of {len(v)}"


def _from_list(X, y, weight):
    """Make a table of a list of series."""
    arguments = {"X": X, "y": y, "sample_weight": weight}
    n = len(y if X is None else X)
    for name, value in arguments.items():
        if value is not None and (not isinstance(value, (list, tuple)) or len(value) != n):
            raise ValueError(
                f"{name} must be a list of {n} series, one for each of {'y' if X is None else 'X'}"
                f"{', or have one value for each' if name == 'y' else ''}, but it is {_described(value)}: give as many."
            )
    lengths = [len(series) for series in (y if X is None else X)]
    for k in range(n):
        for name, value in arguments.items():
            if value is not None and len(value[k]) != lengths[k]:
                raise ValueError(
                    f"Series {k}: {name} has {len(value[k])} rows, but {'y' if X is None else 'X'} has {lengths[k]}: "
                    "give one for each."
                )
    if 0 in lengths:
        raise ValueError(
            f"Series {lengths.index(0)} has no rows: give it some, or name series by groups or a MultiIndex, where "
            "any may be left out."
        )
    warned, parts = set(), []
    for k, rows in enumerate(_slices(np.cumsum(lengths))):
        try:
            stamps, name = read_both(X and X[k], y and y[k], warned)
            _check_order(stamps, name)
        except ValueError as error:
            raise ValueError(f"Series {k!r}: {error}") from None
        parts.append(Part(k, rows, stamps, name))
    together = [None if v is None else _joined(v, name) for name, v in arguments.items()]
    return Table(*together, parts, None, "list", ["series"])


def _joined(series, name):
    """Join series one behind the other."""
    columns = [set(getattr(table, "columns", ())) for table in series]
    if any(of_table != columns[0] for of_table in columns):
        k = next(k for k, of_table in enumerate(columns) if of_table != columns[0])
        raise ValueError(
            f"Series {k}: {name} has the columns {sorted(columns[k], key=str)}, but series 0 has "
            f"{sorted(columns[0], key=str)}: give all the same, or arrays only."
        )
    shapes = [np.shape(table)[1:] for table in series]
    if len(set(shapes)) > 1:
        k = next(k for k, shape in enumerate(shapes) if shape != shapes[0])
        turned = len(set(map(len, series))) == 1 and set(map(len, shapes)) == {1}
        raise ValueError(
            f"Series {k}: {name} has rows of the shape {shapes[k]}, but those of series 0 are {shapes[0]}: give all "
            f"the same{f', or [s.T for s in {name}] if these are (n_features, n_timesteps)' if turned else ''}."
        )
    pandas = all(isinstance(table, (pd.DataFrame, pd.Series)) for table in series)
    return pd.concat(series, ignore_index=True) if pandas else np.concatenate([np.asarray(s) for s in series])


def _from_cube(X, y, weight):
    """Make a table of a 3-D array."""
    shape = np.shape(y if X is None else X)
    n, T = shape[:2]
    flat = [None if v is None else np.asarray(v) for v in (X, y, weight)]
    for name, v in zip(("X", "y", "sample_weight"), flat):
        if v is not None and v.shape[:2] != (n, T):
            raise ValueError(
                f"{name} has the shape {v.shape}, but there are {n} series of {T} rows: give ({n}, {T}, ...)."
            )
    flat = [None if v is None else v.reshape(n * T, *v.shape[2:]) for v in flat]
    parts = [Part(k, rows, None) for k, rows in enumerate(_slices(T * np.arange(1, n + 1)))]
    return Table(*flat, parts, None, "cube", ["series"])
