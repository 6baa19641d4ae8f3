"""A fitted recurrent net as a torch module; imported by ``to_torch_module`` only, for torch is optional."""

try:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
except ImportError:
    torch = None


class RecurrentModule(torch.nn.Module if torch else object):
    """An RNN, LSTM or GRU, a Linear that reads each step, and the pooling of steps to one answer per series.

    rnn : "RNN", "LSTM" or "GRU" and its arguments.   n_outputs : of the Linear, O answers or what a pooling makes them
    of.   pooling : see ``RecurrentParameters``, None for one answer per step.   n_keys : A of attention, or 0.
    own_order : whether the Linear sees each direction in the order of its own steps.
    """

    def __init__(self, rnn, n_outputs, pooling, n_keys, learnt_starts, own_order):
        super().__init__()
        kind, arguments = rnn
        options = {"batch_first": True, "dtype": torch.float64}
        self.rnn = getattr(torch.nn, kind)(**arguments, **options)
        directions = 1 + self.rnn.bidirectional
        width = self.rnn.hidden_size
        self.readout = torch.nn.Linear(width * directions, n_outputs, dtype=torch.float64)
        self.pooling, self.own_order = pooling, own_order
        if n_keys:
            self.attention = torch.nn.Linear(n_keys, 1, bias=False, dtype=torch.float64)
        for name in learnt_starts:
            first = torch.zeros(self.rnn.num_layers * directions, width, dtype=torch.float64)
            self.register_parameter(name, torch.nn.Parameter(first))

    def forward(self, x, lengths=None):
        """Compute answers (B, O), or (B, T, O) of one y per row.

        x : (B, T, D), padded after the ends of series.   lengths : (B,) rows of each; all by default.
        """
        B, T, _ = x.shape
        lengths = torch.full((B,), T) if lengths is None else torch.as_tensor(lengths)
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        out, _ = self.rnn(packed, self._first(B))
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=T)
        out = self.readout(_own_order(out, lengths.to(x.device)) if self.own_order else out)
        return out if self.pooling is None else self._pooled(out, lengths.to(x.device))

    def _first(self, B):
        """Return the learnt first states of B series, or None for zeros."""
        starts = [
            getattr(self, name)[:, None].repeat(1, B, 1) for name in ("h0", "c0") if hasattr(self, name)
        ]
        return tuple(starts) if len(starts) == 2 else next(iter(starts), None)

    def _pooled(self, out, lengths):
        """Pool outputs (B, T, .) to answers (B, O)."""
        inside = (torch.arange(out.shape[1], device=out.device) < lengths[:, None])[:, :, None]
        last = out[torch.arange(len(out), device=out.device), lengths - 1]
        if self.pooling == "last":
            return last
        if self.pooling == "max":
            return out.masked_fill(~inside, -torch.inf).amax(dim=1)
        if self.pooling == "attention":
            O = out.shape[2] - self.attention.in_features
            e = self.attention(torch.tanh(out[:, :, O:])).masked_fill(~inside, -torch.inf)
            return (torch.softmax(e, dim=1) * out[:, :, :O]).sum(dim=1)
        mean = (out * inside).sum(dim=1) / lengths[:, None]
        O = out.shape[2] // 2
        return mean if self.pooling == "mean" else last[:, :O] + mean[:, O:]


def _own_order(out, lengths):
    """Turn the second direction of out (B, T, 2 H) round, each series by itself."""
    steps = torch.arange(out.shape[1], device=out.device)
    back = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    forth, reverse = out.chunk(2, dim=2)
    return torch.cat([forth, reverse.gather(1, back[:, :, None].expand_as(reverse))], dim=2)
