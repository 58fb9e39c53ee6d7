"""Arithmetic of convolutions: normalised arguments, output lengths, flipped kernels."""

import numpy as np

__all__ = [
    "conv_input_length",
    "conv_output_length",
    "convert_kernel",
    "deconv_length",
    "normalize_padding",
    "normalize_tuple",
]


def normalize_tuple(value, n, name):
    """`value` as a tuple of `n` integers; `name` is the argument's, for the `ValueError`."""
    message = f"The `{name}` argument must be a tuple of {n} integers. Received: {value}"
    if isinstance(value, (int, np.integer)):
        return (value,) * n
    try:
        values = tuple(value)
    except TypeError:
        raise ValueError(message) from None
    if len(values) != n:
        raise ValueError(message)
    for item in values:
        try:
            int(item)
        except (TypeError, ValueError):
            raise ValueError(f"{message} including element {item} of type {type(item)}") from None
    return values


def normalize_padding(value):
    """A `padding` argument in lower case; `ValueError` unless valid, same or causal."""
    padding = value.lower()
    if padding not in ("valid", "same", "causal"):
        raise ValueError(
            'The `padding` argument must be one of "valid", "same" (or "causal" for Conv1D). '
            f"Received: {padding}"
        )
    return padding


def convert_kernel(kernel):
    """A convolution kernel, (..., in, out), flipped in its 1 to 3 spatial axes.

    This is the difference between convolution and correlation: Theano's kernels and everyone
    else's. Applied twice, it changes nothing.
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"Invalid kernel shape: {kernel.shape}; expected 3 to 5 axes.")
    return np.flip(kernel, range(kernel.ndim - 2)).copy()


def _check_padding(padding, *known):
    if padding not in known:
        raise AssertionError(f"Invalid padding: {padding!r}. Expected one of {known}.")


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """Length of a convolution's output; None where `input_length` is None."""
    if input_length is None:
        return None
    _check_padding(padding, "same", "causal", "valid", "full")
    reach = (filter_size - 1) * dilation
    change = {"valid": -reach, "full": reach}.get(padding, 0)
    return (input_length + change + stride - 1) // stride


def conv_input_length(output_length, filter_size, padding, stride):
    """Length of the input that gave a convolution's output; None where that is None."""
    if output_length is None:
        return None
    _check_padding(padding, "same", "valid", "full")
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[padding]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """Length of a transposed convolution's output; None where `dim_size` is None.

    `output_padding` None means: as long as the length that a convolution would take to `dim_size`.
    """
    if dim_size is None:
        return None
    _check_padding(padding, "same", "valid", "full")
    kernel_size = (kernel_size - 1) * dilation + 1
    if output_padding is None:
        extra = {
            "valid": max(kernel_size - stride_size, 0),
            "full": 2 - stride_size - kernel_size,
            "same": 0,
        }
        return dim_size * stride_size + extra[padding]
    pad = {"same": kernel_size // 2, "valid": 0, "full": kernel_size - 1}[padding]
    return (dim_size - 1) * stride_size + kernel_size - 2 * pad + output_padding
