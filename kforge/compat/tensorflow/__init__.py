"""`import tensorflow` for Keras scripts: a facade with what they take from it, on K underneath.

Where kforge is installed as Keras, `import tensorflow as tf` gives the modules listed here instead
of TensorFlow, whether that is installed or not; ``KFORGE_TENSORFLOW=real`` in the environment
leaves `tensorflow` alone. They offer TensorFlow 1.15 as far as Keras scripts use it: functions on
symbolic tensors (and on torch's), sessions that need not be, and `tf.keras`, which is kforge.
``python -m kforge.compat.tensorflow`` lists all names; any other is an `AttributeError`.

The facade itself is loaded when a script first looks into it.
"""

import importlib
import importlib.machinery
import os
import sys
import types

__all__ = ["MODULES", "Facade", "offer", "withdraw"]

VERSION = "1.15.5"

_OPS = """
    array_ops bitwise_ops candidate_sampling_ops check_ops clip_ops confusion_matrix
    control_flow_ops ctc_ops custom_gradient embedding_ops functional_ops gen_array_ops
    gen_control_flow_ops gen_image_ops gen_math_ops gen_nn_ops gen_random_ops gen_sparse_ops
    gen_state_ops gradients gradients_impl histogram_ops image_ops image_ops_impl init_ops
    linalg_ops linalg_ops_impl logging_ops manip_ops math_ops metrics metrics_impl nn nn_grad
    nn_impl nn_ops numerics parsing_ops random_ops resource_variable_ops script_ops sets_impl
    sort_ops sparse_ops special_math_ops spectral_ops state_ops stateless_random_ops
    tensor_array_ops
    variable_scope variables
"""
_OF_OPS = "root math nn image random linalg metrics bitwise manip gradients"

#: Every module below `tensorflow`, and where it finds its names: tables of `.table`, by name.
MODULES = {
    "app": "app",
    "app.flags": "flags",
    "bitwise": "bitwise",
    "compat": "compat",
    "config": "config",
    "config.experimental": "config",
    "config.threading": "config.threading",
    "contrib": "contrib",
    "contrib.distributions": "distributions",
    "contrib.framework": "contrib.framework",
    "contrib.framework.nest": "nest",
    "contrib.layers": "contrib.layers",
    "contrib.losses": "contrib.losses",
    "contrib.metrics": "contrib.metrics",
    "contrib.opt": "contrib.opt",
    "contrib.rnn": "contrib.rnn",
    "contrib.signal": "signal",
    "contrib.slim": "contrib.slim",
    "contrib.slim.losses": "contrib.losses",
    "contrib.slim.metrics": "contrib.metrics",
    "data": "data",
    "debugging": "debugging",
    "distribute": "distribute",
    "distribute.experimental": "distribute",
    "distributions": "distributions",
    "dtypes": "dtypes",
    "errors": "errors",
    "flags": "flags",
    "gfile": "gfile",
    "image": "image",
    "initializers": "initializers",
    "io": "io",
    "io.gfile": "gfile",
    "layers": "layers",
    "linalg": "linalg",
    "logging": "logging",
    "losses": "losses",
    "manip": "manip",
    "math": "math",
    "metrics": "metrics",
    "nest": "nest",
    "nn": "nn",
    "nn.rnn_cell": "nn.rnn_cell",
    "python": "root",
    "python.client": "",
    "python.client.device_lib": "device_lib",
    "python.client.session": "root",
    "python.eager": "",
    "python.eager.context": "root",
    "python.framework": "",
    "python.framework.dtypes": "dtypes",
    "python.framework.errors": "errors",
    "python.framework.errors_impl": "errors",
    "python.framework.ops": "root python.framework.ops",
    "python.framework.tensor_shape": "root",
    "python.keras.utils.tf_utils": "python.keras.utils.tf_utils",
    "python.layers": "",
    "python.layers.base": "layers",
    "python.layers.layers": "layers",
    "python.ops": "root",
    **{f"python.{package}{name}": _OF_OPS for name in _OPS.split() for package in ("ops.", "")},
    "python.ops.rnn": "nn",
    "python.ops.rnn_cell": "nn.rnn_cell",
    "python.ops.rnn_cell_impl": "nn.rnn_cell",
    "python.platform": "",
    "python.platform.app": "app",
    "python.platform.flags": "flags",
    "python.platform.gfile": "gfile",
    "python.platform.tf_logging": "logging",
    "python.training": "train",
    "python.training.moving_averages": "train",
    "python.training.optimizer": "train",
    "python.util": "",
    "python.util.nest": "nest",
    "python.util.tf_export": "python.util.tf_export",
    "random": "random",
    "sets": "sets",
    "signal": "signal",
    "sparse": "sparse",
    "summary": "summary",
    "test": "test",
    "train": "train",
}

# Modules of TensorFlow that scripts reach through `keras.backend`, which imported them.
_SHOWN_BY_BACKEND = {
    "tf": "tensorflow",
    "control_flow_ops": "tensorflow.python.ops.control_flow_ops",
    "device_lib": "tensorflow.python.client.device_lib",
    "functional_ops": "tensorflow.python.ops.functional_ops",
    "tensor_array_ops": "tensorflow.python.ops.tensor_array_ops",
    "tf_ops": "tensorflow.python.framework.ops",
}

# Modules that only TensorFlow's Keras has, and those of Keras that have their names.
_KERAS_OF_TENSORFLOW = {
    "backend_config": "backend",
    "engine.input_spec": "engine.base_layer",
    "optimizer_v2": "optimizers",
    "optimizer_v2.learning_rate_schedule": "optimizers.schedules",
    **{f"optimizer_v2.{n}": "optimizers" for n in "adadelta adagrad adam adamax nadam".split()},
    "optimizer_v2.gradient_descent": "optimizers",
    "optimizer_v2.rmsprop": "optimizers",
}
_KERAS = ("tensorflow.keras", "tensorflow.python.keras", "tensorflow.compat.v1.keras")


class Facade(types.ModuleType):
    """A module that looks its names up in tables, when they are asked for."""

    def __init__(self, name, tables):
        super().__init__(name)
        self.__path__ = []
        self._tables = tables.split()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        below = sys.modules.get(f"{self.__name__}.{name}")
        if below is not None:
            return below
        value = importlib.import_module(".table", __name__).look_up(self, name)
        setattr(self, name, value)
        return value

    def __dir__(self):
        table = importlib.import_module(".table", __name__)
        return sorted({*super().__dir__(), *table.names(self)})


class _Finder:
    """Finds `tensorflow`; what is below it is there from then on."""

    def __init__(self):
        self.root = Facade("tensorflow", "root")
        self.root.__version__ = VERSION
        self.modules = {"tensorflow": self.root, "tensorflow.compat.v1": self.root}
        for path, tables in MODULES.items():
            self.modules[f"tensorflow.{path}"] = Facade(f"tensorflow.{path}", tables)

    def find_spec(self, name, path=None, target=None):
        """The module `tensorflow`; `ModuleNotFoundError` for unknown ones below it."""
        if name == "tensorflow":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name.startswith("tensorflow.") and sys.modules.get("tensorflow") is self.root:
            advice = importlib.import_module(".elsewhere", __name__).advice
            raise ModuleNotFoundError(
                f"No module named {name!r} in what kforge offers of TensorFlow."
                f"{advice(name.partition('.')[2])} "
                "KFORGE_TENSORFLOW=real in the environment gives you TensorFlow itself.",
                name=name,
            )
        return None

    def create_module(self, spec):
        """The facade."""
        return self.root

    def exec_module(self, module):
        """Registers everything below `tensorflow`."""
        self.register_keras(*_KERAS)
        sys.modules.update(self.modules)

    def register_keras(self, *prefixes):
        """Makes the modules of Keras known below other names too."""
        found = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
        found |= {
            f"keras.{name}": found[f"keras.{own}"]
            for name, own in _KERAS_OF_TENSORFLOW.items()
            if f"keras.{own}" in found
        }
        made = {p + name[len("keras") :]: m for p in prefixes for name, m in found.items()}
        self.modules.update(made)
        sys.modules.update(made)

    def hide_from_tensorboard(self):
        """TensorBoard, which would import the facade as TensorFlow, finds that there is none."""
        name = "tensorboard.compat.notf"
        sys.modules[name] = self.modules[name] = types.ModuleType(name)

    def forget(self):
        """Takes the modules away again."""
        for name, module in self.modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


_active = []


def offer(backend):
    """From now on `import tensorflow` gives the facade, unless TensorFlow is to be used.

    `backend` is the module `keras.backend`, through which scripts reach TensorFlow as well.
    """
    is_unwanted = os.environ.get("KFORGE_TENSORFLOW") == "real" or "tensorflow" in sys.modules
    if _active or is_unwanted:
        return
    finder = _Finder()
    finder.register_keras("tf_keras")
    finder.hide_from_tensorboard()
    sys.meta_path.insert(0, finder)
    for name, path in _SHOWN_BY_BACKEND.items():
        setattr(backend, name, finder.modules[path])
    _active.append((finder, backend))


def withdraw():
    """`import tensorflow` means again what it meant before `offer`."""
    while _active:
        finder, backend = _active.pop()
        sys.meta_path.remove(finder)
        finder.forget()
        for name in _SHOWN_BY_BACKEND:
            delattr(backend, name)
