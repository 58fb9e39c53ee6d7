"""Models in the words of the Keras that is to read them."""

import io
import json

from ..config import KERAS_VERSION
from .files import open_writer
from .model import describe_model, load_model, write_model
from .op_layers import express_operation
from .text import dump_json
from .training import training_config

__all__ = ["save_for"]

# What files for tf.keras say that they were written by.
TF_KERAS_VERSION = "2.15.0"

# Layers that only kforge has, or only Keras 2.3.1.
MISSING = {
    "keras2": {
        "TFOperation": "it is an operation of TensorFlow; tf_keras has it (--dialect tf_keras)",
        "TorchModule": "it is a torch module",
    },
    "tf_keras": {
        "ConvRNN2D": "tf.keras has only ConvLSTM2D",
        "Highway": "it was dropped after Keras 1",
        "Lambda": "tf.keras would have to run bytecode of another Python",
        "MaxoutDense": "it was dropped after Keras 1",
        "TorchModule": "it is a torch module",
    },
}

# Losses and metrics that tf.keras has under another name only.
RENAMED = {"cosine": "cosine_similarity", "cosine_proximity": "cosine_similarity"}

# The arguments that cuDNN's layers do not have, since they are fixed there.
PLAIN = {
    "CuDNNGRU": ("GRU", {"reset_after": True}),
    "CuDNNLSTM": ("LSTM", {}),
}
FIXED = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}


def save_for(dialect, model, path):
    """Saves a model to HDF5 for "keras2" (Keras 2.0 to 2.3) or for "tf_keras" (also tf.keras 2).

    cuDNN's layers, which tf.keras runs only on a GPU, become the plain ones there. Raises
    `ValueError` for a layer that the other side does not have, or that computes otherwise there.
    """
    description = json.loads(dump_json(describe_model(model)))
    version = KERAS_VERSION
    if dialect == "tf_keras":
        version = TF_KERAS_VERSION
        if _has_cudnn(description):
            model = _plain(model, description)
            description = json.loads(dump_json(describe_model(model)))
    description = _expressed(description, dialect)
    training = training_config(model)
    if dialect == "tf_keras":
        training = _renamed(json.loads(dump_json(training)))
    with open_writer(path) as writer:
        write_model(writer, model, description, training, model.optimizer, version)


def _expressed(value, dialect):
    if isinstance(value, list):
        return [_expressed(item, dialect) for item in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    why = MISSING[dialect].get(kind)
    if why is not None:
        raise ValueError(
            f"Layer {config.get('name')!r} is a {kind}, which {dialect} cannot read: {why}."
        )
    if kind == "UpSampling2D":
        value = {**value, "config": _resizing(config, dialect)}
    elif kind == "TFOperation":
        value = express_operation(value)
    return {name: _expressed(item, dialect) for name, item in value.items()}


def _resizing(config, dialect):
    """TensorFlow 1 and 2 mean different things by bilinear."""
    spoken = "bilinear_half_pixel" if dialect == "tf_keras" else "bilinear"
    if config["interpolation"] not in ("nearest", spoken):
        raise ValueError(
            f"Layer {config['name']!r} has interpolation={config['interpolation']!r}, by which "
            f"images are enlarged otherwise than {dialect} does."
        )
    if config["interpolation"] == spoken:
        return {**config, "interpolation": "bilinear"}
    return config


def _renamed(value):
    if isinstance(value, dict):
        return {name: _renamed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    return RENAMED.get(value, value) if isinstance(value, str) else value


# ---- cuDNN --------------------------------------------------------------------------------------


def _has_cudnn(value):
    if isinstance(value, dict):
        return value.get("class_name") in PLAIN or any(map(_has_cudnn, value.values()))
    return isinstance(value, list) and any(map(_has_cudnn, value))


def _plain(model, description):
    """An equal model with plain recurrent layers: what reads files converts the weights."""
    file = io.BytesIO()
    with open_writer(file) as writer:
        training = training_config(model)
        write_model(writer, model, _without_cudnn(description), training, model.optimizer)
    file.seek(0)
    return load_model(file, compile=model.optimizer is not None)


def _without_cudnn(value):
    if isinstance(value, list):
        return [_without_cudnn(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {name: _without_cudnn(item) for name, item in value.items()}
    if value.get("class_name") in PLAIN:
        kind, more = PLAIN[value["class_name"]]
        value = {**value, "class_name": kind, "config": {**value["config"], **FIXED, **more}}
    return value
