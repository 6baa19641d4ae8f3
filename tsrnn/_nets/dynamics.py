"""The interface of fitted models: functions (memory, x, y) -> (out, memory) of rows in the model's units.

    out(t) = f(memory(t - 1), x(t), y(t - 1) ...)        memory(t) = g(memory(t - 1), x(t), y(t))

y(t) is the measured value or, where that is NaN, out(t).  A ``Learner`` makes a ``Dynamics`` from series; a model
brings the two.  Dimensions: N rows, D inputs, O outputs, M runs side by side.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .._series.checks import across
from .._series.lags import of_one
from .._values import kept
from .memory import constant


LONG = 2**23  # numbers of long runs side by side


FAR_INPUTS = "Look for inputs, or a measured y, far from those in training, or give target_bounds."


@dataclass(frozen=True, eq=False)
class Dynamics:
    """A fitted model, apart from the user's units; never changed.

    theta : (P,), all its parameters.   mean : inputs (D,) and outputs (O,) of training.   lead : rows of history that
    the first row needs.   sees_y : whether past outputs are among what it sees.   input_lag : the most recent input
    that an output feels, inf for none.
    """

    theta: np.ndarray

    cure = (  # of a free run that runs away
        "Let it learn free runs (training='closed_loop', a longer sequence_length), with layers of tanh and without "
        "skip_connections, or look for inputs far from those in training."
    )
    furthest = np.inf  # steps, beyond which no forecast is made
    quantiles = None  # that it forecasts besides, ascending
    gap = 0  # rows by which y arrives later than the inputs
    looks_ahead = 0  # rows after the one that is forecast, whose inputs it sees
    is_ahead = None  # which inputs it sees in rows to come, (D,) bool; None for all, as far as its lags say
    whole_errors = False  # whether sample paths add errors of all steps of one origin, and feed none back
    dreams = False  # whether it draws labels by itself, ``dream``
    learns = True  # whether it can learn from more rows
    reaches = None  # rows of each layer's h that its memory has beside the last, behind the other states
    why_needed = ""  # more rows of inputs than are forecast, for a message

    def sees_less(self, steps):
        """How to fit a model that forecasts some steps without later inputs, for a message."""
        return f"only sees inputs already known, with input_lags=range({steps}, ...)"

    @property
    def goes_on(self):
        """Whether it can go on from the last row seen."""
        return True

    def check_verb(self, verb):
        """Raise where the model cannot do what a verb asks."""

    def needs(self, steps):
        """Return how many rows of inputs a forecast of ``steps`` rows needs."""
        return max(0, steps - self.input_lag)

    def unstated(self, n, D):
        """Return n rows of inputs that nobody stated and no output sees, (n, D)."""
        return np.zeros((n, D))

    def wide(self, steps):
        """Return how many steps are to be computed for ``steps`` of output."""
        return steps

    def narrow(self, n):
        """Return the model of the first n outputs alone, where it sees none of the others; else itself."""
        return self

    def terms(self, p):
        """Return the span of the output, with the equations of one row added in the language of ``equations.py``."""
        raise TypeError(
            f"{type(self).__name__} cannot be exported: it does not define its equations, terms(p)."
        )

    def history(self, memory):
        """Return past rows of a memory, oldest first, by the names that ``terms`` gives them, {name: (n, size)}."""
        return {"X": memory.X, "Y": memory.Y}

    def run(self, X, Y, memory):
        """Follow rows X (N, D), Y (N, O), NaN where unknown; returns out (N, O) and the memory after them."""
        raise NotImplementedError

    def run_all(self, X, Y, memories):
        """Follow T rows of each of B series, X (B, T, D), Y (B, T, O); returns out (B, T, O) and memories after them.

        The same numbers as ``run`` gives of one after the other, to the bit.
        """
        outs, after = zip(*(self.run(*series) for series in zip(X, Y, memories)))
        return np.stack(outs), list(after)

    def free_runs(self, X, Y, memory, first, steps, settle=None):
        """Run freely from many rows ``first`` (M,) of a series, ascending; for a model that sees past outputs.

        Yields (slice of first, out (steps, m, O)).  What a run feeds back is its output, or settle(slice, t, out[t])
        (m, O).  Y has no NaN before the rows where runs begin.
        """
        raise NotImplementedError

    def first(self):
        """Return the memory before the first row of training: that of mean rows."""
        return self.zero(*self.mean)

    def cold(self):
        """Return the memory of a series with an unknown past: the same, or what a model knows better."""
        return self.first()

    def again(self, memory):
        """Return the memory of a series before its first row, given its present one."""
        return self.first()

    def forget(self, memory):
        """Return the memory of the same series with an unknown past."""
        return self.cold()

    def unit(self, memory):
        """Return the unit of errors of a memory's series, (O,) or 1."""
        return 1.0

    def zero(self, x, y):
        """Return the memory of constant rows x (D,), y (O,), such as the user's zeros, and of states at rest."""
        return constant(x, y, self.lead)

    def but(self, **changes):
        """Return a copy with other fields."""
        return replace(self, **changes)


@kept("trained")
class Trained(NamedTuple):
    """The result of learning.

    dynamics : the model.   n_iter : iterations.   loss_curve, validation_curve : a value each.   carry : what
    ``learn_more`` and warm starts go on with; the learner's own.   ends : the memory after each series, from the first
    one on, None for those that learning did not come by; or None.   judged : the model before it learnt the held rows,
    too, if it did.   n_fitted : weights that were fitted at once, where they are not all of theta: of a mean of nets
    those of one.   stages : (name, iterations, why it stopped) of each stage of training.   left_out : answers
    (S, O) to series by models of the others, NaN to those that do not count; or None.
    """

    dynamics: Dynamics
    n_iter: int
    loss_curve: list
    validation_curve: list
    carry: Any = None
    ends: list | None = None
    judged: Dynamics | None = None
    n_fitted: int | None = None
    stages: tuple = ()
    left_out: np.ndarray | None = None

    def weights_an_output(self):
        """Return the number of weights fitted per output: all, or as many as a penalty leaves free."""
        free = getattr(self.carry, "weights_an_output", lambda: None)()
        n = self.dynamics.theta.size if self.n_fitted is None else self.n_fitted
        return n / self.dynamics.n_outputs if free is None else free


@dataclass(frozen=True, eq=False)
class Learner:
    """Parameters, checked and parsed once: strings at the edge, values inside.

    p : the estimator that has the parameters, of which numbers and flags are read as they are.   wants_inputs,
    sees_y : whether they speak of inputs, and of past outputs.   held_share : of the rows, held back for validation.
    learns_held : whether those are stretches from everywhere, which are learnt in the end.   extrapolates : whether
    answers can follow y out of the range of training, as those of a linear model do.   learns_changes : whether it can
    learn how changes of y follow each other.   remembers : whether it has a state, in which it sees more than its lags.
    """

    p: Any

    wants_inputs = True
    sees_y = False
    held_share = 0.0
    learns_held = False
    extrapolates = False
    learns_changes = True
    remembers = True
    weighs_linear = False  # whether a net is to be weighed against a linear model of lags
    whole_scale = True  # whether scaled values must stay within what training can hold
    stands_in = False  # whether its output stands for y that was not measured in training, too, as history
    on_grid = False  # whether the rows it gets are on their regular grid already
    codes_labels = False  # whether labels as history are embedded, and so given as codes

    def held_of_whole(self, n):
        """Return the share of n series with one y each that is held back for validation."""
        return self.held_share

    def of_whole(self, trained):
        """Return the learner whose lags are those that a model of series with one y each sees."""
        return self

    def of_symbols(self, categories, n_labels):
        """Return the learner for columns of X with codes, {column: categories}, and exclusive labels."""
        if categories:
            raise TypeError(
                f"{type(self.p).__name__} takes numbers only, but X has categories in column {min(categories)}: encode "
                "them, or take a model that embeds them, such as GRURegressor or NARXRegressor."
            )
        return self

    def for_scale(self, scale):
        """Return the learner of y over a scale (O,), of a loss with a log link."""
        raise TypeError(
            f"{type(self.p).__name__} does not learn with a loss for counts and amounts: give loss='squared', or take "
            "a net such as NARXRegressor(training='open_loop') or GRURegressor."
        )

    def net(self, D, O):
        """Return what depends on the widths of X and y alone; raise where the parameters do not fit them."""
        return None

    def before(self, trained, net):
        """Return what a warm start continues from: ``trained``, or None to start anew."""
        return None

    def learn(self, net, series, mean, rng, before=None):
        """Learn from a list of ``Series`` whose means are ``mean``, (D,) and (O,); returns ``Trained``."""
        raise NotImplementedError

    def of_sums(self, net, n):
        """Return whether ``learn_sums`` would learn the same as ``learn``, of n rows that see no past output."""
        return False

    def learn_sums(self, net, sums, mean):
        """Learn from the normal equations of all outputs, some ``Alike``."""
        raise NotImplementedError

    def learn_whole(self, net, series, mean, rng, before=None):
        """Learn from series that have one y each, in their last row; returns ``Trained``, its dynamics ``Pooled``."""
        raise NotImplementedError

    def fade(self, trained, share):
        """Return what was learnt, counting for ``share`` of what it did."""
        raise ValueError(
            f"forgetting is for models that learn by sums or gradients, which {type(self.p).__name__} does not: leave "
            "it out."
        )

    def without_history(self, trained, series, memory, known):
        """Let no row of a ``Series`` count whose history was made up, as in ``learn``; returns it and the memory.

        memory : before the series.   known : how many rows before it were seen without a gap, and which y of the memory
        were measured, (M, O) bool.
        """
        (n, measured), w = known, series.w.copy()
        w[: max(0, trained.dynamics.lead - n)] = 0.0
        if len(measured) and not self.stands_in:
            memory = memory._replace(Y=np.where(measured, memory.Y, np.nan))
        return series._replace(w=w), memory

    def learn_more(self, trained, series, memory, rng):
        """Learn a little more, from one ``Series`` that goes on from a memory; returns ``Trained``."""
        raise NotImplementedError


class OfLags:
    """What ``input_lags`` and ``output_lags`` say, of a learner or of what it learnt."""

    @property
    def wants_inputs(self):
        """Whether they speak of inputs."""
        return bool(self.input_lags)

    @property
    def sees_y(self):
        """Whether they speak of past outputs."""
        return bool(self.output_lags)

    @property
    def input_lag(self):
        """The most recent input that an output feels."""
        return min(self.input_lags, default=np.inf)

    def averaged(self, net):
        """Return the ``Averaged`` lags of the linear model beside a net: ``linear``, or others that its output sees."""
        linear = self.linear or of_one(self.input_lags, self.output_lags)
        return of_one(*net.skipping) if any(net.skipping) and net.skipping != linear.together else linear


def side_by_side(steps, most, rows, width):
    """Return how many free runs, of so many steps, go on side by side.

    Each step of them is a call, whatever it holds: were they as few as fit ``rows``, the calls of M long runs would
    grow with the square of their steps.   most : runs.   width : numbers a row, of which there may be ``LONG``.
    """
    return max(1, min(most, max(rows, LONG // width) // steps))


def check_sees_something(name, D, input_lags, output_lags):
    """Raise where a model would see neither inputs nor outputs."""
    if not (D and input_lags) and not output_lags:
        raise ValueError(f"{name} sees neither inputs nor outputs: give X and input_lags, or output_lags.")


def check_enough_rows(name, lead, series):
    """Raise unless some stretch of training rows is longer than the lags reach."""
    rows = max(int((~s.held).sum()) for s in series)
    if rows <= lead:
        n, held = sum(len(s.Y) for s in series), sum(int(s.held.sum()) for s in series)
        raise ValueError(
            f"{name} looks back {lead} rows and so needs at least {lead + 1} in a stretch without a gap, but the "
            f"longest has {rows} (n_samples = {n}, {held} of them held back for validation). Give more rows or "
            f"shorter lags; where stamps are missing, insert them, with NaN in y (asfreq).{across(n)}"
        )


def no_row_counts(lead, n_outputs):
    """Return the error for series of which no row is left to learn from."""
    alone = ", or a model of its own to an output that is hardly measured" * (n_outputs > 1)
    return ValueError(
        f"No row that counts (y measured, sample_weight > 0) has its {lead} rows of history without NaN: give shorter "
        f"lags, or more rows{alone}."
    )


def after_memory(series, memory):
    """Put the rows of a memory, without weight, in front of a ``Series``."""
    n = len(memory.Y)
    return series._replace(
        X=np.concatenate([memory.X, series.X]),
        Y=np.concatenate([memory.Y, series.Y]),
        w=np.concatenate([np.zeros(n), series.w]),
        held=np.zeros(n + len(series.Y), bool),
    )


def geometric_mean(losses):
    """Average losses geometrically, NaN as the worst: a gain in one must exceed the loss in others."""
    losses = np.nan_to_num(losses, nan=np.inf)
    return float(np.exp(np.mean(np.log(np.clip(losses, np.finfo(float).tiny, 1e300)))))
