"""Layers, and small models of them, against Keras 2.3.1: outputs, gradients, statistics."""

import pytest

from tests import golden, golden_models

FILES = "core conv space merge norm composite".split()


@pytest.mark.parametrize(
    "case", [c for f in FILES for c in golden.load(f"models_{f}").values()], ids=repr
)
def test_model(case):
    golden_models.check(case)


# Texts of layers: configs, and errors of their constructors and calls.
@golden.cases(
    "text", "config_.*|error_(layer|dense|flatten|merge|concatenate|dot|padding|kernel).*"
)
def test_text(case):
    golden.check(case)


@golden.cases("text", "error_(causal|conv|data_format|strides|masked|embedding|unknown_arg).*")
def test_error(case):
    golden.check(case)
