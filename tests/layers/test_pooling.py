"""Pooling: what padding counts for, masks, and classes that scripts derive."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import layers as L
from kforge import models


def run(layer, x):
    inputs = L.Input(x.shape[1:])
    return models.Model(inputs, layer(inputs)).predict(x)


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_padding_does_not_count(strides, window):
    x = -np.random.RandomState(0).uniform(1, 2, (1, 7, 1)).astype("float32")
    outputs = -(-7 // strides)
    before = max((outputs - 1) * strides + window - 7, 0) // 2
    starts = [i * strides - before for i in range(outputs)]
    windows = [x[0, max(s, 0) : s + window, 0] for s in starts]
    for layer, function in ((L.MaxPooling1D, np.max), (L.AveragePooling1D, np.mean)):
        found = run(layer(window, strides, "same"), x).ravel()
        np.testing.assert_allclose(found, [function(w) for w in windows], 1e-6)


def test_the_mean_over_steps_leaves_out_masked_ones():
    x = np.array([[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]], dtype="float32")
    inputs = L.Input((3, 2))
    pooled = L.GlobalAveragePooling1D()(L.Masking()(inputs))
    assert pooled._keras_mask is None
    np.testing.assert_allclose(models.Model(inputs, pooled).predict(x), [[2.0, 3.0]])


def test_the_gradient_of_a_maximum_goes_to_the_first():
    x = K.variable(np.ones((1, 2, 2, 1)))
    out = L.MaxPooling2D()(x)
    found = K.eval(K.gradients(K.sum(out), [x])[0]).ravel()
    np.testing.assert_array_equal(found, [1.0, 0.0, 0.0, 0.0])


def test_scripts_derive_classes():
    class MinPooling2D(L.MaxPooling2D):
        def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
            return -K.pool2d(-inputs, pool_size, strides, padding, data_format, "max")

    x = np.random.RandomState(0).normal(size=(1, 4, 4, 2)).astype("float32")
    wanted = x.reshape(1, 2, 2, 2, 2, 2).min((2, 4))
    np.testing.assert_array_equal(run(MinPooling2D(), x), wanted)


def test_strides_are_the_windows_by_default():
    assert L.MaxPooling2D((2, 3)).get_config()["strides"] == (2, 3)
    assert L.AveragePooling2D(2, strides=1).get_config()["strides"] == (1, 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.MaxPooling2D(padding="full"), "`padding`.*full"),
        (lambda: L.MaxPooling2D(padding="causal")(L.Input((4, 4, 1))), "invalid padding: causal"),
        (lambda: L.MaxPooling2D((2, 2, 2)), "`pool_size`"),
        (lambda: L.MaxPooling2D(5)(L.Input((4, 4, 1))), "too small"),
        (lambda: L.GlobalMaxPooling2D()(L.Input((4, 4))), "expected ndim=4"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_layers_of_one_rank_have_a_base_of_their_own(rank):
    bases = {kind: getattr(L.pooling, f"_{kind}Pooling{rank}D") for kind in ("", "Global")}
    for kind in ("Max", "Average"):
        assert issubclass(getattr(L, f"{kind}Pooling{rank}D"), bases[""])
        assert issubclass(getattr(L, f"Global{kind}Pooling{rank}D"), bases["Global"])
        assert not issubclass(getattr(L, f"{kind}Pooling{rank % 3 + 1}D"), bases[""])
