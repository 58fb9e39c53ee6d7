"""Models: classes, saving and loading, cloning."""

from . import symbolic
from .backend.values import as_list
from .engine import Input, InputLayer, Model, Sequential
from .engine.node import unpack
from .layers import Lambda
from .registry import CustomObjectScope
from .saving import (
    load_model,
    model_from_config,
    model_from_json,
    model_from_yaml,
    save_model,
)
from .saving.own import own_objects

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]


def clone_model(model, input_tensors=None):
    """A model of the same architecture with new layers and new weights.

    `input_tensors`: symbolic tensors to build it on, instead of new placeholders. Raises
    `ValueError` for subclassed models and for as many tensors as there are not inputs.
    """
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` argument to be a `Model` instance, got {model!r}")
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors)
    if model._graph is None:
        raise ValueError(
            f"Expected `model` argument to be a functional `Model` instance, but got {model!r}, a "
            "subclass with its own `call`."
        )
    return _clone_graph(model, input_tensors)


def _clone_layer(layer):
    with CustomObjectScope(own_objects(layer), _functions_in(layer)):
        return type(layer).from_config(layer.get_config())


def _functions_in(layer):
    """The functions of Lambda layers, which a config cannot tell from others with that code."""
    found = {}
    for part in layer._sublayers():
        found.update(_functions_in(part))
    if isinstance(layer, Lambda):
        found[layer.name] = layer.function
        if callable(layer._output_shape):
            found[f"{layer.name}_output_shape"] = layer._output_shape
    return found


def _clone_sequential(model, input_tensors):
    cloned = [
        clone_model(layer) if isinstance(layer, Model) else _clone_layer(layer)
        for layer in model.layers
    ]
    if input_tensors is None:
        twin = Sequential(cloned, name=model.name)
        if twin.inputs is None and model._build_input_shape:
            twin.build(model._build_input_shape)
        return twin
    tensors = as_list(input_tensors)
    if len(tensors) != 1:
        raise ValueError(f"A Sequential model has one input; got {len(tensors)} tensors.")
    tensor = _as_input(tensors[0], f"input_wrapper_for_{model.layers[0].name}")
    return Sequential([tensor._keras_history[0], *cloned], name=model.name)


def _as_input(tensor, name):
    """`tensor`, made the result of an input layer if it is not."""
    history = getattr(tensor, "_keras_history", None)
    if history and isinstance(history[0], InputLayer):
        return tensor
    if isinstance(tensor, symbolic.KerasTensor):
        tensor = tensor.alias()
    return Input(tensor=tensor, name=name)


def _clone_graph(model, input_tensors):
    graph = model._graph
    if input_tensors is None:
        tensors = [
            Input(batch_shape=tuple(t.shape), dtype=t._keras_history[0].dtype, name=name)
            for t, name in zip(graph.inputs, model.input_names)
        ]
    else:
        given = as_list(input_tensors)
        if len(given) != len(graph.inputs):
            raise ValueError(
                f"The model has {len(graph.inputs)} inputs, but {len(given)} tensors were given."
            )
        names = [f"input_wrapper_for_{name}" for name in model.input_names]
        tensors = [_as_input(t, name) for t, name in zip(given, names)]
    made = dict(zip(graph.inputs, tensors))
    twins = {}
    for node in graph.nodes:
        layer = node.outbound_layer
        if isinstance(layer, InputLayer):
            continue
        if layer not in twins:
            twins[layer] = clone_model(layer) if isinstance(layer, Model) else _clone_layer(layer)
        inputs = unpack([made[t] for t in node.input_tensors])
        arguments = node.arguments_with(made.get)
        outputs = as_list(twins[layer](inputs, **arguments))
        made.update(zip(node.output_tensors, outputs))
    outputs = [made[t] for t in graph.outputs]
    return Model(tensors, unpack(outputs), name=model.name)
