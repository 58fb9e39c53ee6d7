"""`tf.SparseTensor` and what takes it: on torch's sparse tensors, as `keras.backend` has them."""

from collections import namedtuple

import torch

from ... import backend as K
from .segments import segment_mean, segment_sum
from .sets import _Sets
from .values import apply, convert, declared, known, tensor

__all__ = [
    "IndexedSlices",
    "SparseTensor",
    "SparseTensorValue",
    "coo",
    "embedding_lookup_sparse",
    "from_dense",
    "sparse_add",
    "sparse_reduce_max",
    "sparse_reduce_sum",
    "sparse_reorder",
    "sparse_reset_shape",
    "sparse_retain",
    "sparse_segment_mean",
    "sparse_segment_sum",
    "sparse_softmax",
    "sparse_tensor_dense_matmul",
    "sparse_tensor_to_dense",
    "sparse_to_dense",
    "sparse_transpose",
]

SparseTensorValue = namedtuple("SparseTensorValue", "indices values dense_shape")
IndexedSlices = namedtuple("IndexedSlices", "values indices dense_shape", defaults=(None,))


class SparseTensor:
    """Values at coordinates, `indices` (count, rank), in a tensor of `dense_shape`."""

    def __init__(self, indices, values, dense_shape):
        self.indices, self.values = K.cast(convert(indices), "int64"), convert(values)
        self.dense_shape = K.cast(convert(dense_shape), "int64")

    @property
    def dtype(self):
        """The dtype of the values."""
        return self.values.dtype

    @property
    def shape(self):
        """The static shape, None where it is not known."""
        sizes = known(self.dense_shape)
        return tuple(sizes) if isinstance(sizes, list) else (None,) * self.dense_shape.shape[0]

    def get_shape(self):
        """The static shape."""
        return self.shape

    def eval(self, feed_dict=None, session=None):
        """Indices, values and shape as NumPy arrays."""
        parts = (self.indices, self.values, self.dense_shape)
        return SparseTensorValue(*(x.eval(feed_dict) for x in parts))


def coo(x):
    """A torch sparse tensor, recorded or not, of what scripts use as sparse."""
    if isinstance(x, (SparseTensor, SparseTensorValue)):
        indices, values = K.cast(convert(x.indices), "int64"), convert(x.values)
        shape = known(x.dense_shape)
        return apply(_coo, indices, values, shape if isinstance(shape, list) else x.dense_shape)
    return tensor(x)


def _coo(indices, values, shape):
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    if values.is_meta:
        places = indices.mT.to("meta")
        return torch.sparse_coo_tensor(places, values, shape, check_invariants=False)
    return torch.sparse_coo_tensor(indices.mT, values, shape, check_invariants=True).coalesce()


def from_dense(tensor):
    """The elements of a tensor that are not 0."""
    x = convert(tensor)
    shape = [n if n is not None else K.shape(x)[i] for i, n in enumerate(x.shape)]
    places = declared(torch.nonzero, (torch.ne(x, 0),), (None, len(shape)), torch.int64)
    return SparseTensor(places, _at(x, places), shape)


def _at(x, places):
    return declared(_elements, (x, places), (None,), x.dtype)


def _elements(x, places):
    return x[tuple(places.unbind(1))]


def sparse_tensor_to_dense(sp_input, default_value=0, validate_indices=True):
    """A tensor with the elements of a sparse one, `default_value` elsewhere.

    Raises `NotImplementedError` for another one than 0 in sets and in sparse tensors of torch.
    """
    if isinstance(sp_input, SparseTensor):
        return sparse_to_dense(
            sp_input.indices, sp_input.dense_shape, sp_input.values, default_value
        )
    if default_value != 0:
        raise NotImplementedError(
            f"tf.sparse_tensor_to_dense of {type(sp_input).__name__} has zeros elsewhere, not "
            f"default_value={default_value!r}."
        )
    return sp_input.dense if isinstance(sp_input, _Sets) else K.to_dense(tensor(sp_input))


def sparse_to_dense(
    sparse_indices, output_shape, sparse_values, default_value=0, validate_indices=True
):
    """A tensor of a shape with values at coordinates, `default_value` elsewhere."""
    indices, values = K.cast(convert(sparse_indices), "int64"), convert(sparse_values)
    shape = known(output_shape)
    if isinstance(shape, (int, list)):
        shape = [shape] if isinstance(shape, int) else shape
        return apply(_dense, indices, values, shape, default_value)
    rank = shape.shape[0]
    return declared(_dense, (indices, values, shape, default_value), (None,) * rank, values.dtype)


def _dense(indices, values, shape, default):
    sizes = shape.tolist() if isinstance(shape, torch.Tensor) else [int(n) for n in shape]
    found = torch.full(sizes, default, dtype=values.dtype, device=values.device)
    places = indices.reshape(-1, 1) if indices.dim() < 2 else indices
    return found.index_put(tuple(places.unbind(-1)), values)


def sparse_tensor_dense_matmul(sp_a, b, adjoint_a=False, adjoint_b=False):
    """The product of a sparse matrix and a dense one."""
    a, b = coo(sp_a), convert(b)
    return apply(_matmul, a, b, adjoint_a, adjoint_b)


def _matmul(a, b, adjoint_a, adjoint_b):
    if a.is_meta:
        dense = torch.empty(a.shape, dtype=b.dtype, device="meta", requires_grad=a.requires_grad)
        return (dense.mH if adjoint_a else dense) @ (b.mH if adjoint_b else b)
    return torch.sparse.mm(a.t() if adjoint_a else a, b.mH if adjoint_b else b)


def _reduction(name, reduce):
    def call(sp_input, axis=None, keepdims=False):
        return reduce(sparse_tensor_to_dense(sp_input), known(axis), keepdims)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{reduce.__name__}` of the dense tensor."
    return call


sparse_reduce_sum = _reduction("sparse_reduce_sum", K.sum)
sparse_reduce_max = _reduction("sparse_reduce_max", K.max)


def sparse_transpose(sp_input, perm=None):
    """The axes in another order."""
    shape = known(sp_input.dense_shape)
    order = list(reversed(range(sp_input.indices.shape[1]))) if perm is None else known(perm)
    indices = torch.stack([sp_input.indices[:, i] for i in order], 1)
    return sparse_reorder(SparseTensor(indices, sp_input.values, [shape[i] for i in order]))


def sparse_reorder(sp_input):
    """The elements in the order of their coordinates."""
    shape, indices = sp_input.dense_shape, sp_input.indices
    order = declared(_order, (indices, shape), (None,), torch.int64)
    return SparseTensor(K.gather(indices, order), K.gather(sp_input.values, order), shape)


def _order(indices, shape):
    flat = torch.zeros_like(indices[:, 0])
    for i, n in enumerate(shape.tolist()):
        flat = flat * n + indices[:, i]
    return torch.argsort(flat)


def sparse_reset_shape(sp_input, new_shape):
    """The same elements in another shape."""
    return SparseTensor(sp_input.indices, sp_input.values, new_shape)


def sparse_retain(sp_input, to_retain):
    """The elements where `to_retain` is true."""
    from .arrays import boolean_mask

    indices = boolean_mask(sp_input.indices, to_retain)
    return SparseTensor(indices, boolean_mask(sp_input.values, to_retain), sp_input.dense_shape)


def sparse_add(a, b):
    """The dense sum of two tensors, of which at least one is sparse."""
    return sum(sparse_tensor_to_dense(x) if isinstance(x, SparseTensor) else x for x in (a, b))


def sparse_softmax(sp_input):
    """The softmax of the elements of each row; those that are left out count as minus infinity."""
    rows = sp_input.indices[:, 0]
    weights = torch.exp(sp_input.values - K.max(sp_input.values))
    args = (weights, rows)
    values = declared(_shares, args, (None,), weights.dtype)
    return SparseTensor(sp_input.indices, values, sp_input.dense_shape)


def _shares(weights, rows):
    total = weights.new_zeros(int(rows.max()) + 1 if len(rows) else 0)
    return weights / total.index_add(0, rows, weights)[rows]


def sparse_segment_sum(data, indices, segment_ids):
    """`segment_sum` of the slices of `data` that `indices` name."""
    return segment_sum(K.gather(convert(data), convert(indices)), segment_ids)


def sparse_segment_mean(data, indices, segment_ids):
    """`segment_mean` of the slices of `data` that `indices` name."""
    return segment_mean(K.gather(convert(data), convert(indices)), segment_ids)


def embedding_lookup_sparse(params, sp_ids, sp_weights=None, combiner="mean"):
    """Rows of a matrix by sparse numbers, those of each sample combined: "sum", "mean", "sqrtn"."""
    if combiner not in ("sum", "mean", "sqrtn"):
        raise ValueError(
            f"embedding_lookup_sparse: combiner {combiner!r}; expected sum, mean, sqrtn."
        )
    rows, found = sp_ids.indices[:, 0], K.gather(params, sp_ids.values)
    if sp_weights is None:
        weights = K.ones_like(found[:, :1])
    else:
        weights = K.cast(sp_weights.values, found.dtype).unsqueeze(-1)
    total = segment_sum(found * weights, rows)
    if combiner == "sum":
        return total
    if combiner == "mean":
        return total / segment_sum(weights, rows)
    return total / torch.sqrt(segment_sum(torch.square(weights), rows))
