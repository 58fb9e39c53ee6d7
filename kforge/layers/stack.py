"""Recurrent cells on top of each other."""

import itertools

from ..backend.values import as_list
from ..engine import Layer
from ..engine.layer import layers
from ..registry import has_arg

__all__ = ["StackedRNNCells", "output_size_of"]


def output_size_of(cell):
    """The size of a cell's output, which is its first state unless the cell says otherwise."""
    size = getattr(cell, "output_size", None)
    return as_list(cell.state_size)[0] if size is None else size


class StackedRNNCells(Layer):
    """Cells on top of each other, as one. The states are those of the cells in order.

    `reverse_state_order`: the states of the last cell come first, as before Keras 2.2.
    """

    def __init__(self, cells, reverse_state_order=False, **kwargs):
        for cell in cells:
            for name in ("call", "state_size"):
                if not hasattr(cell, name):
                    raise ValueError(
                        f"All cells must have a `{name}` attribute. Received cells: {cells}"
                    )
        super().__init__(**kwargs)
        self.cells, self.reverse_state_order = list(cells), reverse_state_order

    @property
    def state_size(self):
        """Sizes of all states, in their order."""
        cells = reversed(self.cells) if self.reverse_state_order else self.cells
        return tuple(s for cell in cells for s in as_list(cell.state_size))

    def in_cell_order(self, states):
        """States, given in their order, as the cells come."""
        cells = self.cells[::-1] if self.reverse_state_order else self.cells
        return self._reordered(states, cells)

    def in_state_order(self, states):
        """States, given as the cells come, in their order."""
        return self._reordered(states, self.cells)

    def _reordered(self, states, cells):
        if not self.reverse_state_order:
            return list(states)
        rest = iter(states)
        groups = [list(itertools.islice(rest, len(as_list(cell.state_size)))) for cell in cells]
        return [state for group in reversed(groups) for state in group]

    @property
    def output_size(self):
        """Size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape):
        shape, *constants = input_shape if isinstance(input_shape, list) else [input_shape]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                takes = constants and has_arg(cell.call, "constants")
                cell.build([shape, *constants] if takes else shape)
                cell.built = True
            shape = (shape[0], *as_list(output_size_of(cell)))
        self.built = True

    def call(self, inputs, states, constants=None, **kwargs):
        states, new = self.in_cell_order(states), []
        for cell in self.cells:
            count = len(as_list(cell.state_size))
            own, states = states[:count], states[count:]
            more = {k: v for k, v in kwargs.items() if has_arg(cell.call, k)}
            if constants and has_arg(cell.call, "constants"):
                more["constants"] = constants
            inputs, after = cell.call(inputs, own, **more)
            new += list(after)
        return inputs, self.in_state_order(new)

    def get_config(self):
        order = {"reverse_state_order": True} if self.reverse_state_order else {}
        return {**self._base_config(), "cells": list(map(layers.serialize, self.cells)), **order}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [layers.deserialize(c, custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)
