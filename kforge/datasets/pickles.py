"""Reads the pickles that some data sets are stored in, without running anything they say.

A pickle is a program that may call whatever it names. This reader knows plain containers, numbers,
text and NumPy arrays, and refuses every other name. Arrays are built here from their parts rather
than by NumPy's own unpickling, whose checks are not made for hostile input.
"""

import math
import pickle
import re
import zipfile

import numpy as np

__all__ = ["load_npz", "load_pickle"]


def load_pickle(file):
    """The object pickled in an open binary file; text of Python 2 becomes bytes.

    Arrays are understood at the top and as values of a dictionary there. Raises
    `pickle.UnpicklingError` for anything that the formats of the data sets do not need.
    """
    try:
        loaded = _Unpickler(file, encoding="bytes").load()
        if isinstance(loaded, dict):
            return {key: _finished(value) for key, value in loaded.items()}
        return _finished(loaded)
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise pickle.UnpicklingError(f"The pickle is damaged: {error}") from error


def load_npz(path, *names):
    """The arrays of these names in an ``.npz`` file, those of Python objects included."""
    with zipfile.ZipFile(path) as archive:
        return [_load_npy(archive, f"{name}.npy") for name in names]


def _load_npy(archive, name):
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"{name} has an unknown version of NumPy's format: {version}.")
        shape, _, dtype = readers[version](file)
        if dtype.hasobject:
            array = load_pickle(file)
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(f"{name} does not hold the array that it announces.")
            return array
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        made = _MADE.get((_RENAMED.get(module, module), name))
        if made is None:
            raise pickle.UnpicklingError(
                f"Refused: the pickle asks for {module}.{name}. Only plain containers, numbers, "
                "text and NumPy arrays are read, since anything else may run code."
            )
        return made


class _Part:
    """What a pickle may make; it cannot change how."""

    def __setstate__(self, state):
        raise pickle.UnpicklingError("Refused: the pickle sets attributes.")


class _Dtype(_Part):
    """A NumPy type: ``dtype(code, align, copy)``, then its state."""

    def __init__(self, code, *flags):
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not re.fullmatch(r"b1|[iu][1248]|f[248]|O[48]?|S\d{1,4}", code):
            raise pickle.UnpicklingError(f"Refused: the pickle asks for NumPy type {code!r}.")
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def __setstate__(self, state):
        _, order, *structure = state[:5]
        if any(part is not None for part in structure):
            raise pickle.UnpicklingError("Refused: the pickle asks for a structured NumPy type.")
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(_Part):
    """An array: made empty, with arguments that mean nothing, then its state."""

    value = None

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        _, shape, dtype, is_fortran, data = state
        dtype = dtype.dtype
        if dtype.hasobject:
            if type(data) is not list or math.prod(shape) != len(data):
                raise pickle.UnpicklingError("An array of objects does not have its shape.")
            value = np.empty(len(data), dtype)
            value[:] = data
        elif isinstance(data, bytes):
            value = np.frombuffer(bytearray(data), dtype)
        else:
            raise pickle.UnpicklingError("An array of numbers does not have its bytes.")
        self.value = value.reshape(shape, order="F" if is_fortran else "C")


class _Scalar(_Part):
    """A NumPy number, as Python's."""

    def __new__(cls, dtype, data):
        return np.frombuffer(data, dtype.dtype, count=1)[0].item()


class _Bytes(_Part):
    """Bytes, the way Python 3 pickles them for Python 2."""

    def __new__(cls, text="", encoding="latin1"):
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError(f"Refused: the pickle asks for encoding {encoding!r}.")
        return text.encode("latin1")


# Modules under the names that other versions of Python and NumPy have for them.
_RENAMED = {
    "__builtin__": "builtins",
    "numpy.core.multiarray": "numpy",
    "numpy._core.multiarray": "numpy",
}
_MADE = {
    ("builtins", "bytes"): _Bytes,
    ("_codecs", "encode"): _Bytes,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("numpy", "_reconstruct"): _Array,
    ("numpy", "scalar"): _Scalar,
}


def _finished(value):
    return value.value if isinstance(value, _Array) else value
