"""Recurrent layers: cells hold weights and arithmetic, `RNN` holds the loop.

`LSTM`, `GRU` and `SimpleRNN` run torch's own kernels where the configuration allows, and otherwise
project all steps at once and loop over the recurrent part; `layer.kernel_path` says which.
"""

import torch

from .. import backend as K
from .. import lowering, symbolic
from ..engine import InputSpec, Layer
from ..engine.layer import layers
from ..engine.node import to_list
from ..registry import has_arg
from ..variable import Variable
from .cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells, rnn_init

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]


class RNN(Layer):
    """Runs a cell, or a stack of cells, over the steps of sequences.

    A cell has `state_size` (a number, or one for each state, the output's first), and
    ``call(inputs_at_t, states_at_t) -> (output_at_t, states_at_t_plus_1)``, which may take
    `training` and `constants`. Masked steps keep the states and repeat the output before.

    Shape: (batch, steps, features) -> (batch, units), or (batch, steps, units) with
    `return_sequences`; with `return_state` a list, the final states following.
    """

    _unlisted = ("cell",)

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
            if name.startswith("_") or "cell" not in self._modules:
                raise
            return getattr(self._modules["cell"], name)

    @property
    def states(self):
        """The states between batches: variables of a stateful layer, None until it is built."""
        if self._states is None:
            return [None] * len(to_list(self.cell.state_size))
        return self._states

    @states.setter
    def states(self, states):
        self._states = states

    # ---- shapes and masks ----

    def compute_output_shape(self, input_shape):
        batch, steps = _first_shape(input_shape)[:2]
        sizes = to_list(self.cell.state_size)
        size = getattr(self.cell, "output_size", None)
        output = self._feature_shape(sizes[0] if size is None else size)
        output = (batch, steps, *output) if self.return_sequences else (batch, *output)
        if not self.return_state:
            return output
        return [output, *((batch, *self._feature_shape(s)) for s in sizes)]

    @staticmethod
    def _feature_shape(size):
        return tuple(size) if isinstance(size, (list, tuple)) else (size,)

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        output_mask = mask if self.return_sequences else None
        return [output_mask] + [None] * len(self.states) if self.return_state else output_mask

    def build(self, input_shape):
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        constants = (
            shapes[len(shapes) - (self._num_constants or 0) :] if self._num_constants else []
        )
        batch = shapes[0][0] if self.stateful else None
        self.input_spec[0] = InputSpec(shape=(batch, None, *shapes[0][2:]))
        if isinstance(self.cell, Layer) and not self.cell.built:
            step = (shapes[0][0], *shapes[0][2:])
            self.cell.build([step, *constants] if constants else step)
            self.cell.built = True
        sizes = to_list(self.cell.state_size)
        if self.state_spec is not None:
            if [spec.shape[-1] for spec in self.state_spec] != sizes:
                raise ValueError(
                    f"Layer {self.name}: an initial_state was passed that is not compatible with "
                    f"`cell.state_size`. Received shapes "
                    f"{[spec.shape for spec in self.state_spec]}; however `cell.state_size` is "
                    f"{self.cell.state_size}"
                )
        else:
            self.state_spec = [InputSpec(shape=(None, *self._feature_shape(s))) for s in sizes]
        if self.stateful:
            self.reset_states()
        self.built = True

    # ---- states ----

    def get_initial_state(self, inputs):
        """Zeros for every state."""
        custom = getattr(self.cell, "get_initial_state", None)
        if custom is not None:
            return to_list(custom(inputs=inputs) if has_arg(custom, "inputs") else custom(inputs))
        batch = inputs.size(0)
        return [
            inputs.new_zeros((batch, *self._feature_shape(s)))
            for s in to_list(self.cell.state_size)
        ]

    def _state_shape(self, size, batch):
        return (batch, *self._feature_shape(size))

    def reset_states(self, states=None):
        """Sets the states of a stateful layer: to zeros, or to these arrays.

        Raises `AttributeError` if the layer is not stateful, `ValueError` for other shapes.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        batch = self.input_spec[0].shape[0] if self.input_spec[0].shape else None
        if not batch:
            raise ValueError(
                f"Layer {self.name}: if a RNN is stateful, it needs to know its batch size. Specify "
                "the batch size of your input tensors: \n- If using a Sequential model, specify the "
                "batch size by passing a `batch_input_shape` argument to your first layer.\n- If "
                "using the functional API, specify the batch size by passing a `batch_shape` "
                "argument to your Input layer."
            )
        shapes = [self._state_shape(s, batch) for s in to_list(self.cell.state_size)]
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
            values = to_list(states)
            if len(values) != len(shapes):
                raise ValueError(
                    f"Layer {self.name} expects {len(shapes)} states, but it received "
                    f"{len(values)} state values. Input received: {states}"
                )
        for i, (value, shape) in enumerate(zip(values, shapes)):
            if tuple(value.shape) != shape:
                raise ValueError(
                    f"State {i} is incompatible with layer {self.name}: expected shape={shape}, "
                    f"found shape={tuple(value.shape)}"
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
            specs = self.input_spec
            self.input_spec = [specs[0], *(InputSpec(shape=tuple(t.shape)) for t in extra)]
            if initial_state:
                self.state_spec = self.input_spec[1 : 1 + len(initial_state)]
            try:
                return super().__call__([inputs, *extra], **kwargs)
            finally:
                self.input_spec = self.input_spec[:1]
        if initial_state:
            kwargs["initial_state"] = [symbolic.as_tensor(s) for s in initial_state]
        if constants:
            kwargs["constants"] = constants
        return super().__call__(inputs, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        inputs, states, constants = self._split(inputs, initial_state, constants)
        mask = mask[0] if isinstance(mask, list) else mask
        self._check_unroll(inputs)
        kwargs = {"training": training} if has_arg(self.cell.call, "training") else {}
        count = len(states)

        def step(x, rest):
            more = {"constants": rest[count:]} if constants else {}
            return self.cell.call(x, rest[:count], **kwargs, **more)

        self._fresh_dropout()
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
        self._fresh_dropout()
        return self._outputs(inputs, last, outputs, states)

    def _fresh_dropout(self):
        """Makes cells draw new dropout masks."""
        for cell in getattr(self.cell, "cells", [self.cell]):
            for name in ("_dropout_mask", "_recurrent_dropout_mask"):
                if hasattr(cell, name):
                    setattr(cell, name, None)

    def _check_unroll(self, inputs):
        if self.unroll and inputs.shape[1] is None:
            raise ValueError(
                f"Layer {self.name}: cannot unroll a RNN if the time dimension is undefined. \n- If "
                "using a Sequential model, specify the time dimension by passing an `input_shape` "
                "or `batch_input_shape` argument to your first layer. If your first layer is an "
                "Embedding, you can also use the `input_length` argument.\n- If using the "
                "functional API, specify the time dimension by passing a `shape` or `batch_shape` "
                "argument to your Input layer."
            )

    def _split(self, inputs, initial_state, constants):
        """(inputs, states, constants) of what `call` was given."""
        if isinstance(inputs, (list, tuple)):
            inputs, *rest = inputs
            at = len(rest) - (self._num_constants or 0)
            constants = rest[at:] or constants
            initial_state = rest[:at] or initial_state
        if initial_state is not None:
            states = to_list(initial_state)
        elif self.stateful:
            states = self.states
        else:
            states = self.get_initial_state(inputs)
        if len(states) != len(self.states):
            raise ValueError(
                f"Layer {self.name} has {len(self.states)} states but was passed {len(states)} "
                "initial states."
            )
        return inputs, states, list(constants or [])

    def _outputs(self, inputs, last, outputs, states):
        if self.stateful:
            self.add_update(
                [lowering.update("assign", v, s) for v, s in zip(self.states, states)], inputs
            )
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    # ---- configs ----

    def get_config(self):
        found = super().get_config()
        if self._num_constants is not None:
            found["num_constants"] = self._num_constants
        if not isinstance(self, _CellRNN):
            cell = {"class_name": type(self.cell).__name__, "config": self.cell.get_config()}
            found["cell"] = cell
        return found

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = layers.deserialize(config["cell"], custom_objects)
        return cls(**config)


def standardize_args(inputs, initial_state, constants, num_constants):
    """(inputs, initial_state, constants), with what `inputs` holds beside the sequence taken out."""
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


class _CellRNN(RNN):
    """A layer around one built-in cell, whose arguments it takes."""

    cell_class = None

    def __init_subclass__(cls, **kwargs):
        if cls.__module__ == __name__:
            cls.__init__ = rnn_init(cls.cell_class, RNN, cls.__name__)
        super().__init_subclass__(**kwargs)

    @property
    def kernel_path(self):
        """ "native": torch's kernel; "loop": a loop over the recurrent part."""
        return vars(self).get("_kernel_path") or ("native" if self._is_native() else "loop")

    def _is_native(self, mask=None):
        own = type(self.cell).call is self.cell_class.call
        states_of_masked = mask is not None and (self.return_state or self.stateful)
        return own and self.cell.native and not self.unroll and not states_of_masked

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        if type(self.cell).call is not self.cell_class.call or constants:
            return super().call(inputs, mask, training, initial_state, constants)
        inputs, states, _ = self._split(inputs, initial_state, None)
        mask = mask[0] if isinstance(mask, list) else mask
        self._check_unroll(inputs)
        native = self._is_native(mask)
        self._kernel_path = "native" if native else "loop"
        x, steps_mask = self.cell.drop_inputs(inputs, training), mask
        if native:
            last, outputs, states = self._run_native(x, states, steps_mask)
            return self._outputs(inputs, last, outputs, states)
        masks = self.cell.recurrent_masks(states[0], training)
        last, outputs, states = K.rnn(
            lambda x, rest: self.cell.step(x, rest[: len(states)], rest[len(states) :]),
            self.cell.project(x),
            states,
            constants=masks,
            go_backwards=self.go_backwards,
            mask=steps_mask,
            unroll=self.unroll,
            input_length=inputs.shape[1],
        )
        return self._outputs(inputs, last, outputs, states)

    def _run_native(self, x, states, mask):
        """(last output, outputs, states) through torch's kernel."""
        if self.go_backwards:
            x = torch.flip(x, (1,))
            mask = None if mask is None else torch.flip(mask, (1,))
        if mask is None:
            outputs, *states = self.cell.run(x, states)
            return outputs[:, -1], outputs, states
        # Masked steps are skipped: the others move to the front, in order; afterwards each step
        # takes the output of the last unmasked one up to it, zeros before the first.
        mask = mask.to(torch.bool)
        order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
        outputs, *_ = self.cell.run(_pick(x, order), states)
        position = torch.cumsum(mask.to(torch.int64), 1) - 1
        outputs = _pick(outputs, torch.clamp(position, min=0))
        outputs = outputs * (position >= 0).unsqueeze(-1).to(outputs.dtype)
        return outputs[:, -1], outputs, states


def _pick(x, index):
    """The steps of `x` that `index`, (batch, steps), names."""
    return torch.gather(x, 1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


class SimpleRNN(_CellRNN):
    """Fully connected recurrence: ``h = activation(x W + h U + b)``."""

    cell_class = SimpleRNNCell


class GRU(_CellRNN):
    """Gated recurrent unit; `reset_after` applies the reset gate after the product, as cuDNN does.

    Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """

    cell_class = GRUCell


class LSTM(_CellRNN):
    """Long short-term memory; its states are the output and the carry.

    Hochreiter and Schmidhuber, 1997, https://www.bioinf.jku.at/publications/older/2604.pdf
    """

    cell_class = LSTMCell
