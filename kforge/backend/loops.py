"""Loops over steps or samples: `rnn`, `map_fn`, `foldl`, `foldr`.

On symbolic tensors the body is recorded once, lowered to a function of its own, and the loop is
one operation that runs it. The body may close over any tensors and variables; they become
arguments of the operation. On torch tensors the body itself runs.
"""

import torch

from .. import lowering, operations, symbolic
from ..symbolic import KerasTensor, Op, probes_of
from ..trees import leaves, map_leaves
from .values import recorded, tensor
from .variables import cast

__all__ = ["foldl", "foldr", "map_fn", "rnn"]


# ---- one loop ---------------------------------------------------------------------------------


def _loop(body, elements, carry, axis, backwards):
    """Runs `body` on the slices of `elements` along `axis`, one after the other.

    ``body(slices, carry)`` gives a list of results and the next carry. Gives the results stacked
    along `axis`, the last results, and the last carry.
    """
    columns = list(zip(*(e.unbind(axis) for e in elements)))
    results = []
    for slices in reversed(columns) if backwards else columns:
        found, carry = body(list(slices), carry)
        results.append(found)
    return [torch.stack(column, axis) for column in zip(*results)], results[-1], carry


def loop_over(body, elements, carry, samples, axis=0, backwards=False):
    """`_loop`, recorded as one operation where a tensor is symbolic.

    `samples` are tensors like those that `carry` holds in the loop.
    """
    if not recorded(elements, carry):
        return _loop(body, elements, carry, axis, backwards)
    slices = [[p.select(axis, 0) for p in probes_of(e)] for e in elements]
    trace = Trace(body, slices, [probes_of(s) for s in samples])
    lengths = [p.shape[axis] for p in probes_of(elements[0])]

    def record(phase):
        step = trace.lowered(phase)
        args = (elements, carry, trace.outside, step.captured)
        op = Op(Loop(trace, step.forward, axis, backwards), args, name="loop")
        stacked = [
            [
                p.unsqueeze(axis).expand(*p.shape[:axis], n, *p.shape[axis:])
                for p, n in zip(r, lengths)
            ]
            for r in map(probes_of, trace.outputs[: trace.results])
        ]
        probes = stacked + [probes_of(t) for t in trace.outputs]
        return [KerasTensor(op, i, tuple(pair)) for i, pair in enumerate(probes)]

    found = record(0)
    if trace.phased:
        found = [operations.select(a, b) for a, b in zip(record(1), found)]
    n = trace.results
    return found[:n], found[n : 2 * n], found[2 * n :]


class Loop:
    """`_loop` over a body, traced and lowered, as an operation."""

    def __init__(self, trace, forward, axis, backwards):
        self.trace, self.forward, self.results = trace, forward, trace.results
        self.axis, self.backwards = axis, backwards

    def __call__(self, elements, carry, outside, captured):
        if elements[0].is_meta:
            raise symbolic.NeedsValue("The loop runs on values only; its shapes are known.")

        def body(slices, carry):
            found = self.forward(*slices, *carry, *outside, *captured)
            return found[: self.results], found[self.results :]

        if not elements[0].shape[self.axis]:
            return [*self.nothing(elements[0].device), *carry]
        stacked, last, carry = _loop(body, elements, carry, self.axis, self.backwards)
        return [*stacked, *last, *carry]

    def nothing(self, device):
        """The results, stacked and last, of a loop over no elements; unknown sizes are 0 too."""
        shapes = [
            (t.torch_dtype, [n or 0 for n in t.shape]) for t in self.trace.outputs[: self.results]
        ]
        last = [torch.zeros(shape, dtype=dtype, device=device) for dtype, shape in shapes]
        return [*(t.unsqueeze(self.axis).narrow(self.axis, 0, 0) for t in last), *last]


class Trace:
    """The body of a loop, recorded once.

    `outputs` are its results (the first `results`) and its carry; `outside` the symbolic tensors
    that it closes over.
    """

    def __init__(self, body, slices, carry):
        self.inputs = [
            KerasTensor(Op(symbolic.placeholder, name=f"loop_{i}"), None, tuple(pair))
            for i, pair in enumerate(slices + carry)
        ]
        start = self.inputs[-1].op.serial
        results, carry = body(self.inputs[: len(slices)], self.inputs[len(slices) :])
        self.results = len(results)
        self.outputs = [tensor(t) for t in (*results, *carry)]
        inside = [op for op in operations.ancestors(self.outputs) if op.serial > start]
        used = [leaf for op in inside for leaf in leaves([op.args, op.kwargs])] + self.outputs
        fed = {t.key for t in self.inputs}
        before = {t.key: t for t in used if isinstance(t, KerasTensor) and t.op.serial <= start}
        phase = before.pop(operations.learning_phase().key, None)
        self.outside = [t for key, t in before.items() if key not in fed]
        self.phased = phase is not None or any(op.func is operations.phase_select for op in inside)

    def lowered(self, phase):
        """The function of the inputs, what is outside, and what is captured."""
        found = lowering.lower(self.outputs, self.inputs + self.outside, phase=phase)
        if found.changes:
            raise ValueError("A function that loops cannot change variables; return new values.")
        return found


# ---- what K offers ----------------------------------------------------------------------------


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
):
    """Runs a step over axis 1 of `inputs`: the last output, all outputs, the last states.

    ``step_function(x, states + constants)`` gives an output and new states. Where `mask`, (batch,
    steps), is false, the output is that of the step before (zeros at first), and states stay.
    `unroll` records each step by itself, which takes a known number of steps; `input_length`, that
    number, is for backends that could not tell it from the shape.
    """
    inputs, constants = tensor(inputs), list(constants or [])
    if len(inputs.shape) < 3:
        raise ValueError(f"Input should be at least 3D. Got shape {tuple(inputs.shape)}.")
    if unroll and inputs.shape[1] is None:
        raise ValueError(
            "Unrolling requires a fixed number of timesteps. "
            f"Got inputs of shape {tuple(inputs.shape)}."
        )
    states = [tensor(s) for s in initial_states]
    body, elements, carry = _steps(step_function, constants), [inputs], states
    if mask is not None:
        if not states:
            raise ValueError(
                "No initial states provided! When using masking in an RNN, you should provide "
                "initial states (and your step function should return as its first state at time "
                "`t` the output at time `t-1`)."
            )
        mask = cast(mask, torch.bool)
        elements.append(mask.flatten(1) if len(mask.shape) > 2 else mask)
        body = _masked(body)
    if unroll or not recorded(elements, states):
        if mask is not None:
            carry = [inputs.new_zeros(()), *states]
        outputs, last, carry = _loop(body, elements, carry, 1, go_backwards)
    else:
        # Cells make what all steps share, such as dropout masks, in their first call: here.
        output, _ = step_function(inputs.select(1, 0), states + constants)
        samples = states
        if mask is not None:
            carry = [inputs.new_zeros(()), *states]
            samples = [tensor(output), *states]
        outputs, last, carry = loop_over(body, elements, carry, samples, 1, go_backwards)
    return last[0], outputs[0], carry[1:] if mask is not None else carry


def _steps(step_function, constants):
    def body(slices, carry):
        output, states = step_function(slices[0], list(carry) + constants)
        return [output], list(states)

    return body


def _masked(body):
    """`body` where the mask, the second slice, is true; the first of its carry is an output."""

    def masked(slices, carry):
        found, states = body(slices[:1], carry[1:])
        new = [
            torch.where(slices[1].reshape([-1] + [1] * (len(a.shape) - 1)), a, b)
            for a, b in zip((*found, *states), carry)
        ]
        return new[:1], new

    return masked


def map_fn(fn, elems, name=None, dtype=None):
    """`fn` applied to each item along axis 0, the results stacked.

    With nested lists and tuples of tensors `fn` takes such ones, and gives any, of `dtype`.
    """
    given, structures = [tensor(e) for e in leaves(elems)], []

    def body(slices, carry):
        found = fn(rebuilt(elems, slices))
        structures.append(found)
        found = [tensor(t) for t in leaves(found)]
        several = isinstance(dtype, (list, tuple))
        wanted = leaves(dtype) if several else [dtype] * len(found)
        return [t if d is None else cast(t, d) for t, d in zip(found, wanted)], carry

    stacked, _, _ = loop_over(body, given, [], [])
    return rebuilt(structures[0], stacked)


def rebuilt(structure, values):
    """`structure`, nested lists and tuples, with its leaves replaced, in order."""
    values = iter(values)
    return map_leaves(lambda _: next(values), structure)


def foldl(fn, elems, initializer=None, name=None):
    """``fn(accumulated, item)`` over the items along axis 0, from the first to the last.

    It begins with `initializer`, or else with the first item.
    """
    return _fold(fn, elems, initializer, backwards=False)


def foldr(fn, elems, initializer=None, name=None):
    """`foldl`, from the last item to the first."""
    return _fold(fn, elems, initializer, backwards=True)


def _fold(fn, elems, start, backwards):
    elems = tensor(elems)
    if start is None:
        start = elems.select(0, -1 if backwards else 0)
        elems = elems[:-1] if backwards else elems[1:]
    start = tensor(start)
    _, _, carry = loop_over(
        lambda slices, carry: ([], [tensor(fn(carry[0], slices[0]))]),
        [elems],
        [start],
        [start],
        backwards=backwards,
    )
    return carry[0]
