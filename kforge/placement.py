"""Where the operations of a lowered graph run, when the graph spans several devices.

Operations recorded in a device scope run on that device, all others on the default one; what they
need from elsewhere is copied over, once for all that use it there. Copies are differentiable.
"""

import operator

import torch

from . import devices, symbolic
from .trees import leaves

__all__ = [
    "HOST",
    "constants_for",
    "gives_sizes",
    "home_of",
    "mark",
    "move",
    "place",
    "sizes_among",
]

HOST = torch.device("cpu")


def move(x, device):
    """`x` on another device, if it is a tensor."""
    return x.to(device) if isinstance(x, torch.Tensor) else x


def gives_sizes(func):
    """Decorator of a function that gives sizes of a tensor, which the host knows, as a tensor."""
    func.gives_sizes = True
    return func


def sizes_among(order, outputs):
    """The operations of `order` that give sizes, or what comes from sizes and constants alone."""
    found = set()
    for tree in (*([op.args, op.kwargs] for op in order), outputs):
        for x in _tensors(tree):
            probe = x.probes[0]
            if isinstance(probe, torch.Tensor) and probe.device == HOST:
                origins = (y.op for y in _tensors([x.op.args, x.op.kwargs]))
                if hasattr(x.op.func, "gives_sizes") or any(op in found for op in origins):
                    found.add(x.op)
    return found


def constants_for(sizes, order):
    """The tensors of constants that are used for nothing but `sizes`."""
    if not sizes:
        return []
    used = {True: {}, False: {}}
    for op in order:
        for x in _tensors([op.args, op.kwargs]):
            if x.op.func is symbolic.constant:
                used[op in sizes][x.op] = x.op.args[0]
    return [tensor for op, tensor in used[True].items() if op not in used[False]]


def home_of(order, held, sizes):
    """The device of the operations that no scope places: that of the variables, if it is one, else
    the default. None if all that the graph needs is there, which holds the variables and tensors
    `held`; variables that are numbers, such as learning rates, may be anywhere."""
    owned = {x.device for x in held if isinstance(x, symbolic.Symbolic) and x.native.dim()}
    others = {x.device for x in held if isinstance(x, torch.Tensor)}
    scoped = any(op.device is not None for op in order)
    home = owned.pop() if len(owned) == 1 and not scoped else devices.default_device()
    return home if scoped or (owned | others) - {home} or (sizes and home != HOST) else None


def mark(node, op, home, is_size):
    """Says on the node of `op` what `place` has to know."""
    node.meta["device"] = HOST if is_size else op.device or home
    # Only functions of kforge take sizes; operations of torch take values, all on one device.
    own = str(getattr(op.func, "__module__", None)).startswith(__package__)
    node.meta["of_sizes"], node.meta["takes_sizes"] = is_size, own


def _tensors(tree):
    return [x for x in leaves(tree) if isinstance(x, symbolic.KerasTensor)]


def place(graph, homes):
    """Inserts the copies between devices that an `fx.Graph` needs.

    `node.meta["device"]` says where a node is to run; a node without it runs where its first
    input is. Sizes (`node.meta["of_sizes"]`) are the host's, also for nodes that take them as such
    (`node.meta["takes_sizes"]`). `homes` has the devices of parameters that are known; the others'
    are found out, at next to no cost, when the graph runs.
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
        if hasattr(node.target, "gives_sizes"):
            continue
        for source in node.all_input_nodes:
            is_size = source.meta.get("of_sizes") and node.meta["takes_sizes"]
            if is_size or where.get(source) == device:
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
