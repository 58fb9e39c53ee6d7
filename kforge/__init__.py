"""Keras 2.x as a thin front end that compiles to PyTorch.

``import kforge`` offers the dotted names of Keras 2.3.1; ``kforge.install()`` makes
``import keras`` mean this package.
"""

import importlib

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
    tuning,
    utils,
)
from .compat import pitfalls
from .compat.paths import install, uninstall
from .devices import device
from .layers import Input
from .models import Model, Sequential

__version__ = "0.1.0"

tuning.start_worker_threads()

# Loaded when they are asked for, since few scripts need them all.
_LATER = ("applications", "datasets", "preprocessing", "wrappers")

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "device",
    "engine",
    "initializers",
    "install",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "preprocessing",
    "regularizers",
    "uninstall",
    "utils",
    "wrappers",
]


def load_ipython_extension(shell):
    """``%load_ext kforge``: the notebook runs as a script does with ``python -m kforge``."""
    install()
    if pitfalls.wanted():
        pitfalls.restore()


def unload_ipython_extension(shell):
    """``%unload_ext kforge`` undoes that."""
    pitfalls.withdraw()
    uninstall()


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)


def __dir__():
    return [*globals(), *_LATER]
