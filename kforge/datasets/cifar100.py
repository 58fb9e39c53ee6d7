"""CIFAR100: small colour images of a hundred classes in twenty groups."""

import os

from ..utils.data_utils import get_file
from .cifar import as_column, in_data_format, load_batch

__all__ = ["load_data"]

ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode="fine"):
    """``(x_train, y_train), (x_test, y_test)``: 50,000 and 10,000 images.

    Images are uint8, (n, 32, 32, 3) or with channels first (n, 3, 32, 32); labels are (n, 1), of
    the classes ("fine") or of the groups ("coarse").
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: {label_mode!r}'
        )
    path = get_file("cifar-100-python", ORIGIN, untar=True, file_hash=HASH)
    train, test = (
        load_batch(os.path.join(path, name), f"{label_mode}_labels") for name in ("train", "test")
    )
    return (
        (in_data_format(train[0]), as_column(train[1])),
        (in_data_format(test[0]), as_column(test[1])),
    )
