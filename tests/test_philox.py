"""Random numbers in TensorFlow's order; the values are those that TensorFlow 1.15 drew."""

import numpy as np
import pytest
import torch

from kforge import philox

NORMAL = [1.061662, -0.878578, 0.111872, 0.185117, 0.909226]
# The second group of four begins at words of its own.
TRUNCATED = [1.061662, -0.878578, 0.111872, 0.185117, -0.162335, -0.891386]


@pytest.mark.parametrize(
    "fill, limits, wanted",
    [
        (philox.fill_uniform, (-0.05, 0.05), [-0.011307, -0.013997, 0.047688, -0.041348, 0.00038]),
        (philox.fill_normal, (0.0, 1.0), NORMAL),
        (philox.fill_truncated_normal, (0.0, 1.0), TRUNCATED),
    ],
)
def test_values_of_a_seed(fill, limits, wanted):
    found = fill(torch.empty(len(wanted)), 3, *limits)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_values_of_a_seed_in_a_graph_with_another():
    for graph_seed, seed, wanted in (
        (7, 3, 0.401088),
        (0, 0, 0.019757),
        (2**31 + 5, 2**20, 0.520707),
    ):
        philox.set_graph_seed(graph_seed)
        assert philox.fill_uniform(torch.empty(1), seed, 0.0, 1.0).item() == pytest.approx(
            wanted, abs=2e-6
        )


def test_double_precision_takes_more_bits():
    wanted = [-1.98915126, 0.86133197, 0.50015425, 0.22716356]
    found = philox.fill_truncated_normal(torch.empty(4, dtype=torch.float64), 3, 0.0, 1.0)
    np.testing.assert_allclose(found, wanted, atol=1e-8)


@pytest.mark.parametrize(
    "fill", [philox.fill_uniform, philox.fill_normal, philox.fill_truncated_normal]
)
def test_long_tensors_continue_short_ones(fill):
    long = fill(torch.empty(3, 4 * 2**13 + 5), 3, 1.0, 4.0)
    assert torch.equal(long.view(-1)[:50], fill(torch.empty(50), 3, 1.0, 4.0))
    assert len(torch.unique(long)) > 0.98 * long.numel()


def test_truncated_values_keep_their_distribution():
    x = philox.fill_truncated_normal(torch.empty(100_000), 7, 0.5, 2.0)
    assert torch.all((x - 0.5).abs() < 4.0)
    np.testing.assert_allclose([x.mean(), x.std()], [0.5, 2 * 0.8796], atol=0.02)
