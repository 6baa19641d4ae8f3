"""Loaders of the CSV files in `datasets/`, which `datasets/derive.py` derives; see the README there.

Each DESCR is the file's section of that README.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils import Bunch


TURBINES = ("R80711", "R80721", "R80736", "R80790")


def _path(name):
    """Return the path of a data file: inside an installed package, else at the top of the repository."""
    folder_of_module = Path(__file__).resolve().parent
    folders = [folder_of_module / "data", folder_of_module.parents[1] / "datasets"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"{name} is in neither {folders[0]} nor {folders[1]}: reinstall tsrnn, the data are part of it."
    )


def _read(name, freq=None):
    """Read `<name>.csv`; with `freq`, the index is its column `time`, checked to lie on that grid."""
    if freq is None:
        return pd.read_csv(_path(f"{name}.csv"), dtype=float)
    frame = pd.read_csv(_path(f"{name}.csv"))
    index = pd.DatetimeIndex(pd.to_datetime(frame.pop("time"), format="ISO8601"), freq=freq)
    return frame.astype(float).set_axis(index.rename("time"))


def _descr(name):
    """Return the section of the README on a file."""
    sections = _path("README.md").read_text(encoding="utf-8").split("\n## ")
    return next(s for s in sections if s.startswith(f"{name}.csv")).strip()


def _bunch(name, frame, feature_names, target_name, return_X_y):
    """Make the Bunch of a frame, or (data, target)."""
    data, target = frame[feature_names].copy(), frame[target_name].copy()
    if return_X_y:
        return data, target
    return Bunch(
        frame=frame,
        data=data,
        target=target,
        feature_names=feature_names,
        target_names=[target_name],
        DESCR=_descr(name),
        filename=str(_path(f"{name}.csv")),
    )


def load_wind_farm(turbine="R80711", *, return_X_y=False):
    """Load hourly power and weather at one turbine of the wind farm La Haute Borne, 2014 and 2015.

    Hourly means of the ten-minute records that ENGIE published [1]_, in UTC, on a complete grid from
    2014-01-01 01:00 to 2016-01-01 00:00; the hour stamped h covers [h, h + 1).

    Parameters
    ----------
    turbine : {"R80711", "R80721", "R80736", "R80790"}, default="R80711"
        One of the four Senvion MM82 (rated 2050 kW, hub height 80 m).
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : DataFrame (17520, 4)
            ``wind_speed`` in m/s; ``wind_direction_sin`` and ``wind_direction_cos``, the hour's mean unit
            vector (where the wind comes from, north 0, east 90 degrees); ``temperature`` in degrees
            Celsius. No NaN: an hour the turbine did not record has the mean of the other turbines, or, where
            none recorded (65 hours), the last value before.
        target : Series (17520,)
            ``power`` in kW. NaN (73 to 203 hours, by turbine) where fewer than four of the six ten-minute
            values exist. Slightly negative at standstill, when the turbine consumes.
        frame : DataFrame (17520, 7)
            data, target, ``wind_direction`` in degrees [0, 360) and ``inputs_filled``, true in the hours in
            which an input was filled.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    Raises
    ------
    ValueError
        If there is no such turbine.

    References
    ----------
    .. [1] ENGIE, "La Haute Borne" open data, 2014-2015, Etalab Open Licence 2.0. Modified: see DESCR.

    Examples
    --------
    >>> from tsrnn.datasets import load_wind_farm
    >>> farm = load_wind_farm()
    >>> farm.data.shape
    (17520, 4)
    >>> farm.target["2014-06-01":].head(2)
    time
    2014-06-01 00:00:00+00:00    499.2
    2014-06-01 01:00:00+00:00    286.0
    Freq: h, Name: power, dtype: float64
    """
    if turbine not in TURBINES:
        raise ValueError(f"turbine={turbine!r} is not one of the farm's: choose from {', '.join(TURBINES)}.")
    columns = _read("wind_farm", "h")
    names = ["wind_speed", "wind_direction_sin", "wind_direction_cos", "temperature"]
    others = [k for k in TURBINES if k != turbine]
    frame = pd.DataFrame(index=columns.index)
    filled = np.zeros(len(columns), dtype=bool)
    for name in names:
        series = columns[f"{turbine}_{name}"]
        frame[name] = series.fillna(columns[[f"{k}_{name}" for k in others]].mean(axis=1)).ffill()
        filled |= series.isna().to_numpy()
    frame["power"] = columns[f"{turbine}_power"]
    angle = np.arctan2(frame["wind_direction_sin"], frame["wind_direction_cos"])
    frame["wind_direction"] = np.rad2deg(angle) % 360
    frame["inputs_filled"] = filled
    return _bunch("wind_farm", frame, names, "power", return_X_y)


def load_solar_plant(as_recorded=False, *, return_X_y=False):
    """Load hourly AC power of a photovoltaic inverter in Golden, Colorado, with the sky above it, 2011 to 2013.

    PVDAQ system 50 [1]_ with irradiance and temperature of the National Solar Radiation Database [2]_, on
    mountain standard time (UTC-07:00 all year) from 2011-04-15 00:00 to 2013-12-31 23:00; the hour
    stamped h covers [h, h + 1).

    Parameters
    ----------
    as_recorded : bool, default=False
        The logger's clock kept civil time, so its summer stamps are one hour late. By default that is
        corrected and the hours without sun are set to zero. If true, ``power`` is left as the source has
        it, wrong stamps and all: a test for methods that detect such shifts.
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : DataFrame (23808, 3)
            ``ghi`` and ``ghi_clear``, global horizontal irradiance as it was and under a clear sky, in W/m^2;
            ``temperature`` of the air in degrees Celsius (never below 0: see DESCR). No NaN.
        target : Series (23808,)
            ``power`` in W. NaN (329 hours; as recorded 736) where fewer than three of the four values exist.
        frame : DataFrame (23808, 4)
            data and target.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    References
    ----------
    .. [1] NREL, Photovoltaic Data Acquisition (PVDAQ) Public Datasets, system 50, doi:10.25984/1846021.
    .. [2] Sengupta, M. et al., "The National Solar Radiation Data Base (NSRDB)", Renewable and Sustainable
       Energy Reviews 89, 51-60, 2018.

    Examples
    --------
    >>> from tsrnn.datasets import load_solar_plant
    >>> plant = load_solar_plant()
    >>> plant.frame["2011-06-01 05:00":].head(2)
                                 ghi  ghi_clear  temperature  power
    time
    2011-06-01 05:00:00-07:00  105.0      114.0         12.6   50.3
    2011-06-01 06:00:00-07:00  185.0      298.0         14.9  197.4
    """
    columns = _read("solar_plant", "h")
    names = ["ghi", "ghi_clear", "temperature"]
    power = columns["power_as_recorded" if as_recorded else "power"]
    frame = columns[names].assign(power=power)
    return _bunch("solar_plant", frame, names, "power", return_X_y)


def load_oil_price(*, return_X_y=False):
    """Load the daily spot price of West Texas Intermediate crude oil, 1986 to 2018.

    Working days (Monday to Friday) from 1986-01-02 to 2019-01-03, from the U.S. Energy Information
    Administration [1]_.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        target : Series (8611,)
            ``price`` in US dollars a barrel. NaN on 290 holidays.
        data, frame : DataFrame (8611, 0) and (8611, 1)
            No inputs, and the target.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    References
    ----------
    .. [1] U.S. Energy Information Administration, Crude Oil Prices: West Texas Intermediate, Cushing,
       Oklahoma; series DCOILWTICO of FRED, Federal Reserve Bank of St. Louis.

    Examples
    --------
    >>> from tsrnn.datasets import load_oil_price
    >>> load_oil_price().target.tail(3)
    time
    2019-01-01      NaN
    2019-01-02    46.31
    2019-01-03    46.92
    Freq: B, Name: price, dtype: float64
    """
    return _bunch("oil_price", _read("oil_price", "B"), [], "price", return_X_y)


def load_sunspots(*, return_X_y=False):
    """Load the yearly mean sunspot number, 1700 to 2008.

    The series before its recalibration of 2015 (version 1) [1]_, which most of the literature uses.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        target : Series (309,)
            ``sunspots``, a count index without unit; each year stands at its 1 January.
        data, frame : DataFrame (309, 0) and (309, 1)
            No inputs, and the target.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    References
    ----------
    .. [1] National Geophysical Data Center, NOAA, yearly sunspot numbers.

    Examples
    --------
    >>> from tsrnn.datasets import load_sunspots
    >>> load_sunspots().target.head(3)
    time
    1700-01-01     5.0
    1701-01-01    11.0
    1702-01-01    16.0
    Freq: YS-JAN, Name: sunspots, dtype: float64
    """
    return _bunch("sunspots", _read("sunspots", "YS"), [], "sunspots", return_X_y)


def load_co2(*, return_X_y=False):
    """Load weekly atmospheric carbon dioxide at Mauna Loa, Hawaii, 1958 to 2001.

    Weekly means of continuous air samples [1]_, stamped on Saturdays from 1958-03-29 to 2001-12-29.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        target : Series (2284,)
            ``co2`` in parts per million by volume. NaN in 59 weeks.
        data, frame : DataFrame (2284, 0) and (2284, 1)
            No inputs, and the target.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    References
    ----------
    .. [1] Keeling, C.D. and Whorf, T.P., "Atmospheric CO2 concentrations derived from flask air samples at
       sites in the SIO network", in Trends: A Compendium of Data on Global Change, Carbon Dioxide Information
       Analysis Center, Oak Ridge National Laboratory, 2004.

    Examples
    --------
    >>> from tsrnn.datasets import load_co2
    >>> load_co2().target.head(3)
    time
    1958-03-29    316.1
    1958-04-05    317.3
    1958-04-12    317.6
    Freq: W-SAT, Name: co2, dtype: float64
    """
    return _bunch("co2", _read("co2", "W-SAT"), [], "co2", return_X_y)


def load_laser(*, return_X_y=False):
    """Load the intensity of a chaotic far-infrared laser: data set A of the Santa Fe competition.

    The first 1000 samples are what the competitors of 1991 were given, the next 100 what they had to
    forecast [1]_; the rest is the record's continuation.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of the Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        target : Series (10093,)
            ``intensity``, the eight-bit reading 0 to 255, without unit. The record has no time stamps: the
            index counts the samples.
        data, frame : DataFrame (10093, 0) and (10093, 1)
            No inputs, and the target.
        feature_names, target_names, DESCR, filename
            The columns, the source with licence and traps, the CSV file.

    References
    ----------
    .. [1] Weigend, A.S. and Gershenfeld, N.A. (editors), "Time Series Prediction: Forecasting the Future and
       Understanding the Past", Addison-Wesley, 1994.
    .. [2] Hübner, U., Abraham, N.B. and Weiss, C.O., "Dimensions and entropies of chaotic intensity
       pulsations in a single-mode far-infrared NH3 laser", Physical Review A 40, 6354-6365, 1989.

    Examples
    --------
    >>> from tsrnn.datasets import load_laser
    >>> y = load_laser().target
    >>> y_train, y_test = y[:1000], y[1000:1100]
    >>> y_train[:3].tolist()
    [86.0, 141.0, 95.0]
    """
    return _bunch("laser", _read("laser"), [], "intensity", return_X_y)
