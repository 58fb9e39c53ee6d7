"""What generated code can say: functions by their names; a closure stands for the rest."""

import inspect
import sys

import torch
from torch import fx

from .trees import leaves, map_leaves

__all__ = ["can_say", "closure", "identifier", "is_importable"]

_SAYABLE = (
    str,
    int,
    float,
    bool,
    complex,
    type(None),
    type(Ellipsis),
    torch.dtype,
    torch.device,
    torch.memory_format,
    fx.Node,
)


def can_say(function, *arguments):
    """Whether generated code can call `function` with these (trees of) arguments."""
    return is_importable(function) and all(isinstance(a, _SAYABLE) for a in leaves(arguments))


def identifier(name):
    """`name` with underscores for what no Python name has."""
    return "".join(c if c.isalnum() else "_" for c in name)


def is_importable(function):
    """Whether generated code can name `function`: it is found under its own name."""
    if inspect.isbuiltin(function) or function in (getattr, bool):
        return True
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = getattr(function, "__name__", "")
    return name.isidentifier() and getattr(module, name, None) is function


def closure(function, args, kwargs, name):
    """A function of the nodes among the arguments only; everything else is bound."""
    nodes = []

    def mark(leaf):
        if not isinstance(leaf, fx.Node):
            return leaf
        nodes.append(leaf)
        return _Slot(len(nodes) - 1)

    args, kwargs = map_leaves(mark, args), map_leaves(mark, kwargs)

    def call(*values):
        def fill(leaf):
            return values[leaf.index] if type(leaf) is _Slot else leaf

        return function(*map_leaves(fill, args), **map_leaves(fill, kwargs))

    call.__name__ = call.__qualname__ = identifier(name) or "call"
    return call, nodes


class _Slot:
    __slots__ = ("index",)

    def __init__(self, index):
        self.index = index
