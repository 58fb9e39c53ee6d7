"""Activations, normalization, dropout and crossentropies."""

import math
import numbers

import torch
import torch.nn.functional as F

from .. import config, rules
from ..passes import NEVER
from ..symbolic import KerasTensor
from .random import stream
from .values import apply, axes, mixed_shape, tensor
from .variables import cast

__all__ = [
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "categorical_crossentropy",
    "dropout",
    "elu",
    "hard_sigmoid",
    "in_top_k",
    "l2_normalize",
    "normalize_batch_in_training",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "tanh",
]

# ---- activations ------------------------------------------------------------------------------


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """`x` from `threshold` up to `max_value`; below the threshold, ``alpha * (x - threshold)``."""
    x = tensor(x)
    if _is_number(threshold, 0.0):
        if max_value is None and isinstance(alpha, numbers.Number):
            return F.leaky_relu(x, float(alpha)) if alpha else torch.relu(x)
        kept = torch.relu(x)
    else:
        kept = torch.where(x > threshold, x, 0.0)
    if max_value is not None:
        # At 6, where TensorFlow has an operation of its own, the gradient stops; else it flows.
        if _is_number(max_value, 6) and _is_number(threshold, 0.0):
            kept = F.relu6(x)
        else:
            is_number = isinstance(max_value, numbers.Number)
            kept = torch.clamp(kept, min=0.0, max=float(max_value) if is_number else max_value)
    if _is_number(alpha, 0.0):
        return kept
    return kept - alpha * torch.relu(threshold - x)


def _is_number(value, number):
    return isinstance(value, numbers.Number) and value == number


def elu(x, alpha=1.0):
    """`x` where positive, else ``alpha * (exp(x) - 1)`` (https://arxiv.org/abs/1511.07289)."""
    x = tensor(x)
    if isinstance(alpha, numbers.Number):
        return F.elu(x, float(alpha))
    return torch.where(x > 0, x, alpha * F.elu(x))


def softmax(x, axis=-1):
    """Exponentials that sum to 1 along an axis."""
    return torch.softmax(tensor(x), axis)


def softplus(x):
    """``log(1 + exp(x))``."""
    return F.softplus(tensor(x))


def softsign(x):
    """``x / (1 + |x|)``."""
    return F.softsign(tensor(x))


def sigmoid(x):
    """``1 / (1 + exp(-x))``."""
    return torch.sigmoid(tensor(x))


def hard_sigmoid(x):
    """``0.2 * x + 0.5``, limited to [0, 1]."""
    return torch.clamp(0.2 * tensor(x) + 0.5, 0.0, 1.0)


def tanh(x):
    """Hyperbolic tangent."""
    return torch.tanh(tensor(x))


# ---- normalization ----------------------------------------------------------------------------


def l2_normalize(x, axis=None):
    """`x` divided by its Euclidean norm along `axis` (None: all axes)."""
    x = tensor(x)
    squares = torch.sum(torch.square(x), dim=axes(axis), keepdim=True)
    return x * torch.rsqrt(torch.clamp(squares, min=1e-12))


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """`x` normalized with the given statistics, scaled by `gamma` and shifted by `beta`.

    Statistics and parameters lie along `axis`, or have axes that fit those of `x`.
    """
    x = tensor(x)
    if len(x.shape) == 4 and axis in (-1, 3):
        # Images in channels_last: TensorFlow's fused operation, with no gradients for these two.
        mean, var = tensor(mean).detach(), tensor(var).detach()
    mean, var, beta, gamma = (_along(p, x, axis) for p in (mean, var, beta, gamma))
    return _normalize(x, mean, var, beta, gamma, epsilon)


def _normalize(x, mean, var, beta, gamma, epsilon):
    factor = torch.rsqrt(var + epsilon)
    if gamma is not None:
        factor = factor * gamma
    shift = -mean * factor
    return x * factor + (shift if beta is None else shift + beta)


def _along(parameter, x, axis):
    """A vector so that it lies along an axis of `x`."""
    if parameter is None:
        return None
    parameter, ndim = tensor(parameter), len(x.shape)
    if len(parameter.shape) != 1 or axis % ndim == ndim - 1:
        return parameter
    return parameter.reshape([-1 if i == axis % ndim else 1 for i in range(ndim)])


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """`x` normalized over some axes with its own statistics; also its mean and variance."""
    x, axes = tensor(x), tuple(reduction_axes)
    var, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
    kept = [i for i in range(len(x.shape)) if i not in axes]
    shape = [-1 if i in kept else 1 for i in range(len(x.shape))]
    beta, gamma = (
        tensor(p).reshape(shape) if p is not None and len(kept) == 1 else p for p in (beta, gamma)
    )
    normed = _normalize(x, mean, var, beta, gamma, epsilon)
    mean, var = mean.squeeze(axes), var.squeeze(axes)
    if len(x.shape) == 4 and list(axes) == [0, 1, 2]:
        # Images in channels_last: TensorFlow's fused operation gives the unbiased variance, and
        # no gradients through the statistics.
        return normed, mean.detach(), torch.var(x.detach(), dim=axes)
    return normed, mean, var


def bias_add(x, bias, data_format=None):
    """`x` plus a bias: one number a channel, or one for each element of a sample."""
    x, bias = tensor(x), tensor(bias)
    ndim, bias_ndim = len(x.shape), len(bias.shape)
    if bias_ndim not in (1, ndim - 1):
        raise ValueError(
            f"Unexpected bias dimensions {bias_ndim}, expect to be 1 or {ndim - 1} dimensions"
        )
    if config.check_data_format(data_format) == "channels_first" and ndim > 2:
        if bias_ndim == 1:
            bias = bias.reshape([-1] + [1] * (ndim - 2))
        else:  # given with channels last
            bias = bias.reshape([bias.shape[-1], *bias.shape[:-1]])
    return x + bias


# ---- dropout ----------------------------------------------------------------------------------


def dropout(x, level, noise_shape=None, seed=None):
    """`x` with a fraction `level` of its elements set to 0, and the others scaled up to make up.

    Elements along axes of size 1 in `noise_shape` share their fate.
    """
    x = tensor(x)
    if isinstance(level, numbers.Number):
        if not 0 <= level < 1:
            raise ValueError(f"`level` of K.dropout must be in [0, 1). Got {level}.")
        if level == 0:
            return x
    if isinstance(noise_shape, (list, tuple)):
        noise_shape = [None if s is None else mixed_shape([s])[0] for s in noise_shape]
    if noise_shape is not None:
        return apply(_dropout_shared, x, level, noise_shape, stream(seed))
    return apply(_dropout, x, level, stream(seed))


def _dropout(x, level, generator):
    if x.is_meta:
        return x.clone()
    torchs_own = x.is_cuda or torch.compiler.is_compiling() or not isinstance(level, float)
    if generator is None and torchs_own:
        return torch.dropout(x, float(level), True)
    keep = _keep(x.shape, level, x.device, generator)
    if not x.is_contiguous():  # lay the mask out as the elements are
        keep = keep.as_strided(x.shape, torch.empty_like(x, device="meta").stride())
    return _scale(x, keep, level)


def _dropout_shared(x, level, noise_shape, generator):
    if x.is_meta:
        return x.clone()
    shape = [n if s is None else int(s) for s, n in zip(noise_shape, x.shape)]
    return _scale(x, _keep(shape, level, x.device, generator), level)


def _keep(shape, level, device, generator):
    """Which elements to keep: four thresholds of 16 bits from each draw of 64."""
    if generator is None and torch.compiler.is_compiling():  # which knows no `random_`
        return torch.rand(shape, device=device) >= level
    count = math.prod(shape)
    bits = torch.empty((count + 3) // 4, dtype=torch.int64, device=device)
    bits.random_(-(2**63), None, generator=generator)
    return bits.view(torch.int16)[:count].ge(round(float(level) * 65536) - 32768).view(shape)


def _scale(x, keep, level):
    return x * keep.to(x.dtype).mul_(1.0 / (1.0 - float(level)))


# ---- predictions against targets --------------------------------------------------------------


def in_top_k(predictions, targets, k):
    """Whether fewer than `k` predictions of a row are greater than that at the target's index.

    Never in rows in which one is infinite or not a number.
    """
    predictions, targets = tensor(predictions), cast(targets, torch.int64)
    chosen = torch.gather(predictions, -1, targets.unsqueeze(-1))
    greater = torch.sum(predictions > chosen, dim=-1)
    return torch.logical_and(greater < k, torch.all(torch.isfinite(predictions), dim=-1))


def _logits(output, function, axis=None):
    """What `output` is a softmax or sigmoid of, if that is known; else None."""
    if not isinstance(output, KerasTensor) or output.index is not None:
        return None
    op = output.op
    if op.func not in (function, getattr(torch.Tensor, function.__name__)):
        return None
    if axis is not None:
        ndim = len(output.shape)
        done = op.args[1] if len(op.args) > 1 else op.kwargs.get("dim")
        if len(op.args) > 2 or set(op.kwargs) - {"dim"} or done % ndim != axis % ndim:
            return None
    return op.args[0]


def _check_axis(output, axis):
    ndim = len(output.shape)
    if not -1 <= axis < ndim:
        raise ValueError(
            f"Unexpected channels axis {axis}. Expected to be -1 or one of the axes of `output`, "
            f"which has {ndim} dimensions."
        )


def _log_clipped(probabilities):
    epsilon = config.epsilon()
    return torch.log(torch.clamp(probabilities, epsilon, 1.0 - epsilon))


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Crossentropy of distributions along `axis`, with probabilities or logits in `output`.

    Probabilities are made to sum to 1 and clipped; but, as in Keras, of a softmax the logits count.
    """
    target, output = tensor(target), tensor(output)
    _check_axis(output, axis)
    logits = output if from_logits else _logits(output, torch.softmax, axis)
    if logits is None:
        output = output / torch.sum(output, dim=axis, keepdim=True)
        return -torch.sum(target * _log_clipped(output), dim=axis)
    target, classes = cast(target, logits.dtype), min(1, len(output.shape) - 1)
    if axis % len(output.shape) != classes:
        logits, target = torch.movedim(logits, axis, 1), torch.movedim(target, axis, 1)
    return apply(_softmax_crossentropy, logits, target)


def _softmax_crossentropy(logits, target):
    if not torch.is_grad_enabled():
        return F.cross_entropy(logits, target, reduction="none")
    # torch's gradient is TensorFlow's where targets sum to 1. Seeing that they do saves time, but
    # on a GPU, which would have to catch up first.
    seen = target.device.type == "cpu" and not torch.compiler.is_compiling()
    axis = min(1, logits.dim() - 1)
    total = torch.sum(target, axis)
    if seen and torch.all(total == 1):
        return F.cross_entropy(logits, target, reduction="none")
    # Else it is still softmax minus targets: the normalization counts once, whatever their sum.
    norm = torch.logsumexp(logits, axis)
    return norm - torch.sum(target * logits, axis) + (total - 1) * norm.detach()


def _without_classes(logits, target):
    axis = min(1, logits.dim() - 1)
    return logits.new_empty(logits.shape[:axis] + logits.shape[axis + 1 :])


rules.register(_softmax_crossentropy, _without_classes)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Crossentropy of integer targets with probabilities or logits in `output` along `axis`.

    Probabilities are clipped; but, as in Keras, of a softmax the logits count.
    """
    target, output = tensor(target), tensor(output)
    _check_axis(output, axis)
    logits = output if from_logits else _logits(output, torch.softmax, axis)
    if logits is None:
        logits = _log_clipped(output)
    logits = torch.movedim(logits, axis, -1)
    target = cast(target, torch.int64).reshape(-1)
    loss = F.cross_entropy(logits.flatten(0, -2), target, ignore_index=NEVER, reduction="none")
    return loss.view_as(logits.select(-1, 0)) if len(output.shape) > 2 else loss


def binary_crossentropy(target, output, from_logits=False):
    """Crossentropy of each element of `output`, a probability or a logit, with its target."""
    target, output = tensor(target), tensor(output)
    target = cast(target, output.dtype)
    logits = output if from_logits else _logits(output, torch.sigmoid)
    if logits is not None:
        return torch.binary_cross_entropy_with_logits(logits, target, None, None, 0)
    epsilon = config.epsilon()  # twice, as in TensorFlow: the logarithms stop at log(2 epsilon)
    output = torch.clamp(output, epsilon, 1 - epsilon)
    likelihood = target * torch.log(output + epsilon)
    return -(likelihood + (1 - target) * torch.log(1 - output + epsilon))
