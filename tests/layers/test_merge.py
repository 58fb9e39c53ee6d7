"""Merging: broadcasting, masks, classes that scripts derive, errors."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import layers as L
from kforge import models


def merged(layer, *arrays):
    inputs = [L.Input(a.shape[1:]) for a in arrays]
    return models.Model(inputs, layer(inputs)).predict(list(arrays))


RNG = np.random.RandomState(0)
A, B = (RNG.normal(size=(2, 3, 4)).astype("float32") for _ in range(2))


@pytest.mark.parametrize(
    "function, layer, wanted",
    [
        (L.add, L.Add, A + B),
        (L.subtract, L.Subtract, A - B),
        (L.multiply, L.Multiply, A * B),
        (L.average, L.Average, (A + B) / 2),
        (L.maximum, L.Maximum, np.maximum(A, B)),
        (L.minimum, L.Minimum, np.minimum(A, B)),
        (L.concatenate, L.Concatenate, np.concatenate([A, B], -1)),
    ],
)
def test_functions_and_layers(function, layer, wanted):
    np.testing.assert_allclose(merged(layer(), A, B), wanted, 1e-6)
    np.testing.assert_allclose(merged(function, A, B), wanted, 1e-6)


def test_dot_makes_products_of_samples():
    np.testing.assert_allclose(merged(L.Dot(2), A, B), np.einsum("bik,bjk->bij", A, B), 1e-4, 1e-5)
    cosine = merged(lambda x: L.dot(x, 1, normalize=True), A[:, 0], A[:, 0])
    np.testing.assert_allclose(cosine, np.ones((2, 1)), 1e-5)


def test_missing_axes_come_after_the_batch():
    found = merged(L.Add(), A, B[:, 0])
    np.testing.assert_allclose(found, A + B[:, :1], 1e-6)


def test_masks_are_joined():
    a, b = (L.Input((3, 4)) for _ in range(2))
    masked_a, masked_b = L.Masking()(a), L.Masking()(b)
    x, y = A.copy(), B.copy()
    x[0, 1], y[1, 2] = 0.0, 0.0
    run = lambda out: K.function([a, b], [out._keras_mask])([x, y])[0]  # noqa: E731
    wanted = np.array([[1, 0, 1], [1, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(run(L.add([masked_a, masked_b])), wanted)
    np.testing.assert_array_equal(run(L.concatenate([masked_a, masked_b])), wanted)
    np.testing.assert_array_equal(run(L.add([masked_a, b])), [[1, 0, 1], [1, 1, 1]])
    side_by_side = run(L.concatenate([masked_a, b], axis=1))
    np.testing.assert_array_equal(side_by_side, [[1, 0, 1, 1, 1, 1], [1] * 6])
    assert L.add([a, b])._keras_mask is None
    assert L.dot([masked_a, masked_b], 1)._keras_mask is None


@pytest.mark.parametrize("layer", [L.Add(), L.Concatenate()])
def test_there_is_a_mask_for_each_input(layer):
    inputs = [L.Input((3, 4)), L.Input((3, 4))]
    for given in ((inputs[0], [None, None]), (inputs, A), (inputs, [None])):
        with pytest.raises(ValueError, match="should be"):
            layer.compute_mask(*given)


def test_scripts_derive_classes():
    from kforge.layers.merge import _Merge

    class Midpoint(_Merge):
        def _merge_function(self, inputs):
            weights = K.constant(0.5)
            return weights * inputs[0] + (1 - weights) * inputs[1]

    np.testing.assert_allclose(merged(Midpoint(), A, B), (A + B) / 2, 1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.Add()(L.Input((3,))), "at least 2 inputs"),
        (lambda: L.Add()([L.Input((3,))]), "at least 2 inputs"),
        (lambda: L.Subtract()([L.Input((3,))] * 3), "exactly 2 inputs"),
        (lambda: L.add([L.Input((3,)), L.Input((4,))]), r"broadcast .* shapes \(3,\) \(4,\)"),
        (lambda: L.concatenate([L.Input((3, 2)), L.Input((4, 3))]), "except for the concat"),
        (lambda: L.concatenate([L.Input((3, 2)), L.Input((4,))]), "except for the concat"),
        (lambda: L.Dot(1)([L.Input((3,)), L.Input((4,))]), "incompatibility 3 != 4"),
        (lambda: L.Dot((1, 2, 3)), "`axes`"),
        (
            lambda: L.add([L.Input(batch_shape=(2, 3)), L.Input(batch_shape=(4, 3))]),
            "different batch sizes",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_layer_that_is_built_still_needs_its_inputs():
    for layer in (L.Subtract(), L.Concatenate(), L.Dot(1)):
        layer([L.Input((3,)), L.Input((3,))])
        with pytest.raises(ValueError, match="should be called on a list"):
            layer([L.Input((3,))])


def test_axes_must_be_numbers():
    with pytest.raises(TypeError, match="`axes`"):
        L.Dot("1")


@pytest.mark.parametrize("axes", [0, 2, (1, 2), (-2, 1)])
def test_axes_of_products_that_are_not_there(axes):
    with pytest.raises(ValueError, match=r"Layer d: `axes` must be axes of the inputs, but the"):
        L.dot([L.Input((4,)), L.Input((4,))], axes, name="d")
