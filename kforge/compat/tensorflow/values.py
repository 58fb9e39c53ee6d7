"""What the functions of the facade stand on: TensorFlow's ways with arguments and dtypes."""

import functools
import inspect

import numpy as np
import torch

from ... import symbolic
from ...backend.values import apply, recorded, tensor
from ...backend.variables import cast
from ...dtypes import torch_dtype
from ...symbolic import KerasTensor, Symbolic
from ...trees import leaves

__all__ = ["apply", "convert", "declared", "known", "lenient", "pair", "recorded", "tensor"]

# Names that versions of TensorFlow have had for one argument.
_SYNONYMS = [
    set(words.split())
    for words in (
        "axis dim dimension reduction_indices squeeze_dims split_dim concat_dim class_dim",
        "keepdims keep_dims",
        "input input_ input_tensor value values t tensor data x images image",
        "filters filter",
        "box_indices box_ind",
        "sizes ksizes",
        "labels targets",
        "shape dims",
        "true_fn fn1",
        "false_fn fn2",
    )
]
_WITHOUT_EFFECT = {
    "back_prop",
    "class_name",
    "infer_shape",
    "name",
    "parallel_iterations",
    "swap_memory",
    "use_cudnn_on_gpu",
    "validate_indices",
    "validate_shape",
}


def lenient(function):
    """`function`, which also takes TensorFlow's older names of arguments, and a `name`."""
    try:
        taken = set(inspect.signature(function).parameters)
    except ValueError:  # of a builtin
        return function

    @functools.wraps(function)
    def call(*args, **kwargs):
        for word in [k for k in kwargs if k not in taken]:
            if word in _WITHOUT_EFFECT:
                del kwargs[word]
                continue
            others = {w for group in _SYNONYMS if word in group for w in group} & taken
            if len(others) == 1:
                kwargs[others.pop()] = kwargs.pop(word)
        if len(args) > len(taken) and (args[-1] is None or isinstance(args[-1], str)):
            args = args[:-1]  # a name, given by position
        return function(*args, **kwargs)

    return call


def convert(value, dtype=None):
    """`value` as a tensor in the dtype that TensorFlow gives it.

    NumPy arrays keep theirs; Python's floats become float32, whole numbers int32.
    """
    if isinstance(value, (Symbolic, torch.Tensor)):
        return value if dtype is None else cast(value, dtype)
    if isinstance(value, (list, tuple)) and any(
        isinstance(v, (Symbolic, torch.Tensor)) for v in leaves(value)
    ):
        return torch.stack([convert(v, dtype) for v in value])
    array = np.asarray(value)
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        dtype = {"f": "float32", "i": "int32"}.get(array.dtype.kind)
    return tensor(array, torch_dtype(dtype or array.dtype))


def pair(x, y):
    """Two tensors, numbers and arrays among them in the dtype of the other."""
    if isinstance(x, (Symbolic, torch.Tensor)):
        return x, y if isinstance(y, (Symbolic, torch.Tensor)) else tensor(y, x.dtype)
    if isinstance(y, (Symbolic, torch.Tensor)):
        return tensor(x, y.dtype), y
    return convert(x), convert(y)


def known(value):
    """A number, or nested lists of them, that must not depend on what is fed: axes, paddings."""
    if isinstance(value, KerasTensor) and value.op.func is symbolic.constant:
        value = value.op.args[0]
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [known(v) for v in value]
    return value


def declared(function, args, shapes, dtypes):
    """`function(*args)`, recorded with results of these shapes where their sizes are data."""
    if not recorded(*args):
        return function(*args)
    return symbolic.declared(function, args, {}, shapes, dtypes)
