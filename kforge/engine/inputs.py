"""Inputs: the places where a model is fed."""

import torch

from .. import backend as K
from .. import config, symbolic
from ..dtypes import dtype_name
from ..symbolic import KerasTensor
from ..variable import Variable, as_symbolic
from .layer import Layer, layers
from .node import Node, unpack

__all__ = ["Input", "InputLayer"]


@layers.register
class InputLayer(Layer):
    """Holds a placeholder, or an existing tensor (`input_tensor`), as the input of a graph.

    A tensor that is no placeholder (a variable, something computed) is not fed: models read it.
    """

    def __init__(
        self,
        input_shape=None,
        batch_size=None,
        batch_input_shape=None,
        dtype=None,
        input_tensor=None,
        sparse=False,
        name=None,
    ):
        name = name or f"input_{config.get_uid('input')}"
        super().__init__(dtype=dtype, name=name)
        self.sparse, self.built, self._trainable = sparse, True, False
        if batch_input_shape is None:
            if input_shape is None and input_tensor is None:
                raise ValueError(
                    "An Input layer should be passed either a `batch_input_shape` or an "
                    "`input_shape`."
                )
            if input_shape is not None:
                batch_input_shape = (batch_size, *input_shape)
            else:
                batch_input_shape = tuple(input_tensor.shape)
        self.batch_input_shape = tuple(None if d is None else int(d) for d in batch_input_shape)
        if isinstance(input_tensor, (Variable, torch.Tensor)):
            input_tensor = as_symbolic(input_tensor)
        if not (input_tensor is None or isinstance(input_tensor, KerasTensor)):
            raise TypeError(f"Input {name}: `tensor` must be symbolic; got {input_tensor!r}.")
        self.is_placeholder = input_tensor is None or input_tensor.op.func is symbolic.placeholder
        if input_tensor is None:
            input_tensor = K.placeholder(
                self.batch_input_shape, dtype=self.dtype, sparse=sparse, name=name
            )
        elif dtype is None:
            self.dtype = dtype_name(input_tensor.dtype)
        Node.between(self, [input_tensor], [input_tensor], [None], [None])
        input_tensor._keras_history = (self, 0, 0)

    def get_config(self):
        """Shape, dtype, sparsity and name."""
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "name": self.name,
        }


def Input(shape=None, batch_shape=None, name=None, dtype=None, sparse=False, tensor=None):
    """A symbolic tensor to build a model on.

    `shape` leaves out the batch axis, `batch_shape` has it; None in them is an unknown size.
    `dtype` defaults to `floatx`. A `sparse` one is fed SciPy's sparse matrices and goes to K's
    functions that take sparse tensors, to `Dense` and to `Concatenate`. `tensor`: an existing
    symbolic tensor to wrap instead.
    """
    if not batch_shape and tensor is None and shape is None:
        raise ValueError(
            "Please provide to Input either a `shape` or a `batch_shape` argument. Note that "
            "`shape` does not include the batch dimension."
        )
    if shape is not None and not batch_shape:
        batch_shape = (None, *(shape if isinstance(shape, (list, tuple)) else (shape,)))
    dtype = dtype or (None if tensor is not None else config.floatx())
    layer = InputLayer(
        batch_input_shape=batch_shape, name=name, dtype=dtype, sparse=sparse, input_tensor=tensor
    )
    return unpack(layer._inbound_nodes[0].output_tensors)
