"""Residual networks: ResNet (He et al., https://arxiv.org/abs/1512.03385), ResNetV2, which
normalizes before it convolves (https://arxiv.org/abs/1603.05027), and ResNeXt, whose convolutions
are grouped (Xie et al., https://arxiv.org/abs/1611.05431).
"""

from .. import backend as K
from ..layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    DepthwiseConv2D,
    Lambda,
    MaxPooling2D,
    Reshape,
    ZeroPadding2D,
)
from .building import averaged, channel_axis, classifier

__all__ = [
    "ResNeXt50",
    "ResNeXt101",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
]

_GROUPS = 32


def _normalize(x, name):
    return BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=f"{name}_bn")(x)


def _activate(x, name):
    return Activation("relu", name=f"{name}_relu")(_normalize(x, name))


def _pad(x, margin, name):
    return ZeroPadding2D(padding=((margin, margin), (margin, margin)), name=f"{name}_pad")(x)


def _convolution(x, filters, size, name, **options):
    return Conv2D(filters, size, name=f"{name}_conv", **options)(x)


def _block_v1(x, filters, stride, is_first, name):
    shortcut = x
    if is_first:
        shortcut = _convolution(x, 4 * filters, 1, f"{name}_0", strides=stride)
        shortcut = _normalize(shortcut, f"{name}_0")
    x = _convolution(x, filters, 1, f"{name}_1", strides=stride)
    x = _activate(x, f"{name}_1")
    x = _convolution(x, filters, 3, f"{name}_2", padding="same")
    x = _activate(x, f"{name}_2")
    x = _convolution(x, 4 * filters, 1, f"{name}_3")
    x = _normalize(x, f"{name}_3")
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def _block_v2(x, filters, stride, is_first, name):
    shortcut = x
    x = _activate(x, f"{name}_preact")
    if is_first:
        shortcut = _convolution(x, 4 * filters, 1, f"{name}_0", strides=stride)
    elif stride > 1:
        shortcut = MaxPooling2D(1, strides=stride)(shortcut)
    x = _convolution(x, filters, 1, f"{name}_1", use_bias=False)
    x = _activate(x, f"{name}_1")
    x = _pad(x, 1, f"{name}_2")
    x = _convolution(x, filters, 3, f"{name}_2", strides=stride, use_bias=False)
    x = _activate(x, f"{name}_2")
    x = _convolution(x, 4 * filters, 1, f"{name}_3")
    return Add(name=f"{name}_out")([shortcut, x])


def _block_next(x, filters, stride, is_first, name):
    shortcut = x
    if is_first:
        shortcut = _convolution(x, 2 * filters, 1, f"{name}_0", strides=stride, use_bias=False)
        shortcut = _normalize(shortcut, f"{name}_0")
    x = _convolution(x, filters, 1, f"{name}_1", use_bias=False)
    x = _activate(x, f"{name}_1")
    x = _grouped_convolution(_pad(x, 1, f"{name}_2"), filters, stride, f"{name}_2")
    x = _activate(x, f"{name}_2")
    x = _convolution(x, 2 * filters, 1, f"{name}_3", use_bias=False)
    x = _normalize(x, f"{name}_3")
    x = Add(name=f"{name}_add")([shortcut, x])
    return Activation("relu", name=f"{name}_out")(x)


def _grouped_convolution(x, filters, stride, name):
    """Made of a depthwise one, with as many outputs a channel as its group has, and their sums."""
    size = filters // _GROUPS
    x = DepthwiseConv2D(
        3, strides=stride, depth_multiplier=size, use_bias=False, name=f"{name}_conv"
    )(x)
    if K.image_data_format() == "channels_first":
        before, after, axis = (), K.int_shape(x)[2:], 2
    else:
        before, after, axis = K.int_shape(x)[1:3], (), 4
    if None in before + after:
        raise ValueError("ResNeXt needs an `input_shape` whose rows and columns are known.")
    x = Reshape((*before, _GROUPS, size, size, *after))(x)
    x = Lambda(lambda x: K.sum(x, axis), name=f"{name}_reduce")(x)
    return Reshape((*before, filters, *after))(x)


def _stages(x, block, filters, depths):
    """Stages of blocks, each twice as wide as the one before. The resolution is halved by the
    first block of stages 2 to 4, or, where blocks begin with normalization, the last of 1 to 3.
    """
    is_v2 = block is _block_v2
    for stage, depth in enumerate(depths):
        halves = stage < 3 if is_v2 else stage > 0
        for i in range(depth):
            stride = 2 if halves and i == (depth - 1 if is_v2 else 0) else 1
            x = block(x, filters << stage, stride, i == 0, f"conv{stage + 2}_block{i + 1}")
    return x


def _resnet(name, depths, hashes, block=_block_v1):
    is_v2 = block is _block_v2

    def features(x):
        x = _convolution(
            _pad(x, 3, "conv1"), 64, 7, "conv1", strides=2, use_bias=block is not _block_next
        )
        x = x if is_v2 else _activate(x, "conv1")
        x = MaxPooling2D(3, strides=2, name="pool1_pool")(_pad(x, 1, "pool1"))
        x = _stages(x, block, 128 if block is _block_next else 64, depths)
        return _activate(x, "post") if is_v2 else x

    features.__name__ = name
    features.__doc__ = f"The residual network {name}."
    return classifier(
        name.lower(),
        release=("keras-team/keras-applications", "resnet"),
        hashes=hashes,
        top=averaged("probs"),
        pool_names=("avg_pool", "max_pool"),
    )(features)


ResNet50 = _resnet(
    "ResNet50",
    (3, 4, 6, 3),
    ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
)
ResNet101 = _resnet(
    "ResNet101",
    (3, 4, 23, 3),
    ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
)
ResNet152 = _resnet(
    "ResNet152",
    (3, 8, 36, 3),
    ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
)
ResNet50V2 = _resnet(
    "ResNet50V2",
    (3, 4, 6, 3),
    ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    _block_v2,
)
ResNet101V2 = _resnet(
    "ResNet101V2",
    (3, 4, 23, 3),
    ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    _block_v2,
)
ResNet152V2 = _resnet(
    "ResNet152V2",
    (3, 8, 36, 3),
    ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    _block_v2,
)
ResNeXt50 = _resnet(
    "ResNeXt50",
    (3, 4, 6, 3),
    ("67a5b30d522ed92f75a1f16eef299d1a", "62527c363bdd9ec598bed41947b379fc"),
    _block_next,
)
ResNeXt101 = _resnet(
    "ResNeXt101",
    (3, 4, 23, 3),
    ("34fb605428fcc7aa4d62f44404c11509", "0f678c91647380debd923963594981b3"),
    _block_next,
)
