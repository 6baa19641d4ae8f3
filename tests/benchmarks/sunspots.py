r"""Figure 6: yearly sunspots, one step ahead.

Protocol of Weigend, Huberman and Rumelhart [1]_, after the threshold model of Tong and Lim [2]_: train on
1700-1920, test on 1921-1955, 12 lags (so 209 training targets), forecasts of one year from measured
values. The figure is the mean squared error / 1535.

The numbers must be those of *version 1* of the sunspot number, which ``load_sunspots`` has (see its DESCR):
1535 is the variance by which the published work divides, of the series as it was then (here the variance is
1496 over 1700-1979 and 1531 over 1700-1980). Version 2, in use since July 2015, is 1.4 to 1.7 times as large:
the same forecasts would have 2 to 2.8 times the squared error, and the quotient would be wrong.

``NARXRegressor(hidden, input_lags=(), output_lags=12, training="open_loop", early_stopping=False)`` with
Levenberg-Marquardt; training is open loop because the figure is. Chosen by cross-validation on the training
years: hidden width 2, 3, 4 or 8; ``bayesian="ard"`` (a decay of its own for each lag), True (one for all) or
False with alpha = 0.1, 0.3, 1; ``skip_connections``; ``scale`` "standard" or "minmax". 10 blocks of
consecutive years, each forecast by a net that saw its years as lags but never as targets (weight 0), which is
valid for autoregressions [3]_; the score of a candidate is the mean over the blocks and over 10 seeds. The best
of them is then fitted to 1700-1920 with 5 seeds, and only it is tested. The choice is one for all seeds and
never sees 1921-1955. Left out, by the same cross-validation (0.1225 for the winner): ``max_iter`` 300 in
place of 100 (nearly all fits end before), no patience (``tol=0``: 0.1217 for the same winner), logistic units
(0.1231 and more), the best of 5, 10 or 25 starts by training loss (0.124, 0.121, 0.124: it overfits).

Target: median <= 0.086, what [1]_ reached with weight elimination (published figures as they are commonly
quoted; not looked up again for this script).

Also printed, for judgement, each with its own label: the error of a committee (the mean of the 5 nets'
forecasts; another estimator, so not the figure); all default arguments; linear autoregression; scikit-learn's
``MLPRegressor``; a Gaussian process with a length for each lag, which is about the best that these 209 rows
give.

This is not the first protocol: earlier versions of this script were written with test figures in view. Seen at
d3350b9: 32 candidates (hidden, scale, decay without "ard") of 0.082 to 0.14, the choice by cross-validation
0.0975 and the best of them on the test ninth in it; ``training="both"`` 0.13 and more; the square root of y
0.115 and more, with ``early_stopping`` 0.12; logistic units 0.095 to 0.13; widths 1, 6, 12 and 16, 0.093 and
more; committees of 8 nets on bootstrap samples 0.098 and more; choice by ``TimeSeriesSplit``, which takes 2
units, 0.12; a decay for each lag, outside the library, about 0.09, which is why the library has one and the
grid holds it. This version's grid, choice and figure were fixed before they were run on the test years; the
line with 50 seeds was added after the figure was seen, to tell the setting from its first 5 seeds.

Why the target is missed. Some of the chosen nets find a minimum with 0.087 on the test, others one with 0.16,
and nothing tried on the training years tells them apart; 0.13 is the luck of seeds 0 to 4, the median of 50
seeds is 0.093. The first eight candidates of the cross-validation lie within 0.004 of each other; the standard
error of such a score is about 0.02, that of a test figure over 35 years 0.025 to 0.05 (1949 alone makes a quarter
of it). So the training years cannot resolve the difference between 0.086 and 0.13, nor do five seeds. The
Gaussian process (0.118 in the same cross-validation, 0.090 here) has one solution where the nets have many.

    python tests/benchmarks/sunspots.py

.. [1] A. S. Weigend, B. A. Huberman, D. E. Rumelhart. "Predicting the future: a connectionist approach."
   International Journal of Neural Systems 1(3), 1990.
.. [2] H. Tong, K. S. Lim. "Threshold autoregression, limit cycles and cyclical data." Journal of the Royal
   Statistical Society B 42(3), 1980.
.. [3] C. Bergmeir, R. J. Hyndman, B. Koo. "A note on the validity of cross-validation for evaluating
   autoregressive time series prediction." Computational Statistics and Data Analysis 120, 2018.
"""

import warnings
from itertools import product

import numpy as np
from common import SEEDS, table, verdict
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor

from tsrnn import LevenbergMarquardt, NARXRegressor
from tsrnn.datasets import load_sunspots


LAGS, VARIANCE = 12, 1535
DECAYS = ("ard", "bayesian", 0.1, 0.3, 1.0)
CHOICE_SEEDS, BLOCKS = range(10), 10


def error(y_pred, y):
    """Mean squared error in units of the published variance."""
    return float(np.mean((y_pred - y) ** 2)) / VARIANCE


def model(hidden, decay, skip, scale, seed):
    """A candidate."""
    bayesian = {"ard": "ard", "bayesian": True}.get(decay, False)
    return NARXRegressor(
        (hidden,),
        input_lags=(),
        output_lags=LAGS,
        skip_connections=skip,
        training="open_loop",
        solver=LevenbergMarquardt(bayesian=bayesian),
        alpha=1e-4 if bayesian else decay,
        scale=scale,
        early_stopping=False,
        random_state=seed,
    )


def one_step(fitted, y):
    """Forecasts of the rows that a model was fitted to, from the first with a full history on."""
    return fitted.predict_ahead(None, y, start="cold")[LAGS:]


def cross_validated(settings, y):
    """Error over held-out blocks of y (N,): mean over the seeds, the lowest and highest, and of a committee."""
    outs = np.empty((len(CHOICE_SEEDS), len(y) - LAGS))
    for seed, out in zip(CHOICE_SEEDS, outs):
        for block in np.array_split(np.arange(len(out)), BLOCKS):
            weight = np.ones(len(y))
            weight[LAGS + block] = 0.0
            out[block] = one_step(model(*settings, seed).fit(None, y, weight), y)[block]
    errors = [error(out, y[LAGS:]) for out in outs]
    return float(np.mean(errors)), min(errors), max(errors), error(outs.mean(axis=0), y[LAGS:])


def tested(models, y, y_test):
    """Training error, test error and spread of the test error, medians; the error of their committee."""
    fitted = [m.fit(None, y) for m in models]
    train = [error(one_step(m, y), y[LAGS:]) for m in fitted]
    out = [m.predict_ahead(None, y_test) for m in fitted]
    test = [error(o, y_test) for o in out]
    spread = f"{min(test):.3f} - {max(test):.3f}"
    return float(np.median(train)), float(np.median(test)), spread, error(np.mean(out, axis=0), y_test)


def peers(y, y_test):
    """Rows of the table: name, training error, test error."""
    series = np.concatenate([y, y_test])
    Z = np.stack([series[LAGS - k : len(series) - k] for k in range(1, LAGS + 1)], axis=1) / 40
    z, n = (series[LAGS:] - 45) / 40, len(y) - LAGS
    kernel = ConstantKernel() * RBF(3.0 * np.ones(LAGS)) + WhiteKernel()
    settings = {"hidden_layer_sizes": (8,), "activation": "tanh", "max_iter": 2000}
    nets = [MLPRegressor(**settings, random_state=seed) for seed in SEEDS]
    for name, group in (
        ("linear AR(12)", [LinearRegression()]),
        ("MLPRegressor(8), median", nets),
        ("Gaussian process, a length for each lag", [GaussianProcessRegressor(kernel, random_state=0)]),
    ):
        outs = [40 * m.fit(Z[:n], z[:n]).predict(Z) + 45 for m in group]
        train = np.median([error(o[:n], y[LAGS:]) for o in outs])
        yield [name, train, np.median([error(o[n:], y_test) for o in outs])]
    yield ["threshold model [2]", 0.097, 0.097]
    yield ["12-8-1 net, weight elimination [1]", 0.082, 0.086]


def main():
    """Print the tables."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    spots = load_sunspots().target
    y, y_test = spots[:"1920"].to_numpy(), spots["1921":"1955"].to_numpy()
    scored = []
    for settings in product((2, 3, 4, 8), DECAYS, (False, True), ("standard", "minmax")):
        scored.append((*cross_validated(settings, y), settings))
    scored.sort(key=lambda row: row[0])
    columns = ["hidden", "decay", "skip", "scale", "mean of 10 seeds", "lowest", "highest", "committee of 10"]
    rows = [[*map(str, settings), *scores] for *scores, settings in scored]
    table("Cross-validation on 1712-1920 only: MSE / 1535, best first", columns, rows)
    chosen = scored[0][-1]
    train, test, spread, committee = tested([model(*chosen, seed) for seed in SEEDS], y, y_test)
    default = NARXRegressor(input_lags=(), output_lags=LAGS)
    defaults = tested([clone(default).set_params(random_state=seed) for seed in SEEDS], y, y_test)
    _, many, many_spread, _ = tested([model(*chosen, seed) for seed in range(50)], y, y_test)
    hidden, decay, skip, scale = chosen
    table(
        f"Sunspots 1921-1955: hidden {hidden}, decay {decay}, skip {skip}, {scale}",
        ["figure", "target", "seen", "met", "training", "seeds"],
        [
            ["one-step MSE / 1535, median of 5 seeds", 0.086, test, verdict(test, 0.086), train, spread],
            ["the same, median of 50 seeds", "", many, "", "", many_spread],
            ["the same, committee (mean forecast of the 5)", "", committee],
            ["all default arguments, median of 5 seeds", "", defaults[1], "", defaults[0], defaults[2]],
            ["the same, committee", "", defaults[3]],
        ],
    )
    table("Peers", ["model", "training", "test"], list(peers(y, y_test)))


if __name__ == "__main__":
    main()
