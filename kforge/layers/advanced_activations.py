"""Activations with settings or weights."""

import torch

from .. import activations
from .. import backend as K
from ..engine import InputSpec, Layer

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"]


class _Activation(Layer):
    """A function of each element. Shape: that of the input."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape


class LeakyReLU(_Activation):
    """`x` where positive, else ``alpha * x``."""

    def __init__(self, alpha=0.3, **kwargs):
        super().__init__(**kwargs)
        self.alpha = float(K.cast_to_floatx(alpha))

    def call(self, inputs):
        return K.relu(inputs, alpha=self.alpha)


class PReLU(_Activation):
    """`x` where positive, else ``alpha * x`` with a learned `alpha` for each element of a sample.

    It is the same along `shared_axes`. He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    def __init__(
        self,
        alpha_initializer="zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._keep(locals())
        if isinstance(shared_axes, int):
            self.shared_axes = [shared_axes]
        elif shared_axes is not None:
            self.shared_axes = list(shared_axes)

    def build(self, input_shape):
        shared = self.shared_axes or ()
        if any(axis >= len(input_shape) for axis in shared):
            raise IndexError(
                f"Layer {self.name}: `shared_axes` must be axes of the input. Got {shared} for the "
                f"shape {tuple(input_shape)}."
            )
        shape = [1 if i in shared else n for i, n in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: sizes must be known along axes that are not in `shared_axes`="
                f"{self.shared_axes}; got the shape {tuple(input_shape)}."
            )
        self.alpha = self._add_parameter("alpha", shape)
        axes = {i: n for i, n in enumerate(input_shape) if i and i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        self.built = True

    def call(self, inputs, mask=None):
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)


class ELU(_Activation):
    """`x` where positive, else ``alpha * (exp(x) - 1)`` (https://arxiv.org/abs/1511.07289)."""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = float(K.cast_to_floatx(alpha))

    def call(self, inputs):
        return K.elu(inputs, self.alpha)


class ThresholdedReLU(_Activation):
    """`x` where greater than `theta`, else 0 (https://arxiv.org/abs/1402.3337)."""

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = float(K.cast_to_floatx(theta))

    def call(self, inputs, mask=None):
        return inputs * K.cast(torch.gt(inputs, self.theta), inputs.dtype)


class Softmax(_Activation):
    """Exponentials that sum to 1 along `axis`."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        return activations.softmax(inputs, axis=self.axis)


class ReLU(_Activation):
    """`x` from `threshold` to `max_value`; below, ``negative_slope * (x - threshold)``."""

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(f"max_value of ReLU layer cannot be negative value: {max_value}")
        if negative_slope < 0.0:
            raise ValueError(
                f"negative_slope of ReLU layer cannot be negative value: {negative_slope}"
            )
        self.max_value = None if max_value is None else K.cast_to_floatx(max_value)
        self.negative_slope = K.cast_to_floatx(negative_slope)
        self.threshold = K.cast_to_floatx(threshold)

    def call(self, inputs):
        return K.relu(
            inputs,
            alpha=float(self.negative_slope),
            max_value=None if self.max_value is None else float(self.max_value),
            threshold=float(self.threshold),
        )
