"""What a file holds of an estimator: numbers, words, arrays, and tuples and estimators of ours; no pandas, no code.

So a file that was made by pickle, joblib or skops does not depend on how pandas or SciPy lay out their objects, skops
loads it when only names that begin with ``tsrnn.`` are trusted, and no compiled function is in it.
"""

from contextlib import suppress
from datetime import time as clock
from datetime import timedelta, tzinfo
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse


CELLS = ("elman", "gru", "lstm")


class Plain(NamedTuple):
    """Stands for an object of another library.   kind : a key of ``MAKE``.   content : what it is made from."""

    kind: str
    content: Any


def plain(value):
    """A value with ``Plain`` in the place of what a file should not hold, also within containers."""
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: plain(item) for key, item in value.items()}
        return Plain("dict", [(plain(key), plain(item)) for key, item in value.items()])
    if isinstance(value, pd.Timestamp):
        return Plain("stamp", (*_number(value), _zone(value.tz)))
    if isinstance(value, pd.Timedelta):
        return Plain("distance", _number(value))
    if isinstance(value, tzinfo):
        return Plain("zone", _zone(value))
    if isinstance(value, pd.offsets.BaseOffset):
        return Plain("frequency", _frequency(value))
    if isinstance(value, pd.Index):
        return Plain("index", (plain(list(value)), list(value.names)))
    if sparse.issparse(value):
        value = value.tocsr()
        return Plain("sparse", (value.data, value.indices, value.indptr, value.shape))
    if hasattr(value, "_fields"):
        if "make" in value._fields:  # a recurrent net's cell, which holds compiled functions
            return Plain("cell", (value.make.__module__.rpartition(".")[2], list(value.options)))
        return type(value)(*map(plain, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return value


def revived(value):
    """What ``plain`` was given; arrays as the kernels were compiled for: joblib hands workers read-only memory."""
    if isinstance(value, np.ndarray):
        return np.require(value, requirements=["C", "A", "W"]) if value.dtype != object else value
    if isinstance(value, Plain):
        return MAKE[value.kind](revived(value.content))
    if isinstance(value, dict):
        return {key: revived(item) for key, item in value.items()}
    if hasattr(value, "_fields"):
        return type(value)(*map(revived, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(revived, value))
    return value


def _zone(tz):
    """A time zone's name, where that is enough to find it again."""
    if tz is None:
        return None
    try:
        pd.Timestamp(0, tz=str(tz))
    except (KeyError, ValueError):
        return tz
    return str(tz)


def _frequency(freq):
    """An offset of pandas, by its name where that says all, else with what it was made of: holidays, hours, months."""
    with suppress(ValueError):
        if pd.tseries.frequencies.to_offset(freq.freqstr) == freq:
            return freq.freqstr
    options = []
    for name, value in freq.kwds.items():
        if name == "calendar":  # NumPy's, made of the others
            continue
        if name == "holidays":
            value = list(map(str, value))
        elif name in ("start", "end"):
            value = [time.isoformat() for time in value]
        elif isinstance(value, timedelta):
            value = Plain("distance", _number(pd.Timedelta(value)))
        options.append((name, value))
    return type(freq).__name__, freq.n, freq.normalize, options


def _offset(content):
    """An offset of pandas."""
    if isinstance(content, str):
        return pd.tseries.frequencies.to_offset(content)
    name, n, normalize, options = content
    if name not in vars(pd.offsets):
        raise ValueError(
            f"The file has a frequency {name!r}, which pandas has not: install the version that wrote it."
        )
    options = {
        key: value.to_pytimedelta() if isinstance(value, pd.Timedelta) else value for key, value in options
    }
    for key in ("start", "end"):
        if key in options:
            options[key] = [clock.fromisoformat(text) for text in options[key]]
    return getattr(pd.offsets, name)(n, normalize, **options)


def _number(time):
    """A stamp or a distance as an int and its unit."""
    return int(time.asm8.astype(np.int64)), time.unit


def _stamp(content):
    """A Timestamp."""
    number, unit, zone = content
    stamp = pd.Timestamp(np.datetime64(number, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _index(content):
    """An Index of names."""
    values, names = content
    if len(names) > 1:
        return pd.MultiIndex.from_tuples(values, names=names)
    return pd.Index(values, name=names[0])


def _cell(content):
    """A recurrent net's cell."""
    name, options = content
    if name not in CELLS:
        raise ValueError(
            f"The file has a cell {name!r}, which this tsrnn has not: install the version that wrote it."
        )
    return import_module(f"tsrnn._models.{name}").cell(*options)


MAKE = {
    "dict": dict,
    "stamp": _stamp,
    "distance": lambda content: pd.Timedelta(np.timedelta64(*content)),
    "frequency": _offset,
    "zone": lambda tz: pd.DatetimeIndex([], tz=tz).tz,
    "index": _index,
    "sparse": lambda content: sparse.csr_array(content[:3], shape=content[3]),
    "cell": _cell,
}
