"""Images: files to arrays, alterations at random, batches for training."""

from .array_iterator import NumpyArrayIterator
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator
from .files import (
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    save_img,
)
from .generator import ImageDataGenerator
from .iterator import Iterator
from .transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    apply_transform,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "transform_matrix_offset_center",
]
