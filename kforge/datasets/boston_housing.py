"""Boston housing: prices of 506 districts."""

import numpy as np

from ..utils.data_utils import get_file
from .pickles import load_npz

__all__ = ["load_data"]

ORIGIN = "https://s3.amazonaws.com/keras-datasets/boston_housing.npz"
HASH = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """``(x_train, y_train), (x_test, y_test)``, shuffled with `seed`.

    Features are float64, (n, 13), prices (n,) in thousands of dollars; the last `test_split` of
    them are for testing.
    """
    assert 0 <= test_split < 1, f"`test_split` must be in [0, 1), got {test_split}"
    x, y = load_npz(get_file(path, ORIGIN, file_hash=HASH), "x", "y")
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    train = int(len(x) * (1 - test_split))
    return (x[:train], y[:train]), (x[train:], y[train:])
