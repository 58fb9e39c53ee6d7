"""Names of TensorFlow that are others, types and enumerations, and settings without effect."""

import contextlib
import types

import numpy as np
import torch

from ...dimensions import GraphShape
from ...symbolic import Symbolic
from . import VERSION, arrays, flow, numeric, scopes, system, variables
from .values import apply, convert, known, pair

__all__ = ["ALIASES", "BITWISE", "TYPES", "keras_export", "shape_type_conversion"]


@contextlib.contextmanager
def _scope(*args, **kwargs):
    """Changes nothing."""
    yield


def _nothing(*args, **kwargs):
    """Changes nothing."""


def keras_export(*paths, **settings):
    """A decorator that changes nothing."""
    return lambda function: function


def shape_type_conversion(function):
    """A decorator of methods that take shapes: they get tuples, as all do here."""
    return function


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


def _pairs_hold(name, holds, words):
    def test(x):
        flat = torch.flatten(convert(x))
        return torch.all(holds(flat[1:], flat[:-1]))

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"Whether each element is {words} the one before it."
    return test


is_non_decreasing = _pairs_hold("is_non_decreasing", torch.ge, "at least")
is_strictly_increasing = _pairs_hold("is_strictly_increasing", torch.gt, "greater than")


def add_to_collections(names, value):
    """Adds to several collections."""
    for name in [names] if isinstance(names, str) else names:
        scopes.add_to_collection(name, value)


def get_static_value(tensor, partial=False):
    """The value of a tensor that does not depend on what is fed, as an array; else None."""
    value = known(tensor)
    return None if isinstance(value, Symbolic) else np.asarray(value)


def _bitwise(function):
    def bitwise(x, y):
        return apply(function, *pair(x, y))

    bitwise.__doc__ = f"`torch.{function.__name__}`."
    return bitwise


def invert(x):
    """The numbers with all bits turned."""
    return apply(torch.bitwise_not, convert(x))


BITWISE = {
    "bitwise_and": _bitwise(torch.bitwise_and),
    "bitwise_or": _bitwise(torch.bitwise_or),
    "bitwise_xor": _bitwise(torch.bitwise_xor),
    "invert": invert,
    "left_shift": _bitwise(torch.bitwise_left_shift),
    "right_shift": _bitwise(torch.bitwise_right_shift),
}


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
    "add_to_collections": add_to_collections,
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
    "get_static_value": get_static_value,
    "identity_n": identity_n,
    "initialize_local_variables": variables.variables_initializer,
    "initialize_variables": variables.variables_initializer,
    "inv": numeric.reciprocal,
    "is_non_decreasing": is_non_decreasing,
    "is_strictly_increasing": is_strictly_increasing,
    "mul": numeric.multiply,
    "neg": numeric.negative,
    "no_regularizer": None,
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
