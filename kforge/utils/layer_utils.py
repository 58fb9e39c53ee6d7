"""Helpers around layers: tables, sources of tensors, kernels from other backends and layouts."""

from ..engine.summary import print_summary
from ..engine.weights import count_params
from .conv_utils import convert_kernel

__all__ = [
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "count_params",
    "get_source_inputs",
    "print_summary",
]

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")


def convert_all_kernels_in_model(model):
    """Flips the kernels of a model's convolutions: Theano's weights, for everyone else, and back.

    Separable convolutions are left as they are, since Theano has none.
    """
    for layer in model.layers:
        if type(layer).__name__ in _CONVOLUTIONS:
            kernel, *bias = layer.get_weights()
            layer.set_weights([convert_kernel(kernel), *bias])


def convert_dense_weights_data_format(
    dense, previous_feature_map_shape, target_data_format="channels_first"
):
    """Reorders the weights of a `Dense` layer behind a `Flatten` for another data format.

    `previous_feature_map_shape` is the shape that was flattened, in the format `target`.
    """
    orders = {"channels_first": (2, 0, 1, 3), "channels_last": (1, 2, 0, 3)}
    if target_data_format not in orders:
        raise ValueError(
            '`target_data_format` must be one of "channels_last", "channels_first". '
            f"Received: {target_data_format!r}"
        )
    order = orders[target_data_format]
    kernel, *bias = dense.get_weights()
    before = [previous_feature_map_shape[order.index(axis)] for axis in range(3)]
    moved = kernel.reshape(*before, kernel.shape[1]).transpose(order)
    dense.set_weights([moved.reshape(kernel.shape), *bias])


def get_source_inputs(tensor, layer=None, node_index=None):
    """The list of input tensors that a symbolic tensor is computed from.

    `layer` and `node_index` say where it came from, if it does not know itself.
    """
    if not hasattr(tensor, "_keras_history"):
        return tensor
    if layer is None or node_index:
        layer, node_index, _ = tensor._keras_history
    if not layer._inbound_nodes:
        return [tensor]
    found, visited, stack = {}, set(), [layer._inbound_nodes[node_index]]
    while stack:
        node = stack.pop()
        if node in visited:
            continue
        visited.add(node)
        if not node.inbound_layers:
            found.update({id(source): source for source in node.input_tensors})
        stack.extend(reversed(node.inbound_nodes))
    return list(found.values())
