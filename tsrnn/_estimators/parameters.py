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
        standard deviation, after ``target_transform`` (of the changes, where those are learnt), so that one regressor
        can serve series whose sizes differ by powers of ten; X as in "standard". A new series is scaled by the history
        in ``start``, or by its first 50 rows with a measured y; if nothing is known of it, by the median of all scales.
        "auto": "series" for a regressor that sees past y of several series, if a tenth of them varies ten times as much
        as another tenth or, without X, if their levels differ by more than three times what one series varies;
        "standard" otherwise, for labels, and where ``target_bounds`` or a loss for counts is given.
    start : {"auto", "end", "cold", "zeros", "estimate"} or tuple (X_hist, y_hist), default="auto"
        Where ``predict`` starts. "end": after the last row seen. "cold": from the mean rows and states of training.
        "zeros": from zeros. A tuple: after running through that history. "auto" decides by the index of X: rows that
        follow those seen continue from the end, over a short gap too, with a warning; the training rows start where
        training started; other rows start cold. Without an index, rows continue from the end. "estimate": from the lags
        and states that best explain the first 100 measured y, where y is given, as in ``score(X, y)`` and
        ``predict_ahead(X, y)``: for a second experiment, above all on a slow system. ``("estimate", 30)``: the first
        30. ``("estimate", y_first)``: these values, for ``predict(X)``, a free run. ``(X_hist, y_hist, "estimate")``: a
        history that begins in this way.
    random_state : int, RandomState or None, default=None
        For sample paths of ``forecast``; the fit draws nothing.
    missing : {"error", "hold", "mean", "mask"}, default="error"
        What happens to NaN in X: an error; the last known value takes its place; the mean of training does; the last
        known value does, and an extra input for each column flags it.
    series : str, optional
        The column of X that identifies the series of each row.

    Attributes
    ----------
    x_scaler_, y_scaler_ : tuple (center, scale) of ndarrays
        z = (v - center) / scale takes the user's units to the model's. An input that was constant in training has the
        scale inf, so it is ignored.
    series_ : dict
        Where each series stands, by its key (None for a single series): what continues from its last row seen, and its
        stamps. ``state_`` and ``timeline_`` are those of a single series.
    timeline_ : tuple or None
        First and last stamp of the rows seen and their spacing, where the index tells.
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
        A transform of y that the model learns instead, undone in every forecast: "log", "log1p", "sqrt", "difference",
        or objects of :mod:`tsrnn.preprocessing` such as ``[Log(offset=1), Difference(24)]``, pointwise ones first. With
        "log", forecasts are medians. "auto": a logarithm or root where y varies as its level does (by Guerrero's
        method), and differences of one row or of a season where they improve forecasts of a linear model; in doubt, as
        with a short series, differences of one row, unless y clearly returns to its level. A calendar season that was
        seen only once is repeated, by differences over it, where that errs less. Where y drifts and the outputs of the
        model cannot leave the range of training, as with an ESN, differences are always taken. None where the model
        does not see y, or sees X, of a direct ``Forecaster`` inputs known ahead. An ARX that finds its lags of y
        chooses none: it is a mean over levels and all differences, as is the linear model beside a net
        (``skip_connections="auto"``), which then learns levels. Over 203 series the errors of ARX fell by 5 % against
        the choice of one, over 102 those of NARX by 4 and of GRU by 6.
    target_bounds : "auto", None or tuple (low, high), default="auto"
        Bounds that no forecast leaves, nor anything that is fed back: each None, a number, one number per output, or
        the name of a column of X (``"x0"`` ... for arrays), for bounds that change with time, such as capacity, or
        clear-sky power, which is 0 at night. Training ignores them. "auto": at least 0 where y is an amount, such as
        power, rain or sales, that is, never below 0 and exactly 0 in one row of twenty or more; none where each series
        has its own scale. With "auto", single values of y far beyond all others are also disregarded: by ``fit``, which
        says so, and in later rows, unless they are three in a row or more than 2 %.

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
        The weight of each class, {label: weight}. "balanced": such that all classes count the same in total.
    delay : int, default=0
        Rows that the net may look ahead: the label of a row is given that many rows later, when the net has seen them.
        ``predict`` still gives each row its own label; after the last rows of X the last inputs are repeated. Only for
        a model that does not see labels.

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
        Columns of X that hold categories although their values are numbers, by position, name or mask. Strings and
        pandas' ``category`` (polars' and Arrow's too) are categories anyway. Each category gets a learnt vector, a row
        of a table, which is the same at all lags [1]_. A category that training did not have is an error or, unless
        ``missing="error"``, gets the vector for unknown values: the mean of the others, or a learnt one where training
        had missing values.
    embedding_size : int or None, default=None
        Length of the vector of a category, and of past labels (``output_lags``) of three classes or more. None:
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
        Most epochs, or iterations of a solver that takes all rows at once. If training reaches the limit before it
        has converged, there is a ``ConvergenceWarning``. None: 300.
    tol : float, default=1e-4
        Training, or a stage of it, ends when ``n_iter_no_change`` iterations (epochs, for a stochastic solver) in a row
        have not lowered the loss by this share.
    early_stopping : bool, default=True
        Hold back the last rows, watch the loss on them, stop when it rises and keep the best weights.
    validation_fraction : float, default=0.15
        Share of the rows, the last ones, that is held back.
    n_iter_no_change : int, default=40
        See ``tol``.
    n_restarts : int, default=1
        Train from this many random starts.
    ensemble : {"best", "mean"}, default="best"
        What is kept of them: the net with the least validation loss (training loss, where no rows are held back), or
        one net as wide as all of them, whose output is the mean of theirs (of their scores, for a classifier) and whose
        curves are those of the first. It forecasts, learns more and is saved as one net. Nets whose squared error on
        the validation rows is over four times the least got stuck, and are left out. With ``early_stopping`` all
        delay nets but the first have a quarter of the patience: a mean of five costs two or three fits, not five.
    warm_start : bool, default=False
        ``fit`` continues from the current weights, with the same columns of X and y; a net with other settings starts
        anew.
    verbose : int, default=0
        1 shows a progress bar (if tqdm is installed, else a line every few seconds) and then one line that says what
        was done and why it stopped; 2 prints a line per iteration or epoch.

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
