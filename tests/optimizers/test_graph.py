"""The optimizers of `tf.train`: numbers that TensorFlow 1.15 computed, and use in graphs."""

import json
import pathlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kforge import backend as K
from kforge import layers, models, optimizers, variable
from kforge.optimizers import graph

# After four steps from the values below, of TensorFlow 1.15.
RECORDED = json.loads((pathlib.Path(__file__).parent.parent / "data" / "tf_train.json").read_text())
MAKERS = {
    "gd": lambda: graph.GradientDescentOptimizer(0.01),
    "adam": graph.AdamOptimizer,
    "adam2": lambda: graph.AdamOptimizer(0.1, 0.8, 0.9, 0.1),
    "rms": lambda: graph.RMSPropOptimizer(0.01),
    "rms2": lambda: graph.RMSPropOptimizer(0.01, 0.8, 0.5, 0.1),
    "rmsc": lambda: graph.RMSPropOptimizer(0.01, 0.8, 0.5, 0.1, centered=True),
    "mom": lambda: graph.MomentumOptimizer(0.01, 0.9),
    "nes": lambda: graph.MomentumOptimizer(0.01, 0.9, use_nesterov=True),
    "ag": lambda: graph.AdagradOptimizer(0.1),
    "ag2": lambda: graph.AdagradOptimizer(0.1, 0.5),
    "ad": graph.AdadeltaOptimizer,
    "ad2": lambda: graph.AdadeltaOptimizer(1.0, 0.9, 0.1),
}


@pytest.fixture
def session():
    with K.get_session() as session:
        yield session


pytestmark = pytest.mark.filterwarnings("ignore:kforge has no TensorFlow session")


@pytest.mark.parametrize("name", MAKERS)
def test_steps_are_those_of_tensorflow(name, session):
    x, b = K.variable([[1.0, -2.0], [3.0, 0.5]]), K.variable([0.3, -0.1])
    step = MAKERS[name]().minimize(K.sum(K.square(K.dot(x, x) + b)))
    for _ in range(4):
        assert session.run(step) is None
    got = np.concatenate([K.eval(x).ravel(), K.eval(b)])
    assert_allclose(got, RECORDED[name], rtol=1e-5, atol=1e-6)


def test_minimize_finds_the_variables_of_layers_and_counts_steps(session):
    x = layers.Input((4,))
    hidden = layers.Dense(3, kernel_initializer="ones")(x)
    model = models.Model(x, layers.Dense(1, kernel_initializer="ones")(hidden))
    loss, count = K.mean(K.square(model.output)), K.variable(0, dtype="int64")
    optimizer = graph.GradientDescentOptimizer(0.01)
    assert {id(v) for _, v in optimizer.compute_gradients(loss)} == set(map(id, model.weights))
    step, data = optimizer.minimize(loss, global_step=count), np.ones((2, 4))
    losses = [session.run([loss, step], {x: data})[0] for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert K.eval(count) == 3


def test_gradients_can_be_changed_between(session):
    x, other = K.variable([3.0, 4.0]), K.variable(1.0)
    optimizer = graph.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(K.sum(x * x), [x, other])
    assert pairs[1] == (None, other)
    clipped = [(K.clip(g, -1.0, 1.0) if g is not None else g, v) for g, v in pairs]
    session.run(optimizer.apply_gradients(clipped))
    assert_array_equal(K.eval(x), [2.0, 3.0])


def test_a_variable_as_learning_rate_is_read_at_each_step(session):
    x, rate = K.variable(1.0), K.variable(0.5)
    step = graph.GradientDescentOptimizer(rate).minimize(x * 1.0, var_list=[x])
    session.run(step)
    K.set_value(rate, 0.25)
    session.run(step)
    assert K.eval(x) == 0.25


def test_what_cannot_be_minimized():
    x = K.variable(1.0)
    optimizer = graph.AdamOptimizer()
    with pytest.raises(ValueError, match="No variables to optimize"):
        optimizer.minimize(K.placeholder(()) * 1.0)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.minimize(K.placeholder(()) * 1.0, var_list=[x])
    with pytest.raises(ValueError, match="must be positive"):
        graph.AdagradOptimizer(0.1, 0.0)


def test_compile_wraps_it():
    model = models.Sequential([layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
    model.compile(graph.MomentumOptimizer(0.1, 0.9), "mse")
    assert type(model.optimizer) is optimizers.TFOptimizer
    data = np.ones((4, 2)), np.zeros((4, 1))
    first = model.train_on_batch(*data)
    assert model.train_on_batch(*data) < first
    assert K.eval(model.optimizer.iterations) == 2
    assert isinstance(model.optimizer.iterations, variable.Variable)


def test_there_is_no_config():
    for optimizer in (graph.AdamOptimizer(), optimizers.TFOptimizer(graph.AdamOptimizer())):
        with pytest.raises(NotImplementedError, match="has a config"):
            optimizer.get_config()
    with pytest.raises(NotImplementedError, match="made of a config"):
        optimizers.TFOptimizer.from_config({})


def test_state_has_one_length():
    optimizer = graph.AdamOptimizer()
    optimizer.prepare([K.variable(1.0), K.variable(2.0)])
    assert len(optimizer.variables()) == 5
    with pytest.raises(ValueError, match=r"weight list \(3\) does not match"):
        optimizer.set_weights(optimizer.get_weights()[:3])


def test_the_learning_rate_may_follow_a_tensor():
    x, count = K.variable(8.0), K.variable(0, dtype="int64")
    optimizer = graph.GradientDescentOptimizer(0.5 / (1.0 + K.cast(count, "float32")))
    step = optimizer.minimize(x * 1.0, global_step=count)
    run = K.function([], [], [step])
    found = []
    for _ in range(3):
        run([])
        found.append(K.eval(x).item())
    assert found == [7.5, 7.25, pytest.approx(7.25 - 0.5 / 3)]


def test_variables_of_layers_are_found():
    data = np.arange(12.0, dtype="float32").reshape(4, 3)
    x = K.placeholder((None, 3))
    layer = layers.Dense(2)
    loss = K.mean(K.square(layer(x)))
    before = layer.get_weights()
    K.function([x], [], [graph.GradientDescentOptimizer(0.1).minimize(loss)])([data])
    assert all((a != b).all() for a, b in zip(before, layer.get_weights()))
