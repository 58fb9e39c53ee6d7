"""Learning rates that depend on the count of steps: `tf.keras.optimizers.schedules`.

>>> Adam(ExponentialDecay(0.01, decay_steps=1000, decay_rate=0.9))
"""

import math

import torch

from .. import devices, lowering, symbolic
from ..registry import Configurable, Registry
from ..symbolic import KerasTensor, Symbolic

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "NaturalExpDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

# ---- arithmetic of numbers, and of tensors ------------------------------------------------------


def _of(number, tensor):
    def call(x, *more):
        given = any(isinstance(v, (Symbolic, torch.Tensor)) for v in (x, *more))
        return tensor(x, *more) if given else number(x, *more)

    return call


_cos, _exp = _of(math.cos, torch.cos), _of(math.exp, torch.exp)
_floor, _ceil = _of(math.floor, torch.floor), _of(math.ceil, torch.ceil)
_log, _power = _of(math.log, torch.log), _of(pow, torch.pow)
_minimum = _of(min, lambda x, y: torch.clamp(x, max=y))


def _float(step):
    if isinstance(step, (Symbolic, torch.Tensor)):
        return step if step.dtype.is_floating_point else step.to(torch.float32)
    return float(step)


# ---- schedules ----------------------------------------------------------------------------------


class LearningRateSchedule:
    """What gives the learning rate of a step: subclasses define ``__call__(step)``.

    It is called with a symbolic number, once, unless `takes_numbers`: then with numbers.
    """

    takes_numbers = False
    _function = None

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} has no `__call__(step)`.")

    def at(self, step):
        """The learning rate after `step` steps, as a Python number."""
        if self.takes_numbers:
            return float(self(step))
        if self._function is None:
            with devices.device("/cpu:0"):
                count = symbolic.placeholder((), torch.float32, "step")
                self._function = lowering.lower([symbolic.prepared(self(count))], [count])
        return float(self._function.run([torch.tensor(float(step))])[0])

    def get_config(self):
        """The arguments: subclasses say which."""
        raise NotImplementedError(f"{type(self).__name__} has no `get_config`.")

    @classmethod
    def from_config(cls, config):
        """A schedule of what `get_config` gave."""
        return cls(**config)


class _Decay(Configurable, LearningRateSchedule):
    takes_numbers = True

    def _keep(self, arguments):
        """Stores the arguments of a constructor (its `locals()`) as attributes of these names."""
        vars(self).update({k: v for k, v in arguments.items() if k != "self"})

    def _steps(self, step):
        """Steps in units of `decay_steps`; whole ones with `staircase`."""
        part = _float(step) / self.decay_steps
        return _floor(part) if self.staircase else part


class ExponentialDecay(_Decay):
    """``rate * decay_rate ** (step / decay_steps)``; with `staircase`, of whole quotients."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        self._keep(locals())

    def __call__(self, step):
        return self.initial_learning_rate * _power(self.decay_rate, self._steps(step))


class NaturalExpDecay(ExponentialDecay):
    """``rate * exp(-decay_rate * step / decay_steps)``."""

    def __call__(self, step):
        return self.initial_learning_rate * _exp(-self.decay_rate * self._steps(step))


class InverseTimeDecay(ExponentialDecay):
    """``rate / (1 + decay_rate * step / decay_steps)``."""

    def __call__(self, step):
        return self.initial_learning_rate / (1.0 + self.decay_rate * self._steps(step))


class PiecewiseConstantDecay(_Decay):
    """The first of `values` up to the step `boundaries[0]`, inclusive, then the second, ..."""

    def __init__(self, boundaries, values, name=None):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Got "
                f"{len(boundaries)} and {len(values)}."
            )
        self._keep(locals())

    def __call__(self, step):
        step, found = _float(step), self.values[-1]
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1])):
            if isinstance(step, float):
                found = value if step <= boundary else found
            else:
                found = torch.where(step <= boundary, value, found)
        return found


class PolynomialDecay(_Decay):
    """From one rate to another along a power of the steps that are left of `decay_steps`.

    With `cycle`, the time is doubled, tripled, ... as often as it has run out.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name=None,
    ):
        self._keep(locals())

    def __call__(self, step):
        step, total = _float(step), float(self.decay_steps)
        if self.cycle:
            times = _ceil(step / total)
            times = max(times, 1.0) if isinstance(times, (int, float)) else times.clamp(min=1.0)
            left = 1.0 - step / (total * times)
        else:
            left = 1.0 - _minimum(step, total) / total
        span = self.initial_learning_rate - self.end_learning_rate
        return span * _power(left, self.power) + self.end_learning_rate


class CosineDecay(_Decay):
    """Half a cosine from the rate to `alpha` times it: Loshchilov and Hutter, arXiv:1608.03983."""

    def __init__(self, initial_learning_rate, decay_steps, alpha=0.0, name=None):
        self._keep(locals())

    def __call__(self, step):
        part = _minimum(_float(step), float(self.decay_steps)) / self.decay_steps
        wave = 0.5 * (1.0 + _cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(_Decay):
    """`CosineDecay`, again and again: each `t_mul` times as long, from `m_mul` times as high."""

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name=None
    ):
        self._keep(locals())

    def __call__(self, step):
        part = _float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            turn = _floor(part)
            part = part - turn
        else:
            turn = _floor(_log(1.0 - part * (1.0 - self.t_mul)) / math.log(self.t_mul))
            before = (1.0 - _power(self.t_mul, turn)) / (1.0 - self.t_mul)
            part = (part - before) / _power(self.t_mul, turn)
        wave = 0.5 * _power(self.m_mul, turn) * (1.0 + _cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)


# ---- what optimizers use ------------------------------------------------------------------------


class Following(LearningRateSchedule):
    """The value that a symbolic tensor has at each step."""

    def __init__(self, tensor):
        self.tensor, self.lowered = tensor, lowering.lower([tensor])

    def at(self, step):
        """The value now: the tensor follows a count of its own."""
        return float(self.lowered.run([])[0])


def schedule_of(learning_rate):
    """The schedule that a user means by something that is no number; None for a number."""
    if isinstance(learning_rate, KerasTensor):
        return Following(learning_rate)
    if isinstance(learning_rate, dict):
        return deserialize(learning_rate)
    if isinstance(learning_rate, LearningRateSchedule):
        return learning_rate
    return None


_schedules = Registry("learning rate schedule")
for _class in (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    NaturalExpDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
):
    _schedules.register(_class)


def serialize(learning_rate_schedule):
    """The config of a schedule: {"class_name", "config"}."""
    return _schedules.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule of a config made by `serialize`."""
    return _schedules.deserialize(config, custom_objects)
