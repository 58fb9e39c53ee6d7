"""Rewrites of lowered graphs. Each is a function on an `fx.Graph`; values stay the same.

Layers speak channels_last and kernels channels_first, so that permutations, which are views, stand
around every spatial kernel. They sink below element-wise operations until they meet their inverse.
Activations then follow their kernels directly and can overwrite the result.
"""

import operator

import torch
import torch.nn.functional as F

__all__ = ["optimize", "simplify"]

_UNARY = {
    torch.relu,
    F.relu,
    F.relu6,
    torch.sigmoid,
    torch.tanh,
    torch.exp,
    torch.abs,
    torch.square,
    torch.clamp,
    F.elu,
    F.selu,
    F.softplus,
    F.softsign,
    F.leaky_relu,
    operator.neg,
    operator.abs,
}
_BINARY = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    torch.add,
    torch.sub,
    torch.mul,
    torch.maximum,
    torch.minimum,
}
# Kernels whose backward does not look at their result.
_FRESH = {F.linear, torch.conv1d, torch.conv2d, torch.conv3d, F.conv1d, F.conv2d, F.conv3d}
_RELU = {torch.relu, F.relu}

# An `ignore_index` of crossentropies that no target has.
NEVER = -(2**31)


def optimize(graph):
    """Applies all rewrites."""
    simplify(graph)
    graph.eliminate_dead_code()
    _overwrite_with_relu(graph)
    _fuse_losses(graph)


def simplify(graph):
    """Removes permutations, of which dead code remains."""
    _sink_permutations(graph)
    _cancel_permutations(graph)


def _order(node):
    """The permutation that a node applies, None if it is no permutation."""
    if node.op == "call_function" and node.target is torch.permute and len(node.args) == 2:
        return tuple(node.args[1])
    return None


def _is_node(x):
    return isinstance(x, torch.fx.Node)


def _sink_permutations(graph):
    """f(permute(x)) -> permute(f(x)) for element-wise f, and for concatenations."""
    for node in list(graph.nodes):
        operands = _movable(node)
        orders = {_order(a) for a in operands}
        if len(orders) != 1 or None in orders:
            continue
        (order,) = orders
        with graph.inserting_after(node):
            permuted = graph.call_function(torch.permute, (node, order))
        node.replace_all_uses_with(permuted, delete_user_cb=lambda user, p=permuted: user is not p)
        if node.target is torch.cat:
            node.args = [a.args[0] for a in operands], order[node.args[1]]
        else:
            node.args = tuple(a.args[0] if _is_node(a) else a for a in node.args)


def _movable(node):
    """The operands of a function that may as well work on them before a common permutation."""
    if node.op != "call_function" or any(_is_node(a) for a in node.kwargs.values()):
        return []
    if node.target is torch.cat:
        return node.args[0] if len(node.args) == 2 and isinstance(node.args[1], int) else []
    operands = [a for a in node.args if _is_node(a)]
    fits = node.target in _UNARY and len(operands) == 1
    fits |= node.target in _BINARY and len(operands) == len(node.args)
    return operands if fits else []


def _cancel_permutations(graph):
    """permute(permute(x)) is one permutation, or none."""
    for node in list(graph.nodes):
        outer = _order(node)
        if outer is None:
            continue
        while (inner := _order(node.args[0])) is not None:
            outer = tuple(inner[i] for i in outer)
            node.args = (node.args[0].args[0], outer)
        if outer == tuple(range(len(outer))):
            node.replace_all_uses_with(node.args[0])


def _overwrite_with_relu(graph):
    """relu of a kernel's result that nothing else uses works in place."""
    for node in graph.nodes:
        if node.op == "call_function" and node.target in _RELU and len(node.args) == 1:
            source = node.args[0]
            if source.target in _FRESH and len(source.users) == 1:
                node.target, node.kwargs = torch.relu_, {}  # F.relu was told where, too


def _fuse_losses(graph):
    """Means of usual losses become the kernels that compute both; see the functions called."""
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        if node.target is torch.argmax:
            _skip_softmax(node)
        if node.target is torch.mean and len(node.args) == 1 and not node.kwargs:
            _fuse_mean(graph, node)
    for node in graph.nodes:
        if node.op == "call_function" and node.target is F.cross_entropy:
            _call_kernel(node)
    graph.eliminate_dead_code()


def _skip_softmax(node):
    """The greatest of softmax(x) is the greatest of x."""
    source = node.args[0]
    if source.target is torch.softmax and source.args[1:] == node.args[1:]:
        node.args = (source.args[0], *node.args[1:])


def _fuse_mean(graph, node):
    """Means of crossentropies, and mean(mean((a - b)**2, axis)) of equal shapes."""
    source = node.args[0]
    if source.target is F.cross_entropy and len(source.users) == 1:
        if source.kwargs.get("reduction") == "none" and _counts_all(source):
            source.kwargs = {**source.kwargs, "reduction": "mean"}
            node.replace_all_uses_with(source)
        return
    if source.target is torch.mean and len(source.users) == 1:
        source = source.args[0]
    if source.target is torch.binary_cross_entropy_with_logits and len(source.users) == 1:
        if source.args[2:] == (None, None, 0):
            source.args = (*source.args[:4], 1)
            node.replace_all_uses_with(source)
        return
    kernel = _ELEMENTWISE_LOSSES.get(source.target)
    if kernel is None or len(source.users) != 1:
        return
    difference = source.args[0]
    if difference.target not in (operator.sub, torch.sub) or len(difference.users) != 1:
        return
    a, b = difference.args[:2]
    if difference.kwargs or not (_is_node(a) and _is_node(b)) or not _is_alike(a, b):
        return
    with graph.inserting_before(node):
        fused = graph.call_function(kernel, (a, b, 1))
    fused.meta.update(node.meta)
    node.replace_all_uses_with(fused)


def _is_alike(a, b):
    """Whether two nodes are known to have one shape and one dtype."""
    known = [(x.meta.get("shape"), x.meta.get("dtype")) for x in (a, b)]
    return known[0] == known[1] and None not in known[0]


def _counts_all(node):
    """Whether the mean of a crossentropy counts all samples, for it leaves out ignored classes."""
    dtype = node.args[1].meta.get("dtype")  # targets that are distributions have no classes
    return node.kwargs.get("ignore_index") == NEVER or bool(dtype and dtype.is_floating_point)


_ELEMENTWISE_LOSSES = {
    torch.square: torch._C._nn.mse_loss,
    torch.abs: torch._C._nn.l1_loss,
}


def _call_kernel(node):
    """F.cross_entropy without its Python."""
    options = {k: v for k, v in node.kwargs.items() if v is not None}
    number = ("none", "mean", "sum").index(options.pop("reduction", "mean"))
    ignored = options.pop("ignore_index", -100)
    if not options.pop("label_smoothing", 0.0) and not options and len(node.args) == 2:
        node.target = torch._C._nn.cross_entropy_loss
        node.args, node.kwargs = (*node.args, None, number, ignored, 0.0), {}
