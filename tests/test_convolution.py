"""Convolution in front of recurrent nets: its equation, gradients, memory, what it is refused for, and torch's."""

import pickle

import numpy as np
import pytest

from tsrnn import (
    Convolution,
    ElmanRegressor,
    GRUClassifier,
    GRURegressor,
    LRURegressor,
    LSTMClassifier,
    Pinball,
    Stream,
)
from tsrnn._nets.convolution import forward, parse_convolution
from tsrnn._nets.pooled import PooledRecurrentLoss
from tsrnn._nets.recurrent_loss import TrackLoss
from tsrnn._series.units import Series


QUICK = {"max_iter": 3, "random_state": 0}
rng = np.random.default_rng(0)
X = rng.normal(size=(260, 2))
y = np.convolve(X[:, 0] * (X[:, 0] > 0), [0.1, 0.5, -1.0, 0.3])[:260] + 0.2 * X[:, 1]
WHOLE = X[:240].reshape(24, 10, 2), (X[:240].reshape(24, 10, 2)[:, 2, 0] > 0).astype(int)
STRIDED = [
    Convolution(3, 4, stride=2, activation="tanh"),
    Convolution(2, 2, pooling=3, activation="logistic"),
]
CAUSAL = [Convolution(3, 3, activation="tanh"), Convolution(2, 4, activation="logistic")]


def slow(layers, weights, x):
    """x' of rows x, which history leads; the pools begin at the first row."""
    f = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "logistic": lambda z: 1 / (1 + np.exp(-z))}
    for layer, (W, b) in zip(layers, weights):
        w, p = layer.width, layer.pooling or 1
        rows = range(w - 1, len(x), layer.stride)
        h = [f[layer.activation](np.concatenate(x[t - w + 1 : t + 1]) @ W[0] + b[0]) for t in rows]
        x = np.array([np.max(h[k : k + p], axis=0) for k in range(0, len(h), p)])
    return x


@pytest.mark.parametrize("layers", [CAUSAL, STRIDED, [Convolution(4, 1, stride=3, pooling=2)]])
def test_the_equation(layers):
    front = parse_convolution(layers, 2)
    theta, lead = rng.normal(size=front.size), 2
    T = np.array([13, 7, 1])
    history = front.history(lead)
    rows = [rng.normal(size=(history + n, 2)) for n in T]
    x = np.zeros((3, history + 13, 2))
    for k, of_one in enumerate(rows):
        x[k, : len(of_one)], x[k, len(of_one) :] = of_one, 1e3  # what comes after is in no pool
    N = history + 13
    out, _ = forward(front, theta, x.ravel(), np.arange(3) * N, N, history + T)
    for k, of_one in enumerate(rows):
        expected = slow(layers, front.views(theta), of_one)
        assert len(expected) == lead + front.steps(int(T[k]))
        np.testing.assert_allclose(out[k, : len(expected)], expected, rtol=1e-12, atol=1e-12)


def derivative(loss_grad, theta):
    """The gradient and central differences along random directions."""
    loss, grad = loss_grad(theta)
    assert np.isfinite(loss)
    for seed in range(6):
        v = np.random.default_rng(seed).normal(size=len(theta))
        v[seed * 5 % 20 :] *= seed % 2  # the first weights alone, too
        slope = (
            sum(c * loss_grad(theta + h * v)[0] for c, h in ((8, 1e-4), (-8, -1e-4), (-1, 2e-4), (1, -2e-4)))
            / 12e-4
        )
        assert grad @ v == pytest.approx(slope, rel=1e-7, abs=1e-9 * np.abs(grad).sum())


@pytest.mark.parametrize(
    "model",
    [
        GRURegressor((3,), convolution=CAUSAL, input_lags=(1, 3), output_lags=2),
        ElmanRegressor((3, 2), convolution=CAUSAL, bidirectional=True, skip_connections=True),
    ],
    ids=["GRU, fed, lags", "Elman, both ways, skip"],
)
def test_gradient_of_a_y_a_row(model):
    learner = model._learner()
    net = learner.net(2, 1)
    series = [
        Series(X[a:b], y[a:b, None], rng.uniform(0.5, 2, b - a), np.zeros(b - a, bool))
        for a, b in ((0, 40), (40, 75))
    ]
    loss = TrackLoss(net, series, 40, 16, learner._teaching(np.zeros(1)), np.float64)
    derivative(
        lambda theta: tuple(map(np.copy, loss.loss_grad(theta, None))), rng.normal(size=net.size) * 0.5
    )


@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
def test_gradient_of_a_y_a_series(pooling):
    model = GRURegressor(
        (3,), convolution=STRIDED, pooling=pooling, readout_hidden_layer_sizes=2, input_lags=1
    )
    learner = model._learner()
    net = learner._with_keys(learner.net(2, 1))
    series = []
    for n in (9, 14, 4, 21):
        Y = np.full((n, 1), np.nan)
        Y[-1] = rng.normal()
        series.append(Series(rng.normal(size=(n, 2)), Y, np.ones(n), np.zeros(n, bool)))
    loss = PooledRecurrentLoss(net, series, np.zeros(2), pooling, learner._teaching(np.zeros(1)), np.float64)
    theta = rng.normal(size=net.size + loss.n_keys) * 0.5

    def loss_grad(theta):
        loss._rng = np.random.RandomState(0)
        return loss.loss_grad(theta, None)

    derivative(loss_grad, theta)


@pytest.mark.parametrize(
    "model",
    [
        GRURegressor((3,), convolution=CAUSAL, input_lags=[1, 2], output_lags=1, **QUICK),
        LRURegressor(
            (3,), convolution=Convolution(4, 3), loss=Pinball(0.7), readout_hidden_layer_sizes=3, **QUICK
        ),
    ],
    ids=["GRU", "LRU"],
)
def test_the_last_rows_of_x_are_its_memory(model):
    """Pieces equal one pass; files, streams and forecasts say the same; nothing of the future is seen."""
    model.fit(X[:200], y[:200])
    again = pickle.loads(pickle.dumps(model))
    ahead = model.predict_ahead(X[200:], y[200:])
    assert np.array_equal(again.predict(X[200:]), model.predict(X[200:]))
    far = X.copy()
    far[231:] = 1e3
    assert np.array_equal(model.predict(far[200:])[:31], model.predict(X[200:])[:31])
    stream = Stream(model)
    ours = [stream.step(x, v) for x, v in zip(X[200:230], y[200:230])]
    assert np.allclose(np.ravel(ours), ahead[:30], rtol=0, atol=1e-9)
    again.update(X[200:202], y[200:202])
    again.update(X[202:240], y[202:240])
    assert np.allclose(again.predict_ahead(X[240:], y[240:]), ahead[40:], rtol=0, atol=1e-12)
    assert np.allclose(again.forecast(9, X[240:249]), again.predict(X[240:249]), rtol=0, atol=1e-12)
    again.partial_fit(X[240:], y[240:])
    assert not np.array_equal(again.theta_[:9], model.theta_[:9])
    assert model.gradient_flow(X, y, steps=9).shape == (1, 9)


def test_series_of_one_label_each():
    for kind, pooling in ((GRUClassifier, "attention"), (LSTMClassifier, "max")):
        model = kind((4,), convolution=STRIDED, pooling=pooling, dropout=0.1, **QUICK).fit(*WHOLE)
        p = model.predict_proba(WHOLE[0])
        assert np.allclose(p, pickle.loads(pickle.dumps(model)).predict_proba(WHOLE[0]))
        if pooling == "attention":
            a = model.attention_weights(WHOLE[0])
            assert np.allclose([np.sum(of_one) for of_one in a], 1)
            assert all(len(of_one) == 10 for of_one in a)


def test_categories_in_front_of_it():
    codes = rng.integers(0, 3, 260)
    model = GRURegressor((3,), convolution=Convolution(3, 3), categorical_features=[0], **QUICK)
    model.fit(np.column_stack([codes, X[:, 0]]), y)
    assert np.isfinite(model.predict(np.column_stack([codes, X[:, 0]]))).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"convolution": STRIDED}, ValueError, "fewer steps than there are rows.*one y per series"),
        ({"convolution": 3}, TypeError, "not a convolution: give a Convolution"),
        ({"convolution": []}, TypeError, "not a convolution: give a Convolution"),
        ({"convolution": Convolution(width=0)}, ValueError, "convolution's width=0"),
        ({"convolution": Convolution(activation="gelu")}, ValueError, "convolution's activation"),
        ({"convolution": CAUSAL, "solver": "lm"}, ValueError, "solver='lm' is for"),
        ({"convolution": CAUSAL, "input_lags": (), "output_lags": 1}, ValueError, "convolution reads X"),
        ({"convolution": CAUSAL, "ensemble": "mean", "n_restarts": 2}, ValueError, "give ensemble='best'"),
    ],
)
def test_what_it_is_refused_for(options, error, message):
    with pytest.raises(error, match=message):
        GRURegressor((3,), **options, **QUICK).fit(X, y)


def test_it_is_torchs():
    """Conv1d over a padded series, then GRU and Linear, with the same weights."""
    torch = pytest.importorskip("torch")
    model = GRURegressor((5,), convolution=Convolution(4, 3), scale=None, **QUICK).fit(X, y)
    net, theta = model._dynamics().net, model.theta_
    (W, b), (p, readout) = net.front.views(net.in_front(theta))[0], net.views(theta)
    conv, gru, linear = torch.nn.Conv1d(2, 4, 3), torch.nn.GRU(4, 5), torch.nn.Linear(5, 1)
    with torch.no_grad():
        conv.weight[:] = torch.tensor(W[0].reshape(3, 2, 4).transpose(2, 1, 0))
        conv.bias[:] = torch.tensor(b[0])
        gru.weight_ih_l0[:] = torch.tensor(np.concatenate(p.W.transpose(0, 2, 1)))
        gru.weight_hh_l0[:] = torch.tensor(np.concatenate(p.U.transpose(0, 2, 1)))
        gru.bias_ih_l0[:], gru.bias_hh_l0[:] = torch.tensor(p.b.ravel()), 0
        gru.bias_hh_l0[10:] = torch.tensor(p.d)
        linear.weight[:], linear.bias[:] = torch.tensor(readout.W[0].T), torch.tensor(readout.b[0])
        seen = torch.relu(conv(torch.tensor(X.T[None], dtype=torch.float32)))[0].T
        h0 = torch.tensor(model._dynamics().cold().states[0][None], dtype=torch.float32)
        out = linear(gru(seen[:, None], h0)[0])[:, 0, 0].numpy()
    memory = model._dynamics().cold()._replace(X=X[:2])
    ours, _ = model._dynamics().run(X[2:], np.full((258, 1), np.nan), memory)
    np.testing.assert_allclose(ours[:, 0], out, rtol=0, atol=1e-6)
