"""Interrupted trainings go on where they were."""

import json
import os

import numpy as np

from .. import operations, parallel
from ..utils.atomic import atomic_write
from ..utils.seeding import random_states, set_random_states
from ..variable import Variable
from .base import Callback

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Writes the whole state of a training to a folder, and continues from it in the next `fit`.

    That is weights, the state and the rates of the optimizer, the states of other callbacks, and
    of Python's, NumPy's and torch's random numbers: a training that is killed and started again
    by the same script gives the same weights, bit for bit, as one that was not. `save_freq` is
    "epoch" or a number of batches. When the training ends, the backup is deleted, unless
    `delete_checkpoint` is false. Metrics of other libraries have no state that is kept: after an
    epoch that was interrupted they are of its remaining batches. Generators must by themselves
    give the batches that come next. In several processes the first writes, all restore, and
    dropout begins anew in the others.

    >>> model.fit(x, y, epochs=50, callbacks=[BackupAndRestore("backup")])
    """

    comes_last = True

    def __init__(self, backup_dir, save_freq="epoch", delete_checkpoint=True):
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(
                f'save_freq must be "epoch" or a positive number of batches; got {save_freq!r}.'
            )
        self.backup_dir, self.save_freq = backup_dir, save_freq
        self.delete_checkpoint = delete_checkpoint
        self.callbacks, self.batches, self._due = [], None, False
        own = type(self).on_train_batch_end is BackupAndRestore.on_train_batch_end
        if save_freq == "epoch" and own:
            self.on_train_batch_end = super().on_train_batch_end  # the loop need not call it

    @property
    def path(self):
        """The file of the backup."""
        return os.path.join(os.fspath(self.backup_dir), "backup.npz")

    def on_train_begin(self, logs=None):
        """Restores the state that is in the folder, if there is one."""
        os.makedirs(self.backup_dir, exist_ok=True)
        self._resumed = self._metrics = None
        if os.path.exists(self.path):
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers where the random numbers were, from which the order of samples comes."""
        if self._metrics is not None:
            for metric, weights in zip(self.model._compiled.metrics, self._metrics):
                metric.set_weights(weights)
            self._metrics = None
        self._epoch, self._at_begin = epoch, self._random_states()
        self._order = self._current_order()

    def on_train_batch_begin(self, batch, logs=None):
        """Goes on with the random numbers of the batch after which the backup was written."""
        self._resume()

    def _resume(self):
        if self._resumed is not None:
            set_random_states(self._resumed, self._generators())
            parallel.differ()
            self._resumed = None

    def on_train_batch_end(self, batch, logs=None):
        """Writes a backup, if it is time and no gradients wait for those of further batches."""
        self._due = self._due or (batch + 1) % self.save_freq == 0
        gathering = self.model._gathering()
        if self._due and not (gathering and gathering.waiting):
            self._write(self._epoch, batch + 1, logs.sums())

    def on_epoch_end(self, epoch, logs=None):
        """Writes a backup."""
        self._resume()
        self._write(epoch + 1, 0)

    def on_train_end(self, logs=None):
        """Deletes the backup."""
        if self.delete_checkpoint and parallel.is_first() and os.path.exists(self.path):
            os.remove(self.path)

    # ---- what is in a backup ----

    def _write(self, epoch, batch, sums=None):
        if not parallel.is_first():
            return
        optimizer = self.model.optimizer
        state = {
            "epoch": epoch,
            "batch": batch,
            "sums": sums,
            "metrics": [m.get_weights() for m in self.model._compiled.metrics] if batch else None,
            "weights": self.model.get_weights(),
            "optimizer": optimizer.get_weights(),
            "rates": _rates(optimizer),
            "scaler": self.model._gathering() and self.model._gathering().state(),
            "callbacks": [{k: getattr(c, k) for k in c.state} for c in self.callbacks],
            "random": self._random_states(),
            "random_at_begin": self._at_begin if batch else None,
            "order": self._order if batch else self._current_order(),
        }
        self._due, arrays = False, {}
        arrays["tree"] = np.array(json.dumps(_encode(state, arrays)))
        with atomic_write(self.path) as f:
            np.savez(f, **arrays)

    def _restore(self):
        with np.load(self.path) as arrays:
            state = _decode(json.loads(str(arrays["tree"])), arrays)
        if len(state["callbacks"]) != len(self.callbacks):
            raise ValueError(
                f"The backup in {self.backup_dir} is of a training with {len(state['callbacks'])} "
                f"other callbacks; this one has {len(self.callbacks)}."
            )
        self.model.set_weights(state["weights"])
        self.model.optimizer.set_weights(state["optimizer"])
        for name, value in state["rates"].items():
            vars(self.model.optimizer)[name].assign(value)
        if state.get("scaler"):
            self.model._make_train_function()
            self.model._gathering().set_state(state["scaler"])
        for callback, values in zip(self.callbacks, state["callbacks"]):
            for name, value in values.items():
                kind = type(getattr(callback, name, None))
                setattr(callback, name, kind(value) if issubclass(kind, dict) else value)
        self.params.update(initial_epoch=state["epoch"], initial_batch=state["batch"])
        if state.get("sums"):
            self.params["initial_sums"] = tuple(state["sums"])
            self._metrics = state["metrics"]
        if state["order"] is not None:
            samples = len(self.batches.order)
            if len(state["order"]) != samples:
                raise ValueError(
                    f"The backup in {self.backup_dir} is of a training on {len(state['order'])} "
                    f"samples; these are {samples}."
                )
            self.batches.order = state["order"]
        if state["batch"]:
            self._resumed = state["random"]
        set_random_states(state["random_at_begin"] or state["random"], self._generators())
        parallel.differ()

    def _current_order(self):
        """The order of the samples, which the next epoch shuffles further; None for streams."""
        order = getattr(self.batches, "order", None)
        return None if order is None else np.array(order)

    def _generators(self):
        """Streams of the operations in the graph that have a seed of their own."""
        return operations.generators([self.model.total_loss])

    def _random_states(self):
        return random_states(self._generators())


def _rates(optimizer):
    """Settings of an optimizer that callbacks may change."""
    held = {k: v for k, v in vars(optimizer).items() if isinstance(v, Variable)}
    return {k: v.numpy()[()] for k, v in held.items() if not v.shape and k != "iterations"}


def _encode(tree, arrays):
    """`tree` as JSON has it; its arrays go to `arrays`."""
    if isinstance(tree, (np.ndarray, np.generic)):
        arrays[f"a{len(arrays)}"] = np.asarray(tree)
        return {"$array": f"a{len(arrays) - 1}"}
    if isinstance(tree, dict):
        return {k: _encode(v, arrays) for k, v in tree.items()}
    return [_encode(v, arrays) for v in tree] if isinstance(tree, (list, tuple)) else tree


def _decode(tree, arrays):
    if isinstance(tree, dict):
        if set(tree) == {"$array"}:
            return arrays[tree["$array"]][()]
        return {k: _decode(v, arrays) for k, v in tree.items()}
    return [_decode(v, arrays) for v in tree] if isinstance(tree, list) else tree
