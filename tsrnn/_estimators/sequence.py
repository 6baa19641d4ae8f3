"""The scikit-learn face: the public verbs of every model, and what a fit does around it.

Rows are checked in ``checks.py``, followed in ``following.py``; intervals come from ``intervals.py``.

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
``warm_start`` keeps it, ``n_iter_`` and ``loss_curve_``.  A memory is whatever a model carries from one row to the
next; it is passed in and returned, never changed.

From the user's y to the model's units (``targets.py``, ``Scaler``), and back:

    y  --pointwise-->  level u  --minus sum_k c_k u(t - k)-->  change w  --scaler-->  z
"""

from copy import deepcopy
from functools import wraps
from numbers import Integral
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._check import check_flag, check_number
from .._series import timeline as timelines
from .._series.checks import Checking, check_measured, check_size, check_steps
from .._series.rows import future_index, gather
from .._series.scaling import make_scaler
from .._series.targets import resolve_bounds, resolve_target
from .._series.units import Series
from .._training.least_squares import one_thread
from .._warn import warn
from .following import Following, Past, pieces
from .intervals import PATHS, Calibrating, check_levels, check_method, folds
from .persist import plain, revived


# Estimator -> one-row predictions in a row; kept outside it, for predict changes nothing.
_one_row_calls = WeakKeyDictionary()
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


class SequenceRegressor(Following, Calibrating, Checking, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Public verbs of every model; see the module's head for what a subclass adds."""

    _cure = (  # of a free run that runs away
        "Let it learn free runs (training='closed_loop', a longer sequence_length), with layers of tanh and without "
        "skip_connections, or look for inputs far from those in training."
    )

    def __getstate__(self):
        from .._version import __version__

        given = self._get_param_names()
        state = {
            name: value if name in given else plain(value) for name, value in super().__getstate__().items()
        }
        return {**state, "_tsrnn_version": __version__}

    def __setstate__(self, state):
        from .._version import __version__

        state = dict(state)
        version = state.pop("_tsrnn_version", "an earlier version")
        if version != __version__:
            warn(
                f"This {type(self).__name__} was saved by tsrnn {version} and is read by {__version__}: it may fail or "
                "give other forecasts. Fit it again, or install the version that saved it.",
            )
        super().__setstate__({name: revived(value) for name, value in state.items()})

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

    _check_size = staticmethod(check_size)

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
        table = self._check_fit(X, y, sample_weight, groups)
        X, Y, weight = table.X, table.y, table.weight
        self._target = resolve_target(self.target_transform)
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(X.shape[1])])
        self._bounds = resolve_bounds(self.target_bounds, names, Y.shape[1])
        U = self._target.levels(Y)
        self._prepare(self._n_filled(), Y.shape[1])
        cuts = [(part, p) for part in table.parts for p in pieces(part.stamps, part.rows)]
        unknown = np.full((len(self._target.coef), Y.shape[1]), np.nan)
        W = np.concatenate([self._target.differences(U[p], unknown) for _, p in cuts]) if len(unknown) else U
        counts = (weight > 0) & np.isfinite(W).any(axis=1)
        held = np.zeros(len(counts), bool)
        for part in table.parts:
            held[part.rows] = _last_share(counts[part.rows], self._validation_share())
        counts &= ~held
        fresh = self.theta_ is None  # else warm_start goes on with weights that are made for the old scales
        self._check_units(fresh)
        if fresh:
            self._means = _means(X, counts)
        filled = X
        if self.missing != "error":
            filled = np.concatenate([self._fill(X[part.rows], self._means)[0] for part in table.parts])
        if fresh:
            self.x_scaler_ = make_scaler(self.scale, filled, counts, "X")
            self.y_scaler_ = make_scaler(self.scale, W, counts, "y")
        Xz, Z = self.x_scaler_(filled), self.y_scaler_(W)
        self._check_size(Xz, Z)
        self._mean = tuple(np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Xz, Z))
        self._level, self._reach = _reach(U)
        self._warn_of_bounds(filled, Y)
        self._rng = self._random_state()  # partial_fit draws on
        with one_thread:
            self._fit_series([Series(Xz[p], Z[p], weight[p], held[p]) for _, p in cuts], self._rng)
        self._check_learnt()
        self._form, self._key_names, self.series_ = table.form, table.names, {}
        end = self._end() if len(cuts) == 1 and len(unknown) == 0 else None
        for part in table.parts:
            self.series_[part.key] = self._settle(part, X[part.rows], U[part.rows], end)
        self._segments = self._held_segments(cuts, filled, U, held) if self._goes_on() else []
        self._n_learnt = None if held.any() else int(counts.sum())  # None: intervals come from other rows
        if any(timelines.irregular(place.timeline) for place in self.series_.values()):
            warn(
                "The index has neither a step nor a calendar frequency: rows are taken as one step apart. Give them "
                "regular stamps, for example with resample, if the time between them matters.",
            )
        _one_row_calls.pop(self, None)
        return self

    def _check_units(self, fresh):
        """Raise where old weights would go on in other units than they were made for."""
        units = {name: repr(getattr(self, name)) for name in ("scale", "target_transform", "missing")}
        old = units if fresh else getattr(self, "_units", units)
        changed = [name for name in units if units[name] != old[name]]
        if changed:
            raise ValueError(
                f"warm_start=True goes on with weights made for {changed[0]}={old[changed[0]]}, but it is "
                f"{units[changed[0]]} now: give warm_start=False."
            )
        self._units = units

    def _random_state(self):
        """What training draws from."""
        try:
            return check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(
                f"random_state={self.random_state!r}: {error}. Give an int >= 0, a RandomState or None."
            ) from None

    def _check_learnt(self):
        """Raise where training ended in weights that are no numbers."""
        if not np.isfinite(self.theta_).all():
            raise ValueError(
                "The weights became NaN or infinite, and the estimator is left as it was: look for values in X and y "
                "that are far from the others, or give a smaller learning rate."
            )

    def _settle(self, part, X, U, end):
        """The place of a series after training on rows X, U; ``end`` : the memory there, where it is known."""
        first = self._first_past()
        if end is None:
            _, past = self._walk(X, U, part.stamps, first, None, quiet=True)  # the memory lasts a short gap
        else:
            past = Past(end, first.levels, self._fill(X, first.inputs)[1])
        return self._begin(part, X, U, past)

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
            for p, missing in self._pieces(part.stamps, len(X), timeline):
                past = self._across(past, missing)
                filled, inputs = self._fill(X[p], past.inputs)
                Z = self.y_scaler_(self._target.differences(levels[p], past.levels))
                series = Series(self.x_scaler_(filled), Z, weight[p], np.zeros(len(Z), bool))
                self._check_size(series.X, Z)
                with one_thread:
                    self._fit_more(series, past.memory, self._rng)
                past = self._follow(filled, levels[p], past).after._replace(inputs=inputs)
            self._seen(part, X, levels, past)
        self._check_learnt()
        _one_row_calls.pop(self, None)
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
            X, levels = table.X[part.rows], U[part.rows]
            _, past = self._walk(X, levels, part.stamps, past, timeline)
            self._seen(part, X, levels, past)
        _one_row_calls.pop(self, None)
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
            An int stands for as many copies, each of which leaves out its share of the rows, in up to four stretches.

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
        if y is None:
            raise ValueError("calibrate needs the measured y: give calibrate(X, y).")
        table = self._check_rows(X, y, groups)
        check_measured(table.y)
        U = self._target.levels(table.y)
        if cv is None:
            self._segments, self._n_learnt = self._segments_of(None, table, U, np.arange(len(U))), None
            return self
        segments = []
        for train, test in folds(cv, table):
            one = self._fitted_on(table, train)
            segments += one._segments_of(one, table, U, test)
            one._segments = []
        self._segments, self._n_learnt = segments, None
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
        if len(table.X) == 1 and isinstance(start, str) and start in ("auto", "end"):
            self._note_one_row_call(table.parts[0])
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
        steps = check_steps(steps)
        if y is None:
            raise ValueError("predict_ahead needs the measured y; predict(X) runs freely without it.")
        table = self._check_rows(X, y, groups)
        U, out = self._target.levels(table.y), np.empty_like(table.y)
        for part, timeline, past, _ in self._resume(table, self.start if start is None else start):
            out[part.rows], _ = self._walk(
                table.X[part.rows], U[part.rows], part.stamps, past, timeline, steps
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
        steps = check_steps(steps)
        levels = None if level is None else check_levels(level)
        check_method(method)
        if y is None:
            raise ValueError("trajectories needs the measured y: give trajectories(X, y, steps).")
        table = self._check_rows(X, y, groups)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give trajectories one at a time.")
        U, N = self._target.levels(table.y), len(table.y)
        if steps > N:
            raise ValueError(f"X has {N} rows, too few for steps={steps}: give at least as many rows.")
        first = np.arange(N - steps + 1) if origins is None else np.asarray(origins)
        first = first.astype(int) if first.size == 0 else first
        if first.ndim != 1 or first.dtype.kind not in "iu" or ((first < 0) | (first > N - steps)).any():
            raise ValueError(
                f"origins={origins!r}: give ints from 0 to {N - steps}, so that {steps} rows follow each."
            )
        ((part, timeline, past, _),) = self._resume(table, self.start if start is None else start)
        order = np.argsort(first, kind="stable")
        made, rng = np.full((len(first), steps, U.shape[1]), np.nan), self._path_rng()
        bands = {p: (np.full_like(made, np.nan), np.full_like(made, np.nan)) for p in levels or ()}
        for p, missing in self._pieces(part.stamps, N, timeline):
            past = self._across(past, missing)
            filled, inputs = self._fill(table.X[p], past.inputs)
            followed = self._follow(filled, U[p], past)
            here = order[(first[order] >= p.start) & (first[order] + steps <= p.stop)]
            begin = first[here] - p.start
            for which, out in self._runs(filled, followed, past, begin, steps):
                made[here[which]] = out.transpose(1, 0, 2)
            if levels and len(here):
                found, _ = self._bands(filled, followed, past, begin, made[here], levels, method, rng)
                for q, pair in found.items():
                    for band, new in zip(bands[q], pair):
                        band[here] = new
            past = followed.after._replace(inputs=inputs)
        self._warn_if_astray(made)
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
            feeding back errors of one step. Either takes errors of forecasts that were near, from the rows held back in
            ``fit`` for early stopping, the last rows of training where none were, or those given to ``calibrate``.
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
            training had a list or a 3-D array.
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
        steps = check_steps(steps)
        levels = None if level is None else check_levels(level)
        check_method(method)
        check_number("n_paths", n_paths, 1, integer=True)
        check_flag("return_paths", return_paths)
        if X_future is None and groups is None:
            futures, form, names = dict.fromkeys(self.series_, (None, None)), self._form, self._key_names
        else:
            table = gather(X_future, None, None, groups, self.series)
            form, names, needed = table.form, table.names, self._needed(steps)
            if needed or not self.n_features_in_:
                table = table.first(max(needed, 1))
                X = self._check_X(table.X, None, reset=False)
            else:  # no lag looks at it
                X = np.zeros((len(table.X), self.n_features_in_))
            futures = {part.key: (X[part.rows], part.stamps) for part in table.parts}
        frames, paths, rng = {}, {}, self._path_rng()
        for key, future in futures.items():
            X, stamps = self._check_future(self._place(key), steps, *future)
            frames[key], paths[key] = self._forecast(
                key, X, stamps, steps, levels, method, rng, n_paths, return_paths
            )
        if list(frames) == [None]:
            return (frames[None], paths[None]) if return_paths else frames[None]
        if form != "table":
            frames = list(frames.values())
        else:
            index = future_index({key: self.series_.get(key) for key in frames}, steps, names)
            tables = [pd.DataFrame(v) if np.ndim(v) > 1 else pd.Series(v) for v in frames.values()]
            frames = pd.concat(tables, ignore_index=True).set_axis(index)
        return (frames, paths) if return_paths else frames

    def _forecast(self, key, X, stamps, steps, levels, method, rng, n_paths, return_paths):
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
                X, followed, past, first, made, levels or [], method, rng, n_paths, return_paths
            )
            bands = {q: [self._target.inverse(v[0]) for v in pair] for q, pair in found.items()}
        if paths is not None:
            paths = self._target.inverse(paths[:, 0])
            paths = paths[:, :, 0] if self._y_ndim == 1 else paths
        timeline = None if place is None else place.timeline
        index = None if stamps is None else timelines.to_index(stamps.clock, stamps.values)
        if timeline is not None and not timelines.can_place(timeline, stamps):
            index = timelines.future(timeline, steps)
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
                f"y has no measured value in column {int(np.argmin(known.any(axis=0)))}, so there is nothing to score: "
                "give rows where it was measured."
            )
        weight = None if sample_weight is None else table.weight
        return float(
            np.mean(
                [
                    _r2(Y[k, o], out[k, o], None if weight is None else weight[k])
                    for o, k in enumerate(known.T)
                ]
            )
        )

    def _note_one_row_call(self, part):
        """A driver that asks for one row at a time gets the same step again and again: say so."""
        place = self.series_.get(part.key)
        stands_still = place is None or _is_empty(place.past.memory) or not self._goes_on()
        if stands_still or timelines.tells(part.stamps):
            return
        _one_row_calls[self] = _one_row_calls.get(self, 0) + 1
        if _one_row_calls[self] == 2:
            warn(
                f"{type(self).__name__}.predict was called for one row twice in a row, without an index: both "
                "start from the last row seen, because predict never changes the model. For several steps "
                "use forecast(steps) or one predict over all rows; to take in measurements use update(X, y).",
            )

    def _user_shape(self, out):
        """(N,) if y was, else (N, O)."""
        return out[:, 0] if self._y_ndim == 1 else out


def _r2(y, out, weight):
    """R2 of forecasts (N,); in a unit, a power of two, in which squares neither overflow nor vanish."""
    unit = 2.0 ** np.floor(np.log2(np.max(np.abs(y)) or 1.0))
    with np.errstate(over="ignore"):
        return r2_score(y / unit, out / unit, sample_weight=weight)


def _last_share(counts, share):
    """Mark the rows, (N,) bool, from that on which begins the last ``share`` of those that count."""
    held = np.zeros(len(counts), bool)
    rows = np.flatnonzero(counts)
    n = int(len(rows) * share)
    if n:
        held[rows[-n] :] = True
    return held


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
    return level, np.where(reach > 0, reach, 1e-2)


def _is_empty(memory):
    """Whether nothing is carried from row to row."""
    if isinstance(memory, tuple):
        return all(map(_is_empty, memory))
    return np.size(memory) == 0
