"""Arithmetic of convolutions, against Keras's and against torch's own."""

import json
import types
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kforge import utils
from kforge.utils import conv_utils

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "functions_activations.json"


def test_lengths_are_those_of_keras():
    cases = {case["id"]: case for case in json.loads(GOLDEN.read_text())["cases"]}
    out = {}
    exec(cases["conv_lengths"]["code"], {"keras": types.SimpleNamespace(utils=utils), "out": out})
    assert json.loads(json.dumps(out)) == cases["conv_lengths"]["out"]


@pytest.mark.parametrize(
    "length, size, stride, dilation", list(product((7, 8), (2, 3), (1, 2), (1, 2)))
)
def test_lengths_are_those_of_torch(length, size, stride, dilation):
    x, w = torch.zeros(1, 1, length), torch.zeros(1, 1, size)
    valid = F.conv1d(x, w, stride=stride, dilation=dilation).shape[-1]
    assert conv_utils.conv_output_length(length, size, "valid", stride, dilation) == valid
    back = F.conv_transpose1d(x, w, stride=stride, dilation=dilation).shape[-1]
    assert conv_utils.deconv_length(length, stride, size, "valid", 0, dilation) == back
    if dilation == 1:
        assert conv_utils.conv_input_length(valid, size, "valid", stride) in (length, length - 1)


def test_unknown_lengths_stay_unknown():
    assert conv_utils.conv_output_length(None, 3, "same", 1) is None
    assert conv_utils.conv_input_length(None, 3, "same", 1) is None
    assert conv_utils.deconv_length(None, 1, 3, "same", None) is None
    with pytest.raises(AssertionError, match="Invalid padding: 'half'"):
        conv_utils.conv_output_length(5, 3, "half", 1)


@pytest.mark.parametrize("value", [(1, 2, 3), 2.5, "ab", (1, None)])
def test_normalize_tuple_refuses(value):
    with pytest.raises(ValueError, match="The `strides` argument must be a tuple of 2 integers"):
        conv_utils.normalize_tuple(value, 2, "strides")


def test_normalize_padding():
    assert conv_utils.normalize_padding("SAME") == "same"
    with pytest.raises(ValueError, match="Received: full"):
        conv_utils.normalize_padding("full")


def test_convert_kernel_flips_the_spatial_axes():
    kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    flipped = conv_utils.convert_kernel(kernel)
    np.testing.assert_array_equal(flipped, kernel[::-1, ::-1])
    np.testing.assert_array_equal(conv_utils.convert_kernel(flipped), kernel)
    with pytest.raises(ValueError, match="Invalid kernel shape"):
        conv_utils.convert_kernel(np.zeros((2, 2)))
