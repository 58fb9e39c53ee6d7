"""Data that are tensors of the graph: inputs and targets of a model, or passed to its methods."""

import numpy as np
import pytest

from kforge import backend as K
from kforge.layers import Dense, Input
from kforge.models import Model

RNG = np.random.RandomState(0)
X, Y = RNG.randn(6, 3).astype("float32"), RNG.randn(6, 2).astype("float32")


def model_on(*inputs, **compiled):
    outputs = [
        Dense(2, kernel_initializer="ones", name=f"out_{i}")(x) for i, x in enumerate(inputs)
    ]
    model = Model(list(inputs), outputs)
    model.compile("sgd", "mse", **compiled)
    return model


@pytest.fixture
def wanted():
    """The loss of arrays, before and after a step."""
    model = model_on(Input((3,)))
    return [model.train_on_batch(X, Y), model.evaluate(X, Y, verbose=0)]


def test_methods_take_variables_and_tensors_for_data(wanted):
    x, y = K.variable(X), K.constant(Y)
    model = model_on(Input((3,)))
    history = model.fit(
        x, y, steps_per_epoch=1, validation_data=(x, y), validation_steps=2, verbose=0
    )
    assert [history.history["loss"][0], history.history["val_loss"][0]] == pytest.approx(wanted)
    assert model.evaluate(x, y, steps=2, verbose=0) == pytest.approx(wanted[1])
    assert model.test_on_batch(x, y) == pytest.approx(wanted[1])
    np.testing.assert_allclose(model.predict(x, steps=2), np.tile(model.predict(X), (2, 1)), 1e-6)
    np.testing.assert_array_equal(model.predict_on_batch(x), model.predict_on_batch(X))
    model = model_on(Input((3,)))
    assert model.train_on_batch(x, y) == pytest.approx(wanted[0])


def test_each_batch_is_computed_anew():
    model = model_on(Input((3,)))
    found = model.predict(K.random_uniform((2, 3)), steps=3)
    assert found.shape == (6, 2) and len(np.unique(found[:, 0])) == 6


def test_the_number_of_batches_must_be_told():
    x, y, model = K.variable(X), K.variable(Y), model_on(Input((3,)))
    for call in (
        lambda: model.fit(x, y, batch_size=2),
        lambda: model.evaluate(x, y),
        lambda: model.predict(x),
        lambda: model.fit(x, y, steps_per_epoch=1, validation_split=0.5),
    ):
        with pytest.raises(ValueError, match=r"form of symbolic tensors, you (should|cannot)"):
            call()


def test_a_variable_as_input_and_target_leaves_nothing_to_feed(wanted):
    model = model_on(Input(tensor=K.variable(X)), target_tensors=[K.variable(Y)])
    history = model.fit(epochs=2, steps_per_epoch=1, validation_steps=1, verbose=0)
    assert history.history["loss"] == pytest.approx(wanted)
    assert len(history.history["val_loss"]) == 2
    assert model.predict(None, steps=2).shape == (12, 2)
    assert model.predict_on_batch(None).shape == (6, 2)
    assert model.train_on_batch(None, None) > model.train_on_batch([], {})  # which learns
    for call in (
        lambda: model.fit(batch_size=6),
        lambda: model.predict(None),
        lambda: model.train_on_batch(X, None),
        lambda: model.train_on_batch(None, Y),
    ):
        with pytest.raises(ValueError, match=r"reads all of its data|expected no data"):
            call()


def test_data_are_for_the_inputs_and_targets_that_are_placeholders():
    held, fed = Input(tensor=K.variable(X)), Input((3,), name="fed")
    model = model_on(held, fed, target_tensors={"out_0": K.variable(Y)})
    assert model._feed_input_names == ["fed"]
    both = model_on(Input((3,)), Input((3,)))
    assert model.test_on_batch(2 * X, Y) == pytest.approx(both.test_on_batch([X, 2 * X], [Y, Y]))
    weights = np.arange(6.0)
    found = model.test_on_batch({"fed": X}, Y, sample_weight={"out_0": weights})
    assert found == pytest.approx(both.test_on_batch([X, X], [Y, Y], [weights, None]))
    assert model.predict(X)[1].shape == (6, 2)


def test_target_tensors_that_do_not_fit():
    y = K.variable(Y)
    for given, error, message in (
        ([y], ValueError, "list as `target_tensors`, it should have one entry per model output"),
        (y, ValueError, "2 outputs, but you passed a single tensor as `target_tensors`"),
        ({"nowhere": y}, ValueError, "Unknown entries in target_tensors dictionary"),
        (set(), TypeError, "Expected `target_tensors` to be a list or tuple or dict"),
    ):
        with pytest.raises(error, match=message):
            model_on(Input((3,)), Input((3,)), target_tensors=given)
