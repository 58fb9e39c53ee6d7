"""`to_categorical` and `normalize`."""

import numpy as np
import pytest

from kforge.utils import normalize, to_categorical


def test_to_categorical():
    assert to_categorical([0, 2, 1]).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert to_categorical([[1], [0]], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert to_categorical(1, 3).tolist() == [0, 1, 0]
    assert to_categorical(np.zeros((2, 3, 1)), 4).shape == (2, 3, 4)
    assert to_categorical([1, 0], dtype="int32").dtype == "int32"
    assert to_categorical([1, 0]).dtype == "float32"
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 1 with size 3"):
        to_categorical([0, 5], 3)


@pytest.mark.parametrize("order, norm", [(2, 5.0), (1, 7.0), (np.inf, 4.0)])
def test_normalize(order, norm):
    x = np.array([[3.0, -4.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalize(x, order=order), x / norm)
    np.testing.assert_allclose(normalize(x.T, axis=0, order=order), x.T / norm)
    assert normalize(x[0]).tolist() == [[0.6, -0.8]]  # with an axis more, as Keras gives it
