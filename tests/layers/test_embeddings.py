"""Embeddings: indices of any dtype, masks, lengths."""

import numpy as np
import pytest

from kforge import layers as L
from kforge import models


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "uint8"])
def test_indices_may_have_any_dtype(dtype):
    inputs = L.Input((2,), dtype=dtype)
    layer = L.Embedding(5, 3)
    model = models.Model(inputs, layer(inputs))
    x = np.array([[0, 4], [2, 2]], dtype=dtype)
    np.testing.assert_array_equal(model.predict(x), layer.get_weights()[0][x.astype(int)])


def test_zeros_are_masked():
    x = L.Input((4,))
    assert L.Embedding(5, 3)(x)._keras_mask is None
    assert tuple(L.Embedding(5, 3, mask_zero=True)(x)._keras_mask.shape) == (None, 4)


def test_a_length_is_the_shape_of_the_input():
    model = models.Sequential([L.Embedding(5, 3, input_length=4)])
    assert model.output_shape == (None, 4, 3)
    assert models.Sequential([L.Embedding(5, 3)]).output_shape == (None, None, 3)


def test_a_length_is_checked():
    with pytest.raises(ValueError, match=r'"input_length" is 3, but .* has shape'):
        L.Embedding(5, 2, input_length=3)(L.Input((4,)))
