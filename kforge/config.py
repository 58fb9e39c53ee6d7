"""Process-wide settings: float type, fuzz factor, image layout, the names already given.

Read once from ``~/.keras/keras.json`` (or ``$KERAS_HOME/keras.json``), which is written with the
defaults where there is none yet, as Keras does.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
import threading
from collections import defaultdict

import numpy as np

__all__ = [
    "ThreadStack",
    "answer_as",
    "automatic_name",
    "backend",
    "cast_to_floatx",
    "check_data_format",
    "epsilon",
    "fix_learning_phase",
    "fixed_learning_phase",
    "floatx",
    "get_uid",
    "home",
    "image_data_format",
    "in_notebook",
    "name_scope",
    "numpy_floatx",
    "reset_uids",
    "scope",
    "scoped",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "stands_for_keras",
]

# What kforge stands for, in files and in the answers that scripts get.
KERAS_VERSION, KERAS_BACKEND = "2.3.1", "tensorflow"

FLOATX = ("float16", "float32", "float64", "bfloat16")
DATA_FORMATS = ("channels_last", "channels_first")

_settings = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


def home():
    """Keras's folder: ``$KERAS_HOME``, else ``~/.keras``, else one in the temporary directory."""
    if os.environ.get("KERAS_HOME"):
        return os.path.expanduser(os.environ["KERAS_HOME"])
    base = os.path.expanduser("~")
    return os.path.join(base if os.access(base, os.W_OK) else tempfile.gettempdir(), ".keras")


def floatx():
    """Default float type, as a string: "float32" unless set."""
    return _settings["floatx"]


def set_floatx(floatx):
    """Sets the default float type: "float16", "float32", "float64" or "bfloat16"."""
    if floatx not in FLOATX:
        raise ValueError(f"Unknown floatx type: {floatx}. Expected one of {FLOATX}.")
    _settings["floatx"] = str(floatx)


def epsilon():
    """The fuzz factor that keeps divisions and logarithms finite: 1e-7 unless set."""
    return _settings["epsilon"]


def set_epsilon(e):
    """Sets the fuzz factor."""
    _settings["epsilon"] = float(e)


def image_data_format():
    """Default layout of images: "channels_last" unless set."""
    return _settings["image_data_format"]


def set_image_data_format(data_format):
    """Sets the default layout of images: "channels_last" or "channels_first"."""
    _settings["image_data_format"] = check_data_format(data_format)


def check_data_format(value):
    """Normalises a `data_format` argument: None gives the default; raises `ValueError`."""
    data_format = image_data_format() if value is None else str(value).lower()
    if data_format not in DATA_FORMATS:
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". '
            f"Received: {value}"
        )
    return data_format


def numpy_floatx():
    """The default float type for NumPy arrays: float32 for bfloat16, which NumPy has not."""
    return "float32" if floatx() == "bfloat16" else floatx()


def cast_to_floatx(x):
    """A NumPy array of `x` in the default float type."""
    return np.asarray(x, dtype=numpy_floatx())


# The name that `K.backend()` answers, and the learning phase that `K.set_learning_phase` fixed.
_state = {"backend": "torch", "learning_phase": None}


def backend():
    """The name of the backend: ``$KERAS_BACKEND`` if set, "tensorflow" where kforge is Keras."""
    return os.environ.get("KERAS_BACKEND") or _state["backend"]


def stands_for_keras():
    """Whether kforge is installed as `keras`, so that scripts see what they saw there."""
    return _state["backend"] != "torch"


def answer_as(backend):
    """Sets what `backend` answers."""
    _state["backend"] = backend


def fixed_learning_phase():
    """The learning phase, 0 or 1, if `K.set_learning_phase` fixed it; else None."""
    return _state["learning_phase"]


def fix_learning_phase(value):
    """Fixes the learning phase to 0 or 1, or with None frees it."""
    _state["learning_phase"] = value


# Numbers given to automatic names ("dense_1"), one counter a prefix.
_uids = defaultdict(int)
_uid_lock = threading.Lock()


def get_uid(prefix=""):
    """The next number for names that begin with `prefix`, from 1."""
    with _uid_lock:
        _uids[prefix] += 1
        return _uids[prefix]


def automatic_name(cls_name):
    """A name such as ``conv2d_1`` for a class such as Conv2D."""
    snake = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", cls_name)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", snake).lower()
    prefix = f"private{snake}" if snake.startswith("_") else snake
    return f"{prefix}_{get_uid(prefix)}"


def reset_uids():
    """Names start again at 1."""
    _uids.clear()


class ThreadStack(threading.local):
    """A list, `stack`, that each thread has for itself."""

    def __init__(self):
        self.stack = []


# The layers that are being called, outermost first: (name, how often it named which weight).
_scopes = ThreadStack()


@contextlib.contextmanager
def name_scope(name):
    """Within this scope, names of new weights begin with `name/`."""
    _scopes.stack.append((name, defaultdict(int)))
    try:
        yield name
    finally:
        _scopes.stack.pop()


def in_notebook():
    """Whether a Jupyter kernel runs this process."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


def scope():
    """The names of the scopes around, joined by slashes."""
    return "/".join(name for name, _ in _scopes.stack)


def scoped(name):
    """`name` with the prefixes of the scopes around; repeated in one scope, with a number."""
    if not _scopes.stack:
        return name
    used = _scopes.stack[-1][1]
    used[name] += 1
    number = f"_{used[name] - 1}" if used[name] > 1 else ""
    return "/".join([*(scope for scope, _ in _scopes.stack), name + number])


def _read_settings():
    path = os.path.join(home(), "keras.json")
    try:
        with open(path, encoding="utf-8") as f:
            stored = json.load(f)
    except FileNotFoundError:
        _write_settings(path)
        return
    except (OSError, ValueError):
        return  # not to be read, or not JSON: defaults, as Keras does
    if not isinstance(stored, dict):
        return
    for name, setter in (
        ("floatx", set_floatx),
        ("epsilon", set_epsilon),
        ("image_data_format", set_image_data_format),
    ):
        if name in stored:
            try:
                setter(stored[name])
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueError(f"{path}: {name!r} is {stored[name]!r}. {error}") from error


def _write_settings(path):
    """Writes the settings where there are none, for users to edit, if that is possible."""
    stored = {**_settings, "backend": KERAS_BACKEND}  # the same as Keras, which may read them, too
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "x", encoding="utf-8") as f:
            json.dump(stored, f, indent=4)


_read_settings()
