"""Recurrences whose gradients are written by hand: LSTM, GRU and simple units.

Sequences are (steps, batch, features). Weights are as torch keeps them: `weight`, (gates * units,
features), for the inputs and `kernel`, (gates * units, units), for the state. Without a `weight`,
`x` holds the inputs of all gates, already projected. `drop` is a mask (batch, units) that the state
is multiplied by before each product.

Forward, all inputs are projected at once, and a step is a few kernels that write into memory
allocated before. Backward, what does not depend on the gradients that arrive is computed for all
steps at once, and so are the gradients of the weights: a step is a product or two and a few
multiplications. Gradients of gradients go through the same formulas as plain operations.
"""

import functools

import torch
import torch.nn.functional as F

__all__ = ["ACTIVATIONS", "gru", "gru_reset_after", "lstm", "simple"]

_ops = torch.ops.aten


# ---- activations ------------------------------------------------------------------------------


def _hard_sigmoid(x, out):
    return torch.add(0.5, x, alpha=0.2, out=out).clamp_(0.0, 1.0)


def _hard_sigmoid_backward(grad, y, out):
    return _ops.hardtanh_backward.grad_input(grad, y, 0.0, 1.0, grad_input=out).mul_(0.2)


#: What computes an activation, and its gradient from its results, both into `out`.
ACTIVATIONS = {
    "tanh": (
        lambda x, out: torch.tanh(x, out=out),
        lambda grad, y, out: _ops.tanh_backward.grad_input(grad, y, grad_input=out),
    ),
    "sigmoid": (
        lambda x, out: torch.sigmoid(x, out=out),
        lambda grad, y, out: _ops.sigmoid_backward.grad_input(grad, y, grad_input=out),
    ),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_backward),
    "relu": (
        lambda x, out: torch.clamp_min(x, 0.0, out=out),
        lambda grad, y, out: _ops.threshold_backward.grad_input(grad, y, 0.0, grad_input=out),
    ),
    "linear": (
        lambda x, out: out.copy_(x),
        lambda grad, y, out: out.copy_(grad),
    ),
}

# The same as plain operations.
_PLAIN = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": lambda x: torch.clamp(0.2 * x + 0.5, 0.0, 1.0),
    "relu": torch.relu,
    "linear": lambda x: x,
}


# ---- units ------------------------------------------------------------------------------------


class _Unit:
    """The formulas of a recurrence. `hs` and `cs` begin with the initial states.

    `run` fills them from the projected inputs, which it overwrites, and gives what `reverse` needs
    besides. That gives the gradients of the projected inputs, the kernel, the bias of the state
    and the initial states, from those of all states and of the last ones. `step` is the same as
    plain operations. `kept` are the sizes of what `run` gives, in units.
    """

    states = 1

    def __init__(self, activation="tanh", gate="sigmoid"):
        self.squash, self.unsquash = ACTIVATIONS[activation]
        self.gate, self.ungate = ACTIVATIONS[gate]
        self.plain, self.plain_gate = _PLAIN[activation], _PLAIN[gate]


class _Simple(_Unit):
    kept = ()

    def run(self, x, kernel, bias, drop, hs):
        kernel = kernel.t()
        for row, h, new in zip(x, hs, hs[1:]):
            self.squash(row.addmm_(_dropped(h, drop), kernel), new)
        return []

    def reverse(self, grads, kernel, bias, drop, hs):
        dhs, dh = _Gradient(grads[0]), _start(grads[1], hs)
        new = hs[1:]
        dx = self.unsquash(torch.ones_like(new), new, torch.empty_like(new))
        for t, row in _backwards(dx):
            dhs.add_to(dh, t)
            row.mul_(dh)
            _dropped_(torch.mm(row, kernel, out=dh), drop)
        return dx, _product(dx, _dropped(hs[:-1], drop)), None, dh

    def step(self, x, kernel, bias, drop, h):
        return [self.plain(torch.addmm(x, _dropped(h, drop), kernel.t()))]


class _LSTM(_Unit):
    states, kept = 2, (4, 1)

    def run(self, x, kernel, bias, drop, hs, cs):
        units, kernel = kernel.shape[1], kernel.t()
        peeks = torch.empty_like(cs[1:])
        i, f, g, o = x.split(units, -1)
        rows = zip(x, x[..., : 2 * units], i, f, g, o, hs, hs[1:], cs, cs[1:], peeks)
        for row, i_f, i, f, g, o, h, new_h, c, new_c, peek in rows:
            row.addmm_(_dropped(h, drop), kernel)
            self.gate(i_f, i_f)
            self.squash(g, g)
            self.gate(o, o)
            torch.mul(f, c, out=new_c).addcmul_(i, g)
            torch.mul(o, self.squash(new_c, peek), out=new_h)
        return [x, peeks]

    def reverse(self, grads, kernel, bias, drop, hs, cs, gates, peeks):
        dhs, dcs, dh, dc = grads
        dhs, dcs, dh, dc = _Gradient(dhs), _Gradient(dcs), _start(dh, hs), _start(dc, cs)
        units = kernel.shape[1]
        i, f, g, o = gates.split(units, -1)
        dx = torch.empty_like(gates)
        di, df, dg, do = dx.split(units, -1)
        self.ungate(g, i, di)
        self.ungate(cs[:-1], f, df)
        self.unsquash(i, g, dg)
        self.ungate(peeks, o, do)
        through = self.unsquash(o, peeks, torch.empty_like(peeks))  # the carry's share of dh
        of_carry = dx[..., : 3 * units].unflatten(-1, (3, units))
        for t, row, d_ifg, d_o, forget, into_c in _backwards(dx, of_carry, do, f, through):
            dhs.add_to(dh, t)
            dcs.add_to(dc, t)
            dc.addcmul_(dh, into_c)
            d_o.mul_(dh)
            d_ifg.mul_(dc.unsqueeze(1))
            dc.mul_(forget)
            _dropped_(torch.mm(row, kernel, out=dh), drop)
        return dx, _product(dx, _dropped(hs[:-1], drop)), None, dh, dc

    def step(self, x, kernel, bias, drop, h, c):
        i, f, g, o = torch.addmm(x, _dropped(h, drop), kernel.t()).chunk(4, -1)
        c = self.plain_gate(f) * c + self.plain_gate(i) * self.plain(g)
        return [self.plain_gate(o) * self.plain(c), c]


class _GRU(_Unit):
    kept = (3, 1)

    def run(self, x, kernel, bias, drop, hs):
        units = kernel.shape[1]
        of_gates, of_candidate = kernel[: 2 * units].t(), kernel[2 * units :].t()
        kept = torch.empty_like(hs[1:])
        rows = zip(x[..., : 2 * units], *x.split(units, -1), kept, hs, hs[1:])
        for z_r, z, r, candidate, keep, h, new in rows:
            used = _dropped(h, drop)
            self.gate(z_r.addmm_(used, of_gates), z_r)
            torch.mul(r, used, out=keep)
            self.squash(candidate.addmm_(keep, of_candidate), candidate)
            torch.lerp(candidate, h, z, out=new)
        return [x, kept]

    def reverse(self, grads, kernel, bias, drop, hs, gates, kept):
        dhs, dh = _Gradient(grads[0]), _start(grads[1], hs)
        units, before, used = kernel.shape[1], hs[:-1], _dropped(hs[:-1], drop)
        of_gates, of_candidate = kernel[: 2 * units], kernel[2 * units :]
        z, r, candidates = gates.split(units, -1)
        dx = torch.empty_like(gates)
        dz, dr, dc = dx.split(units, -1)
        self.ungate(before - candidates, z, dz)
        self.ungate(used, r, dr)
        self.unsquash(1.0 - z, candidates, dc)
        from_h = dx.unflatten(-1, (3, units))[..., ::2, :]
        back, d_kept = torch.empty_like(dh), torch.empty_like(dh)
        rows = _backwards(dx[..., : 2 * units], from_h, dr, dc, z, r)
        for t, d_zr, d_zc, d_r, d_c, z, r in rows:
            dhs.add_to(dh, t)
            d_zc.mul_(dh.unsqueeze(1))
            d_r.mul_(torch.mm(d_c, of_candidate, out=d_kept))
            torch.mul(d_kept, r, out=back).addmm_(d_zr, of_gates)
            dh, back = _dropped_(back, drop).addcmul_(dh, z), dh
        dkernel = torch.empty_like(kernel)
        _product(dx[..., : 2 * units], used, dkernel[: 2 * units])
        _product(dc, kept, dkernel[2 * units :])
        return dx, dkernel, None, dh

    def step(self, x, kernel, bias, drop, h):
        units, used = kernel.shape[1], _dropped(h, drop)
        zr = torch.addmm(x[:, : 2 * units], used, kernel[: 2 * units].t())
        z, r = self.plain_gate(zr).chunk(2, -1)
        candidate = torch.addmm(x[:, 2 * units :], r * used, kernel[2 * units :].t())
        return [z * h + (1.0 - z) * self.plain(candidate)]


class _GRUResetAfter(_Unit):
    kept = (3, 3)

    def __init__(self, activation="tanh", gate="sigmoid", reset_first=False):
        super().__init__(activation, gate)
        self.update, self.reset = (1, 0) if reset_first else (0, 1)

    def run(self, x, kernel, bias, drop, hs):
        units, kernel = kernel.shape[1], kernel.t()
        products = torch.empty_like(x)
        p_g, p_c = products[..., : 2 * units], products[..., 2 * units :]
        *gates, candidates = x.split(units, -1)
        z, r = gates[self.update], gates[self.reset]
        rows = zip(products, p_g, p_c, x[..., : 2 * units], z, r, candidates, hs, hs[1:])
        for product, p_g, p_c, pair, z, r, candidate, h, new in rows:
            _affine(_dropped(h, drop), kernel, bias, product)
            self.gate(pair.add_(p_g), pair)
            self.squash(candidate.addcmul_(r, p_c), candidate)
            torch.lerp(candidate, h, z, out=new)
        return [x, products]

    def reverse(self, grads, kernel, bias, drop, hs, x, products):
        dhs, dh = _Gradient(grads[0]), _start(grads[1], hs)
        units = kernel.shape[1]
        *gates, candidates = x.split(units, -1)
        z, r = gates[self.update], gates[self.reset]
        # For the gates, for the product that is reset, and for the candidate.
        both = x.new_empty((*x.shape[:2], 4 * units))
        *d_gates, d_product, dc = both.split(units, -1)
        self.unsquash(1.0 - z, candidates, dc)
        torch.mul(dc, r, out=d_product)
        self.ungate(hs[:-1] - candidates, z, d_gates[self.update])
        self.ungate(dc * products[..., 2 * units :], r, d_gates[self.reset])
        of_products, back = both[..., : 3 * units], torch.empty_like(dh)
        rows = _backwards(both.unflatten(-1, (4, units)), of_products, z)
        for t, blocks, d_products, z in rows:
            dhs.add_to(dh, t)
            blocks.mul_(dh.unsqueeze(1))
            _dropped_(torch.mm(d_products, kernel, out=back), drop).addcmul_(dh, z)
            dh, back = back, dh
        dx = torch.cat([both[..., : 2 * units], dc], -1)
        dkernel = _product(of_products, _dropped(hs[:-1], drop))
        dbias = None if bias is None else of_products.sum((0, 1))
        return dx, dkernel, dbias, dh

    def step(self, x, kernel, bias, drop, h):
        units = kernel.shape[1]
        products = torch.matmul(_dropped(h, drop), kernel.t())
        products = products if bias is None else products + bias
        halves = self.plain_gate(x[:, : 2 * units] + products[:, : 2 * units]).chunk(2, -1)
        z, r = halves[self.update], halves[self.reset]
        candidate = self.plain(x[:, 2 * units :] + r * products[:, 2 * units :])
        return [z * h + (1.0 - z) * candidate]


# ---- parts of the formulas --------------------------------------------------------------------


class _Gradient:
    """The gradient of a sequence, which may be missing."""

    def __init__(self, grad):
        self.steps = None if grad is None else grad.unbind(0)

    def add_to(self, total, t):
        """Adds the gradient of step `t`."""
        if self.steps is not None:
            total.add_(self.steps[t])


def _start(grad, states):
    """The gradient of the last state, to be overwritten."""
    return torch.zeros_like(states[0]) if grad is None else grad.clone()


def _backwards(*sequences):
    """(step, row of each sequence), the last step first."""
    rows = list(zip(range(len(sequences[0])), *sequences))
    return reversed(rows)


def _dropped(h, drop):
    return h if drop is None else h * drop


def _dropped_(h, drop):
    return h if drop is None else h.mul_(drop)


def _affine(x, kernel, bias, out):
    return torch.mm(x, kernel, out=out) if bias is None else torch.addmm(bias, x, kernel, out=out)


def _product(rows, columns, out=None):
    """The sum over steps and samples of the products of two vectors."""
    return torch.mm(rows.flatten(0, 1).t(), columns.flatten(0, 1), out=out)


# ---- as differentiable functions --------------------------------------------------------------


class _Recurrence(torch.autograd.Function):
    """A unit over all steps of `x`: the sequences of its states, then the last of each."""

    @staticmethod
    def forward(ctx, unit, x, weight, bias, kernel, state_bias, drop, *first):
        shape = (*x.shape[:2], kernel.shape[1])
        if x.is_meta:
            return (*(x.new_empty(shape) for _ in first), *(x.new_empty(shape[1:]) for _ in first))
        sequences = [x.new_empty((shape[0] + 1, *shape[1:])) for _ in first]
        for sequence, state in zip(sequences, first):
            sequence[0] = state
        projected = x.clone() if weight is None else F.linear(x, weight, bias)
        inner = unit.run(projected, kernel, state_bias, drop, *sequences)
        ctx.unit = unit
        inputs = (x, weight, bias, kernel, state_bias, drop, *first)
        ctx.save_for_backward(*inputs, *sequences, *inner)
        ctx.set_materialize_grads(False)
        return (*(s[1:] for s in sequences), *(s[-1].clone() for s in sequences))

    @staticmethod
    def backward(ctx, *grads):
        unit, needed = ctx.unit, ctx.needs_input_grad[1:]
        inputs, inner = ctx.saved_tensors[: len(needed)], ctx.saved_tensors[len(needed) :]
        if torch.is_grad_enabled():  # to be differentiated again
            return (None, *_plain_gradients(unit, inputs, needed, grads))
        x, weight, _, kernel, state_bias, drop, *_ = inputs
        dx, dkernel, dbias, *dfirst = unit.reverse(grads, kernel, state_bias, drop, *inner)
        ofs = [dx, None, None]
        if weight is not None:
            ofs = [
                torch.matmul(dx, weight) if needed[0] else None,
                _product(dx, x) if needed[1] else None,
                dx.sum((0, 1)) if needed[2] else None,
            ]
        return (None, *ofs, dkernel, dbias, None, *dfirst)


def _plain(unit, x, weight, bias, kernel, state_bias, drop, *states):
    """What `_Recurrence` computes, as plain operations."""
    projected = x if weight is None else F.linear(x, weight, bias)
    steps = []
    for inputs in projected:
        states = unit.step(inputs, kernel, state_bias, drop, *states)
        steps.append(states)
    return [*(torch.stack(sequence) for sequence in zip(*steps)), *states]


def _plain_gradients(unit, inputs, needed, grads):
    wanted = [x for x, n in zip(inputs, needed) if n]
    pairs = [(y, g) for y, g in zip(_plain(unit, *inputs), grads) if g is not None]
    ys, gs = zip(*pairs)
    found = iter(torch.autograd.grad(ys, wanted, gs, create_graph=True, allow_unused=True))
    return [next(found) if n else None for n in needed]


# ---- in compiled code -------------------------------------------------------------------------

# Schemas are given, since torch 2.6 does not read `list[...]` in annotations.


@torch.library.custom_op(
    "kforge::recurrence",
    mutates_args=(),
    schema="(str unit, Tensor x, Tensor kernel, Tensor? bias, Tensor? drop, Tensor[] first)"
    " -> Tensor[]",
)
def _opaque(unit, x, kernel, bias, drop, first):
    """All states, the initial ones included, of projected inputs, and what the unit keeps.

    `torch.compile` does not look into it: the time to compile, and the code, do not grow with the
    number of steps.
    """
    sequences = [x.new_empty((len(x) + 1, *state.shape)) for state in first]
    for sequence, state in zip(sequences, first):
        sequence[0] = state
    return [*sequences, *_named(unit).run(x.clone(), kernel, bias, drop, *sequences)]


@torch.library.custom_op(
    "kforge::recurrence_backward",
    mutates_args=(),
    schema="(str unit, Tensor kernel, Tensor? bias, Tensor? drop, Tensor[] inner, Tensor[] grads)"
    " -> Tensor[]",
)
def _opaque_backward(unit, kernel, bias, drop, inner, grads):
    """Gradients of projected inputs, kernel and initial states, then of the bias, if any."""
    missing = [None] * len(grads)
    found = _named(unit).reverse([*(g[1:] for g in grads), *missing], kernel, bias, drop, *inner)
    dx, dkernel, dbias, *dfirst = found
    dfirst = [d + grad[0] for d, grad in zip(dfirst, grads)]
    return [dx, dkernel, *dfirst, *([] if dbias is None else [dbias])]


@_opaque.register_fake
def _(unit, x, kernel, bias, drop, first):
    sequences = [x.new_empty((len(x) + 1, *state.shape)) for state in first]
    units = kernel.shape[1]
    kept = [x.new_empty((*x.shape[:2], size * units)) for size in _named(unit).kept]
    return [*sequences, *kept]


@_opaque_backward.register_fake
def _(unit, kernel, bias, drop, inner, grads):
    (steps, *shape), gates = grads[0].shape, len(kernel)
    dx = kernel.new_empty((steps - 1, shape[0], gates))
    dfirst = [grad.new_empty(shape) for grad in grads]
    return [dx, torch.empty_like(kernel), *dfirst, *([] if bias is None else [bias.clone()])]


def _keep(ctx, inputs, output):
    ctx.unit, _, kernel, bias, drop, first = inputs
    ctx.states = len(first)
    ctx.save_for_backward(kernel, bias, drop, *output)


def _backward(ctx, grads):
    kernel, bias, drop, *inner = ctx.saved_tensors
    states, grads = ctx.states, list(grads[: ctx.states])
    found = _opaque_backward(ctx.unit, kernel, bias, drop, inner, grads)
    dx, dkernel, dfirst, dbias = found[0], found[1], found[2 : 2 + states], found[2 + states :]
    return None, dx, dkernel, dbias[0] if dbias else None, None, dfirst


_opaque.register_autograd(_backward, setup_context=_keep)


def _compiled(unit, x, weight, bias, kernel, state_bias, drop, *first):
    """What `_Recurrence` computes, as one operation of a graph."""
    projected = x if weight is None else F.linear(x, weight, bias)
    found = _opaque(unit, projected, kernel, state_bias, drop, list(first))[: len(first)]
    return (*[s[1:] for s in found], *[s[-1] for s in found])


# ---- the functions ----------------------------------------------------------------------------

_KINDS = {
    "simple": _Simple,
    "lstm": _LSTM,
    "gru": _GRU,
    "gru_reset_after": functools.partial(_GRUResetAfter, reset_first=False),
    "gru_reset_first": functools.partial(_GRUResetAfter, reset_first=True),
}


@functools.cache
def _named(unit):
    kind, *settings = unit.split()
    return _KINDS[kind](*settings)


def _run(unit, *tensors):
    if torch.compiler.is_compiling():
        return _compiled(unit, *tensors)
    return _Recurrence.apply(_named(unit), *tensors)


def simple(x, h, weight, bias, kernel, drop=None, activation="tanh"):
    """All states of ``h = activation(x W + b + h U)``, (steps, batch, units), and the last."""
    return _run(f"simple {activation}", x, weight, bias, kernel, None, drop, h)


def lstm(x, h, c, weight, bias, kernel, drop=None, activation="tanh", gate="sigmoid"):
    """All outputs and all carries, (steps, batch, units), then the last of each.

    Gates are input, forget, candidate, output.
    """
    return _run(f"lstm {activation} {gate}", x, weight, bias, kernel, None, drop, h, c)


def gru(x, h, weight, bias, kernel, drop=None, activation="tanh", gate="sigmoid"):
    """All states, (steps, batch, units), and the last. Gates are update, reset, candidate."""
    return _run(f"gru {activation} {gate}", x, weight, bias, kernel, None, drop, h)


def gru_reset_after(
    x,
    h,
    weight,
    bias,
    kernel,
    state_bias,
    drop=None,
    activation="tanh",
    gate="sigmoid",
    reset_first=False,
):
    """As `gru`; the reset gate scales the product with the kernel plus `state_bias`.

    `reset_first`: gates are reset, update, candidate.
    """
    unit = f"gru_reset_{'first' if reset_first else 'after'} {activation} {gate}"
    return _run(unit, x, weight, bias, kernel, state_bias, drop, h)
