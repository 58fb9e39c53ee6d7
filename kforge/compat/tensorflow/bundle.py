"""TensorFlow's checkpoint files: an index, which is a sorted table, and the bytes of tensors.

The table is LevelDB's: blocks of entries whose keys share beginnings, a block that says where these
are, a footer. Values are protocol buffers. https://github.com/google/leveldb, doc/table_format.md
"""

import functools
import struct

import numpy as np

from ...utils.atomic import atomic_write

__all__ = ["index_of", "read_bundle", "shapes_and_dtypes", "write_bundle"]

_MAGIC = 0xDB4775248B80FB57
_DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    8: "complex64",
    9: "int64",
    10: "bool",
    17: "uint16",
    18: "complex128",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
_NUMBERS = {name: number for number, name in _DTYPES.items()}

# ---- checksums ----------------------------------------------------------------------------------


@functools.cache
def _table():
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(0x82F63B78), values >> 1)
    return values


def _next(state, byte):
    return _table()[(state ^ byte) & 0xFF] ^ (state >> np.uint32(8))


def _applied(operator, states):
    """A linear operator, its images of each bit, on states."""
    found = np.zeros_like(states)
    for bit in range(32):
        found ^= np.where(states >> np.uint32(bit) & 1, operator[bit], np.uint32(0))
    return found


def _zeros(count):
    """The operator of `count` bytes 0."""
    found = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = _next(found, np.uint32(0))
    while count:
        found = _applied(step, found) if count & 1 else found
        step, count = _applied(step, step), count >> 1
    return found


def crc32c(data, lanes=1 << 14):
    """The CRC-32C of bytes: lanes of them side by side, whose states are then joined in pairs."""
    data = np.frombuffer(data, np.uint8)
    state = np.full(1, 0xFFFFFFFF, np.uint32)
    length = len(data) // lanes
    if length:
        columns = np.ascontiguousarray(data[: lanes * length].reshape(lanes, length).T)
        states = np.zeros(lanes, np.uint32)
        for column in columns:
            states = _next(states, column)
        operator = _zeros(length)
        while len(states) > 1:
            states = _applied(operator, states[::2]) ^ states[1::2]
            operator = _applied(operator, operator)
        state = _applied(operator, state) ^ states
    state, table = int(state[0]), _table().tolist()
    for byte in data[lanes * length :].tolist():
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def _masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# ---- protocol buffers ---------------------------------------------------------------------------


def _varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _read_varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _fields(data):
    """(number of the field, its value) for each field of a message."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(data, at)
        elif kind == 2:
            size, at = _read_varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = int.from_bytes(data[at : at + size], "little"), at + size
        yield tag >> 3, value


def _entry(data):
    """dtype, shape, shard, offset, size, checksum of a tensor; whether it is cut into slices."""
    found = {1: 0, 2: b"", 3: 0, 4: 0, 5: 0, 6: 0, **dict(_fields(data))}
    dims = [dict(_fields(value)).get(1, 0) for number, value in _fields(found[2]) if number == 2]
    return found[1], tuple(dims), found[3], found[4], found[5], found[6], 7 in found


# ---- tables -------------------------------------------------------------------------------------


def _block(data, handle):
    offset, size = handle
    if data[offset + size] != 0:
        raise ValueError("The checkpoint's index is compressed, which TensorFlow does not do.")
    return data[offset : offset + size]


def _entries(block):
    (restarts,) = struct.unpack("<I", block[-4:])
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _read_varint(block, at)
        own, at = _read_varint(block, at)
        size, at = _read_varint(block, at)
        key = key[:shared] + bytes(block[at : at + own])
        yield key, bytes(block[at + own : at + own + size])
        at += own + size


def _handle(data, at=0):
    offset, at = _read_varint(data, at)
    size, at = _read_varint(data, at)
    return (offset, size), at


def index_of(prefix):
    """{name: entry} of a checkpoint, and how many files its tensors are in."""
    path = f"{prefix}.index"
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 48 or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
        raise ValueError(f"{path} is not the index of a TensorFlow checkpoint.")
    footer = data[-48:]
    _, at = _handle(footer)
    index, _ = _handle(footer, at)
    found = {}
    for _, value in _entries(_block(data, index)):
        found.update(_entries(_block(data, _handle(value)[0])))
    header = dict(_fields(found.pop(b"")))
    return {name.decode(): _entry(value) for name, value in found.items()}, header.get(1, 1)


def shapes_and_dtypes(prefix):
    """{name: (shape, dtype)} of the tensors of a checkpoint that hold numbers."""
    index, _ = index_of(prefix)
    return {n: (e[1], _DTYPES[e[0]]) for n, e in index.items() if e[0] in _DTYPES}


def read_bundle(prefix, names=None):
    """{name: array} of a checkpoint, all of them that hold numbers, or those named."""
    index, shards = index_of(prefix)
    if names is None:
        names = [name for name, entry in index.items() if entry[0] in _DTYPES]
    found = {}
    for name in names:
        if name not in index:
            raise ValueError(f"Key {name} not found in checkpoint {prefix}.")
        dtype, shape, shard, offset, size, checksum, sliced = index[name]
        if dtype not in _DTYPES or sliced:
            raise ValueError(f"{name} in checkpoint {prefix} is no plain array of numbers.")
        with open(f"{prefix}.data-{shard:05d}-of-{shards:05d}", "rb") as f:
            f.seek(offset)
            data = f.read(size)
        wanted = int(np.prod(shape, dtype=np.int64)) * np.dtype(_DTYPES[dtype]).itemsize
        if len(data) != size or size != wanted or _masked(crc32c(data)) != checksum:
            raise ValueError(f"{name} in checkpoint {prefix} is damaged.")
        found[name] = np.frombuffer(data, _DTYPES[dtype]).reshape(shape).copy()
    return found


# ---- writing ------------------------------------------------------------------------------------


def _field(number, value):
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _described(array, offset, checksum):
    shape = b"".join(_field(2, _field(1, n)) for n in array.shape)
    found = _field(1, _NUMBERS[array.dtype.name]) + _field(2, shape)
    found += _field(4, offset) if offset else b""
    return found + _field(5, array.nbytes) + _varint(6 << 3 | 5) + struct.pack("<I", checksum)


def _made_block(entries):
    body = b"".join(
        _varint(0) + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries
    )
    restarts, at = [], 0
    for key, value in entries:  # every key is whole, so each entry may be begun at
        restarts.append(at)
        at += len(_varint(0) + _varint(len(key)) + _varint(len(value))) + len(key) + len(value)
    restarts = restarts or [0]
    body += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    checksum = _masked(crc32c(body + b"\0"))
    return body, body + b"\0" + struct.pack("<I", checksum)


def _made_table(entries):
    """The bytes of an index of {key: value}."""
    table, handles = bytearray(), b""
    body, block = _made_block(sorted(entries.items()))
    index = [(max(entries) + b"\0", _varint(len(table)) + _varint(len(body)))]
    table += block
    for part in ([], index):
        body, block = _made_block(part)
        handles += _varint(len(table)) + _varint(len(body))
        table += block
    return table + handles.ljust(40, b"\0") + struct.pack("<Q", _MAGIC)


def write_bundle(prefix, arrays):
    """Writes {name: array} as a checkpoint, which TensorFlow reads too.

    The files are complete before they have their names.
    """
    entries, offset = {b"": _field(1, 1) + _field(3, _field(1, 1))}, 0
    files = f"{prefix}.index", f"{prefix}.data-00000-of-00001"
    with atomic_write(files[0]) as index_file, atomic_write(files[1]) as data_file:
        for name in sorted(arrays, key=str.encode):
            array = np.ascontiguousarray(arrays[name]).reshape(np.shape(arrays[name]))
            data = array.tobytes()
            data_file.write(data)
            entries[name.encode()] = _described(array, offset, _masked(crc32c(data)))
            offset += len(data)
        index_file.write(_made_table(entries))
