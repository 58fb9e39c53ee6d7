"""Recurrent cells: the weights and the arithmetic of one step, and of whole sequences."""

import warnings

import torch
import torch.nn.functional as F

from .. import activations, initializers
from .. import backend as K
from ..backend import recurrences
from ..backend.random import new_seed
from ..backend.values import apply
from ..engine import Layer
from ..symbolic import as_tensor, is_executing, record
from ..variable import GateOrder, in_layout
from .core import MATRIX

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]

# torch's GRU has its gates as r, z, n; Keras as z, r, h.
GRU_MATRIX, GRU_BIAS = GateOrder(1, 0, 2), GateOrder(1, 0, 2, transpose=False)

# The activations that `recurrences` knows.
_NAMES = {getattr(activations, name): name for name in recurrences.ACTIVATIONS}


_WEIGHTS = {"kernel", "recurrent_kernel", "bias", "input_bias", "recurrent_bias"}


class _Cell(Layer):
    """What the built-in cells share. Gates stand side by side in the last axis of the weights.

    `project` is the part of a step that depends on its input alone, and works on whole sequences;
    `step` is the rest. `scan` runs all steps at once.
    """

    gates = 1
    gate_letters = ""  # Keras's, which end the names of each gate's part of the weights
    states = 1
    layouts = (MATRIX, None)  # of matrices, of the bias
    implementation = 2
    recurrent_activation = None

    def _set_up(self, arguments):
        kwargs = arguments.pop("kwargs")
        Layer.__init__(self, **kwargs)
        self._keep({k: v for k, v in arguments.items() if k not in ("self", "__class__")})
        if self.implementation == 0:
            warnings.warn("`implementation=0` means `implementation=1` today.", stacklevel=3)
            self.implementation = 1
        self.dropout = min(1.0, max(0.0, self.dropout))
        self.recurrent_dropout = min(1.0, max(0.0, self.recurrent_dropout))
        self._dropout_mask = self._recurrent_dropout_mask = None
        self._set_sizes()

    def _set_sizes(self):
        self.units = self.output_size = int(self.units)
        self.state_size = self.units if self.states == 1 else (self.units,) * self.states

    # ---- weights ----

    def build(self, input_shape):
        of_inputs = input_shape[0] if isinstance(input_shape, list) else input_shape
        shape, recurrent_shape = self._kernel_shapes(of_inputs)
        matrices, biases = self.layouts
        self.kernel = self._add_parameter("kernel", shape, layout=matrices)
        initializer = self._for_each_gate(self.recurrent_initializer)
        self.recurrent_kernel = self._add_parameter(
            "recurrent_kernel", recurrent_shape, "recurrent", matrices, initializer=initializer
        )
        self.bias = None
        if self.use_bias:
            shape, initializer = self._bias_shape(), self._initial_bias
            self.bias = self._add_parameter("bias", shape, layout=biases, initializer=initializer)
        self.built = True

    def __getattr__(self, name):
        """`kernel_i`, `bias_f` and the like, for subclasses: the part of a weight of one gate."""
        weight, _, letter = name.rpartition("_")
        gate = self.gate_letters.find(letter) if len(letter) == 1 else -1
        if gate < 0 or weight not in _WEIGHTS:
            return super().__getattr__(name)
        whole = getattr(self, weight)
        if whole is None:
            return None
        width = whole.shape[-1] // self.gates
        return whole[..., gate * width : (gate + 1) * width]

    def _kernel_shapes(self, input_shape):
        width = self.units * self.gates
        return (input_shape[-1], width), (self.units, width)

    def _for_each_gate(self, initializer):
        """The initializer of a recurrent kernel, of which `Identity` means one for each gate."""
        if not isinstance(initializer, initializers.Identity):
            return initializer

        def identities(shape, dtype=None):
            gate = (*shape[:-1], shape[-1] // self.gates)
            return torch.cat([initializer(gate, dtype)] * self.gates, -1)

        return identities

    def _bias_shape(self):
        return (self.units * self.gates,)

    def _initial_bias(self, shape, dtype=None):
        return self.bias_initializer(shape, dtype=dtype)

    def _stored(self, weight):
        """A weight as torch keeps it: an argument for what is recorded, as it may be a tensor."""
        layout = self.layouts[0 if weight is not self.bias else 1]
        return weight if weight is None or layout is None else in_layout(weight, layout)

    # ---- dropout: masks are drawn once for all steps ----

    @property
    def _mask_count(self):
        """How many masks a dropout has: one for each gate in implementation 1."""
        return self.gates if self.implementation == 1 else 1

    def _draw(self, like, rate):
        """Dropout masks shaped as `like`; none if nothing is dropped."""
        if not rate:
            return []
        ones = torch.ones_like(like)
        if not is_executing():
            for _ in range(self._mask_count, self.gates):
                new_seed()  # as many as Keras draws, so that what follows is drawn alike
        return [K.dropout(ones, rate) for _ in range(self._mask_count)]

    def _in_training(self, like, rate, training):
        """Dropout masks that let everything pass in the test phase."""
        return [
            K.in_train_phase(mask, torch.ones_like(like), training)
            for mask in self._draw(like, rate)
        ]

    @staticmethod
    def _drop(inputs, masks):
        """Inputs with dropout: one tensor, or one for each of several masks."""
        dropped = [inputs * mask for mask in masks]
        return dropped[0] if len(dropped) == 1 else dropped or inputs

    # ---- arithmetic ----

    def project(self, x):
        """``x W + b``, for inputs of one step or of many; `x` may be a list, one for each gate."""
        return self._in_keras_order(self._project(x))

    def _project(self, x):
        kernel, bias = self._stored(self.kernel), self._input_bias()
        if not isinstance(x, list):
            return F.linear(x, kernel, bias)
        kernels = record(torch.split, kernel, self.units, 0)
        projected = [F.linear(x[i], k) for i, k in zip(self._gate_order, kernels)]
        projected = torch.cat(projected, -1)
        return projected if bias is None else projected + bias

    @property
    def _gate_order(self):
        """Keras's position of each gate of the weights that torch keeps."""
        return range(self.gates)

    def _in_keras_order(self, gates):
        return gates

    def _input_bias(self):
        return self._stored(self.bias)

    def _recur(self, h, masks, kernel):
        """``h U`` for the gates that `kernel` holds, with dropout on the state."""
        if len(masks) < 2:
            return torch.matmul(h * masks[0] if masks else h, kernel)
        kernels = torch.split(kernel, self.units, -1)
        return torch.cat([torch.matmul(h * m, k) for m, k in zip(masks, kernels)], -1)

    def call(self, inputs, states, training=None):
        """One step: (output, new states)."""
        if self._dropout_mask is None:
            self._dropout_mask = self._in_training(inputs, self.dropout, training)
        if self._recurrent_dropout_mask is None:
            masks = self._in_training(states[0], self.recurrent_dropout, training)
            self._recurrent_dropout_mask = masks
        x = self._drop(inputs, self._dropout_mask)
        return self.step(self.project(x), states, self._recurrent_dropout_mask)

    # ---- whole sequences ----

    @property
    def is_standard(self):
        """Whether `call` is the one defined here: subclasses may compute something else."""
        return type(self).call is _Cell.call

    def can_scan(self, dropping):
        """Whether there is `scan`: for some activations, and one mask at most for the state."""
        several = dropping and self.recurrent_dropout and self._mask_count > 1
        known = self.activation in _NAMES and self.recurrent_activation in (*_NAMES, None)
        return self.is_standard and known and not several

    @property
    def has_kernel(self):
        """Whether torch has a kernel for these activations."""
        raise NotImplementedError

    def native(self, dropping=True):
        """Whether torch's kernel does the same, in training if `dropping`."""
        several = self.dropout and self._mask_count > 1
        return self.has_kernel and not (dropping and (several or self.recurrent_dropout))

    def scan(self, x, states, dropping=False, native=False, ended=None):
        """All steps of sequences (steps, batch, features): (sequences of states, last states).

        `dropping`: with dropout. `native`: through torch's kernel, which gives only the first
        sequence, that of outputs; of the last states those without a sequence are then those from
        before the steps where `ended` (steps, batch) is true.
        """
        if dropping:
            x = self._drop(x, self._draw(x[0], self.dropout))
        if native:
            return self._run_kernel(x, states, ended)
        drop = self._draw(states[0], self.recurrent_dropout) if dropping else []
        weights = [self._stored(self.kernel), self._input_bias()]
        if isinstance(x, list):
            x, weights = self._project(x), [None, None]
        weights.append(self._stored(self.recurrent_kernel))
        found = self._recurrence(x, states, weights, drop[0] if drop else None)
        return found[: self.states], found[self.states :]

    def _run_kernel(self, x, states, ended):
        x, kernel = self._kernel_inputs(x, ended)
        weights = [kernel, self._stored(self.recurrent_kernel)]
        if self.use_bias:
            weights += self._both_biases()
        states = [s.unsqueeze(0) for s in states]
        hidden = states if len(states) > 1 else states[0]
        # has_biases, layers, dropout, train (for gradients), bidirectional, batch_first
        outputs, *last = self.kernel_function()(
            x, hidden, weights, self.use_bias, 1, 0.0, True, False, False
        )
        return [outputs], [s.squeeze(0) for s in last]

    def _kernel_inputs(self, x, ended):
        """What torch's kernel takes as sequences, and as the weights for them; see `scan`."""
        return x, self._stored(self.kernel)

    def _both_biases(self):
        """The two bias vectors that torch's kernels take."""
        return [self.bias, torch.zeros_like(self.bias)]


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
        self._set_up(locals())

    @property
    def has_kernel(self):
        return self.activation in (activations.tanh, activations.relu)

    def kernel_function(self):
        return torch.rnn_tanh if self.activation is activations.tanh else torch.rnn_relu

    def _recurrence(self, x, states, weights, drop):
        return apply(recurrences.simple, x, *states, *weights, drop, _NAMES[self.activation])

    def step(self, x, states, masks):
        h = self.activation(x + self._recur(states[0], masks, self.recurrent_kernel))
        return h, [h]


class LSTMCell(_Cell):
    """Input, forget and output gates around a carry; `unit_forget_bias` starts forgetting at 1."""

    gates = 4
    gate_letters = "ifco"
    states = 2

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
        self._set_up(locals())

    def _initial_bias(self, shape, dtype=None):
        if not self.unit_forget_bias:
            return super()._initial_bias(shape, dtype)
        bias = as_tensor(super()._initial_bias(shape, dtype)).clone()
        start = self._forget_at()
        bias[start : start + self.output_size] = 1.0
        return bias

    def _forget_at(self):
        """Where in the bias that of the forget gate begins."""
        return self.output_size

    @property
    def has_kernel(self):
        return (
            self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        )

    def kernel_function(self):
        return torch.lstm

    def _kernel_inputs(self, x, ended):
        kernel = self._stored(self.kernel)
        if ended is None:
            return x, kernel
        # A further feature shuts the input gates of sequences that are over, and holds the forget
        # gates open: to the last bit, carries stay what they are.
        x = torch.cat(
            [x.masked_fill(ended.unsqueeze(-1), 0.0), ended.unsqueeze(-1).to(x.dtype)], -1
        )
        return x, record(torch.cat, [kernel, apply(_holding, kernel)], 1)

    def _recurrence(self, x, states, weights, drop):
        names = _NAMES[self.activation], _NAMES[self.recurrent_activation]
        return apply(recurrences.lstm, x, *states, *weights, drop, *names)

    def step(self, x, states, masks):
        z = x + self._recur(states[0], masks, self.recurrent_kernel)
        return self._gated(z, states[1])

    def _gated(self, z, c, axis=-1):
        i, f, g, o = torch.chunk(z, 4, axis)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


def _holding(kernel):
    """The weights of a feature that, where it is 1, makes an LSTM keep its carry."""
    gates = kernel.new_zeros((4, kernel.shape[0] // 4, 1))
    gates[0], gates[1] = -1e4, 1e4
    return gates.flatten(0, 1)


class GRUCell(_Cell):
    """Update and reset gates. `reset_after`: the reset gate scales the product with the recurrent
    kernel, which then has a bias of its own, rather than the state before it."""

    gates = 3
    gate_letters = "zrh"
    kernel_layouts = (GRU_MATRIX, GRU_BIAS)  # of torch's kernel

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
        self._set_up(locals())
        if self.has_kernel:
            self.layouts = self.kernel_layouts

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    @property
    def input_bias(self):
        """The bias of inputs."""
        return self.bias[0] if self.reset_after and self.use_bias else self.bias

    @property
    def recurrent_bias(self):
        """The bias of the recurrent product; None unless `reset_after`."""
        return self.bias[1] if self.reset_after and self.use_bias else None

    def _input_bias(self):
        two = self.reset_after and self.use_bias
        return self._both_biases()[0] if two else super()._input_bias()

    def _both_biases(self):
        return record(torch.unbind, self._stored(self.bias))

    @property
    def _gate_order(self):
        return GRU_BIAS.blocks if self.layouts is self.kernel_layouts else range(3)

    def _in_keras_order(self, gates):
        return GRU_BIAS.to_keras(gates) if self.layouts is self.kernel_layouts else gates

    @property
    def has_kernel(self):
        return (
            self.reset_after
            and self.activation is activations.tanh
            and self.recurrent_activation is activations.sigmoid
        )

    def kernel_function(self):
        return torch.gru

    def _recurrence(self, x, states, weights, drop):
        names = _NAMES[self.activation], _NAMES[self.recurrent_activation]
        if not self.reset_after:
            return apply(recurrences.gru, x, *states, *weights, drop, *names)
        weights.append(self._both_biases()[1] if self.use_bias else None)
        first = self.layouts is self.kernel_layouts
        return apply(recurrences.gru_reset_after, x, *states, *weights, drop, *names, first)

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
            candidate = self.activation(
                x_h + self._recur(r * h, masks[-1:], kernel[:, 2 * units :])
            )
        h = z * h + (1 - z) * candidate
        return h, [h]
