"""Time order: what an estimator that leaks the future, or that a call changes, cannot pass.

scikit-learn's two order checks cannot hold where rows are time.  These hold instead, for every public model.
"""

import copy
import pickle

import numpy as np
import public
import pytest
from changed import give
from sklearn.base import clone

import tsrnn
from tsrnn._models import analogue, delay_learner
from tsrnn._models.recurrent import RecurrentRegressor
from tsrnn._nets import echo_state
from tsrnn._training.monitor import Monitor
from tsrnn.datasets import make_narendra


# they learn nothing from X
NAIVE = (
    tsrnn.ConstantRegressor,
    tsrnn.PersistenceRegressor,
    tsrnn.SeasonalNaiveRegressor,
)
PUBLIC = [kind for kind in public.PUBLIC if kind not in NAIVE]
QUICK = {"max_iter": 4, "random_state": 0}
SEEDED = {"random_state": 0}


def quick(model):
    """A public model with few iterations, if it has any, and a memory that 80 rows wipe out."""
    wanted = QUICK | {"r_max": 0.9}
    return model(**{name: value for name, value in wanted.items() if name in model().get_params()})


MODELS = {model.__name__: quick(model) for model in PUBLIC} | {
    "ESNRegressorCV": tsrnn.ESNRegressorCV(30, alphas=(1e-3, 1.0), cv=3, **SEEDED),
    "ESN, fed": tsrnn.ESNRegressor(30, output_lags=(1, 3), input_lags=1, leak_rate=0.7, alpha=1e-3, **SEEDED),
    "ESN, deep": tsrnn.ESNRegressor((20, 15), groups=2, readout_squares=True, noise=1e-3, **SEEDED),
    "ESN, dense": tsrnn.ESNRegressor(30, connectivity=1.0, readout_input=False, readout_bias=False, **SEEDED),
    "ESN, recursive": tsrnn.ESNRegressor(
        20, solver=tsrnn.RecursiveLeastSquares(0.999), topology="cycle", **SEEDED
    ),
    "NARX, inputs not known ahead": tsrnn.NARXRegressor(
        (4,), input_lags=range(1, 4), output_lags=(1, 2, 5), training="closed_loop", **QUICK
    ),
    "NARX, Adam, early stopping": tsrnn.NARXRegressor((4, 3), solver="adam", early_stopping=True, **QUICK),
    "NARX, restarts": tsrnn.NARXRegressor((3,), output_lags=(3, 7), n_restarts=2, **QUICK),
    "linear ARX": tsrnn.NARXRegressor((), solver="lbfgs", scale="robust", early_stopping=False, **QUICK),
    "TDNN, dilated": tsrnn.TDNNRegressor((4, 4, 4), input_lags=1, layer_lags=1, dilations=(1, 2, 4), **QUICK),
    "TDNN, no lags": tsrnn.TDNNRegressor((4,), input_lags=0, scale=None, **QUICK),
    "Elman, deep, fed": tsrnn.ElmanRegressor(
        (4, 3), input_lags=2, output_lags=(1, 3), layer_norm=True, **QUICK
    ),
    "LSTM, closed loop": tsrnn.LSTMRegressor(
        (4,),
        output_lags=1,
        training="closed_loop",
        peepholes=True,
        initial_state="learned",
        n_jobs=2,
        **QUICK,
    ),
    "GRU, sampled": tsrnn.GRURegressor(
        (4,), output_lags=2, training="scheduled_sampling", dropout=0.1, recurrent_dropout=0.1, **QUICK
    ),
    "LSTM, L-BFGS": tsrnn.LSTMRegressor((4, 3), solver="lbfgs", skip_connections=True, **QUICK),
}
X, y = make_narendra(400, random_state=0)
HISTORY = slice(0, 250)
NEW = slice(250, 330)
LATER = slice(330, 400)

every_model = pytest.mark.parametrize("name", MODELS)
to_rounding = {"rtol": 1e-12, "atol": 1e-12}


@pytest.fixture(scope="module")
def fitted():
    """Each model, fitted once, to arrays that are changed then; tests take a copy."""
    cache = {}

    def get(name):
        if name not in cache:
            own = X[HISTORY].copy(), y[HISTORY].copy()
            cache[name] = clone(MODELS[name]).fit(*own)
            for a in own:
                a[:] = 99
        return copy.deepcopy(cache[name])

    return get


def numbers(memory):
    """All numbers of a memory, flat."""
    rows, states = memory[:2], memory[2] if len(memory) > 2 else ()
    return np.concatenate([part.ravel() for part in (*rows, *states)])


def contents(model):
    """All a model is, as a file holds it."""
    return pickle.dumps(model)


def test_every_public_model_is_here():
    assert {type(model) for model in MODELS.values()} == set(PUBLIC)
    assert len(PUBLIC) >= 2


# ---------------------------------------------------------------------------------------- causal, prefix


@every_model
@pytest.mark.parametrize("start", ["auto", "cold", "zeros"])
def test_causal(name, start, fitted):
    model = fitted(name)
    whole = model.predict(X[NEW], start=start)
    for k in (1, 17, 79):
        other = X[NEW].copy()
        other[k:] += 10
        changed = model.predict(other, start=start)
        np.testing.assert_allclose(changed[:k], whole[:k], **to_rounding)
        assert not np.allclose(changed[k:], whole[k:]) or k == 79


@every_model
def test_prefix(name, fitted):
    model = fitted(name)
    whole = model.predict(X[NEW])
    for k in (1, 2, 30):
        np.testing.assert_allclose(model.predict(X[NEW][:k]), whole[:k], **to_rounding)


@every_model
@pytest.mark.parametrize("steps", [1, 3, 12])
def test_predict_ahead_is_causal_and_a_prefix(name, steps, fitted):
    """Row t depends on x up to t and on y up to t - steps."""
    model = fitted(name)
    whole = model.predict_ahead(X[NEW], y[NEW], steps=steps)
    t = 40
    X_other, y_other = X[NEW].copy(), y[NEW].copy()
    X_other[t + 1 :] -= 10
    y_other[t - steps + 1 :] += 10
    changed = model.predict_ahead(X_other, y_other, steps=steps)
    np.testing.assert_allclose(changed[: t + 1], whole[: t + 1], **to_rounding)
    part = model.predict_ahead(X[NEW][: t + 1], y[NEW][: t + 1], steps=steps)
    np.testing.assert_allclose(part, whole[: t + 1], **to_rounding)


@pytest.mark.parametrize("steps", [1, 3, 12])
def test_predict_ahead_does_see_the_last_row_it_may(steps, fitted):
    model = fitted("NARXRegressor")
    whole = model.predict_ahead(X[NEW], y[NEW], steps=steps)
    other = y[NEW].copy()
    other[40 - steps] += 1
    changed = model.predict_ahead(X[NEW], other, steps=steps)
    assert np.array_equal(changed[:40], whole[:40])
    assert changed[40] != whole[40]


@every_model
@pytest.mark.parametrize("steps", [1, 4, 9])
def test_predict_ahead_is_update_then_forecast(name, steps, fitted):
    model = fitted(name)
    whole = model.predict_ahead(X[NEW], y[NEW], steps=steps)
    for t in (0, 1, steps - 1, steps, 23, 79):
        known = max(0, t - steps + 1)  # rows whose y is known
        at_t = copy.deepcopy(model)
        if known:
            at_t.update(X[NEW][:known], y[NEW][:known])
        forecast = at_t.forecast(t + 1 - known, X[NEW][known : t + 1])
        np.testing.assert_allclose(forecast[-1], whole[t], **to_rounding)


@every_model
def test_forecast_is_predict(name, fitted):
    model = fitted(name)
    np.testing.assert_allclose(model.forecast(80, X[NEW]), model.predict(X[NEW]), **to_rounding)


# ---------------------------------------------------------------------------------------- chunks


@every_model
@pytest.mark.parametrize("cuts", [(1,), (1, 2, 3), (40,), (7, 50, 79)])
def test_chunks_of_update(name, cuts, fitted):
    whole = fitted(name).update(X[NEW], y[NEW])
    pieces = fitted(name)
    for rows in np.split(np.arange(NEW.start, NEW.stop), cuts):
        pieces.update(X[rows], y[rows])
    np.testing.assert_allclose(numbers(pieces.state_), numbers(whole.state_), **to_rounding)
    np.testing.assert_allclose(pieces.predict(X[LATER]), whole.predict(X[LATER]), **to_rounding)
    np.testing.assert_allclose(pieces.forecast(9, X[LATER]), whole.forecast(9, X[LATER]), **to_rounding)
    ahead = [m.predict_ahead(X[LATER], y[LATER], steps=5) for m in (pieces, whole)]
    np.testing.assert_allclose(*ahead, **to_rounding)


@every_model
def test_chunks_of_a_free_run(name, fitted):
    """update without y lets the model run on, as predict does."""
    model = fitted(name)
    whole = model.predict(X[250:400])
    first = model.predict(X[NEW])
    model.update(X[NEW])
    np.testing.assert_allclose(first, whole[:80], **to_rounding)
    np.testing.assert_allclose(model.predict(X[LATER]), whole[80:], **to_rounding)


@every_model
def test_history_as_start_equals_update(name, fitted):
    """Enough history wipes out the memory it began with: that of lags at once, that of states by and by."""
    model = fitted(name)
    by_tuple = model.predict(X[LATER], start=(X[NEW], y[NEW]))
    close = (
        {"rtol": 0.02, "atol": 0.02}
        if isinstance(model, (RecurrentRegressor, tsrnn.ESNRegressor))
        else to_rounding
    )
    np.testing.assert_allclose(model.update(X[NEW], y[NEW]).predict(X[LATER]), by_tuple, **close)


# ---------------------------------------------------------------------------------------- pure


@every_model
def test_pure(name, fitted):
    model = fitted(name)
    before = contents(model)
    first = model.predict(X[NEW])
    calls = [
        lambda: model.predict(X[NEW]),
        lambda: model.predict(X[NEW], start="cold"),
        lambda: model.predict(X[NEW], start="zeros"),
        lambda: model.predict(X[NEW], start=(X[HISTORY], y[HISTORY])),
        lambda: model.predict(X[NEW], y=y[NEW], steps=3),
        lambda: model.predict_ahead(X[NEW], y[NEW], steps=7),
        lambda: model.forecast(5, X[NEW]),
        lambda: model.score(X[NEW], y[NEW]),
        lambda: tsrnn.forecast(model, 5, X[NEW]),
        lambda: model.params_,
    ]
    for call in calls:
        call()
        assert contents(model) == before
    assert np.array_equal(model.predict(X[NEW]), first)


@every_model
def test_a_call_that_fails_changes_nothing(name, fitted, monkeypatch):
    """Bad input, or Ctrl-C in the middle of learning: the model is what it was."""
    model = fitted(name)
    before = contents(model)
    bad = X[NEW].copy()
    bad[3] = np.nan
    for verb in (model.fit, model.partial_fit, model.update, model.predict_ahead):
        with pytest.raises(ValueError, match="NaN"):
            verb(bad, y[NEW])
        assert contents(model) == before
        with pytest.raises(ValueError, match="inconsistent"):
            verb(X[NEW], y[NEW][1:])
        assert contents(model) == before

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "__call__", interrupt)
    monkeypatch.setattr(delay_learner, "assimilate", interrupt)
    monkeypatch.setattr(delay_learner.WindowLoss, "gauss_newton", interrupt)
    monkeypatch.setattr(delay_learner.WindowLoss, "normal_equations", interrupt)
    monkeypatch.setattr(echo_state, "follow", interrupt)
    monkeypatch.setattr(analogue.AnalogueLearner, "_table", interrupt)
    for verb in (model.fit, model.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            verb(X[NEW], y[NEW])
        assert contents(model) == before


@every_model
def test_the_answer_does_not_share_memory_with_the_model(name, fitted):
    model = fitted(name)
    first = model.predict(X[NEW])
    kept = first.copy()
    first[:] = 99
    model.forecast(3, X[NEW])[:] = 99
    assert np.array_equal(model.predict(X[NEW]), kept)


@every_model
def test_the_input_is_not_kept(name, fitted):
    """Changing the arrays after update changes nothing; after fit neither, as any other test of them tells."""
    model, more = fitted(name), (X[NEW].copy(), y[NEW].copy())
    model.update(*more)
    kept = model.predict(X[LATER])
    for a in more:
        a[:] = 99
    assert np.array_equal(model.predict(X[LATER]), kept)


@every_model
def test_refit_forgets(name, fitted):
    fresh = clone(MODELS[name]).fit(X[NEW], y[NEW])
    again = fitted(name).update(X[NEW], y[NEW]).fit(X[NEW], y[NEW])
    assert np.array_equal(again.theta_, fresh.theta_)
    assert np.array_equal(again.predict(X[LATER]), fresh.predict(X[LATER]))
    assert contents(again) == contents(fresh)


@every_model
def test_update_does_not_learn(name, fitted):
    model = fitted(name)
    theta = model.theta_.copy()
    scalers = pickle.dumps((model.x_scaler_, model.y_scaler_))
    model.update(X[NEW], y[NEW])
    assert np.array_equal(model.theta_, theta)
    assert pickle.dumps((model.x_scaler_, model.y_scaler_)) == scalers


@every_model
def test_partial_fit_learns_and_advances(name, fitted):
    model, updated = fitted(name), fitted(name)
    theta = model.theta_.copy()
    model.partial_fit(X[NEW], y[NEW])
    assert not np.array_equal(model.theta_, theta)
    give(updated, theta=model.theta_)  # states are those of the new weights
    updated.update(X[NEW], y[NEW])
    np.testing.assert_allclose(numbers(updated.state_), numbers(model.state_), **to_rounding)


# ---------------------------------------------------------------------------------------- seeds, copies


@every_model
def test_same_seed_same_bits(name, fitted):
    first = fitted(name)
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    again = clone(MODELS[name]).fit(X[HISTORY], y[HISTORY])
    assert np.array_equal(again.theta_, first.theta_)
    assert again.loss_curve_ == first.loss_curve_
    assert np.array_equal(again.predict(X[NEW]), first.predict(X[NEW]))
    again.partial_fit(X[NEW], y[NEW])
    first.partial_fit(X[NEW], y[NEW])
    assert np.array_equal(again.theta_, first.theta_)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@every_model
def test_another_seed_other_bits(name, fitted):
    other = clone(MODELS[name]).set_params(random_state=1).fit(X[HISTORY], y[HISTORY])
    same = np.array_equal(other.theta_, fitted(name).theta_)
    assert same is False or name in ("linear ARX", "ARXRegressor", "AnalogueRegressor")


@every_model
def test_copies_predict_alike(name, fitted):
    model = fitted(name)
    ahead = model.predict_ahead(X[NEW], y[NEW], steps=3)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert np.array_equal(other.predict(X[NEW]), model.predict(X[NEW]))
        assert np.array_equal(other.predict_ahead(X[NEW], y[NEW], steps=3), ahead)
        other.update(X[NEW], y[NEW])
        other.partial_fit(X[LATER], y[LATER])
    assert np.array_equal(model.predict_ahead(X[NEW], y[NEW], steps=3), ahead)
    assert not hasattr(clone(model), "theta_")  # and learns the same: see above


@every_model
def test_threads_do_not_matter(name, fitted):
    """Fits side by side in threads give the bits of a fit alone."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(lambda _: clone(MODELS[name]).fit(X[HISTORY], y[HISTORY]), range(2)))
    for fit in fits:
        assert np.array_equal(fit.theta_, fitted(name).theta_)
