"""Python functions as operations: of NumPy arrays; of tensors, with a gradient of their own."""

import functools

import numpy as np
import torch

from ... import symbolic
from ...backend.own_gradients import OwnGradient
from ...devices import current_device
from ...dtypes import torch_dtype
from .values import apply, convert, recorded

__all__ = ["custom_gradient", "numpy_function", "py_func"]


def py_func(func, inp, Tout, stateful=True):
    """What `func` gives for the values of tensors, as tensors of the dtypes `Tout`.

    No gradient goes through it. Static shapes are those that it gives for zeros; what fails on
    them, as scores of samples do, is taken to give single numbers.
    """
    several = isinstance(Tout, (list, tuple))
    dtypes = [torch_dtype(t) for t in (Tout if several else [Tout])]

    def run(*values):
        found = func(*(v.detach().cpu().numpy() for v in values))
        found = [
            torch.as_tensor(np.asarray(f)).to(current_device(), t)
            for f, t in zip(found if several else [found], dtypes)
        ]
        return found if several else found[0]

    inputs = [convert(x) for x in inp]
    if not recorded(*inputs):
        return run(*inputs)
    shapes = _shapes(run, inputs, several) or [()] * len(dtypes)
    run.__name__ = getattr(func, "__name__", "py_func")
    if several:
        return symbolic.declared(run, inputs, {}, shapes, dtypes)
    return symbolic.declared(run, inputs, {}, shapes[0], dtypes[0])


numpy_function = py_func


def _shapes(run, inputs, several):
    """Shapes for zeros of two sizes, None where these differ; None if the function fails."""
    found = []
    for size in (2, 3):
        zeros = [
            torch.zeros([n or size for n in x.shape], dtype=torch_dtype(x.dtype)) for x in inputs
        ]
        try:
            out = run(*zeros)
        except Exception:
            return None
        found.append([tuple(t.shape) for t in (out if several else [out])])
    return [tuple(m if m == n else None for m, n in zip(a, b)) for a, b in zip(*found)]


def custom_gradient(f):
    """A decorator for functions that give (results, a function of their gradients).

    That function gives the gradients of the arguments. Variables that `f` closes over get none.
    """

    @functools.wraps(f)
    def call(*args):
        return apply(_Custom(f), *(convert(x) for x in args))

    return call


class _Custom:
    """The operation of a function that `custom_gradient` decorates."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *tensors):
        return OwnGradient.apply(self.function, *tensors)
