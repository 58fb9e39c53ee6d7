"""The users' own classes and functions that a model is made of, by the names configs give them."""

import sys
import types

import torch

from ..registry import is_own

__all__ = ["importable", "own_objects"]


def own_objects(*things):
    """{name: class or function} of what these are made of that is not Keras's own.

    `things`: layers, models, optimizers, losses, metrics, in lists and dictionaries, too.
    """
    found, seen, waiting = {}, set(), list(things)
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, (list, tuple)):
            waiting += thing
        elif isinstance(thing, torch.nn.Module):
            waiting += [*vars(thing).values(), *thing.children()]
        kind = thing if isinstance(thing, types.FunctionType) else type(thing)
        if kind is thing or hasattr(kind, "get_config"):
            if not is_own(kind):
                found[kind.__name__] = kind
    return found


def importable(objects):
    """Those of {name: class or function} that another process finds where they are defined."""
    return {
        name: thing
        for name, thing in objects.items()
        if getattr(sys.modules.get(thing.__module__), thing.__qualname__, None) is thing
    }
