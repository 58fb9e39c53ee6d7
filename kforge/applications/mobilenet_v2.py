"""MobileNetV2: inverted residuals (Sandler et al., https://arxiv.org/abs/1801.04381)."""

from .. import backend as K
from ..layers import Add, BatchNormalization, Conv2D, DepthwiseConv2D, ReLU, ZeroPadding2D
from . import imagenet_utils
from .building import (
    PUBLISHED,
    assemble,
    averaged,
    channel_axis,
    check_arguments,
    halving_pad,
    head,
)
from .imagenet_utils import _obtain_input_shape, decode_predictions
from .mobilenet import published_size, relu6, sizes, warn_of_size

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input", "relu6"]

RELEASE = ("JonathanCMitchell/mobilenet_v2_keras", "v1.1")

_SIZES = (96, 128, 160, 192, 224)  # of images that weights are published for
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# Filters, number of blocks, strides of the first of them.
_STAGES = (
    (16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1),
)  # fmt: skip


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as this network takes them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """MobileNetV2, `alpha` times as wide as in the paper.

    For the other arguments, and errors, see `VGG16`; images have 224x224 pixels.
    """
    check_arguments(weights, include_top, classes, kwargs)
    shape = _obtain_input_shape(
        input_shape,
        _default_size(input_shape, input_tensor),
        32,
        K.image_data_format(),
        include_top,
        weights,
    )
    rows, columns = sizes(shape)
    file = None
    if weights == "imagenet":
        if alpha not in _ALPHAS:
            raise ValueError(
                "If imagenet weights are being loaded, alpha can be one of `0.35`, `0.50`, `0.75`, "
                f"`1.0`, `1.3` or `1.4` only. Got {alpha}."
            )
        warn_of_size(rows, columns, _SIZES)
        rows = published_size(rows, columns, _SIZES)
        end = "" if include_top else "_no_top"
        alpha_text = str(float(alpha))
        file_name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha_text}_{rows}{end}.h5"
        file = file_name, PUBLISHED.format(*RELEASE) + file_name, None

    def network(image):
        top = averaged("Logits", pool=None)
        return head(_features(image, alpha), top, include_top, pooling, classes)

    name = f"mobilenetv2_{alpha:.2f}_{rows}"
    return assemble(name, network, weights, file, input_tensor, shape)


def _default_size(input_shape, input_tensor):
    """The size of images, told by the shape or tensor that was given, which have to agree."""
    if input_tensor is not None and input_shape is not None:
        if not K.is_keras_tensor(input_tensor):
            raise ValueError(
                "With `input_shape`, `input_tensor` has to be a Keras tensor. "
                f"Got {input_tensor!r}."
            )
        if K.int_shape(input_tensor)[2] != input_shape[1]:
            raise ValueError(
                f"`input_shape` {input_shape} and `input_tensor` {input_tensor!r} do not meet the "
                "same shape requirements."
            )
    if input_shape is None and input_tensor is not None and K.is_keras_tensor(input_tensor):
        input_shape = K.int_shape(input_tensor)[1:]
    return 224 if input_shape is None else published_size(*sizes(input_shape), _SIZES)


def _divisible(filters):
    """`filters` rounded to a multiple of 8, by no more than a tenth downwards."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _normalize(x, name):
    return BatchNormalization(axis=channel_axis(-1), epsilon=1e-3, momentum=0.999, name=name)(x)


def _features(x, alpha):
    x = ZeroPadding2D(padding=halving_pad(x, 3), name="Conv1_pad")(x)
    x = Conv2D(_divisible(32 * alpha), kernel_size=3, strides=(2, 2), use_bias=False, name="Conv1")(
        x
    )
    x = ReLU(6.0, name="Conv1_relu")(_normalize(x, "bn_Conv1"))
    number = 0
    for filters, count, strides in _STAGES:
        for i in range(count):
            x = _block(x, _divisible(int(filters * alpha)), strides if i == 0 else 1, number)
            number += 1
    last = _divisible(1280 * alpha) if alpha > 1.0 else 1280
    x = Conv2D(last, kernel_size=1, use_bias=False, name="Conv_1")(x)
    return ReLU(6.0, name="out_relu")(_normalize(x, "Conv_1_bn"))


def _block(inputs, filters, strides, number):
    """Widens six times, but in the first block; convolves; narrows to `filters`."""
    prefix = f"block_{number}_" if number else "expanded_conv_"
    channels = K.int_shape(inputs)[channel_axis(-1)]

    def activated(x, name):
        return ReLU(6.0, name=f"{prefix}{name}_relu")(_normalize(x, f"{prefix}{name}_BN"))

    def pointwise(x, filters, name):
        return Conv2D(
            filters, kernel_size=1, padding="same", use_bias=False, name=f"{prefix}{name}"
        )(x)

    x = inputs
    if number:
        x = activated(pointwise(x, 6 * channels, "expand"), "expand")
    if strides == 2:
        x = ZeroPadding2D(padding=halving_pad(x, 3), name=f"{prefix}pad")(x)
    x = DepthwiseConv2D(
        kernel_size=3,
        strides=strides,
        use_bias=False,
        padding="same" if strides == 1 else "valid",
        name=f"{prefix}depthwise",
    )(x)
    x = activated(x, "depthwise")
    x = _normalize(pointwise(x, filters, "project"), f"{prefix}project_BN")
    if channels == filters and strides == 1:
        return Add(name=f"{prefix}add")([inputs, x])
    return x
