"""The one decorator of every compiled kernel.

Single-threaded, without the GIL, division as NumPy does it, and cached on disk.  Never ``fastmath``: it
removes NaN guards, and lets a result depend on the machine.  Numba's disk cache does not see these options:
an edit of them leaves old machine code in use wherever a kernel's own file stays the same.
"""

import logging
import warnings
from functools import cache

from numba import njit


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
        return njit(cache=True, **OPTIONS, **options)(function)
    except RuntimeError:  # numba raises it on decoration, that is when tsrnn is imported
        _warn_of_no_cache()
        return njit(**OPTIONS, **options)(function)


def part(function):
    """Part of a kernel: a function that only kernels of its own file call, so it needs no door to Python."""
    return kernel(function, no_cpython_wrapper=True)


@cache  # once a process, not once a kernel
def _warn_of_no_cache():
    message = (
        "tsrnn finds no folder to keep its compiled code in, so each process spends seconds on compiling; "
        "set NUMBA_CACHE_DIR to a folder you may write to"
    )
    try:
        warnings.warn(message, CacheWarning, stacklevel=4)  # the line that imports the kernels' module
    except CacheWarning:  # under "-W error" an import must still succeed
        logging.getLogger("tsrnn").warning(message)
