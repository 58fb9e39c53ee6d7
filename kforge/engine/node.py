"""Calls of layers: each joins the tensors that went in and those that came out."""

from ..registry import plain

__all__ = ["Node", "unpack"]


def unpack(items):
    """The item of a list of one, else the list."""
    return items[0] if len(items) == 1 else items


class Node:
    """One call of `outbound_layer`. It registers itself with the layers on both sides.

    `inbound_layers`, `node_indices` and `tensor_indices` name, for each input, where it came
    from: result `tensor_index` of call `node_index` of that layer. `arguments` are the keyword
    arguments of the call. With `definition`, the node states what the layer, a model, was made
    of: it joins no layers.
    """

    def __init__(
        self,
        outbound_layer,
        inputs,
        outputs,
        input_masks,
        output_masks,
        arguments=None,
        definition=False,
    ):
        self.outbound_layer = outbound_layer
        self.input_tensors, self.output_tensors = inputs, outputs
        self.input_masks, self.output_masks = input_masks, output_masks
        self.input_shapes = [tuple(t.shape) for t in inputs]
        self.output_shapes = [tuple(t.shape) for t in outputs]
        self.arguments = arguments or {}
        origins = [] if definition else [t._keras_history for t in inputs]
        self.inbound_layers = [o[0] for o in origins]
        self.node_indices = [o[1] for o in origins]
        self.tensor_indices = [o[2] for o in origins]
        for layer in self.inbound_layers:
            layer._outbound_nodes.append(self)
        index = len(outbound_layer._inbound_nodes)
        outbound_layer._inbound_nodes.append(self)
        for i, tensor in enumerate([] if definition else outputs):
            tensor._keras_history = (outbound_layer, index, i)

    @property
    def inbound_nodes(self):
        """The calls that the inputs came from."""
        pairs = zip(self.inbound_layers, self.node_indices)
        return [layer._inbound_nodes[index] for layer, index in pairs]

    def get_config(self):
        """The node by names, as Keras writes it."""
        return {
            "outbound_layer": self.outbound_layer.name,
            "inbound_layers": [layer.name for layer in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
            "arguments": plain(self.arguments),
        }
