"""Activation functions, and finding them by name."""

import warnings

import torch
from torch.nn import functional as F

from . import backend as K
from .registry import Registry
from .symbolic import as_tensor

__all__ = [
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "linear",
    "relu",
    "selu",
    "serialize",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

_registry = Registry("activation function")

elu, hard_sigmoid, relu, sigmoid, softplus, softsign, tanh = map(
    _registry.register,
    (K.elu, K.hard_sigmoid, K.relu, K.sigmoid, K.softplus, K.softsign, K.tanh),
)


@_registry.register
def softmax(x, axis=-1):
    """``exp(x)``, normalised along `axis`; along the last one where `x` has two, as in Keras.

    Raises `ValueError` for a 1-D `x`.
    """
    x = as_tensor(x)
    if len(x.shape) < 2:
        raise ValueError(f"Cannot apply softmax to a tensor that is 1D. Received input: {x}")
    return K.softmax(x, axis=axis if len(x.shape) > 2 else -1)


@_registry.register
def selu(x):
    """Scaled `elu` that keeps mean and variance, with `lecun_normal` weights.

    See https://arxiv.org/abs/1706.02515.
    """
    return F.selu(as_tensor(x))


@_registry.register
def exponential(x):
    """``exp(x)``."""
    return K.exp(x)


@_registry.register
def linear(x):
    """`x` itself."""
    return x


def swish(x):
    """``x * sigmoid(x)`` (https://arxiv.org/abs/1710.05941)."""
    return F.silu(as_tensor(x))


_registry.register(swish, "silu")


@_registry.register
def gelu(x):
    """`x` times the normal distribution function of `x` (https://arxiv.org/abs/1606.08415)."""
    return F.gelu(as_tensor(x))


def serialize(activation):
    """The name of an activation function."""
    return _registry.serialize(activation)


def deserialize(name, custom_objects=None):
    """The activation function of a name; `ValueError` if there is none."""
    return _registry.deserialize(name, custom_objects)


def get(identifier):
    """An activation function from its name, or itself; None is `linear`."""
    if identifier is None:
        return linear
    if isinstance(identifier, torch.nn.Module):
        warnings.warn(
            f"Do not pass a layer (here {identifier!r}) as the activation of another layer: it is "
            "not saved as one. Add it to the model as a layer of its own.",
            stacklevel=2,
        )
    return _registry.get(identifier)
