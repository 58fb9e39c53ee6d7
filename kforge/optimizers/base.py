"""The optimizer that all others extend, and the steps that it prepares.

>>> step = optimizer.prepare(model.trainable_weights)
>>> step(gradients)  # torch tensors, one a variable, in torch's layout, under torch.no_grad()

One optimizer may be prepared for several lists (two models that share it): each has slots of its
own; the learning rate and the count of iterations are common.
"""

import warnings
import weakref

import torch

from .. import backend as K
from .. import config, differentiation, operations, symbolic
from ..backend import variables
from ..compat.interfaces import legacy_get_updates_support
from ..registry import has_arg
from ..symbolic import KerasTensor, as_tensor, record
from ..trees import leaves
from ..variable import Variable
from .schedules import schedule_of, serialize
from .step import Scalar, Step, clip, clip_norm

__all__ = ["Optimizer", "Scalar", "clip_norm"]

# What configs of tf.keras say that Keras has no word for. None: without influence on a loaded
# optimizer; otherwise the only value that can be honoured (None always can).
_FOREIGN = {
    "name": None,
    "jit_compile": None,
    "is_legacy_optimizer": None,
    "ema_momentum": None,
    "ema_overwrite_frequency": None,
    "initial_accumulator_value": None,
    "weight_decay": 0,
    "use_ema": False,
    "momentum": 0,
    "centered": False,
}


def _varies(value, held):
    """Whether a value depends on variables other than `held`, the one that it is a new value of."""
    if not isinstance(value, KerasTensor):
        return False
    read = leaves([[op.args, op.kwargs] for op in operations.ancestors([value])])
    return any(isinstance(x, Variable) and x is not held for x in read)


class Optimizer:
    """What turns gradients into changes of variables.

    `clipnorm` scales all gradients so that their common norm is at most this, `clipvalue` bounds
    each number. Subclasses give `slots`, the names of the states that each variable has, and
    `update`; `settings` are the attributes that `get_config` shows.
    """

    slots = ()
    settings = ()
    counters = ("iterations",)
    updates = weights = ()
    clipnorm = clipvalue = decay = None
    # Hyperparameters that are computed in each step, by name.
    tensors = {}  # noqa: RUF012  (replaced, never changed)
    schedule = None  # gives the learning rate of each step, instead of its last value
    initial_decay = 0.0
    # Which weights files of older versions of Keras do not have.
    _later = slice(0, 0)

    _steps = ()  # weak references to what `prepare` gave
    _step = None  # the latest
    _waiting = None  # weights that were set before there were variables

    def __init__(self, **kwargs):
        for name in kwargs:
            if name not in ("clipnorm", "clipvalue"):
                raise TypeError(f"Unexpected keyword argument passed to optimizer: {name}")
        vars(self).update(kwargs)
        self.updates, self.weights = [], []

    def _set_up(self, kwargs, learning_rate, **scalars):
        """The numbers that built-in optimizers have, among them Keras's older arguments."""
        learning_rate = kwargs.pop("lr", learning_rate)
        schedule = schedule_of(learning_rate)
        scalars["learning_rate"] = learning_rate if schedule is None else schedule.at(0)
        if "decay" in self.settings:
            scalars["decay"] = kwargs.pop("decay", 0.0)
        if "epsilon" in self.settings:
            epsilon = kwargs.pop("epsilon", None)
            self.epsilon = config.epsilon() if epsilon is None else epsilon
        Optimizer.__init__(self, **kwargs)
        scope = type(self).__name__
        self.iterations = Scalar(0, f"{scope}/iterations", torch.int64)
        for name, value in scalars.items():
            setattr(self, name, Scalar(value, f"{scope}/{name}"))
        if "decay" in scalars:
            self.initial_decay = self.decay.array.item()
        self.schedule = schedule

    def __setattr__(self, name, value):
        held = vars(self).get(name)
        if isinstance(held, Scalar) and _varies(value, held):
            self.tensors = {**self.tensors, name: value}
        elif isinstance(held, Scalar) and value is not held:
            self.tensors = {k: v for k, v in self.tensors.items() if k != name}
            if name == "learning_rate":
                self.schedule = schedule_of(value)
                value = value if self.schedule is None else self.schedule.at(0)
            held.set(value)
        else:
            object.__setattr__(self, name, value)

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "_steps"}

    def __setstate__(self, state):
        vars(self).update(state)
        if self._step is not None:
            self._steps = (weakref.ref(self._step),)

    @property
    def lr(self):
        """Another name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value):
        self.learning_rate = value

    # ---- steps ----

    def update(self, params, grads, state, lr):
        """Changes the tensors `params` in place; `state` holds one list of tensors a slot."""
        raise NotImplementedError(f"{type(self).__name__} has neither `update` nor `get_updates`.")

    def rate(self):
        """The learning rate of the coming step, as a Python number."""
        if self.schedule is not None:
            self.learning_rate.array[()] = self.schedule.at(self.iterations.array.item())
        lr = self.learning_rate.array.item()
        if self.decay is not None and (decay := self.decay.array.item()):
            lr /= 1.0 + decay * self.iterations.array.item()
        return lr

    def advance(self):
        """Counts a step."""
        array = self.iterations.array
        array[()] = array.item() + 1

    @property
    def is_direct(self):
        """Whether `prepare` and `apply` do all that this optimizer does.

        Otherwise a class, or somebody who changed this object, has a `get_updates` or a
        `get_gradients` of its own, and a training step is what `get_updates` records.
        """
        return not self.tensors and all(
            name not in vars(self) and getattr(type(self), name) is getattr(Optimizer, name)
            for name in ("get_updates", "get_gradients")
        )

    def prepare(self, params):
        """The function of gradients that updates the variables `params`, with its slots.

        Prepared again for the same variables, it is the same one, whose slots follow where the
        variables went. `weights` are from now on those of these variables.
        """
        params = list(params)
        steps = [step for step in (ref() for ref in self._steps) if step is not None]
        found = next((step for step in steps if step.is_for(params)), None)
        if found is None:
            found = Step(self, params)
            self._steps = (*(weakref.ref(step) for step in steps), weakref.ref(found))
        else:
            found.arrange()
        self._step, self.weights = found, found.weights
        if self._waiting is not None:
            weights, self._waiting = self._waiting, None
            self.set_weights(weights)
        return found

    def apply(self, grads):
        """Updates the variables that were prepared last; see `prepare`."""
        self._step(grads)

    def _new_slot(self, name, index, param):
        name = f"training/{type(self).__name__}/{name}_{index}_1"
        zeros = torch.zeros_like(param.native, requires_grad=False)  # with the strides, too
        slot = Variable(zeros, name, trainable=False, device=param.device)
        slot.layout = param.layout
        return slot

    def _create_all_weights(self, params):
        """The slots of `params`: a list of variables a slot, or the only list."""
        slots = self.prepare(params).slots
        return slots[0] if len(slots) == 1 else slots

    def apply_gradients(self, grads_and_vars, name=None):
        """One step with pairs of (gradient, variable), in the shapes that variables show.

        It happens at once where gradients are torch tensors; else it is an operation to run.
        Variables whose gradient is None stay as they are.
        """
        return self._apply_gradients(grads_and_vars)

    def _apply_gradients(self, grads_and_vars, then=None):
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError(
                "No gradients provided for any variable: the loss depends on none of them in a "
                "differentiable way."
            )
        grads, params = zip(*pairs)
        step = self.prepare(params)

        def run(values):
            step.update_in_keras_layout(clip(values, self.clipnorm, self.clipvalue))
            if then is not None:
                then()

        if any(isinstance(g, symbolic.Symbolic) for g in grads):
            return operations.effect(run, list(grads))
        with torch.no_grad():
            run([as_tensor(g).to(p.native) for g, p in pairs])
        return None

    # ---- symbolic use ----

    def get_gradients(self, loss, params):
        """Symbolic gradients of `loss` for each of `params`, clipped."""
        grads = differentiation.gradients([loss], list(params))
        missing = [p.name for p, g in zip(params, grads) if g is None]
        if missing:
            raise differentiation.missing_gradients(missing)
        if self._clips and grads:
            grads = record(clip, grads, self.clipnorm, self.clipvalue)
        return grads

    @legacy_get_updates_support
    def get_updates(self, loss, params):
        """Records one step that makes `loss` smaller: updates for `K.function`.

        It is one operation, unless a program may look at the changes of each variable.
        """
        params = list(params)
        step = self.prepare(params)
        grads = self.get_gradients(loss, params)
        if self.is_direct and K.update is variables.update:
            self.updates = [operations.effect(step.update_in_keras_layout, grads)]
        else:
            self.updates = step.changes(grads, dict(self.tensors))
        return self.updates

    @property
    def _clips(self):
        return (self.clipnorm or 0) > 0 or (self.clipvalue or 0) > 0

    # ---- state ----

    def get_weights(self):
        """The state as a list of NumPy arrays: the count of iterations, then slot by slot."""
        if self._waiting is not None:
            return list(self._waiting)
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights):
        """Sets the state, from a list as `get_weights` gives it.

        Lists of older versions of Keras, which lack some entries, are understood. Before
        `prepare` the list is kept until then. Raises `ValueError` where lengths or shapes differ.
        """
        weights, own = list(weights), self.weights
        if not own:
            self._waiting = weights
            return
        absent = own[self._later]
        if absent and len(weights) == len(own) - len(absent):
            start = self._later.indices(len(own))[0]
            weights[start:start] = [w.numpy() for w in absent]
        if len(weights) != len(own):
            raise ValueError(
                f"Length of the specified weight list ({len(weights)}) does not match the number "
                f"of weights of the optimizer ({len(own)})."
            )
        for variable, weight in zip(own, weights):
            shape = tuple(getattr(weight, "shape", ()))
            if shape != tuple(variable.shape):
                raise ValueError(
                    f"Optimizer weight {variable.name} of shape {tuple(variable.shape)} is not "
                    f"compatible with the provided weight of shape {shape}."
                )
        for variable, weight in zip(own, weights):
            variable.assign(weight)

    def get_config(self):
        """The arguments that make an optimizer like this one; its state is not among them."""
        found = {k: getattr(self, k) for k in ("clipnorm", "clipvalue")}
        found = {k: v for k, v in found.items() if v is not None}
        for name in self.settings:
            value = getattr(self, name)
            found[name] = value.array.item() if isinstance(value, Scalar) else value
        if self.schedule is not None:
            found["learning_rate"] = serialize(self.schedule)
        return found

    @classmethod
    def from_config(cls, config):
        """An optimizer from what `get_config` gave, in Keras or, with equal meaning, tf.keras."""
        config = dict(config)
        for name, neutral in _FOREIGN.items():
            if name not in config or has_arg(cls.__init__, name):
                continue
            value = config.pop(name)
            if neutral is not None and value is not None and value != neutral:
                raise ValueError(f"{cls.__name__} cannot have {name}={value!r}; only {neutral!r}.")
        if "global_clipnorm" in config:  # in tf.keras, clipnorm is for each gradient alone
            if config.get("clipnorm") is not None:
                warnings.warn(
                    f"{cls.__name__}: clipnorm={config['clipnorm']} was the bound of each "
                    "gradient's norm; here it bounds the norm of all gradients together.",
                    stacklevel=2,
                )
            config["clipnorm"] = config.pop("global_clipnorm") or config.get("clipnorm")
        return cls(**{k: v for k, v in config.items() if v is not None or has_arg(cls.__init__, k)})
