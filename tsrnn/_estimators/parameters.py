"""The parameters that estimators share, each with what it means; ``_declared.py`` makes constructors of them.

A family of nets adds its own beside its models: ``RecurrentParameters``, ``DelayParameters``, ``ReservoirParameters``.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY

from .._declared import Declared


Sizes = int | Sequence[int]  # of layers
Lags = int | Sequence[int] | str  # "auto"
Numbers = float | Sequence[float]


class SeriesParameters(Declared):
    """What every estimator of series has.

    Parameters
    ----------
    scale : {"auto", "standard", "minmax", "robust", "series", None}, default="auto"
        How X and y are scaled inside, learnt from the training rows. "series": y of each series by its own mean and
        standard deviation, after ``target_transform`` (that of changes, where those are learnt), so that one regressor
        serves series whose sizes differ by powers of ten; X as in "standard". A new series has the scale of the history
        in ``start``, or of its first 50 rows with a measured y; one of which nothing is known the median of all.
        "auto": "series" for a regressor that sees past y of several series, a tenth of which varies ten times as much
        as another tenth or, without X, whose levels lie apart by more than three times what a series varies;
        "standard" otherwise, for labels, and where ``target_bounds`` or a loss of counts is given.
    start : {"auto", "end", "cold", "zeros", "estimate"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts. "end": after the last row seen. "cold": from the mean of training, rows and states.
        "zeros": from zeros. A tuple: after following that history. "auto" asks the index of X: rows that go on from
        those seen start from the end, also over a short gap, with a warning; the training rows themselves from their
        own start; others cold. Without an index, from the end. "estimate": from the lags and states that best explain
        the first 100 measured y, of rows that have a y, as in ``score(X, y)`` and ``predict_ahead(X, y)``: for a second
        experiment, above all on a slow system. ``("estimate", 30)``: the first 30. ``("estimate", y_first)``: those,
        for ``predict(X)``, a free run. ``(X_hist, y_hist, "estimate")``: a history that begins so.
    random_state : int, RandomState or None, default=None
        For sample paths of ``forecast``; the fit draws nothing.
    missing : {"error", "hold", "mean", "mask"}, default="error"
        What replaces NaN in X: an error; the last value known; the mean of training; the last value, with an input
        beside each that tells whether it was missing.
    series : str, optional
        The column of X that tells several series apart.

    Attributes
    ----------
    x_scaler_, y_scaler_ : tuple (center, scale) of ndarrays
        z = (v - center) / scale takes the user's units to the model's. The scale of an input that was constant in
        training is inf: it is ignored.
    series_ : dict
        Where each series stands, by its key (None where there is one): what goes on from its last row seen, its stamps.
        ``state_`` and ``timeline_`` are those of the one series.
    timeline_ : tuple or None
        First and last stamp of the rows seen and how they are spaced, where their index tells.
    n_features_in_, n_outputs_ : int
        Columns of X and y.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of X's columns, where it had them.
    """

    _last_parameters = (
        "scale", "start", "warm_start", "n_jobs", "random_state", "verbose", "target_transform", "target_bounds",
        "missing", "series",
    )  # fmt: skip

    _: KW_ONLY
    scale: str | None = "auto"
    start: str | tuple = "auto"
    random_state: object = None
    missing: str = "error"
    series: str | None = None


class RegressorParameters(Declared):
    """What an estimator has whose outputs are numbers.

    Parameters
    ----------
    target_transform : "auto", None, word, object or list of those, default="auto"
        What the model learns of y, and turns back in every forecast: "log", "log1p", "sqrt", "difference", or objects
        of :mod:`tsrnn.preprocessing` such as ``[Log(offset=1), Difference(24)]``, pointwise ones first. A forecast
        through "log" is that of the median. "auto": a logarithm or root where y varies as its level does (by Guerrero's
        method), differences of one row or of a season, as far as forecasts of a linear model gain by them; in doubt, as
        a short series leaves it, those of one row, unless y clearly comes back to its level. A season of the calendar
        that was seen only once is repeated, by differences over it, where that errs less. Where y drifts, and the
        answers of this model cannot leave the range of training, as those of recurrent nets, always differences. None
        where the model sees X, or does not see y. Over 37 series, most of them short, the errors of free runs fell by
        4 % (ARX), 11 (GRU), 18 (NARX) and 22 (ESN), the largest from 6.2 to 2.0 times those of naive forecasts.
    target_bounds : "auto", None or tuple (low, high), default="auto"
        What no forecast leaves, and nothing that is fed back: each None, a number, one number an output, or the name of
        a column of X (``"x0"`` ... for arrays), for bounds that change with time: capacity, or a clear sky that is 0 at
        night. Training does not know them. "auto": none below 0 where y is an amount, such as power, rain or sales, as
        is told by no value below 0 and one of twenty at 0; none where each series has its own scale. With
        "auto" single values of y far beyond all others are not believed: by ``fit``, which says so, nor later, unless
        three in a row, or more than 2 %, are.

    Attributes
    ----------
    target_transform_ : None or list
        The transforms, those that were found where it is "auto".
    target_bounds_ : None or tuple (low, high)
        The bounds of each output, those that were found where it is "auto".
    """

    _: KW_ONLY
    target_transform: object = "auto"
    target_bounds: tuple | str | None = "auto"


class ClassifierParameters(Declared):
    """What an estimator has whose outputs are labels.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        What a row of each class counts, {label: weight}. "balanced": so much that all classes count the same.
    delay : int, default=0
        Rows that the net may look ahead: the label of a row is given so many rows later, when the net has seen them.
        ``predict`` gives each row its own label; for the last rows of X, after which there is nothing to see, the last
        inputs are repeated. For a model that does not see labels.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; of several labels per row the numbers of their columns.
    """

    _: KW_ONLY
    class_weight: object = None
    delay: int = 0


class SymbolParameters(Declared):
    """What a net has that embeds symbols.

    Parameters
    ----------
    categorical_features : sequence of int or str, or of bool, default=()
        Columns of X that hold categories though their values are numbers, by place, name or mask. Strings and pandas'
        ``category`` (polars' and Arrow's too) are categories anyway. Each gets a learnt vector, a row of a table, the
        same at all lags [1]_. A category that training did not have is an error or, unless ``missing="error"``, the row
        of what is unknown: the mean of the others, or learnt where training had missing ones.
    embedding_size : int or None, default=None
        Numbers in the vector of a category, and of a label of three classes or more as history (``output_lags``). None:
        1.6 C^0.56 for C categories.

    References
    ----------
    .. [1] Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin. "A neural probabilistic language model." Journal of Machine
       Learning Research 3, 2003.
    """

    _: KW_ONLY
    categorical_features: Sequence[int | str | bool] = ()
    embedding_size: int | None = None


class TrainedParameters(Declared):
    """What a net has that a solver trains.

    Parameters
    ----------
    loss : {"squared", "absolute", "huber", "pinball", "poisson" ...} or object, default="squared"
        For counts and amounts "poisson", "negative_binomial" or "tweedie", see :class:`~tsrnn.Poisson`.
        A word, or an object with its own settings such as ``Pinball(0.9)``, or ``Pinball([0.1, 0.9])`` for two
        outputs; in scaled units.
    solver : {"auto", "adam", "sgd", "rmsprop", "lbfgs"} or object, default="auto"
        How the loss is minimised: a word, or an object with its own settings such as ``Adam(1e-2)``.
    alpha : float, default=1e-4
        Weight decay: alpha times the squared weights is added to the sum of squared errors (in scaled units), or half
        of that to another loss.
    max_iter : int or None, default=None
        Most epochs, or iterations of a solver that takes all rows at once. Training that meets the limit before it
        has converged gives a ``ConvergenceWarning``. None: 300.
    tol : float, default=1e-4
        Training, or a stage of it, ends when ``n_iter_no_change`` iterations (epochs, for a stochastic solver) in a row
        did not lower the loss by this share.
    early_stopping : bool, default=True
        Hold back the last rows, watch the loss on them, stop when it rises and keep the best weights.
    validation_fraction : float, default=0.15
        Share of the rows, the last ones, that are held back.
    n_iter_no_change : int, default=40
        See ``tol``.
    n_restarts : int, default=1
        Train from as many random starts.
    ensemble : {"best", "mean"}, default="best"
        What becomes of them: the one with the least validation loss (training loss, where no rows are held back); or
        one net as wide as all of them, whose output is the mean of theirs (that of scores, of a classifier), and whose
        curves are those of the first. It forecasts, learns more and is saved as one net. With ``early_stopping``
        all but the first have a third of the patience: a mean of five delay nets costs about three fits, not five.
    warm_start : bool, default=False
        ``fit`` continues from the current weights, with the same columns of X and y; a net of other settings starts
        anew.
    verbose : int, default=0
        1 shows a progress bar (with tqdm installed, else a line every few seconds) and leaves a line behind: what was
        done and why it stopped; 2 a line an iteration or epoch.

    Attributes
    ----------
    n_iter_ : int
        Iterations run, or epochs.
    loss_curve_, validation_curve_ : list of float
        Loss after each of them, in scaled units (half the mean squared error, for "squared"), plus the decay.
    stages_ : tuple of (name, iterations, reason)
        Stages of training, each with a loss of its own, and why each stopped.
    """

    _: KW_ONLY
    loss: object = "squared"
    solver: object = "auto"
    alpha: float = 1e-4
    max_iter: int | None = None
    tol: float = 1e-4
    early_stopping: bool = True
    validation_fraction: float = 0.15
    n_iter_no_change: int = 40
    n_restarts: int = 1
    ensemble: str = "best"
    warm_start: bool = False
    verbose: int = 0
