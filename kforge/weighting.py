"""Sample weights: how they align with per-sample values, and how weighted values become a loss."""

import torch

from .backend.shapes import squeeze
from .backend.values import tensor
from .dtypes import torch_dtype

__all__ = [
    "Reduction",
    "broadcast_weights",
    "compute_weighted_loss",
    "masked_weights",
    "reduce_weighted_loss",
    "squeeze_or_expand_dimensions",
]


class Reduction:
    """How the losses of samples become the loss of a batch."""

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        """The reductions there are."""
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key):
        """Raises `ValueError` unless `key` is one of them."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}. Expected one of {cls.all()}.")


def squeeze_or_expand_dimensions(y_pred, y_true=None, sample_weight=None):
    """Gives two tensors the same rank, where a last axis of size 1 is all that differs.

    First `y_true` and `y_pred`, then `sample_weight` and `y_pred`. Gives (y_pred, y_true), and the
    weights as third if there are any.
    """
    if y_true is not None:
        surplus = len(y_pred.shape) - len(y_true.shape)
        if surplus == 1 and y_pred.shape[-1] == 1:
            y_pred = y_pred.squeeze(-1)
        elif surplus == -1 and y_true.shape[-1] == 1:
            y_true = y_true.squeeze(-1)
    if sample_weight is None:
        return y_pred, y_true
    rank, surplus = len(sample_weight.shape), len(sample_weight.shape) - len(y_pred.shape)
    if rank == 1 and surplus == 1:
        y_pred = y_pred.unsqueeze(-1)
    elif rank and surplus == 1 and sample_weight.shape[-1] in (1, None):
        sample_weight = squeeze(sample_weight, -1)
    elif rank and surplus == -1:
        sample_weight = sample_weight.unsqueeze(-1)
    return y_pred, y_true, sample_weight


def broadcast_weights(values, sample_weight):
    """Weights as a tensor that multiplies `values`, repeated along axes where they have size 1.

    The axes of the weights are the first of the values. Raises `ValueError` if sizes differ. A
    number stays one: it counts once in the sum of weights, as in Keras.
    """
    weighted, shape = tuple(sample_weight.shape), tuple(values.shape)
    if not weighted or weighted == shape:
        return sample_weight
    known = [(w, v) for w, v in zip(weighted, shape) if w is not None and v is not None]
    if len(weighted) > len(shape) or any(w not in (v, 1) for w, v in known):
        raise ValueError(f"Incompatible shapes: `values` {shape} vs `sample_weight` {weighted}")
    missing = len(shape) - len(weighted)
    if missing:
        sample_weight = sample_weight[(..., *[None] * missing)]
    if any(w == 1 != v for w, v in zip((*weighted, *[1] * missing), shape)):
        sample_weight = sample_weight.expand_as(values)
    return sample_weight


def weigh(values, sample_weight):
    """(values times weights, weights); numbers and arrays may be weights."""
    sample_weight = tensor(sample_weight, values.dtype)
    if sample_weight.dtype != values.dtype:
        sample_weight = sample_weight.to(values.dtype)
    values, _, sample_weight = squeeze_or_expand_dimensions(values, None, sample_weight)
    sample_weight = broadcast_weights(values, sample_weight)
    return values * sample_weight, sample_weight


def masked_weights(mask, sample_weight, dtype):
    """Sample weights times a mask, in `dtype`; None where there is neither."""
    if mask is None:
        return sample_weight
    mask = mask.to(torch_dtype(dtype))
    return mask if sample_weight is None else weigh(mask, sample_weight)[0]


def reduce_weighted_loss(weighted_losses, reduction=Reduction.SUM_OVER_BATCH_SIZE):
    """The sum or mean of losses, or these losses."""
    if reduction == Reduction.NONE:
        return weighted_losses
    return torch.sum(weighted_losses) if reduction == Reduction.SUM else torch.mean(weighted_losses)


def compute_weighted_loss(
    losses, sample_weight=None, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None
):
    """The loss of a batch from those of its samples, weighted where weights are given.

    The mean is taken over all values, however large their weights.
    """
    Reduction.validate(reduction)
    losses = tensor(losses)
    if sample_weight is not None:
        losses = weigh(losses, sample_weight)[0]
    return reduce_weighted_loss(losses, reduction)
