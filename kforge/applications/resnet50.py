"""ResNet50 as Keras has had it from the start (He et al., https://arxiv.org/abs/1512.03385)."""

import warnings

from ..layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
    add,
)
from .building import averaged, channel_axis, classifier
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

_STAGES = ((64, "abc"), (128, "abcd"), (256, "abcdef"), (512, "abc"))  # filters, blocks


def _convolution(x, filters, size, place, **options):
    """A convolution and its normalization, in branch `place`, such as "2a_branch1"."""
    x = Conv2D(
        filters, (size, size), kernel_initializer="he_normal", name=f"res{place}", **options
    )(x)
    return BatchNormalization(axis=channel_axis(), name=f"bn{place}")(x)


def _block(x, filters, strides, place, projects):
    out = _convolution(x, filters, 1, f"{place}_branch2a", strides=strides)
    out = Activation("relu")(out)
    out = _convolution(out, filters, 3, f"{place}_branch2b", padding="same")
    out = Activation("relu")(out)
    out = _convolution(out, 4 * filters, 1, f"{place}_branch2c")
    if projects:
        x = _convolution(x, 4 * filters, 1, f"{place}_branch1", strides=strides)
    return Activation("relu")(add([out, x]))


@classifier(
    "resnet50",
    release=("fchollet/deep-learning-models", "v0.2"),
    hashes=("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
    top=averaged("fc1000"),
)
def _resnet50(x):
    """The residual network with 50 layers of weights."""
    x = ZeroPadding2D(padding=(3, 3), name="conv1_pad")(x)
    x = Conv2D(64, (7, 7), strides=(2, 2), kernel_initializer="he_normal", name="conv1")(x)
    x = BatchNormalization(axis=channel_axis(), name="bn_conv1")(x)
    x = Activation("relu")(x)
    x = ZeroPadding2D(padding=(1, 1), name="pool1_pad")(x)
    x = MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, (filters, places) in enumerate(_STAGES, 2):
        for place in places:
            strides = (2, 2) if place == "a" and stage > 2 else (1, 1)
            x = _block(x, filters, strides, f"{stage}{place}", projects=place == "a")
    return x


def ResNet50(
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    if not include_top and pooling not in ("avg", "max"):
        warnings.warn(
            "The output shape of `ResNet50(include_top=False)` has been changed since Keras 2.2.0.",
            stacklevel=2,
        )
    return _resnet50(include_top, weights, input_tensor, input_shape, pooling, classes, **kwargs)


ResNet50.__doc__ = _resnet50.__doc__
