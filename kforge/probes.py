"""Probes: the two meta tensors that stand for a symbolic one while shapes are inferred.

An unknown dimension has one size in the first and another in the second. What differs between the
results of an operation on the first and on the second is unknown.
"""

import re

import torch

from .dimensions import TensorShape
from .dtypes import torch_dtype

__all__ = [
    "as_declared",
    "probe_pair",
    "probe_tensor",
    "static_shape",
    "to_meta",
    "usual_size",
    "without_sizes",
]

# Sizes that stand for unknown dimensions, one pair an axis. They are far apart, so that no chain
# of strides and windows brings them together, and divisible, so that "half of an unknown size"
# and a reshape of it are exact.
_BATCH = (240, 720)
_AXES = tuple(zip((1152, 1920, 2688, 4224, 4992), (6528, 7296, 8832, 11136, 11904)))


def usual_size(axis, which):
    """What stands for an unknown batch size, or alike for all unknown sizes of other axes."""
    return (_AXES[0] if axis else _BATCH)[which]


def probe_tensor(shape, dtype, which):
    """The first or second (`which`: 0 or 1) meta tensor of a shape, in which None is unknown."""
    unknown = list(shape).count(None)
    shrink = 1 if unknown < 5 else 16 if unknown < 7 else 96  # torch counts bytes in 63 bits
    usual = [_BATCH[which], *(pair[which] // shrink for pair in _AXES * 2)]
    sizes = [size if known is None else int(known) for size, known in zip(usual, shape)]
    return torch.empty(sizes, dtype=torch_dtype(dtype), device="meta")


def probe_pair(shape, dtype):
    """Both of them."""
    return probe_tensor(shape, dtype, 0), probe_tensor(shape, dtype, 1)


def static_shape(probes):
    """The shape that a pair shows, None where the two differ."""
    a, b = (tuple(p.shape) if isinstance(p, torch.Tensor) else () for p in probes)
    return TensorShape(x if x == y else None for x, y in zip(a, b))


def as_declared(probe, shape):
    """A probe with the sizes that were declared for the tensor."""
    if not isinstance(probe, torch.Tensor) or probe.dim() != len(shape):
        return probe
    sizes = [p if n is None else n for n, p in zip(shape, probe.shape)]
    return probe if sizes == list(probe.shape) else probe.new_empty(sizes, device="meta")


def to_meta(x):
    """A tensor without storage like `x`, if that is a tensor."""
    return x.detach().to("meta") if isinstance(x, torch.Tensor) else x


def without_sizes(text):
    """What torch says of probes, with a question mark for each size that stands for an unknown."""
    for size in {*_BATCH, *(size for pair in _AXES for size in pair)}:
        text = re.sub(rf"\b{size}\b", "?", text)
    return text
