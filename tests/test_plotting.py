"""Displays: they hold and draw the numbers that they were given."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsrnn import (
    ARXRegressor,
    ESNClassifier,
    ESNRegressor,
    Forecaster,
    NARXRegressor,
    TDNNRegressor,
    diagnose,
    sample_paths,
)
from tsrnn.datasets import make_narendra
from tsrnn.diagnostics import explain, lag_importance, residual_correlations
from tsrnn.model_selection import Backtest, backtest


plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("Agg")

from tsrnn.plotting import (  # noqa: E402
    BacktestDisplay,
    CompareDisplay,
    EmbeddingDisplay,
    ErrorCalendarDisplay,
    ExplanationDisplay,
    ForecastDisplay,
    LagImportanceDisplay,
    LeaderboardDisplay,
    LossCurveDisplay,
    PoolingDisplay,
    ProbabilityDisplay,
    ReliabilityDisplay,
    ResidualDisplay,
    ResponseDisplay,
)


@pytest.fixture(autouse=True)
def _close():
    yield
    for number in plt.get_fignums():  # drawing finds what building does not
        figure = plt.figure(number)
        figure.set_dpi(40)  # which is quick
        figure.canvas.draw()
    plt.close("all")


@pytest.fixture(scope="module")
def hours():
    """Inputs and outputs with stamps, and a linear model in a pipeline fitted to the first 400."""
    X, y = make_narendra(700, random_state=0)
    index = pd.date_range("2024-03-28", periods=700, freq="h", tz="Europe/Berlin")
    X, y = pd.DataFrame({"feed": X[:, 0]}, index), pd.Series(y, index, name="level")
    return make_pipeline(StandardScaler(), ARXRegressor()).fit(X[:400], y[:400]), X, y


def labels(ax):
    return ax.get_legend_handles_labels()[1]


# ---------------------------------------------------------------------------------------- forecasts


def test_a_fan_after_its_history(hours):
    model, X, y = hours
    display = ForecastDisplay.from_estimator(
        model, 24, X[400:424], level=[50, 90], n_paths=5, history=y[:400], truth=y[400:], color="k"
    )
    made = model[-1].forecast(24, StandardScaler().fit(X[:400]).transform(X[400:424]), level=[50, 90])
    pd.testing.assert_frame_equal(display.forecast, made)
    assert labels(display.ax_) == [
        "history",
        "90 %",
        "50 %",
        "5 sample paths",
        "ARXRegressor",
        "measured",
    ]
    np.testing.assert_array_equal(display.line_.get_ydata(), made["level"])
    assert display.line_.get_color() == "k"
    for band, level in zip(display.bands_, (90, 50)):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == made[f"lo-{level}"].min()
        assert heights.max() == made[f"hi-{level}"].max()
    assert len(display.paths_) == 5
    shown = {line.get_label(): line for line in display.ax_.lines}
    np.testing.assert_array_equal(shown["history"].get_ydata(), y[400 - 72 : 400])
    np.testing.assert_array_equal(shown["measured"].get_ydata(), y[400:424])
    assert display.ax_.get_ylabel() == "level"
    assert display.figure_ is display.ax_.figure


def test_a_forecast_without_stamps_follows_the_history():
    display = ForecastDisplay(np.arange(5.0), history=np.zeros(30), truth=np.ones(5)).plot(last=10)
    shown = {line.get_label(): line for line in display.ax_.lines}
    assert shown["history"].get_xdata().tolist() == list(range(20, 30))
    assert (
        shown["measured"].get_xdata().tolist()
        == shown["forecast"].get_xdata().tolist()
        == list(range(30, 35))
    )
    assert display.bands_ == display.paths_ == []
    again = ForecastDisplay(np.arange(5.0), name="mine").plot(display.ax_)
    assert again.ax_ is display.ax_
    assert again.line_.get_label() == "mine"
    every_other = np.where(np.arange(30) % 2, np.nan, 1.0)  # points without a neighbour, which no line joins
    display = ForecastDisplay(np.arange(5.0), history=every_other).plot(last=30)
    assert display.ax_.lines[0].get_markevery() == list(range(0, 30, 2))
    seconds = pd.timedelta_range("58s", periods=5, freq="s")
    display = ForecastDisplay(pd.Series(np.arange(5.0), seconds)).plot()
    assert display.ax_.get_xlabel() == "elapsed, h:min:s"
    display.figure_.canvas.draw()
    assert "0:01:00" in [text.get_text() for text in display.ax_.get_xticklabels()]


def test_one_of_several_outputs_and_periods():
    index = pd.period_range("2020-01", periods=3, freq="M")
    table = {"a": 1.0, "a-lo-80": 0.0, "a-hi-80": 2.0, "b": 5.0, "b-lo-80": 4.0, "b-hi-80": 6.0}
    table = pd.DataFrame(table, index=index)
    for output, value in ((None, 1.0), ("b", 5.0)):
        display = ForecastDisplay(table, output=output).plot()
        assert set(display.line_.get_ydata()) == {value}
        assert set(display.bands_[0].get_paths()[0].vertices[:, 1]) == {value - 1, value + 1}
        assert len(display.bands_) == 1


def test_history_and_truth_may_be_all_of_y():
    y = pd.Series(np.arange(40.0), pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Berlin"))
    for zone in ("Europe/Berlin", "UTC"):
        ax = (
            ForecastDisplay(y[20:25] + 100, history=y.tz_convert(zone), truth=y.tz_convert(zone))
            .plot(last=8)
            .ax_
        )
        assert [list(line.get_ydata()[[0, -1]]) for line in ax.lines] == [[12, 19], [120, 124], [20, 24]]
    for given in ("history", "truth"):
        with pytest.raises(ValueError, match=f"The {given} has no time zone, but the forecast has one"):
            ForecastDisplay(y[20:25], **{given: y.tz_localize(None)}).plot()
    for first in (0, 1700):  # numbers are stamps, too
        y.index = range(first, first + 40)
        ax = ForecastDisplay(y[y.index >= first + 20][:5] + 100, history=y, truth=y).plot(last=8).ax_
        ends = [[*line.get_xdata()[[0, -1]] - first, *line.get_ydata()[[0, -1]]] for line in ax.lines]
        assert ends == [[12, 19, 12, 19], [20, 24, 120, 124], [20, 24, 20, 24]]
    counted_anew = y[20:].reset_index(drop=True)
    for truth in (counted_anew[:15], np.arange(20.0, 80.0)):
        y.index = range(40)
        ax = ForecastDisplay(y[20:25], truth=truth).plot().ax_
        assert [*ax.lines[1].get_xdata(), *ax.lines[1].get_ydata()] == [*range(20, 25)] * 2
    with pytest.raises(ValueError, match="last=-3"):
        ForecastDisplay(y[20:25], history=y).plot(last=-3)


def test_forecasts_of_arrays_with_several_outputs_and_of_panels():
    two = np.column_stack([np.arange(6.0), -np.arange(6.0)])
    paths = np.stack([two, two + 1])
    display = ForecastDisplay(two, history=two, truth=two[:4], paths=paths, output=1, unit="bar").plot()
    np.testing.assert_array_equal(display.line_.get_ydata(), two[:, 1])
    np.testing.assert_array_equal(display.paths_[1].get_ydata(), two[:, 1] + 1)
    assert display.ax_.get_ylabel() == "y, output 1, bar"
    assert labels(display.ax_)[-1] == "measured so far"  # it ends before the forecast does
    assert display.ax_.lines[-1].get_linewidth() < display.line_.get_linewidth()  # neither hides the other
    both = pd.concat({"a": pd.Series(two[:, 0]), "b": pd.Series(two[:, 1])})
    assert ForecastDisplay(both, series="b").plot().line_.get_ydata()[5] == -5
    with pytest.raises(ValueError, match="forecast is of several series"):
        ForecastDisplay(both).plot()
    one = ForecastDisplay(pd.DataFrame({"y": [1.0], "lo-80": [0.0], "hi-80": [2.0]})).plot()
    assert one.ax_.get_xlabel() == "steps ahead"
    assert one.line_.get_marker() == "o"  # a line through one point, and an area of no width, are invisible
    assert one.bands_[0].get_segments()[0][:, 1].tolist() == [0, 2]
    for name in ("power [kW]", "kW"):
        named = ForecastDisplay(pd.Series([1.0, 2], name=name), unit="kW").plot()
        assert named.ax_.get_ylabel() == name


def test_free_runs_and_their_fit(hours):
    model, X, y = hours
    display = CompareDisplay.from_estimator({"ARX": model}, X[400:], y[400:], unit="m")
    free = model.predict(X[400:])
    np.testing.assert_allclose(display.lines_["ARX"].get_ydata(), free)
    away = np.linalg.norm(y[400:] - free) / np.linalg.norm(y[400:] - y[400:].mean())
    assert display.fits_["ARX"] == pytest.approx(100 * (1 - away))
    assert labels(display.ax_) == ["measured", f"ARX, fit {display.fits_['ARX']:.1f} %"]
    assert display.ax_.get_ylabel() == "level, m"


# ---------------------------------------------------------------------------------------- training


def test_loss_curves():
    X, y = make_narendra(500, random_state=0)
    model = NARXRegressor((3,), training="open_loop", max_iter=15, random_state=0).fit(X, y)
    display = LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), model).fit(X, y), linewidth=3)
    model = NARXRegressor((3,), training="open_loop", max_iter=15, random_state=0).fit(
        StandardScaler().fit_transform(X), y
    )
    for line, curve in zip(display.lines_, (model.loss_curve_, model.validation_curve_), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curve)
        assert line.get_linewidth() == 3
    assert display.best_ == np.argmin(model.validation_curve_) + 1
    assert f"in iteration {display.best_}" in labels(display.ax_)[-1]
    assert display.ax_.get_yscale() == "log"
    one = LossCurveDisplay.from_estimator(ESNRegressor(20, random_state=0).fit(X, y))
    assert (len(one.lines_), one.best_) == (1, 1)
    assert LossCurveDisplay([3.0, 2.0, 2.5]).plot().best_ == 2
    assert LossCurveDisplay([0.0]).plot().ax_.get_yscale() == "linear"
    stages = [("open loop", 2, "max_iter"), ("closed loop", 3, "max_iter")]
    display = LossCurveDisplay([3.0, 1.0, 9.0, 7.0, 8.0], stages=stages).plot()
    assert [line.get_xdata().tolist() for line in display.lines_] == [[1, 2], [3, 4, 5]]  # not joined
    assert display.best_ == 4  # of the last stage, whose loss is another
    assert [text.get_text() for text in display.ax_.texts] == ["open loop", "closed loop"]


def test_leaderboard():
    board = pd.DataFrame({"error": [0.5, 0.6, 1.0, np.inf], "weight": [1.0, 1.0, 0.0, np.nan]})
    board.index = ["blend", "ARX", "persistence", "dropped"]
    display = LeaderboardDisplay(board).plot()
    assert [bar.get_width() for bar in display.bars_] == [0.5, 0.6, 1.0]
    assert [text.get_text() for text in display.ax_.texts] == ["0.5", "0.6, weight 100%", "1"]
    assert len(LeaderboardDisplay(board, n_rows=2).plot().bars_) == 2


# ---------------------------------------------------------------------------------------- backtests


def test_errors_by_horizon(hours):
    model, X, y = hours
    blind = ARXRegressor(input_lags=(), output_lags=2).fit(None, y[:400])
    results = {"ARX": backtest(model, X[400:], y[400:], 6, period=24)}
    display = BacktestDisplay.from_backtests(results)
    assert list(display.lines_) == ["ARX", "persistence", "seasonal naive"]
    np.testing.assert_array_equal(display.lines_["ARX"].get_ydata(), results["ARX"].errors["RMSE"])
    assert "backtest" in BacktestDisplay.from_backtests(results["ARX"]).lines_
    measured = y[400:].to_numpy()
    origins = np.arange(1, 300 - 6 + 1)
    last = [np.sqrt(np.mean((measured[origins + h] - measured[origins - 1]) ** 2)) for h in range(6)]
    np.testing.assert_allclose(display.lines_["persistence"].get_ydata(), last, rtol=0.02)  # one origin fewer
    assert display.ax_.get_ylim()[0] == 0
    assert display.lines_["persistence"].get_linestyle() == "--"
    straight = BacktestDisplay.from_estimator({"ARX": model}, X[400:], y[400:], 6, line_kw={"linewidth": 4})
    np.testing.assert_array_equal(straight.lines_["ARX"].get_ydata(), results["ARX"].errors["RMSE"])
    assert straight.lines_["ARX"].get_linewidth() == 4
    single = BacktestDisplay.from_estimator(blind, None, y[400:], 6, metric="MAE", level=80)
    assert list(single.lines_) == ["ARXRegressor"]
    with pytest.raises(ValueError, match="metric='RMS' is not a column"):
        BacktestDisplay.from_backtests(results, metric="RMS")
    with pytest.raises(TypeError, match="results holds a list: give a Backtest, or a dict"):
        BacktestDisplay.from_backtests(list(results.values()))
    covered = {"A": backtest(model, X[400:], y[400:], 3, level=80)}
    ax = BacktestDisplay.from_backtests(covered, metric="coverage-80").ax_
    assert [line.get_ydata()[0] for line in ax.lines][-1] == 0.8
    both = pd.concat([y, -2 * y], axis=1, keys=["a", "b"])
    double = {"A": backtest(ARXRegressor().fit(X[:400], both[:400]), X[400:], both[400:], 3)}
    a, b = (
        BacktestDisplay.from_backtests(double, output=name).lines_["A"].get_ydata() for name in (None, "b")
    )
    np.testing.assert_allclose(2 * a, b, rtol=1e-6)


def test_ticks_of_steps():
    few, many = (pd.DataFrame({"a": np.ones(n)}, index=range(1, n + 1)) for n in (5, 96))
    few, many = BacktestDisplay(few, unit="kW").plot(), BacktestDisplay(many, metric="MASE", unit="kW").plot()
    assert few.ax_.get_xticks().tolist() == [1, 2, 3, 4, 5]
    assert many.ax_.get_xticks().tolist() == [1, *range(12, 97, 12)]
    assert few.lines_["a"].get_marker() == "o"
    assert many.lines_["a"].get_marker() == "None"  # they would touch
    assert [d.ax_.get_ylabel() for d in (few, many)] == ["RMSE, kW", "MASE"]
    long = BacktestDisplay(pd.DataFrame({"a": np.ones(10_000)}, index=range(1, 10_001))).plot()
    assert long.ax_.get_xticks().tolist() == [1, *range(2000, 10_001, 2000)]


def test_many_long_names_are_told_apart_and_stay_in_the_picture():
    names = [f"a net with {k} units and early stopping" for k in range(12)]
    display = BacktestDisplay(pd.DataFrame(np.ones((5, 12)), range(1, 6), names)).plot()
    looks = {(line.get_color(), line.get_linestyle()) for line in display.lines_.values()}
    assert len(looks) == 12
    legend = display.ax_.get_legend()
    assert len({text.get_text() for text in legend.get_texts()}) == 12
    display.figure_.canvas.draw()
    assert legend.get_window_extent().y0 >= 0
    assert legend.get_window_extent().x1 <= display.figure_.bbox.x1
    weights = np.full((60, 5), 0.2)
    display = PoolingDisplay(weights, labels=names * 5).plot()
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
    assert -np.diff([box.y0 for box in boxes]).max() >= boxes[0].height  # none lies over the next
    one = PoolingDisplay([np.ones(1)]).plot()
    assert not np.any(one.ax_.get_xticks() % 1)


def test_errors_by_hour_and_weekday():
    time = pd.date_range("2024-01-01", periods=24 * 14, freq="h")  # a Monday
    rows = pd.DataFrame({"time": time, "step": 1, "y": 0.0, "forecast": 0.0})
    rows.loc[(time.day_of_week == 2) & (time.hour == 5), "forecast"] = [3.0, -1.0]
    result = backtest_of(rows)
    display = ErrorCalendarDisplay.from_backtest(result, unit="kW")
    assert display.table.loc["Wed", 5] == pytest.approx(np.sqrt(5))
    assert np.count_nonzero(display.image_.get_array()) == 1
    assert ErrorCalendarDisplay.from_backtest(result, metric="bias").table.loc["Wed", 5] == 1
    days = rows.assign(time=pd.date_range("2024-01-01", periods=len(rows)))
    assert ErrorCalendarDisplay.from_backtest(backtest_of(days)).table.shape == (7, 12)
    with pytest.raises(ValueError, match="has no dates"):
        ErrorCalendarDisplay.from_backtest(backtest_of(rows.assign(time=range(len(rows)))))
    with pytest.raises(ValueError, match="metric='R2' is none"):
        ErrorCalendarDisplay.from_backtest(result, metric="R2")


def backtest_of(rows):
    """A backtest of these forecasts."""
    return Backtest(rows, None)


def test_reliability(hours):
    model, X, y = hours
    result = backtest(model, X[400:], y[400:], 12, level=[50, 90])
    display = ReliabilityDisplay.from_backtest(result)
    assert list(display.lines_) == [1, 4, 7, 9, 12]
    for step, line in display.lines_.items():
        seen = result.errors.loc[step, ["coverage-50", "coverage-90"]]
        np.testing.assert_allclose(line.get_ydata(), 100 * seen)
        assert line.get_xdata().tolist() == [50, 90]
    with pytest.raises(ValueError, match="no intervals"):
        ReliabilityDisplay.from_backtest(backtest(model, X[400:], y[400:], 2))


def test_errors_of_a_diagnosis(hours):
    model, X, y = hours
    diagnosis = diagnose(model, X[400:], y[400:], horizons=[1, 3, 6])
    display = BacktestDisplay.from_diagnosis(diagnosis)
    assert list(display.lines_) == ["ARXRegressor", "persistence", "seasonal naive", "linear ARX", "mean"]
    assert display.ax_.get_xticks().tolist() == [1, 3, 6]


# ---------------------------------------------------------------------------------------- residuals


def test_attention_of_series_of_any_length():
    weights = [np.full(4, 0.25), np.array([0.5, 0.5])]
    display = PoolingDisplay(weights, labels=["a", "b"], name="mine").plot(cmap="gray")
    table = display.image_.get_array()
    assert table.filled(-1).tolist() == [[0.25] * 4, [0.5, 0.5, -1, -1]]
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["a", "b"]
    assert display.ax_.get_title("left") == "mine"


def test_residuals_of_a_diagnosis(hours):
    model, X, y = hours
    diagnosis = diagnose(model, X[400:], y[400:], max_lag=12)
    display = ResidualDisplay.from_diagnosis(diagnosis)
    assert isinstance(display, ResidualDisplay)
    along, against, own, cross = display.ax_
    np.testing.assert_array_equal(along.lines[0].get_ydata(), diagnosis.residuals)
    np.testing.assert_array_equal(against.lines[0].get_xdata(), diagnosis.forecast)
    assert along.get_title(loc="left") == "ARXRegressor, 1 step ahead"
    sticks = np.concatenate([stick[1:, 1] for lines in own.collections[:2] for stick in lines.get_segments()])
    assert sorted(sticks) == sorted(diagnosis.autocorrelation["residuals"])
    table = diagnosis.autocorrelation
    shaded = own.collections[2].get_paths()[0].vertices[:, 1]
    assert shaded.max() == -shaded.min() == table["bound"].iloc[0]
    assert labels(cross) == ["feed", "95 %"]
    np.testing.assert_array_equal(cross.lines[0].get_ydata(), diagnosis.cross_correlation["feed", "u, e"])
    axes = plt.subplots(4)[1]
    assert ResidualDisplay.from_diagnosis(diagnosis, ax=axes).ax_[3] is axes[3]
    again = ResidualDisplay.from_estimator(model, X[400:], y[400:], max_lag=12)
    np.testing.assert_array_equal(again.residuals, diagnosis.residuals)


def test_residuals_of_any_forecast(hours):
    _, X, y = hours
    display = ResidualDisplay.from_predictions(y, 0.8 * y, X=X, max_lag=9, name="mine")
    own, cross, _ = residual_correlations(0.2 * y, X, max_lag=9)
    np.testing.assert_allclose(display.autocorrelation, own, rtol=1e-9)
    np.testing.assert_allclose(display.cross_correlation, cross, rtol=1e-9)
    assert display.ax_[0].get_title(loc="left") == "mine"
    outside = own.index[own["residuals"].abs() > own["bound"]]
    assert len(outside) > 0
    assert [stick[0, 0] for stick in display.ax_[2].collections[1].get_segments()] == outside.tolist()
    rng = np.random.default_rng(0)
    many = ResidualDisplay.from_predictions(rng.normal(size=3000), np.where(np.arange(3000) % 9, 0.5, np.nan))
    assert many.ax_[3].get_ylabel() == "autocorrelation of squares"
    wide = ResidualDisplay.from_predictions(y, 0.8 * y, X=rng.normal(size=(700, 9)))
    assert len(labels(wide.ax_[3])) == 5
    assert "(4 of 9 inputs)" in wide.ax_[3].get_ylabel()


# ---------------------------------------------------------------------------------------- lags


def test_importance_of_lags(hours):
    model, X, y = hours
    display = LagImportanceDisplay.from_estimator(model, X[400:], y[400:], 6)
    table = lag_importance(model, X[400:], y[400:], 6)
    pd.testing.assert_frame_equal(display.importance, table)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == table.sum().sort_values().index.tolist()  # the most important on top
    shown = np.ma.filled(display.image_.get_array(), np.nan)
    np.testing.assert_array_equal(shown, table[names].where(table[names] > 0).T)
    one = LagImportanceDisplay(table[["level"]], name="a").plot(cmap="magma")
    assert one.image_.get_cmap().name == "magma"
    assert one.ax_.get_title(loc="left").startswith("a: ")
    empty = LagImportanceDisplay(table * 0).plot(plt.subplots()[1])
    assert np.isnan(np.ma.filled(empty.image_.get_array(), np.nan)).all()
    hairline = LagImportanceDisplay(table.iloc[1:2]).plot()
    assert [bar.get_width() for bar in hairline.image_] == sorted(table.loc[1])
    assert hairline.ax_.get_xlabel().endswith("lag 1")


# ---------------------------------------------------------------------------------------- answers


def test_responses_and_explanations(hours):
    model, X, y = hours
    display = ResponseDisplay.from_estimator(model, n_rows=8, size=2.0, unit="m")
    step, impulse = (ax.lines[0].get_ydata() for ax in display.ax_)
    np.testing.assert_allclose(np.cumsum(impulse), step, atol=1e-8)  # of a linear model
    assert display.ax_[0].get_ylabel() == "step response of y, m"
    table = explain(model, X[400:], y[400:], at=40)
    drawn = ExplanationDisplay(table).plot()
    assert np.abs(drawn.image_.get_array()).max() == table.abs().to_numpy().max()
    words = [text.get_text().split("  ") for text in drawn.ax_.get_yticklabels()]
    assert {name: float(total) for name, total in words} == pytest.approx(table.sum().to_dict(), rel=0.01)
    assert drawn.ax_.get_title(loc="left").startswith(f"forecast {table.attrs['forecast']:.4g} = ")
    assert drawn.ax_.get_xlabel().startswith("lag")
    of_series = table.reset_index(drop=True).rename_axis("row")
    drawn = ExplanationDisplay(of_series).plot()
    assert drawn.ax_.get_xlabel() == "row of the series"
    assert drawn.image_.get_array().shape[1] == len(table)  # all rows, also those that moved nothing


def test_maps_and_probabilities():
    places = np.array([[0.0, 1], [2, 0], [-2, -1]])
    display = EmbeddingDisplay(pd.DataFrame(places, ["a", "b", "c"])).plot()
    np.testing.assert_allclose(display.points_.get_offsets(), places)
    assert [text.get_text() for text in display.ax_.texts] == ["a", "b", "c"]
    names = [f"substation {k} of the north-western region" for k in (3, 14, 15)]
    display = EmbeddingDisplay(
        pd.DataFrame(places, names)
    ).plot()  # what differs is not cut out of their middle
    assert [text.get_text() for text in display.ax_.texts] == ["3", "14", "15"]
    crowd = EmbeddingDisplay(
        pd.DataFrame(np.vstack([np.zeros((40, 2)), places]), [" "] * 40 + ["a", "b", "c"])
    ).plot()
    written = [text.get_text() for text in crowd.ax_.texts]
    assert len(written) < 12
    assert len(set(written) - {"' '"}) == 3
    shares = pd.DataFrame({"no": [0.75, 0.5, 0.0], "yes": [0.25, 0.5, 1.0]})
    display = ProbabilityDisplay(shares, ["no", None, "yes"]).plot()
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in display.areas_]
    assert tops == [0.75, 1.0]
    assert display.ax_.get_yticklabels()[-1].get_text() == "true"
    bands = display.ax_.collections[2:]
    ends = [band.get_paths()[0].vertices[:, 0] for band in bands]
    assert [(v.min(), v.max()) for v in ends] == [(0, 1), (2, 3)]


def test_one_of_several_outputs_is_named_and_one_iteration_has_one_tick():
    X, y = make_narendra(300, random_state=0)
    Y = np.column_stack([y, y**2])
    model = ARXRegressor().fit(X[:200], Y[:200])
    result = backtest(model, X[200:], Y[200:], 3)
    assert BacktestDisplay.from_backtests({"ARX": result}, output=1).ax_.get_title("left") == "output 1"
    assert CompareDisplay.from_estimator(model, X[200:], Y[200:], output=1).ax_.get_ylabel() == "y, output 1"
    assert LossCurveDisplay.from_estimator(model).ax_.get_xticks().tolist() == [1]
    ahead = X[200:204]
    paths = sample_paths(model.set_params(random_state=0), 4, ahead, n_paths=3)
    display = ForecastDisplay.from_estimator(model, 4, ahead, n_paths=3, output="y1")
    np.testing.assert_array_equal([line.get_ydata() for line in display.paths_], paths[:, :, 1])


def test_what_has_no_picture_says_so():
    X, y = make_narendra(200, random_state=0)
    net = TDNNRegressor((2,), input_lags=2, max_iter=2, random_state=0)
    one, two = (Forecaster(net, 2, strategy=word).fit(X, y) for word in ("multi_output", "direct"))
    curve = LossCurveDisplay.from_estimator(one).lines_[0].get_ydata()
    np.testing.assert_array_equal(curve, one.loss_curve_[0])
    with pytest.raises(ValueError, match=r"Forecaster has 2 nets, with a curve each: draw one of them"):
        LossCurveDisplay.from_estimator(two)
    several = ESNClassifier(5).fit(X, np.column_stack([y > 0, y > 1]).astype(int))
    with pytest.raises(ValueError, match="several labels per row, whose probabilities do not add up"):
        ProbabilityDisplay.from_estimator(several, X)
    with pytest.raises(TypeError, match="forecasts labels, which have no intervals to draw"):
        ForecastDisplay.from_estimator(ESNClassifier(5).fit(X, y > 0), 3)
    with pytest.raises(TypeError, match="ARXRegressor has no attention over rows to draw"):
        PoolingDisplay.from_estimator(ARXRegressor().fit(X, y), X)
    with pytest.raises(TypeError, match="ESNClassifier has no trajectories"):
        CompareDisplay.from_estimator(several, X, y > 0)
