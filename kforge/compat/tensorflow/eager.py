"""Code that runs at once, in the style of TensorFlow 2: `tf.GradientTape` and `tf.function`."""

import functools
import warnings

import torch

from ... import symbolic
from ...config import ThreadStack
from ...trees import leaves, map_leaves
from ...variable import Variable

__all__ = [
    "GradientTape",
    "enable_eager_execution",
    "enable_v2_behavior",
    "executing_eagerly",
    "function",
    "init_scope",
]

# The tapes within whose contexts a thread is.
_open = ThreadStack()


def executing_eagerly():
    """Whether operations run at once: within a `GradientTape` or a `tf.function`."""
    return symbolic.is_executing()


@functools.cache
def _explain():
    warnings.warn(
        "Operations are recorded, as in TensorFlow 1, and run at once within `tf.GradientTape` and "
        "`tf.function`. `tensor.numpy()` gives the value of what depends on no placeholder.",
        stacklevel=3,
    )


def enable_eager_execution(config=None, device_policy=None, execution_mode=None):
    """Changes nothing, and says what runs at once."""
    _explain()


def enable_v2_behavior():
    """Changes nothing, and says what runs at once."""
    _explain()


init_scope = symbolic.recording


class GradientTape:
    """Within its context operations run at once; `gradient` then gives their gradients.

    A tape is used up by `gradient` unless it is `persistent`. Tensors that are no results of
    variables have to be `watch`ed before.
    """

    def __init__(self, persistent=False, watch_accessed_variables=True):
        self._persistent, self._accessed = persistent, watch_accessed_variables
        self._watched = []

    def __enter__(self):
        self._contexts = (symbolic.executing(symbolic.running_phase() or 0), torch.enable_grad())
        for context in self._contexts:
            context.__enter__()
        _open.stack.append(self)
        return self

    def __exit__(self, *exc):
        _open.stack.pop()
        for context in reversed(self._contexts):
            context.__exit__(*exc)

    def watch(self, tensor):
        """From here on gradients for a tensor, or nested ones, can be asked for."""
        for x in map(_native, leaves(tensor)):
            if isinstance(x, torch.Tensor) and x.is_leaf and x.dtype.is_floating_point:
                x.requires_grad_()
        self._watched += leaves(tensor)

    def watched_variables(self):
        """The variables that were watched one by one."""
        return tuple(x for x in self._watched if isinstance(x, Variable))

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """Gradients of the sum of `target` for `sources`, nested as these; None if unconnected."""
        targets, flat = leaves(target), leaves(sources)
        nested = bool(_open.stack)
        keep = self._persistent or nested
        weights = None if output_gradients is None else leaves(output_gradients)
        found = _gradients(targets, flat, weights, keep, nested)
        if unconnected_gradients == "zero":
            found = _zeros_for_none(found, flat)
        if not keep:  # it is a value from here on, whose `numpy()` scripts print
            for x in targets:
                if not x._is_view():
                    x.detach_()
        found = iter(found)
        return map_leaves(lambda _: next(found), sources)

    def jacobian(self, target, sources, unconnected_gradients="none"):
        """The gradients of each element of `target`: (*its shape, *the source's shape)."""
        flat, nested = leaves(sources), bool(_open.stack)
        rows = [_gradients([y], flat, None, True, nested) for y in target.reshape(-1)]
        if unconnected_gradients == "zero":
            rows = [_zeros_for_none(row, flat) for row in rows]
        found = iter(
            None if column[0] is None else torch.stack(column).unflatten(0, tuple(target.shape))
            for column in zip(*rows)
        )
        return map_leaves(lambda _: next(found), sources)

    def batch_jacobian(self, target, source):
        """`jacobian` of each sample for itself: (batch, *target's rest, *source's rest)."""
        whole = self.jacobian(target, source)
        samples = torch.arange(target.shape[0])
        whole = whole.movedim(target.dim(), 1)
        return whole[samples, samples]

    def stop_recording(self):
        """A context whose operations have no gradients."""
        return torch.no_grad()

    def reset(self):
        """Forgets what is watched."""
        self._watched.clear()


def _native(x):
    """The tensor that gradients flow to: what a variable stores, the value of a constant."""
    if isinstance(x, symbolic.KerasTensor):
        if x.op.func is not symbolic.constant:
            raise TypeError(
                f"GradientTape: {x!r} is symbolic; compute it within the tape, or use "
                "`K.gradients`."
            )
        return x.op.args[0]
    return x.native if isinstance(x, Variable) else x


def _zeros_for_none(gradients, sources):
    return [torch.zeros_like(_native(x)) if g is None else g for g, x in zip(gradients, sources)]


def _gradients(targets, sources, weights, keep, create_graph):
    known = [t for t in targets if isinstance(t, torch.Tensor) and t.requires_grad]
    if weights is not None:
        weights = [w for w, t in zip(weights, targets) if any(t is k for k in known)]
    wanted = [i for i, x in enumerate(sources) if _native(x).requires_grad]
    found = [None] * len(sources)
    if not known or not wanted:
        return found
    grads = torch.autograd.grad(
        [t.sum() for t in known] if weights is None else known,
        [_native(sources[i]) for i in wanted],
        grad_outputs=weights,
        retain_graph=keep,
        create_graph=create_graph,
        allow_unused=True,
    )
    for i, grad in zip(wanted, grads):
        layout = sources[i].layout if isinstance(sources[i], Variable) else None
        found[i] = grad if grad is None or layout is None else layout.to_keras(grad)
    return found


def function(func=None, input_signature=None, autograph=True, **options):
    """A decorator: the function runs at once on torch tensors, as Python does.

    Of symbolic arguments it is recorded. The options are about tracing, which there is none of.
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature)

    @functools.wraps(func)
    def run(*args, **kwargs):
        if any(isinstance(x, symbolic.KerasTensor) for x in leaves([args, kwargs])):
            return func(*args, **kwargs)
        with symbolic.executing(symbolic.running_phase() or 0):
            return func(*args, **kwargs)

    run.python_function = func
    return run
