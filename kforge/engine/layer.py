"""`Layer`: Keras's contract for layers, on a `torch.nn.Module`."""

import inspect
from typing import ClassVar

import numpy as np
import torch

from .. import (
    activations,
    config,
    constraints,
    initializers,
    metrics,
    opaque,
    regularizers,
    symbolic,
)
from ..backend.values import as_list, known_size
from ..compat import arguments
from ..config import automatic_name
from ..devices import current_device
from ..dtypes import dtype_name
from ..placement import move
from ..registry import Registry, argument_names, has_arg
from ..symbolic import KerasTensor, Symbolic, as_tensor
from ..trees import leaves, map_leaves
from ..variable import Variable, as_symbolic
from .calls import CallRecord
from .contributions import Contributions
from .node import Node, unpack
from .rollback import all_or_nothing
from .spec import InputSpec, mismatch
from .weights import WeightHolder, disable_tracking

__all__ = ["InputSpec", "Layer", "disable_tracking", "layers"]

# Every layer class that a config may name.
layers = Registry("layer")

# What reads and writes an argument of a constructor, by the last word of its name.
_SERIALIZERS = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}

_BASE_ARGUMENTS = {
    "input_shape",
    "batch_input_shape",
    "batch_size",
    "dtype",
    "name",
    "trainable",
    "weights",
    "input_dtype",
}


class Layer(WeightHolder, CallRecord, Contributions, torch.nn.Module):
    """A computation with weights, as in Keras: `build` makes the weights, `call` computes.

    Subclasses implement `__init__`, `build(input_shape)`, `call(inputs)` (with `mask` and
    `training` arguments if they use them), `compute_output_shape(input_shape)` and `get_config`.
    Called on symbolic tensors, a layer records what `call` does; code in `call` that asks for
    values (``if K.sum(x) > 0``) runs as one opaque operation on the values of each batch. Called
    on torch tensors, it computes at once.
    """

    # Arguments of constructors that configs leave out.
    _unlisted = ()

    # Whether call 0 of such a layer is its own definition, as of a model made of tensors.
    _defines_itself = False

    # Other names of attributes and methods' results: those of Keras 2.0 and of tf.keras, and
    # private ones that scripts read all the same.
    _other_names: ClassVar = {
        "variables": "weights",
        "trainable_variables": "trainable_weights",
        "non_trainable_variables": "non_trainable_weights",
        "inbound_nodes": "_inbound_nodes",
        "outbound_nodes": "_outbound_nodes",
        "_layers": "_sublayers",
    }

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        torch.nn.Module.__init__(self)  # here: scripts set attributes before super().__init__()
        vars(self).update(
            name=None,
            built=False,
            stateful=False,
            supports_masking=False,
            input_spec=None,
            activity_regularizer=None,
            _trainable=True,
            _trainable_weights=[],
            _non_trainable_weights=[],
            _losses=[],
            _updates=[],
            _metrics=[],
            _inbound_nodes=[],
            _outbound_nodes=[],
            _initial_weights=None,
            _holders={},
            _tracking=True,
        )
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("kforge."):
            arguments.accept_all(cls)
        if cls.__module__.startswith("kforge.layers"):
            cls._built_in = True
            if not cls.__name__.startswith("_"):
                layers.register(cls)

    def __init__(self, **kwargs):
        unknown = set(kwargs) - _BASE_ARGUMENTS
        if unknown:
            raise arguments.unknown_argument(type(self), min(unknown), _BASE_ARGUMENTS)
        name = kwargs.get("name")
        self.name = name or self.name or automatic_name(type(self).__name__)
        self._trainable = kwargs.get("trainable", True)
        dtype = kwargs.get("dtype") or kwargs.get("input_dtype") or config.floatx()
        if not isinstance(dtype, str):
            dtype = dtype_name(dtype)
        self.dtype = dtype
        if "batch_input_shape" in kwargs:
            self.batch_input_shape = _as_shape(kwargs["batch_input_shape"])
        elif "input_shape" in kwargs:
            self.batch_input_shape = (kwargs.get("batch_size"), *_as_shape(kwargs["input_shape"]))
        self._initial_weights = kwargs.get("weights")

    # ---- what subclasses override ----

    def build(self, input_shape):
        """Makes the weights for inputs of this shape (a list of shapes for several inputs)."""
        self.built = True

    def call(self, inputs, **kwargs):
        """The computation, in backend functions or torch's."""
        return inputs

    def compute_output_shape(self, input_shape):
        """The shape of the output for that of the input; the same unless overridden."""
        return input_shape

    compute_output_shape.inferred = True  # not to be trusted: shapes come from running `call`

    def compute_mask(self, inputs, mask=None):
        """The mask of the output. Raises `TypeError` if masks are not supported."""
        if self.supports_masking:
            return mask
        if any(m is not None for m in as_list(mask)):
            raise TypeError(
                f"Layer {self.name} does not support masking, but was passed an input_mask: {mask}"
            )
        return None

    def get_config(self):
        """The arguments that make such a layer, from the constructors of kforge's own classes."""
        found, names, absent = self._base_config(), {}, set(self._unlisted)
        for cls in reversed(type(self).__mro__):
            if "__init__" in vars(cls) and "_built_in" in vars(cls):
                names.update(dict.fromkeys(argument_names(cls.__init__)))
                absent.update(getattr(cls.__init__, "without", ()))
        for name in names:
            if name not in absent:
                module = _SERIALIZERS.get(name.rsplit("_", 1)[-1])
                value = getattr(self, name)
                found[name] = module.serialize(value) if module else value
        return found

    def _base_config(self):
        """What every layer's config has."""
        found = {"name": self.name, "trainable": self._trainable}
        if hasattr(self, "batch_input_shape"):
            found["batch_input_shape"] = self.batch_input_shape
        return {**found, "dtype": self.dtype}

    def _keep(self, arguments):
        """Stores the arguments of a constructor (its `locals()`) as attributes of these names.

        Names of activations, initializers, regularizers and constraints become objects.
        """
        for name, value in arguments.items():
            if name not in ("self", "kwargs", "__class__"):
                module = _SERIALIZERS.get(name.rsplit("_", 1)[-1])
                setattr(self, name, module.get(value) if module else value)

    @classmethod
    def from_config(cls, config):
        """A layer of a config made by `get_config`."""
        return cls(**config)

    def __setattr__(self, name, value):
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, property):
            return object.__setattr__(self, name, value)
        if isinstance(value, (torch.nn.Module, list, tuple, dict)):
            self._holders.setdefault(name)
        if isinstance(value, Variable):
            self._register(name, value)
            if self._tracking:
                self._track(value)
            return object.__setattr__(self, name, value)
        if isinstance(value, (torch.nn.Module, torch.nn.Parameter)):
            vars(self).pop(name, None)  # an attribute that was something else
            super().__setattr__(name, value)
            if hasattr(type(self), name):  # which would hide it, such as the method `to` of modules
                vars(self)[name] = value
            return None
        if isinstance(value, metrics.Metric) and self._tracking:
            self._note_metric(value)
        if name in self._modules:
            del self._modules[name]
        return object.__setattr__(self, name, value)

    # ---- calling ----

    def __call__(self, inputs, **kwargs):
        if symbolic.is_executing():
            if not isinstance(inputs, torch.Tensor):
                inputs = map_leaves(_as_value, inputs)
            return self._compute(inputs, kwargs)
        flat = leaves(inputs)
        if flat and all(isinstance(x, torch.Tensor) for x in flat):
            with symbolic.executing(int(bool(kwargs.get("training", False)))):
                return self._compute(inputs, kwargs, as_model=True)
        for x in flat:
            if not isinstance(x, Symbolic):
                raise ValueError(
                    f"Layer {self.name} was called with an input that isn't a symbolic tensor. "
                    f"Received type: {type(x)}. Full input: {as_list(inputs)}. All inputs to the "
                    "layer should be tensors; wrap an array with `K.constant`, or feed it to a "
                    "model's `predict`."
                )
        if self.name is None:
            raise AttributeError(
                f"The layer {type(self).__name__} has no name: its `__init__` does not call "
                f"`super({type(self).__name__}, self).__init__(**kwargs)`."
            )
        with config.name_scope(self.name), all_or_nothing(*([] if self.built else [self])):
            return self._record(inputs, kwargs)

    def _record(self, inputs, kwargs):
        """Calls the layer on symbolic tensors and notes the call."""
        self._ensure_built(inputs)
        flat = as_list(inputs)
        masks = [getattr(x, "_keras_mask", None) for x in flat]
        outputs, _ = self._outputs_of(inputs, kwargs, masks)
        if all(getattr(x, "_keras_history", None) for x in flat):
            Node.of_call(self, flat, outputs, masks, [t._keras_mask for t in outputs], kwargs)
        return unpack(outputs)

    def _outputs_of(self, inputs, kwargs, masks):
        """The list of outputs, and their mask; no call is noted, but what an activity regularizer
        adds to the loss.

        `masks` are those of the inputs, which `call` gets if it takes any.
        """
        given = any(m is not None for m in masks) and has_arg(self.call, "mask")
        kwargs = {"mask": unpack(masks), **kwargs} if given else kwargs
        outputs = self._computed(inputs, kwargs)
        output_mask = self.compute_mask(inputs, kwargs.get("mask", unpack(masks)))
        if symbolic.is_executing():
            return as_list(outputs), output_mask
        outputs = self._finish(inputs, outputs, output_mask)
        if self.activity_regularizer is not None:
            self.add_loss([self.activity_regularizer(x) for x in outputs], as_list(inputs))
        return outputs, output_mask

    def _ensure_built(self, inputs):
        if not self.built:
            self.assert_input_compatibility(inputs)
            self._build_for(unpack([tuple(x.shape) for x in as_list(inputs)]))
        self.assert_input_compatibility(inputs)

    def _build_for(self, input_shape):
        """Builds the layer, and sets the weights that its constructor was given."""
        self.build(input_shape)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def _computed(self, inputs, kwargs):
        """What `call` gives for values or symbolic tensors."""
        if symbolic.is_executing():
            return self.call(inputs, **kwargs)
        try:
            return opaque.attempt(self.call, (inputs,), kwargs, self.name)
        except (AttributeError, TypeError) as error:
            if isinstance(inputs, list) and len(inputs) == 1 and hasattr(type(self), "_built_in"):
                raise AttributeError(
                    f"Layer {self.name} was called on a list of one tensor ({error}). A layer "
                    "that takes a single tensor is called on the tensor itself: `layer(x)`."
                ) from error
            raise

    def _finish(self, inputs, outputs, output_mask):
        """A list of the outputs as tensors of their own, with declared shapes and masks."""
        flat = [self._as_output(x) for x in as_list(outputs)]
        if not getattr(type(self).compute_output_shape, "inferred", False):
            shapes = self.compute_output_shape(unpack([tuple(x.shape) for x in as_list(inputs)]))
            for x, shape in zip(flat, shapes if isinstance(shapes, list) else [shapes]):
                if len(shape) == len(x.shape):
                    x._keras_shape = tuple(map(known_size, shape))
        several = isinstance(output_mask, (list, tuple))
        masks = leaves(output_mask) if several else [output_mask] * len(flat)
        for x, mask in zip(flat, masks):
            x._keras_mask = mask
        return flat

    def _as_output(self, x):
        if isinstance(x, KerasTensor):
            return x.alias(f"{self.name}/{x.op.name}")
        if isinstance(x, (Variable, torch.Tensor)):
            tensor = as_symbolic(x)
            tensor._name = f"{self.name}/Const"
            return tensor
        raise ValueError(
            f"Layer {self.name}: `call` must give a tensor or a list of tensors; it gave {x!r}."
        )

    def _compute(self, inputs, kwargs, as_model=False):
        """The layer on values: with `as_model`, wherever they are, as a model takes them."""
        if not self.built:
            with symbolic.recording(), config.name_scope(self.name), all_or_nothing(self):
                self._ensure_built(inputs)
        device = next((w.device for w in self.weights), None) if as_model else None
        if device is not None:
            inputs, kwargs = map_leaves(lambda x: move(x, device), [inputs, kwargs])
        outputs = self._computed(inputs, kwargs)
        return unpack(outputs) if isinstance(outputs, list) else outputs

    def assert_input_compatibility(self, inputs):
        """Checks inputs against `input_spec`; `ValueError` tells what was expected."""
        inputs = as_list(inputs)
        if not self.input_spec:
            return
        specs = as_list(self.input_spec)
        if len(specs) != len(inputs):
            raise ValueError(
                f"Layer {self.name} expects {len(specs)} inputs, but it received {len(inputs)} "
                f"input tensors. Input received: {inputs}"
            )
        for i, (x, spec) in enumerate(zip(inputs, specs)):
            problem = spec and mismatch(spec, tuple(x.shape))
            if problem:
                raise ValueError(f"Input {i} is incompatible with layer {self.name}: {problem}")

    def __getstate__(self):
        """What copies and pickles hold: all but calls, and what came of them."""
        losses = [(loss, None) for loss, on in self._losses if on is None]
        calls = {"_inbound_nodes": [], "_outbound_nodes": [], "_updates": [], "_metrics": []}
        return {**vars(self), **calls, "_losses": losses}

    def __repr__(self):
        return f"<{type(self).__name__} {self.name!r}>"

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError as error:
            # A property that failed inside lands here: show its own error.
            descriptor = getattr(type(self), name, None)
            if isinstance(descriptor, property):
                return descriptor.fget(self)
            if name in self._other_names:
                found = getattr(self, self._other_names[name])
                return found() if inspect.ismethod(found) else found
            raise error

    __hash__ = object.__hash__


def _as_shape(shape):
    return tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)


arguments.accept_all(Layer)


def _as_value(x):
    """An array, which code that runs at once may give to a layer, as a tensor."""
    return as_tensor(x).to(current_device()) if isinstance(x, np.ndarray) else x
