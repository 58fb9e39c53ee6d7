"""The format of CIFAR10 and CIFAR100: pickled batches."""

import numpy as np

from ..config import image_data_format
from .pickles import load_pickle

__all__ = ["load_batch"]


def load_batch(fpath, label_key="labels"):
    """Images (n, 3, 32, 32), uint8, and the list of labels of one file."""
    with open(fpath, "rb") as file:
        batch = {key.decode("utf8"): value for key, value in load_pickle(file).items()}
    return batch["data"].reshape(-1, 3, 32, 32), batch[label_key]


def in_data_format(images):
    """Images (n, 3, 32, 32) in the layout of `image_data_format()`."""
    if image_data_format() == "channels_first":
        return images
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def as_column(labels):
    """Labels as an array (n, 1)."""
    return np.reshape(labels, (len(labels), 1))
