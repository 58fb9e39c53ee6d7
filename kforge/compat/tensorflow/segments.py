"""Reductions over segments, and what else moves slices to places that data name."""

import builtins
import math

import torch

from ... import backend as K
from ...backend.values import mixed_shape, sizes
from ...dtypes import torch_dtype
from .values import apply, convert, declared, known, tensor

__all__ = [
    "batch_gather",
    "bincount",
    "confusion_matrix",
    "dynamic_partition",
    "dynamic_stitch",
    "histogram_fixed_width",
    "invert_permutation",
    "reverse_sequence",
    "scatter_nd",
    "searchsorted",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "setdiff1d",
    "tensor_scatter_add",
    "tensor_scatter_sub",
    "tensor_scatter_update",
    "unique",
    "unique_with_counts",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
    "unsorted_segment_sum",
]

# ---- segments -----------------------------------------------------------------------------------

_TORCH_NAMES = {"sum": "sum", "mean": "sum", "sqrt_n": "sum", "prod": "prod"}
_TORCH_NAMES |= {"max": "amax", "min": "amin"}


def _start(mode, dtype, is_sorted):
    """What a segment without elements gives, in TensorFlow."""
    if mode == "prod":
        return 1
    if is_sorted or mode not in ("max", "min"):
        return 0
    dtype = torch_dtype(dtype)
    limits = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return limits.min if mode == "max" else limits.max


def _reduced(data, ids, count, mode, empty):
    """`data` (..., *rest) reduced to (count, *rest) by the number that `ids`, (...), have."""
    (count,) = sizes(count)
    rest = data.shape[ids.dim() :]
    if data.is_meta:
        return data.reshape(-1, *rest)[:1].expand(count, *rest).clone()
    flat, ids = data.reshape(ids.numel(), *rest), ids.reshape(-1)
    flat, ids = flat[ids >= 0], ids[ids >= 0]  # elements with negative numbers are left out
    index = ids.reshape(-1, *[1] * len(rest)).expand(flat.shape)
    start = torch.full((count, *rest), empty, dtype=data.dtype, device=data.device)
    found = start.scatter_reduce(0, index, flat, _TORCH_NAMES[mode], include_self=mode == "prod")
    if mode in ("mean", "sqrt_n"):
        members = torch.zeros(count, dtype=data.dtype, device=data.device)
        members = members.index_add(0, ids, torch.ones_like(ids, dtype=data.dtype)).clamp(min=1)
        members = members.sqrt() if mode == "sqrt_n" else members
        found = found / members.reshape(-1, *[1] * len(rest))
    return found


def _reduced_up_to_last(data, ids, mode, empty):
    return _reduced(data, ids, [int(ids[-1]) + 1 if len(ids) else 0], mode, empty)


def _sorted(mode):
    def segment(data, segment_ids):
        data, ids = convert(data), K.cast(convert(segment_ids), "int64")
        args = (data, ids, mode, _start(mode, data.dtype, True))
        return declared(_reduced_up_to_last, args, (None, *data.shape[1:]), data.dtype)

    segment.__name__ = segment.__qualname__ = f"segment_{mode}"
    segment.__doc__ = f"The {mode} of the slices along axis 0 with one number, which ascend."
    return segment


def _unsorted(mode):
    def segment(data, segment_ids, num_segments):
        data, ids = convert(data), K.cast(convert(segment_ids), "int64")
        count = mixed_shape(known(num_segments))
        return apply(_reduced, data, ids, count, mode, _start(mode, data.dtype, False))

    segment.__name__ = segment.__qualname__ = f"unsorted_segment_{mode}"
    segment.__doc__ = f"The {mode} of the slices with one number; of `num_segments` in all."
    return segment


segment_max, segment_min = _sorted("max"), _sorted("min")
segment_mean, segment_prod, segment_sum = _sorted("mean"), _sorted("prod"), _sorted("sum")
unsorted_segment_max, unsorted_segment_min = _unsorted("max"), _unsorted("min")
unsorted_segment_mean, unsorted_segment_sqrt_n = _unsorted("mean"), _unsorted("sqrt_n")
unsorted_segment_prod, unsorted_segment_sum = _unsorted("prod"), _unsorted("sum")

# ---- counting -----------------------------------------------------------------------------------


def bincount(arr, weights=None, minlength=None, maxlength=None, dtype="int32"):
    """How often each number from 0 occurs, or the sums of the weights where it does."""
    arr = K.cast(convert(arr), "int64")
    weights = None if weights is None else convert(weights)
    found = torch_dtype(dtype) if weights is None else weights.dtype
    args = (arr, weights, known(minlength), known(maxlength), found)
    return declared(_bincount, args, (None,), found)


def _bincount(arr, weights, least, most, dtype):
    weights = None if weights is None else weights.reshape(-1)
    found = torch.bincount(arr.reshape(-1), weights, least or 0)
    return found[:most].to(dtype)


def confusion_matrix(labels, predictions, num_classes=None, dtype="int32", weights=None):
    """How often each class (row) was taken for each class (column)."""
    labels, predictions = (K.cast(convert(x), "int64") for x in (labels, predictions))
    args = (labels, predictions, known(num_classes), torch_dtype(dtype))
    args += (None if weights is None else convert(weights),)
    return declared(_confusion, args, (known(num_classes),) * 2, torch_dtype(dtype))


def _confusion(labels, predictions, count, dtype, weights):
    labels, predictions = labels.reshape(-1), predictions.reshape(-1)
    if count is None:
        count = int(torch.cat([labels, predictions]).max()) + 1
    flat = torch.zeros(count * count, dtype=dtype, device=labels.device)
    ones = torch.ones_like(labels) if weights is None else weights.reshape(-1)
    return flat.index_add(0, labels * count + predictions, ones.to(dtype)).reshape(count, count)


def histogram_fixed_width(values, value_range, nbins=100, dtype="int32"):
    """How many values are in each of `nbins` equal intervals; those outside in the outer ones."""
    x, (low, high) = tensor(values), known(value_range)
    places = torch.floor((x - low) / (high - low) * nbins)
    places = K.cast(K.clip(places, 0, nbins - 1), "int64").reshape([-1])
    ones = K.cast(K.ones_like(places), dtype)
    return apply(_reduced, ones, places, [nbins], "sum", 0)


def unique(x, out_idx="int32"):
    """The different elements of a vector, in the order in which they come, and where each is."""
    return unique_with_counts(x, out_idx)[:2]


def unique_with_counts(x, out_idx="int32"):
    """The different elements as they come, where each element is among them, how often each is."""
    x, dtype = convert(x), torch_dtype(out_idx)
    shapes = [(None,), tuple(x.shape), (None,)]
    return declared(_unique_counted, (x, dtype), shapes, [x.dtype, dtype, dtype])


def _unique_counted(x, dtype):
    values, places, counts = torch.unique(x, return_inverse=True, return_counts=True)
    first = torch.full_like(values, len(x), dtype=torch.int64)
    first.scatter_reduce_(0, places, torch.arange(len(x), device=x.device), "amin")
    order = torch.argsort(first)
    return [values[order], torch.argsort(order)[places].to(dtype), counts[order].to(dtype)]


def setdiff1d(x, y, index_dtype="int32"):
    """The elements of a vector that are not in another, and where they are."""
    x, y, dtype = convert(x), convert(y), torch_dtype(index_dtype)
    return declared(_difference, (x, y, dtype), [(None,), (None,)], [x.dtype, dtype])


def _difference(x, y, dtype):
    places = torch.nonzero(~torch.isin(x, y)).squeeze(1)
    return [x[places], places.to(dtype)]


def searchsorted(sorted_sequence, values, side="left", out_type="int32"):
    """Where values would go in sorted rows."""
    rows, values = convert(sorted_sequence), convert(values)
    return K.cast(torch.searchsorted(rows, values, right=side == "right"), out_type)


# ---- moving -------------------------------------------------------------------------------------


def batch_gather(params, indices):
    """Elements along the last axis of `indices`: ``params[..., indices[..., i]]``."""
    params, indices = convert(params), K.cast(convert(indices), "int64")
    rank = len(indices.shape)
    for _ in builtins.range(len(params.shape) - rank):
        indices = indices.unsqueeze(-1)
    return apply(_batch_gather, params, indices, rank - 1)


def _batch_gather(params, indices, axis):
    shape = (*indices.shape[: axis + 1], *params.shape[axis + 1 :])
    return torch.gather(params, axis, indices.expand(shape))


def invert_permutation(x):
    """The permutation that undoes `x`."""
    return K.cast(torch.argsort(convert(x)), "int32")


def reverse_sequence(
    input, seq_lengths, seq_axis=None, batch_axis=None, seq_dim=None, batch_dim=None
):
    """The first `seq_lengths` elements of each sample in the opposite order."""
    x, lengths = convert(input), K.cast(convert(seq_lengths), "int64")
    axis = seq_axis if seq_axis is not None else seq_dim
    samples = batch_axis if batch_axis is not None else batch_dim or 0
    return apply(_reverse, x, lengths, axis % len(x.shape), samples % len(x.shape))


def _reverse(x, lengths, axis, samples):
    if x.is_meta:
        return x.clone()
    y = x.movedim((samples, axis), (0, 1))
    steps = torch.arange(y.shape[1], device=x.device)
    places = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    places = places.reshape(*places.shape, *[1] * (y.dim() - 2)).expand(y.shape)
    return torch.gather(y, 1, places).movedim((0, 1), (samples, axis))


def dynamic_partition(data, partitions, num_partitions):
    """The elements of `data` that have each number from 0, a list."""
    data, numbers = convert(data), K.cast(convert(partitions), "int64")
    shape = (None, *data.shape[len(numbers.shape) :])
    shapes, dtypes = [shape] * num_partitions, [data.dtype] * num_partitions
    return list(declared(_partition, (data, numbers, num_partitions), shapes, dtypes))


def _partition(data, numbers, count):
    return [data[numbers == i] for i in builtins.range(count)]


def dynamic_stitch(indices, data):
    """Slices of several tensors, put at the places that `indices` name; the last one counts."""
    indices = [K.cast(convert(i), "int64") for i in indices]
    data = [convert(x) for x in data]
    rest = tuple(data[0].shape[len(indices[0].shape) :])
    return declared(_stitch, (indices, data), (None, *rest), data[0].dtype)


def _stitch(indices, data):
    rest = data[0].shape[indices[0].dim() :]
    places = torch.cat([i.reshape(-1) for i in indices])
    slices = torch.cat([x.reshape(math.prod(i.shape), *rest) for i, x in zip(indices, data)])
    found = torch.zeros((int(places.max()) + 1, *rest), dtype=slices.dtype, device=slices.device)
    return found.index_put((places,), slices)


def scatter_nd(indices, updates, shape):
    """Zeros of a shape, with updates added at coordinates."""
    indices, updates = K.cast(convert(indices), "int64"), convert(updates)
    return apply(_scatter, indices, updates, mixed_shape(shape))


def _scatter(indices, updates, shape):
    found = torch.zeros(sizes(shape), dtype=updates.dtype, device=updates.device)
    return found.index_put(tuple(indices.unbind(-1)), updates, accumulate=True)


def _scattering(name, combine):
    def scatter(tensor, indices, updates):
        x, indices = convert(tensor), K.cast(convert(indices), "int64")
        return apply(combine, x, indices, K.cast(convert(updates), x.dtype))

    scatter.__name__ = scatter.__qualname__ = f"tensor_scatter_{name}"
    scatter.__doc__ = f"A tensor with updates at coordinates: `{name}`."
    return scatter


def _put(x, indices, updates):
    return x.index_put(tuple(indices.unbind(-1)), updates)


def _put_add(x, indices, updates):
    return x.index_put(tuple(indices.unbind(-1)), updates, accumulate=True)


def _put_sub(x, indices, updates):
    return _put_add(x, indices, -updates)


tensor_scatter_update = _scattering("update", _put)
tensor_scatter_add, tensor_scatter_sub = _scattering("add", _put_add), _scattering("sub", _put_sub)
