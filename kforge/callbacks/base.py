"""`Callback`, the list that calls callbacks, and those that concern the logs themselves."""

import time
import warnings
from collections import deque

import numpy as np

from .logs import Logs

__all__ = ["BaseLogger", "Callback", "CallbackList", "History", "LambdaCallback", "TerminateOnNaN"]


class Callback:
    """Something that is told what a training does, and may change it.

    `model` and `params` (epochs, steps, samples, batch_size, verbose, do_validation, metrics) are
    set before the first call, `validation_data` is the list of arrays that `fit` validates on, if
    it is arrays. Logs of batches have the keys "batch" and "size", at the end also those of
    `metrics`; a value is read from the device when it is looked at. Logs at the end of an epoch
    are shared by all callbacks: what one puts there, the others see.
    """

    model = None
    params = None
    validation_data = None

    # Names of attributes that must survive an interrupted training (see `BackupAndRestore`):
    # numbers, text, arrays, and lists and dictionaries of these.
    state = ()

    # Whether it is called after all callbacks for which this is false.
    comes_last = False

    # Whether it only reports or writes files: of several processes, the first then calls it alone.
    is_report = False

    def set_params(self, params):
        """Takes the parameters of the loop."""
        self.params = params

    def set_model(self, model):
        """Takes the model."""
        self.model = model

    def on_epoch_begin(self, epoch, logs=None):
        """Before an epoch of training."""

    def on_epoch_end(self, epoch, logs=None):
        """After an epoch of training and its validation."""

    def on_train_batch_begin(self, batch, logs=None):
        """Before a training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """After a training step."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch, logs=None):
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """The older name of `on_train_batch_end`."""

    def on_test_batch_begin(self, batch, logs=None):
        """Before a batch of `evaluate`, or of validation."""

    def on_test_batch_end(self, batch, logs=None):
        """After a batch of `evaluate`, or of validation."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch, logs=None):
        """After a batch of `predict`."""

    def on_train_begin(self, logs=None):
        """Before training."""

    def on_train_end(self, logs=None):
        """After training."""

    def on_test_begin(self, logs=None):
        """Before `evaluate`, or validation."""

    def on_test_end(self, logs=None):
        """After `evaluate`, or validation."""

    def on_predict_begin(self, logs=None):
        """Before `predict`."""

    def on_predict_end(self, logs=None):
        """After `predict`."""


class CallbackList:
    """Calls the hooks of several callbacks, in their order.

    A hook that no callback has costs nothing: see `needs`. `queue_length` is the number of calls
    over which a hook's time is taken before a warning says that it is slow.
    """

    def __init__(self, callbacks=None, queue_length=10):
        self.callbacks = list(callbacks or [])
        self.queue_length = queue_length
        self.params, self.model = {}, None
        self._tables = {}
        self._times = {}
        self._finished = None

    def __iter__(self):
        return iter(self.callbacks)

    def append(self, callback):
        """Adds a callback."""
        self.callbacks.append(callback)
        self._tables = {}

    def set_params(self, params):
        """Hands `params` to every callback."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        """Hands the model to every callback."""
        self.model = model
        self._tables = {}
        for callback in self.callbacks:
            callback.set_model(model)

    def needs(self, hook):
        """Whether anything happens at a hook such as "train_batch_end"."""
        return bool(self._table(f"on_{hook}"))

    def around_batches(self, mode):
        """The hooks before and after each batch of "train", "test" or "predict", None for one that
        is not needed."""
        names = [f"{mode}_batch_{when}" for when in ("begin", "end")]
        return [getattr(self, f"on_{name}") if self.needs(name) else None for name in names]

    def _table(self, name):
        if name not in self._tables:
            ordered = sorted(self.callbacks, key=lambda c: getattr(c, "comes_last", False))
            found = [_own_method(callback, name) for callback in ordered]
            self._tables[name] = [method for method in found if method is not None]
        return self._tables[name]

    def _at_batch(self, name, batch, logs):
        table = self._table(name)
        if not table:
            return
        logs = {} if logs is None else logs
        start = time.perf_counter()
        for method in table:
            method(batch, logs)
        end = time.perf_counter()
        self._watch(name, start, end)

    def _watch(self, name, start, end):
        """Warns of hooks that take longer than what they wait for."""
        times = self._times.setdefault(name, deque(maxlen=self.queue_length))
        times.append(end - start)
        between, self._finished = start - (self._finished or start), end
        if end - start > 0.1 and name.endswith("end"):
            median = float(np.median(times))
            if median > 0.1 and median > 0.95 * between > 0:
                warnings.warn(
                    f"Method ({name}) is slow compared to the batch update ({median:f}). Check "
                    "your callbacks.",
                    stacklevel=4,
                )

    def _at_epoch(self, name, epoch, logs):
        logs = logs if isinstance(logs, Logs) else Logs(logs or {})
        for method in self._table(name):
            method(epoch, logs)

    def _at_edge(self, name, logs):
        self._finished = None
        for method in self._table(name):
            method({} if logs is None else logs)

    def on_epoch_begin(self, epoch, logs=None):
        """Calls the hook of this name."""
        self._at_epoch("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        """Calls the hook of this name."""
        self._at_epoch("on_epoch_end", epoch, logs)


def _own_method(callback, name):
    """The method of a callback for a hook, or None where it has only what `Callback` has."""
    method = getattr(callback, name, None)  # some objects have only the hooks of older versions
    if getattr(method, "__func__", None) is not getattr(Callback, name):
        return method
    older = name.replace("_train_batch_", "_batch_")
    return _own_method(callback, older) if older != name else None


def _batch_hook(name):
    def hook(self, batch, logs=None):
        self._at_batch(name, batch, logs)

    return hook


def _edge_hook(name):
    def hook(self, logs=None):
        self._at_edge(name, logs)

    return hook


def _add_hooks():
    for when in ("begin", "end"):
        hooks = {f"on_batch_{when}": _batch_hook(f"on_train_batch_{when}")}
        for mode in ("train", "test", "predict"):
            hooks[f"on_{mode}_batch_{when}"] = _batch_hook(f"on_{mode}_batch_{when}")
            hooks[f"on_{mode}_{when}"] = _edge_hook(f"on_{mode}_{when}")
        for name, hook in hooks.items():
            hook.__name__, hook.__qualname__ = name, f"CallbackList.{name}"
            hook.__doc__ = "Calls the hook of this name."
            setattr(CallbackList, name, hook)


_add_hooks()


class BaseLogger(Callback):
    """Puts the means over the batches of an epoch into the logs at its end.

    The loop does so by itself: this is for logs that come from elsewhere. The latest value counts
    for the names in `stateful_metrics`.
    """

    def __init__(self, stateful_metrics=None):
        self.stateful_metrics = set(stateful_metrics or [])
        self.seen, self.totals = 0, {}

    def on_epoch_begin(self, epoch, logs=None):
        """Starts anew."""
        self.seen, self.totals = 0, {}

    def on_batch_end(self, batch, logs=None):
        """Adds the values of a batch."""
        size = logs.get("size", 0)
        self.seen += size
        for name, value in logs.items():
            if name in self.stateful_metrics:
                self.totals[name] = value
            else:
                self.totals[name] = np.float64(value) * size + self.totals.get(name, 0.0)

    def means(self):
        """{name: mean so far}."""
        return {
            name: total if name in self.stateful_metrics else total / max(1, self.seen)
            for name, total in self.totals.items()
        }

    def on_epoch_end(self, epoch, logs=None):
        """Hands the means on."""
        means = self.means()
        logs.update({name: means[name] for name in self.params["metrics"] if name in means})


class TerminateOnNaN(Callback):
    """Ends the training when the loss of a batch is not a number, or infinite."""

    def on_batch_end(self, batch, logs=None):
        """Looks at the loss."""
        loss = logs.get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class History(Callback):
    """Keeps the logs of all epochs: `history` is {name: list of values}, `epoch` their numbers.

    The history answers to the older and the newer names of accuracies.
    """

    state = ("epoch", "history")

    def on_train_begin(self, logs=None):
        """Starts anew."""
        self.epoch, self.history = [], Logs()

    def on_epoch_end(self, epoch, logs=None):
        """Adds an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback of functions, each called at the hook whose name its argument has."""

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            **kwargs,
        }
        vars(self).update({name: value for name, value in given.items() if value is not None})
