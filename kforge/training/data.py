"""Data as batches: what `fit`, `evaluate` and `predict` iterate over."""

import contextlib
import math
import warnings

import numpy as np
import torch

from .. import config
from ..devices import default_device
from ..variable import as_numpy
from .arrays import array_inputs, array_targets, same_length, sample_weights

__all__ = [
    "ArrayBatches",
    "Batch",
    "adapt_arrays",
    "check_batch",
    "check_divisible",
    "model_device",
    "on_device",
    "shuffled",
]

# Arrays up to this size are shuffled as a whole once an epoch: batches are then views.
_SMALL = 4_000_000

# The share of a GPU's free memory that arrays may take; larger ones go there batch by batch.
_SHARE = 0.5


class Batch(list):
    """Tensors of a batch, and which outputs have sample weights among them."""

    __slots__ = ("weighted",)

    def __init__(self, tensors, weighted):
        super().__init__(tensors)
        self.weighted = weighted


class ArrayBatches:
    """Tensors of equal length in batches of `batch_size`.

    `weighted` says which outputs have sample weights; the tensors are inputs, targets and those
    weights. `shuffle` is True, False or "batch" (whole batches only). Shuffling draws from NumPy's
    generator, as Keras does. Batches are on `device`.
    """

    last_loss = recounts = False

    def __init__(self, tensors, weighted, samples, batch_size, device, shuffle=False, steps=None):
        if has_room(device, tensors):
            tensors = [t.to(device) for t in tensors]
        self.tensors, self.weighted, self.samples = tensors, weighted, samples
        self.device = device
        self.batch_size, self.shuffle = batch_size, shuffle
        if steps is not None:  # Keras 2: the whole set is one batch, seen `steps` times
            self.batch_size, steps = samples, math.ceil(steps)
        self.order = np.arange(samples or 0)
        self.repeats, self.counts_steps = steps, steps is not None
        self.steps = steps if steps is not None else -(-samples // batch_size)

    def arrays(self):
        """Inputs, targets and sample weights (ones where none were given), as NumPy arrays."""
        given = [as_numpy(t) for t in self.tensors]
        weights = iter(given[len(given) - sum(self.weighted) :])
        ones = np.ones(self.samples, config.numpy_floatx())
        weights = [next(weights) if is_given else ones for is_given in self.weighted]
        return given[: len(given) - sum(self.weighted)] + weights

    @contextlib.contextmanager
    def running(self):
        """Nothing to start."""
        yield self

    def epoch(self):
        """Batches of one pass: lists of tensors."""
        if all(t.device == self.device for t in self.tensors):
            return self._parts()
        return (on_device(part, self.device) for part in self._parts())

    def _parts(self):
        if self.repeats is not None:
            return iter([self.tensors] * self.repeats)
        if not self.shuffle:
            return zip(*(t.split(self.batch_size) for t in self.tensors))
        self.order = shuffled(self.order, self.shuffle, self.batch_size)
        order = torch.from_numpy(self.order).to(self.tensors[0].device)
        if _bytes(self.tensors) <= _SMALL:
            return zip(*(t.split(self.batch_size) for t in _rows(self.tensors, order)))
        return (_rows(self.tensors, index) for index in order.split(self.batch_size))


def _rows(tensors, index):
    return [t.index_select(0, index.to(t.device)) for t in tensors]


def _bytes(tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def has_room(device, tensors):
    """Whether `device`, if it is a GPU, can hold the tensors and still has memory to work."""
    if device.type != "cuda":
        return True
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = torch.cuda.mem_get_info(device)[0] + cached
    return _bytes(t for t in tensors if t.device != device) <= _SHARE * free


def on_device(tensors, device):
    """The tensors of a batch on a device; the host does not wait until a GPU has them."""
    if device.type != "cuda":
        return [t.to(device) for t in tensors]
    pinned = (t.pin_memory() if t.device.type == "cpu" else t for t in tensors)
    return [t.to(device, non_blocking=True) for t in pinned]


def shuffled(order, shuffle, batch_size):
    """`order` shuffled once more; `shuffle` is True, False or "batch" (whole batches only)."""
    if shuffle == "batch":
        whole = len(order) // batch_size * batch_size
        blocks = order[:whole].reshape(-1, batch_size)
        np.random.shuffle(blocks)
        return np.append(blocks.reshape(-1), order[whole:])
    if shuffle:
        np.random.shuffle(order)
    return order


def adapt_arrays(model, x, y, sample_weight, class_weight, with_targets=True, check_lengths=True):
    """(tensors, weighted, samples): inputs, targets and given weights, checked.

    Without `check_lengths` they may differ in length; `samples` is then that of the first.
    """
    inputs = array_inputs(model, x)
    targets = array_targets(model, y) if with_targets else []
    weights = sample_weights(model, targets, sample_weight, class_weight) if with_targets else []
    if not with_targets:
        inputs = _as_long_as_the_first(inputs)
    if check_lengths:
        samples = same_length(inputs, targets, weights)
        check_divisible(model, samples, model.inputs[0].shape[0])
    else:
        samples = next((len(t) for t in (*inputs, *targets)), None)
    weighted = tuple(w is not None for w in weights)
    return [*inputs, *targets, *(w for w in weights if w is not None)], weighted, samples


def _as_long_as_the_first(inputs):
    """Keras predicts as many samples as its first input has, even where others have more."""
    samples = [len(x) for x in inputs]
    if not inputs:
        return []
    if any(n > samples[0] for n in samples):
        warnings.warn(
            f"Inputs have {samples} samples: predictions are made for the first {samples[0]}.",
            stacklevel=4,
        )
    return [x[: samples[0]] if n > samples[0] else x for x, n in zip(inputs, samples)]


def model_device(model):
    """Where the weights of a model are; of one without weights, where they would be."""
    return next((w.device for w in model._ordered_weights()), None) or default_device()


def check_divisible(model, samples, size):
    """Refuses a number of samples that a batch size, if it is fixed, does not divide."""
    if size and samples is not None and samples % size:
        kind = "stateful network" if model.stateful else "network with a fixed batch size"
        raise ValueError(
            f"In a {kind}, you should only pass inputs with a number of samples that can be "
            f"divided by the batch size. Found: {samples} samples. Batch size: {size}."
        )


def check_batch(model, samples):
    """Refuses a batch of another size than the inputs have."""
    size = model.inputs[0].shape[0]
    if size and samples not in (None, size):
        raise ValueError(
            f"Model {model.name} has inputs with a fixed batch size of {size}; got a batch of "
            f"{samples} samples."
        )
