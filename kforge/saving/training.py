"""The arguments of `compile` as configurations, and back, also from tf.keras and Keras 3."""

import warnings

from .. import losses, metrics, optimizers
from ..engine.layer import layers
from ..registry import get_custom_objects
from .dialects import translate

__all__ = ["compile_arguments", "training_config"]


def training_config(model):
    """How a model is compiled, as plain data; None if it is not."""
    optimizer = model.optimizer
    if optimizer is None:
        return None
    if isinstance(optimizer, optimizers.TFOptimizer):
        warnings.warn(
            "The model is saved without its optimizer, which is not one of Keras: compile it again "
            "after loading.",
            stacklevel=4,
        )
        return None
    return {
        "optimizer_config": optimizers.serialize(optimizer),
        "loss": model.loss,
        "metrics": model._compile_metrics,
        "weighted_metrics": model._compile_weighted_metrics,
        "sample_weight_mode": model.sample_weight_mode,
        "loss_weights": model.loss_weights,
        **model._options.saved(),  # none of them by default
    }


def compile_arguments(config, output_names):
    """Keyword arguments for `compile` from what `training_config`, or another Keras, gave.

    Names of users' objects are resolved as they are known now. Raises `ValueError` and whatever
    constructors raise.
    """
    config = {key: translate(value, layers) for key, value in config.items()}
    found = {
        "optimizer": optimizers.deserialize(_optimizer_config(config["optimizer_config"])),
        "loss": _resolved(config.get("loss"), losses),
    }
    for key in ("loss_weights", "sample_weight_mode"):
        found[key] = config.get(key)
    for key in ("metrics", "weighted_metrics"):
        found[key] = _renamed(_resolved(config.get(key), metrics), output_names)
    options = ("accumulate_steps", "precision")
    return {**found, **{key: config[key] for key in options if key in config}}


def _optimizer_config(config):
    """Nadam's `schedule_decay` was called `decay` in tf.keras, and is always 1 since 2.11."""
    inner = dict(config["config"])
    if config["class_name"].endswith("Nadam"):
        inner.setdefault("schedule_decay", inner.pop("decay", 1.0))
    return {**config, "config": inner}


def _resolved(value, module):
    """`value` with the objects of configs and of users' names; Keras's own names stay."""
    if isinstance(value, str):
        return get_custom_objects().get(value, value)
    if isinstance(value, list):
        # In a list of metrics, tf.keras writes None where there is none.
        kept = [item for item in value if item is not None or module is losses]
        return [_resolved(item, module) for item in kept]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        return module.deserialize(value)
    return {name: _resolved(item, module) for name, item in value.items()}


def _renamed(found, output_names):
    """tf.keras saves the names of metrics with that of their output, which `compile` adds."""
    if isinstance(found, list) and len(found) == len(output_names) > 1:
        for output, group in zip(output_names, found):
            for metric in group if isinstance(group, list) else ():
                if isinstance(metric, metrics.Metric):
                    metric.name = metric.name.removeprefix(f"{output}_")
    return found
