"""Core layers: dense, activations, dropout, shapes, functions."""

import numpy as np
import torch
import torch.nn.functional as F

from .. import activations, functions, symbolic
from .. import backend as K
from ..backend.random import pass_over_number
from ..backend.values import as_list
from ..engine import InputSpec, Layer
from ..engine.node import unpack
from ..registry import has_arg
from ..regularizers import L1L2
from ..trees import leaves
from ..variable import Permuted, in_layout

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Lambda",
    "Masking",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]

MATRIX = Permuted(1, 0)  # Keras: (in, out); torch: (out, in)


class Dense(Layer):
    """``activation(inputs @ kernel + bias)`` on the last axis.

    Shape: (batch, ..., input_dim) -> (batch, ..., units).
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super().__init__(**kwargs)
        self._keep(locals())
        self.units = int(units)
        if isinstance(units, float) and self.units != units:
            raise TypeError(f"Layer {self.name}: `units` must be a whole number. Got {units!r}.")
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        input_dim = input_shape[-1]
        if input_dim is None:
            raise TypeError(
                f"Layer {self.name}: the last dimension of the inputs must be known, to make the "
                f"kernel; got the shape {tuple(input_shape)}."
            )
        self.kernel = self._add_parameter("kernel", (input_dim, self.units), layout=MATRIX)
        self.bias = self._add_parameter("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_dim})
        self.built = True

    def call(self, inputs):
        if K.is_sparse(inputs):
            product = K.dot(inputs, self.kernel)
            return self.activation(product if self.bias is None else product + self.bias)
        return self.activation(F.linear(inputs, in_layout(self.kernel, MATRIX), self.bias))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Activation(Layer):
    """Applies an activation function, by name or itself."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(Layer):
    """Zeroes a fraction `rate` of the inputs in training, and scales up the rest.

    `noise_shape`: shape of the mask, with 1 where it is shared (None entries: the input's size).
    Srivastava et al., 2014, http://www.jmlr.org/papers/volume15/srivastava14a/srivastava14a.pdf
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self._keep(locals())
        self.rate = min(1.0, max(0.0, rate))
        self.supports_masking = True

    def _get_noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        sizes = leaves(list(self.noise_shape))
        dynamic = K.shape(inputs)
        return tuple(dynamic[i] if n is None else n for i, n in enumerate(sizes))

    def call(self, inputs, training=None):
        if not 0.0 < self.rate < 1.0:
            return inputs
        noise_shape = self._get_noise_shape(inputs)
        dropped = lambda: K.dropout(inputs, self.rate, noise_shape, seed=self.seed)  # noqa: E731
        return K.in_train_phase(dropped, inputs, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape


class _SpatialDropout(Dropout):
    """Drops whole feature maps."""

    rank = None

    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, **kwargs)
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _get_noise_shape(self, inputs):
        shape, ones = K.shape(inputs), (1,) * self.rank
        if self.data_format == "channels_first":
            return (shape[0], shape[1], *ones)
        return (shape[0], *ones, shape[self.rank + 1])

    def get_config(self):
        found = super().get_config()
        if self.rank == 1:
            del found["data_format"]
        return found


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole features: (batch, steps, features), the same at every step."""

    rank = 1

    def __init__(self, rate, **kwargs):
        super().__init__(rate, "channels_last", **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole feature maps: (batch, rows, cols, channels)."""

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole feature volumes: (batch, d1, d2, d3, channels)."""

    rank = 3


class Flatten(Layer):
    """Flattens all but the batch axis, in the order of channels_last.

    Shape: (batch, a, b, ...) -> (batch, a * b * ...).
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(min_ndim=3)
        self.data_format = K.normalize_data_format(data_format)

    def compute_output_shape(self, input_shape):
        if None in input_shape[1:]:
            raise ValueError(
                f'The shape of the input to "Flatten" is not fully defined (layer {self.name}, got '
                f"{tuple(input_shape[1:])}). Make sure to pass a complete `input_shape` or "
                "`batch_input_shape` argument to the first layer in your model."
            )
        return (input_shape[0], int(np.prod(input_shape[1:])))

    def call(self, inputs):
        if self.data_format == "channels_first":
            inputs = torch.movedim(inputs, 1, -1)
        pass_over_number(10**4)  # as K.batch_flatten does, which would take a list, too
        return torch.flatten(inputs, 1)


class Reshape(Layer):
    """Gives samples another shape; one size may be -1.

    Shape: (batch, ...) -> (batch, *target_shape).
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def compute_output_shape(self, input_shape):
        if None in input_shape[1:]:
            return (input_shape[0], *(s if s != -1 else None for s in self.target_shape))
        total, shape = int(np.prod(input_shape[1:])), list(self.target_shape)
        known = int(np.prod([s for s in shape if s != -1]))
        fits = shape.count(-1) == 1 and known and total % known == 0
        if fits:
            shape[shape.index(-1)] = total // known
        elif -1 in shape or known != total:
            raise ValueError(
                f"Layer {self.name}: total size of new array must be unchanged; cannot reshape "
                f"{tuple(input_shape[1:])} to {self.target_shape}."
            )
        return (input_shape[0], *shape)

    def call(self, inputs):
        shape = self.compute_output_shape(tuple(inputs.shape))[1:]
        if shape.count(None) + shape.count(-1) > 1:
            return torch.reshape(inputs, (inputs.shape[0], *self.target_shape))
        sizes = tuple(-1 if s is None else s for s in shape)
        if -1 in sizes:  # one unknown size, and the batch: reshape sample by sample
            return torch.unflatten(torch.flatten(inputs, 1), 1, sizes)
        return torch.reshape(inputs, (-1, *sizes))


class Permute(Layer):
    """Permutes the axes of samples: `dims` counts from 1, the batch axis stays."""

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                f"Layer {self.name}: `dims` must be a permutation of 1..n. Got: {self.dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def call(self, inputs):
        return torch.permute(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """Repeats vectors: (batch, features) -> (batch, n, features)."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def call(self, inputs):
        return K.repeat(inputs, self.n)


class Masking(Layer):
    """Masks the steps whose features all equal `mask_value`, and zeroes them.

    Shape: (batch, steps, features), unchanged; the mask is (batch, steps).
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.mask_value = mask_value

    def compute_mask(self, inputs, mask=None):
        return torch.any(torch.ne(inputs, self.mask_value), -1)

    def call(self, inputs):
        kept = torch.any(torch.ne(inputs, self.mask_value), -1, keepdim=True)
        return inputs * kept.to(inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


class ActivityRegularization(Layer):
    """Passes its input on and adds l1 and l2 penalties of it to the loss."""

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2
        self.activity_regularizer = L1L2(l1=l1, l2=l2)

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Lambda(Layer):
    """Applies a function of tensors.

    `output_shape`: the shape of a sample, or a function of the input shape; inferred if absent.
    `mask`: the output's mask, or a function (inputs, mask). `arguments`: keyword arguments.
    A function that branches on values runs as one opaque operation on each batch.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}
        if mask is not None:
            self.supports_masking = True
        self.mask = mask
        if not (output_shape is None or callable(output_shape)):
            if not isinstance(output_shape, (tuple, list)):
                raise TypeError(
                    f"Layer {self.name}: `output_shape` must be None, a tuple, a list, or a "
                    f"function; got {output_shape!r}."
                )
            output_shape = tuple(output_shape)
        self._output_shape = output_shape
        functions.remember_function(function)
        functions.remember_function(output_shape)

    def call(self, inputs, mask=None):
        arguments = dict(self.arguments)
        if has_arg(self.function, "mask"):
            arguments["mask"] = mask
        return self.function(inputs, **arguments)

    def compute_output_shape(self, input_shape):
        if callable(self._output_shape):
            shape = self._output_shape(input_shape)
            if not isinstance(shape, (list, tuple)):
                raise ValueError(
                    f"Layer {self.name}: the `output_shape` function must return a tuple or a list "
                    f"of tuples; got {shape!r}."
                )
            several = isinstance(shape, list) and any(isinstance(s, (list, tuple)) for s in shape)
            return shape if several else tuple(shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        batch = first[0]
        if self._output_shape is None:
            inputs = [symbolic.placeholder(s, torch.float32, "shape") for s in _shapes(input_shape)]
            out = self.call(inputs if isinstance(input_shape, list) else inputs[0])
            return unpack([tuple(x.shape) for x in as_list(out)])
        return (batch, *self._output_shape)

    @property
    def _input_dtypes(self):
        found = [K.dtype(x) for x in as_list(self.get_input_at(-1))]
        return found[0] if len(found) == 1 else found

    def _finish(self, inputs, outputs, output_mask):
        if self._output_shape is None:  # what was recorded has its shape
            found = [self._as_output(x) for x in as_list(outputs)]
            for x in found:
                x._keras_mask = output_mask
            return found
        return super()._finish(inputs, outputs, output_mask)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        found = self._base_config()
        found["function"], found["function_type"] = functions.describe_function(self.function)
        if callable(self._output_shape):
            shape = functions.describe_function(self._output_shape)
        else:
            shape = self._output_shape, "raw"
        found["output_shape"], found["output_shape_type"] = shape
        found["arguments"] = self.arguments
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        name = config.get("name")
        kind = config.pop("function_type")
        config["function"] = functions.find_function(config["function"], kind, name, custom_objects)
        shape_kind = config.pop("output_shape_type", "raw")
        shape = config.pop("output_shape", None)
        if shape_kind != "raw":
            role = f"{name}_output_shape"
            shape = functions.find_function(shape, shape_kind, role, custom_objects)
        for foreign in ("module", "output_shape_module"):
            config.pop(foreign, None)
        arguments = dict(config.get("arguments") or {})
        for key, value in arguments.items():
            if isinstance(value, dict) and value.get("type") == "ndarray":
                arguments[key] = np.array(value["value"])
        return cls(**{**config, "arguments": arguments, "output_shape": shape})


def _shapes(input_shape):
    return input_shape if isinstance(input_shape, list) else [input_shape]
