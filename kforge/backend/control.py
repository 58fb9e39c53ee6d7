"""Choosing between values: `switch` and the learning phase. And looking at them on the way."""

import torch

from .. import operations, symbolic
from ..symbolic import KerasTensor
from ..variable import as_numpy
from .compiled import learning_phase
from .values import apply, recorded, tensor
from .variables import cast

__all__ = ["in_test_phase", "in_train_phase", "print_tensor", "switch"]


def _value(x):
    return tensor(x() if callable(x) else x)


def in_train_phase(x, alt, training=None):
    """`x` in the training phase, else `alt`; either may be a function that gives it.

    `training` is a number, True or False, or a tensor; None means the learning phase.
    """
    if training is None:
        training = learning_phase()
    if isinstance(training, KerasTensor):
        if training is operations.learning_phase():
            return operations.select(_value(x), _value(alt))
        return switch(training, x, alt)
    return _value(x if training else alt)


def in_test_phase(x, alt, training=None):
    """`x` in the test phase, else `alt`; see `in_train_phase`."""
    return in_train_phase(alt, x, training)


def switch(condition, then_expression, else_expression):
    """Elements of one tensor where `condition` is true or not 0, else of the other.

    A condition with fewer axes decides over whole rows; without axes, over the whole tensor.
    Either tensor may be given as a function.
    """
    condition = cast(condition, torch.bool)
    then, other = _value(then_expression), _value(else_expression)
    ndim = len(condition.shape)
    if not ndim and tuple(then.shape) != tuple(other.shape):
        return _choose(condition, then, other)
    if ndim > len(then.shape):
        raise ValueError(
            "Rank of `condition` should be less than or equal to rank of `then_expression` and "
            f"`else_expression`. ndim(condition)={ndim}, ndim(then_expression)={len(then.shape)}"
        )
    for _ in range(len(then.shape) - ndim if ndim else 0):
        condition = condition.unsqueeze(-1)
    return torch.where(condition, then, other)


def _choose(condition, then, other):
    """One of two tensors of different shapes, decided in each run."""
    if not recorded(condition, then, other):
        return _pick(condition, then, other)
    shape, shape2 = tuple(then.shape), tuple(other.shape)
    if len(shape) == len(shape2):
        shape = tuple(a if a == b else None for a, b in zip(shape, shape2))
    return symbolic.declared(_pick, (condition, then, other), {}, shape, then.dtype)


def _pick(condition, then, other):
    chosen, rest = (then, other) if condition else (other, then)
    return _Chosen.apply(chosen, rest) if rest.requires_grad else chosen


class _Chosen(torch.autograd.Function):
    """The first of two tensors; the gradient of the second is zero, but is there: weights that
    only it depends on are trained in other runs."""

    @staticmethod
    def forward(ctx, chosen, rest):
        ctx.shape = rest.shape
        return chosen.view_as(chosen)

    @staticmethod
    def backward(ctx, grad):
        return grad, grad.new_zeros(ctx.shape)


def print_tensor(x, message=""):
    """`x`; its value is printed after `message` whenever it is computed."""
    return apply(_print, tensor(x), message)


def _print(x, message):
    if not x.is_meta:
        print(message, as_numpy(x))
    return x.view_as(x)
