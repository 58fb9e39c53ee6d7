"""MobileNet: depthwise separable convolutions (Howard et al., https://arxiv.org/abs/1704.04861)."""

import warnings

from .. import backend as K
from ..layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from . import imagenet_utils
from .building import PUBLISHED, assemble, channel_axis, check_arguments, head
from .imagenet_utils import _obtain_input_shape, decode_predictions

__all__ = ["MobileNet", "decode_predictions", "preprocess_input", "relu6"]

RELEASE = ("fchollet/deep-learning-models", "v0.6")

_SIZES = (128, 160, 192, 224)  # of images that weights are published for, 224 being the default
_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # as file names have them
_BLOCKS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)  # filters
_HALVING = (2, 4, 6, 12)  # the numbers of the blocks that halve the image


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as this network takes them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def relu6(x):
    """The activation, as files from before Keras 2.2 name it."""
    return K.relu(x, max_value=6)


def sizes(shape):
    """Rows and columns of images, whose shape this is."""
    return shape[1:] if K.image_data_format() == "channels_first" else shape[:-1]


def published_size(rows, columns, known):
    """The size of images, of `known`, whose published weights serve these."""
    return rows if rows == columns and rows in known else 224


def warn_of_size(rows, columns, known):
    """Says so if weights are published for other images only."""
    if rows != columns or rows not in known:
        warnings.warn(
            f"`input_shape` is undefined or non-square, or `rows` is not in {list(known)}. "
            "Weights for input shape (224, 224) will be loaded as the default.",
            stacklevel=3,
        )


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=1e-3,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """MobileNet, `alpha` times as wide as in the paper.

    `depth_multiplier`: outputs of each depthwise convolution a channel; `dropout`: its rate before
    the classes. For the other arguments, and errors, see `VGG16`; images have 224x224 pixels.
    """
    check_arguments(weights, include_top, classes, kwargs)
    default = 224 if input_shape is None else published_size(*sizes(input_shape), _SIZES)
    shape = _obtain_input_shape(
        input_shape, default, 32, K.image_data_format(), include_top, weights
    )
    rows, columns = sizes(shape)
    file = None
    if weights == "imagenet":
        if depth_multiplier != 1:
            raise ValueError(
                "If imagenet weights are being loaded, depth multiplier must be 1. "
                f"Got {depth_multiplier}."
            )
        if alpha not in _ALPHAS:
            raise ValueError(
                "If imagenet weights are being loaded, alpha can be one of `0.25`, `0.50`, `0.75` "
                f"or `1.0` only. Got {alpha}."
            )
        warn_of_size(rows, columns, _SIZES)
        rows = published_size(rows, columns, _SIZES)
        end = "" if include_top else "_no_top"
        file_name = f"mobilenet_{_ALPHAS[alpha]}_{rows}_tf{end}.h5"
        file = file_name, PUBLISHED.format(*RELEASE) + file_name, None

    def network(image):
        x = _features(image, alpha, depth_multiplier)
        return head(x, lambda x, classes: _top(x, classes, dropout), include_top, pooling, classes)

    name = f"mobilenet_{alpha:.2f}_{rows}"
    return assemble(name, network, weights, file, input_tensor, shape)


def _activate(x, name):
    x = BatchNormalization(axis=channel_axis(-1), name=f"{name}_bn")(x)
    return ReLU(6.0, name=f"{name}_relu")(x)


def _features(x, alpha, depth_multiplier):
    x = ZeroPadding2D(padding=((0, 1), (0, 1)), name="conv1_pad")(x)
    x = Conv2D(int(32 * alpha), (3, 3), strides=(2, 2), use_bias=False, name="conv1")(x)
    x = _activate(x, "conv1")
    for i, filters in enumerate(_BLOCKS, 1):
        halves = i in _HALVING
        if halves:
            x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        x = DepthwiseConv2D(
            (3, 3),
            padding="valid" if halves else "same",
            depth_multiplier=depth_multiplier,
            strides=(2, 2) if halves else (1, 1),
            use_bias=False,
            name=f"conv_dw_{i}",
        )(x)
        x = _activate(x, f"conv_dw_{i}")
        x = Conv2D(
            int(filters * alpha), (1, 1), padding="same", use_bias=False, name=f"conv_pw_{i}"
        )(x)
        x = _activate(x, f"conv_pw_{i}")
    return x


def _top(x, classes, dropout):
    channels = K.int_shape(x)[channel_axis()]
    shape = [1, 1, 1]
    shape[channel_axis() - 1] = channels
    x = GlobalAveragePooling2D()(x)
    x = Reshape(tuple(shape), name="reshape_1")(x)
    x = Dropout(dropout, name="dropout")(x)
    x = Conv2D(classes, (1, 1), padding="same", name="conv_preds")(x)
    x = Reshape((classes,), name="reshape_2")(x)
    return Activation("softmax", name="act_softmax")(x)
