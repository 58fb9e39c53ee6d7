"""What all of K stands on: arguments as tensors, shapes as numbers, functions run or recorded."""

import numpy as np
import torch

from .. import symbolic
from ..devices import current_device
from ..probes import probe_tensor
from ..symbolic import KerasTensor, Op, Symbolic, as_tensor, record, torch_dtype
from ..trees import leaves, map_leaves

__all__ = [
    "agreeing",
    "apply",
    "as_list",
    "axes",
    "factory",
    "given_tensor",
    "known_size",
    "mixed_shape",
    "recorded",
    "scalar_or_array",
    "sizes",
    "tensor",
    "typed_tensor",
]


def tensor(x, dtype=None):
    """`x` if it is a tensor, else NumPy or Python data as one: symbolic outside execution."""
    if isinstance(x, (torch.Tensor, Symbolic)):
        return x
    if x is None:  # a gradient, maybe, that does not exist
        raise ValueError("None values not supported: expected a tensor, or what makes one.")
    value = as_tensor(x, dtype)
    if isinstance(value, Symbolic):  # a list that holds symbolic tensors
        return value
    value = value.to(current_device())
    return value if symbolic.is_executing() else symbolic.constant(value)


def given_tensor(x, giver):
    """`x`, which a function of the user's, `giver`, gave, as a tensor; else `ValueError`."""
    try:
        return tensor(x)
    except (TypeError, ValueError):
        raise ValueError(
            f"{giver} gave {x!r}; expected a tensor, with a value for each sample or one for all. "
            "Is a `return` missing?"
        ) from None


def typed_tensor(x, dtype):
    """`tensor`, with a dtype given as one of torch or by its name, such as "float32"."""
    return tensor(x, torch_dtype(dtype))


def recorded(*args):
    """Whether operations on these arguments are recorded: one is symbolic, and nothing runs."""
    return not symbolic.is_executing() and any(isinstance(x, Symbolic) for x in leaves(args))


def apply(func, *args, **kwargs):
    """Runs `func` on torch tensors; records it where an argument is symbolic.

    For functions that need sizes or values: `func` works on tensors, those on "meta" included.
    """
    if any(isinstance(leaf, Symbolic) for leaf in leaves([args, kwargs])):
        return record(func, *args, **kwargs)
    return func(*args, **kwargs)


def sizes(shape):
    """A shape as a list of int, of one whose items may be 0-dimensional tensors, or a tensor."""
    if isinstance(shape, torch.Tensor):
        return shape.tolist()
    return [int(size) for size in shape]


def mixed_shape(shape):
    """A shape as the user wrote it, ready to be recorded: a list of int and symbolic, or a tensor.

    A list of int only is static.
    """
    if isinstance(shape, (Symbolic, torch.Tensor)):
        return shape
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    return [s if isinstance(s, (Symbolic, torch.Tensor)) else int(s) for s in shape]


def factory(func, shape, *args, dtype):
    """Records `func(shape, *args)`, which makes a tensor of that shape out of nothing.

    While executing, or where neither is symbolic, see `apply`, the function runs.
    """
    shape = mixed_shape(shape)
    if symbolic.is_executing():
        return record(func, shape, *args)
    op = Op(func, (shape, *args))
    probes = []
    for i in (0, 1):
        known = _known_sizes(map_leaves(lambda s, i=i: symbolic.probe_of(s, i), shape))
        probes.append(probe_tensor(known, dtype, i))
    return KerasTensor(op, None, tuple(probes))


def _known_sizes(shape):
    """`sizes`, with None for those that depend on data."""
    if isinstance(shape, torch.Tensor):
        return [None] * len(shape) if shape.is_meta else shape.tolist()
    return [None if isinstance(s, torch.Tensor) and s.is_meta else int(s) for s in shape]


def known_size(size):
    """A size as int, None where it is not known: of a tensor, the value that inference found."""
    if isinstance(size, KerasTensor):
        first, second = size.probes
        is_known = not (isinstance(first, torch.Tensor) and first.is_meta) and first == second
        return int(first) if is_known else None
    return None if size in (None,) else int(size)  # a dimension that is unknown equals None


def axes(axis):
    """The axes of a reduction, one or several, as numbers that torch takes; None is all."""
    if axis is None or isinstance(axis, (int, np.integer)):
        return axis if axis is None else int(axis)
    return tuple(int(a) for a in axis)


def agreeing(x, x_axis, y, y_axis):
    """(x, y) that have one size along these axes, where one of them does not know its own."""
    if x.shape[x_axis] is None:
        x = _sized_like(x, x_axis, y, y_axis)
    elif y.shape[y_axis] is None:
        y = _sized_like(y, y_axis, x, x_axis)
    return x, y


def _sized_like(x, axis, other, other_axis):
    """The same value, for shape inference: along `axis` as large as `other` along its."""
    likes = other.probes if isinstance(other, KerasTensor) else (other,) * 2
    twin, probes = x.alias(x._name), []
    for probe, like in zip(x.probes, likes):
        size = list(probe.shape)
        size[axis] = like.shape[other_axis]
        probes.append(probe.new_empty(size))
    twin.probes, twin._declared = tuple(probes), None
    return twin


def as_list(x):
    """`x` itself if it is a list, the items of a tuple, else a list of it alone."""
    return list(x) if isinstance(x, (list, tuple)) else [x]


def scalar_or_array(array):
    """A NumPy array as TensorFlow gives it: without dimensions, a NumPy scalar."""
    return array[()] if isinstance(array, np.ndarray) and array.ndim == 0 else array
