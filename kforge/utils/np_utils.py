"""NumPy helpers: `to_categorical`, `normalize`."""

import numpy as np

__all__ = ["normalize", "to_categorical"]


def to_categorical(y, num_classes=None, dtype="float32"):
    """One-hot rows of a vector of class numbers: (n,) or (n, 1) gives (n, num_classes).

    In general the classes are a new last axis. Without `num_classes`, it is the largest class
    plus one. Raises `IndexError` for a class beyond it.
    """
    y = np.array(y, dtype="int")
    shape = y.shape[:-1] if y.ndim > 1 and y.shape[-1] == 1 else y.shape
    y = y.ravel()
    num_classes = num_classes or np.max(y) + 1
    categorical = np.zeros((len(y), num_classes), dtype=dtype)
    categorical[np.arange(len(y)), y] = 1
    return categorical.reshape((*shape, num_classes))


def normalize(x, axis=-1, order=2):
    """`x` divided by its norm of this order along `axis`; zeros stay zeros."""
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return x / np.expand_dims(norm, axis)
