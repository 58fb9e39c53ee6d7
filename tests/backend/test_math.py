import numpy as np
import pytest

from kforge import backend as K

RANDOM = np.random.RandomState(0)


def test_integers_stay_integers():
    x = np.array([[1, 2], [4, 4]], "int32")
    for function in (K.sum, K.prod, K.max, K.cumsum, K.mean):
        assert K.dtype(function(x)) == "int32"
    assert K.eval(K.mean(x)) == 2 and K.eval(K.prod(x)) == 32
    assert K.eval(K.mean(x > 1)) == 0.75


def test_the_variance_of_integers_is_an_integer():
    found = K.var(np.array([[1, 2], [3, 7]], "int32"), axis=0)
    assert K.dtype(found) == "int32" and K.eval(found).tolist() == [1, 6]


@pytest.mark.parametrize("axis", [(1, 2), [1, 2], np.arange(1, 3), (-1, -2)])
def test_several_axes(axis):
    x = RANDOM.rand(2, 3, 4).astype("float32")
    names = ("sum", "mean", "max", "min", "prod", "std", "var")
    for name in names:
        wanted = getattr(np, name)(x, axis=(1, 2))
        np.testing.assert_allclose(K.eval(getattr(K, name)(x, axis)), wanted, rtol=1e-5)


def test_square_roots_of_negative_numbers_are_zero():
    np.testing.assert_array_equal(K.eval(K.sqrt([-1.0, 4.0])), [0, 2])


def test_limits_may_be_tensors():
    x, low = np.array([-2.0, 0.5, 2.0], "float32"), K.variable([-1.0, 1.0, 0.0])
    np.testing.assert_array_equal(K.eval(K.clip(x, low, 1.0)), [-1, 1, 1])
    np.testing.assert_array_equal(K.eval(K.clip(x, None, 1)), [-2, 0.5, 1])
    np.testing.assert_array_equal(K.eval(K.clip(x, None, None)), x)


@pytest.mark.parametrize("function, winner", [(K.maximum, 5.0), (K.minimum, 1.0)])
def test_the_first_of_equals_has_the_gradient(function, winner):
    x, y = K.variable([1.0, 2.0]), K.variable([5.0, 2.0])
    z = function(x, y)
    assert K.eval(z)[0] == winner
    x_share, y_share = K.function([], K.gradients(z, [x, y]))([])
    assert (x_share[1], y_share[1]) == (1, 0)
    assert x_share[0] + y_share[0] == 1


@pytest.mark.parametrize("x, y", [((2, 3), (3, 4)), ((2, 5, 3), (3, 4)), ((2, 3), (5, 3, 4))])
def test_dot(x, y):
    x, y = RANDOM.randn(*x).astype("float32"), RANDOM.randn(*y).astype("float32")
    np.testing.assert_allclose(K.eval(K.dot(x, y)), np.dot(x, y), rtol=1e-5)


def test_batch_dot_of_batches_of_unknown_size():
    x, y = K.placeholder((None, 2, 3)), K.placeholder((None, 5, 3))
    z = K.batch_dot(x, y, axes=[2, 2])
    assert K.int_shape(z) == (None, 2, 5)
    a, b = RANDOM.randn(4, 2, 3).astype("float32"), RANDOM.randn(4, 5, 3).astype("float32")
    np.testing.assert_allclose(
        K.function([x, y], [z])([a, b])[0], a @ b.transpose(0, 2, 1), rtol=1e-5, atol=1e-6
    )
    assert K.int_shape(K.batch_dot(x, y, axes=-1)) == (None, 2, 5)


def test_batch_dot_learns_an_unknown_size_from_the_other_tensor():
    x, y = K.placeholder((None, 2, 3)), K.placeholder((2, None, None))
    joined = K.concatenate([y, y], axis=1)
    z = K.batch_dot(x, joined)
    assert K.int_shape(z) == (2, 2, None)
    a, b = np.ones((2, 2, 6), "float32"), RANDOM.randn(2, 3, 5).astype("float32")
    f = K.function([x, y], [K.batch_dot(K.concatenate([x, x]), joined)])
    np.testing.assert_allclose(
        f([a[..., :3], b])[0], a @ np.concatenate([b, b], 1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "x, y, axes, message",
    [
        ((3,), (3, 2), None, "rank < 2"),
        ((2, 3), (2, 3), [[1], 1], "Multiple target dimensions"),
        ((2, 3), (2, 3), 0, "axis 0"),
        ((2, 3), (4, 3), 1, "different batch sizes"),
        ((2, 3), (2, 4), 1, "different sizes along axes"),
    ],
)
def test_batch_dot_refuses(x, y, axes, message):
    with pytest.raises(ValueError, match=message):
        K.batch_dot(K.ones(x), K.ones(y), axes)


@pytest.mark.parametrize(
    "x, y, static",
    [
        ((None, 3), (None, 4), (None, 4)),
        ((None, None), (3, 4), (None, 4)),
        ((2, None, 3), (5, None, 4), (2, None, 5, 4)),
        ((None, None), (None, None), (None, None)),
    ],
)
def test_dot_where_a_size_is_not_known(x, y, static):
    a, b = K.placeholder(x), K.placeholder(y)
    product = K.dot(a, b)
    assert K.int_shape(product) == static
    sizes = [[3 if n is None else n for n in shape] for shape in (x, y)]
    values = [np.random.rand(*size).astype("float32") for size in sizes]
    found = K.function([a, b], [product])(values)[0]
    np.testing.assert_allclose(found, np.dot(*values), rtol=1e-5)


def test_batch_dot_where_sizes_are_not_known():
    weights, sequence = K.placeholder((None, None, 3)), K.placeholder((None, None, 4))
    context = K.batch_dot(weights, sequence, axes=(2, 1))
    assert K.int_shape(context) == (None, None, 4)
    w, s = np.random.rand(2, 5, 3).astype("float32"), np.random.rand(2, 3, 4).astype("float32")
    np.testing.assert_allclose(K.function([weights, sequence], [context])([w, s])[0], w @ s, 1e-5)
    with pytest.raises(ValueError, match="there are no such axes"):
        K.batch_dot(weights, sequence, axes=(3, 1))


@pytest.mark.parametrize("find, expected", [(K.argmax, [1, 0, 1]), (K.argmin, [0, 1, 0])])
def test_extremes_along_no_axis_are_those_along_the_first(find, expected):
    x = K.constant([[1.0, 4.0, 0.0], [3.0, 2.0, 9.0]])
    np.testing.assert_array_equal(K.eval(find(x, axis=None)), expected)
