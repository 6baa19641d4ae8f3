"""Analogues: what followed the windows of the past that look most like the present one.

    v(t) = [x at its lags, y at its lags]                       scaled, so that all columns count alike
    y(t) = sum_i w_i y(t_i) / sum_i w_i                         t_1 ... t_k, the rows whose v(t_i) are nearest to v(t)

with w_i = 1, or 1 / |v(t_i) - v(t)|.  The table of windows is all that is learnt: the oldest forecast of all [1], which
a net has to beat where the past repeats itself.

[1] E. N. Lorenz, "Atmospheric predictability as revealed by naturally occurring analogues", J. Atmos. Sci. 26(4), 1969.
"""

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
from sklearn import config_context
from sklearn.neighbors import KDTree

from .._check import check_number, check_word
from .._estimators.parameters import Lags
from .._estimators.regressor import SequenceRegressor
from .._nets.dynamics import (
    Dynamics,
    Learner,
    OfLags,
    Trained,
    after_memory,
    check_enough_rows,
    check_sees_something,
    no_row_counts,
    side_by_side,
)
from .._nets.memory import moved_on
from .._series.lags import both_lags
from .._series.units import none_held
from .._values import kept


HELD = 0.15  # share of the rows by which it is judged, without them
RUNS = 4096  # windows that are looked up at a time

_trees = WeakKeyDictionary()  # a model -> the tree of its windows, which no file holds


@kept("analogues")
@dataclass(frozen=True, eq=False)
class Analogues(OfLags, Dynamics):
    """A table of windows, and what followed each.

    theta : the table, (n, D + O + 1) flat: v(t_i), y(t_i) and the weight of the row.   input_lags, output_lags : as
    given.   n_neighbors : k.   nearer : whether nearer ones count more.   mean : inputs (D,), outputs (O,) of training.
    """

    input_lags: tuple
    output_lags: tuple
    n_neighbors: int
    nearer: bool
    mean: tuple

    @property
    def n_outputs(self):
        """O."""
        return len(self.mean[1])

    @property
    def lead(self):
        """Rows of history that the lags need."""
        return max((*self.input_lags, *self.output_lags), default=0)

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        return super().input_lag if len(self.mean[0]) else np.inf

    def terms(self, p):
        """Refuse export: windows are looked up, not computed."""
        raise TypeError(
            f"The {len(self.params[0])} windows of an AnalogueRegressor cannot be exported: there are no equations "
            "for a single row. Use a model with the same lags, such as NARXRegressor, or save this one with joblib."
        )

    @property
    def params(self):
        """The windows (n, D) and what followed (n, O), in scaled units, and the weights (n,)."""
        O, D = (
            self.n_outputs,
            len(self.input_lags) * len(self.mean[0]) + len(self.output_lags) * self.n_outputs,
        )
        table = self.theta.reshape(-1, D + O + 1)
        return table[:, :D], table[:, D:-1], table[:, -1]

    def windows(self, X, Y, rows):
        """Lay out v (m, D) at rows (m,) of X and Y, from ``lead`` on."""
        back = ((X, self.input_lags), (Y, self.output_lags))
        return np.concatenate(
            [
                V[rows[:, None] - lags].reshape(len(rows), V.shape[1] * len(lags))
                for V, lags in map(_indexed, back)
            ],
            1,
        )

    def answers(self, v):
        """Average what followed the windows nearest to v (m, D), (m, O)."""
        windows, followed, weight = self.params
        k = min(self.n_neighbors, len(windows))
        if not len(v):
            return np.empty((0, self.n_outputs))
        with config_context(assume_finite=True):
            far, which = self._tree().query(v, k)
        w = weight[which]
        if self.nearer:
            w = w / np.maximum(far, 1e-9 * (1 + far[:, -1:]))
        w = np.where(w.sum(axis=1, keepdims=True) > 0, w, 1.0)  # all were forgotten
        return np.einsum("mk,mko->mo", w, followed[which]) / w.sum(axis=1, keepdims=True)

    def _tree(self):
        """Return the tree of the windows; exact, so that the answer does not depend on how many are asked for."""
        if self not in _trees:
            with config_context(assume_finite=True):
                _trees[self] = KDTree(self.params[0])
        return _trees[self]

    # ---------------------------------------------------------------------------------- following

    def run(self, X, Y, memory):
        """Follow rows: at once where y was measured, else row by row, its own values fed back."""
        n, lead = len(Y), self.lead
        X, Y = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
        out, unknown = np.empty((n, self.n_outputs)), np.isnan(Y[lead:]).any(axis=1)
        for a, b in pairwise([0, *np.flatnonzero(np.diff(unknown)) + 1, n]):
            at_once = 1 if unknown[a] and self.sees_y else RUNS
            for t in range(a, b, at_once):
                rows = np.arange(t, min(t + at_once, b))
                out[rows] = self.answers(self.windows(X, Y, rows + lead))
                measured = Y[rows + lead]
                Y[rows + lead] = np.where(np.isnan(measured), out[rows], measured)
        return out, moved_on(memory, X[lead:], Y[lead:])

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows, side by side."""
        lead, D = self.lead, X.shape[1]
        X, past = np.concatenate([memory.X, X]), np.concatenate([memory.Y, Y])
        at_once = side_by_side(steps, RUNS, RUNS, 4 * self.n_outputs)
        for i in range(0, len(first), at_once):
            runs = slice(i, min(i + at_once, len(first)))
            m, begin = runs.stop - i, first[runs]
            fed = np.empty((m, lead + steps, self.n_outputs))
            fed[:, :lead] = past[begin[:, None] + np.arange(lead)]
            out = np.empty((steps, m, self.n_outputs))
            for t in range(steps):
                x = X[(begin + lead + t)[:, None] - np.array(self.input_lags, int)] if D else np.empty((m, 0))
                y = fed[:, lead + t - np.array(self.output_lags, int)]
                out[t] = self.answers(np.concatenate([x.reshape(m, -1), y.reshape(m, -1)], axis=1))
                fed[:, lead + t] = out[t] if settle is None else settle(runs, t, out[t])
            yield runs, out


def _indexed(pair):
    """Return rows and their lags as an index."""
    return pair[0], np.array(pair[1], int)


@dataclass(frozen=True, eq=False)
class AnalogueLearner(OfLags, Learner):
    """Lays out the table; it is judged without the held rows, and then holds them too."""

    input_lags: tuple
    output_lags: tuple

    held_share = HELD
    learns_held = True

    def net(self, D, O):
        """Check that there is something to see."""
        check_sees_something(type(self.p).__name__, D, self.input_lags, self.output_lags)

    def learn(self, net, series, mean, rng, before=None):
        """Lay out all windows whose lags and y were measured."""
        p, lags = self.p, (self.input_lags if len(mean[0]) else (), self.output_lags)
        lead = max((*lags[0], *lags[1]), default=0)
        check_enough_rows(type(p).__name__, lead, none_held(series))
        dynamics = Analogues(np.zeros(0), *lags, int(p.n_neighbors), p.weights == "distance", mean)
        table, held = (np.concatenate(v) for v in zip(*(self._table(dynamics, s) for s in series)))
        if len(table) == 0:
            raise no_row_counts(lead, len(mean[1]))
        judged = None
        if held.any() and not held.all():
            judged = dynamics.but(theta=table[~held].ravel())
        return self._trained(dynamics.but(theta=table.ravel()), judged)

    def _table(self, dynamics, series):
        """Lay out windows, what followed and weights, (n, D + O + 1), and which are held, (n,) bool."""
        X, Y, w, held = series
        rows = np.arange(dynamics.lead, len(Y))
        table = np.concatenate([dynamics.windows(X, Y, rows), Y[rows], w[rows, None]], axis=1)
        whole = np.isfinite(table).all(axis=1) & (w[rows] > 0)
        return table[whole], held[rows][whole]

    def _trained(self, dynamics, judged=None):
        """Return ``Trained``, in which k rows share a degree of freedom."""
        n_fitted = max(1, len(dynamics.params[0]) * dynamics.n_outputs // dynamics.n_neighbors)
        return Trained(dynamics, 1, [], [], judged=judged, n_fitted=n_fitted)

    def learn_more(self, trained, series, memory, rng):
        """Add the windows of new rows."""
        dynamics = trained.dynamics
        table, _ = self._table(dynamics, after_memory(series, memory))
        if len(table) == 0:
            return trained
        return self._trained(dynamics.but(theta=np.concatenate([dynamics.theta, table.ravel()])))

    def fade(self, trained, share):
        """Return the table, whose rows count for ``share`` of what they did."""
        theta = trained.dynamics.theta.copy()
        trained = trained._replace(dynamics=trained.dynamics.but(theta=theta))
        trained.dynamics.params[2][:] *= share
        return trained


class AnalogueRegressor(SequenceRegressor):
    """Nearest neighbours in time: the mean of what followed the windows that look most like the present one.

    y(t) = the mean of y(t_i) over the k rows of training whose lags of x and y are nearest to those of t [1]_. A
    baseline beside persistence and the seasonal naive forecast: strong where the past repeats itself, of no use where
    it does not. It keeps the whole table, and looks each window up in a tree, so it is for up to some ten thousand rows
    and a dozen columns. In ``Forecaster(AnalogueRegressor(), strategy="direct")`` each step has its own mean of what
    came so many rows later.

    Parameters
    ----------
    n_neighbors : int, default=10
        k; of fewer windows all are taken.
    input_lags : int, sequence of int or "auto", default=2
        An int L means x(t), x(t - 1) ... x(t - L), a sequence for exactly those lags.
    output_lags : int, sequence of int or "auto", default=3
        An int K means y(t - 1) ... y(t - K), a sequence for exactly those lags.
    weights : {"uniform", "distance"}, default="uniform"
        Whether all k count the same, or by one over their distance.
    target_transform : None, "auto", word, object or list of those, default=None
        As of ``NARXRegressor``; a baseline takes y as it is.

    Attributes
    ----------
    lags_ : tuple (input_lags, output_lags) of tuples of int
        The lags, those that were found where they are "auto".
    params_ : tuple of ndarrays (windows, followed, weights)
        The table in scaled units, inputs in the order of their lags, then outputs; and what its rows count.
    theta_ : ndarray of shape (n_parameters,)
        The same, flat.
    n_iter_ : int
        1.

    See Also
    --------
    PersistenceRegressor, SeasonalNaiveRegressor, ConstantRegressor : the other baselines.

    References
    ----------
    .. [1] E. N. Lorenz. "Atmospheric predictability as revealed by naturally occurring analogues." Journal of the
       Atmospheric Sciences 26(4), 1969.

    Examples
    --------
    >>> import numpy as np
    >>> from tsrnn import AnalogueRegressor
    >>> y = np.resize([0.0, 1.0, 3.0, 2.0], 60)
    >>> AnalogueRegressor(n_neighbors=3, output_lags=2).fit(None, y).forecast(4)
    array([0., 1., 3., 2.])
    """

    n_neighbors: int = 10
    _: KW_ONLY
    input_lags: Lags = 2
    output_lags: Lags = 3
    weights: str = "uniform"
    scale: str | None = "auto"
    start: str | tuple = "auto"
    random_state: object = None
    target_transform: object = None
    target_bounds: tuple | str | None = "auto"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # rows are time: a shuffled problem has no windows
        return tags

    def _learner(self):
        check_number("n_neighbors", self.n_neighbors, 1, integer=True)
        check_word("weights", self.weights, ("uniform", "distance"))
        lags = both_lags(self)
        return AnalogueLearner(self, *lags)
