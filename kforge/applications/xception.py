"""Xception: Inception of depthwise separable convolutions (Chollet,
https://arxiv.org/abs/1610.02357).
"""

from ..layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    SeparableConv2D,
    add,
)
from . import imagenet_utils
from .building import channel_axis, classifier
from .imagenet_utils import decode_predictions

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as this network takes them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def _normalize(x, name=None):
    return BatchNormalization(axis=channel_axis(-1), name=name)(x)


def _activate(x, name):
    return Activation("relu", name=f"{name}_act")(x)


def _convolution(x, filters, name, strides=(1, 1)):
    x = Conv2D(filters, (3, 3), strides=strides, use_bias=False, name=name)(x)
    return _activate(_normalize(x, f"{name}_bn"), name)


def _separable(x, filters, name):
    x = SeparableConv2D(filters, (3, 3), padding="same", use_bias=False, name=name)(x)
    return _normalize(x, f"{name}_bn")


def _body(x, number, filters, is_activated=False):
    """Separable convolutions, each after an activation, unless `x` has been activated."""
    for i, n in enumerate(filters, 1):
        name = f"block{number}_sepconv{i}"
        x = _separable(x if is_activated and i == 1 else _activate(x, name), n, name)
    return x


def _halving(x, number, filters):
    """A block that halves the image; its shortcut is a convolution."""
    shortcut = Conv2D(filters[-1], (1, 1), strides=(2, 2), padding="same", use_bias=False)(x)
    shortcut = _normalize(shortcut)
    x = _body(x, number, filters, is_activated=number == 2)
    x = MaxPooling2D((3, 3), strides=(2, 2), padding="same", name=f"block{number}_pool")(x)
    return add([x, shortcut])


@classifier(
    "xception",
    release=("fchollet/deep-learning-models", "v0.4"),
    hashes=("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    size=299,
    min_size=71,
)
def Xception(x):
    """Xception."""
    x = _convolution(x, 32, "block1_conv1", strides=(2, 2))
    x = _convolution(x, 64, "block1_conv2")
    for number, filters in enumerate((128, 256, 728), 2):
        x = _halving(x, number, (filters, filters))
    for number in range(5, 13):
        x = add([_body(x, number, (728, 728, 728)), x])
    x = _halving(x, 13, (728, 1024))
    for i, filters in enumerate((1536, 2048), 1):
        name = f"block14_sepconv{i}"
        x = _activate(_separable(x, filters, name), name)
    return x
