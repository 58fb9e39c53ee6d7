"""Enqueuers: order, exactly once, epochs, and what happens when a worker fails."""

import itertools
import os
import random
import signal
import threading
import time

import numpy as np
import pytest

from kforge.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
both = pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])


class Numbers(Sequence):
    """Batch i is (number of the epoch, i, process)."""

    def __init__(self, length=7, fails_at=None):
        self.length = length
        self.fails_at = fails_at
        self.epoch = 0

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        time.sleep(index * 7 % 5 * 0.0005)  # so that they finish in another order
        if index == self.fails_at:
            raise KeyError(f"no batch {index}")
        return self.epoch, index, os.getpid()

    def on_epoch_end(self):
        self.epoch += 1


def take(enqueuer, count, workers=3, max_queue_size=10):
    enqueuer.start(workers, max_queue_size)
    try:
        return list(itertools.islice(enqueuer.get(), count))
    finally:
        enqueuer.stop(timeout=5)


def test_sequence_is_an_iterable_of_one_epoch():
    assert [index for _, index, _ in Numbers(4)] == [0, 1, 2, 3]
    for method in (lambda: Sequence()[0], lambda: len(Sequence())):
        with pytest.raises(NotImplementedError):
            method()


@both
def test_order_is_kept_and_on_epoch_end_is_seen(processes):
    got = take(OrderedEnqueuer(Numbers(), use_multiprocessing=processes), 21)
    assert [item[:2] for item in got] == list(itertools.product(range(3), range(7)))
    assert (os.getpid() in {pid for _, _, pid in got}) is not processes


@both
@pytest.mark.parametrize("workers, queue", [(1, 1), (1, 10), (4, 2), (2, 0), (2, 100)])
def test_any_number_of_workers_and_places(processes, workers, queue):
    got = take(OrderedEnqueuer(Numbers(), use_multiprocessing=processes), 9, workers, queue)
    assert [index for _, index, _ in got] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


@both
def test_shuffle_takes_each_batch_once_an_epoch(processes):
    random.seed(3)
    got = take(OrderedEnqueuer(Numbers(), use_multiprocessing=processes, shuffle=True), 14)
    epochs = [[i for e, i, _ in got if e == epoch] for epoch in (0, 1)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(7))] * 2
    random.seed(3)
    for epoch in epochs:
        order = list(range(7))
        random.shuffle(order)
        assert epoch == order


def test_join_end_of_epoch_begins_the_next_one():
    data = Numbers(2)
    enqueuer = OrderedEnqueuer(data)
    enqueuer.start()
    batches = enqueuer.get()
    assert next(batches)[:2] == (0, 0)
    enqueuer.join_end_of_epoch()
    assert data.epoch == 0  # there is a batch left
    next(batches)
    assert data.epoch == 0  # nothing is changed under the last batch
    enqueuer.join_end_of_epoch()
    assert data.epoch == 1
    assert next(batches)[:2] == (1, 0)
    enqueuer.stop()
    assert list(batches) == []


def test_queue_bounds_what_is_fetched_ahead():
    fetched = []

    class Counted(Numbers):
        def __getitem__(self, index):
            fetched.append(index)
            return index

    enqueuer = OrderedEnqueuer(Counted(50))
    enqueuer.start(workers=2, max_queue_size=4)
    next(enqueuer.get())
    time.sleep(0.1)
    enqueuer.stop(timeout=5)
    assert sorted(fetched) == [0, 1, 2, 3, 4]


@both
def test_two_enqueuers_side_by_side(processes):
    pair = [OrderedEnqueuer(Numbers(n), use_multiprocessing=processes) for n in (3, 5)]
    for enqueuer in pair:
        enqueuer.start(2)
    got = list(itertools.islice(zip(*[e.get() for e in pair], strict=True), 5))
    for enqueuer in pair:
        enqueuer.stop()
    assert [(a[1], b[1]) for a, b in got] == [(0, 0), (1, 1), (2, 2), (0, 3), (1, 4)]


def test_batches_of_any_kind_come_from_processes_unchanged():
    batches = [
        (np.arange(2**18, dtype="float32"), [np.arange(2**17)[::-1], None]),
        {"x": np.broadcast_to(np.float64(3), (300, 300)), "y": np.array(["a", None], object)},
        (np.zeros(2**19, "bool"), np.zeros(2**17, "complex128"), np.ones(9, ">f4")),
        "text",
    ]

    class Batches(Numbers):
        def __getitem__(self, index):
            return batches[index]

    got = take(OrderedEnqueuer(Batches(4), use_multiprocessing=True), 4, workers=2)
    for a, b in zip(_leaves(got), _leaves(batches), strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype.newbyteorder("=") and a.flags.writeable


def _leaves(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [leaf for x in tree for leaf in _leaves(x)] if type(tree) in (list, tuple) else [tree]


@both
def test_an_exception_in_a_worker_ends_get_and_says_where(processes):
    enqueuer = OrderedEnqueuer(Numbers(fails_at=4), use_multiprocessing=processes)
    enqueuer.start(3)
    got = []
    with pytest.raises(KeyError, match="no batch 4") as raised:
        for batch in enqueuer.get():
            got.append(batch[1])
    assert got == [0, 1, 2, 3]
    frames = "".join(str(entry) for entry in raised.traceback)
    assert "__getitem__" in (str(raised.value) if processes else frames)
    assert not enqueuer.is_running()


@both
def test_a_sequence_cannot_end_early(processes):
    class Short(Numbers):
        def __getitem__(self, index):
            return next(iter([])) if index == 2 else index

    enqueuer = OrderedEnqueuer(Short(), use_multiprocessing=processes)
    enqueuer.start(2)
    with pytest.raises(RuntimeError, match="Short raised StopIteration for batch 2"):
        list(enqueuer.get())


def test_a_killed_worker_ends_get():
    class Deadly(Numbers):
        def __getitem__(self, index):
            if index == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return index

    enqueuer = OrderedEnqueuer(Deadly(50), use_multiprocessing=True)
    enqueuer.start(2)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker .*(killed by signal|exited unexpectedly)"):
        list(enqueuer.get())
    assert time.monotonic() - start < 20
    assert not enqueuer.is_running()


def test_stop_ends_a_get_that_waits_in_another_thread():
    gate = threading.Event()

    class Stuck(Numbers):
        def __getitem__(self, index):
            gate.wait()
            return index

    enqueuer = OrderedEnqueuer(Stuck(5))
    enqueuer.start(1)
    got = []
    reader = threading.Thread(target=lambda: got.extend(enqueuer.get()))
    reader.start()
    enqueuer.stop()
    gate.set()
    reader.join(5)
    assert not reader.is_alive()
    assert got in ([], [0])


def test_batches_that_are_none_are_skipped():
    class Gaps(Numbers):
        def __getitem__(self, index):
            return index if index % 2 else None

    assert take(OrderedEnqueuer(Gaps()), 4) == [1, 3, 5, 1]


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="`workers` must be at least 1"):
        OrderedEnqueuer(Numbers()).start(0)
    with pytest.raises(ValueError, match="Numbers has no batches"):
        OrderedEnqueuer(Numbers(0)).start()
    with pytest.warns(DeprecationWarning, match="`wait_time` is not used"):
        GeneratorEnqueuer(iter([]), wait_time=0.1)
    assert list(OrderedEnqueuer(Numbers()).get()) == []  # never started


def test_generator_keeps_its_order_with_any_number_of_threads():
    assert take(GeneratorEnqueuer(itertools.count()), 30, workers=1) == list(range(30))
    infinite = (i for i in itertools.count())
    assert take(GeneratorEnqueuer(infinite), 30, workers=4) == list(range(30))
    finite = (i for i in range(12))
    assert take(GeneratorEnqueuer(finite), 100, workers=4) == list(range(12))


def test_iterator_that_is_thread_safe_is_called_by_all_threads():
    class Safe:
        def __init__(self, stop):
            self.lock, self.numbers, self.threads = threading.Lock(), iter(range(stop)), set()

        def __iter__(self):
            return self

        def __next__(self):
            with self.lock:
                number = next(self.numbers)
            self.threads.add(threading.get_ident())
            time.sleep(0.002)
            return number

    safe = Safe(40)
    assert sorted(take(GeneratorEnqueuer(safe), 100, workers=3)) == list(range(40))
    assert len(safe.threads) == 3


def test_generator_may_be_used_again_after_stop():
    def slow():
        for i in itertools.count():
            time.sleep(0.02)
            yield i

    numbers = slow()
    for _ in range(4):  # each stops in the middle of a batch
        enqueuer = GeneratorEnqueuer(numbers)
        enqueuer.start()
        first = next(enqueuer.get())
        enqueuer.stop()
    assert first > 0


@both
def test_generator_that_raises(processes):
    def raising():
        yield 0
        yield 1
        raise ValueError("broken file")

    enqueuer = GeneratorEnqueuer(raising(), use_multiprocessing=processes)
    enqueuer.start(1)
    got = []
    with pytest.raises(ValueError, match="broken file") as raised:
        for batch in enqueuer.get():
            got.append(batch)
    assert got == [0, 1]
    frames = "".join(str(entry) for entry in raised.traceback)
    assert "in raising" in (str(raised.value) if processes else frames)


def test_each_process_has_its_own_copy_of_a_generator():
    finite = (i for i in range(5))
    got = take(GeneratorEnqueuer(finite, use_multiprocessing=True), 100, workers=2)
    assert got == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_processes_are_seeded_by_number():
    def draws():
        while True:
            yield np.random.rand()

    enqueuer = GeneratorEnqueuer(draws(), use_multiprocessing=True, random_seed=5)
    got = take(enqueuer, 4, workers=2)
    assert got[0::2] == np.random.RandomState(5).rand(2).tolist()
    assert got[1::2] == np.random.RandomState(6).rand(2).tolist()
