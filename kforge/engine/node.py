"""Calls of layers: each joins the tensors that went in and those that came out."""

from ..operations import depends_on_phase
from ..registry import plain
from ..symbolic import KerasTensor
from ..trees import leaves, map_leaves

__all__ = ["Node", "unpack"]


def unpack(items):
    """The item of a list of one, else the list."""
    return items[0] if len(items) == 1 else items


class Node:
    """One call of `outbound_layer`. It registers itself with the layers on both sides.

    `inbound_layers`, `node_indices` and `tensor_indices` name, for each input, where it came
    from: result `tensor_index` of call `node_index` of that layer. `arguments` are the keyword
    arguments of the call, `argument_tensors` those of them that came from layers. A node without
    inbound layers states what the layer is: an input, or a model made of tensors.
    """

    def __init__(
        self,
        outbound_layer,
        inbound_layers,
        node_indices,
        tensor_indices,
        input_tensors,
        output_tensors,
        input_masks,
        output_masks,
        input_shapes,
        output_shapes,
        arguments=None,
    ):
        self.outbound_layer, self.inbound_layers = outbound_layer, inbound_layers
        self.node_indices, self.tensor_indices = node_indices, tensor_indices
        self.input_tensors, self.output_tensors = input_tensors, output_tensors
        self.input_masks, self.output_masks = input_masks, output_masks
        self.input_shapes, self.output_shapes = input_shapes, output_shapes
        self.arguments = arguments or {}
        self.argument_tensors = [x for x in leaves(self.arguments) if _came_from_layer(x)]
        for layer in inbound_layers:
            layer._outbound_nodes.append(self)
        outbound_layer._inbound_nodes.append(self)

    @classmethod
    def between(cls, layer, inputs, outputs, input_masks, output_masks, arguments=None, origins=()):
        """A node of `layer` from tensors to tensors, whose shapes they tell."""
        places = [list(place) for place in zip(*origins)] or [[], [], []]
        shapes = [[tuple(t.shape) for t in tensors] for tensors in (inputs, outputs)]
        return cls(layer, *places, inputs, outputs, input_masks, output_masks, *shapes, arguments)

    @classmethod
    def of_call(cls, layer, inputs, outputs, input_masks, output_masks, arguments):
        """The node of a call on tensors of other layers; outputs get it as their history."""
        index, origins = len(layer._inbound_nodes), [t._keras_history for t in inputs]
        node = cls.between(layer, inputs, outputs, input_masks, output_masks, arguments, origins)
        for i, tensor in enumerate(outputs):
            tensor._keras_history = (layer, index, i)
        return node

    @property
    def inbound_nodes(self):
        """The calls that the inputs, and tensors among the arguments, came from."""
        origins = [*zip(self.inbound_layers, self.node_indices)]
        origins += [tensor._keras_history[:2] for tensor in self.argument_tensors]
        return [layer._inbound_nodes[index] for layer, index in origins]

    def arguments_with(self, function):
        """The arguments, with `function` of those tensors that came from layers."""
        return map_leaves(lambda x: function(x) if _came_from_layer(x) else x, self.arguments)

    def get_config(self):
        """The node by names, as Keras writes it."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
            "arguments": plain(self.arguments),
        }


def _came_from_layer(x):
    return isinstance(x, KerasTensor) and x._keras_history is not None


def _uses_learning_phase(tensor):
    """Whether its value differs between training and testing; outputs of a nested model answer
    alike, as in Keras."""
    if "_phased" in vars(tensor):
        return tensor._phased
    layer, call, _ = tensor._keras_history or (None, 0, 0)
    nested = getattr(layer, "_defines_itself", False)
    return depends_on_phase(layer._inbound_nodes[call].output_tensors if nested else [tensor])


def _set_uses_learning_phase(tensor, value):
    """Custom layers of old declare it, which changes nothing but the answer."""
    tensor._phased = value


# A property of symbolic tensors that stands on lowering.
KerasTensor._uses_learning_phase = property(_uses_learning_phase, _set_uses_learning_phase)
