"""The names of the facade: {table: {name: what it is}}."""

import functools
import sys
import types

import torch

from ... import dimensions
from ...backend import own_gradients, session
from ...dtypes import DType, torch_dtype
from ...optimizers import graph
from . import (
    VERSION,
    arrays,
    augmentation,
    blocks,
    ctc,
    derivatives,
    flow,
    image,
    matrices,
    nn,
    numeric,
    python_functions,
    segments,
    sets,
    sparse,
    spatial,
    spectra,
    stateless,
    summary,
    system,
    variables,
)
from .elsewhere import advice
from .program_table import PROGRAM
from .values import lenient

__all__ = ["TABLES", "look_up", "names"]


def _of(module, *words):
    """Names that a module lists: all of them, or these, a word being NAME or NAME=ORIGINAL."""
    pairs = (word.partition("=") for word in words or module.__all__)
    return {name: getattr(module, original or name) for name, _, original in pairs}


def _get_default_graph():
    """The graph that everything belongs to."""
    return session.current.graph


def _get_default_session():
    """A session."""
    return session.current


def _reset_default_graph():
    """There is no graph to reset; names start again at 1."""
    summary.forget_all()
    session.clear_session()


def _as_text(value, encoding="utf-8"):
    return value.decode(encoding) if isinstance(value, bytes) else value


def _as_bytes(value, encoding="utf-8"):
    return value.encode(encoding) if isinstance(value, str) else value


def _as_dtype(type_value):
    """The dtype that a name, or a NumPy dtype, means."""
    return DType.of(torch_dtype(type_value))


_DTYPES = {
    name: DType.of(getattr(torch, name))
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
    "multinomial",
    "gamma=random_gamma",
    "poisson=random_poisson",
    "shuffle=random_shuffle",
    "truncated_normal",
    "uniform=random_uniform",
)

_RANDOM |= _of(stateless)

_SPARSE = _of(sparse, *(n for n in sparse.__all__ if n not in ("coo", "from_dense")))
_FOURIER = _of(spectra, *(n for n in spectra.__all__ if "fft" in n and "shift" not in n))
_FOURIER |= _of(spectra, "angle", "complex", "conj", "imag", "real")

TABLES = {
    "root": {
        **_of(numeric),
        **_of(arrays),
        **_of(flow),
        **_of(variables),
        **_of(derivatives),
        **_of(system),
        **_of(blocks),
        **_of(segments),
        **_SPARSE,
        **_of(ctc, "edit_distance"),
        **_FOURIER,
        **_of(matrices),
        **_of(python_functions),
        **_DTYPES,
        "as_dtype": _as_dtype,
        "device_scope": system.device,
        "DType": DType,
        "Dimension": dimensions.Dimension,
        "double": _DTYPES["float64"],
        "random_crop": augmentation.random_crop,
        "extract_image_patches": image.extract_image_patches,
        "floor_div": numeric.floordiv,
        "tensor_scatter_nd_add": segments.tensor_scatter_add,
        "tensor_scatter_nd_sub": segments.tensor_scatter_sub,
        "tensor_scatter_nd_update": segments.tensor_scatter_update,
        "get_default_graph": _get_default_graph,
        "get_default_session": _get_default_session,
        "Graph": session.Graph,
        "half": _DTYPES["float16"],
        "InteractiveSession": session.Session,
        "mod": numeric.floormod,
        "newaxis": None,
        "RegisterGradient": own_gradients.RegisterGradient,
        "reset_default_graph": _reset_default_graph,
        "Session": session.Session,
        "TensorShape": dimensions.GraphShape,
        "VERSION": VERSION,
    },
    "compat": {"as_bytes": _as_bytes, "as_str": _as_text, "as_text": _as_text},
    "config": system.config,
    "device_lib": system.device_lib,
    "debugging": {
        **_of(flow, "Assert"),
        **_of(numeric, "is_finite", "is_inf", "is_nan"),
    },
    "dtypes": {
        **_DTYPES,
        "DType": DType,
        "as_dtype": _as_dtype,
        "cast": arrays.cast,
        "double": _DTYPES["float64"],
        "half": _DTYPES["float16"],
        "saturate_cast": numeric.saturate_cast,
        "string": "string",
    },
    "gfile": system.gfile,
    "image": {
        **_of(image),
        **_of(augmentation, *(n for n in augmentation.__all__ if n != "transpose_image")),
        "transpose": augmentation.transpose_image,
    },
    "initializers": _of(
        variables,
        "global_variables=global_variables_initializer",
        "local_variables=local_variables_initializer",
        "tables_initializer",
        "variables=variables_initializer",
    ),
    "io": {},
    "linalg": {
        **_of(numeric, "einsum", "global_norm", "matmul", "norm", "tensordot"),
        **_of(arrays, "band_part=matrix_band_part", "eye"),
        **_of(matrices, "cholesky", "cholesky_solve", "cross", "expm", "logdet", "matvec"),
        **_of(matrices, "diag=matrix_diag", "diag_part=matrix_diag_part", "qr", "slogdet", "svd"),
        **_of(matrices, "det=matrix_determinant", "eigh=self_adjoint_eig"),
        **_of(matrices, "eigvalsh=self_adjoint_eigvals", "inv=matrix_inverse"),
        **_of(matrices, "lstsq=matrix_solve_ls", "set_diag=matrix_set_diag", "solve=matrix_solve"),
        **_of(matrices, "tensor_diag=diag", "tensor_diag_part=diag_part", "trace"),
        **_of(matrices, "transpose=matrix_transpose", "triangular_solve=matrix_triangular_solve"),
        **_of(matrices, "adjoint", "matrix_rank", "matrix_transpose", "normalize", "pinv"),
        "l2_normalize": nn.l2_normalize,
    },
    "manip": {
        **_of(arrays, "gather_nd", "reshape", "reverse", "roll", "tile"),
        **_of(segments, "scatter_nd"),
        **_of(blocks, "batch_to_space_nd", "space_to_batch_nd"),
    },
    "logging": system.logging,
    "math": {
        **_of(numeric),
        "divide_no_nan": numeric.div_no_nan,
        "floor_div": numeric.floordiv,
        "mod": numeric.floormod,
        **_of(segments, *(n for n in segments.__all__ if "segment" in n)),
        **_of(segments, "bincount", "confusion_matrix", "invert_permutation"),
        **_of(spectra, "angle", "conj", "imag", "real"),
        "reciprocal_no_nan": numeric.reciprocal_no_nan,
        **_of(
            nn,
            "in_top_k",
            "l2_normalize",
            "log_softmax",
            "softmax",
            "softsign",
            "top_k",
            "zero_fraction",
        ),
    },
    "nn": {
        **_of(nn),
        **_of(spatial),
        **_of(blocks, "depth_to_space", "space_to_depth"),
        **_of(ctc, "ctc_beam_search_decoder", "ctc_greedy_decoder", "ctc_loss"),
        "depthwise_conv2d_native": spatial.depthwise_conv2d,
        "embedding_lookup_sparse": sparse.embedding_lookup_sparse,
    },
    "gradients": {"_relu_grad": nn.relu_grad, "relu_grad": nn.relu_grad},
    "python.framework.ops": {"_gradient_registry": own_gradients.registry},
    "random": _RANDOM,
    "sets": {**_of(sets, "set_intersection", "intersection=set_intersection")},
    "signal": _of(spectra),
    "sparse": {
        **_of(sparse, "SparseTensor", "from_dense", "add=sparse_add"),
        **_of(sparse, "reduce_sum=sparse_reduce_sum", "reduce_max=sparse_reduce_max"),
        **_of(sparse, "reorder=sparse_reorder", "retain=sparse_retain", "softmax=sparse_softmax"),
        **_of(sparse, "segment_mean=sparse_segment_mean", "segment_sum=sparse_segment_sum"),
        **_of(sparse, "sparse_dense_matmul=sparse_tensor_dense_matmul"),
        **_of(sparse, "reset_shape=sparse_reset_shape", "transpose=sparse_transpose"),
        **_of(sparse, "to_dense=sparse_tensor_to_dense", "matmul=sparse_tensor_dense_matmul"),
    },
    "summary": _of(summary, "FileWriter", "histogram", "image", "merge", "merge_all", "scalar"),
    "test": system.test,
    "train": {
        **_of(graph),
        "Optimizer": graph.GraphOptimizer,
    },
}

for _name, _table in PROGRAM.items():
    TABLES[_name] = {**TABLES.get(_name, {}), **_table}

# What needs a package that may not be installed, made when it is asked for.
_LATE = {
    (table, "Summary"): lambda: summary.summary_types()[0].Summary for table in ("root", "summary")
}


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
    path = f"{module.__name__}.{name}".partition(".")[2]
    raise AttributeError(
        f"`tf.{path}` is not among what kforge offers of TensorFlow; "
        f"`python -m kforge.compat.tensorflow` lists that.{advice(path)} Functions of "
        "`keras.backend` and of torch take the same tensors. KFORGE_TENSORFLOW=real gives you "
        "TensorFlow itself, whose tensors kforge cannot take."
    )


@functools.cache
def _wrapped(function):
    return lenient(function)


def _offered(value):
    is_function = isinstance(value, (types.FunctionType, functools.partial))
    return _wrapped(value) if is_function else value
