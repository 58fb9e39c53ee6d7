"""Blocks of pixels, which become channels or samples, and back."""

import torch
import torch.nn.functional as F

from .values import apply, convert, known, tensor

__all__ = [
    "batch_to_space",
    "batch_to_space_nd",
    "depth_to_space",
    "space_to_batch",
    "space_to_batch_nd",
    "space_to_depth",
]


def space_to_depth(input, block_size, data_format="NHWC"):
    """Blocks of pixels become channels of one pixel."""
    n, x = block_size, tensor(input)
    x = torch.movedim(x, 1, 3) if data_format == "NCHW" else x
    x = x.unflatten(1, (-1, n)).unflatten(3, (-1, n))  # (batch, h, n, w, n, channels)
    x = x.permute(0, 1, 3, 2, 4, 5).flatten(3)
    return torch.movedim(x, 3, 1) if data_format == "NCHW" else x


def depth_to_space(input, block_size, data_format="NHWC"):
    """Channels of one pixel become a block of pixels."""
    n, x = block_size, tensor(input)
    x = torch.movedim(x, 1, 3) if data_format == "NCHW" else x
    x = x.unflatten(3, (n, n, -1)).permute(0, 1, 3, 2, 4, 5)  # (batch, h, n, w, n, channels)
    x = x.flatten(3, 4).flatten(1, 2)
    return torch.movedim(x, 3, 1) if data_format == "NCHW" else x


def space_to_batch_nd(input, block_shape, paddings):
    """Positions in blocks become samples, after padding with zeros."""
    return apply(_to_batch, convert(input), known(block_shape), known(paddings))


def _to_batch(x, block, paddings):
    rest = [0, 0] * (x.dim() - 1 - len(block))
    x = F.pad(x, [*rest, *(n for pair in reversed(paddings) for n in pair)])
    for i, n in enumerate(block):
        x = x.unflatten(1 + 2 * i, (-1, n))
    inside = [2 + 2 * i for i in range(len(block))]
    others = [i for i in range(x.dim()) if i not in inside]
    return x.permute(*inside, *others).flatten(0, len(block))


def batch_to_space_nd(input, block_shape, crops):
    """Samples become positions in blocks; then the borders are cut."""
    return apply(_to_space, convert(input), known(block_shape), known(crops))


def _to_space(x, block, crops):
    count = len(block)
    x = x.unflatten(0, (*block, -1))  # (*block, batch, *positions, ...)
    order = [count, *(n for i in range(count) for n in (count + 1 + i, i))]
    x = x.permute(*order, *range(2 * count + 1, x.dim()))
    for i in range(count):
        x = x.flatten(1 + i, 2 + i)
    for i, (before, after) in enumerate(crops):
        x = x.narrow(1 + i, before, x.shape[1 + i] - before - after)
    return x


def space_to_batch(input, paddings, block_size):
    """`space_to_batch_nd` of images with square blocks."""
    return space_to_batch_nd(input, [block_size] * 2, paddings)


def batch_to_space(input, crops, block_size):
    """`batch_to_space_nd` of images with square blocks."""
    return batch_to_space_nd(input, [block_size] * 2, crops)
