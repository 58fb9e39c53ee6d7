"""`Model`: a graph of layers, or a subclass with a `call`, that trains and predicts."""

from typing import ClassVar

import torch

from .. import config as settings
from .. import lowering, operations, symbolic
from ..backend.values import as_list
from ..dtypes import dtype_name
from ..training.arrays import array_inputs
from ..training.data import model_device
from ..training.methods import TrainingMethods
from ..trees import leaves
from ..variable import to_numpy
from .calls import phase_of_call
from .contributions import CallUpdates
from .files import ModelFiles
from .inputs import Input
from .layer import Layer, automatic_name, layers
from .network import ends, graph_config, graph_from_config, run_graph, trace_graph
from .node import Node, unpack
from .rollback import all_or_nothing
from .summary import html_summary, print_summary
from .weights import assign_all, unique

__all__ = ["Model"]


class Model(ModelFiles, TrainingMethods, Layer):
    """A model from symbolic `inputs` to `outputs`; or subclass it, with layers and a `call`.

    >>> x = Input((784,))
    >>> model = Model(x, Dense(10, activation="softmax")(x))
    """

    _defines_itself = True
    _other_names: ClassVar = {
        **Layer._other_names,
        "_layers": "layers",
        "input_layers": "_input_layers",
        "layers_by_depth": "_layers_by_depth",
        "nodes_by_depth": "_nodes_by_depth",
        "output_layers": "_output_layers",
    }

    def __init__(self, *args, **kwargs):
        inputs, outputs, name, trainable, dtype = _model_arguments(*args, **kwargs)
        name = name or self.name or automatic_name(type(self).__name__)
        super().__init__(name=name, dtype=dtype)
        if trainable is not None:
            self._trainable = trainable
        vars(self).setdefault("_graph", None)
        vars(self).setdefault("_latest_run", None)
        vars(self).setdefault("_call_updates", CallUpdates())
        if outputs is not None:
            self._set_graph(inputs, outputs)

    def _set_graph(self, inputs, outputs):
        """Makes the model the graph between these tensors."""
        graph = trace_graph(leaves(inputs), leaves(outputs), self.name)
        self._single_output = not isinstance(outputs, (list, tuple)) or len(outputs) == 1
        for layer in graph.layers:
            self._hold(layer)
        self._define(graph)

    def _define(self, graph):
        """Makes the model this graph, which is call 0 of the model as a layer."""
        calls = self._inbound_nodes[1:]  # of the model as a layer
        self._graph, self._latest_run, self._compiled = graph, None, None
        self._inbound_nodes.clear()
        masks = [t._keras_mask for t in graph.outputs]
        no_masks = [None] * len(graph.inputs)
        Node.between(self, graph.inputs, graph.outputs, no_masks, masks)
        self._inbound_nodes += calls
        self.built = True
        self._functions = {}

    # ---- structure ----

    @property
    def layers(self):
        """The layers, in order of depth; of a subclass, those held as attributes."""
        if vars(self).get("_graph") is None:
            return self._sublayers()
        return self._graph.layers

    @property
    def inputs(self):
        """Symbolic inputs, None before the model is built."""
        return self._graph.inputs if self._graph else vars(self).get("_inputs")

    @property
    def outputs(self):
        """Symbolic outputs, None before the model is built."""
        return self._graph.outputs if self._graph else vars(self).get("_outputs")

    @outputs.setter
    def outputs(self, outputs):
        """Makes the model end there, as scripts do after ``model.layers.pop()``."""
        self._modules.clear()
        self._set_graph(self.inputs, list(outputs))

    @property
    def input_names(self):
        """Names of the input layers."""
        return [t._keras_history[0].name for t in self.inputs or []]

    @property
    def output_names(self):
        """Names of the layers that give the outputs."""
        if self._graph is None:
            return [f"output_{i + 1}" for i in range(len(self.outputs or []))]
        return [t._keras_history[0].name for t in self.outputs]

    @property
    def _input_layers(self):
        return [t._keras_history[0] for t in self.inputs]

    @property
    def _output_layers(self):
        return [t._keras_history[0] for t in self.outputs]

    @property
    def _nodes_by_depth(self):
        return self._graph.by_depth()[0]

    _network_nodes = property(lambda self: self._graph.node_keys())

    @property
    def _layers_by_depth(self):
        return self._graph.by_depth()[1]

    @property
    def input(self):
        """The input tensor or tensors."""
        return unpack(ends(self, "inputs"))

    @property
    def output(self):
        """The output tensor or tensors."""
        return unpack(ends(self, "outputs"))

    @property
    def input_shape(self):
        """Shapes of the inputs."""
        return unpack([tuple(t.shape) for t in ends(self, "inputs")])

    @property
    def output_shape(self):
        """Shapes of the outputs."""
        return unpack([tuple(t.shape) for t in ends(self, "outputs")])

    @property
    def input_spec(self):
        """As many as inputs, each of which may be anything; None for a subclass."""
        return [None] * len(self.inputs) if self._graph else None

    @property
    def stateful(self):
        """Whether any layer keeps state between batches."""
        return any(layer.stateful for layer in self.layers)

    @stateful.setter
    def stateful(self, value):
        if value:
            raise AttributeError("A model is stateful if one of its layers is.")

    @property
    def state_updates(self):
        """Updates of stateful layers, carried out by predictions too."""
        return [u for layer in self.layers if layer.stateful for u, _ in layer._all_updates()]

    def reset_states(self):
        """Resets the states of all stateful layers."""
        for layer in self.layers:
            if layer.stateful and hasattr(layer, "reset_states"):
                layer.reset_states()

    def get_layer(self, name=None, index=None):
        """The layer of this name, or at this position. Raises `ValueError` where there is none."""
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self.layers)} layers."
                )
            return self.layers[index]
        if not name:
            raise ValueError("Provide either a layer name or layer index.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Layers: {[layer.name for layer in self.layers]}")

    def summary(self, line_length=None, positions=None, print_fn=None):
        """Prints a table of the layers (see `kforge.utils.print_summary`)."""
        if not self.built:
            raise ValueError(
                "This model has not yet been built. Build the model first by calling build() or "
                "calling fit() with some data. Or specify input_shape or batch_input_shape in the "
                "first layer for automatic build. "
            )
        if self._compiled is not None:
            self._warn_if_trainable_changed()
        print_summary(self, line_length, positions, print_fn)

    def _repr_html_(self):
        """The table of `summary`, for a notebook to show; None before the model is built."""
        return html_summary(self) if self.built else None

    # ---- weights, losses ----

    @property
    def trainable_weights(self):
        """Weights that optimizers change, layer by layer; none if the model is frozen."""
        if not self.trainable:
            return []
        found = [w for layer in self.layers for w in layer.trainable_weights]
        return unique(found + self._trainable_weights)

    @property
    def non_trainable_weights(self):
        """The other weights."""
        found = [w for layer in self.layers for w in layer.non_trainable_weights]
        if not self.trainable:
            found = [w for layer in self.layers for w in layer.trainable_weights] + found
        return unique(found + self._non_trainable_weights)

    def _ordered_weights(self):
        """Weights layer by layer, as `get_weights` and files have them."""
        found = [w for layer in self.layers for w in layer.weights]
        return found + self._trainable_weights + self._non_trainable_weights

    def get_weights(self):
        """The values of all weights, layer by layer."""
        return [to_numpy(w.view) for w in self._ordered_weights()]

    def set_weights(self, weights):
        """Sets all weights; nothing changes if one does not fit (`ValueError`)."""
        assign_all(self._ordered_weights(), weights, self.name)

    @property
    def losses(self):
        """Losses that layers and `add_loss` add, of those that the model's inputs determine."""
        return self._determined(self._all_losses())

    @property
    def updates(self):
        """Updates that a training step carries out."""
        return self._determined(self._all_updates())

    def _all_losses(self):
        found = self._losses + [pair for layer in self.layers for pair in layer._all_losses()]
        return list({id(pair[0]): pair for pair in found}.values())

    def _all_updates(self, frozen=False):
        if not (frozen or self.trainable or self.stateful):
            return []
        pairs = [pair for layer in self.layers for pair in layer._all_updates(frozen)]
        found = {id(pair[0]): pair for pair in self._updates + pairs}
        return list((found if frozen else self._call_updates.settled(found)).values())

    def _all_metrics(self):
        found = self._metrics + [m for layer in self.layers for m in layer._all_metrics()]
        return list({(id(m), id(v)): (m, v) for m, v in found}.values())

    def _reported(self):
        """(metric, tensor that it is of, or None) for those that the model's inputs suffice for."""
        found = self._all_metrics()
        known = operations.computable([value for _, value in found], self.inputs or [])
        return [(metric, value) for metric, value in found if value in known]

    def _determined(self, pairs):
        """The tensors of (tensor, inputs it depends on) that belong to the model's own calls."""
        pairs = self._graph.own(pairs) if self._graph else pairs
        known = operations.computable([x for x, on in pairs if on is not None], self.inputs or [])
        return [x for x, on in pairs if on is None or x in known]

    # ---- calling ----

    def call(self, inputs, mask=None):
        """Records the layers on `inputs`; subclasses override it."""
        if self._graph is None:
            raise NotImplementedError("When subclassing the `Model` class, implement `call`.")
        inputs = as_list(inputs)
        if self._is_own(inputs):
            return unpack(self.outputs) if self._single_output else list(self.outputs)
        outputs, _ = self._run(inputs, mask)
        return unpack(outputs) if self._single_output else outputs

    def _is_own(self, inputs):
        """Whether these are the tensors that the model was made of."""
        return [getattr(x, "key", None) for x in inputs] == [t.key for t in self.inputs]

    def _run(self, inputs, mask, of_call=True):
        """`run_graph`, once for the same tensors: a second run would update statistics twice."""
        masks = [None] * len(inputs) if mask is None else as_list(mask)
        if symbolic.is_executing():
            return run_graph(self._graph, inputs, masks)
        given, (last, at, found) = [*inputs, *masks], self._latest_run or ([], None, None)
        same = len(last) == len(given) and all(a is b for a, b in zip(last, given))
        phase = settings.fixed_learning_phase() if of_call else at
        if not same or phase != at:
            with self._call_updates.of(self):
                found = run_graph(self._graph, inputs, masks)
            self._latest_run = given, phase, found
        return found

    def run_internal_graph(self, inputs, masks=None):
        """Outputs, their masks and their shapes, for other inputs."""
        outputs, masks = run_graph(self._graph, as_list(inputs), masks)
        return outputs, masks, [tuple(x.shape) for x in outputs]

    @property
    def uses_learning_phase(self):
        """Whether outputs differ between training and testing."""
        return any(x._uses_learning_phase for x in self.outputs)

    def compute_mask(self, inputs, mask=None):
        """Masks of the outputs for inputs with these masks."""
        if self._graph is None:
            return None
        inputs = as_list(inputs)
        masks = as_list(mask) if mask is not None else [None] * len(inputs)
        own = [t._keras_mask for t in self.outputs]
        if all(m is None for m in masks) and (self._is_own(inputs) or own == [None] * len(own)):
            return unpack(own)
        return unpack(self._run(inputs, mask, of_call=False)[1])

    def compute_output_shape(self, input_shape):
        """Shapes of the outputs for inputs of these shapes."""
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        if self._graph is None:
            raise NotImplementedError(f"Model {self.name}: define `compute_output_shape`.")
        if len(shapes) != len(self.inputs):
            raise ValueError(f"{self.name}: {len(self.inputs)} inputs, input_shape {input_shape}.")
        inputs = [
            symbolic.placeholder(shape, t.dtype, t._name) for shape, t in zip(shapes, self.inputs)
        ]
        with symbolic.recording():
            outputs, _ = run_graph(self._graph, inputs)
        return unpack([tuple(t.shape) for t in outputs])

    compute_output_shape.inferred = True

    def __call__(self, inputs, **kwargs):
        """On symbolic tensors, another use of the model's layers; on arrays or torch tensors, the
        outputs as torch tensors (`training=True` for the training phase)."""
        if symbolic.is_executing() or any(map(symbolic.is_symbolic, leaves(inputs))):
            return super().__call__(inputs, **kwargs)
        if kwargs.keys() - {"training"}:
            raise TypeError(
                f"Model {self.name}: on arrays, a call takes only `training`; got {sorted(kwargs)}."
            )
        with symbolic.recording():
            self._build_for_data(inputs)
        device = model_device(self)
        values = [x.to(device) for x in array_inputs(self, inputs)]
        return unpack(self._lowered(int(bool(kwargs.get("training"))))(values))

    def _computed(self, inputs, kwargs):
        with phase_of_call(self, kwargs) as accepted:
            return super()._computed(inputs, accepted)

    def _lowered(self, phase):
        """A function from a list of input tensors to the outputs, in a learning phase."""
        if phase not in self._functions:
            lowered = lowering.lower(self.outputs, self._feed_inputs, self.state_updates, phase)

            def run(values):
                with symbolic.executing(phase):
                    found = lowered.forward(*values, *lowered.captured)
                lowered.carry_out(found)
                return list(found[: lowered.outputs])

            self._functions[phase] = run
        return self._functions[phase]

    def _ensure_inputs(self, arrays):
        """Builds a subclassed model for inputs such as `arrays`."""
        if self.inputs is None:
            self._build_on([(None, *x.shape[1:]) for x in arrays], map(_input_dtype, arrays))

    def _build_on(self, shapes, dtypes):
        """Records `call`, of a subclassed model, on inputs of these shapes."""
        inputs = [
            Input(batch_shape=shape, dtype=dtype, name=f"input_{i + 1}")
            for i, (shape, dtype) in enumerate(zip(shapes, dtypes))
        ]
        with all_or_nothing(self):
            outputs = self._computed(unpack(inputs), {})
            self._inputs, self._outputs = inputs, as_list(outputs)
        self._single_output = not isinstance(outputs, (list, tuple))
        self._functions = {}
        self.built = True

    def build(self, input_shape):
        """Builds a subclassed model for inputs of this shape (the batch axis included)."""
        if self.inputs is None:
            shapes = input_shape if isinstance(input_shape, list) else [input_shape]
            shapes = [(None, *shape[1:]) for shape in shapes]
            self._build_on(shapes, [settings.floatx()] * len(shapes))
        self.built = True

    # ---- configs ----

    def get_config(self):
        """The graph as a config. Raises `NotImplementedError` for subclassed models."""
        if self._graph is None:
            raise NotImplementedError(
                f"Model {self.name} is a subclass with its own `call`: it has no config. Save its "
                "weights, or define `get_config`."
            )
        found = graph_config(self._graph, self.name)
        return found if self.trainable else {**found, "trainable": False}  # which Keras 2 forgets

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new model of a config made by `get_config`."""
        inputs, outputs, name = graph_from_config(config, custom_objects)
        model = cls(inputs=inputs, outputs=outputs, name=name)
        model.trainable = config.get("trainable", True)
        return model

    def __getstate__(self):
        graph = dict.fromkeys(("_inputs", "_outputs", "_compiled", "_latest_run"))
        fresh = {"_functions": {}, "_steps": {}, "_call_updates": CallUpdates()}
        return {**super().__getstate__(), **graph, **fresh}


layers.register(Model, "Functional", "Network", "Container")


def _model_arguments(*args, **kwargs):
    """(inputs, outputs, name, trainable, dtype) of the constructor's arguments."""
    names = ("inputs", "outputs", "name", "trainable", "dtype")
    unknown = set(kwargs) - set(names)
    if unknown or len(args) > len(names):
        surplus = sorted(unknown) or list(args[len(names) :])
        raise TypeError(f"Model: unknown arguments {surplus}; expected {names}.")
    is_name = len(args) == 1 and isinstance(args[0], str)
    found = {**({"name": args[0]} if is_name else dict(zip(names, args))), **kwargs}
    if ("inputs" in found) != ("outputs" in found):
        raise TypeError("Model: give both `inputs` and `outputs`, or neither when subclassing.")
    return tuple(found.get(n) for n in names)


def _input_dtype(x):
    if isinstance(x, torch.Tensor):
        return dtype_name(x.dtype)
    return settings.floatx() if x.dtype.kind == "f" else x.dtype.name
