"""Inception v3 (Szegedy et al., https://arxiv.org/abs/1512.00567)."""

from ..layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    concatenate,
)
from . import imagenet_utils
from .building import channel_axis, classifier
from .imagenet_utils import decode_predictions

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as this network takes them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def convolution(x, filters, size, strides=1, padding=None):
    """A convolution, normalized and rectified. One with strides does not pad."""
    padding = padding or ("same" if strides == 1 else "valid")
    x = Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
    x = BatchNormalization(axis=channel_axis(), scale=False)(x)
    return Activation("relu")(x)


def chain(x, *convolutions):
    """Convolutions, (filters, size) or (filters, size, strides), one after the other."""
    for described in convolutions:
        x = convolution(x, *described)
    return x


def stem(x):
    """What both Inceptions begin with: an eighth of the resolution, 192 channels."""
    x = convolution(x, 32, 3, 2)
    x = convolution(x, 32, 3, padding="valid")
    x = convolution(x, 64, 3)
    x = MaxPooling2D((3, 3), strides=(2, 2))(x)
    x = convolution(x, 80, 1, padding="valid")
    x = convolution(x, 192, 3, padding="valid")
    return MaxPooling2D((3, 3), strides=(2, 2))(x)


def mixed(x, name, *chains, pooled=None):
    """Chains of convolutions, and a pooling, side by side.

    The pooling averages, with `pooled` channels; without, it halves the image, like the chains.
    """
    branches = [chain(x, *described) for described in chains]
    if pooled is None:
        branches.append(MaxPooling2D((3, 3), strides=(2, 2))(x))
    else:
        average = AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)
        branches.append(convolution(average, pooled, 1))
    return concatenate(branches, axis=channel_axis(), name=name)


def _fork(x, name=None):
    """A row and a column of three, side by side."""
    branches = [convolution(x, 384, size) for size in ((1, 3), (3, 1))]
    return concatenate(branches, axis=channel_axis(), name=name)


def _forked(x, number):
    """A module whose branches end in forks."""
    branches = [
        convolution(x, 320, 1),
        _fork(chain(x, (384, 1)), f"mixed9_{number - 9}"),
        _fork(chain(x, (448, 1), (384, 3))),
    ]
    average = AveragePooling2D((3, 3), strides=(1, 1), padding="same")(x)
    branches.append(convolution(average, 192, 1))
    return concatenate(branches, axis=channel_axis(), name=f"mixed{number}")


@classifier(
    "inception_v3",
    release=("fchollet/deep-learning-models", "v0.5"),
    hashes=("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
    size=299,
    min_size=75,
)
def InceptionV3(x):
    """Inception, version 3."""
    row, column = (1, 7), (7, 1)
    x = stem(x)
    for i, pooled in enumerate((32, 64, 64)):
        triple = (64, 1), (96, 3), (96, 3)
        x = mixed(x, f"mixed{i}", [(64, 1)], [(48, 1), (64, 5)], triple, pooled=pooled)
    x = mixed(x, "mixed3", [(384, 3, 2)], [(64, 1), (96, 3), (96, 3, 2)])
    for i, n in enumerate((128, 160, 160, 192), 4):
        short = (n, 1), (n, row), (192, column)
        long = (n, 1), (n, column), (n, row), (n, column), (192, row)
        x = mixed(x, f"mixed{i}", [(192, 1)], short, long, pooled=192)
    long = (192, 1), (192, row), (192, column), (192, 3, 2)
    x = mixed(x, "mixed8", [(192, 1), (320, 3, 2)], long)
    return _forked(_forked(x, 9), 10)
