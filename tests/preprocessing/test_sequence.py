import json
import random

import numpy as np
import pytest

from kforge.preprocessing.sequence import (
    TimeseriesGenerator,
    make_sampling_table,
    pad_sequences,
    skipgrams,
    timeseries_generator_from_json,
)
from kforge.utils import Sequence


def test_padding_and_truncating_choose_their_end():
    rows = [[1, 2, 3], [4]]
    assert pad_sequences(rows, maxlen=2).tolist() == [[2, 3], [0, 4]]
    assert pad_sequences(rows, maxlen=2, truncating="post").tolist() == [[1, 2], [0, 4]]
    assert pad_sequences(rows, padding="post", value=9).tolist() == [[1, 2, 3], [4, 9, 9]]


def test_items_of_sequences_may_be_vectors():
    padded = pad_sequences([np.ones((2, 3)), []], dtype="float32")
    assert padded.shape == (2, 2, 3)
    assert padded.sum() == 6


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(sequences=(i for i in [[1]])), "list of iterables.*generator"),
        (dict(sequences=[[1], 2]), "non-iterable at position 1: 2"),
        (dict(sequences=[[1]], padding="left"), 'Padding type "left" not understood'),
        (dict(sequences=[[1]], truncating="left"), 'Truncating type "left" not understood'),
        (dict(sequences=[["a"]], value="-"), "dtype=object"),
        (dict(sequences=[[[1, 2]], [[1]]]), "position 1 is different from expected shape"),
    ],
)
def test_padding_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(**arguments)


def test_frequent_words_are_sampled_less():
    table = make_sampling_table(1000)
    assert table.shape == (1000,)
    assert table[0] == table[1]
    assert (np.diff(table[1:]) > 0).all()
    assert (make_sampling_table(5, sampling_factor=100) == 1).all()


def test_skipgrams_pair_neighbours():
    couples, labels = skipgrams([1, 2, 0, 3], 5, window_size=2, negative_samples=0, shuffle=False)
    assert couples == [[1, 2], [2, 1], [2, 3], [3, 2]]
    assert labels == [1] * 4


def test_skipgrams_add_negatives_and_keep_pairs_and_labels_together():
    couples, labels = skipgrams([1, 2, 3], 100, window_size=1, categorical=True, seed=1)
    assert len(couples) == len(labels) == 8
    positive = {tuple(c) for c, label in zip(couples, labels, strict=True) if label == [0, 1]}
    assert positive == {(1, 2), (2, 1), (2, 3), (3, 2)}


def test_skipgrams_draw_a_seed_when_they_are_given_none():
    random.seed(3)
    first = skipgrams(list(range(1, 9)), 9)
    random.seed(3)
    assert skipgrams(list(range(1, 9)), 9) == first


class TestTimeseriesGenerator:
    def test_windows_end_before_their_target(self):
        data = np.arange(10)
        generator = TimeseriesGenerator(data, data, length=4, sampling_rate=2, batch_size=4)
        assert isinstance(generator, Sequence)
        assert len(generator) == 2
        x, y = generator[0]
        assert x.tolist() == [[0, 2], [1, 3], [2, 4], [3, 5]]
        assert y.tolist() == [4, 5, 6, 7]
        assert [len(batch[0]) for batch in generator] == [4, 2]

    def test_reverse_and_stride(self):
        data = np.arange(10)
        x, y = TimeseriesGenerator(data, data, length=2, stride=3, reverse=True)[0]
        assert x.tolist() == [[1, 0], [4, 3], [7, 6]]
        assert y.tolist() == [2, 5, 8]

    def test_json_round_trip(self):
        data = np.arange(12.0).reshape(6, 2)
        generator = TimeseriesGenerator(data, data, length=2, start_index=1, batch_size=2)
        again = timeseries_generator_from_json(generator.to_json(indent=1))
        assert again.get_config() == generator.get_config()
        for one, other in zip(generator, again, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
        assert json.loads(generator.to_json())["class_name"] == "TimeseriesGenerator"

    def test_errors(self):
        with pytest.raises(ValueError, match="Data length is 3 while target length is 2"):
            TimeseriesGenerator([1, 2, 3], [1, 2], length=1)
        with pytest.raises(ValueError, match=r"start_index\+length=5 > end_index=2"):
            TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=5)
        with pytest.raises(TypeError, match="Data not JSON Serializable: set"):
            generator = TimeseriesGenerator([1, 2, 3], [1, 2, 3], length=1)
            generator.data = {1}
            generator.to_json()
