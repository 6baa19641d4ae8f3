"""The memory of this machine: arrays that do not fit are refused before they are made, with what to change.

Linux promises memory that it does not have, and kills the process that writes there: no error could be caught.
"""

import os
from contextlib import suppress
from math import inf, prod
from pathlib import Path


try:
    import resource
except ImportError:  # Windows, which promises only what it has
    resource = None

SMALL = 2**28  # bytes, up to which an array is taken to fit
GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
SIZES = (  # parameters with which what is learnt grows
    "context",
    "horizon",
    "input_lags",
    "output_lags",
    "error_lags",
    "layer_lags",
    "hidden_layer_sizes",
    "n_units",
    "sequence_length",
    "batch_size",
    "n_restarts",
)


class TooLarge(MemoryError):
    """An array does not fit in memory; the message says what to change."""


def check_memory(name, shape, cure):
    """Raise unless an array of a shape, in double precision, fits in memory.   name, cure : for the message."""
    needed = 8 * prod(shape)
    if needed > SMALL and needed > (limit := memory()):
        numbers = " x ".join(f"{n:,}" for n in shape)
        raise TooLarge(
            f"{name}: {numbers} numbers take {needed / 1e9:,.3g} GB of memory, and {limit / 1e9:,.3g} GB are all there "
            f"is. Give {cure}."
        )


def check_parameters(net):
    """Raise unless a net, if it says its size, fits in memory with what a solver keeps of each parameter."""
    if hasattr(net, "size"):
        cure = "smaller hidden_layer_sizes, fewer lags or fewer inputs"
        check_memory("The parameters, their gradient and what a solver keeps", (4, int(net.size)), cure)


def memory():
    """Return the bytes of memory that this process may have: of the machine, or of the limits it is under."""
    limits = [inf]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits.append(soft if soft >= 0 else inf)
    with suppress(OSError, ValueError):  # there is none, or it says "max"
        limits.append(int(GROUP_LIMIT.read_text()))
    return min(limits)


def with_advice(error, estimator, verb):
    """Return the ``MemoryError`` of a verb, with the parameters with which memory grows in its message."""
    if isinstance(error, TooLarge):
        return error
    sizes = [f"{k}={v!r}" for k, v in estimator.get_params(deep=False).items() if k in SIZES]
    return TooLarge(
        f"{type(estimator).__name__}.{verb} ran out of memory ({str(error).rstrip('.') or 'no more is said'}). What it "
        f"takes grows with rows, columns{''.join(', ' + size for size in sizes)}: give less of the largest."
    )
