"""Projections that weights go through after each update, and finding them by name."""

import torch

from . import config
from .registry import Configurable, Registry
from .symbolic import as_tensor

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "maxnorm",
    "min_max_norm",
    "non_neg",
    "nonneg",
    "serialize",
    "unit_norm",
    "unitnorm",
]

_registry = Registry("constraint", instantiate=True)


class Constraint(Configurable):
    """A function from a weight to its new value."""

    def __call__(self, w):
        return w


class _Norm(Constraint):
    """Scales weights so that their L2 norms along `axis` become what `wanted` says."""

    def __call__(self, w):
        w = as_tensor(w)
        axes = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        norms = torch.sqrt(torch.sum(torch.square(w), dim=axes, keepdim=True))
        return w * (self.wanted(norms) / (config.epsilon() + norms))


@_registry.register
class MaxNorm(_Norm):
    """Norms of at most `max_value` along `axis` (0 for Dense, [0, 1, 2] for Conv2D kernels)."""

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def wanted(self, norms):
        """The norms that these become."""
        return torch.clamp(norms, 0, self.max_value)


@_registry.register
class NonNeg(Constraint):
    """No negative weights."""

    def __call__(self, w):
        w = as_tensor(w)
        return w * (w >= 0.0).to(w.dtype)


@_registry.register
class UnitNorm(_Norm):
    """Norms of 1 along `axis`."""

    def __init__(self, axis=0):
        self.axis = axis

    def wanted(self, norms):
        """The norms that these become."""
        return 1.0


@_registry.register
class MinMaxNorm(_Norm):
    """Norms between two bounds along `axis`; `rate` below 1 only moves them towards that."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def wanted(self, norms):
        """The norms that these become."""
        clipped = torch.clamp(norms, self.min_value, self.max_value)
        return self.rate * clipped + (1 - self.rate) * norms


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm
_registry.alias(
    max_norm=MaxNorm,
    maxnorm=MaxNorm,
    non_neg=NonNeg,
    nonneg=NonNeg,
    unit_norm=UnitNorm,
    unitnorm=UnitNorm,
    min_max_norm=MinMaxNorm,
)


def serialize(constraint):
    """The config of a constraint, or the name of a function."""
    return _registry.serialize(constraint)


def deserialize(config, custom_objects=None):
    """The constraint of a name or config."""
    return _registry.deserialize(config, custom_objects)


def get(identifier):
    """A constraint from a name, a config, or itself; None stays None."""
    return _registry.get(identifier)
