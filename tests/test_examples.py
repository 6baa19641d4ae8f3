"""The examples look at nothing that is not known when the forecast is made."""

import importlib
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
