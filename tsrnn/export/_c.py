"""Translation of a program into C99: one header with the weights, without allocation."""

import re
from pathlib import PurePath
from textwrap import dedent, fill, indent

import numpy as np

from .._nets.program import Affine, Call, Links, LookUp, Normalise, Softmax, Span
from ._models import numbered, program_of, title


HELPERS = {  # functions a program may call; T and I stand for types of numbers, F for a suffix
    "affine": """
        /* z[j] += sum over i of v[i] W[i, j] */
        static inline void NAME_affine(const T *W, const T *v, int K, int H, T *z)
        {
            for (int i = 0; i < K; i++)
                for (int j = 0; j < H; j++)
                    z[j] += v[i] * W[i * H + j];
        }
        """,
    "links": """
        /* z[j] += sum over k of v[index[k, j]] W[k, j] */
        static inline void NAME_links(const I *index, const T *W, const T *v, int K, int H, T *z)
        {
            for (int k = 0; k < K; k++)
                for (int j = 0; j < H; j++)
                    z[j] += v[index[k * H + j]] * W[k * H + j];
        }
        """,
    "normalise": """
        /* u = (z - mean(z)) / sqrt(mean((z - mean(z))^2) + 1e-5) */
        static inline void NAME_normalise(const T *z, int H, T *u)
        {
            T mean = 0, square = 0;
            for (int j = 0; j < H; j++)
                mean += z[j] / (T)H;
            for (int j = 0; j < H; j++) {
                u[j] = z[j] - mean;
                square += u[j] * u[j] / (T)H;
            }
            for (int j = 0; j < H; j++)
                u[j] /= sqrtF(square + (T)1e-5);
        }
        """,
    "softmax": """
        /* u = exp(z) / sum(exp(z)) */
        static inline void NAME_softmax(const T *z, int H, T *u)
        {
            T largest = z[0], total = 0;
            for (int j = 1; j < H; j++)
                largest = fmaxF(largest, z[j]);
            for (int j = 0; j < H; j++) {
                u[j] = expF(z[j] - largest);
                total += u[j];
            }
            for (int j = 0; j < H; j++)
                u[j] /= total;
        }
        """,
    "row": """
        /* the row of a table for number z, the last one where there is none */
        static inline int NAME_row(T z, int last) { return z >= 0 && z < (T)last ? (int)z : last; }
        """,
    "largest": """
        /* the first j of the largest p[j] */
        static inline int NAME_largest(const T *p, int K)
        {
            int best = 0;
            for (int j = 1; j < K; j++)
                if (p[j] > p[best])
                    best = j;
            return best;
        }
        """,
    "logistic": """
        static inline T NAME_logistic(T z) { return 1 / (1 + expF(-z)); }
        """,
    "relu": """
        static inline T NAME_relu(T z) { return z > 0 || z != z ? z : 0; }
        """,
}
HEAD = """
    /* TITLE
     *
     *     NAME_state s;
     *     NAME_reset(&s);                 the start
     *     NAME_step(&s, x, NULL, out);    x(t) comes in: out is the forecast of y(t) from what came before
     *     NAME_observe(&s, y);            y(t) was measured: it takes the place of the forecast in the past
     *
     * NAME_step(&s, x, y, out) is both in one. Where y is not observed, or NaN, the model feeds itself.
     */
    #ifndef NAME_H
    #define NAME_H

    #include <math.h>
    #include <stdint.h>
    #include <string.h>
    """
HEAD_OF_CLASSES = """
    /* TITLE
     * Classes, by number: LABELS.
     *
     *     NAME_state s;
     *     NAME_reset(&s);                              the start
     *     k = NAME_step(&s, x, -1, probabilities);     x(t) comes in: the number of the most probable class
     *     NAME_observe(&s, k);                         k was the class: what the model goes on from
     *
     * NAME_step(&s, x, k, probabilities) is both in one. Where no class is observed, or -1, the model feeds itself.
     */
    #ifndef NAME_H
    #define NAME_H

    #include <math.h>
    #include <stdint.h>
    #include <string.h>
    """
C_FUNCTIONS = {"tanh": "tanhF", "exp": "expF", "log": "logF", "pow": "powF", "min": "fminF", "max": "fmaxF"}


def to_c(model, name="model", *, start="end", series=None, dtype=np.float64):
    """Export a fitted model as one C99 header, for a device without Python.

    The header needs ``math.h``, ``string.h``, ``stdint.h`` only; weights are ``static const`` arrays in it, and nothing
    is allocated. All numbers are in the user's units. For ``name="model"`` it has::

        model_state s;                   what is remembered, a struct
        model_reset(&s);                 the start
        model_step(&s, x, NULL, out);    x(t) comes in: out is the forecast of y(t) from what came before
        model_observe(&s, y);            y(t) was measured: it takes the place of the forecast in the past

    With ``model_step(&s, x, y, out)`` both are one call, for replay: ``out`` does not depend on that y. Where y(t) is
    never observed, or is NaN, the model's own output stays in the past, so without ``observe`` the model runs freely.
    NaN in x with ``missing="error"``, and y outside the domain of ``target_transform``, are not checked: they stay in
    the state until the next reset. There is no warning of a free run that diverges.

    Of a classifier ``k = model_step(&s, x, -1, probabilities)`` is the number of the most probable class in
    ``classes_``, whose probabilities (n_classes,) it writes; ``model_observe(&s, k)`` passes on which class it was, and
    with k in place of -1 both are one call.

    Columns of categories are numbers: of each category its place among those of training, sorted, as the first line
    says; any other number, and NaN, is an unknown one.

    With ``delay=d`` the answer to a row belongs to the row d before, as that of a ``Stream``; its first line says so.

    Parameters
    ----------
    model : fitted regressor or classifier of tsrnn, or fitted search over one
        Of one y per row.
    name : str, default="model"
        Prefix of all names in the header; of a path such as "firmware/plant.h" its stem, "plant".
    start : {"end", "cold", "zeros"} or tuple (X_hist, y_hist), default="end"
        State that ``reset`` sets: the memory after the last row seen, from which ``forecast`` continues; the mean state
        of training, for a series with an unknown past; zeros; or the memory after a history.
    series : key, optional
        For ``start="end"`` of a model of several series: the series to continue.
    dtype : {numpy.float64, numpy.float32}, default=numpy.float64
        Numbers are ``double`` or ``float``.

    Returns
    -------
    header : str

    Raises
    ------
    TypeError
        The model is no such regressor or classifier.
    ValueError
        The model reads a series from both ends, or has one y per series, or several labels per row; ``target_bounds``
        are columns of X and ``target_transform`` is more than differences; the start is not known, or from rest where
        an echo state network holds its outputs; or a parameter is out of range.
    sklearn.exceptions.NotFittedError
        It was not fitted.

    See Also
    --------
    to_onnx : for onnxruntime.

    Examples
    --------
    >>> from tsrnn import NARXRegressor
    >>> from tsrnn.datasets import make_narendra
    >>> from tsrnn.export import to_c
    >>> X, y = make_narendra(600, random_state=0)
    >>> header = to_c(NARXRegressor((4,), random_state=0).fit(X, y), "plant")
    >>> [line for line in header.splitlines() if line.startswith("static inline void plant_step")]
    ['static inline void plant_step(plant_state *s, const double *x, const double *y, double *out)']
    """
    if isinstance(name, (str, PurePath)) and str(name).endswith(".h"):
        name = re.sub(r"\W", "_", PurePath(name).stem, flags=re.ASCII)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError(f"name={name!r} is no name in C: give letters, digits and _, a letter first.")
    types = {np.dtype(np.float64): ("double", ""), np.dtype(np.float32): ("float", "f")}
    if np.dtype(dtype) not in types:
        raise ValueError(f"dtype={dtype!r}: give numpy.float64 or numpy.float32.")
    program = program_of(model, start, series)
    return _Writer(program, name, *types[np.dtype(dtype)]).header(title(model, program))


class _Writer:
    """Write statements, and collect their constants and helpers.   real, suffix : "double", "", or "float", "f"."""

    def __init__(self, program, name, real, suffix):
        self.p, self.name, self.real, self.suffix = program, name, real, suffix
        self.rows = program.rows()
        self.answer = "out" if program.labels is None else "probabilities"  # what a step writes
        self.constants, self.helpers = [], set()

    # ---------------------------------------------------------------------------------- expressions

    def number(self, v):
        """Write a number as a literal that reads back exactly."""
        text = str(np.float32(v)) if self.suffix else repr(float(v))
        if not np.isfinite(float(text)):
            return {"inf": "INFINITY", "-inf": "-INFINITY"}.get(text, "NAN")
        return text + self.suffix if re.search("[.e]", text) else f"{text}.0{self.suffix}"

    def constant(self, name, a, kind="T"):
        """Add a static array of the numbers in a; return its name."""
        name = f"NAME_{name}"
        words = map(self.number if kind == "T" else str, a.ravel())
        body = fill(", ".join(words), 100, initial_indent="    ", subsequent_indent="    ")
        self.constants.append(f"static const {kind} {name}[{a.size}] = {{\n{body}\n}};")
        return name

    def help(self, name):
        """Include a helper; return its name."""
        self.helpers.add(name)
        return f"NAME_{name}"

    def place(self, span):
        """Return the array that holds a span, and its offset there."""
        if span.name not in self.rows:
            return span.name, 0
        return f"s->{span.name}", (self.rows[span.name] - span.oldest) * self.p.size(span.name)

    def pointer(self, span):
        """Return a pointer to a span."""
        array, offset = self.place(span)
        return f"{array} + {offset}" if offset else array

    def element(self, span):
        """Return element i of a span."""
        array, offset = self.place(span)
        return f"{array}[{offset} + i]" if offset else f"{array}[i]"

    def term(self, name, t):
        """Write a term as an expression in i.   name : prefix of its constants."""
        if isinstance(t, Span):
            return self.element(t)
        if not isinstance(t, Call):
            t = np.ravel(t)
            return self.number(t[0]) if (t == t[0]).all() else f"{self.constant(name, t)}[i]"
        args = [self.term(f"{name}_{k}", arg) for k, arg in enumerate(t.args)]
        if t.op == "*":  # binds tighter than + and - in its arguments
            args = [
                f"({a})" if isinstance(arg, Call) and arg.op in "+-" else a for a, arg in zip(args, t.args)
            ]
        if t.op == "-" and isinstance(t.args[1], Call) and t.args[1].op in "+-":
            args[1] = f"({args[1]})"
        if t.op in "+-*":
            return f"{args[0]} {t.op} {args[1]}"
        if t.op == "known":
            return f"(isnan({args[0]}) ? {args[1]} : {args[0]})"
        if t.op == "missing":
            return f"(isnan({args[0]}) ? {self.number(1)} : {self.number(0)})"
        return f"{C_FUNCTIONS.get(t.op) or self.help(t.op)}({', '.join(args)})"

    # ---------------------------------------------------------------------------------- statements

    def assign(self, name, term, size):
        """Write the loop that assigns a term to a value."""
        return [
            f"for (int i = 0; i < {size}; i++)",
            f"    {self.element(Span(name))} = {self.term(name, term)};",
        ]

    def work_out(self, name, value):
        """Write the statements that compute a value."""
        target, lines = Span(name), []
        if name not in self.rows and name != self.answer:
            lines.append(f"T {name}[{value.size}];")
        if isinstance(value, Normalise | Softmax):
            helper = self.help(type(value).__name__.lower())
            return [*lines, f"{helper}({self.pointer(value.z)}, {value.size}, {self.pointer(target)});"]
        if isinstance(value, LookUp):
            return lines + self.look_up(name, value)
        if not isinstance(value, Affine):
            return lines + self.assign(name, value.term, value.size)
        lines += self.assign(name, value.b, value.size)
        for k, (span, W) in enumerate(value.sources):
            call = self.help("affine") + "("
            if isinstance(W, Links):
                call = f"{self.help('links')}({self.constant(f'{name}_index{k}', W.index, 'I')}, "
                W = W.weight
            shape = f"{len(W)}, {value.size}"
            W = self.constant(f"{name}_W{k}", W)
            lines.append(f"{call}{W}, {self.pointer(span)}, {shape}, {self.pointer(target)});")
        return lines

    def look_up(self, name, value):
        """Write the statement that copies the row of a category."""
        array, offset = self.place(value.z)
        row = f"{self.help('row')}({array}[{offset + value.column}], {len(value.table) - 1})"
        source = f"{self.constant(f'{name}_rows', value.table)} + {row} * {value.size}"
        return [f"memcpy({self.pointer(Span(name))}, {source}, {value.size} * sizeof(T));"]

    def function(self, head, lines, gives="void"):
        """Write a function."""
        body = indent("\n".join(lines), "    ")
        return f"static inline {gives} {head}\n{{\n{body}\n}}"

    def reset(self):
        """Write the function that sets the initial state."""
        lines = ["memset(s, 0, sizeof *s);"]
        for name, past in self.p.past.items():
            size = past.shape[1]
            lines.append(
                f"memcpy(s->{name} + {size}, {self.constant(f'{name}_start', past)}, {past.size} * sizeof(T));"
            )
        return self.function("NAME_reset(NAME_state *s)", lines)

    def observe(self):
        """Write the function that takes y(t) where it is known."""
        p, classes = self.p, self.p.labels is not None
        y, lines = ("int k" if classes else "const T *y"), []
        if p.fed:
            terms = {name: self.term(f"{name}_of_y", measured) for name, (measured, _) in p.fed.items()}
            lines = [
                f"for (int i = 0; i < {p.n_outputs}; i++)",
                "    if (!isnan(y[i])) {",
                *(f"        {self.element(Span(name))} = {term};" for name, term in terms.items()),
                "    }",
            ]
        if p.fed and classes:
            number = "i" if p.n_outputs > 1 else "1"
            targets = [f"for (int i = 0; i < {p.n_outputs}; i++)", f"    y[i] = k == {number};"]
            lines = [f"T y[{p.n_outputs}];", "if (k < 0)", "    return;", *targets, *lines]
        lines = lines or ["(void)s;", f"(void){y[-1]};"]
        return self.function(f"NAME_observe(NAME_state *s, {y})", lines)

    def step(self):
        """Write the function of one row."""
        p, lines = self.p, []
        if not p.sees("x"):
            lines.append("(void)x;")
        if not self.rows:
            lines.append("(void)s;")
        for name, n in self.rows.items():
            size = p.size(name)
            lines.append(f"memmove(s->{name}, s->{name} + {size}, {n * size} * sizeof(T));")
        for name, value in p.values.items():
            lines += self.work_out(name, value)
        for name, (_, unmeasured) in p.fed.items():
            lines += self.assign(name, unmeasured, p.n_outputs)
        if p.labels is None:
            lines += ["if (y)", "    NAME_observe(s, y);"]
            return self.function("NAME_step(NAME_state *s, const T *x, const T *y, T *out)", lines)
        lines += ["NAME_observe(s, k);", f"return {self.help('largest')}(probabilities, {len(p.labels)});"]
        return self.function("NAME_step(NAME_state *s, const T *x, int k, T *probabilities)", lines, "int")

    def header(self, title):
        """Write the header.   title : its first line."""
        p = self.p
        functions = [self.reset(), self.observe(), self.step()]
        state = [f"    T {name}[{n + 1} * {p.size(name)}];" for name, n in self.rows.items()]
        head, sizes = HEAD, f"NAME_n_inputs = {p.n_inputs}, NAME_n_outputs = {p.n_outputs}"
        if p.labels is not None:
            head = HEAD_OF_CLASSES
            sizes = f"NAME_n_inputs = {p.n_inputs}, NAME_n_classes = {len(p.labels)}"
        sections = [
            dedent(head).strip().replace("TITLE", fill(title, 110, subsequent_indent=" * ")),
            f"enum {{ {sizes} }};",
            "typedef struct {\n" + "\n".join(state or ["    char nothing;"]) + "\n} NAME_state;",
            *self.constants,
            *(dedent(text).strip() for name, text in HELPERS.items() if name in self.helpers),
            *functions,
            "#endif",
        ]
        text = "\n\n".join(sections) + "\n"
        largest = max((W.index.max(initial=0) for W in self.links()), default=0)
        text = re.sub(r"\bT\b", self.real, text)
        text = re.sub(r"\bI\b", "uint16_t" if largest < 2**16 else "uint32_t", text)
        text = re.sub(r"(tanh|sqrt|exp|log|pow|fmin|fmax)F\b", rf"\1{self.suffix}", text)
        text = text.replace("NAME_H", f"{self.name.upper()}_H").replace("NAME_", f"{self.name}_")
        if p.labels is None:
            return text
        labels = fill(numbered(p.labels), 100, subsequent_indent=" * ")
        return text.replace("LABELS", labels, 1)

    def links(self):
        """List the links of the program."""
        sources = [s for v in self.p.values.values() if isinstance(v, Affine) for s in v.sources]
        return [W for _, W in sources if isinstance(W, Links)]
