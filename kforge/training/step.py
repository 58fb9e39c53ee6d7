"""Steps: functions of one batch, lowered once and then run as they are."""

import operator

import torch

from .. import differentiation, lowering, operations, symbolic
from . import capture
from .compilable import make_compilable
from .mistakes import explained
from .options import Options
from .precision import lower_marked, mixed

__all__ = ["GatheringStep", "PredictStep", "TestStep", "TracedStep", "TrainStep", "ones_for"]


# What `torch.autograd.grad` and `torch.no_grad` come down to. A small step takes no longer
# than their checks of arguments, which never change.
_backward = torch.autograd.Variable._execution_engine.run_backward
_set_grad_enabled = torch._C._set_grad_enabled


class _Step:
    """Something to run on batches: a list of tensors in, a tensor or tensors out.

    `lowered` is the generated function, for whoever wants to read or compile it. `own` are the
    updates of the model, `others` those of what watches it.
    """

    phase = 0

    def __init__(self, model, outputs, inputs, own, others=()):
        arguments = outputs, inputs, [*own, *others], self.phase, self.phase == 1
        options = model._options
        if options.dtype is None:
            self.lowered = lowering.lower(*arguments)
        else:
            self.lowered = lower_marked([*model.outputs, *own], *arguments)
        module = self.lowered.module
        if options.compiles and self.phase == 1:
            make_compilable(module)
        self.forward = module.forward
        if options.dtype is not None:
            self.forward = mixed(module.graph, options.dtype)
        self.captured = self.lowered.captured

    def compute(self, batch):
        """All that `lowered` gives for a batch."""
        try:
            with symbolic.executing(self.phase):
                return self.forward(*batch, *self.captured)
        except (IndexError, RuntimeError) as error:
            raise explained(error, self.lowered.module, [*batch, *self.captured]) from error


class TrainStep(_Step):
    """Forward, backward, updates of statistics and metrics, optimizer step. Gives the loss."""

    phase = 1

    def __init__(self, model, weighted):
        compiled, options = model._compiled, model._options
        total, updates = compiled.objective(weighted)
        super().__init__(model, [total], step_inputs(model, weighted), model.updates, updates)
        self.variables = compiled.trainable
        self.params = tuple(v.native for v in self.variables)
        self.one = None
        self.apply = model.optimizer.prepare(self.variables)
        self.forward = options.compiled(self.forward)
        if options.captures:
            self.differentiate = self.recording(operations.generators([total]))

    def __call__(self, batch):
        before = torch.is_grad_enabled()
        try:
            loss, grads = self.differentiate(batch)
            self.apply(grads)
        finally:
            _set_grad_enabled(before)
        return loss.detach()

    def differentiate(self, batch):
        """The loss, and its gradients; statistics and metrics take note. Gradients are then off."""
        _set_grad_enabled(True)
        found = self.compute(batch)
        loss = found[0]
        if loss.dim():
            loss = loss.mean()
        if self.one is None:
            grads = self.first_gradients(loss)
        else:
            grads = _backward((loss,), self.scale(), False, False, self.params, False, False)
        _set_grad_enabled(False)
        if self.lowered.changes:
            self.lowered.carry_out(found)
        return loss, grads

    def scale(self):
        """What the gradients of the loss are multiplied by, as `backward` takes it."""
        return self.one

    def first_gradients(self, loss):
        """Gradients, checked: every trainable weight must have one."""
        if not self.params:  # as in Keras, a step then only moves statistics
            return []
        self.one, grads = (torch.ones_like(loss),), [None] * len(self.params)
        if loss.requires_grad:
            grads = _backward((loss,), self.scale(), False, False, self.params, True, False)
        missing = [v.name for v, g in zip(self.variables, grads) if g is None]
        if missing:
            self.one = None
            raise differentiation.missing_gradients(missing)
        return grads

    def recording(self, generators):
        """`differentiate`, recorded as CUDA graphs."""
        device = self.params[0].device if self.params else torch.device("cpu")
        if not capture.can_record(device):
            raise ValueError(
                f'`jit="cudagraph"` needs a CUDA device; the weights of the model are on {device}.'
            )
        if any(variable is None for _, variable, *_ in self.lowered.changes):
            raise ValueError(
                '`jit="cudagraph"`: a metric or an update runs Python code on the values of every '
                "batch, which a CUDA graph cannot."
            )
        generators = [g for g in generators if g.device == device]
        return capture.Captured(self.differentiate, device, generators)


class GatheringStep(TrainStep):
    """A `TrainStep` whose gradients go to `gathering`, which applies them when it is time."""

    def __init__(self, model, weighted):
        super().__init__(model, weighted)
        self.gathering = model._gathering(self.apply, self.params)

    def __call__(self, batch):
        before = torch.is_grad_enabled()
        try:
            loss, grads = self.differentiate(batch)
            self.gathering.add(grads, len(batch[0]) if batch else 1)
        finally:
            _set_grad_enabled(before)
        return loss.detach()

    def scale(self):
        """See `TrainStep.scale`."""
        scaler = self.gathering.scaler
        return self.one if scaler is None else (scaler.scale(self.one[0]),)


class TracedStep(_Step):
    """The step of an optimizer that writes its own updates: they are part of the graph.

    They are recorded once, with all sample weights fed; see `for_weights`.
    """

    phase = 1

    def __init__(self, model, weighted):
        if model._options != Options():
            raise ValueError(
                f"{type(model.optimizer).__name__} writes its own `get_updates`, which "
                "`accumulate_steps`, `precision` and `jit` cannot be combined with. Write "
                "`update` instead (see `kforge.optimizers.Optimizer`)."
            )
        self.variables = model._compiled.trainable
        self.weights = [endpoint.sample_weight for endpoint in model._compiled.trained]
        total, updates = model._compiled.objective(weighted)
        inputs = step_inputs(model, weighted)
        own = model.optimizer.get_updates(loss=total, params=self.variables)
        super().__init__(model, [total], inputs, model.updates, [*own, *updates])

    def __call__(self, batch):
        return self.run(batch)

    def run(self, batch):
        """The loss; the optimizer's updates are carried out."""
        loss = self.lowered.run(batch)[0].detach()
        return loss.mean() if loss.dim() else loss

    def for_weights(self, weighted):
        """This step for batches in which only some outputs have sample weights: others get ones."""
        if all(weighted):
            return self

        def run(batch):
            rest = batch[: len(batch) - sum(weighted)]
            given, targets = iter(batch[len(rest) :]), rest[len(rest) - len(weighted) :]
            found = [
                next(given) if is_given else ones_for(weight, target)
                for is_given, weight, target in zip(weighted, self.weights, targets)
            ]
            return self([*rest, *found])

        return run


def ones_for(weight, target):
    """Sample weights for a target that say nothing, as the placeholder `weight` takes them."""
    shape = target.shape[: weight.ndim]
    return torch.ones(shape, dtype=weight.torch_dtype, device=target.device)


class TestStep(_Step):
    """The loss and metrics of a batch. Gives the loss."""

    __test__ = False  # not a test case

    def __init__(self, model, weighted):
        total, updates = model._compiled.objective(weighted)
        super().__init__(model, [total], step_inputs(model, weighted), model.state_updates, updates)

    def __call__(self, batch):
        return self.run(batch)

    def run(self, batch):
        """The loss; metrics take note."""
        found = self.compute(batch)
        if self.lowered.changes:
            self.lowered.carry_out(found)
        loss = found[0].detach()
        return loss.mean() if loss.dim() else loss


class PredictStep(_Step):
    """The outputs of a batch, as a tuple."""

    def __init__(self, model):
        super().__init__(model, model.outputs, model._feed_inputs, model.state_updates)
        self.count = self.lowered.outputs
        # Whether an output may be memory of an input, a weight or another output.
        self.aliases = _may_alias(self.lowered)

    def __call__(self, batch):
        found = self.compute(batch)
        if self.lowered.changes:
            self.lowered.carry_out(found)
        return found[: self.count]


def step_inputs(model, weighted):
    """Placeholders of a step: inputs, targets, and the sample weights that come."""
    compiled = model._compiled
    weights = [e.sample_weight for e, given in zip(compiled.trained, weighted) if given]
    return [*model._feed_inputs, *(e.target for e in compiled.fed), *weights]


# Operations that always give memory of their own.
_FRESH = {
    *(torch.softmax, torch.sigmoid, torch.tanh, torch.relu, torch.relu_, torch.exp),
    *(torch.nn.functional.linear, torch.conv1d, torch.conv2d, torch.conv3d, torch.matmul),
    *(torch.cat, torch.stack, torch.mean, torch.sum, torch.lstm, torch.gru),
    *(operator.add, operator.sub, operator.mul, operator.truediv),
}


def _may_alias(lowered):
    """Whether an output may share memory with an input, a variable or another output."""
    outputs = next(iter(reversed(lowered.module.graph.nodes))).args[0][: lowered.outputs]
    if len(set(outputs)) != len(outputs):
        return True
    return any(node.op != "call_function" or node.target not in _FRESH for node in outputs)
