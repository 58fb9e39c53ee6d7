"""Where new variables live and batches go: CUDA when there is one, or what a scope says."""

import contextlib
import re

import torch

from .config import ThreadStack

__all__ = ["current_device", "device", "parse_device"]

_scopes = ThreadStack()


def parse_device(name):
    """A `torch.device` of a name: "/gpu:1", "/device:GPU:0", "cuda:1", "cpu", a `torch.device`.

    Where no CUDA device of that number exists, "/gpu:n" means the CPU, as with TensorFlow's soft
    placement.
    """
    if isinstance(name, torch.device):
        return name
    match = re.fullmatch(r"/?(?:job:\w+/.*)?(?:device:)?(gpu|cuda|cpu)(?::(\d+))?", name.lower())
    if match is None:
        raise ValueError(f"Unknown device {name!r}: expected such as '/gpu:0', 'cuda:1' or 'cpu'.")
    kind, number = match[1], int(match[2] or 0)
    if kind == "cpu" or number >= torch.cuda.device_count():
        return torch.device("cpu")
    return torch.device("cuda", number)


def current_device():
    """The device of the innermost scope, else the first CUDA device, else the CPU."""
    if _scopes.stack:
        return _scopes.stack[-1]
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


@contextlib.contextmanager
def device(name):
    """Within this scope, variables are made on the device `name` (see `parse_device`)."""
    _scopes.stack.append(parse_device(name))
    try:
        yield
    finally:
        _scopes.stack.pop()
