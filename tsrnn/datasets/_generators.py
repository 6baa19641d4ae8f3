r"""Benchmark systems, as published. Time is axis 0 and everything is float64.

Driven systems return ``(X, y)`` with X (n_timesteps, n_features) and y (n_timesteps,), where ``X[t]`` is the
input applied at t and ``y[t]`` the output observed at t, before that input acts: y(t + 1) is the first to
depend on u(t).

    NARMA         y(t+1) = a y(t) + b y(t) sum_{i<order} y(t-i) + 1.5 u(t-order+1) u(t) + d
    Narendra      y(t+1) = y(t) / (1 + y(t)^2) + u(t)^3

Autonomous systems return the series alone, (n_timesteps,) or (n_timesteps, n_dims).

    Mackey-Glass  dx/dt = a x(t-tau) / (1 + x(t-tau)^n) - b x(t)
    Lorenz        dx/dt = sigma (y - x),  dy/dt = x (rho - z) - y,  dz/dt = x y - beta z
    Henon         x(t+1) = 1 - a x(t)^2 + b x(t-1)
"""

import math
import reprlib

import numpy as np
from sklearn.utils import check_random_state

from .._check import check_number


# ----------------------------------------------------------------------------------------- arguments


def _real(name, value, low=None, strict=False):
    """Return a value as a float; raise unless it is finite and at least low, or above it if ``strict``."""
    check_number(name, value, low, low_open=strict)
    return float(value)


def _check_whole_steps(name, value, step):
    """Return value / step, which must be an integer of at least 1."""
    n = round(value / step)
    if n < 1 or abs(n * step - value) > 1e-9 * value:
        raise ValueError(f"{name}={value!r} is no multiple of step={step!r}: choose a step that divides it.")
    return n


def _check_vector(name, value, size):
    """Return value as an array (size,); raise unless its numbers are finite."""
    try:
        vector = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        vector = np.empty(0)
    if vector.shape != (size,) or not np.isfinite(vector).all():
        raise ValueError(f"{name}={reprlib.repr(value)}: give {size} finite numbers in one dimension.")
    return vector


# ------------------------------------------------------------------------------------ driven systems


def make_narma(n_timesteps=1000, order=10, *, random_state=None):
    r"""Generate the nonlinear autoregressive moving average system, driven by uniform noise.

    The input u(t) is uniform on [0, 0.5]; u and y are zero before t = 0 and y(0) = 0. With
    :math:`S(t) = \sum_{i=0}^{order-1} y(t-i)` and :math:`p(t) = u(t-order+1)\, u(t)`,

    - order 1 to 10 [1]_: :math:`y(t+1) = 0.3 y(t) + 0.05 y(t) S(t) + 1.5 p(t) + 0.1`
    - order 11 to 20 [2]_: :math:`y(t+1) = \tanh(0.3 y(t) + 0.05 y(t) S(t) + 1.5 p(t) + 0.01)`
    - order 21 to 30 [3]_: :math:`y(t+1) = 0.2 y(t) + 0.04 y(t) S(t) + 1.5 p(t) + 0.001`

    which are the published NARMA-10, NARMA-20 and NARMA-30 and the orders next to them.

    Parameters
    ----------
    n_timesteps : int, default=1000
        Number of time steps.
    order : int, default=10
        Length of the system's memory in steps, 1 to 30.
    random_state : int, RandomState instance or None, default=None
        Source of the input.

    Returns
    -------
    X : ndarray (n_timesteps, 1)
        ``X[t, 0]`` is u(t).
    y : ndarray (n_timesteps,)
        ``y[t]`` is y(t): it depends on u(t-1), u(t-2) ..., not on u(t). For the variant "predict y(t+1) from
        u(t)" take ``X[:-1], y[1:]``.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    The system has no stable answer to every input. A draw of u in which y exceeds 2 has diverged (usual
    outputs stay below 1.2) and is replaced as a whole by the next draw from `random_state`.

    The first steps are a transient from rest: use a washout.

    References
    ----------
    .. [1] Atiya, A.F. and Parlos, A.G., "New results on recurrent network training: unifying the algorithms
       and accelerating convergence", IEEE Transactions on Neural Networks 11(3), 697-709, 2000.
    .. [2] Rodan, A. and Tiňo, P., "Minimum complexity echo state network", IEEE Transactions on Neural
       Networks 22(1), 131-144, 2011.
    .. [3] Schrauwen, B. et al., "Improving reservoirs using intrinsic plasticity", Neurocomputing 71,
       1159-1171, 2008.

    Examples
    --------
    >>> from tsrnn.datasets import make_narma
    >>> X, y = make_narma(2000, random_state=0)
    >>> X.shape, y.shape
    ((2000, 1), (2000,))
    >>> bool(abs(y[1] - 0.1) < 1e-15)
    True
    """
    check_number("n_timesteps", n_timesteps, 1, integer=True)
    check_number("order", order, 1, 30, integer=True)
    random_state = check_random_state(random_state)
    for _ in range(100):
        u = random_state.uniform(0.0, 0.5, size=n_timesteps)
        y = _narma_output(u, order)
        if y is not None:
            return u[:, None], y
    raise ValueError(
        f"n_timesteps={n_timesteps}, order={order}: 100 draws of the input diverged; take fewer steps."
    )


def _narma_output(u, order):
    """Return y (n,) for the input u (n,), or None where it diverges."""
    a, b, d = (0.3, 0.05, 0.1) if order <= 10 else (0.3, 0.05, 0.01) if order <= 20 else (0.2, 0.04, 0.001)
    tanh = 10 < order <= 20
    u = [0.0] * (order - 1) + u.tolist()  # u[t] holds u(t - order + 1)
    y = [0.0] * order  # y[t] holds y(t - order + 1)
    for t in range(len(u) - order):
        value = a * y[-1] + b * y[-1] * sum(y[t : t + order]) + 1.5 * u[t] * u[t + order - 1] + d
        if tanh:
            value = math.tanh(value)
        if not value <= 2.0:
            return None
        y.append(value)
    return np.array(y[order - 1 :])


def make_narendra(n_timesteps=1000, *, u="random", random_state=None):
    """Generate the first-order nonlinear plant of Narendra and Parthasarathy: y(t+1) = y(t) / (1 + y(t)^2) + u(t)^3.

    It starts at rest, y(0) = 0.

    Parameters
    ----------
    n_timesteps : int, default=1000
        Number of time steps.
    u : {"random", "test"} or array-like (n_timesteps,), default="random"
        The input: "random" is uniform on [-2, 2], for identification; "test" is sin(2 pi t / 250) for
        t < 500 and 0.8 sin(2 pi t / 250) + 0.2 sin(2 pi t / 25) from there on; an array is used as it is.
    random_state : int, RandomState instance or None, default=None
        Source of a random input.

    Returns
    -------
    X : ndarray (n_timesteps, 1)
        ``X[t, 0]`` is u(t).
    y : ndarray (n_timesteps,)
        ``y[t]`` is y(t): it depends on u(t-1), u(t-2) ..., not on u(t).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Narendra, K.S. and Parthasarathy, K., "Identification and control of dynamical systems using neural
       networks", IEEE Transactions on Neural Networks 1(1), 4-27, 1990: the plant of example 3, the test
       input of example 4.

    Examples
    --------
    >>> from tsrnn.datasets import make_narendra
    >>> X, y = make_narendra(3, u=[1.0, 2.0, 0.0])
    >>> y
    array([0. , 1. , 8.5])
    """
    check_number("n_timesteps", n_timesteps, 1, integer=True)
    if isinstance(u, str):
        if u == "random":
            u = check_random_state(random_state).uniform(-2.0, 2.0, size=n_timesteps)
        elif u == "test":
            t = np.arange(n_timesteps)
            slow, fast = np.sin(2 * np.pi * t / 250), np.sin(2 * np.pi * t / 25)
            u = np.where(t < 500, slow, 0.8 * slow + 0.2 * fast)
        else:
            raise ValueError(f'u={u!r}: give "random", "test" or an array of n_timesteps numbers.')
    else:
        u = _check_vector("u", u, n_timesteps)
    y = [0.0]
    for cube in (u[:-1] ** 3).tolist():
        y.append(y[-1] / (1.0 + y[-1] * y[-1]) + cube)
    return u[:, None].copy(), np.array(y)


def make_adding_problem(n_sequences=100, n_timesteps=100, *, random_state=None):
    """Add the two marked numbers of a sequence: the classic test of long memory.

    Each sequence has two channels: numbers, uniform on [0, 1], and a mark, which is 1 at one random step of
    the first half and one of the second half, else 0. The target is the sum of the two marked numbers.
    Answering 1 always has a mean squared error of 1/6.

    Parameters
    ----------
    n_sequences : int, default=100
        Number of sequences.
    n_timesteps : int, default=100
        Length of each sequence, at least 2. The first half has ``n_timesteps // 2`` steps.
    random_state : int, RandomState instance or None, default=None
        Source of numbers and marks.

    Returns
    -------
    X : ndarray (n_sequences, n_timesteps, 2)
        ``X[i, t]`` is the number and the mark of sequence i at step t.
    y : ndarray (n_sequences,)
        ``y[i]`` belongs to the whole of sequence i and is due after its last step.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    .. [1] Hochreiter, S. and Schmidhuber, J., "Long short-term memory", Neural Computation 9(8), 1735-1780,
       1997, experiment 4 (numbers on [-1, 1], other ranges of the marks, scaled target).
    .. [2] Arjovsky, M., Shah, A. and Bengio, Y., "Unitary evolution recurrent neural networks", ICML
       2016 (the form made here).

    Examples
    --------
    >>> from tsrnn.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, 50, random_state=0)
    >>> X.shape, y.shape
    ((3, 50, 2), (3,))
    >>> bool(y[0] == X[0, X[0, :, 1] == 1, 0].sum())
    True
    """
    check_number("n_sequences", n_sequences, 1, integer=True)
    check_number("n_timesteps", n_timesteps, 2, integer=True)
    random_state = check_random_state(random_state)
    half, rows = n_timesteps // 2, np.arange(n_sequences)
    first = random_state.randint(0, half, size=n_sequences)
    second = random_state.randint(half, n_timesteps, size=n_sequences)
    X = np.zeros((n_sequences, n_timesteps, 2))
    X[:, :, 0] = random_state.uniform(size=(n_sequences, n_timesteps))
    X[rows, first, 1] = X[rows, second, 1] = 1.0
    return X, X[rows, first, 0] + X[rows, second, 0]


# -------------------------------------------------------------------------------- autonomous systems


def make_mackey_glass(
    n_timesteps=1000,
    tau=17.0,
    *,
    a=0.2,
    b=0.1,
    n=10.0,
    x0=1.2,
    history=0.0,
    dt=1.0,
    step=0.1,
    discard=1000,
    random_state=None,
):
    r"""Generate the Mackey-Glass delay equation: :math:`\dot x = a\, x(t-\tau) / (1 + x(t-\tau)^n) - b\, x(t)`.

    Chaotic for tau above 16.8 with the other parameters as they are; 17 and 30 are customary.

    Parameters
    ----------
    n_timesteps : int, default=1000
        Number of samples returned.
    tau : float, default=17.0
        Delay, in the equation's unit of time; a multiple of `step`.
    a, b, n : float, default=0.2, 0.1, 10.0
        Parameters of the equation: gain, decay and exponent.
    x0 : float, default=1.2
        x(0), not negative.
    history : float, default=0.0
        x(t) for all t < 0, not negative.
    dt : float, default=1.0
        Time between samples; a multiple of `step`.
    step : float, default=0.1
        Step of the integration.
    discard : int, default=1000
        Samples computed and dropped first, so that the series returned lies on the attractor. With
        ``discard=0`` it begins with x(0).
    random_state : int, RandomState instance or None, default=None
        Moves x(0) by a uniform random number in [-0.1, 0.1], and so gives another stretch of the attractor;
        None leaves it at `x0`.

    Returns
    -------
    x : ndarray (n_timesteps,)
        ``x[i]`` is x((discard + i) dt).

    Raises
    ------
    ValueError
        If an argument is out of range, or `tau` or `dt` is no multiple of `step`.

    Notes
    -----
    Classical Runge-Kutta of order four. The delayed value, needed at the half steps too, is the mean of its
    two neighbours there (linear interpolation); for t < tau it is `history`.

    The protocol of [2]_, x(0) = 1.2, x(t < 0) = 0, step 0.1, t = 0 to 1200, is
    ``make_mackey_glass(1201, tau=17, discard=0)``; patterns [x(t-18), x(t-12), x(t-6), x(t)] -> x(t+6) for
    t = 118 to 1117, the first half for training.

    References
    ----------
    .. [1] Mackey, M.C. and Glass, L., "Oscillation and chaos in physiological control systems", Science 197,
       287-289, 1977.
    .. [2] Jang, J.-S.R., "ANFIS: adaptive-network-based fuzzy inference system", IEEE Transactions on
       Systems, Man, and Cybernetics 23(3), 665-685, 1993.

    Examples
    --------
    >>> from tsrnn.datasets import make_mackey_glass
    >>> x = make_mackey_glass(1201, tau=17, discard=0)
    >>> x[:3].round(4)
    array([1.2   , 1.0858, 0.9825])
    """
    check_number("n_timesteps", n_timesteps, 1, integer=True)
    check_number("discard", discard, 0, integer=True)
    tau, dt = _real("tau", tau, 0.0, strict=True), _real("dt", dt, 0.0, strict=True)
    step, n = _real("step", step, 0.0, strict=True), _real("n", n, 0.0, strict=True)
    a, b = _real("a", a, 0.0), _real("b", b, 0.0)
    x0, history = _real("x0", x0, 0.0), _real("history", history, 0.0)
    if random_state is not None:
        x0 += check_random_state(random_state).uniform(-0.1, 0.1)
    delay, every = _check_whole_steps("tau", tau, step), _check_whole_steps("dt", dt, step)
    if b * step > 1.0:
        raise ValueError(f"step={step!r} is too coarse for b={b!r}: take a step of at most {1.0 / b:.3g}.")

    def feedback(delayed):
        return a * delayed / (1.0 + delayed**n)

    # Within a block of `delay` steps the delayed values are known, so the equation is linear there.
    c, c0, c1, c2 = (_relaxed(b, step, *unit) for unit in np.eye(4).tolist())
    n_steps = (discard + n_timesteps - 1) * every
    x = [x0]
    delayed = np.full(delay + 1, history)  # (delay + 1,), at the ends of the block's steps
    while len(x) <= n_steps:
        ends = feedback(delayed)
        middles = feedback((delayed[:-1] + delayed[1:]) / 2)
        value = x[-1]
        for push in (c0 * ends[:-1] + c1 * middles + c2 * ends[1:]).tolist():
            value = c * value + push
            x.append(value)
        delayed = np.array(x[-delay - 1 :])
    return np.array(x[: n_steps + 1])[discard * every :: every]


def _relaxed(b, step, x, f0, f1, f2):
    """Take a Runge-Kutta step of dx/dt = F(t) - b x: c x + c0 F(t) + c1 F(t + step/2) + c2 F(t + step)."""
    k1 = f0 - b * x
    k2 = f1 - b * (x + step / 2 * k1)
    k3 = f1 - b * (x + step / 2 * k2)
    k4 = f2 - b * (x + step * k3)
    return x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def make_lorenz(
    n_timesteps=1000,
    *,
    dt=0.01,
    sigma=10.0,
    rho=28.0,
    beta=8.0 / 3.0,
    x0=(1.0, 1.0, 1.0),
    discard=1000,
    random_state=None,
):
    """Generate the Lorenz system: dx/dt = sigma (y - x), dy/dt = x (rho - z) - y, dz/dt = x y - beta z.

    Parameters
    ----------
    n_timesteps : int, default=1000
        Number of samples returned.
    dt : float, default=0.01
        Time between samples, in the equations' unit of time.
    sigma, rho, beta : float, default=10, 28, 8/3
        Parameters of the equations.
    x0 : array-like (3,), default=(1.0, 1.0, 1.0)
        State at time 0.
    discard : int, default=1000
        Samples computed and dropped first, so that the series returned lies on the attractor. With
        ``discard=0`` it begins with `x0`.
    random_state : int, RandomState instance or None, default=None
        Moves the state at time 0 by uniform random numbers in [-0.1, 0.1], and so gives another stretch of
        the attractor; None leaves it at `x0`.

    Returns
    -------
    X : ndarray (n_timesteps, 3)
        ``X[i]`` is the state (x, y, z) at time (discard + i) dt.

    Raises
    ------
    ValueError
        If an argument is out of range or the solution diverges.

    Notes
    -----
    Classical Runge-Kutta of order four; a `dt` above 0.01 is taken in equal steps of at most 0.01.

    References
    ----------
    .. [1] Lorenz, E.N., "Deterministic nonperiodic flow", Journal of the Atmospheric Sciences 20,
       130-141, 1963.

    Examples
    --------
    >>> from tsrnn.datasets import make_lorenz
    >>> make_lorenz(500).shape
    (500, 3)
    """
    check_number("n_timesteps", n_timesteps, 1, integer=True)
    check_number("discard", discard, 0, integer=True)
    dt = _real("dt", dt, 0.0, strict=True)
    sigma, rho, beta = _real("sigma", sigma), _real("rho", rho), _real("beta", beta)
    start = _check_vector("x0", x0, 3)
    if random_state is not None:
        start = start + check_random_state(random_state).uniform(-0.1, 0.1, size=3)
    x, y, z = start.tolist()
    n_inner = int(np.ceil(dt / 0.01 - 1e-9))
    h = dt / n_inner
    half, sixth = h / 2, h / 6

    def slope(x, y, z):
        return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

    rows = [(x, y, z)]
    for _ in range(discard + n_timesteps - 1):
        for _ in range(n_inner):
            p1, q1, r1 = slope(x, y, z)
            p2, q2, r2 = slope(x + half * p1, y + half * q1, z + half * r1)
            p3, q3, r3 = slope(x + half * p2, y + half * q2, z + half * r2)
            p4, q4, r4 = slope(x + h * p3, y + h * q3, z + h * r3)
            x += sixth * (p1 + 2 * p2 + 2 * p3 + p4)
            y += sixth * (q1 + 2 * q2 + 2 * q3 + q4)
            z += sixth * (r1 + 2 * r2 + 2 * r3 + r4)
        rows.append((x, y, z))
    X = np.array(rows[discard:])
    if not np.isfinite(X).all():
        raise ValueError(
            f"the solution diverges from x0={x0!r} with sigma={sigma!r}, rho={rho!r}, beta={beta!r}: "
            "choose a state and parameters nearer to the usual ones."
        )
    return X


def make_henon(n_timesteps=1000, *, a=1.4, b=0.3, noise=0.0, x0=(0.0, 0.0), discard=100, random_state=None):
    """Generate the Hénon map: x(t+1) = 1 - a x(t)^2 + b x(t-1).

    Parameters
    ----------
    n_timesteps : int, default=1000
        Number of samples returned.
    a, b : float, default=1.4, 0.3
        Parameters of the map.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to the samples returned, in the unit of x (which has a
        standard deviation of about 0.7). It is measurement noise: the map itself runs without.
    x0 : array-like (2,), default=(0.0, 0.0)
        x(-1) and x(0).
    discard : int, default=100
        Samples computed and dropped first, so that the series returned lies on the attractor. With
        ``discard=0`` it begins with x(0).
    random_state : int, RandomState instance or None, default=None
        Source of the noise.

    Returns
    -------
    x : ndarray (n_timesteps,)
        ``x[i]`` is x(discard + i). The map's second coordinate is ``b * x[i - 1]``.

    Raises
    ------
    ValueError
        If an argument is out of range or the map diverges.

    References
    ----------
    .. [1] Hénon, M., "A two-dimensional mapping with a strange attractor", Communications in Mathematical
       Physics 50, 69-77, 1976.

    Examples
    --------
    >>> from tsrnn.datasets import make_henon
    >>> make_henon(4, discard=0)
    array([ 0.   ,  1.   , -0.4  ,  1.076])
    """
    check_number("n_timesteps", n_timesteps, 1, integer=True)
    check_number("discard", discard, 0, integer=True)
    a, b = _real("a", a), _real("b", b)
    noise = _real("noise", noise, 0.0)
    x = _check_vector("x0", x0, 2).tolist()
    for _ in range(discard + n_timesteps - 1):
        x.append(1.0 - a * x[-1] * x[-1] + b * x[-2])
    x = np.array(x[discard + 1 :])
    if not np.isfinite(x).all():
        raise ValueError(f"the map diverges from x0={x0!r} with a={a!r}, b={b!r}: choose values nearer to 0.")
    if noise > 0.0:
        x += check_random_state(random_state).normal(0.0, noise, size=n_timesteps)
    return x
