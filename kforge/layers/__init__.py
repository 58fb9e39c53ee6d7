"""All layers: what the modules here list in their `__all__`."""

from ..engine import Input, InputLayer, InputSpec, Layer
from ..engine.layer import layers as _registry
from .advanced_activations import *
from .convolutional import *
from .core import *
from .cudnn_recurrent import *
from .embeddings import *
from .legacy import *
from .local import *
from .merge import *
from .noise import *
from .normalization import *
from .pooling import *
from .recurrent import *
from .torch_module import *
from .wrappers import *

serialize, deserialize = _registry.serialize, _registry.deserialize

for _name, _found in list(globals().items()):
    if isinstance(_found, type) and issubclass(_found, Layer):
        _registry.alias(**{_name: _found})  # Convolution2D, MaxPool2D, ... in configs

__all__ = [
    name
    for name, value in globals().items()
    if not name.startswith("_") and type(value).__name__ != "module"
]
