"""Callbacks that change the learning rate."""

import inspect
import warnings

import numpy as np

from .. import backend as K
from .base import Callback
from .monitor import current_value, direction

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch: `schedule(epoch)` or `schedule(epoch, lr)`."""

    def __init__(self, schedule, verbose=0):
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the rate; `ValueError` where there is none, or it is not a float."""
        arguments = [epoch, float(_rate(self.model))]
        if not _accepts(self.schedule, arguments):
            arguments.pop()
        lr = self.schedule(*arguments)
        if not isinstance(lr, (float, np.float32, np.float64)):
            raise ValueError(
                f'The output of the "schedule" function should be float. Got {lr!r} for epoch '
                f"{epoch}."
            )
        K.set_value(self.model.optimizer.lr, lr)
        if self.verbose > 0:
            text = f"LearningRateScheduler setting learning rate to {lr}."
            print(f"\nEpoch {epoch + 1:05d}: {text}")

    def on_epoch_end(self, epoch, logs=None):
        """Logs the rate."""
        logs["lr"] = _rate(self.model)


def _rate(model):
    """The learning rate, as a NumPy number."""
    if not hasattr(model.optimizer, "lr"):
        raise ValueError('Optimizer must have a "lr" attribute.')
    return np.asarray(K.get_value(model.optimizer.lr))[()]


def _accepts(function, arguments):
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError):  # too many arguments; or a builtin, which shows no signature
        return False
    return True


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when `monitor` is no better for `patience` epochs.

    Better is what differs from the best by more than `min_delta` (once called `epsilon`). After a
    change, `cooldown` epochs do not count; the rate does not fall below `min_lr`.
    """

    state = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
        **kwargs,
    ):
        if factor >= 1.0:
            raise ValueError("ReduceLROnPlateau does not support a factor >= 1.0.")
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            warnings.warn(
                "`epsilon` argument is deprecated and will be removed, use `min_delta` instead.",
                stacklevel=2,
            )
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau got unexpected arguments: {sorted(kwargs)}")
        self.monitor, self.factor, self.patience = monitor, factor, patience
        self.verbose, self.mode, self.min_delta = verbose, mode, min_delta
        self.cooldown, self.min_lr = cooldown, min_lr
        self._reset()

    def _reset(self):
        better, self.best = direction(self.mode, self.monitor, "Learning Rate Plateau Reducing")
        sign = 1 if better is np.greater else -1
        self.monitor_op = lambda a, b: better(a, b + sign * self.min_delta)
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs=None):
        """Starts anew."""
        self._reset()

    def in_cooldown(self):
        """Whether the rate was changed not long ago."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        """Logs the rate, and lowers it if it is time."""
        logs["lr"] = _rate(self.model)
        current = current_value(logs, self.monitor, "Reduce LR on plateau")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        old = float(_rate(self.model))
        if old <= self.min_lr:
            return
        new = max(old * self.factor, self.min_lr)
        K.set_value(self.model.optimizer.lr, new)
        if self.verbose > 0:
            text = f"ReduceLROnPlateau reducing learning rate to {new}."
            print(f"\nEpoch {epoch + 1:05d}: {text}")
        self.cooldown_counter, self.wait = self.cooldown, 0
