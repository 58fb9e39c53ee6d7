"""A training step that a script has put in the place of the model's own."""

import torch

from .. import parallel
from ..backend.values import as_list
from .step import ones_for

__all__ = ["ReplacedStep"]


class ReplacedStep:
    """Calls a function of one list, as Keras calls `model.train_function`: the inputs, targets and
    sample weights of a batch as arrays, then 1 if the model depends on the learning phase.

    Its first result is the loss. While it runs, `model.train_function` is the model's own again.
    Metrics are reported as far as that, or something else that it calls, has updated them.
    """

    def __init__(self, model, function, weighted):
        if parallel.size() > 1:
            raise ValueError(
                f"Model {model.name}: in several processes a `train_function` of your own would "
                "train each copy by itself. Override `train_step`, or run a single process."
            )
        self.model, self.function, self.weighted = model, function, weighted

    def __call__(self, batch):
        model, at = self.model, len(batch) - sum(self.weighted)
        given, trained = iter(batch[at:]), model._compiled.trained
        targets = batch[at - len(trained) : at]
        weights = [
            next(given) if is_given else ones_for(endpoint.sample_weight, target)
            for is_given, endpoint, target in zip(self.weighted, trained, targets)
        ]
        values = [tensor.cpu().numpy() for tensor in (*batch[:at], *weights)]
        steps = model._steps
        del steps["train_function"]
        try:
            found = self.function(values + [1] * model._uses_dynamic_learning_phase())
        finally:
            steps["train_function"] = self.function
        return torch.as_tensor(as_list(found)[0], dtype=torch.float32).mean()
