"""Penalties on weights and outputs, and finding them by name."""

import numpy as np
import torch

from . import config
from .registry import Configurable, Registry
from .symbolic import as_tensor

__all__ = ["L1L2", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]

_registry = Registry("regularizer", instantiate=True)


class Regularizer(Configurable):
    """A function from a tensor to a scalar that is added to the loss."""

    def __call__(self, x):
        return 0.0


@_registry.register
class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x ** 2)``; the factors are arrays of one number."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = (np.asarray(config.cast_to_floatx(factor)) for factor in (l1, l2))

    def __call__(self, x):
        x = as_tensor(x)
        penalty, l1, l2 = 0.0, float(self.l1), float(self.l2)
        if l1:
            penalty = l1 * torch.sum(torch.abs(x)) + penalty
        if l2:
            penalty = l2 * torch.sum(torch.square(x)) + penalty
        return penalty


@_registry.factory
def l1(l=0.01):  # noqa: E741 - Keras's name
    """``l * sum(abs(x))``."""
    return L1L2(l1=l)


@_registry.factory
def l2(l=0.01):  # noqa: E741 - Keras's name
    """``l * sum(x ** 2)``."""
    return L1L2(l2=l)


@_registry.factory
def l1_l2(l1=0.01, l2=0.01):
    """``l1 * sum(abs(x)) + l2 * sum(x ** 2)``."""
    return L1L2(l1=l1, l2=l2)


# The classes that tf.keras writes into its files.
@_registry.factory
def L1(l1=0.01):
    """``l1 * sum(abs(x))``."""
    return L1L2(l1=l1)


@_registry.factory
def L2(l2=0.01):
    """``l2 * sum(x ** 2)``."""
    return L1L2(l2=l2)


def serialize(regularizer):
    """The config of a regularizer, or the name of a function."""
    return _registry.serialize(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer of a name or config."""
    return _registry.deserialize(config, custom_objects)


def get(identifier):
    """A regularizer from a name, a config, or itself; None stays None."""
    return _registry.get(identifier)
