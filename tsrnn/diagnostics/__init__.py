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
from ._correlations import correlation, find_period, residual_correlations
from ._diagnose import Diagnoses, Diagnosis, diagnose
from ._explain import embedding, explain, response
from ._lag_importance import lag_importance


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

for _name in __all__:  # so that files and documentation name no module inside the package
    public(__name__)(globals()[_name])
