import numpy as np
import pytest

from kforge import backend as K

A = np.arange(12, dtype="float32").reshape(3, 4)


def of_fed(function, shape=(None, 4), value=A):
    """(static shape, value) of a function of a placeholder."""
    x = K.placeholder(shape)
    y = function(x)
    return K.int_shape(y), K.function([x], [y])([value])[0]


def test_axes_that_do_not_exist():
    x = K.ones((2, 3))
    for function in (lambda: K.concatenate([x, x], axis=2), lambda: K.reverse(x, 2)):
        with pytest.raises(ValueError, match="out of range"):
            function()
    assert K.int_shape(K.concatenate([K.placeholder((None, 3)), x], axis=-2)) == (None, 3)


def test_sizes_may_be_tensors():
    shape, value = of_fed(lambda x: K.reshape(x, (K.shape(x)[0] * 2, -1)))
    assert shape == (None, 2) and value.shape == (6, 2)
    shape, value = of_fed(lambda x: K.reshape(K.square(x), K.shape(x)))
    assert shape == (None, 4) and value.shape == (3, 4)
    shape, value = of_fed(lambda x: K.tile(x, [1, K.shape(x)[1]]))
    assert shape == (None, 16) and value.shape == (3, 16)
    shape, value = of_fed(lambda x: K.slice(x, [K.shape(x)[0] - 1, 0], [1, 2]))
    assert shape == (1, 2) and value.tolist() == [[8, 9]]
    shape, value = of_fed(lambda x: K.arange(K.shape(x)[0]))
    assert shape == (None,) and value.tolist() == [0, 1, 2]


def test_reshape_halves_an_unknown_size():
    shape, value = of_fed(lambda x: K.reshape(x, (-1, 8)), (None, 4), np.ones((4, 4)))
    assert shape == (None, 8) and value.shape == (2, 8)


def test_parts_at_places_that_come_from_the_data():
    last = lambda x: K.cast(K.max(x), "int32") - 9  # noqa: E731
    shape, value = of_fed(lambda x: K.slice(x, [0, last(x)], [last(x), 2]))
    assert shape == (None, 2) and value.tolist() == A[:2, 2:].tolist()
    shape, value = of_fed(lambda x: K.slice(x, [last(x), 0], [-1, 2]))
    assert shape == (None, 2) and value.tolist() == A[2:, :2].tolist()


def test_copies_up_to_a_fixed_number():
    shape, value = of_fed(
        lambda x: K.concatenate([x, K.tile(x[:1], [5 - K.shape(x)[0], 1])], axis=0)
    )
    assert shape == (None, 4) and value.tolist() == [*A.tolist(), *A[:1].tolist() * 2]


def test_copies_along_the_last_axes():
    np.testing.assert_array_equal(K.eval(K.tile(A, 2)), np.tile(A, 2))
    np.testing.assert_array_equal(K.eval(K.tile(A, (3, 1))), np.tile(A, (3, 1)))


def test_a_range_may_be_empty():
    assert K.eval(K.arange(K.constant(-1, dtype="int32"))).tolist() == []
    assert K.eval(K.arange(5, K.constant(3, dtype="int32"))).tolist() == []


def test_parts_to_the_end():
    np.testing.assert_array_equal(K.eval(K.slice(A, (1, 2), (-1, 1))), A[1:, 2:3])


def test_one_hot_of_what_is_no_class():
    assert K.eval(K.one_hot(np.array([[1, -1], [2, 0]]), 2)).tolist() == [
        [[0, 1], [0, 0]],
        [[0, 0], [1, 0]],
    ]


@pytest.mark.parametrize("table", [A, A.reshape(3, 2, 2), A[:, 0]])
def test_gather(table):
    rows = np.array([[2, 0, 2]])
    w = K.variable(table)
    found, gradient = K.function([], [K.gather(w, rows), *K.gradients(K.gather(w, rows), w)])([])
    np.testing.assert_array_equal(found, table[rows])
    np.testing.assert_array_equal(gradient.reshape(3, -1)[:, 0], [1, 0, 2])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_images_of_unknown_size(data_format, interpolation):
    image = np.random.RandomState(0).rand(1, 3, 3, 3).astype("float32")
    shape = (None, None, None, 3) if data_format == "channels_last" else (None, 3, None, None)

    def resize(x):
        return K.resize_images(x, 2, 3, data_format, interpolation)

    static, value = of_fed(resize, shape, image)
    assert static == shape
    np.testing.assert_allclose(value, K.eval(resize(image)), rtol=1e-6)


def test_tensorflow_1_interpolates_from_the_corner():
    found = K.eval(K.resize_images(np.array([[[[0.0], [1.0]]]]), 1, 4, "channels_last", "bilinear"))
    assert found.ravel().tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]


def test_what_cannot_be_done():
    x = K.placeholder((None, 4))
    with pytest.raises(ValueError, match=r"Cannot squeeze axis 1 .*\(None, 4\)"):
        K.squeeze(x, 1)
    with pytest.raises(ValueError, match="takes a tensor with 2 axes"):
        K.repeat(K.ones((1, 2, 3)), 2)
    with pytest.raises(ValueError, match="more than 2 numbers"):
        K.tile(x, (2, 1, 1))
    with pytest.raises(ValueError, match="one number for each of 2 axes"):
        K.slice(x, [0, 0, 0], [1, 1])
    with pytest.raises(ValueError, match="pairs"):
        K.spatial_2d_padding(K.ones((1, 2, 2, 1)), (1, 1))
    with pytest.raises(ValueError, match="interpolation"):
        K.resize_images(K.ones((1, 2, 2, 1)), 2, 2, "channels_last", "cubic")
    with pytest.raises(ValueError, match=r"cannot be applied to shapes \[\(None, 4\)"):
        K.concatenate([x, K.ones((2, 3, 4))])


def test_sizes_that_data_decide():
    counts = K.placeholder((None,), dtype="int32")
    drawn = K.random_uniform((K.max(counts), 2), 5.0, 6.0)
    assert K.int_shape(drawn) == (None, 2)
    assert K.function([counts], [drawn])([np.array([1, 4, 2])])[0].shape == (4, 2)


def test_squeezing_an_axis_of_unknown_size():
    x = K.placeholder((None, None, 4))
    squeezed = K.squeeze(x, 1)
    assert K.int_shape(squeezed) == (None, 4)
    run = K.function([x], [squeezed])
    np.testing.assert_array_equal(run([A[:, None]])[0], A)
    with pytest.raises(ValueError, match=r"Cannot squeeze axis 1 .*\(3, 2, 4\)"):
        run([np.ones((3, 2, 4))])


def test_an_empty_batch_of_axes():
    assert K.eval(K.batch_flatten(A[:, 0])).shape == (3, 1)
    assert K.eval(K.squeeze(A[:, None], 1)).shape == (3, 4)
    np.testing.assert_array_equal(K.eval(K.reverse(A, (0, 1))), A[::-1, ::-1])


@pytest.mark.parametrize(
    "target, static", [((7, 6), (7, 6)), ((7, -1), (7, None)), ((-1, 5, 1), (None, 5, 1))]
)
def test_reshape_where_only_running_tells_whether_it_fits(target, static):
    x = K.placeholder((None, 3))
    y = K.reshape(x, target)
    assert K.int_shape(y) == static
    value = np.random.rand(70 if 5 in target else 14, 3).astype("float32")
    np.testing.assert_array_equal(K.function([x], [y])([value])[0], value.reshape(target))
    grad = K.function([x], K.gradients(K.sum(y * y), x))([value])[0]
    np.testing.assert_allclose(grad, 2 * value, rtol=1e-6)
