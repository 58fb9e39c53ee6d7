"""Iterators over data sets, whose elements tensors of a graph can have."""

from ... import symbolic
from ...backend.session import Fetch
from ...dimensions import GraphShape
from .elements import declared, filled, leaves, mapped
from .errors import OutOfRangeError

__all__ = ["Iterator"]


class _Start(Fetch):
    """Begins an iterator with a data set anew."""

    def __init__(self, iterator, dataset):
        self.iterator, self.dataset = iterator, dataset
        self.operations = list(dataset._placeholders)

    def result(self, values):
        """Begins it, with these values of placeholders."""
        fed = dict(zip(self.operations, values))
        self.iterator._elements = self.dataset._make(fed)


class Iterator:
    """Elements as they are asked for: by `next`, or by running what `get_next` gives."""

    def __init__(self, dataset, started=True, spec=None):
        self._dataset, self._spec = dataset, spec
        self._elements = dataset._make({}) if started else None

    @staticmethod
    def from_structure(output_types, output_shapes=None, shared_name=None, output_classes=None):
        """An iterator that has yet to be given a data set, by `make_initializer`."""
        if output_shapes is None:
            raise ValueError("Iterator.from_structure: give output_shapes.")
        return Iterator(None, False, declared(output_types, output_shapes))

    @property
    def initializer(self):
        """An operation that begins anew."""
        return _Start(self, self._dataset)

    def make_initializer(self, dataset, name=None):
        """An operation that begins with a data set."""
        return _Start(self, dataset)

    @property
    def output_shapes(self):
        """The shapes of elements."""
        return mapped(lambda leaf: GraphShape(leaf.shape), self._described())

    @property
    def output_types(self):
        """The dtypes of elements."""
        return mapped(lambda leaf: leaf.dtype, self._described())

    def _described(self):
        return self._spec if self._spec is not None else self._dataset.spec()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._elements)

    def _draw(self):
        if self._elements is None:
            raise ValueError("The iterator has not begun: run its `initializer` first.")
        try:
            return tuple(leaves(next(self._elements)))
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None

    def get_next(self, name=None):
        """Tensors that have the next element whenever they are computed."""
        if symbolic.is_executing():
            return next(self._elements)
        spec = self._described()
        parts = leaves(spec)
        if any(leaf.dtype == "string" for leaf in parts):
            raise ValueError(
                "get_next: texts cannot be tensors here. Make tensors of them by `map`, or loop "
                "over the data set itself."
            )
        shapes, dtypes = [leaf.shape for leaf in parts], [leaf.dtype for leaf in parts]
        return filled(spec, symbolic.declared(_Next(self), (), {}, shapes, dtypes))


class _Next:
    """The operation of `get_next`."""

    def __init__(self, iterator):
        self.iterator, self.__name__ = iterator, "IteratorGetNext"

    def __call__(self):
        return self.iterator._draw()
