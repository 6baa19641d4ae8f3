"""What errors on the rows kept come to.

Forecasts of many steps overlap: n errors at step h hold as much as n / (1 + 2 sum_k<h r(k)) independent ones, with
their autocorrelation r. Several series err alike where one cause moves all of them: m errors of one time, with the
correlation c of two of them, hold as much as m / (1 + (m - 1) c). Where independent ones are too few for a quantile,
ends are those of Student's t with as many degrees of freedom.
"""

from typing import NamedTuple

import numpy as np

from ..._series.scaling import LogLink
from ..following import runs
from .adaptive import Kind
from .errors import but_zero, check_enough, over_segment, warn_of_few_times
from .local_scale import local_scale
from .pools import Packed, packed, pools


LAGS = 12  # at which the autocorrelation of errors is looked at
ORIGINS, MOST_FED = 20, 10  # rows from which outputs that are off are fed back; the most outputs


class Calibration(NamedTuple):
    """What errors on the rows kept come to.

    pools : ``Packed``, of scores.   scales : [h][o], ``Scale`` or None.   kind : ``Kind`` of scores, without growth.
    """

    pools: Packed
    scales: list
    kind: Kind


def calibration(made, level, factor=1.0):
    """Calibrate on ``Made`` of the rows kept, for levels up to this one; errors are ``factor`` times."""
    _, steps, O = made.errors.shape
    n = int(np.isfinite(made.errors).sum(axis=0).min())
    cure = " (method='bootstrap' draws errors of one step, where forecasts are fed back)" if steps > 1 else ""
    check_enough(n, f"forecasts of {steps} steps", level, cure)
    scores, scales = made.errors * factor, [[None] * O for _ in range(steps)]
    for h in range(steps):
        for o in range(O):
            valid = np.isfinite(scores[:, h, o])
            forecasts, last = made.forecasts[valid, h, o], made.last[valid, o]
            scales[h][o], by = local_scale(forecasts, last, scores[valid, h, o])
            scores[valid, h, o] = but_zero(scores[valid, h, o] / by, forecasts)
    shared = overlap(made.row, scores)
    alike = np.ones_like(shared)
    if made.times is not None:
        warn_of_few_times(made.times[np.isfinite(scores).any(axis=(1, 2))])
        alike = together(made.times, scores)
    near = packed(pools(made.forecasts, scores, level, shared * alike, made.sides))
    return Calibration(near, scales, Kind(shared, near.deviations().reshape(shared.shape), 0.0))


def scales(calibration, made, last):
    """Compute scales like ``made`` (M, steps, O), after last values (M, O)."""
    out = np.ones_like(made)
    for h, outputs in enumerate(calibration.scales):
        for o, scale in enumerate(outputs):
            if scale is not None:
                out[:, h, o] = scale(made[:, h, o], last[:, o])
    return out


def scales_of(calibration, made):
    """Compute the scales of ``Made``, like its errors."""
    return scales(calibration, made.forecasts, made.last)


def overlap(row, errors):
    """Return 1 + 2 sum_k<h r(k), at least 1 and at most h, of errors (n, steps, O) at each step h, (steps, O).

    row : (n,), where forecasts begin. Errors are about 0; r is looked at at some lags, with lines between.
    """
    _, steps, O = errors.shape
    out = np.ones((steps, O))
    if len(row) == 0 or steps == 1:
        return out
    spread = np.zeros((row[-1] + 1, steps, O))
    spread[row] = np.nan_to_num(errors)
    measured = np.zeros_like(spread, dtype=bool)
    measured[row] = np.isfinite(errors)
    lags = np.unique(np.linspace(1, steps - 1, LAGS).astype(int))
    square, r = spread**2, [np.ones((steps, O))]
    for k in lags:
        pairs = measured[k:] & measured[:-k]
        product = (spread[k:] * spread[:-k]).sum(axis=0)
        power = np.sqrt((square[k:] * pairs).sum(axis=0) * (square[:-k] * pairs).sum(axis=0))
        r.append(np.divide(product, power, out=np.zeros_like(product), where=power > 0))
    r, lags = np.array(r), np.concatenate([[0], lags])
    for h in range(1, steps):
        for o in range(O):
            r_h = np.interp(np.arange(1, h + 1), lags, r[:, h, o])
            out[h, o] = np.clip(1 + 2 * r_h.sum(), 1, h + 1)
    return out


def together(times, errors):
    """Return 1 + (m - 1) c for m errors of one time, (steps, O), of errors (n, steps, O) at some times (n,).

    c : the mean product of two errors of one time, over their mean square. m : as many as an error meets in the mean.
    """
    _, group = np.unique(times, return_inverse=True)
    known, e = np.isfinite(errors), np.nan_to_num(errors)
    m, total = np.zeros((2, group.max(initial=0) + 1, *errors.shape[1:]))
    np.add.at(m, group, known)
    np.add.at(total, group, e)
    n, square = known.sum(axis=0), (e**2).sum(axis=0)
    pairs = (m**2).sum(axis=0) - n
    alike = np.divide((total**2).sum(axis=0) - square, square, out=np.zeros(n.shape), where=square > 0)
    c = np.clip(np.divide(alike * n, pairs, out=np.zeros(n.shape), where=pairs > 0), 0, 1)
    return 1 + np.divide(pairs, n, out=np.zeros(n.shape), where=n > 0) * c


def growth(model, errors, steps):
    """Return how far forecasts go if outputs of one step are all off by as much as 1 of the first, (steps, O).

    From some rows of the longest segment; 0 where that is not known.
    """
    O = model.units.n_outputs
    tells = not (model.dynamics.whole_errors or isinstance(model.units.y, LogLink)) and O <= MOST_FED
    segment = max(errors.segments, key=lambda s: len(s.U), default=None) if tells else None
    if segment is None or len(segment.U) - steps < segment.skip:
        return np.zeros((steps, O))
    maker = segment.maker or model
    inputs, followed, past = over_segment(maker, segment)
    first = np.unique(np.linspace(segment.skip, len(segment.U) - steps, ORIGINS).astype(int))
    off = np.diag(np.std((followed.Z - followed.z)[segment.skip :], axis=0))

    def ahead(draw):
        forecasts = [out for _, out in runs(*maker, inputs, followed, past, first, steps, draw)]
        return np.concatenate(forecasts, axis=1).mean(axis=1)

    plain = ahead(None)
    gone = [
        ahead(lambda z, by=by: np.broadcast_to(by, z.shape))[:, o] - plain[:, o] for o, by in enumerate(off)
    ]
    gone = np.stack(gone, axis=1)
    gone = np.divide(gone, gone[0], out=np.zeros_like(gone), where=gone[0] != 0)
    return np.where(np.isfinite(gone).all(axis=0), gone, 0.0)
