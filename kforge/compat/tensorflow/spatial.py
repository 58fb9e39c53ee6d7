"""`tf.nn`: convolution and pooling of sequences, images and volumes."""

import torch
import torch.nn.functional as F

from ... import backend as K
from ...backend import spatial
from .values import apply, known, tensor

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "conv_transpose",
    "convolution",
    "depthwise_conv2d",
    "dilation2d",
    "erosion2d",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_with_argmax",
    "pool",
    "separable_conv2d",
]

FORMATS = {
    "NHWC": "channels_last",
    "NCHW": "channels_first",
    "NWC": "channels_last",
    "NCW": "channels_first",
    "NDHWC": "channels_last",
    "NCDHW": "channels_first",
}


_CHANNELS_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def _spatial(setting, data_format, rank=2):
    """The numbers for the spatial axes, of one number or of one for each axis."""
    setting = known(setting)
    if setting is None:
        return (1,) * rank
    if isinstance(setting, int):
        return (setting,) * rank
    if len(setting) == rank:
        return tuple(setting)
    if len(setting) == 1:
        return tuple(setting) * rank
    return tuple(setting[2:] if data_format.startswith("NC") else setting[1:-1])


def _padding(x, padding):
    """`x` and Keras's word; `x` is padded already where `padding` gives the amounts."""
    if isinstance(padding, str):
        return tensor(x), padding.lower()
    return F.pad(tensor(x), [n for pair in reversed(known(padding)) for n in pair]), "valid"


def conv1d(value, filters, stride=1, padding="VALID", data_format="NWC", dilations=None):
    """Convolution of sequences."""
    x, padding = _padding(value, padding)
    (stride,) = _spatial(stride, data_format, 1)
    (rate,) = _spatial(dilations, data_format, 1)
    return K.conv1d(x, filters, stride, padding, FORMATS[data_format], rate)


def conv2d(input, filter, strides=1, padding="VALID", data_format="NHWC", dilations=None):
    """Convolution of images; filters are (rows, columns, in, out)."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format), _spatial(dilations, data_format)
    return K.conv2d(x, filter, strides, padding, FORMATS[data_format], rates)


def conv3d(input, filter, strides=1, padding="VALID", data_format="NDHWC", dilations=None):
    """Convolution of volumes."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format, 3), _spatial(dilations, data_format, 3)
    return K.conv3d(x, filter, strides, padding, FORMATS[data_format], rates)


def atrous_conv2d(value, filters, rate, padding):
    """Convolution of images with gaps of `rate` between the elements of filters."""
    return conv2d(value, filters, 1, padding, dilations=rate)


def conv2d_transpose(value, filter, output_shape, strides=1, padding="SAME", data_format="NHWC"):
    """Transposed convolution of images; filters are (rows, columns, out, in)."""
    return conv_transpose(value, filter, output_shape, strides, padding, data_format)


def conv3d_transpose(value, filter, output_shape, strides=1, padding="SAME", data_format="NDHWC"):
    """Transposed convolution of volumes; filters are (..., out, in)."""
    return conv_transpose(value, filter, output_shape, strides, padding, data_format)


def conv1d_transpose(input, filters, output_shape, strides, padding="SAME", data_format="NWC"):
    """Transposed convolution of sequences; filters are (steps, out, in)."""
    return conv_transpose(input, filters, output_shape, strides, padding, data_format)


def conv_transpose(
    input, filters, output_shape, strides, padding="SAME", data_format=None, dilations=None
):
    """Transposed convolution of sequences, images or volumes."""
    x = tensor(input)
    rank = len(x.shape) - 2
    data_format = data_format or _CHANNELS_LAST[rank]
    strides, rates = _spatial(strides, data_format, rank), _spatial(dilations, data_format, rank)
    shape = _sizes(output_shape, rank + 2)
    return K.conv2d_transpose(
        x, filters, shape, strides, padding.lower(), FORMATS[data_format], rates
    )


def _sizes(shape, count):
    """The items of a shape, which may be a tensor."""
    shape = known(shape)
    return shape if isinstance(shape, (list, tuple)) else [shape[i] for i in range(count)]


def atrous_conv2d_transpose(value, filters, output_shape, rate, padding):
    """Transposed convolution of images with gaps of `rate` between the elements of filters."""
    return K.conv2d_transpose(
        tensor(value), filters, _sizes(output_shape, 4), (1, 1), padding.lower(), None, (rate, rate)
    )


def depthwise_conv2d(
    input, filter, strides=1, padding="VALID", rate=None, data_format="NHWC", dilations=None
):
    """Convolution of each channel with its own filters, (rows, columns, in, multiplier)."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format), _spatial(rate or dilations, data_format)
    return K.depthwise_conv2d(x, filter, strides, padding, FORMATS[data_format], rates)


def separable_conv2d(
    input,
    depthwise_filter,
    pointwise_filter,
    strides=1,
    padding="VALID",
    rate=None,
    data_format="NHWC",
    dilations=None,
):
    """`depthwise_conv2d`, then a convolution that mixes channels."""
    x = depthwise_conv2d(input, depthwise_filter, strides, padding, rate, data_format, dilations)
    return conv2d(x, pointwise_filter, data_format=data_format)


def convolution(
    input, filter, padding, strides=None, dilation_rate=None, data_format=None, dilations=None
):
    """Convolution of sequences, images or volumes."""
    x, padding = _padding(input, padding)
    rank = len(x.shape) - 2
    data_format = data_format or _CHANNELS_LAST[rank]
    strides = _spatial(strides, data_format, rank)
    rates = _spatial(dilation_rate or dilations, data_format, rank)
    return K.conv2d(x, filter, strides, padding, FORMATS[data_format], rates)


def _pool(mode, rank=None):
    def pool(value, ksize, strides, padding="VALID", data_format=None):
        x, padding = _padding(value, padding)
        count = rank or len(x.shape) - 2
        data_format = data_format or _CHANNELS_LAST[count]
        size, steps = (_spatial(n, data_format, count) for n in (ksize, strides))
        return spatial.pool(x, size, steps, padding, FORMATS[data_format], mode)

    pool.__doc__ = f"The {mode} of each window."
    return pool


max_pool, avg_pool = _pool("max"), _pool("avg")
max_pool1d, max_pool2d, max_pool3d = (_pool("max", rank) for rank in (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = (_pool("avg", rank) for rank in (1, 2, 3))


def pool(
    input, window_shape, pooling_type, padding, dilation_rate=None, strides=None, data_format=None
):
    """The greatest ("MAX") or mean ("AVG") element of each window; one after the other."""
    if dilation_rate is not None and set(_spatial(dilation_rate, "NHWC")) != {1}:
        raise ValueError("tf.nn.pool: dilation_rate is not offered here; expected 1.")
    strides = 1 if strides is None else strides
    return _pool(pooling_type.lower())(input, window_shape, strides, padding, data_format)


def max_pool_with_argmax(
    input, ksize, strides, padding, data_format="NHWC", output_dtype="int64", include_batch=False
):
    """(the greatest element of each window, where in the flat image it is)."""
    if data_format != "NHWC":
        raise ValueError(f"max_pool_with_argmax: data_format={data_format!r}; expected 'NHWC'.")
    args = (tensor(input), _spatial(ksize, "NHWC"), _spatial(strides, "NHWC"), padding.upper())
    values, places = apply(_max_and_places, *args, include_batch)
    return [values, K.cast(places, output_dtype)]


def _max_and_places(x, size, strides, padding, include_batch):
    batch, rows, cols, channels = x.shape
    images = x.movedim(3, 1)
    before = (0, 0)
    if padding == "SAME":
        before, after = _same(images, size, strides)
        images = F.pad(images, [before[1], after[1], before[0], after[0]], value=-torch.inf)
    values, flat = F.max_pool2d(images, size, strides, return_indices=True)
    width = images.shape[3]
    row, col = flat // width - before[0], flat % width - before[1]
    channel = torch.arange(channels, device=x.device)[:, None, None]
    places = (row * cols + col) * channels + channel
    if include_batch:
        sample = torch.arange(batch, device=x.device)[:, None, None, None]
        places = places + sample * rows * cols * channels
    return values.movedim(1, 3), places.movedim(1, 3)


def _same(images, size, strides):
    """The zeros before and after images, by axis, of padding "SAME"."""
    totals = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(images.shape[2:], size, strides)
    ]
    return [t // 2 for t in totals], [t - t // 2 for t in totals]


def dilation2d(input, filter, strides, rates, padding):
    """Grayscale dilation of images: the maximum of a window's pixels plus a filter's."""
    strides, rates = _spatial(strides, "NHWC"), _spatial(rates, "NHWC")
    return apply(_dilated, tensor(input), tensor(filter), strides, rates, padding.upper())


def _dilated(x, kernel, strides, rates, padding):
    images = x.movedim(3, 1)
    reach = [(k - 1) * r + 1 for k, r in zip(kernel.shape, rates)]
    if padding == "SAME":
        before, after = _same(images, reach, strides)
        images = F.pad(images, [before[1], after[1], before[0], after[0]], value=-torch.inf)
    windows = images.unfold(2, reach[0], strides[0]).unfold(3, reach[1], strides[1])
    windows = windows[..., :: rates[0], :: rates[1]] + kernel.movedim(2, 0)[:, None, None]
    return windows.amax((-2, -1)).movedim(1, 3)


def erosion2d(value, kernel, strides, rates, padding):
    """Grayscale erosion of images: the minimum of a window's pixels minus a filter's."""
    flipped = torch.flip(tensor(kernel), [0, 1])
    return -dilation2d(-tensor(value), flipped, strides, rates, padding)
