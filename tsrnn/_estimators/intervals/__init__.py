"""Forecast intervals from a model's errors on rows that it was not trained on.

Errors are of levels (see ``targets.py``), so that with ``target_transform="log"`` they are relative ones. How large
they are depends on the forecast: a solar plant errs at noon and not at night. So an interval around a forecast p
comes from those errors whose forecasts were nearest to p:

conformal    at each horizon step the errors of all forecasts made as many steps ahead, give or take one [1]_ [2]_,
             moved and stretched by those that came later (``adaptive.py``)
split        the same without what came later
bootstrap    errors of one step, drawn at random, added to the output and fed back: paths that the series may take;
             moved and stretched likewise, and "split-bootstrap" the same without
quantiles    of a model that has learnt them; widened or narrowed so that they hold on rows to calibrate with, and
             moved and stretched likewise (``fans.py``)

segments      which rows errors are taken from: stretches held back in ``fit``, or those of ``calibrate``
errors        forecasts from these rows, and what came of them
learnt        the rows that were trained on, known again where they are given to ``calibrate``
later         the rows that came after, kept by ``update``, and forecasts from them
local_scale   how errors spread with the forecast and the last value
pools         quantiles of the errors whose forecasts were near
calibration   what errors come to: scales, pools, and how many independent ones they hold
adaptive      shift, spread and tails since calibration
conformal     intervals of forecasts, of errors at each step
bootstrap     intervals of forecasts, of paths
fans          intervals of forecasts, of learnt quantiles

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer. "Algorithmic Learning in a Random World." Springer, 2005.
.. [2] J. Lei et al. "Distribution-free predictive inference for regression." JASA 113(523), 2018.
"""
