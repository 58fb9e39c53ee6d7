"""HDF5 as arrays and as dictionaries."""

import io
import os
import sys

import numpy as np

from .. import config

__all__ = [
    "H5Dict",
    "HDF5Matrix",
    "ask_to_proceed_with_overwrite",
    "h5dict",
    "load_from_binary_h5py",
    "save_to_binary_h5py",
    "write_attribute",
]

# Bytes that an attribute can hold in an HDF5 object header.
HDF5_OBJECT_HEADER_LIMIT = 64512


class HDF5Matrix:
    """A data set of an HDF5 file as an array that is read when it is indexed.

    Rows `start` to `end` of `dataset` in the file `datapath`, each slice passed through
    `normalizer` if given. May be indexed with numbers, slices, and lists or arrays of numbers in
    any order. Every process opens the file for itself, so that workers may use it.
    """

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        self.datapath = datapath
        self.dataset = dataset
        self.start = start
        self.normalizer = normalizer
        self._opened = (None, None)  # (process, data set)
        self.end = self.data.shape[0] if end is None else end
        first = self._normalize(self.data[0:1])
        self._base_shape = first.shape[1:]
        self._base_dtype = first.dtype

    @property
    def data(self):
        """The h5py data set."""
        import h5py

        process, data = self._opened
        if process != os.getpid():
            data = h5py.File(self.datapath, "r")[self.dataset]
            self._opened = (os.getpid(), data)
        return data

    def __getstate__(self):
        return {**self.__dict__, "_opened": (None, None)}

    def _normalize(self, rows):
        return rows if self.normalizer is None else self.normalizer(rows)

    def _check(self, index):
        if not 0 <= index < len(self):
            raise IndexError(
                f"Row {index} is out of range: {self.dataset!r} has {len(self)} rows here."
            )

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, key):
        if isinstance(key, slice):
            if (key.stop or 0) > len(self):
                self._check(key.stop - 1)
            start, stop, step = key.indices(len(self))
            if step < 1:
                return self[np.arange(start, stop, step)]
            return self._normalize(self.data[start + self.start : stop + self.start : step])
        if isinstance(key, (int, np.integer)):
            key = key + len(self) if key < 0 else key
            self._check(key)
            return self._normalize(self.data[key + self.start])
        return self._normalize(self._rows(np.asarray(key)))

    def _rows(self, key):
        """The rows of an array of indices; HDF5 itself wants them sorted, each once."""
        if key.dtype == bool:
            key = np.flatnonzero(key)
        if not key.size:
            return self.data[0:0]
        key = np.where(key < 0, key + len(self), key).astype("int64")
        self._check(key.min())
        self._check(key.max())
        unique, inverse = np.unique(key + self.start, return_inverse=True)
        first, last = unique[0], unique[-1]
        if last - first < 2 * len(unique):  # one slice is far faster than many points
            rows = self.data[first : last + 1][unique - first]
        else:
            rows = self.data[unique]
        return rows[inverse.reshape(key.shape)]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype=dtype)

    @property
    def shape(self):
        """Shape, with the normalizer applied."""
        return (len(self), *self._base_shape)

    @property
    def dtype(self):
        """Type of the values, with the normalizer applied."""
        return self._base_dtype

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of values."""
        return int(np.prod(self.shape))


def ask_to_proceed_with_overwrite(filepath):
    """Asks whether to overwrite a file, and gives the answer.

    Raises `FileExistsError` where there is no terminal or notebook to ask on.
    """
    if not sys.stdin.isatty() and not config.in_notebook():
        raise FileExistsError(
            f"{filepath} already exists, and there is no terminal to ask whether to overwrite "
            "it: pass `overwrite=True`, or another path."
        )
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "y":
        print("[TIP] Next time specify overwrite=True!")
    return answer == "y"


class H5Dict:
    """A dictionary over an HDF5 file or group, or over a dictionary of the same form.

    Arrays become data sets, everything else attributes; reading a name that does not exist makes
    a group. `path` is a file's path, a group or a dictionary, `mode` is "a", "r" or "w".
    Dictionaries hold the arrays themselves: nothing is pickled, and nothing that was is read.
    """

    def __init__(self, path, mode="a"):
        import h5py

        self._is_file = isinstance(path, (str, os.PathLike))
        self.read_only = mode == "r"
        if self._is_file:
            self.data = h5py.File(path, mode)
        elif isinstance(path, (h5py.Group, dict)):
            self.data = path
        else:
            raise TypeError(f"Required Group, str, Path or dict. Received: {type(path)}.")
        if isinstance(path, dict):
            if mode == "w":
                path.clear()
            path["_is_group"] = True  # tells groups from dictionaries that are values

    @staticmethod
    def is_supported_type(path):
        """Whether `H5Dict(path)` is possible."""
        import h5py

        return isinstance(path, (h5py.Group, dict, str, os.PathLike))

    def __setitem__(self, attr, val):
        if self.read_only:
            raise ValueError("Cannot set item in read-only mode.")
        if isinstance(self.data, dict):
            self.data[_text(attr)] = val
        elif attr in self.data:
            raise KeyError(f'Cannot set attribute. Group with name "{attr}" exists.')
        elif isinstance(val, (np.ndarray, np.generic)):
            self.data.create_dataset(attr, data=val)
        elif isinstance(val, (list, tuple)):
            write_attribute(self.data.attrs, attr, val)
        else:
            self.data.attrs[attr] = val

    def __getitem__(self, attr):
        if isinstance(self.data, dict):
            return self._get_from_dict(_text(attr))
        attrs = self.data.attrs
        if attr in attrs:
            val = attrs[attr]
            is_bytes = isinstance(val, (np.ndarray, np.generic)) and val.dtype.kind == "S"
            return val.tolist() if is_bytes else val
        if attr in self.data:
            val = self.data[attr]
            return np.asarray(val) if hasattr(val, "dtype") else self._group(val)
        if f"{attr}0" in attrs:  # too long for one attribute
            return [_text(x) for chunk in _chunks(attrs, attr) for x in chunk]
        return self._group(self._make_group(attr))

    def _get_from_dict(self, attr):
        if f"_{attr}_pickled" in self.data:
            raise ValueError(f"{attr!r} is a pickle, which may hold any code: it is not read.")
        val = self.data[attr] if attr in self.data else self._make_group(attr)
        return self._group(val) if isinstance(val, dict) and val.get("_is_group") else val

    def _make_group(self, attr):
        if self.read_only:
            raise ValueError(f"Cannot create group in read-only mode: there is no {attr!r}.")
        if isinstance(self.data, dict):
            return self.data.setdefault(attr, {"_is_group": True})
        return self.data.create_group(attr)

    def _group(self, data):
        return H5Dict(data, "r" if self.read_only else "a")

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)

    def iter(self):
        """Iterator of the names."""
        return iter(self.data)

    def __getattr__(self, attr):
        """Methods of the group or dictionary; groups that they give are wrapped."""
        if attr == "data":  # not yet set, when unpickled for instance
            raise AttributeError(attr)
        value = getattr(self.data, attr)
        if not callable(value):
            return value

        def call(*args, **kwargs):
            out = value(*args, **kwargs)
            return self._group(out) if isinstance(self.data, type(out)) else out

        return call

    def close(self):
        """Writes everything out; closes the file if this opened it."""
        if not isinstance(self.data, dict):
            self.data.file.flush()
            if self._is_file:
                self.data.close()

    def update(self, *args):
        """Sets what the given dictionaries hold."""
        for items in args:
            for attr, val in dict(items).items():
                self[attr] = val

    def __contains__(self, key):
        return key in self.data or (not isinstance(self.data, dict) and key in self.data.attrs)

    def get(self, key, default=None):
        """The item, or `default` where there is none."""
        return self[key] if key in self else default

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.close()


h5dict = H5Dict


def _text(name):
    return name.decode("utf-8") if isinstance(name, bytes) else name


def write_attribute(attrs, name, values):
    """Writes a list, in several attributes (name0, name1, ...) where it is too long for one."""
    values = [x.encode("utf-8") if isinstance(x, str) else x for x in values]
    too_long = [x for x in values if isinstance(x, bytes) and len(x) > HDF5_OBJECT_HEADER_LIMIT]
    if too_long:
        raise RuntimeError(
            f"Cannot save {name}: {len(too_long)} of its names, such as {too_long[0][:40]}..., are "
            f"larger than {HDF5_OBJECT_HEADER_LIMIT} bytes, the most that HDF5 holds."
        )
    array = np.asarray(values)
    if array.nbytes <= HDF5_OBJECT_HEADER_LIMIT:
        attrs[name] = array
        return
    count = -(-len(array) // (HDF5_OBJECT_HEADER_LIMIT // array.itemsize))
    for i, chunk in enumerate(np.array_split(array, count)):
        attrs[f"{name}{i}"] = chunk


def _chunks(attrs, name):
    i = 0
    while f"{name}{i}" in attrs:
        yield attrs[f"{name}{i}"].tolist()
        i += 1


def load_from_binary_h5py(load_function, stream):
    """``load_function(file)`` for the HDF5 file whose bytes `stream` gives."""
    import h5py

    with h5py.File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


def save_to_binary_h5py(save_function, stream):
    """Writes the bytes of the HDF5 file that ``save_function(file)`` fills to `stream`."""
    import h5py

    with h5py.File("in-memory", "w", driver="core", backing_store=False) as file:
        result = save_function(file)
        file.flush()
        stream.write(file.id.get_file_image())
    return result
