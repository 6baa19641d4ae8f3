"""How kernels are compiled: each line of machine code once.

numba compiles what a kernel calls twice: by itself, to machine code that only Python could call, and again within each
kernel that it is linked into; and it optimises every function by itself before it optimises all of them together.
Here parts are linked only, and functions are optimised together only, which saves a third of the time of a first fit.
Garbage is not looked for meanwhile: numba makes hundreds of thousands of objects, nearly all of which stay, and to go
through them again and again takes a tenth of that time.

These are inner classes of numba.  One that lacks what is used of them compiles as it always did: ``LINKS`` is False.
"""

import gc
from contextlib import contextmanager

from numba.core import codegen, compiler


JITCodeLibrary = getattr(codegen, "JITCodeLibrary", object)
Compiler = getattr(compiler, "Compiler", object)
USED = (
    "_ensure_finalized", "_get_module_for_linking", "_optimize_functions", "_raise_if_finalized", "codegen",
    "enable_object_caching", "finalize", "get_pointer_to_function",
)  # fmt: skip
LINKS = all(hasattr(JITCodeLibrary, name) for name in USED) and hasattr(Compiler, "compile_extra")


@contextmanager
def garbage_later():
    """Put garbage collection off until the end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Library(JITCodeLibrary):
    """The code of a kernel and of what it calls: optimised once, when all of it is there."""

    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout


class _NoEnvironment:
    """A code generator for what has no place in memory: numba would write the address of its globals there."""

    def __init__(self, of):
        self.of = of

    def set_env(self, name, environment):
        """Do nothing: kernels raise nothing that needs an environment."""

    def __getattr__(self, name):
        return getattr(self.of, name)


class _PartLibrary(_Library):
    """The code of a part: linked with what it calls, for others to link, and not made into machine code."""

    @property
    def codegen(self):
        return _NoEnvironment(self._codegen)

    def finalize(self):
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            if hasattr(library, "_reload_init"):  # of numba 0.62 and later
                self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0


class KernelCompiler(Compiler):
    """Compile a function that Python calls."""

    library = _Library

    def compile_extra(self, func):
        """Compile a function into a library of the class's own kind."""
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        with garbage_later():
            return super().compile_extra(func)


class PartCompiler(KernelCompiler):
    """Compile a function that kernels call."""

    library = _PartLibrary
