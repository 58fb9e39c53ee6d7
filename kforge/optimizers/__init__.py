"""Optimizers, and how names and configs become optimizers."""

import torch

from ..registry import Registry
from . import schedules
from .base import Optimizer, clip_norm
from .graph import GraphOptimizer
from .updates import SGD, Adadelta, Adagrad, Adam, Adamax, Nadam, RMSprop, TFOptimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "TFOptimizer",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "clip_norm",
    "deserialize",
    "get",
    "nadam",
    "rmsprop",
    "schedules",
    "serialize",
    "sgd",
]

optimizers = Registry("optimizer")
for _class in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, TFOptimizer):
    optimizers.register(_class, _class.__name__.lower())

sgd, rmsprop, adagrad, adadelta = SGD, RMSprop, Adagrad, Adadelta
adam, adamax, nadam = Adam, Adamax, Nadam


def serialize(optimizer):
    """The config of an optimizer: {"class_name", "config"}."""
    return optimizers.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer of a config made by `serialize`; built-in names in any case.

    A built-in name is in lower case in `config` afterwards, as Keras leaves it.
    """
    name = config["class_name"]
    built_in = optimizers.lookup(name.lower())
    if built_in is not None and optimizers.lookup(name, custom_objects) in (None, built_in):
        config["class_name"] = name.lower()
    return optimizers.deserialize(config, custom_objects)


def get(identifier):
    """An optimizer of what a user may write for it.

    That is an optimizer, a name, a config, or an optimizer of torch or of `tf.train` (see
    `TFOptimizer`).
    """
    if isinstance(identifier, GraphOptimizer):
        return TFOptimizer(identifier)
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if isinstance(identifier, dict):
        return deserialize(identifier)
    is_class = isinstance(identifier, type)
    if is_class and issubclass(identifier, Optimizer):
        name = identifier.__name__
        raise ValueError(
            f"Could not interpret optimizer identifier: {identifier}. Give an object: {name}()."
        )
    if isinstance(identifier, torch.optim.Optimizer) or callable(identifier):
        return TFOptimizer(identifier)
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")
