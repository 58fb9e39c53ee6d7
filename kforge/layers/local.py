"""Convolutions with a kernel of its own for each place."""

import math

import numpy as np
import torch

from .. import backend as K
from ..engine import InputSpec
from ..symbolic import as_tensor
from ..utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from .spatial import _Spatial

__all__ = ["LocallyConnected1D", "LocallyConnected2D"]


class _LocallyConnected(_Spatial):
    """``activation(convolution with unshared weights + bias)``.

    The keyword `implementation` chooses how the weights are kept. 1: one kernel a place, (places,
    window * channels, filters). 2, faster where places are few: one matrix from all inputs to all
    outputs, with zeros where they are not connected; `padding` may then be "same".

    Shape: (batch, *sizes, channels) -> (batch, *outputs, filters).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        self.implementation = kwargs.pop("implementation", 1)
        super().__init__(**kwargs)
        self._keep(locals())
        self._set_data_format(data_format)
        self.padding = normalize_padding(padding)
        for name in ("kernel_size", "strides"):
            setattr(self, name, normalize_tuple(getattr(self, name), self.rank, name))
        if self.implementation not in (1, 2):
            raise ValueError(
                f"Layer {self.name}: `implementation` must be 1 or 2; got {self.implementation}."
            )
        if self.padding == "causal" or (self.padding == "same" and self.implementation == 1):
            raise ValueError(
                f'Invalid border mode for {type(self).__name__} (only "valid" is supported, and '
                f'"same" with implementation=2): {padding}'
            )

    def build(self, input_shape):
        sizes, channels = self._spatial_sizes(input_shape), input_shape[self._channel_axis]
        if None in (*sizes, channels):
            raise ValueError(
                f"Layer {self.name}: all sizes but the batch's should be known to make weights for "
                f"each place; got the shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        outputs = self._spatial_sizes(self.compute_output_shape(input_shape))
        if self.implementation == 1:
            window = math.prod(self.kernel_size) * channels
            shape = (math.prod(outputs), window, self.filters)
        elif self.data_format == "channels_first":
            shape = (channels, *sizes, self.filters, *outputs)
        else:
            shape = (*sizes, channels, *outputs, self.filters)
        self.kernel = self._add_parameter("kernel", shape)
        if self.implementation == 2:
            self._mask = self._connections(sizes, outputs)
        shape = (*outputs, self.filters)
        self.bias = self._add_parameter("bias", shape) if self.use_bias else None
        self.built = True

    def _connections(self, sizes, outputs):
        """1 where an input and an output are connected, in the axes of the kernel."""
        mask, rank = np.ones(()), self.rank
        for n, m, k, s in zip(sizes, outputs, self.kernel_size, self.strides):
            before = max((m - 1) * s + k - n, 0) // 2 if self.padding == "same" else 0
            distance = np.arange(n)[:, None] - (np.arange(m) * s - before)
            mask = np.multiply.outer(mask, (distance >= 0) & (distance < k))
        mask = mask.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
        first = self.data_format == "channels_first"
        mask = np.expand_dims(mask, (0, rank + 1) if first else (rank, 2 * rank + 1))
        return as_tensor(mask, self.kernel.dtype).to(self.kernel.device)

    def _product(self, inputs):
        if self.implementation == 1:
            return K.local_conv1d(  # of any rank
                inputs, self.kernel, self.kernel_size, self.strides, self.data_format
            )
        matrix = torch.flatten(self.kernel * self._mask, 0, self.rank).flatten(1)
        outputs = torch.matmul(torch.flatten(inputs, 1), matrix)
        return torch.unflatten(outputs, 1, self.compute_output_shape(tuple(inputs.shape))[1:])

    def _length(self, axis, size):
        return conv_output_length(size, self.kernel_size[axis], self.padding, self.strides[axis])

    def _output_channels(self, channels):
        return self.filters

    def call(self, inputs):
        outputs = self._product(inputs)
        if self.use_bias:
            outputs = K.bias_add(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self):
        found = super().get_config()
        return found if self.implementation == 1 else {**found, "implementation": 2}


class LocallyConnected1D(_LocallyConnected):
    """Convolution of sequences with unshared weights: (batch, steps, features)."""

    rank = 1


class LocallyConnected2D(_LocallyConnected):
    """Convolution of images with unshared weights: (batch, rows, cols, channels)."""

    rank = 2
