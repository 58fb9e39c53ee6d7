"""MNIST: handwritten digits."""

from ..utils.data_utils import get_file
from .pickles import load_npz

__all__ = ["load_data"]

ORIGIN = "https://s3.amazonaws.com/img-datasets/mnist.npz"
HASH = "8a61469f7ea1b51cbae51d4f78837e45"


def load_data(path="mnist.npz"):
    """``(x_train, y_train), (x_test, y_test)``: 60,000 and 10,000 images.

    Images are uint8, (n, 28, 28); labels are uint8, (n,).
    """
    path = get_file(path, ORIGIN, file_hash=HASH)
    x_train, y_train, x_test, y_test = load_npz(path, "x_train", "y_train", "x_test", "y_test")
    return (x_train, y_train), (x_test, y_test)
