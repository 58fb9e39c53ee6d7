"""`tf.nn.rnn_cell` and what runs its cells over sequences."""

from collections import namedtuple

import torch

from ... import backend as K
from ... import initializers
from ...backend.loops import rebuilt
from ...trees import leaves, map_leaves
from . import nn
from .arrays import sequence_mask, zeros
from .scopes import get_variable, variable_scope
from .segments import reverse_sequence
from .values import convert, tensor

__all__ = ["CELLS", "FUNCTIONS"]

LSTMStateTuple = namedtuple("LSTMStateTuple", "c h")


class RNNCell:
    """One step of a recurrent network: ``cell(inputs, state)`` gives (output, new state).

    `state_size` and `output_size` are its sizes; `build(size of inputs)` makes its variables.
    """

    scope_name = "rnn_cell"
    built = False

    def __init__(self, name=None, reuse=None):
        self._name, self._reuse = name or self.scope_name, reuse

    def build(self, size):
        """Makes the variables."""

    def call(self, inputs, state):
        """One step."""
        raise NotImplementedError(f"{type(self).__name__} has no `call(inputs, state)`.")

    def __call__(self, inputs, state, scope=None):
        self.ensure_built(inputs.shape[-1], scope)
        return self.call(inputs, state)

    def ensure_built(self, size, scope=None):
        """Makes the variables, once."""
        if not self.built:
            with variable_scope(scope or self._name, reuse=self._reuse):
                self.build(size)
            self.built = True

    def zero_state(self, batch_size, dtype):
        """A state of zeros."""
        return map_leaves(lambda n: zeros([batch_size, n], dtype), self.state_size)


class BasicRNNCell(RNNCell):
    """``activation([x, h] @ kernel + bias)``."""

    scope_name = "basic_rnn_cell"

    def __init__(self, num_units, activation=None, reuse=None, name=None, dtype=None, **kwargs):
        super().__init__(name, reuse)
        self.state_size = self.output_size = num_units
        self._activation = activation or torch.tanh

    def build(self, size):
        """See `RNNCell`."""
        self.kernel = get_variable("kernel", [size + self.state_size, self.state_size])
        self.bias = get_variable("bias", [self.state_size], initializer=initializers.Zeros())

    def call(self, inputs, state):
        """See `RNNCell`."""
        new = self._activation(torch.cat([inputs, state], 1) @ self.kernel + self.bias)
        return new, new


class GRUCell(RNNCell):
    """Cho et al., 2014: ``u * h + (1 - u) * c``, the reset before the product."""

    scope_name = "gru_cell"

    def __init__(
        self,
        num_units,
        activation=None,
        reuse=None,
        kernel_initializer=None,
        bias_initializer=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name, reuse)
        self.state_size = self.output_size = num_units
        self._activation = activation or torch.tanh
        self._initializers = kernel_initializer, bias_initializer

    def build(self, size):
        """See `RNNCell`."""
        kernel, bias = self._initializers
        n = self.state_size
        with variable_scope("gates"):
            self.gate_kernel = get_variable("kernel", [size + n, 2 * n], initializer=kernel)
            ones = bias or initializers.Ones()
            self.gate_bias = get_variable("bias", [2 * n], initializer=ones)
        with variable_scope("candidate"):
            self.kernel = get_variable("kernel", [size + n, n], initializer=kernel)
            self.bias = get_variable("bias", [n], initializer=bias or initializers.Zeros())

    def call(self, inputs, state):
        """See `RNNCell`."""
        gates = torch.cat([inputs, state], 1) @ self.gate_kernel + self.gate_bias
        reset, keep = torch.chunk(torch.sigmoid(gates), 2, 1)
        new = torch.cat([inputs, reset * state], 1) @ self.kernel + self.bias
        new = keep * state + (1 - keep) * self._activation(new)
        return new, new


class LSTMCell(RNNCell):
    """Hochreiter and Schmidhuber, 1997; the gates are i, c, f, o; a projection of the output."""

    scope_name = "lstm_cell"

    def __init__(
        self,
        num_units,
        use_peepholes=False,
        cell_clip=None,
        initializer=None,
        num_proj=None,
        proj_clip=None,
        num_unit_shards=None,
        num_proj_shards=None,
        forget_bias=1.0,
        state_is_tuple=True,
        activation=None,
        reuse=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(name, reuse)
        self._units, self._peepholes = num_units, use_peepholes
        self._cell_clip, self._proj_clip = cell_clip, proj_clip
        self._initializer, self._projected = initializer, num_proj
        self._forget_bias, self._is_tuple = forget_bias, state_is_tuple
        self._activation = activation or torch.tanh
        self.output_size = num_proj or num_units
        sizes = LSTMStateTuple(num_units, self.output_size)
        self.state_size = sizes if state_is_tuple else sum(sizes)

    def build(self, size):
        """See `RNNCell`."""
        n, first = self._units, self._initializer
        shape = [size + self.output_size, 4 * n]
        self.kernel = get_variable("kernel", shape, initializer=first)
        self.bias = get_variable("bias", [4 * n], initializer=initializers.Zeros())
        if self._peepholes:
            names = [f"w_{gate}_diag" for gate in "fio"]
            self.diagonals = [get_variable(name, [n], initializer=first) for name in names]
        if self._projected:
            with variable_scope("projection"):
                shape = [n, self._projected]
                self.projection = get_variable("kernel", shape, initializer=first)

    def call(self, inputs, state):
        """See `RNNCell`."""
        c, h = state if self._is_tuple else (state[:, : self._units], state[:, self._units :])
        gates = torch.cat([inputs, h], 1) @ self.kernel + self.bias
        i, j, f, o = torch.chunk(gates, 4, 1)
        f = f + self._forget_bias
        if self._peepholes:
            f, i = f + self.diagonals[0] * c, i + self.diagonals[1] * c
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            c = K.clip(c, -self._cell_clip, self._cell_clip)
        if self._peepholes:
            o = o + self.diagonals[2] * c
        h = torch.sigmoid(o) * self._activation(c)
        if self._projected:
            h = h @ self.projection
            h = h if self._proj_clip is None else K.clip(h, -self._proj_clip, self._proj_clip)
        return h, LSTMStateTuple(c, h) if self._is_tuple else torch.cat([c, h], 1)


class BasicLSTMCell(LSTMCell):
    """`LSTMCell` without its options."""

    scope_name = "basic_lstm_cell"

    def __init__(
        self,
        num_units,
        forget_bias=1.0,
        state_is_tuple=True,
        activation=None,
        reuse=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(
            num_units,
            forget_bias=forget_bias,
            state_is_tuple=state_is_tuple,
            activation=activation,
            reuse=reuse,
            name=name,
        )


class _Wrapper(RNNCell):
    def __init__(self, cell):
        super().__init__()
        self._cell = cell

    state_size = property(lambda self: self._cell.state_size, doc="The cell's.")
    output_size = property(lambda self: self._cell.output_size, doc="The cell's.")

    def ensure_built(self, size, scope=None):
        """See `RNNCell`."""
        self._cell.ensure_built(size, scope)


class DropoutWrapper(_Wrapper):
    """A cell of whose inputs, outputs and states parts are set to 0, by chance at each step."""

    def __init__(
        self,
        cell,
        input_keep_prob=1.0,
        output_keep_prob=1.0,
        state_keep_prob=1.0,
        variational_recurrent=False,
        input_size=None,
        dtype=None,
        seed=None,
    ):
        if variational_recurrent:
            raise ValueError("DropoutWrapper: variational_recurrent is not offered here.")
        super().__init__(cell)
        seeds = [None] * 3 if seed is None else [seed, seed + 1, seed + 2]
        self._kept = list(zip((input_keep_prob, output_keep_prob, state_keep_prob), seeds))

    def call(self, inputs, state):
        """See `RNNCell`."""
        into, out, between = self._kept
        found, new = self._cell(_dropped(inputs, *into), state)
        if isinstance(new, LSTMStateTuple):
            new = LSTMStateTuple(new.c, _dropped(new.h, *between))
        else:
            new = map_leaves(lambda x: _dropped(x, *between), new)
        return _dropped(found, *out), new


def _dropped(x, keep, seed):
    is_whole = isinstance(keep, (int, float)) and keep >= 1
    return x if is_whole else nn.dropout(x, keep, seed=seed)


class ResidualWrapper(_Wrapper):
    """A cell whose inputs are added to its outputs."""

    def __init__(self, cell, residual_fn=None):
        super().__init__(cell)
        self._join = residual_fn or (lambda x, y: x + y)

    def call(self, inputs, state):
        """See `RNNCell`."""
        found, new = self._cell(inputs, state)
        return self._join(inputs, found), new


class DeviceWrapper(_Wrapper):
    """A cell as it is: devices are those of the scope around."""

    def __init__(self, cell, device=None):
        super().__init__(cell)

    def call(self, inputs, state):
        """See `RNNCell`."""
        return self._cell(inputs, state)


class MultiRNNCell(RNNCell):
    """Cells of which each takes the outputs of the one before; their states are a tuple."""

    scope_name = "multi_rnn_cell"

    def __init__(self, cells, state_is_tuple=True):
        if not state_is_tuple:
            raise ValueError("MultiRNNCell: state_is_tuple=False is not offered here.")
        super().__init__()
        self._cells = list(cells)
        self.state_size = tuple(cell.state_size for cell in self._cells)
        self.output_size = self._cells[-1].output_size

    def build(self, size):
        """See `RNNCell`."""
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                cell.ensure_built(size)
            size = cell.output_size

    def call(self, inputs, state):
        """See `RNNCell`."""
        new = []
        for cell, own in zip(self._cells, state):
            inputs, own = cell(inputs, own)
            new.append(own)
        return inputs, tuple(new)


# ---- over sequences -----------------------------------------------------------------------------


def dynamic_rnn(
    cell,
    inputs,
    sequence_length=None,
    initial_state=None,
    dtype=None,
    parallel_iterations=None,
    swap_memory=False,
    time_major=False,
    scope=None,
):
    """(outputs of all steps, the last state); outputs after `sequence_length` steps are 0."""
    x = tensor(inputs)
    x = x.transpose(0, 1) if time_major else x
    with variable_scope(scope or "rnn"):
        cell.ensure_built(x.shape[-1])
    first = initial_state
    if first is None:
        first = cell.zero_state(x.shape[0] or K.shape(x)[0], dtype or x.dtype)
    if sequence_length is not None:
        mask = sequence_mask(sequence_length, K.shape(x)[1], x.dtype).unsqueeze(-1)
        x = torch.cat([x, mask], -1)

    def step(inputs, states):
        counts = None if sequence_length is None else inputs[:, -1:]
        inputs = inputs if counts is None else inputs[:, :-1]
        found, new = cell(inputs, rebuilt(first, list(states)))
        new = leaves(new)
        if counts is not None:
            found = found * counts
            new = [counts * b + (1 - counts) * a for a, b in zip(states, new)]
        return found, new

    _, outputs, last = K.rnn(step, x, leaves(first))
    outputs = outputs.transpose(0, 1) if time_major else outputs
    return outputs, rebuilt(first, list(last))


def bidirectional_dynamic_rnn(
    cell_fw,
    cell_bw,
    inputs,
    sequence_length=None,
    initial_state_fw=None,
    initial_state_bw=None,
    dtype=None,
    parallel_iterations=None,
    swap_memory=False,
    time_major=False,
    scope=None,
):
    """((outputs forwards, backwards), (last states forwards, backwards))."""
    x = tensor(inputs)
    axis = 0 if time_major else 1

    def turned(x):
        if sequence_length is None:
            return torch.flip(x, [axis])
        return reverse_sequence(x, sequence_length, axis, 1 - axis)

    shared = {"dtype": dtype, "time_major": time_major}
    with variable_scope(scope or "bidirectional_rnn"):
        forwards = dynamic_rnn(cell_fw, x, sequence_length, initial_state_fw, scope="fw", **shared)
        backwards = dynamic_rnn(
            cell_bw, turned(x), sequence_length, initial_state_bw, scope="bw", **shared
        )
    return (forwards[0], turned(backwards[0])), (forwards[1], backwards[1])


def static_rnn(cell, inputs, initial_state=None, dtype=None, sequence_length=None, scope=None):
    """(a list of the outputs of steps, the last state) of a list of inputs."""
    if sequence_length is not None:
        outputs, state = dynamic_rnn(
            cell, torch.stack(inputs, 1), sequence_length, initial_state, dtype, scope=scope
        )
        return [outputs[:, i] for i in range(len(inputs))], state
    x = tensor(inputs[0])
    state = initial_state
    if state is None:
        state = cell.zero_state(x.shape[0] or K.shape(x)[0], dtype or x.dtype)
    outputs = []
    with variable_scope(scope or "rnn"):
        for x in inputs:
            found, state = cell(convert(x), state)
            outputs.append(found)
    return outputs, state


CELLS = {
    "BasicLSTMCell": BasicLSTMCell,
    "BasicRNNCell": BasicRNNCell,
    "DeviceWrapper": DeviceWrapper,
    "DropoutWrapper": DropoutWrapper,
    "GRUCell": GRUCell,
    "LSTMCell": LSTMCell,
    "LSTMStateTuple": LSTMStateTuple,
    "MultiRNNCell": MultiRNNCell,
    "RNNCell": RNNCell,
    "ResidualWrapper": ResidualWrapper,
}
FUNCTIONS = {
    "bidirectional_dynamic_rnn": bidirectional_dynamic_rnn,
    "dynamic_rnn": dynamic_rnn,
    "static_rnn": static_rnn,
}
