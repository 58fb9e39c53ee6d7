"""Convolutions, written once for all numbers of spatial axes."""

import functools
import warnings

import torch

from ..backend.spatial import conv, conv_transpose, conv_transpose_length
from ..engine import InputSpec
from ..utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from ..variable import Permuted, in_layout
from .spatial import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
    _Spatial,
)
from .variants import variant, without

__all__ = [
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class _Sequences(Permuted):
    """The layout of kernels for sequences; torch has no word for channels that lie last there."""

    def store(self, value):
        return torch.permute(value, (2, 0, 1)).clone(memory_format=torch.contiguous_format).mT


# Kernels: (*window, in, out) in Keras, (out, in, *window) in torch, with `in` last in memory as
# the channels of images are; those of transposed convolutions have `in` and `out` swapped in both.
KERNELS = {
    1: _Sequences(2, 1, 0),
    2: Permuted(2, 3, 1, 0, memory_format=torch.channels_last),
    3: Permuted(2, 3, 4, 1, 0, memory_format=torch.channels_last_3d),
}


class _DepthwiseKernel:
    """Layout: (*window, in, multiplier) in Keras, (in * multiplier, 1, *window) in torch."""

    is_view = True

    def __init__(self, multiplier):
        self.multiplier = multiplier

    def to_keras(self, native):
        """The view in Keras's layout."""
        split = torch.unflatten(native, 0, (-1, self.multiplier)).squeeze(2)
        return torch.permute(split, (*range(2, len(split.shape)), 0, 1))

    def to_torch(self, value):
        """The tensor in torch's layout."""
        last = len(value.shape) - 1
        order = (last - 1, last, *range(last - 1))
        return torch.flatten(torch.permute(value, order), 0, 1).unsqueeze(1)

    def store(self, value):
        """A tensor in torch's layout with memory of its own."""
        return self.to_torch(value).clone(memory_format=torch.contiguous_format)


depthwise_layout = functools.cache(_DepthwiseKernel)


# Keras's defaults by rank. That they are one object shows in YAML, as an anchor and an alias.
_ONES = {2: (1, 1), 3: (1, 1, 1)}


class _Conv(_Spatial):
    """``activation(convolution of inputs with kernel + bias)``.

    Shape: (batch, *sizes, channels) -> (batch, *outputs, filters).
    """

    paddings = ("valid", "same")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        super().__init__(**kwargs)
        self._keep(locals())
        self._normalize()

    def _normalize(self):
        """Settings for each axis become tuples, words lower case."""
        self._set_data_format(self.data_format)
        self.padding = normalize_padding(self.padding)
        for name in ("kernel_size", "strides", "dilation_rate"):
            setattr(self, name, normalize_tuple(getattr(self, name), self.rank, name))

    def _begin_build(self, input_shape):
        """Checks settings and the input's shape; gives the number of its channels."""
        if self.padding not in self.paddings:
            raise ValueError(
                f"Layer {self.name}: invalid padding: {self.padding}. "
                f"Expected one of {self.paddings}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.name}: strides > 1 not supported in conjunction with dilation_rate "
                f"> 1. Got strides={self.strides}, dilation_rate={self.dilation_rate}."
            )
        axis = self._channel_axis
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer {self.name}: the channel dimension of the inputs should be defined. Found "
                f"`None` on axis {axis} of the shape {tuple(input_shape)} ({self.data_format})."
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _end_build(self, outputs):
        self.bias = self._add_parameter("bias", (outputs,)) if self.use_bias else None
        self.built = True

    def build(self, input_shape):
        channels = self._begin_build(input_shape)
        shape = (*self.kernel_size, channels, self.filters)
        self.kernel = self._add_parameter("kernel", shape, layout=KERNELS[self.rank])
        self._end_build(self.filters)

    @property
    def _settings(self):
        """What functions of `backend.spatial` take after inputs, kernel and bias."""
        return self.strides, self.padding, self.data_format, self.dilation_rate

    def _convolve(self, inputs):
        kernel = in_layout(self.kernel, KERNELS[self.rank])
        return conv(inputs, kernel, self.bias, *self._settings)

    def call(self, inputs):
        outputs = self._convolve(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def _length(self, axis, size):
        return conv_output_length(
            size, self.kernel_size[axis], self.padding, self.strides[axis], self.dilation_rate[axis]
        )

    def _output_channels(self, channels):
        return self.filters


class Conv1D(_Conv):
    """Convolution of sequences; "causal" padding keeps outputs from seeing later steps.

    Shape: (batch, steps, features) -> (batch, outputs, filters).
    """

    rank = 1
    paddings = ("valid", "same", "causal")
    __init__ = variant(_Conv.__init__, data_format="channels_last")


class Conv2D(_Conv):
    """Convolution of images: (batch, rows, cols, channels) -> (batch, ..., filters)."""

    rank = 2
    __init__ = variant(_Conv.__init__, strides=_ONES[2], dilation_rate=_ONES[2])


class Conv3D(_Conv):
    """Convolution of volumes: (batch, d1, d2, d3, channels) -> (batch, ..., filters)."""

    rank = 3
    __init__ = variant(_Conv.__init__, strides=_ONES[3], dilation_rate=_ONES[3])


# ---- transposed -------------------------------------------------------------------------------


class _ConvTranspose(_Conv):
    """The gradient of a convolution: each input adds its kernel to the output.

    `output_padding` makes the output longer; None gives the usual multiple of the input.

    Shape: (batch, *sizes, channels) -> (batch, *outputs, filters).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
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
        super(_Conv, self).__init__(**kwargs)
        self._keep(locals())
        self._normalize()
        if output_padding is not None:
            self.output_padding = normalize_tuple(output_padding, self.rank, "output_padding")
            if any(o >= s for o, s in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"Layer {self.name}: strides {self.strides} must be greater than output "
                    f"padding {self.output_padding}."
                )

    def build(self, input_shape):
        channels = self._begin_build(input_shape)
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = self._add_parameter("kernel", shape, layout=KERNELS[self.rank])
        self._end_build(self.filters)

    def _convolve(self, inputs):
        kernel, padding = in_layout(self.kernel, KERNELS[self.rank]), self.output_padding
        return conv_transpose(inputs, kernel, self.bias, *self._settings, output_padding=padding)

    def _length(self, axis, size):
        return conv_transpose_length(
            size,
            self.kernel_size[axis],
            self.strides[axis],
            self.padding,
            self.dilation_rate[axis],
            self.output_padding and self.output_padding[axis],
        )


class Conv2DTranspose(_ConvTranspose, Conv2D):
    """Transposed convolution of images: (batch, rows, cols, channels) -> (batch, ..., filters)."""


class Conv3DTranspose(_ConvTranspose, Conv3D):
    """Transposed convolution of volumes: (batch, d1, d2, d3, channels) -> (batch, ..., filters)."""

    __init__ = variant(_ConvTranspose.__init__, {"dilation_rate": 1})


# ---- depthwise --------------------------------------------------------------------------------


_KERNEL_ARGUMENTS = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")


class _Depthwise:
    """For convolutions with `depth_multiplier` kernels for each channel alone."""

    def _without_kernel(self, arguments):
        """Arguments but those of a `kernel`, which Keras takes here and makes nothing of."""
        idle = [k for k in _KERNEL_ARGUMENTS if arguments.get(k) and k != "kernel_initializer"]
        if idle:
            warnings.warn(
                f"{type(self).__name__} has no `kernel`: `{idle[0]}` has no effect, as in Keras. "
                f"Pass `{idle[0].replace('kernel', 'depthwise')}` instead.",
                stacklevel=4,
            )
        return {k: v for k, v in arguments.items() if k not in _KERNEL_ARGUMENTS}

    def _add_depthwise_kernel(self, channels):
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        layout = depthwise_layout(self.depth_multiplier)
        self.depthwise_kernel = self._add_parameter("depthwise_kernel", shape, "depthwise", layout)

    def _convolve_depthwise(self, inputs, bias=None):
        kernel = in_layout(self.depthwise_kernel, depthwise_layout(self.depth_multiplier))
        return conv(inputs, kernel, bias, *self._settings, inputs.shape[self._channel_axis])


class _SeparableConv(_Depthwise, _Conv):
    """Convolution of each channel alone, then one that mixes the channels of each place.

    Shape: (batch, *sizes, channels) -> (batch, *outputs, filters).
    """

    @without(*_KERNEL_ARGUMENTS)
    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super(_Conv, self).__init__(**self._without_kernel(kwargs))
        self._keep(locals())
        self._normalize()

    def build(self, input_shape):
        channels = self._begin_build(input_shape)
        self._add_depthwise_kernel(channels)
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        layout = KERNELS[self.rank]
        self.pointwise_kernel = self._add_parameter("pointwise_kernel", shape, "pointwise", layout)
        self._end_build(self.filters)

    def _convolve(self, inputs):
        kernel = in_layout(self.pointwise_kernel, KERNELS[self.rank])
        depthwise = self._convolve_depthwise(inputs)
        return conv(depthwise, kernel, self.bias, data_format=self.data_format)


class SeparableConv1D(_SeparableConv):
    """Separable convolution of sequences: (batch, steps, features) -> (batch, ..., filters)."""

    rank = 1
    __init__ = variant(_SeparableConv.__init__, data_format="channels_last")


class SeparableConv2D(_SeparableConv):
    """Separable convolution of images: (batch, rows, cols, channels) -> (batch, ..., filters)."""

    rank = 2


class DepthwiseConv2D(_Depthwise, Conv2D):
    """Convolution of each channel alone, with `depth_multiplier` kernels.

    Shape: (batch, rows, cols, channels) -> (batch, ..., channels * depth_multiplier).
    """

    @without("filters", *_KERNEL_ARGUMENTS)
    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super(_Conv, self).__init__(**self._without_kernel(kwargs))
        self._keep(locals())
        self._normalize()

    def build(self, input_shape):
        channels = self._begin_build(input_shape)
        self._add_depthwise_kernel(channels)
        self._end_build(channels * self.depth_multiplier)

    def _convolve(self, inputs):
        return self._convolve_depthwise(inputs, self.bias)

    def call(self, inputs, training=None):
        return super().call(inputs)

    def _output_channels(self, channels):
        return channels * self.depth_multiplier


# Other names, from Keras 1.
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution2DTranspose = Deconvolution2D = Deconv2D = Conv2DTranspose
Deconvolution3D = Deconv3D = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
