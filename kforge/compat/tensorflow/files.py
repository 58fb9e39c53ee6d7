"""Files as data sets read them: at once, since there are no tensors of texts."""

import io
import os

import numpy as np

from .image import convert_image_dtype
from .values import convert

__all__ = ["decode_image", "read_file", "write_file"]


def _text(value):
    value = value.item() if isinstance(value, np.ndarray) else value
    return os.fsdecode(value)


def read_file(filename):
    """The bytes of a file, an array of NumPy."""
    with open(_text(filename), "rb") as f:
        return np.array(f.read(), dtype=object)


def write_file(filename, contents):
    """Writes bytes into a file."""
    contents = contents.item() if isinstance(contents, np.ndarray) else contents
    with open(_text(filename), "wb") as f:
        f.write(contents)


_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode_image(contents, channels=0, dtype="uint8", expand_animations=True):
    """The pixels of an image in bytes, (rows, columns, channels); 0 channels are those it has.

    It needs the package pillow.
    """
    try:
        from PIL import Image
    except ImportError as e:
        raise ImportError("Reading images needs: pip install kforge[image]") from e
    contents = contents.item() if isinstance(contents, np.ndarray) else contents
    with Image.open(io.BytesIO(contents)) as image:
        mode = _MODES.get(channels)
        if mode is None:
            mode = image.mode if image.mode in _MODES.values() else "RGB"
        pixels = np.array(image.convert(mode))
    pixels = convert(pixels[..., None] if pixels.ndim == 2 else pixels)
    return convert_image_dtype(pixels, dtype)
