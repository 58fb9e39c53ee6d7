"""Operations of TensorFlow that stand between the layers of tf.keras models, computed by torch.

tf.keras writes `tf.nn.relu(x) + y` into a file as layers called TFOpLambda, each with the name of a
function. Such a name means one of `OPERATIONS` and nothing else.
"""

import torch
import torch.nn.functional as F

from .. import backend as K
from ..backend.values import as_list
from ..engine.layer import Layer, layers

__all__ = ["OPERATIONS", "TFOperation", "express_operation", "translate_operation"]

KINDS = ("TFOpLambda", "SlicingOpLambda")
CONSTANT = "_CONSTANT_VALUE"


def translate_operation(described):
    """The description of an operation, the call's arguments moved into the layer's config.

    In tf.keras the call has the first argument, or a list of them, and a dictionary of the others,
    each of which may be a tensor: [layer name, node index, tensor index].
    """
    (call,) = described["inbound_nodes"]
    origins = []

    def argument(value):
        if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
            return {"ellipsis": True}
        if isinstance(value, list) and len(value) >= 3 and value[0] == CONSTANT:
            return value[2]
        is_origin = isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
        if is_origin and all(type(number) is int for number in value[1:3]):
            origins.append(value[:3])
            return {"tensor": len(origins) - 1}
        if isinstance(value, list):
            return [argument(item) for item in value]
        return {k: argument(v) for k, v in value.items()} if isinstance(value, dict) else value

    first = argument(call)
    others = call[3] if isinstance(call[0], str) else call[0][3]
    others = {name: argument(value) for name, value in others.items() if name != "name"}
    config = {**described["config"], "arguments": [first, others]}
    calls = [[[*origin, {}] for origin in origins]]
    return {**described, "class_name": "TFOperation", "config": config, "inbound_nodes": calls}


def express_operation(described):
    """The description of a `TFOperation` in tf.keras's words: undoes `translate_operation`."""
    config = dict(described["config"])
    first, others = config.pop("arguments")
    (call,) = described["inbound_nodes"]
    origins = [origin[:3] for origin in call]

    def argument(value):
        if isinstance(value, list):
            return [argument(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "ellipsis" in value:
            return {"class_name": "__ellipsis__"}
        if "tensor" in value:
            return origins[value["tensor"]]
        return {name: argument(item) for name, item in value.items()}

    others = argument(others)
    several = isinstance(first, list)
    values = first if several else [first]
    calls = [[*(argument(v) if isinstance(v, dict) else (CONSTANT, -1, v)), others] for v in values]
    kind = KINDS[config["function"] == "__operators__.getitem"]
    return {
        **described,
        "class_name": kind,
        "config": config,
        "inbound_nodes": [calls] if several else calls,
    }


class TFOperation(Layer):
    """The TensorFlow function called `function`; `arguments` say where its inputs belong."""

    def __init__(self, function, arguments, **kwargs):
        super().__init__(**kwargs)
        if function not in OPERATIONS:
            raise ValueError(
                f"Layer {self.name!r} is the TensorFlow operation tf.{function}, which is not one "
                f"of those that are known here: {', '.join(sorted(OPERATIONS))}."
            )
        self.function, self.arguments = function, arguments

    def call(self, inputs):
        """The operation, on tensors put in the places of the arguments."""
        tensors = as_list(inputs)

        def fill(value):
            if isinstance(value, list):
                return [fill(item) for item in value]
            if not isinstance(value, dict):
                return value
            if "tensor" in value:
                return tensors[value["tensor"]]
            if "ellipsis" in value:
                return ...
            return {name: fill(item) for name, item in value.items()}

        first, others = (fill(argument) for argument in self.arguments)
        try:
            return OPERATIONS[self.function](first, **others)
        except TypeError as error:
            raise ValueError(f"Layer {self.name!r}, tf.{self.function}: {error}") from error

    def get_config(self):
        """The function's name, and its arguments."""
        return {**self._base_config(), "function": self.function, "arguments": self.arguments}


layers.register(TFOperation)


def _reduction(function):
    def reduce(input_tensor, axis=None, keepdims=False):
        return function(input_tensor, axis=axis, keepdims=keepdims)

    return reduce


def _getitem(tensor, slice_spec):
    keys = [
        slice(key["start"], key["stop"], key["step"]) if isinstance(key, dict) else key
        for key in slice_spec
    ]
    return tensor[tuple(keys)]


def _matmul(a, b, transpose_a=False, transpose_b=False):
    a, b = (x.transpose(-1, -2) if t else x for x, t in ((a, transpose_a), (b, transpose_b)))
    return torch.matmul(a, b)


def _pad(tensor, paddings, mode="CONSTANT", constant_values=0):
    if mode.upper() != "CONSTANT":
        raise TypeError(f"padding by {mode!r} is not known here")
    return F.pad(tensor, [n for pair in reversed(paddings) for n in pair], value=constant_values)


def _resize(images, size, method="bilinear", antialias=False):
    modes = {"bilinear": "bilinear", "nearest": "nearest-exact"}
    if method not in modes or antialias:
        raise TypeError(f"resizing by {method!r}, antialias={antialias}, is not known here")
    resized = F.interpolate(torch.permute(images, (0, 3, 1, 2)), tuple(size), mode=modes[method])
    return torch.permute(resized, (0, 2, 3, 1))


def _split(value, num_or_size_splits, axis=0):
    size = value.shape[axis]
    if isinstance(num_or_size_splits, int):
        return list(torch.split(value, size // num_or_size_splits, dim=axis))
    return list(torch.split(value, num_or_size_splits, dim=axis))


def _squeeze(input, axis=None):
    axes = [i for i, n in enumerate(input.shape) if n == 1] if axis is None else as_list(axis)
    return torch.squeeze(input, tuple(axes))


def _transpose(a, perm=None, conjugate=False):
    return torch.permute(a, tuple(perm or reversed(range(len(a.shape)))))


# By the names of TensorFlow, with its names of arguments.
OPERATIONS = {
    "__operators__.add": lambda x, y: x + y,
    "__operators__.getitem": _getitem,
    "cast": lambda x, dtype: K.cast(x, dtype),
    "clip_by_value": lambda t, clip_value_min, clip_value_max: torch.clamp(
        t, clip_value_min, clip_value_max
    ),
    "compat.v1.pad": _pad,
    "compat.v1.squeeze": _squeeze,
    "compat.v1.transpose": _transpose,
    "concat": lambda values, axis: torch.cat(values, dim=axis),
    "expand_dims": lambda input, axis: torch.unsqueeze(input, axis),
    "identity": lambda input: input,
    "image.resize": _resize,
    "linalg.matmul": _matmul,
    "math.abs": lambda x: torch.abs(x),
    "math.add": lambda x, y: x + y,
    "math.argmax": lambda input, axis=0: torch.argmax(input, dim=axis),
    "math.divide": lambda x, y: x / y,
    "math.equal": lambda x, y: x == y,
    "math.exp": lambda x: torch.exp(x),
    "math.greater": lambda x, y: x > y,
    "math.greater_equal": lambda x, y: x >= y,
    "math.l2_normalize": lambda x, axis=None, epsilon=1e-12: (
        x * torch.rsqrt(torch.clamp_min(K.sum(x * x, axis, keepdims=True), epsilon))
    ),
    "math.less": lambda x, y: x < y,
    "math.less_equal": lambda x, y: x <= y,
    "math.log": lambda x: torch.log(x),
    "math.maximum": lambda x, y: K.maximum(x, y),
    "math.minimum": lambda x, y: K.minimum(x, y),
    "math.multiply": lambda x, y: x * y,
    "math.negative": lambda x: -x,
    "math.pow": lambda x, y: x**y,
    "math.reduce_max": _reduction(K.max),
    "math.reduce_mean": _reduction(K.mean),
    "math.reduce_min": _reduction(K.min),
    "math.reduce_prod": _reduction(K.prod),
    "math.reduce_sum": _reduction(K.sum),
    "math.rsqrt": lambda x: torch.rsqrt(x),
    "math.sigmoid": lambda x: torch.sigmoid(x),
    "math.softplus": lambda features: F.softplus(features),
    "math.sqrt": lambda x: torch.sqrt(x),
    "math.square": lambda x: torch.square(x),
    "math.squared_difference": lambda x, y: torch.square(x - y),
    "math.subtract": lambda x, y: x - y,
    "math.tanh": lambda x: torch.tanh(x),
    "math.truediv": lambda x, y: x / y,
    "nn.elu": lambda features: F.elu(features),
    "nn.gelu": lambda features, approximate=False: F.gelu(
        features, approximate="tanh" if approximate else "none"
    ),
    "nn.leaky_relu": lambda features, alpha=0.2: F.leaky_relu(features, alpha),
    "nn.relu": lambda features: torch.relu(features),
    "nn.relu6": lambda features: F.relu6(features),
    "nn.selu": lambda features: F.selu(features),
    "nn.sigmoid": lambda x: torch.sigmoid(x),
    "nn.silu": lambda features, beta=1.0: features * torch.sigmoid(beta * features),
    "nn.softmax": lambda logits, axis=-1: torch.softmax(logits, dim=axis),
    "nn.tanh": lambda x: torch.tanh(x),
    "ones_like": lambda input: torch.ones_like(input),
    "pad": _pad,
    "reshape": lambda tensor, shape: torch.reshape(tensor, tuple(shape)),
    "split": _split,
    "squeeze": _squeeze,
    "stack": lambda values, axis=0: torch.stack(values, dim=axis),
    "stop_gradient": lambda input: K.stop_gradient(input),
    "tile": lambda input, multiples: torch.tile(input, tuple(multiples)),
    "transpose": _transpose,
    "where": lambda condition, x, y: torch.where(condition, x, y),
    "zeros_like": lambda input: torch.zeros_like(input),
}
