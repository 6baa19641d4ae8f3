"""Translation of a program into C99: one header with the weights, without allocation."""

import re
from pathlib import PurePath
from textwrap import dedent, fill, indent

import numpy as np

from .._nets.program import Affine, Call, Links, LookUp, Normalise, Shares, Span
from ._models import numbered, program_of, title, whole_of


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
    """
HEAD_OF_SERIES = """
    /* TITLE
     *
     *     T room[n * NAME_room];
     *     NAME_answer(X, n, room, out);    the answer to the n >= 1 rows of a whole series X, by row
     */
    """
HEAD_OF_CLASSES_OF_SERIES = """
    /* TITLE
     * Classes, by number: LABELS.
     *
     *     T room[n * NAME_room];
     *     k = NAME_answer(X, n, room, probabilities);    the most probable class of the n >= 1 rows of a series X
     */
    """
GUARD = """
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

    Of a model of one y per series ``model_answer(X, n, room, out)`` writes the answer to a series of n >= 1 rows, one
    after the other in X, or ``k = model_answer(X, n, room, probabilities)``; ``room`` is for n times
    ``model_room`` numbers.

    Columns of categories are numbers: of each category its place among those of training, sorted, as the first line
    says; any other number is an unknown one, and NaN is missing, as in other columns.

    With ``delay=d`` the answer to a row belongs to the row d before, as that of a ``Stream``; its first line says so.

    Parameters
    ----------
    model : fitted regressor or classifier of tsrnn, or fitted search over one
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
        The model reads rows of y from both ends, or has several labels per row; ``target_bounds``
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
    real, suffix = types[np.dtype(dtype)]
    whole = whole_of(model)
    if whole is None:
        writer = _Writer(program_of(model, start, series), suffix)
        sections, writers = writer.of_rows(), [writer]
    else:
        writers = [_Writer(walk.program, suffix, f"walk{k}_") for k, walk in enumerate(whole.walks)]
        writers.append(_Writer(whole.answer, suffix, "last_"))
        sections = _of_series(whole, writers)
    about = title(model, writers[0].p.n_inputs, writers[-1].p.n_outputs)
    return _header(sections, writers, name, real, about)


def _header(sections, writers, name, real, title):
    """Write the header: a comment, sizes, then what writers have collected, and functions."""
    head, sizes, *functions = sections
    used = set().union(*(writer.helpers for writer in writers))
    whole = [
        dedent(head).strip().replace("TITLE", fill(title, 110, subsequent_indent=" * "))
        + dedent(GUARD).rstrip(),
        f"enum {{ {sizes} }};",
        *(part for writer in writers for part in (writer.state(), *writer.constants)),
        *(dedent(text).strip() for name, text in HELPERS.items() if name in used),
        *functions,
        "#endif",
    ]
    suffix, labels, text = writers[-1].suffix, writers[-1].p.labels, "\n\n".join(whole) + "\n"
    largest = max((W.index.max(initial=0) for writer in writers for W in writer.links()), default=0)
    text = re.sub(r"\bT\b", real, text)
    text = re.sub(r"\bI\b", "uint16_t" if largest < 2**16 else "uint32_t", text)
    text = re.sub(r"(tanh|sqrt|exp|log|pow|fmin|fmax)F\b", rf"\1{suffix}", text)
    text = text.replace("NAME_H", f"{name.upper()}_H").replace("NAME_", f"{name}_")
    if labels is None:
        return text
    return text.replace("LABELS", fill(numbered(labels), 100, subsequent_indent=" * "), 1)


class _Writer:
    """Write statements, and collect their constants and helpers.

    suffix : "f" of float, or "".   part : of a program of several, how its names begin.
    """

    def __init__(self, program, suffix, part=""):
        self.p, self.suffix, self.part, self.own = program, suffix, part, f"NAME_{part}"
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
        name = f"{self.own}{name}"
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
        if isinstance(value, Normalise | Shares):
            helper = self.help("normalise" if isinstance(value, Normalise) else "softmax")
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
        return self.function(f"{self.own}reset({self.own}state *s)", lines)

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
        if self.part:
            return self.function(f"{self.own}step({self.own}state *s, const T *x, T *{self.answer})", lines)
        if p.labels is None:
            lines += ["if (y)", "    NAME_observe(s, y);"]
            return self.function("NAME_step(NAME_state *s, const T *x, const T *y, T *out)", lines)
        lines += ["NAME_observe(s, k);", f"return {self.help('largest')}(probabilities, {len(p.labels)});"]
        return self.function("NAME_step(NAME_state *s, const T *x, int k, T *probabilities)", lines, "int")

    def state(self):
        """Write the struct of what is remembered."""
        rows = [f"    T {name}[{n + 1} * {self.p.size(name)}];" for name, n in self.rows.items()]
        return "typedef struct {\n" + "\n".join(rows or ["    char nothing;"]) + f"\n}} {self.own}state;"

    def of_rows(self):
        """Write a comment, sizes and functions of a program that goes row by row."""
        functions = [self.reset(), self.observe(), self.step()]
        return HEAD if self.p.labels is None else HEAD_OF_CLASSES, self.sizes(self.p.n_inputs), *functions

    def sizes(self, n_inputs):
        """Write the sizes of x and of the answer."""
        answer = "outputs" if self.p.labels is None else "classes"
        n = self.p.n_outputs if self.p.labels is None else len(self.p.labels)
        return f"NAME_n_inputs = {n_inputs}, NAME_n_{answer} = {n}"

    def links(self):
        """List the links of the program."""
        sources = [s for v in self.p.values.values() if isinstance(v, Affine) for s in v.sources]
        return [W for _, W in sources if isinstance(W, Links)]


# ---------------------------------------------------------------------------------------- one y per series


def _of_series(whole, writers):
    """Write a comment, sizes and functions of a model of one y per series: walks over all rows, and the pooling."""
    *walks, last = writers
    sizes = [writer.p.size("out") for writer in walks]
    functions = [function for writer in writers for function in (writer.reset(), writer.step())]
    lines, answer, of_classes = [], last.answer, last.p.labels is not None
    for k, (walk, writer) in enumerate(zip(whole.walks, walks)):
        lines.append(f"T *rows{k} = room + n * {sum(sizes[:k])};")
        flipped = {i for i in walk.sees or () if walk.own_order and whole.walks[i].reverse}
        lines += ["{", *_deeper(_walk(walk, writer, sizes, k, flipped)), "}"]
    lines += _pool(whole, last, f"rows{len(walks) - 1}")
    lines += ["NAME_last_state s;", "NAME_last_reset(&s);", f"NAME_last_step(&s, pooled, {answer});"]
    if of_classes:
        lines.append(f"return {last.help('largest')}({answer}, {len(last.p.labels)});")
    head = f"NAME_answer(const T *X, int n, T *room, T *{answer})"
    functions.append(last.function(head, lines, "int" if of_classes else "void"))
    about = HEAD_OF_CLASSES_OF_SERIES if of_classes else HEAD_OF_SERIES
    return about, f"{last.sizes(whole.walks[0].program.n_inputs)}, NAME_room = {sum(sizes)}", *functions


def _deeper(lines):
    """Indent lines by a level."""
    return [f"    {line}" for line in lines]


def _walk(walk, writer, sizes, number, flipped):
    """Write the statements of a walk over all rows.   sizes : of their rows.   flipped : walks seen from their ends."""
    own = writer.own
    along = "int t = n - 1; t >= 0; t--" if walk.reverse else "int t = 0; t < n; t++"
    seen, copies = f"X + t * {walk.program.n_inputs}", []
    if walk.sees is not None:
        seen, at = "x", 0
        copies.append(f"T x[{walk.program.n_inputs}];")
        for k in walk.sees:
            row = "(n - 1 - t)" if k in flipped else "t"
            copies.append(f"memcpy(x + {at}, rows{k} + {row} * {sizes[k]}, {sizes[k]} * sizeof(T));")
            at += sizes[k]
    step = f"{own}step(&s, {seen}, rows{number} + t * {sizes[number]});"
    return [f"{own}state s;", f"{own}reset(&s);", f"for ({along}) {{", *_deeper([*copies, step]), "}"]


def _pool(whole, writer, out):
    """Write the statements from rows of outputs to the pooled row; see ``pooled.py``."""
    O, n = whole.answer.n_inputs, whole.walks[-1].program.size("out")
    each = f"for (int i = 0; i < {O}; i++)"
    last = f"memcpy(pooled, {out} + (n - 1) * {n}, {O} * sizeof(T));"
    lines = [f"T pooled[{O}];"]
    if whole.pooling == "last":
        return [*lines, last]
    if whole.pooling == "max":
        largest = f"pooled[i] = fmaxF(pooled[i], {out}[t * {n} + i]);"
        return [*lines, last, "for (int t = 0; t < n; t++)", f"    {each}", f"        {largest}"]
    first = last if whole.pooling == "both" else f"memset(pooled, 0, {O} * sizeof(T));"
    if whole.pooling in ("mean", "both"):
        at = f"t * {n} + {O} + i" if whole.pooling == "both" else f"t * {n} + i"
        mean = f"pooled[i] += {out}[{at}] / (T)n;"
        return [*lines, first, "for (int t = 0; t < n; t++)", f"    {each}", f"        {mean}"]
    v = writer.constant("v", whole.v)
    return [
        *lines, first, "T most = -INFINITY, total = 0;",
        "for (int t = 0; t < n; t++) {",
        "    T e = 0;",
        f"    for (int i = 0; i < {len(whole.v)}; i++)",
        f"        e += tanhF({out}[t * {n} + {O} + i]) * {v}[i];",
        "    T before = expF(most - fmaxF(most, e)), weight = expF(e - fmaxF(most, e));  /* of softmax over t */",
        "    most = fmaxF(most, e);",
        "    total = total * before + weight;",
        f"    {each}",
        f"        pooled[i] = pooled[i] * before + weight * {out}[t * {n} + i];",
        "}",
        each,
        "    pooled[i] /= total;",
    ]  # fmt: skip
