"""Reproducible runs."""

import os
import random

import numpy as np
import torch

__all__ = ["random_states", "set_random_seed", "set_random_states"]


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


def random_states(generators=()):
    """Where all random numbers stand: Python's, NumPy's, torch's, those of `generators`.

    Lists, dictionaries, numbers and NumPy arrays, which files can hold.
    """
    kind, keys, *rest = np.random.get_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": random.getstate(),
        "numpy": [kind, keys, *rest],
        "torch": torch.get_rng_state().numpy(),
        "cuda": [s.numpy() for s in cuda],
        "own": [g.get_state().numpy() for g in generators],
    }


def set_random_states(states, generators=()):
    """Goes on with the random numbers from where `random_states` found them."""
    version, keys, rest = states["python"]
    random.setstate((version, tuple(keys), rest))
    np.random.set_state(tuple(states["numpy"]))
    torch.set_rng_state(torch.from_numpy(states["torch"]))
    if states["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([torch.from_numpy(s) for s in states["cuda"]])
    for generator, state in zip(generators, states["own"]):
        generator.set_state(torch.from_numpy(state))
