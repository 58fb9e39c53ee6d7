"""Strings of variable length in HDF5 files, read without the library.

Where a file is damaged, the library may read such strings for ever, or reserve what a damaged
length says. They are therefore found here: an attribute holds, for each string, its length and its
place in one of the file's global heaps.
"""

from .errors import DamagedFileError, UnsafeFileError

__all__ = ["Heaps"]

ATTRIBUTE, CONTINUATION = 0x0C, 0x10
SHARED = 0x02
MAX_OBJECTS = 1 << 16  # of one heap, whose numbers have 16 bits


class Heaps:
    """The global heaps of a file.

    `start` is where the file's addresses count from, `head` the bytes there: the superblock.
    """

    def __init__(self, file, size, start, head):
        self._file, self._size, self._start = file, size, start
        # The widths of addresses and lengths.
        self._widths = tuple(head[13:15] if head[8] < 2 else head[9:11])
        self._known = {}

    def strings(self, address, name, count, most, where):
        """The `count` strings of an attribute of the object whose header is at `address`.

        Raises `UnsafeFileError` for more than `most` bytes of text.
        """
        width, _ = self._widths
        data, found = self._attribute(address, name, where), []
        if len(data) < count * (8 + width):
            raise DamagedFileError(f"{where} is cut short.")
        for start in range(0, count * (8 + width), 8 + width):
            length = _number(data[start : start + 4])
            heap = _number(data[start + 4 : start + 4 + width])
            index = _number(data[start + 4 + width : start + 8 + width])
            most -= length
            if most < 0:
                raise UnsafeFileError(f"{where} is too long a text.")
            found.append(self._string(heap, index, length, where) if length else b"")
        return found

    def _string(self, heap, index, length, where):
        if heap not in self._known:
            self._known[heap] = self._objects(heap, where)
        start, size = self._known[heap].get(index, (0, 0))
        if length > size:
            raise DamagedFileError(f"{where}: a string is not where it should be.")
        return self._read(start, length, where).split(b"\0", 1)[0]

    def _objects(self, heap, where):
        """{index: (place, size)} of the objects in the heap at an address."""
        _, width = self._widths
        head = self._read(heap, 8 + width, where)
        size = _number(head[8:])
        if head[:4] != b"GCOL" or not self._fits(heap, size):
            raise DamagedFileError(f"{where}: there is no heap of strings at {heap:#x}.")
        block, found = self._read(heap, size, where), {}
        at = _padded(8 + width)
        while at + 8 + width <= size and len(found) < MAX_OBJECTS:
            index = _number(block[at : at + 2])
            length = _number(block[at + 8 : at + 8 + width])
            if not index:  # what is free, up to the end
                break
            found[index] = heap + at + 8 + width, min(length, size - at - 8 - width)
            at += _padded(8 + width + length)
        return found

    def _attribute(self, address, name, where):
        """The data of an attribute in the header of an object."""
        for kind, flags, message in self._messages(address, where):
            if kind == ATTRIBUTE and not flags & SHARED and len(message) >= 9:
                # Version 1 fills up each part to a multiple of 8 bytes.
                first, fill = {1: (8, _padded), 2: (8, int), 3: (9, int)}.get(message[0], (0, int))
                sizes = [_number(message[i : i + 2]) for i in (2, 4, 6)]
                if first and message[first : first + sizes[0]].rstrip(b"\0") == name:
                    return message[first + sum(map(fill, sizes)) :]
        raise UnsafeFileError(
            f"{where} is stored apart from its object, as Keras never does. If you trust the file, "
            "open it yourself and pass the `h5py.File`."
        )

    def _messages(self, address, where):
        """(kind, flags, data) of the messages in the header of an object."""
        start = self._read(address, 64, where, short=True)
        if start[:4] == b"OHDR":
            flags = start[5]
            first = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            size = _number(start[first : first + width])
            fields, margin, first = (1, 3, 4 + 2 * bool(flags & 0x04)), 4, first + width
        else:
            fields, margin, first, size = (2, 4, 8), 0, 16, _number(start[8:12])
        blocks, left = [(address + first, size)], self._size
        for at, size in blocks:  # of which there come to be more
            left -= max(size, 1024)
            if left < -(1 << 20):
                raise DamagedFileError(f"{where}: the header of its object has no end.")
            for kind, flags, message in _parts(self._read(at, size, where), *fields):
                if kind == CONTINUATION:
                    width, other = self._widths
                    more = _number(message[width : width + other])
                    blocks.append((_number(message[:width]) + margin, more - 2 * margin))
                else:
                    yield kind, flags, message

    def _fits(self, address, size):
        return 0 <= size and 0 <= address and self._start + address + size <= self._size

    def _read(self, address, size, where, short=False):
        if not self._fits(address, 0 if short else size):
            raise DamagedFileError(f"{where}: {size:,} bytes at {address:#x} are not in the file.")
        self._file.seek(self._start + address)
        return self._file.read(size)


def _parts(block, kind_end, length_end, head):
    """(kind, flags, data) of the messages in a part of a header, given where their fields end."""
    at = 0
    while at + head <= len(block):
        size = _number(block[at + kind_end : at + length_end])
        flags = block[at + length_end]
        yield _number(block[at : at + kind_end]), flags, block[at + head : at + head + size]
        at += head + size


def _number(data):
    return int.from_bytes(data, "little")


def _padded(size):
    return size + -size % 8
