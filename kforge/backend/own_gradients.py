"""Operations with a gradient that a script gives: for a function, or by TensorFlow's names.

A gradient that `RegisterGradient` named stands for that of all operations of a kind, `Relu` or
`Identity`, that are recorded within `Graph.gradient_override_map`: guided backpropagation, reversed
gradients and straight-through estimators are written so.
"""

import contextlib
from types import SimpleNamespace

import torch
import torch.nn.functional as F

from .. import lowering, symbolic
from ..trees import map_leaves
from .values import as_list, tensor

__all__ = ["OwnGradient", "RegisterGradient", "registry", "replacing_gradients"]

# What is recorded for operations of TensorFlow.
_OPERATIONS = {
    "Abs": torch.abs,
    "Ceil": torch.ceil,
    "Elu": F.elu,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "Identity": torch.Tensor.view_as,
    "LeakyRelu": F.leaky_relu,
    "Log": torch.log,
    "Relu": torch.relu,
    "Relu6": F.relu6,
    "Round": torch.round,
    "Selu": F.selu,
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Softmax": torch.softmax,
    "Softplus": F.softplus,
    "Sqrt": torch.sqrt,
    "Square": torch.square,
    "Tanh": torch.tanh,
}


class _Registry:
    """Gradients by name. Scripts look into `_registry`, to register theirs once."""

    def __init__(self):
        self._registry = {"Identity": lambda op, grad: grad}

    def lookup(self, name):
        """The gradient of that name; `LookupError` if there is none."""
        if name not in self._registry:
            raise LookupError(
                f"No gradient is registered as {name!r}: decorate a function of (operation, "
                f"gradient) with `tf.RegisterGradient({name!r})`."
            )
        return self._registry[name]


registry = _Registry()


class RegisterGradient:
    """Decorator that names a function of (operation, gradients of its results).

    The function gives the gradients of the operation's inputs; `op.inputs` and `op.outputs` are
    their values. A name that is taken is a `KeyError`, as in TensorFlow.
    """

    def __init__(self, op_type):
        self.name = op_type

    def __call__(self, f):
        if self.name in registry._registry:
            raise KeyError(f"Registering two gradient with name {self.name!r}!")
        registry._registry[self.name] = f
        return f


@contextlib.contextmanager
def replacing_gradients(names):
    """Within this context, operations that are recorded have other gradients.

    `names` is {TensorFlow's kind of operation: name of a registered gradient}.
    """
    unknown = sorted(names.keys() - _OPERATIONS.keys())
    if unknown:
        raise ValueError(
            f"No gradient can be given to operations {unknown}, only to {sorted(_OPERATIONS)}; "
            "`tf.custom_gradient` gives a function a gradient of its own."
        )
    before = dict(symbolic.replaced)
    symbolic.replaced.update(
        (_OPERATIONS[kind], _Replaced(_OPERATIONS[kind], name)) for kind, name in names.items()
    )
    try:
        yield
    finally:
        symbolic.replaced.clear()
        symbolic.replaced.update(before)


class _Replaced:
    """`function` with the gradient that is registered as `name`."""

    def __init__(self, function, name):
        self.function, self.name = function, name
        self._lowered = {}

    def __call__(self, *args, **kwargs):
        inputs = list(dict.fromkeys(a for a in args if isinstance(a, torch.Tensor)))

        def forward(*tensors):
            given = dict(zip(inputs, tensors))
            output = self.function(*(given.get(a, a) for a in args), **kwargs)
            return output, lambda grad: self._gradient([*tensors, output, grad])

        return OwnGradient.apply(forward, *inputs)

    def _gradient(self, values):
        """The gradients of the inputs, of which, the output, and its gradient `values` are."""
        key = tuple((x.shape, x.dtype) for x in values)
        if key not in self._lowered:
            self._lowered[key] = self._lower(values)
        lowered = self._lowered[key]
        with symbolic.executing():
            return lowered.forward(*values, *lowered.captured)  # with a gradient of its own

    def _lower(self, values):
        with symbolic.recording():
            known = [symbolic.placeholder(tuple(x.shape), x.dtype, "value") for x in values]
            *inputs, output, grad = known
            op = SimpleNamespace(type=self.name, inputs=inputs, outputs=[output])
            found = as_list(registry.lookup(self.name)(op, grad))
            return lowering.lower([tensor(g) for g in found], known)


class OwnGradient(torch.autograd.Function):
    """`function(*tensors)`, which gives (results, a function of their gradients)."""

    @staticmethod
    def forward(ctx, function, *tensors):
        with symbolic.executing():
            found, ctx.gradient = function(*tensors)
        found = tuple(found) if isinstance(found, (list, tuple)) else found
        # A result that is an argument has to be a tensor of its own.
        return map_leaves(lambda x: x.view_as(x), found)

    @staticmethod
    def backward(ctx, *grads):
        with symbolic.executing():
            found = ctx.gradient(*grads)
        return None, *(found if isinstance(found, (list, tuple)) else [found])
