"""Activation functions: values and gradients of Keras 2.3.1, and names."""

import numpy as np
import pytest
import torch

from kforge import activations, symbolic
from kforge.registry import CustomObjectScope
from tests import golden

NAMES = (
    "elu|selu|softplus|softsign|relu|tanh|sigmoid|hard_sigmoid|linear|exponential"
    "|softmax_.*|relu_.*|elu_alpha|lookup"
)


@golden.cases("functions_activations", NAMES)
def test_as_keras(case):
    golden.check(case)


def test_extras():
    x = np.array([-2.0, 0.0, 3.0], "float32")
    swish = activations.swish(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(swish, x / (1 + np.exp(-x)), rtol=1e-6)
    gelu = activations.gelu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(gelu, [-0.0455003, 0.0, 2.9959502], rtol=1e-5)
    assert activations.get("silu") is activations.swish


def test_softmax_of_one_axis():
    with pytest.raises(ValueError, match="Cannot apply softmax to a tensor that is 1D"):
        activations.softmax(symbolic.placeholder((4,), torch.float32, "x"))


def test_softmax_of_two_axes_is_along_the_last():
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    for axis in (0, 1, -1):
        torch.testing.assert_close(activations.softmax(x, axis=axis), torch.softmax(x, -1))
    torch.testing.assert_close(activations.softmax(x[None], axis=1), torch.softmax(x[None], 1))


def test_get():
    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu
    assert activations.get(torch.tanh) is torch.tanh
    with pytest.raises(ValueError, match="Unknown activation function: rellu"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Could not interpret activation function identifier: 3"):
        activations.get(3)


def test_custom_objects():
    def twice(x):
        return 2.0 * x

    with CustomObjectScope({"twice": twice}):
        assert activations.get("twice") is twice
    assert activations.deserialize("twice", custom_objects={"twice": twice}) is twice
    assert activations.serialize(twice) == "twice"


def test_a_layer_is_no_activation():
    module = torch.nn.ReLU()
    with pytest.warns(UserWarning, match="Do not pass a layer"):
        assert activations.get(module) is module
