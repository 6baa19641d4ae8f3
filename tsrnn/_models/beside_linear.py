"""The linear model of a recurrent net's lags, beside the net, by the share that held rows warrant.

    y^(t) = share net(t) + (1 - share) [b + sum_k a_k y(t - k) + sum_l c_l x(t - l)]

Ridge regression on the lags, or a mean of several (``linear_mean.py``), is fitted to the rows that are not held back.
It and the net forecast each held row and run on freely; the share of the net is the one that errs least, so far as
these rows can tell.
"""

from typing import NamedTuple

import numpy as np

from .._nets.delay import DelayDynamics, Layer, make_plan
from .._nets.delay_linear import SHARES, Mixed, doubt_of, trusted_share
from .._nets.recurrent import beside_lags
from .._series.units import none_held
from .linear_mean import linear_mean


MOST_STEPS = 32  # of free runs by which a net is weighed against a linear model
MOST_RUNS = 2000  # of all series: more tell little and cost more than the fit of a reservoir


class Beside(NamedTuple):
    """A linear model beside a net.

    share : of the net.   before, after : readouts of the lags before the held rows were learnt, and with them.
    """

    share: float
    before: Layer
    after: Layer


def with_lags(net, lags):
    """Return the layout of a net whose readout sees lags of inputs and outputs, too."""
    D = sum(width * len(of) for width, of in zip((net.n_inputs, net.y_width), lags))
    return beside_lags(net, np.zeros(net.size), lags, Layer(np.zeros((D, net.n_outputs)), 0.0), 1.0)[0]


def linear_beside(judged, series, averaged):
    """Weigh a net, as it was before it learnt the held rows, against a linear model of ``Averaged`` lags.

    Returns ``Beside``; None where the net is to stay alone.
    """
    D, O = judged.net.n_inputs, judged.net.n_outputs
    plan = make_plan(D, O, (), "identity", *averaged.together, [])
    series = without_first(series, plan.lead)
    before = linear_mean(D, O, averaged, series)
    if before is None or not any(np.any(s.held & (s.w > 0)) for s in series):
        return None
    theta = np.concatenate([before.layer.W.ravel(), before.layer.b])
    share = share_of((DelayDynamics(theta, plan, judged.mean, judged.input_lag), judged), series, averaged)
    if share == 1.0:
        return None
    return Beside(share, before.layer, linear_mean(D, O, averaged, none_held(series)).layer)


def without_first(series, n):
    """Return the series whose first n rows count nothing."""
    return [s._replace(w=np.where(np.arange(len(s.w)) < n, 0.0, s.w)) for s in series]


def share_of(models, series, averaged=None):
    """Return the share of the second of two models, linear one first, that runs over the held rows warrant.

    averaged : the lags of the first, if it is a mean.
    """
    *forecasts, w = _held_runs(models, series)
    kinds = ([v[:, :steps].reshape(len(w), -1) for v in forecasts] for steps in (1, None))
    return trusted_share([Mixed(*kind, w) for kind in kinds], SHARES, doubt_of(series, averaged))


def _held_runs(models, series):
    """Forecast from each held row on, or of very many each second, third ..., freely, until its stretch ends.

    Returns the forecasts of each model (N, steps, O), y (N, steps, O), NaN behind the stretch, and weights (N,).
    """
    counts = [s.held & (s.w > 0) for s in series]
    steps, every = min(MOST_STEPS, max(map(_longest, counts))), 1 + sum(map(np.sum, counts)) // MOST_RUNS
    columns = []
    for s, rows in zip(series, counts):
        first = np.flatnonzero(rows)[::every]
        at = first[:, None] + np.arange(steps)
        in_stretch = np.append(rows, np.zeros(steps, bool))[at]
        in_stretch = np.logical_and.accumulate(in_stretch, axis=1)[..., None]
        Y = np.where(in_stretch, s.Y[np.minimum(at, len(s.Y) - 1)], np.nan)
        columns.append((*(_runs(model, s, first, steps) for model in models), Y, s.w[first]))
    return map(np.concatenate, zip(*columns))


def _runs(model, s, first, steps):
    """Run freely from rows ``first`` (M,) of a series, (M, steps, O)."""
    start, Y = model.first(), s.Y
    Y = np.where(np.isnan(Y), model.run(s.X, Y, start)[0], Y)
    X, Y = (np.concatenate([V, np.repeat(V[-1:], steps, axis=0)]) for V in (s.X, Y))
    out = np.empty((len(first), steps, model.n_outputs))
    for runs, forecasts in model.free_runs(X, Y, start, first, steps):
        out[runs] = forecasts.swapaxes(0, 1)
    return out


def _longest(rows):
    """Count the longest stretch of True in rows (N,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
