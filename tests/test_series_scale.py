"""scale="series": one model of series whose sizes differ by powers of ten."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tsrnn import ARXRegressor, ESNClassifier, Forecaster, GRURegressor, NARXRegressor, Stream
from tsrnn.diagnostics import explain
from tsrnn.export import to_c, to_keras, to_torch
from tsrnn.preprocessing import Difference


def sized(sizes=(1.0, 1e3, 1e6), n=160, seed=0, shift=5.0):
    """The same kind of series in different units: {key: (X, y)}."""
    found = {}
    for k, size in enumerate(sizes):
        rng = np.random.default_rng(seed + k)
        X, y = rng.normal(size=(n, 1)), np.zeros(n)
        for t in range(1, n):
            y[t] = 0.6 * y[t - 1] + np.tanh(X[t, 0])
        found[f"s{k}"] = X, size * (shift + y)
    return found


def framed(series, rows=slice(None)):
    """X and y as frames with a MultiIndex."""

    def joined(i, kind):
        start = rows.start or 0
        frames = {k: kind(pair[i][rows]) for k, pair in series.items()}
        return pd.concat({k: frame.set_axis(np.arange(len(frame)) + start) for k, frame in frames.items()})

    return joined(0, pd.DataFrame), joined(1, pd.Series)


def by_series(made):
    """Forecasts of three series, a row each."""
    return np.asarray(made).reshape(3, -1)


OWN = {
    "ARX": ARXRegressor(1, 2, scale="series"),
    "difference": ARXRegressor(1, 2, scale="series", target_transform=["log", Difference(1)]),
    "NARX": NARXRegressor((4,), input_lags=1, output_lags=1, scale="series", max_iter=10, random_state=0),
    "GRU": GRURegressor((4,), output_lags=1, scale="series", max_iter=10, random_state=0),
    "Forecaster": Forecaster(ARXRegressor(1, 2, scale="series"), 4),
}
OLD_ROWS, NEW_ROWS, MORE_ROWS = slice(0, 120), slice(120, 140), slice(140, 160)


@pytest.fixture(scope="module", params=OWN, ids=str)
def own(request):
    """A model of series of different sizes."""
    return clone(OWN[request.param]).fit(*framed(sized(), OLD_ROWS))


def test_series_of_any_size_count_alike(own):
    """In other units of one series its forecasts are the same in those, and others as they were."""
    smaller = sized((1.0, 1e3, 1.0))
    other = clone(own).fit(*framed(smaller, OLD_ROWS))
    (X, y), (_, y_other) = framed(sized(), NEW_ROWS), framed(smaller, NEW_ROWS)
    for made, same in (
        (own.predict(X), other.predict(X)),
        (own.predict_ahead(X, y), other.predict_ahead(X, y_other)),
        (own.forecast(4, X), other.forecast(4, X)),
    ):
        np.testing.assert_allclose(by_series(made), by_series(same) * [[1], [1], [1e6]], rtol=1e-6)


def test_each_series_is_forecast_in_its_own_units(own):
    X, y = framed(sized(), NEW_ROWS)
    made = pd.Series(np.asarray(own.predict_ahead(X, y)), y.index)
    for k, size in enumerate((1.0, 1e3, 1e6)):
        assert np.abs(made[f"s{k}"] - y[f"s{k}"]).max() < 2.5 * size
        center, scale = own.series_scales_[f"s{k}"]
        assert scale.shape == center.shape == (1,)


def test_pieces_are_one_pass_in_own_units(own):
    first, more = framed(sized(), NEW_ROWS), framed(sized(), MORE_ROWS)
    model = pickle.loads(pickle.dumps(own)).update(*first)
    whole = by_series(own.predict_ahead(*framed(sized(), slice(120, 160))))
    parts = [by_series(own.predict_ahead(*first)), by_series(model.predict_ahead(*more))]
    np.testing.assert_allclose(whole, np.concatenate(parts, axis=1), rtol=1e-9)


def test_a_new_series_is_known_by_its_first_rows_or_its_history(own):
    """A series like one of training, in other units: after a history forecasts are those, in its units."""
    alike = {"s9": tuple(v * f for v, f in zip(sized()["s0"], (1.0, 1e9)))}
    history, new = framed(alike, OLD_ROWS), framed(alike, NEW_ROWS)
    known = own.predict(
        framed({"s0": sized()["s0"]}, NEW_ROWS)[0], start=framed({"s0": sized()["s0"]}, OLD_ROWS)
    )
    np.testing.assert_allclose(own.predict(new[0], start=history), 1e9 * np.asarray(known), rtol=1e-6)
    other = pickle.loads(pickle.dumps(own)).update(*history)
    assert "s9" in other.series_scales_
    assert "s9" not in own.series_scales_
    made = np.asarray(other.predict_ahead(*new))
    assert np.abs(made - new[1].to_numpy()).max() < 2.5e9
    cold = np.asarray(own.predict_ahead(*new, start="cold"))
    assert 1e9 < np.abs(cold).mean() < 1e10


def test_intervals_are_in_own_units(own):
    X, _ = framed(sized(), slice(120, 124))
    found = own.forecast(4, X, level=80)
    width = (found["hi-80"] - found["lo-80"]).groupby(level=0).mean()
    assert 1e2 < width["s1"] / width["s0"] < 1e4
    assert 1e2 < width["s2"] / width["s1"] < 1e4


def test_a_forecast_is_explained_in_own_units(own):
    """Of a series of training and a new one: what moved it adds up to the forecast, which is that of the model."""
    series = sized()
    series["s9"] = tuple(v * f for v, f in zip(sized()["s0"], (1.0, 1e9)))
    X, y = framed(series, NEW_ROWS)
    made = pd.Series(np.asarray(own.predict_ahead(X, y)), y.index)
    for key, size in (("s1", 1e3), ("s9", 1e9)):
        table = explain(own, X.loc[[key]], y.loc[[key]], at=15)
        assert table.attrs["forecast"] == pytest.approx(made[key].iloc[15], rel=1e-9)
        moved = table.attrs["forecast"] - table.attrs["baseline"]
        assert table.to_numpy().sum() == pytest.approx(moved, abs=1e-6 * size)


def test_zeros_are_zeros_of_each_series():
    model = ARXRegressor(1, 2, scale="series").fit(*framed(sized(), OLD_ROWS))
    X, _ = framed(sized(), NEW_ROWS)
    zeros = [0 * v for v in framed(sized(), OLD_ROWS)]
    after_zeros = pd.Series(np.asarray(model.predict(X, start=tuple(zeros))), X.index)
    np.testing.assert_allclose(model.predict(X, start="zeros"), after_zeros, rtol=1e-9)
    stream = Stream(model, "zeros", series="s1")
    np.testing.assert_allclose([stream.step(x) for x in X.loc["s1"].to_numpy()], after_zeros["s1"], rtol=1e-9)


def test_partial_fit_in_own_units(own):
    model = pickle.loads(pickle.dumps(own)).partial_fit(*framed(sized(), NEW_ROWS))
    made = np.asarray(model.predict_ahead(*framed(sized(), MORE_ROWS))).reshape(3, -1)
    assert (np.abs(made / np.array([[1.0], [1e3], [1e6]]) - 5) < 5).all()


def test_where_no_series_has_a_scale_of_its_own():
    X, y = framed(sized())
    with pytest.raises(ValueError, match="scale='series' does not go with target_bounds"):
        ARXRegressor(scale="series", target_bounds=(0, None)).fit(X, y)
    with pytest.raises(ValueError, match="scale='series' is for a numeric y"):
        ESNClassifier(5, scale="series").fit(np.zeros((9, 1)), np.arange(9) % 2)
    assert not hasattr(ARXRegressor(scale="standard").fit(X, y), "series_scales_")
    net = GRURegressor((2,), scale="series", max_iter=1).fit(X, y)
    for export in (to_c, to_torch, to_keras):
        with pytest.raises(ValueError, match="cannot be exported: fit one with scale='standard'"):
            export(net)


@pytest.mark.parametrize(
    "model", [ARXRegressor(1, 2), Forecaster(ARXRegressor(1, 2), 4)], ids=["ARX", "Forecaster"]
)
def test_series_get_their_own_scale_where_one_cannot_serve_them(model):
    """By default: a tenth varies ten times as much as another tenth or, without X, levels lie far apart."""
    alike, other, apart = sized((1.0, 2.0, 3.0)), sized(), sized((1.0, 1.0, 1.0))
    apart = {key: (X, y + 100 * k) for k, (key, (X, y)) in enumerate(apart.items())}
    assert not hasattr(clone(model).fit(*framed(alike, OLD_ROWS)), "series_scales_")
    assert not hasattr(clone(model).fit(*framed(apart, OLD_ROWS)), "series_scales_")
    prefix = "estimator__" if "estimator" in model.get_params() else ""
    alone = clone(model).set_params(**{f"{prefix}input_lags": ()})
    assert hasattr(alone.fit(None, framed(apart, OLD_ROWS)[1]), "series_scales_")
    X, y = framed(other, OLD_ROWS)
    by_default, asked = clone(model).fit(X, y), clone(model)
    future = framed(other, slice(120, 124))[0]
    np.testing.assert_array_equal(
        by_default.forecast(4, future),
        asked.set_params(**{f"{prefix}scale": "series"}).fit(X, y).forecast(4, future),
    )


def test_sizes_are_not_told_by_series_without_weight_nor_against_bounds_nor_without_past_y():
    X, y = framed(sized(), OLD_ROWS)
    weight = np.where(y.index.get_level_values(0) == "s0", 1.0, 0.0)
    for model, given in [
        (ARXRegressor(), {"sample_weight": weight}),
        (ARXRegressor(target_bounds=(-1e9, None)), {}),
        (GRURegressor((2,), max_iter=1, random_state=0), {}),
    ]:
        assert not hasattr(model.fit(X, y, **given), "series_scales_")


def test_one_series_or_constant_ones_have_a_scale_too():
    X, y = sized()["s1"]
    model, usual = ARXRegressor(1, 2, scale="series").fit(X, y), ARXRegressor(1, 2).fit(X, y)
    np.testing.assert_allclose(model.predict(X), usual.predict(X), rtol=1e-9)
    flat = {"s0": sized()["s0"], "s1": (X, np.full(len(X), 7.0))}
    model = ARXRegressor((), 1, scale="series").fit(*framed(flat))
    made = np.asarray(model.forecast(3))
    assert np.isfinite(made).all()
    np.testing.assert_allclose(made[3:], 7, rtol=0.2)


def test_a_stream_speaks_the_units_of_its_series():
    model = clone(OWN["ARX"]).fit(*framed(sized(), OLD_ROWS))
    X, y = (v.loc["s1"].to_numpy() for v in framed(sized(), NEW_ROWS))
    stream, made = Stream(model, series="s1"), []
    for x, known in zip(X, y):
        made.append(stream.step(x, known))
    whole = pd.Series(
        np.asarray(model.predict_ahead(*framed(sized(), NEW_ROWS))), framed(sized(), NEW_ROWS)[1].index
    )
    np.testing.assert_allclose(made, whole.loc["s1"], rtol=1e-9)
