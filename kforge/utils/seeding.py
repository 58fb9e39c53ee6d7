"""Reproducible runs."""

import os
import random

import numpy as np
import torch

__all__ = ["set_random_seed"]


def set_random_seed(seed, deterministic=True):
    """Seeds Python, NumPy and torch, on every device; the same script then gives the same bits.

    With `deterministic`, torch also keeps to algorithms whose result does not depend on timing;
    an operation that has none raises `RuntimeError` on a GPU. The order of Python's sets of
    strings is not affected: set ``PYTHONHASHSEED`` before Python starts if a script depends on it.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if deterministic:
        # cuBLAS reads this when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)
