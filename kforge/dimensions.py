"""Static shapes of symbolic tensors, with the accessors that TensorFlow's have."""

import math

__all__ = ["Dimension", "GraphShape", "TensorShape"]


class TensorShape(tuple):
    """A static shape: a tuple of int or None. Known sizes that are asked for one by one have a
    `value`, as in TensorFlow 1."""

    __slots__ = ()

    def __new__(cls, sizes=()):
        kinds = (Dimension, _UnknownDimension)
        return super().__new__(cls, [n.value if isinstance(n, kinds) else n for n in sizes])

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

    def concatenate(self, other):
        """The shape of this one's dimensions and another's behind them."""
        return type(self)([*self.as_list(), *other])

    def __add__(self, other):
        return self.concatenate(other)

    def is_compatible_with(self, other):
        """Whether a tensor may have both shapes."""
        other = TensorShape(other).as_list()
        return len(self) == len(other) and all(map(_agree, self.as_list(), other))

    def merge_with(self, other):
        """The shape with the sizes that either of the two knows; `ValueError` if they differ."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {tuple(other)} are not compatible")
        pairs = zip(self.as_list(), TensorShape(other).as_list())
        return type(self)(theirs if mine is None else mine for mine, theirs in pairs)

    def with_rank(self, rank):
        """The shape itself; `ValueError` if it has another number of dimensions."""
        return self._checked(len(self) == rank, f"must have rank {rank}")

    def with_rank_at_least(self, rank):
        """The shape itself; `ValueError` if it has fewer dimensions."""
        return self._checked(len(self) >= rank, f"must have rank at least {rank}")

    def assert_has_rank(self, rank):
        """Raises `ValueError` if there is another number of dimensions."""
        self.with_rank(rank)

    def assert_is_compatible_with(self, other):
        """Raises `ValueError` if no tensor can have both shapes."""
        self.merge_with(other)

    def _checked(self, holds, demand):
        if not holds:
            raise ValueError(f"Shape {self} {demand}")
        return self

    def __getitem__(self, item):
        found = tuple.__getitem__(self, item)
        if isinstance(item, slice):
            return type(self)(found)
        return found if found is None else _dimension(found)


def _agree(size, other):
    return size is None or other is None or size == other


class Dimension(int):
    """A size that says so in TensorFlow 1's way too: `value`. Pickles and copies are int.

    `Dimension(None)` is the size that is not known.
    """

    def __new__(cls, value):
        return _UnknownDimension() if value in (None,) else super().__new__(cls, value)

    value = property(int, doc="The size.")

    def __reduce__(self):
        return int, (int(self),)


class _UnknownDimension:
    """A size that is not known: its `value` is None, which it equals. So are sizes made of it."""

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

    def _of_unknown(self, other):
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _of_unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _of_unknown

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
