"""All layers: what the modules here list in their `__all__`."""

from ..engine import Input, InputLayer, InputSpec, Layer
from ..engine.layer import layers as _registry
from .advanced_activations import *
from .convolutional import *
from .convolutional_recurrent import *
from .core import *
from .cudnn_recurrent import *
from .embeddings import *
from .legacy import *
from .legacy_recurrent import *
from .local import *
from .merge import *
from .noise import *
from .normalization import *
from .pooling import *
from .recurrent import *
from .torch_module import *
from .wrappers import *


def serialize(layer):
    """The config of a layer: {"class_name", "config"}."""
    return _registry.serialize(layer)


def deserialize(config, custom_objects=None):
    """The layer, or model, of a config made by `serialize`."""
    return _registry.deserialize(config, custom_objects)


for _name, _found in list(globals().items()):
    if isinstance(_found, type) and issubclass(_found, Layer):
        _registry.alias(**{_name: _found})  # Convolution2D, MaxPool2D, ... in configs

__all__ = [
    name
    for name, value in globals().items()
    if not name.startswith("_") and type(value).__name__ != "module"
]
