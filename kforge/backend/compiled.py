"""What runs: compiled functions, gradients, the learning phase."""

import functools
import warnings

import numpy as np
import torch

from .. import config, differentiation, lowering, operations
from ..devices import current_device
from ..dtypes import dtype_name
from ..symbolic import KerasTensor, Symbolic, as_tensor, executing
from ..trees import leaves, map_leaves
from ..variable import Variable, record_update, to_numpy
from .values import as_list, scalar_or_array, tensor
from .variables import sparse

__all__ = [
    "Function",
    "eager",
    "function",
    "gradients",
    "learning_phase",
    "set_learning_phase",
    "symbolic",
]


def learning_phase():
    """The learning phase, 0 (test) or 1 (train): a tensor to be fed, or a number.

    It is a number where `set_learning_phase` fixed it, and in code that runs on values.
    """
    fixed = config.fixed_learning_phase()
    return operations.learning_phase() if fixed is None else fixed


def set_learning_phase(value):
    """Fixes the learning phase: 0 (test) or 1 (train)."""
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Got {value!r}.")
    config.fix_learning_phase(int(value))


# ---- functions --------------------------------------------------------------------------------


def function(inputs, outputs, updates=None, **kwargs):
    """A function of NumPy arrays that computes `outputs` from `inputs` and carries out `updates`.

    `inputs` may be any symbolic tensors, the learning phase among them; `outputs` a tensor, or
    nested lists, tuples and dicts of them. `updates` holds changes made by `K.update...` or pairs
    (variable, new value). Keywords: `name`; `feed_dict`, values for more tensors, {tensor: value};
    `fetches`, more tensors or updates to compute.
    """
    return Function(inputs, outputs, updates, **kwargs)


class Function:
    """What `function` gives. It is lowered once for each learning phase that it is called in."""

    # `options` and `run_metadata` configure TensorFlow's own profiler.
    _KEYWORDS = ("name", "feed_dict", "fetches", "options", "run_metadata")

    def __init__(self, inputs, outputs, updates=None, **kwargs):
        for keyword in kwargs:
            if keyword not in self._KEYWORDS:
                raise ValueError(
                    f"Invalid argument {keyword!r} passed to K.function. "
                    f"Expected one of {self._KEYWORDS}."
                )
        if updates is not None and not isinstance(updates, (list, tuple)):
            raise TypeError(f"`updates` should be a list or tuple. Got {updates!r}.")
        self.name = kwargs.get("name")
        self.structures = inputs, outputs
        self.inputs, self.outputs = leaves(inputs), leaves(outputs)
        if None in self.outputs:
            raise TypeError(
                f"Output {self.outputs.index(None)} of K.function is None. "
                "`K.gradients` gives None for what the loss does not depend on."
            )
        self.outputs = [tensor(x) for x in self.outputs]
        self.updates = [
            record_update("assign", *u) if isinstance(u, tuple) else u for u in updates or ()
        ]
        self.updates += as_list(kwargs.get("fetches") or [])
        fixed = kwargs.get("feed_dict") or {}
        self._lowered = {}
        self._flat = [type(s) is list and leaves(s) == s for s in self.structures]
        self._phase_at = None
        for i, x in enumerate(self.inputs):
            if x is operations.learning_phase():
                self._phase_at = i
            elif not isinstance(x, KerasTensor):
                raise TypeError(f"Input {i} of K.function should be a symbolic tensor. Got {x!r}.")
        self._fixed = fixed
        self._fed = [x for i, x in enumerate(self.inputs) if i != self._phase_at]
        self._feeds = [_Feed(x) for x in self._fed]
        self._fixed_feeds = [_Feed(x) for x in fixed]

    def lowered(self, phase, count=None):
        """What computes it in this learning phase from the first `count` inputs, or from all."""
        key = phase, len(self._feeds) if count is None else count
        if key not in self._lowered:
            fed = [*self._fed[: key[1]], *self._fixed]
            self._lowered[key] = lowering.lower(self.outputs, fed, self.updates, phase)
        return self._lowered[key]

    def __call__(self, inputs=()):
        if self._flat[0]:
            values = [inputs] if hasattr(inputs, "shape") else list(inputs)
            if len(values) != len(self.inputs):  # lists of arrays, as of data, targets and weights
                values = list(_spread(values))
        else:
            values = _matching(self.structures[0], inputs)
        if len(values) > len(self.inputs):  # a learning phase, it may be, that nothing depends on
            warnings.warn(
                f"K.function {self.name or ''} takes {len(self.inputs)} inputs and got "
                f"{len(values)}; the last have no effect.",
                stacklevel=2,
            )
            del values[len(self.inputs) :]
        # Inputs at the end may be left out: the learning phase, and what no output depends on.
        is_given = self._phase_at is not None and self._phase_at < len(values)
        phase = int(bool(values.pop(self._phase_at))) if is_given else 0
        lowered = self.lowered(phase, len(values))
        feeds = self._feeds[: len(values)] + self._fixed_feeds
        values += self._fixed.values()  # which scripts change between calls
        fed = [feed(v) for feed, v in zip(feeds, values)]
        try:
            computed = lowered.compute(fed)
        except Exception as error:  # other sizes than declared may do, as in Keras; or be why
            for feed, value in zip(feeds, fed):
                feed.check(value, error)
            raise
        found = computed[: lowered.outputs]
        found = [scalar_or_array(to_numpy(t.to_dense() if t.is_sparse else t)) for t in found]
        lowered.carry_out(computed)  # now that outputs have been read
        if self._flat[1]:
            return found
        results = iter(found)
        return map_leaves(lambda _: next(results), self.structures[1])


def _spread(values):
    """What is in nested lists, one after the other; a list of numbers is one value."""
    for value in values:
        if isinstance(value, (list, tuple)) and all(hasattr(v, "shape") for v in value):
            yield from _spread(value)
        else:
            yield value


def _matching(structure, values):
    """The values that stand in nested `values` where tensors stand in `structure`."""
    if isinstance(structure, dict):
        return [v for k, s in structure.items() for v in _matching(s, values[k])]
    if isinstance(structure, (list, tuple)):
        return [v for s, part in zip(structure, values) for v in _matching(s, part)]
    if isinstance(values, (list, tuple)) and len(values) == 1 and hasattr(values[0], "shape"):
        return list(values)  # a list for a single tensor
    return [values]


class _Feed:
    """Makes tensors of the values fed for `x`."""

    def __init__(self, x):
        self.name, self.shape, self.dtype = x.name, tuple(x.shape), x.torch_dtype
        self.known = [(axis, size) for axis, size in enumerate(self.shape) if size is not None]
        self.device = current_device()
        self.array = dtype_name(self.dtype)

    def __call__(self, value):
        if type(value) is np.ndarray and value.dtype == self.array and value.flags.carray:
            return torch.from_numpy(value).to(self.device)  # as it is: the usual case, made fast
        if isinstance(value, KerasTensor):
            raise TypeError(f"The value fed for {self.name} is a symbolic tensor; feed an array.")
        if isinstance(value, Variable):
            value = value.view.detach()
        elif hasattr(value, "tocoo"):
            value = sparse(value, self.dtype)
        return as_tensor(value, self.dtype).to(self.device, self.dtype)

    def check(self, value, error):
        """`ValueError` if the shape does not fit, which explains the `error` of a run."""
        given = value.shape
        if len(given) != len(self.shape) or any(given[axis] != n for axis, n in self.known):
            raise ValueError(
                f"Cannot feed value of shape {tuple(given)} for tensor {self.name!r}, which has "
                f"shape {self.shape}."
            ) from error


def gradients(loss, variables):
    """Gradients of the sum of `loss` (a tensor or a list) for each of `variables`.

    A list of tensors; None where nothing connects the two.
    """
    ys, xs = [tensor(y) for y in as_list(loss)], as_list(variables)
    for x in xs:
        if not isinstance(x, (Symbolic, torch.Tensor)):
            raise TypeError(f"`K.gradients` is for tensors and variables; got {x!r}.")
    if any(isinstance(t, KerasTensor) for t in (*ys, *xs)):
        return differentiation.gradients(ys, xs)
    values = [x.native if isinstance(x, Variable) else x for x in xs]
    total = sum(y.sum() for y in ys)
    found = torch.autograd.grad(total, values, create_graph=True, allow_unused=True)
    return [
        g if g is None or not isinstance(x, Variable) or x.layout is None else x.layout.to_keras(g)
        for g, x in zip(found, xs)
    ]


def symbolic(func):
    """A decorator for functions that build a graph: there is only one, so it changes nothing."""
    return func


def eager(func):
    """A decorator for functions that run at once on torch tensors and the values of variables."""

    @functools.wraps(func)
    def run(*args, **kwargs):
        with executing():
            return func(*args, **kwargs)

    return run
