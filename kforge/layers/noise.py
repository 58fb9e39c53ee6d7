"""Noise, added or multiplied in training only."""

import math

import torch

from .. import backend as K
from ..backend.random import stream
from ..backend.values import apply
from ..engine import Layer

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]


def _normal_like(x, mean, stddev, generator):
    if x.is_meta:
        return x.new_empty(x.shape)
    return torch.empty_like(x).normal_(mean, stddev, generator=generator)


class _Noise(Layer):
    """Passes the input on, but in training changes it as `_disturbed(inputs)` says."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape


class GaussianNoise(_Noise):
    """In training, adds normal noise of standard deviation `stddev`."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = stddev

    def call(self, inputs, training=None):
        def noised():
            return inputs + apply(_normal_like, inputs, 0.0, self.stddev, stream(None))

        return K.in_train_phase(noised, inputs, training=training)


class GaussianDropout(_Noise):
    """In training, multiplies by normal noise with mean 1 and the variance that dropout has.

    Srivastava et al., 2014, http://www.jmlr.org/papers/volume15/srivastava14a/srivastava14a.pdf
    """

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, training=None):
        if not 0 < self.rate < 1:
            return inputs

        def noised():
            stddev = math.sqrt(self.rate / (1.0 - self.rate))
            return inputs * apply(_normal_like, inputs, 1.0, stddev, stream(None))

        return K.in_train_phase(noised, inputs, training=training)


class AlphaDropout(_Noise):
    """In training, sets a fraction `rate` to the least value of `selu`; mean and variance stay.

    `noise_shape`: shape of the mask, with 1 where it is shared (None entries: the input's size).
    Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._keep(locals())

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs

        def dropped():
            kept = apply(_bernoulli, inputs, 1.0 - self.rate, self.noise_shape, stream(self.seed))
            least = -1.6732632423543772 * 1.0507009873554805  # selu(-inf)
            scale = ((1.0 - self.rate) * (1.0 + self.rate * least**2)) ** -0.5
            shift = -scale * least * self.rate
            return torch.where(kept, scale * inputs, scale * least) + shift

        return K.in_train_phase(dropped, inputs, training=training)


def _bernoulli(x, p, noise_shape, generator):
    sizes = x.shape if noise_shape is None else noise_shape
    sizes = [int(n if s is None else s) for s, n in zip(sizes, x.shape)]
    if x.is_meta:
        return x.new_empty(sizes, dtype=torch.bool)
    return x.new_empty(sizes).uniform_(generator=generator).lt(p)
