"""Rearranging: reshape, join, repeat, select, pad, resize."""

import builtins
import math

import numpy as np
import torch
import torch.nn.functional as F

from .. import rules, symbolic
from ..config import check_data_format
from ..devices import current_device
from ..dtypes import torch_dtype
from ..symbolic import Symbolic, declared
from ..trees import leaves
from .random import pass_over_number
from .spatial import resize
from .values import apply, mixed_shape, recorded, sizes, tensor
from .variables import cast, constant, is_sparse, to_dense

__all__ = [
    "arange",
    "batch_flatten",
    "concatenate",
    "expand_dims",
    "flatten",
    "gather",
    "one_hot",
    "permute_dimensions",
    "repeat",
    "repeat_elements",
    "reshape",
    "resize_images",
    "resize_volumes",
    "reverse",
    "slice",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "squeeze",
    "stack",
    "temporal_padding",
    "tile",
]


def _dynamic(*shapes):
    return any(isinstance(leaf, (Symbolic, torch.Tensor)) for leaf in leaves(shapes))


# ---- axes -------------------------------------------------------------------------------------


def reshape(x, shape):
    """The elements in another shape; one size may be -1, sizes may be tensors."""
    x, shape = tensor(x), mixed_shape(shape)
    if _dynamic(shape):
        return apply(_reshape, x, shape)
    if recorded(x) and None in x.shape and not _always_fits(x.shape, shape):
        static = tuple(None if size == -1 else size for size in shape)
        return declared(torch.Tensor.reshape, (x, shape), {}, static, x.dtype)
    return x.reshape(shape)


def _reshape(x, shape):
    shape = sizes(shape)
    if x.is_meta:  # sizes that stand for unknown ones need not fit together
        given = math.prod(n for n in shape if n != -1)
        shape = [x.numel() // (given or 1) if n == -1 else n for n in shape]
        if math.prod(shape) != x.numel():
            return x.new_empty(shape)
    return x.reshape(shape)


def _always_fits(unknown, shape):
    """Whether a shape with unknown sizes can become `shape` whatever these are."""
    known = math.prod(size for size in unknown if size is not None)
    others = math.prod(size for size in shape if size != -1)
    return -1 in shape and others > 0 and known % others == 0


def flatten(x):
    """One axis with all elements."""
    return tensor(x).reshape(-1)


def batch_flatten(x):
    """Two axes: the batch, and all the rest."""
    x = tensor(x)
    pass_over_number(10**4)
    return torch.flatten(x, 1) if len(x.shape) > 1 else x.unsqueeze(1)


def expand_dims(x, axis=-1):
    """A new axis of size 1 at `axis`."""
    return tensor(x).unsqueeze(axis)


def squeeze(x, axis):
    """Without the axis `axis`, whose size must be 1; one not known yet is checked when it is."""
    x = tensor(x)
    if x.shape[axis] is None:
        return apply(_squeeze_unknown, x, axis)
    if x.shape[axis] != 1:
        raise ValueError(
            f"Cannot squeeze axis {axis} of a tensor of shape {tuple(x.shape)}: its size is not 1."
        )
    return x.squeeze(axis)


def _squeeze_unknown(x, axis):
    return x.select(axis, 0) if x.is_meta else squeeze(x, axis)


def permute_dimensions(x, pattern):
    """The axes in another order."""
    return tensor(x).permute(tuple(pattern))


def reverse(x, axes):
    """Elements in the opposite order along one or more axes."""
    return torch.flip(tensor(x), [axes] if np.ndim(axes) == 0 else list(axes))


# ---- joining and repeating --------------------------------------------------------------------


def concatenate(tensors, axis=-1):
    """Tensors one after the other along an axis; sparse if all are."""
    tensors = [tensor(t) for t in tensors]
    if all(is_sparse(t) for t in tensors):
        return apply(_sparse_cat, tensors, axis)
    return torch.cat([to_dense(t) for t in tensors], dim=axis)


def _sparse_cat(tensors, axis):
    if not tensors[0].is_meta:
        return torch.cat(tensors, dim=axis)
    shape = torch.cat([torch.empty(t.shape, device="meta") for t in tensors], dim=axis).shape
    return torch.empty(shape, dtype=tensors[0].dtype, layout=torch.sparse_coo, device="meta")


def stack(x, axis=0):
    """Tensors beside each other, along a new axis."""
    return torch.stack([tensor(t) for t in x], dim=axis)


def tile(x, n):
    """`n[i]` copies of the tensor along axis i; of fewer numbers, the last is for the last axis."""
    x, n = tensor(x), mixed_shape(n)
    if isinstance(n, list):
        n = [1] * (len(x.shape) - len(n)) + n
    if _dynamic(n):
        return apply(_tile, x, n)
    if len(n) != len(x.shape):
        raise ValueError(f"`n` of K.tile has more than {len(x.shape)} numbers, one an axis: {n}.")
    return x.repeat(n)


def _tile(x, n):
    copies = sizes(n)
    if x.is_meta:  # a difference of unknown sizes: any two lengths tell that it is unknown
        copies = [abs(c) for c in copies]
    return x.repeat(copies)


def repeat(x, n):
    """(samples, features) n times: (samples, n, features)."""
    x = tensor(x)
    if len(x.shape) != 2:
        raise ValueError(f"K.repeat takes a tensor with 2 axes. Got shape {tuple(x.shape)}.")
    return x.unsqueeze(1).expand(-1, n, -1)


def repeat_elements(x, rep, axis):
    """Each element `rep` times along an axis, side by side."""
    return torch.repeat_interleave(tensor(x), int(rep), dim=axis)


def arange(start, stop=None, step=1, dtype="int32"):
    """Numbers from `start` (or 0) to `stop`, without it; nothing for a negative `stop` alone."""
    if stop is None:
        start, stop = 0, start
        if isinstance(stop, int):
            stop = max(stop, 0)
    if _dynamic(start, stop, step):
        return apply(_arange, start, stop, step, torch_dtype(dtype), current_device())
    return constant(np.arange(start, stop, step), dtype)


def _arange(start, stop, step, dtype, device):
    start, stop, step = (
        b.item() if isinstance(b, torch.Tensor) else b for b in (start, stop, step)
    )
    if (stop - start) * step < 0:
        stop = start  # nothing, as of NumPy
    return torch.arange(start, stop, step, dtype=dtype, device=device)


# ---- selecting --------------------------------------------------------------------------------


def gather(reference, indices):
    """Rows of `reference`: (rows, ...) for integers of any shape."""
    reference, indices = tensor(reference), cast(indices, torch.int64)
    if len(reference.shape) == 2:
        return F.embedding(indices, reference)
    return reference[indices]


def slice(x, start, size):
    """The part that begins at `start` and has `size`, both with one number an axis.

    A size of -1 reaches to the end.
    """
    x, start, size = tensor(x), mixed_shape(start), mixed_shape(size)
    if any(isinstance(n, list) and len(n) != len(x.shape) for n in (start, size)):
        raise ValueError(
            f"`start` and `size` of K.slice have one number for each of {len(x.shape)} axes. Got "
            f"{start} and {size}."
        )
    if not _dynamic(start, size):
        return _slice(x, start, size)
    if recorded(x, start, size) and any(map(_comes_from_data, leaves([start, size]))):
        lengths = size if isinstance(size, list) else [-1] * len(x.shape)
        shape = tuple(n if isinstance(n, int) and n >= 0 else None for n in lengths)
        return declared(_slice, (x, start, size), {}, shape, x.dtype)
    return apply(_slice, x, start, size)


def _comes_from_data(number):
    """Whether shapes alone do not tell a number."""
    probe = symbolic.probe_of(number, 0) if isinstance(number, Symbolic) else None
    return isinstance(probe, torch.Tensor) and probe.is_meta


def _slice(x, start, size):
    starts, lengths = sizes(start), sizes(size)
    return x[tuple(builtins.slice(a, None if n == -1 else a + n) for a, n in zip(starts, lengths))]


def one_hot(indices, num_classes):
    """Integers of any shape as rows of zeros with a one; all zeros where out of range."""
    return apply(_one_hot, tensor(indices), num_classes, torch_dtype(None))


def _one_hot(indices, num_classes, dtype):
    classes = torch.arange(num_classes, device=indices.device, dtype=torch_dtype(indices.dtype))
    return indices.unsqueeze(-1).eq(classes).to(dtype)


rules.register(
    _one_hot,
    lambda indices, classes, dtype: indices.new_empty((*indices.shape, classes), dtype=dtype),
)


# ---- padding and resizing ---------------------------------------------------------------------


def temporal_padding(x, padding=(1, 1)):
    """(samples, steps, features) with zeros before and after the steps."""
    return _pad(x, [padding], "channels_last")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Images with zeros around: ((top, bottom), (left, right))."""
    return _pad(x, padding, check_data_format(data_format))


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Volumes with zeros around, before and after along each axis."""
    return _pad(x, padding, check_data_format(data_format))


def _pad(x, padding, data_format):
    if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in padding):
        raise ValueError(f"`padding` should hold pairs (before, after). Got {padding}.")
    amounts = [int(n) for pair in reversed(padding) for n in pair]
    return F.pad(tensor(x), [0, 0, *amounts] if data_format == "channels_last" else amounts)


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Images made larger by whole factors; `interpolation` is "nearest" or "bilinear"."""
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'interpolation should be one of "nearest" or "bilinear". Got {interpolation!r}.'
        )
    return resize(tensor(x), (height_factor, width_factor), data_format, interpolation)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes with each element repeated by whole factors."""
    return resize(tensor(x), (depth_factor, height_factor, width_factor), data_format)
