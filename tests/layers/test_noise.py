"""Noise: there in training only, with the promised mean and variance."""

import numpy as np
import pytest

from kforge import backend as K
from kforge import layers as L

ONES = np.ones((200, 500), dtype="float32")


def run(layer, x, phase):
    inputs = L.Input(x.shape[1:])
    return K.function([inputs, K.learning_phase()], [layer(inputs)])([x, phase])[0]


NOISES = [L.GaussianNoise(0.5), L.GaussianDropout(0.4), L.AlphaDropout(0.2)]


@pytest.mark.parametrize("layer", NOISES, ids=repr)
def test_there_is_none_outside_training(layer):
    np.testing.assert_array_equal(run(layer, ONES, 0), ONES)


@pytest.mark.parametrize("layer, deviation", [(NOISES[0], 0.5), (NOISES[1], np.sqrt(0.4 / 0.6))])
def test_mean_and_deviation(layer, deviation):
    found = run(layer, ONES, 1)
    assert abs(found.mean() - 1.0) < 0.01 and abs(found.std() - deviation) < 0.01


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.RandomState(0).normal(size=ONES.shape).astype("float32")
    found = run(L.AlphaDropout(0.2), x, 1)
    assert abs(found.mean()) < 0.02 and abs(found.std() - 1.0) < 0.02
    values, counts = np.unique(found, return_counts=True)
    assert abs(counts.max() / found.size - 0.2) < 0.01 and values[counts.argmax()] < 0


def test_alpha_dropout_can_share_its_mask():
    found = run(L.AlphaDropout(0.5, noise_shape=(None, 1), seed=3), ONES, 1)
    assert np.all(found == found[:, :1]) and len(np.unique(found)) == 2


@pytest.mark.parametrize("layer", [L.GaussianDropout(0.0), L.AlphaDropout(0.0), L.AlphaDropout(1)])
def test_rates_that_mean_nothing_do_nothing(layer):
    np.testing.assert_array_equal(run(layer, ONES[:2], 1), ONES[:2])


def test_a_seed_repeats():
    a, b = (run(L.AlphaDropout(0.5, seed=7), ONES, 1) for _ in range(2))
    np.testing.assert_array_equal(a, b)
