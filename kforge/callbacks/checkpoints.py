"""Callbacks that keep weights: on disk, or in memory until the training ends."""

import warnings

import numpy as np

from .base import Callback
from .logs import Logs
from .monitor import current_value, direction

__all__ = ["EarlyStopping", "ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, every `period` epochs.

    `filepath` may name the epoch and the logs: ``"weights.{epoch:02d}-{val_loss:.2f}.hdf5"``. With
    `save_best_only`, only what is better in `monitor` than all before is saved.
    """

    is_report = True

    state = ("best", "epochs_since_last_save")

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
    ):
        self.filepath, self.monitor, self.verbose = filepath, monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.period, self.epochs_since_last_save = period, 0
        self.monitor_op, self.best = direction(mode, monitor, "ModelCheckpoint")

    def on_epoch_end(self, epoch, logs=None):
        """Saves if it is time."""
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        logs = Logs(logs or {})
        path = str(self.filepath).format_map(Logs(logs, epoch=epoch + 1))
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            self._save(path)
            return
        current = logs.get(self.monitor)
        if current is None:
            text = f"Can save best model only with {self.monitor} available, skipping."
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        elif self.monitor_op(current, self.best):
            change = f"from {self.best:0.5f} to {current:0.5f}"
            self._say(epoch, f"{self.monitor} improved {change}, saving model to {path}")
            self.best = current
            self._save(path)
        else:
            self._say(epoch, f"{self.monitor} did not improve from {self.best:0.5f}")

    def _say(self, epoch, text):
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: {text}")

    def _save(self, path):
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)


class EarlyStopping(Callback):
    """Ends the training when `monitor` is no better for `patience` epochs.

    Better is what differs from the best, at first from `baseline` if given, by more than
    `min_delta`. With `restore_best_weights` the model ends with the weights of its best epoch,
    also when the epochs run out.
    """

    state = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        self.monitor, self.patience, self.verbose = monitor, patience, verbose
        self.baseline, self.restore_best_weights = baseline, restore_best_weights
        self.monitor_op, self._worst = direction(mode, monitor, "EarlyStopping")
        self.min_delta = min_delta if self.monitor_op is np.greater else -min_delta
        self.wait = self.stopped_epoch = 0
        self.best_epoch = self.best_weights = None

    def on_train_begin(self, logs=None):
        """Starts anew."""
        self.wait = self.stopped_epoch = 0
        self.best = self.baseline if self.baseline is not None else self._worst
        self.best_epoch = self.best_weights = self._epoch = None

    def on_epoch_end(self, epoch, logs=None):
        """Looks whether this epoch was better."""
        self._epoch = epoch
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.monitor_op(current - self.min_delta, self.best):
            self.best, self.wait = current, 0
            if self.restore_best_weights:
                self.best_epoch, self.best_weights = epoch, self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            self._restore()

    def _restore(self):
        if self.best_weights is not None and self.best_epoch != self._epoch:
            if self.verbose > 0:
                print("Restoring model weights from the end of the best epoch")
            self.model.set_weights(self.best_weights)
            self._epoch = self.best_epoch

    def on_train_end(self, logs=None):
        """Restores the best weights, if wanted and not yet done."""
        self._restore()
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")

    def get_monitor_value(self, logs):
        """The value to watch; None, with a warning, if there is none."""
        return current_value(logs, self.monitor, "Early stopping")
