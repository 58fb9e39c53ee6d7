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
import zlib

import numpy as np

from kforge.saving.atomic import atomic_write
from kforge.saving.errors import DamagedFileError, FileError, UnsafeFileError
from kforge.saving.source import looks_like, open_source

__all__ = ["Reader", "Stored", "Writer", "is_hdf5", "open_reader", "open_writer"]

MAX_PATH = 1 << 14  # characters
MAX_PARTS = 64
MAX_NAMES = 200_000
MAX_LIST = 1 << 16  # bytes of one attribute, a bound of the format itself
MAX_TEXT = 1 << 28
MAX_RANK = 8
MAX_CHUNKS = 1 << 14  # beyond those stored: an empty one costs time, too
LIST_BYTES = 64_512  # Keras splits longer lists of names over several attributes

# Bytes that an array may declare where nothing else says how large it must be: so many, and so
# many for each byte that the file stores of it.
FREE_BYTES = 64 << 20
RATIO = 100

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
        return Reader(source.id, _Origin(str(source.file.filename), size), source.name.strip("/"))
    with contextlib.ExitStack() as stack:
        file, label = open_source(source, stack)
        size = file.seek(0, os.SEEK_END)
        _check_signature(file, size, label)
        with _library(label):
            root = stack.enter_context(h5py.File(file, "r"))
        return Reader(root.id, _Origin(label, size), owned=stack.pop_all())


class Reader:
    """A group of an HDF5 file. Paths are relative to it, with "/" between their parts."""

    def __init__(self, node, origin, path="", trail=None, owned=None):
        self.path = path
        self._node = node
        self._origin = origin
        # Addresses of the groups from the root to here, none of which may be met again.
        self._trail = trail or _entered(node, (), origin.label)
        self._owned = owned

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Closes what `open_reader` has opened."""
        if self._owned is not None:
            self._owned.close()

    def where(self, path="", attribute=""):
        """The file and the object, for messages."""
        inner = "/".join(part for part in (self.path, path) if part) + attribute
        return f"{self._origin.label}: /{_short(inner)}"

    def has(self, name):
        """Whether the group has something called `name`, of whatever kind."""
        (key,) = _keys(name, self.where())
        with _library(self.where(name)):
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
        if nbytes > FREE_BYTES + RATIO * self._origin.size:
            raise UnsafeFileError(
                f"{self._origin.label} describes a model with {nbytes:,} bytes of weights or more, "
                f"but has only {self._origin.size:,} bytes."
            )

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
            with _library(where):
                node = h5py.h5o.open(node, key)
            trail = _entered(node, trail, where)
        return node, trail

    def _strings(self, name):
        """The strings of an attribute; None if absent."""
        import h5py

        where, key = self.where("", "@" + name), name.encode()
        with _library(where):
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
        with _library(where):
            values = np.empty(shape, kind.dtype)
            attribute.read(values)
            values = values.ravel().tolist()
            if sum(map(len, values)) > MAX_TEXT:
                raise UnsafeFileError(f"{where} holds {sum(map(len, values)):,} bytes of text.")
            return [value.decode("utf-8") for value in values]


class Stored:
    """An array in a file, found safe to read: `shape`, `dtype` (of this machine), `nbytes`."""

    def __init__(self, node, origin, where):
        import h5py

        self._node = node
        self._origin = origin
        self._where = where
        with _library(where):
            plist = node.get_create_plist()
            _check_layout(plist, where)  # first: to ask a virtual dataset for its shape opens files
            self.dtype = _checked_dtype(node.get_type(), where)
            self.shape = _checked_shape(node, where)
            self.nbytes = math.prod(self.shape) * self.dtype.itemsize
            self._filters = _checked_filters(plist, where)
            chunked = plist.get_layout() == h5py.h5d.CHUNKED
            self._chunk = self._checked_chunk(plist.get_chunk()) if chunked else None

    def read(self, shape=None):
        """The whole array.

        Given the `shape` that it must have (`ValueError` if it has another), it may be as large as
        that. Otherwise what it declares has to be borne out by what the file stores of it.
        """
        import h5py

        if shape is None:
            self._origin.spend(self.nbytes, self._stored_bytes(), self._where)
        elif tuple(shape) != self.shape:
            raise ValueError(f"{self._where}: expected shape {tuple(shape)}, got {self.shape}.")
        self._check_chunks()
        out = np.empty(self.shape, self.dtype)
        if out.size:
            with _library(self._where):
                self._node.read(h5py.h5s.ALL, h5py.h5s.ALL, out)
        return out

    def _stored_bytes(self):
        with _library(self._where):
            return min(self._node.get_storage_size(), self._origin.size)

    def _checked_chunk(self, chunk):
        if len(chunk) != len(self.shape) or 0 in chunk:
            raise DamagedFileError(f"{self._where}: chunks {chunk} of an array {self.shape}.")
        if math.prod(chunk) * self.dtype.itemsize > max(FREE_BYTES, self.nbytes):
            raise UnsafeFileError(f"{self._where}: chunks {chunk} of an array {self.shape}.")
        return chunk

    def _check_chunks(self):
        """Bounds the work that chunks make, and what the library would inflate of each."""
        import h5py

        if self._chunk is None:
            return
        stored = []
        with _library(self._where):
            self._node.chunk_iter(stored.append)
        count = math.prod(-(-n // c) for n, c in zip(self.shape, self._chunk, strict=True))
        if count > MAX_CHUNKS + len(stored):
            raise UnsafeFileError(f"{self._where} declares {count:,}, stores {len(stored)} chunks.")
        if h5py.h5z.FILTER_DEFLATE not in self._filters:
            return
        skipped = 1 << self._filters.index(h5py.h5z.FILTER_DEFLATE)
        limit = math.prod(self._chunk) * self.dtype.itemsize + 4  # a checksum may follow
        for chunk in stored:
            if chunk.size > self._origin.size:
                raise DamagedFileError(f"{self._where}: a chunk is larger than the file.")
            with _library(self._where):
                raw = self._node.read_direct_chunk(chunk.chunk_offset)[1]
                if not chunk.filter_mask & skipped and _inflates_beyond(raw, limit):
                    raise UnsafeFileError(f"{self._where}: a chunk inflates to over {limit} bytes.")


class Writer:
    """A group of an HDF5 file that is being written, in the layout and encodings of Keras 2.3.1."""

    def __init__(self, group):
        self._group = group

    def text(self, name, value):
        """Stores a string as the attribute `name`."""
        self._group.attrs[name] = value.encode("utf-8")

    def names(self, name, values):
        """Stores a list of strings as the attribute `name`, or as several if it is long."""
        array = np.asarray([value.encode("utf-8") for value in values])
        if array.nbytes <= LIST_BYTES:
            self._group.attrs[name] = array
            return
        if array.itemsize > LIST_BYTES:
            longest = max(values, key=len)
            raise RuntimeError(
                f"Cannot save {name}: HDF5 holds names of up to {LIST_BYTES} bytes, got one of "
                f"{array.itemsize}: {_short(longest)}"
            )
        parts = -(-len(array) // (LIST_BYTES // array.itemsize))
        for number, part in enumerate(np.array_split(array, parts)):
            self._group.attrs[f"{name}{number}"] = part

    def group(self, path):
        """The `Writer` of the group at `path`, made if absent."""
        _keys(path, self._group.name)
        try:
            return Writer(self._group.require_group(path))
        except TypeError as error:
            raise ValueError(
                f"Cannot save a layer as {path!r}: a weight has this name already."
            ) from error

    def array(self, path, value):
        """Stores an array of numbers."""
        _keys(path, self._group.name)
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
    elif isinstance(target, (str, bytes, os.PathLike)):
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


class _Origin:
    """The file that objects come from, and how much of it may still be read unasked."""

    def __init__(self, label, size):
        self.label = label
        self.size = size
        self._left = FREE_BYTES + RATIO * size

    def spend(self, declared, stored, where):
        """Accounts for an array that declares so many bytes, and stores so many."""
        if declared > min(FREE_BYTES + RATIO * stored, self._left):
            raise UnsafeFileError(
                f"{where} declares {declared:,} bytes, of which the file stores {stored:,}. "
                "If you trust it, write it anew without compression."
            )
        self._left -= declared


@contextlib.contextmanager
def _library(where):
    """Gives a type and a place to the errors of h5py, which may be of any type."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise DamagedFileError(f"{where}: {error}") from error


def _short(text):
    return text if len(text) <= 200 else f"{text[:150]}...{text[-40:]}"


def _keys(path, where):
    """The parts of a path, encoded; refuses those that lead elsewhere or nowhere."""
    parts = path.split("/")
    odd = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if odd or len(path) > MAX_PATH or len(parts) > MAX_PARTS:
        raise UnsafeFileError(f"{where}: {_short(path)!r} is not a name that Keras gives.")
    return [part.encode("utf-8") for part in parts]


def _entered(node, trail, where):
    """`trail` with the address of `node`, if that is a group."""
    import h5py

    if not isinstance(node, h5py.h5g.GroupID):
        return trail
    with _library(where):
        address = h5py.h5o.get_info(node).addr
    if address in trail:
        raise UnsafeFileError(f"{where}: a group on this path contains itself.")
    return (*trail, address)


def _check_link(node, key, where):
    import h5py

    with _library(where):
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


def _check_signature(file, size, label):
    """That HDF5 finds its superblock, and no extension of it.

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
            return
    file.seek(0)
    raise DamagedFileError(f"{label} is not an HDF5 file: {looks_like(file.read(64))}.")


def _check_layout(plist, where):
    import h5py

    layout = plist.get_layout()
    if plist.get_external_count():
        raise UnsafeFileError(f"{where} keeps its values in another file, which is not read.")
    if layout == h5py.h5d.VIRTUAL:
        raise UnsafeFileError(f"{where} is a virtual view of other files, which are not read.")


def _checked_filters(plist, where):
    """Filters by number, in order: at most shuffle, deflate and a checksum, once each.

    The library looks for any other in plug-ins, which are code; deflating twice makes a bomb.
    """
    import h5py

    known = [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32]
    filters = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]
    if filters != [number for number in known if number in filters]:
        raise UnsafeFileError(
            f"{where} has the HDF5 filters {filters}; only shuffle, gzip and fletcher32 "
            f"({known}) are used. If you trust it, write it anew without filters."
        )
    return filters


def _checked_dtype(kind, where):
    """The NumPy type for an HDF5 type, which must be one of plain numbers."""
    import h5py

    numbers = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)  # bool is an enumeration
    dtype = kind.dtype if kind.get_class() in numbers else np.dtype("V1")
    unfit = kind.get_class() == h5py.h5t.ENUM and dtype.kind != "b"
    if unfit or dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise UnsafeFileError(f"{where} is not an array of plain numbers.")
    return np.dtype(dtype.str).newbyteorder("=")


def _checked_shape(node, where):
    import h5py

    if node.get_space().get_simple_extent_type() == h5py.h5s.NULL or node.rank > MAX_RANK:
        raise UnsafeFileError(f"{where} is not an array of up to {MAX_RANK} dimensions.")
    return tuple(node.shape)


def _inflates_beyond(raw, limit):
    """Whether zlib data gives more than `limit` bytes, found out without the memory for them."""
    inflate = zlib.decompressobj()
    total = 0
    while raw and not inflate.eof:
        total += len(inflate.decompress(raw, 1 << 20))
        if total > limit:
            return True
        raw = inflate.unconsumed_tail
    return False
