"""What scripts take from `keras.engine.saving` besides `load_model` and its kin."""

from ..utils.io_utils import HDF5_OBJECT_HEADER_LIMIT
from .hdf5 import open_reader, open_writer
from .old_weights import Source, match
from .weights import read_layers, write_layers

__all__ = [
    "HDF5_OBJECT_HEADER_LIMIT",
    "allow_read_from_gcs",
    "allow_write_to_gcs",
    "load_attributes_from_hdf5_group",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "preprocess_weights_for_loading",
    "save_attributes_to_hdf5_group",
    "save_weights_to_hdf5_group",
]


def load_weights_from_hdf5_group(f, layers, reshape=False):
    """Sets the weights of layers, in order, from an h5py group."""
    return read_layers(open_reader(f), layers, reshape=reshape)


def load_weights_from_hdf5_group_by_name(f, layers, skip_mismatch=False, reshape=False):
    """Sets the weights of layers, by name, from an h5py group."""
    return read_layers(open_reader(f), layers, True, skip_mismatch, reshape)


def save_weights_to_hdf5_group(group, layers):
    """Writes layers into an h5py group."""
    with open_writer(group) as writer:
        write_layers(writer, layers)


def preprocess_weights_for_loading(
    layer, weights, original_keras_version=None, original_backend=None, reshape=False
):
    """Arrays that an older Keras or another backend saved, as `layer.set_weights` takes them."""
    source = Source(original_keras_version or "1", original_backend, reshape)
    found = {id(variable): array for variable, array in match(layer, [], weights, source)}
    return [found[id(variable)] for variable in layer.weights]


def load_attributes_from_hdf5_group(group, name):
    """The list of names that an attribute, or several, of an h5py group hold."""
    return open_reader(group).names(name) or []


def save_attributes_to_hdf5_group(group, name, data):
    """Stores a list of names as an attribute, or several, of an h5py group."""
    with open_writer(group) as writer:
        writer.names(name, [x.decode("utf-8") if isinstance(x, bytes) else x for x in data])


def allow_read_from_gcs(load_function):
    """The function itself: paths in Google Cloud Storage need TensorFlow."""
    return load_function


def allow_write_to_gcs(save_function):
    """The function itself: paths in Google Cloud Storage need TensorFlow."""
    return save_function
