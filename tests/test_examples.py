"""The README's blocks run; the examples look at nothing that is not known when the forecast is made."""

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsrnn import NARXRegressor


ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def example(monkeypatch):
    """Import an example by name, as if run from its folder."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module


@pytest.mark.slow  # the README fits models of full size
def test_readme_blocks_run_in_order():
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert len(blocks) >= 5
    names = {}
    for k, block in enumerate(blocks):
        exec(compile(block, f"README.md, python block {k + 1}", "exec"), names)
    assert str(names["next_hour"].index[0]) == "2014-04-01 00:00:00+00:00"


@pytest.mark.parametrize("h", [1, 6])
def test_wind_forecast_ignores_the_last_h_hours(example, h):
    wind = example("wind_farm")
    X, y = wind.load_wind_farm(return_X_y=True)
    X, y = X[:"2014-02"], y[:"2014-02"]
    lags = range(h, h + 2)
    model = wind.pipeline(NARXRegressor((2,), input_lags=lags, output_lags=lags, training="open_loop"))
    model.fit(X[:1000], y[:1000])
    X_test, y_test = X[1000:1100].copy(), y[1000:1100].copy()
    before = wind.predict(model, X_test, y_test)
    X_test.iloc[50:] += 5.0
    y_test.iloc[50:] += 500.0
    after = wind.predict(model, X_test, y_test)
    pd.testing.assert_series_equal(before[: 50 + h], after[: 50 + h], check_exact=True)
    assert (before[50 + h :] != after[50 + h :]).any()


def test_solar_inputs_are_known_h_hours_before(example):
    solar = example("solar_plant")
    X = solar.load_solar_plant().data[:200]
    changed = X.copy()
    changed.loc[X.index[100:], ["ghi", "temperature"]] += 100.0
    before, after = solar.known_before(X, 6), solar.known_before(changed, 6)
    pd.testing.assert_frame_equal(before[:106], after[:106])
    assert (before["ghi"][106:] != after["ghi"][106:]).all()


def test_solar_power_is_zero_at_night_and_never_negative(example):
    solar = example("solar_plant")
    X = solar.load_solar_plant().data[:48]
    power = solar.by_day_only(pd.Series(np.linspace(-50, 50, 48), X.index), X)
    assert (power >= 0).all()
    assert (power[X["ghi_clear"] == 0] == 0).all()
    assert (power > 0).any()


def test_scores_leave_out_what_was_not_measured(example):
    report = example("_report")
    y = pd.Series([0.0, 1.0, np.nan, 3.0])
    tables = report.scores(y, {1: {"persistence": y * 0 + 1, "NARX": y.fillna(9.0) + [0.5, -0.5, 0, 0.5]}})
    assert tables["RMSE"].loc["NARX", 1] == pytest.approx(0.5)
    assert tables["MAE"].loc["persistence", 1] == pytest.approx(1.0)
    assert tables["skill"].loc["NARX", 1] == pytest.approx(1 - 0.5 / np.sqrt(5 / 3))


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
