"""What TensorFlow's session and graph used to hold, and other calls of older scripts."""

import contextlib
import functools
import gc
import threading
import warnings
from collections import OrderedDict

import torch

from .. import config, lowering, operations
from ..symbolic import KerasTensor, Symbolic
from ..trees import leaves, map_leaves
from ..variable import Variable, forget_variables
from . import random
from .compiled import Function
from .own_gradients import replacing_gradients

__all__ = [
    "clear_session",
    "get_session",
    "image_dim_ordering",
    "manual_variable_initialization",
    "set_image_dim_ordering",
    "set_session",
    "v1_variable_initialization",
]


def clear_session():
    """Names start again at 1, the learning phase is free again, and memory is given back.

    Models that are still referred to go on working.
    """
    config.reset_uids()
    config.fix_learning_phase(None)
    random.forget_streams()
    forget_variables()
    current.close()
    current.graph = Graph()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Graph:
    """Stands for TensorFlow's graph: every operation knows what it depends on by itself.

    It keeps what has a name there: `collections`, the variables and layers that may be used again,
    `named`, and the `scope` of such names; `opened` counts the scopes that were opened in it.
    """

    _OF_TENSORFLOW = ("as_graph_def", "get_operation_by_name", "get_operations")
    _OF_TENSORFLOW += ("get_tensor_by_name",)

    def __init__(self):
        self.collections, self.named, self.used = {}, {}, {}
        self.scope, self.opened = None, {}

    def unique(self, name):
        """`name`, with a number if this graph had it before."""
        count = self.used[name] = self.used.get(name, -1) + 1
        return f"{name}_{count}" if count else name

    @contextlib.contextmanager
    def as_default(self):
        """Within this context, names belong to this graph."""
        before, current.graph = current.graph, self
        try:
            yield self
        finally:
            current.graph = before

    def __getattr__(self, name):
        if name in self._OF_TENSORFLOW:
            raise AttributeError(
                f"`Graph.{name}`: there is no graph of TensorFlow here. Keep the tensors, or "
                "ask `model.get_layer(name).output`; to freeze a model use `model.to_torch()`, "
                "`kforge.saving.export.to_onnx` or `model.save`."
            )
        raise AttributeError(f"'Graph' object has no attribute {name!r}")

    def gradient_override_map(self, op_type_map):
        """Within this context, operations that are recorded have other gradients: {TensorFlow's
        kind of operation: the name of a gradient that `tf.RegisterGradient` registered}."""
        return replacing_gradients(op_type_map)

    def finalize(self):
        """Changes nothing."""


class Fetch:
    """What a session can run besides tensors: made of `operations`, tensors and updates."""

    operations = ()

    def result(self, values):
        """What `run` gives for it, of the values of its operations: nothing."""

    def run(self, feed_dict=None, session=None):
        """Runs it."""
        return current.run(self, feed_dict)


current = None  # the one that is made below


class Session:
    """Stands for TensorFlow's session, of which there is no need: variables hold their values.

    What it has run it runs faster the next time. `target`, `graph` and `config` have no effect.
    """

    _kept = 64  # functions, those used last

    def __init__(self, target="", graph=None, config=None):
        self.graph = graph or (current.graph if current is not None else Graph())
        self._functions = OrderedDict()
        self._lock = threading.Lock()  # servers run one session in many threads

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        """Values of nested tensors, and changes carried out, with `feed_dict` fed."""
        feeds, wanted = feed_dict or {}, []
        for x in leaves(fetches):
            if not isinstance(x, (Symbolic, Fetch)):
                raise TypeError(
                    f"Session.run: expected tensors, updates and operations, got {x!r}. Tensors "
                    "cannot be asked for by name here."
                )
            wanted += [x] if isinstance(x, Symbolic) else x.operations
        found = iter(self._function(list(feeds), wanted)(list(feeds.values())))

        def value(x):
            return None if operations.is_effect(x) else next(found)

        def result(x):
            return value(x) if isinstance(x, Symbolic) else x.result(list(map(value, x.operations)))

        return map_leaves(result, fetches)

    def _function(self, fed, wanted):
        key = (*map(id, fed), None, *map(id, wanted))
        with self._lock:
            if key not in self._functions:
                effects = [x for x in wanted if operations.is_effect(x)]
                outputs = [x for x in wanted if not operations.is_effect(x)]
                # The tensors are kept with the function, so that no others get their ids.
                self._functions[key] = (Function(fed, outputs, effects), fed, wanted)
                if len(self._functions) > self._kept:
                    self._functions.popitem(last=False)
            self._functions.move_to_end(key)
            return self._functions[key][0]

    @contextlib.contextmanager
    def as_default(self):
        """Changes nothing: there is nothing that belongs to one session."""
        yield self

    def close(self):
        """Forgets what it has run."""
        self._functions.clear()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Initialization(Fetch):
    """Gives a layer's weight a first value again, drawn anew: ``layer.kernel.initializer.run()``.

    Other variables have no `initializer`: they do not keep their first value.
    """

    def __init__(self, variable):
        if variable.initial is None:
            raise AttributeError(f"Variable {variable.name} does not keep its first value.")
        self.variable = variable

    def result(self, values):
        """Sets the value."""
        self.variable.assign(lowering.evaluate(self.variable.initial()))


Variable.initializer = property(Initialization)

current = Session()


def _eval(self, feed_dict=None, session=None):
    """The value as a NumPy array, with `feed_dict` fed (see `K.eval`)."""
    return current.run(self, feed_dict) if feed_dict else lowering.evaluate(self)


Symbolic.eval = _eval
# In TensorFlow 2's word, for what nothing has to be fed for: `K.eval`.
KerasTensor.numpy = lowering.evaluate


@functools.cache
def _explain():
    warnings.warn(
        "kforge has no TensorFlow session: variables hold their values and tensors are computed "
        "by PyTorch. `K.get_session()` gives an object whose `run` works, `K.set_session()` has "
        "no effect; choose devices with `kforge.device` or CUDA_VISIBLE_DEVICES.",
        stacklevel=3,
    )


def get_session():
    """An object with the `run` of TensorFlow's session, for scripts that use it."""
    _explain()
    return current


def set_session(session):
    """Has no effect: there is no session to set."""
    _explain()


def manual_variable_initialization(value):
    """Has no effect: variables have their initial values from the start."""


def v1_variable_initialization():
    """Has no effect: variables have their initial values from the start."""


_DIM_ORDERINGS = {"channels_last": "tf", "channels_first": "th"}


def image_dim_ordering():
    """`image_data_format` in the words of Keras 1: "tf" or "th"."""
    return _DIM_ORDERINGS[config.image_data_format()]


def set_image_dim_ordering(dim_ordering):
    """`set_image_data_format` in the words of Keras 1."""
    for data_format, old_word in _DIM_ORDERINGS.items():
        if dim_ordering == old_word:
            return config.set_image_data_format(data_format)
    raise ValueError(f"Unknown dim_ordering: {dim_ordering!r}. Expected 'tf' or 'th'.")


def _is_tf_1():
    """Whether the TensorFlow that scripts find is of version 1; private, but met in scripts."""
    return True


def _get_available_gpus():
    """Names of the CUDA devices, as TensorFlow writes them; private, but met in scripts."""
    return [f"/device:GPU:{i}" for i in range(torch.cuda.device_count())]
