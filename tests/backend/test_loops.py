import numpy as np
import pytest

from kforge import backend as K
from kforge.symbolic import NeedsValue

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(2, 5, 3).astype("float32")
W, U = RANDOM.randn(3, 4).astype("float32"), RANDOM.randn(4, 4).astype("float32") * 0.5


def by_hand(x, mask=None):
    """Outputs and last state of ``h = tanh(x @ W + h @ U)``."""
    h, outputs = np.zeros((len(x), 4), "float32"), []
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ W + h @ U)
        h = new if mask is None else np.where(mask[:, t : t + 1], new, h)
        outputs.append(h)
    return np.stack(outputs, 1), h


def recurrent(x, w, u, **kwargs):
    def step(t, states):
        h = K.tanh(K.dot(t, w) + K.dot(states[0], u))
        return h, [h]

    return K.rnn(step, x, [K.zeros_like(K.dot(x[:, 0], w))], **kwargs)


@pytest.mark.parametrize("steps, unroll", [(5, False), (5, True), (None, False)])
@pytest.mark.parametrize("backwards", [False, True])
def test_rnn(steps, unroll, backwards):
    x, w, u = K.placeholder((None, steps, 3)), K.variable(W), K.variable(U)
    last, outputs, states = recurrent(x, w, u, unroll=unroll, go_backwards=backwards)
    assert K.int_shape(outputs) == (None, steps, 4)
    assert K.int_shape(last) == K.int_shape(states[0]) == (None, 4)
    found = K.function([x], [last, outputs, states])([X])
    wanted, h = by_hand(X[:, ::-1] if backwards else X)
    np.testing.assert_allclose(found[1], wanted, rtol=1e-5)
    np.testing.assert_allclose(found[0], h, rtol=1e-5)
    np.testing.assert_allclose(found[2][0], h, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 1)])
@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_are_skipped(shape, unroll):
    mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 0, 0]])
    last, outputs, _ = recurrent(
        K.constant(X), K.variable(W), K.variable(U), mask=mask.reshape(shape), unroll=unroll
    )
    wanted, h = by_hand(X, mask)
    np.testing.assert_allclose(K.eval(outputs), wanted, rtol=1e-5)
    np.testing.assert_allclose(K.eval(last), h, rtol=1e-5)


def test_gradients_reach_what_a_step_closes_over():
    x, w, u = K.variable(X), K.variable(W), K.variable(U)
    scaled = u * 2.0  # a tensor made outside the step
    found = {}
    for unroll in (False, True):
        last, _, _ = recurrent(x, w, scaled, unroll=unroll)
        found[unroll] = K.function([], K.gradients(K.sum(last), [x, w, u, scaled]))([])
    for loop, unrolled in zip(found[False], found[True]):
        assert np.abs(unrolled).max() > 0
        np.testing.assert_allclose(loop, unrolled, rtol=1e-4, atol=1e-6)


def test_what_a_step_makes_in_its_first_call_is_shared_by_all():
    cell = {}

    def step(t, states):
        shared = cell.setdefault("mask", K.dropout(K.ones_like(t), 0.5))
        return shared * K.random_uniform((2, 3)), states

    _, outputs, _ = K.rnn(step, K.ones((2, 50, 3)), [K.zeros((2, 3))])
    value = K.eval(outputs)
    dropped = value == 0
    assert (dropped == dropped[:, :1]).all() and 0 < dropped.mean() < 1
    assert (value[:, 0] != value[:, 1])[~dropped[:, 0]].all()  # noise is drawn in each step


def test_the_learning_phase_within_a_step():
    x = K.placeholder((None, None, 2))
    _, outputs, _ = K.rnn(lambda t, s: (K.in_train_phase(t * 2, t), s), x, [K.zeros_like(x[:, 0])])
    f = K.function([x, K.learning_phase()], [outputs])
    ones = np.ones((1, 3, 2))
    assert f([ones, 0])[0].max() == 1 and f([ones, 1])[0].max() == 2


def test_gradients_within_a_loss_of_a_loop():
    w = K.variable(2.0)
    y = K.foldl(lambda a, t: a * w + t, K.constant([1.0, 1.0, 1.0]))  # w ** 2 + w + 1
    first = K.gradients(y, w)[0]
    assert K.eval(first) == 5 and K.eval(K.gradients(first, w)[0]) == 2


def test_a_step_that_asks_for_values():
    with pytest.raises(NeedsValue):
        K.rnn(lambda t, s: (t if K.sum(t) > 0 else -t, s), K.variable(X), [K.zeros((2, 3))])


def test_a_step_that_changes_variables():
    w = K.variable(0.0)
    with pytest.raises(ValueError, match="cannot change variables"):
        K.map_fn(lambda t: K.update_add(w, t), K.constant([1.0, 2.0]))


def test_what_rnn_refuses():
    def step(t, states):
        return t, states

    x = K.placeholder((None, None, 3))
    with pytest.raises(ValueError, match="at least 3D"):
        K.rnn(step, K.ones((2, 3)), [])
    with pytest.raises(ValueError, match="Unrolling requires a fixed number of timesteps"):
        K.rnn(step, x, [], unroll=True)
    with pytest.raises(ValueError, match="No initial states provided"):
        K.rnn(step, x, [], mask=K.ones((2, 3)))


def test_map_fn_over_a_batch_of_unknown_size():
    x, y = K.placeholder((None, 3)), K.placeholder((None, 3))
    single = K.map_fn(lambda t: K.sum(t), x)
    pair = K.map_fn(lambda t: (t[0] + t[1], K.max(t[0])), (x, y))
    chosen = K.map_fn(lambda t: K.argmax(t[0]), [x, y], dtype="float32")
    assert [K.int_shape(t) for t in (single, *pair)] == [(None,), (None, 3), (None,)]
    assert isinstance(pair, tuple) and K.dtype(chosen) == "float32"
    a, b = RANDOM.rand(4, 3).astype("float32"), RANDOM.rand(4, 3).astype("float32")
    found = K.function([x, y], [single, pair, chosen])([a, b])
    np.testing.assert_allclose(found[0], a.sum(1), rtol=1e-6)
    np.testing.assert_allclose(found[1][0], a + b)
    np.testing.assert_allclose(found[1][1], a.max(1))
    np.testing.assert_array_equal(found[2], a.argmax(1))


def test_folds():
    x = K.placeholder((None,))
    f = K.function([x], [K.foldl(lambda a, t: a - t, x), K.foldr(lambda a, t: a - t, x, 10.0)])
    assert f([[5.0, 1.0, 2.0]]) == [2, 2]


def test_maps_of_nothing():
    x = K.placeholder((None, 2))
    y, z = K.map_fn(lambda row: (K.square(row), K.sum(row)), x, dtype=("float32", "float32"))
    found = K.function([x], [y, z])([np.ones((0, 2))])
    assert [a.shape for a in found] == [(0, 2), (0,)]


def test_maps_over_nested_tensors():
    x, y = K.placeholder((None, 2)), K.placeholder((None,))
    found = K.map_fn(lambda e: (e[0] * e[1][0], [e[1][0]]), [x, [y], []], dtype=("float32", [None]))
    values = K.function([x, y], [found[0], found[1][0]])([[[1, 2], [3, 4]], [10, 20]])
    assert [v.tolist() for v in values] == [[[10, 20], [60, 80]], [10, 20]]
