"""What any sequence estimator does around a model: rows, places, memories; ``fit``, ``partial_fit`` and ``update``.

It knows nothing of what y means.  The verbs of forecasting are in ``regressor.py``; rows are followed in
``following.py``.  A model's file brings a ``Learner`` and a ``Dynamics`` (``dynamics.py``), which see finite float64
arrays in the model's own units, rows in time order, and never check anything again.

All that a fit learns is one value, ``fitted_``, which is never changed but replaced at the end of a verb that learns:
a reader in another thread sees the model as it was before or after, and an error leaves it as it was.
"""

from copy import deepcopy
from numbers import Integral, Real
from time import perf_counter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import NotFittedError, check_is_fitted, validate_data

from .._check import check_number, check_word
from .._memory_limit import check_parameters
from .._series import timeline as timelines
from .._series.categories import learn_vocabulary
from .._series.checks import (
    about,
    check_lengths,
    check_measured,
    check_size,
    check_start,
    check_weight,
    is_estimate,
    plain_values,
)
from .._series.choices import Lags, choose_lags
from .._series.labels import one_hot
from .._series.lags import is_auto
from .._series.rows import gather, in_order_of, one_a_series
from .._series.scaling import LogLink, make_scaler
from .._series.seasons import index_of
from .._series.units import (
    Inputs,
    Series,
    Units,
    fill,
    filled_width,
    input_means,
    level_and_reach,
    scale_of,
    with_new_scales,
)
from .._training.least_squares import one_thread
from .._training.monitor import summary
from .._warn import warn
from .compared import Rows
from .fitted import Fitted
from .following import (
    across,
    begin,
    cold_past,
    cut,
    first_past,
    follow,
    follow_all,
    walk,
    warn_if_astray,
    warn_if_short,
    warn_if_some_astray,
    warn_of_bounds,
    warn_of_gaps,
)
from .held_back import hold_last, hold_series, hold_stretches
from .intervals.errors import Maker
from .intervals.later import Later
from .observer import check_observable, enough_rows, estimate, first_rows
from .parameters import SeriesParameters
from .persist import state_kept, state_to_keep
from .places import (
    Start,
    check_grids,
    check_pace,
    is_unidentified,
    may_be_another,
    place_after,
    start_after_history,
    start_of,
    start_of_next,
    take_back,
    warn_of_spacing,
)
from .snapshots import all_or_nothing, with_parameters


MISSING = ("error", "hold", "mean", "mask")
FIRST = 50  # rows of a new series, by which its scale is known
SHORT = 64  # new rows of a series, up to which many series are followed side by side
LEAST_SERIES = 3  # that are held back whole, of many without names

# Estimator -> one-row predictions in a row; kept outside it, for predict changes nothing.
_one_row_calls = WeakKeyDictionary()


class Leg(NamedTuple):
    """New rows of one series, for ``update``: the past before them, and ``Stretch`` after ``Stretch``.

    dropped, kept : those from which no interval comes, and those after them.
    """

    part: Any
    past: Any
    dropped: list
    kept: list


def _in_scale(learner, units):
    """Return the learner, adapted to the scale of y where its loss has a log link."""
    return learner.for_scale(units.y.scale) if isinstance(units.y, LogLink) else learner


class Sequence(SeriesParameters, MultiOutputMixin, BaseEstimator):
    """Rows, places, memories; a subclass brings the meaning of y: ``_check_y``, ``_goal``, and ``_learner``."""

    # ---------------------------------------------------------------------------------- files, tags, attributes

    def __getstate__(self):
        return state_to_keep(self, super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(state_kept(self, state))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    def __sklearn_is_fitted__(self):
        return "fitted_" in self.__dict__

    def _fitted(self):
        """Return what was learnt, read once by each verb; raise where nothing was."""
        try:
            return self.__dict__["fitted_"]
        except KeyError:
            check_is_fitted(self)
            raise

    def _trained(self):
        """Return the model and how it was learnt, for attributes."""
        if "fitted_" not in self.__dict__:
            name = type(self).__name__
            raise NotFittedError(f"This {name} is not fitted yet: call fit before asking for what it learnt.")
        return self.__dict__["fitted_"].trained

    def _dynamics(self):
        """Return the fitted model."""
        return self._trained().dynamics

    @property
    def theta_(self):
        """All parameters."""
        return self._dynamics().theta

    @property
    def lead_(self):
        """Rows of history that a forecast needs."""
        return self._dynamics().lead

    @property
    def lags_(self):
        """Lags of the inputs and of the outputs, those that were found where they are "auto"."""
        self._trained()
        if self.fitted_.lags is None:
            raise AttributeError(f"{type(self).__name__} has no lags_.")
        return self.fitted_.lags

    @property
    def n_iter_(self):
        """Iterations run."""
        return self._trained().n_iter

    @property
    def loss_curve_(self):
        """Loss after each iteration."""
        return self._trained().loss_curve

    @property
    def validation_curve_(self):
        """Loss on the held rows after each iteration."""
        return self._trained().validation_curve

    @property
    def x_scaler_(self):
        """Center and scale of the inputs."""
        return self._units().x

    @property
    def y_scaler_(self):
        """Center and scale of y."""
        return self._units().y

    @property
    def n_outputs_(self):
        """Columns of y."""
        return self._units().n_outputs

    @property
    def stages_(self):
        """Stages of training: a tuple (name, iterations, why it stopped) of each."""
        return self._trained().stages

    @property
    def series_scales_(self):
        """Center and scale of the levels of each series, by its key, where each has its own."""
        scales = self._units().own
        if scales is None:
            raise AttributeError(
                f"{type(self).__name__} was fitted with one scale for all series: give scale='series'."
            )
        return scales

    @property
    def series_(self):
        """Where each series stands, by its key."""
        self._trained()
        return self.fitted_.series

    @property
    def state_(self):
        """The memory after the last row seen, of a model of one series."""
        return self._only().past.memory

    @property
    def timeline_(self):
        """First and last stamp of the rows seen and how they are spaced; None without times."""
        return self._only().timeline

    def _units(self):
        """Return how numbers become the model's, for attributes."""
        self._trained()
        return self.fitted_.units

    def _only(self):
        """Return the place of the one series."""
        places = self.series_
        if None not in places:
            raise AttributeError(f"{type(self).__name__} has not seen one series: look into series_.")
        return places[None]

    # ---------------------------------------------------------------------------------- learning

    @all_or_nothing
    def fit(self, X, y=None, sample_weight=None, groups=None):
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
            Or one value (or row of values) a series, (n_series,) or (n_series, n_outputs), for a model that has
            ``pooling``: then it learns one answer to each whole series, and predicts that.
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
        learner, began = self._learner(), perf_counter()
        if one_a_series(X, y, groups, self.series):
            self._fit_whole(learner, X, y, sample_weight, groups)
            self._print_summary(began)
            return
        form, table = self._check_fit(X, y, sample_weight, groups)
        pieces = [_moved(s.rows, part.rows.start) for part in table.parts for s in _cut(part)]
        goal = self._goal(table, pieces, form)
        learner, lags = self._with_lags(
            learner, table, pieces, goal._replace(U=as_levels(goal.U, _n_outputs(form, goal)))
        )
        learner = self._for_y(learner, form, table)
        if _is_coded(form, goal.W) and not learner.codes_labels:  # lags that were found leave labels out
            goal = goal._replace(
                U=as_levels(goal.U, form.classes.n_outputs), W=as_levels(goal.W, form.classes.n_outputs)
            )
        net = learner.net(filled_width(self.missing, self.n_features_in_), _n_outputs(form, goal))
        check_parameters(net)
        before = self._before(learner, net, form)
        counts = (table.weight > 0) & np.isfinite(goal.W).any(axis=1)
        held = self._hold_back(learner, table, counts, form)
        learnt = counts if learner.learns_held else counts & ~held
        units, filled, Xz, Z = self._learn_units(learner, table, goal, learnt, before, form)
        series = [Series(Xz[p], Z[p], table.weight[p], held[p]) for p in pieces]
        learner, rng = _in_scale(learner, units), self._random_state()
        with one_thread:
            trained = learner.learn(net, series, units.mean, rng, before and before.trained)
        _check_learnt(trained)
        places = self._settle(table, units, trained, goal.U, filled, Xz)
        errors = self._first_errors(units, trained, pieces, filled, goal.U, held, learnt)
        form = self._judged(form, trained, series)
        errors = errors and errors._replace(last=_last_levels(table.parts, goal.U, units.level))
        made_for, judged = self._made_for(), trained.dynamics if trained.judged is None else trained.judged
        trained = trained._replace(ends=None, judged=None)
        self.fitted_ = Fitted(units, trained, places, form, errors, rng, made_for, lags)
        warn_of_spacing(table.parts, places)
        self._compare(learner, Maker(judged, units), Rows(table.parts, pieces, filled, goal.U, held))
        self._print_summary(began)

    def _print_summary(self, began):
        """Print, with ``verbose``, what the fit did, why it stopped, and how long it took."""
        if getattr(self, "verbose", 0):
            print(summary(type(self).__name__, self._trained().stages, perf_counter() - began))

    # ---------------------------------------------------------------------------------- one y a series

    def _fit_whole(self, learner, X, y, sample_weight, groups):
        """Learn from series that have one y each."""
        if getattr(self, "pooling", None) is None:
            raise ValueError(
                f"y has one value a series, but {type(self).__name__} takes one a row: give a y a row, or take a model "
                "with pooling, such as GRURegressor, GRUClassifier or ESNClassifier."
            )
        form, table = self._check_whole(X, y, sample_weight, groups)
        learner = self._for_y(learner, form, table)
        if is_auto(getattr(self, "input_lags", None)):
            raise ValueError(
                "input_lags='auto' are chosen for a y a row, but y has one value a series: give an int."
            )
        if learner.sees_y:
            raise ValueError(
                "y has one value a series, which no row can see: give output_lags=0, or a y a row."
            )
        goal = self._goal(table, [slice(0, len(table.y))], form)
        if len(goal.target.coef):
            raise ValueError(
                "target_transform takes differences from row to row, but y has one value a series: leave them out."
            )
        net = learner.net(filled_width(self.missing, self.n_features_in_), goal.W.shape[1])
        before, rng = self._before(learner, net, form), self._random_state()
        before = before if before is not None and before.form.whole else None
        counts = (table.weight > 0) & np.isfinite(goal.W).any(axis=1)
        held = hold_series(form.classes, table.y, counts, learner.held_of_whole(counts.sum()), rng)
        units, series = self._learn_whole_units(table, goal, counts, held, before, form)
        learner = _in_scale(learner, units)
        with one_thread:
            trained = learner.learn_whole(net, series, units.mean, rng, before and before.trained)
        _check_learnt(trained)
        form = self._judged(form, trained, series)
        self.fitted_ = Fitted(units, trained, {}, form, None, rng, self._made_for())

    def _check_whole(self, X, y, sample_weight, groups):
        """Check rows; returns the ``Form``, and a table of X (N, F), y (S, O), weights (S,): an entry a series."""
        check_word("missing", self.missing, MISSING)
        table = gather(X, None, None, groups, self.series)
        y, sample_weight = (in_order_of(table.parts, v, table.names) for v in (y, sample_weight))
        X, vocabulary = self._learn_categories(table.X)
        X = self._check_X(X, None, reset=True)
        Y, form = self._check_y(y, None)
        if len(Y) != len(table.parts):
            raise ValueError(
                f"y has {len(Y)} values, but X {len(table.parts)} series: give one value a series, or one a row, in as "
                "many series."
            )
        check_measured(Y)
        weight = check_weight(sample_weight, Y)
        form = form._replace(container=table.form, key_names=table.names, whole=True, vocabulary=vocabulary)
        form, weight = self._weigh(form, Y, weight, None)
        return form, table.of(X, None, None)._replace(y=Y, weight=weight)

    def _learn_whole_units(self, table, goal, counts, held, before, form):
        """Learn units; returns them, and a ``Series`` each, whose last row has the y of the whole."""
        parts, learn = table.parts, counts & ~held
        rows = np.zeros(len(table.X), bool)
        for part, counts_here in zip(parts, learn):
            rows[part.rows] = counts_here
        means = _means(form, table.X, rows) if before is None else before.units.means
        filled = np.concatenate([fill(self.missing, means, table.X[part.rows], means) for part in parts])
        if before is None:
            x = _leave_codes(form, make_scaler(goal.scale, filled, rows, "X"))
            y = make_scaler(goal.scale, goal.W, learn, "y") if goal.link is None else goal.link
        else:
            x, y = before.units.x, before.units.y
        Xz, Z = x(filled), y(goal.W)
        check_size(Xz, Z)
        mean = _mean_inputs(form, Xz[rows].mean(axis=0)), np.nanmean(Z[learn], axis=0)
        level, reach = level_and_reach(goal.U)
        units = Units(self.missing, means, x, y, goal.target, goal.bounds, level, reach, mean)
        series = []
        for part, z, weight, counts_here, held_here in zip(parts, Z, table.weight, counts, held):
            n = part.rows.stop - part.rows.start
            Y, w = np.full((n, len(z)), np.nan), np.zeros(n)
            Y[-1], w[-1] = z, weight if counts_here else 0.0
            series.append(Series(Xz[part.rows], Y, w, np.full(n, held_here)))
        return units, series

    def _answers(self, fitted, X, groups):
        """Compute levels (S, O) of the y of each series."""
        dynamics, units = fitted.trained.dynamics, fitted.units
        table = gather(X, None, None, groups, self.series)
        X = as_wide_as(fitted, self._check_X(table.X, None, reset=False))
        U = np.empty((len(table.parts), units.n_outputs))
        for k, part in enumerate(table.of(X, None, None).parts):
            inputs = units.inputs(X[part.rows], units.means)
            U[k] = units.y.inverse(dynamics.answer(inputs.z)[None])[0]
            if inputs.limits is not None:
                U[k] = np.clip(U[k], *(side[-1] for side in inputs.limits))
        return U

    def _whole_y(self, fitted, X, y, sample_weight, groups):
        """Return Y (S, O), in the order of the series of X, and weights (S,) or None."""
        table = gather(X, None, None, groups, self.series)
        Y, _ = self._check_y(in_order_of(table.parts, y, table.names), fitted)
        if len(Y) != len(table.parts):
            raise ValueError(
                f"y has {len(Y)} values, but X has {len(table.parts)} series: give one for each."
            )
        if sample_weight is not None:
            sample_weight = check_weight(in_order_of(table.parts, sample_weight, table.names), Y)
        return Y, sample_weight

    def _with_lags(self, learner, table, pieces, goal):
        """Choose the lags that parameters leave open; returns the learner with them, and all its ``Lags``, if any."""
        owner = self._has_lags()
        settings = {name: getattr(owner, name, ()) for name in Lags._fields}
        if not any(map(is_auto, settings.values())):
            return learner, lags_of(learner)
        fitted = self.__dict__.get("fitted_")
        lags = fitted.lags if fitted is not None and getattr(self, "warm_start", False) else None
        if lags is None:
            settings = {
                name: "auto" if is_auto(v) else getattr(lags_of(learner), name)
                for name, v in settings.items()
            }
            pieces = long_pieces(pieces)
            U, X = ([V[p] for p in pieces] for V in (goal.U, table.X))
            differences = tuple(change.lag for change in goal.target.changes if hasattr(change, "lag"))
            options = {"horizon": getattr(self, "horizon", None), "differences": differences}
            options["most"] = most_lags(learner, sum(map(len, U)))
            lags = choose_lags(U, index_of(table.parts[0].stamps), X, **settings, **options)
        return self._learner_of(lags), lags

    def _has_lags(self):
        """Return the estimator that has the parameters of lags."""
        return self

    def _learner_of(self, lags):
        """Return the learner, with those ``Lags`` where parameters leave them open."""
        if lags is None:
            return self._learner()
        return with_parameters(self, **open_lags(self, lags))._learner()

    def _for_y(self, learner, form, table):
        """Adapt the learner to the categories of X and the labels of y that the checked rows hold."""
        vocabulary, classes = form.vocabulary, form.classes
        exclusive = classes is not None and classes.link == "softmax" and not form.whole
        counts = {} if vocabulary is None else vocabulary.counts
        return learner.of_symbols(counts, len(classes.labels) if exclusive else 0)

    def _hold_back(self, learner, table, counts, form):
        """Choose rows for validation, (N,) bool: of each series the last share of those that count, or stretches.

        Of many series that nothing names and that get labels: whole series, for others like them will come, and what
        is to be learnt may stand at their ends alone.
        """
        hold = hold_stretches if learner.learns_held else hold_last
        held, anonymous = np.zeros(len(counts), bool), table.form != "table" and form.classes is not None
        whole = learner.learns_held and anonymous and len(table.parts) * learner.held_share >= LEAST_SERIES
        for k, part in enumerate(table.parts):
            if whole:
                held[part.rows] = (k + 1) * learner.held_share // 1 > k * learner.held_share // 1
            else:
                held[part.rows] = hold(counts[part.rows], learner.held_share)
        return held

    def _learn_units(self, learner, table, goal, counts, before, form):
        """Learn units from the rows that count; returns them, inputs (N, D) filled and scaled, scaled y (N, O)."""
        fresh = before is None  # else warm_start goes on with weights that are made for the old scales
        means = _means(form, table.X, counts) if fresh else before.units.means
        filled = table.X
        if self.missing != "error":
            rows = (table.X[part.rows] for part in table.parts)
            filled = np.concatenate([fill(self.missing, means, X, means) for X in rows])
        if fresh:
            x, y = _leave_codes(form, make_scaler(goal.scale, filled, counts, "X")), goal.link
            y = make_scaler(goal.scale, goal.W, counts, "y") if y is None else y
        else:
            x, y = before.units.x, before.units.y
        Xz, Z = x(filled), y(goal.W)
        if learner.whole_scale:
            check_size(Xz, Z)
        mean_x, mean_y = (np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Xz, Z))
        level, reach = level_and_reach(goal.U)
        if _is_coded(form, Z):
            mean_y, level, reach = (
                *(form.classes.shares(v) for v in (Z[counts], goal.U)),
                np.ones(len(form.classes.labels)),
            )
        mean = _mean_inputs(form, mean_x), mean_y
        measures = means, x, y, goal.target, goal.bounds, level, reach, mean, goal.delay, goal.own
        units = Units(self.missing, *measures)
        warn_of_bounds(units, filled, table.y)
        return units, filled, Xz, Z

    def _before(self, learner, net, form):
        """Return the ``Fitted`` that a warm start continues from; or None."""
        fitted = self.__dict__.get("fitted_")
        if fitted is None or learner.before(fitted.trained, net) is None:
            return None
        if form.vocabulary is not None and not form.vocabulary.same_as(fitted.form.vocabulary):
            return None  # its codes meant something else
        new = self._made_for()
        changed = [name for name in new if new[name] != fitted.made_for[name]]
        if changed:
            raise ValueError(
                f"warm_start=True goes on with weights made for {changed[0]}={fitted.made_for[changed[0]]}, but it is "
                f"{new[changed[0]]} now: give warm_start=False."
            )
        return fitted

    def _made_for(self):
        """Return the parameters that weights are made for, as text."""
        names = ("scale", "target_transform", "missing")
        return {name: repr(getattr(self, name)) for name in names if hasattr(self, name)}

    def _random_state(self):
        """Return the generator of training."""
        try:
            return check_random_state(self.random_state)
        except ValueError as error:
            raise ValueError(
                f"random_state={self.random_state!r}: {error}. Give an int >= 0, a RandomState or None."
            ) from None

    def _settle(self, table, units, trained, U, filled, Xz):
        """Return the ``Place`` of each series after training, by its key."""
        dynamics, places = trained.dynamics, {}
        first, limits = first_past(dynamics, units), units.limits(filled)
        whole = Inputs(filled, Xz, limits)
        k = 0  # of the series that was learnt from
        for part in table.parts:
            rows, inputs = part.rows, whole.of(part.rows)
            stretches = _cut(part)
            end = trained.ends[k] if trained.ends and len(stretches) == 1 and not units.looks_back else None
            k += len(stretches)
            if end is not None:
                past = first._replace(memory=end, inputs=inputs.filled[-1, : units.n_inputs])
            else:
                _, past = walk(dynamics, units, inputs, as_levels(U[rows], units.n_outputs), stretches, first)
            n = dynamics.lead + units.looks_back
            head = as_levels(U[rows][:n], units.n_outputs)
            places[part.key] = begin(dynamics, units, part, table.X[rows], head, past)
        return places

    def _first_errors(self, units, trained, pieces, filled, U, held, counts):
        """Return the ``Errors`` that intervals come from, of a model that has any."""
        return None

    def _compare(self, learner, maker, rows):
        """Compare a new model with what is simpler."""

    def _judged(self, form, trained, series):
        """Return the form of answers, given the model's answers to the ``Series`` of training."""
        return form

    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None, groups=None, *, forgetting=1.0):
        """Learn a little from new rows and remember them: weights and memory advance.

        On an unfitted model this is ``fit``. Later calls learn from the new rows, which must follow those seen,
        without forgetting the old: a small TDNN or NARX by recursive Gauss-Newton, in open loop (a linear one,
        fitted without early stopping, then is what a fit to all rows gives), larger and recurrent nets by a pass of
        stochastic gradient, an echo state network by adding to its sums. The scaling stays as it was.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            A series that was not seen before begins here.
        forgetting : float, default=1.0
            In (0, 1]: what was learnt before counts for ``forgetting`` to the power of the number of new rows, and each
            of these for ``forgetting`` to the power of its age. So a drifting system is tracked over the last
            1 / (1 - forgetting) rows, roughly: exactly by ARX and by an ESN (recursive least squares), to first order
            by a small TDNN or NARX. Recurrent and large nets, which keep no sums, weigh the new rows alone so; they
            track by ``solver=KalmanFilter(...)`` or ``OnlineGradient(...)``.

        Returns
        -------
        self : the estimator

        Raises
        ------
        ValueError
            As in ``fit``; or the rows begin before the end of those seen.
        """
        check_number("forgetting", forgetting, 0, 1, low_open=True)
        if "fitted_" not in self.__dict__:
            return self.fit(X, y, sample_weight, groups)
        fitted = self.fitted_
        fitted.trained.dynamics.check_verb("partial_fit")
        learner = self._learner_of(fitted.lags)
        _, table = self._check_fit(X, y, sample_weight, groups, fitted)
        fitted = self._with_new_scales(fitted, table)
        fitted = take_back(fitted, table)
        learner = _in_scale(self._for_y(learner, fitted.form, table), fitted.units)
        units, trained, places = fitted.units, fitted.trained, dict(fitted.series)
        U, later = units.levels(table), Later(fitted.errors)
        rng = deepcopy(fitted.rng)  # the old one stays as it was
        for part in table.parts:
            X, levels, weight = table.X[part.rows], U[part.rows], table.weight[part.rows]
            start = start_of_next(fitted._replace(trained=trained, series=places), part)
            stretches = self._cut_and_warn(trained.dynamics, part, start)
            past, pasts = start.past, []
            for rows, missing in stretches:
                past = across(trained.dynamics, units, past, missing)
                inputs = units.inputs(X[rows], past.inputs)
                Z = units.late(units.y(units.target.differences(levels[rows], past.levels)))
                w = weight[rows]
                if forgetting < 1:
                    w = w * forgetting ** np.arange(len(w) - 1.0, -1.0, -1.0)
                    trained = learner.fade(trained, forgetting ** len(w))
                scaled = Series(inputs.z, Z, w, np.zeros(len(Z), bool))
                if learner.whole_scale:
                    check_size(scaled.X, Z)
                with one_thread:
                    trained = learner.learn_more(trained, scaled, past.memory, rng)
                followed = follow(trained.dynamics, units, inputs, levels[rows], past)
                pasts.append((rows, missing, past, inputs.filled))
                past = followed.after._replace(inputs=inputs.filled[-1, : units.n_inputs])
            places[part.key] = place_after(trained.dynamics, units, places, part, X, levels, past)
            later.keep(trained.dynamics, units, part.key, levels, pasts, followed.U[-1])
        _check_learnt(trained)
        self.fitted_ = fitted._replace(trained=trained, series=places, rng=rng, errors=later.errors())

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
        fitted = self._fitted()
        fitted.trained.dynamics.check_verb("update")
        table = self._check_rows(fitted, X, y, groups)
        fitted = take_back(self._with_new_scales(fitted, table), table)
        dynamics, units, places = fitted.trained.dynamics, fitted.units, dict(fitted.series)
        U, later = units.levels(table), Later(fitted.errors)
        starts = [start_of_next(fitted, part) for part in table.parts]
        stretches = [self._cut_and_warn(dynamics, part, start) for part, start in zip(table.parts, starts)]
        legs = [
            Leg(part, start.past, *later.split(part.key, of_part))
            for part, start, of_part in zip(table.parts, starts, stretches)
        ]
        inputs = units.scaled(_filled(units, table, starts))
        followed = _follow_short(dynamics, units, inputs, U, legs)
        for leg in legs:
            part = leg.part
            last, past, pasts = followed.get(part.key) or _follow_leg(dynamics, units, inputs, U, leg)
            levels = U[part.rows]
            places[part.key] = place_after(dynamics, units, places, part, table.X[part.rows], levels, past)
            filled = inputs.filled[part.rows]
            visited = [(*s, before, filled[s.rows]) for s, before in zip(leg.kept, pasts)]
            later.keep(dynamics, units, part.key, levels, visited, last)
        self.fitted_ = fitted._replace(series=places, errors=later.errors())

    # ---------------------------------------------------------------------------------- where to start

    def _cut_and_warn(self, dynamics, part, start):
        """Cut the rows of a part into ``Stretch`` after ``Stretch``, the first over the gap since the start."""
        n = part.rows.stop - part.rows.start
        stretches = cut(part.stamps, n, start.timeline)
        if start.missing or len(stretches) > 1:
            before = (start.missing, start.timeline) if start.missing else None
            warn_of_gaps(dynamics, part.stamps, stretches, before)
        return [stretches[0]._replace(missing=start.missing), *stretches[1:]]

    def _resume(self, fitted, table, start, fed):
        """Yield each part of a table, its stretches, the past before it and known first levels (k, O).

        fed : levels (N, O) that the model is given.
        """
        start = check_start(self.start if start is None else start)
        dynamics, histories = fitted.trained.dynamics, {}
        if isinstance(start, tuple) or start in ("end", "estimate"):
            dynamics.check_verb("A warm start")
        if is_estimate(start):
            yield from self._estimated(fitted, table, start, fed)
            return
        if isinstance(start, tuple):
            histories = self._histories(fitted, start)
            if (None in histories) != (table.parts[0].key is None):
                keyed, keyless = ("X", "the history") if None in histories else ("the history", "X")
                raise ValueError(
                    f"start: {keyed} tells its series apart, but {keyless} does not: give both in the same way, for "
                    "example with a MultiIndex (series, time)."
                )
        for part in table.parts:
            if isinstance(start, tuple):
                begins = start_after_history(fitted, histories.get(part.key), part.stamps)
            else:
                begins = start_of(fitted, part, table.X[part.rows], start, table.form)
                place = fitted.series.get(part.key)
                if place is not None and begins.past is place.past:
                    warn_if_short(dynamics, fitted.units, place.n, "The series")
            yield part, self._cut_and_warn(dynamics, part, begins), begins.past, begins.head

    def _estimated(self, fitted, table, start, fed):
        """Resume as ``_resume``, each part from the past that best explains its own first rows."""
        dynamics, units, measured = (
            fitted.trained.dynamics,
            fitted.units,
            self._with_first_y(fitted, table, start),
        )
        Y, most = units.levels(measured), start[1] if isinstance(start, tuple) else None
        for part in table.parts:
            begins = start_of(fitted, part, table.X[part.rows], "cold", table.form)
            stretches = self._cut_and_warn(dynamics, part, begins)
            past = self._estimated_past(
                fitted, table.X[part.rows], fed[part.rows], Y[part.rows], begins.past, stretches, most
            )
            yield part, stretches, past, begins.head

    def _with_first_y(self, fitted, table, start):
        """Fill in the y of a table's first rows from ``start``, where it has one; a table with y stays."""
        if not isinstance(start, tuple) or isinstance(start[1], Integral):
            return table
        with about("start"):
            Y, _ = self._check_y(start[1], fitted)
        if len(table.parts) > 1 or len(Y) > len(table.y):
            raise ValueError(
                f"start=('estimate', y_first) has the first {len(Y)} rows of one series, but X has {len(table.y)} rows "
                f"of {len(table.parts)} series: give no more rows than X has, and one series at a time."
            )
        y = np.full_like(table.y, np.nan)
        y[: len(Y)] = Y
        return table._replace(y=y)

    def _estimated_past(self, fitted, X, U, Y, past, stretches, most):
        """Estimate the past that best explains first rows: levels Y (N, O), of which the model is given U."""
        dynamics, units, name = fitted.trained.dynamics, fitted.units, type(self).__name__
        if fitted.form.classes is not None:
            raise ValueError(
                f"start='estimate' explains numbers, but {name} gives labels: give 'cold', or a history."
            )
        check_observable(name, dynamics, units, past)
        rows = stretches[0].rows
        if not np.isfinite(Y[rows]).any():
            raise ValueError(
                "start='estimate' needs the y of the first rows, but there is none that was measured: give it, as in "
                "score(X, y), predict_ahead(X, y) or predict(X, start=('estimate', y_first)), or start='cold'."
            )
        inputs = units.inputs(X[rows], past.inputs)
        most = (
            most if isinstance(most, Integral) else enough_rows(dynamics, units) if most is None else len(Y)
        )
        return estimate(dynamics, units, past, first_rows(inputs, U[rows], Y[rows], most))

    def _histories(self, fitted, start):
        """Follow the series of a history (X_hist, y_hist); returns the timeline of each and its past at the end."""
        with about("start"):
            table = self._check_rows(fitted, *start[:2], None)
            check_grids(fitted, table)
        dynamics, units = fitted.trained.dynamics, fitted.units
        U, histories, cold = units.levels(table), {}, cold_past(dynamics, units)
        for part in table.parts:
            stretches = self._cut_and_warn(dynamics, part, Start(cold, None, 0, None))
            warn_if_short(dynamics, units, part.rows.stop - part.rows.start, "start: the history")
            begins, X, Y = cold, table.X[part.rows], U[part.rows]
            if len(start) == 3:
                begins = self._estimated_past(fitted, X, Y, Y, cold, stretches, None)
            inputs = units.inputs(X, cold.inputs)
            _, past = walk(dynamics, units, inputs, Y, stretches, begins)
            timeline = timelines.read(part.stamps) if timelines.tells(part.stamps) else None
            histories[part.key] = timeline, past
        return histories

    def _enter(self, X, y, start):
        """Check rows of one series; returns X (N, D), Y (N, O) in the model's units, stretches, where they start."""
        table, entered = self._enter_all(X, y, start)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give them one at a time.")
        return entered[0]

    def _enter_all(self, X, y, start):
        """Check rows; returns a table, and of each series what ``_enter`` returns of one."""
        fitted = self._fitted()
        table, entered = self._check_rows(fitted, X, y, None), []
        fitted = self._with_new_scales(fitted, table, check_start(self.start if start is None else start))
        units = fitted.units
        levels = units.levels(table)
        for part, stretches, past, head in self._resume(fitted, table, start, levels):
            U = levels[part.rows]
            if y is None:
                U[: len(head)] = head[: len(U)]
            inputs = units.inputs(table.X[part.rows], past.inputs)
            entered.append((inputs.z, units.y(units.target.differences(U, past.levels)), stretches, past))
        return table, entered

    # ---------------------------------------------------------------------------------- following given rows

    def _free_run(self, fitted, table, start):
        """Run freely; returns forecasts (N, O) in the user's units."""
        start = check_start(self.start if start is None else start)
        if is_estimate(start):
            table = self._with_first_y(fitted, table, start)
        fitted = self._with_new_scales(fitted, table, start)
        unknown = np.full((len(table.X), fitted.units.n_outputs), np.nan)
        return self._walk_all(fitted, table, unknown, start)[1]

    def _judged_run(self, fitted, table, start):
        """Run freely where y is known, as ``score`` says; returns forecasts (N, O) and rows that are judged, (N,) bool.

        Where nothing tells that rows go on from those seen, the first y of each series, as many as the model looks
        back on, are what it starts from, if at least as many rows, and two, are left to judge.
        """
        start = check_start(self.start if start is None else start)
        if is_estimate(start):
            table = self._with_first_y(fitted, table, start)
        fitted = self._with_new_scales(fitted, table, start)
        U, judged = np.full((len(table.X), fitted.units.n_outputs), np.nan), np.ones(len(table.X), bool)
        n, levels = fitted.trained.dynamics.lead + fitted.units.looks_back, None
        for part in table.parts:
            left = part.rows.stop - part.rows.start - n
            if n and left >= max(n, 2) and may_be_another(fitted, part, start, table.form):
                levels = fitted.units.levels(table) if levels is None else levels
                first = slice(part.rows.start, part.rows.start + n)
                U[first], judged[first] = levels[first], False
        return self._walk_all(fitted, table, U, start)[1], judged

    def _walk_all(self, fitted, table, U, start, horizons=(1,)):
        """Follow all series of a table, levels U (N, O); forecasts {h: (N, O)} in the user's units."""
        dynamics, units = fitted.trained.dynamics, fitted.units
        out = {h: np.empty_like(U) for h in horizons}
        for part, stretches, past, head in self._resume(fitted, table, start, U):
            levels, inputs = U[part.rows], units.inputs(table.X[part.rows], past.inputs)
            if len(head):
                levels = levels.copy()
                levels[: len(head)] = np.where(
                    np.isnan(levels[: len(head)]), head[: len(levels)], levels[: len(head)]
                )
            ahead, _ = walk(dynamics, units, inputs, levels, stretches, past, horizons)
            for h, levels_ahead in ahead.items():
                out[h][part.rows] = units.inverse(levels_ahead, part.key)
            warn_if_astray(dynamics, units, ahead[max(horizons)])
        return out

    def _with_new_scales(self, fitted, table, start=None):
        """Learn the scale of each new series, with ``scale="series"``, from its history or its first rows.

        start : where rows start that need not go on from the last ones seen, or None.
        """
        known, target = fitted.units.own, fitted.units.target
        if known is None:
            return fitted
        nameless = [
            p.key for p in table.parts if start is not None and is_unidentified(start, table.form, p.stamps)
        ]
        scales = {key: scale for key, scale in known.items() if key not in nameless}
        if isinstance(start, tuple) and not is_estimate(start):
            with about("start"):
                history = self._check_rows(fitted, *start[:2], None)
            scales = with_new_scales(scales, target.levels(history.y), target, history.parts)
        scales = with_new_scales(scales, target.levels(table.y), target, table.parts, FIRST)
        scales |= {key: scale_of(known, None) for key in nameless if key not in scales}
        return fitted._replace(units=fitted.units._replace(own=scales))

    def _note_one_row_call(self, fitted, part):
        """Warn if a driver asks for one row at a time, which gets it the same step again and again."""
        place = fitted.series.get(part.key)
        stands_still = place is None or _is_empty(place.past.memory) or not fitted.trained.dynamics.goes_on
        if stands_still or timelines.tells(part.stamps):
            return
        series, count = _one_row_calls.get(self, (None, 0))
        count = count + 1 if series is fitted.series else 1
        _one_row_calls[self] = fitted.series, count
        if count == 2:
            warn(
                f"{type(self).__name__}.predict was called for one row twice in a row, without an index: both "
                "start from the last row seen, because predict never changes the model. For several steps "
                "use forecast(steps) or one predict over all rows; to take in measurements use update(X, y)."
            )

    # ---------------------------------------------------------------------------------- checks of rows

    def _check_fit(self, X, y, sample_weight, groups, fitted=None):
        """Check rows; returns the ``Form``, and a table of X (N, F), y (N, O), weights (N,), in the order of series."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None. X comes "
                "first: a series without inputs is y, fit(None, y)."
            )
        check_start(self.start)
        check_word("missing", self.missing, MISSING)
        table = gather(X, y, sample_weight, groups, self.series)
        if fitted is not None:
            check_pace(fitted, table.parts, "X" if X is not None else "y")
        X, vocabulary = (
            self._learn_categories(table.X) if fitted is None else (table.X, fitted.form.vocabulary)
        )
        X = self._check_X(X, table.y, reset=fitted is None)
        Y, form = self._check_y(table.y, fitted)
        check_lengths(X, Y)
        check_measured(Y)
        weight = check_weight(table.weight, X)
        if not weight.sum() > 0:
            raise ValueError("sample_weight is zero everywhere: give some row a positive weight.")
        if not 1e-20 < weight.max() < 1e20:
            raise ValueError(
                f"sample_weight has {weight.max():.3g} for its largest value, which single precision cannot add up: "
                "divide all weights (and alpha) by that."
            )
        form = form._replace(container=table.form, key_names=table.names, vocabulary=vocabulary)
        form, weight = self._weigh(form, Y, weight, fitted)
        return form, table.of(self._with_model_inputs(X, table.parts), Y, weight)

    def _weigh(self, form, Y, weight, fitted):
        """Weigh each row of Y (N, O), (N,), by the meaning of y; returns the form and the weights."""
        return form, weight

    def _check_rows(self, fitted, X, y, groups, sample_weight=None):
        """Check rows to follow; returns a table of X (N, F), y (N, O) with NaN where unknown, weights (N,)."""
        if fitted.form.whole:
            fitted.trained.dynamics.check_verb("This call")
        table = gather(X, y, sample_weight, groups, self.series)
        check_pace(fitted, table.parts, "y" if X is None else "X")
        X = self._with_model_inputs(self._check_X(table.X, table.y, reset=False), table.parts)
        X = as_wide_as(fitted, X)
        weight = None if table.weight is None else check_weight(table.weight, X)
        if y is None:
            return table.of(X, np.full((len(X), fitted.units.n_outputs), np.nan), weight)
        Y, _ = self._check_y(table.y, fitted)
        check_lengths(X, Y)
        return table.of(X, Y, weight)

    def _with_model_inputs(self, X, parts):
        """Append to inputs X (N, F) what else a model knows of the rows of some parts."""
        return X

    def _learn_categories(self, X):
        """Learn the ``Vocabulary`` of X, or None; returns X with codes in place of categories, and it."""
        named = getattr(self, "categorical_features", None)
        vocabulary = None if named is None else learn_vocabulary(X, named)
        return (X if vocabulary is None else vocabulary.coded(X, False)), vocabulary

    def _check_X(self, X, y, reset, looked_at=True):
        """Check X; returns (N, F), NaN only where ``missing`` handles it, or in columns that are not used."""
        if not reset:
            vocabulary = getattr(getattr(self.__dict__.get("fitted_"), "form", None), "vocabulary", None)
            if vocabulary is not None and X is not None:
                X = vocabulary.coded(X, self.missing != "error" or not looked_at)
        if X is None or (getattr(X, "ndim", 0) == 2 and X.shape[1] == 0):
            return self._check_no_inputs(X, y, reset)
        flat = isinstance(X, list) and all(isinstance(v, Real) for v in X[:3])
        if (flat and X) or (getattr(X, "ndim", 0) == 1 and len(X)):
            raise ValueError(
                f"X has one dimension, {np.shape(X)}, where 2D tells rows from inputs. Reshape your data: "
                "X.reshape(-1, 1) (of a Series X.to_frame()) is one input; a model of y alone takes X=None."
            )
        finite = looked_at and (True if self.missing == "error" else "allow-nan")
        if not reset:
            ready = self._ready(X, finite is True)
            if ready is not None:
                return ready
        options = {"dtype": np.float64, "order": "C", "ensure_min_samples": 1, "ensure_all_finite": finite}
        with about("X"):
            try:
                return validate_data(self, plain_values(X, "X"), reset=reset, **options)
            except ValueError as error:
                if "contains NaN" not in str(error):
                    raise
                first = str(error).splitlines()[0]
                raise ValueError(
                    f"{first} Fill it, since you know best how, or give missing='hold' (the last value), 'mean' or "
                    "'mask' (the last value, and an input that tells)."
                ) from None

    def _ready(self, X, finite):
        """Return X as it is where no check is left, as for most rows of a stream; else None."""
        names = getattr(self, "feature_names_in_", None)
        if isinstance(X, pd.DataFrame) and names is not None and list(X.columns) == names.tolist():
            X = X.to_numpy()
        elif type(X) is not np.ndarray or names is not None:
            return None
        fits = X.dtype == np.float64 and X.ndim == 2 and len(X) and X.shape[1] == self.n_features_in_
        if not fits or not (np.isfinite(X).all() if finite else not np.isinf(X).any()):
            return None
        return np.ascontiguousarray(X)

    def _check_no_inputs(self, X, y, reset):
        """Return X (N, 0) for a model without inputs."""
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
            learner = self._learner()
            explicit = X is None or isinstance(X, pd.DataFrame) or not learner.wants_inputs
            if not explicit or not learner.sees_y:
                lags = "give output_lags='auto'" if hasattr(self, "output_lags") else "take NARXRegressor"
                cure = "give" if learner.sees_y else f"{lags} and"
                cure = f"{cure} X=None, a DataFrame without columns or input_lags=()"
                if explicit:
                    cure = f"{lags}: as it is, {name} sees neither inputs nor past y"
                raise ValueError(
                    f"Found array with 0 feature(s) (shape=({n}, 0)) while a minimum of 1 is required by {name}. "
                    f"For a model of y alone {cure}."
                )
            self.n_features_in_ = 0
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif self.n_features_in_ != 0:
            raise ValueError(
                f"X has 0 features, but {name} is expecting {self.n_features_in_} features as input."
            )
        return np.empty((n, 0))


def lags_of(learner):
    """Return the ``Lags`` of a learner, or None where it has none."""
    learner = getattr(learner, "inner", learner)
    return Lags(learner.input_lags, learner.output_lags) if hasattr(learner, "output_lags") else None


def long_pieces(pieces):
    """Select the slices that are more than half as long as the longest."""
    longest = max(p.stop - p.start for p in pieces)
    return [p for p in pieces if p.stop - p.start > longest / 2]


def most_lags(learner, n_rows):
    """Return the most output lags whose weights a net can learn from n_rows; None for a linear model."""
    hidden = getattr(getattr(learner, "inner", learner), "hidden", ())
    return n_rows // hidden[0] if hidden else None


def open_lags(estimator, lags):
    """Return the parameters {name: tuple} among ``Lags`` that an estimator leaves open."""
    return {name: v for name, v in lags._asdict().items() if is_auto(getattr(estimator, name, None))}


def _n_outputs(form, goal):
    """Return O, the width of a net's output."""
    return goal.W.shape[1] if form.classes is None else form.classes.n_outputs


def _last_levels(parts, U, level):
    """Return the last level (O,) of each series, {key: level}; the mean level where it was not measured."""
    last = {part.key: U[part.rows][-1] for part in parts}
    return {key: np.where(np.isnan(u), level, u) for key, u in last.items()}


def _is_coded(form, Y):
    """Return whether Y (N, 1) are codes of labels."""
    return form.classes is not None and Y.shape[1] != form.classes.n_outputs


def as_levels(U, O):
    """Return levels (N, O), also of labels that are given as codes (N, 1)."""
    return U if U.shape[1] == O else one_hot(U[:, 0], O)


def _means(form, X, counts):
    """Return the replacement of missing inputs, (F,)."""
    means = input_means(X, counts)
    return means if form.vocabulary is None else form.vocabulary.unknown(means)


def _mean_inputs(form, mean):
    """Return the mean inputs (D,) in the model's units, where a category is the unknown one."""
    return mean if form.vocabulary is None else form.vocabulary.unknown(mean)


def _leave_codes(form, scaler):
    """Return the scaler of inputs, which leaves codes alone."""
    return scaler if form.vocabulary is None else form.vocabulary.as_they_are(scaler)


def as_wide_as(fitted, X):
    """Return X (N, F); refuse it where another thread has fitted the model to other inputs since."""
    F = fitted.units.n_inputs
    if X.shape[1] != F:
        raise ValueError(f"X has {X.shape[1]} features, but the model is expecting {F} features as input.")
    return X


def learner_of(estimator):
    """Return the ``Learner`` of an estimator: its parameters, checked and parsed."""
    return estimator._learner()


def _cut(part):
    """Cut the rows of a part into ``Stretch`` after ``Stretch``, by their own spacing."""
    return cut(part.stamps, part.rows.stop - part.rows.start)


def _moved(rows, by):
    """Shift a slice by a number of rows."""
    return slice(rows.start + by, rows.stop + by)


def _check_learnt(trained):
    """Raise where training ended in weights that are no numbers."""
    if not np.isfinite(trained.dynamics.theta).all():
        raise ValueError(
            "The weights became NaN or infinite, and the estimator is left as it was: look for values in X and y "
            "that are far from the others, or give a smaller learning rate."
        )


def _filled(units, table, starts):
    """Fill the inputs of a table whose parts begin at ``Start`` after ``Start``, (N, D)."""
    if units.missing == "error":  # there is nothing to fill
        return table.X
    pairs = zip(table.parts, starts)
    return np.concatenate([units.fill(table.X[part.rows], start.past.inputs) for part, start in pairs])


def _follow_short(dynamics, units, inputs, U, legs):
    """Follow few new rows of many series, side by side.

    Returns of each, by its key, the forecast of its last level (O,), the past after its rows, and [the past before].
    """
    alike, answers = {}, {}
    for leg in legs if len(legs) > 1 else ():
        rows = leg.part.rows
        n = rows.stop - rows.start
        if n <= SHORT and len(leg.kept) == 1 and not leg.dropped and not units.delay:
            alike.setdefault(n, []).append(leg)
    for group in alike.values():
        if len(group) == 1:
            continue
        pasts = [across(dynamics, units, leg.past, leg.kept[0].missing) for leg in group]
        of_parts = [inputs.of(leg.part.rows) for leg in group]
        levels = np.stack([U[leg.part.rows] for leg in group])
        followed = follow_all(dynamics, units, of_parts, levels, pasts)
        warn_if_some_astray(dynamics, units, [rows.out for rows in followed])
        for leg, before, of_part, rows in zip(group, pasts, of_parts, followed):
            after = rows.after._replace(inputs=of_part.filled[-1, : units.n_inputs])
            answers[leg.part.key] = rows.out[-1], after, [before]
    return answers


def _follow_leg(dynamics, units, inputs, U, leg):
    """Follow the new rows of one series; returns as ``_follow_short``, with the past before each kept stretch."""
    inputs, levels, past, pasts = inputs.of(leg.part.rows), U[leg.part.rows], leg.past, []
    if leg.dropped:
        early, past = walk(dynamics, units, inputs, levels, leg.dropped, past)
    out, past = walk(dynamics, units, inputs, levels, leg.kept, past, visit=pasts.append)
    out, first = out[1], leg.kept[0].rows.start
    if leg.dropped:
        out[:first] = early[1][:first]
    warn_if_astray(dynamics, units, out)
    return out[-1], past, pasts


def _is_empty(memory):
    """Return whether nothing is carried from row to row."""
    if isinstance(memory, tuple):
        return all(map(_is_empty, memory))
    return np.size(memory) == 0
