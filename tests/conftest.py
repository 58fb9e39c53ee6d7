"""Settings of all tests."""

import random

import numpy as np
import pytest
import torch

from kforge.backend.random import set_graph_seed

# Models here are tiny: more threads would only wait for each other, for long on a busy machine.
torch.set_num_threads(1)

# What Keras computed is compared with float32, which TF32 has a thousandth of the accuracy of.
torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(autouse=True)
def seeds():
    """Every test draws the same numbers, alone or with others."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    set_graph_seed(None)
