"""Penalties: values, gradients and configs of Keras 2.3.1, and names."""

import pytest
import torch

from kforge import regularizers
from tests import golden


@golden.cases("functions_activations", "regularizer_.*")
def test_as_keras(case):
    golden.check(case)


def test_names():
    assert regularizers.get(None) is None
    assert regularizers.l2(0.5).l2.dtype == "float32"  # scripts zero it by an array of its dtype
    assert regularizers.get("l1").get_config() == pytest.approx({"l1": 0.01, "l2": 0.0})
    assert regularizers.get("l1_l2").get_config() == pytest.approx({"l1": 0.01, "l2": 0.01})
    with pytest.raises(ValueError, match="Unknown regularizer: l3"):
        regularizers.get("l3")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, {"l1": 0.5, "l2": 0.25}),
        ({"class_name": "L2", "config": {"l2": 0.5}}, {"l1": 0.0, "l2": 0.5}),  # tf.keras
        ({"class_name": "L1", "config": {"l1": 0.5}}, {"l1": 0.5, "l2": 0.0}),
    ],
)
def test_configs(config, expected):
    assert regularizers.get(config).get_config() == expected


def test_custom():
    class Largest(regularizers.Regularizer):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, x):
            return self.rate * x.abs().max()

        def get_config(self):
            return {"rate": self.rate}

    config = regularizers.serialize(Largest(0.5))
    again = regularizers.deserialize(config, custom_objects={"Largest": Largest})
    assert again(torch.tensor([1.0, -4.0])) == 2.0
