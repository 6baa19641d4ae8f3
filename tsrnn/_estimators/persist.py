"""What a file holds of an estimator: numbers, words, arrays, containers, and public classes; no pandas, no code.

So a file that was made by pickle, joblib or skops does not depend on how pandas or SciPy lay out their objects, nor on
where in this package a value is defined; skops loads it when only public names of tsrnn are trusted, and no compiled
function is in it. Values are in it by their words: see ``_values.py``.
"""

from contextlib import suppress
from dataclasses import is_dataclass
from datetime import time as clock
from datetime import timedelta, tzinfo

import numpy as np
import pandas as pd
from scipy import sparse

from .._values import IS, fields, kept, made
from .._version import __version__
from .._warn import warn


PLAIN = (np.ndarray, float, int, str, type(None))  # most values, which no file need hold otherwise


def plain(value):
    """Replace by dicts what a file should not hold, also within containers."""
    if isinstance(value, PLAIN):  # first, for to rule out all other kinds takes long
        return value
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and IS not in value:
            return {key: plain(item) for key, item in value.items()}
        return {IS: "dict", "items": [(plain(key), plain(item)) for key, item in value.items()]}
    if isinstance(value, pd.Timestamp):
        return {IS: "stamp", **_number(value), "zone": _zone(value.tz)}
    if isinstance(value, pd.Timedelta):
        return {IS: "distance", **_number(value)}
    if isinstance(value, tzinfo):
        return {IS: "zone", "name": _zone(value)}
    if isinstance(value, pd.offsets.BaseOffset):
        return {IS: "frequency", **_frequency(value)}
    if isinstance(value, pd.Index):
        return {IS: "index", "values": plain(list(value)), "names": list(value.names)}
    if sparse.issparse(value):
        A = value.tocsr()
        return {IS: "sparse", "data": A.data, "indices": A.indices, "indptr": A.indptr, "shape": A.shape}
    if not isinstance(value, type) and (hasattr(value, "_fields") or is_dataclass(value)):
        return {name: plain(item) for name, item in fields(value).items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return value


def revived(value):
    """Invert ``plain``; arrays as the kernels were compiled for: joblib hands workers read-only memory."""
    if isinstance(value, np.ndarray):
        return np.require(value, requirements=["C", "A", "W"]) if value.dtype != object else value
    if isinstance(value, dict):
        content = {key: revived(item) for key, item in value.items()}
        return made(content) if IS in content else content
    if isinstance(value, (list, tuple)):
        return type(value)(map(revived, value))
    return value


class InFiles:
    """An estimator whose state is plain in files."""

    def __getstate__(self):
        return state_to_keep(self, super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(state_kept(self, state))


def state_to_keep(estimator, state):
    """Return an estimator's state as a file holds it: parameters unchanged, fitted values plain."""
    parameters = estimator._get_param_names()
    kept_state = {name: value if name in parameters else plain(value) for name, value in state.items()}
    return {**kept_state, "_tsrnn_version": __version__}


def state_kept(estimator, state):
    """Restore the state that ``state_to_keep`` was given; warn if another version wrote it."""
    state = dict(state)
    version = state.pop("_tsrnn_version", "an earlier version")
    if version != __version__:
        warn(
            f"This {type(estimator).__name__} was saved by tsrnn {version} but is read by {__version__}: it may fail "
            "or forecast differently. Fit it again, or install the version that saved it."
        )
    return {name: revived(value) for name, value in state.items()}


def _zone(tz):
    """Return a time zone's name, where that is enough to restore it."""
    if tz is None:
        return None
    try:
        pd.Timestamp(0, tz=str(tz))
    except (KeyError, ValueError):
        return tz
    return str(tz)


def _frequency(freq):
    """Return the arguments of a pandas offset: its name where that suffices, else holidays, hours, months too."""
    with suppress(ValueError):
        if pd.tseries.frequencies.to_offset(freq.freqstr) == freq:
            return {"word": freq.freqstr}
    options = {}
    for name, value in freq.kwds.items():
        if name == "calendar":  # NumPy's, made of the others
            continue
        if name == "holidays":
            value = list(map(str, value))
        elif name in ("start", "end"):
            value = [time.isoformat() for time in value]
        elif isinstance(value, timedelta):
            value = plain(pd.Timedelta(value))
        options[name] = value
    return {"word": type(freq).__name__, "n": freq.n, "normalize": freq.normalize, "options": options}


def _number(time):
    """Return a stamp or a distance as an int and its unit."""
    return {"number": int(time.asm8.astype(np.int64)), "unit": time.unit}


@kept("dict")
def _dict(items):
    """Make a dict with keys of any kind."""
    return dict(items)


@kept("stamp")
def _stamp(number, unit, zone):
    """Make a Timestamp."""
    stamp = pd.Timestamp(np.datetime64(number, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


@kept("distance")
def _distance(number, unit):
    """Make a Timedelta."""
    return pd.Timedelta(np.timedelta64(number, unit))


@kept("frequency")
def _offset(word, n=None, normalize=False, options=None):
    """Make a pandas offset."""
    if n is None:
        return pd.tseries.frequencies.to_offset(word)
    if word not in vars(pd.offsets):
        raise ValueError(
            f"The file has a frequency {word!r}, which pandas does not have: install the version that wrote it."
        )
    options = {
        name: value.to_pytimedelta() if isinstance(value, pd.Timedelta) else value
        for name, value in options.items()
    }
    for name in ("start", "end"):
        if name in options:
            options[name] = [clock.fromisoformat(text) for text in options[name]]
    return getattr(pd.offsets, word)(n, normalize, **options)


@kept("zone")
def _tz(name):
    """Make a time zone."""
    return pd.DatetimeIndex([], tz=name).tz


@kept("index")
def _index(values, names):
    """Make an Index of names."""
    if len(names) > 1:
        return pd.MultiIndex.from_tuples(values, names=names)
    return pd.Index(values, name=names[0])


@kept("sparse")
def _sparse(data, indices, indptr, shape):
    """Make a sparse matrix."""
    return sparse.csr_array((data, indices, indptr), shape=shape)
