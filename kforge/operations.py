"""Operations with a meaning of their own, and the order of all that a value needs.

The learning phase, a choice by it, changes of variables and effects are recorded like any other
operation; what becomes of them is decided when a graph is lowered.
"""

import torch

from . import symbolic
from .symbolic import KerasTensor, Op, Symbolic
from .trees import leaves
from .variable import is_update, pending_change

__all__ = [
    "after",
    "ancestors",
    "changes",
    "computable",
    "dependencies",
    "depends_on_phase",
    "effect",
    "generators",
    "is_effect",
    "learning_phase",
    "phase_select",
    "select",
    "topological",
]


def learning_phase():
    """The learning phase: 0 (test) or 1 (train); a placeholder for it outside execution."""
    running = symbolic.running_phase()
    return _PHASE if running is None else running


def phase_select(train, test):
    """`train` in the training phase, `test` otherwise (recorded by `K.in_train_phase`)."""
    raise AssertionError("chosen when lowering")


_PHASE_OP = Op(learning_phase, name="keras_learning_phase")
_PHASE = KerasTensor(
    _PHASE_OP, None, (torch.zeros((), dtype=torch.bool),) * 2, "keras_learning_phase"
)


def select(train, test):
    """A value that depends on the learning phase; either may be a plain tensor."""
    if symbolic.is_executing():
        return train if symbolic.running_phase() else test
    op = Op(phase_select, tuple(symbolic.prepared(v) for v in (train, test)))
    probes = symbolic.probes_of(op.args[0])
    out = KerasTensor(op, None, probes)
    shapes = [tuple(v.shape) for v in op.args]
    if len(shapes[0]) == len(shapes[1]) and shapes[0] != shapes[1]:
        out._keras_shape = tuple(a if a == b else None for a, b in zip(*shapes))
    return out


def effect(function, tensors):
    """Records that `function(values of tensors)` runs, without gradients, after the run.

    For changes that are no single assignment, such as an optimizer's step on all weights.
    """
    return KerasTensor(
        Op(pending_change, (function, None, list(tensors))), None, (torch.zeros(()),) * 2
    )


def is_effect(x):
    """Whether `x` was made by `effect`."""
    return is_update(x) and x.op.args[1] is None


def after(value, updates):
    """`value`, with `updates` carried out whenever it is computed."""
    op = Op(after, (value, list(updates)))
    return KerasTensor(op, None, symbolic.probes_of(value))


# ---- order ------------------------------------------------------------------------------------


def dependencies(op, phase, both=False):
    """The symbolic tensors, variables and tensors that `op` takes, in the given phase."""
    if op.func is phase_select and not both:
        args = op.args[0 if phase else 1]
    elif op.func in (symbolic.placeholder, learning_phase, symbolic.constant):
        return []
    else:
        args = [op.args, op.kwargs]
    return [leaf for leaf in leaves(args) if isinstance(leaf, (Symbolic, torch.Tensor))]


def topological(tensors, fed, phase, both=False):
    """Operations that `tensors` need, each after those it depends on; `fed` keys end the search."""
    order, done, stack = [], set(), []
    for tensor in reversed(tensors):
        if tensor.key not in fed and tensor.op not in fed:
            stack.append((tensor.op, False))
    while stack:
        op, expanded = stack.pop()
        if op in done:
            continue
        if expanded:
            done.add(op)
            order.append(op)
            continue
        stack.append((op, True))
        for leaf in reversed(dependencies(op, phase, both)):
            if isinstance(leaf, KerasTensor) and leaf.key not in fed and leaf.op not in done:
                stack.append((leaf.op, False))
    return order


def ancestors(tensors, both=True):
    """All operations that `tensors` depend on, in either phase."""
    return topological([t for t in tensors if isinstance(t, KerasTensor)], set(), 1, both)


def changes(tensors):
    """The changes of single variables that `tensors` depend on, in order."""
    found = [
        op for op in ancestors(tensors) if op.func is pending_change and op.args[1] is not None
    ]
    return [KerasTensor(op, None, (op.args[1].meta,) * 2) for op in found]


def generators(tensors):
    """The streams of random numbers of the operations that have a seed of their own."""
    found = leaves([[op.args, op.kwargs] for op in ancestors(tensors)])
    return list(dict.fromkeys(x for x in found if isinstance(x, torch.Generator)))


def computable(tensors, inputs):
    """Those of `tensors` that can be computed from `inputs`: that need nothing else to be fed."""
    fed, lacking = {t.key for t in inputs}, set()
    symbols = {t for t in tensors if isinstance(t, KerasTensor)}
    for op in topological(list(symbols), fed, 1, both=True):
        needed = [x for x in dependencies(op, 1, both=True) if isinstance(x, KerasTensor)]
        if op.func is symbolic.placeholder or any(
            x.op in lacking and x.key not in fed for x in needed
        ):
            lacking.add(op)
    return {t for t in tensors if t not in symbols or t.key in fed or t.op not in lacking}


def depends_on_phase(tensors):
    """Whether the value of any of `tensors` differs between training and testing."""
    return any(op is _PHASE_OP or op.func is phase_select for op in ancestors(tensors))
