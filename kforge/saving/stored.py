"""Arrays in HDF5 files, looked at from all sides before they are read."""

import contextlib
import math
import mmap
import zlib

import numpy as np

from .errors import DamagedFileError, FileError, UnsafeFileError

__all__ = ["Origin", "Stored", "library"]

MAX_RANK = 8
MAX_CHUNKS = 1 << 14  # beyond those stored: an empty one costs time, too

# Bytes that an array may declare where nothing else says how large it must be: so many, and so
# many for each byte that the file stores of it.
FREE_BYTES = 64 << 20
RATIO = 100


@contextlib.contextmanager
def library(where):
    """Gives a type and a place to the errors of h5py, which may be of any type."""
    try:
        yield
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise DamagedFileError(f"{where}: {error}") from error


class Origin:
    """The file that objects come from, and how much may still be read of it unasked.

    `file` is the file itself where it was opened by its path.
    """

    def __init__(self, label, size, heaps=None, file=None):
        self.label = label
        self.size = size
        self.heaps = heaps  # None if the file is open elsewhere
        self._file, self._map = file, None
        self._left = FREE_BYTES + RATIO * size

    def mapped(self, offset, dtype, shape):
        """The array that the file has at `offset`, not read but mapped into memory.

        None where that cannot be: the array is not all in the file, or not aligned, or the file
        is not one that the system maps. To read instead takes twice the memory, and for a whole
        model half the time again; but if another process shortens a mapped file, the system ends
        this one. SECURITY.md says so.
        """
        fits = offset % dtype.itemsize == 0
        fits &= 0 <= offset <= self.size - math.prod(shape) * dtype.itemsize
        if self._file is None or not fits:
            return None
        if self._map is None:
            try:
                self._map = mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_COPY)
            except (OSError, ValueError):  # some network drives; a file that has become shorter
                self._file = None
                return None
            if hasattr(self._map, "madvise"):
                self._map.madvise(mmap.MADV_WILLNEED)
        return np.ndarray(shape, dtype, self._map, offset)

    def check(self, nbytes):
        """Refuses a model with more bytes of weights than the file can be the source of."""
        if nbytes > FREE_BYTES + RATIO * self.size:
            raise UnsafeFileError(
                f"{self.label} describes a model with {nbytes:,} bytes of weights or more, but "
                f"has only {self.size:,} bytes."
            )

    def spend(self, declared, stored, where):
        """Accounts for an array that declares so many bytes, and stores so many."""
        if declared > min(FREE_BYTES + RATIO * stored, self._left):
            raise UnsafeFileError(
                f"{where} declares {declared:,} bytes, of which the file stores {stored:,}. "
                "If you trust it, write it anew without compression."
            )
        self._left -= declared


class Stored:
    """An array in a file, found safe to read: `shape`, `dtype` (of this machine), `nbytes`."""

    def __init__(self, node, origin, where):
        import h5py

        self._node = node
        self._origin = origin
        self._where = where
        with library(where):
            plist = node.get_create_plist()
            _check_layout(plist, where)  # first: to ask a virtual dataset for its shape opens files
            self.dtype = _checked_dtype(node.get_type(), where)
            self.shape = _checked_shape(node, where)
            self.nbytes = math.prod(self.shape) * self.dtype.itemsize
            self._filters = _checked_filters(plist, where)
            layout = plist.get_layout()
            chunked = layout == h5py.h5d.CHUNKED
            self._chunk = self._checked_chunk(plist.get_chunk()) if chunked else None
            self._is_plain = layout == h5py.h5d.CONTIGUOUS and not self._filters

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
        with library(self._where):
            out = self._mapped()
            if out is None:
                out = np.empty(self.shape, self.dtype)
                if out.size:
                    self._node.read(h5py.h5s.ALL, h5py.h5s.ALL, out)
        return out

    def _mapped(self):
        """The array where the file has it, in one piece and as this machine does; else None."""
        import h5py

        offset = self._node.get_offset() if self._is_plain and self.nbytes else None
        if offset is None or self._node.get_storage_size() < self.nbytes:
            return None
        if not self._node.get_type().equal(h5py.h5t.py_create(self.dtype)):
            return None
        return self._origin.mapped(offset, self.dtype, self.shape)

    def _stored_bytes(self):
        with library(self._where):
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
        with library(self._where):
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
            with library(self._where):
                raw = self._node.read_direct_chunk(chunk.chunk_offset)[1]
                if not chunk.filter_mask & skipped and _inflates_beyond(raw, limit):
                    raise UnsafeFileError(f"{self._where}: a chunk inflates to over {limit} bytes.")


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
