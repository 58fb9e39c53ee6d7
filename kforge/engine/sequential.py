"""`Sequential`: a model that is a chain of layers."""

import itertools
from typing import ClassVar

from ..backend.values import as_list
from ..registry import plain
from ..symbolic import KerasTensor
from .inputs import Input, InputLayer
from .layer import Layer, automatic_name, layers
from .model import Model
from .network import Graph
from .node import unpack
from .rollback import all_or_nothing

__all__ = ["Sequential"]


class Sequential(Model):
    """A chain of layers: each one's output is the next one's input.

    The first layer says the input's shape (`input_shape=`, `input_dim=`, `batch_input_shape=`);
    without it the model is built when it first meets data, or by `build(input_shape)`.

    >>> model = Sequential([Dense(32, activation="relu", input_shape=(784,)), Dense(10)])
    """

    _other_names: ClassVar = {**Model._other_names, "_layers": "_chain"}

    def __init__(self, layers=None, name=None):
        super().__init__(name=name or automatic_name(type(self).__name__))
        self._chain = []
        self._build_input_shape = None
        self._single_output = True
        for layer in layers or []:
            self.add(layer)

    @property
    def layers(self):
        """The layers, without the input layers at the start."""
        chain = vars(self).get("_chain", [])
        return chain[len(_inputs_of(chain)) :]

    @property
    def model(self):
        """The model itself (Keras 1 had an inner one)."""
        return self

    def add(self, layer):
        """Appends a layer. Raises `TypeError` if it is none, `ValueError` if it does not fit."""
        if not isinstance(layer, Layer):
            raise TypeError(f"The added layer must be an instance of class Layer. Found: {layer}")
        chain = list(self._chain)
        try:
            if not chain and isinstance(layer, InputLayer):
                self._build_input_shape = layer.batch_input_shape
            elif not chain:
                self._add_input(layer)
            if self._chain and isinstance(self._chain[0], InputLayer):
                self._extend(layer)
        except BaseException:  # the model is as before
            self._chain = chain
            raise
        self._chain.append(layer)

    def _extend(self, layer):
        """Calls a layer on the end of the chain and takes it into the graph."""
        before = self._graph or _chain_start(self._chain)
        if any(layer.name == other.name for other in before.layers):
            raise ValueError(
                f'The name "{layer.name}" is used 2 times in the model. All layer names should be '
                "unique."
            )
        outputs = layer(unpack(before.outputs))
        if isinstance(outputs, list):
            raise ValueError(
                "All layers in a Sequential model should have a single output tensor. For "
                f"multi-output layers, use the functional API. Layer: {layer.name}"
            )
        before.layers.append(layer)
        before.nodes.append(layer._inbound_nodes[-1])
        self._hold(layer)
        self._define(Graph(before.inputs, [outputs], before.layers, before.nodes))

    def _add_input(self, layer):
        """Puts an input layer first, if the first layer says its shape."""
        first = layer
        while isinstance(first, Model) and not hasattr(first, "batch_input_shape"):
            if first._graph is not None and not isinstance(first, Sequential):
                several = len(first.inputs) > 1  # merged branches
                for i, x in enumerate(first.inputs):
                    name = f"{layer.name}_input" + f"_{i + 1}" * several
                    self._chain.append(_input_layer(name, tuple(x.shape), x.dtype))
                return
            if not first.layers:
                return
            first = first.layers[0]
        if hasattr(first, "batch_input_shape"):
            name, shape = f"{layer.name}_input", first.batch_input_shape
            self._chain.append(_input_layer(name, shape, first.dtype))

    @property
    def outputs(self):
        """Symbolic outputs, None before the model is built."""
        return Model.outputs.fget(self)

    @outputs.setter
    def outputs(self, outputs):
        """Removes all layers after the one whose output it is."""
        while self.outputs[0].key != outputs[0].key:
            self.pop()

    def pop(self):
        """Removes the last layer. Raises `TypeError` if there is none."""
        if not self.layers:
            raise TypeError("There are no layers in the model.")
        layer = self._chain.pop()
        for name in [n for n, held in self._modules.items() if held is layer]:
            del self._modules[name]
        if self._graph is None:
            return
        node = self._graph.nodes[-1]
        for source in node.inbound_layers:
            source._outbound_nodes.remove(node)
        if layer._inbound_nodes[-1] is node:  # else the numbers of other calls would change
            layer._inbound_nodes.pop()
        graph = _chain_start(self._chain)
        graph.layers += self.layers
        graph.nodes += self._graph.nodes[len(graph.nodes) : -1]
        graph.outputs = graph.nodes[-1].output_tensors
        self._graph, self.built = None, False
        if self.layers:
            self._define(graph)

    def build(self, input_shape=None):
        """Builds the model for inputs of this shape (the batch axis included)."""
        if self._graph is not None or input_shape is None:
            self.built = self._graph is not None
            return
        shape = tuple(input_shape)
        tensor = Input(batch_shape=shape, name=f"{self.name}_input")
        with all_or_nothing(self):
            layers, self._chain = self._chain, [tensor._keras_history[0]]
            self._modules.clear()
            for layer in layers:
                self.add(layer)
        self._build_input_shape = shape

    def _ensure_inputs(self, arrays):
        if self._graph is None:
            if not self.layers:
                raise ValueError(f"Model {self.name} has no layers.")
            self.build((None, *arrays[0].shape[1:]))

    def call(self, inputs, mask=None):
        """The chain on other inputs."""
        if self._graph is None:
            self.build(tuple(as_list(inputs)[0].shape))
        return super().call(inputs, mask)

    def _ensure_built(self, inputs):
        if self._graph is None and isinstance(as_list(inputs)[0], KerasTensor):
            self.build(tuple(as_list(inputs)[0].shape))

    def predict_proba(self, x, batch_size=32, verbose=0):
        """Predictions, as `predict` gives them."""
        return self.predict(x, batch_size, verbose)

    def predict_classes(self, x, batch_size=32, verbose=0):
        """The class of each sample: the likeliest, or for one output whether it exceeds 0.5."""
        found = self.predict(x, batch_size, verbose)
        if found.shape[-1] > 1:
            return found.argmax(axis=-1)
        return (found > 0.5).astype("int32")

    def get_config(self):
        """Name and layers, and the input shape if the model was built by one."""
        described = [layers.serialize(layer) for layer in self.layers]
        found = {"name": self.name, "layers": plain(described)}
        if not self.trainable:
            found["trainable"] = False  # which Keras 2 forgets
        if self._build_input_shape:
            found["build_input_shape"] = self._build_input_shape
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new model of a config: of `get_config`, or a list of layers (before Keras 2.2.3)."""
        if isinstance(config, list):
            config = {"layers": config}
        model = cls(name=config.get("name"))
        for item in config["layers"]:
            model.add(layers.deserialize(item, custom_objects))
        if config.get("build_input_shape") and model._graph is None:
            model.build(config["build_input_shape"])
        model.trainable = config.get("trainable", True)
        return model


def _input_layer(name, shape, dtype):
    return Input(batch_shape=shape, dtype=dtype, name=name)._keras_history[0]


def _inputs_of(chain):
    """The input layers at the start of a chain."""
    return list(itertools.takewhile(lambda layer: isinstance(layer, InputLayer), chain))


def _chain_start(chain):
    """The graph of the input layers of a chain alone."""
    found = _inputs_of(chain)
    nodes = [layer._inbound_nodes[0] for layer in found]
    tensors = [t for node in nodes for t in node.output_tensors]
    return Graph(tensors, list(tensors), found, nodes)


layers.register(Sequential)
