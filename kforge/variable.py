"""Variables: handles in Keras's layout over parameters stored in torch's.

Outside execution an operation on a handle is recorded, as Keras does; inside it runs on `view`,
a differentiable zero-copy view of `native`, the tensor that torch's kernels take.
"""

import contextlib
import copy
import itertools
import types
import weakref

import numpy as np
import torch

from .config import ThreadStack
from .devices import current_device
from .dimensions import TensorShape
from .dtypes import dtype_name
from .symbolic import (
    KerasTensor,
    Op,
    Symbolic,
    as_tensor,
    constant,
    is_executing,
    is_trying,
    record,
    value_of,
)

__all__ = [
    "GateOrder",
    "Permuted",
    "Variable",
    "all_variables",
    "as_numpy",
    "as_symbolic",
    "collecting",
    "forget_variables",
    "in_layout",
    "is_update",
    "pending_change",
    "record_update",
    "to_numpy",
    "updated",
]


class Permuted:
    """A layout whose axes are torch's in another order: ``keras = native.permute(order)``.

    With `memory_format`, the torch tensor is kept in that order of memory.
    """

    is_view = True

    def __init__(self, *order, memory_format=torch.contiguous_format):
        self.order = order
        self.inverse = tuple(int(i) for i in np.argsort(order))
        self.memory_format = memory_format

    def to_keras(self, native):
        """The view in Keras's layout."""
        return torch.permute(native, self.order)

    def to_torch(self, value):
        """The tensor in torch's layout."""
        return torch.permute(value, self.inverse)

    def store(self, value):
        """A tensor in torch's layout with memory of its own."""
        # A clone has the strides that torch's kernels ask for, also along axes of size 1.
        return self.to_torch(value).clone(memory_format=self.memory_format)


class GateOrder:
    """A layout whose last axis holds blocks of equal size, for torch in another order.

    ``order[i]`` is Keras's position of torch's block i. Matrices are transposed as well, (in, out)
    to (out, in); with `transpose=False`, biases of any rank keep their axes.
    """

    is_view = False

    def __init__(self, *order, transpose=True):
        self.blocks = order
        self.inverse = tuple(int(i) for i in np.argsort(order))
        self.transpose = transpose

    @staticmethod
    def _reorder(value, order):
        blocks = torch.chunk(value, len(order), -1)
        return torch.cat([blocks[i] for i in order], -1)

    def to_keras(self, native):
        """The value in Keras's layout: a differentiable copy."""
        value = native.transpose(0, 1) if self.transpose else native
        return self._reorder(value, self.inverse)

    def to_torch(self, value):
        """The tensor in torch's layout: a differentiable copy."""
        value = self._reorder(value, self.blocks)
        return value.transpose(0, 1) if self.transpose else value

    def store(self, value):
        """A tensor in torch's layout with memory of its own."""
        return self.to_torch(value).contiguous()


_numbers = itertools.count()
_alive = weakref.WeakValueDictionary()


def all_variables():
    """Every variable that there is, in the order in which they were made."""
    return list(_alive.values())


def forget_variables():
    """What was made so far is not among `all_variables` any more."""
    _alive.clear()


class Variable(Symbolic):
    """A value that changes: weights, moving statistics, optimizer state.

    `native` is the tensor in torch's layout: a parameter if `trainable` and floating, else a
    plain tensor. `constraint` is applied by optimizers after each update. `initial`, of a layer's
    weight, gives a first value.
    """

    initial = None

    def __init__(
        self, value, name="Variable", trainable=True, layout=None, constraint=None, device=None
    ):
        value = as_tensor(value).detach().to(device or current_device())
        value = layout.store(value) if layout is not None else value.clone()
        if trainable and value.dtype.is_floating_point:
            value = torch.nn.Parameter(value)
        value.keras_name = name  # for generated code
        self.native, self.layout = value, layout
        self.trainable, self.constraint = trainable, constraint
        self.name = f"{name}:0"
        self._meta = None
        self._uses_learning_phase = False
        _alive[next(_numbers)] = self

    @property
    def view(self):
        """The value in Keras's layout: shares memory and gradients with `native`."""
        return self.native if self.layout is None else self.layout.to_keras(self.native)

    @property
    def meta(self):
        """A tensor without storage, for shape inference."""
        if self._meta is None or self._meta.dtype != self.native.dtype:
            self._meta = self.view.detach().to("meta")
        return self._meta

    @property
    def shape(self):
        """Shape in Keras's layout."""
        return TensorShape(self.meta.shape)

    @property
    def _keras_shape(self):
        return tuple(self.meta.shape)

    @property
    def torch_dtype(self):
        """The torch dtype."""
        return self.native.dtype

    @property
    def device(self):
        """Where the value is."""
        return self.native.device

    @property
    def op(self):
        """What has the name alone, as an operation of TensorFlow: ``variable.op.name``."""
        return types.SimpleNamespace(name=self.name[:-2], type="VarHandleOp")

    def numpy(self):
        """A copy of the value, in Keras's layout."""
        return to_numpy(self.view)

    def assign(self, value):
        """Sets the value; `ValueError` where the shape differs.

        Setting it to a symbolic value is recorded, as `K.update` is; so are `assign_add` and
        `assign_sub`, and all three within a metric's `update_state`.
        """
        return self._change("assign", value)

    def assign_add(self, delta):
        """Adds to the value; see `assign`."""
        return self._change("add", delta)

    def assign_sub(self, delta):
        """Subtracts from the value; see `assign`."""
        return self._change("sub", delta)

    def modify(self, change, operand, *extra):
        """Applies an in-place function of (value in Keras's layout, operand) at once."""
        if self.layout is None:
            change(self.native, operand, *extra)
            return
        view = self.view
        change(view, operand, *extra)
        if not self.layout.is_view:
            self.native.copy_(self.layout.to_torch(view))

    def _change(self, kind, value):
        value = as_tensor(value, self.dtype)
        recorded = isinstance(value, Symbolic) or (_collectors.stack and not is_executing())
        if kind == "assign" and not recorded and tuple(value.shape) != self._keras_shape:
            raise ValueError(
                f"Variable {self.name}: cannot assign a value of shape {tuple(value.shape)} to "
                f"one of shape {self._keras_shape}."
            )
        if recorded:
            return record_update(kind, self, value)
        if is_trying():
            return self
        with torch.no_grad():
            if kind == "assign":  # into torch's layout: several times as fast as into a view
                self.native.copy_(value if self.layout is None else self.layout.to_torch(value))
            else:
                self.modify(UPDATES[kind][0], value)
        return self

    def _reader(self):
        if is_executing():
            return value_of(self)
        return record(torch.clone, self)

    read_value = value = _reader

    def __repr__(self):
        dtype = dtype_name(self.torch_dtype)
        return f'<Variable "{self.name}" shape={self._keras_shape} dtype={dtype}>'

    def __getstate__(self):
        return {**vars(self), "initial": None}

    def __deepcopy__(self, memo):
        twin = Variable.__new__(Variable)
        memo[id(self)] = twin
        twin.__dict__.update(self.__dict__)
        twin.native = copy.deepcopy(self.native, memo)  # the same copy that the layer's dict has
        twin.native.keras_name = self.native.keras_name
        return twin

    def _materialized(self, *args):
        """The value while a step runs; an error, as for any symbolic tensor, otherwise."""
        if is_executing():
            return self.view
        return self._no_value()

    def __bool__(self):
        return bool(self._materialized())

    def __float__(self):
        return float(self._materialized())

    def __int__(self):
        return int(self._materialized())

    def item(self):
        """The value of a scalar, while a step runs."""
        return self._materialized().item()


# ---- changes -----------------------------------------------------------------------------------

# How a variable changes: (in place, as a new value). Extra arguments come last.
UPDATES = {
    "assign": (torch.Tensor.copy_, lambda old, new: new),
    "add": (torch.Tensor.add_, torch.add),
    "sub": (torch.Tensor.sub_, torch.sub),
    "lerp": (torch.Tensor.lerp_, torch.lerp),
}


def pending_change(kind, variable, operand, *extra):
    """The operation of a change that was recorded; without a variable, of an effect."""
    raise AssertionError("carried out after the run")


# Lists that every update recorded now goes into (see `collecting`).
_collectors = ThreadStack()


@contextlib.contextmanager
def collecting():
    """Within this context changes of variables are recorded, and go into the list that it gives."""
    updates = []
    _collectors.stack.append(updates)
    try:
        yield updates
    finally:
        _collectors.stack.pop()


def record_update(kind, variable, operand, *extra):
    """Records a change of a variable (see `UPDATES`), carried out when what depends on it runs.

    While executing, it happens at once.
    """
    if not isinstance(operand, Symbolic):
        operand = as_tensor(operand, variable.dtype).to(variable.device)
    if is_trying():
        return UPDATES[kind][1](variable.view, value_of(operand), *extra)
    if is_executing():
        with torch.no_grad():
            variable.modify(UPDATES[kind][0], value_of(operand), *extra)
        return variable.view
    node = KerasTensor(
        Op(pending_change, (kind, variable, operand, *extra)), None, (variable.meta,) * 2
    )
    for updates in _collectors.stack:
        updates.append(node)
    return node


def is_update(x):
    """Whether `x` was made by `record_update`."""
    return isinstance(x, KerasTensor) and x.op.func is pending_change


def updated(updates):
    """{variable: its value once `updates` are carried out, in that order}."""
    new = {}
    for node in updates:
        kind, variable, operand, *extra = node.op.args
        if variable in new and kind != "assign":
            node = record(UPDATES[kind][1], new[variable], operand, *extra)
        new[variable] = node
    return new


# ---- values ------------------------------------------------------------------------------------


def as_symbolic(x):
    """A KerasTensor of a value: variables are read when it is computed, tensors are constants."""
    if isinstance(x, Variable):
        return record(torch.clone, x)
    return x if isinstance(x, KerasTensor) else constant(x)


def as_numpy(tensor):
    """A NumPy array of a tensor, which shares its memory if it can; bfloat16 becomes float32."""
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy(force=True)


def to_numpy(tensor):
    """A NumPy array of a tensor, with memory of its own; bfloat16 becomes float32."""
    # Where axes are permuted, torch copies several times as fast as NumPy.
    tensor = tensor.detach()
    is_whole = tensor.is_contiguous()
    return as_numpy(tensor).copy() if is_whole else as_numpy(tensor.contiguous())


def in_layout(weight, layout):
    """`weight` as torch's kernels take it: for a variable of that layout, what it stores."""
    if isinstance(weight, Variable) and weight.layout is layout:
        return weight.native
    return layout.to_torch(weight)
