"""Metrics: values that tell how good a model is, and finding them by name."""

# ruff: noqa: F403  (what is public: each module lists what it offers)

from ..losses import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from . import base, confusion, foreign, functions
from .base import *
from .base import Metric, registry
from .confusion import *
from .foreign import *
from .functions import *

_LOSSES = {
    function.__name__: function
    for function in (
        binary_crossentropy,
        categorical_crossentropy,
        categorical_hinge,
        hinge,
        kullback_leibler_divergence,
        logcosh,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        mean_squared_logarithmic_error,
        poisson,
        sparse_categorical_crossentropy,
        squared_hinge,
    )
}
_SHORT = {
    "mae": mae,
    "MAE": MAE,
    "mape": mape,
    "MAPE": MAPE,
    "mse": mse,
    "MSE": MSE,
    "msle": msle,
    "MSLE": MSLE,
}
registry.alias(**_LOSSES, **_SHORT)
# As tf.keras calls them in its files.
registry.alias(
    KLD=kullback_leibler_divergence,
    kl_divergence=kullback_leibler_divergence,
    kld=kullback_leibler_divergence,
    log_cosh=logcosh,
)

__all__ = [
    "clone_metric",
    "clone_metrics",
    "deserialize",
    "get",
    "serialize",
    *(name for module in (base, confusion, foreign, functions) for name in module.__all__),
    *_LOSSES,
    *_SHORT,
]


def clone_metric(metric):
    """A metric like this one, with variables of its own; a function is itself."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics):
    """Metrics like these, with variables of their own."""
    return [clone_metric(metric) for metric in metrics]


def serialize(metric):
    """The name of a metric function, or the config of a `Metric`."""
    return registry.serialize(metric)


def deserialize(config, custom_objects=None):
    """The metric of a name or config."""
    return registry.deserialize(config, custom_objects)


def get(identifier):
    """A metric from a name, a config, or itself."""
    if identifier is None:
        raise ValueError(f"Could not interpret metric function identifier: {identifier}")
    return registry.get(identifier)
