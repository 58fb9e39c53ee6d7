"""Constructors that share a definition, but not its defaults or all of its arguments."""

import functools
import inspect

from ..compat.arguments import unknown_argument

__all__ = ["variant", "without"]


def variant(init, fixed=None, **defaults):
    """The constructor `init` with other defaults, and without the arguments that are `fixed`.

    `fixed` is {argument: the value that it has}. Those are not part of configs.
    """
    fixed = fixed or {}
    signature = inspect.signature(init)
    offered = [
        p.replace(default=defaults.get(p.name, p.default))
        for p in signature.parameters.values()
        if p.name not in fixed
    ]
    signature = signature.replace(parameters=offered)

    @functools.wraps(init)
    def __init__(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = bound.arguments
        others = arguments.pop("kwargs")
        for name in fixed:
            if name in others:
                raise unknown_argument(type(args[0]), name)
        init(**arguments, **others, **fixed)

    __init__.__signature__ = signature
    return without(*fixed, *getattr(init, "without", ()))(__init__)


def without(*names):
    """A decorator: arguments of the base class that this constructor, and configs, do not have."""

    def mark(init):
        init.without = names
        return init

    return mark
