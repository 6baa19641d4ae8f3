"""Numbers after training in other units than those of training: kelvin, percent, kilowatts."""

import pickle
import warnings
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tsrnn import ARXRegressor, AutoForecaster, ESNClassifier, ESNRegressor, Forecaster, GRURegressor, Stream
from tsrnn._series import ranges
from tsrnn._series.ranges import warn_if_far


N, SPLIT = 700, 676
DAYS = np.arange(N)
RNG = np.random.default_rng(0)
TEMPERATURE = 12 + 11 * np.sin(2 * np.pi * DAYS / 365) + 3 * RNG.normal(size=N)
FRAME = pd.DataFrame(
    {"temperature": TEMPERATURE, "cloud": RNG.uniform(0.1, 1, N), "day": DAYS},
    pd.date_range("2022-01-01", periods=N),
)
LOAD = 300 + 8 * FRAME.temperature + 40 * FRAME.cloud + 5 * RNG.normal(size=N)
OLD, NEW = slice(0, SPLIT), slice(SPLIT, N)
KELVIN = FRAME[NEW].assign(temperature=lambda X: X.temperature + 273.15)
PERCENT = FRAME[NEW].assign(cloud=lambda X: 100 * X.cloud)
MODELS = {
    "ARX": ARXRegressor(),
    "ESN": ESNRegressor(20, random_state=0),
    "Forecaster": Forecaster(ARXRegressor(), 24, known_ahead="all"),
    "Auto": AutoForecaster(24, candidates=[ARXRegressor()], known_ahead="all"),
}


@cache
def fit(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pickle.dumps(MODELS[name].fit(FRAME[OLD], LOAD[OLD]))


def fitted(name):
    return pickle.loads(fit(name))


def ranges_of(V, n_series=1):
    ends = np.linspace(0, len(V), n_series + 1).astype(int)
    return ranges.ranges_of(V, [slice(*of) for of in pairwise(ends)])


def told(call):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in given if "other units" in str(w.message)]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("X", "column"), [(FRAME[NEW], None), (KELVIN, "'temperature' of X"), (PERCENT, "'cloud' of X")]
)
def test_inputs_in_other_units_are_told_of(name, X, column):
    model = fitted(name)
    for verb in (lambda: model.predict(X), lambda: model.forecast(24, X), lambda: model.update(X)):
        messages = told(verb)
        assert len(messages) == (column is not None)
        assert not messages or column in messages[0]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("times", [1e-3, 1, 1e3])
def test_y_in_other_units_is_told_of(name, times):
    model = fitted(name)
    messages = told(lambda: model.predict_ahead(FRAME[NEW], times * LOAD[NEW]))
    assert len(messages) == (times != 1)
    assert not messages or messages[0].startswith("y is ")


def test_columns_that_are_not_known_ahead_are_not_looked_at():
    model = Forecaster(ARXRegressor(), 24, known_ahead=["cloud"]).fit(FRAME[OLD], LOAD[OLD])
    assert not told(lambda: model.forecast(24, KELVIN))
    assert "of X_future" in told(lambda: model.forecast(24, PERCENT))[0]


def test_what_partial_fit_has_learnt_is_known():
    model = fitted("ARX")
    assert told(lambda: model.partial_fit(KELVIN, LOAD[NEW]))
    assert not told(lambda: model.predict(KELVIN, start="cold"))


def test_whole_series_in_other_units():
    X = [RNG.normal(size=(30, 2)) for _ in range(20)]
    model = ESNClassifier(10, random_state=0).fit(X, np.tile([0, 1], 10))
    assert not told(lambda: model.predict(X))
    assert "column 1 of X" in told(lambda: model.predict([x + [0, 1000] for x in X]))[0]


def test_a_stream_tells_of_its_first_rows_once():
    stream = Stream(fitted("ARX"))
    assert len(told(lambda: [stream.step(row) for row in KELVIN.to_numpy()])) == 1


def test_a_stream_may_be_given_one_array_again_and_again():
    stream, row = Stream(fitted("ARX")), np.empty(FRAME.shape[1])

    def step(k):
        row[:] = (KELVIN if k == 4 else FRAME[NEW]).iloc[k]
        stream.step(row)

    assert not told(lambda: [step(k) for k in range(5)])


def test_categories_have_no_units():
    X = pd.DataFrame({"place": RNG.choice(list("abcdefghijkl"), N)}, FRAME.index)
    model = GRURegressor((2,), max_iter=1, random_state=0)
    assert not told(lambda: model.fit(X[OLD], LOAD[OLD]).predict(X[NEW].assign(place="l")))


@pytest.mark.parametrize(
    ("seen", "later"),
    [
        (np.arange(100.0), np.arange(300.0, 400.0)),  # a line goes on
        (RNG.normal(size=900).cumsum(), None),  # and so does a random walk
        (np.r_[np.zeros(95), RNG.normal(size=5)], np.full(9, 50.0)),  # it stands still mostly
        (np.tile([0.0, 1.0], 50), np.full(9, 50.0)),  # two values, as of a year or a flag
        (RNG.normal(size=20), np.full(9, 50.0)),  # too few
        (RNG.normal(size=90), np.full(9, np.nan)),
    ],
)
def test_what_tells_nothing(seen, later):
    seen, later = (seen[:400], seen[400:]) if later is None else (seen, later)
    assert not told(lambda: warn_if_far(ranges_of(seen[:, None]), later[:, None], str))


def test_others_are_named_too():
    V = RNG.normal(size=(90, 3))
    (message,) = told(lambda: warn_if_far(ranges_of(V), V + [0, 90, 90], "abc".__getitem__))
    assert message.startswith("b is ")
    assert "so far away is c" in message


def test_a_continental_climate_in_kelvin():
    days = np.arange(900)
    V = (8 - 15 * np.cos(2 * np.pi * days / 365) + 5 * np.sin(1.7 * days) + 3 * np.cos(days))[:, None]
    assert told(lambda: warn_if_far(ranges_of(V[:730]), V[730:] + 273.15, str))
    assert told(lambda: warn_if_far(ranges_of(V[:730] + 273.15), V[730:], str))
    assert not told(lambda: warn_if_far(ranges_of(V[:730]), V[730:] + 190, str))


def test_time_goes_on_in_each_of_many_short_series():
    V = np.tile(np.arange(30.0), 20)[:, None]
    assert not told(lambda: warn_if_far(ranges_of(V, 20), np.arange(300.0, 330.0)[:, None], str))
    assert told(lambda: warn_if_far(ranges_of(V, 20), np.arange(30_000.0, 30_030.0)[:, None], str))


@pytest.mark.parametrize("name", ["ARX", "ESN"])
def test_rows_on_a_line_are_looked_at_no_more_closely(name, monkeypatch):
    model = fitted(name)
    monkeypatch.setattr(np, "nanmedian", None)
    model.update(FRAME[NEW][:1], LOAD[NEW][:1])
