"""Functions that Python, NumPy and other packages removed, as they were documented.

`kforge.compat.pitfalls` says where each of them was.
"""

import html
import math

import numpy as np

from ..utils.generic_utils import getargspec

__all__ = [
    "NINF",
    "NZERO",
    "PZERO",
    "append",
    "as_matrix",
    "asfarray",
    "asscalar",
    "cast",
    "dataset_value",
    "find_common_type",
    "get_cmap",
    "getargspec",
    "getsize",
    "in1d",
    "ix",
    "linear_assignment",
    "msort",
    "sctypes",
    "textsize",
    "unescape",
]

NINF, NZERO, PZERO = -np.inf, -0.0, 0.0

sctypes = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64, np.longdouble],
    "complex": [np.complex64, np.complex128, np.clongdouble],
    "others": [bool, object, bytes, str, np.void],
}


class _Casts(dict):
    """Functions that convert to a type, under its names."""

    def __missing__(self, dtype):
        return lambda values: np.asarray(values).astype(dtype)


cast = _Casts()


def asscalar(a):
    """The only item of an array, as a Python number."""
    return np.asarray(a).item()


def asfarray(a, dtype=np.float64):
    """An array of floats."""
    return np.asarray(a, dtype=dtype if np.issubdtype(dtype, np.inexact) else np.float64)


def in1d(ar1, ar2, assume_unique=False, invert=False):
    """Whether each item of an array, as a vector, is in another."""
    return np.isin(np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert)


def msort(a):
    """A copy of an array, sorted along the first axis."""
    return np.sort(a, axis=0)


@property
def dataset_value(dataset):
    """An HDF5 dataset as an array, or as what it holds if that is one item."""
    return dataset[()]


def getsize(font, text, *args, **kwargs):
    """Width and height of a text, from where it starts to where its ink ends, in pixels."""
    return _ends(font.getbbox(text, *args, **kwargs))


def textsize(draw, text, font=None, spacing=4, **kwargs):
    """Width and height of a text that may have several lines, in pixels."""
    return _ends(draw.textbbox((0, 0), text, font, spacing=spacing, **kwargs))


def _ends(box):
    return tuple(math.ceil(end) for end in box[2:])


def get_cmap(name=None, lut=None):
    """A colour map by its name, or the default one, with `lut` colours."""
    import matplotlib

    if isinstance(name, matplotlib.colors.Colormap):
        return name
    found = matplotlib.colormaps[matplotlib.rcParams["image.cmap"] if name is None else name]
    return found if lut is None else found.resampled(lut)


def append(frame, other, ignore_index=False, verify_integrity=False, sort=False):
    """Rows of a table with those of another, of a list of tables, of a row, or of a dict."""
    import pandas as pd

    if isinstance(frame, pd.DataFrame) and isinstance(other, (pd.Series, dict)):
        row = other if isinstance(other, pd.Series) else pd.Series(other)
        other = pd.DataFrame([row])
    parts = list(other) if isinstance(other, (list, tuple)) else [other]
    options = {"ignore_index": ignore_index, "verify_integrity": verify_integrity, "sort": sort}
    return pd.concat([frame, *parts], **options)


def as_matrix(frame, columns=None):
    """A table, or some columns of it, as an array."""
    return (frame if columns is None else frame[columns]).to_numpy()


def find_common_type(array_types, scalar_types):
    """The type for arrays of some types with scalars of others, which count if theirs is a wider
    kind."""
    arrays = np.result_type(*array_types) if array_types else None
    scalars = np.result_type(*scalar_types) if scalar_types else None
    if arrays is None or scalars is None:
        return arrays if scalars is None else scalars
    kinds = "biufc"
    return scalars if kinds.find(scalars.kind) > kinds.find(arrays.kind) else arrays


def unescape(parser, text):
    """A text without HTML's character references."""
    return html.unescape(text)


def linear_assignment(X):
    """Rows and columns with the least sum of costs: (min(X.shape), 2)."""
    from scipy.optimize import linear_sum_assignment

    return np.column_stack(linear_sum_assignment(X))


@property
def ix(frame):
    """Rows and columns by labels or, where these are no whole numbers, by positions."""
    return _Ix(frame)


class _Ix:
    def __init__(self, frame):
        self.frame = frame

    def __getitem__(self, key):
        return self.frame.iloc[self._positions(key)]

    def __setitem__(self, key, value):
        self.frame.iloc[self._positions(key)] = value

    def _positions(self, key):
        keys = key if isinstance(key, tuple) else (key,)
        return tuple(_positions(k, index) for k, index in zip(keys, self.frame.axes))


def _positions(key, index):
    by_position = index.dtype.kind not in "iu"
    if isinstance(key, slice):
        ends = (key.start, key.stop)
        if by_position and all(n is None or isinstance(n, (int, np.integer)) for n in ends):
            return key
        return index.slice_indexer(key.start, key.stop, key.step)
    if np.ndim(key):
        keys = np.asarray(key)
        if keys.dtype == bool or (by_position and keys.dtype.kind in "iu"):
            return keys
        found = index.get_indexer(keys)
        if (found < 0).any():
            raise KeyError(f"{keys[found < 0].tolist()} not in index")
        return found
    return key if by_position and isinstance(key, (int, np.integer)) else index.get_loc(key)
