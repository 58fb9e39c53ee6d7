"""Settings of all tests."""

import torch

# Models here are tiny: more threads would only wait for each other, for long on a busy machine.
torch.set_num_threads(1)
