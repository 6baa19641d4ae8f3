"""The decorators of all compiled kernels.

Single-threaded, without the GIL, with NumPy's division, cached on disk.  Never ``fastmath``: it removes NaN guards and
makes results depend on the machine.  Numba's disk cache ignores these options: after an edit of them, old machine code
stays in use until the kernel's own file changes.
"""

import logging
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from functools import cache, partial
from uuid import uuid4

from numba import config, njit

from tsrnn._warn import warn

from .linking import LINKS, KernelCompiler, PartCompiler, garbage_later


OPTIONS = {
    "error_model": "numpy",
    "nogil": True,
    "no_cfunc_wrapper": True,  # saves a tenth of the compilation
}
PART = {**OPTIONS, "no_cpython_wrapper": True}
if LINKS:
    OPTIONS, PART = {**OPTIONS, "pipeline_class": KernelCompiler}, {**PART, "pipeline_class": PartCompiler}


class CacheWarning(UserWarning):
    """Compiled code cannot be cached on disk: each process compiles again."""


def kernel(function):
    """Compile a function with numba, cached on disk if a folder is writable."""
    try:
        return _forgiving(_keep_apart(njit(cache=True, **OPTIONS)(function)))
    except RuntimeError:  # numba raises it on decoration, that is when tsrnn is imported
        _warn_of_no_cache()
        return njit(**OPTIONS)(function)


def _keep_apart(dispatcher):
    """Give each file of machine code a unique name.

    numba numbers a kernel's files.  If two processes that see an empty cache compile for different types, the index of
    one names the file of the other, for good.  A numba without these attributes is left as it is.
    """
    files = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    before, number, after = getattr(files, "_data_name_pattern", "").partition("{number:d}")
    if number:
        files._data_name = lambda number: f"{before}{uuid4().hex[:16]}{after}"
    return dispatcher


def _forgiving(dispatcher):
    """Recompile if a cache file is truncated or garbage, and continue if none can be written.

    A power cut or a full disk leaves such files, and numba would raise in every later fit.
    """
    disk_cache = getattr(dispatcher, "_cache", None)
    if not all(hasattr(disk_cache, name) for name in ("load_overload", "save_overload", "flush")):
        return dispatcher
    load, save = disk_cache.load_overload, disk_cache.save_overload

    def load_overload(signature, target):
        _load_all_of_numba(target)
        try:
            ready = load(signature, target)
        except Exception as error:  # whatever unpickling garbage raises
            _warn_of_damage(type(error).__name__)
            ready = None
        if ready is None:
            _say_what_takes_seconds()
        return ready

    def save_overload(*args):
        try:
            save(*args)
        except OSError:
            _warn_of_no_cache()
        except Exception:  # the index itself is damaged
            with suppress(OSError):
                disk_cache.flush()
                save(*args)

    disk_cache.load_overload, disk_cache.save_overload = load_overload, save_overload
    return dispatcher


@cache  # once a process
def _load_all_of_numba(target):
    """Import what numba needs to load or compile a first kernel: cut short, those modules never load again."""
    with _undisturbed(), garbage_later():
        target.refresh()


@contextmanager
def _undisturbed():
    """Put off an interrupt (Ctrl-C) until the end."""
    handler, came = signal.getsignal(signal.SIGINT), []
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        handler(*came[-1])


def part(function):
    """Compile a part of kernels: only they can call it, and their files on disk hold it."""
    dispatcher = njit(**PART)(function)
    if LINKS and not config.DISABLE_JIT:
        # There is no machine code that Python could call, whatever the types.
        dispatcher._insert = lambda *_: None
        dispatcher._compile_for_args = partial(_refuse, function.__name__)
    return dispatcher


def _refuse(name, *_, **__):
    raise TypeError(f"{name} is a part of kernels: call it from compiled code")


@cache  # once a process, not once a kernel
def _say_what_takes_seconds():
    """Tell the logger; loudly where somebody sits before it and waits."""
    waits = hasattr(sys, "ps1") or sys.stderr.isatty()
    logging.getLogger("tsrnn").log(
        logging.WARNING if waits else logging.INFO,
        "tsrnn compiles kernels that this installation has not used before: some seconds a model, once. "
        "python -m tsrnn.warmup compiles all of them ahead of time.",
    )


@cache
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
