"""Whether code in this thread records operations or runs them, and in which learning phase."""

import contextlib
import threading

__all__ = [
    "NeedsValue",
    "NotFed",
    "executing",
    "giving",
    "is_executing",
    "is_trying",
    "recording",
    "running_phase",
    "trying",
]

local = threading.local()


class NeedsValue(TypeError):
    """Python code asked a symbolic tensor for its value (a branch, ``float(x)``, NumPy)."""


class NotFed(NeedsValue, ValueError):
    """A value was asked for that depends on a placeholder, to which nothing was fed."""


class executing:
    """Within this context variables are their values, and operations run at once.

    `phase` is the learning phase that running code sees: 0 (test) or 1 (train).
    """

    __slots__ = ("before", "phase")

    def __init__(self, phase=0):
        self.phase = phase

    def __enter__(self):
        self.before = getattr(local, "phase", None)
        local.phase = self.phase

    def __exit__(self, *exc):
        local.phase = self.before


def recording():
    """The opposite of `executing`: symbolic work inside a running step (building a submodel)."""
    return executing(None)


@contextlib.contextmanager
def trying():
    """`executing`, to see what code gives: variables keep their values whatever it does."""
    before, local.trying = is_trying(), True
    try:
        with executing():
            yield
    finally:
        local.trying = before


def is_trying():
    """Whether code runs in this thread within `trying`."""
    return getattr(local, "trying", False)


@contextlib.contextmanager
def giving(tensor_class):
    """Within this context operations that are recorded in this thread give tensors of a class."""
    before = getattr(local, "tensor_class", None)
    local.tensor_class = tensor_class
    try:
        yield
    finally:
        local.tensor_class = before


def is_executing():
    """Whether operations run at once in this thread."""
    return getattr(local, "phase", None) is not None


def running_phase():
    """The learning phase of the code that runs now, None while recording."""
    return getattr(local, "phase", None)
