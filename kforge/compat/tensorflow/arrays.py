"""Shapes, selection and arrangement: what `tf` itself has for tensors."""

import builtins
import functools
import operator

import torch
import torch.nn.functional as F

from ... import backend as K
from ... import indexing, symbolic
from ...backend.shapes import _arange
from ...backend.values import factory, mixed_shape, sizes
from ...devices import current_device
from ...dimensions import GraphShape
from ...dtypes import torch_dtype
from ...symbolic import Symbolic
from .values import apply, convert, declared, known, pair, tensor

__all__ = [
    "boolean_mask",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "broadcast_to",
    "cast",
    "concat",
    "constant",
    "convert_to_tensor",
    "ensure_shape",
    "expand_dims",
    "eye",
    "fill",
    "gather",
    "gather_nd",
    "identity",
    "lin_space",
    "linspace",
    "matrix_band_part",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "range",
    "rank",
    "repeat",
    "reshape",
    "reverse",
    "reverse_v2",
    "roll",
    "sequence_mask",
    "shape",
    "shape_n",
    "size",
    "slice",
    "split",
    "squeeze",
    "stack",
    "stop_gradient",
    "strided_slice",
    "tile",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
    "transpose",
    "unstack",
    "where",
    "where_v2",
    "zeros",
    "zeros_like",
]

# ---- making -------------------------------------------------------------------------------------


def constant(value, dtype=None, shape=None):
    """A tensor with a fixed value; with `shape`, laid out in it, or filling it."""
    found = convert(value, dtype)
    if shape is None:
        return found
    shape = known(shape)
    return found.expand(shape) if found.numel() == 1 else found.reshape(shape)


def convert_to_tensor(value, dtype=None):
    """`value` as a tensor."""
    return convert(value, dtype)


def fill(dims, value):
    """A tensor of this shape with one number everywhere."""
    value = convert(value)
    return ones(dims, value.dtype) * value


def zeros(shape, dtype="float32"):
    """A tensor of zeros."""
    return _full(shape, 0, dtype)


def ones(shape, dtype="float32"):
    """A tensor of ones."""
    return _full(shape, 1, dtype)


def _full(shape, number, dtype):
    dtype = torch_dtype(dtype)
    return factory(_fill, mixed_shape(shape), number, dtype, current_device(), dtype=dtype)


def _fill(shape, number, dtype, device):
    return torch.full(sizes(shape), number, dtype=dtype, device=device)


def zeros_like(input, dtype=None):
    """Zeros in the shape of `input`."""
    return K.zeros_like(input, dtype or K.dtype(input))


def ones_like(input, dtype=None):
    """Ones in the shape of `input`."""
    return K.ones_like(input, dtype or K.dtype(input))


def eye(num_rows, num_columns=None, batch_shape=None, dtype="float32"):
    """The identity matrix, or a batch of them."""
    found = constant(torch.eye(num_rows, num_columns or num_rows).numpy(), dtype)
    return found if batch_shape is None else found.expand([*known(batch_shape), *found.shape])


def range(start, limit=None, delta=1, dtype=None):
    """Numbers from `start`, or 0, to before `limit`."""
    if dtype is None:
        floats = any(isinstance(n, float) for n in (start, limit, delta))
        dtype = "float32" if floats else "int32"
    bounds = [x for x in (start, limit, delta) if isinstance(x, Symbolic)]
    if any(symbolic.probe_of(x, 0).is_meta for x in bounds):  # not known, even if sizes are
        start, limit = (0, start) if limit is None else (start, limit)
        args = (start, limit, delta, torch_dtype(dtype), current_device())
        return declared(_arange, args, (None,), torch_dtype(dtype))
    return K.arange(start, limit, delta, dtype)


def linspace(start, stop, num):
    """`num` evenly spaced numbers from `start` to `stop`."""
    steps = K.arange(0, num, 1, "float32")
    return convert(start) + steps * ((stop - start) / (num - 1))


lin_space = linspace


def meshgrid(*args, indexing="xy"):
    """Coordinates of grids, one tensor for each axis."""
    if len(args) == 1 and isinstance(args[0], (list, tuple)):
        args = args[0]
    return list(torch.meshgrid(*(convert(a) for a in args), indexing=indexing))


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype="float32"):
    """Integers as vectors with one element `on_value`, the others `off_value`."""
    indices = tensor(indices)
    classes = K.arange(depth, dtype="int64")
    found = K.cast(torch.eq(indices.unsqueeze(-1), classes), dtype)
    if (on_value, off_value) != (1, 0):
        found = found * (on_value - off_value) + off_value
    return found if axis == -1 else torch.movedim(found, -1, axis)


def sequence_mask(lengths, maxlen=None, dtype="bool"):
    """For each length, so many true elements, then false ones up to `maxlen`."""
    lengths = convert(lengths)
    if maxlen is None:
        return K.cast(
            declared(_mask_to_longest, (lengths,), (*lengths.shape, None), torch.bool), dtype
        )
    return K.cast(torch.lt(K.arange(maxlen), lengths.unsqueeze(-1)), dtype)


def _mask_to_longest(lengths):
    places = torch.arange(int(lengths.max()), device=lengths.device)
    return places < lengths.unsqueeze(-1)


# ---- looking ------------------------------------------------------------------------------------


def shape(input, out_type="int32"):
    """The shape, as a tensor that is known when the data are."""
    return K.cast(K.shape(input), out_type)


def shape_n(input, out_type="int32"):
    """The shapes of several tensors."""
    return [shape(x, out_type) for x in input]


def broadcast_static_shape(shape_x, shape_y):
    """The shape of an operation on two tensors."""
    return GraphShape(torch.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def broadcast_dynamic_shape(shape_x, shape_y):
    """The shape of an operation on two tensors, whose shapes are tensors."""
    x, y = convert(shape_x), convert(shape_y)
    rank = max(x.shape[0], y.shape[0])
    x, y = (F.pad(s, [rank - s.shape[0], 0], value=1) for s in (x, y))
    return torch.where(torch.eq(x, 1), y, x)


def ensure_shape(x, shape):
    """`x`, whose shape is declared to be this one, and is looked at when it is known."""
    x = convert(x)
    found = apply(_checked, x, tuple(shape))
    if isinstance(found, Symbolic):
        found.set_shape(tuple(n if n is not None else k for n, k in zip(shape, x.shape)))
    return found


def _checked(x, shape):
    fits = x.dim() == len(shape) and all(n in (None, k) for n, k in zip(shape, x.shape))
    if not fits and not x.is_meta:
        raise ValueError(f"ensure_shape: expected shape {shape}, got {tuple(x.shape)}.")
    return x.view_as(x)


def size(input, out_type="int32"):
    """The number of elements."""
    return K.cast(K.size(input), out_type)


def rank(input):
    """The number of axes."""
    return convert(len(tensor(input).shape))


def cast(x, dtype):
    """`x` in another dtype; floats lose what is behind the point."""
    return K.cast(convert(x), dtype)


to_double, to_float = (functools.partial(cast, dtype=d) for d in ("float64", "float32"))
to_int32, to_int64 = (functools.partial(cast, dtype=d) for d in ("int32", "int64"))


def identity(input):
    """A tensor of its own with the same values."""
    return K.identity(input)


def stop_gradient(input):
    """The same values, through which no gradient flows."""
    return K.stop_gradient(input)


# ---- arranging ----------------------------------------------------------------------------------


def reshape(tensor, shape):
    """The elements in another shape; one size may be -1, sizes may be tensors."""
    return K.reshape(convert(tensor), shape)


def transpose(a, perm=None):
    """The axes in another order, reversed without one."""
    return K.transpose(a) if perm is None else K.permute_dimensions(a, known(perm))


def expand_dims(input, axis=-1):
    """A new axis of size 1."""
    return K.expand_dims(convert(input), known(axis))


def squeeze(input, axis=None):
    """Without axes of size 1, all of them or those given."""
    x, axis = tensor(input), known(axis)
    if axis is None or axis == []:
        axis = [i for i, n in enumerate(x.shape) if n == 1]
    axes = [axis] if isinstance(axis, int) else axis
    for i in sorted((axis % len(x.shape) for axis in axes), reverse=True):
        x = K.squeeze(x, i)
    return x


def broadcast_to(input, shape):
    """The elements repeated along axes of size 1, to fill a shape."""
    return apply(_broadcast, convert(input), mixed_shape(shape))


def _broadcast(x, shape):
    return x.expand(sizes(shape))


def tile(input, multiples):
    """The tensor repeated along each axis."""
    return K.tile(convert(input), multiples)


def repeat(input, repeats, axis=None):
    """Each element along an axis so many times; of all elements in a row without one."""
    x = convert(input)
    x, axis = (x.reshape([-1]), 0) if axis is None else (x, known(axis))
    if isinstance(counts := known(repeats), int):
        return torch.repeat_interleave(x, counts, dim=axis)
    counts = K.cast(convert(repeats), "int64")
    shape = [*x.shape]
    shape[axis] = sum(known(repeats)) if isinstance(known(repeats), list) else None
    return declared(torch.repeat_interleave, (x, counts, axis), tuple(shape), x.dtype)


def reverse(tensor, axis):
    """The elements in the opposite order along axes."""
    return K.reverse(tensor, known(axis))


reverse_v2 = reverse


def roll(input, shift, axis):
    """The elements moved along axes, those that leave at the end coming in again."""
    return torch.roll(tensor(input), shift, axis)


def concat(values, axis):
    """Tensors one after the other."""
    if isinstance(axis, (list, tuple)):  # scripts try the order of TensorFlow 0 first
        raise TypeError(f"tf.concat takes the tensors, then the axis. Got {axis!r} as the axis.")
    if not isinstance(values, (list, tuple)):
        return identity(values)
    return torch.cat(_alike(values), dim=known(axis))


def stack(values, axis=0):
    """Tensors beside each other, along a new axis."""
    if isinstance(values, (Symbolic, torch.Tensor)):
        return values
    return torch.stack(_alike(values), dim=axis)


def _alike(values):
    """Tensors of values, numbers among them in the dtype of the first tensor."""
    dtypes = [v.dtype for v in values if isinstance(v, (Symbolic, torch.Tensor))]
    return [
        v if isinstance(v, (Symbolic, torch.Tensor)) else convert(v, dtypes[0] if dtypes else None)
        for v in values
    ]


def unstack(value, num=None, axis=0):
    """The slices along an axis, a list."""
    x = convert(value)
    count = num or x.shape[axis]
    if count is None:
        raise ValueError(f"Cannot infer num from shape {tuple(x.shape)} along axis {axis}.")
    return [x.select(axis, i) for i in builtins.range(count)]


def split(value, num_or_size_splits, axis=0):
    """Parts along an axis: so many equal ones, or of these sizes."""
    x, sections, axis = tensor(value), known(num_or_size_splits), known(axis)
    if isinstance(sections, int):
        return list(torch.chunk(x, sections, dim=axis))
    if -1 in sections:
        rest = x.shape[axis] - sum(n for n in sections if n != -1)
        sections = [rest if n == -1 else n for n in sections]
    return list(torch.split(x, sections, dim=axis))


def pad(tensor, paddings, mode="CONSTANT", constant_values=0):
    """Elements added before and after along each axis: a number, or a reflection."""
    x, amounts = convert(tensor), known(paddings)
    if isinstance(amounts, (Symbolic, torch.Tensor)):
        amounts = [[amounts[i, 0], amounts[i, 1]] for i in builtins.range(len(x.shape))]
    if mode.upper() != "CONSTANT":
        return apply(_mirror, x, amounts, 0 if mode.upper() == "SYMMETRIC" else 1)
    if all(isinstance(n, int) for pair in amounts for n in pair):
        return _pad(x, amounts, constant_values)
    return apply(_pad, x, amounts, constant_values)


def _pad(x, amounts, value):
    return F.pad(x, [int(n) for pair in reversed(amounts) for n in pair], value=value)


def _mirror(x, amounts, edge):
    """Padding by the elements next to the border; `edge` is 1 where that itself is not repeated."""
    for axis, (before, after) in enumerate(amounts):
        before, after, n = int(before), int(after), x.shape[axis]
        if before or after:
            places = torch.arange(-before, n + after, device=x.device)
            places = torch.where(places < 0, edge - 1 - places, places)
            places = torch.where(places >= n, 2 * n - 1 - edge - places, places)
            x = x.index_select(axis, places)
    return x


# ---- selecting ----------------------------------------------------------------------------------


def slice(input, begin, size):
    """The part that begins at `begin` and has this size; -1 reaches to the end."""
    return K.slice(convert(input), known(begin), known(size))


def strided_slice(
    input_,
    begin,
    end,
    strides=None,
    begin_mask=0,
    end_mask=0,
    ellipsis_mask=0,
    new_axis_mask=0,
    shrink_axis_mask=0,
):
    """``input_[begin:end:strides]``; bits of masks say where an axis is taken in another way."""
    begin, end, steps = known(begin), known(end), known(strides) or [1] * len(known(begin))
    items = []
    for i, (first, last, step) in enumerate(zip(begin, end, steps)):
        if ellipsis_mask >> i & 1:
            items.append(Ellipsis)
        elif new_axis_mask >> i & 1:
            items.append(None)
        elif shrink_axis_mask >> i & 1:
            items.append(first)
        else:
            first = None if begin_mask >> i & 1 else first
            items.append(builtins.slice(first, None if end_mask >> i & 1 else last, step))
    x = convert(input_)
    flipped = indexing.without_negative_steps(items, len(x.shape))
    return (torch.flip(x, flipped) if flipped else x)[tuple(items)]


def gather(params, indices, axis=None, batch_dims=0):
    """The slices of `params` along an axis that the indices name."""
    params, indices = convert(params), K.cast(convert(indices), "int64")
    axis = known(axis) if axis is not None else batch_dims
    axis = axis % len(params.shape)
    if batch_dims:
        if batch_dims != 1 or axis != 1:
            raise ValueError(f"gather: batch_dims={batch_dims}, axis={axis}; expected 1 and 1.")
        rows = K.arange(K.shape(params)[0], dtype="int64")
        rows = rows.reshape([-1] + [1] * (len(indices.shape) - 1))
        return operator.getitem(params, (rows, indices))
    if axis == 0:
        return K.gather(params, indices)
    return operator.getitem(params, (*[builtins.slice(None)] * axis, indices))


def gather_nd(params, indices):
    """The elements, or slices, of `params` at coordinates, the last axis of `indices`."""
    params, indices = convert(params), K.cast(convert(indices), "int64")
    count = indices.shape[-1]
    if count is None:  # then of elements, not of slices
        count = len(params.shape)
    return operator.getitem(params, tuple(indices[..., i] for i in builtins.range(count)))


def boolean_mask(tensor, mask, axis=0):
    """The slices of a tensor where `mask` is true."""
    x, mask = convert(tensor), K.cast(convert(mask), "bool")
    rest = x.shape[axis + len(mask.shape) :]
    found = (*x.shape[:axis], None, *rest)
    return declared(_masked, (x, mask, axis), found, x.dtype)


def _masked(x, mask, axis):
    return x[(*[builtins.slice(None)] * axis, mask)]


def where(condition, x=None, y=None):
    """Elements of `x` where the condition is true, else of `y`; alone, the places where it is."""
    condition = K.cast(convert(condition), "bool")
    if x is None:
        return declared(torch.nonzero, (condition,), (None, len(condition.shape)), torch.int64)
    x, y = pair(x, y)
    if len(condition.shape) == 1:  # it decides over whole rows
        condition = condition.reshape([-1] + [1] * (len(x.shape) - 1))
    return torch.where(condition, x, y)


def where_v2(condition, x=None, y=None):
    """`where`, but a vector of conditions is broadcast as any other tensor is."""
    if x is None:
        return where(condition)
    return torch.where(K.cast(convert(condition), "bool"), *pair(x, y))


def matrix_band_part(input, num_lower, num_upper):
    """The diagonal of matrices and so many below and above it (all for -1); zeros elsewhere."""
    x = tensor(input)
    x = x if num_lower < 0 else torch.triu(x, -num_lower)
    return x if num_upper < 0 else torch.tril(x, num_upper)
