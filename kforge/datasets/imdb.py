"""IMDB: film reviews, good or bad."""

import json

import numpy as np

from ..utils.data_utils import get_file
from .pickles import load_npz
from .words import as_array, encode, num_words_of, shuffled

__all__ = ["get_word_index", "load_data"]

ORIGIN = "https://s3.amazonaws.com/text-datasets/"
HASH = "599dadb1135973df5b59232a0e9a887c"
INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """``(x_train, y_train), (x_test, y_test)``: 25,000 reviews each, shuffled with `seed`.

    A review is the list of the ranks of its words by frequency, plus `index_from`, after
    `start_char`. Words less frequent than the `num_words` first, and the `skip_top` first, are
    `oov_char`. Reviews of `maxlen` and more are left out. A label is 1 for good, 0 for bad.
    """
    num_words = num_words_of(num_words, kwargs)
    path = get_file(path, f"{ORIGIN}imdb.npz", file_hash=HASH)
    x_train, y_train, x_test, y_test = load_npz(path, "x_train", "y_train", "x_test", "y_test")
    generator = np.random.RandomState(seed)
    x_train, y_train = shuffled(generator, x_train, y_train)
    x_test, y_test = shuffled(generator, x_test, y_test)
    xs, labels = encode(
        np.concatenate([x_train, x_test]),
        np.concatenate([y_train, y_test]),
        num_words,
        skip_top,
        maxlen,
        start_char,
        oov_char,
        index_from,
    )
    train = len(x_train)  # counted before `maxlen` left any out, as Keras has it
    return (as_array(xs[:train]), labels[:train]), (as_array(xs[train:]), labels[train:])


def get_word_index(path="imdb_word_index.json"):
    """The dictionary of ranks by word."""
    path = get_file(path, f"{ORIGIN}imdb_word_index.json", file_hash=INDEX_HASH)
    with open(path, encoding="utf-8") as file:
        return json.load(file)
