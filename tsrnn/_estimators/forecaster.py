"""The Forecaster: y(t + 1) ... y(t + h) from what is known at row t, z_s(t); see ``horizons.py``.

    direct          y(t + s) = f_s(z_s(t))                              a clone for each step s = 1 ... h
    multi_output    (y(t + 1) ... y(t + h)) = f(z_1(t), ... z_h(t))     one clone with h outputs
    recursive       y(t + 1) = f(z_1(t)), fed back                      the estimator's own closed loop

A clone sees z as inputs without lags, and never y of a later row.  Of a net with a state, f remembers z(t - 1),
z(t - 2) ... too.  Quantiles are learnt with the pinball loss.
"""

from copy import deepcopy
from dataclasses import KW_ONLY, dataclass, replace
from itertools import repeat
from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._check import check_jobs, check_number, check_word
from .._memory_limit import check_memory, check_parameters
from .._nets.dynamics import Learner, Trained
from .._nets.horizons import HALF, Horizon, Horizons, HorizonsLayout, Member, Members
from .._nets.shifts import LARGEST, MOMENTS, MOST_STRETCHES, Shifts
from .._series.checks import check_size
from .._series.histories import whole_histories
from .._series.lags import of_one
from .._series.scaling import make_scaler
from .._series.units import Series
from .._training.losses import Pinball, has_log_link
from .chosen_lags import open_lags
from .held_back import hold_last
from .known_ahead import KnownAhead
from .lag_regressor import LagLearner, on_lags
from .parameters import Numbers
from .regressor import SequenceRegressor
from .sequence import learner_of
from .snapshots import with_parameters


STRATEGIES = ("multi_output", "direct", "recursive")
COPIES = 4  # of the examples at once, in training
WIDE = 512  # targets of a linear model, of which more are learnt some steps at a time: they share nothing but memory


# ---------------------------------------------------------------------------------------- learning


@dataclass(frozen=True, eq=False)
class HorizonsLearner(Learner):
    """The parameters of a ``Forecaster`` that forecasts all horizons at once, and the learning of its members.

    inner : the learner of the estimator inside, whose lags select what is seen.   h : rows to forecast.
    y_lags : those of y, if the estimator inside has none; () for those of the inputs.
    """

    inner: Learner
    h: int
    quantiles: tuple | None
    y_lags: tuple = ()

    sees_y = True
    whole_scale = False  # the members look at that
    shorter = "shorter input_lags or output_lags"  # a cure

    @property
    def extrapolates(self):
        """Whether the answers of the wrapped model do."""
        return self.inner.extrapolates

    @property
    def wants_inputs(self):
        """Whether the parameters select inputs."""
        return self.inner.wants_inputs

    @property
    def held_share(self):
        """That of the estimator inside."""
        return self.inner.held_share

    def net(self, D, O):
        """Return the layout."""
        p = self.p
        columns = p._columns_known_ahead()
        is_ahead = np.tile(columns, D // max(1, len(columns)))  # of "mask", the indicator is known too
        before = {max(lag, 1) for lag in self.inner.input_lags}
        back = sorted(1 - lag - p.gap for lag in self.y_lags or self.inner.output_lags or before or {1})
        steps = np.arange(1, self.h + 1)
        alike = p.strategy == "multi_output" and getattr(self.inner, "hidden", None) == ()
        n_groups = self.h if p.strategy == "direct" else -(-self.h * O // WIDE) if alike else 1
        groups = np.array_split(steps, min(self.h, n_groups))
        kinds = [None] if self.quantiles is None or HALF not in self.quantiles else []
        kinds += [] if self.quantiles is None else [self.quantiles]
        lags = self.inner.input_lags if columns.any() else ()
        horizons = tuple(
            Horizon(group, _seen_ahead(steps if alike else group, lags), levels)
            for levels in kinds
            for group in groups
        )
        x_back = np.array(sorted(1 - lag for lag in before), int)
        return HorizonsLayout(
            horizons, self.h, self.quantiles, is_ahead, x_back, np.array(back), O, int(p.gap)
        )

    def before(self, trained, net):
        """Return the trained members, if ``warm_start`` inside asks for it and their parameters mean the same."""
        dynamics = trained.dynamics
        if not isinstance(dynamics, Horizons) or not self._alike(dynamics.layout, net):
            return None
        if len(dynamics.members) != len(net.horizons):
            return None
        for horizon, member in zip(net.horizons, trained.carry.trained):
            learner = self._member_learner(net, horizon)
            inner = learner.net(net.n_seen(horizon), net.n_targets(horizon))
            if learner.before(member, inner) is None:
                return None
        return trained

    def _alike(self, layout, net):
        """Return whether what is seen and forecast means the same in two layouts."""
        return layout.same_as(net)

    def learn(self, net, series, mean, rng, before=None):
        """Learn each member, some at the same time."""
        known = [net.from_first(s) for s in series]
        results = self._learn_from_sums(net, known) if self._of_shifts(net, known) else None
        if results is None:
            pasts = self._pasts(net, series)
            jobs = (
                (horizon, self._examples(net, horizon, series, pasts, mean[1])) for horizon in net.horizons
            )
            olds = zip(before.dynamics.members, before.carry.trained) if before else repeat(None)
            results = Parallel(self.p.n_jobs, prefer="threads")(
                delayed(self._learn_member)(net, *job, old) for job, old in zip(jobs, olds)
            )
        members, trained = zip(*results)
        theta = np.concatenate([np.ravel(t.dynamics.theta) for t in trained])
        curves = [t.loss_curve for t in trained]
        dynamics = Horizons(theta, net, members, mean)
        n_iter = max(t.n_iter for t in trained)
        carry = Members(tuple(t._replace(judged=None) for t in trained))
        return Trained(dynamics, n_iter, curves, [], carry, judged=self._before_held(dynamics, trained))

    def _before_held(self, dynamics, trained):
        """Return the model as its members were before they learnt the held rows; None where none has."""
        if all(t.judged is None for t in trained):
            return None
        before = [t.dynamics if t.judged is None else t.judged for t in trained]
        members = tuple(member._replace(dynamics=d) for member, d in zip(dynamics.members, before))
        return dynamics.but(theta=np.concatenate([np.ravel(d.theta) for d in before]), members=members)

    def _of_shifts(self, net, series):
        """Return whether sums of shifted series tell all there is to learn, so that no example is laid out."""
        weight, kind = series[0].w[0], on_lags(self.p.estimator).scale
        possible = (
            self.p.strategy == "multi_output" and self.quantiles is None and len(series) <= MOST_STRETCHES
        )
        if not possible or not weight > 0.0 or kind not in MOMENTS:
            return False
        learner, horizon = self._member_learner(net, net.horizons[0]), net.horizons[0]
        plan, n = learner.net(net.n_seen(horizon), net.n_targets(horizon)), sum(len(s.Y) for s in series)
        return (
            learner.of_sums(plan, n)
            and all((s.w == weight).all() for s in series)
            and all((np.abs(V) < LARGEST).all() for s in series for V in (s.X, s.Y))  # none is NaN
        )

    def _learn_from_sums(self, net, series):
        """Learn each member from sums over rows, ``shifts.py``; returns None where they say less than rows.

        From the last member to the first, whose rows are the fewest: rows are only ever added.
        """
        kind, weight, first, results = on_lags(self.p.estimator).scale, series[0].w[0], net.lead - 1, []
        V = [np.hstack([s.X, s.Y]) for s in series]
        shifts = Shifts(V, net.columns(net.horizons[0]), first, net.n_outputs)
        for horizon in reversed(net.horizons):
            learner = self._member_learner(net, horizon)
            reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
            rows = [len(v) - first - reach for v in V]
            ends = [first + n - int(n * learner.held_share) for n in rows]
            scaled = shifts.scaled(shifts.sums(ends, horizon.steps), kind, weight)
            if scaled is None:
                return None
            plan = learner.net(*map(len, scaled.mean))
            check_parameters(plan)
            trained = learner.learn_sums(plan, scaled.sums, scaled.mean)
            results.append((Member(trained.dynamics, scaled.x, scaled.y), trained))
        return results[::-1]

    def _pasts(self, net, series):
        """Return y (N, O) as histories show it, of each series."""
        lags = sorted({int(1 - self.p.gap - back) for back in net.y_back})
        return whole_histories([s.Y for s in series], lags, [s.w for s in series])

    def _examples(self, net, horizon, series, pasts, mean_y):
        """Lay out a member's training data: lists of z, targets and weights by stretch."""
        reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
        rows = [np.arange(net.lead - 1, len(s.Y) - reach) for s in series]
        self._check_memory(net, horizon, sum(map(len, rows)))
        stretches = zip(series, pasts, rows)
        examples = [net.examples(horizon, s, past, mean_y, r) for s, past, r in stretches if len(r)]
        covered = [np.isfinite(T[w > 0]).any(axis=0) for _, T, w in examples]
        covered = np.any(covered, axis=0) if covered else np.zeros(1, bool)
        if not covered.all():
            step = horizon.steps[int(np.argmin(covered)) // (net.n_targets(horizon) // len(horizon.steps))]
            raise ValueError(
                f"horizon={self.h}: no row that counts (sample_weight > 0) has a measured y {step} row(s) after it and "
                f"its {net.lead} rows of history without NaN before (n_samples = {sum(len(s.Y) for s in series)}): "
                f"give more rows, a shorter horizon or {self.shorter}."
            )
        return examples

    def _check_memory(self, net, horizon, n):
        """Raise where n examples do not fit in memory."""
        what = f"{n} examples of horizon={self.h} and {net.lead} rows of {len(net.is_ahead):,} inputs, {COPIES} times"
        cure = f"a shorter horizon, {self.shorter}, fewer inputs or fewer rows"
        check_memory(what, (COPIES, n, net.n_seen(horizon) + net.n_targets(horizon)), cure)

    def _member_learner(self, net, horizon):
        """Return the learner of a member, which sees z as inputs without lags."""
        changes = {"input_lags": 0, "output_lags": 0, "training": "open_loop"}
        if horizon.quantiles is not None:
            changes["loss"] = Pinball(list(horizon.quantiles) * (len(horizon.steps) * net.n_outputs))
        learner = learner_of(_bare(on_lags(self.p.estimator), **changes))
        if net.n_outputs == 1 or horizon.quantiles is not None:
            return learner
        if isinstance(learner, LagLearner):
            return replace(learner, past=len(net.y_back), n_series=net.n_outputs)
        if not hasattr(learner, "linear"):
            return learner
        steps = horizon.steps if self.p.strategy == "direct" else np.arange(1, self.h + 1)
        own = {"own": net.n_outputs, "past": len(net.y_back), "overlap": float(steps.mean())}
        return replace(learner, linear=of_one((0,), ())._replace(**own))

    def _learn_member(self, net, horizon, examples, before=None):
        """Learn one member; returns the ``Member`` and what it was trained to.   before : both, to go on from."""
        learner = self._member_learner(net, horizon)
        counts = [(w > 0) & np.isfinite(T).any(axis=1) for _, T, w in examples]
        held = [hold_last(c, learner.held_share) for c in counts]
        counts = np.concatenate(counts) & ~np.concatenate(held)
        Z, T = (_joined([example[k] for example in examples]) for k in range(2))
        model = on_lags(self.p.estimator)
        x, y = make_scaler(model.scale, Z, counts, "X"), make_scaler(model.scale, T, counts, "y")
        if before is not None:
            _, x, y = before[0]  # what the weights are made for
        series = [Series(x(Z), y(T), w, h) for (Z, T, w), h in zip(examples, held)]
        Z, T = (_joined([s[k] for s in series]) for k in range(2))
        if learner.whole_scale:
            check_size(Z, T)
        mean = tuple(np.array([np.nanmean(v[counts]) for v in V.T]) for V in (Z, T))
        rng = check_random_state(deepcopy(model.random_state))
        inner = learner.net(Z.shape[1], T.shape[1])
        check_parameters(inner)
        trained = learner.learn(inner, series, mean, rng, before and before[1])
        return Member(trained.dynamics, x, y), trained._replace(ends=None)

    def fade(self, trained, share):
        """Return what was learnt, of which each member's counts for so much less."""
        layout = trained.dynamics.layout
        pairs = zip(layout.horizons, trained.carry.trained)
        faded = tuple(self._member_learner(layout, horizon).fade(member, share) for horizon, member in pairs)
        return trained._replace(carry=Members(faded))

    def without_history(self, trained, series, memory, known):
        """Hide y that was not measured, and the first y, up to where no example looks back at rows made up."""
        (n, measured), layout, before = known, trained.dynamics.layout, len(memory.Y)
        Y = np.concatenate([np.where(measured, memory.Y, np.nan), series.Y])
        Y[: max(0, before - n + layout.lead - 1 + layout.y_back[0])] = np.nan
        return series._replace(Y=Y[before:]), memory._replace(Y=Y[:before])

    def learn_more(self, trained, series, memory, rng):
        """Let each member learn from the pairs that the new rows complete."""
        dynamics, n = trained.dynamics, len(memory.Y)
        layout = dynamics.layout
        extended = Series(
            np.concatenate([memory.X, series.X]),
            np.concatenate([memory.Y, series.Y]),
            np.concatenate([np.ones(n), series.w]),
            None,
        )
        members, learnt = list(dynamics.members), list(trained.carry.trained)
        for k, (horizon, member) in enumerate(zip(layout.horizons, members)):
            reach = max(horizon.ahead.max(initial=0), horizon.steps[0])
            rows = np.arange(layout.lead - 1, len(extended.Y) - reach)
            new = layout.n_kept, n  # y of rows that were taken back was not known
            Z, T, w = layout.examples(horizon, extended, extended.Y, dynamics.mean[1], rows, new)
            if not (np.isfinite(T).any(axis=1) & (w > 0)).any():
                continue
            Z, T = member.x(Z), member.y(T)
            check_size(Z, T)
            new_pairs = Series(Z, T, w, np.zeros(len(w), bool))
            learner = self._member_learner(layout, horizon)
            learnt[k] = learner.learn_more(learnt[k], new_pairs, memory.states[k], rng)
            members[k] = member._replace(dynamics=learnt[k].dynamics)
        theta = np.concatenate([np.ravel(member.dynamics.theta) for member in members])
        dynamics = dynamics.but(theta=theta, members=tuple(members))
        return trained._replace(dynamics=dynamics, carry=Members(tuple(learnt)))


def _joined(arrays):
    """Concatenate arrays; one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _seen_ahead(steps, lags):
    """Return the offsets, ascending, of the rows that forecasts of some steps see of the inputs known ahead."""
    return np.array(sorted({s - lag for s in steps for lag in lags}), int)


def _bare(estimator, **changes):
    """Clone an estimator without settings that concern the user's rows, and with some parameters changed."""
    changes |= {"target_transform": None, "target_bounds": None, "missing": "error", "series": None}
    model = clone(estimator)
    return model.set_params(**{k: v for k, v in changes.items() if k in model.get_params(deep=False)})


@property
def _scale(self):
    """The scale of the estimator inside, where it is used as it is or is that of a series; None where members scale."""
    scale = on_lags(self.estimator).scale
    return scale if self.strategy == "recursive" or scale in ("auto", "series") else None


def _of_estimator(name, default=None):
    """Make a property that reads a parameter of the estimator inside."""
    return property(lambda self: getattr(on_lags(self.estimator), name, default))


class Forecaster(MetaEstimatorMixin, KnownAhead, SequenceRegressor):
    """Forecasts of the next rows, all at once or step by step.

    A net that forecasts many steps by feeding back its own forecasts (``strategy="recursive"``) accumulates errors and
    cannot learn quantiles far ahead. The other strategies [1]_ [2]_ forecast y(t + 1) ... y(t + horizon) from what is
    known at row t: y and X up to t, and the coming rows of the inputs named in ``known_ahead``.

    Parameters
    ----------
    estimator : estimator of tsrnn, or regressor of scikit-learn's kind
        What is cloned. A regressor such as ``HistGradientBoostingRegressor()`` is short for
        ``LagRegressor(HistGradientBoostingRegressor())``, which finds the lags of y; :class:`~tsrnn.LagRegressor` takes
        others. Its ``input_lags`` and ``output_lags`` select what is seen, as far as it is known: for inputs known
        ahead, the lags of the row to forecast; for other inputs and y, those of row t + 1 (``output_lags=3`` means
        y(t), y(t - 1), y(t - 2)). Without output lags, y is seen at the lags of the inputs or, where those are "auto",
        at lags that are found, each step with its own of a season. Its target_transform, target_bounds, missing,
        series, start and warm_start apply to the forecaster.
    horizon : int, default=24
        Rows to forecast.
    strategy : {"multi_output", "direct", "recursive"}, default="multi_output"
        "multi_output": one clone with an output for each step. "direct": a clone for each step, which for inputs known
        ahead sees only the lags of its own row. "recursive": the estimator as it is, in closed loop.
    quantiles : sequence of float, optional
        Such as (0.05, 0.1, 0.5, 0.9, 0.95): clones learn these with the pinball loss [3]_; where they cross they are
        sorted [4]_. ``forecast(steps, level=80)`` then consists of 0.1 and 0.9. The forecast is the median or, if 0.5
        is not among them, what the estimator's own loss gives.
    n_jobs : int, optional
        Number of clones that are fitted at the same time, in threads; -1 for as many as there are processors.
    gap : int, default=0
        Rows by which the target arrives later than the inputs, such as 48 for hourly meters that are read out after two
        days: a forecast made at row t sees X up to t, but y only up to t - gap, and the lags of y count back from
        there. The last ``gap`` rows of y may be NaN in every verb, and are never looked at. Rows of X whose y has
        arrived since are given again: ``update`` and ``partial_fit`` (by their stamps) take back up to ``gap`` rows
        seen, so one call with the last ``gap`` rows and the new ones brings both. Not with "recursive", which feeds
        itself where y is NaN; nor with differences of y.

    Attributes
    ----------
    params_ : tuple
        Weights of each clone, in the order of their steps, those of quantiles last; of "recursive", of the estimator.
    theta_ : ndarray of shape (n_parameters,)
        All their parameters.
    lead_ : int
        Rows of history that a forecast needs.

    Notes
    -----
    The verbs are those of :class:`~tsrnn.NARXRegressor`. ``forecast`` goes up to ``horizon`` steps; columns of X_future
    that are not known ahead may be left out, or hold anything, and "multi_output" with inputs known ahead wants those
    of all rows of its horizon. With quantiles its ``level`` are such as have both ends among them, and ``method`` says
    whether errors that ``update`` has seen move and stretch them or, with "split", not. ``predict(X)`` goes on from its
    own forecasts after each ``horizon`` rows. ``predict_ahead(X, y, steps=j)`` gives the j-th step of the forecast made
    j rows before each row; there "multi_output" holds the last inputs known ahead for what lies behind the end of X.

    Several outputs, of "multi_output" and "direct", are told by each other's past as far as that is worth it: in a
    linear model, also the one beside a net, by evidence, in a regressor of scikit-learn's kind by errors on held rows.

    Where y is not measured, the forecast takes its place in later lags. ``fit`` does not learn from such lags, unless
    more than three rows in ten have some: then a linear autoregression fills them, for any row to be learnt whose y was
    measured. A row's sample_weight is that of its y; of several targets in a row, the mean.

    Intervals without quantiles come from errors on held rows, as for other estimators ("conformal"). With quantiles,
    ``calibrate(X, y)`` widens or narrows them such that they hold on those rows [5]_. Sample paths add to a forecast
    the errors that all its steps had together from some row before; with quantiles, and after ``calibrate``, they take
    the quantiles at the ranks that those errors had (Schaake shuffle [6]_).

    References
    ----------
    .. [1] S. Ben Taieb, G. Bontempi, A. F. Atiya, A. Sorjamaa. "A review and comparison of strategies for multi-step
       ahead time series forecasting." Expert Systems with Applications 39(8), 2012.
    .. [2] G. Chevillon. "Direct multi-step estimation and forecasting." Journal of Economic Surveys 21(4), 2007.
    .. [3] R. Koenker, G. Bassett. "Regression quantiles." Econometrica 46(1), 1978.
    .. [4] V. Chernozhukov, I. Fernandez-Val, A. Galichon. "Quantile and probability curves without crossing."
       Econometrica 78(3), 2010.
    .. [5] Y. Romano, E. Patterson, E. J. Candes. "Conformalized quantile regression." NeurIPS 32, 2019.
    .. [6] M. Clark et al. "The Schaake shuffle." Journal of Hydrometeorology 5(1), 2004.

    Examples
    --------
    >>> from tsrnn import Forecaster, TDNNRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> model = Forecaster(TDNNRegressor((), input_lags=11), horizon=3, quantiles=(0.1, 0.5, 0.9)).fit(None, y[:"1955"])
    >>> model.forecast(3, level=80).columns.tolist()
    ['sunspots', 'lo-80', 'hi-80']

    The number of a year is known two years later:

    >>> late = Forecaster(TDNNRegressor((), input_lags=11), horizon=3, gap=2).fit(None, y[:"1955"])
    >>> late = late.update(None, y["1954":"1957"])  # 1954 and 1955 again, as they are known now
    >>> late.forecast(3).index[0].year
    1958
    """

    estimator: object
    horizon: int = 24
    _: KW_ONLY
    strategy: str = "multi_output"
    quantiles: Numbers | None = None
    n_jobs: int | None = None
    gap: int = 0

    scale: ClassVar = _scale
    _common_scale: ClassVar = property(lambda self: "standard" if self.strategy == "recursive" else None)
    start: ClassVar = _of_estimator("start", "auto")
    warm_start: ClassVar = _of_estimator("warm_start", False)
    random_state: ClassVar = _of_estimator("random_state")
    target_transform: ClassVar = _of_estimator("target_transform")
    target_bounds: ClassVar = _of_estimator("target_bounds")
    missing: ClassVar = _of_estimator("missing", "error")
    series: ClassVar = _of_estimator("series")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        all_ahead = isinstance(self.known_ahead, str) and self.known_ahead == "all"
        tags.regressor_tags.poor_score = not all_ahead  # a free run that does not see the row's own inputs
        return tags

    def _has_lags(self):
        return on_lags(self.estimator)

    def _learner_of(self, lags):
        if lags is None:
            return self._learner()
        model = on_lags(self.estimator)
        learner = with_parameters(self, estimator=with_parameters(model, **open_lags(model, lags)))._learner()
        has_none = isinstance(learner, HorizonsLearner) and not learner.inner.output_lags
        return replace(learner, y_lags=lags.output_lags) if has_none else learner

    # ---------------------------------------------------------------------------------- parameters

    def _learner(self):
        """Check the parameters, then those that do not go together; a learner holds them parsed."""
        model = on_lags(self.estimator)
        if hasattr(model, "__sklearn_tags__") and is_classifier(model):
            raise TypeError(
                f"estimator={model!r} is a classifier, but a Forecaster forecasts numbers: give a regressor. To "
                "predict labels of later rows, call forecast or predict_ahead of the classifier itself."
            )
        if not isinstance(model, SequenceRegressor) or isinstance(model, Forecaster):
            raise TypeError(
                f"estimator={model!r} is neither an estimator of tsrnn nor a regressor of scikit-learn's kind: give "
                "one like NARXRegressor(); transformers of X go before the Forecaster, in a Pipeline that ends in it."
            )
        check_number("horizon", self.horizon, 1, integer=True)
        check_number("gap", self.gap, 0, integer=True)
        check_word("strategy", self.strategy, STRATEGIES)
        self._check_together(model)
        check_jobs(self.n_jobs)
        inner = learner_of(model)
        if self.strategy == "recursive":
            return inner
        quantiles = None if self.quantiles is None else check_quantiles(self.quantiles)
        return HorizonsLearner(self, inner, int(self.horizon), quantiles)

    def _check_together(self, model):
        """Raise where the strategy, the quantiles and the estimator inside do not go together."""
        names = model.get_params(deep=False)
        recursive = self.strategy == "recursive"
        if self.quantiles is not None:
            check_quantiles(self.quantiles)
            if recursive:
                raise ValueError(
                    f"strategy='recursive' cannot learn quantiles={self.quantiles!r}, because quantiles of single "
                    "steps do not add up: give strategy='multi_output' or 'direct', or quantiles=None and "
                    "forecast(level=...)."
                )
            if "loss" not in names:
                raise TypeError(
                    f"quantiles={self.quantiles!r} are learnt with the pinball loss, but {type(model).__name__} has no "
                    "parameter loss: give one that has, such as TDNNRegressor, or quantiles=None."
                )
        if recursive and self.gap:
            raise ValueError(
                f"strategy='recursive' does not go with gap={self.gap}: it feeds its own forecasts back where y is "
                "NaN. Leave gap out and set the last rows of y to NaN, or give strategy='multi_output' or 'direct'."
            )
        if not recursive and "input_lags" not in names:
            raise TypeError(
                f"strategy={self.strategy!r} turns past y into inputs, but {type(model).__name__} takes none: give "
                "strategy='recursive', or an estimator with input_lags."
            )
        if names.get("bidirectional") is True:
            raise ValueError(
                "bidirectional=True reads a series from both ends, so nothing can be forecast beyond its end: give "
                "an estimator with bidirectional=False."
            )
        if has_log_link(names.get("loss")):
            raise ValueError(
                f"loss={names['loss']!r} works one step ahead only: give another loss, or use {type(model).__name__} "
                "without a Forecaster."
            )

    def _goal(self, table, pieces, form):
        """Return the ``Goal``; raise where it needs what is not known ahead, or differences that cannot be taken."""
        goal, is_ahead = super()._goal(table, pieces, form), self._columns_known_ahead()
        if self.strategy == "recursive":
            self._check_inputs_ahead(is_ahead)
            return goal
        self._check_bounds_ahead(goal.bounds, is_ahead)
        if self.gap and len(goal.target.coef):
            raise ValueError(
                f"target_transform={self.target_transform!r} takes differences, which start from the last y, but with "
                f"gap={self.gap} that has not arrived yet: leave out the differences, or gap."
            )
        if self.quantiles is not None and len(goal.target.coef):
            raise ValueError(
                f"target_transform={self.target_transform!r} takes differences, and quantiles of differences do not "
                "add up: leave out the differences, or quantiles."
            )
        return goal

    def _check_inputs_ahead(self, is_ahead):
        """Raise where a closed loop needs inputs that are not known ahead."""
        least = self._learner().input_lag if self.n_features_in_ else np.inf
        if least < self.horizon and not is_ahead.all():
            raise ValueError(
                f"strategy='recursive' sees inputs only {least} row(s) back, so it needs them ahead of time, but "
                f"known_ahead={self.known_ahead!r} leaves some out: give known_ahead='all' if they are known, or "
                f"input_lags=range({self.horizon}, ...), or strategy='multi_output'."
            )

    def _check_bounds_ahead(self, bounds, is_ahead):
        """Raise where a column of X that holds bounds is not known ahead."""
        for b in (b for side in bounds or () for b in side):
            if isinstance(b, int) and not is_ahead[b]:
                raise ValueError(
                    f"target_bounds={self.target_bounds!r} names column {b} of X, whose value is needed for the rows "
                    "to forecast: name it in known_ahead too."
                )


def check_quantiles(quantiles):
    """Check quantiles; returns them ascending."""
    cure = "give numbers between 0 and 1, each once, such as (0.05, 0.1, 0.5, 0.9, 0.95)"
    if isinstance(quantiles, (str, bytes)) or not np.iterable(quantiles) or len(quantiles) == 0:
        raise ValueError(f"quantiles={quantiles!r} is not a set of quantiles: {cure}.")
    for q in quantiles:
        if not isinstance(q, Real) or isinstance(q, (bool, np.bool_)) or not 0 < q < 1:
            raise ValueError(f"quantiles={quantiles!r}: {q!r} is not a quantile: {cure}.")
    if len(set(quantiles)) < len(quantiles):
        raise ValueError(f"quantiles={quantiles!r} holds one twice: {cure}.")
    return tuple(sorted(float(q) for q in quantiles))
