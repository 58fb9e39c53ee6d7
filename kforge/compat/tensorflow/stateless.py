"""Random numbers of a seed alone: the same ones whenever an operation runs.

They are torch's, not TensorFlow's.
"""

import torch

from ...backend.values import factory
from ...devices import current_device
from ...dtypes import torch_dtype
from .values import known

__all__ = ["stateless_normal", "stateless_truncated_normal", "stateless_uniform"]


def _filled(draw):
    """An operation that makes a tensor, and has `draw(tensor, generator)` fill it."""

    def make(shape, seed, dtype):
        first, second = known(seed)
        generator = torch.Generator().manual_seed((first << 32 ^ second) % 2**63)
        value = torch.empty([int(n) for n in shape], dtype=dtype)
        return draw(value, generator).to(current_device())

    return make


def stateless_uniform(shape, seed, minval=0, maxval=None, dtype="float32"):
    """Values evenly distributed in [minval, maxval); whole numbers need a `maxval`."""
    dtype = torch_dtype(dtype)
    low, high = known(minval), known(1 if maxval is None and dtype.is_floating_point else maxval)
    if high is None:
        raise ValueError("stateless_uniform: whole numbers need a `maxval`.")
    if not dtype.is_floating_point:
        make = _filled(lambda x, generator: x.random_(low, high, generator=generator))
    else:
        make = _filled(lambda x, generator: x.uniform_(low, high, generator=generator))
    return factory(make, shape, seed, dtype, dtype=dtype)


def stateless_normal(shape, seed, mean=0.0, stddev=1.0, dtype="float32"):
    """Normally distributed values."""
    mean, stddev, dtype = known(mean), known(stddev), torch_dtype(dtype)
    make = _filled(lambda x, generator: x.normal_(mean, stddev, generator=generator))
    return factory(make, shape, seed, dtype, dtype=dtype)


def stateless_truncated_normal(shape, seed, mean=0.0, stddev=1.0, dtype="float32"):
    """Normally distributed values, none further than two standard deviations from the mean."""
    mean, stddev, dtype = known(mean), known(stddev), torch_dtype(dtype)
    low, high = mean - 2 * stddev, mean + 2 * stddev

    def draw(x, generator):
        return torch.nn.init.trunc_normal_(x, mean, stddev, low, high, generator)

    return factory(_filled(draw), shape, seed, dtype, dtype=dtype)
