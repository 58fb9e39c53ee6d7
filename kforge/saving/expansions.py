"""What stands in exported models for functions of kforge that look at sizes or at the random state.

Most of kforge's functions are expanded by running them on `SizedTensor`s, which records torch
operations. Those in `EXPANSIONS` cannot run like that; a function here does the same with torch's.
"""

import inspect
import math
import operator

import torch
import torch.nn.functional as F

from ..backend import control, nn, random, recurrences, shapes, spatial, variables
from ..backend.loops import loop_over
from ..backend.values import as_list
from ..symbolic import KerasTensor, Op, TensorShape, record

__all__ = ["EXPANSIONS", "KERNELS", "SizedTensor", "is_order_of_flags"]


class SizedTensor(KerasTensor):
    """A symbolic tensor whose unknown sizes are symbolic numbers: code can compute with them."""

    is_meta = is_cuda = False

    @property
    def device(self):
        """Where it is when the exported model runs."""
        return KerasTensor(Op(getattr, (self, "device")), None, (torch.device("meta"),) * 2)

    @property
    def shape(self):
        """The sizes: numbers, symbolic ones where they are unknown."""
        known = KerasTensor.shape.fget(self)
        return TensorShape(self.size(i) if n is None else n for i, n in enumerate(known))


# ---- sizes that are tensors ---------------------------------------------------------------------

_ARITHMETIC = {operator.add, operator.sub, operator.mul, operator.floordiv, operator.neg}


def _size(x):
    """The number that a 0-dimensional tensor holds."""
    if not isinstance(x, KerasTensor):
        return int(x)
    function, args = x.op.func, x.op.args
    if not isinstance(x.probes[0], torch.Tensor):
        return x
    if function is operator.getitem and isinstance(args[1], int):
        return _sizes(args[0])[args[1]]
    if function in _ARITHMETIC:
        return function(*(_size(a) for a in args))
    if function is torch.Tensor.to:
        return _size(args[0])
    if function is variables._size:
        return math.prod(_sized(args[0]).shape)
    return record(torch.Tensor.item, x)


def _sizes(x):
    """The numbers in a shape: a list of numbers and tensors, or a tensor made of such."""
    if isinstance(x, (list, tuple)):
        return [_size(n) for n in x]
    if isinstance(x, torch.Tensor):
        return x.tolist()
    function, args = x.op.func, x.op.args
    if function is variables._shape:
        return list(_sized(args[0]).shape)
    if function is operator.getitem and isinstance(args[1], slice):
        return _sizes(args[0])[args[1]]
    if function is torch.Tensor.to:
        return _sizes(args[0])
    if function is torch.stack:
        return [_size(n) for n in args[0]]
    if function is torch.cat:
        return [n for part in args[0] for n in _sizes(part)]
    return [_size(x[i]) for i in range(x.shape[0])]


def _sized(x):
    return SizedTensor(x.op, x.index, x.probes)


def _origin(shape):
    """A tensor whose sizes make up `shape`, None if there is none: it knows the device."""
    waiting = as_list(shape)
    while waiting:
        x = waiting.pop()
        if isinstance(x, KerasTensor):
            if x.op.func in (variables._shape, variables._size):
                return x.op.args[0]
            waiting += [a for a in x.op.args if isinstance(a, (KerasTensor, list, tuple))]
        elif isinstance(x, (list, tuple)):
            waiting += x
    return None


def _full(shape, number, dtype, device):
    like = _origin(shape)
    if like is None:
        return record(torch.full, _sizes(shape), number, dtype=dtype)
    return like.new_full(_sizes(shape), number, dtype=dtype)


def _random(shape, method, dtype, device, generator, args):
    return method(_full(shape, 0, dtype, device), None, *args)


def _slice(x, start, size):
    pairs = zip(_sizes(start), _sizes(size))
    return x[tuple(slice(a, None if isinstance(n, int) and n == -1 else a + n) for a, n in pairs)]


def _shape(x):
    return torch.stack([record(torch.scalar_tensor, n, dtype=torch.int32) for n in x.shape])


def _conv_transpose(x, kernel, bias, strides, padding, dilation, output_size, output_padding):
    return spatial._conv_transpose(
        x, kernel, bias, strides, padding, dilation, _sizes(output_size), output_padding
    )


# ---- noise: from torch's generator, seeds are not kept ------------------------------------------


def _dropout_shared(x, level, noise_shape, generator):
    shape = [n if s is None else s for s, n in zip(noise_shape, x.shape)]
    return x * torch.dropout(x.new_ones(shape), float(level), True)


# ---- recurrences --------------------------------------------------------------------------------

_UNITS = {
    recurrences.simple: recurrences._Simple,
    recurrences.lstm: recurrences._LSTM,
    recurrences.gru: recurrences._GRU,
    recurrences.gru_reset_after: recurrences._GRUResetAfter,
}


def _recurrence(function):
    """The loop that one of `recurrences` is."""
    signature = inspect.signature(function)

    def loop(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        settings = dict(given.arguments)
        states = [settings.pop(name) for name in ("h", "c") if name in settings]
        x, weight, bias, kernel = (settings.pop(n) for n in ("x", "weight", "bias", "kernel"))
        state_bias, drop = settings.pop("state_bias", None), settings.pop("drop")
        unit = _UNITS[function](**settings)

        def body(slices, carry):
            new = unit.step(slices[0], kernel, state_bias, drop, *carry)
            return new, new

        projected = x if weight is None else F.linear(x, weight, bias)
        sequences, _, last = loop_over(body, [projected], states, states)
        return [*sequences, *last]

    return loop


def _kernel(unit, biased_state=False):
    """The loop that one of torch's recurrent kernels is."""

    def loop(x, hidden, weights, *settings):
        states = as_list(hidden)
        weight, kernel, *biases = weights
        state_bias = biases.pop() if biases and biased_state else None
        bias = sum(biases) if biases else None

        def body(slices, carry):
            new = unit.step(slices[0], kernel, state_bias, None, *carry)
            return new[:1], new

        states = [s.squeeze(0) for s in states]
        outputs, _, last = loop_over(body, [F.linear(x, weight, bias)], states, states)
        return [*outputs, *(s.unsqueeze(0) for s in last)]

    return loop


def _order_of_flags(flags, dim=-1, descending=False, stable=False):
    """`torch.argsort` of zeros and ones: each one's place is counted."""
    zeros = torch.eq(flags, 0)
    seen = zeros.cumsum(dim)
    steps = torch.ones_like(seen).cumsum(dim) - 1
    place = torch.where(zeros, seen - 1, seen.narrow(dim, -1, 1) + steps - seen)
    return torch.zeros_like(place).scatter(dim, place, steps)


def is_order_of_flags(op):
    """Whether an operation is `torch.argsort` of truth values as numbers, in their order."""
    made = op.args[0].op
    given = {"descending": False, **op.kwargs}
    of_flags = made.func is torch.Tensor.to and made.args[0].dtype == torch.bool
    return of_flags and not given["descending"] and len(op.args) == 1


# What programs do otherwise: torch's recurrent kernels have fixed lengths there, and ONNX has no
# sorting that keeps the order of equal values.
KERNELS = {
    torch.argsort: _order_of_flags,
    torch.lstm: _kernel(recurrences._LSTM()),
    torch.gru: _kernel(recurrences._GRUResetAfter(reset_first=True), biased_state=True),
    torch.rnn_tanh: _kernel(recurrences._Simple("tanh")),
    torch.rnn_relu: _kernel(recurrences._Simple("relu")),
}

EXPANSIONS = {
    **{function: _recurrence(function) for function in _UNITS},
    control._print: lambda x, message: x.view_as(x),
    nn._dropout: lambda x, level, generator: torch.dropout(x, float(level), True),
    nn._dropout_shared: _dropout_shared,
    random._random: _random,
    shapes._reshape: lambda x, shape: x.reshape(_sizes(shape)),
    shapes._slice: _slice,
    shapes._tile: lambda x, n: x.repeat(_sizes(n)),
    spatial._conv_transpose: _conv_transpose,
    variables._full: _full,
    variables._shape: _shape,
    variables._size: lambda x: record(torch.scalar_tensor, math.prod(x.shape), dtype=torch.int32),
}
