import pickle

import numpy as np
import pytest

from kforge.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)
from kforge.saving.errors import UnsafeFileError

TEXTS = ["The cat sat.", "The dog!", "a cat"]


def test_words_of_a_text():
    assert text_to_word_sequence("Hello, World\tx!") == ["hello", "world", "x"]
    assert text_to_word_sequence("A,B c", filters="B", lower=False, split=",") == ["A", " c"]


def test_hashes_are_numbers_from_1():
    assert hashing_trick("a b a", 5, hash_function=len) == [2, 2, 2]
    assert hashing_trick("cat", 1000, "md5") == hashing_trick("cat", 1000, "md5")
    assert all(1 <= number < 8 for number in one_hot("a b c d e f g h i", 8))


def test_frequent_words_come_first():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.word_index == {"the": 1, "cat": 2, "sat": 3, "dog": 4, "a": 5}
    assert tokenizer.texts_to_sequences(["a cat and the dog"]) == [[5, 2, 1, 4]]
    assert tokenizer.sequences_to_texts([[2, 3, 99]]) == ["cat sat"]
    assert tokenizer.word_docs == {"the": 2, "cat": 2, "sat": 1, "dog": 1, "a": 1}


def test_rare_and_unknown_words_become_the_oov_token():
    tokenizer = Tokenizer(num_words=3, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.texts_to_sequences(["the dog saw"]) == [[2, 1, 1]]
    assert tokenizer.sequences_to_texts([[2, 5, 99]]) == ["the ? ?"]


def test_texts_may_be_lists_of_words_or_characters():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["A b", "c"], ["a b"]])
    assert tokenizer.word_index == {"a b": 1, "c": 2}
    letters = Tokenizer(char_level=True)
    letters.fit_on_texts(["aba"])
    assert letters.texts_to_sequences(["bab"]) == [[2, 1, 2]]


@pytest.mark.parametrize(
    "mode, row",
    [
        ("binary", [0, 1, 1]),
        ("count", [0, 1, 2]),
        ("freq", [0, 1 / 3, 2 / 3]),
        ("tfidf", [0, np.log(1 + 2 / 3), (1 + np.log(2)) * np.log(1 + 2 / 2)]),
    ],
)
def test_matrix(mode, row):
    tokenizer = Tokenizer(num_words=3)
    tokenizer.fit_on_sequences([[1, 2], [1]])
    np.testing.assert_allclose(tokenizer.sequences_to_matrix([[2, 1, 2], []], mode), [row, [0] * 3])


def test_json_and_pickle_round_trips():
    tokenizer = Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    for again in (tokenizer_from_json(tokenizer.to_json()), pickle.loads(pickle.dumps(tokenizer))):
        assert again.get_config() == tokenizer.get_config()
        again.fit_on_texts(["more words"])
        assert again.word_index["more"] == 7


def test_the_keras_1_name_of_num_words():
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert Tokenizer(nb_words=7).num_words == 7


def test_errors():
    with pytest.raises(TypeError, match=r"Unrecognized keyword arguments.*words"):
        Tokenizer(words=7)
    with pytest.raises(ValueError, match=r"num_words.*fit on some text"):
        Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="before using tfidf"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")
    with pytest.raises(ValueError, match="Unknown vectorization mode: 'tf'"):
        Tokenizer(num_words=3).sequences_to_matrix([[1]], "tf")


@pytest.mark.parametrize(
    "deep", ["[" * 10**5, '{"config": {"word_counts": "' + "[" * 10**5 + '"}}']
)
def test_a_tokenizer_that_is_nested_deeply_is_refused(deep):
    with pytest.raises(UnsafeFileError, match="nested more than"):
        tokenizer_from_json(deep)
