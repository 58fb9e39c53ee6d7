"""A table of layers: one row for each, for the tests that hold for all of them.

A row has the class, the shape of a sample (a list of shapes for several inputs), the names of the
weights in Keras's order, and the arguments. An argument that is a function is called for its value.
"""

import dataclasses

import numpy as np
import torch

from kforge import layers as L


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer in one configuration; `integers` is the bound of inputs that are integers."""

    name: str
    shape: tuple | list
    weights: tuple
    arguments: dict
    integers: int = 0

    def __repr__(self):
        return self.name

    @property
    def shapes(self):
        """Shapes of the inputs, without the batch."""
        return self.shape if isinstance(self.shape, list) else [self.shape]

    def make(self, **changes):
        """A new layer."""
        made = {k: v() if callable(v) else v for k, v in self.arguments.items()}
        return getattr(L, self.name)(**{**made, **changes})

    def call(self, layer, inputs):
        """The layer on a list of tensors."""
        return layer(inputs if isinstance(self.shape, list) else inputs[0])

    def data(self, batch=3, seed=0):
        """Arrays for the inputs."""
        rng = np.random.RandomState(seed)
        if self.integers:
            return [rng.randint(0, self.integers, (batch, *s)) for s in self.shapes]
        return [rng.normal(size=(batch, *s)).astype("float32") for s in self.shapes]


def values(weights, seed=1):
    """Values for weights, all positive since some are variances."""
    rng = np.random.RandomState(seed)
    return [rng.uniform(0.1, 0.9, tuple(w.shape)) for w in weights]


def _row(name, shape, weights="", integers=0, **arguments):
    return Case(name, shape, tuple(weights.split()), arguments, integers)


CONV = {"filters": 4, "kernel_size": 3, "activation": "tanh"}
PAIR = [(4, 3), (4, 3)]
TORCH = "0/weight 0/bias 1/weight 1/bias 1/running_mean 1/running_var 1/num_batches_tracked"


def _torch_module():
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh())


CASES = [
    # core
    _row("Dense", (5,), "kernel bias", units=3, activation="sigmoid"),
    _row("Activation", (5,), activation="tanh"),
    _row("Dropout", (5,), rate=0.4),
    _row("SpatialDropout1D", (4, 3), rate=0.4),
    _row("SpatialDropout2D", (4, 5, 3), rate=0.4),
    _row("SpatialDropout3D", (2, 3, 4, 3), rate=0.4),
    _row("Flatten", (4, 5, 3)),
    _row("Reshape", (4, 3), target_shape=(-1, 2)),
    _row("Permute", (4, 5, 3), dims=(3, 1, 2)),
    _row("RepeatVector", (5,), n=3),
    _row("Masking", (4, 3), mask_value=0.0),
    _row("ActivityRegularization", (5,), l1=0.1, l2=0.2),
    _row("Lambda", (5,), function=lambda: square),
    # convolutional
    _row("Conv1D", (8, 3), "kernel bias", padding="causal", dilation_rate=2, **CONV),
    _row("Conv2D", (7, 6, 3), "kernel bias", strides=2, padding="same", **CONV),
    _row("Conv3D", (4, 5, 6, 3), "kernel bias", padding="same", **CONV),
    _row("Conv2DTranspose", (4, 5, 3), "kernel bias", strides=2, padding="same", **CONV),
    _row("Conv3DTranspose", (2, 3, 4, 3), "kernel bias", strides=2, output_padding=1, **CONV),
    _row(
        "SeparableConv1D",
        (8, 3),
        "depthwise_kernel pointwise_kernel bias",
        depth_multiplier=2,
        **CONV,
    ),
    _row(
        "SeparableConv2D",
        (7, 6, 3),
        "depthwise_kernel pointwise_kernel bias",
        strides=2,
        padding="same",
        **CONV,
    ),
    _row("DepthwiseConv2D", (7, 6, 3), "depthwise_kernel bias", kernel_size=3, depth_multiplier=2),
    _row("UpSampling1D", (4, 3), size=3),
    _row("UpSampling2D", (4, 5, 3), size=(2, 3), interpolation="bilinear"),
    _row("UpSampling3D", (2, 3, 4, 3), size=2),
    _row("ZeroPadding1D", (4, 3), padding=(0, 2)),
    _row("ZeroPadding2D", (4, 5, 3), padding=((1, 2), (0, 1))),
    _row("ZeroPadding3D", (2, 3, 4, 3), padding=(1, 0, 2)),
    _row("Cropping1D", (5, 3), cropping=(1, 2)),
    _row("Cropping2D", (4, 5, 3), cropping=((1, 2), (0, 1))),
    _row("Cropping3D", (3, 4, 5, 3), cropping=(1, 0, 2)),
    # pooling
    _row("MaxPooling1D", (7, 3), pool_size=3, padding="same"),
    _row("MaxPooling2D", (7, 6, 3), padding="same"),
    _row("MaxPooling3D", (4, 5, 6, 3), pool_size=(2, 3, 2), strides=(1, 2, 2)),
    _row("AveragePooling1D", (7, 3), padding="same"),
    _row("AveragePooling2D", (7, 6, 3), strides=1, padding="same"),
    _row("AveragePooling3D", (4, 5, 6, 3), padding="same"),
    _row("GlobalMaxPooling1D", (5, 3)),
    _row("GlobalMaxPooling2D", (4, 5, 3)),
    _row("GlobalMaxPooling3D", (2, 3, 4, 3)),
    _row("GlobalAveragePooling1D", (5, 3)),
    _row("GlobalAveragePooling2D", (4, 5, 3)),
    _row("GlobalAveragePooling3D", (2, 3, 4, 3)),
    # local, embeddings, normalization, noise
    _row("LocallyConnected1D", (7, 3), "kernel bias", strides=2, **CONV),
    _row("LocallyConnected2D", (6, 5, 3), "kernel bias", **CONV),
    _row("Embedding", (5,), "embeddings", integers=7, input_dim=7, output_dim=3),
    _row("BatchNormalization", (4, 5, 3), "gamma beta moving_mean moving_variance"),
    _row("LayerNormalization", (4, 5, 3), "gamma beta", axis=[1, -1]),
    _row("GaussianNoise", (5,), stddev=0.3),
    _row("GaussianDropout", (5,), rate=0.3),
    _row("AlphaDropout", (5,), rate=0.3, seed=1),
    # activations
    _row("LeakyReLU", (4, 3), alpha=0.2),
    _row("PReLU", (4, 3), "alpha", shared_axes=[1]),
    _row("ELU", (4, 3), alpha=0.5),
    _row("ThresholdedReLU", (4, 3), theta=0.3),
    _row("Softmax", (4, 3), axis=1),
    _row("ReLU", (4, 3), max_value=1.0, negative_slope=0.1, threshold=0.2),
    # merge
    _row("Add", PAIR),
    _row("Subtract", PAIR),
    _row("Multiply", [*PAIR, (1, 3)]),
    _row("Average", [*PAIR, (3,)]),
    _row("Maximum", PAIR),
    _row("Minimum", PAIR),
    _row("Concatenate", PAIR, axis=1),
    _row("Dot", PAIR, axes=2, normalize=True),
    # recurrent
    _row("SimpleRNN", (5, 3), "kernel recurrent_kernel bias", units=4),
    _row("GRU", (5, 3), "kernel recurrent_kernel bias", units=4, return_sequences=True),
    _row("LSTM", (5, 3), "kernel recurrent_kernel bias", units=4, return_sequences=True),
    _row("CuDNNGRU", (5, 3), "kernel recurrent_kernel bias", units=4, return_sequences=True),
    _row("CuDNNLSTM", (5, 3), "kernel recurrent_kernel bias", units=4),
    _row("RNN", (5, 3), "kernel recurrent_kernel bias", cell=lambda: L.LSTMCell(4)),
    _row(
        "ConvLSTM2D",
        (4, 5, 6, 3),
        "kernel recurrent_kernel bias",
        filters=2,
        kernel_size=3,
        strides=2,
        padding="same",
        return_sequences=True,
    ),
    _row(
        "ConvRNN2D",
        (4, 5, 6, 3),
        "kernel recurrent_kernel bias",
        cell=lambda: L.ConvLSTM2DCell(2, (3, 2)),
    ),
    _row(
        "Bidirectional",
        (5, 3),
        "forward_gru_1/kernel forward_gru_1/recurrent_kernel forward_gru_1/bias"
        " backward_gru_1/kernel backward_gru_1/recurrent_kernel backward_gru_1/bias",
        layer=lambda: L.GRU(4, return_sequences=True),
    ),
    _row("TimeDistributed", (4, 6, 3), "kernel bias", layer=lambda: L.Conv1D(2, 3)),
    # of Keras 1, and of torch
    _row("MaxoutDense", (5,), "W b", output_dim=3),
    _row("Highway", (5,), "W W_carry b b_carry", activation="tanh"),
    _row("TorchModule", (5,), TORCH, module=_torch_module),
]


def square(x):
    """The function of the row for Lambda."""
    return x * x
