"""Helpers around models and data, under the names that Keras gives them."""

from kforge.utils import conv_utils, data_utils, generic_utils, io_utils, np_utils
from kforge.utils.data_utils import (
    GeneratorEnqueuer,
    OrderedEnqueuer,
    Sequence,
    SequenceEnqueuer,
    get_file,
)
from kforge.utils.generic_utils import (
    CustomObjectScope,
    Progbar,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)
from kforge.utils.io_utils import H5Dict, HDF5Matrix
from kforge.utils.np_utils import normalize, to_categorical
from kforge.utils.seeding import set_random_seed

__all__ = [
    "CustomObjectScope",
    "GeneratorEnqueuer",
    "H5Dict",
    "HDF5Matrix",
    "OrderedEnqueuer",
    "Progbar",
    "Sequence",
    "SequenceEnqueuer",
    "conv_utils",
    "custom_object_scope",
    "data_utils",
    "deserialize_keras_object",
    "generic_utils",
    "get_custom_objects",
    "get_file",
    "io_utils",
    "normalize",
    "np_utils",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]
