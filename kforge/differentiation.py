"""Symbolic gradients: operations that run `torch.autograd.grad` on what was computed before."""

import torch

from . import rules, symbolic
from .operations import after, dependencies, phase_select, topological
from .symbolic import KerasTensor, Op, Symbolic
from .trees import leaves, map_leaves
from .variable import Variable, pending_change

__all__ = ["gradients", "missing_gradients", "sum_gradients", "track"]


def sum_gradients(ys, xs, create_graph):
    """Gradients of the sum of `ys` for each of `xs`, zeros where there is no path."""
    with torch.enable_grad():
        total = sum(y.sum() for y in ys)
    if not total.requires_grad:  # in this run, nothing connects the two
        return tuple(torch.zeros_like(x) for x in xs)
    found = torch.autograd.grad(
        total, xs, create_graph=create_graph, retain_graph=True, allow_unused=True
    )
    return tuple(torch.zeros_like(x) if g is None else g for g, x in zip(found, xs))


def track(x):
    """`x` as a tensor that gradients can be taken for."""
    return x if x.requires_grad else x.detach().requires_grad_()


def gradients(ys, xs):
    """Symbolic gradients of the sum of `ys` for each of `xs`; None where there is no path."""
    targets = [x.native if isinstance(x, Variable) else x for x in xs]
    connected = _differentiable(ys, targets)
    wanted = [t for t, c in zip(targets, connected) if c]
    if not wanted:
        return [None] * len(xs)
    op = Op(sum_gradients, (list(ys), wanted))
    found, i = [], 0
    for x, target, c in zip(xs, targets, connected):
        if not c:
            found.append(None)
            continue
        probes = symbolic.probes_of(target)
        grad, i = KerasTensor(op, i, probes), i + 1
        if isinstance(x, Variable) and x.layout is not None:
            grad = x.layout.to_keras(grad)
        found.append(grad)
    return found


def missing_gradients(names):
    """The error for variables that a loss does not depend on in a differentiable way."""
    return ValueError(
        "An operation has `None` for gradient. Please make sure that all of your ops have a "
        "gradient defined (i.e. are differentiable). Common ops without gradient: K.argmax, "
        f"K.round, K.eval. Weights without gradient: {names}"
    )


def _differentiable(ys, xs):
    """For each x, whether a gradient can flow from it to one of `ys`: tried on meta tensors."""
    sources = {}  # key or id -> bits of the xs that it depends on

    def sources_of(leaf):
        if isinstance(leaf, KerasTensor):
            return sources.get(leaf.key, 0) | sources.get((leaf.op, None), 0)
        return sources.get(id(leaf.native if isinstance(leaf, Variable) else leaf), 0)

    for i, x in enumerate(xs):
        key, like = (x.key, x.probes[0]) if isinstance(x, KerasTensor) else (id(x), x)
        if like.dtype.is_floating_point:
            sources[key] = sources.get(key, 0) | 1 << i
    order = topological([y for y in ys if isinstance(y, KerasTensor)], set(), phase=1, both=True)
    for op in order:
        for bits in {sources_of(a) for a in dependencies(op, 1, both=True)} - {0}:
            for index in _live_results(op, lambda leaf, bits=bits: sources_of(leaf) == bits):
                sources[op, index] = sources.get((op, index), 0) | bits
    found = 0
    for y in ys:
        found |= sources_of(y)
    return [bool(found >> i & 1) for i in range(len(xs))]


def _live_results(op, reached):
    """Indices of the results of `op` that depend differentiably on its reached arguments."""
    if op.func in (phase_select, after, sum_gradients, pending_change):
        return [None]

    def probe(leaf):
        value = symbolic.probe_of(leaf, 0)
        if not isinstance(leaf, (Symbolic, torch.Tensor)):
            return value
        return map_leaves(tracked if reached(leaf) else symbolic.without_gradient, value)

    def tracked(value):
        value = symbolic.without_gradient(value)
        if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
            value.requires_grad_()
        return value

    args, kwargs = map_leaves(probe, [op.args, op.kwargs])
    try:
        if rules.is_smooth(op.func, args):
            found = leaves(rules.infer(op.func, args, kwargs))
            return [None] if all(x.dtype.is_floating_point for x in found) else []
        with torch.enable_grad():
            out = op.func(*args, **kwargs)
    except Exception:  # an operation that cannot run without values: assume that it has a gradient
        return [None]
    if isinstance(out, (list, tuple)):
        return [i for i, o in enumerate(out) if _requires_grad(o)]
    return [None] if _requires_grad(out) else []


def _requires_grad(value):
    return any(isinstance(x, torch.Tensor) and x.requires_grad for x in leaves(value))
