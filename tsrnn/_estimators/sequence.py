"""What any sequence estimator does around a model: rows, places, memories; ``fit``, ``partial_fit`` and ``update``.

It knows nothing of what y means.  The verbs of forecasting are in ``regressor.py``; rows are followed in
``following.py``.  A model's file brings a ``Learner`` and a ``Dynamics`` (``dynamics.py``), which see finite float64
arrays in the model's own units, rows in time order, and never check anything again.

All that a fit learns is one value, ``fitted_``, which is never changed but replaced at the end of a verb that learns:
a reader in another thread sees the model as it was before or after, and an error leaves it as it was.
"""

from copy import deepcopy
from numbers import Integral
from time import perf_counter

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin
from sklearn.utils import check_random_state

from .._check import check_number, check_word
from .._documented import Documented
from .._memory_limit import check_parameters
from .._series.checks import (
    about,
    check_learnable,
    check_lengths,
    check_measured,
    check_start,
    check_weight,
    is_estimate,
    warn_if_across,
)
from .._series.choices import Lags
from .._series.doubt import believed
from .._series.lags import is_auto
from .._series.rows import gather, in_order_of, one_a_series
from .._series.units import (
    Series,
    filled_width,
    scale_of,
    with_new_scales,
)
from .._training.least_squares import one_thread
from .._training.monitor import summary
from .._warn import warn
from .attributes import Learnt
from .chosen_lags import beside_linear, chosen, lags_of, open_lags
from .compared import TrainingRows, warn_if_told
from .doubts import believed_later, doubts, warn_of_units, widened_usual, with_range, with_usual
from .fitted import Fitted
from .following import (
    walk,
    warn_if_astray,
)
from .gaps import learns_over_gaps, over_gaps, over_later_gaps
from .goals import inputs_used
from .held_back import hold_series
from .input_checks import as_wide_as, check_inputs, learn_categories
from .intervals.errors import Maker
from .intervals.later import Later
from .intervals.learnt import with_marks
from .learning import (
    as_levels,
    check_learnt,
    hold_back,
    in_scale,
    is_coded,
    last_levels,
    learn_part,
    learn_units,
    learn_whole_units,
    n_outputs,
    own_stretches,
    settle,
    shifted,
)
from .new_rows import Leg, filled_inputs, follow_leg, follow_short
from .parameters import SeriesParameters
from .persist import InFiles
from .places import (
    check_grids,
    check_pace,
    is_unidentified,
    may_be_another,
    place_after,
    start_of_next,
    take_back,
    warn_of_spacing,
)
from .snapshots import all_or_nothing, with_parameters
from .starting import cut_and_warn, explained, resume


MISSING = ("error", "hold", "mean", "mask")
FIRST = 50  # rows of a new series, by which its scale is known


class Sequence(InFiles, SeriesParameters, Learnt, Documented, MultiOutputMixin, BaseEstimator):
    """Rows, places, memories; a subclass brings the meaning of y: ``_check_y``, ``_goal``, and ``_learner``."""

    _usual_lags = None  # of inputs, where "auto" cannot choose

    # ---------------------------------------------------------------------------------- tags, attributes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    # ---------------------------------------------------------------------------------- learning

    @all_or_nothing
    def fit(self, X, y=None, sample_weight=None, groups=None):
        """Learn from one series or several: from scratch or, with ``warm_start``, from the current weights.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs; rows are time. For a model of y alone None, a DataFrame without columns or, as searches need, an
            array without columns, ``np.empty((n_timesteps, 0))``, of 13 rows or more. Where stamps are missing in the
            index of X (or of y) the series is cut, and no lag reaches over the gap; but models that see y take up to
            ten missing rows for rows without y (with the X before them), unless too many are missing.
            Where lags of y are found ("auto"), columns that wander, as levels and counts of time do, are not used if
            held rows are forecast better without them, with a warning; ``x_scaler_.scale`` is infinite there.
            Several series: frames with a MultiIndex (series, time), ``groups``, the constructor's ``series``, a list
            of arrays or frames, or an array of shape (n_series, n_timesteps, n_features). Neither lags nor states
            reach from one series into another.
        y : array-like, Series or DataFrame of shape (n_timesteps,) or (n_timesteps, n_outputs)
            Target, in the same container. NaN where it was not measured: such values are in no loss. For models that
            learn from windows, a linear autoregression fills them in as history where many rows look back at one.
            Single values that no others make plausible, such as spikes or -999, are taken as not measured, with a
            warning, unless ``target_bounds`` is given, or None.
            Alternatively one value (or row of values) per series, (n_series,) or (n_series, n_outputs), for a model
            with ``pooling``, which then learns and predicts one answer per series. They are in the order in which the
            series first appear in X, unless the index of y names the series of a table.
        sample_weight : array-like of shape (n_timesteps,), optional
            How often each row counts in the loss: 2 counts a row twice, 0 keeps it as history only.
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
        learner, began, names = self._learner(), perf_counter(), getattr(self, "feature_names_in_", None)
        fit = self._fit_whole if one_a_series(X, y, groups, self.series) else self._fit_rows
        fit(learner, X, y, sample_weight, groups, names)
        self._print_summary(began)

    def _print_summary(self, began):
        """Print, with ``verbose``, what the fit did, why it stopped, and how long it took."""
        if getattr(self, "verbose", 0):
            print(summary(type(self).__name__, self._trained().stages, perf_counter() - began))

    # ---------------------------------------------------------------------------------- one y per row

    def _fit_rows(self, learner, X, y, sample_weight, groups, names):
        """Learn from rows that have a y each.   names : of the columns of an earlier fit, or None."""
        form, table = self._check_fit(X, y, sample_weight, groups)
        if learns_over_gaps(learner, form):
            table = over_gaps(table, self.missing)
        pieces = [shifted(s.rows, part.rows.start) for part in table.parts for s in own_stretches(part)]
        used = inputs_used(self, learner, table, pieces, form)
        seen = table._replace(X=table.X[:, used])
        goal = self._goal(seen, pieces, form)._replace(used=used)
        levels = as_levels(goal.U, n_outputs(form, goal))
        learner, lags = self._with_lags(learner, seen, pieces, goal._replace(U=levels))
        learner = self._for_y(learner, form, table)
        if is_coded(form, goal.W) and not learner.codes_labels:  # lags that were found leave labels out
            goal = goal._replace(
                U=as_levels(goal.U, form.classes.n_outputs), W=as_levels(goal.W, form.classes.n_outputs)
            )
        net = learner.net(filled_width(self.missing, self.n_features_in_), n_outputs(form, goal))
        check_parameters(net)
        before = self._before(learner, net, form, names)
        counts = (table.weight > 0) & np.isfinite(goal.W).any(axis=1)
        held = hold_back(learner, table, counts, form)
        learnt = counts if learner.learns_held else counts & ~held
        units, filled, Xz, Z = learn_units(self.missing, learner, table, goal, learnt, before, form)
        series = [Series(Xz[p], Z[p], table.weight[p], held[p]) for p in pieces]
        learner, rng = in_scale(learner, units), self._random_state()
        with one_thread:
            trained = learner.learn(net, series, units.mean, rng, before and before.trained)
        check_learnt(trained)
        places = self._settle(table, units, trained, goal.U, filled, Xz)
        if doubts(self, form):
            units, places = with_range(units, places, table)
        units = with_usual(self, units, table, form, used)
        rows = TrainingRows(table.parts, pieces, filled, goal.U, held, table.weight == 0)
        errors = self._errors(units, trained, rows, learnt, table)
        form = self._judged(form, trained, series)
        judged = trained.dynamics if trained.judged is None else trained.judged
        trained = trained._replace(ends=None, judged=None)
        self.fitted_ = Fitted(units, trained, places, form, errors, rng, self._made_for(), lags)
        warn_of_spacing(table.parts, places)
        warn_if_told(self, trained.dynamics, table)
        self._compare(learner, Maker(judged, units), rows)

    def _errors(self, units, trained, rows, learnt, table):
        """Return the ``Errors`` that intervals come from, and what tells later rows from those of training; or None."""
        errors = self._first_errors(units, trained, rows, learnt)
        errors = errors and errors._replace(last=last_levels(table.parts, rows.U, units.level))
        return with_marks(errors, trained, table, learnt)

    # ---------------------------------------------------------------------------------- one y per series

    def _fit_whole(self, learner, X, y, sample_weight, groups, names):
        """Learn from series that have one y each.   names : of the columns of an earlier fit, or None."""
        self._check_pools()
        form, table = self._check_whole(X, y, sample_weight, groups)
        learner = self._learner_of_whole(learner, form, table)
        goal = self._goal(table, [slice(0, len(table.y))], form)
        if len(goal.target.coef):
            raise ValueError(
                "target_transform takes differences between rows, but y has one value per series: leave them out."
            )
        net = learner.net(filled_width(self.missing, self.n_features_in_), goal.W.shape[1])
        before, rng = self._before(learner, net, form, names), self._random_state()
        before = before if before is not None and before.form.whole else None
        counts = (table.weight > 0) & np.isfinite(goal.W).any(axis=1)
        held = hold_series(form.classes, table.y, counts, learner.held_of_whole(counts.sum()), rng)
        units, series = learn_whole_units(self.missing, table, goal, counts, held, before, form)
        learner = in_scale(learner, units)
        with one_thread:
            trained = learner.learn_whole(net, series, units.mean, rng, before and before.trained)
        check_learnt(trained)
        form = self._judged(form, trained, series)
        units = with_usual(self, units, table, form)
        self.fitted_ = Fitted(
            units, trained, {}, form, None, rng, self._made_for(), lags_of(learner.of_whole(trained))
        )

    def _check_pools(self):
        """Raise where the model gives no answer to a whole series."""
        if getattr(self, "pooling", None) is None:
            raise ValueError(
                f"y has one value per series, but {type(self).__name__} needs one per row: give one y per row, or use "
                "a model with pooling, such as GRURegressor, GRUClassifier or ESNClassifier."
            )

    def _learner_of_whole(self, learner, form, table):
        """Return the learner of whole series, with the usual lags of X where these are open."""
        if is_auto(getattr(self, "input_lags", None)):
            if self._usual_lags is None:
                raise ValueError(
                    "input_lags='auto' works for one y per row, but y has one value per series: give an int."
                )
            learner = self._learner_of(Lags(self._usual_lags, ()))
        learner = self._for_y(learner, form, table)
        if learner.sees_y:
            raise ValueError(
                "y has one value per series, so there is no past y to see: give output_lags=0, or one y per row."
            )
        return learner

    def _check_whole(self, X, y, sample_weight, groups):
        """Check rows; returns the ``Form``, and a table of X (N, F), y (S, O), weights (S,): an entry a series."""
        check_word("missing", self.missing, MISSING)
        table = gather(X, None, None, groups, self.series)
        y, sample_weight = (in_order_of(table, v) for v in (y, sample_weight))
        X, vocabulary = learn_categories(self, table.X)
        X = check_inputs(self, X, None, reset=True)
        if 1 < len(table.parts) == len(X) and X.shape[1] > 1:
            warn(
                f"Each series of X has one row, of {X.shape[1]} features. If they are (n_features, n_timesteps), as "
                "in aeon, give X.swapaxes(1, 2), or for a list [x.T for x in X]."
            )
        Y, form = self._check_y(y, None)
        if len(Y) != len(table.parts):
            raise ValueError(
                f"y has {len(Y)} values, but X has {len(table.parts)} series: give one value per series, or one per "
                "row of each series."
            )
        check_measured(Y)
        weight = check_weight(sample_weight, Y)
        form = form._replace(container=table.form, key_names=table.names, whole=True, vocabulary=vocabulary)
        form, weight = self._weigh(form, Y, weight, None)
        return form, table.of(X, None, None)._replace(y=Y, weight=weight)

    def _answers(self, fitted, X, groups):
        """Compute levels (S, O) of the y of each series."""
        dynamics, units = fitted.trained.dynamics, fitted.units
        table = gather(X, None, None, groups, self.series)
        X = as_wide_as(fitted, check_inputs(self, table.X, None, reset=False))
        warn_of_units(self, fitted, X)
        U = np.empty((len(table.parts), units.n_outputs))
        for k, part in enumerate(table.of(X, None, None).parts):
            inputs = units.inputs(X[part.rows], units.means)
            U[k] = units.y.inverse(dynamics.answer(inputs.z)[None])[0]
            if inputs.limits is not None:
                U[k] = np.clip(U[k], *(side[-1] for side in inputs.limits))
        return U

    def _whole_y(self, fitted, X, y, sample_weight, groups, **options):
        """Return Y (S, O), in the order of the series of X, and weights (S,) or None.   options : of ``_check_y``."""
        table = gather(X, None, None, groups, self.series)
        Y, _ = self._check_y(in_order_of(table, y), fitted, **options)
        if len(Y) != len(table.parts):
            raise ValueError(
                f"y has {len(Y)} values, but X has {len(table.parts)} series: give one for each."
            )
        if sample_weight is not None:
            sample_weight = check_weight(in_order_of(table, sample_weight), Y)
        return Y, sample_weight

    def _with_lags(self, learner, table, pieces, goal):
        """Choose the lags that parameters leave open; returns the learner with them, and all its ``Lags``, if any."""
        owner = self._has_lags()
        settings = {name: getattr(owner, name, ()) for name in Lags._fields}
        known = getattr(owner, "dilations", None) is not None  # which are factors of known lags
        if known or not any(map(is_auto, settings.values())):
            return beside_linear(learner, settings, table, pieces, goal), lags_of(learner)
        fitted = self.__dict__.get("fitted_") if getattr(self, "warm_start", False) else None
        lags = None if fitted is None or fitted.form.whole else fitted.lags
        if lags is None:
            usual = getattr(owner, "_usual_lags", None) or ()
            lags = chosen(learner, settings, table, pieces, goal, getattr(self, "horizon", None), usual)
            learner = beside_linear(self._learner_of(lags), settings, table, pieces, goal)
            return learner, lags_of(learner)
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

    def _before(self, learner, net, form, names):
        """Return the ``Fitted`` that a warm start continues from; or None.   names : of its columns, or None."""
        fitted = self.__dict__.get("fitted_")
        elsewhere = "_announced" in self.__dict__  # weights of other libraries are checked there
        if fitted is not None and getattr(self, "warm_start", False) and not elsewhere:
            self._check_same(fitted, net, form, names)
        if fitted is None or learner.before(fitted.trained, net) is None:
            return None
        if form.vocabulary is not None and not form.vocabulary.same_as(fitted.form.vocabulary):
            return None  # its codes meant something else
        new = self._made_for()
        changed = [name for name in new if new[name] != fitted.made_for[name]]
        if changed:
            raise ValueError(
                f"warm_start=True continues from weights made for {changed[0]}={fitted.made_for[changed[0]]}, but it "
                f"is {new[changed[0]]} now: give warm_start=False."
            )
        return fitted

    def _check_same(self, fitted, net, form, names):
        """Raise where a warm start has other columns, outputs or labels than the weights are made for."""
        new, was, now = getattr(self, "feature_names_in_", None), fitted.units.n_inputs, self.n_features_in_
        if names is not None and new is not None and list(names) != list(new):
            what, was, now = "the columns", list(names), list(new)
        elif was != now:
            what = "n_features_in_"
        elif form.classes is not None:
            what, was, now = "classes_", *(list(f.classes.labels) for f in (fitted.form, form))
        else:
            what, was, now = "n_outputs_", fitted.trained.dynamics.n_outputs, net.n_outputs
        if was != now:
            raise ValueError(
                f"warm_start=True continues from weights made for {what}={was}, but X and y have {now}: give them as "
                "before, or warm_start=False to start anew."
            )

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
        return settle(table, units, trained, U, filled, Xz)

    def _first_errors(self, units, trained, rows, counts):
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
        without forgetting the old: a small TDNN or NARX by recursive Gauss-Newton, in open loop (a linear one, fitted
        without early stopping, becomes what a fit to all rows gives), larger and recurrent nets by one pass of
        stochastic gradient, an echo state network by adding to its sums. The scaling stays as it was.

        Parameters
        ----------
        X, y, sample_weight, groups : as for ``fit``
            A series that was not seen before begins here. y must have a measured value (else ``update``).
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
        if learns_over_gaps(learner, fitted.form):
            table = over_later_gaps(fitted, table, self.missing)
        learner = in_scale(self._for_y(learner, fitted.form, table), fitted.units)
        units, trained, places = fitted.units, fitted.trained, dict(fitted.series)
        U, later = units.levels(table), Later(fitted.errors)
        rng = deepcopy(fitted.rng)  # the old one stays as it was
        for part in table.parts:
            start = start_of_next(fitted._replace(trained=trained, series=places), part)
            stretches = cut_and_warn(trained.dynamics, part, start)
            X, levels = table.X[part.rows], U[part.rows]
            rows = X, levels, table.weight[part.rows]
            before = start.past, places.get(part.key)
            trained, past, visited, last = learn_part(
                learner, trained, units, rows, stretches, before, forgetting, rng
            )
            place = place_after(trained.dynamics, units, places, part, X, levels, stretches, past)
            places[part.key] = place._replace(doubt=table.doubt.get(part.key))
            later.keep(trained.dynamics, units, part.key, levels, visited, last)
        check_learnt(trained)
        errors = with_marks(later.errors(), trained, table)
        units = widened_usual(fitted.units, table)
        self.fitted_ = fitted._replace(units=units, trained=trained, series=places, rng=rng, errors=errors)

    @all_or_nothing
    def update(self, X, y=None, groups=None):
        """Remember new rows: the memory advances, the weights do not change.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_timesteps, n_features), or None
            Inputs of the rows that follow those seen last. Of several series, only those named advance.
        y : array-like of shape (n_timesteps,) or (n_timesteps, n_outputs), optional
            Measured outputs. Where they are NaN, or if there is no y at all, the model feeds itself; a direct
            ``Forecaster`` one horizon at a time, beginning anew in each call. One or two values in a row that lie far
            outside the range of training are taken as not measured, with a warning, unless ``target_bounds`` is given
            or None.
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
        stretches = [cut_and_warn(dynamics, part, start) for part, start in zip(table.parts, starts)]
        legs = [
            Leg(part, start.past, *later.split(part.key, of_part))
            for part, start, of_part in zip(table.parts, starts, stretches)
        ]
        inputs = units.scaled(filled_inputs(units, table, starts))
        followed = follow_short(dynamics, units, inputs, U, legs)
        for leg, of_part in zip(legs, stretches):
            part = leg.part
            last, past, pasts = followed.get(part.key) or follow_leg(dynamics, units, inputs, U, leg)
            levels = U[part.rows]
            X = table.X[part.rows]
            place = place_after(dynamics, units, places, part, X, levels, of_part, past)
            places[part.key] = place._replace(doubt=table.doubt.get(part.key))
            filled = inputs.filled[part.rows]
            visited = [(*s, before, filled[s.rows]) for s, before in zip(leg.kept, pasts)]
            later.keep(dynamics, units, part.key, levels, visited, last)
        self.fitted_ = fitted._replace(series=places, errors=later.errors())

    # ---------------------------------------------------------------------------------- where to start

    def _start(self, start):
        """Return where rows start: as a call says, or else the constructor."""
        return check_start(self.start if start is None else start)

    def _from_start(self, fitted, table, start):
        """Return where rows start, the table with the y that this tells, and the model with scales of new series."""
        start = self._start(start)
        if is_estimate(start):
            table = self._with_first_y(fitted, table, start)
        return start, table, self._with_new_scales(fitted, table, start)

    def _resume(self, fitted, table, start, fed):
        """Yield each part of a table, its stretches, the past before it and known first levels (k, O).

        fed : levels (N, O) that the model is given.
        """
        start, name = self._start(start), type(self).__name__
        if isinstance(start, tuple) or start in ("end", "estimate"):
            fitted.trained.dynamics.check_verb("A warm start")
        if is_estimate(start):
            return explained(fitted, self._with_first_y(fitted, table, start), start, fed, name)
        history = self._history(fitted, start) if isinstance(start, tuple) else None
        return resume(fitted, table, start, history, name)

    def _history(self, fitted, start):
        """Check the rows of a history (X_hist, y_hist); returns their table."""
        with about("start"):
            table = self._check_rows(fitted, *start[:2], None)
            check_grids(fitted, table)
        return table

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

    def _enter(self, X, y, start):
        """Check rows of one series; returns X (N, D), Y (N, O) in the model's units, stretches, where they start."""
        units, table, entered = self._enter_all(X, y, start)
        if len(table.parts) > 1:
            raise ValueError(f"X has {len(table.parts)} series: give them one at a time.")
        ((inputs, U, stretches, past),) = entered
        return inputs.z, units.y(units.target.differences(U, past.levels)), stretches, past

    def _enter_whole(self, X, y, start):
        """Check rows of one series without a gap; returns X (N, D), Y (N, O) and where they start, as ``_enter``."""
        X, Y, stretches, past = self._enter(X, y, start)
        if len(stretches) > 1:
            raise ValueError(
                f"X has {len(stretches)} stretches, between which rows are missing: give one of them, such as its "
                f"first {stretches[0].rows.stop} rows."
            )
        return X, Y, past

    def _enter_all(self, X, y, start):
        """Check rows; returns units, a table, and of each series ``Inputs``, levels, stretches, where they start."""
        fitted = self._fitted()
        table, entered = self._check_rows(fitted, X, y, None), []
        fitted = self._with_new_scales(fitted, table, self._start(start))
        units = fitted.units
        levels = units.levels(table)
        for part, stretches, past, head in self._resume(fitted, table, start, levels):
            U = levels[part.rows]
            if y is None:
                U[: len(head)] = head[: len(U)]
            entered.append((units.inputs(table.X[part.rows], past.inputs), U, stretches, past))
        return units, table, entered

    # ---------------------------------------------------------------------------------- following given rows

    def _free_run(self, fitted, table, start):
        """Run freely; returns forecasts (N, O) in the user's units."""
        start, table, fitted = self._from_start(fitted, table, start)
        unknown = np.full((len(table.X), fitted.units.n_outputs), np.nan)
        return self._walk_all(fitted, table, unknown, start)[1]

    def _judged_run(self, fitted, table, start):
        """Run freely where y is known, as ``score`` says; returns forecasts (N, O) and rows that are judged, (N,) bool.

        Where nothing tells that rows go on from those seen, the first y of each series, as many as the model looks
        back on, are what it starts from, if at least as many rows, and two, are left to judge.
        """
        start, table, fitted = self._from_start(fitted, table, start)
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

    # ---------------------------------------------------------------------------------- checks of rows

    def _check_fit(self, X, y, sample_weight, groups, fitted=None):
        """Check rows; returns the ``Form``, and a table of X (N, F), y (N, O), weights (N,), in the order of series."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None. X comes "
                "first: for a series without inputs call fit(None, y)."
            )
        check_start(self.start)
        check_word("missing", self.missing, MISSING)
        table = gather(X, y, sample_weight, groups, self.series)
        if fitted is not None:
            check_pace(fitted, table.parts, "X" if X is not None else "y")
        X, vocabulary = (
            learn_categories(self, table.X) if fitted is None else (table.X, fitted.form.vocabulary)
        )
        X = check_inputs(self, X, table.y, reset=fitted is None)
        Y, form = self._check_y(table.y, fitted)
        check_lengths(X, Y)
        if fitted is None and form.classes is None:
            warn_if_across(Y, table.parts[0].stamps)
        check_measured(Y, goes_on=fitted is not None)
        weight = check_weight(table.weight, X)
        check_learnable(weight)
        form = form._replace(container=table.form, key_names=table.names, vocabulary=vocabulary)
        form, weight = self._weigh(form, Y, weight, fitted)
        if fitted is None and doubts(self, form):
            Y = believed(table.of(X, Y, weight)).y
        table = table.of(self._with_model_inputs(X, table.parts), Y, weight)
        return form, table if fitted is None else self._believed(fitted, table)

    def _weigh(self, form, Y, weight, fitted):
        """Weigh each row of Y (N, O), (N,), by the meaning of y; returns the form and the weights."""
        return form, weight

    def _check_rows(self, fitted, X, y, groups, sample_weight=None, doubting=True, **options):
        """Check rows to follow; returns a table of X (N, F), y (N, O) with NaN where unknown, weights (N,).

        doubting : whether y may be doubted.   options : of ``_check_y``.
        """
        if fitted.form.whole:
            fitted.trained.dynamics.check_verb("This call")
        table = gather(X, y, sample_weight, groups, self.series)
        check_pace(fitted, table.parts, "y" if X is None else "X")
        X = self._with_model_inputs(check_inputs(self, table.X, table.y, reset=False), table.parts)
        X = as_wide_as(fitted, X)
        weight = None if table.weight is None else check_weight(table.weight, X)
        if y is None:
            warn_of_units(self, fitted, X)
            return table.of(X, np.full((len(X), fitted.units.n_outputs), np.nan), weight)
        Y, _ = self._check_y(table.y, fitted, **options)
        check_lengths(X, Y)
        table = table.of(X, Y, weight)
        if doubting:
            return self._believed(fitted, table)
        warn_of_units(self, fitted, X, Y)
        return table

    def _believed(self, fitted, table):
        """Return a table of rows after training without the y that is doubted; warn of numbers in other units."""
        table = believed_later(self, fitted, table)
        warn_of_units(self, fitted, table.X, table.y)
        return table

    def _with_model_inputs(self, X, parts):
        """Append to inputs X (N, F) what else a model knows of the rows of some parts."""
        return X


def learner_of(estimator):
    """Return the ``Learner`` of an estimator: its parameters, checked and parsed."""
    return estimator._learner()
