"""What is wrong with a batch, where torch only tells that an operation failed."""

import re

import torch
from torch import fx

from .. import generated

__all__ = ["explained"]


def explained(error, module, arguments):
    """`error` of a lowered module, as one that names what it was about.

    An `IndexError` becomes one that names index, range and mend; a `RuntimeError` about sizes, a
    `ValueError` with the operation, what it was applied to, and the shapes of that.
    """
    is_index = isinstance(error, IndexError)
    if not (is_index or (type(error) is RuntimeError and re.search("size|shape", str(error)))):
        return error
    finder = _Finder(module, type(error))
    try:
        finder.run(*arguments)
    except type(error):
        node, args = finder.failed
        if not is_index:
            return _of_sizes(error, node, args)
        if node.target is torch.embedding:
            table, indices = args[:2]
            bad = _outside(indices, len(table))
            name = str(node.args[0]).removesuffix("_embeddings")
            return IndexError(
                f"Layer {name}: index {bad} is not in [0, {len(table)}), which `input_dim` allows. "
                "Is `input_dim` the largest index plus one?"
            )
        if node.target is torch._C._nn.cross_entropy_loss:
            logits, labels = args[:2]
            bad = _outside(labels, logits.shape[1])
            return IndexError(
                f"Label {bad} is not in [0, {logits.shape[1]}), the classes of the output. Do the "
                "labels begin at 1, or has the last layer too few units?"
            )
    return error


class _Finder(fx.Interpreter):
    """Runs a module operation by operation; `failed` is the first that raises such an error, and
    its inputs."""

    failed = None

    def __init__(self, module, kind):
        super().__init__(module)
        self.kind = kind

    def run_node(self, n):
        try:
            return super().run_node(n)
        except self.kind:
            self.failed = n, self.fetch_args_kwargs_from_env(n)[0]
            raise


def _of_sizes(error, node, values):
    if getattr(node.target, "__module__", None) == generated.__name__:
        return error  # of the user's own code, whose traceback tells more
    given = [(n, v) for n, v in zip(node.args, values) if isinstance(v, torch.Tensor)]
    shown = ", ".join(f"{n} of shape {tuple(v.shape)}" for n, v in given)
    return ValueError(f"{node.name} cannot be applied to {shown}: {error}")


def _outside(indices, count):
    return indices[(indices < 0) | (indices >= count)][0].item()
