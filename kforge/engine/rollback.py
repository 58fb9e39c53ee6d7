"""Layers stay as they were when building or calling them fails."""

import contextlib

__all__ = ["all_or_nothing"]


@contextlib.contextmanager
def all_or_nothing(*layers):
    """Within it, an error leaves layers and those in them as they were: not built, not called."""
    held, waiting = {}, list(layers)
    while waiting:
        layer = waiting.pop()
        if layer not in held:
            held[layer] = {name: _copied(value) for name, value in vars(layer).items()}
            waiting += layer._sublayers()
    try:
        yield
    except BaseException:
        for layer, state in held.items():
            vars(layer).clear()
            vars(layer).update(state)
        raise


def _copied(value):
    return value.copy() if type(value) in (list, dict) else value
