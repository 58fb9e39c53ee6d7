"""Dtypes of symbolic tensors: torch's, and where kforge stands for Keras, TensorFlow's as well."""

import pickle

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge.dtypes import DType, torch_dtype
from kforge.layers import Dense, Input
from kforge.models import Model, Sequential


@pytest.fixture
def as_keras():
    kforge.install()
    yield
    kforge.uninstall()


def test_dtypes_are_torchs():
    assert K.placeholder((2,)).dtype is torch.float32
    assert K.variable([1], dtype="int32").dtype is torch.int32


def test_dtypes_where_kforge_stands_for_keras(as_keras):
    x, w = Input((3,)), K.variable(np.ones((3, 2)), dtype="float64")
    assert (x.dtype.name, x.dtype.base_dtype.name, w.dtype.name) == (
        "float32",
        "float32",
        "float64",
    )
    assert Dense(2)(x).dtype is x.dtype
    assert repr(x.dtype) == "tf.float32" and str(w.dtype) == "<dtype: 'float64'>"


@pytest.mark.parametrize("same", ["float32", torch.float32, np.float32, np.dtype("float32")])
def test_equal_dtypes(same):
    dtype = DType.of(torch.float32)
    assert dtype == same and same == dtype and dtype in ("int32", same)
    assert dtype != "float64" and dtype != torch.int32 and dtype != "no type" and dtype != 3
    assert {torch.float32: 1}[dtype] == 1 and torch_dtype(dtype) is torch.float32
    assert pickle.loads(pickle.dumps(dtype)) is dtype


@pytest.mark.parametrize(
    "name, flags, size, limits",
    [
        ("float32", "is_floating", 4, np.finfo("float32")),
        ("float16", "is_floating", 2, np.finfo("float16")),
        ("int64", "is_integer", 8, np.iinfo("int64")),
        ("uint8", "is_integer is_unsigned", 1, np.iinfo("uint8")),
    ],
)
def test_what_a_dtype_answers(name, flags, size, limits):
    dtype = DType.of(getattr(torch, name))
    known = ("is_floating", "is_integer", "is_unsigned", "is_bool", "is_complex")
    assert [f for f in known if getattr(dtype, f)] == flags.split()
    assert (dtype.size, dtype.as_numpy_dtype) == (size, getattr(np, name))
    assert dtype.limits == (dtype.min, dtype.max) == (limits.min, limits.max)
    assert dtype.is_compatible_with(name) and not dtype.is_compatible_with("bool")


def test_dtypes_of_flags_and_of_complex_numbers():
    flag, number = DType.of(torch.bool), DType.of(torch.complex64)
    assert flag.is_bool and not flag.is_integer and flag.limits == (False, True)
    assert number.is_complex and number.real_dtype.name == "float32"
    assert flag.real_dtype is flag
    assert not hasattr(flag, "no_such_attribute")


def test_a_loss_in_the_manner_of_keras_backend(as_keras):
    import tensorflow as tf

    def loss(y_true, y_pred):
        small = tf.convert_to_tensor(K.epsilon(), y_pred.dtype.base_dtype)
        y_pred = tf.clip_by_value(y_pred, small, 1 - small)
        ones = tf.ones_like(y_true, dtype=y_pred.dtype)
        return -K.mean(K.cast(y_true, y_pred.dtype) * tf.math.log(y_pred) * ones, axis=-1)

    x = Input((3,))
    model = Model(x, Dense(2, activation="sigmoid")(x))
    model.compile("sgd", loss)
    a, y = np.ones((4, 3)), np.ones((4, 2))
    expected = -np.log(model.predict(a)).mean()
    assert model.train_on_batch(a, y) == pytest.approx(expected, rel=1e-5)


def test_dtypes_go_where_names_go(as_keras):
    import tensorflow as tf

    x = K.placeholder((2, 3), dtype=tf.int32)
    assert K.dtype(x) == "int32" and x.dtype == tf.int32 and x.dtype is tf.as_dtype("int32")
    assert K.dtype(K.cast(x, tf.float64)) == K.dtype(K.zeros((2,), dtype=tf.float64)) == "float64"
    assert K.dtype(K.one_hot(x, 4)) == "float32"
    assert np.zeros(2, tf.float16.as_numpy_dtype).dtype == "float16"
    with K.name_scope("some"):
        assert Dense(2, dtype=x.dtype).dtype == "int32"
    np.testing.assert_array_equal(K.eval(K.variable([1, 2], dtype=x.dtype) * 2), [2, 4])


def test_bfloat16_is_float32_where_numpy_takes_over(request):
    request.addfinalizer(lambda: K.set_floatx("float32"))
    K.set_floatx("bfloat16")
    model = Sequential([Dense(2, activation="softmax", kernel_regularizer="l2", input_shape=(3,))])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    x, y = np.ones((5, 3)), np.eye(2)[[0, 1, 0, 1, 0]]
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    assert model.output.dtype is torch.bfloat16
    found = [model.predict(x), model.predict(x, batch_size=2), model.predict_on_batch(x)]
    arrays = [*found, *model.get_weights(), K.cast_to_floatx(1)]
    assert {a.dtype.name for a in arrays} == {"float32"}
