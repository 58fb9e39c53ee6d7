"""NASNet-A: cells found by search (Zoph et al., https://arxiv.org/abs/1707.07012)."""

import contextlib
import warnings

from .. import backend as K
from ..layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Cropping2D,
    MaxPooling2D,
    SeparableConv2D,
    ZeroPadding2D,
    add,
    concatenate,
)
from . import imagenet_utils
from .building import PUBLISHED, assemble, averaged, check_arguments, halving_pad, head
from .imagenet_utils import _obtain_input_shape, decode_predictions

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

RELEASE = ("titu1994/Keras-NASNet", "v1.2")

# By the size of images: names of published weights, here and there, and MD5s, with and without top.
_FILES = {
    224: ("mobile", ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63")),
    331: ("large", ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5")),
}


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as these networks take them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)


def NASNet(
    input_shape=None,
    penultimate_filters=4032,
    num_blocks=6,
    stem_block_filters=96,
    skip_reduction=True,
    filter_multiplier=2,
    include_top=True,
    weights=None,
    input_tensor=None,
    pooling=None,
    classes=1000,
    default_size=None,
    **kwargs,
):
    """A NASNet-A of any size: `num_blocks` cells a stage, `penultimate_filters` in the last.

    `filter_multiplier`: how much wider each stage is; `skip_reduction`: whether the cell after a
    reduction also sees what was before. Channels are always last. For the other arguments, and
    errors, see `VGG16`.
    """
    check_arguments(weights, include_top, classes, kwargs)
    default_size = default_size or 331
    if weights == "imagenet" and input_shape is not None and None in input_shape:
        raise ValueError(
            "When specifying the input shape of a NASNet and loading `ImageNet` weights, the "
            f"input_shape argument must be static (no None entries). Got: `{input_shape=}`."
        )
    if weights == "imagenet" and default_size not in _FILES:
        raise ValueError("ImageNet weights can only be loaded with NASNetLarge or NASNetMobile")
    if penultimate_filters % (24 * filter_multiplier**2):
        raise ValueError(
            "For NASNet-A models, the `penultimate_filters` must be a multiple of 24 * "
            f"(`filter_multiplier` ** 2). Current value: {penultimate_filters}"
        )
    base = penultimate_filters // (24 * filter_multiplier**2)
    widths = [base * filter_multiplier**i for i in range(5)]
    end = "" if include_top else "no-top"
    size, hashes = _FILES.get(default_size, ("", (None, None)))
    address = PUBLISHED.format(*RELEASE) + "-".join(filter(None, ["NASNet", size, end])) + ".h5"
    file_name = "_".join(filter(None, ["nasnet", size, end.replace("-", "_")])) + ".h5"
    file = file_name, address, hashes[not include_top]

    def network(image):
        x = _features(image, widths, num_blocks, stem_block_filters, skip_reduction)
        return head(x, averaged("predictions", pool=None), include_top, pooling, classes)

    with _channels_last():
        shape = _obtain_input_shape(input_shape, default_size, 32, "channels_last", True, weights)
        return assemble("NASNet", network, weights, file, input_tensor, shape)


@contextlib.contextmanager
def _channels_last():
    """Builds with channels last, whatever the setting."""
    before = K.image_data_format()
    if before != "channels_last":
        warnings.warn(
            "The NASNet family of models is only available for the input data format "
            '"channels_last" (width, height, channels): this one will expect such inputs, although '
            "your settings specify channels_first.",
            stacklevel=4,
        )
    K.set_image_data_format("channels_last")
    try:
        yield
    finally:
        K.set_image_data_format(before)


def NASNetLarge(
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """NASNet-A (6 @ 4032), for images of 331x331. For the arguments, and errors, see `VGG16`."""
    return NASNet(
        input_shape, 4032, 6, 96, True, 2,
        include_top, weights, input_tensor, pooling, classes, 331, **kwargs,
    )  # fmt: skip


def NASNetMobile(
    input_shape=None,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    **kwargs,
):
    """NASNet-A (4 @ 1056), for images of 224x224. For the arguments, and errors, see `VGG16`."""
    return NASNet(
        input_shape, 1056, 4, 32, False, 2,
        include_top, weights, input_tensor, pooling, classes, 224, **kwargs,
    )  # fmt: skip


def _features(x, widths, count, stem_filters, skips):
    x = Conv2D(
        stem_filters, (3, 3), strides=(2, 2), use_bias=False, name="stem_conv1",
        kernel_initializer="he_normal",
    )(x)  # fmt: skip
    x = _normalize(x, "stem_bn1")
    x, before = _reduction_cell(x, None, widths[0], "stem_1"), x
    x, before = _reduction_cell(x, before, widths[1], "stem_2"), x
    for stage, filters in enumerate(widths[2:]):
        first = stage * count
        if stage:
            reduced = _reduction_cell(x, before, filters, f"reduce_{first}")
            x, before = reduced, before if skips else x
            first += 1
        for i in range(first, first + count):
            x, before = _normal_cell(x, before, filters, str(i)), x
    return Activation("relu")(x)


def _normalize(x, name):
    return BatchNormalization(axis=-1, momentum=0.9997, epsilon=1e-3, name=name)(x)


def _pointwise(x, filters, name):
    return Conv2D(
        filters, (1, 1), padding="same", use_bias=False, name=name, kernel_initializer="he_normal"
    )(x)


def _separable(x, filters, size, place, strides=1):
    """Two separable convolutions, the first with the strides, each between relu and norm."""
    with K.name_scope(f"separable_conv_block_{place}"):
        for i, stride in ((1, strides), (2, 1)):
            x = Activation("relu")(x)
            if stride == 2:
                pad = halving_pad(x, size)
                x = ZeroPadding2D(padding=pad, name=f"separable_conv_{i}_pad_{place}")(x)
            x = SeparableConv2D(
                filters,
                (size, size),
                strides=(stride, stride),
                padding="valid" if stride == 2 else "same",
                use_bias=False,
                name=f"separable_conv_{i}_{place}",
            )(x)
            x = _normalize(x, f"separable_conv_{i}_bn_{place}")
    return x


def _adjust(before, x, filters, place):
    """What was before `x`, with as many rows and columns as `x`, and `filters` channels."""
    if before is None:
        return x
    if K.int_shape(before)[2] != K.int_shape(x)[2]:
        with K.name_scope(f"adjust_block/adjust_reduction_block_{place}"):
            even = Activation("relu", name=f"adjust_relu_1_{place}")(before)
            odd = Cropping2D(((1, 0), (1, 0)))(ZeroPadding2D(((0, 1), (0, 1)))(even))
            halves = []
            for i, half in enumerate((even, odd), 1):
                name = f"adjust_avg_pool_{i}_{place}"
                half = AveragePooling2D((1, 1), strides=(2, 2), padding="valid", name=name)(half)
                halves.append(_pointwise(half, filters // 2, f"adjust_conv_{i}_{place}"))
            return _normalize(concatenate(halves, axis=-1), f"adjust_bn_{place}")
    if K.int_shape(before)[-1] != filters:
        with K.name_scope(f"adjust_block/adjust_projection_block_{place}"):
            x = _pointwise(Activation("relu")(before), filters, f"adjust_conv_projection_{place}")
            return _normalize(x, f"adjust_bn_{place}")
    return before


def _squeeze(x, filters, kind, place):
    x = _pointwise(Activation("relu")(x), filters, f"{kind}_conv_1_{place}")
    return _normalize(x, f"{kind}_bn_1_{place}")


def _normal_cell(x, before, filters, place):
    """The cell that keeps the resolution: five sums of pairs, side by side."""

    def convolved(x, size, side):
        return _separable(x, filters, size, f"normal_{side}_{place}")

    def averaged(x, side):
        name = f"normal_{side}_{place}"
        return AveragePooling2D((3, 3), strides=(1, 1), padding="same", name=name)(x)

    with K.name_scope(f"normal_A_block_{place}"):
        p = _adjust(before, x, filters, place)
        h = _squeeze(x, filters, "normal", place)
        pairs = (
            lambda: [convolved(h, 5, "left1"), convolved(p, 3, "right1")],
            lambda: [convolved(p, 5, "left2"), convolved(p, 3, "right2")],
            lambda: [averaged(h, "left3"), p],
            lambda: [averaged(p, "left4"), averaged(p, "right4")],
            lambda: [convolved(h, 3, "left5"), h],
        )
        sums = [p]
        for i, pair in enumerate(pairs, 1):
            with K.name_scope(f"block_{i}"):
                sums.append(add(pair(), name=f"normal_add_{i}_{place}"))
        return concatenate(sums, axis=-1, name=f"normal_concat_{place}")


def _reduction_cell(x, before, filters, place):
    """The cell that halves the resolution: sums of pairs, and of sums."""

    def convolved(x, size, side, strides=2):
        return _separable(x, filters, size, f"reduction_{side}_{place}", strides)

    def pooled(pooling, x, side, **options):
        name = f"reduction_{side}_{place}"
        return pooling((3, 3), **(options or {"strides": (2, 2)}), name=name)(x)

    def total(i, pair, name=None):
        with K.name_scope(f"block_{i}"):
            return add(pair(), name=name and f"reduction_{name}_{place}")

    with K.name_scope(f"reduction_A_block_{place}"):
        p = _adjust(before, x, filters, place)
        h = _squeeze(x, filters, "reduction", place)
        h3 = ZeroPadding2D(padding=halving_pad(h, 3), name=f"reduction_pad_1_{place}")(h)
        x1 = total(1, lambda: [convolved(h, 5, "left1"), convolved(p, 7, "right1")], "add_1")
        x2 = total(
            2, lambda: [pooled(MaxPooling2D, h3, "left2"), convolved(p, 7, "right2")], "add_2"
        )
        x3 = total(
            3, lambda: [pooled(AveragePooling2D, h3, "left3"), convolved(p, 5, "right3")], "add3"
        )
        same = {"strides": (1, 1), "padding": "same"}
        x4 = total(4, lambda: [x2, pooled(AveragePooling2D, x1, "left4", **same)])
        x5 = total(
            5,
            lambda: [convolved(x1, 3, "left4", 1), pooled(MaxPooling2D, h3, "right5")],
            "add4",
        )
        return concatenate([x2, x3, x4, x5], axis=-1, name=f"reduction_concat_{place}")
