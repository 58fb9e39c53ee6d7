"""Static shapes of symbolic tensors, with the accessors that TensorFlow's have."""

import math

__all__ = ["Dimension", "GraphShape", "TensorShape"]


class TensorShape(tuple):
    """A static shape: a tuple of int or None. Known sizes that are asked for one by one have a
    `value`, as in TensorFlow 1."""

    __slots__ = ()

    def as_list(self):
        """The dimensions as a list of int or None."""
        return [*tuple.__iter__(self)]

    ndims = rank = property(len, doc="Number of dimensions.")

    @property
    def dims(self):
        """The dimensions as a list, of which each has a `value`."""
        return [*map(_dimension, self.as_list())]

    def is_fully_defined(self):
        """Whether no dimension is unknown."""
        return None not in self.as_list()

    def num_elements(self):
        """Number of elements, None if unknown."""
        return math.prod(self.as_list()) if self.is_fully_defined() else None

    def __getitem__(self, item):
        found = tuple.__getitem__(self, item)
        if isinstance(item, slice):
            return type(self)(found)
        return found if found is None else _dimension(found)


class Dimension(int):
    """A size that says so in TensorFlow 1's way too: `value`. Pickles and copies are int."""

    value = property(int, doc="The size.")

    def __reduce__(self):
        return int, (int(self),)


class _UnknownDimension:
    """A size that is not known: its `value` is None, which it equals."""

    value = None

    def __eq__(self, other):
        return other is None or isinstance(other, _UnknownDimension)

    def __hash__(self):
        return hash(None)

    def __bool__(self):
        return False

    def __int__(self):
        raise TypeError("The size of this dimension is not known: __int__ returned NoneType.")

    __index__ = __int__

    def __repr__(self):
        return "Dimension(None)"


class GraphShape(TensorShape):
    """What `get_shape()` gives: all its items have a `value`, unknown ones too."""

    __slots__ = ()

    def __iter__(self):
        return map(_dimension, tuple.__iter__(self))

    def __getitem__(self, item):
        found = super().__getitem__(item)
        return found if isinstance(item, slice) else _dimension(found)


def _dimension(size):
    if size is None:
        return _UnknownDimension()
    return Dimension(size) if type(size) is int else size  # in exports some are symbolic
