"""Fitted models in files: pickle, joblib, skops; what is in them, whose version, and files of earlier versions."""

import copy
import io
import pickle
import sys
from typing import NamedTuple
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import pandas as pd
import pytest
from exported import NETS, NO_NETS, TRAIN, data, fitted, rows
from golden import fitted_models
from public import paired
from sklearn.base import BaseEstimator, clone

import tsrnn
from tsrnn import GRURegressor, NARXRegressor
from tsrnn._estimators import persist
from tsrnn._estimators.persist import plain, revived
from tsrnn._models import gru
from tsrnn._values import IS
from tsrnn.export import to_c, to_torch


every = pytest.mark.parametrize("name", NETS)


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


def by_skops(model, folder):
    skops = pytest.importorskip("skops.io")
    file = skops.dumps(model)
    names = skops.get_untrusted_types(data=file)
    assert all(name.startswith("tsrnn.") and "._" not in name for name in names), names
    return skops.loads(file, trusted=names)


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


@paired(name=NETS, way=[by_pickle, by_joblib, by_skops, by_pickle])
def test_round_trips(name, way, tmp_path):
    model = fitted(name)
    same(model, way(model, tmp_path), *rows(name))


@ways
@pytest.mark.parametrize("name", NO_NETS)
def test_what_is_no_net_in_a_file(name, way, tmp_path):
    X, Y = data()
    model = clone(NO_NETS[name]).fit(X[:TRAIN], Y[:TRAIN])
    again = way(model, tmp_path)
    assert np.array_equal(model.predict(X[TRAIN:]), again.predict(X[TRAIN:]))
    assert np.array_equal(
        model.predict_ahead(X[TRAIN:], Y[TRAIN:]), again.predict_ahead(X[TRAIN:], Y[TRAIN:])
    )


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


def asked_for(text):
    """The functions and classes that a pickle asks for."""

    class Asking(pickle.Unpickler):
        def find_class(self, module, name):
            things.append(super().find_class(module, name))
            return things[-1]

    things = []
    Asking(io.BytesIO(text)).load()
    return things


@every
def test_a_file_holds_numbers_containers_and_public_classes(name):
    """So it depends neither on how other libraries lay out their objects, nor on where ours are; no compiled code."""
    text = pickle.dumps(fitted(name))
    for word in (b"pandas", b"scipy", b"numba", b"Dispatcher", b"functools", b"tsrnn._"):
        assert word not in text, word
    for thing in asked_for(text):
        if thing.__module__.partition(".")[0] == "tsrnn":
            home = sys.modules[thing.__module__]
            assert thing.__name__ in home.__all__, thing
        else:
            assert thing.__module__.partition(".")[0] in ("numpy", "builtins", "copyreg", "_codecs"), thing


def test_an_encoder_decoder_in_a_file():
    X, Y = data()
    model = tsrnn.EncoderDecoderRegressor(
        horizon=3, context=8, hidden_layer_sizes=(3,), max_iter=2, random_state=0
    )
    model.fit(X[:80], Y[:80])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.forecast(3), model.forecast(3))


def test_our_version_is_in_the_file(monkeypatch):
    """Another version warns, and is asked for; the same one, and copies, do not."""
    model = fitted("narx")
    text = pickle.dumps(model)
    assert "_tsrnn_version" not in vars(pickle.loads(text))
    copy.deepcopy(model)
    clone(model)
    monkeypatch.setattr(persist, "__version__", "99.0")
    with pytest.warns(UserWarning, match=r"NARXRegressor was saved by tsrnn .* but is read by 99\.0"):
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
    """Whatever a changed file says, reviving it imports nothing: words stand for what has registered itself."""
    for word in ("os", "os.system", "tsrnn._models.gru"):
        with pytest.raises(
            ValueError, match=f"The file has a '{word}', which this version of tsrnn does not have"
        ):
            revived({IS: word, "x": 1})


def test_a_dict_of_the_users_that_looks_like_ours():
    value = {"a": {IS: "stamp", "number": 1}}
    assert revived(pickle.loads(pickle.dumps(plain(value)))) == value


class Pair(NamedTuple):
    """A named tuple of the user's own."""

    one: object
    two: object


def test_named_tuples_of_others():
    value = Pair(pd.Timestamp("2031-02-03"), [Pair(1, 2)])
    again = revived(pickle.loads(pickle.dumps(plain(value))))
    assert again == value
    assert type(again.two[0]) is Pair


def half_gru(learned, share):
    """A cell of the user's own."""
    made = gru.cell("after", learned, False)
    return made._replace(make=half_gru, options={"learned": learned, "share": share}, terms=None, torch=None)


class HalfGRURegressor(GRURegressor):
    def _cell(self):
        return half_gru(self.initial_state == "learned", 0.5)


class Cube(BaseEstimator):
    """A transform, and a loss, of the user's own."""

    def __call__(self, Y):
        return np.cbrt(Y)

    def inverse(self, U):
        return U**3


@pytest.mark.parametrize("way", [by_pickle, by_joblib, lambda model, folder: copy.deepcopy(model)])
def test_parts_of_the_users_own(way, tmp_path):
    """They are named by their own modules; what the cell lacks for export is said."""
    X, Y = (a[:TRAIN] for a in data())
    model = HalfGRURegressor((3,), max_iter=2, target_transform=Cube(), solver="adam", random_state=0).fit(
        X, Y
    )
    again = way(model, tmp_path)
    same(model, again, *rows("narx"))
    assert again._dynamics().net.cell == model._dynamics().net.cell._replace(
        shapes=again._dynamics().net.cell.shapes
    )
    assert again._dynamics().net.cell.options == {"learned": False, "share": 0.5}
    with pytest.raises(TypeError, match=r"cannot be exported: its cell brings no equation"):
        to_c(again)
    with pytest.raises(TypeError, match="its cell brings no order of gates"):
        to_torch(again)
    tsrnn.warmup(HalfGRURegressor)


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
