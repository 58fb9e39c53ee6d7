"""K as a whole: results and gradients of Keras 2.3.1, on every kind of argument."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.devices import current_device
from tests import golden


@golden.cases("functions_backend_math")
def test_math_as_keras(case, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # as the recorded programs were told
    golden.check(case)


@golden.cases("functions_backend_nn")
def test_nn_as_keras(case):
    golden.check(case)


FUNCTIONS = {
    "abs": K.abs,
    "batch_dot": lambda x: K.batch_dot(x, x, axes=1),
    "categorical_crossentropy": lambda x: K.categorical_crossentropy(K.softmax(x), x, True),
    "clip": lambda x: K.clip(x, -0.5, 0.5),
    "concatenate": lambda x: K.concatenate([x, x], axis=1),
    "conv1d": lambda x: K.conv1d(K.expand_dims(x), np.ones((3, 1, 2), "float32"), padding="same"),
    "cumsum": lambda x: K.cumsum(x, axis=1),
    "dot": lambda x: K.dot(x, np.ones((4, 2), "float32")),
    "gather": lambda x: K.gather(x, np.array([1, 0])),
    "greater": lambda x: K.greater(x, 0),
    "map_fn": lambda x: K.map_fn(K.sum, x),
    "max": lambda x: K.max(x, axis=-1),
    "maximum": lambda x: K.maximum(x, 0.1),
    "mean": lambda x: K.mean(x, axis=0, keepdims=True),
    "one_hot": lambda x: K.one_hot(K.argmax(x), 4),
    "reshape": lambda x: K.reshape(x, (-1, 2)),
    "resize_images": lambda x: K.resize_images(
        K.reshape(x, (-1, 2, 2, 1)), 2, 2, "channels_last", "bilinear"
    ),
    "rnn": lambda x: K.rnn(lambda t, s: (t + s[0], [t + s[0]]), K.expand_dims(x), [x[:, :1]])[1],
    "shape": K.shape,
    "slice": lambda x: K.slice(x, [0, 1], [-1, 2]),
    "stack": lambda x: K.stack([x, x]),
    "std": K.std,
    "switch": lambda x: K.switch(K.greater(x, 0), x, K.zeros_like(x)),
    "temporal_padding": lambda x: K.temporal_padding(K.expand_dims(x)),
    "tile": lambda x: K.tile(x, [1, 2]),
}
X = np.random.RandomState(0).randn(3, 4).astype("float32")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_result_for_every_kind_of_argument(name):
    function = FUNCTIONS[name]
    wanted = K.eval(function(K.constant(X)))
    x = K.placeholder((None, 4))
    found = {
        "array": K.eval(function(X)),
        "variable": K.eval(function(K.variable(X))),
        "fed": K.function([x], [function(x)])([X])[0],
        "eager": K.eager(function)(torch.tensor(X, device=current_device())).cpu().numpy(),
        "eager variable": K.eager(function)(K.variable(X)).detach().cpu().numpy(),
    }
    for kind, value in found.items():
        np.testing.assert_allclose(value, wanted, atol=1e-6, err_msg=kind)
        assert value.dtype == wanted.dtype, kind
    static = K.int_shape(function(x))
    assert all(a in (None, b) for a, b in zip(static, wanted.shape)), static


@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_tensors_outside_a_graph(name):
    found = FUNCTIONS[name](torch.tensor(X))
    np.testing.assert_allclose(K.eval(found), K.eval(FUNCTIONS[name](X)), atol=1e-6)
