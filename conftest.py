"""Doctests of public classes run in the files that define them, though they say ``__module__ = "tsrnn"``."""

import doctest
from types import FunctionType

import tsrnn  # noqa: F401 - whole, before pytest imports its modules one by one


FROM_MODULE = doctest.DocTestFinder._from_module


def is_defined_in(module, thing):
    """Whether a class has a method of the module; anything else is doctest's own question."""
    if isinstance(thing, type) and thing.__module__.startswith("tsrnn"):
        methods = (m for m in vars(thing).values() if isinstance(m, FunctionType))
        return any(m.__globals__ is vars(module) for m in methods)
    return FROM_MODULE(doctest.DocTestFinder(), module, thing)


doctest.DocTestFinder._from_module = lambda self, module, thing: is_defined_in(module, thing)
