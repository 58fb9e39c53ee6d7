"""Choices, loops, arrays of tensors, and what else has to do with when things run."""

import contextlib

import torch

from ... import backend as K
from ... import operations, symbolic
from ...backend.loops import Trace, loop_over, rebuilt
from ...backend.session import Fetch
from ...dtypes import torch_dtype
from ...probes import probe_pair, static_shape
from ...symbolic import KerasTensor, Op, Symbolic
from ...trees import Holder, leaves, map_leaves
from .values import apply, convert, recorded, tensor

__all__ = [
    "Assert",
    "Print",
    "TensorArray",
    "case",
    "cond",
    "control_dependencies",
    "foldl",
    "foldr",
    "group",
    "map_fn",
    "no_op",
    "scan",
    "tuple",
    "while_loop",
]

_tuple = tuple


# ---- choices ------------------------------------------------------------------------------------


def cond(pred, true_fn=None, false_fn=None, strict=False):
    """What one of two functions gives. If `pred` is a tensor both are recorded, and both run."""
    if not isinstance(pred, (Symbolic, torch.Tensor)):
        return true_fn() if pred else false_fn()
    if not recorded(pred) and not isinstance(pred, Symbolic):
        return true_fn() if bool(pred) else false_fn()
    yes, no = true_fn(), false_fn()
    found = [K.switch(pred, convert(a), convert(b)) for a, b in zip(leaves(yes), leaves(no))]
    return rebuilt(yes, found)


def case(pred_fn_pairs, default=None, exclusive=False, strict=False):
    """What the function of the first true predicate gives, else `default`."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if default is None:
        default = pairs.pop()[1]
    for pred, function in reversed(pairs):
        default = _chain(pred, function, default)
    return default()


def _chain(pred, function, otherwise):
    return lambda: cond(pred, function, otherwise)


# ---- loops --------------------------------------------------------------------------------------


def while_loop(
    cond,
    body,
    loop_vars,
    shape_invariants=None,
    maximum_iterations=None,
    return_same_structure=False,
):
    """`body`, again and again from `loop_vars`, while `cond` of its results is true.

    Both are recorded once; the loop itself is one operation. Sizes that change from turn to turn
    are unknown in the result.
    """
    structure = list(loop_vars) if isinstance(loop_vars, (list, _tuple)) else [loop_vars]
    start = [_flow(v) for v in leaves(structure)]

    def unflatten(values):
        pairs = zip(leaves(structure), values)
        return rebuilt(structure, [_unflow(like, v) for like, v in pairs])

    def turn(values):
        found = body(*unflatten(values))
        return [_flow(v) for v in leaves(found)]

    def goes_on(values):
        return convert(cond(*unflatten(values)))

    if recorded(*start):
        start = _recorded_loop(goes_on, turn, start, maximum_iterations)
    else:
        turns = 0
        while bool(goes_on(start)) and (maximum_iterations is None or turns < maximum_iterations):
            start, turns = turn(start), turns + 1
    found = unflatten(start)
    return found if len(found) > 1 or return_same_structure else found[0]


def _flow(value):
    return value.flow if isinstance(value, TensorArray) else convert(value)


def _unflow(like, value):
    return like._with(value) if isinstance(like, TensorArray) else value


def _recorded_loop(goes_on, turn, start, most):
    carry = [symbolic.probes_of(v) for v in start]
    test = Trace(lambda _, values: ([goes_on(values)], []), [], carry)
    step = Trace(lambda _, values: ([], turn(values)), [], carry)
    if len(step.outputs) != len(start):
        raise ValueError(
            f"while_loop: the body takes {len(start)} tensors, but gives {len(step.outputs)}."
        )

    def record(phase):
        a, b = test.lowered(phase), step.lowered(phase)
        args = (start, test.outside, a.captured, step.outside, b.captured)
        op = Op(_While(a.forward, b.forward, most), args, name="while")
        probes = [_varying(p, symbolic.probes_of(t)) for p, t in zip(carry, step.outputs)]
        return [KerasTensor(op, i, _tuple(pair)) for i, pair in enumerate(probes)]

    found = record(0)
    if test.phased or step.phased:
        found = [operations.select(x, y) for x, y in zip(record(1), found)]
    return found


def _varying(before, after):
    """Probes of a tensor that has the shapes of `before` at first, and those of `after` later."""
    if not isinstance(after[0], torch.Tensor) or before[0].shape == after[0].shape:
        return after
    shape = [
        m if m == n and m == k else None
        for m, n, k in zip(before[0].shape, after[0].shape, after[1].shape)
    ]
    return probe_pair(shape, after[0].dtype)


class _While:
    """The loop as an operation, of functions for the test and for one turn."""

    def __init__(self, test, step, most):
        self.test, self.step, self.most = test, step, most

    def __call__(self, values, test_outside, test_captured, step_outside, step_captured):
        if any(isinstance(v, torch.Tensor) and v.is_meta for v in values):
            raise symbolic.NeedsValue("The loop runs on values only; its shapes are known.")
        turns = 0
        while self.test(*values, *test_outside, *test_captured)[0]:
            if self.most is not None and turns >= self.most:
                break
            values, turns = list(self.step(*values, *step_outside, *step_captured)), turns + 1
        return values


def map_fn(fn, elems, dtype=None, fn_output_signature=None):
    """`fn` of each item along axis 0, the results stacked; `fn_output_signature` gives dtypes."""
    if fn_output_signature is not None:
        dtype = map_leaves(lambda s: getattr(s, "dtype", s), fn_output_signature)
    return K.map_fn(fn, elems, dtype=dtype)


def foldl(fn, elems, initializer=None):
    """``fn(accumulated, item)`` over the items, from the first to the last."""
    return K.foldl(fn, elems, initializer)


def foldr(fn, elems, initializer=None):
    """`foldl`, from the last item to the first."""
    return K.foldr(fn, elems, initializer)


def scan(fn, elems, initializer=None, reverse=False):
    """All the values that `foldl` goes through, stacked; or `foldr`, with `reverse`.

    `elems` and `initializer` may be nested lists and tuples of tensors; `fn` then takes slices of
    the one, and takes and gives values of the other.
    """
    given, first = [tensor(x) for x in leaves(elems)], None
    if initializer is None:
        initializer = elems
        start = [x.select(0, -1 if reverse else 0) for x in given]
        given = [x[:-1] if reverse else x[1:] for x in given]
        first = [x.unsqueeze(0) for x in start]
    else:
        start = [tensor(x) for x in leaves(initializer)]

    def turn(slices, carry):
        found = fn(rebuilt(initializer, carry), rebuilt(elems, slices))
        found = [convert(x) for x in leaves(found)]
        return found, found

    steps, _, _ = loop_over(turn, given, start, start, backwards=reverse)
    if reverse:
        steps = [torch.flip(x, [0]) for x in steps]
    if first is not None:
        pairs = zip(steps, first) if reverse else zip(first, steps)
        steps = [torch.cat(pair) for pair in pairs]
    return rebuilt(initializer, steps)


# ---- arrays of tensors --------------------------------------------------------------------------


class _Items(Holder):
    """The tensors of a TensorArray at one time, {number: tensor}: what flows through a graph."""

    __slots__ = ("found",)

    def __init__(self, found):
        self.found = found

    def mapped(self, function):
        return _Items({index: function(x) for index, x in self.found.items()})


def _write(items, index, value):
    index = 0 if value.is_meta or _is_meta(index) else int(index)
    return _Items({**items.found, index: value})


def _read(items, index):
    if _is_meta(index):
        return next(iter(items.found.values()))
    return items.found[int(index)]


def _is_meta(x):
    return isinstance(x, torch.Tensor) and x.is_meta


def _stack(items):
    return torch.stack([items.found[i] for i in sorted(items.found)])


def _unstacked(x):
    return _Items(dict(enumerate(x.unbind(0))))


def _count(items):
    return torch.tensor(len(items.found), dtype=torch.int32)


class TensorArray:
    """A list of tensors that a loop can fill: `write` gives the array that has one more."""

    def __init__(
        self, dtype, size=None, dynamic_size=None, flow=None, element_shape=None, **kwargs
    ):
        self.dtype, self.element_shape = torch_dtype(dtype), element_shape
        self.flow = flow
        if flow is None:
            empty = _Items({})
            self.flow = empty
            if not symbolic.is_executing():
                self.flow = KerasTensor(Op(_Items, ({},), name="TensorArray"), None, (empty, empty))

    def _with(self, flow):
        return TensorArray(self.dtype, flow=flow, element_shape=self.element_shape)

    def write(self, index, value, name=None):
        """The array with `value` at place `index`."""
        return self._with(apply(_write, self.flow, index, convert(value)))

    def unstack(self, value, name=None):
        """The array of the slices of `value` along axis 0."""
        return self._with(apply(_unstacked, convert(value)))

    def read(self, index, name=None):
        """The tensor at place `index`."""
        return apply(_read, self.flow, index)

    def stack(self, name=None):
        """All tensors, stacked along a new axis 0."""
        if not isinstance(self.flow, KerasTensor):
            return _stack(self.flow)
        samples = [next(iter(items.found.values()), None) for items in self.flow.probes]
        if samples[0] is None:
            raise ValueError("TensorArray: nothing was written that `stack` could give.")
        shape = static_shape(samples)
        return symbolic.declared(_stack, (self.flow,), {}, (None, *shape), samples[0].dtype)

    def gather(self, indices, name=None):
        """The tensors at these places, stacked."""
        return K.gather(self.stack(), indices)

    def concat(self, name=None):
        """All tensors, one after the other along their axis 0."""
        found = self.stack()
        return found.flatten(0, 1)

    def size(self, name=None):
        """How many tensors there are."""
        return apply(_count, self.flow)

    def identity(self):
        """The array itself."""
        return self


# ---- order --------------------------------------------------------------------------------------


class Group(Fetch):
    """Several operations to run."""

    def __init__(self, operations):
        self.operations = operations


def group(*inputs):
    """Several operations as one, for `Session.run`."""
    found = [x for item in inputs for x in leaves(item) if x is not None]
    return Group([op for x in found for op in (x.operations if isinstance(x, Fetch) else [x])])


def no_op():
    """An operation that does nothing."""
    return group()


def tuple(tensors, control_inputs=None):
    """The tensors, computed together as always; they carry the updates in `control_inputs`."""
    with control_dependencies(control_inputs):
        return [K.identity(x) for x in tensors]


@contextlib.contextmanager
def control_dependencies(control_inputs):
    """What `tf.identity` gives within this context carries the updates in `control_inputs`."""
    with K.control_dependencies(group(*(control_inputs or ())).operations):
        yield


def Print(input_, data=None, message=None, first_n=None, summarize=None):
    """`input_`; the values of `data` are printed when it is computed, the `first_n` times.

    Of each, in one row, the first `summarize` values (3 by default, all if negative).
    """
    turns = None if first_n is None or first_n < 0 else iter(range(first_n))
    most = 3 if summarize is None else summarize
    return apply(
        _print, tensor(input_), [tensor(x) for x in data or ()], message or "", turns, most
    )


def _print(x, data, message, turns, most):
    if not x.is_meta and (turns is None or next(turns, None) is not None):
        print(
            message, *(_row(value.detach().cpu().numpy().ravel(), most) for value in data), sep=""
        )
    return x.view_as(x)


def _row(values, most):
    shown = values if most < 0 else values[:most]
    return f"[{' '.join(map(str, shown))}{'...' * (len(shown) < len(values))}]"


def Assert(condition, data, summarize=None):
    """An operation that fails, when it runs, unless the condition is true.

    The error shows `data`, of each the first `summarize` values (all by default).
    """
    condition = tensor(condition)
    texts = [x if isinstance(x, str) else None for x in data]
    given = [condition, *(tensor(x) for x, text in zip(data, texts) if text is None)]

    def show(value):
        return value.tolist() if summarize is None else value.flatten()[:summarize].tolist()

    def check(values):
        found = iter(values)
        if not bool(next(found).all()):
            shown = [show(next(found)) if text is None else text for text in texts]
            raise ValueError(f"assertion failed: {shown}")

    if any(isinstance(x, Symbolic) for x in given):
        return operations.effect(check, given)
    check(given)
    return condition
