"""Arrays in HDF5 files and sparse matrices as batches."""

import contextlib
import math

import numpy as np
import torch

from .data import Batch, adapt_arrays, check_batch, model_device, on_device, shuffled

__all__ = ["DiskBatches", "is_read_by_rows"]


def is_read_by_rows(x):
    """Whether `x`, or something in it, is an HDF5 data set or a SciPy sparse matrix."""
    if isinstance(x, dict):
        return any(map(is_read_by_rows, x.values()))
    if isinstance(x, (list, tuple)):
        return any(map(is_read_by_rows, x))
    on_disk = type(x).__module__.split(".")[0] == "h5py" or type(x).__name__ == "HDF5Matrix"
    return on_disk or hasattr(x, "tocsr")


class DiskBatches:
    """Arrays in HDF5 files and sparse matrices, read a batch at a time in sorted slices.

    Memory stays flat. `rows` is the range of the samples that are meant, all by default.
    """

    last_loss = recounts = False

    def __init__(
        self,
        model,
        x,
        y=None,
        sample_weight=None,
        class_weight=None,
        batch_size=32,
        shuffle=False,
        steps=None,
        with_targets=True,
        rows=None,
    ):
        self.model, self.class_weight, self.with_targets = model, class_weight, with_targets
        self.parts = [_indexable(part) for part in (x, y, sample_weight)]
        lengths = [_lengths(part) for part in self.parts]
        _check_lengths(lengths)
        self.order = np.arange(lengths[0][0]) if rows is None else np.array(rows)
        self.samples, self.batch_size, self.shuffle = len(self.order), batch_size, shuffle
        if not self.samples:
            raise ValueError("There are no samples: the arrays have length 0.")
        self.steps = -(-self.samples // batch_size) if steps is None else math.ceil(steps)
        self.weighted, self.counts_steps = None, steps is not None

    def arrays(self):
        """None: the arrays are not read as a whole."""

    @contextlib.contextmanager
    def running(self):
        """Nothing to start."""
        yield self

    def epoch(self):
        """The batches of one pass."""
        self.order = order = shuffled(self.order, self.shuffle, self.batch_size)
        for i in range(self.steps):
            start = i * self.batch_size % self.samples
            index = np.sort(order[start : start + self.batch_size])
            x, y, w = (_rows(part, index) for part in self.parts)
            tensors, weighted, samples = adapt_arrays(
                self.model, x, y, w, self.class_weight, self.with_targets
            )
            check_batch(self.model, samples)
            yield Batch(on_device(tensors, model_device(self.model)), weighted)


def _indexable(x):
    """Data whose parts in memory are arrays, which take rows by index."""
    if isinstance(x, dict):
        return {k: _indexable(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and any(hasattr(v, "shape") for v in x):
        return [_indexable(v) for v in x]
    if hasattr(x, "tocsr"):
        return x.tocsr()
    return x if x is None or is_read_by_rows(x) or isinstance(x, torch.Tensor) else np.asarray(x)


def _lengths(x):
    """The lengths of all arrays."""
    if isinstance(x, (list, dict)):
        return [n for v in (x.values() if isinstance(x, dict) else x) for n in _lengths(v)]
    return [] if x is None else [x.shape[0] if hasattr(x, "tocsr") else len(x)]


def _check_lengths(lengths):
    if len({n for ns in lengths for n in ns}) > 1:
        found = zip(("input", "target", "sample_weight"), lengths)
        raise ValueError(
            "All arrays should have the same number of samples. Found "
            + ", ".join(f"{what} arrays of {ns} samples" for what, ns in found if ns)
            + "."
        )


def _rows(x, index):
    """Rows of an array, or of each in a list or dictionary; consecutive ones as one slice."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {k: _rows(v, index) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_rows(v, index) for v in x]
    if len(index) and index[-1] - index[0] + 1 == len(index):
        index = slice(int(index[0]), int(index[-1]) + 1)
    return x[index] if hasattr(x, "tocsr") else np.asarray(x[index])
