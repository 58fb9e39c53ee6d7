"""What is in a file of a model or of weights, found out without building anything of it."""

import math

from ..utils.terminal import printable
from .text import load_json
from .weights import saved_layers, weights_of

__all__ = ["copy_weights", "describe", "has_model"]


def has_model(reader):
    """Whether a file has the architecture of a model, not only weights."""
    return reader.text("model_config") is not None


def copy_weights(reader, writer):
    """Writes the layers of a file as they are, together with what says how to read them."""
    group = weights_of(reader)
    saved = saved_layers(group)
    for name in ("keras_version", "backend"):
        text = group.text(name) or reader.text(name)
        if text is not None:
            writer.text(name, text)
    writer.names("layer_names", [entry.name for entry in saved])
    for entry in saved:
        target = writer.group(entry.name)
        target.names("weight_names", entry.names)
        for name in entry.names:
            target.array(name, entry.group.array(name))


def describe(reader):
    """Lines of text: who wrote a file, its layers with the shapes of their weights, its training.

    Nothing in them is taken from the file as it is but printable characters.
    """
    group = weights_of(reader)
    version = group.text("keras_version") or reader.text("keras_version")
    backend = group.text("backend") or reader.text("backend")
    lines = [f"written by: Keras {version or '1'} on {backend or 'an unknown backend'}"]
    kinds = {}
    if has_model(reader):
        config = load_json(reader.text("model_config"), "model_config")
        kinds = _layer_kinds(config)
        name = _get(config, "config", "name")
        lines.append(f"model: {_get(config, 'class_name')} {name or ''}".rstrip())
    else:
        lines.append("model: none, only weights")
    total = 0
    saved = saved_layers(group)
    lines.append(f"layers: {len(saved)}")
    for entry in saved:
        shapes = entry.shapes()
        total += sum(map(math.prod, shapes))
        parts = [f"{name} {shape}" for name, shape in zip(entry.names, shapes)]
        lines.append("  ".join([f"  {entry.name}", kinds.get(entry.name, ""), *parts]).rstrip())
    lines.append(f"parameters: {total:,}")
    lines += _training(reader)
    return [printable(line) for line in lines]


def _layer_kinds(config):
    """{name: class name} of the layers that a model's config lists."""
    found = _get(config, "config")
    layers = found if isinstance(found, list) else _get(found, "layers")
    found = {}
    for layer in layers if isinstance(layers, list) else ():
        name = _get(layer, "config", "name") or _get(layer, "name")
        if isinstance(name, str):
            found[name] = str(_get(layer, "class_name"))
    return found


def _training(reader):
    text = reader.text("training_config")
    if text is None:
        return ["training: not compiled"]
    config = load_json(text, "training_config")
    optimizer = _get(config, "optimizer_config", "class_name")
    lines = [f"training: {optimizer}, loss {_get(config, 'loss')}"]
    if reader.has("optimizer_weights"):
        names = reader.group("optimizer_weights").names("weight_names") or []
        lines.append(f"optimizer weights: {len(names)}")
    return lines


def _get(value, *keys):
    """What is under keys of dictionaries in each other, None where there is no such thing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
