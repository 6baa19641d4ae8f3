"""Several horizons at once: y(t + 1) ... y(t + h) from what is known at row t.

What is known at t, with u for inputs known ahead, v for the others, and the lags l of ``input_lags`` and k of
``output_lags``, which count back from the row that is forecast, or from t + 1 where that row is not known yet:

    z_s(t) = [v(t + 1 - max(l, 1)), u(t + s - l), y(t + 1 - k)]

    direct          y(t + s) = f_s(z_s(t))                              a clone for each step s = 1 ... h
    multi_output    (y(t + 1) ... y(t + h)) = f(z_1(t), ... z_h(t))     one clone with h outputs
    recursive       y(t + 1) = f(z_1(t)), fed back                      the estimator's own closed loop

A clone sees z as inputs without lags, and never y of a later row.  Of a net with a state, f remembers z(t - 1),
z(t - 2) ... too.  With quantiles each target stands there once for each of them, under the pinball loss; the
forecasts are then put in order [1], so that quantiles do not cross:

    q_1 <= q_2 <= ...        the sorted f_1(z), f_2(z) ...

To the base (``sequence.py``) this is a model whose free run needs no loop for h steps; beyond, it goes on from its own
forecasts, h rows at a time.

[1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Quantile and probability curves without crossing",
    Econometrica 78(3), 2010.
"""

from copy import deepcopy
from itertools import pairwise
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.parallel import Parallel, delayed

from .._check import check_number
from .._series.checks import check_size, check_steps
from .._series.timeline import last_known
from .._series.units import Series
from .._training.losses import Pinball
from .._values import kept
from .sequence import SequenceRegressor


STRATEGIES = ("multi_output", "direct", "recursive")
BLOCK = 4096  # origins at a time
HALF = 0.5  # the median


@kept("direct part")
class Part(NamedTuple):
    """What one clone forecasts from row t: y(t + s) for each s in ``steps`` (S,), or quantiles (Q,) of it.

    ahead : offsets from t of the rows at which it sees the inputs known ahead.
    """

    steps: np.ndarray
    ahead: np.ndarray
    quantiles: tuple | None


@kept("direct memory")
class Memory(NamedTuple):
    """The last rows seen, X (n, F) and Y (n, O), and the memories of the clones, ``horizon`` rows before their end."""

    X: np.ndarray
    Y: np.ndarray
    states: tuple


def _of_estimator(name, default=None):
    """A parameter of the estimator inside."""
    return property(lambda self: getattr(self.estimator, name, default))


class Forecaster(MetaEstimatorMixin, SequenceRegressor):
    """Forecasts of the next rows, all at once or step by step.

    A net that forecasts many steps by feeding itself (``strategy="recursive"``) adds up its errors, and learns no
    quantiles of what is far ahead. The other strategies [1]_ [2]_ forecast y(t + 1) ... y(t + horizon) from what is
    known at row t: y and X up to t, and of the inputs in ``known_ahead`` also the rows to come.

    Parameters
    ----------
    estimator : estimator of tsrnn
        What is cloned. Its ``input_lags`` and ``output_lags`` say what is seen, as far as it is known: the lags of a
        row to forecast for inputs known ahead, those of row t + 1 for other inputs and y (``output_lags=3`` stands for
        y(t), y(t - 1), y(t - 2)). Without output lags, y is seen at the lags of the inputs. Its target_transform,
        target_bounds, missing, series and start hold for the forecaster.
    horizon : int, default=24
        Rows to forecast.
    strategy : {"multi_output", "direct", "recursive"}, default="multi_output"
        "multi_output": one clone with an output for each step. "direct": a clone for each step, which for inputs known
        ahead sees only the lags of its own row. "recursive": the estimator as it is, in closed loop.
    quantiles : sequence of float, optional
        Such as (0.05, 0.1, 0.5, 0.9, 0.95): clones learn these with the pinball loss [3]_, and are sorted where they
        cross [4]_. ``forecast(steps, level=80)`` then is made of 0.1 and 0.9. The forecast is the median or, where 0.5
        is not among them, what the estimator's own loss gives.
    known_ahead : "all", or sequence of str or int, default=()
        Inputs, by name or column, that are known for the rows to forecast: the calendar, a clear sky, a weather
        forecast. By default none, which cannot leak; the values of others in X_future are not looked at.
    n_jobs : int, optional
        Clones that are fitted at the same time, in threads; -1 for as many as there are processors.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted clones, in the order of their steps; those of quantiles last.
    theta_ : ndarray of shape (n_parameters,)
        All their parameters.
    lead_ : int
        Rows of history that a forecast needs.
    state_, timeline_, n_features_in_, n_outputs_, feature_names_in_
        As for :class:`~tsrnn.NARXRegressor`.

    Notes
    -----
    The verbs are those of :class:`~tsrnn.NARXRegressor`. ``predict(X)`` goes on from its own forecasts after each
    ``horizon`` rows. ``predict_ahead(X, y, steps=j)`` gives the j-th step of the forecast made j rows before each row;
    there "multi_output" holds the last inputs known ahead for what lies behind the end of X.

    Where y is not measured, the forecast takes its place in later lags; such rows are not learnt from. A row's
    sample_weight is that of its y; of several targets in a row, the mean.

    Intervals without quantiles come from errors on held rows, as for other estimators ("conformal"). With quantiles,
    ``calibrate(X, y)`` widens or narrows them such that they hold on those rows [5]_. Sample paths need "recursive".

    References
    ----------
    .. [1] S. Ben Taieb, G. Bontempi, A. F. Atiya, A. Sorjamaa. "A review and comparison of strategies for multi-step
       ahead time series forecasting." Expert Systems with Applications 39(8), 2012.
    .. [2] G. Chevillon. "Direct multi-step estimation and forecasting." Journal of Economic Surveys 21(4), 2007.
    .. [3] R. Koenker, G. Bassett. "Regression quantiles." Econometrica 46(1), 1978.
    .. [4] V. Chernozhukov, I. Fernandez-Val, A. Galichon. "Quantile and probability curves without crossing."
       Econometrica 78(3), 2010.
    .. [5] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.

    Examples
    --------
    >>> from tsrnn import Forecaster, TDNNRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> model = Forecaster(TDNNRegressor((), input_lags=11), horizon=3, quantiles=(0.1, 0.5, 0.9)).fit(None, y[:"1955"])
    >>> model.forecast(3, level=80).columns.tolist()
    ['sunspots', 'lo-80', 'hi-80']
    """

    scale = None  # the clones do that
    start = _of_estimator("start", "auto")
    random_state = _of_estimator("random_state")
    target_transform = _of_estimator("target_transform")
    target_bounds = _of_estimator("target_bounds")
    missing = _of_estimator("missing", "error")
    series = _of_estimator("series")
    _cure = "Look for inputs far from those in training, or give target_bounds."

    def __init__(
        self,
        estimator,
        horizon=24,
        *,
        strategy="multi_output",
        quantiles=None,
        known_ahead=(),
        n_jobs=None,
    ):
        self.estimator = estimator
        self.horizon = horizon
        self.strategy = strategy
        self.quantiles = quantiles
        self.known_ahead = known_ahead
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        all_ahead = isinstance(self.known_ahead, str) and self.known_ahead == "all"
        tags.regressor_tags.poor_score = not all_ahead  # a free run that does not see the row's own inputs
        return tags

    # ---------------------------------------------------------------------------------- parameters

    def _check_params(self):
        """Raise where a parameter is out of range or of the wrong type, then where some do not go together."""
        model = self.estimator
        if not isinstance(model, SequenceRegressor) or isinstance(model, Forecaster):
            raise TypeError(
                f"estimator={model!r} is no estimator of tsrnn: give one such as NARXRegressor(); transformers of X go "
                "before the Forecaster, in a Pipeline that ends in it."
            )
        check_number("horizon", self.horizon, 1, integer=True)
        if not isinstance(self.strategy, str) or self.strategy not in STRATEGIES:
            raise ValueError(
                f"strategy={self.strategy!r} is unknown: give {' or '.join(map(repr, STRATEGIES))}."
            )
        names = model.get_params(deep=False)
        recursive = self.strategy == "recursive"
        if self.quantiles is not None:
            _check_quantiles(self.quantiles)
            if recursive:
                raise ValueError(
                    f"strategy='recursive' learns no quantiles={self.quantiles!r}, as those of one step do not add up: "
                    "give strategy='multi_output' or 'direct', or quantiles=None and forecast(level=...)."
                )
            if "loss" not in names:
                raise TypeError(
                    f"quantiles={self.quantiles!r} are learnt with the pinball loss, but {type(model).__name__} has no "
                    "parameter loss: give one that has, such as TDNNRegressor, or quantiles=None."
                )
        if not recursive and "input_lags" not in names:
            raise TypeError(
                f"strategy={self.strategy!r} sees past y as inputs, but {type(model).__name__} has none: give "
                "strategy='recursive', or an estimator with input_lags."
            )
        if names.get("bidirectional"):
            raise ValueError(
                "bidirectional=True reads a series from both ends, and so no forecast can be made from its end: give "
                "an estimator with bidirectional=False."
            )
        threads = self.n_jobs is None or (isinstance(self.n_jobs, Integral) and self.n_jobs != 0)
        if not threads or isinstance(self.n_jobs, bool):
            raise ValueError(
                f"n_jobs={self.n_jobs!r} is no number of threads: give None, an int >= 1, or -1."
            )
        model._check_params()

    def _check_size(self, Xz, Z):
        """The clones do."""

    def _wants_inputs(self):
        return self.estimator._wants_inputs()

    def _can_do_without_inputs(self):
        return self.strategy != "recursive" or self.estimator._can_do_without_inputs()

    def _least_input_lag(self):
        """How many rows less than ``steps`` of X_future are looked at."""
        if not self._parts:
            return self.estimators_[0]._least_input_lag()
        seen = np.concatenate([part.ahead for part in self._parts])
        return self._horizon - max(0, seen.max(initial=0)) if self._is_ahead.any() else np.inf

    def _validation_share(self):
        return self.estimator._validation_share()

    def _must_go_on(self, verb):
        for model in self.estimators_:
            model._must_go_on(verb)

    def _prepare(self, n_inputs, n_outputs):
        self.theta_ = None
        self._horizon, self._quantiles = int(self.horizon), None
        F = self.n_features_in_
        known = self._columns_known_ahead()
        self._is_ahead = np.tile(known, n_inputs // F if F else 1)  # of "mask", what tells is known too
        self._parts, least = (), 0
        if self.strategy == "recursive":
            least = self.estimator._least_input_lag() if F else np.inf
            if least < self._horizon and not known.all():
                raise ValueError(
                    f"strategy='recursive' looks at its inputs {least} row(s) back, and so needs them known ahead, but "
                    f"known_ahead={self.known_ahead!r} leaves some out: give known_ahead='all' if they are known, or "
                    f"input_lags=range({self._horizon}, ...), or strategy='multi_output'."
                )
            return
        for side in self._bounds or ():
            for b in side:
                if isinstance(b, int) and not known[b]:
                    raise ValueError(
                        f"target_bounds={self.target_bounds!r} names column {b} of X, whose value is needed for the "
                        "rows to forecast: name it in known_ahead too."
                    )
        if self.quantiles is not None:
            self._quantiles = _check_quantiles(self.quantiles)
            if len(self._target.coef):
                raise ValueError(
                    f"target_transform={self.target_transform!r} takes differences, whose quantiles do not add up: "
                    "leave them out, or quantiles."
                )
        input_lags, output_lags, *_ = self.estimator._lags()
        before = {max(lag, 1) for lag in input_lags}
        back = sorted(1 - lag for lag in output_lags or before or {1})
        self._x_back, self._y_back = np.array(sorted(1 - lag for lag in before), int), np.array(back)
        self.lead_ = max(max(before, default=1), 1 - back[0])
        steps = np.arange(1, self._horizon + 1)
        groups = [steps] if self.strategy == "multi_output" else np.split(steps, self._horizon)
        kinds = [None] if self._quantiles is None or HALF not in self._quantiles else []
        kinds += [] if self._quantiles is None else [self._quantiles]
        lags = input_lags if known.any() else ()
        self._parts = tuple(
            Part(group, np.array(sorted({s - lag for s in group for lag in lags}), int), kind)
            for kind in kinds
            for group in groups
        )

    def _columns_known_ahead(self):
        """Which columns of X are known ahead, (F,) bool."""
        F, given = self.n_features_in_, self.known_ahead
        if isinstance(given, str) and given == "all":
            return np.ones(F, bool)
        names = list(getattr(self, "feature_names_in_", ()))
        cure = f"give 'all', or a sequence of column numbers below {F}" + (f" or of {names}" if names else "")
        if isinstance(given, (str, bytes)) or not np.iterable(given):
            raise ValueError(f"known_ahead={given!r} is no set of columns: {cure}.")
        known = np.zeros(F, bool)
        for column in given:
            at = names.index(column) if column in names else column
            if not isinstance(at, Integral) or isinstance(at, (bool, np.bool_)) or not 0 <= at < F:
                raise ValueError(f"known_ahead={given!r}: {column!r} is no column of X: {cure}.")
            known[at] = True
        return known

    # ---------------------------------------------------------------------------------- learning

    def _fit_series(self, series, rng):
        self.estimators_ = []
        if self._parts:
            jobs = ((self._clone(part), *self._examples(part, series)) for part in self._parts)
            fits = (delayed(_fitted)(*job) for job in jobs)
            self.estimators_ = Parallel(self.n_jobs, prefer="threads")(fits)
        else:
            X = [s.X for s in series] if self.n_features_in_ else None
            model = _fitted(_plain(self.estimator), X, [s.Y for s in series], [s.w for s in series])
            self.estimators_, self.lead_ = [model], model.lead_
        self._remember_theta()

    def _clone(self, part):
        """What is to learn a part."""
        changes = {"input_lags": 0, "output_lags": 0, "training": "open_loop"}
        if part.quantiles is not None:
            changes["loss"] = Pinball(list(part.quantiles) * (len(part.steps) * self.n_outputs_))
        return _plain(self.estimator, **changes)

    def _examples(self, part, series):
        """What a clone learns from: lists of Z (R, D), targets (R, S O Q) and weights (R,), one each a stretch."""
        reach = part.ahead.max(initial=0)
        found = []
        for s in series:
            rows = np.arange(self.lead_ - 1, len(s.Y) - max(reach, part.steps[0]))
            if len(rows):
                found.append(self._pairs(part, s.X, s.Y, s.w, rows, 0))
        known = [np.isfinite(T[w > 0]).any(axis=0) for _, T, w in found]
        known = np.any(known, axis=0) if known else np.zeros(1, bool)
        if not known.all():
            Q = 1 if part.quantiles is None else len(part.quantiles)
            step = part.steps[int(np.argmin(known)) // (Q * self.n_outputs_)]
            raise ValueError(
                f"horizon={self._horizon}: no row that counts (sample_weight > 0) has a measured y {step} row(s) after "
                f"it and its {self.lead_} rows of history without NaN before (n_samples = "
                f"{sum(len(s.Y) for s in series)}): give more rows, a shorter horizon or shorter lags."
            )
        return [list(column) for column in zip(*found)]

    def _pairs(self, part, X, Y, w, rows, new):
        """Z, targets and weights at some rows t of a series; of pairs that are complete at row ``new`` or later."""
        filled = np.concatenate([np.broadcast_to(self._mean[1], (1, Y.shape[1])), Y])
        filled = last_known(filled, 1)[1:]
        blind = np.isnan(Y[rows[:, None] + self._y_back]).any(axis=(1, 2))
        at = rows[:, None] + part.steps
        inside = at < len(Y)
        inside &= np.maximum(at, rows[:, None] + part.ahead.max(initial=0)) >= new
        at = np.minimum(at, len(Y) - 1)
        T = np.where((inside & (w[at] > 0))[:, :, None], Y[at], np.nan)
        known = np.isfinite(T)
        weight = (known * w[at][:, :, None]).sum(axis=(1, 2)) / np.maximum(1, known.sum(axis=(1, 2)))
        weight[blind] = 0.0
        T = T.reshape(len(rows), -1)
        T = T if part.quantiles is None else np.repeat(T, len(part.quantiles), axis=1)
        return self._features(part, X, filled, rows), T, weight

    def _features(self, part, X, Y, rows):
        """Z (R, D) at rows t."""
        looks = (X[:, ~self._is_ahead], self._x_back), (X[:, self._is_ahead], part.ahead), (Y, self._y_back)
        return np.concatenate([V[rows[:, None] + back].reshape(len(rows), -1) for V, back in looks], axis=1)

    def _fit_more(self, series, memory, rng):
        self.estimators_ = deepcopy(self.estimators_)  # the old ones stay as they were, should this fail
        if not self._parts:
            (model,) = self.estimators_
            scaled = series._replace(X=model.x_scaler_(series.X), Y=model.y_scaler_(series.Y))
            check_size(scaled.X, scaled.Y)
            model._fit_more(scaled, memory, rng)
        n = len(memory.Y) if self._parts else 0
        for k, part in enumerate(self._parts):
            model = self.estimators_[k]
            X, Y = np.concatenate([memory.X, series.X]), np.concatenate([memory.Y, series.Y])
            w = np.concatenate([np.ones(n), series.w])
            end = len(Y) - max(part.ahead.max(initial=0), part.steps[0])
            rows = np.arange(n - self._horizon, end)
            Z, T, w = self._pairs(part, X, Y, w, rows, n)
            if (np.isfinite(T).any(axis=1) & (w > 0)).any():
                Z, T = model.x_scaler_(Z), model.y_scaler_(T)
                check_size(Z, T)
                model._fit_more(Series(Z, T, w, np.zeros(len(w), bool)), memory.states[k], rng)
        self._remember_theta()

    def _remember_theta(self):
        self.theta_ = np.concatenate([np.ravel(model.theta_) for model in self.estimators_])

    def _held_segments(self, cuts, filled, U, held):
        """With quantiles none: one season's errors, the last, would bend what was learnt of all."""
        return super()._held_segments(cuts, filled, U, held) if self._quantiles is None else []

    # ---------------------------------------------------------------------------------- following

    def _first(self):
        return self._long_memory(*self._mean, [model._first() for model in self.estimators_])

    def _cold(self):
        return self._long_memory(*self._mean, [model._cold() for model in self.estimators_])

    def _zero(self, x, y):
        if not self._parts:
            (model,) = self.estimators_
            return model._zero(model.x_scaler_(x), model.y_scaler_(y))
        n = self._horizon + self.lead_
        X, Y, row = np.tile(x, (n, 1)), np.tile(y, (n, 1)), np.array([self.lead_ - 1])
        Z = [self._features(part, X, Y, row)[0] for part in self._parts]
        return self._long_memory(
            x, y, [m._zero(m.x_scaler_(z), m._mean[1]) for m, z in zip(self.estimators_, Z)]
        )

    def _long_memory(self, x, y, states):
        """The memory after many rows x (F,), y (O,)."""
        n = self._horizon + self.lead_ - 1
        return Memory(np.tile(x, (n, 1)), np.tile(y, (n, 1)), tuple(states)) if self._parts else states[0]

    def _outlook(self, X, Y, memory, ahead=True):
        """Forecasts (N + 1, h, O) from before each row of Y (N, O) and from after the last; quantiles; the memory then.

        X : (>= N, F), what is known ahead after row N with it; its last row stands for those behind it.
        quantiles : (N + 1, h, O, Q), or None.   Without ``ahead`` only the memory is found.
        """
        N, h, n = len(Y), self._horizon, len(memory.Y)
        if N == 0 and not ahead:
            return None, None, memory
        X, Y = np.concatenate([memory.X, X[: N + h]]), np.concatenate([memory.Y, Y])
        if ahead:
            X = X[np.minimum(np.arange(n + N + h), len(X) - 1)]
        rows = np.arange(n - h, n + N if ahead else n + N - h)
        states, points, fans = [], [], []
        for part, model, state in zip(self._parts, self.estimators_, memory.states):
            Z = model.x_scaler_(self._features(part, X, Y, rows))
            unknown = np.full((len(rows), model.n_outputs_), np.nan)
            out = np.empty_like(unknown)
            if N:
                out[:N], state = model._run(Z[:N], unknown[:N], state)
            states.append(state)
            if ahead:
                out[N:], _ = model._run(Z[N:], unknown[N:], state)
                out = model.y_scaler_.inverse(out[h - 1 :])
                (points if part.quantiles is None else fans).append(
                    out.reshape(N + 1, len(part.steps), Y.shape[1], -1)
                )
        after = Memory(X[N : N + n].copy(), Y[N:].copy(), tuple(states))
        if not ahead:
            return None, None, after
        fan = np.sort(np.concatenate(fans, axis=1), axis=-1) if fans else None
        if points:
            return np.concatenate(points, axis=1)[..., 0], fan, after
        return fan[..., self._quantiles.index(HALF)], fan, after

    def _outlooks(self, X, Y, memory):
        """The same, some rows at a time: yields the first row, forecasts, quantiles and the memory after them."""
        for a in range(0, len(Y) + 1, BLOCK):
            point, fan, memory = self._outlook(X[a:], Y[a : a + BLOCK], memory)
            last = a + BLOCK > len(Y)
            origins = slice(None) if last else slice(BLOCK)
            yield a, point[origins], None if fan is None else fan[origins], memory

    def _alone(self, X, memory, steps, settle, at_once):
        """Outputs (steps, O) of a model that goes on from its own, ``at_once`` rows at a time; and the memory then."""
        out = np.empty((steps, self.n_outputs_))
        fed = out.copy()
        for a in range(0, steps, at_once):
            b = min(a + at_once, steps)
            out[a:b] = self._outlook(X[a:], out[:0], memory)[0][0, : b - a]
            for t in range(a, b):
                fed[t] = settle(t, out[t])
            *_, memory = self._outlook(X[a:], fed[a:b], memory, ahead=False)
        return out, memory

    def _run(self, X, Y, memory):
        if not self._parts:
            (model,) = self.estimators_
            z, memory = model._run(model.x_scaler_(X), model.y_scaler_(Y), memory)
            return model.y_scaler_.inverse(z), memory
        out = np.empty_like(Y)
        unknown = np.isnan(Y).sum(axis=1)
        for a, b in pairwise([0, *np.flatnonzero(np.diff(unknown)) + 1, len(Y)]):
            if unknown[a]:
                all_unknown = unknown[a] == Y.shape[1]
                out[a:b], memory = self._alone(
                    X[a:],
                    memory,
                    b - a,
                    lambda t, z, Y=Y[a:b]: np.where(np.isnan(Y[t]), z, Y[t]),
                    self._horizon if all_unknown else 1,
                )
            else:
                for at, point, _, seen in self._outlooks(X[a:], Y[a:b], memory):
                    rows, after = out[a + at : b][:BLOCK], seen
                    rows[:] = point[: len(rows), 0]
                memory = after
        return out, memory

    def _free_runs(self, X, Y, memory, first, steps, settle=None):
        if not self._parts:
            (model,) = self.estimators_
            inputs, outputs = model.x_scaler_, model.y_scaler_
            mine = settle and (lambda which, t, z: outputs(settle(which, t, outputs.inverse(z))))
            for which, z in model._free_runs(inputs(X), outputs(Y), memory, first, steps, mine):
                yield which, outputs.inverse(z)
            return
        if steps > self._horizon:  # rows that were not measured, or predict
            at = 0
            for i, k in enumerate(first):
                *_, memory = self._outlook(X[at:], Y[at:k], memory, ahead=False)
                which, at = slice(i, i + 1), k
                feed = (
                    (lambda t, z: z) if settle is None else (lambda t, z, w=which: settle(w, t, z[None])[0])
                )
                out, _ = self._alone(X[k:], memory, steps, feed, self._horizon)
                yield which, out[:, None]
            return
        for which, out, _ in self._ahead(X, Y, memory, first, steps):
            if settle is not None:
                for t in range(steps):
                    settle(which, t, out[t])
            yield which, out

    def _ahead(self, X, Y, memory, first, steps):
        """Forecasts from rows ``first`` (M,), ascending: yields (slice of first, (steps, m, O), quantiles or None)."""
        if len(first):
            for a, point, fan, _ in self._outlooks(X, Y[: first[-1]], memory):
                which = slice(*np.searchsorted(first, [a, a + len(point)]))
                here = first[which] - a
                if len(here):
                    out = np.ascontiguousarray(point[here, :steps].swapaxes(0, 1))
                    yield which, out, None if fan is None else fan[here, :steps]

    def _runs(self, X, followed, past, first, steps, draw=None):
        if steps > self._horizon:
            raise ValueError(
                f"steps={steps} is beyond horizon={self._horizon}: ask for fewer, or fit a Forecaster with "
                f"horizon={steps}."
            )
        yield from super()._runs(X, followed, past, first, steps, draw)

    # ---------------------------------------------------------------------------------- forecasting

    def forecast(
        self,
        steps,
        X_future=None,
        *,
        level=None,
        method="conformal",
        n_paths=500,
        return_paths=False,
        groups=None,
    ):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int
            How many, up to ``horizon``.
        X_future : array-like or DataFrame of shape (>= steps, n_features), optional
            Inputs of those rows; the columns that are not known ahead may be left out, or hold anything. "multi_output"
            with inputs known ahead wants those of all rows of its horizon.
        level : float or sequence of float, optional
            Coverages of intervals in per cent, such as ``[80, 95]``; with quantiles, such as have both ends among them.
        method : {"conformal", "bootstrap"}, default="conformal"
            Where intervals come from, without quantiles; the second, as sample paths, only if "recursive".
        n_paths, return_paths : as for ``NARXRegressor.forecast``
        groups : as for ``fit``, of X_future

        Returns
        -------
        y_pred : as from ``NARXRegressor.forecast``
        paths : ndarray
            Only with ``return_paths``.

        Raises
        ------
        ValueError
            ``steps`` is beyond the horizon; X_future is too short, does not go on from the last row seen, or has gaps;
            a level has no quantiles.
        """
        steps = check_steps(steps)
        options = {
            "level": level,
            "method": method,
            "n_paths": n_paths,
            "return_paths": return_paths,
            "groups": groups,
        }
        if not getattr(self, "_parts", ()):
            return super().forecast(steps, X_future, **options)
        if steps > self._horizon:
            raise ValueError(
                f"forecast({steps}) is beyond horizon={self._horizon}: ask for fewer steps, or fit a Forecaster with "
                f"horizon={steps}."
            )
        if return_paths:
            self._refuse_paths()
        whole = self._is_ahead.any() and len(self._parts[0].steps) > 1
        wide = self._horizon if whole else steps
        made = super().forecast(wide, self._complete(X_future), **options)
        if isinstance(made, list):
            return [one[:steps] for one in made]
        return made[np.arange(len(made)) % wide < steps]

    def _check_future(self, place, steps, X, index):
        needed = steps - self._least_input_lag()
        if X is not None and len(X) < needed:
            raise ValueError(
                f"X_future has {len(X)} rows, but {needed} are needed: strategy={self.strategy!r} looks at the inputs "
                "known ahead in all rows of its horizon, however few steps are asked for."
            )
        return super()._check_future(place, steps, X, index)

    def _complete(self, X):
        """X_future with zeros in the columns that are not known ahead, which nothing looks at."""
        F = self.n_features_in_
        known = self._is_ahead[:F]
        if X is None or known.all():
            return X
        if isinstance(X, (list, tuple)) and all(getattr(one, "ndim", 0) == 2 for one in X):
            return [self._complete(one) for one in X]
        names = list(getattr(self, "feature_names_in_", ()))
        if isinstance(X, pd.DataFrame) and names:
            lost = [name for name, ahead in zip(names, known) if ahead and name not in X]
            if lost:
                raise ValueError(f"X_future has no column {lost[0]!r}, which known_ahead names: give it.")
            zeros = {name: 0.0 for name, ahead in zip(names, known) if not ahead}
            return X.assign(**zeros)[[*(name for name in X if name not in names), *names]]
        index = X.index if isinstance(X, pd.DataFrame) else None
        values = np.asarray(X, float)
        full = np.zeros((*values.shape[:-1], F))
        if values.shape[-1] not in (F, known.sum()):
            raise ValueError(
                f"X_future has {values.shape[-1]} columns: give all {F}, or the {known.sum()} of known_ahead."
            )
        full[..., known] = values if values.shape[-1] == known.sum() else values[..., known]
        return full if index is None else pd.DataFrame(full, index=index)

    def _n_weights(self):
        return max(model._n_weights() for model in self.estimators_)

    def _refuse_paths(self):
        raise ValueError(
            f"Sample paths feed a model's errors back, but strategy={self.strategy!r} feeds nothing back: take "
            "method='conformal', or strategy='recursive'."
        )

    def _bands(self, X, followed, past, first, made, levels, method, *rest):
        if self._parts and method == "bootstrap":
            self._refuse_paths()
        if self._quantiles is None:
            return super()._bands(X, followed, past, first, made, levels, method, *rest)
        ends = {p: self._ends(p, levels) for p in levels}
        fan = self._fan(X, followed, past, first, made.shape[1])
        limits, bands, inner = self._limits(X), {}, (made, made)
        wider = self._misses(made.shape[1], ends) if self._segments else dict.fromkeys(ends, 0.0)
        for p, (low, high) in ends.items():
            low = np.minimum(fan[..., low] - wider[p], inner[0])  # also after a calibration nothing crosses
            high = np.maximum(fan[..., high] + wider[p], inner[1])
            inner = low, high
            if limits is not None:
                rows = first[:, None] + np.arange(made.shape[1])
                low, high = (np.clip(v, limits[0][rows], limits[1][rows]) for v in (low, high))
            bands[p] = low, high
        return bands, None

    def _ends(self, level, levels):
        """Which quantiles are the ends of an interval."""
        wanted = [(1 - level / 100) / 2, (1 + level / 100) / 2]
        found = [np.flatnonzero(np.isclose(self._quantiles, q, rtol=0, atol=1e-9)) for q in wanted]
        lost = [f"{q:g}" for q, at in zip(wanted, found) if len(at) == 0]
        if lost:
            raise ValueError(
                f"level={level:g} needs the quantiles {' and '.join(f'{q:g}' for q in wanted)}, but "
                f"quantiles={self.quantiles!r}: fit with {' and '.join(lost)} among them."
            )
        return [int(at[0]) for at in found]

    def _fan(self, X, followed, past, first, steps):
        """Quantiles (M, steps, O, Q) of the levels from rows ``first``."""
        runs = self._ahead(self.x_scaler_(X), followed.Z, past.memory, first, steps)
        return np.concatenate([fan for *_, fan in runs])

    def _misses(self, steps, ends):
        """How much wider intervals {level: two quantiles} must be to hold in ``calibrate``, (steps, O)."""
        out = {p: [] for p in ends}
        for s in self._segments:
            maker, first = s.model or self, np.arange(s.skip, len(s.U) - steps + 1)
            if len(first):
                past = maker._cold_past()
                fan = maker._fan(s.X, maker._follow(s.X, s.U, past), past, first, steps)
                U = s.U[first[:, None] + np.arange(steps)]
                for p, (low, high) in ends.items():
                    out[p].append(np.maximum(fan[..., low] - U, U - fan[..., high]))
        if not all(out.values()):
            raise ValueError(
                f"level: calibrate(X, y) was given no {steps} rows in a row after those it needs to warm up: give more."
            )
        return {p: _upper(np.concatenate(misses), p / 100) for p, misses in out.items()}


def _plain(estimator, **changes):
    """A clone that leaves to the forecaster what concerns the user's rows, with some parameters changed."""
    changes |= {"target_transform": None, "target_bounds": None, "missing": "error", "series": None}
    model = clone(estimator)
    return model.set_params(**{k: v for k, v in changes.items() if k in model.get_params(deep=False)})


def _fitted(model, X, Y, weight):
    """A model after fitting to lists of series, without rows kept for intervals."""
    model.fit(X, Y, weight)
    model._segments = []
    return model


def _upper(misses, share):
    """The value (steps, O) that so large a share of misses (n, steps, O) and of one to come is not above."""
    ordered = np.sort(misses, axis=0)  # NaN last
    n = np.isfinite(misses).sum(axis=0)
    if (n == 0).any():
        raise ValueError(
            "level: the rows given to calibrate(X, y) have no measured y at some step: give more."
        )
    at = np.minimum(np.ceil(share * (n + 1)).astype(int), n) - 1
    return np.take_along_axis(ordered, at[None], axis=0)[0]


def _check_quantiles(quantiles):
    """Quantiles, ascending."""
    cure = "give numbers between 0 and 1, each once, such as (0.05, 0.1, 0.5, 0.9, 0.95)"
    if isinstance(quantiles, (str, bytes)) or not np.iterable(quantiles) or len(quantiles) == 0:
        raise ValueError(f"quantiles={quantiles!r} is no set of quantiles: {cure}.")
    for q in quantiles:
        if not isinstance(q, Real) or isinstance(q, (bool, np.bool_)) or not 0 < q < 1:
            raise ValueError(f"quantiles={quantiles!r}: {q!r} is no quantile: {cure}.")
    if len(set(quantiles)) < len(quantiles):
        raise ValueError(f"quantiles={quantiles!r} holds one twice: {cure}.")
    return tuple(sorted(float(q) for q in quantiles))
