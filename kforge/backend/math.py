"""Arithmetic: element by element, over axes, comparisons, products of matrices.

Gradients at ties and kinks are TensorFlow's: `maximum` and `minimum` give all of it to the first
argument, `max` and `min` share it between equal elements.
"""

import builtins
import math
import numbers

import torch

from .. import config
from ..dtypes import torch_dtype
from .values import agreeing, apply, axes, tensor
from .variables import cast, is_sparse

__all__ = [
    "abs",
    "all",
    "any",
    "argmax",
    "argmin",
    "batch_dot",
    "clip",
    "cos",
    "cumprod",
    "cumsum",
    "dot",
    "equal",
    "exp",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "logsumexp",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "not_equal",
    "pow",
    "prod",
    "round",
    "sign",
    "sin",
    "sqrt",
    "square",
    "std",
    "sum",
    "transpose",
    "var",
]

# ---- element by element -----------------------------------------------------------------------


def _elementwise(name, function, doc):
    def apply_to(x):
        return function(tensor(x))

    apply_to.__name__ = apply_to.__qualname__ = name
    apply_to.__doc__ = doc
    return apply_to


abs = _elementwise("abs", torch.abs, "Absolute value.")
square = _elementwise("square", torch.square, "Square.")
exp = _elementwise("exp", torch.exp, "Exponential.")
log = _elementwise("log", torch.log, "Natural logarithm.")
sin = _elementwise("sin", torch.sin, "Sine.")
cos = _elementwise("cos", torch.cos, "Cosine.")
sign = _elementwise("sign", torch.sign, "-1, 0 or 1.")


def sqrt(x):
    """Square root; 0 for negative elements."""
    return torch.sqrt(torch.clamp(tensor(x), min=0.0))


def round(x):
    """The nearest integer, the even one of two; without a gradient."""
    return torch.round(tensor(x).detach())


def pow(x, a):
    """`x` to the power `a`."""
    return torch.pow(tensor(x), a if isinstance(a, numbers.Number) else tensor(a))


def clip(x, min_value, max_value):
    """`x` limited to [min_value, max_value], numbers or tensors; None is no limit.

    A `max_value` below `min_value` counts as that.
    """
    x, limits = tensor(x), [v for v in (min_value, max_value) if v is not None]
    if builtins.all(isinstance(v, numbers.Number) for v in limits):
        if len(limits) == 2 and max_value < min_value:
            max_value = min_value
        if x.dtype.is_floating_point:  # ONNX has no limits of two types
            min_value, max_value = (v if v is None else float(v) for v in (min_value, max_value))
        return torch.clamp(x, min_value, max_value) if limits else x
    x = x if max_value is None else minimum(x, max_value)
    return x if min_value is None else maximum(x, min_value)


# ---- over axes --------------------------------------------------------------------------------


def _every(x, axis):
    """`axis` as a tuple; all of them for None."""
    found = axes(axis)
    if found is None:
        return tuple(range(len(x.shape)))
    return found if isinstance(found, tuple) else (found,)


def _as_float(x):
    x = tensor(x)
    return cast(x, config.floatx()) if x.dtype == torch.bool else x


def sum(x, axis=None, keepdims=False):
    """Sum over axes (a number or several; None: all)."""
    x = tensor(x)
    # torch would widen integers
    dtype = None if x.dtype.is_floating_point else torch_dtype(x.dtype)
    return torch.sum(x, dim=axes(axis), keepdim=keepdims, dtype=dtype)


def mean(x, axis=None, keepdims=False):
    """Mean over axes; of integers, the integer below."""
    x = _as_float(x)
    if x.dtype.is_floating_point:
        return torch.mean(x, dim=axes(axis), keepdim=keepdims)
    return torch.mean(x, dim=axes(axis), keepdim=keepdims, dtype=torch.float64).to(x.dtype)


def var(x, axis=None, keepdims=False):
    """Variance over axes; of integers, in integers."""
    x = _as_float(x)
    if x.dtype.is_floating_point:
        return torch.var(x, dim=axes(axis), correction=0, keepdim=keepdims)
    return mean(torch.square(x - mean(x, axis, keepdims=True)), axis, keepdims)


def std(x, axis=None, keepdims=False):
    """Standard deviation over axes."""
    return torch.sqrt(var(x, axis, keepdims))


def max(x, axis=None, keepdims=False):
    """Maximum over axes; minus infinity where there are no elements."""
    return _extreme(torch.amax, -math.inf, tensor(x), axis, keepdims)


def min(x, axis=None, keepdims=False):
    """Minimum over axes; infinity where there are no elements."""
    return _extreme(torch.amin, math.inf, tensor(x), axis, keepdims)


def _extreme(function, worst, x, axis, keepdims):
    dims = _every(x, axis)
    if builtins.all(x.shape[d] for d in dims):
        return function(x, dim=dims, keepdim=keepdims)
    return apply(_extreme_of_any, function, worst, x, dims, keepdims)


def _extreme_of_any(function, worst, x, dims, keepdims):
    if builtins.all(x.shape[d] for d in dims):
        return function(x, dim=dims, keepdim=keepdims)
    if not x.dtype.is_floating_point:
        limits = torch.iinfo(torch_dtype(x.dtype))
        worst = limits.min if worst < 0 else limits.max
    return torch.full_like(
        torch.sum(x, dim=dims, keepdim=keepdims, dtype=torch_dtype(x.dtype)), worst
    )


def prod(x, axis=None, keepdims=False):
    """Product over axes."""
    x = tensor(x)
    for a in builtins.sorted((a % len(x.shape) for a in _every(x, axis)), reverse=True):
        x = torch.prod(x, dim=a, keepdim=keepdims, dtype=torch_dtype(x.dtype))
    return x


def logsumexp(x, axis=None, keepdims=False):
    """Logarithm of the sum of exponentials over axes."""
    x = tensor(x)
    return torch.logsumexp(x, dim=_every(x, axis), keepdim=keepdims)


def any(x, axis=None, keepdims=False):
    """Whether one element over the axes is true."""
    return torch.any(cast(x, torch.bool), dim=axes(axis), keepdim=keepdims)


def all(x, axis=None, keepdims=False):
    """Whether all elements over the axes are true."""
    return torch.all(cast(x, torch.bool), dim=axes(axis), keepdim=keepdims)


def argmax(x, axis=-1):
    """Index of the first maximum along an axis; None is the first axis, as in Keras."""
    return torch.argmax(tensor(x), dim=axis or 0)


def argmin(x, axis=-1):
    """Index of the first minimum along an axis; None is the first axis, as in Keras."""
    return torch.argmin(tensor(x), dim=axis or 0)


def cumsum(x, axis=0):
    """Running sum along an axis."""
    x = tensor(x)
    return torch.cumsum(x, dim=axis, dtype=torch_dtype(x.dtype))


def cumprod(x, axis=0):
    """Running product along an axis."""
    x = tensor(x)
    return torch.cumprod(x, dim=axis, dtype=torch_dtype(x.dtype))


# ---- comparisons ------------------------------------------------------------------------------


def _other(y):
    return y if isinstance(y, numbers.Number) else tensor(y)


def _comparison(name, function, doc):
    def compare(x, y):
        return function(tensor(x), _other(y))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = doc
    return compare


equal = _comparison("equal", torch.eq, "Whether elements are equal.")
not_equal = _comparison("not_equal", torch.ne, "Whether elements differ.")
greater = _comparison("greater", torch.gt, "Whether elements of `x` are greater.")
greater_equal = _comparison("greater_equal", torch.ge, "Whether they are greater or equal.")
less = _comparison("less", torch.lt, "Whether elements of `x` are smaller.")
less_equal = _comparison("less_equal", torch.le, "Whether they are smaller or equal.")


def maximum(x, y):
    """The greater of two elements; where they are equal, the gradient flows to `x`."""
    x, y = tensor(x), _other(y)
    if isinstance(y, numbers.Number):
        return torch.clamp(x, min=y)
    return torch.where(x < y, y, x)


def minimum(x, y):
    """The smaller of two elements; where they are equal, the gradient flows to `x`."""
    x, y = tensor(x), _other(y)
    if isinstance(y, numbers.Number):
        return torch.clamp(x, max=y)
    return torch.where(y < x, y, x)


# ---- products ---------------------------------------------------------------------------------


def dot(x, y):
    """The product of the last axis of `x` with the last but one of `y`.

    (..., n) and (..., n, m) give the axes of `x` but its last, then those of `y` but that one.
    """
    x, y = tensor(x), tensor(y)
    if is_sparse(x):
        return apply(_sparse_dot, x, y)
    if x.shape and y.shape:
        x, y = agreeing(x, -1, y, -2 if len(y.shape) > 1 else 0)
    if len(y.shape) > 2:
        return torch.tensordot(x, y, dims=([len(x.shape) - 1], [len(y.shape) - 2]))
    return torch.matmul(x, y)


def _sparse_dot(x, y):
    if y.is_meta:
        return torch.empty(x.shape, dtype=y.dtype, device="meta") @ y
    return x @ y


def batch_dot(x, y, axes=None):
    """Products of the samples of two batches, over one axis of each.

    `axes` is the axis of both, or a pair. By default the last of `x`, and of `y` the last but one
    (the last if it has two). What is left of `x` comes before what is left of `y`; two vectors
    give one number in an axis of its own.
    """
    x, y = tensor(x), tensor(y)
    x_ndim, y_ndim = len(x.shape), len(y.shape)
    x_axis, y_axis = _batch_dot_axes(x, y, axes)
    for axis, other in ((0, 0), (x_axis, y_axis)):
        x, y = agreeing(x, axis, y, other)
    letters = [chr(ord("a") + i) for i in range(x_ndim + y_ndim)]
    x_letters, y_letters = letters[:x_ndim], letters[x_ndim:]
    y_letters[0], y_letters[y_axis] = x_letters[0], x_letters[x_axis]
    out = [c for c in x_letters if c != x_letters[x_axis]]
    out += [c for c in y_letters[1:] if c != x_letters[x_axis]]
    equation = f"{''.join(x_letters)},{''.join(y_letters)}->{''.join(out)}"
    found = torch.einsum(equation, x, y)
    return found if len(out) > 1 else found.unsqueeze(1)


def _batch_dot_axes(x, y, axes):
    """The axes to multiply over, checked."""
    x_ndim, y_ndim = len(x.shape), len(y.shape)
    if builtins.min(x_ndim, y_ndim) < 2:
        raise ValueError(
            "Cannot do batch_dot on inputs with rank < 2. "
            f"Received inputs with shapes {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if axes is None:
        axes = (x_ndim - 1, y_ndim - 1 if y_ndim == 2 else y_ndim - 2)
    elif isinstance(axes, int):
        axes = (axes, axes)
    if builtins.any(isinstance(a, (list, tuple)) for a in axes):
        raise ValueError(
            "Multiple target dimensions are not supported. Expected: None, int, (int, int). "
            f"Provided: {axes}"
        )
    if not (-x_ndim <= axes[0] < x_ndim and -y_ndim <= axes[1] < y_ndim):
        raise ValueError(
            f"Cannot do batch_dot over axes {axes} of inputs with shapes {tuple(x.shape)} and "
            f"{tuple(y.shape)}: there are no such axes."
        )
    x_axis, y_axis = axes[0] % x_ndim, axes[1] % y_ndim
    if 0 in (x_axis, y_axis):
        raise ValueError(f"Cannot perform batch_dot over axis 0, the batch. Got axes={axes}.")
    for what, a, b in (
        ("batch sizes", x.shape[0], y.shape[0]),
        (f"sizes along axes {axes}", x.shape[x_axis], y.shape[y_axis]),
    ):
        if None not in (a, b) and a != b:
            raise ValueError(
                f"Cannot do batch_dot on inputs with different {what}: shapes "
                f"{tuple(x.shape)} and {tuple(y.shape)}."
            )
    return x_axis, y_axis


def transpose(x):
    """The axes of `x` in reverse order."""
    x = tensor(x)
    return torch.permute(x, tuple(reversed(range(len(x.shape)))))
