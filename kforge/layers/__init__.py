"""All layers."""

import importlib
import pkgutil

from ..engine import Input, InputLayer, InputSpec, Layer
from ..engine.layer import layers as _registry

serialize, deserialize = _registry.serialize, _registry.deserialize

for _module in pkgutil.iter_modules(__path__):
    _loaded = importlib.import_module(f".{_module.name}", __name__)
    for _name in getattr(_loaded, "__all__", ()):
        if hasattr(_loaded, _name):
            globals()[_name] = _found = getattr(_loaded, _name)
            if isinstance(_found, type) and issubclass(_found, Layer):
                _registry.alias(**{_name: _found})  # Convolution2D, MaxPool2D, ...
