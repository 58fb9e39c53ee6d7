"""Any torch module as a layer."""

import copy
import uuid
import weakref

import torch

from .. import backend as K
from .. import config, symbolic
from ..backend.values import apply, as_list
from ..devices import current_device
from ..engine import Layer
from ..engine.node import unpack
from ..module_runner import ModuleRunner
from ..registry import get_custom_objects
from ..symbolic import KerasTensor
from ..variable import Variable

__all__ = ["TorchModule"]

# Modules of this process by a token that stands in configs.
_live = weakref.WeakValueDictionary()


class TorchModule(Layer):
    """A `torch.nn.Module` as a layer, with its own idea of axes: ``TorchModule(module)(x)``.

    Several inputs are positional arguments; the result is a tensor, or a tuple or list of them.
    Parameters become weights, trained if they require gradients; so do persistent buffers, which
    follow Keras's rules: they change in training only, and not while `trainable` is False. The
    learning phase says whether the module is in train or eval mode. Shapes come from running it
    without data, or where that is impossible on zeros.

    A config does not hold code, but the name of the module's class. It becomes a layer again with
    ``custom_objects={layer name: module}`` or ``{class name: class or function that makes one}``,
    or with a copy of the module where that is alive.
    """

    def __init__(self, module, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(module, torch.nn.Module) or isinstance(module, Layer):
            raise TypeError(
                f"Layer {self.name}: expected a torch.nn.Module that is not a layer already; got "
                f"{module!r}."
            )
        self.module = module
        self._token = uuid.uuid4().hex
        _live[self._token] = module

    def build(self, input_shape):
        self.module.to(current_device())
        if any(torch.nn.parameter.is_lazy(p) for p in self.module.parameters()):
            shapes = input_shape if isinstance(input_shape, list) else [input_shape]
            shapes = [[2 if n is None else n for n in s] for s in shapes]
            with torch.no_grad():  # a lazy module finds its sizes when it first runs
                self.module(*(torch.zeros(s, device=current_device()) for s in shapes))
        self._runner = ModuleRunner(self.module)
        self._handles = [self._handle(*pair) for pair in self._runner.own.items()]
        self.built = True

    def _handle(self, name, tensor):
        """A weight that is `tensor` itself."""
        trainable = tensor.requires_grad
        handle = Variable(tensor, config.scoped(name.replace(".", "/")), trainable=trainable)
        tensor.keras_name, handle.native = handle.native.keras_name, tensor
        (self._trainable_weights if trainable else self._non_trainable_weights).append(handle)
        return handle

    def call(self, inputs, training=None):
        phase = K.learning_phase() if training is None else training
        if isinstance(phase, KerasTensor):
            pairs = zip(self._run(True, inputs), self._run(False, inputs))
            outputs = [K.in_train_phase(*pair, training=phase) for pair in pairs]
        else:
            outputs = self._run(bool(phase), inputs)
        return outputs if self._runner.several else unpack(outputs)

    def _run(self, training, inputs):
        """The outputs in one phase, as a list; in training with the changes of the buffers."""
        inputs = as_list(inputs)
        found = self._applied(training, inputs)
        if not training or not self._runner.buffers:
            return found
        count = len(self._runner.buffers)
        if self.trainable or not symbolic.is_executing():
            moved = zip(self._handles[-count:], found[-count:])
            self.add_update([K.update(*pair) for pair in moved], inputs)
        return found[:-count]

    def _applied(self, training, inputs):
        try:
            return apply(self._runner, training, inputs, self._handles)
        except (RuntimeError, ValueError, IndexError) as error:
            if symbolic.is_executing() and not symbolic.is_trying():
                raise
            shapes = [tuple(x.shape) for x in inputs]
            raise ValueError(
                f"Layer {self.name}: {type(self.module).__name__} does not take inputs of the "
                f"shapes {shapes}. torch says: {error}"
            ) from error

    def compute_output_shape(self, input_shape):
        """The shape, or shapes, that the module gives for inputs of the layer's dtype."""
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        dtype = symbolic.torch_dtype(self.dtype)
        inputs = [symbolic.placeholder(s, dtype, "shape") for s in shapes]
        outputs = self._applied(False, inputs)
        found = [tuple(x.shape) for x in outputs]
        return found if self._runner.several else unpack(found)

    compute_output_shape.inferred = True

    def get_config(self):
        kind = type(self.module)
        described = {"class_name": kind.__qualname__, "module": kind.__module__}
        return {**self._base_config(), "module": {**described, "token": self._token}}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        known = {**get_custom_objects(), **(custom_objects or {})}
        described, name = config["module"], config.get("name")
        made = known.get(name, known.get(described["class_name"]))
        if made is None and described.get("token") in _live:
            made = copy.deepcopy(_live[described["token"]])
        if made is None:
            raise ValueError(
                f"Layer {name!r} holds a torch module, {described['module']}."
                f"{described['class_name']}, whose code is not in the file. Pass it: "
                f"`custom_objects={{{name!r}: <the module>}}`."
            )
        if not isinstance(made, torch.nn.Module):
            made = made()
        return cls(**{**config, "module": made})
