"""New rows of many series, which ``update`` follows: short ones side by side."""

from typing import Any, NamedTuple

import numpy as np

from .following import across, follow_all, walk, warn_if_astray, warn_if_some_astray


SHORT = 64  # new rows of a series, up to which many series are followed side by side


class Leg(NamedTuple):
    """New rows of one series, for ``update``: the past before them, and ``Stretch`` after ``Stretch``.

    dropped, kept : those from which no interval comes, and those after them.
    """

    part: Any
    past: Any
    dropped: list
    kept: list


def filled_inputs(units, table, starts):
    """Fill the inputs of a table whose parts begin at ``Start`` after ``Start``, (N, D)."""
    if units.missing == "error":  # there is nothing to fill
        return table.X
    pairs = zip(table.parts, starts)
    return np.concatenate([units.fill(table.X[part.rows], start.past.inputs) for part, start in pairs])


def follow_short(dynamics, units, inputs, U, legs):
    """Follow few new rows of many series, side by side.

    Returns of each, by its key, the forecast of its last level (O,), the past after its rows, and [the past before].
    """
    alike, answers = {}, {}
    for leg in legs if len(legs) > 1 else ():
        rows = leg.part.rows
        n = rows.stop - rows.start
        if n <= SHORT and len(leg.kept) == 1 and not leg.dropped and not units.delay:
            alike.setdefault(n, []).append(leg)
    for group in alike.values():
        if len(group) == 1:
            continue
        pasts = [across(dynamics, units, leg.past, leg.kept[0].missing) for leg in group]
        of_parts = [inputs.of(leg.part.rows) for leg in group]
        levels = np.stack([U[leg.part.rows] for leg in group])
        followed = follow_all(dynamics, units, of_parts, levels, pasts)
        warn_if_some_astray(dynamics, units, [rows.out for rows in followed])
        for leg, before, rows in zip(group, pasts, followed):
            answers[leg.part.key] = rows.out[-1], rows.after, [before]
    return answers


def follow_leg(dynamics, units, inputs, U, leg):
    """Follow the new rows of one series; returns as ``follow_short``, with the past before each kept stretch."""
    inputs, levels, past, pasts = inputs.of(leg.part.rows), U[leg.part.rows], leg.past, []
    if leg.dropped:
        early, past = walk(dynamics, units, inputs, levels, leg.dropped, past)
    out, past = walk(dynamics, units, inputs, levels, leg.kept, past, visit=pasts.append)
    out, first = out[1], leg.kept[0].rows.start
    if leg.dropped:
        out[:first] = early[1][:first]
    warn_if_astray(dynamics, units, out)
    return out[-1], past, pasts
