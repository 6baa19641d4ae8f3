"""numba's cache on disk: where there is none, where two processes fill one, and where a file is edited in place."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from numba import config

import tsrnn
from tsrnn._kernels import jit


pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")

PACKAGE = Path(tsrnn.__file__).parent
JIT = "_kernels/jit.py", "_kernels/linking.py", "_warn.py"
FIT = """
import hashlib
import numpy as np
from tsrnn._nets.recurrent_kernels import feed, feed_back
y = np.zeros(9)
feed(np.ones((2, 3, 1)), np.ones((2, 3, 1), bool), np.arange(3), y, 0, 2)
x = np.zeros((2, 3, 1))
feed_back(np.arange(9.0), np.ones((2, 3, 1), bool), np.arange(3), x, 0, 2)
print(y.sum(), hashlib.sha256(x.tobytes()).hexdigest())
"""


def start(code, cache, package=PACKAGE, **environment):
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": str(package.parent),
        **environment,
    }
    if cache is None:
        del environment["NUMBA_CACHE_DIR"]
    command = [sys.executable, "-c", code]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=package.parent,
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.split(), err


def run(*args, **kw):
    return finish(start(*args, **kw))


def copied(tmp_path, *names):
    """The package, or some files of it, somewhere else."""
    package = tmp_path / "site" / "tsrnn"
    if not names:
        return Path(shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__")))
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in names:
        shutil.copy(PACKAGE / name, package)
    return package


def files(cache):
    """When each file was written."""
    return {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}


@pytest.mark.slow  # three processes, two of which compile
def test_two_processes_fill_an_empty_cache_at_once(tmp_path):
    """And a third one, which finds it full, compiles nothing."""
    two = [start(FIT, tmp_path / "cache") for _ in range(2)]
    (one, _), (other, _) = map(finish, two)
    assert one == other
    before = files(tmp_path / "cache")
    assert len({path.name.rpartition("-")[0] for path in before}) == 2
    assert run(FIT, tmp_path / "cache")[0] == one
    assert files(tmp_path / "cache") == before


RACE = """
import numpy as np
from tsrnn._kernels.jit import kernel
from tsrnn._nets.recurrent_kernels import feed

one, other, third = (kernel(feed.py_func) for _ in range(3))

def call(kernel, dtype):
    y = np.zeros(9, dtype)
    kernel(np.full((2, 3, 1), 0.1, dtype), np.ones((2, 3, 1), bool), np.arange(3), y, 0, 2)
    return y

def meanwhile(*args):
    call(other, np.float64)
    save(*args)

save = one._cache._cache_file._save_data
one._cache._cache_file._save_data = meanwhile
other._cache._cache_file._load_index = dict  # it has looked before anything was there
call(one, np.float32)
np.testing.assert_array_equal(call(third, np.float64), call(feed.py_func, np.float64))
print(sum(third.stats.cache_hits.values()))
"""


def test_two_precisions_compiled_at_once_stay_apart(tmp_path):
    """As numba numbers its files, one process's code for float32 would stand where the index says float64."""
    assert run(RACE, tmp_path / "cache")[0] == ["1"]


def read_only(folder):
    """Nobody may write there: root, whom modes do not stop, is stopped by a file in the place of the folder."""
    for place in [
        folder,
        *(path for path in folder.rglob("*") if path.is_dir() and path.name != "__pycache__"),
    ]:
        cache = place / "__pycache__"
        shutil.rmtree(cache, ignore_errors=True)
        cache.touch()
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)


QUIET = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import tsrnn
    import tsrnn._nets.recurrent_kernels
print(len([w for w in caught if "NUMBA_CACHE_DIR" in str(w.message)]))
"""


@pytest.mark.slow  # compiles in two processes
def test_a_read_only_installation_without_a_home(tmp_path):
    package = copied(tmp_path)
    read_only(package)
    nowhere = tmp_path / "file"
    nowhere.touch()
    places = {
        "HOME": str(nowhere / "home"),
        "XDG_CACHE_HOME": str(nowhere / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    out, err = run(QUIET + FIT, None, package, **places)
    assert out[0] == "1", err
    assert out[1:] == run(FIT, tmp_path / "cache")[0]
    assert set(tmp_path.rglob("*.nb?")) == set(files(tmp_path / "cache"))


CALL = """
import numpy as np
from tsrnn._losses_alone import squared_errors
dout = np.zeros((1, 1, 1))
print(squared_errors(np.full((1, 1, 1), 3.0), np.zeros(1), np.ones(1), np.zeros(1, np.int64), dout))
"""


def with_one_kernel(tmp_path):
    """A package with squared_errors alone, its file and its text."""
    package = copied(tmp_path, *JIT)
    text = (PACKAGE / "_training" / "loss_kernels.py").read_text()
    begin, end = text.index("@kernel\ndef squared_errors"), text.index("@kernel\ndef absolute_errors")
    kernel, file = "from .jit import kernel\n\n\n" + text[begin:end], package / "_losses_alone.py"
    file.write_text(kernel)
    return package, file, kernel


def test_an_upgrade_in_place_leaves_no_old_code(tmp_path):
    package, file, kernel = with_one_kernel(tmp_path)
    assert run(CALL, tmp_path / "cache", package)[0] == ["4.5"]
    file.write_text(kernel.replace("0.5 * total", "0.25 * total"))
    assert run(CALL, tmp_path / "cache", package)[0] == ["2.25"]


@pytest.mark.slow  # processes that compile
def test_damaged_files_are_compiled_anew(tmp_path):
    package, _, _ = with_one_kernel(tmp_path)
    run(CALL, tmp_path / "cache", package)
    for kind, damage in (("nbi", b""), ("nbi", b"garbage" * 99), ("nbc", b""), ("nbc", None)):
        for file in (tmp_path / "cache").rglob(f"*.{kind}"):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2] if damage is None else damage)
        out, err = run(CALL, tmp_path / "cache", package)
        assert out == ["4.5"]
        assert err.count("is damaged") == 1
    assert run(CALL, tmp_path / "cache", package) == (["4.5"], "")


@pytest.mark.slow  # as above
@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of files' sizes")
def test_a_full_disk_is_a_folder_that_cannot_be_written(tmp_path):
    package, _, _ = with_one_kernel(tmp_path)
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    out, err = run(full + CALL, tmp_path / "cache", package)
    assert out == ["4.5"]
    assert err.count("CacheWarning") == 1


def test_why_a_file_that_other_files_kernels_call_is_frozen(tmp_path):
    """numba looks at the calling file alone: an edit of the called one goes unseen, a new name does not."""
    package = copied(tmp_path, *JIT)
    head = "from .jit import kernel\n"
    code = "from tsrnn.caller import caller; print(caller(1.0))"
    called = f"{head}\n\n@kernel\ndef called(x):\n    return x + 1\n"
    caller = f"{head}from .called_v1 import called\n\n\n@kernel\ndef caller(x):\n    return called(x)\n"
    (package / "called_v1.py").write_text(called)
    (package / "caller.py").write_text(caller)
    assert run(code, tmp_path / "cache", package)[0] == ["2.0"]
    (package / "called_v1.py").write_text(called.replace("x + 1", "x + 2"))
    assert run(code, tmp_path / "cache", package)[0] == ["2.0"], (
        "numba has learnt to look: nothing need be frozen"
    )
    (package / "called_v2.py").write_text(called.replace("x + 1", "x + 2"))
    (package / "caller.py").write_text(caller.replace("called_v1", "called_v2"))
    assert run(code, tmp_path / "cache", package)[0] == ["3.0"]


def test_an_interrupt_waits_until_numba_is_whole(monkeypatch):
    """Modules of numba that an interrupt cut short cannot be imported again, and every later fit would raise."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)
    whole = []

    class Target:
        def refresh(self):
            os.kill(os.getpid(), signal.SIGINT)
            whole.append(True)

    with pytest.raises(KeyboardInterrupt):
        jit._load_all_of_numba.__wrapped__(Target())
    assert whole
