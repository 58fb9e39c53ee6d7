"""From the graphs of Keras 3, where calls are described by their arguments, to those of Keras 2."""

__all__ = ["translate_graph"]

TENSOR = "__keras_tensor__"
MASKS = {"Any", "NotEqual"}  # the operations by which embeddings and masking layers make masks


def translate_graph(config):
    """The config of a Keras 3 model with its calls as Keras 2 has them; any other is given back.

    Keras 3 writes `training=False` and the masks of every call: where they follow from the layers,
    they are left out. Raises `ValueError` for inputs that are no tensors.
    """
    layers = config.get("layers")
    if not _is_keras3(layers):
        return config
    nested = {la["name"] for la in layers if "layers" in la.get("config", ())}
    implied = {la["name"] for la in layers if la["class_name"] in MASKS}
    used = _used(config, implied)
    found = []
    for layer in layers:
        if layer["name"] in used or layer["class_name"] == "InputLayer":
            calls = [_call(call, layer["name"], implied, nested) for call in layer["inbound_nodes"]]
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


def _used(config, implied):
    """The names of the layers that outputs need, not counting masks of `implied` operations."""
    calls = {layer["name"]: layer["inbound_nodes"] for layer in config["layers"]}
    waiting = [end[0] for end in _ends(config["output_layers"])]
    found = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in calls:
            continue
        found.add(name)
        for call in calls[name]:
            given = _given(call, implied)
            waiting += [origin[0] for origin in _origins([call["args"], given])]
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


def _given(call, implied):
    """The keyword arguments of a call that do not follow from the layers."""
    kwargs = {k: v for k, v in call["kwargs"].items() if v is not None}
    if kwargs.get("training") is False:
        del kwargs["training"]
    if implied.issuperset(origin[0] for origin in _origins(kwargs.get("mask"))):
        kwargs.pop("mask", None)
    return kwargs


def _named(value, nested):
    """An argument, with tensors as the configs of Keras 2 name them."""
    if isinstance(value, dict) and value.get("class_name") == TENSOR:
        return _shifted(value["config"]["keras_history"], nested)
    if isinstance(value, dict):
        return {name: _named(item, nested) for name, item in value.items()}
    return [_named(item, nested) for item in value] if isinstance(value, list) else value


def _call(call, layer, implied, nested):
    """A call as [[layer name, node index, tensor index, keyword arguments], ...]."""
    kwargs = _given(call, implied)
    origins = []
    for argument in call["args"]:
        for tensor in argument if isinstance(argument, list) else [argument]:
            found = _origins(tensor)
            if len(found) != 1:
                raise ValueError(f"Layer {layer!r} is called on {tensor!r}, which no layer gives.")
            origins += found
    origins += _origins(kwargs.pop("initial_state", None))
    kwargs = _named(kwargs, nested)
    return [[*_shifted(origin, nested), kwargs] for origin in origins]
