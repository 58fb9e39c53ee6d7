"""Sequences of different lengths, word pairs for skip-gram models, windows over time series."""

import json
import random

import numpy as np

from ..utils.data_utils import Sequence

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
    "timeseries_generator_from_json",
]


def pad_sequences(
    sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0
):
    """Sequences as one array (len(sequences), maxlen, ...), padded with `value` or cut.

    `maxlen` None means the longest; "pre" and "post" say at which end to pad and to cut.
    Strings need ``dtype=object``.
    """
    for name, end in (("Padding", padding), ("Truncating", truncating)):
        if end not in ("pre", "post"):
            raise ValueError(f'{name} type "{end}" not understood: expected "pre" or "post".')
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"`sequences` must be a list of iterables. Got {type(sequences).__name__}: "
            "a generator needs list() around it."
        )
    for position, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise ValueError(
                "`sequences` must be a list of iterables. "
                f"Found non-iterable at position {position}: {sequence}"
            )
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}. "
            "You should set `dtype=object` for variable length strings."
        )
    if maxlen is None:
        maxlen = max(map(len, sequences))
    item_shape = next((np.shape(s)[1:] for s in sequences if len(s)), ())

    padded = np.full((len(sequences), maxlen, *item_shape), value, dtype=dtype)
    for position, (row, sequence) in enumerate(zip(padded, sequences, strict=True)):
        if not len(sequence):
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype)
        if kept.shape[1:] != item_shape:
            raise ValueError(
                f"Shape of sample {kept.shape[1:]} of sequence at position {position} is "
                f"different from expected shape {item_shape}"
            )
        if padding == "pre":
            row[-len(kept) :] = kept
        else:
            row[: len(kept)] = kept
    return padded


def make_sampling_table(size, sampling_factor=1e-5):
    """For the word of each rank, the probability of keeping it when pairs are sampled.

    That of word2vec, min(1, sqrt(frequency / factor) / (frequency / factor)), where frequencies
    follow Zipf's law. Mikolov et al., 2013, https://arxiv.org/abs/1310.4546.
    """
    rank = np.maximum(np.arange(size), 1)
    # 1 / frequency: rank times an approximation of the harmonic number, with Euler's constant.
    inverse_frequency = rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Pairs of a word and one near it (label 1) or one drawn from the vocabulary (label 0).

    Returns the pairs and their labels, [0, 1] and [1, 0] if `categorical`. Words are integers; 0
    is none and skipped. Draws come from Python's `random`, which `shuffle` seeds.
    Mikolov et al., 2013, https://arxiv.org/abs/1301.3781.
    """
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples = []
    for i, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        first = max(0, i - window_size)
        for j, context in enumerate(sequence[first : i + window_size + 1], first):
            if context and j != i:
                couples.append([word, context])
    labels = [positive] * len(couples)

    if negative_samples > 0:
        count = int(len(couples) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [
            [words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)
        ]
        labels += [negative] * count

    if shuffle:
        if seed is None:
            seed = random.randint(0, 10_000_000)
        for items in (couples, labels):
            random.seed(seed)
            random.shuffle(items)
    return couples, labels


def _remove_long_seq(maxlen, seq, label):
    """The sequences shorter than `maxlen`, with their labels: two lists."""
    kept = [(x, y) for x, y in zip(seq, label, strict=False) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]


class TimeseriesGenerator(Sequence):
    """Batches of windows over a series: samples (batch, length // sampling_rate, ...), targets.

    The window that ends before step `i` of `data` goes with `targets[i]`; consecutive windows are
    `stride` steps apart. `shuffle` draws windows at random from NumPy's global state.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        if len(data) != len(targets):
            raise ValueError(
                "Data and targets have to be of same length. "
                f"Data length is {len(data)} while target length is {len(targets)}"
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is "
                "disallowed, as no part of the sequence would be left to be used as current step."
            )

    def __len__(self):
        steps = self.batch_size * self.stride
        return (self.end_index - self.start_index + steps) // steps

    def __getitem__(self, index):
        if self.shuffle:
            ends = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            stop = min(first + self.batch_size * self.stride, self.end_index + 1)
            ends = np.arange(first, stop, self.stride)
        samples = np.array([self.data[e - self.length : e : self.sampling_rate] for e in ends])
        targets = np.array([self.targets[e] for e in ends])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def get_config(self):
        """The arguments, with `length` added to `start_index`; data and targets as JSON strings."""
        names = ("length", "sampling_rate", "stride", "start_index", "end_index")
        config = {"data": _as_json("Data", self.data), "targets": _as_json("Targets", self.targets)}
        return config | {
            name: getattr(self, name) for name in (*names, "shuffle", "reverse", "batch_size")
        }

    def to_json(self, **kwargs):
        """JSON for `timeseries_generator_from_json`; `kwargs` go to `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)


def _as_json(what, values):
    try:
        return json.dumps(values.tolist() if isinstance(values, np.ndarray) else values)
    except TypeError as error:
        raise TypeError(f"{what} not JSON Serializable: {type(values).__name__}") from error


def timeseries_generator_from_json(json_string):
    """The `TimeseriesGenerator` that `to_json` wrote."""
    config = json.loads(json_string)["config"]
    config["data"] = json.loads(config["data"])
    config["targets"] = json.loads(config["targets"])
    config["start_index"] -= config["length"]
    return TimeseriesGenerator(**config)
