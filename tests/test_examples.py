"""The examples look at nothing that is not known when the forecast is made."""

import datetime
import importlib
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsrnn.model_selection import backtest


ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def example(monkeypatch):
    """Import an example by name, as if run from its folder."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module


@pytest.mark.parametrize("name", ["wind_farm", "solar_plant"])
def test_forecasts_of_power_ignore_what_comes_later(example, name):
    module = example(name)
    X, y = getattr(module, f"load_{name}")(return_X_y=True)
    X, y = X[:700], y[:700].clip(lower=0)
    if name == "solar_plant":
        X = X[["ghi_clear"]].assign(capacity=np.where(X["ghi_clear"] > 0, module.LARGEST, 0.0))
    later = y.copy()
    later[650:] += 500.0
    for title, model in module.models(quick=True).items():
        if title == "GRU":  # slow, and the same verbs as ESN
            continue
        model.fit(X[:600], y[:600])
        before, after = (backtest(model, X[600:], v[600:], 6).forecasts for v in (y, later))
        made = before["time"] - pd.to_timedelta(before["step"], "h") < y.index[650]
        assert made.any()
        assert (before["forecast"] == after["forecast"])[made].all()
        assert (before["forecast"] != after["forecast"])[~made].any()
        if name == "solar_plant" and title != "persistence":
            night = X["capacity"].reindex(before["time"]).to_numpy() == 0
            assert (before["forecast"][night] == 0).all()
            assert (before["forecast"][~night] > 0).any()


def test_price_comparison(example, tmp_path):
    stock = example("stock")
    rng = np.random.default_rng(0)
    small, large = pd.Series(rng.normal(size=500)), pd.Series(2 * rng.normal(size=500))
    statistic, p = stock.diebold_mariano(small, large)
    assert statistic < -5
    assert p < 1e-6
    assert stock.diebold_mariano(large, small)[0] == pytest.approx(-statistic)
    price = pd.Series(100 + rng.normal(size=500).cumsum())
    assert stock.lag_of_best_match(price.shift(1), price) == 1
    assert stock.lag_of_best_match(price, price) == 0
    (tmp_path / "p.csv").write_text("Date,Open,Close\n2020-01-03,1,20\n2020-01-02,1,10\n")
    assert stock.read_prices(tmp_path / "p.csv").tolist() == [10.0, 20.0]


def test_recordings_that_come_with_other_wheels(example, tmp_path, monkeypatch):
    vowels, activity = example("vowels"), example("activity")
    (tmp_path / "two.ts").write_text("#words\n@dimensions 2\n@data\n1,2,3:4,5,6:a\n7.5:8:b\n")
    series, labels = vowels.read(tmp_path / "two.ts")
    assert [x.tolist() for x in series] == [[[1, 4], [2, 5], [3, 6]], [[7.5, 8]]]
    assert labels.tolist() == ["a", "b"]
    for module, ask in ((vowels, vowels.folder), (activity, activity.recordings)):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        with pytest.raises(SystemExit, match=r"pip install (aeon|seglearn)"):
            ask()


def test_a_trigger_and_its_delay(example, monkeypatch):
    activity = example("activity")

    class Stream:
        """Says what it is given."""

        def __init__(self, model, start):
            pass

        def step(self, row):
            self.probabilities = row

    monkeypatch.setattr(activity, "Stream", Stream)
    monkeypatch.setattr(activity, "ROWS", 2)
    model = types.SimpleNamespace(classes_=np.array(["a", "b"], object))
    shares = np.array([0.2, 0.9, 0.9, 0.4, 0.1, 0.9, 0.1, 0.2])
    probabilities, announced = activity.watch(model, np.column_stack([shares, 1 - shares]))
    np.testing.assert_array_equal(probabilities[:, 0], shares)
    assert announced.tolist() == ["b", "b", "a", "a", "a", "a", "a", "b"]
    labels = np.array(list("aaaabbbbaabb"))
    announced = np.array([None, *"aaacccbbbaa"], object)
    waits = activity.delays(announced, labels) * activity.HERTZ
    np.testing.assert_allclose(waits, [1, 3, np.nan, np.nan])
    data = {
        "X": [np.arange(14.0).reshape(7, 2), np.ones((4, 2))],
        "y": np.array([0, 1]),
        "subject": np.array([3, 4]),
        "y_labels": ["up", "down"],
    }
    monkeypatch.setattr(activity, "MEAN_OF", 2)
    X, y = activity.session(data, 3)
    assert X.tolist() == [[1, 2], [5, 6], [9, 10]]
    assert y.tolist() == ["up"] * 3


NTH = ["1st", "2nd", "11th", "12th", "13th", "21st", "22nd", "30th"]


def test_dates_are_those_that_are_meant(example):
    dates = example("dates")
    day = datetime.date(2016, 5, 3)
    forms = {dates.written(day, form) for form in range(6)}
    assert {"3rd of May 2016", "Tuesday, 3rd May 2016", "05/03/2016", "MAY. 3RD 2016"} < forms
    assert [dates.nth(n) for n in (1, 2, 11, 12, 13, 21, 22, 30)] == NTH
    X, y = dates.draw(50, np.random.default_rng(0))
    assert len(set(y)) == 50
    for text, day in zip(X, y):
        assert any(text == dates.written(datetime.date.fromisoformat(day), form) for form in range(6))


def test_n_grams_are_probabilities_that_more_context_makes_better(example):
    text = example("text")
    known = "to be or not to be, that is the question. " * 9
    model = text.NGram(known)
    for history in ("", "zz", "t", "to b", "not to b"):
        total = sum(model.probability(character, history) for character in model.characters)
        assert total == pytest.approx(1)
    bits = [text.NGram(known, order).bits(known[:42]) for order in (1, 2, 3, 5)]
    assert bits == sorted(bits, reverse=True)
    source = text.standard_library()
    assert len(source) > 1_000_000
    assert "def " in source


def test_examples_are_short():
    """A newcomer reads one in a minute."""
    for path in (ROOT / "examples").glob("*.py"):
        assert path.read_text("utf-8").count("\n") < 100, path.name


def test_valid_time_of_a_forecast_of_chaos(example):
    chaos = example("chaos")
    error = np.array([[0, 0.3, 0.5, 0.1], [0, 0, 0, 0.1], [0.9, 0, 0, 0]])  # of 3 starts
    table = pd.DataFrame({"forecast": 2 * error.ravel(), "y": 0.0, "output": "x"})
    table["origin"], table["step"] = np.repeat([5, 6, 7], 4), np.tile([1, 2, 3, 4], 3)
    times = chaos.valid_times(table, pd.Series({"x": 2.0}))
    np.testing.assert_allclose(times, np.array([2, 4, 0]) * chaos.DT * chaos.LYAPUNOV)
