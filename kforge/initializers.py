"""First values of weights, and finding initializers by name.

An initializer is called with a shape and a dtype and gives a torch tensor in Keras's layout.
"""

import contextlib
import contextvars
import math

import numpy as np
import torch

from .backend.random import new_seed, numpy_stream
from .devices import current_device
from .dtypes import torch_dtype
from .philox import fill_normal, fill_truncated_normal, fill_uniform
from .registry import Configurable, Registry
from .symbolic import as_tensor

__all__ = [
    "Constant",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deferred",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "one",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "uniform",
    "zero",
    "zeros",
]

_registry = Registry("initializer", instantiate=True)


class Initializer(Configurable):
    """A function from a shape to the first value of a weight."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must implement `__call__`.")


@_registry.register
class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape, dtype=None):
        return torch.zeros(tuple(shape), dtype=torch_dtype(dtype))


@_registry.register
class Ones(Initializer):
    """All 1."""

    def __call__(self, shape, dtype=None):
        return torch.ones(tuple(shape), dtype=torch_dtype(dtype))


@_registry.register
class Constant(Initializer):
    """All `value`, or the values of an array of as many elements as the weight has."""

    def __init__(self, value=0):
        self.value = value

    def __call__(self, shape, dtype=None):
        value = as_tensor(self.value).to(torch_dtype(dtype))
        if value.numel() == 1:
            return torch.full(tuple(shape), value.item(), dtype=value.dtype)
        if value.numel() != math.prod(shape):
            raise ValueError(
                f"Constant: cannot lay out {value.numel()} values in a weight of shape "
                f"{tuple(shape)}; expected {math.prod(shape)} values, or one."
            )
        return value.reshape(tuple(shape)).clone()


class _Random(Initializer):
    """An initializer that draws; calls of one with a seed draw different values, in a fixed order.

    A seed, also NumPy's global one, gives the values that it gives in Keras on TensorFlow.
    Subclasses implement `fill(x, seed)`.
    """

    _calls = 0

    def __call__(self, shape, dtype=None):
        seed = None if self.seed is None else int(self.seed) + self._calls
        self._calls += 1
        dtype = torch_dtype(dtype)
        drawn = dtype if dtype is torch.float64 else torch.float32
        x = torch.empty(tuple(shape), dtype=drawn, device=current_device())
        return self.draw(x, seed).to(dtype)

    def draw(self, x, seed):
        """Fills `x`; a seed that is None is drawn, too."""
        return self.fill(x, new_seed() if seed is None else seed)


@_registry.register
class RandomNormal(_Random):
    """Normally distributed values."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def fill(self, x, seed):
        """Fills `x`."""
        return fill_normal(x, seed, self.mean, self.stddev)


@_registry.register
class RandomUniform(_Random):
    """Values between two bounds, all equally likely."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def fill(self, x, seed):
        """Fills `x`."""
        return fill_uniform(x, seed, self.minval, self.maxval)


@_registry.register
class TruncatedNormal(_Random):
    """Normally distributed values, those beyond two standard deviations drawn anew."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def fill(self, x, seed):
        """Fills `x`."""
        return fill_truncated_normal(x, seed, self.mean, self.stddev)


# Standard deviation of a normal distribution cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


@_registry.register
class VarianceScaling(_Random):
    """Values whose variance is `scale` divided by the number of inputs, of outputs, or their mean.

    `mode`: "fan_in", "fan_out" or "fan_avg"; `distribution`: "normal" (truncated) or "uniform".
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="normal", seed=None):
        if scale <= 0.0:
            raise ValueError(f"`scale` must be a positive float. Got: {scale}")
        mode, distribution = mode.lower(), distribution.lower()
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                "Invalid `mode` argument: expected one of 'fan_in', 'fan_out', 'fan_avg' but got "
                f"{mode!r}"
            )
        if distribution not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                "Invalid `distribution` argument: expected one of 'normal', 'uniform', "
                f"'truncated_normal', 'untruncated_normal' but got {distribution!r}"
            )
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def fill(self, x, seed):
        """Fills `x`."""
        fan_in, fan_out = _compute_fans(tuple(x.shape))
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return fill_uniform(x, seed, -limit, limit)
        if self.distribution == "untruncated_normal":
            return fill_normal(x, seed, 0.0, math.sqrt(variance))
        stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
        return fill_truncated_normal(x, seed, 0.0, stddev)


@_registry.register
class Orthogonal(_Random):
    """A matrix with orthonormal rows or columns, times `gain` (https://arxiv.org/abs/1312.6120).

    Of a kernel with more axes, all but the last count as rows.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain, self.seed = gain, seed

    def draw(self, x, seed):
        """Fills `x`."""
        shape = tuple(x.shape)
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of at least two axes, got {shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = numpy_stream(seed).normal(size=(rows, columns))
        left, _, right = np.linalg.svd(drawn, full_matrices=False)
        return x.copy_(as_tensor(self.gain * (left if rows >= columns else right)).view(shape))


@_registry.register
class Identity(Initializer):
    """The identity matrix times `gain`; for weights with two axes only."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Got the shape {tuple(shape)}."
            )
        return self.gain * torch.eye(*shape, dtype=torch_dtype(dtype))


def _compute_fans(shape, data_format="channels_last"):
    """Numbers of inputs and of outputs of a unit, by the shape of the kernel."""
    if len(shape) == 2:
        return shape
    if len(shape) not in (3, 4, 5):
        side = math.sqrt(math.prod(shape))
        return side, side
    if data_format == "channels_first":
        field = math.prod(shape[2:])
        return shape[1] * field, shape[0] * field
    if data_format == "channels_last":
        field = math.prod(shape[:-2])
        return shape[-2] * field, shape[-1] * field
    raise ValueError(f"Invalid data_format: {data_format}")


@_registry.factory
def lecun_uniform(seed=None):
    """Uniform with variance 1 / inputs (LeCun et al., Efficient BackProp, 1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


@_registry.factory
def lecun_normal(seed=None):
    """Truncated normal with variance 1 / inputs (https://arxiv.org/abs/1706.02515)."""
    return VarianceScaling(1.0, "fan_in", "normal", seed)


@_registry.factory
def glorot_uniform(seed=None):
    """Uniform with variance 2 / (inputs + outputs) (Glorot & Bengio, AISTATS 2010)."""
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


@_registry.factory
def glorot_normal(seed=None):
    """Truncated normal with variance 2 / (inputs + outputs) (Glorot & Bengio, AISTATS 2010)."""
    return VarianceScaling(1.0, "fan_avg", "normal", seed)


@_registry.factory
def he_uniform(seed=None):
    """Uniform with variance 2 / inputs (https://arxiv.org/abs/1502.01852)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


@_registry.factory
def he_normal(seed=None):
    """Truncated normal with variance 2 / inputs (https://arxiv.org/abs/1502.01852)."""
    return VarianceScaling(2.0, "fan_in", "normal", seed)


zero = zeros = Zeros
one = ones = Ones
constant = Constant
uniform = random_uniform = RandomUniform
normal = random_normal = RandomNormal
truncated_normal = TruncatedNormal
identity = Identity
orthogonal = Orthogonal
_registry.alias(
    zero=Zeros,
    zeros=Zeros,
    one=Ones,
    ones=Ones,
    constant=Constant,
    uniform=RandomUniform,
    random_uniform=RandomUniform,
    normal=RandomNormal,
    random_normal=RandomNormal,
    truncated_normal=TruncatedNormal,
    identity=Identity,
    orthogonal=Orthogonal,
    # As tf.keras calls them in its files.
    LecunUniform=lecun_uniform,
    LecunNormal=lecun_normal,
    GlorotUniform=glorot_uniform,
    GlorotNormal=glorot_normal,
    HeUniform=he_uniform,
    HeNormal=he_normal,
)


class Pending:
    """Weights that were made without their first values, since a file is about to give others."""

    def __init__(self, check):
        self.nbytes = 0
        self._check = check
        self._made = []

    def first_value(self, shape, dtype):
        """One zero, shown as many."""
        self.nbytes += math.prod(shape) * torch_dtype(dtype).itemsize
        self._check(self.nbytes)
        return torch.zeros((), dtype=torch_dtype(dtype)).expand(shape)

    def add(self, variable, initializer, dtype):
        """Remembers what the first value of `variable` would have been."""
        self._made.append((variable, initializer, dtype))

    def finish(self, given):
        """Gives the weights that are not among `given` their first values after all."""
        given = {id(variable) for variable in given}
        for variable, initializer, dtype in self._made:
            if id(variable) not in given:
                variable.assign(initializer(variable._keras_shape, dtype=dtype))


_pending = contextvars.ContextVar("pending", default=None)
pending = _pending.get


@contextlib.contextmanager
def deferred(check):
    """Within it, `add_weight` makes weights without first values; gives their `Pending`.

    `check` is called with the bytes of all of them so far before each is made, and may object.
    """
    made = Pending(check)
    token = _pending.set(made)
    try:
        yield made
    finally:
        _pending.reset(token)


def serialize(initializer):
    """The config of an initializer, or the name of a function."""
    return _registry.serialize(initializer)


def deserialize(config, custom_objects=None):
    """The initializer of a name or config."""
    if isinstance(config, dict) and "dtype" in (config.get("config") or ()):
        arguments = {k: v for k, v in config["config"].items() if k != "dtype"}
        config = {**config, "config": arguments}  # tf.keras 1.x wrote a dtype that means nothing
    return _registry.deserialize(config, custom_objects)


def get(identifier):
    """An initializer from a name, a config, or itself; None stays None."""
    return deserialize(identifier) if isinstance(identifier, dict) else _registry.get(identifier)
