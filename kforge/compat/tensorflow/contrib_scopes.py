"""`tf.contrib.framework.arg_scope`: arguments that functions take by default within a scope.

`tf.contrib.slim` has these, and the layers and losses that are called within them.
"""

import contextlib
import functools

from .scopes import variable_scope

__all__ = ["add_arg_scope", "arg_scope", "arg_scoped_arguments", "has_arg_scope", "repeat", "stack"]

_scopes = [{}]


def _key(function):
    return getattr(function, "_key_op", function)


def add_arg_scope(function):
    """Decorator of functions that take arguments from the scopes around a call."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **{**_scopes[-1].get(call, {}), **kwargs})

    call._key_op = call
    return call


def has_arg_scope(function):
    """Whether a function takes arguments from scopes."""
    return hasattr(function, "_key_op")


def arg_scoped_arguments(function):
    """The arguments that a function takes from the scopes around."""
    return dict(_scopes[-1].get(_key(function), {}))


@contextlib.contextmanager
def arg_scope(list_ops_or_scope, **kwargs):
    """Within this scope, functions have other defaults; a scope that was entered gives its own.

    The functions must have been decorated with `add_arg_scope`, as the layers here are.
    """
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError(f"arg_scope: a scope that was entered takes no other {[*kwargs]}.")
        scope = list_ops_or_scope
    else:
        scope = {op: dict(given) for op, given in _scopes[-1].items()}
        for op in list_ops_or_scope:
            if not has_arg_scope(op):
                raise ValueError(f"{op.__name__} is not decorated with @add_arg_scope")
            scope[_key(op)] = {**scope.get(_key(op), {}), **kwargs}
    _scopes.append(scope)
    try:
        yield scope
    finally:
        _scopes.pop()


def _one_by_one(inputs, layer, calls, scope, default, kwargs):
    name = scope or getattr(layer, "__name__", default.lower())
    with variable_scope(scope, default):
        for i, args in enumerate(calls):
            inputs = layer(inputs, *args, scope=f"{name}_{i + 1}", **kwargs)
    return inputs


def repeat(inputs, repetitions, layer, *args, scope=None, **kwargs):
    """A layer applied several times, under numbered names in a scope of its own."""
    return _one_by_one(inputs, layer, [args] * repetitions, scope, "Repeat", kwargs)


def stack(inputs, layer, stack_args, scope=None, **kwargs):
    """A layer applied once for each of `stack_args`, its arguments."""
    calls = [args if isinstance(args, (list, tuple)) else [args] for args in stack_args]
    return _one_by_one(inputs, layer, calls, scope, "Stack", kwargs)
