"""Layers around layers."""

import copy

import torch

from .. import config, symbolic
from ..backend.values import as_list
from ..engine import Layer
from ..engine.layer import layers
from ..registry import CustomObjectScope, has_arg
from ..saving.own import own_objects
from .rnn import split_steps, standardize_args

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """A layer that applies another one, `layer`, whose weights are its own."""

    _unlisted = ("layer",)

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__} wraps a layer. Got {layer!r}.")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        self.built = True

    @property
    def activity_regularizer(self):
        """That of the wrapped layer."""
        return getattr(self._modules.get("layer"), "activity_regularizer", None)

    @property
    def trainable(self):
        """That of the wrapped layer."""
        layer = self._modules.get("layer")
        return self._trainable if layer is None else layer.trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = self.layer.trainable = value

    def get_config(self):
        found = self._base_config()
        found["layer"] = layers.serialize(self.layer)
        more = super().get_config()
        return {**found, **{k: v for k, v in more.items() if k not in found}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        arguments = dict(config)
        layer = layers.deserialize(arguments.pop("layer"), custom_objects)
        constants = arguments.pop("num_constants", None)
        made = cls(layer, **arguments)
        made._num_constants = constants
        return made


class TimeDistributed(Wrapper):
    """Applies a layer, or a model, to every step of sequences.

    Shape: (batch, steps, ...) -> (batch, steps, ...of the layer's output).
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name}: `TimeDistributed` needs inputs of at least 3 dimensions, "
                f"(batch, steps, ...); got the shape {tuple(input_shape)}."
            )
        if not self.layer.built:
            child = (input_shape[0], *input_shape[2:])
            self.layer.assert_input_compatibility(
                symbolic.placeholder(child, torch.float32, "step")
            )
            self.layer._build_for(child)
        self.built = True

    def assert_input_compatibility(self, inputs):
        """Checks the steps as the layer does, once it is built."""
        super().assert_input_compatibility(inputs)
        if self.built:
            self.layer.assert_input_compatibility(torch.flatten(inputs, 0, 1))

    def compute_output_shape(self, input_shape):
        child = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (child[0], input_shape[1], *child[1:])

    def call(self, inputs, training=None, mask=None):
        kwargs = {}
        if has_arg(self.layer.call, "training"):
            kwargs["training"] = training
        if mask is not None and has_arg(self.layer.call, "mask"):
            kwargs["mask"] = torch.flatten(mask, 0, 1)
        outputs = self.layer.call(torch.flatten(inputs, 0, 1), **kwargs)
        return split_steps(outputs, inputs)

    def compute_mask(self, inputs, mask=None):
        inner = None if mask is None else torch.flatten(mask, 0, 1)
        found = self.layer.compute_mask(torch.flatten(inputs, 0, 1), inner)
        if found is not None:
            return split_steps(found, inputs)
        while mask is not None and len(mask.shape) > 2:
            mask = torch.any(mask, -1)
        return mask


_MERGES = {
    "concat": lambda a, b: torch.cat([a, b], -1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
}


class Bidirectional(Wrapper):
    """Runs a recurrent layer over sequences forwards, a copy of it backwards, and merges.

    `merge_mode`: "concat", "sum", "mul", "ave", or None for a list of both outputs. Around a
    stateful layer it is, as in Keras, itself not `stateful`: training carries the states from batch
    to batch, predictions start from them and leave them, and only its own `reset_states`, not the
    model's, resets them.
    Schuster and Paliwal, 1997, https://ieeexplore.ieee.org/document/650093
    """

    _unlisted = ("layer", "weights")

    def __init__(self, layer, merge_mode="concat", weights=None, **kwargs):
        if merge_mode not in (*_MERGES, None):
            raise ValueError(
                'Invalid merge mode. Merge mode should be one of {"sum", "mul", "ave", "concat", '
                f"None}}; got {merge_mode!r}."
            )
        super().__init__(layer, **kwargs)
        if not hasattr(layer, "go_backwards"):
            raise ValueError(
                f"Layer {self.name}: `Bidirectional` wraps a recurrent layer, with arguments such "
                f"as `go_backwards` and `return_sequences`. Got {layer!r}."
            )
        self.forward_layer, self.backward_layer = _twin(layer), _reversed(layer)
        self.forward_layer.name = f"forward_{layer.name}"
        self.backward_layer.name = f"backward_{self.backward_layer.name}"
        self.merge_mode = merge_mode
        if weights:
            half = len(weights) // 2
            self.forward_layer._initial_weights = weights[:half]
            self.backward_layer._initial_weights = weights[half:]
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.supports_masking = True
        self.input_spec, self._num_constants = layer.input_spec, None

    def _sublayers(self):
        return [self.forward_layer, self.backward_layer]

    @property
    def trainable(self):
        """Whether optimizers change the weights of both directions."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = value
        self.forward_layer.trainable = self.backward_layer.trainable = value

    @property
    def constraints(self):
        """{weight: constraint} of the weights that have one."""
        return {w: w.constraint for w in self.weights if w.constraint is not None}

    def build(self, input_shape):
        for layer in self._sublayers():
            with config.name_scope(layer.name):
                layer._build_for(input_shape)
        self.input_spec = self.forward_layer.input_spec
        self.built = True

    def assert_input_compatibility(self, inputs):
        """Checks the sequences; states and constants may stand beside them."""
        super().assert_input_compatibility(as_list(inputs)[:1])

    def compute_output_shape(self, input_shape):
        found = self.forward_layer.compute_output_shape(input_shape)
        output, *states = found if self.return_state else [found]
        if self.merge_mode == "concat":
            output = (*output[:-1], output[-1] * 2)
        outputs = [output, output] if self.merge_mode is None else [output]
        outputs += [*states, *states]
        return outputs if len(outputs) > 1 else outputs[0]

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        inputs, initial_state, constants = standardize_args(
            inputs, initial_state, constants, self._num_constants
        )
        states, constants = initial_state or [], constants or []
        if len(states) % 2:
            raise ValueError(
                "When passing `initial_state` to a Bidirectional RNN, the state should be a list "
                "containing the states of the underlying RNNs, those of the forward one first. "
                f"Found: {initial_state}"
            )
        if not states and not constants:
            return super().__call__(inputs, **kwargs)
        if constants:
            self._num_constants = len(constants)
            for layer in self._sublayers():
                layer._num_constants = len(constants)
        extra = states + constants
        if all(getattr(t, "_keras_history", None) for t in extra):
            return super().__call__([inputs, *extra], **kwargs)
        if states:
            kwargs["initial_state"] = [symbolic.as_tensor(s) for s in states]
        if constants:
            kwargs["constants"] = constants
        return super().__call__(inputs, **kwargs)

    def call(self, inputs, mask=None, training=None, initial_state=None, constants=None):
        constants = list(constants or [])
        if isinstance(inputs, (list, tuple)):
            inputs, *rest = inputs
            at = len(rest) - (self._num_constants or 0)
            initial_state, constants = rest[:at] or initial_state, rest[at:] or constants
        mask = mask[0] if isinstance(mask, list) else mask
        states = as_list(initial_state) if initial_state is not None else []
        half, found = len(states) // 2, []
        for layer, own in zip(self._sublayers(), (states[:half], states[half:])):
            kwargs = {}
            if own:
                kwargs["initial_state"] = own
            if constants:
                kwargs["constants"] = constants
            for name, value in (("mask", mask), ("training", training)):
                if has_arg(layer.call, name):
                    kwargs[name] = value
            outputs = layer.call(inputs, **kwargs)
            found.append(outputs if self.return_state else [outputs])
        (ahead, *ahead_states), (back, *back_states) = found
        if self.return_sequences:
            back = torch.flip(back, (1,))
        merged = (
            [ahead, back] if self.merge_mode is None else [_MERGES[self.merge_mode](ahead, back)]
        )
        outputs = [*merged, *ahead_states, *back_states]
        return outputs if len(outputs) > 1 else outputs[0]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, list) else mask
        own = mask if self.return_sequences else None
        masks = [own, own] if self.merge_mode is None else [own]
        if self.return_state:
            masks += [None] * (2 * len(self.forward_layer.states))
        return masks if len(masks) > 1 else masks[0]

    def reset_states(self):
        """Resets the states of both directions."""
        for layer in self._sublayers():
            layer.reset_states()

    def get_config(self):
        found = super().get_config()
        if self._num_constants is not None:
            found["num_constants"] = self._num_constants
        return found


def _twin(layer):
    """A copy that shares the cell of a layer, with calls and losses of its own."""
    twin = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, (list, dict)):
            object.__setattr__(twin, name, type(value)(value))
    vars(twin).update(_inbound_nodes=[], _outbound_nodes=[])
    return twin


def _reversed(layer):
    """A layer of the same config that goes the other way."""
    described = layer.get_config()
    described["go_backwards"] = not described["go_backwards"]
    with CustomObjectScope(own_objects(layer)):
        return type(layer).from_config(described)
