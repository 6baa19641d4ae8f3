"""What the defaults of ElmanRegressor, LSTMRegressor and GRURegressor are chosen by.

The eight series of ``defaults.py``, cut as there: nothing here sees the rows on which the examples and the other
benchmarks test.  Trained on the first three quarters, judged on the last quarter, by the root mean squared error one
step ahead, 24 steps ahead and of the free run, over the standard deviation of y; medians of the seeds, then the
geometric mean over the series.  ``output_lags=1``, but for NARMA-10, which is read from its inputs alone.

Run: python tests/benchmarks/defaults_recurrent.py [--seeds 2] [--models LSTM Elman GRU].

What it printed on 2026-11-20 ("worst" is the worst free run of any seed and series, "seconds" the sum of the median
fits, on two busy cores; "default" then was Adam and L-BFGS in turn for every net, as it still is where y(t - 1) is fed
back, so that only NARMA-10 among the eight would differ today):

    LSTM                         1 step 24 steps free run    worst  seconds
      default                     0.232    0.523    0.763    1.754    8.572
      Adam(0.005) only            0.251    0.573    0.824    2.044    1.861
      Adam(0.003) only            0.269    0.534    0.717    1.732    2.261
      L-BFGS only                 0.210    0.685    0.987   10.100   15.404
      100 epochs, patience 10     0.241    0.573    0.843    2.198    3.130
      sequences of 32             0.222    0.592    0.920    5.100    7.646
      sequences of 128            0.262    0.518    0.797    2.607   10.825
      skip connections            0.245    0.696    0.903    6.548    9.547
      learned start               0.237    0.535    0.835    2.065    7.443
      hidden 16                   0.248    0.538    0.785    2.003    6.681
      hidden 64                   0.249    0.518    0.761    2.117   13.577
      closed loop                 0.429    0.543    0.663    1.506   10.481
      scheduled sampling          0.257    0.523    0.818    1.956    4.716
    Elman                        1 step 24 steps free run    worst  seconds
      default                     0.241    0.481    0.737    1.996    5.979
      Adam(0.005) only            0.258    0.585    0.770    1.996    1.159
      Adam(0.003) only            0.261    0.660    0.811    2.624    1.431
      L-BFGS only                 0.206    0.555    0.779    4.224    7.581
      100 epochs, patience 10     0.259    0.554    0.686    1.852    1.547
      sequences of 32             0.246    0.516    0.677    1.660    4.907
      sequences of 128            0.243    0.520    0.798    2.407    5.443
      skip connections            0.244    0.511    0.782    2.829    7.067
      learned start               0.227    0.488    0.625    1.585    5.807
      hidden 16                   0.234    0.543    0.714    2.748    6.765
      hidden 64                   0.268    0.565    0.772    2.139    5.452
      closed loop                 0.372    0.536    0.652    1.372    5.925
      scheduled sampling          0.269    0.537    0.736    2.291    3.209
    GRU                          1 step 24 steps free run    worst  seconds
      default                     0.230    0.479    0.790    3.234    7.381
      Adam(0.005) only            0.239    0.540    0.800    1.955    1.793
      Adam(0.003) only            0.238    0.552    0.747    2.135    2.151
      L-BFGS only                 0.211    0.645    0.891    6.677   13.602
      100 epochs, patience 10     0.241    0.580    0.809    3.035    4.142
      sequences of 32             0.234    0.596    0.892    4.817    6.773
      sequences of 128            0.230    0.517    0.739    2.175    7.851
      skip connections            0.228    0.525    0.772    2.138   10.004
      learned start               0.229    0.511    0.786    2.126    8.441
      hidden 16                   0.229    0.619    0.879    2.888    6.623
      hidden 64                   0.231    0.502    0.751    3.554   13.899
      closed loop                 0.337    0.505    0.624    1.469    8.838
      scheduled sampling          0.246    0.504    0.664    2.090    4.925

What follows from it.

- Adam and then L-BFGS from where it ended: a tenth better than Adam alone, one and 24 steps ahead. L-BFGS alone is
  better still one step ahead, on driven noise-free systems by far (recurrent_learning.py, NARMA-10), and steadier for
  direct forecasts (wind 24 h ahead, trained on the first half of 2014 and judged on the second: skill 0.161 to 0.181
  over 9 fits, against 0.096 to 0.182), but its free runs go astray more often. Hence "auto" is L-BFGS alone unless
  y(t - 1) is fed back. More patience (200 instead of 40 iterations) triples the time and changes the means by less
  than 2%.
- Patience 40 and up to 300 epochs: 10 and 100 cost up to a tenth, 24 steps ahead.
- 64 steps, 32 units: no other length or width is better throughout.
- Skip connections, a learned start: no clear gain. Closed-loop training pays in free runs and costs one step ahead.
"""

import argparse
import time
import warnings

import numpy as np
from defaults import series

from tsrnn import Adam, ElmanRegressor, GRURegressor, LSTMRegressor


MODELS = {"LSTM": LSTMRegressor, "Elman": ElmanRegressor, "GRU": GRURegressor}
SETTINGS = {
    "default": {},
    "Adam(0.005) only": {"solver": Adam(0.005)},
    "Adam(0.003) only": {"solver": Adam(0.003)},
    "L-BFGS only": {"solver": "lbfgs", "max_iter": 1500},
    "100 epochs, patience 10": {"max_iter": 100, "n_iter_no_change": 10},
    "sequences of 32": {"sequence_length": 32},
    "sequences of 128": {"sequence_length": 128},
    "skip connections": {"skip_connections": True},
    "learned start": {"initial_state": "learned"},
    "hidden 16": {"hidden_layer_sizes": (16,)},
    "hidden 64": {"hidden_layer_sizes": (64,)},
    "closed loop": {"training": "closed_loop"},
    "scheduled sampling": {"training": "scheduled_sampling"},
}


def errors(model, X, y, driven, settings, seed):
    """Relative error 1 and 24 steps ahead and of the free run, and CPU seconds of the fit."""
    n = 3 * len(y) // 4
    settings = dict(settings) if driven else {"output_lags": 1, **settings}
    if driven:
        settings.pop("training", None)
    start = time.thread_time()
    fitted = model(**settings, random_state=seed).fit(None if X is None else X[:n], y[:n])
    seconds = time.thread_time() - start
    X = np.empty((len(y) - n, 0)) if X is None else X[n:]
    y = y[n:]
    runs = fitted.predict_ahead(X, y), fitted.predict_ahead(X, y, steps=24), fitted.predict(X)
    return [np.sqrt(np.nanmean((run - y)[30:] ** 2)) / np.nanstd(y) for run in runs] + [seconds]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    data = series()
    for name in args.models:
        head = "".join(f"{word:>9s}" for word in ("1 step", "24 steps", "free run", "worst", "seconds"))
        print(f"{name:26s}{head}")
        for words, settings in SETTINGS.items():
            table = np.array(
                [
                    [errors(MODELS[name], X, y, kind == "narma-10", settings, s) for s in range(args.seeds)]
                    for kind, (X, y, _) in data.items()
                ]
            )
            middle = np.median(table, axis=1)  # (series, 4)
            mean = np.exp(np.mean(np.log(middle[:, :3]), axis=0))
            numbers = [*mean, table[:, :, 2].max(), middle[:, 3].sum()]
            print(
                f"  {words:24s}" + "".join(f"{v:9.3f}" if v < 1e4 else f"{v:9.0e}" for v in numbers),
                flush=True,
            )


if __name__ == "__main__":
    main()
