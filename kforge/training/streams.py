"""Data that come batch by batch: generators, `Sequence`s, DataLoaders, and arrays on disk."""

import contextlib
import inspect
import itertools
import math
import warnings

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, is_sequence
from .data import adapt_arrays, check_batch, model_device, shuffled

__all__ = ["DiskBatches", "StreamBatches", "is_on_disk", "is_stream", "iter_sequence_infinite"]


class Batch(list):
    """Tensors of a batch, and which outputs have sample weights among them."""

    __slots__ = ("weighted",)

    def __init__(self, tensors, weighted):
        super().__init__(tensors)
        self.weighted = weighted


def is_stream(x):
    """Whether `x` gives batches by itself."""
    return (
        isinstance(x, (DataLoader, Dataset))
        or is_sequence(x)
        or inspect.isgenerator(x)
        or (hasattr(x, "__next__") and hasattr(x, "__iter__"))
    )


def is_dataset(x):
    """Whether `x` is a data set of torch, of single samples."""
    return isinstance(x, Dataset) and not is_sequence(x)


def has_length(x):
    """Whether a stream tells how many batches make a pass."""
    known = is_sequence(x) or isinstance(x, (DataLoader, Dataset))
    return known and hasattr(getattr(x, "dataset", x), "__len__")


def is_on_disk(x):
    """Whether `x`, or something in it, is an HDF5 data set, to be read slice by slice."""
    if isinstance(x, dict):
        return any(map(is_on_disk, x.values()))
    if isinstance(x, (list, tuple)):
        return any(map(is_on_disk, x))
    return type(x).__module__.split(".")[0] == "h5py" or type(x).__name__ == "HDF5Matrix"


def peek(source):
    """(inputs like those that a stream gives, the stream with nothing taken from it)."""
    try:
        if is_sequence(source):
            first = source[0]
        elif isinstance(source, (DataLoader, Dataset)):
            first = next(iter(source if isinstance(source, DataLoader) else DataLoader(source)))
        else:
            first = next(source)
            source = itertools.chain([first], source)
    except (IndexError, StopIteration):
        raise ValueError("The model cannot be built for a stream that gives no batch.") from None
    several = isinstance(first, (tuple, list)) and len(first) in (2, 3)
    has_targets = several and (
        isinstance(first, tuple) or isinstance(source, (DataLoader, Dataset))
    )
    return _whole(first[0] if has_targets else first), source


class StreamBatches:
    """Batches of a stream. `steps` a pass; without it, the length of a Sequence or DataLoader.

    A Sequence that sets the length of an epoch may change it in `on_epoch_end`. Workers run while
    `running()` is entered and go on from one pass to the next.
    """

    samples = None
    batch_size = None
    weighted = None  # told by each batch
    counts_steps = True

    def __init__(
        self,
        model,
        source,
        steps=None,
        what="steps_per_epoch",
        class_weight=None,
        shuffle=False,
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
        batch_size=None,
        with_targets=True,
    ):
        if is_dataset(source):
            mixed = bool(shuffle) and not isinstance(source, IterableDataset)
            source = DataLoader(source, batch_size or 32, shuffle=mixed)
        self.recounts = steps is None and is_sequence(source) and what != "steps"
        if steps is None:
            if not has_length(source):
                raise ValueError(
                    f"`{what}=None` is only valid for a generator based on the "
                    "`keras.utils.Sequence` class. Please specify "
                    f"`{what}` or use the `keras.utils.Sequence` class."
                )
            steps = len(source)
        steps = math.ceil(steps)  # scripts divide samples by batch size
        if steps < 1:
            raise ValueError(f"`{what}` must be at least 1; got {steps}.")
        loaded = isinstance(source, DataLoader)
        if use_multiprocessing and workers > 1 and not (loaded or is_sequence(source)):
            warnings.warn(
                "Using a generator with `use_multiprocessing=True` and multiple workers may "
                "duplicate your data. Please consider using the `keras.utils.Sequence` class.",
                stacklevel=4,
            )
        self.model, self.source, self.steps = model, source, steps
        self.class_weight, self.with_targets = class_weight, with_targets
        self.shuffle, self.workers = shuffle, workers
        self.processes, self.max_queue_size = use_multiprocessing, max_queue_size
        self._output = self._enqueuer = None
        # Keras 2.3 reports the loss of a generator's last batch; metrics cover all batches.
        self.last_loss = not loaded

    @contextlib.contextmanager
    def running(self):
        """Starts the workers, and stops them whatever happens."""
        if isinstance(self.source, DataLoader):
            self._output = _again(self.source)
        elif not self.workers:
            endless = iter_sequence_infinite if is_sequence(self.source) else iter
            self._output = endless(self.source)
        else:
            if is_sequence(self.source):
                self._enqueuer = OrderedEnqueuer(self.source, self.processes, shuffle=self.shuffle)
            else:
                self._enqueuer = GeneratorEnqueuer(self.source, self.processes)
            self._enqueuer.start(workers=self.workers, max_queue_size=self.max_queue_size)
            self._output = self._enqueuer.get()
        try:
            yield self
        finally:
            enqueuer, self._output, self._enqueuer = self._enqueuer, None, None
            if enqueuer is not None:
                enqueuer.stop()

    def recount(self):
        """Between two passes of a Sequence: asks for its length again."""
        if self._enqueuer is not None:
            self._enqueuer.join_end_of_epoch()
        self.steps = len(self.source)

    def arrays(self):
        """None: there are no arrays to show."""

    def epoch(self):
        """The batches of one pass."""
        for i in range(self.steps):
            try:
                found = next(self._output)
            except StopIteration:
                raise ValueError(
                    f"The generator ended at step {i + 1} of {self.steps}. It must give batches "
                    "for all epochs: loop over the data forever, or ask for fewer steps."
                ) from None
            yield self.adapt(found)
        if not self.workers and is_sequence(self.source):
            self.source.on_epoch_end()

    def adapt(self, found):
        """What the stream gave as a `Batch`."""
        weights = self.class_weight
        parts = self._parts(found)
        tensors, weighted, samples = adapt_arrays(self.model, *parts, weights, self.with_targets)
        check_batch(self.model, samples)
        return Batch(tensors, weighted)

    def _parts(self, found):
        """(inputs, targets, sample weights) of what the stream gave."""
        several = isinstance(found, (tuple, list)) and len(found) in (2, 3)
        if not self.with_targets:
            # A DataLoader gives lists; a list of other streams holds the inputs.
            pair = several and (isinstance(found, tuple) or self._is_pair(found))
            return _whole(found[0] if pair else found), None, None
        wanted = bool(self.model._compiled.fed)
        if several and (wanted or isinstance(found, tuple)):
            return (*map(_whole, found), None)[:3]
        if wanted or isinstance(found, tuple):
            raise ValueError(
                "Output of generator should be a tuple `(x, y, sample_weight)` or `(x, y)`. "
                f"Found: {found}"
            )
        return found, None, None

    def _is_pair(self, found):
        loaded = isinstance(self.source, DataLoader)
        return loaded and len(found) != len(self.model.inputs)


def _whole(x):
    return list(x) if isinstance(x, tuple) else x


def iter_sequence_infinite(seq):
    """Batches of a Sequence for ever, in order, in this thread."""
    while True:
        for i in range(len(seq)):
            yield seq[i]


def _again(loader):
    given = True
    while given:
        given = False
        for batch in loader:
            given = True
            yield batch


class DiskBatches:
    """Arrays in HDF5 files, read a batch at a time in sorted slices, so that memory stays flat."""

    last_loss = recounts = False

    def __init__(self, model, x, y, sample_weight, class_weight, batch_size, shuffle, steps=None):
        self.model, self.parts, self.class_weight = model, (x, y, sample_weight), class_weight
        self.with_targets = y is not None
        self.samples, self.batch_size, self.shuffle = _length(x), batch_size, shuffle
        self.steps = -(-self.samples // batch_size) if steps is None else steps
        self.weighted, self.counts_steps = None, steps is not None
        self.order = np.arange(self.samples)

    def arrays(self):
        """None: arrays on disk are not read as a whole."""

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
            yield Batch([t.to(model_device(self.model)) for t in tensors], weighted)


def _length(x):
    while isinstance(x, (list, tuple, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return len(x)


def _rows(x, index):
    """Rows of an array, or of each in a list or dictionary; consecutive ones as one slice."""
    if x is None:
        return None
    if isinstance(x, dict):
        return {k: _rows(v, index) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_rows(v, index) for v in x]
    if len(index) and index[-1] - index[0] + 1 == len(index):
        return np.asarray(x[int(index[0]) : int(index[-1]) + 1])
    return np.asarray(x[index])
