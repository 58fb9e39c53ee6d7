"""Random tensors: new values each time that they are computed.

With a seed, an operation has a stream of its own. Without one it draws from torch's, which follows
NumPy's unless the script seeds torch itself: scripts for Keras make runs repeatable by
``np.random.seed``.
"""

import math

import numpy as np
import torch

from .. import philox, symbolic
from ..devices import current_device
from ..dtypes import torch_dtype
from .values import factory, sizes
from .variables import variable

__all__ = [
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "truncated_normal",
]

# Streams of seeded operations in code that runs on values, where no operation is recorded that
# could hold one: {(seed, device): generator}.
_streams = {}

# The seed of torch's own stream, as long as no script has chosen it: that which the process began
# with, which has many digits, or the last that was taken from NumPy's stream.
_unchosen = [torch.initial_seed() if torch.initial_seed() >= 2**32 else None]

# The seed that a script chose for TensorFlow's graph, where it also is that of torch's stream; the
# seeds of the graph's operations; and NumPy's state when the process began: as long as it is that,
# no script has chosen it.
_of_graph = [None]
_of_operations = torch.Generator()
_BEGAN = np.random.get_state()[1]


def set_graph_seed(seed):
    """Seeds what a seed of TensorFlow's graph does: operations and, beside NumPy, first weights.

    None: the graph has no seed.
    """
    _of_graph[0] = seed
    philox.set_graph_seed(seed)
    if seed is not None:
        torch.manual_seed(seed)
        _of_operations.manual_seed(seed)


def operation_seed(seed=None):
    """The seed of an operation of TensorFlow's: without one the next of the graph, if that has a
    seed. NumPy's stream is left alone then; only Keras draws from it."""
    if seed is None and _of_graph[0] is not None and not symbolic.is_executing():
        return torch.randint(2**31, (), generator=_of_operations).item()
    return seed


def forget_streams():
    """Seeded operations in code that runs on values begin again; the graph has no seed."""
    _streams.clear()
    philox.set_graph_seed(None)


def stream(seed):
    """The generator for an operation with this seed; None means torch's own stream."""
    if seed is None:
        if not symbolic.is_executing():
            _follow_numpy()
        return None
    device = current_device()
    if not symbolic.is_executing():
        return torch.Generator(device).manual_seed(int(seed))
    if (seed, device) not in _streams:
        _streams[seed, device] = torch.Generator(device).manual_seed(int(seed))
    return _streams[seed, device]


def _follow_numpy():
    if _follows_numpy():
        seed = _seed_of(np.random)
        if torch.initial_seed() != _of_graph[0]:
            _unchosen[0] = seed
            torch.manual_seed(seed)


def _follows_numpy():
    """Whether seeds are drawn from NumPy's stream: unless a script chose that of torch alone."""
    chosen = torch.initial_seed()
    if chosen == _of_graph[0]:
        return not np.array_equal(np.random.get_state()[1], _BEGAN)
    return chosen == _unchosen[0]


def _seed_of(numbers, most=10**7):
    return numbers.randint(most)  # as many seeds as Keras chose from, to draw as Keras does


def pass_over_number(most):
    """Draws the number below `most` that Keras draws here from NumPy's stream, to no effect."""
    if not symbolic.is_executing() and _follows_numpy():
        _seed_of(np.random, most)


def numpy_stream(seed=None):
    """NumPy's random numbers: of a seed; or the global ones, unless the script seeds torch."""
    if seed is None and _follows_numpy():
        return np.random
    return np.random.RandomState(torch.randint(2**32, ()).item() if seed is None else seed)


def new_seed():
    """A seed for what has none, as Keras draws it from NumPy's stream."""
    return _seed_of(numpy_stream())


def _draw(method, shape, dtype, seed, *args):
    dtype = torch_dtype(dtype)
    generator = stream(seed)
    return factory(_random, shape, method, dtype, current_device(), generator, args, dtype=dtype)


def _random(shape, method, dtype, device, generator, args):
    return method(torch.empty(sizes(shape), dtype=dtype, device=device), generator, *args)


def fill_normal(x, generator, mean, stddev):
    return x.normal_(generator=generator).mul_(stddev).add_(mean)


def fill_uniform(x, generator, low, high):
    if not x.dtype.is_floating_point:
        return x.random_(int(low), int(high), generator=generator)
    return x.uniform_(generator=generator).mul_(high - low).add_(low)


def _binomial(x, generator, p):
    return torch.empty_like(x, dtype=torch.float32).uniform_(generator=generator).lt(p).to(x.dtype)


def fill_truncated_normal(x, generator, mean, stddev):
    # Values beyond two standard deviations are not drawn: uniform quantiles between them.
    bound = math.erf(math.sqrt(2.0))
    x = x.uniform_(-bound, bound, generator=generator).erfinv_().mul_(math.sqrt(2.0))
    return x.clamp_(-2.0, 2.0).mul_(stddev).add_(mean)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed values."""
    return _draw(fill_normal, shape, dtype, seed, mean, stddev)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Values evenly distributed in [minval, maxval); integers for an integer dtype."""
    return _draw(fill_uniform, shape, dtype, seed, minval, maxval)


def random_binomial(shape, p=0.0, dtype=None, seed=None):
    """Ones with probability `p`, else zeros."""
    return _draw(_binomial, shape, dtype, seed, p)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normally distributed values, none further than two standard deviations from the mean."""
    return _draw(fill_truncated_normal, shape, dtype, seed, mean, stddev)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A variable with values evenly distributed in [low, high)."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A variable with normally distributed values of standard deviation `scale`."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)
