"""Echo state networks whose penalty is chosen by cross-validation, from sums over time."""

import numpy as np
from scipy.stats import rankdata
from sklearn.model_selection import check_cv

from .._check import check_number
from .._nets.ridge import add_rows, no_sums, ridge_path, squared_error
from .esn import ESNRegressor, shared_docs


ALPHAS = tuple(10.0**k for k in range(-9, 3))  # that ESNRegressorCV tries


@shared_docs
class ESNRegressorCV(ESNRegressor):
    """Echo state network, the penalty of its readout chosen by cross-validation.

    The reservoir runs once: sums over the rows of each fold are added and subtracted, and the solutions for all folds
    and penalties are found side by side. A fold is judged one step ahead, from measured y, with the state that the
    whole series leads to; the scaling is that of all rows.

    Parameters
    ----------
    n_reservoir : int or tuple of int, default=300
        Units. Of a tuple each layer sees the states of the one below, and the readout all of them.
    alphas : sequence of float, default=(1e-9, 1e-8, ..., 100.0)
        The penalties to try: each times the squared weights of the readout, but that of 1, is added to the sum of
        squared errors (over all rows, in scaled units).
    cv : int, splitter or iterable of (train, test), default=5
        An int: so many blocks of rows, each in turn the one that is judged. ``TimeSeriesSplit()``: rolling folds.
    {parameters}
    {more_parameters}

    Attributes
    ----------
    alpha_, best_alpha_ : float
        The best penalty.
    best_score_ : float
        Its mean score: minus the mean squared error, in scaled units.
    cv_results_ : dict of ndarrays
        "param_alpha", "split0_test_score" ..., "mean_test_score", "std_test_score" and "rank_test_score".
    {attributes}

    See Also
    --------
    ESNRegressor : with ``alpha`` given, or by evidence.

    References
    ----------
    .. [1] M. Lukosevicius, A. Uselis. "Efficient cross-validation of echo state networks." ICANN 2019.
    {references}

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

    _warmup = ({"n_reservoir": 2, "cv": 2},)

    def __init__(
        self,
        n_reservoir=300,
        *,
        alphas=ALPHAS,
        cv=5,
        spectral_radius=0.9,
        leak_rate=0.9,
        connectivity=10,
        input_scaling=None,
        input_connectivity=0.1,
        bias_scaling=0.5,
        input_lags=0,
        output_lags=0,
        feedback_scaling=None,
        noise=0.0,
        activation="tanh",
        topology="random",
        groups=1,
        weight_distribution="uniform",
        W=None,
        W_in=None,
        readout_bias=True,
        readout_input=True,
        readout_squares=False,
        washout="auto",
        scale="standard",
        start="auto",
        random_state=None,
        verbose=0,
        target_transform=None,
        target_bounds=None,
        missing="error",
        series=None,
    ):
        super().__init__(
            n_reservoir,
            spectral_radius=spectral_radius,
            leak_rate=leak_rate,
            connectivity=connectivity,
            input_scaling=input_scaling,
            input_connectivity=input_connectivity,
            bias_scaling=bias_scaling,
            input_lags=input_lags,
            output_lags=output_lags,
            feedback_scaling=feedback_scaling,
            noise=noise,
            activation=activation,
            topology=topology,
            groups=groups,
            weight_distribution=weight_distribution,
            W=W,
            W_in=W_in,
            readout_bias=readout_bias,
            readout_input=readout_input,
            readout_squares=readout_squares,
            washout=washout,
            scale=scale,
            start=start,
            random_state=random_state,
            verbose=verbose,
            target_transform=target_transform,
            target_bounds=target_bounds,
            missing=missing,
            series=series,
        )
        self.alphas = alphas
        self.cv = cv

    def _prepare(self, n_inputs, n_outputs):
        super()._prepare(n_inputs, n_outputs)
        try:
            self._cv = check_cv(self.cv)  # a generator gives its splits once
        except ValueError as error:
            raise ValueError(f"cv={self.cv!r}: {error}") from None

    def _fit_series(self, series, rng):
        super()._fit_series(series, rng)
        del self._cv

    def _check_solver(self):
        """Raise where there is no penalty to try."""
        if isinstance(self.alphas, str) or not np.iterable(self.alphas) or len(self.alphas) == 0:
            raise ValueError(f"alphas={self.alphas!r}: give a sequence of numbers > 0.")
        for alpha in self.alphas:
            check_number("alphas", alpha, 0, low_open=True)

    def _unfitted(self):
        """With the penalty found: a stretch that is left out may hold all that some inner split is tested on."""
        params = self.get_params(deep=False)
        return ESNRegressor(
            alpha=self.alpha_, **{k: v for k, v in params.items() if k not in ("alphas", "cv")}
        )

    def _penalty(self, normals):
        return self.alpha_

    def _learn(self, series, fed, weights, rng):
        """The best penalty and its readout, from one pass: rows of the same use in all splits share their sums."""
        splits = self._splits(sum(len(s.Y) for s in series))
        names = splits @ np.random.default_rng(0).random(splits.shape[1])  # a number for each use
        _, example, cell = np.unique(names, return_index=True, return_inverse=True)
        cells, sums, begins, at = splits[example], [None] * len(example), {}, 0
        for s in series:
            begins[id(s)], at = at, at + len(s.Y)
        for s, here, w, V, S, _ in self._harvest(series, fed, weights, rng):
            mine = cell[begins[id(s)] :][here]
            for k in np.unique(mine[w > 0]):
                if sums[k] is None:
                    sums[k] = no_sums(self._n_columns(), self.n_outputs_)
                rows = np.flatnonzero((mine == k) & (w > 0))
                sums[k] = add_rows(sums[k], self._parts(), V, S, s.Y[here], rows, w)
        whole = [(a, cells[k]) for k, a in enumerate(sums) if a is not None]
        self._choose(whole, splits.shape[1] // 2)
        self._solve(_sum(a for a, _ in whole))

    def _splits(self, n):
        """Which rows each split trains on, and which it tests on, (n, 2 splits) bool, by turns."""
        marks = []
        try:
            pairs = list(self._cv.split(np.empty(n)))
        except ValueError as error:
            raise ValueError(f"cv={self.cv!r}: {error}: give fewer splits.") from None
        for rows in pairs:
            for chosen in rows:
                mark = np.zeros(n, bool)
                mark[chosen] = True
                marks.append(mark)
        return np.stack(marks, axis=1)

    def _choose(self, cells, n_splits):
        """alpha_ from sums and what each is for: (2 splits,) bool, by turns training and test."""
        errors, pairs = np.zeros((n_splits, len(self.alphas))), []
        for f in range(n_splits):
            parts = [[a for a, marks in cells if marks[2 * f + k]] for k in range(2)]
            if not all(parts):
                raise ValueError(
                    f"cv={self.cv!r}: split {f} has no row that counts to train on, or none to test on, after the "
                    "washout: give fewer splits, or a smaller washout."
                )
            pairs.append([_sum(part) for part in parts])
        groups = max(len(a.weight) for a, _ in cells)
        train, test = ([list(pair[k].split(groups).normal()) for pair in pairs] for k in range(2))
        for g, total in enumerate(_sum(a for a, _ in cells).split(groups).normal()):
            W = ridge_path(total, [normals[g] for normals in train], self.alphas, self.readout_bias)
            for f, normals in enumerate(test):
                sse = squared_error(normals[g], W[f]).reshape(len(self.alphas), -1)
                errors[f] += sse.sum(axis=1) / normals[g].weight
        errors /= self.n_outputs_
        mean = errors.mean(axis=0)
        best = int(np.argmin(mean))
        self.alpha_ = self.best_alpha_ = float(self.alphas[best])
        self.best_score_ = float(-mean[best])
        self.cv_results_ = {
            "param_alpha": np.array(self.alphas, float),
            "params": [{"alpha": float(alpha)} for alpha in self.alphas],
            **{f"split{f}_test_score": -e for f, e in enumerate(errors)},
            "mean_test_score": -mean,
            "std_test_score": errors.std(axis=0),
            "rank_test_score": rankdata(mean, method="min").astype(int),
        }


def _sum(parts):
    """The sum of ``Sums``."""
    first, *rest = parts
    for more in rest:
        first = first + more
    return first
