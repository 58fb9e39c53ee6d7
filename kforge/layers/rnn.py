"""The loop over time: `RNN`.

Sequences go through the built-in cells as a whole: through torch's own kernels where the
configuration allows, else through loops over the recurrent part; `layer.kernel_path` says which.
Other cells are called step by step.
"""

import numpy as np
import torch

from .. import backend as K
from .. import symbolic
from ..backend.values import apply, as_list
from ..engine import InputSpec, Layer
from ..engine.layer import layers
from ..registry import has_arg
from ..symbolic import Symbolic
from ..variable import Variable, record_update
from .cells import _Cell
from .stack import StackedRNNCells, output_size_of

__all__ = ["RNN"]


class RNN(Layer):
    """Runs a cell, or a stack of cells, over the steps of sequences.

    A cell has `state_size` (a number, or one for each state, the output's first), and
    ``call(inputs_at_t, states_at_t) -> (output_at_t, states_at_t_plus_1)``, which may take
    `training` and `constants`. Masked steps keep the states and repeat the output before.

    Shape: (batch, steps, features) -> (batch, units), or (batch, steps, units) with
    `return_sequences`; with `return_state` a list, the final states following.
    """

    _unlisted = ("cell",)

    # Whether the cell is the layer's own affair: its arguments are the layer's.
    _wraps_cell = False

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        for name in ("call", "state_size"):
            if not hasattr(cell, name):
                raise ValueError(
                    f"`cell` should have a `{name}` attribute. The RNN was passed: {cell!r}"
                )
        if "input_shape" not in kwargs and {"input_dim", "input_length"} & set(kwargs):
            size = kwargs.pop("input_length", None), kwargs.pop("input_dim", None)
            kwargs["input_shape"] = size
        activity_regularizer = kwargs.pop("activity_regularizer", None)
        constants = kwargs.pop("num_constants", None)
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.supports_masking = True
        self.input_spec, self.state_spec = [InputSpec(ndim=3)], None
        self.constants_spec, self._num_constants = None, constants
        self._states = None
        if activity_regularizer is not None:
            self._keep({"activity_regularizer": activity_regularizer})

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            # What the class itself has, but could not give, the cell is not to give instead.
            if name.startswith("_") or "cell" not in self._modules or hasattr(type(self), name):
                raise
            return getattr(self._modules["cell"], name)

    @property
    def states(self):
        """The states between batches: variables of a stateful layer, None until it is built."""
        if self._states is None:
            return [None] * len(as_list(self.cell.state_size))
        return self._states

    @states.setter
    def states(self, states):
        self._states = states

    # ---- shapes and masks ----

    def compute_output_shape(self, input_shape):
        shape = _first_shape(input_shape)
        sizes = as_list(self.cell.state_size)
        output = self._state_shape(output_size_of(self.cell), shape)
        if self.return_sequences:
            output = (output[0], shape[1], *output[1:])
        if not self.return_state:
            return output
        return [output, *(self._state_shape(s, shape) for s in sizes)]

    def _state_shape(self, size, input_shape):
        """The shape of a state of `size`, for inputs of a shape."""
        return (input_shape[0], *(size if isinstance(size, (list, tuple)) else (size,)))

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output_mask = mask if self.return_sequences else None
        return [output_mask] + [None] * len(self.states) if self.return_state else output_mask

    def build(self, input_shape):
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        constants = (
            shapes[len(shapes) - (self._num_constants or 0) :] if self._num_constants else []
        )
        if isinstance(self.cell, _Cell) and self._size_of(shapes[0]) is None:
            raise ValueError(
                f"Layer {self.name}: the number of features of its inputs must be known. Got the "
                f"shape {tuple(shapes[0])}."
            )
        batch = shapes[0][0] if self.stateful else None
        self.input_spec[0] = InputSpec(shape=(batch, None, *shapes[0][2:]))
        if isinstance(self.cell, Layer) and not self.cell.built:
            step = (shapes[0][0], *shapes[0][2:])
            self.cell.build([step, *constants] if constants else step)
            self.cell.built = True
        shape, sizes = (None, *shapes[0][1:]), as_list(self.cell.state_size)
        self.state_spec = [InputSpec(shape=self._state_shape(s, shape)) for s in sizes]
        if self.stateful:
            self.reset_states()
        self.built = True

    @staticmethod
    def _size_of(shape):
        """How many features inputs or states of a shape have."""
        return shape[-1]

    # ---- states ----

    def get_initial_state(self, inputs):
        """Zeros for every state."""
        custom = getattr(self.cell, "get_initial_state", None)
        if custom is not None:
            return as_list(custom(inputs=inputs) if has_arg(custom, "inputs") else custom(inputs))
        shape = tuple(inputs.size(i) if n is None else n for i, n in enumerate(inputs.shape))
        sizes = as_list(self.cell.state_size)
        return [inputs.new_zeros(self._state_shape(size, shape)) for size in sizes]

    def reset_states(self, states=None):
        """Sets the states of a stateful layer: to zeros, or to these arrays.

        Raises `AttributeError` if the layer is not stateful, `ValueError` for other shapes.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        shape = self.input_spec[0].shape
        if not (shape and shape[0]):
            raise ValueError(
                f"Layer {self.name}: if a RNN is stateful, it needs to know its batch size. Pass "
                "`batch_input_shape` to the first layer of a Sequential model, or `batch_shape` to "
                "`Input`."
            )
        shapes = [self._state_shape(s, shape) for s in as_list(self.cell.state_size)]
        if self._states is None:
            dtype = symbolic.torch_dtype(self.dtype)
            self._states = [
                Variable(torch.zeros(s, dtype=dtype), f"{self.name}/state", trainable=False)
                for s in shapes
            ]
            for i, state in enumerate(self._states):
                self._register(f"state_{i}", state)
        if states is None:
            values = [torch.zeros(s) for s in shapes]
        else:
            values = as_list(states)
            if len(values) != len(shapes):
                raise ValueError(
                    f"Layer {self.name} expects {len(shapes)} states, but it received "
                    f"{len(values)} state values. Input received: {states}"
                )
        for i, (value, shape) in enumerate(zip(values, shapes)):
            if np.shape(value) != shape:
                raise ValueError(
                    f"State {i} is incompatible with layer {self.name}: expected shape={shape}, "
                    f"found shape={np.shape(value)}"
                )
        for state, value in zip(self._states, values):
            state.assign(value)

    # ---- calling ----

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        inputs, initial_state, constants = standardize_args(
            inputs, initial_state, constants, self._num_constants
        )
        if initial_state is None and constants is None:
            return super().__call__(inputs, **kwargs)
        initial_state, constants = initial_state or [], constants or []
        if constants:
            self._num_constants = len(constants)
        extra = initial_state + constants
        if all(getattr(t, "_keras_history", None) for t in extra):
            self.input_spec = [
                self.input_spec[0],
                *(InputSpec(shape=tuple(t.shape)) for t in extra),
            ]
            try:
                return super().__call__([inputs, *extra], **kwargs)
            finally:
                self.input_spec = self.input_spec[:1]
        if initial_state:
            kwargs["initial_state"] = [symbolic.as_tensor(s) for s in initial_state]
        if constants:
            kwargs["constants"] = constants
        return super().__call__(inputs, **kwargs)

    @property
    def kernel_path(self):
        """How training runs: "native", torch's kernels; "loop", a loop over the recurrent part.

        It depends on the configuration alone. What only dropout keeps from torch's kernels goes
        through them when testing.
        """
        native = self._scans(True) and self._is_native(True) and not self._num_constants
        return "native" if native else "loop"

    def _scans(self, dropping):
        """Whether sequences go through the cells as a whole."""
        return all(isinstance(c, _Cell) and c.can_scan(dropping) for c in self._cells)

    def _is_native(self, dropping):
        """Whether torch's kernels do."""
        return not self.unroll and all(c.native(dropping) for c in self._cells)

    @property
    def _cells(self):
        return self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        inputs, states, constants = self._split(inputs, initial_state, constants)
        mask = mask[0] if isinstance(mask, list) else mask
        self._check_unroll(inputs)
        if constants and not has_arg(self.cell.call, "constants"):
            raise TypeError(
                f"Layer {self.name}: got constants, but `call` of its cell, {self.cell!r}, has no "
                "argument `constants`."
            )
        if constants or not all(isinstance(c, _Cell) and c.is_standard for c in self._cells):
            found = self._step_by_step(inputs, states, mask, training, constants)
        elif any(c.dropout or c.recurrent_dropout for c in self._cells):
            found = _by_phase(lambda drop: self._whole(inputs, states, mask, drop), training)
        else:
            found = self._whole(inputs, states, mask, False)
        output, *states = found
        if self.stateful:
            self.add_update(
                [record_update("assign", v, s) for v, s in zip(self.states, states)], inputs
            )
        return [output, *states] if self.return_state else output

    def _whole(self, inputs, states, mask, dropping):
        """[output, last states...] of built-in cells."""
        if not self._scans(dropping):
            return self._projected(inputs, states, mask, dropping)
        native = self._is_native(dropping)
        x, seen = _time_major(inputs, mask, self.go_backwards)
        gives_states = self.return_state or self.stateful
        ended = apply(_ended, seen) if seen is not None and gives_states else None
        ends, stack = [], self.cell if isinstance(self.cell, StackedRNNCells) else None
        states = stack.in_cell_order(states) if stack else states
        for cell in self._cells:
            own, states = states[: cell.states], states[cell.states :]
            sequences, last = cell.scan(x, own, dropping, native, ended)
            x = sequences[0]
            if ended is not None:
                found = [apply(_last, s, seen, first) for s, first in zip(sequences, own)]
                last = [*found, *last[len(found) :]]
            ends += last
        ends = stack.in_state_order(ends) if stack else ends
        if self.return_sequences:
            x = x if seen is None else apply(_repeated, x, seen)
            return [x.transpose(0, 1), *ends]
        if seen is not None:
            return [apply(_last, x, seen, None), *ends]
        return [last[0], *ends]

    def _projected(self, inputs, states, mask, dropping):
        """`_whole` for one cell that has a formula for its steps only."""
        cell = self.cell
        if isinstance(cell, StackedRNNCells):
            return self._step_by_step(inputs, states, mask, dropping, [])
        masks = []
        if dropping:
            drops = [m.unsqueeze(1) for m in cell._draw(inputs[:, 0], cell.dropout)]
            inputs = cell._drop(inputs, drops)
            masks = cell._draw(states[0], cell.recurrent_dropout)

        def step(x, rest):
            return cell.step(x, rest[: len(states)], rest[len(states) :])

        return self._loop(step, cell.project(inputs), states, mask, masks)

    def _step_by_step(self, inputs, states, mask, training, constants):
        """[output, last states...] of any cell."""
        kwargs = {"training": training} if has_arg(self.cell.call, "training") else {}
        count = len(states)

        def step(x, rest):
            more = {"constants": rest[count:]} if constants else {}
            return self.cell.call(x, rest[:count], **kwargs, **more)

        self._fresh_dropout()
        found = self._loop(step, inputs, states, mask, constants)
        self._fresh_dropout()
        return found

    def _loop(self, step, inputs, states, mask, constants):
        last, outputs, states = K.rnn(
            step,
            inputs,
            states,
            constants=constants,
            go_backwards=self.go_backwards,
            mask=mask,
            unroll=self.unroll,
            input_length=inputs.shape[1],
        )
        return [outputs if self.return_sequences else last, *states]

    def _fresh_dropout(self):
        """Makes cells draw new dropout masks."""
        for cell in self._cells:
            for name in ("_dropout_mask", "_recurrent_dropout_mask"):
                if hasattr(cell, name):
                    setattr(cell, name, None)

    def _check_unroll(self, inputs):
        if self.unroll and inputs.shape[1] is None:
            raise ValueError(
                f"Layer {self.name}: cannot unroll a RNN if the time dimension is undefined. Pass "
                "`input_shape` to the first layer of a Sequential model (`input_length`, if that "
                "is an Embedding), or `shape` to `Input`."
            )

    def _split(self, inputs, initial_state, constants):
        """(inputs, states, constants) of what `call` was given."""
        if isinstance(inputs, (list, tuple)):
            inputs, *rest = inputs
            at = len(rest) - (self._num_constants or 0)
            constants = rest[at:] or constants
            initial_state = rest[:at] or initial_state
        if initial_state is not None:
            states = as_list(initial_state)
        elif self.stateful:
            states = self.states
        else:
            states = self.get_initial_state(inputs)
        if len(states) != len(self.states):
            raise ValueError(
                f"Layer {self.name} has {len(self.states)} states but was passed {len(states)} "
                "initial states."
            )
        found, sizes = [self._size_of(s.shape) for s in states], as_list(self.cell.state_size)
        wanted = [size[-1] if isinstance(size, (list, tuple)) else size for size in sizes]
        if any(None not in (w, f) and w != f for w, f in zip(wanted, found)):
            raise ValueError(
                f"Layer {self.name}: an initial_state was passed that is not compatible with "
                f"`cell.state_size`. Received shapes {[tuple(s.shape) for s in states]}; however "
                f"`cell.state_size` is {self.cell.state_size}"
            )
        return inputs, states, list(constants or [])

    # ---- configs ----

    def get_config(self):
        found = super().get_config()
        if self._num_constants is not None:
            found["num_constants"] = self._num_constants
        if not self._wraps_cell:
            found["cell"] = layers.serialize(self.cell)
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = layers.deserialize(config["cell"], custom_objects)
        return cls(**config)


def _by_phase(run, training):
    """The results, a list, of ``run(True)`` in training and of ``run(False)`` otherwise."""
    training = K.learning_phase() if training is None else training
    if not isinstance(training, Symbolic):
        return run(bool(training))
    return [K.in_train_phase(a, b, training) for a, b in zip(run(True), run(False))]


def standardize_args(inputs, initial_state, constants, num_constants):
    """(inputs, initial_state, constants): `inputs` may hold the others beside the sequence."""
    if isinstance(inputs, (list, tuple)):
        if initial_state is not None or constants is not None:
            inputs, *rest = inputs
            if rest:
                raise ValueError("Pass states and constants in `inputs` or as keywords, not both.")
        else:
            inputs, *rest = inputs
            at = len(rest) - (num_constants or 0)
            initial_state, constants = rest[:at], rest[at:]
    normalized = [
        list(x) if isinstance(x, (list, tuple)) else None if x is None else [x]
        for x in (initial_state, constants)
    ]
    return inputs, normalized[0] or None, normalized[1] or None


def _first_shape(input_shape):
    return input_shape[0] if isinstance(input_shape, list) else input_shape


def split_steps(x, sequences):
    """(batch * steps, ...) -> (batch, steps, ...), with as many steps as `sequences` have."""
    steps = sequences.shape[1]
    if steps is None:
        return x.unflatten(0, (sequences.size(0), sequences.size(1)))
    return torch.unflatten(x, 0, (-1, steps))


# ---- masks ------------------------------------------------------------------------------------
#
# Masked steps do nothing to the states: they are skipped. The others move to the front of their
# sequences, and what comes behind them is not looked at.


def _time_major(x, mask, backwards):
    """`x` as (steps, batch, features), and how many steps each sample has had at each step.

    Without a mask the latter is None.
    """
    if mask is not None:
        return apply(_unmasked_first, x, mask, backwards)
    x = x.transpose(0, 1)
    return (torch.flip(x, (0,)) if backwards else x.contiguous()), None


def _columns(x):
    """0, 1, ... for the columns of `x`. (torch 2.6 does not record `arange` of recorded sizes.)"""
    return torch.ones_like(x[0]).cumsum(0) - 1


def _unmasked_first(x, mask, backwards):
    steps, batch = x.shape[1], x.shape[0]
    if x.is_meta:
        seen = torch.empty((steps, batch), dtype=torch.int64, device="meta")
        return x.transpose(0, 1), seen
    mask = mask.reshape(batch, steps).to(torch.bool).t()
    mask = mask.flip(0) if backwards else mask
    order = torch.argsort(torch.logical_not(mask).to(torch.uint8), dim=0, stable=True)
    order = steps - 1 - order if backwards else order
    rows = order + steps * _columns(order)
    chosen = x.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, (steps, batch))
    return chosen, mask.cumsum(0)


def _ended(seen):
    """Whether a sequence of unmasked steps is over, for each step of each sample."""
    return torch.ones_like(seen).cumsum(0) > seen[-1]


def _repeated(outputs, seen):
    """What each step, masked ones included, gives: the output before it, zeros at first."""
    if outputs.is_meta:
        return outputs
    steps, batch = seen.shape
    rows = (seen - 1).clamp(min=0) * batch + _columns(seen)
    found = outputs.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, (steps, batch))
    return found * (seen > 0).unsqueeze(-1)


def _last(sequence, seen, first):
    """What is there after the last unmasked step; `first`, or zeros, where all are masked."""
    if sequence.is_meta:
        return sequence[0] if first is None else sequence[0] + first
    batch, count = seen.shape[1], seen[-1]
    rows = (count - 1).clamp(min=0) * batch + _columns(seen)
    found, some = sequence.flatten(0, 1).index_select(0, rows), (count > 0).unsqueeze(-1)
    return found * some if first is None else torch.where(some, found, first)
