"""Upsampling, padding and cropping: what they do, and how their settings are written."""

import numpy as np
import pytest

from kforge import layers as L
from kforge import models

IMAGE = np.arange(1.0, 13.0, dtype="float32").reshape(1, 3, 4, 1)


def run(layer, x=IMAGE):
    inputs = L.Input(x.shape[1:])
    return models.Model(inputs, layer(inputs)).predict(x)


def test_nearest_repeats():
    found = run(L.UpSampling2D((2, 3)))[0, :, :, 0]
    np.testing.assert_array_equal(found, IMAGE[0, :, :, 0].repeat(2, 0).repeat(3, 1))


def test_bilinear_stops_at_the_last_value():
    found = run(L.UpSampling2D((1, 2), interpolation="bilinear"))[0, 0, :, 0]
    np.testing.assert_allclose(found, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.0])


def test_padding_and_cropping_are_inverse():
    amounts = ((1, 2), (0, 3))
    padded = run(L.ZeroPadding2D(amounts))
    assert padded.shape == (1, 6, 7, 1) and padded.sum() == IMAGE.sum()
    np.testing.assert_array_equal(run(L.Cropping2D(amounts), padded), IMAGE)


def test_cropping_may_leave_nothing():
    assert run(L.Cropping2D(((1, 2), (0, 0)))).shape == (1, 0, 4, 1)


@pytest.mark.parametrize("layer", [L.ZeroPadding2D, L.Cropping2D])
def test_settings_in_three_forms(layer):
    (name,) = set(layer(1).get_config()) & {"padding", "cropping"}
    assert layer(1).get_config()[name] == ((1, 1), (1, 1))
    assert layer((1, 2)).get_config()[name] == ((1, 1), (2, 2))
    assert layer([[1, 2], [3, 4]]).get_config()[name] == ((1, 2), (3, 4))


def test_settings_of_the_only_axis_are_not_nested():
    assert L.UpSampling1D(3).get_config()["size"] == 3
    assert L.ZeroPadding1D(2).get_config()["padding"] == (2, 2)
    assert L.Cropping1D((1, 2)).get_config()["cropping"] == (1, 2)
    assert "data_format" not in L.Cropping1D().get_config()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: L.ZeroPadding2D((1, 2, 3)), ValueError, "`padding` should have 2 elements"),
        (lambda: L.ZeroPadding2D(((1, 2, 3), (1, 2))), ValueError, "`padding`.*tuple of 2"),
        (lambda: L.Cropping3D(((1, 2), 1)), ValueError, "`cropping` should have 3 elements"),
        (lambda: L.Cropping2D(lambda: 1), ValueError, "`cropping` should have 2 elements"),
        (lambda: L.UpSampling2D(interpolation="cubic"), ValueError, "interpolation.*cubic"),
        (lambda: L.UpSampling2D((2, 2, 2)), ValueError, "`size`.*tuple of 2"),
        (lambda: L.UpSampling1D(2, data_format="channels_last"), TypeError, "data_format"),
        (lambda: L.Cropping2D(2)(L.Input((3, 4, 1))), ValueError, "too small"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
