"""Sparse tensors that hold sets, as far as scripts that compare indices need them."""

import torch

from .values import convert, declared

__all__ = ["set_intersection"]


class _Sets:
    """Sets, one a row; the dense tensor is filled up with zeros."""

    def __init__(self, dense):
        self.dense = dense

    @property
    def values(self):
        """The elements of the only set."""
        if self.dense.shape[0] != 1:
            raise ValueError("`values` of several sets; use `tf.sparse_tensor_to_dense`.")
        return self.dense[0]


def set_intersection(a, b):
    """What is in both of two rows of whole numbers, sorted; for each row of `a` and `b`."""
    a, b = convert(a), convert(b)
    return _Sets(declared(_intersect, (a, b), (a.shape[0], None), a.dtype))


def _intersect(a, b):
    rows = []
    for x, y in zip(a, b):
        values = torch.unique(x)
        rows.append(values[torch.isin(values, y)])
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
