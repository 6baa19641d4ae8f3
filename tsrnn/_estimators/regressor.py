"""What a regressor adds to a sequence: forecasts of numbers, in the user's units, with intervals.

From the user's y to the model's units, and back:

    y  --pointwise-->  level u  --minus sum_k c_k u(t - k)-->  change w  --scaler-->  z
"""

from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, clone
from sklearn.metrics import r2_score

from .._check import check_number, check_word
from .._memory_limit import check_memory
from .._series.checks import (
    about,
    check_measured,
    check_outputs,
    check_steps,
    check_y,
    column_names,
)
from .._series.rows import gather
from .._training.monitor import progress
from .compared import warn_if_worse
from .doubts import warn_of_units
from .fitted import Form
from .following import (
    across,
    cold_past,
    follow,
    follow_all,
    runs,
    warn_if_astray,
    warn_if_short,
    warn_if_some_astray,
)
from .frames import shaped, together
from .futures import future_of, rows_needed
from .goals import goal_of
from .input_checks import as_wide_as, check_inputs
from .intervals.around import around_future, begun_before, conformal_around, known_since
from .intervals.asked import METHODS, PATHS, Query, check_levels, path_rng
from .intervals.bands import bands, made_conformal
from .intervals.errors import Errors, Maker, last_levels
from .intervals.later import NOTHING_SINCE, Seen
from .intervals.learnt import warn_of_learnt
from .intervals.remembered import memo
from .intervals.segments import folds, held_segments, index_of, segments_of
from .one_row_calls import note_one_row_call
from .parameters import RegressorParameters
from .places import check_grids, check_pace, place_of
from .sequence import Sequence
from .snapshots import all_or_nothing


AT_ONCE = 512  # series that are forecast side by side: bounds the work space


class Trajectories(NamedTuple):
    """Forecasts of several steps from many rows, in the units of y.

    forecast : ndarray of shape (n_origins, steps) or (n_origins, steps, n_outputs), NaN where a forecast would reach
    over a gap in the index.   intervals : dict, for each level a pair (low, high) of arrays like ``forecast``.
    """

    forecast: np.ndarray
    intervals: dict


class SequenceRegressor(RegressorParameters, RegressorMixin, Sequence):
    """Forecasts; a subclass brings its constructor and ``_learner``."""

    _is_compared = True  # with naive forecasts, in fit
    _common_scale = "standard"  # of all series, with scale="auto"

    # With scikit-learn's metadata routing on, a pipeline passes these on to predict without being asked to.
    __metadata_request__predict = dict.fromkeys(("y", "steps", "start", "groups"), True)

    # ---------------------------------------------------------------------------------- what y means

    def _check_y(self, y, fitted):
        """Check y; returns Y (N, O), NaN where there is no value, and its ``Form``, that of training if ``fitted``."""
        Y, ndim = check_y(y)
        if fitted is None:
            return Y, Form(ndim, column_names(y), "table", [])
        check_outputs(y, Y, fitted.form.y_names, fitted.units.n_outputs)
        return Y, fitted.form

    def _goal(self, table, pieces, form):
        """Return the ``Goal``: levels and changes of y, by the parameters or by what y shows."""
        return goal_of(self, table, pieces, form)

    @property
    def target_bounds_(self):
        """Bounds (low, high) of y, each a number or a column of X for each output; or None."""
        bounds = self._units().bounds
        return None if bounds is None else tuple(bounds)

    @property
    def target_transform_(self):
        """Transforms of y, a list, or None."""
        return self._units().target.steps or None

    def _first_errors(self, units, trained, rows, counts):
        """Return the ``Errors`` on the rows held back, or on the last rows of training."""
        maker = Maker(trained.dynamics if trained.judged is None else trained.judged, units)
        keeps = trained.dynamics.goes_on and trained.dynamics.quantiles is None
        segments = held_segments(maker, rows, trained.judged is not None) if keeps else []
        return Errors(segments, None if rows.held.any() else int(counts.sum()), {}, {})

    def _compare(self, learner, maker, rows):
        if self._is_compared:
            warn_if_worse(self, learner, maker, rows)

    @all_or_nothing
    def calibrate(self, X, y, *, cv=None, groups=None):
        """Learn how wrong the forecasts are, for their intervals; the model stays as it is.

        ``fit`` has done so already: on the rows held back for early stopping, with the model as it was before it
        learnt them, if it did, or, if none were held back, on the last rows of training. Errors are a little too small
        there, as are those of forecasts longer than what was held back in one stretch.

        Parameters
        ----------
        X, y, groups : as for ``fit``
            Without ``cv``, rows that were not trained on, such as a whole year, so that they contain all seasons; for
            training rows there is a warning.
        cv : int or cross-validation splitter, optional
            Then X, y may be the training rows: copies of the model are fitted on one part of them and judged on the
            other. An int is the number of copies, each of which leaves out its share of the rows, in up to four
            stretches.

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
        fitted = self._fitted()
        fitted.trained.dynamics.check_verb("calibrate")
        if y is None:
            raise ValueError("calibrate needs the measured y: give calibrate(X, y).")
        table = self._check_rows(fitted, X, y, groups)
        check_measured(table.y)
        check_grids(fitted, table)
        if cv is None:
            warn_of_learnt(fitted.errors.marks, table)
            fitted = self._with_new_scales(fitted, table)
            U = fitted.units.levels(table)
            maker = Maker(fitted.trained.dynamics, fitted.units)
            segments = segments_of(maker, table, U, np.arange(len(U)))
        else:
            segments, pairs = [], folds(cv, table)
            with progress(getattr(self, "verbose", 0), "calibrate", len(pairs)) as tell:
                for k, (train, test) in enumerate(pairs, 1):
                    refit = self._fitted_on(fitted, table, train).fitted_
                    maker = Maker(refit.trained.dynamics, refit.units)
                    U = refit.units.levels(table)
                    segments += segments_of(maker, table, U, test, own=True)
                    if tell is not None:
                        tell(f"fold {k} of {len(pairs)}")
        before = fitted.errors
        self.fitted_ = fitted._replace(errors=Errors(segments, None, {}, before.last, None, before.marks))

    def _unfitted(self):
        """Return a copy for ``calibrate`` to fit."""
        return clone(self)

    def _fitted_on(self, fitted, table, train):
        """Fit a copy to the rows ``train`` of a checked table; y of the others is hidden."""
        Y, index = np.full_like(table.y, np.nan), index_of(table)
        Y[train] = table.y[train]
        names = getattr(self, "feature_names_in_", [f"x{k}" for k in range(self.n_features_in_)])
        X = pd.DataFrame(table.X[:, : len(names)], index=index, columns=list(names))
        model = self._unfitted()
        settled = {"series": None, "verbose": 0, "target_transform": self.target_transform_}
        words = {name: name.rpartition("__")[2] for name in model.get_params()}  # also of an estimator inside
        model.set_params(**{name: settled[word] for name, word in words.items() if word in settled})
        model._is_compared = False  # fit has done so
        model._vocabulary = fitted.form.vocabulary
        return model.fit(X, pd.DataFrame(Y, index=index))

    # ---------------------------------------------------------------------------------- forecasts of given rows

    def predict(self, X, y=None, *, steps=1, start=None, groups=None):
        """Run freely: feed the model's own outputs back.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features)
            Inputs; for a model without inputs a table without columns, such as a DataFrame with the index to
            predict. Of several series, in any container that ``fit`` takes, each goes on from its own end.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs: then the same as ``predict_ahead(X, y, steps=steps)``. (A pipeline forwards the
            keywords of ``predict``, but hides ``predict_ahead``.)
        steps : int, default=1
            How far ahead; only with y.
        start : {"auto", "end", "cold", "zeros", "estimate"} or tuple, optional
            Overrides the constructor's ``start`` for this call. For a free run of rows of which only the first y were
            measured, ``("estimate", y_first)``.
        groups : as for ``fit``

        Returns
        -------
        y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)
            In the units of y; a list, or (n_series, n_timesteps, ...), where X is one. Of shape (n_series,) or
            (n_series, n_outputs), where y had one value per series in training.

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
        fitted = self._fitted()
        if fitted.form.whole:
            if y is not None:
                fitted.trained.dynamics.check_verb("predict(X, y)")
            return shaped(fitted, fitted.units.target.inverse(self._answers(fitted, X, groups)))
        if y is not None:
            return self.predict_ahead(X, y, steps=steps, start=start, groups=groups)
        if not (isinstance(steps, Integral) and steps == 1):
            raise ValueError(f"steps={steps!r} needs the measured y: give predict(X, y=y, steps={steps!r}).")
        table = self._check_rows(fitted, X, None, groups)
        note_one_row_call(self, fitted, table, start)
        return table.give_back(shaped(fitted, self._free_run(fitted, table, start)))

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
        steps = check_steps(steps)
        return forecasts_ahead(self, X, y, [steps], start, groups)[steps]

    def trajectories(
        self, X, y, steps, *, origins=None, level=None, method="conformal", start=None, groups=None
    ):
        """Forecast several steps from many rows of one series, all at once: what a backtest needs.

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
        trajectories : named tuple
            ``forecast`` : ndarray of shape (n_origins, steps) or (n_origins, steps, n_outputs), in the units of y; NaN
            where a forecast would reach over a gap in the index. ``intervals`` : dict, for each level a pair
            (low, high) of arrays like it.

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
        >>> model.trajectories(X[500:], y[500:], steps=24).forecast.shape
        (77, 24)
        """
        fitted = self._fitted()
        fitted.trained.dynamics.check_verb("trajectories")
        steps = check_steps(steps)
        levels = check_levels(level)
        check_word("method", method, METHODS)
        if y is None:
            raise ValueError("trajectories needs the measured y: give trajectories(X, y, steps).")
        table = self._check_rows(fitted, X, y, groups)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give trajectories one at a time.")
        fitted = self._with_new_scales(fitted, table, self._start(start))
        first = _check_origins(origins, len(table.y), steps)
        shape = len(first), steps, fitted.units.n_outputs, 1 + 2 * len(levels)
        check_memory("The forecasts from all origins", shape, "fewer origins or fewer steps")
        query = Query(levels, method, path_rng(self.random_state), PATHS)
        forecasts, ends = self._from_rows(fitted, table, start, first, steps, query)
        warn_if_astray(fitted.trained.dynamics, fitted.units, forecasts)

        def answer(levels):
            out = fitted.units.inverse(levels, table.parts[0].key)
            return out[:, :, 0] if fitted.form.y_ndim == 1 else out

        return Trajectories(answer(forecasts), {p: tuple(map(answer, band)) for p, band in ends.items()})

    def _from_rows(self, fitted, table, start, first, steps, query):
        """Forecast from rows ``first`` (M,): levels (M, steps, O), and intervals {level: (low, high)} of them."""
        dynamics, units, key = fitted.trained.dynamics, fitted.units, table.parts[0].key
        U = units.levels(table)
        ((_, stretches, past, _),) = self._resume(fitted, table, start, U)
        order, remembered = np.argsort(first, kind="stable"), memo(self, fitted)
        forecasts = np.full((len(first), steps, U.shape[1]), np.nan)
        ends = {p: np.full((2, *forecasts.shape), np.nan) for p in query.levels}
        whole, last, seen = units.inputs(table.X, past.inputs), np.empty((len(first), U.shape[1])), []
        (begun, level), conformal = begun_before(fitted, key, past), made_conformal(query, dynamics)
        for rows, missing in stretches:
            past, inputs = across(dynamics, units, past, missing), whole.of(rows)
            goes_on = begun is not None and not rows.start and not missing
            seen.append(Seen(None if goes_on else past, inputs.filled, U[rows]))
            followed = follow(dynamics, units, inputs, U[rows], past)
            inside = order[(first[order] >= rows.start) & (first[order] + steps <= rows.stop)]
            begins = first[inside] - rows.start
            for batch, out in runs(dynamics, units, inputs, followed, past, begins, steps):
                forecasts[inside[batch]] = out.transpose(1, 0, 2)
            last[inside], level = last_levels(level, followed.U, begins, dynamics.gap), followed.U[-1]
            if query.levels and len(inside) and not conformal:
                options = (inputs, followed, past), begins, forecasts[inside], query
                since = NOTHING_SINCE
                if query.adapts:
                    since = known_since(begun, seen, first[inside], dynamics.gap)
                for p, band in bands(fitted, remembered, *options, since)[0].items():
                    ends[p][:, inside] = band
            past = followed.after
        if conformal:
            ends = conformal_around(fitted, remembered, whole, forecasts, last, begun, seen, first, query)[0]
        return forecasts, ends

    # ---------------------------------------------------------------------------------- forecasts of rows to come

    def forecast(self, steps, X_future=None, *, level=None, method="conformal", n_paths=PATHS, groups=None):
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
        method : {"conformal", "split", "bootstrap", "split-bootstrap"}, default="conformal"
            Where intervals come from: errors of forecasts made as many steps ahead ("conformal") [1]_, or sample paths,
            made by feeding back errors of one step ("bootstrap"). Errors of the rows that ``update`` and
            ``partial_fit`` have seen since move and stretch both [2]_, also away from a forecast that a new level has
            left behind; with "split" and "split-bootstrap" they do not.
            Quantiles that a model has learnt are moved and stretched likewise, but for "split". Each takes errors of
            forecasts that were near, from the rows held back in ``fit`` for early stopping, the last rows of training
            where none were, or those given to ``calibrate``.
        n_paths : int, default=500
            Number of sample paths of "bootstrap".
        groups : as for ``fit``, of X_future

        Returns
        -------
        y_pred : Series, DataFrame or ndarray of shape (steps,) or (steps, n_outputs)
            In the units of y; pandas, with the future index, if the model was fitted with a pandas y. With ``level``
            always a DataFrame, with the columns lo-80, hi-80 ... beside the forecast (after the name of the output
            and a dash, where there are several outputs). Of several series one below the other, or a list where
            training had a list or a 3-D array.

        Raises
        ------
        ValueError
            X_future is too short, does not go on from the last row seen, or has gaps; too few rows were kept for
            intervals.

        References
        ----------
        .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman. "Distribution-free predictive inference
           for regression." Journal of the American Statistical Association 113(523), 2018.
        .. [2] I. Gibbs, E. Candes. "Adaptive conformal inference under distribution shift." NeurIPS 34, 2021.
        """
        fitted = self._fitted()
        steps, levels = check_steps(steps), check_levels(level)
        check_word("method", method, METHODS)
        check_number("n_paths", n_paths, 1, integer=True)
        drawn = n_paths if levels and method.endswith("bootstrap") else 1
        cure = "fewer n_paths or fewer steps" if drawn > 1 else "fewer steps"
        check_memory("The forecast", (drawn, steps, fitted.units.n_outputs), cure)
        draws = method.endswith("bootstrap") or fitted.trained.dynamics.whole_errors
        query = Query(levels, method, path_rng(self.random_state) if levels and draws else None, n_paths)
        answers = list(self._forecasts(fitted, steps, X_future, groups, query))
        return self._together(fitted, answers, steps, X_future, groups, bool(levels))

    def sample_paths(self, steps, X_future=None, *, method="bootstrap", n_paths=PATHS, groups=None):
        """Draw paths that the series may take after the last row seen, by feeding back errors of one step.

        Parameters
        ----------
        steps, X_future, groups : as for ``forecast``
        method : {"bootstrap", "split-bootstrap"}, default="bootstrap"
            Whether errors of the rows that ``update`` has seen move and stretch what is drawn, or not.
        n_paths : int, default=500
            How many.

        Returns
        -------
        paths : ndarray of shape (n_paths, steps) or (n_paths, steps, n_outputs)
            In the units of y; the same for two calls, if ``random_state`` is an int. Of several series a dict.

        Raises
        ------
        ValueError
            As in ``forecast``; or the model feeds nothing back.

        Examples
        --------
        >>> from tsrnn import ARXRegressor
        >>> from tsrnn.datasets import load_sunspots
        >>> y = load_sunspots().target
        >>> ARXRegressor(output_lags=9, random_state=0).fit(None, y).sample_paths(5, n_paths=100).shape
        (100, 5)
        """
        fitted = self._fitted()
        steps = check_steps(steps)
        check_number("n_paths", n_paths, 1, integer=True)
        if method not in ("bootstrap", "split-bootstrap"):
            raise ValueError(f"method={method!r} draws no paths: give 'bootstrap' or 'split-bootstrap'.")
        check_memory("The paths", (n_paths, steps, fitted.units.n_outputs), "fewer n_paths or fewer steps")
        query = Query([], method, path_rng(self.random_state), n_paths, paths=True)
        answers = self._forecasts(fitted, steps, X_future, groups, query)
        paths = {key: drawn[..., 0] if fitted.form.y_ndim == 1 else drawn for key, _, _, drawn, _ in answers}
        return paths[None] if list(paths) == [None] else paths

    def _forecasts(self, fitted, steps, X_future, groups, query):
        """Yield of each series its key, forecast (steps, O), intervals {level: pair}, paths or None, and ``Future``."""
        fitted.trained.dynamics.check_verb("forecast")
        futures = list(self._futures(fitted, fitted.trained.dynamics.wide(steps), X_future, groups))
        for k in range(0, len(futures), AT_ONCE):
            yield from self._some_forecasts(fitted, steps, futures[k : k + AT_ONCE], query)

    def _some_forecasts(self, fitted, steps, futures, query):
        """Yield as ``_forecasts``, of some pairs of a key and a ``Future``, which are followed side by side."""
        dynamics, units, wide = fitted.trained.dynamics, fitted.units, len(futures[0][1].filled)
        pasts = [cold_past(dynamics, units) if f.place is None else f.place.past for _, f in futures]
        for _, future in futures:
            if future.place is not None:
                warn_if_short(dynamics, units, future.place.n, "The series")
        inputs = units.scaled_all([future.filled for _, future in futures])
        unknown = np.full((len(futures), wide, units.n_outputs), np.nan)
        some = follow_all(dynamics, units, inputs, unknown, pasts)
        warn_if_some_astray(dynamics, units, [followed.out for followed in some])
        answers = units.inverse_all([followed.out[:steps] for followed in some], [key for key, _ in futures])
        for (key, future), answer, of_series, followed, past in zip(futures, answers, inputs, some, pasts):
            intervals, paths = {}, None
            if query.levels or query.paths:
                intervals, paths = around_future(
                    fitted, memo(self, fitted), of_series, key, followed, past, steps, query
                )
            yield key, answer, intervals, paths, future

    def _futures(self, fitted, steps, X, groups):
        """Yield the key and the ``Future`` of each series to forecast."""
        if X is None and groups is None:
            for key, place in fitted.series.items():
                yield key, future_of(fitted, place, steps, None, None, self.n_features_in_)
            return
        table = gather(self._known_columns(fitted, X, steps), None, None, groups, self.series, "X_future")
        check_pace(fitted, table.parts, "X_future")
        needed = rows_needed(fitted, steps)
        if needed:
            table = table.first(needed)  # what no lag looks at may hold anything
        with about("X_future"):
            X = check_inputs(self, table.X, None, reset=False, looked_at=needed > 0)
        if needed:
            is_ahead = fitted.trained.dynamics.is_ahead
            seen = None if is_ahead is None else is_ahead[: X.shape[1]]
            warn_of_units(self, fitted, X, name="X_future", seen=seen)
        X = as_wide_as(fitted, self._with_model_inputs(X if needed else np.zeros_like(X), table.parts))
        for part in table.parts:
            place = place_of(fitted, part.key)
            yield part.key, future_of(fitted, place, steps, X[part.rows], part.stamps, self.n_features_in_)

    def _known_columns(self, fitted, X, steps):
        """Return X_future, completed in columns that the model does not look at."""
        return X

    def _together(self, fitted, forecasts, steps, X_future, groups, wide):
        """Join forecasts, as ``_forecasts`` yields them, in the container that the user gave.   wide : as a frame."""
        names, container = fitted.form.key_names, fitted.form.container
        if forecasts[0][0] is not None and (X_future is not None or groups is not None):
            table = gather(X_future, None, None, groups, self.series)
            names, container = table.names, table.form
        return together(fitted, forecasts, steps, names, container, wide)

    # ---------------------------------------------------------------------------------- how good

    def score(self, X, y, sample_weight=None, groups=None):
        """Return R2 of the free run ``predict(X)``, where y was measured; the mean over several outputs.

        A second experiment must not be judged by the end of the first. So if nothing says that rows continue those seen
        (``start="auto"`` and no stamps: one plain array after another), the run starts from the first y, as many as the
        model looks back on, and these are not judged, provided that as many rows are left. Rows that do continue lose
        nothing by it. The states of a recurrent net still continue: give ``start="estimate"`` where they cannot. The
        fit of :func:`tsrnn.diagnostics.diagnose` and :class:`tsrnn.plotting.CompareDisplay` start in the same way.
        ``predict_ahead`` has the y of all rows, so the start matters only for as many first rows as it looks back on.
        ``calibrate`` begins from the mean, and its first rows only warm up.

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
        fitted = self._fitted()
        if fitted.form.whole:
            Y, weight = self._whole_y(fitted, X, y, sample_weight, groups)
            out = fitted.units.target.inverse(self._answers(fitted, X, groups))
        else:
            table = self._check_rows(fitted, X, y, groups, sample_weight, doubting=False)
            (out, judged), Y, weight = self._judged_run(fitted, table, self.start), table.y, table.weight
            Y = np.where(judged[:, None], Y, np.nan)
        valid = np.isfinite(Y)
        if not valid.any(axis=0).all():
            raise ValueError(
                f"y has no measured value in column {int(np.argmin(valid.any(axis=0)))}, so there is nothing to score: "
                "give rows where it was measured."
            )
        weight = None if sample_weight is None else weight
        scores = [
            _r2(Y[k, o], out[k, o], None if weight is None else weight[k]) for o, k in enumerate(valid.T)
        ]
        return float(np.mean(scores))


def forecasts_ahead(model, X, y, horizons, start=None, groups=None):
    """Forecast as ``model.predict_ahead`` for several horizons, {h: ...}, in one pass through the rows."""
    fitted = model._fitted()
    if y is None:
        raise ValueError("predict_ahead needs the measured y; predict(X) forecasts without it.")
    table = model._check_rows(fitted, X, y, groups)
    fitted = model._with_new_scales(fitted, table, model._start(start))
    U = fitted.units.levels(table)
    ahead = model._walk_all(fitted, table, U, start, horizons)
    return {h: table.give_back(shaped(fitted, out)) for h, out in ahead.items()}


def free_run(model, X, y, start=None):
    """Run freely as ``model.score`` does; NaN in the first rows that it starts from."""
    fitted = model._fitted()
    table = model._check_rows(fitted, X, y, None)
    out, judged = model._judged_run(fitted, table, start)
    out[~judged] = np.nan
    return table.give_back(shaped(fitted, out))


def _check_origins(origins, N, steps):
    """Check the rows (M,) at which forecasts of ``steps`` steps begin, of N rows."""
    if steps > N:
        raise ValueError(f"X has {N} rows, too few for steps={steps}: give at least as many rows.")
    first = np.arange(N - steps + 1) if origins is None else np.asarray(origins)
    first = first.astype(int) if first.size == 0 else first
    if first.ndim != 1 or first.dtype.kind not in "iu" or ((first < 0) | (first > N - steps)).any():
        raise ValueError(
            f"origins={origins!r}: give ints from 0 to {N - steps}, so that {steps} rows follow each."
        )
    return first


def _r2(y, out, weight):
    """Compute R2 of forecasts (N,), in a unit (a power of two) in which squares neither overflow nor vanish."""
    unit = 2.0 ** np.floor(np.log2(np.max(np.abs(y)) or 1.0))
    with np.errstate(over="ignore"):
        return r2_score(y / unit, out / unit, sample_weight=weight)
