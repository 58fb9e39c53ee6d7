"""Models, weights and configurations, in files and out of them."""

from ..registry import ConfigError
from .config import model_from_config, model_from_json, model_from_yaml
from .errors import DamagedFileError, FileError, UnsafeFileError
from .export import to_onnx, to_program, to_torch
from .legacy import *  # noqa: F403 - Keras's names, listed there
from .legacy import __all__ as _legacy_names
from .model import load_model, pickle_model, save_model, unpickle_model
from .weights import LoadReport, load_weights, save_weights

__all__ = [
    "ConfigError",
    "DamagedFileError",
    "FileError",
    "LoadReport",
    "UnsafeFileError",
    "load_model",
    "load_weights",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "pickle_model",
    "save_model",
    "save_weights",
    "to_onnx",
    "to_program",
    "to_torch",
    "unpickle_model",
    *_legacy_names,
]
