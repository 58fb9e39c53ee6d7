"""Symbolic tensors: every torch operation applied to one is recorded, not run.

A `KerasTensor` knows its static shape (None where a size is unknown), its dtype, and the
operation that makes it. Shapes are found by running the same operation on `meta` tensors twice,
with two sets of sizes for the unknown dimensions: what differs between the runs is unknown.
"""

import contextlib
import itertools
import operator
import re

import numpy as np
import torch

from . import config, devices, indexing, rules
from .dimensions import GraphShape, TensorShape
from .dtypes import DType, as_shown, dtype_name, torch_dtype
from .execution import (
    NeedsValue,
    NotFed,
    executing,
    is_executing,
    is_trying,
    local,
    recording,
    running_phase,
    trying,
)
from .probes import as_declared, probe_pair, static_shape, to_meta, usual_size, without_sizes
from .trees import leaves, map_leaves

__all__ = [
    "KerasTensor",
    "NeedsValue",
    "NotFed",
    "Op",
    "Symbolic",
    "as_tensor",
    "constant",
    "declared",
    "executing",
    "is_executing",
    "is_symbolic",
    "is_trying",
    "placeholder",
    "prepared",
    "probe_of",
    "probes_of",
    "record",
    "recording",
    "replaced",
    "running_phase",
    "substituting",
    "trying",
    "value_of",
    "without_gradient",
]

_WHOLE = (torch.int32, torch.int64)
replaced = {}  # {function: what is recorded instead of it}


class Symbolic:
    """What symbolic tensors and variables share: operators and torch methods, all recorded."""

    # NumPy leaves ``array * tensor`` to us.
    __array_ufunc__ = None
    __array_priority__ = 1000

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return record(func, *args, **(kwargs or {}))

    def __getattr__(self, name):
        method = getattr(torch.Tensor, name, None) if not name.startswith("_") else None
        if method is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if not callable(method):  # a property, such as T
            return record(getattr, self, name)
        return lambda *args, **kwargs: record(method, self, *args, **kwargs)

    def _no_value(self, *args):
        raise NeedsValue(
            f"{self!r} is symbolic: it has no value while the graph is built. "
            "Use `K.switch` or `K.in_train_phase` to branch, `K.eval` to see a value."
        )

    __bool__ = __float__ = __int__ = __index__ = __array__ = item = numpy = tolist = _no_value

    def __iter__(self):
        raise TypeError(f"{self!r} is symbolic and cannot be iterated over; index it, or unstack.")

    # No `__len__`: scripts ask for it to tell lists of outputs from a tensor.
    __hash__ = object.__hash__

    def __eq__(self, other):  # identity, so that tensors can be looked for in lists
        return self is other

    def __getitem__(self, item):
        items = list(item) if isinstance(item, tuple) else [item]
        flipped = indexing.without_negative_steps(items, len(self.shape))
        base = record(torch.flip, self, flipped) if flipped else self
        if any(_is_number(it) for it in leaves(items)):
            found = record(indexing.at, base, tuple(items))
        else:
            found = record(
                operator.getitem, base, tuple(items) if type(item) is tuple else items[0]
            )
        if isinstance(found, KerasTensor):
            shape = getattr(base, "_static", base.shape)
            found.forget(indexing.clipped_axes(shape, items, found._static))
        return found

    def get_shape(self):
        """The static shape."""
        return GraphShape(self.shape)

    @property
    def dtype(self):
        """The type: torch's or, where kforge stands for Keras, a `kforge.dtypes.DType`."""
        return as_shown(self.torch_dtype)

    @property
    def ndim(self):
        """Number of dimensions."""
        return len(self.shape)


def _is_number(item):
    """Whether an index is a symbolic whole number, whose value is not known yet."""
    return isinstance(item, Symbolic) and not item.shape and item.dtype in _WHOLE


def _binary(function, reflected):
    def method(self, other):
        if isinstance(other, (np.ndarray, list, tuple)):
            dtype = self.dtype if self.dtype.is_floating_point else None
            other = as_tensor(other, dtype).to(devices.current_device())
        if function is operator.floordiv and self.dtype.is_floating_point:
            # As in TensorFlow; torch's own has no gradient, not even one of zeros.
            return torch.floor(other / self if reflected else self / other)
        return record(function, other, self) if reflected else record(function, self, other)

    return method


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor".split():
    setattr(Symbolic, f"__{_name.strip('_')}__", _binary(getattr(operator, _name), False))
    setattr(Symbolic, f"__r{_name.strip('_')}__", _binary(getattr(operator, _name), True))
Symbolic.__rpow__ = _binary(torch.pow, True)  # fx writes -2 ** x: that is -(2 ** x)
for _name in ("lt", "le", "gt", "ge"):
    setattr(Symbolic, f"__{_name}__", _binary(getattr(operator, _name), False))
for _name in ("neg", "abs", "invert"):
    _function = getattr(operator, _name)
    setattr(Symbolic, f"__{_name}__", lambda self, _f=_function: record(_f, self))
Symbolic.__div__, Symbolic.__rdiv__ = Symbolic.__truediv__, Symbolic.__rtruediv__


_serials = itertools.count()


class Op:
    """A recorded operation: what to call, with what; its number; the names of the layers around;
    the device of the scope that it was recorded in."""

    __slots__ = ("args", "device", "func", "kwargs", "name", "scope", "serial")

    def __init__(self, func, args=(), kwargs=None, name=None):
        self.func, self.args, self.kwargs = func, args, kwargs or {}
        self.name = name or getattr(func, "__name__", type(func).__name__)
        self.serial, self.scope = next(_serials), config.scope()
        self.device = devices.scope_device()

    def __repr__(self):
        return f"<Op {self.name}>"

    @property
    def inputs(self):
        """The tensors that it takes, in order: those of a softmax are its logits alone."""
        return [x for x in leaves([self.args, self.kwargs]) if hasattr(x, "shape")]

    @property
    def type(self):
        """The kind of operation, in TensorFlow's spelling: "Softmax", "Relu", "MatMul"."""
        name = getattr(self.func, "__name__", self.name)
        return {"matmul": "MatMul"}.get(name) or re.sub("(?:^|_)(.)", lambda m: m[1].upper(), name)


class KerasTensor(Symbolic):
    """A symbolic tensor: result `index` (None: the only one) of the operation `op`.

    `probes` are the two values that shape inference found for it. Keras's own attributes
    (`_keras_history`, `_keras_mask`, `_keras_shape`) stand beside the value.
    """

    def __init__(self, op, index, probes, name=None, shape=None):
        self.op, self.index, self.probes = op, index, probes
        self._name = name
        self._keras_mask = None
        self._keras_history = None
        self._declared = None
        if shape is not None:
            self._keras_shape = shape

    @property
    def shape(self):
        """The static shape, None where a size is unknown."""
        return self._declared if self._declared is not None else static_shape(self.probes)

    _static = shape  # also where a subclass has symbolic numbers for None
    _keras_shape = property(lambda self: tuple(self.shape))

    @_keras_shape.setter
    def _keras_shape(self, shape):
        self._declared = TensorShape(shape)
        self.probes = tuple(as_declared(p, self._declared) for p in self.probes)

    @property
    def torch_dtype(self):
        """The torch dtype."""
        probe = self.probes[0]
        return probe.dtype if isinstance(probe, torch.Tensor) else torch.int64

    @property
    def name(self):
        """A name such as ``dense_1/add:0``; inputs are called as their layer."""
        return f"{self._name or self.op.name}:0"

    @property
    def key(self):
        """What identifies the value; aliases share it."""
        return (self.op, self.index)

    def alias(self, name=None):
        """The same value as another tensor, for another layer's history."""
        twin = KerasTensor(self.op, self.index, self.probes, name)
        twin._declared = self._declared
        return twin

    def forget(self, axes):
        """Makes the sizes of these axes unknown: {axis: its likely sizes or None}."""
        if axes:
            shape = [None if a in axes else n for a, n in enumerate(self._static)]
            usual = list(zip(*(probe.shape for probe in probe_pair(shape, self.torch_dtype))))
            self.probes = tuple(
                p.new_empty(
                    [(axes[a] or usual[a])[i] if a in axes else n for a, n in enumerate(p.shape)]
                )
                for i, p in enumerate(self.probes)
            )

    def set_shape(self, shape):
        """Declares sizes that inference did not find."""
        pairs = zip(TensorShape(shape).as_list(), self.shape.as_list())
        self._keras_shape = [known if size is None else size for size, known in pairs]
        self.probes = probe_pair(self._declared, self.torch_dtype)

    def __repr__(self):
        dtype = dtype_name(self.torch_dtype)
        return f'<KerasTensor "{self.name}" shape={tuple(self.shape)} dtype={dtype}>'


def is_symbolic(x):
    """Whether `x` is recorded rather than computed: a KerasTensor or a Variable."""
    return isinstance(x, Symbolic)


def as_tensor(value, dtype=None):
    """A torch tensor of Python or NumPy data. Floats without a `dtype` become `floatx`."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(is_symbolic(v) for v in value):
        return record(torch.stack, [as_tensor(v, dtype) for v in value])
    if is_symbolic(value):
        return value
    array = np.asarray(value)
    if dtype is None and array.dtype.kind == "f":
        dtype = getattr(torch, config.floatx())
    if not (array.flags.writeable and array.dtype.isnative):  # torch has no such tensors
        array = array.astype(array.dtype.newbyteorder("="))
    tensor = torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
    return tensor if dtype is None else tensor.to(torch_dtype(dtype))


# ---- recording --------------------------------------------------------------------------------


def record(func, *args, **kwargs):
    """Applies `func` to arguments among which are symbolic ones.

    While executing, variables are replaced by their values and `func` runs. Otherwise the call is
    recorded, and its result, or the list of its results, is symbolic.
    """
    if is_executing():
        return func(*map_leaves(value_of, args), **map_leaves(value_of, kwargs))
    args, kwargs = map_leaves(prepared, args), map_leaves(prepared, kwargs)
    op = Op(replaced.get(func, func) if replaced else func, args, kwargs)
    return _results(op, _infer(op))


def placeholder(shape, dtype, name):
    """A symbolic tensor to be fed."""
    op = Op(placeholder, name=name)
    probes = probe_pair(shape, dtype)
    return KerasTensor(op, None, probes, name, shape)


def constant(tensor, name="Const"):
    """A symbolic tensor with a fixed value."""
    # Whole numbers may be sizes: what is computed from them has to know their values.
    is_size = tensor.dtype in _WHOLE and tensor.numel() < 9
    probe = tensor.detach().cpu() if is_size else to_meta(tensor)
    return KerasTensor(Op(constant, (tensor,), name=name), None, (probe, probe), name)


def declared(func, args, kwargs, shapes, dtypes):
    """Records an operation that inference cannot run; results have the shapes and dtypes given."""
    op = Op(func, map_leaves(prepared, args), map_leaves(prepared, kwargs))
    several = isinstance(shapes, list)
    out = []
    for i, (shape, dtype) in enumerate(zip(shapes, dtypes) if several else [(shapes, dtypes)]):
        probes = probe_pair(shape, dtype)
        out.append(KerasTensor(op, i if several else None, probes, shape=shape))
    return out if several else out[0]


def value_of(x):
    """`x` as running code gets it: of variables and constants their values."""
    if not isinstance(x, Symbolic):
        return x.torch if isinstance(x, DType) else x
    if isinstance(x, KerasTensor) and x.op.func is constant:
        return x.op.args[0]
    if isinstance(x, KerasTensor):
        raise RuntimeError(
            f"{x!r} is symbolic, but was met while a step runs on values. Code that branches on "
            "values can only use tensors that it is given; pass this one as an input."
        )
    device = devices.scope_device()  # code that runs as one operation, in a scope
    return x.view if device is None else x.view.to(device)


@contextlib.contextmanager
def substituting(values):
    """Within this context, recorded reads of the variables in `values` give those tensors.

    For `Metric.__call__`, where variables that an update has just changed read as changed.
    """
    before = getattr(local, "substitutes", {})
    local.substitutes = {**before, **values}
    try:
        yield
    finally:
        local.substitutes = before


def prepared(x):
    """`x` as operations record it: arrays as tensors, NumPy's numbers as Python's."""
    if isinstance(x, np.ndarray):
        return as_tensor(x).to(devices.current_device())
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, Symbolic):
        return getattr(local, "substitutes", {}).get(x, x)
    return x.torch if isinstance(x, DType) else x


def _infer(op):
    """What `op` gives for the two sets of probe sizes."""
    try:
        return _run_probes(op, probe_of)
    except NeedsValue:
        raise
    except Exception as first:
        for probe in _other_probes(op):
            with contextlib.suppress(Exception):
                return _run_probes(op, probe)
        raise _inference_error(op, first) from None


def _other_probes(op):
    """What to try where the usual probes do not fit each other, the likeliest first."""
    yield lambda x, i: to_meta(probe_of(x, i))  # for values of shapes, which are on the CPU
    # Unknown sizes met known ones, counted from the last axis, as in broadcasting.
    tensors = op.inputs
    known = {a: n for x in tensors for a, n in enumerate(reversed(x.shape)) if n not in (None, 1)}
    yield _resized(lambda axis, last, i: known.get(last))
    # Sizes may be equal: all but those of batches; or those at one axis, again from the last.
    yield _resized(lambda axis, last, i: usual_size(axis, i))
    yield _resized(lambda axis, last, i: known.get(last) or usual_size(axis, i))
    symbols = [x for x in tensors if isinstance(x, KerasTensor)]
    longest = max(symbols, key=lambda x: len(x.shape), default=None)
    yield _resized(lambda axis, last, i: longest.probes[i].shape[-1 - last])


def _resized(size_of):
    """Probes with other unknown sizes: `size_of(axis, axis from the last, run)`, unless None."""

    def probe(x, i):
        sizes = list(getattr(x, "shape", ()))
        for axis in [a for a, n in enumerate(sizes) if n is None]:
            sizes[axis] = size_of(axis, len(sizes) - 1 - axis, i) or x.probes[i].shape[axis]
        return x.probes[i].new_empty(sizes) if isinstance(x, KerasTensor) else probe_of(x, i)

    return probe


def _run_probes(op, probe):
    with torch.no_grad():
        return tuple(
            rules.infer(
                op.func,
                map_leaves(lambda x, i=i: probe(x, i), op.args),
                map_leaves(lambda x, i=i: probe(x, i), op.kwargs),
            )
            for i in (0, 1)
        )


def probe_of(x, i):
    """What stands for `x` in run `i`, 0 or 1, of shape inference: a meta tensor, if `x` is one."""
    if isinstance(x, KerasTensor):
        return x.probes[i]
    if isinstance(x, Symbolic):
        return x.meta
    if isinstance(x, torch.Tensor):
        return to_meta(x) if x.dim() else x.detach()
    return x


def probes_of(x):
    """`probe_of` in both runs."""
    return probe_of(x, 0), probe_of(x, 1)


def without_gradient(x):
    """`x`, through which no gradient flows if it is a tensor."""
    return x.detach() if isinstance(x, torch.Tensor) else x


def _inference_error(op, cause):
    """A `ValueError` that shows static shapes; torch's text shows probe sizes."""
    shapes = [tuple(x.shape) for x in op.inputs]
    text = without_sizes(str(cause).split("\n")[0])
    return ValueError(f"{op.name} cannot be applied to shapes {shapes}: {text}")


def _results(op, probes):
    """Symbolic tensors for the results of `op`; results that are no tensors stay as they are."""
    first, second = probes
    if isinstance(first, (list, tuple)) and not isinstance(first, torch.Size):
        found = [_result(op, i, pair) for i, pair in enumerate(zip(first, second))]
        return type(first)(found) if hasattr(first, "n_fields") else found  # with `.values` etc.
    return _result(op, None, probes)


def _takes_numbers(op):
    """Whether `op` takes symbolic numbers: what they give for two sizes is no rule for all."""
    given = [x.probes[0] for x in op.inputs if isinstance(x, KerasTensor)]
    return not all(isinstance(probe, torch.Tensor) for probe in given)


def _result(op, index, probes):
    first, second = probes
    if not isinstance(first, torch.Tensor) and (first is None or first == second):
        if first is None or not _takes_numbers(op):
            return first  # x.dim(), x.is_floating_point(): known now
    kind = getattr(local, "tensor_class", None) or KerasTensor
    return kind(op, index, probes)
