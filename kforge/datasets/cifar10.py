"""CIFAR10: small colour images of ten classes."""

import os

import numpy as np

from ..utils.data_utils import get_file
from .cifar import as_column, in_data_format, load_batch

__all__ = ["load_data"]

ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data():
    """``(x_train, y_train), (x_test, y_test)``: 50,000 and 10,000 images.

    Images are uint8, (n, 32, 32, 3) or with channels first (n, 3, 32, 32); labels are (n, 1).
    """
    path = get_file("cifar-10-batches-py", ORIGIN, untar=True, file_hash=HASH)
    batches = [load_batch(os.path.join(path, f"data_batch_{i}")) for i in range(1, 6)]
    x_train = np.concatenate([x for x, _ in batches])
    y_train = np.concatenate([y for _, y in batches]).astype("uint8")
    x_test, y_test = load_batch(os.path.join(path, "test_batch"))
    return (
        (in_data_format(x_train), as_column(y_train)),
        (in_data_format(x_test), as_column(y_test)),
    )
