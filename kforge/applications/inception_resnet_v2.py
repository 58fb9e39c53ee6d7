"""Inception-ResNet v2 (Szegedy et al., https://arxiv.org/abs/1602.07261)."""

import torch

from .. import backend as K
from ..layers import Activation, BatchNormalization, Concatenate, Conv2D, Lambda
from . import imagenet_utils
from .building import channel_axis, classifier
from .imagenet_utils import decode_predictions
from .inception_v3 import chain, mixed, stem

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

# Residual branches of the blocks, by the size of the image in the paper.
_BRANCHES = {
    35: ([(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]),
    17: ([(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]),
    8: ([(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]),
}


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as this network takes them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def _residual(x, size, number, scale, is_last=False):
    """Adds `scale` times what the branches give; rectifies it, unless it is the last."""
    name = f"block{size}_{number}"
    branches = [chain(x, *described) for described in _BRANCHES[size]]
    out = Concatenate(axis=channel_axis(), name=f"{name}_mixed")(branches)
    shape = K.int_shape(x)
    out = Conv2D(shape[channel_axis()], 1, padding="same", name=f"{name}_conv")(out)
    x = Lambda(
        lambda inputs, scale: torch.add(inputs[0], inputs[1], alpha=scale),
        output_shape=shape[1:],
        arguments={"scale": scale},
        name=name,
    )([x, out])
    return x if is_last else Activation("relu", name=f"{name}_ac")(x)


@classifier(
    "inception_resnet_v2",
    release=("fchollet/deep-learning-models", "v0.7"),
    hashes=("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
    size=299,
    min_size=75,
)
def InceptionResNetV2(x):
    """Inception with residual connections, version 2."""
    x = stem(x)
    triple = (64, 1), (96, 3), (96, 3)
    x = mixed(x, "mixed_5b", [(96, 1)], [(48, 1), (64, 5)], triple, pooled=64)
    for i in range(1, 11):
        x = _residual(x, 35, i, scale=0.17)
    x = mixed(x, "mixed_6a", [(384, 3, 2)], [(256, 1), (256, 3), (384, 3, 2)])
    for i in range(1, 21):
        x = _residual(x, 17, i, scale=0.1)
    triple = (256, 1), (288, 3), (320, 3, 2)
    x = mixed(x, "mixed_7a", [(256, 1), (384, 3, 2)], [(256, 1), (288, 3, 2)], triple)
    for i in range(1, 10):
        x = _residual(x, 8, i, scale=0.2)
    x = _residual(x, 8, 10, scale=1.0, is_last=True)
    x = Conv2D(1536, 1, padding="same", use_bias=False, name="conv_7b")(x)
    x = BatchNormalization(axis=channel_axis(), scale=False, name="conv_7b_bn")(x)
    return Activation("relu", name="conv_7b_ac")(x)
