"""What a fit learns, as one value: ``Fitted``; and what it is made from, ``Form`` and ``Goal``."""

from typing import Any, NamedTuple

import numpy as np

from .._nets.dynamics import Trained
from .._series.targets import Target
from .._series.units import Units
from .._values import kept
from .intervals.errors import Errors


@kept("form")
class Form(NamedTuple):
    """How the user gave the rows, and gets answers back.

    y_ndim : 1 or 2.   y_names : of pandas columns, or None.   container : "table", "list" or "cube".   key_names : of
    the series' keys.   classes : ``Classes``, where y holds labels.   whole : whether y has one value per series.
    vocabulary : of the columns of X that hold categories, or None.
    """

    y_ndim: int
    y_names: Any
    container: str
    key_names: list
    classes: Any = None
    whole: bool = False
    vocabulary: Any = None


class Goal(NamedTuple):
    """What is to be learnt of y: levels U (N, O) and changes W (N, O); how they came from y, and the scale of X and y.

    link : the scaler of labels, or None for one that is learnt by the scale.   delay, own : see ``Units``.
    used : which columns of X are, (F,) bool.
    """

    U: np.ndarray
    W: np.ndarray
    target: Target
    bounds: Any
    scale: str | None
    link: Any = None
    delay: int = 0
    own: dict | None = None
    used: np.ndarray | None = None


@kept("fitted")
class Fitted(NamedTuple):
    """All that a fit learns.

    units : how numbers become the model's.   trained : the model, and what its learning goes on with.   series : a
    ``Place`` for each key.   form : of the user's rows.   errors : where intervals come from, or None.   rng : what
    later learning draws on.   made_for : parameters that weights were made for, as text.   lags : ``Lags`` or None.
    """

    units: Units
    trained: Trained
    series: dict
    form: Form
    errors: Errors | None
    rng: np.random.RandomState
    made_for: dict
    lags: Any = None
