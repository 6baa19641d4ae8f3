"""Echo state networks whose penalty is chosen by cross-validation, from sums over time."""

from dataclasses import KW_ONLY, dataclass, replace
from itertools import compress
from typing import ClassVar

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import check_cv

from .._check import check_number
from .._estimators.parameters import Numbers
from .._nets.ridge import add_rows, no_sums, ridge_path, squared_error
from .._training.losses import squared
from .esn import ESNRegressor
from .esn_learner import ESNLearner


ALPHAS = tuple(10.0**k for k in range(-9, 3))  # that ESNRegressorCV tries


@dataclass(frozen=True, eq=False)
class ESNCVLearner(ESNLearner):
    """An ``ESNLearner`` that tries penalties on splits of the rows."""

    splitter: object = None

    _by_evidence = False

    def _penalty(self, normals, search, caution):
        """Return the best penalty of those tried."""
        return search["params"][int(np.argmax(search["mean_test_score"]))]["alpha"]

    def _sums(self, dynamics, harvest):
        """Sum over all rows, by cells of the same use in all splits; returns sums and the errors of penalties."""
        splits = self._splits(sum(len(s.Y) for s in harvest.series))
        names = splits @ np.random.default_rng(0).random(splits.shape[1])  # a number for each use
        _, example, cell = np.unique(names, return_index=True, return_inverse=True)
        cells, sums, begins, at = splits[example], [None] * len(example), {}, 0
        for s in harvest.series:
            begins[id(s)], at = at, at + len(s.Y)
        for s, rows, w, V, S, _ in harvest:
            cell_here = cell[begins[id(s)] :][rows]
            for k in np.unique(cell_here[w > 0]):
                if sums[k] is None:
                    sums[k] = no_sums(dynamics.n_columns, dynamics.n_outputs)
                counts = np.flatnonzero((cell_here == k) & (w > 0))
                sums[k] = add_rows(sums[k], self.columns, V, S, s.Y[rows], counts, w)
        whole = [(a, cells[k]) for k, a in enumerate(sums) if a is not None]
        return _sum(a for a, _ in whole), None, self._search(whole, splits.shape[1] // 2)

    def _splits(self, n):
        """Mark which rows each split trains on, and which it tests on, (n, 2 splits) bool, by turns."""
        marks = []
        try:
            pairs = list(self.splitter.split(np.empty(n)))
        except ValueError as error:
            raise ValueError(f"cv={self.p.cv!r}: {error}: give fewer splits.") from None
        for rows in pairs:
            for chosen in rows:
                mark = np.zeros(n, bool)
                mark[chosen] = True
                marks.append(mark)
        return np.stack(marks, axis=1)

    def _search(self, cells, n_splits):
        """Score penalties by sums and their uses: (2 splits,) bool, by turns training and test."""
        alphas, errors = self.p.alphas, []
        groups = max(len(a.weight) for a, _ in cells)
        for f in range(n_splits):
            sides = [[a for a, marks in cells if marks[2 * f + k]] for k in range(2)]
            error = self._errors(*(_sum(side).split(groups) for side in sides)) if all(sides) else None
            if error is None:
                raise ValueError(
                    f"cv={self.p.cv!r}: split {f} has no row that counts to train on, or none to test on, after the "
                    "washout: give fewer splits, or a smaller washout."
                )
            errors.append(error)
        errors = np.array(errors)  # (splits, K)
        mean = errors.mean(axis=0)
        return {
            "param_alpha": np.array(alphas, float),
            "params": [{"alpha": float(alpha)} for alpha in alphas],
            **{f"split{f}_test_score": -e for f, e in enumerate(errors)},
            "mean_test_score": -mean,
            "std_test_score": errors.std(axis=0),
            "rank_test_score": rankdata(mean, method="min").astype(int),
        }

    def _errors(self, train, test):
        """Return the mean squared error at each penalty (K,), over outputs that both sums know; None without any."""
        judged, total = (train.weight > 0) & (test.weight > 0), 0.0
        for a, b in compress(zip(train.normal(), test.normal()), judged):
            W = ridge_path(a, self.p.alphas, self.p.readout_bias)
            total = total + squared_error(b, W).reshape(len(self.p.alphas), -1).sum(axis=1) / b.weight
        return total / (judged.mean() * train.O) if judged.any() else None


class ESNRegressorCV(ESNRegressor):
    """Echo state network, the penalty of its readout chosen by cross-validation.

    The reservoir runs once: sums over the rows of each fold are added up, and the solutions for all penalties are found
    side by side. A fold is judged one step ahead, from measured y, with the state that the whole series leads to, and
    by the outputs that both its sides hold values of; the scaling is that of all rows.

    Parameters
    ----------
    alphas : sequence of float, default=(1e-9, 1e-8, ..., 100.0)
        The penalties to try: each times the squared weights of the readout, but that of 1, is added to the sum of
        squared errors (over all rows, in scaled units).
    cv : int, splitter or iterable of (train, test), default=5
        An int: number of blocks of rows, each in turn the test set. ``TimeSeriesSplit()``: rolling folds.

    Attributes
    ----------
    alpha_, best_alpha_ : float
        The best penalty.
    best_score_ : float
        Its mean score: minus the mean squared error, in scaled units.
    cv_results_ : dict of ndarrays
        "param_alpha", "split0_test_score" ..., "mean_test_score", "std_test_score" and "rank_test_score".

    See Also
    --------
    ESNRegressor : with ``alpha`` given, or by evidence.

    References
    ----------
    .. [1] M. Lukosevicius, A. Uselis. "Efficient cross-validation of echo state networks." ICANN 2019.

    Examples
    --------
    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> from tsrnn import ESNRegressorCV
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(1500, random_state=0)
    >>> model = ESNRegressorCV(100, cv=TimeSeriesSplit(), random_state=0).fit(X, y)
    >>> model.best_alpha_ in model.alphas
    True
    """

    _: KW_ONLY
    alphas: Numbers = ALPHAS
    cv: object = 5
    loss: ClassVar = "squared"
    solver: ClassVar = "ridge"
    alpha: ClassVar = "auto"
    pooling: ClassVar = None  # its folds are of rows

    _warmup = ({"n_reservoir": 2, "cv": 2},)

    def _learner(self):
        learner = super()._learner()
        try:
            return replace(learner, splitter=check_cv(self.cv))  # a generator gives its splits once
        except ValueError as error:
            raise ValueError(f"cv={self.cv!r}: {error}") from None

    _learns = ESNCVLearner

    def _solution(self):
        """Check that there are penalties to try; the loss is squared and solved by ridge."""
        if isinstance(self.alphas, str) or not np.iterable(self.alphas) or len(self.alphas) == 0:
            raise ValueError(f"alphas={self.alphas!r}: give a sequence of numbers > 0.")
        for alpha in self.alphas:
            check_number("alphas", alpha, 0, low_open=True)
        return squared, None

    def _unfitted(self):
        """Return a net with the penalty found: without the rows of a fold, a split might have nothing to test on."""
        params = self.get_params(deep=False)
        shared = {k: v for k, v in params.items() if k not in ("alphas", "cv")}
        return ESNRegressor(alpha=self.alpha_, **shared)

    @property
    def best_alpha_(self):
        """The penalty of least mean error."""
        return self.alpha_

    @property
    def best_score_(self):
        """Minus the mean squared error of the best penalty, over splits, in scaled units."""
        return float(self.cv_results_["mean_test_score"].max())

    @property
    def cv_results_(self):
        """Scores of all penalties and splits, as of a search by scikit-learn."""
        return self._trained().carry.search


def _sum(parts):
    """Add up ``GramSums``."""
    first, *others = parts
    for sums in others:
        first = first + sums
    return first
