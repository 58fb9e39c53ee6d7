"""What the models here share: arguments, input, top and published weights."""

import contextlib
import os

from .. import backend as K
from .. import initializers
from ..layers import Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Input
from ..models import Model
from ..utils.data_utils import get_file
from ..utils.layer_utils import get_source_inputs
from .imagenet_utils import _obtain_input_shape, check_modules

__all__ = [
    "PUBLISHED",
    "assemble",
    "averaged",
    "channel_axis",
    "check_arguments",
    "classifier",
    "halving_pad",
    "head",
]

#: Where weights are published: releases of repositories on GitHub.
PUBLISHED = "https://github.com/{}/releases/download/{}/"

_ARGUMENTS = """

    `include_top`: with the layers that classify, `classes` of them. `weights`: None, "imagenet"
    (downloaded once), or the path of a file. `input_tensor`, `input_shape`: what it is applied to,
    by default images of {size}x{size}. `pooling` of features, without the top: None, "avg" or
    "max". Raises `ValueError` for arguments that do not go together.
    """


def check_arguments(weights, include_top, classes, kwargs):
    """Raises `ValueError` or `TypeError` for arguments that no model takes."""
    check_modules(kwargs)
    if not (weights in (None, "imagenet") or os.path.exists(weights)):
        raise ValueError(
            "The `weights` argument should be either `None` (random initialization), `imagenet` "
            "(pre-training on ImageNet), or the path to the weights file to be loaded. "
            f"Got {weights!r}, which is no file."
        )
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            'If using `weights` as `"imagenet"` with `include_top` as true, `classes` should be '
            f"1000. Got {classes}."
        )


def channel_axis(last=3):
    """The axis of channels; `last` is what it is called where it is the last."""
    return 1 if K.image_data_format() == "channels_first" else last


def halving_pad(x, size):
    """((top, bottom), (left, right)) that a window of odd `size` needs to halve an image.

    Unknown sizes are taken for even.
    """
    first = 2 if K.image_data_format() == "channels_first" else 1
    sizes = K.int_shape(x)[first : first + 2]
    even = [n is None or n % 2 == 0 for n in sizes]
    return tuple((size // 2 - e, size // 2) for e in even)


def averaged(name, pool="avg_pool"):
    """A top: the mean of each channel, then a softmax layer of this name."""

    def top(x, classes):
        x = GlobalAveragePooling2D(name=pool)(x)
        return Dense(classes, activation="softmax", name=name)(x)

    return top


def head(x, top, include_top, pooling, classes, pool_names=(None, None)):
    """What a model makes of its features: classes, or their mean ("avg") or maximum ("max")."""
    if include_top:
        return top(x, classes)
    if pooling == "avg":
        return GlobalAveragePooling2D(name=pool_names[0])(x)
    if pooling == "max":
        return GlobalMaxPooling2D(name=pool_names[1])(x)
    return x


def assemble(name, network, weights, file, input_tensor, input_shape):
    """The model of `network`, a function from an image to an output, with its weights.

    `file` is (name in the cache, address, MD5 or None) of those that "imagenet" means.
    """
    if weights == "imagenet":
        file_name, address, md5 = file
        weights = get_file(file_name, address, cache_subdir="models", file_hash=md5)
    with _given(weights) as pending:
        if input_tensor is None:
            image = inputs = Input(shape=input_shape)
        else:
            known = K.is_keras_tensor(input_tensor)
            image = input_tensor if known else Input(tensor=input_tensor, shape=input_shape)
            inputs = get_source_inputs(input_tensor)
        model = Model(inputs, network(image), name=name)
    if weights is not None:
        pending.finish(model.load_weights(weights).variables)
    return model


def _given(weights):
    """Where first values would be wasted, since a file has the weights."""
    if weights is None:
        return contextlib.nullcontext()
    return initializers.deferred(lambda nbytes: None)


def classifier(name, release, hashes, size=224, min_size=32, top=None, pool_names=(None, None)):
    """Turns a function from an image to features into one that makes a model, as Keras's do.

    `release` and `hashes` tell the published weights: (repository, tag), and the MD5s of those
    with and without the top, which makes classes of features. Images have `size`, or at least
    `min_size`, rows and columns.
    """
    top = top or averaged("predictions")

    def decorate(features):
        def build(
            include_top=True,
            weights="imagenet",
            input_tensor=None,
            input_shape=None,
            pooling=None,
            classes=1000,
            **kwargs,
        ):
            check_arguments(weights, include_top, classes, kwargs)
            shape = _obtain_input_shape(
                input_shape, size, min_size, K.image_data_format(), include_top, weights
            )
            end = "" if include_top else "_notop"
            file_name = f"{name}_weights_tf_dim_ordering_tf_kernels{end}.h5"
            file = file_name, PUBLISHED.format(*release) + file_name, hashes[not include_top]

            def network(image):
                x = features(image)
                return head(x, top, include_top, pooling, classes, pool_names)

            return assemble(name, network, weights, file, input_tensor, shape)

        build.__name__ = build.__qualname__ = features.__name__
        build.__module__ = features.__module__
        build.__doc__ = features.__doc__ + _ARGUMENTS.format(size=size)
        return build

    return decorate
