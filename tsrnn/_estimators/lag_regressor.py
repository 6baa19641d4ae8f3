"""Any regressor on lags, as a model of this package.

    y(t) = f(x(t - l) ..., y(t - k) ...)          l of input_lags, k of output_lags

f is a regressor of scikit-learn's kind, fitted to a table of the lags, one row a sample (``lagged.py``).  It is fitted
twice: without stretches that are held back, whose errors intervals come from, and then to all rows.  Of several outputs
it sees the past of all, or each output's own alone, whichever errs less on these stretches.
"""

from copy import deepcopy
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from .._check import check_number
from .._nets.dynamics import (
    Learner,
    OfLags,
    Trained,
    after_memory,
    check_enough_rows,
    check_sees_something,
    no_row_counts,
)
from .._nets.lagged import LaggedDynamics, LagTable, Regressors
from .._series.histories import with_histories
from .._series.lags import both_lags
from .._values import kept
from .parameters import Lags
from .regressor import SequenceRegressor
from .sequence import Sequence


ROUNDING = 1e-16  # of the squares of an output


@kept("rows by heart")
class ByHeart(NamedTuple):
    """How much a regressor may have learnt by heart: each of its n rows, for all that is known of it."""

    n: int

    def weights_an_output(self):
        """Return the number of weights per output."""
        return self.n


class Examples(NamedTuple):
    """A table Z (R, D'), its targets T (R, O), NaN where unknown, weights w (R,), and which rows are held (R,) bool."""

    Z: np.ndarray
    T: np.ndarray
    w: np.ndarray
    held: np.ndarray


@dataclass(frozen=True, eq=False)
class LagLearner(OfLags, Learner):
    """The parameters of a ``LagRegressor``, parsed, and its fits.

    past : of how many rows the past of y stands in the last inputs, or 0.   n_series : whose past that is, row by row;
    targets are those of series 0, 1 ... 0, 1 ...
    """

    input_lags: tuple
    output_lags: tuple
    past: int = 0
    n_series: int = 0

    learns_held = True
    remembers = False

    @property
    def whole_scale(self):
        """Whether values must stay within what training can hold: scaled ones are for regressors that add them up."""
        return self.p.scale is not None

    @property
    def held_share(self):
        """Share of the rows that a first fit does not see."""
        return self.p.validation_fraction

    def net(self, D, O):
        """Return the layout of the table."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)
        return LagTable(D, O, self.input_lags if D else (), self.output_lags)

    def learn(self, net, series, mean, rng, before=None):
        """Fit to the rows that are not held back, and to all."""
        check_enough_rows(type(self.p).__name__, net.lead, series)
        series = with_histories(series, net.output_lags)
        examples = [_examples(net, s) for s in series]
        whole = Examples(*map(np.concatenate, zip(*examples)))
        if not np.isfinite(whole.T).any(axis=0).all():
            raise no_row_counts(net.lead, net.n_outputs)
        judged, shown, parts = None, ~whole.held, _whole(net)
        if whole.held.any() and np.isfinite(whole.T[shown]).any(axis=0).all():
            rivals = [parts, *self._own_pasts(net)]
            fitted = [self._fitted(net, of, Examples(*(v[shown] for v in whole)), mean) for of in rivals]
            best = int(np.argmin([_log_error(f, Examples(*(v[whole.held] for v in whole))) for f in fitted]))
            judged, parts = fitted[best], rivals[best]
        dynamics = self._fitted(net, parts, whole, mean)
        return Trained(dynamics, 1, [], [], ByHeart(len(whole.w)), judged=judged)

    def _fitted(self, net, parts, examples, mean):
        """Fit the regressors of some parts; returns the ``LaggedDynamics``."""
        model, (Z, T, w, _) = self.p.estimator, examples
        parts = tuple(
            part._replace(regressors=_regressors(model, Z[:, part.seen], T[:, part.outputs], w))
            for part in parts
        )
        return LaggedDynamics(np.zeros(0), net, parts, mean, _can_go_on(model))

    def _own_pasts(self, net):
        """Yield ``Regressors`` of each of several series, as a list, which see inputs and its own past."""
        n, lags = self.n_series or net.n_outputs, self.past or len(net.output_lags)
        if n > 1 and lags:
            n_shared = net.width - n * lags
            columns = [np.r_[:n_shared, n_shared + k : net.width : n] for k in range(n)]
            yield [Regressors((), seen, np.arange(k, net.n_outputs, n)) for k, seen in enumerate(columns)]

    def learn_more(self, trained, series, memory, rng):
        """Call ``partial_fit`` with the new rows, of copies."""
        dynamics = trained.dynamics
        dynamics.check_verb("partial_fit")
        Z, T, w, _ = _examples(dynamics.table, after_memory(series, memory))
        parts = deepcopy(dynamics.parts)
        for part in parts:
            together = len(part.regressors) == 1 < len(part.outputs)
            for k, regressor in enumerate(part.regressors):
                targets = T[:, part.outputs] if together else T[:, part.outputs[k]]
                rows = np.isfinite(targets.reshape(len(w), -1)).all(axis=1)
                if rows.any():
                    _fit(regressor, Z[rows][:, part.seen], targets[rows], w[rows], "partial_fit")
        more = ByHeart(trained.carry.n + len(w))
        return trained._replace(dynamics=dynamics.but(parts=parts), carry=more)


def _whole(net):
    """Lay out the only ``Regressors`` where those of all outputs see the whole table."""
    return [Regressors((), np.arange(net.width), np.arange(net.n_outputs))]


def _regressors(model, Z, T, w):
    """Fit a clone to targets T (R, K), NaN where unknown, or one to each; returns a tuple."""
    complete, measured = np.isfinite(T).all(axis=1), np.isfinite(T)
    if T.shape[1] == 1 or (_takes_many(model) and 10 * complete.sum() > 9 * measured.sum(axis=0).max()):
        targets = T[:, 0] if T.shape[1] == 1 else T
        return (_fit(clone(model), Z[complete], targets[complete], w[complete]),)
    return tuple(_fit(clone(model), Z[k], t[k], w[k]) for k, t in zip(measured.T, T.T))


def _log_error(dynamics, examples):
    """Average the logs of the squared errors of all outputs; those below rounding, as of a constant, count as that."""
    Z, T, w, _ = examples
    weights = np.where(np.isfinite(T), w[:, None], 0.0)
    T = np.nan_to_num(T)
    errors, squares = (np.sum(weights * V**2, axis=0) for V in (dynamics.predicted(Z) - T, T))
    return float(np.mean(np.log(np.maximum(errors, ROUNDING * squares + 1e-300))))


def _examples(table, series):
    """Lay out the rows of a ``Series`` that count: weight above 0, y known, and so all y that they look back at."""
    X, Y, w, held = series
    at = np.arange(table.lead, len(Y))
    counts = (w[at] > 0) & np.isfinite(Y[at]).any(axis=1)
    whole = np.isfinite(Y).all(axis=1)
    for lag in table.output_lags:
        counts &= whole[at - lag]
    at = at[counts]
    return Examples(table.rows(X, Y, at), Y[at], w[at], held[at])


def _fit(model, Z, targets, weight, verb="fit"):
    """Fit, with weights where they differ."""
    given = {}
    if np.ptp(weight) > 0:
        if not has_fit_parameter(model, "sample_weight"):
            raise ValueError(
                f"sample_weight differs from row to row, but {type(model).__name__}.{verb} takes none: give only "
                "weights of 0 and 1, no weights, or another regressor."
            )
        given["sample_weight"] = weight
    getattr(model, verb)(Z, targets, **given)
    return model


def _can_go_on(model):
    """Return whether a regressor can learn from more rows; a Pipeline's transformers could not."""
    return hasattr(model, "partial_fit")


def _takes_many(model):
    """Return whether a regressor takes several targets at once."""
    return bool(get_tags(model).target_tags.multi_output)


def is_foreign(model):
    """Return whether a model is a regressor that knows nothing of time, and nothing inside it does."""
    if isinstance(model, type) or not all(hasattr(model, verb) for verb in ("fit", "predict", "get_params")):
        return False
    return not isinstance(model, SequenceRegressor) and not has_memory_inside(model) and is_regressor(model)


def has_memory_inside(model):
    """Return whether an estimator of tsrnn is somewhere in a Pipeline, a search or another meta-estimator."""
    return any(isinstance(part, Sequence) for part in model.get_params().values())


def on_lags(model):
    """Return the ``LagRegressor`` of a foreign regressor; other models as they are."""
    return LagRegressor(model) if is_foreign(model) else model


class LagRegressor(MetaEstimatorMixin, SequenceRegressor):
    """Any regressor of scikit-learn's kind on lags: gradient boosting, forests, neighbours, a Pipeline.

    y(t) = f(x(t - l) ..., y(t - k) ...), fitted one step ahead to a table of the lags, one row a sample. Forecasts of
    several steps feed its own outputs back; for a fit for each step, put it into a :class:`~tsrnn.Forecaster`. So a
    model that you know already takes part in :func:`~tsrnn.model_selection.backtest`, has intervals, panels,
    transforms of y and memories, and is compared with the nets on equal terms. Where a ``Forecaster``, a ``backtest``
    or an :class:`~tsrnn.AutoForecaster` takes a model, a bare regressor will do: the first two put it on lags by
    themselves, with the defaults below; the third fits it to the residuals of its best autoregression.

    Parameters
    ----------
    estimator : regressor of scikit-learn's kind
        What is cloned; with several outputs once for each, where it does not take several, or where each output's own
        past forecasts held rows better than that of all. For what depends on the
        scale of its inputs (neighbours, SVR, MLP) give ``scale="standard"``.
    input_lags : int, sequence of int or "auto", default=0
        An int L means x(t), x(t - 1) ... x(t - L), a sequence for exactly those lags.
    output_lags : int, sequence of int or "auto", default="auto"
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags. "auto": those by which a linear
        model forecasts best, of a few and of seasons that the index suggests. See ``lags_``.
    validation_fraction : float, default=0.15
        Share of the rows, in up to four stretches, that a first fit does not see: its errors there are those that
        intervals come from, and it is compared with naive forecasts there. Then it is fitted to all rows.
    scale : {"standard", "minmax", "robust", "series", None}, default=None
        How X and y are scaled inside; None leaves them as they are, as trees do not mind. "series": y of each series by
        its own mean and standard deviation, so that one regressor serves series of different sizes.

    Attributes
    ----------
    estimators_ : list
        The fitted regressor, or one for each output. Its features are the columns of the table: first the inputs,
        oldest lag first, then the outputs, or the one whose past it sees, oldest lag first.
    lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags, those that were found where they are "auto".

    See Also
    --------
    Forecaster : a fit for each step ahead, with inputs known ahead.
    NARXRegressor : a net on lags, which can learn its free runs.

    Notes
    -----
    Rows with NaN in y are not learnt from, nor those that look back at one, unless these are more than three in ten: a
    linear autoregression then fills what they look back at. ``partial_fit`` is the regressor's own;
    without one it is refused, and ``update`` takes new rows in. There is no export.

    References
    ----------
    .. [1] G. Bontempi, S. Ben Taieb, Y.-A. Le Borgne. "Machine learning strategies for time series forecasting."
       eBISS 2012.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> from tsrnn import LagRegressor
    >>> from tsrnn.datasets import load_sunspots
    >>> y = load_sunspots().target
    >>> trees = HistGradientBoostingRegressor(max_iter=30, random_state=0)
    >>> model = LagRegressor(trees, output_lags=11).fit(None, y[:"1955"])
    >>> model.forecast(3, level=80).columns.tolist()
    ['sunspots', 'lo-80', 'hi-80']
    """

    estimator: object
    input_lags: Lags = 0
    output_lags: Lags = "auto"
    _: KW_ONLY
    validation_fraction: float = 0.15
    scale: str | None = None
    start: str | tuple = "auto"
    random_state: object = None
    target_bounds: tuple | str | None = "auto"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # rows are time: a shuffled problem has none
        return tags

    def _learner(self):
        if not is_foreign(self.estimator):
            raise TypeError(
                f"estimator={self.estimator!r} is not a regressor of scikit-learn's kind: give an object with fit and "
                "predict, such as HistGradientBoostingRegressor(); models of tsrnn have lags of their own."
            )
        check_number("validation_fraction", self.validation_fraction, 0, 1, low_open=True, high_open=True)
        lags = both_lags(self)
        return LagLearner(self, *lags)

    @property
    def estimators_(self):
        """The fitted regressors."""
        return list(self._dynamics().params)
