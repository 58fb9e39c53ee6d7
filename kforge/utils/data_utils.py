"""Data that arrives batch by batch: `Sequence`, and the enqueuers that fetch it ahead of time.

An enqueuer asks its workers for a few batches more than have been consumed, and hands them out
in the order in which it asked. Processes are those of torch's `DataLoader`, which notices a worker
that was killed and moves large arrays through shared memory.
"""

import itertools
import multiprocessing
import queue
import random
import threading
import time
import types
import warnings
from collections import deque
from concurrent.futures import CancelledError, Future

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from ..trees import map_leaves
from .download import _hash_file, get_file, validate_file  # noqa: F401 - scripts use the first

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "Sequence",
    "SequenceEnqueuer",
    "get_file",
    "is_sequence",
    "validate_file",
]

# From this size on, an array costs less through shared memory than through a pipe (measured).
_SHARED_BYTES = 1 << 19


class Sequence:
    """A data set that can be indexed by batch: `self[i]` is the i-th of `len(self)` batches.

    Subclasses give ``__getitem__`` (a complete batch, as ``fit`` takes it) and ``__len__``;
    `on_epoch_end` is called between epochs, to shuffle for instance. Objects of other classes
    with these methods count as sequences too (see `is_sequence`).
    """

    use_sequence_api = True

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def on_epoch_end(self):
        """Called when an epoch is over; does nothing unless overridden."""

    def __iter__(self):
        """The batches of one epoch, in order."""
        return (self[index] for index in range(len(self)))


def is_sequence(seq):
    """Whether `seq` is a `Sequence`, or has what one has."""
    names = ("__getitem__", "__len__", "__iter__", "on_epoch_end")
    return bool(getattr(seq, "use_sequence_api", all(hasattr(seq, name) for name in names)))


class SequenceEnqueuer:
    """Fetches batches ahead of time, in threads or, with `use_multiprocessing`, in processes.

    >>> enqueuer = OrderedEnqueuer(sequence)
    >>> enqueuer.start(workers=2)
    >>> batches = enqueuer.get()
    >>> x, y = next(batches)
    >>> enqueuer.stop()

    An exception in a worker, and its death, end `get()` with an exception that says where.
    """

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.workers = 0
        self.max_queue_size = 0
        self.stop_signal = None
        self._stream = None

    def is_running(self):
        """Whether `start` was called, and `stop` was not since."""
        return self.stop_signal is not None and not self.stop_signal.is_set()

    def start(self, workers=1, max_queue_size=10):
        """Starts the workers.

        At most `max_queue_size` batches wait to be consumed; 0 or less means one a worker.
        """
        if workers < 1:
            raise ValueError(f"`workers` must be at least 1 to start an enqueuer, got {workers}.")
        self.workers = workers
        self.max_queue_size = max_queue_size if max_queue_size > 0 else workers
        self.stop_signal = threading.Event()
        self._stream = self._open()

    def stop(self, timeout=None):
        """Ends the workers; what they have fetched is dropped.

        A thread ends when it has finished its batch: `timeout` is how many seconds to wait for
        that (None: not at all). Processes that do not end by themselves are ended.
        """
        if self.stop_signal is not None:
            self.stop_signal.set()
        if self._stream is not None:
            self._stream.close(timeout)
            self._stream = None

    def get(self):
        """Generator of the batches; those that are None are skipped."""
        try:
            while self.is_running():
                try:
                    batch = self._next()
                except StopIteration:
                    return
                if batch is not None:
                    yield batch
        except Exception:
            self.stop()
            raise

    def _open(self):
        """The stream of one epoch, or of everything."""
        raise NotImplementedError

    def _next(self):
        return next(self._stream)


class OrderedEnqueuer(SequenceEnqueuer):
    """Fetches the batches of a `Sequence`, each exactly once an epoch, epoch after epoch.

    The order is that of the indices or, with `shuffle`, a new random one every epoch (drawn from
    Python's `random`). Workers are started anew for each epoch, so that processes see what
    `on_epoch_end` changed.
    """

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self._left = 0

    def join_end_of_epoch(self):
        """When all batches of the epoch are consumed: `on_epoch_end`, and the next epoch begins.

        `get()` does this by itself when the first batch of the next epoch is asked for. Called
        earlier, before a validation for instance, the workers fetch meanwhile.
        """
        if self.is_running() and not self._left:
            self._stream.close()
            self.sequence.on_epoch_end()
            self._stream = self._open()

    def _open(self):
        indices = list(range(len(self.sequence)))
        if not indices:
            raise ValueError(f"{type(self.sequence).__name__} has no batches: its length is 0.")
        if self.shuffle:
            random.shuffle(indices)
        self._left = len(indices)
        items = _Items(self.sequence)
        if self.use_multiprocessing:
            return _Processes(items, self.workers, self.max_queue_size, indices)
        calls = ((index,) for index in indices)
        return _Threads(items.__getitem__, self.workers, self.max_queue_size, calls)

    def _next(self):
        self.join_end_of_epoch()
        self._left -= 1
        return super()._next()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Fetches what a generator or iterator yields; `get()` ends where it ends.

    A generator runs in one thread, whatever `workers` says; an iterator of another class is
    called by all of them and must be thread-safe. Processes each run their own copy, from where
    the generator stands, with NumPy seeded with `random_seed` plus the worker's number.
    """

    def __init__(self, sequence, use_multiprocessing=False, wait_time=None, random_seed=None):
        super().__init__(sequence, use_multiprocessing)
        self.random_seed = random_seed
        if wait_time is not None:
            warnings.warn("`wait_time` is not used anymore.", DeprecationWarning, stacklevel=2)

    def _open(self):
        if self.use_multiprocessing:
            return self._open_processes()
        workers = 1 if isinstance(self.sequence, types.GeneratorType) else self.workers
        calls = itertools.repeat((self.sequence,))
        return _Threads(_next_of, workers, self.max_queue_size, calls)

    def _open_processes(self):
        if "fork" not in multiprocessing.get_all_start_methods():
            raise ValueError(
                "Using a generator with `use_multiprocessing=True` is not supported on this "
                "platform, where processes cannot share it. Use threads, or a "
                "`keras.utils.Sequence`."
            )
        seed = None if self.random_seed is None else _Seed(self.random_seed)
        return _Processes(_Stream(self.sequence), self.workers, self.max_queue_size, seed=seed)


def _next_of(iterator):
    # An enqueuer that was stopped may still be inside the generator.
    while isinstance(iterator, types.GeneratorType) and iterator.gi_running:
        time.sleep(0.001)
    return next(iterator)


class _Threads:
    """Iterator of ``function(*args)`` for each of `calls`, computed ahead by daemon threads."""

    def __init__(self, function, workers, ahead, calls):
        self.function = function
        self.calls = iter(calls)
        self.ahead = ahead
        self.tasks = queue.SimpleQueue()
        self.pending = deque()
        self.threads = [
            threading.Thread(target=_work, args=(self.tasks,), daemon=True) for _ in range(workers)
        ]
        for thread in self.threads:
            thread.start()
        self._fill()

    def _fill(self):
        for args in itertools.islice(self.calls, self.ahead - len(self.pending)):
            future = Future()
            self.pending.append(future)
            self.tasks.put((future, self.function, args))

    def __next__(self):
        while self.pending:
            try:
                value = self.pending.popleft().result()
            except StopIteration:  # the source is exhausted: hand out what was fetched meanwhile
                self.calls = iter(())
            except CancelledError:
                break
            else:
                self._fill()
                return value
        raise StopIteration

    def close(self, timeout=None):
        self.calls = iter(())
        for future in self.pending:
            future.cancel()
        for _ in self.threads:
            self.tasks.put(None)
        if timeout is not None:
            end = time.monotonic() + timeout
            for thread in self.threads:
                thread.join(max(0, end - time.monotonic()))

    def __del__(self):
        self.close()


def _work(tasks):
    while (task := tasks.get()) is not None:
        future, function, args = task
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*args))
            except BaseException as error:  # whatever it is, it belongs to the consumer
                future.set_exception(error)
        del task, future


class _Processes:
    """Iterator of the items of a data set, computed ahead by processes."""

    def __init__(self, dataset, workers, ahead, indices=None, seed=None):
        workers = min(workers, ahead)
        fork = "fork" in multiprocessing.get_all_start_methods()
        self.batches = iter(
            DataLoader(
                dataset,
                batch_size=None,
                sampler=indices,
                num_workers=workers,
                prefetch_factor=ahead // workers,
                collate_fn=_pack,
                worker_init_fn=seed,
                # A script without a `__main__` guard, and a class of a notebook, need fork.
                multiprocessing_context="fork" if fork else None,
            )
        )

    def __next__(self):
        return map_leaves(_unpack, next(self.batches))

    def close(self, timeout=None):
        # Dropping the iterator would do, were it not that tracebacks keep it alive.
        self.batches._shutdown_workers()


class _Items:
    """A sequence as a torch data set; its errors cannot pass for the end of the data."""

    def __init__(self, sequence):
        self.sequence = sequence

    def __getitem__(self, index):
        try:
            return self.sequence[index]
        except StopIteration as error:
            raise RuntimeError(
                f"{type(self.sequence).__name__} raised StopIteration for batch {index}."
            ) from error


class _Stream(IterableDataset):
    """An iterator as a torch data set."""

    def __init__(self, iterator):
        self.iterator = iterator

    def __iter__(self):
        return iter(self.iterator)


class _Seed:
    """Seeds NumPy in a worker."""

    def __init__(self, seed):
        self.seed = seed

    def __call__(self, worker):
        np.random.seed(self.seed + worker)


class _Shared:
    """An array on its way through shared memory."""

    def __init__(self, array):
        self.tensor = torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _pack(batch):
    def share(x):
        large = type(x) is np.ndarray and x.nbytes >= _SHARED_BYTES
        known = large and x.dtype.kind in "fiub" and x.dtype.isnative and x.itemsize <= 8
        return _Shared(x) if known else x

    return map_leaves(share, batch)


def _unpack(x):
    return x.tensor.numpy() if type(x) is _Shared else x
