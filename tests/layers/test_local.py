"""Convolutions with unshared weights: both ways of keeping them."""

import numpy as np
import pytest

from kforge import layers as L
from kforge import models


def model_of(layer, shape):
    x = L.Input(shape)
    return models.Model(x, layer(x))


def test_equal_kernels_make_a_convolution():
    local, shared = L.LocallyConnected2D(4, (3, 2)), L.Conv2D(4, (3, 2))
    a, b = model_of(local, (6, 5, 3)), model_of(shared, (6, 5, 3))
    kernel = shared.get_weights()[0]
    local.set_weights([np.tile(kernel.reshape(1, -1, 4), (16, 1, 1)), np.zeros((4, 4, 4))])
    x = np.random.RandomState(0).normal(size=(2, 6, 5, 3)).astype("float32")
    np.testing.assert_allclose(a.predict(x), b.predict(x), 1e-4, 1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_one_matrix_with_zeros_is_the_same(data_format, padding):
    """A dense kernel made of a convolution's: its entries where input and output are connected."""
    shape = (6, 5, 2) if data_format == "channels_last" else (2, 6, 5)
    settings = {"padding": padding, "strides": (1, 2), "data_format": data_format}
    shared = L.Conv2D(3, (3, 2), **settings)
    local = L.LocallyConnected2D(3, (3, 2), implementation=2, **settings)
    a, b = model_of(shared, shape), model_of(local, shape)
    one_hot = np.eye(60, dtype="float32").reshape(60, *shape)  # what each input contributes
    matrix = a.predict(one_hot).reshape(local.get_weights()[0].shape)
    rng = np.random.RandomState(0)
    noise = rng.normal(size=matrix.shape) * (matrix == 0)  # not connected: it must not matter
    local.set_weights([matrix + noise, np.zeros(local.bias.shape)])
    x = rng.normal(size=(2, *shape)).astype("float32")
    np.testing.assert_allclose(b.predict(x), a.predict(x), 1e-4, 1e-5)
    assert local.get_config()["implementation"] == 2


def test_the_usual_implementation_is_not_in_configs():
    assert "implementation" not in L.LocallyConnected1D(2, 3).get_config()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.LocallyConnected1D(2, 3, padding="same"), "Invalid border mode"),
        (lambda: L.LocallyConnected1D(2, 3, implementation=3), "must be 1 or 2"),
        (lambda: L.LocallyConnected1D(2, 3)(L.Input((None, 2))), "all sizes .* should be known"),
        (lambda: L.LocallyConnected2D(2, 3)(L.Input((4, 2))), "expected ndim=4"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
