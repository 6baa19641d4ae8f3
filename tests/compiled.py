"""Kernels that call one part of kernels each, for tests that call parts from Python."""

import inspect

from numba import config, njit


def callable_from_python(part):
    """Compile a kernel that does nothing but call a part."""
    if config.DISABLE_JIT:
        return part
    names = ", ".join(inspect.signature(part.py_func).parameters)
    return njit(error_model="numpy")(eval(f"lambda {names}: part({names})", {"part": part}))
