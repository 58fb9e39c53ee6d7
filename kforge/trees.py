"""Nested structures with tensors in them: arguments of operations, inputs, states, fetches."""

__all__ = ["Holder", "leaves", "map_leaves"]


class Holder:
    """A value in a graph that holds tensors: `mapped(function)` is it with these replaced."""


def map_leaves(function, tree):
    """`function` on the leaves of nested lists, tuples, dicts, slices and holders."""
    kind = type(tree)
    if kind is list or kind is tuple:
        return kind([map_leaves(function, t) for t in tree])
    if kind is dict:
        return {k: map_leaves(function, v) for k, v in tree.items()}
    if kind is slice:
        return slice(*(map_leaves(function, t) for t in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, tuple):  # torch.Size, TensorShape, named tuples
        found = [map_leaves(function, t) for t in tree]
        return kind(*found) if hasattr(tree, "_fields") else tuple(found)
    if isinstance(tree, Holder):
        return tree.mapped(lambda t: map_leaves(function, t))
    return function(tree)


def leaves(tree):
    """The leaves of nested lists, tuples, dicts, slices and holders, in order."""
    found = []
    map_leaves(found.append, tree)
    return found
