"""Convolutions and pooling with Keras's kernels, (*window, in, out)."""

import torch

from ..config import check_data_format
from . import spatial
from .values import tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "depthwise_conv2d",
    "local_conv1d",
    "local_conv2d",
    "pool2d",
    "pool3d",
    "separable_conv1d",
    "separable_conv2d",
]


def _kernel(kernel):
    """(*window, in, out) as torch takes it: (out, in, *window)."""
    kernel = tensor(kernel)
    last = len(kernel.shape) - 1
    found = torch.permute(kernel, (last, last - 1, *range(last - 1)))
    # A permuted kernel with one filter cannot be differentiated for a batch of one (torch 2.13).
    return (
        torch.clone(found, memory_format=torch.contiguous_format) if found.shape[0] == 1 else found
    )


def _depthwise_kernel(kernel):
    """(*window, in, multiplier) as torch takes it: (in * multiplier, 1, *window)."""
    kernel = tensor(kernel)
    last = len(kernel.shape) - 1
    return torch.permute(kernel, (last - 1, last, *range(last - 1))).flatten(0, 1).unsqueeze(1)


def _preprocess_padding(padding):
    """What TensorFlow calls a padding, for scripts that call it by themselves."""
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding: {padding!r}. Expected 'same' or 'valid'.")
    return padding.upper()


def _input_for_tensorflow(x, data_format, force_transpose=False):
    """(`x` with its channels last, what TensorFlow calls that format)."""
    x = tensor(x)
    if check_data_format(data_format) == "channels_first":
        x = torch.movedim(x, 1, -1)
    return x, {3: "NWC", 4: "NHWC", 5: "NDHWC"}[len(x.shape)]


_preprocess_conv1d_input = _preprocess_conv2d_input = _input_for_tensorflow
_preprocess_conv3d_input = _input_for_tensorflow


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of sequences; "causal" padding keeps outputs from seeing later steps."""
    return spatial.conv(
        tensor(x), _kernel(kernel), None, strides, padding, data_format, dilation_rate
    )


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """Convolution of images."""
    return conv1d(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(
    x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)
):
    """Convolution of volumes."""
    return conv1d(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d_transpose(
    x,
    kernel,
    output_shape,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """Transposed convolution of images with a kernel (*window, out, in).

    `output_shape` is that of the whole result; its spatial sizes count, which may be tensors.
    """
    first = 2 if check_data_format(data_format) == "channels_first" else 1
    size = list(output_shape)[first : first + len(strides)]
    return spatial.conv_transpose(
        tensor(x), _kernel(kernel), None, strides, padding, data_format, dilation_rate, size
    )


def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    """Transposed convolution of volumes; see `conv2d_transpose`."""
    return conv2d_transpose(x, kernel, output_shape, strides, padding, data_format, 1)


def depthwise_conv2d(
    x,
    depthwise_kernel,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """Convolution of each channel with its own kernels, (*window, in, multiplier)."""
    groups = depthwise_kernel.shape[-2]
    kernel = _depthwise_kernel(depthwise_kernel)
    return spatial.conv(
        tensor(x), kernel, None, strides, padding, data_format, dilation_rate, groups
    )


def separable_conv2d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    strides=(1, 1),
    padding="valid",
    data_format=None,
    dilation_rate=(1, 1),
):
    """A depthwise convolution, then one that mixes the channels of each pixel."""
    x = depthwise_conv2d(x, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return spatial.conv(x, _kernel(pointwise_kernel), data_format=data_format)


def separable_conv1d(
    x,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    """A depthwise convolution, then one that mixes the channels of each step."""
    return separable_conv2d(
        x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Maximum ("max") or mean ("avg") over windows of images."""
    return spatial.pool(tensor(x), pool_size, strides, padding, data_format, pool_mode)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """Maximum ("max") or mean ("avg") over windows of volumes."""
    return spatial.pool(tensor(x), pool_size, strides, padding, data_format, pool_mode)


def local_conv1d(inputs, kernel, kernel_size, strides, data_format=None):
    """Convolution with a kernel of its own at each position: (positions, window * in, out)."""
    return _local_conv(inputs, kernel, kernel_size, strides, data_format)


def local_conv2d(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """Convolution with a kernel of its own at each position, in `output_shape` rows and columns."""
    return _local_conv(inputs, kernel, kernel_size, strides, data_format)


def _local_conv(x, kernel, window, strides, data_format):
    x, kernel, rank = tensor(x), tensor(kernel), len(window)
    seen = spatial.patches(x, window, strides, data_format)
    positions = seen.shape[1 : rank + 1]
    seen = seen.flatten(rank + 1).flatten(1, rank)
    out = torch.matmul(seen.transpose(0, 1), kernel).transpose(0, 1)
    out = out.unflatten(1, tuple(positions))
    return spatial.channels_last(spatial.channels_first(out, "channels_last"), data_format)
