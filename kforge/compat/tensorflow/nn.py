"""`tf.nn`: activations, crossentropies, normalization."""

import math
from collections import namedtuple

import torch
import torch.nn.functional as F

from ... import backend as K
from ...backend.random import operation_seed
from . import numeric
from .numeric import log_sigmoid, sigmoid, softplus, tanh
from .spatial import FORMATS
from .values import convert, known, tensor

__all__ = [
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "crelu",
    "dropout",
    "elu",
    "embedding_lookup",
    "fused_batch_norm",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_poisson_loss",
    "log_sigmoid",
    "log_softmax",
    "lrn",
    "moments",
    "relu",
    "relu6",
    "relu_layer",
    "selu",
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
    "weighted_moments",
    "xw_plus_b",
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


def gelu(features, approximate=False):
    """``x * P(X <= x)`` of a normal X (Hendrycks and Gimpel, 2016)."""
    return F.gelu(tensor(features), approximate="tanh" if approximate else "none")


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


def log_poisson_loss(targets, log_input, compute_full_loss=False):
    """The negative logarithm of a Poisson distribution, whose logarithm of the mean is given."""
    z, c = tensor(targets), tensor(log_input)
    found = torch.exp(c) - z * c
    if not compute_full_loss:
        return found
    stirling = z * torch.log(z) - z + 0.5 * torch.log(2.0 * math.pi * z)
    return found + torch.where((z >= 0) & (z <= 1), torch.zeros_like(z), stirling)


def bias_add(value, bias, data_format="NHWC"):
    """`value` plus one number for each channel."""
    return K.bias_add(value, bias, FORMATS.get(data_format or "NHWC", data_format))


def xw_plus_b(x, weights, biases):
    """Products with a matrix plus a vector."""
    return numeric.matmul(x, weights) + tensor(biases)


def relu_layer(x, weights, biases):
    """`relu` of `xw_plus_b`."""
    return relu(xw_plus_b(x, weights, biases))


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


def batch_norm_with_global_normalization(
    t, m, v, beta, gamma, variance_epsilon, scale_after_normalization
):
    """`batch_normalization`, in the order of arguments that it had first."""
    return batch_normalization(
        t, m, v, beta, gamma if scale_after_normalization else None, variance_epsilon
    )


def fused_batch_norm(
    x, scale, offset, mean=None, variance=None, epsilon=0.001, data_format="NHWC", is_training=True
):
    """(`x` normalized, means, variances): of the batch in training, else those that are given."""
    x, axis = tensor(x), 1 if data_format == "NCHW" else 3
    axes = [i for i in range(4) if i != axis]
    around = [1 if i in axes else -1 for i in range(4)]
    if is_training:
        mean, variance = moments(x, axes)
    per_channel = [tensor(t).reshape(around) for t in (mean, variance, offset, scale)]
    found = batch_normalization(x, *per_channel, epsilon)
    if is_training:  # what is to be kept is the estimate for more than this batch
        count = K.cast(K.size(x), "float32") / x.shape[axis]
        variance = variance * count / K.maximum(count - 1, 1.0)
    return [found, mean, variance]


def weighted_moments(x, axes, frequency_weights, keepdims=False):
    """Mean and variance over axes, of elements that count by their weights."""
    x, weights, axes = tensor(x), tensor(frequency_weights), known(axes)
    total = K.sum(weights + K.zeros_like(x), axes, keepdims=True)
    mean = K.sum(x * weights, axes, keepdims=True) / total
    variance = K.sum(torch.square(x - mean) * weights, axes, keepdims=True) / total
    if keepdims:
        return mean, variance
    axes = [axes] if isinstance(axes, int) else axes
    return mean.squeeze(tuple(axes)), variance.squeeze(tuple(axes))


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
    return K.dropout(x, rate, noise_shape, operation_seed(seed))


def _dropout_by_tensor(x, rate, noise_shape, seed):
    shape = K.shape(x) if noise_shape is None else noise_shape
    keep = torch.ge(K.random_uniform(shape, dtype="float32", seed=operation_seed(seed)), rate)
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


def relu_grad(gradients, features):
    """Gradients of `relu`, whose inputs, or results, `features` are."""
    return convert(gradients) * K.cast(K.greater(convert(features), 0), "float32")
