"""Gradients on their way to the optimizer: summed over batches, and scaled for float16."""

import torch

__all__ = ["Gathering"]


class Gathering:
    """Hands an optimizer the mean gradient of `steps` batches, weighted by their samples.

    In float16 the gradients come multiplied by a factor that keeps small ones from vanishing
    (Micikevicius et al., "Mixed precision training", arXiv:1710.03740). A step whose gradients
    are not finite is left out, and the factor halved; whether it is, is read from the device.
    """

    def __init__(self, apply, params, device, options):
        self.apply, self.steps = apply, options.accumulate_steps
        self.param_groups = [{"params": list(params)}]  # where a GradScaler looks
        self.scaler = torch.amp.GradScaler(device) if options.precision == "fp16" else None
        self.discard()

    @property
    def waiting(self):
        """Number of batches whose gradients were not applied yet."""
        return self.count

    def discard(self):
        """Forgets the gradients that wait."""
        self.total, self.count, self.samples = None, 0, 0

    def add(self, grads, size):
        """Takes the gradients of a batch of `size` samples."""
        if self.steps == 1:
            self._step(grads)
            return
        if self.total is None:
            self.total = torch._foreach_mul(grads, size)
        else:
            torch._foreach_add_(self.total, grads, alpha=size)
        self.count, self.samples = self.count + 1, self.samples + size
        if self.count == self.steps:
            self.finish()

    def finish(self):
        """Lets the optimizer take a step with what waits, if anything does."""
        if self.count:
            grads = torch._foreach_div(self.total, self.samples)
            self.discard()
            self._step(grads)

    def state(self):
        """The factor and how it came about: numbers by name; none but in float16."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def set_state(self, state):
        """Goes on from what `state` gave."""
        if self.scaler is not None:
            self.scaler.load_state_dict(state)

    @torch.no_grad()
    def _step(self, grads):
        if self.scaler is None or not grads:
            self.apply(grads)
            return
        params = self.param_groups[0]["params"]
        for param, grad in zip(params, grads):
            param.grad = grad
        try:
            self.scaler.step(self)
            self.scaler.update()
        finally:
            for param in params:
                param.grad = None

    def step(self):
        """What a GradScaler calls when all gradients are finite."""
        self.apply([param.grad for param in self.param_groups[0]["params"]])
