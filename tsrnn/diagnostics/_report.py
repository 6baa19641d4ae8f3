"""A diagnosis in words."""

import numpy as np
import pandas as pd
from scipy.special import bdtrik, ndtri

from ._correlations import BOUND, root_mean_square


ONE_SIDED = 0.5  # mean error over RMSE, from which the level has moved
CERTAIN = 0.05  # a baseline is beaten where the chance of such a lead by luck is below
BASELINES = {  # as sentences name them
    "persistence": "persistence",
    "seasonal naive": "the value a period ago",
    "linear ARX": "a linear ARX",
    "mean": "the mean",
}


def say_errors(d):
    """Describe the errors: of which rows, and how large."""
    e = d.residuals.dropna()
    y = (d.forecast + d.residuals).dropna()
    ends = "" if isinstance(d.residuals.index, pd.RangeIndex) else f" from {e.index[0]} to {e.index[-1]}"
    shift = ""
    if abs(e.mean()) > ONE_SIDED * root_mean_square(e):
        shift = (
            " Most errors have one sign: has the level of y moved since training? Look at "
            "target_transform='difference', or fit to later rows."
        )
    free = f"\nA free run over all rows, which sees no y, fits {d.fit:.1f} %." if np.isfinite(d.fit) else ""
    r2 = 1 - (e**2).sum() / max(((y - y.mean()) ** 2).sum(), np.finfo(float).tiny)
    return (
        f"{d.name} on {len(d.residuals)} rows{ends}, {len(e)} of them with a measured y.\n"
        f"Forecasts {rows_ahead(d.steps)}: RMSE {root_mean_square(e):.4g}, MAE {e.abs().mean():.4g}, "
        f"mean error {e.mean():.2g}, R2 {r2:.3f}.{shift}{free}"
    )


def say_skill(d):
    """Tabulate the skill, and name the horizons at which the model beats each baseline."""
    skill = d.skill
    titles = {name: f"{name} ({d.period})" if name == "seasonal naive" else name for name in skill}
    lines = [
        f"RMSE, and skill (1 - RMSE / RMSE of a baseline), on the same {d.errors['n'].max()} rows:",
        "  rows ahead        RMSE" + "".join(f"{title:>{len(title) + 3}s}" for title in titles.values()),
    ]
    for h, row in skill.iterrows():
        cells = "".join(
            f"{row[name]:>+{len(title) + 3}.3{'f' if row[name] > -100 else 'g'}}"
            for name, title in titles.items()
        )
        lines.append(f"  {h:10d}  {d.errors.loc[h, 'model']:10.4g}{cells}")
    for name in skill:
        better = d.p_values[name] < CERTAIN
        worse = d.p_values[name] > 1 - CERTAIN
        level = ~better & ~worse  # a lead or a lag that luck explains is named, and not denied
        ahead = level & (skill[name] > 0)
        words = []
        for rows, verb in (
            (better, "better than"),
            (ahead, "ahead of (but not beyond luck)"),
            (level & ~ahead, "no better than"),
            (worse, "worse than"),
        ):
            if rows.all():
                words.append(f"{verb} {BASELINES[name]} at every horizon")
            elif rows.any():
                words.append(f"{verb} {BASELINES[name]} {_and(skill.index[rows])} ahead")
        lines.append(f"It is {', '.join(words)}.")
    return "\n".join(lines)


def say_shifts(d):
    """Warn where the forecast is a late copy of y."""
    late = d.shifts[d.shifts["shifted"].astype(bool)]
    if late.empty:
        return []
    lines = []
    for h, row in late.iterrows():
        lines.append(
            f"{rows_ahead(h).capitalize()} the forecast is little more than y({time_of(-row['lag'])}) shifted: it is "
            f"{row['rmse']:.3g} from that (RMS) but {row['rmse_now']:.3g} from y(t), and its changes correlate "
            f"{row['correlation']:.2f} with those of the former, {row['correlation_now']:.2f} with those of y(t)."
        )
    return ["\n".join(lines)]


def say_residuals(d):
    """Report whether the errors are white, and their spread even."""
    table = d.autocorrelation.loc[d.steps :]
    bound = table["bound"].iloc[0] if len(table) else np.nan
    lines = []
    for name, noun, cure in (
        ("residuals", "Residuals", "past errors tell of the next: look at more output_lags, or a season"),
        (
            "squares",
            "Squared residuals",
            "the spread of the errors comes and goes: one width of interval will not do",
        ),
    ):
        r, p = table[name].dropna(), d.ljung_box.loc[name, "p"]
        if r.empty:
            continue
        outside, k = int((r.abs() > bound).sum()), r.abs().idxmax()
        test = "" if np.isnan(p) else f"; Ljung-Box {_p(p)}"
        within = r.abs().max() <= bound * _wider(len(r)) and outside <= _most_by_chance(len(r))
        fine = within and not p < CERTAIN
        verdict = "no sign of anything left" if fine else cure
        lines.append(
            f"{noun}: largest autocorrelation {r[k]:+.2f}, at lag {k} ({100 * r[k] ** 2:.0f} % of their variance; 95 % "
            f"bounds +-{bound:.2g}); {outside} of {len(r)} lags outside, by chance {0.05 * len(r):.0f}{test}: "
            f"{verdict}."
        )
    return "\n".join(lines)


def say_inputs(d):
    """Name the inputs that still correlate with the errors."""
    table = d.cross_correlation
    if not table.shape[1]:
        return []
    ratio = (table.abs() / d.cross_bounds).max() / _wider(len(table))
    beyond = ratio[ratio > 1].sort_values(ascending=False).index
    if not len(beyond):
        return [
            f"Inputs: no correlation of the residuals with any input, {table.index[0]} to {table.index[-1]} rows "
            "before, or with its square, beyond chance."
        ]
    cells = []
    for name, test in beyond[:5]:
        r = table[name, test]
        k = r.abs().idxmax()
        cells.append(f"{name} ({test}) {r[k]:+.2f} at lag {k} (bounds +-{d.cross_bounds[name, test]:.2g})")
    more = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
    return [
        f"Inputs still correlate with the residuals: {', '.join(cells)}{more}. Look at more input_lags, or a larger "
        "net where squares do."
    ]


def _most_by_chance(tests):
    """Return how many of ``tests`` correlations of noise leave their 95 % bounds at most, 99 times of 100."""
    return bdtrik(0.99, tests, 0.05)


def _wider(tests):
    """Return the Bonferroni factor: by how much 95 % bounds widen for that many tests."""
    return -ndtri(0.025 / max(tests, 1)) / BOUND


def time_of(k):
    """Format the time of a lag: t, t + k or t - k."""
    return f"t {'+' if k > 0 else '-'} {abs(int(k))}" if k else "t"


def rows_ahead(h):
    """Name a horizon."""
    return f"{count_rows(h)} ahead"


def count_rows(n):
    """Name a number of rows."""
    return f"{n} row" if n == 1 else f"{n} rows"


def _and(values):
    """Enumerate: 1, 2 and 3."""
    values = [str(v) for v in values]
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def enumerate_some(names):
    """Name the first of many."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _p(p):
    """Format a p-value."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
