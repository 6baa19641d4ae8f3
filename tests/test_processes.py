"""Processes, threads, signals: the same bits wherever a fit runs, no hang after a fork, and Ctrl-C means now."""

import multiprocessing
import subprocess
import sys
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
from public import PUBLIC, is_first, short, small
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import ElmanRegressor
from tsrnn.datasets import make_narma


U, Y = make_narma(300, random_state=0)
GRIDS = {"loss": ["squared", "huber"], "alpha": [0.01, 1.0]}  # searched over, where a model has the parameter
MODELS = {short(kind): small(kind) for kind in PUBLIC if is_first(kind, PUBLIC)}


def searched(name, n_jobs=None):
    """The bits of a search: all scores, and forecasts of the winner."""
    model = MODELS[name]
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {key: values for key, values in GRIDS.items() if key in model.get_params()}
    grid = {f"{type(model).__name__.lower()}__{key}": values for key, values in list(grid.items())[:1]}
    found = GridSearchCV(pipeline, grid, cv=TimeSeriesSplit(2), n_jobs=n_jobs, error_score="raise").fit(U, Y)
    scores = [found.cv_results_[f"split{k}_test_score"] for k in range(2)]
    return np.concatenate([*scores, found.predict(U)]).tobytes()


def threaded():
    """The bits of a fit with two threads."""
    model = ElmanRegressor((4,), max_iter=2, batch_size=40, sequence_length=5, n_jobs=2, random_state=0)
    return model.fit(U, Y).predict(U).tobytes()


def of_all():
    return [searched(name) for name in MODELS] + [threaded()]


@pytest.fixture(scope="module")
def here():
    """What they are in this process."""
    return of_all()


@contextmanager
def loky():
    with joblib.parallel_config("loky", n_jobs=2):
        yield


@contextmanager
def threading():
    with joblib.parallel_config("threading", n_jobs=2):
        yield


@contextmanager
def dask():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        yield


@contextmanager
def ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        register_ray()
        with joblib.parallel_config("ray", n_jobs=2):
            yield
    finally:
        ray.shutdown()


@pytest.mark.parametrize(
    "backend",
    [
        loky,
        threading,
        # what the frameworks themselves warn of is not ours to mend
        pytest.param(dask, marks=pytest.mark.filterwarnings("ignore")),
        pytest.param(ray, marks=pytest.mark.filterwarnings("ignore")),
    ],
)
def test_a_search_gives_the_bits_of_a_serial_one(backend, here):
    with backend():
        for name, serial in zip(MODELS, here):
            assert searched(name, n_jobs=2) == serial, name


def put(queue):
    queue.put(of_all())


@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning"
)  # of the very thing that is tried, from Python 3.12 on
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_another_process_gives_the_same_bits(method, here):
    """Forked, too, after fits with threads in this process."""
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=put, args=(queue,))
    process.start()
    try:
        assert queue.get(timeout=100) == here
    finally:
        process.kill()
        process.join()


INTERRUPTED = """
import os, pickle, signal, threading, time
import numpy as np
from tsrnn import *
from tsrnn.datasets import make_narma

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us without
U, Y = make_narma(200, random_state=0)
long, y = np.tile(U, (1500, 1)), np.tile(Y, 1500)
endless = {"max_iter": 10**6, "tol": 0.0, "early_stopping": False, "warm_start": True, "random_state": 0}
MODELS = [
    TDNNRegressor((8,), solver="lbfgs", **endless),
    NARXRegressor((8,), solver="lm", training="open_loop", **endless),
    NARXRegressor((8,), solver="adam", **endless),
    NARXRegressor((2,), solver="evolution", **endless),
    ElmanRegressor((32,), solver="adam", **endless),
    LSTMRegressor((32,), solver="lbfgs", **endless),
    LSTMRegressor((32,), bidirectional=True, solver="adam", n_jobs=2, **endless),
    GRURegressor((32,), output_lags=1, training="closed_loop", batch_size=64, n_jobs=2, **endless),
    ESNRegressor(500, random_state=0),
    ESNRegressor(500, solver=RecursiveLeastSquares(), random_state=0),
    ESNRegressorCV(500, cv=3, random_state=0),
]
sent = 0.0

def interrupt():
    global sent
    sent = time.process_time()
    os.kill(os.getpid(), signal.SIGINT)

for model in MODELS:
    quick = {"max_iter": 1} if "max_iter" in model.get_params() else {}
    settings = model.get_params()
    model.set_params(**quick).fit(U, Y).set_params(**settings)
    before = pickle.dumps(vars(model))
    timer = threading.Timer(0.25, interrupt)
    timer.start()
    try:
        model.fit(long, y)
        raise AssertionError(f"not interrupted: {model}")
    except KeyboardInterrupt:
        took = time.process_time() - sent
        print(f"{took:.3f} s {type(model).__name__}")
    timer.join()
    assert pickle.dumps(vars(model)) == before, model
    assert threading.active_count() == 1, "threads of the pool are left"
"""


def test_ctrl_c_stops_a_fit_and_leaves_the_estimator_as_it_was():
    """A real signal, in a process of its own, to fits that would not end; how soon they do is printed, not judged."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not interrupted" not in done.stdout
    assert done.stdout.count(" s ") == 11, done.stdout
