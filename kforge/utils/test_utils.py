"""Helpers to test layers with."""

import functools

import numpy as np
from numpy.testing import assert_allclose

from .. import backend as K
from ..engine import Input, Model
from ..registry import has_arg

__all__ = ["get_test_data", "keras_test", "layer_test"]


def keras_test(func):
    """`func`, a test, as one that leaves the graph and its names as in a new program.

    A decorator of Keras 2.0 to 2.2.
    """

    @functools.wraps(func)
    def test(*args, **kwargs):
        try:
            return func(*args, **kwargs)
        finally:
            K.clear_session()

    return test


def get_test_data(
    num_train=1000,
    num_test=500,
    input_shape=(10,),
    output_shape=(2,),
    classification=True,
    num_classes=2,
):
    """``(x_train, y_train), (x_test, y_test)`` that a model can learn from, drawn with NumPy.

    The values of x scatter around the class in y, (n,), or with `classification` false around a
    number around which those of y, (n, *output_shape), scatter too.
    """
    samples = num_train + num_test
    if classification:
        center, output_shape = np.random.randint(0, num_classes, samples), (0,)
    else:
        center = np.random.random(samples)
    inputs, outputs = (int(np.prod(shape)) for shape in (input_shape, output_shape))
    drawn = np.random.normal(center[:, None], 0.7, (samples, inputs + outputs)).astype("float32")
    x = drawn[:, :inputs].reshape(samples, *input_shape)
    y = center if classification else drawn[:, inputs:].reshape(samples, *output_shape)
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def layer_test(
    layer_cls,
    kwargs={},  # noqa: B006 (Keras's signature; not changed)
    input_shape=None,
    input_dtype=None,
    input_data=None,
    expected_output=None,
    expected_output_dtype=None,
    fixed_batch_size=False,
):
    """Checks that a layer of one input and one output keeps its word; gives its output.

    It is built from `kwargs`, applied to `input_data` (random if only `input_shape` is given),
    copied through its config with its weights, and trained on one batch if it knows `training`.
    What is wrong raises `AssertionError`.
    """
    input_data, input_shape, input_dtype = _input(input_data, input_shape, input_dtype)
    layer = layer_cls(**kwargs)
    layer.set_weights(layer.get_weights())
    expected_shape = layer.compute_output_shape(input_shape)

    size = {"batch_shape": input_shape} if fixed_batch_size else {"shape": input_shape[1:]}
    x = Input(dtype=input_dtype, **size)
    y = layer(x)
    wanted_dtype = expected_output_dtype or input_dtype
    assert K.dtype(y) == wanted_dtype, f"{layer.name} gives {K.dtype(y)}, not {wanted_dtype}"

    model = Model(x, y)
    output = model.predict(input_data)
    shapes = f"{layer.name} gives shape {output.shape}, but promised {expected_shape}"
    for promised, actual in zip(expected_shape, output.shape, strict=True):
        assert promised in (None, actual), shapes
    if expected_output is not None:
        assert_allclose(output, expected_output, rtol=1e-3)

    copied = type(model).from_config(model.get_config())
    if model.weights:
        copied.set_weights(model.get_weights())
        assert_allclose(copied.predict(input_data), output, rtol=1e-3)

    if has_arg(layer.call, "training"):
        model.compile("rmsprop", "mse")
        model.train_on_batch(input_data, output)

    type(layer).from_config({**layer.get_config(), "batch_input_shape": input_shape})
    return output


def _input(data, shape, dtype):
    """Data, shape and type, those that are not given from the others."""
    if data is not None:
        return data, shape or data.shape, dtype or str(data.dtype)
    assert shape, "`layer_test` needs `input_shape` or `input_data`."
    dtype = dtype or K.floatx()
    sizes = [np.random.randint(1, 4) if size is None else size for size in shape]
    return (10 * np.random.random(sizes)).astype(dtype), shape, dtype
