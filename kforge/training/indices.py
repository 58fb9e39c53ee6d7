"""Which number is no index: torch only tells that there is one."""

import torch
from torch import fx

__all__ = ["explained"]


def explained(error, module, arguments):
    """`error`, an `IndexError` of a lowered module, as one that names index, range and mend."""
    finder = _Finder(module)
    try:
        finder.run(*arguments)
    except IndexError:
        node, args = finder.failed
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
    """Runs a module operation by operation; `failed` is the first that raises, and its inputs."""

    failed = None

    def run_node(self, n):
        try:
            return super().run_node(n)
        except IndexError:
            self.failed = n, self.fetch_args_kwargs_from_env(n)[0]
            raise


def _outside(indices, count):
    return indices[(indices < 0) | (indices >= count)][0].item()
