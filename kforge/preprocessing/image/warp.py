"""Affine maps of many images at once, sampled as SciPy's `affine_transform` samples one channel.

The pixel (row, column) of a result is what its image has at `matrix @ (row, column, 1)`.
Coordinates and values are float64 in between, as they are in SciPy: the two agree to rounding.
"""

import numpy as np
import torch

__all__ = ["affine_matrices", "warp"]

# Pixels that are sampled together. Few enough for the temporaries to stay in a core's cache, and
# for torch to work in one thread: batches are made beside a model that trains on all the others.
CHUNK = 1 << 13

# torch's numbers for interpolation and padding: by order (nearest, bilinear), and border.
_MODES = (1, 0)
_BORDER = 1


def affine_matrices(shape, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1):
    """Matrices (n, 3, 3) that rotate, shift, shear and zoom images of `shape` (rows, columns).

    Each parameter is one number, or n of them; angles are in degrees, shifts in pixels.
    """
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    rows, cols = (size / 2 + 0.5 for size in shape)
    elements = (  # (factor, row, column, value): where the factors differ from identity
        *((0, 0, 2, rows), (0, 1, 2, cols)),
        *((1, 0, 0, np.cos(theta)), (1, 0, 1, -np.sin(theta))),
        *((1, 1, 0, np.sin(theta)), (1, 1, 1, np.cos(theta))),
        *((2, 0, 2, tx), (2, 1, 2, ty)),
        *((3, 0, 1, -np.sin(shear)), (3, 1, 1, np.cos(shear))),
        *((4, 0, 0, zx), (4, 1, 1, zy)),
        *((5, 0, 2, -rows), (5, 1, 2, -cols)),
    )
    n = max(np.size(p) for p in (theta, tx, ty, shear, zx, zy))
    matrices = np.tile(np.eye(3), (6, n, 1, 1))
    for factor, i, j, value in elements:
        matrices[factor, :, i, j] = value
    center, rotation, shift, shearing, zoom, back = matrices
    return center @ (rotation @ shift @ shearing @ zoom) @ back


def warp(
    images, matrices, fill_mode="nearest", cval=0.0, order=1, flip_rows=False, flip_cols=False
):
    """Maps each of `images` (n, rows, columns, channels) by its matrix, in place.

    Outside an image, `fill_mode` says what to see: "constant" (`cval`), "nearest", "reflect",
    "wrap". `order` is that of the interpolating spline. `flip_rows` and `flip_cols`, a flag or n
    of them, mirror the results. What torch's sampling does not know (order above 1, other modes
    and types) goes to SciPy.
    """
    n, rows, cols, _ = images.shape
    flips = (np.broadcast_to(f, n) for f in (flip_rows, flip_cols))
    at = [
        np.where(flip[:, None], size - 1.0 - np.arange(size), np.arange(size))
        for flip, size in zip(flips, (rows, cols), strict=True)
    ]
    if order in (0, 1) and fill_mode in _FOLDS and images.dtype.kind in "fiu":
        _sample(images, matrices, at, fill_mode, cval, order)
    else:
        _spline(images, matrices, at, fill_mode, cval, order)


def _sample(images, matrices, at, fill_mode, cval, order):
    n, rows, cols, channels = images.shape
    step = max(1, CHUNK // (rows * cols))
    values = np.empty((min(step, n), rows, cols, channels))
    points = np.empty((min(step, n), 2, rows, cols))
    # As torch has it: the column first, and channels apart.
    source = torch.from_numpy(values).permute(0, 3, 1, 2)
    grid = torch.from_numpy(points).permute(0, 2, 3, 1)
    sizes = np.array([cols, rows], "float64")[:, None, None]
    scale, offset = 2 / sizes, 1 / sizes - 1
    matrices = matrices[:, 1::-1]
    by_row = (matrices[:, :, 2, None] + at[0][:, None] * matrices[:, :, 0, None])[..., None]
    by_col = (at[1][:, None] * matrices[:, :, 1, None])[:, :, None]

    for first in range(0, n, step):
        chunk = images[first : first + step]
        count = len(chunk)
        values[:count] = chunk
        z = points[:count]
        np.add(by_row[first : first + step], by_col[first : first + step], out=z)
        outside = None
        if fill_mode == "constant":
            outside = ((z < 0) | (z > sizes - 1)).any(1)
        _FOLDS[fill_mode](z, sizes)
        if order == 0:
            np.floor(z + 0.5, out=z)
        z *= scale
        z += offset
        seen = torch.grid_sampler(source[:count], grid[:count], _MODES[order], _BORDER, False)
        seen = seen.permute(0, 2, 3, 1).numpy()
        if outside is not None:
            seen[outside] = cval
        if images.dtype.kind in "iu":
            # Halves go away from zero, also those that the sampling left a rounding error below.
            seen = np.trunc(seen + np.copysign(0.5 + 1e-9, seen))
            seen = seen.clip(np.iinfo(images.dtype).min, np.iinfo(images.dtype).max)
        for channel in range(channels):  # twice as fast as all at once
            chunk[..., channel] = seen[..., channel]


def _reflect(z, sizes):
    np.copyto(z, -1 - z, where=z < 0)
    z -= 2 * sizes * np.floor(z / (2 * sizes))
    np.minimum(z, 2 * sizes - 1 - z, out=z)


def _wrap(z, sizes):
    # SciPy's "wrap" takes the first and the last pixel for one and the same.
    span = np.maximum(sizes - 1, 1)
    turns = z / span
    z -= span * np.where(z < 0, -1 - np.floor(-turns), np.floor(turns) * (z > span))


# By fill mode, what moves points from anywhere into the image, or beyond the border nearest to
# what they see.
_FOLDS = {
    "constant": lambda z, sizes: None,
    "nearest": lambda z, sizes: None,
    "reflect": _reflect,
    "wrap": _wrap,
}


def _spline(images, matrices, at, fill_mode, cval, order):
    try:
        from scipy.ndimage import affine_transform
    except ImportError as error:
        raise ImportError(
            f"Interpolation of order {order} with fill_mode={fill_mode!r} on images of type "
            f"{images.dtype} needs SciPy: pip install kforge[image]"
        ) from error
    for image, matrix, rows, cols in zip(images, matrices, *at, strict=True):
        pixels = np.ix_(rows.astype(int), cols.astype(int))
        for channel in np.moveaxis(image, -1, 0):
            channel[...] = affine_transform(
                channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval
            )[pixels]
