"""Verbs of a model inside pipelines and fitted searches, which hide them."""

from copy import copy

import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._series.rows import next_rows
from .sequence import Sequence
from .snapshots import snapshot


VERBS = (
    "predict",
    "predict_ahead",
    "forecast",
    "sample_paths",
    "trajectories",
    "update",
    "partial_fit",
    "calibrate",
)


def inside(model):
    """Find the estimator inside pipelines and fitted searches; returns it and the transform of X that precedes it.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either

    Returns
    -------
    estimator : the estimator itself, whose methods may be called
    transform : callable(X) -> X as the estimator gets it; None stays None

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> model, transform = tsrnn.inside(pipeline)
    >>> model.trajectories(transform(X[500:]), y[500:], steps=12).forecast.shape
    (89, 12)
    """
    steps = []
    while True:
        if isinstance(model, Pipeline):
            if len(model) > 1:
                steps.append(model[:-1])
            model = model[-1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            break
    _refuse_others(model)

    def transform(X):
        for step in steps if X is not None else ():
            X = step.transform(X)
        return X

    return model, transform


def still(model):
    """Copy a model as it is now, also in pipelines and fitted searches, so that several verbs see one state of it."""
    if isinstance(model, Pipeline):
        still_model = copy(model)
        still_model.steps = [*model.steps[:-1], (model.steps[-1][0], still(model.steps[-1][1]))]
        return still_model
    if hasattr(model, "best_estimator_"):
        still_model = copy(model)
        still_model.best_estimator_ = still(model.best_estimator_)
        return still_model
    return snapshot(model) if isinstance(model, Sequence) else model


def see_through(model, X, verb=None):
    """Return the estimator inside pipelines and fitted searches, which has a verb, and X transformed for it."""
    estimator, transform = inside(model)
    check_has(estimator, verb)
    return estimator, transform(X)


def check_has(estimator, verb):
    """Raise where an estimator of tsrnn has no such verb, with those that it has."""
    if verb is None or hasattr(estimator, verb):
        return
    name, verbs = type(estimator).__name__, [v for v in VERBS if hasattr(estimator, v)]
    raise TypeError(f"model={name} has no {verb}: give a model that has it, or call {' or '.join(verbs)}.")


def forecast(model, steps, X_future=None, **options):
    """Call ``model.forecast(steps, X_future)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    steps : int
        Number of rows after the last one seen.
    X_future : array-like of shape (>= steps, n_features), optional
        Their inputs, before the pipeline's transformers. A pipeline that makes all its inputs from the index, as
        with :class:`~tsrnn.preprocessing.CalendarFeatures`, needs none.
    **options
        Of ``NARXRegressor.forecast``: ``level``, ``method``, ``n_paths``, ``groups``.

    Returns
    -------
    y_pred : as from ``NARXRegressor.forecast``

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.forecast(pipeline, 24, X[500:524]).shape
    (24,)
    """
    inner, X_future = _future(model, steps, X_future, "forecast")
    return inner.forecast(steps, X_future, **options)


def sample_paths(model, steps, X_future=None, **options):
    """Call ``model.sample_paths(steps, X_future)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model, steps, X_future : as for :func:`forecast`
    **options
        Of ``NARXRegressor.sample_paths``: ``n_paths``, ``groups``.

    Returns
    -------
    paths : ndarray of shape (n_paths, steps) or (n_paths, steps, n_outputs)

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.sample_paths(pipeline, 24, X[500:524], n_paths=50).shape
    (50, 24)
    """
    inner, X_future = _future(model, steps, X_future, "sample_paths")
    return inner.sample_paths(steps, X_future, **options)


def _future(model, steps, X_future, verb):
    """Return the estimator inside, which has a verb, and the future inputs transformed for it."""
    inner, transform = inside(model)
    check_has(inner, verb)
    check_is_fitted(inner)
    if X_future is None and model is not inner and inner.n_features_in_:
        X_future = _future_frame(model, inner, steps)
    return inner, transform(X_future)


def _future_frame(model, inner, steps):
    """Make the next rows a frame without columns, for a pipeline that was fitted on such; else None."""
    if getattr(getattr(model, "best_estimator_", model), "n_features_in_", None) != 0:
        return None
    places = {key: place.timeline for key, place in inner.series_.items()}
    index = next_rows(places, steps, inner.fitted_.form.key_names)
    return None if index is None else pd.DataFrame(index=index)


def predict_ahead(model, X, y, *, steps=1, **options):
    """Call ``model.predict_ahead(X, y, steps=steps)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, steps, options : as for ``NARXRegressor.predict_ahead``

    Returns
    -------
    y_pred : ndarray of shape (n_timesteps,) or (n_timesteps, n_outputs)

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.predict_ahead(pipeline, X[500:], y[500:], steps=3).shape
    (100,)
    """
    model, X = see_through(model, X, "predict_ahead")
    return model.predict_ahead(X, y, steps=steps, **options)


def update(model, X, y=None, **options):
    """Call ``model.update(X, y)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, options : as for ``NARXRegressor.update``

    Returns
    -------
    model : the same object, its memory advanced

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.forecast(tsrnn.update(pipeline, X[500:550], y[500:550]), 24, X[550:574]).shape
    (24,)
    """
    inner, X = see_through(model, X, "update")
    inner.update(X, y, **options)
    return model


def partial_fit(model, X, y, **options):
    """Call ``model.partial_fit(X, y)``, also of a fitted pipeline or search; their transformers stay as they are.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, options : as for ``NARXRegressor.partial_fit``

    Returns
    -------
    model : the same object, which has learnt from the new rows

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.forecast(tsrnn.partial_fit(pipeline, X[500:550], y[500:550]), 24, X[550:574]).shape
    (24,)
    """
    inner, X = see_through(model, X, "partial_fit")
    inner.partial_fit(X, y, **options)
    return model


def trajectories(model, X, y, steps, **options):
    """Call ``model.trajectories(X, y, steps)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, steps, options : as for ``NARXRegressor.trajectories``

    Returns
    -------
    trajectories : named tuple (forecast, intervals)

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(600, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:500], y[:500])
    >>> tsrnn.trajectories(pipeline, X[500:], y[500:], 12).forecast.shape
    (89, 12)
    """
    model, X = see_through(model, X, "trajectories")
    return model.trajectories(X, y, steps, **options)


def calibrate(model, X, y, **options):
    """Call ``model.calibrate(X, y)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    X, y, options : as for ``NARXRegressor.calibrate``

    Returns
    -------
    model : the same object, whose intervals now come from these rows

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import tsrnn
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(700, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), tsrnn.NARXRegressor(random_state=0)).fit(X[:400], y[:400])
    >>> tsrnn.forecast(tsrnn.calibrate(pipeline, X[500:], y[500:]), 3, X[400:403], level=80).shape
    (3, 3)
    """
    inner, X = see_through(model, X, "calibrate")
    inner.calibrate(X, y, **options)
    return model


def _refuse_others(model):
    """Raise where there is no estimator of tsrnn inside, with what to do instead."""
    if isinstance(model, type) or not (hasattr(model, "fit") or hasattr(model, "fitted_")):
        kind = model if isinstance(model, type) else type(model)
        what = "the class" if kind is model else "of type"
        raise TypeError(
            f"model is {what} {kind.__name__}, but the first argument is a fitted estimator of tsrnn."
        )
    if not (isinstance(model, Sequence) or hasattr(model, "fitted_")):
        raise no_forecasts(model)


def no_forecasts(model):
    """Return the error for a model that makes no forecasts, with what to do instead."""
    name = type(model).__name__
    cures = {
        "TransformedTargetRegressor": "it hides the estimator's memory: give target_transform to the estimator instead",
        "MultiOutputRegressor": "an estimator of tsrnn, or a Pipeline of one, forecasts several outputs: fit that",
        "VotingRegressor": "fit its estimators or Pipelines alone, and take the mean of their forecasts",
        "StackingRegressor": "fit its estimators or Pipelines alone, and a model to their forecasts",
    }
    cure = cures.get(
        name, "give an estimator of tsrnn, a Pipeline that ends in one, or a fitted search over either"
    )
    if hasattr(model, "estimator") and hasattr(model, "refit"):
        cure = "fit the search first, with refit=True, so that it has a best_estimator_"
    elif is_classifier(model) and hasattr(model, "fitted_"):
        cure = "it gives labels, which score and log_loss judge; of numbers, take a regressor"
    return TypeError(f"model={name} makes no forecasts of several steps: {cure}.")
