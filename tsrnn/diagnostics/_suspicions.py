"""Signs that a forecast is a late copy of y, or too good to be true.

shift                the k for which yhat(t) is nearest to y(t - k): 0, or the forecast is a late copy
an input that knows  u(t) and its changes, correlated with y(t - k) and its changes, k nearer than the model may see
"""

import numpy as np
import pandas as pd

from .._series import timeline as timelines
from ._arguments import output_names
from ._correlations import correlation, root_mean_square
from ._report import BASELINES, count_rows, enumerate_some, time_of


NEARLY = 0.95  # correlation, of values and of differences, from which an input may know the target
TINY = 0.02  # error relative to a baseline's, below which it is suspicious


def find_shifts(y, forecasts, period):
    """Find, for each horizon, the shift of y that the forecast is nearest to."""
    table = {}
    for h, f in forecasts.items():
        last = min(max(h, period or 0) + 1, len(y) // 2)
        late = [np.r_[np.full(k, np.nan), y[: len(y) - k]] for k in range(last + 1)]
        valid = np.all(np.isfinite([f, *late[: h + 1]]), axis=0)
        rmse = np.array([root_mean_square((f - v)[valid & np.isfinite(v)]) for v in late])
        if np.isnan(rmse).all():
            continue
        k = int(np.nanargmin(rmse))
        moves = [correlation(np.diff(f), np.diff(late[j]), 0)[0][0] for j in (k, 0)]
        shifted = k > 0 and rmse[k] < rmse[0] / 2 and moves[0] > moves[1]
        table[h] = k, rmse[k], rmse[0], *moves, shifted
    columns = ["lag", "rmse", "rmse_now", "correlation", "correlation_now", "shifted"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("step")


def note_other_outputs(y, output):
    """Note that one of several outputs is tested, whose errors are not in the units of the others."""
    names = output_names(y)
    if len(names) == 1:
        return []
    return [f"All this is of output {names[output]!r} alone: give output=k for another of the {len(names)}."]


def note_inputs_that_know(y, inputs, first, max_lag):
    """Note inputs that move as y does, at a lag nearer than those that the model may see."""
    notes = []
    for name, u in inputs.items():
        steps, values = _both_ways(np.diff(u), np.diff(y), max_lag), _both_ways(u, y, max_lag)
        if np.isnan(steps).all():
            continue
        at = int(np.nanargmax(np.abs(steps)))
        k = at - max_lag
        if k >= first and min(abs(steps[at]), abs(values[at])) > NEARLY:
            notes.append(
                f"Look at {name}: its value at t correlates {values[at]:+.3f} with y({time_of(k)}), and their changes "
                f"{steps[at]:+.3f}. Does it know the target? Is it known when the forecast is made?"
            )
    return notes


def _both_ways(u, y, max_lag):
    """Correlate u(t) with y(t + k), k = -max_lag ... max_lag, about pairs alone."""
    before, after = correlation(u, y, max_lag)[0], correlation(y, u, max_lag)[0]
    r = np.r_[before[:0:-1], after]
    return np.clip(r / (1 - np.abs(np.arange(-len(before) + 1, len(after))) / len(u)), -1, 1)


def note_too_good(errors):
    """Note errors at the shortest horizon that are tiny beside a baseline's."""
    row = errors.iloc[0]
    share = {name: row["model"] / row[name] for name in ("linear ARX", "persistence") if row.get(name, 0) > 0}
    name = min(share, key=share.get, default=None)
    if name is None or not share[name] < TINY:
        return []
    return [
        f"Look at the errors: the RMSE is {100 * share[name]:.2g} % of that of {BASELINES[name]}. A system "
        "without noise allows that; else an input, or a transformer fitted on all rows, knows the target."
    ]


def note_overlap(estimator, key, stamps, trained):
    """Note rows that the model has been trained on."""
    notes = []
    timeline = getattr(getattr(estimator, "series_", {}).get(key), "timeline", None)
    if timelines.can_place(timeline, stamps):
        values = timelines.aligned(timeline, stamps).values
        n = int(((values >= timeline.first) & (values <= timeline.last)).sum())
        if n:
            first, last = (timelines.show(timeline.clock, stamp) for stamp in (timeline.first, timeline.last))
            notes.append(
                f"Look at the rows: {n} of {len(values)} lie between {first} and {last}, which the model has "
                "seen in fit or update. Errors there are smaller than they will be; give later rows."
            )
    if stamps is not None and trained and trained.stamps is not None:
        n = len(np.intersect1d(stamps.values, trained.stamps.values))
        if n:
            notes.append(f"Look at the rows: {n} stamps of X are in X_train too.")
    return notes


def note_known_ahead(estimator, names, settings):
    """Note if forecasts see rows that come after they are made."""
    first = settings.first
    notes = []
    if getattr(estimator, "bidirectional", False) is True:
        notes.append("Look at bidirectional=True: each forecast sees the inputs of all later rows.")
    if names and settings.sees_inputs and first < max(settings.horizons):
        forecasts = f"forecasts of more than {count_rows(first)}" if first else "the forecasts"
        notes.append(
            f"Look at the inputs: {forecasts} see some ({enumerate_some(names)}) from after they were made, here "
            "as measured. That is right for what is known ahead, such as the clock or a plan; else begin input_lags at "
            "the horizon, or judge the model with inputs as they were forecast."
        )
    return notes
