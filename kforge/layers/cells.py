"""Recurrent cells: the weights and the arithmetic of one step."""

import inspect

import torch
import torch.nn.functional as F

from .. import activations
from .. import backend as K
from ..engine import Layer
from ..engine.layer import layers
from ..engine.node import to_list
from ..registry import has_arg
from ..symbolic import as_tensor
from ..variable import GateOrder, Permuted, in_layout

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "rnn_init"]

MATRIX = Permuted(1, 0)  # Keras: (in, gates * units); torch: (gates * units, in)
# torch's GRU has its gates as r, z, n; Keras as z, r, h.
GRU_MATRIX, GRU_BIAS = GateOrder(1, 0, 2), GateOrder(1, 0, 2, transpose=False)


class _Cell(Layer):
    """What the built-in cells share. Gates stand side by side in the last axis of the weights.

    `project` is the part of a step that depends on its input alone, and works on whole sequences;
    `step` is the rest.
    """

    gates = 1
    layouts = (MATRIX, None)  # of matrices, of the bias

    def _set_up(self, arguments):
        kwargs = arguments.pop("kwargs")
        Layer.__init__(self, **kwargs)
        self._keep(arguments)
        self.units = int(self.units)
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        self.state_size = self.output_size = self.units
        self._dropout_mask = self._recurrent_dropout_mask = None

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        width = self.units * self.gates
        for name, size in (("kernel", shape[-1]), ("recurrent_kernel", self.units)):
            prefix = name.replace("_kernel", "")
            weight = self.add_weight(
                name,
                (size, width),
                initializer=getattr(self, f"{prefix}_initializer"),
                regularizer=getattr(self, f"{prefix}_regularizer"),
                constraint=getattr(self, f"{prefix}_constraint"),
                layout=self.layouts[0],
            )
            setattr(self, name, weight)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                self._bias_shape(),
                initializer=self._initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                layout=self.layouts[1],
            )
        self.built = True

    def _bias_shape(self):
        return (self.units * self.gates,)

    def _initial_bias(self, shape, dtype=None):
        return self.bias_initializer(shape, dtype=dtype)

    # ---- dropout: masks are drawn once for all steps ----

    def _masks(self, like, rate, count, training):
        """`count` dropout masks shaped as `like`; none if nothing is dropped."""
        if not rate:
            return []
        ones = torch.ones_like(like)

        def draw():
            return K.dropout(ones, rate)

        return [K.in_train_phase(draw, ones, training=training) for _ in range(count)]

    def _mask_count(self):
        return self.gates if getattr(self, "implementation", 2) == 1 else 1

    def drop_inputs(self, inputs, training):
        """Sequences with dropout on their features: one for each gate in implementation 1."""
        masks = self._masks(inputs[:, 0], self.dropout, self._mask_count(), training)
        dropped = [inputs * mask.unsqueeze(1) for mask in masks]
        return dropped[0] if len(dropped) == 1 else dropped or inputs

    def recurrent_masks(self, state, training):
        """Dropout masks for the state, a list."""
        count = 1 if self._mask_count() == 1 else self.gates
        return self._masks(state, self.recurrent_dropout, count, training)

    # ---- arithmetic ----

    def project(self, x):
        """``x W + b``, for inputs of one step or of many; `x` may be a list, one for each gate."""
        kernel = self.kernel
        if isinstance(x, list):
            kernels = torch.split(kernel, self.units, -1)
            projected = torch.cat([torch.matmul(a, k) for a, k in zip(x, kernels)], -1)
        else:
            projected = F.linear(x, in_layout(kernel, self.layouts[0]))
            projected = self._in_keras_order(projected)
        bias = self._input_bias()
        return projected if bias is None else projected + bias

    def _in_keras_order(self, gates):
        return gates

    def _input_bias(self):
        return self.bias

    def _recur(self, h, masks, kernel, first=0):
        """``h U`` for the gates that `kernel` holds, with dropout on the state."""
        if not masks:
            return torch.matmul(h, kernel)
        if len(masks) == 1:
            return torch.matmul(h * masks[0], kernel)
        kernels = torch.split(kernel, self.units, -1)
        return torch.cat([torch.matmul(h * m, k) for m, k in zip(masks[first:], kernels)], -1)

    def call(self, inputs, states, training=None):
        """One step: (output, new states)."""
        if self._dropout_mask is None:
            self._dropout_mask = self._masks(inputs, self.dropout, self._mask_count(), training)
        if self._recurrent_dropout_mask is None:
            self._recurrent_dropout_mask = self.recurrent_masks(states[0], training)
        masks = self._dropout_mask
        dropped = [inputs * m for m in masks]
        x = dropped[0] if len(dropped) == 1 else dropped or inputs
        return self.step(self.project(x), states, self._recurrent_dropout_mask)

    @property
    def native(self):
        """Whether torch has a kernel that does the same."""
        return not self.recurrent_dropout and self._mask_count_fits() and self._has_kernel()

    def _mask_count_fits(self):
        return not self.dropout or self._mask_count() == 1

    def _biases(self):
        """The two bias vectors that torch's kernels take."""
        return [self.bias, torch.zeros_like(self.bias)]

    def run(self, x, states):
        """Sequences through torch's kernel: [outputs, final states...]."""
        weights = [in_layout(w, self.layouts[0]) for w in (self.kernel, self.recurrent_kernel)]
        if self.use_bias:
            weights += self._biases()
        states = [s.unsqueeze(0) for s in states]
        hidden = states if len(states) > 1 else states[0]
        # has_biases, layers, dropout, train (cuDNN needs it for gradients), bidirectional, batch_first
        found = self.function()(x, hidden, weights, self.use_bias, 1, 0.0, True, False, True)
        return [found[0], *(s.squeeze(0) for s in found[1:])]


class SimpleRNNCell(_Cell):
    """``h = activation(x W + h U + b)``."""

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        self._set_up({k: v for k, v in locals().items() if k not in ("self", "__class__")})

    def _has_kernel(self):
        return self.activation in (activations.tanh, activations.relu)

    def function(self):
        return torch.rnn_tanh if self.activation is activations.tanh else torch.rnn_relu

    def step(self, x, states, masks):
        h = self.activation(x + self._recur(states[0], masks, self.recurrent_kernel))
        return h, [h]


class LSTMCell(_Cell):
    """Input, forget and output gates around a carry; `unit_forget_bias` starts forgetting at 1."""

    gates = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=2,
        **kwargs,
    ):
        self._set_up({k: v for k, v in locals().items() if k not in ("self", "__class__")})
        self.state_size = (self.units, self.units)

    def _initial_bias(self, shape, dtype=None):
        if not self.unit_forget_bias:
            return super()._initial_bias(shape, dtype)
        bias = as_tensor(super()._initial_bias(shape, dtype)).clone()
        bias[self.units : 2 * self.units] = 1.0
        return bias

    def _has_kernel(self):
        return (
            self.activation is activations.tanh
            and self.recurrent_activation is activations.sigmoid
        )

    def function(self):
        return torch.lstm

    def step(self, x, states, masks):
        h, c = states
        z = x + self._recur(h, masks, self.recurrent_kernel)
        i, f, g, o = torch.chunk(z, 4, -1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


class GRUCell(_Cell):
    """Update and reset gates. `reset_after`: the reset gate scales the product with the recurrent
    kernel, which then has a bias of its own, rather than the state before it."""

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        implementation=2,
        reset_after=False,
        **kwargs,
    ):
        self._set_up({k: v for k, v in locals().items() if k not in ("self", "__class__")})
        if self._has_kernel():
            self.layouts = (GRU_MATRIX, GRU_BIAS)

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self):
        return self.bias[0] if self.reset_after and self.use_bias else self.bias

    def _biases(self):
        bias = in_layout(self.bias, GRU_BIAS)
        return [bias[0], bias[1]]

    def _in_keras_order(self, gates):
        return GRU_BIAS.to_keras(gates) if self.layouts[0] is GRU_MATRIX else gates

    def _has_kernel(self):
        return (
            self.reset_after
            and self.activation is activations.tanh
            and self.recurrent_activation is activations.sigmoid
        )

    def function(self):
        return torch.gru

    def step(self, x, states, masks):
        h, units = states[0], self.units
        kernel, gate = self.recurrent_kernel, self.recurrent_activation
        x_zr, x_h = x[..., : 2 * units], x[..., 2 * units :]
        if self.reset_after:
            recurrent = self._recur(h, masks, kernel)
            if self.use_bias:
                recurrent = recurrent + self.bias[1]
            zr = gate(x_zr + recurrent[..., : 2 * units])
            z, r = zr[..., :units], zr[..., units:]
            candidate = self.activation(x_h + r * recurrent[..., 2 * units :])
        else:
            zr = gate(x_zr + self._recur(h, masks, kernel[:, : 2 * units]))
            z, r = zr[..., :units], zr[..., units:]
            last = [masks[-1]] if masks else []
            candidate = self.activation(x_h + self._recur(r * h, last, kernel[:, 2 * units :]))
        h = z * h + (1 - z) * candidate
        return h, [h]


class StackedRNNCells(Layer):
    """Cells on top of each other, as one. The states are those of the cells in order."""

    def __init__(self, cells, **kwargs):
        for cell in cells:
            for name in ("call", "state_size"):
                if not hasattr(cell, name):
                    raise ValueError(
                        f"All cells must have a `{name}` attribute. Received cells: {cells}"
                    )
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self):
        """Sizes of all states, those of the first cell first."""
        return tuple(s for cell in self.cells for s in to_list(cell.state_size))

    @property
    def output_size(self):
        """Size of the last cell's output."""
        last = self.cells[-1]
        size = getattr(last, "output_size", None)
        return to_list(last.state_size)[0] if size is None else size

    def build(self, input_shape):
        shape, *constants = input_shape if isinstance(input_shape, list) else [input_shape]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                takes = constants and has_arg(cell.call, "constants")
                cell.build([shape, *constants] if takes else shape)
                cell.built = True
            size = getattr(cell, "output_size", None)
            size = to_list(cell.state_size)[0] if size is None else size
            shape = (shape[0], *to_list(size))
        self.built = True

    def call(self, inputs, states, constants=None, **kwargs):
        states, new = list(states), []
        for cell in self.cells:
            count = len(to_list(cell.state_size))
            own, states = states[:count], states[count:]
            more = {k: v for k, v in kwargs.items() if has_arg(cell.call, k)}
            if constants and has_arg(cell.call, "constants"):
                more["constants"] = constants
            inputs, after = cell.call(inputs, own, **more)
            new += list(after)
        return inputs, new

    def get_config(self):
        cells = [{"class_name": type(c).__name__, "config": c.get_config()} for c in self.cells]
        return {**self._base_config(), "cells": cells}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [layers.deserialize(c, custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)


def rnn_init(cell_class, base, name):
    """The constructor of a layer around `cell_class`: the cell's arguments and those of `base`."""
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [p for p in inspect.signature(cell_class.__init__).parameters.values() if p.kind is keyword]
    loop = [p for p in inspect.signature(base.__init__).parameters.values() if p.kind is keyword][2:]
    late = [p for p in own if p.name == "reset_after"]
    own = [p for p in own if p not in late]
    at = [p.name for p in own].index("bias_regularizer") + 1
    activity = inspect.Parameter("activity_regularizer", keyword, default=None)
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    signature = inspect.Signature([*own[:at], activity, *own[at:], *loop, *late, rest])
    cell_arguments = {p.name for p in own + late} - {"self"}
    loop_arguments = {p.name for p in loop} | {"activity_regularizer"}

    def __init__(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        arguments = dict(given.arguments)
        more = arguments.pop("kwargs")
        cell_kwargs = {k: arguments[k] for k in cell_arguments}
        if "dtype" in more:
            cell_kwargs["dtype"] = more["dtype"]
        cell = cell_class(**cell_kwargs)
        base.__init__(self, cell, **{k: arguments[k] for k in loop_arguments}, **more)

    __init__.__signature__ = signature
    __init__.__qualname__ = f"{name}.__init__"
    return __init__
