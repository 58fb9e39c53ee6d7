"""`tf.math`, most of which is in `tf` too: element by element, over axes, products of matrices."""

import operator

import torch
import torch.nn.functional as F

from ... import backend as K
from ...backend.values import axes
from ...dtypes import torch_dtype
from .values import convert, known, pair, tensor

__all__ = [
    "accumulate_n",
    "add_n",
    "argmax",
    "argmin",
    "argsort",
    "clip_by_average_norm",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "div",
    "div_no_nan",
    "einsum",
    "global_norm",
    "lbeta",
    "logical_xor",
    "matmul",
    "multiply_no_nan",
    "norm",
    "polyval",
    "reciprocal_no_nan",
    "reduce_all",
    "reduce_any",
    "reduce_euclidean_norm",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "saturate_cast",
    "scalar_mul",
    "sort",
    "tensordot",
]


def _unary(name, function):
    def call(x):
        return function(tensor(x))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of each element."
    return call


def _binary(name, function):
    def call(x, y):
        return function(*pair(x, y))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of each pair of elements."
    return call


def _squared_difference(x, y):
    return torch.square(x - y)


def _polygamma(n, x):
    return (-1) ** (n + 1) * torch.exp(torch.lgamma(n + 1)) * torch.special.zeta(n + 1, x)


def _toward_zero(x, y):
    return torch.div(x, y, rounding_mode="trunc")


def _xdivy(x, y):
    return torch.where(torch.eq(x, 0), torch.zeros_like(x), x / y)


_UNARY = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "bessel_i0": torch.special.i0,
    "bessel_i0e": torch.special.i0e,
    "bessel_i1": torch.special.i1,
    "bessel_i1e": torch.special.i1e,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "digamma": torch.digamma,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "floor": torch.floor,
    "is_finite": torch.isfinite,
    "is_inf": torch.isinf,
    "is_nan": torch.isnan,
    "lgamma": torch.lgamma,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_sigmoid": F.logsigmoid,
    "logical_not": torch.logical_not,
    "ndtri": torch.special.ndtri,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "rint": torch.round,
    "round": K.round,
    "rsqrt": torch.rsqrt,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softplus": K.softplus,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
}
_BINARY = {
    "add": operator.add,
    "atan2": torch.atan2,
    "divide": operator.truediv,
    "equal": K.equal,
    "floordiv": operator.floordiv,
    "floormod": operator.mod,
    "greater": K.greater,
    "greater_equal": K.greater_equal,
    "igamma": torch.special.gammainc,
    "igammac": torch.special.gammaincc,
    "less": K.less,
    "less_equal": K.less_equal,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "maximum": K.maximum,
    "minimum": K.minimum,
    "multiply": operator.mul,
    "not_equal": K.not_equal,
    "polygamma": _polygamma,
    "pow": torch.pow,
    "squared_difference": _squared_difference,
    "subtract": operator.sub,
    "truediv": operator.truediv,
    "truncatediv": _toward_zero,
    "truncatemod": torch.fmod,
    "xdivy": _xdivy,
    "xlogy": torch.xlogy,
    "zeta": torch.special.zeta,
}
for _name, _function in _UNARY.items():
    globals()[_name] = _unary(_name, _function)
for _name, _function in _BINARY.items():
    globals()[_name] = _binary(_name, _function)
__all__ += [*_UNARY, *_BINARY]


def div(x, y):
    """The quotient; of whole numbers, the whole number below, as in Python 2."""
    x, y = pair(x, y)
    return x / y if x.dtype.is_floating_point else x // y


def logical_xor(x, y):
    """Whether one of two is true and the other is not."""
    return torch.logical_xor(*pair(x, y))


def add_n(inputs):
    """The sum of a list of tensors."""
    total = tensor(inputs[0])
    for x in inputs[1:]:
        total = total + x
    return total


accumulate_n = add_n


def scalar_mul(scalar, x):
    """`x` times a number."""
    return convert(scalar, x.dtype) * x


def multiply_no_nan(x, y):
    """The product, 0 where `y` is, even if `x` is infinite or no number."""
    x, y = pair(x, y)
    return torch.where(torch.eq(y, 0), torch.zeros_like(y), x * y)


def reciprocal_no_nan(x):
    """1 divided by the elements, 0 where these are."""
    x = tensor(x)
    return div_no_nan(torch.ones_like(x), x)


def polyval(coeffs, x):
    """The polynomial with these coefficients, the highest power first."""
    found = convert(0.0)
    for c in coeffs:
        found = found * x + c
    return found


def lbeta(x):
    """The logarithm of the beta function, over the last axis."""
    x = tensor(x)
    return torch.lgamma(x).sum(-1) - torch.lgamma(x.sum(-1))


def saturate_cast(value, dtype):
    """`value` in another dtype, limited to its range."""
    wanted = torch_dtype(dtype)
    limits = torch.finfo(wanted) if wanted.is_floating_point else torch.iinfo(wanted)
    return K.cast(K.clip(convert(value), limits.min, limits.max), wanted)


def clip_by_value(input, clip_value_min, clip_value_max):
    """Elements limited to an interval."""
    return K.clip(input, clip_value_min, clip_value_max)


def clip_by_norm(input, clip_norm, axes=None):
    """`input`, scaled down where its norm is greater than `clip_norm`."""
    x = tensor(input)
    size = torch.sqrt(K.sum(torch.square(x), axes, keepdims=True))
    return x * clip_norm / K.maximum(size, clip_norm)


def clip_by_average_norm(t, clip_norm):
    """`t`, scaled down where the mean of its norm over its elements exceeds `clip_norm`."""
    x = tensor(t)
    return clip_by_norm(x, clip_norm * K.cast(K.size(x), x.dtype))


def global_norm(t_list):
    """The norm of all tensors together, None among them left out."""
    given = [convert(t) for t in t_list if t is not None]
    return torch.sqrt(sum(torch.sum(torch.square(t)) for t in given))


# ---- over axes ----------------------------------------------------------------------------------


def _reduction(name, function):
    def call(input_tensor, axis=None, keepdims=False):
        return function(tensor(input_tensor), known(axis), bool(keepdims))

    call.__name__ = call.__qualname__ = f"reduce_{name}"
    call.__doc__ = f"`{name}` over axes, all of them without `axis`."
    return call


def _euclidean_norm(x, axis, keepdims):
    return torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims)


reduce_all = _reduction("all", K.all)
reduce_any = _reduction("any", K.any)
reduce_euclidean_norm = _reduction("euclidean_norm", _euclidean_norm)
reduce_logsumexp = _reduction("logsumexp", K.logsumexp)
reduce_max = _reduction("max", K.max)
reduce_mean = _reduction("mean", K.mean)
reduce_min = _reduction("min", K.min)
reduce_prod = _reduction("prod", K.prod)
reduce_std = _reduction("std", K.std)
reduce_sum = _reduction("sum", K.sum)
reduce_variance = _reduction("variance", K.var)


def count_nonzero(input_tensor, axis=None, keepdims=False, dtype="int64"):
    """How many elements are not 0."""
    return K.cast(K.sum(K.cast(torch.ne(tensor(input_tensor), 0), "int64"), axis, keepdims), dtype)


def sort(values, axis=-1, direction="ASCENDING"):
    """The elements along an axis, the smallest first, or the largest ("DESCENDING")."""
    return torch.sort(tensor(values), dim=axis, descending=_descends(direction)).values


def argsort(values, axis=-1, direction="ASCENDING", stable=False):
    """Places of the elements along an axis, in the order of `sort`; equal ones stay in order."""
    found = torch.sort(tensor(values), dim=axis, descending=_descends(direction), stable=True)
    return K.cast(found.indices, "int32")


def _descends(direction):
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"`direction` should be one of 'ASCENDING' and 'DESCENDING'. Got {direction!r}."
        )
    return direction == "DESCENDING"


def div_no_nan(x, y):
    """Quotients of each pair of elements; 0 where the divisor is."""
    x, y = pair(x, y)
    nothing = torch.eq(y, 0)
    return torch.where(nothing, torch.zeros_like(y), x / torch.where(nothing, 1.0, y))


def argmax(input, axis=None, output_type="int64"):
    """Index of the first maximum along an axis, the first one by default."""
    return K.cast(K.argmax(tensor(input), known(axis) or 0), output_type)


def argmin(input, axis=None, output_type="int64"):
    """Index of the first minimum along an axis, the first one by default."""
    return K.cast(K.argmin(tensor(input), known(axis) or 0), output_type)


def _running(function, start):
    """Sums or products of what comes before, by `function`, which includes the element itself."""

    def call(x, axis=0, exclusive=False, reverse=False):
        x = tensor(x)
        x = torch.flip(x, [axis]) if reverse else x
        found = function(x, axis)
        if exclusive:
            first = torch.full_like(x.narrow(axis, 0, 1), start)
            found = torch.cat([first, found.narrow(axis, 0, x.shape[axis] - 1)], axis)
        return torch.flip(found, [axis]) if reverse else found

    call.__doc__ = f"`{function.__name__}` along an axis."
    return call


cumsum, cumprod = _running(K.cumsum, 0), _running(K.cumprod, 1)


def clip_by_global_norm(t_list, clip_norm, use_norm=None):
    """(tensors scaled down so that the norm of all together is at most `clip_norm`, that norm).

    None among the tensors stays.
    """
    total = global_norm(t_list) if use_norm is None else convert(use_norm)
    scale = clip_norm / torch.clamp(total, min=clip_norm)
    return [None if t is None else convert(t) * scale for t in t_list], total


def norm(tensor, ord="euclidean", axis=None, keepdims=False):
    """The norm of vectors along an axis; of all elements without one."""
    order = {"euclidean": 2, "fro": 2}.get(ord, ord)
    return torch.linalg.vector_norm(convert(tensor), order, dim=axes(axis), keepdim=keepdims)


# ---- products -----------------------------------------------------------------------------------


def matmul(a, b, transpose_a=False, transpose_b=False):
    """Products of matrices, which are the last two axes."""
    a, b = pair(a, b)
    a = a.transpose(-1, -2) if transpose_a else a
    return torch.matmul(a, b.transpose(-1, -2) if transpose_b else b)


def tensordot(a, b, axes):
    """Products over the axes `axes`: pairs of lists, or so many that are the last and first."""
    a, b = pair(a, b)
    axes = known(axes)
    if not isinstance(axes, int):
        axes = [[n] if isinstance(n, int) else list(n) for n in axes]
    return torch.tensordot(a, b, dims=axes)


def einsum(equation, *inputs):
    """Einstein's summation."""
    if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)):
        inputs = inputs[0]
    return torch.einsum(equation, *(tensor(x) for x in inputs))
