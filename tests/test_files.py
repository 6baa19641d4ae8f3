"""Fitted models in files: pickle, joblib, skops; what is in them, whose version, and files of earlier versions."""

import copy
import pickle
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import pandas as pd
import pytest
from exported import NETS, TRAIN, data, fitted, rows
from golden import fitted_models
from sklearn.base import clone

import tsrnn
from tsrnn import GRURegressor, NARXRegressor
from tsrnn._estimators.persist import Plain, plain, revived


every = pytest.mark.parametrize("name", NETS)


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


def by_skops(model, folder):
    io = pytest.importorskip("skops.io")
    file = io.dumps(model)
    names = io.get_untrusted_types(data=file)
    assert all(name.startswith("tsrnn.") for name in names), names
    return io.loads(file, trusted=names)


ways = pytest.mark.parametrize("way", [by_pickle, by_joblib, by_skops])


def same(model, other, X, Y):
    """They forecast the same, to the bit, and go on to learn the same."""
    assert type(model) is type(other)
    assert {
        k: v for k, v in model.get_params(deep=False).items() if isinstance(v, (int, float, str, tuple))
    } == {k: v for k, v in other.get_params(deep=False).items() if isinstance(v, (int, float, str, tuple))}
    assert np.array_equal(model.predict(X, start="end"), other.predict(X, start="end"))
    assert np.array_equal(model.predict_ahead(X, Y), other.predict_ahead(X, Y))
    some = slice(0, 40)
    X, Y = data()[0][TRAIN:][some], data()[1][TRAIN:][some]
    learnt = [copy.deepcopy(m).partial_fit(X, Y).predict(X) for m in (model, other)]
    assert np.array_equal(*learnt)


@ways
@every
def test_round_trips(name, way, tmp_path):
    model = fitted(name)
    same(model, way(model, tmp_path), *rows(name))


def frames(n=80, freq="h", tz=None):
    """X and y in pandas."""
    index = pd.date_range("2031-02-03", periods=n, freq=freq, tz=tz, name="time")
    X, Y = data()
    return pd.DataFrame(X[:n], index, columns=["a", "b", "c", "d"]), pd.Series(Y[:n, 0], index, name="power")


@ways
@pytest.mark.parametrize(
    ("freq", "tz"), [("h", None), ("15min", "Europe/Berlin"), ("MS", "UTC"), ("B", None), ("D", "UTC+02:00")]
)
def test_stamps(freq, tz, way, tmp_path):
    """A model knows its stamps again: forecasts have the same index, and a gap is a gap."""
    X, y = frames(90, freq, tz)
    model = NARXRegressor((), max_iter=2).fit(X[:80], y[:80])
    again = way(model, tmp_path)
    assert again.timeline_ == model.timeline_
    pd.testing.assert_series_equal(again.forecast(5, X[80:]), model.forecast(5, X[80:]))
    for m in (model, again):
        with pytest.warns(UserWarning, match=r"2 row\(s\) are missing"):
            m.predict(X[82:])


@ways
def test_several_series_and_columns(way, tmp_path):
    """Keys of any kind, and names of y on two levels."""
    X, y = frames(80)
    keys = [("north", 1), ("south", 2)]
    X, y = (pd.concat([a, a], keys=keys, names=["side", "number", "time"]) for a in (X, y))
    names = pd.MultiIndex.from_tuples([("power", "MW"), ("heat", "MW")], names=["what", "unit"])
    Y = pd.DataFrame(np.column_stack([y, 2 * y]), y.index, columns=names)
    model = GRURegressor((3,), max_iter=2, output_lags=1, random_state=0).fit(X, Y)
    again = way(model, tmp_path)
    assert list(again.series_) == list(model.series_) == keys
    assert np.array_equal(again.predict(X), model.predict(X))
    ahead = X.groupby(["side", "number"]).head(3)
    ahead.index = ahead.index.set_levels(ahead.index.levels[2] + pd.Timedelta("80h"), level=2)
    pd.testing.assert_frame_equal(again.forecast(3, ahead), model.forecast(3, ahead))


@every
def test_nothing_of_other_libraries_is_in_a_file(name):
    """So a file does not depend on how they lay out their objects; and no compiled code."""
    text = pickle.dumps(fitted(name))
    for word in (b"pandas", b"scipy", b"numba", b"Dispatcher", b"functools"):
        assert word not in text, word


def test_our_version_is_in_the_file(monkeypatch):
    """Another version warns, and is asked for; the same one, and copies, do not."""
    model = fitted("narx")
    text = pickle.dumps(model)
    assert "_tsrnn_version" not in vars(pickle.loads(text))
    copy.deepcopy(model)
    clone(model)
    monkeypatch.setattr(tsrnn, "__version__", "99.0")
    with pytest.warns(UserWarning, match=r"NARXRegressor was saved by tsrnn .* and is read by 99\.0"):
        pickle.loads(text)
    pickle.loads(pickle.dumps(model))
    state = model.__getstate__()
    del state["_tsrnn_version"]
    with pytest.warns(UserWarning, match="saved by tsrnn an earlier version"):
        NARXRegressor.__new__(NARXRegressor).__setstate__(state)


@pytest.mark.parametrize(
    "value",
    [
        {None: 1, ("a", 2): {"b": [3.0]}},
        pd.Timestamp("2031-02-03 04:05", tz="Europe/Berlin"),
        pd.Timestamp("2031-10-26 02:30+01:00").tz_convert(
            ZoneInfo("Europe/Berlin")
        ),  # the hour that comes twice
        pd.Timestamp("4031-02-03").as_unit("s"),
        pd.Timedelta("90min"),
        pd.Timedelta(5, "D").as_unit("s"),
        pd.offsets.QuarterEnd(startingMonth=2),
        pd.offsets.Hour(6),
        (pd.Timestamp("2031-02-03"), [pd.Timedelta("1h"), None, "x", True]),
    ],
)
def test_plain_and_back(value):
    """Values of other libraries, within any container, come back as they were."""
    again = revived(pickle.loads(pickle.dumps(plain(value))))
    assert again == value
    assert type(again) is type(value)
    assert b"pandas" not in pickle.dumps(plain(value))
    if isinstance(value, pd.Timestamp):
        assert str(again) == str(value)
        assert again.unit == value.unit


def test_a_file_names_no_code_of_others():
    """Whatever a changed file says, reviving it imports nothing but our cells."""
    with pytest.raises(ValueError, match="has a cell 'os'"):
        revived(Plain("cell", ("os", ["x"])))
    with pytest.raises(KeyError):
        revived(Plain("import", "os"))


@pytest.mark.filterwarnings("ignore:This .* was saved by tsrnn")
@pytest.mark.parametrize("file", fitted_models.files(), ids=lambda file: file.name)
def test_files_of_earlier_versions(file):
    """They load, and forecast what they did."""
    X, Y, models = fitted_models.load(file)
    assert len(models) > 8
    for name, (model, free, ahead) in models.items():
        assert np.allclose(model.predict(X, start="end"), free, rtol=1e-9), name
        assert np.allclose(model.predict_ahead(X, Y), ahead, rtol=1e-9), name


def test_this_version_has_its_file():
    assert fitted_models.FOLDER / f"{tsrnn.__version__}.pickle.xz" in fitted_models.files()
