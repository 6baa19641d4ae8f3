"""Forecasts in the form in which the user gave y: arrays, Series or frames, with the index of the rows to come."""

import numpy as np
import pandas as pd

from .._series import timeline as timelines
from .._series.rows import future_index


def index_of_future(future, steps):
    """Return the index of a forecast, or None where it is unknown."""
    timeline = None if future.place is None else future.place.timeline
    stamps = future.stamps
    if stamps is not None and len(stamps.values) < steps:
        stamps = None
    if timeline is not None and not timelines.can_place(timeline, stamps):
        return timelines.future(timeline, steps)
    return None if stamps is None else timelines.to_index(stamps.clock, stamps.values[:steps])


def in_users_form(fitted, out, intervals, index, wide):
    """Return a forecast (steps, O) in the user's form; if ``wide`` as a frame, with intervals {level: pair}."""
    names, O = fitted.form.y_names, out.shape[1]
    if wide:
        names = names if names is not None else [f"y{o}" if O > 1 else "y" for o in range(O)]
        columns = {}
        for o, name in enumerate("y" if name is None else name for name in names):
            columns[name] = out[:, o]
            dash = "" if O == 1 else f"{name}-"
            for p, (low, high) in intervals.items():
                columns |= {f"{dash}lo-{p:g}": low[:, o], f"{dash}hi-{p:g}": high[:, o]}
        if len(columns) < O * (1 + 2 * len(intervals)):
            raise ValueError(
                f"y has columns {list(names)}, one of which has the name of an interval's end ('{dash}lo-80'): rename "
                "it, and fit again."
            )
        return pd.DataFrame(np.stack(list(columns.values()), axis=1), index, list(columns))  # a dict takes ms
    out = shaped(fitted, out)
    if names is None:
        return out
    if out.ndim == 1:
        return pd.Series(out, index=index, name=names[0])
    return pd.DataFrame(out, index=index, columns=names)


def together(fitted, forecasts, steps, names, container, wide):
    """Join forecasts, as ``_forecasts`` yields them, in the container that the user gave.

    names : of the levels of an index that tell series apart.   wide : as a frame.
    """
    if forecasts[0][0] is None or container != "table":
        frames = [
            in_users_form(fitted, out, intervals, index_of_future(future, steps), wide)
            for _, out, intervals, _, future in forecasts
        ]
        return frames[0] if forecasts[0][0] is None else frames
    stamps = [future.stamps for *_, future in forecasts]
    index = future_index({key: future.place for key, *_, future in forecasts}, steps, names, stamps)
    _, outs, bands_of_series, *_ = zip(*forecasts)
    intervals = {
        p: [np.concatenate([of_series[p][k] for of_series in bands_of_series]) for k in range(2)]
        for p in bands_of_series[0]
    }
    frame = in_users_form(fitted, np.concatenate(outs), intervals, index, wide)
    if isinstance(frame, np.ndarray):
        frame = (pd.Series if frame.ndim == 1 else pd.DataFrame)(frame, index)
    return frame


def shaped(fitted, out):
    """Return out (N, O) as (N,) where y had one dimension."""
    return out[:, 0] if fitted.form.y_ndim == 1 else out
