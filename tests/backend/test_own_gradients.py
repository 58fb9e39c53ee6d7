"""Gradients of a script's own, by the name of an operation of TensorFlow."""

import numpy as np
import pytest

from kforge import backend as K
from kforge.backend import session
from kforge.backend.own_gradients import RegisterGradient, registry
from kforge.layers import Activation, Dense, Lambda
from kforge.models import Sequential

X = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")


@pytest.fixture(autouse=True)
def gradients():
    """What the test registered is forgotten."""
    before = dict(registry._registry)
    yield
    registry._registry.clear()
    registry._registry.update(before)


def graph():
    return session.current.graph


def slope(function):
    x = K.placeholder((None, 2))
    return K.function([x], K.gradients(K.sum(function(x)), [x]))([X])[0]


def test_guided_backpropagation():
    @RegisterGradient("Guided")
    def guided(op, grad):
        positive = K.cast(K.greater(op.inputs[0], K.zeros(grad.get_shape())), "float32")
        return grad * positive * K.cast(K.greater(grad, 0.0), "float32")

    with graph().gradient_override_map({"Relu": "Guided"}):
        model = Sequential([Activation("relu", input_shape=(2,))])
    signs = K.constant([[1.0, -1.0]])
    np.testing.assert_array_equal(model.predict(X), np.maximum(X, 0))
    np.testing.assert_array_equal(slope(lambda x: signs * model(x)), [[1, 0], [1, -1]])
    found = K.gradients(K.sum(signs * model.output), model.inputs)
    np.testing.assert_array_equal(K.function(model.inputs, found)([X])[0], [[1, 0], [1, 0]])


def test_reversed_gradients_train_the_other_way():
    RegisterGradient("Reversed")(lambda op, grad: [-2.0 * grad])

    def reverse(x):
        with graph().gradient_override_map({"Identity": "Reversed"}):
            return K.identity(x)

    first = Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(2,))
    model = Sequential([first, Lambda(reverse)])
    model.compile("sgd", lambda y_true, y_pred: y_pred)
    model.train_on_batch(X, np.zeros((2, 1)))
    np.testing.assert_allclose(first.get_weights()[0][:, 0], 1 + 0.01 * 2 * X.mean(0))


def test_gradients_of_gradients():
    RegisterGradient("Cubic")(lambda op, grad: grad * op.inputs[0] ** 3)

    def second(x):
        with graph().gradient_override_map({"Abs": "Cubic"}):
            return K.gradients(K.sum(K.abs(x)), [x])[0]

    np.testing.assert_allclose(slope(second), 3 * X**2)


def test_straight_through():
    def sign(x):
        with graph().gradient_override_map({"Sign": "Identity"}):
            return K.sign(x)

    np.testing.assert_array_equal(slope(sign), np.ones_like(X))
    np.testing.assert_array_equal(slope(K.sign), np.zeros_like(X))  # as usual again


def test_what_cannot_be_done_is_told():
    RegisterGradient("Once")(lambda op, grad: grad)
    with pytest.raises(KeyError, match="'Once'"):
        RegisterGradient("Once")(lambda op, grad: grad)
    with pytest.raises(LookupError, match="'Unheard'"):
        with graph().gradient_override_map({"Relu": "Unheard"}):
            slope(K.relu)
    with pytest.raises(ValueError, match=r"\['MaxPool'\]"):
        with graph().gradient_override_map({"MaxPool": "Once"}):
            pass
