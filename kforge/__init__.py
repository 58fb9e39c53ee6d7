"""Keras 2.x as a thin front end that compiles to PyTorch.

``import kforge`` offers the dotted names of Keras 2.3.1; ``kforge.install()`` makes
``import keras`` mean this package.
"""

from . import (
    activations,
    backend,
    callbacks,
    constraints,
    engine,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
)
from .compat.paths import install, uninstall
from .devices import device
from .layers import Input
from .models import Model, Sequential

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "backend",
    "callbacks",
    "constraints",
    "device",
    "engine",
    "initializers",
    "install",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "uninstall",
]
