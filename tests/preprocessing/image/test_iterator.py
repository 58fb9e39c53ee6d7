import pickle

import numpy as np
import pytest

from kforge.preprocessing.image import Iterator
from kforge.utils import Sequence


class Indices(Iterator):
    def _get_batches_of_transformed_samples(self, index_array):
        return index_array.tolist()


def test_batches_come_round_without_end():
    batches = Indices(5, 2, shuffle=False, seed=None)
    assert isinstance(batches, Sequence)
    assert len(batches) == 3
    assert [next(batches) for _ in range(4)] == [[0, 1], [2, 3], [4], [0, 1]]
    batches.reset()
    assert batches.next() == [0, 1]
    assert iter(batches) is batches


def test_batches_can_be_asked_for_by_number():
    batches = Indices(5, 2, shuffle=False, seed=None)
    assert batches[2] == [4]
    with pytest.raises(ValueError, match="element 3, but the Sequence has length 3"):
        batches[3]


def test_seeds_follow_the_number_of_batches_seen():
    batches = Indices(4, 2, shuffle=True, seed=7)
    first = np.random.RandomState(7).permutation(4).tolist()
    second = np.random.RandomState(9).permutation(4).tolist()
    seen = [next(batches) for _ in range(4)]
    assert seen == [first[:2], first[2:], second[:2], second[2:]]
    assert batches.total_batches_seen == 4
    next(batches)
    assert np.random.uniform() == after_permutation(seed=11)


def after_permutation(seed):
    state = np.random.RandomState(seed)
    state.permutation(4)
    return state.uniform()


def test_an_epoch_that_ends_shuffles_anew():
    batches = Indices(50, 50, shuffle=True, seed=None)
    np.random.seed(0)
    first = batches[0]
    assert batches[0] == first
    batches.on_epoch_end()
    assert batches[0] != first
    assert sorted(batches[0]) == list(range(50))


def test_iterators_travel_to_other_processes():
    batches = Indices(5, 2, shuffle=False, seed=None)
    next(batches)
    again = pickle.loads(pickle.dumps(batches))
    assert next(again) == [0, 1]
    assert next(batches) == [2, 3]


def test_subclasses_say_what_a_batch_is():
    with pytest.raises(NotImplementedError, match="Iterator needs a method"):
        next(Iterator(3, 2, False, None))
