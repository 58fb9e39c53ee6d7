"""`set_random_seed`."""

import random

import numpy as np
import pytest
import torch

from kforge.utils import set_random_seed


@pytest.fixture(autouse=True)
def as_before():
    yield
    torch.use_deterministic_algorithms(False)


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_same_seed_same_numbers():
    set_random_seed(7)
    first = draws()
    assert draws() != first
    set_random_seed(7)
    assert draws() == first
    set_random_seed(8)
    assert not set(draws()) & set(first)


def test_deterministic_is_optional():
    set_random_seed(7, deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()
    set_random_seed(7)
    assert torch.are_deterministic_algorithms_enabled()
