"""Twenty driven systems, simulated: free runs of models as they come on another record than they learnt from.

Each is written after the equations of a system that papers identify: an oscillator with a hardening spring (Silverbox),
a saturation between two filters (Wiener-Hammerstein), tanks that overflow, drives of which only the speed's size is
seen, hysteresis (Bouc-Wen), a positioner with friction (EMPS), a resonant structure with two shakers (F-16) and so on;
with white noise of .2 to 5 % of the spread of y. Half of them were used to choose by (CHOSEN_BY), the others were not.

Errors are root mean squares over the spread of y on the second record: "cold", all rows from ``start="cold"``; "known",
the rows after the first 50, which are given with their y; "one", one step ahead there. Then CPU seconds of the fit.

Run: python tests/benchmarks/simulated_systems.py [--models NARX TDNN] [--systems tanks] [--seeds 1]
"""

import argparse
import time
import warnings

import numpy as np
from numba import njit
from scipy import signal

import tsrnn


KNOWN = 50  # rows of the second record that are given with their y
CHOSEN_BY = ["silverbox", "pwh", "ced", "emps", "cstr", "pend", "linear", "power", "wh", "quad"]


# ------------------------------------------------------------------------------------ inputs


def multisine(n, rng, low, high):
    """Sum sines of random phases, of frequencies from low to high a row; spread 1."""
    spectrum, k = np.zeros(n // 2 + 1, complex), np.arange(n // 2 + 1) / n
    inside = (k >= low) & (k <= high)
    spectrum[inside] = np.exp(2j * np.pi * rng.random(inside.sum()))
    u = np.fft.irfft(spectrum, n)
    u = np.tile(u, 2)[:n]
    return u / u.std()


def steps(n, rng, hold, low=-1, high=1):
    """Hold random levels for hold / 2 to 2 hold rows each."""
    u = []
    while len(u) < n:
        u += [rng.uniform(low, high)] * int(rng.integers(max(1, hold // 2), hold * 2))
    return np.array(u[:n])


def with_noise(y, share, rng):
    """Add white noise of a share of the spread."""
    return y + share * y.std() * rng.normal(size=len(y))


def integrated(slope, output, u, x, dt, parts):
    """Integrate dx/dt = slope(x, u) by Runge and Kutta, u (N, F) held; returns output(x) of each row."""

    @njit
    def run(x, h, y):
        for t in range(len(u)):
            y[t] = output(x)
            for _ in range(parts):
                a = slope(x, u[t])
                b = slope(x + h / 2 * a, u[t])
                c = slope(x + h / 2 * b, u[t])
                d = slope(x + h * c, u[t])
                x = x + h / 6 * (a + 2 * b + 2 * c + d)
        return y

    u = np.ascontiguousarray(u)
    return run(np.array(x, float), dt / parts, np.zeros(len(u)))


@njit
def first(x):
    """Return the first state."""
    return x[0]


@njit
def second(x):
    """Return the second state."""
    return x[1]


# ------------------------------------------------------------------------------------ systems
# Each: rows, a generator, whether it is the second record -> X (N, F), y (N,)


def silverbox(n, rng, later):
    """Oscillate on a hardening spring; later with noise that grows, beyond what was learnt."""

    @njit
    def slope(x, u):
        return np.array([x[1], -14.0 * x[1] - 1.4e5 * x[0] - 4e5 * x[0] ** 3 + 1.2e5 * u[0]])

    u = multisine(n, rng, 0.001, 0.33) * 0.03
    if later:
        u = signal.lfilter(*signal.butter(4, 0.6), rng.normal(size=n)) * np.linspace(0.01, 0.05, n)
    y = integrated(slope, first, u[:, None], np.zeros(2), 1 / 610, 3)
    return u[:, None], with_noise(y, 0.003, rng)


def wiener_hammerstein(n, rng, later):
    """Saturate, on one side, between two filters."""
    u = signal.lfilter(*signal.butter(2, 0.4), rng.normal(size=n))
    u /= u.std()
    v = signal.lfilter(*signal.cheby1(3, 0.5, 0.2), u)
    v = np.where(v > 0.4, 0.4 + 0.1 * (v - 0.4), v)
    return u[:, None], with_noise(signal.lfilter(*signal.cheby2(3, 40, 0.25), v), 0.005, rng)


def parallel_wiener_hammerstein(n, rng, later):
    """Add two such paths."""
    u, y = multisine(n, rng, 0.005, 0.25), 0
    for before, after, bend in ((0.1, 0.3, np.tanh), (0.25, 0.15, lambda v: v**2 / (1 + v**2))):
        v = signal.lfilter(*signal.cheby1(2, 1, before), u)
        y = y + signal.lfilter(*signal.butter(2, after), bend(1.3 * v / v.std()))
    return u[:, None], with_noise(y, 0.01, rng)


def cascaded_tanks(n, rng, later):
    """Fill a tank that runs into another one; both overflow."""

    @njit
    def run(u, upper, lower, y):
        for t in range(len(u)):
            for _ in range(4):
                over, flow = 0.0, 0.22 * np.sqrt(max(upper, 0))
                out = 0.2 * np.sqrt(max(lower, 0))
                upper += -flow + 0.16 * u[t]
                if upper > 10:
                    over, upper = upper - 10, 10.0
                upper = max(upper, 0.0)
                lower = min(max(lower + flow - out + 0.3 * over, 0.0), 10.4)
            y[t] = lower
        return y

    u = 3.2 + 1.3 * multisine(n, rng, 0, 0.03)
    return u[:, None], with_noise(run(u, 5.0, 5.0, np.zeros(n)), 0.02, rng)


def coupled_drives(n, rng, later):
    """Measure the size of a speed, not its sign."""
    binary = rng.random() < 0.5
    u = (
        rng.choice([-1.0, 1.0], n // 5 + 1).repeat(5)
        if binary
        else rng.uniform(-1.5, 1.5, n // 20 + 1).repeat(20)
    )
    u = u[:n] * (rng.uniform(0.5, 1.5) if binary else 1.0)
    a = np.poly([0.94 * np.exp(0.25j), 0.94 * np.exp(-0.25j), 0.75]).real
    return u[:, None], with_noise(np.abs(signal.lfilter([0, a.sum()], a, u)), 0.03, rng)


def bouc_wen(n, rng, later):
    """Vibrate with hysteresis; later under a sweep."""

    @njit
    def slope(x, u):
        v, z = x[1], x[2]
        dz = 5e4 * v - 1e3 * (0.8 * abs(v) * z - 1.1 * v * abs(z))
        return np.array([v, (u[0] - 10 * v - 5e4 * x[0] - z) / 2, dz])

    u = multisine(n, rng, 5 / 750, 150 / 750) * 50
    if later:
        t = np.arange(n) / 750
        u = 40 * np.sin(2 * np.pi * (20 * t + 15 * t * t / t[-1]))
    return u[:, None], with_noise(integrated(slope, first, u[:, None], np.zeros(3), 1 / 750, 10), 0.01, rng)


def positioner(n, rng, later):
    """Drive a mass with friction by a controller of its position: force to position, an integrator."""

    @njit
    def run(goal, u, y):
        q = v = 0.0
        for t in range(len(goal)):
            y[t] = q
            u[t] = min(max(900 * (goal[t] - q) - 180 * v, -60.0), 60.0)
            for _ in range(20):
                v += (u[t] - 20 * np.tanh(v * 200) - 35 * v - 3) / 9.5 * 0.001
                q += v * 0.001
        return y

    goal = signal.filtfilt(*signal.butter(2, 0.05), steps(n, rng, 40, 0, 0.25))
    u = np.zeros(n)
    return u[:, None], with_noise(run(goal, u, np.zeros(n)), 0.002, rng)


def shaken_structure(n, rng, later):
    """Shake three resonances, two of which a stiffening joint with friction ties."""

    @njit
    def slope(x, u):
        d, w = x[0] - x[2], x[1] - x[3]
        joint, friction = 60.0 * d + 900.0 * d**3, 0.4 * np.tanh(30 * w)
        return np.array(
            [
                x[1],
                -0.6 * x[1] - 900 * x[0] - joint * 2 - friction + 60 * u[0],
                x[3],
                -1.0 * x[3] - 2100 * x[2] + joint * 2 + friction + 30 * u[1],
                x[5],
                -1.2 * x[5] - 5200 * x[4] + 100 * u[0] + 20 * x[0],
            ]
        )

    @njit
    def output(x):
        return -900 * x[0] / 60 + x[4] * 20

    u = 0.25 * np.stack([multisine(n, rng, 0.005, 0.15), 0.3 * multisine(n, rng, 0.005, 0.15)], 1)
    return u, with_noise(integrated(slope, output, u, np.zeros(6), 1 / 100, 4), 0.01, rng)


def reactor(n, rng, later):
    """Cool a stirred tank in which a reaction gives off heat."""

    @njit
    def slope(x, u):
        k = 7.2e10 * np.exp(-8750.0 / x[1])
        return np.array([(1 - x[0]) - k * x[0], (350 - x[1]) + 209.2 * k * x[0] + 2.09 * (u[0] - x[1])])

    u = 300 + steps(n, rng, 15, -5, 3)
    return u[:, None], with_noise(integrated(slope, second, u[:, None], [0.88, 324.0], 0.1, 5), 0.01, rng)


def neutralisation(n, rng, later):
    """Mix acid and base: a steep curve between two slow mixers."""
    u = steps(n, rng, 12, 0, 1)
    v = signal.lfilter([0.06], [1, -0.94], u) - 0.5
    y = signal.lfilter([0.5], [1, -0.5], 7 + 3 * np.arcsinh(20 * v) / np.arcsinh(10))
    return u[:, None], with_noise(y, 0.02, rng)


def delayed(n, rng, later):
    """Saturate, wait for twelve rows, smooth."""
    u = steps(n, rng, 20)
    v = np.tanh(2 * u) + 0.3 * u
    y = signal.lfilter(*signal.butter(2, 0.08), np.r_[np.zeros(12), v[:-12]])
    return u[:, None], with_noise(y, 0.05, rng)


def quadruple_tanks(n, rng, later):
    """Fill four tanks by two pumps, crosswise."""

    @njit
    def run(u, y):
        h = np.array([8.0, 8.0, 3.0, 3.0])
        for t in range(len(u)):
            a, b = u[t]
            for _ in range(4):
                q = 0.35 * np.sqrt(np.maximum(h, 0))
                dh = np.array([q[2] - q[0] + 0.6 * a, q[3] - q[1] + 0.6 * b, 0.4 * b - q[2], 0.4 * a - q[3]])
                h = np.maximum(h + 0.3 * dh, 0)
            y[t] = h[0]
        return y

    u = np.stack([steps(n, rng, 30, 0.3, 1.8), steps(n, rng, 30, 0.3, 1.8)], 1)
    return u, with_noise(run(u, np.zeros(n)), 0.02, rng)


def pendulum(n, rng, later):
    """Swing, slowly pushed."""

    @njit
    def slope(x, u):
        return np.array([x[1], -0.4 * x[1] - np.sin(x[0]) * 4 + 0.5 * u[0]])

    u = multisine(n, rng, 0, 0.06)
    return u[:, None], with_noise(integrated(slope, first, u[:, None], np.zeros(2), 0.1, 2), 0.01, rng)


def bilinear(n, rng, later):
    """Decay the faster the less comes in."""
    u, x, z, y = steps(n, rng, 8, -1, 0.8), 0.0, 0.0, np.zeros(n)
    for t in range(n):
        x = 0.9 * x + 0.1 * u[t] + 0.12 * u[t] * x
        z = 0.7 * z + 0.3 * x
        y[t] = z
    return u[:, None], with_noise(y, 0.03, rng)


def linear(n, rng, later):
    """Filter by two resonances; the noise is coloured."""
    u = rng.normal(size=n)
    poles = np.array([0.95 * np.exp(0.5j), 0.95 * np.exp(-0.5j), 0.85 * np.exp(1.3j), 0.85 * np.exp(-1.3j)])
    y = signal.lfilter([0, 1, 0.5, 0.3], np.poly(poles).real, u)
    noise = signal.lfilter([1], [1, -0.9], rng.normal(size=n))
    return u[:, None], y + 0.1 * y.std() * noise / noise.std()


def backlash(n, rng, later):
    """Push through a dead zone that moves with what is pushed."""
    u, p, y = multisine(n, rng, 0, 0.04) * 1.2, 0.0, np.zeros(n)
    for t in range(n):
        y[t] = p = min(max(p, u[t] - 0.5), u[t] + 0.5)
    return u[:, None], with_noise(signal.lfilter([0.3], [1, -0.7], y), 0.01, rng)


def exponential(n, rng, later):
    """Feed back through bells, with noise that stays in the system (Chen, Billings)."""
    u = signal.lfilter([1], [1, -0.3], rng.normal(size=n)) * 0.7
    e, y = 0.05 * rng.normal(size=n), np.zeros(n)
    for t in range(2, n):
        bell = np.exp(-(y[t - 1] ** 2))
        y[t] = (0.8 - 0.5 * bell) * y[t - 1] - (0.3 + 0.9 * bell) * y[t - 2]
        y[t] += u[t - 1] + 0.2 * u[t - 2] + 0.1 * u[t - 1] * u[t - 2] + e[t]
    return u[:, None], y


def damper(n, rng, later):
    """Move a damper whose fluid stiffens with a current."""
    v, i, z = multisine(n, rng, 0, 0.05), steps(n, rng, 60, 0, 1), np.zeros(n)
    for t in range(1, n):
        z[t] = z[t - 1] + 0.25 * (v[t] - abs(v[t]) * z[t - 1]) if abs(z[t - 1]) < 3 else z[t - 1] * 0.9
    return np.stack([v, i], 1), with_noise((0.3 + i) * z + 0.4 * v, 0.03, rng)


def turbine(n, rng, later):
    """Draw power from wind: a cube between two ends, smoothed."""
    wind = 8 + 2 * multisine(n, rng, 0, 0.02) + 0.6 * rng.normal(size=n)
    y = signal.lfilter([0.2], [1, -0.8], np.clip((wind - 3) / 9, 0, 1) ** 3)
    return wind[:, None], with_noise(y, 0.03, rng)


def thermal(n, rng, later):
    """Heat a body of 500 rows' memory by the square of a current, beside a quick one."""
    u = steps(n, rng, 60, 0, 1)
    slow, quick = signal.lfilter([0.002], [1, -0.998], u**2), signal.lfilter([0.05], [1, -0.95], u)
    return u[:, None], with_noise(3 * slow + quick + 0.5 * slow * quick, 0.01, rng)


SYSTEMS = {  # rows to learn from, and of the second record
    "silverbox": (silverbox, 6000, 4000),
    "wh": (wiener_hammerstein, 8000, 4000),
    "pwh": (parallel_wiener_hammerstein, 4000, 3000),
    "tanks": (cascaded_tanks, 1024, 1024),
    "ced": (coupled_drives, 400, 200),
    "boucwen": (bouc_wen, 6000, 2000),
    "emps": (positioner, 3000, 1500),
    "f16": (shaken_structure, 5000, 3000),
    "cstr": (reactor, 1500, 1000),
    "ph": (neutralisation, 1200, 800),
    "delay": (delayed, 1000, 800),
    "quad": (quadruple_tanks, 1500, 1000),
    "pend": (pendulum, 2500, 1500),
    "bilinear": (bilinear, 700, 700),
    "linear": (linear, 500, 500),
    "backlash": (backlash, 1500, 1000),
    "chen": (exponential, 1000, 800),
    "damper": (damper, 2500, 1500),
    "power": (turbine, 3000, 1500),
    "thermal": (thermal, 4000, 2500),
}


def records(name):
    """Simulate two records of a system: X, y to learn from, X, y to judge on."""
    system, *rows = SYSTEMS[name]
    seed = sum(map(ord, name))
    made = (system(n, np.random.default_rng(seed + k), bool(k)) for k, n in enumerate(rows))
    return [v for record in made for v in record]


# ------------------------------------------------------------------------------------ errors


def judge(model, name, seed):
    """Errors "cold", "known" and "one", and CPU seconds of the fit."""
    X, y, X_later, y_later = records(name)
    settings = {} if model == "ARX" else {"random_state": seed}
    estimator = getattr(tsrnn, model + "Regressor")(**settings)
    start = time.process_time()
    estimator.fit(X, y)
    seconds = time.process_time() - start
    history, (X_rest, y_rest) = (X_later[:KNOWN], y_later[:KNOWN]), (X_later[KNOWN:], y_later[KNOWN:])
    errors = (
        estimator.predict(X_later, start="cold") - y_later,
        estimator.predict(X_rest, start=history) - y_rest,
        estimator.predict_ahead(X_rest, y_rest, steps=1, start=history) - y_rest,
    )
    return [float(np.sqrt(np.mean(e**2))) / y_later.std() for e in errors] + [seconds]


def main():
    """Print each system's figures, then geometric means over all, over those chosen by and over the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["ARX", "NARX", "TDNN", "ESN"])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for model in args.models:
        seeds = range(1 if model == "ARX" else args.seeds)
        logs = {name: np.log([judge(model, name, s) for s in seeds]).mean(axis=0) for name in args.systems}
        for name, figures in logs.items():
            print(f"{model:6s} {name:10s}" + "".join(f"{v:9.3f}" for v in np.exp(figures)), flush=True)
        halves = {"all": logs, "chosen by": CHOSEN_BY, "others": set(logs).difference(CHOSEN_BY)}
        for words, names in halves.items():
            told = [logs[name] for name in logs if name in names]
            if told:
                means = np.exp(np.mean(told, axis=0))
                print(f"{model:6s} {words:10s}" + "".join(f"{v:9.4f}" for v in means), flush=True)


if __name__ == "__main__":
    main()
