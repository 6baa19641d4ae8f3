"""Translation of a program into an ONNX graph: a Scan over the rows whose state is the past of each value.

A model of one y per series is several Scans, some from the last row to the first, and the pooling of their outputs.
"""

import numpy as np

from .._nets.program import Affine, Call, Links, LookUp, Normalise, Shares, Span
from ._models import program_of, title, whole_of


OPSET, IR_VERSION = 17, 8  # onnxruntime 1.12 (2022) and later
OPERATORS = {
    "+": "Add",
    "-": "Sub",
    "*": "Mul",
    "min": "Min",
    "max": "Max",
    "pow": "Pow",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "relu": "Relu",
}


def to_onnx(model, *, start="end", series=None, dtype=np.float32):
    """Export a fitted model as an ONNX graph, for onnxruntime and other runtimes.

    All numbers are in the user's units. The graph has, as far as the model uses them,

    - inputs ``X`` (n_timesteps, n_features) and ``y`` (n_timesteps, n_outputs); where y is NaN the model feeds itself,
      so that y of NaN gives a free run, and a measured y forecasts one step ahead;
    - an input ``state`` (n,), in which NaN stands for the start, and an output ``next_state``, from which the next run
      continues, so that a series may come in pieces;
    - the output ``forecast`` (n_timesteps, n_outputs).

    A classifier has instead of ``forecast`` the outputs ``label`` (n_timesteps,), one of ``classes_``, and
    ``probabilities`` (n_timesteps, n_classes); its ``y`` (n_timesteps,) are numbers of known classes in ``classes_``,
    as int64, -1 where the model is to feed itself.

    A model of one y per series, of one or both directions and any pooling, has one input, a whole series ``X``
    (n_timesteps, n_features) of any length, and the output ``forecast`` (n_outputs,); or ``label`` (), and
    ``probabilities`` (n_classes,).

    Columns of categories are numbers, as in ``to_c``. With ``delay=d`` the answer to a row belongs to the row d before.
    ``doc_string`` says both.

    Parameters
    ----------
    model : fitted regressor or classifier of tsrnn, or fitted search over one
    start, series : as for ``to_c``
        The start that a state of NaN stands for. A model of one y per series has none.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Of all inputs, outputs and weights.

    Returns
    -------
    proto : onnx.ModelProto
        ``proto.SerializeToString()`` is what onnxruntime reads.

    Raises
    ------
    ImportError
        onnx is not installed.
    TypeError, ValueError, sklearn.exceptions.NotFittedError
        As in ``to_c``.

    See Also
    --------
    to_c : for a device without a runtime.

    Notes
    -----
    With ``model.onnx`` written, in any process::

        session = onnxruntime.InferenceSession("model.onnx")
        sizes = {i.name: i.shape for i in session.get_inputs()}
        state = np.full(sizes["state"], np.nan, np.float32)
        for X in pieces:
            free = np.full((len(X), sizes["y"][1]), np.nan, np.float32)
            y_pred, state = session.run(["forecast", "next_state"], {"X": X, "y": free, "state": state})

    References
    ----------
    .. [1] ONNX operators, Scan. https://onnx.ai/onnx/operators/onnx__Scan.html
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype={dtype!r}: give numpy.float32 or numpy.float64.")
    whole = whole_of(model)
    program = program_of(model, start, series) if whole is None else whole.answer
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx needs onnx: pip install 'tsrnn[onnx]'.") from error
    n_inputs = (program if whole is None else whole.walks[0].program).n_inputs
    dtype, doc = np.dtype(dtype), title(model, n_inputs, program.n_outputs)
    return (
        _Writer(onnx, program, dtype).proto(doc) if whole is None else _whole_proto(onnx, whole, dtype, doc)
    )


class _Writer:
    """Collect the nodes of the Scan's body, and the constants of the graph around it.

    In the body ``now_...`` is a value, and ``past_...`` its earlier rows, concatenated.
    """

    def __init__(self, onnx, program, dtype, constants=()):
        self.onnx, self.p, self.dtype = onnx, program, dtype
        self.type = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes, self.constants, self.whole = [], list(constants), {}

    # ---------------------------------------------------------------------------------- nodes

    def node(self, operator, *inputs, name=None, **attributes):
        """Add a node to the body; return the name of its output."""
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, a, dtype=None):
        """Add an array to the graph; return its name."""
        name = f"c{len(self.constants)}"
        a = np.asarray(a, dtype or self.dtype, order="C")
        self.constants.append(self.onnx.numpy_helper.from_array(a, name))
        return name

    def tensor(self, name, *shape):
        """Describe an input or output."""
        return self.onnx.helper.make_tensor_value_info(name, self.type, shape)

    def cut(self, vector, first, last, name=None):
        """Slice a vector."""
        return self.node("Slice", vector, *(self.constant([v], np.int64) for v in (first, last)), name=name)

    def rows(self, name):
        """Concatenate the past and the present of a value."""
        if name not in self.whole:
            self.whole[name] = self.node("Concat", f"past_{name}", f"now_{name}", axis=0)
        return self.whole[name]

    def see(self, span):
        """Return the vector of a span."""
        if span.oldest == 0:
            return f"now_{span.name}"
        with_present = span.oldest < span.length
        vector = self.rows(span.name) if with_present else f"past_{span.name}"
        n, size = self.p.past[span.name].shape
        if span.length == n + with_present:
            return vector
        first = (n - span.oldest) * size
        return self.cut(vector, first, first + span.length * size)

    def term(self, t, name=None):
        """Add the nodes of a term; return the name of its value."""
        if isinstance(t, Span):
            return self.see(t) if name is None else self.node("Identity", self.see(t), name=name)
        if not isinstance(t, Call):
            return self.constant(t)
        args = [self.term(arg) for arg in t.args]
        if t.op == "known":
            return self.node("Where", self.node("IsNaN", args[0]), args[1], args[0], name=name)
        if t.op == "missing":
            return self.node("Cast", self.node("IsNaN", args[0]), to=self.type, name=name)
        return self.node(OPERATORS[t.op], *args, name=name)

    def work_out(self, name, value):
        """Add the nodes that compute a value."""
        if isinstance(value, Normalise):
            z = self.see(value.z)
            centered = self.node("Sub", z, self.node("ReduceMean", z, axes=[0]))
            square = self.node("ReduceMean", self.node("Mul", centered, centered), axes=[0])
            root = self.node("Sqrt", self.node("Add", square, self.constant([1e-5])))
            return self.node("Div", centered, root, name=name)
        if isinstance(value, Shares):
            return self.node("Softmax", self.see(value.z), name=name, axis=-1)
        if isinstance(value, LookUp):
            return self.look_up(name, value)
        if not isinstance(value, Affine):
            return self.term(value.term, name)
        total = self.constant(value.b)
        if not value.sources:
            return self.node("Identity", total, name=name)
        for k, (span, W) in enumerate(value.sources):
            v = self.see(span)
            if isinstance(W, Links):
                linked = self.node("Gather", v, self.constant(W.index, np.int64))
                linked = self.node("Mul", linked, self.constant(W.weight))
                product = self.node("ReduceSum", linked, self.constant([0], np.int64), keepdims=0)
            else:
                product = self.node("MatMul", v, self.constant(W))
            total = self.node("Add", product, total, name=name if k == len(value.sources) - 1 else None)
        return total

    def look_up(self, name, value):
        """Add the nodes from a category's number to its row; return the name of that."""
        unknown, first = self.constant([len(value.table) - 1]), self.constant([0])
        code = self.cut(self.see(value.z), value.column, value.column + 1)
        known = [self.node("GreaterOrEqual", code, first), self.node("Less", code, unknown)]
        code = self.node("Where", self.node("And", *known), code, unknown)
        code = self.node("Cast", code, to=self.onnx.TensorProto.INT64)
        row = self.node("Gather", self.constant(value.table), code, axis=0)
        return self.node("Squeeze", row, self.constant([0], np.int64), name=name)

    # ---------------------------------------------------------------------------------- classes

    def of_classes(self, inputs):
        """Add the nodes before and after the rows of a classifier; return them and the graph's inputs and outputs.

        y (N,), numbers of classes, -1 where unknown, become targets (N, O); probabilities (N, K) a label.
        """
        make, p = self.onnx.helper, self.p
        INT64 = self.onnx.TensorProto.INT64
        before = []
        if p.fed:
            numbers = np.arange(p.n_outputs) if p.n_outputs > 1 else np.array([1])
            column, zero = self.constant([1], np.int64), self.constant([0], np.int64)
            before = [
                make.make_node("Unsqueeze", ["y", column], ["y_column"]),
                make.make_node("Equal", ["y_column", self.constant(numbers, np.int64)], ["y_is"]),
                make.make_node("Cast", ["y_is"], ["y_one"], to=self.type),
                make.make_node("Less", ["y_column", zero], ["y_unknown"]),
                make.make_node("Where", ["y_unknown", self.constant([np.nan]), "y_one"], ["targets"]),
            ]
            inputs = [i for i in inputs if i.name != "targets"]
            inputs.append(make.make_tensor_value_info("y", INT64, ["n_timesteps"]))
        after, label = self.labelled(1, ["n_timesteps"])
        return before, after, inputs, [label, self.tensor("probabilities", "n_timesteps", len(p.labels))]

    def labelled(self, axis, shape):
        """Return the nodes from probabilities, classes along an axis, to labels of a shape, and that output."""
        make, p = self.onnx.helper, self.p
        labels = p.labels if p.labels.dtype.kind in "iufb" else p.labels.astype(str).astype(object)
        labels = labels.astype(np.int64) if p.labels.dtype.kind in "iu" else labels
        names = self.onnx.numpy_helper.from_array(labels, "labels")
        self.constants.append(names)
        nodes = [
            make.make_node("ArgMax", ["probabilities"], ["number"], axis=axis, keepdims=0),
            make.make_node("Gather", ["labels", "number"], ["label"]),
        ]
        return nodes, make.make_tensor_value_info("label", names.data_type, shape)

    # ---------------------------------------------------------------------------------- graph

    def body(self):
        """Add the nodes of a row; return the inputs scanned row by row: name in the graph, name in the body, width."""
        p, rows = self.p, []
        for name, value in p.values.items():
            self.work_out(f"now_{name}", value)
        if p.sees("x"):
            rows.append(("X", "now_x", p.n_inputs))
        if p.fed:
            rows.append(("y" if p.labels is None else "targets", "now_y", p.n_outputs))
            unknown = self.node("IsNaN", "now_y")
            for name, (measured, unmeasured) in p.fed.items():
                self.node("Where", unknown, self.term(unmeasured), self.term(measured), name=f"now_{name}")
        for name, past in p.past.items():
            self.cut(self.rows(name), past.shape[1], past.size + past.shape[1], name=f"after_{name}")
        return rows

    def scan(self, rows, of_row, out, firsts, lasts, **directions):
        """Make the Scan of the body over rows; ``of_row`` of each becomes ``out``.   firsts, lasts : of its pasts."""
        make, p = self.onnx.helper, self.p
        past, after = (
            [self.tensor(f"{k}_{v}", a.size) for v, a in p.past.items()] for k in ("past", "after")
        )
        seen = [self.tensor(inside, width) for _, inside, width in rows]
        now = self.tensor(f"now_{of_row}", p.size(of_row))
        body = make.make_graph(self.nodes, "row", [*past, *seen], [*after, now])
        inputs = [*firsts, *(outside for outside, _, _ in rows)]
        return make.make_node(
            "Scan", inputs, [*lasts, out], body=body, num_scan_inputs=len(rows), **directions
        )

    def with_state(self, scan, sizes):
        """Return the Scan between nodes that split ``state`` into pasts (NaN is the start) and join ``next_state``."""
        make, n = self.onnx.helper, len(sizes)
        start = self.constant(np.concatenate([past.ravel() for past in self.p.past.values()]))
        lengths = self.constant(list(sizes.values()), np.int64)
        return [
            make.make_node("IsNaN", ["state"], ["unknown"]),
            make.make_node("Where", ["unknown", start, "state"], ["first"]),
            make.make_node("Split", ["first", lengths], scan.input[:n], axis=0),
            scan,
            make.make_node("Concat", scan.output[:n], ["next_state"], axis=0),
        ]

    def proto(self, doc):
        """Build and check the ONNX model."""
        make, p = self.onnx.helper, self.p
        rows, sizes = self.body(), {name: past.size for name, past in p.past.items()}
        if not rows:
            raise TypeError(
                "The model sees neither X nor y, so ONNX has no rows to scan: take to_c, or the number it forecasts."
            )
        of_row, out = ("out", "forecast") if p.labels is None else ("probabilities",) * 2
        ends = ([f"{word}_{name}" for name in sizes] for word in ("first", "last"))
        nodes, before, after = [self.scan(rows, of_row, out, *ends)], [], []
        inputs = [self.tensor(outside, "n_timesteps", width) for outside, _, width in rows]
        outputs = [self.tensor("forecast", "n_timesteps", p.n_outputs)]
        if p.labels is not None:
            before, after, inputs, outputs = self.of_classes(inputs)
        if sizes:
            nodes = self.with_state(nodes[0], sizes)
            inputs.append(self.tensor("state", sum(sizes.values())))
            outputs.append(self.tensor("next_state", sum(sizes.values())))
        nodes = [*before, *nodes, *after]
        return _checked_model(
            self.onnx, make.make_graph(nodes, "tsrnn", inputs, outputs, self.constants, doc)
        )


# ---------------------------------------------------------------------------------------- one y per series


def _whole_proto(onnx, whole, dtype, doc):
    """Build and check the ONNX model of a ``Whole``."""
    make, nodes, outs, constants = onnx.helper, [], [], []
    for k, (program, sees, reverse, own_order) in enumerate(whole.walks):
        seen, writer = "X" if sees is None else f"seen{k}", _Writer(onnx, program, dtype, constants)
        if sees is not None:
            flipped = [i for i in sees if own_order and whole.walks[i].reverse]
            nodes += [_flip(writer, outs[i], f"flipped{k}_{i}") for i in flipped]
            rows = [f"flipped{k}_{i}" if i in flipped else outs[i] for i in sees]
            nodes.append(make.make_node("Concat", rows, [seen], axis=1))
        nodes.append(_walk(writer, seen, f"rows{k}", "out", reverse))
        outs.append(f"rows{k}")
        constants = writer.constants
    n_inputs, p = whole.walks[0].program.n_inputs, whole.answer
    writer = _Writer(onnx, p, dtype, constants)
    nodes += _pool(writer, whole, outs[-1])
    of_classes = p.labels is not None
    of_row, size = ("probabilities", len(p.labels)) if of_classes else ("out", p.n_outputs)
    nodes.append(_walk(writer, "pooled", "answers", of_row, False))
    answer = "probabilities" if of_classes else "forecast"
    nodes.append(make.make_node("Squeeze", ["answers", writer.constant([0], np.int64)], [answer]))
    outputs = [writer.tensor(answer, size)]
    if of_classes:
        more, label = writer.labelled(0, [])
        nodes, outputs = nodes + more, [label, *outputs]
    inputs = [writer.tensor("X", "n_timesteps", n_inputs)]
    return _checked_model(onnx, make.make_graph(nodes, "tsrnn", inputs, outputs, writer.constants, doc))


def _flip(writer, rows, out):
    """Make the node that gives rows from the last to the first."""
    end = np.iinfo(np.int32).max
    numbers = [writer.constant([v], np.int64) for v in (-1, -end, 0, -1)]  # first, end, axis, step
    return writer.onnx.helper.make_node("Slice", [rows, *numbers], [out])


def _walk(writer, seen, out, of_row, reverse):
    """Make the Scan of a program over the rows of ``seen``; ``of_row`` of each row becomes ``out``."""
    writer.body()
    past, along = writer.p.past, [int(reverse)]
    firsts, lasts = (
        [writer.constant(a.ravel()) for a in past.values()],
        [f"{out}_last_{name}" for name in past],
    )
    directions = dict.fromkeys(("scan_input_directions", "scan_output_directions"), along)
    return writer.scan([(seen, "now_x", writer.p.n_inputs)], of_row, out, firsts, lasts, **directions)


def _pool(writer, whole, out):
    """List the nodes from outputs (n_timesteps, n) to the pooled row (1, n_outputs)."""
    make, O, end = writer.onnx.helper, whole.answer.n_inputs, np.iinfo(np.int32).max

    def cut(source, first, last, axis, name):
        """Make the node that takes a part of a matrix along an axis."""
        numbers = [writer.constant([v], np.int64) for v in (first, last, axis)]
        return make.make_node("Slice", [source, *numbers], [name])

    if whole.pooling == "last":
        return [cut(out, -1, end, 0, "pooled")]
    if whole.pooling in ("mean", "max"):
        operator = "ReduceMean" if whole.pooling == "mean" else "ReduceMax"
        return [make.make_node(operator, [out], ["pooled"], axes=[0], keepdims=1)]
    halves = [cut(out, 0, O, 1, "of_rows"), cut(out, O, end, 1, "beside")]
    if whole.pooling == "both":
        return [
            *halves,
            cut("of_rows", -1, end, 0, "of_last"),
            make.make_node("ReduceMean", ["beside"], ["of_all"], axes=[0], keepdims=1),
            make.make_node("Add", ["of_last", "of_all"], ["pooled"]),
        ]
    return [
        *halves,
        make.make_node("Tanh", ["beside"], ["keys"]),
        make.make_node("MatMul", ["keys", writer.constant(whole.v[:, None])], ["e"]),
        make.make_node("Softmax", ["e"], ["a"], axis=0),
        make.make_node("Transpose", ["a"], ["weights"], perm=[1, 0]),
        make.make_node("MatMul", ["weights", "of_rows"], ["pooled"]),
    ]


def _checked_model(onnx, graph):
    """Make the ONNX model of a graph, and check it."""
    from .._version import __version__

    proto = onnx.helper.make_model(
        graph,
        producer_name="tsrnn",
        producer_version=__version__,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto
