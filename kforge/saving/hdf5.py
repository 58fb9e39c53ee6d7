"""The one door to HDF5 files: a reader that trusts nothing in them, and a writer of Keras's layout.

An HDF5 file can name other files to read from, declare arrays of any size in a few bytes, and
contain itself. The reader therefore opens files through a Python file object (from which the
library cannot reach others), takes the names of objects from the attributes that Keras writes,
goes to them link by link, and looks at each object before it reads from it.
"""

import contextlib
import io
import itertools
import math
import os

import numpy as np

from ..utils.atomic import atomic_write
from ..utils.io_utils import write_attribute
from ..utils.terminal import printable
from .errors import DamagedFileError, UnsafeFileError
from .heap import Heaps
from .source import Closing, is_path, looks_like, open_source
from .stored import Origin, Stored, library

__all__ = ["Reader", "Writer", "is_hdf5", "open_reader", "open_writer"]

MAX_PATH = 1 << 17  # characters; Keras writes names of 32 thousand
MAX_PARTS = 64
MAX_NAMES = 200_000
MAX_LIST = 1 << 16  # bytes of one attribute, a bound of the format itself
MAX_TEXT = 1 << 28
MAX_NAMES_TEXT = 1 << 24

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(value):
    """Whether `value` is an open `h5py.File` or `h5py.Group`."""
    import h5py

    return isinstance(value, h5py.Group)


def open_reader(source):
    """A `Reader` of the root of `source`, to be used in a ``with`` statement.

    `source` is a path, a binary file object, or an `h5py.File` or `h5py.Group`, which stays open.
    Raises `OSError` if there is no such file; then, as all methods do, `DamagedFileError` for what
    is not HDF5 or not whole, and `UnsafeFileError` for what no honest file contains.
    """
    import h5py

    if is_hdf5(source):
        size = h5py.h5i.get_file_id(source.id).get_filesize()
        return Reader(source.id, Origin(str(source.file.filename), size), source.name.strip("/"))
    with contextlib.ExitStack() as stack:
        file, label = open_source(source, stack)
        size = file.seek(0, os.SEEK_END)
        start, head = _superblock(file, size, label)
        with library(label):
            root = stack.enter_context(h5py.File(file, "r"))
        own = file if is_path(source) else None
        origin = Origin(label, size, Heaps(file, size, start, head), own)
        return Reader(root.id, origin, owned=stack.pop_all())


class Reader(Closing):
    """A group of an HDF5 file. Paths are relative to it, with "/" between their parts."""

    def __init__(self, node, origin, path="", trail=None, owned=None):
        super().__init__(owned)
        self.path = path
        self._node = node
        self._origin = origin
        # Addresses of the groups from the root to here, none of which may be met again.
        self._trail = trail or _entered(node, (), origin.label)

    def where(self, path="", attribute=""):
        """The file and the object, for messages."""
        inner = "/".join(part for part in (self.path, path) if part) + attribute
        return f"{self._origin.label}: /{_short(inner)}"

    def has(self, name):
        """Whether the group has something called `name`, of whatever kind."""
        (key,) = _keys(name, self.where())
        with library(self.where(name)):
            return self._node.links.exists(key)

    def text(self, name):
        """The attribute `name`, one string; None if absent."""
        found = self._strings(name)
        if found is not None and len(found) != 1:
            raise DamagedFileError(f"{self.where('', '@' + name)} has {len(found)} strings.")
        return found and found[0]

    def names(self, name):
        """The attribute `name`, a list of paths, also if split over several; None if absent."""
        found = self._strings(name)
        if found is None:
            parts = (self._strings(f"{name}{number}") for number in itertools.count())
            for part in itertools.takewhile(lambda part: part is not None, parts):
                found = (found or []) + part
                if len(found) > MAX_NAMES:
                    raise UnsafeFileError(f"{self.where('', '@' + name)} has {len(found)} names.")
        for path in found or ():
            _keys(path, self.where("", "@" + name))
        return found

    def check_size(self, nbytes):
        """Raises `UnsafeFileError` for more bytes of weights than the file can have."""
        self._origin.check(nbytes)

    def group(self, path):
        """The `Reader` of a group."""
        import h5py

        node, trail = self._open(path)
        if not isinstance(node, h5py.h5g.GroupID):
            raise DamagedFileError(f"{self.where(path)} is not a group.")
        return Reader(node, self._origin, f"{self.path}/{path}".strip("/"), trail)

    def dataset(self, path):
        """The `Stored` array at `path`, of which nothing is read yet."""
        import h5py

        node, _ = self._open(path)
        if not isinstance(node, h5py.h5d.DatasetID):
            raise DamagedFileError(f"{self.where(path)} is not a dataset.")
        return Stored(node, self._origin, self.where(path))

    def array(self, path, shape=None):
        """The array at `path`; see `Stored.read`."""
        return self.dataset(path).read(shape)

    def _open(self, path):
        """The object at `path`, and the addresses of the groups down to it."""
        import h5py

        where = self.where(path)
        node, trail = self._node, self._trail
        for key in _keys(path, where):
            if not isinstance(node, h5py.h5g.GroupID):
                raise DamagedFileError(f"{where}: something on this path is not a group.")
            _check_link(node, key, where)
            with library(where):
                node = h5py.h5o.open(node, key)
            trail = _entered(node, trail, where)
        return node, trail

    def _strings(self, name):
        """The strings of an attribute; None if absent."""
        import h5py

        where, key = self.where("", "@" + name), name.encode()
        with library(where):
            if not h5py.h5a.exists(self._node, key):
                return None
            attribute = h5py.h5a.open(self._node, key)
            kind, shape = attribute.get_type(), attribute.shape
        if shape is not None and 0 in shape:
            return []  # Keras leaves an empty list to NumPy, which takes it for float64
        if shape is None or not isinstance(kind, h5py.h5t.TypeStringID):
            raise DamagedFileError(f"{where} is not text.")
        each = 16 if kind.is_variable_str() else kind.get_size()
        if math.prod(shape) * each > MAX_LIST:
            raise UnsafeFileError(f"{where} declares {math.prod(shape):,} strings of {each} bytes.")
        if kind.is_variable_str() and self._origin.heaps is not None:
            address, count = h5py.h5o.get_info(self._node).addr, math.prod(shape)
            most = MAX_TEXT if count == 1 else MAX_NAMES_TEXT
            values = self._origin.heaps.strings(address, key, count, most, where)
        else:
            with library(where):
                values = np.empty(shape, kind.dtype)
                attribute.read(values)
            values = values.ravel().tolist()
        try:
            return [value.decode("utf-8") for value in values]
        except UnicodeDecodeError as error:
            raise DamagedFileError(f"{where}: {error}") from error


class Writer:
    """A group of an HDF5 file that is being written, in the layout and encodings of Keras 2.3.1."""

    keeps_config = False  # a file of weights has nothing else, as in Keras

    def __init__(self, group):
        self._group = group

    def text(self, name, value):
        """Stores a string as the attribute `name`."""
        self._group.attrs[name] = value.encode("utf-8")

    def names(self, name, values):
        """Stores a list of strings as the attribute `name`, or as several if it is long."""
        write_attribute(self._group.attrs, name, values)

    def group(self, path):
        """The `Writer` of the group at `path`, made if absent."""
        _check_name(path)
        try:
            return Writer(self._group.require_group(path))
        except TypeError as error:
            raise ValueError(
                f"Cannot save a layer as {path!r}: a weight has this name already."
            ) from error

    def array(self, path, value):
        """Stores an array of numbers."""
        _check_name(path)
        value = np.asarray(value)
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise TypeError(f"Cannot save {path!r}: HDF5 files hold no arrays of {value.dtype}.")
        try:
            self._group.create_dataset(path, data=value, track_times=False)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Cannot save a weight as {path!r}: the name is taken.") from error


@contextlib.contextmanager
def open_writer(target):
    """A `Writer` of `target`: a path, a binary file object, or an `h5py.File` or `h5py.Group`.

    At a path, the new file takes the place of the old one when the block ends without an error.
    """
    if is_hdf5(target):
        yield Writer(target)
    elif is_path(target):
        with atomic_write(target) as file, _new_file(file) as root:
            yield Writer(root)
    elif hasattr(target, "write"):
        file = io.BytesIO()  # HDF5 reads while it writes; the target may not be readable
        with _new_file(file) as root:
            yield Writer(root)
        target.write(file.getbuffer())
    else:
        raise TypeError(
            f"Expected a path, a binary file object or an h5py group, got {type(target).__name__}."
        )


def _new_file(file):
    import h5py

    # The oldest format there is: whatever reads HDF5 reads it.
    return h5py.File(file, "w", libver="earliest")


def _short(text):
    text = printable(text)
    return text if len(text) <= 200 else f"{text[:150]}...{text[-40:]}"


def _keys(path, where):
    """The parts of a path, encoded; refuses those that lead elsewhere or nowhere."""
    parts = path.split("/")
    odd = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if odd or len(path) > MAX_PATH or len(parts) > MAX_PARTS:
        raise UnsafeFileError(f"{where}: {_short(path)!r} is not a name that Keras gives.")
    return [part.encode("utf-8") for part in parts]


def _check_name(path):
    try:
        _keys(path, "")
    except UnsafeFileError as error:
        raise ValueError(
            f"Cannot save anything as {_short(path)!r}: names of layers and weights are paths in "
            f"HDF5, with up to {MAX_PARTS} parts that are not empty, '.' or '..'. Rename it."
        ) from error


def _entered(node, trail, where):
    """`trail` with the address of `node`, if that is a group."""
    import h5py

    if not isinstance(node, h5py.h5g.GroupID):
        return trail
    with library(where):
        address = h5py.h5o.get_info(node).addr
    if address in trail:
        raise UnsafeFileError(f"{where}: a group on this path contains itself.")
    return (*trail, address)


def _check_link(node, key, where):
    import h5py

    with library(where):
        if not node.links.exists(key):
            raise DamagedFileError(f"{where} is missing, though the file has its name.")
        kind = node.links.get_info(key).type
        if kind == h5py.h5l.TYPE_HARD:
            return
        named = {h5py.h5l.TYPE_SOFT: "a soft link", h5py.h5l.TYPE_EXTERNAL: "an external link"}
        target = _short(str(node.links.get_val(key))) if kind in named else "an unknown place"
    raise UnsafeFileError(
        f"{where} is, or is reached by, {named.get(kind, 'a link')} to {target}, which is not "
        "followed. If you trust it, copy what it points to into the file."
    )


def _superblock(file, size, label):
    """Where the file's superblock is, and its first bytes; refuses those with an extension.

    An extension moves parts of the format's machinery, such as the image of a cache, into the
    file, where the library trusts it; Keras never writes one.
    """
    for offset in (0, *(512 << n for n in range(55) if 512 << n < size)):
        file.seek(offset)
        head = file.read(64)
        if head.startswith(SIGNATURE):
            width = head[9] if len(head) == 64 and head[8] >= 2 else 0
            if width and head[12 + width :][:width] != b"\xff" * width:
                raise UnsafeFileError(f"{label} has a superblock extension, which is not read.")
            return offset, head.ljust(64, b"\0")
    file.seek(0)
    raise DamagedFileError(f"{label} is not an HDF5 file: {looks_like(file.read(64))}.")
