"""Weights of models in files: layer by layer in order, or by the names of layers."""

import itertools
import math
import os
import warnings
from collections import defaultdict
from dataclasses import dataclass, field

from ..config import KERAS_BACKEND, KERAS_VERSION
from ..engine.layer import layers as layer_registry
from ..utils.io_utils import ask_to_proceed_with_overwrite
from ..variable import to_numpy
from .errors import FileError
from .files import open_reader, open_writer
from .old_weights import Source, match, may_be_flipped
from .source import is_path
from .text import dump_json

__all__ = [
    "LoadReport",
    "load_weights",
    "may_write",
    "named_arrays",
    "read_layers",
    "save_weights",
    "saved_layers",
    "source_of",
    "weights_of",
    "write_arrays",
    "write_layers",
]


@dataclass
class LoadReport:
    """What a load did: names of layers, of the model or of the file."""

    loaded: list = field(default_factory=list)
    missing: list = field(default_factory=list)  # of the model, with weights, not in the file
    unused: list = field(default_factory=list)  # of the file, with weights, not in the model
    mismatched: list = field(default_factory=list)  # (name, why it was skipped)
    variables: list = field(default_factory=list)  # that were set

    def __repr__(self):
        parts = [f"{len(self.loaded)} layers loaded"]
        if self.missing:
            parts.append(f"not in the file: {', '.join(self.missing)}")
        if self.unused:
            parts.append(f"not in the model: {', '.join(self.unused)}")
        parts += [f"skipped {name}: {why}" for name, why in self.mismatched]
        return f"<LoadReport: {'; '.join(parts)}>"


# ---- writing ------------------------------------------------------------------------------------


def save_weights(model, filepath, overwrite=True):
    """Writes the weights of a model: to HDF5 in Keras 2.3.1's layout, or to safetensors.

    The latter, for a path that ends in `.safetensors`, has tensors called as HDF5's datasets, and
    in its metadata the model's config, if the model has one that can be written.
    """
    if not may_write(filepath, overwrite):
        return
    model = model._original
    with open_writer(filepath) as writer:
        write_layers(writer, model.layers)
        if writer.keeps_config:
            write_config(writer, model)


def write_config(writer, model):
    """Writes the architecture of a model, or warns that it cannot be written."""
    try:
        config = layer_registry.serialize(model)
        writer.text("model_config", dump_json(config))
    except (NotImplementedError, TypeError) as error:
        warnings.warn(f"The weights are saved without the model's config: {error}", stacklevel=4)


def may_write(filepath, overwrite):
    """Whether a file may be written: it is new, or may be replaced, says the caller or user."""
    if overwrite or not is_path(filepath):
        return True
    return not os.path.exists(filepath) or ask_to_proceed_with_overwrite(filepath)


def write_layers(writer, layers):
    """Writes layers into the group of a writer."""
    writer.names("layer_names", [layer.name for layer in layers])
    writer.text("backend", KERAS_BACKEND)
    writer.text("keras_version", KERAS_VERSION)
    for layer in layers:
        group = writer.group(layer.name)
        write_arrays(group, named_arrays(layer.weights))


def write_arrays(writer, arrays):
    """Writes {name: array}, and the list of the names."""
    writer.names("weight_names", list(arrays))
    for name, array in arrays.items():
        writer.array(name, array)


def named_arrays(weights):
    """{name: value} of variables; names that are missing or taken get a number."""
    found = {}
    for i, weight in enumerate(weights):
        name = base = weight.name or f"param_{i}"
        number = 0
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found[name] = to_numpy(weight.view)
    return found


# ---- reading ------------------------------------------------------------------------------------


def load_weights(model, filepath, by_name=False, skip_mismatch=False, reshape=False):
    """Sets the weights of a model from a file of weights, or of a whole model.

    Without `by_name`, layers that have weights are paired in order; with it, by their names. With
    `skip_mismatch`, layers of other shapes are left out rather than refused. With `reshape`,
    arrays may have another shape of the same size. Nothing is changed if there is an error.
    Weights that Keras saved of the `multi_gpu_model` of a model are taken for the model's own.
    Returns a `LoadReport`. Raises `ValueError` for a file that does not fit the model.
    """
    if skip_mismatch and not by_name:
        raise ValueError(
            "When calling `load_weights` with `skip_mismatch=True`, pass `by_name=True`, too: "
            "without names, every layer has to match."
        )
    model = model._original
    with open_reader(filepath) as reader:
        version, group = reader.text("keras_version"), weights_of(reader)
        if not model.layers or not any(layer.weights for layer in model.layers):
            raise ValueError(
                f"Model {model.name!r} has no weights to load into: call it on data, or "
                "`build` it, first."
            )
        layers = [model] if _is_of_parallel(group, model) else model.layers
        return read_layers(group, layers, by_name, skip_mismatch, reshape, version)


def _is_of_parallel(reader, model):
    """Whether a group has the weights of a model that contains `model` and no others."""
    saved = list(itertools.islice((entry for entry in _each_layer(reader) if entry.names), 2))
    return (
        len(saved) == 1
        and len(saved[0].names) == len(model.weights)
        and saved[0].name not in {layer.name for layer in model.layers}
        and sum(bool(layer.weights) for layer in model.layers) > 1
    )


def read_layers(reader, layers, by_name=False, skip_mismatch=False, reshape=False, version=None):
    """Sets the weights of layers from the group of a reader; see `load_weights`.

    `version`: the version of Keras, where the group does not say it.
    """
    saved = [entry for entry in saved_layers(reader) if entry.names]
    source = source_of(reader, reshape, version)
    report = LoadReport()
    if by_name:
        values = _by_name(saved, layers, source, skip_mismatch, report)
    else:
        values = _in_order(saved, layers, source, report)
    if may_be_flipped(layers, [name for entry in saved for name in entry.names], source):
        warnings.warn(
            f"{reader.where()} seems to be of Keras 1 on Theano, which flips the kernels of "
            "convolutions, but does not say so: they are taken as they are. If the model computes "
            "something else than there, give this group the attribute `backend`, 'theano' (with "
            "`h5py.File(path, 'r+')`), and load again.",
            stacklevel=4,
        )
    for variable, value in values:
        variable.assign(value)
    report.variables = [variable for variable, _ in values]
    return report


def weights_of(reader):
    """The reader of the group that has the layers: the root, or a group of a whole model's file."""
    is_whole = reader.names("layer_names") is None and reader.has("model_weights")
    return reader.group("model_weights") if is_whole else reader


def saved_layers(reader):
    """The layers in the group of a reader, in order, as `_Saved`."""
    return list(_each_layer(reader))


def _each_layer(reader):
    names = reader.names("layer_names")
    if names is None:
        hint = ""
        if reader.has("layers"):
            hint = (
                " It has the layout that newer Keras gives to files called `*.weights.h5`. Save "
                "the whole model there, by `model.save('model.h5')`."
            )
        raise ValueError(
            f"{reader.where()} has no weights of a Keras model: no `layer_names`.{hint}"
        )
    for name in names:
        yield _Saved(name, reader.group(name))


def source_of(reader, reshape=False, version=None):
    """What wrote the group of a reader; files of Keras 1 do not say it."""
    version = reader.text("keras_version") or version or "1"
    return Source(version, reader.text("backend"), reshape)


class _Saved:
    """A layer in a file."""

    def __init__(self, name, group):
        self.name = name
        self.group = group
        self.names = group.names("weight_names") or []

    def shapes(self):
        """The shapes of its arrays."""
        return [self.group.dataset(name).shape for name in self.names]

    def values(self, layer, source):
        """[(variable, array), ...] for `layer`; `ValueError` says why there are none."""
        stored = [self.group.dataset(name) for name in self.names]
        size = sum(math.prod(w.shape) for w in layer.weights)
        # Twice the size: CuDNN has two biases for one. Far more is refused before it is read.
        if sum(math.prod(s.shape) for s in stored) > 2 * size + 64:
            raise ValueError(
                f"its weights have shapes {[tuple(w.shape) for w in layer.weights]}, but the saved "
                f"weights have shapes {[s.shape for s in stored]}"
            )
        pairs = match(layer, self.names, [s.read(s.shape) for s in stored], source)
        for variable, array in pairs:
            if tuple(variable.shape) != array.shape:
                raise ValueError(
                    f"weight {variable.name!r} has shape {tuple(variable.shape)}, but the saved "
                    f"weight has shape {array.shape}"
                )
        return pairs


def _in_order(saved, layers, source, report):
    """Pairs layers that have weights, in order."""
    layers = [layer for layer in layers if layer.weights]
    if len(saved) != len(layers):
        raise ValueError(
            f"You are trying to load a weight file containing {len(saved)} layers into a model "
            f"with {len(layers)} layers. To load those of the same names, pass `by_name=True`."
        )
    values = []
    for i, (entry, layer) in enumerate(zip(saved, layers)):
        try:
            values += entry.values(layer, source)
        except FileError:
            raise
        except ValueError as error:
            raise ValueError(
                f"Layer #{i} (named {layer.name!r} in the current model) was found to correspond "
                f"to layer {entry.name} in the save file. However, {error}."
            ) from error
    report.loaded = [layer.name for layer in layers]
    return values


def _by_name(saved, layers, source, skip_mismatch, report):
    """Pairs layers by name; several of the model may have one name."""
    index = defaultdict(list)
    for layer in layers:
        index[layer.name].append(layer)
    values = []
    for entry in saved:
        found = [layer for layer in index[entry.name] if layer.weights]
        for layer in found:
            try:
                values += entry.values(layer, source)
                report.loaded.append(layer.name)
            except FileError:
                raise
            except ValueError as error:
                if not skip_mismatch:
                    raise ValueError(
                        f"Layer {layer.name!r} does not fit the saved layer of that name: {error}. "
                        "To leave such layers out, pass `skip_mismatch=True`."
                    ) from error
                report.mismatched.append((layer.name, str(error)))
                warnings.warn(
                    f"Layer {layer.name!r} keeps its weights. Skipping loading of others due to "
                    f"mismatch with the file: {error}.",
                    stacklevel=5,
                )
        if not found:
            report.unused.append(entry.name)
    known = {*report.loaded, *(name for name, _ in report.mismatched)}
    report.missing = [la.name for la in layers if la.weights and la.name not in known]
    if not report.loaded:
        warnings.warn(
            "No weights were loaded: none of the layers of the file, "
            f"{[entry.name for entry in saved]}, has the name and shapes of one of the model, "
            f"{[layer.name for layer in layers if layer.weights]}.",
            stacklevel=5,
        )
    return values
