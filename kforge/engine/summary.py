"""The table that `model.summary()` prints and a notebook shows."""

from ..utils.terminal import printable
from .weights import count_params

__all__ = ["html_summary", "print_summary"]


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Prints a table of a model's layers: name and class, output shape, parameters.

    Layers that do not form a chain get a further column: what they are connected to.
    `line_length` is the width in characters, `positions` the right edges of the columns, as
    fractions of it or absolute; `print_fn` (by default `print`) is called with each line. Names are
    shown with escapes for what could command a terminal.
    """
    show = print_fn or print

    def print_fn(line):
        show(printable(line))

    header, rows = _table(model)
    if len(header) == 3:
        line_length = line_length or 65
        positions = positions or [0.45, 0.85, 1.0]
    else:
        line_length = line_length or 98
        positions = positions or [0.33, 0.55, 0.67, 1.0]
    if positions[-1] <= 1:
        positions = [int(line_length * p) for p in positions]

    def print_row(fields):
        line = ""
        for field, edge in zip(fields, positions):
            line = line[:-1] + " " * bool(line) + str(field)
            line = line[:edge].ljust(edge)
        print_fn(line)

    print_fn(f'Model: "{model.name}"')
    print_fn("_" * line_length)
    print_row(header)
    print_fn("=" * line_length)
    for i, (*fields, sources) in enumerate(rows):
        print_row([*fields, *sources[:1]])
        for source in sources[1:]:
            print_row(["", "", "", source])
        print_fn(("=" if i == len(rows) - 1 else "_") * line_length)
    for title, count in _totals(model):
        print_fn(f"{title}: {count:,}")
    print_fn("_" * line_length)


def html_summary(model):
    """The table of `print_summary` in HTML."""
    from html import escape  # loads a large table

    header, rows = _table(model)
    cells = [[escape(str(text)) for text in (*fields, ", ".join(s))] for *fields, s in rows]
    totals = ", ".join(f"{title.lower()}: {count:,}" for title, count in _totals(model))
    lines = [
        f"<p>Model: <b>{escape(model.name)}</b></p>",
        "<table>",
        f"<thead><tr>{_html_cells(header, 'th')}</tr></thead>",
        "<tbody>",
        *(f"<tr>{_html_cells(row[: len(header)], 'td')}</tr>" for row in cells),
        "</tbody>",
        "</table>",
        f"<p>{totals.capitalize()}</p>",
    ]
    return "\n".join(lines)


def _html_cells(texts, tag):
    cell = f'<{tag} style="text-align: left">{{}}</{tag}>'
    return "".join(cell.format(text) for text in texts)


def _table(model):
    """The titles of the columns, and (name and class, shape, parameters, sources) of each layer.

    `sources` is a list: empty, and without a title, where the layers form a chain.
    """
    nodes = set(model._graph.nodes) if model._graph else set()
    chain = type(model).__name__ == "Sequential" or model._graph is None or _is_chain(model, nodes)
    header = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * (not chain)
    rows = []
    for layer in model.layers:
        title = f"{layer.name} ({type(layer).__name__})"
        sources = [] if chain else _sources(layer, nodes) or [""]
        rows.append([title, _output_shape(layer), _params(layer), sources])
    return header, rows


def _totals(model):
    """What stands below the table: (title, number of parameters)."""
    trainable = getattr(model, "_collected_trainable_weights", None) or model.trainable_weights
    yield "Total params", count_params(model.weights)
    yield "Trainable params", count_params(trainable)
    yield "Non-trainable params", count_params(model.non_trainable_weights)


def _is_chain(model, nodes):
    """Whether every layer has one input from one call, and depths hold one layer each."""
    seen = []
    for node in model._graph.nodes:
        if len(node.inbound_layers) > 1:
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
