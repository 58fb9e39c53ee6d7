"""Batches of images from arrays."""

import numpy as np

from ... import config
from .augmenter import augment, warn_of_channels
from .iterator import Iterator, subset_bounds

__all__ = ["NumpyArrayIterator"]


class NumpyArrayIterator(Iterator):
    """Batches of images from an array of rank 4, with targets and weights where they are given.

    `x` may be (images, more) where more is an array or a list of arrays that go along unchanged;
    a batch is then ([images, *more], y). `subset` is cut off in order, before any shuffling.
    """

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        dtype=None,
    ):
        self.dtype = dtype or config.numpy_floatx()
        self.data_format = config.check_data_format(data_format)
        x, more = x[:2] if isinstance(x, (tuple, list)) else (x, [])
        more = [np.asarray(m) for m in (more if isinstance(more, list) else [more])]
        for array in more:
            if len(array) != len(x):
                raise ValueError(
                    "All of the arrays in `x` should have the same length. "
                    f"Found a pair with: len(x[0]) = {len(x)}, len(x[?]) = {len(array)}"
                )
        for name, array in (("y` (labels)", y), ("sample_weight`", sample_weight)):
            if array is not None and len(array) != len(x):
                raise ValueError(
                    f"`x` (images tensor) and `{name} should have the same length. "
                    f"Found: x.shape = {np.shape(x)}, and {np.shape(array)}"
                )
        if subset is not None:
            part = self._part(len(x), y, subset, image_data_generator._validation_split)
            x, y, sample_weight = (a if a is None else a[part] for a in (x, y, sample_weight))
            more = [array[part] for array in more]

        self.x = np.asarray(x, dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(
                "Input data in `NumpyArrayIterator` should have rank 4. "
                f"You passed an array with shape {self.x.shape}"
            )
        channel_axis = 3 if self.data_format == "channels_last" else 1
        warn_of_channels("`x`", self.x.shape, self.data_format, channel_axis)
        self.x_misc = more
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    @staticmethod
    def _part(n, y, subset, fraction):
        first, stop = (int(n * share) for share in subset_bounds(subset, fraction))
        if y is not None:
            cut = int(n * fraction)
            if not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
                raise ValueError(
                    "Training and validation subsets have different number of classes after the "
                    "split. If your numpy arrays are sorted by the label, you might want to "
                    "shuffle them."
                )
        return slice(first, stop)

    def _get_batches_of_transformed_samples(self, index_array):
        images = augment(self.image_data_generator, self.x[index_array])
        images = images.astype(self.dtype, copy=False)
        self._save(images, index_array, 10_000)
        inputs = [images, *(array[index_array] for array in self.x_misc)]
        if self.y is None:
            return inputs if self.x_misc else images
        batch = (inputs if self.x_misc else images, self.y[index_array])
        if self.sample_weight is not None:
            batch += (self.sample_weight[index_array],)
        return batch
