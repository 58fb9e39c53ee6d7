"""`tf.linalg`: diagonals, determinants, decompositions and solutions of batches of matrices."""

import torch

from .arrays import eye
from .numeric import norm
from .values import apply, convert, known, pair

__all__ = [
    "adjoint",
    "cholesky",
    "cholesky_solve",
    "cross",
    "diag",
    "diag_part",
    "expm",
    "logdet",
    "matrix_determinant",
    "matrix_diag",
    "matrix_diag_part",
    "matrix_inverse",
    "matrix_rank",
    "matrix_set_diag",
    "matrix_solve",
    "matrix_solve_ls",
    "matrix_transpose",
    "matrix_triangular_solve",
    "matvec",
    "normalize",
    "pinv",
    "qr",
    "self_adjoint_eig",
    "self_adjoint_eigvals",
    "slogdet",
    "svd",
    "trace",
]

# ---- diagonals ----------------------------------------------------------------------------------


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


def matrix_set_diag(input, diagonal):
    """Matrices with other diagonals."""
    return apply(_set_diag, *pair(input, diagonal))


def _set_diag(x, diagonal):
    return torch.diagonal_scatter(x, diagonal, dim1=-2, dim2=-1)


def trace(x):
    """Sums of the diagonals of matrices."""
    return matrix_diag_part(x).sum(-1)


# ---- numbers and decompositions of matrices -----------------------------------------------------


def matrix_transpose(a):
    """Rows and columns exchanged."""
    return convert(a).transpose(-1, -2)


def matrix_determinant(input):
    """Determinants of square matrices: (..., n, n) -> (...)."""
    return torch.linalg.det(convert(input))


def slogdet(input):
    """(signs, logarithms of the absolute values) of determinants."""
    return list(torch.linalg.slogdet(convert(input)))


def logdet(matrix):
    """Logarithms of the determinants of positive definite matrices."""
    return slogdet(matrix)[1]


def matrix_inverse(input, adjoint=False):
    """Inverses of square matrices, (..., n, n), or of their adjoints."""
    x = convert(input)
    return torch.linalg.inv(x.mH if adjoint else x)


def expm(input):
    """Exponentials of square matrices."""
    return torch.linalg.matrix_exp(convert(input))


def cholesky(input):
    """Lower triangles whose products with their transposes are the matrices."""
    return torch.linalg.cholesky(convert(input))


def qr(input, full_matrices=False):
    """(orthogonal, triangular) matrices whose products are the matrices."""
    return list(torch.linalg.qr(convert(input), "complete" if full_matrices else "reduced"))


def svd(tensor, full_matrices=False, compute_uv=True):
    """(singular values, left vectors, right vectors) of matrices: ``u @ diag(s) @ v^H``."""
    x = convert(tensor)
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, vh = torch.linalg.svd(x, full_matrices)
    return [s, u, vh.mH]


def self_adjoint_eig(tensor):
    """(eigenvalues, eigenvectors) of symmetric matrices, the smallest first."""
    return list(torch.linalg.eigh(convert(tensor)))


def self_adjoint_eigvals(tensor):
    """The eigenvalues of symmetric matrices, the smallest first."""
    return torch.linalg.eigvalsh(convert(tensor))


# ---- products and equations ---------------------------------------------------------------------


def matvec(a, b, transpose_a=False):
    """Products of matrices, (..., m, n), and vectors, (..., n)."""
    a, b = pair(a, b)
    return ((a.transpose(-1, -2) if transpose_a else a) @ b.unsqueeze(-1)).squeeze(-1)


def cross(a, b):
    """Cross products of vectors of three numbers."""
    return torch.linalg.cross(*pair(a, b))


def matrix_solve(matrix, rhs, adjoint=False):
    """The solutions of linear equations."""
    a, b = pair(matrix, rhs)
    return torch.linalg.solve(a.mH if adjoint else a, b)


def matrix_triangular_solve(matrix, rhs, lower=True, adjoint=False):
    """The solutions of linear equations with triangular matrices."""
    a, b = pair(matrix, rhs)
    upper = lower if adjoint else not lower
    return torch.linalg.solve_triangular(a.mH if adjoint else a, b, upper=upper)


def cholesky_solve(chol, rhs):
    """The solutions of linear equations, given the matrices' `cholesky`."""
    return torch.cholesky_solve(*reversed(pair(chol, rhs)))


def matrix_solve_ls(matrix, rhs, l2_regularizer=0.0, fast=True):
    """The solutions of linear equations with the least squares of errors."""
    a, b = pair(matrix, rhs)
    if l2_regularizer == 0.0 and not fast:
        return torch.linalg.lstsq(a, b, driver="gelsd").solution
    products = a.mT @ a + l2_regularizer * eye(a.shape[-1], dtype=a.dtype)
    return torch.linalg.solve(products, a.mT @ b)


def adjoint(matrix):
    """Conjugates of the transposes of matrices."""
    return torch.resolve_conj(convert(matrix).mH)


def pinv(a, rcond=None):
    """Moore and Penrose's inverses of matrices: singular values below `rcond` times the largest
    count as 0."""
    return apply(_pinv, convert(a), known(rcond))


def _pinv(x, rcond):
    if rcond is None:
        rcond = 10 * max(x.shape[-2:]) * torch.finfo(x.dtype).eps
    return torch.linalg.pinv(x, rtol=rcond)


def matrix_rank(a, tol=None):
    """The ranks of matrices; singular values up to `tol` count as 0."""
    return torch.linalg.matrix_rank(convert(a), atol=tol).to(torch.int32)


def normalize(tensor, ord="euclidean", axis=None):
    """(a tensor divided by its norm, the norm), whose axes are kept."""
    x = convert(tensor)
    size = norm(x, ord, axis, keepdims=True)
    return [x / size, size]
