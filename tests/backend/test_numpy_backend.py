"""`numpy_backend`: K on arrays gives arrays, which other tests take as their reference."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from kforge import backend as K
from kforge.backend import numpy_backend as KNP


def test_results_are_arrays():
    x = np.arange(6.0).reshape(2, 3)
    for got in (KNP.variable(x), KNP.square(x), KNP.one_hot(np.arange(2), 3), KNP.zeros((2, 3))):
        assert type(got) is np.ndarray and got.shape == (2, 3)
    assert_array_equal(KNP.square(x), x**2)
    assert_array_equal(KNP.eval(KNP.any(x > 4, axis=1)), [False, True])
    assert KNP.int_shape(x) == (2, 3) and KNP.ndim(x) == 2


def test_tensors_stay_tensors():
    x = K.placeholder((2, 3))
    assert K.int_shape(KNP.dot(x, np.ones((3, 4)))) == (2, 4)


def test_dtype_is_that_of_the_array():
    assert KNP.dtype(np.zeros(2)) == "float64"
    assert KNP.dtype(KNP.arange(3, dtype="int64")) == "int64"
    assert KNP.dtype(K.placeholder((2,))) == "float32"


def test_rnn_takes_a_step_of_this_module():
    x, w = np.random.RandomState(0).rand(2, 4, 3), np.eye(3) * 0.5

    def step(inputs, states):
        y = KNP.dot(inputs, w) + states[0] + states[1]
        return y, [y]

    last, outputs, states = KNP.rnn(step, x, [np.zeros((2, 3))], constants=[np.ones((2, 3))])
    expected = np.cumsum(x * 0.5 + 1, axis=1)
    assert type(outputs) is np.ndarray
    assert_allclose(outputs, expected, rtol=1e-5)
    assert_allclose(last, expected[:, -1], rtol=1e-5)
    assert_allclose(states[0], last)


def test_names_without_a_rank_take_that_of_the_input():
    random = np.random.RandomState(1)
    x, kernel, mix = random.rand(1, 6, 2), random.rand(3, 2, 1), random.rand(1, 2, 5)
    got = KNP.separable_conv(x, kernel, mix, padding="valid", data_format="channels_last")
    windows = np.stack([x[:, i : i + 3] for i in range(4)], axis=1)
    assert_allclose(got, np.einsum("ntwc,wc,cf->ntf", windows, kernel[..., 0], mix[0]), rtol=1e-5)
    with pytest.raises(ValueError, match="no pool of an input of rank 2"):
        KNP.pool(np.ones((2, 2)), (2, 2))
