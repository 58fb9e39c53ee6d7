"""Weights: those that a layer makes, and those of the layers in it."""

import functools

import numpy as np
import torch

from .. import config, constraints, initializers, lowering, regularizers, symbolic
from ..symbolic import Symbolic
from ..variable import Variable, to_numpy

__all__ = ["WeightHolder", "assign_all", "count_params", "disable_tracking", "unique"]


class WeightHolder:
    """The part of a layer that makes weights and answers about them, its sublayers' included."""

    def add_weight(
        self,
        name=None,
        shape=None,
        dtype=None,
        initializer=None,
        regularizer=None,
        trainable=True,
        constraint=None,
        layout=None,
    ):
        """Makes a weight: a `Variable` of this shape, in Keras's layout.

        `layout` says how torch's kernels want it stored (see `kforge.variable.Permuted`).
        """
        dtype = dtype or self.dtype
        initializer = initializers.get("glorot_uniform" if initializer is None else initializer)
        shape = tuple(shape or ())
        if any(size is None or size < 0 for size in shape):
            raise ValueError(
                f"Layer {self.name}: the weight {name!r} cannot have the shape {shape}; its sizes "
                "must be known, and not negative."
            )
        shape = tuple(map(int, shape))
        pending = initializers.pending()
        value = (pending.first_value if pending else initializer)(shape, dtype=dtype)
        if isinstance(value, Symbolic):
            value = lowering.evaluate(value)
        variable = Variable(
            symbolic.as_tensor(value, symbolic.torch_dtype(dtype)),
            config.scoped(name or "param"),
            trainable=trainable,
            layout=layout,
            constraint=constraints.get(constraint),
        )
        variable.initial = functools.partial(initializer, shape, dtype=dtype)
        if pending:
            pending.add(variable, initializer, dtype)
        self._register(name or f"weight_{len(self.weights)}", variable)
        if regularizer is not None:
            self.add_loss(regularizers.get(regularizer)(variable))
        self._track(variable)
        return variable

    def _add_parameter(self, name, shape, of=None, layout=None, **others):
        """A weight with the initializer, regularizer and constraint that the layer's arguments
        `OF_initializer`, ... say; `of` is `name` unless given. `others` come before them."""
        kinds = ("initializer", "regularizer", "constraint")
        settings = {kind: getattr(self, f"{of or name}_{kind}") for kind in kinds}
        return self.add_weight(name, shape, layout=layout, **{**settings, **others})

    def _track(self, variable):
        """Counts a variable among the layer's own weights, unless it is one of them already."""
        if not any(w is variable for w in (*self._trainable_weights, *self._non_trainable_weights)):
            own = self._trainable_weights if variable.trainable else self._non_trainable_weights
            own.append(variable)

    def _register(self, name, variable):
        """Makes the tensor of a variable known to torch, under the weight's own name."""
        tensor, name = variable.native, name.replace(".", "_").replace("/", "_")
        if any(t is tensor for t in (*self._parameters.values(), *self._buffers.values())):
            return
        while name in self._parameters or name in self._buffers:
            name += "_"
        if isinstance(tensor, torch.nn.Parameter):
            self._parameters[name] = tensor
        else:
            self._buffers[name] = tensor

    def _hold(self, layer):
        """Makes a layer known to torch, under its name as far as torch takes it."""
        name = layer.name.replace(".", "_")
        while self._modules.get(name, layer) is not layer:
            name += "_"
        self._modules[name] = layer

    def _sublayers(self):
        """Layers held as attributes, or in lists and dictionaries that are attributes, in the order
        in which the attributes were first set."""
        found, own = {}, vars(self)
        for name in self._holders:
            _collect_layers(self._modules.get(name, own.get(name)), found)
        return list(found)

    @property
    def trainable(self):
        """Whether optimizers change the weights. Read by `compile`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = value

    @property
    def trainable_weights(self):
        """Weights that optimizers change; none if not `trainable`."""
        if not self.trainable:
            return []
        nested = [w for layer in self._sublayers() for w in layer.trainable_weights]
        return unique(self._trainable_weights + nested)

    @trainable_weights.setter
    def trainable_weights(self, weights):
        self._trainable_weights = list(weights)

    @property
    def non_trainable_weights(self):
        """Weights that optimizers leave alone; all of them if not `trainable`."""
        sublayers = self._sublayers()
        own = list(self._non_trainable_weights)
        if not self.trainable:
            own = self._trainable_weights + own
            return unique(own + [w for layer in sublayers for w in layer.weights])
        return unique(own + [w for layer in sublayers for w in layer.non_trainable_weights])

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights):
        self._non_trainable_weights = list(weights)

    @property
    def weights(self):
        """All weights: trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    def get_weights(self):
        """The values of `weights`, as NumPy arrays in Keras's layout."""
        return [to_numpy(w.view) for w in self.weights]

    def set_weights(self, weights):
        """Sets the values of `weights`; nothing changes if one does not fit (`ValueError`)."""
        assign_all(self.weights, weights, self.name)

    def count_params(self):
        """Number of scalars in the weights. Raises `RuntimeError` before they are made."""
        if not self.built:
            raise RuntimeError(
                f"You tried to call `count_params` on {self.name}, but the layer isn't built. "
                f"You can build it manually via: `{self.name}.build(batch_input_shape)`."
            )
        return count_params(self.weights)


def assign_all(params, weights, name):
    """Sets variables of the layer `name` to values; `ValueError` if there is one that does not fit,
    and none is set."""
    if len(params) != len(weights):
        raise ValueError(
            f'You called `set_weights(weights)` on layer "{name}" with a weight list of '
            f"length {len(weights)}, but the layer was expecting {len(params)} weights."
        )
    for p, w in zip(params, weights):
        if tuple(p.shape) != np.shape(w):
            raise ValueError(
                f"Layer weight shape {tuple(p.shape)} not compatible with provided weight "
                f"shape {np.shape(w)} (layer {name!r}, weight {p.name!r})."
            )
    for p, w in zip(params, weights):
        p.assign(w)


def disable_tracking(func):
    """A decorator for methods of layers: those that `func` makes attributes do not become part.

    Their weights are not among the layer's, unless it says so itself.
    """

    @functools.wraps(func)
    def wrapped(self, *args, **kwargs):
        before, tracking = dict(self._holders), self._tracking
        self._tracking = False
        try:
            return func(self, *args, **kwargs)
        finally:
            self._holders, self._tracking = before, tracking

    return wrapped


def _collect_layers(value, found):
    if isinstance(value, WeightHolder):
        found.setdefault(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect_layers(item, found)
    elif isinstance(value, dict):
        _collect_layers(list(value.values()), found)


def count_params(weights):
    """Number of scalars in a list of weights, each counted once."""
    return int(sum(np.prod(w.shape, dtype="int64") for w in unique(weights)))


def unique(items):
    """`items` without repetitions."""
    return list({id(x): x for x in items}.values())
