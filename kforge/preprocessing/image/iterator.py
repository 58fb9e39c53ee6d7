"""Batches of images without end, from arrays, folders or data frames."""

import os
import threading

import numpy as np

from ... import config
from ...utils.data_utils import Sequence
from .augmenter import augment
from .files import (
    COLOR_MODES,
    FORMATS,
    array_to_img,
    check_color_mode,
    img_to_array,
    load_img,
)

__all__ = ["FileIterator", "Iterator"]


class Iterator(Sequence):
    """Batches of n samples: `self[i]` is the i-th, `next(self)` the next one, without end.

    Subclasses give `_get_batches_of_transformed_samples(index_array)`. With `shuffle`, the order
    is drawn anew for each epoch. A `seed` s seeds NumPy's global state before each batch, with s
    plus the number of batches seen.
    """

    white_list_formats = FORMATS

    def __init__(self, n, batch_size, shuffle, seed):
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array = None
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k not in ("lock", "index_generator")}

    def __setstate__(self, state):
        vars(self).update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx):
        if idx >= len(self):
            raise ValueError(
                f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}"
            )
        self._count_batch()
        if self.index_array is None:
            self._set_index_array()
        first = self.batch_size * idx
        return self._get_batches_of_transformed_samples(
            self.index_array[first : first + self.batch_size]
        )

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self):
        """The next batch."""
        with self.lock:
            index_array = next(self.index_generator)
        return self._get_batches_of_transformed_samples(index_array)

    def reset(self):
        """The next batch is the first of an epoch."""
        self.batch_index = 0

    def on_epoch_end(self):
        """Puts the samples into a new order, with `shuffle`."""
        self._set_index_array()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _count_batch(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def _flow_index(self):
        self.reset()
        while True:
            self._count_batch()
            if self.batch_index == 0:
                self._set_index_array()
            first = self.batch_index * self.batch_size
            last_of_epoch = first + self.batch_size >= self.n
            self.batch_index = 0 if last_of_epoch else self.batch_index + 1
            yield self.index_array[first : first + self.batch_size]

    def _get_batches_of_transformed_samples(self, index_array):
        raise NotImplementedError(
            f"{type(self).__name__} needs a method `_get_batches_of_transformed_samples`."
        )

    def _save(self, images, index_array, numbers):
        """Writes a batch to `save_to_dir`, where there is one; a random number below `numbers`
        keeps the names of one image's versions apart."""
        if self.save_to_dir:
            for image, i in zip(images, index_array, strict=True):
                name = f"{self.save_prefix}_{i}_{np.random.randint(numbers)}.{self.save_format}"
                array_to_img(image, self.data_format).save(os.path.join(self.save_to_dir, name))


class FileIterator(Iterator):
    """Batches of images read from `filepaths`.

    Subclasses give `filepaths`, `labels`, `sample_weight`, `class_mode` and, for classes,
    `class_indices`.
    """

    sample_weight = None

    def _set_processing(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
        dtype,
    ):
        """Checks and keeps what batches are made with; called before the files are looked for."""
        check_color_mode(color_mode)
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.color_mode = color_mode
        self.data_format = config.check_data_format(data_format)
        channels = COLOR_MODES[color_mode][0]
        self.image_shape = (
            (*self.target_size, channels)
            if self.data_format == "channels_last"
            else (channels, *self.target_size)
        )
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.dtype = dtype or config.numpy_floatx()
        self.subset = subset
        self.split = None
        if subset is not None:
            fraction = image_data_generator._validation_split
            self.split = subset_bounds(subset, fraction)

    def _part(self, n):
        """The slice of n files that belongs to `subset`."""
        return slice(*(int(share * n) for share in self.split or (0, 1)))

    def _get_batches_of_transformed_samples(self, index_array):
        images = np.empty((len(index_array), *self.image_shape), "float32")
        filepaths = self.filepaths
        for image, i in zip(images, index_array, strict=True):
            loaded = load_img(
                filepaths[i],
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
            )
            image[...] = img_to_array(loaded, data_format=self.data_format, dtype="float32")
        if self.image_data_generator is not None:
            images = augment(self.image_data_generator, images)
        images = images.astype(self.dtype, copy=False)
        self._save(images, index_array, 10_000_000)
        if self.class_mode is None:
            return images
        targets = self._targets_of(images, index_array)
        if self.sample_weight is None:
            return images, targets
        return images, targets, self.sample_weight[index_array]

    def _targets_of(self, images, index_array):
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode == "multi_output":
            return [values[index_array] for values in self.labels]
        if self.class_mode == "raw":
            return self.labels[index_array]
        labels = [self.labels[i] for i in index_array]
        if self.class_mode != "categorical":
            return np.array(labels, self.dtype)
        targets = np.zeros((len(labels), len(self.class_indices)), self.dtype)
        for row, label in zip(targets, labels, strict=True):
            row[label] = 1
        return targets


def subset_bounds(subset, fraction):
    """The shares of a data set (start, stop) that make up the subset of that name."""
    if subset not in ("training", "validation"):
        raise ValueError(f'Invalid subset name: {subset}; expected "training" or "validation".')
    return (0, fraction) if subset == "validation" else (fraction, 1)


def check_class_mode(class_mode, allowed):
    """Raises `ValueError` unless `class_mode` is one of `allowed`."""
    if class_mode not in allowed:
        raise ValueError(f"Invalid class_mode: {class_mode}; expected one of: {allowed}")
