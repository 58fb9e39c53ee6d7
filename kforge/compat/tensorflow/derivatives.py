"""`tf.gradients` and `tf.hessians`."""

import torch

from ... import backend as K
from ... import operations, symbolic
from ...backend.values import as_list
from ...symbolic import KerasTensor, Op
from ...trees import leaves, map_leaves
from .values import tensor

__all__ = ["gradients", "hessians"]


def gradients(ys, xs, grad_ys=None, colocate_gradients_with_ops=False, stop_gradients=None):
    """Gradients of the sum of `ys` for each of `xs`, None where nothing connects them.

    `stop_gradients` are taken as constants: what `ys` are made of from there on is computed anew
    from their values, and random numbers are drawn anew.
    """
    ys, xs = as_list(ys), as_list(xs)
    if stop_gradients is not None:
        ys, xs = _from([t for t in as_list(stop_gradients) if _has_sources(t)], ys, xs)
    if grad_ys is not None:
        weights = [K.stop_gradient(tensor(g)) for g in as_list(grad_ys)]
        ys = [K.sum(y * w) for y, w in zip(ys, weights, strict=True)]
    return K.gradients(ys, xs)


def _has_sources(x):
    return isinstance(x, KerasTensor) and x.op.func not in (symbolic.placeholder, symbolic.constant)


def _from(stops, ys, xs):
    """`ys` and `xs`, recorded again with tensors that no gradient goes through for `stops`."""
    cut = {t.key: K.stop_gradient(t) for t in stops}
    again = {}  # Op -> the same one on what was replaced

    def replaced(leaf):
        if not isinstance(leaf, KerasTensor):
            return leaf
        if leaf.key in cut:
            return cut[leaf.key]
        if leaf.op not in again:
            return leaf
        twin = leaf.alias()
        twin.op = again[leaf.op]
        return twin

    for op in operations.ancestors(ys):
        given = [x for x in leaves([op.args, op.kwargs]) if isinstance(x, KerasTensor)]
        if any(x.key in cut or x.op in again for x in given):
            again[op] = Op(op.func, *map_leaves(replaced, [op.args, op.kwargs]), op.name)
    return [replaced(y) for y in ys], [replaced(x) for x in xs]


def hessians(ys, xs):
    """Second derivatives of the sum of `ys` for each of `xs`: (*shape of x, *shape of x)."""
    found = []
    for x in as_list(xs):
        (gradient,) = gradients(ys, [x])
        shape = [*x.shape]
        flat = gradient.reshape([-1])
        rows = [gradients(flat[i], [x])[0] for i in range(flat.shape[0])]
        found.append(torch.stack(rows).reshape([*shape, *shape]))
    return found
