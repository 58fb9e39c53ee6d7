"""Embeddings: integers to vectors."""

import torch

from .. import backend as K
from ..engine import Layer

__all__ = ["Embedding"]

_INDICES = (torch.int32, torch.int64)


class Embedding(Layer):
    """A vector for each integer from 0 to `input_dim` - 1.

    With `mask_zero`, 0 is padding: the output is masked there. `input_length`: the size of the
    axis of steps, or of all axes but the batch's.

    Shape: (batch, ..., steps) -> (batch, ..., steps, output_dim).
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        activity_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        input_length=None,
        **kwargs,
    ):
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            kwargs["input_shape"] = _lengths(input_length) or (None,)
        super().__init__(**kwargs)
        self._keep(locals())
        self.supports_masking = mask_zero

    def build(self, input_shape):
        self.embeddings = self._add_parameter("embeddings", (self.input_dim, self.output_dim))
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return torch.ne(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        found, given = tuple(input_shape[1:]), _lengths(self.input_length)
        if given is None:
            return (*input_shape, self.output_dim)
        fits = len(given) == len(found) and all(
            None in (a, b) or a == b for a, b in zip(given, found)
        )
        if not fits:
            raise ValueError(
                f'Layer {self.name}: "input_length" is {self.input_length}, but received input '
                f"has shape {tuple(input_shape)}"
            )
        sizes = (f if g is None else g for g, f in zip(given, found))
        return (input_shape[0], *sizes, self.output_dim)

    def call(self, inputs):
        indices = inputs if inputs.dtype in _INDICES else K.cast(inputs, torch.int64)
        return torch.embedding(self.embeddings, indices)


def _lengths(input_length):
    if input_length is None:
        return None
    return tuple(input_length) if isinstance(input_length, (list, tuple)) else (input_length,)
