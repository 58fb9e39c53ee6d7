"""Where the operations of a lowered graph run, when the graph spans several devices.

Operations recorded in a device scope run on that device, all others on the default one; what they
need from elsewhere is copied over, once for all that use it there. Copies are differentiable.
"""

import operator

import torch

__all__ = ["move", "place"]


def move(x, device):
    """`x` on another device, if it is a tensor."""
    return x.to(device) if isinstance(x, torch.Tensor) else x


def place(graph, homes):
    """Inserts the copies between devices that an `fx.Graph` needs.

    `node.meta["device"]` says where a node is to run; a node without it runs where its first
    input is. `homes` has the devices of parameters that are known; the others' are found out, at
    next to no cost, when the graph runs.
    """
    where, copies = dict(homes), {}
    for node in list(graph.nodes):
        if node.op in ("placeholder", "get_attr", "output"):
            continue
        device = node.meta.get("device")
        if device is None:
            where[node] = _of_inputs(node, where)
            continue
        where[node] = device
        for source in node.all_input_nodes:
            if where.get(source) == device:
                continue
            if (source, device) not in copies:
                with graph.inserting_before(node):
                    copy = graph.call_function(move, (source, device))
                copies[source, device], where[copy] = copy, device
            node.replace_input_with(source, copies[source, device])


def _of_inputs(node, where):
    """The device of a node that follows its inputs."""
    inputs = node.all_input_nodes
    if node.target is operator.getitem and "gradients_of" in inputs[0].meta:
        inputs = [inputs[0].meta["gradients_of"][node.args[1]]]
    return next((where[x] for x in inputs if where.get(x) is not None), None)
