"""Pictures of models, in scikit-learn's display convention: data in the constructor, ``plot(ax)``.

| to see | draw |
|---|---|
| a forecast, its intervals, sample paths | ``ForecastDisplay`` |
| a free run beside the record, and its fit in per cent | ``CompareDisplay`` |
| errors by horizon, of models and baselines | ``BacktestDisplay`` |
| errors by hour and weekday | ``ErrorCalendarDisplay`` |
| whether intervals have their nominal coverage | ``ReliabilityDisplay`` |
| what errors still hold | ``ResidualDisplay`` |
| how training went; who won a race | ``LossCurveDisplay``, ``GradientFlowDisplay``, ``LeaderboardDisplay`` |
| what a forecast depends on | ``LagImportanceDisplay``, ``ExplanationDisplay``, ``AttentionDisplay`` |
| the answer to a step and a pulse | ``ResponseDisplay`` |
| what is inside | ``ReservoirDisplay``, ``PoolingDisplay``, ``EmbeddingDisplay`` |
| how sure a classifier is along time | ``ProbabilityDisplay`` |

All have one style: no frames, colours that the colour-blind can tell apart, dates as dates, whole numbers as such. A
unit is written where the name of y ends with one, such as "power [kW]", or where ``unit="kW"`` gives it.  Your own
pictures have it after ``plt.style.use(tsrnn.plotting.STYLE)``.  They need matplotlib: ``pip install tsrnn[plot]``.
"""

from .._values import public
from ._errors import BacktestDisplay, ErrorCalendarDisplay, ReliabilityDisplay, ResidualDisplay
from ._forecasts import CompareDisplay, ForecastDisplay
from ._inside import (
    AttentionDisplay,
    ExplanationDisplay,
    LagImportanceDisplay,
    PoolingDisplay,
    ReservoirDisplay,
    ResponseDisplay,
)
from ._labels import EmbeddingDisplay, ProbabilityDisplay
from ._style import STYLE
from ._training import GradientFlowDisplay, LeaderboardDisplay, LossCurveDisplay


__all__ = [
    "STYLE",
    "AttentionDisplay",
    "BacktestDisplay",
    "CompareDisplay",
    "EmbeddingDisplay",
    "ErrorCalendarDisplay",
    "ExplanationDisplay",
    "ForecastDisplay",
    "GradientFlowDisplay",
    "LagImportanceDisplay",
    "LeaderboardDisplay",
    "LossCurveDisplay",
    "PoolingDisplay",
    "ProbabilityDisplay",
    "ReliabilityDisplay",
    "ReservoirDisplay",
    "ResidualDisplay",
    "ResponseDisplay",
]

for _name in __all__[1:]:  # their place inside the package is nobody's business
    public(__name__)(globals()[_name])
