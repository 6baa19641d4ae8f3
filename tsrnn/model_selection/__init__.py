"""Evaluation of forecasts: backtests from many origins, a scorer for searches, splits of panels by time."""

from .._values import public
from ._backtest import Backtest, backtest
from ._scorer import forecast_scorer
from ._split import PanelTimeSeriesSplit


__all__ = ["Backtest", "PanelTimeSeriesSplit", "backtest", "forecast_scorer"]

for _name in __all__:  # so that files and documentation name no module inside the package
    public(__name__)(globals()[_name])
