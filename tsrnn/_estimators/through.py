"""Verbs of a model inside pipelines and searches, which hide them."""

import pandas as pd
from sklearn.pipeline import Pipeline

from .._series import timeline as timelines
from .._series.rows import future_index


def see_through(model, X):
    """The estimator inside pipelines and fitted searches, and X as it gets it."""
    while True:
        if isinstance(model, Pipeline):
            if X is not None and len(model) > 1:
                X = model[:-1].transform(X)
            model = model[-1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model, X


def forecast(model, steps, X_future=None, **options):
    """``model.forecast(steps, X_future)``, also of a pipeline or a fitted search.

    Parameters
    ----------
    model : estimator of tsrnn, Pipeline that ends in one, or fitted search over either
    steps : int
        Number of rows after the last one seen.
    X_future : array-like of shape (>= steps, n_features), optional
        Their inputs, before the pipeline's transformers. A pipeline that makes all its inputs from the index, as
        with :class:`~tsrnn.preprocessing.CalendarFeatures`, needs none.
    **options
        Of ``NARXRegressor.forecast``: ``level``, ``method``, ``n_paths``, ``return_paths``, ``groups``.

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
    inner, _ = see_through(model, None)
    if X_future is None and model is not inner and inner.n_features_in_:
        X_future = _future_frame(model, inner, steps)
    _, X_future = see_through(model, X_future)
    return inner.forecast(steps, X_future, **options)


def _future_frame(model, inner, steps):
    """The next rows as a frame without columns, for a pipeline that was fitted on such; else None."""
    if getattr(getattr(model, "best_estimator_", model), "n_features_in_", None) != 0:
        return None
    places = {key: place.timeline for key, place in inner.series_.items()}
    if not timelines.ahead(list(places.values()), 1)[1].all():
        return None
    index = (
        timelines.future(places[None], steps)
        if None in places
        else future_index(places, steps, inner._key_names)
    )
    return pd.DataFrame(index=index)


def predict_ahead(model, X, y, *, steps=1, **options):
    """``model.predict_ahead(X, y, steps=steps)``, also of a pipeline or a fitted search.

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
    model, X = see_through(model, X)
    return model.predict_ahead(X, y, steps=steps, **options)


def update(model, X, y=None, **options):
    """``model.update(X, y)``, also of a pipeline or a fitted search.

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
    inner, X = see_through(model, X)
    inner.update(X, y, **options)
    return model


def calibrate(model, X, y, **options):
    """``model.calibrate(X, y)``, also of a pipeline or a fitted search.

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
    inner, X = see_through(model, X)
    inner.calibrate(X, y, **options)
    return model
