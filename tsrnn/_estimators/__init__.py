"""The scikit-learn face: what every estimator does around a model."""
