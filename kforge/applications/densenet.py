"""DenseNet: each layer sees all before it (Huang et al., https://arxiv.org/abs/1608.06993)."""

from .. import backend as K
from ..layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    MaxPooling2D,
    ZeroPadding2D,
)
from . import imagenet_utils
from .building import averaged, channel_axis, classifier
from .imagenet_utils import decode_predictions

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_GROWTH = 32  # channels that each layer adds


def preprocess_input(x, data_format=None, **kwargs):
    """Images of 0 to 255 as these networks take them; see `imagenet_utils`, mode "torch"."""
    return imagenet_utils.preprocess_input(x, data_format, mode="torch", **kwargs)


def _activate(x, prefix):
    x = BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=f"{prefix}bn")(x)
    return Activation("relu", name=f"{prefix}relu")(x)


def _layer(x, name):
    out = _activate(x, f"{name}_0_")
    out = Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(out)
    out = _activate(out, f"{name}_1_")
    out = Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(out)
    return Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, out])


def _transition(x, name):
    """Halves the image and the channels."""
    x = _activate(x, f"{name}_")
    channels = K.int_shape(x)[channel_axis()] // 2
    x = Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
    return AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _densenet(name, depths, hashes):
    def features(x):
        x = ZeroPadding2D(padding=((3, 3), (3, 3)))(x)
        x = Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
        x = ZeroPadding2D(padding=((1, 1), (1, 1)))(_activate(x, "conv1/"))
        x = MaxPooling2D(3, strides=2, name="pool1")(x)
        for stage, depth in enumerate(depths, 2):
            if stage > 2:
                x = _transition(x, f"pool{stage - 1}")
            for i in range(1, depth + 1):
                x = _layer(x, f"conv{stage}_block{i}")
        return _activate(x, "")

    features.__name__ = name
    features.__doc__ = f"The densely connected network {name}."
    return classifier(
        name.lower(),
        release=("keras-team/keras-applications", "densenet"),
        hashes=hashes,
        top=averaged("fc1000"),
        pool_names=("avg_pool", "max_pool"),
    )(features)


DenseNet121 = _densenet(
    "DenseNet121",
    (6, 12, 24, 16),
    ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
)
DenseNet169 = _densenet(
    "DenseNet169",
    (6, 12, 32, 32),
    ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
)
DenseNet201 = _densenet(
    "DenseNet201",
    (6, 12, 48, 32),
    ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
)
