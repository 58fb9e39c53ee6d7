"""Where new variables live and batches go: CUDA when there is one, or what a scope says."""

import contextlib
import re

import torch

from . import parallel
from .config import ThreadStack

__all__ = ["current_device", "default_device", "device", "parse_device", "scope_device"]

_scopes = ThreadStack()


def parse_device(name):
    """A `torch.device` of a name: "/gpu:1", "/device:GPU:0", "cuda:1", "cpu", a `torch.device`.

    Where no CUDA device of that number exists, "/gpu:n" means the CPU, as with TensorFlow's soft
    placement. In one of several processes (`kforge.parallel`) it is the GPU of this one.
    """
    if isinstance(name, torch.device):
        return name
    match = re.fullmatch(r"/?(?:job:\w+/.*)?(?:device:)?(gpu|cuda|cpu)(?::(\d+))?", name.lower())
    if match is None:
        raise ValueError(f"Unknown device {name!r}: expected such as '/gpu:0', 'cuda:1' or 'cpu'.")
    kind, number = match[1], int(match[2] or 0)
    if kind != "cpu" and parallel.size() > 1:
        return default_device()
    if kind == "cpu" or number >= torch.cuda.device_count():
        return torch.device("cpu")
    return torch.device("cuda", number)


def scope_device():
    """The device of the innermost scope, None outside of any."""
    return _scopes.stack[-1] if _scopes.stack else None


def default_device():
    """The current CUDA device, the first unless something chose another; else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    # Asking for the number would start CUDA, which a forked worker cannot.
    return torch.device("cuda", torch.cuda.current_device() if torch.cuda.is_initialized() else 0)


def current_device():
    """The device of the innermost scope, else the default one."""
    return scope_device() or default_device()


@contextlib.contextmanager
def device(name):
    """Within this scope, variables are made on the device `name` (see `parse_device`), and what
    layers and backend functions record will be computed there, wherever its inputs come from.

    >>> with kforge.device("/gpu:1"):
    ...     encoded_b = shared_lstm(tweet_b)
    """
    _scopes.stack.append(parse_device(name))
    try:
        yield
    finally:
        _scopes.stack.pop()
