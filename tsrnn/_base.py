"""The scikit-learn face: the only validation, the scaling, the public verbs.

A model is a subclass with these hooks, which see finite float64 arrays in the model's own units, rows in time
order, and never check anything again:

    _check_params()                         raise where a parameter is wrong
    _wants_inputs(), _can_do_without_inputs(), _least_input_lag(), _validation_share()
    _prepare(n_inputs, n_outputs)           what depends on the widths of X and y alone
    _fit_series(series, rng)                learn from a list of series
    _fit_more(series, memory, rng)          learn a little more, from one series that goes on from a memory
    _first(), _cold() -> memory             before the first row of training; of a series with an unknown past
    _zero(x, y) -> memory                   zeros, in the user's units: x (F,), y (O,)
    _end() -> memory or None                after the one series of training, where fitting found it
    _goes_on()                              whether the model can go on from the last row seen
    _run(X, Y, memory) -> out, memory       follow a series; Y is NaN where the model feeds itself
    _free_runs(X, Y, memory, first, steps, settle)      many free runs, from the rows ``first`` on, of a model that
                                            sees past outputs: yields (slice of first, out (steps, m, O)); what run
                                            i feeds back is its output, or settle(slice, t, out[t]) (m, O); Y has no
                                            NaN before the rows where runs begin

and attributes ``lead_``, the rows of measured history it needs, ``theta_``, which ``_prepare`` sets to None unless
``warm_start`` keeps it, ``n_iter_`` and ``loss_curve_``.  A memory is
whatever a model carries from one row to the next; it is passed in and returned, never changed.

From the user's y to the model's units (``_targets.py``, ``Scaler``), and back:

    y  --pointwise-->  level u  --minus sum_k c_k u(t - k)-->  change w  --scaler-->  z
"""

import warnings
from copy import deepcopy
from functools import wraps
from itertools import pairwise
from numbers import Integral
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _intervals as intervals
from . import _timeline as timelines
from ._least_squares import one_thread
from ._loop import Loop
from ._rows import gather
from ._scaling import make_scaler
from ._solvers import check_flag, check_number
from ._targets import resolve_bounds, resolve_target


RUN_AWAY = 100  # times the largest y of training, beyond which an output is no forecast
SHORT_GAP = 10  # missing rows over which the memory is still worth more than the mean
HELD = 0.15  # share of the rows, the last ones, that errors are taken from where none were held back
PATHS = 500  # that a series may take
MOST_PATHS = 2**20  # numbers in runs side by side
MISSING = ("error", "hold", "mean", "mask")
_errors_found = WeakKeyDictionary()  # estimator -> what its intervals were asked of, and their errors
_one_row_calls = WeakKeyDictionary()  # estimator -> one-row predictions in a row, without index


class Series(NamedTuple):
    """One series in the model's units.

    X : (N, F).   Y : (N, O), NaN where unknown.   w : (N,), weights.   held : (N,) bool, validation rows.
    """

    X: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    held: np.ndarray


class Past(NamedTuple):
    """What is carried from row to row.

    memory : the model's own.   levels : (K, O), the last ones, NaN where unknown.   inputs : (F,), the last known.
    """

    memory: Any
    levels: np.ndarray
    inputs: np.ndarray


class Place(NamedTuple):
    """Where a series stands: what goes on from the last row seen, the stamps, and the first rows, X and levels."""

    past: Past
    timeline: timelines.Timeline | None
    head: tuple


class Followed(NamedTuple):
    """Rows that were followed.

    out : (N, O), forecasts of the levels.   U : (N, O), levels, the model's own where they were unknown.
    z, Z : (N, O), the same two in the model's units.   after : Past.
    """

    out: np.ndarray
    U: np.ndarray
    z: np.ndarray
    Z: np.ndarray
    after: Past


SERIES_PARAMETERS = """\
    target_transform : None, word, object or list of those, default=None
        What the model learns of y, and turns back in every forecast: "log", "log1p", "sqrt", "difference", or objects
        of :mod:`tsrnn.preprocessing` such as ``[Log(offset=1), Difference(24)]``, pointwise ones first. A forecast
        through "log" is that of the median.
    target_bounds : None or tuple (low, high), default=None
        What no forecast leaves, and nothing that is fed back: each None, a number, one number an output, or the name of
        a column of X (``"x0"`` ... for arrays), for bounds that change with time: capacity, or a clear sky that is 0 at
        night. Training does not know them.
    missing : {"error", "hold", "mean", "mask"}, default="error"
        What stands for NaN in X: an error; the last value known; the mean of training; the last value, with an input
        beside each that tells whether it was missing.
    series : str, optional
        The column of X that tells several series apart.
"""


def documented(**texts):
    """Fill in the parts of a class docstring that several models share: each text where its {name} stands."""

    def fill(model):
        for name, text in texts.items():
            model.__doc__ = (model.__doc__ or "").replace(f"{{{name}}}", text.strip())  # none with python -OO
        return model

    return fill


def all_or_nothing(method):
    """Leave the estimator as it was where the method fails or is interrupted."""

    @wraps(method)
    def guarded(self, *args, **kwargs):
        before = self.__dict__.copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            self.__dict__ = before
            raise

    return guarded


def own_memory(a):
    """An array that may be written to, where it is one; anything else as it is."""
    return np.require(a, requirements=["C", "A", "W"]) if isinstance(a, np.ndarray) else a


class SequenceRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Public verbs of every model; see the module's head for what a subclass adds."""

    _cure = (  # of a free run that runs away
        "Let it learn free runs (training='closed_loop', a longer sequence_length), with layers of tanh and without "
        "skip_connections, or look for inputs far from those in training."
    )

    def __setstate__(self, state):
        super().__setstate__(state)
        if (
            "theta_" in state
        ):  # a worker may get it as read-only memory, which kernels would compile for again
            self.theta_ = own_memory(self.theta_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    @property
    def state_(self):
        """The memory after the last row seen, of a model of one series."""
        return self._only().past.memory

    @property
    def timeline_(self):
        """First and last stamp of the rows seen and how they are spaced; None where their index does not tell."""
        return self._only().timeline

    def _only(self):
        """The place of the one series."""
        places = self.__dict__.get("series_", {})
        if None not in places:
            raise AttributeError(f"{type(self).__name__} has not seen one series: look into series_.")
        return places[None]

    # ---------------------------------------------------------------------------------- learning

    @all_or_nothing
    def fit(self, X, y, sample_weight=None, groups=None):
        """Learn from one series or several: from the start or, with ``warm_start``, from the weights it has.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs; rows are time. None, or a DataFrame without columns, for a model of y alone. Where stamps
            are missing in the index of X (or of y) the series is cut: no lag reaches over a gap.
            Several series: frames with a MultiIndex (series, time), ``groups``, the constructor's ``series``, a list
            of arrays or frames, or an array of shape (n_series, n_timesteps, n_features). Neither lags nor states
            reach from one series into another.
        y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
            Target, in the same container. NaN where it was not measured: those values are in no loss.
        sample_weight : array-like of shape (n_timesteps,), optional
            How often each row counts in the loss: 2 is the row twice, 0 a row that is only seen as history.
        groups : array-like of shape (n_timesteps,), optional
            The series of each row, any hashable keys.

        Returns
        -------
        self : the fitted estimator, or as it was before the call if that fails or is interrupted

        Raises
        ------
        ValueError, TypeError
            A parameter is out of range; X is not finite; X and y differ in length or in their stamps; stamps are
            not in order or not unique; no stretch of rows is longer than the lags; y has no measured value.
        """
        self._period = timelines.period(X, y)
        table = self._check_fit(X, y, sample_weight, groups)
        X, Y, weight = table.X, table.y, table.weight
        self._target = resolve_target(self.target_transform)
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])])
        self._bounds = resolve_bounds(self.target_bounds, names, Y.shape[1])
        U = self._target.levels(Y)
        self._prepare(self._n_filled(), Y.shape[1])
        cuts = [(part, p) for part in table.parts for p in _pieces(part.index, part.rows)]
        unknown = np.full((len(self._target.coef), Y.shape[1]), np.nan)
        W = np.concatenate([self._target.differences(U[p], unknown) for _, p in cuts])
        counts = (weight > 0) & np.isfinite(W).any(axis=1)
        held = np.zeros(len(counts), bool)
        for part in table.parts:
            held[part.rows] = _last_share(counts[part.rows], self._validation_share())
        counts &= ~held
        fresh = self.theta_ is None  # else warm_start goes on with weights that are made for the old scales
        if fresh:
            self._means = _means(X, counts)
        filled = np.concatenate([self._fill(X[part.rows], self._means)[0] for part in table.parts])
        if fresh:
            self.x_scaler_ = make_scaler(self.scale, filled, counts, "X")
            self.y_scaler_ = make_scaler(self.scale, W, counts, "y")
        Xz, Z = self.x_scaler_(filled), self.y_scaler_(W)
        self._mean = tuple(np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Xz, Z))
        self._level, self._reach = _reach(U)
        self._warn_of_bounds(filled, Y)
        with one_thread:
            self._rng = check_random_state(self.random_state)  # partial_fit draws on
            self._fit_series([Series(Xz[p], Z[p], weight[p], held[p]) for _, p in cuts], self._rng)
        self._form, self._key_names, self.series_ = table.form, table.names, {}
        end = self._end() if len(cuts) == 1 and len(unknown) == 0 else None
        for part in table.parts:
            self.series_[part.key] = self._settle(part, X[part.rows], U[part.rows], end)
        self._segments = self._held_segments(cuts, filled, U, held) if self._goes_on() else []
        if any(timelines.irregular(place.timeline) for place in self.series_.values()):
            warnings.warn(
                "The index has neither a step nor a calendar frequency: rows are taken as one step apart. Give them "
                "regular stamps, for example with resample, if the time between them matters.",
                UserWarning,
                stacklevel=3,
            )
        _one_row_calls.pop(self, None)
        return self

    def _settle(self, part, X, U, end):
        """The place of a series after training on rows X, U; ``end`` : the memory there, where it is known."""
        first = self._first_past()
        if end is None:
            _, past = self._walk(
                X, U, part.index, first, None, quiet=True
            )  # the memory lasts over a short gap
        else:
            past = Past(end, first.levels, self._fill(X, first.inputs)[1])
        n = self.lead_ + len(self._target.coef)
        return Place(past, timelines.read(part.index), (X[: self.lead_ + 1].copy(), U[:n].copy()))

    def _held_segments(self, cuts, filled, U, held):
        """The held rows of each piece, or else its last share, with some before them to warm up."""
        left, segments = intervals.MOST_ROWS, []
        for _, p in reversed(cuts):
            n = int(held[p].sum()) if held.any() else max(1, int(HELD * (p.stop - p.start)))
            skip = min(intervals.WARM + self.lead_ + len(self._target.coef), p.stop - p.start - n)
            n = min(n, left)
            if n > 0 and skip >= 0:
                rows = slice(p.stop - n - skip, p.stop)
                segments.append(intervals.Segment(None, filled[rows].copy(), U[rows].copy(), skip))
                left -= n
        return segments[::-1]

    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None, groups=None):
        """Learn a little from new rows and remember them: weights and memory advance.

        On an unfitted model this is ``fit``. Later calls learn from the new rows, which must follow those seen,
        without forgetting the old: a small TDNN or NARX by recursive Gauss-Newton, in open loop (a linear one,
        fitted without early stopping, then is what a fit to all rows gives), larger and recurrent nets by a pass of
        stochastic gradient, an echo state network by adding to its sums. The scaling stays as it was.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            A series that was not seen before begins here.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen.
        """
        if not hasattr(self, "series_"):
            return self.fit(X, y, sample_weight, groups)
        self._must_go_on("partial_fit")
        table = self._check_fit(X, y, sample_weight, groups, reset=False)
        U = self._target.levels(table.y)
        self._rng = deepcopy(self._rng)  # the old one stays as it was, should this fail
        for part in table.parts:
            X, levels, weight = table.X[part.rows], U[part.rows], table.weight[part.rows]
            timeline, past = self._go_on(part)
            for p, missing in self._pieces(part.index, len(X), timeline):
                past = self._across(past, missing)
                filled, inputs = self._fill(X[p], past.inputs)
                Z = self.y_scaler_(self._target.differences(levels[p], past.levels))
                series = Series(self.x_scaler_(filled), Z, weight[p], np.zeros(len(Z), bool))
                with one_thread:
                    self._fit_more(series, past.memory, self._rng)
                past = self._follow(filled, levels[p], past).after._replace(inputs=inputs)
            self._seen(part, past, len(X))
        return self

    @all_or_nothing
    def update(self, X, y=None, groups=None):
        """Remember new rows: the memory advances, the weights do not change.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs of the rows that follow those seen last. Of several series, only those named advance.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs. Where they are NaN, or where there is no y at all, the model feeds itself.
        groups : as for ``fit``

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            X or y does not fit the model, or the rows begin before the end of those seen.
        """
        check_is_fitted(self)
        self._must_go_on("update")
        table = self._check_rows(X, y, groups)
        U = self._target.levels(table.y)
        for part in table.parts:
            timeline, past = self._go_on(part)
            _, past = self._walk(table.X[part.rows], U[part.rows], part.index, past, timeline)
            self._seen(part, past, part.rows.stop - part.rows.start)
        return self

    def calibrate(self, X, y, *, cv=None, groups=None):
        """Learn how wrong the forecasts are, for their intervals; the model stays as it is.

        ``fit`` has done so already: on the rows held back for early stopping or, where none were, on the last rows
        of training, on which errors are a little small.

        Parameters
        ----------
        X, y, groups : as for ``fit``
            Without ``cv`` rows that were not trained on, such as a whole year, so that all seasons are in them.
        cv : int or cross-validation splitter, optional
            Then X, y may be the training rows: copies of the model are fitted on one part of them and err on the other.
            An int stands for as many stretches of time, each of which is left out once.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``.

        Examples
        --------
        >>> from tsrnn import NARXRegressor
        >>> from tsrnn.datasets import load_sunspots
        >>> y = load_sunspots().target
        >>> model = NARXRegressor((), output_lags=11, training="open_loop").fit(None, y[:"1955"])
        >>> model.calibrate(None, y[:"1955"], cv=5).forecast(3, level=80).columns.tolist()
        ['sunspots', 'lo-80', 'hi-80']
        """
        check_is_fitted(self)
        self._must_go_on("calibrate")
        table = self._check_rows(X, y, groups)
        U = self._target.levels(table.y)
        if cv is None:
            self._segments = self._segments_of(None, table, U, [np.arange(len(U))])
            return self
        segments = []
        for train, test in _folds(cv, table):
            one = self._fitted_on(table, train)
            segments += one._segments_of(one, table, U, [test])
        self._segments = segments
        return self

    # ---------------------------------------------------------------------------------- forecasting

    def predict(self, X, y=None, *, steps=1, start=None, groups=None):
        """Free run: the model's own outputs are fed back.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Inputs; for a model without inputs a DataFrame without columns, with the index to predict. Of several
            series, in any container that ``fit`` takes, each goes on from its own end.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs: then the same as ``predict_ahead(X, y, steps=steps)``. (A pipeline forwards the
            keywords of ``predict``, but hides ``predict_ahead``.)
        steps : int, default=1
            How far ahead; only with y.
        start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), optional
            Overrides the constructor's ``start`` for this call.
        groups : as for ``fit``

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y; a list, or (n_series, n_timesteps, ...), where X is one.

        Raises
        ------
        ValueError
            X does not fit the model, its stamps are not in order or not unique, or ``start`` is unknown.

        Warns
        -----
        UserWarning
            Rows are missing before or within X; the outputs run away; or one row without an index is asked for
            again and again.
        """
        check_is_fitted(self)
        if y is not None:
            return self.predict_ahead(X, y, steps=steps, start=start, groups=groups)
        if not (isinstance(steps, Integral) and steps == 1):
            raise ValueError(f"steps={steps!r} needs the measured y: give predict(X, y=y, steps={steps!r}).")
        table = self._check_rows(X, None, groups)
        start = self.start if start is None else start
        if (
            len(table.X) == 1
            and timelines.says_nothing(table.parts[0].index)
            and isinstance(start, str)
            and start in ("auto", "end")
        ):
            self._note_one_row_call()
        return table.give_back(self._user_shape(self._free_run(table, start)))

    def predict_ahead(self, X, y, *, steps=1, start=None, groups=None):
        """Forecast every row from what was measured ``steps`` rows before it.

        Row t uses the inputs up to row t and the measured y up to row t - steps; in between, the model feeds
        itself. The first ``steps - 1`` rows start from the last row seen before X, which is nearer.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs.
        y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
            Measured outputs; where they are NaN the model's own value takes their place.
        steps : int, default=1
            How far ahead.
        start, groups : as for ``predict``

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y.

        Raises
        ------
        ValueError
            As in ``predict``; or ``steps`` is no int >= 1.
        """
        check_is_fitted(self)
        steps = _check_steps(steps)
        if y is None:
            raise ValueError("predict_ahead needs the measured y; predict(X) runs freely without it.")
        table = self._check_rows(X, y, groups)
        U, out = self._target.levels(table.y), np.empty_like(table.y)
        for part, timeline, past, _ in self._resume(table, self.start if start is None else start):
            out[part.rows], _ = self._walk(
                table.X[part.rows], U[part.rows], part.index, past, timeline, steps
            )
        return table.give_back(self._user_shape(self._target.inverse(out)))

    def trajectories(
        self, X, y, steps, *, origins=None, level=None, method="conformal", start=None, groups=None
    ):
        """Forecasts of several steps from many rows of one series, all at once: what a backtest needs.

        Parameters
        ----------
        X, y, start, groups : as for ``predict_ahead``
        steps : int
            Rows of each forecast.
        origins : array-like of int, optional
            Origin k knows y before row k and forecasts the rows k ... k + steps - 1; by default all for which
            there are rows.
        level, method : as for ``forecast``

        Returns
        -------
        y_pred : ndarray of shape (n_origins, steps) or (n_origins, steps, n_outputs), or dict of those
            In the units of y; NaN where a forecast would reach over a gap in the index. With ``level`` a dict with the
            keys "forecast", "lo-80", "hi-80" ...

        Raises
        ------
        ValueError
            As in ``predict``; there are several series, or fewer rows than steps; an origin is out of range.

        Examples
        --------
        >>> from tsrnn import NARXRegressor
        >>> from tsrnn.datasets import make_narendra
        >>> X, y = make_narendra(600, random_state=0)
        >>> model = NARXRegressor(random_state=0).fit(X[:500], y[:500])
        >>> model.trajectories(X[500:], y[500:], steps=24).shape
        (77, 24)
        """
        check_is_fitted(self)
        self._must_go_on("trajectories")
        steps = _check_steps(steps)
        levels = None if level is None else intervals.check_levels(level)
        intervals.check_method(method)
        table = self._check_rows(X, y, groups)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give trajectories one at a time.")
        U, N = self._target.levels(table.y), len(table.y)
        if steps > N:
            raise ValueError(f"X has {N} rows, too few for steps={steps}: give at least as many rows.")
        first = np.arange(N - steps + 1) if origins is None else np.asarray(origins)
        if first.ndim != 1 or first.dtype.kind not in "iu" or ((first < 0) | (first > N - steps)).any():
            raise ValueError(
                f"origins={origins!r}: give ints from 0 to {N - steps}, so that {steps} rows follow each."
            )
        ((part, timeline, past, _),) = self._resume(table, self.start if start is None else start)
        order = np.argsort(first, kind="stable")
        made = np.full((len(first), steps, U.shape[1]), np.nan)
        bands = {p: (np.full_like(made, np.nan), np.full_like(made, np.nan)) for p in levels or ()}
        for p, missing in self._pieces(part.index, N, timeline):
            past = self._across(past, missing)
            filled, inputs = self._fill(table.X[p], past.inputs)
            followed = self._follow(filled, U[p], past)
            here = order[(first[order] >= p.start) & (first[order] + steps <= p.stop)]
            begin = first[here] - p.start
            for which, out in self._runs(filled, followed, past, begin, steps):
                made[here[which]] = out.transpose(1, 0, 2)
            if levels and len(here):
                found = self._bands(filled, followed, past, begin, made[here], levels, method, PATHS)[0]
                for q, pair in found.items():
                    for band, new in zip(bands[q], pair):
                        band[here] = new
            past = followed.after._replace(inputs=inputs)
        self._warn_if_astray(made.reshape(-1, U.shape[1]))
        answer = {"forecast": made}
        answer |= {f"{end}-{q:g}": v for q, pair in bands.items() for end, v in zip(("lo", "hi"), pair)}
        answer = {name: self._target.inverse(v) for name, v in answer.items()}
        if self._y_ndim == 1:
            answer = {name: v[:, :, 0] for name, v in answer.items()}
        return answer if levels else answer["forecast"]

    def forecast(
        self,
        steps,
        X_future=None,
        *,
        level=None,
        method="conformal",
        n_paths=PATHS,
        return_paths=False,
        groups=None,
    ):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int
            How many.
        X_future : array-like or DataFrame of shape (>= steps, n_features), optional
            Inputs of those rows. A model whose least input lag is m needs only the first ``steps - m``, a
            model without inputs none. Of several series: those in it, by default all.
        level : float or sequence of float, optional
            Coverages of intervals in per cent, such as ``[80, 95]``.
        method : {"conformal", "bootstrap"}, default="conformal"
            Where intervals come from: errors of forecasts made as many steps ahead [1]_, or sample paths, made by
            feeding back errors of one step. Either takes errors from rows held back in ``fit``, or given to
            ``calibrate``, whose forecasts were near.
        n_paths : int, default=500
            Number of sample paths.
        return_paths : bool, default=False
            Return the forecast and sample paths, also without ``level``.
        groups : as for ``fit``, of X_future

        Returns
        -------
        y_pred : Series, DataFrame or ndarray of shape (steps,) or (steps, n_outputs)
            In the units of y; pandas, with the future index, if the model was fitted with a pandas y. With ``level``
            always a DataFrame, with the columns lo-80, hi-80 ... beside the forecast (after the name of the output
            and a dash, where there are several outputs). Of several series one below the other, or a list where
            training had one.
        paths : ndarray of shape (n_paths, steps) or (n_paths, steps, n_outputs)
            Only with ``return_paths``; the same for two calls, if ``random_state`` is an int. Of several series a
            dict.

        Raises
        ------
        ValueError
            X_future is too short, does not go on from the last row seen, or has gaps; too few rows were kept for
            intervals.

        References
        ----------
        .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman. "Distribution-free predictive inference
           for regression." Journal of the American Statistical Association 113(523), 2018.
        """
        check_is_fitted(self)
        self._must_go_on("forecast")
        steps = _check_steps(steps)
        levels = None if level is None else intervals.check_levels(level)
        intervals.check_method(method)
        check_number("n_paths", n_paths, 1, integer=True)
        check_flag("return_paths", return_paths)
        if X_future is None and groups is None:
            futures, form = dict.fromkeys(self.series_, (None, None)), self._form
        else:
            table = gather(X_future, None, None, groups, self.series)
            X, form = self._check_X(table.X, None, reset=False), table.form
            futures = {part.key: (X[part.rows], part.index) for part in table.parts}
        frames, paths = {}, {}
        for key, future in futures.items():
            X, index = self._check_future(self._place(key), steps, *future)
            frames[key], paths[key] = self._forecast(
                key, X, index, steps, levels, method, n_paths, return_paths
            )
        if list(frames) == [None]:
            return (frames[None], paths[None]) if return_paths else frames[None]
        if form != "table":
            frames = list(frames.values())
        else:
            names = [*self._key_names, None]
            frames = pd.concat(
                {key: pd.DataFrame(v) if np.ndim(v) > 1 else pd.Series(v) for key, v in frames.items()}
            )
            names[-1] = frames.index.names[-1]
            frames.index.names = names
        return (frames, paths) if return_paths else frames

    def _forecast(self, key, X, index, steps, levels, method, n_paths, return_paths):
        """Forecast of one series, as the user gets it, and sample paths or None."""
        place = self._place(key)
        past = self._cold_past() if place is None else place.past
        O = self.n_outputs_
        followed = self._follow(X, np.full((steps, O), np.nan), past)
        self._warn_if_astray(followed.out)
        bands, paths, out = {}, None, self._target.inverse(followed.out)
        if levels or return_paths:
            made, first = followed.out[None], np.zeros(1, int)
            found, paths = self._bands(
                X, followed, past, first, made, levels or [], method, n_paths, return_paths
            )
            bands = {q: [self._target.inverse(v[0]) for v in pair] for q, pair in found.items()}
        if paths is not None:
            paths = self._target.inverse(paths[:, 0])
            paths = paths[:, :, 0] if self._y_ndim == 1 else paths
        timeline = None if place is None else place.timeline
        if timeline is not None and not _can_place(timeline, index):
            index = timelines.future(timeline, steps)
        if isinstance(index, pd.DatetimeIndex) and self._period is not None:
            index = index.to_period(self._period)
        if levels:
            names = (
                self._y_names if self._y_names is not None else [f"y{o}" if O > 1 else "y" for o in range(O)]
            )
            columns = {}
            for o, name in enumerate("y" if name is None else name for name in names):
                columns[name] = out[:, o]
                dash = "" if O == 1 else f"{name}-"
                for q, (low, high) in bands.items():
                    columns |= {f"{dash}lo-{q:g}": low[:, o], f"{dash}hi-{q:g}": high[:, o]}
            return pd.DataFrame(columns, index=index), paths
        out = self._user_shape(out)
        if self._y_names is None:
            return out, paths
        if out.ndim == 1:
            return pd.Series(out, index=index, name=self._y_names[0]), paths
        return pd.DataFrame(out, index=index, columns=self._y_names), paths

    def _bands(self, X, followed, past, first, made, levels, method, n_paths, return_paths=False):
        """Intervals {level: (low, high)}, (M, steps, O) each, and paths (n_paths, M, steps, O) or None; in levels.

        made : (M, steps, O), the forecasts from rows ``first`` (M,).
        """
        M, steps, O = made.shape
        bands, paths = {}, None
        if method == "bootstrap" or return_paths:
            rng = np.random.default_rng(
                self.random_state if isinstance(self.random_state, Integral) else None
            )
            draw = intervals.drawer(*intervals.residuals(self, self._segments), rng)
            bands = {q: (np.empty_like(made), np.empty_like(made)) for q in levels}
            some = max(1, MOST_PATHS // (n_paths * steps * O)) if M > 1 else 1
            for m in range(0, M, some):
                origins = np.repeat(first[m : m + some], n_paths)
                runs = self._runs(X, followed, past, origins, steps, draw)
                paths = np.concatenate([out.transpose(1, 0, 2) for _, out in runs])
                paths = paths.reshape(-1, n_paths, steps, O).swapaxes(0, 1)
                for q, pair in intervals.path_bands(paths, levels).items():
                    for band, new in zip(bands[q], pair):
                        band[m : m + some] = new
        if method == "conformal" and levels:
            bands = intervals.conformal(made, *self._errors_ahead(steps), levels)
            limits = self._limits(X)
            if limits is not None:
                rows = first[:, None] + np.arange(steps)
                low, high = (side[rows] for side in limits)
                bands = {q: tuple(np.clip(v, low, high) for v in pair) for q, pair in bands.items()}
        return bands, paths

    def _errors_ahead(self, steps):
        """What intervals of so many steps come from; remembered, for the many series of a backtest."""
        segments, theta, known, found = _errors_found.get(self, (None,) * 4)
        if segments is not self._segments or theta is not self.theta_ or known != steps:
            found = intervals.forecast_errors(self, self._segments, steps)
            _errors_found[self] = self._segments, self.theta_, steps, found
        return found

    def score(self, X, y, sample_weight=None, groups=None):
        """R2 of the free run ``predict(X)``, where y was measured; the mean over several outputs.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``

        Returns
        -------
        r2 : float
            1 is perfect, 0 no better than the mean of y.

        Raises
        ------
        ValueError
            As in ``predict``; or an output has no measured value.
        """
        check_is_fitted(self)
        table = self._check_rows(X, y, groups, sample_weight)
        out, Y = self._free_run(table, self.start), table.y
        known = np.isfinite(Y)
        if not known.any(axis=0).all():
            raise ValueError(
                f"y has no measured value in column {int(np.argmin(known.any(axis=0)))}: there is nothing to score."
            )
        weight = None if sample_weight is None else table.weight
        return float(
            np.mean(
                [
                    r2_score(Y[k, o], out[k, o], sample_weight=None if weight is None else weight[k])
                    for o, k in enumerate(known.T)
                ]
            )
        )

    # ---------------------------------------------------------------------------------- following rows

    def _free_run(self, table, start):
        """Forecasts (N, O) in the user's units."""
        out = np.empty((len(table.X), self.n_outputs_))
        for part, timeline, past, head in self._resume(table, start):
            U = np.full_like(out[part.rows], np.nan)
            U[: len(head)] = head[: len(U)]
            out[part.rows], _ = self._walk(table.X[part.rows], U, part.index, past, timeline)
        return self._target.inverse(out)

    def _walk(self, X, U, index, past, timeline, steps=1, quiet=False):
        """Follow rows of one series, over gaps; returns forecasts of the levels (N, O) and the past after them.

        X : (N, F), the user's units, NaN where missing.   U : (N, O), levels, NaN where not measured.
        """
        out = np.empty_like(U)
        for p, missing in self._pieces(index, len(U), timeline, quiet):
            past = self._across(past, missing)
            filled, inputs = self._fill(X[p], past.inputs)
            followed = self._follow(filled, U[p], past)
            out[p] = followed.out
            if steps > 1:
                head = min(steps - 1, len(filled))
                out[p][:head] = self._follow(filled[:head], np.full_like(U[p][:head], np.nan), past).out
                first = np.arange(len(filled) - head)
                for which, runs in self._runs(filled, followed, past, first, steps):
                    out[p][head:][which] = runs[-1]
            past = followed.after._replace(inputs=inputs)
        if not quiet:
            self._warn_if_astray(out)
        return out, past

    def _follow(self, X, U, past):
        """Follow rows without a gap.   X : (N, F) without NaN, the user's units.   U : (N, O), NaN where unknown."""
        limits, Xz = self._limits(X), self.x_scaler_(X)
        if limits is None and len(past.levels) == 0:
            Z = self.y_scaler_(U)
            z, memory = self._run(Xz, Z, past.memory)
            out, unknown = self.y_scaler_.inverse(z), np.isnan(U)
            U, Z = np.where(unknown, out, U), np.where(unknown, z, Z)
            return Followed(out, U, z, Z, past._replace(memory=memory))
        out, U, z, Z = np.empty_like(U), U.copy(), np.empty_like(U), np.empty_like(U)
        measured = np.isfinite(U).all(axis=1)
        for a, b in pairwise([0, *np.flatnonzero(np.diff(measured)) + 1, len(U)]):
            here = slice(a, b)
            mine = None if limits is None else [side[here] for side in limits]
            if measured[a]:
                W = self._target.differences(U[here], past.levels)
                Z[here] = self.y_scaler_(W)
                z[here], memory = self._run(Xz[here], Z[here], past.memory)
                Z[here] = np.where(np.isnan(Z[here]), z[here], Z[here])
                base = self._target.base(_windows(self._known(past.levels), U[here])[:-1])
                out[here] = base + self.y_scaler_.inverse(z[here])
                if mine is not None:
                    out[here] = np.clip(out[here], *mine)
            else:
                loop = self._loop(past.levels[None], mine, b - a, given=U[here][:, None])
                if self._can_do_without_inputs():
                    first = np.zeros(1, int)
                    runs = self._free_runs(Xz[here], Z[here], past.memory, first, b - a, loop)
                    ((_, z_here),) = runs
                    z[here] = z_here[:, 0]
                else:
                    z[here], _ = self._run(Xz[here], np.full_like(Z[here], np.nan), past.memory)
                    for t in range(b - a):
                        loop(slice(0, 1), t, z[here][t : t + 1])
                out[here], U[here], Z[here] = loop.out[:, 0], loop.U[:, 0], loop.Z[:, 0]
                _, memory = self._run(Xz[here], Z[here], past.memory)
            levels = np.concatenate([past.levels, U[here]])[b - a :]
            past = past._replace(memory=memory, levels=levels)
        return Followed(out, U, z, Z, past)

    def _runs(self, X, followed, past, first, steps, draw=None):
        """Free runs from rows ``first`` (M,), ascending: yields (slice of first, levels (steps, m, O)).

        X, past : as for ``_follow``, which gave ``followed``.   draw(z) : errors to add, like z (m, O).
        """
        limits, Xz, O = self._limits(X), self.x_scaler_(X), self.n_outputs_
        plain = limits is None and draw is None and len(past.levels) == 0
        levels = _windows(past.levels, followed.U)
        loop = None

        def settle(which, t, z):
            nonlocal loop
            if t == 0:
                rows = first[which] + np.arange(steps)[:, None]
                mine = None if limits is None else [side[rows] for side in limits]
                loop = self._loop(levels[first[which]], mine, steps, draw=draw)
            return loop(which, t, z)

        if self._can_do_without_inputs():
            for which, z in self._free_runs(
                Xz, followed.Z, past.memory, first, steps, None if plain else settle
            ):
                yield which, self.y_scaler_.inverse(z) if plain else loop.out
            return
        z, some = self._run(Xz, followed.Z, past.memory)[0], max(1, MOST_PATHS // (steps * O))
        for m in range(0, len(first), some):
            which = slice(m, min(m + some, len(first)))
            runs = z[first[which] + np.arange(steps)[:, None]]
            if not plain:
                for t in range(steps):
                    settle(which, t, runs[t])
            yield which, self.y_scaler_.inverse(runs) if plain else loop.out

    def _loop(self, levels, limits, steps, given=None, draw=None):
        """What turns outputs into levels, for runs that come from levels (m, K, O)."""
        return Loop(self._target, self.y_scaler_, self._known(levels), limits, steps, given, draw)

    def _known(self, levels):
        """Levels (..., K, O) with the last known one where they are unknown, else the mean of training."""
        if len(levels) == 0 or not np.isnan(levels).any():
            return levels
        levels = levels.copy()
        before = np.broadcast_to(self._level, levels[..., 0, :].shape)
        for k in range(levels.shape[-2]):
            before = levels[..., k, :] = np.where(np.isnan(levels[..., k, :]), before, levels[..., k, :])
        return levels

    def _limits(self, X):
        """Bounds of the levels (N, O) in rows of X (N, F), the user's units; None where all are open."""
        if self._bounds is None:
            return None
        return self._target.bound_levels(*self._bounds(X[:, : self.n_features_in_]))

    def _fill(self, X, last):
        """X (N, F) with its missing values filled and, for "mask", where they were; and the last row's inputs."""
        if self.missing == "error":
            return X, last
        gaps = np.isnan(X)
        if self.missing == "mean":
            filled = np.where(gaps, self._means, X)
        else:
            at = np.maximum.accumulate(np.where(gaps, 0, np.arange(1, len(X) + 1)[:, None]), axis=0)
            filled = np.concatenate([last[None], X])[at, np.arange(X.shape[1])]
        last = filled[-1]
        return (np.concatenate([filled, gaps], axis=1) if self.missing == "mask" else filled), last

    def _n_filled(self):
        """Columns that ``_fill`` gives."""
        return self.n_features_in_ * (2 if self.missing == "mask" else 1)

    def _warn_if_astray(self, U):
        """Say that forecasts of levels (N, O) run away."""
        far = np.abs(U - self._level) > RUN_AWAY * self._reach + 1e-6 * np.abs(self._level)
        astray = np.flatnonzero(
            (far | ~(np.abs(U) <= np.finfo(float).max)).any(axis=1) & ~np.isnan(U).all(axis=1)
        )
        if len(astray):
            warnings.warn(
                f"The model runs away: from row {astray[0]} on its output is {RUN_AWAY} times as large as any y in "
                f"training. {self._cure}",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_bounds(self, X, Y):
        """Say that measured values lie outside ``target_bounds``."""
        if self._bounds is None:
            return
        low, high = self._bounds(X[:, : self.n_features_in_])
        outside = (low > Y) | (high < Y)
        if outside.any():
            row, o = np.argwhere(outside)[0]
            warnings.warn(
                f"{outside.sum()} values of y lie outside target_bounds, first {Y[row, o]} in row {row} (bounds "
                f"{low[row, o]} and {high[row, o]}): they are learnt as they are, but no forecast will reach them. "
                "Clip y if they are errors of measurement.",
                UserWarning,
                stacklevel=4,
            )

    # ---------------------------------------------------------------------------------- where to start

    def _place(self, key):
        """The place of a series, or None where it was not seen."""
        if key is None and None not in self.series_:
            some = ", ".join(map(repr, list(self.series_)[:3]))
            raise ValueError(
                f"The model was fitted on {len(self.series_)} series ({some} ...), but X does not tell which it is: "
                "give it as in fit (MultiIndex, groups, the series column, a list or a 3-D array), or start='cold'."
            )
        return self.series_.get(key)

    def _first_past(self):
        """Before the first row of training."""
        return self._unknown_past(self._first())

    def _cold_past(self):
        """Of a series with an unknown past."""
        return self._unknown_past(self._cold())

    def _unknown_past(self, memory):
        levels = np.full((len(self._target.coef), self.n_outputs_), np.nan)
        return Past(memory, levels, self._means)

    def _zero_past(self):
        """Zeros in the user's units."""
        inputs = np.zeros(self.n_features_in_)
        filled, _ = self._fill(inputs[None], inputs)
        with np.errstate(all="ignore"):
            level, _ = self._target.bound_levels(*np.zeros((2, self.n_outputs_)))
        level = np.where(np.isfinite(level), level, self._level)
        levels = np.tile(level, (len(self._target.coef), 1))
        change = level if len(levels) == 0 else np.zeros_like(level)
        return Past(self._zero(self.x_scaler_(filled[0]), self.y_scaler_(change)), levels, inputs)

    def _pieces(self, index, n, timeline, quiet=False):
        """Slices of rows without a gap, and how many rows are missing before each."""
        seen = timeline if _can_place(timeline, index) else timelines.read(index)
        slices = _pieces(index, slice(0, n), seen)
        ends = [(seen._replace(last=index[p.start - 1]), index[p.start]) for p in slices[1:]]
        missing = [timelines.missing_between(*end) for end in ends]
        if not quiet:
            self._warn_of_gaps([(rows, *end) for rows, end in zip(missing, ends)])
        return list(zip(slices, [0, *missing]))

    def _bridge(self, past, timeline, stamp):
        """The past at a stamp after the end of a timeline."""
        missing = timelines.missing_between(timeline, stamp)
        self._warn_of_gaps([(missing, timeline, stamp)])
        return self._across(past, missing)

    def _across(self, past, missing):
        """The past after missing rows: itself if they are few, else the mean state; levels where they would be."""
        if missing and len(past.levels):
            shifted = np.concatenate(
                [past.levels, np.full((min(missing, len(past.levels)), self.n_outputs_), np.nan)]
            )
            past = past._replace(levels=self._known(shifted)[-len(past.levels) :])
        return past if missing <= max(SHORT_GAP, self.lead_) else past._replace(memory=self._cold())

    def _warn_of_gaps(self, gaps):
        """Say that the memory is carried over short gaps; gaps: (rows missing, timeline to it, stamp after it)."""
        short = [gap for gap in gaps if 0 < gap[0] <= max(SHORT_GAP, self.lead_)]
        if short:
            missing, timeline, stamp = short[0]
            more = f" (and {len(short) - 1} more such gaps)" if len(short) > 1 else ""
            warnings.warn(
                f"{missing} row(s) are missing between {timeline.last} and {stamp}{more}; the forecast goes on as if "
                "there were none. Insert them, with NaN in y, or pass start='cold'.",
                UserWarning,
                stacklevel=5,
            )

    def _resume(self, table, start):
        """Where each series of a table starts: yields its part, the timeline so far, its past and known first levels.

        The last, (k, O), are those measured in the first rows of training, where the table begins with them.
        """
        nothing = np.empty((0, self.n_outputs_))
        if isinstance(_check_start(start), tuple) or start == "end":
            self._must_go_on("A warm start")
        histories = self._histories(start) if isinstance(start, tuple) else {}
        for part in table.parts:
            if isinstance(start, tuple):
                past, head = self._after_history(histories.get(part.key), part.index), nothing
            elif start == "zeros":
                past, head = self._zero_past(), nothing
            elif start == "cold" or not self._goes_on():
                past, head = self._cold_past(), nothing
            else:
                past, head = self._auto(self._place(part.key), start, table.X[part.rows], part.index)
            place = self.series_.get(part.key)
            yield part, None if place is None else place.timeline, past, head

    def _auto(self, place, start, X, index):
        """For start="auto" and "end": the past and known first levels of a series."""
        nothing = np.empty((0, self.n_outputs_))
        if place is None:
            return self._cold_past(), nothing
        seen = place.timeline
        if start == "end" or not _can_place(seen, index):
            return place.past, nothing
        if index[0] > seen.last:
            return self._bridge(place.past, seen, index[0]), nothing
        head_X, head_U = place.head
        rows = min(len(X), len(head_X))
        if index[0] == seen.first and np.array_equal(X[:rows], head_X[:rows], equal_nan=True):
            return self._first_past(), head_U
        return self._cold_past(), nothing

    def _histories(self, start):
        """Of each series in a pair (X_hist, y_hist): its timeline and its past at the end."""
        table = self._check_rows(*start, None)
        U, found = self._target.levels(table.y), {}
        for part in table.parts:
            rows = part.rows
            _, past = self._walk(table.X[rows], U[rows], part.index, self._cold_past(), None)
            seen = None if timelines.says_nothing(part.index) else timelines.read(part.index)
            found[part.key] = seen, past
        return found

    def _after_history(self, history, index):
        """The past of a series after its history, if it has one."""
        if history is None:
            return self._cold_past()
        seen, past = history
        if seen is None or timelines.says_nothing(index) or not timelines.comparable(seen, index):
            return past
        if index[0] <= seen.last:
            raise ValueError(
                f"start: the history runs to {seen.last}, but X begins at {index[0]}: cut the history before X."
            )
        return self._bridge(past, seen, index[0])

    def _end(self):
        """The memory after the one series of training, or None where fitting did not find it."""
        return None

    def _goes_on(self):
        """Whether the model can go on from the last row seen."""
        return True

    def _must_go_on(self, verb):
        """Raise where the model cannot go on from the last row seen."""

    def _go_on(self, part):
        """The timeline and the past for rows that must come after those seen."""
        place, index = self._place(part.key), part.index
        if place is None:
            return None, self._first_past()
        seen = place.timeline
        if not _can_place(seen, index):
            return seen, place.past
        if index[0] > seen.last:
            return seen, self._bridge(place.past, seen, index[0])
        raise ValueError(
            f"The new rows begin at {index[0]}, but rows up to {seen.last} were seen already: give only later rows."
        )

    def _seen(self, part, past, n):
        """Take over the past at the end of n new rows of a series."""
        place, index = self.series_.get(part.key), part.index
        if place is None:
            place = Place(past, timelines.read(index), (np.empty((0, self.n_features_in_)), np.empty((0, 0))))
        elif _can_place(place.timeline, index):
            place = place._replace(timeline=timelines.extend(place.timeline, index))
        else:
            place = place._replace(timeline=timelines.advance(place.timeline, n))
        self.series_ = {**self.series_, part.key: place._replace(past=past)}
        _one_row_calls.pop(self, None)

    def _note_one_row_call(self):
        """A driver that asks for one row at a time gets the same step again and again: say so."""
        if not self._goes_on() or _is_empty(self._only().past.memory):
            return
        _one_row_calls[self] = _one_row_calls.get(self, 0) + 1
        if _one_row_calls[self] == 2:
            warnings.warn(
                f"{type(self).__name__}.predict was called for one row twice in a row, without an index: both "
                "start from the last row seen, because predict never changes the model. For several steps "
                "use forecast(steps) or one predict over all rows; to take in measurements use update(X, y).",
                UserWarning,
                stacklevel=3,
            )

    def _user_shape(self, out):
        """(N,) if y was, else (N, O)."""
        return out[:, 0] if self._y_ndim == 1 else out

    # ---------------------------------------------------------------------------------- calibration

    def _segments_of(self, maker, table, U, tests):
        """Rows ``tests``, arrays of places in a table, as segments, with some rows before each to warm up."""
        warm, segments = intervals.WARM + self.lead_ + len(self._target.coef), []
        for part in table.parts:
            filled, _ = self._fill(table.X[part.rows], self._means)
            for p in _pieces(part.index, part.rows):
                for rows in tests:
                    rows = rows[(rows >= p.start) & (rows < p.stop)]
                    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
                        if len(run) == 0:
                            continue
                        first, end = max(p.start, run[0] - warm), run[-1] + 1
                        skip = max(run[0] - first, min(warm, (end - first) // 2))
                        here = slice(first - part.rows.start, end - part.rows.start)
                        segments.append(
                            intervals.Segment(maker, filled[here].copy(), U[first:end].copy(), skip)
                        )
        return segments

    def _fitted_on(self, table, train):
        """A copy fitted to the rows ``train`` of a table; y of the others it does not see."""
        rows = table.parts[0].rows
        Y, index = np.full_like(table.y, np.nan), table.parts[0].index
        Y[train] = table.y[train]
        index = pd.RangeIndex(rows.stop) if index is None else index
        if len(table.parts) > 1:
            keys = [np.full(part.rows.stop - part.rows.start, k) for k, part in enumerate(table.parts)]
            times = [np.arange(len(k)) if p.index is None else p.index for k, p in zip(keys, table.parts)]
            stacked = [pd.MultiIndex.from_arrays(pair) for pair in zip(keys, times)]
            index = stacked[0].append(stacked[1:])
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(table.X.shape[1])])
        X = pd.DataFrame(table.X, index=index, columns=list(names))
        one, quiet = clone(self), {"series": None, "verbose": 0}
        one.set_params(**{name: value for name, value in quiet.items() if name in one.get_params(deep=False)})
        return one.fit(X, pd.DataFrame(Y, index=index))

    # ---------------------------------------------------------------------------------- validation

    def _check_fit(self, X, y, sample_weight, groups, reset=True):
        """A table of X (N, F), y (N, O), weights (N,), with the rows in order of series."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        self._check_params()
        _check_start(self.start)
        if not isinstance(self.missing, str) or self.missing not in MISSING:
            raise ValueError(f"missing={self.missing!r} is unknown: give one of {MISSING}.")
        table = gather(X, y, sample_weight, groups, self.series)
        X = self._check_X(table.X, table.y, reset)
        Y, ndim = _check_y(table.y)
        check_consistent_length(X, Y)
        if reset:
            self._y_ndim = ndim
            self.n_outputs_ = Y.shape[1]
            names = getattr(table.y, "columns", None)
            self._y_names = [getattr(table.y, "name", None)] if isinstance(table.y, pd.Series) else names
        elif Y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        for o in range(Y.shape[1]):
            if np.isnan(Y[:, o]).all():
                raise ValueError(
                    f"y has no measured value (column {o} is all NaN): there is nothing to learn from."
                )
        weight = _check_sample_weight(table.weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.sum() > 0:
            raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
        if not 1e-20 < weight.max() < 1e20:
            raise ValueError(
                f"sample_weight has {weight.max():.3g} for its largest value, which single precision cannot add up: "
                "divide all weights (and alpha) by that."
            )
        return table.of(X, Y, weight)

    def _check_rows(self, X, y, groups, sample_weight=None):
        """A table of rows to follow: X (N, F), y (N, O) with NaN where it is not known, weights (N,)."""
        table = gather(X, y, sample_weight, groups, self.series)
        X = self._check_X(table.X, table.y, reset=False)
        weight = _check_sample_weight(table.weight, X, dtype=np.float64)
        if y is None:
            return table.of(X, np.full((len(X), self.n_outputs_), np.nan), weight)
        Y, _ = _check_y(table.y)
        check_consistent_length(X, Y)
        if Y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        return table.of(X, Y, weight)

    def _enter(self, X, y, start):
        """Rows of one series, in the model's units: X, Y, its part and timeline, and where it starts, a Past."""
        table = self._check_rows(X, y, None)
        ((part, timeline, past, head),) = self._resume(table, self.start if start is None else start)
        U = self._target.levels(table.y)
        if y is None:
            U[: len(head)] = head[: len(U)]
        filled, _ = self._fill(table.X, past.inputs)
        return (
            self.x_scaler_(filled),
            self.y_scaler_(self._target.differences(U, past.levels)),
            part,
            timeline,
            past,
        )

    def _check_X(self, X, y, reset):
        """X (N, F), NaN only where ``missing`` says what to do about it."""
        if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0):
            return self._check_no_inputs(X, y, reset)
        finite = True if self.missing == "error" else "allow-nan"
        options = {"dtype": np.float64, "order": "C", "ensure_min_samples": 1, "ensure_all_finite": finite}
        try:
            return validate_data(self, X, reset=reset, **options)
        except ValueError as error:
            if "contains NaN" not in str(error):
                raise
            first = str(error).splitlines()[0]
            raise ValueError(
                f"{first} Fill it, since you know best how, or give missing='hold' (the last value), 'mean' or 'mask' "
                "(the last value, and an input that tells)."
            ) from None

    def _check_no_inputs(self, X, y, reset):
        """X (N, 0) for a model without inputs."""
        name = type(self).__name__
        if X is None and y is None:
            raise ValueError(
                "X is None and there is no y to tell the number of rows: call forecast(steps), or give a "
                "DataFrame without columns but with the index to predict."
            )
        n = len(y) if X is None else len(X)
        if n == 0:
            raise ValueError(
                f"Found array with 0 sample(s) (shape=(0, 0)) while a minimum of 1 is required by {name}."
            )
        if reset:
            explicit = X is None or isinstance(X, pd.DataFrame) or not self._wants_inputs()
            if not explicit or not self._can_do_without_inputs():
                raise ValueError(
                    f"Found array with 0 feature(s) (shape=({n}, 0)) while a minimum of 1 is required by {name}. "
                    "For a model of y alone take one with output_lags >= 1, such as NARXRegressor, and X=None, a "
                    "DataFrame without columns or input_lags=()."
                )
            self.n_features_in_ = 0
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif self.n_features_in_ != 0:
            raise ValueError(
                f"X has 0 features, but {name} is expecting {self.n_features_in_} features as input."
            )
        return np.empty((n, 0))

    def _check_future(self, place, steps, X, index):
        """X (steps, F) for the rows after the last one seen of a series, and its index or None."""
        needed = max(0, steps - self._least_input_lag()) if self.n_features_in_ else 0
        if self._bounds is not None and any(isinstance(b, int) for side in self._bounds for b in side):
            needed = steps
        if X is None:
            if needed:
                raise ValueError(
                    f"forecast({steps}) needs X_future: the model has {self.n_features_in_} inputs and looks at "
                    f"them {self._least_input_lag()} row(s) back. Give their next {needed} rows, or fit a model "
                    f"with input_lags=range({steps}, ...) that only sees inputs already known."
                )
            return np.zeros((steps, self._n_filled())), None
        if len(X) < needed:
            raise ValueError(f"X_future has {len(X)} rows, but forecast({steps}) needs {needed}.")
        if place is not None and _can_place(place.timeline, index):
            seen = place.timeline
            if index[0] <= seen.last or timelines.missing_between(seen, index[0]):
                raise ValueError(
                    f"X_future begins at {index[0]}, but the last row seen is {seen.last}: give the rows right after "
                    "it. To skip rows, bring the model up to date with update(X, y) first."
                )
            holes = [index[k] for k in timelines.gap_starts(index[:steps], seen)]
            if holes:
                raise ValueError(f"X_future has a gap: rows are missing before {holes[0]}; give every row.")
        filled, _ = self._fill(X, self._means if place is None else place.past.inputs)
        if len(X) < steps:  # rows that no lag looks at
            return np.concatenate([filled, np.zeros((steps - len(X), filled.shape[1]))]), None
        return filled[:steps], None if index is None else index[:steps]


def _last_share(counts, share):
    """Mark the rows, (N,) bool, from that on which begins the last ``share`` of those that count."""
    held = np.zeros(len(counts), bool)
    rows = np.flatnonzero(counts)
    n = int(len(rows) * share)
    if n:
        held[rows[-n] :] = True
    return held


def _pieces(index, rows, timeline=None):
    """Slices of ``rows`` without a gap between them."""
    starts = [0, *(timelines.gap_starts(index, timeline) if index is not None else ())]
    return [
        slice(rows.start + a, b) for a, b in zip(starts, [*(rows.start + k for k in starts[1:]), rows.stop])
    ]


def _can_place(timeline, index):
    """Whether an index can be compared with that of the rows seen."""
    return (
        timeline is not None and not timelines.says_nothing(index) and timelines.comparable(timeline, index)
    )


def _is_empty(memory):
    """Whether nothing is carried from row to row."""
    if isinstance(memory, tuple):
        return all(map(_is_empty, memory))
    return np.size(memory) == 0


def _means(X, counts):
    """Of each input over the rows that count, NaN left out, (F,)."""
    known = np.isfinite(X[counts])
    if not known.any(axis=0).all():
        raise ValueError(
            f"X has no value in column {int(np.argmin(known.any(axis=0)))} of the rows left for training: drop it."
        )
    return np.array([np.mean(v[k]) for v, k in zip(X[counts].T, known.T)])


def _reach(U):
    """Mean of levels (N, O) and how far from it they get, (O,)."""
    level = np.nanmean(U, axis=0)
    reach = np.maximum(np.nanmax(np.abs(U - level), axis=0), 1e-3 * np.abs(level))
    return level, np.where(reach > 0, reach, 1e-8)


def _windows(levels, U):
    """Levels before each row, (N + 1, K, O), of levels (K, O) before the first and U (N, O)."""
    K = len(levels)
    if K == 0:
        return np.empty((len(U) + 1, 0, U.shape[1]))
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([levels, U]), K, axis=0).swapaxes(1, 2)


def _folds(cv, table):
    """Pairs of rows of a table, to train on and to test on."""
    N = len(table.y)
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        check_number("cv", cv, 2, integer=True)
        blocks = [np.array_split(np.arange(p.rows.start, p.rows.stop), cv) for p in table.parts]
        tests = [np.concatenate(block) for block in zip(*blocks)]
        return [(np.setdiff1d(np.arange(N), test), test) for test in tests]
    if not hasattr(cv, "split"):
        raise ValueError(
            f"cv={cv!r} is no splitter: give an int >= 2, or an object such as TimeSeriesSplit(5)."
        )
    place = np.arange(N) if table.order is None else np.argsort(table.order)
    return [(np.sort(place[train]), np.sort(place[test])) for train, test in cv.split(np.empty((N, 1)))]


def _check_y(y):
    """Y (N, O) in float64, NaN where there is no value, and the dimensions it came with."""
    if hasattr(y, "to_numpy") and hasattr(y, "isna"):  # pandas, nullable types too
        y = y.to_numpy(dtype=object, na_value=np.nan) if _has_nullable(y) else y
    Y = check_array(
        y,
        dtype=np.float64,
        order="C",
        ensure_2d=False,
        allow_nd=False,
        ensure_all_finite="allow-nan",
        input_name="y",
    )
    if Y.ndim == 0 or (Y.ndim == 2 and Y.shape[1] == 0):
        raise ValueError(f"y has the shape {Y.shape}: give (n_timesteps,) or (n_timesteps, n_outputs).")
    return Y.reshape(len(Y), -1), Y.ndim


def _has_nullable(y):
    """Whether a pandas object has a column of an extension type."""
    dtypes = y.dtypes if y.ndim == 2 else [y.dtype]
    return any(pd.api.types.is_extension_array_dtype(dtype) for dtype in dtypes)


def _check_start(start):
    """A word or a pair for where predict starts."""
    pair = isinstance(start, tuple) and len(start) == 2
    if not pair and not (isinstance(start, str) and start in ("auto", "end", "cold", "zeros")):
        raise ValueError(
            f"start={start!r} is unknown: give 'auto', 'end', 'cold', 'zeros' or a tuple (X_hist, y_hist)."
        )
    return start


def _check_steps(steps):
    """A horizon as an int."""
    if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"steps={steps!r} is not a horizon: give an int >= 1.")
    return int(steps)
