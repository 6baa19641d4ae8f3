"""What a fitted model is worth, what moved its forecasts, and what was out of the ordinary.

| to ask | call |
|---|---|
| is it better than naive forecasts, and what do its errors still hold? | ``diagnose`` |
| how far do forecasts move with each lag, in the mean? | ``lag_importance`` |
| what moved this one forecast? | ``explain`` |
| what does a step of an input do? | ``response`` |
| which rows are out of the ordinary? | ``anomalies`` |
| what has a net learnt about categories? | ``embedding`` |
"""

from .._values import public
from ._anomalies import anomalies
from ._diagnose import (
    Diagnoses,
    Diagnosis,
    correlation,
    diagnose,
    find_period,
    lag_importance,
    residual_correlations,
)
from ._explain import embedding, explain, response


__all__ = [
    "Diagnoses",
    "Diagnosis",
    "anomalies",
    "correlation",
    "diagnose",
    "embedding",
    "explain",
    "find_period",
    "lag_importance",
    "residual_correlations",
    "response",
]

for _name in __all__:  # their place inside the package is nobody's business
    public(__name__)(globals()[_name])
