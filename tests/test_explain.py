"""What moved a forecast: against sums and central differences; responses, embeddings, anomalies."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import (
    AnalogueRegressor,
    ARXRegressor,
    Convolution,
    EncoderDecoderClassifier,
    EncoderDecoderRegressor,
    ESNClassifier,
    ESNRegressor,
    Forecaster,
    GRUClassifier,
    GRURegressor,
    LSTMRegressor,
    NARXClassifier,
    NARXRegressor,
    PersistenceRegressor,
    TDNNClassifier,
    TDNNRegressor,
)
from tsrnn.datasets import make_narendra
from tsrnn.diagnostics import anomalies, embedding, explain, response


U, y = make_narendra(260, random_state=0)
X = np.column_stack([U[:, 0], np.random.default_rng(0).normal(size=260)])
OLD, NEW = slice(0, 200), slice(200, 260)
SMOOTH = [Convolution(2, 3, activation="tanh"), Convolution(2, 2, activation="logistic")]
MODELS = {
    "ARX": ARXRegressor(input_lags=2, output_lags=2),
    "NARX": NARXRegressor(
        (3, 2), input_lags=1, output_lags=2, skip_connections=True, max_iter=5, random_state=0
    ),
    "LSTM": LSTMRegressor(
        (3, 2), input_lags=1, output_lags=1, skip_connections=True, max_iter=3, random_state=0
    ),
    "ESN": ESNRegressor((12, 8), output_lags=2, readout_squares=True, leak_rate=0.5, random_state=0),
    "convolution": GRURegressor((2,), convolution=SMOOTH, output_lags=1, max_iter=3, random_state=0),
    "errors": NARXRegressor((3,), input_lags=1, output_lags=2, error_lags=2, max_iter=5, random_state=0),
    "GRU of changes": GRURegressor((3,), target_transform="difference", max_iter=3, random_state=0),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: model.fit(X[OLD], y[OLD]) for name, model in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_moves_add_up_to_the_forecast_minus_the_baseline(fitted, name):
    model = fitted[name]
    for steps in (1, 3) if name != "GRU of changes" else (1,):
        table = explain(model, X[NEW], y[NEW], at=40, steps=steps)
        known = table.attrs
        assert known["forecast"] == pytest.approx(model.predict_ahead(X[NEW], y[NEW], steps=steps)[40])
        assert table.to_numpy().sum() == pytest.approx(known["forecast"] - known["baseline"], abs=1e-8)
        assert abs(known["forecast"] - known["baseline"]) > 1e-3
        assert (table["y"][:steps] == 0).all()  # not measured, and so caused by what was
    with pytest.raises(ValueError, match="at=60 is no row"):
        explain(model, X[NEW], y[NEW], at=60)


@pytest.mark.parametrize("name", ["NARX", "LSTM", "ESN", "convolution", "errors"])
def test_gradient_is_that_of_central_differences(fitted, name):
    """Of two rows that are measured: an input, a past output, three steps ahead through what is fed back."""
    model, at, h = fitted[name], 30, 1e-5
    table = explain(model, X[NEW], y[NEW], at=at, steps=3, method="gradient")

    def slope(lag, column):
        ends = []
        for sign in (-1, 1):
            V, w = X[NEW].copy(), y[NEW].copy()
            (V[:, 1] if column == "x1" else w)[at - lag] += sign * h
            ends.append(model.predict_ahead(V, w, steps=3)[at])
        return np.diff(ends)[0] / (2 * h)

    for lag, column in ((0, "x1"), (2, "x1"), (3, "y")):
        value = (X[NEW][:, 1] if column == "x1" else y[NEW])[at - lag]
        zero = _baseline(model, column)
        assert table.loc[lag, column] == pytest.approx(
            slope(lag, column) * (value - zero), rel=1e-5, abs=1e-9
        )
        assert table.loc[lag, column] != 0


def _baseline(model, column):
    """The mean of training, in the user's units."""
    x, z = model._dynamics().mean
    units = model.fitted_.units
    return units.x.inverse(x[None])[0, 1] if column == "x1" else units.y.inverse(z[None])[0, 0]


@pytest.mark.filterwarnings("ignore:.* in the middle of the rows given")
@pytest.mark.parametrize("output_lags", [0, 1])
def test_outputs_held_from_rest_are_explained_as_they_are(output_lags):
    """Where a reservoir holds them near the range of training, what would move them further does not."""
    model = ESNRegressor(15, output_lags=output_lags, washout=9, random_state=0).fit(X[OLD], y[OLD])
    far = X[NEW] * np.where(np.arange(60) < 5, 30.0, 1.0)[:, None]
    dynamics, moved = model.fitted_.trained.dynamics, 0
    for steps in (1, 3):
        forecasts = model.predict_ahead(far, y[NEW], steps=steps, start="zeros")
        free = model.predict_ahead(far, y[NEW], steps=steps, start="end")
        moved += np.abs(forecasts[:9] - free[:9]).max()
        for at in (2, 4, 8, 9, 12, 30):
            known = explain(model, far, y[NEW], at=at, steps=steps, start="zeros").attrs
            assert known["forecast"] == pytest.approx(forecasts[at], rel=1e-9)
            assert abs(known["gap"]) <= 1e-2 * abs(known["forecast"] - known["baseline"]) + 1e-9
    assert moved > 1  # they were held, and others are not
    assert dynamics.early == 9


def test_names_stamps_pipelines_and_targets():
    index = pd.date_range("2024-01-01", periods=260, freq="h")
    frame = pd.DataFrame({"feed": X[:, 0], "day": np.resize(["a", "b", "c"], 260)}, index)
    load = pd.Series(np.exp(0.2 * y), index, name="load")
    model = NARXRegressor((3,), output_lags=1, target_transform="log", max_iter=5, random_state=0)
    model.fit(frame[OLD], load[OLD])
    table = explain(model, frame[NEW], load[NEW], at=index[220])
    assert list(table) == ["feed", "day", "load"]
    assert table.attrs["at"] == 20
    assert table.to_numpy().sum() == pytest.approx(
        table.attrs["forecast"] - table.attrs["baseline"], abs=1e-7
    )
    assert (table.loc[0] != 0).tolist() == [True, True, False]
    vectors = embedding(model, "day")
    assert vectors.index.tolist() == ["a", "b", "c"]
    assert vectors.shape[1] > 1
    (table,) = model.fitted_.trained.dynamics.plan.symbols.tables(model._dynamics().theta)
    W, D = model.params_[0].W, 1 + table.shape[1]  # of each lag a row of "feed", then those of "day"; then y
    assert len(W) % D == 1
    felt = np.hstack([table[:3] @ W[at + 1 : at + D] for at in range(0, len(W) - 1, D)])
    apart = [np.linalg.norm(v[:, None] - v[None], axis=2) for v in (vectors.to_numpy(), felt)]
    np.testing.assert_allclose(*apart, atol=1e-9)
    with pytest.raises(ValueError, match="no stamp"):
        explain(model, frame[NEW], load[NEW], at="1999-01-01")
    with pytest.raises(ValueError, match="column='feed' holds no categories"):
        embedding(model, "feed")
    scaled = make_pipeline(StandardScaler(), ARXRegressor()).fit(X[OLD], y[OLD])
    plain = ARXRegressor().fit(X[OLD], y[OLD])
    pair = [explain(m, X[NEW], y[NEW], at=9).to_numpy() for m in (scaled, plain)]
    np.testing.assert_allclose(*pair, atol=1e-6)


LABELS = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
CLASSIFIERS = {
    "GRU, two": (GRUClassifier((3,), max_iter=3, random_state=0), np.array(y > 0, object)),
    "ESN": (ESNClassifier(20, random_state=0), LABELS),
    "NARX": (NARXClassifier((3,), output_lags=2, max_iter=3, random_state=0), LABELS),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_moves_add_up_to_the_probability_of_a_class(name):
    model, labels = CLASSIFIERS[name]
    model.fit(X[OLD], labels[OLD])
    known = labels[NEW] if model._dynamics().sees_y else None
    probabilities = model.predict_proba(X[NEW], known)[40]
    for k, label in [(int(np.argmax(probabilities)), None), *enumerate(model.classes_.tolist())]:
        table = explain(model, X[NEW], labels[NEW], at=40, output=label)
        assert table.attrs["forecast"] == pytest.approx(probabilities[k])
        moved = table.attrs["forecast"] - table.attrs["baseline"]
        assert table.to_numpy().sum() == pytest.approx(moved, abs=1e-9)
        assert abs(moved) > 1e-4
    with pytest.raises(ValueError, match="none of the classes"):
        explain(model, X[NEW], labels[NEW], output="other")
    if known is not None:
        assert table["y"].abs().sum() > 1e-4
        places = embedding(model)  # of labels that it sees as history
        assert (places.index.name, places.index.tolist()) == ("y", ["high", "low", "mid"])
        with pytest.raises(ValueError, match="its own probabilities"):
            explain(model, X[NEW], labels[NEW], steps=2)


HORIZONS = {
    "direct": Forecaster(
        NARXRegressor((3,), input_lags=1, output_lags=2, max_iter=5, random_state=0),
        4,
        strategy="direct",
        known_ahead=[1],
    ),
    "all at once, late, by states": Forecaster(GRURegressor((3,), max_iter=3, random_state=0), 4, gap=2),
    "encoder-decoder": EncoderDecoderRegressor(
        horizon=4, context=6, hidden_layer_sizes=(3, 2), known_ahead=[1], max_iter=3, random_state=0
    ),
    "segments": EncoderDecoderRegressor(
        horizon=4,
        context=6,
        hidden_layer_sizes=(3,),
        attention="dot",
        segment_length=2,
        known_ahead=[1],
        max_iter=3,
        random_state=0,
    ),
    "quantiles": Forecaster(
        TDNNRegressor((3,), input_lags=1, max_iter=3, random_state=0), 4, quantiles=(0.1, 0.5)
    ),
}


@pytest.mark.parametrize("name", HORIZONS)
def test_each_step_of_a_forecaster_adds_up(name):
    model, at, h = HORIZONS[name].fit(X[OLD], y[OLD]), 40, 1e-5
    for row, steps in ((at, 1), (at, 3), (2, 3)):  # the last before any y is known
        table = explain(model, X[NEW], y[NEW], at=row, steps=steps)
        known, origin = table.attrs, row - steps + 1
        made = model.trajectories(X[NEW], y[NEW], steps, origins=[origin]).forecast[0, -1]
        assert known["forecast"] == pytest.approx(made)
        moved, size = known["forecast"] - known["baseline"], table.abs().to_numpy().sum()
        near = 1e-3 * size if name == "segments" else 1e-8  # which have corners
        assert table.to_numpy().sum() == pytest.approx(moved, abs=near)
        assert known["gap"] == pytest.approx(moved - table.to_numpy().sum(), abs=1e-9)
        assert (table.loc[: steps - 1 + model.gap, "y"] == 0).all()  # not known yet
    table, lag = explain(model, X[NEW], y[NEW], at=at, steps=3, method="gradient"), 3 + model.gap
    ends = []
    for sign in (-1, 1):
        w = y[NEW].copy()
        w[at - lag] += sign * h
        ends.append(model.trajectories(X[NEW], w, 3, origins=[at - 2]).forecast[0, -1])
    mean = model.fitted_.units.y.inverse(model._dynamics().mean[1][None])[0, 0]
    expected = np.diff(ends)[0] / (2 * h) * (y[NEW][at - lag] - mean)
    # its mean over rows differs a little
    assert table.loc[lag, "y"] == pytest.approx(expected, rel=0.05, abs=1e-4)


def test_a_net_that_reads_from_both_ends():
    """Rows after the one that is explained count, too, and have negative lags."""
    model = GRURegressor((2,), bidirectional=True, max_iter=3, random_state=0).fit(X[OLD], y[OLD])
    table = explain(model, X[NEW], y[NEW], at=40)
    known = table.attrs
    assert known["forecast"] == pytest.approx(model.predict(X[NEW])[40])
    assert table.to_numpy().sum() == pytest.approx(known["forecast"] - known["baseline"], abs=1e-8)
    assert (table.index[0], table.index[-1]) == (-19, 40)
    assert (table.loc[[-1, 1], "x0"] != 0).all()


def test_an_answer_that_is_given_later():
    model = GRUClassifier((3,), delay=3, max_iter=3, random_state=0).fit(X[OLD], LABELS[OLD])
    for at in (40, 59):  # after row 59 the last inputs go on
        table = explain(model, X[NEW], LABELS[NEW], at=at, output="high")
        known = table.attrs
        assert known["forecast"] == pytest.approx(model.predict_proba(X[NEW])[at, 0])
        assert table.to_numpy().sum() == pytest.approx(known["forecast"] - known["baseline"], abs=1e-9)
        assert table.index[0] == -3


CUBE = X[:240].reshape(24, 10, 2)
SUMS = CUBE[:, :, 0].sum(axis=1)
STRIDED = [Convolution(3, 2, activation="tanh", pooling=2), Convolution(2, 2, activation="identity")]
WHOLE = {
    "last": GRURegressor((3,), pooling="last", bidirectional=True),
    "mean": GRURegressor((3,), pooling="mean", convolution=STRIDED),
    "max": GRURegressor((3,), pooling="max"),
    "both": GRURegressor((3,), pooling="both"),
    "attention": GRUClassifier((3,), pooling="attention", convolution=SMOOTH),
    "delays": TDNNClassifier((3,), input_lags=2, pooling="attention"),
    "reservoir": ESNClassifier(20, pooling="mean"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_series(name):
    """Against the answer, its sum, and central differences of two inputs."""
    model, at, h = WHOLE[name].set_params(random_state=0), 5, 1e-4
    model = model if name == "reservoir" else model.set_params(max_iter=3)
    is_classifier = hasattr(model, "predict_proba")
    model.fit(CUBE, SUMS > 0 if is_classifier else SUMS)

    def answer(cube):
        return model.predict_proba(cube)[:, 1] if is_classifier else model.predict(cube)

    options = {"output": True} if is_classifier else {}
    table = explain(model, CUBE, at=at, **options)
    known = table.attrs
    assert known["forecast"] == pytest.approx(answer(CUBE)[at])
    moved, size = known["forecast"] - known["baseline"], table.abs().to_numpy().sum()
    near = 1e-3 * size if name in ("mean", "max") else 1e-8  # which have corners
    assert table.to_numpy().sum() == pytest.approx(moved, abs=near)
    assert table.shape == (10, 2)
    assert table.index.name == "row"
    slopes = explain(model, CUBE[5:7], at=0, method="gradient", **options)
    mean = model.fitted_.units.x.inverse(model._dynamics().mean[0][None])[0]
    for row, column in ((2, 0), (9, 1)):
        changed = np.repeat(CUBE[at : at + 1], 2, axis=0)
        changed[:, row, column] += [-h, h]
        expected = np.diff(answer(changed))[0] / (2 * h) * (CUBE[at, row, column] - mean[column])
        assert slopes.iloc[row, column] == pytest.approx(expected, rel=1e-5, abs=1e-7)
    with pytest.raises(ValueError, match="at=24 is none of the 24 series"):
        explain(model, CUBE, at=24)
    with pytest.raises(ValueError, match="leave out steps"):
        explain(model, CUBE, steps=2)


def test_corners_are_found():
    """A net of relu along a line is a polygon: halving finds its corners, where one pass misses by far more."""
    model = NARXRegressor((12,), input_lags=1, output_lags=2, activation="relu", max_iter=30, random_state=0)
    model.fit(X[OLD], y[OLD])
    table = explain(model, X[NEW], y[NEW], at=40, steps=3)
    known = table.attrs
    assert known["forecast"] == pytest.approx(model.predict_ahead(X[NEW], y[NEW], steps=3)[40])
    assert 0 < abs(known["gap"]) < 2e-4 * table.abs().to_numpy().sum()


def test_models_without_a_gradient_say_so():
    for model in (PersistenceRegressor(), AnalogueRegressor()):
        with pytest.raises(TypeError, match="lag_importance"):
            explain(model.fit(X[OLD], y[OLD]), X[NEW], y[NEW])
    speller = EncoderDecoderClassifier(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    with pytest.raises(TypeError, match="attention_weights"):
        explain(speller.fit(["ab", "ba"] * 4, ["b", "a"] * 4), ["ab"], ["b"])
    with pytest.raises(ValueError, match="known ahead up to row 62"):
        explain(Forecaster(ARXRegressor(), 4, known_ahead="all").fit(X[OLD], y[OLD]), X[NEW], y[NEW])
    with pytest.raises(ValueError, match="y is None"):
        explain(ARXRegressor().fit(X[OLD], y[OLD]), X[NEW])


def test_step_response_of_a_linear_model(fitted):
    """y(t) = sum_k a_k y(t - k) + sum_l b_l u(t - l): simulated by hand."""
    model = ARXRegressor(input_lags=[1], output_lags=1).fit(X[OLD], y[OLD])
    unit = response(model, "impulse", input="x1", size=1.0, n_rows=4)["y"]
    assert unit[0] == 0
    assert unit[2] / unit[1] == pytest.approx(unit[3] / unit[2])
    step = response(model, input=1, size=2.0, n_rows=4)
    np.testing.assert_allclose(step["y"], 2 * unit.cumsum(), atol=1e-9)
    assert response(model, n_rows=1).attrs == {"size": model.x_scaler_.scale[0], "input": "x0"}
    with pytest.raises(ValueError, match="input='x7' is not a column"):
        response(model, input="x7")


def test_anomalies_at_a_rate_of_false_alarms():
    rng = np.random.default_rng(0)
    noise = pd.Series(rng.normal(size=3000), pd.date_range("2024", periods=3000, freq="h"))
    model = ARXRegressor(output_lags=1).fit(None, noise[:500])
    model.calibrate(None, noise[500:1500]).update(None, noise[500:1500])
    later = noise[1500:].copy()
    table = anomalies(model, None, later, rate=0.1)
    assert table.attrs["expected"] == pytest.approx(150)
    assert 100 < table.attrs["found"] < 200
    later.iloc[700] = 9.0
    later.iloc[10] = np.nan
    table = anomalies(model, None, later, rate=0.01)
    assert table["score"].idxmax() == later.index[700]
    assert not table["anomaly"].iloc[10]
    assert (table["anomaly"] == ((table.y < table.low) | (table.y > table.high))).all()
    both = {"a": later, "b": noise[1500:]}
    panel = pd.concat(both)
    model = ARXRegressor(output_lags=1).fit(None, pd.concat({"a": noise[:1500], "b": noise[:1500]}))
    two = anomalies(model, None, panel)
    assert two.index.equals(panel.index)
    assert two.loc["a"].anomaly.iloc[700]
    with pytest.raises(ValueError, match="rate"):
        anomalies(model, None, later, rate=0)


def test_response_beside_categories():
    """Which rest where they are told to, else as unknown ones; and there is none of what gives no numbers by rows."""
    day = np.resize(["Mon", "Tue", "Wed"], 120)
    table = pd.DataFrame({"u": X[:120, 0], "day": day})
    model = GRURegressor((3,), max_iter=3, random_state=0).fit(table, y[:120])
    found = response(model, n_rows=3, size=0.5, at=[0.2, "Tue"])["y"]
    rest = pd.DataFrame({"u": np.full(310, 0.2), "day": "Tue"})
    moved = rest.assign(u=np.where(np.arange(310) < 300, 0.2, 0.7))
    change = model.predict(moved, start="cold") - model.predict(rest, start="cold")
    np.testing.assert_allclose(found, change[300:303], rtol=1e-9)
    assert response(model, n_rows=3, size=0.5)["y"].abs().min() > 0
    with pytest.raises(ValueError, match="input='day' holds categories"):
        response(model, input="day")
    labels = ESNClassifier(5).fit(X, y > 0)
    for ask in (response, lambda m: anomalies(m, X, y > 0)):
        with pytest.raises(TypeError, match="ESNClassifier has no trajectories: give a model that has it"):
            ask(labels)
    whole = ESNRegressor(5, pooling="last").fit(X.reshape(20, 13, 2), y[::13])
    with pytest.raises(ValueError, match="response works row by row"):
        response(whole)
