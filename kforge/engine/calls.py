"""What a layer knows of its calls: tensors, shapes and masks, by call or of the only one."""

import contextlib

from .. import config, symbolic
from ..registry import has_arg
from .node import unpack

__all__ = ["CallRecord", "phase_of_call"]


@contextlib.contextmanager
def phase_of_call(layer, kwargs):
    """Within this context the learning phase is what ``training=`` says in a call's `kwargs`.

    Gives those of them that the layer's own `call` takes.
    """
    phase = kwargs.get("training")
    takes = has_arg(layer.call, "training", accept_all=True)
    accepted = {k: v for k, v in kwargs.items() if k != "training" or takes}
    if phase is None or symbolic.is_symbolic(phase):
        yield accepted
    elif symbolic.is_executing():
        with symbolic.executing(int(phase)):
            yield accepted
    else:
        before = config.fixed_learning_phase()
        config.fix_learning_phase(int(phase))
        try:
            yield accepted
        finally:
            config.fix_learning_phase(before)


class CallRecord:
    """The half of a layer that answers about its calls, which are in `_inbound_nodes`."""

    def _node(self, index, what):
        if not self._inbound_nodes:
            raise RuntimeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} at node {index}, but layer {self.name} has only "
                f"{len(self._inbound_nodes)} inbound nodes."
            )
        return self._inbound_nodes[index]

    def _only_node(self, what):
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {what}" '
                f"is ill-defined. Use `get_{what.replace(' ', '_')}_at(node_index)` instead."
            )
        if not self._inbound_nodes:
            raise AttributeError(f"Layer {self.name} has no inbound nodes.")
        return self._inbound_nodes[0]

    def get_input_at(self, node_index):
        """The input tensors of call `node_index`."""
        return unpack(self._node(node_index, "input").input_tensors)

    def get_output_at(self, node_index):
        """The output tensors of call `node_index`."""
        return unpack(self._node(node_index, "output").output_tensors)

    def get_input_shape_at(self, node_index):
        """The input shapes of call `node_index`."""
        return unpack(self._node(node_index, "input shape").input_shapes)

    def get_output_shape_at(self, node_index):
        """The output shapes of call `node_index`."""
        return unpack(self._node(node_index, "output shape").output_shapes)

    def get_input_mask_at(self, node_index):
        """The input masks of call `node_index`."""
        return unpack(self._node(node_index, "input mask").input_masks)

    def get_output_mask_at(self, node_index):
        """The output masks of call `node_index`."""
        return unpack(self._node(node_index, "output mask").output_masks)

    @property
    def input(self):
        """The input of the only call."""
        return unpack(self._only_node("input").input_tensors)

    @property
    def output(self):
        """The output of the only call."""
        return unpack(self._only_node("output").output_tensors)

    @property
    def input_mask(self):
        """The input mask of the only call."""
        return unpack(self._only_node("input mask").input_masks)

    @property
    def output_mask(self):
        """The output mask of the only call."""
        return unpack(self._only_node("output mask").output_masks)

    @property
    def input_shape(self):
        """The input shape, if all calls agree on it."""
        return self._agreed("input_shapes", "input")

    @property
    def output_shape(self):
        """The output shape, if all calls agree on it."""
        return self._agreed("output_shapes", "output")

    def _agreed(self, field, what):
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what} shape."
            )
        found = {str(getattr(node, field)): getattr(node, field) for node in self._inbound_nodes}
        if len(found) == 1:
            return unpack(next(iter(found.values())))
        raise AttributeError(
            f'The layer "{self.name}" has multiple inbound nodes with different {what} shapes. '
            f'Hence the notion of "{what} shape" is ill-defined for the layer. '
            f"Use `get_{what}_shape_at(node_index)` instead."
        )
