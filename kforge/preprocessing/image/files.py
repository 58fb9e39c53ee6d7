"""Image files, Pillow images and arrays, each made from the others."""

import os
import warnings

import numpy as np

from ... import config

__all__ = [
    "array_to_img",
    "img_to_array",
    "list_pictures",
    "load_img",
    "save_img",
    "validate_filename",
]

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

# What `color_mode` asks for: the channels, the Pillow mode to convert to, the modes left as found.
COLOR_MODES = {
    "grayscale": (1, "L", ("L", "I;16", "I")),
    "rgb": (3, "RGB", ("RGB",)),
    "rgba": (4, "RGBA", ("RGBA",)),
}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow():
    """Pillow's `Image` module; `ImportError` names the extra where it is missing."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading, writing and converting images needs Pillow: pip install kforge[image]"
        ) from error
    return Image


def check_color_mode(color_mode):
    """Raises `ValueError` unless `color_mode` is a name in `COLOR_MODES`."""
    if color_mode not in COLOR_MODES:
        raise ValueError(
            f'Invalid color mode: color_mode must be "grayscale", "rgb", or "rgba". '
            f"Received: {color_mode!r}"
        )


def load_img(path, grayscale=False, color_mode="rgb", target_size=None, interpolation="nearest"):
    """A Pillow image read from a file, converted to `color_mode` and resized to (rows, columns).

    `color_mode` is "grayscale", "rgb" or "rgba"; `interpolation` one of "nearest", "bilinear",
    "bicubic", "lanczos", "box" and "hamming". `grayscale` is the old way to say the former.
    """
    if grayscale:
        warnings.warn('grayscale is deprecated. Please use color_mode = "grayscale"', stacklevel=2)
        color_mode = "grayscale"
    check_color_mode(color_mode)
    _, mode, kept = COLOR_MODES[color_mode]
    with pillow().open(path) as image:
        image.load()
        if image.mode not in kept:
            image = image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. "
            f"Supported methods are {', '.join(INTERPOLATIONS)}"
        )
    return _resize(image, (target_size[1], target_size[0]), interpolation)


def _resize(image, size, interpolation):
    resample = pillow().Resampling[interpolation.upper()]
    if interpolation == "nearest":
        return image.resize(size, resample)
    # Columns first and then rows, as one call did until Pillow 13, which begins with either and
    # then rounds to other grey levels. Colors are weighted by opacity meanwhile, as in one call.
    mode = image.mode
    if mode == "RGBA":
        image = image.convert("RGBa")
    image = image.resize((size[0], image.height), resample).resize(size, resample)
    return image.convert(mode) if mode == "RGBA" else image


def img_to_array(img, data_format=None, dtype=None):
    """An array of rank 3 from a Pillow image; float type and layout are the defaults if None."""
    data_format = config.check_data_format(data_format)
    x = np.asarray(img, dtype=dtype or config.numpy_floatx())
    if x.ndim == 2:
        x = x[..., None]
    if x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}. Expected rank 2 or 3.")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """A Pillow image from an array of rank 3 with 1, 3 or 4 channels.

    With `scale`, the least value becomes 0 and the greatest 255; else values are cut to bytes (of
    one channel, to 32-bit integers where they exceed 255).
    """
    image = pillow()
    data_format = config.check_data_format(data_format)
    x = np.asarray(x, dtype=dtype or config.numpy_floatx())
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}"
        )
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    check_channels(x)
    if scale:
        x = stretch(x)
    if x.shape[-1] > 1:
        return image.fromarray(x.astype("uint8"))
    return image.fromarray(x[..., 0].astype("int32" if x.max() > 255 else "uint8"))


def check_channels(x):
    """Raises `ValueError` unless the last axis is one that a Pillow image can have."""
    if x.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"Unsupported channel number: {x.shape[-1]}. Expected 1, 3 or 4 "
            f"channels; got an image of shape {x.shape}."
        )


def stretch(x, axis=None):
    """`x` in floats, moved and scaled so that it goes from 0 to 255 (over `axis`)."""
    x = x - x.min(axis, keepdims=True)
    top = x.max(axis, keepdims=True)
    x /= np.where(top == 0, 1, top)
    x *= 255
    return x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image to a path or a file; `kwargs` go to Pillow's `save`."""
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and file_format in ("jpg", "jpeg"):
        warnings.warn(
            "The JPG format does not support RGBA images, converting to RGB.", stacklevel=2
        )
        img = img.convert("RGB")
    img.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


def list_pictures(directory, ext=("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")):
    """Paths of the files below a directory whose names end in one of `ext`."""
    endings = tuple(f".{e}" for e in ((ext,) if isinstance(ext, str) else ext))
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    ]


def validate_filename(filename, white_list_formats):
    """Whether there is such a file, and its name ends in one of these formats, in any case."""
    return filename.lower().endswith(tuple(white_list_formats)) and os.path.isfile(filename)


def image_files(directory, follow_links=False):
    """Paths, relative to `directory`, of the images below it, folder by folder in sorted order."""
    for root, _, names in sorted(os.walk(directory, followlinks=follow_links)):
        for name in sorted(names):
            if name.lower().endswith(".tiff"):
                warnings.warn(
                    'Using ".tiff" files with multiple bands will cause distortion. '
                    "Please verify your output.",
                    stacklevel=2,
                )
            if name.lower().endswith(FORMATS):
                yield os.path.relpath(os.path.join(root, name), directory)
