"""Elements of data sets: nested tuples and dictionaries of tensors.

Texts, which torch has no tensors of, are arrays of NumPy.
"""

import itertools

import numpy as np
import torch

from ... import lowering, symbolic
from ...dimensions import GraphShape
from ...symbolic import KerasTensor, Symbolic, torch_dtype
from .values import convert

__all__ = [
    "all_of",
    "as_element",
    "batches",
    "called",
    "declared",
    "described",
    "filled",
    "joined",
    "leaves",
    "mapped",
    "nested_shapes",
    "placeholders_of",
    "stack_padded",
    "stacked",
    "typed",
    "valued",
    "zeros_for",
]


def as_element(value):
    """What an element holds for a value: a tensor; an array of texts, as it is."""
    if isinstance(value, torch.Tensor):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "SUO":
        return array
    with symbolic.executing():
        return convert(value)


def mapped(function, tree):
    """`function` on the leaves of an element; NumPy's arrays are leaves."""
    if isinstance(tree, dict):
        return {k: mapped(function, v) for k, v in tree.items()}
    if isinstance(tree, tuple):
        return tuple(mapped(function, v) for v in tree)
    return function(tree)


def leaves(tree):
    found = []
    mapped(found.append, tree)
    return found


def filled(tree, values):
    """A nested structure like `tree` with these leaves."""
    values = iter(values)
    return mapped(lambda _: next(values), tree)


def joined(elements, join):
    """Elements put together leaf by leaf."""
    columns = zip(*(leaves(e) for e in elements))
    return filled(elements[0], [join(list(column)) for column in columns])


def stacked(values):
    """Leaves of several elements along a new axis 0."""
    if isinstance(values[0], torch.Tensor):
        return torch.stack(values)
    return np.stack(values)


def called(function, element):
    """`function` of an element, whose parts are its arguments if it is a tuple."""
    with symbolic.executing():
        found = function(*element) if isinstance(element, tuple) else function(element)
        return mapped(as_element, found)


# ---- elements -----------------------------------------------------------------------------------


def placeholders_of(tensors):
    """The placeholders among data."""
    return tuple(x for x in leaves(tensors) if isinstance(x, KerasTensor) and _is_fed(x))


def _is_fed(x):
    return x.op.func is symbolic.placeholder


def all_of(datasets):
    """The placeholders that several sets are made of."""
    return tuple(dict.fromkeys(p for d in datasets for p in d._placeholders))


def valued(tensors, fed):
    """Data as tensors: what was fed for placeholders, the values of other symbolic tensors."""

    def value(x):
        if isinstance(x, Symbolic):
            x = fed[x] if x in fed else lowering.evaluate(x)
        return as_element(x)

    return mapped(value, tensors)


def typed(element, types):
    """What a generator gave, in the dtypes that were declared."""
    if types is None:
        return mapped(as_element, element)
    wanted = iter(leaves(types))

    def typed(value):
        dtype = next(wanted)
        array = np.asarray(value)
        if array.dtype.kind in "SUO":
            return array
        return torch.as_tensor(array).to(torch_dtype(dtype))

    if isinstance(types, tuple):
        return mapped(typed, tuple(element))
    return mapped(typed, element if isinstance(types, dict) else np.asarray(element))


def batches(given, size, drop_remainder, join):
    """So many elements at a time, put together by `join`."""
    for first in given:
        elements = [first, *itertools.islice(given, size - 1)]
        if len(elements) < size and drop_remainder:
            return
        yield elements if join is None else joined(elements, join)


def nested_shapes(shapes):
    """The leaves of nested shapes, of which each is a list or a tuple of sizes."""
    if shapes is None or isinstance(shapes, dict):
        return [s for v in (shapes or {}).values() for s in nested_shapes(v)]
    if all(n is None or isinstance(n, int) for n in shapes):
        return [list(shapes)]
    return [s for v in shapes for s in nested_shapes(v)]


def stack_padded(values, wanted, fill):
    """`stacked`, each filled up with `fill` to the sizes `wanted`; None is the greatest one."""
    wanted = wanted if wanted is not None else [None] * values[0].dim()
    sizes = [
        max(v.shape[i] for v in values) if n in (None, -1) else n for i, n in enumerate(wanted)
    ]
    found = values[0].new_full((len(values), *sizes), fill)
    for row, value in zip(found, values):
        row[tuple(slice(n) for n in value.shape)] = value
    return found


# ---- shapes and dtypes --------------------------------------------------------------------------


class Described:
    """What is known of a leaf before there is one: sizes, None where they differ, and the dtype."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), dtype

    def batched(self, size):
        """The same with an axis of samples in front."""
        return Described((size, *self.shape), self.dtype)

    def padded(self, shape):
        """The same where `shape` has sizes; all others differ."""
        shape = [None] * len(self.shape) if shape is None else shape
        return Described((None if n == -1 else n for n in shape), self.dtype)

    def zeros(self, size):
        """A value; sizes that differ are `size`."""
        return torch.zeros([size if n is None else n for n in self.shape], dtype=self.dtype)


def described(elements):
    """What one or two elements have in common."""
    columns = zip(*(leaves(e) for e in elements))
    return filled(elements[0], [_common(column) for column in columns])


def _common(values):
    first, last = values[0], values[-1]
    shape = tuple(first.shape)
    if len(shape) == len(last.shape):
        shape = tuple(m if m == n else None for m, n in zip(shape, last.shape))
    return Described(shape, first.dtype if isinstance(first, torch.Tensor) else "string")


def declared(types, shapes):
    """The spec of a generator whose types and shapes are given; None where they are not all."""
    if types is None or shapes is None:
        return None
    pairs = zip(nested_shapes(_plain(shapes)), leaves(types))
    return filled(
        types, [Described(tuple(s), t if t == "string" else torch_dtype(t)) for s, t in pairs]
    )


def _plain(shapes):
    """Shapes as lists."""
    if isinstance(shapes, GraphShape):
        return shapes.as_list()
    if isinstance(shapes, (tuple, list)):
        return [_plain(s) if isinstance(s, (tuple, list)) else s for s in shapes]
    return shapes


def zeros_for(placeholder):
    """A value for a placeholder, to find out shapes."""
    return torch.zeros(
        [2 if n is None else n for n in placeholder.shape], dtype=torch_dtype(placeholder.dtype)
    )
