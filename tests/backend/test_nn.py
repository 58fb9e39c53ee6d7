import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import lowering

RANDOM = np.random.RandomState(0)


# ---- crossentropies ----


@pytest.mark.parametrize(
    "function, activation, target",
    [
        (K.categorical_crossentropy, K.softmax, [[0.0, 1.0, 0.0]]),
        (K.sparse_categorical_crossentropy, K.softmax, [1.0]),
        (K.binary_crossentropy, K.sigmoid, [[0.0, 1.0, 0.0]]),
    ],
)
def test_of_a_softmax_or_sigmoid_the_logits_count(function, activation, target):
    x = K.variable([[90.0, 0.0, -90.0]])
    from_logits, from_output, from_probabilities = K.function(
        [],
        [
            function(target, x, from_logits=True),
            function(target, activation(x)),
            function(target, activation(x) + 0.0),
        ],
    )([])
    np.testing.assert_array_equal(from_output, from_logits)
    assert from_output.max() == 90
    assert from_probabilities.max() < 17  # clipped, to about -log(epsilon)


def test_probabilities_of_0_and_1_cost_what_they_do_in_tensorflow():
    certain = K.constant([1.0, 1.0, 0.0])
    found = K.eval(K.binary_crossentropy(K.constant([1.0, 0.0, 1.0]), certain))
    least = 1 - np.float32(1 - 1e-7)  # what is left of 1 in float32
    np.testing.assert_allclose(found, [0, -np.log(least + 1e-7), -np.log(2e-7)], 1e-5, 1e-6)


def test_a_softmax_along_another_axis_is_no_shortcut():
    x, t = K.variable(RANDOM.randn(2, 3, 4)), np.eye(4)[[[0, 1, 2], [3, 2, 1]]]
    p = K.softmax(x, axis=1)
    found, wanted = K.function(
        [], [K.categorical_crossentropy(t, p), K.categorical_crossentropy(t, p + 0.0)]
    )([])
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_targets_of_any_kind():
    p = np.array([[0.2, 0.8], [0.5, 0.5]], "float32")
    wanted = -np.log([0.8, 0.5])
    for target in ([1, 0], [[1.0], [0.0]], np.array([[1], [0]])):
        found = K.eval(K.sparse_categorical_crossentropy(target, p))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    found = K.eval(K.categorical_crossentropy(np.array([[0, 1], [1, 0]]), K.log(p), True))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_sequences_of_unknown_length():
    x, t = K.placeholder((None, None, 5)), K.placeholder((None, None, 1))
    y = K.sparse_categorical_crossentropy(t, K.softmax(x))
    assert K.int_shape(y) == (None, None)
    found = K.function([x, t], [y])([np.zeros((2, 3, 5)), np.ones((2, 3, 1))])[0]
    np.testing.assert_allclose(found, np.full((2, 3), np.log(5)), rtol=1e-6)


# Targets that sum to 2, to 0 and to less than 1; the gradients are those of TensorFlow.
UNUSUAL = [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.2, 0.1]]
LOGITS = [[0.1, 0.2, 0.3], [1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]


@pytest.mark.parametrize("axis", [-1, 1])
def test_gradients_of_targets_that_do_not_sum_to_one(axis):
    t, x = np.array(UNUSUAL), np.array(LOGITS)
    if axis == 1:
        t, x = t.T[None], x.T[None]
    x, t = K.variable(x), K.variable(t)
    for loss in (
        K.categorical_crossentropy(t, x, from_logits=True, axis=axis),
        K.categorical_crossentropy(t, K.softmax(x, axis), axis=axis),
    ):
        found = K.eval(K.gradients(loss, x)[0])
        wanted = [[-0.69939, -0.66778, 0.36717], [0.66524, 0.24473, 0.09003]]
        wanted += [[0.16524, 0.04473, -0.00997]]
        np.testing.assert_allclose(found[0].T if axis == 1 else found, wanted, atol=2e-5)
        np.testing.assert_allclose(np.ravel(K.eval(loss)), [2.303886, 0, 0.726085], rtol=1e-5)
    of_target = K.eval(K.gradients(loss, t)[0])
    np.testing.assert_allclose(of_target.ravel()[0], 1.20194, rtol=1e-5)


def test_gradients_of_gradients_for_such_targets():
    x = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    t = torch.tensor(UNUSUAL, dtype=torch.float64)

    def gradient(logits):
        loss = K.categorical_crossentropy(t, logits, from_logits=True).sum()
        return torch.autograd.grad(loss, logits, create_graph=True)[0]

    assert torch.autograd.gradcheck(gradient, x)


def test_axes_that_do_not_exist():
    for function in (K.categorical_crossentropy, K.sparse_categorical_crossentropy):
        with pytest.raises(ValueError, match="Unexpected channels axis 2"):
            function(K.ones((2, 3)), K.ones((2, 3)), axis=2)


# ---- dropout ----


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(level, seed):
    f = K.function([], [K.dropout(K.ones((200, 500)), level, seed=seed)])
    first, second = f([])[0], f([])[0]
    for y in (first, second):
        assert set(np.unique(y)) == {0.0, np.float32(1 / (1 - level))}
        assert abs((y == 0).mean() - level) < 0.01
    assert (first != second).any()


def test_dropout_of_whole_channels():
    x = K.placeholder((None, 4, 50))
    for noise_shape in ((None, 1, 50), (K.shape(x)[0], 1, K.shape(x)[2]), K.shape(x[:, :1])):
        y = K.function([x], [K.dropout(x, 0.5, noise_shape)])([np.ones((20, 4, 50))])[0]
        assert (y == y[:, :1]).all()
        assert 0.4 < (y == 0).mean() < 0.6


def test_the_gradient_passes_what_dropout_kept():
    x = K.variable(np.ones((4, 100)))
    y = K.dropout(x, 0.5)
    kept, gradient = K.function([], [y, *K.gradients(y, x)])([])
    np.testing.assert_array_equal(gradient, kept)


@pytest.mark.parametrize("level", [-0.1, 1.0, 2])
def test_levels_that_make_no_sense(level):
    with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
        K.dropout(K.ones((2,)), level)


def test_a_level_may_be_a_variable():
    level = K.variable(0.9)
    f = K.function([], [K.dropout(K.ones((100, 100)), level)])
    assert abs((f([])[0] == 0).mean() - 0.9) < 0.05
    K.set_value(level, 0.2)
    assert abs((f([])[0] == 0).mean() - 0.2) < 0.05


def test_dropout_keeps_the_order_of_memory():
    x = torch.ones(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    y = K.eager(K.dropout)(x, 0.5)
    assert y.is_contiguous(memory_format=torch.channels_last)
    expanded = K.eager(K.dropout)(torch.ones(1, 500).expand(40, 500), 0.5)
    assert (expanded[0] != expanded[1]).any()


# ---- the rest ----


def test_relu_everywhere():
    x = np.array([-3.0, -1.0, 0.5, 2.0, 7.0], "float32")
    found = K.eval(K.relu(x, alpha=0.5, max_value=5.0, threshold=1.0))
    np.testing.assert_allclose(found, [-2, -1, -0.25, 2, 5])
    found = K.eval(K.relu(x, alpha=K.variable(0.5)))
    np.testing.assert_allclose(found, [-1.5, -0.5, 0.5, 2, 7])


def test_elu_with_a_factor_that_is_learned():
    x, alpha = np.array([-1.0, 2.0], "float32"), K.variable(0.5)
    np.testing.assert_allclose(K.eval(K.elu(x, alpha)), [0.5 * (np.exp(-1) - 1), 2], rtol=1e-6)


def test_statistics_along_another_axis():
    x = RANDOM.randn(2, 3, 4).astype("float32")
    found = K.eval(K.batch_normalization(x, [1.0, 2, 3], [4.0, 9, 16], None, None, axis=1))
    wanted = (x - np.reshape([1, 2, 3], (3, 1))) / np.reshape([2, 3, 4], (3, 1))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_classes_that_tie_at_the_limit_are_in():
    found = K.eval(K.in_top_k([[0.5, 0.5, 0.1], [0.5, 0.5, np.nan]], np.array([1, 2]), 1))
    assert found.tolist() == [True, False]


def test_a_bias_must_fit():
    with pytest.raises(ValueError, match="Unexpected bias dimensions 2, expect to be 1 or 3"):
        K.bias_add(K.ones((2, 3, 4, 5)), K.ones((4, 5)))


@pytest.mark.parametrize(
    "build",
    [
        lambda x: K.categorical_crossentropy(K.ones_like(x), K.softmax(x)),
        lambda x: K.sparse_categorical_crossentropy(K.argmax(x), K.softmax(x)),
        lambda x: K.binary_crossentropy(K.ones_like(x), K.sigmoid(x)),
        lambda x: K.dropout(x, 0.5),
        lambda x: K.normalize_batch_in_training(x, None, None, [0])[0],
        lambda x: K.l2_normalize(x, axis=-1),
        lambda x: K.hard_sigmoid(K.relu(x, 0.1, 2.0)),
        lambda x: K.one_hot(K.argmax(x), 8),
        lambda x: K.pool2d(K.reshape(x, (-1, 4, 2, 1)), (2, 2), (2, 2), "same"),
        lambda x: K.conv1d(K.expand_dims(x), np.ones((2, 1, 1), "float32"), 2, "same"),
        lambda x: K.rnn(lambda t, s: (t + s[0], [t]), K.expand_dims(x), [x[:, :1]])[0],
    ],
)
def test_graphs_compile_without_breaks(build):
    x = K.placeholder((None, 8))
    lowered = lowering.lower([build(x)], [x])
    value = torch.randn(4, 8)
    torch.compiler.reset()
    compiled = torch.compile(lowered.module, fullgraph=True, backend="aot_eager")
    found = compiled(value, *lowered.captured)[0]
    assert found.shape == lowered.run([value])[0].shape


def test_in_top_k_of_rows_that_are_not_finite():
    rows = K.constant([[np.nan, 1, 2], [np.inf, 1, 2], [3, 1, 2]])
    found = K.in_top_k(rows, K.constant([2, 2, 2], dtype="int32"), 2)
    assert K.eval(found).tolist() == [False, False, True]


def test_a_kernel_of_unknown_size_cannot_be_padded_for():
    x, kernel = K.placeholder((None, 8, 3)), K.placeholder((None, 3, 2))
    with pytest.raises(ValueError, match="the sizes of the kernel's window must be known"):
        K.conv1d(x, kernel, padding="same")
