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
    step = table.get((*key, *map(_kind, data))) if table else None
    if step is None:
        return None, None
    arrays = data if type(data[0]) is np.ndarray and len(data) == 1 else _flat(data)
    if len(arrays) > 1 and len(set(map(len, arrays))) > 1:
        return None, None  # the checks will say so
    return step, list(map(torch.from_numpy, arrays))


def register_plain(model, table, key, step, tensors, *data):
    """Notes the kind of arrays that became `tensors` without a copy or a cast."""
    kinds = tuple(map(_kind, data))
    if None in kinds or model.inputs[0].shape[0] is not None:
        return
    arrays = _flat(data)
    same = len(arrays) == len(tensors) and all(
        t.device.type == "cpu" and t.shape == a.shape and t.data_ptr() == a.ctypes.data
        for t, a in zip(tensors, arrays)
    )
    if same:
        table[(*key, *kinds)] = step


class Conversions:
    """How batches of a stream become tensors, by their kind."""

    def __init__(self, model):
        self.learns = model.inputs[0].shape[0] is None  # other sizes are always checked
        self.known = {}

    def tensors(self, data):
        """The tensors of these inputs and targets, None if there were none of their kind before."""
        steps = self.known.get(tuple(map(_kind, data)))
        if steps is None:
            return None
        arrays = _flat(data)
        if len({len(array) for array in arrays}) > 1:
            return None  # the checks will say so
        found = []
        for array, (dtype, is_flat) in zip(arrays, steps):
            tensor = torch.from_numpy(array)
            tensor = tensor[:, None] if is_flat else tensor
            found.append(tensor.to(dtype))
        return found

    def learn(self, data, tensors):
        """Notes that inputs and targets `data` became `tensors`."""
        kinds = tuple(map(_kind, data))
        arrays = _flat(data)
        if None in kinds or not self.learns or len(arrays) != len(tensors):
            return
        pairs = list(zip(arrays, tensors))
        if all(_is_simple(array, tensor) for array, tensor in pairs):
            self.known[kinds] = [(t.dtype, t.dim() > a.ndim) for a, t in pairs]


def _flat(data):
    return [a for part in data for a in (part if type(part) is list else [part])]


def _is_simple(array, tensor):
    """Whether a cast and perhaps a last axis make `tensor` of `array`."""
    shape = (*array.shape, 1) if array.ndim == 1 else array.shape
    one_cast = array.dtype.kind in "iub" or tensor.dtype.itemsize <= torch_dtype(None).itemsize
    return (
        array.dtype.kind in "fiub" and array.dtype.isnative and one_cast and tensor.shape == shape
    )
