"""What the library says: messages for what newcomers try, what a fit and a compilation tell, untrained nets."""

import logging
import pydoc
import re
import sys
import warnings
from email.message import Message

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import tsrnn
from tsrnn import ARXRegressor, ESNRegressor, GRURegressor, LSTMRegressor, NARXRegressor, _documented
from tsrnn._kernels import jit
from tsrnn.datasets import make_narma
from tsrnn.export import to_c
from tsrnn.preprocessing import CalendarFeatures


X, y = make_narma(300, random_state=0)


def test_help_needs_no_extras(monkeypatch):
    monkeypatch.setattr(tsrnn, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "sktime", None)  # as where it is not installed
    text = pydoc.plain(pydoc.render_doc(tsrnn))
    assert text.index("Fit, then forecast") < text.index("class ARXRegressor")
    assert "sktime" not in dir(tsrnn)


def test_the_public_names_come_first_in_help():
    named = set(re.findall(r"\w+", tsrnn.__doc__))
    assert set(tsrnn.__all__) <= named
    for module in tsrnn._MODULES:
        assert module in tsrnn.__doc__.strip().splitlines()[-1]


@pytest.mark.parametrize("address", ["", "https://docs.example.org/tsrnn/"])
def test_html_links_to_a_documentation_that_exists_or_to_none(address, monkeypatch):
    """Links of scikit-learn's pictures would lead to its own pages; "?" without an address would lead nowhere."""
    found = Message()
    if address:
        found["Project-URL"] = f"Documentation, {address}"
    monkeypatch.setattr(_documented, "metadata", lambda name: found)
    monkeypatch.setattr(_documented, "_site", _documented._site.__wrapped__)
    for model in (NARXRegressor(), ARXRegressor().fit(X, y), CalendarFeatures()):
        html, module = model._repr_html_(), type(model).__module__
        assert type(model).__name__ in html
        page = f"{address}api.html#{module}.{type(model).__name__}" if address else ""
        assert model._get_doc_link() == page
        links = re.findall(r'href="([^"]*)"', html[html.rindex("</style>") :])
        assert all(address and link.startswith(page) for link in links)
        assert bool(links) == bool(address)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (X[:, 0], y, r"X has one dimension, \(300,\).*np.reshape\(X, \(-1, 1\)\)"),
        ([X[:150, 0], X[150:, 0]], [y[:150], y[150:]], "X is a list of arrays of one dimension"),
        ([X[:150], X[150:]], ["a", "b"], "GRUClassifier"),
        (X, np.resize(["1,5", "2"], 300), "such as '1,5': read numbers as such, with pd.read_csv"),
        (
            X,
            np.r_[["?"], np.arange(299)],
            r"y holds words, such as '\?': convert what is no number to NaN, with",
        ),
        (X, np.resize(["2024-01-31", "2024-02-01"], 300), "'2024-.*': give numbers, and dates as the index"),
        (
            pd.DataFrame({"a": X[:, 0], "b": ["n/a", *range(299)]}),
            y,
            "X holds words, such as 'n/a' in column 'b', .*: convert what is no number to NaN, with",
        ),
        (
            X,
            pd.DataFrame({"a": X[:, 0], "b": "rain"}),
            "y holds words, such as 'rain' in column 'b': for labels",
        ),
        (
            X,
            np.resize(["a", "b"], 300),
            "y holds words, such as '[ab]': for labels take a classifier, such as",
        ),
    ],
    ids=[
        "X of one dimension",
        "list of such",
        "labels of series",
        "commas",
        "a word among numbers",
        "dates",
        "a word in a column of numbers",
        "a column of words in y",
        "labels of rows",
    ],
)
def test_what_newcomers_try(X, y, words):
    for model in (NARXRegressor(), GRURegressor()):
        with pytest.raises(ValueError, match=words):
            model.fit(X, y)
        with pytest.raises(
            ValueError, match=r"X comes first: for a series without inputs call fit\(None, y\)"
        ):
            model.fit(np.arange(9.0))
    with pytest.raises(ValueError, match="Reshape your data"):
        ARXRegressor().fit(*make_narma(99, random_state=0)).predict(np.zeros(5))


def test_rows_that_are_none():
    with pytest.raises(ValueError, match="give the transpose"):  # a series as MATLAB holds it
        NARXRegressor(input_lags=2, output_lags=1).fit(X.T, y[None])
    model = ARXRegressor().fit(X, y)
    for call in (
        lambda: ARXRegressor().fit(X.T, y),
        lambda: model.predict(X.T),
        lambda: model.predict_ahead(X, y[None]),
        lambda: model.update(X, y[None]),
        lambda: model.forecast(5, X.T),
        lambda: tsrnn.model_selection.backtest(model, X.T, y[None], 5),
        lambda: tsrnn.diagnose(model, X.T, y[None]),
        lambda: tsrnn.diagnostics.lag_importance(model, X.T, y[None]),
    ):
        with pytest.raises(ValueError, match="give the transpose"):
            call()
    shuffled = np.sort(np.random.default_rng(0).permutation(300)[:200])
    model = ARXRegressor().fit(pd.DataFrame(X[:150]), y[:150])
    with pytest.warns(UserWarning, match=r"KFold\(shuffle=True\)\? Take TimeSeriesSplit"):
        model.predict(pd.DataFrame(X, index=range(150, 450)).iloc[shuffled])


def test_names_of_c_from_paths():
    model = ARXRegressor().fit(X, y)
    assert to_c(model, "firmware/plant-2.h") == to_c(model, "plant_2")
    with pytest.raises(ValueError, match="no name in C"):
        to_c(model, "plant-2")


def test_compilation_says_once_what_takes_the_seconds(caplog, monkeypatch):
    jit._say_what_takes_seconds.cache_clear()
    with caplog.at_level(logging.INFO, "tsrnn"):
        jit._say_what_takes_seconds()
        jit._say_what_takes_seconds()
    (record,) = caplog.records
    assert "warmup" in record.message
    assert record.levelno == logging.INFO  # nobody waits
    jit._say_what_takes_seconds.cache_clear()
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    jit._say_what_takes_seconds()
    assert caplog.records[-1].levelno == logging.WARNING


def test_calibration_shows_its_folds(capsys):
    ARXRegressor().fit(X, y).calibrate(X, y, cv=2)
    assert capsys.readouterr().out == ""
    model = LSTMRegressor((2,), max_iter=1, random_state=0).fit(X, y)
    model.set_params(verbose=2).calibrate(X, y, cv=2)
    assert capsys.readouterr().out.splitlines() == ["calibrate: fold 1 of 2", "calibrate: fold 2 of 2"]


def test_untrained_nets():
    for sizes in ((3,), (3, 2)):
        net = LSTMRegressor(sizes, max_iter=2, random_state=0)
        parameters = net.get_params()
        with warnings.catch_warnings(action="error"):
            one = net.initialize(X, y)
        assert one is net
        assert net.get_params() == parameters
        theta = net.theta_
        assert net.gradient_flow(X, y, steps=5).shape == (len(sizes), 5)
        assert np.array_equal(net.initialize(X, y).theta_, theta)
        assert net.predict(X[:4]).shape == (4,)
        assert not np.array_equal(net.fit(X, y).theta_, theta)
    esn = ESNRegressor(5, random_state=0)
    assert np.array_equal(esn.initialize(X, y).states(X), clone(esn).fit(X, y).states(X))
    warm = LSTMRegressor((3,), max_iter=1, warm_start=True, random_state=0).initialize(X, y)
    assert np.isfinite(warm.fit(X, y).theta_).all()
