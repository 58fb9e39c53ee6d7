"""Images as arrays, as `scipy.misc` had them until SciPy 1.2; they need Pillow."""

import numpy as np

from ..preprocessing.image.files import pillow

__all__ = ["bytescale", "fromimage", "imread", "imresize", "imrotate", "imsave", "toimage"]

_FILTERS = {
    "bicubic": "BICUBIC",
    "bilinear": "BILINEAR",
    "cubic": "BICUBIC",
    "lanczos": "LANCZOS",
    "nearest": "NEAREST",
}


def _filter(name):
    if name not in _FILTERS:
        raise ValueError(f"Unknown interpolation {name!r}: expected one of {sorted(_FILTERS)}.")
    return getattr(pillow(), _FILTERS[name])


def bytescale(data, cmin=None, cmax=None, high=255, low=0):
    """`data` as bytes: `cmin` (its least value) becomes `low`, `cmax` (its greatest) `high`.

    Bytes stay as they are. Raises `ValueError` for limits that are not between 0 and 255.
    """
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    if not 0 <= low <= high <= 255:
        raise ValueError(f"Expected 0 <= low <= high <= 255; got low={low} and high={high}.")
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    if cmax < cmin:
        raise ValueError(f"`cmax` ({cmax}) must not be less than `cmin` ({cmin}).")
    scale = (high - low) / (float(cmax) - float(cmin) or 1.0)
    scaled = (data - float(cmin)) * scale + low
    return (np.clip(scaled, low, high) + 0.5).astype(np.uint8)


def toimage(arr, high=255, low=0, cmin=None, cmax=None, pal=None, mode=None, channel_axis=None):
    """A Pillow image of an array (rows, columns), or with an axis of 3 or 4 channels.

    Values are scaled as by `bytescale`, unless `mode` is "F" or "I". `pal` is a palette: 256
    colours, with (256, 3) bytes. Raises `ValueError` for other shapes.
    """
    arr = np.asarray(arr)
    if np.iscomplexobj(arr):
        raise ValueError("Cannot convert a complex-valued array.")
    if arr.ndim == 2:
        return _plane(arr, high, low, cmin, cmax, pal, mode)
    axis = channel_axis
    if axis is None and arr.ndim == 3:
        axis = next((arr.shape.index(n) for n in (3, 4) if n in arr.shape), None)
    if arr.ndim != 3 or axis is None or arr.shape[axis] not in (3, 4):
        raise ValueError(
            f"An image is (rows, columns) or has an axis of 3 or 4 channels; got {arr.shape}."
        )
    data = np.moveaxis(bytescale(arr, cmin, cmax, high, low), axis, -1)
    mode = mode or {3: "RGB", 4: "RGBA"}[data.shape[-1]]
    if len(pillow().new(mode, (1, 1)).getbands()) != data.shape[-1]:
        raise ValueError(f"An image of mode {mode!r} does not have {data.shape[-1]} channels.")
    size = data.shape[1::-1]
    return pillow().frombytes(mode, size, np.ascontiguousarray(data).tobytes())


def _plane(arr, high, low, cmin, cmax, pal, mode):
    if mode == "F":
        return pillow().fromarray(arr.astype(np.float32))
    if mode == "I":
        return pillow().fromarray(arr.astype(np.int32))
    if mode == "1":
        return pillow().fromarray(bytescale(arr, high=255)).convert("1", dither=0)
    if mode not in (None, "L", "P"):
        raise ValueError(f"Mode {mode!r} needs a channel axis; got an array of shape {arr.shape}.")
    image = pillow().fromarray(bytescale(arr, cmin, cmax, high, low))
    if pal is None and mode != "P":
        return image
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    image.putpalette(np.asarray(gray if pal is None else pal, np.uint8).tobytes())
    return image


def fromimage(im, flatten=False, mode=None):
    """A Pillow image as an array; `mode` converts it, `flatten` makes it one of gray floats."""
    if mode is not None:
        im = im.convert(mode)
    elif im.mode == "P":
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    if flatten:
        im = im.convert("F")
    elif im.mode == "1":
        im = im.convert("L")
    return np.array(im)


def imread(name, flatten=False, mode=None):
    """The array of an image file; for the arguments see `fromimage`."""
    with pillow().open(name) as im:
        return fromimage(im, flatten, mode)


def imsave(name, arr, format=None):
    """Writes an array into an image file, scaled as by `bytescale`; channels come last."""
    toimage(arr, channel_axis=2).save(name, format)


def imresize(arr, size, interp="bilinear", mode=None):
    """An image of bytes in another size: percent (int), a fraction (float) or (rows, columns)."""
    im = toimage(arr, mode=mode)
    if isinstance(size, (int, float, np.number)):
        fraction = size / 100 if isinstance(size, (int, np.integer)) else size
        columns, rows = (int(n * fraction) for n in im.size)
    else:
        rows, columns = size[:2]
    return fromimage(im.resize((int(columns), int(rows)), _filter(interp)))


def imrotate(arr, angle, interp="bilinear"):
    """An image of bytes, turned counter-clockwise by an angle in degrees around its centre."""
    return fromimage(toimage(arr).rotate(angle, _filter(interp)))
