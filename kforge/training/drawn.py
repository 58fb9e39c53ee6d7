"""Data that are symbolic tensors or variables: every batch is computed from them anew."""

from .. import lowering
from ..backend.values import as_list
from ..symbolic import is_symbolic
from ..trees import leaves, map_leaves
from ..variable import as_symbolic

__all__ = ["draw", "is_drawn"]


def is_drawn(*data):
    """Whether symbolic tensors or variables are among data."""
    parts = (x.values() if isinstance(x, dict) else as_list(x) for x in data)
    return any(is_symbolic(part) for several in parts for part in several)


def draw(*data):
    """Batches of data with symbolic tensors, for ever: tuples of data with their values."""
    lowered = lowering.lower([as_symbolic(x) for x in leaves(data) if is_symbolic(x)])
    while True:
        found = iter(lowered.run([]))

        def value(x, found=found):
            return next(found).detach() if is_symbolic(x) else x

        yield tuple(map_leaves(value, data))
