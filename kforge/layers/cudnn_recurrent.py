"""Recurrent layers with the weights of NVIDIA's cuDNN, on any device."""

import torch

from ..symbolic import record
from .cells import GRUCell, LSTMCell
from .recurrent import _CellRNN
from .rnn import RNN
from .variants import variant

__all__ = ["CuDNNGRU", "CuDNNLSTM"]


class _Matrices:
    """The layout of matrices that Keras keeps as cuDNN wants them, each gate transposed in place.

    Keras: (in, gates * units), where the numbers of a gate, row after row, are those of torch's
    (units, in). ``blocks[i]`` is Keras's position of torch's gate i.
    """

    is_view = False

    def __init__(self, *blocks):
        self.blocks = blocks
        self.inverse = [blocks.index(i) for i in range(len(blocks))]

    def to_keras(self, native):
        """The value in Keras's layout: a differentiable copy."""
        gates, size = torch.chunk(native, len(self.blocks), 0), native.shape[1]
        return torch.cat([torch.reshape(gates[i], (size, -1)) for i in self.inverse], 1)

    def to_torch(self, value):
        """The tensor in torch's layout: a differentiable copy."""
        gates, size = torch.chunk(value, len(self.blocks), 1), value.shape[0]
        return torch.cat([torch.reshape(gates[i], (-1, size)) for i in self.blocks], 0)

    store = to_torch


class _Biases:
    """The layout of a bias for the inputs and one for the state, one after the other in Keras."""

    is_view = False

    def __init__(self, *blocks):
        self.blocks = (*blocks, *(len(blocks) + b for b in blocks))
        self.inverse = [self.blocks.index(i) for i in range(len(self.blocks))]

    @staticmethod
    def _reorder(value, order):
        blocks = torch.chunk(value, len(order))
        return torch.cat([blocks[i] for i in order])

    def to_keras(self, native):
        """The value in Keras's layout: a differentiable copy."""
        return self._reorder(torch.flatten(native), self.inverse)

    def to_torch(self, value):
        """The tensor in torch's layout, (2, gates * units): a differentiable copy."""
        return torch.unflatten(self._reorder(value, self.blocks), 0, (2, -1))

    store = to_torch


# What cuDNN computes is fixed.
_FIXED = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "implementation": 2,
}


class _CuDNNLSTMCell(LSTMCell):
    layouts = (_Matrices(0, 1, 2, 3), _Biases(0, 1, 2, 3))
    __init__ = variant(LSTMCell.__init__, _FIXED)

    def _bias_shape(self):
        return (8 * self.units,)

    def _forget_at(self):
        return 5 * self.units

    def _both_biases(self):
        return record(torch.unbind, self._stored(self.bias))


class _CuDNNGRUCell(GRUCell):
    kernel_layouts = (_Matrices(1, 0, 2), _Biases(1, 0, 2))
    __init__ = variant(GRUCell.__init__, {**_FIXED, "reset_after": True})

    def _bias_shape(self):
        return (6 * self.units,)


class _CuDNNRNN(_CellRNN):
    """A layer that runs torch's kernel only, on inputs without a mask."""

    __init__ = variant(RNN.__init__, {"unroll": False})
    loop_arguments = ("return_sequences", "return_state", "stateful")

    def call(self, inputs, mask=None, training=None, initial_state=None):
        masks = mask if isinstance(mask, list) else [mask]
        if masks[0] is not None:
            raise ValueError(
                f"Layer {self.name}: masking is not supported for CuDNN RNNs, but the input has a "
                f"mask. Use `{type(self).__name__.removeprefix('CuDNN')}`, which takes it."
            )
        return super().call(inputs, None, training, initial_state)


class CuDNNGRU(_CuDNNRNN):
    """`GRU` with `reset_after`, and a bias of 6 * units: for the inputs, then for the state."""

    cell_class = _CuDNNGRUCell


class CuDNNLSTM(_CuDNNRNN):
    """`LSTM` with a bias of 8 * units: for the inputs, then for the state."""

    cell_class = _CuDNNLSTMCell
