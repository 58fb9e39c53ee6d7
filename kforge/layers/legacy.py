"""Layers of Keras 1 that later versions kept for old models."""

import torch

from .. import initializers
from ..compat.arguments import replaced
from ..engine import InputSpec, Layer
from ..engine.layer import layers
from .convolutional import Conv1D, Conv2D
from .core import Dense
from .variants import without

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "Highway",
    "MaxoutDense",
    "TimeDistributedDense",
]


class MaxoutDense(Layer):
    """The greatest of `nb_feature` linear functions (https://arxiv.org/abs/1302.4389).

    Shape: (batch, features) -> (batch, output_dim).
    """

    @without("weights")
    def __init__(
        self,
        output_dim,
        nb_feature=4,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        super().__init__(**_base_arguments(weights, input_dim, kwargs))
        self._keep({k: v for k, v in locals().items() if k != "weights"})
        self.init = initializers.get(init)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self.W = _matrix(self, "W", (self.nb_feature, features, self.output_dim))
        self.b = _vector(self, "b", (self.nb_feature, self.output_dim)) if self.bias else None
        self.built = True

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def call(self, x):
        outputs = torch.einsum("bi,nio->bno", x, self.W)
        return torch.amax(outputs if self.b is None else outputs + self.b, 1)

    def get_config(self):
        return {**super().get_config(), "init": initializers.serialize(self.init)}


class Highway(Layer):
    """Between its input and a dense layer of it, as a gate decides (arXiv:1505.00387).

    Shape: (batch, features), unchanged.
    """

    @without("weights")
    def __init__(
        self,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        super().__init__(**_base_arguments(weights, input_dim, kwargs))
        self._keep({k: v for k, v in locals().items() if k != "weights"})
        self.init = initializers.get(init)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self.W = _matrix(self, "W", (features, features))
        self.W_carry = _matrix(self, "W_carry", (features, features))
        self.b = self.b_carry = None
        if self.bias:
            self.b = _vector(self, "b", (features,))
            self.b_carry = _vector(self, "b_carry", (features,), "ones")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        gate, changed = torch.matmul(x, self.W_carry), torch.matmul(x, self.W)
        if self.bias:
            gate, changed = gate + self.b_carry, changed + self.b
        return torch.lerp(x, self.activation(changed), torch.sigmoid(gate))

    def get_config(self):
        return {**super().get_config(), "init": initializers.serialize(self.init)}


def _base_arguments(weights, input_dim, kwargs):
    """What Layer's constructor takes, of the arguments of Keras 1."""
    if input_dim:
        kwargs["input_shape"] = (input_dim,)
    return kwargs if weights is None else {**kwargs, "weights": weights}


def _matrix(layer, name, shape):
    return layer.add_weight(
        name,
        shape,
        initializer=layer.init,
        regularizer=layer.W_regularizer,
        constraint=layer.W_constraint,
    )


def _vector(layer, name, shape, initializer="zeros"):
    return layer.add_weight(
        name,
        shape,
        initializer=initializer,
        regularizer=layer.b_regularizer,
        constraint=layer.b_constraint,
    )


# ---- classes that are others now --------------------------------------------------------------

AtrousConvolution1D = replaced("AtrousConvolution1D", Conv1D)
AtrousConvolution2D = replaced("AtrousConvolution2D", Conv2D)
TimeDistributedDense = replaced("TimeDistributedDense", Dense)

for _function in (AtrousConvolution1D, AtrousConvolution2D, TimeDistributedDense):
    layers.register(_function)
