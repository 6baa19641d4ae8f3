"""Bad input beyond the tables of test_matrix.py: what comes of it, and parameters of solvers, losses and pairs."""

import re
from inspect import getdoc, signature
from itertools import cycle

import numpy as np
import pandas as pd
import pytest
from public import RECURRENT as CELLS
from public import short as model_id
from public import slow_again, small
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import tsrnn
from tsrnn import (
    LBFGS,
    SGD,
    Adam,
    Evolution,
    Huber,
    KalmanFilter,
    LevenbergMarquardt,
    NARXRegressor,
    OnlineGradient,
    Pinball,
    RMSprop,
    TDNNRegressor,
)


QUICK = {"max_iter": 3, "early_stopping": False, "random_state": 0}
NARX = NARXRegressor((3,), input_lags=2, output_lags=3, **QUICK)
TDNN = TDNNRegressor((3,), input_lags=3, **QUICK)
LAGS = cycle([(3, 2), (3, 0), (1, 3)])  # of inputs and of y, in turn
RECURRENT = [small(kind, input_lags=i, output_lags=o, **QUICK) for kind, (i, o) in zip(CELLS, LAGS)]
ELMAN, STATELESS = RECURRENT[0], [NARX, TDNN]


def has_matrix(model):
    """Whether the recurrence of a cell has a matrix, which some parameters are for."""
    try:
        clone(model).set_params(recurrent_dropout=0.1)._cell()
    except ValueError:
        return False
    return True


def named(*models):
    """A test for each of some models."""
    kinds = [type(model) for model in models]
    rows = zip(models, kinds)
    models = [pytest.param(model, id=model_id(kind), marks=slow_again(kind, kinds)) for model, kind in rows]
    return pytest.mark.parametrize("model", models)


every, both, recurrent = named(*STATELESS, *RECURRENT), named(*STATELESS), named(*RECURRENT)

rng = np.random.default_rng(0)
N = 80
X = rng.normal(size=(N, 2))
y = np.convolve(X[:, 0], [0.5, 0.3, 0.1])[:N] + 0.1 * X[:, 1] ** 2
HOURS = pd.date_range("2024-01-01", periods=N, freq="h")
FRAME, SERIES = pd.DataFrame(X, HOURS, columns=["a", "b"]), pd.Series(y, HOURS, name="y")


def fit(model, X=X, y=y, **kw):
    return clone(model).fit(X, y, **kw)


def put(a, at, value):
    """A copy with one element replaced."""
    a = a.copy()
    a[at] = value
    return a


def assert_says(error, *words):
    """The message holds every word; each says what is wrong, where, or what to do."""
    text = str(error.value)
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is missing in: {text}"


# ---------------------------------------------------------------------------------------- values


def test_a_model_without_inputs_refuses_some():
    fitted = fit(NARX, None, y)
    with pytest.raises(ValueError, match="2 features"):
        fitted.predict(X)
    with pytest.raises(ValueError, match="X is None"):
        fitted.predict(None)


@every
def test_not_fitted_yet(model):
    from sklearn.exceptions import NotFittedError

    for verb, arguments in [
        ("predict", (X,)),
        ("predict_ahead", (X, y)),
        ("forecast", (3,)),
        ("update", (X, y)),
        ("score", (X, y)),
        *([("gradient_flow", (X, y))] if model in RECURRENT else []),
    ]:
        with pytest.raises(NotFittedError, match="fit"):
            getattr(clone(model), verb)(*arguments)
    with pytest.raises(NotFittedError, match="fit"):
        tsrnn.forecast(make_pipeline("passthrough", clone(model)), 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (3.0, "y is a single value (3.0)"),
        ((v for v in y), "generator, which is read only once: give list(y)"),
        (iter(y), "read only once: give list(y)"),
        (y + 1j, "y: Complex data not supported: give its real part, or both parts as columns"),
    ],
)
def test_y_that_has_no_rows(bad, message):
    with pytest.raises((TypeError, ValueError), match=f"{re.escape(message)}[^\n]{{0,50}}$"):
        tsrnn.ARXRegressor().fit(None, bad)


def test_few_rows_of_many_outputs_are_across_only_where_no_stamps_say_otherwise():
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 30)))
    model = tsrnn.PersistenceRegressor()
    model.fit(None, wide.set_axis(pd.date_range("2024", periods=20, freq="MS")))
    for v in (wide, wide.to_numpy()):
        with pytest.warns(UserWarning, match="y has 20 rows and 30 outputs"):
            model.fit(None, v)


@pytest.mark.parametrize("dtype", [float, "float32"])
def test_one_warning_names_all_columns_of_X_that_are_y(dtype):
    """Also where they went through single precision; 0.1 % away they are inputs."""
    v = np.random.default_rng(0).normal(size=60)
    copies = pd.DataFrame({"a": v, "near": 1.001 * v, "b": v}).astype(dtype)
    with pytest.warns(UserWarning, match="y itself") as given:
        tsrnn.ARXRegressor().fit(copies, v)
    assert [str(w.message)[:29] for w in given] == ["Columns 'a', 'b' of X: y itse"]
    with pytest.warns(UserWarning, match="^Column 'a' of X: y itself, .* Leave it out of X"):
        tsrnn.ARXRegressor().fit(copies[["near", "a"]], v)


# ---------------------------------------------------------------------------------------- other clothes


def as_memmap(a, folder, name):
    np.save(folder / f"{name}.npy", a)
    return np.load(folder / f"{name}.npy", mmap_mode="r")


@every
def test_memory_maps(model, tmp_path):
    X_map, y_map = as_memmap(X, tmp_path, "X"), as_memmap(y, tmp_path, "y")
    plain, mapped = fit(model), fit(model, X_map, y_map)
    assert np.array_equal(mapped.theta_, plain.theta_)
    assert np.array_equal(mapped.update(X_map, y_map).predict(X_map), plain.update(X, y).predict(X))


@every
@pytest.mark.filterwarnings("ignore:y is boolean")
@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean"])
def test_nullable_pandas(dtype, model):
    numbers = {"Int64": lambda a: np.round(a * 3), "boolean": lambda a: a > 0}.get(dtype, lambda a: a)
    X_own, y_own = pd.DataFrame(numbers(X), HOURS).add_prefix("c"), pd.Series(numbers(y), HOURS)
    y_missing = y_own.astype(float)
    y_missing.iloc[[4, 5, 60]] = np.nan
    y_nullable = y_own.astype(dtype)
    y_nullable.iloc[[4, 5, 60]] = pd.NA
    plain = fit(model, X_own.astype(float), y_missing)
    nullable = fit(model, X_own.astype(dtype), y_nullable)
    assert np.array_equal(nullable.theta_, plain.theta_)
    two = fit(model, X_own, y_nullable.to_frame("y"))
    assert np.array_equal(two.theta_, plain.theta_)
    nullable.update(X_own.shift(N, freq="h").astype(dtype), y_nullable.shift(N, freq="h"))
    bad = X_own.astype(dtype)
    bad.iloc[3, 0] = pd.NA
    with pytest.raises((ValueError, TypeError), match=r"NaN|NA"):
        fit(model, bad, y_own.astype(float))


@every
def test_y_as_a_column(model):
    """(n, 1) in, (n, 1) out; the same weights."""
    flat, column = fit(model), fit(model, y=y[:, None])
    assert np.array_equal(flat.theta_, column.theta_)
    assert flat.predict(X).shape == (N,)
    assert column.predict(X).shape == column.predict_ahead(X, y[:, None], steps=2).shape == (N, 1)
    assert np.array_equal(column.predict(X)[:, 0], flat.predict(X))


@every
def test_one_row(model):
    fitted = fit(model)
    assert fitted.predict(X[:1]).shape == (1,)
    assert np.isfinite(fitted.forecast(1, X[:1])).all()
    assert fitted.predict_ahead(X[:1], y[:1], steps=5).shape == (1,)
    fitted.update(X[:1], y[:1]).partial_fit(X[1:2], y[1:2])


@every
@pytest.mark.parametrize("scale", ["standard", "minmax", "robust", None])
def test_constant_columns(scale, model):
    """A constant input teaches nothing; a constant output is learnt."""
    X_constant = np.c_[X[:, 0], np.full(N, 7.0), np.full(N, 1e-300), np.full(N, 1e9)]
    model = clone(model).set_params(scale=scale, max_iter=30 if scale else 150)
    if scale is None:
        X_constant[:, 3] = 1.0
    fitted = fit(model, X_constant, y)
    assert np.isfinite(fitted.predict(X_constant)).all()
    flat = fit(model, X, np.full(N, 42.0))
    np.testing.assert_allclose(flat.predict(X), 42, rtol=1e-3)


@every
@pytest.mark.parametrize("unit", [1e-100, 1e-30, 1e30, 1e150])
def test_tiny_and_huge_units(unit, model):
    fitted, plain = fit(model, X * unit, y * unit), fit(model)
    np.testing.assert_allclose(fitted.predict(X * unit) / unit, plain.predict(X), rtol=1e-6, atol=1e-9)


# ---------------------------------------------------------------------------------------- length


@every
def test_shortest_series(model):
    """One row beyond the lags is enough to fit; the lags alone are not, and the error says both numbers."""
    lead = 3
    fitted = fit(model, X[: lead + 1], y[: lead + 1])
    assert np.isfinite(fitted.predict(X)).all()
    for rows in (1, lead):
        with pytest.raises(ValueError) as error:
            fit(model, X[:rows], y[:rows])
        assert_says(error, str(lead), str(lead + 1), str(rows), "shorter lags")


@every
def test_too_few_rows_beside_the_validation_rows(model):
    model = clone(model).set_params(early_stopping=True, validation_fraction=0.9)
    with pytest.raises(ValueError) as error:
        fit(model, X[:12], y[:12])
    assert_says(error, "rows")


def test_no_row_that_counts_has_a_history():
    with pytest.raises(ValueError) as error:
        clone(NARX).fit(X, y, np.arange(len(y)) < 2)
    assert_says(error, "3 rows of history", "y measured", "lags")


@every
def test_y_known_only_in_the_last_rows(model):
    """The rows held back are the last of those that count, so some are left to learn from."""
    unknown = y.copy()
    unknown[:60] = np.nan
    fitted = fit(clone(model).set_params(early_stopping=True), X, unknown)
    assert np.isfinite(fitted.theta_).all()
    assert len(fitted.validation_curve_) > 0
    alone = fit(clone(model).set_params(early_stopping=True), X[60:], y[60:])
    assert fitted.y_scaler_ == alone.y_scaler_


# ---------------------------------------------------------------------------------------- indexes


def at(rows, index=HOURS):
    return FRAME.set_axis(index).iloc[rows], SERIES.set_axis(index).iloc[rows]


@every
def test_another_kind_of_index_counts_as_none(model):
    """Strings, floats, and integers after dates: nothing to compare, so the model goes on from the end."""
    fitted = fit(model, FRAME, SERIES)
    from_end = fitted.predict(FRAME.iloc[:20], start="end")
    for index in (
        pd.Index([f"row {k}" for k in range(20)]),
        pd.Index(np.arange(20) / 2),
        pd.RangeIndex(100, 120),
        pd.Index(np.arange(5, 25)),
        pd.timedelta_range("1h", periods=20, freq="h"),
    ):
        why = "of kind" if index.dtype.kind in "im" else "not understood as time"
        with pytest.warns(UserWarning, match=why):
            assert np.array_equal(fitted.predict(FRAME.iloc[:20].set_axis(index)), from_end)
    ticks = pd.timedelta_range("0h", periods=N, freq="h")
    fitted = fit(model, FRAME.set_axis(ticks), SERIES.set_axis(ticks))
    numbered = FRAME.iloc[:20].set_axis(np.arange(5, 25))
    with pytest.warns(UserWarning, match="X has an index of kind 'int', but that of the training rows"):
        assert np.array_equal(fitted.predict(numbered), fitted.predict(numbered, start="end"))


@both
def test_a_gap_in_training_cuts_the_series(model):
    """The weights are those of the whole series where rows that would see over the gap do not count."""
    lead = 3
    model = clone(model).set_params(scale=None, max_iter=5)
    if "training" in model.get_params():
        model.set_params(training="open_loop")
    keep = np.r_[0:40, 50:N]
    cut = fit(model, FRAME.iloc[keep], SERIES.iloc[keep])
    weight = np.ones(N)
    weight[40 : 50 + lead] = 0
    masked = fit(model, X, y, sample_weight=weight)
    np.testing.assert_allclose(cut.theta_, masked.theta_, rtol=1e-9, atol=1e-12)
    across = fit(model, X[keep], y[keep])
    assert not np.allclose(across.theta_, cut.theta_)


def test_a_gap_in_closed_loop_training():
    """However wide the gap, no free run goes over it."""
    model = clone(NARX).set_params(training="closed_loop", sequence_length=5)
    keep = np.r_[0:43, 50:N]
    cut = fit(model, FRAME.iloc[keep], SERIES.iloc[keep])
    wider = HOURS[keep].to_series()
    wider.iloc[43:] += pd.Timedelta("1000h")
    other = fit(model, FRAME.iloc[keep].set_axis(wider.values), SERIES.iloc[keep].set_axis(wider.values))
    assert np.array_equal(cut.theta_, other.theta_)


@recurrent
def test_a_gap_in_training_cuts_a_series_with_states_too(model):
    """However wide the gap: neither lags nor states reach over it."""
    model = clone(model).set_params(sequence_length=8)
    keep = np.r_[0:40, 51:N]
    cut = fit(model, FRAME.iloc[keep], SERIES.iloc[keep])
    stamps = HOURS[keep].to_series()
    stamps.iloc[40:] += pd.Timedelta("1000h")
    wider = fit(model, FRAME.iloc[keep].set_axis(stamps.values), SERIES.iloc[keep].set_axis(stamps.values))
    assert np.array_equal(cut.theta_, wider.theta_)
    assert np.array_equal(cut.predict(FRAME, start="cold"), wider.predict(FRAME, start="cold"))
    across = fit(model, X[keep], y[keep])
    assert not np.allclose(across.theta_, cut.theta_)


@every
def test_pieces_all_too_short(model):
    keep = np.flatnonzero(np.arange(N) % 31 >= 12)  # gaps too long to be learnt over
    long_lags = clone(model).set_params(input_lags=25)
    with pytest.raises(ValueError) as error:
        fit(long_lags, FRAME.iloc[keep], SERIES.iloc[keep])
    assert_says(error, "25", "without a gap", "19")


@every
def test_a_gap_in_predict_warns(model):
    fitted = fit(model, FRAME, SERIES)
    later = FRAME.shift(N, freq="h")
    keep = np.r_[0:30, 34:N]
    message = rf"4 row\(s\) are missing between {later.index[29]} and {later.index[34]}"
    with pytest.warns(UserWarning, match=message):
        out = fitted.predict(later.iloc[keep])
    assert np.array_equal(out[:30], fitted.predict(later.iloc[:30]))
    far = np.r_[0:30, 60:N]
    message = rf"30 row\(s\) are missing between {later.index[29]} and {later.index[60]}.*from the mean"
    with pytest.warns(UserWarning, match=message):
        out = fitted.predict(later.iloc[far])
    np.testing.assert_allclose(out[30:], fitted.predict(later.iloc[60:], start="cold"), rtol=1e-12)


# ---------------------------------------------------------------------------------------- sample_weight


@every
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("unit", [2.0**-50, 2.0**50])
def test_small_and_large_weights(unit, solver, model):
    """Weights count relative to each other, in single precision too."""
    weight = np.linspace(0.5, 2, N)
    model = clone(model).set_params(alpha=0.0, solver=solver)
    plain, other = fit(model, sample_weight=weight), fit(model, sample_weight=unit * weight)
    assert np.array_equal(other.theta_, plain.theta_)


@every
def test_weight_only_where_no_row_has_its_history(model):
    weight = np.zeros(N)
    weight[:2] = 1
    with pytest.raises(ValueError) as error:
        fit(model, sample_weight=weight)
    assert_says(error, "3 rows")
    assert "sample_weight" in str(error.value), "y holds no NaN: the weights are to blame"


# ---------------------------------------------------------------------------------------- parameters


def short(v):
    text = v if isinstance(v, str) else re.sub(r"\s+", " ", repr(v))
    return text[:24] or "''"


BAD_SOLVERS = [
    (Adam, "beta_1", [-0.1, 1.1, 1.0, np.nan, None]),
    (Adam, "beta_2", [-0.1, 1.1, 1.0, np.nan, None]),
    (Adam, "epsilon", [-1, np.nan, None]),
    (SGD, "momentum", [-0.1, 1.1, 1, np.nan, None, True]),
    (SGD, "nesterov", ["yes", 2, None]),
    (RMSprop, "rho", [-0.1, 1.1, 1.0, np.nan, None]),
    (RMSprop, "epsilon", [-1, np.nan, None]),
    *(
        (rule, *case)
        for rule in (Adam, SGD, RMSprop)
        for case in [
            ("learning_rate", [0, -1, np.nan, np.inf, "fast", None, True]),
            ("schedule", ["linear", "", None, 3, ["cosine"]]),
            ("warmup", [-0.1, 1.1, np.nan, "a", None, True]),
            ("clip_norm", [0, -1, np.nan, "a"]),
            ("clip_value", [0, -1, np.nan, "a"]),
        ]
    ),
    (KalmanFilter, "covariance", [0, -1, np.nan, None]),
    (KalmanFilter, "process_noise", [-1, np.nan, None]),
    (KalmanFilter, "forgetting", [0, 1.1, -1, np.nan, None]),
    (KalmanFilter, "noise", [0, -1, np.nan, "much", None]),
    (OnlineGradient, "learning_rate", [0, -1, np.nan, "fast", None]),
    (OnlineGradient, "clip_norm", [0, -1, np.nan, "a"]),
    (LBFGS, "memory", [0, -1, 1.5, None]),
    (LBFGS, "gtol", [-1, np.nan, None]),
    (LevenbergMarquardt, "damping", [0, -1, np.nan, None]),
    (LevenbergMarquardt, "gtol", [-1, np.nan, None]),
    (LevenbergMarquardt, "bayesian", ["yes", 2]),
    (Evolution, "method", ["genetic", None, 3]),
    (Evolution, "population", [4, -1, 10.5, None]),
    (Evolution, "bound", [0, -1, np.nan, None]),
    (Evolution, "polish", ["yes", 2]),
]
SOLVER_CASES = [(s, name, value) for s, name, values in BAD_SOLVERS for value in values]


@pytest.mark.parametrize(
    ("solver", "name", "value"),
    SOLVER_CASES,
    ids=[f"{s.__name__}-{n}={short(v)}" for s, n, v in SOLVER_CASES],
)
def test_bad_solver_parameter(solver, name, value):
    model = clone(TDNN).set_params(solver=solver(**{name: value}))
    with pytest.raises((ValueError, TypeError)) as error:
        model.fit(X, y)
    assert name in str(error.value)
    assert repr(value) in str(error.value)


BAD_LOSSES = [
    (Huber, "delta", [0, -1, np.nan, np.inf, "a", None, True]),
    (Pinball, "quantile", [0, 1, -0.1, 1.5, np.nan, "a", None, True]),
]
LOSS_CASES = [(loss, name, value) for loss, name, values in BAD_LOSSES for value in values]


@recurrent
@pytest.mark.parametrize(
    ("loss", "name", "value"), LOSS_CASES, ids=[f"{loss.__name__}-{short(v)}" for loss, _, v in LOSS_CASES]
)
def test_bad_loss_parameter(loss, name, value, model):
    with pytest.raises((ValueError, TypeError)) as error:
        clone(model).set_params(loss=loss(value)).fit(X, y)
    assert_says(error, name, repr(value))


BAD_COMBINATIONS = {
    "no layers": ({"hidden_layer_sizes": ()}, ["hidden_layer_sizes"]),
    "bidirectional and fed": (
        {"bidirectional": True, "output_lags": 1},
        ["bidirectional=True", "both ends", "output_lags=0"],
    ),
    "bidirectional and closed loop": (
        {"bidirectional": True, "output_lags": (2,), "training": "closed_loop"},
        ["bidirectional=True", "output_lags=0"],
    ),
    "closed loop of nothing": (
        {"output_lags": 0, "training": "closed_loop"},
        ["training='closed_loop'", "output_lags >= 1"],
    ),
    "sampling of nothing": (
        {"output_lags": (), "training": "scheduled_sampling"},
        ["training='scheduled_sampling'", "output_lags >= 1"],
    ),
    "dropout with L-BFGS": ({"dropout": 0.1, "solver": "lbfgs"}, ["'lbfgs'", "dropout", "'adam'"]),
    "noise with L-BFGS": ({"input_noise": 0.1, "solver": "lbfgs"}, ["'lbfgs'", "input_noise", "'adam'"]),
    "recurrent dropout with L-BFGS": (
        {"recurrent_dropout": 0.1, "solver": LBFGS(memory=3)},
        ["LBFGS(memory=3)", "dropout", "'adam'"],
    ),
    "sampling with L-BFGS": (
        {"output_lags": 1, "training": "scheduled_sampling", "solver": "lbfgs"},
        ["'lbfgs'", "scheduled_sampling", "'adam'"],
    ),
    "evolution": ({"solver": "evolution"}, ["'evolution'", "does not train", "'adam'", "'lbfgs'"]),
    "washout longer than the series": ({"washout": N}, ["washout=80", "smaller washout"]),
    "washout longer than what is trained on": (
        {"washout": 70, "early_stopping": True, "validation_fraction": 0.2},
        ["washout=70", "smaller washout"],
    ),
    "sees nothing": ({"input_lags": (), "output_lags": 0}, ["neither", "input_lags", "output_lags"]),
}


@recurrent
@pytest.mark.parametrize("case", BAD_COMBINATIONS)
def test_parameters_that_do_not_go_together(case, model):
    changes, words = BAD_COMBINATIONS[case]
    if "recurrent_dropout" in changes and not has_matrix(model):
        words = ["recurrent_dropout=0.1", "matrix"]
    model = clone(model).set_params(**changes)
    with pytest.raises(ValueError) as error:
        model.fit(X, y)
    assert_says(error, type(model).__name__ if "does not train" in words else "", *words)
    assert not hasattr(model, "theta_")


def test_a_bad_parameter_is_blamed_before_a_bad_combination():
    """What is no flag, no share, no word is not taken for one on the way."""
    for changes, words in (
        ({"bidirectional": "no"}, ["bidirectional='no'"]),
        ({"dropout": "none", "solver": "lbfgs"}, ["dropout='none'"]),
        ({"recurrent_dropout": np.array([0.1, 0.2]), "solver": "adam"}, ["recurrent_dropout="]),
        ({"training": "free_run", "output_lags": 0}, ["training='free_run'"]),
    ):
        with pytest.raises((ValueError, TypeError)) as error:
            clone(ELMAN).set_params(**changes).fit(X, y)
        assert_says(error, *words)


@recurrent
def test_bidirectional_refuses_to_go_on(model):
    """What follows the last row seen would have changed what was said before."""
    fitted = fit(clone(model).set_params(bidirectional=True, output_lags=0), FRAME, SERIES)
    later = FRAME.shift(N, freq="h")
    before = fitted.predict(later)
    for verb, call in {
        "forecast": lambda: fitted.forecast(3, later),
        "update": lambda: fitted.update(later, SERIES.shift(N, freq="h")),
        "partial_fit": lambda: fitted.partial_fit(later, SERIES.shift(N, freq="h")),
        "warm start": lambda: fitted.predict(later, start="end"),
        "start": lambda: fitted.predict(later, start=(FRAME, SERIES)),
        "start ": lambda: fitted.predict_ahead(later, SERIES.shift(N, freq="h"), start="end"),
        "forecast ": lambda: tsrnn.forecast(fitted, 3, later),
    }.items():
        with pytest.raises(ValueError) as error:
            call()
        assert_says(error, verb.strip(), "bidirectional=True", "bidirectional=False", "predict(X)")
    with pytest.raises(ValueError, match="'cold'"):
        fitted.predict(later, start="begin")
    assert np.array_equal(fitted.predict(later), before)
    for start in ("auto", "cold", "zeros"):
        assert np.isfinite(fitted.predict(later, start=start)).all()


@recurrent
def test_a_recurrent_model_without_inputs_must_be_fed(model):
    for nothing in (None, FRAME[[]]):
        with pytest.raises(ValueError) as error:
            fit(clone(model).set_params(output_lags=0), nothing, SERIES)
        assert_says(error, "output_lags")
        fitted = fit(clone(model).set_params(output_lags=2), nothing, SERIES)
        assert len(fitted.forecast(3)) == 3
        with pytest.raises(ValueError, match="2 features"):
            fitted.predict(X)
        with pytest.raises(ValueError, match="X is None"):
            fitted.predict(None)


@recurrent
def test_bad_gradient_flow(model):
    fitted = fit(model)
    for steps in (0, -1, 1.5, "3", True, np.nan):
        with pytest.raises((ValueError, TypeError)) as error:
            fitted.gradient_flow(X, y, steps=steps)
        assert_says(error, "steps", repr(steps))
    lead = fitted.lead_
    for rows in (1, lead, lead + 4):
        with pytest.raises(ValueError) as error:
            fitted.gradient_flow(X[:rows], y[:rows], steps=5)
        assert_says(error, "steps=5", f"{lead + 5} rows", str(rows))
    with pytest.raises(ValueError, match="rows"):
        fitted.gradient_flow(X[:lead], y[:lead])
    with pytest.raises(ValueError, match="measured y"):
        fitted.gradient_flow(X, np.full(N, np.nan))
    with pytest.raises(ValueError, match="NaN"):
        fitted.gradient_flow(put(X, (3, 0), np.nan), y)
    with pytest.raises(ValueError, match="expecting 2 features"):
        fitted.gradient_flow(X[:, :1], y)
    with pytest.raises(ValueError, match="inconsistent"):
        fitted.gradient_flow(X, y[:-1])


def test_numpy_scalars_are_numbers():
    fit(
        clone(NARX).set_params(
            hidden_layer_sizes=(np.int64(3),),
            input_lags=np.int32(2),
            output_lags=np.array([1, 3]),
            alpha=np.float32(0.1),
            max_iter=np.int64(2),
            early_stopping=np.bool_(True),
            warm_start=np.bool_(False),
            n_restarts=np.int64(1),
            batch_size=np.int64(8),
            solver=Adam(np.float32(0.01), warmup=np.float64(0.5), clip_norm=np.int64(2)),
        )
    )
    fit(
        clone(TDNN).set_params(
            solver=SGD(np.float64(0.01), momentum=np.float64(0.5), nesterov=np.bool_(False))
        )
    )
    fit(clone(TDNN).set_params(solver=RMSprop(rho=np.float64(0.5), clip_value=np.float64(0.5))))
    fit(clone(TDNN).set_params(hidden_layer_sizes=[3, 3], layer_lags=np.int64(1), dilations=np.array([1, 2])))
    fit(clone(TDNN).set_params(hidden_layer_sizes=np.int64(3)))


@recurrent
def test_numpy_scalars_are_numbers_to_recurrent_models(model):
    numbers = {
        "hidden_layer_sizes": np.array([3, 2]),
        "input_lags": np.int32(2),
        "output_lags": np.array([1, 3]),
        "skip_connections": np.bool_(True),
        "layer_norm": np.bool_(True),
        "bidirectional": np.bool_(False),
        "dropout": np.float32(0.1),
        "input_noise": np.float32(0.1),
        "recurrent_dropout": np.float64(0.1),
        "orthogonal_penalty": np.float32(0.1),
        "sequence_length": np.int64(8),
        "washout": np.int16(3),
        "batch_size": np.uint8(4),
        "alpha": np.float32(0.1),
        "max_iter": np.int64(2),
        "early_stopping": np.bool_(True),
        "warm_start": np.bool_(False),
        "n_jobs": np.int64(1),
    }
    if not has_matrix(model):
        del numbers["recurrent_dropout"], numbers["orthogonal_penalty"]
    own = {"peepholes": np.bool_(True), "forget_gate": np.bool_(False), "forget_bias": np.float32(1)}
    plain = {k: v.tolist() for k, v in (numbers | own).items()}
    fits = [
        fit(clone(model).set_params(**{k: v for k, v in given.items() if k in model.get_params()}))
        for given in (numbers | own, plain)
    ]
    assert np.array_equal(*(fitted.theta_ for fitted in fits))
    fit(clone(model).set_params(dropout=0, washout=0, n_jobs=-1, hidden_layer_sizes=np.int64(3)))
    fit(clone(model).set_params(loss=Pinball(np.float32(0.3)), solver=RMSprop(rho=np.float64(0.5))))


# ---------------------------------------------------------------------------------------- X_future


@every
def test_bad_future(model):
    fitted = fit(model, FRAME, SERIES)
    later = FRAME.shift(N, freq="h")
    cases = {
        "missing": (None, ["forecast(5)", "X_future", "2 inputs", "5 rows"]),
        "too short": (later.iloc[:4], ["X_future", "4 rows", "needs 5"]),
        "overlaps": (FRAME.iloc[-10:], ["X_future begins at", str(HOURS[-10]), str(HOURS[-1]), "update"]),
        "begins late": (later.iloc[2:], ["X_future begins at", str(later.index[2]), "update"]),
        "columns swapped": (later.iloc[:5, ::-1], ["X_future", "same order"]),
        "unknown values": (later * np.nan, ["X_future", "contains NaN"]),
        "one twice": (later.iloc[[0, 1, 1, 2, 3]], ["twice"]),
        "a hole": (later.iloc[[0, 1, 3, 4, 5, 6]], ["X_future", "gap", str(later.index[3])]),
    }
    for X_future, words in cases.values():
        with pytest.raises(ValueError) as error:
            fitted.forecast(5, X_future)
        assert_says(error, *words)
    with pytest.raises(ValueError, match="NaN"):
        fitted.forecast(5, later.where(later["a"] != later["a"].iloc[2]))
    assert len(fitted.forecast(5, later)) == 5  # more rows than needed


# ---------------------------------------------------------------------------------------- words

ESTIMATORS = [kind for kind in map(vars(tsrnn).get, tsrnn.__all__) if hasattr(kind, "fit")]


def with_words(kind):
    """Yield the parameters of a model whose documented types have words, and these words."""
    for names, text in re.findall(r"^(\w[\w, ]*) : (.*\"[a-z_]+\".*)$", getdoc(kind), re.M):
        for name in names.split(", "):
            if name in signature(kind).parameters:
                yield name, re.findall(r'"([a-z_-]+)"', text)


@pytest.mark.parametrize("kind", ESTIMATORS, ids=model_id)
def test_a_wrong_word_is_told_the_right_ones(kind):
    """The message names the argument, the value, and each word that is documented."""
    settings = {"max_iter": 1, "estimator": tsrnn.ARXRegressor(1, 1)}
    if kind is tsrnn.LagRegressor:
        settings["estimator"] = LinearRegression()
    settings = {name: v for name, v in settings.items() if name in signature(kind).parameters}
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    if kind is tsrnn.EncoderDecoderClassifier:
        X, y = ["ab", "ba"] * 5, ["a", "b"] * 5
    elif is_classifier(kind(**settings)):
        y = (y > 0).astype(int)
    asked = [(name, words) for name, words in with_words(kind) if name != "estimator"]
    assert asked
    for name, words in asked:
        with pytest.raises((TypeError, ValueError), match=f"{name}='AUTO'") as caught:
            kind(**{**settings, name: "AUTO"}).fit(X, y)
        message = str(caught.value)
        assert "give" in message or "neither" in message, message
        assert all(word in message for word in words), message


def test_settings_of_a_word_name_the_object_to_give():
    model = tsrnn.GRURegressor()
    with pytest.raises(ValueError, match=r"solver='auto' is a word: give solver an object, such as Adam\(\)"):
        model.set_params(solver__learning_rate=0.1)
    assert model.set_params(solver=tsrnn.Adam(), solver__learning_rate=0.1).solver.learning_rate == 0.1


def test_y_given_first_is_told_to_come_second():
    model = tsrnn.ARXRegressor(output_lags=1).fit(None, np.arange(30.0))
    with pytest.raises(ValueError, match=r"fitted without inputs. .* update\(None, y\)"):
        model.update(np.arange(3.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, X, y: tsrnn.forecast(5, model), "model is of type int"),
        (lambda model, X, y: tsrnn.diagnose(tsrnn.ARXRegressor, X, y), "model is the class ARXRegressor"),
        (lambda model, X, y: model.forecast(X), "steps=<DataFrame> is not a horizon"),
        (lambda model, X, y: model.predict(X, start=X), "start=<DataFrame> is unknown"),
        (lambda model, X, y: tsrnn.diagnostics.anomalies(model, X, None), "anomalies needs the measured y"),
    ],
)
def test_arguments_in_the_wrong_place_are_told(call, message):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    with pytest.raises((TypeError, ValueError), match=message):
        call(tsrnn.ARXRegressor(1, 1).fit(X, X.a + X.b), X, X.a)
