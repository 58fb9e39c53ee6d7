"""Batches of images that a pandas data frame names."""

import os
import warnings

import numpy as np

from .files import FORMATS
from .iterator import FileIterator, check_class_mode

__all__ = ["DataFrameIterator"]

# The modes whose targets are classes, and the types of their labels.
_LABELS = {"binary": (str,), "sparse": (str,), "categorical": (str, list, tuple)}


class DataFrameIterator(FileIterator):
    """Batches of the images that column `x_col` names, in files below `directory` if it is given.

    `class_mode` says what the targets in column `y_col` are: names of classes, given as one-hot
    rows ("categorical", several names to an image if lists) or as numbers ("binary", "sparse");
    values ("raw", of several columns "multi_output"); or the images themselves ("input"), or None.
    Rows whose file is missing are left out with a warning, unless `validate_filenames` is False.
    """

    allowed_class_modes = (*_LABELS, "input", "multi_output", "raw", None)

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
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
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        dtype="float32",
        validate_filenames=True,
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
        self.directory = directory or ""
        self.class_mode = class_mode
        self._check(dataframe, x_col, y_col, weight_col, classes)
        frame = self._existing(dataframe, x_col) if validate_filenames else dataframe
        self._read(frame, x_col, y_col, weight_col, classes)
        valid = "validated" if validate_filenames else "non-validated"
        where = f" belonging to {len(self.class_indices)} classes" if class_mode in _LABELS else ""
        print(f"Found {self.samples} {valid} image filenames{where}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _read(self, frame, x_col, y_col, weight_col, classes):
        """Takes from the rows of the subset what batches need."""
        if self.class_mode in _LABELS:
            frame, classes = _of_classes(frame, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(classes)}
        frame = frame.iloc[self._part(len(frame))]
        if self.class_mode in _LABELS:
            self.classes = [self._numbers(label) for label in frame[y_col]]
        elif self.class_mode == "multi_output":
            self._values = [np.array(frame[name].tolist()) for name in y_col]
        elif self.class_mode == "raw":
            self._values = frame[y_col].values
        self.sample_weight = frame[weight_col].values if weight_col else None
        self.filenames = frame[x_col].tolist()
        self.samples = len(self.filenames)
        self.filepaths = [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def labels(self):
        """The numbers of the images' classes; in modes "raw" and "multi_output" their values."""
        return self.classes if self.class_mode in _LABELS else self._values

    def _numbers(self, label):
        if isinstance(label, (list, tuple)):
            return [self.class_indices[name] for name in label]
        return self.class_indices[label]

    def _check(self, frame, x_col, y_col, weight_col, classes):
        """Raises where the columns are not what `class_mode` needs."""
        mode = self.class_mode
        check_class_mode(mode, self.allowed_class_modes)
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(
                f'If class_mode="{mode}", y_col must be a list. Received {type(y_col).__name__}.'
            )
        if not all(isinstance(name, str) for name in frame[x_col]):
            raise TypeError(f"All values in column x_col={x_col} must be strings.")
        if mode in _LABELS:
            types = _LABELS[mode]
            if not all(isinstance(label, types) for label in frame[y_col]):
                raise TypeError(
                    f'If class_mode="{mode}", y_col="{y_col}" column values must be '
                    f"{'strings' if types == (str,) else 'type string, list or tuple'}."
                )
        elif classes:
            warnings.warn(f'`classes` will be ignored given the class_mode="{mode}"', stacklevel=3)
        if mode == "binary":
            found = len(set(classes or frame[y_col]))
            if found != 2:
                raise ValueError(
                    f'If class_mode="binary" there must be 2 classes. Found {found} classes.'
                )
        if weight_col and not issubclass(frame[weight_col].dtype.type, np.number):
            raise TypeError(f"Column weight_col={weight_col} must be numeric.")

    def _existing(self, frame, x_col):
        """The rows whose file is there and is an image by its name."""
        paths = (os.path.join(self.directory, name) for name in frame[x_col])
        valid = np.array([p.lower().endswith(FORMATS) and os.path.isfile(p) for p in paths], bool)
        if not valid.all():
            warnings.warn(
                f'Found {(~valid).sum()} invalid image filename(s) in x_col="{x_col}". '
                "These filename(s) will be ignored.",
                stacklevel=3,
            )
        return frame[valid]


def _of_classes(frame, y_col, classes):
    """The rows that have one of `classes` (all if None), without other labels; sorted classes."""
    labels = frame[y_col].tolist()
    if not classes:
        nested = ([label] if isinstance(label, str) else label for label in labels)
        return frame, sorted({name for names in nested for name in names})
    classes = set(classes)
    labels = [
        label if isinstance(label, str) else [name for name in label if name in classes]
        for label in labels
    ]
    valid = np.array(
        [label in classes if isinstance(label, str) else bool(label) for label in labels], bool
    )
    frame = frame[valid].copy()
    frame[y_col] = [label for label, kept in zip(labels, valid, strict=True) if kept]
    return frame, sorted(classes)
