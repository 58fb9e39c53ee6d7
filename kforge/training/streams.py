"""Data that come batch by batch: generators, `Sequence`s and DataLoaders."""

import contextlib
import inspect
import itertools
import math
import warnings

from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer, is_sequence
from .data import Batch, adapt_arrays, check_batch, model_device, on_device
from .plain import Conversions

__all__ = [
    "StreamBatches",
    "has_length",
    "is_dataset",
    "is_stream",
    "iter_sequence_infinite",
    "peek",
]


def is_stream(x):
    """Whether `x` gives batches by itself."""
    return (
        isinstance(x, Dataset)
        or is_loader(x)
        or is_sequence(x)
        or inspect.isgenerator(x)
        or (hasattr(x, "__next__") and hasattr(x, "__iter__"))
    )


def is_loader(x):
    """Whether `x` gives batches anew each time that it is iterated over."""
    return isinstance(x, DataLoader) or getattr(x, "gives_batches", False)


def is_dataset(x):
    """Whether `x` is a data set of torch, of single samples."""
    return isinstance(x, Dataset) and not is_sequence(x)


def has_length(x):
    """Whether a stream tells how many batches make a pass."""
    known = is_sequence(x) or is_loader(x) or isinstance(x, Dataset)
    return known and hasattr(getattr(x, "dataset", x), "__len__")


def peek(source):
    """(inputs like those that a stream gives, the stream with nothing taken from it)."""
    try:
        if is_sequence(source):
            first = source[0]
        elif is_loader(source) or is_dataset(source):
            first = next(iter(source if is_loader(source) else DataLoader(source)))
        else:
            first = next(source)
            source = itertools.chain([first], source)
    except (IndexError, StopIteration):
        raise ValueError("The model cannot be built for a stream that gives no batch.") from None
    several = isinstance(first, (tuple, list)) and len(first) in (2, 3)
    has_targets = several and (isinstance(first, tuple) or is_loader(source) or is_dataset(source))
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
        loaded = is_loader(source)
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
        self.device, self._conversions = model_device(self.model), Conversions(self.model)
        if is_loader(self.source):
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
        x, y, sample_weight = self._parts(found)
        data = [x] if y is None else [x, y]
        simple = sample_weight is None and self.class_weight is None
        tensors = self._conversions.tensors(data) if simple else None
        if tensors is not None:
            return Batch(on_device(tensors, self.device), self._unweighted)
        weights = sample_weight, self.class_weight
        tensors, weighted, samples = adapt_arrays(self.model, x, y, *weights, self.with_targets)
        check_batch(self.model, samples)
        if simple:
            self._unweighted = weighted
            self._conversions.learn(data, tensors)
        return Batch(on_device(tensors, self.device), weighted)

    def _parts(self, found):
        """(inputs, targets, sample weights) of what the stream gave."""
        several = isinstance(found, (tuple, list)) and len(found) in (2, 3)
        if not self.with_targets:
            # A list that fits the inputs holds them.
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
        arrays = all(hasattr(x, "shape") for x in found)
        return arrays and len(found) != len(self.model._feed_inputs)


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
