"""Code that asks for values, as one operation of a graph."""

from contextlib import nullcontext

import torch

from .devices import current_device, device, scope_device
from .probes import static_shape
from .symbolic import (
    KerasTensor,
    NeedsValue,
    as_tensor,
    declared,
    trying,
    value_of,
    without_gradient,
)
from .trees import map_leaves

__all__ = ["attempt"]


def attempt(function, args, kwargs=None, name=None, detached=False):
    """What `function` gives for symbolic arguments: recorded operation by operation or, where it
    asks for values, as one operation.

    Its shapes are then those for zeros of two batch sizes. `detached`: no gradient goes through.
    """
    kwargs = kwargs or {}
    try:
        return function(*args, **kwargs)
    except NeedsValue as needed:
        scope = scope_device()

        def run(*args, **kwargs):
            if detached:
                args, kwargs = map_leaves(without_gradient, [args, kwargs])
            with device(scope) if scope else nullcontext():
                return map_leaves(_result_tensor, function(*args, **kwargs))

        run.__name__ = name or getattr(function, "__name__", type(function).__name__)
        found = []
        for size in (2, 3):
            with trying(), torch.no_grad():
                zeros = map_leaves(lambda x, size=size: _zeros_like(x, size), [args, kwargs])
                try:
                    found.append(run(*zeros[0], **zeros[1]))
                except Exception as error:
                    raise error from needed
    if found[0] is None:
        return None
    several = isinstance(found[0], (list, tuple))
    pairs = list(zip(*(f if several else [f] for f in found)))
    shapes = [tuple(m if m == n else None for m, n in zip(a.shape, b.shape)) for a, b in pairs]
    dtypes = [a.dtype for a, _ in pairs]
    if several:
        return declared(run, args, kwargs, shapes, dtypes)
    return declared(run, args, kwargs, shapes[0], dtypes[0])


def _result_tensor(x):
    return x if x is None else as_tensor(x).to(current_device())


def _zeros_like(x, size):
    if not isinstance(x, KerasTensor):
        return value_of(x)
    known = (m if n is None else n for m, n in zip(static_shape(x.probes), x.shape))
    shape = [size if n is None else n for n in known]
    return torch.zeros(shape, dtype=x.torch_dtype, device=current_device())
