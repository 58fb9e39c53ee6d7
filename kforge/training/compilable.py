"""Lowered graphs as `torch.compile` can take them."""

import torch

from ..backend import recurrences

__all__ = ["lstm", "make_compilable"]


def make_compilable(module):
    """Replaces, in a lowered `module`, calls that have no gradient once they are compiled."""
    for node in module.graph.nodes:
        if node.target is torch.lstm and isinstance(node.args[1], (list, tuple)):
            node.target = lstm
    module.recompile()


def lstm(x, states, params, has_biases, layers, dropout, train, bidirectional, batch_first):
    """`torch.lstm` of one layer over (steps, batch, features).

    On a CPU torch's keeps what AOTAutograd does not: kforge's own recurrence is used there.
    """
    options = has_biases, layers, dropout, train, bidirectional, batch_first
    if not x.is_cpu or layers != 1 or bidirectional or batch_first:
        return torch.lstm(x, states, params, *options)
    weight, kernel, *biases = params
    first = [state[0] for state in states]
    outputs, _, *last = recurrences.lstm(x, *first, weight, sum(biases) if biases else None, kernel)
    return (outputs, *(state.unsqueeze(0) for state in last))
