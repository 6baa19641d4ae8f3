"""Scores, loss and gradients of answers beside the same net in torch: an embedding, two GRUs, additive attention.

In float64; the largest difference, relative to the largest number. Target: 1e-6.

    python tests/benchmarks/seq2seq_parity.py
"""

import numpy as np
import torch
from torch import nn

from tsrnn._models.encoder_decoder import CELLS
from tsrnn._nets.answers import AnswerDynamics, AnswerLoss, make_answers
from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._series.units import Series
from tsrnn._training.losses import SoftmaxOfCodes


C, K, H, E, T, N = 9, 7, 32, 6, 20, 16  # symbols of both, units, numbers of an embedding, steps and pairs


def gru(layer):
    """A torch GRU with the weights of one of ours, and what takes their gradients back."""
    twin = nn.GRU(layer.W.shape[1], H).double()
    with torch.no_grad():
        twin.weight_ih_l0[:] = torch.tensor(np.concatenate([W.T for W in layer.W]))
        twin.weight_hh_l0[:] = torch.tensor(np.concatenate([U.T for U in layer.U]))
        twin.bias_ih_l0[:] = torch.tensor(layer.b.ravel())
        twin.bias_hh_l0[:] = 0.0
        twin.bias_hh_l0[2 * H :] = torch.tensor(layer.d)
    return twin


def difference(ours, theirs):
    """The largest, relative to the largest number."""
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def main():
    """Build both, compare."""
    rng = np.random.default_rng(0)
    net = make_answers(CELLS["gru"], (H,), "additive", (1, C), K, E)
    theta = rng.normal(scale=0.3, size=net.size)
    X, Y = rng.integers(0, C, (N, T)), rng.integers(0, K, (N, 11))
    loss = AnswerLoss(
        net, [Series(list(X), list(Y), np.ones(N), np.zeros(N, bool))],
        Teaching(SoftmaxOfCodes(), 0.0, 0.0, 0.0, 0.0, "open_loop", 1), np.float64,
    )  # fmt: skip
    value, grad = loss.loss_grad(theta, None)
    dynamics = AnswerDynamics(theta, net)
    (encoder, _), (decoder, readout), w = net.views(theta)
    tables = [torch.tensor(a.copy(), requires_grad=True) for a in dynamics.embeddings]
    read, write = gru(encoder), gru(decoder)
    Q, Key, v, V, out, b = (
        torch.tensor(a.copy(), requires_grad=True)
        for a in (w.Q[0], w.K[0], w.v, w.V[0], readout.W[0], readout.b[0])
    )
    codes = np.column_stack([np.full(N, K + 1), Y, np.full(N, K)])
    h, last = read(tables[0][torch.tensor(X.T)])
    s, _ = write(tables[1][torch.tensor(codes[:, :-1].T)], last)
    e = torch.tanh((h @ Key)[None] + (s @ Q)[:, None]) @ v  # (n, T, N)
    c = torch.einsum("ktb,tbh->kbh", torch.softmax(e, dim=1), h)
    scores = s @ out + c @ V + b
    theirs = nn.functional.cross_entropy(
        scores.reshape(-1, K + 1), torch.tensor(codes[:, 1:].T.ravel()), reduction="sum"
    )
    theirs.backward()
    logs = torch.log_softmax(scores, dim=2)
    logs = torch.gather(logs, 2, torch.tensor(codes[:, 1:].T)[:, :, None])[:, :, 0].T
    found = {"loss": abs(value / theirs.item() - 1)}
    ours = np.empty((N, 12))
    for which, rows, _, _ in dynamics.given(list(X), list(Y)):
        ours[which] = rows
    found["log p"] = difference(ours, logs)
    (d_encoder, _), (d_decoder, d_readout), dw = net.views(grad)
    d_tables = AnswerDynamics(grad, net).embeddings
    for name, a, t in (
        ("embedding of x", d_tables[0], tables[0]), ("embedding of answers", d_tables[1], tables[1]), ("Q", dw.Q[0], Q),
        ("K", dw.K[0], Key), ("v", dw.v, v), ("V", dw.V[0], V), ("readout", d_readout.W[0], out),
    ):  # fmt: skip
        found[f"gradient of {name}"] = difference(a, t.grad)
    for name, layer, twin in (("encoder", d_encoder, read), ("decoder", d_decoder, write)):
        found[f"gradient of W, {name}"] = difference(
            np.concatenate([W.T for W in layer.W]), twin.weight_ih_l0.grad
        )
        found[f"gradient of U, {name}"] = difference(
            np.concatenate([U.T for U in layer.U]), twin.weight_hh_l0.grad
        )
    for name, worst in found.items():
        print(f"{name:32s} {worst:.1e}{'' if worst < 1e-6 else '  NO'}")


if __name__ == "__main__":
    main()
