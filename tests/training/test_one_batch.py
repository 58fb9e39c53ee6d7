"""`train_on_batch`, `test_on_batch`, `predict_on_batch`."""

import numpy as np
import pytest

from kforge.layers import Dense, Dropout, Input, Multiply
from kforge.models import Model, Sequential

RNG = np.random.RandomState(0)
X, Y = RNG.randn(6, 4).astype("float32"), RNG.randn(6, 2).astype("float32")


def linear(**options):
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse", **options)
    return model


def test_the_loss_is_that_before_the_step():
    model = linear()
    before = np.mean((model.predict(X) - Y) ** 2)
    assert model.train_on_batch(X, Y) == pytest.approx(before, rel=1e-5)
    assert model.test_on_batch(X, Y) < before


def test_numbers_are_floats_alone_or_in_a_list():
    assert isinstance(linear().train_on_batch(X, Y), float)
    found = linear(metrics=["mae", "acc"]).test_on_batch(X, Y)
    assert len(found) == 3 and all(isinstance(value, float) for value in found)


def test_metrics_are_of_this_batch_or_of_all_since_the_reset():
    model = linear(metrics=["mae"])
    errors = [np.abs(model.predict(X[s]) - Y[s]).mean() for s in (slice(4), slice(4, 6))]
    assert model.test_on_batch(X[:4], Y[:4])[1] == pytest.approx(errors[0], rel=1e-5)
    assert model.test_on_batch(X[4:], Y[4:])[1] == pytest.approx(errors[1], rel=1e-5)
    model.test_on_batch(X[:4], Y[:4], reset_metrics=False)
    both = model.test_on_batch(X[4:], Y[4:], reset_metrics=False)[1]
    assert both == pytest.approx((2 * errors[0] + errors[1]) / 3, rel=1e-5)
    model.reset_metrics()
    assert model.test_on_batch(X[4:], Y[4:])[1] == pytest.approx(errors[1], rel=1e-5)


def test_weights_of_samples_and_classes():
    model = linear()
    errors = ((model.predict(X) - Y) ** 2).mean(-1)
    weights = np.arange(6.0)
    found = model.test_on_batch(X, Y, sample_weight=weights)
    assert found == pytest.approx((errors * weights).sum() / 6, rel=1e-5)
    classes = np.eye(2, dtype="float32")[[0, 1, 1, 0, 1, 0]]
    start = model.get_weights()
    after = []
    for options in (
        {"class_weight": {0: 2.0, 1: 0.5}},
        {"sample_weight": np.where(classes[:, 0] == 1, 2.0, 0.5)},
    ):
        model.set_weights(start)
        model.train_on_batch(X, classes, **options)
        after.append(model.get_weights()[0])
    np.testing.assert_allclose(*after, rtol=1e-6)


def test_predictions_are_ones_own_and_in_the_test_phase():
    model = Sequential([Dropout(0.9, input_shape=(4,))])
    found = model.predict_on_batch(X)
    np.testing.assert_array_equal(found, X)
    found[:] = 0
    assert X.any()


def test_several_inputs_and_outputs():
    a, b = Input((4,)), Input((2,))
    model = Model([a, b], [Dense(1)(a), Dense(3)(b)])
    first, second = model.predict_on_batch([X, Y])
    assert first.shape == (6, 1) and second.shape == (6, 3)
    model.compile("sgd", "mse")
    assert len(model.train_on_batch([X, Y], [first, second])) == 3


def test_a_known_kind_of_batch_takes_the_short_way_to_the_same_result():
    model, other = linear(metrics=["mae"]), linear(metrics=["mae"])
    other.set_weights(model.get_weights())
    for i in range(3):  # from the second on, nothing is checked
        found = model.train_on_batch(X[i:], Y[i:])
        wanted = other.train_on_batch(X[i:].tolist(), Y[i:].astype("float64"))
        assert found == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(model.get_weights()[0], other.get_weights()[0], rtol=1e-6)


def test_it_needs_a_loss_and_data_that_fit():
    with pytest.raises(RuntimeError, match="compile"):
        Sequential([Dense(2, input_shape=(4,))]).train_on_batch(X, Y)
    with pytest.raises(ValueError, match="to have shape"):
        linear().train_on_batch(X[:, :3], Y)
    with pytest.raises(ValueError, match="same number of samples"):
        linear().test_on_batch(X, Y[:5])


def test_inputs_of_a_prediction_may_differ_in_length():
    """A model may take one row of settings for the whole batch."""
    a, b = Input((4,)), Input((4,))
    model = Model([a, b], Multiply()([a, b]))
    for _ in range(2):
        np.testing.assert_allclose(model.predict_on_batch([X, X[:1]]), X * X[:1], rtol=1e-6)
    with pytest.raises(ValueError, match="same number of samples"):
        model.predict([X, X[:1]])


def test_reported_values_are_floats_and_numpy_scalars():
    model = linear(metrics=["mae"])
    for found in (model.train_on_batch(X, Y), model.test_on_batch(X, Y)):
        assert [(isinstance(v, float), np.ndim(v[()])) for v in found] == [(True, 0)] * 2
    assert isinstance(linear().train_on_batch(X, Y).dtype, np.dtype)
    assert [type(v) for v in model.evaluate(X, Y)] == [float, float]
