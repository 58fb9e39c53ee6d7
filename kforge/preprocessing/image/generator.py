"""`ImageDataGenerator`: where its images come from."""

import warnings

from .array_iterator import NumpyArrayIterator
from .augmenter import Augmenter
from .dataframe_iterator import DataFrameIterator
from .directory_iterator import DirectoryIterator

__all__ = ["ImageDataGenerator"]

# Arguments of `flow_from_dataframe` in older Kerases, and what to do without them.
_RETIRED = {
    "has_ext": "filenames in the dataframe have to match the exact filenames in disk.",
    "sort": "batches follow the order of the dataframe if shuffle is False.",
    "drop_duplicates": "drop duplicates with the pandas.DataFrame.drop_duplicates method.",
}


class ImageDataGenerator(Augmenter):
    """Batches of images, transformed at random and standardized as they are asked for.

    >>> generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True)
    >>> model.fit_generator(generator.flow(x, y, batch_size=32), epochs=10)
    """

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
    ):
        """Batches (x, y) or (x, y, sample_weight) from arrays, in the default float type."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
    ):
        """Batches (x, y) of the images in a folder that has one folder for each class."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """Batches (x, y) or (x, y, weights) of the images that a pandas data frame names."""
        for name in _RETIRED.keys() & kwargs.keys():
            del kwargs[name]
            warnings.warn(
                f"{name} is deprecated, {_RETIRED[name]}", DeprecationWarning, stacklevel=2
            )
        if class_mode == "other":
            warnings.warn(
                '`class_mode` "other" is deprecated, please use `class_mode` "raw".',
                DeprecationWarning,
                stacklevel=2,
            )
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            **kwargs,
        )
