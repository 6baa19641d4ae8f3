"""Sequence to sequence of symbols: against its equations and differences, and what an estimator must do."""

import pickle
from functools import partial

import naive
import numpy as np
import pandas as pd
import pytest
from recurrent_nets import CELLS, naive_cell
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_score

import tsrnn
from tsrnn import Adam, EncoderDecoderClassifier
from tsrnn._nets.answers import AnswerDynamics, AnswerLoss, Writer, as_rows, log_softmax, make_answers
from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._series.units import Series
from tsrnn._training.losses import SoftmaxOfCodes


K = 4  # symbols of answers; embeddings are as wide as the outputs, as the twin wants them
CASES = [  # cell, widths of the layers, attention, columns of X or 1, symbols of X or 0
    ("gru", (5,), None, (1, 3)),
    ("gru", (3, 4), "general", (2, 0)),
    ("lstm", (4,), "additive", (1, 6)),
    ("elman", (18,), "dot", (1, 3)),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}-{case[3]}")


def build(case):
    """A net, parameters (P,) and pairs of several lengths, one of whose answers is empty."""
    cell, hidden, attention, (D, C) = case
    net = make_answers(CELLS[cell]()._cell(), hidden, attention, (D, C), K, K + 1)
    rng = np.random.default_rng(0)
    X = [rng.integers(0, C, n) if C else rng.normal(size=(n, D)) for n in (3, 5, 3, 1, 5, 3)]
    Y = [rng.integers(0, K, n) for n in (2, 4, 0, 3, 1, 2)]
    theta = rng.normal(scale=0.5, size=net.size)
    return net, theta, Series(X, Y, rng.uniform(0.5, 1, 6), np.zeros(6, bool))


def objective(net, series, feedback="open_loop", smoothing=0.1):
    teaching = Teaching(SoftmaxOfCodes(smoothing), 0.0, 0.0, 0.0, 0.0, feedback, 3)
    return AnswerLoss(net, [series], teaching, np.float64)


def twin(case, net, theta, x, codes):
    """Scores (n, K + 1) after the start and each of ``codes``, and attention's weights."""
    cell, _, kind, (_, C) = case
    encoder, (*decoder, readout), w = net.views(theta)
    if C:
        x = naive.look_up(net.encoder.symbols.tables(theta), x[:, None])
    table = net.decoder.symbols.of_labels(theta[net.encoder.size :])
    attention = kind and (kind, *(W[0] if len(W) else None for W in (w.K, w.Q)), w.v, w.V[0])
    n_states, history = net.encoder.cell.n_states, np.asarray(x)
    ahead, fed = np.zeros((len(codes) + 1, 0)), table[[K + 1, *codes, K]]
    parts = naive_cell(cell), n_states, encoder[:-1], decoder, (readout.W[0], readout.b[0]), attention
    return naive.run_encoder_decoder(*parts, history, ahead, fed)


@every_case
def test_loss_and_gradient(case):
    """The twin's loss, and its derivative to the last digits; of pairs of all lengths, of which none is padded."""
    net, theta, series = build(case)

    def loss(p):
        total = 0.0
        for x, y, w in zip(series.X, series.Y, series.w):
            total = total + w * naive.cross_entropy(twin(case, net, p, x, y)[0], [*y, K], 0.1)
        return total

    value, grad = objective(net, series).loss_grad(theta, None)
    assert value == pytest.approx(loss(theta), rel=1e-12)
    for direction in np.random.default_rng(1).normal(size=(3, net.size)):
        along = loss(theta + 1e-100j * direction).imag / 1e-100
        assert grad @ direction == pytest.approx(along, rel=1e-9, abs=1e-10 * np.abs(grad).max())


@every_case
def test_gradient_and_central_differences(case):
    net, theta, series = build(case)
    loss = objective(net, series)
    some = np.random.default_rng(2).permutation(net.size)[:16]
    part = np.eye(net.size)[some]
    numeric = naive.central_difference(
        lambda p: loss.loss_grad(theta + p @ part, None)[0], np.zeros(len(some)), 1e-4
    )
    grad = loss.loss_grad(theta, None)[1]
    np.testing.assert_allclose(grad[some], numeric, rtol=1e-7, atol=1e-9 * np.abs(grad).max())


@every_case
def test_step_by_step(case):
    """What is written symbol by symbol has the scores of the same answer when it is given, and those of the twin."""
    net, theta, series = build(case)
    dynamics = AnswerDynamics(theta, net)
    for x, y in zip(series.X[1:], series.Y[1:]):
        expected, weights = twin(case, net, theta, x, y)
        writer, steps = Writer(dynamics, as_rows([x], np.float64), 2), []
        for code in [K + 1, *y]:
            steps.append(writer.step(np.array([code, 0]))[0])
            writer.go_on(np.array([0, 0]))
        np.testing.assert_allclose(steps, log_softmax(expected), rtol=1e-10, atol=1e-12)
        ((_, logs, counts, tape),) = dynamics.given([x], [y])
        assert counts.all()
        np.testing.assert_allclose(logs[0], [row[k] for row, k in zip(steps, [*y, K])], rtol=1e-10)
        if case[2] is not None:
            np.testing.assert_allclose(tape.head.E[0], weights, rtol=1e-11, atol=1e-13)


@every_case
def test_beam(case):
    """A beam as wide as there are beginnings finds the best answer of all; batches change nothing."""
    net, theta, series = build(case)
    dynamics, most = AnswerDynamics(theta, net), 2
    every = [[], *([a] for a in range(K)), *([a, b] for a in range(K) for b in range(K))]
    found, logs = dynamics.answers(series.X, 40, most)
    for x, answer, log in zip(series.X, found, logs):
        scores = []
        for y in every:
            steps = log_softmax(twin(case, net, theta, x, np.array(y, int))[0])
            scores.append(sum(row[k] for row, k in zip(steps, [*y, K])))
        if len(answer) <= most and log == pytest.approx(max(scores)):
            assert every[np.argmax(scores)] == list(answer)
        else:  # one that goes on is more probable than all that end
            assert log > max(scores)
    greedy, _ = dynamics.answers(series.X, 1, 6)
    for x, answer in zip(series.X, greedy):
        y = []
        while len(y) < 6 and (code := np.argmax(twin(case, net, theta, x, np.array(y, int))[0][-1])) != K:
            y.append(code)
        assert y == list(answer)


# ---------------------------------------------------------------------------------------- the estimator


RNG = np.random.default_rng(0)
WORDS = ["".join(RNG.choice(list("abcd"), RNG.integers(1, 5))) for _ in range(120)]
UPPER = [word[::-1].upper() for word in WORDS]
QUICK = {"hidden_layer_sizes": (12,), "max_iter": 4, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return EncoderDecoderClassifier(**QUICK | {"max_iter": 40, "solver": Adam(0.015), "batch_size": 16}).fit(
        WORDS, UPPER
    )


def test_it_learns(model):
    """Words backwards, in another alphabet: almost all are right, as their probabilities say."""
    assert model.score(WORDS, UPPER) > 0.9
    assert model.predict(["ab", "dca"]) == ["BA", "ACD"]
    logs = model.log_proba(["ab", "ab"], ["BA", "BAA"])
    assert logs[0] > np.log(0.5) > logs[1]
    assert model.classes_ == list("ABCD")
    assert model.symbols_ == list("abcd")
    assert model.max_length_ == 4
    assert [table.shape[0] for table in model.embeddings_] == [5, 6]
    assert len(model.validation_curve_) == model.n_iter_ >= 1


def test_beam_and_length(model):
    """A wider beam finds answers that are no less probable; none is longer than it may be."""
    wide = clone(model).set_params(beam_width=5)
    wide.fitted_ = model.fitted_
    some = WORDS[:30]
    gain = wide.log_proba(some, wide.predict(some)) - model.log_proba(some, model.predict(some))
    assert (gain > -1e-9).all()
    wide.set_params(max_length=2)
    assert max(map(len, wide.predict(some))) == 2


def test_attention_weights(model):
    weights = model.attention_weights(WORDS[:5])
    assert [w.shape for w in weights] == [(len(a), len(x)) for a, x in zip(model.predict(WORDS[:5]), WORDS)]
    for w in weights:
        np.testing.assert_allclose(w.sum(axis=1), 1)
    assert model.attention_weights(["ab"], ["AB"])[0].shape == (2, 2)
    plain = EncoderDecoderClassifier(attention=None, **QUICK).fit(WORDS, UPPER)
    with pytest.raises(ValueError, match="attention=None"):
        plain.attention_weights(WORDS[:2])


def test_attention_display(model):
    """One answer, its symbols beside those that were read."""
    pytest.importorskip("matplotlib")
    from tsrnn.plotting import AttentionDisplay

    display = AttentionDisplay.from_estimator(model, ["ab", "dca"], origin=1)
    np.testing.assert_array_equal(display.weights, model.attention_weights(["dca"])[0])
    labels = [
        [t.get_text() for t in axis]
        for axis in (display.ax_.get_xticklabels(), display.ax_.get_yticklabels())
    ]
    assert labels == [list("dca"), list(model.predict(["dca"])[0])]
    assert AttentionDisplay.from_estimator(model, ["ab"], ["AA"]).written == ["A", "A"]
    by_place = pd.Series(["ab", "dca"], index=[1, 0])  # of a shuffled split
    assert AttentionDisplay.from_estimator(model, by_place, by_place.str.upper()).read == ["a", "b"]
    with pytest.raises(ValueError, match=r"origin=2 .* -2 and <= 1"):
        AttentionDisplay.from_estimator(model, by_place, origin=2)
    with pytest.raises(TypeError, match="X is of type str"):
        AttentionDisplay.from_estimator(model, "ab")
    with pytest.raises(ValueError, match="y has 1"):
        AttentionDisplay.from_estimator(model, ["ab", "dca"], ["A"])
    for wrong in ({"weights": np.ones((2, 2, 3))}, {"weights": np.ones((2, 3)), "read": "ab"}):
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]} "):
            AttentionDisplay(**wrong).plot()


@pytest.mark.parametrize(
    ("make_x", "make_y"),
    [
        (list, list),
        (tuple, lambda w: tuple(w.split("B"))),
        (lambda w: np.array(list(map(ord, w))), lambda w: np.array(list(map(ord, w)))),
        (lambda w: pd.Series(list(w), index=np.arange(len(w)) + 3), list),
        (lambda w: np.array([[ord(c), 1.0] for c in w]), str),
        (lambda w: [[ord(c), 1] for c in w], str),
    ],
    ids=["list", "tuple", "ints", "pandas", "rows", "lists of rows"],
)
def test_what_sequences_may_be(make_x, make_y):
    """Answers are of the user's own type; the same fit, however the symbols are given."""
    X, y = [make_x(w) for w in WORDS], [make_y(w) for w in UPPER]
    model = EncoderDecoderClassifier(**QUICK).fit(X, y)
    answers = model.predict(X[:20])
    assert {type(a) for a in answers} == {type(y[0])}
    assert all(symbol in model.classes_ for a in answers for symbol in a)
    again = pickle.loads(pickle.dumps(model))
    assert all(np.array_equal(a, b) for a, b in zip(again.predict(X[:20]), answers))
    assert 0 <= model.score(X, y) <= 1


def test_letters_and_lists_are_the_same():
    a = EncoderDecoderClassifier(**QUICK).fit(WORDS, UPPER)
    b = EncoderDecoderClassifier(**QUICK).fit([list(w) for w in WORDS], [list(w) for w in UPPER])
    assert np.array_equal(a.theta_, b.theta_)
    assert ["".join(w) for w in b.predict(WORDS)] == a.predict(WORDS)


def test_copies_and_more_pairs(model):
    other = pickle.loads(pickle.dumps(model))
    assert other.predict(WORDS) == model.predict(WORDS)
    before = model.log_proba(WORDS, UPPER).mean()
    other.partial_fit(WORDS, UPPER)
    assert other.log_proba(WORDS, UPPER).mean() > before
    assert model.log_proba(WORDS, UPPER).mean() == before
    warm = clone(model).set_params(warm_start=True, max_iter=2)
    cold = clone(warm).fit(WORDS, UPPER)
    warm.fitted_ = model.fitted_
    assert warm.fit(WORDS, UPPER).loss_curve_[0] < 0.5 * cold.loss_curve_[0]
    fresh = EncoderDecoderClassifier(**QUICK).partial_fit(WORDS, UPPER)
    assert np.array_equal(fresh.theta_, EncoderDecoderClassifier(**QUICK).fit(WORDS, UPPER).theta_)


def test_what_is_drawn_comes_from_the_seed():
    """However many threads there are; and a weight of 0 leaves a pair out."""
    options = QUICK | {
        "dropout": 0.2,
        "recurrent_dropout": 0.2,
        "training": "scheduled_sampling",
        "batch_size": 80,
    }
    fits = [EncoderDecoderClassifier(n_jobs=n, **options).fit(WORDS, UPPER) for n in (1, 2)]
    assert np.array_equal(fits[0].theta_, fits[1].theta_)
    weight = np.ones(len(WORDS))
    weight[100:] = 0
    some = EncoderDecoderClassifier(early_stopping=False, **QUICK).fit(WORDS, UPPER, sample_weight=weight)
    few = EncoderDecoderClassifier(early_stopping=False, **QUICK).fit(WORDS[:100], UPPER[:100])
    assert np.array_equal(some.theta_, few.theta_)


def test_scheduled_sampling_ends_with_what_is_written():
    """In its last epoch all y but the start are those that the decoder writes after the given ones."""
    net, theta, series = build(CASES[0])
    loss = objective(net, series, "scheduled_sampling", 0.0)
    taught = objective(net, series, smoothing=0.0).loss_grad(theta, None)[0]
    for epoch in range(3):
        total = sum(loss.loss_grad(theta, batch)[0] for batch, _ in loss.batches(np.random.RandomState(0)))
        assert (total == pytest.approx(taught)) == (epoch == 0)


def test_scikit_learn():
    model = EncoderDecoderClassifier(**QUICK | {"max_iter": 2})
    assert not is_classifier(model)
    scores = cross_val_score(model, WORDS, UPPER, cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()
    search = GridSearchCV(model, {"attention": ["dot", None]}, cv=2).fit(WORDS, [list(w) for w in UPPER])
    assert isinstance(search.predict(WORDS[:1])[0], list)


BAD = {
    "cell": ["tcn", None],
    "attention": ["luong", 3],
    "training": ["closed_loop", None],
    "hidden_layer_sizes": [(), (0,), "a"],
    "batch_size": [0, "auto"],
    "beam_width": [0, 1.5],
    "max_length": [0, "3"],
    "embedding_size": [0],
    "label_smoothing": [1.0],
    "dropout": [1.5, None],
    "recurrent_init": ["zeros"],
    "solver": ["lm"],
    "scale": ["series", "unit"],
}


@pytest.mark.parametrize(("name", "value"), [(name, v) for name, values in BAD.items() for v in values])
def test_bad_parameters(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        EncoderDecoderClassifier(**QUICK | {name: value}).fit(WORDS[:4], UPPER[:4])


ROWS = [np.ones((3, 2)), np.ones((2, 2))]


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ("abc", ["a"], "X is of type str: give a list"),
        (None, ["a"], "X is of type NoneType"),
        ([], [], "X has no sequence"),
        (["a", ""], ["a", "b"], r"X\[1\] is an empty sequence"),
        (["a", "b"], ["a"], "X has 2 sequences, but y has 1"),
        (["a", "b"], [0, 1], r"y\[0\] is 0, which is not a sequence: .* GRUClassifier"),
        (["a", "b"], ["", ""], "All sequences of y are empty"),
        (["a", "b"], ROWS, "y has rows of numbers, but answers"),
        (["a", ["b"]], ["a", "b"], "X mixes sequences of type str and list"),
        ([[0.5], [1.0]], ["a", "b"], r"X\[0\]\[0\] is 0.5, a float, but a symbol is a str or an int"),
        (["a", None], ["a", "b"], r"X\[1\] is None, which is not a sequence: give .* of symbols\.$"),
        (["a", "b"], [[0.5], [1.0]], r"y\[0\]\[0\] is 0.5, a float, but .*: give those\.$"),
        ([ROWS[0], np.ones((3, 3))], ["a", "b"], r"X\[1\] has 3 columns, but X\[0\] has 2"),
        ([ROWS[0], "ab"], ["a", "b"], r"X\[1\] is not a table of numbers"),
        ([ROWS[0], ROWS[1] * np.nan], ["a", "b"], r"X\[1\] has a number that is NaN"),
    ],
)
def test_bad_pairs(X, y, says):
    with pytest.raises((TypeError, ValueError), match=says):
        EncoderDecoderClassifier(**QUICK).fit(X, y)


def test_what_does_not_fit_the_model(model):
    with pytest.raises(
        ValueError, match=r"X\[1\] has the symbol 'z', .* 'a', 'b', 'c', 'd': replace it, or fit"
    ):
        model.predict(["ab", "az"])
    with pytest.raises(ValueError, match=r"y\[0\] has the symbol 'a'"):
        model.log_proba(["ab"], ["a"])
    assert model.score(["ab"], ["zz"]) == 0
    with pytest.raises(
        ValueError, match="X has rows of numbers, but the model was fitted to sequences of symbols"
    ):
        model.predict(ROWS)
    has = r"EncoderDecoderClassifier has no .*: give a model that has it, or call predict or partial_fit\."
    for verb in (tsrnn.Stream, partial(tsrnn.forecast, steps=2), partial(tsrnn.update, X=["ab"], y=["AB"])):
        with pytest.raises(TypeError, match=has):
            verb(model)
    for write in (tsrnn.export.to_c, tsrnn.export.to_onnx):
        with pytest.raises(TypeError, match=r"EncoderDecoderClassifier reads whole sequences .* with joblib"):
            write(model)
    with pytest.raises(ValueError, match="sample_weight must be 2 finite"):
        model.score(["ab", "b"], ["AB", "B"], sample_weight=[1])
    numbers = EncoderDecoderClassifier(**QUICK).fit(ROWS * 5, ["a", "b"] * 5)
    with pytest.raises(ValueError, match="X has 1 columns, but the model was fitted to 2"):
        numbers.predict([np.ones((2, 1))])
    with pytest.raises(ValueError, match="X has symbols, but the model was fitted to sequences of rows"):
        numbers.predict(["ab"])
