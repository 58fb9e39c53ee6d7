"""Helpers around models and data, under the names that Keras gives them.

Training itself stands on some of them. Those that stand on models are loaded when they are asked
for.
"""

import importlib

from . import conv_utils, data_utils, generic_utils, io_utils, np_utils
from .data_utils import (
    GeneratorEnqueuer,
    OrderedEnqueuer,
    Sequence,
    SequenceEnqueuer,
    get_file,
)
from .generic_utils import (
    CustomObjectScope,
    Progbar,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    serialize_keras_object,
)
from .io_utils import H5Dict, HDF5Matrix
from .np_utils import normalize, to_categorical
from .seeding import random_states, set_random_seed, set_random_states

# Names whose modules need models, and those modules.
_ON_MODELS = {
    "convert_all_kernels_in_model": "layer_utils",
    "get_source_inputs": "layer_utils",
    "layer_utils": "layer_utils",
    "losses_utils": "losses_utils",
    "metrics_utils": "metrics_utils",
    "model_to_dot": "vis_utils",
    "multi_gpu_model": "multi_gpu_utils",
    "multi_gpu_utils": "multi_gpu_utils",
    "plot_model": "vis_utils",
    "print_summary": "layer_utils",
    "vis_utils": "vis_utils",
}

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
    "convert_all_kernels_in_model",
    "custom_object_scope",
    "data_utils",
    "deserialize_keras_object",
    "generic_utils",
    "get_custom_objects",
    "get_file",
    "get_source_inputs",
    "io_utils",
    "layer_utils",
    "losses_utils",
    "metrics_utils",
    "model_to_dot",
    "multi_gpu_model",
    "multi_gpu_utils",
    "normalize",
    "np_utils",
    "plot_model",
    "print_summary",
    "random_states",
    "serialize_keras_object",
    "set_random_seed",
    "set_random_states",
    "to_categorical",
    "vis_utils",
]


def __getattr__(name):
    if name not in _ON_MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_ON_MODELS[name]}", __name__)
    return module if name == _ON_MODELS[name] else getattr(module, name)


def __dir__():
    return [*globals(), *_ON_MODELS]
