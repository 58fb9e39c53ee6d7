"""The names of the facade: {table: {name: what it is}}."""

import functools
import sys
import types

import torch

from ... import dimensions, symbolic
from ...backend import session
from ...optimizers import graph
from . import (
    VERSION,
    arrays,
    flow,
    image,
    matrices,
    nn,
    numeric,
    python_functions,
    sets,
    summary,
    system,
    variables,
)
from .values import lenient

__all__ = ["TABLES", "look_up", "names"]


def _of(module, *words):
    """Names that a module lists: all of them, or these, a word being NAME or NAME=ORIGINAL."""
    pairs = (word.partition("=") for word in words or module.__all__)
    return {name: getattr(module, original or name) for name, _, original in pairs}


def _get_default_graph():
    """The graph that everything belongs to."""
    return session._session.graph


def _get_default_session():
    """A session."""
    return session._session


def _reset_default_graph():
    """There is no graph to reset; names start again at 1."""
    summary.forget_all()
    session.clear_session()


def _no_effect():
    """Changes nothing: operations are recorded, as in TensorFlow 1."""


def _as_text(value, encoding="utf-8"):
    return value.decode(encoding) if isinstance(value, bytes) else value


def _as_bytes(value, encoding="utf-8"):
    return value.encode(encoding) if isinstance(value, str) else value


_DTYPES = {
    name: getattr(torch, name)
    for name in (
        "bfloat16 bool complex64 complex128 float16 float32 float64 int8 int16 int32 int64 uint8"
    ).split()
}

_RANDOM = _of(
    variables,
    "categorical=multinomial",
    "normal=random_normal",
    "set_random_seed",
    "set_seed=set_random_seed",
    "shuffle=random_shuffle",
    "truncated_normal",
    "uniform=random_uniform",
)

TABLES = {
    "root": {
        **_of(numeric),
        **_of(arrays),
        **_of(flow),
        **_of(variables),
        **_of(system),
        **_of(sets, "sparse_tensor_to_dense"),
        **_of(matrices),
        **_of(python_functions),
        **_DTYPES,
        "as_dtype": symbolic.torch_dtype,
        "device_scope": system.device,
        "Dimension": dimensions.Dimension,
        "disable_eager_execution": _no_effect,
        "disable_v2_behavior": _no_effect,
        "double": torch.float64,
        "extract_image_patches": image.extract_image_patches,
        "floor_div": numeric.floordiv,
        "get_default_graph": _get_default_graph,
        "get_default_session": _get_default_session,
        "Graph": session.Graph,
        "half": torch.float16,
        "InteractiveSession": session.Session,
        "mod": numeric.floormod,
        "newaxis": None,
        "reset_default_graph": _reset_default_graph,
        "Session": session.Session,
        "TensorShape": dimensions.GraphShape,
        "VERSION": VERSION,
    },
    "compat": {"as_bytes": _as_bytes, "as_str": _as_text, "as_text": _as_text},
    "config": system.config,
    "device_lib": system.device_lib,
    "dtypes": {**_DTYPES, "as_dtype": symbolic.torch_dtype, "cast": arrays.cast},
    "gfile": system.gfile,
    "image": _of(image),
    "io": {},
    "linalg": {
        **_of(numeric, "einsum", "matmul", "norm", "tensordot"),
        **_of(arrays, "band_part=matrix_band_part", "eye"),
        **_of(matrices, "diag=matrix_diag", "diag_part=matrix_diag_part", "trace"),
        **_of(matrices, "det=matrix_determinant", "inv=matrix_inverse"),
        "l2_normalize": nn.l2_normalize,
    },
    "logging": system.logging,
    "math": {
        **_of(numeric),
        "divide_no_nan": numeric.div_no_nan,
        "floor_div": numeric.floordiv,
        "mod": numeric.floormod,
        "unsorted_segment_sum": arrays.unsorted_segment_sum,
        **_of(nn, "in_top_k", "l2_normalize", "softmax", "softsign", "top_k", "zero_fraction"),
    },
    "nn": {**_of(nn), **_of(arrays, "depth_to_space", "space_to_depth")},
    "random": _RANDOM,
    "sets": {**_of(sets, "set_intersection", "intersection=set_intersection")},
    "sparse": {"to_dense": sets.sparse_tensor_to_dense},
    "summary": _of(summary, "FileWriter", "merge", "merge_all", "scalar"),
    "test": system.test,
    "train": {**_of(graph), "Optimizer": graph.GraphOptimizer},
}

# What needs a package that may not be installed, made when it is asked for.
_LATE = {("root", "Summary"): lambda: summary.summary_types()[0].Summary}


def names(module):
    """All names that a module of the facade offers."""
    found = {name for table in module._tables for name in TABLES[table]}
    return found | {name for table, name in _LATE if table in module._tables}


def look_up(module, name):
    """What `name` is in a module of the facade; `AttributeError` if it is nothing."""
    for table in module._tables:
        if name in TABLES[table]:
            return _offered(TABLES[table][name])
        if (table, name) in _LATE:
            return _LATE[table, name]()
    if module.__name__ == "tensorflow" and name == "keras":
        return sys.modules["keras"]
    path = module.__name__.replace("tensorflow", "tf", 1)
    raise AttributeError(
        f"`{path}.{name}` is not among what kforge offers of TensorFlow; "
        "`python -m kforge.compat.tensorflow` lists that. Functions of `keras.backend` and of "
        "torch take the same tensors. KFORGE_TENSORFLOW=real gives you TensorFlow itself, whose "
        "tensors kforge cannot take."
    )


@functools.cache
def _wrapped(function):
    return lenient(function)


def _offered(value):
    is_function = isinstance(value, (types.FunctionType, functools.partial))
    return _wrapped(value) if is_function else value
