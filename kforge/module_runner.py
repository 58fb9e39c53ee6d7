"""Torch modules as operations."""

from torch.func import functional_call

from .symbolic import NeedsValue

__all__ = ["ModuleRunner"]


class ModuleRunner:
    """Runs a module with given tensors in the place of its own, which are in `own` by name.

    The result is a list: the module's outputs, and in training the new values of its `buffers`,
    the last of `own`.
    """

    def __init__(self, module):
        kept = module.state_dict(keep_vars=True)
        buffers = {name: b for name, b in module.named_buffers() if name in kept}
        self.module, self.buffers, self.several = module, list(buffers), False
        self.own = {**dict(module.named_parameters()), **buffers}

    def __call__(self, training, inputs, tensors):
        if self.module.training is not training:
            self.module.train(training)
        pairs = zip(self.own.items(), tensors)
        given = {name: tensor for (name, own), tensor in pairs if tensor is not own}
        moving = self.buffers if training else ()
        for name in moving:  # the module may change these
            given[name] = given.get(name, self.own[name]).clone()
        try:
            if given:
                outputs = functional_call(self.module, given, tuple(inputs))
            else:
                outputs = self.module(*inputs)
        except Exception as error:
            if any(x.is_meta for x in inputs):
                raise NeedsValue(f"{type(self.module).__name__} cannot run without data") from error
            raise
        self.several = isinstance(outputs, (list, tuple))
        outputs = outputs if self.several else [outputs]
        return [*outputs, *(given[name] for name in moving)]
