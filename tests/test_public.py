"""What each public class brings without being listed anywhere: its module, example, kernels, name in files."""

import doctest
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from typing import NamedTuple

import pytest
from numba import config

import tsrnn
from tsrnn import _values
from tsrnn._estimators.persist import plain
from tsrnn.warmup.__main__ import main


CLASSES = {name: thing for name in tsrnn.__all__ if isinstance(thing := getattr(tsrnn, name), type)}


def modules():
    """The package and all its modules, but the one that needs an extra."""
    yield tsrnn
    for info in pkgutil.walk_packages(tsrnn.__path__, "tsrnn."):
        if info.name != "tsrnn.sktime" and not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def test_public_classes_say_so():
    """So ``repr``, help and files name no place inside the package."""
    assert len(CLASSES) > 15
    assert {thing.__module__ for thing in CLASSES.values()} == {"tsrnn"}
    for name in tsrnn.preprocessing.__all__:
        assert getattr(tsrnn.preprocessing, name).__module__ == "tsrnn.preprocessing"


def test_examples_of_public_classes_run():
    """Each is found once, by the finder that pytest's doctests use."""
    finder, found = doctest.DocTestFinder(exclude_empty=True), {}
    for module in modules():
        for test in finder.find(module, module.__name__):
            if test.examples:
                found.setdefault(test.name.rpartition(".")[2], []).append(module.__name__)
    for name, thing in CLASSES.items():
        if ">>>" in (thing.__doc__ or ""):
            assert found.get(name) == ["tsrnn"], (name, found.get(name))
    assert {"Log", "Power", "Logit", "Difference", "gradient_flow", "memory_capacity"} <= found.keys()


def test_every_model_brings_an_example():
    assert all(">>>" in thing.__doc__ for thing in CLASSES.values())


KERNELS = """
import json, sys, tsrnn
from numba.core.dispatcher import Dispatcher
tsrnn.warmup()
print(json.dumps([
    f"{name}.{key}"
    for name, module in sorted(sys.modules.items()) if name.startswith("tsrnn") and not name.endswith(("_v1", "_v2"))
    for key, kernel in vars(module).items()
    if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == name and not kernel.signatures
    and not kernel.targetoptions.get("no_cpython_wrapper")
]))
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")
@pytest.mark.slow  # a process that compiles
def test_warmup_compiles_every_kernel():
    """But those of losses that a user chooses."""
    done = run("-c", KERNELS)
    assert done.returncode == 0, done.stderr
    assert {name.rpartition("_")[2] for name in json.loads(done.stdout)} == {"errors"}


def test_warmup_as_a_command(capsys):
    done = run("-m", "tsrnn.warmup", "ARXRegressor", "MinGRURegressor")
    assert done.returncode == 0, done.stderr
    assert "MinGRURegressor" in done.stderr + done.stdout
    with pytest.raises(SystemExit, match="2"):
        main(["Ridge"])
    assert "Ridge: no model of tsrnn" in capsys.readouterr().err


def test_warmup_takes_models():
    for wrong in (tsrnn.Adam, tsrnn.ARXRegressor(), "arx"):
        with pytest.raises(ValueError, match="is no model of tsrnn: give classes such as LSTMRegressor"):
            tsrnn.warmup(wrong)
    assert tsrnn.warmup(tsrnn.PersistenceRegressor) is None  # which has no kernel


def test_a_word_in_files_stands_for_one_thing():
    with pytest.raises(ValueError, match=r"'memory' already stands for .*give .* another word"):
        _values.kept("memory")(test_warmup_takes_models)
    assert _values.KINDS["memory"].__name__ == "Memory"
    for word, kind in _values.KINDS.items():
        assert kind.kept_as == word
        inspect.signature(kind)


def test_a_value_without_a_word_is_found_when_it_is_written():
    class Forgotten(NamedTuple):
        x: int

    Forgotten.__module__ = "tsrnn._somewhere"
    with pytest.raises(TypeError, match=r"Forgotten.* has no name in files: decorate it with @kept"):
        plain([Forgotten(1)])
