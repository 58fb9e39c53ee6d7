"""Mixed precision: the model under `torch.autocast`, its losses and metrics in float32.

A lowered graph is cut in two: what the outputs and the updates of the model need runs in a
reduced dtype, wherever autocast finds that safe; the rest takes its results as float32.
"""

import functools

import torch
from torch import fx

from .. import lowering, operations
from ..backend import recurrences
from ..symbolic import Op
from ..trees import map_leaves
from . import compilable

__all__ = ["lower_marked", "mixed"]

# What gives probabilities is exact to float32 where nothing in the model goes on with them.
_LAST = {torch.softmax, torch.log_softmax, torch.sigmoid}

# Recurrences, of which only CUDA's libraries have kernels of reduced precision.
_RECURRENT = {torch.lstm, compilable.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu}
_OWN_RECURRENT = {
    getattr(recurrences, name) for name in ("gru", "gru_reset_after", "lstm", "simple")
}


def lower_marked(model_part, outputs, inputs, updates, phase, create_graph):
    """As `lowering.lower`, with marks on what does not belong to the model, for `mixed`.

    `model_part` are the symbolic tensors that do belong to it, with all they depend on.
    """
    builder = _Marking(model_part, inputs, phase)
    return builder.build(list(outputs), list(updates), create_graph)


class _Marking(lowering.Builder):
    """Marks the nodes that are not part of the model."""

    def __init__(self, model_part, inputs, phase):
        super().__init__(inputs, phase)
        self.own = set(operations.ancestors(model_part))

    def compute(self, outputs, updates, create_graph=False):
        results = super().compute(outputs, updates, create_graph)
        ops = [(key[0], node) for key, node in self.nodes.items() if isinstance(key, tuple)]
        ops = [(op, node) for op, node in ops if isinstance(op, Op) and isinstance(node, fx.Node)]
        own = {node for op, node in ops if op in self.own}
        for op, node in ops:
            if op not in self.own and node not in own and node.op != "placeholder":
                node.meta["outside"] = True
        return results


def mixed(graph, dtype):
    """A function that computes what a marked `graph` says, the model under autocast."""
    outside = set()
    for node in graph.nodes:
        if node.meta.get("outside") or any(x in outside for x in node.all_input_nodes):
            outside.add(node)
    parameters = [n for n in graph.nodes if n.op == "placeholder"]
    output = next(n for n in graph.nodes if n.op == "output")
    outside -= {output}
    for node in reversed(graph.nodes):
        if node.target in _LAST and all(user in outside or user is output for user in node.users):
            outside.add(node)
    own = [n for n in graph.nodes if n not in outside and n.op not in ("placeholder", "output")]
    crossing = [n for n in own if any(u in outside or u is output for u in n.users)]
    first, second = fx.Graph(), fx.Graph()
    values = {n: first.node_copy(n) for n in parameters}
    for node in own:
        values[node] = copy = first.node_copy(node, values.__getitem__)
        if node.target in _RECURRENT | _OWN_RECURRENT:
            copy.target = _in_float32(node.target)
    first.output(tuple(values[n] for n in crossing))
    values = {n: second.node_copy(n) for n in parameters}
    for node in crossing:
        values[node] = second.placeholder(node.name)
    for node in graph.nodes:
        if node in outside:
            values[node] = second.node_copy(node, values.__getitem__)
    second.output(fx.node.map_arg(output.args[0], values.__getitem__))
    first, second = (
        fx.GraphModule(torch.nn.Module(), g, name).forward
        for g, name in ((first, "Model"), (second, "Objective"))
    )

    def forward(*arguments):
        device = next(x.device.type for x in arguments if isinstance(x, torch.Tensor))
        with torch.autocast(device, dtype):
            found = first(*arguments)
        return second(*arguments, *map(_restored, found))

    return forward


@functools.cache
def _in_float32(function):
    """`function`, a recurrence, in float32 where it cannot do with less."""

    has_kernels = function in _RECURRENT

    def run(*args, **kwargs):
        device = args[0].device.type
        if has_kernels and device == "cuda":
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*map_leaves(_restored, args), **map_leaves(_restored, kwargs))

    run.__name__ = run.__qualname__ = function.__name__
    return run


def _restored(x):
    """`x` as float32 where it is of a reduced dtype."""
    reduced = isinstance(x, torch.Tensor) and x.dtype in (torch.bfloat16, torch.float16)
    return x.float() if reduced else x
