"""BatchNormalization: which statistics it uses, and when the moving ones move; of samples."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers as L
from kforge import models, symbolic

X = np.random.RandomState(0).normal(2.0, 3.0, size=(16, 4)).astype("float32")


def normalizer(**arguments):
    layer = L.BatchNormalization(input_shape=(4,), **arguments)
    return models.Sequential([layer]), layer


def step(model):
    model.compile("sgd", "mse")
    model.train_on_batch(X, X)


def test_training_moves_the_statistics_as_keras_does():
    model, layer = normalizer(momentum=0.9, epsilon=1e-3)
    step(model)
    mean, variance = layer.get_weights()[2:]
    np.testing.assert_allclose(mean, 0.1 * X.mean(0), 1e-4)
    unbiased = X.var(0) * 16 / (16 - 1.001)
    np.testing.assert_allclose(variance, 0.9 + 0.1 * unbiased, 1e-4)


def test_images_get_the_variance_of_tensorflows_fused_kernel():
    layer = L.BatchNormalization(momentum=0.0, input_shape=(2, 2, 4))
    model = models.Sequential([layer])
    model.compile("sgd", "mse")
    x = X[:8].reshape(2, 2, 2, 4)
    model.train_on_batch(x, x)
    wanted = X[:8].var(0) * 8 / 7 * 8 / (8 - 1.001)
    np.testing.assert_allclose(layer.get_weights()[3], wanted, 1e-4)


def test_prediction_and_evaluation_use_the_moving_statistics_and_leave_them():
    model, layer = normalizer()
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.evaluate(X, X, verbose=0)
    np.testing.assert_allclose(model.predict(X), X / np.sqrt(1.001), 1e-5)
    assert all(map(np.array_equal, before, layer.get_weights()))


def test_a_frozen_layer_normalizes_with_the_batch_but_does_not_move():
    model, layer = normalizer()
    layer.trainable = False
    before = layer.get_weights()
    step(model)
    assert all(map(np.array_equal, before, layer.get_weights()))
    (found,) = K.function([model.input, K.learning_phase()], [model.output])([X, 1])
    np.testing.assert_allclose(found.mean(0), 0.0, atol=1e-5)


def test_a_layer_called_twice_moves_twice():
    layer = L.BatchNormalization(momentum=0.5)
    a, b = L.Input((4,)), L.Input((4,))
    model = models.Model([a, b], L.add([layer(a), layer(b)]))
    model.compile("sgd", "mse")
    model.train_on_batch([X, 2 * X], X)
    wanted = 0.5 * (0.5 * X.mean(0)) + 0.5 * (2 * X.mean(0))
    np.testing.assert_allclose(layer.get_weights()[2], wanted, 1e-4)


def test_training_can_be_fixed():
    x = L.Input((4,))
    layer = L.BatchNormalization()
    always, never = layer(x, training=True), layer(x, training=False)
    found = models.Model(x, always).predict(X)
    np.testing.assert_allclose(found.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(models.Model(x, never).predict(X), X / np.sqrt(1.001), 1e-5)


@pytest.mark.parametrize("phase, trainable, moves", [(0, True, 0), (1, True, 1), (1, False, 0)])
def test_values_at_once_follow_the_same_rules(phase, trainable, moves):
    _, layer = normalizer()
    layer.trainable = trainable
    before = layer.moving_mean.numpy()
    with symbolic.executing(phase):
        layer(torch.as_tensor(X).to(layer.gamma.device))
    assert (not np.array_equal(before, layer.moving_mean.numpy())) == bool(moves)


@pytest.mark.parametrize("shape, axis", [((4,), -1), ((3, 4), 1), ((3, 4, 2), 2), ((2,) * 5, -1)])
def test_any_axis_of_any_rank(shape, axis):
    x = np.random.RandomState(0).normal(1.0, 2.0, (5, *shape)).astype("float32")
    inputs = L.Input(shape)
    model = models.Model(inputs, L.BatchNormalization(axis)(inputs, training=True))
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    wanted = (x - x.mean(others, keepdims=True)) / np.sqrt(x.var(others, keepdims=True) + 1e-3)
    np.testing.assert_allclose(model.predict(x), wanted, 1e-3, 1e-4)


def test_a_batch_of_one_has_no_variance():
    model, layer = normalizer(momentum=0.0)
    model.compile("sgd", "mse")
    model.train_on_batch(X[:1], X[:1])
    assert np.all(layer.get_weights()[3] == 0.0)


def test_the_axis_must_be_known():
    with pytest.raises(ValueError, match=r"axis -1 .* defined dimension"):
        L.BatchNormalization()(L.Input((3, None)))


def test_an_axis_that_is_not_there():
    with pytest.raises(ValueError, match=r"Layer n: `axis` .*axis=3 for the shape \(None, 4, 3\)"):
        L.BatchNormalization(axis=3, name="n")(L.Input((4, 3)))


@pytest.mark.parametrize("axis", [-1, 1, [1, 2], [-3, -1]])
def test_samples_are_normalized_over_axes(axis):
    x = np.random.RandomState(0).normal(1.0, 2.0, (5, 3, 4, 2)).astype("float32")
    layer = L.LayerNormalization(axis, epsilon=1e-2)
    model = models.Model(inputs := L.Input((3, 4, 2)), layer(inputs))
    axes = tuple(np.atleast_1d(axis) % 4)
    sizes = [x.shape[a] for a in sorted(axes)]
    gamma, beta = np.random.RandomState(1).normal(size=(2, *sizes))
    layer.set_weights([gamma, beta])
    around = [n if a in axes else 1 for a, n in enumerate(x.shape)]
    wanted = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-2)
    wanted = wanted * gamma.reshape(around) + beta.reshape(around)
    np.testing.assert_allclose(model.predict(x), wanted, 1e-3, 1e-4)
    twin = models.Model.from_config(model.get_config())
    assert twin.layers[1].axis == axis


def test_axes_of_samples_must_be_there_and_known():
    with pytest.raises(ValueError, match="axis=4 for an input of rank 2"):
        L.LayerNormalization(4)(L.Input((3,)))
    with pytest.raises(ValueError, match="sizes of the axes 1 must be known"):
        L.LayerNormalization(1)(L.Input((None, 3)))
