"""Reuters: newswires on 46 topics."""

import json

import numpy as np

from ..utils.data_utils import get_file
from .pickles import load_npz
from .words import as_array, encode, num_words_of, shuffled

__all__ = ["get_word_index", "load_data"]

ORIGIN = "https://s3.amazonaws.com/text-datasets/"
HASH = "87aedbeb0cb229e378797a632c1997b6"
INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """``(x_train, y_train), (x_test, y_test)``: 11,228 newswires, shuffled with `seed`.

    Texts are as in `imdb.load_data`; labels are topics; the last `test_split` are for testing.
    """
    num_words = num_words_of(num_words, kwargs)
    xs, labels = load_npz(get_file(path, f"{ORIGIN}reuters.npz", file_hash=HASH), "x", "y")
    xs, labels = shuffled(np.random.RandomState(seed), xs, labels)
    xs, labels = encode(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    train = int(len(xs) * (1 - test_split))
    return (as_array(xs[:train]), labels[:train]), (as_array(xs[train:]), labels[train:])


def get_word_index(path="reuters_word_index.json"):
    """The dictionary of ranks by word."""
    path = get_file(path, f"{ORIGIN}reuters_word_index.json", file_hash=INDEX_HASH)
    with open(path, encoding="utf-8") as file:
        return json.load(file)
