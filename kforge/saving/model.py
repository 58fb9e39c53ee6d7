"""Whole models in files: architecture, weights, how they are trained, and how far they are."""

import io
import warnings

from .. import functions, initializers
from ..config import KERAS_BACKEND, KERAS_VERSION
from ..engine.layer import layers
from ..registry import CustomObjectScope
from .config import check_restorable, model_from_config
from .dialects import is_tensorflow2
from .errors import UnsafeFileError
from .files import open_reader, open_writer
from .optimizer_state import arranged, arranged_keras1
from .own import importable, own_objects
from .text import dump_json, load_json
from .training import compile_arguments, training_config
from .weights import (
    may_write,
    named_arrays,
    read_layers,
    saved_layers,
    source_of,
    write_arrays,
    write_layers,
)

__all__ = [
    "describe_model",
    "load_model",
    "pickle_model",
    "save_model",
    "unpickle_model",
    "write_model",
]


# ---- saving -------------------------------------------------------------------------------------


def save_model(model, filepath, overwrite=True, include_optimizer=True):
    """Saves a model: its architecture, weights and, unless told otherwise, optimizer.

    `filepath` is a path, a binary file object, or an `h5py.File` or `h5py.Group`. The format is
    HDF5, or safetensors at a path that ends so; they hold the same. A file is replaced only when
    the new one is whole. Raises `NotImplementedError` for what has no config.
    """
    if not may_write(filepath, overwrite):
        return
    original = model._original
    check_restorable(original)
    description = describe_model(original)
    trained = model if model.optimizer is not None else original
    training = training_config(trained) if include_optimizer else None
    with open_writer(filepath) as writer:
        write_model(writer, original, description, training, trained.optimizer)


def describe_model(model):
    """The architecture as {"class_name", "config"}."""
    return layers.serialize(model)


def write_model(writer, model, description, training, optimizer, version=KERAS_VERSION):
    """Writes a model, with this description of its architecture, and of its training if any."""
    writer.text("keras_version", version)
    writer.text("backend", KERAS_BACKEND)
    writer.text("model_config", dump_json(description))
    write_layers(writer.group("model_weights"), model.layers)
    if training is not None:
        writer.text("training_config", dump_json(training))
        if optimizer.weights:
            group = writer.group("optimizer_weights")
            write_arrays(group, named_arrays(optimizer.weights))


# ---- loading ------------------------------------------------------------------------------------


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model of a file that Keras 1.2 to 2.3, tf.keras, Keras 3 (as `.h5`) or kforge saved.

    `custom_objects`: {name: class or function} for what is not Keras's own. Nothing in the file
    is run, whatever it holds; only `safe_mode=False` lets `Lambda` layers run the Python bytecode
    that they were saved with, which can do anything. Without a usable description of the training
    the model comes uncompiled, with a warning.

    Raises `OSError` for a file that cannot be read and `ValueError` for one that is no model,
    that names what is unknown, or that asks for what no file may.
    """
    with open_reader(filepath) as reader:
        text = reader.text("model_config")
        if text is None:
            kind = "only weights: use `model.load_weights`" if _has_weights(reader) else "no model"
            raise ValueError(f"No model found in {reader.where()}; it has {kind}.")
        trust = functions.trusting_bytecode if not safe_mode else CustomObjectScope
        with trust(), initializers.deferred(reader.check_size) as pending:
            config, version = load_json(text, "model_config"), reader.text("keras_version")
            model = model_from_config(config, custom_objects, version)
        has_all = reader.has("model_weights")  # safetensors of weights have the config, too
        group = reader.group("model_weights") if has_all else reader
        if not model.built and any(entry.names for entry in saved_layers(group)):
            raise ValueError(
                f"{reader.where()} has weights, but not the shape of the model's inputs: Keras 2.2 "
                "and 2.3 forget it where a `Sequential` begins with an InputLayer. Build the "
                "model of the file yourself: `model = "
                'model_from_json(h5py.File(path).attrs["model_config"])`, '
                "`model.build((None, ...))`, `model.load_weights(path)`."
            )
        report = read_layers(group, model.layers, version=version)
        pending.finish(report.variables)
        if compile:
            _restore_training(model, reader, custom_objects)
    return model


def _has_weights(reader):
    return reader.names("layer_names") is not None


def _restore_training(model, reader, custom_objects):
    text = reader.text("training_config")
    if text is None:
        warnings.warn(
            "No training configuration found in save file: the model was *not* compiled. Compile "
            "it manually.",
            stacklevel=3,
        )
        return
    try:
        with CustomObjectScope(custom_objects or {}):
            config = load_json(text, "training_config")
            model.compile(**compile_arguments(config, model.output_names))
    except UnsafeFileError:
        raise
    except Exception as error:
        # Whatever a class, built-in or of the user, has against the arguments in the file.
        model.optimizer = model._compiled = None
        warnings.warn(
            f"The model was *not* compiled: {type(error).__name__}: {error} Compile it manually.",
            stacklevel=3,
        )
        return
    if is_tensorflow2(reader.text("keras_version")):
        _warn_of_other_training(model)
    if reader.has("optimizer_weights"):
        try:
            _restore_optimizer(model, reader)
        except UnsafeFileError:
            raise
        except ValueError as error:
            warnings.warn(
                f"The optimizer {type(model.optimizer).__name__} starts afresh, since its saved "
                f"state does not fit: {error}{_hint_of_frozen(model)}",
                stacklevel=3,
            )


def _hint_of_frozen(model):
    if not any(hasattr(layer, "layers") for layer in model.layers):
        return ""
    return (
        " Keras 2 does not save that a model within a model was frozen as a whole: if one was, set "
        "its `trainable` to False and compile again."
    )


def _warn_of_other_training(model):
    """Names layers that train in tf.keras otherwise than in Keras 2."""
    frozen = _frozen_normalizations(model, model.trainable)
    if frozen:
        warnings.warn(
            f"The frozen BatchNormalization layers {', '.join(frozen)} normalize by moving "
            "statistics when tf.keras trains, here, as in Keras 2, by those of the batch. To go on "
            "as there, build the model with `layer(x, training=False)` and load the weights.",
            stacklevel=4,
        )
    penalized = [layer.name for layer in _within(model) if layer.activity_regularizer is not None]
    if penalized:
        warnings.warn(
            f"The activity regularizers of the layers {', '.join(penalized)} add to the loss their "
            "penalty divided by the size of the batch when tf.keras trains, here, as in Keras 2, "
            "the whole of it. To go on as there, divide their factors by that size.",
            stacklevel=4,
        )


def _within(layer):
    """A layer and all layers in it."""
    return [layer] + [part for inner in layer._sublayers() for part in _within(inner)]


def _frozen_normalizations(layer, trainable):
    """The names of frozen batch normalizations among a layer and those in it."""
    inner = layer.layers if hasattr(layer, "layers") else ()
    found = [
        name
        for child in inner
        for name in _frozen_normalizations(child, trainable and child.trainable)
    ]
    is_one = type(layer).__name__ == "BatchNormalization" and not trainable
    return [layer.name] * is_one + found


def _restore_optimizer(model, reader):
    group = reader.group("optimizer_weights")
    names = group.names("weight_names") or []
    if not names:
        return
    params = model._collected_trainable_weights
    if model.optimizer.is_direct:
        model.optimizer.prepare(params)
    else:  # its own `get_updates` makes its state
        model._make_train_function()
    arrays = [group.array(name) for name in names]
    weights = reader.group("model_weights")
    source = source_of(weights, version=reader.text("keras_version"))
    if source.is_keras1:
        layers = [layer for layer in model.layers if layer.weights]
        saved = [entry for entry in saved_layers(weights) if entry.names]
        arrays = arranged_keras1(params, arrays, saved, layers, source)
    else:
        arrays = arranged(model.optimizer, params, names, arrays)
    model.optimizer.set_weights(arrays)


# ---- pickling -----------------------------------------------------------------------------------


def pickle_model(model):
    """What `unpickle_model` makes an equal model of: an HDF5 file, and the users' own classes."""
    target = io.BytesIO()
    save_model(model, target)
    own, compiled = own_objects(model), model.optimizer is not None
    if compiled:
        metrics = model._compile_metrics, model._compile_weighted_metrics
        own.update(own_objects(model.optimizer, model.loss, metrics))
    return {"hdf5": target.getvalue(), "custom_objects": importable(own), "compiled": compiled}


def unpickle_model(state):
    """The model that `pickle_model` was given."""
    return load_model(io.BytesIO(state["hdf5"]), state["custom_objects"], state["compiled"])
