"""Diagonals, determinants and inverses of matrices."""

import torch

from .values import convert

__all__ = [
    "diag",
    "diag_part",
    "matrix_determinant",
    "matrix_diag",
    "matrix_diag_part",
    "matrix_inverse",
    "trace",
]


def diag(diagonal):
    """The square matrix with this diagonal, zeros elsewhere."""
    return torch.diag_embed(_of_rank(1, convert(diagonal), "tf.diag"))


def diag_part(input):
    """The diagonal of a square matrix."""
    return matrix_diag_part(_of_rank(2, convert(input), "tf.diag_part"))


def _of_rank(rank, x, name):
    if len(x.shape) != rank:
        raise ValueError(
            f"{name} takes a tensor of rank {rank} here. Got shape {tuple(x.shape)}. "
            "`tf.matrix_diag` and `tf.matrix_diag_part` take batches."
        )
    return x


def matrix_diag(diagonal):
    """Matrices with these diagonals: (..., n) -> (..., n, n)."""
    return torch.diag_embed(convert(diagonal))


def matrix_diag_part(input):
    """Diagonals of matrices: (..., m, n) -> (..., min(m, n))."""
    return torch.diagonal(convert(input), dim1=-2, dim2=-1)


def matrix_determinant(input):
    """Determinants of square matrices: (..., n, n) -> (...)."""
    return torch.linalg.det(convert(input))


def matrix_inverse(input, adjoint=False):
    """Inverses of square matrices, (..., n, n), or of their adjoints."""
    x = convert(input)
    return torch.linalg.inv(x.mH if adjoint else x)


def trace(x):
    """Sums of the diagonals of matrices."""
    return matrix_diag_part(x).sum(-1)
