"""From the configurations that tf.keras, tf_keras and Keras 3 write to those of Keras 2.3.1.

`translate` works on plain data. What an argument's class does not take is left out where it has no
effect, and refused where it has one; classes that are the users' own get what they wrote.
"""

from .. import constraints, initializers, losses, metrics, regularizers
from ..registry import has_arg
from .keras3 import translate_graph
from .op_layers import KINDS, translate_operation

__all__ = ["is_tensorflow2", "modern", "translate"]

ANY = object()

# Arguments that Keras 2.3.1 does not have: the values that mean the same as not having it.
NEUTRAL = {
    "autocast": ANY,
    "axis": (-1,),  # of losses
    "dilation_rate": (1, [1, 1, 1]),  # of Conv3DTranspose
    "dtype": ANY,  # of initializers and the like
    "fn": ANY,  # of losses: what the class says already
    "from_logits": (False,),  # of metrics
    "fused": ANY,  # an implementation of BatchNormalization
    "groups": (1,),
    "ignore_class": (None,),
    "implementation": ANY,  # of SimpleRNN before Keras 2.1
    "input_axes": (None,),
    "keepdims": (False,),
    "label_weights": (None,),
    "lora_rank": (None,),
    "multi_label": (False,),
    "num_labels": (None,),
    "optional": (False,),
    "output_axes": (None,),
    "quantization_config": (None,),
    "ragged": (False,),
    "renorm": (False,),
    "renorm_clipping": ANY,  # of no account without `renorm`
    "renorm_momentum": ANY,
    "seed": (None,),
    "synchronized": (False,),
    "time_major": (False,),
    "use_cudnn": ANY,  # an implementation of recurrent layers
    "virtual_batch_size": (None,),
    "zero_output_for_mask": (False,),
}

# Objects that stand for a plain value: how to get it from their description.
VALUES = {
    "__tuple__": lambda item: tuple(item["items"]),
    "TensorShape": lambda item: tuple(item["items"]),
    "Policy": lambda item: _dtype(item["config"]["name"]),
    "PolicyV1": lambda item: _dtype(item["config"]["name"]),
    "DTypePolicy": lambda item: _dtype(item["config"]["name"]),
    "function": lambda item: item["config"],
}


def modern(value, version):
    """`value`, a configuration of this version of Keras, where the same words mean other things.

    Since TensorFlow 2 (tf.keras's "2.2.4-tf" and all from 2.4 on) images are enlarged between the
    centres of pixels. Raises `ValueError` for what only Keras 3 computes.
    """
    return _modern(value, _numbers(version) >= [3]) if is_tensorflow2(version) else value


def is_tensorflow2(version):
    """Whether a version of Keras is one of tf.keras, tf_keras or Keras 3."""
    return "-tf" in (version or "") or _numbers(version) >= [2, 4]


def _numbers(version):
    words = (version or "2").split("-")[0].split(".")
    return [int(word) if word.isdigit() else 0 for word in words]


def _modern(value, is_keras3):
    if isinstance(value, (list, tuple)):
        return type(value)(_modern(item, is_keras3) for item in value)
    if not isinstance(value, dict):
        return value
    value = {name: _modern(item, is_keras3) for name, item in value.items()}
    if value.get("interpolation") == "bilinear":
        value["interpolation"] = "bilinear_half_pixel"
    for name in ("activation", "recurrent_activation"):
        if is_keras3 and value.get(name) == "hard_sigmoid":
            raise ValueError(
                f"Layer {value.get('name')!r} has {name}='hard_sigmoid', which is another function "
                "in Keras 3 than in Keras 2 (relu6(x + 3) / 6, not 0.2 * x + 0.5) and not possible "
                "here."
            )
    return value


def translate(value, layers):
    """`value`, a configuration, in Keras 2.3.1's words; `layers` is the registry of layers.

    Raises `ValueError` for what Keras 2.3.1 cannot do.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(translate(item, layers) for item in value)
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if not isinstance(kind, str):
        return {name: translate(item, layers) for name, item in value.items()}
    if kind in VALUES and ("config" in value or "items" in value):
        return translate(VALUES[kind](value), layers)
    if kind == "Sequential" and isinstance(config, list) and value.get("name"):
        config = {"name": value["name"], "layers": config}  # before Keras 2.2.3
    if isinstance(config, dict):
        config = translate_graph(REWRITES.get(kind, dict)(config))
        if config.get("reduction") == "auto":  # tf.keras's name of Keras's only way
            config["reduction"] = "sum_over_batch_size"
        value = {**value, "config": config}
    calls = value.get("inbound_nodes")
    if kind in KINDS and calls:
        value = translate_operation(value)
    found = {name: translate(item, layers) for name, item in value.items()}
    if isinstance(config, dict):
        found["config"] = _arguments(kind, found["config"], _class_of(kind, layers))
    return found


def _dtype(policy):
    """The type of the weights: mixed policies compute in another one, to be fast."""
    return "float32" if policy.startswith("mixed_") else policy


def _class_of(kind, layers):
    """The built-in class of this name, or None."""
    registries = [m._registry for m in (initializers, regularizers, constraints, losses)]
    for registry in (layers, *registries, metrics.registry):
        if kind in registry.objects:
            return registry.objects[kind]
    return None


def _arguments(kind, config, cls):
    """The arguments that `cls` has use for."""
    if cls is None:
        return config
    constructor = cls.__init__ if isinstance(cls, type) else cls
    found = dict(config)
    for name, neutral in NEUTRAL.items():
        if name not in found or has_arg(constructor, name):
            continue
        if name == "dtype" and hasattr(cls, "get_weights"):
            continue  # an argument of all layers
        if neutral is not ANY and found[name] not in neutral:
            raise ValueError(
                f"{kind} {found.get('name', '')!r} has {name}={found[name]!r}, of a newer Keras; "
                f"only {name}={neutral[0]!r} is possible here."
            )
        del found[name]
    return found


# ---- by class -----------------------------------------------------------------------------------


def _renamed(**names):
    return lambda config: {names.get(name, name): value for name, value in config.items()}


def _without(*names):
    return lambda config: {name: value for name, value in config.items() if name not in names}


def _batch_normalization(config):
    """An axis may be a list of one."""
    axis = config.get("axis")
    if not isinstance(axis, (list, tuple)):
        return config
    if len(axis) != 1:
        raise ValueError(f"BatchNormalization over the axes {axis}: only one axis is possible.")
    return {**config, "axis": axis[0]}


def _bidirectional(config):
    """Keras 3 writes both directions, under the names that the wrapper gives them."""
    found = dict(config)
    backward = found.pop("backward_layer", None)
    layer = found.get("layer")
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return found
    forward = _direction(layer["config"])
    if backward is not None and _direction(backward["config"]) != forward:
        raise ValueError(
            f"Bidirectional {found.get('name', '')!r} has two different layers; only one layer, "
            "run in both directions, is possible here."
        )
    forward["go_backwards"] = layer["config"].get("go_backwards", False)
    return {**found, "layer": {**layer, "config": forward}}


def _direction(config):
    """The config of a direction, without what is the direction's own."""
    found = {k: v for k, v in config.items() if k not in ("go_backwards", "zero_output_for_mask")}
    for prefix in ("forward_", "backward_"):
        found["name"] = found.get("name", "").removeprefix(prefix)
    return found


def _lambda(config):
    """Keras 3 describes functions as objects: {"class_name": "__lambda__", "config": {...}}."""
    found = dict(config)
    for name in ("function", "output_shape"):
        value = found.get(name)
        kind = value.get("class_name") if isinstance(value, dict) else None
        if kind == "__lambda__":
            found[name] = [value["config"].get(key) for key in ("code", "defaults", "closure")]
            found[f"{name}_type"] = "lambda"
        elif kind == "function":
            found[name], found[f"{name}_type"] = value["config"], "function"
    return found


REWRITES = {
    "BatchNormalization": _batch_normalization,
    "Bidirectional": _bidirectional,
    "Embedding": _without("input_dtype"),  # Keras 1: of the indices, not of the weights
    "InputLayer": _renamed(batch_shape="batch_input_shape", input_dtype="dtype"),
    "Lambda": _lambda,
    "LeakyReLU": _renamed(negative_slope="alpha"),
}
