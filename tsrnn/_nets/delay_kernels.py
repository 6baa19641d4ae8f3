"""The delay network: a feed-forward net whose layers see past steps, and its derivatives.

    z_1(t) = b_1 + sum_k x(t - k) W_1[x, k] + sum_k y(t - k) W_1[y, k]
    z_l(t) = b_l + sum_k h_{l-1}(t - k) W_l[k]          l = 2 ... n
    h_l(t) = f_l(z_l(t)),   the output is h_n

y(t - k) is the measured value where there is one (open loop) and the net's own output where there is not
(closed loop): a TDNN has no y, a NARX has no delay above the first layer, a stack of dilated causal
convolutions has layers that see the lags 0, d, 2d ...

Sequences.  B sequences of T steps lie anywhere in the flat series x (N F,) and y (N O,).  Layer l needs
``lead`` steps before step 0, which later layers see.

Storage.  ``h``, and ``d`` of the same layout, hold layer after layer, time first: (lead + T, B, H) each; the
last is the output (T, B, O).  ``theta`` holds for each layer W (lags x width of its sources, H), then b (H,).
The rows of W follow the runs below: x before y, the oldest lag first.

Plan.  ``layers`` (n, 6) and ``runs`` (R, 4) are int64 tables, one row per layer and one per run of lags that are
contiguous in memory; their columns are named below.  A source is 0 for x, 1 for y and 2 + l for layer l:
``starts`` (n + 2, B) is the offset in x, y or h of step 0 of each sequence, ``strides`` (n + 2,) the distance from one
step to the next.  ``rows`` (int64) is work space for B (lead + T) windows, ``turned`` (P,) for the transposed weights.
"""

from .._kernels.activations_v1 import LOGISTIC, RELU, TANH, activate
from .._kernels.jit import kernel, part
from .._kernels.simd_v3 import add_outer, add_product, add_scattered, flat, line, matrix


WIDTH, LEAD, ACTIVATION, BIAS, FIRST_RUN, END_RUN = range(6)  # columns of layers
SOURCE, OLDEST, SPAN, WEIGHT = range(4)  # columns of runs: source, oldest lag, columns, offset of W in theta
FROM_X, FROM_Y, FIRST_LAYER = 0, 1, 2  # sources


@part
def _through_activation(kind, h, d):
    """Multiply by f'(z).   h : (H,), f(z).   d : (H,), in: dL/df, out: dL/dz."""
    if kind == TANH:
        for j in range(h.size):
            d[j] -= d[j] * (h[j] * h[j])
    elif kind == LOGISTIC:
        for j in range(h.size):
            d[j] *= h[j] - h[j] * h[j]
    elif kind == RELU:
        for j in range(h.size):
            d[j] = d[j] if h[j] > 0 else 0 * d[j]


@part
def _window_rows(start, first, steps, stride, rows):
    """Write the offsets of the windows, time first: rows[p * B + b] = start[b] + (first + p) * stride."""
    B = len(start)
    for p in range(steps):
        for b in range(B):
            rows[p * B + b] = start[b] + (first + p) * stride


@kernel
def forward(layers, runs, theta, x, y, fed, T, starts, strides, rows, turned, h):
    """Run B sequences over T steps.

    fed : (B, T O), True where y is unknown: the output is written there and fed back; y must then be a
    private copy.  (0, 0) if every lag of y is measured: all steps are then taken at once.   h : out.
    """
    B, n = starts.shape[1], len(layers)
    O, output = layers[n - 1, WIDTH], starts[FIRST_LAYER + n - 1, 0]
    closed = fed.size > 0
    step = 1 if closed else T
    for t in range(0, T, step):
        for k in range(n):
            H, bias = layers[k, WIDTH], layers[k, BIAS]
            first = t if t > 0 else -layers[k, LEAD]
            steps = t + step - first
            M, o = B * steps, starts[FIRST_LAYER + k, 0] + first * B * H
            Z = matrix(h, o, M, H)
            for i in range(M):
                for j in range(H):
                    Z[i, j] = theta[bias + j]
            for r in range(layers[k, FIRST_RUN], layers[k, END_RUN]):
                source, oldest, span, w = runs[r, SOURCE], runs[r, OLDEST], runs[r, SPAN], runs[r, WEIGHT]
                src = x if source == FROM_X else (y if source == FROM_Y else h)
                _window_rows(starts[source], first - oldest, steps, strides[source], rows)
                add_product(src, line(rows, 0, M), matrix(theta, w, span, H), Z)
            activate(layers[k, ACTIVATION], flat(Z))
        if closed:
            for b in range(B):
                for j in range(O):
                    if fed[b, t * O + j]:
                        y[starts[FROM_Y, b] + t * O + j] = h[output + (t * B + b) * O + j]


@part
def _deltas(layers, runs, theta, fed, T, starts, strides, rows, turned, h, d, dy_start, dy, dx):
    """Back-propagate through the layers, and through time where outputs were fed back.

    d : in: dL/dh of the output layer; out: dL/dz of every layer.   dy : in: 0, out: dL/dy of the lags, with step 0
    of each sequence at dy_start (B,); or empty.   dx : in: 0, out: dL/dx, laid out like x; or empty.
    """
    B, n = starts.shape[1], len(layers)
    O, output = layers[n - 1, WIDTH], starts[FIRST_LAYER + n - 1, 0]
    closed = fed.size > 0
    step = 1 if closed else T
    for j in range(output):
        d[j] = 0
    for k in range(n):
        H = layers[k, WIDTH]
        for r in range(layers[k, FIRST_RUN], layers[k, END_RUN]):
            span, w = runs[r, SPAN], runs[r, WEIGHT]
            for i in range(span if runs[r, SOURCE] != FROM_X or dx.size > 0 else 0):
                for j in range(H):
                    turned[w + j * span + i] = theta[w + i * H + j]
    for t in range(T - step, -1, -step):
        if closed:
            for b in range(B):
                for j in range(O):
                    if fed[b, t * O + j]:
                        d[output + (t * B + b) * O + j] += dy[dy_start[b] + t * O + j]
        for k in range(n - 1, -1, -1):
            H = layers[k, WIDTH]
            first = t if t > 0 else -layers[k, LEAD]
            steps = t + step - first
            M, o = B * steps, starts[FIRST_LAYER + k, 0] + first * B * H
            _through_activation(layers[k, ACTIVATION], line(h, o, M * H), line(d, o, M * H))
            D = matrix(d, o, M, H)
            for r in range(layers[k, FIRST_RUN], layers[k, END_RUN]):
                source, oldest, span, w = runs[r, SOURCE], runs[r, OLDEST], runs[r, SPAN], runs[r, WEIGHT]
                if (source == FROM_X and dx.size == 0) or (source == FROM_Y and dy.size == 0):
                    continue
                dst = dx if source == FROM_X else (dy if source == FROM_Y else d)
                dst_start = dy_start if source == FROM_Y else starts[source]
                _window_rows(dst_start, first - oldest, steps, strides[source], rows)
                add_scattered(D, matrix(turned, w, H, span), dst, line(rows, 0, M))


@kernel
def backward(layers, runs, theta, x, y, fed, T, starts, strides, rows, turned, h, d, dy_start, dy, dx, grad):
    """Add the gradient over B sequences; arguments as in ``forward`` and ``_deltas``.   grad : (P,), in: 0."""
    B = starts.shape[1]
    _deltas(layers, runs, theta, fed, T, starts, strides, rows, turned, h, d, dy_start, dy, dx)
    for k in range(len(layers)):
        H, lead, bias = layers[k, WIDTH], layers[k, LEAD], layers[k, BIAS]
        M, o = B * (lead + T), starts[FIRST_LAYER + k, 0] - lead * B * H
        D = matrix(d, o, M, H)
        for i in range(M):
            for j in range(H):
                grad[bias + j] += D[i, j]
        for r in range(layers[k, FIRST_RUN], layers[k, END_RUN]):
            source, oldest, span, w = runs[r, SOURCE], runs[r, OLDEST], runs[r, SPAN], runs[r, WEIGHT]
            src = x if source == FROM_X else (y if source == FROM_Y else h)
            _window_rows(starts[source], -lead - oldest, lead + T, strides[source], rows)
            add_outer(src, line(rows, 0, M), D, matrix(grad, w, span, H))


@kernel
def jacobian(layers, runs, theta, x, y, fed, T, starts, strides, rows, turned, h, d, dy_start, dy, J):
    """Differentiate the outputs of B single steps, with every lag of y held fixed.

    fed : (0, 0).   T : 1.   h : as ``forward`` left it.   d : scratch like h.
    J : (B, O, P), in: 0, out: dout[b, o] / dtheta.   dy : (O, B (y_lead + 1) O), in: 0, out: dout[:, o] / dy of
    the lags; or (O, 0).
    """
    B, n = starts.shape[1], len(layers)
    O, output = layers[n - 1, WIDTH], starts[FIRST_LAYER + n - 1, 0]
    for o in range(O):
        for b in range(B):
            for m in range(O):
                d[output + b * O + m] = 1 if m == o else 0
        _deltas(layers, runs, theta, fed, T, starts, strides, rows, turned, h, d, dy_start, dy[o], dy[o, :0])
        for b in range(B):
            for k in range(n):
                H, bias = layers[k, WIDTH], layers[k, BIAS]
                for p in range(-layers[k, LEAD], 1):
                    at = starts[FIRST_LAYER + k, b] + p * B * H
                    for j in range(H):
                        J[b, o, bias + j] += d[at + j]
                    for r in range(layers[k, FIRST_RUN], layers[k, END_RUN]):
                        source, w = runs[r, SOURCE], runs[r, WEIGHT]
                        src = x if source == FROM_X else (y if source == FROM_Y else h)
                        first = starts[source, b] + (p - runs[r, OLDEST]) * strides[source]
                        for i in range(runs[r, SPAN]):
                            a = src[first + i]
                            for j in range(H):
                                J[b, o, w + i * H + j] += a * d[at + j]


@kernel
def close_jacobian(G, J):
    """Turn derivatives at fixed lags into total derivatives of the closed loop: J(t) += sum_k G(t, k) J(t - k).

    G : (O, B, T, K + 1, O), G[o, b, t, i] = dout[o](t) / dy(t - K + i).
    J : (B, K + T, O, P), the first K steps already total (0 before the loop begins), the rest in and out.
    """
    O, B, T, K1, _ = G.shape
    K = K1 - 1
    for b in range(B):
        for t in range(T):
            for i in range(K):
                for o in range(O):
                    for m in range(O):
                        g = G[o, b, t, i, m]
                        if g != 0:
                            for j in range(J.shape[3]):
                                J[b, K + t, o, j] += g * J[b, t + i, m, j]
