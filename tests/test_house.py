"""The house: who may import whom, what is public, whose line a warning names, and readers beside writers."""

import ast
import copy
import io
import pickle
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import joblib
import numpy as np
import pandas as pd
import pytest
from public import PUBLIC as KINDS
from public import small
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn._estimators import persist
from tsrnn._kernels import jit
from tsrnn._nets.delay_loss import WindowLoss
from tsrnn.model_selection import backtest
from tsrnn.preprocessing import CalendarFeatures


PACKAGE = Path(tsrnn.__file__).parent


# ---------------------------------------------------------------------------------------- imports


ORDER = [  # what stands in a line may import what stands in those above it
    {"_version", "_check", "_memory_limit", "_warn", "_declared", "_documented", "_values"},
    {"_kernels"},
    {"_series"},
    {"_training"},
    {"_nets"},
    {"_estimators"},
    {"_models"},
    {"_auto"},
    {
        "datasets",
        "diagnostics",
        "export",
        "metrics",
        "model_selection",
        "plotting",
        "preprocessing",
        "sktime",
        "warmup",
    },
    {"tsrnn"},
]
OF_THE_WHOLE = {"export", "sktime"}  # they go through the public names, when they are called
BY_NAME = {"tsrnn"}  # where a string may name a module
RANK = {wing: rank for rank, wings in enumerate(ORDER) for wing in wings}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def wing(module):
    """The folder, or the file, directly under the package."""
    return module.split(".")[1] if "." in module else module


@cache
def statements(module):
    """All statements and calls of a file, those inside functions too."""
    kinds = ast.Import, ast.ImportFrom, ast.Call
    return [
        node for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))) if isinstance(node, kinds)
    ]


def imported(module, node):
    """Modules of the package that a statement of another imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        package = module.split(".")[: None if MODULES[module].name == "__init__.py" else -1]
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
        names = [f"{base}.{alias.name}" for alias in node.names]
        names = [name if name in MODULES else base for name in names]
    else:
        names = []
    return {name for name in names if name in MODULES} - {module}


IMPORTS = {
    module: set().union(*(imported(module, node) for node in statements(module))) for module in MODULES
}


def allowed(module, other):
    a, b = wing(module), wing(other)
    beside = RANK[a] == RANK[b] and (a == b or a[0] != "_" or RANK[a] == 0)
    return beside or RANK[b] < RANK[a] or (b == "tsrnn" and a in OF_THE_WHOLE)


def test_imports_run_down_the_list():
    assert {wing(module) for module in MODULES} <= set(RANK), "a file without a place in the list"
    assert "tsrnn._kernels.jit" in IMPORTS["tsrnn._nets.delay_kernels"], "the walk sees them"
    wrong = [
        f"{m} imports {other}" for m, others in IMPORTS.items() for other in others if not allowed(m, other)
    ]
    assert not wrong, "\n".join(sorted(wrong))


def test_imports_run_in_no_circle():
    TopologicalSorter({module: others - {"tsrnn"} for module, others in IMPORTS.items()}).prepare()


def test_no_string_names_a_module():
    for module in MODULES:
        calls = [ast.unparse(node.func) for node in statements(module) if isinstance(node, ast.Call)]
        by_name = {call.rpartition(".")[2] for call in calls} & {"import_module", "__import__", "find_spec"}
        assert not by_name or module in BY_NAME, module


# of each cell, as its file says; writers of two languages; and what a race, or a net's training, has of its own
SHARED_NAMES = {"Parameters", "_Writer", "Attempt", "Block", "Fitted", "Made", "Net", "Stretch"}


def test_a_class_name_names_one_thing():
    """So that a search for it ends in one file."""
    names = Counter(
        name
        for path in MODULES.values()
        for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), re.M)
    )
    assert {name for name, times in names.items() if times > 1} <= SHARED_NAMES


TOP = {"CHANGELOG.md", "LICENSE", "README.md", "datasets", "examples", "pyproject.toml", "tests", "tsrnn"}


@pytest.mark.skipif(not (shutil.which("git") and (PACKAGE.parent / ".git").exists()), reason="no checkout")
def test_what_lies_at_the_top():
    """So that who opens the repository sees what it is; names with a dot are for tools."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    top = {path.partition("/")[0] for path in listed.stdout.split("\n") if path}
    assert {name for name in top if not name.startswith(".")} == TOP


# ---------------------------------------------------------------------------------------- what is public


def test_what_is_public():
    """Classes, functions and modules; not what the package imports for itself."""
    modules = ORDER[-2] - {"warmup"}  # before which a function of that name stands
    modules -= set() if find_spec("sktime") else {"sktime"}  # which help() would import
    assert dir(tsrnn) == sorted([*tsrnn.__all__, *modules, "__version__"])
    assert len(tsrnn.__all__) == len({*tsrnn.__all__}) > 30
    for name in tsrnn.__all__:
        thing = getattr(tsrnn, name)
        assert not name.startswith("_")
        assert callable(thing)
        assert thing.__name__ == name
    for name in modules:
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tsrnn.nothing  # noqa: B018


# ---------------------------------------------------------------------------------------- whose line is named


def series(n, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.6 * y[t - 1] + X[t, 0] + 0.2 * rng.normal()
    return X, y


X, y = series(140)
HOURS = pd.date_range("2024-01-01", periods=len(y), freq="h")
FRAME, TARGET = pd.DataFrame(X, HOURS, columns=["u", "v"]), pd.Series(y, HOURS)
OLD, NEW, LATER = slice(0, 80), slice(80, 100), slice(85, 100)  # LATER leaves a gap after OLD
AUTO = tsrnn.AutoForecaster(2, candidates=[], random_state=0)
ARX, BOUNDED = tsrnn.ARXRegressor(), tsrnn.ARXRegressor(target_bounds=(-0.1, 0.1))
DIVERGES = tsrnn.NARXRegressor((2,), solver=tsrnn.SGD(1e30), training="open_loop", max_iter=3, random_state=0)
SINGULAR = tsrnn.ESNRegressor(20, alpha=0.0, spectral_radius=0.0, bias_scaling=0.0, input_scaling=0.0)
MONTHS = [*range(202001, 202013), 202101, 202102]
CV = TimeSeriesSplit(2, test_size=10, gap=3)


def piped(model):
    """In a pipeline whose transformer keeps the stamps."""
    return make_pipeline(StandardScaler().set_output(transform="pandas"), clone(model))


def fitted(model=ARX, rows=OLD):
    return clone(model).fit(FRAME[rows], TARGET[rows])


def irregular():
    stamps = HOURS[0] + pd.to_timedelta(np.random.default_rng(0).integers(1, 9, len(y)).cumsum(), unit="min")
    clone(ARX).fit(FRAME.set_axis(stamps), TARGET.set_axis(stamps))


def damaged():
    jit._warn_of_damage.cache_clear()
    jit._warn_of_damage("EOFError")


def one_row_again():
    model = clone(ARX).fit(X[OLD], y[OLD])
    for _ in range(2):
        model.predict(X[80:81])


def read_by_another(write, read, model=None):
    text = write(model or fitted())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(persist, "__version__", "99.0")
        read(text)


def alone():
    """An AutoForecaster of y alone."""
    return clone(AUTO).fit(None, TARGET[OLD])


def with_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def overflowing():
    model = fitted(tsrnn.TDNNRegressor((2,), max_iter=1, random_state=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            WindowLoss, "gauss_newton", lambda self, theta: (np.inf, np.inf, np.full((2, 2), np.inf))
        )
        model.partial_fit(FRAME[NEW], TARGET[NEW])


def by_heart(ask):
    ask(fitted(tsrnn.ESNRegressor(150, alpha=1e-8, output_lags=1, random_state=0)))


def many_weights():
    with patch("tsrnn._training.online.LONG", 1.0):
        fitted(tsrnn.TDNNRegressor((2,), solver=tsrnn.KalmanFilter(), max_iter=1, random_state=0))


def naive():
    weekly = np.resize([5.0, 1, 1, 1, 1, 1, 1], 210) + 0.01 * np.random.default_rng(0).normal(size=210)
    clone(ARX).set_params(output_lags=2, target_transform=None).fit(
        None, pd.Series(weekly, pd.date_range("2024-01-01", periods=210))
    )


class Labelled:
    """An array with coordinates, as xarray has them."""

    def __init__(self, values):
        self.values, self.shape, self.ndim, self.dtype = values, values.shape, values.ndim, values.dtype
        self.coords, self.to_pandas = {"time": HOURS}, None

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def fitted_to_lasting_labels():
    """A net that copies its own last label, of labels that last and have nothing to do with X."""
    rng = np.random.default_rng(0)
    lasting = np.repeat(rng.random(30) < 0.5, 30)
    return tsrnn.NARXClassifier(random_state=0).fit(rng.normal(size=(900, 1)), lasting)


WARN = {  # calls that warn, each of them for one reason
    "a fit that diverges": lambda: fitted(DIVERGES),
    "a fit that ends at max_iter": lambda: fitted(tsrnn.TDNNRegressor((2,), max_iter=1, random_state=0)),
    "in a pipeline": lambda: piped(DIVERGES).fit(FRAME[OLD], TARGET[OLD]),
    "in a search": lambda: GridSearchCV(DIVERGES, {"alpha": [0.0]}, cv=CV).fit(X[OLD], y[OLD]),
    "in cross-validation of a pipeline": lambda: cross_val_score(piped(DIVERGES), FRAME, TARGET, cv=CV),
    "a Kalman filter of many weights": many_weights,
    "all horizons of a forecaster": lambda: fitted(tsrnn.Forecaster(DIVERGES, 2, strategy="direct")),
    "in a backtest": lambda: backtest(fitted(DIVERGES), FRAME[NEW], TARGET[NEW], 2, refit=10),
    "a reservoir without a penalty": lambda: fitted(SINGULAR),
    "values outside the bounds": lambda: fitted(BOUNDED),
    "later values that are not believed": lambda: fitted().update(
        FRAME[NEW], TARGET[NEW].where(np.arange(20) != 10, -999.0)
    ),
    "values that are not believed": lambda: clone(ARX).fit(
        FRAME, TARGET.where(np.arange(len(y)) % 97 != 60, -999.0)
    ),
    "outside the bounds, in cross-validation": lambda: cross_val_predict(BOUNDED, X, y, cv=KFold(2)),
    "an irregular index": irregular,
    "nights without rows": lambda: clone(ARX).fit(FRAME[HOURS.hour < 6], TARGET[HOURS.hour < 6]),
    "an index of words": lambda: clone(ARX).fit(FRAME.set_axis([f"row {k}" for k in range(len(y))]), y),
    "an index of words in cross-validation": lambda: cross_val_score(
        ARX, FRAME.set_axis([f"row {k}" for k in range(len(y))]), y, cv=CV
    ),
    "coordinates that are no index": lambda: clone(ARX).fit(Labelled(X), y),
    "an index of coded dates": lambda: clone(ARX).fit(FRAME[:14].set_axis(MONTHS), y[:14]),
    "indexes of two kinds": lambda: clone(ARX).fit(FRAME, TARGET.set_axis(np.arange(5, 5 + len(y)))),
    "integers beside 0, 1, 2 ...": lambda: clone(ARX).fit(
        pd.DataFrame(X, np.arange(1, 1 + len(y))), pd.Series(y)
    ),
    "an index of another kind than in training": lambda: fitted().predict(
        FRAME[NEW].set_axis(np.arange(5, 5 + len(FRAME[NEW])))
    ),
    "stamps for series": lambda: clone(ARX).fit(
        *(v[:60].set_axis(pd.MultiIndex.from_product([HOURS[:3], range(20)])) for v in (FRAME, TARGET))
    ),
    "a model that loses to a naive one": naive,
    "a history shorter than the lags": lambda: fitted().predict(
        FRAME[NEW], start=(FRAME[78:80], TARGET[78:80])
    ),
    "series of one row": lambda: tsrnn.ESNClassifier(5).fit(X[:20, None], [0, 1] * 10),
    "columns that are not used": lambda: clone(ARX).fit(
        np.random.default_rng(0).normal(size=(len(y), 9)).cumsum(axis=0), y.cumsum()
    ),
    "y among the inputs": lambda: clone(ARX).fit(FRAME.assign(y=TARGET), TARGET),
    "labels of one row each": lambda: tsrnn.ESNClassifier(5).fit(X[:20], np.arange(20)),
    "two texts": lambda: tsrnn.ESNClassifier(5).fit(
        X[:2], ["one text after another", "and one more text again"]
    ),
    "outputs as rows": lambda: clone(ARX).fit(None, X.T),
    "a calendar of one place": lambda: CalendarFeatures(["hour"]).fit(FRAME),
    "labels as a column": lambda: tsrnn.ESNClassifier(5).fit(X, (y > 0)[:, None]),
    "numbers that were read as words": lambda: tsrnn.GRURegressor((2,), max_iter=1).fit(
        pd.DataFrame({"a": [f"{k},5" for k in range(len(y))]}), y
    ),
    "boolean y": lambda: clone(ARX).fit(X, y > 0),
    "boolean y in a pipeline": lambda: piped(ARX).fit(FRAME, TARGET > 0),
    "a damaged cache": damaged,
    "a gap before predict": lambda: fitted().predict(FRAME[LATER]),
    "a gap before predict_ahead": lambda: fitted().predict_ahead(FRAME[LATER], TARGET[LATER], steps=2),
    "a gap before trajectories": lambda: fitted().trajectories(FRAME[LATER], TARGET[LATER], 2),
    "a gap before update": lambda: fitted().update(FRAME[LATER], TARGET[LATER]),
    "a gap before partial_fit": lambda: fitted().partial_fit(FRAME[LATER], TARGET[LATER]),
    "a gap before score": lambda: fitted().score(FRAME[LATER], TARGET[LATER]),
    "a gap before predict of a pipeline": lambda: (
        piped(ARX).fit(FRAME[OLD], TARGET[OLD]).predict(FRAME[LATER])
    ),
    "a gap before tsrnn.update": lambda: tsrnn.update(
        piped(ARX).fit(FRAME[OLD], TARGET[OLD]), FRAME[LATER], TARGET[LATER]
    ),
    "a gap in cross-validation": lambda: cross_val_score(ARX, FRAME, TARGET, cv=CV),
    "a gap before a diagnosis": lambda: tsrnn.diagnose(fitted(), FRAME[85:], TARGET[85:], horizons=[1]),
    "inputs in other units": lambda: fitted().predict(100 + FRAME[NEW]),
    "a long gap": lambda: fitted().predict(FRAME[95:]),
    "a gap in a history": lambda: fitted().predict(
        FRAME[NEW], start=(FRAME[OLD].drop(HOURS[70]), TARGET[OLD].drop(HOURS[70]))
    ),
    "a forecast that runs away": lambda: fitted().forecast(3, 1e9 + FRAME[NEW]),
    "predict that runs away": lambda: fitted().predict(1e9 + FRAME[NEW]),
    "update that runs away": lambda: fitted().update(1e9 + FRAME[NEW]),
    "one row again and again": one_row_again,
    "few rows for intervals": lambda: fitted(rows=slice(0, 36)).forecast(2, FRAME[36:38], level=80),
    "few rows for tsrnn.forecast": lambda: tsrnn.forecast(
        piped(ARX).fit(FRAME[:36], TARGET[:36]), 2, FRAME[36:38], level=80
    ),
    "few rows for sample paths": lambda: fitted(rows=slice(0, 36)).sample_paths(2, FRAME[36:38]),
    "errors of two hours": lambda: (
        tsrnn.ARXRegressor((), 1)
        .fit(None, TARGET[:60].set_axis(pd.MultiIndex.from_product([range(12), HOURS[:5]])))
        .forecast(1, level=50)
    ),
    "intervals of errors learnt by heart": lambda: by_heart(lambda m: m.forecast(2, FRAME[NEW], level=20)),
    "calibration on rows that were learnt": lambda: clone(ARX).fit(X, y).calibrate(X, y),
    "learnt by heart, of trajectories": lambda: by_heart(
        lambda m: m.trajectories(FRAME[NEW], TARGET[NEW], 2, level=20)
    ),
    "a backtest of training rows": lambda: backtest(fitted(), FRAME[60:], TARGET[60:], 2, start="cold"),
    "a file of another version": lambda: read_by_another(pickle.dumps, pickle.loads),
    "a file of joblib": lambda: read_by_another(with_joblib, lambda text: joblib.load(io.BytesIO(text))),
    "rows that are too far": overflowing,
    "hardly any rows for a race": lambda: clone(AUTO).fit(None, y[:2]),
    "a race that nothing wins": lambda: clone(AUTO).fit(
        None, np.random.default_rng(2).normal(size=90).cumsum()
    ),
    "a race of which an output knows little": lambda: clone(AUTO).fit(
        None, np.column_stack([y, np.where(np.arange(len(y)) == len(y) - 3, y, np.nan)])
    ),
    "labels that frequencies tell better": lambda: fitted_to_lasting_labels(),
    "a race against the clock": lambda: (
        clone(AUTO).set_params(candidates=[LinearRegression()], time_budget=1e-9).fit(None, TARGET[OLD])
    ),
    "a gap after a race": lambda: alone().update(None, TARGET[LATER]),
    "a long gap after a race": lambda: alone().predict_ahead(None, TARGET[NEW].shift(2000, "h")),
    "few rows for the intervals of a race": lambda: alone().forecast(2, level=99.9),
    "a file of a race of another version": lambda: read_by_another(pickle.dumps, pickle.loads, alone()),
}


@cache
def caught(name):
    """What a call warns of: pairs of a message and the file that is named."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        WARN[name]()
    return [(str(w.message), w.filename) for w in given]


@pytest.mark.parametrize("name", WARN)
def test_a_warning_names_the_users_line(name):
    assert {file for _, file in caught(name)} == {__file__}


def longest_text(call):
    """The longest constant text in the first argument of a call."""
    texts = [str(node.value) for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    return max(texts, key=len, default=None)


def test_every_warning_is_given_above():
    messages = [message for name in WARN for message, _ in caught(name)]
    calls = [
        (module, node) for module in MODULES for node in statements(module) if isinstance(node, ast.Call)
    ]
    found = {
        f"{module}, line {call.lineno}": longest_text(call)
        for module, call in calls
        if ast.unparse(call.func) == "warn" and module != "tsrnn._kernels.jit"  # see test_cache.py
    }
    assert len(found) >= 12
    assert None not in found.values()
    assert not [where for where, text in found.items() if not any(text in message for message in messages)]


def test_no_warning_but_by_the_helper():
    """Those of no cache are given while the package is imported, where the user's line is that of the import."""
    for module in set(MODULES) - {"tsrnn._warn", "tsrnn._kernels.jit"}:
        for node in statements(module):
            assert not (isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"), module


# ---------------------------------------------------------------------------------------- attributes


FITTED = [*map(small, KINDS), tsrnn.Forecaster(tsrnn.ARXRegressor(), 2)]


@pytest.mark.parametrize("model", FITTED, ids=lambda model: type(model).__name__)
def test_attributes_that_are_documented(model):
    """They are there after a fit to one series of a frame, and before it the message says what to call."""
    section = type(model).__doc__.partition("Attributes\n")[2].partition("\n\n")[0]
    names = [
        name
        for line in re.findall(r"^ *(\w+_(?:, \w+_)*) : ", section, re.MULTILINE)
        for name in line.split(", ")
    ]
    assert {"theta_", "x_scaler_", "series_", "feature_names_in_"} <= set(names)
    before, after = clone(model), fitted(model)
    for name in names:
        assert not hasattr(before, name), name
        assert hasattr(after, name), name


# ---------------------------------------------------------------------------------------- readers beside writers


LONG_X, LONG_Y = series(420, 1)
READERS = {
    "forecast": lambda m: m.forecast(3, LONG_X[:3], level=50),
    "sample_paths": lambda m: m.sample_paths(3, LONG_X[:3], n_paths=3),
    "predict": lambda m: m.predict(LONG_X[:5]),
    "predict_ahead": lambda m: m.predict_ahead(LONG_X[:9], LONG_Y[:9], steps=2),
    "trajectories": lambda m: m.trajectories(LONG_X[:20], LONG_Y[:20], 2, level=50),
    "score": lambda m: m.score(LONG_X[:9], LONG_Y[:9]),
    "diagnose": lambda m: tsrnn.diagnose(m, LONG_X[:50], LONG_Y[:50], horizons=[1]).residuals,
}
WRITERS = [
    ("update", slice(240, 250)),
    ("partial_fit", slice(250, 270)),
    ("calibrate", slice(270, 370)),
    ("update", slice(270, 290)),
    ("partial_fit", slice(290, 310)),
    ("fit", slice(0, 220)),
    ("calibrate", slice(300, 400)),
    ("partial_fit", slice(220, 240)),
]


def write(model, verb, rows):
    getattr(model, verb)(LONG_X[rows], LONG_Y[rows])


@pytest.fixture
def restless():
    """Threads take turns all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_reader_beside_a_fit_to_other_columns(restless):
    """It is refused, or answered by a model of as many columns as it gave."""
    live, answers = clone(ARX).fit(LONG_X[:, :1], LONG_Y), []
    right = {F: clone(ARX).fit(LONG_X[:, :F], LONG_Y).predict(LONG_X[:9, :F]).tobytes() for F in (1, 2)}
    done = threading.Event()

    def reading(F):
        while not done.is_set():
            try:
                answers.append(live.predict(LONG_X[:9, :F]).tobytes() == right[F])
            except ValueError as error:
                answers.append(f"X has {F} features" in str(error))

    threads = [threading.Thread(target=reading, args=(F,)) for F in (1, 2)]
    for thread in threads:
        thread.start()
    for F in (2, 1) * 8:
        live.fit(LONG_X[:, :F], LONG_Y)
    done.set()
    for thread in threads:
        thread.join()
    assert len(answers) > 100
    assert all(answers)


@pytest.mark.parametrize(
    "model",
    [
        tsrnn.ARXRegressor(random_state=0),
        tsrnn.ESNRegressor(12, output_lags=1, alpha=1.0, washout=2, random_state=0),
        tsrnn.Forecaster(tsrnn.ARXRegressor(random_state=0), 3, strategy="recursive", known_ahead="all"),
    ],
    ids=["ARX", "ESN", "Forecaster"],
)
def test_a_reader_sees_one_state(model, restless):
    """Each answer is that of the model before a verb or after it, never of some of both."""
    live = clone(model).fit(LONG_X[:240], LONG_Y[:240])
    alone, right = copy.deepcopy(live), {name: set() for name in READERS}
    for verb, rows in [(None, None), *WRITERS]:
        if verb:
            write(alone, verb, rows)
        for name, read in READERS.items():
            right[name].add(pickle.dumps(read(alone)))
    done, seen = threading.Event(), []

    def reading(name, read):
        while not done.is_set():
            seen.append((name, pickle.dumps(read(live)) in right[name]))

    threads = [threading.Thread(target=reading, args=pair) for pair in READERS.items()]
    for thread in threads:
        thread.start()
    for verb, rows in WRITERS:
        n = len(seen)
        write(live, verb, rows)
        while len(seen) < n + 5:  # some answers of this state
            done.wait(0.001)
    done.set()
    for thread in threads:
        thread.join()
    torn = {name for name, fine in seen if not fine}
    assert not torn, f"{sorted(torn)} of {len(seen)} answers are of no state"
    assert {name for name, _ in seen} == set(READERS)
