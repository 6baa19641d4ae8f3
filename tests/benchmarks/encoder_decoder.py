"""A training step of an encoder and decoder with attention beside the same net in torch: parity, and CPU time.

GRU encoder and decoder, teacher forcing and closed loop, context 168, horizon 24, 4 inputs of which 2 are known ahead,
batches of 32, one thread, float32; parity in float64. The ratio of each pair of steps, the median of many.
Targets: outputs and gradients within 1e-6, a step at least 1.5 times as fast.

    python tests/benchmarks/encoder_decoder.py [--H 32 64] [--attention additive general dot none] [--repeats 15]
"""

import argparse
import time
from functools import partial

import numpy as np
import torch
from torch import nn

from tsrnn import GRURegressor
from tsrnn._nets.episode_loss import EpisodeLoss, make_episode
from tsrnn._nets.recurrent_loss import Teaching
from tsrnn._series.units import Series
from tsrnn._training.losses import squared


T, STEPS, B, V, A = 168, 24, 32, 2, 2


class Torch(nn.Module):
    """The same net."""

    def __init__(self, H, kind):
        super().__init__()
        self.kind, self.encoder, self.decoder = kind, nn.GRU(V + A + 1, H), nn.GRU(A + 1, H)
        self.out = nn.Linear(H, 1)
        self.read = nn.Linear(H, 1, bias=False)
        self.K, self.Q, self.v = (nn.Linear(H, n, bias=False) for n in (H, H, 1))

    def attend(self, h, s):
        """What is read of h (B, T, H) with s (B, n, H)."""
        if self.kind == "additive":
            e = self.v(torch.tanh(self.K(h)[:, None] + self.Q(s)[:, :, None]))[..., 0]
        else:
            e = s @ (h if self.kind == "dot" else self.K(h)).swapaxes(1, 2)
        return torch.softmax(e, dim=2) @ h

    def readout(self, h, s):
        """Outputs (n, B, 1) of states s (n, B, H)."""
        out = self.out(s)
        if self.kind is not None:
            out = out + self.read(self.attend(h, s.swapaxes(0, 1))).swapaxes(0, 1)
        return out

    def forward(self, x, u, y, closed):
        h, s = self.encoder(x)
        h = h.swapaxes(0, 1)
        if not closed:
            return self.readout(h, self.decoder(torch.cat([u, y[:-1]], dim=2), s)[0])
        outs, before = [], y[:1]
        for k in range(STEPS):
            states, s = self.decoder(torch.cat([u[k : k + 1], before], dim=2), s)
            before = self.readout(h, states)
            outs.append(before)
        return torch.cat(outs)

    def load(self, views):
        """Take over the parameters of a net of ours; torch has a second bias of each gate, which is 0 here."""
        (enc, _), (dec, readout), w = views
        pairs = [(self.out.weight, readout.W[0].T), (self.out.bias, readout.b[0])]
        for rnn, p in ((self.encoder, enc), (self.decoder, dec)):
            second = np.zeros_like(p.b)
            second[2] = p.d
            pairs += [
                (rnn.weight_ih_l0, np.concatenate([W.T for W in p.W])),
                (rnn.weight_hh_l0, np.concatenate([U.T for U in p.U])),
                (rnn.bias_ih_l0, p.b.ravel()),
                (rnn.bias_hh_l0, second.ravel()),
            ]
        if w is not None:
            pairs.append((self.read.weight, w.V[0].T))
            pairs += [(layer.weight, W[0].T) for layer, W in ((self.K, w.K), (self.Q, w.Q)) if len(W)]
            pairs += [(self.v.weight, w.v[None])] if len(w.v) else []
        with torch.no_grad():
            for parameter, value in pairs:
                parameter.copy_(torch.as_tensor(np.ascontiguousarray(value)))
        return [parameter for parameter, _ in pairs]


def step_of_torch(other, x, u, y, closed):
    """Loss and gradient; the loss."""
    other.zero_grad()
    value = 0.5 * ((other(x, u, y, closed) - y[1:]) ** 2).sum()
    value.backward()
    return value.item()


def compare(H, kind, closed, repeats):
    """Parity in float64 and the ratio of the times of a step in float32."""
    rng = np.random.default_rng(0)
    net = make_episode(GRURegressor()._cell(), (H,), kind, T, STEPS, (V, A, 1, 1))
    theta = net.initial(rng, "orthogonal", 1.0)
    Z, Y = rng.normal(size=(B, T * V + (T + STEPS) * A + T)), rng.normal(size=(B, STEPS))
    series = Series(Z, Y, np.ones(B), np.zeros(B, bool))
    teaching = Teaching(squared, 0.0, 0.0, 0.0, 0.0, "closed_loop" if closed else "open_loop", 1)
    for dtype in (np.float64, np.float32):
        loss = EpisodeLoss(net, [series], teaching, dtype)
        p, kind_of = theta.astype(dtype), getattr(torch, np.dtype(dtype).name)
        other = Torch(H, kind).to(kind_of)
        parameters = other.load(net.views(p))
        x, u, last = net.sources(Z)
        y = np.concatenate([last[:, None], Y[:, :, None]], axis=1)
        x, u, y = (torch.as_tensor(a.swapaxes(0, 1).copy(), dtype=kind_of) for a in (x, u, y))

        theirs = partial(step_of_torch, other, x, u, y, closed)
        if dtype == np.float64:
            value, grad = loss.loss_grad(p, None)
            (enc, _), (dec, readout), w = net.views(grad)
            error = abs(value / theirs() - 1)
            ours = [readout.W[0].T, readout.b[0]]
            for g in (enc, dec):
                ours += [
                    np.concatenate([W.T for W in g.W]),
                    np.concatenate([U.T for U in g.U]),
                    g.b.ravel(),
                    None,
                ]
            if w is not None:
                ours += [
                    w.V[0].T,
                    *(W[0].T for W in (w.K, w.Q) if len(W)),
                    *([w.v[None]] if len(w.v) else []),
                ]
            for a, parameter in zip(ours, parameters, strict=True):
                if a is not None:
                    b = parameter.grad.numpy()
                    error = max(error, np.abs(a - b).max() / np.abs(b).max())
    ratios, best = [], np.inf
    for _ in range(repeats + 2):
        t = [time.thread_time()]
        for step in (theirs, partial(loss.loss_grad, p, None)):
            step()
            t.append(time.thread_time())
        ratios.append((t[1] - t[0]) / (t[2] - t[1]))
        best = min(best, t[2] - t[1])
    print(
        f"H = {H:3} {kind or 'none':9} {'closed loop' if closed else 'open loop':12} parity {error:.1e}  "
        f"ours {1e3 * best:6.1f} ms  torch / ours {np.median(ratios[2:]):.2f}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--H", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--attention", nargs="+", default=["additive", "general", "dot", "none"])
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for H in given.H:
        for kind in given.attention:
            for closed in (False, True):
                compare(H, None if kind == "none" else kind, closed, given.repeats)
