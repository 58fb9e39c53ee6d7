"""Activations with settings: their kinks, and weights for each element."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import initializers, models
from kforge import layers as L


def run(layer, x):
    inputs = L.Input(x.shape[1:])
    return models.Model(inputs, layer(inputs)).predict(x)


X = np.array([[-2.0, -0.5, 0.0, 0.5, 2.0]], dtype="float32")


@pytest.mark.parametrize(
    "layer, wanted",
    [
        (L.LeakyReLU(), [-0.6, -0.15, 0.0, 0.5, 2.0]),
        (L.ELU(2.0), [2 * np.expm1(-2), 2 * np.expm1(-0.5), 0.0, 0.5, 2.0]),
        (L.ThresholdedReLU(0.5), [0.0, 0.0, 0.0, 0.0, 2.0]),
        (L.ReLU(), [0.0, 0.0, 0.0, 0.5, 2.0]),
        (L.ReLU(1.0, 0.1, 0.5), [-0.25, -0.1, -0.05, 0.0, 1.0]),
        (L.PReLU(initializers.Constant(0.5)), [-1.0, -0.25, 0.0, 0.5, 2.0]),
    ],
)
def test_values(layer, wanted):
    np.testing.assert_allclose(run(layer, X)[0], wanted, 1e-5, 1e-6)


def test_prelu_has_a_weight_for_each_element_that_is_not_shared():
    layer = L.PReLU(shared_axes=[1, 2])
    layer(L.Input((4, 5, 3)))
    assert tuple(layer.alpha.shape) == (1, 1, 3)
    with pytest.raises(ValueError, match="sizes must be known"):
        L.PReLU()(L.Input((None, 3)))


def test_no_gradient_flows_at_the_kink_of_prelu():
    x = K.variable(np.zeros((1, 1)))
    layer = L.PReLU(alpha_initializer="ones")
    (gradient,) = K.gradients(K.sum(layer(x)), [x])
    assert K.eval(gradient) == 0.0


@pytest.mark.parametrize("arguments", [{"max_value": -1.0}, {"negative_slope": -1.0}])
def test_negative_settings_are_refused(arguments):
    with pytest.raises(ValueError, match="cannot be negative"):
        L.ReLU(**arguments)


def test_shared_axes_are_axes_of_the_input():
    with pytest.raises(IndexError, match="shared_axes"):
        L.PReLU(shared_axes=[1, 3])(L.Input((4, 2)))
