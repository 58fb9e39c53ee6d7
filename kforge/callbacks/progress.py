"""What `verbose` shows: a bar for each epoch, or a line."""

import time

from ..utils.generic_utils import Progbar
from .base import BaseLogger, Callback

__all__ = ["EpochLines", "EvaluationBar", "ProgbarLogger"]

# Seconds between two looks at values that are on the device.
READ_INTERVAL = 0.1


class ProgbarLogger(Callback):
    """Shows a bar with the means so far, in samples or, by `count_mode`, in steps."""

    def __init__(self, count_mode="samples", stateful_metrics=None):
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"Unknown `count_mode`: {count_mode}")
        self.use_steps = count_mode == "steps"
        self.means = BaseLogger(stateful_metrics)

    def on_train_begin(self, logs=None):
        """Looks what is to be shown."""
        self.verbose, self.epochs = self.params["verbose"], self.params["epochs"]

    def on_epoch_begin(self, epoch, logs=None):
        """Writes the number of the epoch."""
        if not self.verbose:
            return
        print(f"Epoch {epoch + 1}/{self.epochs}")
        self.target = self.params.get("steps" if self.use_steps else "samples")
        self.seen, self.read = 0, 0.0
        self.means.on_epoch_begin(epoch)
        shown = self.params["metrics"]
        self.progbar = Progbar(self.target, verbose=self.verbose, stateful_metrics=shown)

    def on_batch_end(self, batch, logs=None):
        """Moves the bar."""
        if not self.verbose:
            return
        self.seen += logs.get("num_steps", 1) if self.use_steps else logs.get("size", 0)
        if isinstance(logs, dict):
            self.means.on_batch_end(batch, logs)
            found = self.means.means()
        else:  # looking at values costs time: only when they will be seen
            now = time.time()
            if now - self.read < max(READ_INTERVAL, self.progbar.interval):
                return
            found = logs.means()
            self.read = now
        if self.target is None or self.seen < self.target:
            self.progbar.update(self.seen, self._shown(found))

    def on_epoch_end(self, epoch, logs=None):
        """Shows the values of the whole epoch."""
        if self.verbose:
            self.progbar.update(self.seen, self._shown(logs))

    def _shown(self, values):
        return [(name, values[name]) for name in self.params["metrics"] if name in values]


class EpochLines(ProgbarLogger):
    """Shows a line for each epoch, without a look at its batches."""

    on_batch_end = Callback.on_batch_end

    def on_epoch_end(self, epoch, logs=None):
        """Shows the values of the whole epoch."""
        self.progbar.update(self.target or 0, self._shown(logs))


class EvaluationBar(Callback):
    """Shows how far `evaluate` or `predict` is."""

    def on_test_begin(self, logs=None):
        """Starts a bar."""
        self.counts_samples = bool(self.params.get("samples"))
        self.target = self.params.get("samples" if self.counts_samples else "steps")
        self.seen, self.progbar = 0, Progbar(self.target)

    def on_test_batch_end(self, batch, logs=None):
        """Moves the bar."""
        self.seen += logs["size"] if self.counts_samples else 1
        self.progbar.update(self.seen)

    on_predict_begin, on_predict_batch_end = on_test_begin, on_test_batch_end
