"""Shapes and dtypes of results, by rule, for the operations of nearly every model.

Running an operation on meta tensors tells them as well, but torch then imports half of its
compiler, which takes about as long as importing torch itself, and needs a millisecond for each
operation. A rule takes an operation's arguments, meta tensors among them, and gives meta tensors,
or None, or fails, for arguments that it does not know or that do not fit. Then the operation runs
and tells what is wrong; but a `Misfit` says enough, for unknown sizes often meet known ones.
"""

import itertools
import operator

import torch
import torch.nn.functional as F

__all__ = ["Misfit", "infer", "is_smooth", "register"]

_RULES = {}
_NUMBERS = (bool, int, float, str, type(None))


class Misfit(ValueError):
    """Shapes do not go together."""


def infer(func, args, kwargs):
    """``func(*args, **kwargs)`` on meta tensors, by a rule where there is one."""
    rule = _RULES.get(func)
    if rule is not None and _all_plain(args):
        try:
            found = rule(*args, **kwargs)
        except Misfit:
            raise
        except (AttributeError, IndexError, TypeError, ValueError):
            found = None
        if found is not None:
            return found
    return func(*args, **kwargs)


def is_smooth(func, args):
    """Whether there is a rule, and gradients flow from all floating arguments to all such results.

    Running such an operation on meta tensors, to see that, would be as slow.
    """
    return func in _RULES and func not in _NOT_SMOOTH and _all_plain(args)


def register(function, rule):
    """Adds the rule of a function of kforge's own, through which gradients flow."""
    _RULES[function] = rule


def _all_plain(args):
    """Whether there are meta tensors among the arguments, and no sparse ones."""
    flat = [x for a in args for x in (a if isinstance(a, (list, tuple)) else (a,))]
    tensors = [x for x in flat if isinstance(x, torch.Tensor)]
    return any(x.is_meta for x in tensors) and all(x.layout is torch.strided for x in tensors)


def _rule(*functions):
    """A decorator: the rule of `functions`, and of methods of tensors with their names."""

    def register(rule):
        methods = (getattr(torch.Tensor, f.__name__, None) for f in functions)
        _RULES.update(dict.fromkeys((*functions, *filter(None, methods)), rule))
        return rule

    return register


def _new(shape, dtype):
    return torch.empty(shape, dtype=dtype, device="meta")


def _like(x, dtype=None):
    return torch.empty_strided(x.shape, x.stride(), dtype=dtype or x.dtype, device="meta")


def _tuple(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


# ---- element by element -----------------------------------------------------------------------


@_rule(
    *(torch.relu, F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.silu, F.gelu),
    *(F.softplus, F.softsign, torch.sigmoid, torch.tanh, torch.exp, torch.log, torch.sqrt),
    *(torch.rsqrt, torch.square, torch.abs, torch.sign, torch.neg, operator.neg, operator.abs),
    *(torch.sin, torch.cos, torch.round, torch.floor, torch.ceil, torch.clamp, torch.dropout),
    *(torch.softmax, torch.log_softmax, F.softmax, F.log_softmax, torch.logit),
)
def _same(x, *settings, **others):
    if x.dtype.is_floating_point and all(
        isinstance(s, _NUMBERS) for s in (*settings, *others.values())
    ):
        return _like(x)


@_rule(torch.Tensor.cpu, torch.Tensor.cuda)
def _elsewhere(x, *settings, **others):
    return _like(x)


def _common_shape(shapes):
    sizes = []
    for column in itertools.zip_longest(*map(reversed, shapes), fillvalue=1):
        size, *others = {n for n in column if n != 1} or {1}
        if others:
            raise Misfit(f"sizes {size} and {others[0]} cannot be broadcast")
        sizes.append(size)
    return tuple(reversed(sizes))


def _broadcast(dtype, *operands):
    tensors = [x for x in operands if isinstance(x, torch.Tensor)]
    shape = _common_shape([x.shape for x in tensors])
    whole = [x for x in tensors if x.shape == shape]
    return _like(whole[0], dtype) if whole else _new(shape, dtype)


@_rule(torch.layer_norm, F.layer_norm)
def _normalized(x, *settings):
    return _like(x)


@_rule(torch.isfinite, torch.isnan, torch.isinf)
def _kind_of_number(x):
    return _like(x, torch.bool)


@_rule(operator.truediv, torch.true_divide, torch.pow, operator.pow)
def _division(a, b):
    dtype = torch.result_type(a, b)
    return _broadcast(dtype, a, b) if dtype.is_floating_point else None


@_rule(
    *(operator.add, operator.sub, operator.mul, torch.add, torch.sub, torch.mul),
    *(torch.maximum, torch.minimum, torch.remainder, operator.mod),
)
def _arithmetic(a, b):
    dtype = torch.result_type(a, b)
    return None if dtype is torch.bool else _broadcast(dtype, a, b)


@_rule(torch.lerp)
def _between(a, b, weight):
    return _broadcast(a.dtype, a, b, weight) if a.dtype is b.dtype else None


@_rule(
    *(torch.eq, torch.ne, torch.gt, torch.ge, torch.lt, torch.le, torch.logical_and),
    *(operator.ne, operator.gt, operator.ge, operator.lt, operator.le, torch.logical_or),
)
def _comparison(a, b):
    return _broadcast(torch.bool, a, b)


@_rule(torch.where)
def _where(condition, a, b):
    if condition.dtype is torch.bool:  # the method has another order
        return _broadcast(torch.result_type(a, b), condition, a, b)


@_rule(torch.zeros_like, torch.ones_like)
def _filled(x, dtype=None):
    return _like(x, dtype)


@_rule(torch.flip)
def _flip(x, dims):
    return _like(x) if all(-x.dim() <= d < x.dim() for d in dims) else None


# ---- over axes --------------------------------------------------------------------------------


def _reduced(x, dim, keepdim, dtype):
    ndim = len(x.shape)
    dims = range(ndim) if dim is None or dim == () else _tuple(dim, 1)
    if not all(-ndim <= d < ndim for d in dims):
        return None
    dims = {d % ndim for d in dims}
    kept = [(i, n) for i, n in enumerate(x.shape) if keepdim or i not in dims]
    return _new([1 if i in dims else n for i, n in kept], dtype)


@_rule(torch.index_add)
def _index_add(x, dim, index, source, **settings):
    return _like(x) if source.dtype is x.dtype and source.ndim == x.ndim else None


@_rule(torch.cumsum, torch.cumprod)
def _running(x, dim, dtype=None):
    fits = x.dtype.is_floating_point and dtype in (None, x.dtype) and -x.dim() <= dim < x.dim()
    return _like(x) if fits else None


@_rule(torch.mean, torch.amax, torch.amin, torch.logsumexp)
def _reduction(x, dim=None, keepdim=False, dtype=None):
    if x.dtype.is_floating_point and dtype in (None, x.dtype):
        return _reduced(x, dim, keepdim, x.dtype)


@_rule(torch.sum, torch.prod)
def _total(x, dim=None, keepdim=False, dtype=None):
    whole = not (x.dtype.is_floating_point or x.dtype.is_complex)
    return _reduced(x, dim, keepdim, dtype or (torch.int64 if whole else x.dtype))


@_rule(torch.any, torch.all)
def _test(x, dim=None, keepdim=False):
    return _reduced(x, dim, keepdim, torch.bool)


@_rule(torch.argmax, torch.argmin)
def _position(x, dim=None, keepdim=False):
    return _reduced(x, dim, keepdim, torch.int64)


@_rule(torch.cat)
def _cat(tensors, dim=0):
    first, axis = tensors[0], range(len(tensors[0].shape))[dim]
    others = [[n for i, n in enumerate(x.shape) if i != axis] for x in tensors]
    if all(o == others[0] and x.dtype is first.dtype for o, x in zip(others, tensors)):
        sizes = [
            n if i != axis else sum(x.shape[axis] for x in tensors)
            for i, n in enumerate(first.shape)
        ]
        return _new(sizes, first.dtype)


@_rule(torch.stack)
def _stack(tensors, dim=0):
    return _cat([x.unsqueeze(dim) for x in tensors], dim)


@_rule(torch.Tensor.repeat)
def _repeat(x, *sizes):
    sizes = sizes[0] if isinstance(sizes[0], (list, tuple)) else sizes
    shape = (*(1,) * (len(sizes) - x.ndim), *x.shape)
    return _new([n * k for n, k in zip(shape, sizes, strict=True)], x.dtype)


@_rule(torch.gather)
def _gather(x, dim, index):
    other = [i != dim % x.ndim for i in range(x.ndim)]
    fits = x.ndim == index.ndim and all(
        a <= b for a, b, o in zip(index.shape, x.shape, other, strict=True) if o
    )
    return _new(index.shape, x.dtype) if fits else None


# ---- products and windows ---------------------------------------------------------------------


@_rule(F.linear)
def _linear(x, weight, bias=None):
    if x.shape[-1] == weight.shape[1] and x.dtype is weight.dtype:
        return _new((*x.shape[:-1], weight.shape[0]), x.dtype)


@_rule(torch.matmul, operator.matmul)
def _matmul(a, b):
    if min(a.ndim, b.ndim) > 1 and a.shape[-1] == b.shape[-2] and a.dtype is b.dtype:
        batch = _common_shape([a.shape[:-2], b.shape[:-2]])
        return _new((*batch, a.shape[-2], b.shape[-1]), a.dtype)


@_rule(torch.einsum)
def _einsum(equation, *operands):
    inputs, _, output = equation.replace(" ", "").partition("->")
    sizes = {}
    for letters, x in zip(inputs.split(","), operands, strict=True):
        for letter, size in zip(letters, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size or x.dtype is not operands[0].dtype:
                return None
    known = output and all(letter.isalpha() for letter in sizes) and set(output) <= set(sizes)
    return _new([sizes[letter] for letter in output], operands[0].dtype) if known else None


def _windows(x, window, stride, padding, dilation, ceil=False):
    """Sizes after a window moved over `x`; None where it does not fit."""
    rank = len(window)
    settings = [_tuple(s, rank) for s in (stride, padding, dilation)]
    sizes = []
    for n, k, s, p, d in zip(x.shape[2:], window, *settings):
        size = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
        sizes.append(size - (ceil and (size - 1) * s >= n + p))
    fits = len(x.shape) == rank + 2 and min(sizes) > 0
    return sizes if fits else None


@_rule(torch.conv1d, torch.conv2d, torch.conv3d)
def _conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    sizes = _windows(x, weight.shape[2:], stride, padding, dilation)
    if sizes and x.shape[1] == weight.shape[1] * groups and x.dtype is weight.dtype:
        return _new((x.shape[0], weight.shape[0], *sizes), x.dtype)


@_rule(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
def _conv_transpose(
    x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    window = weight.shape[2:]
    settings = [_tuple(s, len(window)) for s in (stride, padding, output_padding, dilation)]
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, k, s, p, extra, d in zip(x.shape[2:], window, *settings)
    ]
    late = [e >= max(s, d) for s, _, e, d in zip(*settings)]
    fits = x.shape[1] == weight.shape[0] and len(x.shape) == len(window) + 2
    if fits and x.dtype is weight.dtype and min(sizes) > 0 and not any(late):
        return _new((x.shape[0], weight.shape[1] * groups, *sizes), x.dtype)


@_rule(F.interpolate)
def _interpolate(x, size=None, scale_factor=None, **others):
    if size is None:
        size = [int(n * f) for n, f in zip(x.shape[2:], _tuple(scale_factor, x.ndim - 2))]
    return _new((*x.shape[:2], *_tuple(size, x.ndim - 2)), x.dtype)


@_rule(torch.max_pool2d, torch.max_pool3d)
def _max_pool(x, window, stride, padding=0, dilation=1, ceil_mode=False):
    rank = len(x.shape) - 2
    window, padding = _tuple(window, rank), _tuple(padding, rank)
    sizes = _windows(x, window, stride, padding, dilation, ceil_mode)
    if sizes and all(2 * p <= k for p, k in zip(padding, window)):
        return _new((*x.shape[:2], *sizes), x.dtype)


@_rule(F.avg_pool2d, F.avg_pool3d)
def _avg_pool(x, window, stride, padding=0, ceil_mode=False, count_include_pad=True):
    return _max_pool(x, window, stride, padding, 1, ceil_mode)


# ---- layers' own ------------------------------------------------------------------------------


@_rule(torch.embedding)
def _embedding(weight, indices):
    return _new((*indices.shape, *weight.shape[1:]), weight.dtype)


@_rule(F.embedding)
def _lookup(indices, weight, **settings):
    return _embedding(weight, indices)


@_rule(torch.batch_norm)
def _batch_norm(x, weight, bias, mean, var, training, momentum, eps, cudnn_enabled):
    return _like(x)


@_rule(torch.native_batch_norm)
def _native_batch_norm(x, weight, bias, mean, var, training, momentum, eps):
    return (_like(x), _new((x.shape[1],), x.dtype), _new((x.shape[1],), x.dtype))


@_rule(torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
def _recurrent(x, states, params, has_biases, layers, dropout, train, bidirectional, batch_first):
    several = isinstance(states, (list, tuple))
    first = states[0] if several else states
    units = first.shape[-1] * (2 if bidirectional else 1)
    outputs = _new((*x.shape[:2], units), x.dtype)
    return (outputs, *map(_like, states)) if several else (outputs, _like(states))


# Those whose results do not depend on all arguments.
_NOT_SMOOTH = {torch.zeros_like, torch.ones_like, torch.batch_norm, torch.native_batch_norm}


@_rule(F.cross_entropy)
def _cross_entropy(x, target, reduction="mean", **others):
    if reduction != "none":
        return _new((), x.dtype)
    return _new(x.shape[:1] + x.shape[2:], x.dtype)


@_rule(torch.binary_cross_entropy_with_logits)
def _binary_cross_entropy(x, target, weight, pos_weight, reduction):
    return None if x.shape != target.shape else _new((), x.dtype) if reduction else _like(x)
