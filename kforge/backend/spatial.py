"""Convolution, pooling and resizing in any number of dimensions, for K and for layers.

Kernels are in torch's layout, (out, in, *window); inputs and outputs in `data_format`. An image in
"channels_last" is permuted to torch's axes, which costs nothing: it is then what torch calls the
channels_last memory format, and what comes out, permuted back, is contiguous.

"same" padding is TensorFlow's: as many outputs as strides fit, and the odd zero comes at the end.
How much that is may depend on the size of the input; where it is unknown, the sizes are looked at
in each run.
"""

import math

import torch
import torch.nn.functional as F

from .. import rules
from ..config import check_data_format
from ..symbolic import Symbolic, record
from .values import apply

__all__ = [
    "channels_first",
    "channels_last",
    "conv",
    "conv_transpose",
    "conv_transpose_length",
    "patches",
    "per_axis",
    "pool",
    "resize",
]

_CONV = {2: torch.conv2d, 3: torch.conv3d}
_TRANSPOSE = {1: torch.conv_transpose1d, 2: torch.conv_transpose2d, 3: torch.conv_transpose3d}
_MAX = {2: torch.max_pool2d, 3: torch.max_pool3d}
_AVERAGE = {2: F.avg_pool2d, 3: F.avg_pool3d}
_PADDINGS = ("valid", "same", "causal")

# ---- settings and sizes ------------------------------------------------------------------------


def per_axis(value, rank):
    """A setting for each spatial axis: a tuple of `rank` numbers, from one number or several."""
    value = (value,) * rank if isinstance(value, int) else tuple(int(v) for v in value)
    if len(value) != rank:
        raise ValueError(f"Expected one number or {rank}, one a spatial axis. Got {value}.")
    return value


def _check_padding(padding):
    if padding not in _PADDINGS:
        raise ValueError(f"Invalid padding: {padding!r}. Expected one of {_PADDINGS}.")


def _same_padding(size, window, stride):
    """The zeros that "same" padding adds to an axis; `size` matters for strides only."""
    if stride == 1:
        return window - 1
    outputs = -(-size // stride)
    missing = (outputs - 1) * stride + window - size
    return max(missing, 0) if isinstance(missing, int) else torch.sym_max(missing, 0)


def conv_transpose_length(size, window, stride, padding, dilation=1, output_padding=None):
    """Outputs of a transposed convolution along an axis; None for an unknown size.

    By default as many as a convolution would turn into `size`.
    """
    if size is None:
        return None
    window = (window - 1) * dilation + 1
    if output_padding is None:
        return size * stride + (max(window - stride, 0) if padding == "valid" else 0)
    trimmed = 2 * (window // 2) if padding == "same" else 0
    return (size - 1) * stride + window - trimmed + output_padding


def _sizes_matter(x, padding, strides):
    """Whether what to do depends on sizes of `x` that are not known yet."""
    pairs = zip(x.shape[2:], strides)
    return padding == "same" and any(n is None and s > 1 for n, s in pairs)


# ---- axes --------------------------------------------------------------------------------------


def channels_first(x, data_format=None):
    """`x` in `data_format` with torch's axes: (batch, channels, *spatial)."""
    if check_data_format(data_format) == "channels_first":
        return x
    last = len(x.shape) - 1
    return torch.permute(x, (0, last, *range(1, last)))


def channels_last(x, data_format=None):
    """`x` with torch's axes in `data_format`: the inverse of `channels_first`."""
    if check_data_format(data_format) == "channels_first":
        return x
    return torch.permute(x, (0, *range(2, len(x.shape)), 1))


# ---- convolution -------------------------------------------------------------------------------


def conv(x, kernel, bias=None, strides=1, padding="valid", data_format=None, dilation=1, groups=1):
    """Convolution with a kernel (out, in / groups, *window); "causal" pads before only."""
    rank = len(kernel.shape) - 2
    strides, dilation = per_axis(strides, rank), per_axis(dilation, rank)
    _check_padding(padding)
    if padding != "valid" and None in kernel.shape[2:]:
        raise ValueError(
            f"Convolution with padding {padding!r}: the sizes of the kernel's window must be "
            f"known; got {tuple(kernel.shape[2:])}."
        )
    x = channels_first(x, data_format)
    run = apply if _sizes_matter(x, padding, strides) else _call
    return channels_last(
        run(_conv, x, kernel, bias, strides, padding, dilation, groups), data_format
    )


def _call(func, *args):
    return func(*args)


def _conv(x, kernel, bias, strides, padding, dilation, groups):
    if len(strides) == 1:  # as images of one row: torch copies sequences with channels last
        run = record if isinstance(x, Symbolic) else _call
        kernel = run(torch.unsqueeze, kernel, 2)  # a torch tensor alone would not be recorded
        out = _conv(x.unsqueeze(2), kernel, bias, (1, *strides), padding, (1, *dilation), groups)
        return out.squeeze(2)
    before = [0] * len(strides)
    if padding == "causal":
        x = F.pad(x, [(kernel.shape[-1] - 1) * dilation[-1], 0])
    elif padding == "same":
        reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[2:], dilation)]
        totals = [_same_padding(*axis) for axis in zip(x.shape[2:], reach, strides)]
        if not _all_known(totals):
            x = _pad_around(x, totals)
        else:
            before = [t // 2 for t in totals]
            x = _pad_end(x, [t % 2 for t in totals])
    if len(set(strides)) > 1 and set(kernel.shape[2:]) == {1}:
        # Of a window of one value, only those that strides reach count. Told the strides, where
        # they differ, oneDNN writes past its memory when it differentiates (torch 2.13, AVX-512).
        x, strides = x[(..., *(slice(None, None, s) for s in strides))], (1,) * len(strides)
    return _CONV[len(strides)](x, kernel, bias, strides, before, dilation, groups)


def _all_known(sizes):
    """Whether these are plain numbers, not what an export leaves to be computed."""
    return all(isinstance(n, int) for n in sizes)


def _pad_around(x, totals, value=0.0):
    amounts = [n for t in reversed(totals) for n in (t // 2, t - t // 2)]
    return F.pad(x, amounts, value=value)


def _pad_end(x, amounts):
    return F.pad(x, [n for a in reversed(amounts) for n in (0, a)]) if any(amounts) else x


def conv_transpose(
    x,
    kernel,
    bias=None,
    strides=1,
    padding="valid",
    data_format=None,
    dilation=1,
    output_size=None,
    output_padding=None,
):
    """Transposed convolution, the gradient of `conv`, with a kernel (in, out, *window).

    `output_size` are the spatial sizes of the result, numbers or 0-dimensional tensors; without
    it they follow from the input's and from `output_padding`.
    """
    rank = len(kernel.shape) - 2
    strides, dilation = per_axis(strides, rank), per_axis(dilation, rank)
    if output_padding is not None:
        output_padding = per_axis(output_padding, rank)
    _check_padding(padding)
    x = channels_first(x, data_format)
    known = output_size is None or (None not in x.shape[2:] and _all_known(output_size))
    run = _call if known else apply
    out = run(
        _conv_transpose, x, kernel, bias, strides, padding, dilation, output_size, output_padding
    )
    return channels_last(out, data_format)


def _conv_transpose(x, kernel, bias, strides, padding, dilation, output_size, output_padding):
    rank, window, inputs = len(strides), kernel.shape[2:], x.shape[2:]
    if output_size is None:  # what is missing depends on no size
        inputs, output_padding = (1,) * rank, output_padding or [None] * rank
        output_size = [
            conv_transpose_length(n, k, s, padding, d, extra)
            for n, k, s, d, extra in zip(inputs, window, strides, dilation, output_padding)
        ]
    output_size = [int(n) for n in output_size]
    before, missing = [], []
    for n, out, k, s, d in zip(inputs, output_size, window, strides, dilation):
        reach = (k - 1) * d + 1
        before.append(_same_padding(out, reach, s) // 2 if padding == "same" else 0)
        missing.append(out - ((n - 1) * s + reach - 2 * before[-1]))
    # torch can make the result longer, at its end; too long by one, it is cut.
    longer = [max(m, 0) for m in missing]
    out = _TRANSPOSE[rank](x, kernel, bias, strides, before, longer, 1, dilation)
    too_long = any(m < 0 for m in missing)
    return out[(..., *(slice(min(m, 0) or None) for m in missing))] if too_long else out


def patches(x, window, strides, data_format=None):
    """What a kernel sees: (batch, *positions, *window, channels), or channels before window."""
    x = channels_first(x, data_format)
    rank = len(window)
    for axis, (k, s) in enumerate(zip(window, strides)):
        x = x.unfold(axis + 2, k, s)
    positions, inside = range(2, rank + 2), range(rank + 2, 2 * rank + 2)
    if check_data_format(data_format) == "channels_first":
        return torch.permute(x, (0, *positions, 1, *inside))
    return torch.permute(x, (0, *positions, *inside, 1))


# ---- pooling and resizing ----------------------------------------------------------------------


def pool(x, size, strides=None, padding="valid", data_format=None, mode="max"):
    """Maximum ("max") or mean ("avg") over windows; padding does not count."""
    rank = len(x.shape) - 2
    size = per_axis(size, rank)
    strides = size if strides is None else per_axis(strides, rank)
    if mode not in ("max", "avg"):
        raise ValueError(f"Invalid pooling mode: {mode!r}. Expected 'max' or 'avg'.")
    _check_padding(padding)
    x = channels_first(x, data_format)
    by_planes = rank == 3 and mode == "avg" and check_data_format(data_format) == "channels_last"
    unknown = _sizes_matter(x, padding, strides) or (by_planes and None in x.shape[2:])
    run, function = apply if unknown else _call, _average_volumes if by_planes else _pool
    return channels_last(run(function, x, size, strides, padding, mode), data_format)


def _average_volumes(x, size, strides, padding, mode):
    # Planes, then columns, as images: for means over volumes torch has no kernel that takes
    # channels last.
    depth = x.shape[2]
    planes = _pool(x.transpose(1, 2).flatten(0, 1), size[1:], strides[1:], padding, mode)
    columns = planes.unflatten(0, (-1, depth)).transpose(1, 2).flatten(3)
    means = _pool(columns, (size[0], 1), (strides[0], 1), padding, mode)
    return means.unflatten(3, tuple(planes.shape[2:]))


def _pool(x, size, strides, padding, mode):
    if len(size) == 1:
        return _pool(x.unsqueeze(2), (1, *size), (1, *strides), padding, mode).squeeze(2)
    rank, same = len(size), padding == "same"
    totals = [_same_padding(*a) if same else 0 for a in zip(x.shape[2:], size, strides)]
    if not _all_known(totals):
        return _pool_padded(x, size, strides, totals, mode)
    # An odd zero at the end: strides reach it when the number of windows is rounded up; without
    # strides, one zero more is put on both sides, and the first window dropped.
    drop = [t % 2 if s == 1 else 0 for t, s in zip(totals, strides)]
    before = [t // 2 + d for t, d in zip(totals, drop)]
    if mode == "max":
        out = _MAX[rank](x, size, strides, before, 1, same)
    else:
        out = _AVERAGE[rank](x, size, strides, before, same, False)
    return out[(..., *(slice(d, None) for d in drop))] if any(drop) else out


def _pool_padded(x, size, strides, totals, mode):
    rank = len(size)
    if mode == "max":
        return _MAX[rank](_pad_around(x, totals, -math.inf), size, strides)
    present = _pad_around(torch.ones_like(x[:1, :1]), totals)
    means = _AVERAGE[rank](_pad_around(x, totals), size, strides)
    return means / _AVERAGE[rank](present, size, strides)


def resize(x, factors, data_format=None, interpolation="nearest"):
    """Images made larger by whole factors, by repetition or by (bi)linear interpolation.

    "bilinear" is TensorFlow 1's, "bilinear_half_pixel" TensorFlow 2's.
    """
    x = channels_first(x, data_format)
    scale = tuple(float(f) for f in factors)
    if interpolation == "nearest":
        x = F.interpolate(x, scale_factor=scale, mode="nearest")
    elif interpolation == "bilinear_half_pixel":
        x = F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
    else:
        x = apply(_bilinear, x, tuple(int(f) for f in factors))
    return channels_last(x, data_format)


def _bilinear(x, factors):
    # TensorFlow 1 takes the value at i / factor, and the last one beyond the end: what torch does
    # between corners, once the last row and column are repeated.
    size = [n * f + 1 for n, f in zip(x.shape[2:], factors)]
    x = F.interpolate(
        F.pad(x, (0, 1, 0, 1), "replicate"), size, mode="bilinear", align_corners=True
    )
    return x[:, :, :-1, :-1]


def _enlarged(x, factors):
    return x.new_empty((*x.shape[:2], *(n * f for n, f in zip(x.shape[2:], factors))))


rules.register(_bilinear, _enlarged)
