"""The helpers that users test their layers with."""

import numpy as np
import pytest

from kforge import backend as K
from kforge.layers import Dense, Dropout, Embedding, Layer
from kforge.utils.test_utils import get_test_data, keras_test, layer_test


@pytest.mark.parametrize("shape", [(10,), (3, 2)])
def test_data_to_classify(shape):
    np.random.seed(1)
    (x, y), (x_test, y_test) = get_test_data(20, 5, input_shape=shape, num_classes=3)
    assert x.shape == (20, *shape) and x_test.shape == (5, *shape) and x.dtype == "float32"
    np.random.seed(1)
    classes = np.random.randint(0, 3, 25)
    np.testing.assert_array_equal([*y, *y_test], classes)
    for number, drawn in zip(classes, [*x, *x_test], strict=True):  # as one draw a sample
        want = np.random.normal(number, 0.7, shape)
        np.testing.assert_array_equal(drawn, want.astype("float32"))


def test_data_to_regress():
    np.random.seed(1)
    (x, y), _ = get_test_data(4, 0, (3,), (2, 2), classification=False)
    assert x.shape == (4, 3) and y.shape == (4, 2, 2) and y.dtype == "float32"
    np.random.seed(1)
    centers = np.random.random(4)
    for i, center in enumerate(centers):
        for drawn in (x[i], y[i]):
            want = np.random.normal(center, 0.7, drawn.shape)
            np.testing.assert_array_equal(drawn, want.astype("float32"))


def test_layers_that_keep_their_word():
    out = layer_test(Dense, {"units": 3, "activation": "relu"}, input_shape=(2, 4))
    assert out.shape == (2, 3) and out.min() >= 0
    layer_test(Dropout, {"rate": 0.5}, input_shape=(None, 4))
    layer_test(Dense, {"units": 3}, input_shape=(2, 4), fixed_batch_size=True)
    ids = np.array([[0, 1], [1, 0]])
    arguments = {"input_dim": 2, "output_dim": 3}
    layer_test(Embedding, arguments, input_data=ids, expected_output_dtype="float32")
    ones = np.ones((2, 3), "float32")
    layer_test(Dropout, {"rate": 0.5}, input_data=ones, expected_output=ones)


class Wrong(Layer):
    def call(self, inputs):
        return K.concatenate([inputs, inputs])

    def compute_output_shape(self, input_shape):
        return input_shape


def test_layers_that_do_not():
    with pytest.raises(AssertionError, match="promised"):
        layer_test(Wrong, input_shape=(2, 4))
    with pytest.raises(AssertionError, match="not int32"):
        layer_test(Dense, {"units": 3}, input_shape=(2, 4), expected_output_dtype="int32")
    with pytest.raises(AssertionError):
        layer_test(Dropout, {"rate": 0.5}, input_data=np.ones((2, 3)), expected_output=0)
    with pytest.raises(AssertionError, match="needs `input_shape` or `input_data`"):
        layer_test(Dense, {"units": 3})


def test_tests_that_leave_no_names_behind():
    @keras_test
    def names(number, fails=False):
        made = [Dense(1).name for _ in range(number)]
        assert not fails
        return made

    K.clear_session()
    with pytest.raises(AssertionError):
        names(2, fails=True)
    assert names(2) == names(number=2) == ["dense_1", "dense_2"]
    assert names.__name__ == "names"
