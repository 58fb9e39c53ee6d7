"""`tf.errors`: the exceptions that scripts catch."""

import torch

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "DataLossError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "UnimplementedError",
    "UnknownError",
]


class OpError(Exception):
    """Something failed that an operation did."""

    @property
    def message(self):
        """What failed."""
        return str(self)


class AbortedError(OpError):
    """Was given up."""


class AlreadyExistsError(OpError):
    """Is there already."""


class CancelledError(OpError):
    """Was cancelled."""


class DataLossError(OpError):
    """Data are damaged."""


class FailedPreconditionError(OpError):
    """The state does not allow it."""


class InternalError(OpError):
    """Something is wrong inside."""


class InvalidArgumentError(OpError, ValueError):
    """An argument does not do."""


class NotFoundError(OpError):
    """A file, or a name in it, is not there."""


class OutOfRangeError(OpError):
    """There are no more data."""


class PermissionDeniedError(OpError):
    """It is not allowed."""


class UnimplementedError(OpError, NotImplementedError):
    """It is not offered."""


class UnknownError(OpError):
    """Nobody knows."""


# Memory is PyTorch's affair.
ResourceExhaustedError = torch.cuda.OutOfMemoryError
