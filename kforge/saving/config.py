"""Models from configurations: dictionaries, JSON and YAML."""

import inspect

from ..engine.layer import Layer, layers
from ..registry import CustomObjectScope, checking_config, is_own
from .dialects import modern, translate
from .text import load_json, load_yaml

__all__ = ["check_restorable", "model_from_config", "model_from_json", "model_from_yaml"]


def model_from_config(config, custom_objects=None, version=None):
    """A new model of {"class_name", "config"}, in the words of any Keras 1 to 3.

    Names become classes only as `custom_objects` and kforge itself define them. `version`: of the
    Keras that wrote the config, where this does not say so itself. That a nested model was frozen
    as a whole comes back, of the outermost one it does not, as in Keras. Raises `ValueError` for
    names that nothing defines and for arguments that their class does not take (`ConfigError`,
    also a `TypeError`), `TypeError` for what is no such dictionary.
    """
    if not isinstance(config, dict):
        hint = " For a list of layers, use `Sequential.from_config`." * isinstance(config, list)
        raise TypeError(
            "`model_from_config` expects a dictionary with the keys 'class_name' and 'config', got "
            f"{type(config).__name__}.{hint}"
        )
    version = config.get("keras_version") or version
    with CustomObjectScope(custom_objects or {}):
        with checking_config("the model"):
            config = translate(modern(config, version), layers)
        model = layers.deserialize(config, custom_objects)
    if "layers" in config["config"]:
        model.trainable = True
    return model


def model_from_json(json_string, custom_objects=None):
    """A new model of what `to_json` gave."""
    return model_from_config(load_json(json_string, "The model's JSON"), custom_objects)


def model_from_yaml(yaml_string, custom_objects=None):
    """A new model of what `to_yaml` gave."""
    return model_from_config(load_yaml(yaml_string, "The model's YAML"), custom_objects)


def check_restorable(layer):
    """Raises `NotImplementedError` for a layer, or one within it, that its config cannot make."""
    make = type(layer).from_config.__func__
    if make is Layer.from_config.__func__:
        _check_arguments(layer)
    elif is_own(make):
        # The config of a model, a wrapper or a stack of cells is that of its parts.
        for part in layer._sublayers():
            check_restorable(part)


def _check_arguments(layer):
    parameters = list(inspect.signature(type(layer).__init__).parameters.values())[1:]
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and parameter.name not in layer.get_config()
    ]
    if missing:
        raise NotImplementedError(
            f"Layer {layer.name!r} ({type(layer).__name__}) cannot be saved: its constructor "
            f"needs {', '.join(missing)}, which `get_config` does not give. Extend it:\n"
            "    def get_config(self):\n"
            f"        return dict(super().get_config(), {missing[0]}=self.{missing[0]})"
        )
