"""`tf.data`: data sets that are made of others, step by step.

Functions that scripts give run at once, on the elements.
"""

import glob
import itertools
import random

import numpy as np
import torch

from ... import symbolic
from ...dimensions import GraphShape
from .elements import (
    all_of,
    as_element,
    batches,
    called,
    declared,
    described,
    filled,
    leaves,
    mapped,
    nested_shapes,
    placeholders_of,
    stack_padded,
    stacked,
    typed,
    valued,
    zeros_for,
)
from .iterators import Iterator
from .values import known

__all__ = ["Dataset", "Iterator", "TextLineDataset", "make_initializable_iterator"]
__all__ += ["make_one_shot_iterator"]

_INFINITE = -1


class Dataset:
    """Elements one after the other; each pass begins anew.

    `make(fed)` gives an iterator over them, `fed` being what was fed for symbolic tensors among
    the data; `count` is how many there are: None if unknown, -1 if they never end. `spec` describes
    an element, or is a function that does; without it the first ones are looked at.
    """

    gives_batches = True  # for `Model.fit`

    def __init__(self, make, count=None, placeholders=(), spec=None):
        self._make, self._count, self._placeholders = make, count, placeholders
        self._spec = spec

    # ---- sources ----

    @staticmethod
    def from_tensors(tensors):
        """One element."""
        placeholders = placeholders_of(tensors)
        return Dataset(lambda fed: iter([valued(tensors, fed)]), 1, placeholders)

    @staticmethod
    def from_tensor_slices(tensors):
        """The slices of tensors along axis 0."""
        placeholders = placeholders_of(tensors)

        def make(fed):
            whole = valued(tensors, fed)
            counts = {len(x) for x in leaves(whole)}
            if len(counts) != 1:
                raise ValueError(f"from_tensor_slices: the tensors have lengths {sorted(counts)}.")
            for i in range(counts.pop()):
                yield mapped(lambda x, i=i: x[i], whole)

        count = None if placeholders else len(leaves(valued(tensors, {}))[0])
        return Dataset(make, count, placeholders)

    @staticmethod
    def from_generator(generator, output_types=None, output_shapes=None, args=None):
        """What a generator function gives, in these dtypes."""

        def make(fed):
            for element in generator(*(args or ())):
                yield typed(element, output_types)

        return Dataset(make, spec=declared(output_types, output_shapes))

    @staticmethod
    def range(*args):
        """Whole numbers."""
        numbers = range(*map(known, args))
        return Dataset(lambda fed: (torch.tensor(n) for n in numbers), len(numbers))

    @staticmethod
    def zip(datasets):
        """Elements of several sets side by side, as many as the shortest has."""
        parts = leaves(datasets)

        def make(fed):
            for elements in zip(*(d._make(fed) for d in parts)):
                yield filled(datasets, elements)

        counts = [d._count for d in parts]
        finite = [n for n in counts if n != _INFINITE]
        count = None if None in counts else min(finite, default=_INFINITE)
        return Dataset(make, count, all_of(parts))

    @staticmethod
    def list_files(file_pattern, shuffle=True, seed=None):
        """Names of files that fit a pattern, or several, in a random order."""
        patterns = [file_pattern] if isinstance(file_pattern, str) else list(file_pattern)
        names = sorted(name for p in patterns for name in glob.glob(p))
        if not names:
            raise ValueError(f"list_files: no file fits {patterns}.")
        found = Dataset.from_tensor_slices(np.array(names, "S"))
        return found.shuffle(len(names), seed) if shuffle else found

    # ---- what makes one of another ----

    def _then(self, change, count=None, spec=None):
        """The set of what ``change(iterator)`` gives."""
        return Dataset(lambda fed: change(self._make(fed)), count, self._placeholders, spec)

    def map(self, map_func, num_parallel_calls=None, deterministic=None):
        """What a function gives for each element."""

        def spec():
            zeros = [mapped(lambda x, n=n: x.zeros(n), self.spec()) for n in (2, 3)]
            return described([called(map_func, e) for e in zeros])

        return self._then(
            lambda given: (called(map_func, e) for e in given),
            self._count,
            spec if self._placeholders else None,
        )

    def filter(self, predicate):
        """The elements for which a function gives true."""
        return self._then(
            lambda given: (e for e in given if bool(called(predicate, e))), spec=self.spec
        )

    def flat_map(self, map_func):
        """The elements of the sets that a function gives."""
        return self._then(
            lambda given: itertools.chain.from_iterable(_set_of(map_func, e) for e in given)
        )

    def interleave(self, map_func, cycle_length=1, block_length=1, num_parallel_calls=None):
        """The elements of the sets that a function gives, `block_length` of each in turn."""

        def change(given):
            waiting = (iter(_set_of(map_func, e)) for e in given)
            running = list(itertools.islice(waiting, cycle_length))
            while running:
                for i, source in enumerate(running):
                    block = list(itertools.islice(source, block_length))
                    yield from block
                    if len(block) < block_length:
                        running[i] = next(waiting, None)
                running = [source for source in running if source is not None]

        return self._then(change)

    def _batch_count(self, size, drop_remainder):
        if self._count in (None, _INFINITE):
            return self._count
        return self._count // size if drop_remainder else -(-self._count // size)

    def batch(self, batch_size, drop_remainder=False):
        """Elements stacked, so many at a time."""
        size = known(batch_size)
        return self._then(
            lambda given: batches(given, size, drop_remainder, stacked),
            self._batch_count(size, drop_remainder),
            lambda: mapped(lambda x: x.batched(size if drop_remainder else None), self.spec()),
        )

    def padded_batch(
        self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False
    ):
        """Elements stacked, filled up to the greatest sizes, or to `padded_shapes`."""
        size = known(batch_size)
        shapes, fills = itertools.repeat(None), itertools.repeat(0)
        if padded_shapes is not None:
            shapes = nested_shapes(padded_shapes)
        if padding_values is not None:
            fills = leaves(padding_values)

        def change(given):
            for group in batches(given, size, drop_remainder, None):
                columns = zip(zip(*map(leaves, group)), shapes, fills)
                yield filled(group[0], [stack_padded(*column) for column in columns])

        def spec():
            found = self.spec()
            pairs = zip(leaves(found), shapes)
            return filled(found, [x.padded(shape).batched(None) for x, shape in pairs])

        return self._then(change, self._batch_count(size, drop_remainder), spec)

    def unbatch(self):
        """The slices of elements along axis 0."""

        def change(given):
            for element in given:
                for i in range(len(leaves(element)[0])):
                    yield mapped(lambda x, i=i: x[i], element)

        return self._then(change)

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True):
        """Elements drawn from the next `buffer_size` ones."""
        size = known(buffer_size)
        if seed is None:
            seed = int(torch.randint(2**31 - 1, ()))
        passes = itertools.count()

        def change(given):
            turn = next(passes) if reshuffle_each_iteration else 0
            draw, buffer = random.Random(seed + turn), []
            for element in given:
                buffer.append(element)
                if len(buffer) >= size:
                    yield buffer.pop(draw.randrange(len(buffer)))
            draw.shuffle(buffer)
            yield from buffer

        return self._then(change, self._count, self.spec)

    def repeat(self, count=None):
        """All elements `count` times; for ever without one."""
        times = known(count)
        endless = times is None or times == -1
        total = None if self._count is None else self._count * (1 if endless else times)

        def make(fed):
            for _ in itertools.count() if endless else range(times):
                yield from self._make(fed)

        total = _INFINITE if endless or self._count == _INFINITE else total
        return Dataset(make, total, self._placeholders, self.spec)

    def take(self, count):
        """The first elements; all of them for -1."""
        n = known(count)
        if n < 0:
            return self
        total = None if self._count is None else n if self._count < 0 else min(n, self._count)
        return self._then(lambda given: itertools.islice(given, n), total, self.spec)

    def skip(self, count):
        """All but the first elements."""
        n = known(count)
        total = self._count if self._count in (None, _INFINITE) else max(self._count - n, 0)
        return self._then(lambda given: itertools.islice(given, n, None), total, self.spec)

    def shard(self, num_shards, index):
        """Every `num_shards`-th element, from that at `index`."""
        return self._then(
            lambda given: itertools.islice(given, index, None, num_shards), spec=self.spec
        )

    def concatenate(self, dataset):
        """The elements of this set, then those of another."""
        counts = (self._count, dataset._count)
        total = None if None in counts else _INFINITE if _INFINITE in counts else sum(counts)
        parts = (self, dataset)
        return Dataset(
            lambda fed: itertools.chain.from_iterable(d._make(fed) for d in parts),
            total,
            all_of(parts),
            self.spec,
        )

    def enumerate(self, start=0):
        """(number, element) of each element."""
        return self._then(
            lambda given: ((torch.tensor(i), e) for i, e in enumerate(given, start)), self._count
        )

    def prefetch(self, buffer_size):
        """The same elements."""
        return self._then(iter, self._count, spec=self.spec)

    def with_options(self, options):
        """The same elements."""
        return self

    def cache(self, filename=""):
        """The same elements, which are made once and kept in memory."""
        kept = []

        def make(fed):
            if kept:
                yield from kept[0]
                return
            made = []
            for element in self._make(fed):
                made.append(element)
                yield element
            kept.append(made)

        return Dataset(make, self._count, self._placeholders, self.spec)

    def apply(self, transformation_func):
        """What a function gives for this set."""
        return transformation_func(self)

    def reduce(self, initial_state, reduce_func):
        """``reduce_func(state, element)`` from the first element to the last."""
        state = mapped(as_element, initial_state)
        for element in self:
            with symbolic.executing():
                state = mapped(as_element, reduce_func(state, element))
        return state

    # ---- looking ----

    def __iter__(self):
        return Iterator(self)

    def as_numpy_iterator(self):
        """The elements as NumPy arrays."""
        return (mapped(np.asarray, element) for element in self)

    def __len__(self):
        if self._count is None:
            self._count = sum(1 for _ in self)
        if self._count == _INFINITE:
            raise TypeError("The data set never ends: give `steps_per_epoch`.")
        return self._count

    def spec(self):
        """An element whose leaves are (shape, dtype), None for sizes that differ."""
        if callable(self._spec):
            self._spec = self._spec()
        elif self._spec is None:
            fed = {p: zeros_for(p) for p in self._placeholders}
            found = list(itertools.islice(self._make(fed), 2))
            if not found:
                raise ValueError("The data set is empty: shapes of its elements are not known.")
            self._spec = described(found)
        return self._spec

    @property
    def output_shapes(self):
        """The shapes of elements."""
        return mapped(lambda leaf: GraphShape(leaf.shape), self.spec())

    @property
    def output_types(self):
        """The dtypes of elements."""
        return mapped(lambda leaf: leaf.dtype, self.spec())

    def make_one_shot_iterator(self):
        """An iterator over all elements, once."""
        if self._placeholders:
            raise ValueError(
                "make_one_shot_iterator: the data set is made of placeholders; use "
                "make_initializable_iterator."
            )
        return Iterator(self)

    def make_initializable_iterator(self, shared_name=None):
        """An iterator that begins, and begins again, when its `initializer` runs."""
        return Iterator(self, started=False)


def _set_of(function, element):
    """The set that a function gives for an element."""
    with symbolic.executing():
        return function(*(element if isinstance(element, tuple) else (element,)))


class TextLineDataset(Dataset):
    """The lines of files, as bytes."""

    def __init__(self, filenames, compression_type=None, buffer_size=None):
        if compression_type:
            raise ValueError("TextLineDataset: compression is not offered.")
        names = [filenames] if isinstance(filenames, (str, bytes)) else list(filenames)

        def make(fed):
            for name in names:
                with open(name, "rb") as f:
                    for line in f:
                        yield np.array(line.rstrip(b"\r\n"))

        super().__init__(make)


def make_one_shot_iterator(dataset):
    """An iterator over all elements, once."""
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset):
    """An iterator that begins when its `initializer` runs."""
    return dataset.make_initializable_iterator()
