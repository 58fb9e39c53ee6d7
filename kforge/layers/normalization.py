"""Normalization of batches and of samples."""

import torch

from .. import backend as K
from .. import symbolic
from ..backend.values import apply
from ..engine import InputSpec, Layer

__all__ = ["BatchNormalization", "LayerNormalization"]


class BatchNormalization(Layer):
    """Normalizes along `axis`: with the batch's mean and variance in training, else with moving
    ones, to which training makes the batch's contribute ``1 - momentum``.

    While `trainable` is False the moving statistics stay as they are, but training still
    normalizes with the batch's, as in Keras 2.

    Shape: that of the input. Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._keep(locals())
        self.supports_masking = True

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"Layer {self.name}: `axis` must be an axis of the input. Got axis={self.axis} for "
                f"the shape {tuple(input_shape)}."
            )
        dim = input_shape[self.axis]
        if dim is None:
            raise ValueError(
                f"Layer {self.name}: axis {self.axis} of the input should have a defined "
                f"dimension, but the layer received an input with shape {tuple(input_shape)}."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: dim})
        self.gamma = self._add_parameter("gamma", (dim,)) if self.scale else None
        self.beta = self._add_parameter("beta", (dim,)) if self.center else None
        for name in ("moving_mean", "moving_variance"):
            initializer = getattr(self, f"{name}_initializer")
            statistic = self.add_weight(name, (dim,), initializer=initializer, trainable=False)
            setattr(self, name, statistic)
        self.built = True

    def call(self, inputs, training=None):
        rank = len(inputs.shape)
        axis = self.axis % rank
        # torch normalizes along axis 1. Images with channels last are permuted, which costs
        # nothing; sequences, for which torch has no such format, become one long batch.
        flat = rank == 3 and axis == 2
        order = (0, axis, *(i for i in range(1, rank) if i != axis))
        x = torch.flatten(inputs, 0, 1) if flat else _permute(inputs, order)
        fused = rank == 4 and axis == 3

        def train():
            normed, mean, invstd = torch.native_batch_norm(
                x, self.gamma, self.beta, None, None, True, 0.0, self.epsilon
            )
            if self.trainable or not symbolic.is_executing():
                variance = apply(_moving_variance, x, invstd, self.epsilon, fused)
                self.add_update(
                    [
                        K.moving_average_update(self.moving_mean, mean, self.momentum),
                        K.moving_average_update(self.moving_variance, variance, self.momentum),
                    ],
                    inputs,
                )
            return normed

        def test():
            statistics = self.moving_mean, self.moving_variance
            # The momentum counts in exported models only, when they are trained.
            settings = False, 1.0 - self.momentum, self.epsilon, torch.backends.cudnn.enabled
            return torch.batch_norm(x, self.gamma, self.beta, *statistics, *settings)

        normed = K.in_train_phase(train, test, training=training)
        if flat:
            return normed.view_as(inputs)
        return _permute(normed, [order.index(i) for i in range(rank)])

    def compute_output_shape(self, input_shape):
        return input_shape


class LayerNormalization(Layer):
    """Normalizes each sample over `axis`, one or several, by its own mean and variance.

    A layer of tf.keras. Shape: that of the input. Ba et al., 2016, https://arxiv.org/abs/1607.06450
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._keep(locals())
        self.supports_masking = True

    def _axes(self, rank):
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        if any(not -rank <= a < rank for a in axes):
            raise ValueError(
                f"Layer {self.name}: `axis` must name axes of the input. Got axis={self.axis} for "
                f"an input of rank {rank}."
            )
        return sorted(a % rank for a in axes)

    def build(self, input_shape):
        shape = tuple(input_shape[a] for a in self._axes(len(input_shape)))
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: the sizes of the axes {self.axis} must be known. Got the "
                f"input shape {tuple(input_shape)}."
            )
        self.gamma = self._add_parameter("gamma", shape) if self.scale else None
        self.beta = self._add_parameter("beta", shape) if self.center else None
        self.built = True

    def call(self, inputs):
        rank = len(inputs.shape)
        axes = self._axes(rank)
        others = [i for i in range(rank) if i not in axes]
        order = (*others, *axes)
        shape = [inputs.shape[a] for a in axes]
        normed = torch.layer_norm(
            _permute(inputs, order), shape, self.gamma, self.beta, self.epsilon
        )
        return _permute(normed, [order.index(i) for i in range(rank)])

    def compute_output_shape(self, input_shape):
        return input_shape


def _permute(x, order):
    order = tuple(order)
    return x if order == tuple(range(len(order))) else torch.permute(x, order)


def _moving_variance(x, invstd, epsilon, fused):
    """What Keras lets the moving variance follow: the batch's, times n / (n - (1 + epsilon)).

    For images with channels last TensorFlow's fused kernel has taken it times n / (n - 1) before.
    """
    if x.is_meta:
        return invstd
    variance = torch.clamp(torch.pow(invstd, -2) - epsilon, min=0.0)
    n = x.numel() // max(invstd.numel(), 1)
    factor = n / (n - (1.0 + epsilon)) * (n / max(n - 1, 1) if fused else 1.0)
    return variance * factor
