"""Pictures of models."""

import itertools
import os

from ..engine.model import Model
from ..layers.wrappers import Wrapper
from .diagrams import Box, Diagram

__all__ = ["add_edge", "is_model", "is_wrapped_model", "model_to_dot", "plot_model"]


def is_model(layer):
    """Whether a layer is a model."""
    return isinstance(layer, Model)


def is_wrapped_model(layer):
    """Whether a layer is a wrapper around a model."""
    return isinstance(layer, Wrapper) and isinstance(layer.layer, Model)


def add_edge(dot, src, dst):
    """Joins two nodes of a diagram, given by their ids, unless they are joined already."""
    if (src, dst) not in dot.edges:
        dot.edges.append((src, dst))


def model_to_dot(
    model,
    show_shapes=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=96,
    subgraph=False,
):
    """A model as a `Diagram` of its layers; as a `subgraph` it has the model's name.

    `rankdir`: "TB", from top to bottom, "LR", from left to right, "BT" or "RL". `expand_nested`
    shows models that are layers as frames with their own layers. The diagram writes files by
    itself: ``create(format="svg")``, ``write_png(path)``; by Graphviz, where that is installed.
    """
    maker = _Maker(show_shapes, show_layer_names, rankdir, expand_nested, dpi)
    return maker.diagram(model, "n", model.name if subgraph else "")


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=96,
):
    """Draws a model into a file: .svg, .pdf, or .png and other images with Pillow.

    For the arguments see `model_to_dot`. Gives the picture for a notebook to show, if IPython is
    there. Raises `ImportError` without Pillow where it is needed.
    """
    dot = model_to_dot(model, show_shapes, show_layer_names, rankdir, expand_nested, dpi)
    extension = os.path.splitext(to_file)[1][1:].lower() or "png"
    dot.write(to_file, format=extension)
    if extension == "pdf":
        return None
    try:
        from IPython import display
    except ImportError:
        return None
    return (display.SVG if extension == "svg" else display.Image)(filename=to_file)


class _Maker:
    """Makes diagrams of models."""

    def __init__(self, show_shapes, show_layer_names, rankdir, expands, dpi):
        self.show_shapes, self.show_layer_names = show_shapes, show_layer_names
        self.rankdir, self.expands, self.dpi = rankdir, expands, dpi

    def diagram(self, model, prefix, title):
        """`prefix` begins the ids of nodes, since frames may show the same model twice."""
        dot = Diagram(title, self.rankdir, self.dpi)
        layers = model._graph.layers if model._graph else model.layers
        for layer in layers:
            inner, key = self.nested(layer), f"{prefix}_{id(layer)}"
            name = layer.name if layer is inner else f"{layer.name}({inner.name})" if inner else ""
            dot.nodes[key] = self.diagram(inner, key, name) if inner else self.box(layer)
        if model._graph is None:
            chain = [f"{prefix}_{id(layer)}" for layer in vars(model).get("_chain", ())]
            dot.edges += itertools.pairwise(chain)  # of other models, only the layers are known
            return dot
        for node in model._graph.nodes:
            for i, source in enumerate(node.inbound_layers):
                start = self.end(source, node.tensor_indices[i], "outputs", prefix)
                add_edge(dot, start, self.end(node.outbound_layer, i, "inputs", prefix))
        return dot

    def nested(self, layer):
        """The model to show in place of a layer, or None."""
        model = layer.layer if is_wrapped_model(layer) else layer
        return model if self.expands and is_model(model) and model._graph else None

    def end(self, layer, i, kind, prefix):
        """The id of what an edge ends at: a layer, or one within it, if it is shown as a frame."""
        key, model = f"{prefix}_{id(layer)}", self.nested(layer)
        if model is None:
            return key
        inner, _, index = getattr(model, kind)[i]._keras_history
        return self.end(inner, index, kind, key)

    def box(self, layer):
        """A layer's name and class, and its shapes."""
        name, kind = layer.name, type(layer).__name__
        if isinstance(layer, Wrapper):
            name = f"{name}({layer.layer.name})"
            kind = f"{kind}({type(layer.layer).__name__})"
        title = f"{name}: {kind}" if self.show_layer_names else kind
        if not self.show_shapes:
            return Box(title)
        kinds = ("input", "output")
        return Box(title, [(f"{k}:", _shape(layer, f"{k}_shape")) for k in kinds])


def _shape(layer, name):
    """A layer's shapes as text; "multiple" if it has none, or several."""
    try:
        return str(getattr(layer, name))
    except AttributeError:
        return "multiple"
