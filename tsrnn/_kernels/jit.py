"""The one decorator of every compiled kernel.

Single-threaded, without the GIL, division as NumPy does it, and cached on disk.  Never ``fastmath``: it
removes NaN guards, and lets a result depend on the machine.  Numba's disk cache does not see these options:
an edit of them leaves old machine code in use wherever a kernel's own file stays the same.
"""

import logging
from contextlib import suppress
from functools import cache
from uuid import uuid4

from numba import njit

from tsrnn._warn import warn


OPTIONS = {
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,  # a tenth less to compile
}


class CacheWarning(UserWarning):
    """Compiled code cannot be kept on disk: each process compiles anew."""


def kernel(function, **options):
    """Compile a function for numba, with the disk cache where there is a place to write one."""
    try:
        return _forgiving(_keep_apart(njit(cache=True, **OPTIONS, **options)(function)))
    except RuntimeError:  # numba raises it on decoration, that is when tsrnn is imported
        _warn_of_no_cache()
        return njit(**OPTIONS, **options)(function)


def _keep_apart(dispatcher):
    """Give each file of machine code a name of its own.

    numba numbers a kernel's files.  When two processes that see an empty cache compile for different types, the one's
    code ends up in the file which the other's index names, for good.  Where numba has no such attributes, it is left
    as it is.
    """
    files = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    before, number, after = getattr(files, "_data_name_pattern", "").partition("{number:d}")
    if number:
        files._data_name = lambda number: f"{before}{uuid4().hex[:16]}{after}"
    return dispatcher


def _forgiving(dispatcher):
    """Compile where a file of the cache is cut off or garbage, and go on where none can be written.

    A power cut or a full disk leaves such files; numba would raise in each fit from then on.
    """
    kept = getattr(dispatcher, "_cache", None)
    if not all(hasattr(kept, name) for name in ("load_overload", "save_overload", "flush")):
        return dispatcher
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*args):
        try:
            return load(*args)
        except Exception as error:  # whatever unpickling garbage raises
            _warn_of_damage(type(error).__name__)
            return None

    def save_overload(*args):
        try:
            save(*args)
        except OSError:
            _warn_of_no_cache()
        except Exception:  # the index itself is damaged
            with suppress(OSError):
                kept.flush()
                save(*args)

    kept.load_overload, kept.save_overload = load_overload, save_overload
    return dispatcher


def part(function):
    """Part of a kernel: a function that only kernels of its own file call, so it needs no door to Python."""
    return kernel(function, no_cpython_wrapper=True)


@cache  # once a process, not once a kernel
def _warn_of_damage(error):
    warn(
        f"A file of tsrnn's compiled code is damaged ({error}): it is compiled anew and replaced.",
        CacheWarning,
    )


@cache
def _warn_of_no_cache():
    message = (
        "tsrnn finds no folder to keep its compiled code in, so each process spends seconds on compiling; "
        "set NUMBA_CACHE_DIR to a folder you may write to"
    )
    try:
        warn(message, CacheWarning)
    except CacheWarning:  # under "-W error" an import must still succeed
        logging.getLogger("tsrnn").warning(message)
