"""What IMDB and Reuters have in common: texts as lists of word numbers."""

import warnings

import numpy as np

__all__ = ["as_array", "encode", "num_words_of", "shuffled"]


def num_words_of(num_words, legacy):
    """`num_words`, also under its older name `nb_words` among the keyword arguments `legacy`."""
    legacy = dict(legacy)
    if "nb_words" in legacy:
        warnings.warn(
            "The `nb_words` argument in `load_data` has been renamed `num_words`.", stacklevel=3
        )
        num_words = legacy.pop("nb_words")
    if legacy:
        raise TypeError(f"Unrecognized keyword arguments: {legacy}")
    return num_words


def shuffled(generator, *arrays):
    """The arrays, in one new order."""
    order = np.arange(len(arrays[0]))
    generator.shuffle(order)
    return [array[order] for array in arrays]


def encode(xs, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Lists of words as `load_data` promises them; texts of `maxlen` words and more are left out.

    A word's number grows by `index_from`; numbers below `skip_top` and from `num_words` on become
    `oov_char`, or go where that is None.
    """
    start = [] if start_char is None else [start_char]
    if start or index_from:
        xs = [start + [word + index_from for word in x] for x in xs]
    if maxlen:
        kept = [i for i, x in enumerate(xs) if len(x) < maxlen]
        xs, labels = [xs[i] for i in kept], labels[kept]
        if not xs:
            raise ValueError(
                f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was "
                "kept. Increase maxlen."
            )
    num_words = num_words or max(max(x) for x in xs)
    if oov_char is None:
        xs = [[word for word in x if skip_top <= word < num_words] for x in xs]
    else:
        xs = [[word if skip_top <= word < num_words else oov_char for word in x] for x in xs]
    return xs, labels


def as_array(lists):
    """An array of lists, or of numbers where all lists are equally long, as NumPy once made it."""
    if len({len(x) for x in lists}) <= 1:
        return np.array(lists)
    array = np.empty(len(lists), object)
    array[:] = lists
    return array
