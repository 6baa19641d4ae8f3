"""Recurrent neural networks for time series, as scikit-learn estimators."""

__version__ = "0.1.0"
