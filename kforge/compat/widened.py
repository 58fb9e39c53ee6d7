"""Functions that accept less than they did, widened: each takes a function, and gives one that
accepts again what it accepted. `kforge.compat.pitfalls` says which does for what.
"""

import functools
import inspect
import os
import sys

import numpy as np

__all__ = [
    "Decodable",
    "copying_if_needed",
    "counting_in_floats",
    "creating",
    "decodable",
    "giving_a_list",
    "ignoring_encoding",
    "labelling_some",
    "loading_safely",
    "making_ragged",
    "printing_all",
    "reading_bytes",
    "renaming",
    "sampling_sets",
    "shuffling_by",
    "stacking_any",
    "taking_positions",
    "taking_ragged",
]


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


def taking_positions(function):
    """Arguments that are keywords only by now are taken by position, too."""
    parameters = inspect.signature(function).parameters.values()
    words = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    most = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)

    @functools.wraps(function)
    def widened(*args, **kwargs):
        return function(*args[:most], **dict(zip(words, args[most:])), **kwargs)

    return widened


def renaming(words):
    """Makes what widens a function: it takes arguments by older names, {old: new}, which drops
    those whose new name is empty."""

    def widen(function):
        @functools.wraps(function)
        def widened(*args, **kwargs):
            for old in words.keys() & kwargs.keys():
                value = kwargs.pop(old)
                if words[old]:
                    kwargs[words[old]] = value
            return function(*args, **kwargs)

        return widened

    return widen


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


def copying_if_needed(array):
    """`copy=False` copies where it must, as it did before NumPy 2."""
    wanted = {"copy": None} if int(np.__version__.partition(".")[0]) > 1 else {}

    @functools.wraps(array)
    def widened(*args, **kwargs):
        if kwargs.get("copy") is False:
            kwargs = {**kwargs, **wanted}
        return array(*args, **kwargs)

    return widened


def counting_in_floats(space):
    """The number of samples, `n / 2` say, may be a float."""

    @functools.wraps(space)
    def widened(start, stop, num=50, *args, **kwargs):
        return space(start, stop, int(num), *args, **kwargs)

    return widened


def stacking_any(stack):
    """The arrays may come from a generator, such as a `map`."""

    @functools.wraps(stack)
    def widened(arrays, *args, **kwargs):
        is_sequence = isinstance(arrays, np.ndarray) or hasattr(arrays, "__getitem__")
        return stack(arrays if is_sequence else list(arrays), *args, **kwargs)

    return widened


def reading_bytes(fromstring):
    """Without a separator the items are those of bytes."""

    @functools.wraps(fromstring)
    def widened(string, dtype=float, count=-1, *, sep="", **kwargs):
        if sep:
            return fromstring(string, dtype, count, sep=sep, **kwargs)
        data = string.encode("latin-1") if isinstance(string, str) else string
        return np.frombuffer(data, dtype, count).copy()

    return widened


def printing_all(set_printoptions):
    """A threshold that is not a number leaves nothing out."""

    @functools.wraps(set_printoptions)
    def widened(precision=None, threshold=None, *args, **kwargs):
        if threshold != threshold or str(threshold) == "nan":
            threshold = sys.maxsize
        return set_printoptions(precision, threshold, *args, **kwargs)

    return widened


def shuffling_by(shuffle):
    """`random.shuffle` takes a function that gives random numbers in [0, 1)."""

    @functools.wraps(shuffle)
    def widened(x, random=None):
        if random is None:
            return shuffle(x)
        for i in reversed(range(1, len(x))):
            j = int(random() * (i + 1))
            x[i], x[j] = x[j], x[i]

    return widened
