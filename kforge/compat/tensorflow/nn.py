"""`tf.nn`: activations, crossentropies, convolution, pooling, normalization."""

from collections import namedtuple

import torch
import torch.nn.functional as F

from ... import backend as K
from . import numeric
from .numeric import log_sigmoid, sigmoid, softplus, tanh
from .values import convert, known, tensor

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "batch_normalization",
    "bias_add",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "crelu",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "embedding_lookup",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_sigmoid",
    "log_softmax",
    "lrn",
    "max_pool",
    "moments",
    "relu",
    "relu6",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
    "weighted_cross_entropy_with_logits",
    "zero_fraction",
]

# ---- activations --------------------------------------------------------------------------------


def relu(features):
    """The elements, 0 for negative ones."""
    return K.relu(features)


def relu6(features):
    """`relu`, limited to 6."""
    return K.relu(features, max_value=6.0)


def leaky_relu(features, alpha=0.2):
    """The elements, negative ones times `alpha`."""
    return K.relu(features, alpha=alpha)


def crelu(features, axis=-1):
    """`relu` of the elements beside that of their negatives."""
    x = tensor(features)
    return K.relu(torch.cat([x, -x], axis))


def elu(features):
    """The elements, exponentials minus 1 of negative ones."""
    return K.elu(features)


def selu(features):
    """`elu`, scaled so that deep networks keep their statistics."""
    return F.selu(tensor(features))


def softsign(features):
    """``x / (1 + |x|)``."""
    return K.softsign(features)


def swish(features):
    """``x * sigmoid(x)``."""
    return F.silu(tensor(features))


def softmax(logits, axis=-1):
    """Exponentials that sum to 1 along an axis."""
    return K.softmax(logits, known(axis))


def log_softmax(logits, axis=-1):
    """The logarithm of `softmax`."""
    return F.log_softmax(tensor(logits), known(axis))


# ---- crossentropies -----------------------------------------------------------------------------


def softmax_cross_entropy_with_logits(labels=None, logits=None, axis=-1):
    """Crossentropy of distributions and of the softmax of logits, along an axis."""
    return -numeric.reduce_sum(tensor(labels) * log_softmax(logits, axis), axis)


softmax_cross_entropy_with_logits_v2 = softmax_cross_entropy_with_logits


def sparse_softmax_cross_entropy_with_logits(labels=None, logits=None):
    """Crossentropy of classes, as whole numbers, and of the softmax of logits."""
    labels = K.cast(convert(labels), "int64").unsqueeze(-1)
    return -torch.gather(log_softmax(logits), -1, labels).squeeze(-1)


def sigmoid_cross_entropy_with_logits(labels=None, logits=None):
    """Crossentropy of probabilities and of the sigmoids of logits, element by element."""
    return weighted_cross_entropy_with_logits(labels, logits, 1)


def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None):
    """`sigmoid_cross_entropy_with_logits` with positive labels counted `pos_weight` times."""
    labels, logits = tensor(labels), tensor(logits)
    positive = labels if pos_weight == 1 else labels * pos_weight
    return -positive * F.logsigmoid(logits) - (1 - labels) * F.logsigmoid(-logits)


# ---- convolution and pooling --------------------------------------------------------------------

_FORMATS = {
    "NHWC": "channels_last",
    "NCHW": "channels_first",
    "NWC": "channels_last",
    "NCW": "channels_first",
    "NDHWC": "channels_last",
    "NCDHW": "channels_first",
}


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
    return K.conv1d(x, filters, stride, padding, _FORMATS[data_format], rate)


def conv2d(input, filter, strides=1, padding="VALID", data_format="NHWC", dilations=None):
    """Convolution of images; filters are (rows, columns, in, out)."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format), _spatial(dilations, data_format)
    return K.conv2d(x, filter, strides, padding, _FORMATS[data_format], rates)


def conv3d(input, filter, strides=1, padding="VALID", data_format="NDHWC", dilations=None):
    """Convolution of volumes."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format, 3), _spatial(dilations, data_format, 3)
    return K.conv3d(x, filter, strides, padding, _FORMATS[data_format], rates)


def atrous_conv2d(value, filters, rate, padding):
    """Convolution of images with gaps of `rate` between the elements of filters."""
    return conv2d(value, filters, 1, padding, dilations=rate)


def conv2d_transpose(value, filter, output_shape, strides=1, padding="SAME", data_format="NHWC"):
    """Transposed convolution of images; filters are (rows, columns, out, in)."""
    strides = _spatial(strides, data_format)
    if not isinstance(output_shape, (list, tuple)):
        shape = known(output_shape)
        output_shape = shape if isinstance(shape, list) else [shape[i] for i in range(4)]
    return K.conv2d_transpose(
        tensor(value), filter, output_shape, strides, padding.lower(), _FORMATS[data_format]
    )


def depthwise_conv2d(
    input, filter, strides=1, padding="VALID", rate=None, data_format="NHWC", dilations=None
):
    """Convolution of each channel with its own filters, (rows, columns, in, multiplier)."""
    x, padding = _padding(input, padding)
    strides, rates = _spatial(strides, data_format), _spatial(rate or dilations, data_format)
    return K.depthwise_conv2d(x, filter, strides, padding, _FORMATS[data_format], rates)


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


def _pool(mode):
    def pool(value, ksize, strides, padding="VALID", data_format="NHWC"):
        x, padding = _padding(value, padding)
        size, strides = _spatial(ksize, data_format), _spatial(strides, data_format)
        return K.pool2d(x, size, strides, padding, _FORMATS[data_format], mode)

    pool.__doc__ = f"The {mode} of each window of images."
    return pool


max_pool, avg_pool = _pool("max"), _pool("avg")


def bias_add(value, bias, data_format="NHWC"):
    """`value` plus one number for each channel."""
    return K.bias_add(value, bias, _FORMATS.get(data_format or "NHWC", data_format))


# ---- normalization ------------------------------------------------------------------------------


def l2_normalize(x, axis=None, epsilon=1e-12):
    """`x` divided by its Euclidean norm along axes."""
    x = tensor(x)
    squares = K.sum(torch.square(x), known(axis), keepdims=True)
    return x * torch.rsqrt(K.maximum(squares, epsilon))


def moments(x, axes, shift=None, keepdims=False):
    """Mean and variance over axes."""
    x, axes = tensor(x), known(axes)
    return K.mean(x, axes, keepdims), K.var(x, axes, keepdims)


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon):
    """`x` normalized with the given statistics, scaled and shifted."""
    factor = torch.rsqrt(tensor(variance) + variance_epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else offset - mean * factor
    return tensor(x) * factor + shift


def local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5):
    """Each channel divided by the squares of its neighbours (Krizhevsky et al., 2012)."""
    size = 2 * depth_radius + 1
    x = torch.movedim(tensor(input), -1, 1)
    found = F.local_response_norm(x, size, alpha * size, beta, bias)
    return torch.movedim(found, 1, -1)


lrn = local_response_normalization


def l2_loss(t):
    """Half the sum of squares."""
    return K.sum(torch.square(tensor(t))) / 2


def dropout(x, keep_prob=None, noise_shape=None, seed=None, rate=None):
    """`x` with elements set to 0, in training and testing alike."""
    if rate is None:
        rate = 0.0 if keep_prob is None else 1.0 - keep_prob
    if not isinstance(rate, float):
        return _dropout_by_tensor(tensor(x), rate, noise_shape, seed)
    return K.dropout(x, rate, noise_shape, seed)


def _dropout_by_tensor(x, rate, noise_shape, seed):
    shape = K.shape(x) if noise_shape is None else noise_shape
    keep = torch.ge(K.random_uniform(shape, dtype="float32", seed=seed), rate)
    return x * K.cast(keep, x.dtype) / (1 - rate)


# ---- selecting ----------------------------------------------------------------------------------

TopK = namedtuple("TopKV2", "values indices")


def top_k(input, k=1, sorted=True):
    """The `k` greatest along the last axis, equal ones in their order, and where they are."""
    values, indices = torch.sort(tensor(input), dim=-1, descending=True, stable=True)
    return TopK(values[..., :k], K.cast(indices[..., :k], "int32"))


def in_top_k(predictions, targets, k):
    """Whether the target's prediction is among the `k` greatest."""
    return K.in_top_k(predictions, targets, k)


def embedding_lookup(params, ids):
    """Rows of a matrix, by their numbers."""
    return K.gather(params, ids)


def zero_fraction(value):
    """The fraction of elements that are 0."""
    return K.mean(K.cast(torch.eq(tensor(value), 0), "float32"))
