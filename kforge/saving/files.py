"""Files of models and weights, HDF5 or safetensors, behind one interface."""

import contextlib
import os

from . import hdf5, tensors
from .source import is_path, open_source

__all__ = ["is_tensor_path", "open_reader", "open_writer"]


def is_tensor_path(value):
    """Whether `value` is a path with the ending of safetensors files."""
    return is_path(value) and os.fsdecode(value).lower().endswith(".safetensors")


def open_reader(source):
    """A reader of a path, a binary file object, an `h5py.File` or an `h5py.Group`.

    The first bytes decide between the formats, the path's ending where they are of neither. See
    `hdf5.open_reader` and `tensors.open_reader` for what is raised.
    """
    if hdf5.is_hdf5(source):
        return hdf5.open_reader(source)
    with contextlib.ExitStack() as stack:
        file, _ = open_source(source, stack)
        file.seek(0)
        head = file.read(64)
    named = is_tensor_path(source) and not head.startswith(hdf5.SIGNATURE)
    kind = tensors if named or tensors.is_safetensors(head) else hdf5
    return kind.open_reader(source if is_path(source) else file)


def open_writer(target):
    """A writer: of safetensors at a path with their ending, of HDF5 otherwise."""
    return (tensors if is_tensor_path(target) else hdf5).open_writer(target)
