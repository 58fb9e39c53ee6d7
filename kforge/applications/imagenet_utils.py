"""Images and predictions of networks that were trained on ImageNet."""

import json
import warnings

import numpy as np
import torch

from .. import config, symbolic
from ..utils.data_utils import get_file

__all__ = ["decode_predictions", "preprocess_input"]

#: {class number, as a string: (WordNet id, name)}, once `decode_predictions` has needed it.
CLASS_INDEX = None
CLASS_INDEX_PATH = (
    "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
)
_CLASS_INDEX_HASH = "c2c37ea517e94d9795004a39431a14cb"

# By mode: whether colours become BGR, then the scale, mean and deviation of the channels.
_MODES = {
    "caffe": (True, 1.0, (103.939, 116.779, 123.68), None),
    "tf": (False, 127.5, (1.0,), None),
    "torch": (False, 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}

_MODULES = {"backend", "layers", "models", "utils"}


def check_modules(kwargs):
    """Lets `kwargs` name the modules of Keras, which are always kforge's, and nothing else."""
    unknown = sorted(set(kwargs) - _MODULES)
    if unknown:
        raise TypeError(f"Invalid keyword argument: {unknown[0]!r}")


def preprocess_input(x, data_format=None, mode="caffe", **kwargs):
    """RGB images of 0 to 255, one or a batch, as networks take them.

    `mode`: "caffe" makes them BGR and subtracts the mean of ImageNet's channels, "tf" scales them
    to -1..1, "torch" to 0..1 and normalizes the channels. `x` is an array, overwritten if it
    holds floats, or a symbolic tensor. Raises `ValueError` for another mode or data format.
    """
    check_modules(kwargs)
    data_format = config.check_data_format(data_format)
    if mode not in _MODES:
        raise ValueError(f"Unknown mode {mode!r}. Expected one of {', '.join(map(repr, _MODES))}.")
    reverses, scale, mean, deviation = _MODES[mode]
    axis = -3 if data_format == "channels_first" else -1
    if isinstance(x, np.ndarray):
        return _preprocess_array(x, axis, reverses, scale, mean, deviation)
    dtype = x.dtype if x.dtype.is_floating_point else getattr(torch, config.floatx())
    if reverses:
        x = torch.flip(x, (axis,))
    x = x.to(dtype) / scale - _along(symbolic.as_tensor(mean, dtype), axis)
    return x if deviation is None else x / _along(symbolic.as_tensor(deviation, dtype), axis)


def _preprocess_array(x, axis, reverses, scale, mean, deviation):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.numpy_floatx())
    if reverses:
        x = np.flip(x, axis)
    if scale != 1:
        x /= x.dtype.type(scale)
    x -= _along(np.asarray(mean, x.dtype), axis)
    if deviation is not None:
        x /= _along(np.asarray(deviation, x.dtype), axis)
    return x


def _along(values, axis):
    """A vector in the direction of an axis that counts from the last, -1."""
    return values.reshape((-1,) + (1,) * (-1 - axis))


def decode_predictions(preds, top=5, **kwargs):
    """The `top` classes of each prediction: [[(WordNet id, name, score), ...], ...], best first.

    `preds`: an array (batch, 1000). Downloads the names of the classes once. Raises `ValueError`
    for another shape.
    """
    global CLASS_INDEX
    check_modules(kwargs)
    if len(preds.shape) != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape "
            f"(samples, 1000)). Found array with shape: {tuple(preds.shape)}"
        )
    if CLASS_INDEX is None:
        path = get_file(
            "imagenet_class_index.json",
            CLASS_INDEX_PATH,
            cache_subdir="models",
            file_hash=_CLASS_INDEX_HASH,
        )
        with open(path, encoding="utf-8") as file:
            CLASS_INDEX = json.load(file)
    best = [row.argsort()[::-1][:top] for row in preds]
    return [[(*CLASS_INDEX[str(i)], row[i]) for i in found] for row, found in zip(preds, best)]


def _obtain_input_shape(
    input_shape, default_size, min_size, data_format, require_flatten, weights=None
):
    """The shape of a network's images: `input_shape` if it is allowed, or the default.

    Private in Keras, too, but what models outside Keras are built with. Raises `ValueError`.
    """
    first = data_format == "channels_first"
    pretrained = weights == "imagenet"
    given = tuple(input_shape) if input_shape else None
    channels = 3
    if given and len(given) == 3 and not pretrained:
        channels = given[0 if first else -1]
        if channels not in (1, 3):
            warnings.warn(
                "This model usually expects 1 or 3 input channels. However, it was passed an "
                f"input_shape with {channels} input channels.",
                stacklevel=3,
            )

    def image(rows, columns):
        return (channels, rows, columns) if first else (rows, columns, channels)

    default = image(default_size, default_size)
    if pretrained and require_flatten:
        if given not in (None, default):
            raise ValueError(
                "When setting `include_top=True` and loading `imagenet` weights, `input_shape` "
                f"should be {default}. Got {given}."
            )
        return default
    if given is None:
        given = default if require_flatten else image(None, None)
    if len(given) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers. Got {given}.")
    sizes = given[1:] if first else given[:-1]
    if pretrained and given != image(*sizes):
        raise ValueError(f"The input must have 3 channels; got `input_shape={given}`")
    if any(size is not None and size < min_size for size in sizes):
        raise ValueError(
            f"Input size must be at least {min_size}x{min_size}; got `input_shape={given}`"
        )
    if require_flatten and None in given:
        raise ValueError(
            "If `include_top` is True, you should specify a static `input_shape`. "
            f"Got `input_shape={given}`"
        )
    return given
