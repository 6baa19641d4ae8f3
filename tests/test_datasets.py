"""The data: grids, units, gaps exactly as documented, each known trap; the generators against slow twins."""

import inspect
import math
import types
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp

from tsrnn import datasets
from tsrnn.datasets import _loaders


ROOT = Path(__file__).resolve().parents[1]
TURBINES = ["R80711", "R80721", "R80736", "R80790"]

# loader, rows, inputs, frequency, NaN in the target, range of the target
loaded = cache(lambda load, *args, **kw: load(*args, **kw))  # for tests that only read

LOADERS = [
    (datasets.load_wind_farm, 17520, 4, "h", 78, (-20, 2060)),
    (datasets.load_solar_plant, 23808, 3, "h", 329, (0, 3400)),
    (datasets.load_oil_price, 8611, 0, "B", 290, (10, 150)),
    (datasets.load_sunspots, 309, 0, "YS-JAN", 0, (0, 200)),
    (datasets.load_co2, 2284, 0, "W-SAT", 59, (310, 380)),
    (datasets.load_laser, 10093, 0, None, 0, (0, 255)),
]


def derive_module():
    path = ROOT / "datasets" / "derive.py"
    module = types.ModuleType("derive")
    module.__file__ = str(path)
    # leaves no __pycache__ in the data
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), vars(module))
    return module


# --------------------------------------------------------------------------------------- all loaders


@pytest.mark.parametrize(("load", "n_rows", "n_inputs", "freq", "n_missing", "span"), LOADERS)
def test_loader(load, n_rows, n_inputs, freq, n_missing, span):
    bunch = loaded(load)
    assert bunch.data.shape == (n_rows, n_inputs)
    assert bunch.target.shape == (n_rows,)
    assert list(bunch.data.columns) == bunch.feature_names
    assert [bunch.target.name] == bunch.target_names
    pd.testing.assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    pd.testing.assert_series_equal(bunch.frame[bunch.target.name], bunch.target)

    index = bunch.frame.index
    assert index.is_unique
    assert index.is_monotonic_increasing
    if freq is None:
        assert index.equals(pd.RangeIndex(n_rows))
    else:
        assert index.freqstr == freq
        assert index.name == "time"
        assert index.equals(pd.date_range(index[0], index[-1], freq=freq))

    assert (bunch.data.dtypes == np.float64).all()
    assert bunch.target.dtype == np.float64
    assert not bunch.data.isna().any(axis=None)
    assert bunch.target.isna().sum() == n_missing
    assert bunch.target.min() >= span[0]
    assert bunch.target.max() <= span[1]
    assert not np.isinf(bunch.target).any()


@pytest.mark.parametrize("load", [row[0] for row in LOADERS])
def test_return_X_y_and_description(load):
    bunch = loaded(load)
    X, y = load(return_X_y=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_series_equal(y, bunch.target)
    assert Path(bunch.filename).is_file()
    assert bunch.DESCR.startswith(Path(bunch.filename).name)
    for word in ("Source:", "Licence:", "Grid:", "Traps:", "PyPI package"):
        assert word in " ".join(bunch.DESCR.split())
    assert "## " not in bunch.DESCR  # no other file's section


@pytest.mark.parametrize("load", [row[0] for row in LOADERS])
def test_what_is_returned_is_the_users_to_change(load):
    bunch = load()
    bunch.target[:] = 0.0
    assert not (bunch.frame[bunch.target_names[0]] == 0.0).all()
    assert not (load().target == 0.0).all()


def test_package_data_come_before_the_repository(tmp_path, monkeypatch):
    module = tmp_path / "tsrnn" / "datasets" / "_loaders.py"
    (module.parent / "data").mkdir(parents=True)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "a.csv").write_text("outside")
    monkeypatch.setattr(_loaders, "__file__", str(module))
    assert _loaders._path("a.csv") == tmp_path / "datasets" / "a.csv"
    (module.parent / "data" / "a.csv").write_text("inside")
    assert _loaders._path("a.csv") == module.parent / "data" / "a.csv"
    with pytest.raises(FileNotFoundError, match=r"b\.csv .*reinstall"):
        _loaders._path("b.csv")


# ----------------------------------------------------------------------------------------- wind farm


@pytest.mark.parametrize(
    ("turbine", "n_missing", "n_filled"),
    [("R80711", 78, 78), ("R80721", 203, 228), ("R80736", 73, 73), ("R80790", 79, 79)],
)
def test_wind_farm_turbine(turbine, n_missing, n_filled):
    farm = loaded(datasets.load_wind_farm, turbine)
    frame = farm.frame
    assert str(frame.index.tz) == "UTC"
    assert frame.index[0] == pd.Timestamp("2014-01-01 01:00", tz="UTC")
    assert frame.index[-1] == pd.Timestamp("2016-01-01 00:00", tz="UTC")

    assert farm.target.isna().sum() == n_missing
    assert frame["inputs_filled"].sum() == n_filled
    assert (frame["inputs_filled"] | frame["power"].notna()).all()
    assert farm.target.max() > 2000  # it reaches its rated 2050 kW
    assert -20 < farm.target.min() < 0  # standstill

    assert frame["wind_speed"].between(0, 25).all()
    assert frame["temperature"].between(-10, 40).all()  # no -273.2
    length = np.hypot(frame["wind_direction_sin"], frame["wind_direction_cos"])
    assert (length <= 1.001).all()
    assert frame["wind_direction"].between(0, 360, inclusive="left").all()
    back = np.deg2rad(frame["wind_direction"])
    assert_allclose(length * np.sin(back), frame["wind_direction_sin"], atol=1e-12)
    assert_allclose(length * np.cos(back), frame["wind_direction_cos"], atol=1e-12)


@pytest.mark.parametrize("turbine", TURBINES)
def test_wind_farm_fills_inputs_by_the_documented_rule_only(turbine):
    wide = pd.read_csv(ROOT / "datasets" / "wind_farm.csv")
    farm = loaded(datasets.load_wind_farm, turbine)
    data, target = farm.data, farm.target
    assert_array_equal(target, wide[f"{turbine}_power"])
    n_carried = 0
    for name in data:
        own = wide[f"{turbine}_{name}"].tolist()
        others = wide[[f"{k}_{name}" for k in TURBINES if k != turbine]].to_numpy()
        expected = []
        for t, value in enumerate(own):
            if math.isnan(value):
                known = others[t][~np.isnan(others[t])]
                n_carried += known.size == 0
                value = known.mean() if known.size else expected[-1]
            expected.append(value)
        assert_allclose(data[name], expected, atol=1e-12)
    assert n_carried == 4 * 65


def test_wind_farm_clock_is_utc_all_year():
    # The coldest hour of the mean day is about that of sunrise: at the site 03:45 UTC in June, 07:30 in
    # December. By the offsets of the source, June's would come at 02:00.
    for turbine in TURBINES:
        t = loaded(datasets.load_wind_farm, turbine).data["temperature"]
        coldest = t.groupby([t.index.month, t.index.hour]).mean().unstack().idxmin(axis=1)
        assert (coldest[5:8] == 4).all()
        assert coldest[[1, 2, 11, 12]].between(6, 7).all()


@pytest.mark.parametrize("turbine", TURBINES)
def test_wind_farm_clock_changes_leave_no_trace(turbine):
    farm = loaded(datasets.load_wind_farm, turbine)
    for day in ("2014-03-30", "2015-03-29", "2014-10-26", "2015-10-25"):
        hours = farm.frame[f"{day} 00:00" : f"{day} 05:00"]
        assert len(hours) == 6
        assert hours["power"].notna().all()
        assert not hours["inputs_filled"].any()
        assert hours["temperature"].diff().abs().max() < 1.5


def test_wind_farm_power_follows_wind():
    frame = loaded(datasets.load_wind_farm).frame
    assert frame["power"].corr(frame["wind_speed"]) > 0.9
    assert frame["power"].corr(frame["wind_speed"].shift(1)) < frame["power"].corr(frame["wind_speed"])
    assert frame["power"].corr(frame["wind_speed"].shift(-1)) < frame["power"].corr(frame["wind_speed"])


@pytest.mark.parametrize("turbine", ["R80712", 1, None])
def test_wind_farm_unknown_turbine(turbine):
    with pytest.raises(ValueError, match=r"turbine=.*choose from R80711, R80721"):
        loaded(datasets.load_wind_farm, turbine)


# --------------------------------------------------------------------------------------- solar plant


def best_lag(power, other):
    """Hours by which power follows other, by month."""
    month = power.index.month
    return {
        m: max(range(-3, 4), key=lambda lag: power[month == m].corr(other.shift(lag)[month == m]))
        for m in range(1, 13)
    }


def test_solar_plant_is_aligned_with_the_sun():
    frame = loaded(datasets.load_solar_plant).frame
    assert best_lag(frame["power"], frame["ghi"]) == dict.fromkeys(range(1, 13), 0)


def test_solar_plant_as_recorded_has_the_shift_of_daylight_saving():
    plant = loaded(datasets.load_solar_plant, as_recorded=True)
    lag = best_lag(plant.target, plant.data["ghi"])
    assert [lag[m] for m in range(1, 13)] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    assert plant.target.isna().sum() == 736
    assert plant.target.min() == 0
    pd.testing.assert_frame_equal(plant.data, loaded(datasets.load_solar_plant).data)

    aligned = loaded(datasets.load_solar_plant).target
    day = loaded(datasets.load_solar_plant).data["ghi_clear"] > 0
    for recorded, shift in (("2012-07", 1), ("2012-01", 0)):
        same = aligned.shift(shift)[recorded] - plant.target[recorded]
        assert same[day[recorded]].abs().max() < 3  # W, the noise of the night that is set to zero


def test_solar_plant_grid_and_night():
    frame = loaded(datasets.load_solar_plant).frame
    assert set(frame.index.map(lambda t: t.utcoffset())) == {pd.Timedelta(hours=-7)}
    assert frame.index[0] == pd.Timestamp("2011-04-15 00:00-07:00")
    assert frame.index[-1] == pd.Timestamp("2013-12-31 23:00-07:00")
    night = frame["ghi_clear"] == 0
    assert (frame.loc[night, "power"] == 0).all()
    assert frame.loc[night, "ghi"].max() == 0
    assert not night.between_time("08:00", "15:59").any()
    assert frame["ghi"].between(0, 1100).all()
    assert frame["temperature"].min() == 0  # the source cuts it off: see DESCR


# ------------------------------------------------------------------------------------- other series


def test_single_series_known_values():
    oil = datasets.load_oil_price().target
    assert oil["1986-01-02"] == 25.56
    assert math.isnan(oil["2018-12-25"])
    assert oil.min() == 10.25
    sun = datasets.load_sunspots().target
    assert (sun.index[0].year, sun.index[-1].year) == (1700, 2008)
    assert sun.idxmax().year == 1957
    co2 = datasets.load_co2().target
    assert co2.iloc[-1] == 371.5
    assert co2["1964-01-25":"1964-05-23"].isna().all()
    laser = datasets.load_laser().target
    assert laser[:10].tolist() == [86, 141, 95, 41, 22, 21, 32, 72, 138, 111]
    assert (laser % 1 == 0).all()
    assert (laser == 255).sum() == 12


# ------------------------------------------------------------------------------- the derivation script


@pytest.mark.parametrize("name", ["wind_farm", "solar_plant", "oil_price", "sunspots", "co2", "laser"])
def test_committed_files_pass_the_scripts_verification(name):
    derive = derive_module()
    text = (ROOT / "datasets" / f"{name}.csv").read_text(encoding="utf-8")
    frame = _loaders._read(name, derive.FILES[name][3])
    derive.verify(name, frame)
    assert derive.to_text(name, frame) == text
    assert derive.compare(name, text, text) == []
    with pytest.raises(AssertionError):
        derive.verify(name, frame.iloc[1:])


def test_script_notices_differences():
    derive = derive_module()
    text = "time,sunspots\n1700-01-01,5.0\n1701-01-01,11.0\n"
    assert derive.compare("sunspots", text, text.replace("11.0", "11.1")) == []  # rounding
    assert "values differ" in derive.compare("sunspots", text, text.replace("11.0", "11.3"))[0]
    assert "missing" in derive.compare("sunspots", text, text.replace("11.0", ""))[0]
    assert "stamps" in derive.compare("sunspots", text, text.replace("1701", "1702"))[0]
    assert "shape" in derive.compare("sunspots", text, text + "1702-01-01,1.0\n")[0]


def test_script_orders_the_repeated_hour():
    derive = derive_module()
    rng = np.random.default_rng(0)
    truth = np.cumsum(1 + rng.normal(size=(14, 3)) / 10, axis=0)  # before, two hours of six, after
    pairs = np.stack([truth[1:7], truth[7:13]], axis=1)
    swapped = pairs.copy()
    swapped[[0, 3, 4]] = swapped[[0, 3, 4], ::-1]
    for p in (pairs, swapped):
        order = derive.order_of_repeated_hour(p, truth[0], truth[13])
        assert_array_equal(p.reshape(12, 3)[order], truth[1:13])


# --------------------------------------------------------------------------- generators: slow twins


def narma_slow(u, order):
    def at(z, t):
        return z[t] if t >= 0 else 0.0

    y = [0.0]
    for t in range(len(u) - 1):
        total = sum(at(y, t - i) for i in range(order))
        product = at(u, t - order + 1) * u[t]
        if order <= 10:
            y.append(0.3 * y[t] + 0.05 * y[t] * total + 1.5 * product + 0.1)
        elif order <= 20:
            y.append(math.tanh(0.3 * y[t] + 0.05 * y[t] * total + 1.5 * product + 0.01))
        else:
            y.append(0.2 * y[t] + 0.04 * y[t] * total + 1.5 * product + 0.001)
    return y


@pytest.mark.parametrize("order", [1, 2, 10, 11, 20, 21, 30])
@pytest.mark.parametrize("n", [1, 2, 400])
def test_narma(order, n):
    X, y = datasets.make_narma(n, order, random_state=1)
    assert X.shape == (n, 1)
    assert X.min() >= 0
    assert X.max() <= 0.5
    assert_array_equal(X[:, 0], np.random.RandomState(1).uniform(0, 0.5, n))
    assert_allclose(y, narma_slow(X[:, 0].tolist(), order), rtol=1e-12)


def test_narma_alignment():
    # y[t] feels u[t-1], through u(t-1) u(t-10), and not u[t]
    X, y = datasets.make_narma(60, random_state=0)
    u = X[:, 0].copy()
    u[40] += 0.1
    changed = np.flatnonzero(np.abs(np.array(narma_slow(u.tolist(), 10)) - y) > 1e-9)
    assert changed[0] == 41


class DivergingFirst(np.random.RandomState):
    """Its first draw drives NARMA-10 to infinity."""

    n_draws = 0

    def uniform(self, low=0.0, high=1.0, size=None):
        self.n_draws += 1
        return np.full(size, 0.5) if self.n_draws == 1 else super().uniform(low, high, size)


def test_narma_draws_again_where_it_diverges():
    random_state = DivergingFirst(3)
    X, y = datasets.make_narma(2000, random_state=random_state)
    assert random_state.n_draws == 2
    assert np.isfinite(y).all()
    assert y.max() < 2
    assert_array_equal(X[:, 0], np.random.RandomState(3).uniform(0, 0.5, 2000))


def test_narma_gives_up_where_all_draws_diverge(monkeypatch):
    monkeypatch.setattr(DivergingFirst, "uniform", lambda self, low, high, size: np.full(size, 0.5))
    with pytest.raises(ValueError, match="n_timesteps=500, order=10: 100 draws"):
        datasets.make_narma(500, random_state=DivergingFirst(0))


@pytest.mark.parametrize("order", [10, 20, 30])
def test_narma_long_series_stay_in_range(order):
    _, y = datasets.make_narma(30000, order, random_state=0)
    assert y.min() == 0
    assert y.max() < 1.2


def mackey_glass_slow(n_steps, tau, a, b, n, x0, history, step):
    """Runge-Kutta, one stage at a time, on the delay equation itself."""
    delay = round(tau / step)
    x = [x0]

    def slope(value, delayed):
        return a * delayed / (1 + delayed**n) - b * value

    for i in range(n_steps):
        if i < delay:
            left = right = history
        else:
            left, right = x[i - delay], x[i - delay + 1]
        middle = (left + right) / 2
        k1 = slope(x[i], left)
        k2 = slope(x[i] + step / 2 * k1, middle)
        k3 = slope(x[i] + step / 2 * k2, middle)
        k4 = slope(x[i] + step * k3, right)
        x.append(x[i] + step * (k1 + 2 * k2 + 2 * k3 + k4) / 6)
    return np.array(x)


@pytest.mark.parametrize(
    "settings",
    [
        {"tau": 17},
        {"tau": 30.0, "dt": 0.5, "step": 0.25},
        {"tau": 17, "a": 0.25, "b": 0.12, "n": 9.5, "x0": 0.9, "history": 0.5},
        {"tau": 0.1, "dt": 0.1},
    ],
)
@pytest.mark.parametrize("discard", [0, 7])
def test_mackey_glass(settings, discard):
    s = {"a": 0.2, "b": 0.1, "n": 10, "x0": 1.2, "history": 0.0, "dt": 1.0, "step": 0.1} | settings
    every = round(s.pop("dt") / s["step"])
    x = datasets.make_mackey_glass(300, discard=discard, **settings)
    slow = mackey_glass_slow((discard + 299) * every, **s)
    assert_allclose(x, slow[discard * every :: every], rtol=1e-9)


def test_mackey_glass_protocol_of_jang():
    x = datasets.make_mackey_glass(1201, tau=17, discard=0)
    assert x.shape == (1201,)
    # nothing fed back before t = tau: pure decay from 1.2
    assert_allclose(x[:18], 1.2 * np.exp(-0.1 * np.arange(18)), rtol=1e-7)
    # then it is fed the decay: dx/dt = 0.2 z / (1 + z^10) - 0.1 x with z = 1.2 exp(-0.1 (t - 17))
    exact = solve_ivp(
        lambda t, v: 0.2 * (z := 1.2 * np.exp(-0.1 * (t - 17))) / (1 + z**10) - 0.1 * v,
        (17, 34),
        [1.2 * np.exp(-1.7)],
        t_eval=np.arange(17, 35),
        rtol=1e-10,
        atol=1e-12,
    )
    assert_allclose(x[17:35], exact.y[0], rtol=1e-4)
    # and stays on the bounded attractor
    assert 0.2 < x[100:].min() < 0.5
    assert 1.2 < x[100:].max() < 1.4


def test_mackey_glass_step_is_fine_enough():
    coarse = datasets.make_mackey_glass(300, discard=0)
    fine = datasets.make_mackey_glass(300, discard=0, step=0.01)
    assert_allclose(coarse, fine, atol=2e-3)


def test_mackey_glass_discard_drops_the_beginning():
    whole = datasets.make_mackey_glass(150, discard=0)
    assert_array_equal(datasets.make_mackey_glass(50, discard=100), whole[100:])
    assert_array_equal(datasets.make_mackey_glass(1, discard=0), [1.2])


@pytest.mark.parametrize("dt", [0.005, 0.01, 0.025])
def test_lorenz(dt):
    X = datasets.make_lorenz(200, dt=dt, discard=0, x0=[1.0, 2.0, 20.0])
    assert X.shape == (200, 3)
    assert X.dtype == np.float64

    def slope(s):
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    n_inner = 3 if dt == 0.025 else 1
    h, s, rows = dt / n_inner, np.array([1.0, 2.0, 20.0]), []
    for _ in range(200):
        rows.append(s)
        for _ in range(n_inner):
            k1 = slope(s)
            k2 = slope(s + h / 2 * k1)
            k3 = slope(s + h / 2 * k2)
            k4 = slope(s + h * k3)
            s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    assert_allclose(X, rows, rtol=1e-8, atol=1e-8)

    exact = solve_ivp(
        lambda t, s: slope(s), (0, 1), [1.0, 2.0, 20.0], t_eval=[dt * 20], rtol=1e-10, atol=1e-10
    )
    assert_allclose(X[20], exact.y[:, 0], rtol=1e-3)


def test_lorenz_attractor_and_fixed_point():
    X = datasets.make_lorenz(20000)
    assert_allclose(X[:, 2].mean(), 23.5, atol=0.7)
    assert np.abs(X[:, :2]).max() < 30
    assert (X[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.15)  # both wings
    c = math.sqrt(8 / 3 * 27)
    still = datasets.make_lorenz(100, x0=(c, c, 27.0), discard=0)
    assert_allclose(still, np.tile([c, c, 27.0], (100, 1)), rtol=1e-9)


def test_henon():
    x, y, rows = 0.1, 0.03, []  # the map in its two coordinates; y(t) = b x(t-1)
    for _ in range(60):
        rows.append(x)
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
    assert_allclose(datasets.make_henon(60, x0=(0.1, 0.1), discard=0)[:40], rows[:40], rtol=1e-6)
    long = datasets.make_henon(5000)
    assert -1.3 < long.min() < -1.2
    assert 1.2 < long.max() < 1.3


def test_henon_noise_is_measured_not_fed_back():
    clean = datasets.make_henon(5000)
    noisy = datasets.make_henon(5000, noise=0.05, random_state=0)
    assert (noisy - clean).std() == pytest.approx(0.05, rel=0.05)
    assert_allclose(noisy - clean, np.random.RandomState(0).normal(0, 0.05, 5000), atol=1e-12)


@pytest.mark.parametrize("kind", ["random", "test", "own"])
def test_narendra(kind):
    n = 700
    own = np.linspace(-1, 1, n)
    X, y = datasets.make_narendra(n, u=own if kind == "own" else kind, random_state=2)
    u = X[:, 0]
    if kind == "own":
        assert_array_equal(u, own)
        X[0] = 5.0
        assert own[0] == -1.0  # the user's array is not the one returned
        u = own
    elif kind == "random":
        assert_array_equal(u, np.random.RandomState(2).uniform(-2, 2, n))
    else:
        for k in (0, 1, 100, 499, 500, 501, 650):
            slow, fast = math.sin(2 * math.pi * k / 250), math.sin(2 * math.pi * k / 25)
            assert u[k] == pytest.approx(slow if k < 500 else 0.8 * slow + 0.2 * fast, abs=1e-12)
    expected = [0.0]
    for k in range(n - 1):
        expected.append(expected[k] / (1 + expected[k] ** 2) + u[k] ** 3)
    assert_allclose(y, expected, rtol=1e-12)


def test_adding_problem():
    X, y = datasets.make_adding_problem(4000, 31, random_state=0)
    assert X.shape == (4000, 31, 2)
    numbers, marks = X[:, :, 0], X[:, :, 1]
    assert numbers.min() >= 0
    assert numbers.max() <= 1
    assert set(np.unique(marks)) == {0.0, 1.0}
    assert (marks[:, :15].sum(axis=1) == 1).all()
    assert (marks[:, 15:].sum(axis=1) == 1).all()
    assert (marks.sum(axis=0) > 0).all()  # every step can be marked
    assert_allclose(y, (numbers * marks).sum(axis=1), rtol=1e-15)
    assert ((y - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.1)
    assert datasets.make_adding_problem(5, 2)[0][:, :, 1].all()


# ------------------------------------------------------------------------- generators: common contract

RANDOM = {
    "narma": lambda seed: datasets.make_narma(50, random_state=seed),
    "narendra": lambda seed: datasets.make_narendra(50, random_state=seed),
    "adding": lambda seed: datasets.make_adding_problem(5, 20, random_state=seed),
    "henon": lambda seed: (datasets.make_henon(50, noise=0.1, random_state=seed),),
}


@pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM.keys())
def test_same_seed_same_numbers(make):
    for a, b, c in zip(make(7), make(7), make(np.random.RandomState(7))):
        assert_array_equal(a, b)
        assert_array_equal(a, c)
        assert a.dtype == np.float64
    assert any((a != b).any() for a, b in zip(make(7), make(8)))


def test_chaos_is_deterministic():
    for make in (datasets.make_mackey_glass, datasets.make_lorenz, datasets.make_henon):
        assert_array_equal(make(200), make(200))


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (datasets.make_narma, {"n_timesteps": 0}, r"n_timesteps=0 is out of range: give an int >= 1"),
        (datasets.make_narma, {"n_timesteps": 10.0}, r"n_timesteps=10\.0 is not an int"),
        (datasets.make_narma, {"n_timesteps": True}, r"n_timesteps=True"),
        (datasets.make_narma, {"n_timesteps": "10"}, r"n_timesteps='10'"),
        (datasets.make_narma, {"order": 31}, r"order=31 is out of range: give an int >= 1 and <= 30"),
        (datasets.make_narma, {"order": 0}, r"order=0"),
        (datasets.make_narma, {"random_state": "a"}, "'a' cannot be used to seed"),
        (datasets.make_mackey_glass, {"n_timesteps": -1}, r"n_timesteps=-1"),
        (datasets.make_mackey_glass, {"discard": -1}, r"discard=-1 is out of range: give an int >= 0"),
        (datasets.make_mackey_glass, {"tau": 0}, r"tau=0 is out of range: give a number > 0"),
        (
            datasets.make_mackey_glass,
            {"tau": 17.05},
            r"tau=17\.05 is no multiple of step=0\.1: choose a step",
        ),
        (datasets.make_mackey_glass, {"tau": 0.04}, r"tau=0\.04 is no multiple of step"),
        (datasets.make_mackey_glass, {"dt": 0.15}, r"dt=0\.15 is no multiple of step"),
        (datasets.make_mackey_glass, {"step": -0.1}, r"step=-0\.1 is out of range: give a number >"),
        (
            datasets.make_mackey_glass,
            {"b": 11.0},
            r"step=0\.1 is too coarse for b=11\.0: take a step of at most",
        ),
        (datasets.make_mackey_glass, {"x0": -1.0}, r"x0=-1\.0 is out of range: give a number >= 0"),
        (datasets.make_mackey_glass, {"history": np.nan}, r"history=nan"),
        (datasets.make_mackey_glass, {"n": np.inf}, r"n=inf"),
        (datasets.make_lorenz, {"dt": 0.0}, r"dt=0\.0 is out of range: give a number > 0"),
        (datasets.make_lorenz, {"x0": (1, 2)}, r"x0=\(1, 2\): give 3 finite numbers"),
        (datasets.make_lorenz, {"x0": "abc"}, r"x0='abc': give 3 finite numbers"),
        (datasets.make_lorenz, {"rho": None}, r"rho=None is not a number: give a number\."),
        (datasets.make_lorenz, {"x0": (1e6, 1e6, 1e6)}, r"the solution diverges from x0=\(1000000\.0"),
        (datasets.make_henon, {"noise": -0.1}, r"noise=-0\.1 is out of range: give a number >= 0"),
        (datasets.make_henon, {"x0": (9.0, 9.0)}, r"the map diverges from x0=\(9\.0, 9\.0\)"),
        (datasets.make_narendra, {"u": "sine"}, r'u=\'sine\': give "random", "test" or an array'),
        (datasets.make_narendra, {"u": np.zeros(5)}, r"u=array.*: give 1000 finite numbers"),
        (datasets.make_narendra, {"u": [np.nan] * 1000}, r"u=\[nan, .*\.\.\.\]: give 1000 finite"),
        (datasets.make_narendra, {"u": np.zeros((1000, 1))}, r"give 1000 finite numbers in one dimension"),
        (datasets.make_adding_problem, {"n_sequences": 0}, r"n_sequences=0"),
        (
            datasets.make_adding_problem,
            {"n_timesteps": 1},
            r"n_timesteps=1 is out of range: give an int >= 2",
        ),
    ],
)
def test_errors_name_argument_value_and_cure(make, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(**arguments)


def test_public_names():
    public = {name for name in dir(datasets) if name.startswith(("load_", "make_"))}
    assert public == set(datasets.__all__)
    for name in datasets.__all__:
        doc = inspect.getdoc(getattr(datasets, name))
        for heading in ("Parameters", "Returns", "References", "Examples"):
            assert f"\n{heading}\n---" in doc, f"{name}: {heading}"


@pytest.mark.parametrize("make", [datasets.make_mackey_glass, datasets.make_lorenz])
def test_random_state_gives_another_stretch_of_the_attractor(make):
    same = make(200, random_state=3)
    assert_array_equal(same, make(200, random_state=3))
    assert np.abs(same - make(200, random_state=4)).max() > 0.1
    assert np.abs(same - make(200)).max() > 0.1
