"""Batches of images from a folder that has one folder for each class."""

import os

import numpy as np

from .files import image_files
from .iterator import FileIterator, check_class_mode

__all__ = ["DirectoryIterator"]


class DirectoryIterator(FileIterator):
    """Batches of the images below `directory`, whose folders are the classes, in sorted order.

    `class_mode` says what the targets are: one-hot rows ("categorical"), numbers of classes
    ("binary", "sparse"), the images themselves ("input"), or None. `subset` is cut off in each
    class.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        self._set_processing(
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
        )
        check_class_mode(class_mode, self.allowed_class_modes)
        self.directory = directory
        self.class_mode = class_mode
        if not classes:
            classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.num_classes = len(classes)
        self.class_indices = {name: number for number, name in enumerate(classes)}
        self.filenames = []
        numbers = []
        for number, name in enumerate(classes):
            files = list(image_files(os.path.join(directory, name), follow_links))
            files = files[self._part(len(files))]
            self.filenames += [os.path.join(name, file) for file in files]
            numbers += [number] * len(files)
        self.classes = np.array(numbers, "int32")
        self.samples = len(self.filenames)
        self.filepaths = [os.path.join(directory, name) for name in self.filenames]
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self):
        """The number of each image's class."""
        return self.classes
