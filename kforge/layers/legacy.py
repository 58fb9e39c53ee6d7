"""Layers of Keras 1 that later versions kept for old models."""

import types

import torch

from .. import initializers
from ..backend.values import as_list
from ..compat.arguments import is_own_call, replaced, tell
from ..engine import InputSpec, Layer, Model
from ..engine.layer import layers as registry
from . import merge as merging
from .convolutional import Conv1D, Conv2D
from .core import Dense, Lambda
from .merge import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply
from .variants import without

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "Cosine",
    "Highway",
    "MaxoutDense",
    "Merge",
    "TimeDistributedDense",
]


class MaxoutDense(Layer):
    """The greatest of `nb_feature` linear functions (https://arxiv.org/abs/1302.4389).

    Shape: (batch, features) -> (batch, output_dim).
    """

    @without("weights")
    def __init__(
        self,
        output_dim,
        nb_feature=4,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        super().__init__(**_base_arguments(weights, input_dim, kwargs))
        self._keep({k: v for k, v in locals().items() if k != "weights"})
        self.init = initializers.get(init)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self.W = _matrix(self, "W", (self.nb_feature, features, self.output_dim))
        self.b = _vector(self, "b", (self.nb_feature, self.output_dim)) if self.bias else None
        self.built = True

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def call(self, x):
        outputs = torch.einsum("bi,nio->bno", x, self.W)
        return torch.amax(outputs if self.b is None else outputs + self.b, 1)

    def get_config(self):
        return {**super().get_config(), "init": initializers.serialize(self.init)}


class Highway(Layer):
    """Between its input and a dense layer of it, as a gate decides (arXiv:1505.00387).

    Shape: (batch, features), unchanged.
    """

    @without("weights")
    def __init__(
        self,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        super().__init__(**_base_arguments(weights, input_dim, kwargs))
        self._keep({k: v for k, v in locals().items() if k != "weights"})
        self.init = initializers.get(init)
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape):
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self.W = _matrix(self, "W", (features, features))
        self.W_carry = _matrix(self, "W_carry", (features, features))
        self.b = self.b_carry = None
        if self.bias:
            self.b = _vector(self, "b", (features,))
            self.b_carry = _vector(self, "b_carry", (features,), "ones")
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        gate, changed = torch.matmul(x, self.W_carry), torch.matmul(x, self.W)
        if self.bias:
            gate, changed = gate + self.b_carry, changed + self.b
        return torch.lerp(x, self.activation(changed), torch.sigmoid(gate))

    def get_config(self):
        return {**super().get_config(), "init": initializers.serialize(self.init)}


def _base_arguments(weights, input_dim, kwargs):
    """What Layer's constructor takes, of the arguments of Keras 1."""
    if input_dim:
        kwargs["input_shape"] = (input_dim,)
    return kwargs if weights is None else {**kwargs, "weights": weights}


def _matrix(layer, name, shape):
    return layer.add_weight(
        name,
        shape,
        initializer=layer.init,
        regularizer=layer.W_regularizer,
        constraint=layer.W_constraint,
    )


def _vector(layer, name, shape, initializer="zeros"):
    return layer.add_weight(
        name,
        shape,
        initializer=initializer,
        regularizer=layer.b_regularizer,
        constraint=layer.b_constraint,
    )


# ---- classes that are others now --------------------------------------------------------------

AtrousConvolution1D = replaced("AtrousConvolution1D", Conv1D)
AtrousConvolution2D = replaced("AtrousConvolution2D", Conv2D)
TimeDistributedDense = replaced("TimeDistributedDense", Dense)


class Cosine(Dot):
    """Cosines of vectors along `axes`, with an axis of size 1 after the batch, as in Keras 1."""

    def __init__(self, axes, **kwargs):
        super().__init__(axes, normalize=True, **kwargs)

    def call(self, inputs):
        return super().call(inputs).unsqueeze(1)

    def compute_output_shape(self, input_shape):
        batch, *rest = super().compute_output_shape(input_shape)
        return (batch, 1, *rest)


# The layers that `Merge` was, by mode.
MODES = {
    "ave": Average,
    "concat": Concatenate,
    "cos": Cosine,
    "dot": Dot,
    "max": Maximum,
    "min": Minimum,
    "mul": Multiply,
    "sum": Add,
}


# What Keras 1 wrote into configs besides the arguments: whether functions are lambdas.
_OF_CONFIGS = ("mode_type", "output_shape_type", "output_mask_type")


def Merge(
    layers=None,
    mode="sum",
    concat_axis=-1,
    dot_axes=-1,
    output_shape=None,
    output_mask=None,
    arguments=None,
    node_indices=None,
    tensor_indices=None,
    name=None,
    **kwargs,
):
    """The layer that merges tensors in Keras 1's way `mode`: `Concatenate`, `Dot`, `Add`, ...

    `mode` may be a function of the list of tensors, `output_mask` one of the list of their masks.
    With `layers`, models or configs of them, it is a model of their inputs that merges what they
    give.
    """
    if mode not in MODES and not callable(mode):
        raise ValueError(f"Invalid merge mode: {mode!r}. Expected one of {[*MODES]}.")
    kwargs = {k: v for k, v in kwargs.items() if k not in _OF_CONFIGS}
    if callable(mode):
        mask = (lambda inputs, masks: output_mask(masks)) if callable(output_mask) else output_mask
        made = Lambda(mode, output_shape, mask, arguments, name=name, **kwargs)
    elif mode == "concat":
        made = Concatenate(concat_axis, name=name, **kwargs)
    elif mode in ("dot", "cos"):
        made = MODES[mode](_axes(dot_axes), name=name, **kwargs)
    else:
        made = MODES[mode](name=name, **kwargs)
    if not is_own_call():
        now, words = _today(made)
        tell("Merge", (), words, now=now)
    return _merged(made, layers) if layers else made


def _today(layer):
    """(name, arguments) of what `merge` and `Merge` are in Keras 2."""
    if isinstance(layer, Dot):
        normalized = {"normalize": True} if layer.normalize else {}
        return "Dot", {"axes": layer.axes, **normalized}
    axis = {"axis": layer.axis} if isinstance(layer, Concatenate) else {}
    return type(layer).__name__, axis


def _axes(axes):
    """Axes as `Dot` takes them; Keras 1 took lists for each tensor."""
    if not isinstance(axes, (list, tuple)):
        return axes
    return tuple(a[0] if isinstance(a, (list, tuple)) else a for a in axes)


def _merged(layer, branches):
    """A model from the inputs of `branches` to what `layer` makes of their outputs."""
    branches = [
        registry.deserialize(branch) if isinstance(branch, dict) else branch for branch in branches
    ]
    inputs = dict.fromkeys(x for branch in branches for x in as_list(branch.input))
    return Model(list(inputs), layer([branch.output for branch in branches]), name=layer.name)


def merge(
    inputs,
    mode="sum",
    concat_axis=-1,
    dot_axes=-1,
    output_shape=None,
    output_mask=None,
    arguments=None,
    name=None,
):
    """Merges tensors in Keras 1's way `mode` (see `Merge`)."""
    made = Merge(None, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name=name)
    if not is_own_call():
        now, words = _today(made)
        now = f"{now}(...)" if isinstance(made, Lambda) else now.lower()
        tell("merge", (inputs,), words, now=now)
    return made(inputs)


class _MergeModule(types.ModuleType):
    """`keras.layers.merge`: a module in Keras 2, in Keras 1 the function."""

    __call__ = staticmethod(merge)


merging.__class__ = _MergeModule

for _function in (AtrousConvolution1D, AtrousConvolution2D, Merge, TimeDistributedDense):
    registry.register(_function)
