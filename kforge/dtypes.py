"""Dtypes: torch's of what a user may write, and what stands for one in Keras scripts."""

import functools

import numpy as np
import torch

from . import config

__all__ = ["DType", "as_shown", "dtype_name", "torch_dtype"]


class DType:
    """A torch dtype that answers as TensorFlow's do: ``x.dtype.name``, ``x.dtype.base_dtype``.

    It equals whatever `torch_dtype` takes for the same type, names and torch's own among them, and
    has the attributes of torch's too. There is one for each type: see `of`. `torch` is what torch's
    own functions take.
    """

    def __init__(self, torch_dtype):
        self.torch = torch_dtype
        self.name = dtype_name(torch_dtype)

    @staticmethod
    @functools.cache
    def of(torch_dtype):
        """The one of a torch dtype."""
        return DType(torch_dtype)

    @property
    def base_dtype(self):
        """The type itself: variables have no types of their own, as they had in TensorFlow."""
        return self

    @property
    def real_dtype(self):
        """The type of the parts of a complex number; of other types, the type itself."""
        return DType.of(self.torch.to_real()) if self.torch.is_complex else self

    @property
    def as_numpy_dtype(self):
        """The class of NumPy's scalars of this type. `TypeError` for bfloat16."""
        return np.dtype(self.name).type

    @property
    def size(self):
        """Bytes a number."""
        return self.torch.itemsize

    @property
    def is_floating(self):
        """Whether numbers have fractions."""
        return self.torch.is_floating_point

    @property
    def is_integer(self):
        """Whether numbers are whole; bool is not among these types."""
        return not (self.is_floating or self.is_complex or self.is_bool)

    @property
    def is_bool(self):
        """Whether there are but True and False."""
        return self.torch is torch.bool

    @property
    def is_unsigned(self):
        """Whether numbers are whole, and none is negative."""
        return self.is_integer and not self.torch.is_signed

    @property
    def limits(self):
        """(least, greatest number)."""
        return self.min, self.max

    @property
    def min(self):
        """The least number: an int, or a NumPy scalar."""
        return self._limit("min")

    @property
    def max(self):
        """The greatest number: an int, or a NumPy scalar."""
        return self._limit("max")

    def _limit(self, which):
        if self.is_bool:
            return which == "max"
        if self.is_integer:
            return getattr(torch.iinfo(self.torch), which)
        return self.as_numpy_dtype(getattr(torch.finfo(self.torch), which))

    def is_compatible_with(self, other):
        """Whether the other is the same type."""
        return self == other

    def __getattr__(self, name):
        if name.startswith("__") or name == "torch":
            raise AttributeError(name)
        return getattr(self.torch, name)

    def __eq__(self, other):
        if other is None:
            return False
        try:
            return torch_dtype(other) is self.torch
        except TypeError:
            return False

    def __hash__(self):
        return hash(self.torch)

    def __reduce__(self):
        return DType.of, (self.torch,)

    def __str__(self):
        return f"<dtype: '{self.name}'>"

    def __repr__(self):
        return f"tf.{self.name}"


def as_shown(dtype):
    """What `dtype` of a symbolic tensor is: torch's; where kforge stands for Keras, a `DType`."""
    return DType.of(dtype) if config.stands_for_keras() else dtype


def dtype_name(dtype):
    """The name of a dtype, such as "float32"; see `torch_dtype`."""
    return str(torch_dtype(dtype)).removeprefix("torch.")


def torch_dtype(dtype):
    """A torch dtype of what a user may write: a name, a NumPy or torch dtype; None is `floatx`."""
    if dtype is None:
        dtype = config.floatx()
    if isinstance(dtype, torch.dtype):
        return dtype
    if isinstance(dtype, DType):
        return dtype.torch
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    name = name.removesuffix("_ref").removeprefix("torch.")
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise TypeError(f"Unknown dtype {dtype!r}.")
    return found
