"""Bases of Keras 1 for recurrent layers whose step is a method, for the layers built on them."""

from .. import backend as K
from ..engine import InputSpec, Layer
from ..utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from .rnn import RNN

__all__ = ["ConvRecurrent2D", "Recurrent"]


class _Steps:
    """A layer's own `step` as the cell of its loop."""

    def __init__(self, layer):
        self.layer = layer

    @property
    def state_size(self):
        """As many states as the layer's `build` declared, each with its `units`."""
        return [getattr(self.layer, "units", None)] * self.layer._state_count

    def call(self, inputs, states):
        """One step."""
        return self.layer.step(inputs, states)


class Recurrent(RNN):
    """A loop over a method of its own: ``step(inputs, states) -> (output, new states)``.

    Subclasses set `units`, and in `build` ``self.states = [None, ...]``, one None a state. They
    may implement `get_initial_state(inputs)`, `preprocess_input(inputs)`, which is applied to the
    whole sequence before the loop, and `get_constants(inputs)`, which `step` finds after the
    states.

    Shape: (batch, steps, features) -> (batch, units), or (batch, steps, units) with
    `return_sequences`; with `return_state` a list, the final states following.
    """

    _state_count = 1

    def __init__(
        self,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        implementation=0,
        **kwargs,
    ):
        loop = (return_sequences, return_state, go_backwards, stateful, unroll)
        super().__init__(_Steps(self), *loop, **kwargs)
        self.implementation = implementation

    @property
    def states(self):
        """The states between batches: variables of a stateful layer, None before."""
        return [None] * self._state_count if self._states is None else self._states

    @states.setter
    def states(self, states):
        self._state_count = len(states)
        self._states = None if all(s is None for s in states) else list(states)

    def step(self, inputs, states):
        """The computation of one step; subclasses implement it."""
        raise NotImplementedError(f"Layer {self.name}: implement `step(inputs, states)`.")

    def preprocess_input(self, inputs, training=None):
        """What the loop runs over: the inputs, unless overridden."""
        return inputs

    def get_constants(self, inputs, training=None):
        """Tensors that each step gets after the states: none, unless overridden."""
        return []

    def _step_by_step(self, inputs, states, mask, training, constants):
        inputs, constants = (
            self.preprocess_input(inputs, training=None),
            self.get_constants(inputs, training=None),
        )
        return self._loop(self.step, inputs, states, mask, constants)

    def get_config(self):
        return Layer.get_config(self)


class ConvRecurrent2D(Recurrent):
    """`Recurrent` whose steps convolve images; subclasses implement `get_initial_state` too.

    Shape: (batch, steps, rows, cols, channels) -> (batch, new rows, new cols, filters), or with
    the axis of steps.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        super().__init__(
            return_sequences=return_sequences,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )
        self.filters = filters
        self.kernel_size = normalize_tuple(kernel_size, 2, "kernel_size")
        self.strides = normalize_tuple(strides, 2, "strides")
        self.padding = normalize_padding(padding)
        self.data_format = K.normalize_data_format(data_format)
        self.dilation_rate = normalize_tuple(dilation_rate, 2, "dilation_rate")
        self.input_spec = [InputSpec(ndim=5)]

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        first = self.data_format == "channels_first"
        settings = zip(
            shape[3:] if first else shape[2:4], self.kernel_size, self.strides, self.dilation_rate
        )
        sizes = tuple(
            conv_output_length(size, window, self.padding, stride, dilation)
            for size, window, stride, dilation in settings
        )
        image = (self.filters, *sizes) if first else (*sizes, self.filters)
        output = (*shape[:2], *image) if self.return_sequences else (shape[0], *image)
        if not self.return_state:
            return output
        return [output] + [(shape[0], *image)] * self._state_count
