"""Losses of samples as the loss of a batch, at the place where Keras has it."""

from ..weighting import (
    Reduction,
    broadcast_weights,
    compute_weighted_loss,
    reduce_weighted_loss,
    squeeze_or_expand_dimensions,
)

__all__ = [
    "Reduction",
    "broadcast_weights",
    "compute_weighted_loss",
    "reduce_weighted_loss",
    "squeeze_or_expand_dimensions",
]
