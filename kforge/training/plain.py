"""Arrays of a kind that was checked before need no more checks.

The kind of an array is the shape of a sample and the dtype. Arrays that pass all checks leave
theirs in a table, with what became of them.
"""

import numpy as np
import torch

from ..dtypes import torch_dtype

__all__ = ["Conversions", "plain_batch", "register_plain"]


def _kind(data):
    """What arrays must have in common with others that passed the checks; None if unusual."""
    if type(data) is np.ndarray:
        return (data.shape[1:], data.dtype) if data.ndim and data.flags.carray else None
    if type(data) is not list or not all(type(array) is np.ndarray for array in data):
        return None
    kinds = tuple(map(_kind, data))
    return None if None in kinds else kinds


def plain_batch(table, key, *data):
    """(step, tensors) for arrays of a known kind, else (None, None)."""
    step, casts = table.get((*key, *map(_kind, data)), (None, ())) if table else (None, ())
    tensors = None if step is None else _converted(data, casts)
    return (None, None) if tensors is None else (step, tensors)


def register_plain(model, table, key, step, tensors, *data):
    """Notes the kind of arrays that became `tensors`, on the CPU, and the step they are for."""
    kinds, casts = _learned(model, data, tensors)
    if kinds is not None and all(t.is_cpu for t in tensors):
        table[(*key, *kinds)] = step, casts


class Conversions:
    """How batches of a stream become tensors, by their kind."""

    def __init__(self, model):
        self.model, self.known = model, {}

    def tensors(self, data):
        """The tensors of these inputs and targets, None if there were none of their kind before."""
        kinds = tuple(map(_kind, data))
        return _converted(data, self.known[kinds]) if kinds in self.known else None

    def learn(self, data, tensors):
        """Notes that inputs and targets `data` became `tensors`."""
        kinds, casts = _learned(self.model, data, tensors)
        if kinds is not None:
            self.known[kinds] = casts


def _converted(data, casts):
    """Arrays as tensors; None if they differ in length, which the checks will tell."""
    arrays = data if len(data) == 1 and type(data[0]) is np.ndarray else _flat(data)
    if len(arrays) > 1 and len(set(map(len, arrays))) > 1:
        return None
    tensors = list(map(torch.from_numpy, arrays))
    for i, dtype, is_flat in casts:
        tensors[i] = (tensors[i][:, None] if is_flat else tensors[i]).to(dtype)
    return tensors


def _learned(model, data, tensors):
    """(kinds, casts) where arrays became `tensors` by simple casts, else (None, None).

    The casts are (which array, dtype, whether it gets a last axis) of those that need one.
    """
    kinds = tuple(map(_kind, data))
    if None in kinds or model.inputs[0].shape[0] is not None:  # other sizes are always checked
        return None, None
    arrays = _flat(data)
    if len(arrays) != len(tensors) or not all(map(_is_simple, arrays, tensors)):
        return None, None
    return kinds, [
        (i, t.dtype, t.dim() > a.ndim)
        for i, (a, t) in enumerate(zip(arrays, tensors))
        if t.dim() > a.ndim or t.dtype is not torch_dtype(a.dtype)
    ]


def _flat(data):
    return [a for part in data for a in (part if type(part) is list else [part])]


def _is_simple(array, tensor):
    """Whether a cast and perhaps a last axis make `tensor` of `array`."""
    shape = (*array.shape, 1) if array.ndim == 1 else array.shape
    one_cast = array.dtype.kind in "iub" or tensor.dtype.itemsize <= torch_dtype(None).itemsize
    return (
        array.dtype.kind in "fiub" and array.dtype.isnative and one_cast and tensor.shape == shape
    )
