"""Fashion-MNIST: small grey images of clothes."""

import gzip
import os

import numpy as np

from ..utils.data_utils import get_file

__all__ = ["load_data"]

ORIGIN = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
HASHES = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load_data():
    """``(x_train, y_train), (x_test, y_test)``: 60,000 and 10,000 images.

    Images are uint8, (n, 28, 28); labels are uint8, (n,).
    """
    subdir = os.path.join("datasets", "fashion-mnist")
    x_train, y_train, x_test, y_test = (
        _read_idx(get_file(name, ORIGIN + name, file_hash=file_hash, cache_subdir=subdir))
        for name, file_hash in HASHES.items()
    )
    return (x_train, y_train), (x_test, y_test)


def _read_idx(path):
    """An array of bytes in the IDX format: 0, 0, 8, rank, then sizes and values."""
    with gzip.open(path, "rb") as file:
        zeros, kind, rank = file.read(2), *file.read(2)
        if zeros != b"\0\0" or kind != 8:
            raise ValueError(f"{path} is not an IDX file of bytes.")
        shape = np.frombuffer(file.read(4 * rank), ">u4")
        return np.frombuffer(bytearray(file.read()), np.uint8).reshape(shape)
