"""Names of TensorFlow that are others, types and enumerations, and settings without effect."""

import contextlib
import types

import torch

from ...dimensions import GraphShape
from . import VERSION, arrays, flow, numeric, system
from .values import convert, known

__all__ = ["ALIASES", "TYPES", "keras_export"]


@contextlib.contextmanager
def _scope(*args, **kwargs):
    """Changes nothing."""
    yield


def _nothing(*args, **kwargs):
    """Changes nothing."""


def keras_export(*paths, **settings):
    """A decorator that changes nothing."""
    return lambda function: function


def _dimension_value(dimension):
    """The size of a dimension, None if unknown."""
    return getattr(dimension, "value", dimension)


def _unknown_shape(rank=None, **kwargs):
    """A shape of which no size is known."""
    return GraphShape([None] * (rank if rank is not None else kwargs.get("ndims") or 0))


def _arg(function):
    def call(input, dimension=None, axis=None, output_type="int64"):
        return function(input, dimension if axis is None else axis, output_type)

    call.__doc__ = f"`{function.__name__}`, whose axis is called dimension."
    return call


def identity_n(input):
    """The tensors themselves."""
    return [arrays.identity(x) for x in input]


def switch_case(branch_index, branch_fns, default=None):
    """What the function at a number gives; the last one, or `default`, for other numbers."""
    pairs = dict(branch_fns) if not callable(branch_fns[0]) else dict(enumerate(branch_fns))
    default = default or pairs[max(pairs)]
    index = convert(branch_index)
    return flow.case([(numeric.equal(index, i), f) for i, f in pairs.items()], default)


def unravel_index(indices, dims):
    """The coordinates that flat numbers have in a shape."""
    rest, found = convert(indices), []
    for size in reversed(known(dims)):
        found.append(numeric.floormod(rest, size))
        rest = numeric.floordiv(rest, size)
    return torch.stack(found[::-1])


def _settings(name, **constants):
    """Settings to write, which have no effect, with their constants."""
    return type(name, (system.ConfigProto,), {**constants, "__doc__": "See `ConfigProto`."})


# Names of TensorFlow 0 and 1, and its own of later ones, with what has another name here.
ALIASES = {
    "arg_max": _arg(numeric.argmax),
    "arg_min": _arg(numeric.argmin),
    "batch_matmul": numeric.matmul,
    "colocate_with": _scope,
    "complex_abs": numeric.abs,
    "dimension_value": _dimension_value,
    "disable_eager_execution": _nothing,
    "disable_resource_variables": _nothing,
    "disable_tensor_equality": _nothing,
    "disable_v2_behavior": _nothing,
    "disable_v2_tensorshape": _nothing,
    "enable_resource_variables": _nothing,
    "identity_n": identity_n,
    "inv": numeric.reciprocal,
    "mul": numeric.multiply,
    "neg": numeric.negative,
    "op_scope": _scope,
    "pack": arrays.stack,
    "realdiv": numeric.truediv,
    "select": arrays.where,
    "sub": numeric.subtract,
    "switch_case": switch_case,
    "unknown_shape": _unknown_shape,
    "unpack": arrays.unstack,
    "unravel_index": unravel_index,
    "vectorized_map": flow.map_fn,
}
TYPES = {
    "AggregationMethod": types.SimpleNamespace(
        ADD_N=0, DEFAULT=0, EXPERIMENTAL_ACCUMULATE_N=2, EXPERIMENTAL_TREE=1
    ),
    "GraphOptions": system.ConfigProto,
    "OptimizerOptions": _settings("OptimizerOptions", L0=-1, L1=0, OFF=-1, ON_1=1, ON_2=2),
    "RunMetadata": system.ConfigProto,
    "RunOptions": _settings("RunOptions", NO_TRACE=0, SOFTWARE_TRACE=1, FULL_TRACE=3),
    "UnconnectedGradients": types.SimpleNamespace(NONE="none", ZERO="zero"),
    "VariableAggregation": types.SimpleNamespace(
        MEAN="mean", NONE="none", ONLY_FIRST_REPLICA="only_first_replica", SUM="sum"
    ),
    "VariableSynchronization": types.SimpleNamespace(
        AUTO="auto", NONE="none", ON_READ="on_read", ON_WRITE="on_write"
    ),
    "version": types.SimpleNamespace(VERSION=VERSION, GIT_VERSION=f"v{VERSION}"),
}
