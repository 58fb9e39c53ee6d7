"""Graphs of layers: their order, running them on new inputs, and their configs."""

import json
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from heapq import heappop, heappush

from .. import config as settings
from ..backend.values import as_list
from ..operations import ancestors
from ..registry import plain
from .inputs import InputLayer
from .layer import Layer, layers
from .node import unpack

__all__ = ["Graph", "ends", "graph_config", "graph_from_config", "run_graph", "trace_graph"]


@dataclass
class Graph:
    """Layers in Keras's order, and the calls among them, each after those it depends on."""

    inputs: list
    outputs: list
    layers: list
    nodes: list

    def by_depth(self):
        """({depth: calls}, {depth: layers}); a depth is the greatest distance from the outputs."""
        found = defaultdict(list), defaultdict(list)
        node_depths, layer_depths = _depths(self.nodes)
        for things, depths, into in zip(
            (self.nodes, self.layers), (node_depths, layer_depths), found
        ):
            for thing in things:
                into[depths[thing]].append(thing)
        return tuple(map(dict, found))

    def node_keys(self):
        """Keras's keys of the calls: NAME_ib-INDEX, by the layer and the place among its calls."""
        own = set(self.nodes)
        calls = [(x.name, i, n) for x in self.layers for i, n in enumerate(x._inbound_nodes)]
        return {f"{name}_ib-{i}" for name, i, node in calls if node in own}

    def own(self, pairs):
        """`pairs` of a tensor and the inputs it depends on, if any, without those that belong to
        other calls of the layers than the calls of this graph."""
        own = set(self.nodes)
        others = [n for layer in self.layers for n in layer._inbound_nodes if n not in own]
        if not others:
            return pairs
        elsewhere = _leading_to(others) - _leading_to(own)
        return [(x, on) for x, on in pairs if on is None or elsewhere.isdisjoint(ancestors([x]))]


def _leading_to(nodes):
    """The operations that the calls `nodes` take part in."""
    return set(ancestors([t for n in nodes for t in (*n.input_tensors, *n.output_tensors)]))


def trace_graph(inputs, outputs, name):
    """The graph between symbolic `inputs` and `outputs`.

    Raises `ValueError` if an output does not come from layers, depends on an input that is not
    among `inputs`, or if two layers share a name.
    """
    _check_ends(inputs, outputs, name)
    order, first_seen = _depth_first(outputs)
    depths, layer_depths = _depths(order)
    for tensor in inputs:  # inputs that nothing depends on
        layer, node_index, _ = tensor._keras_history
        if layer not in layer_depths:
            layer_depths[layer] = 0
            first_seen[layer] = -1
            depths[layer._inbound_nodes[node_index]] = 0
    by_depth = defaultdict(list)
    for layer, depth in layer_depths.items():
        by_depth[depth].append(layer)
    ordered = [
        layer
        for d in sorted(by_depth, reverse=True)
        for layer in sorted(by_depth[d], key=first_seen.get)
    ]
    nodes = sorted(depths, key=lambda node: -depths[node])
    _check_connected(inputs, nodes)
    _check_names(ordered)
    return Graph(inputs, outputs, ordered, nodes)


def _check_ends(inputs, outputs, name):
    for tensor in inputs:
        layer = getattr(tensor, "_keras_history", None) and tensor._keras_history[0]
        if not isinstance(layer, InputLayer):
            raise ValueError(
                f"Input tensors to a Model must come from `keras.layers.Input`. Model {name}: "
                f"received {tensor!r}"
                + (f", the output of layer {layer.name!r}." if layer else ", missing metadata.")
            )
    if len({t.key for t in inputs}) != len(inputs):
        raise ValueError(
            f"The list of inputs passed to the model is redundant. All inputs should only appear "
            f"once. Found: {inputs}"
        )
    for tensor in outputs:
        if not getattr(tensor, "_keras_history", None):
            raise ValueError(
                "Output tensors to a Model must be the output of a Keras `Layer` (thus holding "
                f"past layer metadata). Found: {tensor!r}. Wrap the operation in a `Lambda` layer."
            )


def _depth_first(outputs):
    """Calls in post-order, and the order in which layers were first met (before their inputs)."""
    order, first_seen, done, active = [], {}, set(), set()
    for output in outputs:
        layer, index, _ = output._keras_history
        stack = [(layer._inbound_nodes[index], False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                active.discard(node)
                done.add(node)
                order.append(node)
                continue
            if node in done:
                continue
            if node in active:
                raise ValueError(f"Layer {node.outbound_layer.name!r} is part of a cycle.")
            active.add(node)
            first_seen.setdefault(node.outbound_layer, len(first_seen))
            stack.append((node, True))
            stack += [(n, False) for n in reversed(node.inbound_nodes) if n not in done]
    return order, first_seen


def _depths(order):
    """The greatest distance of each call, and of each layer, from the outputs."""
    depths, layer_depths = {}, {}
    for node in reversed(order):
        layer = node.outbound_layer
        depth = max(depths.get(node, 0), layer_depths.get(layer, 0))
        depths[node] = layer_depths[layer] = depth
        for before in node.inbound_nodes:
            depths[before] = max(depth + 1, depths.get(before, 0))
    return depths, layer_depths


def _check_connected(inputs, nodes):
    known, accessed = {t.key for t in inputs}, []
    for node in nodes:
        layer = node.outbound_layer
        for tensor in (*node.input_tensors, *node.argument_tensors):
            if tensor.key not in known:
                raise ValueError(
                    f"Graph disconnected: cannot obtain value for tensor {tensor!r} at layer "
                    f'"{layer.name}". The following previous layers were accessed without issue: '
                    f"{accessed}"
                )
        known.update(t.key for t in node.output_tensors)
        accessed.append(layer.name)


def _check_names(ordered):
    for name, count in Counter(layer.name for layer in ordered).items():
        if count > 1:
            raise ValueError(
                f'The name "{name}" is used {count} times in the model. All layer names should be '
                "unique."
            )


def run_graph(graph, inputs, masks=None):
    """Records the layers of a graph on other inputs: (outputs, output masks).

    Layers are computed, not called: no call is noted, as if the graph were one layer.
    """
    masks = masks or [None] * len(inputs)
    values = {t: (x, m) for t, x, m in zip(graph.inputs, inputs, masks)}
    for node in graph.nodes:
        layer = node.outbound_layer
        if isinstance(layer, InputLayer):
            continue
        given, given_masks = map(list, zip(*(values[t] for t in node.input_tensors)))
        arguments = node.arguments_with(lambda tensor: values[tensor][0])
        with settings.name_scope(layer.name):
            outputs, output_mask = layer._outputs_of(unpack(given), arguments, given_masks)
        output_masks = (
            output_mask if isinstance(output_mask, list) else [output_mask] * len(outputs)
        )
        values.update(zip(node.output_tensors, zip(outputs, output_masks)))
    found = [values[t] for t in graph.outputs]
    return [x for x, _ in found], [m for _, m in found]


def ends(model, which):
    """The `inputs` or `outputs` of a model, which a `Sequential` without a shape lacks."""
    if getattr(model, which) is None:
        raise AttributeError(f"Layer {model.name} is not connected, it has no {which} yet.")
    return getattr(model, which)


# ---- configs ----------------------------------------------------------------------------------


def graph_config(graph, name):
    """The config of a graph, as Keras 2.3 writes it."""
    position = _node_positions(graph)
    described = []
    for layer in graph.layers:
        inbound = []
        for node in layer._inbound_nodes:
            if node in position and node.inbound_layers:
                named = node.arguments_with(lambda tensor: _tensor_origin(tensor, position))
                kwargs = _arguments_config(layer, named)
                inbound.append(
                    [[*_origin(node, i, position), kwargs] for i in range(len(node.inbound_layers))]
                )
        described.append(
            {
                "name": layer.name,
                **layers.serialize(layer),
                "inbound_nodes": inbound,
            }
        )
    ends = [[_tensor_origin(t, position) for t in ts] for ts in (graph.inputs, graph.outputs)]
    return {"name": name, "layers": described, "input_layers": ends[0], "output_layers": ends[1]}


def _node_positions(graph):
    """Each call's number among the calls of its layer that belong to the graph."""
    wanted, position = set(graph.nodes), {}
    for layer in graph.layers:
        kept = [node for node in layer._inbound_nodes if node in wanted]
        # A nested model's call 0 is its own definition, and not in the graph.
        offset = 1 if isinstance(layer, Layer) and layer._defines_itself else 0
        position.update({node: i + offset for i, node in enumerate(kept)})
    return position


def _origin(node, i, position):
    layer = node.inbound_layers[i]
    source = layer._inbound_nodes[node.node_indices[i]]
    return [layer.name, position[source], node.tensor_indices[i]]


def _tensor_origin(tensor, position):
    layer, index, tensor_index = tensor._keras_history
    return [layer.name, position[layer._inbound_nodes[index]], tensor_index]


def _arguments_config(layer, arguments):
    kept = {}
    for key, value in plain(arguments).items():
        try:
            json.dumps(value)
            kept[key] = value
        except TypeError:
            warnings.warn(
                f"Layer {layer.name} was passed the argument {key}={value!r}, which cannot be "
                "written into a config: a model made of this one's config, or loaded from its "
                "file, will call the layer without it. Pass the output of a layer instead.",
                stacklevel=2,
            )
    return kept


def graph_from_config(config, custom_objects=None):
    """(inputs, outputs, name) of a config made by `graph_config`, with new layers.

    Raises `ValueError` for calls that take what no call gives, or only one that needs them.
    """
    created, calls, made = {}, {}, {}
    for described in config["layers"]:
        name, layer = described["name"], layers.deserialize(described, custom_objects)
        if name in created:
            raise ValueError(f'The name "{name}" is used twice in the config of a model.')
        created[name] = layer
        if isinstance(layer, InputLayer):
            made[name, 0] = layer._inbound_nodes[0].output_tensors
        first = 1 if layer._defines_itself else 0
        for number, origins in enumerate(described["inbound_nodes"], first):
            calls[name, number] = origins
    for name, number in _in_order(calls, created, made):
        origins = calls[name, number]
        tensors = [made[source, index][at] for source, index, at, *_ in origins]
        kwargs = _with_tensors(
            _call_arguments(origins), created, lambda source, index, at: made[source, index][at]
        )
        made[name, number] = as_list(created[name](unpack(tensors), **kwargs))
    inputs, outputs = (
        [made[name, index][tensor_index] for name, index, tensor_index, *_ in _ends(config[key])]
        for key in ("input_layers", "output_layers")
    )
    return inputs, outputs, config.get("name")


def _ends(described):
    """[[layer, node, tensor], ...]; newer dialects write a single one flat."""
    return [described] if described and isinstance(described[0], str) else described


def _call_arguments(origins):
    """The keyword arguments of a call, which stand with each of its inputs."""
    return origins[-1][3] if origins and len(origins[-1]) > 3 else {}


def _sources(origins, layers):
    """The calls, (layer, node), that a call takes tensors from."""
    found = {(name, index) for name, index, *_ in origins}
    arguments = _call_arguments(origins)
    _with_tensors(arguments, layers, lambda name, index, _: found.add((name, index)))
    return found


def _with_tensors(arguments, layers, function):
    """Arguments in which `function` stands for what names a tensor: (layer, node, tensor)."""
    if isinstance(arguments, dict):
        return {k: _with_tensors(v, layers, function) for k, v in arguments.items()}
    if not isinstance(arguments, (list, tuple)):
        return arguments
    kinds = [type(item) for item in arguments]
    if kinds == [str, int, int] and arguments[0] in layers:
        return function(*arguments)
    return type(arguments)(_with_tensors(item, layers, function) for item in arguments)


def _in_order(calls, layers, made):
    """The keys of `calls`, {(layer, number): origins}, each after those that it takes tensors from.

    The order is that of Keras, which makes the initial weights the same: it goes through the list
    again and again, and makes what can be made.
    """
    places = {key: place for place, key in enumerate(calls)}
    users, missing = defaultdict(list), {}
    for key, origins in calls.items():
        sources = _sources(origins, layers) - made.keys()
        missing[key] = len(sources)
        for source in sources:
            users[source].append(key)
    ready = [(0, places[key], key) for key, count in missing.items() if count == 0]
    while ready:
        time, place, key = heappop(ready)
        yield key
        for user in users[key]:
            missing[user] -= 1
            if missing[user] == 0:
                heappush(ready, (time + (places[user] < place), places[user], user))
    stuck = sorted({name for (name, _), count in missing.items() if count})
    if stuck:
        raise ValueError(f"The inputs of these layers cannot be found in the config: {stuck}")
