"""Variables, constants and placeholders: making them, looking at them, changing them."""

import builtins
import contextlib
import math

import numpy as np
import torch

from .. import config, lowering, operations, symbolic
from ..config import ThreadStack
from ..devices import current_device
from ..dtypes import dtype_name, torch_dtype
from ..placement import gives_sizes
from ..symbolic import KerasTensor, Symbolic, as_tensor
from ..variable import Variable, record_update, to_numpy, updated
from .values import apply, as_list, factory, mixed_shape, scalar_or_array, sizes, tensor

__all__ = [
    "batch_get_value",
    "batch_set_value",
    "cast",
    "constant",
    "control_dependencies",
    "count_params",
    "dtype",
    "eval",
    "eye",
    "get_value",
    "get_variable_shape",
    "identity",
    "int_shape",
    "is_keras_tensor",
    "is_placeholder",
    "is_sparse",
    "is_symbolic",
    "is_tensor",
    "is_variable",
    "moving_average_update",
    "ndim",
    "ones",
    "ones_like",
    "placeholder",
    "set_value",
    "shape",
    "size",
    "stop_gradient",
    "to_dense",
    "update",
    "update_add",
    "update_sub",
    "variable",
    "zeros",
    "zeros_like",
]

# ---- making them ------------------------------------------------------------------------------


def variable(value, dtype=None, name=None, constraint=None):
    """A variable with an initial value: an array, a number, or a tensor (evaluated now).

    A SciPy sparse matrix gives a constant sparse tensor, as in Keras.
    """
    if hasattr(value, "tocoo"):
        return symbolic.constant(sparse(value, torch_dtype(dtype)), name or "SparseTensor")
    if isinstance(value, KerasTensor):
        value = _run(value)
    elif isinstance(value, Variable):
        value = value.view
    value = as_tensor(value, torch_dtype(dtype)).to(torch_dtype(dtype))
    return Variable(value, config.scoped(name or "Variable"), constraint=constraint)


def sparse(matrix, dtype):
    """A torch sparse tensor of a SciPy sparse matrix."""
    matrix = matrix.tocoo()
    indices = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype("int64"))
    values, shape = as_tensor(matrix.data, dtype), matrix.shape
    made = torch.sparse_coo_tensor(indices, values, shape, check_invariants=True)
    return made.coalesce().to(current_device())


def constant(value, dtype=None, shape=None, name=None):
    """A tensor with a fixed value, `floatx` unless `dtype` says otherwise.

    With `shape`, a single number fills it; else the values are laid out in it.
    """
    value = as_tensor(value, torch_dtype(dtype))
    if shape is not None:
        value = value.expand(tuple(shape)) if value.numel() == 1 else value.reshape(tuple(shape))
    if isinstance(value, Symbolic):  # made of symbolic tensors
        return value
    value = value.to(current_device(), torch_dtype(dtype)).contiguous()
    return value if symbolic.is_executing() else symbolic.constant(value, name or "Const")


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """A tensor to be fed; None in `shape` is an unknown size, `ndim` means so many of those."""
    if shape is None:
        shape = (None,) * (ndim or 0)
    if name is None:
        number = config.get_uid("Placeholder")
        name = "Placeholder" if number == 1 else f"Placeholder_{number - 1}"
    made = symbolic.placeholder(tuple(shape), torch_dtype(dtype), name)
    if sparse:
        made.probes = tuple(_sparse_probe(p) for p in made.probes)
    return made


def _sparse_probe(probe):
    return torch.empty(probe.shape, dtype=probe.dtype, layout=torch.sparse_coo, device="meta")


def zeros(shape, dtype=None, name=None):
    """A variable of zeros; where the shape is not fully known, a tensor."""
    return _filled(shape, 0, dtype, name)


def ones(shape, dtype=None, name=None):
    """A variable of ones; where the shape is not fully known, a tensor."""
    return _filled(shape, 1, dtype, name)


def _filled(shape, number, dtype, name):
    shape, dtype = mixed_shape(shape), torch_dtype(dtype)
    if not isinstance(shape, list) or not builtins.all(isinstance(s, int) and s for s in shape):
        made = factory(_full, shape, number, dtype, current_device(), dtype=dtype)
        if not isinstance(made, KerasTensor) or not builtins.all(made.shape):
            return made
        shape = made.shape  # made of tensors, and known
    return variable(torch.full(tuple(shape), number, dtype=dtype), dtype, name)


def _full(shape, number, dtype, device):
    return torch.full(sizes(shape), number, dtype=dtype, device=device)


def eye(size, dtype=None, name=None):
    """A variable with an identity matrix; `size` is a number or (rows, columns)."""
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return variable(torch.eye(rows, columns), dtype, name)


def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape of `x`; of the default float type, also if `x` has another."""
    return torch.zeros_like(tensor(x), dtype=torch_dtype(dtype))


def ones_like(x, dtype=None, name=None):
    """Ones in the shape of `x`; of the default float type, also if `x` has another."""
    return torch.ones_like(tensor(x), dtype=torch_dtype(dtype))


_ties = ThreadStack()  # for each `control_dependencies` around, its updates


@contextlib.contextmanager
def control_dependencies(control_inputs):
    """Within this context, the updates in `control_inputs` come before.

    What `K.identity` and changes of variables give carries them, and the variables that they
    change read as changed.
    """
    before = [x for x in as_list(control_inputs) if isinstance(x, KerasTensor)]
    _ties.stack.append(before)
    try:
        with symbolic.substituting(updated(operations.changes(before))):
            yield
    finally:
        _ties.stack.pop()


def tied(x):
    """`x`, carrying the updates that come before (see `control_dependencies`)."""
    updates = [u for before in _ties.stack for u in before]
    return operations.after(tensor(x), updates) if updates and not symbolic.is_executing() else x


def identity(x, name=None):
    """A tensor of its own with the values of `x`."""
    x = tensor(x)
    twin = tied(x.view_as(x))
    if name is not None and isinstance(twin, KerasTensor):
        twin = twin.alias(name)
    return twin


def stop_gradient(variables):
    """The value, through which no gradient flows; a list of them for a list."""
    if isinstance(variables, (list, tuple)):
        return [stop_gradient(v) for v in variables]
    return tensor(variables).detach()


def cast(x, dtype):
    """`x` in another dtype: a name such as "float32", or a NumPy or torch dtype."""
    x, dtype = tensor(x), torch_dtype(dtype)
    return x if x.dtype == dtype else x.to(dtype)


# ---- looking at them --------------------------------------------------------------------------


def is_tensor(x):
    """Whether `x` is a symbolic tensor, a variable or a torch tensor."""
    return isinstance(x, (Symbolic, torch.Tensor))


def is_symbolic(x):
    """Whether `x` is a symbolic tensor or a variable."""
    return isinstance(x, Symbolic)


def is_variable(x):
    """Whether `x` is a variable."""
    return isinstance(x, Variable)


def is_keras_tensor(x):
    """Whether `x` came out of a layer or of `Input`; `ValueError` if it is no tensor at all."""
    if not is_tensor(x):
        raise ValueError(
            f"Unexpectedly found an instance of type `{type(x)}`. "
            "Expected a symbolic tensor instance."
        )
    return getattr(x, "_keras_history", None) is not None


def is_placeholder(x):
    """Whether `x` has to be fed."""
    return isinstance(x, KerasTensor) and x.op.func is symbolic.placeholder


def is_sparse(tensor):
    """Whether `tensor` is sparse."""
    if isinstance(tensor, KerasTensor):
        tensor = tensor.probes[0]
    return isinstance(tensor, torch.Tensor) and tensor.is_sparse


def to_dense(tensor):
    """`tensor`, dense if it was sparse."""
    return apply(_to_dense, tensor) if is_sparse(tensor) else tensor


def _to_dense(x):
    return torch.empty(x.shape, dtype=x.dtype, device="meta") if x.is_meta else x.to_dense()


def int_shape(x):
    """The static shape: a tuple of int, None where a size is unknown."""
    return tuple(x.shape) if is_tensor(x) else np.shape(x)


get_variable_shape = int_shape


def shape(x):
    """The shape as an int32 tensor, known when the batch is."""
    return apply(_shape, tensor(x))


@gives_sizes
def _shape(x):
    return torch.tensor(x.shape, dtype=torch.int32)


def size(x, name=None):
    """The number of elements, as an int32 tensor."""
    return apply(_size, tensor(x))


@gives_sizes
def _size(x):
    return torch.tensor(x.numel()).to(torch.int32)


def ndim(x):
    """The number of dimensions."""
    return len(int_shape(x))


def dtype(x):
    """The dtype as a string, such as "float32"."""
    return dtype_name(tensor(x).dtype)


def count_params(x):
    """The number of elements, from the static shape."""
    return math.prod(int_shape(x))


# ---- values -----------------------------------------------------------------------------------


def _run(x):
    return lowering.lower([x]).run([])[0]


def eval(x):
    """The value of a tensor that needs nothing fed, as NumPy."""
    if isinstance(x, KerasTensor):
        x = _run(x)
    elif isinstance(x, Variable):
        x = x.view
    if isinstance(x, torch.Tensor):
        x = to_numpy(x.to_dense() if x.is_sparse else x)
    return scalar_or_array(np.asarray(x))


def get_value(x):
    """The value of a variable, as NumPy."""
    return eval(x) if is_tensor(x) else x


def batch_get_value(ops):
    """The values of several variables."""
    return [get_value(x) for x in ops]


def set_value(x, value):
    """Sets the value of a variable."""
    if not isinstance(x, Variable):
        raise TypeError(f"`K.set_value` sets variables; got {x!r}.")
    x.assign(value)


def batch_set_value(tuples):
    """Sets the values of several variables, given as pairs (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


# ---- changes ----------------------------------------------------------------------------------


def update(x, new_x):
    """The change of a variable to `new_x`."""
    return record_update("assign", x, tied(new_x))


def update_add(x, increment):
    """The change of a variable by `increment`."""
    return record_update("add", x, tied(increment))


def update_sub(x, decrement):
    """The change of a variable by minus `decrement`."""
    return record_update("sub", x, tied(decrement))


def moving_average_update(x, value, momentum):
    """The change of a variable to ``x * momentum + value * (1 - momentum)``."""
    return record_update("lerp", x, value, 1.0 - momentum)
