"""After the whole run: no kernel was compiled twice, which costs seconds and a cache entry each.

But for each precision, and with options of cells and without: then they are None, and code for them is left out.
What Python and pytest do beside the tests is kept small, too.
"""

import gc
import sys

import pytest
from numba.core import types
from numba.core.dispatcher import Dispatcher


def kernels():
    """Every compiled function of the modules of tsrnn that are imported, by module and name."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == "tsrnn":
            for value in vars(module).values():
                if isinstance(value, Dispatcher) and value.py_func.__module__ == name:
                    yield f"{name}.{value.py_func.__name__}", value


def kind(signature):
    """The float types of a signature's arrays or, where it has none, of its numbers; and whether options are None."""
    arrays = {t.dtype for t in signature if isinstance(t, types.Array)}
    precision = frozenset(t for t in arrays or signature if isinstance(t, types.Float))
    return precision, types.none in signature


def compiled_twice():
    """Lines that name the kernels with more than one signature of a kind."""
    lines = []
    for name, kernel in kernels():
        seen = {}
        for signature in kernel.signatures:
            seen.setdefault(kind(signature), []).append(signature)
        for signatures in seen.values():
            if len(signatures) > 1:
                lines += [f"{name} was compiled {len(signatures)} times:", *map("    {}".format, signatures)]
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Fail where a file of tests cannot be imported: doctests pass over modules whose libraries are not installed."""
    report = yield
    of_tests = collector.path.parent.name == "tests"
    if report.skipped and of_tests and "unable to import" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"Run {collector.path.name} with python to see what it cannot import."
    return report


def pytest_collection_finish():
    """Look for garbage seldom, and not among modules and tests, which stay: a million objects are gone through."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item):
    """Show a failure that is expected as Python does: for its own format pytest parses each file of the traceback."""
    if item.get_closest_marker("xfail"):
        item.repr_failure = lambda excinfo: excinfo.getrepr(style="native")


def pytest_sessionfinish(session):
    if compiled_twice() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    found = compiled_twice()
    count = sum(1 for _ in kernels())
    terminalreporter.section("kernels")
    for line in found or [f"{count} kernels, each compiled once a precision, with options and without"]:
        terminalreporter.line(line)
