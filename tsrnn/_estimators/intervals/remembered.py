"""What is remembered of an estimator between two forecasts: it lies outside it, which forecasts must not change."""

from weakref import WeakKeyDictionary


_errors_found = WeakKeyDictionary()  # estimator -> what it has learnt, and errors by kind


def memo(estimator, fitted):
    """Make a callable(find, kind) -> find() that caches over the many series of a forecast or a backtest."""

    def remembered(find, kind):
        trained, segments, cache = _errors_found.get(estimator, (None, None, {}))
        if trained is not fitted.trained or segments is not fitted.errors.segments:
            cache = {}
        if kind not in cache:
            cache = {**cache, kind: find()}
            _errors_found[estimator] = fitted.trained, fitted.errors.segments, cache
        return cache[kind]

    return remembered
