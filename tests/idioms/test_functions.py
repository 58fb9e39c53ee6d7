"""`K.function` as scripts of 2017 to 2019 use it."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import lowering
from kforge.layers import BatchNormalization, Dense, Dropout, Input
from kforge.models import Sequential

X = np.random.RandomState(0).randn(6, 4).astype("float32")


def test_the_output_of_a_layer_in_either_phase():
    model = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5), Dense(2)])
    get_activations = K.function([model.input, K.learning_phase()], [model.layers[1].output])

    hidden = X @ model.layers[0].get_weights()[0]
    np.testing.assert_allclose(get_activations([X, 0])[0], hidden, rtol=1e-4, atol=1e-5)
    trained = get_activations([X, 1])[0]
    kept = trained != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(trained[kept], 2 * hidden[kept], rtol=1e-4, atol=1e-5)


def test_the_learning_phase_as_boolean_and_as_the_only_input():
    model = Sequential([BatchNormalization(input_shape=(4,))])
    phase = K.function([K.learning_phase()], [K.in_train_phase(K.constant(1.0), K.constant(2.0))])
    assert phase([True]) == [1.0] and phase([False]) == [2.0] and phase([0]) == [2.0]
    outputs = K.function([*model.inputs, K.learning_phase()], model.outputs)
    whitened = outputs([X, True])[0]
    np.testing.assert_allclose(whitened.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(outputs([X, False])[0], X / np.sqrt(1.001), rtol=1e-5)


def test_all_layers_at_once():
    model = Sequential([Dense(3, activation="tanh", input_shape=(4,)), Dense(2)])
    functor = K.function([model.input], [layer.output for layer in model.layers])
    hidden, out = functor([X])
    kernel, bias = model.layers[1].get_weights()
    np.testing.assert_allclose(out, hidden @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_several_inputs_from_the_middle_of_a_graph():
    a, b = Input((4,)), Input((4,))
    ha, hb = Dense(3)(a), Dense(3)(b)
    total = ha + hb
    cut = K.function([ha, b], [total, hb])
    given = np.ones((6, 3), "float32")
    found, right = cut([given, X])
    np.testing.assert_allclose(found, given + right, rtol=1e-6)


def test_structures_go_in_and_come_out_nested():
    a, b = K.placeholder((None, 4)), K.placeholder((None, 4))
    together = K.function([a, [b]], {"sum": a + b, "both": (a * 2, [b * 3])})
    found = together([X, [X + 1]])
    np.testing.assert_allclose(found["sum"], 2 * X + 1, rtol=1e-6)
    assert isinstance(found["both"], tuple) and isinstance(found["both"][1], list)
    np.testing.assert_allclose(found["both"][1][0], 3 * X + 3, rtol=1e-4)
    (alone,) = K.function([a], [K.sum(a)])([X])
    assert np.ndim(alone) == 0 and alone == pytest.approx(X.sum(), rel=1e-4)
    single = K.function(a, a + 1)(X)
    np.testing.assert_allclose(single, X + 1)


def test_updates_run_once_a_call_after_the_outputs():
    count, mean = K.variable(0.0), K.variable(np.zeros(4))
    x = K.placeholder((None, 4))
    step = K.function(
        [x],
        [count],
        updates=[K.update_add(count, 1), (mean, 0.9 * mean + 0.1 * K.mean(x, axis=0))],
    )
    assert [step([X])[0] for _ in range(3)] == [0, 1, 2]
    assert K.get_value(count) == 3
    np.testing.assert_allclose(K.get_value(mean), (1 - 0.9**3) * X.mean(0), rtol=1e-5)


def test_gradient_descent_written_with_updates():
    w = K.variable(np.zeros((4, 1)))
    x, y = K.placeholder((None, 4)), K.placeholder((None, 1))
    loss = K.mean(K.square(K.dot(x, w) - y))
    (grad,) = K.gradients(loss, [w])
    train = K.function([x, y], [loss], updates=[(w, w - 0.1 * grad)])

    value, targets = np.zeros((4, 1)), X.sum(1, keepdims=True)
    for _ in range(5):
        error = X @ value - targets
        assert train([X, targets])[0] == pytest.approx(np.mean(error**2), rel=1e-4)
        value = value - 0.1 * 2 / 6 * X.T @ error
    np.testing.assert_allclose(K.get_value(w), value, rtol=1e-4)


def test_the_updates_of_an_optimizer():
    from kforge import optimizers

    model = Sequential([Dense(1, input_shape=(4,))])
    target, adam = K.placeholder((None, 1)), optimizers.Adam(lr=0.01)
    loss = K.mean(K.square(model.output - target))
    updates = adam.get_updates(params=model.trainable_weights, loss=loss)
    train = K.function([model.input, target], [loss], updates=updates)
    losses = [train([X, np.ones((6, 1))])[0] for _ in range(3)]
    assert losses[0] > losses[1] > losses[2] and K.get_value(adam.iterations) == 3


def test_no_inputs_and_fixed_feeds():
    assert K.function([], [K.constant(3.0) * 2])([]) == [6.0]
    a, b = K.placeholder(()), K.placeholder(())
    assert K.function([a], [a * b], feed_dict={b: 5.0})([2.0]) == [10.0]


def test_what_is_lowered_once_runs_like_torch(monkeypatch):
    lowered = []
    lower = lowering.lower
    monkeypatch.setattr(lowering, "lower", lambda *args: lowered.append(1) or lower(*args))
    model = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5)])
    run = K.function([model.input, K.learning_phase()], [model.output])
    for i in range(20):
        run([X, i % 2])
    assert len(lowered) == 2, "once for each phase"
    calls = [n.target for n in run.lowered(0).module.graph.nodes if n.op == "call_function"]
    assert calls == [torch.nn.functional.linear]


def test_the_learning_phase_may_be_left_out():
    x = K.placeholder((None, 4))
    run = K.function([x, K.learning_phase()], [K.in_train_phase(2 * x, x)])
    np.testing.assert_array_equal(run([X])[0], X)
    np.testing.assert_array_equal(run([X, 1])[0], 2 * X)


def test_inputs_that_nothing_depends_on_may_be_left_out():
    x, y = K.placeholder((None, 4)), K.placeholder((None, 4), name="y")
    np.testing.assert_array_equal(K.function([x, y], [2 * x])([X])[0], 2 * X)
    run = K.function([x, K.learning_phase(), y], [K.in_train_phase(2 * x, x)])
    np.testing.assert_array_equal(run([X, 1])[0], 2 * X)
    with pytest.raises(ValueError, match="must feed a value for placeholder tensor 'y'"):
        K.function([x, y], [x + y])([X])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: K.function([x], [x + np.ones(4)])([X[:, :3]]), "Cannot feed value of shape"),
        (lambda x: K.function([], [x + 1])([]), "must feed a value for placeholder"),
        (lambda x: K.function([x], [x], givens=[])([X]), "Invalid argument 'givens'"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(ValueError, match=message):
        call(K.placeholder((None, 4)))


def test_other_sizes_than_declared_may_be_fed():
    x = K.placeholder((None, 4))
    np.testing.assert_array_equal(K.function([x], [2 * x])([X[:, :3]])[0], 2 * X[:, :3])


def test_a_function_needs_symbolic_inputs():
    with pytest.raises(TypeError, match="should be a symbolic tensor"):
        K.function([X], [K.constant(1)])
