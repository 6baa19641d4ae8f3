"""Several series in one model: every container is the same, and nothing reaches from one series into another."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from public import others
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tsrnn
from tsrnn._series import timeline as timelines
from tsrnn.model_selection import PanelTimeSeriesSplit


QUICK = {"max_iter": 3, "random_state": 0}
MODELS = {
    "NARX": tsrnn.NARXRegressor((4,), early_stopping=False, **QUICK),
    "TDNN": tsrnn.TDNNRegressor((4,), input_lags=2, solver="adam", early_stopping=True, **QUICK),
    "Elman": tsrnn.ElmanRegressor((4,), input_lags=1, output_lags=2, **QUICK),
    "LSTM": tsrnn.LSTMRegressor((3,), **QUICK),
    "GRU": tsrnn.GRURegressor((3,), output_lags=1, solver="lbfgs", early_stopping=False, **QUICK),
    "ESN": tsrnn.ESNRegressor(20, output_lags=1, leak_rate=0.5, alpha=0.1, random_state=0),
    "ESNCV": tsrnn.ESNRegressorCV(20, alphas=(1e-3, 1.0), cv=3, random_state=0),
    "ARX": tsrnn.ARXRegressor(),
    "persistence": tsrnn.PersistenceRegressor(),
    "seasonal": tsrnn.SeasonalNaiveRegressor(3),
}
MODELS |= others(MODELS.values())
AUTOREGRESSIVE = {
    "NARX": clone(MODELS["NARX"]).set_params(input_lags=()),
    "Elman": clone(MODELS["Elman"]).set_params(input_lags=()),
    "ESN": clone(MODELS["ESN"]).set_params(input_lags=()),
    "ARX": tsrnn.ARXRegressor(input_lags=()),
    "seasonal": MODELS["seasonal"],
}
every_model = pytest.mark.parametrize("name", MODELS)
exact = {"rtol": 1e-12, "atol": 1e-12}
KEYS, ROWS, NEW = ("a", "b", "c"), (60, 45, 70), 12
TIME = pd.date_range("2024-01-01", periods=100, freq="h", name="time")


def made(n, seed):
    """A driven series of its own level."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), np.zeros(n)
    for t in range(1, n):
        y[t] = 0.6 * y[t - 1] + X[t, 0] - 0.5 * X[t - 1, 1] + 0.3 * seed
    return X, y


SERIES = {key: made(n + NEW, k) for k, (key, n) in enumerate(zip(KEYS, ROWS))}
OLD = {key: (X[:n], y[:n]) for (key, (X, y)), n in zip(SERIES.items(), ROWS)}
LATER = {key: (X[n:], y[n:]) for (key, (X, y)), n in zip(SERIES.items(), ROWS)}


def stacked(series, later=False, keys=None):
    """Frames with a MultiIndex (series, time) of a dict of pairs (X, y)."""
    frames, targets = {}, {}
    for key, (X, y) in series.items():
        first = ROWS[KEYS.index(key)] if later else 0
        time = TIME[first : first + len(X)]
        frames[key] = pd.DataFrame(X, time, columns=["u", "v"])
        targets[key] = pd.Series(y, time, name="level")
    names = ["series"] if keys is None else keys
    return pd.concat(frames, names=names), pd.concat(targets, names=names)


def by_time(X, y):
    """The same rows, stamp after stamp."""
    order = np.argsort(X.index.get_level_values(-1), kind="stable")
    return X.iloc[order], y.iloc[order]


def flat(series):
    """X, y and keys of rows, series after series."""
    groups = np.concatenate([[key] * len(y) for key, (_, y) in series.items()])
    return *(np.concatenate(v) for v in zip(*series.values())), groups


def of_key(out, index, key):
    return out[index.get_level_values(0) == key]


# Containers: (series, later) -> X, y, keywords of fit and predict, what gives the rows of the k-th key


def as_index(series, later):
    X, y = stacked(series, later)
    return X, y, {}, lambda out, key: of_key(out, X.index, key)


def as_index_of_X(series, later):
    X, y = stacked(series, later)
    return X, y.to_numpy(), {}, lambda out, key: of_key(out, X.index, key)


def as_three_levels(series, later):
    X, y = stacked(series, later)
    index = pd.MultiIndex.from_arrays(
        [["north"] * len(X), *(X.index.get_level_values(k) for k in range(2))], names=["park", "unit", "time"]
    )
    return X.set_axis(index), y.set_axis(index), {}, lambda out, key: of_key(out, X.index, key)


def as_index_by_time(series, later):
    X, y = by_time(*stacked(series, later))
    return X, y, {}, lambda out, key: of_key(out, X.index, key)


def as_column(series, later):
    X, y = stacked(series, later)
    X, y = X.reset_index("series"), y.reset_index("series", drop=True)
    return X[["u", "series", "v"]], y, {}, lambda out, key: out[X["series"] == key]


def as_groups(series, later):
    X, y, groups = flat(series)
    return X, y, {"groups": groups}, lambda out, key: out[groups == key]


def as_groups_of_frames(series, later):
    """Rows by time in frames with pandas' own index, 0, 1, 2 ..."""
    X, y = by_time(*stacked(series, later))
    groups = X.index.get_level_values(0).to_series().reset_index(drop=True)
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    return X, y, {"groups": groups}, lambda out, key: out[groups == key]


def as_list(series, later):
    Xs, ys = (list(v) for v in zip(*series.values()))
    return Xs, ys, {}, lambda out, key: out[list(series).index(key)]


def as_list_of_frames(series, later):
    X, y = stacked(series, later)
    Xs, ys = ([v.loc[key] for key in series] for v in (X, y))
    return Xs, ys, {}, lambda out, key: out[list(series).index(key)]


CONTAINERS = {
    name.removeprefix("as_"): container for name, container in globals().items() if name.startswith("as_")
}


def prepared(name, container):
    model = clone(MODELS[name])
    return model.set_params(series="series") if container == "column" else model


@pytest.fixture(scope="module")
def fitted():
    """Each model, fitted once to frames with a MultiIndex; tests take a copy."""
    X, y = stacked(OLD)
    return {name: clone(model).fit(X, y) for name, model in MODELS.items()}


# ---------------------------------------------------------------------------------------- containers


@pytest.mark.parametrize("name", ["NARX", "LSTM", "ESN", "seasonal"])
@pytest.mark.parametrize("container", [c for c in CONTAINERS if c != "index"])
def test_all_containers_give_the_same_model(fitted, name, container):
    here, wanted = CONTAINERS[container], fitted[name]
    X, y, kw, _ = here(OLD, False)
    model = prepared(name, container).fit(X, y, **kw)
    np.testing.assert_array_equal(model.theta_, wanted.theta_)
    frame, target = stacked(LATER, later=True)
    X, y, kw, part = here(LATER, True)
    pairs = [
        (model.predict(X, start="end", **kw), wanted.predict(frame)),
        (model.predict_ahead(X, y, steps=2, start="end", **kw), wanted.predict_ahead(frame, target, steps=2)),
        (model.update(X, y, **kw).predict(X, start="end", **kw),
         copy.deepcopy(wanted).update(frame, target).predict(frame, start="end")),
    ]  # fmt: skip
    for got, expected in pairs:
        for key in KEYS:
            np.testing.assert_array_equal(part(got, key), of_key(expected, frame.index, key))
    out = model.predict(X, start="cold", **kw)
    cold = model.set_params(start="cold").score(X, y, **kw)
    assert cold == pytest.approx(r2_score(target, np.concatenate([part(out, key) for key in KEYS])))


@every_model
def test_three_dimensional_arrays_are_lists(name):
    series = {key: (X[:40], y[:40]) for key, (X, y) in OLD.items()}
    (X, y), (cube, targets) = as_list(series, False)[:2], (np.stack(v) for v in zip(*series.values()))
    one, other = clone(MODELS[name]).fit(X, y), clone(MODELS[name]).fit(cube, targets)
    np.testing.assert_array_equal(one.theta_, other.theta_)
    np.testing.assert_array_equal(one.predict(X), other.predict(cube))
    assert other.predict(cube).shape == (3, 40)
    assert np.shape(one.set_params().forecast(2, X)) == np.shape(other.forecast(2, cube)) == (3, 2)
    two = clone(MODELS[name])
    two = two.fit(cube, np.stack([targets, -targets], axis=2))
    assert two.predict(cube).shape == (3, 40, 2)
    assert two.predict_ahead(cube, np.stack([targets, -targets], axis=2), steps=3).shape == (3, 40, 2)


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_series_of_y_alone(name):
    """The index of y, the keys or the list tell the series where there is no X."""
    _, y = stacked(OLD)
    _, new = stacked(LATER, later=True)
    _, values, groups = flat(OLD)
    _, new_values, new_groups = flat(LATER)
    lists = [[v[1] for v in series.values()] for series in (OLD, LATER)]
    model = AUTOREGRESSIVE[name]
    of_index, of_groups, of_list = (
        clone(model).fit(None, y),
        clone(model).fit(None, values, groups=groups),
        clone(model).fit(None, lists[0]),
    )
    np.testing.assert_array_equal(of_index.theta_, of_groups.theta_)
    np.testing.assert_array_equal(of_index.theta_, of_list.theta_)
    wanted = of_index.predict_ahead(None, new, steps=2)
    np.testing.assert_array_equal(
        of_groups.predict_ahead(None, new_values, groups=new_groups, steps=2), wanted
    )
    np.testing.assert_array_equal(
        np.concatenate(of_list.predict_ahead(None, lists[1], steps=2, start="end")), wanted
    )
    wanted = of_index.update(None, new).forecast(3)
    assert wanted.index.names == ["series", "time"]
    assert wanted.name == "level"
    np.testing.assert_array_equal(of_groups.update(None, new_values, groups=new_groups).forecast(3), wanted)
    np.testing.assert_array_equal(np.concatenate(of_list.update(None, lists[1]).forecast(3)), wanted)


def test_keys_come_in_the_order_of_the_rows(fitted):
    """Whatever the order of the series, each gets its own forecasts."""
    X, _ = stacked({key: LATER[key] for key in ("c", "a", "b")}, later=True)
    frame, _ = stacked(LATER, later=True)
    for model in fitted.values():
        got, wanted = model.predict(X), model.predict(frame)
        for key in KEYS:
            np.testing.assert_array_equal(of_key(got, X.index, key), of_key(wanted, frame.index, key))


@pytest.mark.parametrize(
    "keys", [[3, 1, 2], [0.5, 1.5, 2.5], pd.date_range("2024", periods=3), [True, False, 2]]
)
def test_keys_of_other_types(keys):
    X, y, groups = flat(OLD)
    new, _, new_groups = flat(LATER)
    names = dict(zip(KEYS, keys))
    wanted = tsrnn.ARXRegressor().fit(X, y, groups=groups).predict(new, groups=new_groups)
    renamed, new_renamed = (pd.Series([names[key] for key in g]) for g in (groups, new_groups))
    model = tsrnn.ARXRegressor().fit(X, y, groups=renamed)
    np.testing.assert_array_equal(model.predict(new, groups=new_renamed), wanted)
    np.testing.assert_array_equal(model.predict(new, groups=pd.Categorical(new_renamed)), wanted)


# ---------------------------------------------------------------------------------------- boundaries


def test_training_sees_no_lag_of_another_series():
    """Least squares over the rows whose lags lie in their own series, by hand."""
    model = tsrnn.ARXRegressor(input_lags=1, output_lags=2, alpha=0.0, scale=None).fit(
        *as_list(OLD, False)[:2]
    )
    A, b = [], []
    for X, y in OLD.values():
        A.append(np.column_stack([np.ones(len(y) - 2), X[2:], X[1:-1], y[1:-1], y[:-2]]))
        b.append(y[2:])
    c = np.linalg.lstsq(np.concatenate(A), np.concatenate(b), rcond=None)[0]
    X, y = LATER["b"]
    (past_X, past_y) = OLD["b"]
    by_hand = np.array([1.0, *X[0], *past_X[-1], past_y[-1], past_y[-2]]) @ c
    assert model.predict([past_X[:1], X[:1]], start="end")[1][0] == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("name", ["NARX", "GRU", "ESN", "ARX"])
def test_a_series_without_weight_changes_nothing(name):
    """Neither lags nor states nor scales reach from a wild series, in front or behind, into the others."""
    rng = np.random.default_rng(0)
    wild = 1e3 * rng.normal(size=(30, 2)), 1e3 * rng.normal(size=30)
    Xs, ys = as_list(OLD, False)[:2]
    weights = [np.ones(len(y)) for y in ys]
    model = clone(MODELS[name]).set_params(**({"max_iter": 2} if name in ("NARX", "GRU") else {}))
    plain = clone(model).fit(Xs, ys)
    mixed = clone(model).fit(
        [wild[0], *Xs, wild[0]], [wild[1], *ys, wild[1]], [np.zeros(30), *weights, np.zeros(30)]
    )
    np.testing.assert_allclose(mixed.theta_, plain.theta_, rtol=1e-6, atol=1e-8)


@pytest.mark.filterwarnings("ignore:column .* in the middle of the rows given")
@every_model
def test_series_do_not_mix(fitted, name):
    """What happens to one series changes no bit of the others."""
    X, y = stacked(LATER, later=True)
    b, wild = X.index.get_level_values(0) == "b", X.copy()
    wild[~b] += 100
    one, other, alone = (copy.deepcopy(fitted[name]) for _ in range(3))
    one.update(X, y), other.update(wild, y.where(b, y - 5)), alone.update(X[b], y[b])
    later = X.set_axis(X.index.set_levels(X.index.levels[1] + pd.Timedelta(hours=NEW), level=1))
    np.testing.assert_array_equal(one.predict(later)[b], other.predict(later)[b])
    np.testing.assert_array_equal(one.predict(later)[b], alone.predict(later[b]))
    np.testing.assert_array_equal(alone.predict(X[~b]), fitted[name].predict(X[~b]))  # the others stand still
    np.testing.assert_array_equal(
        one.predict_ahead(later, y.set_axis(later.index), steps=3)[b],
        alone.predict_ahead(later[b], y.set_axis(later.index)[b], steps=3),
    )
    np.testing.assert_array_equal(one.forecast(3, later).loc["b"], alone.forecast(3, later[b]).loc["b"])


SIDE_BY_SIDE = {
    "NARX": tsrnn.NARXRegressor((4,), output_lags=2, **QUICK),
    "ARX, skips": tsrnn.ARXRegressor(input_lags=1, output_lags=[1, 3]),
    "Elman, lags": tsrnn.ElmanRegressor((5,), output_lags=1, recurrent_lags=(1, 4), **QUICK),
    "LSTM, single": tsrnn.LSTMRegressor((3, 4), input_lags=1, output_lags=2, **QUICK),
    "GRU, no y": tsrnn.GRURegressor((8,), layer_norm=True, **QUICK),
}


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_many_series_at_once_are_one_after_the_other(name, monkeypatch):
    """To the bit, also where only some values are known; and nothing is run once a series."""
    (X, y), rng = made(80, 1), np.random.default_rng(0)
    model = clone(SIDE_BY_SIDE[name]).fit(X, y)
    dynamics, B = model.fitted_.trained.dynamics, 23
    memories = [dynamics.run(X[k : k + 5], y[k : k + 5, None], dynamics.first())[1] for k in range(B)]
    X, Y = rng.normal(size=(B, 6, 2)), rng.normal(size=(B, 6, 1))
    Y[rng.random(Y.shape) < 0.4] = np.nan
    alone = [dynamics.run(*one) for one in zip(X, Y, memories)]
    monkeypatch.setattr(type(dynamics), "run", None)
    out, after = dynamics.run_all(X, Y, memories)
    for k, (wanted, memory) in enumerate(alone):
        np.testing.assert_array_equal(out[k], wanted)
        for a, b in zip((after[k].X, after[k].Y, *after[k].states), (memory.X, memory.Y, *memory.states)):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["NARX", "Elman", "LSTM"])
def test_short_verbs_over_many_series_run_them_at_once(fitted, name, monkeypatch):
    model, (X, y) = copy.deepcopy(fitted[name]), stacked(LATER, later=True)
    later = X.set_axis(X.index.set_levels(X.index.levels[1] + pd.Timedelta(hours=NEW), level=1))
    monkeypatch.setattr(type(model.fitted_.trained.dynamics), "run", None)
    assert np.isfinite(model.update(X, y).forecast(3, later)).all()


@every_model
def test_a_known_series_goes_on_from_its_own_end(fitted, name):
    """As a new series does that was given the same rows."""
    model, (X, y) = copy.deepcopy(fitted[name]), stacked(OLD)
    later, _ = stacked(LATER, later=True)
    for key in KEYS:
        rows, new = X.xs(key, drop_level=False), later.xs(key, drop_level=False)
        twin = [v.rename({key: "twin"}) for v in (rows, y.xs(key, drop_level=False), new)]
        one = copy.deepcopy(model).update(*twin[:2])
        np.testing.assert_allclose(one.predict(twin[2]), model.predict(new), **exact)
        np.testing.assert_allclose(one.forecast(NEW, twin[2]), model.forecast(NEW, new), **exact)
        assert one.forecast(2, twin[2]).index.equals(model.forecast(2, new).rename({key: "twin"}).index)
        # replayed from the start
        np.testing.assert_allclose(one.predict(twin[0]), model.predict(rows), **exact)


@every_model
def test_an_unknown_series_starts_cold(fitted, name):
    model, (X, _) = fitted[name], stacked(LATER, later=True)
    stranger = X.loc[["a"]].rename({"a": "stranger"})
    np.testing.assert_array_equal(model.predict(stranger), model.predict(X.loc[["a"]], start="cold"))
    np.testing.assert_array_equal(
        model.forecast(3, stranger).to_numpy(), model.predict(X.loc[["a"]], start="cold")[:3]
    )
    both = pd.concat([stranger, X.loc[["b"]]])
    np.testing.assert_array_equal(model.predict(both)[NEW:], model.predict(X.loc[["b"]]))


@every_model
def test_one_series_of_a_panel_is_that_series_alone(name):
    X, y = stacked({"a": OLD["a"]})
    later, _ = stacked({"a": LATER["a"]}, later=True)
    panel, alone = clone(MODELS[name]).fit(X, y), clone(MODELS[name]).fit(X.loc["a"], y.loc["a"])
    np.testing.assert_array_equal(panel.theta_, alone.theta_)
    np.testing.assert_allclose(panel.predict(later), alone.predict(later.loc["a"]), **exact)
    np.testing.assert_allclose(panel.forecast(4, later).loc["a"], alone.forecast(4, later.loc["a"]), **exact)
    new = stacked({"a": LATER["a"]}, later=True)[1]
    np.testing.assert_allclose(
        panel.partial_fit(later, new).theta_, alone.partial_fit(later.loc["a"], new.loc["a"]).theta_, **exact
    )


@every_model
def test_partial_fit_advances_each_series(fitted, name):
    """Weights learn from all rows, and each memory goes on with its own."""
    X, y = stacked(LATER, later=True)
    model = copy.deepcopy(fitted[name])
    model.partial_fit(X.loc[["a", "c"]], y.loc[["a", "c"]])
    after = X.set_axis(X.index.set_levels(X.index.levels[1] + pd.Timedelta(hours=NEW), level=1))
    assert np.isfinite(model.predict(after.loc[["a", "c"]])).all()
    with pytest.raises(ValueError, match="seen already"):
        model.update(X.loc[["c"]], y.loc[["c"]])
    model.update(X.loc[["b"]], y.loc[["b"]])


def test_partial_fit_of_a_panel_is_a_fit_to_all():
    """An echo state network adds to its sums: the readout is that of all rows of all series."""
    model = tsrnn.ESNRegressor(15, alpha=0.1, washout=5, scale=None, random_state=0)
    more = clone(model).fit(*stacked(OLD)).partial_fit(*stacked(LATER, later=True))
    np.testing.assert_allclose(more.theta_, model.fit(*stacked(SERIES)).theta_, rtol=1e-7, atol=1e-9)


PLAIN = {"alpha": 0.1, "scale": None, "target_transform": None}
CHANGES = PLAIN | {"target_transform": "difference"}
ADDED_UP = {
    "ARX": tsrnn.ARXRegressor(1, 2, **PLAIN),
    "changes": tsrnn.ARXRegressor(1, 2, **CHANGES),
    "changes, inputs further back": tsrnn.ARXRegressor(5, 1, **CHANGES),
    "Forecaster": tsrnn.Forecaster(tsrnn.ARXRegressor(1, 2, **PLAIN), 3),
    "inputs": tsrnn.Forecaster(tsrnn.ARXRegressor(5, 1, **PLAIN), 3, gap=2),
    "ESN": tsrnn.ESNRegressor(15, washout=5, input_scaling=0.5, random_state=0, **PLAIN),
}


@pytest.mark.parametrize("name", ADDED_UP)
def test_partial_fit_learns_nothing_from_a_history_that_was_made_up(name):
    """What is learnt of a series that begins, and of rows after missing ones, is what a fit to all rows learns."""
    model, old = ADDED_UP[name], {key: SERIES[key] for key in "ab"}
    more, (X, y) = clone(model).fit(*stacked(old)), stacked({"c": SERIES["c"]})
    in_pieces = copy.deepcopy(more)
    for rows in (slice(1), slice(1, 3), slice(3, None)):
        in_pieces.partial_fit(X[rows], y[rows])
    whole = clone(model).fit(*stacked(SERIES))
    for learnt in (more.partial_fit(X, y), in_pieces):
        np.testing.assert_allclose(learnt.theta_, whole.theta_, rtol=1e-7, atol=1e-9)
    if "ESN" not in name:
        rows = np.r_[:40, 43:60, 64:82]
        X, y = pd.DataFrame(SERIES["c"][0], TIME[:82]), pd.Series(SERIES["c"][1], TIME[:82])
        X, y = X.iloc[rows], y.iloc[rows]
        whole = clone(model).fit(X, y)
        for seam in (40, 41):  # before the gap, and a row behind it
            with pytest.warns(UserWarning, match="missing between"):
                more = clone(model).fit(X[:seam], y[:seam]).partial_fit(X[seam:], y[seam:])
            np.testing.assert_allclose(more.theta_, whole.theta_, rtol=1e-7, atol=1e-9)


LINEAR = tsrnn.LevenbergMarquardt(bayesian=False)
KEPT_UP = ADDED_UP | {
    "changes of inputs": tsrnn.ARXRegressor(2, (), **CHANGES),
    "net": tsrnn.NARXRegressor(
        (), input_lags=1, output_lags=2, training="open_loop", early_stopping=False, solver=LINEAR, **PLAIN
    ),
    "of changes": tsrnn.Forecaster(tsrnn.ARXRegressor(4, 1, **CHANGES), 3, strategy="multi_output"),
    "known ahead": tsrnn.Forecaster(tsrnn.ARXRegressor(1, 2, **PLAIN), 3, known_ahead=[0], strategy="direct"),
    "analogues": tsrnn.AnalogueRegressor(input_lags=1, output_lags=2, scale=None),
}


@pytest.mark.parametrize("name", KEPT_UP)
def test_partial_fit_learns_nothing_from_outputs_of_its_own(name):
    """Where y, or one of two, was not measured before a seam, pieces are a fit to all rows: so is a row a piece."""
    X, y = SERIES["c"]
    Y = np.column_stack([y, np.roll(y, 1) + 0.1 * X[:, 0]])
    for holes in ([59], [57, 58], [59, 60, 62, 69], [55]):
        for columns in (slice(1), slice(2)):
            known = Y.copy()
            known[holes, columns] = np.nan
            more = clone(KEPT_UP[name])
            for rows in np.split(np.arange(len(X)), (60, 61, 63, 70)):
                verb = more.partial_fit if np.isfinite(known[rows]).any() else more.update
                verb(X[rows], known[rows])
            whole = clone(KEPT_UP[name]).fit(X, known)
            np.testing.assert_allclose(more.theta_, whole.theta_, rtol=1e-7, atol=1e-9)


def test_a_series_that_partial_fit_begins_has_the_washout_of_training():
    """However it is cut: a row alone has no tenth to leave out."""
    model = tsrnn.ESNRegressor(15, alpha=0.1, random_state=0).fit(
        *stacked({key: SERIES[key] for key in "ab"})
    )
    pieces, (X, y) = copy.deepcopy(model), stacked({"c": SERIES["c"]})
    for rows in (slice(1), slice(1, 3), slice(3, None)):
        pieces.partial_fit(X[rows], y[rows])
    np.testing.assert_allclose(model.partial_fit(X, y).theta_, pieces.theta_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["NARX", "GRU", "ESN", "ARX"])
def test_a_gap_cuts_one_series_of_a_panel(name):
    """Training takes what lies on the two sides of a gap, of more than ten rows, for two series."""
    X, y = stacked(OLD)
    gone = (X.index.get_level_values(0) == "c") & np.isin(np.arange(len(X)) - 105, np.arange(30, 42))
    cut = clone(MODELS[name]).fit(X[~gone], y[~gone])
    Xs, ys = as_list(OLD, False)[:2]
    parts = [[v[:30], v[42:]] for v in (Xs[2], ys[2])]
    wanted = clone(MODELS[name]).fit([*Xs[:2], *parts[0]], [*ys[:2], *parts[1]])
    np.testing.assert_array_equal(cut.theta_, wanted.theta_)
    later, _ = stacked(LATER, later=True)
    np.testing.assert_array_equal(cut.predict(later)[:NEW], wanted.predict([LATER["a"][0]], start="end")[0])
    late = later.groupby(level=0).tail(NEW - 2)
    with pytest.warns(UserWarning, match=r"2 row\(s\) are missing"):
        cut.predict(late)


def test_validation_rows_are_the_last_of_each_series():
    """Scales are learnt from the rows before them."""
    model = tsrnn.NARXRegressor((3,), early_stopping=True, validation_fraction=0.2, **QUICK)
    Xs, ys = as_list(OLD, False)[:2]
    changed = [y.copy() for y in ys]
    for y in changed:
        y[len(y) - len(y) // 5 :] += 100
    scaler, same = model.fit(Xs, ys).y_scaler_, clone(model).fit(Xs, changed).y_scaler_
    np.testing.assert_array_equal(scaler.center, same.center)
    changed[0][len(ys[0]) - len(ys[0]) // 5 - 1] += 100
    assert clone(model).fit(Xs, changed).y_scaler_.center != scaler.center


@pytest.mark.parametrize("name", ["NARX", "LSTM", "ESN", "ARX"])
def test_weights_follow_their_rows(name):
    """In any container and order."""
    rng = np.random.default_rng(1)
    weights = {key: rng.uniform(0.5, 2, len(y)) for key, (_, y) in OLD.items()}
    X, y = stacked(OLD)
    w = pd.Series(np.concatenate(list(weights.values())), X.index)
    wanted = clone(MODELS[name]).fit(X, y, w.to_numpy())
    mixed = by_time(X, y)
    same = clone(MODELS[name]).fit(*mixed, w.loc[mixed[0].index].to_numpy())
    np.testing.assert_array_equal(same.theta_, wanted.theta_)
    listed = clone(MODELS[name]).fit(*as_list(OLD, False)[:2], list(weights.values()))
    np.testing.assert_array_equal(listed.theta_, wanted.theta_)
    assert (wanted.theta_ != clone(MODELS[name]).fit(X, y).theta_).any()
    later, new = stacked(LATER, later=True)
    w = rng.uniform(0.5, 2, len(new))
    assert wanted.score(later, new, w) == pytest.approx(r2_score(new, wanted.predict(later), sample_weight=w))
    order = np.argsort(new.index.get_level_values(-1), kind="stable")
    assert wanted.score(later.iloc[order], new.iloc[order], w[order]) == pytest.approx(
        wanted.score(later, new, w)
    )


# ---------------------------------------------------------------------------------------- forecasts


def test_forecast_is_a_frame_of_all_series(fitted):
    model = fitted["NARX"]
    X, _ = stacked(LATER, later=True)
    out = model.forecast(5, X)
    assert isinstance(out, pd.Series)
    assert out.name == "level"
    assert out.index.names == ["series", "time"]
    for key, n in zip(KEYS, ROWS):
        assert (out.loc[key].index == TIME[n : n + 5]).all()
    np.testing.assert_array_equal(out, np.concatenate([model.predict(X.loc[[key]])[:5] for key in KEYS]))
    some = model.forecast(5, X.loc[["c", "a"]])
    assert list(some.index.unique(0)) == ["c", "a"]
    np.testing.assert_array_equal(some.loc["a"], out.loc["a"])
    mixed = model.forecast(5, by_time(X, X["u"])[0])  # one below the other, whatever the order of X_future
    np.testing.assert_array_equal(mixed.loc["b"], out.loc["b"])


@pytest.mark.filterwarnings("ignore:calibrate. the model was trained on some of these rows")
def test_forecast_of_several_outputs_and_levels_of_keys():
    X, y, *_ = as_three_levels(OLD, False)
    later = as_three_levels(LATER, True)[0]
    both = pd.DataFrame({"level": y, "other": -y})
    model = clone(MODELS["NARX"]).fit(X, both)
    out = model.forecast(3, later)
    assert list(out.columns) == ["level", "other"]
    assert out.index.names == ["park", "unit", "time"]
    assert out.index.equals(later.groupby(level=1).head(3).index)
    np.testing.assert_array_equal(
        out.loc[("north", "b")], model.predict(later.xs("b", level=1, drop_level=False))[:3]
    )
    model.calibrate(X, both)
    wide = model.forecast(3, later, level=[50, 80])
    assert list(wide.columns[:5]) == ["level", "level-lo-50", "level-hi-50", "level-lo-80", "level-hi-80"]
    assert wide.index.equals(out.index)
    paths = model.sample_paths(3, later, n_paths=10)
    assert {key: v.shape for key, v in paths.items()} == {("north", key): (10, 3, 2) for key in KEYS}


def test_forecast_in_the_form_of_training():
    Xs, ys = as_list(OLD, False)[:2]
    new = [X[:4] for X, _ in LATER.values()]
    arrays = clone(MODELS["NARX"]).fit(Xs, ys).forecast(4, new)
    assert isinstance(arrays, list)
    assert [v.shape for v in arrays] == [(4,)] * 3
    frames = as_list_of_frames(OLD, False)
    out = clone(MODELS["NARX"]).fit(*frames[:2]).forecast(4, as_list_of_frames(LATER, True)[0])
    assert [list(v.index) for v in out] == [list(TIME[n : n + 4]) for n in ROWS]
    np.testing.assert_array_equal(np.concatenate(out), np.concatenate(arrays))
    X, y, groups = flat(OLD)
    keyed = clone(MODELS["NARX"]).fit(X, y, groups=groups)
    out = keyed.forecast(4, np.concatenate(new), groups=np.repeat(KEYS, 4))
    np.testing.assert_array_equal(out.loc["b"], arrays[1])
    assert out.index.names[0] == "series"


def test_periods_as_stamps():
    X, y = stacked(OLD)
    periods = X.index.set_levels(X.index.levels[1].to_period("h"), level=1)
    model = tsrnn.ARXRegressor(input_lags=()).fit(None, y.set_axis(periods))
    out = model.forecast(3)
    assert isinstance(out.index.levels[1], pd.PeriodIndex)
    np.testing.assert_array_equal(out, tsrnn.ARXRegressor(input_lags=()).fit(None, y).forecast(3))


def test_history_of_each_series():
    """start=(X_hist, y_hist) gives each series its own past."""
    model, (X, y), (later, _) = clone(MODELS["NARX"]), stacked(OLD), stacked(LATER, later=True)
    model.fit(X, y)
    got = model.predict(later, start=(X.loc[["a", "b"]], y.loc[["a", "b"]]))
    for key in "ab":
        rows = later.index.get_level_values(0) == key
        alone = model.predict(later.loc[key], start=(X.loc[key], y.loc[key]))
        np.testing.assert_array_equal(got[rows], alone)
    rows = later.index.get_level_values(0) == "c"  # its history was not given
    np.testing.assert_array_equal(got[rows], model.predict(later.loc[["c"]], start="cold"))
    with pytest.raises(ValueError, match="start"):  # one history, three series
        model.predict(later, start=(X.loc["a"], y.loc["a"]))


# ---------------------------------------------------------------------------------------- in scikit-learn


def test_pickle_and_clone(fitted):
    X, y = stacked(LATER, later=True)
    for model in fitted.values():
        same = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(same.predict(X), model.predict(X))
        same.update(X, y)
        assert not hasattr(clone(model), "series_")


def test_search_over_a_panel():
    X, y = stacked({key: (X[:45], y[:45]) for key, (X, y) in OLD.items()})
    cv = PanelTimeSeriesSplit(3, test_size=5)
    search = GridSearchCV(tsrnn.ARXRegressor(), {"output_lags": [1, 2]}, cv=cv).fit(X, y)
    by_hand = []
    for train, test in cv.split(X):
        model = tsrnn.ARXRegressor(output_lags=2).fit(X.iloc[train], y.iloc[train])
        assert set(X.iloc[test].index.get_level_values(0)) == set(KEYS)
        by_hand.append(r2_score(y.iloc[test], model.predict(X.iloc[test])))
    np.testing.assert_allclose([search.cv_results_[f"split{k}_test_score"][1] for k in range(3)], by_hand)
    assert tsrnn.forecast(search, 2, stacked({key: (X[45:50], y[45:50]) for key, (X, y) in SERIES.items()})[0].set_axis(
        pd.MultiIndex.from_product([KEYS, TIME[45:50]])
    )).shape == (6,)  # fmt: skip
    X = X.reset_index("series")
    scores = cross_val_score(
        tsrnn.ARXRegressor(output_lags=2, series="series"),
        X,
        y.droplevel(0),
        cv=list(cv.split(search_rows(X))),
    )
    np.testing.assert_allclose(scores, by_hand)


def search_rows(X):
    return X.set_index("series", append=True).swaplevel()


def test_pipeline_keeps_the_index(fitted):
    X, y = stacked(OLD)
    later, new = stacked(LATER, later=True)
    pipe = make_pipeline(StandardScaler(), clone(MODELS["NARX"])).set_output(transform="pandas").fit(X, y)
    np.testing.assert_allclose(pipe.predict(later), fitted["NARX"].predict(later), rtol=1e-7, atol=1e-9)
    tsrnn.update(pipe, later, new)
    seen = pipe[-1].series_["a"].timeline
    assert timelines.show(seen.clock, seen.last) == str(TIME[ROWS[0] + NEW - 1])
    plain = make_pipeline(StandardScaler(), clone(MODELS["NARX"])).fit(X, y.to_numpy())
    assert list(plain[-1].series_) == [None]  # without the index there is one series


# ---------------------------------------------------------------------------------------- errors


def test_errors():
    X, y = stacked(OLD)
    arrays = X.to_numpy(), y.to_numpy()
    groups = X.index.get_level_values(0).to_numpy()
    model = tsrnn.ARXRegressor()
    for call, message in [
        (lambda: model.fit(X, y, groups=groups), "by groups and by the MultiIndex"),
        (
            lambda: clone(model).set_params(series="s").fit(X.assign(s=groups), y),
            "by series='s' and by the Multi",
        ),
        (
            lambda: clone(model).set_params(series="s").fit(X.reset_index(drop=True), arrays[1]),
            "not a column of X",
        ),
        (lambda: clone(model).set_params(series="s").fit(*arrays), "not a column of X"),
        (lambda: clone(model).set_params(series="s").fit(*as_list(OLD, False)[:2]), "series='s'"),
        (lambda: model.fit(*arrays, groups=groups[:-1]), "one key per row"),
        (lambda: model.fit(*arrays, groups=np.column_stack([groups, groups])), "one key per row"),
        (lambda: model.fit(*arrays, groups=np.where(groups == "b", np.nan, 1.0)), "row 60 is missing"),
        (lambda: model.fit(*arrays, groups=[None if g == "b" else g for g in groups]), "row 60 is missing"),
        (lambda: model.fit(X, y.iloc[::-1]), "different MultiIndexes"),
        (lambda: model.fit(*as_list(OLD, False)[:2], groups=groups), "groups"),
        (
            lambda: model.fit([X for X, _ in OLD.values()], [y[1:] for _, y in OLD.values()]),
            "Series 0: y has 59",
        ),
        (lambda: model.fit([X for X, _ in OLD.values()], arrays[1]), "y must be a list of 3"),
        (
            lambda: model.fit(None, [[1.0, 2.0], [1.0]]),
            r"y is a list of lists .* \[np.asarray\(s\) for s in y\]",
        ),
        (
            lambda: model.fit([np.zeros(3), np.zeros(4)], [0.0, 1.0]),
            r"X is a list of ndarrays .*np.reshape\(s",
        ),
        (
            lambda: model.fit([list("abba"), list("abc")], [0.0, 1.0]),
            r"X is a list of lists .*np.reshape\(s",
        ),
        (lambda: model.fit(["abba", "abc"], [0.0, 1.0]), "X is text: give an array a sequence"),
        (
            lambda: model.fit([X for X, _ in OLD.values()], [y for _, y in OLD.values()][:2]),
            "y must be a list of 3",
        ),
        (lambda: model.fit(*as_list(OLD, False)[:2], np.ones(len(y))), "sample_weight must be a list"),
        (lambda: model.fit(np.zeros((2, 30, 1)), np.zeros((2, 29))), "2 series of 30 rows"),
        (lambda: model.fit(np.zeros((2, 30, 1)), np.zeros((2, 30)), groups=np.zeros(60)), "groups"),
        (
            lambda: model.fit(pd.concat([X, X.iloc[:1]]), pd.concat([y, y.iloc[:1]])),
            "Series 'a': .*not in time order",
        ),
        (lambda: model.fit(pd.concat([X[:60], X[59:]]), pd.concat([y[:60], y[59:]])), "Series 'a': .*twice"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
        assert not hasattr(model, "series_")
    missing = X.index.to_frame()
    missing.iloc[5, 0] = np.nan
    for levels in ([0, 1], [0, 0, 1]):
        index = pd.MultiIndex.from_arrays([missing.iloc[:, k] for k in levels])
        with pytest.raises(ValueError, match=r"row 5 is missing \(NaN\)"):
            model.fit(X.set_axis(index), y.set_axis(index))


def test_levels_in_the_wrong_order():
    """Stamps are not taken for series, which a net without lags would learn from."""
    X, y = (v.swaplevel() for v in stacked(OLD))
    for name in ("ARX", "LSTM"):
        with pytest.raises(ValueError, match=r"\('time', 'series'\) must be time.*swaplevel"):
            clone(MODELS[name]).fit(X, y)
    days = X.index.set_levels([[key * 3 for key in KEYS]], level=[1])
    with pytest.raises(ValueError, match="swaplevel"):
        tsrnn.ARXRegressor(input_lags=()).fit(None, y.set_axis(days))
    X, y = (v.loc["a"] for v in stacked(OLD))
    alone = tsrnn.ARXRegressor().fit(X, y)
    level = pd.MultiIndex.from_arrays([X.index])  # of a single level, which is time
    np.testing.assert_array_equal(tsrnn.ARXRegressor().fit(X.set_axis(level), y).theta_, alone.theta_)


def test_frames_of_a_list_have_the_same_columns():
    """In any order; a column of another name, or an array among frames, is no column of NaN."""
    Xs, ys, *_ = as_list_of_frames(OLD, False)
    model = tsrnn.ARXRegressor(missing="hold")
    wanted = clone(model).fit(Xs, ys).theta_
    np.testing.assert_array_equal(model.fit([Xs[0], Xs[1][["v", "u"]], Xs[2]], ys).theta_, wanted)
    for wrong in (Xs[1][["u"]], Xs[1].rename(columns={"u": "U"}), Xs[1].to_numpy()):
        with pytest.raises(ValueError, match="Series 1: X has the columns"):
            model.fit([Xs[0], wrong, Xs[2]], ys)
    model.fit([X.to_numpy() for X in Xs], [ys[0], ys[1].to_numpy(), ys[2]])


@pytest.mark.filterwarnings("ignore:The series has 1 row")  # fewer than lags
def test_short_series():
    """A series too short to learn from is still known, and others are learnt from."""
    (X, y), (later, _) = OLD["a"], LATER["a"]
    for model in map(clone, MODELS.values()):
        out = model.fit([X, X[:1]], [y, y[:1]]).predict([later, later], start="end")
        assert np.isfinite(out).all()
        assert (out[0] == out[1]).all() == isinstance(model, tsrnn.ConstantRegressor)
        with pytest.raises(ValueError, match="Series 1 has no rows"):
            model.fit([X, X[:0]], [y, y[:0]])


def test_a_column_alone():
    """A frame that only tells the series is one without inputs."""
    _, y = stacked(OLD)
    frame = y.index.to_frame()[["series"]].droplevel(0)
    model = tsrnn.ARXRegressor(input_lags=(), series="series").fit(frame, y.droplevel(0))
    wanted = tsrnn.ARXRegressor(input_lags=()).fit(None, y)
    np.testing.assert_array_equal(model.forecast(3), wanted.forecast(3))
    later = stacked(LATER, later=True)[1]
    frame = later.index.to_frame()[["series"]].droplevel(0)
    model.update(frame, later.droplevel(0))
    np.testing.assert_array_equal(model.forecast(3), wanted.update(None, later).forecast(3))
    after = frame.set_axis(frame.index + pd.Timedelta(hours=NEW))
    np.testing.assert_array_equal(model.predict(after), wanted.forecast(NEW))
    some = after[after["series"] == "b"]
    np.testing.assert_array_equal(model.forecast(3, some), wanted.forecast(3).loc["b"])


def test_rows_that_do_not_tell_their_series(fitted):
    later, new = (v.reset_index(drop=True) for v in stacked(LATER, later=True))
    for model in map(copy.deepcopy, fitted.values()):
        for verb, *given in (
            (model.predict, later),
            (model.predict, later[:1]),
            (model.predict_ahead, later, new),
            (model.trajectories, later, new, 2),
            (model.update, later, new),
            (model.partial_fit, later, new),
            (model.forecast, 2, later),
        ):
            with pytest.raises(ValueError, match="fitted on 3 series"):
                verb(*given)
        assert np.isfinite(model.predict(later, start="cold")).all()
        with pytest.raises(AttributeError, match="series_"):
            _ = model.state_


def test_keys_for_a_model_of_one_series():
    """Rows of a series with a name do not go on with one that has none."""
    _, y, groups = flat(OLD)
    model = tsrnn.ARXRegressor(input_lags=()).fit(None, y)
    for verb in (model.update, model.partial_fit):
        with pytest.raises(ValueError, match="fitted on one series"):
            verb(None, y, groups=groups)
    assert list(model.series_) == [None]


def test_single_rows_of_a_panel(fitted):
    """A model of many series can be asked for one row of one."""
    X, _, groups = flat(LATER)
    old = flat(OLD)
    model = clone(MODELS["NARX"]).fit(*old[:2], groups=old[2])
    one = model.predict(X[:1], groups=groups[:1])
    np.testing.assert_array_equal(one, model.predict(X, groups=groups)[:1])
    assert model.predict([X[:1]]).__class__ is list


def test_outputs_in_another_order():
    Y = pd.DataFrame({"a": np.sin(np.arange(60.0)), "b": 5 * np.cos(np.arange(60.0))})
    model = tsrnn.ARXRegressor().fit(None, Y[:50])
    for verb in (model.update, model.predict_ahead, model.partial_fit):
        with pytest.raises(ValueError, match=r"y has the columns \['b', 'a'\]"):
            verb(None, Y[50:][["b", "a"]])
    model.update(None, Y[50:])
