"""Projections of weights: values and configs of Keras 2.3.1, and names."""

import pytest
import torch

from kforge import constraints
from tests import golden


@golden.cases("functions_activations", ".*_norm_.*|non_neg_.*|constraint_config")
def test_as_keras(case):
    golden.check(case)


def test_rate_goes_part_of_the_way():
    w = torch.tensor([[3.0], [4.0]])
    half = constraints.MinMaxNorm(0.0, 1.0, rate=0.5)(w)
    assert half.norm().item() == pytest.approx(3.0)


def test_names():
    assert constraints.get(None) is None
    assert constraints.max_norm is constraints.MaxNorm
    function = lambda w: w  # noqa: E731 - what a user passes
    assert constraints.get(function) is function
    with pytest.raises(ValueError, match="Unknown constraint: maxnrm"):
        constraints.get("maxnrm")


def test_config_of_a_subclass_is_that_of_its_base():
    class Softer(constraints.MaxNorm):
        def __init__(self, softness, **kwargs):
            super().__init__(**kwargs)
            self.softness = softness

    assert Softer(0.1, max_value=3).get_config() == {"max_value": 3, "axis": 0}
