"""Helpers around layers."""

import numpy as np
import pytest

from kforge import utils
from kforge.layers import Conv2D, Dense, Flatten, Input, add
from kforge.models import Model, Sequential
from kforge.utils import layer_utils


def test_kernels_are_flipped_and_back():
    model = Sequential(
        [
            Conv2D(2, (2, 3), input_shape=(5, 5, 1)),
            Conv2D(1, 2, use_bias=False),
            Flatten(),
            Dense(1),
        ]
    )
    before = model.get_weights()
    utils.convert_all_kernels_in_model(model)
    after = model.get_weights()
    for i, weight in enumerate(before):
        kernel = weight.ndim == 4
        np.testing.assert_array_equal(after[i], weight[::-1, ::-1] if kernel else weight)
    utils.convert_all_kernels_in_model(model)
    for weight, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)


@pytest.mark.parametrize("use_bias", [True, False])
def test_dense_weights_follow_the_data_format(use_bias):
    features = np.random.RandomState(0).rand(5, 2, 3, 4).astype("float32")  # channels last
    first = features.transpose(0, 3, 1, 2)
    dense = Dense(6, use_bias=use_bias, input_shape=(24,))
    model = Sequential([dense])
    want = model.predict(features.reshape(5, 24))
    layer_utils.convert_dense_weights_data_format(dense, (4, 2, 3), "channels_first")
    np.testing.assert_allclose(model.predict(first.reshape(5, 24)), want, rtol=1e-5, atol=1e-6)
    layer_utils.convert_dense_weights_data_format(dense, (2, 3, 4), "channels_last")
    np.testing.assert_allclose(model.predict(features.reshape(5, 24)), want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="`target_data_format` must be one of"):
        layer_utils.convert_dense_weights_data_format(dense, (2, 3, 4), "last")


def test_source_inputs():
    a, b, c = (Input((3,)) for _ in range(3))
    shared = Dense(3)
    out = add([add([shared(b), a]), shared(b), shared(c)])
    assert [id(x) for x in utils.get_source_inputs(out)] == [id(b), id(a), id(c)]
    assert utils.get_source_inputs(a) == [a]
    assert utils.get_source_inputs(3) == 3
    x = a
    for _ in range(1500):
        x = add([x, x])
    assert utils.get_source_inputs(x) == [a]


def test_count_params_and_summary(capsys):
    model = Model(*(lambda x: (x, Dense(3)(x)))(Input((4,))))
    assert (
        layer_utils.count_params(model.weights) == layer_utils.count_params(model.weights * 2) == 15
    )
    utils.print_summary(model)
    printed = capsys.readouterr().out
    model.summary()
    assert printed == capsys.readouterr().out and "Total params: 15" in printed


def test_names_of_the_package():
    assert set(utils.__all__) <= set(dir(utils))
    assert utils.losses_utils.Reduction.SUM == "sum"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = utils.nothing
