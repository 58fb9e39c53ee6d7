"""Texts to words, words to integers, integers to rows of a matrix."""

import json
import warnings
from collections import Counter, OrderedDict, defaultdict
from hashlib import md5

import numpy as np

from ..saving.text import load_json

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text, filters=FILTERS, lower=True, split=" "):
    """The words of a text: each character of `filters` counts as a separator, like `split`."""
    if lower:
        text = text.lower()
    words = text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split)
    return [word for word in words if word]


def one_hot(text, n, filters=FILTERS, lower=True, split=" "):
    """The words of a text as integers in [1, n), by Python's `hash`, which differs between runs."""
    return hashing_trick(text, n, hash, filters, lower, split)


def hashing_trick(text, n, hash_function=None, filters=FILTERS, lower=True, split=" "):
    """The words of a text as integers in [1, n); two words may share one.

    `hash_function` takes a word and gives an integer; None means `hash`, which differs between
    runs, and "md5" is one that does not.
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = text_to_word_sequence(text, filters, lower, split)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word):
    return int(md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


# What a cell of the matrix holds, given the count of a word in its text, the number of words of
# that text, the number of documents seen and the number of those that have the word.
_CELLS = {
    "binary": lambda count, length, documents, holders: 1,
    "count": lambda count, length, documents, holders: count,
    "freq": lambda count, length, documents, holders: count / length,
    "tfidf": lambda count, length, documents, holders: (
        (1 + np.log(count)) * np.log(1 + documents / (1 + holders))
    ),
}


class Tokenizer:
    """Numbers the words of a corpus, the most frequent first, from 1; 0 is never a word.

    Only the first `num_words - 1` are used. An `oov_token` takes number 1 and stands for the
    words that are unknown or too rare; without it they are left out. A text may also be a list of
    words; with `char_level` each character is a word.
    """

    def __init__(
        self,
        num_words=None,
        filters=FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn(
                "The `nb_words` argument in `Tokenizer` has been renamed `num_words`.",
                stacklevel=2,
            )
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count
        self.word_counts = OrderedDict()
        self.word_docs = defaultdict(int)
        self.index_docs = defaultdict(int)
        self.word_index = {}
        self.index_word = {}

    def _words(self, text):
        if isinstance(text, list):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts):
        """Counts and numbers the words of texts: an iterable of strings, or of lists of words."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in dict.fromkeys(words):
                self.word_docs[word] += 1

        vocabulary = [] if self.oov_token is None else [self.oov_token]
        vocabulary += sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        self.word_index = {word: number for number, word in enumerate(vocabulary, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Counts in how many of the sequences each integer occurs."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts):
        """A list of integers for each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """Yields a list of integers for each text."""
        for text in texts:
            yield self._translate(self._words(text), self.word_index.get, lambda i: i)

    def sequences_to_texts(self, sequences):
        """A string, its words separated by spaces, for each list of integers."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """Yields a string, its words separated by spaces, for each list of integers."""
        for sequence in sequences:
            known = (number if number in self.index_word else None for number in sequence)
            yield " ".join(self._translate(known, lambda i: i, self.index_word.get))

    def _translate(self, items, number_of, result_of):
        """`result_of` each item's number; the unknown and the too rare become the `oov_token`."""
        oov = self.word_index.get(self.oov_token)
        limit = self.num_words or float("inf")
        numbers = (number_of(item) for item in items)
        numbers = (oov if number is None or number >= limit else number for number in numbers)
        return [result_of(number) for number in numbers if number is not None]

    def texts_to_matrix(self, texts, mode="binary"):
        """One row a text: see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """A float64 matrix (sequences, words): `mode` "binary", "count", "freq" or "tfidf"."""
        if not self.num_words and not self.word_index:
            raise ValueError(
                "Specify a dimension (`num_words` argument), or fit on some text data first."
            )
        if mode not in _CELLS:
            raise ValueError(
                f"Unknown vectorization mode: {mode!r}. Expected one of {sorted(_CELLS)}."
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        width = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in Counter(sequence).items():
                if number < width:
                    holders = self.index_docs.get(number, 0)
                    row[number] = _CELLS[mode](count, len(sequence), self.document_count, holders)
        return matrix

    def get_config(self):
        """The settings as they are and the dictionaries as JSON strings."""
        settings = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        config = {name: getattr(self, name) for name in (*settings, "document_count")}
        return config | {name: json.dumps(getattr(self, name)) for name in _DICTIONARIES}

    def to_json(self, **kwargs):
        """A JSON string that `tokenizer_from_json` reads; `kwargs` go to `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)


# The dictionaries in a config, and the type of their keys, which in JSON are always strings.
_DICTIONARIES = {
    "word_counts": str,
    "word_docs": str,
    "index_docs": int,
    "index_word": int,
    "word_index": str,
}


def tokenizer_from_json(json_string):
    """The `Tokenizer` that `to_json` wrote; `UnsafeFileError` if it is too deep or too large."""
    config = load_json(json_string)["config"]
    stored = {name: load_json(config.pop(name), name) for name in _DICTIONARIES}
    tokenizer = Tokenizer(**config)
    for name, key in _DICTIONARIES.items():
        getattr(tokenizer, name).update({key(k): v for k, v in stored[name].items()})
    return tokenizer
