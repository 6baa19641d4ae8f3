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
    _must_go_on(verb)                       raise where the model cannot go on from the last row seen
    _run(X, Y, memory) -> out, memory       follow a series; Y is NaN where the model feeds itself
    _run_ahead(X, Y, memory, steps) -> out  forecast each row from ``steps`` rows before; Y without NaN

and attributes ``lead_``, the rows of measured history it needs, ``theta_``, which ``_prepare`` sets to None unless
``warm_start`` keeps it, ``n_iter_`` and ``loss_curve_``.  A memory is
whatever a model carries from one row to the next; it is passed in and returned, never changed.
"""

import warnings
from copy import deepcopy
from functools import wraps
from numbers import Integral
from types import NoneType
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _timeline as timelines
from ._least_squares import one_thread


RUN_AWAY = 100  # times the largest y of training, beyond which an output is no forecast
SHORT_GAP = 10  # missing rows over which the memory is still worth more than the mean
_one_row_calls = WeakKeyDictionary()  # estimator -> one-row predictions in a row, without index


class Series(NamedTuple):
    """One series in the model's units.

    X : (N, F).   Y : (N, O), NaN where unknown.   w : (N,), weights.   held : (N,) bool, validation rows.
    """

    X: np.ndarray
    Y: np.ndarray
    w: np.ndarray
    held: np.ndarray


class Scaler(NamedTuple):
    """z = (v - center) / scale, column by column."""

    center: np.ndarray
    scale: np.ndarray

    def __call__(self, V):
        """To the model's units."""
        return (V - self.center) / self.scale

    def inverse(self, Z):
        """To the user's units."""
        return Z * self.scale + self.center


def make_scaler(kind, V, counts, name):
    """Learn a scaler from those rows of V (N, D) that count, NaN left out.

    A constant column of y gets scale 1, one of X scale inf: what never moved in training says nothing later.
    """
    if not counts.any() or any(np.isnan(v[counts]).all() for v in V.T):
        raise ValueError(
            f"{name} has no measured value in the rows left for training: lower validation_fraction, or give more "
            "rows a positive sample_weight."
        )
    if not isinstance(kind, (str, NoneType)) or kind not in SCALES:
        raise ValueError(f"scale={kind!r} is unknown: give 'standard', 'minmax', 'robust' or None.")
    pairs = [SCALES[kind](v[counts]) for v in V.T]  # column by column, for the memory's sake
    center, scale = np.array(pairs, float).reshape(-1, 2).T.copy()
    constant = scale <= 10 * np.finfo(float).eps * np.abs(center)
    return Scaler(center, np.where(constant, np.inf if name == "X" else 1.0, scale))


def _robust(v):
    """Median, and the quartile range in units of a normal column's standard deviation."""
    low, center, high = np.nanpercentile(v, [25, 50, 75])
    return center, (high - low) / 1.349 or np.nanstd(v)


def _minmax(v):
    """Middle and half of the range."""
    low, high = np.nanmin(v), np.nanmax(v)
    return (low + high) / 2, (high - low) / 2


SCALES = {  # center and scale of a column v, NaN left out
    None: lambda v: (0.0, 1.0),
    "standard": lambda v: (np.nanmean(v), np.nanstd(v)),
    "minmax": _minmax,
    "robust": _robust,
}


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

    # ---------------------------------------------------------------------------------- learning

    @all_or_nothing
    def fit(self, X, y, sample_weight=None):
        """Learn from a series: from the start or, with ``warm_start``, from the weights it has.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs; rows are time. None, or a DataFrame without columns, for a model of y alone. Where stamps
            are missing in the index of X (or of y) the series is cut: no lag reaches over a gap.
        y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
            Target. NaN where it was not measured: those values are in no loss.
        sample_weight : array-like of shape (n_timesteps,), optional
            How often each row counts in the loss: 2 is the row twice, 0 a row that is only seen as history.

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
        X, Y, index, weight = self._check_fit(X, y, sample_weight)
        self._prepare(X.shape[1], Y.shape[1])
        counts = (weight > 0) & np.isfinite(Y).any(axis=1)
        held = _last_share(counts, self._validation_share())
        counts &= ~held
        if self.theta_ is None:  # else warm_start goes on with weights that are made for the old scales
            self.x_scaler_ = make_scaler(self.scale, X, counts, "X")
            self.y_scaler_ = make_scaler(self.scale, Y, counts, "y")
        X, Y = self.x_scaler_(X), self.y_scaler_(Y)
        self._mean = tuple(np.array([np.nanmean(v[counts]) for v in V.T]) for V in (X, Y))
        pieces = _pieces(index, len(Y))
        series = [Series(X[p], Y[p], weight[p], held[p]) for p in pieces]
        with one_thread:
            self._rng = check_random_state(self.random_state)  # partial_fit draws on
            self._fit_series(series, self._rng)
        center, scale = self.y_scaler_
        constant = 1e-3 * np.max(np.abs(center / scale))  # what counts where y never moved
        self._reach = max(np.nanmax(np.abs(Y)), constant)
        self.timeline_ = timelines.read(index)
        self.state_ = self._end() if len(pieces) == 1 else None
        if self.state_ is None:
            self.state_ = self._first()
            for p, missing in self._pieces(index, len(Y), quiet=True):  # the memory lasts over a short gap
                _, self.state_ = self._run(X[p], Y[p], self._across(self.state_, missing))
        if timelines.irregular(self.timeline_):
            warnings.warn(
                "The index has neither a step nor a calendar frequency: rows are taken as one step apart. Give them "
                "regular stamps, for example with resample, if the time between them matters.",
                UserWarning,
                stacklevel=3,
            )
        self._head = X[: self.lead_ + 1].copy(), Y[: self.lead_].copy()
        _one_row_calls.pop(self, None)
        return self

    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None):
        """Learn a little from new rows and remember them: weights and memory advance.

        On an unfitted model this is ``fit``. Later calls learn from the new rows, which must follow those seen,
        without forgetting the old: a small TDNN or NARX by recursive Gauss-Newton, in open loop (a linear one,
        fitted without early stopping, then is what a fit to all rows gives), larger and recurrent nets by a pass of
        stochastic gradient, an echo state network by adding to its sums. The scaling stays as it was.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen.
        """
        if not hasattr(self, "state_"):
            return self.fit(X, y, sample_weight)
        self._must_go_on("partial_fit")
        X, Y, index, weight = self._check_fit(X, y, sample_weight, reset=False)
        memory = self._go_on(index)
        self._rng = deepcopy(self._rng)  # the old one stays as it was, should this fail
        X, Y = self.x_scaler_(X), self.y_scaler_(Y)
        for p, missing in self._pieces(index, len(Y)):
            memory = self._across(memory, missing)
            series = Series(X[p], Y[p], weight[p], np.zeros(len(Y[p]), bool))
            with one_thread:
                self._fit_more(series, memory, self._rng)
            _, memory = self._run(X[p], Y[p], memory)
        self._seen(memory, index, len(Y))
        return self

    @all_or_nothing
    def update(self, X, y=None):
        """Remember new rows: the memory advances, the weights do not change.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs of the rows that follow those seen last.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs. Where they are NaN, or where there is no y at all, the model feeds itself.

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
        X, Y, index = self._check_rows(X, y)
        _, memory = self._walk(X, Y, index, self._go_on(index))
        self._seen(memory, index, len(Y))
        return self

    # ---------------------------------------------------------------------------------- forecasting

    def predict(self, X, y=None, *, steps=1, start=None):
        """Free run: the model's own outputs are fed back.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Inputs; for a model without inputs a DataFrame without columns, with the index to predict.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs: then the same as ``predict_ahead(X, y, steps=steps)``. (A pipeline forwards the
            keywords of ``predict``, but hides ``predict_ahead``.)
        steps : int, default=1
            How far ahead; only with y.
        start : {"auto", "end", "cold", "zeros"} or tuple (X_hist, y_hist), optional
            Overrides the constructor's ``start`` for this call.

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y.

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
            return self.predict_ahead(X, y, steps=steps, start=start)
        if not (isinstance(steps, Integral) and steps == 1):
            raise ValueError(f"steps={steps!r} needs the measured y: give predict(X, y=y, steps={steps!r}).")
        X, _, index = self._check_rows(X, None)
        start = self.start if start is None else start
        if (
            len(X) == 1
            and timelines.says_nothing(index)
            and isinstance(start, str)
            and start in ("auto", "end")
        ):
            self._note_one_row_call()
        return self._user_shape(self._free_run(X, index, start))

    def predict_ahead(self, X, y, *, steps=1, start=None):
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
        start : as for ``predict``

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
        X, Y, index = self._check_rows(X, y)
        memory, _ = self._resume(self.start if start is None else start, X, index)
        out, _ = self._walk(X, Y, index, memory, steps)
        return self._user_shape(out)

    def forecast(self, steps, X_future=None):
        """Forecast the rows after the last one seen.

        Parameters
        ----------
        steps : int
            How many.
        X_future : array-like or DataFrame of shape (>= steps, n_features), optional
            Inputs of those rows. A model whose least input lag is m needs only the first ``steps - m``, a
            model without inputs none.

        Returns
        -------
        y_pred : Series, DataFrame or ndarray of shape (steps,) or (steps, n_outputs)
            In the units of y; pandas, with the future index, if the model was fitted with a pandas y.

        Raises
        ------
        ValueError
            X_future is too short, does not go on from the last row seen, or has gaps.
        """
        check_is_fitted(self)
        self._must_go_on("forecast")
        steps = _check_steps(steps)
        X, index = self._check_future(steps, X_future)
        Y = np.full((steps, self.n_outputs_), np.nan)
        out = self._user_shape(self._walk(X, Y, None, self.state_)[0])
        if self._y_names is None:
            return out
        if self.timeline_ is not None and not self._can_place(index):
            index = timelines.future(self.timeline_, steps)
        if isinstance(index, pd.DatetimeIndex) and self._period is not None:
            index = index.to_period(self._period)
        if out.ndim == 1:
            return pd.Series(out, index=index, name=self._y_names[0])
        return pd.DataFrame(out, index=index, columns=self._y_names)

    def score(self, X, y, sample_weight=None):
        """R2 of the free run ``predict(X)``, where y was measured; the mean over several outputs.

        Parameters
        ----------
        X, y, sample_weight : as for ``fit``

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
        X, Y, index = self._check_rows(X, y)
        out = self._free_run(X, index, self.start)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        known = np.isfinite(Y)
        if not known.any(axis=0).all():
            raise ValueError(
                f"y has no measured value in column {int(np.argmin(known.any(axis=0)))}: there is nothing to score."
            )
        return float(
            np.mean(
                [
                    r2_score(Y[k, o], out[k, o], sample_weight=None if sample_weight is None else weight[k])
                    for o, k in enumerate(known.T)
                ]
            )
        )

    # ---------------------------------------------------------------------------------- following rows

    def _free_run(self, X, index, start):
        """Forecasts (N, O) in the user's units."""
        Y = np.full((len(X), self.n_outputs_), np.nan)
        memory, head = self._resume(start, X, index)
        Y[: len(head)] = head[: len(Y)]
        return self._walk(X, Y, index, memory)[0]

    def _walk(self, X, Y, index, memory, steps=1):
        """Follow rows in the user's units, over gaps in their index; returns out (N, O) and the memory."""
        X, Y = self.x_scaler_(X), self.y_scaler_(Y)
        out = np.empty_like(Y)
        for p, missing in self._pieces(index, len(Y)):
            memory = self._across(memory, missing)
            out[p], after = self._run(X[p], Y[p], memory)
            if steps > 1:
                out[p] = self._run_ahead(X[p], np.where(np.isnan(Y[p]), out[p], Y[p]), memory, steps)
            memory = after
        astray = np.flatnonzero(~(np.abs(out) <= RUN_AWAY * self._reach + 1e-6).all(axis=1))
        if len(astray):
            warnings.warn(
                f"The model runs away: from row {astray[0]} on its output is {RUN_AWAY} times as large as any y in "
                f"training. {self._cure}",
                UserWarning,
                stacklevel=3,
            )
        return self.y_scaler_.inverse(out), memory

    def _pieces(self, index, n, quiet=False):
        """Slices of rows without a gap, and how many rows are missing before each."""
        seen = self.timeline_ if self._can_place(index) else timelines.read(index)
        slices = _pieces(index, n, seen)
        ends = [(seen._replace(last=index[p.start - 1]), index[p.start]) for p in slices[1:]]
        missing = [timelines.missing_between(*end) for end in ends]
        if not quiet:
            self._warn_of_gaps([(rows, *end) for rows, end in zip(missing, ends)])
        return list(zip(slices, [0, *missing]))

    def _bridge(self, memory, timeline, stamp):
        """The memory at a stamp after the end of a timeline."""
        missing = timelines.missing_between(timeline, stamp)
        self._warn_of_gaps([(missing, timeline, stamp)])
        return self._across(memory, missing)

    def _across(self, memory, missing):
        """The memory after missing rows: itself if they are few, else the mean state."""
        return memory if missing <= max(SHORT_GAP, self.lead_) else self._cold()

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

    def _resume(self, start, X, index):
        """The memory before the first row of X, and measured y (k, O) of the first rows, where it is known."""
        nothing = np.empty((0, self.n_outputs_))
        if isinstance(_check_start(start), tuple):
            X_hist, Y_hist, hist_index = self._check_rows(*start)
            _, memory = self._walk(X_hist, Y_hist, hist_index, self._cold())
            past = None if timelines.says_nothing(hist_index) else timelines.read(hist_index)
            if past is None or timelines.says_nothing(index) or not timelines.comparable(past, index):
                return memory, nothing
            if index[0] <= past.last:
                raise ValueError(
                    f"start: the history runs to {past.last}, but X begins at {index[0]}: cut the history before X."
                )
            return self._bridge(memory, past, index[0]), nothing
        if start == "cold":
            return self._cold(), nothing
        if start == "zeros":
            return self._zero(*self._zeros()), nothing
        if start == "end" or not self._can_place(index):
            return self.state_, nothing
        seen, (head_X, head_Y) = self.timeline_, self._head
        if index[0] > seen.last:
            return self._bridge(self.state_, seen, index[0]), nothing
        rows = min(len(X), len(head_X))
        if index[0] == seen.first and np.array_equal(self.x_scaler_(X[:rows]), head_X[:rows]):
            return self._first(), self.y_scaler_.inverse(head_Y)
        return self._cold(), nothing

    def _zeros(self):
        """x (F,) and y (O,) of zeros, in the model's units."""
        return self.x_scaler_(np.zeros(self.n_features_in_)), self.y_scaler_(np.zeros(self.n_outputs_))

    def _end(self):
        """The memory after the one series of training, or None where fitting did not find it."""
        return None

    def _must_go_on(self, verb):
        """Raise where the model cannot go on from the last row seen."""

    def _can_place(self, index):
        """Whether an index can be compared with that of the rows seen."""
        seen = self.timeline_
        return seen is not None and not timelines.says_nothing(index) and timelines.comparable(seen, index)

    def _go_on(self, index):
        """The memory for rows that must come after those seen."""
        if not self._can_place(index):
            return self.state_
        seen = self.timeline_
        if index[0] > seen.last:
            return self._bridge(self.state_, seen, index[0])
        raise ValueError(
            f"The new rows begin at {index[0]}, but rows up to {seen.last} were seen already: give only later rows."
        )

    def _seen(self, memory, index, n):
        """Take over the memory at the end of n new rows."""
        self.state_ = memory
        if self._can_place(index):
            self.timeline_ = timelines.extend(self.timeline_, index)
        else:
            self.timeline_ = timelines.advance(self.timeline_, n)
        _one_row_calls.pop(self, None)

    def _note_one_row_call(self):
        """A driver that asks for one row at a time gets the same step again and again: say so."""
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

    # ---------------------------------------------------------------------------------- validation

    def _check_fit(self, X, y, sample_weight, reset=True):
        """X (N, F), Y (N, O), the index or None, weights (N,)."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        self._check_params()
        _check_start(self.start)
        X, index = self._check_X(X, y, reset)
        Y, ndim = _check_y(y)
        check_consistent_length(X, Y)
        if reset:
            self._y_ndim = ndim
            self.n_outputs_ = Y.shape[1]
            self._y_names = (
                [getattr(y, "name", None)] if isinstance(y, pd.Series) else getattr(y, "columns", None)
            )
        elif Y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        for o in range(Y.shape[1]):
            if np.isnan(Y[:, o]).all():
                raise ValueError(
                    f"y has no measured value (column {o} is all NaN): there is nothing to learn from."
                )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weight.sum() > 0:
            raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
        if not 1e-20 < weight.max() < 1e20:
            raise ValueError(
                f"sample_weight has {weight.max():.3g} for its largest value, which single precision cannot add up: "
                "divide all weights (and alpha) by that."
            )
        return X, Y, index, weight

    def _check_rows(self, X, y):
        """Rows to follow: X (N, F), Y (N, O) with NaN where y is not known, the index or None."""
        X, index = self._check_X(X, y, reset=False)
        if y is None:
            return X, np.full((len(X), self.n_outputs_), np.nan), index
        Y, _ = _check_y(y)
        check_consistent_length(X, Y)
        if Y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {Y.shape[1]} outputs, but the model was fitted with {self.n_outputs_}.")
        return X, Y, index

    def _check_X(self, X, y, reset):
        """X (N, F) and its index, or that of y, or None."""
        index = timelines.time_index(X, "X")
        y_index = timelines.time_index(y, "y")
        if (
            type(index) is type(y_index)
            and not timelines.says_nothing(index)
            and not timelines.says_nothing(y_index)
        ):
            if not index.equals(y_index):
                raise ValueError(
                    f"X and y have different stamps: X {index[0]} ... {index[-1]} ({len(index)} rows), y "
                    f"{y_index[0]} ... {y_index[-1]} ({len(y_index)} rows). Align them, for example with "
                    "X, y = X.align(y, join='inner', axis=0)."
                )
        elif timelines.says_nothing(index):
            index = y_index if y_index is not None else index
        if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0):
            return self._check_no_inputs(X, y, reset), index
        X = validate_data(self, X, reset=reset, dtype=np.float64, order="C", ensure_min_samples=1)
        return X, index

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

    def _check_future(self, steps, X_future):
        """X (steps, F) for the rows after the last one seen, and its index or None."""
        needed = max(0, steps - self._least_input_lag()) if self.n_features_in_ else 0
        if X_future is None:
            if needed:
                raise ValueError(
                    f"forecast({steps}) needs X_future: the model has {self.n_features_in_} inputs and looks at "
                    f"them {self._least_input_lag()} row(s) back. Give their next {needed} rows, or fit a model "
                    f"with input_lags=range({steps}, ...) that only sees inputs already known."
                )
            return np.zeros((steps, self.n_features_in_)), None
        X, index = self._check_X(X_future, None, reset=False)
        if len(X) < needed:
            raise ValueError(f"X_future has {len(X)} rows, but forecast({steps}) needs {needed}.")
        if self._can_place(index):
            seen = self.timeline_
            if index[0] <= seen.last or timelines.missing_between(seen, index[0]):
                raise ValueError(
                    f"X_future begins at {index[0]}, but the last row seen is {seen.last}: give the rows right after "
                    "it. To skip rows, bring the model up to date with update(X, y) first."
                )
            holes = [index[k] for k in timelines.gap_starts(index[:steps], seen)]
            if holes:
                raise ValueError(f"X_future has a gap: rows are missing before {holes[0]}; give every row.")
        if len(X) < steps:  # rows that no lag looks at
            return np.concatenate([X, np.zeros((steps - len(X), X.shape[1]))]), None
        return X[:steps], None if index is None else index[:steps]


def _last_share(counts, share):
    """Mark the rows, (N,) bool, from that on which begins the last ``share`` of those that count."""
    held = np.zeros(len(counts), bool)
    rows = np.flatnonzero(counts)
    n = int(len(rows) * share)
    if n:
        held[rows[-n] :] = True
    return held


def _pieces(index, n, timeline=None):
    """Slices of rows without a gap between them."""
    starts = [0, *(timelines.gap_starts(index, timeline) if index is not None else ())]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n])]


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


# -------------------------------------------------------------------------------------- through pipelines


def _see_through(model, X):
    """The estimator inside pipelines and fitted searches, and X as it gets it."""
    while True:
        if isinstance(model, Pipeline):
            if X is not None and len(model) > 1:
                X = model[:-1].transform(X)
            model = model[-1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model, X


def forecast(model, steps, X_future=None):
    """``model.forecast(steps, X_future)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    steps : int
        Number of rows after the last one seen.
    X_future : array-like of shape (>= steps, n_features), optional
        Their inputs, before the pipeline's transformers.

    Returns
    -------
    y_pred : as from ``NARXRegressor.forecast``

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.forecast(pipeline, 24, X[500:524]).shape
    (24,)
    """
    model, X_future = _see_through(model, X_future)
    return model.forecast(steps, X_future)


def predict_ahead(model, X, y, *, steps=1, start=None):
    """``model.predict_ahead(X, y, steps=steps)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, steps, start : as for ``NARXRegressor.predict_ahead``

    Returns
    -------
    y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.predict_ahead(pipeline, X[500:], y[500:], steps=3).shape
    (100,)
    """
    model, X = _see_through(model, X)
    return model.predict_ahead(X, y, steps=steps, start=start)


def update(model, X, y=None):
    """``model.update(X, y)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y : as for ``NARXRegressor.update``

    Returns
    -------
    model : the same object, its memory advanced

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.forecast(tsrnn.update(pipeline, X[500:550], y[500:550]), 24, X[550:574]).shape
    (24,)
    """
    inner, X = _see_through(model, X)
    inner.update(X, y)
    return model
