"""Functions that Python, NumPy and other packages removed, as they were documented.

`kforge.compat.pitfalls` says where each of them was. The second half widens functions that exist.
"""

import functools
import math
import os

import numpy as np

from ..utils.generic_utils import getargspec

__all__ = [
    "NINF",
    "NZERO",
    "PZERO",
    "Decodable",
    "append",
    "as_matrix",
    "asfarray",
    "asscalar",
    "cast",
    "creating",
    "dataset_value",
    "decodable",
    "get_cmap",
    "getargspec",
    "getsize",
    "giving_a_list",
    "ignoring_encoding",
    "in1d",
    "labelling_some",
    "loading_safely",
    "making_ragged",
    "msort",
    "sampling_sets",
    "sctypes",
    "taking_positions",
    "taking_ragged",
    "textsize",
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


# ---- wider versions of functions that exist ----


class Decodable(str):
    """A text that can be decoded once more, as the bytes that h5py 2 gave could."""

    __slots__ = ()

    def decode(self, encoding="utf-8", errors="strict"):
        """The text."""
        return str(self)


def decodable(getitem):
    """Texts among the attributes of HDF5 files are `Decodable`."""

    @functools.wraps(getitem)
    def __getitem__(self, name):
        value = getitem(self, name)
        return Decodable(value) if type(value) is str else value

    return __getitem__


def creating(init):
    """Opening an HDF5 file without a mode creates it, if there is none, as with h5py 2."""

    @functools.wraps(init)
    def __init__(self, name, mode=None, *args, **kwargs):
        if mode is None:
            is_new = isinstance(name, (str, bytes, os.PathLike)) and not os.path.exists(name)
            in_memory = kwargs.get("driver") == "core"
            mode = "a" if is_new and (in_memory or not kwargs.get("driver")) else "r"
        init(self, name, mode, *args, **kwargs)

    return __init__


def ignoring_encoding(init):
    """`json.load(s)` takes the argument `encoding`, which it ignored since Python 3.1."""

    @functools.wraps(init)
    def __init__(self, *, encoding=None, **kwargs):
        init(self, **kwargs)

    return __init__


def sampling_sets(sample):
    """`random.sample` takes a set, too."""

    @functools.wraps(sample)
    def widened(population, *args, **kwargs):
        if isinstance(population, (set, frozenset)):
            population = tuple(population)
        return sample(population, *args, **kwargs)

    return widened


def taking_positions(compute):
    """`compute_class_weight` takes the classes and the labels by position, too."""

    @functools.wraps(compute)
    def widened(class_weight, *args, **kwargs):
        return compute(class_weight, **dict(zip(("classes", "y"), args)), **kwargs)

    return widened


def giving_a_list(function):
    """`numpy.meshgrid` gives a list, as `numpy.block` takes it, not a tuple."""

    @functools.wraps(function)
    def widened(*args, **kwargs):
        return list(function(*args, **kwargs))

    return widened


def labelling_some(set_ticklabels):
    """More or fewer labels than ticks: the rest of either goes without."""

    @functools.wraps(set_ticklabels)
    def widened(self, labels, *args, minor=False, **kwargs):
        locator = self.get_minor_locator() if minor else self.get_major_locator()
        ticks = len(getattr(locator, "locs", labels))
        if len(labels):
            labels = [*labels, *[""] * (ticks - len(labels))][:ticks]
        return set_ticklabels(self, labels, *args, minor=minor, **kwargs)

    return widened


def loading_safely(load):
    """`yaml.load` can do without a loader: it then makes none but plain objects."""

    @functools.wraps(load)
    def widened(stream, Loader=None):
        import yaml

        return load(stream, yaml.SafeLoader if Loader is None else Loader)

    return widened


def making_ragged(array):
    """Lists of unequal lengths make an array of objects where no other type is asked for."""

    @functools.wraps(array)
    def widened(*args, **kwargs):
        try:
            return array(*args, **kwargs)
        except ValueError as e:
            is_typed = kwargs.get("dtype") is not None or len(args) > 1
            if is_typed or "inhomogeneous shape" not in str(e):
                raise
        return array(*args, **{**kwargs, "dtype": object})

    return widened


def taking_ragged(function):
    """Lists of unequal lengths are taken as an array of objects, which is made of them first."""

    def ragged(x):
        return making_ragged(np.array)(x) if isinstance(x, (list, tuple)) else x

    @functools.wraps(function)
    def widened(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except ValueError as e:
            if "inhomogeneous shape" not in str(e):
                raise
        return function(*map(ragged, args), **{k: ragged(v) for k, v in kwargs.items()})

    return widened
