"""Functions that alter one image, given what to do or drawing it from NumPy's global state."""

import numpy as np

from .files import check_channels, stretch
from .warp import affine_matrices, warp

__all__ = [
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "flip_axis",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "transform_matrix_offset_center",
]


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=0,
    col_axis=1,
    channel_axis=2,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """An image of rank 3 rotated, shifted, sheared and zoomed about its middle.

    `theta` and `shear` are in degrees; `tx` moves along rows, `ty` along columns, in pixels; zooms
    above 1 make the image smaller. `fill_mode` ("constant", "nearest", "reflect", "wrap") says
    what lies outside; `order` is that of the spline, above 1 with SciPy.
    """
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    shape = x.shape[row_axis], x.shape[col_axis]
    (matrix,) = affine_matrices(shape, theta, tx, ty, shear, zx, zy)
    return apply_transform(x, matrix, channel_axis, fill_mode, cval, order)


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0, order=1):
    """An image of rank 3 whose pixel p is what `x` has at `transform_matrix @ p`.

    The matrix (3, 3) is for points (row, column, 1).
    """
    x = np.array(x)
    images = np.moveaxis(x, channel_axis, -1)[None]
    warp(images, np.asarray(transform_matrix)[None], fill_mode, cval, order)
    return x


def transform_matrix_offset_center(matrix, x, y):
    """A matrix that does about the middle of `x` rows and `y` columns what `matrix` does at 0."""
    middle = np.array([[1, 0, x / 2 + 0.5], [0, 1, y / 2 + 0.5], [0, 0, 1]])
    back = np.array([[1, 0, -x / 2 - 0.5], [0, 1, -y / 2 - 0.5], [0, 0, 1]])
    return middle @ matrix @ back


def flip_axis(x, axis):
    """`x` backwards along an axis."""
    return np.flip(x, axis)


def apply_channel_shift(x, intensity, channel_axis=0):
    """`x` plus `intensity`, cut to the range that `x` had; `channel_axis` makes no difference."""
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x, brightness):
    """An image (rows, columns, channels), stretched to 0 to 255, times `brightness`: float32.

    Values are whole, and end at 255; of four channels the last, opacity, stays as it is.
    """
    x = np.asarray(x, "float32")
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}"
        )
    return brighten(x[None], brightness)[0]


def brighten(images, brightness):
    """`apply_brightness_shift` of images (n, rows, columns, channels), by one factor or n."""
    check_channels(images)
    images = np.trunc(stretch(images.astype("float32", copy=False), axis=(1, 2, 3)))
    color = images[..., :3]
    color *= np.reshape(brightness, (-1, 1, 1, 1)).astype("float32")
    np.trunc(color.clip(0, 255, out=color), out=color)
    return images


def random_rotation(
    x,
    rg,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image turned by up to `rg` degrees either way; see `_about_first_axes`."""
    sampling = (channel_axis, fill_mode, cval, interpolation_order)
    return _about_first_axes(x, *sampling, theta=np.random.uniform(-rg, rg))


def random_shift(
    x,
    wrg,
    hrg,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image moved by up to the fraction `wrg` of its width and `hrg` of its height."""
    sampling = (channel_axis, fill_mode, cval, interpolation_order)
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return _about_first_axes(x, *sampling, tx=tx, ty=ty)


def random_shear(
    x,
    intensity,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image sheared by up to `intensity` degrees either way; see `_about_first_axes`."""
    sampling = (channel_axis, fill_mode, cval, interpolation_order)
    return _about_first_axes(x, *sampling, shear=np.random.uniform(-intensity, intensity))


def random_zoom(
    x,
    zoom_range,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image zoomed by a factor from `zoom_range` a direction; see `_about_first_axes`."""
    check_pair("zoom_range", zoom_range)
    sampling = (channel_axis, fill_mode, cval, interpolation_order)
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(*zoom_range, 2)
    return _about_first_axes(x, *sampling, zx=zx, zy=zy)


def _about_first_axes(x, channel_axis, fill_mode, cval, order, **parameters):
    """`apply_affine_transform` about the middle of axes 0 and 1.

    So do the random functions of Keras, also where `row_axis` and `col_axis` are others: a seeded
    script sees the same images here as there.
    """
    return apply_affine_transform(
        x, **parameters, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=order
    )


def random_channel_shift(x, intensity_range, channel_axis=0):
    """`apply_channel_shift` by up to `intensity_range` either way."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def random_brightness(x, brightness_range):
    """`apply_brightness_shift` by a factor drawn from `brightness_range` (low, high)."""
    check_pair("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(*brightness_range))


def check_pair(name, value):
    """Raises `ValueError` unless `value` is two of something."""
    if np.ndim(value) != 1 or len(value) != 2:
        raise ValueError(f"`{name}` should be a tuple or list of two floats. Received: {value}")
