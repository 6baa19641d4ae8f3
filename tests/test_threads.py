"""Verbs that read beside verbs that write, in other threads: each answer is that of one state of the model."""

import copy
import pickle
import sys
import threading
from itertools import cycle

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn._estimators.sequence import Sequence
from tsrnn.export import to_c
from tsrnn.model_selection import backtest


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of gaps, of rows that are few
QUICK = {"max_iter": 2, "random_state": 0}
N, OLD, LATER = 400, slice(0, 100), slice(340, 384)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 2)), np.zeros(N)
for t in range(1, N):
    Y[t] = 0.8 * Y[t - 1] + X[t, 0] + 0.1 * RNG.normal()
LABELS = np.where(Y > 0, "up", "down")
STACKED = pd.MultiIndex.from_product([["a", "b"], range(200)], names=["series", "row"])
PANEL = pd.DataFrame(X, STACKED, columns=["u", "v"]), pd.Series(Y, STACKED, name="y")

MODELS = {
    "NARX": tsrnn.NARXRegressor((3,), **QUICK),
    "GRU": tsrnn.GRURegressor((4,), output_lags=1, solver="adam", **QUICK),
    "ESN": tsrnn.ESNRegressor(15, input_scaling=1.0, output_lags=1, random_state=0),
    "classifier": tsrnn.GRUClassifier((3,), **QUICK),
    "Forecaster": tsrnn.Forecaster(tsrnn.ARXRegressor(random_state=0), 3, strategy="direct"),
    "pipeline": make_pipeline(StandardScaler(), tsrnn.ARXRegressor(random_state=0)),
    "panel": tsrnn.ARXRegressor(output_lags=3, random_state=0),
    "AutoForecaster": tsrnn.AutoForecaster(horizon=3, random_state=0),
}
READERS = {
    "predict": lambda m, X, y, ahead: m.predict(X),
    "score": lambda m, X, y, ahead: m.score(X, y),
    "forecast": lambda m, X, y, ahead: tsrnn.forecast(m, 3, ahead),
    "conformal": lambda m, X, y, ahead: tsrnn.forecast(m, 3, ahead, level=[80, 95]),
    "bootstrap": lambda m, X, y, ahead: tsrnn.forecast(m, 3, ahead, level=80, method="bootstrap", n_paths=9),
    "paths": lambda m, X, y, ahead: tsrnn.sample_paths(m, 3, ahead, n_paths=9),
    "ahead": lambda m, X, y, ahead: tsrnn.predict_ahead(m, X, y, steps=2),
    "trajectories": lambda m, X, y, ahead: m.trajectories(X, y, 3, level=80),
    "backtest": lambda m, X, y, ahead: backtest(m, X, y, 3, 5, level=80).errors,
    "diagnose": lambda m, X, y, ahead: (d := tsrnn.diagnose(m, X, y, horizons=[1])).errors.assign(fit=d.fit),
    "probabilities": lambda m, X, y, ahead: m.predict_proba(X),
    "their logarithms": lambda m, X, y, ahead: m.predict_log_proba(X),
    "log loss": lambda m, X, y, ahead: m.log_loss(X, y),
    "perplexity": lambda m, X, y, ahead: m.perplexity(X, y),
    "decisions": lambda m, X, y, ahead: m.decision_function(X),
    "states": lambda m, X, y, ahead: m.states(X, y),
    "states of a list": lambda m, X, y, ahead: m.states([X, X]),
    "eigenvalues": lambda m, X, y, ahead: m.eigenvalues(),
    "capacity": lambda m, X, y, ahead: m.memory_capacity(5, random_state=0),
    "exponent": lambda m, X, y, ahead: m.lyapunov_exponent(X, y),
    "gradients": lambda m, X, y, ahead: m.gradient_flow(X, y, steps=5),
    "stream": lambda m, X, y, ahead: (lambda stream: [stream.step(x) for x in X[:3]])(tsrnn.Stream(m)),
    "C": lambda m, X, y, ahead: to_c(m),
    "pickle": lambda m, X, y, ahead: pickle.loads(pickle.dumps(m)).predict(X),
    "copy": lambda m, X, y, ahead: copy.deepcopy(m).predict_ahead(X, y),
    "repr": lambda m, X, y, ahead: repr(m),
    "parameters": lambda m, X, y, ahead: sorted(map(repr, m.get_params().items())),
    "theta": lambda m, X, y, ahead: m.theta_,
    "memory": lambda m, X, y, ahead: m.state_[:2],
}
WRITERS = {
    "partial_fit": lambda m, new: tsrnn.partial_fit(m, *new(100, 104)),
    "update": lambda m, new: tsrnn.update(m, *new(100, 104)),
    "calibrate": lambda m, new: tsrnn.calibrate(m, *new(20, 90)),
    "fit": lambda m, new: m.fit(*new(5, 100)),
    "set_params": lambda m, new: tsrnn.inside(m)[0].set_params(start="cold"),
}


def rows_of(name):
    """A function from rows to X and y."""
    if name == "panel":

        def rows(first, last):
            row = PANEL[0].index.get_level_values("row")
            return [v[(row >= first) & (row < last)] for v in PANEL]

        return rows
    y = LABELS if name == "classifier" else Y
    return lambda first, last: (X[first:last], y[first:last])


def plain(answer):
    """The bytes of an answer."""
    if isinstance(answer, (pd.DataFrame, pd.Series)):
        answer = answer.to_numpy(float)
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (tuple, list)):
        return b"".join(map(plain, answer))
    return answer.tobytes() if isinstance(answer, np.ndarray) else repr(answer).encode()


def answered(read, model, given):
    """The bytes of what a model answers, which may be a refusal."""
    try:
        return plain(read(model, *given))
    except ValueError as error:
        return str(error).encode()


def fitted(name):
    """A fitted model, its rows, and what of ``READERS`` it has, with what that is given."""
    rows = rows_of(name)
    model = copy.deepcopy(MODELS[name]).fit(*rows(0, 100))
    given = *(rows(140, 184) if name == "panel" else rows(340, 384)), X[100:103]
    if name == "panel":
        given = *given[:2], rows(100, 103)[0]
    has = {}
    for reader, read in READERS.items():
        try:
            plain(read(model, *given))
        except (AttributeError, TypeError, ValueError):
            continue
        has[reader] = lambda m, read=read: answered(read, m, given)
    assert len(has) > 6
    return model, rows, has


def writers(model, rows):
    """What of ``WRITERS`` a model has."""
    for name, write in WRITERS.items():
        try:
            write(copy.deepcopy(model), rows)
        except (AttributeError, TypeError, ValueError):
            continue
        yield name, lambda m, write=write: write(m, rows)


@pytest.mark.parametrize("name", ["GRU", "ESN", "pipeline", "panel"])
def test_a_writer_between_any_two_looks_of_a_reader(name, monkeypatch):
    """It runs whole after the first, second ... time that a reader looks at the model: the answer is of one state."""
    model, rows, readers = fitted(name)
    looks = {verb: getattr(Sequence, verb) for verb in ("_fitted", "_trained", "_check_rows")}
    state = {"left": 0, "write": None}

    def look(verb):
        def looked(self, *args, **kwargs):
            answer = looks[verb](self, *args, **kwargs)
            state["left"] -= 1
            if state["left"] == 0:
                state["write"]()
            return answer

        return looked

    for verb in looks:
        monkeypatch.setattr(Sequence, verb, look(verb))
    for writer in ("partial_fit", "fit"):  # which change all that the others do
        if name == "pipeline" and writer == "fit":  # scikit-learn's own, one step after the other
            continue
        write, after = WRITERS[writer], copy.deepcopy(model)
        write(after, rows)
        for reader, read in readers.items():
            right = {read(model), read(after)}
            for nth in (1, 2, 3):
                live = copy.deepcopy(model)
                state |= {"left": nth, "write": lambda live=live, write=write: write(live, rows)}
                assert read(live) in right, (writer, reader, nth)
                state["left"] = 0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_all_readers_beside_all_writers(name):
    before = sys.getswitchinterval()
    model, rows, readers = fitted(name)
    for writer, _ in writers(model, rows):
        if name == "pipeline" and writer == "fit":
            continue
        states = [copy.deepcopy(model)]
        for k in range(1 if writer in ("fit", "calibrate", "set_params") else 3):
            states.append(copy.deepcopy(states[-1]))
            write_next = (lambda first, last, k=k: rows(first + 4 * k, last + 4 * k)) if k else rows
            WRITERS[writer](states[-1], write_next)
        right = {reader: {read(state) for state in states} for reader, read in readers.items()}
        live, stop, torn, turns, lock = (
            copy.deepcopy(model),
            threading.Event(),
            set(),
            cycle(readers),
            threading.Lock(),
        )

        def read_on(readers=readers, right=right, live=live, stop=stop, torn=torn, turns=turns, lock=lock):
            while not stop.is_set():
                with lock:
                    reader = next(turns)
                if readers[reader](live) not in right[reader]:
                    torn.add(reader)

        threads = [threading.Thread(target=read_on) for _ in range(3)]
        sys.setswitchinterval(1e-5)
        try:
            for thread in threads:
                thread.start()
            for k in range(len(states) - 1):
                WRITERS[writer](live, lambda first, last, k=k: rows(first + 4 * k, last + 4 * k))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(before)
        assert not torn, (writer, torn)


def test_a_parameter_set_meanwhile_stays(monkeypatch):
    """A verb that learns takes over what it has learnt, and no parameter that it has only copied."""
    model, check = tsrnn.ARXRegressor().fit(X[OLD], Y[OLD]), Sequence._check_rows

    def meanwhile(self, *args):
        model.set_params(start="cold")
        return check(self, *args)

    monkeypatch.setattr(Sequence, "_check_rows", meanwhile)
    model.update(X[100:104], Y[100:104])
    assert model.start == "cold"
    assert model.series_[None].n == 104
