"""The estimators as forecasters of sktime: its tuning, evaluation, panels and hierarchies (extra ``sktime``)."""

from copy import deepcopy
from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ._estimators.regressor import SequenceRegressor
from ._estimators.through import predict_ahead, see_through
from ._series import timeline as timelines
from .preprocessing import future_frame


try:
    from sktime.forecasting.base import BaseForecaster
except ImportError as error:
    raise ImportError("tsrnn.sktime needs sktime: pip install 'tsrnn[sktime]'.") from error


__all__ = ["TSRNNForecaster"]


class TSRNNForecaster(BaseForecaster):
    """An estimator of tsrnn as a forecaster of sktime.

    ``predict`` forecasts the rows after the cutoff as one free run, over gaps in ``fh`` too; rows up to the cutoff
    get one-step forecasts from the measured y before them. ``update(update_params=False)`` remembers new rows,
    ``update(update_params=True)``, sktime's default, also learns from them (``partial_fit``, not a refit); of rows
    that come twice only the new ones count. NaN in y is no target; NaN in X needs ``missing`` of the estimator.
    Intervals and quantiles are those of ``forecast(level=...)``; the quantile 0.5 is the forecast itself.

    A multivariate y gets one model, a panel or hierarchy one a series. ``pretrain`` learns one model from all series
    of a panel; ``fit`` then only follows its series with it, from the mean state. A second ``pretrain`` starts anew.

    Parameters
    ----------
    estimator : estimator of tsrnn, Pipeline that ends in one, or search over either
        Cloned, never changed. Without X it must see past y (``output_lags >= 1``).
    method : {"conformal", "split", "bootstrap", "split-bootstrap"}, default="conformal"
        Where intervals come from; see ``forecast`` of the estimator.
    cv : int or cross-validation splitter, optional
        Learn how wide intervals are from copies fitted without a part of the rows (``calibrate`` of the estimator):
        for short series. By default from the last rows of training.

    Attributes
    ----------
    estimator_ : the fitted clone.
    pretrained_ : the clone fitted to a panel, after ``pretrain``.

    Raises
    ------
    ValueError
        What ``estimator`` raises; or ``fh`` asks for rows before the first one seen.

    Examples
    --------
    >>> from sktime.datasets import load_airline
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.sktime import TSRNNForecaster
    >>> y = load_airline()
    >>> net = NARXRegressor((), output_lags=13, training="open_loop", target_transform=None)
    >>> TSRNNForecaster(net).fit(y).predict(fh=[1, 12]).round()
    1961-01    445.0
    1961-12    460.0
    Freq: M, Name: Number of airline passengers, dtype: float64
    """

    _tags: ClassVar = {
        "authors": ["tsrnn"],
        "python_dependencies": "sktime>=1.2",  # before, without remember_data no cutoff was kept
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:insample": True,
        "capability:pretrain": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:non_contiguous_X": False,
        "capability:categorical_in_X": False,
        "capability:update": True,
        "requires-fh-in-fit": False,
        "y_inner_mtype": "pd.DataFrame",
        "X_inner_mtype": "pd.DataFrame",
    }
    _config: ClassVar = {"remember_data": False}  # the rows seen are in _seen_y and _seen_X
    _y = _X = None  # where sktime stores them

    def __init__(self, estimator, method="conformal", cv=None):
        self.estimator = estimator
        self.method = method
        self.cv = cv
        super().__init__()

    def pretrain(self, y, X=None, fh=None):
        """Learn one model from all series of a panel, which ``fit`` then only lets follow its own.

        Parameters
        ----------
        y : panel or hierarchy of series, in a format of sktime
        X : the same of inputs, optional
        fh : ignored

        Returns
        -------
        self : the forecaster

        Raises
        ------
        TypeError, ValueError
            y is a single series; or as in ``fit`` of the estimator.
        """
        # sktime lets y alone be a panel here
        self.set_tags(X_inner_mtype=["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"])
        try:
            return super().pretrain(y, X, fh)
        finally:
            self.set_tags(X_inner_mtype="pd.DataFrame")

    def _pretrain(self, y, X=None, fh=None):
        self.pretrained_ = self._learnt(*_rows(X, y))
        return self

    def _fit(self, y, X, fh):
        self._seen_X, self._seen_y = X, y = _rows(X, y)
        if hasattr(self, "pretrained_"):
            self.estimator_ = deepcopy(self.pretrained_)
            _go_on_with(self.estimator_, X, y)
        else:
            self.estimator_ = self._learnt(X, y)
        return self

    def _learnt(self, X, y):
        """Return the fitted clone, calibrated for intervals."""
        _check_counts_by_one(y.index)
        inner = self.estimator
        while not isinstance(inner, SequenceRegressor):
            inner = inner[-1] if isinstance(inner, Pipeline) else getattr(inner, "estimator", None)
            if inner is None:
                raise TypeError(
                    f"estimator={self.estimator!r} is no regressor of tsrnn: give one, such as NARXRegressor or, for "
                    "one of scikit-learn's, LagRegressor(estimator)."
                )
        fitted = clone(self.estimator).fit(X, _target(y))
        if self.cv is not None:
            model, X = see_through(fitted, X)
            model.calibrate(X, _target(y), cv=self.cv)
        return fitted

    def _update(self, y, X=None, update_params=True):
        X, y = _rows(X, y[y.index > self._seen_y.index[-1]])
        if y.empty:
            return self
        model, inputs = see_through(self.estimator_, X)
        learns = update_params and y.notna().any().all()
        (model.partial_fit if learns else model.update)(inputs, _target(y))
        self._seen_y = pd.concat([self._seen_y, y])
        self._seen_X = pd.concat([self._seen_X, X])
        return self

    def _predict(self, fh, X):
        index, steps = self._when(fh)
        out = np.empty((len(steps), self._seen_y.shape[1]))
        past = steps <= 0
        if past.any():
            out[past] = self._fitted(index[past])
        if not past.all():
            out[~past] = self._ahead(steps[-1], X)[steps[~past] - 1, :, 0]
        return pd.DataFrame(out, index=index, columns=self._seen_y.columns)

    def _predict_quantiles(self, fh, X, alpha):
        index, steps = self._when(fh)
        level = [round(100 * abs(1 - 2 * a), 9) for a in alpha]  # of the interval that ends there
        levels = sorted({*level} - {0})
        ends = [1 + 2 * levels.index(p) + (a > 0.5) if p else 0 for a, p in zip(alpha, level)]
        out = self._ahead(steps[-1], X, levels or None)[steps - 1][:, :, ends]
        columns = pd.MultiIndex.from_product([self._get_varnames(), alpha])
        return pd.DataFrame(out.reshape(len(out), -1), index=index, columns=columns)

    def _when(self, fh):
        """Return the stamps of a horizon, and how many steps each is from the cutoff."""
        cutoff, model = self.cutoff, see_through(self.estimator_, None)[0]
        if isinstance(cutoff, pd.DatetimeIndex) and model.timeline_.clock.freq is None:  # else of a few rows
            later = timelines.future(model.timeline_, 12)
            freq = cutoff.freq if later is None else pd.infer_freq(later)
            if freq is None:
                raise ValueError(
                    f"The rows up to {cutoff[0]} have no frequency that sktime could count fh by: give y regular "
                    "stamps, for example y.asfreq(...) or y.resample(...).mean()."
                )
            cutoff, fh = pd.DatetimeIndex([cutoff[0]], freq=freq), type(fh)(fh.to_pandas(), fh.is_relative)
        return fh.to_absolute_index(cutoff), np.asarray(fh.to_relative(cutoff).to_pandas())

    def _fitted(self, index):
        """Forecast rows already seen one step ahead, (len(index), O)."""
        rows = self._seen_y.index.get_indexer(index)
        if (rows < 0).any():
            raise ValueError(
                f"fh asks for {index[np.argmin(rows)]}, but no such row was seen: the first is {self._seen_y.index[0]}."
            )
        out = predict_ahead(self.estimator_, self._seen_X, _target(self._seen_y))
        return out.reshape(len(out), -1)[rows]

    def _ahead(self, steps, X, level=None):
        """Forecast the rows after the cutoff, with ends of intervals: (steps, O, 1 + 2 * number of levels)."""
        cutoff, index, steps = self.cutoff[0], self._seen_y.index, int(steps)
        if X is not None and not (X.index > cutoff).any():
            raise ValueError(
                f"X ends at {X.index[-1]}, and has no row after the cutoff {cutoff}: give an index that goes on "
                "(arrays have none)."
            )
        X = None if X is None else _stamped(X[X.index > cutoff][:steps])
        if cutoff == index[-1]:
            model, future = see_through(self.estimator_, X)
            out = model.forecast(steps, future, level=level, method=self.method)
        else:  # update_predict went back to rows that were seen before
            out = self._again(steps, X, int(index.searchsorted(cutoff, side="right")), level)
        return np.asarray(out).reshape(steps, self._seen_y.shape[1], -1)

    def _again(self, steps, X, n, level):
        """Forecast as ``_ahead`` would have after the first n rows only."""
        if n == 0:
            raise ValueError(
                f"The cutoff {self.cutoff[0]} is before the first row seen, {self._seen_y.index[0]}: fit a forecaster "
                "on the rows up to the cutoff."
            )
        future = future_frame(self._seen_X[:n], steps) if X is None else X
        if len(future) < steps:
            raise ValueError(f"X has {len(future)} rows after the cutoff {self.cutoff[0]}: give {steps}.")
        X = pd.concat([self._seen_X[:n], future])
        y = _target(self._seen_y[:n].reindex(X.index))
        model, X = see_through(self.estimator_, X)
        answer = model.trajectories(X, y, steps, origins=[n], level=level, method=self.method)
        if level is None:
            return answer.forecast
        ends = [end for low_high in answer.intervals.values() for end in low_high]
        return np.stack([answer.forecast, *ends], axis=-1)

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        """Return settings that sktime tests the forecaster with.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is only one set.

        Returns
        -------
        params : list of dict
        """
        from tsrnn import ARXRegressor, ESNRegressor

        return [
            {"estimator": ARXRegressor(output_lags=2), "cv": 2},
            {"estimator": ESNRegressor(10, output_lags=1, random_state=0), "method": "bootstrap"},
        ]


def _go_on_with(fitted, X, y):
    """Let a model of many series follow one that it has not seen, and forget the others."""
    model, _ = see_through(fitted, None)
    new = pd.MultiIndex.from_product([*[["new"]] * len(model.fitted_.form.key_names), y.index])
    _, X = see_through(fitted, X.set_axis(new))
    model.update(X, _target(y).set_axis(new))
    learnt = model.fitted_
    key = list(learnt.series)[-1]
    errors = learnt.errors and learnt.errors._replace(
        recent={None: learnt.errors.recent[key]} if key in learnt.errors.recent else {},
        last={None: learnt.errors.last[key]} if key in learnt.errors.last else {},
    )
    model.fitted_ = learnt._replace(series={None: learnt.series[key]}, errors=errors)


def _rows(X, y):
    """Return X and y under the index of y; an X without columns for None, which a search does not take."""
    y = _stamped(y)
    return pd.DataFrame(index=y.index) if X is None else _stamped(X).loc[y.index], y


def _stamped(frame):
    """Give rows an index that places them: pandas' default one does not."""
    index = frame.index
    return frame.set_axis(pd.Index(index.to_numpy())) if isinstance(index, pd.RangeIndex) else frame


def _check_counts_by_one(index):
    """Raise where integers are several apart: fh counts by one."""
    apart = np.unique(np.diff(index.to_numpy())) if pd.api.types.is_integer_dtype(index.dtype) else [1]
    if len(apart) and min(apart) > 1:
        raise ValueError(
            f"The index of y counts by {min(apart)}, but fh counts by 1: give y.reset_index(drop=True), and X the same."
        )


def _target(y):
    """Return a Series where there is one column."""
    return y.iloc[:, 0] if y.shape[1] == 1 else y
