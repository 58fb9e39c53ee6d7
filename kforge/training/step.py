"""Steps: functions of one batch, lowered once and then run as they are."""

import torch

from .. import lowering, symbolic

__all__ = ["PredictStep", "TestStep", "TrainStep"]


# What `torch.autograd.grad` and `torch.no_grad` come down to. A small step takes no longer
# than their checks of arguments, which never change.
_backward = torch.autograd.Variable._execution_engine.run_backward
_set_grad_enabled = torch._C._set_grad_enabled


class _Step:
    """Something to run on batches: a list of tensors in, a tensor or tensors out.

    `lowered` is the generated function, for whoever wants to read or compile it.
    """

    phase = 0

    def __init__(self, outputs, inputs, updates):
        gradients = self.phase == 1
        self.lowered = lowering.lower(outputs, inputs, updates, self.phase, create_graph=gradients)
        self.forward, self.captured = self.lowered.forward, self.lowered.captured


class TrainStep(_Step):
    """Forward, backward, updates of statistics and metrics, optimizer step. Gives the loss."""

    phase = 1

    def __init__(self, model, weighted):
        compiled, optimizer = model._compiled, model.optimizer
        total, updates = compiled.objective(weighted)
        inputs = step_inputs(model, weighted)
        self.variables = compiled.trainable
        self.traced = not optimizer.is_direct
        if self.traced:
            updates = list(optimizer.get_updates(loss=total, params=self.variables)) + updates
        super().__init__([total], inputs, list(model.updates) + updates)
        self.params = tuple(v.native for v in self.variables)
        self.checked = False
        if not self.traced:
            self.apply = optimizer.prepare(self.variables)

    def __call__(self, batch):
        if self.traced:
            return self.run_traced(batch)
        before = torch.is_grad_enabled()
        _set_grad_enabled(True)
        try:
            with symbolic.executing(1):
                found = self.forward(*batch, *self.captured)
            loss = found[0]
            if loss.dim():
                loss = loss.mean()
            if self.checked:
                grads = _backward((loss,), self.one, False, False, self.params, False, False)
            else:
                grads = self.first_gradients(loss)
            _set_grad_enabled(False)
            if self.lowered.changes:
                self.lowered.carry_out(found)
            self.apply(grads)
        finally:
            _set_grad_enabled(before)
        return loss.detach()

    def run_traced(self, batch):
        """The step of an optimizer that writes its own updates: they are part of the graph."""
        loss = self.lowered.run(batch)[0].detach()
        return loss.mean() if loss.dim() else loss

    def first_gradients(self, loss):
        """Gradients, checked: every trainable weight must have one."""
        if not self.params:  # as in Keras, a step then only moves statistics
            return []
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        missing = [v.name for v, g in zip(self.variables, grads) if g is None]
        if missing:
            raise ValueError(
                "An operation has `None` for gradient. Please make sure that all of your ops have "
                "a gradient defined (i.e. are differentiable). Common ops without gradient: "
                f"K.argmax, K.round, K.eval. Weights without gradient: {missing}"
            )
        self.one = (torch.ones_like(loss),)
        self.checked = True
        return grads


class TestStep(_Step):
    """The loss and metrics of a batch. Gives the loss."""

    __test__ = False  # not a test case

    def __init__(self, model, weighted):
        total, updates = model._compiled.objective(weighted)
        super().__init__([total], step_inputs(model, weighted), model.state_updates + updates)

    def __call__(self, batch):
        with symbolic.executing(0):
            found = self.forward(*batch, *self.captured)
        if self.lowered.changes:
            self.lowered.carry_out(found)
        loss = found[0].detach()
        return loss.mean() if loss.dim() else loss


class PredictStep(_Step):
    """The outputs of a batch, as a tuple."""

    def __init__(self, model):
        super().__init__(model.outputs, model.inputs, model.state_updates)
        self.count = self.lowered.outputs
        # Whether an output may be memory of an input, a weight or another output.
        self.aliases = lowering.may_alias(self.lowered)

    def __call__(self, batch):
        with symbolic.executing(0):
            found = self.forward(*batch, *self.captured)
        if self.lowered.changes:
            self.lowered.carry_out(found)
        return found[: self.count]


def step_inputs(model, weighted):
    """Placeholders of a step: inputs, targets, and the sample weights that come."""
    fed = model._compiled.fed
    weights = [e.sample_weight for e, given in zip(fed, weighted) if given]
    return [*model.inputs, *(e.target for e in fed), *weights]
