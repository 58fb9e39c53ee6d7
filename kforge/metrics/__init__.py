"""Metrics: values that tell how good a model is, and finding them by name."""

from ..losses import (  # noqa: F401 - offered through _LOSSES
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
from . import base, confusion, functions
from .base import *  # noqa: F403 - each module says what it offers
from .base import Metric, registry
from .confusion import *  # noqa: F403
from .foreign import ForeignMetric, as_metric
from .functions import *  # noqa: F403

_LOSSES = [
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "hinge",
    "kullback_leibler_divergence",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]
registry.alias(**{name: globals()[name] for name in _LOSSES})
# As tf.keras calls them in its files.
registry.alias(
    KLD=kullback_leibler_divergence,
    kl_divergence=kullback_leibler_divergence,
    kld=kullback_leibler_divergence,
    log_cosh=logcosh,
)

__all__ = [
    "ForeignMetric",
    "as_metric",
    "clone_metric",
    "clone_metrics",
    "deserialize",
    "get",
    "serialize",
    *_LOSSES,
    *base.__all__,
    *confusion.__all__,
    *functions.__all__,
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
