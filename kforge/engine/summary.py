"""The table that `model.summary()` prints."""

from ..backend.values import as_list
from .weights import count_params

__all__ = ["print_summary"]


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Prints a table of a model's layers: name and class, output shape, parameters.

    Layers that do not form a chain get a further column: what they are connected to.
    `line_length` is the width in characters, `positions` the right edges of the columns, as
    fractions of it or absolute; `print_fn` is called with each line.
    """
    print_fn = print_fn or print
    nodes = set(model._graph.nodes) if model._graph else set()
    chain = type(model).__name__ == "Sequential" or model._graph is None or _is_chain(model, nodes)
    if chain:
        line_length = line_length or 65
        positions = positions or [0.45, 0.85, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #"]
    else:
        line_length = line_length or 98
        positions = positions or [0.33, 0.55, 0.67, 1.0]
        header = ["Layer (type)", "Output Shape", "Param #", "Connected to"]
    if positions[-1] <= 1:
        positions = [int(line_length * p) for p in positions]

    def row(fields):
        line = ""
        for field, edge in zip(fields, positions):
            line = line[:-1] + " " * bool(line) + str(field)
            line = line[:edge].ljust(edge)
        print_fn(line)

    print_fn(f'Model: "{model.name}"')
    print_fn("_" * line_length)
    row(header)
    print_fn("=" * line_length)
    for i, layer in enumerate(model.layers):
        sources = [] if chain else _sources(layer, nodes)
        fields = [f"{layer.name} ({type(layer).__name__})", _output_shape(layer), _params(layer)]
        row(fields if chain else [*fields, *(sources[:1] or [""])])
        for source in sources[1:]:
            row(["", "", "", source])
        print_fn(("=" if i == len(model.layers) - 1 else "_") * line_length)
    trainable = count_params(
        getattr(model, "_collected_trainable_weights", None) or model.trainable_weights
    )
    frozen = count_params(model.non_trainable_weights)
    total = count_params(model.weights)
    print_fn(f"Total params: {total:,}")
    print_fn(f"Trainable params: {trainable:,}")
    print_fn(f"Non-trainable params: {frozen:,}")
    print_fn("_" * line_length)


def _is_chain(model, nodes):
    """Whether every layer has one input from one call, and depths hold one layer each."""
    seen = []
    for node in model._graph.nodes:
        if len(node.inbound_layers) > 1 or len(as_list(node.output_tensors)) > 1:
            return False
        seen.append(node.outbound_layer)
    if len(seen) != len(set(seen)):
        return False
    targets = [n.inbound_layers[0] for n in model._graph.nodes if n.inbound_layers]
    heads = [n for n in model._graph.nodes if not n.inbound_layers]
    return len(targets) == len(set(targets)) and len(heads) <= 1


def _sources(layer, nodes):
    return [
        f"{source.name}[{node_index}][{tensor_index}]"
        for node in layer._inbound_nodes
        if node in nodes
        for source, node_index, tensor_index in zip(
            node.inbound_layers, node.node_indices, node.tensor_indices
        )
    ]


def _output_shape(layer):
    try:
        return str(layer.output_shape)
    except AttributeError:
        return "multiple"


def _params(layer):
    return count_params(layer.weights) if layer.built else 0
