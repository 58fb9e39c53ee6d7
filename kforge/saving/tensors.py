"""Safetensors files with what HDF5 files of Keras hold, under the same names.

A tensor is called as its dataset would be. The metadata has the attributes, each as the path of its
group, "@" and its name: strings as they are, lists of names as JSON.
"""

import contextlib
import json
import os

import numpy as np

from ..utils.atomic import atomic_write
from ..utils.terminal import printable
from .errors import DamagedFileError, UnsafeFileError
from .source import Closing, is_path, looks_like, open_source
from .stored import Origin
from .text import load_json

__all__ = ["TensorReader", "TensorWriter", "is_safetensors", "open_reader", "open_writer"]

MAX_HEADER = 100_000_000  # bytes, a bound of the format itself


def is_safetensors(head):
    """Whether a file that begins with these bytes looks like a safetensors file."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 48


# ---- reading ------------------------------------------------------------------------------------


def open_reader(source):
    """A `TensorReader` of the root of `source`, to be used in a ``with`` statement.

    `source` is a path or a binary file object. Raises `OSError` if there is no such file,
    `DamagedFileError` for what is no safetensors file or not whole.
    """
    import safetensors

    with contextlib.ExitStack() as stack:
        file, label = open_source(source, stack)
        size = file.seek(0, os.SEEK_END)
        _check_header(file, size, label)
        with _library(label):
            if is_path(source):
                opened = safetensors.safe_open(label, framework="pt")
                contents = _Mapped(stack.enter_context(opened))
            else:
                file.seek(0)
                contents = _Loaded(file.read())
        return TensorReader(contents, Origin(label, size), owned=stack.pop_all())


class TensorReader(Closing):
    """A group of a safetensors file: what begins with its path. See `hdf5.Reader`."""

    def __init__(self, contents, origin, path="", owned=None):
        super().__init__(owned)
        self.path = path
        self._contents = contents
        self._origin = origin

    def where(self, path="", attribute=""):
        """The file and the object, for messages."""
        return f"{self._origin.label}: /{printable(_joined(self.path, path))}{attribute}"

    def has(self, name):
        """Whether the group has a tensor, or a group with attributes, of this name."""
        path = _joined(self.path, name)
        return path in self._contents.names or path in self._contents.groups

    def text(self, name):
        """The attribute `name`, one string; None if absent."""
        return self._contents.metadata.get(f"{self.path}@{name}".lstrip("@"))

    def names(self, name):
        """The attribute `name`, a list of paths; None if absent."""
        text = self.text(name)
        if text is None:
            return None
        found = load_json(text, self.where("", f"@{name}"))
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise DamagedFileError(f"{self.where('', f'@{name}')} is not a list of names.")
        return found

    def check_size(self, nbytes):
        """Raises `UnsafeFileError` for more bytes of weights than the file can have."""
        self._origin.check(nbytes)

    def group(self, path):
        """The `TensorReader` of a group."""
        if _joined(self.path, path) not in self._contents.groups:
            raise DamagedFileError(f"{self.where(path)} is missing, though the file has its name.")
        return TensorReader(self._contents, self._origin, _joined(self.path, path))

    def dataset(self, path):
        """The `Tensor` at `path`, of which nothing is read yet."""
        name = _joined(self.path, path)
        if name not in self._contents.names:
            raise DamagedFileError(f"{self.where(path)} is missing, though the file has its name.")
        return Tensor(self._contents, name, self.where(path))

    def array(self, path, shape=None):
        """The array at `path`; see `Tensor.read`."""
        return self.dataset(path).read(shape)


class Tensor:
    """A tensor in a file: `shape`, which the file is as long as to hold."""

    def __init__(self, contents, name, where):
        self._contents = contents
        self._name = name
        self._where = where
        self.shape = tuple(contents.shape(name))

    def read(self, shape=None):
        """The whole as an array; raises `ValueError` if it should have another shape."""
        if shape is not None and tuple(shape) != self.shape:
            raise ValueError(f"{self._where}: expected shape {tuple(shape)}, got {self.shape}.")
        with _library(self._where):
            tensor = self._contents.tensor(self._name)
        if tensor.is_complex():
            raise DamagedFileError(f"{self._where} is not an array of plain numbers.")
        if tensor.is_floating_point() and tensor.dtype.itemsize < 4:  # NumPy has not all of them
            tensor = tensor.float()
        return tensor.numpy()


class _Contents:
    """What is in a file: the names of its tensors, its metadata, and the groups that have some."""

    def __init__(self, names, metadata):
        self.names, self.metadata = set(names), metadata or {}
        self.groups = {path for path, mark, _ in (n.partition("@") for n in self.metadata) if mark}


class _Mapped(_Contents):
    """The contents of a file by its path: tensors are mapped into memory, not read."""

    def __init__(self, file):
        super().__init__(file.keys(), file.metadata())
        self._file = file

    def shape(self, name):
        return self._file.get_slice(name).get_shape()

    def tensor(self, name):
        return self._file.get_tensor(name)


class _Loaded(_Contents):
    """The contents of the bytes of a file."""

    def __init__(self, data):
        from safetensors.torch import load

        self._tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        super().__init__(self._tensors, header.get("__metadata__"))

    def shape(self, name):
        return self._tensors[name].shape

    def tensor(self, name):
        return self._tensors[name]


def _check_header(file, size, label):
    """Refuses what cannot be the header of a file of this size, before anything is read of it."""
    file.seek(0)
    head = file.read(64)
    if not is_safetensors(head):
        raise DamagedFileError(f"{label} is not a safetensors file: {looks_like(head)}.")
    length = int.from_bytes(head[:8], "little")
    if length > MAX_HEADER:
        raise UnsafeFileError(f"{label} declares a header of {length:,} bytes.")
    if length > size - 8:
        raise DamagedFileError(f"{label} is cut short: its header has {length:,} bytes.")


@contextlib.contextmanager
def _library(where):
    """Gives a type and a place to the errors of safetensors."""
    import safetensors

    try:
        yield
    except (safetensors.SafetensorError, UnicodeError) as error:
        raise DamagedFileError(f"{where}: {error}") from error


# ---- writing ------------------------------------------------------------------------------------


class TensorWriter:
    """A group of a safetensors file that is being collected. See `hdf5.Writer`."""

    keeps_config = True

    def __init__(self, tensors, metadata, path=""):
        self._tensors, self._metadata, self._path = tensors, metadata, path

    def text(self, name, value):
        """Stores a string as the attribute `name`."""
        self._metadata[f"{self._path}@{name}".lstrip("@")] = value

    def names(self, name, values):
        """Stores a list of strings as the attribute `name`."""
        self.text(name, json.dumps(values))

    def group(self, path):
        """The `TensorWriter` of the group at `path`."""
        return TensorWriter(self._tensors, self._metadata, _joined(self._path, path))

    def array(self, path, value):
        """Stores an array of numbers."""
        name, value = _joined(self._path, path), np.asarray(value)
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise TypeError(f"Cannot save {name!r}: no file holds arrays of {value.dtype}.")
        if name in self._tensors:
            raise ValueError(f"Cannot save a weight as {name!r}: the name is taken.")
        self._tensors[name] = value


@contextlib.contextmanager
def open_writer(path):
    """A `TensorWriter`, whose file takes the place of `path` when the block ends without error."""
    tensors, metadata = {}, {}
    yield TensorWriter(tensors, metadata)
    # The widest first: then each begins at a multiple of its width.
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header, end = {"__metadata__": metadata}, 0
    for name in names:
        start, end = end, end + tensors[name].nbytes
        dtype = tensors[name].dtype
        kind = "BOOL" if dtype.kind == "b" else f"{dtype.kind.upper()}{8 * dtype.itemsize}"
        header[name] = {"dtype": kind, "shape": tensors[name].shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"Cannot save to {path}: the names and the config have {len(text):,} bytes."
        )
    # Not the library's writer, which changes permissions and leaves the file before it is on disk.
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = tensors[name]
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)


def _joined(*parts):
    return "/".join(part for part in parts if part)
