"""From the graphs of Keras 3, where calls are described by their arguments, to those of Keras 2."""

__all__ = ["translate_graph"]

TENSOR = "__keras_tensor__"


def translate_graph(config):
    """The config of a Keras 3 model with its calls as Keras 2 has them; any other is given back.

    Keras 3 writes `training=False` and the masks of every call: they follow from the layers, and
    are left out. Raises `ValueError` for tensors as arguments that Keras 2 cannot take.
    """
    layers = config.get("layers")
    if not _is_keras3(layers):
        return config
    nested = {la["name"] for la in layers if "layers" in la.get("config", ())}
    used = _used(config)
    found = []
    for layer in layers:
        if layer["name"] in used or layer["class_name"] == "InputLayer":
            calls = [_call(call, layer["name"], used, nested) for call in layer["inbound_nodes"]]
            found.append({**layer, "inbound_nodes": calls})
    ends = {
        key: [_shifted(end, nested) for end in _ends(config[key])]
        for key in ("input_layers", "output_layers")
    }
    return {**config, **ends, "layers": found}


def _is_keras3(layers):
    calls = [call for la in layers or () if isinstance(la, dict) for call in _calls(la)]
    return bool(calls) and all(isinstance(call, dict) for call in calls)


def _calls(layer):
    calls = layer.get("inbound_nodes")
    return calls if isinstance(calls, list) else []


def _ends(described):
    return [described] if described and isinstance(described[0], str) else described


def _used(config):
    """The names of the layers that outputs need, not counting masks."""
    calls = {layer["name"]: layer["inbound_nodes"] for layer in config["layers"]}
    waiting = [end[0] for end in _ends(config["output_layers"])]
    found = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in calls:
            continue
        found.add(name)
        for call in calls[name]:
            others = {k: v for k, v in call["kwargs"].items() if k != "mask"}
            waiting += [origin[0] for origin in _origins([call["args"], others])]
    return found


def _origins(value):
    """[layer name, node index, tensor index] of all tensors in a description."""
    if isinstance(value, dict) and value.get("class_name") == TENSOR:
        return [value["config"]["keras_history"]]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [origin for item in value for origin in _origins(item)]
    return []


def _shifted(origin, nested):
    """A nested model's call 0 is, in Keras 2, its own definition."""
    name, node, tensor = origin
    return [name, node + (name in nested), tensor]


def _call(call, layer, used, nested):
    """A call as [[layer name, node index, tensor index, keyword arguments], ...]."""
    kwargs = {k: v for k, v in call["kwargs"].items() if v is not None}
    if kwargs.get("training") is False:
        del kwargs["training"]
    origins = []
    for argument in call["args"]:
        for tensor in argument if isinstance(argument, list) else [argument]:
            found = _origins(tensor)
            if len(found) != 1:
                raise ValueError(f"Layer {layer!r} is called on {tensor!r}, which no layer gives.")
            origins += found
    origins += _origins(kwargs.pop("initial_state", None))
    if any(origin[0] in used for origin in _origins(kwargs.get("mask"))):
        raise ValueError(
            f"Layer {layer!r} is called with a tensor of the model as its mask, which cannot be "
            "written for Keras 2. Use a Masking layer, or Embedding with mask_zero=True."
        )
    kwargs.pop("mask", None)
    for name, value in kwargs.items():
        if _origins(value):
            raise ValueError(f"Layer {layer!r} is called with a tensor as its argument {name!r}.")
    return [[*_shifted(origin, nested), kwargs] for origin in origins]
