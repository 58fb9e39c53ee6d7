"""Recurrent layers on sequences of images: convolutions take the place of matrix products."""

import torch

from ..backend.spatial import conv
from ..config import check_data_format
from ..engine import InputSpec
from ..utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from ..variable import in_layout
from .cells import LSTMCell
from .convolutional import KERNELS
from .recurrent import _CellRNN
from .rnn import RNN, split_steps
from .variants import without

__all__ = ["ConvLSTM2D", "ConvLSTM2DCell", "ConvRNN2D"]


class ConvRNN2D(RNN):
    """`RNN` for a cell that convolves: its states are images, as large as its outputs.

    The cell has `kernel_size`, `strides`, `padding`, `dilation_rate` and `data_format` besides
    what `RNN` asks for; its `state_size` counts channels.

    Shape: (batch, steps, rows, cols, channels) -> (batch, ..., channels), or with
    `return_sequences` (batch, steps, ..., channels); channels come before rows in "channels_first".
    """

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if unroll:
            raise TypeError("Unrolling isn't possible with convolutional RNNs.")
        if isinstance(cell, (list, tuple)):
            raise TypeError("It is not possible at the moment to stack convolutional cells.")
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, **kwargs)
        self.input_spec = [InputSpec(ndim=5)]

    def _state_shape(self, size, input_shape):
        cell, first = self.cell, self.cell.data_format == "channels_first"
        spatial = input_shape[3:5] if first else input_shape[2:4]
        settings = zip(spatial, cell.kernel_size, cell.strides, cell.dilation_rate)
        new = [conv_output_length(n, k, cell.padding, s, d) for n, k, s, d in settings]
        if any(isinstance(n, int) and n < 1 for n in new):
            raise ValueError(
                f"Layer {self.name}: the images are too small. Their sizes {tuple(spatial)} would "
                f"become {tuple(new)}."
            )
        return (input_shape[0], size, *new) if first else (input_shape[0], *new, size)

    def _size_of(self, shape):
        return shape[-3 if self.cell.data_format == "channels_first" else -1]


class ConvLSTM2DCell(LSTMCell):
    """An LSTM whose products are convolutions of images (https://arxiv.org/abs/1506.04214)."""

    layouts = (KERNELS[2], None)
    implementation = 1
    has_kernel = False

    @without("units", "implementation")
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        self._set_up(locals())
        self.data_format = check_data_format(data_format)
        self.padding = normalize_padding(padding)
        for name in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, name, normalize_tuple(getattr(self, name), 2, name))

    def _set_sizes(self):
        self.units = self.output_size = self.filters
        self.state_size = (self.filters, self.filters)

    @property
    def _channel_axis(self):
        return -3 if self.data_format == "channels_first" else -1

    def _kernel_shapes(self, input_shape):
        inputs, outputs = input_shape[self._channel_axis], 4 * self.filters
        return (*self.kernel_size, inputs, outputs), (*self.kernel_size, self.filters, outputs)

    # ---- arithmetic ----

    def can_scan(self, dropping):
        return False

    def input_conv(self, x, w, b=None, padding="valid"):
        """The convolution of inputs with a kernel, and the bias."""
        kernel = in_layout(w, KERNELS[2])
        return conv(x, kernel, b, self.strides, padding, self.data_format, self.dilation_rate)

    def recurrent_conv(self, x, w):
        """The convolution of states with a kernel: as large as they are."""
        return conv(x, in_layout(w, KERNELS[2]), None, 1, "same", self.data_format)

    def project(self, x):
        if not isinstance(x, list):
            return self._project_images(x, self.kernel, self.bias)
        kernels = torch.split(self.kernel, self.filters, -1)
        biases = torch.split(self.bias, self.filters) if self.use_bias else [None] * 4
        gates = [self._project_images(*gate) for gate in zip(x, kernels, biases)]
        return torch.cat(gates, self._channel_axis)

    def _project_images(self, x, kernel, bias):
        if len(x.shape) == 4:
            return self.input_conv(x, kernel, bias, self.padding)
        images = self.input_conv(torch.flatten(x, 0, 1), kernel, bias, self.padding)
        return split_steps(images, x)

    def step(self, x, states, masks):
        h, c = states
        if masks:
            kernels = torch.split(self.recurrent_kernel, self.filters, -1)
            gates = [self.recurrent_conv(h * m, k) for m, k in zip(masks, kernels)]
            gates = torch.cat(gates, self._channel_axis)
        else:
            gates = self.recurrent_conv(h, self.recurrent_kernel)
        return self._gated(x + gates, c, self._channel_axis)


class ConvLSTM2D(_CellRNN, ConvRNN2D):
    """A convolutional LSTM; its states are the output and the carry.

    Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    cell_class = ConvLSTM2DCell
    loop_arguments = ("return_sequences", "go_backwards", "stateful")
    late_arguments = ("dropout", "recurrent_dropout")
